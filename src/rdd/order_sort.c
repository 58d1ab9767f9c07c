// order_sort.c — a stable sort of row numbers by an order.
//
// Column by column: the rows are sorted by a number made of their cell (col/sort_keys.c), then each
// run of rows that this leaves equal by the columns behind. Few rows, long texts and columns
// without such numbers are merged by comparing cells.
#include "rdd/rdd_int.h"

enum { FEW = 12 }; ///< rows that are merged at once: making keys would cost more

typedef struct sorter {
    const sli_order *order;
    const sl_batch *batch;
} sorter;

/// Rows with room beside them: what is sorted, and scratch of the same length.
typedef struct span {
    int32_t *rows, *spare;
    sli_keyed *keyed, *spare_keyed;
    int64_t n;
} span;

static span part_of(const span *s, int64_t from, int64_t n)
{
    return (span){s->rows + from, s->spare + from, s->keyed + from, s->spare_keyed + from, n};
}

// ---------------------------------------------------------------- by comparing

static void merge(const sorter *by, int32_t level, const int32_t *left, int64_t n_left,
                  const int32_t *right, int64_t n_right, int32_t *to)
{
    while (n_left > 0 && n_right > 0) {
        if (sli_order_compare_from(by->order, level, by->batch, *left, by->batch, *right) <= 0) {
            *to++ = *left++;
            n_left--;
        } else {
            *to++ = *right++;
            n_right--;
        }
    }
    memcpy(to, left, (size_t)n_left * sizeof *to);
    memcpy(to + n_left, right, (size_t)n_right * sizeof *to);
}

static void merge_sort(const sorter *by, int32_t level, const span *s)
{
    int64_t n = s->n;
    int32_t *from = s->rows, *to = s->spare;
    for (int64_t width = 1; width < n; width *= 2) {
        for (int64_t at = 0; at < n; at += 2 * width) {
            int64_t left = n - at < width ? n - at : width;
            int64_t right = n - at - left < width ? n - at - left : width;
            merge(by, level, from + at, left, from + at + left, right, to + at);
        }
        int32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != s->rows) {
        memcpy(s->rows, from, (size_t)n * sizeof *from);
    }
}

// ---------------------------------------------------------------- by keys

static void sort_level(const sorter *by, int32_t level, const span *s);

/// Nulls first, or last when the order is down; both parts keep their order. Returns how many there
/// are.
static int64_t part_nulls(const sl_column *column, bool down, const span *s)
{
    int64_t n_nulls = 0, n_values = 0;
    for (int64_t i = 0; i < s->n; i++) {
        if (sl_column_is_null(column, s->rows[i])) {
            s->spare[n_nulls++] = s->rows[i];
        } else {
            s->rows[n_values++] = s->rows[i];
        }
    }
    if (down) {
        memcpy(s->rows + n_values, s->spare, (size_t)n_nulls * sizeof *s->rows);
    } else {
        memmove(s->rows + n_nulls, s->rows, (size_t)n_values * sizeof *s->rows);
        memcpy(s->rows, s->spare, (size_t)n_nulls * sizeof *s->rows);
    }
    return n_nulls;
}

/// Runs of equal keys, which are sorted by what the key does not say.
static void sort_runs(const sorter *by, int32_t level, const span *s, sli_key_kind kind)
{
    bool is_last = level + 1 == by->order->n, down = by->order->down[level];
    if (is_last && kind == SLI_KEY_EXACT) {
        return;
    }
    for (int64_t from = 0, to; from < s->n; from = to) {
        uint64_t key = s->keyed[from].key;
        for (to = from + 1; to < s->n && s->keyed[to].key == key; to++) {
        }
        span run = part_of(s, from, to - from);
        if (run.n == 1) {
            continue;
        }
        if (kind == SLI_KEY_PREFIX && !sli_key_is_whole(key, down)) {
            merge_sort(by, level, &run);
        } else {
            sort_level(by, level + 1, &run);
        }
    }
}

static void sort_values(const sorter *by, int32_t level, const span *s)
{
    const sl_column *column = sl_batch_column(by->batch, by->order->columns[level]);
    for (int64_t i = 0; i < s->n; i++) {
        s->keyed[i].row = s->rows[i];
    }
    sli_key_kind kind = sli_sort_keys(column, s->keyed, s->n, by->order->down[level]);
    if (kind == SLI_KEY_NONE) {
        merge_sort(by, level, s);
        return;
    }
    sli_sort_keyed(s->keyed, s->spare_keyed, s->n);
    for (int64_t i = 0; i < s->n; i++) {
        s->rows[i] = s->keyed[i].row;
    }
    sort_runs(by, level, s, kind);
}

/// By the columns from `level` on; the rows are equal in those before.
static void sort_level(const sorter *by, int32_t level, const span *s)
{
    if (level == by->order->n) {
        return;
    }
    if (s->n <= FEW) {
        merge_sort(by, level, s);
        return;
    }
    const sl_column *column = sl_batch_column(by->batch, by->order->columns[level]);
    bool down = by->order->down[level];
    int64_t n_nulls = column->validity == NULL ? 0 : part_nulls(column, down, s);
    int64_t n_values = s->n - n_nulls;
    span nulls = part_of(s, down ? n_values : 0, n_nulls);
    span values = part_of(s, down ? 0 : n_nulls, n_values);
    if (n_nulls > 0) {
        sort_level(by, level + 1, &nulls);
    }
    sort_values(by, level, &values);
}

sl_code sli_order_sort(const sli_order *order, const sl_batch *batch, int32_t **rows, sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    size_t room = (size_t)n + 1;
    span s = {.rows = sl_alloc_array(SLI_TAG_RDD, room, sizeof *s.rows),
              .spare = sl_alloc_array(SLI_TAG_RDD, room, sizeof *s.spare),
              .keyed = sl_alloc_array(SLI_TAG_RDD, room, sizeof *s.keyed),
              .spare_keyed = sl_alloc_array(SLI_TAG_RDD, room, sizeof *s.spare_keyed),
              .n = n};
    bool ok = s.rows != NULL && s.spare != NULL && s.keyed != NULL && s.spare_keyed != NULL;
    if (ok) {
        for (int64_t i = 0; i < n; i++) {
            s.rows[i] = (int32_t)i;
        }
        sort_level(&(sorter){order, batch}, 0, &s);
        *rows = s.rows;
    } else {
        sl_free(s.rows);
    }
    sl_free(s.spare);
    sl_free(s.keyed);
    sl_free(s.spare_keyed);
    return ok ? SL_OK : sl_error_nomem(err, room * SLI_SORT_ROW_BYTES, "the rows that are sorted");
}
