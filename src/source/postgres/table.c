// table.c — a table or query of a PostgreSQL server as a static table: one split, one statement.
//
// Rows come as CSV and are decoded by the csv format as they come, so a table of any size takes the
// memory of a piece.
#include "source/postgres/pgtable_int.h"
#include "source/static.h"

typedef struct pg_table {
    sli_source_common common;
    sl_arena *arena; // the texts of `what`
    sli_pg_what what;
    sli_pg_settings *settings;
    const sli_pg_ops *client; // behind the gate
    sl_conf *csv;
    int64_t timeout_us;
    const _Atomic int64_t *end_us; // sli_source_env
} pg_table;

static const sl_option options[] = {
    {.name = "query",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "A SELECT whose rows are the table; without it all rows of the URL's table."},
    {.name = "timeout",
     .type = SL_OPT_DURATION,
     .fallback = "60s",
     .low = "1s",
     .high = "1h",
     .text = "How long the server may take for an answer, and between two pieces of rows."},
    SLI_PG_OPTIONS,
    {0},
};

static sl_code connect_to(const pg_table *self, sl_env *env, sli_pg **out, sl_error *err)
{
    sli_pg_conf conf = sli_pg_conf_of(self->settings);
    conf.inner = self->client;
    conf.end_us = self->end_us;
    return sli_pg_gate.open(out, &conf, sli_env_mono_us(env) + self->timeout_us, err);
}

// ---------------------------------------------------------------- opening and closing

static void free_parts(pg_table *self)
{
    sl_conf_free(self->csv);
    sli_pg_settings_free(self->settings);
    sl_arena_free(self->arena);
}

static void table_close(sli_source *source)
{
    free_parts((pg_table *)source);
    sli_source_common_free((sli_source_common *)source);
}

static sl_code read_what(pg_table *self, const sli_url *url, const sl_conf *conf, sl_error *err)
{
    const char *query = sl_conf_text(conf, "query");
    SL_TRY(sli_pg_table_of(url, self->arena, &self->what.schema, &self->what.table, err));
    if ((query == NULL) == (self->what.table[0] == '\0')) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a table or a query is needed: \"postgres://HOST/DATABASE/TABLE\" or "
                            "\"postgres://HOST/DATABASE?query=SELECT...\"");
    }
    self->what.query = query; // the conf lives as long as the source
    return SL_OK;
}

static sl_code open_parts(pg_table *self, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    const sl_option *tables[] = {sli_format_csv.options, NULL};
    self->arena = sl_arena_new(SLI_TAG_SOURCE);
    if (self->arena == NULL) {
        return sl_error_nomem(err, sizeof *self, "a table");
    }
    self->timeout_us = sl_conf_int64(conf, "timeout");
    self->end_us = env->end_us;
    SL_TRY(read_what(self, url, conf, err));
    SL_TRY(sl_conf_new(&self->csv, "rows of PostgreSQL", tables, err));
    SL_TRY(sli_pg_settings_new(&self->settings, url, conf, env->env, err));
    return sli_pg_load(&self->client, self->settings, env->modules, err);
}

static sl_code ask_schema(const pg_table *self, const sli_source_env *env, sli_str *out,
                          sl_error *err)
{
    sli_pg *pg = NULL;
    SL_TRY(connect_to(self, env->env, &pg, err));
    sl_code rc = sli_pg_table_schema(pg, &self->what, sli_env_mono_us(env->env) + self->timeout_us,
                                     out, err);
    sli_pg_gate.close(pg);
    return rc;
}

static sl_code table_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    pg_table parts = {0};
    sli_source_common *common = NULL;
    sli_str schema = {.tag = SLI_TAG_SOURCE};
    sl_code rc = open_parts(&parts, url, conf, env, err);
    rc = rc == SL_OK ? ask_schema(&parts, env, &schema, err) : rc;
    rc = rc == SL_OK ? sli_source_alloc(&common, sizeof(pg_table), &sli_source_postgres_table, conf,
                                        env, schema.data, err)
                     : rc;
    sli_str_reset(&schema);
    if (rc != SL_OK) {
        free_parts(&parts);
        return rc;
    }
    parts.common = *common;
    *(pg_table *)common = parts;
    *out = &common->base;
    return SL_OK;
}

// ---------------------------------------------------------------- reading

/// Bytes on their way to rows.
typedef struct reading {
    sli_records *records;
    int64_t at;
    sli_emit_fn emit;
    void *ctx;
} reading;

static const char rows_name[] = "rows of PostgreSQL";

static sl_code take_piece(void *ctx, const char *data, size_t size, sl_error *err)
{
    reading *r = ctx;
    sli_buffer *buffer = sli_buffer_new((int64_t)size);
    if (buffer == NULL) {
        return sl_error_nomem(err, size, "a piece of a table");
    }
    memcpy(sli_buffer_data(buffer), data, size);
    sl_code rc = sli_records_feed(r->records, buffer, 0, (int64_t)size, r->at, rows_name, false,
                                  r->emit, r->ctx, err);
    sli_buffer_unref(buffer);
    r->at += (int64_t)size;
    return rc;
}

static sl_code read_rows(pg_table *self, reading *r, sl_error *err)
{
    sli_pg *pg = NULL;
    SL_TRY(connect_to(self, self->common.env.env, &pg, err));
    sl_code rc = sli_pg_gate.read(pg, &self->what, self->timeout_us, take_piece, r, err);
    sli_pg_gate.close(pg);
    return rc == SL_OK ? sli_records_feed(r->records, NULL, 0, 0, r->at, rows_name, true, r->emit,
                                          r->ctx, err)
                       : rc;
}

static sl_code table_read(sli_source *source, sl_bytes range, int32_t split, sli_emit_fn emit,
                          void *ctx, sli_decode_stats *stats, sl_error *err)
{
    pg_table *self = (pg_table *)source;
    reading r = {.emit = emit, .ctx = ctx};
    SL_TRY(sli_static_check_all(source, range, split, err));
    SL_TRY(sli_records_new(&r.records, &sli_format_csv, self->csv, self->common.schema, err));
    sl_code rc = read_rows(self, &r, err);
    sli_source_count_stats(&self->common, sli_records_stats(r.records), stats);
    sli_records_free(r.records);
    return rc;
}

const sli_source_ops sli_source_postgres_table = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "postgres",
    .text = "A table of a PostgreSQL server, or a query, as it is now",
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
