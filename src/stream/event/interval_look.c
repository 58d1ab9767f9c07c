// The cells of the table that rows of an epoch ask for, SLI_TOGETHER at a time: rows there are met
// with those of the epoch, and rows of the epoch come in.
//
// Of most cells all rows are in entry 0. Those of a cell with several are looked at afterwards,
// cell by cell, SLI_TOGETHER entries at a time: where its rows are met all of them, where a row is
// added the last and the first.
#include "stream/event/interval_work.h"

// ---------------------------------------------------------------- looking for matches

/// The rows of the epoch that a row of the table meets.
static void find_met(const sli_joining *j, const sli_join_entry *e, int64_t time_us, int32_t *from,
                     int32_t *to)
{
    const sli_side_rows *other = &j->rows.side[!e->side];
    const sli_cell *cell = e->cell;
    *from = sli_first_at(other, cell->probe_from, cell->probe_to,
                         sli_reach_from(j->def, e->side, time_us));
    *to = *from;
    int64_t to_us = sli_reach_to(j->def, e->side, time_us);
    while (*to < cell->probe_to && other->time_us[*to] <= to_us) {
        (*to)++;
    }
}

static sl_code probe_entry(sli_joining *j, const sli_join_entry *e, sl_error *err)
{
    const sli_side_rows *other = &j->rows.side[!e->side];
    sli_reader r = sli_reader_of(e->rows.rows);
    sli_entry_row row;
    while (sli_entry_next(&r, &row)) {
        int32_t from = 0, to = 0;
        find_met(j, e, row.time_us, &from, &to);
        for (int32_t i = from; i < to; i++) {
            SL_TRY(sli_out_pair_of_table(&j->out, e->side, row.row, other->row[i], err));
            if (other->matched != NULL) {
                other->matched[i] = true;
            }
        }
    }
    return r.bad ? sli_join_damaged(err) : SL_OK;
}

// ---------------------------------------------------------------- cells with several entries

static sl_code set_aside(sli_joining *j, const sli_join_entry *e, sl_bytes value, sl_error *err)
{
    SL_TRY(sli_join_grow_few(&j->grown, j->n_grown, &j->grown_capacity, sizeof *j->grown,
                             "cells of a join", err));
    j->grown[j->n_grown++] = (sli_grown_cell){.cell = *e->cell,
                                              .add_at = e->add_at,
                                              .n_add = e->n_add,
                                              .key_hash = e->key_hash,
                                              .mark = e->mark,
                                              .value_at = j->grown_bytes.size,
                                              .value_size = value.size};
    sli_str_add(&j->grown_bytes, value.data, value.size);
    return sli_str_check(&j->grown_bytes, "entries of a join", err);
}

/// Keys of entries [from, from + n) of a cell, in j->keys.
static sl_code list_numbers(sli_joining *j, const sli_cell *cell, int64_t from, int32_t n,
                            sli_state_key *out, sl_error *err)
{
    uint64_t hash = sli_groups_hashes(j->rows.keys)[cell->key];
    size_t ends[SLI_TOGETHER];
    sli_str_clear(&j->keys);
    for (int32_t i = 0; i < n; i++) {
        sli_groups_row(j->rows.keys, cell->key, &j->keys);
        sli_entry_put_key(&j->keys, cell->side, cell->bucket, from + i);
        ends[i] = j->keys.size;
    }
    SL_TRY(sli_str_check(&j->keys, "keys of a join", err));
    for (int32_t i = 0; i < n; i++) {
        size_t at = i == 0 ? 0 : ends[i - 1];
        out[i] = (sli_state_key){hash, {j->keys.data + at, ends[i] - at}};
    }
    return SL_OK;
}

/// An entry behind the first. `*n_entries` rises when the cell's new rows need more.
static sl_code look_at_next(sli_joining *j, sli_join_entry *e, const sli_state_found *found,
                            bool is_last, int64_t *n_entries, sl_error *err)
{
    if (found->mark != 0) { // else it is gone, with all its rows
        SL_TRY(sli_entry_read(found->value, &e->rows, err));
    }
    if (j->probes && e->cell->probe_from < e->cell->probe_to) {
        SL_TRY(probe_entry(j, e, err));
    }
    if (!j->writes) {
        return SL_OK;
    }
    if (is_last && e->n_add > 0) {
        return sli_join_add_rows(j, e, n_entries, err);
    }
    e->n_add = 0;
    return e->mark == 0 ? SL_OK : sli_join_write(j, e, 0, 0, err);
}

static sl_code look_at_some(sli_joining *j, const sli_grown_cell *g, int64_t from, int32_t n,
                            int64_t last, int64_t *n_entries, sl_error *err)
{
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    SL_TRY(list_numbers(j, &g->cell, from, n, keys, err));
    SL_TRY(sli_together_find(j->task->view, keys, n, found, &j->more_copies, err));
    for (int32_t i = 0; i < n; i++) {
        sli_join_entry e = {.side = g->cell.side,
                            .bucket = g->cell.bucket,
                            .number = from + i,
                            .hash = keys[i].hash,
                            .key_hash = found[i].key_hash,
                            .mark = found[i].mark,
                            .key = keys[i].key,
                            .cell = &g->cell,
                            .add_at = g->add_at,
                            .n_add = g->n_add,
                            .due = sli_join_due(j, keys[i].key)};
        SL_TRY(look_at_next(j, &e, &found[i], from + i == last, n_entries, err));
    }
    SL_TRY(sli_out_read(&j->out, err));
    SL_TRY(sli_join_flush(j, err));
    return sli_join_flush_fresh(j, err);
}

static sl_code write_first(sli_joining *j, const sli_grown_cell *g, sli_join_entry *e,
                           int64_t n_entries, sl_error *err)
{
    sli_state_key key;
    SL_TRY(list_numbers(j, &g->cell, 0, 1, &key, err));
    e->key = key.key;
    e->hash = key.hash;
    e->due = sli_join_due(j, key.key);
    SL_TRY(sli_join_write(j, e, n_entries, g->n_add, err));
    return sli_join_flush(j, err);
}

static sl_code look_at_grown(sli_joining *j, const sli_grown_cell *g, sl_error *err)
{
    sli_join_entry first = {.side = g->cell.side,
                            .bucket = g->cell.bucket,
                            .key_hash = g->key_hash,
                            .mark = g->mark,
                            .cell = &g->cell};
    sl_bytes value = {j->grown_bytes.data + g->value_at, g->value_size};
    SL_TRY(sli_entry_read(value, &first.rows, err));
    int64_t had = first.rows.n_entries, n_entries = had;
    bool all = (j->probes && g->cell.probe_from < g->cell.probe_to) ||
               (j->writes && j->def->outer[first.side]);
    SL_TRY(sli_join_check_count(j, &first, g->n_add, err));
    if (j->probes && g->cell.probe_from < g->cell.probe_to) {
        SL_TRY(probe_entry(j, &first, err));
        SL_TRY(sli_out_read(&j->out, err));
    }
    for (int64_t from = all ? 1 : had - 1; from < had; from += SLI_TOGETHER) {
        int64_t n = had - from < SLI_TOGETHER ? had - from : SLI_TOGETHER;
        SL_TRY(sli_task_check(j->task->task, err));
        SL_TRY(look_at_some(j, g, from, (int32_t)n, had - 1, &n_entries, err));
    }
    return j->writes ? write_first(j, g, &first, n_entries, err) : SL_OK;
}

// ---------------------------------------------------------------- the cells in hand

/// Bytes of the rows that come into the cells.
static sl_code encode(sli_joining *j, int32_t s, sl_error *err)
{
    sli_adding *add = &j->add[s];
    sl_batch *rows = NULL;
    sli_str_clear(&add->encoded);
    if (add->n == 0) {
        return SL_OK;
    }
    int64_t capacity = add->bytes_capacity;
    SL_TRY(
        sli_join_grow(&add->bytes, add->n, &capacity, sizeof *add->bytes, "rows of a join", err));
    add->bytes_capacity = capacity;
    int32_t *row = sl_alloc_array(SLI_TAG_STREAM, (size_t)add->n, sizeof *row);
    if (row == NULL) {
        return sl_error_nomem(err, (size_t)add->n * sizeof *row, "rows of a join");
    }
    for (int64_t i = 0; i < add->n; i++) {
        row[i] = j->rows.side[s].row[add->place[i]];
    }
    sl_code rc = sli_batch_take(j->rows.side[s].rows, row, add->n, &rows, err);
    if (rc == SL_OK) {
        sli_rows_put(&add->encoded, rows, j->def->all, j->def->n_columns[s], 0, add->n, add->bytes);
        rc = sli_str_check(&add->encoded, "rows of a join", err);
    }
    sl_batch_unref(rows);
    sl_free(row);
    return rc;
}

static sl_code list_cells(sli_joining *j, sli_state_key *out, sl_error *err)
{
    const uint64_t *hashes = sli_groups_hashes(j->rows.keys);
    size_t ends[SLI_TOGETHER];
    sli_str_clear(&j->keys);
    for (int32_t i = 0; i < j->n_cells; i++) {
        const sli_cell *cell = &j->cells[i];
        sli_groups_row(j->rows.keys, cell->key, &j->keys);
        sli_entry_put_key(&j->keys, cell->side, cell->bucket, 0);
        ends[i] = j->keys.size;
    }
    SL_TRY(sli_str_check(&j->keys, "keys of a join", err));
    for (int32_t i = 0; i < j->n_cells; i++) {
        size_t at = i == 0 ? 0 : ends[i - 1];
        out[i] = (sli_state_key){hashes[j->cells[i].key], {j->keys.data + at, ends[i] - at}};
    }
    return SL_OK;
}

static sl_code look_at(sli_joining *j, sli_join_entry *e, sl_bytes value, sl_error *err)
{
    if (e->mark != 0) {
        SL_TRY(sli_entry_read(value, &e->rows, err));
    }
    if (e->rows.n_entries > 1) {
        return set_aside(j, e, value, err);
    }
    if (j->probes && e->cell->probe_from < e->cell->probe_to) {
        SL_TRY(probe_entry(j, e, err));
    }
    bool writes = j->writes && (e->n_add > 0 || (e->mark != 0 && j->def->outer[e->side]));
    return writes ? sli_join_write_single(j, e, err) : SL_OK;
}

static sl_code look_at_cells(sli_joining *j, sl_error *err)
{
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    SL_TRY(sli_task_check(j->task->task, err));
    SL_TRY(encode(j, SLI_LEFT, err));
    SL_TRY(encode(j, SLI_RIGHT, err));
    SL_TRY(list_cells(j, keys, err));
    SL_TRY(sli_together_find(j->task->view, keys, j->n_cells, found, &j->copies, err));
    for (int32_t i = 0; i < j->n_cells; i++) {
        sli_join_entry e = {.side = j->cells[i].side,
                            .bucket = j->cells[i].bucket,
                            .hash = keys[i].hash,
                            .key_hash = found[i].key_hash,
                            .mark = found[i].mark,
                            .key = keys[i].key,
                            .cell = &j->cells[i],
                            .add_at = j->add_at[i],
                            .n_add = j->n_add[i],
                            .due = sli_join_due(j, keys[i].key)};
        SL_TRY(look_at(j, &e, found[i].value, err));
    }
    SL_TRY(sli_out_read(&j->out, err));
    SL_TRY(sli_join_flush(j, err));
    SL_TRY(sli_join_flush_fresh(j, err));
    for (int32_t i = 0; i < j->n_grown; i++) {
        SL_TRY(look_at_grown(j, &j->grown[i], err));
    }
    j->n_grown = 0;
    sli_str_clear(&j->grown_bytes);
    j->n_cells = 0;
    j->add[SLI_LEFT].n = j->add[SLI_RIGHT].n = 0;
    return SL_OK;
}

/// The rows of a cell that come into the table: not those that nobody will ask for again.
static sl_code list_added(sli_joining *j, const sli_cell *cell, sl_error *err)
{
    sli_adding *add = &j->add[cell->side];
    const sli_side_rows *side = &j->rows.side[cell->side];
    bool outer = j->def->outer[cell->side];
    int64_t n = add->n + cell->add_to - cell->add_from;
    SL_TRY(
        sli_join_grow(&add->place, n, &add->capacity, sizeof *add->place, "rows of a join", err));
    for (int32_t i = cell->add_from; i < cell->add_to; i++) {
        bool comes = !outer || !side->matched[i] ||
                     sli_interval_due(j->def, cell->side, side->time_us[i]) > j->next_us;
        add->place[add->n] = i;
        add->n += comes;
    }
    if (add->n > 0) {
        sli_interval_reaches(j->def, cell->side, side->time_us[add->place[add->n - 1]]);
    }
    return SL_OK;
}

static sl_code take_cell(void *ctx, const sli_cell *cell, sl_error *err)
{
    sli_joining *j = ctx;
    int64_t at = j->add[cell->side].n;
    if (j->writes) {
        SL_TRY(list_added(j, cell, err));
    }
    int64_t n = j->add[cell->side].n - at;
    if (n == 0 && cell->probe_from == cell->probe_to) {
        return SL_OK;
    }
    j->cells[j->n_cells] = *cell;
    j->add_at[j->n_cells] = at;
    j->n_add[j->n_cells++] = n;
    return j->n_cells == SLI_TOGETHER ? look_at_cells(j, err) : SL_OK;
}

/// One sli_join_pass over the cells. A partition without keys has none that could be met.
sl_code sli_join_pass(sli_joining *j, const int64_t *latest_us, bool probes, bool writes,
                      sl_error *err)
{
    const sli_interval *def = j->def;
    sli_cell_walk walk = {
        .def = def,
        .rows = &j->rows,
        .latest_us = {latest_us[SLI_LEFT], latest_us[SLI_RIGHT]},
        .next_us = j->next_us,
        .probe = {probes || def->outer[SLI_LEFT], probes || def->outer[SLI_RIGHT]},
        .add = {writes, writes}};
    j->probes = probes;
    j->writes = writes;
    SL_TRY(sli_cells_each(&walk, take_cell, j, err));
    return j->n_cells == 0 ? SL_OK : look_at_cells(j, err);
}
