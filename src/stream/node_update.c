// updateStateByKey: the work of one task, which owns one partition of the state.
//
//   1. the epoch's rows of the partition come out of the shuffle and are sorted by key, keys in
//      first-seen order, the rows of a key in arrival order
//   2. every key that the state has, in the state's order, then every new key, is given to the
//      function, some thousand at a time, with its rows and its old state; but for keys whose time
//      is over (node_ttl.c): these go, and are new if they have rows
//   3. keys and new states that are kept are pushed as rows
//   4. what changed is put into the view, which then stands for the partition in this epoch
//
// The view starts from the state after the last completed epoch, so a task that runs again (a
// retry, a lost cached block) gives the same rows and the same changes. A state that did not change
// is not put: the group's delta is as large as what changed.
#include "stream/node_state.h"

#include "base/bytes.h"
#include "base/hash.h"

enum { CHUNK_KEYS = SLI_BATCH_ROWS, CHUNK_BYTES = 1 << 20 };

/// The RDD of one epoch.
typedef struct update_run {
    const sl_stream *node;
    const sli_update_body *body;
    int64_t epoch, time_us;
    _Atomic bool done[]; ///< per partition: a view stands for it
} update_run;

/// The keys that go into one call. Known ones are never mixed with new ones.
typedef struct chunk {
    sl_builder *keys, *states;
    sli_str old; ///< known keys: key and state bytes of each, length-prefixed
    int32_t n;
    int32_t *group; ///< the key's group among the epoch's rows, or -1
    int64_t *from;  ///< rows of each key, CHUNK_KEYS + 1
    bool *had, *keep;
    uint64_t *hashes;
    uint8_t *bits;
} chunk;

/// Keys of the state whose time is over, until their removal is noted.
typedef struct overdue {
    sl_builder *keys;
    sli_str bytes; ///< key bytes of each, length-prefixed
    int32_t n;
} overdue;

typedef struct update {
    const update_run *run;
    const sli_state_def *def;
    sl_rdd *rdd;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sl_args args;
    // the epoch's rows
    sl_batch **batches;
    int32_t n_batches, batch_capacity;
    int64_t n_rows;
    int64_t weight;                  ///< bytes counted in the budget
    sli_groups *groups;              ///< NULL without rows
    int32_t *group_of, row_capacity; ///< by row, in arrival order
    sl_batch *values;                ///< value columns of all rows
    int64_t *first;                  ///< by group, n_groups + 1: where its rows are in `order`
    int32_t *order;                  ///< rows by group
    bool *known;                     ///< by group: the state has the key
    int32_t *picked;                 ///< rows of one chunk
    chunk chunk;
    overdue overdue;
    sl_builder *out;
    sli_str changes; ///< u8 put, u64 hash, key bytes, state bytes
    sli_str row;     ///< one state as bytes
} update;

// ---------------------------------------------------------------- 1: the epoch's rows

static sl_code keep_batch(update *u, sl_batch *batch, sl_error *err)
{
    sl_batch **grown = sli_grown(u->batches, u->n_batches, &u->batch_capacity, sizeof(sl_batch *));
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)u->n_batches * sizeof(sl_batch *), "rows of an epoch");
    }
    u->batches = grown;
    u->batches[u->n_batches++] = sl_batch_ref(batch);
    int64_t bytes = sl_batch_bytes(batch);
    (void)sli_budget_reserve(u->task->runtime->budget, bytes,
                             true); // counted, so that blocks make room
    u->weight += bytes;
    return SL_OK;
}

static sl_code take_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    update *u = ctx;
    int64_t n = sl_batch_rows(batch), all = u->n_rows + n;
    if (all > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA,
                            "more than 2^31 - 1 rows for one partition in one epoch: set more "
                            "partitions or a shorter interval");
    }
    if (u->groups == NULL) {
        SL_TRY(
            sli_groups_new(&u->groups, sl_batch_schema(batch), u->def->keys, u->def->n_keys, err));
    }
    if (all > u->row_capacity) {
        int64_t capacity = all > INT32_MAX / 2 ? INT32_MAX : all * 2;
        int32_t *grown = sl_realloc(SLI_TAG_STREAM, u->group_of, (size_t)capacity * sizeof *grown);
        if (grown == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *grown, "groups of rows");
        }
        u->group_of = grown;
        u->row_capacity = (int32_t)capacity;
    }
    SL_TRY(keep_batch(u, batch, err));
    SL_TRY(sli_groups_add(u->groups, batch, NULL, u->group_of + u->n_rows, err));
    u->n_rows = all;
    return SL_OK;
}

static int64_t n_groups(const update *u)
{
    return u->groups == NULL ? 0 : sli_groups_count(u->groups);
}

/// Sorts rows by group, keeping their order: counts, then places.
static sl_code sort_rows(update *u, sl_error *err)
{
    size_t groups = (size_t)n_groups(u), rows = (size_t)u->n_rows;
    u->first = sl_alloc_array(SLI_TAG_STREAM, groups + 2, sizeof *u->first);
    u->known = sl_alloc_array(SLI_TAG_STREAM, groups + 1, sizeof *u->known);
    u->order = sl_alloc(SLI_TAG_STREAM, (rows + 1) * sizeof *u->order);
    u->picked = sl_alloc(SLI_TAG_STREAM, (rows + 1) * sizeof *u->picked);
    if (u->first == NULL || u->known == NULL || u->order == NULL || u->picked == NULL) {
        return sl_error_nomem(err, rows * sizeof *u->order, "rows by key");
    }
    // first[g + 2] counts, so that after the sums first[g + 1] is where group g begins; placing its
    // rows moves it on to where group g + 1 begins.
    for (int64_t i = 0; i < u->n_rows; i++) {
        u->first[u->group_of[i] + 2]++;
    }
    for (size_t g = 2; g < groups + 2; g++) {
        u->first[g] += u->first[g - 1];
    }
    for (int64_t i = 0; i < u->n_rows; i++) {
        u->order[u->first[u->group_of[i] + 1]++] = (int32_t)i;
    }
    return SL_OK;
}

static sl_code gather_values(update *u, sl_error *err)
{
    sl_batch *all = NULL;
    const sl_batch *from[1] = {NULL};
    if (u->n_batches == 0) {
        return sli_batch_empty(u->def->value_schema, &u->values, err);
    }
    SL_TRY(sli_batch_concat((const sl_batch *const *)u->batches, u->n_batches, &all, err));
    size_t n = (size_t)u->def->n_values;
    const sl_batch **sources = sl_arena_alloc(u->task->arena, n * sizeof *sources);
    from[0] = all;
    for (size_t i = 0; sources != NULL && i < n; i++) {
        sources[i] = from[0];
    }
    sl_code rc = sources == NULL ? sl_error_nomem(err, n * sizeof *sources, "values")
                                 : sli_batch_project(u->def->value_schema, sources, u->def->values,
                                                     &u->values, err);
    sl_batch_unref(all);
    return rc;
}

// ---------------------------------------------------------------- 2: calling the function

/// The rows of the chunk's keys, one key after the other.
static sl_code pick_values(update *u, sl_batch **out, sl_error *err)
{
    chunk *c = &u->chunk;
    int64_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        int32_t g = c->group[i];
        c->from[i] = n;
        for (int64_t at = g < 0 ? 0 : u->first[g]; g >= 0 && at < u->first[g + 1]; at++) {
            u->picked[n++] = u->order[at];
        }
    }
    c->from[c->n] = n;
    return sli_batch_take(u->values, u->picked, n, out, err);
}

static sl_code blame(const update *u, sl_code rc, sl_error *err)
{
    return sl_error_wrap(err, rc, "updateStateByKey %s [%s], partition %d", u->run->body->fn->name,
                         u->run->node->uid, u->task->partition);
}

static sl_code call(update *u, const sl_update_call *call, sl_error *err)
{
    const char *before = u->task->operator_uid;
    sl_error error = SL_ERROR_INIT;
    u->task->operator_uid = u->run->node->uid;
    sl_code rc = u->run->body->fn->run(&u->args, call, &error);
    rc = sli_state_call_end(u->task, before, rc, &error);
    if (rc != SL_OK) {
        rc = blame(u, rc, &error);
        if (err != NULL) {
            *err = error;
        }
    }
    return rc;
}

static sl_code check_made(const update *u, const sl_batch *made, sl_error *err)
{
    if (sl_batch_rows(made) == u->chunk.n) {
        return SL_OK;
    }
    sl_code rc = sl_error_set(err, SL_E_USER, "it appended %lld rows for %d keys",
                              (long long)sl_batch_rows(made), u->chunk.n);
    return blame(u, rc, err);
}

/// Calls the function for the chunk; *keys and *made are references for the caller.
static sl_code run_function(update *u, bool known, sl_batch **keys, sl_batch **made, sl_error *err)
{
    chunk *c = &u->chunk;
    sl_batch *values = NULL, *states = NULL, *rows = NULL;
    sl_code rc = pick_values(u, &values, err);
    if (rc == SL_OK) {
        rc = sl_builder_finish(c->states, &states, err);
    }
    if (rc == SL_OK) {
        for (int32_t i = 0; i < c->n; i++) {
            c->had[i] = known;
            c->keep[i] = true;
        }
        sl_update_call update_call = {*keys, values, states, c->from, c->had, c->keep, u->out};
        rc = call(u, &update_call, err);
    }
    if (rc == SL_OK) {
        sl_error error = SL_ERROR_INIT;
        rc = sl_builder_finish(u->out, &rows, &error);
        rc = rc == SL_OK ? check_made(u, rows, &error) : blame(u, rc, &error);
        if (rc != SL_OK && err != NULL) {
            *err = error;
        }
    }
    sl_batch_unref(values);
    sl_batch_unref(states);
    if (rc != SL_OK) {
        sl_batch_unref(rows);
        return rc;
    }
    *made = rows;
    return SL_OK;
}

// ---------------------------------------------------------------- 3: rows of what is kept

static sl_code push_kept(update *u, const sl_batch *keys, const sl_batch *made, sl_error *err)
{
    const sli_state_def *def = u->def;
    chunk *c = &u->chunk;
    int32_t n = sl_schema_columns(u->rdd->schema);
    const sl_batch **from = sl_arena_alloc(u->task->arena, (size_t)n * sizeof *from);
    int32_t *column = sl_arena_alloc(u->task->arena, (size_t)n * sizeof *column);
    if (from == NULL || column == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *from, "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        from[i] = i < def->n_keys ? keys : made;
        column[i] = i < def->n_keys ? i : i - def->n_keys;
    }
    memset(c->bits, 0, CHUNK_KEYS / 8);
    for (int32_t i = 0; i < c->n; i++) {
        c->bits[i / 8] = (uint8_t)(c->bits[i / 8] | (c->keep[i] ? 1 << (i % 8) : 0));
    }
    sl_batch *all = NULL, *kept = NULL;
    SL_TRY(sli_batch_project(u->rdd->schema, from, column, &all, err));
    sl_code rc = sli_batch_filter(all, c->bits, &kept, err);
    if (rc == SL_OK && sl_batch_rows(kept) > 0) {
        rc = u->push(u->ctx, kept, err);
    }
    sl_batch_unref(all);
    sl_batch_unref(kept);
    return rc;
}

// ---------------------------------------------------------------- 4: changes

static void note_change(update *u, bool put, uint64_t hash, sl_bytes key)
{
    sli_put_u8(&u->changes, put);
    sli_put_u64(&u->changes, hash);
    sli_put_bytes(&u->changes, key.data, key.size);
    if (put) {
        sli_put_bytes(&u->changes, u->row.data, u->row.size);
    }
}

/// What is stored for the chunk's i-th key from now on, into u->row: its state, and when its last
/// values came.
static sl_code put_stored(update *u, const sl_batch *made, int32_t i, bool known, sl_bytes was,
                          sl_error *err)
{
    const sli_state_def *def = u->def;
    const int64_t *from = u->chunk.from;
    int64_t updated_us = SLI_TTL_UNKNOWN;
    sl_bytes state = {NULL, 0};
    if (known && from[i] == from[i + 1]) {
        SL_TRY(sli_ttl_split(def, was, &updated_us, &state, err));
    }
    sli_str_clear(&u->row);
    sli_ttl_put(def, &u->row, updated_us == SLI_TTL_UNKNOWN ? u->run->time_us : updated_us);
    sli_row_put(&u->row, made, def->places, sl_schema_columns(def->state_schema), i);
    return sli_str_check(&u->row, "a state", err);
}

static bool is_same(sl_bytes was, const sli_str *row)
{
    return was.size == row->size && (was.size == 0 || memcmp(was.data, row->data, was.size) == 0);
}

static sl_code note_key(update *u, const sl_batch *made, int32_t i, bool known, sl_bytes key,
                        sl_bytes was, sl_error *err)
{
    chunk *c = &u->chunk;
    if (!c->keep[i]) {
        if (known) {
            note_change(u, false, c->hashes[i], key);
        }
        return SL_OK;
    }
    SL_TRY(put_stored(u, made, i, known, was, err));
    if (!known || !is_same(was, &u->row)) {
        note_change(u, true, c->hashes[i], key);
    }
    return SL_OK;
}

static sl_code note_changes(update *u, const sl_batch *keys, const sl_batch *made, bool known,
                            sl_error *err)
{
    const sli_state_def *def = u->def;
    chunk *c = &u->chunk;
    sli_reader old = sli_reader_of((sl_bytes){c->old.data, c->old.size});
    sli_str key = {.tag = SLI_TAG_STREAM};
    sl_code rc = SL_OK;
    sli_batch_hash(keys, def->places, def->n_keys, c->hashes);
    for (int32_t i = 0; i < c->n && rc == SL_OK; i++) {
        if (known) {
            sl_bytes was_key = sli_get_bytes(&old), was = sli_get_bytes(&old);
            rc = note_key(u, made, i, true, was_key, was, err);
        } else {
            sli_str_clear(&key);
            sli_row_put(&key, keys, def->places, def->n_keys, i);
            rc = sli_str_check(&key, "a key", err);
            sl_bytes new_key = {key.data, key.size};
            rc = rc == SL_OK ? note_key(u, made, i, false, new_key, (sl_bytes){NULL, 0}, err) : rc;
        }
    }
    sli_str_reset(&key);
    return rc == SL_OK ? sli_str_check(&u->changes, "changes of the state", err) : rc;
}

// Keys whose time is over.

static sl_code note_overdue(update *u, sl_error *err)
{
    overdue *o = &u->overdue;
    sl_batch *keys = NULL;
    if (o->n == 0) {
        return SL_OK;
    }
    SL_TRY(sl_builder_finish(o->keys, &keys, err));
    sli_batch_hash(keys, u->def->places, u->def->n_keys, u->chunk.hashes);
    sli_reader r = sli_reader_of((sl_bytes){o->bytes.data, o->bytes.size});
    for (int32_t i = 0; i < o->n; i++) {
        note_change(u, false, u->chunk.hashes[i], sli_get_bytes(&r));
    }
    sl_batch_unref(keys);
    sli_str_clear(&o->bytes);
    o->n = 0;
    return sli_str_check(&u->changes, "changes of the state", err);
}

static sl_code take_overdue(update *u, sl_bytes key, sl_error *err)
{
    overdue *o = &u->overdue;
    SL_TRY(sli_row_get(key, o->keys, 0, u->def->n_keys, err));
    sli_put_bytes(&o->bytes, key.data, key.size);
    SL_TRY(sli_str_check(&o->bytes, "keys whose time is over", err));
    o->n++;
    return o->n == CHUNK_KEYS || o->bytes.size >= CHUNK_BYTES ? note_overdue(u, err) : SL_OK;
}

static sl_code apply_changes(update *u, sli_state_view *view, sl_error *err)
{
    const sli_store_ops *ops = u->run->node->store->ops;
    sli_reader r = sli_reader_of((sl_bytes){u->changes.data, u->changes.size});
    while (r.at < r.end) {
        bool put = sli_get_u8(&r) != 0;
        uint64_t hash = sli_get_u64(&r);
        sl_bytes key = sli_get_bytes(&r);
        if (put) {
            SL_TRY(ops->put(view, hash, key, sli_get_bytes(&r), err));
        } else {
            SL_TRY(ops->remove(view, hash, key, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- chunks

static sl_code finish_chunk(update *u, bool known, sl_error *err)
{
    chunk *c = &u->chunk;
    sl_batch *keys = NULL, *made = NULL;
    if (c->n == 0) {
        return SL_OK;
    }
    SL_TRY(sli_task_check(u->task, err));
    SL_TRY(sl_builder_finish(c->keys, &keys, err));
    sl_code rc = SL_OK;
    if (known && u->groups != NULL) {
        rc = sli_groups_find(u->groups, keys, u->def->places, c->group, err);
        for (int32_t i = 0; rc == SL_OK && i < c->n; i++) {
            if (c->group[i] >= 0) {
                u->known[c->group[i]] = true;
            }
        }
    }
    if (rc == SL_OK) {
        rc = run_function(u, known, &keys, &made, err);
    }
    if (rc == SL_OK) {
        rc = push_kept(u, keys, made, err);
    }
    if (rc == SL_OK) {
        rc = note_changes(u, keys, made, known, err);
    }
    sl_batch_unref(keys);
    sl_batch_unref(made);
    c->n = 0;
    sli_str_clear(&c->old);
    return rc;
}

static sl_code take_known(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    update *u = ctx;
    chunk *c = &u->chunk;
    int64_t updated_us = 0;
    sl_bytes state = {NULL, 0};
    (void)slot;
    SL_TRY(sli_ttl_split(u->def, value, &updated_us, &state, err));
    if (sli_ttl_is_over(u->def, updated_us, u->run->time_us)) {
        return take_overdue(u, key, err);
    }
    SL_TRY(sli_row_get(key, c->keys, 0, u->def->n_keys, err));
    SL_TRY(sli_row_get(state, c->states, 0, sl_schema_columns(u->def->state_schema), err));
    sli_put_bytes(&c->old, key.data, key.size);
    sli_put_bytes(&c->old, value.data, value.size);
    SL_TRY(sli_str_check(&c->old, "old states", err));
    c->group[c->n++] = -1;
    bool full = c->n == CHUNK_KEYS || c->old.size >= CHUNK_BYTES;
    return full ? finish_chunk(u, true, err) : SL_OK;
}

static sl_code take_new(update *u, sl_error *err)
{
    chunk *c = &u->chunk;
    int32_t n_state = sl_schema_columns(u->def->state_schema);
    for (int64_t g = 0; g < n_groups(u); g++) {
        if (u->known[g]) {
            continue;
        }
        SL_TRY(sli_groups_keys(u->groups, g, 1, c->keys, 0, err));
        for (int32_t i = 0; i < n_state; i++) {
            sl_builder_null(c->states, i);
        }
        c->group[c->n++] = (int32_t)g;
        bool full = c->n == CHUNK_KEYS || sli_builder_bytes(c->keys) >= CHUNK_BYTES;
        if (full) {
            SL_TRY(finish_chunk(u, false, err));
        }
    }
    return finish_chunk(u, false, err);
}

// ---------------------------------------------------------------- the task

static sl_code open_update(update *u, sl_error *err)
{
    const sli_state_def *def = u->def;
    chunk *c = &u->chunk;
    sl_arena *arena = u->task->arena;
    c->group = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->group);
    c->from = sl_arena_alloc(arena, (CHUNK_KEYS + 1) * sizeof *c->from);
    c->had = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->had);
    c->keep = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->keep);
    c->hashes = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->hashes);
    c->bits = sl_arena_alloc(arena, CHUNK_KEYS / 8);
    if (c->group == NULL || c->from == NULL || c->had == NULL || c->keep == NULL ||
        c->hashes == NULL || c->bits == NULL) {
        return sl_error_nomem(err, CHUNK_KEYS * sizeof *c->hashes, "keys of a call");
    }
    SL_TRY(sl_builder_new(&c->keys, def->key_schema, err));
    SL_TRY(sl_builder_new(&c->states, u->run->body->old_schema, err));
    SL_TRY(sl_builder_new(&u->overdue.keys, def->key_schema, err));
    SL_TRY(sl_builder_new(&u->out, def->state_schema, err));
    const char *uid = u->run->node->uid;
    SL_TRY(sli_task_args(u->task, def->args, sli_hash64(uid, strlen(uid)), 0, &u->args, err));
    return sli_task_adder(u->task, u->rdd, u->task->partition, &u->args, err);
}

static void close_update(update *u)
{
    for (int32_t i = 0; i < u->n_batches; i++) {
        sl_batch_unref(u->batches[i]);
    }
    sli_budget_release(u->task->runtime->budget, u->weight);
    sl_free(u->batches);
    sl_batch_unref(u->values);
    if (u->groups != NULL) {
        sli_groups_free(u->groups);
    }
    sl_free(u->group_of);
    sl_free(u->first);
    sl_free(u->order);
    sl_free(u->known);
    sl_free(u->picked);
    sl_builder_free(u->chunk.keys);
    sl_builder_free(u->chunk.states);
    sl_builder_free(u->overdue.keys);
    sl_builder_free(u->out);
    sli_str_reset(&u->chunk.old);
    sli_str_reset(&u->overdue.bytes);
    sli_str_reset(&u->changes);
    sli_str_reset(&u->row);
}

static sl_code run_all(update *u, sli_state_view *view, sl_error *err)
{
    const sli_store_ops *ops = u->run->node->store->ops;
    SL_TRY(sort_rows(u, err));
    SL_TRY(gather_values(u, err));
    SL_TRY(ops->each(view, take_known, u, err));
    SL_TRY(note_overdue(u, err));
    SL_TRY(finish_chunk(u, true, err));
    SL_TRY(take_new(u, err));
    return apply_changes(u, view, err);
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    update_run *run = rdd->body;
    sli_store *store = run->node->store;
    sli_state_view *view = NULL;
    update u = {
        .run = run, .def = &run->body->def, .rdd = rdd, .task = task, .push = push, .ctx = ctx};
    SL_TRY(sli_state_check_open(run->node, run, run->epoch, err));
    u.changes.tag = u.row.tag = u.chunk.old.tag = u.overdue.bytes.tag = SLI_TAG_STREAM;
    sl_code rc = open_update(&u, err);
    if (rc == SL_OK) {
        rc = sli_dep_each(rdd, 0, partition, task, take_rows, &u, err);
    }
    if (rc == SL_OK) {
        rc = store->ops->begin(store, run->node->table, run->epoch, partition, rdd->n_partitions,
                               &view, err);
    }
    if (rc == SL_OK) {
        rc = run_all(&u, view, err);
        if (rc == SL_OK) {
            rc = store->ops->done(view, err);
        } else {
            store->ops->drop(view);
        }
    }
    close_update(&u);
    if (rc == SL_OK) {
        sli_adder_whole(&u.args);
        // Release: pairs with the acquire in sli_update_settle, though the job's end orders them
        // too.
        atomic_store_explicit(&run->done[partition], true, memory_order_release);
    }
    return rc;
}

static void free_run(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops update_rdd_ops = {
    .name = "updateStateByKey", .compute = compute, .free = free_run};

sl_code sli_update_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                       sl_error *err)
{
    sli_runtime *runtime = epoch->runtime;
    sli_update_body *body = node->body;
    int32_t n = 0;
    SL_TRY(sli_state_partitions(node, runtime, &n, err));
    size_t size = sizeof(update_run) + (size_t)n * sizeof(_Atomic bool);
    update_run *run = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (run == NULL) {
        return sl_error_nomem(err, size, "an RDD of state");
    }
    run->node = node;
    run->body = body;
    run->epoch = epoch->number;
    run->time_us = epoch->time_us;
    sli_dep dep;
    sl_code rc = sli_keyed_dep(inputs[0], body->def.keys, body->def.n_keys, n, &dep, err);
    if (rc != SL_OK) {
        sl_free(run);
        return rc;
    }
    *out = sli_rdd_placed(sli_rdd_new(runtime, &update_rdd_ops, node->schema, n, &dep, 1, run),
                          body->def.key_text);
    if (*out != NULL && (*out)->mistake == NULL) {
        (*out)->pinned = (*out)->is_held = true;
        atomic_store(&body->def.open, run);
    }
    return SL_OK;
}

bool sli_is_update_rdd(const sl_rdd *rdd)
{
    return rdd->ops == &update_rdd_ops;
}

void sli_update_end(sl_rdd *rdd)
{
    const update_run *run = rdd->body;
    atomic_store(&sli_state_def_of(run->node)->open, NULL);
}

sl_code sli_update_settle(sl_rdd *rdd, sl_error *err)
{
    update_run *run = rdd->body;
    int32_t missing[SLI_MAX_HASH_PARTITIONS];
    int32_t n = 0;
    for (int32_t i = 0; i < rdd->n_partitions; i++) {
        if (!atomic_load_explicit(&run->done[i], memory_order_acquire)) {
            missing[n++] = i;
        }
    }
    return sli_rdd_run(rdd, missing, n, err);
}
