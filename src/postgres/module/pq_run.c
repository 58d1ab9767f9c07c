// pq_run.c — statements and their results, with a deadline at every wait.
//
// libpq works without blocking here. Who gives up a statement closes the connection: the server
// looks for that now and then (client_connection_check_interval, pq_connect.c) and undoes it. A
// cancel request would be one more connection, which blocks, to a server that may not answer.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/module/pq_int.h"

sl_code pq_ready(const sli_pg *self, sl_error *err)
{
    return self->has_failed
               ? pq_fail(err, SL_E_STATE, "nothing can be asked of a connection that has failed")
               : SL_OK;
}

/// Until the deadline, or the end of all waits, which may come nearer.
static int64_t left_ms(const sli_pg *self, int64_t deadline_us)
{
    // Relaxed: the time alone is told.
    int64_t end_us = self->end_us == NULL
                         ? SLI_FOREVER
                         : atomic_load_explicit(self->end_us, memory_order_relaxed);
    int64_t until_us = end_us < deadline_us ? end_us : deadline_us;
    int64_t now_us = self->mono_us(self->env);
    int64_t left_us = until_us <= now_us ? 0 : until_us - now_us; // INT64_MIN has no distance
    return left_us / 1000 + (left_us % 1000 != 0);
}

sl_code pq_poll(const sli_pg *self, short events, int64_t deadline_us, sl_error *err)
{
    enum { LOOK_MS = 250 };
    struct pollfd fd = {.fd = PQsocket(self->conn), .events = events};
    int64_t left;
    int ready;
    do {
        left = left_ms(self, deadline_us);
        ready = poll(&fd, 1, left < LOOK_MS ? (int)left : LOOK_MS);
    } while ((ready < 0 && errno == EINTR) || (ready == 0 && left > LOOK_MS));
    return ready > 0 ? SL_OK
                     : pq_fail(err, SL_E_TIMEOUT,
                               ready == 0 ? "the server does not answer" : strerror(errno));
}

sl_code pq_wait(sli_pg *self, bool write, int64_t deadline_us, sl_error *err)
{
    sl_code rc = pq_poll(self, (short)(POLLIN | (write ? POLLOUT : 0)), deadline_us, err);
    self->has_failed = self->has_failed || rc != SL_OK;
    return rc;
}

sl_code pq_flush(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    int left = PQflush(self->conn);
    while (left > 0) {
        sl_code rc = pq_wait(self, true, deadline_us, err);
        if (rc != SL_OK) {
            return rc;
        }
        if (PQconsumeInput(self->conn) == 0) { // it may be a notice that keeps the server from us
            return pq_fail_of(self, NULL, err);
        }
        left = PQflush(self->conn);
    }
    return left == 0 ? SL_OK : pq_fail_of(self, NULL, err);
}

sl_code pq_next(sli_pg *self, int64_t deadline_us, PGresult **out, sl_error *err)
{
    SL_TRY(pq_flush(self, deadline_us, err));
    while (PQisBusy(self->conn)) {
        SL_TRY(pq_wait(self, false, deadline_us, err));
        if (PQconsumeInput(self->conn) == 0) {
            return pq_fail_of(self, NULL, err);
        }
    }
    *out = PQgetResult(self->conn);
    return SL_OK;
}

static bool is_fine(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN ||
           status == PGRES_COPY_OUT;
}

/// The last result; a COPY's begins a state of its own, so nothing is read behind it.
static sl_code last_result(sli_pg *self, int64_t deadline_us, PGresult **out, sl_error *err)
{
    PGresult *last = NULL, *next = NULL;
    for (;;) {
        sl_code rc = pq_next(self, deadline_us, &next, err);
        if (rc != SL_OK) {
            PQclear(last);
            return rc;
        }
        if (next == NULL) {
            break;
        }
        if (last == NULL || is_fine(last)) {
            PQclear(last);
            last = next;
        } else {
            PQclear(next); // the first failure counts
        }
        ExecStatusType status = PQresultStatus(last);
        if (status == PGRES_COPY_IN || status == PGRES_COPY_OUT) {
            break;
        }
    }
    *out = last;
    return last == NULL ? pq_fail_of(self, NULL, err) : SL_OK;
}

sl_code pq_drain(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    PGresult *result = NULL;
    SL_TRY(last_result(self, deadline_us, &result, err));
    sl_code rc = is_fine(result) ? SL_OK : pq_fail_of(self, result, err);
    PQclear(result);
    return rc;
}

static sl_code send(sli_pg *self, const char *sql, const char *const *params, int n_params,
                    sl_error *err)
{
    // Without parameters several statements may stand in one text.
    int sent = n_params == 0
                   ? PQsendQuery(self->conn, sql)
                   : PQsendQueryParams(self->conn, sql, n_params, NULL, params, NULL, NULL, 0);
    return sent == 1 ? SL_OK : pq_fail_of(self, NULL, err);
}

sl_code pq_run(sli_pg *self, char *sql, const char *const *params, int n_params,
               int64_t deadline_us, PGresult **out, sl_error *err)
{
    PGresult *result = NULL;
    if (sql == NULL) {
        return pq_nomem(err);
    }
    sl_code rc = send(self, sql, params, n_params, err);
    free(sql);
    SL_TRY(rc);
    SL_TRY(last_result(self, deadline_us, &result, err));
    rc = is_fine(result) ? SL_OK : pq_fail_of(self, result, err);
    if (rc == SL_OK && out != NULL) {
        *out = result;
        return SL_OK;
    }
    PQclear(result);
    return rc;
}

sl_code pq_do(sli_pg *self, const char *sql, int64_t deadline_us, sl_error *err)
{
    return pq_run(self, strdup(sql), NULL, 0, deadline_us, NULL, err);
}

sl_code pq_try(sli_pg *self, char *sql, int64_t deadline_us, bool *done, sl_error *err)
{
    sl_code rc = pq_run(self, sql, NULL, 0, deadline_us, NULL, err);
    *done = rc == SL_OK;
    if (rc == SL_OK || PQstatus(self->conn) != CONNECTION_OK || rc == SL_E_TIMEOUT ||
        rc == SL_E_NOMEM) {
        return rc;
    }
    self->has_failed = false;
    return SL_OK;
}
