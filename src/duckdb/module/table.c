/// table.c — tables of an instance, read where their rows lie.
///
/// A table is a view over the table function sluice_rows('name'), so that the catalog
/// knows it, whatever the case of the name. The function fills each chunk up to its end over the
/// borders of arrays: how rows were cut into batches reaches nothing.
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "duckdb/module/duck_int.h"

/// A stream's rows, where nobody says how many. Without a number DuckDB takes it to have one row,
/// and builds the hash table of a join from the stream, which then looks for every row of a static
/// table.
enum { UNKNOWN_ROWS = 1 << 20 };

// ---------------------------------------------------------------- the scan

typedef struct scan {
    const duck_table *table;
    const sli_db_rows *rows;     ///< NULL: none in this run
    const sli_db_reader *reader; ///< in place of `rows`; NULL: there is none
    void *pass;                  ///< of the reader; NULL: not begun
    bool ended;
    const struct ArrowArray *now; ///< what the rows are taken from
    int32_t array;                ///< the next one of `rows`
    int64_t row;
    idx_t n_columns;
    idx_t columns[]; ///< that are asked for; one past the table's is no column but the row itself
} scan;

static void bind_scan(duckdb_bind_info info)
{
    sli_db *self = duckdb_bind_get_extra_info(info);
    duckdb_value value = duckdb_bind_get_parameter(info, 0);
    char *name = value == NULL ? NULL : duckdb_get_varchar(value);
    duck_table *table = name == NULL ? NULL : duck_find_table(self, name);
    bool good = table != NULL;
    for (int32_t i = 0; good && i < table->n_columns; i++) {
        duckdb_logical_type type = duck_logical(&table->columns[i]);
        good = type != NULL;
        if (good) {
            duckdb_bind_add_result_column(info, table->columns[i].name, type);
            duckdb_destroy_logical_type(&type);
        }
    }
    if (good) {
        duckdb_bind_set_bind_data(info, table, NULL);
        int64_t about = table->n_rows >= 0 ? table->n_rows : UNKNOWN_ROWS;
        duckdb_bind_set_cardinality(info, (idx_t)about, false);
    } else {
        duckdb_bind_set_error(info, "sluice_rows: no table has that name");
    }
    duckdb_free(name);
    duckdb_destroy_value(&value);
}

static void free_scan(void *data)
{
    scan *self = data;
    if (self->pass != NULL) {
        self->reader->close(self->pass);
    }
    free(self);
}

static void init_scan(duckdb_init_info info)
{
    duck_table *table = duckdb_init_get_bind_data(info);
    const sli_db_run *run = table->db->run;
    idx_t n = duckdb_init_get_column_count(info);
    scan *self = calloc(1, sizeof *self + n * sizeof self->columns[0]);
    if (self == NULL) {
        duckdb_init_set_error(info, "no memory for a scan");
        return;
    }
    self->table = table;
    self->n_columns = n;
    for (idx_t i = 0; i < n; i++) {
        self->columns[i] = duckdb_init_get_column_index(info, i);
    }
    for (int32_t i = 0; run != NULL && i < run->n_rows; i++) {
        if (strcasecmp(run->rows[i].table, table->name) == 0) {
            self->rows = &run->rows[i];
        }
    }
    for (int32_t i = 0; run != NULL && i < run->n_readers; i++) {
        if (strcasecmp(run->readers[i].table, table->name) == 0) {
            self->reader = &run->readers[i];
        }
    }
    duckdb_init_set_max_threads(info, 1);
    duckdb_init_set_init_data(info, self, free_scan);
}

/// Rows [at, at + n) of a chunk, of the array where the scan is. A reader's array is gone when the
/// next one comes, so its texts are copied.
static sl_code scan_piece(const scan *self, duckdb_data_chunk chunk, idx_t at, int64_t n,
                          sl_error *err)
{
    for (idx_t i = 0; i < self->n_columns; i++) {
        idx_t column = self->columns[i];
        if (column < (idx_t)self->table->n_columns) {
            SL_TRY(duck_put(duckdb_data_chunk_get_vector(chunk, i), at,
                            &self->table->columns[column], self->now->children[column],
                            self->now->offset + self->row, n, self->reader != NULL, err));
        }
    }
    return SL_OK;
}

static sl_code read_array(scan *self, sl_error *err)
{
    if (self->pass == NULL) {
        SL_TRY(self->reader->open(self->reader->ctx, &self->pass, err));
    }
    return self->reader->next(self->pass, &self->now, err);
}

/// The next array that has rows; self->now NULL: there is none.
static sl_code next_array(scan *self, sl_error *err)
{
    self->now = NULL;
    self->row = 0;
    while (!self->ended) {
        if (self->reader != NULL) {
            SL_TRY(read_array(self, err));
        } else if (self->rows != NULL && self->array < self->rows->n) {
            self->now = self->rows->arrays[self->array++];
        }
        self->ended = self->now == NULL;
        if (self->now != NULL && self->now->length > 0) {
            break;
        }
    }
    return SL_OK;
}

static sl_code scan_chunk(scan *self, duckdb_data_chunk chunk, sl_error *err)
{
    idx_t most = duckdb_vector_size(), at = 0;
    while (at < most) {
        if (self->now == NULL || self->row == self->now->length) {
            SL_TRY(next_array(self, err));
        }
        if (self->now == NULL) {
            break;
        }
        int64_t left = self->now->length - self->row;
        int64_t n = left < (int64_t)(most - at) ? left : (int64_t)(most - at);
        SL_TRY(scan_piece(self, chunk, at, n, err));
        at += (idx_t)n;
        self->row += n;
    }
    duckdb_data_chunk_set_size(chunk, at);
    return SL_OK;
}

static void run_scan(duckdb_function_info info, duckdb_data_chunk chunk)
{
    scan *self = duckdb_function_get_init_data(info);
    sli_db *db = self->table->db;
    sl_error err = SL_ERROR_INIT;
    if (duck_is_stopped(db)) {
        duckdb_function_set_error(info, "stopped");
    } else if (scan_chunk(self, chunk, &err) != SL_OK) {
        duck_keep_failure(db, &err);
        duckdb_function_set_error(info, err.text);
    }
}

sl_code duck_add_scan(sli_db *self, sl_error *err)
{
    duckdb_table_function function = duckdb_create_table_function();
    duckdb_logical_type text = duckdb_create_logical_type(DUCKDB_TYPE_VARCHAR);
    duckdb_table_function_set_name(function, "sluice_rows");
    duckdb_table_function_add_parameter(function, text);
    duckdb_table_function_set_extra_info(function, self, NULL);
    duckdb_table_function_set_bind(function, bind_scan);
    duckdb_table_function_set_init(function, init_scan);
    duckdb_table_function_set_function(function, run_scan);
    duckdb_table_function_supports_projection_pushdown(function, true);
    duckdb_state state = duckdb_register_table_function(self->connection, function);
    duckdb_destroy_table_function(&function);
    duckdb_destroy_logical_type(&text);
    return state == DuckDBSuccess
               ? SL_OK
               : duck_fail(err, SL_E_INCOMPATIBLE, "DuckDB does not take the function sluice_rows");
}

// ---------------------------------------------------------------- the list

duck_table *duck_find_table(const sli_db *self, const char *name)
{
    for (duck_table *t = self->tables; t != NULL; t = t->next) {
        if (strcasecmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

static void free_table(duck_table *table)
{
    if (table != NULL) {
        duck_types_free(table->columns, table->n_columns);
        free(table->name);
        free(table);
    }
}

static sl_code new_table(sli_db *self, const char *name, duck_table **out, sl_error *err)
{
    if (*name == '\0' || duck_find_table(self, name) != NULL) {
        return duck_fail(err, SL_E_INVALID,
                         *name == '\0' ? "SQL: a table without a name"
                                       : "SQL: there is a table \"%.200s\" already",
                         name);
    }
    duck_table *made = calloc(1, sizeof *made);
    if (made == NULL || (made->name = strdup(name)) == NULL) {
        free(made);
        return duck_nomem(err);
    }
    made->db = self;
    *out = made;
    return SL_OK;
}

static void append(sli_db *self, duck_table *table)
{
    *self->last_table = table;
    self->last_table = &table->next;
}

/// Takes the last one off again.
static void unappend(sli_db *self, duck_table *table)
{
    duck_table **at = &self->tables;
    while (*at != table) {
        at = &(*at)->next;
    }
    *at = NULL;
    self->last_table = at;
}

// ---------------------------------------------------------------- tables

static sl_code check_names(const duck_table *table, sl_error *err)
{
    for (int32_t i = 0; i < table->n_columns; i++) {
        for (int32_t j = 0; j < i; j++) {
            if (strcasecmp(table->columns[i].name, table->columns[j].name) == 0) {
                return duck_fail(
                    err, SL_E_UNSUPPORTED,
                    "table \"%.100s\": columns \"%.100s\" and \"%.100s\" differ in case "
                    "only, which SQL does not see: rename one",
                    table->name, table->columns[j].name, table->columns[i].name);
            }
        }
    }
    return SL_OK;
}

static sl_code set_columns(duck_table *table, const struct ArrowSchema *schema, sl_error *err)
{
    table->columns = calloc((size_t)schema->n_children + 1, sizeof *table->columns);
    if (table->columns == NULL) {
        return duck_nomem(err);
    }
    table->n_columns = (int32_t)schema->n_children;
    for (int32_t i = 0; i < table->n_columns; i++) {
        SL_TRY(duck_type_of_schema(schema->children[i], &table->columns[i], err));
    }
    return check_names(table, err);
}

static sl_code create_view(sli_db *self, const char *name, sl_error *err)
{
    char *quoted = duck_quote(name, '"'), *text = duck_quote(name, '\'');
    char *sql = quoted == NULL || text == NULL
                    ? NULL
                    : duck_text("CREATE VIEW %s AS SELECT * FROM sluice_rows(%s)", quoted, text);
    sl_code rc = sql == NULL ? duck_nomem(err) : duck_do(self, sql, err);
    free(sql);
    free(text);
    free(quoted);
    return rc;
}

sl_code duck_add_alias(sli_db *self, const char *schema, const char *name, const char *table,
                       sl_error *err)
{
    char *in = duck_quote(schema, '"'), *quoted = duck_quote(name, '"');
    char *text = duck_quote(table, '\'');
    char *sql =
        in == NULL || quoted == NULL || text == NULL
            ? NULL
            : duck_text("CREATE SCHEMA IF NOT EXISTS %s; CREATE VIEW %s.%s AS SELECT * FROM "
                        "sluice_rows(%s)",
                        in, in, quoted, text);
    sl_code rc = sql == NULL ? duck_nomem(err) : duck_do(self, sql, err);
    free(sql);
    free(text);
    free(quoted);
    free(in);
    return rc;
}

sl_code duck_add_table(sli_db *self, const char *name, const struct ArrowSchema *schema,
                       int64_t rows, sl_error *err)
{
    duck_table *table = NULL;
    SL_TRY(new_table(self, name, &table, err));
    table->n_rows = rows;
    sl_code rc = set_columns(table, schema, err);
    if (rc == SL_OK) {
        append(self, table);
        rc = create_view(self, name, err);
        if (rc != SL_OK) {
            unappend(self, table);
        }
    }
    if (rc != SL_OK) {
        free_table(table);
    }
    return rc;
}

// ---------------------------------------------------------------- lists of definitions

#define COLUMNS_TABLE "sluice_columns"
static const char create_prefix[] = "CREATE TEMP TABLE " COLUMNS_TABLE " (";

/// Defaults, keys and checks would be believed and kept by nobody.
static const char extras[] =
    "SELECT coalesce((SELECT column_name || ' has a DEFAULT' FROM duckdb_columns()"
    "  WHERE table_name = '" COLUMNS_TABLE "' AND column_default IS NOT NULL LIMIT 1),"
    " (SELECT constraint_text FROM duckdb_constraints() WHERE table_name = '" COLUMNS_TABLE
    "'  AND constraint_type <> 'NOT NULL' LIMIT 1))";

static sl_code check_extras(sli_db *self, sl_error *err)
{
    duckdb_result result = {0};
    if (duckdb_query(self->connection, extras, &result) == DuckDBError) {
        sl_code rc = duck_fail_of(self, duckdb_result_error(&result), 0, NULL, err);
        duckdb_destroy_result(&result);
        return rc;
    }
    char *found = duckdb_value_varchar(&result, 0, 0);
    sl_code rc = found == NULL
                     ? SL_OK
                     : duck_fail(err, SL_E_UNSUPPORTED,
                                 "SQL: a column has a name, a type and NOT NULL, no more: "
                                 "%.300s",
                                 found);
    duckdb_free(found);
    duckdb_destroy_result(&result);
    return rc;
}

static sl_code describe(sli_db *self, const char *name, duck_type **out, int32_t *n, sl_error *err)
{
    duckdb_prepared_statement statement = NULL;
    char *quoted = duck_quote(name, '"');
    char *sql = quoted == NULL ? NULL : duck_text("SELECT * FROM %s", quoted);
    sl_code rc = sql == NULL ? duck_nomem(err) : duck_bind(self, sql, &statement, NULL, err);
    if (rc == SL_OK) {
        rc = duck_result_types(statement, out, n, err);
    }
    duckdb_destroy_prepare(&statement);
    free(sql);
    free(quoted);
    return rc;
}

static sl_code set_nullable(sli_db *self, duck_type *types, int32_t n, sl_error *err)
{
    duckdb_result result = {0};
    sl_code rc = SL_OK;
    if (duckdb_query(self->connection,
                     "SELECT is_nullable FROM duckdb_columns() WHERE table_name = '" COLUMNS_TABLE
                     "' ORDER BY column_index",
                     &result) == DuckDBError) {
        rc = duck_fail_of(self, duckdb_result_error(&result), 0, NULL, err);
    }
    for (int32_t i = 0; rc == SL_OK && i < n; i++) {
        types[i].nullable = duckdb_value_boolean(&result, 0, (idx_t)i);
    }
    duckdb_destroy_result(&result);
    return rc;
}

static sl_code made_columns(sli_db *self, struct ArrowSchema *out, sl_error *err)
{
    duck_type *types = NULL;
    int32_t n = 0;
    sl_code rc = check_extras(self, err);
    if (rc == SL_OK) {
        rc = describe(self, COLUMNS_TABLE, &types, &n, err);
    }
    if (rc == SL_OK) {
        rc = set_nullable(self, types, n, err);
    }
    if (rc == SL_OK) {
        rc = duck_schema(types, n, out, err);
    }
    duck_types_free(types, n);
    return rc;
}

/// One statement that makes the table, whatever the text has in it.
static sl_code create_columns(sli_db *self, const char *sql, sli_db_where *where, sl_error *err)
{
    duckdb_extracted_statements statements = NULL;
    duckdb_prepared_statement statement = NULL;
    duckdb_result result = {0};
    size_t skip = sizeof create_prefix - 1;
    sl_code rc = duck_extract(self, sql, &statements, skip, where, err);
    if (rc != SL_OK) {
        // told
    } else if (duckdb_prepare_extracted_statement(self->connection, statements, 0, &statement) ==
               DuckDBError) {
        rc = duck_fail_of(self, duckdb_prepare_error(statement), skip, where, err);
    } else if (duckdb_execute_prepared(statement, &result) == DuckDBError) {
        rc = duck_fail_of(self, duckdb_result_error(&result), skip, where, err);
    }
    duckdb_destroy_result(&result);
    duckdb_destroy_prepare(&statement);
    duckdb_destroy_extracted(&statements);
    return rc;
}

sl_code duck_columns(sli_db *self, const char *columns, struct ArrowSchema *out,
                     sli_db_where *where, sl_error *err)
{
    char *sql = duck_text("%s%s\n)", create_prefix, columns); // a comment may end the text
    if (sql == NULL) {
        return duck_nomem(err);
    }
    sl_code rc = create_columns(self, sql, where, err);
    free(sql);
    if (where != NULL && where->at > (int64_t)strlen(columns)) {
        where->at = (int64_t)strlen(columns); // what is missing is behind its end
    }
    if (rc == SL_OK) {
        sl_error dropped = SL_ERROR_INIT;
        rc = made_columns(self, out, err);
        sl_code gone = duck_do(self, "DROP TABLE temp." COLUMNS_TABLE, &dropped);
        if (rc == SL_OK && gone != SL_OK) {
            out->release(out);
            rc = gone;
            if (err != NULL) {
                *err = dropped;
            }
        }
    }
    return rc;
}
