// The job of models_test.c: rows that a trained model scores, whose file is replaced meanwhile.
#include <sluice/sluice.h>

static void models_job(sl_graph *graph)
{
    sl_stream *rows = sl_stream_uid(
        sl_stream_open(graph, "file:in?format=csv&schema=n int64, a float64, b float64, c float64"),
        "rows");
    sl_model *model =
        sl_model_uid(sl_model_open(graph, "xgboost", "file=model.json output=probability"), "risk");
    sl_stream *scored = sl_model_predict(model, rows, "a, b, c", "p");
    sl_stream_save(sl_stream_uid(sl_stream_select(scored, "n, p"), "scored"),
                   "file:out?format=csv");
}

SL_JOB("models", models_job);
