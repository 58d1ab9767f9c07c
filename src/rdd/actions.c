// actions.c — what runs a job and hands its rows to the caller: collect, take, first, count,
// aggregate, foreach. What is known to have no rows runs none.
#include "rdd/rdd_int.h"

/// Its answer is known without a job. A job all the same when local checkpoints wait, since they
/// are cut at a job's end.
static bool is_known_empty(const sl_rdd *rdd)
{
    return rdd->is_empty && rdd->runtime->to_cut == NULL;
}

static sl_code run(sl_rdd *rdd, const int32_t *partitions, int32_t n_partitions, sli_rows_fn done,
                   void *ctx, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    if (is_known_empty(rdd)) {
        return SL_OK; // as in most epochs of a short interval
    }
    return rdd->runtime->run(rdd->runtime, rdd, partitions, n_partitions, done, ctx, err);
}

static sl_code hold(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)partition;
    return sli_rows_add(ctx, batch, err);
}

sl_code sl_rdd_collect(sl_rdd *rdd, sl_batch **out, sl_error *err)
{
    sli_rows rows = {0};
    sl_code rc = run(rdd, NULL, 0, hold, &rows, err);
    rc = rc != SL_OK ? rc : sli_rows_concat(&rows, rdd->schema, out, err);
    sli_rows_reset(&rows);
    return rc;
}

static sl_code add_count(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    (void)partition, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        *(int64_t *)ctx += sl_column_int64(sl_batch_column(batch, 0), i);
    }
    return SL_OK;
}

sl_code sl_rdd_count(sl_rdd *rdd, int64_t *out, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    if (is_known_empty(rdd)) {
        *out = 0;
        return SL_OK;
    }
    sl_rdd *parts = sli_rdd_count_parts(rdd);
    int64_t rows = 0;
    sl_code rc = run(parts, NULL, 0, add_count, &rows, err);
    sl_rdd_unref(parts);
    if (rc == SL_OK) {
        *out = rows;
    }
    return rc;
}

typedef struct visitor {
    sl_code (*each)(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err);
    void *ctx;
} visitor;

static sl_code visit(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    const visitor *v = ctx;
    return v->each(v->ctx, partition, batch, err);
}

sl_code sl_rdd_foreach(sl_rdd *rdd,
                       sl_code (*each)(void *ctx, int32_t partition, const sl_batch *batch,
                                       sl_error *err),
                       void *ctx, sl_error *err)
{
    visitor v = {each, ctx};
    return run(rdd, NULL, 0, visit, &v, err);
}

// ---------------------------------------------------------------- take

/// An RDD of the first rows of each partition: what lies behind them isn't computed.
typedef struct limit {
    int64_t left;
    bool full;
    sli_push_fn push;
    void *ctx;
} limit;

static sl_code push_limited(void *ctx, sl_batch *batch, sl_error *err)
{
    limit *l = ctx;
    int64_t n = sl_batch_rows(batch);
    if (n < l->left) {
        l->left -= n;
        return l->push(l->ctx, batch, err);
    }
    sl_batch *first = NULL;
    SL_TRY(sli_batch_slice(batch, 0, l->left, &first, err));
    sl_code rc = l->push(l->ctx, first, err);
    sl_batch_unref(first);
    SL_TRY(rc);
    l->full = true;
    return SL_E_END; // ends the computing below; nobody else makes this code
}

static sl_code compute_limit(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    limit l = {.left = *(const int64_t *)rdd->body, .push = push, .ctx = ctx};
    sl_code rc = sli_rdd_each(rdd->deps[0].parent, partition, task, push_limited, &l, err);
    return l.full ? SL_OK : rc;
}

static void free_limit(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops limit_ops = {.name = "take", .compute = compute_limit, .free = free_limit};

static sl_rdd *limited(sl_rdd *rdd, int64_t n)
{
    int64_t *body = sl_alloc(SLI_TAG_RDD, sizeof *body);
    if (body == NULL) {
        return NULL;
    }
    *body = n;
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)};
    return sli_rdd_new(rdd->runtime, &limit_ops, rdd->schema, rdd->n_partitions, &dep, 1, body);
}

/// As Spark: one partition first, then four times as many as were tried, until there are enough
/// rows.
static sl_code take_rounds(sl_rdd *rdd, int64_t n, sli_rows *rows, sl_error *err)
{
    int32_t *partitions =
        sl_alloc(SLI_TAG_RDD, (size_t)(rdd->n_partitions + 1) * sizeof *partitions);
    if (partitions == NULL) {
        return sl_error_nomem(err, (size_t)rdd->n_partitions * sizeof *partitions,
                              "a list of partitions");
    }
    sl_code rc = SL_OK;
    for (int32_t from = 0, round = 1; rc == SL_OK && from < rdd->n_partitions && rows->n_rows < n;
         round = 4 * from) {
        int32_t count = 0;
        for (; count < round && from < rdd->n_partitions; count++) {
            partitions[count] = from++;
        }
        rc = run(rdd, partitions, count, hold, rows, err);
    }
    sl_free(partitions);
    return rc;
}

sl_code sl_rdd_take(sl_rdd *rdd, int64_t n, sl_batch **out, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    if (n <= 0 || is_known_empty(rdd)) {
        return sli_batch_empty(rdd->schema, out, err);
    }
    sl_rdd *first = limited(rdd, n);
    sl_code rc = sl_rdd_check(first, err);
    sli_rows rows = {0};
    sl_batch *all = NULL;
    rc = rc != SL_OK ? rc : take_rounds(first, n, &rows, err);
    rc = rc != SL_OK ? rc : sli_rows_concat(&rows, rdd->schema, &all, err);
    if (rc == SL_OK) {
        rc = sli_batch_slice(all, 0, sl_batch_rows(all) < n ? sl_batch_rows(all) : n, out, err);
    }
    sl_batch_unref(all);
    sli_rows_reset(&rows);
    sl_rdd_unref(first);
    return rc;
}

// ---------------------------------------------------------------- small answers

sl_code sl_rdd_first(sl_rdd *rdd, sl_batch **out, sl_error *err)
{
    sl_batch *row = NULL;
    SL_TRY(sl_rdd_take(rdd, 1, &row, err));
    if (sl_batch_rows(row) == 0) {
        sl_batch_unref(row);
        return sl_error_set(err, SL_E_NOT_FOUND, "first: there are no rows");
    }
    *out = row;
    return SL_OK;
}

sl_code sl_rdd_is_empty(sl_rdd *rdd, bool *out, sl_error *err)
{
    sl_batch *row = NULL;
    SL_TRY(sl_rdd_take(rdd, 1, &row, err));
    *out = sl_batch_rows(row) == 0;
    sl_batch_unref(row);
    return SL_OK;
}

sl_code sl_rdd_aggregate(sl_rdd *rdd, const char *aggregations, sl_batch **out, sl_error *err)
{
    sl_rdd *row = sli_rdd_aggregate(rdd, aggregations);
    sl_code rc = sl_rdd_collect(row, out, err);
    sl_rdd_unref(row);
    return rc;
}
