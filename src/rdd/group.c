// group.c — groupByKey: all rows of a key in one row, as lists.
//
// Rows go over as they are, as in Spark: lists would not get smaller on the map side. The reduce
// side holds its partition once (counted against the budget), numbers the keys, sorts row numbers
// by key without changing the order inside one, and builds the lists.
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

static sl_code emit_groups(const sli_op *op, const sl_batch *rows, const sli_groups *groups,
                           const sli_by_group *s, sl_builder *builder, sli_task *task,
                           sli_push_fn push, void *ctx, sl_error *err)
{
    int64_t n = sli_groups_count(groups);
    for (int64_t from = 0, to = 0; from < n; from = to) {
        SL_TRY(sli_task_check(task, err));
        while (to < n && to - from < SLI_BATCH_ROWS && s->from[to] - s->from[from] < MAX_CELLS) {
            to++;
        }
        SL_TRY(sli_groups_keys(groups, from, to - from, builder, 0, err));
        int32_t at = op->n_keys;
        for (int32_t i = 0; i < sl_schema_columns(op->in); i++) {
            if (!sli_is_key(i, op->keys, op->n_keys)) {
                sli_by_group_lists(s, sl_batch_column(rows, i), from, to, builder, at++);
            }
        }
        sl_batch *batch = NULL;
        SL_TRY(sl_builder_finish(builder, &batch, err));
        sl_code rc = push(ctx, batch, err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
    return SL_OK;
}

static sl_code group_rows(const sli_op *op, const sl_batch *rows, sli_task *task, sli_push_fn push,
                          void *ctx, sl_error *err)
{
    int64_t n = sl_batch_rows(rows);
    sli_groups *groups = NULL;
    sl_builder *builder = NULL;
    sli_by_group s = {0};
    int32_t *group = sl_alloc(SLI_TAG_RDD, (size_t)(n + 1) * sizeof *group);
    sl_code rc = group == NULL
                     ? sl_error_nomem(err, (size_t)n * sizeof *group, "the rows of a groupByKey")
                     : SL_OK;
    rc = rc != SL_OK ? rc : sli_groups_new(&groups, op->in, op->keys, op->n_keys, err);
    rc = rc != SL_OK ? rc : sli_groups_add(groups, rows, NULL, group, err);
    rc = rc != SL_OK ? rc : sli_by_group_sort(group, n, sli_groups_count(groups), &s, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&builder, op->out, err);
    rc = rc != SL_OK ? rc : emit_groups(op, rows, groups, &s, builder, task, push, ctx, err);
    sl_builder_free(builder);
    if (groups != NULL) {
        sli_groups_free(groups);
    }
    sli_by_group_reset(&s);
    sl_free(group);
    return rc;
}

static sl_code compute_group(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    return sli_whole_partition(rdd, partition, task, group_rows, push, ctx, err);
}

static const sli_rdd_ops group_ops = {
    .name = "groupByKey", .compute = compute_group, .free = sli_op_free_body, .keeps_empty = true};

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
    return rc == SL_OK ? sli_rdd_keyed(rdd, &group_ops, op, n)
                       : sli_rdd_wrong(rdd->runtime, group_ops.name, &error);
}
