// Joins within a bound of event time: the work of one task.
//
//   1. rows of both sides are laid out by key and time                      (interval_rows.c)
//   2. they look for matches among the rows of the table: cells are asked for, many at a time
//   3. they are met with each other: two lists in order of time, key by key
//   4. what can still find a match after this epoch comes into the table
//   5. what is due leaves it, and is given if it has found none (outer)
//
// So each pair is found once, whichever row came first. An inner join does 2 and 4 in one pass over
// the cells. An outer one has to know which of the epoch's rows have found a match before it writes
// them, so it passes over them twice: step 4 finds the marks of the table's rows again.
//
// Whether a row is due does not decide whether it is met: a row that is due lies further from every
// row in time than the bound. So steps may be in any order; pairs of the table come first.
//
// A key is changed once in a task: an entry of an outer join that is due and is asked for in the
// epoch as well is dealt with in step 4, and step 5 leaves it out.
#include "stream/event/interval.h"

#include "base/hash.h"

/// A change that waits until no value of the table is looked at any more.
typedef struct change {
    sli_state_change is;
    size_t value_at, value_size; ///< in joining.values
} change;

/// A new entry that carries on another one: the table has not been asked for it yet.
typedef struct fresh {
    uint64_t hash;
    size_t key_at, key_size, value_at, value_size; ///< in joining.fresh_bytes
} fresh;

/// A cell whose rows are in several entries: they are looked at when the others have been.
typedef struct grown_cell {
    sli_cell cell;
    int64_t add_at, n_add;
    uint64_t key_hash, mark;
    size_t value_at, value_size; ///< entry 0, in joining.grown_bytes
} grown_cell;

/// An entry of the index by time, found by its key.
typedef struct due_place {
    const sli_due_key *key;
    bool taken;
} due_place;

/// Rows of the epoch that come into the table: those of the cells in hand.
typedef struct adding {
    int32_t *place; ///< of the side's rows
    int64_t n, capacity;
    sli_str encoded;
    sl_bytes *bytes; ///< by row, in `encoded`
    int64_t bytes_capacity;
} adding;

typedef struct joining {
    sli_timed_task *task;
    const sli_interval *def;
    int64_t next_us; ///< the next epoch's watermark is not before it
    sli_epoch_rows rows;
    sli_interval_out out;
    bool probes, writes; ///< what this pass does
    // the cells in hand
    sli_cell cells[SLI_TOGETHER];
    int64_t add_at[SLI_TOGETHER], n_add[SLI_TOGETHER];
    int32_t n_cells;
    adding add[2];
    sli_str keys, copies;
    grown_cell *grown;
    int32_t n_grown, grown_capacity;
    sli_str grown_bytes, more_copies;
    // what is to be changed
    change *changes;
    int32_t n_changes, changes_capacity;
    sli_str values;
    fresh *fresh;
    int32_t n_fresh, fresh_capacity;
    sli_str fresh_bytes, fresh_copies;
    // what is due
    const sli_due_key *const *due;
    int32_t n_due;
    due_place *places; ///< a hash table of 2^bits places; outer joins
    int32_t place_bits;
} joining;

/// An entry of the table in a task's hands.
typedef struct entry {
    int32_t side;
    int64_t bucket, number;
    uint64_t hash, key_hash, mark;
    sl_bytes key;
    sli_entry_rows rows;
    // what the epoch has for it
    const sli_cell *cell;  ///< NULL: nothing
    int64_t add_at, n_add; ///< of joining.add
    due_place *due;        ///< it is due; NULL: it is not
} entry;

// ---------------------------------------------------------------- lists that grow

static sl_code grow(void *list, int64_t n, int64_t *capacity, size_t size, const char *what,
                    sl_error *err)
{
    void *had = NULL;
    if (n <= *capacity) {
        return SL_OK;
    }
    int64_t wanted = *capacity < 32 ? 64 : *capacity * 2;
    wanted = wanted < n ? n : wanted;
    memcpy(&had, list, sizeof had);
    void *more = sl_realloc(SLI_TAG_STREAM, had, (size_t)wanted * size);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)wanted * size, what);
    }
    memcpy(list, &more, sizeof more);
    *capacity = wanted;
    return SL_OK;
}

static sl_code grow_few(void *list, int32_t n, int32_t *capacity, size_t size, const char *what,
                        sl_error *err)
{
    int64_t wide = *capacity;
    SL_TRY(grow(list, (int64_t)n + 1, &wide, size, what, err));
    *capacity = (int32_t)wide;
    return SL_OK;
}

// ---------------------------------------------------------------- what is due, by key

static uint64_t place_of(const joining *j, sl_bytes key)
{
    return sli_hash64(key.data, key.size) >> (64 - j->place_bits);
}

/// The place of a key, or the empty one where it belongs.
static due_place *find_place(const joining *j, sl_bytes key)
{
    uint64_t last = (UINT64_C(1) << j->place_bits) - 1, at = place_of(j, key);
    for (;; at = (at + 1) & last) {
        due_place *place = &j->places[at];
        if (place->key == NULL ||
            (place->key->size == key.size && memcmp(place->key->key, key.data, key.size) == 0)) {
            return place;
        }
    }
}

static sl_code note_places(joining *j, sl_error *err)
{
    for (j->place_bits = 4; (INT64_C(1) << j->place_bits) < 2 * (int64_t)j->n_due;) {
        j->place_bits++;
    }
    size_t n = (size_t)1 << j->place_bits;
    j->places = sl_alloc_zero(SLI_TAG_STREAM, n * sizeof *j->places);
    if (j->places == NULL) {
        return sl_error_nomem(err, n * sizeof *j->places, "entries that are due");
    }
    for (int32_t i = 0; i < j->n_due; i++) {
        find_place(j, (sl_bytes){j->due[i]->key, j->due[i]->size})->key = j->due[i];
    }
    return SL_OK;
}

static due_place *due_of(const joining *j, sl_bytes key)
{
    due_place *place = j->places == NULL ? NULL : find_place(j, key);
    return place == NULL || place->key == NULL ? NULL : place;
}

// ---------------------------------------------------------------- changes

static sl_code add_change(joining *j, const entry *e, sli_state_act act, size_t value_at,
                          sl_error *err)
{
    SL_TRY(sli_str_check(&j->values, "entries of a join", err));
    SL_TRY(grow_few(&j->changes, j->n_changes, &j->changes_capacity, sizeof *j->changes,
                    "changes of a join", err));
    j->changes[j->n_changes++] = (change){.is = {.act = act,
                                                 .hash = e->hash,
                                                 .key_hash = e->key_hash,
                                                 .mark = e->mark,
                                                 .key = e->key},
                                          .value_at = value_at,
                                          .value_size = j->values.size - value_at};
    return SL_OK;
}

/// Hands over what waits. No value that was found before may be looked at afterwards.
static sl_code flush_changes(joining *j, sl_error *err)
{
    sli_state_change some[SLI_TOGETHER];
    for (int32_t at = 0; at < j->n_changes;) {
        int32_t n = 0;
        for (; n < SLI_TOGETHER && at < j->n_changes; n++, at++) {
            some[n] = j->changes[at].is;
            some[n].value =
                (sl_bytes){j->values.data + j->changes[at].value_at, j->changes[at].value_size};
        }
        SL_TRY(sli_together_change(j->task->view, some, n, err));
    }
    j->n_changes = 0;
    sli_str_clear(&j->values);
    return SL_OK;
}

static sl_code put_fresh(joining *j, const fresh *list, int32_t n, sl_error *err)
{
    const char *bytes = j->fresh_bytes.data;
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    sli_state_change changes[SLI_TOGETHER];
    for (int32_t i = 0; i < n; i++) {
        keys[i] = (sli_state_key){list[i].hash, {bytes + list[i].key_at, list[i].key_size}};
    }
    SL_TRY(sli_together_find(j->task->view, keys, n, found, &j->fresh_copies, err));
    for (int32_t i = 0; i < n; i++) {
        changes[i] = (sli_state_change){.act = SLI_STATE_PUT,
                                        .hash = keys[i].hash,
                                        .key_hash = found[i].key_hash,
                                        .mark = found[i].mark,
                                        .key = keys[i].key,
                                        .value = {bytes + list[i].value_at, list[i].value_size}};
    }
    return sli_together_change(j->task->view, changes, n, err);
}

static sl_code flush_fresh(joining *j, sl_error *err)
{
    for (int32_t at = 0; at < j->n_fresh; at += SLI_TOGETHER) {
        int32_t some = j->n_fresh - at < SLI_TOGETHER ? j->n_fresh - at : SLI_TOGETHER;
        SL_TRY(put_fresh(j, j->fresh + at, some, err));
    }
    j->n_fresh = 0;
    sli_str_clear(&j->fresh_bytes);
    return SL_OK;
}

// ---------------------------------------------------------------- looking for matches

/// The rows of the epoch that a row of the table meets.
static void find_met(const joining *j, const entry *e, int64_t time_us, int32_t *from, int32_t *to)
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

static sl_code damaged(sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "an entry of a join is damaged");
}

static sl_code probe_entry(joining *j, const entry *e, sl_error *err)
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
    return r.bad ? damaged(err) : SL_OK;
}

// ---------------------------------------------------------------- writing an entry

/// What an entry is to hold: rows that stay, and those that come.
typedef struct made_entry {
    sli_entry_rows rows; ///< all but the bytes
    size_t at;           ///< where its rows are in joining.values, after a head
    int64_t was_due_us, due_us;
    bool changed;
} made_entry;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/// Rows of an outer side that stay, with new marks; those that are due are given.
static sl_code keep_rows(joining *j, const entry *e, sli_str *kept, made_entry *made, sl_error *err)
{
    sli_reader r = sli_reader_of(e->rows.rows);
    sli_entry_row row;
    while (sli_entry_next(&r, &row)) {
        int64_t due_us = sli_interval_due(j->def, e->side, row.time_us);
        int32_t from = 0, to = 0;
        made->was_due_us = row.matched ? made->was_due_us : least(made->was_due_us, due_us);
        if (due_us <= j->task->watermark_us) {
            if (!row.matched) {
                SL_ASSERT(e->due != NULL, "the index has each row that is due");
                SL_TRY(sli_out_alone(&j->out, e->side, due_us, e->due->key, row.row, err));
            }
            made->changed = true;
            continue;
        }
        if (!row.matched && e->cell != NULL) {
            find_met(j, e, row.time_us, &from, &to);
        }
        made->changed = made->changed || from < to;
        made->rows.n++;
        if (from < to) {
            sli_entry_put_row(kept, row.time_us, true, row.row);
        } else {
            sli_str_add(kept, row.whole.data, row.whole.size);
        }
        made->due_us = row.matched || from < to ? made->due_us : least(made->due_us, due_us);
    }
    return r.bad ? damaged(err) : SL_OK;
}

static bool is_matched(const sli_side_rows *side, int32_t place)
{
    return side->matched != NULL && side->matched[place];
}

/// How many rows, of those from `at` on, an entry takes that has so many bytes.
static int64_t how_many_fit(const adding *add, int64_t at, int64_t to, size_t bytes)
{
    int64_t n = 0;
    for (; at + n < to && bytes < SLI_ENTRY_BYTES; n++) {
        bytes += sli_entry_row_size(add->bytes[at + n]);
    }
    return n;
}

static void put_rows(const joining *j, int32_t s, int64_t at, int64_t n, sli_str *out,
                     int64_t *due_us)
{
    const sli_side_rows *side = &j->rows.side[s];
    const adding *add = &j->add[s];
    for (int64_t i = at; i < at + n; i++) {
        int32_t place = add->place[i];
        bool matched = is_matched(side, place);
        sli_entry_put_row(out, side->time_us[place], matched, add->bytes[i]);
        if (j->def->outer[s] && !matched) {
            *due_us = least(*due_us, sli_interval_due(j->def, s, side->time_us[place]));
        }
    }
}

static sl_code too_many(const joining *j, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA,
                        "%s: a key has more than %d rows within %lld us: a join looks at all of "
                        "them for each row of the other side",
                        j->task->self->node->uid, SLI_MAX_BUCKET_ROWS, (long long)j->def->width_us);
}

/// A new entry behind those that a cell has.
static sl_code add_fresh(joining *j, const entry *e, int64_t number, int64_t at, int64_t n,
                         sl_error *err)
{
    sli_str *bytes = &j->fresh_bytes;
    int64_t due_us = sli_bucket_due(j->def, e->side, e->bucket);
    fresh made = {.hash = e->hash, .key_at = bytes->size};
    sli_groups_row(j->rows.keys, e->cell->key, bytes);
    sli_entry_put_key(bytes, e->side, e->bucket, number);
    made.key_size = bytes->size - made.key_at;
    made.value_at = bytes->size;
    sli_entry_put_head(bytes, &(sli_entry_rows){.n = n});
    put_rows(j, e->side, at, n, bytes, &due_us);
    made.value_size = bytes->size - made.value_at;
    SL_TRY(sli_str_check(bytes, "entries of a join", err));
    SL_TRY(grow_few(&j->fresh, j->n_fresh, &j->fresh_capacity, sizeof *j->fresh,
                    "entries of a join", err));
    j->fresh[j->n_fresh++] = made;
    sl_bytes key = {bytes->data + made.key_at, made.key_size};
    return sli_timed_note(j->task, due_us, e->hash, key, err);
}

/// What does not fit into the cell's last entry goes into new ones, `*n_entries` more.
static sl_code add_all_fresh(joining *j, const entry *e, int64_t at, int64_t to, int64_t *n_entries,
                             sl_error *err)
{
    while (at < to) {
        int64_t n = how_many_fit(&j->add[e->side], at, to, 0);
        SL_TRY(add_fresh(j, e, *n_entries, at, n, err));
        (*n_entries)++;
        at += n;
    }
    return SL_OK;
}

/// The index has an entry once, at or before the time when it is due; where it has just been, what
/// it said is gone with this epoch.
static sl_code note_due(joining *j, const entry *e, const made_entry *made, sl_error *err)
{
    bool is_noted = e->mark != 0 && e->due == NULL && made->due_us >= made->was_due_us;
    return is_noted ? SL_OK : sli_timed_note(j->task, made->due_us, e->hash, e->key, err);
}

/// Puts an entry: its head, rows of the table in `kept`, and n rows of the epoch.
static sl_code put_entry(joining *j, const entry *e, made_entry *made, sl_bytes kept, int64_t n,
                         sl_error *err)
{
    size_t at = j->values.size;
    made->rows.n += n;
    sli_entry_put_head(&j->values, &made->rows);
    sli_str_add(&j->values, kept.data, kept.size);
    put_rows(j, e->side, e->add_at, n, &j->values, &made->due_us);
    SL_TRY(add_change(j, e, SLI_STATE_PUT, at, err));
    return note_due(j, e, made, err);
}

/// Whether nothing of an entry of an outer side need stay. Entries of a cell that has several stay
/// until the bucket is past, since entry 0 counts them.
static bool is_over(const joining *j, const entry *e, const made_entry *made)
{
    bool past = sli_bucket_due(j->def, e->side, e->bucket) <= j->task->watermark_us;
    return j->def->outer[e->side] && made->rows.n == 0 &&
           (past || (e->number == 0 && e->rows.n_entries <= 1));
}

/// The entry as the epoch leaves it. `n_entries` of the cell, `added` rows to it: entry 0 says so.
static sl_code write_entry(joining *j, entry *e, int64_t n_entries, int64_t added, sl_error *err)
{
    int64_t bucket_due_us = sli_bucket_due(j->def, e->side, e->bucket);
    bool first = e->number == 0;
    made_entry made = {
        .rows = {.n_entries = first ? n_entries : 0, .count = first ? e->rows.count + added : 0},
        .was_due_us = bucket_due_us,
        .due_us = bucket_due_us,
        .changed =
            e->n_add > 0 || (first && n_entries != e->rows.n_entries) || (first && added > 0)};
    sli_str kept_rows = {.tag = SLI_TAG_STREAM};
    sl_bytes kept = e->rows.rows;
    sl_code rc = SL_OK;
    if (j->def->outer[e->side]) {
        rc = keep_rows(j, e, &kept_rows, &made, err);
        kept = (sl_bytes){kept_rows.data, kept_rows.size};
        rc = rc != SL_OK ? rc : sli_str_check(&kept_rows, "rows of a join", err);
    } else {
        made.rows.n = e->rows.n;
    }
    if (e->due != NULL) {
        e->due->taken = true;
    }
    if (rc == SL_OK && e->mark != 0 && e->n_add == 0 && added == 0 && is_over(j, e, &made)) {
        rc = add_change(j, e, SLI_STATE_REMOVE, j->values.size, err);
    } else if (rc == SL_OK && made.changed) {
        rc = put_entry(j, e, &made, kept, e->n_add, err);
    } else if (rc == SL_OK && e->mark != 0) {
        rc = note_due(j, e, &made, err);
    }
    sli_str_reset(&kept_rows);
    return rc;
}

/// The rows that come into a cell: as many as fit into `last`, its last entry; new entries for the
/// others. Then `last` is written. Sets how many entries the cell has now.
static sl_code add_rows(joining *j, entry *last, int64_t *n_entries, sl_error *err)
{
    int64_t n = last->n_add, at = last->add_at;
    last->n_add = how_many_fit(&j->add[last->side], at, at + n, last->rows.rows.size);
    SL_TRY(add_all_fresh(j, last, at + last->n_add, at + n, n_entries, err));
    return write_entry(j, last, *n_entries, n, err);
}

/// Entry 0 of a cell that has no other.
static sl_code write_single(joining *j, entry *e, sl_error *err)
{
    int64_t n_entries = e->rows.n_entries > 0 ? e->rows.n_entries : 1;
    if (e->rows.count + e->n_add > SLI_MAX_BUCKET_ROWS) {
        return too_many(j, err);
    }
    return add_rows(j, e, &n_entries, err);
}

// ---------------------------------------------------------------- cells with several entries

static sl_code set_aside(joining *j, const entry *e, sl_bytes value, sl_error *err)
{
    SL_TRY(grow_few(&j->grown, j->n_grown, &j->grown_capacity, sizeof *j->grown, "cells of a join",
                    err));
    j->grown[j->n_grown++] = (grown_cell){.cell = *e->cell,
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
static sl_code list_numbers(joining *j, const sli_cell *cell, int64_t from, int32_t n,
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
static sl_code look_at_next(joining *j, entry *e, const sli_state_found *found, bool is_last,
                            int64_t *n_entries, sl_error *err)
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
        return add_rows(j, e, n_entries, err);
    }
    e->n_add = 0;
    return e->mark == 0 ? SL_OK : write_entry(j, e, 0, 0, err);
}

static sl_code look_at_some(joining *j, const grown_cell *g, int64_t from, int32_t n, int64_t last,
                            int64_t *n_entries, sl_error *err)
{
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    SL_TRY(list_numbers(j, &g->cell, from, n, keys, err));
    SL_TRY(sli_together_find(j->task->view, keys, n, found, &j->more_copies, err));
    for (int32_t i = 0; i < n; i++) {
        entry e = {.side = g->cell.side,
                   .bucket = g->cell.bucket,
                   .number = from + i,
                   .hash = keys[i].hash,
                   .key_hash = found[i].key_hash,
                   .mark = found[i].mark,
                   .key = keys[i].key,
                   .cell = &g->cell,
                   .add_at = g->add_at,
                   .n_add = g->n_add,
                   .due = due_of(j, keys[i].key)};
        SL_TRY(look_at_next(j, &e, &found[i], from + i == last, n_entries, err));
    }
    SL_TRY(sli_out_read(&j->out, err));
    SL_TRY(flush_changes(j, err));
    return flush_fresh(j, err);
}

static sl_code write_first(joining *j, const grown_cell *g, entry *e, int64_t n_entries,
                           sl_error *err)
{
    sli_state_key key;
    SL_TRY(list_numbers(j, &g->cell, 0, 1, &key, err));
    e->key = key.key;
    e->hash = key.hash;
    e->due = due_of(j, key.key);
    SL_TRY(write_entry(j, e, n_entries, g->n_add, err));
    return flush_changes(j, err);
}

static sl_code look_at_grown(joining *j, const grown_cell *g, sl_error *err)
{
    entry first = {.side = g->cell.side,
                   .bucket = g->cell.bucket,
                   .key_hash = g->key_hash,
                   .mark = g->mark,
                   .cell = &g->cell};
    sl_bytes value = {j->grown_bytes.data + g->value_at, g->value_size};
    SL_TRY(sli_entry_read(value, &first.rows, err));
    int64_t had = first.rows.n_entries, n_entries = had;
    bool all = (j->probes && g->cell.probe_from < g->cell.probe_to) ||
               (j->writes && j->def->outer[first.side]);
    if (first.rows.count + g->n_add > SLI_MAX_BUCKET_ROWS) {
        return too_many(j, err);
    }
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
static sl_code encode(joining *j, int32_t s, sl_error *err)
{
    adding *add = &j->add[s];
    sl_batch *rows = NULL;
    sli_str_clear(&add->encoded);
    if (add->n == 0) {
        return SL_OK;
    }
    int64_t capacity = add->bytes_capacity;
    SL_TRY(grow(&add->bytes, add->n, &capacity, sizeof *add->bytes, "rows of a join", err));
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

static sl_code list_cells(joining *j, sli_state_key *out, sl_error *err)
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

static sl_code look_at(joining *j, entry *e, sl_bytes value, sl_error *err)
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
    return writes ? write_single(j, e, err) : SL_OK;
}

static sl_code look_at_cells(joining *j, sl_error *err)
{
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    SL_TRY(sli_task_check(j->task->task, err));
    SL_TRY(encode(j, SLI_LEFT, err));
    SL_TRY(encode(j, SLI_RIGHT, err));
    SL_TRY(list_cells(j, keys, err));
    SL_TRY(sli_together_find(j->task->view, keys, j->n_cells, found, &j->copies, err));
    for (int32_t i = 0; i < j->n_cells; i++) {
        entry e = {.side = j->cells[i].side,
                   .bucket = j->cells[i].bucket,
                   .hash = keys[i].hash,
                   .key_hash = found[i].key_hash,
                   .mark = found[i].mark,
                   .key = keys[i].key,
                   .cell = &j->cells[i],
                   .add_at = j->add_at[i],
                   .n_add = j->n_add[i],
                   .due = due_of(j, keys[i].key)};
        SL_TRY(look_at(j, &e, found[i].value, err));
    }
    SL_TRY(sli_out_read(&j->out, err));
    SL_TRY(flush_changes(j, err));
    SL_TRY(flush_fresh(j, err));
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
static sl_code list_added(joining *j, const sli_cell *cell, sl_error *err)
{
    adding *add = &j->add[cell->side];
    const sli_side_rows *side = &j->rows.side[cell->side];
    bool outer = j->def->outer[cell->side];
    int64_t n = add->n + cell->add_to - cell->add_from;
    SL_TRY(grow(&add->place, n, &add->capacity, sizeof *add->place, "rows of a join", err));
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
    joining *j = ctx;
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

/// One pass over the cells. A partition without keys has none that could be met.
static sl_code pass(joining *j, const int64_t *latest_us, bool probes, bool writes, sl_error *err)
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

// ---------------------------------------------------------------- rows of the epoch

static sl_code meet_key(joining *j, int32_t key, sl_error *err)
{
    const sli_side_rows *left = &j->rows.side[SLI_LEFT], *right = &j->rows.side[SLI_RIGHT];
    int32_t first = right->from[key], end = right->from[key + 1];
    for (int32_t i = left->from[key]; i < left->from[key + 1] && first < end; i++) {
        int64_t from_us = sli_reach_from(j->def, SLI_LEFT, left->time_us[i]);
        int64_t to_us = sli_reach_to(j->def, SLI_LEFT, left->time_us[i]);
        while (first < end && right->time_us[first] < from_us) {
            first++;
        }
        for (int32_t k = first; k < end && right->time_us[k] <= to_us; k++) {
            SL_TRY(sli_out_pair(&j->out, left->row[i], right->row[k], err));
            if (left->matched != NULL) {
                left->matched[i] = true;
            }
            if (right->matched != NULL) {
                right->matched[k] = true;
            }
        }
    }
    return SL_OK;
}

static sl_code meet_each_other(joining *j, sl_error *err)
{
    for (int32_t key = 0; key < j->rows.n_keys; key++) {
        SL_TRY(meet_key(j, key, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- what is due

static sl_code leave(joining *j, const sli_due_key *due, due_place *place, uint64_t hash,
                     const sli_state_found *found, sl_error *err)
{
    sl_bytes bytes = {due->key, due->size};
    sli_entry_key key;
    SL_TRY(sli_entry_read_key(bytes, &key, err));
    entry e = {.side = key.side,
               .bucket = key.bucket,
               .number = key.number,
               .hash = hash,
               .key_hash = found->key_hash,
               .mark = found->mark,
               .key = bytes,
               .due = place};
    if (!j->def->outer[key.side]) { // an entry is due when all its rows are
        return add_change(j, &e, SLI_STATE_REMOVE, j->values.size, err);
    }
    SL_TRY(sli_entry_read(found->value, &e.rows, err));
    return write_entry(j, &e, e.rows.n_entries, 0, err);
}

static sl_code leave_some(joining *j, const sli_due_key *const *due, due_place *const *places,
                          int32_t n, sl_error *err)
{
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    for (int32_t i = 0; i < n; i++) {
        keys[i] = (sli_state_key){sli_hash_of_slot(due[i]->slot), {due[i]->key, due[i]->size}};
    }
    SL_TRY(sli_task_check(j->task->task, err));
    SL_TRY(sli_together_find(j->task->view, keys, n, found, &j->copies, err));
    for (int32_t i = 0; i < n; i++) {
        if (found[i].mark != 0) {
            SL_TRY(leave(j, due[i], places[i], keys[i].hash, &found[i], err));
        }
    }
    return flush_changes(j, err);
}

/// The index may name a key twice.
static bool is_new(const joining *j, int32_t i, due_place **place)
{
    const sli_due_key *due = j->due[i], *before = i == 0 ? NULL : j->due[i - 1];
    *place = due_of(j, (sl_bytes){due->key, due->size});
    if (*place != NULL) {
        bool taken = (*place)->taken;
        (*place)->taken = true;
        return !taken;
    }
    return before == NULL || before->size != due->size ||
           memcmp(before->key, due->key, due->size) != 0;
}

static sl_code leave_due(joining *j, sl_error *err)
{
    const sli_due_key *some[SLI_TOGETHER];
    due_place *places[SLI_TOGETHER];
    int32_t n = 0;
    for (int32_t i = 0; i < j->n_due; i++) {
        if (is_new(j, i, &places[n])) {
            some[n++] = j->due[i];
        }
        if (n == SLI_TOGETHER) {
            SL_TRY(leave_some(j, some, places, n, err));
            n = 0;
        }
    }
    return leave_some(j, some, places, n, err);
}

// ---------------------------------------------------------------- the task

/// No row of the table is later; SLI_NO_TIME for a partition without any.
static void find_latest(const joining *j, int64_t *latest_us)
{
    const sli_timed *self = j->task->self;
    bool empty = sli_due_first(&self->due[j->task->partition]) == INT64_MAX;
    for (int32_t side = 0; side < 2; side++) {
        latest_us[side] = empty ? SLI_NO_TIME : atomic_load(&j->def->latest_us[side]);
    }
}

static sl_code run_all(joining *j, sl_error *err)
{
    bool outer = j->def->outer[SLI_LEFT] || j->def->outer[SLI_RIGHT];
    int64_t latest_us[2];
    find_latest(j, latest_us); // before rows come in
    SL_TRY(sli_out_begin(&j->out, err));
    SL_TRY(sli_timed_due(j->task, &j->due, &j->n_due, err));
    if (outer && j->n_due > 0) {
        SL_TRY(note_places(j, err));
    }
    SL_TRY(sli_epoch_rows_take(&j->rows, j->task, err));
    SL_TRY(pass(j, latest_us, true, !outer, err));
    SL_TRY(meet_each_other(j, err));
    if (outer) {
        SL_TRY(pass(j, latest_us, false, true, err));
    }
    SL_TRY(sli_out_push(&j->out, err));
    SL_TRY(leave_due(j, err));
    return sli_out_push_alone(&j->out, err);
}

static void reset(joining *j)
{
    sli_out_reset(&j->out);
    sli_epoch_rows_reset(&j->rows);
    for (int32_t side = 0; side < 2; side++) {
        sl_free(j->add[side].place);
        sl_free(j->add[side].bytes);
        sli_str_reset(&j->add[side].encoded);
    }
    sli_str *const texts[] = {&j->keys,   &j->copies,      &j->grown_bytes, &j->more_copies,
                              &j->values, &j->fresh_bytes, &j->fresh_copies};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sli_str_reset(texts[i]);
    }
    sl_free(j->grown);
    sl_free(j->changes);
    sl_free(j->fresh);
    sl_free(j->places);
    sl_free(j);
}

sl_code sli_interval_run(sli_timed_task *t, sl_error *err)
{
    joining *j = sl_alloc_zero(SLI_TAG_STREAM, sizeof *j);
    if (j == NULL) {
        return sl_error_nomem(err, sizeof *j, "a join");
    }
    j->task = t;
    j->def = sli_interval_of(t->self);
    j->next_us = sli_timed_next_watermark(t);
    j->out.task = t;
    j->out.def = j->def;
    j->out.rows = &j->rows;
    sl_code rc = run_all(j, err);
    reset(j);
    return rc;
}
