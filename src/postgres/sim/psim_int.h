/// psim_int.h — the simulated server's parts: tables, marks, transactions, sessions.
///
/// Everything runs on the world's one host thread, so nothing is locked. What becomes of a
/// transaction whose client is gone is decided at a time (`due_us`) that whoever looks finds over.
#pragma once

#include "base/hash.h"
#include "base/str.h"
#include "postgres/sim/server.h"

// ---------------------------------------------------------------- tables (table.c)

typedef struct psim_column {
    char *name, *type;
    bool nullable, is_key;
} psim_column;

typedef struct psim_table {
    struct psim_table *next;
    char *name;
    psim_column *columns;
    int32_t n_columns;
    char **rows; ///< lines of COPY's text format
    int64_t n_rows, capacity;
} psim_table;

psim_table *psim_table_find(const sli_pg_server *server, const char *name); ///< NULL: none
sl_code psim_table_make(sli_pg_server *server, const sli_pg_target *target, sl_error *err);
void psim_tables_free(sli_pg_server *server);
/// Whether the table has the target's columns, in any order. Fails: SL_E_NOT_FOUND.
sl_code psim_table_fits(const psim_table *table, const sli_pg_target *target, sl_error *err);
/// Whether lines in the order of the table's columns may be rows of it. Fails: SL_E_DATA with the
/// number of the line. `deletes`: each has one more cell, "t" or "f".
sl_code psim_rows_check(const psim_table *table, sl_text lines, bool deletes, sl_error *err);
/// Adds lines, or puts them in the place of those of equal key, or deletes those. Stops the program
/// without memory: a commit can't fail any more.
void psim_rows_put(psim_table *table, sl_text lines, bool upsert, bool deletes);
void psim_rows_csv(const psim_table *table, sli_str *out);
sl_code psim_columns_tell(const psim_table *table, sli_pg_column_fn each, void *ctx, sl_error *err);

// ---------------------------------------------------------------- transactions (transaction.c)

typedef struct psim_mark {
    struct psim_mark *next;
    char *job, *uid;
    sli_pg_mark at;
} psim_mark;

/// Rows of a COPY that has ended.
typedef struct psim_write {
    struct psim_write *next;
    psim_table *table;
    sli_str lines;
    bool upsert, deletes;
} psim_write;

typedef struct psim_txn {
    struct psim_txn *next;
    char *session;    ///< whose
    psim_mark *owned; ///< the locked mark
    bool has_mark;
    sli_pg_mark mark; ///< that it will set
    psim_write *writes, **writes_end;
    int64_t due_us; ///< SLI_FOREVER: its session is there; else when the server ends it
    bool commits;   ///< what happens then
} psim_txn;

psim_mark *psim_mark_of(sli_pg_server *server,
                        const sli_pg_owner *owner); ///< made; NULL: no memory
const psim_mark *psim_mark_find(const sli_pg_server *server, const char *job, const char *uid);
psim_txn *psim_txn_begin(sli_pg_server *server, const char *session, psim_mark *mark);
bool psim_is_locked(const sli_pg_server *server, const psim_mark *mark);
void psim_txn_end(sli_pg_server *server, SL_TAKES psim_txn *txn, bool commit);
/// Its session is gone: it ends some time within `at_most_us`.
void psim_txn_leave(sli_pg_server *server, psim_txn *txn, bool commits, int64_t at_most_us);
void psim_txns_tick(sli_pg_server *server);   ///< ends those that are due
void psim_txns_settle(sli_pg_server *server); ///< all that were left end now
/// Those of this session's name end, but for `mine`.
void psim_txns_end_of(sli_pg_server *server, const char *session, const psim_txn *mine);

// ---------------------------------------------------------------- the server

struct sli_pg_server {
    sli_module module; ///< first: how a process finds the server
    sli_world *world;
    sli_rng rng;
    psim_table *tables;
    psim_mark *marks;
    psim_txn *txns;
    struct sli_pg *sessions;
    const char *password;
    int64_t away_until_us, n_requests, lose_at;
    bool lose_done, has_marks;
    sl_code refusal; ///< of the next COPY; SL_OK: none
};

/// The connection is lost.
void psim_session_break(struct sli_pg *session);
