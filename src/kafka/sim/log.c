/// log.c — a partition's log: offsets with holes, transactions that are open, and what a reader
/// sees of them.
#include "kafka/sim/ksim_int.h"

enum { MOST_ENTRIES = 1 << 22 };

void sli_ksim_log_reset(ksim_log *log)
{
    for (size_t i = 0; i < log->n; i++) {
        sli_ksim_body_unref(log->entries[i].body);
    }
    sl_free(log->entries);
    *log = (ksim_log){0};
}

/// The first entry at an offset or behind it.
static size_t find(const ksim_log *log, int64_t offset)
{
    size_t low = 0, high = log->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (log->entries[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/// The last stable offset moves up to the first record that is open.
static void settle(ksim_log *log)
{
    size_t i = find(log, log->stable);
    while (i < log->n && log->entries[i].state != KSIM_OPEN) {
        i++;
    }
    log->stable = i < log->n ? log->entries[i].offset : log->next;
}

// ---------------------------------------------------------------- writing

/// Room for one entry, and for the markers of all that is open then.
static sl_code make_room(ksim_log *log, sl_error *err)
{
    size_t needed = log->n + log->n_open + 3;
    if (needed <= log->capacity) {
        return SL_OK;
    }
    if (needed > MOST_ENTRIES) {
        return sl_error_set(err, SL_E_NO_SPACE, "a simulated partition keeps %d records",
                            MOST_ENTRIES);
    }
    size_t capacity = needed + needed / 2;
    ksim_entry *grown = sl_realloc(SLI_TAG_ENV, log->entries, capacity * sizeof *grown);
    if (grown == NULL) {
        return sl_error_nomem(err, capacity * sizeof *grown, "a simulated partition");
    }
    log->entries = grown;
    log->capacity = capacity;
    return SL_OK;
}

sl_code sli_ksim_log_append(ksim_log *log, ksim_body *body, int64_t txn, sl_error *err)
{
    sl_code rc = make_room(log, err);
    if (rc != SL_OK) {
        sli_ksim_body_unref(body);
        return rc;
    }
    ksim_state state = txn == 0 ? KSIM_VISIBLE : KSIM_OPEN;
    log->entries[log->n++] = (ksim_entry){log->next++, txn, body, state};
    log->n_open += txn == 0 ? 0 : 1;
    settle(log);
    return SL_OK;
}

void sli_ksim_log_end(ksim_log *log, int64_t txn, bool commit)
{
    bool found = false;
    for (size_t i = find(log, log->stable); i < log->n; i++) {
        ksim_entry *e = &log->entries[i];
        if (e->txn == txn && e->state == KSIM_OPEN) {
            e->state = commit ? KSIM_VISIBLE : KSIM_ABORTED;
            log->n_open--;
            found = true;
        }
    }
    if (found) {
        log->entries[log->n++] = (ksim_entry){log->next++, txn, NULL, KSIM_MARKER};
        settle(log);
    }
}

// ---------------------------------------------------------------- reading

static bool is_shown(const ksim_entry *e, bool uncommitted)
{
    return e->state == KSIM_VISIBLE || (uncommitted && e->state != KSIM_MARKER);
}

const ksim_entry *sli_ksim_log_read(const ksim_log *log, bool uncommitted, int64_t *position)
{
    int64_t end = uncommitted ? log->next : log->stable;
    for (size_t i = find(log, *position); i < log->n && log->entries[i].offset < end; i++) {
        if (is_shown(&log->entries[i], uncommitted)) {
            *position = log->entries[i].offset;
            return &log->entries[i];
        }
    }
    *position = end > *position ? end : *position;
    return NULL;
}

// ---------------------------------------------------------------- what takes records away

void sli_ksim_log_age(ksim_log *log, int64_t first)
{
    size_t n = find(log, first);
    for (size_t i = 0; i < n; i++) {
        sli_ksim_body_unref(log->entries[i].body);
    }
    if (n > 0) {
        memmove(log->entries, log->entries + n, (log->n - n) * sizeof *log->entries);
    }
    log->n -= n;
    log->first = first;
}

void sli_ksim_log_cut(ksim_log *log, int64_t end)
{
    size_t n = find(log, end);
    for (size_t i = n; i < log->n; i++) {
        log->n_open -= log->entries[i].state == KSIM_OPEN ? 1 : 0;
        sli_ksim_body_unref(log->entries[i].body);
    }
    log->n = n;
    log->next = end;
    log->first = log->first < end ? log->first : end;
    log->stable = log->stable < end ? log->stable : end;
    settle(log);
}

static bool same_key(const ksim_body *a, const ksim_body *b)
{
    return a->key != NULL && b->key != NULL && a->key_size == b->key_size &&
           memcmp(a->key, b->key, a->key_size) == 0;
}

/// Whether nobody needs entry i: `n` are before the last stable offset.
static bool is_replaced(const ksim_log *log, size_t i, size_t n)
{
    const ksim_entry *e = &log->entries[i];
    if (e->state != KSIM_VISIBLE) {
        return true;
    }
    for (size_t k = i + 1; k < n; k++) {
        const ksim_entry *later = &log->entries[k];
        if (later->state == KSIM_VISIBLE && same_key(e->body, later->body)) {
            return true;
        }
    }
    return false;
}

void sli_ksim_log_compact(ksim_log *log)
{
    size_t n_stable = find(log, log->stable), kept = 0;
    for (size_t i = 0; i < log->n; i++) {
        bool is_last = i + 1 == log->n;
        if (!is_last && i < n_stable && is_replaced(log, i, n_stable)) {
            sli_ksim_body_unref(log->entries[i].body);
        } else {
            log->entries[kept++] = log->entries[i];
        }
    }
    log->n = kept;
}
