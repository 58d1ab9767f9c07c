// pq_write.c — a transaction: the mark's lock, COPY, the mark, COMMIT.
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "postgres/module/pq_int.h"

// ---------------------------------------------------------------- marks

/// A statement with the table of marks between two texts.
static char *marks_sql(const sli_pg_owner *owner, const char *before, const char *behind)
{
    pq_sql sql;
    pq_sql_open(&sql);
    pq_sql_text(&sql, before);
    pq_sql_table(&sql, owner->schema, "sluice_marks");
    pq_sql_text(&sql, behind);
    return pq_sql_close(&sql);
}

static sl_code find_marks(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, bool *found,
                          sl_error *err)
{
    char *name = marks_sql(owner, "", "");
    const char *params[] = {name};
    PGresult *row = NULL;
    sl_code rc = name == NULL ? pq_nomem(err)
                              : pq_run(self, strdup("SELECT to_regclass($1) IS NOT NULL"), params,
                                       1, deadline_us, &row, err);
    free(name);
    SL_TRY(rc);
    *found = PQgetvalue(row, 0, 0)[0] == 't';
    PQclear(row);
    return SL_OK;
}

/// Asked for first: whoever may not make tables needs no right to when it is there. Another job may
/// make it at the same moment.
sl_code pq_make_marks(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sl_error *err)
{
    static const char columns[] =
        " (job text NOT NULL, uid text NOT NULL, \"group\" bigint NOT NULL, generation bigint NOT "
        "NULL, PRIMARY KEY (job, uid))";
    bool found = false, made = false;
    SL_TRY(pq_ready(self, err));
    SL_TRY(find_marks(self, owner, deadline_us, &found, err));
    if (found) {
        return SL_OK;
    }
    SL_TRY(pq_try(self, marks_sql(owner, "CREATE TABLE ", columns), deadline_us, &made, err));
    SL_TRY(made ? SL_OK : find_marks(self, owner, deadline_us, &found, err));
    if (made || found) {
        return SL_OK;
    }
    self->has_failed = true;
    return err == NULL ? SL_E_CONFIG : err->code; // why it could not be made
}

sl_code pq_end_others(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    const char *params[] = {self->session};
    SL_TRY(pq_ready(self, err));
    return pq_run(self,
                  strdup("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "
                         "application_name = $1 AND datname = current_database() AND usename = "
                         "current_user AND pid <> pg_backend_pid()"),
                  params, 1, deadline_us, NULL, err);
}

static sl_code read_mark(sli_pg *self, const sli_pg_owner *owner, const char *how,
                         int64_t deadline_us, sli_pg_mark *out, bool *found, sl_error *err)
{
    const char *params[] = {owner->job, owner->uid};
    PGresult *row = NULL;
    SL_TRY(pq_run(self, marks_sql(owner, "SELECT \"group\", generation FROM ", how), params, 2,
                  deadline_us, &row, err));
    *found = PQntuples(row) == 1;
    *out = (sli_pg_mark){0};
    if (*found) {
        out->group = strtoll(PQgetvalue(row, 0, 0), NULL, 10);
        out->generation = strtoll(PQgetvalue(row, 0, 1), NULL, 10);
    }
    PQclear(row);
    return SL_OK;
}

sl_code pq_marked(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sli_pg_mark *out,
                  sl_error *err)
{
    bool found = false;
    SL_TRY(pq_ready(self, err));
    return read_mark(self, owner, " WHERE job = $1 AND uid = $2", deadline_us, out, &found, err);
}

static sl_code lock_mark(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us,
                         sli_pg_mark *out, sl_error *err)
{
    static const char how[] = " WHERE job = $1 AND uid = $2 FOR UPDATE";
    const char *params[] = {owner->job, owner->uid};
    bool found = false;
    SL_TRY(read_mark(self, owner, how, deadline_us, out, &found, err));
    if (found) {
        return SL_OK;
    }
    SL_TRY(pq_run(self,
                  marks_sql(owner, "INSERT INTO ",
                            " VALUES ($1, $2, 0, 0) ON CONFLICT (job, uid) DO NOTHING"),
                  params, 2, deadline_us, NULL, err));
    return read_mark(self, owner, how, deadline_us, out, &found, err);
}

sl_code pq_begin(sli_pg *self, const sli_pg_owner *owner, int64_t deadline_us, sli_pg_mark *out,
                 sl_error *err)
{
    SL_TRY(pq_ready(self, err));
    SL_TRY(pq_do(self,
                 "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL lock_timeout TO '1s'",
                 deadline_us, err));
    SL_TRY(lock_mark(self, owner, deadline_us, out, err));
    return pq_do(self, "SET LOCAL lock_timeout TO DEFAULT", deadline_us, err);
}

sl_code pq_mark(sli_pg *self, const sli_pg_owner *owner, const sli_pg_mark *mark,
                int64_t deadline_us, sl_error *err)
{
    char group[24], generation[24];
    const char *params[] = {owner->job, owner->uid, group, generation};
    PGresult *done = NULL;
    SL_TRY(pq_ready(self, err));
    (void)snprintf(group, sizeof group, "%" PRId64, mark->group);
    (void)snprintf(generation, sizeof generation, "%" PRId64, mark->generation);
    SL_TRY(pq_run(self,
                  marks_sql(owner, "UPDATE ",
                            " SET \"group\" = $3::bigint, generation = $4::bigint WHERE job = $1 "
                            "AND uid = $2"),
                  params, 4, deadline_us, &done, err));
    bool is_one = strcmp(PQcmdTuples(done), "1") == 0;
    PQclear(done);
    self->has_failed = !is_one;
    return is_one ? SL_OK : pq_fail(err, SL_E_NOT_FOUND, "the mark is gone from sluice_marks");
}

// ---------------------------------------------------------------- COPY

static const char staging[] = "pg_temp.sluice_rows"; ///< rows of an upsert, on their way

static char *copy_sql(const sli_pg_target *target)
{
    pq_sql sql;
    pq_sql_open(&sql);
    pq_sql_text(&sql, "COPY ");
    if (target->upsert) {
        pq_sql_text(&sql, staging);
    } else {
        pq_sql_table(&sql, target->schema, target->table);
    }
    pq_sql_text(&sql, " (");
    pq_sql_fields(&sql, target, PQ_ALL);
    pq_sql_text(&sql, target->deletes ? ", sluice_goes) FROM STDIN" : ") FROM STDIN");
    return pq_sql_close(&sql);
}

static char *staging_sql(const sli_pg_target *target)
{
    pq_sql sql;
    pq_sql_open(&sql);
    pq_sql_text(&sql,
                "CREATE TEMP TABLE IF NOT EXISTS sluice_rows ON COMMIT DELETE ROWS AS SELECT ");
    pq_sql_fields(&sql, target, PQ_ALL);
    pq_sql_text(&sql, target->deletes ? ", false AS sluice_goes FROM " : " FROM ");
    pq_sql_table(&sql, target->schema, target->table);
    pq_sql_text(&sql, " WITH NO DATA");
    return pq_sql_close(&sql);
}

/// Of the rows of one key the last counts: COPY has put them into an empty table, in order.
static void put_last(pq_sql *sql, const sli_pg_target *target)
{
    pq_sql_text(sql, "SELECT DISTINCT ON (");
    pq_sql_fields(sql, target, PQ_KEYS);
    pq_sql_text(sql, ") ");
    pq_sql_fields(sql, target, PQ_ALL);
    pq_sql_text(sql, target->deletes ? ", sluice_goes" : "");
    pq_sql_text(sql, " FROM pg_temp.sluice_rows ORDER BY ");
    pq_sql_fields(sql, target, PQ_KEYS);
    pq_sql_text(sql, ", ctid DESC");
}

/// A key is either deleted or put, so that both see the table as it was.
static void put_gone(pq_sql *sql, const sli_pg_target *target)
{
    pq_sql_text(sql, "WITH sluice_last AS (");
    put_last(sql, target);
    pq_sql_text(sql, "), sluice_gone AS (DELETE FROM ");
    pq_sql_table(sql, target->schema, target->table);
    pq_sql_text(sql, " AS sluice_old USING sluice_last WHERE sluice_last.sluice_goes");
    for (int32_t i = 0; i < target->n_fields; i++) {
        if (target->fields[i].is_key) {
            pq_sql_text(sql, " AND sluice_old.");
            pq_sql_name(sql, target->fields[i].name);
            pq_sql_text(sql, " = sluice_last.");
            pq_sql_name(sql, target->fields[i].name);
        }
    }
    pq_sql_text(sql, ") ");
}

static char *merge_sql(const sli_pg_target *target)
{
    pq_sql sql;
    pq_sql_open(&sql);
    if (target->deletes) {
        put_gone(&sql, target);
    }
    pq_sql_text(&sql, "INSERT INTO ");
    pq_sql_table(&sql, target->schema, target->table);
    pq_sql_text(&sql, " (");
    pq_sql_fields(&sql, target, PQ_ALL);
    pq_sql_text(&sql, ") ");
    if (target->deletes) {
        pq_sql_text(&sql, "SELECT ");
        pq_sql_fields(&sql, target, PQ_ALL);
        pq_sql_text(&sql, " FROM sluice_last WHERE NOT sluice_goes");
    } else {
        put_last(&sql, target);
    }
    pq_sql_conflict(&sql, target);
    return pq_sql_close(&sql);
}

sl_code pq_copy(sli_pg *self, const sli_pg_target *target, int64_t deadline_us, sl_error *err)
{
    SL_TRY(pq_ready(self, err));
    self->upserts = target->upsert;
    if (target->upsert) {
        free(self->merge);
        self->merge = merge_sql(target);
        SL_TRY(pq_run(self, staging_sql(target), NULL, 0, deadline_us, NULL, err));
    }
    return pq_run(self, copy_sql(target), NULL, 0, deadline_us, NULL, err);
}

sl_code pq_put(sli_pg *self, const char *data, size_t size, int64_t deadline_us, sl_error *err)
{
    SL_TRY(pq_ready(self, err));
    while (size > 0) {
        size_t n = size < (1 << 20) ? size : 1 << 20;
        int put = PQputCopyData(self->conn, data, (int)n);
        if (put < 0) {
            return pq_fail_of(self, NULL, err);
        }
        data += put == 1 ? n : 0; // 0: its buffer is full
        size -= put == 1 ? n : 0;
        SL_TRY(pq_flush(self, deadline_us, err));
    }
    return SL_OK;
}

static sl_code end_copy(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    int ended = 0;
    while ((ended = PQputCopyEnd(self->conn, NULL)) == 0) {
        SL_TRY(pq_flush(self, deadline_us, err));
    }
    return ended == 1 ? pq_drain(self, deadline_us, err) : pq_fail_of(self, NULL, err);
}

sl_code pq_copied(sli_pg *self, int64_t deadline_us, sl_error *err)
{
    SL_TRY(pq_ready(self, err));
    SL_TRY(end_copy(self, deadline_us, err));
    if (!self->upserts) {
        return SL_OK;
    }
    char *merge = self->merge;
    self->merge = NULL;
    return pq_run(self, merge, NULL, 0, deadline_us, NULL, err);
}

// ---------------------------------------------------------------- the end

/// A connection that was lost, or a server that goes down, says nothing about the commit.
sl_code pq_commit(sli_pg *self, int64_t deadline_us, sli_pg_outcome *outcome, sl_error *err)
{
    PGresult *done = NULL;
    SL_TRY(pq_ready(self, err));
    sl_code rc = pq_run(self, strdup("COMMIT"), NULL, 0, deadline_us, &done, err);
    if (rc == SL_E_TIMEOUT) {
        *outcome = SLI_PG_UNKNOWN;
        return SL_OK;
    }
    SL_TRY(rc);
    bool committed = strcmp(PQcmdStatus(done), "COMMIT") == 0;
    PQclear(done);
    *outcome = SLI_PG_COMMITTED;
    return committed ? SL_OK : pq_fail(err, SL_E_STATE, "the server has undone the transaction");
}
