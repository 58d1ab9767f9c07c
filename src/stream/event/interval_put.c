// What a task of a join changes in the table.
//
// Changes wait until no value of the table is looked at any more. Rows that come into a cell go
// behind those of its last entry until that has SLI_ENTRY_BYTES; the others go into new ones, for
// which the table is asked by themselves. An entry of an outer side is due at its first row without
// a match: that one is given then, and the entry is due at the next one, or when its bucket is
// past.
#include "base/hash.h"
#include "stream/event/interval_work.h"

// ---------------------------------------------------------------- lists that grow

sl_code sli_join_grow(void *list, int64_t n, int64_t *capacity, size_t size, const char *what,
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

sl_code sli_join_grow_few(void *list, int32_t n, int32_t *capacity, size_t size, const char *what,
                          sl_error *err)
{
    int64_t wide = *capacity;
    SL_TRY(sli_join_grow(list, (int64_t)n + 1, &wide, size, what, err));
    *capacity = (int32_t)wide;
    return SL_OK;
}

// ---------------------------------------------------------------- what is due, by key

static uint64_t place_of(const sli_joining *j, sl_bytes key)
{
    return sli_hash64(key.data, key.size) >> (64 - j->place_bits);
}

/// The place of a key, or the empty one where it belongs.
static sli_due_place *find_place(const sli_joining *j, sl_bytes key)
{
    uint64_t last = (UINT64_C(1) << j->place_bits) - 1, at = place_of(j, key);
    for (;; at = (at + 1) & last) {
        sli_due_place *place = &j->places[at];
        if (place->key == NULL ||
            (place->key->size == key.size && memcmp(place->key->key, key.data, key.size) == 0)) {
            return place;
        }
    }
}

sl_code sli_join_note_due(sli_joining *j, sl_error *err)
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

sli_due_place *sli_join_due(const sli_joining *j, sl_bytes key)
{
    sli_due_place *place = j->places == NULL ? NULL : find_place(j, key);
    return place == NULL || place->key == NULL ? NULL : place;
}

// ---------------------------------------------------------------- changes

sl_code sli_join_change(sli_joining *j, const sli_join_entry *e, sli_state_act act, size_t value_at,
                        sl_error *err)
{
    SL_TRY(sli_str_check(&j->values, "entries of a join", err));
    SL_TRY(sli_join_grow_few(&j->changes, j->n_changes, &j->changes_capacity, sizeof *j->changes,
                             "changes of a join", err));
    j->changes[j->n_changes++] = (sli_waiting_change){.is = {.act = act,
                                                             .hash = e->hash,
                                                             .key_hash = e->key_hash,
                                                             .mark = e->mark,
                                                             .key = e->key},
                                                      .value_at = value_at,
                                                      .value_size = j->values.size - value_at};
    return SL_OK;
}

/// Hands over what waits. No value that was found before may be looked at afterwards.
sl_code sli_join_flush(sli_joining *j, sl_error *err)
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

static sl_code put_fresh(sli_joining *j, const sli_fresh_entry *list, int32_t n, sl_error *err)
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

sl_code sli_join_flush_fresh(sli_joining *j, sl_error *err)
{
    for (int32_t at = 0; at < j->n_fresh; at += SLI_TOGETHER) {
        int32_t some = j->n_fresh - at < SLI_TOGETHER ? j->n_fresh - at : SLI_TOGETHER;
        SL_TRY(put_fresh(j, j->fresh + at, some, err));
    }
    j->n_fresh = 0;
    sli_str_clear(&j->fresh_bytes);
    return SL_OK;
}

// ---------------------------------------------------------------- writing an entry

/// What an entry is to hold: rows that stay, and those that come.
typedef struct made_entry {
    sli_entry_rows rows; ///< all but the bytes
    size_t at;           ///< where its rows are in sli_joining.values, after a head
    int64_t was_due_us, due_us;
    bool changed;
} made_entry;

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

sl_code sli_join_damaged(sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "an entry of a join is sli_join_damaged");
}

/// Whether a row of the table meets one of the epoch.
static bool is_met(const sli_joining *j, const sli_join_entry *e, int64_t time_us)
{
    const sli_side_rows *other = &j->rows.side[!e->side];
    int32_t to = e->cell->probe_to;
    int32_t first =
        sli_first_at(other, e->cell->probe_from, to, sli_reach_from(j->def, e->side, time_us));
    return first < to && other->time_us[first] <= sli_reach_to(j->def, e->side, time_us);
}

/// Rows of an outer side that stay, with new marks; those that are due are given.
static sl_code keep_rows(sli_joining *j, const sli_join_entry *e, sli_str *kept, made_entry *made,
                         sl_error *err)
{
    sli_reader r = sli_reader_of(e->rows.rows);
    sli_entry_row row;
    while (sli_entry_next(&r, &row)) {
        int64_t due_us = sli_interval_due(j->def, e->side, row.time_us);
        made->was_due_us = row.matched ? made->was_due_us : least(made->was_due_us, due_us);
        if (due_us <= j->task->watermark_us) {
            if (!row.matched) {
                SL_ASSERT(e->due != NULL, "the index has each row that is due");
                SL_TRY(sli_out_alone(&j->out, e->side, due_us, e->due->key, row.row, err));
            }
            made->changed = true;
            continue;
        }
        bool met = !row.matched && e->cell != NULL && is_met(j, e, row.time_us);
        made->changed = made->changed || met;
        made->rows.n++;
        if (met) {
            sli_entry_put_row(kept, row.time_us, true, row.row);
        } else {
            sli_str_add(kept, row.whole.data, row.whole.size);
        }
        made->due_us = row.matched || met ? made->due_us : least(made->due_us, due_us);
    }
    return r.bad ? sli_join_damaged(err) : SL_OK;
}

static bool is_matched(const sli_side_rows *side, int32_t place)
{
    return side->matched != NULL && side->matched[place];
}

/// How many rows, of those from `at` on, an entry takes that has so many bytes.
static int64_t how_many_fit(const sli_adding *add, int64_t at, int64_t to, size_t bytes)
{
    int64_t n = 0;
    for (; at + n < to && bytes < SLI_ENTRY_BYTES; n++) {
        bytes += sli_entry_row_size(add->bytes[at + n]);
    }
    return n;
}

static void put_rows(const sli_joining *j, int32_t s, int64_t at, int64_t n, sli_str *out,
                     int64_t *due_us)
{
    const sli_side_rows *side = &j->rows.side[s];
    const sli_adding *add = &j->add[s];
    for (int64_t i = at; i < at + n; i++) {
        int32_t place = add->place[i];
        bool matched = is_matched(side, place);
        sli_entry_put_row(out, side->time_us[place], matched, add->bytes[i]);
        if (j->def->outer[s] && !matched) {
            *due_us = least(*due_us, sli_interval_due(j->def, s, side->time_us[place]));
        }
    }
}

sl_code sli_join_check_count(const sli_joining *j, const sli_join_entry *e, int64_t n,
                             sl_error *err)
{
    if (e->rows.count + n <= SLI_MAX_BUCKET_ROWS) {
        return SL_OK;
    }
    return sl_error_set(err, SL_E_DATA,
                        "%s: a key has more than %d rows within %lld us: a join looks at all of "
                        "them for each row of the other side",
                        j->task->self->node->uid, SLI_MAX_BUCKET_ROWS, (long long)j->def->width_us);
}

/// A new entry behind those that a cell has.
static sl_code add_fresh(sli_joining *j, const sli_join_entry *e, int64_t number, int64_t at,
                         int64_t n, sl_error *err)
{
    sli_str *bytes = &j->fresh_bytes;
    int64_t due_us = sli_bucket_due(j->def, e->side, e->bucket);
    sli_fresh_entry made = {.hash = e->hash, .key_at = bytes->size};
    sli_groups_row(j->rows.keys, e->cell->key, bytes);
    sli_entry_put_key(bytes, e->side, e->bucket, number);
    made.key_size = bytes->size - made.key_at;
    made.value_at = bytes->size;
    sli_entry_put_head(bytes, &(sli_entry_rows){.n = n});
    put_rows(j, e->side, at, n, bytes, &due_us);
    made.value_size = bytes->size - made.value_at;
    SL_TRY(sli_str_check(bytes, "entries of a join", err));
    SL_TRY(sli_join_grow_few(&j->fresh, j->n_fresh, &j->fresh_capacity, sizeof *j->fresh,
                             "entries of a join", err));
    j->fresh[j->n_fresh++] = made;
    sl_bytes key = {bytes->data + made.key_at, made.key_size};
    return sli_timed_note(j->task, due_us, e->hash, key, err);
}

/// What does not fit into the cell's last entry goes into new ones, `*n_entries` more.
static sl_code add_all_fresh(sli_joining *j, const sli_join_entry *e, int64_t at, int64_t to,
                             int64_t *n_entries, sl_error *err)
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
static sl_code note_due(sli_joining *j, const sli_join_entry *e, const made_entry *made,
                        sl_error *err)
{
    bool is_noted = e->mark != 0 && e->due == NULL && made->due_us >= made->was_due_us;
    return is_noted ? SL_OK : sli_timed_note(j->task, made->due_us, e->hash, e->key, err);
}

/// Puts an entry: its head, rows of the table in `kept`, and n rows of the epoch.
static sl_code put_entry(sli_joining *j, const sli_join_entry *e, made_entry *made, sl_bytes kept,
                         int64_t n, sl_error *err)
{
    size_t at = j->values.size;
    made->rows.n += n;
    sli_entry_put_head(&j->values, &made->rows);
    sli_str_add(&j->values, kept.data, kept.size);
    put_rows(j, e->side, e->add_at, n, &j->values, &made->due_us);
    SL_TRY(sli_join_change(j, e, SLI_STATE_PUT, at, err));
    return note_due(j, e, made, err);
}

/// Whether nothing of an entry of an outer side need stay. Entries of a cell that has several stay
/// until the bucket is past, since entry 0 counts them.
static bool is_over(const sli_joining *j, const sli_join_entry *e, const made_entry *made)
{
    bool past = sli_bucket_due(j->def, e->side, e->bucket) <= j->task->watermark_us;
    return j->def->outer[e->side] && made->rows.n == 0 &&
           (past || (e->number == 0 && e->rows.n_entries <= 1));
}

/// The entry as the epoch leaves it. `n_entries` of the cell, `added` rows to it: entry 0 says so.
sl_code sli_join_write(sli_joining *j, sli_join_entry *e, int64_t n_entries, int64_t added,
                       sl_error *err)
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
        rc = sli_join_change(j, e, SLI_STATE_REMOVE, j->values.size, err);
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
sl_code sli_join_add_rows(sli_joining *j, sli_join_entry *last, int64_t *n_entries, sl_error *err)
{
    int64_t n = last->n_add, at = last->add_at;
    last->n_add = how_many_fit(&j->add[last->side], at, at + n, last->rows.rows.size);
    SL_TRY(add_all_fresh(j, last, at + last->n_add, at + n, n_entries, err));
    return sli_join_write(j, last, *n_entries, n, err);
}

/// Entry 0 of a cell that has no other.
sl_code sli_join_write_single(sli_joining *j, sli_join_entry *e, sl_error *err)
{
    int64_t n_entries = e->rows.n_entries > 0 ? e->rows.n_entries : 1;
    SL_TRY(sli_join_check_count(j, e, e->n_add, err));
    return sli_join_add_rows(j, e, &n_entries, err);
}
