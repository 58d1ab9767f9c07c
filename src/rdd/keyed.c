// keyed.c — rows by their key: what is known of where they lie, and a shuffle where nothing is.
//
// Spark's partitioner: an RDD whose rows lie by some columns carries the law by which they do
// (`lies`) and the operator that says which columns (`by`); the number of partitions is its own.
//
// There are two laws. By slot of the key's hash lies whatever operators by key move themselves, and
// all state: its partitions can change their number. By hash code (Spark's HashPartitioner) lies
// what partitionBy moved, whose point is that a program knows where a key is. All that an operator
// by key needs is that rows of equal keys lie together, so it takes rows as they lie by either law,
// and two sides by the same one; what it gives lies so too. Windows and state ask for slots.
//
// A partition's rows come in the same order whether they were moved or not, since all rows of a
// reduce partition would come from one map partition.
#include "rdd/rdd_int.h"

sli_cut sli_lies_by(const sl_rdd *rdd, const int32_t *keys, int32_t n_keys, int32_t n_partitions)
{
    bool so = rdd->by != NULL && rdd->n_partitions == n_partitions && rdd->by->n_by == n_keys &&
              memcmp(rdd->by->by, keys, (size_t)n_keys * sizeof *keys) == 0;
    return so ? rdd->lies : SLI_CUT_NONE;
}

bool sli_is_unique_by(const sl_rdd *rdd, const int32_t *keys, int32_t n_keys)
{
    return rdd->ops->unique_keys &&
           sli_lies_by(rdd, keys, n_keys, rdd->n_partitions) != SLI_CUT_NONE;
}

sl_code sli_op_by(sli_op *op, const int32_t *columns, int32_t n, sl_error *err)
{
    op->by = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof *op->by);
    if (op->by == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *op->by, "key columns");
    }
    for (int32_t i = 0; i < n; i++) {
        op->by[i] = columns == NULL ? i : columns[i];
    }
    op->n_by = n;
    return SL_OK;
}

sl_rdd *sli_rdd_by(sl_rdd *rdd, sli_cut law, sli_op *op)
{
    if (rdd != NULL && rdd->mistake == NULL && law != SLI_CUT_NONE && op->n_by > 0) {
        rdd->lies = law;
        rdd->by = sli_op_ref(op);
    }
    return rdd;
}

/// On `parent` by this law.
static sl_code make_dep(sl_rdd *parent, sli_cut law, const int32_t *keys, int32_t n_keys,
                        int32_t n_partitions, sli_dep *out, sl_error *err)
{
    sli_shuffle *shuffle = NULL;
    if (sli_lies_by(parent, keys, n_keys, n_partitions) != law) {
        shuffle =
            sli_shuffle_new(parent->runtime, parent, law, keys, n_keys, NULL, n_partitions, err);
        if (shuffle == NULL) {
            return SL_E_NOMEM;
        }
    }
    *out = (sli_dep){.kind = shuffle == NULL ? SLI_DEP_NARROW : SLI_DEP_SHUFFLE,
                     .parent = sl_rdd_ref(parent),
                     .shuffle = shuffle};
    return SL_OK;
}

sl_code sli_keyed_dep(sl_rdd *parent, const int32_t *keys, int32_t n_keys, int32_t n_partitions,
                      sli_dep *out, sl_error *err)
{
    return make_dep(parent, SLI_CUT_HASH, keys, n_keys, n_partitions, out, err);
}

/// The law for two sides: one that spares a shuffle, when there is one.
static sli_cut law_of_sides(const sl_rdd *a, const sl_rdd *b, const sli_op *op, int32_t n)
{
    sli_cut law = sli_lies_by(a, op->keys, op->n_keys, n);
    law = law == SLI_CUT_NONE ? sli_lies_by(b, op->keys2, op->n_keys, n) : law;
    return law == SLI_CUT_NONE ? SLI_CUT_HASH : law;
}

/// On `a` by op->keys and on `b` by op->keys2.
static sl_code make_deps(sl_rdd *a, sl_rdd *b, sli_cut law, const sli_op *op, int32_t n_partitions,
                         sli_dep *out, sl_error *err)
{
    SL_TRY(make_dep(a, law, op->keys, op->n_keys, n_partitions, &out[0], err));
    sl_code rc = make_dep(b, law, op->keys2, op->n_keys, n_partitions, &out[1], err);
    if (rc != SL_OK) {
        sli_deps_free(out, 1);
        return rc;
    }
    if (out[0].shuffle != NULL) {
        out[0].shuffle->unique = op->unique;
    }
    if (out[1].shuffle != NULL) {
        out[1].shuffle->unique = op->unique2;
    }
    return SL_OK;
}

sl_rdd *sli_rdd_of_sides(sl_rdd *a, sl_rdd *b, const sli_rdd_ops *ops, sli_compile_fn compile,
                         const char *keys, int32_t n_partitions)
{
    if (a == NULL || b == NULL || a->mistake != NULL || b->mistake != NULL) {
        return sli_rdd_inherit(a, b);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    int32_t n = 0;
    sli_dep deps[2];
    sli_cut law = SLI_CUT_NONE;
    sli_op_key key = {
        .kind = ops->name, .text = keys == NULL ? "" : keys, .in = a->schema, .in2 = b->schema};
    sl_code rc =
        sli_partitions_check(a->runtime, n_partitions, SLI_MAX_HASH_PARTITIONS, &n, &error);
    rc = rc != SL_OK ? rc : sli_op_find(a->runtime, &key, compile, &op, &error);
    if (rc == SL_OK) {
        law = law_of_sides(a, b, op, n);
        rc = make_deps(a, b, law, op, n, deps, &error);
    }
    if (rc != SL_OK) {
        sli_op_unref(op);
        return sli_rdd_wrong(a->runtime, ops->name, &error);
    }
    return sli_rdd_by(sli_rdd_new(a->runtime, ops, op->out, n, deps, 2, op), law, op);
}

sl_rdd *sli_rdd_keyed(sl_rdd *parent, const sli_rdd_ops *ops, sli_op *op, sli_cut law,
                      int32_t n_partitions)
{
    sli_cut known = sli_lies_by(parent, op->keys, op->n_keys, n_partitions);
    if (known != SLI_CUT_NONE && (law == SLI_CUT_NONE || law == known)) {
        return sli_rdd_by(sli_rdd_narrow(parent, ops, op), known, op);
    }
    sl_error error = SL_ERROR_INIT;
    sli_shuffle *shuffle = NULL;
    law = law == SLI_CUT_NONE ? SLI_CUT_HASH : law;
    if (sli_shuffle_make(parent->runtime, parent, law, op, n_partitions, &shuffle, &error) !=
        SL_OK) {
        sli_op_unref(op);
        return sli_rdd_wrong(parent->runtime, ops->name, &error);
    }
    return sli_rdd_by(sli_rdd_wide(parent, ops, op->out, shuffle, op), law, op);
}

sl_code sli_dep_each(sl_rdd *rdd, int32_t dep, int32_t partition, sli_task *task, sli_push_fn push,
                     void *ctx, sl_error *err)
{
    const sli_dep *d = &rdd->deps[dep];
    if (d->kind == SLI_DEP_SHUFFLE) {
        return sli_shuffle_each(d->shuffle, partition, task, push, ctx, err);
    }
    sl_code rc = sli_rdd_each(d->parent, partition, task, push, ctx, err);
    task->source_from = -1; // what is made of them all has no place in the source
    return rc;
}

// ---------------------------------------------------------------- partitionBy

static sl_code compute_partition_by(sl_rdd *rdd, int32_t partition, sli_task *task,
                                    sli_push_fn push, void *ctx, sl_error *err)
{
    return sli_dep_each(rdd, 0, partition, task, push, ctx, err);
}

static const sli_rdd_ops partition_by_ops = {.name = "partitionBy",
                                             .compute = compute_partition_by,
                                             .free = sli_op_free_body,
                                             .keeps_empty = true};

static sl_code compile_partition_by(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_op_pair_keys(op, err));
    if (op->n_keys == 0) {
        return sl_error_set(err, SL_E_INVALID, "no key columns");
    }
    op->out = sl_schema_ref(op->in);
    return sli_op_by(op, op->keys, op->n_keys, err);
}

sl_rdd *sli_rdd_placed(sl_rdd *rdd, const char *keys)
{
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    if (rdd == NULL || rdd->mistake != NULL) {
        return rdd;
    }
    sli_op_key key = {.kind = partition_by_ops.name, .text = keys, .in = rdd->schema};
    sl_code rc = sli_op_find(rdd->runtime, &key, compile_partition_by, &op, &error);
    if (rc != SL_OK) {
        sl_rdd *wrong = sli_rdd_wrong(rdd->runtime, partition_by_ops.name, &error);
        sl_rdd_unref(rdd);
        return wrong;
    }
    (void)sli_rdd_by(rdd, SLI_CUT_HASH, op);
    sli_op_unref(op);
    return rdd;
}

static const sli_rdd_ops sorted_ops = {.name = "repartitionAndSortWithinPartitions",
                                       .compute = sli_compute_sort,
                                       .free = sli_op_free_body,
                                       .keeps_empty = true};

static sl_code compile_sorted(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    SL_TRY(compile_partition_by(runtime, op, err));
    return sli_order_parse(&op->order, sli_pair_second(op->text), op->in, err);
}

static sl_rdd *define(sl_rdd *rdd, const sli_rdd_ops *ops, sli_compile_fn compile, sli_cut law,
                      const char *keys, const char *order, int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    int32_t n = 0;
    sli_pair pair;
    const char *text = sli_pair_make(&pair, keys, order);
    sl_code rc = text == NULL ? sl_error_nomem(&error, 0, "a definition")
                              : sli_partitions_check(rdd->runtime, n_partitions,
                                                     SLI_MAX_HASH_PARTITIONS, &n, &error);
    sli_op_key key = {.kind = ops->name, .text = text, .in = rdd->schema};
    rc = rc != SL_OK ? rc : sli_op_find(rdd->runtime, &key, compile, &op, &error);
    sli_pair_reset(&pair);
    return rc == SL_OK ? sli_rdd_keyed(rdd, ops, op, law, n)
                       : sli_rdd_wrong(rdd->runtime, ops->name, &error);
}

sl_rdd *sl_rdd_partition_by(sl_rdd *rdd, const char *keys, int32_t n_partitions)
{
    return define(rdd, &partition_by_ops, compile_partition_by, SLI_CUT_CODE, keys, NULL,
                  n_partitions);
}

sl_rdd *sli_rdd_by_slot(sl_rdd *rdd, const char *keys, int32_t n_partitions)
{
    return define(rdd, &partition_by_ops, compile_partition_by, SLI_CUT_HASH, keys, NULL,
                  n_partitions);
}

sl_rdd *sl_rdd_partition_by_sorted(sl_rdd *rdd, const char *keys, const char *order,
                                   int32_t n_partitions)
{
    return define(rdd, &sorted_ops, compile_sorted, SLI_CUT_CODE, keys, order == NULL ? "" : order,
                  n_partitions);
}
