/// query.c — one SELECT: bound, prepared, run in steps.
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "duckdb/module/duck_int.h"

/// Rows that an array is given out with, or a few more.
enum { ARRAY_ROWS = 4096 };

struct sli_db_query {
    sli_db *db;
    duckdb_prepared_statement statement;
    duck_type *columns;
    int32_t n_columns;
};

// ---------------------------------------------------------------- binding

static sl_code check_select(duckdb_prepared_statement statement, sl_error *err)
{
    if (duckdb_prepared_statement_type(statement) != DUCKDB_STATEMENT_TYPE_SELECT) {
        return duck_fail(err, SL_E_INVALID, "SQL: only a SELECT can be asked of rows");
    }
    if (duckdb_nparams(statement) > 0) {
        return duck_fail(err, SL_E_INVALID, "SQL: there are parameters in it, which nobody sets");
    }
    return SL_OK;
}

/// Binds it once; the statement is taken out of the text, so that each time begins with that.
static sl_code bind_once(sli_db *self, const char *sql, duckdb_prepared_statement *out,
                         sli_db_where *where, sl_error *err)
{
    duckdb_extracted_statements statements = NULL;
    duckdb_prepared_statement statement = NULL;
    sl_code rc = duck_extract(self, sql, &statements, 0, where, err);
    if (rc == SL_OK && duckdb_prepare_extracted_statement(self->connection, statements, 0,
                                                          &statement) == DuckDBError) {
        rc = duck_fail_of(self, duckdb_prepare_error(statement), 0, where, err);
    }
    if (rc == SL_OK) {
        rc = check_select(statement, err);
    }
    duckdb_destroy_extracted(&statements);
    if (rc != SL_OK) {
        duckdb_destroy_prepare(&statement);
        return rc;
    }
    *out = statement;
    return SL_OK;
}

sl_code duck_bind(sli_db *self, const char *sql, duckdb_prepared_statement *out,
                  sli_db_where *where, sl_error *err)
{
    sl_error failed = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    do {
        self->failure = (sl_error){.code = SL_OK};
        failed = SL_ERROR_INIT;
        rc = bind_once(self, sql, out, where, &failed);
    } while (rc != SL_OK && duck_add_forms(self, &failed));
    if (rc != SL_OK && err != NULL) {
        *err = failed;
    }
    return rc == SL_OK ? SL_OK : failed.code;
}

sl_code duck_result_types(duckdb_prepared_statement statement, duck_type **out, int32_t *n,
                          sl_error *err)
{
    idx_t count = duckdb_prepared_statement_column_count(statement);
    duck_type *types = calloc((size_t)count + 1, sizeof *types);
    sl_code rc = types == NULL ? duck_nomem(err) : SL_OK;
    for (idx_t i = 0; rc == SL_OK && i < count; i++) {
        duckdb_logical_type logical = duckdb_prepared_statement_column_logical_type(statement, i);
        const char *name = duckdb_prepared_statement_column_name(statement, i);
        rc = duck_type_of_logical(logical, name, &types[i], err);
        duckdb_free((void *)(uintptr_t)name); // ours, whatever its type says
        duckdb_destroy_logical_type(&logical);
    }
    if (rc != SL_OK) {
        duck_types_free(types, (int32_t)count);
        return rc;
    }
    *out = types;
    *n = (int32_t)count;
    return SL_OK;
}

// ---------------------------------------------------------------- preparing

sl_code duck_prepare(sli_db *self, const char *sql, sli_db_query **out, struct ArrowSchema *schema,
                     sli_db_where *where, sl_error *err)
{
    sli_db_query *query = calloc(1, sizeof *query);
    if (query == NULL) {
        return duck_nomem(err);
    }
    query->db = self;
    sl_code rc = duck_bind(self, sql, &query->statement, where, err);
    if (rc == SL_OK) {
        rc = duck_result_types(query->statement, &query->columns, &query->n_columns, err);
    }
    if (rc == SL_OK) {
        rc = duck_schema(query->columns, query->n_columns, schema, err);
    }
    if (rc != SL_OK) {
        duck_free_query(query);
        return rc;
    }
    *out = query;
    return SL_OK;
}

void duck_free_query(sli_db_query *query)
{
    if (query != NULL) {
        duckdb_destroy_prepare(&query->statement);
        duck_types_free(query->columns, query->n_columns);
        free(query);
    }
}

// ---------------------------------------------------------------- running

bool duck_is_stopped(sli_db *self)
{
    const sli_db_run *run = self->run;
    for (int32_t i = 0; run != NULL && i < run->n_stop; i++) {
        // pairs with the release store of whoever wants it stopped
        if (atomic_load_explicit(run->stop[i], memory_order_acquire)) {
            sl_error stopped = SL_ERROR_INIT;
            (void)duck_fail(&stopped, SL_E_CANCELLED, "SQL: stopped on request");
            duck_keep_failure(self, &stopped);
            return true;
        }
    }
    return false;
}

/// Steps until there are rows to be fetched, or none will come.
static sl_code start(sli_db_query *query, duckdb_pending_result *pending, duckdb_result *result,
                     sl_error *err)
{
    sli_db *self = query->db;
    if (duckdb_pending_prepared_streaming(query->statement, pending) == DuckDBError) {
        return duck_fail_of(self, duckdb_pending_error(*pending), 0, NULL, err);
    }
    duckdb_pending_state state = DUCKDB_PENDING_RESULT_NOT_READY;
    while (state == DUCKDB_PENDING_RESULT_NOT_READY) {
        if (duck_is_stopped(self)) {
            return duck_fail_of(self, "", 0, NULL, err);
        }
        state = duckdb_pending_execute_task(*pending);
    }
    if (state == DUCKDB_PENDING_ERROR) {
        return duck_fail_of(self, duckdb_pending_error(*pending), 0, NULL, err);
    }
    if (duckdb_execute_pending(*pending, result) == DuckDBError) {
        return duck_fail_of(self, duckdb_result_error(result), 0, NULL, err);
    }
    return SL_OK;
}

static sl_code give(duck_rows *rows, const sli_db_run *run, sl_error *err)
{
    struct ArrowArray array;
    SL_TRY(duck_rows_take(rows, &array, err));
    return run->each(run->ctx, &array, err);
}

static sl_code fetch(sli_db *self, duckdb_result *result, duck_rows *rows, const sli_db_run *run,
                     sl_error *err)
{
    for (;;) {
        if (duck_is_stopped(self)) {
            return duck_fail_of(self, "", 0, NULL, err);
        }
        duckdb_data_chunk chunk = duckdb_fetch_chunk(*result);
        if (chunk == NULL) {
            break;
        }
        sl_code rc = duck_rows_add(rows, chunk, err);
        duckdb_destroy_data_chunk(&chunk);
        if (rc == SL_OK && rows->n >= ARRAY_ROWS) {
            rc = give(rows, run, err);
        }
        SL_TRY(rc);
    }
    const char *why = duckdb_result_error(result);
    if (self->failure.code != SL_OK || (why != NULL && *why != '\0')) {
        return duck_fail_of(self, why, 0, NULL, err);
    }
    return rows->n > 0 ? give(rows, run, err) : SL_OK;
}

/// DuckDB ends a statement that was not run to its end when the next one begins, and works its
/// tasks off for that, over the caller's rows. So both happen here, and the tasks are told to end.
static void cancel(sli_db *self)
{
    duckdb_result result = {0};
    duckdb_interrupt(self->connection);
    (void)duckdb_query(self->connection, "SELECT 1", &result);
    duckdb_destroy_result(&result);
}

/// It sets one atomic flag, which DuckDB clears when the next statement begins.
void duck_interrupt(sli_db *self)
{
    duckdb_interrupt(self->connection);
}

sl_code duck_run(sli_db_query *query, const sli_db_run *run, sl_error *err)
{
    sli_db *self = query->db;
    duckdb_pending_result pending = NULL;
    duckdb_result result = {0};
    duck_rows rows;
    SL_TRY(duck_rows_init(&rows, query->columns, query->n_columns, err));
    self->run = run;
    self->failure = (sl_error){.code = SL_OK};
    sl_code rc = start(query, &pending, &result, err);
    if (rc == SL_OK) {
        rc = fetch(self, &result, &rows, run, err);
    }
    duckdb_destroy_result(&result);
    duckdb_destroy_pending(&pending);
    if (rc != SL_OK || run->n_readers > 0) { // passes over readers end in here, too
        cancel(self);
    }
    duck_rows_reset(&rows);
    self->run = NULL;
    return rc;
}
