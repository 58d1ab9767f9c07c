// histogram.c — histogram: how many numbers of a column lie in each bucket. The column is cast to
// float64 by a select before it; uint64 and decimals, which expressions don't compute with, are
// picked by it and read here.
#include "rdd/rdd_int.h"

#include "base/hash.h"

#include <stdio.h>

typedef struct buckets {
    int32_t n; ///< bounds
    double bounds[];
} buckets;

typedef struct counter {
    const buckets *buckets;
    int64_t *counts;
} counter;

/// The bucket of a value, or -1: the last one has its end, the others have not.
static int32_t bucket_of(const buckets *b, double value)
{
    if (!(value >= b->bounds[0] && value <= b->bounds[b->n - 1])) { // also NaN
        return -1;
    }
    int32_t low = 0, high = b->n - 1; // bounds[low] <= value, and value < bounds[high] or its end
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        if (value >= b->bounds[middle]) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The number nearest to the cell's: both operands of the division are exact up to 10^15 and a
/// scale of 22.
static double decimal_at(const sl_column *column, int64_t row, int8_t scale)
{
    const uint64_t *halves = column->values; // low, high
    uint64_t low = halves[2 * row], high = halves[2 * row + 1];
    bool minus = high >> 63 != 0;
    sli_u128 whole = (sli_u128)high << 64 | low;
    double size = (double)(minus ? -whole : whole), ten = 1;
    for (int8_t i = 0; i < scale; i++) {
        ten *= 10;
    }
    return (minus ? -size : size) / ten;
}

static double number_at(const sl_column *column, int64_t row, int8_t scale)
{
    switch (column->type) {
    case SL_UINT64:
        return (double)((const uint64_t *)column->values)[row];
    case SL_DECIMAL:
        return decimal_at(column, row, scale);
    default:
        return sl_column_float64(column, row);
    }
}

static sl_code push_counted(void *ctx, sl_batch *batch, sl_error *err)
{
    const counter *c = ctx;
    const sl_column *values = sl_batch_column(batch, 0);
    int8_t scale = sl_schema_field(sl_batch_schema(batch), 0)->scale;
    (void)err;
    for (int64_t i = 0; i < values->n_rows; i++) {
        int32_t bucket =
            sl_column_is_null(values, i) ? -1 : bucket_of(c->buckets, number_at(values, i, scale));
        if (bucket >= 0) {
            c->counts[bucket]++;
        }
    }
    return SL_OK;
}

static sl_code push_counts(const sl_schema *schema, const int64_t *counts, int64_t n,
                           sli_push_fn push, void *ctx, sl_error *err)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    SL_TRY(sl_builder_new(&builder, schema, err));
    int64_t *to = sl_builder_reserve(builder, 0, n);
    if (to != NULL) {
        memcpy(to, counts, (size_t)n * sizeof *to);
    }
    sl_code rc = sl_builder_finish(builder, &batch, err);
    sl_builder_free(builder);
    rc = rc != SL_OK ? rc : push(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code compute_histogram(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                 void *ctx, sl_error *err)
{
    const buckets *b = rdd->body;
    int64_t n = b->n - 1;
    counter c = {b, sl_alloc_array(SLI_TAG_RDD, (size_t)n, sizeof *c.counts)};
    if (c.counts == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *c.counts, "a histogram");
    }
    sl_code rc = sli_dep_each(rdd, 0, partition, task, push_counted, &c, err);
    rc = rc != SL_OK ? rc : push_counts(rdd->schema, c.counts, n, push, ctx, err);
    sl_free(c.counts);
    return rc;
}

static void free_buckets(sl_rdd *rdd)
{
    sl_free(rdd->body);
}

static const sli_rdd_ops histogram_ops = {
    .name = "histogram", .compute = compute_histogram, .free = free_buckets, .keeps_empty = true};

// ---------------------------------------------------------------- definition

static bool is_number(sl_type type)
{
    return type >= SL_INT8 && type <= SL_DECIMAL;
}

static sl_code check(const sl_rdd *rdd, const char *name, const double *bounds, int32_t n_bounds,
                     int32_t *column, sl_error *err)
{
    int32_t columns[64], n = 0;
    SL_TRY(sli_columns_parse(name == NULL ? "" : name, rdd->schema, columns, &n, err));
    if (n != 1) {
        return sl_error_set(err, SL_E_INVALID, "%d columns; it is of one", n);
    }
    if (!is_number(sl_schema_field(rdd->schema, columns[0])->type)) {
        return sl_error_set(err, SL_E_INVALID, "column \"%s\" has no numbers", name);
    }
    if (bounds == NULL || n_bounds < 2) {
        return sl_error_set(err, SL_E_INVALID, "%d bounds; there must be two at least", n_bounds);
    }
    for (int32_t i = 1; i < n_bounds; i++) {
        if (!(bounds[i - 1] < bounds[i])) {
            return sl_error_set(err, SL_E_INVALID,
                                "bound %d is %g, the next one %g: they must go up", i - 1,
                                bounds[i - 1], bounds[i]);
        }
    }
    *column = columns[0];
    return SL_OK;
}

static sl_rdd *numbers_of(sl_rdd *rdd, int32_t column)
{
    const sl_field *field = sl_schema_field(rdd->schema, column);
    bool is_cast = field->type != SL_UINT64 && field->type != SL_DECIMAL;
    char text[320];
    (void)snprintf(text, sizeof text, is_cast ? "cast(\"%s\" as float64) as x" : "\"%s\" as x",
                   field->name);
    return sl_rdd_select(rdd, text);
}

static sl_rdd *counted(sl_rdd *numbers, const double *bounds, int32_t n_bounds)
{
    if (numbers == NULL || numbers->mistake != NULL) {
        return sli_rdd_inherit(numbers, NULL);
    }
    sl_schema *schema = NULL;
    size_t size = (size_t)n_bounds * sizeof *bounds;
    buckets *b = sl_alloc(SLI_TAG_RDD, sizeof *b + size);
    if (b == NULL || sl_schema_parse(&schema, "count int64", NULL) != SL_OK) {
        sl_free(b);
        return NULL;
    }
    b->n = n_bounds;
    memcpy(b->bounds, bounds, size);
    sli_dep dep = {.kind = SLI_DEP_NARROW, .parent = sl_rdd_ref(numbers)};
    sl_rdd *rdd =
        sli_rdd_new(numbers->runtime, &histogram_ops, schema, numbers->n_partitions, &dep, 1, b);
    sl_schema_unref(schema);
    return rdd;
}

static sl_code add_counts(void *ctx, int32_t partition, const sl_batch *batch, sl_error *err)
{
    int64_t *sums = ctx;
    (void)partition, (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        sums[i] += sl_column_int64(sl_batch_column(batch, 0), i);
    }
    return SL_OK;
}

sl_code sl_rdd_histogram(sl_rdd *rdd, const char *column, const double *bounds, int32_t n_bounds,
                         int64_t *counts, sl_error *err)
{
    int32_t at = 0;
    SL_TRY(sl_rdd_check(rdd, err));
    sl_code rc = check(rdd, column, bounds, n_bounds, &at, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "histogram");
    }
    size_t size = (size_t)(n_bounds - 1) * sizeof *counts;
    int64_t *sums = sl_alloc_zero(SLI_TAG_RDD, size);
    sl_rdd *numbers = numbers_of(rdd, at);
    sl_rdd *parts = counted(numbers, bounds, n_bounds);
    rc = sums == NULL ? sl_error_nomem(err, size, "a histogram") : sl_rdd_check(parts, err);
    rc = rc != SL_OK ? rc : sl_rdd_foreach(parts, add_counts, sums, err);
    if (rc == SL_OK) {
        memcpy(counts, sums, size);
    }
    sl_rdd_unref(parts);
    sl_rdd_unref(numbers);
    sl_free(sums);
    return rc;
}
