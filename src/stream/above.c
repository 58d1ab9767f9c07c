// What folders above stream/ use to add operators of their own: nodes that are nothing but a
// lineage, and things that live as long as the graph.
#include "stream/graph_def.h"

// ---------------------------------------------------------------- things of the graph

typedef struct sli_owned {
    const char *name;
    void *thing;
    void (*free)(void *thing);
    struct sli_owned *next;
} sli_owned;

sl_code sli_graph_own(sl_graph *graph, const char *name, void *thing, void (*drop)(void *thing),
                      sl_error *err)
{
    sli_owned *owned = sl_arena_alloc(graph->arena, sizeof *owned);
    const char *copy = NULL;
    sl_code rc = owned == NULL ? sl_error_nomem(err, sizeof *owned, "a part of a graph")
                               : sli_graph_copy(graph, name, &copy, err);
    if (rc != SL_OK) {
        drop(thing);
        return rc;
    }
    *owned = (sli_owned){copy, thing, drop, graph->owned};
    graph->owned = owned;
    return SL_OK;
}

void *sli_graph_owned(const sl_graph *graph, const char *name)
{
    for (const sli_owned *o = graph->owned; o != NULL; o = o->next) {
        if (strcmp(o->name, name) == 0) {
            return o->thing;
        }
    }
    return NULL;
}

void sli_graph_drop_owned(sl_graph *graph)
{
    for (; graph->owned != NULL; graph->owned = graph->owned->next) {
        graph->owned->free(graph->owned->thing);
    }
}

sl_graph *sli_stream_graph(const sl_stream *stream)
{
    return stream->graph;
}

const char *sli_stream_uid(const sl_stream *stream)
{
    return stream->uid;
}

sl_env *sli_graph_env(const sl_graph *graph)
{
    return graph->env;
}

const char *sli_graph_modules_dir(const sl_graph *graph)
{
    return graph->modules;
}

void sli_graph_given(sl_graph *graph, const char *const *settings)
{
    graph->given = settings;
}

const char *sli_graph_setting(const sl_graph *graph, const char *name)
{
    for (int32_t i = 0;
         graph->given != NULL && graph->given[i] != NULL && graph->given[i + 1] != NULL; i += 2) {
        if (strcmp(graph->given[i], name) == 0) {
            return graph->given[i + 1];
        }
    }
    for (int32_t i = graph->n_settings; i-- > 0;) {
        if (strcmp(graph->settings[i].name, name) == 0) {
            return graph->settings[i].value;
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- who builds it

void sli_graph_hosted(sl_graph *graph, const sli_graph_host *host)
{
    graph->host = *host;
}

sl_code sli_graph_try_setting(const sl_graph *graph, const char *name, const char *value,
                              sl_error *err)
{
    const sli_graph_host *host = &graph->host;
    return host->setting == NULL ? SL_OK : host->setting(host->ctx, name, sli_text_of(value), err);
}

void sli_graph_warn(const sl_graph *graph, const char *text)
{
    if (graph->host.warn != NULL) {
        graph->host.warn(graph->host.ctx, text);
    }
}

// ---------------------------------------------------------------- operators

/// A node of this kind has a table of its own, made of what the folder above says.
typedef struct lineage_body {
    sli_node_ops ops;
    const sli_lineage_ops *above;
    void *body;
} lineage_body;

static sl_code lineage_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                           sl_error *err)
{
    (void)epoch;
    (void)err;
    const lineage_body *body = node->body;
    *out = body->above->rdd(body->body, inputs, node->n_inputs);
    return SL_OK;
}

static void lineage_free(sl_stream *node)
{
    lineage_body *body = node->body;
    if (body != NULL && body->body != NULL) {
        body->above->free(body->body);
        body->body = NULL;
    }
}

static sl_code resolve_lineage(sl_stream *node, const char *args, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_text(&text, args);
    SL_TRY(sli_node_set_args(node, &text, err));
    return sli_node_try(node, err);
}

sl_stream *sli_stream_lineage(const sli_lineage_ops *ops, const char *label,
                              sl_stream *const *inputs, int32_t n, void *body, const char *args,
                              sl_code rc, sl_error *err)
{
    const sli_node_ops first = {.kind = ops->kind};
    sl_stream *node = sli_node_begin_many(&first, label, inputs, n);
    lineage_body *mine = NULL;
    if (node != NULL) {
        sl_error no_memory = SL_ERROR_INIT;
        if (sli_node_body(node, sizeof *mine, (void **)&mine, &no_memory) == SL_OK) {
            *mine = (lineage_body){
                {.kind = ops->kind, .rdd = lineage_rdd, .free = lineage_free}, ops, body};
            node->ops = &mine->ops;
        } else if (rc == SL_OK) {
            rc = no_memory.code;
            *err = no_memory;
        }
    }
    if (mine == NULL && body != NULL) {
        ops->free(body);
    }
    if (node == NULL) {
        return NULL;
    }
    return sli_node_end(node, rc != SL_OK ? rc : resolve_lineage(node, args, err), err);
}
