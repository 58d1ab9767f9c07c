// group.c — groupByKey: all rows of a key in one row, as lists.
//
// Rows go over as they are, as in Spark: lists would not get smaller on the map side. The reduce
// side holds its partition once, or a bin of it (sides.c), numbers the keys, sorts row numbers by
// key without changing the order inside one, and builds the lists.
#include "rdd/rdd_int.h"

enum {
    MAX_CELLS = 16 * SLI_BATCH_ROWS
}; // of a batch's lists; a batch ends with the key that goes over it

sl_code sli_by_group_sort(const int32_t *group, int64_t n_rows, int64_t n_groups, sli_by_group *out,
                          sl_error *err)
{
    out->rows = sl_alloc(SLI_TAG_RDD, (size_t)(n_rows + 1) * sizeof *out->rows);
    out->from = sl_alloc_array(SLI_TAG_RDD, (size_t)n_groups + 2, sizeof *out->from);
    if (out->rows == NULL || out->from == NULL) {
        return sl_error_nomem(err, (size_t)n_rows * sizeof *out->rows, "the rows of a groupByKey");
    }
    int64_t *next =
        out->from + 1; // next[g]: where group g's next row goes; afterwards where it ends
    for (int64_t i = 0; i < n_rows; i++) {
        next[group[i] + 1]++;
    }
    for (int64_t g = 0; g < n_groups; g++) {
        next[g + 1] += next[g];
    }
    for (int64_t i = 0; i < n_rows; i++) {
        out->rows[next[group[i]]++] = (int32_t)i;
    }
    return SL_OK;
}

void sli_by_group_reset(sli_by_group *s)
{
    sl_free(s->rows);
    sl_free(s->from);
    *s = (sli_by_group){0};
}

void sli_by_group_lists(const sli_by_group *s, const sl_column *column, int64_t from, int64_t to,
                        sl_builder *out, int32_t at)
{
    for (int64_t g = from; g < to; g++) {
        sl_builder_list_begin(out, at);
        for (int64_t i = s->from[g]; i < s->from[g + 1]; i++) {
            sl_builder_cell(out, at, column, s->rows[i]);
        }
        sl_builder_list_end(out, at);
    }
}

void sli_by_group_positions(const sli_by_group *s, const sl_batch *rows, int64_t from, int64_t to,
                            sl_builder *out, int32_t at)
{
    const sl_column *positions = sli_bins_positions(rows);
    for (int64_t g = from; g < to; g++) {
        sl_builder_cell(out, at, positions, s->rows[s->from[g]]);
    }
}

typedef struct grouping {
    const sli_portion *share;
    const sl_batch *rows;
    sli_groups *groups;
    sli_by_group by_group;
    sl_builder *builder;
} grouping;

static sl_code put_groups(grouping *g, int64_t from, int64_t to, sl_error *err)
{
    const sli_op *op = g->share->rdd->body;
    SL_TRY(sli_groups_keys(g->groups, from, to - from, g->builder, 0, err));
    int32_t at = op->n_keys;
    for (int32_t i = 0; i < sl_schema_columns(op->in); i++) {
        if (!sli_is_key(i, op->keys, op->n_keys)) {
            sli_by_group_lists(&g->by_group, sl_batch_column(g->rows, i), from, to, g->builder,
                               at++);
        }
    }
    if (g->share->level > 0) {
        sli_by_group_positions(&g->by_group, g->rows, from, to, g->builder, at);
    }
    return SL_OK;
}

static sl_code push_groups(grouping *g, sli_push_fn push, void *ctx, sl_error *err)
{
    int64_t n = sli_groups_count(g->groups);
    const int64_t *rows_from = g->by_group.from;
    for (int64_t from = 0, to = 0; from < n; from = to) {
        SL_TRY(sli_task_check(g->share->task, err));
        while (to < n && to - from < SLI_BATCH_ROWS &&
               rows_from[to] - rows_from[from] < MAX_CELLS) {
            to++;
        }
        sl_batch *batch = NULL;
        SL_TRY(put_groups(g, from, to, err));
        SL_TRY(sl_builder_finish(g->builder, &batch, err));
        sl_code rc = push(ctx, batch, err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
    return SL_OK;
}

static sl_code group_rows(grouping *g, sli_push_fn push, void *ctx, sl_error *err)
{
    const sli_op *op = g->share->rdd->body;
    int64_t n = sl_batch_rows(g->rows);
    int32_t *group = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof *group);
    sl_code rc = group == NULL
                     ? sl_error_nomem(err, (size_t)n * sizeof *group, "the rows of a groupByKey")
                     : SL_OK;
    rc = rc != SL_OK ? rc : sli_groups_new(&g->groups, op->in, op->keys, op->n_keys, err);
    rc = rc != SL_OK ? rc : sli_groups_add(g->groups, g->rows, NULL, group, err);
    rc = rc != SL_OK ? rc
                     : sli_by_group_sort(group, n, sli_groups_count(g->groups), &g->by_group, err);
    sl_free(group);
    rc = rc != SL_OK ? rc : sl_builder_new(&g->builder, g->share->out, err);
    return rc != SL_OK ? rc : push_groups(g, push, ctx, err);
}

static sl_code group_held(sli_sides *sides, sli_push_fn push, void *ctx, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_sides_take(sides, 0, &rows, err));
    grouping g = {.share = sides->share, .rows = rows};
    sl_code rc = sl_batch_rows(rows) == 0 ? SL_OK : group_rows(&g, push, ctx, err);
    sl_builder_free(g.builder);
    if (g.groups != NULL) {
        sli_groups_free(g.groups);
    }
    sli_by_group_reset(&g.by_group);
    sl_batch_unref(rows);
    return rc;
}

static sl_code group_share(const sli_portion *share, sli_push_fn push, void *ctx, sl_error *err)
{
    sli_sides sides = {.share = share};
    sl_code rc = sli_sides_gather(&sides, 0, err);
    if (rc == SL_OK) {
        rc = sides.in_bins ? sli_sides_run(&sides, group_share, push, ctx, err)
                           : group_held(&sides, push, ctx, err);
    }
    sli_sides_reset(&sides);
    return rc;
}

static sl_code compute_group(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    return sli_portion_run(rdd, partition, task, group_share, push, ctx, err);
}

static const sli_rdd_ops group_ops = {.name = "groupByKey",
                                      .compute = compute_group,
                                      .free = sli_op_free_body,
                                      .keeps_empty = true,
                                      .unique_keys = true};

static sl_code compile_group(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_op_keys(op, op->text, op->in, &op->keys, err));
    if (op->n_keys == 0) {
        return sl_error_set(err, SL_E_INVALID, "no key columns");
    }
    SL_TRY(sli_op_by(op, NULL, op->n_keys, err));
    return sli_schema_grouped(op->in, op->keys, op->n_keys, &op->out, err);
}

sl_rdd *sl_rdd_group_by_key(sl_rdd *rdd, const char *keys, int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    int32_t n = 0;
    sli_op_key key = {.kind = group_ops.name, .text = keys == NULL ? "" : keys, .in = rdd->schema};
    sl_code rc =
        sli_partitions_check(rdd->runtime, n_partitions, SLI_MAX_HASH_PARTITIONS, &n, &error);
    rc = rc != SL_OK ? rc : sli_op_find(rdd->runtime, &key, compile_group, &op, &error);
    return rc == SL_OK ? sli_rdd_keyed(rdd, &group_ops, op, SLI_CUT_NONE, n)
                       : sli_rdd_wrong(rdd->runtime, group_ops.name, &error);
}
