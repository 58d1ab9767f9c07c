/// parse.c — texts to trees, trees to texts, and which functions there are.
///
/// Trees are DuckDB's own (json_serialize_sql): the text of the statement goes in as a parameter,
/// so nothing in it is ever run.
#include <stdlib.h>
#include <string.h>

#include "duckdb/module/duck_int.h"

// ---------------------------------------------------------------- one value of one query

/// Asks for the one text that `sql` makes of `argument`, for duckdb_free.
static sl_code ask(sli_db *self, const char *sql, const char *argument, char **out, sl_error *err)
{
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    sl_code rc = SL_OK;
    if (duckdb_prepare(self->connection, sql, &statement) == DuckDBError) {
        rc = duck_fail_of(self, duckdb_prepare_error(statement), 0, NULL, err);
    } else if (duckdb_bind_varchar(statement, 1, argument) == DuckDBError) {
        rc = duck_fail(err, SL_E_INVALID, "SQL: a text that is no UTF-8");
    } else if (duckdb_execute_prepared(statement, &result) == DuckDBError) {
        rc = duck_fail_of(self, duckdb_result_error(&result), 0, NULL, err);
    } else {
        *out = duckdb_value_varchar(&result, 0, 0);
        rc = *out == NULL ? duck_nomem(err) : SL_OK;
    }
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&statement);
    return rc;
}

/// Where DuckDB's grammar fails it counts characters, everywhere else bytes.
static void place_syntax(const char *why, const char *sql, sli_db_where *where)
{
    char subtype[32] = "";
    (void)duck_json_text(why, "error_subtype", subtype, sizeof subtype);
    if (strcmp(subtype, "SYNTAX_ERROR") != 0 || where->at < 0) {
        return;
    }
    int64_t n = where->at;
    const char *at = sql;
    for (; n > 0 && *at != '\0'; n--) {
        do {
            at++;
        } while (((unsigned char)*at & 0xc0) == 0x80);
    }
    where->at = at - sql;
}

sl_code duck_extract(sli_db *self, const char *sql, duckdb_extracted_statements *out, size_t skip,
                     sli_db_where *where, sl_error *err)
{
    sli_db_where unseen;
    where = where == NULL ? &unseen : where;
    where->at = -1;
    idx_t n = duckdb_extract_statements(self->connection, sql, out);
    const char *why = n == 0 ? duckdb_extract_statements_error(*out) : NULL;
    if (why != NULL) {
        sl_code rc = duck_fail_of(self, why, skip, where, err);
        place_syntax(why, sql + skip, where);
        return rc;
    }
    if (n != 1) {
        return duck_fail(err, SL_E_INVALID,
                         n == 0 ? "SQL: there is no statement in it"
                                : "SQL: more than one statement");
    }
    return SL_OK;
}

static sl_code fail_tree(const char *tree, sli_db_where *where, sl_error *err)
{
    char message[SL_ERROR_TEXT_BYTES] = "", number[32] = "";
    (void)duck_json_text(tree, "error_message", message, sizeof message);
    if (where != NULL && duck_json_text(tree, "position", number, sizeof number)) {
        where->at = (int64_t)strtoll(number, NULL, 10);
    }
    if (strstr(message, "Only SELECT") != NULL) {
        return duck_fail(err, SL_E_INVALID, "SQL: only a SELECT can be asked of rows");
    }
    return duck_fail(err, SL_E_INVALID, "SQL: %.480s", message);
}

sl_code duck_parse(sli_db *self, const char *sql, sli_db_text_fn each, void *ctx,
                   sli_db_where *where, sl_error *err)
{
    char *tree = NULL;
    duckdb_extracted_statements statements = NULL;
    sl_code rc = duck_extract(self, sql, &statements, 0, where, err);
    duckdb_destroy_extracted(&statements);
    SL_TRY(rc);
    SL_TRY(ask(self, "SELECT json_serialize_sql($1::VARCHAR)::VARCHAR", sql, &tree, err));
    bool failed = strncmp(tree, "{\"error\":true", 13) == 0;
    rc = failed ? fail_tree(tree, where, err) : each(ctx, tree, strlen(tree), err);
    duckdb_free(tree);
    return rc;
}

sl_code duck_print(sli_db *self, const char *json, sli_db_text_fn each, void *ctx, sl_error *err)
{
    char *sql = NULL;
    sl_code rc = ask(self, "SELECT json_deserialize_sql($1::JSON)", json, &sql, err);
    if (rc != SL_OK) {
        return rc == SL_E_NOMEM ? rc : duck_fail(err, SL_E_INVALID, "SQL: no tree of a statement");
    }
    rc = each(ctx, sql, strlen(sql), err);
    duckdb_free(sql);
    return rc;
}

// ---------------------------------------------------------------- functions

/// Volatile is what DuckDB says is; what depends on the clock and is said to be constant, by itself
/// or through a macro; what draws at random; and table functions but for those of their arguments
/// alone, since the others show the instance, the machine, or run a text of SQL.
static const char names[] =
    "SELECT function_name, bool_or(function_type = 'aggregate'),"
    " bool_or(CASE function_type"
    "  WHEN 'aggregate' THEN function_name = 'reservoir_quantile'"
    "  WHEN 'scalar' THEN (stability <> 'CONSISTENT' AND function_name <> 'sluice_time') OR "
    "function_name IN ('current_localtime',"
    "   'current_localtimestamp', 'age', 'getvariable')"
    "  WHEN 'macro' THEN function_name = 'ago' OR function_name LIKE 'pg\\_%time' ESCAPE '\\'"
    "   OR macro_definition LIKE '%current\\_%(%' ESCAPE '\\'"
    "  ELSE function_name NOT IN ('range', 'generate_series', 'unnest', 'repeat', 'repeat_row',"
    "   'json_each', 'json_tree') END)"
    " FROM duckdb_functions() WHERE function_name <> 'sluice_rows'"
    " GROUP BY function_name ORDER BY function_name";

sl_code duck_functions(sli_db *self, sli_db_function_fn each, void *ctx, sl_error *err)
{
    duckdb_result result = {0};
    sl_code rc = SL_OK;
    if (duckdb_query(self->connection, names, &result) == DuckDBError) {
        rc = duck_fail_of(self, duckdb_result_error(&result), 0, NULL, err);
    }
    idx_t n = rc == SL_OK ? duckdb_row_count(&result) : 0;
    for (idx_t i = 0; i < n; i++) {
        char *name = duckdb_value_varchar(&result, 0, i);
        if (name == NULL) {
            rc = duck_nomem(err);
            break;
        }
        each(ctx, &(sli_db_function_info){.name = name,
                                          .is_aggregate = duckdb_value_boolean(&result, 1, i),
                                          .is_volatile = duckdb_value_boolean(&result, 2, i)});
        duckdb_free(name);
    }
    duckdb_destroy_result(&result);
    return rc;
}
