// Streams that remember: what they keep of past epochs, and who may look at it.
#include "stream/past.h"

#include "sluice/slice.h"
#include "stream/graph_def.h"

/// One epoch's RDD, with one reference.
typedef struct moment {
    int64_t time_us;
    sl_rdd *rdd;
} moment;

/// By batch time, from `first` on; what lies before is given back when it is half of the array.
struct sli_past {
    moment *moments;
    int32_t first, n, capacity;
    int64_t forgotten_us; ///< batch time of the last one forgotten; INT64_MIN: none
};

// ---------------------------------------------------------------- definition

static sl_code check_duration(int64_t duration_us, int64_t before_us, sl_error *err)
{
    if (duration_us <= 0) {
        return sl_error_set(err, SL_E_INVALID, "it can't remember for %lld microseconds",
                            (long long)duration_us);
    }
    return before_us == 0
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "remember is already set, to %lld microseconds",
                              (long long)before_us);
}

sl_stream *sl_stream_remember(sl_stream *stream, int64_t duration_us)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = check_duration(duration_us, stream->remember_us, &err);
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, &err);
        return NULL;
    }
    stream->remember_us = duration_us;
    return stream;
}

void sl_graph_remember(sl_graph *graph, int64_t duration_us)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = check_duration(duration_us, graph->remember_us, &err);
    if (rc != SL_OK) {
        sli_graph_stick(graph, sl_error_wrap(&err, rc, "the graph"), &err);
        return;
    }
    graph->remember_us = duration_us;
}

int64_t sli_node_remembers_us(const sl_stream *node)
{
    int64_t all_us = node->is_used ? node->graph->remember_us : 0;
    return node->remember_us > all_us ? node->remember_us : all_us;
}

sl_code sli_past_open(sli_engine *engine, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        const sl_stream *node = engine->graph->nodes[i];
        int64_t slide_us = node->slide_us, remembers_us = sli_node_remembers_us(node);
        if (remembers_us / slide_us >= SLI_MAX_REMEMBERED) {
            return sl_error_set(err, SL_E_CONFIG,
                                "operator %s: remember %lld s are %lld RDDs; there may be %d",
                                node->uid, (long long)(remembers_us / 1000000),
                                (long long)(remembers_us / slide_us), SLI_MAX_REMEMBERED);
        }
        engine->remembers = engine->remembers || remembers_us > 0;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- keeping

static sl_code new_past(sl_stream *node, sl_error *err)
{
    if (node->past == NULL) {
        node->past = sl_alloc_zero(SLI_TAG_STREAM, sizeof *node->past);
        if (node->past == NULL) {
            return sl_error_nomem(err, sizeof *node->past, "what a stream remembers");
        }
        node->past->forgotten_us = INT64_MIN;
    }
    return SL_OK;
}

static void drop_first(sli_past *past)
{
    past->forgotten_us = past->moments[past->first].time_us;
    sl_rdd_unref(past->moments[past->first++].rdd);
    if (past->first * 2 >= past->n) {
        past->n -= past->first;
        memmove(past->moments, past->moments + past->first, (size_t)past->n * sizeof(moment));
        past->first = 0;
    }
}

static sl_code add_moment(sl_stream *node, moment m, sl_error *err)
{
    SL_TRY(new_past(node, err));
    sli_past *past = node->past;
    while (past->first < past->n &&
           past->moments[past->first].time_us <= m.time_us - sli_node_remembers_us(node)) {
        drop_first(past);
    }
    moment *grown = sli_grown(past->moments, past->n, &past->capacity, sizeof(moment));
    if (grown == NULL) {
        return sl_error_nomem(err, (size_t)past->n * sizeof(moment), "what a stream remembers");
    }
    past->moments = grown;
    past->moments[past->n++] = (moment){m.time_us, sl_rdd_ref(m.rdd)};
    return SL_OK;
}

/// Whether the stream has an RDD in this epoch, and keeps it. What waits for a later epoch, since a
/// slide is longer than its window, is not computed to be remembered.
static bool remembers(const sli_engine *engine, const sl_stream *node, const sli_epoch *epoch)
{
    return !engine->waits[node->index] && sli_node_remembers_us(node) > 0 &&
           sli_slide_fires(node->slide_us, epoch->before_us, epoch->time_us);
}

sl_code sli_past_compute(sli_epoch *epoch, sli_engine *engine, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        sl_stream *node = engine->graph->nodes[i];
        sl_rdd *rdd = NULL;
        int64_t rows = 0;
        if (!remembers(engine, node, epoch)) {
            continue;
        }
        SL_TRY(sli_epoch_rdd(epoch, node, &rdd, err));
        sl_code rc = rdd->is_empty || sli_rdd_is_kept(rdd) ? SL_OK : sl_rdd_count(rdd, &rows, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "epoch %lld (batch time %lld ms), remembered stream %s",
                                 (long long)epoch->number, (long long)(epoch->time_us / 1000),
                                 node->uid);
        }
    }
    return SL_OK;
}

sl_code sli_past_keep(sli_engine *engine, const sli_epoch *epoch, sl_error *err)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        sl_stream *node = engine->graph->nodes[i];
        if (remembers(engine, node, epoch)) {
            sl_rdd *made = epoch->made[i] != NULL ? epoch->made[i] : node->empty_rdd;
            SL_TRY(add_moment(node, (moment){epoch->time_us, made}, err));
        }
    }
    return SL_OK;
}

void sli_past_cut(sli_engine *engine)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        const sli_past *past = engine->graph->nodes[i]->past;
        if (past != NULL && past->n > past->first) {
            (void)sl_rdd_local_checkpoint(past->moments[past->n - 1].rdd);
        }
    }
    sli_runtime_cut(engine->env.runtime);
}

void sli_past_undo(sli_engine *engine, int64_t time_us)
{
    for (int32_t i = 0; i < engine->graph->n_nodes; i++) {
        sli_past *past = engine->graph->nodes[i]->past;
        if (past != NULL && past->n > past->first &&
            past->moments[past->n - 1].time_us == time_us) {
            sl_rdd_unref(past->moments[--past->n].rdd);
        }
    }
}

void sli_node_forget(sl_stream *node)
{
    sli_past *past = node->past;
    for (int32_t i = past == NULL ? 0 : past->first; past != NULL && i < past->n; i++) {
        sl_rdd_unref(past->moments[i].rdd);
    }
    if (past != NULL) {
        sl_free(past->moments);
    }
    sl_free(past);
    node->past = NULL;
}

// ---------------------------------------------------------------- looking

static sl_code check_slice(const sl_stream *stream, sl_error *err)
{
    if (stream == NULL) {
        return sl_error_set(err, SL_E_INVALID, "slice: the stream is NULL");
    }
    const sli_engine *engine = stream->graph->engine;
    if (engine == NULL) {
        return sl_error_set(err, SL_E_STATE, "slice of %s: its job does not run", stream->uid);
    }
    uint64_t here = sli_env_thread(engine->world);
    if (atomic_load_explicit(&engine->thread, memory_order_relaxed) != here) {
        return sl_error_set(err, SL_E_STATE,
                            "slice of %s: not on the driver's thread; ask inside a foreachRDD or "
                            "transform function, or between the steps of a stepped context",
                            stream->uid);
    }
    if (sli_node_remembers_us(stream) == 0) {
        return sl_error_set(
            err, SL_E_INVALID,
            "slice of %s: it does not remember past epochs (sl_stream_remember, sl_graph_remember)",
            stream->uid);
    }
    return SL_OK;
}

/// The first moment whose interval of one slide reaches beyond `from_us`. An RDD of time t stands
/// for what floors to t.
static int32_t first_in(const sli_past *past, int64_t from_us, int64_t slide_us)
{
    int32_t low = past->first, high = past->n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (past->moments[middle].time_us <= from_us - slide_us) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static sl_code slice_past(const sl_stream *stream, int64_t from_us, int64_t to_us, int64_t slide_us,
                          sl_slice_fn each, void *ctx, sl_error *err)
{
    const sli_past *past = stream->past;
    if (past == NULL) {
        return SL_OK;
    }
    if (past->forgotten_us > from_us - slide_us && past->forgotten_us <= to_us) {
        return sl_error_set(err, SL_E_NOT_FOUND,
                            "slice of %s: the RDD of %lld ms is forgotten, it remembers for %lld "
                            "ms",
                            stream->uid, (long long)(past->forgotten_us / 1000),
                            (long long)(sli_node_remembers_us(stream) / 1000));
    }
    for (int32_t i = first_in(past, from_us, slide_us);
         i < past->n && past->moments[i].time_us <= to_us; i++) {
        SL_TRY(each(ctx, past->moments[i].time_us, past->moments[i].rdd, err));
    }
    return SL_OK;
}

/// What is being made can't be asked for by what makes it.
static bool may_see(const sli_epoch *epoch, const sl_stream *stream)
{
    return epoch->made[stream->index] != NULL || epoch->making == NULL ||
           stream->index < epoch->making->index;
}

static sl_code slice_running(sli_engine *engine, sl_stream *stream, int64_t from_us, int64_t to_us,
                             int64_t slide_us, sl_slice_fn each, void *ctx, sl_error *err)
{
    sli_epoch *epoch = engine->running;
    sl_rdd *rdd = NULL;
    bool is_in = epoch != NULL && epoch->time_us > from_us - slide_us && epoch->time_us <= to_us;
    if (!is_in || !remembers(engine, stream, epoch) || !may_see(epoch, stream)) {
        return SL_OK;
    }
    SL_TRY(sli_epoch_rdd(epoch, stream, &rdd, err));
    return each(ctx, epoch->time_us, rdd, err);
}

sl_code sl_stream_slice(sl_stream *stream, int64_t from_us, int64_t to_us, sl_slice_fn each,
                        void *ctx, sl_error *err)
{
    SL_TRY(check_slice(stream, err));
    sli_engine *engine = stream->graph->engine;
    int64_t slide_us = stream->slide_us;
    SL_TRY(slice_past(stream, from_us, to_us, slide_us, each, ctx, err));
    return slice_running(engine, stream, from_us, to_us, slide_us, each, ctx, err);
}
