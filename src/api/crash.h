/// crash.h — the record of a crash inside user code: which operator, epoch and rows.
#pragma once

#include "api/host.h"

/// Lets crashes of this process be told on standard error and in CRASH of the job's checkpoint
/// directory (when it has one already or can have one made). Before the context starts.
sl_code sli_crash_record_begin(sli_host *host, sl_error *err);
void sli_crash_record_end(sli_host *host);
