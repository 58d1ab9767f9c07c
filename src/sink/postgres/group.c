// group.c — the life of a commit: a group's rows and its mark are one transaction.
//
//     no connection ─► open ─► begin: the mark is locked ─┬─ group is there ─► done
//                                                         └─ COPY ─► mark ─► COMMIT ─┬─ done
//                          lost answer: the mark is looked at again, once its lock is had ◄┘
//
// What can't be done now is SL_E_TIMEOUT or SL_E_BUSY with "try again": the engine waits and calls
// again, and the outbox is still there. After whatever went wrong the connection is given up, and
// with it its transaction.
#include "sink/postgres/psink_int.h"

#include <inttypes.h>

enum {
    PUT_BYTES = 256 << 10, ///< sent at once
    ROWS_A_TURN = 1024,    ///< made before that is looked at
};

/// Rows of the outbox, on their way.
typedef struct sending {
    psink *self;
    sli_str bytes;
} sending;

static sl_code send_bytes(sending *s, sl_error *err)
{
    psink *self = s->self;
    SL_TRY(sli_str_check(&s->bytes, "rows for COPY", err));
    if (s->bytes.size == 0) {
        return SL_OK;
    }
    SL_TRY(sli_pg_gate.put(self->pg, s->bytes.data, s->bytes.size, sli_psink_deadline(self), err));
    sli_str_clear(&s->bytes);
    return SL_OK;
}

static sl_code send_batch(void *ctx, int64_t epoch, int64_t batch_time_us, const sl_batch *batch,
                          sl_error *err)
{
    sending *s = ctx;
    int64_t n = batch == NULL ? 0 : sl_batch_rows(batch);
    (void)epoch;
    (void)batch_time_us;
    for (int64_t at = 0; at < n; at += ROWS_A_TURN) {
        int64_t to = at + ROWS_A_TURN < n ? at + ROWS_A_TURN : n;
        sli_psink_rows_put(&s->self->columns, batch, at, to, &s->bytes);
        SL_TRY(s->bytes.size < PUT_BYTES ? SL_OK : send_bytes(s, err));
    }
    return SL_OK;
}

static sl_code send_rows(psink *self, sli_outbox *outbox, sl_error *err)
{
    sending s = {.self = self, .bytes = {.tag = SLI_TAG_SINK}};
    SL_TRY(sli_pg_gate.copy(self->pg, &self->target, sli_psink_deadline(self), err));
    sl_code rc = outbox->each(outbox, send_batch, &s, err);
    rc = rc == SL_OK ? send_bytes(&s, err) : rc;
    sli_str_reset(&s.bytes);
    return rc == SL_OK ? sli_pg_gate.copied(self->pg, sli_psink_deadline(self), err) : rc;
}

static sl_code end_before_mark(psink *self, sl_error *err)
{
    sli_pg_outcome outcome = SLI_PG_UNKNOWN;
    sli_pg_mark mark;
    if (!sli_env_bug(self->env, "mark-not-in-transaction")) {
        return SL_OK;
    }
    SL_TRY(sli_pg_gate.commit(self->pg, sli_psink_deadline(self), &outcome, err));
    return sli_psink_begin(self, &mark, err);
}

static sl_code run_transaction(psink *self, int64_t group, sli_outbox *outbox,
                               sli_pg_outcome *outcome, sl_error *err)
{
    bool wrong = sli_env_bug(self->env, "mark-of-wrong-group");
    sli_pg_mark mark = {wrong ? group - 1 : group, self->generation};
    SL_TRY(send_rows(self, outbox, err));
    SL_TRY(end_before_mark(self, err));
    SL_TRY(sli_pg_gate.mark(self->pg, &self->owner, &mark, sli_psink_deadline(self), err));
    return sli_pg_gate.commit(self->pg, sli_psink_deadline(self), outcome, err);
}

static sl_code try_group(psink *self, int64_t group, sli_outbox *outbox, sli_pg_outcome *outcome,
                         sl_error *err)
{
    sli_pg_mark mark = {0};
    SL_TRY(sli_psink_connect(self, err));
    SL_TRY(sli_psink_begin(self, &mark, err));
    if (mark.generation == 0) {
        return sl_error_set(err, SL_E_NOT_FOUND,
                            "%s: the mark of this output (job %s, uid %s) is gone from "
                            "sluice_marks: somebody has removed it while the job ran",
                            self->name, self->owner.job, self->owner.uid);
    }
    return mark.group >= group // the transaction has nothing in it
               ? sli_pg_gate.commit(self->pg, sli_psink_deadline(self), outcome, err)
               : run_transaction(self, group, outbox, outcome, err);
}

/// One try at the group. *done: it is visible.
static sl_code try_once(psink *self, int64_t group, sli_outbox *outbox, bool *done, sl_error *err)
{
    sli_pg_outcome outcome = SLI_PG_UNKNOWN;
    SL_TRY(try_group(self, group, outbox, &outcome, err));
    *done = outcome == SLI_PG_COMMITTED || sli_env_bug(self->env, "unknown-believed-committed");
    return outcome == SLI_PG_COMMITTED
               ? SL_OK
               : sl_error_set(err, SL_E_TIMEOUT,
                              "%s: the server has not answered the commit of group %" PRId64,
                              self->name, group);
}

sl_code sli_psink_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                         sl_error *err)
{
    psink *self = (psink *)sink;
    sl_code rc = SL_E_TIMEOUT;
    bool done = false, again = true;
    (void)receipt;
    for (int32_t i = 0; again && i < PSINK_TRIES; i++) {
        rc = try_once(self, group, outbox, &done, err);
        again = rc != SL_OK && sli_psink_may_go_on(self, rc) && !done;
    }
    if (rc == SL_E_DATA && err != NULL) {
        (void)sl_error_act(err, SL_ACT_STOP_JOB); // it would be refused again
    }
    return done ? SL_OK : rc;
}
