// mapWithState's RDD of an epoch, what it leaves for the next one, and the RDD of its snapshots.
//
// A task leaves its view with the RDD, not with the store: until the epoch ends the snapshots read
// what it holds. Then the views stand for their partitions, and the store completes the epoch.
//
// When is a key idle? Each slot of the table knows a time before which no key of it was touched, so
// that an epoch looks only into slots that may have an idle key, and an epoch without input and
// without such a slot does nothing at all. What is known is of this life only: nothing at its
// start, and nothing again after an epoch that failed.
#include "stream/node_map_state.h"

// ---------------------------------------------------------------- idle keys

/// Spark looks for idle keys when it checkpoints the state: every tenth batch.
static int64_t every_of(const sli_map_state_body *body, const sli_epoch *epoch)
{
    return body->every_us > 0             ? body->every_us
           : epoch->runtime->compat_spark ? 10 * epoch->interval_us
                                          : 0;
}

/// Keys last touched before this time are idle in the epoch; INT64_MIN: none is, or it does not
/// look.
static int64_t idle_before(const sl_stream *node, const sli_epoch *epoch)
{
    const sli_map_state_body *body = node->body;
    int64_t every_us = every_of(body, epoch), before = INT64_MIN;
    bool looks = body->def.ttl_us > 0 && (every_us <= 0 || epoch->time_us % every_us == 0);
    return looks && !__builtin_sub_overflow(epoch->time_us, body->def.ttl_us, &before) &&
                   body->soonest < before
               ? before
               : INT64_MIN;
}

bool sli_epoch_is_due(const sli_epoch *epoch, const sl_graph *graph)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const sl_stream *node = graph->nodes[i];
        if (node->ops == &sli_node_map_state_ops && idle_before(node, epoch) != INT64_MIN) {
            return true;
        }
    }
    return false;
}

static void keep_oldest(sli_map_state_body *body, const int64_t *oldest)
{
    memcpy(body->oldest, oldest, sizeof body->oldest);
    body->soonest = INT64_MAX;
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        body->soonest = oldest[slot] < body->soonest ? oldest[slot] : body->soonest;
    }
}

static void forget_oldest(sli_map_state_body *body)
{
    memset(body->oldest, 0, sizeof body->oldest);
    body->soonest = 0;
}

// ---------------------------------------------------------------- the RDD

static sli_state_view *view_of(const sli_map_state_run *run, int32_t partition)
{
    return atomic_load_explicit(&run->views[partition], memory_order_acquire);
}

/// The partition's view, for the caller to free.
static sli_state_view *take_view(sli_map_state_run *run, int32_t partition)
{
    return atomic_exchange(&run->views[partition], NULL);
}

static void free_run(sl_rdd *rdd)
{
    sli_map_state_run *run = rdd->body;
    sl_free(run->oldest);
    sl_free(run);
}

static const sli_rdd_ops map_state_ops = {
    .name = "mapWithState", .compute = sli_map_state_compute, .free = free_run};

static sl_code run_new(sl_stream *node, const sli_epoch *epoch, int32_t n, sli_map_state_run **out,
                       sl_error *err)
{
    sli_map_state_body *body = node->body;
    size_t size = sizeof(sli_map_state_run) + (size_t)n * sizeof(sli_state_view *);
    sli_map_state_run *run = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (run == NULL) {
        return sl_error_nomem(err, size, "an RDD of state");
    }
    run->node = node;
    run->body = body;
    run->epoch = epoch->number;
    run->time_us = epoch->time_us;
    run->before = idle_before(node, epoch);
    if (run->before != INT64_MIN) {
        run->oldest = sl_alloc(SLI_TAG_STREAM, sizeof body->oldest);
        if (run->oldest == NULL) {
            sl_free(run);
            return sl_error_nomem(err, sizeof body->oldest, "an RDD of state");
        }
        memcpy(run->oldest, body->oldest, sizeof body->oldest);
    }
    *out = run;
    return SL_OK;
}

sl_code sli_map_state_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err)
{
    int32_t n = 0;
    sli_dep dep;
    sli_map_state_run *run = NULL;
    sli_state_def *def = sli_state_def_of(node);
    SL_TRY(sli_state_partitions(node, epoch->runtime, &n, err));
    SL_TRY(run_new(node, epoch, n, &run, err));
    sl_code rc = sli_keyed_dep(inputs[0], def->keys, def->n_keys, n, &dep, err);
    if (rc != SL_OK) {
        sl_free(run->oldest);
        sl_free(run);
        return rc;
    }
    *out = sli_rdd_new(epoch->runtime, &map_state_ops, node->schema, n, &dep, 1, run);
    if (*out != NULL && (*out)->mistake == NULL) {
        (*out)->pinned = (*out)->is_held = true;
        (*out)->is_empty = inputs[0]->is_empty && run->before == INT64_MIN;
        atomic_store(&def->open, run);
    }
    return SL_OK;
}

bool sli_is_map_state_rdd(const sl_rdd *rdd)
{
    return rdd->ops == &map_state_ops;
}

/// Partitions that no task has computed yet; none of an RDD that is known to change nothing.
static sl_code compute_missing(sl_rdd *rdd, sl_error *err)
{
    const sli_map_state_run *run = rdd->body;
    int32_t missing[SLI_MAX_HASH_PARTITIONS], n = 0;
    for (int32_t p = 0; p < rdd->n_partitions && !rdd->is_empty; p++) {
        if (view_of(run, p) == NULL) {
            missing[n++] = p;
        }
    }
    return sli_rdd_run(rdd, missing, n, err);
}

sl_code sli_map_state_settle(sl_rdd *rdd, sl_error *err)
{
    sli_map_state_run *run = rdd->body;
    SL_TRY(compute_missing(rdd, err));
    for (int32_t p = 0; p < rdd->n_partitions; p++) {
        sli_state_view *view = take_view(run, p);
        if (view != NULL) {
            SL_TRY(run->node->store->ops->done(view, err));
        }
    }
    return SL_OK;
}

void sli_map_state_end(sl_rdd *rdd, bool settled)
{
    sli_map_state_run *run = rdd->body;
    for (int32_t p = 0; p < rdd->n_partitions; p++) {
        run->node->store->ops->drop(take_view(run, p));
    }
    if (run->oldest != NULL && settled) {
        keep_oldest(run->body, run->oldest);
    } else if (run->oldest != NULL) {
        forget_oldest(run->body);
    }
    atomic_store(&run->body->def.open, NULL);
}

// ---------------------------------------------------------------- snapshots

typedef struct snapshot_body {
    _Atomic bool ended; ///< the epoch is over
} snapshot_body;

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

static sl_code push_view(snapshot *s, sli_state_view *view, sl_error *err)
{
    SL_TRY(view->store->ops->each(view, take_row, s, err));
    return flush(s, err);
}

static sl_code ignore(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)ctx;
    (void)batch;
    (void)err;
    return SL_OK;
}

/// What the base has, for an RDD that is known to change nothing.
static sl_code push_base(snapshot *s, const sl_stream *node, const sl_rdd *state, int32_t partition,
                         int64_t epoch, sl_error *err)
{
    sli_state_view *view = NULL;
    const sli_store_ops *ops = node->store->ops;
    SL_TRY(ops->begin(node->store, node->table, epoch, partition, state->n_partitions, &view, err));
    sl_code rc = push_view(s, view, err);
    ops->drop(view);
    return rc;
}

static sl_code compute_snapshot(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                void *ctx, sl_error *err)
{
    sl_rdd *state = rdd->deps[0].parent;
    const sli_map_state_run *run = state->body;
    const snapshot_body *body = rdd->body;
    snapshot s = {.def = &run->body->def, .task = task, .push = push, .ctx = ctx};
    if (atomic_load(&body->ended)) {
        return sl_error_set(err, SL_E_STATE,
                            "snapshots of %s are of their epoch: keep their rows with "
                            "sl_rdd_collect",
                            run->node->uid);
    }
    if (!state->is_empty && view_of(run, partition) == NULL) {
        SL_TRY(sli_rdd_each(state, partition, task, ignore, NULL, err));
    }
    SL_TRY(sl_builder_new(&s.rows, rdd->schema, err));
    sli_state_view *view = view_of(run, partition);
    sl_code rc = view != NULL ? push_view(&s, view, err)
                              : push_base(&s, run->node, state, partition, task->epoch, err);
    sl_builder_free(s.rows);
    return rc;
}

static void free_snapshot(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops snapshot_ops = {
    .name = "stateSnapshots", .compute = compute_snapshot, .free = free_snapshot};

bool sli_is_snapshots_rdd(const sl_rdd *rdd)
{
    return rdd->ops == &snapshot_ops;
}

void sli_snapshots_end(sl_rdd *rdd)
{
    snapshot_body *body = rdd->body;
    atomic_store(&body->ended, true);
}

static sl_code snapshots_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                             sl_error *err)
{
    snapshot_body *body = sl_alloc_zero(SLI_TAG_STREAM, sizeof *body);
    if (body == NULL) {
        return sl_error_nomem(err, sizeof *body, "an RDD of snapshots");
    }
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(inputs[0])};
    *out = sli_rdd_new(epoch->runtime, &snapshot_ops, node->schema, inputs[0]->n_partitions, &dep,
                       1, body);
    if (*out != NULL && (*out)->mistake == NULL) {
        (*out)->pinned = (*out)->is_held = true;
    }
    return SL_OK;
}

const sli_node_ops sli_node_snapshots_ops = {.kind = "stateSnapshots", .rdd = snapshots_rdd};
