// A static table that changes or vanishes while its job runs and across a restart: what the rows
// are then, and what is told.
#include <stdio.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

static const char script[] =
    "CREATE TABLE a (k STRING) WITH ('connector' = 'file', 'path' = 'in', 'format' = 'csv');\n"
    "CREATE TABLE kinds (k STRING, kind STRING) WITH ('connector' = 'file', 'path' = 'kinds.csv',\n"
    "  'format' = 'csv', 'static' = 'true');\n"
    "CREATE TABLE o (k STRING, kind STRING)\n"
    "WITH ('connector' = 'file', 'path' = 'out', 'format' = 'csv');\n"
    "INSERT INTO o SELECT a.k, kinds.kind FROM a JOIN kinds USING (k);\n";

static void build(sl_graph *graph)
{
    sl_sql_script(graph, "job.sql", script, NULL);
}

static const char *const files[] = {"kinds.csv", "x,old\n", NULL};

static sl_test *start(void)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(
        build,
        (sl_test_conf){.struct_size = sizeof(sl_test_conf), .checkpoint = true, .files = files});
    assert_non_null(test);
    return test;
}

static void check_well(sl_test *test)
{
    sl_error err = SL_ERROR_INIT;
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

SL_TEST(a_static_table_is_read_once_a_run, "")
{
    sl_test *test = start();
    sl_test_put(test, "in/1.csv", "x\n");
    sl_test_advance(test, 2);
    sl_test_put(test, "kinds.csv", "x,new\n");
    sl_test_put(test, "in/2.csv", "x\n");
    sl_test_advance(test, 2);
    SL_CHECK_TEXT(sl_test_read(test, "out"), "x,old\nx,old\n");
    sl_test_crash(test, true); // what was sealed stays as it was
    sl_test_put(test, "in/3.csv", "x\n");
    sl_test_advance(test, 2);
    check_well(test);
    SL_CHECK_TEXT(sl_test_read(test, "out"), "x,old\nx,old\nx,new\n");
    sl_test_free(test);
}

// ---------------------------------------------------------------- a crash, and then another table

static sl_code nothing(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)args, (void)rdd, (void)err;
    return SL_OK;
}
static const sl_foreach_fn foreach = {
    .struct_size = sizeof(sl_foreach_fn), .name = "nothing", .run = nothing};

/// With a function for each RDD an epoch is on record before it runs.
static void build_planned(sl_graph *graph)
{
    sl_stream *a = sl_stream_open(graph, "file:in?format=csv&schema=k string");
    const sl_sql_table tables[] = {
        {.name = "a", .stream = a},
        {.name = "kinds", .url = "kinds.csv?format=csv&schema=k string, kind string"}};
    sl_stream *out = sl_sql(graph, "SELECT a.k, kind FROM a JOIN kinds USING (k)", tables, 2);
    sl_stream_foreach_rdd(out, &foreach, NULL);
    sl_stream_save(out, "file:out?format=csv");
}

/// Two epochs of a group that waits for its ten seconds; then the process dies, and the next one
/// finds this table.
static sl_test *die_and_find(const char *replay, const char *table)
{
    static const char *settings[] = {"commit_interval", "10s", "replay.changed", NULL, NULL};
    settings[3] = replay;
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(build_planned, (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                                                              .settings = settings,
                                                              .checkpoint = true,
                                                              .files = files});
    assert_non_null(test);
    sl_test_put(test, "in/1.csv", "x\n");
    sl_test_advance(test, 1);
    sl_test_put(test, "in/2.csv", "x\ny\n");
    sl_test_advance(test, 1);
    assert_string_equal(sl_test_read(test, "out"), "");
    sl_test_put(test, "kinds.csv", table);
    sl_test_crash(test, false);
    sl_test_advance(test, 12);
    return test;
}

/// Nobody has seen a row of an epoch that runs again: it comes once, with what the table has now.
SL_TEST(epochs_that_run_again_see_the_table_as_it_is_now, "EXACTLY-ONCE-1")
{
    sl_test *test = die_and_find("warn", "x,new\ny,new\n");
    check_well(test);
    SL_CHECK_TEXT(sl_test_read(test, "out"), "x,new\nx,new\ny,new\n");
    sl_test_free(test);
}

SL_TEST(a_job_can_refuse_to_run_epochs_again_with_another_table, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_test *test = die_and_find("refuse", "x,new\n");
    assert_int_equal(sl_test_check(test, &err), SL_E_INCOMPATIBLE);
    if (strstr(err.text, "epochs 1 to 2 of the last run must run again, and since then rows of "
                         "static tables have changed: kinds (kinds.csv") == NULL) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(sl_test_read(test, "out"), "");
    sl_test_free(test);
}

SL_TEST(a_job_that_refuses_runs_them_again_with_the_same_table, "")
{
    sl_test *test = die_and_find("refuse", "\"x\",old\n"); // other bytes, the same rows
    check_well(test);
    SL_CHECK_TEXT(sl_test_read(test, "out"), "x,old\nx,old\n");
    sl_test_free(test);
}
