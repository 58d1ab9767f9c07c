// sample.c — sample: each row by a coin, or as often as a Poisson number says. The numbers of a
// partition follow from (seed, partition) and its rows' order alone, so the same rows come in every
// run, on any worker.
#include "rdd/rdd_int.h"

#include <math.h>

#define MAX_MEAN 1e6 // copies of a row; more is no sample

typedef struct sampling {
    bool with_replacement;
    double fraction;
    uint64_t seed;
} sampling;

typedef struct sampler {
    const sampling *how;
    sli_rng rng;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    int32_t rows[SLI_BATCH_ROWS]; ///< of the batch at hand, that go on
    int32_t n;
} sampler;

/// In [0, 1).
static double uniform(sli_rng *rng)
{
    return (double)(sli_rng_next(rng) >> 11) * 0x1p-53;
}

/// Knuth's: uniform numbers are multiplied until they fall below e^-mean. A large mean is a sum of
/// small ones, since e^-mean must not be zero.
static int64_t poisson(sli_rng *rng, double mean)
{
    int64_t n = 0;
    for (double left = mean; left > 0; left -= 16) {
        double limit = exp(-(left < 16 ? left : 16));
        for (double product = uniform(rng); product > limit; product *= uniform(rng)) {
            n++;
        }
    }
    return n;
}

static sl_code flush(sampler *s, const sl_batch *batch, sl_error *err)
{
    int32_t n = s->n;
    s->n = 0;
    return n == 0 ? SL_OK : sli_push_rows(batch, s->rows, n, s->task, s->push, s->ctx, err);
}

static sl_code push_sampled(void *ctx, sl_batch *batch, sl_error *err)
{
    sampler *s = ctx;
    for (int64_t i = 0, n = sl_batch_rows(batch); i < n; i++) {
        int64_t times = s->how->with_replacement ? poisson(&s->rng, s->how->fraction)
                                                 : uniform(&s->rng) < s->how->fraction;
        for (; times > 0; times--) {
            s->rows[s->n++] = (int32_t)i;
            if (s->n == SLI_BATCH_ROWS) {
                SL_TRY(flush(s, batch, err));
            }
        }
    }
    return flush(s, batch, err);
}

static sl_code compute_sample(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err)
{
    sampler *s = sl_arena_alloc(task->arena, sizeof *s);
    if (s == NULL) {
        return sl_error_nomem(err, sizeof *s, "a sample");
    }
    s->how = rdd->body;
    s->rng = (sli_rng){sli_mix64(s->how->seed ^ sli_mix64((uint64_t)partition))};
    s->task = task;
    s->push = push;
    s->ctx = ctx;
    s->n = 0;
    return sli_rdd_each(rdd->deps[0].parent, partition, task, push_sampled, s, err);
}

static void free_sampling(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops sample_ops = {.name = "sample",
                                       .compute = compute_sample,
                                       .free = free_sampling,
                                       .keeps_empty = true,
                                       .keeps_place = true};

sl_rdd *sl_rdd_sample(sl_rdd *rdd, bool with_replacement, double fraction, uint64_t seed)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    if (!(fraction >= 0 && fraction <= (with_replacement ? MAX_MEAN : 1))) {
        return sli_rdd_mistake(rdd->runtime, SL_E_INVALID, "sample: fraction %g; it is 0 to %g %s",
                               fraction, with_replacement ? MAX_MEAN : 1,
                               with_replacement ? "with replacement" : "without replacement");
    }
    sampling *how = sl_alloc(SLI_TAG_RDD, sizeof *how);
    if (how == NULL) {
        return NULL;
    }
    *how = (sampling){with_replacement, fraction, seed};
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)};
    return sli_rdd_new(rdd->runtime, &sample_ops, rdd->schema, rdd->n_partitions, &dep, 1, how);
}
