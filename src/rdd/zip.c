// zip.c — zip: row i of each partition beside row i of the same partition of another RDD. The right
// partition is held, the left one streams by; batches are cut where either ends.
#include "rdd/rdd_int.h"

typedef struct zipper {
    sli_pairs pairs;
    int32_t partition;
    sli_rows right;
    int32_t at;     ///< the right batch that is next
    int64_t used;   ///< rows of it
    int64_t n_left; ///< rows that went by
} zipper;

static sl_code push_beside(zipper *z, const sl_batch *left, int64_t from, int64_t n, sl_error *err)
{
    sl_batch *a = NULL, *b = NULL;
    SL_TRY(sli_batch_slice(left, from, n, &a, err));
    sl_code rc = sli_batch_slice(z->right.batches[z->at], z->used, n, &b, err);
    rc = rc != SL_OK ? rc : sli_pairs_push(&z->pairs, NULL, NULL, a, b, err);
    sl_batch_unref(a);
    sl_batch_unref(b);
    return rc;
}

static sl_code push_zip(void *ctx, sl_batch *batch, sl_error *err)
{
    zipper *z = ctx;
    int64_t rows = sl_batch_rows(batch);
    for (int64_t from = 0; from < rows;) {
        if (z->at == z->right.n) {
            return sl_error_set(err, SL_E_DATA,
                                "partition %d has more rows on the left than the %lld on the right",
                                z->partition, (long long)z->right.n_rows);
        }
        int64_t left = sl_batch_rows(z->right.batches[z->at]) - z->used;
        int64_t n = rows - from < left ? rows - from : left;
        SL_TRY(push_beside(z, batch, from, n, err));
        from += n;
        z->used += n;
        if (n == left) {
            z->at++;
            z->used = 0;
        }
    }
    z->n_left += rows;
    return SL_OK;
}

static sl_code push_held(void *ctx, sl_batch *batch, sl_error *err)
{
    return sl_batch_rows(batch) == 0 ? SL_OK : sli_rows_add(ctx, batch, err);
}

static sl_code zip_rows(zipper *z, sl_rdd *rdd, sl_error *err)
{
    sli_task *task = z->pairs.task;
    SL_TRY(sli_pairs_start(&z->pairs, err));
    SL_TRY(sli_rdd_each(rdd->deps[0].parent, z->partition, task, push_zip, z, err));
    return z->n_left == z->right.n_rows
               ? SL_OK
               : sl_error_set(err, SL_E_DATA,
                              "partition %d has %lld rows on the left and %lld on the right",
                              z->partition, (long long)z->n_left, (long long)z->right.n_rows);
}

static sl_code compute_zip(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                           void *ctx, sl_error *err)
{
    zipper z = {
        .pairs = {.op = rdd->body, .out = rdd->schema, .task = task, .push = push, .ctx = ctx},
        .partition = partition};
    sli_weight weight = {.budget = task->runtime->budget};
    sl_code rc = sli_rdd_each(rdd->deps[1].parent, partition, task, push_held, &z.right, err);
    if (rc == SL_OK) {
        sli_weight_set(&weight, z.right.bytes);
        rc = zip_rows(&z, rdd, err);
    }
    sli_rows_reset(&z.right);
    sli_weight_set(&weight, 0);
    return rc;
}

static const sli_rdd_ops zip_ops = {
    .name = "zip", .compute = compute_zip, .free = sli_op_free_body, .keeps_empty = true};

sl_code sli_compile_beside(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_op_sides(op, err));
    return sli_schema_joined(op->in, NULL, op->in2, NULL, 0, &op->out, err);
}

sl_rdd *sl_rdd_zip(sl_rdd *a, sl_rdd *b)
{
    if (a == NULL || b == NULL || a->mistake != NULL || b->mistake != NULL) {
        return sli_rdd_inherit(a, b);
    }
    if (a->n_partitions != b->n_partitions) {
        return sli_rdd_mistake(a->runtime, SL_E_INVALID,
                               "zip: %d partitions and %d; there must be as many", a->n_partitions,
                               b->n_partitions);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {.kind = zip_ops.name, .in = a->schema, .in2 = b->schema};
    if (sli_op_find(a->runtime, &key, sli_compile_beside, &op, &error) != SL_OK) {
        return sli_rdd_wrong(a->runtime, zip_ops.name, &error);
    }
    sli_dep deps[2] = {{.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(a)},
                       {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(b)}};
    return sli_rdd_new(a->runtime, &zip_ops, op->out, a->n_partitions, deps, 2, op);
}
