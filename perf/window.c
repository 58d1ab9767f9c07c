// window.c — what an epoch of a sliding window costs: 1,000 generated rows of 1,000 keys an epoch
// of 1 ms, counted and summed by key over a window that slides by an epoch.
//
// By the inverse the cost must not grow with the window, so perf/run compares a window of 600
// epochs with one of 10. Printed is the user + system time of the whole process an epoch, once the
// window is full. The last epoch's result is checked.
//
//     window [EPOCHS_A_WINDOW [EPOCHS [never]]]       default: 600 and 1000; never: without the
//     inverse
#include "bench.h"

enum { ROWS = 1000 }; // an epoch, and keys

typedef struct bench {
    int64_t n_window, n_wanted, n_epochs, first_cpu_ns, last_cpu_ns;
    bool never;
} bench;

static bench of_job; // what the build function is told

static sl_code check_last(sl_rdd *rdd, const bench *b, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sl_rdd_collect(rdd, &rows, err));
    int64_t n = 0;
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        n += sl_column_int64(sl_batch_column(rows, 1), i);
    }
    bool right = sl_batch_rows(rows) == ROWS && n == ROWS * b->n_window;
    sl_batch_unref(rows);
    return right ? SL_OK
                 : sl_error_set(err, SL_E_DATA, "the window has %lld rows, not %lld", (long long)n,
                                (long long)(ROWS * b->n_window));
}

/// Runs once an epoch; the clock is read when the window is full, and at the end.
static sl_code tick(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    bench *b = sl_args_attached(args, "bench");
    int64_t keys = 0;
    if (++b->n_epochs == b->n_wanted) {
        b->last_cpu_ns = limit_process_cpu_ns();
        return check_last(rdd, b, err);
    }
    if (b->n_epochs == b->n_window + 2) { // the first epoch has no rows
        b->first_cpu_ns = limit_process_cpu_ns();
    }
    return sl_rdd_count(rdd, &keys, err);
}

static const sl_foreach_fn tick_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "tick", .version = 1, .run = tick};

static void sliding(sl_graph *graph)
{
    char window[32];
    (void)snprintf(window, sizeof window, "%lldms", (long long)of_job.n_window);
    sl_stream *rows = sl_stream_open(graph, "rate:?rows_per_second=1000000");
    sl_stream *keyed = sl_stream_select(rows, "value % 1000 as key, value");
    sl_stream *sums = sl_stream_reduce_by_key_and_window(
        keyed, "key", "count() as n, sum(value) as total", window, NULL);
    sl_stream_inverse(sums, of_job.never ? SL_INVERSE_NEVER : SL_INVERSE_AUTO);
    sl_stream_foreach_rdd(sums, &tick_fn, NULL);
}

int main(int argc, char **argv)
{
    of_job.n_window = limit_number("EPOCHS_A_WINDOW", argc > 1 ? argv[1] : "600", 1, 1000000);
    int64_t n = limit_number("EPOCHS", argc > 2 ? argv[2] : "1000", 1, 1000000);
    of_job.never = argc > 3 && strcmp(argv[3], "never") == 0;
    of_job.n_wanted = of_job.n_window + 2 + n;
    char epochs[32];
    (void)snprintf(epochs, sizeof epochs, "%lld", (long long)of_job.n_wanted);
    const char *settings[] = {"master",     "local[1]", "parallelism", "1",    "interval", "1ms",
                              "max_epochs", epochs,     "progress",    "none", NULL};
    sl_context *context = bench_start("window", sliding, settings, &of_job);
    while (bench_step(context)) {
    }
    sl_context_free(context);
    if (of_job.n_epochs != of_job.n_wanted) {
        limit_die("%lld epochs ran, not %lld", (long long)of_job.n_epochs,
                  (long long)of_job.n_wanted);
    }
    printf("window epochs_a_window=%lld inverse=%s rows=%d epochs=%lld cpu_us_per_epoch=%.2f\n",
           (long long)of_job.n_window, of_job.never ? "never" : "auto", ROWS, (long long)n,
           (double)(of_job.last_cpu_ns - of_job.first_cpu_ns) / 1e3 / (double)n);
    return 0;
}
