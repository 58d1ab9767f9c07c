/// agg_top.c — approx_top_k(x, k[, capacity]): the k most frequent values, each with its count, of
/// a summary a group (heavy.h).
#include "expr/agg_int.h"
#include "expr/heavy.h"

enum { MOST_K = 10000, LEAST_CAPACITY = 100, CAPACITY_A_VALUE = 10 };

_Static_assert(sizeof(sli_heavy) == SLI_AGG_TOP_BYTES, "what the table of aggregations says");

static bool integer_of(const sli_node *given, int64_t least, int64_t most, int32_t *out)
{
    bool good = given->kind == SLI_NODE_LITERAL && given->type == SL_INT64 &&
                !given->literal.is_null && given->literal.i >= least && given->literal.i <= most;
    *out = good ? (int32_t)given->literal.i : 0;
    return good;
}

sl_code sli_agg_top_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                              sli_agg *agg)
{
    if (!integer_of(settings[0], 1, MOST_K, &agg->most)) {
        return sli_compile_fail(c, settings[0]->at, "how many values is an integer from 1 to %d",
                                MOST_K);
    }
    agg->precision = CAPACITY_A_VALUE * agg->most;
    agg->precision = agg->precision < LEAST_CAPACITY ? LEAST_CAPACITY : agg->precision;
    if (n == 2 && !integer_of(settings[1], agg->most, SLI_HEAVY_MAX, &agg->precision)) {
        return sli_compile_fail(c, settings[1]->at,
                                "the capacity is an integer from %d, the values wanted, to %d",
                                (int)agg->most, SLI_HEAVY_MAX);
    }
    return SL_OK;
}

static sli_heavy_kind kind_of(const sli_agg_state *self)
{
    return (sli_heavy_kind){.type = self->agg->type, .capacity = self->agg->precision};
}

sl_code sli_agg_top_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                           int64_t n, sl_error *err)
{
    const sli_heavy_kind kind = kind_of(self);
    bool texts = sli_kind_of(values->type) == SLI_KIND_TEXT;
    bool ints = sli_kind_of(values->type) == SLI_KIND_INT;
    sli_heavy *states = self->states;
    for (int64_t i = 0; i < n; i++) {
        sli_heavy *s = &states[group[i]];
        sli_heavy_value value = {0};
        if (sli_vec_is_null(values, i)) {
            continue;
        }
        if (texts) {
            value.text = values->v.s[i];
        } else {
            value.bits = ints ? values->v.i[i] : (int64_t)sli_vec_hash(values, i);
        }
        if (sli_heavy_hit(s, &kind, &value)) {
            continue;
        }
        int64_t before = sli_heavy_bytes(s);
        SL_TRY(sli_heavy_add(s, &kind, value, err));
        self->text_bytes += sli_heavy_bytes(s) - before;
    }
    return SL_OK;
}

sl_code sli_agg_top_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                          sli_eval *ev)
{
    const sl_column *cells = sl_batch_column(in, self->agg->partial_column);
    const sli_heavy_kind kind = kind_of(self);
    sli_heavy *states = self->states;
    for (int64_t row = ev->base; row < ev->base + ev->n; row++) {
        sli_heavy *s = &states[group[row - ev->base]];
        int64_t before = sli_heavy_bytes(s);
        bool good = false;
        if (!sl_column_is_null(cells, row)) {
            sl_text cell = sl_column_text(cells, row);
            sl_bytes bytes = {cell.data, cell.size};
            SL_TRY(sli_heavy_merge(s, &kind, bytes, &good, ev->err));
        }
        if (!good) {
            return sli_agg_corrupt(self, ev->err);
        }
        self->text_bytes += sli_heavy_bytes(s) - before;
    }
    return SL_OK;
}

void sli_agg_top_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                     int32_t column)
{
    const sli_heavy *states = (const sli_heavy *)self->states + from;
    const sli_heavy_kind kind = kind_of(self);
    sli_str bytes = {.tag = SLI_TAG_EXPR};
    for (int64_t i = 0; i < n; i++) {
        sli_str_clear(&bytes);
        sli_heavy_write(&states[i], &kind, &bytes);
        if (sli_str_check(&bytes, "the state of approx_top_k", NULL) != SL_OK) {
            sli_builder_fail(out, SL_E_NOMEM, "no memory for the state of approx_top_k");
        }
        sl_builder_text(out, column, bytes.data, bytes.size);
    }
    sli_str_reset(&bytes);
}

static void store(const sli_agg_state *self, const sli_heavy *s, int32_t i, sl_builder *out,
                  int32_t column)
{
    const sli_heavy_counter *c = &s->counters[i];
    sl_builder_struct_begin(out, column);
    if (sli_kind_of(self->agg->type) == SLI_KIND_TEXT) {
        sl_builder_text(out, column, s->bytes + c->bits, (size_t)c->size);
    } else {
        sli_bits_store(self->agg->type, c->bits, out, column);
    }
    sl_builder_int64(out, column, c->count);
    sl_builder_int64(out, column, c->error);
    sl_builder_struct_end(out, column);
}

sl_code sli_agg_top_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                           int32_t column, sl_error *err)
{
    const sli_heavy *states = (const sli_heavy *)self->states + from;
    const sli_heavy_kind kind = kind_of(self);
    for (int64_t i = 0; i < n; i++) {
        size_t size = (size_t)states[i].n * sizeof(int32_t);
        int32_t *top = sl_alloc(SLI_TAG_EXPR, size);
        if (top == NULL) {
            return sl_error_nomem(err, size, "the most frequent values");
        }
        int32_t found = sli_heavy_top(&states[i], &kind, self->agg->most, top);
        sl_builder_list_begin(out, column);
        for (int32_t k = 0; k < found; k++) {
            store(self, &states[i], top[k], out, column);
        }
        sl_builder_list_end(out, column);
        sl_free(top);
    }
    return SL_OK;
}

void sli_agg_top_clear(sli_agg_state *self, bool free_all)
{
    sli_heavy *states = self->states;
    (void)free_all;
    for (int64_t i = 0; i < self->n; i++) {
        sli_heavy_reset(&states[i]);
    }
    self->text_bytes = 0;
}
