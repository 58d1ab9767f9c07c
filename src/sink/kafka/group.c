// group.c — the life of a commit: a group's rows and its mark are one transaction.
//
//     (ahead: rows of the first epochs, or all and the mark, before the group is sealed)
//     no producer ──► begin: opened, the mark asked ──┐
//     marked already? ─► done                         ◄┘
//     send rows ─► mark ─► commit ─┬─ committed ─► done
//                                  ├─ aborted   ─► sent again
//                                  └─ unknown, or fenced ─► begin, and as above
//
// What can't be done now is SL_E_TIMEOUT: the engine waits and calls again, and the outbox is still
// there. After whatever went wrong the producer is given up, since the opening of the next one ends
// all that it left. What was sent ahead counts for the first try alone.
#include "sink/kafka/ksink_int.h"

#include <inttypes.h>

/// Rows of the outbox, on their way.
typedef struct sending {
    ksink *self;
    int64_t deadline_us;
    int64_t epoch, row; ///< the next one: of the output's rows in the epoch
    int64_t passed;     ///< epochs up to it are in the transaction already; -1: none
    bool singly;        ///< a record a call, to learn which one is refused
    bool is_refused;    ///< a record was, by the client or by the cluster
    bool all_sent;      ///< and not while records were sent
    int64_t largest_bytes, largest_epoch, largest_row;
} sending;

enum { SEND_ROWS = 4096 }; ///< a call; bounds what is made of a batch at once

// ---------------------------------------------------------------- rows

static void note_size(sending *s, const sli_kafka_message *m, int64_t row)
{
    int64_t bytes = sli_ksink_record_bytes(m);
    if (bytes > s->largest_bytes) {
        s->largest_bytes = bytes;
        s->largest_epoch = s->epoch;
        s->largest_row = row;
    }
}

static sl_code send_records(sending *s, const sli_kafka_message *records, int32_t n, sl_error *err)
{
    ksink *self = s->self;
    for (int32_t i = 0; i < n; i++) {
        note_size(s, &records[i], s->row + i);
    }
    if (!s->singly) {
        sl_code rc = sli_kafka_gate.send(self->producer, records, n, s->deadline_us, err);
        s->is_refused = rc == SL_E_DATA || rc == SL_E_NOT_FOUND;
        return rc;
    }
    for (int32_t i = 0; i < n; i++) {
        sl_code rc = sli_kafka_gate.send(self->producer, &records[i], 1, s->deadline_us, err);
        if (rc == SL_E_DATA || rc == SL_E_NOT_FOUND) {
            rc = sl_error_wrap(err, rc, "epoch %" PRId64 ", row %" PRId64 " (%" PRId64 " bytes)",
                               s->epoch, s->row + i, sli_ksink_record_bytes(&records[i]));
        }
        SL_TRY(rc);
    }
    return SL_OK;
}

static sl_code send_rows(sending *s, const sl_batch *rows, int64_t batch_time_us, sl_error *err)
{
    const sli_kafka_message *records = NULL;
    int64_t row = 0;
    sl_code rc = sli_ksink_rows_make(s->self->rows, rows, batch_time_us, &records, &row, err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "epoch %" PRId64 ", row %" PRId64, s->epoch, s->row + row);
    }
    int32_t n = (int32_t)sl_batch_rows(rows);
    SL_TRY(send_records(s, records, n, err));
    s->row += n;
    return SL_OK;
}

static sl_code send_batch(void *ctx, int64_t epoch, int64_t batch_time_us, const sl_batch *batch,
                          sl_error *err)
{
    sending *s = ctx;
    int64_t n = batch == NULL || epoch <= s->passed ? 0 : sl_batch_rows(batch);
    s->row = epoch == s->epoch ? s->row : 0;
    s->epoch = epoch;
    if (n <= SEND_ROWS) {
        return n == 0 ? SL_OK : send_rows(s, batch, batch_time_us, err);
    }
    for (int64_t at = 0; at < n; at += SEND_ROWS) {
        sl_batch *part = NULL;
        int64_t size = n - at < SEND_ROWS ? n - at : SEND_ROWS;
        SL_TRY(sli_batch_slice(batch, at, size, &part, err));
        sl_code rc = send_rows(s, part, batch_time_us, err);
        sl_batch_unref(part);
        SL_TRY(rc);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- one transaction

static sl_code end_before_mark(sending *s, sl_error *err)
{
    sli_kafka_outcome outcome = SLI_KAFKA_COMMITTED;
    return sli_env_bug(s->self->env, "mark-not-in-transaction")
               ? sli_kafka_gate.commit(s->self->producer, s->deadline_us, &outcome, err)
               : SL_OK;
}

/// What was sent of the group before its commit, if the transaction still has it.
static ksink_ahead take_ahead(ksink *self)
{
    static const ksink_ahead none = {.epoch = -1};
    ksink_ahead ahead = self->ahead;
    self->ahead = none;
    return ahead.failed ? none : ahead;
}

static sl_code run_transaction(sending *s, int64_t group, sli_outbox *outbox,
                               sli_kafka_outcome *outcome, sl_error *err)
{
    ksink *self = s->self;
    ksink_ahead ahead = take_ahead(self);
    SL_ASSERT(ahead.group == 0 || ahead.group == group, "another group's rows were sent ahead");
    s->passed = sli_env_bug(self->env, "ahead-sent-again") ? -1 : ahead.epoch;
    s->deadline_us = sli_env_mono_us(self->env) + self->patience_us;
    SL_TRY(ahead.marked ? SL_OK : outbox->each(outbox, send_batch, s, err));
    s->all_sent = true;
    if (self->once && !ahead.marked) {
        SL_TRY(end_before_mark(s, err));
        SL_TRY(sli_ksink_mark(self, group, s->deadline_us, err));
    }
    sl_code rc = sli_kafka_gate.commit(self->producer, s->deadline_us, outcome, err);
    s->is_refused = rc == SL_E_DATA;
    return rc;
}

/// A cluster that refuses a record does not tell which row it was.
static sl_code tell_largest(const sending *s, sl_code rc, sl_error *err)
{
    return sl_error_wrap(err, rc,
                         "the largest record of the group has %" PRId64 " bytes (epoch %" PRId64
                         ", row %" PRId64 "); the topic's max.message.bytes bounds a record, and "
                         "the records that kafka.batch.size lets go together",
                         s->largest_bytes, s->largest_epoch, s->largest_row);
}

// ---------------------------------------------------------------- until it is known

/// The open transaction won't be committed; readers needn't wait until it times out.
static void give_back(ksink *self)
{
    sl_error ignored = SL_ERROR_INIT; // the opening of the next producer does the same
    (void)!sli_kafka_gate.abort(self->producer, sli_env_mono_us(self->env) + KSINK_ASK_US,
                                &ignored);
    sli_ksink_drop_producer(self);
}

/// Twice the time at the next try, since a large group may need it.
static void be_patient(ksink *self)
{
    int64_t twice = 2 * self->patience_us;
    self->patience_us = twice < self->transaction_us ? twice : self->transaction_us;
}

/// What becomes of the producer after a transaction, and whether the group may be sent again.
static bool may_go_on(sending *s, sl_code rc, sli_kafka_outcome outcome)
{
    ksink *self = s->self;
    bool timed_out = rc == SL_E_TIMEOUT || (rc == SL_OK && outcome == SLI_KAFKA_UNKNOWN);
    if (timed_out) {
        be_patient(self);
    }
    if (rc == SL_OK && outcome == SLI_KAFKA_ABORTED) {
        return true;
    }
    if (timed_out || rc == SL_E_SUPERSEDED) {
        sli_ksink_drop_producer(self);
    } else {
        give_back(self);
    }
    bool find_row = s->is_refused && self->once && !s->singly && !s->all_sent;
    s->singly = s->singly || find_row;
    bool see_all = s->is_refused && s->passed >= 0; // it may be one that was sent ahead
    return rc == SL_OK || rc == SL_E_SUPERSEDED || find_row || see_all;
}

static bool is_visible(ksink *self, sl_code rc, sli_kafka_outcome outcome)
{
    if (rc == SL_OK && outcome == SLI_KAFKA_UNKNOWN &&
        sli_env_bug(self->env, "unknown-believed-committed")) {
        sli_ksink_drop_producer(self);
        return true;
    }
    return rc == SL_OK && outcome == SLI_KAFKA_COMMITTED;
}

static sl_code try_group(sending *s, int64_t group, sli_outbox *outbox, bool *done, sl_error *err)
{
    ksink *self = s->self;
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    SL_TRY(self->producer == NULL ? sli_ksink_begin(self, err) : SL_OK);
    *done = self->once && self->marked >= group;
    if (*done) {
        return SL_OK;
    }
    *s = (sending){.self = self, .epoch = -1, .singly = s->singly};
    sl_code rc = run_transaction(s, group, outbox, &outcome, err);
    *done = is_visible(self, rc, outcome);
    if (*done) {
        self->marked = group;
        self->patience_us = sli_ksink_first_patience_us(self);
        return SL_OK;
    }
    if (may_go_on(s, rc, outcome)) {
        return SL_OK;
    }
    return s->is_refused && s->largest_bytes > 0 && !s->singly ? tell_largest(s, rc, err) : rc;
}

sl_code sli_ksink_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                         sl_error *err)
{
    ksink *self = (ksink *)sink;
    sending s = {.self = self};
    (void)receipt;
    if (self->ahead.group == group && self->ahead.late.code != SL_OK) {
        sl_code rc = self->ahead.late.code;
        if (err != NULL) {
            *err = self->ahead.late;
        }
        self->ahead.late = SL_ERROR_INIT;
        return rc;
    }
    for (int32_t i = 0; i < KSINK_TRIES; i++) {
        bool done = false;
        sl_code rc = try_group(&s, group, outbox, &done, err);
        if (rc == SL_E_DATA && err != NULL) {
            (void)sl_error_act(err, SL_ACT_STOP_JOB); // it would be refused again
        }
        if (rc != SL_OK || done) {
            return rc;
        }
    }
    return sl_error_set(err, SL_E_TIMEOUT,
                        "%s: the cluster has not kept the transaction of group %" PRId64
                        ", %d times",
                        self->topic, group, KSINK_TRIES);
}

// ---------------------------------------------------------------- ahead of the commit

static sl_code send_ahead(ksink *self, int64_t group, sli_outbox *rows, bool whole, sl_error *err)
{
    ksink_ahead *ahead = &self->ahead;
    SL_TRY(self->producer == NULL ? sli_ksink_begin(self, err) : SL_OK);
    sending s = {.self = self, .epoch = ahead->epoch, .passed = -1};
    s.deadline_us = sli_env_mono_us(self->env) + self->patience_us;
    SL_TRY(rows->each(rows, send_batch, &s, err));
    ahead->epoch = s.epoch;
    SL_TRY(whole ? sli_ksink_mark(self, group, s.deadline_us, err) : SL_OK);
    ahead->marked = whole;
    return SL_OK;
}

/// What goes wrong is the commit's to tell: that a cluster does not answer at once, since it would
/// only wait as long again; all else when it meets it, too.
void sli_ksink_ahead(sli_sink *sink, int64_t group, sli_outbox *rows, bool whole)
{
    ksink *self = (ksink *)sink;
    sl_error error = SL_ERROR_INIT;
    if (!self->once || (self->ahead.group == group && self->ahead.failed)) {
        return;
    }
    if (self->ahead.group != group) {
        self->ahead = (ksink_ahead){.group = group, .epoch = -1};
    }
    sl_code rc = send_ahead(self, group, rows, whole, &error);
    if (rc == SL_OK) {
        return;
    }
    self->ahead.failed = !sli_env_bug(self->env, "ahead-believed-when-lost");
    if (rc == SL_E_TIMEOUT) {
        self->ahead.late = error;
        be_patient(self);
    }
    if (rc == SL_E_TIMEOUT || rc == SL_E_SUPERSEDED) {
        sli_ksink_drop_producer(self);
    } else {
        give_back(self);
    }
}

/// Readers needn't wait until what is open times out.
void sli_ksink_abort(sli_sink *sink)
{
    ksink *self = (ksink *)sink;
    sl_error ignored = SL_ERROR_INIT;
    if (self->ahead.group > 0 && !self->ahead.failed) {
        int64_t deadline_us = sli_env_mono_us(self->env) + KSINK_LEAVE_US;
        (void)!sli_kafka_gate.abort(self->producer, deadline_us, &ignored);
    }
    self->ahead = (ksink_ahead){0};
}
