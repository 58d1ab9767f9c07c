// runningByKey: the work of one task, which owns one partition of the state.
//
//   1. the states of the epoch come, a row a key, some thousand rows at a time; the keys are looked
//      up, and what the table has of them is merged before them: its rows came before
//   2. the states go into the view, the results are given
//   3. keys that were idle for too long leave the table
//   4. SL_COMPLETE: all keys are given
//
// For the stream of its changes (node_running_changes.c) the same is done, and of each key whose
// result is another one the old and the new are given.
//
// The view starts from the state after the last completed epoch, so a task that runs again gives
// the same rows and the same changes. Rows of a batch are the groups of the aggregations, so every
// step is a loop over columns; nothing here goes through keys that have no rows, but for 4.
#include "stream/node_running.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "stream/node_map_state.h"
#include "stream/together.h"

enum { END_KEYS = 1024 }; ///< idle keys that are removed together

/// What the table told of a key; mark 0: it is new.
typedef struct origin {
    uint64_t key_hash, mark;
} origin;

typedef struct work {
    sli_touched_run *run;
    const sli_running_body *body;
    const sli_state_def *def;
    const sli_running_changes *changes; ///< NULL: results are given, not what changes
    sl_rdd *rdd;
    int32_t partition; ///< of the RDD; a task of a union of several has another
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sl_args args;
    sli_state_view *view;
    sli_aggs *aggs;
    sl_builder *states, *results, *times, *marks;
    sl_batch *one_key;     ///< without keys: the row that stands for them
    const sl_batch **from; ///< where columns that are put together come from
    int32_t *column;
    sli_str key_bytes, values, was, is;
    // idle keys
    int64_t *oldest; ///< by slot, as the run's; of the slots that were looked into
    sli_str idle;    ///< u32 slot and key bytes, length-prefixed
    int64_t n_idle;
    // by row of the batch in work; not zeroed
    int32_t n_known;
    int32_t group[SLI_BATCH_ROWS]; ///< of the states that the table had
    uint64_t hashes[SLI_BATCH_ROWS];
    sl_bytes keys[SLI_BATCH_ROWS];
    origin origins[SLI_BATCH_ROWS];
    // what changes, by number of the row that goes or comes
    sl_bytes was_bytes[SLI_BATCH_ROWS], is_bytes[SLI_BATCH_ROWS];
    int32_t gone[SLI_BATCH_ROWS], gone_key[SLI_BATCH_ROWS], come[SLI_BATCH_ROWS];
    bool leaves[SLI_BATCH_ROWS]; ///< the key's row count is 0; set where keys leave at all
} work;

// ---------------------------------------------------------------- looking up

/// Hashes and bytes of a batch's keys.
static sl_code list_keys(work *w, const sl_batch *batch, int32_t n, sl_error *err)
{
    const sl_batch *keys = w->one_key == NULL ? batch : w->one_key;
    SL_ASSERT(n <= sl_batch_rows(keys), "over all rows there is one row");
    sli_str_clear(&w->key_bytes);
    sli_batch_hash(keys, w->body->numbers, w->def->n_keys, w->hashes);
    sli_rows_put(&w->key_bytes, keys, w->body->numbers, w->def->n_keys, 0, n, w->keys);
    return sli_str_check(&w->key_bytes, "keys of a batch", err);
}

/// The state that a found value holds; false: its time is over.
static sl_code take_found(work *w, sl_bytes value, sl_bytes *state, bool *is_over, sl_error *err)
{
    int64_t touched_us = 0;
    if (w->def->ttl_us == 0) {
        *state = value;
        return SL_OK;
    }
    SL_TRY(sli_ttl_split(w->def, value, &touched_us, state, err));
    *is_over = sli_ttl_is_over(w->def, touched_us, w->run->time_us);
    return SL_OK;
}

/// Appends what the table has of rows [from, from + n) to w->states, and those rows to w->group.
static sl_code find_some(work *w, int32_t from, int32_t n, sl_error *err)
{
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    sl_bytes states[SLI_TOGETHER];
    int32_t known = 0;
    for (int32_t i = 0; i < n; i++) {
        keys[i] = (sli_state_key){w->hashes[from + i], w->keys[from + i]};
    }
    SL_TRY(sli_together_find(w->view, keys, n, found, &w->values, err));
    for (int32_t i = 0; i < n; i++) {
        bool is_over = false;
        w->origins[from + i] = (origin){found[i].key_hash, found[i].mark};
        if (found[i].mark == 0) {
            continue;
        }
        SL_TRY(take_found(w, found[i].value, &states[known], &is_over, err));
        if (!is_over) {
            w->group[w->n_known++] = from + i;
            known++;
        }
    }
    return sli_rows_get(states, known, w->states, 0, sl_schema_columns(w->def->state_schema), err);
}

/// *known: the states that the table has of the batch's keys; NULL when it has none of them.
static sl_code find_known(work *w, int32_t n, sl_batch **known, sl_error *err)
{
    w->n_known = 0;
    for (int32_t from = 0; from < n; from += SLI_TOGETHER) {
        int32_t some = n - from < SLI_TOGETHER ? n - from : SLI_TOGETHER;
        SL_TRY(find_some(w, from, some, err));
    }
    return sli_builder_flush(w->states, known, err);
}

// ---------------------------------------------------------------- merging

/// The states of a batch without its keys.
static sl_code without_keys(const work *w, const sl_batch *batch, sl_batch **out, sl_error *err)
{
    const sl_schema *schema = sli_agg_plan_partial(w->body->states);
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        w->from[i] = batch;
    }
    return sli_batch_project(schema, w->from, w->body->numbers + w->body->n_keys, out, err);
}

static sl_code merge_into(work *w, const sl_batch *known, const int32_t *group,
                          const sl_batch *states, sl_error *err)
{
    int64_t n = sl_batch_rows(states);
    sli_aggs_clear(w->aggs);
    SL_TRY(sli_aggs_grow(w->aggs, n, err));
    SL_TRY(known == NULL ? SL_OK : sli_aggs_merge(w->aggs, group, known, err));
    return sli_aggs_merge(w->aggs, w->body->numbers, states, err);
}

/// What there is to merge for one row alone: the table's state of it, and the epoch's.
static sl_code merge_row(work *w, const sl_batch *known, int64_t at, const sl_batch *states,
                         int64_t row, sl_error *err)
{
    const int32_t first = 0;
    sl_batch *before = NULL, *now = NULL;
    sl_code rc = sli_batch_slice(states, row, 1, &now, err);
    if (rc == SL_OK && at >= 0) {
        rc = sli_batch_slice(known, at, 1, &before, err);
    }
    rc = rc != SL_OK ? rc : merge_into(w, before, &first, now, err);
    sl_batch_unref(before);
    sl_batch_unref(now);
    return rc;
}

/// After a merge that failed: the same key by key, to tell of the first that fails. The codes of
/// both failures are the same: states are merged row by row.
static sl_code blame_key(work *w, const sl_batch *batch, const sl_batch *known,
                         const sl_batch *states, sl_code rc, sl_error *err)
{
    int32_t next = 0;
    sl_error error;
    for (int64_t row = 0; row < sl_batch_rows(states); row++) {
        bool has = next < w->n_known && w->group[next] == row;
        sli_error_clear(&error);
        sl_code failed = merge_row(w, known, has ? next : -1, states, row, &error);
        next += has;
        if (failed != rc) {
            continue;
        }
        sli_str key = {.tag = SLI_TAG_STREAM};
        if (w->body->n_keys > 0) {
            sli_state_put_key(&key, batch, w->body->n_keys, row);
        }
        rc = sl_error_wrap(&error, rc, "%s", key.failed || key.size == 0 ? "all rows" : key.data);
        sli_str_reset(&key);
        if (err != NULL) {
            *err = error;
        }
        return rc;
    }
    return rc;
}

static sl_code merge(work *w, const sl_batch *batch, const sl_batch *known, const sl_batch *states,
                     sl_error *err)
{
    const char *before = w->task->operator_uid;
    w->task->operator_uid = w->run->node->uid; // whose aggregations compute, and who is to blame
    sl_code rc = merge_into(w, known, w->group, states, err);
    if (rc != SL_OK) {
        rc = blame_key(w, batch, known, states, rc, err);
        return sl_error_wrap(err, rc, "runningByKey [%s], partition %d", w->run->node->uid,
                             w->partition);
    }
    w->task->operator_uid = before;
    return SL_OK;
}

// ---------------------------------------------------------------- into the table

/// The stored rows: the states, behind the time of the key's last rows when there is a timeout.
static sl_code add_times(work *w, const sl_batch *states, sl_batch **out, sl_error *err)
{
    sl_batch *times = NULL;
    int64_t n = sl_batch_rows(states);
    int64_t *at = sl_builder_reserve(w->times, 0, n);
    for (int64_t i = 0; at != NULL && i < n; i++) {
        at[i] = w->run->time_us;
    }
    SL_TRY(sl_builder_finish(w->times, &times, err));
    for (int32_t i = 0; i < sl_schema_columns(w->def->stored_schema); i++) {
        w->from[i] = i == 0 ? times : states;
        w->column[i] = i == 0 ? 0 : i - 1;
    }
    sl_code rc = sli_batch_project(w->def->stored_schema, w->from, w->column, out, err);
    sl_batch_unref(times);
    return rc;
}

/// Whether nothing is to be written for row `i`: a key that leaves and that the table has not.
static bool is_no_change(const work *w, int32_t i)
{
    return w->body->forgets_zero && w->leaves[i] && w->origins[i].mark == 0;
}

static sl_code put_some(work *w, const sl_batch *stored, int32_t from, int32_t n, sl_error *err)
{
    sl_bytes values[SLI_TOGETHER];
    sli_state_change changes[SLI_TOGETHER];
    int32_t n_changes = 0;
    sli_str_clear(&w->values);
    sli_rows_put(&w->values, stored, w->body->numbers, sl_schema_columns(w->def->stored_schema),
                 from, n, values);
    SL_TRY(sli_str_check(&w->values, "states of an epoch", err));
    for (int32_t i = 0; i < n; i++) {
        const origin *o = &w->origins[from + i];
        bool moves = w->def->ttl_us > 0 && o->mark != 0; // keys of a slot stand by their last touch
        bool leaves = w->body->forgets_zero && w->leaves[from + i];
        if (is_no_change(w, from + i)) {
            continue;
        }
        changes[n_changes++] = (sli_state_change){.act = leaves  ? SLI_STATE_REMOVE
                                                         : moves ? SLI_STATE_MOVE
                                                                 : SLI_STATE_PUT,
                                                  .hash = w->hashes[from + i],
                                                  .key_hash = o->key_hash,
                                                  .mark = o->mark,
                                                  .key = w->keys[from + i],
                                                  .value = values[i]};
    }
    return w->run->touched->has_snapshots ? sli_change_singly(w->view, changes, n_changes, err)
                                          : sli_together_change(w->view, changes, n_changes, err);
}

static sl_code put_all(work *w, const sl_batch *stored, sl_error *err)
{
    int32_t n = (int32_t)sl_batch_rows(stored);
    for (int32_t from = 0; from < n; from += SLI_TOGETHER) {
        int32_t some = n - from < SLI_TOGETHER ? n - from : SLI_TOGETHER;
        SL_TRY(put_some(w, stored, from, some, err));
    }
    return SL_OK;
}

/// The merged states of `n` rows go into the view.
static sl_code put_states(work *w, int32_t n, sl_error *err)
{
    sl_batch *states = NULL, *stored = NULL;
    SL_TRY(sli_aggs_partial(w->aggs, 0, n, w->states, err));
    SL_TRY(sl_builder_finish(w->states, &states, err));
    if (w->def->ttl_us == 0) {
        stored = sl_batch_ref(states);
    }
    sl_code rc = stored != NULL ? SL_OK : add_times(w, states, &stored, err);
    rc = rc != SL_OK ? rc : put_all(w, stored, err);
    sl_batch_unref(states);
    sl_batch_unref(stored);
    return rc;
}

// ---------------------------------------------------------------- a batch

static sl_code finish(work *w, int64_t n, sl_batch **out, sl_error *err)
{
    SL_TRY(sli_aggs_finish(w->aggs, 0, n, w->results, err));
    return sl_builder_finish(w->results, out, err);
}

/// Which of the keys have no rows any more.
static void find_leaving(work *w, const sl_batch *results)
{
    const sl_column *rows = sl_batch_column(results, w->body->zero);
    for (int64_t i = 0; i < sl_batch_rows(results); i++) {
        w->leaves[i] = sl_column_is_null(rows, i) || sl_column_int64(rows, i) == 0;
    }
}

static sl_code push_results(work *w, const sl_batch *keys, const sl_batch *results, sl_error *err)
{
    sl_batch *out = NULL;
    SL_TRY(sli_running_rows(w->run->node, keys, results, &out, err));
    sl_code rc = w->push(w->ctx, out, err);
    sl_batch_unref(out);
    return rc;
}

/// Those of keys that stay.
static sl_code push_staying(work *w, const sl_batch *keys, const sl_batch *results, sl_error *err)
{
    int32_t n = 0;
    sl_batch *some_keys = NULL, *some = NULL;
    for (int32_t i = 0; i < sl_batch_rows(results); i++) {
        w->come[n] = i;
        n += !w->leaves[i];
    }
    sl_code rc = sli_batch_take(keys, w->come, n, &some_keys, err);
    rc = rc != SL_OK ? rc : sli_batch_take(results, w->come, n, &some, err);
    rc = rc != SL_OK ? rc : push_results(w, some_keys, some, err);
    sl_batch_unref(some_keys);
    sl_batch_unref(some);
    return rc;
}

// ---------------------------------------------------------------- what changes

/// Results of the states that the table had; NULL when it had none.
static sl_code results_before(work *w, const sl_batch *known, sl_batch **out, sl_error *err)
{
    if (w->changes == NULL || known == NULL) {
        return SL_OK;
    }
    sli_aggs_clear(w->aggs);
    SL_TRY(sli_aggs_grow(w->aggs, w->n_known, err));
    SL_TRY(sli_aggs_merge(w->aggs, w->body->numbers, known, err));
    SL_TRY(sli_aggs_finish(w->aggs, 0, w->n_known, w->results, err));
    return sl_builder_finish(w->results, out, err);
}

/// Rows of results with their keys and a mark.
static sl_code push_marked(work *w, const sl_batch *keys, const sl_batch *results, int64_t mark,
                           sl_error *err)
{
    const sl_stream *node = w->changes->node;
    int32_t n = sl_schema_columns(node->schema);
    int64_t rows = sl_batch_rows(results);
    sl_batch *marks = NULL, *out = NULL;
    int64_t *at = sl_builder_reserve(w->marks, 0, rows);
    for (int64_t i = 0; at != NULL && i < rows; i++) {
        at[i] = mark;
    }
    SL_TRY(sl_builder_finish(w->marks, &marks, err));
    for (int32_t i = 0; i < n; i++) {
        bool is_key = i < w->body->n_keys, is_mark = i == n - 1;
        w->from[i] = is_key ? keys : is_mark ? marks : results;
        w->column[i] = is_key ? i : is_mark ? 0 : i - w->body->n_keys;
    }
    sl_code rc = sli_batch_project(node->schema, w->from, w->column, &out, err);
    rc = rc != SL_OK ? rc : w->push(w->ctx, out, err);
    sl_batch_unref(marks);
    sl_batch_unref(out);
    return rc;
}

static sl_code push_chosen(work *w, const sl_batch *keys, const int32_t *key, const sl_batch *rows,
                           const int32_t *row, int32_t n, int64_t mark, sl_error *err)
{
    sl_batch *some_keys = NULL, *some = NULL;
    if (n == 0) {
        return SL_OK;
    }
    sl_code rc = sli_batch_take(keys, key, n, &some_keys, err);
    rc = rc != SL_OK ? rc : sli_batch_take(rows, row, n, &some, err);
    rc = rc != SL_OK ? rc : push_marked(w, some_keys, some, mark, err);
    sl_batch_unref(some_keys);
    sl_batch_unref(some);
    return rc;
}

/// The cells of rows as bytes, which are equal where the cells are.
static sl_code put_cells(const work *w, const sl_batch *rows, sli_str *out, sl_bytes *bytes,
                         sl_error *err)
{
    sli_str_clear(out);
    if (rows != NULL) {
        sli_rows_put(out, rows, w->body->numbers, sl_schema_columns(sl_batch_schema(rows)), 0,
                     (int32_t)sl_batch_rows(rows), bytes);
    }
    return sli_str_check(out, "results of a batch", err);
}

/// `before`: results of the keys whose rows are w->group; `after`: of all keys.
static sl_code push_changes(work *w, const sl_batch *keys, const sl_batch *before,
                            const sl_batch *after, sl_error *err)
{
    int32_t next = 0, n_gone = 0, n_come = 0;
    SL_TRY(put_cells(w, before, &w->was, w->was_bytes, err));
    SL_TRY(put_cells(w, after, &w->is, w->is_bytes, err));
    for (int32_t row = 0; row < sl_batch_rows(after); row++) {
        bool has = next < w->n_known && w->group[next] == row;
        const sl_bytes *was = &w->was_bytes[next], *is = &w->is_bytes[row];
        bool leaves = w->body->forgets_zero && w->leaves[row];
        bool same = has && was->size == is->size && memcmp(was->data, is->data, is->size) == 0;
        if (has && !same) {
            w->gone_key[n_gone] = row;
            w->gone[n_gone++] = next;
        }
        if (!same && !leaves) {
            w->come[n_come++] = row;
        }
        next += has;
    }
    SL_TRY(push_chosen(w, keys, w->gone_key, before, w->gone, n_gone, -1, err));
    return push_chosen(w, keys, w->come, after, w->come, n_come, 1, err);
}

static sl_code give(work *w, const sl_batch *keys, const sl_batch *before, const sl_batch *results,
                    sl_error *err)
{
    if (w->changes != NULL) {
        return push_changes(w, keys, before, results, err);
    }
    if (w->body->mode != SL_UPDATE) {
        return SL_OK;
    }
    return w->body->forgets_zero ? push_staying(w, keys, results, err)
                                 : push_results(w, keys, results, err);
}

/// At most SLI_BATCH_ROWS rows.
static sl_code take_some(work *w, const sl_batch *batch, sl_error *err)
{
    int32_t n = (int32_t)sl_batch_rows(batch);
    sl_batch *known = NULL, *states = NULL, *before = NULL, *results = NULL;
    SL_TRY(sli_task_check(w->task, err));
    SL_TRY(list_keys(w, batch, n, err));
    SL_TRY(find_known(w, n, &known, err));
    sl_code rc = results_before(w, known, &before, err);
    rc = rc != SL_OK ? rc : without_keys(w, batch, &states, err);
    rc = rc != SL_OK ? rc : merge(w, batch, known, states, err);
    if (rc == SL_OK && (w->changes != NULL || w->body->mode == SL_UPDATE)) {
        rc = finish(w, n, &results, err);
    }
    if (rc == SL_OK && w->body->forgets_zero) {
        find_leaving(w, results);
    }
    rc = rc != SL_OK ? rc : put_states(w, n, err);
    rc = rc != SL_OK ? rc : give(w, batch, before, results, err);
    sl_batch_unref(results);
    sl_batch_unref(known);
    sl_batch_unref(states);
    sl_batch_unref(before);
    return rc;
}

static sl_code take_states(void *ctx, sl_batch *batch, sl_error *err)
{
    work *w = ctx;
    int64_t n = sl_batch_rows(batch);
    if (n == 0 || n <= SLI_BATCH_ROWS) {
        return n == 0 ? SL_OK : take_some(w, batch, err);
    }
    sl_code rc = SL_OK;
    for (int64_t from = 0; from < n && rc == SL_OK; from += SLI_BATCH_ROWS) {
        sl_batch *some = NULL;
        int64_t rows = n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS;
        rc = sli_batch_slice(batch, from, rows, &some, err);
        rc = rc != SL_OK ? rc : take_some(w, some, err);
        sl_batch_unref(some);
    }
    return rc;
}

// ---------------------------------------------------------------- idle keys

static sl_code take_idle(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    work *w = ctx;
    int64_t touched_us = 0;
    sl_bytes state = {NULL, 0};
    SL_TRY(sli_ttl_split(w->def, value, &touched_us, &state, err));
    if (touched_us >= w->run->before) {
        w->oldest[slot] = touched_us;
        return SL_E_END;
    }
    sli_put_u32(&w->idle, (uint32_t)slot);
    sli_put_bytes(&w->idle, key.data, key.size);
    w->n_idle++;
    return SL_OK;
}

static sl_code remove_idle(work *w, sl_error *err)
{
    const sli_store_ops *ops = w->view->store->ops;
    SL_TRY(sli_str_check(&w->idle, "idle keys", err));
    SL_TRY(sli_task_check(w->task, err));
    sli_reader r = sli_reader_of((sl_bytes){w->idle.data, w->idle.size});
    for (; w->n_idle > 0; w->n_idle--) {
        uint64_t hash = sli_hash_of_slot((int32_t)sli_get_u32(&r));
        SL_TRY(ops->remove(w->view, hash, sli_get_bytes(&r), err));
    }
    sli_str_clear(&w->idle);
    return SL_OK;
}

/// Idle keys are the first of their slots, since every touch moves a key to its slot's end.
static sl_code end_idle(work *w, sl_error *err)
{
    SL_TRY(sli_touched_known(w->run, w->task, &w->oldest, err));
    for (int32_t slot = 0; slot < SLI_SLOTS && w->oldest != NULL; slot++) {
        if (sli_partition_of(slot, w->rdd->n_partitions) != w->partition ||
            w->oldest[slot] >= w->run->before) {
            continue;
        }
        w->oldest[slot] = w->run->time_us; // nothing that comes later is touched earlier
        SL_TRY(w->view->store->ops->oldest(w->view, slot, take_idle, w, err));
        SL_TRY(w->n_idle < END_KEYS ? SL_OK : remove_idle(w, err));
    }
    return remove_idle(w, err);
}

// ---------------------------------------------------------------- the task

/// Without keys the table has one key, which is false.
static sl_code make_one_key(work *w, sl_error *err)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, w->def->key_schema, err));
    sl_builder_bool(builder, 0, false);
    sl_code rc = sl_builder_finish(builder, &w->one_key, err);
    sl_builder_free(builder);
    return rc;
}

static sl_code make_columns(work *w, sl_error *err)
{
    size_t n = (size_t)sl_schema_columns(w->def->stored_schema);
    if (w->changes != NULL) {
        n += (size_t)sl_schema_columns(w->changes->node->schema);
    }
    w->from = sl_arena_alloc(w->task->arena, n * sizeof *w->from);
    w->column = sl_arena_alloc(w->task->arena, n * sizeof *w->column);
    return w->from != NULL && w->column != NULL
               ? SL_OK
               : sl_error_nomem(err, n * sizeof *w->from, "columns");
}

static sl_code open_work(work *w, sl_error *err)
{
    const sl_stream *node = w->run->node;
    const sli_running_body *body = w->body;
    SL_TRY(make_columns(w, err));
    int32_t partition = w->task->partition;
    w->task->partition = w->partition; // what functions draw belongs to their own RDD's partition
    sl_code rc =
        sli_task_args(w->task, NULL, sli_hash64(node->uid, strlen(node->uid)), 0, &w->args, err);
    w->task->partition = partition;
    SL_TRY(rc);
    SL_TRY(sli_aggs_new(&w->aggs, body->states, &w->args, err));
    SL_TRY(sl_builder_new(&w->states, sli_agg_plan_partial(body->states), err));
    SL_TRY(sl_builder_new(&w->results, sli_agg_plan_result(body->states), err));
    SL_TRY(sl_builder_new(&w->times, body->time_schema, err));
    if (w->changes != NULL) {
        SL_TRY(sl_builder_new(&w->marks, w->changes->mark_schema, err));
    }
    SL_TRY(body->n_keys > 0 ? SL_OK : make_one_key(w, err));
    return node->store->ops->begin(node->store, node->table, w->run->epoch, w->partition,
                                   w->rdd->n_partitions, &w->view, err);
}

static void close_work(work *w)
{
    sli_aggs_free(w->aggs);
    sl_builder_free(w->states);
    sl_builder_free(w->results);
    sl_builder_free(w->times);
    sl_builder_free(w->marks);
    sl_batch_unref(w->one_key);
    sli_str_reset(&w->key_bytes);
    sli_str_reset(&w->values);
    sli_str_reset(&w->was);
    sli_str_reset(&w->is);
    sli_str_reset(&w->idle);
    w->run->node->store->ops->drop(w->view);
    sl_free(w);
}

static sl_code run_task(work *w, sl_error *err)
{
    SL_TRY(open_work(w, err));
    SL_TRY(sli_dep_each(w->rdd, 0, w->partition, w->task, take_states, w, err));
    SL_TRY(end_idle(w, err));
    if (w->body->mode == SL_COMPLETE) {
        SL_TRY(sli_running_give_all(w->run, w->view, w->task, w->push, w->ctx, err));
    }
    sli_touched_keep(w->rdd, w->partition, &w->view, w->oldest);
    return SL_OK;
}

sl_code sli_running_compute_changes(sl_rdd *rdd, const sli_running_changes *changes,
                                    int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                                    sl_error *err)
{
    sli_touched_run *run = rdd->body;
    SL_TRY(sli_state_check_open(run->node, run, run->epoch, err));
    work *w = sl_alloc(SLI_TAG_STREAM, sizeof *w);
    if (w == NULL) {
        return sl_error_nomem(err, sizeof *w, "the work on a partition");
    }
    memset(w, 0, offsetof(work, n_known));
    w->run = run;
    w->changes = changes;
    w->body = run->node->body;
    w->def = &run->touched->def;
    w->rdd = rdd;
    w->partition = partition;
    w->task = task;
    w->push = push;
    w->ctx = ctx;
    w->key_bytes.tag = w->values.tag = w->idle.tag = SLI_TAG_STREAM;
    w->was.tag = w->is.tag = SLI_TAG_STREAM;
    sl_code rc = run_task(w, err);
    close_work(w);
    return rc;
}

sl_code sli_running_compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    return sli_running_compute_changes(rdd, NULL, partition, task, push, ctx, err);
}
