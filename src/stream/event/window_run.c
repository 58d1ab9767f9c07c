// Windows of event time: the work of one task.
//
//   1. windows that close leave the table, and are given (append)
//   2. the epoch's partial states are merged behind what the table has of their windows
//   3. what came of it is put back, and given (update)
//
// No row of the epoch is in a window that closes: sift and spread have left those out.
#include "stream/event/gather.h"
#include "stream/event/window.h"

/// Pushes the results of rows of the partial schema, each a window and key of its own.
static sl_code give(sli_timed_task *t, const sl_batch *partial, sl_error *err)
{
    int64_t n = sl_batch_rows(partial);
    const int64_t *starts = sl_batch_column(partial, 0)->values;
    int64_t *ends = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, sizeof *ends);
    if (ends == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *ends, "ends of windows");
    }
    for (int64_t i = 0; i < n; i++) {
        ends[i] = starts[i] + sli_window_of(t->self)->size_us;
    }
    sl_code rc = sli_timed_give(t, partial, 1, starts, ends, err);
    sl_free(ends);
    return rc;
}

// ---------------------------------------------------------------- what the epoch has brought

/// The windows of one task: a group is a window and key.
typedef struct taking {
    sli_timed_task *task;
    sli_gather rows; ///< partial states
    sli_aggs *aggs;
    bool *known; ///< by group: the table has it
    sli_str key, value;
} taking;

static sl_code put_key(taking *g, const sl_batch *rows, int64_t row, sl_bytes *out, sl_error *err)
{
    sli_str_clear(&g->key);
    sli_row_put(&g->key, rows, g->task->self->places, g->task->self->n_keys, row);
    *out = (sl_bytes){g->key.data, g->key.size};
    return sli_str_check(&g->key, "a window's key", err);
}

/// Groups [from, from + n): their states in the table, as rows of the partial schema in `old`, and
/// which groups those are.
static sl_code find_known(taking *g, int64_t from, int64_t n, sl_builder *keys, sl_builder *old,
                          int32_t *old_group, int32_t *n_old, sl_error *err)
{
    const sli_timed *self = g->task->self;
    sl_batch *rows = NULL;
    SL_TRY(sli_groups_keys(g->rows.groups, from, n, keys, 0, err));
    SL_TRY(sl_builder_finish(keys, &rows, err));
    const uint64_t *hashes = sli_groups_hashes(g->rows.groups);
    sl_code rc = SL_OK;
    for (int64_t i = 0; i < n && rc == SL_OK; i++) {
        sl_bytes key = {0}, value = {0};
        bool *found = &g->known[from + i];
        rc = put_key(g, rows, i, &key, err);
        rc = rc != SL_OK ? rc : sli_timed_find(g->task, hashes[from + i], key, &value, found, err);
        if (rc == SL_OK && *found) {
            old_group[(*n_old)++] = (int32_t)(from + i);
            rc = sli_row_get(key, old, 0, self->n_keys, err);
            rc = rc != SL_OK ? rc
                             : sli_row_get(value, old, self->n_keys,
                                           sl_schema_columns(self->value_schema), err);
        }
    }
    sl_batch_unref(rows);
    return rc;
}

/// What the table has comes first: its rows came before.
static sl_code merge_known(taking *g, int64_t from, int64_t n, sl_builder *keys, sl_builder *old,
                           sl_error *err)
{
    int32_t old_group[SLI_BATCH_ROWS], n_old = 0;
    sl_batch *batch = NULL;
    SL_TRY(find_known(g, from, n, keys, old, old_group, &n_old, err));
    SL_TRY(sl_builder_finish(old, &batch, err));
    sl_code rc = n_old == 0 ? SL_OK : sli_aggs_merge(g->aggs, old_group, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code merge_all_known(taking *g, int64_t n, sl_error *err)
{
    const sli_timed *self = g->task->self;
    sl_builder *keys = NULL, *old = NULL;
    sl_code rc = sl_builder_new(&keys, self->key_schema, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&old, self->row_schema, err);
    for (int64_t from = 0; from < n && rc == SL_OK; from += SLI_BATCH_ROWS) {
        int64_t some = n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS;
        rc = sli_task_check(g->task->task, err);
        rc = rc != SL_OK ? rc : merge_known(g, from, some, keys, old, err);
    }
    sl_builder_free(keys);
    sl_builder_free(old);
    return rc;
}

static sl_code merge_new(taking *g, sl_error *err)
{
    const int32_t *group = g->rows.group_of;
    const sli_rows *rows = &g->rows.rows;
    for (int32_t i = 0; i < rows->n; i++) {
        SL_TRY(sli_aggs_merge(g->aggs, group, rows->batches[i], err));
        group += sl_batch_rows(rows->batches[i]);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- into the table

static sl_code put_row(taking *g, const sl_batch *rows, int64_t row, int64_t group, sl_error *err)
{
    sli_timed_task *t = g->task;
    const sli_timed *self = t->self;
    uint64_t hash = sli_groups_hashes(g->rows.groups)[group];
    sl_bytes key = {0};
    SL_TRY(put_key(g, rows, row, &key, err));
    sli_str_clear(&g->value);
    sli_row_put(&g->value, rows, self->places + self->n_keys, sl_schema_columns(self->value_schema),
                row);
    SL_TRY(sli_str_check(&g->value, "a window's state", err));
    SL_TRY(sli_timed_put(t, hash, key, (sl_bytes){g->value.data, g->value.size}, err));
    return g->known[group] ? SL_OK
                           : sli_timed_note(t, self->ops->due(self, rows, row), hash, key, err);
}

static sl_code put_groups(taking *g, int64_t from, int64_t n, sl_builder *builder, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_groups_keys(g->rows.groups, from, n, builder, 0, err));
    SL_TRY(sli_aggs_partial(g->aggs, from, n, builder, err));
    SL_TRY(sl_builder_finish(builder, &rows, err));
    sl_code rc = SL_OK;
    for (int64_t i = 0; i < n && rc == SL_OK; i++) {
        rc = put_row(g, rows, i, from + i, err);
    }
    if (rc == SL_OK && g->task->self->mode == SL_UPDATE) {
        rc = give(g->task, rows, err);
    }
    sl_batch_unref(rows);
    return rc;
}

static sl_code put_all(taking *g, int64_t n, sl_error *err)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, sli_agg_plan_partial(g->task->self->plan), err));
    sl_code rc = SL_OK;
    for (int64_t from = 0; from < n && rc == SL_OK; from += SLI_BATCH_ROWS) {
        int64_t some = n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS;
        rc = sli_task_check(g->task->task, err);
        rc = rc != SL_OK ? rc : put_groups(g, from, some, builder, err);
    }
    sl_builder_free(builder);
    return rc;
}

static sl_code take_groups(taking *g, sl_error *err)
{
    int64_t n = sli_groups_count(g->rows.groups);
    g->known = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, sizeof *g->known);
    if (g->known == NULL) {
        return sl_error_nomem(err, (size_t)n, "windows");
    }
    SL_TRY(sli_aggs_new(&g->aggs, g->task->self->plan, &g->task->args, err));
    SL_TRY(sli_aggs_grow(g->aggs, n, err));
    SL_TRY(merge_all_known(g, n, err));
    SL_TRY(merge_new(g, err));
    return put_all(g, n, err);
}

static sl_code take_epoch(sli_timed_task *t, sl_error *err)
{
    taking g = {.task = t,
                .rows = {.task = t, .keys = t->self->places},
                .key = {.tag = SLI_TAG_STREAM},
                .value = {.tag = SLI_TAG_STREAM}};
    sl_code rc = sli_gather_all(&g.rows, err);
    if (rc == SL_OK && sli_gather_keys(&g.rows) > 0) {
        rc = take_groups(&g, err);
    }
    sli_gather_reset(&g.rows);
    sli_aggs_free(g.aggs);
    sl_free(g.known);
    sli_str_reset(&g.key);
    sli_str_reset(&g.value);
    return rc;
}

// ---------------------------------------------------------------- windows that close

/// Takes one window out of the table, into `rows`.
static sl_code close_window(sli_timed_task *t, const sli_due_key *due, sl_builder *rows,
                            sl_error *err)
{
    const sli_timed *self = t->self;
    uint64_t hash = sli_hash_of_slot(due->slot);
    sl_bytes key = {due->key, due->size}, value = {0};
    bool found = false;
    SL_TRY(sli_timed_find(t, hash, key, &value, &found, err));
    if (!found) {
        return SL_OK;
    }
    SL_TRY(sli_row_get(key, rows, 0, self->n_keys, err));
    SL_TRY(sli_row_get(value, rows, self->n_keys, sl_schema_columns(self->value_schema), err));
    return sli_timed_remove(t, hash, key, err);
}

static sl_code give_closed(sli_timed_task *t, sl_builder *builder, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_builder_flush(builder, &rows, err));
    sl_code rc = rows == NULL || t->self->mode == SL_UPDATE ? SL_OK : give(t, rows, err);
    sl_batch_unref(rows);
    return rc;
}

static sl_code close_due(sli_timed_task *t, sl_error *err)
{
    const sli_due_key *const *due = NULL;
    int32_t n = 0;
    sl_builder *builder = NULL;
    SL_TRY(sli_timed_due(t, &due, &n, err));
    SL_TRY(sl_builder_new(&builder, sli_agg_plan_partial(t->self->plan), err));
    sl_code rc = SL_OK;
    for (int32_t i = 0; i < n && rc == SL_OK; i++) {
        rc = close_window(t, due[i], builder, err);
        if (rc == SL_OK && (i + 1) % SLI_BATCH_ROWS == 0) {
            rc = sli_task_check(t->task, err);
            rc = rc != SL_OK ? rc : give_closed(t, builder, err);
        }
    }
    rc = rc != SL_OK ? rc : give_closed(t, builder, err);
    sl_builder_free(builder);
    return rc;
}

sl_code sli_window_run(sli_timed_task *t, sl_error *err)
{
    SL_TRY(close_due(t, err)); // no row of this epoch is in one of them
    return take_epoch(t, err);
}
