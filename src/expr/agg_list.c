/// agg_list.c — list(x), set(x) and count_distinct(x): all values of a group, or each once, in the
/// order they were first seen, or how many of them there are.
///
/// The values of all groups of one aggregation lie in one growing array, each group's chained
/// through it; texts lie in one byte array. A set finds a value through one hash table over (group,
/// value). So adding is a copy, and a million small groups are no million allocations.
#include "expr/agg_int.h"

#include "base/hash.h"

static sl_code too_much(const sli_agg_state *self, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA, "aggregation %s holds more than %d values or %lld bytes",
                        self->agg->name, SLI_LIST_MAX, (long long)SLI_LIST_MAX_BYTES);
}

static sl_code grow_cells(const sli_agg_state *self, sli_cells *c, sl_error *err)
{
    int64_t capacity = c->capacity == 0 ? 64 : 2 * c->capacity;
    if (c->n >= SLI_LIST_MAX) {
        return too_much(self, err);
    }
    sli_cell *cells = sl_realloc(SLI_TAG_EXPR, c->cells, (size_t)capacity * sizeof *cells);
    if (cells == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *cells,
                              "the values of an aggregation");
    }
    c->cells = cells;
    c->capacity = capacity;
    return SL_OK;
}

static sl_code put_bytes(const sli_agg_state *self, sli_cells *c, sl_text text, sl_error *err)
{
    int64_t needed = c->n_bytes + (int64_t)text.size;
    if (needed > SLI_LIST_MAX_BYTES) {
        return too_much(self, err);
    }
    if (needed > c->bytes_capacity) {
        int64_t capacity = needed < 512 ? 1024 : 2 * needed;
        char *bytes = sl_realloc(SLI_TAG_EXPR, c->bytes, (size_t)capacity);
        if (bytes == NULL) {
            return sl_error_nomem(err, (size_t)capacity, "the texts of an aggregation");
        }
        c->bytes = bytes;
        c->bytes_capacity = capacity;
    }
    if (text.size > 0) {
        memcpy(c->bytes + c->n_bytes, text.data, text.size);
    }
    c->n_bytes = needed;
    return SL_OK;
}

// Appends the value to its group's chain.
static sl_code append(sli_agg_state *self, int32_t group, const sli_vec *values, int64_t i,
                      uint32_t hash, sl_error *err)
{
    sli_cells *c = &self->cells;
    sli_list *list = (sli_list *)self->states + group;
    if (c->n == c->capacity) {
        SL_TRY(grow_cells(self, c, err));
    }
    sli_cell cell = {.next = -1, .group = group, .hash = hash};
    if (sli_kind_of(values->type) == SLI_KIND_TEXT) {
        cell.bits = c->n_bytes;
        cell.size = (int32_t)values->v.s[i].size;
        SL_TRY(put_bytes(self, c, values->v.s[i], err));
    } else {
        cell.bits = sli_vec_bits(values, i);
    }
    int32_t at = (int32_t)c->n++;
    c->cells[at] = cell;
    if (list->tail >= 0) {
        c->cells[list->tail].next = at;
    } else {
        list->head = at;
    }
    list->tail = at;
    return SL_OK;
}

void sli_agg_list_init(sli_agg_state *self, int64_t from, int64_t n)
{
    sli_list *lists = (sli_list *)self->states + from;
    for (int64_t i = 0; i < n; i++) {
        lists[i] = (sli_list){-1, -1};
    }
}

sl_code sli_agg_list_add(sli_agg_state *self, const int32_t *group, const sli_vec *values,
                         int64_t n, sl_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        if (!sli_vec_is_null(values, i)) {
            SL_TRY(append(self, group[i], values, i, 0, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- sets

uint64_t sli_vec_hash(const sli_vec *vec, int64_t i)
{
    uint64_t hash;
    switch (sli_kind_of(vec->type)) {
    case SLI_KIND_TEXT:
        return sli_hash64(vec->v.s[i].data, vec->v.s[i].size);
    case SLI_KIND_FLOAT: {
        double value = vec->v.f[i];
        value =
            value != value ? __builtin_nan("") : value + 0.0; // all NaNs alike; -0.0 + 0.0 is 0.0
        memcpy(&hash, &value, sizeof hash);
        return hash;
    }
    default:
        return (uint64_t)sli_vec_bits(vec, i);
    }
}

static uint32_t hash_of(int32_t group, const sli_vec *values, int64_t i)
{
    uint64_t hash = sli_vec_hash(values, i);
    return (uint32_t)(sli_mix64(hash ^ sli_mix64((uint64_t)(uint32_t)group)) >> 32);
}

static bool cell_equals(const sli_cells *c, const sli_cell *cell, const sli_vec *values, int64_t i)
{
    double kept;
    switch (sli_kind_of(values->type)) {
    case SLI_KIND_TEXT:
        return sli_text_equal((sl_text){c->bytes + cell->bits, (size_t)cell->size}, values->v.s[i]);
    case SLI_KIND_FLOAT:
        memcpy(&kept, &cell->bits, sizeof kept);
        return sli_float_equal(kept, values->v.f[i]);
    default:
        return cell->bits == sli_vec_bits(values, i);
    }
}

// Twice the slots, at most half of them used.
static sl_code grow_slots(sli_cells *c, sl_error *err)
{
    int64_t n = c->n_slots == 0 ? 128 : 2 * c->n_slots;
    int32_t *slots = sl_alloc_array(SLI_TAG_EXPR, (size_t)n, sizeof *slots);
    if (slots == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *slots, "the table of a set");
    }
    for (int64_t k = 0; k < c->n; k++) {
        int64_t at = c->cells[k].hash & (n - 1);
        while (slots[at] != 0) {
            at = (at + 1) & (n - 1);
        }
        slots[at] = (int32_t)(k + 1);
    }
    sl_free(c->slots);
    c->slots = slots;
    c->n_slots = n;
    return SL_OK;
}

sl_code sli_agg_set_add(sli_agg_state *self, const int32_t *group, const sli_vec *values, int64_t n,
                        sl_error *err)
{
    sli_cells *c = &self->cells;
    for (int64_t i = 0; i < n; i++) {
        if (sli_vec_is_null(values, i)) {
            continue;
        }
        if (2 * (c->n + 1) > c->n_slots) {
            SL_TRY(grow_slots(c, err));
        }
        uint32_t hash = hash_of(group[i], values, i);
        int64_t at = hash & (c->n_slots - 1);
        bool known = false;
        for (; c->slots[at] != 0 && !known; at = known ? at : (at + 1) & (c->n_slots - 1)) {
            const sli_cell *cell = &c->cells[c->slots[at] - 1];
            known =
                cell->hash == hash && cell->group == group[i] && cell_equals(c, cell, values, i);
        }
        if (!known) {
            SL_TRY(append(self, group[i], values, i, hash, err));
            c->slots[at] = (int32_t)c->n;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- lists in and out

// The elements of rows [ev->base, + n) are consecutive in the child column; they are added in
// pieces.
sl_code sli_agg_list_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                           sli_eval *ev)
{
    const sl_column *lists = sl_batch_column(in, self->agg->partial_column);
    const int32_t *offsets = (const int32_t *)lists->values;
    int32_t groups[SLI_EXPR_ROWS];
    for (int64_t i = 0; i < ev->n; i++) {
        int64_t row = ev->base + i;
        if (sl_column_is_null(lists, row)) {
            continue;
        }
        sli_eval piece = {.arena = ev->arena, .err = ev->err};
        for (piece.base = offsets[row]; piece.base < offsets[row + 1]; piece.base += piece.n) {
            sli_vec values;
            int64_t left = offsets[row + 1] - piece.base;
            piece.n = left < SLI_EXPR_ROWS ? left : SLI_EXPR_ROWS;
            for (int64_t k = 0; k < piece.n; k++) {
                groups[k] = group[i];
            }
            SL_TRY(sli_eval_load(&piece, lists->children, self->agg->type, &values));
            SL_TRY(self->agg->kind->update(self, groups, &values, piece.n, ev->err));
        }
    }
    return SL_OK;
}

void sli_agg_list_out(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                      int32_t column)
{
    const sli_list *lists = (const sli_list *)self->states + from;
    const sli_cells *c = &self->cells;
    bool texts = sli_kind_of(self->agg->type) == SLI_KIND_TEXT;
    for (int64_t i = 0; i < n; i++) {
        sl_builder_list_begin(out, column);
        for (int32_t k = lists[i].head; k >= 0; k = c->cells[k].next) {
            if (texts) {
                sl_builder_text(out, column, c->bytes + c->cells[k].bits, (size_t)c->cells[k].size);
            } else {
                sli_bits_store(self->agg->type, c->cells[k].bits, out, column);
            }
        }
        sl_builder_list_end(out, column);
    }
}

sl_code sli_agg_count_distinct(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                               int32_t column, sl_error *err)
{
    const sli_list *lists = (const sli_list *)self->states + from;
    (void)err; // the builder keeps its failure
    for (int64_t i = 0; i < n; i++) {
        int64_t count = 0;
        for (int32_t k = lists[i].head; k >= 0; k = self->cells.cells[k].next) {
            count++;
        }
        sl_builder_int64(out, column, count);
    }
    return SL_OK;
}

void sli_agg_list_clear(sli_agg_state *self, bool free_all)
{
    sli_cells *c = &self->cells;
    c->n = 0;
    c->n_bytes = 0;
    if (c->slots != NULL) {
        memset(c->slots, 0, (size_t)c->n_slots * sizeof *c->slots);
    }
    if (free_all) {
        sl_free(c->cells);
        sl_free(c->bytes);
        sl_free(c->slots);
        *c = (sli_cells){0};
    }
}

int64_t sli_agg_list_bytes(const sli_agg_state *self)
{
    const sli_cells *c = &self->cells;
    return c->capacity * (int64_t)sizeof *c->cells + c->bytes_capacity +
           c->n_slots * (int64_t)sizeof *c->slots;
}
