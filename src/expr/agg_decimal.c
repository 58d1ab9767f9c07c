/// agg_decimal.c — aggregations of decimals, by their unscaled 128-bit numbers: exact.
///
/// A sum has 38 digits and the scale of its values, as SQL has it; one that has more fails its row,
/// as a sum of integers that leaves int64 does. avg divides that sum once, in long double. All of
/// one aggregation have one scale, so the least number is the least value.
#include "expr/agg_int.h"

static sli_i128 word_pair(const uint64_t *words)
{
    return (sli_i128)(((sli_u128)words[1] << 64) | words[0]);
}

static sli_i128 value_at(const sli_vec *vec, int64_t i)
{
    return word_pair(vec->v.d + 2 * i);
}

static void keep(sli_sum_wide *s, sli_i128 value)
{
    s->low = (uint64_t)value;
    s->high = (int64_t)((sli_u128)value >> 64);
}

/// 10 to the 38th: what has no more than 38 digits lies below it.
static sli_i128 beyond_digits(void)
{
    return (sli_i128)10000000000000000000U * 10000000000000000000U;
}

// ---------------------------------------------------------------- sum

/// Adds to a state what is of `rows` rows; false: it has more digits than a decimal.
static bool add(sli_sum_wide *s, sli_i128 value, int64_t rows)
{
    sli_i128 sum;
    if (__builtin_add_overflow(sli_wide_of(s), value, &sum) || sum >= beyond_digits() ||
        sum <= -beyond_digits()) {
        return false;
    }
    keep(s, sum);
    s->rows += rows;
    return true;
}

static sl_code overflowed(const sli_agg_state *self, int64_t i, sl_error *err)
{
    return sli_agg_fail(self, i, err, "a sum of decimal(%d,%d) has more than 38 digits",
                        self->agg->digits, self->agg->scale);
}

sl_code sli_agg_decimal_sum(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err)
{
    sli_sum_wide *states = self->states;
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i) && !add(&states[group[i]], value_at(values, i), 1)) {
            return overflowed(self, i, err);
        }
    }
    return SL_OK;
}

/// Adds partial sums, or takes them away.
static sl_code fold(sli_agg_state *self, const int32_t *group, const sl_batch *in, sli_eval *ev,
                    bool back)
{
    sli_vec sums, rows;
    sli_sum_wide *states = self->states;
    int32_t column = self->agg->partial_column;
    SL_TRY(sli_eval_load(ev, sl_batch_column(in, column), SL_DECIMAL, &sums));
    SL_TRY(sli_eval_load(ev, sl_batch_column(in, column + 1), SL_INT64, &rows));
    for (int64_t i = 0; i < ev->n; i++) {
        sli_sum_wide *s = &states[group[i]];
        int64_t n = rows.v.i[i];
        if (sli_vec_is_null(&rows, i) || n < 0 || (n > 0) == sli_vec_is_null(&sums, i) ||
            (back ? n > s->rows : !sli_agg_rows_fit(s->rows, n))) {
            return sli_agg_corrupt(self, ev->err);
        }
        sli_i128 value = n == 0 ? 0 : value_at(&sums, i);
        if (value >= beyond_digits() || value <= -beyond_digits()) {
            return sli_agg_corrupt(self, ev->err);
        }
        if (!add(s, back ? -value : value, back ? -n : n)) {
            return overflowed(self, i, ev->err);
        }
    }
    return SL_OK;
}

sl_code sli_agg_decimal_sum_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                                  sli_eval *ev)
{
    return fold(self, group, in, ev, false);
}

sl_code sli_agg_decimal_sum_inverse(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                                    sli_eval *ev)
{
    return fold(self, group, in, ev, true);
}

// ---------------------------------------------------------------- out

void sli_agg_decimal_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column)
{
    const sli_sum_wide *states = (const sli_sum_wide *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        uint64_t *to = NULL;
        if (states[i].rows == 0) {
            sl_builder_null(out, column);
        } else if ((to = sl_builder_reserve(out, column, 1)) != NULL) {
            to[0] = states[i].low;
            to[1] = (uint64_t)states[i].high;
        }
    }
}

sl_code sli_agg_decimal_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                               int32_t column, sl_error *err)
{
    (void)err; // the builder keeps its failure
    sli_agg_decimal_out(self, from, n, out, column);
    return SL_OK;
}

void sli_agg_decimal_sum_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                             int32_t column)
{
    const sli_sum_wide *states = (const sli_sum_wide *)self->states + from;
    sli_agg_decimal_out(self, from, n, out, column);
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column + 1, states[i].rows);
    }
}

sl_code sli_agg_decimal_avg(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                            int32_t column, sl_error *err)
{
    const sli_sum_wide *states = (const sli_sum_wide *)self->states + from;
    long double scale = 1;
    (void)err;
    for (int32_t i = 0; i < self->agg->scale; i++) {
        scale *= 10;
    }
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows == 0) {
            sl_builder_null(out, column);
        } else {
            long double rows = (long double)states[i].rows * scale;
            sl_builder_float64(out, column, (double)((long double)sli_wide_of(&states[i]) / rows));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- one value

/// Puts value i in the group's place where `better(value, there)`; the first one anyway.
static sl_code choose(sli_agg_state *self, const int32_t *group, const sli_vec *values, int64_t n,
                      bool (*better)(sli_i128 value, sli_i128 there))
{
    sli_sum_wide *states = self->states;
    for (int64_t i = 0; i < n; i++) {
        sli_sum_wide *s = &states[group[i]];
        if (!sli_vec_is_null(values, i) &&
            (s->rows == 0 || better(value_at(values, i), sli_wide_of(s)))) {
            keep(s, value_at(values, i));
            s->rows = 1;
        }
    }
    return SL_OK;
}

static bool is_less(sli_i128 value, sli_i128 there)
{
    return value < there;
}

static bool is_more(sli_i128 value, sli_i128 there)
{
    return value > there;
}

static bool never(sli_i128 value, sli_i128 there)
{
    (void)value;
    (void)there;
    return false;
}

static bool always(sli_i128 value, sli_i128 there)
{
    (void)value;
    (void)there;
    return true;
}

sl_code sli_agg_decimal_min(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err)
{
    (void)err;
    return choose(self, group, values, n, is_less);
}

sl_code sli_agg_decimal_max(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err)
{
    (void)err;
    return choose(self, group, values, n, is_more);
}

sl_code sli_agg_decimal_first(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, sl_error *err)
{
    (void)err;
    return choose(self, group, values, n, never);
}

sl_code sli_agg_decimal_last(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                             int64_t n, sl_error *err)
{
    (void)err;
    return choose(self, group, values, n, always);
}
