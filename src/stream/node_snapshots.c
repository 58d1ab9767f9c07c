// stateSnapshots: every key of a stream's state, as it is after the epoch.
#include "stream/node_touched.h"

typedef struct snapshot_body {
    _Atomic bool ended; ///< the epoch is over
} snapshot_body;

static sl_code ignore(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)ctx;
    (void)batch;
    (void)err;
    return SL_OK;
}

/// What the base has, for an RDD that is known to change nothing.
static sl_code push_base(const sl_rdd *state, int32_t partition, sli_task *task, sli_push_fn push,
                         void *ctx, sl_error *err)
{
    sli_state_view *view = NULL;
    const sli_touched_run *run = state->body;
    const sl_stream *node = run->node;
    const sli_store_ops *ops = node->store->ops;
    SL_TRY(ops->begin(node->store, node->table, task->epoch, partition, state->n_partitions, &view,
                      err));
    sl_code rc = run->touched->give_all(run, view, task, push, ctx, err);
    ops->drop(view);
    return rc;
}

static sl_code compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err)
{
    sl_rdd *state = rdd->deps[0].parent;
    const sli_touched_run *run = state->body;
    const snapshot_body *body = rdd->body;
    if (atomic_load(&body->ended)) {
        return sl_error_set(err, SL_E_STATE,
                            "snapshots of %s are of their epoch: keep their rows with "
                            "sl_rdd_collect",
                            run->node->uid);
    }
    if (!state->is_empty &&
        atomic_load_explicit(&run->views[partition], memory_order_acquire) == NULL) {
        SL_TRY(sli_rdd_each(state, partition, task, ignore, NULL, err));
    }
    sli_state_view *view = atomic_load_explicit(&run->views[partition], memory_order_acquire);
    return view == NULL ? push_base(state, partition, task, push, ctx, err)
                        : run->touched->give_all(run, view, task, push, ctx, err);
}

static void free_body(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops snapshot_ops = {
    .name = "stateSnapshots", .compute = compute, .free = free_body};

bool sli_is_snapshots_rdd(const sl_rdd *rdd)
{
    return rdd->ops == &snapshot_ops;
}

void sli_snapshots_end(sl_rdd *rdd)
{
    snapshot_body *body = rdd->body;
    atomic_store(&body->ended, true);
}

static sl_code make_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
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

const sli_node_ops sli_node_snapshots_ops = {.kind = "stateSnapshots", .rdd = make_rdd};

sl_stream *sl_stream_state_snapshots(sl_stream *stream)
{
    sl_stream *node = sli_node_begin(&sli_node_snapshots_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    sli_touched *touched = sli_touched_of(stream);
    if (touched == NULL) {
        rc = sl_error_set(&err, SL_E_INVALID,
                          "only mapWithState and runningByKey have snapshots of their state");
    } else {
        node->schema = sl_schema_ref(touched->snapshot_schema);
        touched->has_snapshots = true;
    }
    return sli_node_end(node, rc, &err);
}
