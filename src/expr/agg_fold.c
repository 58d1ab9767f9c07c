/// agg_fold.c — aggregations that fold a group into two numbers by one operator: count_if,
/// bool_and, bool_or, bit_and, bit_or, bit_xor, product.
///
/// What can be taken out again is: bools are counted and bit_xor is its own inverse. A bit that one
/// of many rows has cleared does not come back, so bit_and and bit_or have no inverse, and a
/// product has none since it may have met a zero.
#include "expr/agg_int.h"

// ---------------------------------------------------------------- bools, counted

typedef struct truths {
    int64_t n_true, rows;
} truths;
_Static_assert(sizeof(truths) == SLI_AGG_FOLD_BYTES, "what the table of aggregations says");

sl_code sli_agg_truths_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                              int64_t n, sl_error *err)
{
    truths *states = self->states;
    const uint8_t *v = values->v.b, *nulls = values->nulls;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        int64_t counts = nulls == NULL || nulls[i] == 0;
        states[group[i]].n_true += counts & (v[i] != 0);
        states[group[i]].rows += counts;
    }
    return SL_OK;
}

static sl_code load_two(const sli_agg_state *self, const sl_batch *in, sli_eval *ev, sli_vec out[2])
{
    for (int32_t k = 0; k < 2; k++) {
        const sl_column *column = sl_batch_column(in, self->agg->partial_column + k);
        SL_TRY(sli_eval_load(ev, column, SL_INT64, &out[k]));
    }
    return SL_OK;
}

static sl_code fold_truths(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                           sli_eval *ev, bool back)
{
    sli_vec part[2];
    truths *states = self->states;
    SL_TRY(load_two(self, in, ev, part));
    for (int64_t i = 0; i < ev->n; i++) {
        truths *s = &states[group[i]];
        int64_t n_true = part[0].v.i[i], rows = part[1].v.i[i];
        bool null = sli_vec_is_null(&part[0], i) || sli_vec_is_null(&part[1], i);
        if (null || n_true < 0 || n_true > rows ||
            (back ? n_true > s->n_true || rows - n_true > s->rows - s->n_true
                  : !sli_agg_rows_fit(s->rows, rows))) {
            return sli_agg_corrupt(self, ev->err);
        }
        s->n_true += back ? -n_true : n_true;
        s->rows += back ? -rows : rows;
    }
    return SL_OK;
}

sl_code sli_agg_truths_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                             sli_eval *ev)
{
    return fold_truths(self, group, in, ev, false);
}

sl_code sli_agg_truths_inverse(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev)
{
    return fold_truths(self, group, in, ev, true);
}

void sli_agg_truths_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                        int32_t column)
{
    const truths *states = (const truths *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column, states[i].n_true);
        sl_builder_int64(out, column + 1, states[i].rows);
    }
}

sl_code sli_agg_count_if(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column, sl_error *err)
{
    const truths *states = (const truths *)self->states + from;
    (void)err; // the builder keeps its failure
    for (int64_t i = 0; i < n; i++) {
        sl_builder_int64(out, column, states[i].n_true);
    }
    return SL_OK;
}

static void finish_bools(const sli_agg_state *self, int64_t from, int64_t n, bool every,
                         sl_builder *out, int32_t column)
{
    const truths *states = (const truths *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows == 0) {
            sl_builder_null(out, column);
        } else {
            sl_builder_bool(out, column, states[i].n_true >= (every ? states[i].rows : 1));
        }
    }
}

sl_code sli_agg_bool_and(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column, sl_error *err)
{
    (void)err;
    finish_bools(self, from, n, true, out, column);
    return SL_OK;
}

sl_code sli_agg_bool_or(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                        int32_t column, sl_error *err)
{
    (void)err;
    finish_bools(self, from, n, false, out, column);
    return SL_OK;
}

// ---------------------------------------------------------------- bits of integers

typedef sli_sum_int bits; // its sum is what the operator has made of them
_Static_assert(sizeof(bits) == SLI_AGG_FOLD_BYTES, "what the table of aggregations says");

typedef enum operation { AND, OR, XOR } operation;

// Folds a value that stands for `rows` rows.
static void fold_bits(bits *s, int64_t value, int64_t rows, operation with)
{
    if (with == AND) {
        s->sum = s->rows == 0 ? value : s->sum & value;
    } else {
        s->sum = with == OR ? s->sum | value : s->sum ^ value;
    }
    s->rows += rows;
}

static void update_bits(sli_agg_state *self, const int32_t *group, const sli_vec *values, int64_t n,
                        operation with)
{
    bits *states = self->states;
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            fold_bits(&states[group[i]], values->v.i[i], 1, with);
        }
    }
}

static sl_code merge_bits(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                          sli_eval *ev, operation with, bool back)
{
    sli_vec part[2];
    bits *states = self->states;
    SL_TRY(load_two(self, in, ev, part));
    for (int64_t i = 0; i < ev->n; i++) {
        bits *s = &states[group[i]];
        int64_t rows = part[1].v.i[i];
        if (sli_vec_is_null(&part[1], i) || rows < 0 ||
            (rows > 0) == sli_vec_is_null(&part[0], i) ||
            (back ? rows > s->rows : !sli_agg_rows_fit(s->rows, rows))) {
            return sli_agg_corrupt(self, ev->err);
        }
        if (rows > 0) {
            fold_bits(s, part[0].v.i[i], back ? -rows : rows, with);
        }
    }
    return SL_OK;
}

#define BITS(name, with)                                                                           \
    sl_code sli_agg_##name##_update(sli_agg_state *self, const int32_t *group,                     \
                                    const sli_vec *values, int64_t n, sl_error *err)               \
    {                                                                                              \
        (void)err;                                                                                 \
        update_bits(self, group, values, n, with);                                                 \
        return SL_OK;                                                                              \
    }                                                                                              \
    sl_code sli_agg_##name##_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,  \
                                   sli_eval *ev)                                                   \
    {                                                                                              \
        return merge_bits(self, group, in, ev, with, false);                                       \
    }
BITS(bit_and, AND)
BITS(bit_or, OR)
BITS(bit_xor, XOR)

sl_code sli_agg_bit_xor_inverse(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                                sli_eval *ev)
{
    return merge_bits(self, group, in, ev, XOR, true);
}

// ---------------------------------------------------------------- product

// The rows' number tells which factors there were: a state of none is 0 here, not 1.
static void fold_product(sli_sum_float *s, double value, int64_t rows)
{
    s->sum = s->rows == 0 ? value : s->sum * value;
    s->rows += rows;
}

sl_code sli_agg_product_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err)
{
    sli_sum_float *states = self->states;
    bool floats = values->type == SL_FLOAT64;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            double value = floats ? values->v.f[i] : (double)values->v.i[i];
            fold_product(&states[group[i]], value, 1);
        }
    }
    return SL_OK;
}

sl_code sli_agg_product_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev)
{
    sli_vec products, rows;
    sli_sum_float *states = self->states;
    int32_t column = self->agg->partial_column;
    SL_TRY(sli_eval_load(ev, sl_batch_column(in, column), SL_FLOAT64, &products));
    SL_TRY(sli_eval_load(ev, sl_batch_column(in, column + 1), SL_INT64, &rows));
    for (int64_t i = 0; i < ev->n; i++) {
        sli_sum_float *s = &states[group[i]];
        int64_t n = rows.v.i[i];
        if (sli_vec_is_null(&rows, i) || !sli_agg_rows_fit(s->rows, n) ||
            (n > 0) == sli_vec_is_null(&products, i)) {
            return sli_agg_corrupt(self, ev->err);
        }
        if (n > 0) {
            fold_product(s, products.v.f[i], n);
        }
    }
    return SL_OK;
}
