/// fixture_test.h — a small batch of every type, and cells as text, for the tests of this folder.
#pragma once

#include "sl_test.h"

#include "expr/expr_int.h"

/// Four rows; see fixture_test.c. The caller unrefs it.
sl_batch *slt_expr_batch(void);
/// A batch of the schema from text: rows parted by ';', cells by ',', "null" for null, lists as "1
/// 2 3".
sl_batch *slt_batch_of(const char *schema, const char *rows);
/// Rows with few different values, many nulls, and doubles whose sums are exact. They are of random
/// groups, of which the last stays empty.
sl_batch *slt_random_rows(sli_rng *rng, int32_t n_groups, int32_t *group, int n);
/// The cells of a column, parted by '|': strings as they are, null as "null", lists in [], binary
/// as text.
void slt_column_text(const sl_batch *batch, int32_t column, sli_str *out);
/// All rows, parted by ';', cells by ','. Lasts until the next call.
const char *slt_batch_text(const sl_batch *batch);
/// A random text of expression-like words.
void slt_random_text(sli_rng *rng, char *out, size_t size);

/// Aggregations with the first `n_keys` columns as keys.
sli_agg_plan *slt_plan_of(const char *text, const sl_batch *in, int32_t n_keys,
                          const sl_agg_fn *const *user);
sli_aggs *slt_aggs_of(const sli_agg_plan *plan, int64_t n_groups);
/// Partial states or results of groups [from, from + n), of a plan without keys.
sl_batch *slt_take_out(const sli_aggs *aggs, const sli_agg_plan *plan, bool partial, int64_t from,
                       int64_t n);
void slt_check_result(const sli_aggs *aggs, const sli_agg_plan *plan, int64_t n,
                      const char *expected);
