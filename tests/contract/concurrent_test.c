// Outputs of an epoch beside each other, and copies of slow tasks, in whole jobs: what comes out is
// the same as of one after the other, whatever the settings, and after a crash at any call.
#include "sl_test.h"
#include "sluice/sluice.h"

#include <stdio.h>
#include <string.h>

static sl_code add_all(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    int64_t n = 0;
    SL_TRY(sl_rdd_count(rdd, &n, err));
    return sl_args_add_int64(args, "seen", n, err);
}
static const sl_foreach_fn add_all_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "add_all", .run = add_all};

static void build(sl_graph *graph)
{
    sl_graph_accumulator(graph, "seen", SL_ACC_INT64, NULL);
    sl_stream *lines =
        sl_stream_open(graph, "file:in?format=csv&schema=word%20string,%20n%20int64");
    sl_stream *sums = sl_stream_reduce_by_key(lines, "word", "sum(n) as n");
    sl_graph_pool(graph, "fast");
    sl_stream_save(sl_stream_uid(sums, "sums"), "file:out/sums?format=csv");
    sl_stream_save(lines, "sqlite:out.db?table=lines");
    sl_graph_pool(graph, NULL);
    sl_stream_foreach_rdd(sums, &add_all_fn, NULL);
    sl_stream_print(sl_stream_count(lines), 10);
    sl_stream_save(sl_stream_where(sums, "n > 3"), "file:out/many?format=csv");
}

// ---------------------------------------------------------------- what comes out

static void scenario(sl_test *test, void *ctx)
{
    (void)ctx;
    for (int32_t epoch = 0; epoch < 2; epoch++) {
        char path[32], text[64];
        for (int32_t file = 0; file < 3; file++) {
            (void)snprintf(path, sizeof path, "in/%d-%d.csv", (int)epoch, (int)file);
            (void)snprintf(text, sizeof text, "a,%d\nb,2\nc%d,1\n", (int)file, (int)epoch);
            sl_test_put(test, path, text);
        }
        sl_test_advance(test, 1);
    }
    sl_test_stop(test);
}

/// How often; which epochs share a file is a matter of time.
static int32_t lines_with(const char *text, const char *line)
{
    int32_t n = 0;
    for (const char *at = strstr(text, line); at != NULL; at = strstr(at + 1, line)) {
        n++;
    }
    return n;
}

static sl_code check(sl_test *test, void *ctx, sl_error *err)
{
    (void)ctx;
    SL_TRY(sl_test_check(test, err));
    const char *sums = sl_test_read(test, "out/sums");
    if (lines_with(sums, "a,3\n") != 2 || lines_with(sums, "b,6\n") != 2 ||
        lines_with(sums, "c0,3\n") != 1 || lines_with(sums, "c1,3\n") != 1) {
        return sl_error_set(err, SL_E_DATA, "sums: %.300s", sums);
    }
    const char *many = sl_test_read(test, "out/many");
    if (lines_with(many, "b,6\n") != 2 || lines_with(many, "a,") != 0) {
        return sl_error_set(err, SL_E_DATA, "many: %.300s", many);
    }
    sl_accumulated seen;
    SL_TRY(sl_test_accumulated(test, "seen", &seen, err));
    return seen.int64 == 6 ? SL_OK
                           : sl_error_set(err, SL_E_DATA, "counted %lld", (long long)seen.int64);
}

typedef struct variant {
    const char *settings[17];
} variant;

static const variant variants[] = {
    {{"backend", "inline", "jobs.concurrent", "3", NULL}},
    {{"backend", "inline", "jobs.concurrent", "64", "jobs.mode", "fair", "jobs.pools",
      "fast?min_share=1", NULL}},
    {{"backend", "inline", "speculation", "true", "speculation.interval", "1ms",
      "speculation.min_runtime", "0ms", NULL}},
    {{"backend", "pool", "master", "local[3]", "inline_rows", "0", "jobs.concurrent", "3", NULL}},
    {{"backend", "pool", "master", "local[3]", "inline_rows", "0", "jobs.concurrent", "5",
      "speculation", "true", "speculation.interval", "1ms", "speculation.min_runtime", "0ms",
      NULL}},
};

SL_TEST(outputs_beside_each_other_give_what_one_after_the_other_gives, "EXACTLY-ONCE-2")
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        for (uint64_t seed = 1; seed <= 5; seed++) {
            sl_error err = SL_ERROR_INIT;
            sl_test *test = sl_test_new(
                build,
                (sl_test_conf){.settings = variants[i].settings, .checkpoint = true, .seed = seed});
            scenario(test, NULL);
            if (check(test, NULL, &err) != SL_OK) {
                fail_msg("variant %zu, seed %d: %s", i, (int)seed, err.text);
            }
            sl_test_free(test);
        }
    }
}

SL_TEST(outputs_beside_each_other_survive_a_crash_at_any_call, "EXACTLY-ONCE-2")
{
    slt_one_thread();
    enum { FIRST = SLT_SLOW_BUILD ? 4 : 1 }; // one of each backend, or the one with threads
    for (size_t i = FIRST; i < sizeof variants / sizeof *variants; i += 3) {
        sl_error err = SL_ERROR_INIT;
        int64_t n = 0;
        sl_test_conf conf = {.settings = variants[i].settings, .checkpoint = true, .seed = 3};
        sl_code rc = sl_test_crash_everywhere(build, conf, scenario, check, NULL, &n, &err);
        if (rc != SL_OK) {
            fail_msg("variant %zu: %s", i, err.text);
        }
        assert_true(n > 100);
    }
}

// ---------------------------------------------------------------- failures and settings

static sl_code refuse(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)args;
    (void)rdd;
    return sl_error_set(err, SL_E_USER, "it does not want to");
}
static const sl_foreach_fn refuse_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "refuse", .run = refuse};

static void build_failing(sl_graph *graph)
{
    sl_stream *lines =
        sl_stream_open(graph, "file:in?format=csv&schema=word%20string,%20n%20int64");
    sl_stream_save(sl_stream_uid(lines, "lines"), "collect:lines");
    sl_stream_foreach_rdd(lines, &refuse_fn, NULL);
    sl_stream_save(sl_stream_repartition(lines, 2), "collect:again");
}

SL_TEST(the_failure_of_one_output_fails_the_epoch_with_its_error, "")
{
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        sl_test *test = sl_test_new(
            build_failing, (sl_test_conf){.settings = variants[i].settings, .checkpoint = true});
        sl_test_put(test, "in/a.csv", "a,1\n");
        sl_test_advance(test, 1);
        const char *error = sl_test_error(test);
        if (strstr(error, "output lines.foreachRDD-1: it does not want to") == NULL) {
            fail_msg("variant %zu: %s", i, error);
        }
        sl_test_free(test);
    }
}

SL_TEST(an_output_in_a_pool_that_is_not_there_is_refused_by_fair_mode_alone, "")
{
    static const char *const fair[] = {"jobs.mode", "fair", "jobs.pools", "fest", NULL};
    sl_test *test = sl_test_new(build, (sl_test_conf){.settings = fair});
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_test_check(test, &err), SL_E_CONFIG);
    if (strstr(err.text, "output sums.save-1: jobs.pools and jobs.pools_file have no pool "
                         "\"fast\"; did you mean \"fest\"?") == NULL) {
        fail_msg("%s", err.text);
    }
    sl_test_free(test);
    test = sl_test_new(build, (sl_test_conf){.interval = "1s"});
    assert_int_equal(sl_test_check(test, &err), SL_OK);
    sl_test_free(test);
}

SL_TEST(spark_s_keys_for_pools_are_taken, "")
{
    static const char *const no_file[] = {"spark.scheduler.allocation.file", "no.xml", NULL};
    static const char *const no_pool[] = {"spark.scheduler.mode", "FAIR", "jobs.pools", "fast",
                                          "spark.scheduler.pool", "fest", NULL};
    sl_error err = SL_ERROR_INIT;
    sl_test *test = sl_test_new(build, (sl_test_conf){.settings = no_file});
    assert_int_equal(sl_test_check(test, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "jobs.pools_file, no.xml: "));
    sl_test_free(test);
    test = sl_test_new(build, (sl_test_conf){.settings = no_pool});
    assert_int_equal(sl_test_check(test, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "jobs.pool: jobs.pools and jobs.pools_file have no pool "
                                     "\"fest\""));
    sl_test_free(test);
}
