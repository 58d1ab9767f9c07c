/// fixture_test.h — what the tests of this folder share: random batches of any schema, and rows as
/// text to compare.
#pragma once

#include "col/col_int.h"
#include "sl_test.h"

/// A schema with every type that is stored, nulls allowed in some, lists and structs within each
/// other.
extern const char *const slt_col_all_types;

sl_schema *slt_col_schema(const char *text); ///< fails the test when it does not parse
/// `n` rows of random cells: short and long text, nulls where allowed, edges of number ranges.
sl_batch *slt_col_random(const sl_schema *schema, sli_rng *rng, int64_t n);
void slt_col_random_cell(sl_builder *builder, int32_t column, const sl_field *field, sli_rng *rng);
/// Appends the cell as text; equal cells give equal text.
void slt_col_put_cell(sli_str *out, const sl_column *column, int64_t row);
/// Fails the test unless both rows have equal cells in all columns.
void slt_col_check_row(const sl_batch *a, int64_t row_a, const sl_batch *b, int64_t row_b);
void slt_col_check_equal(const sl_batch *a, const sl_batch *b);
/// Fails the test unless the batch keeps what col_int.h and batch.h promise: bounds, offsets, zero
/// bytes in views.
void slt_col_check_sound(const sl_batch *batch);
/// A batch of one string column from a NULL-ended list.
sl_batch *slt_col_words(const char *const *words);
