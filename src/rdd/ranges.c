// ranges.c — which range of a sortBy each row belongs to: by numbers made of the first column's
// cells (col/sort_keys.c), and by comparing cells where these don't tell.
#include "rdd/rdd_int.h"

/// Keys of a batch's cells in the first column of the order, where all of them have some.
static sli_key_kind keys_of(const sli_order *order, const sl_batch *batch, sli_keyed *keyed)
{
    const sl_column *column = sl_batch_column(batch, order->columns[0]);
    if (column->validity != NULL) {
        return SLI_KEY_NONE;
    }
    for (int64_t i = 0; i < column->n_rows; i++) {
        keyed[i].row = (int32_t)i;
    }
    return sli_sort_keys(column, keyed, column->n_rows, order->down[0]);
}

/// Room for `n` rows, and the bounds' keys once.
static sl_code prepare(sli_ranges *r, const sli_shuffle *s, int64_t n, sl_error *err)
{
    int64_t n_bounds = sl_batch_rows(s->bounds);
    if (r->bounds == NULL) {
        r->bounds = sl_alloc_array(SLI_TAG_RDD, (size_t)n_bounds + 1, sizeof *r->bounds);
        if (r->bounds == NULL) {
            return sl_error_nomem(err, (size_t)n_bounds * sizeof *r->bounds, "bounds of ranges");
        }
        r->bounds_kind = keys_of(s->ordered, s->bounds, r->bounds);
    }
    if (n > r->capacity) {
        sl_free(r->keyed);
        r->capacity = 0;
        r->keyed = sl_alloc_array(SLI_TAG_RDD, (size_t)n, sizeof *r->keyed);
        if (r->keyed == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof *r->keyed, "keys of rows");
        }
        r->capacity = n;
    }
    return SL_OK;
}

/// The first bound in [low, high) that the row does not come after, or `high`.
static int64_t search(const sli_shuffle *s, const sl_batch *batch, int64_t row, int64_t low,
                      int64_t high)
{
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (sli_order_compare(s->ordered, batch, row, s->bounds, middle) <= 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

/// How many of the bounds have a smaller key; no branch depends on the keys.
static int64_t bounds_before(const sli_keyed *bounds, int64_t n, uint64_t key)
{
    int64_t at = 0;
    while (n > 1) {
        int64_t half = n / 2;
        at += bounds[at + half - 1].key < key ? half : 0;
        n -= half;
    }
    return n == 0 ? 0 : at + (bounds[at].key < key);
}

sl_code sli_ranges_place(sli_ranges *r, const sli_shuffle *s, const sl_batch *batch, int32_t *where,
                         sl_error *err)
{
    int64_t n = sl_batch_rows(batch), n_bounds = sl_batch_rows(s->bounds);
    SL_TRY(prepare(r, s, n, err));
    sli_key_kind kind =
        r->bounds_kind == SLI_KEY_NONE ? SLI_KEY_NONE : keys_of(s->ordered, batch, r->keyed);
    bool settles = kind == SLI_KEY_EXACT && s->ordered->n == 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t low = 0, high = n_bounds;
        if (kind != SLI_KEY_NONE) {
            uint64_t key = r->keyed[i].key;
            low = bounds_before(r->bounds, n_bounds, key);
            for (high = low; !settles && high < n_bounds && r->bounds[high].key == key; high++) {
            }
        }
        where[i] = (int32_t)search(s, batch, i, low, high);
    }
    return SL_OK;
}

void sli_ranges_reset(sli_ranges *r)
{
    sl_free(r->keyed);
    sl_free(r->bounds);
    *r = (sli_ranges){0};
}
