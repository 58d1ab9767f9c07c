/// agg_one.c — aggregations without keys: all rows of a vector into group 0, without an array that
/// says so.
///
/// Each makes the bits that its kind's update makes of rows of group 0, and fails at the same row.
/// Integers are added a vector at a time, which is exact as long as none of them is large; floats
/// one by one, since the order of their sum is part of the result.
#include "expr/agg_int.h"

static int64_t count_values(const sli_vec *values, int64_t n)
{
    int64_t n_nulls = 0;
    for (int64_t i = 0; values != NULL && values->nulls != NULL && i < n; i++) {
        n_nulls += values->nulls[i] != 0;
    }
    return n - n_nulls;
}

sl_code sli_agg_one_count(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    int64_t *count = self->states;
    (void)err; // 2^63 rows don't pass in anybody's life
    *count += count_values(values, n);
    return SL_OK;
}

// ---------------------------------------------------------------- sums

/// The sum of up to SLI_EXPR_ROWS values; false when one of them is so large (beyond 2^50) that it
/// might not fit on the way.
static bool sum_small(const sli_vec *values, int64_t n, int64_t *out)
{
    const int64_t *v = values->v.i;
    const uint8_t *nulls = values->nulls;
    uint64_t sum = 0, bits = 0;
    for (int64_t i = 0; nulls == NULL && i < n; i++) {
        sum += (uint64_t)v[i];
        bits |= (uint64_t)v[i] ^ (uint64_t)v[i] << 1; // its top bits are zero when v's are equal
    }
    for (int64_t i = 0; nulls != NULL && i < n; i++) {
        uint64_t value = (uint64_t)v[i] & -(uint64_t)(nulls[i] == 0);
        sum += value;
        bits |= value ^ value << 1;
    }
    *out = (int64_t)sum;
    return bits >> 51 == 0;
}

sl_code sli_agg_one_sum_int(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    static const int64_t FAR_FROM_IT = (int64_t)1 << 62;
    sli_sum_int *s = self->states;
    int64_t sum;
    if (s->sum >= FAR_FROM_IT || s->sum <= -FAR_FROM_IT || !sum_small(values, n, &sum)) {
        return self->agg->kind->update(self, sli_agg_group_zero, values, n, err);
    }
    s->sum += sum;
    s->rows += count_values(values, n);
    return SL_OK;
}

sl_code sli_agg_one_avg_int(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    sli_sum_wide *s = self->states;
    int64_t sum;
    if (!sum_small(values, n, &sum)) {
        return self->agg->kind->update(self, sli_agg_group_zero, values, n, err);
    }
    sli_wide_add(s, sum);
    s->rows += count_values(values, n);
    return SL_OK;
}

sl_code sli_agg_one_sum_float(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    sli_sum_float *s = self->states;
    const double *v = values->v.f;
    const uint8_t *nulls = values->nulls;
    double sum = s->sum;
    (void)err;
    for (int64_t i = 0; nulls == NULL && i < n; i++) {
        sum += v[i];
    }
    for (int64_t i = 0; nulls != NULL && i < n; i++) {
        sum += nulls[i] != 0 ? -0.0 : v[i]; // -0.0 changes no sum, not even one of 0.0
    }
    s->sum = sum;
    s->rows += count_values(values, n);
    return SL_OK;
}

// ---------------------------------------------------------------- min, max, first, last

/// The least value, or with `flip` -1 the greatest: ~ turns the order round. INT64_MAX of none.
static int64_t least_of(const sli_vec *values, int64_t n, int64_t flip)
{
    const int64_t *v = values->v.i;
    const uint8_t *nulls = values->nulls;
    int64_t best = INT64_MAX;
    for (int64_t i = 0; nulls == NULL && i < n; i++) {
        best = (v[i] ^ flip) < best ? v[i] ^ flip : best;
    }
    for (int64_t i = 0; nulls != NULL && i < n; i++) {
        int64_t value = nulls[i] != 0 ? INT64_MAX : v[i] ^ flip;
        best = value < best ? value : best;
    }
    return best ^ flip;
}

static void fold_ints(sli_single *s, const sli_vec *values, int64_t n, bool least)
{
    if (count_values(values, n) == 0) {
        return;
    }
    int64_t best = least_of(values, n, least ? 0 : -1);
    if (s->has == 0 || (least ? best < s->bits : best > s->bits)) {
        *s = (sli_single){best, 1};
    }
}

/// Of equal ones the first stays: 0.0 and -0.0, NaNs of different bits.
static void fold_floats(sli_single *s, const sli_vec *values, int64_t n, bool least)
{
    const double *v = values->v.f;
    double best = sli_float_of(s->bits);
    bool has = s->has != 0;
    for (int64_t i = 0; i < n; i++) {
        bool better = !has || (least ? sli_float_less(v[i], best) : sli_float_less(best, v[i]));
        if (better && !sli_vec_is_null(values, i)) {
            best = v[i];
            has = true;
        }
    }
    s->has = has;
    memcpy(&s->bits, &best, sizeof best);
}

static sl_code fold_extreme(sli_agg_state *self, const sli_vec *values, int64_t n, bool least,
                            sl_error *err)
{
    switch (sli_kind_of(values->type)) {
    case SLI_KIND_INT:
        fold_ints(self->states, values, n, least);
        return SL_OK;
    case SLI_KIND_FLOAT:
        fold_floats(self->states, values, n, least);
        return SL_OK;
    default: // bool
        return self->agg->kind->update(self, sli_agg_group_zero, values, n, err);
    }
}

sl_code sli_agg_one_min(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    return fold_extreme(self, values, n, true, err);
}

sl_code sli_agg_one_max(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    return fold_extreme(self, values, n, false, err);
}

sl_code sli_agg_one_first(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    sli_single *s = self->states;
    (void)err;
    for (int64_t i = 0; s->has == 0 && i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            *s = (sli_single){sli_vec_bits(values, i), 1};
        }
    }
    return SL_OK;
}

sl_code sli_agg_one_last(sli_agg_state *self, const sli_vec *values, int64_t n, sl_error *err)
{
    int64_t i = n - 1;
    (void)err;
    while (i >= 0 && sli_vec_is_null(values, i)) {
        i--;
    }
    if (i >= 0) {
        *(sli_single *)self->states = (sli_single){sli_vec_bits(values, i), 1};
    }
    return SL_OK;
}
