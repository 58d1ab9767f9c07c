// kmeans.c — points a second that a streaming k-means learns from, through the public interface.
//
// Points have 16 features and lie around 10 centres (uniformly, within 1 of each feature); an epoch
// is so many of them, made before the clock runs, pushed into a queue. perf/peers/kmeans.py does
// the same with scikit-learn's MiniBatchKMeans. Timed is user + system time of the whole process
// from the first push to the last model; the first turn is thrown away. The weights of the model
// must be the number of points.
//
//     kmeans [-r REPETITIONS] [-e EPOCHS] [-n POINTS_AN_EPOCH]
#include "taken.h"

#include <unistd.h>

enum { FEATURES = 16, CLUSTERS = 10, TEXT_BYTES = 8192 };

static char options[TEXT_BYTES], features[256], schema[512];

static double center_of(int32_t cluster, int32_t feature)
{
    uint64_t random = (uint64_t)(cluster * FEATURES + feature + 1);
    return (double)limit_below(&random, 1000) / 50;
}

static void write_texts(void)
{
    size_t n = (size_t)snprintf(options, sizeof options, "k=%d centers='", CLUSTERS);
    for (int32_t c = 0; c < CLUSTERS; c++) {
        for (int32_t f = 0; f < FEATURES; f++) {
            n += (size_t)snprintf(options + n, sizeof options - n, "%s%.3f", f > 0 ? " " : "",
                                  center_of(c, f) + 0.25);
        }
        n += (size_t)snprintf(options + n, sizeof options - n, c + 1 < CLUSTERS ? ";" : "'");
    }
    size_t names = 0, columns = 0;
    for (int32_t f = 0; f < FEATURES; f++) {
        const char *comma = f > 0 ? ", " : "";
        names +=
            (size_t)snprintf(features + names, sizeof features - names, "%sx%d", comma, (int)f);
        columns += (size_t)snprintf(schema + columns, sizeof schema - columns, "%sx%d float64",
                                    comma, (int)f);
    }
}

static void build(sl_graph *graph)
{
    sl_stream *points = sl_stream_queue(graph, "points", schema, true);
    sl_model *model = sl_model_open(graph, "kmeans", options);
    sl_model_train(model, points, features, NULL);
    sl_stream_foreach_rdd(sl_model_stream(model), &bench_take_fn, NULL);
}

static sl_batch *draw_epoch(uint64_t *random, int64_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *columns = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    bench_check(sl_schema_parse(&columns, schema, &err), &err, "schema");
    bench_check(sl_builder_new(&builder, columns, &err), &err, "builder");
    for (int64_t i = 0; i < n; i++) {
        int32_t cluster = (int32_t)limit_below(random, CLUSTERS);
        for (int32_t f = 0; f < FEATURES; f++) {
            double off = (double)limit_below(random, 2000000) / 1e6 - 1;
            sl_builder_float64(builder, f, center_of(cluster, f) + off);
        }
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "points");
    sl_builder_free(builder);
    sl_schema_unref(columns);
    return batch;
}

/// The weights that the last model of a turn has.
static double weights_of(const bench_taken *taken)
{
    const sl_batch *rows = taken->batches[taken->n - 1];
    double sum = 0;
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        sum += sl_column_float64(sl_batch_column(rows, 1), i);
    }
    return sum;
}

/// CPU time of all epochs: the model is given in empty ones too, so the weights tell when all are
/// in.
static int64_t turn(sl_context *context, bench_taken *taken, sl_batch *const *epochs, int64_t n,
                    double until)
{
    sl_error err = SL_ERROR_INIT;
    int64_t began_ns = limit_process_cpu_ns();
    for (int64_t e = 0; e < n; e++) {
        bench_check(sl_queue_push(context, "points", epochs[e], 1, &err), &err, "push");
    }
    do {
        bench_take_epochs(taken, context, taken->n_epochs + 1);
    } while (weights_of(taken) < until);
    int64_t took_ns = limit_process_cpu_ns() - began_ns;
    if (weights_of(taken) != until) {
        limit_die("the weights are %g and not %g", weights_of(taken), until);
    }
    bench_taken_clear(taken);
    return took_ns;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", "interval", "1ms", "memory",
                                           "1GiB",   "progress", "none",     NULL};
    static bench_taken taken;
    int64_t n_repetitions = 5, n_epochs = 16, n_points = 65536, took_ns[100];
    int option;
    while ((option = getopt(argc, argv, "r:e:n:")) != -1) {
        if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 100);
        } else if (option == 'e') {
            n_epochs = limit_number("-e", optarg, 1, 64);
        } else if (option == 'n') {
            n_points = limit_number("-n", optarg, 1, 1 << 22);
        } else {
            limit_die("usage: kmeans [-r REPETITIONS] [-e EPOCHS] [-n POINTS_AN_EPOCH]");
        }
    }
    write_texts();
    sl_batch *epochs[64];
    uint64_t random = 1;
    for (int64_t e = 0; e < n_epochs; e++) {
        epochs[e] = draw_epoch(&random, n_points);
    }
    sl_context *context = bench_start("kmeans", build, settings, &taken);
    for (int64_t i = 0; i <= n_repetitions; i++) {
        double until = (double)((i + 1) * n_epochs * n_points);
        took_ns[i > 0 ? i - 1 : 0] = turn(context, &taken, epochs, n_epochs, until);
    }
    limit_sort(took_ns, (size_t)n_repetitions);
    printf("kmeans points=%lld epochs=%lld features=%d clusters=%d mpoints_s=%.2f\n",
           (long long)n_points, (long long)n_epochs, FEATURES, CLUSTERS,
           bench_per_us((uint64_t)(n_epochs * n_points),
                        limit_quantile(took_ns, (size_t)n_repetitions, 500)));
    sl_context_free(context);
    for (int64_t e = 0; e < n_epochs; e++) {
        sl_batch_unref(epochs[e]);
    }
    return 0;
}
