/// taken.h — the rows of a job, taken by foreachRDD and looked at when the clock has stopped.
#pragma once
#include "bench.h"

enum { BENCH_MAX_TAKEN = 65536 };

/// Batches in the order in which they came. To be attached as `bench`: give it to bench_start.
typedef struct bench_taken {
    sl_batch *batches[BENCH_MAX_TAKEN];
    size_t n;
    size_t n_epochs; ///< that had rows: an epoch between two pushes has none
} bench_taken;

static sl_code bench_take_batch(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    bench_taken *taken = ctx;
    (void)partition;
    if (taken->n == BENCH_MAX_TAKEN) {
        return sl_error_set(err, SL_E_INVALID, "more than %d batches of results", BENCH_MAX_TAKEN);
    }
    taken->batches[taken->n++] = sl_batch_ref(batch);
    return SL_OK;
}

static sl_code bench_take(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    bench_taken *taken = sl_args_attached(args, "bench");
    size_t before = taken->n;
    sl_code rc = sl_rdd_foreach(rdd, bench_take_batch, taken, err);
    taken->n_epochs += taken->n > before;
    return rc;
}

static const sl_foreach_fn bench_take_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "take", .version = 1, .run = bench_take};

/// Steps the job until the rows of `n` epochs are there.
static inline void bench_take_epochs(bench_taken *taken, sl_context *context, size_t n)
{
    while (taken->n_epochs < n) {
        if (!bench_step(context)) {
            limit_die("the job ended");
        }
    }
}

/// Gives all batches back.
static inline void bench_taken_clear(bench_taken *taken)
{
    for (size_t i = 0; i < taken->n; i++) {
        sl_batch_unref(taken->batches[i]);
    }
    taken->n = taken->n_epochs = 0;
}
