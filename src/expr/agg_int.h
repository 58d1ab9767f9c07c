/// agg_int.h — what the aggregations' files share: a kind of aggregation is a row of sli_agg_kinds.
///
/// A state set keeps, for each aggregation, one array of fixed-size states, one a group, and what
/// they refer to (texts, lists) beside it. Input comes as vectors, partial states as columns of a
/// batch.
#pragma once

#include "base/hash.h"
#include "expr/expr_int.h"

enum {
    SLI_LIST_MAX = 1 << 28, ///< elements of all lists and sets of one aggregation in one state set
};
#define SLI_LIST_MAX_BYTES (INT64_C(1) << 40) ///< of their texts
#define SLI_AGG_MOST_ROWS (INT64_C(1) << 62)  ///< of a partial state: more are broken
enum {
    SLI_AGG_ARGS = 2,       ///< values that an aggregation takes of a row, at most
    SLI_AGG_QUANTILES = 16, ///< of approx_quantiles
};

typedef struct sli_agg_state sli_agg_state;

struct sli_agg;

/// One kind of aggregation over one kind of values. `args`: a letter a value, as in the table of
/// functions: A anything (only nulls are looked at), b i f s, r integers and float64, x texts, n
/// any of b i f d t by its int64 bits, v one of n or x, D a decimal, which is a column. `partial`:
/// a letter a column, T the first value's type, U the second's, L a list of T, F a list of float64,
/// D a decimal of 38 digits with the first value's scale, P one of values with counts, y binary; an
/// upper-case N before makes it nullable. Behind the values a call may have settings, which are
/// read when it is planned.
typedef struct sli_agg_kind {
    const char *name;
    const char *args;
    const char *partial; ///< "NTi": two columns, of the first value's type and nullable, and int64
    const char *suffix;  ///< names of the second and later columns: ".rows"
    const char *result;
    bool invertible;
    size_t state_bytes; ///< 0: `configure` says
    void (*init)(sli_agg_state *self, int64_t from, int64_t n);
    /// Folds rows of `values`: a vector a value, NULL for kinds that take none.
    sl_code (*update)(sli_agg_state *self, const int32_t *group, const sli_vec *values, int64_t n,
                      sl_error *err);
    /// The same of rows that are all of group 0, to the same bits; NULL: update with group numbers
    /// that say so.
    sl_code (*update_one)(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
    /// Folds rows [ev->base, + ev->n) of partial columns; NULL: update with the first one.
    sl_code (*merge)(sli_agg_state *self, const int32_t *group, const sl_batch *in, sli_eval *ev);
    sl_code (*inverse)(sli_agg_state *self, const int32_t *group, const sl_batch *in, sli_eval *ev);
    void (*partial_out)(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                        int32_t column);
    sl_code (*finish)(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                      int32_t column, sl_error *err);
    void (*clear)(sli_agg_state *self, bool free_all); ///< NULL: nothing beside the array
    /// Reads the settings, `n` of them, and may set agg->state_bytes; NULL: there are none.
    sl_code (*configure)(const sli_compiler *c, sli_node *const *settings, int32_t n,
                         struct sli_agg *agg);
    int8_t n_settings, n_optional; ///< those that must be there, those that may be behind them
} sli_agg_kind;

extern const sli_agg_kind sli_agg_kinds[]; ///< ends with a zero row

/// One aggregation of a plan.
typedef struct sli_agg {
    const sli_agg_kind *kind;
    const char *name;
    const sli_node *args[SLI_AGG_ARGS];
    int32_t n_args;
    sl_type type, by;     ///< of the first and the second, 0: none or one that is only counted
    int8_t digits, scale; ///< of a decimal
    size_t state_bytes;
    int32_t precision; ///< approx_count_distinct: 2^precision registers; quantiles: k of their
                       ///< sketch; approx_top_k: capacity
    int32_t most;      ///< approx_top_k: values of a result
    sl_text separator; ///< string_agg
    const double *quantiles;
    int32_t n_quantiles;
    int32_t partial_column, n_partial, result_column;
    const sl_agg_fn *user;     ///< NULL: built in
    sli_projection *user_args; ///< its arguments as columns
} sli_agg;

struct sli_agg_plan {
    sl_arena *arena;
    int32_t n_keys, n_aggs, n_partial; ///< n_partial: columns, keys included
    sli_agg *aggs;
    sl_schema *partial, *result;
    char *text;
    bool invertible;
};

/// The elements of all groups' lists, in the order they came; each group's are chained.
typedef struct sli_cell {
    int64_t bits; ///< of the value, or the text's offset in `bytes`
    int32_t size; ///< of a text
    int32_t next; ///< -1: the group's last
    int32_t group;
    uint32_t hash; ///< sets only
} sli_cell;

typedef struct sli_cells {
    sli_cell *cells;
    int64_t n, capacity;
    char *bytes;
    int64_t n_bytes, bytes_capacity;
    int32_t *slots; ///< sets: index of a cell + 1, 0 empty; power of two of them
    int64_t n_slots;
} sli_cells;

struct sli_agg_state {
    const sli_agg *agg;
    const sl_args *args;
    void *states;
    int64_t n, capacity;
    int64_t base;       ///< row of the batch that is row 0 of the vector, for errors
    sli_cells cells;    ///< list, set
    int64_t text_bytes; ///< of buffers that the groups have of their own
};

/// SL_E_DATA for row i of a vector handed to update.
sl_code sli_agg_fail(const sli_agg_state *self, int64_t i, sl_error *err, const char *fmt, ...)
    SL_PRINTF(4, 5);

static inline bool sli_vec_is_null(const sli_vec *vec, int64_t i)
{
    return vec->nulls != NULL && vec->nulls[i] != 0;
}
/// Whether a partial state of `more` rows can be added to one of `rows`: nobody has made more than
/// SLI_AGG_MOST_ROWS, and behind them there is room for those that still come.
static inline bool sli_agg_rows_fit(int64_t rows, int64_t more)
{
    return more >= 0 && more <= SLI_AGG_MOST_ROWS - rows;
}
/// SL_E_CORRUPT for a partial state.
sl_code sli_agg_corrupt(const sli_agg_state *self, sl_error *err);
/// Group 0 for each of SLI_EXPR_ROWS rows.
extern const int32_t sli_agg_group_zero[];
/// A value of kind bool, int or float as 8 bytes, and back into a builder.
int64_t sli_vec_bits(const sli_vec *vec, int64_t i);
/// Equal values give equal numbers, -0.0 and 0.0, all NaNs too; not mixed: 1 and 2 are neighbours.
uint64_t sli_vec_hash(const sli_vec *vec, int64_t i);
void sli_bits_store(sl_type type, int64_t bits, sl_builder *out, int32_t column);

// agg_number.c
typedef struct sli_sum_int {
    int64_t sum, rows;
} sli_sum_int;

typedef struct sli_sum_float {
    double sum;
    int64_t rows;
} sli_sum_float;

__extension__ typedef __int128 sli_i128;

/// A sum of 128 bits, which no number of rows makes overflow.
typedef struct sli_sum_wide {
    uint64_t low;
    int64_t high, rows;
} sli_sum_wide;

static inline sli_i128 sli_wide_of(const sli_sum_wide *s)
{
    return (sli_i128)(((sli_u128)(uint64_t)s->high << 64) | s->low);
}

static inline void sli_wide_add(sli_sum_wide *s, sli_i128 value)
{
    sli_u128 sum = (sli_u128)sli_wide_of(s) + (sli_u128)value;
    s->low = (uint64_t)sum;
    s->high = (int64_t)(uint64_t)(sum >> 64);
}

/// One value by its bits, or none.
typedef struct sli_single {
    int64_t bits, has;
} sli_single;

static inline double sli_float_of(int64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

// agg_one.c
sl_code sli_agg_one_count(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
sl_code sli_agg_one_sum_int(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
sl_code sli_agg_one_sum_float(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
sl_code sli_agg_one_avg_int(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
sl_code sli_agg_one_min(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
sl_code sli_agg_one_max(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
sl_code sli_agg_one_first(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);
sl_code sli_agg_one_last(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err);

// agg_decimal.c: states are sli_sum_wide; of min, max, first, last one value, and rows 1 when it is
// there.
sl_code sli_agg_decimal_sum(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err);
sl_code sli_agg_decimal_sum_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                                  sli_eval *ev);
sl_code sli_agg_decimal_sum_inverse(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                                    sli_eval *ev);
void sli_agg_decimal_sum_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                             int32_t column);
sl_code sli_agg_decimal_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                               int32_t column, sl_error *err);
sl_code sli_agg_decimal_avg(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                            int32_t column, sl_error *err);
sl_code sli_agg_decimal_min(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err);
sl_code sli_agg_decimal_max(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err);
sl_code sli_agg_decimal_first(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, sl_error *err);
sl_code sli_agg_decimal_last(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                             int64_t n, sl_error *err);
void sli_agg_decimal_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column);

// agg_text.c
typedef struct sli_agg_text {
    char *data; ///< its own
    int32_t size, capacity;
    bool has;
} sli_agg_text;
void sli_agg_text_init(sli_agg_state *self, int64_t from, int64_t n);
sl_code sli_agg_text_min(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                         int64_t n, sl_error *err);
sl_code sli_agg_text_max(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                         int64_t n, sl_error *err);
sl_code sli_agg_text_first(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                           int64_t n, sl_error *err);
sl_code sli_agg_text_last(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                          int64_t n, sl_error *err);
/// string_agg(x, separator): a setting, and rows.
sl_code sli_agg_join_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                               sli_agg *agg);
sl_code sli_agg_join_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err);
/// Makes a copy of `text` the group's. Fails: SL_E_NOMEM.
sl_code sli_agg_text_keep(sli_agg_state *self, sli_agg_text *s, sl_text text, sl_error *err);
void sli_agg_text_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                      int32_t column);
void sli_agg_text_clear(sli_agg_state *self, bool free_all);

// agg_moments.c
enum { SLI_AGG_MOMENTS_BYTES = 24 };
void sli_agg_moments_init(sli_agg_state *self, int64_t from, int64_t n);
sl_code sli_agg_moments_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err);
sl_code sli_agg_moments_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev);
void sli_agg_moments_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column);
sl_code sli_agg_variance(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column, sl_error *err);
sl_code sli_agg_stdev(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                      int32_t column, sl_error *err);
sl_code sli_agg_variance_sample(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                                int32_t column, sl_error *err);
sl_code sli_agg_stdev_sample(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                             int32_t column, sl_error *err);

// agg_fold.c
enum { SLI_AGG_FOLD_BYTES = 16 };
/// Bools counted: count_if, bool_and, bool_or.
sl_code sli_agg_truths_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, sl_error *err);
sl_code sli_agg_truths_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                             sli_eval *ev);
sl_code sli_agg_truths_inverse(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev);
void sli_agg_truths_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                        int32_t column);
sl_code sli_agg_count_if(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column, sl_error *err);
sl_code sli_agg_bool_and(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column, sl_error *err);
sl_code sli_agg_bool_or(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                        int32_t column, sl_error *err);
/// Bits of integers, sli_sum_int each.
sl_code sli_agg_bit_and_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err);
sl_code sli_agg_bit_and_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev);
sl_code sli_agg_bit_or_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, sl_error *err);
sl_code sli_agg_bit_or_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                             sli_eval *ev);
sl_code sli_agg_bit_xor_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err);
sl_code sli_agg_bit_xor_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev);
sl_code sli_agg_bit_xor_inverse(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                                sli_eval *ev);
/// sli_sum_float, whose sum is the product.
sl_code sli_agg_product_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err);
sl_code sli_agg_product_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev);

// agg_pairs.c
enum { SLI_AGG_PAIRS_BYTES = 48 };
sl_code sli_agg_pairs_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                             int64_t n, sl_error *err);
sl_code sli_agg_pairs_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                            sli_eval *ev);
void sli_agg_pairs_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                       int32_t column);
sl_code sli_agg_covar_pop(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column, sl_error *err);
sl_code sli_agg_covar_samp(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                           int32_t column, sl_error *err);
sl_code sli_agg_corr(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                     int32_t column, sl_error *err);

// agg_arg.c
enum { SLI_AGG_ARG_BYTES = 80 };
sl_code sli_agg_arg_min_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err);
sl_code sli_agg_arg_min_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev);
sl_code sli_agg_arg_max_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err);
sl_code sli_agg_arg_max_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev);
void sli_agg_arg_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                     int32_t column);
sl_code sli_agg_arg_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                           int32_t column, sl_error *err);
void sli_agg_arg_clear(sli_agg_state *self, bool free_all);

// agg_distinct.c
#define SLI_MIN_RELATIVE_SD 0.002
#define SLI_MAX_RELATIVE_SD 0.4
sl_code sli_agg_distinct_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                   sli_agg *agg);
void sli_agg_distinct_init(sli_agg_state *self, int64_t from, int64_t n);
sl_code sli_agg_distinct_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                                int64_t n, sl_error *err);
sl_code sli_agg_distinct_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev);
void sli_agg_distinct_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column);
sl_code sli_agg_distinct_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                                int32_t column, sl_error *err);

// agg_quantile.c
enum { SLI_AGG_QUANTILE_BYTES = 48 };
sl_code sli_agg_quantile_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                   sli_agg *agg);
sl_code sli_agg_quantiles_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                    sli_agg *agg);
sl_code sli_agg_median_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                 sli_agg *agg);
sl_code sli_agg_quantile_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                                int64_t n, sl_error *err);
sl_code sli_agg_quantile_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev);
void sli_agg_quantile_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column);
sl_code sli_agg_quantile_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                                int32_t column, sl_error *err);
sl_code sli_agg_quantiles_finish(const sli_agg_state *self, int64_t from, int64_t n,
                                 sl_builder *out, int32_t column, sl_error *err);
void sli_agg_quantile_clear(sli_agg_state *self, bool free_all);

// agg_top.c
enum { SLI_AGG_TOP_BYTES = 56 };
sl_code sli_agg_top_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                              sli_agg *agg);
sl_code sli_agg_top_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                           int64_t n, sl_error *err);
sl_code sli_agg_top_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                          sli_eval *ev);
void sli_agg_top_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                     int32_t column);
sl_code sli_agg_top_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                           int32_t column, sl_error *err);
void sli_agg_top_clear(sli_agg_state *self, bool free_all);

// agg_list.c
typedef struct sli_list {
    int32_t head, tail; ///< -1: empty
} sli_list;
void sli_agg_list_init(sli_agg_state *self, int64_t from, int64_t n);
sl_code sli_agg_list_add(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                         int64_t n, sl_error *err);
sl_code sli_agg_set_add(sli_agg_state *self, const int32_t *group, const sli_vec *values, int64_t n,
                        sl_error *err);
sl_code sli_agg_list_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                           sli_eval *ev);
void sli_agg_list_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                      int32_t column);
void sli_agg_list_clear(sli_agg_state *self, bool free_all);
sl_code sli_agg_count_distinct(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                               int32_t column, sl_error *err);
int64_t sli_agg_list_bytes(const sli_agg_state *self);

// agg_user.c
/// Checks the table and compiles the arguments of the call.
sl_code sli_agg_user_plan(sli_compiler *c, const sli_node *call, const sl_agg_fn *fn, sli_agg *agg);
sl_code sli_agg_user_check(const sl_agg_fn *fn, sl_error *err);
void sli_agg_user_init(sli_agg_state *self, int64_t from, int64_t n);
sl_code sli_agg_user_update(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                            sl_error *err);
/// Merge, or inverse when `back`.
sl_code sli_agg_user_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in, bool back,
                           sl_error *err);
void sli_agg_user_partial(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column);
sl_code sli_agg_user_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                            int32_t column, sl_error *err);
