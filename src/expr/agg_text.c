/// agg_text.c — min, max, first and last of texts: each group keeps one text in a buffer of its
/// own, so that no input is pinned by a state. A buffer grows by doubling and is kept while the
/// group lives.
#include "expr/agg_int.h"

typedef sli_agg_text text_state; // short here

static bool keep_text(sli_agg_state *self, text_state *s, sl_text text)
{
    if (s->data == NULL || text.size > (size_t)s->capacity) {
        size_t capacity = text.size < 16              ? 16
                          : text.size < INT32_MAX / 2 ? 2 * text.size
                                                      : text.size;
        char *grown = sl_realloc(SLI_TAG_EXPR, s->data, capacity);
        if (grown == NULL) {
            return false;
        }
        self->text_bytes += (int64_t)capacity - s->capacity;
        s->data = grown;
        s->capacity = (int32_t)capacity;
    }
    if (text.size > 0) {
        memcpy(s->data, text.data, text.size);
    }
    s->size = (int32_t)text.size;
    s->has = true;
    return true;
}

// Whether the row's text takes the place of the group's.
typedef bool (*wins_fn)(sl_text text, sl_text kept);

static sl_code update(sli_agg_state *self, const int32_t *group, const sli_vec *values, int64_t n,
                      wins_fn wins, sl_error *err)
{
    text_state *states = self->states;
    for (int64_t i = 0; i < n; i++) {
        text_state *s = &states[group[i]];
        if (sli_vec_is_null(values, i)) {
            continue;
        }
        sl_text text = values->v.s[i];
        if ((!s->has || wins(text, (sl_text){s->data, (size_t)s->size})) &&
            !keep_text(self, s, text)) {
            return sl_error_nomem(err, text.size, "the text of an aggregation");
        }
    }
    return SL_OK;
}

static bool is_less(sl_text text, sl_text kept)
{
    return sli_text_less(text, kept);
}

static bool is_more(sl_text text, sl_text kept)
{
    return sli_text_less(kept, text);
}

static bool never(sl_text text, sl_text kept)
{
    (void)text;
    (void)kept;
    return false;
}

static bool always(sl_text text, sl_text kept)
{
    (void)text;
    (void)kept;
    return true;
}

void sli_agg_text_init(sli_agg_state *self, int64_t from, int64_t n)
{
    memset((text_state *)self->states + from, 0, (size_t)n * sizeof(text_state));
}

sl_code sli_agg_text_min(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                         int64_t n, sl_error *err)
{
    return update(self, group, values, n, is_less, err);
}

sl_code sli_agg_text_max(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                         int64_t n, sl_error *err)
{
    return update(self, group, values, n, is_more, err);
}

sl_code sli_agg_text_first(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                           int64_t n, sl_error *err)
{
    return update(self, group, values, n, never, err);
}

sl_code sli_agg_text_last(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                          int64_t n, sl_error *err)
{
    return update(self, group, values, n, always, err);
}

void sli_agg_text_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                      int32_t column)
{
    const text_state *states = (const text_state *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        if (states[i].has) {
            sl_builder_text(out, column, states[i].data, (size_t)states[i].size);
        } else {
            sl_builder_null(out, column);
        }
    }
}

void sli_agg_text_clear(sli_agg_state *self, bool free_all)
{
    text_state *states = self->states;
    (void)free_all;
    for (int64_t i = 0; i < self->n; i++) {
        sl_free(states[i].data);
    }
    self->text_bytes = 0;
}
