// window_sides.h — how a task puts together what leaves its window and what enters.
#include "stream/window_sides.h"

static sl_code no_room(size_t bytes, sl_error *err)
{
    return sl_error_nomem(err, bytes, "the step of a window");
}

// ---------------------------------------------------------------- life

sl_code sli_pane_sides_open(sli_pane_sides *s, const int32_t *columns, const sl_args *args,
                            sl_error *err)
{
    const sli_window_state *state = s->def->state;
    SL_TRY(sli_groups_new(&s->groups, s->def->pane_schema, columns, state->n_keys, err));
    SL_TRY(sli_aggs_new(&s->leaving.aggs, state->plan, args, err));
    return sli_aggs_new(&s->entering.aggs, state->plan, args, err);
}

static void reset_side(sli_pane_side *side)
{
    if (side->aggs != NULL) {
        sli_aggs_free(side->aggs);
    }
    sl_free(side->keys.has);
    sl_batch_unref(side->states);
}

void sli_pane_sides_reset(sli_pane_sides *s)
{
    if (s->groups != NULL) {
        sli_groups_free(s->groups);
    }
    reset_side(&s->leaving);
    reset_side(&s->entering);
    sli_budget_release(s->task->runtime->budget, s->weight);
    sl_free(s->numbers);
    sl_free(s->anew.has);
}

// ---------------------------------------------------------------- marks

static sl_code grow_marks(sli_marks *m, int64_t n, sl_error *err)
{
    if (n > m->capacity) {
        int64_t capacity = n * 2;
        bool *has = sl_realloc(SLI_TAG_STREAM, m->has, (size_t)capacity);
        if (has == NULL) {
            return no_room((size_t)capacity, err);
        }
        memset(has + m->capacity, 0, (size_t)(capacity - m->capacity));
        m->has = has;
        m->capacity = capacity;
    }
    return SL_OK;
}

static sl_code grow_side(sli_pane_side *side, int64_t n, sl_error *err)
{
    SL_TRY(grow_marks(&side->keys, n, err));
    return sli_aggs_grow(side->aggs, n, err);
}

// ---------------------------------------------------------------- rows of panes

typedef struct taking {
    sli_pane_sides *sides;
    sli_pane_side *to;
    bool anew_only; ///< rows of keys that are put together anew, and no others
} taking;

static void weigh(sli_pane_sides *s)
{
    int64_t bytes = sli_groups_bytes(s->groups) + sli_aggs_bytes(s->leaving.aggs) +
                    sli_aggs_bytes(s->entering.aggs);
    if (bytes > s->weight) {
        (void)sli_budget_reserve(s->task->runtime->budget, bytes - s->weight,
                                 true); // counted, so that blocks make room
        s->weight = bytes;
    }
}

/// The groups of a batch's keys, in s->numbers.
static sl_code number_keys(sli_pane_sides *s, const sl_batch *batch, sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    if (n > s->number_capacity) {
        sl_free(s->numbers);
        s->number_capacity = 0;
        s->numbers = sl_alloc(SLI_TAG_STREAM, (size_t)n * 2 * sizeof *s->numbers);
        if (s->numbers == NULL) {
            return no_room((size_t)n * 2 * sizeof *s->numbers, err);
        }
        s->number_capacity = n * 2;
    }
    return sli_groups_add(s->groups, batch, NULL, s->numbers, err);
}

static sl_code mark_keys(sli_pane_sides *s, const sl_batch *batch, sli_marks *m, sl_error *err)
{
    SL_TRY(number_keys(s, batch, err));
    SL_TRY(grow_marks(m, sli_groups_count(s->groups), err));
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        m->has[s->numbers[i]] = true;
    }
    return SL_OK;
}

static sl_code merge_states(sli_pane_sides *s, sli_pane_side *to, const sl_batch *batch,
                            sl_error *err)
{
    SL_TRY(mark_keys(s, batch, &to->keys, err));
    SL_TRY(sli_aggs_grow(to->aggs, sli_groups_count(s->groups), err));
    weigh(s);
    return sli_aggs_merge(to->aggs, s->numbers, batch, err);
}

/// The batch's rows of keys that are put together anew; NULL for none.
static sl_code pick_anew(sli_pane_sides *s, const sl_batch *batch, sl_batch **out, sl_error *err)
{
    int32_t n = 0, rows = (int32_t)sl_batch_rows(batch);
    *out = NULL;
    SL_TRY(number_keys(s, batch, err));
    for (int32_t i = 0; i < rows; i++) {
        if (sli_is_marked(&s->anew, s->numbers[i])) {
            s->numbers[n++] = i; // behind what is still to be looked at
        }
    }
    return n == 0 ? SL_OK : sli_batch_take(batch, s->numbers, n, out, err);
}

static sl_code take_states(void *ctx, sl_batch *batch, sl_error *err)
{
    const taking *t = ctx;
    if (!t->anew_only) {
        return merge_states(t->sides, t->to, batch, err);
    }
    sl_batch *some = NULL;
    SL_TRY(pick_anew(t->sides, batch, &some, err));
    sl_code rc = some == NULL ? SL_OK : merge_states(t->sides, t->to, some, err);
    sl_batch_unref(some);
    return rc;
}

static sl_code take_panes(sli_pane_sides *s, const sli_panes *panes, sli_pane_side *to,
                          bool anew_only, sl_error *err)
{
    taking t = {s, to, anew_only};
    for (int32_t i = 0; i < panes->n; i++) {
        SL_TRY(sli_pane_each(panes->at[i], s->def, s->partition, s->n_partitions, s->task,
                             take_states, &t, err));
    }
    return SL_OK;
}

/// The side's states as rows, by group.
static sl_code end_side(const sli_pane_sides *s, sli_pane_side *side, sl_error *err)
{
    sl_builder *builder = NULL;
    int64_t n = sli_groups_count(s->groups);
    SL_TRY(grow_side(side, n, err));
    SL_TRY(sl_builder_new(&builder, s->def->pane_schema, err));
    sl_code rc = n == 0 ? SL_OK : sli_groups_keys(s->groups, 0, n, builder, 0, err);
    rc = rc != SL_OK || n == 0 ? rc : sli_aggs_partial(side->aggs, 0, n, builder, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(builder, &side->states, err);
    sl_builder_free(builder);
    return rc;
}

// ---------------------------------------------------------------- keys that lost rows

static sl_code mark_lost(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_pane_sides *s = ctx;
    return mark_keys(s, batch, &s->anew, err);
}

static sl_code find_lost(sli_pane_sides *s, const sli_panes *panes, sl_error *err)
{
    for (int32_t i = 0; i < panes->n; i++) {
        SL_TRY(sli_pane_each_lost(panes->at[i], s->def, s->partition, s->n_partitions, s->task,
                                  mark_lost, s, err));
    }
    return SL_OK;
}

/// Of keys that are put together anew nothing leaves.
static void keep_anew(sli_pane_sides *s)
{
    for (int64_t i = 0; i < s->leaving.keys.capacity; i++) {
        s->leaving.keys.has[i] = s->leaving.keys.has[i] && !sli_is_marked(&s->anew, i);
    }
}

sl_code sli_pane_sides_take(sli_pane_sides *s, const sli_pane_moves *moves, sl_error *err)
{
    SL_TRY(find_lost(s, &moves->leaving, err));
    SL_TRY(find_lost(s, &moves->staying, err));
    SL_TRY(find_lost(s, &moves->entering, err));
    SL_TRY(take_panes(s, &moves->leaving, &s->leaving, false, err));
    SL_TRY(take_panes(s, &moves->staying, &s->entering, true, err));
    SL_TRY(take_panes(s, &moves->entering, &s->entering, false, err));
    if (moves->is_cut) {
        keep_anew(s);
    }
    SL_TRY(end_side(s, &s->leaving, err));
    return end_side(s, &s->entering, err);
}
