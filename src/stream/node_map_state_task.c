// mapWithState: the work of one task, which owns one partition of the state.
//
//   1. records come in order of arrival, a batch at a time. A key is looked up once, when it is
//      first met; from then on its state is plain values in a row, which the records of the epoch
//      work on one after the other
//   2. the function is called for the batch; its rows, with their keys before them, are pushed
//   3. what has changed is put into the view, one change a key: at the end, or, where the input is
//      known to have each key once (behind a reduceByKey), after each batch
//   4. keys that were idle for too long are the first of their slots, since every touch moves a key
//      to its slot's end: they are given to the function once more and removed
//
// The view starts from the state after the last completed epoch, so a task that runs again gives
// the same rows and the same changes. Nothing here goes through the keys that have no record.
#include "stream/node_map_state.h"

#include "base/bytes.h"
#include "base/hash.h"

enum { END_KEYS = 1024 }; ///< idle keys in one call at most
enum { TOGETHER = 512 };  ///< keys that the store is asked for, or told, at once

/// What the store needs to change a key that it has found.
typedef struct mark {
    uint64_t key_hash, mark;
} mark;

typedef struct work {
    sli_map_state_run *run;
    const sli_map_state_body *body;
    sl_rdd *rdd;
    int32_t partition; ///< of the RDD; a task of a union of several has another
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sl_args args;
    sli_state_view *view;
    sl_state_log log;
    const sl_batch **from; ///< where the columns of a batch come from
    int32_t *column;
    // keys of the epoch
    sli_groups *groups;
    char *rows; ///< by group: sl_state_row
    int64_t row_capacity;
    mark *marks; ///< by group; NULL when keys are changed one by one
    int64_t mark_capacity;
    // a key has one record at most: its group is the record's number in the batch
    bool is_once;
    sli_state_key *keys; ///< by record
    int64_t key_capacity;
    uint64_t *hashes;
    int64_t hash_capacity;
    sli_str key_bytes;
    int64_t weight; ///< bytes counted in the budget
    // one call
    int32_t *row_of; ///< by record
    int64_t record_capacity;
    int32_t *origins; ///< by row made: its record
    int64_t origin_capacity;
    int64_t n_before; ///< records of earlier calls
    sl_builder *out;
    sli_str value; ///< keys and states as bytes
    // idle keys
    int64_t *oldest; ///< by slot, as the run's; of the slots that were looked into
    sli_str idle;    ///< key and state bytes, length-prefixed
    int64_t n_idle;
    sl_builder *idle_keys;
} work;

static const sli_store_ops *store_of(const work *w)
{
    return w->run->node->store->ops;
}

/// Snapshots look at the view from other tasks, which must not bring its changes in order.
static bool works_together(const work *w)
{
    return store_of(w)->change_all != NULL && !w->body->has_snapshots;
}

static sl_state_row *row_at(const work *w, char *rows, int64_t i)
{
    return (sl_state_row *)(void *)(rows + (size_t)i * w->body->row_bytes);
}

/// Room for `n` items; half as much again when it must grow.
static sl_code make_room(void *items, int64_t *capacity, int64_t n, size_t size, sl_error *err)
{
    void **list = items;
    if (n <= *capacity) {
        return SL_OK;
    }
    int64_t grown = n + n / 2;
    void *more = sl_realloc(SLI_TAG_STREAM, *list, (size_t)grown * size);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)grown * size, "the states of an epoch");
    }
    *list = more;
    *capacity = grown;
    return SL_OK;
}

// ---------------------------------------------------------------- errors

static sl_code blame(const work *w, sl_code rc, sl_error *err)
{
    return sl_error_wrap(err, rc, "mapWithState %s [%s], partition %d", w->body->fn->name,
                         w->run->node->uid, w->partition);
}

/// Puts the record and its key before the text.
static sl_code blame_record(const work *w, const sl_map_state_call *call, int64_t record,
                            sl_code rc, sl_error *err)
{
    sli_str key = {.tag = SLI_TAG_STREAM};
    if (record >= 0 && record < call->n) {
        sli_map_state_put_key(&key, call->keys, record);
        const char *text = key.failed ? "?" : key.data;
        rc = call->timing_out ? sl_error_wrap(err, rc, "timing out of %s", text)
                              : sl_error_wrap(err, rc, "record %lld of the epoch, %s",
                                              (long long)(w->n_before + record + 1), text);
    }
    sli_str_reset(&key);
    return blame(w, rc, err);
}

// ---------------------------------------------------------------- 1: keys and their states

/// The keys of groups [from, to) as bytes, in w->value.
static sl_code put_keys(work *w, int64_t from, int64_t to, sli_state_key *keys, sl_error *err)
{
    sli_str_clear(&w->value);
    for (int64_t g = from; g < to; g++) {
        size_t before = w->value.size;
        sli_groups_row(w->groups, g, &w->value);
        keys[g - from] = (sli_state_key){.hash = sli_groups_hashes(w->groups)[g],
                                         .key.size = w->value.size - before};
    }
    SL_TRY(sli_str_check(&w->value, "keys of a batch", err));
    const char *at = w->value.data; // no longer moves
    for (int64_t i = 0; i < to - from; at += keys[i++].key.size) {
        keys[i].key.data = at;
    }
    return SL_OK;
}

/// A store in memory finds them together, and tells what changes are made by.
static sl_code find_together(work *w, int64_t from, const sli_state_key *keys, int32_t n,
                             sl_error *err)
{
    sli_state_found found[TOGETHER];
    SL_TRY(store_of(w)->find_all(w->view, keys, n, found, err));
    for (int32_t i = 0; i < n; i++) {
        w->marks[from + i] = (mark){found[i].key_hash, found[i].mark};
        if (found[i].mark != 0) {
            SL_TRY(sli_map_state_get(w->body, found[i].value, row_at(w, w->rows, from + i),
                                     w->task->arena, err));
        }
    }
    return SL_OK;
}

/// A store on disk reads them together, and has them at hand.
static sl_code find_one_by_one(work *w, int64_t from, const sli_state_key *keys, int32_t n,
                               sl_error *err)
{
    if (store_of(w)->fetch != NULL) {
        SL_TRY(store_of(w)->fetch(w->view, keys, n, err));
    }
    for (int32_t i = 0; i < n; i++) {
        sl_bytes value = {NULL, 0};
        bool found = false;
        SL_TRY(store_of(w)->find(w->view, keys[i].hash, keys[i].key, &value, &found, err));
        if (found) {
            SL_TRY(sli_map_state_get(w->body, value, row_at(w, w->rows, from + i), w->task->arena,
                                     err));
        }
    }
    return SL_OK;
}

/// The states of the groups that the batch has brought.
static sl_code find_new(work *w, int64_t from, int64_t to, sl_error *err)
{
    sli_state_key keys[TOGETHER];
    for (int64_t g = from; g < to; g += TOGETHER) {
        int32_t n = to - g < TOGETHER ? (int32_t)(to - g) : TOGETHER;
        SL_TRY(put_keys(w, g, g + n, keys, err));
        SL_TRY(w->marks != NULL ? find_together(w, g, keys, n, err)
                                : find_one_by_one(w, g, keys, n, err));
    }
    return SL_OK;
}

static sl_code make_rows(work *w, int64_t from, int64_t to, sl_error *err)
{
    SL_TRY(make_room(&w->rows, &w->row_capacity, to, w->body->row_bytes, err));
    if (works_together(w)) {
        SL_TRY(make_room(&w->marks, &w->mark_capacity, to, sizeof *w->marks, err));
    }
    memset(w->rows + (size_t)from * w->body->row_bytes, 0,
           (size_t)(to - from) * w->body->row_bytes);
    return SL_OK;
}

/// The keys of a batch's records as bytes.
static sl_code put_record_keys(work *w, const sl_batch *batch, int32_t n, sl_error *err)
{
    const sli_state_def *def = &w->body->def;
    sli_str_clear(&w->key_bytes);
    sli_batch_hash(batch, def->keys, def->n_keys, w->hashes);
    for (int32_t i = 0; i < n; i++) {
        size_t before = w->key_bytes.size;
        sli_row_put(&w->key_bytes, batch, def->keys, def->n_keys, i);
        w->keys[i] = (sli_state_key){.hash = w->hashes[i], .key.size = w->key_bytes.size - before};
        w->row_of[i] = i;
    }
    SL_TRY(sli_str_check(&w->key_bytes, "keys of a batch", err));
    const char *at = w->key_bytes.data; // no longer moves
    for (int32_t i = 0; i < n; at += w->keys[i++].key.size) {
        w->keys[i].key.data = at;
    }
    return SL_OK;
}

/// States of records whose keys come once: rows serve for the batch alone.
static sl_code find_once(work *w, const sl_batch *batch, sl_error *err)
{
    int32_t n = (int32_t)sl_batch_rows(batch);
    SL_TRY(make_room(&w->row_of, &w->record_capacity, n, sizeof *w->row_of, err));
    SL_TRY(make_room(&w->keys, &w->key_capacity, n, sizeof *w->keys, err));
    SL_TRY(make_room(&w->hashes, &w->hash_capacity, n, sizeof *w->hashes, err));
    SL_TRY(make_rows(w, 0, n, err));
    SL_TRY(put_record_keys(w, batch, n, err));
    for (int32_t i = 0; i < n; i += TOGETHER) {
        int32_t some = n - i < TOGETHER ? n - i : TOGETHER;
        SL_TRY(w->marks != NULL ? find_together(w, i, w->keys + i, some, err)
                                : find_one_by_one(w, i, w->keys + i, some, err));
    }
    return SL_OK;
}

/// Keys and states are counted, so that blocks make room.
static void weigh(work *w)
{
    int64_t bytes = sli_groups_bytes(w->groups) + w->row_capacity * (int64_t)w->body->row_bytes;
    if (bytes > w->weight) {
        (void)sli_budget_reserve(w->task->runtime->budget, bytes - w->weight, true);
        w->weight = bytes;
    }
}

static sl_code find_states(work *w, const sl_batch *batch, sl_error *err)
{
    int64_t known = sli_groups_count(w->groups);
    SL_TRY(
        make_room(&w->row_of, &w->record_capacity, sl_batch_rows(batch), sizeof *w->row_of, err));
    SL_TRY(sli_groups_add(w->groups, batch, NULL, w->row_of, err));
    int64_t n = sli_groups_count(w->groups);
    SL_TRY(make_rows(w, known, n, err));
    SL_TRY(find_new(w, known, n, err));
    weigh(w);
    return SL_OK;
}

// ---------------------------------------------------------------- 2: the function

/// Columns of one batch under another schema.
static sl_code project(work *w, const sl_batch *batch, const sl_schema *schema,
                       const int32_t *columns, sl_batch **out, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        w->from[i] = batch;
    }
    return sli_batch_project(schema, w->from, columns, out, err);
}

static sl_code push_beside(work *w, const sl_batch *keys, const sl_batch *made, sl_error *err)
{
    int32_t n_keys = w->body->def.n_keys;
    for (int32_t i = 0; i < sl_schema_columns(w->rdd->schema); i++) {
        w->from[i] = i < n_keys ? keys : made;
        w->column[i] = i < n_keys ? i : i - n_keys;
    }
    sl_batch *out = NULL;
    SL_TRY(sli_batch_project(w->rdd->schema, w->from, w->column, &out, err));
    sl_code rc = w->push(w->ctx, out, err);
    sl_batch_unref(out);
    return rc;
}

/// Which record each row is of; *named false: row i of record i.
static sl_code find_origins(work *w, const sl_map_state_call *call, bool *named, sl_error *err)
{
    int64_t n = sl_builder_rows(w->out, 0);
    *named = n != call->n || sli_builder_has_origins(w->out);
    if (!*named || n == 0) {
        return SL_OK;
    }
    SL_TRY(make_room(&w->origins, &w->origin_capacity, n, sizeof *w->origins, err));
    sl_code rc = sli_builder_origins(w->out, call->n, w->origins, err);
    return rc == SL_OK ? SL_OK : blame(w, rc, err);
}

static sl_code push_made(work *w, const sl_map_state_call *call, sl_error *err)
{
    bool named = false;
    sl_batch *made = NULL, *keys = NULL;
    sl_code rc = sli_builder_check(w->out, err);
    if (rc != SL_OK) {
        return blame(w, rc, err);
    }
    SL_TRY(find_origins(w, call, &named, err));
    rc = sli_builder_flush(w->out, &made, err);
    if (rc != SL_OK) {
        return blame(w, rc, err);
    }
    if (made != NULL && named) {
        rc = sli_batch_take(call->keys, w->origins, sl_batch_rows(made), &keys, err);
    }
    if (made != NULL && rc == SL_OK) {
        rc = push_beside(w, named ? keys : call->keys, made, err);
    }
    sl_batch_unref(keys);
    sl_batch_unref(made);
    return rc;
}

static sl_code run_function(work *w, const sl_map_state_call *call, sl_error *err)
{
    const char *before = w->task->operator_uid;
    sl_error error = SL_ERROR_INIT;
    w->log.record = -1;
    w->task->operator_uid = w->run->node->uid;
    sl_code rc = w->body->fn->run(&w->args, call, &error);
    rc = sli_state_call_end(w->task, before, rc, &error);
    int64_t record = w->log.record;
    if (w->log.misuse != 0 || w->log.no_memory) {
        record = w->log.misused_by;
        rc = sli_map_state_misuse(&w->log, &error);
    }
    if (rc != SL_OK) {
        rc = blame_record(w, call, record, rc, &error);
        if (err != NULL) {
            *err = error;
        }
    }
    return rc;
}

static sl_map_state_call call_of(work *w, int64_t n, const sl_batch *keys)
{
    return (sl_map_state_call){
        .n = n,
        .keys = keys,
        .out = w->out,
        .row_of = w->row_of,
        .rows = w->rows,
        .row_bytes = w->body->row_bytes,
        .kinds = w->body->kinds,
        .nullable = w->body->nullable,
        .n_columns = sl_schema_columns(w->body->def.state_schema),
        .log = &w->log,
    };
}

// ---------------------------------------------------------------- 3: changes

/// Tells of which key the state can't be put.
static sl_code blame_key(work *w, sl_bytes key, sl_code rc, sl_error *err)
{
    sl_builder *builder = NULL;
    sl_batch *keys = NULL;
    if (sl_builder_new(&builder, w->body->def.key_schema, NULL) == SL_OK &&
        sli_row_get(key, builder, 0, w->body->def.n_keys, NULL) == SL_OK &&
        sl_builder_finish(builder, &keys, NULL) == SL_OK) {
        sli_str text = {.tag = SLI_TAG_STREAM};
        sli_map_state_put_key(&text, keys, 0);
        rc = sl_error_wrap(err, rc, "%s", text.failed ? "?" : text.data);
        sli_str_reset(&text);
    }
    sl_batch_unref(keys);
    sl_builder_free(builder);
    return blame(w, rc, err);
}

/// Whether the key goes to its slot's end: it is there, and was touched or taken away in between.
static bool is_moved(const work *w, const sl_state_row *row)
{
    return (row->flags & SL_STATE_KNOWN) != 0 &&
           (w->body->def.ttl_us > 0 || (row->flags & SL_STATE_REMOVED) != 0);
}

/// Whether the epoch has changed what the table has.
static bool is_changed(const work *w, const sl_state_row *row)
{
    uint32_t flags = row->flags;
    return (flags & SL_STATE_EXISTS) != 0
               ? w->body->def.ttl_us > 0 || (flags & SL_STATE_UPDATED) != 0
               : (flags & SL_STATE_KNOWN) != 0;
}

/// The key of a group: bytes in w->value, to which they are appended, or the record's.
static sl_bytes put_key(work *w, int64_t group)
{
    if (w->is_once) {
        return w->keys[group].key;
    }
    size_t at = w->value.size;
    sli_groups_row(w->groups, group, &w->value);
    return (sl_bytes){NULL, w->value.size - at}; // where is known when all are there
}

/// Appends what a change needs to w->value.
static sl_code put_change(work *w, int64_t group, const sl_state_row *row, sli_state_change *change,
                          sl_error *err)
{
    sl_error error = SL_ERROR_INIT;
    size_t at = w->value.size;
    *change = (sli_state_change){.act = SLI_STATE_REMOVE, .key = put_key(w, group)};
    change->hash = w->is_once ? w->keys[group].hash : sli_groups_hashes(w->groups)[group];
    if (w->marks != NULL) {
        change->key_hash = w->marks[group].key_hash;
        change->mark = w->marks[group].mark;
    }
    if ((row->flags & SL_STATE_EXISTS) == 0) {
        return SL_OK;
    }
    change->act = is_moved(w, row) ? SLI_STATE_MOVE : SLI_STATE_PUT;
    size_t value_at = w->value.size;
    sl_code rc = sli_map_state_put(w->body, row, w->run->time_us, &w->value, &error);
    change->value.size = w->value.size - value_at;
    if (rc != SL_OK) {
        sl_bytes key = w->is_once ? change->key : (sl_bytes){w->value.data + at, change->key.size};
        rc = blame_key(w, key, rc, &error);
        if (err != NULL) {
            *err = error;
        }
    }
    return rc;
}

static sl_code change_one(work *w, const sli_state_change *c, sl_error *err)
{
    const sli_store_ops *ops = store_of(w);
    if (c->act != SLI_STATE_PUT) {
        SL_TRY(ops->remove(w->view, c->hash, c->key, err));
    }
    return c->act == SLI_STATE_REMOVE ? SL_OK : ops->put(w->view, c->hash, c->key, c->value, err);
}

/// Hands changes on whose bytes lie one after the other in w->value.
static sl_code make_changes(work *w, sli_state_change *changes, int32_t n, sl_error *err)
{
    SL_TRY(sli_str_check(&w->value, "states of an epoch", err));
    const char *at = w->value.data; // no longer moves
    for (int32_t i = 0; i < n; i++) {
        if (changes[i].key.data == NULL) {
            changes[i].key.data = at;
            at += changes[i].key.size;
        }
        changes[i].value.data = at;
        at += changes[i].value.size;
    }
    if (w->marks != NULL) {
        return store_of(w)->change_all(w->view, changes, n, err);
    }
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(change_one(w, &changes[i], err));
    }
    return SL_OK;
}

/// Rows [0, n_groups).
static sl_code put_states(work *w, int64_t n_groups, sl_error *err)
{
    sli_state_change changes[TOGETHER];
    for (int64_t g = 0; g < n_groups;) {
        int32_t n = 0;
        sli_str_clear(&w->value);
        for (; g < n_groups && n < TOGETHER; g++) {
            const sl_state_row *row = row_at(w, w->rows, g);
            if (!is_changed(w, row)) {
                continue;
            }
            SL_TRY(put_change(w, g, row, &changes[n++], err));
        }
        SL_TRY(make_changes(w, changes, n, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a batch

static sl_code take_records(void *ctx, sl_batch *batch, sl_error *err)
{
    work *w = ctx;
    const sli_state_def *def = &w->body->def;
    sl_batch *keys = NULL, *values = NULL;
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    SL_TRY(sli_task_check(w->task, err));
    SL_TRY(w->is_once ? find_once(w, batch, err) : find_states(w, batch, err));
    SL_TRY(project(w, batch, def->key_schema, def->keys, &keys, err));
    sl_code rc = project(w, batch, def->value_schema, def->values, &values, err);
    if (rc == SL_OK) {
        sl_map_state_call call = call_of(w, sl_batch_rows(batch), keys);
        call.values = values;
        rc = run_function(w, &call, err);
        rc = rc == SL_OK ? push_made(w, &call, err) : rc;
        rc = rc == SL_OK && w->is_once ? put_states(w, call.n, err) : rc;
        w->n_before += call.n;
    }
    sl_batch_unref(keys);
    sl_batch_unref(values);
    return rc;
}

// ---------------------------------------------------------------- 4: idle keys

/// The next keys and states gathered, at most END_KEYS, as the call's keys and rows.
static sl_code read_idle(work *w, sli_reader *r, int32_t n, sl_batch **keys, sl_error *err)
{
    memset(w->rows, 0, (size_t)n * w->body->row_bytes);
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(sli_row_get(sli_get_bytes(r), w->idle_keys, 0, w->body->def.n_keys, err));
        SL_TRY(sli_map_state_get(w->body, sli_get_bytes(r), row_at(w, w->rows, i), w->task->arena,
                                 err));
        w->row_of[i] = i;
    }
    return sl_builder_finish(w->idle_keys, keys, err);
}

static sl_code remove_idle(work *w, sli_reader r, const sl_batch *keys, sl_error *err)
{
    uint64_t hashes[END_KEYS];
    const sli_state_def *def = &w->body->def;
    sli_batch_hash(keys, def->places, def->n_keys, hashes);
    for (int64_t i = 0; i < sl_batch_rows(keys); i++) {
        SL_TRY(store_of(w)->remove(w->view, hashes[i], sli_get_bytes(&r), err));
        (void)sli_get_bytes(&r);
    }
    return SL_OK;
}

/// Gives some of the keys gathered to the function once more, and removes them.
static sl_code end_keys(work *w, sli_reader *r, int32_t n, sl_error *err)
{
    sl_batch *keys = NULL;
    sli_reader from = *r;
    SL_TRY(sli_task_check(w->task, err));
    SL_TRY(read_idle(w, r, n, &keys, err));
    sl_map_state_call call = call_of(w, n, keys);
    call.timing_out = true;
    sl_code rc = run_function(w, &call, err);
    rc = rc == SL_OK ? push_made(w, &call, err) : rc;
    rc = rc == SL_OK ? remove_idle(w, from, keys, err) : rc;
    sl_batch_unref(keys);
    return rc;
}

static sl_code end_idle(work *w, sl_error *err)
{
    SL_TRY(sli_str_check(&w->idle, "idle keys", err));
    sli_reader r = sli_reader_of((sl_bytes){w->idle.data, w->idle.size});
    while (w->n_idle > 0) {
        int32_t n = w->n_idle < END_KEYS ? (int32_t)w->n_idle : END_KEYS;
        SL_TRY(end_keys(w, &r, n, err));
        w->n_idle -= n;
    }
    sli_str_clear(&w->idle);
    return SL_OK;
}

static sl_code take_idle(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    work *w = ctx;
    int64_t touched_us = 0;
    sl_bytes state = {NULL, 0};
    SL_TRY(sli_ttl_split(&w->body->def, value, &touched_us, &state, err));
    if (touched_us >= w->run->before) {
        w->oldest[slot] = touched_us;
        return SL_E_END;
    }
    sli_put_bytes(&w->idle, key.data, key.size);
    sli_put_bytes(&w->idle, value.data, value.size);
    w->n_idle++;
    return SL_OK;
}

/// All idle keys of one slot, and what is known of it afterwards.
static sl_code end_slot(work *w, int32_t slot, sl_error *err)
{
    if (w->body->oldest[slot] < w->run->before) {
        w->oldest[slot] = w->run->time_us; // nothing that comes later is touched earlier
        SL_TRY(store_of(w)->oldest(w->view, slot, take_idle, w, err));
    }
    return w->n_idle < END_KEYS ? SL_OK : end_idle(w, err);
}

static bool owns(const work *w, int32_t slot)
{
    return sli_partition_of(slot, w->rdd->n_partitions) == w->partition;
}

/// The rows and numbers of the epoch's keys are no longer needed: the memory serves here.
static sl_code end_slots(work *w, sl_error *err)
{
    if (w->run->before == INT64_MIN) {
        return SL_OK;
    }
    w->oldest = sl_arena_copy(w->task->arena, w->body->oldest, sizeof w->body->oldest);
    if (w->oldest == NULL) {
        return sl_error_nomem(err, sizeof w->body->oldest, "what is known of slots");
    }
    SL_TRY(make_room(&w->rows, &w->row_capacity, END_KEYS, w->body->row_bytes, err));
    SL_TRY(make_room(&w->row_of, &w->record_capacity, END_KEYS, sizeof *w->row_of, err));
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        if (owns(w, slot)) {
            SL_TRY(end_slot(w, slot, err));
        }
    }
    return end_idle(w, err);
}

// ---------------------------------------------------------------- the task

/// The numbers that a function draws belong to its own RDD's partition.
static sl_code make_args(work *w, sl_error *err)
{
    const char *uid = w->run->node->uid;
    int32_t partition = w->task->partition;
    w->task->partition = w->partition;
    sl_code rc =
        sli_task_args(w->task, w->body->def.args, sli_hash64(uid, strlen(uid)), 0, &w->args, err);
    w->task->partition = partition;
    return rc;
}

static sl_code open_work(work *w, sl_error *err)
{
    const sl_stream *node = w->run->node;
    const sli_state_def *def = &w->body->def;
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
    return store_of(w)->begin(node->store, node->table, w->run->epoch, w->partition,
                              w->rdd->n_partitions, &w->view, err);
}

static void close_work(work *w)
{
    sli_budget_release(w->task->runtime->budget, w->weight);
    sli_groups_free(w->groups);
    sl_free(w->rows);
    sl_free(w->marks);
    sl_free(w->keys);
    sl_free(w->hashes);
    sli_str_reset(&w->key_bytes);
    sl_free(w->row_of);
    sl_free(w->origins);
    sl_builder_free(w->out);
    sl_builder_free(w->idle_keys);
    sli_str_reset(&w->value);
    sli_str_reset(&w->idle);
    store_of(w)->drop(w->view);
}

/// The view stands for the partition until the epoch ends, unless one does already: two tasks of a
/// job may compute a partition at the same time.
static void keep_view(work *w)
{
    sli_state_view *none = NULL;
    // Release: pairs with the acquire loads of tasks that make snapshots.
    if (atomic_compare_exchange_strong_explicit(&w->run->views[w->partition], &none, w->view,
                                                memory_order_acq_rel, memory_order_acquire)) {
        w->view = NULL;
        for (int32_t slot = 0; slot < SLI_SLOTS && w->oldest != NULL; slot++) {
            if (owns(w, slot)) {
                w->run->oldest[slot] = w->oldest[slot];
            }
        }
    }
}

sl_code sli_map_state_compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    sli_map_state_run *run = rdd->body;
    SL_TRY(sli_state_check_open(run->node, run, run->epoch, err));
    work w = {.run = run,
              .body = run->body,
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
        rc = put_states(&w, sli_groups_count(w.groups), err);
    }
    if (rc == SL_OK) {
        rc = end_slots(&w, err);
    }
    if (rc == SL_OK) {
        keep_view(&w);
    }
    close_work(&w);
    return rc;
}
