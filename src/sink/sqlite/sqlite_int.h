/// sqlite_int.h — what the files of the SQLite sink share: the connection (db.c), the tables
/// (table.c), SQLite's files in simulation (vfs.c).
#pragma once

#include <sqlite3.h>

#include "sink/sink_int.h"

/// SQLite over the files of an env, registered under a name of its own. One connection at a time.
typedef struct sli_sqlite_vfs sli_sqlite_vfs;
sl_code sli_sqlite_vfs_new(sli_sqlite_vfs **out, sl_env *env, sl_error *err);
void sli_sqlite_vfs_free(SL_TAKES sli_sqlite_vfs *vfs); ///< accepts NULL; connections are closed
const char *sli_sqlite_vfs_name(const sli_sqlite_vfs *vfs);
/// The first failure of env since the last call; SL_OK when there was none. SQLite's own
/// codes say less.
sl_code sli_sqlite_vfs_failure(sli_sqlite_vfs *vfs, sl_error *err);

/// A connection.
typedef struct sli_db {
    sqlite3 *handle;
    sli_sqlite_vfs *vfs; ///< NULL in the real world, where SQLite's own files are used
} sli_db;

typedef struct sli_db_conf {
    sl_env *env;
    const char *path;
    int32_t busy_ms;
    bool wal;
} sli_db_conf;

/// Opens or makes the file; its directory must exist. After a failure there is nothing to close.
sl_code sli_db_open(sli_db *db, const sli_db_conf *conf, sl_error *err);
void sli_db_close(sli_db *db); ///< rolls back what is not committed; a zero one is fine
/// Runs statements without results.
sl_code sli_db_run(sli_db *db, const char *sql, sl_error *err);
sl_code sli_db_prepare(sli_db *db, const char *sql, sqlite3_stmt **out, sl_error *err);
/// One step: *row tells whether there is a row.
sl_code sli_db_step(sli_db *db, sqlite3_stmt *statement, bool *row, sl_error *err);
/// Begins, and gets the write lock at once.
sl_code sli_db_begin(sli_db *db, sl_error *err);
sl_code sli_db_commit(sli_db *db, sl_error *err);
void sli_db_roll_back(sli_db *db); ///< a no-op outside a transaction
/// What SQLite's result code means here.
sl_code sli_db_failed(sli_db *db, int rc, sl_error *err);

// ---------------------------------------------------------------- the user's table

typedef enum sli_mode { SLI_APPEND_ROWS = 0, SLI_UPSERT = 1, SLI_REPLACE_ROWS = 2 } sli_mode;

typedef struct sli_table {
    const char *name;
    sl_schema *schema; ///< of its columns; one reference
    sli_mode mode;
    const char *key; ///< columns, separated by commas; NULL but with SLI_UPSERT
    int32_t mark;    ///< the column behind them that says which rows go; -1: none does
} sli_table;

/// The schema can be stored, the key's columns are there and can't be null. Fails: SL_E_INVALID,
/// SL_E_CONFIG.
sl_code sli_table_check(const sli_table *table, sl_error *err);
/// Whether an existing table can take the rows; SL_OK when there is none. Fails: SL_E_INVALID,
/// naming the column.
sl_code sli_table_fits(const sli_table *table, sli_db *db, sl_error *err);
/// CREATE TABLE IF NOT EXISTS.
sl_code sli_table_make(const sli_table *table, sli_db *db, sl_error *err);
sl_code sli_table_insert(const sli_table *table, sli_db *db, sqlite3_stmt **out, sl_error *err);
sl_code sli_table_delete(const sli_table *table, sli_db *db, sl_error *err); ///< all its rows
/// The statement that deletes the row of one key.
sl_code sli_table_delete_key(const sli_table *table, sli_db *db, sqlite3_stmt **out, sl_error *err);
/// Binds the key of a row to it; as sli_table_bind.
sl_code sli_table_bind_key(const sli_table *table, sli_db *db, sqlite3_stmt *statement,
                           const sl_batch *batch, int64_t row, sli_str *scratch, sl_error *err);
/// Binds one row to an insert. `scratch` holds texts until the next call.
sl_code sli_table_bind(const sli_table *table, sli_db *db, sqlite3_stmt *insert,
                       const sl_batch *batch, int64_t row, sli_str *scratch, sl_error *err);
