/// sort_keys.c — cells as numbers that order alike, and a stable sort by those numbers.
///
/// A sort by keys looks at 16 bytes a row that lie side by side, where a comparison of cells goes
/// through two columns, two null bitmaps and a switch by type. The order is that of
/// sli_cell_compare (compare.c); a test holds the two together.
#include "col/col_int.h"

#include <string.h>

static const uint64_t SIGN = (uint64_t)1 << 63;

static uint64_t key_of_float(double value)
{
    double d = value + 0.0; // -0.0 equals 0.0
    uint64_t bits;
    if (d != d) {
        return UINT64_MAX; // behind everything, and equal to itself
    }
    memcpy(&bits, &d, sizeof bits);
    return (bits & SIGN) != 0 ? ~bits : bits | SIGN;
}

/// Seven bytes of text and, in the lowest byte, its size; 255 when there are more. A text that is
/// the beginning of another one has zeros where that one goes on, and the smaller size.
static uint64_t key_of_text(const sl_column *column, int64_t row)
{
    sl_text text = sl_column_text(column, row);
    unsigned char bytes[8] = {0};
    memcpy(bytes, text.data, text.size < 7 ? text.size : 7);
    bytes[7] = text.size <= 7 ? (unsigned char)text.size : SLI_KEY_MORE;
    uint64_t key;
    memcpy(&key, bytes, sizeof key);
    return __builtin_bswap64(key);
}

/// Decimals that fit into 64 bits; false when one does not.
static bool put_decimals(const sl_column *column, sli_keyed *rows, int64_t n, uint64_t flip)
{
    const int64_t *halves = column->values; // low, high
    for (int64_t i = 0; i < n; i++) {
        int64_t low = halves[2 * (int64_t)rows[i].row], high = halves[2 * (int64_t)rows[i].row + 1];
        if (high != (low < 0 ? -1 : 0)) {
            return false;
        }
        rows[i].key = ((uint64_t)low ^ SIGN) ^ flip;
    }
    return true;
}

static void put_int64s(const sl_column *column, sli_keyed *rows, int64_t n, uint64_t flip)
{
    const uint64_t *values = column->values;
    for (int64_t i = 0; i < n; i++) {
        rows[i].key = values[rows[i].row] ^ flip;
    }
}

sli_key_kind sli_sort_keys(const sl_column *column, sli_keyed *rows, int64_t n, bool down)
{
    uint64_t flip = down ? UINT64_MAX : 0;
    switch (column->type) {
    case SL_INT64:
    case SL_TIMESTAMP:
        put_int64s(column, rows, n, flip ^ SIGN);
        return SLI_KEY_EXACT;
    case SL_UINT64:
        put_int64s(column, rows, n, flip);
        return SLI_KEY_EXACT;
    case SL_INT8:
    case SL_INT16:
    case SL_INT32:
    case SL_UINT8:
    case SL_UINT16:
    case SL_UINT32:
    case SL_DATE:
        for (int64_t i = 0; i < n; i++) {
            rows[i].key = ((uint64_t)sli_integer_at(column, rows[i].row) ^ SIGN) ^ flip;
        }
        return SLI_KEY_EXACT;
    case SL_BOOL:
        for (int64_t i = 0; i < n; i++) {
            rows[i].key = (sl_column_bool(column, rows[i].row) ? 1 : 0) ^ flip;
        }
        return SLI_KEY_EXACT;
    case SL_FLOAT32:
        for (int64_t i = 0; i < n; i++) {
            rows[i].key = key_of_float((double)((const float *)column->values)[rows[i].row]) ^ flip;
        }
        return SLI_KEY_EXACT;
    case SL_FLOAT64:
        for (int64_t i = 0; i < n; i++) {
            rows[i].key = key_of_float(sl_column_float64(column, rows[i].row)) ^ flip;
        }
        return SLI_KEY_EXACT;
    case SL_STRING:
    case SL_BINARY:
        for (int64_t i = 0; i < n; i++) {
            rows[i].key = key_of_text(column, rows[i].row) ^ flip;
        }
        return SLI_KEY_PREFIX;
    case SL_DECIMAL:
        return put_decimals(column, rows, n, flip) ? SLI_KEY_EXACT : SLI_KEY_NONE;
    default:
        return SLI_KEY_NONE; // lists, structs
    }
}

// ---------------------------------------------------------------- the sort

enum { DIGITS = 256, FEW = 24 };

static void insert_each(sli_keyed *rows, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        sli_keyed row = rows[i];
        int64_t at = i;
        for (; at > 0 && rows[at - 1].key > row.key; at--) {
            rows[at] = rows[at - 1];
        }
        rows[at] = row;
    }
}

/// The bits in which keys differ.
static uint64_t differences(const sli_keyed *rows, int64_t n)
{
    uint64_t all = 0;
    for (int64_t i = 1; i < n; i++) {
        all |= rows[i].key ^ rows[0].key;
    }
    return all;
}

/// Spreads rows from `from` over `to` by eight bits of their keys; begin[d] to begin[d + 1] is
/// where digit d lies.
static void spread(const sli_keyed *from, sli_keyed *to, int64_t n, int shift, int64_t *begin)
{
    int64_t next[DIGITS];
    memset(begin, 0, (DIGITS + 1) * sizeof *begin);
    for (int64_t i = 0; i < n; i++) {
        begin[(from[i].key >> shift & 255) + 1]++;
    }
    for (int d = 0; d < DIGITS; d++) {
        next[d] = begin[d];
        begin[d + 1] += begin[d];
    }
    for (int64_t i = 0; i < n; i++) {
        to[next[from[i].key >> shift & 255]++] = from[i];
    }
}

/// From the highest bits in which keys differ downwards, so that keys of few bits cost few passes.
/// The rows lie in `from`; they end in `to` when `over`, else in `from`. Recursion ends after eight
/// levels: each settles eight bits.
static void sort_by_digits(sli_keyed *from, sli_keyed *to, int64_t n, bool over)
{
    uint64_t different = n <= FEW ? 0 : differences(from, n);
    if (different == 0) {
        if (n <= FEW) {
            insert_each(from, n);
        }
        if (over) {
            memcpy(to, from, (size_t)n * sizeof *to);
        }
        return;
    }
    int top = 64 - __builtin_clzll(different), shift = top > 8 ? top - 8 : 0;
    int64_t begin[DIGITS + 1];
    spread(from, to, n, shift, begin);
    for (int d = 0; d < DIGITS; d++) {
        int64_t at = begin[d];
        if (begin[d + 1] > at) {
            sort_by_digits(to + at, from + at, begin[d + 1] - at, !over);
        }
    }
}

void sli_sort_keyed(sli_keyed *rows, sli_keyed *spare, int64_t n)
{
    sort_by_digits(rows, spare, n, false);
}
