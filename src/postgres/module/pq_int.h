/// pq_int.h — what the files of the module postgres_pq share: connections, statements, texts of
/// SQL, failures.
///
/// Nothing of libsluice is called from here (env/module.h).
#pragma once

#include <libpq-fe.h>
#include <stdio.h>

#include "env/module.h"
#include "postgres/postgres.h"

struct sli_pg {
    PGconn *conn;
    sl_env *env;
    int64_t (*mono_us)(sl_env *env);
    const _Atomic int64_t *end_us; ///< sli_pg_conf
    char session[64];
    bool has_failed; ///< nothing but close is allowed
    bool upserts;    ///< the COPY that is under way
    char *merge;     ///< what follows it then
};

// ---------------------------------------------------------------- failures (postgres_pq.c)

/// Fills *err: "postgres: WHAT". Returns the code.
sl_code pq_fail(sl_error *err, sl_code code, const char *what);
/// The class of a SQLSTATE of five letters; NULL or another length: the connection was lost.
sl_code pq_code_of(const char *state);
/// Of a result that is no success; the connection's own failure when it is NULL.
sl_code pq_fail_of(sli_pg *self, const PGresult *result, sl_error *err);

// ---------------------------------------------------------------- texts of SQL (pq_sql.c)

/// A text in the making; NULL `file`: no memory.
typedef struct pq_sql {
    FILE *file;
    char *text; ///< ended by a zero once it is closed
    size_t size;
} pq_sql;

void pq_sql_open(pq_sql *sql);
/// The finished text, the caller's to free; NULL without memory.
char *pq_sql_close(pq_sql *sql);
void pq_sql_text(pq_sql *sql, const char *text);
void pq_sql_name(pq_sql *sql, const char *name);                       ///< in double quotes
void pq_sql_table(pq_sql *sql, const char *schema, const char *table); ///< SCHEMA NULL: none
enum { PQ_ALL = 0, PQ_KEYS = 1, PQ_OTHERS = 2 };
/// Names of the target's fields, separated by commas: all, the key's or the others.
void pq_sql_fields(pq_sql *sql, const sli_pg_target *target, int which);
/// " ON CONFLICT (...) DO ..."; nothing unless it is an upsert.
void pq_sql_conflict(pq_sql *sql, const sli_pg_target *target);

// ---------------------------------------------------------------- statements (pq_run.c)

/// Waits for one of the events of poll(2). Fails: SL_E_TIMEOUT.
sl_code pq_poll(const sli_pg *self, short events, int64_t deadline_us, sl_error *err);
/// Waits until the connection can be read, or with `write` also written. Fails: SL_E_TIMEOUT; then
/// the connection has failed.
sl_code pq_wait(sli_pg *self, bool write, int64_t deadline_us, sl_error *err);
/// Sends what waits in the client.
sl_code pq_flush(sli_pg *self, int64_t deadline_us, sl_error *err);
/// The next result; NULL in *out: there is none left.
sl_code pq_next(sli_pg *self, int64_t deadline_us, PGresult **out, sl_error *err);
/// Reads the results that are left, and drops them. Fails: as the first that failed.
sl_code pq_drain(sli_pg *self, int64_t deadline_us, sl_error *err);
/// Runs one statement with text parameters; takes `sql`, which may be NULL (no memory). *out
/// (or NULL) is the caller's to clear.
sl_code pq_run(sli_pg *self, SL_TAKES char *sql, const char *const *params, int n_params,
               int64_t deadline_us, PGresult **out, sl_error *err);
/// The same for a text that stays, without parameters and results.
sl_code pq_do(sli_pg *self, const char *sql, int64_t deadline_us, sl_error *err);
/// As pq_do, but a refusal is only told by *done, and the connection goes on. Not in a
/// transaction.
sl_code pq_try(sli_pg *self, SL_TAKES char *sql, int64_t deadline_us, bool *done, sl_error *err);
sl_code pq_nomem(sl_error *err);
/// Nothing is asked of a connection that has failed.
sl_code pq_ready(const sli_pg *self, sl_error *err);

// ---------------------------------------------------------------- the table's parts

sl_code pq_open(sli_pg **out, const sli_pg_conf *conf, int64_t deadline_us, sl_error *err);
void pq_close(sli_pg *self);
sl_code pq_columns(sli_pg *self, const sli_pg_what *what, int64_t deadline_us,
                   sli_pg_column_fn each, void *ctx, sl_error *err);
sl_code pq_prepare(sli_pg *self, const sli_pg_target *target, int64_t deadline_us, sl_error *err);
sl_code pq_make_marks(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sl_error *err);
sl_code pq_end_others(sli_pg *self, int64_t deadline_us, sl_error *err);
sl_code pq_begin(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sli_pg_mark *out,
                 sl_error *err);
sl_code pq_marked(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sli_pg_mark *out,
                  sl_error *err);
sl_code pq_copy(sli_pg *self, const sli_pg_target *target, int64_t deadline_us, sl_error *err);
sl_code pq_put(sli_pg *self, const char *data, size_t size, int64_t deadline_us, sl_error *err);
sl_code pq_copied(sli_pg *self, int64_t deadline_us, sl_error *err);
sl_code pq_mark(sli_pg *self, const sli_pg_owner *owner, const sli_pg_mark *mark,
                int64_t deadline_us, sl_error *err);
sl_code pq_commit(sli_pg *self, int64_t deadline_us, sli_pg_outcome *outcome, sl_error *err);
sl_code pq_read(sli_pg *self, const sli_pg_what *what, int64_t silence_us, sli_pg_bytes_fn each,
                void *ctx, sl_error *err);
