/// aggs.c — the states of some groups: grown, fed, merged, handed out.
///
/// After a failed call the states hold part of its rows: they are good for clear and free only.
#include "expr/agg_int.h"

#include <stdio.h>

struct sli_aggs {
    const sli_agg_plan *plan;
    sl_arena *arena; // scratch of one call
    int64_t n, capacity;
    sli_agg_state states[]; // one an aggregation
};

enum { MAX_GROUPS = INT32_MAX };

const int32_t sli_agg_group_zero[SLI_EXPR_ROWS];

sl_code sli_agg_fail(const sli_agg_state *self, int64_t i, sl_error *err, const char *fmt, ...)
{
    char why[200];
    va_list list;
    va_start(list, fmt);
    vsnprintf(why, sizeof why, fmt, list);
    va_end(list);
    return sl_error_set(err, SL_E_DATA, "row %lld: aggregation %s: %s", (long long)(self->base + i),
                        self->agg->name, why);
}

sl_code sli_aggs_new(sli_aggs **out, const sli_agg_plan *plan, const sl_args *args, sl_error *err)
{
    size_t size = sizeof(sli_aggs) + (size_t)plan->n_aggs * sizeof(sli_agg_state);
    sli_aggs *aggs = sl_alloc_zero(SLI_TAG_EXPR, size);
    if (aggs == NULL) {
        return sl_error_nomem(err, size, "aggregations");
    }
    aggs->plan = plan;
    aggs->arena = sl_arena_new(SLI_TAG_EXPR);
    if (aggs->arena == NULL) {
        sl_free(aggs);
        return sl_error_nomem(err, 0, "aggregations");
    }
    for (int32_t k = 0; k < plan->n_aggs; k++) {
        aggs->states[k].agg = &plan->aggs[k];
        aggs->states[k].args = args;
    }
    *out = aggs;
    return SL_OK;
}

static void clear_state(sli_agg_state *state, bool free_all)
{
    if (state->agg->kind != NULL && state->agg->kind->clear != NULL) {
        state->agg->kind->clear(state, free_all);
    }
    state->n = 0;
    if (free_all) {
        sl_free(state->states);
        state->states = NULL;
        state->capacity = 0;
    }
}

void sli_aggs_free(sli_aggs *aggs)
{
    if (aggs == NULL) {
        return;
    }
    for (int32_t k = 0; k < aggs->plan->n_aggs; k++) {
        clear_state(&aggs->states[k], true);
    }
    sl_arena_free(aggs->arena);
    sl_free(aggs);
}

void sli_aggs_clear(sli_aggs *aggs)
{
    for (int32_t k = 0; k < aggs->plan->n_aggs; k++) {
        clear_state(&aggs->states[k], false);
    }
    aggs->n = 0;
}

static sl_code grow_state(sli_agg_state *state, int64_t n, sl_error *err)
{
    size_t size = state->agg->state_bytes;
    if (n > state->capacity) {
        int64_t first = size > 4096 ? 1 : 16; // states of many bytes are made one by one
        int64_t capacity = 2 * state->capacity > n ? 2 * state->capacity : n < first ? first : n;
        void *states = sl_realloc(SLI_TAG_EXPR, state->states, (size_t)capacity * size);
        if (states == NULL) {
            return sl_error_nomem(err, (size_t)capacity * size, "states of an aggregation");
        }
        state->states = states;
        state->capacity = capacity;
    }
    if (state->agg->user != NULL) {
        sli_agg_user_init(state, state->n, n - state->n);
    } else {
        state->agg->kind->init(state, state->n, n - state->n);
    }
    state->n = n;
    return SL_OK;
}

sl_code sli_aggs_grow(sli_aggs *aggs, int64_t n_groups, sl_error *err)
{
    if (n_groups > MAX_GROUPS) {
        return sl_error_set(err, SL_E_NOMEM, "more than %d groups", MAX_GROUPS);
    }
    for (int32_t k = 0; k < aggs->plan->n_aggs; k++) {
        if (n_groups > aggs->states[k].n) { // after a failure some have grown already
            SL_TRY(grow_state(&aggs->states[k], n_groups, err));
        }
    }
    aggs->n = n_groups > aggs->n ? n_groups : aggs->n;
    return SL_OK;
}

// ---------------------------------------------------------------- rows in

/// The groups of rows from `base` on; without an array they are all 0.
static const int32_t *groups_at(const int32_t *group, int64_t base)
{
    return group == NULL ? sli_agg_group_zero : group + base;
}

static sl_code update_some(sli_agg_state *state, const int32_t *group, const sli_vec *values,
                           int64_t n, sl_error *err)
{
    const sli_agg_kind *kind = state->agg->kind;
    if (group == NULL && kind->update_one != NULL) {
        return kind->update_one(state, values, n, err);
    }
    return kind->update(state, groups_at(group, state->base), values, n, err);
}

static sl_code update_values(sli_agg_state *state, const int32_t *group, sli_eval *ev)
{
    int64_t rows = sl_batch_rows(ev->in);
    const sli_agg *agg = state->agg;
    for (ev->base = 0; ev->base < rows; ev->base += ev->n) {
        sli_vec values[SLI_AGG_ARGS];
        ev->n = rows - ev->base < SLI_EXPR_ROWS ? rows - ev->base : SLI_EXPR_ROWS;
        for (int32_t k = 0; k < agg->n_args; k++) {
            SL_TRY(sli_eval_node(ev, agg->args[k], &values[k]));
        }
        state->base = ev->base;
        SL_TRY(update_some(state, group, values, ev->n, ev->err));
        sl_arena_reset(ev->arena);
    }
    return SL_OK;
}

/// What user code gets in place of NULL, as it has to be told each row's group.
static sl_code told_groups(sli_aggs *aggs, const int32_t **group, int64_t n, sl_error *err)
{
    if (*group != NULL || n <= SLI_EXPR_ROWS) {
        *group = groups_at(*group, 0);
        return SL_OK;
    }
    size_t size = (size_t)n * sizeof **group;
    void *zero = sl_arena_alloc_zero(aggs->arena, size);
    *group = zero;
    return zero == NULL ? sl_error_nomem(err, size, "groups of rows") : SL_OK;
}

static sl_code update_user(sli_aggs *aggs, sli_agg_state *state, const int32_t *group,
                           const sl_batch *in, sl_error *err)
{
    if (sl_batch_rows(in) == 0) {
        return SL_OK;
    }
    SL_TRY(told_groups(aggs, &group, sl_batch_rows(in), err));
    return sli_agg_user_update(state, group, in, err);
}

sl_code sli_aggs_update(sli_aggs *aggs, const int32_t *group, const sl_batch *in, sl_error *err)
{
    for (int32_t k = 0; k < aggs->plan->n_aggs; k++) {
        sli_agg_state *state = &aggs->states[k];
        sli_eval ev = {.in = in, .arena = aggs->arena, .err = err};
        sl_code rc;
        if (state->agg->user != NULL) {
            rc = update_user(aggs, state, group, in, err);
        } else if (state->agg->n_args == 0) {
            state->base = 0;
            rc = update_some(state, group, NULL, sl_batch_rows(in), err);
        } else {
            rc = update_values(state, group, &ev);
        }
        sl_arena_reset(aggs->arena);
        SL_TRY(rc);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- partial states in

// Outside bytes may come this way (a snapshot, a spilled block): types are checked, values by the
// kinds.
static sl_code check_partial(const sli_aggs *aggs, const sl_batch *partial, sl_error *err)
{
    const sl_schema *wanted = aggs->plan->partial, *given = sl_batch_schema(partial);
    bool same = wanted == given || sl_schema_columns(wanted) == sl_schema_columns(given);
    for (int32_t i = aggs->plan->n_keys; same && wanted != given && i < sl_schema_columns(wanted);
         i++) {
        const sl_field *a = sl_schema_field(wanted, i), *b = sl_schema_field(given, i);
        same = a->type == b->type && (a->type != SL_LIST || a->children->type == b->children->type);
    }
    if (!same) {
        return sl_error_set(err, SL_E_INVALID, "partial states (%.200s) are not those of %.200s",
                            sl_schema_text(given), aggs->plan->text);
    }
    return SL_OK;
}

static sl_code merge_built_in(sli_agg_state *state, const int32_t *group, bool back, sli_eval *ev)
{
    const sli_agg_kind *kind = state->agg->kind;
    int64_t rows = sl_batch_rows(ev->in);
    for (ev->base = 0; ev->base < rows; ev->base += ev->n) {
        const int32_t *groups = groups_at(group, ev->base);
        state->base = ev->base;
        ev->n = rows - ev->base < SLI_EXPR_ROWS ? rows - ev->base : SLI_EXPR_ROWS;
        if (back) {
            SL_TRY(kind->inverse(state, groups, ev->in, ev));
        } else if (kind->merge != NULL) {
            SL_TRY(kind->merge(state, groups, ev->in, ev));
        } else { // the state of a min is a value like any other
            sli_vec values;
            SL_TRY(sli_eval_load(ev, sl_batch_column(ev->in, state->agg->partial_column),
                                 state->agg->type, &values));
            SL_TRY(update_some(state, group, &values, ev->n, ev->err));
        }
        sl_arena_reset(ev->arena);
    }
    return SL_OK;
}

static sl_code merge_user(sli_aggs *aggs, sli_agg_state *state, const int32_t *group, bool back,
                          const sl_batch *partial, sl_error *err)
{
    SL_TRY(told_groups(aggs, &group, sl_batch_rows(partial), err));
    return sli_agg_user_merge(state, group, partial, back, err);
}

static sl_code fold_partial(sli_aggs *aggs, const int32_t *group, const sl_batch *partial,
                            bool back, sl_error *err)
{
    SL_TRY(check_partial(aggs, partial, err));
    for (int32_t k = 0; k < aggs->plan->n_aggs && sl_batch_rows(partial) > 0; k++) {
        sli_agg_state *state = &aggs->states[k];
        sli_eval ev = {.in = partial, .arena = aggs->arena, .err = err};
        sl_code rc = state->agg->user != NULL ? merge_user(aggs, state, group, back, partial, err)
                                              : merge_built_in(state, group, back, &ev);
        sl_arena_reset(aggs->arena);
        SL_TRY(rc);
    }
    return SL_OK;
}

sl_code sli_aggs_merge(sli_aggs *aggs, const int32_t *group, const sl_batch *partial, sl_error *err)
{
    return fold_partial(aggs, group, partial, false, err);
}

sl_code sli_aggs_inverse(sli_aggs *aggs, const int32_t *group, const sl_batch *partial,
                         sl_error *err)
{
    if (!aggs->plan->invertible) {
        return sl_error_set(err, SL_E_UNSUPPORTED, "%.200s can't be taken out again",
                            aggs->plan->text);
    }
    return fold_partial(aggs, group, partial, true, err);
}

// ---------------------------------------------------------------- out

static sl_code check_range(const sli_aggs *aggs, int64_t from, int64_t n, sl_error *err)
{
    if (from < 0 || n < 0 || n > aggs->n - from) {
        return sl_error_set(err, SL_E_INVALID, "groups %lld to %lld of %lld", (long long)from,
                            (long long)(from + n), (long long)aggs->n);
    }
    return SL_OK;
}

sl_code sli_aggs_partial(const sli_aggs *aggs, int64_t from, int64_t n, sl_builder *out,
                         sl_error *err)
{
    SL_TRY(check_range(aggs, from, n, err));
    for (int32_t k = 0; k < aggs->plan->n_aggs; k++) {
        const sli_agg_state *state = &aggs->states[k];
        if (state->agg->user != NULL) {
            sli_agg_user_partial(state, from, n, out, state->agg->partial_column);
        } else {
            state->agg->kind->partial_out(state, from, n, out, state->agg->partial_column);
        }
    }
    return sli_builder_check(out, err);
}

sl_code sli_aggs_finish(const sli_aggs *aggs, int64_t from, int64_t n, sl_builder *out,
                        sl_error *err)
{
    SL_TRY(check_range(aggs, from, n, err));
    for (int32_t k = 0; k < aggs->plan->n_aggs; k++) {
        const sli_agg_state *state = &aggs->states[k];
        if (state->agg->user != NULL) {
            SL_TRY(sli_agg_user_finish(state, from, n, out, state->agg->result_column, err));
        } else {
            SL_TRY(state->agg->kind->finish(state, from, n, out, state->agg->result_column, err));
        }
    }
    return sli_builder_check(out, err);
}

int64_t sli_aggs_bytes(const sli_aggs *aggs)
{
    int64_t bytes = (int64_t)(sizeof *aggs + (size_t)aggs->plan->n_aggs * sizeof(sli_agg_state));
    for (int32_t k = 0; k < aggs->plan->n_aggs; k++) {
        const sli_agg_state *state = &aggs->states[k];
        bytes += state->capacity * (int64_t)state->agg->state_bytes + state->text_bytes +
                 sli_agg_list_bytes(state);
    }
    return bytes;
}
