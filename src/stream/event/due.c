// Keys by time: sorted runs, merged when they are asked for.
#include "stream/event/due.h"

#include "stream/event/due_sort.h"

#include <string.h>

enum { LEAST_CHUNK = 256, MOST_CHUNK = 32768 }; ///< bytes

/// A place in a run: the key that is next; `chunk` NULL at its end.
typedef struct cursor {
    const sli_due_chunk *chunk;
    size_t at;
} cursor;

// ---------------------------------------------------------------- runs

static size_t size_of(size_t key_size)
{
    return (sizeof(sli_due_key) + key_size + 7) / 8 * 8;
}

static void run_reset(sli_due_run *run)
{
    for (sli_due_chunk *chunk = run->first; chunk != NULL;) {
        sli_due_chunk *next = chunk->next;
        sl_free(chunk);
        chunk = next;
    }
    *run = (sli_due_run){0};
}

/// Room at the end for a key of so many bytes; `capacity` is what a new chunk would hold.
static sli_due_key *extend(sli_due_run *run, size_t bytes, size_t capacity)
{
    sli_due_chunk *last = run->last;
    if (last == NULL || last->capacity - last->used < bytes) {
        capacity = capacity < bytes ? bytes : capacity;
        sli_due_chunk *chunk = sl_alloc(SLI_TAG_STREAM, sizeof *chunk + capacity);
        if (chunk == NULL) {
            return NULL;
        }
        *chunk = (sli_due_chunk){.capacity = capacity};
        run->bytes += (int64_t)(sizeof *chunk + capacity);
        if (last == NULL) {
            run->first = chunk;
        } else {
            last->next = chunk;
        }
        run->last = last = chunk;
    }
    sli_due_key *entry = (sli_due_key *)(void *)(last->bytes + last->used);
    last->used += bytes;
    run->n++;
    return entry;
}

static cursor begin_of(const sli_due_run *run)
{
    return (cursor){run->first, run->at};
}

static const sli_due_key *key_at(const cursor *c)
{
    return (const sli_due_key *)(const void *)(c->chunk->bytes + c->at);
}

static void step(cursor *c)
{
    c->at += size_of(key_at(c)->size);
    if (c->at == c->chunk->used) {
        *c = (cursor){c->chunk->next, 0};
    }
}

// ---------------------------------------------------------------- what a task notes

void sli_due_notes_reset(sli_due_notes *notes)
{
    run_reset(&notes->run);
    notes->is_sorted = false;
}

sl_code sli_due_note(sli_due_notes *notes, int64_t at_us, int32_t slot, sl_bytes key, sl_error *err)
{
    size_t bytes = size_of(key.size);
    size_t chunk = (size_t)notes->run.bytes; // each as large as all before it, within limits
    chunk = chunk < LEAST_CHUNK ? LEAST_CHUNK : chunk > MOST_CHUNK ? MOST_CHUNK : chunk;
    sli_due_key *entry = key.size > UINT32_MAX / 2 || notes->run.n == INT32_MAX
                             ? NULL
                             : extend(&notes->run, bytes, chunk);
    if (entry == NULL) {
        return sl_error_nomem(err, bytes, "a due key");
    }
    *entry = (sli_due_key){at_us, slot, (uint32_t)key.size};
    memcpy(entry->key, key.data, key.size);
    notes->is_sorted = false;
    return SL_OK;
}

/// Copies a key to the end of a run that will have about `left` bytes more.
static sl_code copy_key(sli_due_run *run, const sli_due_key *key, int64_t left, sl_error *err)
{
    size_t bytes = size_of(key->size);
    left = left < 0 ? 0 : left > MOST_CHUNK ? MOST_CHUNK : left;
    sli_due_key *entry = extend(run, bytes, (size_t)left);
    if (entry == NULL) {
        return sl_error_nomem(err, bytes, "due keys");
    }
    memcpy(entry, key, sizeof *key + key->size);
    return SL_OK;
}

/// The keys of a list, which take `bytes`, as a run.
static sl_code copy_keys(const sli_due_rank *ranks, int64_t n, int64_t bytes, sli_due_run *out,
                         sl_error *err)
{
    *out = (sli_due_run){0};
    for (int64_t i = 0; i < n; i++) {
        sl_code rc = copy_key(out, ranks[i].key, bytes, err);
        if (rc != SL_OK) {
            run_reset(out);
            return rc;
        }
        bytes -= (int64_t)size_of(ranks[i].key->size);
    }
    return SL_OK;
}

sl_code sli_due_sort(sli_due_notes *notes, sl_error *err)
{
    int64_t n = notes->run.n, bytes = 0, i = 0;
    if (notes->is_sorted || n == 0) {
        return SL_OK;
    }
    sli_due_rank *ranks = sl_alloc_array(SLI_TAG_STREAM, (size_t)n * 2, sizeof *ranks);
    if (ranks == NULL) {
        return sl_error_nomem(err, (size_t)n * 2 * sizeof *ranks, "due keys");
    }
    for (cursor c = begin_of(&notes->run); c.chunk != NULL; step(&c)) {
        ranks[i++].key = key_at(&c);
        bytes += (int64_t)size_of(key_at(&c)->size);
    }
    sli_due_sort_ranks(ranks, ranks + n, n);
    sli_due_run sorted;
    sl_code rc = copy_keys(ranks, n, bytes, &sorted, err);
    sl_free(ranks);
    SL_TRY(rc);
    run_reset(&notes->run);
    notes->run = sorted;
    notes->is_sorted = true;
    return SL_OK;
}

// ---------------------------------------------------------------- merging

/// Places in runs, those that have a key due; a binary heap, the least first. Of equal keys it does
/// not matter which comes first: they are equal in all that is asked of them.
typedef struct merge {
    cursor heads[SLI_DUE_RUNS];
    int32_t n;
    int64_t now_us;
} merge;

static bool is_before(const cursor *a, const cursor *b)
{
    const sli_due_key *left = key_at(a), *right = key_at(b);
    return left->at_us != right->at_us ? left->at_us < right->at_us
                                       : sli_due_compare(left, right) < 0;
}

static void sink(merge *m, int32_t i)
{
    cursor moved = m->heads[i];
    for (int32_t child = 2 * i + 1; child < m->n; child = 2 * i + 1) {
        bool second = child + 1 < m->n && is_before(&m->heads[child + 1], &m->heads[child]);
        child += second;
        if (!is_before(&m->heads[child], &moved)) {
            break;
        }
        m->heads[i] = m->heads[child];
        i = child;
    }
    m->heads[i] = moved;
}

static void merge_begin(merge *m, const sli_due_run *runs, int32_t n, int64_t now_us)
{
    m->n = 0;
    m->now_us = now_us;
    for (int32_t i = 0; i < n; i++) {
        cursor c = begin_of(&runs[i]);
        if (c.chunk != NULL && key_at(&c)->at_us <= now_us) {
            m->heads[m->n++] = c;
        }
    }
    for (int32_t i = m->n / 2 - 1; i >= 0; i--) {
        sink(m, i);
    }
}

/// NULL at the end.
static const sli_due_key *merge_next(merge *m)
{
    if (m->n == 0) {
        return NULL;
    }
    const sli_due_key *key = key_at(&m->heads[0]);
    step(&m->heads[0]);
    if (m->heads[0].chunk == NULL || key_at(&m->heads[0])->at_us > m->now_us) {
        m->heads[0] = m->heads[--m->n];
    }
    if (m->n > 1) {
        sink(m, 0);
    }
    return key;
}

// ---------------------------------------------------------------- the index

static void recount(sli_due *due)
{
    due->n_keys = due->bytes = 0;
    for (int32_t i = 0; i < due->n; i++) {
        due->n_keys += due->runs[i].n;
        due->bytes += due->runs[i].bytes;
    }
}

void sli_due_reset(sli_due *due)
{
    for (int32_t i = 0; i < due->n; i++) {
        run_reset(&due->runs[i]);
    }
    sl_free(due->runs);
    *due = (sli_due){0};
}

/// The largest runs first: there are few, and they are nearly in order.
static void sort_by_size(sli_due *due)
{
    for (int32_t i = 1; i < due->n; i++) {
        sli_due_run run = due->runs[i];
        int32_t at = i;
        for (; at > 0 && due->runs[at - 1].bytes < run.bytes; at--) {
            due->runs[at] = due->runs[at - 1];
        }
        due->runs[at] = run;
    }
}

/// Of many runs the smaller half becomes one.
static sl_code merge_small(sli_due *due, sl_error *err)
{
    sort_by_size(due);
    const int32_t kept = due->n / 2;
    sli_due_run made = {0};
    int64_t bytes = 0;
    for (int32_t i = kept; i < due->n; i++) {
        bytes += due->runs[i].bytes;
    }
    merge m;
    merge_begin(&m, due->runs + kept, due->n - kept, INT64_MAX);
    for (const sli_due_key *key; (key = merge_next(&m)) != NULL;) {
        sl_code rc = copy_key(&made, key, bytes - made.bytes, err);
        if (rc != SL_OK) {
            run_reset(&made);
            return rc;
        }
    }
    for (int32_t i = kept; i < due->n; i++) {
        run_reset(&due->runs[i]);
    }
    due->runs[kept] = made;
    due->n = kept + 1;
    return SL_OK;
}

sl_code sli_due_take(sli_due *due, sli_due_notes *notes, sl_error *err)
{
    if (notes->run.n == 0) {
        return SL_OK;
    }
    SL_TRY(sli_due_sort(notes, err));
    if (due->n_keys + notes->run.n > INT32_MAX) {
        return sl_error_nomem(err, (size_t)due->bytes, "due keys");
    }
    if (due->runs == NULL) {
        due->runs = sl_alloc_array(SLI_TAG_STREAM, SLI_DUE_RUNS, sizeof *due->runs);
        if (due->runs == NULL) {
            return sl_error_nomem(err, SLI_DUE_RUNS * sizeof *due->runs, "due keys");
        }
    }
    if (due->n == SLI_DUE_RUNS) {
        SL_TRY(merge_small(due, err));
    }
    due->runs[due->n++] = notes->run;
    *notes = (sli_due_notes){0};
    recount(due);
    return SL_OK;
}

int64_t sli_due_first(const sli_due *due)
{
    int64_t first_us = INT64_MAX;
    for (int32_t i = 0; i < due->n; i++) {
        cursor c = begin_of(&due->runs[i]);
        int64_t at_us = key_at(&c)->at_us;
        first_us = at_us < first_us ? at_us : first_us;
    }
    return first_us;
}

static int64_t count_due(const sli_due *due, int64_t now_us)
{
    int64_t n = 0;
    for (int32_t i = 0; i < due->n; i++) {
        cursor c = begin_of(&due->runs[i]);
        for (; c.chunk != NULL && key_at(&c)->at_us <= now_us; step(&c)) {
            n++;
        }
    }
    return n;
}

sl_code sli_due_list(const sli_due *due, int64_t now_us, sl_arena *arena,
                     const sli_due_key *const **out, int32_t *n, sl_error *err)
{
    int64_t count = count_due(due, now_us);
    *n = 0;
    *out = NULL;
    if (count == 0) {
        return SL_OK;
    }
    const sli_due_key **list = sl_arena_alloc(arena, (size_t)count * sizeof(sli_due_key *));
    if (list == NULL) {
        return sl_error_nomem(err, (size_t)count * sizeof(sli_due_key *), "due keys");
    }
    merge m;
    merge_begin(&m, due->runs, due->n, now_us);
    for (const sli_due_key *key; (key = merge_next(&m)) != NULL;) {
        list[(*n)++] = key;
    }
    *out = list;
    return SL_OK;
}

/// Keys that are due leave a run; chunks that lie behind are freed.
static void drop_front(sli_due_run *run, int64_t now_us)
{
    cursor c = begin_of(run);
    for (; c.chunk != NULL && key_at(&c)->at_us <= now_us; step(&c)) {
        run->n--;
    }
    while (run->first != c.chunk) {
        sli_due_chunk *chunk = run->first;
        run->first = chunk->next;
        run->bytes -= (int64_t)(sizeof *chunk + chunk->capacity);
        sl_free(chunk);
    }
    run->at = c.at;
}

void sli_due_drop(sli_due *due, int64_t now_us)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < due->n; i++) {
        drop_front(&due->runs[i], now_us);
        if (due->runs[i].first != NULL) {
            due->runs[kept++] = due->runs[i];
        }
    }
    due->n = kept;
    recount(due);
}

int64_t sli_due_footprint(const sli_due *due)
{
    return due->bytes + (due->runs == NULL ? 0 : (int64_t)(SLI_DUE_RUNS * sizeof *due->runs));
}
