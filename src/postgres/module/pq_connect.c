// pq_connect.c — connections: made without blocking but for the look-up of a name, and set up so
// that what is written and read does not depend on the server's or the user's settings.
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/module/pq_int.h"

enum { MAX_PARAMETERS = 72 };

static void say_nothing(void *ctx, const char *text)
{
    (void)ctx;
    (void)text; // notices are for people at a prompt
}

// ---------------------------------------------------------------- why it was refused

/// In verbose texts a SQLSTATE stands behind the severity: "FATAL:  28P01: ...". The interface has
/// no other way to tell it of a connection that was refused.
static bool find_state(const char *text, char state[6])
{
    static const char letters[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
        if (strspn(at + 3, letters) == 5 && at[8] == ':') {
            memcpy(state, at + 3, 5);
            state[5] = '\0';
            return true;
        }
    }
    return false;
}

/// What OpenSSL says, in no language but English, of a certificate or a version that won't do.
static bool is_about_tls(const char *text)
{
    return strstr(text, "certificate verify failed") != NULL || strstr(text, "alert") != NULL ||
           strstr(text, "does not support SSL") != NULL ||
           strstr(text, "does not match host name") != NULL;
}

/// Without the lines that say where in the server's sources it failed.
static void shorten(const char *text, char *out, size_t size)
{
    size_t n = 0;
    while (*text != '\0') {
        size_t line = strcspn(text, "\n");
        bool skip = strncmp(text, "LOCATION:", 9) == 0;
        for (size_t i = 0; !skip && i < line && n + 3 < size; i++) {
            n += i == 0 && n > 0 ? (size_t)snprintf(out + n, size - n, "; ") : 0;
            out[n] = text[i];
            n++;
        }
        text += line + (text[line] == '\n');
    }
    out[n] = '\0';
}

static sl_code refused(const sli_pg *self, sl_error *err)
{
    char state[6], text[SL_ERROR_TEXT_BYTES];
    const char *why = PQerrorMessage(self->conn);
    bool said = find_state(why, state);
    sl_code code = said                                    ? pq_code_of(state)
                   : PQconnectionNeedsPassword(self->conn) ? SL_E_CONFIG
                   : is_about_tls(why)                     ? SL_E_CONFIG
                                                           : SL_E_TIMEOUT;
    shorten(why, text, sizeof text);
    return pq_fail(err, code, text);
}

// ---------------------------------------------------------------- opening

static sl_code connect_to(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    PostgresPollingStatusType state = PGRES_POLLING_WRITING;
    (void)PQsetErrorVerbosity(self->conn, PQERRORS_VERBOSE);
    while (PQstatus(self->conn) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
           state != PGRES_POLLING_FAILED) {
        short wanted = state == PGRES_POLLING_READING ? POLLIN : POLLOUT;
        SL_TRY(pq_poll(self, wanted, deadline_us, err));
        state = PQconnectPoll(self->conn);
    }
    if (state != PGRES_POLLING_OK) {
        return refused(self, err);
    }
    (void)PQsetErrorVerbosity(self->conn, PQERRORS_DEFAULT);
    (void)PQsetNoticeProcessor(self->conn, say_nothing, NULL);
    return PQsetnonblocking(self->conn, 1) == 0 ? SL_OK : pq_fail_of(self, NULL, err);
}

/// A commit is on disk when it is answered, whatever the database says; texts of dates, times and
/// bytes are as Sluice reads them.
static sl_code set_up(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    bool done = false;
    SL_TRY(pq_do(self,
                 "SELECT set_config('synchronous_commit', 'on', false) WHERE "
                 "current_setting('synchronous_commit') = 'off';"
                 "SET datestyle TO 'ISO, YMD'; SET timezone TO 'UTC'; SET bytea_output TO 'hex'; "
                 "SET extra_float_digits TO 3",
                 deadline_us, err));
    // From version 14 on, and not on every system; without it a statement that was given up runs
    // on.
    return pq_try(self, strdup("SET client_connection_check_interval TO '2s'"), deadline_us, &done,
                  err);
}

static PGconn *start(const sli_pg_conf *conf)
{
    const char *names[MAX_PARAMETERS + 1] = {"application_name", "client_encoding"};
    const char *values[MAX_PARAMETERS + 1] = {conf->session, "UTF8"};
    int n = 2;
    for (int32_t i = 0; i < conf->n_settings && n < MAX_PARAMETERS; i++, n++) {
        names[n] = conf->settings[i].name;
        values[n] = conf->settings[i].value;
    }
    return PQconnectStartParams(names, values, 0);
}

sl_code pq_open(sli_pg **out, const sli_pg_conf *conf, int64_t deadline_us, sl_error *err)
{
    sli_pg *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return pq_nomem(err);
    }
    self->env = conf->env;
    self->mono_us = conf->mono_us;
    self->end_us = conf->end_us;
    (void)snprintf(self->session, sizeof self->session, "%s", conf->session);
    self->conn = start(conf);
    sl_code rc = self->conn == NULL ? pq_nomem(err) : connect_to(self, deadline_us, err);
    rc = rc == SL_OK ? set_up(self, deadline_us, err) : rc;
    if (rc != SL_OK) {
        pq_close(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void pq_close(sli_pg *self)
{
    if (self != NULL) {
        PQfinish(self->conn); // accepts NULL
        free(self->merge);
        free(self);
    }
}
