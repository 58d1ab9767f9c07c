// Bad input: rows that no model can take, definitions that make no sense, checkpoints of other
// models.
#include "ml/job.h"

#include <string.h>

#include <stdio.h>

// ---------------------------------------------------------------- rows

static const char *options;

static void build_rows(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64?, y float64?, v list<float64>?", true);
    sl_model *model = sl_model_open(graph, "logistic", options);
    sl_model_train(model, in, "x", "y");
    sl_stream_save(sl_model_predict(model, in, "x", "p"), "collect:out");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

static void check_refused(const char *row, const char *says)
{
    char rows[256];
    sl_test *test = slt_ml_job(build_rows, NULL, false);
    (void)snprintf(rows, sizeof rows, "{\"x\":1,\"y\":1}\n%s\n{\"x\":2,\"y\":1}", row);
    slt_ml_epoch(test, rows, 1);
    const char *error = sl_test_error(test);
    if (strstr(error, says) == NULL || strstr(error, "row 1 of partition 0") == NULL) {
        fail_msg("'%s' and not '%s'", error, says);
    }
    slt_ml_epoch(test, "{\"x\":1,\"y\":1}", 1); // the model is as before, and goes on
    assert_non_null(strstr(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":0."));
    sl_test_free(test);
}

SL_TEST(ml_bad_rows_fail_with_their_place, "")
{
    options = "iterations=1";
    check_refused("{\"y\":1}", "feature 'x' is null");
    check_refused("{\"x\":\"NaN\",\"y\":1}", "feature 'x' is NaN or infinite");
    check_refused("{\"x\":\"Infinity\",\"y\":1}", "feature 'x' is NaN or infinite");
    check_refused("{\"x\":1,\"y\":2}", "label 'y' is neither 0 nor 1");
    check_refused("{\"x\":1,\"y\":0.5}", "label 'y' is neither 0 nor 1");
    check_refused("{\"x\":1}", "label 'y' is neither 0 nor 1");
}

SL_TEST(ml_bad_rows_may_be_skipped, "")
{
    options = "iterations=1 step=1 invalid=skip weights=0";
    sl_test *test = slt_ml_job(build_rows, NULL, false);
    slt_ml_epoch(test, "{\"y\":1}\n{\"x\":1,\"y\":1}\n{\"x\":\"NaN\",\"y\":0}\n{\"x\":1,\"y\":7}",
                 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":0.5}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "out"),
                  "{\"y\":1.0}\n{\"x\":1.0,\"y\":1.0,\"p\":1.0}\n{\"x\":\"NaN\",\"y\":0.0}\n"
                  "{\"x\":1.0,\"y\":7.0,\"p\":1.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

static void build_vectors(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "v list<float64?>?", true);
    sl_model *model = sl_model_open(graph, "kmeans", options);
    sl_model_train(model, in, "v", NULL);
    sl_stream_save(sl_model_predict(model, in, "v", "c"), "collect:out");
}

static void check_vector(const char *row, const char *says)
{
    sl_test *test = slt_ml_job(build_vectors, NULL, false);
    slt_ml_epoch(test, row, 1);
    if (strstr(sl_test_error(test), says) == NULL) {
        fail_msg("'%s' and not '%s'", sl_test_error(test), says);
    }
    sl_test_free(test);
}

SL_TEST(ml_lists_of_another_length_are_refused, "")
{
    options = "centers='0 0; 1 1'";
    check_vector("{\"v\":[1,2]}\n{\"v\":[1]}", "row 1 of partition 0: 'v' has 1 numbers, the "
                                               "kmeans takes 2");
    check_vector("{\"v\":[1,2,3]}", "'v' has 3 numbers");
    check_vector("{\"v\":[]}", "'v' has 0 numbers");
    check_vector("{}", "feature 'v' is null");
    check_vector("{\"v\":[1,null]}", "feature 'v' has a null in it");
    check_vector("{\"v\":[1,\"NaN\"]}", "feature 'v' has a NaN or an infinity in it");
    options = "centers='0 0; 1 1' weights='1 1' invalid=skip";
    sl_test *test = slt_ml_job(build_vectors, NULL, false);
    slt_ml_epoch(test, "{\"v\":[1]}\n{\"v\":[1,1]}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"v\":[1.0]}\n{\"v\":[1.0,1.0],\"c\":1}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// The policy of poison records finds the rows, and the model learns from the others.
static void build_letters(sl_graph *graph)
{
    sl_stream *in = sl_stream_open(graph, "file:in?format=json&schema=x%20float64?,%20y%20int64");
    sl_model *model = sl_model_open(graph, "logistic", "weights=0 iterations=1 step=1");
    sl_model_train(model, in, "x", "y");
    sl_stream_save(sl_model_stream(model), "file:out?format=csv");
}

SL_TEST(ml_bad_rows_become_dead_letters, "")
{
    static const char *const settings[] = {"poison", "dead-letter", "parallelism", "2", NULL};
    sl_test *test = slt_ml_job(build_letters, settings, true);
    slt_ml_file(test, "1.json",
                "{\"x\":1,\"y\":1}\n{\"y\":1}\n{\"x\":1,\"y\":1}\n{\"x\":1,\"y\":3}\n");
    sl_test_stop(test);
    slt_ml_fine(test);
    assert_non_null(strstr(sl_test_read(test, "out"), "0,0.5\n"));
    const char *letters = sl_test_read(test, "checkpoint/dead");
    assert_non_null(strstr(letters, "feature 'x' is null"));
    assert_non_null(strstr(letters, "label 'y' is neither 0 nor 1"));
    sl_test_free(test);
}

// What no single row is to blame for.
static void build_far(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "linear", "weights=0 step=1e200");
    sl_model_train(model, in, "x", "y");
    sl_stream_save(sl_model_stream(model), "collect:model");
    sl_model *clusters = sl_model_open(graph, "kmeans", "centers='0; 1'");
    sl_model_train(clusters, in, "y", NULL);
}

SL_TEST(ml_weights_that_become_infinite_are_an_error, "")
{
    sl_test *test = slt_ml_job(build_far, NULL, false);
    slt_ml_epoch(test, "{\"x\":1e60,\"y\":1}", 1);
    assert_non_null(
        strstr(sl_test_error(test), "weight 0 has become infinite: the step of 1e+200"));
    slt_ml_epoch(test, NULL, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":0.0}\n");
    sl_test_free(test);
    test = slt_ml_job(build_far, NULL, false);
    slt_ml_epoch(test, "{\"x\":0,\"y\":1e308}\n{\"x\":0,\"y\":1e308}", 1);
    assert_non_null(strstr(sl_test_error(test), "the sum of feature 0 over a cluster's rows"));
    sl_test_free(test);
}

// ---------------------------------------------------------------- definitions

static const char *kind, *features, *label, *names;

static void build_one(sl_graph *graph)
{
    sl_stream *in =
        sl_stream_queue(graph, "in", "x float64, y float64, s string, v list<float64>", true);
    sl_model *model = sl_model_open(graph, kind, options);
    sl_model_train(model, in, features, label);
    sl_stream_save(sl_model_predict(model, in, features, names), "collect:out");
}

static void check_mistake(const char *of_kind, const char *with, const char *of, const char *by,
                          const char *as, const char *says)
{
    kind = of_kind, options = with, features = of, label = by, names = as;
    const char *mistake = slt_ml_mistake(build_one);
    if (strstr(mistake, says) == NULL) {
        fail_msg("'%s' and not '%s'", mistake, says);
    }
}

SL_TEST(ml_mistakes_are_told_at_the_definition, "")
{
    check_mistake("kmean", NULL, "x", NULL, "c", "no model 'kmean', did you mean 'kmeans'?");
    check_mistake(NULL, NULL, "x", NULL, "c", "no model '(NULL)'");
    check_mistake("kmeans", "kk=2", "x", NULL, "c", "unknown option \"kk\"; did you mean k?");
    check_mistake("kmeans", "k=0", "x", NULL, "c", "k");
    check_mistake("kmeans", "decay=-1", "x", NULL, "c", "decay");
    check_mistake("kmeans", "decay=1 half_life=2", "x", NULL, "c", "choose one of them");
    check_mistake("kmeans", "half_life=0", "x", NULL, "c", "half_life: 0 is not more than 0");
    check_mistake("kmeans", "centers='1 2; 3'", "x", NULL, "c", "row 2 has 1 numbers, the first");
    check_mistake("kmeans", "centers='1 x'", "x", NULL, "c", "'x' is not a finite number");
    check_mistake("kmeans", "centers='1; NaN'", "x", NULL, "c", "'NaN' is not a finite number");
    check_mistake("kmeans", "k=3 centers='1; 2'", "x", NULL, "c", "2 of them, and k=3");
    check_mistake("kmeans", "centers='1; 2' weights='1'", "x", NULL, "c", "1 numbers for 2");
    check_mistake("kmeans", "centers='1; 2' weights='1 -1'", "x", NULL, "c", "-1 is less than 0");
    check_mistake("kmeans", "centers='1 1'", "x", NULL, "c",
                  "\"x\" are 1 features, the kmeans has 2");
    check_mistake("kmeans", NULL, "v", NULL, "c", "set dims=");
    check_mistake("kmeans", NULL, "x, v", NULL, "c", "column 'v' can't be a feature");
    check_mistake("kmeans", NULL, "s", NULL, "c", "column 's' can't be a feature of a kmeans");
    check_mistake("kmeans", NULL, "xx", NULL, "c",
                  "there is no column \"xx\"; did you mean \"x\"?");
    check_mistake("kmeans", NULL, NULL, NULL, "c", "the features are NULL");
    check_mistake("kmeans", NULL, "x", "y", "c", "a kmeans has no labels");
    check_mistake("linear", NULL, "x", NULL, "c", "a linear learns from labels");
    check_mistake("linear", NULL, "x", "s", "c", "the label 's' is not one column of numbers");
    check_mistake("linear", "fraction=2", "x", "y", "c", "fraction");
    check_mistake("linear", "reg=1", "x", "y", "c", "reg");
    check_mistake("linear", "weights='1 2' dims=3", "x", "y", "c", "2 numbers, and dims=3");
    check_mistake("linear", NULL, "x", "y", "y", "has a column 'y' already");
    check_mistake("linear", NULL, "x", "y", "a, b", "are 2 names, and there are 1 predictions");
    check_mistake("standardize", NULL, "x, y", NULL, "a", "are 1 names, and there are 2");
    check_mistake("ftrl", "alpha=0", "s", "y", "p", "alpha: 0 is not more than 0");
    check_mistake("ftrl", "bits=25", "s", "y", "p", "bits");
}

static void build_test(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "g bool, v float64", true);
    sl_stream_save(sl_stream_test(in, features, label, options), "collect:out");
}

static void build_uids(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64", true);
    sl_model *one = sl_model_uid(sl_model_open(graph, "kmeans", NULL), "m");
    sl_model *two = sl_model_uid(sl_model_open(graph, "kmeans", NULL), "m");
    sl_model_train(one, in, "x", NULL);
    sl_model_train(two, in, "x", NULL);
}

static void check_test(const char *group, const char *with, const char *says)
{
    features = group, label = "v", options = with;
    const char *mistake = slt_ml_mistake(build_test);
    if (strstr(mistake, says) == NULL) {
        fail_msg("'%s' and not '%s'", mistake, says);
    }
}

SL_TEST(ml_mistakes_of_tests_and_uids, "")
{
    check_test("gg", NULL, "gg");
    check_test(NULL, NULL, "label");
    check_test("g", "method=wilch", "wilch");
    check_test("g", "uid=.x", "uid '.x' is not 1 to");
    assert_non_null(strstr(slt_ml_mistake(build_uids), "uid 'm' is that of operator"));
}

static void build_null(sl_graph *graph)
{
    sl_model_train(NULL, NULL, "x", NULL);
    assert_null(sl_model_predict(NULL, NULL, "x", NULL));
    assert_null(sl_model_stream(NULL));
    assert_null(sl_model_uid(NULL, "m"));
    assert_null(sl_stream_test(NULL, "g", "v", NULL));
    sl_stream_save(sl_stream_queue(graph, "in", "x float64", true), "collect:out");
}

SL_TEST(ml_calls_take_what_a_mistake_leaves, "")
{
    assert_string_equal(slt_ml_mistake(build_null), "");
}

// ---------------------------------------------------------------- other shapes

static void build_shape(sl_graph *graph)
{
    sl_stream *in =
        sl_stream_open(graph, "file:in?format=json&schema=x%20float64,%20y%20float64,%20g%20bool");
    sl_model *model = sl_model_uid(sl_model_open(graph, kind, options), "m");
    sl_model_train(model, in, features, label);
    sl_stream_save(sl_model_stream(model), "file:out?format=json");
}

static void check_shape(const char *of_kind, const char *was, const char *is, const char *of_was,
                        const char *of_is, const char *by, const char *says)
{
    kind = of_kind, options = was, features = of_was, label = by;
    sl_test *test = slt_ml_job(build_shape, NULL, true);
    slt_ml_file(test, "1", "{\"x\":1,\"y\":1,\"g\":true}\n{\"x\":2,\"y\":0,\"g\":false}\n");
    slt_ml_fine(test);
    options = is, features = of_is;
    sl_test_crash(test, false);
    sl_test_advance(test, 1);
    sl_error err = SL_ERROR_INIT;
    if (sl_test_check(test, &err) != SL_E_INCOMPATIBLE || strstr(err.text, says) == NULL) {
        fail_msg("%s: '%s' and not '%s'", of_kind, err.text, says);
    }
    sl_test_free(test);
}

SL_TEST(ml_a_checkpoint_of_another_shape_is_refused, "")
{
    check_shape("kmeans", "k=3", "k=2", "x", "x", NULL, "it has a cluster 2, and k=2");
    check_shape("kmeans", "k=2", "k=3", "x", "x", NULL, "it has 2 clusters, and k=3");
    check_shape("kmeans", NULL, NULL, "x", "x, y", NULL, "its centres have 1 numbers");
    check_shape("linear", NULL, NULL, "x", "x, y", "y", "it has 1 features, and they are 2 now");
    check_shape("linear", NULL, NULL, "x, y", "x", "y", "it has a feature 1, and they are 1 now");
    check_shape("standardize", NULL, NULL, "x", "x, y", NULL, "it has 1 features");
    check_shape("ftrl", "bits=24", "bits=1", "x", "x", "y", "and bits=1");
}
