// Windows that overlap, put together from slices when they close.
//
// The index lists the slices of all windows that are open or close now, by time and key. A window
// that closes takes a run of those times; their lists are merged by key, so a key's slices come
// together, earliest first, and their states are merged in that order: it follows from the rows'
// times, not from the epoch or the partition that brought them. Windows are given by end, then key.
//
//     index:   slice 0: a b d    slice 2: b c    slice 4: a
//     window of slices 0, 2, 4:  a = 0 + 4    b = 0 + 2    c = 2    d = 0
//
// A slice leaves the table with the last window that it is in.
#include "stream/event/window.h"

/// A slice's keys in the index, [at, end) of what is due.
typedef struct head {
    int32_t at, end;
} head;

typedef struct closing {
    sli_timed_task *task;
    const sli_window *window;
    const sli_due_key *const *due;
    int32_t *slices; ///< by slice, and one past the last: its first key
    int32_t n_slices;
    int64_t closes_us;                 ///< of the window in hand
    head heads[SLI_MAX_WINDOWS_A_ROW]; ///< its slices that have keys left; a heap, the least first
    int32_t n_heads;
    // keys that are looked up together
    const sli_due_key *asked[SLI_TOGETHER];
    int32_t key_of[SLI_TOGETHER], n_asked, key; ///< numbers of keys as they came
    sli_str copies;
    // what was found: rows of the partial schema, one a slice, and which result each is of
    sl_builder *rows;
    int32_t group[SLI_BATCH_ROWS + SLI_TOGETHER], n_rows;
    int32_t n_groups, last_key;
    int64_t starts[SLI_BATCH_ROWS + SLI_TOGETHER], ends[SLI_BATCH_ROWS + SLI_TOGETHER];
} closing;

// ---------------------------------------------------------------- keys of a window, in order

static int compare(const closing *c, const head *a, const head *b)
{
    const sli_due_key *left = c->due[a->at], *right = c->due[b->at];
    uint32_t shorter = left->size < right->size ? left->size : right->size;
    int order = memcmp(left->key + SLI_START_BYTES, right->key + SLI_START_BYTES,
                       shorter - SLI_START_BYTES);
    order = order != 0 ? order : (left->size > right->size) - (left->size < right->size);
    return order != 0 ? order : (a->at > b->at) - (a->at < b->at); // earlier slices come first
}

static void sink(closing *c, int32_t i)
{
    head moved = c->heads[i];
    for (int32_t child = 2 * i + 1; child < c->n_heads; child = 2 * i + 1) {
        bool second =
            child + 1 < c->n_heads && compare(c, &c->heads[child + 1], &c->heads[child]) < 0;
        child += second;
        if (compare(c, &c->heads[child], &moved) >= 0) {
            break;
        }
        c->heads[i] = c->heads[child];
        i = child;
    }
    c->heads[i] = moved;
}

static void open_window(closing *c, int32_t from, int32_t to)
{
    c->n_heads = 0;
    for (int32_t s = from; s < to; s++) {
        c->heads[c->n_heads++] = (head){c->slices[s], c->slices[s + 1]};
    }
    for (int32_t i = c->n_heads / 2 - 1; i >= 0; i--) {
        sink(c, i);
    }
}

static const sli_due_key *next_slice(closing *c)
{
    if (c->n_heads == 0) {
        return NULL;
    }
    const sli_due_key *key = c->due[c->heads[0].at++];
    if (c->heads[0].at == c->heads[0].end) {
        c->heads[0] = c->heads[--c->n_heads];
    }
    if (c->n_heads > 1) {
        sink(c, 0);
    }
    return key;
}

static bool is_same_key(const sli_due_key *a, const sli_due_key *b)
{
    return a->size == b->size && memcmp(a->key + SLI_START_BYTES, b->key + SLI_START_BYTES,
                                        a->size - SLI_START_BYTES) == 0;
}

// ---------------------------------------------------------------- out of the table

/// A slice that was found: a row, of a new result or the last one.
static void add_row(closing *c, int32_t key)
{
    if (c->n_groups == 0 || c->last_key != key) {
        c->starts[c->n_groups] = c->closes_us - c->window->timed.lateness_us - c->window->size_us;
        c->ends[c->n_groups] = c->starts[c->n_groups] + c->window->size_us;
        c->last_key = key;
        c->n_groups++;
    }
    c->group[c->n_rows++] = c->n_groups - 1;
}

/// Whether no later window has it.
static bool is_last(const closing *c, const sli_due_key *slice)
{
    return slice->at_us <= c->closes_us + c->window->slide_us - c->window->size_us;
}

/// Looks up what was asked for: rows for what is there, and changes for what leaves.
static sl_code take_asked(closing *c, sl_error *err)
{
    const sli_timed *self = c->task->self;
    sli_state_key keys[SLI_TOGETHER];
    sli_state_found found[SLI_TOGETHER];
    sli_state_change changes[SLI_TOGETHER];
    sl_bytes key[SLI_TOGETHER], value[SLI_TOGETHER];
    int32_t n = 0, n_changes = 0;
    for (int32_t i = 0; i < c->n_asked; i++) {
        const sli_due_key *slice = c->asked[i];
        keys[i] = (sli_state_key){sli_hash_of_slot(slice->slot), {slice->key, slice->size}};
    }
    SL_TRY(sli_together_find(c->task->view, keys, c->n_asked, found, &c->copies, err));
    for (int32_t i = 0; i < c->n_asked; i++) {
        if (found[i].mark == 0) {
            continue;
        }
        key[n] = keys[i].key;
        value[n++] = found[i].value;
        add_row(c, c->key_of[i]);
        if (is_last(c, c->asked[i])) {
            changes[n_changes++] = (sli_state_change){.act = SLI_STATE_REMOVE,
                                                      .hash = keys[i].hash,
                                                      .key_hash = found[i].key_hash,
                                                      .mark = found[i].mark,
                                                      .key = keys[i].key};
        }
    }
    c->n_asked = 0;
    SL_TRY(sli_rows_get(key, n, c->rows, 0, self->n_keys, err));
    SL_TRY(
        sli_rows_get(value, n, c->rows, self->n_keys, sl_schema_columns(self->value_schema), err));
    return sli_together_change(c->task->view, changes, n_changes, err);
}

/// Gives the results whose slices are all there.
static sl_code give(closing *c, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(take_asked(c, err));
    SL_TRY(sli_builder_flush(c->rows, &rows, err));
    sl_code rc =
        rows == NULL ? SL_OK : sli_timed_give(c->task, rows, c->group, 1, c->starts, c->ends, err);
    sl_batch_unref(rows);
    c->n_rows = c->n_groups = 0;
    return rc;
}

/// The next slice of the window. A key's slices are never cut in two: there is room for as many as
/// a window has.
static sl_code ask(closing *c, const sli_due_key *slice, bool is_new, sl_error *err)
{
    if (is_new && c->n_rows + c->n_asked > SLI_BATCH_ROWS - SLI_MAX_WINDOWS_A_ROW) {
        SL_TRY(sli_task_check(c->task->task, err));
        SL_TRY(give(c, err));
    }
    if (c->n_asked == SLI_TOGETHER) {
        SL_TRY(take_asked(c, err));
    }
    c->key += is_new;
    c->key_of[c->n_asked] = c->key;
    c->asked[c->n_asked++] = slice;
    return SL_OK;
}

// ---------------------------------------------------------------- windows that close

/// The window of slices [from, to).
static sl_code close_window(closing *c, int32_t from, int32_t to, sl_error *err)
{
    const sli_due_key *last = NULL;
    open_window(c, from, to);
    for (const sli_due_key *slice; (slice = next_slice(c)) != NULL; last = slice) {
        bool same = last != NULL && is_same_key(slice, last);
        if (!same || slice->at_us != last->at_us) { // the index may name one twice
            SL_TRY(ask(c, slice, !same, err));
        }
    }
    return give(c, err);
}

/// The first window to close at or after a slice's first one.
static int64_t closes_at(const closing *c, int32_t slice)
{
    return c->due[c->slices[slice]]->at_us;
}

static sl_code close_all(closing *c, sl_error *err)
{
    const sli_window *w = c->window;
    int32_t from = 0, to = 0;
    int64_t before_us = sli_timed_moment(&w->timed, c->task->before_us);
    c->closes_us = before_us == SLI_NO_TIME ? closes_at(c, 0) : before_us + w->slide_us;
    while (c->closes_us <= c->task->watermark_us) {
        while (from < c->n_slices && closes_at(c, from) <= c->closes_us - w->size_us) {
            from++;
        }
        if (from == c->n_slices) {
            return SL_OK;
        }
        if (closes_at(c, from) > c->closes_us) { // nothing happened for longer than a window
            c->closes_us = closes_at(c, from);
        }
        while (to < c->n_slices && closes_at(c, to) <= c->closes_us) {
            to++;
        }
        SL_TRY(close_window(c, from, to, err));
        c->closes_us += w->slide_us;
    }
    return SL_OK;
}

/// Where each slice begins in what is due.
static sl_code find_slices(closing *c, int32_t n, sl_error *err)
{
    c->slices = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, sizeof *c->slices);
    if (c->slices == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *c->slices, "slices of windows");
    }
    for (int32_t i = 0; i < n; i++) {
        if (i == 0 || c->due[i]->at_us != c->due[i - 1]->at_us) {
            c->slices[c->n_slices++] = i;
        }
    }
    c->slices[c->n_slices] = n;
    return SL_OK;
}

static sl_code run(closing *c, int32_t n, sl_error *err)
{
    SL_TRY(find_slices(c, n, err));
    SL_TRY(sl_builder_new(&c->rows, sli_agg_plan_partial(c->task->self->plan), err));
    return close_all(c, err);
}

sl_code sli_slices_close(sli_timed_task *t, sl_error *err)
{
    const sli_due_key *const *due = NULL;
    int32_t n = 0;
    if (sli_timed_moment(t->self, t->watermark_us) == sli_timed_moment(t->self, t->before_us)) {
        return SL_OK;
    }
    SL_TRY(sli_timed_due(t, &due, &n, err));
    if (n == 0) {
        return SL_OK;
    }
    closing *c = sl_alloc_zero(SLI_TAG_STREAM, sizeof *c);
    if (c == NULL) {
        return sl_error_nomem(err, sizeof *c, "windows that close");
    }
    c->task = t;
    c->window = sli_window_of(t->self);
    c->due = due;
    c->copies.tag = SLI_TAG_STREAM;
    sl_code rc = run(c, n, err);
    sl_builder_free(c->rows);
    sli_str_reset(&c->copies);
    sl_free(c->slices);
    sl_free(c);
    return rc;
}
