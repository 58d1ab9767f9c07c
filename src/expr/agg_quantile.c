/// agg_quantile.c — approx_quantile(x, q[, error]), approx_quantiles(x, q, ...), approx_median(x):
/// a sketch a group (kll.h), from which any quantile is read.
#include "expr/agg_int.h"
#include "expr/kll.h"

_Static_assert(sizeof(sli_kll) == SLI_AGG_QUANTILE_BYTES, "what the table of aggregations says");

static const double usual_error = 0.01;

// ---------------------------------------------------------------- settings

static bool number_of(const sli_node *given, double *out)
{
    if (given->kind != SLI_NODE_LITERAL || given->literal.is_null) {
        return false;
    }
    *out = given->type == SL_FLOAT64 ? given->literal.f : (double)given->literal.i;
    return given->type == SL_FLOAT64 || given->type == SL_INT64;
}

static sl_code read_quantiles(const sli_compiler *c, sli_node *const *settings, int32_t n,
                              sli_agg *agg)
{
    double *q = sl_arena_alloc(c->arena, (size_t)n * sizeof *q);
    if (q == NULL) {
        return sl_error_nomem(c->err, (size_t)n * sizeof *q, "quantiles");
    }
    for (int32_t i = 0; i < n; i++) {
        if (!number_of(settings[i], &q[i]) || !(q[i] >= 0 && q[i] <= 1)) {
            return sli_compile_fail(c, settings[i]->at, "a quantile is a number from 0 to 1: 0.99");
        }
    }
    agg->quantiles = q;
    agg->n_quantiles = n;
    agg->precision = sli_kll_k(usual_error);
    return SL_OK;
}

sl_code sli_agg_quantiles_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                    sli_agg *agg)
{
    return read_quantiles(c, settings, n, agg);
}

sl_code sli_agg_quantile_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                   sli_agg *agg)
{
    double error;
    SL_TRY(read_quantiles(c, settings, 1, agg));
    if (n == 2) {
        if (!number_of(settings[1], &error) ||
            !(error >= SLI_KLL_MIN_ERROR && error <= SLI_KLL_MAX_ERROR)) {
            return sli_compile_fail(c, settings[1]->at,
                                    "the rank error is a number from 0.0005 to 0.25");
        }
        agg->precision = sli_kll_k(error);
    }
    return SL_OK;
}

sl_code sli_agg_median_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                                 sli_agg *agg)
{
    static const double half = 0.5;
    (void)c, (void)settings, (void)n;
    agg->quantiles = &half;
    agg->n_quantiles = 1;
    agg->precision = sli_kll_k(usual_error);
    return SL_OK;
}

// ---------------------------------------------------------------- in

static sl_code add(sli_agg_state *self, sli_kll *s, int64_t item, sl_error *err)
{
    if (sli_kll_push(s, item)) {
        return SL_OK;
    }
    int64_t before = sli_kll_bytes(s);
    sl_code rc = sli_kll_add(s, self->agg->precision, item, err);
    self->text_bytes += sli_kll_bytes(s) - before;
    return rc;
}

sl_code sli_agg_quantile_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                                int64_t n, sl_error *err)
{
    sli_kll *states = self->states;
    bool floats = values->type == SL_FLOAT64;
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            int64_t item = floats ? sli_kll_of_float(values->v.f[i]) : values->v.i[i];
            SL_TRY(add(self, &states[group[i]], item, err));
        }
    }
    return SL_OK;
}

sl_code sli_agg_quantile_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                               sli_eval *ev)
{
    const sl_column *cells = sl_batch_column(in, self->agg->partial_column);
    sli_kll *states = self->states;
    for (int64_t row = ev->base; row < ev->base + ev->n; row++) {
        sli_kll *s = &states[group[row - ev->base]];
        int64_t before = sli_kll_bytes(s);
        bool good = false;
        if (!sl_column_is_null(cells, row)) {
            sl_text cell = sl_column_text(cells, row);
            sl_bytes bytes = {cell.data, cell.size};
            SL_TRY(sli_kll_merge(s, self->agg->precision, bytes, &good, ev->err));
        }
        if (!good) {
            return sli_agg_corrupt(self, ev->err);
        }
        self->text_bytes += sli_kll_bytes(s) - before;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- out

void sli_agg_quantile_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column)
{
    const sli_kll *states = (const sli_kll *)self->states + from;
    sli_str bytes = {.tag = SLI_TAG_EXPR};
    for (int64_t i = 0; i < n; i++) {
        sli_str_clear(&bytes);
        sli_kll_write(&states[i], self->agg->precision, &bytes);
        if (sli_str_check(&bytes, "the state of a sketch", NULL) != SL_OK) {
            sli_builder_fail(out, SL_E_NOMEM, "no memory for the state of a sketch");
        }
        sl_builder_text(out, column, bytes.data, bytes.size);
    }
    sli_str_reset(&bytes);
}

static void store(const sli_agg_state *self, const int64_t *items, sl_builder *out, int32_t column)
{
    bool floats = self->agg->type == SL_FLOAT64;
    for (int32_t k = 0; k < self->agg->n_quantiles; k++) {
        sl_builder_float64(out, column, floats ? sli_kll_to_float(items[k]) : (double)items[k]);
    }
}

sl_code sli_agg_quantile_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                                int32_t column, sl_error *err)
{
    const sli_kll *states = (const sli_kll *)self->states + from;
    int64_t item;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows == 0) {
            sl_builder_null(out, column);
            continue;
        }
        SL_TRY(sli_kll_quantiles(&states[i], self->agg->quantiles, 1, &item, err));
        store(self, &item, out, column);
    }
    return SL_OK;
}

sl_code sli_agg_quantiles_finish(const sli_agg_state *self, int64_t from, int64_t n,
                                 sl_builder *out, int32_t column, sl_error *err)
{
    const sli_kll *states = (const sli_kll *)self->states + from;
    int64_t items[SLI_AGG_QUANTILES];
    for (int64_t i = 0; i < n; i++) {
        if (states[i].rows > 0) {
            SL_TRY(sli_kll_quantiles(&states[i], self->agg->quantiles, self->agg->n_quantiles,
                                     items, err));
        }
        sl_builder_list_begin(out, column);
        if (states[i].rows > 0) {
            store(self, items, out, column);
        }
        sl_builder_list_end(out, column);
    }
    return SL_OK;
}

void sli_agg_quantile_clear(sli_agg_state *self, bool free_all)
{
    sli_kll *states = self->states;
    (void)free_all;
    for (int64_t i = 0; i < self->n; i++) {
        sli_kll_reset(&states[i]);
    }
    self->text_bytes = 0;
}
