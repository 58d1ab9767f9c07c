// columns.c — what stands beside a record's value: where and when it was kept, its key, its
// headers.
//
// Each column is a batch of its own, which the value's batch is joined with. What is the same in
// all records of a partition is made once and handed out as slices; keys are views into the chunk.
#include "base/bytes.h"
#include "source/kafka/columns_int.h"
#include "source/message.h"

typedef struct kafka_column kafka_column;

/// A column that the option `columns` may name.
typedef struct kafka_kind {
    const char *name, *type;
    int32_t wants; ///< KAFKA_WANTS_
    /// Makes the column of records from[0, n) of the chunk.
    sl_code (*make)(kafka_column *column, const kafka_chunk *chunk, const int32_t *from, int64_t n,
                    sl_batch **out, sl_error *err);
} kafka_kind;

struct kafka_column {
    const kafka_kind *kind;
    sl_schema *schema; ///< of this column alone
    sl_builder *builder;
    kafka_place place;
    sl_batch *constant; ///< rows that are all alike; NULL: none were needed yet
    sl_batch *made;     ///< by the last call
};

struct kafka_columns {
    kafka_column items[KAFKA_MAX_COLUMNS];
    int32_t n;
};

static bool is_null(const kafka_cells *cells, int32_t i)
{
    return cells->nulls != NULL && (cells->nulls[i >> 6] >> (i & 63) & 1) != 0;
}

// ---------------------------------------------------------------- the key

static sl_code key_views(const kafka_column *column, const kafka_cells *keys, const int32_t *from,
                         int64_t n, sl_batch **out, sl_error *err)
{
    const char *data = sli_buffer_bytes(keys->data);
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, (size_t)n * sizeof *views);
    if (views == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *views, "keys");
    }
    for (int64_t i = 0; i < n; i++) {
        int32_t at = keys->starts[from[i]];
        views[i] = sli_view_of(data, 0, at, keys->starts[from[i] + 1] - 1 - at);
    }
    return sli_batch_of_views(column->schema, views, n, keys->data, out, err);
}

static sl_code make_key(kafka_column *column, const kafka_chunk *chunk, const int32_t *from,
                        int64_t n, sl_batch **out, sl_error *err)
{
    const kafka_cells *keys = &chunk->keys;
    int32_t rows[SLI_BATCH_ROWS];
    bool nulls = false;
    for (int64_t i = 0; keys->nulls != NULL && i < n; i++) {
        bool null = is_null(keys, from[i]);
        rows[i] = null ? -1 : (int32_t)i;
        nulls |= null;
    }
    sl_batch *views = NULL;
    SL_TRY(key_views(column, keys, from, n, &views, err));
    if (!nulls) {
        *out = views;
        return SL_OK;
    }
    sl_code rc = sli_batch_take(views, rows, n, out, err);
    sl_batch_unref(views);
    return rc;
}

// ---------------------------------------------------------------- the same in all rows

static void fill_topic(kafka_column *column, int64_t n)
{
    size_t size = strlen(column->place.topic);
    sl_builder_text(column->builder, 0, column->place.topic, size);
    sl_view *views = sl_builder_reserve(column->builder, 0, n - 1);
    for (int64_t i = 0; views != NULL && i < n - 1; i++) {
        views[i] = views[-1];
    }
}

static void fill_partition(kafka_column *column, int64_t n)
{
    int32_t *cells = sl_builder_reserve(column->builder, 0, n);
    for (int64_t i = 0; cells != NULL && i < n; i++) {
        cells[i] = column->place.partition;
    }
}

static sl_code slice_constant(kafka_column *column, void (*fill)(kafka_column *, int64_t),
                              int64_t n, sl_batch **out, sl_error *err)
{
    if (column->constant == NULL || sl_batch_rows(column->constant) < n) {
        sl_batch_unref(column->constant);
        column->constant = NULL;
        fill(column, n);
        SL_TRY(sl_builder_finish(column->builder, &column->constant, err));
    }
    return sli_batch_slice(column->constant, 0, n, out, err);
}

static sl_code make_topic(kafka_column *column, const kafka_chunk *chunk, const int32_t *from,
                          int64_t n, sl_batch **out, sl_error *err)
{
    (void)chunk, (void)from;
    return slice_constant(column, fill_topic, n, out, err);
}

static sl_code make_partition(kafka_column *column, const kafka_chunk *chunk, const int32_t *from,
                              int64_t n, sl_batch **out, sl_error *err)
{
    (void)chunk, (void)from;
    return slice_constant(column, fill_partition, n, out, err);
}

// ---------------------------------------------------------------- a number each

static sl_code make_offset(kafka_column *column, const kafka_chunk *chunk, const int32_t *from,
                           int64_t n, sl_batch **out, sl_error *err)
{
    int64_t *cells = sl_builder_reserve(column->builder, 0, n);
    for (int64_t i = 0; cells != NULL && i < n; i++) {
        cells[i] = chunk->offsets[from[i]];
    }
    return sl_builder_finish(column->builder, out, err);
}

static sl_code make_timestamp(kafka_column *column, const kafka_chunk *chunk, const int32_t *from,
                              int64_t n, sl_batch **out, sl_error *err)
{
    for (int64_t i = 0; i < n; i++) {
        int64_t time_us = chunk->times_us[from[i]];
        if (time_us == INT64_MIN) {
            sl_builder_null(column->builder, 0);
        } else {
            sl_builder_int64(column->builder, 0, time_us);
        }
    }
    return sl_builder_finish(column->builder, out, err);
}

// ---------------------------------------------------------------- headers
//
// A cell is a record's headers as kafka_chunk has them. A record without any has null in the
// column, as in Spark.

static void add_headers(sl_builder *builder, sl_bytes cell)
{
    sli_reader reader = sli_reader_of(cell);
    if (sli_get_varint(&reader) == 0) {
        sl_builder_null(builder, 0);
        return;
    }
    sli_headers_build(builder, 0, (sl_bytes){reader.at, (size_t)(reader.end - reader.at)});
}

static sl_code make_headers(kafka_column *column, const kafka_chunk *chunk, const int32_t *from,
                            int64_t n, sl_batch **out, sl_error *err)
{
    const kafka_cells *headers = &chunk->headers;
    const char *data = sli_buffer_bytes(headers->data);
    for (int64_t i = 0; i < n; i++) {
        int32_t at = headers->starts[from[i]], end = headers->starts[from[i] + 1] - 1;
        add_headers(column->builder, (sl_bytes){data + at, (size_t)(end - at)});
    }
    return sl_builder_finish(column->builder, out, err);
}

// ---------------------------------------------------------------- the columns there are

static const kafka_kind kinds[KAFKA_MAX_COLUMNS] = {
    {"key", "binary?", KAFKA_WANTS_KEY, make_key},
    {"topic", "string", 0, make_topic},
    {"partition", "int32", 0, make_partition},
    {"offset", "int64", 0, make_offset},
    {"timestamp", "timestamp?", 0, make_timestamp},
    {"headers", "list<struct<name string, value binary?>>?", KAFKA_WANTS_HEADERS, make_headers},
};

static int32_t find_kind(sl_text name)
{
    for (int32_t i = 0; i < KAFKA_MAX_COLUMNS; i++) {
        if (sli_text_is(name, kinds[i].name)) {
            return i;
        }
    }
    return -1;
}

static sl_code check_name(sl_text name, int32_t kind, uint32_t seen, const sl_schema *value,
                          sl_error *err)
{
    if (kind < 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option columns: there is no \"%.*s\"; there are key, topic, "
                            "partition, offset, timestamp, headers",
                            name.size > 64 ? 64 : (int)name.size, name.data);
    }
    if ((seen >> kind & 1) != 0) {
        return sl_error_set(err, SL_E_CONFIG, "option columns: \"%s\" is there twice",
                            kinds[kind].name);
    }
    if (sl_schema_find(value, kinds[kind].name) >= 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option columns: \"%s\" is a column of the value too; give that one "
                            "another name, or leave it out of columns",
                            kinds[kind].name);
    }
    return SL_OK;
}

sl_code kafka_columns_text(const char *option, const sl_schema *value, sli_str *out, int32_t *wants,
                           sl_error *err)
{
    uint32_t seen = 0;
    *wants = 0;
    for (const char *at = option; at != NULL && *at != '\0';) {
        at += strspn(at, " ");
        size_t size = strcspn(at, ", ");
        int32_t kind = find_kind((sl_text){at, size});
        SL_TRY(check_name((sl_text){at, size}, kind, seen, value, err));
        seen |= 1U << kind;
        *wants |= kinds[kind].wants;
        sli_str_printf(out, "%s %s, ", kinds[kind].name, kinds[kind].type);
        at += size;
        at += strspn(at, " ");
        at += *at == ',';
    }
    return SL_OK;
}

// ---------------------------------------------------------------- all of them

static sl_code open_column(kafka_column *column, const char *name, kafka_place place, sl_error *err)
{
    int32_t kind = find_kind((sl_text){name, strlen(name)});
    SL_ASSERT(kind >= 0, "a schema of kafka_columns_text");
    column->kind = &kinds[kind];
    column->place = place;
    sli_str text = {.tag = SLI_TAG_SOURCE};
    sli_str_printf(&text, "%s %s", kinds[kind].name, kinds[kind].type);
    sl_code rc = sli_str_check(&text, "a column", err);
    rc = rc == SL_OK ? sl_schema_parse(&column->schema, text.data, err) : rc;
    rc = rc == SL_OK ? sl_builder_new(&column->builder, column->schema, err) : rc;
    sli_str_reset(&text);
    return rc;
}

sl_code kafka_columns_new(kafka_columns **out, const sl_schema *schema, int32_t n,
                          kafka_place place, sl_error *err)
{
    kafka_columns *columns = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *columns);
    if (columns == NULL) {
        return sl_error_nomem(err, sizeof *columns, "columns");
    }
    columns->n = n;
    for (int32_t i = 0; i < n; i++) {
        sl_code rc = open_column(&columns->items[i], sl_schema_field(schema, i)->name, place, err);
        if (rc != SL_OK) {
            kafka_columns_free(columns);
            return rc;
        }
    }
    *out = columns;
    return SL_OK;
}

void kafka_columns_free(kafka_columns *columns)
{
    if (columns == NULL) {
        return;
    }
    for (int32_t i = 0; i < columns->n; i++) {
        kafka_column *column = &columns->items[i];
        sl_batch_unref(column->made);
        sl_batch_unref(column->constant);
        sl_builder_free(column->builder);
        sl_schema_unref(column->schema);
    }
    sl_free(columns);
}

sl_code kafka_columns_make(kafka_columns *columns, const kafka_chunk *chunk, const int32_t *from,
                           int64_t n, const sl_batch **out, sl_error *err)
{
    for (int32_t i = 0; i < columns->n; i++) {
        kafka_column *column = &columns->items[i];
        sl_batch_unref(column->made);
        column->made = NULL;
        SL_TRY(column->kind->make(column, chunk, from, n, &column->made, err));
        out[i] = column->made;
    }
    return SL_OK;
}
