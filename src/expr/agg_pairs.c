/// agg_pairs.c — covar_pop, covar_samp and corr of two numbers: their means and the sums of the
/// products of distances from them.
///
/// As in agg_moments.c rows go in one by one and states are merged pairwise (Chan, Golub, LeVeque
/// 1979; for products Schubert, Gertz 2018), so that what is far from zero keeps its digits. A row
/// counts when both numbers are there.
#include "expr/agg_int.h"

#include <math.h>

typedef struct pairs {
    int64_t rows;
    double x, y;       // means
    double xx, yy, xy; // sums of (x - mean)^2, (y - mean)^2 and their product
} pairs;
_Static_assert(sizeof(pairs) == SLI_AGG_PAIRS_BYTES, "what the table of aggregations says");

enum { FLOATS = 5, COLUMNS = FLOATS + 1 }; // of a state: x y xx yy xy, then rows

static double number_at(const sli_vec *values, int64_t i)
{
    return values->type == SL_FLOAT64 ? values->v.f[i] : (double)values->v.i[i];
}

sl_code sli_agg_pairs_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                             int64_t n, sl_error *err)
{
    pairs *states = self->states;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (sli_vec_is_null(&values[0], i) || sli_vec_is_null(&values[1], i)) {
            continue;
        }
        pairs *s = &states[group[i]];
        double x = number_at(&values[0], i) - s->x, y = number_at(&values[1], i) - s->y;
        s->rows++;
        s->x += x / (double)s->rows;
        s->y += y / (double)s->rows;
        double rest = number_at(&values[1], i) - s->y; // from the new mean
        s->xx += x * (number_at(&values[0], i) - s->x);
        s->yy += y * rest;
        s->xy += x * rest;
    }
    return SL_OK;
}

static void merge_one(pairs *to, const pairs *from)
{
    if (from->rows == 0) {
        return;
    }
    if (to->rows == 0) { // the same bits as if the rows had come here
        *to = *from;
        return;
    }
    double n = (double)to->rows, more = (double)from->rows;
    double x = from->x - to->x, y = from->y - to->y, share = more / (n + more);
    to->rows += from->rows;
    to->x += x * share;
    to->y += y * share;
    to->xx += from->xx + x * x * (n * share);
    to->yy += from->yy + y * y * (n * share);
    to->xy += from->xy + x * y * (n * share);
}

/// What no rows can have made: counts or squares below zero, or sums without the rows for them.
static bool is_broken(const pairs *s)
{
    bool zero = s->xx == 0 && s->yy == 0 && s->xy == 0;
    return s->rows < 0 || s->xx < 0 || s->yy < 0 ||
           (s->rows == 0 && !(s->x == 0 && s->y == 0 && zero));
}

sl_code sli_agg_pairs_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                            sli_eval *ev)
{
    sli_vec part[COLUMNS];
    pairs *states = self->states;
    for (int32_t k = 0; k < COLUMNS; k++) {
        const sl_column *column = sl_batch_column(in, self->agg->partial_column + k);
        SL_TRY(sli_eval_load(ev, column, k < FLOATS ? SL_FLOAT64 : SL_INT64, &part[k]));
    }
    for (int64_t i = 0; i < ev->n; i++) {
        bool null = false;
        for (int32_t k = 0; k < COLUMNS; k++) {
            null = null || sli_vec_is_null(&part[k], i);
        }
        pairs from = {part[FLOATS].v.i[i], part[0].v.f[i], part[1].v.f[i],
                      part[2].v.f[i],      part[3].v.f[i], part[4].v.f[i]};
        if (null || is_broken(&from) || !sli_agg_rows_fit(states[group[i]].rows, from.rows)) {
            return sli_agg_corrupt(self, ev->err);
        }
        merge_one(&states[group[i]], &from);
    }
    return SL_OK;
}

void sli_agg_pairs_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                       int32_t column)
{
    const pairs *states = (const pairs *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        const double floats[FLOATS] = {states[i].x, states[i].y, states[i].xx, states[i].yy,
                                       states[i].xy};
        for (int32_t k = 0; k < FLOATS; k++) {
            sl_builder_float64(out, column + k, floats[k]);
        }
        sl_builder_int64(out, column + FLOATS, states[i].rows);
    }
}

// `missing`: 0 divides by the rows, 1 by one less; where nothing is left to divide by: null.
static void finish_covar(const sli_agg_state *self, int64_t from, int64_t n, int64_t missing,
                         sl_builder *out, int32_t column)
{
    const pairs *states = (const pairs *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows <= missing) {
            sl_builder_null(out, column);
        } else {
            sl_builder_float64(out, column, states[i].xy / (double)(states[i].rows - missing));
        }
    }
}

sl_code sli_agg_covar_pop(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column, sl_error *err)
{
    (void)err; // the builder keeps its failure
    finish_covar(self, from, n, 0, out, column);
    return SL_OK;
}

sl_code sli_agg_covar_samp(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                           int32_t column, sl_error *err)
{
    (void)err;
    finish_covar(self, from, n, 1, out, column);
    return SL_OK;
}

// Where one of them does not vary nothing can be said: null, as SQL has it. Rounding must not lead
// out of [-1, 1].
sl_code sli_agg_corr(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                     int32_t column, sl_error *err)
{
    const pairs *states = (const pairs *)self->states + from;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        const pairs *s = &states[i];
        if (s->rows == 0 || s->xx == 0 || s->yy == 0) {
            sl_builder_null(out, column);
            continue;
        }
        double both = s->xx * s->yy; // one root rounds once; where it leaves double's range: two
        bool normal = isfinite(both) && both > 0x1p-1000;
        double r = s->xy / (normal ? sqrt(both) : sqrt(s->xx) * sqrt(s->yy));
        sl_builder_float64(out, column, r > 1 ? 1 : r < -1 ? -1 : r);
    }
    return SL_OK;
}
