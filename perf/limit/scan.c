/// scan.c — how fast one core reads memory: the sum of a column of 64-bit numbers that no cache
/// holds.
///
///     scan [-m MIB] [-r REPETITIONS]
#include "limit.h"

#include <unistd.h>

int main(int argc, char **argv)
{
    size_t size = (size_t)512 << 20;
    int64_t n_repetitions = 7, cpu_ns[100];
    int option;
    while ((option = getopt(argc, argv, "m:r:")) != -1) {
        if (option == 'm') {
            size = (size_t)limit_number("-m", optarg, 1, 65536) << 20;
        } else if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 100);
        } else {
            limit_die("usage: scan [-m MIB] [-r REPETITIONS]");
        }
    }
    size_t n = size / sizeof(int64_t);
    int64_t *values = (int64_t *)limit_alloc(size);
    for (size_t i = 0; i < n; i++) {
        values[i] = (int64_t)(i % 1000);
    }
    int64_t want = 0;
    for (size_t i = 0; i < n; i++) {
        want += (int64_t)(i % 1000);
    }
    for (int64_t r = 0; r < n_repetitions; r++) {
        uint64_t sum = 0;
        int64_t begin_ns = limit_thread_cpu_ns();
        for (size_t i = 0; i < n; i++) {
            sum += (uint64_t)values[i];
        }
        cpu_ns[r] = limit_thread_cpu_ns() - begin_ns;
        if ((int64_t)sum != want) {
            limit_die("a wrong sum");
        }
    }
    limit_sort(cpu_ns, (size_t)n_repetitions);
    printf("scan mib=%zu repetitions=%lld best_gb_s=%.2f median_gb_s=%.2f\n", size >> 20,
           (long long)n_repetitions, (double)size / (double)cpu_ns[0],
           (double)size / (double)limit_quantile(cpu_ns, (size_t)n_repetitions, 500));
    limit_free(values, size);
    return 0;
}
