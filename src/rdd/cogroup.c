// cogroup.c — cogroup: one row a key that either side has, with a list for each other column of
// both. Both sides of the partition, or of a bin of it, are held once, keys are numbered over both
// (those of the left first), and each side's lists are built as groupByKey's are.
#include "rdd/rdd_int.h"

enum { MAX_CELLS = 16 * SLI_BATCH_ROWS }; // as groupByKey's

typedef struct cogroup_side {
    const int32_t *keys, *rest;
    int32_t n_rest;
    sl_batch *rows;
    int32_t *group;
    sli_by_group sorted;
} cogroup_side;

typedef struct cogroup {
    const sli_op *op;
    const sli_portion *share;
    cogroup_side sides[2];
    sli_groups *groups;
    sl_builder *builder;
} cogroup;

/// The keys of a side's rows, as columns of the result.
static sl_code keys_of(const sli_op *op, const cogroup_side *side, sl_batch **out, sl_error *err)
{
    const sl_batch *from[64];
    for (int32_t i = 0; i < op->n_keys; i++) {
        from[i] = side->rows;
    }
    return sli_batch_project(op->made, from, side->keys, out, err);
}

static sl_code number_keys(cogroup *c, cogroup_side *side, sl_error *err)
{
    sl_batch *keys = NULL;
    int64_t n = sl_batch_rows(side->rows);
    side->group = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof *side->group);
    if (side->group == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *side->group, "the rows of a cogroup");
    }
    if (n == 0) {
        return SL_OK;
    }
    SL_TRY(keys_of(c->op, side, &keys, err));
    sl_code rc = sli_groups_add(c->groups, keys, NULL, side->group, err);
    sl_batch_unref(keys);
    return rc;
}

static int64_t cells_in(const cogroup_side *side, int64_t from, int64_t to)
{
    return side->sorted.from[to] - side->sorted.from[from];
}

static int64_t cells_of(const cogroup *c, int64_t from, int64_t to)
{
    return cells_in(&c->sides[0], from, to) + cells_in(&c->sides[1], from, to);
}

/// Of the first row that has the key.
static void put_positions(const cogroup *c, int64_t from, int64_t to, int32_t at)
{
    for (int64_t g = from; g < to; g++) {
        const cogroup_side *side = &c->sides[cells_in(&c->sides[0], g, g + 1) > 0 ? 0 : 1];
        sli_by_group_positions(&side->sorted, side->rows, g, g + 1, c->builder, at);
    }
}

static sl_code emit_range(cogroup *c, int64_t from, int64_t to, sli_push_fn push, void *ctx,
                          sl_error *err)
{
    int32_t at = c->op->n_keys;
    SL_TRY(sli_groups_keys(c->groups, from, to - from, c->builder, 0, err));
    for (int32_t s = 0; s < 2; s++) {
        const cogroup_side *side = &c->sides[s];
        for (int32_t i = 0; i < side->n_rest; i++) {
            sli_by_group_lists(&side->sorted, sl_batch_column(side->rows, side->rest[i]), from, to,
                               c->builder, at++);
        }
    }
    if (c->share->level > 0) {
        put_positions(c, from, to, at);
    }
    sl_batch *batch = NULL;
    SL_TRY(sl_builder_finish(c->builder, &batch, err));
    sl_code rc = push(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code emit(cogroup *c, sli_push_fn push, void *ctx, sl_error *err)
{
    int64_t n = sli_groups_count(c->groups);
    for (int32_t s = 0; s < 2; s++) {
        cogroup_side *side = &c->sides[s];
        SL_TRY(sli_by_group_sort(side->group, sl_batch_rows(side->rows), n, &side->sorted, err));
    }
    SL_TRY(sl_builder_new(&c->builder, c->share->out, err));
    for (int64_t from = 0, to = 0; from < n; from = to) {
        SL_TRY(sli_task_check(c->share->task, err));
        while (to < n && to - from < SLI_BATCH_ROWS && cells_of(c, from, to) < MAX_CELLS) {
            to++;
        }
        SL_TRY(emit_range(c, from, to, push, ctx, err));
    }
    return SL_OK;
}

static sl_code group_sides(cogroup *c, sli_push_fn push, void *ctx, sl_error *err)
{
    int32_t first[64];
    for (int32_t i = 0; i < c->op->n_keys; i++) {
        first[i] = i;
    }
    SL_TRY(sli_groups_new(&c->groups, c->op->made, first, c->op->n_keys, err));
    SL_TRY(number_keys(c, &c->sides[0], err));
    SL_TRY(number_keys(c, &c->sides[1], err));
    return emit(c, push, ctx, err);
}

static void reset(cogroup *c)
{
    for (int32_t s = 0; s < 2; s++) {
        sl_batch_unref(c->sides[s].rows);
        sl_free(c->sides[s].group);
        sli_by_group_reset(&c->sides[s].sorted);
    }
    if (c->groups != NULL) {
        sli_groups_free(c->groups);
    }
    sl_builder_free(c->builder);
}

static sl_code group_held(sli_sides *held, sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_op *op = held->share->rdd->body;
    cogroup c = {.op = op,
                 .share = held->share,
                 .sides = {{.keys = op->keys, .rest = op->rest, .n_rest = op->n_rest},
                           {.keys = op->keys2, .rest = op->rest2, .n_rest = op->n_rest2}}};
    sl_code rc = sli_sides_take(held, 0, &c.sides[0].rows, err);
    rc = rc != SL_OK ? rc : sli_sides_take(held, 1, &c.sides[1].rows, err);
    if (rc == SL_OK && sl_batch_rows(c.sides[0].rows) + sl_batch_rows(c.sides[1].rows) > 0) {
        rc = group_sides(&c, push, ctx, err);
    }
    reset(&c);
    return rc;
}

static sl_code cogroup_share(const sli_portion *share, sli_push_fn push, void *ctx, sl_error *err)
{
    sli_sides sides = {.share = share};
    sl_code rc = sli_sides_gather(&sides, 0, err);
    rc = rc != SL_OK ? rc : sli_sides_gather(&sides, 1, err);
    if (rc == SL_OK) {
        rc = sides.in_bins ? sli_sides_run(&sides, cogroup_share, push, ctx, err)
                           : group_held(&sides, push, ctx, err);
    }
    sli_sides_reset(&sides);
    return rc;
}

static sl_code compute_cogroup(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                               void *ctx, sl_error *err)
{
    return sli_portion_run(rdd, partition, task, cogroup_share, push, ctx, err);
}

static const sli_rdd_ops cogroup_ops = {
    .name = "cogroup", .compute = compute_cogroup, .free = sli_op_free_body, .keeps_empty = true};

/// op->made: the keys, which may come from either side.
static sl_code compile_cogroup(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_join_keys(op, err));
    SL_TRY(sli_op_sides(op, err));
    SL_TRY(sli_op_by(op, NULL, op->n_keys, err));
    SL_TRY(sli_schema_sides(op, SLI_LISTS, SLI_LISTS, &op->out, err));
    return sli_schema_picked(op->out, op->by, op->n_keys, &op->made, err);
}

sl_rdd *sl_rdd_cogroup(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions)
{
    return sli_rdd_of_sides(a, b, &cogroup_ops, compile_cogroup, keys, n_partitions);
}
