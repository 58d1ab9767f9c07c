// take_sample.c — takeSample: exactly n rows at random.
//
// Without replacement every row gets a random number by (seed, partition) and those with the n
// smallest are taken, in that order: one job, each partition keeps n rows, every choice and every
// order is as likely as another. With replacement the rows are counted, n places are drawn, and a
// second job brings the rows that lie there.
#include "rdd/rdd_int.h"

#include <stdlib.h>

// ---------------------------------------------------------------- without replacement

/// A name that no column has: "random", "random_", ...
static const char *free_name(const sl_schema *schema, char *name, size_t size)
{
    size_t n = strlen("random");
    memcpy(name, "random", n + 1);
    while (sl_schema_find(schema, name) >= 0 && n + 1 < size) {
        name[n++] = '_';
        name[n] = '\0';
    }
    return name;
}

static sl_code drop_last_column(const sl_batch *rows, const sl_schema *schema, sl_batch **out,
                                sl_error *err)
{
    int32_t n = sl_schema_columns(schema);
    const sl_batch **from = sl_alloc(SLI_TAG_RDD, (size_t)n * sizeof *from);
    int32_t *column = sl_alloc(SLI_TAG_RDD, (size_t)n * sizeof *column);
    sl_code rc = from == NULL || column == NULL
                     ? sl_error_nomem(err, (size_t)n * sizeof *from, "the columns of a sample")
                     : SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        from[i] = rows;
        column[i] = i;
    }
    rc = rc != SL_OK ? rc : sli_batch_project(schema, from, column, out, err);
    sl_free(from);
    sl_free(column);
    return rc;
}

static sl_code take_without(sl_rdd *rdd, int64_t n, uint64_t seed, sl_batch **out, sl_error *err)
{
    char name[200];
    sl_batch *rows = NULL;
    sl_rdd *numbered = sli_rdd_with_random(rdd, free_name(rdd->schema, name, sizeof name), seed);
    sl_code rc = sl_rdd_check(numbered, err);
    rc = rc != SL_OK ? rc : sl_rdd_take_ordered(numbered, name, n, &rows, err);
    rc = rc != SL_OK ? rc : drop_last_column(rows, rdd->schema, out, err);
    sl_batch_unref(rows);
    sl_rdd_unref(numbered);
    return rc;
}

// ---------------------------------------------------------------- with replacement

/// A place that was drawn, and by which draw.
typedef struct place {
    int64_t row;
    int64_t draw;
} place;

/// The rows at some places of an RDD.
typedef struct picks {
    int64_t n;
    place *places;   ///< by row
    int64_t first[]; ///< the first row of each partition, and the number of all rows
} picks;

typedef struct picker {
    const picks *picks;
    int64_t at, row; ///< the next place; the batch's first row
    sli_task *task;
    sli_push_fn push;
    void *ctx;
} picker;

static int64_t first_place(const picks *p, int64_t row)
{
    int64_t low = 0, high = p->n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (p->places[middle].row < row) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static sl_code push_picked(void *ctx, sl_batch *batch, sl_error *err)
{
    picker *k = ctx;
    int32_t rows[1024];
    int64_t end = k->row + sl_batch_rows(batch);
    while (k->at < k->picks->n && k->picks->places[k->at].row < end) {
        int32_t n = 0;
        for (; n < 1024 && k->at < k->picks->n && k->picks->places[k->at].row < end; k->at++) {
            rows[n++] = (int32_t)(k->picks->places[k->at].row - k->row);
        }
        SL_TRY(sli_push_rows(batch, rows, n, k->task, k->push, k->ctx, err));
    }
    k->row = end;
    return SL_OK;
}

static sl_code compute_picks(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                             void *ctx, sl_error *err)
{
    const picks *p = rdd->body;
    picker k = {.picks = p,
                .at = first_place(p, p->first[partition]),
                .row = p->first[partition],
                .task = task,
                .push = push,
                .ctx = ctx};
    return sli_rdd_each(rdd->deps[0].parent, partition, task, push_picked, &k, err);
}

static void free_picks(sl_rdd *rdd)
{
    picks *p = rdd->body;
    sl_free(p->places);
    sl_free(p);
}

static const sli_rdd_ops picks_ops = {
    .name = "takeSample", .compute = compute_picks, .free = free_picks};

static sl_code note_count(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    picks *p = ctx;
    (void)err;
    p->first[partition + 1] = sl_column_int64(sl_batch_column(batch, 0), 0);
    return SL_OK;
}

static int by_row(const void *a, const void *b)
{
    const place *x = a, *y = b;
    return x->row != y->row ? (x->row < y->row ? -1 : 1)
                            : (x->draw > y->draw) - (x->draw < y->draw);
}

/// Counts the rows and draws; p->n is 0 when there are none.
static sl_code draw(sl_rdd *rdd, int64_t n, uint64_t seed, picks *p, sl_error *err)
{
    sl_rdd *parts = sli_rdd_count_parts(rdd);
    sl_code rc = sl_rdd_check(parts, err);
    rc = rc != SL_OK ? rc : sl_rdd_foreach(parts, note_count, p, err);
    sl_rdd_unref(parts);
    SL_TRY(rc);
    for (int32_t i = 0; i < rdd->n_partitions; i++) {
        p->first[i + 1] += p->first[i];
    }
    int64_t all = p->first[rdd->n_partitions];
    sli_rng rng = {sli_mix64(seed)};
    p->places = sl_alloc_array(SLI_TAG_RDD, (size_t)n, sizeof *p->places);
    if (p->places == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *p->places, "the places of a sample");
    }
    for (; all > 0 && p->n < n; p->n++) {
        p->places[p->n] = (place){(int64_t)sli_rng_below(&rng, (uint64_t)all), p->n};
    }
    qsort(p->places, (size_t)p->n, sizeof *p->places, by_row);
    return SL_OK;
}

/// The rows as they were drawn: `rows` are by place.
static sl_code in_order_of_draws(const picks *p, const sl_batch *rows, sl_batch **out,
                                 sl_error *err)
{
    int32_t *order = sl_alloc(SLI_TAG_RDD, (size_t)(p->n + 1) * sizeof *order);
    if (order == NULL) {
        return sl_error_nomem(err, (size_t)p->n * sizeof *order, "the order of a sample");
    }
    for (int64_t i = 0; i < p->n; i++) {
        order[p->places[i].draw] = (int32_t)i;
    }
    sl_code rc = sl_batch_rows(rows) == p->n
                     ? sli_batch_take(rows, order, p->n, out, err)
                     : sl_error_set(err, SL_E_DATA,
                                    "takeSample: its rows were others when they were read again");
    sl_free(order);
    return rc;
}

static sl_code take_with(sl_rdd *rdd, int64_t n, uint64_t seed, sl_batch **out, sl_error *err)
{
    size_t size = sizeof(picks) + ((size_t)rdd->n_partitions + 1) * sizeof(int64_t);
    picks *p = sl_alloc_zero(SLI_TAG_RDD, size);
    if (p == NULL) {
        return sl_error_nomem(err, size, "the places of a sample");
    }
    sl_code rc = draw(rdd, n, seed, p, err);
    if (rc != SL_OK) {
        sl_free(p->places);
        sl_free(p);
        return rc;
    }
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(rdd)};
    sl_rdd *picked =
        sli_rdd_new(rdd->runtime, &picks_ops, rdd->schema, rdd->n_partitions, &dep, 1, p);
    sl_batch *rows = NULL;
    rc = sl_rdd_check(picked, err);
    rc = rc != SL_OK ? rc : sl_rdd_collect(picked, &rows, err);
    rc = rc != SL_OK ? rc : in_order_of_draws(picked->body, rows, out, err);
    sl_batch_unref(rows);
    sl_rdd_unref(picked);
    return rc;
}

sl_code sl_rdd_take_sample(sl_rdd *rdd, bool with_replacement, int64_t n, uint64_t seed,
                           sl_batch **out, sl_error *err)
{
    SL_TRY(sl_rdd_check(rdd, err));
    if (n < 0 || n > INT32_MAX) {
        return sl_error_set(err, SL_E_INVALID, "takeSample: %lld rows; there may be 0 to %d",
                            (long long)n, INT32_MAX);
    }
    if (n == 0) {
        return sli_batch_empty(rdd->schema, out, err);
    }
    return with_replacement ? take_with(rdd, n, seed, out, err)
                            : take_without(rdd, n, seed, out, err);
}
