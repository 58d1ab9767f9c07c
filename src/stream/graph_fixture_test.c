// What the tests of graphs share: functions of jobs, a runtime over a simulated world, a fake
// epoch.
#include "stream/graph_fixture_test.h"

#include "base/bytes.h"
#include "env/sim.h"
#include "stream/event/event_time.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- functions of jobs

static sl_code upper(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    const sl_column *column = sl_batch_column(in, 0);
    for (int64_t row = 0; row < column->n_rows; row++) {
        sl_text text = sl_column_text(column, row);
        char copy[64];
        if (text.size > sizeof copy) {
            return sl_error_set(err, SL_E_USER, "a word of %zu bytes", text.size);
        }
        for (size_t i = 0; i < text.size; i++) {
            char c = text.data[i];
            copy[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
        }
        sl_builder_text(out, 0, copy, text.size);
    }
    return SL_OK;
}

static sl_code split(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    const sl_column *column = sl_batch_column(in, 0);
    for (int64_t row = 0; row < column->n_rows; row++) {
        sl_text text = sl_column_text(column, row);
        for (size_t at = 0; at < text.size;) {
            size_t end = at;
            while (end < text.size && text.data[end] != '_') {
                end++;
            }
            sl_builder_text(out, 0, text.data + at, end - at);
            at = end + 1;
        }
    }
    return SL_OK;
}

static sl_code keep_short(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)err;
    const sl_column *column = sl_batch_column(in, 0);
    int64_t max = sl_args_int64(args, "max", 2);
    for (int64_t row = 0; row < column->n_rows; row++) {
        sl_builder_bool(out, 0, (int64_t)sl_column_text(column, row).size <= max);
    }
    return SL_OK;
}

static sl_code tally(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)out;
    (void)err;
    *(int64_t *)sl_args_state(args) += sl_batch_rows(in);
    return SL_OK;
}

static sl_code tally_end(const sl_args *args, sl_builder *out, sl_error *err)
{
    (void)err;
    sl_builder_int64(out, 0, *(int64_t *)sl_args_state(args));
    return SL_OK;
}

static sl_code update(const sl_args *args, const sl_update_call *call, bool sums)
{
    const sl_column *old = sl_batch_column(call->states, 0);
    const sl_column *values = sl_batch_column(call->values, 0);
    int64_t drop = sl_args_int64(args, "drop", INT64_MAX);
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        int64_t total = call->had[i] ? sl_column_int64(old, i) : 0;
        for (int64_t v = call->values_from[i]; v < call->values_from[i + 1]; v++) {
            total += sums ? sl_column_int64(values, v) : 1;
        }
        call->keep[i] = total < drop;
        sl_builder_int64(call->out, 0, total);
    }
    return SL_OK;
}

static sl_code sum(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)err;
    return update(args, call, true);
}

static sl_code count_rows(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)err;
    return update(args, call, false);
}

static void xor_init(const sl_args *args, void *states, int64_t n)
{
    (void)args;
    memset(states, 0, (size_t)n * 8);
}

static sl_code xor_update(const sl_args *args, void *states, const int32_t *group,
                          const sl_column *const *in, int64_t n_rows, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n_rows; i++) {
        ((int64_t *)states)[group[i]] ^= sl_column_int64(in[0], i);
    }
    return SL_OK;
}

static sl_code xor_merge(const sl_args *args, void *states, const int32_t *group, const void *from,
                         int64_t n, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        ((int64_t *)states)[group[i]] ^= ((const int64_t *)from)[i];
    }
    return SL_OK;
}

static sl_code xor_finish(const sl_args *args, const void *states, int64_t n, sl_builder *out,
                          int32_t column, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column, ((const int64_t *)states)[i]);
    }
    return SL_OK;
}

const sl_fn slt_fn_upper = {
    .struct_size = sizeof(sl_fn), .name = "upper", .version = 1, .run = upper};
const sl_fn slt_fn_split = {
    .struct_size = sizeof(sl_fn), .name = "cut", .out = "word string", .version = 1, .run = split};
const sl_fn slt_fn_short = {.struct_size = sizeof(sl_fn),
                            .name = "short",
                            .out = "keep bool",
                            .version = 1,
                            .run = keep_short};
const sl_fn slt_fn_tally = {.struct_size = sizeof(sl_fn),
                            .name = "tally",
                            .out = "rows int64",
                            .version = 1,
                            .run = tally,
                            .end = tally_end,
                            .state_bytes = 8};
const sl_update_fn slt_fn_sum = {.struct_size = sizeof(sl_update_fn),
                                 .name = "sum",
                                 .out = "total int64",
                                 .version = 1,
                                 .run = sum};
const sl_update_fn slt_fn_rows = {.struct_size = sizeof(sl_update_fn),
                                  .name = "rows",
                                  .out = "total int64",
                                  .version = 1,
                                  .run = count_rows};
const sl_agg_fn slt_agg_xor = {.struct_size = sizeof(sl_agg_fn),
                               .name = "xor",
                               .in = "int64",
                               .out = "int64",
                               .version = 3,
                               .state_bytes = 8,
                               .init = xor_init,
                               .update = xor_update,
                               .merge = xor_merge,
                               .finish = xor_finish};

// ---------------------------------------------------------------- graphs

static const sl_option secret_options[] = {{.name = "rows", .type = SL_OPT_INT, .text = "rows"},
                                           {.name = "password", .type = SL_OPT_SECRET, .text = "x"},
                                           {0}};
// Only names and options of sinks matter to a graph.
static const sli_sink_ops console_sink = {.scheme = "console", .options = secret_options};
static const sli_sink_ops file_sink = {.scheme = "file"};
static const sli_sink_ops sqlite_sink = {.scheme = "sqlite", .options = secret_options};
static const sli_sink_ops *const sinks[] = {&console_sink, &file_sink, &sqlite_sink, NULL};
static const sli_source_ops *const sources[] = {&sli_source_file, &sli_source_socket,
                                                &sli_source_rate, &sli_source_queue, NULL};

slt_graph slt_graph_new(void)
{
    slt_graph self = {0};
    sl_error err = SL_ERROR_INIT;
    self.world = sli_world_new(&(sli_world_conf){.seed = 7});
    assert_non_null(self.world);
    assert_int_equal(sli_world_boot(self.world, NULL, &self.env, &err), SL_OK);
    assert_int_equal(sli_graph_new(&self.graph, &err), SL_OK);
    sli_graph_environment(self.graph, sources, sinks, self.env, false);
    return self;
}

void slt_graph_free(slt_graph *self)
{
    sli_graph_free(self->graph);
    sli_env_free(self->env);
    sli_world_free(self->world);
    *self = (slt_graph){0};
}

void slt_mistake_is(const sl_graph *graph, sl_code code, const char *text)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sl_graph_check(graph, &err);
    SL_CHECK_TEXT(err.text, text);
    assert_int_equal(rc, code);
    assert_int_equal(err.code, code);
}

// ---------------------------------------------------------------- a runtime

struct slt_host {
    sli_runtime *session; ///< first: an sl_session is a pointer to its runtime
    sli_runtime runtime;
    sli_source_env source_env;
    slt_graph graph;
    sl_env *real; ///< owned, with a pool; else NULL
    sl_conf *conf;
    sli_metrics *metrics;
    sli_budget *budget;
    sli_blocks *blocks;
    sli_exec *exec;
    sli_sched *sched;
    sli_store *store;
    sli_epoch epoch;
    sl_arena *arena;
    sli_offer *offers;
    sli_str text;
};

static void open_state(slt_host *host)
{
    sl_error err = SL_ERROR_INIT;
    for (int32_t i = 0; i < host->graph.graph->n_nodes; i++) {
        sl_stream *node = host->graph.graph->nodes[i];
        const sli_table_info *info = sli_node_state(node);
        if (info == NULL) {
            continue;
        }
        if (host->store == NULL) {
            sl_code rc =
                sli_store_memory.open(&host->store, &(sli_state_env){.budget = host->budget}, &err);
            assert_int_equal(rc, SL_OK);
        }
        assert_int_equal(host->store->ops->table(host->store, info, &node->table, &err), SL_OK);
        node->store = host->store;
    }
    sl_code rc = sli_event_restore(host->graph.graph, &host->runtime, &err);
    assert_int_equal(rc, SL_OK);
}

static void open_services(slt_host *host, int32_t workers)
{
    sl_error err = SL_ERROR_INIT;
    sl_env *env = host->real == NULL ? host->graph.env : host->real;
    const sli_exec_ops *backend = workers == 0 ? &sli_exec_inline : &sli_exec_pool;
    const char *spill = workers == 0 ? "spill" : slt_temp_dir();
    const sl_option *const tables[] = {sli_sched_options, NULL};
    assert_int_equal(sl_conf_new(&host->conf, "test", tables, &err), SL_OK);
    assert_int_equal(sli_metrics_new(&host->metrics, env, &err), SL_OK);
    host->budget = sli_budget_new(64 << 20);
    assert_non_null(host->budget);
    sl_code rc = sli_blocks_new(&host->blocks, env, host->budget, spill, host->metrics, &err);
    assert_int_equal(rc, SL_OK);
    assert_int_equal(backend->open(&host->exec, env, workers == 0 ? 1 : workers, 3, &err), SL_OK);
    host->runtime.env = env;
}

static slt_host *new_host(slt_graph *graph, int32_t parallelism, int32_t workers)
{
    sl_error err = SL_ERROR_INIT;
    slt_host *host = sl_alloc_zero(SLI_TAG_TEST, sizeof *host);
    assert_non_null(host);
    host->graph = *graph;
    if (workers > 0) {
        assert_int_equal(sli_env_posix(&host->real, &err), SL_OK);
    }
    open_services(host, workers);
    host->source_env = (sli_source_env){
        .env = graph->env, .metrics = host->metrics, .uid = "table", .interval_us = 1000000};
    host->runtime.metrics = host->metrics;
    host->runtime.budget = host->budget;
    host->runtime.blocks = host->blocks;
    host->runtime.parallelism = parallelism;
    host->runtime.seed = 11;
    host->runtime.source_env = &host->source_env;
    host->runtime.attached = sli_graph_attached;
    host->runtime.attached_ctx = graph->graph;
    host->runtime.aggregations = sli_graph_aggregations(graph->graph);
    host->session = &host->runtime;
    sl_code rc = sli_sched_new(&host->sched, &host->runtime, host->exec, host->conf, &err);
    assert_int_equal(rc, SL_OK);
    host->arena = sl_arena_new(SLI_TAG_TEST);
    host->text.tag = SLI_TAG_TEST;
    open_state(host);
    return host;
}

slt_host *slt_host_new(slt_graph *graph, int32_t parallelism)
{
    return new_host(graph, parallelism, 0);
}

slt_host *slt_host_new_pool(slt_graph *graph, int32_t parallelism, int32_t workers)
{
    return new_host(graph, parallelism, workers);
}

void slt_host_free(slt_host *host)
{
    for (int32_t i = 0; i < host->graph.graph->n_nodes; i++) {
        sl_stream *node = host->graph.graph->nodes[i];
        node->store = NULL;
        node->table = NULL;
        sli_node_drop_rdds(node);
    }
    sli_event_close(host->graph.graph);
    if (host->store != NULL) {
        host->store->ops->close(host->store);
    }
    sli_runtime_reset(&host->runtime);
    sli_sched_free(host->sched);
    host->exec->ops->close(host->exec);
    sli_blocks_free(host->blocks);
    sli_budget_free(host->budget);
    sli_metrics_free(host->metrics);
    sl_conf_free(host->conf);
    sl_arena_free(host->arena);
    sli_str_reset(&host->text);
    if (host->real != NULL) {
        sli_env_free(host->real);
    }
    sl_free(host);
}

sli_runtime *slt_host_runtime(slt_host *host)
{
    return &host->runtime;
}

sl_session *slt_host_session(slt_host *host)
{
    return (sl_session *)(void *)&host->session;
}

sli_store *slt_host_store(slt_host *host)
{
    return host->store;
}

// ---------------------------------------------------------------- epochs

static sl_bytes range_of(void *ctx, const sl_stream *node, int32_t *n_splits)
{
    const slt_host *host = ctx;
    *n_splits = host->offers[node->index].n_splits;
    return host->offers[node->index].range;
}

void slt_epoch_begin(slt_host *host)
{
    sl_error err = SL_ERROR_INIT;
    sl_graph *graph = host->graph.graph;
    sl_arena_reset(host->arena);
    size_t n = (size_t)graph->n_nodes;
    host->epoch = (sli_epoch){
        .number = host->epoch.number + 1,
        .time_us = (host->epoch.number + 1) * 1000000,
        .interval_us = 1000000,
        .generation = 1,
        .runtime = &host->runtime,
        .arena = host->arena,
        .range = range_of,
        .ctx = host,
        .no_input = true,
        .made = sl_arena_alloc_zero(host->arena, n * sizeof(sl_rdd *)),
    };
    sli_sched_epoch(host->sched, 1, host->epoch.number, host->epoch.time_us);
    host->offers = sl_arena_alloc_zero(host->arena, n * sizeof *host->offers);
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        sli_source *source = graph->nodes[i]->source;
        sli_ask ask = {.epoch = host->epoch.number,
                       .batch_time_us = host->epoch.time_us,
                       .max_rows = INT64_MAX};
        if (source != NULL) {
            sl_code rc = source->ops->offer(source, &ask, host->arena, &host->offers[i], &err);
            assert_int_equal(rc, SL_OK);
            host->epoch.no_input = host->epoch.no_input && host->offers[i].range.size == 0;
        }
    }
    sl_code rc = sli_event_plan(graph, &host->runtime, host->epoch.time_us, NULL, &err);
    assert_int_equal(rc, SL_OK);
    host->epoch.no_input =
        host->epoch.no_input && !sli_epoch_is_due(&host->epoch, graph) && !sli_event_is_due(graph);
}

sli_epoch *slt_epoch_of(slt_host *host)
{
    return &host->epoch;
}

static void put_cell(sli_str *out, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, "null");
        return;
    }
    switch (column->type) {
    case SL_STRING: {
        sl_text text = sl_column_text(column, row);
        sli_str_add(out, text.data, text.size);
        return;
    }
    case SL_TIMESTAMP:
    case SL_INT64:
        sli_str_printf(out, "%lld", (long long)sl_column_int64(column, row));
        return;
    case SL_FLOAT64:
        sli_str_printf(out, "%g", sl_column_float64(column, row));
        return;
    case SL_LIST: {
        const int32_t *offsets = column->values;
        sli_str_char(out, '[');
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
            sli_str_text(out, i == offsets[row] ? "" : " ");
            put_cell(out, &column->children[0], i);
        }
        sli_str_char(out, ']');
        return;
    }
    default:
        sli_str_printf(out, "<type %d>", (int)column->type);
    }
}

static sl_code put_rows(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    slt_host *host = ctx;
    (void)partition;
    (void)err;
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(batch)); c++) {
            sli_str_text(&host->text, c == 0 ? "" : " ");
            put_cell(&host->text, sl_batch_column(batch, c), row);
        }
        sli_str_char(&host->text, '\n');
    }
    return SL_OK;
}

const char *slt_epoch_rows(slt_host *host, sl_stream *stream)
{
    sl_error err = SL_ERROR_INIT;
    sl_rdd *rdd = NULL;
    sli_str_clear(&host->text);
    sl_code rc = sli_epoch_rdd(&host->epoch, stream, &rdd, &err);
    if (rc == SL_OK) {
        rc = sl_rdd_foreach(rdd, put_rows, host, &err);
    }
    if (rc != SL_OK) {
        sli_str_clear(&host->text);
        sli_str_printf(&host->text, "%s: %s", sl_code_name(rc), err.text);
    }
    return host->text.data == NULL ? "" : host->text.data;
}

void slt_epoch_end(slt_host *host, bool fails)
{
    sl_error err = SL_ERROR_INIT;
    sl_graph *graph = host->graph.graph;
    if (!fails) {
        assert_int_equal(sli_epoch_settle(&host->epoch, graph, &err), SL_OK);
        assert_int_equal(sli_event_settle(graph, &host->epoch, &err), SL_OK);
    }
    sli_epoch_release(&host->epoch);
    if (host->store != NULL && fails) {
        (host->store->ops->fail)(host->store, host->epoch.number);
    } else if (host->store != NULL) {
        assert_int_equal(host->store->ops->complete(host->store, host->epoch.number, &err), SL_OK);
    }
    assert_int_equal(sli_nodes_end(graph, !fails, &err), SL_OK);
    for (int32_t i = 0; i < graph->n_nodes && !fails; i++) {
        sli_source *source = graph->nodes[i]->source;
        if (source != NULL && host->offers[i].range.size > 0) {
            source->ops->forget(source, host->offers[i].range);
        }
    }
    host->epoch.number -= fails;
}

// ---------------------------------------------------------------- rows

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

char *slt_sorted_lines(const char *text)
{
    size_t n = 0, most = strlen(text) + 1;
    char *copy = sl_strdup(SLI_TAG_TEST, text);
    char **lines = sl_alloc_array(SLI_TAG_TEST, most, sizeof *lines);
    sli_str out = {.tag = SLI_TAG_TEST};
    assert_true(copy != NULL && lines != NULL);
    for (char *at = strtok(copy, "\n"); at != NULL; at = strtok(NULL, "\n")) {
        lines[n++] = at;
    }
    qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++) {
        sli_str_printf(&out, "%s\n", lines[i]);
    }
    sl_free(lines);
    sl_free(copy);
    return out.data == NULL ? sl_strdup(SLI_TAG_TEST, "") : sli_str_take(&out);
}

static void put_value(sl_builder *builder, int32_t column, const char *at, size_t size)
{
    int64_t number = 0;
    if (sl_schema_field(sl_builder_schema(builder), column)->type == SL_STRING) {
        sl_builder_text(builder, column, at, size);
    } else {
        assert_int_equal(sli_scan_int64((sl_text){at, size}, &number, NULL), SL_OK);
        sl_builder_int64(builder, column, number);
    }
}

sl_batch *slt_batch(const sl_schema *schema, const char *text)
{
    sl_error err = SL_ERROR_INIT;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    for (int32_t column = 0; *text != '\0';) {
        size_t size = strcspn(text, " |");
        put_value(builder, column, text, size);
        column = text[size] == ' ' ? column + 1 : 0;
        text += size + (text[size] != '\0');
    }
    assert_int_equal(sl_builder_finish(builder, &batch, &err), SL_OK);
    sl_builder_free(builder);
    return batch;
}

void slt_push(slt_graph *graph, const char *queue, const char *rows, int32_t n_partitions)
{
    sl_error err = SL_ERROR_INIT;
    for (int32_t i = 0; i < graph->graph->n_nodes; i++) {
        const sl_stream *node = graph->graph->nodes[i];
        if (sli_node_queue(node) != NULL && strcmp(sli_node_queue(node), queue) == 0) {
            sl_batch *batch = slt_batch(node->schema, rows);
            sl_code rc = sli_graph_push(graph->graph, queue, batch, n_partitions, &err);
            sl_batch_unref(batch);
            SL_CHECK_TEXT(err.text, "");
            assert_int_equal(rc, SL_OK);
            return;
        }
    }
    fail_msg("no queue %s", queue);
}
