// reduce.c — reduceByKey, combineByKey, countByValue, reduce, aggregate: definitions; repartition
// and count. What the aggregations compute is in merger.c.
#include "rdd/rdd_int.h"

// ---------------------------------------------------------------- aggregations

static const sli_rdd_ops by_key_ops = {.name = "reduceByKey",
                                       .compute = sli_compute_merger,
                                       .free = sli_op_free_body,
                                       .keeps_empty = true,
                                       .unique_keys = true};
static const sli_rdd_ops combine_ops = {.name = "combineByKey",
                                        .compute = sli_compute_merger,
                                        .free = sli_op_free_body,
                                        .keeps_empty = true,
                                        .unique_keys = true};
static const sli_rdd_ops by_value_ops = {.name = "countByValue",
                                         .compute = sli_compute_merger,
                                         .free = sli_op_free_body,
                                         .keeps_empty = true};
static const sli_rdd_ops aggregate_ops = {
    .name = "aggregate", .compute = sli_compute_merger_always, .free = sli_op_free_body};
static const sli_rdd_ops reduce_ops = {
    .name = "reduce", .compute = sli_compute_merger, .free = sli_op_free_body, .keeps_empty = true};

static sl_code compile_reduce(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    SL_TRY(sli_op_pair_keys(op, err));
    SL_TRY(sli_agg_plan_new(&op->plan, sli_pair_second(op->text), op->in, op->keys, op->n_keys,
                            runtime->aggregations, err));
    op->out = sl_schema_ref(sli_agg_plan_result(op->plan));
    return sli_op_by(op, NULL, op->n_keys, err);
}

static sl_code compile_raw(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    op->raw = true;
    return compile_reduce(runtime, op, err);
}

static sl_rdd *behind_shuffle(sl_rdd *rdd, const sli_rdd_ops *ops, sli_cut cut, sli_op *op,
                              int32_t n_out)
{
    sl_error error = SL_ERROR_INIT;
    sli_shuffle *shuffle = NULL;
    if (sli_shuffle_make(rdd->runtime, rdd, cut, op, n_out, &shuffle, &error) != SL_OK) {
        sli_op_unref(op);
        return sli_rdd_wrong(rdd->runtime, ops->name, &error);
    }
    return sli_rdd_wide(rdd, ops, op->out, shuffle, op);
}

/// `kind` finds the operator again and `compile` makes it.
static sl_rdd *define_reduce(sl_rdd *rdd, const sli_rdd_ops *ops, const char *kind,
                             sli_compile_fn compile, const char *keys, const char *aggregations,
                             int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sli_pair pair;
    const char *text = sli_pair_make(&pair, keys, aggregations == NULL ? "" : aggregations);
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    int32_t n = 0;
    sl_code rc = text == NULL ? sl_error_nomem(&error, 0, "a definition") : SL_OK;
    rc = rc != SL_OK ? rc
                     : sli_partitions_check(rdd->runtime, n_partitions, SLI_MAX_HASH_PARTITIONS, &n,
                                            &error);
    sli_op_key key = {.kind = kind, .text = text, .in = rdd->schema};
    rc = rc != SL_OK ? rc : sli_op_find(rdd->runtime, &key, compile, &op, &error);
    sli_pair_reset(&pair);
    if (rc != SL_OK) {
        return sli_rdd_wrong(rdd->runtime, ops->name, &error);
    }
    return op->n_keys == 0 ? behind_shuffle(rdd, ops, SLI_CUT_ONE, op, 1)
                           : sli_rdd_keyed(rdd, ops, op, SLI_CUT_NONE, n);
}

sl_rdd *sl_rdd_reduce_by_key(sl_rdd *rdd, const char *keys, const char *aggregations,
                             int32_t n_partitions)
{
    return define_reduce(rdd, &by_key_ops, by_key_ops.name, compile_reduce, keys, aggregations,
                         n_partitions);
}

sl_rdd *sl_rdd_combine_by_key(sl_rdd *rdd, const char *keys, const char *aggregations,
                              bool map_side_combine, int32_t n_partitions)
{
    return map_side_combine ? define_reduce(rdd, &combine_ops, combine_ops.name, compile_reduce,
                                            keys, aggregations, n_partitions)
                            : define_reduce(rdd, &combine_ops, "combineByKey of rows", compile_raw,
                                            keys, aggregations, n_partitions);
}

sl_rdd *sli_rdd_reduce(sl_rdd *rdd, const char *aggregations)
{
    return define_reduce(rdd, &reduce_ops, reduce_ops.name, compile_reduce, "", aggregations, 1);
}

sl_rdd *sli_rdd_aggregate(sl_rdd *rdd, const char *aggregations)
{
    return define_reduce(rdd, &aggregate_ops, aggregate_ops.name, compile_reduce, "", aggregations,
                         1);
}

static sl_code compile_by_value(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    SL_TRY(sli_op_all_keys(op, op->in, &op->keys, err));
    SL_TRY(sli_agg_plan_new(&op->plan, "count() as count", op->in, op->keys, op->n_keys,
                            runtime->aggregations, err));
    op->out = sl_schema_ref(sli_agg_plan_result(op->plan));
    return sli_op_by(op, NULL, op->n_keys, err);
}

sl_rdd *sl_rdd_count_by_value(sl_rdd *rdd, int32_t n_partitions)
{
    return define_reduce(rdd, &by_value_ops, by_value_ops.name, compile_by_value, "", "",
                         n_partitions);
}

// ---------------------------------------------------------------- repartition

static sl_code compute_repartition(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                   void *ctx, sl_error *err)
{
    return sli_shuffle_each(rdd->deps[0].shuffle, partition, task, push, ctx, err);
}

static const sli_rdd_ops repartition_ops = {.name = "repartition",
                                            .compute = compute_repartition,
                                            .free = sli_op_free_body,
                                            .keeps_empty = true};

static sl_code compile_same(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime, (void)err;
    op->out = sl_schema_ref(op->in);
    return SL_OK;
}

sl_rdd *sl_rdd_repartition(sl_rdd *rdd, int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    int32_t n = 0;
    sli_op_key key = {.kind = repartition_ops.name, .in = rdd->schema};
    sl_code rc = sli_partitions_check(rdd->runtime, n_partitions, SLI_MAX_PARTITIONS, &n, &error);
    rc = rc != SL_OK ? rc : sli_op_find(rdd->runtime, &key, compile_same, &op, &error);
    return rc == SL_OK ? behind_shuffle(rdd, &repartition_ops, SLI_CUT_ROUND_ROBIN, op, n)
                       : sli_rdd_wrong(rdd->runtime, repartition_ops.name, &error);
}

// ---------------------------------------------------------------- count

static sl_code push_one_count(const sl_schema *schema, int64_t rows, sli_push_fn push, void *ctx,
                              sl_error *err)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    SL_TRY(sl_builder_new(&builder, schema, err));
    sl_builder_int64(builder, 0, rows);
    sl_code rc = sl_builder_finish(builder, &batch, err);
    sl_builder_free(builder);
    rc = rc != SL_OK ? rc : push(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code push_rows_counted(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    *(int64_t *)ctx += sl_batch_rows(batch);
    return SL_OK;
}

static sl_code push_counts_added(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        *(int64_t *)ctx += sl_column_int64(sl_batch_column(batch, 0), i);
    }
    return SL_OK;
}

static sl_code compute_rows(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    int64_t rows = 0;
    SL_TRY(sli_rdd_each(rdd->deps[0].parent, partition, task, push_rows_counted, &rows, err));
    return rows == 0 ? SL_OK : push_one_count(rdd->schema, rows, push, ctx, err);
}

static sl_code compute_count(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    int64_t rows = 0;
    SL_TRY(sli_shuffle_each(rdd->deps[0].shuffle, partition, task, push_counts_added, &rows, err));
    return push_one_count(rdd->schema, rows, push, ctx, err);
}

static const sli_rdd_ops rows_ops = {
    .name = "countRows", .compute = compute_rows, .free = sli_op_free_body};
static const sli_rdd_ops count_ops = {
    .name = "count", .compute = compute_count, .free = sli_op_free_body};

static sl_code compile_count(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    return sl_schema_parse(&op->out, "count int64", err);
}

sl_rdd *sli_rdd_count_parts(sl_rdd *rdd)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {.kind = count_ops.name};
    sl_code rc = sli_op_find(rdd->runtime, &key, compile_count, &op, &error);
    return rc == SL_OK ? sli_rdd_narrow(rdd, &rows_ops, op)
                       : sli_rdd_wrong(rdd->runtime, count_ops.name, &error);
}

sl_rdd *sli_rdd_count_rows(sl_rdd *rdd)
{
    sl_rdd *parts = sli_rdd_count_parts(rdd);
    if (parts == NULL || parts->mistake != NULL) {
        return parts;
    }
    sl_rdd *count = behind_shuffle(parts, &count_ops, SLI_CUT_ONE, sli_op_ref(parts->body), 1);
    sl_rdd_unref(parts);
    return count;
}
