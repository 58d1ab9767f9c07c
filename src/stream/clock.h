/// clock.h — the epoch clock: when an epoch is due and what its batch time is.
///
/// Batch times are multiples of the interval since 1970, as Spark's: the first epoch's is the first
/// multiple after the start, and epoch T covers what came in (T - interval, T]. The clock follows
/// the monotonic clock from a wall time read once, so a wall clock that jumps neither skips nor
/// repeats a batch time.
///
/// An engine that is late runs its epochs back to back, each with its own batch time (Spark's
/// rule). After an outage the missed intervals become one epoch, unless `catch_up` asks for Spark's
/// one per interval.
#pragma once

#include "env/env.h"

typedef struct sli_clock {
    int64_t interval_us;
    int64_t offset_us;    ///< wall minus mono, read once
    int64_t next_time_us; ///< batch time of the next epoch
} sli_clock;

/// `last_time_us`: batch time of the last epoch of an earlier life, 0 for none.
void sli_clock_init(sli_clock *clock, sl_env *env, int64_t interval_us, int64_t last_time_us,
                    bool catch_up);
/// Mono time at which the next epoch is due.
int64_t sli_clock_due_us(const sli_clock *clock);
/// The next epoch has begun.
void sli_clock_tick(sli_clock *clock);
