// mapWithState: the work of one task, which owns one partition of the state.
//
//   1. records come in order of arrival, a batch at a time; the states of their keys are found
//   2. the function is called for the batch, and its rows are pushed
//   3. what has changed is put into the view: at the end, or, where the input is known to have each
//      key once, after each batch
//   4. keys that were idle for too long are given to the function once more and removed
//
// The view starts from the state after the last completed epoch, so a task that runs again gives
// the same rows and the same changes. Nothing here goes through the keys that have no record.
#include "stream/node_map_state_work.h"

#include "base/hash.h"

// ---------------------------------------------------------------- a batch

/// Columns of one batch under another schema.
static sl_code project(sli_map_work *w, const sl_batch *batch, const sl_schema *schema,
                       const int32_t *columns, sl_batch **out, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        w->from[i] = batch;
    }
    return sli_batch_project(schema, w->from, columns, out, err);
}

static sl_code take_records(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_map_work *w = ctx;
    const sli_state_def *def = &w->body->touched.def;
    sl_batch *keys = NULL, *values = NULL;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    SL_TRY(sli_task_check(w->task, err));
    SL_TRY(sli_map_work_find(w, batch, err));
    SL_TRY(project(w, batch, def->key_schema, def->keys, &keys, err));
    sl_code rc = project(w, batch, def->value_schema, def->values, &values, err);
    if (rc == SL_OK) {
        sl_map_state_call call = sli_map_work_call_of(w, sl_batch_rows(batch), keys);
        call.values = values;
        rc = sli_map_work_call(w, &call, err);
        rc = rc == SL_OK && w->is_once ? sli_map_work_put(w, call.n, err) : rc;
        w->n_before += call.n;
    }
    sl_batch_unref(keys);
    sl_batch_unref(values);
    return rc;
}

// ---------------------------------------------------------------- the task

/// The numbers that a function draws belong to its own RDD's partition.
static sl_code make_args(sli_map_work *w, sl_error *err)
{
    const char *uid = w->run->node->uid;
    int32_t partition = w->task->partition;
    w->task->partition = w->partition;
    sl_code rc = sli_task_args(w->task, w->body->touched.def.args, sli_hash64(uid, strlen(uid)), 0,
                               &w->args, err);
    w->task->partition = partition;
    return rc;
}

static sl_code open_work(sli_map_work *w, sl_error *err)
{
    const sl_stream *node = w->run->node;
    const sli_state_def *def = &w->body->touched.def;
    int32_t n = sl_schema_columns(w->rdd->schema) + sl_schema_columns(node->inputs[0]->schema);
    w->log.memory = w->task->arena;
    w->from = sl_arena_alloc(w->task->arena, (size_t)n * sizeof *w->from);
    w->column = sl_arena_alloc(w->task->arena, (size_t)n * sizeof *w->column);
    if (w->from == NULL || w->column == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *w->from, "columns");
    }
    SL_TRY(sl_builder_new(&w->out, w->body->made_schema, err));
    sli_builder_ask_origins(w->out);
    SL_TRY(sl_builder_new(&w->idle_keys, def->key_schema, err));
    w->is_once = sli_is_unique_by(w->rdd->deps[0].parent, def->keys, def->n_keys) &&
                 w->rdd->deps[0].kind == SLI_DEP_NARROW;
    SL_TRY(sli_groups_new(&w->groups, node->inputs[0]->schema, def->keys, def->n_keys, err));
    SL_TRY(make_args(w, err));
    return sli_map_work_store(w)->begin(node->store, node->table, w->run->epoch, w->partition,
                                        w->rdd->n_partitions, &w->view, err);
}

static void close_work(sli_map_work *w)
{
    sli_budget_release(w->task->runtime->budget, w->weight);
    sli_groups_free(w->groups);
    sl_free(w->rows);
    sl_free(w->marks);
    sl_free(w->keys);
    sl_free(w->hashes);
    sl_free(w->key_rows);
    sli_str_reset(&w->key_bytes);
    sl_free(w->row_of);
    sl_free(w->origins);
    sl_builder_free(w->out);
    sl_builder_free(w->idle_keys);
    sli_str_reset(&w->value);
    sli_str_reset(&w->idle);
    sli_map_work_store(w)->drop(w->view);
}

sl_code sli_map_state_compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    sli_touched_run *run = rdd->body;
    SL_TRY(sli_state_check_open(run->node, run, run->epoch, err));
    sli_map_work w = {.run = run,
                      .body = run->node->body,
                      .rdd = rdd,
                      .partition = partition,
                      .task = task,
                      .push = push,
                      .ctx = ctx};
    w.value.tag = w.key_bytes.tag = w.idle.tag = SLI_TAG_STREAM;
    sl_code rc = open_work(&w, err);
    if (rc == SL_OK) {
        rc = sli_dep_each(rdd, 0, partition, task, take_records, &w, err);
    }
    if (rc == SL_OK && !w.is_once) {
        rc = sli_map_work_put(&w, sli_groups_count(w.groups), err);
    }
    if (rc == SL_OK) {
        rc = sli_map_work_end_idle(&w, err);
    }
    if (rc == SL_OK) {
        sli_touched_keep(rdd, partition, &w.view, w.oldest);
    }
    close_work(&w);
    return rc;
}
