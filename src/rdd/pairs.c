// pairs.c — rows of two sides beside each other: pairs of row numbers are collected up to a batch
// and then taken, so that what multiplies is never held.
#include "rdd/rdd_int.h"

sl_code sli_op_sides(sli_op *op, sl_error *err)
{
    SL_TRY(sli_rest_of(op->in, op->keys, op->n_keys, &op->rest, &op->n_rest, err));
    return sli_rest_of(op->in2, op->keys2, op->n_keys, &op->rest2, &op->n_rest2, err);
}

sl_code sli_pairs_start(sli_pairs *p, sl_error *err)
{
    sl_arena *arena = p->task->arena;
    size_t columns = (size_t)sl_schema_columns(p->out);
    p->column = sl_arena_alloc(arena, columns * sizeof *p->column);
    p->from = sl_arena_alloc(arena, columns * sizeof *p->from);
    p->right_rows = sl_arena_alloc(arena, SLI_BATCH_ROWS * sizeof *p->right_rows);
    p->left_rows = sl_arena_alloc(arena, SLI_BATCH_ROWS * sizeof *p->left_rows);
    return p->column != NULL && p->from != NULL && p->right_rows != NULL && p->left_rows != NULL
               ? SL_OK
               : sl_error_nomem(err, 2 * SLI_BATCH_ROWS * sizeof *p->left_rows, "pairs of rows");
}

sl_code sli_pairs_push(sli_pairs *p, const sl_batch *keys, const int32_t *key_columns,
                       const sl_batch *left, const sl_batch *right, sl_error *err)
{
    const sli_op *op = p->op;
    for (int32_t i = 0; i < op->n_keys; i++) {
        p->from[i] = keys;
        p->column[i] = key_columns[i];
    }
    for (int32_t i = 0; i < op->n_rest; i++) {
        p->from[op->n_keys + i] = left;
        p->column[op->n_keys + i] = op->rest[i];
    }
    for (int32_t i = 0; i < op->n_rest2; i++) {
        p->from[op->n_keys + op->n_rest + i] = right;
        p->column[op->n_keys + op->n_rest + i] = op->rest2[i];
    }
    int32_t n = op->n_keys + op->n_rest + op->n_rest2;
    if (n < sl_schema_columns(p->out)) {
        p->from[n] = keys;
        p->column[n] = sl_schema_columns(sl_batch_schema(keys)) - 1;
    }
    sl_batch *out = NULL;
    SL_TRY(sli_batch_project(p->out, p->from, p->column, &out, err));
    sl_code rc = p->push(p->ctx, out, err);
    sl_batch_unref(out);
    return rc;
}

sl_code sli_pairs_flush(sli_pairs *p, const sl_batch *left, sl_error *err)
{
    if (p->n == 0) {
        return SL_OK;
    }
    sl_batch *from_left = NULL, *from_right = NULL;
    int64_t n = p->n;
    p->n = 0;
    SL_TRY(sli_task_check(p->task, err));
    sl_code rc = sli_batch_take(left, p->left_rows, n, &from_left, err);
    rc = rc != SL_OK ? rc : sli_batch_take(p->right, p->right_rows, n, &from_right, err);
    rc = rc != SL_OK ? rc : sli_pairs_push(p, from_left, p->op->keys, from_left, from_right, err);
    sl_batch_unref(from_left);
    sl_batch_unref(from_right);
    return rc;
}
