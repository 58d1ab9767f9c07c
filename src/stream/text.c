// The graph's canonical form: a line an operator, in order of definition, and the hash of it.
//
//     sluice graph 1
//     source-1 source() url="socket://localhost:9999" : line string
//     flatMap-1 flatMap(source-1) fn="split" version=0 args="by=' '" : word string
//     counts reduceByKey(flatMap-1) keys="word" aggregations="count() as n" : word string, n int64
//     counts.print-1 print(counts) url="console:?rows=10"
//
// Two processes with the same lines compute the same streams; what a user's aggregation is stands
// in the line that uses it. Attached pointers and settings of the job are no part of it. Values of
// secret options are "***": a new password is no new graph.
#include "stream/graph_def.h"

#include "base/hash.h"

static const char *const level_names[] = {NULL, "memory_only", "memory_and_disk", "disk_only"};

void sli_put_pair(sli_str *out, const char *key, const char *value)
{
    if (value != NULL) {
        sli_str_printf(out, " %s=", key);
        sli_str_json(out, value, strlen(value));
    }
}

void sli_put_columns(sli_str *out, const char *key, const sl_schema *schema, const int32_t *columns,
                     int32_t n_columns)
{
    sli_str_printf(out, " %s=\"", key);
    for (int32_t i = 0; i < n_columns; i++) {
        sli_str_text(out, i == 0 ? "" : ", ");
        sli_str_text(out, sl_schema_field(schema, columns[i])->name);
    }
    sli_str_char(out, '"');
}

sl_code sli_node_set_args(sl_stream *node, sli_str *text, sl_error *err)
{
    sl_code rc = sli_str_check(text, "an operator's arguments", err);
    if (rc == SL_OK) {
        node->args = sl_arena_strdup(node->graph->arena, text->data == NULL ? "" : text->data);
        rc =
            node->args == NULL ? sl_error_nomem(err, text->size, "an operator's arguments") : SL_OK;
    }
    sli_str_reset(text);
    return rc;
}

// ---------------------------------------------------------------- URLs

static bool has_secret(const sl_option *options, sl_text name)
{
    for (; options != NULL && options->name != NULL; options++) {
        if (sl_option_is_secret(options, name)) {
            return true;
        }
    }
    return false;
}

/// Whether any source or sink of the scheme holds the option secret.
static bool is_secret(const sl_graph *graph, sl_text scheme, sl_text name)
{
    bool secret = false;
    for (int32_t i = 0; graph->sources != NULL && graph->sources[i] != NULL; i++) {
        secret = secret || (sli_text_is(scheme, graph->sources[i]->scheme) &&
                            has_secret(graph->sources[i]->options, name));
    }
    for (int32_t i = 0; graph->sinks != NULL && graph->sinks[i] != NULL; i++) {
        secret = secret || (sli_text_is(scheme, graph->sinks[i]->scheme) &&
                            has_secret(graph->sinks[i]->options, name));
    }
    return secret;
}

void sli_put_url(sli_str *out, const sl_graph *graph, const char *url)
{
    sli_url parts;
    const char *query = strchr(url, '?');
    if (query == NULL || sli_url_parse(url, &parts, NULL) != SL_OK) {
        sli_str_text(out, url);
        return;
    }
    sli_str_add(out, url, (size_t)(query - url));
    for (const char *at = query; *at != '\0';) {
        size_t size = 1 + strcspn(at + 1, "&");
        size_t name = 1 + strcspn(at + 1, "=&");
        bool secret = is_secret(graph, parts.scheme, (sl_text){at + 1, name - 1});
        sli_str_add(out, at, secret ? name : size);
        sli_str_text(out, secret ? "=***" : "");
        at += size;
    }
}

void sli_put_url_pair(sli_str *out, const char *key, const sl_graph *graph, const char *url)
{
    sli_str shown = {.tag = SLI_TAG_STREAM};
    sli_put_url(&shown, graph, url);
    sli_put_pair(out, key, shown.data);
    out->failed = out->failed || shown.failed;
    sli_str_reset(&shown);
}

const char *sli_url_label(sl_graph *graph, const char *url)
{
    return sl_arena_printf(graph->arena, "%.*s", (int)strcspn(url, "?"), url);
}

// ---------------------------------------------------------------- lines

static void put_node(sli_str *out, const sl_stream *node)
{
    sli_str_printf(out, "%s %s(", node->uid, node->ops->kind);
    for (int32_t i = 0; i < node->n_inputs; i++) {
        sli_str_printf(out, "%s%s", i == 0 ? "" : ", ", node->inputs[i]->uid);
    }
    sli_str_char(out, ')');
    sli_str_text(out, node->args == NULL ? "" : node->args);
    if (node->n_partitions > 0) {
        sli_str_printf(out, " partitions=%d", node->n_partitions);
    }
    if (node->level != SL_LEVEL_NONE) {
        sli_str_printf(out, " persist=%s", level_names[node->level]);
    }
    if (node->remember_us > 0) {
        sli_str_printf(out, " remember=%lldus", (long long)node->remember_us);
    }
    if (sli_node_ttl(node) > 0) {
        sli_str_printf(out, " ttl=%lldus", (long long)sli_node_ttl(node));
    }
    if (sli_node_initial(node) != NULL) {
        sli_put_url_pair(out, "initial", node->graph, sli_node_initial(node));
    }
    sli_str_printf(out, " : %s\n", sl_schema_text(node->schema));
}

static void put_output(sli_str *out, const sl_graph *graph, const sli_output *output)
{
    sli_str_printf(out, "%s %s(%s)", output->uid, output->verb, output->input->uid);
    if (output->kind == SLI_OUT_FOREACH) {
        sli_put_pair(out, "fn", output->foreach->name);
        sli_str_printf(out, " version=%u", (unsigned)output->foreach->version);
        sli_put_pair(out, "args", output->args);
    } else if (output->kind == SLI_OUT_SINK) {
        sli_put_url_pair(out, "url", graph, output->url);
    }
    sli_str_char(out, '\n');
}

static sl_code make_text(sl_graph *graph, sl_error *err)
{
    SL_TRY(sli_outputs_name(graph, err));
    sli_str text = {.tag = SLI_TAG_STREAM};
    sli_str_text(&text, "sluice graph 1\n");
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        put_node(&text, graph->nodes[i]);
    }
    for (int32_t i = 0; i < graph->n_outputs; i++) {
        if (!graph->outputs[i].is_letters) {
            put_output(&text, graph, &graph->outputs[i]);
        }
    }
    sli_put_accumulators(&text, graph);
    sli_put_broadcasts(&text, graph);
    sl_code rc = sli_str_check(&text, "the text of a graph", err);
    if (rc == SL_OK) {
        graph->text = sl_arena_strdup(graph->arena, text.data);
        graph->hash = sli_hash64(text.data, text.size);
        rc = graph->text == NULL ? sl_error_nomem(err, text.size, "the text of a graph") : SL_OK;
    }
    sli_str_reset(&text);
    return rc;
}

const char *sl_graph_text(sl_graph *graph)
{
    if (graph == NULL) {
        return "";
    }
    if (graph->text == NULL) {
        sl_error err = SL_ERROR_INIT;
        sl_code rc = make_text(graph, &err);
        if (rc != SL_OK) {
            sli_graph_stick(graph, rc, &err);
            return "";
        }
    }
    return graph->text;
}

uint64_t sl_graph_hash(sl_graph *graph)
{
    (void)sl_graph_text(graph);
    return graph == NULL || graph->text == NULL ? 0 : graph->hash;
}
