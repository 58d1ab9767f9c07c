// Which model a prediction uses, and what else happens in order of definition.
#include "ml/job.h"

#include <string.h>

// One cluster that forgets everything is where the mean of the last rows is; weights of "linear"
// after one long step are easy to say too, but clusters have labels that show nothing. So: a
// regression of one feature with step 1 and one iteration moves w to w - (w x - y) x = y for x = 1.
#define LAST "dims=1 step=1 iterations=1"

static void build_both(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "linear", LAST);
    sl_stream_save(sl_model_predict(model, in, "x", "p"), "collect:before");
    sl_model_train(model, in, "x", "y");
    sl_stream_save(sl_model_predict(model, in, "x", "p"), "collect:behind");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_predictions_use_the_model_of_their_place, "")
{
    sl_test *test = slt_ml_job(build_both, NULL, false);
    slt_ml_epoch(test, "{\"x\":1,\"y\":5}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "before"), "{\"x\":1.0,\"y\":5.0,\"p\":0.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "behind"), "{\"x\":1.0,\"y\":5.0,\"p\":5.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":5.0}\n");
    slt_ml_epoch(test, "{\"x\":1,\"y\":-2}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "before"), "{\"x\":1.0,\"y\":-2.0,\"p\":5.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "behind"), "{\"x\":1.0,\"y\":-2.0,\"p\":-2.0}\n");
    slt_ml_epoch(test, NULL, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":-2.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// The order of outputs is not the order of calls: the stream behind the training is saved first.
static void build_swapped(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "linear", LAST);
    sl_stream *before = sl_model_predict(model, in, "x", "p");
    sl_model_train(model, in, "x", "y");
    sl_stream_save(sl_model_predict(model, in, "x", "p"), "collect:behind");
    sl_stream_save(before, "collect:before");
}

SL_TEST(ml_order_of_outputs_does_not_matter, "")
{
    sl_test *test = slt_ml_job(build_swapped, NULL, false);
    slt_ml_epoch(test, "{\"x\":1,\"y\":5}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "before"), "{\"x\":1.0,\"y\":5.0,\"p\":0.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "behind"), "{\"x\":1.0,\"y\":5.0,\"p\":5.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// Outputs beside each other: whoever comes first has the model learn.
SL_TEST(ml_outputs_beside_each_other_see_the_same_models, "")
{
    static const char *const settings[] = {"jobs.concurrent", "4", "master", "local[4]", NULL};
    sl_test *test = slt_ml_job(build_swapped, settings, false);
    for (int32_t i = 0; i < 3; i++) {
        slt_ml_epoch(test, i % 2 == 0 ? "{\"x\":1,\"y\":5}" : "{\"x\":1,\"y\":7}", 1);
    }
    SL_CHECK_TEXT(sl_test_rows(test, "before"), "{\"x\":1.0,\"y\":5.0,\"p\":7.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "behind"), "{\"x\":1.0,\"y\":5.0,\"p\":5.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// Nobody asks for the model while it learns.
static void build_train_only(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "linear", LAST);
    sl_model_train(model, sl_stream_where(in, "y > 0"), "x", "y");
    sl_stream_save(sl_model_predict(model, sl_stream_where(in, "y = 0"), "x", "p"), "collect:out");
}

SL_TEST(ml_training_is_an_output, "")
{
    sl_test *test = slt_ml_job(build_train_only, NULL, false);
    slt_ml_epoch(test, "{\"x\":1,\"y\":5}", 1);
    slt_ml_epoch(test, "{\"x\":2,\"y\":0}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"), "{\"x\":2.0,\"y\":0.0,\"p\":10.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// Two streams teach one model, the second what the first left; and a window, which has rows in
// every second epoch only.
static void build_two(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "linear", "weights=1 step=0.5 iterations=1");
    sl_model_train(model, sl_stream_where(in, "y > 0"), "x", "y");
    sl_stream_save(sl_model_stream(model), "collect:first");
    sl_model_train(model, sl_stream_where(in, "y < 0"), "x", "y");
    sl_stream_save(sl_model_stream(model), "collect:second");
    sl_model_train(model, sl_stream_window(in, "2s", "2s"), "x", "y");
    sl_stream_save(sl_model_stream(model), "collect:third");
    sl_stream_save(sl_model_predict(model, sl_stream_window(in, "2s", "2s"), "x", "p"),
                   "collect:window");
}

SL_TEST(ml_several_streams_teach_a_model_in_order, "")
{
    sl_test *test = slt_ml_job(build_two, NULL, false);
    slt_ml_epoch(test, "{\"x\":1,\"y\":3}\n{\"x\":1,\"y\":-4}", 2);
    SL_CHECK_TEXT(sl_test_rows(test, "first"), "{\"feature\":0,\"weight\":2.0}\n");   // 1 + 2/2
    SL_CHECK_TEXT(sl_test_rows(test, "second"), "{\"feature\":0,\"weight\":-1.0}\n"); // 2 - 6/2
    SL_CHECK_TEXT(sl_test_rows(test, "third"), "{\"feature\":0,\"weight\":-1.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "window"), NULL);
    slt_ml_epoch(test, "{\"x\":1,\"y\":0}", 1);
    // y is 3, -4 and 0: the mean gradient is -1 + 1/3, and half of it is taken off.
    SL_CHECK_TEXT(sl_test_rows(test, "second"), "{\"feature\":0,\"weight\":-1.0}\n");
    SL_CHECK_TEXT(sl_test_rows(test, "third"), "{\"feature\":0,\"weight\":-0.6666666666666667}\n");
    assert_non_null(strstr(sl_test_rows(test, "window"), "\"y\":3.0,\"p\":-0.6666666666666667}"));
    slt_ml_fine(test);
    sl_test_free(test);
}

// The model learns from rows that it has chosen itself.
static void build_own(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "linear", LAST);
    sl_stream *guessed = sl_model_predict(model, in, "x", "p");
    sl_model_train(model, sl_stream_where(guessed, "y > p"), "x", "y");
    sl_stream_save(sl_model_stream(model), "collect:model");
}

SL_TEST(ml_a_model_may_choose_what_it_learns, "")
{
    sl_test *test = slt_ml_job(build_own, NULL, false);
    slt_ml_epoch(test, "{\"x\":1,\"y\":5}", 1);
    slt_ml_epoch(test, "{\"x\":1,\"y\":3}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":5.0}\n");
    slt_ml_epoch(test, "{\"x\":1,\"y\":8}", 1);
    SL_CHECK_TEXT(sl_test_rows(test, "model"), "{\"feature\":0,\"weight\":8.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// A model beside a stream gives no rows: what is predicted has the event time of its row.
static void build_windows(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "ts timestamp, x float64, y float64", true);
    in = sl_stream_event_time(in, "ts", "0s");
    sl_model *model = sl_model_open(graph, "linear", LAST);
    sl_stream *out = sl_model_predict(model, in, "x", "p");
    sl_stream_save(sl_stream_event_window(out, NULL, "sum(p) as p", "10s", NULL), "collect:out");
    sl_model_train(model, in, "x", "y");
}

SL_TEST(ml_predictions_keep_their_event_time, "")
{
    sl_test *test = slt_ml_job(build_windows, NULL, false);
    slt_ml_epoch(test, "{\"ts\":\"1970-01-01 00:00:01\",\"x\":1,\"y\":5}", 1);
    slt_ml_epoch(test, "{\"ts\":\"1970-01-01 00:00:09\",\"x\":1,\"y\":7}", 1);
    slt_ml_epoch(test, "{\"ts\":\"1970-01-01 00:00:10\",\"x\":1,\"y\":7}", 1);
    slt_ml_epoch(test, NULL, 1);
    SL_CHECK_TEXT(sl_test_rows(test, "out"),
                  "{\"window_start\":\"1970-01-01T00:00:00Z\","
                  "\"window_end\":\"1970-01-01T00:00:10Z\",\"p\":5.0}\n");
    slt_ml_fine(test);
    sl_test_free(test);
}

// Its rows are no row's prediction.
static void build_window_of_model(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "ts timestamp, x float64, y float64", true);
    sl_model *model = sl_model_open(graph, "linear", LAST);
    sl_model_train(model, sl_stream_event_time(in, "ts", "0s"), "x", "y");
    sl_stream_event_window(sl_model_stream(model), NULL, "count() as n", "10s", NULL);
}

SL_TEST(ml_rows_of_a_model_have_no_event_time, "ERRORS-1")
{
    SL_CHECK_TEXT(slt_ml_mistake(build_window_of_model),
                  "operator 6 (eventWindow after modelRows 'linear'): its rows have no event time: "
                  "operator 2 (linear) gives rows to it, and there is no sl_stream_event_time in "
                  "between");
}
