// outer.c — left, right and full outer joins. The right side's rows of the partition are kept by
// key, the left side streams by: a left row without a match is paired with nulls where it stands;
// right rows that nobody matched come at the end, in their order of arrival.
#include "rdd/rdd_int.h"

typedef struct outer {
    sli_pairs pairs;
    const sli_index *index;
    bool keep_left, keep_right;
    sl_batch *right;   ///< the index's rows under a schema that allows nulls, without positions
    sli_numbers group; ///< of the left batch's rows
    bool *matched;     ///< by group of the index
} outer;

static sl_code add_pair(outer *o, const sl_batch *left, int32_t l, int32_t r, sl_error *err)
{
    sli_pairs *p = &o->pairs;
    p->left_rows[p->n] = l;
    p->right_rows[p->n++] = r;
    return p->n == SLI_BATCH_ROWS ? sli_pairs_flush(p, left, err) : SL_OK;
}

static sl_code push_left(void *ctx, sl_batch *batch, sl_error *err)
{
    outer *o = ctx;
    const sli_index *x = o->index;
    int64_t n = sl_batch_rows(batch);
    SL_TRY(sli_numbers_room(&o->group, n, err));
    SL_TRY(sli_groups_find(x->groups, batch, o->pairs.op->keys, o->group.at, err));
    for (int64_t i = 0; i < n; i++) {
        int32_t g = o->group.at[i];
        if (g < 0) {
            SL_TRY(o->keep_left ? add_pair(o, batch, (int32_t)i, -1, err) : SL_OK);
            continue;
        }
        o->matched[g] = true;
        for (int32_t row = x->first[g]; row >= 0; row = x->following[row]) {
            SL_TRY(add_pair(o, batch, (int32_t)i, row, err));
        }
    }
    return sli_pairs_flush(&o->pairs, batch, err);
}

// ---------------------------------------------------------------- right rows without a match

/// rows[0..*n) = numbers of the right rows whose key no left row has, in order.
static sl_code unmatched_rows(const outer *o, int32_t **rows, int64_t *n, sl_error *err)
{
    const sli_index *x = o->index;
    int64_t all = sl_batch_rows(x->rows);
    int32_t *list = sl_alloc(SLI_TAG_RDD, (size_t)(all + 1) * sizeof *list);
    if (list == NULL) {
        return sl_error_nomem(err, (size_t)all * sizeof *list, "rows without a match");
    }
    for (int64_t g = 0; g < sli_groups_count(x->groups); g++) { // -1 marks what has one
        for (int32_t row = x->first[g]; row >= 0; row = x->following[row]) {
            list[row] = o->matched[g] ? -1 : row;
        }
    }
    *n = 0;
    for (int64_t i = 0; i < all; i++) {
        if (list[i] >= 0) {
            list[(*n)++] = list[i];
        }
    }
    *rows = list;
    return SL_OK;
}

static sl_code push_right_rows(outer *o, const sl_batch *nothing, const int32_t *rows,
                               const int32_t *no_rows, int64_t n, sl_error *err)
{
    sl_batch *right = NULL, *left = NULL, *keys = NULL;
    SL_TRY(sli_task_check(o->pairs.task, err));
    SL_TRY(sli_batch_take(o->right, rows, n, &right, err));
    sl_code rc = sli_batch_take(nothing, no_rows, n, &left, err);
    rc = rc != SL_OK ? rc : sli_batch_take(o->index->rows, rows, n, &keys, err);
    rc = rc != SL_OK ? rc : sli_pairs_push(&o->pairs, keys, o->pairs.op->keys2, left, right, err);
    sl_batch_unref(keys);
    sl_batch_unref(left);
    sl_batch_unref(right);
    return rc;
}

static sl_code push_unmatched(outer *o, sl_error *err)
{
    sl_batch *nothing = NULL; // of which rows of nulls are taken
    int32_t *rows = NULL, no_rows[SLI_BATCH_ROWS];
    int64_t n = 0;
    memset(no_rows, -1, sizeof no_rows);
    SL_TRY(unmatched_rows(o, &rows, &n, err));
    sl_code rc = sli_batch_empty(o->pairs.op->made, &nothing, err);
    for (int64_t i = 0; rc == SL_OK && i < n; i += SLI_BATCH_ROWS) {
        int64_t step = n - i < SLI_BATCH_ROWS ? n - i : SLI_BATCH_ROWS;
        rc = push_right_rows(o, nothing, rows + i, no_rows, step, err);
    }
    sl_batch_unref(nothing);
    sl_free(rows);
    return rc;
}

// ---------------------------------------------------------------- one share

static sl_code join_index(outer *o, const sli_portion *share, sl_error *err)
{
    const sli_op *op = share->rdd->body;
    const sl_batch *rows = o->index->rows;
    int64_t groups = sli_groups_count(o->index->groups);
    o->matched = sl_alloc_array(SLI_TAG_RDD, (size_t)groups + 1, sizeof *o->matched);
    if (o->matched == NULL) {
        return sl_error_nomem(err, (size_t)groups * sizeof *o->matched, "the keys of a join");
    }
    SL_TRY(share->level > 0 ? sli_bins_strip(&share->bins[1], op->values, rows, &o->right, err)
                            : sli_batch_rename(rows, op->values, &o->right, err));
    o->pairs.right = o->right;
    SL_TRY(sli_pairs_start(&o->pairs, err));
    SL_TRY(sli_portion_each(share, 0, push_left, o, err));
    return o->keep_right ? push_unmatched(o, err) : SL_OK;
}

static sl_code join_held(bool left, bool right, sli_sides *sides, sli_push_fn push, void *ctx,
                         sl_error *err)
{
    const sli_portion *share = sides->share;
    const sli_op *op = share->rdd->body;
    sli_index *index = NULL;
    sl_batch *rows = NULL;
    SL_TRY(sli_sides_take(sides, 1, &rows, err));
    sl_code rc = sli_index_new(&index, op->keys2, op->n_keys, rows, err);
    sl_batch_unref(rows);
    if (rc == SL_OK) {
        sli_weight_set(&sides->weight, sli_index_bytes(index));
        outer o = {
            .pairs = {.op = op, .out = share->out, .task = share->task, .push = push, .ctx = ctx},
            .index = index,
            .keep_left = left,
            .keep_right = right};
        rc = join_index(&o, share, err);
        sli_numbers_reset(&o.group);
        sl_free(o.matched);
        sl_batch_unref(o.right);
    }
    sli_index_free(index);
    return rc;
}

static sl_code join_share(bool left, bool right, sli_portion_fn again, const sli_portion *share,
                          sli_push_fn push, void *ctx, sl_error *err)
{
    sli_sides sides = {.share = share};
    sl_code rc = sli_sides_gather(&sides, 1, err);
    if (rc == SL_OK) {
        rc = sides.in_bins ? sli_sides_run(&sides, again, push, ctx, err)
                           : join_held(left, right, &sides, push, ctx, err);
    }
    sli_sides_reset(&sides);
    return rc;
}

#define OUTER(side, text, left, right)                                                             \
    static sl_code run_##side(const sli_portion *share, sli_push_fn push, void *ctx,               \
                              sl_error *err)                                                       \
    {                                                                                              \
        return join_share(left, right, run_##side, share, push, ctx, err);                         \
    }                                                                                              \
    static sl_code compute_##side(sl_rdd *rdd, int32_t partition, sli_task *task,                  \
                                  sli_push_fn push, void *ctx, sl_error *err)                      \
    {                                                                                              \
        return sli_portion_run(rdd, partition, task, run_##side, push, ctx, err);                  \
    }                                                                                              \
    static const sli_rdd_ops side##_ops = {                                                        \
        .name = text, .compute = compute_##side, .free = sli_op_free_body, .keeps_empty = true};
OUTER(left, "leftOuterJoin", true, false)
OUTER(right, "rightOuterJoin", false, true)
OUTER(full, "fullOuterJoin", true, true)

// ---------------------------------------------------------------- definition

static sl_code compile_outer(sli_op *op, sli_form left, sli_form right, sl_error *err)
{
    SL_TRY(sli_join_keys(op, err));
    SL_TRY(sli_op_sides(op, err));
    SL_TRY(sli_op_by(op, NULL, op->n_keys, err));
    SL_TRY(sli_schema_nullable(op->in, &op->made, err));
    SL_TRY(sli_schema_nullable(op->in2, &op->values, err));
    return sli_schema_sides(op, left, right, &op->out, err);
}

#define COMPILE(name, left, right)                                                                 \
    static sl_code name(sli_runtime *runtime, sli_op *op, sl_error *err)                           \
    {                                                                                              \
        (void)runtime;                                                                             \
        return compile_outer(op, left, right, err);                                                \
    }
COMPILE(compile_left, SLI_AS_IT_IS, SLI_NULLABLE)
COMPILE(compile_right, SLI_NULLABLE, SLI_AS_IT_IS)
COMPILE(compile_full, SLI_NULLABLE, SLI_NULLABLE)

sl_rdd *sl_rdd_left_outer_join(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &left_ops, compile_left, keys, n_partitions);
}

sl_rdd *sl_rdd_right_outer_join(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &right_ops, compile_right, keys, n_partitions);
}

sl_rdd *sl_rdd_full_outer_join(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &full_ops, compile_full, keys, n_partitions);
}
