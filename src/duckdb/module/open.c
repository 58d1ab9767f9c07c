/// open.c — the module sql_duckdb: its table, and an instance from open to close.
///
/// Settings are of two kinds: those that make equal instances give equal rows (one thread, order
/// kept, UTC), and those that keep an instance from reaching anything by itself (no extension is
/// fetched or loaded, no secrets are looked for in a home).
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duckdb/module/duck_int.h"

static const char *const settings[][2] = {
    {"threads", "1"},
    {"preserve_insertion_order", "true"},
    {"TimeZone", "UTC"},
    {"errors_as_json", "true"},
    {"autoload_known_extensions", "false"},
    {"autoinstall_known_extensions", "false"},
    {"allow_community_extensions", "false"},
    {"allow_persistent_secrets", "false"},
    {"allocator_background_threads", "false"},
    {"enable_progress_bar", "false"},
    {"enable_external_file_cache", "false"}, // by path, and a handle's path is used again
};

static sl_code set(sli_db *self, const char *name, const char *value, sl_error *err)
{
    char *quoted = duck_quote(value, '\'');
    char *sql = quoted == NULL ? NULL : duck_text("SET %s = %s", name, quoted);
    sl_code rc = sql == NULL ? duck_nomem(err) : duck_do(self, sql, err);
    free(quoted);
    free(sql);
    if (rc != SL_OK && rc != SL_E_NOMEM && err != NULL) {
        char text[SL_ERROR_TEXT_BYTES];
        (void)snprintf(text, sizeof text, "%s", err->text);
        return duck_fail(err, SL_E_CONFIG, "DuckDB's setting %s = %s: %.380s", name, value, text);
    }
    return rc;
}

/// The place to spill is no part of the limit by itself: DuckDB's own is 90 % of what was free when
/// it looked, and a disk that is full says so by itself.
static sl_code set_limits(sli_db *self, const sli_db_conf *conf, sl_error *err)
{
    char bytes[32];
    (void)snprintf(bytes, sizeof bytes, "%lldB", (long long)conf->memory_bytes);
    SL_TRY(set(self, "memory_limit", bytes, err));
    SL_TRY(set(self, "temp_directory", conf->spill_dir == NULL ? "" : conf->spill_dir, err));
    return conf->spill_dir == NULL ? SL_OK : set(self, "max_temp_directory_size", "1000000GB", err);
}

static sl_code attach(sli_db *self, const char *path, sl_error *err)
{
    char *quoted = duck_quote(path, '\'');
    char *sql =
        quoted == NULL ? NULL : duck_text("ATTACH %s AS db (READ_ONLY, TYPE duckdb)", quoted);
    sl_code rc = sql == NULL ? duck_nomem(err) : duck_do(self, sql, err);
    free(sql);
    free(quoted);
    return rc;
}

/// From here on no statement reaches a setting nor, unless it was opened to read files, anything
/// outside. Spilling goes on.
static sl_code lock(sli_db *self, sl_error *err)
{
    if (!self->reads_files) {
        SL_TRY(set(self, "enable_external_access", "false", err));
    }
    return set(self, "lock_configuration", "true", err);
}

static sl_code start(sli_db *self, const sli_db_conf *conf, sl_error *err)
{
    duckdb_config config = NULL;
    char *why = NULL;
    if (duckdb_create_config(&config) == DuckDBError) {
        return duck_nomem(err);
    }
    (void)duckdb_set_config(config, "threads", "1"); // before a second one is started
    duckdb_state state = duckdb_open_ext(NULL, &self->database, config, &why);
    duckdb_destroy_config(&config);
    if (state == DuckDBError) {
        sl_code rc = duck_fail(err, SL_E_NOMEM, "DuckDB does not open: %.400s",
                               why == NULL ? "it gave no reason" : why);
        duckdb_free(why);
        return rc;
    }
    if (duckdb_connect(self->database, &self->connection) == DuckDBError) {
        return duck_nomem(err);
    }
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        SL_TRY(set(self, settings[i][0], settings[i][1], err));
    }
    SL_TRY(set_limits(self, conf, err));
    SL_TRY(duck_add_scan(self, err));
    SL_TRY(duck_add_time(self, err));
    if (conf->attach != NULL) {
        SL_TRY(attach(self, conf->attach, err));
    }
    return lock(self, err);
}

sl_code duck_open(sli_db **out, const sli_db_conf *conf, sl_error *err)
{
    sli_db *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return duck_nomem(err);
    }
    self->last_table = &self->tables;
    self->reads_files = conf->reads_files;
    sl_code rc = start(self, conf, err);
    if (rc != SL_OK) {
        duck_close(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void duck_close(sli_db *self)
{
    if (self == NULL) {
        return;
    }
    duckdb_disconnect(&self->connection);
    duckdb_close(&self->database);
    while (self->tables != NULL) {
        duck_table *next = self->tables->next;
        duck_types_free(self->tables->columns, self->tables->n_columns);
        free(self->tables->name);
        free(self->tables);
        self->tables = next;
    }
    duck_free_functions(self);
    free(self);
}

// ---------------------------------------------------------------- the table

static char version[64];

static sli_db_ops table = {
    .struct_size = sizeof(sli_db_ops),
    .version = version,
    .open = duck_open,
    .close = duck_close,
    .parse = duck_parse,
    .print = duck_print,
    .functions = duck_functions,
    .table = duck_add_table,
    .columns = duck_columns,
    .function = duck_add_function,
    .prepare = duck_prepare,
    .free_query = duck_free_query,
    .run = duck_run,
    .interrupt = duck_interrupt,
    .file_open = duck_file_open,
    .file_new = duck_file_new,
    .file_add = duck_file_add,
    .file_path = duck_file_path,
    .file_close = duck_file_close,
    .alias = duck_add_alias,
};

/// What runs, not what it was built with: a system's own DuckDB may have been renewed.
static void set_version(void)
{
    const char *number = duckdb_library_version();
    (void)snprintf(version, sizeof version, "DuckDB %s", number + (*number == 'v'));
}

const sli_module *SLI_MODULE_ENTRY(void);

__attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const sli_module module = {.struct_size = sizeof(sli_module),
                                      .name = "sql_duckdb",
                                      .needs = "DuckDB " SL_LIBRARY_VERSION,
                                      .abi = SLI_DB_ABI,
                                      .table = &table};
    (void)pthread_once(&once, set_version);
    return &module;
}
