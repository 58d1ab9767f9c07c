/// compare.c — equality and order of cells. Equality agrees with hashes: null equals null, NaN
/// equals NaN, -0.0 equals 0.0. The order is total and the same everywhere.

#include "col/col_int.h"

#include <string.h>

static bool views_equal(const sl_column *a, const sl_view *x, const sl_column *b, const sl_view *y)
{
    if (memcmp(x, y, 8) != 0) { // length and prefix
        return false;
    }
    if (x->size <= SL_VIEW_INLINE) {
        return memcmp(x, y, sizeof *x) == 0;
    }
    return memcmp(a->data[x->as.ref.buffer] + x->as.ref.offset,
                  b->data[y->as.ref.buffer] + y->as.ref.offset, (size_t)x->size) == 0;
}

static double float_at(const sl_column *column, int64_t row)
{
    return column->type == SL_FLOAT32 ? (double)((const float *)column->values)[row]
                                      : sl_column_float64(column, row);
}

static int order(bool less, bool greater)
{
    return (int)greater - (int)less;
}

static int compare_floats(double x, double y)
{
    bool x_nan = x != x, y_nan = y != y;
    return x_nan || y_nan ? order(y_nan && !x_nan, x_nan && !y_nan) : order(x<y, x> y);
}

static int compare_decimals(const sl_column *a, int64_t row_a, const sl_column *b, int64_t row_b)
{
    const uint64_t *x = (const uint64_t *)a->values + 2 * row_a;
    const uint64_t *y = (const uint64_t *)b->values + 2 * row_b;
    int64_t x_high = (int64_t)x[1], y_high = (int64_t)y[1];
    return x_high != y_high ? order(x_high<y_high, x_high> y_high) : order(x[0]<y[0], x[0]> y[0]);
}

static int compare_texts(sl_text x, sl_text y)
{
    size_t both = x.size < y.size ? x.size : y.size;
    int rc = both == 0 ? 0 : memcmp(x.data, y.data, both);
    return rc != 0 ? order(rc<0, rc> 0) : order(x.size<y.size, x.size> y.size);
}

static int compare_integers(const sl_column *a, int64_t row_a, const sl_column *b, int64_t row_b)
{
    int64_t x = sli_integer_at(a, row_a), y = sli_integer_at(b, row_b);
    return a->type == SL_UINT64 ? order((uint64_t)x<(uint64_t)y, (uint64_t)x>(uint64_t) y)
                                : order(x<y, x> y);
}

static int compare_lists(const sl_column *a, int64_t row_a, const sl_column *b, int64_t row_b)
{
    const int32_t *x = (const int32_t *)a->values + row_a, *y = (const int32_t *)b->values + row_b;
    int32_t n_x = x[1] - x[0], n_y = y[1] - y[0];
    for (int32_t i = 0; i < n_x && i < n_y; i++) {
        int rc = sli_cell_compare(a->children, x[0] + i, b->children, y[0] + i);
        if (rc != 0) {
            return rc;
        }
    }
    return order(n_x<n_y, n_x> n_y);
}

int sli_cell_compare(const sl_column *a, int64_t row_a, const sl_column *b, int64_t row_b)
{
    SL_ASSERT_DEBUG(a->type == b->type, "only cells of one type are compared");
    bool null_a = sl_column_is_null(a, row_a), null_b = sl_column_is_null(b, row_b);
    if (null_a || null_b) {
        return order(null_a && !null_b, null_b && !null_a);
    }
    int rc = 0;
    switch (a->type) {
    case SL_BOOL:
        return order(!sl_column_bool(a, row_a) && sl_column_bool(b, row_b),
                     sl_column_bool(a, row_a) && !sl_column_bool(b, row_b));
    case SL_FLOAT32:
    case SL_FLOAT64:
        return compare_floats(float_at(a, row_a), float_at(b, row_b));
    case SL_DECIMAL:
        return compare_decimals(a, row_a, b, row_b);
    case SL_STRING:
    case SL_BINARY:
        return compare_texts(sl_column_text(a, row_a), sl_column_text(b, row_b));
    case SL_LIST:
        return compare_lists(a, row_a, b, row_b);
    case SL_STRUCT:
        for (int32_t i = 0; rc == 0 && i < a->n_children; i++) {
            rc = sli_cell_compare(&a->children[i], row_a, &b->children[i], row_b);
        }
        return rc;
    default:
        return compare_integers(a, row_a, b, row_b);
    }
}

bool sli_rows_equal(const sl_batch *a, const int32_t *columns_a, int64_t row_a, const sl_batch *b,
                    const int32_t *columns_b, int64_t row_b, int32_t n_columns)
{
    for (int32_t i = 0; i < n_columns; i++) {
        const sl_column *x = sl_batch_column(a, columns_a[i]),
                        *y = sl_batch_column(b, columns_b[i]);
        bool is_text = sli_type_is_text(x->type) && x->validity == NULL && y->validity == NULL;
        bool equal = is_text ? views_equal(x, (const sl_view *)x->values + row_a, y,
                                           (const sl_view *)y->values + row_b)
                             : sli_cell_compare(x, row_a, y, row_b) == 0;
        if (!equal) {
            return false;
        }
    }
    return true;
}
