// Models over restarts: what they are after a crash is what they would have been without.
#include "ml/job.h"

#include <string.h>

#include <stdio.h>
#include <stdlib.h>

// Every kind in one job over files. Rows are whole numbers, of which sums are exact.
static void build(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(
        graph, "file:in?format=json&schema=x%20float64,%20y%20float64,%20s%20string");
    sl_model *clusters = sl_model_uid(
        sl_model_open(graph, "kmeans", "centers='0 0; 8 8' weights='1 1'"), "clusters");
    sl_model_train(clusters, in, "x, y", NULL);
    sl_model *line = sl_model_uid(sl_model_open(graph, "linear", "step=0.01"), "line");
    sl_model_train(line, in, "x", "y");
    sl_model *scale = sl_model_uid(sl_model_open(graph, "standardize", NULL), "scale");
    sl_model_train(scale, in, "x, y", NULL);
    sl_stream *class = sl_stream_select(in, "x, s, y > 4 as c");
    sl_model *hashed = sl_model_uid(sl_model_open(graph, "ftrl", "bits=8"), "hashed");
    sl_model_train(hashed, class, "x, s", "c");
    sl_stream_save(sl_model_stream(clusters), "file:out/clusters?format=json");
    sl_stream_save(sl_model_stream(line), "file:out/line?format=csv");
    sl_stream_save(sl_model_stream(scale), "file:out/scale?format=csv");
    sl_stream_save(sl_model_stream(hashed), "file:out/hashed?format=csv");
    sl_stream *test =
        sl_stream_test(sl_stream_select(in, "x > 4 as g, y"), "g", "y", "window=2 uid=groups");
    sl_stream_save(test, "file:out/groups?format=csv");
}

static const char *const days[3] = {
    "{\"x\":1,\"y\":2,\"s\":\"a\"}\n{\"x\":9,\"y\":7,\"s\":\"b\"}\n{\"x\":0,\"y\":1,\"s\":\"a\"}\n"
    "{\"x\":8,\"y\":9,\"s\":\"b\"}\n",
    "{\"x\":2,\"y\":2,\"s\":\"a\"}\n{\"x\":6,\"y\":8,\"s\":\"c\"}\n{\"x\":3,\"y\":1,\"s\":\"d\"}\n"
    "{\"x\":9,\"y\":3,\"s\":\"c\"}\n",
    "{\"x\":5,\"y\":2,\"s\":\"e\"}\n{\"x\":7,\"y\":8,\"s\":\"b\"}\n{\"x\":3,\"y\":1,\"s\":\"d\"}\n"
    "{\"x\":4,\"y\":0,\"s\":\"a\"}\n",
};

static const char *const dirs[] = {"out/clusters", "out/line", "out/scale", "out/hashed",
                                   "out/groups"};
enum { DIRS = sizeof dirs / sizeof dirs[0], OUT_BYTES = 1 << 14 };

/// All that was written, of every model.
static char *outputs(sl_test *test)
{
    char *all = malloc(DIRS * OUT_BYTES);
    assert_non_null(all);
    size_t size = 0;
    for (size_t i = 0; i < DIRS; i++) {
        int n = snprintf(all + size, OUT_BYTES, "%s\n%s", dirs[i], sl_test_read(test, dirs[i]));
        assert_true(n > 0 && n < OUT_BYTES);
        size += (size_t)n;
    }
    return all;
}

static char *run(const char *const *settings, bool crash, bool power)
{
    sl_test *test = slt_ml_job(build, settings, true);
    for (int32_t i = 0; i < 3; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "%d", (int)i);
        slt_ml_file(test, name, days[i]);
        if (crash && i < 2) {
            sl_test_crash(test, power);
        }
    }
    sl_test_stop(test);
    slt_ml_fine(test);
    char *out = outputs(test);
    sl_test_free(test);
    return out;
}

SL_TEST(ml_models_go_on_after_crashes, "EXACTLY-ONCE-1")
{
    static const char *const settings[] = {"snapshot.groups", "2", NULL};
    char *whole = run(settings, false, false);
    assert_non_null(strstr(whole, "out/groups\n"));
    assert_non_null(strstr(whole, "Welch"));
    char *killed = run(settings, true, false), *powerless = run(settings, true, true);
    SL_CHECK_TEXT(killed, whole);
    SL_CHECK_TEXT(powerless, whole);
    free(whole);
    free(killed);
    free(powerless);
}

// ---------------------------------------------------------------- a crash at every call

static void build_few(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "file:in?format=json&schema=x%20float64");
    sl_model *mean = sl_model_open(graph, "kmeans", "centers='0'");
    sl_stream_save(sl_model_predict(mean, in, "x", "c"), "file:rows?format=csv");
    sl_model_train(mean, in, "x", NULL);
    sl_stream_save(sl_model_stream(mean), "file:out?format=json");
}

static void scenario(sl_test *test, void *ctx)
{
    (void)ctx;
    sl_test_put(test, "in/a", "{\"x\":2}\n{\"x\":4}\n");
    sl_test_advance(test, 1);
    sl_test_put(test, "in/b", "{\"x\":6}\n{\"x\":8}\n");
    sl_test_advance(test, 2);
    sl_test_stop(test);
}

/// Each row counts once: 4 of them, their mean is 5.
static sl_code check(sl_test *test, void *ctx, sl_error *err)
{
    (void)ctx;
    const char *out = sl_test_read(test, "out");
    return strstr(out, "\"weight\":4.0,\"center\":[5.0]") != NULL &&
                   strstr(out, "\"weight\":5.0") == NULL && strstr(out, "\"weight\":6.0") == NULL
               ? SL_OK
               : sl_error_set(err, SL_E_DATA, "wrong model:\n%.400s", out);
}

SL_TEST(ml_rows_count_once_wherever_the_job_is_crashed, "EXACTLY-ONCE-1")
{
    slt_one_thread();
    static const char *const settings[] = {
        "parallelism", "2", "master", "local", "snapshot.groups", "1", "max_epochs", "8", NULL};
    sl_test_conf conf = {
        .struct_size = sizeof conf, .settings = settings, .checkpoint = true, .seed = 7};
    sl_error err = SL_ERROR_INIT;
    int64_t n_calls = 0;
    if (sl_test_crash_everywhere(build_few, conf, scenario, check, NULL, &n_calls, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    assert_true(n_calls > 100);
}

// ---------------------------------------------------------------- a failed epoch

static void build_failing(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, d int64", true);
    sl_model *mean = sl_model_open(graph, "kmeans", "centers='0'");
    sl_model_train(mean, in, "x", NULL);
    sl_stream_save(sl_model_stream(mean), "collect:model");
    sl_stream_save(sl_stream_select(in, "10 / d as q"), "collect:out");
}

// The model had learnt when another output failed.
SL_TEST(ml_a_failed_epoch_teaches_nothing, "")
{
    sl_test *test = slt_ml_job(build_failing, NULL, false);
    slt_ml_epoch(test, "{\"x\":2,\"d\":1}", 1);
    slt_ml_epoch(test, "{\"x\":50,\"d\":0}", 1);
    assert_string_not_equal(sl_test_error(test), "");
    slt_ml_epoch(test, "{\"x\":4,\"d\":1}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"cluster\":0,\"weight\":2.0,\"center\":[3.0]}\n");
    sl_test_free(test);
}

// ---------------------------------------------------------------- memory

static void build_rows(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "rate:?rows=200000&rows_per_second=200000");
    sl_model *line = sl_model_open(graph, "linear", "weights=0 step=1e-12 iterations=1");
    sl_model_train(line, sl_stream_select(in, "cast(value % 7 as float64) as x, 1.0 as y"), "x",
                   "y");
}

SL_TEST(ml_rows_that_do_not_fit_are_told, "")
{
    static const char *const settings[] = {"memory", "1MiB", NULL};
    sl_test *test = slt_ml_job(build_rows, settings, false);
    sl_test_advance(test, 2);
    const char *error = sl_test_error(test);
    if (strstr(error, "the rows of an epoch that a linear learns from") == NULL) {
        fail_msg("'%s'", error);
    }
    sl_test_free(test);
}
