// glom.c — glom: each partition as one row of lists.
#include "rdd/rdd_int.h"

static void put_list(const sli_rows *held, int32_t column, sl_builder *out)
{
    sl_builder_list_begin(out, column);
    for (int32_t b = 0; b < held->n; b++) {
        const sl_column *cells = sl_batch_column(held->batches[b], column);
        for (int64_t i = 0; i < cells->n_rows; i++) {
            sl_builder_cell(out, column, cells, i);
        }
    }
    sl_builder_list_end(out, column);
}

static sl_code push_lists(const sli_op *op, const sli_rows *held, sli_push_fn push, void *ctx,
                          sl_error *err)
{
    sl_builder *builder = NULL;
    sl_batch *row = NULL;
    SL_TRY(sli_rows_fit(held, err));
    SL_TRY(sl_builder_new(&builder, op->out, err));
    for (int32_t i = 0; i < sl_schema_columns(op->out); i++) {
        put_list(held, i, builder);
    }
    sl_code rc = sl_builder_finish(builder, &row, err);
    rc = rc != SL_OK ? rc : push(ctx, row, err);
    sl_batch_unref(row);
    sl_builder_free(builder);
    return rc;
}

static sl_code compute_glom(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    sli_rows held = {0};
    sli_weight weight = {.budget = task->runtime->budget};
    sl_code rc = sli_dep_each(rdd, 0, partition, task, sli_rows_push, &held, err);
    if (rc == SL_OK) {
        sli_weight_set(&weight, held.bytes);
        rc = push_lists(rdd->body, &held, push, ctx, err);
    }
    sli_rows_reset(&held);
    sli_weight_set(&weight, 0);
    return rc;
}

static const sli_rdd_ops glom_ops = {
    .name = "glom", .compute = compute_glom, .free = sli_op_free_body};

static sl_code compile_glom(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    return sli_schema_grouped(op->in, NULL, 0, &op->out, err);
}

sl_rdd *sl_rdd_glom(sl_rdd *rdd)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {.kind = glom_ops.name, .in = rdd->schema};
    sl_code rc = sli_op_find(rdd->runtime, &key, compile_glom, &op, &error);
    return rc == SL_OK ? sli_rdd_narrow(rdd, &glom_ops, op)
                       : sli_rdd_wrong(rdd->runtime, glom_ops.name, &error);
}
