// rows.c — rows to records: columns that say something about the record (key, partition, time,
// headers, topic) are taken out, the others are its value.
#include "sink/kafka/ksink_int.h"

#include "format/values.h"

enum { KEY, PARTITION, TIME, HEADERS, TOPIC, DELETES, N_PARTS };

/// A part of a record that may be taken from a column.
typedef struct part {
    const char *option; ///< that names the column
    const char *wanted; ///< what its type must be
    bool (*fits)(const sl_field *field);
} part;

struct ksink_rows {
    const sl_schema *schema;
    sl_schema *value_schema;
    int32_t *value_columns;
    const sl_batch **batches; ///< of each of them: always the same one
    int32_t at[N_PARTS];      ///< column, or -1
    const char *topic;        ///< of rows that name none; the sink's
    const sli_format_ops *format;
    sli_encoder *encoder;
    sli_value_list values;
    sli_kafka_message *records;
    int64_t room;
    sl_arena *arena; ///< printed keys, headers, names of topics: of one batch
    sli_str cell;
};

// ---------------------------------------------------------------- columns

static bool is_text(const sl_field *field)
{
    return field->type == SL_STRING || field->type == SL_BINARY;
}

static bool fits_key(const sl_field *field)
{
    return field->n_children == 0 && field->type != SL_OPAQUE;
}

static bool fits_partition(const sl_field *field)
{
    return field->type == SL_INT32 || field->type == SL_INT64;
}

static bool fits_time(const sl_field *field)
{
    return field->type == SL_TIMESTAMP;
}

static bool fits_headers(const sl_field *field)
{
    const sl_field *item = field->n_children == 1 ? &field->children[0] : NULL;
    return field->type == SL_LIST && item->type == SL_STRUCT && item->n_children == 2 &&
           item->children[0].type == SL_STRING && is_text(&item->children[1]);
}

static bool fits_topic(const sl_field *field)
{
    return field->type == SL_STRING;
}

static bool fits_deletes(const sl_field *field)
{
    return field->type == SL_INT64;
}

static const part parts[N_PARTS] = {
    [KEY] = {"key", "any but list and struct", fits_key},
    [PARTITION] = {"partition", "int32 or int64", fits_partition},
    [TIME] = {"time", "timestamp", fits_time},
    [HEADERS] = {"headers", "list<struct<name string, value binary>>", fits_headers},
    [TOPIC] = {"topic", "string", fits_topic},
    [DELETES] = {"deletes", "int64", fits_deletes},
};

static sl_code find_column(ksink_rows *self, const sl_conf *conf, int32_t which, sl_error *err)
{
    const part *p = &parts[which];
    const char *name = sl_conf_text(conf, p->option);
    self->at[which] = name == NULL ? -1 : sl_schema_find(self->schema, name);
    if (name == NULL) {
        return SL_OK;
    }
    if (self->at[which] < 0) {
        return sl_error_set(err, SL_E_CONFIG, "option %s: there is no column %s in \"%s\"",
                            p->option, name, sl_schema_text(self->schema));
    }
    for (int32_t i = 0; i < which; i++) {
        if (self->at[i] == self->at[which]) {
            return sl_error_set(err, SL_E_CONFIG, "options %s and %s name one column, %s",
                                parts[i].option, p->option, name);
        }
    }
    return p->fits(sl_schema_field(self->schema, self->at[which]))
               ? SL_OK
               : sl_error_set(err, SL_E_CONFIG, "option %s: column %s in \"%s\" is not %s",
                              p->option, name, sl_schema_text(self->schema), p->wanted);
}

static bool is_taken(const ksink_rows *self, int32_t column)
{
    for (int32_t i = 0; i < N_PARTS; i++) {
        if (self->at[i] == column) {
            return true;
        }
    }
    return false;
}

/// The columns that are left.
static sl_code make_value_schema(ksink_rows *self, sl_error *err)
{
    int32_t n = 0, n_columns = sl_schema_columns(self->schema);
    size_t bytes = (size_t)n_columns * sizeof *self->value_columns;
    self->value_columns = sl_alloc(SLI_TAG_SINK, bytes);
    self->batches = sl_alloc(SLI_TAG_SINK, (size_t)n_columns * sizeof(sl_batch *));
    if (self->value_columns == NULL || self->batches == NULL) {
        return sl_error_nomem(err, bytes, "the columns of a value");
    }
    for (int32_t i = 0; i < n_columns; i++) {
        if (!is_taken(self, i)) {
            self->value_columns[n++] = i;
        }
    }
    return n > 0 ? sli_schema_select(self->schema, self->value_columns, n, &self->value_schema, err)
                 : sl_error_set(err, SL_E_CONFIG, "no column is left for the value in \"%s\"",
                                sl_schema_text(self->schema));
}

// ---------------------------------------------------------------- making and freeing

static sl_code fill_in(ksink_rows *self, const sl_conf *conf, sl_error *err)
{
    for (int32_t i = 0; i < N_PARTS; i++) {
        self->at[i] = -1;
    }
    for (int32_t i = 0; i < N_PARTS; i++) {
        SL_TRY(find_column(self, conf, i, err));
    }
    if (self->at[DELETES] >= 0 && self->at[KEY] < 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option deletes goes with key=: a record without value deletes a key");
    }
    SL_TRY(make_value_schema(self, err));
    self->format = sli_format_find(sli_text_of(sl_conf_text(conf, "format")));
    return self->format->encoder_new(&self->encoder, conf, self->value_schema, err);
}

sl_code sli_ksink_rows_new(ksink_rows **out, const sl_conf *conf, const sl_schema *schema,
                           const char *topic, sl_error *err)
{
    ksink_rows *self = sl_alloc_zero(SLI_TAG_SINK, sizeof *self);
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    if (self == NULL || arena == NULL) {
        sl_free(self);
        sl_arena_free(arena);
        return sl_error_nomem(err, sizeof *self, "records of rows");
    }
    self->schema = sl_schema_ref(schema);
    self->topic = topic;
    self->arena = arena;
    self->cell.tag = SLI_TAG_SINK;
    sl_code rc = fill_in(self, conf, err);
    if (rc != SL_OK) {
        sli_ksink_rows_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_ksink_rows_free(ksink_rows *self)
{
    if (self == NULL) {
        return;
    }
    if (self->encoder != NULL) {
        self->format->encoder_free(self->encoder);
    }
    sli_value_list_reset(&self->values);
    sli_str_reset(&self->cell);
    sl_schema_unref(self->value_schema);
    sl_schema_unref(self->schema);
    sl_free(self->value_columns);
    sl_free(self->batches);
    sl_free(self->records);
    sl_arena_free(self->arena);
    sl_free(self);
}

// ---------------------------------------------------------------- the parts of one record

static sl_code put_key(ksink_rows *self, const sl_batch *batch, int64_t row, sli_kafka_message *m,
                       sl_error *err)
{
    const sl_column *column = sl_batch_column(batch, self->at[KEY]);
    const sl_field *field = sl_schema_field(self->schema, self->at[KEY]);
    if (sl_column_is_null(column, row)) {
        return SL_OK;
    }
    if (is_text(field)) {
        sl_text key = sl_column_text(column, row);
        m->key = key.data;
        m->key_size = (uint32_t)key.size;
        return SL_OK;
    }
    sli_str_clear(&self->cell);
    sli_print_cell(&self->cell, field, column, row);
    SL_TRY(sli_str_check(&self->cell, "a key", err));
    m->key = sl_arena_copy(self->arena, self->cell.data, self->cell.size);
    m->key_size = (uint32_t)self->cell.size;
    return m->key == NULL ? sl_error_nomem(err, self->cell.size, "a key") : SL_OK;
}

static sl_code put_partition(const ksink_rows *self, const sl_batch *batch, int64_t row,
                             sli_kafka_message *m, sl_error *err)
{
    const sl_column *column = sl_batch_column(batch, self->at[PARTITION]);
    if (sl_column_is_null(column, row)) {
        return SL_OK;
    }
    int64_t partition = column->type == SL_INT32 ? ((const int32_t *)column->values)[row]
                                                 : sl_column_int64(column, row);
    if (partition < 0 || partition > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "%lld is no partition", (long long)partition);
    }
    m->partition = (int32_t)partition;
    return SL_OK;
}

static void put_header(const sl_column *pairs, int64_t item, const char *name,
                       sli_kafka_header *out)
{
    const sl_column *value = &pairs->children[1];
    *out = (sli_kafka_header){.name = name};
    if (!sl_column_is_null(value, item)) {
        sl_text text = sl_column_text(value, item);
        out->value = text.data;
        out->value_size = (uint32_t)text.size;
    }
}

static sl_code put_headers(ksink_rows *self, const sl_batch *batch, int64_t row,
                           sli_kafka_message *m, sl_error *err)
{
    const sl_column *list = sl_batch_column(batch, self->at[HEADERS]);
    const sl_column *pairs = &list->children[0];
    const int32_t *offsets = (const int32_t *)list->values + row;
    int32_t n = sl_column_is_null(list, row) ? 0 : offsets[1] - offsets[0];
    sli_kafka_header *headers = sl_arena_alloc_zero(self->arena, (size_t)(n + 1) * sizeof *headers);
    if (headers == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *headers, "headers");
    }
    for (int32_t i = 0; i < n; i++) {
        int64_t item = offsets[0] + i;
        bool no_name =
            sl_column_is_null(pairs, item) || sl_column_is_null(&pairs->children[0], item);
        sl_text name = no_name ? (sl_text){"", 0} : sl_column_text(&pairs->children[0], item);
        if (no_name || memchr(name.data, 0, name.size) != NULL) {
            return sl_error_set(err, SL_E_DATA,
                                "a header without a name, or with a zero byte in it");
        }
        const char *copy = sl_arena_printf(self->arena, "%.*s", (int)name.size, name.data);
        if (copy == NULL) {
            return sl_error_nomem(err, name.size, "headers");
        }
        put_header(pairs, item, copy, &headers[i]);
    }
    m->headers = headers;
    m->n_headers = n;
    return SL_OK;
}

/// Rows beside each other mostly go to one topic: then they share its name.
static sl_code put_topic(ksink_rows *self, const sl_batch *batch, int64_t row, const char *last,
                         sli_kafka_message *m, sl_error *err)
{
    const sl_column *column = sl_batch_column(batch, self->at[TOPIC]);
    if (sl_column_is_null(column, row)) {
        return SL_OK;
    }
    sl_text name = sl_column_text(column, row);
    if (name.size == 0 || memchr(name.data, 0, name.size) != NULL) {
        return sl_error_set(err, SL_E_DATA, "a topic without a name, or with a zero byte in it");
    }
    m->topic = last != NULL && sli_text_is(name, last)
                   ? last
                   : sl_arena_printf(self->arena, "%.*s", (int)name.size, name.data);
    return m->topic == NULL ? sl_error_nomem(err, name.size, "a topic's name") : SL_OK;
}

static void put_time(const ksink_rows *self, const sl_batch *batch, int64_t row,
                     sli_kafka_message *m)
{
    const sl_column *column = sl_batch_column(batch, self->at[TIME]);
    if (!sl_column_is_null(column, row)) {
        m->timestamp_us = sl_column_int64(column, row);
    }
}

static sl_code put_parts(ksink_rows *self, const sl_batch *batch, int64_t row, sl_error *err)
{
    sli_kafka_message *m = &self->records[row];
    if (self->at[KEY] >= 0) {
        SL_TRY(put_key(self, batch, row, m, err));
    }
    if (self->at[PARTITION] >= 0) {
        SL_TRY(put_partition(self, batch, row, m, err));
    }
    if (self->at[TIME] >= 0) {
        put_time(self, batch, row, m);
    }
    if (self->at[HEADERS] >= 0) {
        SL_TRY(put_headers(self, batch, row, m, err));
    }
    if (sli_sink_goes(batch, self->at[DELETES], row)) {
        m->value = NULL; // a tombstone: compaction forgets the key
        m->value_size = 0;
    }
    return self->at[TOPIC] < 0 ? SL_OK
                               : put_topic(self, batch, row, row == 0 ? NULL : m[-1].topic, m, err);
}

// ---------------------------------------------------------------- a batch

static sl_code encode_values(ksink_rows *self, const sl_batch *batch, sl_error *err)
{
    int32_t n = sl_schema_columns(self->value_schema);
    if (n == sl_schema_columns(self->schema)) {
        return sli_values_encode(&self->values, self->format, self->encoder, batch, err);
    }
    sl_batch *left = NULL;
    for (int32_t i = 0; i < n; i++) {
        self->batches[i] = batch;
    }
    SL_TRY(sli_batch_project(self->value_schema, self->batches, self->value_columns, &left, err));
    sl_code rc = sli_values_encode(&self->values, self->format, self->encoder, left, err);
    sl_batch_unref(left);
    return rc;
}

static sl_code make_room(ksink_rows *self, int64_t n, sl_error *err)
{
    if (n > self->room) {
        sli_kafka_message *more = sl_realloc(SLI_TAG_SINK, self->records, (size_t)n * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof *more, "records of rows");
        }
        self->records = more;
        self->room = n;
    }
    return SL_OK;
}

sl_code sli_ksink_rows_make(ksink_rows *self, const sl_batch *batch, int64_t batch_time_us,
                            const sli_kafka_message **out, int64_t *row, sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    sl_arena_reset(self->arena);
    *row = 0;
    SL_TRY(make_room(self, n, err));
    sl_code rc = encode_values(self, batch, err);
    *row = rc == SL_OK ? 0 : self->values.n; // the one that has no end
    for (int64_t i = 0; rc == SL_OK && i < n; i++) {
        sl_text value = sli_value_of(&self->values, (int32_t)i);
        self->records[i] = (sli_kafka_message){.topic = self->topic,
                                               .partition = -1,
                                               .timestamp_us = batch_time_us,
                                               .value = value.data,
                                               .value_size = (uint32_t)value.size};
        *row = i;
        rc = put_parts(self, batch, i, err);
    }
    *out = self->records;
    return rc;
}

bool sli_ksink_rows_may_refuse(const ksink_rows *self)
{
    return self->at[PARTITION] >= 0 || self->at[HEADERS] >= 0 || self->at[TOPIC] >= 0 ||
           (self->format->may_refuse != NULL && self->format->may_refuse(self->encoder));
}

int64_t sli_ksink_record_bytes(const sli_kafka_message *m)
{
    int64_t bytes = (int64_t)m->key_size + m->value_size;
    for (int32_t i = 0; i < m->n_headers; i++) {
        bytes += (int64_t)strlen(m->headers[i].name) + m->headers[i].value_size;
    }
    return bytes;
}
