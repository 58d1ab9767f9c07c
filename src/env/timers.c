/// timers.c — see timers.h.
#include "env/timers.h"

#include "env/env_int.h"

static size_t timer_find(const sli_timers *timers, sli_ready_fn fn, const void *ctx)
{
    size_t i = 0;
    while (i < timers->n && !(timers->items[i].fn == fn && timers->items[i].ctx == ctx)) {
        i++;
    }
    return i;
}

static void timer_drop(sli_timers *timers, size_t i)
{
    timers->items[i] = timers->items[timers->n - 1];
    timers->n--;
}

static sl_code timers_grow(sli_timers *timers, sl_error *err)
{
    if (timers->n < timers->capacity) {
        return SL_OK;
    }
    if (timers->n >= SLI_LOOP_LIMIT) {
        return sl_error_set(err, SL_E_INVALID, "more than %d timers in one loop", SLI_LOOP_LIMIT);
    }
    size_t capacity = timers->capacity == 0 ? 8 : timers->capacity * 2;
    sli_timer *items = sl_realloc(SLI_TAG_ENV, timers->items, capacity * sizeof *items);
    if (items == NULL) {
        return sl_error_nomem(err, capacity * sizeof *items, "timers of a loop");
    }
    timers->items = items;
    timers->capacity = capacity;
    return SL_OK;
}

sl_code sli_timers_set(sli_timers *timers, int64_t at_us, sli_ready_fn fn, void *ctx, sl_error *err)
{
    size_t i = timer_find(timers, fn, ctx);
    if (at_us == SLI_FOREVER) {
        if (i < timers->n) {
            timer_drop(timers, i);
        }
        return SL_OK;
    }
    if (i == timers->n) {
        SL_TRY(timers_grow(timers, err));
        timers->n++;
    }
    timers->items[i] = (sli_timer){at_us, timers->n_set++, fn, ctx};
    return SL_OK;
}

int64_t sli_timers_next(const sli_timers *timers)
{
    int64_t next = SLI_FOREVER;
    for (size_t i = 0; i < timers->n; i++) {
        if (timers->items[i].at_us < next) {
            next = timers->items[i].at_us;
        }
    }
    return next;
}

/// The earliest due timer that was set before this round; n when there is none.
static size_t timers_due(const sli_timers *timers, int64_t now_us, uint64_t set_before)
{
    size_t best = timers->n;
    for (size_t i = 0; i < timers->n; i++) {
        const sli_timer *t = &timers->items[i];
        if (t->at_us > now_us || t->order >= set_before) {
            continue;
        }
        if (best == timers->n || t->at_us < timers->items[best].at_us ||
            (t->at_us == timers->items[best].at_us && t->order < timers->items[best].order)) {
            best = i;
        }
    }
    return best;
}

void sli_timers_fire(sli_timers *timers, int64_t now_us)
{
    uint64_t set_before = timers->n_set;
    for (;;) {
        size_t i = timers_due(timers, now_us, set_before);
        if (i == timers->n) {
            return;
        }
        sli_timer due = timers->items[i];
        timer_drop(timers, i); // first, since the callback may set itself again
        due.fn(due.ctx, 0);
    }
}

void sli_timers_reset(sli_timers *timers)
{
    sl_free(timers->items);
    *timers = (sli_timers){0};
}
