// estimate.c — countApprox and countApproxDistinct: numbers that need not be exact.
//
// countApprox counts partitions in an order drawn once (the first ones may not be like the others)
// until time is up, and infers the rest. It is the one thing here that reads a clock.
#include "rdd/rdd_int.h"

#include <math.h>

// ---------------------------------------------------------------- what is known after a part

/// z with P(N(0, 1) <= z) = p, for p in (0.5, 1): by halving, since erfc is all libm has.
static double normal_quantile(double p)
{
    double low = 0, high = 40;
    for (int i = 0; i < 64; i++) {
        double middle = (low + high) / 2;
        if (1 - erfc(middle / sqrt(2)) / 2 < p) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/// Variance of the estimate. Two ways to see it, and the larger counts: partitions drawn from all
/// of them, which differ as those counted do (Cochran 1977, clusters of equal chance); and rows
/// that were each met with the same chance, which is all that one partition tells (Spark's
/// CountEvaluator).
static double variance_of(const int64_t *counts, int32_t n, int32_t n_all, double sum)
{
    double k = n, all = n_all, mean = sum / k, squares = 0, share = k / all;
    for (int32_t i = 0; i < n; i++) {
        squares += ((double)counts[i] - mean) * ((double)counts[i] - mean);
    }
    double between = n < 2 ? 0 : all * all * (1 - share) * squares / (k - 1) / k;
    double met = sum * (1 - share) / (share * share);
    return between > met ? between : met;
}

void sli_estimate_count(const int64_t *counts, int32_t n, int32_t n_all, double confidence,
                        sl_estimate *out)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++) {
        sum += (double)counts[i];
    }
    if (n == n_all) {
        *out = (sl_estimate){sum, sum, sum, true};
    } else if (sum == 0) { // nothing was seen: nothing is known but that it may be anything
        *out = (sl_estimate){0, 0, INFINITY, false};
    } else {
        double mean = sum / n * n_all;
        double spread =
            normal_quantile((1 + confidence) / 2) * sqrt(variance_of(counts, n, n_all, sum));
        *out = (sl_estimate){mean, mean - spread > sum ? mean - spread : sum, mean + spread, false};
    }
}

// ---------------------------------------------------------------- countApprox

typedef struct counting {
    int32_t *order;  ///< partitions as they are counted
    int64_t *counts; ///< of the first `n` of them
    int32_t n;
} counting;

static sl_code add_count(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    counting *c = ctx;
    (void)err;
    int32_t at = c->n; // an empty partition gives no row
    while (c->order[at] != partition) {
        at++;
    }
    c->counts[at] = sl_column_int64(sl_batch_column(batch, 0), 0);
    return SL_OK;
}

static void draw_order(counting *c, int32_t n, uint64_t seed)
{
    sli_rng rng = {seed};
    for (int32_t i = 0; i < n; i++) {
        int32_t at = (int32_t)sli_rng_below(&rng, (uint64_t)i + 1);
        c->order[i] = c->order[at];
        c->order[at] = i;
    }
}

/// As many partitions a time as there are tasks at once.
static sl_code count_until(sl_rdd *parts, counting *c, int64_t timeout_us, sl_error *err)
{
    sli_runtime *runtime = parts->runtime;
    int64_t begun = sli_env_mono_us(runtime->env);
    while (c->n < parts->n_partitions && sli_env_mono_us(runtime->env) - begun < timeout_us) {
        int32_t left = parts->n_partitions - c->n;
        int32_t n = left < runtime->parallelism ? left : runtime->parallelism;
        SL_TRY(runtime->run(runtime, parts, c->order + c->n, n, add_count, c, err));
        c->n += n;
    }
    return SL_OK;
}

sl_code sl_rdd_count_approx(sl_rdd *rdd, int64_t timeout_us, double confidence, sl_estimate *out,
                            sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    if (timeout_us < 0 || !(confidence > 0 && confidence < 1)) {
        return sl_error_set(err, SL_E_INVALID,
                            "countApprox: %lld us and confidence %g; time is not below 0, "
                            "confidence between 0 and 1",
                            (long long)timeout_us, confidence);
    }
    int32_t n = rdd->n_partitions;
    sl_rdd *parts = sli_rdd_count_parts(rdd);
    counting c = {.order = sl_alloc_array(SLI_TAG_RDD, (size_t)n + 1, sizeof *c.order),
                  .counts = sl_alloc_array(SLI_TAG_RDD, (size_t)n + 1, sizeof *c.counts)};
    sl_code rc = c.order == NULL || c.counts == NULL
                     ? sl_error_nomem(err, (size_t)n * sizeof *c.counts, "the counts of partitions")
                     : sl_rdd_check(parts, err);
    if (rc == SL_OK) {
        draw_order(&c, n, rdd->runtime->seed);
        rc = count_until(parts, &c, timeout_us, err);
    }
    if (rc == SL_OK) {
        sli_estimate_count(c.counts, c.n, n, confidence, out);
    }
    sl_free(c.order);
    sl_free(c.counts);
    sl_rdd_unref(parts);
    return rc;
}

// ---------------------------------------------------------------- countApproxDistinct

typedef struct hasher {
    const sli_op *op;
    sl_builder *builder;
    sli_push_fn push;
    void *ctx;
} hasher;

static sl_code push_hashes(void *ctx, sl_batch *batch, sl_error *err)
{
    hasher *h = ctx;
    sl_batch *hashes = NULL;
    uint64_t *to = sl_builder_reserve(h->builder, 0, sl_batch_rows(batch));
    if (to != NULL) {
        sli_batch_hash(batch, h->op->keys, h->op->n_keys, to);
    }
    SL_TRY(sl_builder_finish(h->builder, &hashes, err));
    sl_code rc = h->push(h->ctx, hashes, err);
    sl_batch_unref(hashes);
    return rc;
}

static sl_code compute_hashes(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    hasher h = {.op = rdd->body, .push = push, .ctx = ctx};
    SL_TRY(sl_builder_new(&h.builder, rdd->schema, err));
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_hashes, &h, err);
    sl_builder_free(h.builder);
    return rc;
}

static const sli_rdd_ops hash_ops = {.name = "countApproxDistinct",
                                     .compute = compute_hashes,
                                     .free = sli_op_free_body,
                                     .keeps_empty = true};

static sl_code compile_hashes(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_op_all_keys(op, op->in, &op->keys, err));
    return sl_schema_parse(&op->out, "hash int64", err);
}

static sl_rdd *hashes_of(sl_rdd *rdd)
{
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {.kind = hash_ops.name, .in = rdd->schema};
    sl_code rc = sli_op_find(rdd->runtime, &key, compile_hashes, &op, &error);
    return rc == SL_OK ? sli_rdd_narrow(rdd, &hash_ops, op)
                       : sli_rdd_wrong(rdd->runtime, hash_ops.name, &error);
}

sl_code sl_rdd_count_approx_distinct(sl_rdd *rdd, double relative_sd, int64_t *out, sl_error *err)
{
    char number[32], text[80] = "approx_count_distinct(hash, ";
    SL_TRY(sl_rdd_check(rdd, err));
    if (!(relative_sd >= 0.002 && relative_sd <= 0.4)) {
        return sl_error_set(err, SL_E_INVALID,
                            "countApproxDistinct: a relative standard error of %g; it is 0.002 to "
                            "0.4",
                            relative_sd);
    }
    size_t n = sli_format_float64(relative_sd, number);
    memcpy(text + strlen(text), number, n);
    text[strlen(text)] = ')';
    sl_rdd *hashes = hashes_of(rdd);
    sl_batch *row = NULL;
    sl_code rc = sl_rdd_check(hashes, err);
    rc = rc != SL_OK ? rc : sl_rdd_aggregate(hashes, text, &row, err);
    if (rc == SL_OK) {
        *out = sl_column_int64(sl_batch_column(row, 0), 0);
    }
    sl_batch_unref(row);
    sl_rdd_unref(hashes);
    return rc;
}
