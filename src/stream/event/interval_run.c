// Joins within a bound of event time: the work of one task.
//
//   1. entries that are due leave the table; those without a match are given (outer)
//   2. the epoch's left rows look for right rows in the table, and come into it
//   3. the epoch's right rows look for left rows in the table, old and new, and come into it
//
// So each pair is found once, whichever row came first, and rows of one epoch find each other.
#include "stream/event/interval.h"

/// Pairs that wait to be pushed: rows of the batch in hand, and what they were joined with.
typedef struct pairs {
    int32_t mine[SLI_BATCH_ROWS], n;
    sl_builder *others[2]; ///< by side: rows from the table
} pairs;

typedef struct joining {
    sli_timed_task *task;
    const sli_interval *def;
    int32_t side; ///< of the rows in hand
    pairs pairs;
    sl_builder *alone; ///< rows of the stream that have no match; outer joins
    sli_str key, value, row;
    size_t key_size; ///< of the key's own cells, at the front of `key`
    uint64_t hash;
} joining;

// ---------------------------------------------------------------- entries

/// Sets the key of an entry behind the cells of the row's key.
static sl_bytes entry_key(joining *j, bool right, int64_t bucket, int64_t number)
{
    j->key.size = j->key_size;
    (void)sli_row_put_int64(&j->key, SL_BOOL, right);
    (void)sli_row_put_int64(&j->key, SL_INT64, bucket);
    (void)sli_row_put_int64(&j->key, SL_INT64, number);
    return (sl_bytes){j->key.data, j->key.size};
}

static sl_code read_entry(sl_bytes value, sli_interval_entry *out, sl_error *err)
{
    sli_reader r = sli_reader_of(value);
    out->time_us = sli_row_take_int64(&r);
    out->matched = sli_row_take_bool(&r);
    out->count = sli_row_take_int64(&r);
    out->row = sli_row_take_binary(&r);
    return sli_reader_done(&r, "an entry of a join", err);
}

static sl_code put_entry(joining *j, sl_bytes key, const sli_interval_entry *entry, sl_error *err)
{
    sli_str_clear(&j->value);
    (void)sli_row_put_int64(&j->value, SL_INT64, entry->time_us);
    (void)sli_row_put_int64(&j->value, SL_BOOL, entry->matched);
    (void)sli_row_put_int64(&j->value, SL_INT64, entry->count);
    sli_row_put_text(&j->value, (sl_text){entry->row.data, entry->row.size});
    SL_TRY(sli_str_check(&j->value, "an entry of a join", err));
    SL_TRY(sli_str_check(&j->key, "an entry of a join", err));
    return sli_timed_put(j->task, j->hash, key, (sl_bytes){j->value.data, j->value.size}, err);
}

static sl_code find_entry(joining *j, sl_bytes key, sli_interval_entry *out, bool *found,
                          sl_error *err)
{
    sl_bytes value = {0};
    SL_TRY(sli_str_check(&j->key, "an entry of a join", err));
    SL_TRY(sli_timed_find(j->task, j->hash, key, &value, found, err));
    *out = (sli_interval_entry){0};
    return *found ? read_entry(value, out, err) : SL_OK;
}

// ---------------------------------------------------------------- pairs out

static sl_code push_pairs(joining *j, const sl_batch *rows, sl_error *err)
{
    pairs *p = &j->pairs;
    const sl_schema *schema = j->task->self->node->schema;
    int32_t n = sl_schema_columns(schema);
    sl_batch *sides[2] = {NULL, NULL}, *out = NULL;
    if (p->n == 0) {
        return SL_OK;
    }
    const sl_batch **from = sl_arena_alloc(j->task->task->arena, (size_t)n * sizeof *from);
    if (from == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *from, "columns");
    }
    sl_code rc = sli_batch_take(rows, p->mine, p->n, &sides[j->side], err);
    rc = rc != SL_OK ? rc : sl_builder_finish(p->others[!j->side], &sides[!j->side], err);
    for (int32_t i = 0; i < n; i++) {
        from[i] = sides[j->def->from[i]];
    }
    rc = rc != SL_OK ? rc : sli_batch_project(schema, from, j->def->column, &out, err);
    rc = rc != SL_OK ? rc : j->task->push(j->task->ctx, out, err);
    sl_batch_unref(sides[0]);
    sl_batch_unref(sides[1]);
    sl_batch_unref(out);
    p->n = 0;
    return rc;
}

/// A row of the table that would be given alone has found a match.
static sl_code mark_matched(joining *j, sl_bytes key, const sli_interval_entry *entry,
                            sl_error *err)
{
    sli_interval_entry marked = *entry;
    marked.matched = true;
    sli_str_clear(&j->row); // the entry's bytes live until the table changes
    sli_str_add(&j->row, entry->row.data, entry->row.size);
    SL_TRY(sli_str_check(&j->row, "a row", err));
    marked.row = (sl_bytes){j->row.data, j->row.size};
    return put_entry(j, key, &marked, err);
}

/// Joins row `row` with the entries of one bucket of the other side within [from, to].
static sl_code probe_bucket(joining *j, const sl_batch *rows, int32_t row, int64_t bucket,
                            int64_t from_us, int64_t to_us, bool *matched, sl_error *err)
{
    int32_t other = !j->side;
    bool right = other == SLI_RIGHT, found = false;
    sli_interval_entry head = {0}, entry = {0};
    SL_TRY(find_entry(j, entry_key(j, right, bucket, SLI_HEAD), &head, &found, err));
    for (int64_t i = 0; i < head.count; i++) {
        sl_bytes key = entry_key(j, right, bucket, i);
        SL_TRY(find_entry(j, key, &entry, &found, err));
        if (!found || entry.time_us < from_us || entry.time_us > to_us) {
            continue;
        }
        *matched = true;
        j->pairs.mine[j->pairs.n++] = row;
        SL_TRY(sli_row_get(entry.row, j->pairs.others[other], 0, j->def->n_columns[other], err));
        if (j->def->outer[other] && !entry.matched) {
            SL_TRY(mark_matched(j, key, &entry, err));
        }
        if (j->pairs.n == SLI_BATCH_ROWS) {
            SL_TRY(push_pairs(j, rows, err));
        }
    }
    return SL_OK;
}

static sl_code probe(joining *j, const sl_batch *rows, int32_t row, int64_t time_us, bool *matched,
                     sl_error *err)
{
    const sli_interval *def = j->def;
    bool left = j->side == SLI_LEFT;
    int64_t from_us = left ? time_us + def->lower_us : time_us - def->upper_us;
    int64_t to_us = left ? time_us + def->upper_us : time_us - def->lower_us;
    int64_t last = sli_bucket_of(def, to_us);
    for (int64_t bucket = sli_bucket_of(def, from_us); bucket <= last; bucket++) {
        SL_TRY(probe_bucket(j, rows, row, bucket, from_us, to_us, matched, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- rows in

/// The head of the row's bucket counts one more; *number is the row's.
static sl_code count_in(joining *j, int64_t bucket, int64_t *number, sl_error *err)
{
    bool right = j->side == SLI_RIGHT, found = false;
    sli_interval_entry head = {0};
    sl_bytes key = entry_key(j, right, bucket, SLI_HEAD);
    SL_TRY(find_entry(j, key, &head, &found, err));
    if (head.count >= SLI_MAX_BUCKET_ROWS) {
        return sl_error_set(err, SL_E_DATA,
                            "%s: a key has more than %d rows within %lld us: a join looks at all "
                            "of them for each row of the other side",
                            j->task->self->node->uid, SLI_MAX_BUCKET_ROWS,
                            (long long)j->def->width_us);
    }
    *number = head.count++;
    head.row = (sl_bytes){"", 0};
    SL_TRY(put_entry(j, key, &head, err));
    int64_t due_us = sli_interval_entry_due(j->def, right, bucket, SLI_HEAD, 0);
    return found ? SL_OK : sli_timed_note(j->task, due_us, j->hash, key, err);
}

static sl_code insert(joining *j, const sl_batch *rows, int32_t row, int64_t time_us, bool matched,
                      sl_error *err)
{
    bool right = j->side == SLI_RIGHT;
    int64_t bucket = sli_bucket_of(j->def, time_us), number = 0;
    SL_TRY(count_in(j, bucket, &number, err));
    sli_str_clear(&j->row);
    sli_row_put(&j->row, rows, j->def->all, j->def->n_columns[j->side], row);
    SL_TRY(sli_str_check(&j->row, "a row", err));
    sli_interval_entry entry = {
        .time_us = time_us, .matched = matched, .row = {j->row.data, j->row.size}};
    sl_bytes key = entry_key(j, right, bucket, number);
    SL_TRY(put_entry(j, key, &entry, err));
    return sli_timed_note(j->task, sli_interval_due(j->def, right, time_us), j->hash, key, err);
}

static sl_code take_row(joining *j, const sl_batch *rows, int32_t row, uint64_t hash, sl_error *err)
{
    const sli_timed *self = j->task->self;
    const sli_timed_side *side = &self->sides[j->side];
    int64_t time_us = sl_column_int64(sl_batch_column(rows, side->column), row);
    bool matched = false;
    j->hash = hash;
    sli_str_clear(&j->key);
    sli_row_put(&j->key, rows, side->keys, self->n_keys, row);
    j->key_size = j->key.size;
    SL_TRY(probe(j, rows, row, time_us, &matched, err));
    return insert(j, rows, row, time_us, matched, err);
}

static sl_code take_rows(void *ctx, sl_batch *rows, sl_error *err)
{
    joining *j = ctx;
    const sli_timed *self = j->task->self;
    int64_t n = sl_batch_rows(rows);
    uint64_t *hashes = sl_alloc_array(SLI_TAG_STREAM, (size_t)n + 1, sizeof *hashes);
    sl_code rc = hashes == NULL ? sl_error_nomem(err, (size_t)n * sizeof *hashes, "hashes")
                                : sli_task_check(j->task->task, err);
    if (rc == SL_OK) {
        sli_batch_hash(rows, self->sides[j->side].keys, self->n_keys, hashes);
    }
    for (int32_t row = 0; row < n && rc == SL_OK; row++) {
        rc = take_row(j, rows, row, hashes[row], err);
    }
    rc = rc != SL_OK ? rc : push_pairs(j, rows, err);
    sl_free(hashes);
    return rc;
}

// ---------------------------------------------------------------- entries that leave

/// A row without a match, as a row of the stream.
static sl_code give_alone(joining *j, int32_t side, sl_bytes row, sl_error *err)
{
    const int32_t *columns = j->def->alone[side];
    sl_batch *from = NULL;
    SL_TRY(sli_row_get(row, j->pairs.others[side], 0, j->def->n_columns[side], err));
    SL_TRY(sl_builder_finish(j->pairs.others[side], &from, err));
    for (int32_t i = 0; i < sl_schema_columns(j->task->self->node->schema); i++) {
        if (columns[i] == SLI_NO_COLUMN) {
            sl_builder_null(j->alone, i);
        } else {
            sl_builder_cell(j->alone, i, sl_batch_column(from, columns[i]), 0);
        }
    }
    sl_batch_unref(from);
    return SL_OK;
}

/// Whose the entry of a key is, and whether it is the head of a bucket.
static sl_code read_key(sl_bytes key, int32_t *side, bool *head, sl_error *err)
{
    enum { TAIL = 2 + 9 + 9 }; // a bool and two int64 cells
    sl_bytes tail = {(const char *)key.data + key.size - TAIL, TAIL};
    sli_reader r = sli_reader_of(tail);
    *side = sli_row_take_bool(&r) ? SLI_RIGHT : SLI_LEFT;
    (void)sli_row_take_int64(&r); // the bucket
    *head = sli_row_take_int64(&r) == SLI_HEAD;
    return sli_reader_done(&r, "the key of a join's entry", err);
}

static sl_code leave(joining *j, const sli_due_key *due, sl_error *err)
{
    sl_bytes key = {due->key, due->size};
    sli_interval_entry entry = {0};
    int32_t side = SLI_LEFT;
    bool found = false, head = false;
    j->hash = sli_hash_of_slot(due->slot);
    SL_TRY(find_entry(j, key, &entry, &found, err));
    if (!found) {
        return SL_OK;
    }
    SL_TRY(read_key(key, &side, &head, err));
    if (j->def->outer[side] && !head && !entry.matched) {
        SL_TRY(give_alone(j, side, entry.row, err));
    }
    return sli_timed_remove(j->task, j->hash, key, err);
}

static sl_code push_alone(joining *j, sl_error *err)
{
    sl_batch *rows = NULL;
    SL_TRY(sli_builder_flush(j->alone, &rows, err));
    sl_code rc = rows == NULL ? SL_OK : j->task->push(j->task->ctx, rows, err);
    sl_batch_unref(rows);
    return rc;
}

static sl_code leave_due(joining *j, sl_error *err)
{
    const sli_due_key *const *due = NULL;
    int32_t n = 0;
    SL_TRY(sli_timed_due(j->task, &due, &n, err));
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(leave(j, due[i], err));
        if ((i + 1) % SLI_BATCH_ROWS == 0) {
            SL_TRY(sli_task_check(j->task->task, err));
            SL_TRY(push_alone(j, err));
        }
    }
    return push_alone(j, err);
}

// ---------------------------------------------------------------- the task

static sl_code begin(joining *j, sl_error *err)
{
    const sli_timed *self = j->task->self;
    for (int32_t side = 0; side < 2; side++) {
        SL_TRY(sl_builder_new(&j->pairs.others[side], self->sides[side].shuffled, err));
    }
    return sl_builder_new(&j->alone, self->node->schema, err);
}

static sl_code run_all(joining *j, sl_error *err)
{
    SL_TRY(begin(j, err));
    SL_TRY(leave_due(j, err));
    for (j->side = SLI_LEFT; j->side <= SLI_RIGHT; j->side++) {
        SL_TRY(sli_timed_rows(j->task, j->side, take_rows, j, err));
    }
    return SL_OK;
}

sl_code sli_interval_run(sli_timed_task *t, sl_error *err)
{
    joining *j = sl_alloc_zero(SLI_TAG_STREAM, sizeof *j);
    if (j == NULL) {
        return sl_error_nomem(err, sizeof *j, "a join");
    }
    j->task = t;
    j->def = sli_interval_of(t->self);
    j->key.tag = j->value.tag = j->row.tag = SLI_TAG_STREAM;
    sl_code rc = run_all(j, err);
    sl_builder_free(j->pairs.others[0]);
    sl_builder_free(j->pairs.others[1]);
    sl_builder_free(j->alone);
    sli_str_reset(&j->key);
    sli_str_reset(&j->value);
    sli_str_reset(&j->row);
    sl_free(j);
    return rc;
}
