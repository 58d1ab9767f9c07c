// avro.c — the format avro: its options, and values that are Avro records.
//
// A value says nothing about itself, so whoever reads or writes values has the schema from a file.
// It is read once, when a source or sink is opened (prepare), and is a setting from then on. What
// is refused of the schema is refused then, too. Files of records are avro_file.c's.
#include "format/avro/avro_int.h"

#include <inttypes.h>

#include "env/env.h"
#include "format/json/json_tree.h"

enum {
    HEADER_CONFLUENT = 1, ///< of the option's choices
    HEADER_BYTES = 5,     ///< a zero, then the id, its first byte first
};

static const sl_option options[] = {
    {.name = "avro_schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "File with the Avro schema (.avsc) that values are written with. Files of records "
             "(.avro) bring their own."},
    {.name = "avro_schema_text",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "The Avro schema itself, in place of a file."},
    {.name = "avro_header",
     .type = SL_OPT_CHOICE,
     .fallback = "none",
     .choices = "none|confluent",
     .flags = SL_OPT_RESULT,
     .text = "What stands before each value: nothing, or a zero byte and the schema's id in a "
             "registry, as Confluent's serializers have it."},
    {.name = "avro_schema_id",
     .type = SL_OPT_INT,
     .low = "0",
     .high = "2147483647",
     .flags = SL_OPT_RESULT,
     .text = "Id of the schema in the registry, for avro_header=confluent: it is written, and a "
             "value that has another one is malformed."},
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Columns to read, by name, with their types; without it all fields of the Avro "
             "schema."},
    SLI_FORMAT_OPTIONS,
    SLI_MAX_RECORD_OPTION,
    {0},
};

struct sli_encoder {
    sl_arena *arena;
    const sli_avro_type *record;
    const sli_avro_step *steps;
    sli_avro_header header;
};

// ---------------------------------------------------------------- settings

static sl_code avro_prepare(sl_conf *conf, sl_env *env, sl_error *err)
{
    const char *path = sl_conf_text(conf, "avro_schema");
    char *text = NULL;
    size_t size = 0;
    if (path == NULL) {
        return SL_OK;
    }
    if (sl_conf_is_set(conf, "avro_schema_text")) {
        return sl_error_set(err, SL_E_CONFIG,
                            "avro_schema and avro_schema_text are both given: leave one out");
    }
    sl_code rc = sli_env_read_file(env, path, SLI_TREE_BYTES, &text, &size, err);
    if (rc == SL_OK) {
        rc = sl_conf_set(conf, "avro_schema_text", (sl_text){text, size}, err);
        sl_free(text);
    }
    return sl_error_wrap(err, rc, "option avro_schema");
}

static sl_code check_header(const sl_conf *conf, sl_error *err)
{
    bool confluent = sl_conf_choice(conf, "avro_header") == HEADER_CONFLUENT;
    bool has_id = sl_conf_is_set(conf, "avro_schema_id");
    if (confluent && !has_id) {
        return sl_error_set(err, SL_E_CONFIG,
                            "avro_header=confluent needs avro_schema_id=N, the id of the schema in "
                            "the registry: a value of another id has another schema, and would be "
                            "read as something else");
    }
    return confluent || !has_id
               ? SL_OK
               : sl_error_set(err, SL_E_CONFIG, "avro_schema_id is for avro_header=confluent");
}

static sl_code avro_values_check(const sl_conf *conf, sl_error *err)
{
    if (sl_conf_text(conf, "avro_schema_text") == NULL) {
        return sl_error_set(err, SL_E_CONFIG,
                            "format avro needs avro_schema=FILE, the schema (.avsc) of the values");
    }
    return check_header(conf, err);
}

static sli_avro_header header_of(const sl_conf *conf)
{
    return (sli_avro_header){
        .on = sl_conf_choice(conf, "avro_header") == HEADER_CONFLUENT,
        .id = sl_conf_int64(conf, "avro_schema_id"),
    };
}

/// The types of the schema that the settings have; *out NULL: they have none.
static sl_code types_of(const sl_conf *conf, sl_arena *arena, const sli_avro_type **out,
                        sl_error *err)
{
    const char *text = sl_conf_text(conf, "avro_schema_text");
    *out = NULL;
    sl_code rc = text == NULL ? SL_OK : sli_avro_schema_read(out, sli_text_of(text), arena, err);
    return sl_error_wrap(err, rc, "option avro_schema");
}

static sl_code avro_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    if (sl_conf_is_set(conf, "schema")) {
        return sli_schema_option(conf, "avro", out, err);
    }
    const sli_avro_type *record = NULL;
    sl_arena *arena = sl_arena_new(SLI_TAG_FORMAT);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "an Avro schema");
    }
    sl_code rc = types_of(conf, arena, &record, err);
    if (rc == SL_OK && record == NULL) {
        rc =
            sl_error_set(err, SL_E_CONFIG,
                         "format avro needs avro_schema=FILE, the schema (.avsc) of values, or for "
                         "files of records schema='word string, n int64?', the columns wanted");
    }
    if (rc == SL_OK) {
        rc = sli_avro_columns(record, out, err);
        rc = sl_error_wrap(err, rc, "option avro_schema");
    }
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- a decoder

static void avro_decoder_free(sli_decoder *self)
{
    if (self != NULL) {
        sli_avro_file_free(self->file);
        sli_rows_free(self->reader.rows);
        sli_str_reset(&self->reader.repaired);
        sl_schema_unref(self->schema);
        sl_arena_free(self->arena);
        sl_free(self);
    }
}

static sl_code open_reader(sli_decoder *self, const sl_conf *conf, sl_error *err)
{
    sli_avro_reader *reader = &self->reader;
    if (self->arena == NULL) {
        return sl_error_nomem(err, sizeof *self, "avro decoder");
    }
    SL_TRY(sli_rows_new(&reader->rows, self->schema, err));
    SL_TRY(types_of(conf, self->arena, &reader->record, err));
    return reader->record == NULL
               ? SL_OK
               : sli_avro_plan_read(&reader->steps, reader->record, self->schema, self->arena, err);
}

static sl_code avro_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                                sl_error *err)
{
    SL_TRY(sli_schema_allowed(schema, true, "avro", err));
    sli_decoder *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "avro decoder");
    }
    sli_stream_init(&self->stream, conf);
    self->header = header_of(conf);
    self->schema = sl_schema_ref(schema);
    self->arena = sl_arena_new(SLI_TAG_FORMAT);
    self->reader.utf8 = self->stream.utf8;
    self->reader.repaired.tag = SLI_TAG_FORMAT;
    sl_code rc = open_reader(self, conf, err);
    if (rc != SL_OK) {
        avro_decoder_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static sli_stream_state *avro_stream(sli_decoder *self)
{
    return &self->stream;
}

// ---------------------------------------------------------------- values to rows

/// Moves *at behind the header of a value.
static sl_code take_header(const sli_avro_header *header, const char *data, int64_t *at, int64_t to,
                           sl_error *err)
{
    const uint8_t *bytes = (const uint8_t *)data + *at;
    if (!header->on) {
        return SL_OK;
    }
    if (to - *at < HEADER_BYTES) {
        return sl_error_set(err, SL_E_DATA, "%" PRId64 " bytes, where 5 name the schema", to - *at);
    }
    if (bytes[0] != 0) {
        return sl_error_set(err, SL_E_DATA,
                            "its first byte is %u, not the zero of avro_header=confluent",
                            bytes[0]);
    }
    uint32_t id =
        (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4];
    if (id != header->id) {
        return sl_error_set(err, SL_E_DATA,
                            "it is of schema id %" PRIu32 ", and avro_schema_id is %" PRId64, id,
                            header->id);
    }
    *at += HEADER_BYTES;
    return SL_OK;
}

/// Reads the value into the row in the making.
static sl_code read_value(sli_decoder *self, const char *data, int64_t at, int64_t to,
                          sl_error *err)
{
    SL_TRY(take_header(&self->header, data, &at, to, err));
    SL_TRY(sli_avro_read(&self->reader, data, &at, to, err));
    return at == to ? SL_OK
                    : sl_error_set(err, SL_E_DATA,
                                   "%" PRId64 " bytes behind the record; is the schema the one "
                                   "that it was written with?",
                                   to - at);
}

static sl_code take_value(sli_decoder *self, const sli_value_run *run, sli_emit_fn emit, void *ctx,
                          sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    int64_t at = run->starts[stream->line], to = run->starts[stream->line + 1] - 1;
    if (sli_value_is_null(run, stream->line)) {
        return sli_value_null(stream, err);
    }
    if (to - at > stream->max_record) {
        return sli_stream_too_long(stream, NULL, 0, true, err);
    }
    sl_code rc = read_value(self, sli_buffer_bytes(run->data), at, to, sli_stream_why(stream, err));
    if (rc != SL_OK) {
        return sli_value_verdict(stream, rc, err);
    }
    if (self->reader.not_utf8 >= 0) {
        return sli_stream_not_utf8(stream, NULL, at, self->reader.not_utf8, err);
    }
    stream->stats.records++;
    return sli_rows_commit(self->reader.rows, emit, ctx, err);
}

static sl_code avro_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from,
                                  int32_t to, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    SL_TRY(sli_rows_begin(self->reader.rows, run->data, err));
    for (stream->line = from; stream->line < to; stream->line++) {
        SL_TRY(take_value(self, run, emit, ctx, err));
    }
    stream->stats.replaced += self->reader.replaced;
    self->reader.replaced = 0;
    return sli_rows_end(self->reader.rows, emit, ctx, err);
}

// ---------------------------------------------------------------- rows to values

static void avro_encoder_free(sli_encoder *self)
{
    if (self != NULL) {
        sl_arena_free(self->arena);
        sl_free(self);
    }
}

static sl_code open_encoder(sli_encoder *self, const sl_conf *conf, const sl_schema *schema,
                            sl_error *err)
{
    if (self->arena == NULL) {
        return sl_error_nomem(err, sizeof *self, "avro encoder");
    }
    SL_TRY(avro_values_check(conf, err));
    SL_TRY(types_of(conf, self->arena, &self->record, err));
    return sli_avro_plan_write(&self->steps, self->record, schema, self->arena, err);
}

static sl_code avro_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                                sl_error *err)
{
    sli_encoder *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "avro encoder");
    }
    self->header = header_of(conf);
    self->arena = sl_arena_new(SLI_TAG_FORMAT);
    sl_code rc = open_encoder(self, conf, schema, err);
    if (rc != SL_OK) {
        avro_encoder_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static void put_header(const sli_avro_header *header, sli_str *out)
{
    uint32_t id = (uint32_t)header->id;
    if (header->on) {
        char bytes[HEADER_BYTES] = {0, (char)(id >> 24), (char)(id >> 16), (char)(id >> 8),
                                    (char)id};
        sli_str_add(out, bytes, sizeof bytes);
    }
}

static sl_code avro_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                                  sl_error *err)
{
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        put_header(&self->header, &out->bytes);
        SL_TRY(sli_avro_write(&out->bytes, self->record, self->steps, batch, row, err));
        sli_value_end(out, false);
    }
    return sli_str_check(&out->bytes, "Avro records", err);
}

static bool avro_may_refuse(const sli_encoder *self)
{
    return sli_avro_may_refuse(self->record, self->steps);
}

static sl_code avro_begin(sli_encoder *self, sli_str *out, sl_error *err)
{
    (void)self, (void)out;
    return sl_error_set(err, SL_E_UNSUPPORTED,
                        "format avro writes values, not files; use arrow, json or csv for files");
}

static sl_code avro_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    (void)batch;
    return avro_begin(self, out, err);
}

static const char *const extensions[] = {"avro", NULL};

const sli_format_ops sli_format_avro = {
    .struct_size = sizeof(sli_format_ops),
    .name = "avro",
    .options = options,
    .prepare = avro_prepare,
    .schema = avro_schema,
    .decoder_new = avro_decoder_new,
    .decode = sli_avro_file_decode,
    .stream = avro_stream,
    .decoder_free = avro_decoder_free,
    .encoder_new = avro_encoder_new,
    .begin = avro_begin,
    .encode = avro_encode,
    .encoder_free = avro_encoder_free,
    .binary = true,
    .extensions = extensions,
    .values_check = avro_values_check,
    .decode_values = avro_decode_values,
    .encode_values = avro_encode_values,
    .may_refuse = avro_may_refuse,
};
