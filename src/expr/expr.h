/// expr.h — expressions and aggregations over columns, written as text and resolved at definition.
///
/// Texts: "n > 5 and word != ''", "word, length(word) as len, n * 2 as twice", keys "user, date",
/// aggregations "count() as n, sum(v) as total". Grammar and functions are in the README.
/// Evaluation is batch-wise: a compiled expression is a tree of kernels, one call each per batch.
/// Errors of single rows (overflow of an integer, division by zero of integers, a cast that fails)
/// are SL_E_DATA with the row's number in the batch, from 0.
///
/// Nulls as in SQL: arithmetic and comparison with null give null, `and`/`or` are three-valued, a
/// filter keeps true only.
#pragma once

#include "col/col.h"
#include "conf/conf.h"
#include "sluice/fn.h"

// ---------------------------------------------------------------- expressions

/// A compiled list of expressions; shared by threads, never changed.
typedef struct sli_projection sli_projection;

/// Compiles "a, b + 1 as c, *". Fails: SL_E_INVALID with position, what was expected, and for an
/// unknown column or function the nearest name.
sl_code sli_projection_new(sli_projection **out, const char *text, const sl_schema *in,
                           sl_error *err);
void sli_projection_free(SL_TAKES sli_projection *projection);
const sl_schema *sli_projection_schema(const sli_projection *projection);
/// Canonical text: what enters the graph's hash.
const char *sli_projection_text(const sli_projection *projection);
/// Columns that are passed through are shared, not copied. Thread: any, at once.
sl_code sli_projection_eval(const sli_projection *projection, const sl_batch *in, sl_batch **out,
                            sl_error *err);

/// A compiled condition: one bool expression.
typedef struct sli_condition sli_condition;
sl_code sli_condition_new(sli_condition **out, const char *text, const sl_schema *in,
                          sl_error *err);
void sli_condition_free(SL_TAKES sli_condition *condition);
/// The rows for which it is true.
sl_code sli_condition_filter(const sli_condition *condition, const sl_batch *in, sl_batch **out,
                             sl_error *err);

/// "user, page": names of columns to their indices (plain columns only; at most 64). Fails:
/// SL_E_INVALID, nearest name.
sl_code sli_columns_parse(const char *text, const sl_schema *in, int32_t *columns,
                          int32_t *n_columns, sl_error *err);

// ---------------------------------------------------------------- aggregations
//
// Rows of one table, all in the README: count([x]) sum min max avg first last list(x) set(x)
// variance corr(x, y) arg_max(x, by) approx_count_distinct(x[, sd]) and so on, and the user's
// (sl_agg_fn). An accumulator set
// (sli_aggs) keeps states of any number of groups, column-wise. Partial states are rows of ordinary
// columns, so that map-side combining, shuffle, spill and state store share one form.

/// What a list of aggregations is for one input schema; shared by threads, never changed.
typedef struct sli_agg_plan sli_agg_plan;
/// `user` is a NULL-ended list of user aggregations, or NULL. `keys`: the key columns of the input,
/// which come first in both output schemas. An aggregation without `as` is named "sum_v"; two of
/// one name are an error.
sl_code sli_agg_plan_new(sli_agg_plan **out, const char *text, const sl_schema *in,
                         const int32_t *keys, int32_t n_keys, const sl_agg_fn *const *user,
                         sl_error *err);
void sli_agg_plan_free(SL_TAKES sli_agg_plan *plan);
const sl_schema *sli_agg_plan_partial(const sli_agg_plan *plan); ///< keys, then the states' columns
const sl_schema *
sli_agg_plan_result(const sli_agg_plan *plan);           ///< keys, then a column an aggregation
const char *sli_agg_plan_text(const sli_agg_plan *plan); ///< canonical
/// Whether all of them can take rows out again: counts, and sums and averages of integers can;
/// those of floats can't, since 1e20 + 1 - 1e20 is 0.
bool sli_agg_plan_invertible(const sli_agg_plan *plan);
/// Whether the order in which rows and partial states come shows in no result, but in the last bits
/// of floats. Not so of what keeps an order (first, list, string_agg), goes by the first of equals
/// (arg_max), of sketches whose bytes depend on it, and of the user's.
bool sli_agg_plan_any_order(const sli_agg_plan *plan);

typedef struct sli_aggs sli_aggs; ///< the states of some groups. Thread: one at a time
/// `args` is handed to user aggregations, may be NULL when there are none.
sl_code sli_aggs_new(sli_aggs **out, const sli_agg_plan *plan, const sl_args *args, sl_error *err);
void sli_aggs_free(SL_TAKES sli_aggs *aggs);
/// Groups [old count, n) get fresh states.
sl_code sli_aggs_grow(sli_aggs *aggs, int64_t n_groups, sl_error *err);
/// Folds the rows of an input batch, in row order; group[i] < the count given to grow, and NULL
/// says that all rows are of group 0, which kernels without keys make use of (agg_one.c). After a
/// failure of this call, merge or inverse the states hold part of the rows: they are good for clear
/// and free only.
sl_code sli_aggs_update(sli_aggs *aggs, const int32_t *group, const sl_batch *in, sl_error *err);
/// Folds rows of the partial schema; `group` as above, for inverse too.
sl_code sli_aggs_merge(sli_aggs *aggs, const int32_t *group, const sl_batch *partial,
                       sl_error *err);
/// Takes rows of the partial schema out again; the plan must be invertible.
sl_code sli_aggs_inverse(sli_aggs *aggs, const int32_t *group, const sl_batch *partial,
                         sl_error *err);
/// Appends the states of groups [from, from + n) to the columns after the keys of a partial-schema
/// builder.
sl_code sli_aggs_partial(const sli_aggs *aggs, int64_t from, int64_t n, sl_builder *out,
                         sl_error *err);
/// As sli_aggs_partial, results into a result-schema builder.
sl_code sli_aggs_finish(const sli_aggs *aggs, int64_t from, int64_t n, sl_builder *out,
                        sl_error *err);
int64_t sli_aggs_bytes(const sli_aggs *aggs);
void sli_aggs_clear(sli_aggs *aggs); ///< no groups; keeps the memory

// ---------------------------------------------------------------- arguments of user functions

/// What sl_args_* read; made by whoever calls a user function.
struct sl_args {
    const char *text; ///< "by=' ' max=10"; was checked at definition
    int64_t epoch, time_us;
    int32_t partition;
    sli_rng *rng;
    void *state;
    sl_arena *arena;
    void *(*attached)(const void *ctx, const char *name); ///< NULL: nothing is attached
    const void *attached_ctx;
    struct sli_bvars *bvars;     ///< of rdd/; NULL: no broadcast variables
    const struct sli_stop *stop; ///< of rdd/: an order to end the attempt; NULL: none can come
    struct sli_adder *adder;     ///< of rdd/; NULL: nothing can be added to accumulators
};
