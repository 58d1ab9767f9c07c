// Streams that are silent as a whole.
//
// An operator goes by the least of the watermarks above it, so one stream that says nothing holds
// all of it back. With sl_stream_silent_after such a stream is set aside: while it lasts, its
// watermark goes on with those that it meets at operators. It is the stream's own watermark that
// moves, so what keeps watermarks in order keeps this too: it is on record in the PLAN, it is in
// the state, and it does not go back when the stream speaks again.
#include "stream/event/timed.h"

/// What the streams say that one stream meets.
typedef struct met {
    int64_t slowest_us; ///< of those that speak; INT64_MAX: none does
    int64_t fastest_us; ///< of all
} met;

static void meet_at(const sli_timed *op, const sli_event_time *self, met *out)
{
    bool there = false;
    for (int32_t i = 0; i < op->n_roots; i++) {
        there = there || op->roots[i] == self;
    }
    for (int32_t i = 0; there && i < op->n_roots; i++) {
        const sli_event_time *other = op->roots[i];
        int64_t at_us = other->watermark_us;
        out->fastest_us = at_us > out->fastest_us ? at_us : out->fastest_us;
        if (!other->silent) {
            out->slowest_us = at_us < out->slowest_us ? at_us : out->slowest_us;
        }
    }
}

/// Where a stream's watermark goes: with the slowest that speaks; when all are silent nobody holds
/// back, so with the fastest.
static int64_t lifted(const sl_graph *graph, const sli_event_time *self)
{
    met others = {INT64_MAX, self->watermark_us};
    if (!self->silent) {
        return self->watermark_us;
    }
    for (const sli_timed *op = graph->timed; op != NULL; op = op->next) {
        meet_at(op, self, &others);
    }
    int64_t to_us = others.slowest_us < INT64_MAX ? others.slowest_us : others.fastest_us;
    return to_us > self->watermark_us ? to_us : self->watermark_us;
}

void sli_lift_silent(sl_graph *graph, int64_t batch_time_us)
{
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        time->silent = sli_lanes_are_silent(&time->lanes, batch_time_us, time->silent_us);
    }
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        time->lifted_us = lifted(graph, time);
    }
    for (sli_event_time *time = graph->event_times; time != NULL; time = time->next) {
        time->watermark_us = time->lifted_us;
    }
}
