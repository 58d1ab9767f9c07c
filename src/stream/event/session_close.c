// Sessions that close: the first step of a task. What is closed first is closed for good: a row
// that is in time meets no session that is due.
#include "stream/event/session.h"

#include <stdlib.h>

/// Sessions of row `row` that are due go to `closed`, others into a new list.
static void split_list(sli_session_work *w, const sl_batch *keys, const sl_batch *lists,
                       int64_t row, sli_sessions *closed)
{
    sli_session_list l = sli_session_list_of(lists, row);
    sl_builder_list_begin(w->lists, 0);
    for (int32_t i = l.from; i < l.to; i++) {
        if (sli_session_closes(w->task->self, sli_session_latest(&l, i)) <= w->task->watermark_us) {
            closed->starts[closed->n] = sli_session_start(&l, i);
            closed->latests[closed->n++] = sli_session_latest(&l, i);
            sli_session_put_key(w, keys, row);
            sli_session_put_states(w, &l, i);
        } else {
            sli_session_keep(w, &l, i);
        }
    }
    sl_builder_list_end(w->lists, 0);
}

/// The lists without what was closed; a key without sessions is forgotten.
static sl_code put_rest(sli_session_work *w, const sl_batch *keys, const sl_batch *rest,
                        const uint64_t *hashes, sl_error *err)
{
    for (int64_t row = 0; row < sl_batch_rows(keys); row++) {
        sli_session_list l = sli_session_list_of(rest, row);
        sl_bytes key = {0};
        SL_TRY(sli_session_key(w, keys, row, &key, err));
        SL_TRY(l.from == l.to
                   ? sli_timed_remove(w->task, hashes[row], key, err)
                   : sli_session_put_list(w, hashes[row], key, rest, row, INT64_MIN, err));
    }
    return SL_OK;
}

/// Closes what is due in the lists of some keys.
static sl_code close_lists(sli_session_work *w, const sl_batch *keys, const sl_batch *lists,
                           const uint64_t *hashes, sl_error *err)
{
    sli_sessions closed = {0};
    sl_batch *rest = NULL;
    const int32_t *offsets = sl_batch_column(lists, 0)->values;
    sl_code rc = sli_sessions_reserve(&closed, offsets[sl_batch_rows(lists)], err);
    for (int64_t row = 0; rc == SL_OK && row < sl_batch_rows(keys); row++) {
        split_list(w, keys, lists, row, &closed);
    }
    rc = rc != SL_OK ? rc : sl_builder_finish(w->lists, &rest, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(w->partial, &closed.partial, err);
    rc = rc != SL_OK ? rc : put_rest(w, keys, rest, hashes, err);
    if (rc == SL_OK && closed.n > 0 && w->task->self->mode == SL_APPEND) {
        rc = sli_session_give(w->task, closed.partial, closed.starts, closed.latests, err);
    }
    sl_batch_unref(rest);
    sli_sessions_reset(&closed);
    return rc;
}

/// The lists of some due keys, as far as they are there.
static sl_code find_due(sli_session_work *w, const sli_due_key *const *due, int32_t n,
                        uint64_t *hashes, int32_t *n_found, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        uint64_t hash = sli_hash_of_slot(due[i]->slot);
        sl_bytes key = {due[i]->key, due[i]->size}, value = {0};
        bool found = false;
        SL_TRY(sli_timed_find(w->task, hash, key, &value, &found, err));
        if (found) {
            SL_TRY(sli_row_get(key, w->keys, 0, w->task->self->n_keys, err));
            SL_TRY(sli_row_get(value, w->lists, 0, 1, err));
            hashes[(*n_found)++] = hash;
        }
    }
    return SL_OK;
}

static sl_code close_some(sli_session_work *w, const sli_due_key *const *due, int32_t n,
                          sl_error *err)
{
    uint64_t hashes[SLI_BATCH_ROWS];
    int32_t n_found = 0;
    sl_batch *keys = NULL, *lists = NULL;
    SL_TRY(sli_task_check(w->task->task, err));
    SL_TRY(find_due(w, due, n, hashes, &n_found, err));
    SL_TRY(sl_builder_finish(w->keys, &keys, err));
    sl_code rc = sl_builder_finish(w->lists, &lists, err);
    rc = rc != SL_OK || n_found == 0 ? rc : close_lists(w, keys, lists, hashes, err);
    sl_batch_unref(keys);
    sl_batch_unref(lists);
    return rc;
}

static int by_key(const void *a, const void *b)
{
    const sli_due_key *left = *(const sli_due_key *const *)a;
    const sli_due_key *right = *(const sli_due_key *const *)b;
    uint32_t shorter = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->key, right->key, shorter);
    return order != 0 ? order : (left->size > right->size) - (left->size < right->size);
}

/// Each key once, in order of its bytes: the index may name one at several times that have passed
/// since, and one that was made anew does not, so those times must not reach the order of rows.
static sl_code due_keys(sli_session_work *w, const sli_due_key ***out, int32_t *n, sl_error *err)
{
    const sli_due_key *const *due = NULL;
    int32_t all = 0;
    SL_TRY(sli_timed_due(w->task, &due, &all, err));
    const sli_due_key **keys =
        sl_arena_alloc(w->task->task->arena, ((size_t)all + 1) * sizeof(sli_due_key *));
    if (keys == NULL) {
        return sl_error_nomem(err, (size_t)all * sizeof(sli_due_key *), "due keys");
    }
    for (int32_t i = 0; i < all; i++) {
        keys[i] = due[i];
    }
    qsort(keys, (size_t)all, sizeof(sli_due_key *), by_key);
    *n = 0;
    for (int32_t i = 0; i < all; i++) {
        if (*n == 0 || by_key(&keys[*n - 1], &keys[i]) != 0) {
            keys[(*n)++] = keys[i];
        }
    }
    *out = keys;
    return SL_OK;
}

sl_code sli_session_close_due(sli_session_work *w, sl_error *err)
{
    const sli_due_key **due = NULL;
    int32_t n = 0;
    SL_TRY(due_keys(w, &due, &n, err));
    for (int32_t from = 0; from < n; from += SLI_BATCH_ROWS) {
        int32_t some = n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS;
        SL_TRY(close_some(w, due + from, some, err));
    }
    return SL_OK;
}
