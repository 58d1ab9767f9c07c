// What each kind of model gives, where whole numbers come out.
#include "ml/job.h"

#include <string.h>

#include <stdio.h>

static void build_lists(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "name string, at list<int64>", true);
    sl_model *model = sl_model_open(graph, "kmeans", "centers='0 0; 10 10' decay=0");
    sl_model_train(model, in, "at", NULL);
    sl_stream_save(sl_model_predict(model, in, "at", "c"), "collect:out");
    sl_stream_save(sl_model_stream(model), "collect:model");
    sl_model *scale = sl_model_open(graph, "standardize", "dims=2 variance=population");
    sl_model_train(scale, in, "at", NULL);
    sl_stream_save(sl_model_predict(scale, in, "at", "s"), "collect:scaled");
}

SL_TEST(ml_features_may_be_one_list, "")
{
    sl_test *test = slt_ml_job(build_lists, NULL, false);
    slt_ml_epoch(test,
                 "{\"name\":\"a\",\"at\":[1,3]}\n{\"name\":\"b\",\"at\":[9,8]}\n"
                 "{\"name\":\"c\",\"at\":[3,5]}\n",
                 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"name\":\"a\",\"at\":[1,3],\"c\":0}\n"
                                             "{\"name\":\"b\",\"at\":[9,8],\"c\":1}\n"
                                             "{\"name\":\"c\",\"at\":[3,5],\"c\":0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "model"),
                  "{\"cluster\":0,\"weight\":2.0,\"center\":[2.0,4.0]}\n"
                  "{\"cluster\":1,\"weight\":1.0,\"center\":[9.0,8.0]}\n");
    assert_non_null(strstr(sl_test_rows(test, "scaled"), "\"at\":[1,3],\"s\":[-"));
    slt_ml_fine(test);
    sl_test_free(test);
}

// A centre that nothing is near to gets half of the other one, 1e-14 apart.
static void build_dying(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64", true);
    sl_model *model = sl_model_open(graph, "kmeans", "centers='0; 100' weights='1 0'");
    sl_model_train(model, in, "x", NULL);
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_a_dead_cluster_is_half_of_the_largest, "")
{
    sl_test *test = slt_ml_job(build_dying, NULL, false);
    slt_ml_epoch(test, "{\"x\":0}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"),
                  "{\"cluster\":0,\"weight\":1.0,\"center\":[1.0E-14]}\n"
                  "{\"cluster\":1,\"weight\":1.0,\"center\":[-1.0E-14]}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

static void build_points(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64", true);
    sl_model *model =
        sl_model_open(graph, "kmeans", "centers='0; 9' weights='16 16' decay=0.5 unit=points");
    sl_model_train(model, in, "x", NULL);
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_points_discount_by_their_number, "")
{
    sl_test *test = slt_ml_job(build_points, NULL, false);
    slt_ml_epoch(test, "{\"x\":1}\n{\"x\":1}\n{\"x\":1}", 3); // 16 / 8 + 3, 16 / 8
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"cluster\":0,\"weight\":5.0,\"center\":[0.6]}\n"
                                               "{\"cluster\":1,\"weight\":2.0,\"center\":[9.0]}\n");
    slt_ml_epoch(test, NULL, 1); // no point, no unit
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"cluster\":0,\"weight\":5.0,\"center\":[0.6]}\n"
                                               "{\"cluster\":1,\"weight\":2.0,\"center\":[9.0]}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

static void build_random(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "kmeans", "k=3 seed=7 weight=2");
    sl_model_train(model, in, "x, y", NULL);
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_random_centres_are_those_of_their_seed, "")
{
    sl_test *test = slt_ml_job(build_random, NULL, false);
    slt_ml_epoch(test, NULL, 1);
    char first[512];
    (void)snprintf(first, sizeof first, "%s", sl_test_rows(test, "model"));
    assert_non_null(strstr(first, "{\"cluster\":2,\"weight\":2.0,\"center\":["));
    slt_ml_fine(test);
    sl_test_free(test);
    test = slt_ml_job(build_random, NULL, false);
    slt_ml_epoch(test, NULL, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), first);
    sl_test_free(test);
}

static void build_logistic(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, hit bool", true);
    sl_model *model = sl_model_open(graph, "logistic", "weights=0 step=4 iterations=1");
    sl_model *same = sl_model_open(graph, "logistic", "weights=0 output=probability iterations=0");
    sl_stream_save(sl_model_predict(same, in, "x", "p"), "collect:half");
    sl_model_train(model, in, "x", "hit");
    sl_model_train(same, in, "x", "hit");
    sl_stream_save(sl_model_predict(model, in, "x", "class"), "collect:class");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_logistic_predicts_classes_or_probabilities, "")
{
    sl_test *test = slt_ml_job(build_logistic, NULL, false);
    slt_ml_epoch(test, "{\"x\":1,\"hit\":true}\n{\"x\":-1,\"hit\":false}", 1);
    // Both gradients are -0.5: w = 4 * 0.5.
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":2.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "class"), "{\"x\":1.0,\"hit\":true,\"class\":1.0}\n"
                                               "{\"x\":-1.0,\"hit\":false,\"class\":0.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "half"), "{\"x\":1.0,\"hit\":true,\"p\":0.5}\n"
                                              "{\"x\":-1.0,\"hit\":false,\"p\":0.5}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

static void build_scaled(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y int64", true);
    sl_model *model = sl_model_open(graph, "standardize", NULL);
    sl_model_train(model, in, "x, y", NULL);
    sl_stream_save(sl_model_predict(model, in, "x, y", NULL), "collect:out");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_standardize_scales_each_feature, "")
{
    sl_test *test = slt_ml_job(build_scaled, NULL, false);
    slt_ml_epoch(test, "{\"x\":1,\"y\":5}", 1); // no variance yet
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"x\":1.0,\"y\":5}\n");
    slt_ml_epoch(test, "{\"x\":3,\"y\":5}\n{\"x\":5,\"y\":5}", 2);
    SL_CHECK_TEXT(sl_test_rows(test, "out"),
                  "{\"x\":3.0,\"y\":5,\"x_scaled\":0.0,\"y_scaled\":0.0}\n"
                  "{\"x\":5.0,\"y\":5,\"x_scaled\":1.0,\"y_scaled\":0.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "model"),
                  "{\"feature\":0,\"count\":3,\"mean\":3.0,\"m2\":8.0}\n"
                  "{\"feature\":1,\"count\":3,\"mean\":5.0,\"m2\":0.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// The defects of StreamingTest that are cured: a group alone, and the peace period.
static void build_test(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "g bool, v float64", true);
    sl_stream *out = sl_stream_test(in, "g", "v", "method=student peace=1 window=2");
    sl_stream_save(sl_stream_select(out, "degrees, statistic, method"), "collect:out");
}

#define ALONE "{\"g\":true,\"v\":1}\n{\"g\":true,\"v\":3}"
#define BOTH ALONE "\n{\"g\":false,\"v\":1}\n{\"g\":false,\"v\":3}"

SL_TEST(ml_test_waits_for_both_groups, "")
{
    sl_test *test = slt_ml_job(build_test, NULL, false);
    slt_ml_epoch(test, BOTH, 1); // peace
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "");
    slt_ml_epoch(test, ALONE, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "");
    slt_ml_epoch(test, BOTH, 3); // the window has the batch before too
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"degrees\":4.0,\"statistic\":0.0,\"method\":"
                                             "\"Student's 2-sample t-test\"}\n");
    slt_ml_epoch(test, NULL, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"degrees\":2.0,\"statistic\":0.0,\"method\":"
                                             "\"Student's 2-sample t-test\"}\n");
    slt_ml_epoch(test, NULL, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "");
    slt_ml_fine(test);
    sl_test_free(test);
}

SL_TEST(ml_test_with_compat_lets_a_group_meet_itself, "")
{
    static const char *const settings[] = {"compat", "spark", NULL};
    sl_test *test = slt_ml_job(build_test, settings, false);
    slt_ml_epoch(test, BOTH, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "");
    slt_ml_epoch(test, ALONE, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"degrees\":2.0,\"statistic\":0.0,\"method\":"
                                             "\"Student's 2-sample t-test\"}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// With the real clock Spark's peace period is over before it begins.
SL_TEST(ml_test_with_compat_counts_peace_from_1970, "")
{
    static const char *const settings[] = {"compat", "spark", NULL};
    sl_test *test = sl_test_new(
        build_test, (sl_test_conf){.struct_size = sizeof(sl_test_conf), .settings = settings});
    slt_ml_epoch(test, BOTH, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"degrees\":2.0,\"statistic\":0.0,\"method\":"
                                             "\"Student's 2-sample t-test\"}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// Hashed features: what collides counts for both; of two signs it cancels out.
static void build_one_slot(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "a string, y int64", true);
    sl_model *model = sl_model_open(graph, "ftrl", "bits=1 alpha=1 intercept=false");
    sl_model_train(model, in, "a", "y");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_ftrl_keeps_the_slots_that_rows_met, "")
{
    sl_test *test = slt_ml_job(build_one_slot, NULL, false);
    slt_ml_epoch(test, NULL, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "");
    slt_ml_epoch(test, "{\"a\":\"u\",\"y\":1}", 1); // p = 0.5: z = g = -0.5, n = 0.25
    assert_non_null(strstr(sl_test_rows(test, "model"), "\"z\":-0.5,\"n\":0.25}\n"));
    slt_ml_fine(test);
    sl_test_free(test);
}
