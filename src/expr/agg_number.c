/// agg_number.c — the table of aggregations, and those over numbers: count, sum, avg, and min, max,
/// first, last of fixed-size values.
///
/// Nulls are skipped; an aggregation of no values is null, a count 0. sum of int64 fails when it
/// leaves int64; avg of int64 keeps 128 bits and is exact until its one division, so neither
/// depends on how rows were spread over partitions. Sums of floats add in row order, partial ones
/// in order of merging. They are not invertible: taking 1e20 out again does not bring back what it
/// swallowed.
#include "expr/agg_int.h"

static void init_zero(sli_agg_state *self, int64_t from, int64_t n)
{
    size_t size = self->agg->state_bytes;
    memset((char *)self->states + (size_t)from * size, 0, (size_t)n * size);
}

// The column of a partial batch as a vector.
static sl_code load(const sli_agg_state *self, const sl_batch *in, int32_t k, sl_type type,
                    sli_eval *ev, sli_vec *out)
{
    return sli_eval_load(ev, sl_batch_column(in, self->agg->partial_column + k), type, out);
}

sl_code sli_agg_corrupt(const sli_agg_state *self, sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "aggregation %s: a partial state that no rows can make",
                        self->agg->name);
}

// ---------------------------------------------------------------- count

static sl_code update_count(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err)
{
    int64_t *counts = self->states;
    (void)err; // 2^63 rows don't pass in anybody's life
    if (values == NULL || values->nulls == NULL) {
        for (int64_t i = 0; i < n; i++) {
            counts[group[i]]++;
        }
        return SL_OK;
    }
    for (int64_t i = 0; i < n; i++) {
        counts[group[i]] += values->nulls[i] == 0;
    }
    return SL_OK;
}

static sl_code merge_count(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                           sli_eval *ev)
{
    sli_vec v;
    int64_t *counts = self->states;
    SL_TRY(load(self, in, 0, SL_INT64, ev, &v));
    if (v.nulls != NULL) {
        return sli_agg_corrupt(self, ev->err);
    }
    for (int64_t i = 0; i < ev->n; i++) {
        if (!sli_agg_rows_fit(counts[group[i]], v.v.i[i])) {
            return sli_agg_corrupt(self, ev->err);
        }
        counts[group[i]] += v.v.i[i];
    }
    return SL_OK;
}

static sl_code inverse_count(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                             sli_eval *ev)
{
    sli_vec v;
    int64_t *counts = self->states;
    SL_TRY(load(self, in, 0, SL_INT64, ev, &v));
    for (int64_t i = 0; i < ev->n; i++) {
        if (sli_vec_is_null(&v, i) || v.v.i[i] < 0 || v.v.i[i] > counts[group[i]]) {
            return sli_agg_corrupt(self, ev->err);
        }
        counts[group[i]] -= v.v.i[i];
    }
    return SL_OK;
}

static void out_count(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                      int32_t column)
{
    int64_t *to = sl_builder_reserve(out, column, n);
    if (to != NULL && n > 0) {
        memcpy(to, (const int64_t *)self->states + from, (size_t)n * sizeof *to);
    }
}

static sl_code finish_count(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                            int32_t column, sl_error *err)
{
    (void)err; // the builder keeps its failure
    out_count(self, from, n, out, column);
    return SL_OK;
}

// ---------------------------------------------------------------- sum of integers

static sl_code overflowed(const sli_agg_state *self, int64_t i, int64_t sum, int64_t value,
                          sl_error *err)
{
    return sli_agg_fail(self, i, err, "%lld and %lld make a sum that does not fit int64",
                        (long long)sum, (long long)value);
}

static sl_code update_sum_int(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, sl_error *err)
{
    sli_sum_int *states = self->states;
    const int64_t *v = values->v.i;
    const uint8_t *nulls = values->nulls;
    for (int64_t i = 0; i < n; i++) {
        sli_sum_int *s = &states[group[i]];
        int64_t sum;
        if (nulls != NULL && nulls[i] != 0) {
            continue;
        }
        if (__builtin_add_overflow(s->sum, v[i], &sum)) {
            return overflowed(self, i, s->sum, v[i], err);
        }
        s->sum = sum;
        s->rows++;
    }
    return SL_OK;
}

// Adds partial sums, or takes them away.
static sl_code fold_sum_int(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                            sli_eval *ev, bool back)
{
    sli_vec sums, rows;
    sli_sum_int *states = self->states;
    SL_TRY(load(self, in, 0, SL_INT64, ev, &sums));
    SL_TRY(load(self, in, 1, SL_INT64, ev, &rows));
    for (int64_t i = 0; i < ev->n; i++) {
        sli_sum_int *s = &states[group[i]];
        int64_t n = rows.v.i[i];
        if (sli_vec_is_null(&rows, i) || n < 0 || (n > 0) == sli_vec_is_null(&sums, i) ||
            (back ? n > s->rows : !sli_agg_rows_fit(s->rows, n))) {
            return sli_agg_corrupt(self, ev->err);
        }
        if (n == 0) {
            continue;
        }
        int64_t value = sums.v.i[i], sum;
        if (back ? __builtin_sub_overflow(s->sum, value, &sum)
                 : __builtin_add_overflow(s->sum, value, &sum)) {
            return overflowed(self, i, s->sum, value, ev->err);
        }
        s->sum = sum;
        s->rows += back ? -n : n;
    }
    return SL_OK;
}

static sl_code merge_sum_int(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                             sli_eval *ev)
{
    return fold_sum_int(self, group, in, ev, false);
}

static sl_code inverse_sum_int(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev)
{
    return fold_sum_int(self, group, in, ev, true);
}

static sl_code finish_sum_int(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                              int32_t column, sl_error *err)
{
    const sli_sum_int *states = (const sli_sum_int *)self->states + from;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows == 0) {
            sl_builder_null(out, column);
        } else {
            sl_builder_int64(out, column, states[i].sum);
        }
    }
    return SL_OK;
}

static void out_sum_int(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                        int32_t column)
{
    const sli_sum_int *states = (const sli_sum_int *)self->states + from;
    (void)finish_sum_int(self, from, n, out, column, NULL);
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column + 1, states[i].rows);
    }
}

// ---------------------------------------------------------------- sum and avg of floats

static sl_code update_sum_float(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                                int64_t n, sl_error *err)
{
    sli_sum_float *states = self->states;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            states[group[i]].sum += values->v.f[i];
            states[group[i]].rows++;
        }
    }
    return SL_OK;
}

static sl_code merge_sum_float(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev)
{
    sli_vec sums, rows;
    sli_sum_float *states = self->states;
    SL_TRY(load(self, in, 0, SL_FLOAT64, ev, &sums));
    SL_TRY(load(self, in, 1, SL_INT64, ev, &rows));
    for (int64_t i = 0; i < ev->n; i++) {
        int64_t n = rows.v.i[i];
        if (sli_vec_is_null(&rows, i) || !sli_agg_rows_fit(states[group[i]].rows, n) ||
            (n > 0) == sli_vec_is_null(&sums, i)) {
            return sli_agg_corrupt(self, ev->err);
        }
        if (n > 0) {
            states[group[i]].sum += sums.v.f[i];
            states[group[i]].rows += n;
        }
    }
    return SL_OK;
}

static void out_float(const sli_agg_state *self, int64_t from, int64_t n, bool mean,
                      sl_builder *out, int32_t column)
{
    const sli_sum_float *states = (const sli_sum_float *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows == 0) {
            sl_builder_null(out, column);
        } else {
            sl_builder_float64(out, column,
                               mean ? states[i].sum / (double)states[i].rows : states[i].sum);
        }
    }
}

static void out_sum_float(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column)
{
    const sli_sum_float *states = (const sli_sum_float *)self->states + from;
    out_float(self, from, n, false, out, column);
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column + 1, states[i].rows);
    }
}

static sl_code finish_sum_float(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                                int32_t column, sl_error *err)
{
    (void)err;
    out_float(self, from, n, false, out, column);
    return SL_OK;
}

static sl_code finish_avg_float(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                                int32_t column, sl_error *err)
{
    (void)err;
    out_float(self, from, n, true, out, column);
    return SL_OK;
}

// ---------------------------------------------------------------- avg of integers: 128 bits can't
// overflow

static sl_code update_avg_int(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, sl_error *err)
{
    sli_sum_wide *states = self->states;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            sli_wide_add(&states[group[i]], values->v.i[i]);
            states[group[i]].rows++;
        }
    }
    return SL_OK;
}

static sl_code fold_avg_int(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                            sli_eval *ev, bool back)
{
    sli_vec low, high, rows;
    sli_sum_wide *states = self->states;
    SL_TRY(load(self, in, 0, SL_INT64, ev, &low));
    SL_TRY(load(self, in, 1, SL_INT64, ev, &high));
    SL_TRY(load(self, in, 2, SL_INT64, ev, &rows));
    for (int64_t i = 0; i < ev->n; i++) {
        sli_sum_wide *s = &states[group[i]];
        int64_t n = rows.v.i[i];
        if (low.nulls != NULL || high.nulls != NULL || rows.nulls != NULL || n < 0 ||
            (back ? n > s->rows : !sli_agg_rows_fit(s->rows, n))) {
            return sli_agg_corrupt(self, ev->err);
        }
        sli_sum_wide part = {.low = (uint64_t)low.v.i[i], .high = high.v.i[i]};
        sli_i128 value = sli_wide_of(&part);
        sli_wide_add(s, back ? (sli_i128)(0 - (sli_u128)value) : value);
        s->rows += back ? -n : n;
    }
    return SL_OK;
}

static sl_code merge_avg_int(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                             sli_eval *ev)
{
    return fold_avg_int(self, group, in, ev, false);
}

static sl_code inverse_avg_int(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev)
{
    return fold_avg_int(self, group, in, ev, true);
}

static void out_avg_int(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                        int32_t column)
{
    const sli_sum_wide *states = (const sli_sum_wide *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column, (int64_t)states[i].low);
        sl_builder_int64(out, column + 1, states[i].high);
        sl_builder_int64(out, column + 2, states[i].rows);
    }
}

static sl_code finish_avg_int(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                              int32_t column, sl_error *err)
{
    const sli_sum_wide *states = (const sli_sum_wide *)self->states + from;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows == 0) {
            sl_builder_null(out, column);
        } else {
            sl_builder_float64(out, column,
                               (double)sli_wide_of(&states[i]) / (double)states[i].rows);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- min, max, first, last of
// fixed-size values

int64_t sli_vec_bits(const sli_vec *vec, int64_t i)
{
    int64_t bits;
    switch (sli_kind_of(vec->type)) {
    case SLI_KIND_BOOL:
        return vec->v.b[i];
    case SLI_KIND_FLOAT:
        memcpy(&bits, &vec->v.f[i], sizeof bits);
        return bits;
    default:
        return vec->v.i[i];
    }
}

void sli_bits_store(sl_type type, int64_t bits, sl_builder *out, int32_t column)
{
    switch (sli_kind_of(type)) {
    case SLI_KIND_BOOL:
        sl_builder_bool(out, column, bits != 0);
        break;
    case SLI_KIND_FLOAT:
        sl_builder_float64(out, column, sli_float_of(bits));
        break;
    default:
        sl_builder_int64(out, column, bits);
        break;
    }
}

static sl_code update_extreme(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, bool least)
{
    sli_single *states = self->states;
    bool floats = values->type == SL_FLOAT64;
    for (int64_t i = 0; i < n; i++) {
        sli_single *s = &states[group[i]];
        if (sli_vec_is_null(values, i)) {
            continue;
        }
        int64_t bits = sli_vec_bits(values, i);
        int64_t a = least ? bits : s->bits, b = least ? s->bits : bits;
        if (s->has == 0 || (floats ? sli_float_less(sli_float_of(a), sli_float_of(b)) : a < b)) {
            *s = (sli_single){bits, 1};
        }
    }
    return SL_OK;
}

static sl_code update_min(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                          int64_t n, sl_error *err)
{
    (void)err;
    return update_extreme(self, group, values, n, true);
}

static sl_code update_max(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                          int64_t n, sl_error *err)
{
    (void)err;
    return update_extreme(self, group, values, n, false);
}

static sl_code update_first(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err)
{
    sli_single *states = self->states;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (states[group[i]].has == 0 && !sli_vec_is_null(values, i)) {
            states[group[i]] = (sli_single){sli_vec_bits(values, i), 1};
        }
    }
    return SL_OK;
}

static sl_code update_last(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                           int64_t n, sl_error *err)
{
    sli_single *states = self->states;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            states[group[i]] = (sli_single){sli_vec_bits(values, i), 1};
        }
    }
    return SL_OK;
}

static void out_single(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                       int32_t column)
{
    const sli_single *states = (const sli_single *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].has == 0) {
            sl_builder_null(out, column);
        } else {
            sli_bits_store(self->agg->type, states[i].bits, out, column);
        }
    }
}

// ---------------------------------------------------------------- the table

// The partial column is the result.
static sl_code finish_single(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                             int32_t column, sl_error *err)
{
    (void)err;
    self->agg->kind->partial_out(self, from, n, out, column);
    return SL_OK;
}

#define SINGLE(name, update, one)                                                                  \
    {                                                                                              \
        name, "n", "NT", "", "NT", false, sizeof(sli_single), init_zero, update, one, NULL, NULL,  \
            out_single, finish_single, NULL, NULL, 0, 0                                            \
    }
#define TEXT(name, update)                                                                         \
    {                                                                                              \
        name, "x", "NT", "", "NT", false, sizeof(sli_agg_text), sli_agg_text_init, update, NULL,   \
            NULL, NULL, sli_agg_text_out, finish_single, sli_agg_text_clear, NULL, 0, 0            \
    }
#define LIST(name, update)                                                                         \
    {                                                                                              \
        name, "v", "L", "", "L", false, sizeof(sli_list), sli_agg_list_init, update, NULL,         \
            sli_agg_list_merge, NULL, sli_agg_list_out, finish_single, sli_agg_list_clear, NULL,   \
            0, 0                                                                                   \
    }

#define DECIMAL(name, update)                                                                      \
    {                                                                                              \
        name, "D", "NT", "", "NT", false, sizeof(sli_sum_wide), init_zero, update, NULL, NULL,     \
            NULL, sli_agg_decimal_out, finish_single, NULL, NULL, 0, 0                             \
    }

#define MOMENTS(name, finish)                                                                      \
    {                                                                                              \
        name, "r", "ffi", ".squares .rows", "Nf", false, SLI_AGG_MOMENTS_BYTES,                    \
            sli_agg_moments_init, sli_agg_moments_update, NULL, sli_agg_moments_merge, NULL,       \
            sli_agg_moments_out, finish, NULL, NULL, 0, 0                                          \
    }

#define TRUTHS(name, finish_as, result)                                                            \
    {                                                                                              \
        name, "b", "ii", ".rows", result, true, SLI_AGG_FOLD_BYTES, init_zero,                     \
            sli_agg_truths_update, NULL, sli_agg_truths_merge, sli_agg_truths_inverse,             \
            sli_agg_truths_out, finish_as, NULL, NULL, 0, 0                                        \
    }
#define BITS(name, update, merge, is, inverse)                                                     \
    {                                                                                              \
        name, "i", "Nii", ".rows", "Ni", is, SLI_AGG_FOLD_BYTES, init_zero, update, NULL, merge,   \
            inverse, out_sum_int, finish_sum_int, NULL, NULL, 0, 0                                 \
    }
#define PAIRS(name, finish)                                                                        \
    {                                                                                              \
        name, "rr", "fffffi", ".y .xx .yy .xy .rows", "Nf", false, SLI_AGG_PAIRS_BYTES, init_zero, \
            sli_agg_pairs_update, NULL, sli_agg_pairs_merge, NULL, sli_agg_pairs_out, finish,      \
            NULL, NULL, 0, 0                                                                       \
    }
#define CHOICE(name, update, merge)                                                                \
    {                                                                                              \
        name, "vv", "NTNU", ".by", "NT", false, SLI_AGG_ARG_BYTES, init_zero, update, NULL, merge, \
            NULL, sli_agg_arg_out, sli_agg_arg_finish, sli_agg_arg_clear, NULL, 0, 0               \
    }

#define QUANTILES(name, result, finish, configure, n, optional)                                    \
    {                                                                                              \
        name, "r", "y", "", result, false, SLI_AGG_QUANTILE_BYTES, init_zero,                      \
            sli_agg_quantile_update, NULL, sli_agg_quantile_merge, NULL, sli_agg_quantile_out,     \
            finish, sli_agg_quantile_clear, configure, n, optional                                 \
    }

const sli_agg_kind sli_agg_kinds[] = {
    {"count", "", "i", "", "i", true, sizeof(int64_t), init_zero, update_count, sli_agg_one_count,
     merge_count, inverse_count, out_count, finish_count, NULL, NULL, 0, 0},
    {"count", "A", "i", "", "i", true, sizeof(int64_t), init_zero, update_count, sli_agg_one_count,
     merge_count, inverse_count, out_count, finish_count, NULL, NULL, 0, 0},
    {"sum", "i", "Nii", ".rows", "Ni", true, sizeof(sli_sum_int), init_zero, update_sum_int,
     sli_agg_one_sum_int, merge_sum_int, inverse_sum_int, out_sum_int, finish_sum_int, NULL, NULL,
     0, 0},
    {"sum", "f", "Nfi", ".rows", "Nf", false, sizeof(sli_sum_float), init_zero, update_sum_float,
     sli_agg_one_sum_float, merge_sum_float, NULL, out_sum_float, finish_sum_float, NULL, NULL, 0,
     0},
    {"avg", "i", "iii", ".high .rows", "Nf", true, sizeof(sli_sum_wide), init_zero, update_avg_int,
     sli_agg_one_avg_int, merge_avg_int, inverse_avg_int, out_avg_int, finish_avg_int, NULL, NULL,
     0, 0},
    {"avg", "f", "Nfi", ".rows", "Nf", false, sizeof(sli_sum_float), init_zero, update_sum_float,
     sli_agg_one_sum_float, merge_sum_float, NULL, out_sum_float, finish_avg_float, NULL, NULL, 0,
     0},
    {"sum", "D", "NDi", ".rows", "ND", true, sizeof(sli_sum_wide), init_zero, sli_agg_decimal_sum,
     NULL, sli_agg_decimal_sum_merge, sli_agg_decimal_sum_inverse, sli_agg_decimal_sum_out,
     sli_agg_decimal_finish, NULL, NULL, 0, 0},
    {"avg", "D", "NDi", ".rows", "Nf", true, sizeof(sli_sum_wide), init_zero, sli_agg_decimal_sum,
     NULL, sli_agg_decimal_sum_merge, sli_agg_decimal_sum_inverse, sli_agg_decimal_sum_out,
     sli_agg_decimal_avg, NULL, NULL, 0, 0},
    DECIMAL("min", sli_agg_decimal_min),
    DECIMAL("max", sli_agg_decimal_max),
    DECIMAL("first", sli_agg_decimal_first),
    DECIMAL("last", sli_agg_decimal_last),
    MOMENTS("variance", sli_agg_variance),
    MOMENTS("var_pop", sli_agg_variance),
    MOMENTS("var_samp", sli_agg_variance_sample),
    MOMENTS("stdev", sli_agg_stdev),
    MOMENTS("stddev_pop", sli_agg_stdev),
    MOMENTS("stddev_samp", sli_agg_stdev_sample),
    SINGLE("min", update_min, sli_agg_one_min),
    SINGLE("max", update_max, sli_agg_one_max),
    SINGLE("first", update_first, sli_agg_one_first),
    SINGLE("last", update_last, sli_agg_one_last),
    TEXT("min", sli_agg_text_min),
    TEXT("max", sli_agg_text_max),
    TEXT("first", sli_agg_text_first),
    TEXT("last", sli_agg_text_last),
    LIST("list", sli_agg_list_add),
    LIST("set", sli_agg_set_add),
    TRUTHS("count_if", sli_agg_count_if, "i"),
    TRUTHS("bool_and", sli_agg_bool_and, "Nb"),
    TRUTHS("every", sli_agg_bool_and, "Nb"),
    TRUTHS("bool_or", sli_agg_bool_or, "Nb"),
    TRUTHS("any", sli_agg_bool_or, "Nb"),
    BITS("bit_and", sli_agg_bit_and_update, sli_agg_bit_and_merge, false, NULL),
    BITS("bit_or", sli_agg_bit_or_update, sli_agg_bit_or_merge, false, NULL),
    BITS("bit_xor", sli_agg_bit_xor_update, sli_agg_bit_xor_merge, true, sli_agg_bit_xor_inverse),
    {"product", "r", "Nfi", ".rows", "Nf", false, SLI_AGG_FOLD_BYTES, init_zero,
     sli_agg_product_update, NULL, sli_agg_product_merge, NULL, out_sum_float, finish_sum_float,
     NULL, NULL, 0, 0},
    PAIRS("covar_pop", sli_agg_covar_pop),
    PAIRS("covar_samp", sli_agg_covar_samp),
    PAIRS("corr", sli_agg_corr),
    CHOICE("arg_min", sli_agg_arg_min_update, sli_agg_arg_min_merge),
    CHOICE("min_by", sli_agg_arg_min_update, sli_agg_arg_min_merge),
    CHOICE("arg_max", sli_agg_arg_max_update, sli_agg_arg_max_merge),
    CHOICE("max_by", sli_agg_arg_max_update, sli_agg_arg_max_merge),
    {"string_agg", "s", "NT", "", "NT", false, sizeof(sli_agg_text), sli_agg_text_init,
     sli_agg_join_update, NULL, NULL, NULL, sli_agg_text_out, finish_single, sli_agg_text_clear,
     sli_agg_join_configure, 1, 0},
    {"count_distinct", "v", "L", "", "i", false, sizeof(sli_list), sli_agg_list_init,
     sli_agg_set_add, NULL, sli_agg_list_merge, NULL, sli_agg_list_out, sli_agg_count_distinct,
     sli_agg_list_clear, NULL, 0, 0},
    {"approx_count_distinct", "v", "y", "", "i", false, 0, sli_agg_distinct_init,
     sli_agg_distinct_update, NULL, sli_agg_distinct_merge, NULL, sli_agg_distinct_out,
     sli_agg_distinct_finish, NULL, sli_agg_distinct_configure, 0, 1},
    QUANTILES("approx_quantile", "Nf", sli_agg_quantile_finish, sli_agg_quantile_configure, 1, 1),
    QUANTILES("approx_quantiles", "F", sli_agg_quantiles_finish, sli_agg_quantiles_configure, 1,
              SLI_AGG_QUANTILES - 1),
    QUANTILES("approx_median", "Nf", sli_agg_quantile_finish, sli_agg_median_configure, 0, 0),
    {"approx_top_k", "v", "y", "", "P", false, SLI_AGG_TOP_BYTES, init_zero, sli_agg_top_update,
     NULL, sli_agg_top_merge, NULL, sli_agg_top_out, sli_agg_top_finish, sli_agg_top_clear,
     sli_agg_top_configure, 1, 1},
    {0},
};
