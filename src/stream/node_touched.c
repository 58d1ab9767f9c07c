// State of which an epoch touches only the keys that have rows: its RDD of an epoch, what that
// leaves for the next one, and the settings by which keys time out.
#include "stream/node_touched.h"

#include <stdio.h>

#include "stream/node_map_state.h"
#include "stream/node_running.h"

sli_touched *sli_touched_of(const sl_stream *node)
{
    bool is_one = node->ops == &sli_node_map_state_ops || sli_is_running(node);
    return is_one ? node->body : NULL;
}

// ---------------------------------------------------------------- idle keys

/// Spark looks for idle keys when it checkpoints the state: every tenth batch.
static int64_t every_of(const sli_touched *touched, const sli_epoch *epoch)
{
    return touched->every_us > 0                               ? touched->every_us
           : epoch->runtime->compat_spark && !touched->forgets ? 10 * epoch->interval_us
                                                               : 0;
}

/// Keys last touched before this time are idle in the epoch; INT64_MIN: none is, or it does not
/// look.
static int64_t idle_before(const sli_touched *touched, const sli_epoch *epoch)
{
    int64_t every_us = every_of(touched, epoch), before = INT64_MIN;
    bool looks = touched->def.ttl_us > 0 && (every_us <= 0 || epoch->time_us % every_us == 0);
    return looks && !__builtin_sub_overflow(epoch->time_us, touched->def.ttl_us, &before) &&
                   touched->soonest < before
               ? before
               : INT64_MIN;
}

bool sli_epoch_is_due(const sli_epoch *epoch, const sl_graph *graph)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const sli_touched *touched = sli_touched_of(graph->nodes[i]);
        if (touched != NULL && idle_before(touched, epoch) != INT64_MIN) {
            return true;
        }
    }
    return false;
}

static void keep_oldest(sli_touched *touched, const int64_t *oldest)
{
    memcpy(touched->oldest, oldest, sizeof touched->oldest);
    touched->soonest = INT64_MAX;
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        touched->soonest = oldest[slot] < touched->soonest ? oldest[slot] : touched->soonest;
    }
}

static void forget_oldest(sli_touched *touched)
{
    memset(touched->oldest, 0, sizeof touched->oldest);
    touched->soonest = 0;
}

sl_code sli_touched_known(const sli_touched_run *run, sli_task *task, int64_t **out, sl_error *err)
{
    *out = NULL;
    if (run->before == INT64_MIN) {
        return SL_OK;
    }
    *out = sl_arena_copy(task->arena, run->touched->oldest, sizeof run->touched->oldest);
    return *out != NULL
               ? SL_OK
               : sl_error_nomem(err, sizeof run->touched->oldest, "what is known of slots");
}

// ---------------------------------------------------------------- the RDD

void sli_touched_free(sl_rdd *rdd)
{
    sli_touched_run *run = rdd->body;
    sl_free(run->oldest);
    sl_free(run);
}

static sl_code run_new(sl_stream *node, const sli_epoch *epoch, int32_t n, sli_touched_run **out,
                       sl_error *err)
{
    sli_touched *touched = node->body;
    size_t size = sizeof(sli_touched_run) + (size_t)n * sizeof(sli_state_view *);
    sli_touched_run *run = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (run == NULL) {
        return sl_error_nomem(err, size, "an RDD of state");
    }
    run->node = node;
    run->touched = touched;
    run->epoch = epoch->number;
    run->time_us = epoch->time_us;
    run->before = idle_before(touched, epoch);
    if (run->before != INT64_MIN) {
        run->oldest = sl_alloc(SLI_TAG_STREAM, sizeof touched->oldest);
        if (run->oldest == NULL) {
            sl_free(run);
            return sl_error_nomem(err, sizeof touched->oldest, "an RDD of state");
        }
        memcpy(run->oldest, touched->oldest, sizeof touched->oldest);
    }
    *out = run;
    return SL_OK;
}

sl_code sli_touched_rdd(sl_stream *node, sli_epoch *epoch, const sli_rdd_ops *ops, sli_dep *dep,
                        int32_t n_partitions, sl_rdd **out, sl_error *err)
{
    sli_touched_run *run = NULL;
    sl_code rc = run_new(node, epoch, n_partitions, &run, err);
    if (rc != SL_OK) {
        sli_shuffle_free(dep->shuffle);
        sl_rdd_unref(dep->parent);
        return rc;
    }
    bool no_rows = dep->parent->is_empty;
    *out = sli_rdd_new(epoch->runtime, ops, node->schema, n_partitions, dep, 1, run);
    if (*out != NULL && (*out)->mistake == NULL) {
        (*out)->pinned = (*out)->is_held = true;
        (*out)->is_empty = no_rows && run->before == INT64_MIN && !run->touched->gives_all;
        atomic_store(&run->touched->def.open, run);
    }
    return SL_OK;
}

bool sli_is_touched_rdd(const sl_rdd *rdd)
{
    return rdd->ops == &sli_map_state_rdd_ops || rdd->ops == &sli_running_rdd_ops;
}

void sli_touched_keep(sl_rdd *rdd, int32_t partition, sli_state_view **view, const int64_t *oldest)
{
    sli_touched_run *run = rdd->body;
    sli_state_view *none = NULL;
    // Release: pairs with the acquire loads of tasks that make snapshots.
    if (!atomic_compare_exchange_strong_explicit(&run->views[partition], &none, *view,
                                                 memory_order_acq_rel, memory_order_acquire)) {
        return;
    }
    *view = NULL;
    for (int32_t slot = 0; slot < SLI_SLOTS && oldest != NULL; slot++) {
        if (sli_partition_of(slot, rdd->n_partitions) == partition) {
            run->oldest[slot] = oldest[slot];
        }
    }
}

// ---------------------------------------------------------------- the end of an epoch

/// Partitions that no task has computed yet; none of an RDD that is known to change nothing.
static sl_code compute_missing(sl_rdd *rdd, sl_error *err)
{
    const sli_touched_run *run = rdd->body;
    int32_t missing[SLI_MAX_HASH_PARTITIONS], n = 0;
    for (int32_t p = 0; p < rdd->n_partitions && !rdd->is_empty; p++) {
        if (atomic_load_explicit(&run->views[p], memory_order_acquire) == NULL) {
            missing[n++] = p;
        }
    }
    return sli_rdd_run(rdd, missing, n, err);
}

sl_code sli_touched_settle(sl_rdd *rdd, sl_error *err)
{
    sli_touched_run *run = rdd->body;
    SL_TRY(compute_missing(rdd, err));
    for (int32_t p = 0; p < rdd->n_partitions; p++) {
        sli_state_view *view = atomic_exchange(&run->views[p], NULL);
        if (view != NULL) {
            SL_TRY(run->node->store->ops->done(view, err));
        }
    }
    return SL_OK;
}

void sli_touched_end(sl_rdd *rdd, bool settled)
{
    sli_touched_run *run = rdd->body;
    for (int32_t p = 0; p < rdd->n_partitions; p++) {
        run->node->store->ops->drop(atomic_exchange(&run->views[p], NULL));
    }
    if (run->oldest != NULL && settled) {
        keep_oldest(run->touched, run->oldest);
    } else if (run->oldest != NULL) {
        forget_oldest(run->touched);
    }
    atomic_store(&run->touched->def.open, NULL);
}

// ---------------------------------------------------------------- settings

/// ` timeout="..."`, and the like, behind the node's arguments.
static sl_code add_setting(sl_stream *stream, const char *key, int64_t us, sl_error *err)
{
    char value[32];
    sli_str args = {.tag = SLI_TAG_STREAM};
    (void)snprintf(value, sizeof value, "%lldus", (long long)us);
    sli_str_text(&args, stream->args);
    sli_put_pair(&args, key, value);
    return sli_node_set_args(stream, &args, err);
}

static sl_code set_timeout(sl_stream *stream, const char *idle, sl_error *err)
{
    sli_touched *touched = sli_touched_of(stream);
    if (touched == NULL) {
        return sl_error_set(err, SL_E_INVALID, "only mapWithState and runningByKey have a timeout");
    }
    if (touched->def.ttl_us > 0) {
        return sl_error_set(err, SL_E_INVALID, "it has a timeout already");
    }
    if (touched->has_changes) {
        return sl_error_set(err, SL_E_INVALID,
                            "another aggregation rests on its changes, and would not be told of "
                            "keys that time out");
    }
    SL_TRY(sli_ttl_set(&touched->def, "timeout", idle, err));
    return add_setting(stream, "timeout", touched->def.ttl_us, err);
}

static sl_code set_every(sl_stream *stream, const char *every, sl_error *err)
{
    sli_touched *touched = sli_touched_of(stream);
    if (touched == NULL || touched->def.ttl_us == 0) {
        return sl_error_set(err, SL_E_INVALID, "it has no timeout: call sl_stream_timeout first");
    }
    if (touched->every_us > 0) {
        return sl_error_set(err, SL_E_INVALID, "when it looks for idle keys is set already");
    }
    SL_TRY(sli_duration_parse("timeout_every", every, &touched->every_us, err));
    return add_setting(stream, "timeout_every", touched->every_us, err);
}

/// Runs a setting on a stream that may be NULL, by the rules of definition calls.
static sl_stream *setting(sl_stream *stream, const char *text,
                          sl_code (*set)(sl_stream *, const char *, sl_error *))
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = set(stream, text, &err);
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, &err);
        return NULL;
    }
    return stream;
}

sl_stream *sl_stream_timeout(sl_stream *stream, const char *idle)
{
    return setting(stream, idle, set_timeout);
}

sl_stream *sl_stream_timeout_every(sl_stream *stream, const char *every)
{
    return setting(stream, every, set_every);
}

int64_t sli_touched_every(const sl_stream *node)
{
    const sli_touched *touched = sli_touched_of(node);
    return touched == NULL ? 0 : touched->every_us;
}
