// runningByKey: a row for every key that a view has, for SL_COMPLETE and snapshots.
#include "stream/node_running.h"

#include "base/hash.h"

sl_code sli_running_rows(const sl_stream *node, const sl_batch *keys, const sl_batch *results,
                         sl_batch **out, sl_error *err)
{
    const sli_running_body *body = node->body;
    int32_t n = sl_schema_columns(node->schema);
    const sl_batch **from = sl_alloc_array(SLI_TAG_STREAM, (size_t)n, sizeof *from);
    int32_t *column = sl_alloc_array(SLI_TAG_STREAM, (size_t)n, sizeof *column);
    for (int32_t i = 0; i < n && from != NULL && column != NULL; i++) {
        bool is_key = i < body->n_keys;
        from[i] = is_key ? keys : results;
        column[i] = is_key ? i : i - body->n_keys;
    }
    sl_code rc = from == NULL || column == NULL
                     ? sl_error_nomem(err, (size_t)n * sizeof *from, "columns")
                     : sli_batch_project(node->schema, from, column, out, err);
    sl_free(from);
    sl_free(column);
    return rc;
}

/// Rows that are gathered before they are pushed.
typedef struct giving {
    const sl_stream *node;
    const sli_running_body *body;
    sli_task *task;
    sli_aggs *aggs;
    sl_args args;
    sl_builder *keys, *states, *results;
    int32_t n;
    sli_push_fn push;
    void *ctx;
} giving;

static sl_code finish(giving *g, const sl_batch *states, sl_batch **results, sl_error *err)
{
    sli_aggs_clear(g->aggs);
    SL_TRY(sli_aggs_grow(g->aggs, g->n, err));
    SL_TRY(sli_aggs_merge(g->aggs, g->body->numbers, states, err));
    SL_TRY(sli_aggs_finish(g->aggs, 0, g->n, g->results, err));
    return sl_builder_finish(g->results, results, err);
}

static sl_code flush(giving *g, sl_error *err)
{
    sl_batch *keys = NULL, *states = NULL, *results = NULL, *out = NULL;
    if (g->n == 0) {
        return SL_OK;
    }
    sl_code rc = sli_task_check(g->task, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(g->keys, &keys, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(g->states, &states, err);
    rc = rc != SL_OK ? rc : finish(g, states, &results, err);
    rc = rc != SL_OK ? rc : sli_running_rows(g->node, keys, results, &out, err);
    rc = rc != SL_OK ? rc : g->push(g->ctx, out, err);
    sl_batch_unref(keys);
    sl_batch_unref(states);
    sl_batch_unref(results);
    sl_batch_unref(out);
    g->n = 0;
    return rc;
}

/// A key whose time is over counts as gone, also where nobody has looked for it yet.
static sl_code take_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    giving *g = ctx;
    const sli_state_def *def = &g->body->touched.def;
    int64_t touched_us = 0;
    sl_bytes state = {NULL, 0};
    (void)slot;
    SL_TRY(sli_ttl_split(def, value, &touched_us, &state, err));
    if (sli_ttl_is_over(def, touched_us, g->task->time_us)) {
        return SL_OK;
    }
    SL_TRY(sli_row_get(key, g->keys, 0, def->n_keys, err));
    SL_TRY(sli_row_get(state, g->states, 0, sl_schema_columns(def->state_schema), err));
    g->n++;
    return g->n < SLI_BATCH_ROWS ? SL_OK : flush(g, err);
}

static sl_code open_giving(giving *g, sl_error *err)
{
    const sl_stream *node = g->node;
    SL_TRY(
        sli_task_args(g->task, NULL, sli_hash64(node->uid, strlen(node->uid)), 0, &g->args, err));
    SL_TRY(sli_aggs_new(&g->aggs, g->body->states, &g->args, err));
    SL_TRY(sl_builder_new(&g->keys, g->body->touched.def.key_schema, err));
    SL_TRY(sl_builder_new(&g->states, sli_agg_plan_partial(g->body->states), err));
    return sl_builder_new(&g->results, sli_agg_plan_result(g->body->states), err);
}

sl_code sli_running_give_all(const sli_touched_run *run, sli_state_view *view, sli_task *task,
                             sli_push_fn push, void *ctx, sl_error *err)
{
    giving g = {.node = run->node, .body = run->node->body, .task = task, .push = push, .ctx = ctx};
    sl_code rc = open_giving(&g, err);
    rc = rc != SL_OK ? rc : view->store->ops->each(view, take_row, &g, err);
    rc = rc != SL_OK ? rc : flush(&g, err);
    sli_aggs_free(g.aggs);
    sl_builder_free(g.keys);
    sl_builder_free(g.states);
    sl_builder_free(g.results);
    return rc;
}
