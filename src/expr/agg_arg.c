/// agg_arg.c — arg_max(x, by), arg_min(x, by): x of the row whose `by` is the largest or least.
///
/// Rows whose `by` is null are passed over; x may be null. Of rows with equal `by` the first stays,
/// in row order and the order of merging. A state is two values, each eight bytes or a text of the
/// group's own.
#include "expr/agg_int.h"

typedef struct slot {
    bool has;
    int64_t bits;
    sli_agg_text text;
} slot;

typedef struct chosen {
    slot x, by; // by.has: there is a row
} chosen;
_Static_assert(sizeof(chosen) == SLI_AGG_ARG_BYTES, "what the table of aggregations says");

static bool is_text(sl_type type)
{
    return sli_kind_of(type) == SLI_KIND_TEXT;
}

static sl_code put(sli_agg_state *self, slot *to, const sli_vec *values, int64_t i, sl_error *err)
{
    to->has = !sli_vec_is_null(values, i);
    if (to->has && is_text(values->type)) {
        return sli_agg_text_keep(self, &to->text, values->v.s[i], err);
    }
    to->bits = to->has ? sli_vec_bits(values, i) : 0;
    return SL_OK;
}

// Whether row i's `by` comes before the one that is kept, or behind it.
static bool wins(const slot *kept, const sli_vec *by, int64_t i, bool least)
{
    if (!kept->has) {
        return true;
    }
    if (is_text(by->type)) {
        sl_text old = {kept->text.data, (size_t)kept->text.size};
        return least ? sli_text_less(by->v.s[i], old) : sli_text_less(old, by->v.s[i]);
    }
    if (by->type == SL_FLOAT64) {
        double old = sli_float_of(kept->bits);
        return least ? sli_float_less(by->v.f[i], old) : sli_float_less(old, by->v.f[i]);
    }
    int64_t value = sli_vec_bits(by, i);
    return least ? value < kept->bits : value > kept->bits;
}

static sl_code choose(sli_agg_state *self, const int32_t *group, const sli_vec *values, int64_t n,
                      bool least, sl_error *err)
{
    chosen *states = self->states;
    for (int64_t i = 0; i < n; i++) {
        chosen *s = &states[group[i]];
        if (!sli_vec_is_null(&values[1], i) && wins(&s->by, &values[1], i, least)) {
            SL_TRY(put(self, &s->x, &values[0], i, err));
            SL_TRY(put(self, &s->by, &values[1], i, err));
        }
    }
    return SL_OK;
}

static sl_code merge(sli_agg_state *self, const int32_t *group, const sl_batch *in, sli_eval *ev,
                     bool least)
{
    sli_vec part[2];
    const sl_type types[2] = {self->agg->type, self->agg->by};
    for (int32_t k = 0; k < 2; k++) {
        const sl_column *column = sl_batch_column(in, self->agg->partial_column + k);
        SL_TRY(sli_eval_load(ev, column, types[k], &part[k]));
    }
    for (int64_t i = 0; i < ev->n; i++) {
        if (sli_vec_is_null(&part[1], i) && !sli_vec_is_null(&part[0], i)) {
            return sli_agg_corrupt(self, ev->err);
        }
    }
    return choose(self, group, part, ev->n, least, ev->err);
}

#define CHOICE(name, least)                                                                        \
    sl_code sli_agg_##name##_update(sli_agg_state *self, const int32_t *group,                     \
                                    const sli_vec *values, int64_t n, sl_error *err)               \
    {                                                                                              \
        return choose(self, group, values, n, least, err);                                         \
    }                                                                                              \
    sl_code sli_agg_##name##_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,  \
                                   sli_eval *ev)                                                   \
    {                                                                                              \
        return merge(self, group, in, ev, least);                                                  \
    }
CHOICE(arg_min, true)
CHOICE(arg_max, false)

static void store(const slot *from, sl_type type, sl_builder *out, int32_t column)
{
    if (!from->has) {
        sl_builder_null(out, column);
    } else if (is_text(type)) {
        sl_builder_text(out, column, from->text.data, (size_t)from->text.size);
    } else {
        sli_bits_store(type, from->bits, out, column);
    }
}

void sli_agg_arg_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                     int32_t column)
{
    const chosen *states = (const chosen *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        store(&states[i].x, self->agg->type, out, column);
        store(&states[i].by, self->agg->by, out, column + 1);
    }
}

sl_code sli_agg_arg_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                           int32_t column, sl_error *err)
{
    const chosen *states = (const chosen *)self->states + from;
    (void)err; // the builder keeps its failure
    for (int64_t i = 0; i < n; i++) {
        store(&states[i].x, self->agg->type, out, column);
    }
    return SL_OK;
}

void sli_agg_arg_clear(sli_agg_state *self, bool free_all)
{
    chosen *states = self->states;
    (void)free_all;
    for (int64_t i = 0; i < self->n; i++) {
        sl_free(states[i].x.text.data);
        sl_free(states[i].by.text.data);
    }
    self->text_bytes = 0;
}
