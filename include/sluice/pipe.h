/// pipe.h — partitions through programs: Spark's pipe.
#pragma once

#include "sluice/rdd.h"

SL_BEGIN_DECLS

/// Runs a program for each partition, also for an empty one. Each row, one column of text, is a
/// line of its standard input, ended by "\n"; each line of its standard output is a row "line
/// string". `command` and `variables` ("NAME=value OTHER='a b'", NULL: none; they go before those
/// of this process) are words between blanks; what stands in '...' or "..." is taken as it is, and
/// may have blanks. The program is looked up in PATH. No shell sees it: "sh -c '...'" asks for one.
///
/// Both directions flow at once, so a program may write before it has read all, and no partition
/// has to fit memory. One that does not read all of its input is fine, as in a shell. When the task
/// ends before it (a cancel, an error elsewhere), the program and what it started are ended by
/// SIGKILL. Fails: SL_E_INVALID for a wrong command or other columns; the action: SL_E_USER for an
/// exit code other than 0, with the end of what it wrote to standard error; SL_E_DATA for a null,
/// and for a line that is not UTF-8 or longer than 64 MiB; SL_E_NOT_FOUND.
SL_API sl_rdd *sl_rdd_pipe(sl_rdd *rdd, const char *command, const char *variables);

SL_END_DECLS
