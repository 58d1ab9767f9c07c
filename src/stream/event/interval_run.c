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
#include "stream/event/interval_work.h"

// ---------------------------------------------------------------- rows of the epoch

static sl_code meet_key(sli_joining *j, int32_t key, sl_error *err)
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

static sl_code meet_each_other(sli_joining *j, sl_error *err)
{
    for (int32_t key = 0; key < j->rows.n_keys; key++) {
        SL_TRY(meet_key(j, key, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- what is due

static sl_code leave(sli_joining *j, const sli_due_key *due, sli_due_place *place, uint64_t hash,
                     const sli_state_found *found, sl_error *err)
{
    sl_bytes bytes = {due->key, due->size};
    sli_entry_key key;
    SL_TRY(sli_entry_read_key(bytes, &key, err));
    sli_join_entry e = {.side = key.side,
                        .bucket = key.bucket,
                        .number = key.number,
                        .hash = hash,
                        .key_hash = found->key_hash,
                        .mark = found->mark,
                        .key = bytes,
                        .due = place};
    if (!j->def->outer[key.side]) { // an entry is due when all its rows are
        return sli_join_change(j, &e, SLI_STATE_REMOVE, j->values.size, err);
    }
    SL_TRY(sli_entry_read(found->value, &e.rows, err));
    return sli_join_write(j, &e, e.rows.n_entries, 0, err);
}

static sl_code leave_some(sli_joining *j, const sli_due_key *const *due,
                          sli_due_place *const *places, int32_t n, sl_error *err)
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
    return sli_join_flush(j, err);
}

/// The index may name a key twice.
static bool is_new(const sli_joining *j, int32_t i, sli_due_place **place)
{
    const sli_due_key *due = j->due[i], *before = i == 0 ? NULL : j->due[i - 1];
    *place = sli_join_due(j, (sl_bytes){due->key, due->size});
    if (*place != NULL) {
        bool taken = (*place)->taken;
        (*place)->taken = true;
        return !taken;
    }
    return before == NULL || before->size != due->size ||
           memcmp(before->key, due->key, due->size) != 0;
}

static sl_code leave_due(sli_joining *j, sl_error *err)
{
    const sli_due_key *some[SLI_TOGETHER];
    sli_due_place *places[SLI_TOGETHER];
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
static void find_latest(const sli_joining *j, int64_t *latest_us)
{
    const sli_timed *self = j->task->self;
    bool empty = sli_due_first(&self->due[j->task->partition]) == INT64_MAX;
    for (int32_t side = 0; side < 2; side++) {
        latest_us[side] = empty ? SLI_NO_TIME : atomic_load(&j->def->latest_us[side]);
    }
}

static sl_code run_all(sli_joining *j, sl_error *err)
{
    bool outer = j->def->outer[SLI_LEFT] || j->def->outer[SLI_RIGHT];
    int64_t latest_us[2];
    find_latest(j, latest_us); // before rows come in
    SL_TRY(sli_out_begin(&j->out, err));
    SL_TRY(sli_timed_due(j->task, &j->due, &j->n_due, err));
    if (outer && j->n_due > 0) {
        SL_TRY(sli_join_note_due(j, err));
    }
    SL_TRY(sli_epoch_rows_take(&j->rows, j->task, err));
    SL_TRY(sli_join_pass(j, latest_us, true, !outer, err));
    SL_TRY(meet_each_other(j, err));
    if (outer) {
        SL_TRY(sli_join_pass(j, latest_us, false, true, err));
    }
    SL_TRY(sli_out_push(&j->out, err));
    SL_TRY(leave_due(j, err));
    return sli_out_push_alone(&j->out, err);
}

static void reset(sli_joining *j)
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
    sli_joining *j = sl_alloc_zero(SLI_TAG_STREAM, sizeof *j);
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
