/// zipf_keys.h — epochs of records "key int64": 1,000,000 keys drawn with Zipf's law, exponent 1.0,
/// or each as likely as the others. The same ones in every program: for running.c and
/// sql_running.c.
#pragma once
#include "bench.h"

enum { ZIPF_KEYS = 1000000 };

/// chances[k] = how likely a rank of at most k is.
static void zipf_fill_chances(double *chances)
{
    double sum = 0;
    for (int64_t k = 0; k < ZIPF_KEYS; k++) {
        sum += 1.0 / (double)(k + 1);
        chances[k] = sum;
    }
    for (int64_t k = 0; k < ZIPF_KEYS; k++) {
        chances[k] /= sum;
    }
}

static int64_t zipf_draw_rank(const double *chances, uint64_t *random)
{
    double chance = (double)(limit_random(random) >> 11) * 0x1p-53;
    int64_t low = 0, high = ZIPF_KEYS - 1;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (chances[middle] < chance) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// `chances` NULL: each key is as likely as the others.
static sl_batch *zipf_draw_epoch(int64_t n, const double *chances, uint64_t *random)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    bench_check(sl_schema_parse(&schema, "key int64", &err), &err, "schema");
    bench_check(sl_builder_new(&builder, schema, &err), &err, "builder");
    int64_t *keys = sl_builder_reserve(builder, 0, n);
    for (int64_t i = 0; i < n && keys != NULL; i++) {
        keys[i] = chances == NULL ? (int64_t)limit_below(random, ZIPF_KEYS)
                                  : zipf_draw_rank(chances, random);
    }
    bench_check(sl_builder_finish(builder, &batch, &err), &err, "records");
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

static inline void zipf_draw_epochs(sl_batch **out, int64_t n_epochs, int64_t n_records,
                                    bool is_uniform)
{
    static double chances[ZIPF_KEYS];
    uint64_t random = 7;
    zipf_fill_chances(chances);
    for (int64_t e = 0; e < n_epochs; e++) {
        out[e] = zipf_draw_epoch(n_records, is_uniform ? NULL : chances, &random);
    }
}
