// mapWithState's RDD of an epoch, and the rows of its snapshots.
#include "stream/node_map_state.h"

const sli_rdd_ops sli_map_state_rdd_ops = {
    .name = "mapWithState", .compute = sli_map_state_compute, .free = sli_touched_free};

sl_code sli_map_state_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err)
{
    int32_t n = 0;
    sli_dep dep;
    const sli_state_def *def = sli_state_def_of(node);
    SL_TRY(sli_state_partitions(node, epoch->runtime, &n, err));
    SL_TRY(sli_keyed_dep(inputs[0], def->keys, def->n_keys, n, &dep, err));
    return sli_touched_rdd(node, epoch, &sli_map_state_rdd_ops, &dep, n, out, err);
}

// ---------------------------------------------------------------- snapshots

typedef struct snapshot {
    const sli_state_def *def;
    sli_task *task;
    sl_builder *rows;
    sli_push_fn push;
    void *ctx;
} snapshot;

static sl_code flush(const snapshot *s, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sli_task_check(s->task, err));
    SL_TRY(sli_builder_flush(s->rows, &batch, err));
    sl_code rc = batch == NULL ? SL_OK : s->push(s->ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

/// A row of the table without the time that may be before the state's columns.
static sl_code take_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    const snapshot *s = ctx;
    const sli_state_def *def = s->def;
    int64_t touched_us = 0;
    sl_bytes state = {NULL, 0};
    (void)slot;
    SL_TRY(sli_ttl_split(def, value, &touched_us, &state, err));
    SL_TRY(sli_row_get(key, s->rows, 0, def->n_keys, err));
    SL_TRY(sli_row_get(state, s->rows, def->n_keys, sl_schema_columns(def->state_schema), err));
    return sl_builder_rows(s->rows, 0) < SLI_BATCH_ROWS ? SL_OK : flush(s, err);
}

sl_code sli_map_state_give_all(const sli_touched_run *run, sli_state_view *view, sli_task *task,
                               sli_push_fn push, void *ctx, sl_error *err)
{
    snapshot s = {.def = &run->touched->def, .task = task, .push = push, .ctx = ctx};
    SL_TRY(sl_builder_new(&s.rows, s.def->row_schema, err));
    sl_code rc = view->store->ops->each(view, take_row, &s, err);
    rc = rc == SL_OK ? flush(&s, err) : rc;
    sl_builder_free(s.rows);
    return rc;
}
