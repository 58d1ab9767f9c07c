// fixture_test.c — see fixture_test.h.
#include "duckdb/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- instances

void slt_duck_ok(slt_duck *d, sl_code rc)
{
    if (rc != SL_OK) {
        fail_msg("%s: %s (at %d)", sl_code_name(rc), d->err.text, (int)d->where.at);
    }
}

void slt_duck_start_with(slt_duck *d, int64_t memory_bytes, const char *spill_dir)
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    *d = (slt_duck){.err = SL_ERROR_INIT, .text = {.tag = SLI_TAG_TEST}};
    assert_int_equal(sli_env_posix(&d->env, NULL), SL_OK);
    const sli_db_conf conf = {
        .struct_size = sizeof conf, .memory_bytes = memory_bytes, .spill_dir = spill_dir};
    slt_duck_ok(d,
                sli_dbs_new(&d->dbs, d->env, SLT_BUILD_DIR "/lib/sluice", "SQL", &conf, &d->err));
}

void slt_duck_start(slt_duck *d)
{
    slt_duck_start_with(d, 256 << 20, NULL);
}

void slt_duck_end(slt_duck *d)
{
    sli_dbs_free(d->dbs);
    sli_env_free(d->env);
    sli_str_reset(&d->text);
}

// ---------------------------------------------------------------- batches

static void append(sl_builder *builder, int32_t column, const char *cell)
{
    const sl_field *field = sl_schema_field(sl_builder_schema(builder), column);
    if (strcmp(cell, "~") == 0) {
        sl_builder_null(builder, column);
    } else if (field->type == SL_BOOL) {
        sl_builder_bool(builder, column, strcmp(cell, "true") == 0);
    } else if (field->type == SL_FLOAT32 || field->type == SL_FLOAT64) {
        sl_builder_float64(builder, column, strtod(cell, NULL));
    } else if (field->type == SL_STRING || field->type == SL_BINARY) {
        sl_builder_text(builder, column, cell, strlen(cell));
    } else {
        sl_builder_int64(builder, column, strtoll(cell, NULL, 10));
    }
}

sl_batch *slt_duck_batch(const char *schema, const char *rows)
{
    sl_schema *s = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_schema_parse(&s, schema, &err), SL_OK);
    assert_int_equal(sl_builder_new(&builder, s, &err), SL_OK);
    char *copy = strdup(rows), *rest = copy;
    int32_t column = 0, n = sl_schema_columns(s);
    for (char *cell; *rows != '\0' && (cell = strsep(&rest, ",;")) != NULL;) {
        append(builder, column, cell);
        column = (column + 1) % n;
    }
    free(copy);
    sl_code rc = sl_builder_finish(builder, &batch, &err);
    if (rc != SL_OK) {
        fail_msg("%s", err.text);
    }
    sl_builder_free(builder);
    sl_schema_unref(s);
    return batch;
}

static void put_int(sli_str *out, const sl_column *c, int64_t row)
{
    switch (c->type) {
    case SL_INT8:
        sli_str_printf(out, "%d", ((const int8_t *)c->values)[row]);
        break;
    case SL_INT16:
        sli_str_printf(out, "%d", ((const int16_t *)c->values)[row]);
        break;
    case SL_UINT8:
        sli_str_printf(out, "%u", ((const uint8_t *)c->values)[row]);
        break;
    case SL_UINT16:
        sli_str_printf(out, "%u", ((const uint16_t *)c->values)[row]);
        break;
    case SL_INT32:
    case SL_DATE:
        sli_str_printf(out, "%d", ((const int32_t *)c->values)[row]);
        break;
    case SL_UINT32:
        sli_str_printf(out, "%u", ((const uint32_t *)c->values)[row]);
        break;
    case SL_UINT64:
        sli_str_printf(out, "%llu", (unsigned long long)((const uint64_t *)c->values)[row]);
        break;
    default:
        sli_str_printf(out, "%lld", (long long)((const int64_t *)c->values)[row]);
    }
}

/// Without its scale.
static void put_decimal(sli_str *out, const sl_column *c, int64_t row)
{
    __extension__ __int128 value;
    char digits[48], *at = digits + sizeof digits - 1;
    memcpy(&value, (const char *)c->values + row * 16, 16);
    bool minus = value < 0;
    *at = '\0';
    do {
        int digit = (int)(value % 10);
        *--at = (char)('0' + (digit < 0 ? -digit : digit));
        value /= 10;
    } while (value != 0);
    sli_str_printf(out, "%s%s", minus ? "-" : "", at);
}

static void put_cell(sli_str *out, const sl_column *c, int64_t row)
{
    if (sl_column_is_null(c, row)) {
        sli_str_text(out, "~");
    } else if (c->type == SL_STRING || c->type == SL_BINARY) {
        sl_text text = sl_column_text(c, row);
        sli_str_add(out, text.data, text.size);
    } else if (c->type == SL_BOOL) {
        sli_str_text(out, sl_column_bool(c, row) ? "true" : "false");
    } else if (c->type == SL_FLOAT64) {
        sli_str_printf(out, "%.17g", sl_column_float64(c, row));
    } else if (c->type == SL_FLOAT32) {
        sli_str_printf(out, "%.9g", (double)((const float *)c->values)[row]);
    } else if (c->type == SL_DECIMAL) {
        put_decimal(out, c, row);
    } else if (c->type == SL_LIST) {
        const int32_t *offsets = c->values;
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
            sli_str_char(out, i == offsets[row] ? '[' : ' ');
            put_cell(out, c->children, i);
        }
        sli_str_text(out, offsets[row] == offsets[row + 1] ? "[]" : "]");
    } else if (c->type == SL_STRUCT) {
        for (int32_t i = 0; i < c->n_children; i++) {
            sli_str_char(out, i == 0 ? '{' : ' ');
            put_cell(out, &c->children[i], row);
        }
        sli_str_char(out, '}');
    } else {
        put_int(out, c, row);
    }
}

void slt_duck_put_batch(sli_str *out, const sl_batch *batch)
{
    int32_t n = sl_schema_columns(sl_batch_schema(batch));
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        for (int32_t i = 0; i < n; i++) {
            sli_str_text(out, i > 0 ? "," : "");
            put_cell(out, sl_batch_column(batch, i), row);
        }
        sli_str_char(out, ';');
    }
}

// ---------------------------------------------------------------- statements

void slt_duck_table(slt_duck *d, const char *name, const char *schema)
{
    sl_schema *s = NULL;
    slt_duck_ok(d, sl_schema_parse(&s, schema, &d->err));
    slt_duck_ok(d, sli_dbs_table(d->dbs, name, s, -1, &d->err));
    sl_schema_unref(s);
}

int32_t slt_duck_prepare(slt_duck *d, const char *sql)
{
    sl_schema *schema = NULL;
    int32_t number = -1;
    slt_duck_ok(d, sli_dbs_prepare(d->dbs, sql, &number, &schema, &d->where, &d->err));
    sl_schema_unref(schema);
    return number;
}

static sl_code put_rows(void *ctx, sl_batch *rows, sl_error *err)
{
    (void)err;
    slt_duck_put_batch(ctx, rows);
    return SL_OK;
}

const char *slt_duck_run(slt_duck *d, int32_t number, const sli_dbs_rows *rows, int32_t n_rows)
{
    sli_str_clear(&d->text);
    sli_str_text(&d->text, "");
    slt_duck_ok(d, sli_dbs_run(d->dbs, number, rows, n_rows, 1000000, NULL, 0, put_rows, &d->text,
                               &d->err));
    return d->text.data;
}

const char *slt_duck_ask(slt_duck *d, const char *sql)
{
    return slt_duck_run(d, slt_duck_prepare(d, sql), NULL, 0);
}

void slt_duck_refused(slt_duck *d, const char *sql, sl_code code)
{
    sl_schema *schema = NULL;
    int32_t number = -1;
    d->err = SL_ERROR_INIT;
    sl_code rc = sli_dbs_prepare(d->dbs, sql, &number, &schema, &d->where, &d->err);
    sl_schema_unref(schema);
    if (rc == SL_OK) {
        sli_str_clear(&d->text);
        rc = sli_dbs_run(d->dbs, number, NULL, 0, 0, NULL, 0, put_rows, &d->text, &d->err);
    }
    if (rc != code) {
        fail_msg("%s: %s and not %s: %s", sql, sl_code_name(rc), sl_code_name(code), d->err.text);
    }
}
