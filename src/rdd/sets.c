// sets.c — intersection, subtract, subtractByKey: rows of the left side that have, or don't have,
// their like on the right. The right side's rows of the partition, or of a bin of it, are held by
// key; the left side streams by, so its order stays.
#include "rdd/rdd_int.h"

typedef struct sieve {
    const sli_op *op;
    const sli_portion *share;
    sli_push_fn push;
    void *ctx;
    bool wanted;        ///< rows that have their like pass, once each; else those that have none
    sli_groups *groups; ///< of the right side
    bool *passed;       ///< by group: a row of it went on
    sli_numbers group;
} sieve;

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
    return kept == 0
               ? SL_OK
               : sli_push_rows(batch, s->group.at, kept, s->share->task, s->push, s->ctx, err);
}

static sl_code number_right(sieve *s, const sl_batch *right, sl_error *err)
{
    SL_TRY(sli_groups_new(&s->groups, sl_batch_schema(right), s->op->keys2, s->op->n_keys, err));
    SL_TRY(sli_numbers_room(&s->group, sl_batch_rows(right), err));
    SL_TRY(sli_groups_add(s->groups, right, NULL, s->group.at, err));
    int64_t n = sli_groups_count(s->groups);
    s->passed = sl_alloc_array(SLI_TAG_RDD, (size_t)n, sizeof *s->passed);
    return s->passed == NULL
               ? sl_error_nomem(err, (size_t)n * sizeof *s->passed, "the rows of a set")
               : SL_OK;
}

static sl_code pass_left(sieve *s, const sl_batch *right, sl_error *err)
{
    if (sl_batch_rows(right) == 0) { // all rows pass, or none
        return s->wanted ? SL_OK : sli_portion_each(s->share, 0, s->push, s->ctx, err);
    }
    SL_TRY(number_right(s, right, err));
    return sli_portion_each(s->share, 0, push_left, s, err);
}

static sl_code sift_held(bool wanted, sli_sides *sides, sli_push_fn push, void *ctx, sl_error *err)
{
    sl_batch *right = NULL;
    SL_TRY(sli_sides_take(sides, 1, &right, err));
    sieve s = {.op = sides->share->rdd->body,
               .share = sides->share,
               .push = push,
               .ctx = ctx,
               .wanted = wanted};
    sl_code rc = pass_left(&s, right, err);
    if (s.groups != NULL) {
        sli_groups_free(s.groups);
    }
    sl_free(s.passed);
    sli_numbers_reset(&s.group);
    sl_batch_unref(right);
    return rc;
}

static sl_code sift_share(bool wanted, sli_portion_fn again, const sli_portion *share,
                          sli_push_fn push, void *ctx, sl_error *err)
{
    sli_sides sides = {.share = share};
    sl_code rc = sli_sides_gather(&sides, 1, err);
    if (rc == SL_OK) {
        rc = sides.in_bins ? sli_sides_run(&sides, again, push, ctx, err)
                           : sift_held(wanted, &sides, push, ctx, err);
    }
    sli_sides_reset(&sides);
    return rc;
}

static sl_code intersect_share(const sli_portion *share, sli_push_fn push, void *ctx, sl_error *err)
{
    return sift_share(true, intersect_share, share, push, ctx, err);
}

static sl_code subtract_share(const sli_portion *share, sli_push_fn push, void *ctx, sl_error *err)
{
    return sift_share(false, subtract_share, share, push, ctx, err);
}

static sl_code compute_intersection(sl_rdd *rdd, int32_t partition, sli_task *task,
                                    sli_push_fn push, void *ctx, sl_error *err)
{
    return sli_portion_run(rdd, partition, task, intersect_share, push, ctx, err);
}

static sl_code compute_subtract(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                void *ctx, sl_error *err)
{
    return sli_portion_run(rdd, partition, task, subtract_share, push, ctx, err);
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

/// The columns of `b` that matter, when it has others and its rows have to be moved; else NULL.
static sl_rdd *keys_alone(sl_rdd *b, const char *keys)
{
    int32_t columns[SLI_ORDER_COLUMNS], n = 0;
    if (b == NULL || b->mistake != NULL || b->by != NULL || keys == NULL ||
        sli_columns_parse(keys, b->schema, columns, &n, NULL) != SL_OK ||
        n == sl_schema_columns(b->schema)) {
        return NULL;
    }
    return sl_rdd_select(b, keys); // names of columns are expressions
}

sl_rdd *sl_rdd_subtract_by_key(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions)
{
    sl_rdd *right = keys_alone(b, keys);
    sl_rdd *rdd = sli_rdd_of_sides(a, right == NULL ? b : right, &by_key_ops, compile_by_key, keys,
                                   n_partitions);
    sl_rdd_unref(right);
    return rdd;
}
