/// window_sides.h — one state a key of the panes that leave a window that goes on by the inverse,
/// and one of those that enter: what one task of window_state.c takes out and adds. For
/// window_state.c and window_sides.c. Thread: task.
///
/// Where rows of these panes don't count (sli_pane_cut), their keys are put together *anew*:
/// nothing of them leaves, and all that is left of them in the window enters.
#pragma once

#include "stream/window.h"

/// What a step of the window is about. Panes are referenced.
typedef struct sli_pane_moves {
    sli_panes leaving, entering;
    sli_panes staying; ///< in the state and the window; only when `is_cut`
    bool is_cut;       ///< some rows of these panes don't count
} sli_pane_moves;

/// A mark a group; groups past `capacity` have none.
typedef struct sli_marks {
    bool *has;
    int64_t capacity;
} sli_marks;

static inline bool sli_is_marked(const sli_marks *m, int64_t group)
{
    return group >= 0 && group < m->capacity && m->has[group];
}

typedef struct sli_pane_side {
    sli_aggs *aggs;
    sli_marks keys;   ///< some pane has the key
    sl_batch *states; ///< a row a group
} sli_pane_side;

/// The fields up to `n_partitions` are the caller's to set.
typedef struct sli_pane_sides {
    const sli_window_def *def;
    sli_task *task;
    int32_t partition, n_partitions;
    sli_groups *groups; ///< keys of both sides
    int32_t *numbers;   ///< groups of one batch of a pane
    int64_t number_capacity;
    sli_marks anew; ///< keys that are put together anew
    sli_pane_side leaving, entering;
    int64_t weight; ///< bytes counted in the budget
} sli_pane_sides;

/// `columns` are 0, 1, 2, ...; they and `args` live as long. Reset also after a failure.
sl_code sli_pane_sides_open(sli_pane_sides *sides, const int32_t *columns, const sl_args *args,
                            sl_error *err);
void sli_pane_sides_reset(sli_pane_sides *sides);
/// Reads the panes: both sides have the states of all groups then.
sl_code sli_pane_sides_take(sli_pane_sides *sides, const sli_pane_moves *moves, sl_error *err);
/// Put together anew from nothing. Its old state stays until it goes: an aggregation need not have
/// a result of no rows.
static inline bool sli_is_lost(const sli_pane_sides *sides, int32_t group)
{
    return sli_is_marked(&sides->anew, group) && !sli_is_marked(&sides->entering.keys, group);
}
