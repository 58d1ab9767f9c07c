/// agg_text.c — min, max, first and last of texts, and string_agg: each group keeps one text in a
/// buffer of its own, so that no input is pinned by a state. A buffer grows by doubling and is kept
/// while the group lives.
#include "expr/agg_int.h"

typedef sli_agg_text text_state; // short here

// Room for `size` bytes; what is there stays.
static sl_code reserve(sli_agg_state *self, text_state *s, size_t size, sl_error *err)
{
    if (s->data != NULL && size <= (size_t)s->capacity) {
        return SL_OK;
    }
    if (size > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "aggregation %s makes a text of more than %d bytes",
                            self->agg->name, INT32_MAX);
    }
    size_t capacity = size < 16 ? 16 : size < INT32_MAX / 2 ? 2 * size : size;
    char *grown = sl_realloc(SLI_TAG_EXPR, s->data, capacity);
    if (grown == NULL) {
        return sl_error_nomem(err, capacity, "the text of an aggregation");
    }
    self->text_bytes += (int64_t)capacity - s->capacity;
    s->data = grown;
    s->capacity = (int32_t)capacity;
    return SL_OK;
}

static void put(text_state *s, sl_text text)
{
    if (text.size > 0) {
        memcpy(s->data + s->size, text.data, text.size);
    }
    s->size += (int32_t)text.size;
    s->has = true;
}

sl_code sli_agg_text_keep(sli_agg_state *self, sli_agg_text *s, sl_text text, sl_error *err)
{
    SL_TRY(reserve(self, s, text.size, err));
    s->size = 0;
    put(s, text);
    return SL_OK;
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
        if (!s->has || wins(text, (sl_text){s->data, (size_t)s->size})) {
            SL_TRY(sli_agg_text_keep(self, s, text, err));
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

// ---------------------------------------------------------------- string_agg

sl_code sli_agg_join_configure(const sli_compiler *c, sli_node *const *settings, int32_t n,
                               sli_agg *agg)
{
    const sli_node *given = settings[0];
    (void)n;
    if (given->kind != SLI_NODE_LITERAL || given->type != SL_STRING || given->literal.is_null) {
        return sli_compile_fail(c, given->at, "the separator is a text: ', '");
    }
    agg->separator = given->literal.s;
    return SL_OK;
}

// A partial state is joined on as a row's text is: the same separator lies between.
sl_code sli_agg_join_update(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                            int64_t n, sl_error *err)
{
    text_state *states = self->states;
    sl_text separator = self->agg->separator;
    for (int64_t i = 0; i < n; i++) {
        text_state *s = &states[group[i]];
        if (sli_vec_is_null(values, i)) {
            continue;
        }
        sl_text text = values->v.s[i], between = s->has ? separator : (sl_text){0};
        SL_TRY(reserve(self, s, (size_t)s->size + between.size + text.size, err));
        put(s, between);
        put(s, text);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- out

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
