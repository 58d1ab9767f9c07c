// Whole jobs with SQL, through the public interface alone: epochs, windows, state, static tables,
// dead letters, RDDs in transform and foreachRDD, a crash. Expected rows were worked out by hand.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sl_test.h"
#include "sluice/sluice.h"

static const char *const settings[] = {"modules", SLT_BUILD_DIR "/lib/sluice", NULL};

static sl_test *begin(sl_build_fn build, sl_test_conf conf)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    conf.struct_size = sizeof conf;
    conf.start_us = 1; // epoch e has batch time e seconds
    conf.settings = conf.settings == NULL ? settings : conf.settings;
    sl_test *test = sl_test_new(build, conf);
    assert_non_null(test);
    return test;
}

static void end(sl_test *test)
{
    sl_error err = SL_ERROR_INIT;
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    sl_test_free(test);
}

static const char *epoch(sl_test *test, const char *uid)
{
    sl_test_advance(test, 1);
    sl_error err = SL_ERROR_INIT;
    if (sl_test_check(test, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    const char *rows = sl_test_rows(test, uid);
    return rows == NULL ? "" : rows;
}

// ---------------------------------------------------------------- an epoch, and windows

static void counts_job(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "w string, n int64", true);
    sl_sql_table tables[] = {{.name = "t", .stream = in}};
    sl_stream *counts = sl_sql(
        graph, "SELECT w, sum(n)::BIGINT AS s, epoch_us(now()) AS at FROM t GROUP BY w ORDER BY w",
        tables, 1);
    sl_stream_save(sl_stream_uid(counts, "counts"), "collect:counts");
    sl_sql_table windowed[] = {{.name = "t", .stream = sl_stream_window(in, "2s", "1s")}};
    sl_stream *last = sl_sql(graph, "SELECT count(*) AS n FROM t", windowed, 1);
    sl_stream_save(sl_stream_uid(last, "last"), "collect:last");
}

SL_TEST(sql_sees_the_rows_of_an_epoch_or_window, "")
{
    sl_test *test = begin(counts_job, (sl_test_conf){0});
    sl_test_push(test, "in",
                 "{\"w\":\"a\",\"n\":1}\n{\"w\":\"b\",\"n\":2}\n{\"w\":\"a\",\"n\":3}\n", 3);
    assert_string_equal(epoch(test, "counts"), "{\"w\":\"a\",\"s\":4,\"at\":1000000}\n"
                                               "{\"w\":\"b\",\"s\":2,\"at\":1000000}\n");
    assert_string_equal(sl_test_rows(test, "last"), "{\"n\":3}\n");
    sl_test_push(test, "in", "{\"w\":\"c\",\"n\":5}\n", 1);
    assert_string_equal(epoch(test, "counts"), "{\"w\":\"c\",\"s\":5,\"at\":2000000}\n");
    assert_string_equal(sl_test_rows(test, "last"), "{\"n\":4}\n");
    assert_string_equal(epoch(test, "counts"), "");
    assert_string_equal(sl_test_rows(test, "last"), "{\"n\":1}\n");
    end(test);
}

// ---------------------------------------------------------------- state

/// What is kept, as a table of each epoch: also of one without rows.
static void kept_job(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "w string, n int64", true);
    sl_stream *totals =
        sl_stream_uid(sl_stream_running_by_key(in, "w", "count() as c, sum(n) as s"), "totals");
    sl_sql_table tables[] = {{.name = "new", .stream = in},
                             {.name = "totals", .stream = sl_stream_state_snapshots(totals)}};
    sl_stream *all =
        sl_sql(graph, "SELECT count(*) AS keys, sum(s)::BIGINT AS s, max(c) AS most FROM totals",
               &tables[1], 1);
    sl_stream_save(sl_stream_uid(all, "all"), "collect:all");
    sl_stream *share =
        sl_sql(graph, "SELECT w, new.n, s FROM new JOIN totals USING (w) ORDER BY w", tables, 2);
    sl_stream_save(sl_stream_uid(share, "share"), "collect:share");
}

SL_TEST(sql_sees_state, "")
{
    sl_test *test = begin(kept_job, (sl_test_conf){0});
    sl_test_push(test, "in",
                 "{\"w\":\"a\",\"n\":1}\n{\"w\":\"b\",\"n\":2}\n{\"w\":\"a\",\"n\":3}\n", 3);
    assert_string_equal(epoch(test, "all"), "{\"keys\":2,\"s\":6,\"most\":2}\n");
    assert_string_equal(sl_test_rows(test, "share"), "{\"w\":\"a\",\"n\":1,\"s\":4}\n"
                                                     "{\"w\":\"a\",\"n\":3,\"s\":4}\n"
                                                     "{\"w\":\"b\",\"n\":2,\"s\":2}\n");
    sl_test_push(test, "in", "{\"w\":\"b\",\"n\":5}\n", 1);
    assert_string_equal(epoch(test, "all"), "{\"keys\":2,\"s\":11,\"most\":2}\n");
    assert_string_equal(sl_test_rows(test, "share"), "{\"w\":\"b\",\"n\":5,\"s\":7}\n");
    assert_string_equal(epoch(test, "all"), "{\"keys\":2,\"s\":11,\"most\":2}\n");
    assert_string_equal(sl_test_rows(test, "share"), "");
    end(test);
}

// ---------------------------------------------------------------- static tables, dead letters

static void placed_job(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "file:in?format=csv&schema=id string, cents string");
    sl_sql_table tables[] = {
        {.name = "orders", .stream = in},
        {.name = "places", .url = "places.csv?header=true&schema=id string, place string"}};
    sl_stream *out = sl_sql(graph,
                            "SELECT place, cents::INTEGER * 1000000 AS micros FROM orders JOIN "
                            "places USING (id)",
                            tables, 2);
    sl_stream_save(sl_stream_uid(out, "placed"), "file:out?format=csv");
}

static const char *const placed_files[] = {"places.csv", "id,place\na,Ulm\nb,Bonn\n", NULL};
static const char *const placed_settings[] = {"modules", SLT_BUILD_DIR "/lib/sluice", "poison",
                                              "dead-letter", NULL};

SL_TEST(a_row_that_sql_refuses_is_a_dead_letter, "POISON-1")
{
    sl_test_conf conf = {.files = placed_files, .checkpoint = true, .settings = placed_settings};
    sl_test *test = begin(placed_job, conf);
    sl_test_put(test, "in/1.csv", "a,1\nb,x\nc,5\nb,2\na,2148\n");
    sl_test_advance(test, 1);
    assert_string_equal(sl_test_read(test, "out"), "Ulm,1000000\nBonn,2000000\n");
    end(test);
}

SL_TEST(sql_jobs_come_out_the_same_after_crashes, "EXACTLY-ONCE-2")
{
    sl_test_conf conf = {.files = placed_files, .checkpoint = true, .settings = placed_settings};
    for (uint64_t seed = 1; seed < 3; seed++) {
        conf.seed = seed;
        sl_test *test = begin(placed_job, conf);
        sl_test_put(test, "in/1.csv", "a,1\nb,x\n");
        sl_test_crash(test, true);
        sl_test_advance(test, 1);
        sl_test_crash(test, seed == 1);
        sl_test_put(test, "in/2.csv", "c,9\nb,2\n");
        sl_test_advance(test, 1);
        sl_test_crash(test, true);
        sl_test_advance(test, 1);
        sl_test_stop(test);
        assert_string_equal(sl_test_read(test, "out"), "Ulm,1000000\nBonn,2000000\n");
        end(test);
    }
}

// ---------------------------------------------------------------- RDDs on the driver

static int64_t seen_rows;

static sl_code look(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)args;
    sl_rdd *asked =
        sl_rdd_sql("SELECT twice(n) AS m FROM t WHERE n > 1", &(sl_sql_rdd){"t", rdd}, 1);
    int64_t n = 0;
    sl_code rc = sl_rdd_count(asked, &n, err);
    seen_rows += n;
    sl_rdd_unref(asked);
    return rc;
}
static const sl_foreach_fn look_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "look", .run = look};

static sl_code top(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args, (void)err;
    *out = sl_rdd_sql("SELECT max(n) AS n FROM t", &(sl_sql_rdd){"t", in}, 1);
    return SL_OK;
}
static const sl_transform_fn top_fn = {
    .struct_size = sizeof(sl_transform_fn), .name = "top", .out = "n int64?", .run = top};

static sl_code run_twice(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    const sl_column *n = sl_batch_column(in, 0);
    for (int64_t i = 0; i < n->n_rows; i++) {
        sl_builder_int64(out, 0, 2 * sl_column_int64(n, i));
    }
    return SL_OK;
}
static const sl_fn twice_fn = {
    .struct_size = sizeof(sl_fn), .name = "twice", .out = "x int64", .run = run_twice};

static void driver_job(sl_graph *graph)
{
    sl_sql_function(graph, &twice_fn);
    sl_stream *in = sl_stream_queue(graph, "in", "n int64", true);
    sl_stream_foreach_rdd(in, &look_fn, NULL);
    sl_stream_save(sl_stream_uid(sl_stream_transform(in, &top_fn, NULL), "top"), "collect:top");
}

SL_TEST(sql_runs_in_functions_of_the_driver, "")
{
    sl_test *test = begin(driver_job, (sl_test_conf){0});
    seen_rows = 0;
    sl_test_push(test, "in", "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n", 2);
    assert_string_equal(epoch(test, "top"), "{\"n\":3}\n");
    assert_int_equal(seen_rows, 2);
    sl_test_push(test, "in", "{\"n\":7}\n", 1);
    assert_string_equal(epoch(test, "top"), "{\"n\":7}\n");
    assert_int_equal(seen_rows, 3);
    end(test);
}
