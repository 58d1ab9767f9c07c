// grouped.c — a cached RDD counted by one key column of 64 bits, and by two that make as many keys:
// reduceByKey, one worker, through the public interface only.
//
// Both ways take turns over the same rows. Timed is user + system time of the whole process from
// the cached rows to the sum of all counts, which is checked.
//
//     grouped [-n MILLION_ROWS] [-g KEYS] [-r REPETITIONS]
#include "bench.h"

#include <unistd.h>

enum { ROWS = 4096, SECONDS = 100 };

/// Makes ROWS rows of each place: a key, and the same one as a time and the rest.
static sl_code make_rows(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    const int64_t n_keys = sl_args_int64(args, "keys", 0);
    (void)err;
    for (int64_t row = 0; row < sl_batch_rows(in); row++) {
        uint64_t random = (uint64_t)sl_column_int64(sl_batch_column(in, 0), row) + 1;
        int64_t *keys = sl_builder_reserve(out, 0, ROWS);
        int64_t *times = sl_builder_reserve(out, 1, ROWS);
        int64_t *rest = sl_builder_reserve(out, 2, ROWS);
        for (int64_t i = 0; keys != NULL && times != NULL && rest != NULL && i < ROWS; i++) {
            keys[i] = (int64_t)limit_below(&random, (uint64_t)n_keys);
            times[i] = keys[i] % SECONDS * 1000000;
            rest[i] = keys[i] / SECONDS;
        }
    }
    return SL_OK;
}

static const sl_fn rows_fn = {.struct_size = sizeof(sl_fn),
                              .name = "rows",
                              .out = "key int64, at timestamp, rest int64",
                              .version = 1,
                              .run = make_rows};

static sl_rdd *cached_rows(sl_session *session, int64_t n_places, int64_t n_keys)
{
    char args[32];
    (void)snprintf(args, sizeof args, "keys=%lld", (long long)n_keys);
    const sl_batch *seed = bench_places(n_places);
    sl_rdd *seeds = sl_rdd_of_batches(session, &seed, 1, 1);
    sl_rdd *cached = sl_rdd_persist(sl_rdd_flat_map(seeds, &rows_fn, args), SL_MEMORY_ONLY);
    sl_rdd_unref(seeds);
    sl_batch_unref(seed);
    return cached;
}

/// CPU time of a count by `keys`.
static int64_t count_by(sl_rdd *rows, const char *keys, int64_t n_rows)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *sum = NULL;
    int64_t begin_ns = limit_process_cpu_ns();
    sl_rdd *counts = sl_rdd_reduce_by_key(rows, keys, "count() as n", 1);
    bench_check(sl_rdd_aggregate(counts, "sum(n) as n", &sum, &err), &err, "counts");
    int64_t took_ns = limit_process_cpu_ns() - begin_ns;
    if (sl_column_int64(sl_batch_column(sum, 0), 0) != n_rows) {
        limit_die("a wrong sum");
    }
    sl_batch_unref(sum);
    sl_rdd_unref(counts);
    return took_ns;
}

int main(int argc, char **argv)
{
    static const char *const settings[] = {"master", "local[1]", "memory", "4GiB", NULL};
    int64_t million = 8, n_keys = 10000, n_repetitions = 7, one_ns[100], two_ns[100];
    int option;
    while ((option = getopt(argc, argv, "n:g:r:")) != -1) {
        if (option == 'n') {
            million = limit_number("-n", optarg, 1, 64);
        } else if (option == 'g') {
            n_keys = limit_number("-g", optarg, 1, 1 << 28);
        } else if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 100);
        } else {
            limit_die("usage: grouped [-n MILLION_ROWS] [-g KEYS] [-r REPETITIONS]");
        }
    }
    int64_t n_rows = million << 20;
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    bench_check(sl_session_new(&session, settings, &err), &err, "session");
    sl_rdd *rows = cached_rows(session, n_rows / ROWS, n_keys);
    for (int64_t i = -1; i < n_repetitions; i++) { // the first fills the cache
        one_ns[i > 0 ? i : 0] = count_by(rows, "key", n_rows);
        two_ns[i > 0 ? i : 0] = count_by(rows, "at, rest", n_rows);
    }
    limit_sort(one_ns, (size_t)n_repetitions);
    limit_sort(two_ns, (size_t)n_repetitions);
    printf("grouped rows=%lld keys=%lld repetitions=%lld one_mrows_s=%.1f two_mrows_s=%.1f\n",
           (long long)n_rows, (long long)n_keys, (long long)n_repetitions,
           bench_per_us((uint64_t)n_rows, limit_quantile(one_ns, (size_t)n_repetitions, 500)),
           bench_per_us((uint64_t)n_rows, limit_quantile(two_ns, (size_t)n_repetitions, 500)));
    sl_rdd_unref(rows);
    sl_session_free(session);
    return 0;
}
