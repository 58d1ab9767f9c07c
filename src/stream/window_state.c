// Windows that go on by the inverse: the work of one task, which owns one partition of the result.
//
//   1. the states of epochs that leave and of those that enter come from the panes, each side one
//      state a key (window_sides.c)
//   2. every key that the result has, in the table's order: what leaves is taken out, what enters
//      is added; then every key that is new
//   3. rows of what is there are pushed, and what changed is put into the view, which then stands
//      for the partition in this epoch
//
// Beside the window's aggregations the state counts rows, so a key whose rows have all left is
// known, and its leftover does not matter. SL_INVERSE_SPARK keeps such a key, as Spark does. What
// leaves is taken out before anything is added: Spark's order, which shows when an inverse is none.
//
// An epoch that runs without some rows of panes that it holds (poison.h) puts the keys of those
// rows together anew, from what is left of the window's panes: a state has no row that could be
// taken out alone, and the inverse may be what refused it. One of which nothing is left goes. All
// other keys go on as ever.
#include "stream/window_sides.h"

#include "base/bytes.h"
#include "base/hash.h"

enum { CHUNK_KEYS = SLI_BATCH_ROWS };

/// The RDD of one epoch.
typedef struct state_run {
    const sl_stream *node;
    const sli_window_def *def;
    int64_t epoch;
    sli_pane_moves moves;
    _Atomic bool is_over;
    _Atomic bool done[]; ///< per partition: a view stands for it
} state_run;

/// Keys of one step, with their states.
typedef struct chunk {
    sl_builder *rows; ///< keys and states, as the plan's partial schema has them
    sli_str old;      ///< known keys: key and state bytes of each, length-prefixed
    int32_t n;
    int32_t *group;          ///< the key's group among the sides', or -1
    int32_t *place, *picked; ///< scratch: rows to be changed, and the groups that change them
    uint64_t *hashes;
    uint8_t *gone, *shown; ///< bits: the key goes; its row is pushed
} chunk;

typedef struct going {
    const state_run *run;
    const sli_window_def *def;
    const sli_window_state *state;
    sl_rdd *rdd;
    int32_t partition; ///< of `rdd`: the task's is that of an RDD above it
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sl_args args;
    int32_t *columns; ///< 0, 1, 2, ...
    sli_pane_sides sides;
    bool *known;    ///< by group of the sides: the table has the key
    sli_aggs *aggs; ///< of a chunk
    chunk chunk;
    sli_str changes; ///< u8 put, u64 hash, key bytes, state bytes
    sli_str key, value;
} going;

static sl_code no_room(size_t bytes, sl_error *err)
{
    return sl_error_nomem(err, bytes, "the step of a window");
}

// ---------------------------------------------------------------- 2: a chunk of keys

typedef sl_code (*change_fn)(sli_aggs *aggs, const int32_t *group, const sl_batch *partial,
                             sl_error *err);

/// Changes the chunk's states by those of the side that has their keys.
static sl_code change(going *g, const sli_pane_side *s, change_fn by, sl_error *err)
{
    chunk *c = &g->chunk;
    int32_t n = 0;
    for (int32_t i = 0; i < c->n; i++) {
        if (sli_is_marked(&s->keys, c->group[i])) {
            c->place[n] = i;
            c->picked[n++] = c->group[i];
        }
    }
    if (n == 0) {
        return SL_OK;
    }
    sl_batch *states = NULL;
    SL_TRY(sli_batch_take(s->states, c->picked, n, &states, err));
    sl_code rc = by(g->aggs, c->place, states, err);
    sl_batch_unref(states);
    return rc;
}

static void set_bit(uint8_t *bits, int32_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | (1 << (i % 8)));
}

static bool bit(const uint8_t *bits, int32_t i)
{
    return (bits[i / 8] >> (i % 8) & 1) != 0;
}

/// The chunk's results, a row a key: the window's columns without what the state adds.
static sl_code results(going *g, const sl_batch *keys, sl_batch **out, const sl_column **rows,
                       sl_batch **whole, sl_error *err)
{
    const sl_schema *schema = sli_agg_plan_result(g->state->plan);
    int32_t n = sl_schema_columns(g->rdd->schema);
    int32_t first = sl_schema_columns(schema) - 1 - n; // a constant key stands before the others
    sl_builder *builder = NULL;
    const sl_batch **from = sl_arena_alloc(g->task->arena, (size_t)n * sizeof *from);
    int32_t *column = sl_arena_alloc(g->task->arena, (size_t)n * sizeof *column);
    if (from == NULL || column == NULL) {
        return no_room((size_t)n * sizeof *from, err);
    }
    SL_TRY(sl_builder_new(&builder, schema, err));
    for (int32_t i = 0; i < g->chunk.n; i++) {
        for (int32_t k = 0; k < g->state->n_keys; k++) {
            sl_builder_cell(builder, k, sl_batch_column(keys, k), i);
        }
    }
    sl_code rc = sli_aggs_finish(g->aggs, 0, g->chunk.n, builder, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(builder, whole, err);
    sl_builder_free(builder);
    SL_TRY(rc);
    *rows = sl_batch_column(*whole, sl_schema_columns(schema) - 1);
    for (int32_t i = 0; i < n; i++) {
        from[i] = *whole;
        column[i] = first + i;
    }
    return sli_batch_project(g->rdd->schema, from, column, out, err);
}

/// Which keys go, and which rows are shown.
static sl_code judge(going *g, const sl_batch *made, const sl_column *rows, sl_error *err)
{
    chunk *c = &g->chunk;
    bool spark = g->def->inverse == SL_INVERSE_SPARK;
    sl_batch *verdict = NULL;
    memset(c->gone, 0, CHUNK_KEYS / 8);
    memset(c->shown, 0, CHUNK_KEYS / 8);
    if (g->state->keep != NULL) {
        SL_TRY(sli_projection_eval(g->state->keep, made, &verdict, err));
    }
    const sl_column *keep = verdict == NULL ? NULL : sl_batch_column(verdict, 0);
    for (int32_t i = 0; i < c->n; i++) {
        bool kept = keep == NULL || (!sl_column_is_null(keep, i) && sl_column_bool(keep, i));
        bool goes =
            sli_is_lost(&g->sides, c->group[i]) || (spark ? !kept : sl_column_int64(rows, i) == 0);
        if (goes) {
            set_bit(c->gone, i);
        } else if (kept) {
            set_bit(c->shown, i);
        }
    }
    sl_batch_unref(verdict);
    return SL_OK;
}

static sl_code push_shown(going *g, const sl_batch *made, sl_error *err)
{
    sl_batch *shown = NULL;
    SL_TRY(sli_batch_filter(made, g->chunk.shown, &shown, err));
    g->task->operator_uid = NULL; // from here on others are to blame
    sl_code rc = sl_batch_rows(shown) > 0 ? g->push(g->ctx, shown, err) : SL_OK;
    sl_batch_unref(shown);
    if (rc == SL_OK) {
        g->task->operator_uid = g->run->node->uid;
    }
    return rc;
}

// ---------------------------------------------------------------- 3: changes

static void note_change(going *g, bool put, uint64_t hash, sl_bytes key)
{
    sli_put_u8(&g->changes, put);
    sli_put_u64(&g->changes, hash);
    sli_put_bytes(&g->changes, key.data, key.size);
    if (put) {
        sli_put_bytes(&g->changes, g->value.data, g->value.size);
    }
}

/// Notes the new state of key `i`, unless it is the old one.
static void note_key(going *g, const sl_batch *states, int32_t i, sl_bytes key, sl_bytes was)
{
    bool gone = bit(g->chunk.gone, i), had = was.data != NULL;
    sli_str_clear(&g->value);
    if (gone) {
        if (had) {
            note_change(g, false, g->chunk.hashes[i], key);
        }
        return;
    }
    sli_row_put(&g->value, states, g->columns + g->state->n_keys, g->state->n_values, i);
    if (!had || was.size != g->value.size || memcmp(was.data, g->value.data, was.size) != 0) {
        note_change(g, true, g->chunk.hashes[i], key);
    }
}

static sl_code note_changes(going *g, const sl_batch *keys, bool known, sl_error *err)
{
    chunk *c = &g->chunk;
    sl_builder *builder = NULL;
    sl_batch *states = NULL;
    SL_TRY(sl_builder_new(&builder, g->def->pane_schema, err));
    for (int32_t i = 0; i < c->n; i++) {
        for (int32_t k = 0; k < g->state->n_keys; k++) {
            sl_builder_cell(builder, k, sl_batch_column(keys, k), i);
        }
    }
    sl_code rc = sli_aggs_partial(g->aggs, 0, c->n, builder, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(builder, &states, err);
    sl_builder_free(builder);
    SL_TRY(rc);
    sli_batch_hash(states, g->columns, g->state->n_keys, c->hashes);
    sli_reader old = sli_reader_of((sl_bytes){c->old.data, c->old.size});
    for (int32_t i = 0; i < c->n; i++) {
        sl_bytes key = {0}, was = {0};
        if (known) {
            key = sli_get_bytes(&old);
            was = sli_get_bytes(&old);
        } else {
            sli_str_clear(&g->key);
            sli_row_put(&g->key, states, g->columns, g->state->n_keys, i);
            key = (sl_bytes){g->key.data, g->key.size};
        }
        note_key(g, states, i, key, was);
    }
    sl_batch_unref(states);
    SL_TRY(sli_str_check(&g->key, "a key", err));
    SL_TRY(sli_str_check(&g->value, "a state", err));
    return sli_str_check(&g->changes, "changes of the state", err);
}

static sl_code apply_changes(going *g, sli_state_view *view, sl_error *err)
{
    const sli_store_ops *ops = g->run->node->store->ops;
    sli_reader r = sli_reader_of((sl_bytes){g->changes.data, g->changes.size});
    while (r.at < r.end) {
        bool put = sli_get_u8(&r) != 0;
        uint64_t hash = sli_get_u64(&r);
        sl_bytes key = sli_get_bytes(&r);
        SL_TRY(put ? ops->put(view, hash, key, sli_get_bytes(&r), err)
                   : ops->remove(view, hash, key, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- steps over all keys

/// The old states of the chunk's keys, but of those that are put together anew.
static sl_code merge_old(going *g, const sl_batch *rows, sl_error *err)
{
    chunk *c = &g->chunk;
    int32_t n = 0;
    if (!g->run->moves.is_cut) {
        return sli_aggs_merge(g->aggs, g->columns, rows, err);
    }
    for (int32_t i = 0; i < c->n; i++) {
        if (!sli_is_marked(&g->sides.anew, c->group[i]) || sli_is_lost(&g->sides, c->group[i])) {
            c->place[n++] = i;
        }
    }
    if (n == 0) {
        return SL_OK;
    }
    sl_batch *states = NULL;
    SL_TRY(sli_batch_take(rows, c->place, n, &states, err));
    sl_code rc = sli_aggs_merge(g->aggs, c->place, states, err);
    sl_batch_unref(states);
    return rc;
}

static sl_code step(going *g, const sl_batch *rows, bool known, sl_error *err)
{
    chunk *c = &g->chunk;
    sl_batch *made = NULL, *whole = NULL;
    const sl_column *n_rows = NULL;
    sli_aggs_clear(g->aggs);
    SL_TRY(sli_aggs_grow(g->aggs, c->n, err));
    if (known) {
        SL_TRY(merge_old(g, rows, err));
        SL_TRY(change(g, &g->sides.leaving, sli_aggs_inverse, err));
    }
    SL_TRY(change(g, &g->sides.entering, sli_aggs_merge, err));
    sl_code rc = results(g, rows, &made, &n_rows, &whole, err);
    rc = rc != SL_OK ? rc : judge(g, made, n_rows, err);
    rc = rc != SL_OK ? rc : push_shown(g, made, err);
    rc = rc != SL_OK ? rc : note_changes(g, rows, known, err);
    sl_batch_unref(made);
    sl_batch_unref(whole);
    return rc;
}

static sl_code finish_known(going *g, sl_error *err)
{
    chunk *c = &g->chunk;
    sl_batch *rows = NULL;
    if (c->n == 0) {
        return SL_OK;
    }
    SL_TRY(sli_task_check(g->task, err));
    SL_TRY(sl_builder_finish(c->rows, &rows, err));
    sl_code rc = sli_groups_find(g->sides.groups, rows, g->columns, c->group, err);
    for (int32_t i = 0; rc == SL_OK && i < c->n; i++) {
        if (c->group[i] >= 0) {
            g->known[c->group[i]] = true;
        }
    }
    rc = rc != SL_OK ? rc : step(g, rows, true, err);
    sl_batch_unref(rows);
    sli_str_clear(&c->old);
    c->n = 0;
    return rc;
}

static sl_code take_known(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    going *g = ctx;
    chunk *c = &g->chunk;
    (void)slot;
    SL_TRY(sli_row_get(key, c->rows, 0, g->state->n_keys, err));
    SL_TRY(sli_row_get(value, c->rows, g->state->n_keys, g->state->n_values, err));
    sli_put_bytes(&c->old, key.data, key.size);
    sli_put_bytes(&c->old, value.data, value.size);
    SL_TRY(sli_str_check(&c->old, "old states", err));
    return ++c->n == CHUNK_KEYS ? finish_known(g, err) : SL_OK;
}

static sl_code finish_new(going *g, sl_error *err)
{
    chunk *c = &g->chunk;
    sl_batch *rows = NULL;
    if (c->n == 0) {
        return SL_OK;
    }
    SL_TRY(sli_task_check(g->task, err));
    SL_TRY(sli_batch_take(g->sides.entering.states, c->group, c->n, &rows, err));
    sl_code rc = step(g, rows, false, err);
    sl_batch_unref(rows);
    c->n = 0;
    return rc;
}

/// Keys that the table has not and that enter, as they were first seen. A key that leaves and that
/// the table has not was dropped by the condition of SL_INVERSE_SPARK.
static sl_code take_new(going *g, sl_error *err)
{
    chunk *c = &g->chunk;
    int64_t n = sli_groups_count(g->sides.groups);
    for (int64_t i = 0; i < n; i++) {
        if (!g->known[i] && sli_is_marked(&g->sides.entering.keys, i)) {
            c->group[c->n++] = (int32_t)i;
            if (c->n == CHUNK_KEYS) {
                SL_TRY(finish_new(g, err));
            }
        }
    }
    return finish_new(g, err);
}

// ---------------------------------------------------------------- the task

static sl_code open_chunk(going *g, sl_error *err)
{
    chunk *c = &g->chunk;
    sl_arena *arena = g->task->arena;
    c->group = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->group);
    c->place = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->place);
    c->picked = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->picked);
    c->hashes = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *c->hashes);
    c->gone = sl_arena_alloc(arena, CHUNK_KEYS / 8);
    c->shown = sl_arena_alloc(arena, CHUNK_KEYS / 8);
    g->columns = sl_arena_alloc(arena, CHUNK_KEYS * sizeof *g->columns);
    if (c->group == NULL || c->place == NULL || c->picked == NULL || c->hashes == NULL ||
        c->gone == NULL || c->shown == NULL || g->columns == NULL) {
        return no_room(CHUNK_KEYS * sizeof *c->hashes, err);
    }
    for (int32_t i = 0; i < CHUNK_KEYS; i++) {
        g->columns[i] = i;
    }
    return sl_builder_new(&c->rows, g->def->pane_schema, err);
}

static sl_code open_going(going *g, sl_error *err)
{
    const sli_agg_plan *plan = g->state->plan;
    const char *uid = g->run->node->uid;
    SL_TRY(open_chunk(g, err));
    SL_TRY(sli_task_args(g->task, NULL, sli_hash64(uid, strlen(uid)), 0, &g->args, err));
    SL_TRY(sli_pane_sides_open(&g->sides, g->columns, &g->args, err));
    return sli_aggs_new(&g->aggs, plan, &g->args, err);
}

static void close_going(going *g)
{
    if (g->aggs != NULL) {
        sli_aggs_free(g->aggs);
    }
    sli_pane_sides_reset(&g->sides);
    sl_free(g->known);
    sl_builder_free(g->chunk.rows);
    sli_str_reset(&g->chunk.old);
    sli_str_reset(&g->changes);
    sli_str_reset(&g->key);
    sli_str_reset(&g->value);
}

static sl_code open_known(going *g, sl_error *err)
{
    size_t n = (size_t)sli_groups_count(g->sides.groups) + 1;
    g->known = sl_alloc_zero(SLI_TAG_STREAM, n);
    return g->known == NULL ? no_room(n, err) : SL_OK;
}

static sl_code run_all(going *g, sli_state_view *view, sl_error *err)
{
    const sli_store_ops *ops = g->run->node->store->ops;
    SL_TRY(ops->each(view, take_known, g, err));
    SL_TRY(finish_known(g, err));
    SL_TRY(take_new(g, err));
    return apply_changes(g, view, err);
}

static sl_code go_on(going *g, sl_error *err)
{
    const state_run *run = g->run;
    sli_store *store = run->node->store;
    sli_state_view *view = NULL;
    SL_TRY(open_going(g, err));
    SL_TRY(sli_pane_sides_take(&g->sides, &run->moves, err));
    SL_TRY(open_known(g, err));
    SL_TRY(store->ops->begin(store, run->node->table, run->epoch, g->partition,
                             g->rdd->n_partitions, &view, err));
    sl_code rc = run_all(g, view, err);
    if (rc == SL_OK) {
        return store->ops->done(view, err);
    }
    store->ops->drop(view);
    return rc;
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    state_run *run = rdd->body;
    if (atomic_load(&run->is_over)) {
        return sl_error_set(err, SL_E_STATE,
                            "the window of epoch %lld of %s can't be computed in a later epoch: "
                            "keep its rows with sl_rdd_collect",
                            (long long)run->epoch, run->node->uid);
    }
    going g = {.run = run,
               .def = run->def,
               .state = run->def->state,
               .rdd = rdd,
               .partition = partition,
               .task = task,
               .push = push,
               .ctx = ctx,
               .sides = {.def = run->def,
                         .task = task,
                         .partition = partition,
                         .n_partitions = rdd->n_partitions}};
    g.changes.tag = g.key.tag = g.value.tag = g.chunk.old.tag = SLI_TAG_STREAM;
    task->operator_uid = run->node->uid; // whose aggregations compute
    sl_code rc = go_on(&g, err);
    close_going(&g);
    if (rc == SL_OK) {
        task->operator_uid = NULL;
        // Release: pairs with the acquire in sli_window_state_settle, though the job's end orders
        // them too.
        atomic_store_explicit(&run->done[partition], true, memory_order_release);
    }
    return rc;
}

// ---------------------------------------------------------------- the RDD

static void free_run(sl_rdd *rdd)
{
    state_run *run = rdd->body;
    sli_panes_reset(&run->moves.leaving);
    sli_panes_reset(&run->moves.entering);
    sli_panes_reset(&run->moves.staying);
    sl_free(run);
}

static const sli_rdd_ops state_ops = {
    .name = "window by the inverse", .compute = compute, .free = free_run};

/// What the state has and the window has not any more, and the other way round.
static sl_code find_panes(const sli_window *window, int64_t time_us, state_run *run, sl_error *err)
{
    int64_t begin_us = time_us - run->def->window_us;
    int64_t left_us = begin_us < window->to_us ? begin_us : window->to_us;
    int64_t entered_us = begin_us > window->to_us ? begin_us : window->to_us;
    SL_TRY(sli_panes_between(&window->panes, window->from_us, left_us, &run->moves.leaving, err));
    SL_TRY(sli_panes_between(&window->panes, entered_us, time_us, &run->moves.entering, err));
    for (int32_t i = 0; i < window->panes.n; i++) {
        run->moves.is_cut = run->moves.is_cut || window->panes.at[i]->cut != NULL;
    }
    return run->moves.is_cut
               ? sli_panes_between(&window->panes, left_us, window->to_us, &run->moves.staying, err)
               : SL_OK;
}

static sl_rdd *rdd_of(sl_stream *node, sli_epoch *epoch, state_run *run, int32_t n)
{
    int64_t keys = node->store->ops->keys(node->store, node->table);
    sl_rdd *rdd = sli_rdd_new(epoch->runtime, &state_ops, node->schema, n, NULL, 0, run);
    if (rdd != NULL && rdd->mistake == NULL) {
        rdd->pinned = rdd->is_held = true;
        rdd->rows_expected =
            keys + sli_panes_rows(&run->moves.leaving) + sli_panes_rows(&run->moves.entering);
        rdd->is_empty = rdd->rows_expected == 0;
    }
    return rdd;
}

sl_code sli_window_state_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd **out, sl_error *err)
{
    int32_t n = sli_window_partitions(node, epoch->runtime);
    size_t size = sizeof(state_run) + (size_t)n * sizeof(_Atomic bool);
    if (node->store == NULL || node->table == NULL || node->window == NULL) {
        return sl_error_set(err, SL_E_STATE, "its state is not open");
    }
    state_run *run = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (run == NULL) {
        return sl_error_nomem(err, size, "the RDD of a window");
    }
    run->node = node;
    run->def = node->body;
    run->epoch = epoch->number;
    sl_code rc = find_panes(node->window, epoch->time_us, run, err);
    if (rc != SL_OK) {
        sl_rdd rest = {.body = run};
        free_run(&rest);
        return rc;
    }
    *out = rdd_of(node, epoch, run, n);
    node->window->running = sl_rdd_check(*out, NULL) == SL_OK ? *out : NULL;
    node->window->was_given = true;
    return SL_OK;
}

static sl_code drop_rows(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)ctx;
    (void)partition;
    (void)batch;
    (void)err;
    return SL_OK;
}

sl_code sli_window_state_settle(sl_rdd *rdd, sl_error *err)
{
    const state_run *run = rdd->body;
    int32_t missing[SLI_MAX_HASH_PARTITIONS];
    int32_t n = 0;
    for (int32_t i = 0; i < rdd->n_partitions && !rdd->is_empty; i++) {
        if (!atomic_load_explicit(&run->done[i], memory_order_acquire)) {
            missing[n++] = i;
        }
    }
    return n == 0 ? SL_OK : rdd->runtime->run(rdd->runtime, rdd, missing, n, drop_rows, NULL, err);
}

void sli_window_state_end(sl_rdd *rdd)
{
    state_run *run = rdd->body;
    atomic_store(&run->is_over, true);
}
