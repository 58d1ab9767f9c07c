// cached.c — a cached RDD scanned again: the sum of a column of 64-bit numbers that no cache of the
// processor holds, as limit/scan.c does it, by one worker, through the public interface only.
//
// Timed is user + system time of the whole process for sl_rdd_aggregate over partitions that an
// earlier action has computed and kept in memory.
//
//     cached [-m MIB] [-p PARTITIONS] [-r REPETITIONS]
#include "bench.h"

#include <unistd.h>

enum { ROWS = 4096 };

/// Makes ROWS numbers of each place p: (p * ROWS + i) % 1000.
static sl_code numbers(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t row = 0; row < sl_batch_rows(in); row++) {
        int64_t from = sl_column_int64(sl_batch_column(in, 0), row) * ROWS;
        int64_t *cells = sl_builder_reserve(out, 0, ROWS);
        for (int64_t i = 0; cells != NULL && i < ROWS; i++) {
            cells[i] = (from + i) % 1000;
        }
    }
    return SL_OK;
}

static const sl_fn numbers_fn = {.struct_size = sizeof(sl_fn),
                                 .name = "numbers",
                                 .out = "v int64",
                                 .version = 1,
                                 .run = numbers};

static int64_t sum_of(sl_rdd *rdd)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *row = NULL;
    bench_check(sl_rdd_aggregate(rdd, "sum(v) as s", &row, &err), &err, "sum");
    int64_t sum = sl_column_int64(sl_batch_column(row, 0), 0);
    sl_batch_unref(row);
    return sum;
}

int main(int argc, char **argv)
{
    int64_t mib = 512, n_partitions = 16, n_repetitions = 7, cpu_ns[100];
    int option;
    while ((option = getopt(argc, argv, "m:p:r:")) != -1) {
        if (option == 'm') {
            mib = limit_number("-m", optarg, 1, 65536);
        } else if (option == 'p') {
            n_partitions = limit_number("-p", optarg, 1, 1024);
        } else if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 100);
        } else {
            limit_die("usage: cached [-m MIB] [-p PARTITIONS] [-r REPETITIONS]");
        }
    }
    int64_t n_places = (mib << 20) / 8 / ROWS, want = 0;
    for (int64_t i = 0; i < n_places * ROWS; i++) {
        want += i % 1000;
    }
    char memory[32];
    (void)snprintf(memory, sizeof memory, "%lldMiB", (long long)(4 * mib + 1024));
    const char *const settings[] = {"master", "local[1]", "memory", memory, NULL};
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    bench_check(sl_session_new(&session, settings, &err), &err, "session");
    const sl_batch *seed = bench_places(n_places);
    sl_rdd *seeds = sl_rdd_of_batches(session, &seed, 1, (int32_t)n_partitions);
    sl_rdd *cached = sl_rdd_persist(sl_rdd_flat_map(seeds, &numbers_fn, NULL), SL_MEMORY_ONLY);
    for (int64_t i = -1; i < n_repetitions; i++) { // the first fills the cache
        int64_t begin_ns = limit_process_cpu_ns();
        if (sum_of(cached) != want) {
            limit_die("a wrong sum");
        }
        cpu_ns[i > 0 ? i : 0] = limit_process_cpu_ns() - begin_ns;
    }
    limit_sort(cpu_ns, (size_t)n_repetitions);
    double bytes = (double)(n_places * ROWS * 8);
    printf("cached mib=%lld partitions=%lld repetitions=%lld best_gb_s=%.2f median_gb_s=%.2f\n",
           (long long)mib, (long long)n_partitions, (long long)n_repetitions,
           bytes / (double)cpu_ns[0],
           bytes / (double)limit_quantile(cpu_ns, (size_t)n_repetitions, 500));
    sl_rdd_unref(cached);
    sl_rdd_unref(seeds);
    sl_batch_unref(seed);
    sl_session_free(session);
    return 0;
}
