// table.c — a table or query of an SQLite database as a static table: one split, one statement, and
// so rows of one moment.
//
// SQLite types values, not columns. A column's type here is that of its declaration, by SQLite's
// own rules of affinity, or what `schema` says; a value of another kind is SL_E_DATA, never a null.
#include <sqlite3.h>

#include "source/source_int.h"
#include "source/static.h"

#include <strings.h>

typedef struct lite_table {
    sli_source_common common;
    char *path, *select;
} lite_table;

static const sl_option options[] = {
    {.name = "table", .type = SL_OPT_TEXT, .flags = SL_OPT_RESULT, .text = "The table to read."},
    {.name = "query",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "A SELECT whose rows are the table; in place of `table`."},
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Names and types of the columns; without it those that the table declares."},
    {0},
};

// ---------------------------------------------------------------- the database

static sl_code code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_NOMEM:
        return SL_E_NOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return SL_E_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return SL_E_CORRUPT;
    case SQLITE_CANTOPEN:
        return SL_E_NOT_FOUND;
    case SQLITE_ERROR:
        return SL_E_INVALID;
    default:
        return SL_E_IO;
    }
}

static sl_code failed(sqlite3 *handle, int rc, sl_error *err)
{
    return sl_error_set(err, code_of(rc), "SQLite: %s",
                        handle == NULL ? sqlite3_errstr(rc) : sqlite3_errmsg(handle));
}

/// One connection for one statement; both are closed by close_db, also after a failure.
typedef struct opened {
    sqlite3 *handle;
    sqlite3_stmt *rows;
} opened;

static sl_code open_db(const char *path, const char *select, opened *out, sl_error *err)
{
    enum { WAIT_MS = 5000 };
    int rc = sqlite3_open_v2(path, &out->handle, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        (void)sqlite3_busy_timeout(out->handle, WAIT_MS);
        rc = sqlite3_prepare_v2(out->handle, select, -1, &out->rows, NULL);
    }
    if (rc != SQLITE_OK) {
        return failed(out->handle, rc, err);
    }
    return out->rows != NULL && sqlite3_stmt_readonly(out->rows) != 0 &&
                   sqlite3_column_count(out->rows) > 0
               ? SL_OK
               : sl_error_set(err, SL_E_CONFIG, "the query is no SELECT");
}

static void close_db(opened *db)
{
    (void)sqlite3_finalize(db->rows); // repeats the last step's failure
    (void)sqlite3_close(db->handle);
}

// ---------------------------------------------------------------- types

static bool has_word(const char *declared, const char *word)
{
    size_t n = strlen(word);
    for (const char *at = declared; *at != '\0'; at++) {
        if (strncasecmp(at, word, n) == 0) {
            return true;
        }
    }
    return false;
}

/// SQLite's rules of affinity (datatype3.html), in their order; NULL: none says anything.
static const char *type_of(const char *declared)
{
    static const struct {
        const char *word, *type;
    } rules[] = {{"BOOL", "bool"},      {"INT", "int64"},    {"CHAR", "string"},
                 {"CLOB", "string"},    {"TEXT", "string"},  {"BLOB", "binary"},
                 {"REAL", "float64"},   {"FLOA", "float64"}, {"DOUB", "float64"},
                 {"DATE", "string"},    {"TIME", "string"},  {"NUM", "float64"},
                 {"DECIMAL", "float64"}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (has_word(declared, rules[i].word)) {
            return rules[i].type;
        }
    }
    return NULL;
}

static sl_code put_column(sqlite3_stmt *rows, int i, sli_str *out, sl_error *err)
{
    const char *name = sqlite3_column_name(rows, i);
    const char *declared = sqlite3_column_decltype(rows, i);
    const char *type = declared == NULL ? NULL : type_of(declared);
    if (name == NULL) {
        return sl_error_nomem(err, 64, "the columns of a table");
    }
    if (type == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "column \"%.100s\" has %s%.60s: give the types, schema=NAME TYPE?, ...",
                            name, declared == NULL ? "no declared type" : "the type ",
                            declared == NULL ? "" : declared);
    }
    sli_str_printf(out, "%s%s %s?", i == 0 ? "" : ", ", name, type);
    return SL_OK;
}

static sl_code declared_schema(sqlite3_stmt *rows, sli_str *out, sl_error *err)
{
    for (int i = 0; i < sqlite3_column_count(rows); i++) {
        SL_TRY(put_column(rows, i, out, err));
    }
    return sli_str_check(out, "the columns of a table", err);
}

static bool can_hold(sl_type type)
{
    return (type >= SL_BOOL && type <= SL_FLOAT64) || type == SL_DATE || type == SL_TIMESTAMP ||
           type == SL_STRING || type == SL_BINARY;
}

static sl_code check_schema(const sl_schema *schema, int n, sl_error *err)
{
    if (sl_schema_columns(schema) != n) {
        return sl_error_set(err, SL_E_CONFIG, "schema has %d columns, the table has %d",
                            sl_schema_columns(schema), n);
    }
    for (int32_t i = 0; i < n; i++) {
        const sl_field *field = sl_schema_field(schema, i);
        if (!can_hold(field->type)) {
            return sl_error_set(err, SL_E_CONFIG, "column %s: SQLite has no values of its type",
                                field->name);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- opening and closing

static void table_close(sli_source *source)
{
    lite_table *self = (lite_table *)source;
    sl_free(self->path);
    sl_free(self->select);
    sli_source_common_free(&self->common);
}

static sl_code select_of(const sl_conf *conf, char **out, sl_error *err)
{
    const char *table = sl_conf_text(conf, "table"), *query = sl_conf_text(conf, "query");
    sli_str text = {.tag = SLI_TAG_SOURCE};
    if ((table == NULL) == (query == NULL)) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a table or a query is needed: \"sqlite:PATH?table=NAME\" or "
                            "\"sqlite:PATH?query=SELECT...\"");
    }
    if (query != NULL) {
        sli_str_text(&text, query);
    } else {
        sli_str_text(&text, "SELECT * FROM \"");
        for (const char *at = table; *at != '\0'; at++) {
            sli_str_text(&text, *at == '"' ? "\"" : "");
            sli_str_char(&text, *at);
        }
        sli_str_char(&text, '"');
    }
    *out = sli_str_take(&text);
    return *out == NULL ? sl_error_nomem(err, 64, "a query") : SL_OK;
}

static sl_code make(sli_source **out, const char *path, const char *select, const sl_conf *conf,
                    const sli_source_env *env, sl_error *err)
{
    opened db = {0};
    sli_str declared = {.tag = SLI_TAG_SOURCE};
    sli_source_common *common = NULL;
    const char *schema = sl_conf_text(conf, "schema");
    sl_code rc = open_db(path, select, &db, err);
    int n = rc == SL_OK ? sqlite3_column_count(db.rows) : 0;
    if (rc == SL_OK && schema == NULL) {
        rc = declared_schema(db.rows, &declared, err);
        schema = declared.data;
    }
    close_db(&db);
    rc = rc == SL_OK ? sli_source_alloc(&common, sizeof(lite_table), &sli_source_sqlite_table, conf,
                                        env, schema, err)
                     : rc;
    sli_str_reset(&declared);
    if (rc != SL_OK) {
        return rc;
    }
    rc = check_schema(common->schema, n, err);
    if (rc != SL_OK) {
        sli_source_common_free(common);
        return rc;
    }
    *out = &common->base;
    return SL_OK;
}

static sl_code table_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    char *select = NULL, *path = NULL;
    if (sli_env_is_simulated(env->env)) {
        return sl_error_set(err, SL_E_UNSUPPORTED, "SQLite's files are of the real world");
    }
    SL_TRY(select_of(conf, &select, err));
    path = sli_source_text(url->path);
    sl_code rc = path == NULL ? sl_error_nomem(err, url->path.size, "a path")
                              : make(out, path, select, conf, env, err);
    if (rc != SL_OK) {
        rc = sl_error_wrap(err, rc, "table sqlite:%.*s", (int)url->path.size, url->path.data);
        sl_free(path);
        sl_free(select);
        return rc;
    }
    ((lite_table *)*out)->path = path;
    ((lite_table *)*out)->select = select;
    return SL_OK;
}

// ---------------------------------------------------------------- reading

static const char *kind_of(int kind)
{
    return kind == SQLITE_INTEGER ? "an integer"
           : kind == SQLITE_FLOAT ? "a number"
           : kind == SQLITE_TEXT  ? "a text"
                                  : "a blob";
}

/// Text and blobs lie in SQLite until the next step.
static bool put_bytes(sqlite3_stmt *row, int column, const sl_field *field, int kind,
                      sl_builder *out)
{
    const void *data = sqlite3_column_blob(row, column);
    size_t size = (size_t)sqlite3_column_bytes(row, column);
    bool fits = field->type == SL_BINARY ||
                (kind == SQLITE_TEXT && (size == 0 || sli_utf8_check(data, size) == size));
    if (fits) {
        sl_builder_text(out, column, size == 0 ? "" : data, size);
    }
    return fits;
}

/// False: the column can't hold it.
static bool put_value(sqlite3_stmt *row, int column, const sl_field *field, sl_builder *out)
{
    int kind = sqlite3_column_type(row, column);
    if (kind == SQLITE_NULL) {
        sl_builder_null(out, column);
        return field->nullable;
    }
    if (field->type == SL_STRING || field->type == SL_BINARY) {
        return (kind == SQLITE_TEXT || kind == SQLITE_BLOB) &&
               put_bytes(row, column, field, kind, out);
    }
    if (field->type == SL_FLOAT32 || field->type == SL_FLOAT64) {
        sl_builder_float64(out, column, sqlite3_column_double(row, column));
        return kind == SQLITE_INTEGER || kind == SQLITE_FLOAT;
    }
    int64_t value = sqlite3_column_int64(row, column);
    if (field->type == SL_BOOL) {
        sl_builder_bool(out, column, value != 0);
        return kind == SQLITE_INTEGER && (value == 0 || value == 1);
    }
    sl_builder_int64(out, column, value);
    return kind == SQLITE_INTEGER;
}

static sl_code put_row(lite_table *self, sqlite3_stmt *row, int64_t number, sl_builder *out,
                       sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(self->common.schema); i++) {
        const sl_field *field = sl_schema_field(self->common.schema, i);
        if (!put_value(row, i, field, out)) {
            int kind = sqlite3_column_type(row, i);
            return sl_error_set(
                err, SL_E_DATA,
                "row %lld, column %s: %s is not what its type can hold; give another "
                "schema",
                (long long)number, field->name, kind == SQLITE_NULL ? "a null" : kind_of(kind));
        }
    }
    return SL_OK;
}

static sl_code flush(sl_builder *builder, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sl_builder_finish(builder, &batch, err));
    sl_code rc = sl_batch_rows(batch) == 0 ? SL_OK : emit(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code read_rows(lite_table *self, opened *db, sl_builder *builder, sli_emit_fn emit,
                         void *ctx, int64_t *n, sl_error *err)
{
    for (;;) {
        int rc = sqlite3_step(db->rows);
        if (rc == SQLITE_DONE) {
            return flush(builder, emit, ctx, err);
        }
        if (rc != SQLITE_ROW) {
            return failed(db->handle, rc, err);
        }
        SL_TRY(put_row(self, db->rows, ++*n, builder, err));
        if (*n % SLI_BATCH_ROWS == 0) {
            SL_TRY(flush(builder, emit, ctx, err));
        }
    }
}

static sl_code table_read(sli_source *source, sl_bytes range, int32_t split, sli_emit_fn emit,
                          void *ctx, sli_decode_stats *stats, sl_error *err)
{
    lite_table *self = (lite_table *)source;
    sl_builder *builder = NULL;
    opened db = {0};
    int64_t n = 0;
    SL_TRY(sli_static_check_all(source, range, split, err));
    SL_TRY(sl_builder_new(&builder, self->common.schema, err));
    sl_code rc = open_db(self->path, self->select, &db, err);
    if (rc == SL_OK && sqlite3_column_count(db.rows) != sl_schema_columns(self->common.schema)) {
        rc = sl_error_set(err, SL_E_DATA, "the table has got other columns since the job began");
    }
    rc = rc == SL_OK ? read_rows(self, &db, builder, emit, ctx, &n, err) : rc;
    close_db(&db);
    sl_builder_free(builder);
    sli_decode_stats read = {.records = n};
    sli_source_count_stats(&self->common, &read, stats);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "table sqlite:%s", self->path);
}

const sli_source_ops sli_source_sqlite_table = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "sqlite",
    .text = "A table of an SQLite database, or a query, as it is now",
    .kind = SLI_SOURCE_REPLAYABLE,
    .options = options,
    .open = table_open,
    .schema = sli_source_common_schema,
    .restore = sli_static_restore,
    .accept = sli_static_accept,
    .offer = sli_static_offer_all,
    .position = sli_static_position,
    .splits = sli_static_splits_all,
    .read = table_read,
    .close = table_close,
};
