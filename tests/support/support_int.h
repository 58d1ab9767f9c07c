/// support_int.h — what main.c needs from the other files of tests/support.
#pragma once

/// Ends the running test's directory: removes it when the test passed, else keeps and names it on
/// stderr.
void slt_temp_dir_end(_Bool passed);

/// Since the program began.
int slt_threads_started(void);
