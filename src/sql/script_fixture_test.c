// script_fixture_test.c — see script_fixture_test.h.
#include "sql/script_fixture_test.h"

static const sli_source_ops *const sources[] = {&sli_source_file,   &sli_source_tail,
                                                &sli_source_socket, &sli_source_stdin,
                                                &sli_source_custom, &sli_source_rate,
                                                &sli_source_queue,  &sli_source_kafka,
                                                &sli_source_http,   &sli_source_flume,
                                                &sli_source_mqtt,   &sli_source_flume_poll,
                                                &sli_source_hdfs,   NULL};
static const sli_sink_ops collect = {.struct_size = sizeof collect, .scheme = "collect"};
static const sli_sink_ops *const sinks[] = {
    &sli_sink_console, &sli_sink_file,     &sli_sink_hdfs, &sli_sink_sqlite,    &sli_sink_kafka,
    &sli_sink_mqtt,    &sli_sink_postgres, &collect,       &sli_sink_blackhole, NULL};

static void warn(void *ctx, const char *text)
{
    slt_script *s = ctx;
    sli_str_printf(&s->warnings, "%s\n", text);
}

/// The job has one setting.
static sl_code setting(void *ctx, const char *name, sl_text value, sl_error *err)
{
    int64_t us = 0;
    (void)ctx;
    if (strcmp(name, "interval") != 0) {
        return sl_error_set(err, SL_E_CONFIG, "unknown option \"%s\"; did you mean interval?",
                            name);
    }
    return sli_scan_duration_us(value, &us, err);
}

void slt_script_begin(slt_script *s)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    *s = (slt_script){.warnings = {.tag = SLI_TAG_TEST}};
    assert_int_equal(sli_env_posix(&s->env, &s->err), SL_OK);
    assert_int_equal(sli_graph_new(&s->graph, &s->err), SL_OK);
    sli_graph_environment(s->graph, sources, sinks, s->env, false);
    sli_graph_modules(s->graph, SLT_BUILD_DIR "/lib/sluice");
    sli_graph_hosted(s->graph, &(sli_graph_host){setting, warn, s});
}

void slt_script_define(slt_script *s, const char *text, const char *const *variables, bool for_test)
{
    slt_script_begin(s);
    if (for_test) {
        sl_sql_for_test(s->graph);
    }
    sl_sql_script(s->graph, "job.sql", text, variables);
}

void slt_script_end(slt_script *s)
{
    sli_graph_free(s->graph);
    sli_env_free(s->env);
    sli_str_reset(&s->warnings);
}

const char *slt_script_mistake(slt_script *s)
{
    s->err = SL_ERROR_INIT;
    return sl_graph_check(s->graph, &s->err) == SL_OK ? "" : s->err.text;
}

const char *slt_script_graph(slt_script *s)
{
    const char *mistake = slt_script_mistake(s);
    return mistake[0] != '\0' ? mistake : sl_graph_text(s->graph);
}
