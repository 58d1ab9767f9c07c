// sketch.c — approx_median and approx_top_k of a cached RDD, one worker, through the public
// interface only: nanoseconds a row of the whole process's user + system time.
//
//     sketch [-n MILLION_ROWS] [-r REPETITIONS]
#include "bench.h"
#include "perf/limit/sketch_rows.h"

#include <unistd.h>

enum { ROWS = 4096 };

/// Makes ROWS rows of each place.
static sl_code make_rows(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    for (int64_t row = 0; row < sl_batch_rows(in); row++) {
        uint64_t random = (uint64_t)sl_column_int64(sl_batch_column(in, 0), row) + 1;
        random = limit_random(&random);
        int64_t *uniform = sl_builder_reserve(out, 0, ROWS);
        int64_t *frequent = sl_builder_reserve(out, 1, ROWS);
        for (int64_t i = 0; uniform != NULL && frequent != NULL && i < ROWS; i++) {
            uniform[i] = sketch_uniform(&random);
            frequent[i] = sketch_frequent(&random);
        }
    }
    return SL_OK;
}

static const sl_fn rows_fn = {.struct_size = sizeof(sl_fn),
                              .name = "rows",
                              .out = "uniform int64, frequent int64",
                              .version = 1,
                              .run = make_rows};

static int64_t aggregate(sl_rdd *rows, const char *list, sl_batch **out)
{
    sl_error err = SL_ERROR_INIT;
    int64_t begin_ns = limit_process_cpu_ns();
    bench_check(sl_rdd_aggregate(rows, list, out, &err), &err, list);
    return limit_process_cpu_ns() - begin_ns;
}

static int64_t median_of(sl_rdd *rows)
{
    sl_batch *out = NULL;
    int64_t took_ns = aggregate(rows, "approx_median(uniform) as m", &out);
    double off =
        sl_column_float64(sl_batch_column(out, 0), 0) / (double)((int64_t)1 << SKETCH_BITS) - 0.5;
    if (off > 0.011 || off < -0.011) {
        limit_die("a wrong median");
    }
    sl_batch_unref(out);
    return took_ns;
}

/// How often 1 came must be the count that comes first.
static int64_t top_of(sl_rdd *rows, int64_t n_ones)
{
    sl_batch *out = NULL;
    int64_t took_ns = aggregate(rows, "approx_top_k(frequent, 10) as t", &out);
    const sl_column *top = sl_batch_column(out, 0)->children;
    if (sl_column_int64(&top->children[0], 0) != 1 ||
        sl_column_int64(&top->children[1], 0) != n_ones) {
        limit_die("a wrong count");
    }
    sl_batch_unref(out);
    return took_ns;
}

static int64_t count_ones(sl_rdd *rows)
{
    sl_batch *out = NULL;
    (void)aggregate(rows, "count_if(frequent = 1) as n", &out);
    int64_t n = sl_column_int64(sl_batch_column(out, 0), 0);
    sl_batch_unref(out);
    return n;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", "memory", "4GiB", NULL};
    int64_t million = 8, n_repetitions = 7, median_ns[100], top_ns[100];
    int option;
    while ((option = getopt(argc, argv, "n:r:")) != -1) {
        if (option == 'n') {
            million = limit_number("-n", optarg, 1, 64);
        } else if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 100);
        } else {
            limit_die("usage: sketch [-n MILLION_ROWS] [-r REPETITIONS]");
        }
    }
    int64_t n_rows = million << 20;
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    bench_check(sl_session_new(&session, settings, &err), &err, "session");
    const sl_batch *seed = bench_places(n_rows / ROWS);
    sl_rdd *seeds = sl_rdd_of_batches(session, &seed, 1, 1);
    sl_rdd *rows = sl_rdd_persist(sl_rdd_flat_map(seeds, &rows_fn, NULL), SL_MEMORY_ONLY);
    int64_t n_ones = count_ones(rows); // fills the cache
    for (int64_t i = 0; i < n_repetitions; i++) {
        median_ns[i] = median_of(rows);
        top_ns[i] = top_of(rows, n_ones);
    }
    limit_sort(median_ns, (size_t)n_repetitions);
    limit_sort(top_ns, (size_t)n_repetitions);
    printf("sketch rows=%lld repetitions=%lld quantile_ns=%.2f top_ns=%.2f\n", (long long)n_rows,
           (long long)n_repetitions,
           (double)limit_quantile(median_ns, (size_t)n_repetitions, 500) / (double)n_rows,
           (double)limit_quantile(top_ns, (size_t)n_repetitions, 500) / (double)n_rows);
    sl_rdd_unref(rows);
    sl_rdd_unref(seeds);
    sl_batch_unref(seed);
    sl_session_free(session);
    return 0;
}
