/// psink_int.h — what the files of sink/postgres share: the sink, its columns, its rows.
#pragma once

#include "postgres/postgres.h"
#include "sink/sink_int.h"

// ---------------------------------------------------------------- columns (columns.c)

/// A column of the rows and the one of the table that it goes into.
typedef struct psink_column {
    const sl_field *field;
    int64_t low, high; ///< of integers: what the table's column holds
    int32_t most;      ///< of texts: characters; -1: no bound
    bool found;        ///< the table has it
} psink_column;

typedef struct psink_columns {
    const sl_schema *schema;
    psink_column *items;
    sli_pg_field *fields; ///< the same, for the contract
    int32_t n;
    int32_t mark;    ///< the column behind them that says which rows go; -1: none does
    bool may_refuse; ///< whether a row may be refused for what is in it
} psink_columns;

/// Fails: SL_E_INVALID for a type that PostgreSQL has no place for, or a key that may be null;
/// SL_E_CONFIG for a key that names no column. `key` NULL: none. All is in the arena.
sl_code sli_psink_columns_new(psink_columns *out, const sl_schema *schema, const char *key,
                              sl_arena *arena, sl_error *err);
/// Compares with the table that is there, if one is. Fails: SL_E_INVALID, naming the column and
/// what to do; what `columns` of the contract says.
sl_code sli_psink_columns_fit(psink_columns *self, sli_pg *pg, const sli_pg_target *target,
                              int64_t deadline_us, sl_error *err);
/// Entry of sli_sink_ops (check.c).
sl_code sli_psink_check(const sli_sink *sink, const sl_batch *rows, sl_error *err);
/// Whether the table can take the rows. Fails: SL_E_DATA, naming row and column.
sl_code sli_psink_columns_check(const psink_columns *self, const sl_batch *rows, sl_error *err);

/// Appends rows from..to as COPY's text format has them (rows.c).
void sli_psink_rows_put(const psink_columns *self, const sl_batch *batch, int64_t from, int64_t to,
                        sli_str *out);

// ---------------------------------------------------------------- the sink

enum { PSINK_TRIES = 4 }; ///< in one call, of what a lost connection has broken off

typedef struct psink {
    sli_sink base;
    sl_env *env;
    sl_arena *arena;  ///< the texts below, and the columns
    const char *name; ///< "SCHEMA.TABLE", for messages
    const char *session;
    int64_t generation, timeout_us;
    const _Atomic int64_t *end_us; ///< sli_sink_env
    sli_pg_owner owner;
    sli_pg_target target;
    psink_columns columns;
    sli_pg_settings *settings;
    const sli_pg_ops *client; ///< behind the gate
    sli_pg *pg;               ///< NULL: to be opened
} psink;

int64_t sli_psink_deadline(const psink *self); ///< of one request
/// Opens a connection, unless there is one.
sl_code sli_psink_connect(psink *self, sl_error *err);
void sli_psink_hang_up(psink *self);
/// After a failure: gives the connection up, and tells whether another one may do better at once:
/// not when the server could not be reached, which is for the engine to wait for.
bool sli_psink_may_go_on(psink *self, sl_code rc);
/// Begins a transaction that has the mark locked, whoever had it. Fails: SL_E_SUPERSEDED;
/// SL_E_TIMEOUT.
sl_code sli_psink_begin(psink *self, sli_pg_mark *mark, sl_error *err);
/// Entry of sli_sink_ops (group.c).
sl_code sli_psink_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                         sl_error *err);
