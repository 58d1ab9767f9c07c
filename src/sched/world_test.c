// world_test.c — the helpers of world_test.h.
#include "sched/world_test.h"

#include <stdio.h>
#include <stdlib.h>

static void *find_attached(const void *ctx, const char *name)
{
    (void)name;
    return ((const world *)ctx)->attached;
}

void world_open(world *w, world_conf conf)
{
    static const sl_option *const tables[] = {sli_sched_options, NULL};
    *w = (world){0};
    sl_error err = SL_ERROR_INIT;
    if (conf.simulated) {
        w->sim = sli_world_new(&(sli_world_conf){.seed = conf.seed});
        assert_non_null(w->sim);
        assert_int_equal(sli_world_boot(w->sim, conf.fault, &w->env, &err), SL_OK);
    } else {
        assert_int_equal(sli_env_posix(&w->env, &err), SL_OK);
    }
    assert_int_equal(sli_metrics_new(&w->metrics, w->env, &err), SL_OK);
    w->budget = sli_budget_new(conf.budget_bytes == 0 ? 256 << 20 : conf.budget_bytes);
    assert_non_null(w->budget);
    char spill[512];
    (void)snprintf(spill, sizeof spill, "%s/spill", conf.simulated ? "." : slt_temp_dir());
    assert_int_equal(sli_blocks_new(&w->blocks, w->env, w->budget, spill, w->metrics, &err), SL_OK);
    const sli_exec_ops *ops = conf.pool ? &sli_exec_pool : &sli_exec_inline;
    int32_t workers = conf.workers == 0 ? 1 : conf.workers;
    assert_int_equal(ops->open(&w->exec, w->env, workers, conf.seed, &err), SL_OK);
    assert_int_equal(sl_conf_new(&w->conf, "test", tables, &err), SL_OK);
    assert_int_equal(sl_conf_parse(w->conf, conf.settings, &err), SL_OK);
    w->runtime = &w->own;
    w->own.env = w->env;
    w->own.metrics = w->metrics;
    w->own.budget = w->budget;
    w->own.blocks = w->blocks;
    w->own.parallelism = conf.parallelism == 0 ? 3 : conf.parallelism;
    w->own.table_bytes = conf.table_bytes;
    w->own.seed = 7;
    w->own.attached = find_attached;
    w->own.attached_ctx = w;
    w->own.aggregations = conf.aggregations;
    w->own.next_id = 1;
    w->source_env = (sli_source_env){
        .env = w->env, .metrics = w->metrics, .uid = "table", .interval_us = 1000000};
    w->own.source_env = &w->source_env;
    assert_int_equal(sli_sched_new(&w->sched, w->runtime, w->exec, w->conf, &err), SL_OK);
}

void world_close(world *w)
{
    sli_blocks_stats stats;
    sli_blocks_stats_of(w->blocks, &stats);
    assert_int_equal(stats.n_blocks, 0); // every RDD took its blocks with it
    sli_sched_free(w->sched);
    w->exec->ops->close(w->exec);
    sl_conf_free(w->conf);
    sli_blocks_free(w->blocks);
    assert_int_equal(sli_budget_used(w->budget), 0);
    sli_budget_free(w->budget);
    sli_metrics_free(w->metrics);
    sli_env_free(w->env);
    if (w->sim != NULL) {
        sli_world_free(w->sim);
    }
}

sl_session *world_session(world *w)
{
    return (sl_session *)(void *)w;
}

sl_rdd *then(sl_rdd *parent, sl_rdd *child)
{
    sl_rdd_unref(parent);
    return child;
}

const layout layouts[] = {
    {{.workers = 1}, 1},
    {{.workers = 1, .seed = 3}, 3},
    {{.workers = 4, .seed = 11}, 7},
    {{.workers = 4, .pool = true}, 1},
    {{.workers = 4, .pool = true}, 3},
    {{.workers = 4, .pool = true}, 7},
    {{.workers = 4, .pool = true, .budget_bytes = 65536}, 7},
    {{.workers = 4, .pool = true, .budget_bytes = 65536, .table_bytes = 16384}, 3},
};
const size_t n_layouts = sizeof layouts / sizeof *layouts;

// ---------------------------------------------------------------- rows and text

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
    } else if (field->type == SL_BOOL) {
        sl_builder_bool(builder, column, copy[0] == 't');
    } else {
        sl_builder_int64(builder, column, strtoll(copy, NULL, 10));
    }
}

sl_batch *rows_of(const char *schema_text, const char *text)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_schema_parse(&schema, schema_text, &err), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    while (*text != '\0') {
        for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
            size_t size = strcspn(text, ",;");
            put_cell(builder, c, text, size);
            text += size + 1;
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, &err), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

sl_rdd *rdd_of(world *w, const char *schema, const char *text, int32_t n_partitions)
{
    sl_batch *batch = rows_of(schema, text);
    const sl_batch *list[1] = {batch};
    sl_rdd *rdd = sl_rdd_of_batches(world_session(w), list, 1, n_partitions);
    sl_batch_unref(batch);
    assert_non_null(rdd);
    return rdd;
}

static void print_cell(sli_str *out, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_str_char(out, '-');
    } else if (column->type == SL_STRING) {
        sl_text text = sl_column_text(column, row);
        sli_str_add(out, text.data, text.size);
    } else if (column->type == SL_LIST) {
        const int32_t *offsets = column->values;
        sli_str_char(out, '[');
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
            sli_str_text(out, i > offsets[row] ? " " : "");
            print_cell(out, column->children, i);
        }
        sli_str_char(out, ']');
    } else if (column->type == SL_FLOAT64) {
        sli_str_printf(out, "%.17g", sl_column_float64(column, row));
    } else if (column->type == SL_BOOL) {
        sli_str_text(out, sl_column_bool(column, row) ? "true" : "false");
    } else {
        sli_str_printf(out, "%lld", (long long)sl_column_int64(column, row));
    }
}

/// The last four texts handed out stay; the tests need no more at once.
static const char *keep(sli_str *text)
{
    static char *kept[4];
    static int next;
    next = (next + 1) % 4;
    free(kept[next]);
    kept[next] = strdup(text->data == NULL ? "" : text->data);
    sli_str_reset(text);
    return kept[next];
}

const char *text_of_batch(const sl_batch *batch)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t c = 0; c < sl_schema_columns(sl_batch_schema(batch)); c++) {
            sli_str_text(&out, c > 0 ? "," : "");
            print_cell(&out, sl_batch_column(batch, c), row);
        }
        sli_str_char(&out, '\n');
    }
    return keep(&out);
}

const char *collect_text(sl_rdd *rdd)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *batch = NULL;
    sl_code rc = sl_rdd_collect(rdd, &batch, &err);
    sl_rdd_unref(rdd);
    if (rc != SL_OK) {
        print_message("collect: %s\n", err.text);
    }
    assert_int_equal(rc, SL_OK);
    const char *text = text_of_batch(batch);
    sl_batch_unref(batch);
    return text;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *collect_sorted(sl_rdd *rdd)
{
    char *text = strdup(collect_text(rdd));
    size_t n = 0;
    for (const char *c = text; *c != '\0'; c++) {
        n += *c == '\n';
    }
    char **lines = calloc(n + 1, sizeof *lines);
    n = 0;
    for (char *line = text; *line != '\0';) {
        char *end = strchr(line, '\n');
        *end = '\0';
        lines[n++] = line;
        line = end + 1;
    }
    qsort(lines, n, sizeof *lines, by_text);
    sli_str out = {.tag = SLI_TAG_TEST};
    for (size_t i = 0; i < n; i++) {
        sli_str_text(&out, lines[i]);
        sli_str_char(&out, '\n');
    }
    free(lines);
    free(text);
    return keep(&out);
}

sl_error collect_error(sl_rdd *rdd)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *batch = NULL;
    sl_code rc = sl_rdd_collect(rdd, &batch, &err);
    sl_rdd_unref(rdd);
    assert_int_not_equal(rc, SL_OK);
    assert_int_equal(rc, err.code);
    assert_null(batch);
    return err;
}

void check_mistake(sl_rdd *rdd, const char *says)
{
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_rdd_check(rdd, &err), SL_E_INVALID);
    if (strstr(err.text, says) == NULL) {
        SL_CHECK_TEXT(err.text, says);
    }
    sl_rdd_unref(rdd);
}

void check_error(sl_rdd *rdd, sl_code code, const char *says)
{
    sl_error err = collect_error(rdd);
    assert_int_equal(err.code, code);
    if (strstr(err.text, says) == NULL) {
        SL_CHECK_TEXT(err.text, says);
    }
}
