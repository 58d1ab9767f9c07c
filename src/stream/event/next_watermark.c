// What the watermark of the next epoch will not be before, told while an epoch runs: so that an
// operator need not keep what will be due at the next epoch's begin.
//
// Why it holds. When the next epoch is planned, an event time that watches rows goes by the slowest
// of its lanes that are not idle (watermark.h). Those lanes are the ones that were there when this
// epoch was planned, and those that show themselves in it; each has shown what it had, or what it
// shows in this epoch, whichever is later. So
//
//     next >= min over all these lanes of max(shown before, shown in this epoch) - delay
//
// and it is not before this epoch's watermark. What may yet happen only lifts it: a lane that is
// idle by then is left out of the least; when all are idle, or set aside, the latest of them
// counts, which no lane is behind; a stream that is silent as a whole is lifted. A lane that first
// comes in the next epoch is too late for that epoch's plan.
//
// An event time that follows others is found from theirs as its own watermark will be: `after`
// means their watermarks of this epoch, which are known.
//
// A task knows it when all partitions of the rows' RDD have run, as they have when it reads behind
// a shuffle. If not, or the RDD is another one (rows of a window, of an epoch without input), it
// goes by this epoch's watermark. What it leaves out of the state is different then, what it gives
// is not.
//
// Over a restart. An epoch that is on record is planned with the watermark on record, which was
// found from the same rows; the next one from lanes in the state. But the job may come back with a
// longer delay, by which the next watermark would be before what was promised, and rows that were
// left out would be missed. So the promise itself is in the state (track.c), and watermarks keep
// it.
#include "stream/event/timed.h"

typedef struct next_time {
    const sli_event_time *time;
    sl_rdd *rdd;          ///< one reference; NULL: none in this epoch
    int64_t watermark_us; ///< of this epoch
    int64_t slowest_us;   ///< of the lanes before it
} next_time;

struct sli_next {
    int32_t n;
    next_time times[];
};

static int32_t count_times(const sl_graph *graph)
{
    int32_t n = 0;
    for (const sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        n++;
    }
    return n;
}

sl_code sli_next_new(sli_next **out, const sl_graph *graph, sli_epoch *epoch, sl_error *err)
{
    size_t size = sizeof(sli_next) + (size_t)count_times(graph) * sizeof(next_time);
    sli_next *next = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (next == NULL) {
        return sl_error_nomem(err, size, "watermarks");
    }
    for (const sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        sl_rdd *rdd = epoch->made[time->node->index];
        next->times[next->n++] = (next_time){.time = time,
                                             .rdd = rdd == NULL ? NULL : sl_rdd_ref(rdd),
                                             .watermark_us = time->watermark_us,
                                             .slowest_us = sli_lanes_slowest(&time->lanes)};
    }
    *out = next;
    return SL_OK;
}

void sli_next_free(sli_next *next)
{
    for (int32_t i = 0; next != NULL && i < next->n; i++) {
        sl_rdd_unref(next->times[i].rdd);
    }
    sl_free(next);
}

static const next_time *find_time(const sli_next *next, const sli_event_time *time)
{
    int32_t i = 0;
    while (i < next->n && next->times[i].time != time) {
        i++;
    }
    SL_ASSERT(i < next->n, "an event time of the graph");
    return &next->times[i];
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/// `delay` before the slowest lane; SLI_NO_TIME without lanes.
static int64_t before_slowest(const sli_event_time *time, int64_t slowest_us)
{
    return slowest_us == INT64_MAX ? SLI_NO_TIME : sli_time_add(slowest_us, -time->delay_us);
}

/// Of one that watches rows.
static int64_t next_of_lanes(const next_time *of)
{
    int64_t least_us = 0;
    if (of->rdd == NULL) {
        return of->watermark_us;
    }
    if (of->rdd->is_empty) {
        least_us = of->slowest_us;
    } else if (!sli_event_time_shown(of->rdd, &least_us)) {
        return of->watermark_us;
    }
    return later(of->watermark_us, before_slowest(of->time, least_us));
}

// Recursion is as deep as followers follow one another, which the graph's size bounds.
int64_t sli_next_watermark(const sli_next *next, const sli_event_time *time)
{
    const next_time *of = find_time(next, time);
    int64_t least_us = INT64_MAX;
    if (time->above == NULL) {
        return next_of_lanes(of);
    }
    for (int32_t i = 0; i < time->n_above; i++) {
        int64_t at_us = time->after ? find_time(next, time->above[i])->watermark_us
                                    : sli_next_watermark(next, time->above[i]);
        least_us = at_us < least_us ? at_us : least_us;
    }
    bool known = least_us != SLI_NO_TIME && least_us != INT64_MAX;
    return known ? later(of->watermark_us, sli_time_add(least_us, -time->behind_us))
                 : of->watermark_us;
}

int64_t sli_timed_next_watermark(const sli_timed_task *t)
{
    int64_t least_us = INT64_MAX;
    if (t->next == NULL) {
        return t->watermark_us;
    }
    for (int32_t i = 0; i < t->self->n_times; i++) {
        int64_t at_us = sli_next_watermark(t->next, t->self->times[i]);
        least_us = at_us < least_us ? at_us : least_us;
    }
    return later(t->watermark_us, least_us);
}

// ---------------------------------------------------------------- the promise

/// Of one that follows others: the same from what they promise.
static int64_t promise_of_follower(const sli_event_time *time)
{
    int64_t least_us = INT64_MAX;
    for (int32_t i = 0; i < time->n_above; i++) {
        const sli_event_time *above = time->above[i];
        int64_t at_us = time->after ? above->watermark_us : above->promised_us;
        least_us = at_us < least_us ? at_us : least_us;
    }
    return least_us == SLI_NO_TIME ? SLI_NO_TIME : sli_time_add(least_us, -time->behind_us);
}

/// Followers stand behind those they follow.
void sli_promise_all(sl_graph *graph)
{
    for (int32_t i = 0; graph->event_times != NULL && i < graph->n_nodes; i++) {
        sli_event_time *time = sli_event_time_of(graph->nodes[i]);
        if (time != NULL && time->promises) {
            int64_t at_us = time->above == NULL
                                ? before_slowest(time, sli_lanes_slowest(&time->lanes))
                                : promise_of_follower(time);
            time->promised_us = later(later(time->promised_us, at_us), time->watermark_us);
        }
    }
}
