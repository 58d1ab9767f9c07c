/// timers.h — the timers of one loop, for both worlds: at most SLI_LOOP_LIMIT, one per (fn, ctx).
///
/// An unsorted array: a loop has a handful, and a scan of a handful beats a heap. Thread: the
/// loop's.
#pragma once

#include "env/env.h"

typedef struct sli_timer {
    int64_t at_us;
    uint64_t order; ///< of setting: ties fire in the order they were set
    sli_ready_fn fn;
    void *ctx;
} sli_timer;

typedef struct sli_timers {
    sli_timer *items;
    size_t n, capacity;
    uint64_t n_set;
} sli_timers;

/// See sli_loop_timer. Fails: SL_E_NOMEM, SL_E_INVALID when there are too many.
sl_code sli_timers_set(sli_timers *timers, int64_t at_us, sli_ready_fn fn, void *ctx,
                       sl_error *err);
int64_t sli_timers_next(const sli_timers *timers); ///< SLI_FOREVER when there is none
/// Calls and removes what is due at `now_us`, in order of time. What a callback sets waits for the
/// next round, so a timer that sets itself into the past can't keep the loop for itself.
void sli_timers_fire(sli_timers *timers, int64_t now_us);
void sli_timers_reset(sli_timers *timers);
