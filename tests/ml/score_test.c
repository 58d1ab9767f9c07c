// Models that others have trained, in a job: what is predicted, what a replaced file does, and that
// an epoch that is run again is scored by the model that its PLAN names.
#include "api/test_int.h"
#include "base/str.h"
#include "ml/job.h"
#include "score/sim/twin.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// ---------------------------------------------------------------- a world with the twin

static void with_twin(sli_world *world, void *ctx)
{
    (void)ctx;
    assert_true(sli_world_module(world, "score_xgboost", &sli_score_twin_module));
}

static const char first[] = "twin a=1 b=10 bias=0.5 end\n";
static const char second[] = "twin a=2 b=10 bias=0.5 end\n";

static sl_test *twin_job(sl_build_fn build, const char *const *settings, bool checkpoint)
{
    static const char *const files[] = {"m.json", first, NULL};
    static const sli_test_world_fn outside = {.begin = with_twin};
    sl_test *test = sli_test_new_beside(build,
                                        (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                                                       .settings = settings,
                                                       .start_us = INT64_C(1600000000000000),
                                                       .seed = 7,
                                                       .files = files,
                                                       .checkpoint = checkpoint},
                                        &outside);
    assert_non_null(test);
    return test;
}

static const char *options = "file=m.json";

static void build(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "a float64?, b int32?", true);
    sl_model *model = sl_model_uid(sl_model_open(graph, "xgboost", options), "m");
    sl_stream_save(sl_model_predict(model, in, "a, b", "p"), "collect:out");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

/// One epoch with the row a=1, b=2.
static void one_row(sl_test *test)
{
    slt_ml_epoch(test, "{\"a\":1,\"b\":2}", 1);
}

static void predicts(sl_test *test, const char *p)
{
    char want[80];
    one_row(test);
    slt_ml_fine(test);
    (void)snprintf(want, sizeof want, "{\"a\":1.0,\"b\":2,\"p\":%s}\n", p);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), want);
}

static bool model_is(sl_test *test, int number)
{
    char text[40];
    (void)snprintf(text, sizeof text, "{\"number\":%d,", number);
    return strstr(sl_test_rows(test, "model"), text) != NULL;
}

/// A metric's value in the text of Prometheus.
static int64_t metric(sl_test *test, const char *name)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    char start[100];
    sli_metrics *metrics = sli_context_host(sli_test_context(test))->metrics;
    sli_metrics_drain(metrics);
    assert_int_equal(sli_metrics_prometheus(metrics, &text, NULL), SL_OK);
    (void)snprintf(start, sizeof start, "\n%s{model=\"m\"} ", name);
    const char *at = strstr(text.data, start);
    int64_t value = at == NULL ? -1 : strtoll(at + strlen(start), NULL, 10);
    sli_str_reset(&text);
    return value;
}

// ---------------------------------------------------------------- a file that is replaced

SL_TEST(score_the_next_epoch_uses_a_replaced_file, "")
{
    sl_test *test = twin_job(build, NULL, false);
    predicts(test, "21.5");
    assert_true(model_is(test, 1));
    sl_test_put(test, "m.json", second);
    predicts(test, "22.5");
    assert_true(model_is(test, 2));
    predicts(test, "22.5");
    sl_test_put(test, "m.json", first); // back again is another use of it
    predicts(test, "21.5");
    assert_true(model_is(test, 3));
    assert_int_equal(metric(test, "sluice_model_changes_total"), 2);
    assert_int_equal(metric(test, "sluice_model_refused_total"), 0);
    sl_test_put(test, "m.json", first); // the same content
    predicts(test, "21.5");
    assert_true(model_is(test, 3));
    sl_test_free(test);
}

/// The old model goes on, and it is told once however many epochs see it.
static void goes_on_with_the_old(sl_test *test, int64_t *refused)
{
    predicts(test, "21.5");
    predicts(test, "21.5");
    predicts(test, "21.5");
    assert_true(model_is(test, 1));
    *refused += 1;
    assert_int_equal(metric(test, "sluice_model_refused_total"), *refused);
}

SL_TEST(score_what_is_no_model_of_this_shape_is_not_used, "")
{
    int64_t refused = 0;
    sl_test *test = twin_job(build, NULL, false);
    predicts(test, "21.5");
    sl_test_put(test, "m.json", "twin a=2 b=10 bi"); // half written
    goes_on_with_the_old(test, &refused);
    sl_test_put(test, "m.json", "");
    goes_on_with_the_old(test, &refused);
    sl_test_put(test, "m.json", "\xff\xfe garbage");
    goes_on_with_the_old(test, &refused);
    sl_test_put(test, "m.json", "twin a=2 b=10 c=1 end\n"); // another shape
    goes_on_with_the_old(test, &refused);
    sl_test_put(test, "m.json", "twin a=2 c=10 end\n"); // a feature of another name
    goes_on_with_the_old(test, &refused);
    assert_int_equal(sli_world_remove(sli_test_world(test), "m.json", NULL), SL_OK);
    goes_on_with_the_old(test, &refused);
    sl_test_put(test, "m.json", second); // and the next good one is taken
    predicts(test, "22.5");
    assert_true(model_is(test, 2));
    sl_test_free(test);
}

static void build_files(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "file:in?format=json&schema=a%20float64,%20b%20float64");
    sl_model *model = sl_model_uid(sl_model_open(graph, "xgboost", "file=m.json"), "m");
    sl_stream_save(sl_model_predict(model, in, "a, b", "p"), "file:out?format=csv");
}

/// A model whose bytes are many.
static void put_large(sl_test *test)
{
    enum { ROOM = 1 << 17 };
    char *large = malloc(ROOM);
    assert_non_null(large);
    int n = snprintf(large, ROOM, "twin a=2 b=10");
    while (n < ROOM - 32) {
        n += snprintf(large + n, ROOM - (size_t)n, " bias=0.5");
    }
    (void)snprintf(large + n, ROOM - (size_t)n, " end\n");
    sl_test_put(test, "m.json", large);
    free(large);
}

SL_TEST(score_a_full_disk_keeps_the_old_model_until_there_is_room, "")
{
    sl_test *test = twin_job(build_files, NULL, true);
    sli_world *world = sli_test_world(test);
    slt_ml_file(test, "1", "{\"a\":1,\"b\":2}\n");
    slt_ml_fine(test);
    put_large(test);
    sli_world_disk_limit(world, 1 << 18); // room for the rows, not for another copy of the model
    slt_ml_file(test, "2", "{\"a\":1,\"b\":2}\n");
    slt_ml_fine(test);
    assert_int_equal(metric(test, "sluice_model_refused_total"), 1);
    slt_ml_file(test, "3", "{\"a\":1,\"b\":2}\n");
    slt_ml_fine(test);
    assert_int_equal(metric(test, "sluice_model_refused_total"), 1); // told once
    sli_world_disk_limit(world, 0);
    slt_ml_file(test, "4", "{\"a\":1,\"b\":2}\n");
    sl_test_stop(test);
    slt_ml_fine(test);
    SL_CHECK_TEXT(sl_test_read(test, "out"), "1.0,2.0,21.5\n1.0,2.0,21.5\n1.0,2.0,21.5\n"
                                             "1.0,2.0,22.5\n");
    sl_test_free(test);
}

// ---------------------------------------------------------------- rows

SL_TEST(score_missing_features_are_good_and_infinite_ones_are_not, "")
{
    options = "file=m.json";
    sl_test *test = twin_job(build, NULL, false);
    slt_ml_epoch(test, "{\"b\":2}\n{\"a\":\"NaN\",\"b\":1}\n{\"a\":1}", 1);
    slt_ml_fine(test);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"b\":2,\"p\":20.5}\n"
                                             "{\"a\":\"NaN\",\"b\":1,\"p\":10.5}\n"
                                             "{\"a\":1.0,\"p\":1.5}\n");
    slt_ml_epoch(test, "{\"a\":1,\"b\":2}\n{\"a\":\"-Infinity\",\"b\":2}", 1);
    assert_non_null(strstr(sl_test_error(test), "row 1 of partition 0: feature 'a' is infinite"));
    sl_test_free(test);
    options = "file=m.json invalid=skip";
    test = twin_job(build, NULL, false);
    slt_ml_epoch(test, "{\"a\":1,\"b\":2}\n{\"a\":\"Infinity\",\"b\":2}", 1);
    slt_ml_fine(test);
    SL_CHECK_TEXT(sl_test_rows(test, "out"),
                  "{\"a\":1.0,\"b\":2,\"p\":21.5}\n{\"a\":\"Infinity\",\"b\":2}\n");
    sl_test_free(test);
    options = "file=m.json";
}

static void build_list(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "v list<float64?>?", true);
    sl_model *model = sl_model_open(graph, "xgboost", "file=m.json");
    sl_stream_save(sl_model_predict(model, in, "v", NULL), "collect:out");
}

SL_TEST(score_a_list_is_the_features_in_order, "")
{
    sl_test *test = twin_job(build_list, NULL, false);
    slt_ml_epoch(test, "{\"v\":[1,2]}\n{\"v\":[null,2]}", 1);
    slt_ml_fine(test);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"v\":[1.0,2.0],\"prediction\":21.5}\n"
                                             "{\"v\":[null,2.0],\"prediction\":20.5}\n");
    slt_ml_epoch(test, "{\"v\":[1,2,3]}", 1);
    assert_non_null(strstr(sl_test_error(test), "'v' has 3 numbers, the xgboost takes 2"));
    sl_test_free(test);
    test = twin_job(build_list, NULL, false);
    slt_ml_epoch(test, "{}", 1);
    assert_non_null(strstr(sl_test_error(test), "feature 'v' is null"));
    sl_test_free(test);
}

static void build_swapped(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "a float64, b float64", true);
    sl_model *model = sl_model_open(graph, "xgboost", "file=m.json");
    sl_model *named = sl_model_open(graph, "xgboost", "file=m.json inputs='a, b'");
    sl_stream *other = sl_stream_select(in, "a as x, b as y");
    sl_stream_save(sl_model_predict(model, in, "b, a", "p"), "collect:by_name");
    sl_stream_save(sl_model_predict(model, other, "y, x", "p"), "collect:in_order");
    sl_stream_save(sl_model_predict(named, in, "b, a", "p"), "collect:renamed");
}

SL_TEST(score_features_go_by_name_where_the_model_has_their_names, "")
{
    sl_test *test = twin_job(build_swapped, NULL, false);
    slt_ml_epoch(test, "{\"a\":1,\"b\":2}", 1);
    slt_ml_fine(test);
    assert_non_null(strstr(sl_test_rows(test, "by_name"), "\"p\":21.5"));
    assert_non_null(strstr(sl_test_rows(test, "in_order"), "\"p\":12.5"));
    assert_non_null(strstr(sl_test_rows(test, "renamed"), "\"p\":12.5"));
    sl_test_free(test);
}

// ---------------------------------------------------------------- mistakes

static const char *features, *names;

static void build_mistake(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "a float64, c float64, s string", true);
    sl_model *model = sl_model_open(graph, "xgboost", options);
    sl_stream_save(sl_model_predict(model, in, features, names), "collect:out");
}

static void build_trained(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "a float64, b float64", true);
    sl_model_train(sl_model_open(graph, "xgboost", "file=m.json"), in, "a, b", NULL);
}

static void mistake_is(sl_build_fn job, const char *text)
{
    sl_error err = SL_ERROR_INIT;
    sl_test *test = twin_job(job, NULL, false);
    sl_code rc = sl_test_check(test, &err);
    if (rc == SL_OK || strstr(err.text, text) == NULL) {
        fail_msg("'%s' and not '%s'", err.text, text);
    }
    sl_test_free(test);
}

SL_TEST(score_mistakes_are_told_at_definition, "")
{
    options = "file=m.json";
    features = "a, c";
    mistake_is(build_mistake, "the model has no input 'c'");
    features = "a";
    mistake_is(build_mistake, "\"a\" are 1 features, the xgboost has 2");
    features = "a, s";
    mistake_is(build_mistake, "column 's' can't be a feature");
    options = "file=m.json inputs='a, b, c'";
    features = "a, c";
    mistake_is(build_mistake, "inputs names 3 features");
    options = "file=m.json inputs='a, a'";
    mistake_is(build_mistake, "'a' is named twice");
    names = "p, q";
    options = "file=m.json inputs='a, b'";
    mistake_is(build_mistake, "are 2 names, and there are 1 predictions");
    names = NULL;
    options = NULL;
    mistake_is(build_mistake, "set file=");
    options = "file=n.json";
    mistake_is(build_mistake, "n.json");
    mistake_is(build_mistake, "put the whole model there before the job starts");
    options = "fil=m.json";
    mistake_is(build_mistake, "file");
    options = "file=m.json output=odds";
    mistake_is(build_mistake, "output");
    options = "file=m.json";
    mistake_is(build_trained, "is trained elsewhere and only predicts");
}

// ---------------------------------------------------------------- the real modules

static char *read_case(const char *name)
{
    static char text[16384];
    char path[300];
    (void)snprintf(path, sizeof path, SLT_SOURCE_DIR "/tests/models/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    size_t size = fread(text, 1, sizeof text - 1, file);
    text[size] = '\0';
    assert_int_equal(fclose(file), 0);
    return text;
}

static void build_real(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "a float64?, b float64?, c float64?", true);
    sl_model *model = sl_model_open(graph, "xgboost", "file=m.json");
    sl_stream_save(sl_model_predict(model, in, "c, a, b", "p"), "collect:out");
}

SL_TEST(score_xgboost_in_a_job_predicts_what_python_does, "")
{
    if (!SLT_XGBOOST) {
        slt_not_here("this build is without XGBoost");
    }
    char *model = read_case("xgb-binary.json"), row[160];
    const char *const files[] = {"m.json", model, NULL};
    sl_test *test = sl_test_new(
        build_real, (sl_test_conf){.struct_size = sizeof(sl_test_conf), .seed = 7, .files = files});
    double x[4];
    int n_rows = 0;
    for (char *line = strchr(read_case("xgb-binary.csv"), '\n') + 1; *line != '\0'; line++) {
        int n = snprintf(row, sizeof row, "{\"z\":0");
        for (int j = 0; j < 4; j++) {
            bool missing = *line == ',' || *line == '\n';
            x[j] = missing ? 0 : strtod(line, &line);
            n += missing || j == 3
                     ? 0
                     : snprintf(row + n, sizeof row - (size_t)n, ",\"%c\":%.17g", 'a' + j, x[j]);
            line += *line == ',';
        }
        (void)snprintf(row + n, sizeof row - (size_t)n, "}");
        slt_ml_epoch(test, row, 1);
        slt_ml_fine(test);
        const char *p = strstr(sl_test_rows(test, "out"), "\"p\":");
        assert_non_null(p);
        assert_true(strtod(p + 4, NULL) == x[3]);
        n_rows++;
    }
    assert_int_equal(n_rows, 40);
    sl_test_free(test);
}

// ---------------------------------------------------------------- again, and the same

// What foreachRDD was given, by epoch: a repeat must bring the very same rows.
enum { MOST_EPOCHS = 64 };
static char shown[MOST_EPOCHS][200];
static bool differs;

static sl_code note(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    sl_batch *rows = NULL;
    char text[200] = "";
    SL_TRY(sl_rdd_collect(rdd, &rows, err));
    const sl_column *p = sl_batch_column(rows, 1);
    size_t n = 0;
    for (int64_t i = 0; i < sl_batch_rows(rows) && n < sizeof text; i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%.17g ", sl_column_float64(p, i));
    }
    sl_batch_unref(rows);
    int64_t epoch = sl_args_epoch(args);
    assert_true(epoch > 0 && epoch < MOST_EPOCHS);
    differs = differs || (shown[epoch][0] != '\0' && strcmp(shown[epoch], text) != 0);
    (void)snprintf(shown[epoch], sizeof shown[epoch], "%s", text);
    return SL_OK;
}

static const sl_foreach_fn noting = {
    .struct_size = sizeof(sl_foreach_fn), .name = "note", .run = note};

static void build_again(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "file:in?format=json&schema=a%20float64");
    sl_model *model = sl_model_uid(sl_model_open(graph, "xgboost", "file=m.json"), "m");
    sl_stream *scored = sl_model_predict(model, in, "a", "p");
    sl_stream_foreach_rdd(scored, &noting, NULL);
    sl_stream_save(scored, "file:out?format=csv");
}

/// Files m.json and in/..., put in turns, with a crash at call `crash` of the first process.
static bool run_again(int64_t crash, bool power)
{
    static const char *const models[] = {"twin a=10 end\n", "twin a=20 end\n", "twin a=30 end\n",
                                         "twin a=40 end\n"};
    static const sli_test_world_fn outside = {.begin = with_twin};
    static const char *const files[] = {"m.json", "twin a=1 end\n", NULL};
    memset(shown, 0, sizeof shown);
    differs = false;
    sl_test *test = sli_test_new_beside(
        build_again,
        (sl_test_conf){.struct_size = sizeof(sl_test_conf),
                       .seed = 7,
                       .files = files,
                       .settings = (const char *const[]){"master", "local", NULL},
                       .checkpoint = true},
        &outside);
    assert_non_null(test);
    sli_fault fault = {.crash_at_call = crash};
    if (crash > 0) {
        sli_test_fault_next(test, &fault);
        sl_test_crash(test, power); // the next process has the fault
        (void)sli_test_crashed(test);
    }
    for (int i = 0; i < 4; i++) {
        char path[16], row[32];
        (void)snprintf(path, sizeof path, "in/%d", i);
        (void)snprintf(row, sizeof row, "{\"a\":%d}\n", i + 1);
        sl_test_put(test, path, row);
        sl_test_put(test, "m.json", models[i]);
        sl_test_advance(test, 1);
    }
    sl_test_advance(test, 1);
    sl_test_stop(test);
    slt_ml_fine(test);
    bool crashed = sli_test_crashed(test) && crash > 0;
    // Each row is there once, and as the function was shown it in some epoch.
    const char *out = sl_test_read(test, "out");
    int n_rows = 0;
    for (const char *line = out; *line != '\0'; line += strcspn(line, "\n") + 1) {
        char want[40];
        const char *p = strchr(line, ',');
        assert_non_null(p);
        (void)snprintf(want, sizeof want, "%.17g ", strtod(p + 1, NULL));
        bool found = false;
        for (int e = 0; e < MOST_EPOCHS; e++) {
            found = found || strstr(shown[e], want) != NULL;
        }
        if (!found) {
            fail_msg("crash at %lld: %s was shown to nobody", (long long)crash, want);
        }
        n_rows++;
    }
    if (n_rows != 4 || differs) {
        fail_msg("crash at %lld: %d rows%s:\n%s", (long long)crash, n_rows,
                 differs ? ", an epoch was scored by two models" : "", out);
    }
    sl_test_free(test);
    return crashed;
}

SL_TEST(score_an_epoch_that_is_run_again_has_the_same_model, "EXACTLY-ONCE-1")
{
    slt_one_thread();
    assert_false(run_again(0, false));
    enum { STARTED = 200 }; // calls of a start, about: whether one of them is reached is not told
    int64_t n = 1;
    for (bool reached = true; reached || n < STARTED; n += 7) { // a start is the same each time
        reached = run_again(n, n % 2 == 0);
    }
    assert_true(n > STARTED + 100);
}
