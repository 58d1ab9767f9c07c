/// agg_moments.c — variance, stdev and their sample forms: mean and sum of squared distances.
///
/// Rows go in one by one (Welford 1962), states are merged pairwise (Chan, Golub, LeVeque 1979);
/// neither subtracts large sums from each other, so numbers far from zero keep their variance.
/// Rows fold in row order and states in the order of merging: the bits are the same in every run.
#include "expr/agg_int.h"

#include <math.h>

typedef struct moments {
    int64_t rows;
    double mean, squares; ///< squares: sum of (value - mean)^2
} moments;
_Static_assert(sizeof(moments) == SLI_AGG_MOMENTS_BYTES, "what the table of aggregations says");

void sli_agg_moments_init(sli_agg_state *self, int64_t from, int64_t n)
{
    memset((moments *)self->states + from, 0, (size_t)n * sizeof(moments));
}

sl_code sli_agg_moments_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                               int64_t n, sl_error *err)
{
    moments *states = self->states;
    bool floats = values->type == SL_FLOAT64;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (sli_vec_is_null(values, i)) {
            continue;
        }
        moments *m = &states[group[i]];
        double value = floats ? values->v.f[i] : (double)values->v.i[i];
        double before = value - m->mean;
        m->rows++;
        m->mean += before / (double)m->rows;
        m->squares += before * (value - m->mean);
    }
    return SL_OK;
}

/// What no rows can have made: a count below zero, squares below zero, or any without rows.
static bool is_broken(const moments *m)
{
    return m->rows < 0 || m->squares < 0 || (m->rows == 0 && !(m->mean == 0 && m->squares == 0)) ||
           (m->rows == 1 && m->squares > 0);
}

static void merge_one(moments *to, const moments *from)
{
    if (from->rows == 0) {
        return;
    }
    if (to->rows == 0) { // the same bits as if the rows had come here
        *to = *from;
        return;
    }
    double n = (double)to->rows, more = (double)from->rows;
    double apart = from->mean - to->mean;
    to->rows += from->rows;
    to->mean += apart * (more / (n + more));
    to->squares += from->squares + apart * apart * (n * (more / (n + more)));
}

sl_code sli_agg_moments_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                              sli_eval *ev)
{
    sli_vec part[3];
    static const sl_type types[3] = {SL_FLOAT64, SL_FLOAT64, SL_INT64};
    moments *states = self->states;
    for (int32_t k = 0; k < 3; k++) {
        const sl_column *column = sl_batch_column(in, self->agg->partial_column + k);
        SL_TRY(sli_eval_load(ev, column, types[k], &part[k]));
    }
    for (int64_t i = 0; i < ev->n; i++) {
        bool null = sli_vec_is_null(&part[0], i) || sli_vec_is_null(&part[1], i) ||
                    sli_vec_is_null(&part[2], i);
        moments from = {part[2].v.i[i], part[0].v.f[i], part[1].v.f[i]};
        if (null || is_broken(&from) || !sli_agg_rows_fit(states[group[i]].rows, from.rows)) {
            return sli_agg_corrupt(self, ev->err);
        }
        merge_one(&states[group[i]], &from);
    }
    return SL_OK;
}

void sli_agg_moments_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                         int32_t column)
{
    const moments *states = (const moments *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        sl_builder_float64(out, column, states[i].mean);
        sl_builder_float64(out, column + 1, states[i].squares);
        sl_builder_int64(out, column + 2, states[i].rows);
    }
}

/// `missing`: 0 divides by the rows, 1 by one less; where nothing is left to divide by: null.
static void finish(const sli_agg_state *self, int64_t from, int64_t n, int64_t missing, bool root,
                   sl_builder *out, int32_t column)
{
    const moments *states = (const moments *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows <= missing) {
            sl_builder_null(out, column);
            continue;
        }
        double variance = states[i].squares / (double)(states[i].rows - missing);
        sl_builder_float64(out, column, root ? sqrt(variance) : variance);
    }
}

#define FINISH(name, missing, root)                                                                \
    sl_code name(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,              \
                 int32_t column, sl_error *err)                                                    \
    {                                                                                              \
        (void)err; /* the builder keeps its failure */                                             \
        finish(self, from, n, missing, root, out, column);                                         \
        return SL_OK;                                                                              \
    }
FINISH(sli_agg_variance, 0, false)
FINISH(sli_agg_stdev, 0, true)
FINISH(sli_agg_variance_sample, 1, false)
FINISH(sli_agg_stdev_sample, 1, true)
