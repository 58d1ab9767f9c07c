/// hash.c — hashes of cells, equal for equal cells in every batch, process and machine. They decide
/// slots and partitions, so they must never change: README.md specifies them.

#include "col/col_int.h"

#include <string.h>

static uint64_t hash_float(double value)
{
    return sli_mix64(sli_row_float64_bits(value));
}

static uint64_t hash_cell(const sl_column *column, int64_t row);

static uint64_t hash_list(const sl_column *column, int64_t row)
{
    const int32_t *offsets = column->values;
    uint64_t hash = sli_mix64((uint64_t)(offsets[row + 1] - offsets[row]));
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        hash = sli_hash_combine(hash, hash_cell(column->children, i));
    }
    return hash;
}

static uint64_t hash_cell(const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        return SLI_NULL_HASH;
    }
    switch (column->type) {
    case SL_BOOL:
        return sli_mix64(sl_column_bool(column, row));
    case SL_FLOAT32:
        return hash_float((double)((const float *)column->values)[row]);
    case SL_FLOAT64:
        return hash_float(sl_column_float64(column, row));
    case SL_DECIMAL: {
        const uint64_t *words = (const uint64_t *)column->values + 2 * row;
        return sli_pair_hash(words[0], words[1]);
    }
    case SL_STRING:
    case SL_BINARY:
        return sli_view_hash(column, (const sl_view *)column->values + row);
    case SL_LIST:
        return hash_list(column, row);
    case SL_STRUCT: {
        uint64_t hash = SLI_HASH_K0;
        for (int32_t i = 0; i < column->n_children; i++) {
            hash = sli_hash_combine(hash, hash_cell(&column->children[i], row));
        }
        return hash;
    }
    default:
        return sli_mix64((uint64_t)sli_integer_at(column, row));
    }
}

static void hash_views(const sl_column *column, int64_t from, int64_t n, uint64_t *hashes)
{
    const sl_view *views = (const sl_view *)column->values + from;
    for (int64_t i = 0; i < n; i++) {
        hashes[i] = sli_view_hash(column, &views[i]);
    }
}

static void hash_int64s(const sl_column *column, int64_t from, int64_t n, uint64_t *hashes)
{
    const uint64_t *values = (const uint64_t *)column->values + from;
    for (int64_t i = 0; i < n; i++) {
        hashes[i] = sli_mix64(values[i]);
    }
}

void sli_column_hash(const sl_column *column, int64_t from, int64_t n, uint64_t *hashes)
{
    bool is_int64 = column->type == SL_INT64 || column->type == SL_TIMESTAMP;
    if (!sli_type_is_text(column->type) && !is_int64) {
        for (int64_t i = 0; i < n; i++) {
            hashes[i] = hash_cell(column, from + i);
        }
        return;
    }
    if (is_int64) {
        hash_int64s(column, from, n, hashes);
    } else {
        hash_views(column, from, n, hashes);
    }
    for (int64_t i = 0; column->validity != NULL && i < n; i++) {
        hashes[i] = sl_column_is_null(column, from + i) ? SLI_NULL_HASH : hashes[i];
    }
}

void sli_batch_hash_range(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                          int64_t from, int64_t n, uint64_t *hashes)
{
    if (n_columns == 0) {
        for (int64_t i = 0; i < n; i++) {
            hashes[i] = sli_mix64(0); // one group of all rows
        }
        return;
    }
    sli_column_hash(sl_batch_column(batch, columns[0]), from, n, hashes);
    for (int32_t c = 1; c < n_columns; c++) {
        const sl_column *column = sl_batch_column(batch, columns[c]);
        uint64_t some[256];
        for (int64_t at = 0; at < n; at += 256) {
            int64_t count = n - at < 256 ? n - at : 256;
            sli_column_hash(column, from + at, count, some);
            for (int64_t i = 0; i < count; i++) {
                hashes[at + i] = sli_hash_combine(hashes[at + i], some[i]);
            }
        }
    }
}

void sli_batch_hash(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                    uint64_t *hashes)
{
    sli_batch_hash_range(batch, columns, n_columns, 0, batch->n_rows, hashes);
}
