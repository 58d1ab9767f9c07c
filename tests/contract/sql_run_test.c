// Whole scripts in the simulated world: what comes out of each epoch, and that a crash between any
// two epochs changes nothing.
#include <stdio.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sql.h"
#include "sluice/test.h"

static const char bids[] = "CREATE TABLE bids (ts TIMESTAMP(3), item STRING, price BIGINT,\n"
                           "  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)\n"
                           "WITH ('connector' = 'file', 'path' = 'in', 'format' = 'csv');\n"
                           "CREATE TABLE windows (start TIMESTAMP, n BIGINT)\n"
                           "WITH ('connector' = 'file', 'path' = 'out', 'format' = 'csv');\n"
                           "INSERT INTO windows SELECT window_start, count(*)\n"
                           "FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECONDS))\n"
                           "GROUP BY window_start, window_end;\n";

static void build(sl_graph *graph)
{
    sl_sql_script(graph, "bids.sql", bids, NULL);
}

static const char *const files[][2] = {
    {"in/1.csv", "2020-01-01 00:00:01,a,1\n2020-01-01 00:00:02,b,2\n"},
    {"in/2.csv", "2020-01-01 00:00:03,a,3\n2020-01-01 00:00:12,a,4\n"},
    {"in/3.csv", "2020-01-01 00:00:25,b,5\n"},
};

enum { N_FILES = sizeof files / sizeof files[0] };

/// Runs a file an epoch and some more; the process dies before epoch `crash` (0: never).
static void check_run(int crash, bool power_loss)
{
    sl_error err = SL_ERROR_INIT;
    sl_test_conf conf = {.struct_size = sizeof conf, .checkpoint = true, .seed = 5};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(build, conf);
    assert_non_null(test);
    for (int epoch = 1; epoch <= N_FILES + 3; epoch++) {
        if (epoch == crash) {
            sl_test_crash(test, power_loss);
        }
        if (epoch <= N_FILES) {
            sl_test_put(test, files[epoch - 1][0], files[epoch - 1][1]);
        }
        sl_test_advance(test, 1);
    }
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(sl_test_read(test, "out"), "2020-01-01T00:00:00Z,3\n2020-01-01T00:00:10Z,1\n");
    sl_test_free(test);
}

SL_TEST(a_script_counts_windows_of_its_event_time, "")
{
    check_run(0, false);
}

SL_TEST(a_script_goes_on_after_a_crash_before_any_epoch, "")
{
    for (int crash = 1; crash <= N_FILES + 3; crash++) {
        check_run(crash, crash % 2 == 0);
    }
}

// ---------------------------------------------------------------- sessions

static const char visits[] =
    "CREATE TABLE clicks (ts TIMESTAMP(3), who STRING, page BIGINT,\n"
    "  WATERMARK FOR ts AS ts - INTERVAL '1' SECOND)\n"
    "WITH ('connector' = 'file', 'path' = 'in', 'format' = 'csv');\n"
    "CREATE TABLE visits (who STRING, since TIMESTAMP, until TIMESTAMP, n BIGINT)\n"
    "WITH ('connector' = 'file', 'path' = 'out', 'format' = 'csv');\n"
    "INSERT INTO visits SELECT who, window_start, window_end, count(*)\n"
    "FROM TABLE(SESSION(TABLE clicks PARTITION BY who, DESCRIPTOR(ts), INTERVAL '10' SECONDS))\n"
    "GROUP BY who, window_start, window_end;\n";

static void build_visits(sl_graph *graph)
{
    sl_sql_script(graph, "visits.sql", visits, NULL);
}

SL_TEST(a_script_counts_sessions_of_each_key, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_test_conf conf = {.struct_size = sizeof conf, .checkpoint = true};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(build_visits, conf);
    assert_non_null(test);
    sl_test_put(test, "in/1.csv", "2020-01-01 00:00:01,a,1\n2020-01-01 00:00:02,b,1\n");
    sl_test_advance(test, 1);
    sl_test_crash(test, true);
    sl_test_put(test, "in/2.csv", "2020-01-01 00:00:10,a,2\n2020-01-01 00:00:13,b,2\n");
    sl_test_advance(test, 1); // b's second click is 11 seconds after its first: another session
    sl_test_put(test, "in/3.csv", "2020-01-01 00:01:00,c,1\n");
    sl_test_advance(test, 2);
    sl_test_stop(test);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(sl_test_read(test, "out"), "b,2020-01-01T00:00:02Z,2020-01-01T00:00:12Z,1\n"
                                             "a,2020-01-01T00:00:01Z,2020-01-01T00:00:20Z,2\n"
                                             "b,2020-01-01T00:00:13Z,2020-01-01T00:00:23Z,1\n");
    sl_test_free(test);
}

// ---------------------------------------------------------------- SELECTs that change

static void build_changes(sl_graph *graph)
{
    sl_sql_for_test(graph);
    sl_sql_script(
        graph, "changes.sql",
        "CREATE TABLE a (k STRING, v BIGINT) WITH ('connector' = 'stdin', 'format' = "
        "'json');"
        "CREATE TABLE o (k STRING, n BIGINT, s BIGINT, PRIMARY KEY (k) NOT ENFORCED) WITH "
        "('connector' = 'sqlite', 'path' = 'x.db', 'table' = 'o');"
        "INSERT INTO o SELECT k, count(*), sum(v)::BIGINT FROM a GROUP BY k HAVING "
        "count(*) > 1",
        NULL);
}

SL_TEST(a_running_group_by_gives_the_keys_that_changed, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_test_conf conf = {.struct_size = sizeof conf};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(build_changes, conf);
    sl_test_push(test, "a", "{\"k\":\"x\",\"v\":1}\n{\"k\":\"y\",\"v\":2}\n{\"k\":\"x\",\"v\":3}\n",
                 2);
    sl_test_advance(test, 1);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(sl_test_rows(test, "o"), "{\"k\":\"x\",\"n\":2,\"s\":4}\n");
    sl_test_push(test, "a", "{\"k\":\"y\",\"v\":5}\n", 1);
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "o"), "{\"k\":\"y\",\"n\":2,\"s\":7}\n");
    sl_test_advance(test, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "o"), "");
    sl_test_free(test);
}

// ---------------------------------------------------------------- subqueries over static tables

#define STATIC_SCRIPT(select)                                                                      \
    "CREATE TABLE a (k STRING, v BIGINT) WITH ('connector' = 'file', 'path' = 'in', 'format' = "   \
    "'csv');"                                                                                      \
    "CREATE TABLE p (k STRING, place STRING, size BIGINT) WITH ('connector' = 'file', 'path' = "   \
    "'p.csv', 'format' = 'csv', 'static' = 'true');"                                               \
    "CREATE TABLE o (k STRING, x BIGINT) WITH ('connector' = 'file', 'path' = 'out', 'format' = "  \
    "'csv', 'changelog' = 'append');"                                                              \
    "INSERT INTO o " select

static const char *static_script;

static void build_static(sl_graph *graph)
{
    sl_sql_script(graph, "static.sql", static_script, NULL);
}

static void static_gives(const char *script, const char *rows)
{
    static const char *const there[] = {"p.csv", "x,Ulm,1\ny,Ulm,2\nz,Bonn,5\n", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_test_conf conf = {.struct_size = sizeof conf, .files = there};
    static_script = script;
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(build_static, conf);
    assert_non_null(test);
    sl_test_put(test, "in/1.csv", "x,1\ny,2\nw,4\n");
    sl_test_advance(test, 1);
    sl_test_put(test, "in/2.csv", "y,3\nz,9\n");
    sl_test_advance(test, 1);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    SL_CHECK_TEXT(sl_test_read(test, "out"), rows);
    sl_test_free(test);
}

SL_TEST(subqueries_over_static_tables_go_by_row, "")
{
    static_gives(STATIC_SCRIPT("SELECT k, v FROM a WHERE k IN (SELECT k FROM p WHERE place = "
                               "'Ulm')"),
                 "x,1\ny,2\ny,3\n");
    static_gives(STATIC_SCRIPT("SELECT k, v + (SELECT max(size) FROM p) FROM a WHERE v > (SELECT "
                               "min(size) FROM p)"),
                 "y,7\nw,9\ny,8\nz,14\n");
    static_gives(STATIC_SCRIPT("SELECT a.k, s.total FROM a JOIN (SELECT p.k, sum(size) OVER "
                               "(PARTITION BY place)::BIGINT AS total FROM p) s ON a.k = s.k"),
                 "x,3\ny,3\ny,3\nz,5\n");
    static_gives(
        STATIC_SCRIPT("SELECT k, (SELECT year(now()) + min(p.size) FROM p WHERE p.k = a.k) "
                      "FROM a WHERE v = 1"),
        "x,2021\n");
    static_gives(STATIC_SCRIPT("WITH big AS (SELECT k AS name FROM p WHERE size > 1) SELECT a.k, v "
                               "FROM a JOIN big ON a.k = big.name"),
                 "y,2\ny,3\nz,9\n");
}

SL_TEST(subqueries_over_static_tables_are_in_aggregations_too, "")
{
    static_gives(STATIC_SCRIPT("SELECT k, sum(v) + (SELECT max(size) FROM p) FROM a WHERE EXISTS "
                               "(SELECT 1 FROM p WHERE p.k = a.k) GROUP BY k HAVING sum(v) > "
                               "(SELECT min(size) FROM p)"),
                 "y,7\ny,10\nz,14\n");
}

// ---------------------------------------------------------------- a program around a script

typedef struct taken {
    int64_t n, sum;
} taken;

static sl_code take_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    taken *t = ctx;
    (void)partition;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        t->n++;
        t->sum += sl_column_int64(sl_batch_column(batch, 1), i);
    }
    return SL_OK;
}

static sl_code take(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    return sl_rdd_foreach(rdd, take_batch, sl_args_attached(args, sl_args_text(args, "to", "")),
                          err);
}

static const sl_foreach_fn take_fn = {
    .struct_size = sizeof take_fn, .name = "take", .version = 1, .run = take};

static const char program[] =
    "CREATE TABLE rows (k STRING, v BIGINT) WITH ('connector' = 'queue', 'name' = 'q');"
    "CREATE TABLE all_rows (k STRING, v BIGINT) WITH ('connector' = 'foreach', 'name' = "
    "'take');"
    "CREATE TABLE hole (k STRING, v BIGINT) WITH ('connector' = 'blackhole');"
    "INSERT INTO all_rows SELECT k, v * 10 FROM rows;"
    "INSERT INTO hole SELECT k, v // (v - 3) FROM rows;";

static void build_program(sl_graph *graph)
{
    sl_sql_foreach(graph, &take_fn, "to=taken");
    sl_sql_script(graph, "program.sql", program, NULL);
}

static void attach(sl_graph *graph, void *ctx)
{
    sl_graph_attach(graph, "taken", ctx);
}

SL_TEST(a_program_pushes_rows_into_its_script_and_takes_what_it_gives, "")
{
    sl_error err = SL_ERROR_INIT;
    taken t = {0};
    sl_test_conf conf = {.struct_size = sizeof conf, .prepare = attach, .ctx = &t};
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sl_test *test = sl_test_new(build_program, conf);
    sl_test_push(test, "q", "{\"k\":\"x\",\"v\":1}\n{\"k\":\"y\",\"v\":2}\n", 2);
    sl_test_advance(test, 1);
    sl_test_push(test, "q", "{\"k\":\"x\",\"v\":4}\n", 1);
    sl_test_advance(test, 2);
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(t.n, 3);
    assert_int_equal(t.sum, 70);
    sl_test_free(test);
}

static void build_twice(sl_graph *graph)
{
    sl_sql_foreach(graph, &take_fn, NULL);
    sl_sql_foreach(graph, &take_fn, NULL);
}

static void build_without_function(sl_graph *graph)
{
    sl_sql_foreach(graph, NULL, NULL);
}

static void check_program(sl_build_fn build_it, const char *mistake)
{
    sl_error err = SL_ERROR_INIT;
    sl_test *test = sl_test_new(build_it, (sl_test_conf){.struct_size = sizeof(sl_test_conf)});
    assert_int_not_equal(sl_test_check(test, &err), SL_OK);
    assert_non_null(strstr(err.text, mistake));
    sl_test_free(test);
}

SL_TEST(functions_that_scripts_cannot_write_to_are_told, "")
{
    check_program(build_twice, "sql foreach 'take': there is one of that name already");
    check_program(build_without_function, "sql foreach '': it has no name or no `run`");
}
