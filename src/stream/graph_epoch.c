// The RDDs of one epoch: made from the outputs backwards, each node's once.
//
// An RDD says how rows are computed, not when. So epochs in which no input has anything share what
// is known to be empty: it is made in the first of them and kept with its node, and a quiet epoch
// of a job makes nothing. Only what a user's function gives is asked for again, and windows, which
// may hold what came before; and all that rests on them.
#include "stream/event/event_time.h"
#include "stream/node_state.h"

static sl_code check_made(const sl_stream *node, const sl_rdd *rdd, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    return sl_schema_equal(sl_rdd_schema(rdd), node->schema)
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "its RDD has \"%.150s\", defined was \"%.150s\"",
                              sl_schema_text(sl_rdd_schema(rdd)), sl_schema_text(node->schema));
}

/// What a stream remembers must outlive its source's memory.
static sl_level level_of(const sl_stream *node)
{
    return node->level == SL_LEVEL_NONE && sli_node_remembers_us(node) > 0 ? SL_MEMORY_AND_DISK
                                                                           : node->level;
}

/// Made by an earlier epoch without input, and as good now. NULL when there is none, or when its
/// user has changed it: a level or a name was meant for that epoch's.
static sl_rdd *kept_rdd(const sli_epoch *epoch, sl_stream *node)
{
    sl_rdd *rdd = epoch->no_input ? node->empty_rdd : NULL;
    return rdd != NULL && rdd->level == level_of(node) && rdd->name == NULL ? rdd : NULL;
}

static void keep(sl_stream *node, sl_rdd *rdd, sl_rdd *const *inputs)
{
    bool lasts = rdd->is_empty && !node->ops->asks_user && !node->ops->is_window;
    for (int32_t i = 0; i < node->n_inputs; i++) {
        lasts = lasts && inputs[i] == node->inputs[i]->empty_rdd;
    }
    sl_rdd_unref(node->empty_rdd);
    node->empty_rdd = lasts ? sl_rdd_ref(rdd) : NULL;
}

static sl_code make(sli_epoch *epoch, sl_stream *node, sl_rdd *const *inputs, sl_error *err)
{
    sl_rdd *rdd = NULL;
    const sl_stream *outer = epoch->making;
    epoch->making = node;
    sl_code rc = node->ops->rdd(node, epoch, inputs, &rdd, err);
    epoch->making = outer;
    if (rc == SL_OK) {
        rc = check_made(node, rdd, err);
    }
    if (rc != SL_OK) {
        sl_rdd_unref(rdd);
        return sl_error_wrap(err, rc, "operator %s", node->uid);
    }
    // What a transform gives back may be the program's own RDD, or its input: that has a name
    // already.
    if (rdd->uid == NULL) {
        sli_rdd_uid(rdd, node->uid);
    }
    if (node->source != NULL && epoch->rows != NULL) {
        rdd->rows_expected = epoch->rows(epoch->ctx, node);
    }
    if (node->source != NULL && epoch->choose != NULL) {
        rc = epoch->choose(epoch->ctx, node, rdd, err);
        if (rc != SL_OK) {
            sl_rdd_unref(rdd);
            return sl_error_wrap(err, rc, "operator %s", node->uid);
        }
    }
    if (level_of(node) != SL_LEVEL_NONE) {
        sl_rdd_persist(rdd, level_of(node));
    }
    if (epoch->no_input) {
        keep(node, rdd, inputs);
    }
    epoch->made[node->index] = rdd;
    epoch->n_made = node->index >= epoch->n_made ? node->index + 1 : epoch->n_made;
    return SL_OK;
}

// Recursion is as deep as the graph, which SLI_MAX_NODES bounds.
sl_code sli_epoch_rdd(sli_epoch *epoch, sl_stream *node, sl_rdd **out, sl_error *err)
{
    if (epoch->made[node->index] == NULL) {
        *out = kept_rdd(epoch, node);
        if (*out != NULL) {
            return SL_OK;
        }
        sl_rdd *few[2] = {NULL, NULL}, **inputs = few;
        if (node->n_inputs > 2) {
            inputs = sl_arena_alloc_zero(epoch->arena, (size_t)node->n_inputs * sizeof(sl_rdd *));
            if (inputs == NULL) {
                return sl_error_nomem(err, (size_t)node->n_inputs * sizeof(sl_rdd *),
                                      "the inputs of an operator");
            }
        }
        for (int32_t i = 0; i < node->n_inputs; i++) {
            SL_TRY(sli_epoch_rdd(epoch, node->inputs[i], &inputs[i], err));
        }
        SL_TRY(make(epoch, node, inputs, err));
    }
    *out = epoch->made[node->index];
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

sl_code sli_rdd_run(sl_rdd *rdd, const int32_t *partitions, int32_t n, sl_error *err)
{
    return n == 0 ? SL_OK
                  : rdd->runtime->run(rdd->runtime, rdd, partitions, n, drop_rows, NULL, err);
}

static sl_code settle(sli_epoch *epoch, sl_stream *node, sl_error *err)
{
    sl_rdd *rdd = epoch->made[node->index];
    sl_code rc = node->ops->settle != NULL ? node->ops->settle(node, epoch, err)
                 : sli_is_update_rdd(rdd)  ? sli_update_settle(rdd, err)
                 : sli_is_touched_rdd(rdd) ? sli_touched_settle(rdd, err)
                                           : SL_OK;
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "operator %s", node->uid);
}

sl_code sli_epoch_settle(sli_epoch *epoch, sl_graph *graph, sl_error *err)
{
    for (int32_t i = 0; i < epoch->n_made; i++) {
        if (epoch->made[i] != NULL) {
            SL_TRY(settle(epoch, graph->nodes[i], err));
        }
    }
    epoch->settled = true;
    return SL_OK;
}

sl_code sli_nodes_restore(sl_graph *graph, sl_error *err)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        sl_stream *node = graph->nodes[i];
        if (node->ops->restore != NULL && node->table != NULL) {
            SL_TRY(sl_error_wrap(err, node->ops->restore(node, err), "state of %s", node->uid));
        }
    }
    return SL_OK;
}

sl_code sli_nodes_end(sl_graph *graph, bool completed, sl_error *err)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        if (graph->nodes[i]->ops->end != NULL) {
            graph->nodes[i]->ops->end(graph->nodes[i], completed);
        }
    }
    return sli_event_end(graph, completed, err);
}

sl_args sli_driver_args(const sli_epoch *epoch, const char *text, const char *uid, sli_rng *rng)
{
    const sli_runtime *runtime = epoch->runtime;
    *rng = (sli_rng){runtime->seed ^ sli_mix64((uint64_t)epoch->number) ^
                     sli_hash64(uid, strlen(uid))};
    return (sl_args){
        .text = text == NULL ? "" : text,
        .epoch = epoch->number,
        .time_us = epoch->time_us,
        .partition = -1,
        .rng = rng,
        .arena = epoch->arena,
        .attached = runtime->attached,
        .attached_ctx = runtime->attached_ctx,
        .bvars = runtime->bvars,
    };
}

static void end(sl_rdd *rdd, bool settled)
{
    if (sli_is_update_rdd(rdd)) {
        sli_update_end(rdd);
    } else if (sli_is_touched_rdd(rdd)) {
        sli_touched_end(rdd, settled);
    } else if (sli_is_snapshots_rdd(rdd)) {
        sli_snapshots_end(rdd);
    }
}

void sli_epoch_release(sli_epoch *epoch)
{
    for (int32_t i = epoch->n_made; i-- > 0;) {
        if (epoch->made[i] != NULL) {
            end(epoch->made[i], epoch->settled);
            epoch->made[i]->is_held = false;
        }
        sl_rdd_unref(epoch->made[i]);
        epoch->made[i] = NULL;
    }
    epoch->n_made = 0;
    epoch->settled = false;
}

void sli_node_drop_rdds(sl_stream *node)
{
    sl_rdd_unref(node->static_rdd);
    sl_rdd_unref(node->empty_rdd);
    node->static_rdd = node->empty_rdd = NULL;
    sli_node_forget(node);
}
