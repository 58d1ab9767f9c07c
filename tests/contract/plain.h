/// plain.h — the plainest functions and graphs, for jobs whose functions do not matter.
#pragma once

#include "sluice/sluice.h"

extern const sl_foreach_fn slt_do_nothing_fn;
/// "n int64": how often the key has come, in all epochs.
extern const sl_update_fn slt_count_fn;

/// Lines of the files in "in" go to files in "out".
void slt_copy_files(sl_graph *graph);
