// ordered.c — takeOrdered: the rows that come first in an order. Each partition keeps `n` at most:
// once it has them, a row that does not come before the last of them is dropped as it passes.
#include "rdd/rdd_int.h"

typedef struct wanted {
    sli_op *op;
    int64_t n;
} wanted;

typedef struct keeper {
    const sli_order *order;
    const sl_schema *schema;
    int64_t n;
    sl_batch *kept; ///< sorted, up to n rows; NULL: none yet
    sli_rows more;  ///< rows that may belong to them
    sli_weight weight;
} keeper;

enum { MANY = 4 * SLI_BATCH_ROWS }; // rows that wait before they are sorted in, at least

/// The first `n` rows of a batch in an order, in that order; equal rows stay as they are.
static sl_code first_of(const sli_order *order, const sl_batch *rows, int64_t n, sl_batch **out,
                        sl_error *err)
{
    int64_t all = sl_batch_rows(rows);
    int32_t *list = NULL;
    SL_TRY(sli_order_sort(order, rows, &list, err));
    sl_code rc = sli_batch_take(rows, list, n < all ? n : all, out, err);
    sl_free(list);
    return rc;
}

static sl_code sort_in(keeper *k, sl_error *err)
{
    sli_rows all = {0};
    sl_batch *joined = NULL, *first = NULL, *compact = NULL;
    sl_code rc = k->kept == NULL ? SL_OK : sli_rows_add(&all, k->kept, err);
    for (int32_t i = 0; rc == SL_OK && i < k->more.n; i++) {
        rc = sli_rows_add(&all, k->more.batches[i], err);
    }
    rc = rc != SL_OK ? rc : sli_rows_concat(&all, k->schema, &joined, err);
    rc = rc != SL_OK ? rc : first_of(k->order, joined, k->n, &first, err);
    rc = rc != SL_OK ? rc : sli_batch_compact(first, &compact, err); // else it would pin them all
    sl_batch_unref(first);
    sl_batch_unref(joined);
    sli_rows_reset(&all);
    if (rc == SL_OK) {
        sl_batch_unref(k->kept);
        k->kept = compact;
        sli_rows_reset(&k->more);
        sli_weight_set(&k->weight, sl_batch_bytes(compact));
    }
    return rc;
}

/// rows[0..return) = those that come before the last row kept.
static int64_t rows_before(const keeper *k, const sl_batch *batch, int32_t *rows)
{
    int64_t n = 0;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        if (sli_order_compare(k->order, batch, i, k->kept, k->n - 1) < 0) {
            rows[n++] = (int32_t)i;
        }
    }
    return n;
}

static sl_code add_better(keeper *k, const sl_batch *batch, sl_error *err)
{
    size_t size = (size_t)sl_batch_rows(batch) * sizeof(int32_t);
    int32_t *rows = sl_alloc(SLI_TAG_RDD, size);
    if (rows == NULL) {
        return sl_error_nomem(err, size, "the order of rows");
    }
    int64_t n = rows_before(k, batch, rows);
    sl_batch *better = NULL;
    sl_code rc = n == 0 ? SL_OK : sli_batch_take(batch, rows, n, &better, err);
    rc = rc != SL_OK || n == 0 ? rc : sli_rows_add(&k->more, better, err);
    sl_batch_unref(better);
    sl_free(rows);
    return rc;
}

static sl_code push_kept(void *ctx, sl_batch *batch, sl_error *err)
{
    keeper *k = ctx;
    bool full = k->kept != NULL && sl_batch_rows(k->kept) == k->n;
    SL_TRY(full ? add_better(k, batch, err) : sli_rows_add(&k->more, batch, err));
    if (k->more.n_rows >= MANY && k->more.n_rows >= k->n) {
        return sort_in(k, err);
    }
    sli_weight_set(&k->weight, k->more.bytes + (k->kept == NULL ? 0 : sl_batch_bytes(k->kept)));
    return SL_OK;
}

static sl_code compute_ordered(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                               void *ctx, sl_error *err)
{
    const wanted *w = rdd->body;
    keeper k = {.order = w->op->order,
                .schema = rdd->schema,
                .n = w->n,
                .weight = {.budget = task->runtime->budget}};
    sl_code rc = sli_dep_each(rdd, 0, partition, task, push_kept, &k, err);
    rc = rc != SL_OK || k.more.n == 0 ? rc : sort_in(&k, err);
    rc = rc != SL_OK || k.kept == NULL ? rc : push(ctx, k.kept, err);
    sl_batch_unref(k.kept);
    sli_rows_reset(&k.more);
    sli_weight_set(&k.weight, 0);
    return rc;
}

static void free_wanted(sl_rdd *rdd)
{
    wanted *w = rdd->body;
    sli_op_unref(w->op);
    sl_free(w);
}

static const sli_rdd_ops ordered_ops = {
    .name = "takeOrdered", .compute = compute_ordered, .free = free_wanted, .keeps_empty = true};

static sl_rdd *ordered(sl_rdd *rdd, const char *order, int64_t n)
{
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_op_key key = {
        .kind = ordered_ops.name, .text = order == NULL ? "" : order, .in = rdd->schema};
    if (sli_op_find(rdd->runtime, &key, sli_compile_order, &op, &error) != SL_OK) {
        return sli_rdd_wrong(rdd->runtime, ordered_ops.name, &error);
    }
    wanted *w = sl_alloc(SLI_TAG_RDD, sizeof *w);
    if (w == NULL) {
        sli_op_unref(op);
        return NULL;
    }
    *w = (wanted){op, n};
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)};
    return sli_rdd_new(rdd->runtime, &ordered_ops, rdd->schema, rdd->n_partitions, &dep, 1, w);
}

sl_code sl_rdd_take_ordered(sl_rdd *rdd, const char *order, int64_t n, sl_batch **out,
                            sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    sl_rdd *parts = ordered(rdd, order, n);
    sl_batch *all = NULL;
    sl_code rc = sl_rdd_check(parts, err);
    if (rc == SL_OK && n <= 0) {
        rc = sli_batch_empty(rdd->schema, out, err);
    } else if (rc == SL_OK) {
        rc = sl_rdd_collect(parts, &all, err);
        const wanted *w = parts->body;
        rc = rc != SL_OK ? rc : first_of(w->op->order, all, n, out, err);
    }
    sl_batch_unref(all);
    sl_rdd_unref(parts);
    return rc;
}
