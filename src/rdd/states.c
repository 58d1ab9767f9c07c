// states.c — aggregations in two halves: rows to one state a key, and states of several RDDs to
// results. Windows keep an epoch's states in place of its rows.
#include "rdd/rdd_int.h"

static sl_code compile_keys(sli_op *op, const sl_schema *rows, sl_error *err)
{
    size_t size = strcspn(op->text, "\n");
    if (size == 1 && op->text[0] == '*') {
        return sli_op_all_keys(op, rows, &op->keys, err);
    }
    char *keys = sl_strndup(SLI_TAG_RDD, op->text, size);
    if (keys == NULL) {
        return sl_error_nomem(err, size, "key columns");
    }
    sl_code rc = sli_op_keys(op, keys, rows, &op->keys, err);
    sl_free(keys);
    return rc;
}

static sl_code compile_plan(sli_runtime *runtime, sli_op *op, const sl_schema *rows, sl_error *err)
{
    SL_TRY(compile_keys(op, rows, err));
    SL_TRY(sli_agg_plan_new(&op->plan, sli_pair_second(op->text), rows, op->keys, op->n_keys,
                            runtime->aggregations, err));
    return sli_op_by(op, NULL, op->n_keys, err);
}

static sl_code compile_states(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    SL_TRY(compile_plan(runtime, op, op->in, err));
    op->emits_states = true;
    op->out = sl_schema_ref(sli_agg_plan_partial(op->plan));
    return SL_OK;
}

static sl_code compile_results(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    SL_TRY(compile_plan(runtime, op, op->in2, err));
    op->takes_states = true;
    op->out = sl_schema_ref(sli_agg_plan_result(op->plan));
    return SL_OK;
}

static const sli_rdd_ops states_ops = {.name = "aggregation states",
                                       .compute = sli_compute_merger,
                                       .free = sli_op_free_body,
                                       .keeps_empty = true};
static const sli_rdd_ops results_ops = {.name = "aggregation results",
                                        .compute = sli_compute_merger,
                                        .free = sli_op_free_body,
                                        .keeps_empty = true};
static const sli_rdd_ops always_ops = {
    .name = "aggregation results", .compute = sli_compute_merger_always, .free = sli_op_free_body};

/// The operator of either half. NULL: *wrong carries the mistake.
static sli_op *find(sl_rdd *rdd, const sli_rdd_ops *ops, sli_compile_fn compile,
                    const sl_schema *rows, const char *keys, const char *aggregations,
                    sl_rdd **wrong)
{
    sli_pair pair;
    sli_op *op = NULL;
    sl_error error = SL_ERROR_INIT;
    const char *text = sli_pair_make(&pair, keys == NULL ? "*" : keys, aggregations);
    sli_op_key key = {.kind = ops->name, .text = text, .in = rdd->schema, .in2 = rows};
    sl_code rc = text == NULL ? sl_error_nomem(&error, 0, "a definition")
                              : sli_op_find(rdd->runtime, &key, compile, &op, &error);
    sli_pair_reset(&pair);
    if (rc != SL_OK) {
        *wrong = sli_rdd_wrong(rdd->runtime, ops->name, &error);
        return NULL;
    }
    return op;
}

static sl_rdd *to_one(sl_rdd *rdd, sli_op *op)
{
    sl_error error = SL_ERROR_INIT;
    sli_shuffle *shuffle = NULL;
    if (sli_shuffle_make(rdd->runtime, rdd, SLI_CUT_ONE, op, 1, &shuffle, &error) != SL_OK) {
        sli_op_unref(op);
        return sli_rdd_wrong(rdd->runtime, states_ops.name, &error);
    }
    return sli_rdd_wide(rdd, &states_ops, op->out, shuffle, op);
}

sl_rdd *sli_rdd_states(sl_rdd *rdd, const char *keys, const char *aggregations,
                       int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    int32_t n = 0;
    sl_error error = SL_ERROR_INIT;
    sl_rdd *wrong = NULL;
    if (sli_partitions_check(rdd->runtime, n_partitions, SLI_MAX_HASH_PARTITIONS, &n, &error) !=
        SL_OK) {
        return sli_rdd_wrong(rdd->runtime, states_ops.name, &error);
    }
    sli_op *op = find(rdd, &states_ops, compile_states, NULL, keys, aggregations, &wrong);
    if (op == NULL) {
        return wrong;
    }
    if (op->n_keys > 0 && rdd->n_partitions == 1 && n == 1) {
        return sli_rdd_by(sli_rdd_narrow(rdd, &states_ops, op), SLI_CUT_HASH,
                          op); // one table, not two
    }
    return op->n_keys == 0 ? to_one(rdd, op) : sli_rdd_keyed(rdd, &states_ops, op, SLI_CUT_HASH, n);
}

sl_rdd *sli_rdd_of_states(sl_rdd *states, const sl_schema *rows, const char *keys,
                          const char *aggregations, bool always)
{
    if (states == NULL || states->mistake != NULL) {
        return sli_rdd_inherit(states, NULL);
    }
    sl_rdd *wrong = NULL;
    const sli_rdd_ops *ops = always ? &always_ops : &results_ops;
    sli_op *op = find(states, ops, compile_results, rows, keys, aggregations, &wrong);
    return op == NULL ? wrong : sli_rdd_by(sli_rdd_narrow(states, ops, op), SLI_CUT_HASH, op);
}
