// sets.c — intersection, subtract, subtractByKey: rows of the left side that have, or don't have,
// their like on the right. Of the right side only the keys are kept; the left side streams by, so
// its order stays.
#include "rdd/rdd_int.h"

typedef struct sieve {
    const sli_op *op;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    bool wanted;        ///< rows that have their like pass, once each; else those that have none
    sli_groups *groups; ///< of the right side; NULL: it has no rows
    bool *passed;       ///< by group: a row of it went on
    sli_numbers group;
    sli_weight weight;
} sieve;

static sl_code push_right(void *ctx, sl_batch *batch, sl_error *err)
{
    sieve *s = ctx;
    if (s->groups == NULL) {
        SL_TRY(sli_groups_new(&s->groups, s->op->in2, s->op->keys2, s->op->n_keys, err));
    }
    SL_TRY(sli_numbers_room(&s->group, sl_batch_rows(batch), err));
    SL_TRY(sli_groups_add(s->groups, batch, NULL, s->group.at, err));
    sli_weight_set(&s->weight, sli_groups_bytes(s->groups));
    return SL_OK;
}

/// group[0..n): numbers of the rows that pass. Returns their number.
static int64_t sift(sieve *s, int64_t n)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        int32_t g = s->group.at[i];
        bool passes = (g >= 0) == s->wanted && (g < 0 || !s->passed[g]);
        if (passes && g >= 0) {
            s->passed[g] = true;
        }
        if (passes) {
            s->group.at[kept++] = (int32_t)i; // never ahead of what is read
        }
    }
    return kept;
}

static sl_code push_left(void *ctx, sl_batch *batch, sl_error *err)
{
    sieve *s = ctx;
    int64_t n = sl_batch_rows(batch);
    SL_TRY(sli_numbers_room(&s->group, n, err));
    SL_TRY(sli_groups_find(s->groups, batch, s->op->keys, s->group.at, err));
    int64_t kept = sift(s, n);
    if (kept == n) {
        return s->push(s->ctx, batch, err);
    }
    return kept == 0 ? SL_OK
                     : sli_push_rows(batch, s->group.at, kept, s->task, s->push, s->ctx, err);
}

static sl_code pass_left(sieve *s, sl_rdd *rdd, int32_t partition, sl_error *err)
{
    if (s->groups == NULL) { // nothing on the right: all rows pass, or none
        return s->wanted ? SL_OK : sli_dep_each(rdd, 0, partition, s->task, s->push, s->ctx, err);
    }
    int64_t n = sli_groups_count(s->groups);
    s->passed = sl_alloc_array(SLI_TAG_RDD, (size_t)n, sizeof *s->passed);
    return s->passed == NULL
               ? sl_error_nomem(err, (size_t)n * sizeof *s->passed, "the rows of a set")
               : sli_dep_each(rdd, 0, partition, s->task, push_left, s, err);
}

static sl_code run_sieve(bool wanted, sl_rdd *rdd, int32_t partition, sli_task *task,
                         sli_push_fn push, void *ctx, sl_error *err)
{
    sieve s = {.op = rdd->body,
               .task = task,
               .push = push,
               .ctx = ctx,
               .wanted = wanted,
               .weight = {.budget = task->runtime->budget}};
    sl_code rc = sli_dep_each(rdd, 1, partition, task, push_right, &s, err);
    rc = rc != SL_OK ? rc : pass_left(&s, rdd, partition, err);
    if (s.groups != NULL) {
        sli_groups_free(s.groups);
    }
    sl_free(s.passed);
    sli_numbers_reset(&s.group);
    sli_weight_set(&s.weight, 0);
    return rc;
}

static sl_code compute_intersection(sl_rdd *rdd, int32_t partition, sli_task *task,
                                    sli_push_fn push, void *ctx, sl_error *err)
{
    return run_sieve(true, rdd, partition, task, push, ctx, err);
}

static sl_code compute_subtract(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                void *ctx, sl_error *err)
{
    return run_sieve(false, rdd, partition, task, push, ctx, err);
}

static const sli_rdd_ops intersection_ops = {.name = "intersection",
                                             .compute = compute_intersection,
                                             .free = sli_op_free_body,
                                             .keeps_empty = true};
static const sli_rdd_ops subtract_ops = {
    .name = "subtract", .compute = compute_subtract, .free = sli_op_free_body, .keeps_empty = true};
static const sli_rdd_ops by_key_ops = {.name = "subtractByKey",
                                       .compute = compute_subtract,
                                       .free = sli_op_free_body,
                                       .keeps_empty = true};

// ---------------------------------------------------------------- definition

static sl_code compile_subtract(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_schemas_check(op->in, op->in2, err));
    SL_TRY(sli_op_all_keys(op, op->in, &op->keys, err));
    SL_TRY(sli_op_all_keys(op, op->in2, &op->keys2, err));
    op->unique2 = true;
    op->out = sl_schema_ref(op->in);
    return sli_op_by(op, op->keys, op->n_keys, err);
}

static sl_code compile_intersection(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    op->unique = true;
    return compile_subtract(runtime, op, err);
}

static sl_code compile_by_key(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_join_keys(op, err));
    op->unique2 = true;
    op->out = sl_schema_ref(op->in);
    return sli_op_by(op, op->keys, op->n_keys, err);
}

sl_rdd *sl_rdd_intersection(sl_rdd *a, sl_rdd *b, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &intersection_ops, compile_intersection, NULL, n_partitions);
}

sl_rdd *sl_rdd_subtract(sl_rdd *a, sl_rdd *b, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &subtract_ops, compile_subtract, NULL, n_partitions);
}

sl_rdd *sl_rdd_subtract_by_key(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &by_key_ops, compile_by_key, keys, n_partitions);
}
