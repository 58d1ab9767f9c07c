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
    sl_code rc = sli_timed_give(t, partial, NULL, 1, starts, ends, err);
    sl_free(ends);
    return rc;
}

// ---------------------------------------------------------------- what the epoch has brought

/// Where a group lies, and what the table told of it; mark 0: it is new.
typedef struct origin {
    uint64_t hash, key_hash, mark;
} origin;

/// The windows of one task: a group is a window and key.
typedef struct taking {
    sli_timed_task *task;
    sli_gather rows; ///< partial states
    sli_aggs *aggs;
    origin *origins; ///< by group
    sli_str keys, values;
} taking;

/// Groups that the table has: rows of the partial schema in `rows`, and which groups those are.
typedef struct known_groups {
    sl_builder *keys, *rows;
    int32_t group[SLI_TOGETHER], n;
} known_groups;

/// The keys of groups [from, from + n), in g->keys.
static sl_code list_keys(taking *g, int64_t from, int32_t n, sl_builder *builder,
                         sli_state_key *out, sl_error *err)
{
    const sli_timed *self = g->task->self;
    uint64_t hashes[SLI_TOGETHER];
    sl_bytes bytes[SLI_TOGETHER];
    sl_batch *rows = NULL;
    SL_TRY(sli_groups_keys(g->rows.groups, from, n, builder, 0, err));
    SL_TRY(sl_builder_finish(builder, &rows, err));
    sli_str_clear(&g->keys);
    sli_rows_put(&g->keys, rows, self->places, self->n_keys, 0, n, bytes);
    if (self->first_placing > 0) {
        sli_batch_hash(rows, self->places + self->first_placing, self->n_keys - self->first_placing,
                       hashes);
    } else {
        memcpy(hashes, sli_groups_hashes(g->rows.groups) + from, (size_t)n * sizeof *hashes);
    }
    sl_batch_unref(rows);
    SL_TRY(sli_str_check(&g->keys, "keys of windows", err));
    for (int32_t i = 0; i < n; i++) {
        out[i] = (sli_state_key){hashes[i], bytes[i]};
    }
    return SL_OK;
}

static sl_code find_known(taking *g, int64_t from, int32_t n, known_groups *out, sl_error *err)
{
    const sli_timed *self = g->task->self;
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    sl_bytes key[SLI_TOGETHER], value[SLI_TOGETHER];
    SL_TRY(list_keys(g, from, n, out->keys, keys, err));
    SL_TRY(sli_together_find(g->task->view, keys, n, found, &g->values, err));
    out->n = 0;
    for (int32_t i = 0; i < n; i++) {
        g->origins[from + i] = (origin){keys[i].hash, found[i].key_hash, found[i].mark};
        if (found[i].mark != 0) {
            key[out->n] = keys[i].key;
            value[out->n] = found[i].value;
            out->group[out->n++] = (int32_t)(from + i);
        }
    }
    SL_TRY(sli_rows_get(key, out->n, out->rows, 0, self->n_keys, err));
    return sli_rows_get(value, out->n, out->rows, self->n_keys,
                        sl_schema_columns(self->value_schema), err);
}

/// What the table has comes first: its rows came before.
static sl_code merge_known(taking *g, int64_t from, int32_t n, known_groups *known, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(find_known(g, from, n, known, err));
    SL_TRY(sli_builder_flush(known->rows, &batch, err));
    sl_code rc = batch == NULL ? SL_OK : sli_aggs_merge(g->aggs, known->group, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code merge_all_known(taking *g, int64_t n, sl_error *err)
{
    const sli_timed *self = g->task->self;
    known_groups known = {0};
    sl_code rc = sl_builder_new(&known.keys, self->key_schema, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&known.rows, self->row_schema, err);
    for (int64_t from = 0; from < n && rc == SL_OK; from += SLI_TOGETHER) {
        int64_t some = n - from < SLI_TOGETHER ? n - from : SLI_TOGETHER;
        rc = sli_task_check(g->task->task, err);
        rc = rc != SL_OK ? rc : merge_known(g, from, (int32_t)some, &known, err);
    }
    sl_builder_free(known.keys);
    sl_builder_free(known.rows);
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

/// The groups from `group` on, of which rows [from, from + n) are.
static sl_code put_rows(taking *g, const sl_batch *rows, int64_t from, int32_t n, int64_t group,
                        sl_error *err)
{
    const sli_timed *self = g->task->self;
    const origin *origins = g->origins + group;
    sl_bytes key[SLI_TOGETHER], value[SLI_TOGETHER];
    sli_state_change changes[SLI_TOGETHER];
    sli_str_clear(&g->keys);
    sli_str_clear(&g->values);
    sli_rows_put(&g->keys, rows, self->places, self->n_keys, from, n, key);
    sli_rows_put(&g->values, rows, self->places + self->n_keys,
                 sl_schema_columns(self->value_schema), from, n, value);
    SL_TRY(sli_str_check(&g->keys, "keys of windows", err));
    SL_TRY(sli_str_check(&g->values, "states of windows", err));
    for (int32_t i = 0; i < n; i++) {
        changes[i] = (sli_state_change){.act = SLI_STATE_PUT,
                                        .hash = origins[i].hash,
                                        .key_hash = origins[i].key_hash,
                                        .mark = origins[i].mark,
                                        .key = key[i],
                                        .value = value[i]};
        if (origins[i].mark == 0) {
            int64_t due_us = self->ops->due(self, rows, from + i);
            SL_TRY(sli_timed_note(g->task, due_us, origins[i].hash, key[i], err));
        }
    }
    return sli_together_change(g->task->view, changes, n, err);
}

static sl_code put_groups(taking *g, int64_t from, int64_t n, sl_builder *builder, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_groups_keys(g->rows.groups, from, n, builder, 0, err));
    SL_TRY(sli_aggs_partial(g->aggs, from, n, builder, err));
    SL_TRY(sl_builder_finish(builder, &rows, err));
    sl_code rc = SL_OK;
    for (int64_t at = 0; at < n && rc == SL_OK; at += SLI_TOGETHER) {
        int64_t some = n - at < SLI_TOGETHER ? n - at : SLI_TOGETHER;
        rc = put_rows(g, rows, at, (int32_t)some, from + at, err);
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
    g->origins = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, sizeof *g->origins);
    if (g->origins == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *g->origins, "windows");
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
                .keys = {.tag = SLI_TAG_STREAM},
                .values = {.tag = SLI_TAG_STREAM}};
    sl_code rc = sli_gather_all(&g.rows, err);
    if (rc == SL_OK && sli_gather_keys(&g.rows) > 0) {
        rc = take_groups(&g, err);
    }
    sli_gather_reset(&g.rows);
    sli_aggs_free(g.aggs);
    sl_free(g.origins);
    sli_str_reset(&g.keys);
    sli_str_reset(&g.values);
    return rc;
}

// ---------------------------------------------------------------- windows that close

/// The index may name a key twice; it is in order.
static bool is_named_again(const sli_due_key *due, const sli_due_key *before)
{
    return due->at_us == before->at_us && due->size == before->size &&
           memcmp(due->key, before->key, due->size) == 0;
}

/// Takes windows out of the table, into `rows`.
static sl_code close_windows(sli_timed_task *t, const sli_state_key *keys, int32_t n,
                             sl_builder *rows, sli_str *copies, sl_error *err)
{
    const sli_timed *self = t->self;
    sli_state_found found[SLI_TOGETHER];
    sli_state_change changes[SLI_TOGETHER];
    sl_bytes key[SLI_TOGETHER], value[SLI_TOGETHER];
    int32_t n_found = 0;
    SL_TRY(sli_together_find(t->view, keys, n, found, copies, err));
    for (int32_t i = 0; i < n; i++) {
        if (found[i].mark != 0) {
            changes[n_found] = (sli_state_change){.act = SLI_STATE_REMOVE,
                                                  .hash = keys[i].hash,
                                                  .key_hash = found[i].key_hash,
                                                  .mark = found[i].mark,
                                                  .key = keys[i].key};
            key[n_found] = keys[i].key;
            value[n_found++] = found[i].value;
        }
    }
    SL_TRY(sli_rows_get(key, n_found, rows, 0, self->n_keys, err));
    SL_TRY(sli_rows_get(value, n_found, rows, self->n_keys, sl_schema_columns(self->value_schema),
                        err));
    return sli_together_change(t->view, changes, n_found, err);
}

static sl_code give_closed(sli_timed_task *t, sl_builder *builder, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_builder_flush(builder, &rows, err));
    sl_code rc = rows == NULL || t->self->mode == SL_UPDATE ? SL_OK : give(t, rows, err);
    sl_batch_unref(rows);
    return rc;
}

/// Windows [from, from + n) of what is due.
static sl_code close_some(sli_timed_task *t, const sli_due_key *const *due, int32_t from, int32_t n,
                          sl_builder *builder, sli_str *copies, sl_error *err)
{
    sli_state_key keys[SLI_TOGETHER];
    int32_t n_keys = 0;
    for (int32_t i = from; i < from + n; i++) {
        if (i == 0 || !is_named_again(due[i], due[i - 1])) {
            keys[n_keys++] =
                (sli_state_key){sli_hash_of_slot(due[i]->slot), {due[i]->key, due[i]->size}};
        }
    }
    SL_TRY(close_windows(t, keys, n_keys, builder, copies, err));
    if ((from + n) % SLI_BATCH_ROWS != 0) {
        return SL_OK;
    }
    SL_TRY(sli_task_check(t->task, err));
    return give_closed(t, builder, err);
}

static sl_code close_due(sli_timed_task *t, sl_error *err)
{
    const sli_due_key *const *due = NULL;
    int32_t n = 0;
    sl_builder *builder = NULL;
    sli_str copies = {.tag = SLI_TAG_STREAM};
    SL_TRY(sli_timed_due(t, &due, &n, err));
    SL_TRY(sl_builder_new(&builder, sli_agg_plan_partial(t->self->plan), err));
    sl_code rc = SL_OK;
    for (int32_t from = 0; from < n && rc == SL_OK; from += SLI_TOGETHER) {
        int32_t some = n - from < SLI_TOGETHER ? n - from : SLI_TOGETHER;
        rc = close_some(t, due, from, some, builder, &copies, err);
    }
    rc = rc != SL_OK ? rc : give_closed(t, builder, err);
    sl_builder_free(builder);
    sli_str_reset(&copies);
    return rc;
}

sl_code sli_window_run(sli_timed_task *t, sl_error *err)
{
    // no row of this epoch is in a window that closes
    SL_TRY(sli_window_of(t->self)->slices ? sli_slices_close(t, err) : close_due(t, err));
    return take_epoch(t, err);
}
