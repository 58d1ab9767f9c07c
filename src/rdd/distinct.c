// distinct.c — the first row of every key: what distinct computes behind its shuffle.
//
// A row goes on as soon as it is known to be the first. When the table of keys gets too large, its
// keys go into bins as known ones, what comes later goes behind them, and each bin is sieved by
// itself; the rows of all bins are merged (bins.c).
#include "rdd/rdd_int.h"

typedef struct sieve {
    const sli_op *op;
    sli_task *task;
    int32_t level; ///< how often its rows went through bins: above 0 they have positions
    sli_push_fn push;
    void *ctx;
    sli_groups *groups; ///< NULL until the first batch
    sli_numbers group;
    sli_weight weight;
    // ---- when the table was too large
    bool in_bins;
    sli_bins known, rows; ///< keys whose row went on already; rows
    int64_t next;         ///< level 0: the position of the next row
} sieve;

// ---------------------------------------------------------------- the table

/// group[0..fresh) = numbers of the batch's rows that show a new key.
static sl_code add(sieve *s, const sl_batch *batch, int64_t *fresh, sl_error *err)
{
    if (s->groups == NULL) {
        SL_TRY(sli_groups_new(&s->groups, s->op->in, s->op->keys, s->op->n_keys, err));
    }
    int64_t known = sli_groups_count(s->groups);
    SL_TRY(sli_numbers_room(&s->group, sl_batch_rows(batch), err));
    SL_TRY(sli_groups_add(s->groups, batch, NULL, s->group.at, err));
    sli_weight_set(&s->weight, sli_groups_bytes(s->groups));
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        if (s->group.at[i] == known) {
            s->group.at[(*fresh)++] = (int32_t)i; // never ahead of what is read
            known++;
        }
    }
    return SL_OK;
}

static sl_code sift(sieve *s, sl_batch *batch, sl_error *err)
{
    int64_t fresh = 0;
    SL_TRY(add(s, batch, &fresh, err));
    if (fresh == sl_batch_rows(batch)) {
        return s->push(s->ctx, batch, err);
    }
    return fresh == 0 ? SL_OK
                      : sli_push_rows(batch, s->group.at, fresh, s->task, s->push, s->ctx, err);
}

static void free_table(sieve *s)
{
    if (s->groups != NULL) {
        sli_groups_free(s->groups);
        s->groups = NULL;
    }
    sli_weight_set(&s->weight, 0);
}

// ---------------------------------------------------------------- too large a table

static bool is_too_large(const sieve *s)
{
    return s->weight.bytes > sli_table_most(s->task->runtime) && s->level < SLI_BIN_LEVELS &&
           sli_groups_count(s->groups) > 1;
}

/// Their rows went on already, so their positions say nothing.
static sl_code put_known(sieve *s, sl_builder *builder, sl_error *err)
{
    int64_t n = sli_groups_count(s->groups);
    for (int64_t from = 0; from < n; from += SLI_BATCH_ROWS) {
        int64_t rows = n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS;
        sl_batch *batch = NULL;
        SL_TRY(sli_task_check(s->task, err));
        SL_TRY(sli_groups_keys(s->groups, from, rows, builder, 0, err));
        for (int64_t i = 0; i < rows; i++) {
            sl_builder_int64(builder, s->op->n_keys, 0);
        }
        SL_TRY(sl_builder_finish(builder, &batch, err));
        sl_code rc =
            sli_bins_add_placed(&s->known, batch, s->op->keys, s->op->n_keys, s->level, err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
    return SL_OK;
}

static sl_code go_to_bins(sieve *s, sl_error *err)
{
    sl_builder *builder = NULL;
    s->in_bins = true;
    SL_TRY(sli_bins_open(&s->known, s->task, s->op->in, err));
    SL_TRY(sli_bins_open(&s->rows, s->task, s->op->in, err));
    SL_TRY(sl_builder_new(&builder, s->known.schema, err));
    sl_code rc = put_known(s, builder, err);
    sl_builder_free(builder);
    free_table(s);
    return rc;
}

static sl_code add_to_bins(sieve *s, sli_bins *bins, const sl_batch *batch, sl_error *err)
{
    if (s->level > 0) {
        return sli_bins_add_placed(bins, batch, s->op->keys, s->op->n_keys, s->level, err);
    }
    int64_t first = s->next;
    s->next += sl_batch_rows(batch);
    return sli_bins_add(bins, batch, s->op->keys, s->op->n_keys, first, err);
}

static sl_code take_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    sieve *s = ctx;
    if (s->in_bins) {
        return add_to_bins(s, &s->rows, batch, err);
    }
    SL_TRY(sift(s, batch, err));
    return is_too_large(s) ? go_to_bins(s, err) : SL_OK;
}

static sl_code take_known(void *ctx, sl_batch *batch, sl_error *err)
{
    sieve *s = ctx;
    int64_t fresh = 0;
    if (s->in_bins) {
        return add_to_bins(s, &s->known, batch, err);
    }
    SL_TRY(add(s, batch, &fresh, err));
    return is_too_large(s) ? go_to_bins(s, err) : SL_OK;
}

static void reset(sieve *s)
{
    free_table(s);
    sli_numbers_reset(&s->group);
    sli_bins_reset(&s->known);
    sli_bins_reset(&s->rows);
}

// ---------------------------------------------------------------- results

static sl_code finish(sieve *s, sl_error *err);

static sl_code sift_bin(void *ctx, sli_bin *to, sl_error *err)
{
    const sieve *s = ctx;
    sieve child = {.op = s->op,
                   .task = s->task,
                   .level = s->level + 1,
                   .push = sli_bin_push,
                   .ctx = to,
                   .weight = {.budget = s->weight.budget}};
    sl_code rc = sli_bins_each(&s->known, to->bin, take_known, &child, err);
    rc = rc != SL_OK ? rc : sli_bins_each(&s->rows, to->bin, take_rows, &child, err);
    rc = rc != SL_OK ? rc : finish(&child, err);
    reset(&child);
    return rc;
}

/// What went on before the bins came before all that is in them.
static sl_code finish(sieve *s, sl_error *err)
{
    if (!s->in_bins) {
        return SL_OK;
    }
    SL_TRY(sli_bins_end(&s->known, err));
    SL_TRY(sli_bins_end(&s->rows, err));
    return sli_bins_run(s->task, s->op->in, s->level, sift_bin, s, s->push, s->ctx, err);
}

static sl_code compute_distinct(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                void *ctx, sl_error *err)
{
    sieve s = {.op = rdd->body,
               .task = task,
               .push = push,
               .ctx = ctx,
               .weight = {.budget = task->runtime->budget}};
    sl_code rc = sli_dep_each(rdd, 0, partition, task, take_rows, &s, err);
    rc = rc != SL_OK ? rc : finish(&s, err);
    reset(&s);
    return rc;
}

static const sli_rdd_ops distinct_ops = {
    .name = "distinct", .compute = compute_distinct, .free = sli_op_free_body, .keeps_empty = true};

static sl_code compile_distinct(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    SL_TRY(sli_op_all_keys(op, op->in, &op->keys, err));
    op->unique = true;
    op->out = sl_schema_ref(op->in);
    return sli_op_by(op, NULL, op->n_keys, err);
}

sl_rdd *sl_rdd_distinct(sl_rdd *rdd, int32_t n_partitions)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    int32_t n = 0;
    sli_op_key key = {.kind = distinct_ops.name, .in = rdd->schema};
    sl_code rc =
        sli_partitions_check(rdd->runtime, n_partitions, SLI_MAX_HASH_PARTITIONS, &n, &error);
    rc = rc != SL_OK ? rc : sli_op_find(rdd->runtime, &key, compile_distinct, &op, &error);
    return rc == SL_OK ? sli_rdd_keyed(rdd, &distinct_ops, op, SLI_CUT_NONE, n)
                       : sli_rdd_wrong(rdd->runtime, distinct_ops.name, &error);
}
