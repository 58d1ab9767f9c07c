// cartesian.c — cartesian: every row of one RDD with every row of another.
//
// Partition i * n + j of the product pairs partition i of the left with partition j of the right
// (of n). The right one is held, the left one streams by; rows come left by left, as in Spark.
#include "rdd/rdd_int.h"

static sl_code push_product(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_pairs *p = ctx;
    int32_t n_left = (int32_t)sl_batch_rows(batch), n_right = (int32_t)sl_batch_rows(p->right);
    for (int32_t i = 0; i < n_left; i++) {
        for (int32_t j = 0; j < n_right; j++) {
            p->left_rows[p->n] = i;
            p->right_rows[p->n++] = j;
            if (p->n == SLI_BATCH_ROWS) {
                SL_TRY(sli_pairs_flush(p, batch, err));
            }
        }
    }
    return sli_pairs_flush(p, batch, err);
}

static int32_t parent_of_product(const sl_rdd *rdd, int32_t dep, int32_t partition)
{
    int32_t n = rdd->deps[1].parent->n_partitions;
    return dep == 0 ? partition / n : partition % n;
}

/// The left rows' places in their source say nothing about the product's partition.
static sl_code push_unplaced(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_pairs *p = ctx;
    return sli_push_unplaced(p->task, push_product, p, batch, err);
}

static sl_code compute_cartesian(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                 void *ctx, sl_error *err)
{
    const sli_op *op = rdd->body;
    sli_rows held = {0};
    sli_weight weight = {.budget = task->runtime->budget};
    sl_batch *right = NULL;
    sl_code rc = sli_rdd_each(rdd->deps[1].parent, parent_of_product(rdd, 1, partition), task,
                              sli_rows_push, &held, err);
    if (rc == SL_OK && held.n > 0) {
        sli_weight_set(&weight, held.bytes);
        rc = sli_rows_concat(&held, op->in2, &right, err);
        sli_rows_reset(&held);
        sli_pairs p = {
            .op = op, .out = op->out, .task = task, .push = push, .ctx = ctx, .right = right};
        rc = rc != SL_OK ? rc : sli_pairs_start(&p, err);
        rc = rc != SL_OK ? rc
                         : sli_rdd_each(rdd->deps[0].parent, parent_of_product(rdd, 0, partition),
                                        task, push_unplaced, &p, err);
    }
    sl_batch_unref(right);
    sli_rows_reset(&held);
    sli_weight_set(&weight, 0);
    return rc;
}

static const sli_rdd_ops cartesian_ops = {.name = "cartesian",
                                          .compute = compute_cartesian,
                                          .parent_of = parent_of_product,
                                          .free = sli_op_free_body,
                                          .keeps_empty = true};

static int64_t product_of(int64_t a, int64_t b)
{
    int64_t rows = 0;
    return a < 0 || b < 0 || __builtin_mul_overflow(a, b, &rows) ? -1 : rows;
}

sl_rdd *sl_rdd_cartesian(sl_rdd *a, sl_rdd *b)
{
    if (a == NULL || b == NULL || a->mistake != NULL || b->mistake != NULL) {
        return sli_rdd_inherit(a, b);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    int64_t n = (int64_t)a->n_partitions * b->n_partitions;
    if (n > SLI_MAX_PARTITIONS) {
        return sli_rdd_mistake(a->runtime, SL_E_INVALID,
                               "cartesian: %d times %d partitions; there may be %d",
                               a->n_partitions, b->n_partitions, SLI_MAX_PARTITIONS);
    }
    sli_op_key key = {.kind = cartesian_ops.name, .in = a->schema, .in2 = b->schema};
    if (sli_op_find(a->runtime, &key, sli_compile_beside, &op, &error) != SL_OK) {
        return sli_rdd_wrong(a->runtime, cartesian_ops.name, &error);
    }
    sli_dep deps[2] = {{.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(a)},
                       {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(b)}};
    sl_rdd *rdd = sli_rdd_new(a->runtime, &cartesian_ops, op->out, (int32_t)n, deps, 2, op);
    if (rdd != NULL) {
        rdd->rows_expected = product_of(a->rows_expected, b->rows_expected);
    }
    return rdd;
}
