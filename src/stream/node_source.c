// Source nodes: a stream from a URL. And what only needs a URL: schemas at definition, static
// tables.
#include "stream/graph_def.h"

typedef struct source_body {
    const char *url;
} source_body;

// ---------------------------------------------------------------- URLs

sl_code sli_url_open(const sl_graph *graph, const char *url, const char *uid, bool is_table,
                     sli_source **out, sl_error *err)
{
    if (url == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the URL is NULL");
    }
    if (graph->env == NULL || graph->sources == NULL) {
        return sl_error_set(err, SL_E_STATE, "this graph was made without sources");
    }
    sli_source_env env = {
        .env = graph->env,
        .uid = uid,
        .interval_us = 1000000,
        .compat_spark = graph->compat_spark,
        .receivers = graph->receivers,
        .n_receivers = graph->n_receivers,
        .modules = graph->modules,
    };
    return is_table ? sli_table_open(out, url, &env, err)
                    : sli_source_open(out, url, graph->sources, &env, err);
}

sl_code sli_url_schema(const sl_graph *graph, const char *url, const char *uid, bool is_table,
                       sl_schema **out, sl_error *err)
{
    sli_source *source = NULL;
    SL_TRY(sli_url_open(graph, url, uid, is_table, &source, err));
    *out = sl_schema_ref(source->ops->schema(source));
    sli_source_close(source);
    return SL_OK;
}

/// Who takes a table's rows.
typedef struct taker {
    sli_emit_fn each;
    void *ctx;
} taker;

/// A source that waits is waited for: nobody can tell the reader to end.
static sl_code take_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    const taker *t = ctx;
    return batch == NULL ? SL_OK : t->each(t->ctx, batch, err);
}

static sl_code read_table(sli_source *source, sl_arena *arena, sli_emit_fn each, void *ctx,
                          sl_error *err)
{
    taker t = {each, ctx};
    sli_ask ask = {.max_rows = INT64_MAX};
    sli_offer offer = {0};
    sli_decode_stats stats = {0};
    SL_TRY(source->ops->restore(source, (sl_bytes){NULL, 0}, err));
    SL_TRY(source->ops->offer(source, &ask, arena, &offer, err));
    for (int32_t split = 0; split < offer.n_splits; split++) {
        SL_TRY(source->ops->read(source, offer.range, split, take_rows, &t, &stats, err));
    }
    return SL_OK;
}

sl_code sli_table_read(const sli_source_env *env, const char *url, sl_schema **schema,
                       sli_emit_fn each, void *ctx, sl_error *err)
{
    sli_source *source = NULL;
    sl_arena *arena = sl_arena_new(SLI_TAG_STREAM);
    sl_code rc = arena == NULL ? sl_error_nomem(err, 4096, "a table")
                               : sli_table_open(&source, url, env, err);
    if (rc == SL_OK) {
        rc = read_table(source, arena, each, ctx, err);
        if (rc == SL_OK && schema != NULL) {
            *schema = sl_schema_ref(source->ops->schema(source));
        }
        sli_source_close(source);
    }
    sl_arena_free(arena);
    return rc;
}

sl_code sli_table_each(sli_runtime *runtime, const char *url, sli_emit_fn each, void *ctx,
                       sl_error *err)
{
    return sli_table_read(runtime->source_env, url, NULL, each, ctx, err);
}

// ---------------------------------------------------------------- receivers of the program

static sl_code add_receiver(sl_graph *graph, const sl_receiver_fn *fn, const char *args,
                            sl_error *err)
{
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size,        sizeof *fn, "sl_receiver_fn", fn->name,
                             (sli_code_fn)fn->start, fn->version};
    }
    SL_TRY(sli_fn_head_check(graph, &head, args, err));
    if (fn->stop == NULL) {
        return sl_error_set(err, SL_E_INVALID, "it has no `stop`");
    }
    for (int32_t i = 0; i < graph->n_receivers; i++) {
        if (strcmp(graph->receivers[i].fn->name, fn->name) == 0) {
            return sl_error_set(err, SL_E_INVALID, "there is one of that name already");
        }
    }
    if (graph->n_receivers == SLI_MAX_RECEIVERS) {
        return sl_error_set(err, SL_E_INVALID, "there are too many: a job may have %d",
                            SLI_MAX_RECEIVERS);
    }
    sli_receiver_def *own = &graph->receivers[graph->n_receivers];
    own->fn = fn;
    SL_TRY(sli_graph_copy(graph, args, &own->args, err));
    graph->n_receivers++;
    return SL_OK;
}

void sl_graph_receiver(sl_graph *graph, const sl_receiver_fn *fn, const char *args)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = add_receiver(graph, fn, args, &err);
    if (rc != SL_OK) {
        const char *name = fn == NULL || fn->name == NULL ? "" : fn->name;
        rc = sl_error_wrap(&err, rc, "receiver '%s'", name);
        sli_graph_stick(graph, rc, &err);
    }
}

// ---------------------------------------------------------------- the node

static sl_code source_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err)
{
    (void)inputs;
    (void)err;
    int32_t n_splits = 0;
    sl_bytes range = epoch->range(epoch->ctx, node, &n_splits);
    *out = sli_rdd_of_source(epoch->runtime, node->source, range, n_splits);
    return SL_OK;
}

const sli_node_ops sli_node_source_ops = {.kind = "source", .rdd = source_rdd};

static sl_code resolve(sl_stream *node, const char *url, sl_error *err)
{
    source_body *body = NULL;
    SL_TRY(sli_url_schema(node->graph, url, node->uid, false, &node->schema, err));
    SL_TRY(sli_node_body(node, sizeof *body, (void **)&body, err));
    SL_TRY(sli_graph_copy(node->graph, url, &body->url, err));
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_put_url_pair(&args, "url", node->graph, url);
    return sli_node_set_args(node, &args, err);
}

sl_stream *sl_stream_open(sl_graph *graph, const char *url)
{
    if (!sli_graph_is_open(graph)) {
        return NULL;
    }
    if (url != NULL && sli_url_is_queue(url)) {
        return sli_queue_open(graph, url);
    }
    const char *label = url == NULL ? NULL : sli_url_label(graph, url);
    sl_stream *node = sli_node_begin_source(graph, &sli_node_source_ops, label);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, url, &err);
    return sli_node_end(node, rc, &err);
}

const char *sli_node_url(const sl_stream *node)
{
    return node->ops == &sli_node_source_ops ? ((const source_body *)node->body)->url : NULL;
}
