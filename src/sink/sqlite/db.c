/// db.c — a connection to SQLite: opening, transactions, and what its result codes mean here.
///
/// Durability is `synchronous=EXTRA`. FULL is not enough with a rollback journal: the journal's
/// removal is the commit, and only EXTRA syncs the directory after it, so a power loss could bring
/// the journal back and take a committed group away.
#include "sink/sqlite/sqlite_int.h"

#include "base/arena.h"

/// Whether this is a simulated world, in which SQLite's own files must not be used. The one thing
/// env tells about it is that its loops have no descriptor.
static sl_code is_simulated(sl_env *env, bool *out, sl_error *err)
{
    sli_loop *loop = sli_loop_new(env);
    if (loop == NULL) {
        return sl_error_nomem(err, 0, "a database connection");
    }
    *out = sli_loop_fd(loop) < 0;
    sli_loop_free(loop);
    return SL_OK;
}

static sl_code code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return SL_E_NO_SPACE;
    case SQLITE_NOMEM:
        return SL_E_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SL_E_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SL_E_CORRUPT;
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
    case SQLITE_TOOBIG:
        return SL_E_DATA;
    case SQLITE_ERROR:
        return SL_E_INVALID;
    default:
        return SL_E_IO;
    }
}

sl_code sli_db_failed(sli_db *db, int rc, sl_error *err)
{
    sl_error why = SL_ERROR_INIT;
    sl_code code = code_of(rc);
    sl_code of_env = db->vfs == NULL ? SL_OK : sli_sqlite_vfs_failure(db->vfs, &why);
    if (of_env == SL_OK) {
        (void)sl_error_set(&why, code, "SQLite: %s",
                           db->handle == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(db->handle));
        if (db->handle != NULL) {
            why.sys_errno = sqlite3_system_errno(db->handle);
        }
    } else {
        code = of_env;
    }
    if (code == SL_E_BUSY) {
        (void)sl_error_act(&why, SL_ACT_RETRY_TASK); // somebody writes or reads for long
    }
    if ((rc & 0xff) == SQLITE_IOERR && code != SL_E_NO_SPACE) {
        (void)sl_error_act(&why, SL_ACT_STOP_JOB); // a sync that failed can't be tried again
    }
    if (err != NULL) {
        *err = why;
    }
    return code;
}

sl_code sli_db_run(sli_db *db, const char *sql, sl_error *err)
{
    int rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? SL_OK : sli_db_failed(db, rc, err);
}

sl_code sli_db_prepare(sli_db *db, const char *sql, sqlite3_stmt **out, sl_error *err)
{
    int rc = sqlite3_prepare_v2(db->handle, sql, -1, out, NULL);
    return rc == SQLITE_OK ? SL_OK : sli_db_failed(db, rc, err);
}

sl_code sli_db_step(sli_db *db, sqlite3_stmt *statement, bool *row, sl_error *err)
{
    int rc = sqlite3_step(statement);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        return sli_db_failed(db, rc, err);
    }
    *row = rc == SQLITE_ROW;
    return SL_OK;
}

sl_code sli_db_begin(sli_db *db, sl_error *err)
{
    if (db->vfs != NULL) { // a failure that SQLite could pass over is not the next one's reason
        (void)sli_sqlite_vfs_failure(db->vfs, NULL);
    }
    return sli_db_run(db, "BEGIN IMMEDIATE", err);
}

sl_code sli_db_commit(sli_db *db, sl_error *err)
{
    return sli_db_run(db, "COMMIT", err);
}

void sli_db_roll_back(sli_db *db)
{
    if (sqlite3_get_autocommit(db->handle) == 0) {
        // A roll-back that fails leaves a hot journal, which the next one to open plays back.
        (void)sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    }
    if (db->vfs != NULL) {
        (void)sli_sqlite_vfs_failure(db->vfs, NULL);
    }
}

static sl_code set_up(sli_db *db, const sli_db_conf *conf, sl_error *err)
{
    (void)sqlite3_extended_result_codes(db->handle, 1);
    (void)sqlite3_busy_timeout(db->handle, conf->busy_ms);
    SL_TRY(sli_db_run(db, "PRAGMA temp_store=MEMORY", err));
    SL_TRY(sli_db_run(
        db, conf->wal && db->vfs == NULL ? "PRAGMA journal_mode=WAL" : "PRAGMA journal_mode=DELETE",
        err));
    return sli_db_run(db, "PRAGMA synchronous=EXTRA", err);
}

sl_code sli_db_open(sli_db *db, const sli_db_conf *conf, sl_error *err)
{
    sli_db made = {0};
    bool simulated = false;
    SL_TRY(is_simulated(conf->env, &simulated, err));
    if (simulated) {
        SL_TRY(sli_sqlite_vfs_new(&made.vfs, conf->env, err));
    }
    int rc = sqlite3_open_v2(conf->path, &made.handle,
                             SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                                 SQLITE_OPEN_PRIVATECACHE,
                             simulated ? sli_sqlite_vfs_name(made.vfs) : NULL);
    sl_code code = rc == SQLITE_OK ? set_up(&made, conf, err) : sli_db_failed(&made, rc, err);
    if (code != SL_OK) {
        sli_db_close(&made);
        return sl_error_wrap(err, code, "%s", conf->path);
    }
    *db = made;
    return SL_OK;
}

void sli_db_close(sli_db *db)
{
    (void)sqlite3_close(db->handle); // all statements were finalized: it can't be refused
    sli_sqlite_vfs_free(db->vfs);
    *db = (sli_db){0};
}
