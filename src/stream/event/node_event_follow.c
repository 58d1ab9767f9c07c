// An event time that follows others: of rows that an operator by event time has made, whose times
// no source shows. Rows pass as they are; the watermark is found from those above.
//
//     watermark = max(what it was, the least of those above - behind)
//
// Results of windows that close in an epoch have ends after the watermark of the epoch before, and
// up to that of their own. All rows of an epoch meet one watermark, so theirs is that of the epoch
// before (`after`). A pair of a join within bounds has a row that has just come, in time, and
// another that may be as much older as the bound says (`behind`).
#include "stream/event/timed.h"

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    return sli_rdd_each(rdd->deps[0].parent, partition, task, push, ctx, err);
}

static void free_nothing(sl_rdd *rdd)
{
    (void)rdd;
}

static const sli_rdd_ops follow_rdd_ops = {.name = "followTime",
                                           .compute = compute,
                                           .free = free_nothing,
                                           .keeps_empty = true,
                                           .keeps_place = true};

static sl_code follow_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err)
{
    (void)err;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(inputs[0])};
    *out = sli_rdd_new(epoch->runtime, &follow_rdd_ops, node->schema, inputs[0]->n_partitions, &dep,
                       1, node->body);
    return SL_OK;
}

static const sli_node_ops follow_ops = {
    .kind = "followTime",
    .rdd = follow_rdd,
    .free = sli_event_time_free,
    .state = sli_event_time_state,
    .every_epoch = true,
};

sli_event_time *sli_follow_of(const sl_stream *node)
{
    return node->ops == &follow_ops ? node->body : NULL;
}

int64_t sli_follow_watermark(const sli_event_time *self)
{
    int64_t least = INT64_MAX;
    for (int32_t i = 0; i < self->n_above; i++) {
        const sli_event_time *above = self->above[i];
        int64_t at_us = self->after ? above->lanes.watermark_us : above->watermark_us;
        least = at_us < least ? at_us : least;
    }
    int64_t watermark = least == SLI_NO_TIME ? SLI_NO_TIME : sli_time_add(least, -self->behind_us);
    return sli_lanes_onward(&self->lanes, watermark);
}

// ---------------------------------------------------------------- definition

static sl_code find_above(sli_event_time *self, sl_error *err)
{
    sl_graph *graph = self->node->graph;
    size_t size = ((size_t)graph->n_nodes + 1) * sizeof(sli_event_time *);
    self->above = sl_arena_alloc_zero(graph->arena, size);
    if (self->above == NULL) {
        return sl_error_nomem(err, size, "event times");
    }
    SL_TRY(sli_times_above(self->node->inputs[0], self->above, &self->n_above, err));
    for (int32_t i = 0; i < self->n_above; i++) {
        int64_t delay_us = sli_time_add(self->above[i]->delay_us, self->behind_us);
        self->delay_us = delay_us > self->delay_us ? delay_us : self->delay_us;
    }
    return SL_OK;
}

static sl_code set_args(const sli_event_time *self, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_put_columns(&text, "column", self->node->schema, &self->column, 1);
    sli_put_duration(&text, "behind", self->behind_us);
    sli_str_text(&text, self->after ? " after" : "");
    return sli_node_set_args(self->node, &text, err);
}

static sl_code resolve(sl_stream *node, const char *column, int64_t behind_us, bool after,
                       sl_error *err)
{
    sli_event_time *self = NULL;
    SL_TRY(sli_event_time_begin(node, column, &self, err));
    self->behind_us = behind_us;
    self->after = after;
    self->ahead_us = INT64_MAX; // who gave the rows has asked
    SL_TRY(find_above(self, err));
    return set_args(self, err);
}

sl_stream *sli_stream_follow_time(sl_stream *stream, const char *column, int64_t behind_us,
                                  bool after)
{
    sl_stream *node = sli_node_begin(&follow_ops, column, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, column, behind_us, after, &err);
    return sli_event_time_end(node, rc, &err);
}
