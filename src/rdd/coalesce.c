// coalesce.c — coalesce: fewer partitions without a shuffle. Partition p of n is made of the m
// parents p * m / n up to (p + 1) * m / n, in order, so the order of all rows stays.
#include "rdd/rdd_int.h"

static int32_t first_parent(const sl_rdd *rdd, int32_t partition)
{
    return (int32_t)((int64_t)partition * rdd->deps[0].parent->n_partitions / rdd->n_partitions);
}

typedef struct passing {
    sli_task *task;
    sli_push_fn push;
    void *ctx;
} passing;

static sl_code push_unplaced(void *ctx, sl_batch *batch, sl_error *err)
{
    const passing *p = ctx;
    return sli_push_unplaced(p->task, p->push, p->ctx, batch, err);
}

static sl_code compute_coalesce(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                void *ctx, sl_error *err)
{
    passing p = {task, push, ctx};
    for (int32_t i = first_parent(rdd, partition); i < first_parent(rdd, partition + 1); i++) {
        SL_TRY(sli_rdd_each(rdd->deps[0].parent, i, task, push_unplaced, &p, err));
    }
    return SL_OK;
}

static const sli_rdd_ops coalesce_ops = {
    .name = "coalesce", .compute = compute_coalesce, .keeps_empty = true};

sl_rdd *sl_rdd_coalesce(sl_rdd *rdd, int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    int32_t n = 0;
    if (sli_partitions_check(rdd->runtime, n_partitions, SLI_MAX_PARTITIONS, &n, &error) != SL_OK) {
        return sli_rdd_wrong(rdd->runtime, coalesce_ops.name, &error);
    }
    n = n < rdd->n_partitions ? n : rdd->n_partitions;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)};
    return sli_rdd_new(rdd->runtime, &coalesce_ops, rdd->schema, n, &dep, 1, NULL);
}
