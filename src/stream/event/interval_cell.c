// Which cells of the table the rows of an epoch ask for: each once, however many rows ask.
#include "stream/event/interval.h"

/// The cells of one key and side. Both lists of rows are in order of time, so buckets only rise.
typedef struct walking {
    const sli_cell_walk *walk;
    const sli_interval *def;
    const sli_side_rows *own, *other;
    sli_cell cell;
    int32_t add, add_to; ///< rows that have not got a cell yet
    int32_t probe, probe_to;
    int64_t last_bucket; ///< no cell lies behind it that a row of the table may be in
    bool any;            ///< a cell has been given, cell.bucket
} walking;

/// The first bucket behind the last cell's that row `w->probe` or a later one looks into.
static bool next_probed(walking *w, int64_t *out)
{
    int32_t other = !w->cell.side;
    for (; w->probe < w->probe_to; w->probe++) {
        int64_t time_us = w->other->time_us[w->probe];
        int64_t first = sli_bucket_of(w->def, sli_reach_from(w->def, other, time_us));
        int64_t last = sli_bucket_of(w->def, sli_reach_to(w->def, other, time_us));
        first = w->any && first <= w->cell.bucket ? w->cell.bucket + 1 : first;
        if (first > w->last_bucket) {
            w->probe = w->probe_to; // later rows look into later ones
        } else if (first <= last) {
            *out = first;
            return true;
        }
    }
    return false;
}

static bool next_cell(walking *w)
{
    int64_t probed = INT64_MAX, added = INT64_MAX;
    bool probes = next_probed(w, &probed), adds = w->add < w->add_to;
    if (adds) {
        added = sli_bucket_of(w->def, w->own->time_us[w->add]);
    }
    w->any = true;
    w->cell.bucket = probed < added ? probed : added;
    return probes || adds;
}

/// Which rows look into the cell, and which come into it.
static void fill_cell(walking *w, int32_t probe_first, int32_t probe_end)
{
    const sli_interval *def = w->def;
    sli_cell *cell = &w->cell;
    int64_t from_us = cell->bucket * def->width_us, to_us = from_us + def->width_us;
    cell->add_from = w->add;
    w->add = sli_first_at(w->own, w->add, w->add_to, to_us);
    cell->add_to = w->add;
    cell->probe_from = cell->probe_to = probe_first;
    if (cell->bucket <= w->last_bucket) {
        cell->probe_from = sli_first_at(w->other, probe_first, probe_end,
                                        sli_reach_from(def, cell->side, from_us));
        cell->probe_to = sli_first_at(w->other, cell->probe_from, probe_end,
                                      sli_reach_to(def, cell->side, to_us - 1) + 1);
    }
}

/// The first row of the side that may have to stay in the table.
static int32_t first_added(const walking *w, int32_t from, int32_t to)
{
    const sli_interval *def = w->def;
    int32_t s = w->cell.side;
    if (!w->walk->add[s]) {
        return to;
    }
    if (def->outer[s] || from == to) {
        return from;
    }
    while (from < to) { // rows in order of time are in order of what is due
        int32_t middle = from + (to - from) / 2;
        if (sli_interval_due(def, s, w->own->time_us[middle]) <= w->walk->next_us) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

static sl_code walk_key(const sli_cell_walk *walk, int32_t key, int32_t s, sli_cell_fn each,
                        void *ctx, sl_error *err)
{
    walking w = {.walk = walk,
                 .def = walk->def,
                 .own = &walk->rows->side[s],
                 .other = &walk->rows->side[!s],
                 .cell = {.key = key, .side = s}};
    bool probes = walk->probe[s] && walk->latest_us[s] != SLI_NO_TIME;
    int32_t first = w.other->from[key], end = w.other->from[key + 1];
    w.add_to = w.own->from[key + 1];
    w.add = first_added(&w, w.own->from[key], w.add_to);
    w.probe = first;
    w.probe_to = probes ? end : first;
    w.last_bucket = probes ? sli_bucket_of(walk->def, walk->latest_us[s]) : INT64_MIN;
    while (next_cell(&w)) {
        fill_cell(&w, first, end);
        SL_TRY(each(ctx, &w.cell, err));
    }
    return SL_OK;
}

sl_code sli_cells_each(const sli_cell_walk *walk, sli_cell_fn each, void *ctx, sl_error *err)
{
    for (int32_t key = 0; key < walk->rows->n_keys; key++) {
        SL_TRY(walk_key(walk, key, SLI_LEFT, each, ctx, err));
        SL_TRY(walk_key(walk, key, SLI_RIGHT, each, ctx, err));
    }
    return SL_OK;
}
