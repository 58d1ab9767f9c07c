// Output operations: what makes a stream be computed at all. They run in order of definition.
#include "sluice/pool.h"

#include "stream/graph_def.h"

enum { MAX_PRINTED = 1000000000 };

static void output_mistake(sl_graph *graph, const sli_output *output, sl_code rc, sl_error *err)
{
    sli_str place = {.tag = SLI_TAG_STREAM};
    sli_node_put_name(output->input, &place);
    rc = sl_error_wrap(err, rc, "output %d (%s of %s)", graph->n_outputs + 1, output->verb,
                       place.failed ? output->input->ops->kind : place.data);
    sli_str_reset(&place);
    sli_graph_stick(graph, rc, err);
}

sl_code sli_graph_add_output(sl_graph *graph, const sli_output *output, sl_error *err)
{
    if (graph->n_outputs == SLI_MAX_OUTPUTS) {
        return sl_error_set(err, SL_E_INVALID, "a graph has at most %d outputs", SLI_MAX_OUTPUTS);
    }
    sli_output *grown =
        sli_grown(graph->outputs, graph->n_outputs, &graph->output_capacity, sizeof *grown);
    if (grown == NULL) {
        return sl_error_nomem(err, sizeof *grown, "an output");
    }
    graph->outputs = grown;
    graph->outputs[graph->n_outputs] = *output;
    graph->outputs[graph->n_outputs++].pool = output->is_letters ? NULL : graph->pool;
    return SL_OK;
}

const char *sli_output_label(const sli_output *output)
{
    return output->kind == SLI_OUT_SINK      ? output->url
           : output->kind == SLI_OUT_FOREACH ? output->foreach->name
                                             : output->verb;
}

static void end_output(sl_graph *graph, const sli_output *output, sl_code rc, sl_error *err)
{
    if (rc == SL_OK) {
        rc = sli_graph_add_output(graph, output, err);
    }
    if (rc != SL_OK) {
        output_mistake(graph, output, rc, err);
    }
}

/// Only what needs no outside contact: the sink itself is opened when the job starts.
static sl_code check_url(const sl_graph *graph, const char *url, sl_error *err)
{
    sli_url parts;
    if (url == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the URL is NULL");
    }
    SL_TRY(sli_url_parse(url, &parts, err));
    const char *names[65] = {NULL};
    int32_t n = 0;
    for (; graph->sinks != NULL && graph->sinks[n] != NULL && n < 64; n++) {
        if (sli_text_is(parts.scheme, graph->sinks[n]->scheme)) {
            return SL_OK;
        }
        names[n] = graph->sinks[n]->scheme;
    }
    if (n == 0) {
        return SL_OK; // nobody said which sinks there are
    }
    char scheme[65];
    size_t size = parts.scheme.size < sizeof scheme - 1 ? parts.scheme.size : sizeof scheme - 1;
    memcpy(scheme, parts.scheme.data, size);
    scheme[size] = '\0';
    const char *near = sli_nearest(scheme, names);
    return sl_error_set(err, SL_E_CONFIG, "there is no sink '%s'%s%s%s", scheme,
                        near == NULL ? "; `sluice help sinks` lists them" : ", did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
}

static void add_sink(sl_stream *stream, const char *verb, const char *url)
{
    sl_graph *graph = stream->graph;
    sl_error err = SL_ERROR_INIT;
    sli_output output = {.kind = SLI_OUT_SINK, .verb = verb, .input = stream};
    sl_code rc = check_url(graph, url, &err);
    if (rc == SL_OK) {
        output.url = sl_arena_strdup(graph->arena, url);
        rc = output.url == NULL ? sl_error_nomem(&err, strlen(url), "an output") : SL_OK;
    }
    end_output(graph, &output, rc, &err);
}

void sl_stream_print(sl_stream *stream, int64_t n)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return;
    }
    if (n < 0 || n > MAX_PRINTED) {
        sl_error err = SL_ERROR_INIT;
        sl_code rc = sl_error_set(&err, SL_E_INVALID, "%lld rows; it prints 0 to %d", (long long)n,
                                  MAX_PRINTED);
        output_mistake(stream->graph, &(sli_output){.verb = "print", .input = stream}, rc, &err);
        return;
    }
    char *url = sl_arena_printf(stream->graph->arena, "console:?rows=%lld", (long long)n);
    if (url == NULL) {
        sli_graph_stick_nomem(stream->graph, 32, "an output");
        return;
    }
    add_sink(stream, "print", url);
}

void sl_stream_save(sl_stream *stream, const char *url)
{
    if (stream != NULL && sli_graph_is_open(stream->graph)) {
        add_sink(stream, "save", url);
    }
}

void sl_graph_pool(sl_graph *graph, const char *pool)
{
    if (graph == NULL || !sli_graph_is_open(graph)) {
        return;
    }
    graph->pool = pool == NULL ? NULL : sl_arena_strdup(graph->arena, pool);
    if (pool != NULL && graph->pool == NULL) {
        sli_graph_stick_nomem(graph, strlen(pool), "a pool");
    }
}

void sl_stream_foreach_rdd(sl_stream *stream, const sl_foreach_fn *fn, const char *args)
{
    if (stream == NULL || !sli_graph_is_open(stream->graph)) {
        return;
    }
    sl_graph *graph = stream->graph;
    sl_error err = SL_ERROR_INIT;
    sli_output output = {
        .kind = SLI_OUT_FOREACH, .verb = "foreachRDD", .input = stream, .foreach = fn};
    sli_fn_head head = {0};
    if (fn != NULL) {
        head = (sli_fn_head){fn->struct_size, sizeof *fn,           "sl_foreach_fn",
                             fn->name,        (sli_code_fn)fn->run, fn->version};
    }
    sl_code rc = sli_fn_head_check(graph, &head, args, &err);
    if (rc == SL_OK && args != NULL) {
        output.args = sl_arena_strdup(graph->arena, args);
        rc = output.args == NULL ? sl_error_nomem(&err, strlen(args), "an output") : SL_OK;
    }
    end_output(graph, &output, rc, &err);
}
