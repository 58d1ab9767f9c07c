// Sessions: the work of one task.
//
//   1. sessions that are due are closed: session_close.c
//   2. the epoch's rows are sorted by key and time, and cut into *pieces* wherever a gap lies
//   3. for each key its old sessions and the new pieces, in order of start, are joined where less
//      than the gap is between them; their partial states are merged in that order
//   4. each key's list is put back; sessions that grew are given (update)
#include "stream/event/gather.h"
#include "stream/event/session.h"

#include <stdlib.h>

// ---------------------------------------------------------------- 2: pieces of the epoch's rows

enum { FEW_ROWS = 32 }; ///< of a key, sorted by insertion

/// The epoch's rows, and where they lie in time.
typedef struct pieces {
    sli_gather rows;
    int32_t *order;    ///< rows by key, time, arrival
    int64_t *times;    ///< by row
    int32_t *piece_of; ///< by row
    sli_aggs *aggs;    ///< by piece
    int32_t *first;    ///< by key, and one past the last: its pieces
    int64_t *starts, *latests;
    int32_t n;
} pieces;

static void pieces_reset(pieces *p)
{
    sli_gather_reset(&p->rows);
    sli_aggs_free(p->aggs);
    sl_free(p->order);
    sl_free(p->times);
    sl_free(p->piece_of);
    sl_free(p->first);
    sl_free(p->starts);
    sl_free(p->latests);
}

static sl_code pieces_reserve(pieces *p, sl_error *err)
{
    size_t rows = (size_t)p->rows.rows.n_rows + 1, keys = (size_t)sli_gather_keys(&p->rows) + 2;
    p->order = sl_alloc_array(SLI_TAG_STREAM, rows, sizeof *p->order);
    p->times = sl_alloc_array(SLI_TAG_STREAM, rows, sizeof *p->times);
    p->piece_of = sl_alloc_array(SLI_TAG_STREAM, rows, sizeof *p->piece_of);
    p->starts = sl_alloc_array(SLI_TAG_STREAM, rows, sizeof *p->starts);
    p->latests = sl_alloc_array(SLI_TAG_STREAM, rows, sizeof *p->latests);
    p->first = sl_alloc_array(SLI_TAG_STREAM, keys, sizeof *p->first);
    return p->order == NULL || p->times == NULL || p->piece_of == NULL || p->starts == NULL ||
                   p->latests == NULL || p->first == NULL
               ? sl_error_nomem(err, rows * 32, "rows of sessions")
               : SL_OK;
}

static void read_times(pieces *p, int32_t column)
{
    int64_t *times = p->times;
    for (int32_t b = 0; b < p->rows.rows.n; b++) {
        const sl_column *from = sl_batch_column(p->rows.rows.batches[b], column);
        memcpy(times, from->values, (size_t)from->n_rows * sizeof *times);
        times += from->n_rows;
    }
}

/// A row of a key that is sorted by qsort, which has no context.
typedef struct place {
    int64_t time_us;
    int32_t row;
} place;

static int by_time(const void *a, const void *b)
{
    const place *left = a, *right = b;
    if (left->time_us != right->time_us) {
        return left->time_us < right->time_us ? -1 : 1;
    }
    return (left->row > right->row) - (left->row < right->row);
}

/// Rows by key, in order of arrival; first[k] becomes the end of key k.
static void sort_by_key(pieces *p)
{
    const int32_t *group = p->rows.group_of;
    int64_t n = p->rows.rows.n_rows, n_keys = sli_gather_keys(&p->rows);
    memset(p->first, 0, (size_t)(n_keys + 1) * sizeof *p->first);
    for (int64_t row = 0; row < n; row++) {
        p->first[group[row] + 1]++;
    }
    for (int64_t key = 0; key < n_keys; key++) {
        p->first[key + 1] += p->first[key];
    }
    for (int64_t row = 0; row < n; row++) {
        p->order[p->first[group[row]]++] = (int32_t)row;
    }
}

/// The few rows of most keys, and those that are nearly in order.
static void insert_by_time(int32_t *order, int64_t n, const int64_t *times)
{
    for (int64_t i = 1; i < n; i++) {
        int32_t row = order[i];
        int64_t at = i;
        for (; at > 0 && times[order[at - 1]] > times[row]; at--) {
            order[at] = order[at - 1];
        }
        order[at] = row;
    }
}

static sl_code sort_by_time(int32_t *order, int64_t n, const int64_t *times, sl_error *err)
{
    int64_t breaks = 0;
    for (int64_t i = 1; i < n; i++) {
        breaks += times[order[i]] < times[order[i - 1]];
    }
    if (breaks == 0 || n <= FEW_ROWS) {
        insert_by_time(order, n, times);
        return SL_OK;
    }
    place *places = sl_alloc_array(SLI_TAG_STREAM, (size_t)n, sizeof *places);
    if (places == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *places, "rows of sessions");
    }
    for (int64_t i = 0; i < n; i++) {
        places[i] = (place){times[order[i]], order[i]};
    }
    qsort(places, (size_t)n, sizeof *places, by_time);
    for (int64_t i = 0; i < n; i++) {
        order[i] = places[i].row;
    }
    sl_free(places);
    return SL_OK;
}

static sl_code sort_rows(pieces *p, sl_error *err)
{
    int32_t begin = 0;
    sort_by_key(p);
    for (int64_t key = 0; key < sli_gather_keys(&p->rows); key++) {
        SL_TRY(sort_by_time(p->order + begin, p->first[key] - begin, p->times, err));
        begin = p->first[key];
    }
    return SL_OK;
}

/// Walks the rows in order; a new piece begins with a new key and behind a gap.
static void cut_rows(pieces *p, int64_t gap_us)
{
    int32_t key = -1;
    for (int64_t i = 0; i < p->rows.rows.n_rows; i++) {
        int32_t row = p->order[i];
        int64_t time_us = p->times[row];
        bool same = p->rows.group_of[row] == key;
        if (!same || time_us - p->latests[p->n - 1] >= gap_us) {
            p->starts[p->n++] = time_us;
        }
        if (!same) {
            key = p->rows.group_of[row];
            p->first[key] = p->n - 1;
        }
        p->latests[p->n - 1] = time_us;
        p->piece_of[row] = p->n - 1;
    }
    p->first[key + 1] = p->n; // every key has rows, so `key` is the last one
}

static sl_code fold_rows(pieces *p, sli_timed_task *t, sl_error *err)
{
    const int32_t *piece = p->piece_of;
    SL_TRY(sli_aggs_new(&p->aggs, t->self->plan, &t->args, err));
    SL_TRY(sli_aggs_grow(p->aggs, p->n, err));
    for (int32_t b = 0; b < p->rows.rows.n; b++) {
        SL_TRY(sli_aggs_update(p->aggs, piece, p->rows.rows.batches[b], err));
        piece += sl_batch_rows(p->rows.rows.batches[b]);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- 3: joined with what was there

/// Some keys of the epoch: their old lists, the new pieces, and what comes of them.
typedef struct joining {
    sli_session_work *work;
    const pieces *pieces;
    int64_t from;         ///< the first key; the others are rows of `keys`
    sl_batch *keys, *old; ///< a row a key
    sl_batch *fresh;      ///< partial states of the pieces of these keys
    sli_sessions made;
    int32_t *made_of; ///< by part, a row of w->partial: the session it goes into
    int32_t n_parts;
} joining;

static void joining_reset(joining *j)
{
    sl_batch_unref(j->keys);
    sl_batch_unref(j->old);
    sl_batch_unref(j->fresh);
    sli_sessions_reset(&j->made);
    sl_free(j->made_of);
}

/// The next part of key `row`, an old session or a new piece, opens a session or joins the last.
static void add_part(joining *j, int32_t row, int64_t start_us, int64_t latest_us, bool is_new)
{
    sli_sessions *made = &j->made;
    int32_t last = made->n - 1;
    bool joins = last >= 0 && made->key[last] == row &&
                 start_us - made->latests[last] < j->work->def->gap_us;
    if (!joins) {
        last = made->n++;
        made->key[last] = row;
        made->starts[last] = start_us;
        made->latests[last] = latest_us;
    }
    made->latests[last] = latest_us > made->latests[last] ? latest_us : made->latests[last];
    made->grew[last] = made->grew[last] || is_new;
    j->made_of[j->n_parts++] = last;
    sli_session_put_key(j->work, j->keys, row);
}

static void put_fresh(joining *j, int32_t piece)
{
    sli_session_work *w = j->work;
    int32_t n_keys = w->task->self->n_keys, row = piece - j->pieces->first[j->from];
    for (int32_t s = 0; s < w->def->n_states; s++) {
        sl_builder_cell(w->partial, n_keys + s, sl_batch_column(j->fresh, n_keys + s), row);
    }
}

/// Old sessions and new pieces of one key, in order of start; of equal ones the old comes first.
static void join_key(joining *j, int32_t row)
{
    const pieces *p = j->pieces;
    sli_session_list old = sli_session_list_of(j->old, row);
    int32_t o = old.from, f = p->first[j->from + row], end = p->first[j->from + row + 1];
    while (o < old.to || f < end) {
        if (o < old.to && (f == end || sli_session_start(&old, o) <= p->starts[f])) {
            add_part(j, row, sli_session_start(&old, o), sli_session_latest(&old, o), false);
            sli_session_put_states(j->work, &old, o++);
        } else {
            add_part(j, row, p->starts[f], p->latests[f], true);
            put_fresh(j, f++);
        }
    }
}

/// Keys, and the lists that the table has for them; of a new key an empty one.
static sl_code find_old(joining *j, int64_t n, sl_error *err)
{
    sli_session_work *w = j->work;
    const sli_groups *groups = j->pieces->rows.groups;
    SL_TRY(sli_groups_keys(groups, j->from, n, w->keys, 0, err));
    SL_TRY(sl_builder_finish(w->keys, &j->keys, err));
    for (int64_t i = 0; i < n; i++) {
        sl_bytes key = {0}, value = {0};
        bool found = false;
        SL_TRY(sli_session_key(w, j->keys, i, &key, err));
        SL_TRY(sli_timed_find(w->task, sli_groups_hashes(groups)[j->from + i], key, &value, &found,
                              err));
        if (found) {
            SL_TRY(sli_row_get(value, w->lists, 0, 1, err));
        } else {
            sl_builder_list_begin(w->lists, 0);
            sl_builder_list_end(w->lists, 0);
        }
    }
    return sl_builder_finish(w->lists, &j->old, err);
}

/// Partial states of the pieces of these keys.
static sl_code find_fresh(joining *j, int64_t n, sl_error *err)
{
    const pieces *p = j->pieces;
    int32_t from = p->first[j->from], to = p->first[j->from + n];
    for (int32_t row = 0; row < n; row++) {
        for (int32_t f = p->first[j->from + row]; f < p->first[j->from + row + 1]; f++) {
            sli_session_put_key(j->work, j->keys, row);
        }
    }
    SL_TRY(sli_aggs_partial(p->aggs, from, to - from, j->work->partial, err));
    return sl_builder_finish(j->work->partial, &j->fresh, err);
}

/// The parts' states, merged into the sessions that they make.
static sl_code merge_parts(joining *j, sl_error *err)
{
    sli_session_work *w = j->work;
    sl_batch *parts = NULL;
    sli_aggs *aggs = NULL;
    SL_TRY(sl_builder_finish(w->partial, &parts, err));
    sl_code rc = sli_aggs_new(&aggs, w->task->self->plan, &w->task->args, err);
    rc = rc != SL_OK ? rc : sli_aggs_grow(aggs, j->made.n, err);
    rc = rc != SL_OK ? rc : sli_aggs_merge(aggs, j->made_of, parts, err);
    for (int32_t i = 0; i < j->made.n && rc == SL_OK; i++) {
        sli_session_put_key(w, j->keys, j->made.key[i]);
    }
    rc = rc != SL_OK ? rc : sli_aggs_partial(aggs, 0, j->made.n, w->partial, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(w->partial, &j->made.partial, err);
    sli_aggs_free(aggs);
    sl_batch_unref(parts);
    return rc;
}

static sl_code join_keys(joining *j, int64_t n, sl_error *err)
{
    const pieces *p = j->pieces;
    const int32_t *offsets = sl_batch_column(j->old, 0)->values;
    int32_t most = offsets[n] + p->first[j->from + n] - p->first[j->from];
    SL_TRY(sli_sessions_reserve(&j->made, most, err));
    j->made_of = sl_alloc_array(SLI_TAG_STREAM, (size_t)most + 1, sizeof *j->made_of);
    if (j->made_of == NULL) {
        return sl_error_nomem(err, (size_t)most * sizeof *j->made_of, "sessions");
    }
    for (int32_t row = 0; row < n; row++) {
        join_key(j, row);
    }
    return merge_parts(j, err);
}

// ---------------------------------------------------------------- 4: into the table, and out

/// The lists of all keys, as the sessions now are.
static sl_code make_lists(joining *j, int64_t n, sl_batch **out, sl_error *err)
{
    sli_session_work *w = j->work;
    const sli_sessions *made = &j->made;
    int32_t n_keys = w->task->self->n_keys, at = 0;
    for (int64_t row = 0; row < n; row++) {
        sl_builder_list_begin(w->lists, 0);
        for (; at < made->n && made->key[at] == row; at++) {
            sl_builder_struct_begin(w->lists, 0);
            sl_builder_int64(w->lists, 0, made->starts[at]);
            sl_builder_int64(w->lists, 0, made->latests[at]);
            for (int32_t s = 0; s < w->def->n_states; s++) {
                sl_builder_cell(w->lists, 0, sl_batch_column(made->partial, n_keys + s), at);
            }
            sl_builder_struct_end(w->lists, 0);
        }
        sl_builder_list_end(w->lists, 0);
    }
    return sl_builder_finish(w->lists, out, err);
}

static sl_code put_lists(joining *j, int64_t n, sl_error *err)
{
    sl_batch *lists = NULL;
    const uint64_t *hashes = sli_groups_hashes(j->pieces->rows.groups) + j->from;
    SL_TRY(make_lists(j, n, &lists, err));
    sl_code rc = SL_OK;
    for (int64_t row = 0; row < n && rc == SL_OK; row++) {
        sl_bytes key = {0};
        sli_session_list old = sli_session_list_of(j->old, row);
        int64_t was_due_us = sli_session_due(j->work->task->self, &old);
        rc = sli_session_key(j->work, j->keys, row, &key, err);
        rc = rc != SL_OK
                 ? rc
                 : sli_session_put_list(j->work, hashes[row], key, lists, row, was_due_us, err);
    }
    sl_batch_unref(lists);
    return rc;
}

/// The sessions that grew in this epoch.
static sl_code give_grown(joining *j, sl_error *err)
{
    sli_sessions *made = &j->made;
    int32_t n = 0;
    sl_batch *grown = NULL;
    for (int32_t i = 0; i < made->n; i++) {
        if (made->grew[i]) { // the arrays are not needed as they are any more
            made->starts[n] = made->starts[i];
            made->latests[n] = made->latests[i];
            made->key[n++] = i;
        }
    }
    SL_TRY(sli_batch_take(made->partial, made->key, n, &grown, err));
    sl_code rc = sli_session_give(j->work->task, grown, made->starts, made->latests, err);
    sl_batch_unref(grown);
    return rc;
}

static sl_code take_keys(sli_session_work *w, const pieces *p, int64_t from, int64_t n,
                         sl_error *err)
{
    joining j = {.work = w, .pieces = p, .from = from};
    sl_code rc = sli_task_check(w->task->task, err);
    rc = rc != SL_OK ? rc : find_old(&j, n, err);
    rc = rc != SL_OK ? rc : find_fresh(&j, n, err);
    rc = rc != SL_OK ? rc : join_keys(&j, n, err);
    rc = rc != SL_OK ? rc : put_lists(&j, n, err);
    if (rc == SL_OK && w->task->self->mode == SL_UPDATE) {
        rc = give_grown(&j, err);
    }
    joining_reset(&j);
    return rc;
}

static sl_code take_pieces(sli_session_work *w, pieces *p, sl_error *err)
{
    int64_t n = sli_gather_keys(&p->rows);
    SL_TRY(pieces_reserve(p, err));
    read_times(p, w->task->self->sides[0].column);
    SL_TRY(sort_rows(p, err));
    cut_rows(p, w->def->gap_us);
    SL_TRY(fold_rows(p, w->task, err));
    for (int64_t from = 0; from < n; from += SLI_BATCH_ROWS) {
        int64_t some = n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS;
        SL_TRY(take_keys(w, p, from, some, err));
    }
    return SL_OK;
}

static sl_code take_epoch(sli_session_work *w, sl_error *err)
{
    pieces p = {.rows = {.task = w->task, .keys = w->task->self->sides[0].keys}};
    sl_code rc = sli_gather_all(&p.rows, err);
    if (rc == SL_OK && sli_gather_keys(&p.rows) > 0) {
        rc = take_pieces(w, &p, err);
    }
    pieces_reset(&p);
    return rc;
}

sl_code sli_session_run(sli_timed_task *t, sl_error *err)
{
    sli_session_work w = {.task = t};
    sl_code rc = sli_session_begin(&w, err);
    rc = rc != SL_OK ? rc : sli_session_close_due(&w, err);
    rc = rc != SL_OK ? rc : take_epoch(&w, err);
    sli_session_end(&w);
    return rc;
}
