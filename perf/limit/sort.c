/// sort.c — how fast one core sorts rows of a 64-bit key and a value that lie in two columns into
/// two other columns.
///
/// A radix sort from the top: rows of 16 bytes are spread over 256 buckets by the highest eight
/// bits of their key, each bucket again by the next, until a bucket is small enough to insert its
/// rows one by one. It knows the types, that there are no nulls, and that keys are spread over all
/// bits.
///
///     sort [-n ROWS] [-r REPETITIONS]
#include "sort_rows.h"

#include <unistd.h>

enum { DIGITS = 256, FEW = 24 };

typedef struct row {
    uint64_t key;
    int64_t value;
} row;

static void insert_each(row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        row one = rows[i];
        size_t at = i;
        for (; at > 0 && rows[at - 1].key > one.key; at--) {
            rows[at] = rows[at - 1];
        }
        rows[at] = one;
    }
}

/// Sorted rows end in `to` when `over`, else in `from`.
static void sort_by_digits(row *from, row *to, size_t n, int shift, int over)
{
    if (n <= FEW || shift < 0) {
        insert_each(from, n);
        if (over) {
            memcpy(to, from, n * sizeof *to);
        }
        return;
    }
    size_t begin[DIGITS + 1] = {0}, next[DIGITS];
    for (size_t i = 0; i < n; i++) {
        begin[(from[i].key >> shift & 255) + 1]++;
    }
    for (int d = 0; d < DIGITS; d++) {
        next[d] = begin[d];
        begin[d + 1] += begin[d];
    }
    for (size_t i = 0; i < n; i++) {
        to[next[from[i].key >> shift & 255]++] = from[i];
    }
    for (int d = 0; d < DIGITS; d++) {
        sort_by_digits(to + begin[d], from + begin[d], begin[d + 1] - begin[d], shift - 8, !over);
    }
}

int main(int argc, char **argv)
{
    size_t n = 10000000;
    int64_t n_repetitions = 3, cpu_ns[100];
    int option;
    while ((option = getopt(argc, argv, "n:r:")) != -1) {
        if (option == 'n') {
            n = (size_t)limit_number("-n", optarg, 1, 1000000000);
        } else if (option == 'r') {
            n_repetitions = limit_number("-r", optarg, 1, 100);
        } else {
            limit_die("usage: sort [-n ROWS] [-r REPETITIONS]");
        }
    }
    sort_input in = sort_input_new(n);
    row *rows = (row *)limit_alloc(n * sizeof(row)), *spare = (row *)limit_alloc(n * sizeof(row));
    int64_t *keys = (int64_t *)limit_alloc(n * sizeof(int64_t));
    int64_t *values = (int64_t *)limit_alloc(n * sizeof(int64_t));
    const uint64_t sign = (uint64_t)1 << 63;
    for (int64_t r = 0; r < n_repetitions; r++) {
        int64_t begin_ns = limit_thread_cpu_ns();
        for (size_t i = 0; i < n; i++) {
            rows[i] = (row){(uint64_t)in.keys[i] ^ sign, in.values[i]};
        }
        sort_by_digits(rows, spare, n, 56, 0);
        for (size_t i = 0; i < n; i++) {
            keys[i] = (int64_t)(rows[i].key ^ sign);
            values[i] = rows[i].value;
        }
        cpu_ns[r] = limit_thread_cpu_ns() - begin_ns;
        sort_check check = {0};
        for (size_t i = 0; i < n; i++) {
            sort_check_row(&check, keys[i], values[i]);
        }
        sort_check_end(&check, &in);
    }
    limit_sort(cpu_ns, (size_t)n_repetitions);
    printf("sort rows=%zu repetitions=%lld best_mrows_s=%.2f median_mrows_s=%.2f\n", n,
           (long long)n_repetitions, (double)n * 1e3 / (double)cpu_ns[0],
           (double)n * 1e3 / (double)limit_quantile(cpu_ns, (size_t)n_repetitions, 500));
    limit_free(rows, n * sizeof(row));
    limit_free(spare, n * sizeof(row));
    limit_free(keys, n * sizeof(int64_t));
    limit_free(values, n * sizeof(int64_t));
    sort_input_free(&in);
    return 0;
}
