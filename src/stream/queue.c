// Queue streams: what the program itself pushes, rows (sl_stream_queue) or bytes of a format
// ("queue:NAME?format=..."), by the queue's name.
//
// The queue is a source (source/queue/) that is made with the node, so that it can be filled before
// the job has started; it stays until the graph goes.
#include "stream/graph_def.h"

_Static_assert((int)SLI_MAX_QUEUE_SPLITS == (int)SLI_MAX_PARTITIONS,
               "an epoch's RDD has room for all splits that a queue offers");

typedef struct queue_body {
    const char *name;
    sli_queue_default given; ///< rows of epochs that find the queue empty
} queue_body;

// ---------------------------------------------------------------- the node

static sl_code queue_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                         sl_error *err)
{
    (void)inputs;
    int32_t n_splits = 0;
    sl_bytes range = epoch->range(epoch->ctx, node, &n_splits);
    if (range.size > 0) {
        *out = sli_rdd_of_source(epoch->runtime, node->source, range, n_splits);
        return SL_OK;
    }
    return sli_queue_default_rdd(node, sli_node_queue_default(node), epoch, out, err);
}

static void queue_free(sl_stream *node)
{
    queue_body *body = node->body;
    sli_source_close(node->source);
    node->source = NULL;
    if (body != NULL) {
        sl_batch_unref(body->given.rows);
        body->given.rows = NULL;
    }
}

const sli_node_ops sli_node_queue_ops = {.kind = "queue", .rdd = queue_rdd, .free = queue_free};

static sl_code check_name(const sl_graph *graph, const char *name, sl_error *err)
{
    if (name == NULL || !sli_is_uid(name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "a queue's name is 1 to %d letters, digits, '_', '.' and '-', not "
                            "beginning with '.'",
                            SLI_MAX_UID);
    }
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const char *other = sli_node_queue(graph->nodes[i]);
        if (other != NULL && strcmp(other, name) == 0) {
            return sl_error_set(err, SL_E_INVALID, "operator %d is a queue of this name already",
                                i + 1);
        }
    }
    return SL_OK;
}

/// The body and the arguments of a node whose source is there. Ends `args`.
static sl_code settle(sl_stream *node, sli_str *args, sl_error *err)
{
    queue_body *body = NULL;
    sl_code rc = sli_node_body(node, sizeof *body, (void **)&body, err);
    if (rc != SL_OK) {
        sli_str_reset(args);
        return rc;
    }
    body->name = sli_queue_name(node->source);
    return sli_node_set_args(node, args, err);
}

static sl_code resolve(sl_stream *node, const char *name, const char *schema, bool one_at_a_time,
                       sl_error *err)
{
    SL_TRY(check_name(node->graph, name, err));
    SL_TRY(sl_schema_parse(&node->schema, schema, err));
    SL_TRY(sli_queue_new(&node->source, name, node->schema, one_at_a_time, err));
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_put_pair(&args, "name", name);
    sli_str_text(&args, one_at_a_time ? " one_at_a_time" : "");
    return settle(node, &args, err);
}

static sl_code resolve_url(sl_stream *node, const char *url, sl_error *err)
{
    SL_TRY(sli_url_open(node->graph, url, node->uid, false, &node->source, err));
    SL_TRY(check_name(node->graph, sli_queue_name(node->source), err));
    node->schema = sl_schema_ref(node->source->ops->schema(node->source));
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_put_url_pair(&args, "url", node->graph, url);
    return settle(node, &args, err);
}

sl_stream *sl_stream_queue(sl_graph *graph, const char *name, const char *schema,
                           bool one_at_a_time)
{
    sl_stream *node = sli_node_begin_source(graph, &sli_node_queue_ops, name);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve(node, name, schema, one_at_a_time, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sli_queue_open(sl_graph *graph, const char *url)
{
    sl_stream *node = sli_node_begin_source(graph, &sli_node_queue_ops, sli_url_label(graph, url));
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_url(node, url, &err);
    return sli_node_end(node, rc, &err);
}

bool sli_url_is_queue(const char *url)
{
    sli_url parts;
    return sli_url_parse(url, &parts, NULL) == SL_OK &&
           sli_text_is(parts.scheme, sli_source_queue.scheme);
}

const char *sli_node_queue(const sl_stream *node)
{
    return node->ops == &sli_node_queue_ops ? ((const queue_body *)node->body)->name : NULL;
}

sli_queue_default *sli_node_queue_default(const sl_stream *node)
{
    return node->ops == &sli_node_queue_ops ? &((queue_body *)node->body)->given : NULL;
}

// ---------------------------------------------------------------- pushing

static sl_code refuse_unknown(const sl_graph *graph, const char *name, sl_error *err)
{
    const char *names[65] = {NULL};
    int32_t n = 0;
    for (int32_t i = 0; i < graph->n_nodes && n < 64; i++) {
        if (sli_node_queue(graph->nodes[i]) != NULL) {
            names[n++] = sli_node_queue(graph->nodes[i]);
        }
    }
    const char *near = name == NULL ? NULL : sli_nearest(name, names);
    return sl_error_set(err, SL_E_NOT_FOUND, "the job has no queue '%.100s'%s%s%s",
                        name == NULL ? "(NULL)" : name, near == NULL ? "" : ", did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static sl_stream *find(const sl_graph *graph, const char *name)
{
    for (int32_t i = 0; name != NULL && i < graph->n_nodes; i++) {
        const char *other = sli_node_queue(graph->nodes[i]);
        if (other != NULL && strcmp(other, name) == 0) {
            return graph->nodes[i];
        }
    }
    return NULL;
}

const sl_schema *sli_graph_queue_schema(const sl_graph *graph, const char *name)
{
    const sl_stream *node = find(graph, name);
    return node == NULL ? NULL : node->schema;
}

sl_code sli_graph_push(sl_graph *graph, const char *name, const sl_batch *rows,
                       int32_t n_partitions, sl_error *err)
{
    sl_stream *node = find(graph, name);
    return node == NULL ? refuse_unknown(graph, name, err)
                        : sl_error_wrap(err, sli_queue_push(node->source, rows, n_partitions, err),
                                        "queue '%s'", name);
}

sl_code sli_graph_push_bytes(sl_graph *graph, const char *name, sl_loan loan, int32_t n_partitions,
                             sl_error *err)
{
    sl_stream *node = find(graph, name);
    if (node == NULL) {
        if (loan.release != NULL) {
            loan.release(loan.ctx);
        }
        return refuse_unknown(graph, name, err);
    }
    sl_code rc = sli_queue_push_bytes(node->source, loan, n_partitions, err);
    return sl_error_wrap(err, rc, "queue '%s'", name);
}
