// Static tables: rows that are the same in every epoch, read once, when the first query that names
// them is defined. What changes in the file afterwards is not seen by this run.
//
//     planes.csv, planes.parquet, planes.json, ref.duckdb?table=planes   by DuckDB
//     planes.csv?schema=..., hdfs:, kafka:, postgres:, ref.sqlite?...    by a source (source.h)
//
// DuckDB finds the types of a text file out; a source is told them by ?schema=.
#include "sql/select.h"

#include <strings.h>

// ---------------------------------------------------------------- which way

typedef enum way { BY_SOURCE, BY_CSV, BY_PARQUET, BY_JSON, BY_DUCKDB } way;

static const sl_option csv_options[] = {
    {.name = "format", .type = SL_OPT_TEXT, .text = "How the file is read: csv."},
    {.name = "delimiter",
     .type = SL_OPT_TEXT,
     .text = "What stands between two cells; by itself what the file looks like."},
    {.name = "header",
     .type = SL_OPT_BOOL,
     .fallback = "true",
     .text = "Whether the first line has the names of the columns."},
    {.name = "null", .type = SL_OPT_TEXT, .text = "The text of a cell that has no value."},
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .text = "Names and types of the columns; without it they are found out."},
    {0},
};
static const sl_option plain_options[] = {
    {.name = "format", .type = SL_OPT_TEXT, .text = "How the file is read: parquet, json."},
    {0},
};
static const sl_option duckdb_options[] = {
    {.name = "format", .type = SL_OPT_TEXT, .text = "How the file is read: duckdb."},
    {.name = "table",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_REQUIRED,
     .text = "The table of the database."},
    {0},
};

typedef struct ending {
    const char *text;
    way way;
} ending;

static const ending endings[] = {
    {".csv", BY_CSV},     {".tsv", BY_CSV},         {".csv.gz", BY_CSV},     {".tsv.gz", BY_CSV},
    {".csv.zst", BY_CSV}, {".parquet", BY_PARQUET}, {".json", BY_JSON},      {".ndjson", BY_JSON},
    {".jsonl", BY_JSON},  {".json.gz", BY_JSON},    {".ndjson.gz", BY_JSON}, {".duckdb", BY_DUCKDB},
};
static const char *const sqlite_endings[] = {".sqlite", ".sqlite3", NULL};

static bool ends_with(sl_text text, const char *end)
{
    size_t n = strlen(end);
    return text.size >= n && strncasecmp(text.data + text.size - n, end, n) == 0;
}

/// The value of an option of the query as it stands, undecoded; without one an empty text.
static sl_text option_of(sl_text query, const char *name)
{
    size_t n = strlen(name);
    for (size_t at = 0; at < query.size;) {
        const char *next = memchr(query.data + at, '&', query.size - at);
        size_t end = next == NULL ? query.size : (size_t)(next - query.data);
        if (end - at > n && memcmp(query.data + at, name, n) == 0 && query.data[at + n] == '=') {
            return (sl_text){query.data + at + n + 1, end - at - n - 1};
        }
        at = end + 1;
    }
    return (sl_text){"", 0};
}

static way way_by_ending(const sli_url *url)
{
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        if (ends_with(url->path, endings[i].text)) {
            return endings[i].way;
        }
    }
    return BY_SOURCE;
}

static way way_of(const sli_url *url)
{
    static const ending formats[] = {
        {"csv", BY_CSV}, {"parquet", BY_PARQUET}, {"json", BY_JSON}, {"duckdb", BY_DUCKDB}};
    sl_text format = option_of(url->query, "format");
    way found = format.size == 0 ? way_by_ending(url) : BY_SOURCE;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        found = sli_text_is(format, formats[i].text) ? formats[i].way : found;
    }
    // Its own readers know the schema, take directories and run in every world.
    bool is_told = (found == BY_CSV || found == BY_JSON || found == BY_PARQUET) &&
                   option_of(url->query, "schema").size > 0;
    return !sli_text_is(url->scheme, "file") || is_told ? BY_SOURCE : found;
}

// ---------------------------------------------------------------- rows

/// Rows are told apart by their cells and their order, not by how they came in batches.
static sl_code add_content(sli_static *table, const sl_batch *batch, sl_error *err)
{
    int32_t n = sl_schema_columns(sl_batch_schema(batch));
    int64_t n_rows = sl_batch_rows(batch);
    size_t bytes = (size_t)n_rows * sizeof(uint64_t) + (size_t)n * sizeof(int32_t);
    uint64_t *hashes = sl_alloc(SLI_TAG_STREAM, bytes);
    if (hashes == NULL) {
        return sl_error_nomem(err, bytes, "the hash of a table");
    }
    int32_t *columns = (int32_t *)(hashes + n_rows);
    for (int32_t i = 0; i < n; i++) {
        columns[i] = i;
    }
    sli_batch_hash(batch, columns, n, hashes);
    for (int64_t i = 0; i < n_rows; i++) {
        table->content = sli_mix64(table->content ^ hashes[i]);
    }
    sl_free(hashes);
    return SL_OK;
}

/// A static table is in memory whole, for as long as the job: it must fit in what the job may have.
static sl_code check_size(const sli_static *table, sl_error *err)
{
    return table->bytes <= table->most_bytes
               ? SL_OK
               : sl_error_set(err, SL_E_NO_SPACE,
                              "%.200s: a static table is kept in memory, and more than %lld bytes "
                              "of it do not fit in `memory` (%lld bytes): give that more, or the "
                              "table fewer columns and rows",
                              table->url, (long long)table->bytes, (long long)table->most_bytes);
}

static sl_code keep_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_static *table = ctx;
    if (table->schema == NULL) {
        table->schema = sl_schema_ref(sl_batch_schema(batch));
    }
    if (sl_batch_rows(batch) == 0) {
        return SL_OK;
    }
    table->bytes += sl_batch_bytes(batch);
    SL_TRY(check_size(table, err));
    SL_TRY(add_content(table, batch, err));
    if (table->n == table->capacity) {
        int32_t capacity = table->capacity == 0 ? 16 : table->capacity * 2;
        sl_batch **grown =
            sl_realloc(SLI_TAG_STREAM, table->batches, (size_t)capacity * sizeof(sl_batch *));
        if (grown == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof(sl_batch *), "rows of a table");
        }
        table->batches = grown;
        table->capacity = capacity;
    }
    table->batches[table->n++] = sl_batch_ref(batch);
    table->n_rows += sl_batch_rows(batch);
    return SL_OK;
}

// ---------------------------------------------------------------- by DuckDB

static void put_quoted(sli_str *out, char quote, const char *text, size_t size)
{
    sli_str_char(out, quote);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == quote) {
            sli_str_char(out, quote);
        }
        sli_str_char(out, text[i]);
    }
    sli_str_char(out, quote);
}

static void put_csv(sli_str *out, const sl_conf *conf, const sli_url *url)
{
    const char *delimiter = sl_conf_text(conf, "delimiter");
    const char *null = sl_conf_text(conf, "null");
    sli_str_text(out, "SELECT * FROM read_csv(");
    put_quoted(out, '\'', url->path.data, url->path.size);
    sli_str_printf(out, ", header = %s", sl_conf_bool(conf, "header") ? "true" : "false");
    if (delimiter != NULL) {
        sli_str_text(out, ", delim = ");
        put_quoted(out, '\'', delimiter, strlen(delimiter));
    } else if (ends_with(url->path, ".tsv") || ends_with(url->path, ".tsv.gz")) {
        sli_str_text(out, ", delim = '\t'");
    }
    if (null != NULL) {
        sli_str_text(out, ", nullstr = ");
        put_quoted(out, '\'', null, strlen(null));
    }
    sli_str_char(out, ')');
}

static void put_select(sli_str *out, way by, const sl_conf *conf, const sli_url *url)
{
    if (by == BY_CSV) {
        put_csv(out, conf, url);
    } else if (by == BY_DUCKDB) {
        const char *table = sl_conf_text(conf, "table");
        sli_str_text(out, "SELECT * FROM db.");
        put_quoted(out, '"', table, strlen(table));
    } else {
        sli_str_text(out,
                     by == BY_PARQUET ? "SELECT * FROM read_parquet(" : "SELECT * FROM read_json(");
        put_quoted(out, '\'', url->path.data, url->path.size);
        sli_str_char(out, ')');
    }
}

static sl_code check_path(const sli_sql *sql, const sli_url *url, sl_error *err)
{
    if (sli_env_is_simulated(sql->env)) {
        return sl_error_set(err, SL_E_UNSUPPORTED,
                            "%.*s: DuckDB reads files of the real world only; with ?schema= Sluice "
                            "reads it itself",
                            (int)url->path.size, url->path.data);
    }
    if (url->path.size == 0 || url->path.data[url->path.size - 1] == '/') {
        return sl_error_set(err, SL_E_CONFIG,
                            "%.*s is a directory: name its files (DIR/*.parquet), or give a schema",
                            (int)url->path.size, url->path.data);
    }
    return SL_OK;
}

static sl_code conf_of(way by, const sli_url *url, sl_conf **out, sl_error *err)
{
    const sl_option *tables[] = {by == BY_CSV      ? csv_options
                                 : by == BY_DUCKDB ? duckdb_options
                                                   : plain_options,
                                 NULL};
    sl_conf *conf = NULL;
    SL_TRY(sl_conf_new(&conf, "table", tables, err));
    sl_code rc = sl_conf_parse_query(conf, url->query, err);
    rc = rc == SL_OK ? sl_conf_check(conf, err) : rc;
    if (rc != SL_OK) {
        sl_conf_free(conf);
        return rc;
    }
    *out = conf;
    return SL_OK;
}

/// Of what DuckDB finds whole by itself (Parquet, its own files) nothing is looked at.
static sl_code check_whole(sli_sql *sql, const sli_url *url, sl_error *err)
{
    if (!ends_with(url->path, ".gz") && !ends_with(url->path, ".zst")) {
        return SL_OK;
    }
    sli_str quoted = {.tag = SLI_TAG_STREAM};
    put_quoted(&quoted, '\'', url->path.data, url->path.size);
    sl_code rc = sli_str_check(&quoted, "the path of a table", err);
    rc = rc == SL_OK ? sli_sql_check_whole(sql, quoted.data, err) : rc;
    sli_str_reset(&quoted);
    return rc;
}

static sl_code by_duckdb(sli_sql *sql, way by, const sli_url *url, sli_static *table, sl_error *err)
{
    sl_conf *conf = NULL;
    sli_db_where where = {-1};
    sli_str select = {.tag = SLI_TAG_STREAM}, path = {.tag = SLI_TAG_STREAM};
    SL_TRY(check_path(sql, url, err));
    SL_TRY(check_whole(sql, url, err));
    SL_TRY(conf_of(by, url, &conf, err));
    put_select(&select, by, conf, url);
    sli_str_add(&path, url->path.data, url->path.size);
    sl_code rc = sli_str_check(&select, "the query of a table", err);
    rc = rc == SL_OK ? sli_str_check(&path, "the path of a table", err) : rc;
    if (rc == SL_OK) {
        rc = sli_dbs_read(sql->dbs, select.data, by == BY_DUCKDB ? path.data : NULL, &where,
                          keep_rows, table, err);
    }
    (void)sli_plain_failure(rc, err);
    if (by == BY_CSV && rc == SL_E_DATA) { // its own reader says which line
        rc = sl_error_wrap(err, rc, "without types (?header=true&schema=NAME TYPE, ...)");
    }
    sli_str_reset(&path);
    sli_str_reset(&select);
    sl_conf_free(conf);
    return rc;
}

// ---------------------------------------------------------------- by a source

static bool is_sqlite(const sli_url *url)
{
    for (int32_t i = 0; sqlite_endings[i] != NULL; i++) {
        if (ends_with(url->path, sqlite_endings[i])) {
            return true;
        }
    }
    return false;
}

/// "ref.sqlite?table=t" is "sqlite:ref.sqlite?table=t"; a file's ending says its format.
static void put_url(sli_str *out, const char *text, const sli_url *url)
{
    if (!sli_text_is(url->scheme, "file") || option_of(url->query, "format").size > 0) {
        sli_str_text(out, text);
    } else if (is_sqlite(url)) {
        sli_str_printf(out, "sqlite:%.*s?%.*s", (int)url->path.size, url->path.data,
                       (int)url->query.size, url->query.size == 0 ? "" : url->query.data);
    } else {
        way by = way_by_ending(url);
        bool is_tsv = ends_with(url->path, ".tsv") || ends_with(url->path, ".tsv.gz");
        sli_str_printf(out, "%s%s%s", text,
                       by == BY_CSV       ? "&format=csv"
                       : by == BY_JSON    ? "&format=json"
                       : by == BY_PARQUET ? "&format=parquet"
                                          : "",
                       is_tsv ? "&delimiter=%09" : "");
    }
}

static sl_code by_source(const sli_sql *sql, const char *text, const sli_url *url,
                         sli_static *table, sl_error *err)
{
    sl_schema *schema = NULL;
    sli_str whole = {.tag = SLI_TAG_STREAM};
    put_url(&whole, text, url);
    sl_code rc = sli_str_check(&whole, "the URL of a table", err);
    rc = rc == SL_OK ? sli_table_read(&sql->source_env, whole.size == 0 ? text : whole.data,
                                      &schema, keep_rows, table, err)
                     : rc;
    sli_str_reset(&whole);
    if (rc == SL_OK) {
        sl_schema_unref(table->schema); // its batches' may be equal and another
        table->schema = schema;
    }
    return rc;
}

// ---------------------------------------------------------------- tables by URL

static void free_table(sli_static *table)
{
    for (int32_t i = 0; i < table->n; i++) {
        sl_batch_unref(table->batches[i]);
    }
    sl_free(table->batches);
    sl_schema_unref(table->schema);
}

static sl_code read_table(sli_sql *sql, const char *text, sli_static *table, sl_error *err)
{
    sli_url url;
    SL_TRY(sli_url_parse(text, &url, err));
    way by = way_of(&url);
    return by == BY_SOURCE ? by_source(sql, text, &url, table, err)
                           : by_duckdb(sql, by, &url, table, err);
}

static void add_table(sli_sql *sql, sli_static *made)
{
    const char *schema = sl_schema_text(made->schema);
    made->content = sli_mix64(made->content ^ sli_hash64(schema, strlen(schema)));
    made->next = sql->statics;
    sql->statics = made;
}

sl_code sli_sql_static(sli_sql *sql, const char *url, const sli_static **out, sl_error *err)
{
    for (const sli_static *known = sql->statics; known != NULL; known = known->next) {
        if (strcmp(known->url, url) == 0) {
            *out = known;
            return SL_OK;
        }
    }
    sli_static *made = sl_arena_alloc_zero(sql->arena, sizeof *made);
    char *copy = sl_arena_strdup(sql->arena, url);
    if (made == NULL || copy == NULL) {
        return sl_error_nomem(err, sizeof *made, "a static table");
    }
    made->url = copy;
    made->most_bytes = sql->table_bytes;
    sl_code rc = read_table(sql, url, made, err);
    if (rc != SL_OK) {
        free_table(made);
        return rc;
    }
    add_table(sql, made);
    *out = made;
    return SL_OK;
}

// ---------------------------------------------------------------- tables of tables

/// Batches as DuckDB gives them, under the names that the SELECT has for its columns.
static sl_code keep_named(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_static *table = ctx;
    sl_batch *named = NULL;
    SL_TRY(sli_batch_rename(batch, table->schema, &named, err));
    sl_code rc = keep_rows(table, named, err);
    sl_batch_unref(named);
    return rc;
}

static sl_code run_once(const sli_select *select, sli_static *table, sl_error *err)
{
    sli_dbs_rows rows[SLI_MAX_FROM];
    for (int32_t i = 0; i < select->n_tables; i++) {
        const sli_select_table *of = &select->tables[i];
        rows[i] = (sli_dbs_rows){of->table, of->fixed->batches, of->fixed->n};
    }
    sl_code rc = sli_dbs_run(select->sql->dbs, select->number, rows, select->n_tables, 0, NULL, 0,
                             keep_named, table, err);
    return sli_plain_failure(rc, err);
}

sl_code sli_sql_static_of(sli_sql *sql, const char *name, const sli_select *select,
                          const sli_static **out, sl_error *err)
{
    sli_static *made = sl_arena_alloc_zero(sql->arena, sizeof *made);
    char *url = sl_arena_printf(sql->arena, "view:%s", name);
    if (made == NULL || url == NULL) {
        return sl_error_nomem(err, sizeof *made, "a static table");
    }
    *made = (sli_static){
        .url = url, .most_bytes = sql->table_bytes, .schema = sl_schema_ref(select->schema)};
    sl_code rc = run_once(select, made, err);
    if (rc != SL_OK) {
        free_table(made);
        return rc;
    }
    add_table(sql, made);
    *out = made;
    return SL_OK;
}

void sli_statics_free(sli_sql *sql)
{
    for (sli_static *table = sql->statics; table != NULL; table = table->next) {
        free_table(table);
    }
}

const sl_schema *sli_static_schema(const sli_static *table)
{
    return table->schema;
}

int64_t sli_static_rows(const sli_static *table)
{
    return table->n_rows;
}
