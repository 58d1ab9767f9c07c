/// sketch.c — how fast one core can sketch an array of numbers: quantiles by KLL with k = 400, and
/// the most frequent values by 200 counters in a table, of which the smaller half goes when they
/// are full. What approx_quantile and approx_top_k do, without engine, columns, nulls or groups.
///
///     sketch [-n MILLION_ROWS] [-r REPETITIONS]
#include "sketch_rows.h"

#include <unistd.h>

enum { K = 400, FIRST = 64, LEVELS = 40, ROOM = 1200, COUNTERS = 200, SLOTS = 512 };

// ---------------------------------------------------------------- quantiles

/// Each level in an array of its own.
typedef struct kll {
    int64_t items[LEVELS][ROOM];
    int n[LEVELS], levels;
    uint64_t random;
} kll;

static int share(const kll *s, int level)
{
    int k = K, least = level == 0 ? FIRST : 8;
    for (int i = level + 1; i < s->levels && k > least; i++) {
        k = k * 2 / 3;
    }
    return k > least ? k : least;
}

static void insert_sort(int64_t *v, int n)
{
    for (int i = 1; i < n; i++) {
        int64_t item = v[i];
        int at = i;
        for (; at > 0 && v[at - 1] > item; at--) {
            v[at] = v[at - 1];
        }
        v[at] = item;
    }
}

static void merge(int64_t *to, const int64_t *a, int n_a, const int64_t *b, int n_b)
{
    while (n_a > 0 && n_b > 0) {
        int from_b = *b < *a;
        *to++ = from_b ? *b : *a;
        a += !from_b;
        n_a -= !from_b;
        b += from_b;
        n_b -= from_b;
    }
    memcpy(to, a, (size_t)n_a * sizeof *to);
    memcpy(to + n_a, b, (size_t)n_b * sizeof *to);
}

static void sort_run(int64_t *v, int n)
{
    int64_t other[ROOM], *from = v, *to = other;
    for (int i = 0; i < n; i += 8) {
        insert_sort(v + i, n - i < 8 ? n - i : 8);
    }
    for (int run = 8; run < n; run *= 2) {
        for (int i = 0; i < n; i += 2 * run) {
            int n_a = n - i < run ? n - i : run, n_b = n - i - n_a < run ? n - i - n_a : run;
            merge(to + i, from + i, n_a, from + i + n_a, n_b);
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != v) {
        memcpy(v, from, (size_t)n * sizeof *v);
    }
}

static void compact(kll *s, int level)
{
    int64_t half[ROOM], merged[ROOM], *items = s->items[level];
    int n = s->n[level] / 2, odd = (int)(limit_random(&s->random) & 1);
    if (level == 0) {
        sort_run(items, s->n[0]);
    }
    for (int i = 0; i < n; i++) {
        half[i] = items[2 * i + odd];
    }
    items[0] = items[s->n[level] - 1];
    s->n[level] &= 1;
    merge(merged, s->items[level + 1], s->n[level + 1], half, n);
    s->n[level + 1] += n;
    memcpy(s->items[level + 1], merged, (size_t)s->n[level + 1] * sizeof *merged);
    s->levels = level + 2 > s->levels ? level + 2 : s->levels;
}

static int64_t kll_quantile(const kll *s, double q, int64_t rows)
{
    int64_t low = 0, high = (int64_t)1 << SKETCH_BITS;
    while (low < high) { // the least value that as many are not above
        int64_t middle = low + (high - low) / 2, below = 0;
        for (int level = 0; level < s->levels; level++) {
            for (int i = 0; i < s->n[level]; i++) {
                below += (int64_t)(s->items[level][i] <= middle) << level;
            }
        }
        low = (double)below < q * (double)rows ? middle + 1 : low;
        high = (double)below < q * (double)rows ? high : middle;
    }
    return low;
}

static int64_t run_kll(const int64_t *rows, int64_t n, int64_t *median)
{
    static kll s;
    memset(s.n, 0, sizeof s.n);
    s.levels = 1;
    s.random = 5;
    int64_t begin_ns = limit_thread_cpu_ns();
    int full = share(&s, 0);
    for (int64_t i = 0; i < n; i++) {
        s.items[0][s.n[0]++] = rows[i];
        if (s.n[0] == full) {
            for (int level = 0; s.n[level] >= share(&s, level); level++) {
                compact(&s, level);
            }
            full = share(&s, 0);
        }
    }
    *median = kll_quantile(&s, 0.5, n);
    return limit_thread_cpu_ns() - begin_ns;
}

// ---------------------------------------------------------------- frequent values

typedef struct counter {
    int64_t value, count; ///< count 0: empty
} counter;

static counter *find(counter *table, int64_t value)
{
    uint64_t hash = (uint64_t)value * 0x9E3779B97F4A7C15u;
    uint64_t at = hash >> 55;
    while (table[at].count != 0 && table[at].value != value) {
        at = (at + 1) % SLOTS;
    }
    return &table[at];
}

static int more(const void *a, const void *b)
{
    int64_t x = ((const counter *)a)->count, y = ((const counter *)b)->count;
    return (x < y) - (x > y);
}

static int drop_small(counter *table, int64_t *floor)
{
    counter kept[COUNTERS];
    int n = 0;
    for (int i = 0; i < SLOTS; i++) {
        if (table[i].count != 0) {
            kept[n++] = table[i];
        }
    }
    qsort(kept, (size_t)n, sizeof *kept, more);
    memset(table, 0, SLOTS * sizeof *table);
    *floor = kept[n / 2].count;
    for (int i = 0; i < n / 2; i++) {
        *find(table, kept[i].value) = kept[i];
    }
    return n / 2;
}

static int64_t run_frequent(const int64_t *rows, int64_t n, int64_t *ones)
{
    static counter table[SLOTS];
    int64_t floor = 0;
    int used = 0;
    memset(table, 0, sizeof table);
    int64_t begin_ns = limit_thread_cpu_ns();
    for (int64_t i = 0; i < n; i++) {
        counter *c = find(table, rows[i]);
        if (c->count == 0) {
            if (used == COUNTERS) {
                used = drop_small(table, &floor);
                c = find(table, rows[i]);
            }
            used++;
            c->value = rows[i];
            c->count = floor;
        }
        c->count++;
    }
    *ones = find(table, 1)->count;
    return limit_thread_cpu_ns() - begin_ns;
}

int main(int argc, char **argv)
{
    int64_t million = 8, n_repetitions = 7, kll_ns[100], frequent_ns[100], median = 0, ones = 0;
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
    int64_t n = million << 20, n_ones = 0;
    size_t size = (size_t)n * sizeof(int64_t);
    int64_t *uniform = limit_alloc(size), *frequent = limit_alloc(size);
    uint64_t random = 1;
    for (int64_t i = 0; i < n; i++) {
        uniform[i] = sketch_uniform(&random);
        frequent[i] = sketch_frequent(&random);
        n_ones += frequent[i] == 1;
    }
    for (int64_t i = 0; i < n_repetitions; i++) {
        kll_ns[i] = run_kll(uniform, n, &median);
        frequent_ns[i] = run_frequent(frequent, n, &ones);
    }
    double off = (double)median / (double)((int64_t)1 << SKETCH_BITS) - 0.5;
    if (off > 0.011 || off < -0.011 || ones != n_ones) {
        limit_die("a wrong median or count");
    }
    limit_sort(kll_ns, (size_t)n_repetitions);
    limit_sort(frequent_ns, (size_t)n_repetitions);
    printf("sketch rows=%lld repetitions=%lld quantile_ns=%.2f top_ns=%.2f\n", (long long)n,
           (long long)n_repetitions,
           (double)limit_quantile(kll_ns, (size_t)n_repetitions, 500) / (double)n,
           (double)limit_quantile(frequent_ns, (size_t)n_repetitions, 500) / (double)n);
    limit_free(uniform, size);
    limit_free(frequent, size);
    return 0;
}
