// The graph: its nodes, the mistake that sticks, what a program attaches, and the end of
// definition.
//
// Everything the graph keeps lies in its arena, except arrays that grow and what is counted by
// references (schemas, queued batches). A node is made in two halves (graph_def.h), so that a
// mistake found while it is resolved can be told with the operator's place.
#include "stream/graph_def.h"

#include "base/hash.h"

// ---------------------------------------------------------------- new, free

sl_code sli_graph_new(sl_graph **out, sl_error *err)
{
    sl_graph *graph = sl_alloc_zero(SLI_TAG_STREAM, sizeof *graph);
    if (graph == NULL) {
        return sl_error_nomem(err, sizeof *graph, "a graph");
    }
    graph->arena = sl_arena_new(SLI_TAG_STREAM);
    if (graph->arena == NULL) {
        sl_free(graph);
        return sl_error_nomem(err, 4096, "a graph");
    }
    *out = graph;
    return SL_OK;
}

static void node_reset(sl_stream *node)
{
    if (node->ops->free != NULL) {
        node->ops->free(node);
    }
    sli_node_drop_rdds(node);
    sl_schema_unref(node->schema);
}

void sli_graph_free(sl_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    for (int32_t i = graph->n_nodes; i-- > 0;) {
        node_reset(graph->nodes[i]);
    }
    sli_graph_drop_owned(graph);
    sl_free(graph->nodes);
    sl_free(graph->outputs);
    sl_free(graph->aggregations);
    sl_free(graph->attachments);
    sl_free(graph->settings);
    sl_arena_free(graph->arena);
    sl_free(graph);
}

void sli_graph_environment(sl_graph *graph, const sli_source_ops *const *sources,
                           const sli_sink_ops *const *sinks, sl_env *env, bool compat_spark)
{
    graph->sources = sources;
    graph->sinks = sinks;
    graph->env = env;
    graph->compat_spark = compat_spark;
}

void sli_graph_modules(sl_graph *graph, const char *dir)
{
    graph->modules = dir;
}

// ---------------------------------------------------------------- mistakes

void sli_graph_stick(sl_graph *graph, sl_code rc, const sl_error *err)
{
    if (graph->mistake.code == SL_OK) {
        graph->mistake = *err;
        graph->mistake.code = rc;
    }
}

void sli_graph_restick(sl_graph *graph, const sl_error *err)
{
    if (graph->mistake.code != SL_OK) {
        graph->mistake = *err;
    }
}

void sli_graph_stick_nomem(sl_graph *graph, size_t size, const char *what)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sl_error_nomem(&err, size, what);
    sli_graph_stick(graph, rc, &err);
}

bool sli_graph_is_open(sl_graph *graph)
{
    if (graph == NULL || graph->mistake.code != SL_OK) {
        return false;
    }
    if (graph->sealed) {
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sl_error_set(&err, SL_E_STATE,
                                  "the job has been started: nothing can be added to its graph");
        sli_graph_stick(graph, rc, &err);
        return false;
    }
    graph->text = NULL; // whatever the caller does changes it
    return true;
}

void sli_node_put_name(const sl_stream *node, sli_str *out)
{
    sli_str_text(out, node->ops->kind);
    if (node->label != NULL) {
        sli_str_printf(out, " '%.100s'", node->label);
    }
}

void sli_node_put_place(const sl_stream *node, sli_str *out)
{
    sli_node_put_name(node, out);
    for (int32_t i = 0; i < node->n_inputs; i++) {
        sli_str_text(out, i == 0 ? " after " : " and ");
        sli_node_put_name(node->inputs[i], out);
    }
}

void sli_node_mistake(const sl_stream *node, sl_code rc, sl_error *err)
{
    sli_str place = {.tag = SLI_TAG_STREAM};
    sli_node_put_place(node, &place);
    rc = sl_error_wrap(err, rc, "operator %d (%s)", node->index + 1,
                       place.failed ? node->ops->kind : place.data);
    sli_str_reset(&place);
    sli_graph_stick(node->graph, rc, err);
}

// ---------------------------------------------------------------- nodes

void *sli_grown(void *items, int32_t n, int32_t *capacity, size_t size)
{
    if (n < *capacity) {
        return items;
    }
    int32_t more = *capacity == 0 ? 16 : *capacity * 2;
    void *grown = sl_realloc(SLI_TAG_STREAM, items, (size_t)more * size);
    if (grown != NULL) {
        *capacity = more;
    }
    return grown;
}

sl_code sli_graph_copy(sl_graph *graph, const char *text, const char **out, sl_error *err)
{
    *out = text == NULL ? NULL : sl_arena_strdup(graph->arena, text);
    return text != NULL && *out == NULL ? sl_error_nomem(err, strlen(text), "text of a graph")
                                        : SL_OK;
}

/// "flatMap-2": the second flatMap, whether the first one has a uid of its own or not.
static char *derived_uid(const sl_graph *graph, const char *kind)
{
    int32_t number = 1;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        number += strcmp(graph->nodes[i]->ops->kind, kind) == 0;
    }
    return sl_arena_printf(graph->arena, "%s-%d", kind, number);
}

static sl_stream *new_node(sl_graph *graph, const sli_node_ops *ops, const char *label)
{
    sl_stream *node = sl_arena_alloc_zero(graph->arena, sizeof *node);
    char *uid = derived_uid(graph, ops->kind);
    sl_error err = SL_ERROR_INIT;
    if (node == NULL || uid == NULL || sli_graph_copy(graph, label, &label, &err) != SL_OK) {
        sli_graph_stick_nomem(graph, sizeof *node, "an operator");
        return NULL;
    }
    *node = (sl_stream){
        .ops = ops, .graph = graph, .index = graph->n_nodes, .uid = uid, .label = label};
    return node;
}

sl_stream *sli_node_begin_source(sl_graph *graph, const sli_node_ops *ops, const char *label)
{
    return sli_graph_is_open(graph) ? new_node(graph, ops, label) : NULL;
}

static sl_code check_inputs(sl_stream *const *inputs, int32_t n, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        if (inputs[i] == NULL) {
            return sl_error_set(err, SL_E_INVALID, "stream %d of its %d is NULL", i + 1, n);
        }
        if (inputs[i]->graph != inputs[0]->graph) {
            return sl_error_set(err, SL_E_INVALID, "its streams are of different graphs");
        }
    }
    return SL_OK;
}

/// The node's inputs are those of `inputs` that are there.
static sl_code set_inputs(sl_stream *node, sl_stream *const *inputs, int32_t n, sl_error *err)
{
    size_t bytes = (size_t)n * sizeof(sl_stream *);
    node->inputs = sl_arena_alloc(node->graph->arena, bytes);
    if (node->inputs == NULL) {
        return sl_error_nomem(err, bytes, "the inputs of an operator");
    }
    for (int32_t i = 0; i < n; i++) {
        if (inputs[i] != NULL) {
            node->inputs[node->n_inputs++] = inputs[i];
        }
    }
    return SL_OK;
}

static sl_stream *first_of(sl_stream *const *inputs, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        if (inputs[i] != NULL) {
            return inputs[i];
        }
    }
    return NULL;
}

sl_stream *sli_node_begin_many(const sli_node_ops *ops, const char *label, sl_stream *const *inputs,
                               int32_t n)
{
    sl_stream *first = inputs == NULL ? NULL : first_of(inputs, n);
    if (first == NULL || !sli_graph_is_open(first->graph)) {
        return NULL;
    }
    sl_stream *node = new_node(first->graph, ops, label);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = n <= SLI_MAX_INPUTS
                     ? set_inputs(node, inputs, n, &err)
                     : sl_error_set(&err, SL_E_INVALID, "%d streams; there may be 1 to %d", n,
                                    SLI_MAX_INPUTS);
    rc = rc != SL_OK ? rc : check_inputs(inputs, n, &err);
    return rc == SL_OK ? node : sli_node_end(node, rc, &err);
}

sl_stream *sli_node_begin(const sli_node_ops *ops, const char *label, sl_stream *input)
{
    return sli_node_begin_many(ops, label, &input, 1);
}

static sl_code add_node(sl_stream *node, sl_error *err)
{
    sl_graph *graph = node->graph;
    if (graph->n_nodes == SLI_MAX_NODES) {
        return sl_error_set(err, SL_E_INVALID, "a graph has at most %d operators", SLI_MAX_NODES);
    }
    SL_TRY(sli_uid_check_unique(node, node->uid, err));
    sl_stream **nodes =
        sli_grown(graph->nodes, graph->n_nodes, &graph->capacity, sizeof(sl_stream *));
    if (nodes == NULL) {
        return sl_error_nomem(err, (size_t)graph->n_nodes * sizeof(sl_stream *), "operators");
    }
    graph->nodes = nodes;
    graph->nodes[graph->n_nodes++] = node;
    return SL_OK;
}

sl_stream *sli_node_end(sl_stream *node, sl_code rc, sl_error *err)
{
    if (rc == SL_OK) {
        rc = add_node(node, err);
    }
    if (rc != SL_OK) {
        sli_node_mistake(node, rc, err);
        node_reset(node);
        return NULL;
    }
    return node;
}

sl_code sli_node_body(sl_stream *node, size_t size, void **out, sl_error *err)
{
    node->body = sl_arena_alloc_zero(node->graph->arena, size);
    *out = node->body;
    return node->body == NULL ? sl_error_nomem(err, size, "an operator") : SL_OK;
}

// ---------------------------------------------------------------- what is not a node

static void stick_about(sl_graph *graph, const char *what, const char *name, const char *why)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sl_error_set(&err, SL_E_INVALID, "%s '%.100s': %s", what,
                              name == NULL ? "(NULL)" : name, why);
    sli_graph_stick(graph, rc, &err);
}

/// The aggregation itself is looked at by expr/, by making a plan that knows it.
static sl_code try_aggregations(const sl_graph *graph, sl_error *err)
{
    sl_schema *schema = NULL;
    sli_agg_plan *plan = NULL;
    SL_TRY(sl_schema_parse(&schema, "x int64", err));
    sl_code rc = sli_agg_plan_new(&plan, "count() as n", schema, NULL, 0,
                                  sli_graph_aggregations(graph), err);
    if (rc == SL_OK) {
        sli_agg_plan_free(plan);
    }
    sl_schema_unref(schema);
    return rc;
}

void sl_graph_aggregation(sl_graph *graph, const sl_agg_fn *fn)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    if (fn == NULL || fn->name == NULL) {
        stick_about(graph, "aggregation", NULL, "the function or its name is missing");
        return;
    }
    for (int32_t i = 0; i < graph->n_aggregations; i++) {
        if (strcmp(graph->aggregations[i]->name, fn->name) == 0) {
            stick_about(graph, "aggregation", fn->name, "there is one of this name already");
            return;
        }
    }
    const sl_agg_fn **grown = sli_grown(graph->aggregations, graph->n_aggregations + 1,
                                        &graph->aggregation_capacity, sizeof(sl_agg_fn *));
    if (grown == NULL) {
        sli_graph_stick_nomem(graph, sizeof(sl_agg_fn *), "aggregations");
        return;
    }
    graph->aggregations = grown;
    if (graph->n_aggregations == SLI_MAX_NAMES) {
        stick_about(graph, "aggregation", fn->name, "there are too many");
        return;
    }
    graph->aggregations[graph->n_aggregations++] = fn;
    graph->aggregations[graph->n_aggregations] = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = try_aggregations(graph, &err);
    if (rc != SL_OK) {
        sli_graph_stick(graph, rc, &err);
    }
}

void sl_graph_attach(sl_graph *graph, const char *name, void *pointer)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    if (name == NULL || name[0] == '\0') {
        stick_about(graph, "attachment", name, "it needs a name");
        return;
    }
    for (int32_t i = 0; i < graph->n_attachments; i++) {
        if (strcmp(graph->attachments[i].name, name) == 0) {
            graph->attachments[i].pointer = pointer;
            return;
        }
    }
    struct sli_attachment *grown = sli_grown(graph->attachments, graph->n_attachments,
                                             &graph->attachment_capacity, sizeof *grown);
    const char *copy = sl_arena_strdup(graph->arena, name);
    if (grown != NULL) {
        graph->attachments = grown;
    }
    if (grown == NULL || copy == NULL) {
        sli_graph_stick_nomem(graph, strlen(name), "an attachment");
    } else if (graph->n_attachments == SLI_MAX_NAMES) {
        stick_about(graph, "attachment", name, "there are too many");
    } else {
        graph->attachments[graph->n_attachments++] = (struct sli_attachment){copy, pointer};
    }
}

void *sli_graph_attached(const void *graph, const char *name)
{
    const sl_graph *self = graph;
    for (int32_t i = 0; name != NULL && i < self->n_attachments; i++) {
        if (strcmp(self->attachments[i].name, name) == 0) {
            return self->attachments[i].pointer;
        }
    }
    return NULL;
}

void sl_graph_set(sl_graph *graph, const char *option, const char *value)
{
    if (!sli_graph_is_open(graph)) {
        return;
    }
    if (option == NULL || option[0] == '\0' || value == NULL) {
        stick_about(graph, "setting", option, "it needs a name and a value");
        return;
    }
    struct sli_setting *grown =
        sli_grown(graph->settings, graph->n_settings, &graph->setting_capacity, sizeof *grown);
    const char *name = sl_arena_strdup(graph->arena, option);
    const char *copy = sl_arena_strdup(graph->arena, value);
    if (grown != NULL) {
        graph->settings = grown;
    }
    if (grown == NULL || name == NULL || copy == NULL) {
        sli_graph_stick_nomem(graph, strlen(option) + strlen(value), "a setting");
    } else if (graph->n_settings == SLI_MAX_NAMES) {
        stick_about(graph, "setting", option, "there are too many");
    } else {
        graph->settings[graph->n_settings++] = (struct sli_setting){name, copy};
    }
}

sl_code sli_graph_settings(const sl_graph *graph, sli_pair_fn each, void *ctx, sl_error *err)
{
    for (int32_t i = 0; i < graph->n_settings; i++) {
        SL_TRY(each(ctx, sli_text_of(graph->settings[i].name),
                    sli_text_of(graph->settings[i].value), err));
    }
    return SL_OK;
}

const sl_agg_fn *const *sli_graph_aggregations(const sl_graph *graph)
{
    return (const sl_agg_fn *const *)graph->aggregations;
}

// ---------------------------------------------------------------- the end of definition

sl_code sl_graph_check(const sl_graph *graph, sl_error *err)
{
    if (graph == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the graph is NULL");
    }
    if (graph->mistake.code != SL_OK && err != NULL) {
        *err = graph->mistake;
    }
    return graph->mistake.code;
}

sl_code sli_graph_seal(sl_graph *graph, sl_error *err)
{
    SL_TRY(sl_graph_check(graph, err));
    if (graph->n_outputs == 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "no output operations registered, so nothing to execute: end a stream "
                            "with sl_stream_print, sl_stream_save or sl_stream_foreach_rdd");
    }
    (void)sl_graph_text(graph); // made now, so that it can't fail later; a failure sticks
    SL_TRY(sl_graph_check(graph, err));
    graph->sealed = true;
    return SL_OK;
}
