/// groups_words.h — keys of several columns of fixed width, as they are in the 16 bytes that a
/// group table has for a key: cells side by side in the order of the key, little-endian, zeros
/// behind.
///
/// Such a key has no room for a null; who meets one makes row bytes of all keys.
#pragma once

#include "col/col_int.h"

typedef struct sli_group_key {
    uint64_t low, high;
} sli_group_key;

/// Whether all cells of such a key are integers, dates or timestamps, and fit.
bool sli_words_fit(const sl_schema *schema, const int32_t *columns, int32_t n_columns);
/// Keys of the rows [from, from + n); what stands under a null does not matter.
void sli_words_of_rows(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                       int64_t from, int64_t n, sli_group_key *out);
/// The same with hashes, in one pass, of two columns of 64 bits. False: they are others, and
/// nothing was done.
bool sli_words_of_pairs(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                        int64_t from, int64_t n, sli_group_key *out, uint64_t *hashes);
/// Whether one of the rows has a null in its key.
bool sli_words_have_null(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                         int64_t from, int64_t n);
/// Appends the cells of `n` keys to columns first_column... of `out`.
void sli_words_cells(const sl_schema *schema, const int32_t *columns, int32_t n_columns,
                     const sli_group_key *keys, int64_t n, sl_builder *out, int32_t first_column);
/// Appends a key as sli_row_put would.
void sli_words_row(const sl_schema *schema, const int32_t *columns, int32_t n_columns,
                   const sli_group_key *key, sli_str *out);
