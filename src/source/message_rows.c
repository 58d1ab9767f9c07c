// message_rows.c — messages to rows: the columns that are wanted of their cells, then the value's.
//
// The values of a buffer are copied end to end, as a run that any format reads (format/values.h);
// the other columns are made for each batch of rows from the messages that they are of.
#include "source/message_int.h"

#include "col/col.h"

#include <stdio.h>

struct sli_message_rows {
    const sl_schema *schema;
    message_columns columns;
    sli_values *values;
    const sl_batch **from; ///< where each column of the rows is,
    int32_t *number;       ///< and which it is there
    // ---- of a buffer
    const char *data;
    int64_t size;
    int32_t n;
    sli_buffer *run;
    int64_t *at;     ///< where each message begins in `data`
    int32_t *starts; ///< of the values in `run`
    uint64_t *nulls;
    const char *name;
    sli_emit_fn emit;
    void *ctx;
    // ---- of values looked up
    sli_raw_fn each;
    void *each_ctx;
};

// ---------------------------------------------------------------- open and close

static sl_code open_columns(sli_message_rows *rows, sl_error *err)
{
    int32_t n = sl_schema_columns(rows->schema), k = rows->columns.wanted.n;
    rows->from = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n, sizeof *rows->from);
    rows->number = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n, sizeof *rows->number);
    if (rows->from == NULL || rows->number == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *rows->from, "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        rows->number[i] = i < k ? i : i - k;
    }
    return SL_OK;
}

static sl_code open_values(sli_message_rows *rows, const sli_format_ops *format,
                           const sl_conf *conf, sl_error *err)
{
    sl_schema *value = NULL;
    SL_TRY(format->schema(conf, &value, err));
    sl_code rc = sli_values_new(&rows->values, format, conf, value, err);
    sl_schema_unref(value);
    return rc;
}

sl_code sli_message_rows_new(sli_message_rows **out, const sli_message_column *table,
                             const sli_format_ops *format, const sl_conf *conf,
                             const sl_schema *schema, sl_error *err)
{
    sli_message_rows *rows = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *rows);
    if (rows == NULL) {
        return sl_error_nomem(err, sizeof *rows, "rows of messages");
    }
    rows->schema = schema;
    sl_code rc = message_columns_open(&rows->columns, table, conf, err);
    rc = rc == SL_OK ? open_values(rows, format, conf, err) : rc;
    rc = rc == SL_OK ? open_columns(rows, err) : rc;
    if (rc != SL_OK) {
        sli_message_rows_free(rows);
        return rc;
    }
    *out = rows;
    return SL_OK;
}

static void drop_buffer(sli_message_rows *rows)
{
    sli_buffer_unref(rows->run);
    sl_free(rows->at);
    sl_free(rows->starts);
    sl_free(rows->nulls);
    rows->run = NULL;
    rows->at = NULL;
    rows->starts = NULL;
    rows->nulls = NULL;
}

void sli_message_rows_free(sli_message_rows *rows)
{
    if (rows != NULL) {
        drop_buffer(rows);
        sli_values_free(rows->values);
        message_columns_close(&rows->columns);
        sl_free(rows->from);
        sl_free(rows->number);
        sl_free(rows);
    }
}

const sli_decode_stats *sli_message_rows_stats(const sli_message_rows *rows)
{
    return sli_values_stats(rows->values);
}

// ---------------------------------------------------------------- values to rows

static sl_code emit_values(void *ctx, sl_batch *values, const int32_t *from, sl_error *err)
{
    sli_message_rows *rows = ctx;
    if (rows->columns.wanted.n == 0) {
        return rows->emit(rows->ctx, values, err);
    }
    SL_TRY(message_columns_make(&rows->columns, rows->data, rows->size, rows->at, from,
                                sl_batch_rows(values), err));
    for (int32_t i = 0; i < sl_schema_columns(rows->schema); i++) {
        rows->from[i] = i < rows->columns.wanted.n ? rows->columns.made : values;
    }
    sl_batch *joined = NULL;
    SL_TRY(sli_batch_project(rows->schema, rows->from, rows->number, &joined, err));
    sl_code rc = rows->emit(rows->ctx, joined, err);
    sl_batch_unref(joined);
    return rc;
}

// ---------------------------------------------------------------- a buffer

/// How many messages there are, and bytes of their values with one behind each.
static sl_code measure(const sli_message_rows *rows, int32_t *n, int64_t *bytes, sl_error *err)
{
    sli_message message;
    *n = 0;
    *bytes = 0;
    for (int64_t at = 0; at < rows->size;) {
        int64_t size =
            sli_message_get(rows->data + at, rows->size - at, rows->columns.n_cells, &message);
        if (size == 0) {
            return sl_error_set(err, SL_E_CORRUPT, "%s: no message at byte %lld", rows->name,
                                (long long)at);
        }
        at += size;
        *bytes += (int64_t)message.value.size + 1;
        (*n)++;
    }
    return *bytes < INT32_MAX
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "%s: values of more than 2 GiB", rows->name);
}

static sl_code make_room(sli_message_rows *rows, int32_t n, int64_t bytes, sl_error *err)
{
    drop_buffer(rows);
    rows->n = n;
    rows->run = sli_buffer_new(bytes);
    rows->at = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n + 1, sizeof *rows->at);
    rows->starts = sl_alloc_array(SLI_TAG_SOURCE, (size_t)n + 1, sizeof *rows->starts);
    rows->nulls = sl_alloc_zero(SLI_TAG_SOURCE, ((size_t)n + 63) / 64 * 8 + 8);
    bool whole =
        rows->run != NULL && rows->at != NULL && rows->starts != NULL && rows->nulls != NULL;
    return whole ? SL_OK : sl_error_nomem(err, (size_t)bytes, "values of messages");
}

/// Copies the values into a run.
static void copy_values(sli_message_rows *rows, sli_value_run *run)
{
    char *out = sli_buffer_data(rows->run);
    int64_t at = 0;
    bool lines = false;
    rows->starts[0] = 0;
    for (int32_t i = 0; i < rows->n; i++) {
        sli_message message;
        rows->at[i] = at;
        at += sli_message_get(rows->data + at, rows->size - at, rows->columns.n_cells, &message);
        size_t size = message.value.size;
        if (message.value.data == NULL) {
            rows->nulls[i / 64] |= (uint64_t)1 << (i % 64);
            run->nulls = rows->nulls;
        } else {
            memcpy(out + rows->starts[i], message.value.data, size);
            lines = lines || memchr(message.value.data, '\n', size) != NULL ||
                    memchr(message.value.data, '\r', size) != NULL;
        }
        out[rows->starts[i] + (int32_t)size] = '\n';
        rows->starts[i + 1] = rows->starts[i] + (int32_t)size + 1;
    }
    run->lines = lines;
}

static void put_place(void *ctx, int32_t value, char *out, size_t size)
{
    const sli_message_rows *rows = ctx;
    (void)snprintf(out, size, "%s, message %d", rows->name, value);
}

sl_code sli_message_rows_feed(sli_message_rows *rows, sli_buffer *data, const char *name,
                              sli_emit_fn emit, void *ctx, sl_error *err)
{
    int32_t n = 0;
    int64_t bytes = 0;
    rows->data = sli_buffer_bytes(data);
    rows->size = sli_buffer_size(data);
    rows->name = name;
    rows->emit = emit;
    rows->ctx = ctx;
    SL_TRY(measure(rows, &n, &bytes, err));
    SL_TRY(make_room(rows, n, bytes, err));
    sli_value_run run = {
        .data = rows->run, .starts = rows->starts, .n = n, .place = put_place, .ctx = rows};
    copy_values(rows, &run);
    sl_code rc = sli_values_feed(rows->values, &run, 0, n, emit_values, rows, err);
    drop_buffer(rows);
    return rc;
}

// ---------------------------------------------------------------- values looked up

static sl_code tell_value(void *ctx, const sli_raw_record *value, sl_error *err)
{
    const sli_message_rows *rows = ctx;
    sli_raw_record record = *value;
    record.name = rows->name;
    record.offset = rows->at[value->line];
    return rows->each(rows->each_ctx, &record, err);
}

sl_code sli_message_rows_watch(sli_message_rows *rows, sli_raw_fn each, void *ctx, sl_error *err)
{
    rows->each = each;
    rows->each_ctx = ctx;
    return sli_values_watch(rows->values, tell_value, rows, err);
}
