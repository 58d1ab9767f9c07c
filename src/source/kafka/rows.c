// rows.c — records that were fetched, to rows: the columns beside the value, then the value's.
//
// Values are read a run at a time (format/values.h); each batch comes with the numbers of its
// records in the chunk, by which the other columns are made to fit.
#include "source/kafka/columns_int.h"

#include <inttypes.h>
#include <stdio.h>

struct kafka_rows {
    sli_values *values;
    kafka_columns *columns;
    sl_schema *schema;
    kafka_place place;
    int32_t n_columns;     ///< beside the value's
    const sl_batch **from; ///< where each column of the rows is,
    int32_t *number;       ///< and which it is there
    // ---- of a call
    const kafka_chunk *chunk;
    sli_emit_fn emit;
    void *ctx;
    // ---- of records looked up
    sli_raw_fn each;
    void *each_ctx;
};

// ---------------------------------------------------------------- the schema

sl_code kafka_rows_schema(const sl_conf *conf, const sl_schema *value, sl_schema **out,
                          int32_t *wants, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_SOURCE};
    sl_code rc = kafka_columns_text(sl_conf_text(conf, "columns"), value, &text, wants, err);
    sli_str_text(&text, sl_schema_text(value));
    rc = rc == SL_OK ? sli_str_check(&text, "a schema", err) : rc;
    rc = rc == SL_OK ? sl_schema_parse(out, text.data, err) : rc;
    sli_str_reset(&text);
    return rc;
}

// ---------------------------------------------------------------- open and close

// The number of columns beside the value's; *value is their schema.
static sl_code value_schema(const sli_format_ops *format, const sl_conf *conf,
                            const sl_schema *schema, sl_schema **value, int32_t *n, sl_error *err)
{
    SL_TRY(format->schema(conf, value, err));
    *n = sl_schema_columns(schema) - sl_schema_columns(*value);
    SL_ASSERT(*n >= 0 && *n <= KAFKA_MAX_COLUMNS, "a schema of kafka_rows_schema");
    return SL_OK;
}

static sl_code open_columns(kafka_rows *rows, sl_error *err)
{
    int32_t n = sl_schema_columns(rows->schema);
    rows->from = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n, sizeof *rows->from);
    rows->number = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n, sizeof *rows->number);
    if (rows->from == NULL || rows->number == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *rows->from, "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        rows->number[i] = i < rows->n_columns ? 0 : i - rows->n_columns;
    }
    return kafka_columns_new(&rows->columns, rows->schema, rows->n_columns, rows->place, err);
}

sl_code kafka_rows_new(kafka_rows **out, const sli_format_ops *format, const sl_conf *conf,
                       const sl_schema *schema, kafka_place place, sl_error *err)
{
    kafka_rows *rows = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *rows);
    if (rows == NULL) {
        return sl_error_nomem(err, sizeof *rows, "rows");
    }
    rows->schema = sl_schema_ref(schema);
    rows->place = place;
    sl_schema *value = NULL;
    sl_code rc = value_schema(format, conf, schema, &value, &rows->n_columns, err);
    rc = rc == SL_OK ? sli_values_new(&rows->values, format, conf, value, err) : rc;
    rc = rc == SL_OK ? open_columns(rows, err) : rc;
    sl_schema_unref(value);
    if (rc != SL_OK) {
        kafka_rows_free(rows);
        return rc;
    }
    *out = rows;
    return SL_OK;
}

void kafka_rows_free(kafka_rows *rows)
{
    if (rows != NULL) {
        sli_values_free(rows->values);
        kafka_columns_free(rows->columns);
        sl_free(rows->from);
        sl_free(rows->number);
        sl_schema_unref(rows->schema);
        sl_free(rows);
    }
}

const sli_decode_stats *kafka_rows_stats(const kafka_rows *rows)
{
    return sli_values_stats(rows->values);
}

// ---------------------------------------------------------------- feeding

static void put_place(void *ctx, int32_t value, char *out, size_t size)
{
    const kafka_rows *rows = ctx;
    snprintf(out, size, "%s, partition %" PRId32 ", offset %" PRId64, rows->place.topic,
             rows->place.partition, rows->chunk->offsets[value]);
}

static sl_code join(kafka_rows *rows, sl_batch *values, const int32_t *from, sl_batch **out,
                    sl_error *err)
{
    SL_TRY(kafka_columns_make(rows->columns, rows->chunk, from, sl_batch_rows(values), rows->from,
                              err));
    for (int32_t i = rows->n_columns; i < sl_schema_columns(rows->schema); i++) {
        rows->from[i] = values;
    }
    return sli_batch_project(rows->schema, rows->from, rows->number, out, err);
}

static sl_code emit_values(void *ctx, sl_batch *values, const int32_t *from, sl_error *err)
{
    kafka_rows *rows = ctx;
    if (rows->n_columns == 0) {
        return rows->emit(rows->ctx, values, err);
    }
    sl_batch *joined = NULL;
    SL_TRY(join(rows, values, from, &joined, err));
    sl_code rc = rows->emit(rows->ctx, joined, err);
    sl_batch_unref(joined);
    return rc;
}

sl_code kafka_rows_feed(kafka_rows *rows, const kafka_chunk *chunk, int32_t from, int32_t to,
                        sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_value_run run = {.data = chunk->values.data,
                         .starts = chunk->values.starts,
                         .n = chunk->n,
                         .nulls = chunk->values.nulls,
                         .lines = chunk->lines,
                         .place = put_place,
                         .ctx = rows};
    rows->chunk = chunk;
    rows->emit = emit;
    rows->ctx = ctx;
    return sli_values_feed(rows->values, &run, from, to, emit_values, rows, err);
}

// ---------------------------------------------------------------- records looked up

static sl_code tell_record(void *ctx, const sli_raw_record *value, sl_error *err)
{
    const kafka_rows *rows = ctx;
    char name[SLI_VALUE_PLACE];
    snprintf(name, sizeof name, "%s, partition %" PRId32, rows->place.topic, rows->place.partition);
    sli_raw_record record = *value;
    record.name = name;
    record.offset = rows->chunk->offsets[value->line];
    record.line = record.offset;
    return rows->each(rows->each_ctx, &record, err);
}

sl_code kafka_rows_watch(kafka_rows *rows, sli_raw_fn each, void *ctx, sl_error *err)
{
    rows->each = each;
    rows->each_ctx = ctx;
    return sli_values_watch(rows->values, tell_record, rows, err);
}
