/// histogram.c — where a value is counted, and what the counts say.
#include "metrics/metrics_int.h"

enum { SUB_BITS = 4, SUB = 1 << SUB_BITS };

int32_t sli_histogram_index(int64_t value)
{
    if (value <= 0) {
        return 0;
    }
    uint64_t u = (uint64_t)value - 1;
    uint64_t top = (UINT64_C(1) << SLI_HISTOGRAM_TOP_BIT) - 1;
    u = u > top ? top : u;
    if (u < SUB) {
        return 1 + (int32_t)u;
    }
    int32_t shift = 63 - __builtin_clzll(u) - SUB_BITS;
    return 1 + SUB + shift * SUB + (int32_t)((u >> shift) - SUB);
}

int64_t sli_histogram_middle(int32_t index)
{
    if (index <= SUB) {
        return index; // bucket 0 holds zero, bucket 1 + u holds u + 1
    }
    int32_t shift = (index - 1 - SUB) / SUB;
    int64_t low = (int64_t)(SUB + (index - 1 - SUB) % SUB) << shift;
    return low + 1 + ((INT64_C(1) << shift) - 1) / 2;
}

int64_t sli_histogram_count(const sli_histogram *histogram)
{
    int64_t n = 0;
    for (int32_t i = 0; i < SLI_HISTOGRAM_BUCKETS; i++) {
        n += atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
    }
    return n;
}

int64_t sli_histogram_quantile(const sli_histogram *histogram, double q)
{
    int64_t n = sli_histogram_count(histogram);
    if (n == 0) {
        return 0;
    }
    double share = q > 0 ? (q < 1 ? q : 1) : 0; // NaN becomes 0
    int64_t rank = (int64_t)(share * (double)n);
    rank += (double)rank < share * (double)n
                ? 1
                : 0; // the ceiling: at least `share` of the values lie at or below
    rank = rank < 1 ? 1 : rank > n ? n : rank;
    int64_t seen = 0;
    int32_t last = 0;
    for (int32_t i = 0; i < SLI_HISTOGRAM_BUCKETS; i++) {
        int64_t here = atomic_load_explicit(&histogram->counts[i], memory_order_relaxed);
        seen += here;
        last = here > 0 ? i : last;
        if (seen >= rank) {
            return sli_histogram_middle(i);
        }
    }
    return sli_histogram_middle(
        last); // unreachable unless counts overflowed; then the largest seen
}
