// fixture_test.c — see fixture_test.h.
#include "sql/fixture_test.h"

#include "env/module.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char modules[] = SLT_BUILD_DIR "/lib/sluice";

// ---------------------------------------------------------------- worlds

static void open_env(slt_sql *s, const slt_sql_conf *conf)
{
    static const sli_module_want want = {.name = "sql_duckdb", .abi = SLI_DB_ABI, .why = "a test"};
    const sli_module *module = NULL;
    sl_env *real = NULL;
    assert_int_equal(sli_env_posix(&real, &s->err), SL_OK);
    if (!conf->simulated) {
        s->env = real;
        return;
    }
    assert_int_equal(sli_module_load(real, modules, &want, &module, &s->err), SL_OK);
    s->sim = sli_world_new(&(sli_world_conf){.seed = conf->seed});
    assert_non_null(s->sim);
    assert_true(sli_world_module(s->sim, "sql_duckdb", module));
    assert_int_equal(sli_world_boot(s->sim, NULL, &s->env, &s->err), SL_OK);
    sli_env_free(real);
}

static void open_graph(slt_sql *s)
{
    static const sli_source_ops *const sources[] = {&sli_source_file, &sli_source_queue, NULL};
    static const sli_sink_ops *const sinks[] = {&sli_sink_console, NULL};
    assert_int_equal(sli_graph_new(&s->graph, &s->err), SL_OK);
    sli_graph_environment(s->graph, sources, sinks, s->env, false);
    sli_graph_modules(s->graph, modules);
}

void slt_sql_open(slt_sql *s, slt_sql_conf conf)
{
    static const sl_option *const tables[] = {sli_sched_options, NULL};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    *s = (slt_sql){.err = SL_ERROR_INIT, .text = {.tag = SLI_TAG_TEST}};
    open_env(s, &conf);
    sl_error *err = &s->err;
    assert_int_equal(sli_metrics_new(&s->metrics, s->env, err), SL_OK);
    s->budget = sli_budget_new(256 << 20);
    assert_non_null(s->budget);
    char spill[512];
    (void)snprintf(spill, sizeof spill, "%s/spill", conf.simulated ? "." : slt_temp_dir());
    assert_int_equal(sli_blocks_new(&s->blocks, s->env, s->budget, spill, s->metrics, err), SL_OK);
    const sli_exec_ops *ops = conf.pool ? &sli_exec_pool : &sli_exec_inline;
    int32_t workers = conf.workers == 0 ? 1 : conf.workers;
    assert_int_equal(ops->open(&s->exec, s->env, workers, conf.seed, err), SL_OK);
    assert_int_equal(sl_conf_new(&s->conf, "test", tables, err), SL_OK);
    s->runtime = &s->own;
    s->source_env = (sli_source_env){.env = s->env,
                                     .metrics = s->metrics,
                                     .uid = "table",
                                     .interval_us = 1000000,
                                     .modules = modules};
    s->own = (sli_runtime){.env = s->env,
                           .metrics = s->metrics,
                           .budget = s->budget,
                           .blocks = s->blocks,
                           .parallelism = conf.parallelism == 0 ? 3 : conf.parallelism,
                           .seed = 7,
                           .next_id = 1,
                           .source_env = &s->source_env};
    assert_int_equal(sli_sched_new(&s->sched, &s->own, s->exec, s->conf, err), SL_OK);
    open_graph(s);
}

void slt_sql_close(slt_sql *s)
{
    sli_sched_free(s->sched);
    s->exec->ops->close(s->exec);
    sl_conf_free(s->conf);
    sli_blocks_free(s->blocks);
    sli_graph_free(s->graph);
    assert_int_equal(sli_budget_used(s->budget), 0);
    sli_budget_free(s->budget);
    sli_metrics_free(s->metrics);
    sli_env_free(s->env);
    if (s->sim != NULL) {
        sli_world_free(s->sim);
    }
    sli_str_reset(&s->text);
}

sl_session *slt_sql_session(slt_sql *s)
{
    return (sl_session *)(void *)s;
}

// ---------------------------------------------------------------- rows in

static void put_cell(sl_builder *builder, int32_t column, const char *text, size_t size)
{
    const sl_field *field = sl_schema_field(sl_builder_schema(builder), column);
    char copy[64];
    (void)snprintf(copy, sizeof copy, "%.*s", (int)size, text);
    if (size == 1 && *text == '-' && field->nullable) {
        sl_builder_null(builder, column);
    } else if (field->type == SL_STRING) {
        sl_builder_text(builder, column, text, size);
    } else if (field->type == SL_FLOAT64) {
        sl_builder_float64(builder, column, strtod(copy, NULL));
    } else {
        sl_builder_int64(builder, column, strtoll(copy, NULL, 10));
    }
}

sl_batch *slt_sql_batch(const char *schema_text, const char *text)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, schema_text, NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    while (*text != '\0') {
        for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
            size_t size = strcspn(text, ",;");
            put_cell(builder, c, text, size);
            text += size + 1;
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

sl_rdd *slt_sql_rdd(slt_sql *s, const char *schema, const char *text, int32_t n_partitions)
{
    sl_batch *batch = slt_sql_batch(schema, text);
    const sl_batch *list[1] = {batch};
    sl_rdd *rdd = sl_rdd_of_batches(slt_sql_session(s), list, 1, n_partitions);
    sl_batch_unref(batch);
    return rdd;
}

sl_rdd *slt_sql_ask(slt_sql *s, sl_rdd *rdd, const char *select)
{
    (void)s;
    return sl_rdd_sql(select, &(sl_sql_rdd){"t", rdd}, 1);
}

const char *slt_sql_file(const char *name, const char *content)
{
    static char path[512];
    (void)snprintf(path, sizeof path, "%s/%s", slt_temp_dir(), name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(content, file) >= 0);
    assert_int_equal(fclose(file), 0);
    return path;
}

// ---------------------------------------------------------------- rows out

static void put_out(sli_str *out, const sl_column *c, int64_t row)
{
    if (sl_column_is_null(c, row)) {
        sli_str_char(out, '-');
    } else if (c->type == SL_STRING) {
        sl_text text = sl_column_text(c, row);
        sli_str_add(out, text.data, text.size);
    } else if (c->type == SL_FLOAT64) {
        sli_str_printf(out, "%g", sl_column_float64(c, row));
    } else if (c->type == SL_BOOL) {
        sli_str_text(out, sl_column_bool(c, row) ? "true" : "false");
    } else if (c->type == SL_INT32 || c->type == SL_DATE) {
        sli_str_printf(out, "%" PRId32, ((const int32_t *)c->values)[row]);
    } else if (c->type == SL_DECIMAL) {
        int64_t low = 0; // of what the tests have
        memcpy(&low, (const char *)c->values + 16 * row, sizeof low);
        sli_str_printf(out, "%" PRId64, low);
    } else {
        sli_str_printf(out, "%" PRId64, sl_column_int64(c, row));
    }
}

typedef struct taking {
    sli_str *out;
    bool marks;
    int32_t partition;
} taking;

static sl_code take(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    taking *t = ctx;
    (void)err;
    for (; t->partition < partition; t->partition++) {
        sli_str_text(t->out, t->marks ? "|" : "");
    }
    int32_t n = sl_schema_columns(sl_batch_schema(batch));
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t c = 0; c < n; c++) {
            put_out(t->out, sl_batch_column(batch, c), row);
            sli_str_char(t->out, c + 1 < n ? ',' : ';');
        }
    }
    return SL_OK;
}

static sl_code run(slt_sql *s, sl_rdd *rdd, bool marks)
{
    taking t = {&s->text, marks, 0};
    sli_str_clear(&s->text);
    sli_str_text(&s->text, "");
    s->err = SL_ERROR_INIT;
    sl_code rc = sl_rdd_check(rdd, &s->err);
    rc = rc == SL_OK ? s->own.run(&s->own, rdd, NULL, 0, take, &t, &s->err) : rc;
    sl_rdd_unref(rdd);
    return rc;
}

static const char *rows_of(slt_sql *s, sl_rdd *rdd, bool marks)
{
    if (run(s, rdd, marks) != SL_OK) {
        fail_msg("%s: %s", sl_code_name(s->err.code), s->err.text);
    }
    return s->text.data == NULL ? "" : s->text.data;
}

const char *slt_sql_rows(slt_sql *s, sl_rdd *rdd)
{
    return rows_of(s, rdd, false);
}

const char *slt_sql_parts(slt_sql *s, sl_rdd *rdd)
{
    return rows_of(s, rdd, true);
}

sl_code slt_sql_fails(slt_sql *s, sl_rdd *rdd, const char **text)
{
    sl_code rc = run(s, rdd, false);
    *text = s->err.text;
    return rc;
}

const char *slt_sql_mistake(slt_sql *s)
{
    s->err = SL_ERROR_INIT;
    assert_int_not_equal(sl_graph_check(s->graph, &s->err), SL_OK);
    return s->err.text;
}
