/// groups_words.c — keys of several columns of fixed width in 16 bytes, column by column.

#include "col/groups_words.h"

static int32_t width_of(const sl_schema *schema, int32_t column)
{
    return sli_type_width(sl_schema_field(schema, column)->type);
}

bool sli_words_fit(const sl_schema *schema, const int32_t *columns, int32_t n_columns)
{
    int32_t bytes = 0;
    for (int32_t i = 0; i < n_columns; i++) {
        if (!sli_type_is_integer(sl_schema_field(schema, columns[i])->type)) {
            return false;
        }
        bytes += width_of(schema, columns[i]);
    }
    return bytes > 0 && bytes <= (int32_t)sizeof(sli_group_key);
}

/// `n` cells of one width, each a step behind the one before, on one side or on both.
static void copy_cells(char *to, size_t to_step, const char *from, size_t from_step, int32_t width,
                       int64_t n)
{
    if (width == 8) { // a loop of its own: the copy is one instruction, without a choice
        for (int64_t i = 0; i < n; i++, to += to_step, from += from_step) {
            memcpy(to, from, 8);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++, to += to_step, from += from_step) {
        sli_cell_copy(to, from, width);
    }
}

void sli_words_of_rows(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                       int64_t from, int64_t n, sli_group_key *out)
{
    char *at = (char *)out;
    memset(out, 0, (size_t)n * sizeof *out);
    for (int32_t i = 0; i < n_columns; i++) {
        const sl_column *column = sl_batch_column(batch, columns[i]);
        int32_t width = sli_type_width(column->type);
        copy_cells(at, sizeof *out, (const char *)column->values + from * width, (size_t)width,
                   width, n);
        at += width;
    }
}

bool sli_words_of_pairs(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                        int64_t from, int64_t n, sli_group_key *out, uint64_t *hashes)
{
    const sl_column *first = sl_batch_column(batch, columns[0]);
    const sl_column *second = sl_batch_column(batch, columns[n_columns - 1]);
    if (n_columns != 2 || sli_type_width(first->type) != 8 || sli_type_width(second->type) != 8 ||
        first->n_nulls != 0 || second->n_nulls != 0) {
        return false;
    }
    const uint64_t *low = (const uint64_t *)first->values + from;
    const uint64_t *high = (const uint64_t *)second->values + from;
    for (int64_t i = 0; i < n; i++) {
        out[i] = (sli_group_key){low[i], high[i]};
        hashes[i] = sli_hash_combine(sli_mix64(low[i]), sli_mix64(high[i]));
    }
    return true;
}

bool sli_words_have_null(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                         int64_t from, int64_t n)
{
    bool found = false;
    for (int32_t i = 0; i < n_columns && !found; i++) {
        const sl_column *column = sl_batch_column(batch, columns[i]);
        found = column->validity != NULL && sli_bits_count(column->validity, from, n) < n;
    }
    return found;
}

void sli_words_cells(const sl_schema *schema, const int32_t *columns, int32_t n_columns,
                     const sli_group_key *keys, int64_t n, sl_builder *out, int32_t first_column)
{
    const char *at = (const char *)keys;
    for (int32_t i = 0; i < n_columns; i++) {
        int32_t width = width_of(schema, columns[i]);
        char *to = sli_cells_reserve(&out->cells[first_column + i], n);
        if (to == NULL) {
            return; // the builder says why
        }
        copy_cells(to, (size_t)width, at, sizeof *keys, width, n);
        at += width;
    }
}

void sli_words_row(const sl_schema *schema, const int32_t *columns, int32_t n_columns,
                   const sli_group_key *key, sli_str *out)
{
    const char *at = (const char *)key;
    for (int32_t i = 0; i < n_columns; i++) {
        size_t width = (size_t)width_of(schema, columns[i]);
        sli_put_u8(out, 1);
        sli_str_add(out, at, width);
        at += width;
    }
}
