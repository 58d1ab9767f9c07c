/// times.h — the event times of a batch as a whole: most batches are in time, and then no row needs
/// a look of its own.
#pragma once

#include "stream/event/timed.h"

/// False: the batch has no rows, or some have no time.
bool sli_times_range(const sl_column *times, sli_time_range *out);
