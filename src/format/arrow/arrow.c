// arrow.c — Arrow IPC streams: a schema message, then batches of rows as they lie in memory.
//
// A record is a message. What is read points into the piece; cells are checked by col (ipc_read.c,
// import.c), since nobody knows who wrote them. Written is the schema as what opens a file and a
// message for each batch, so a file may grow by batches and needs no end mark.
#include "format/format_int.h"

static const sl_option options[] = {
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Columns as in the stream, by name, type and order; for reading."},
    SLI_FORMAT_OPTIONS,
    {0},
};

struct sli_decoder {
    sli_stream_state stream;
    const sl_schema *schema;
    sli_ipc_stream *messages;
    bool ended; ///< the end mark was read
    bool lost;  ///< where the next message begins is not known: the rest is one malformed record
};

struct sli_encoder {
    const sl_schema *schema;
};

static sl_code arrow_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    return sli_schema_option(conf, "arrow", out, err);
}

static sl_code arrow_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                                 sl_error *err)
{
    SL_TRY(sli_schema_allowed(schema, true, "arrow", err));
    sli_decoder *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "arrow decoder");
    }
    sli_stream_init(&self->stream, conf);
    sl_code rc = sli_ipc_stream_new(&self->messages, self->stream.max_record, err);
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    self->schema = sl_schema_ref(schema);
    *out = self;
    return SL_OK;
}

static void arrow_decoder_free(sli_decoder *self)
{
    if (self != NULL) {
        sli_ipc_stream_free(self->messages);
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static struct sli_stream_state *arrow_stream(sli_decoder *self)
{
    return &self->stream;
}

// ---------------------------------------------------------------- decoding

/// The stream's columns are those wanted: names, types, order. Whether nulls may come is looked at
/// batch by batch.
static sl_code check_schema(const sli_decoder *self, sl_error *err)
{
    const sl_schema *have = sli_ipc_stream_schema(self->messages);
    bool same = sl_schema_columns(have) == sl_schema_columns(self->schema);
    for (int32_t i = 0; same && i < sl_schema_columns(have); i++) {
        const sl_field *a = sl_schema_field(have, i), *b = sl_schema_field(self->schema, i);
        same = strcmp(a->name, b->name) == 0 && sli_field_same_type(a, b);
    }
    return same ? SL_OK
                : sl_error_set(err, SL_E_DATA, "its schema is \"%.200s\", not \"%.200s\"",
                               sl_schema_text(have), sl_schema_text(self->schema));
}

static sl_code check_nulls(const sli_decoder *self, const sl_batch *batch, sl_error *err)
{
    for (int32_t i = 0; i < sl_schema_columns(self->schema); i++) {
        const sl_field *field = sl_schema_field(self->schema, i);
        if (!field->nullable && sl_batch_column(batch, i)->n_nulls > 0) {
            return sl_error_set(err, SL_E_DATA, "column '%s' has nulls: write its type with a '?'",
                                field->name);
        }
    }
    return SL_OK;
}

static sl_code emit_batch(sli_decoder *self, const sl_batch *batch, sli_emit_fn emit, void *ctx,
                          sl_error *err)
{
    int64_t n = sl_batch_rows(batch);
    for (int64_t from = 0; from < n; from += SLI_BATCH_ROWS) {
        sl_batch *part = NULL;
        SL_TRY(sli_batch_slice(batch, from, n - from < SLI_BATCH_ROWS ? n - from : SLI_BATCH_ROWS,
                               &part, err));
        sl_code rc = emit(ctx, part, err);
        sl_batch_unref(part);
        SL_TRY(rc);
    }
    self->stream.stats.records += n;
    return SL_OK;
}

/// Outside bytes are bad data here, whatever was found wrong with them.
static sl_code as_data(sl_code rc, sl_error *err)
{
    if (rc != SL_E_CORRUPT && rc != SL_E_UNSUPPORTED && rc != SL_E_NO_SPACE) {
        return rc;
    }
    sl_error shown = err == NULL ? SL_ERROR_INIT : *err;
    return sl_error_set(err, SL_E_DATA, "%s", shown.text);
}

/// *out: the rows of the message with the wanted schema, or NULL for the stream's schema.
static sl_code read_message(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t size,
                            sl_batch **out, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(as_data(sli_ipc_stream_take(self->messages, piece->data, at, size, &batch, err), err));
    if (batch == NULL) {
        return check_schema(self, err);
    }
    sl_code rc = check_nulls(self, batch, err);
    rc = rc == SL_OK ? sli_batch_rename(batch, self->schema, out, err) : rc;
    sl_batch_unref(batch);
    return rc;
}

/// Without the schema, or the place of the next message, nothing behind can be read.
static sl_code give_up(sli_decoder *self, const sli_piece *piece, int64_t at, sl_error *err)
{
    self->lost = true;
    return sli_stream_verdict(&self->stream, piece, at, SL_E_DATA, err);
}

static sl_code take_message(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t size,
                            sli_emit_fn emit, void *ctx, sl_error *err)
{
    if (self->ended) {
        (void)sl_error_set(err, SL_E_DATA, "bytes follow the end of the stream");
        return give_up(self, piece, at, err);
    }
    if (size == SLI_IPC_END_BYTES) {
        self->ended = true;
        return SL_OK;
    }
    bool first = sli_ipc_stream_schema(self->messages) == NULL;
    sl_batch *batch = NULL;
    sl_code rc = read_message(self, piece, at, size, &batch, err);
    if (rc == SL_E_DATA) {
        return first ? give_up(self, piece, at, err)
                     : sli_stream_verdict(&self->stream, piece, at, rc, err);
    }
    rc = rc == SL_OK && batch != NULL ? emit_batch(self, batch, emit, ctx, err) : rc;
    sl_batch_unref(batch);
    return rc;
}

/// Bytes of the message at `at`, 0 when it is not whole yet. SL_E_DATA for none, or one too long.
static sl_code whole_message(const sli_decoder *self, const sli_piece *piece, int64_t at,
                             int64_t *size, sl_error *err)
{
    int64_t there = piece->to - at, limit = self->stream.max_record;
    sli_ipc_place place = {0};
    SL_TRY(as_data(sli_ipc_measure(sli_buffer_bytes(piece->data) + at, there, &place, err), err));
    *size = place.bytes;
    if (*size > limit || (*size == 0 && there > limit)) {
        return sl_error_set(err, SL_E_DATA,
                            "a message of more than %lld bytes; raise max_record or write smaller "
                            "batches",
                            (long long)limit);
    }
    if (*size > there) {
        *size = 0;
    }
    return *size == 0 && piece->last
               ? sl_error_set(err, SL_E_DATA, "the bytes end inside a message")
               : SL_OK;
}

static sl_code arrow_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                            sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t at = piece->from, scanned = 0;
    SL_TRY(sli_stream_resume(&self->stream, piece, &scanned, err));
    while (at < piece->to && !self->lost) {
        int64_t size = 0;
        sl_code rc = whole_message(self, piece, at, &size, err);
        if (rc == SL_OK && size == 0) {
            break;
        }
        rc = rc == SL_E_DATA ? give_up(self, piece, at, err)
             : rc == SL_OK   ? take_message(self, piece, at, size, emit, ctx, err)
                             : rc;
        SL_TRY(rc);
        at += size;
    }
    sli_stream_stop(&self->stream, piece, self->lost ? piece->to : at, 0, consumed);
    return SL_OK;
}

// ---------------------------------------------------------------- encoding

static sl_code arrow_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                                 sl_error *err)
{
    (void)conf;
    SL_TRY(sli_schema_allowed(schema, true, "arrow", err));
    sli_encoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "arrow encoder");
    }
    self->schema = sl_schema_ref(schema);
    *out = self;
    return SL_OK;
}

static void arrow_encoder_free(sli_encoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static sl_code arrow_begin(sli_encoder *self, sli_str *out, sl_error *err)
{
    return sli_ipc_write_schema(out, self->schema, err);
}

static sl_code arrow_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    (void)self;
    return sl_batch_rows(batch) == 0 ? SL_OK : sli_ipc_write_batch(out, batch, err);
}

const sli_format_ops sli_format_arrow = {
    .struct_size = sizeof(sli_format_ops),
    .name = "arrow",
    .options = options,
    .schema = arrow_schema,
    .decoder_new = arrow_decoder_new,
    .decode = arrow_decode,
    .stream = arrow_stream,
    .decoder_free = arrow_decoder_free,
    .encoder_new = arrow_encoder_new,
    .begin = arrow_begin,
    .encode = arrow_encode,
    .encoder_free = arrow_encoder_free,
    .lines = false,
    .binary = true,
};
