// score.c — rows a second that sl_model_predict scores by a model of XGBoost, through the public
// interface: 20 columns of doubles, epochs of 65,536 rows, made before the clock runs and pushed
// into a queue. perf/limit/score trains the model, and predicts the same rows as one array. Timed
// is user + system time of the whole process from the first push to the last rows; the first turn
// is thrown away. The sum of the predictions must be the library's own.
//
//     score -m MODEL.json [-r REPETITIONS]
#include "taken.h"

#include "limit/score_rows.h"

#include <unistd.h>

enum { EPOCHS = 8, TEXT_BYTES = 1024 };

static char options[TEXT_BYTES], features[TEXT_BYTES], schema[TEXT_BYTES];

static void build(sl_graph *graph)
{
    sl_stream *rows = sl_stream_queue(graph, "rows", schema, true);
    sl_model *model = sl_model_open(graph, "xgboost", options);
    sl_stream_foreach_rdd(sl_model_predict(model, rows, features, "p"), &bench_take_fn, NULL);
}

static void write_texts(const char *model)
{
    size_t names = 0, columns = 0;
    (void)snprintf(options, sizeof options, "file='%s'", model);
    for (int f = 0; f < SCORE_FEATURES; f++) {
        const char *comma = f > 0 ? ", " : "";
        names += (size_t)snprintf(features + names, sizeof features - names, "%sx%d", comma, f);
        columns +=
            (size_t)snprintf(schema + columns, sizeof schema - columns, "%sx%d float64", comma, f);
    }
}

static sl_batch *draw(void)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *columns = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    uint64_t random = 7;
    bench_check(sl_schema_parse(&columns, schema, &err), &err, "schema");
    bench_check(sl_builder_new(&builder, columns, &err), &err, "builder");
    for (int32_t i = 0; i < SCORE_ROWS; i++) {
        for (int32_t f = 0; f < SCORE_FEATURES; f++) {
            sl_builder_float64(builder, f, score_draw(&random));
        }
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "rows");
    sl_builder_free(builder);
    sl_schema_unref(columns);
    return batch;
}

/// CPU time of a turn's epochs, and the sum of all predictions of one.
static int64_t turn(sl_context *context, bench_taken *taken, sl_batch *rows, double *sum)
{
    sl_error err = SL_ERROR_INIT;
    int64_t began_ns = limit_process_cpu_ns();
    for (int e = 0; e < EPOCHS; e++) {
        bench_check(sl_queue_push(context, "rows", rows, 1, &err), &err, "push");
    }
    bench_take_epochs(taken, context, EPOCHS);
    int64_t took_ns = limit_process_cpu_ns() - began_ns;
    *sum = 0;
    for (size_t b = 0; b < taken->n; b++) {
        const sl_column *p = sl_batch_column(taken->batches[b], SCORE_FEATURES);
        for (int64_t i = 0; i < sl_batch_rows(taken->batches[b]); i++) {
            *sum += sl_column_float64(p, i) / EPOCHS;
        }
    }
    bench_taken_clear(taken);
    return took_ns;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "1GiB",   "progress", "none",     NULL};
    static bench_taken taken;
    const char *model = NULL;
    int64_t n = 5, took_ns[100];
    double sum = 0;
    int option;
    while ((option = getopt(argc, argv, "m:r:")) != -1) {
        if (option == 'm') {
            model = optarg;
        } else if (option == 'r') {
            n = limit_number("-r", optarg, 1, 100);
        }
    }
    if (model == NULL) {
        limit_die("usage: score -m MODEL.json [-r REPETITIONS]");
    }
    write_texts(model);
    sl_batch *rows = draw();
    sl_context *context = bench_start("score", build, settings, &taken);
    for (int64_t i = 0; i <= n; i++) {
        took_ns[i > 0 ? i - 1 : 0] = turn(context, &taken, rows, &sum);
    }
    limit_sort(took_ns, (size_t)n);
    printf("score mrows_s=%.4f sum=%.6f\n",
           bench_per_us((uint64_t)EPOCHS * SCORE_ROWS, limit_quantile(took_ns, (size_t)n, 500)),
           sum);
    sl_context_free(context);
    sl_batch_unref(rows);
    return 0;
}
