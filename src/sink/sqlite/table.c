/// table.c — the user's table: how columns are stored, whether an existing table fits, and the
/// statements that fill it.
///
/// | column | stored as |
/// | bool, integers but uint64 | INTEGER |
/// | float32, float64 | REAL; NaN, which SQLite has not, as the text 'NaN' |
/// | decimal, date, timestamp | TEXT, as formats print them |
/// | string | TEXT |
/// | binary | BLOB |
#include "sink/sqlite/sqlite_int.h"

#include <math.h>
#include <strings.h>

static const char *stored_as(sl_type type)
{
    switch (type) {
    case SL_BOOL:
    case SL_INT8:
    case SL_INT16:
    case SL_INT32:
    case SL_INT64:
    case SL_UINT8:
    case SL_UINT16:
    case SL_UINT32:
        return "INTEGER";
    case SL_FLOAT32:
    case SL_FLOAT64:
        return "REAL";
    case SL_DECIMAL:
    case SL_DATE:
    case SL_TIMESTAMP:
    case SL_STRING:
        return "TEXT";
    case SL_BINARY:
        return "BLOB";
    default:
        return NULL;
    }
}

/// Identifiers and texts in SQL, with quotes doubled.
static void put_quoted(sli_str *sql, const char *name, size_t size)
{
    sli_str_char(sql, '"');
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '"') {
            sli_str_char(sql, '"');
        }
        sli_str_char(sql, name[i]);
    }
    sli_str_char(sql, '"');
}

/// Calls for the key's columns one by one; 0 at the end.
static size_t next_key(const char **at)
{
    *at += strspn(*at, ", ");
    return strcspn(*at, ", ");
}

static bool is_key(const sli_table *table, const char *name)
{
    const char *at = table->key == NULL ? "" : table->key;
    for (size_t n; (n = next_key(&at)) > 0; at += n) {
        if (strlen(name) == n && memcmp(at, name, n) == 0) {
            return true;
        }
    }
    return false;
}

static sl_code check_key(const sli_table *table, sl_error *err)
{
    const char *at = table->key;
    if ((table->mode == SLI_UPSERT) != (table->key != NULL)) {
        return sl_error_set(err, SL_E_CONFIG, "options mode=upsert and key= go together");
    }
    int32_t n_keys = 0;
    for (size_t n; at != NULL && (n = next_key(&at)) > 0; at += n, n_keys++) {
        int32_t found = -1;
        for (int32_t i = 0; i < sl_schema_columns(table->schema); i++) {
            const char *name = sl_schema_field(table->schema, i)->name;
            found = strlen(name) == n && memcmp(name, at, n) == 0 ? i : found;
        }
        if (found < 0) {
            return sl_error_set(err, SL_E_CONFIG, "option key: there is no column %.*s in \"%s\"",
                                (int)n, at, sl_schema_text(table->schema));
        }
        if (sl_schema_field(table->schema, found)->nullable) {
            return sl_error_set(err, SL_E_INVALID,
                                "key column %.*s may be null, and nulls equal nothing in SQLite",
                                (int)n, at);
        }
    }
    return n_keys == 0 && table->key != NULL
               ? sl_error_set(err, SL_E_CONFIG, "option key names no column")
               : SL_OK;
}

sl_code sli_table_check(const sli_table *table, sl_error *err)
{
    if (table->name[0] == '\0' || strncasecmp(table->name, "sqlite_", 7) == 0 ||
        strcasecmp(table->name, "_sluice_marker") == 0) {
        return sl_error_set(err, SL_E_CONFIG, "option table: '%s' can't be the name of a table",
                            table->name);
    }
    for (int32_t i = 0; i < sl_schema_columns(table->schema); i++) {
        const sl_field *field = sl_schema_field(table->schema, i);
        if (stored_as(field->type) == NULL) {
            return sl_error_set(err, SL_E_INVALID,
                                "column %s: SQLite has no place for its type (schema \"%s\"); "
                                "convert it first",
                                field->name, sl_schema_text(table->schema));
        }
    }
    return check_key(table, err);
}

// ---------------------------------------------------------------- an existing table

/// SQLite's own rule: what a declared type makes of values put into the column.
static const char *affinity_of(const char *declared)
{
    static const struct {
        const char *part, *affinity;
    } rules[] = {{"INT", "INTEGER"}, {"CHAR", "TEXT"}, {"CLOB", "TEXT"}, {"TEXT", "TEXT"},
                 {"BLOB", "BLOB"},   {"REAL", "REAL"}, {"FLOA", "REAL"}, {"DOUB", "REAL"}};
    if (declared[0] == '\0') {
        return "BLOB";
    }
    for (size_t r = 0; r < sizeof rules / sizeof rules[0]; r++) {
        for (const char *at = declared; *at != '\0'; at++) {
            if (strncasecmp(at, rules[r].part, strlen(rules[r].part)) == 0) {
                return rules[r].affinity;
            }
        }
    }
    return "NUMERIC";
}

/// Values must come back as they were. BLOB (also no type) keeps all; NUMERIC keeps numbers, and
/// texts that don't look like numbers.
static bool keeps(sl_type type, const char *declared)
{
    const char *affinity = affinity_of(declared);
    const char *wanted = stored_as(type);
    bool is_number = strcmp(wanted, "INTEGER") == 0 || strcmp(wanted, "REAL") == 0;
    bool is_time = type == SL_DATE || type == SL_TIMESTAMP;
    return type == SL_BINARY || strcmp(affinity, wanted) == 0 || strcmp(affinity, "BLOB") == 0 ||
           (strcmp(affinity, "NUMERIC") == 0 && (is_number || is_time));
}

static sl_code fit_column(const sli_table *table, const sl_field *field, sqlite3_stmt *columns,
                          sli_db *db, bool *found, bool *any, sl_error *err)
{
    bool row = false;
    *found = *any = false;
    for (;;) {
        SL_TRY(sli_db_step(db, columns, &row, err));
        if (!row) {
            break;
        }
        *any = true;
        const char *name = (const char *)sqlite3_column_text(columns, 0);
        const char *type = (const char *)sqlite3_column_text(columns, 1);
        if (name == NULL || type == NULL) {
            return sl_error_nomem(err, 0, "the columns of a table");
        }
        if (strcasecmp(name, field->name) != 0) {
            continue;
        }
        *found = true;
        if (!keeps(field->type, type)) {
            return sl_error_set(err, SL_E_INVALID,
                                "table %s: column %s is declared %s, which does not keep values of "
                                "the stream's column; %s does",
                                table->name, name, type, stored_as(field->type));
        }
    }
    (void)sqlite3_reset(columns); // it ended
    return SL_OK;
}

static sl_code fit_columns(const sli_table *table, sqlite3_stmt *columns, sli_db *db, sl_error *err)
{
    if (sqlite3_bind_text(columns, 1, table->name, -1, SQLITE_STATIC) != SQLITE_OK) {
        return sl_error_nomem(err, 0, "the columns of a table");
    }
    for (int32_t i = 0; i < sl_schema_columns(table->schema); i++) {
        bool found = false, any = false;
        const sl_field *field = sl_schema_field(table->schema, i);
        SL_TRY(fit_column(table, field, columns, db, &found, &any, err));
        if (any && !found) {
            return sl_error_set(err, SL_E_INVALID,
                                "table %s has no column %s: add it, ALTER TABLE \"%s\" ADD COLUMN "
                                "\"%s\" %s",
                                table->name, field->name, table->name, field->name,
                                stored_as(field->type));
        }
    }
    return SL_OK;
}

sl_code sli_table_fits(const sli_table *table, sli_db *db, sl_error *err)
{
    sqlite3_stmt *columns = NULL;
    SL_TRY(sli_db_prepare(db, "SELECT name, type FROM pragma_table_info(?)", &columns, err));
    sl_code rc = fit_columns(table, columns, db, err);
    (void)sqlite3_finalize(columns); // repeats the last failure, which is in rc
    return rc;
}

// ---------------------------------------------------------------- statements

static sl_code run_built(sli_db *db, sli_str *sql, sqlite3_stmt **out, sl_error *err)
{
    sl_code rc = sli_str_check(sql, "a statement", err);
    if (rc == SL_OK) {
        rc = out == NULL ? sli_db_run(db, sql->data, err) : sli_db_prepare(db, sql->data, out, err);
    }
    sli_str_reset(sql);
    return rc;
}

static void put_keys(sli_str *sql, const sli_table *table)
{
    const char *at = table->key, *comma = "";
    for (size_t n; (n = next_key(&at)) > 0; at += n, comma = ", ") {
        sli_str_text(sql, comma);
        put_quoted(sql, at, n);
    }
}

sl_code sli_table_make(const sli_table *table, sli_db *db, sl_error *err)
{
    sli_str sql = SLI_STR_INIT;
    sql.tag = SLI_TAG_SINK;
    sli_str_text(&sql, "CREATE TABLE IF NOT EXISTS ");
    put_quoted(&sql, table->name, strlen(table->name));
    for (int32_t i = 0; i < sl_schema_columns(table->schema); i++) {
        const sl_field *field = sl_schema_field(table->schema, i);
        sli_str_text(&sql, i == 0 ? " (" : ", ");
        put_quoted(&sql, field->name, strlen(field->name));
        sli_str_printf(&sql, " %s%s", stored_as(field->type), field->nullable ? "" : " NOT NULL");
    }
    if (table->mode == SLI_UPSERT) {
        sli_str_text(&sql, ", PRIMARY KEY (");
        put_keys(&sql, table);
        sli_str_char(&sql, ')');
    }
    sli_str_char(&sql, ')');
    return run_built(db, &sql, NULL, err);
}

static void put_conflict(sli_str *sql, const sli_table *table)
{
    const char *word = ") DO UPDATE SET ";
    sli_str_text(sql, " ON CONFLICT (");
    put_keys(sql, table);
    for (int32_t i = 0; i < sl_schema_columns(table->schema); i++) {
        const char *name = sl_schema_field(table->schema, i)->name;
        if (!is_key(table, name)) {
            sli_str_text(sql, word);
            put_quoted(sql, name, strlen(name));
            sli_str_text(sql, " = excluded.");
            put_quoted(sql, name, strlen(name));
            word = ", ";
        }
    }
    if (word[0] == ')') { // all columns are in the key
        sli_str_text(sql, ") DO NOTHING");
    }
}

sl_code sli_table_insert(const sli_table *table, sli_db *db, sqlite3_stmt **out, sl_error *err)
{
    sli_str sql = SLI_STR_INIT;
    sql.tag = SLI_TAG_SINK;
    int32_t n = sl_schema_columns(table->schema);
    sli_str_text(&sql, "INSERT INTO ");
    put_quoted(&sql, table->name, strlen(table->name));
    for (int32_t i = 0; i < n; i++) {
        const char *name = sl_schema_field(table->schema, i)->name;
        sli_str_text(&sql, i == 0 ? " (" : ", ");
        put_quoted(&sql, name, strlen(name));
    }
    for (int32_t i = 0; i < n; i++) {
        sli_str_text(&sql, i == 0 ? ") VALUES (?" : ", ?");
    }
    sli_str_char(&sql, ')');
    if (table->mode == SLI_UPSERT) {
        put_conflict(&sql, table);
    }
    return sl_error_wrap(err, run_built(db, &sql, out, err), "table %s", table->name);
}

sl_code sli_table_delete(const sli_table *table, sli_db *db, sl_error *err)
{
    sli_str sql = SLI_STR_INIT;
    sql.tag = SLI_TAG_SINK;
    sli_str_text(&sql, "DELETE FROM ");
    put_quoted(&sql, table->name, strlen(table->name));
    return run_built(db, &sql, NULL, err);
}

sl_code sli_table_delete_key(const sli_table *table, sli_db *db, sqlite3_stmt **out, sl_error *err)
{
    sli_str sql = {.tag = SLI_TAG_SINK};
    const char *at = table->key, *word = " WHERE ";
    sli_str_text(&sql, "DELETE FROM ");
    put_quoted(&sql, table->name, strlen(table->name));
    for (size_t n; (n = next_key(&at)) > 0; at += n, word = " AND ") {
        sli_str_text(&sql, word);
        put_quoted(&sql, at, n);
        sli_str_text(&sql, " = ?");
    }
    return sl_error_wrap(err, run_built(db, &sql, out, err), "table %s", table->name);
}

// ---------------------------------------------------------------- binding

static int64_t integer_at(const sl_column *column, int64_t row)
{
    switch (column->type) {
    case SL_BOOL:
        return sl_column_bool(column, row);
    case SL_INT8:
        return ((const int8_t *)column->values)[row];
    case SL_INT16:
        return ((const int16_t *)column->values)[row];
    case SL_INT32:
        return ((const int32_t *)column->values)[row];
    case SL_UINT8:
        return ((const uint8_t *)column->values)[row];
    case SL_UINT16:
        return ((const uint16_t *)column->values)[row];
    case SL_UINT32:
        return ((const uint32_t *)column->values)[row];
    default:
        return sl_column_int64(column, row);
    }
}

static int bind_real(sqlite3_stmt *insert, int at, const sl_column *column, int64_t row)
{
    double value = column->type == SL_FLOAT32 ? (double)((const float *)column->values)[row]
                                              : sl_column_float64(column, row);
    return isnan(value) ? sqlite3_bind_text(insert, at, "NaN", 3, SQLITE_STATIC)
                        : sqlite3_bind_double(insert, at, value);
}

/// Text cells lie in the batch, which outlives the step; printed ones are copied, since `scratch`
/// moves when it grows.
static int bind_cell(sqlite3_stmt *insert, int at, const sl_field *field, const sl_column *column,
                     int64_t row, sli_str *scratch)
{
    if (sl_column_is_null(column, row)) {
        return sqlite3_bind_null(insert, at);
    }
    sl_text text;
    switch (field->type) {
    case SL_FLOAT32:
    case SL_FLOAT64:
        return bind_real(insert, at, column, row);
    case SL_STRING:
        text = sl_column_text(column, row);
        return sqlite3_bind_text64(insert, at, text.data, text.size, SQLITE_STATIC, SQLITE_UTF8);
    case SL_BINARY:
        text = sl_column_text(column, row);
        return text.size == 0
                   ? sqlite3_bind_zeroblob(insert, at, 0)
                   : sqlite3_bind_blob64(insert, at, text.data, text.size, SQLITE_STATIC);
    case SL_DECIMAL:
    case SL_DATE:
    case SL_TIMESTAMP:
        sli_str_clear(scratch);
        sli_print_cell(scratch, field, column, row);
        return scratch->failed ? SQLITE_NOMEM
                               : sqlite3_bind_text64(insert, at, scratch->data, scratch->size,
                                                     SQLITE_TRANSIENT, SQLITE_UTF8);
    default:
        return sqlite3_bind_int64(insert, at, integer_at(column, row));
    }
}

sl_code sli_table_bind(const sli_table *table, sli_db *db, sqlite3_stmt *insert,
                       const sl_batch *batch, int64_t row, sli_str *scratch, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(table->schema); i++) {
        int rc = bind_cell(insert, i + 1, sl_schema_field(table->schema, i),
                           sl_batch_column(batch, i), row, scratch);
        if (rc != SQLITE_OK) {
            return sli_db_failed(db, rc, err);
        }
    }
    return SL_OK;
}

sl_code sli_table_bind_key(const sli_table *table, sli_db *db, sqlite3_stmt *statement,
                           const sl_batch *batch, int64_t row, sli_str *scratch, sl_error *err)
{
    const char *at = table->key;
    int32_t place = 1;
    for (size_t n; (n = next_key(&at)) > 0; at += n) {
        for (int32_t i = 0; i < sl_schema_columns(table->schema); i++) {
            const sl_field *field = sl_schema_field(table->schema, i);
            if (strlen(field->name) != n || memcmp(field->name, at, n) != 0) {
                continue;
            }
            int rc = bind_cell(statement, place++, field, sl_batch_column(batch, i), row, scratch);
            if (rc != SQLITE_OK) {
                return sli_db_failed(db, rc, err);
            }
        }
    }
    return SL_OK;
}
