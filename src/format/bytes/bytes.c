// bytes.c — a record as it is, in one binary column: a value, or a whole file (Spark's binaryFile).
//
// Nothing in the bytes ends a record, so in a stream of them the only end is the stream's. What a
// socket sends has none, and receivers refuse the format (sli_format_ops.binary). For the same
// reason files are not written: their records could not be told apart.
#include "format/format_int.h"

static const sl_option options[] = {
    {.name = "column",
     .type = SL_OPT_TEXT,
     .fallback = "value",
     .flags = SL_OPT_RESULT,
     .text = "Name of the one column; with a ? behind it the column takes nulls (values that are "
             "null, as brokers have them)."},
    SLI_FORMAT_OPTIONS,
    SLI_MAX_RECORD_OPTION,
    {0},
};

struct sli_decoder {
    sli_stream_state stream;
    const sl_schema *schema;
};

struct sli_encoder {
    const sl_schema *schema;
};

static sl_code bytes_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    return sli_column_schema(conf, "binary", out, err);
}

static sl_code bytes_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                                 sl_error *err)
{
    SL_TRY(sli_column_in(schema, "bytes", SL_BINARY, "binary", err));
    sli_decoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "bytes decoder");
    }
    sli_stream_init(&self->stream, conf);
    self->schema = sl_schema_ref(schema);
    *out = self;
    return SL_OK;
}

static void bytes_decoder_free(sli_decoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static sli_stream_state *bytes_stream(sli_decoder *self)
{
    return &self->stream;
}

// ---------------------------------------------------------------- decoding

static sl_code emit_whole(sli_decoder *self, const sli_piece *piece, sli_emit_fn emit, void *ctx,
                          sl_error *err)
{
    const char *at = sli_buffer_bytes(piece->data) + piece->from;
    sl_batch *batch = NULL;
    sl_view *view = sl_alloc_aligned(SLI_TAG_BATCH, sizeof *view);
    if (view == NULL) {
        return sl_error_nomem(err, sizeof *view, "a record");
    }
    *view = sli_view_near(at, 0, piece->from, piece->to - piece->from);
    SL_TRY(sli_batch_of_views(self->schema, view, 1, piece->data, &batch, err));
    self->stream.stats.records++;
    sl_code rc = emit(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code bytes_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                            sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    int64_t size = piece->to - piece->from, scanned = 0;
    SL_TRY(sli_stream_resume(stream, piece, &scanned, err));
    bool too_long = !stream->skipping && size > stream->max_record;
    if (too_long) {
        SL_TRY(sli_stream_too_long(stream, piece, piece->from, piece->last, err));
    } else if (piece->last && size > 0 && !stream->skipping) {
        SL_TRY(emit_whole(self, piece, emit, ctx, err));
    }
    bool waits = !piece->last && !stream->skipping;
    stream->wanted = stream->max_record + 1; // all there is, up to what is too long
    sli_stream_stop(stream, piece, waits ? piece->from : piece->to, waits ? size : 0, consumed);
    return SL_OK;
}

static sl_code bytes_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from,
                                   int32_t to, sli_emit_fn emit, void *ctx, sl_error *err)
{
    return sli_values_as_cells(&self->stream, self->schema, run, from, to, emit, ctx, err);
}

// ---------------------------------------------------------------- encoding

static sl_code bytes_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                                 sl_error *err)
{
    (void)conf;
    SL_TRY(sli_column_out(schema, "bytes", err));
    sli_encoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "bytes encoder");
    }
    self->schema = sl_schema_ref(schema);
    *out = self;
    return SL_OK;
}

static sl_code bytes_begin(sli_encoder *self, sli_str *out, sl_error *err)
{
    (void)self, (void)out;
    return sl_error_set(err, SL_E_UNSUPPORTED,
                        "format bytes writes values, not files, in which nothing would end a "
                        "record; use fixed (records of one length) or text");
}

static sl_code bytes_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    (void)batch;
    return bytes_begin(self, out, err);
}

static sl_code bytes_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                                   sl_error *err)
{
    const sl_column *column = sl_batch_column(batch, 0);
    (void)self;
    for (int64_t row = 0; row < column->n_rows; row++) {
        bool is_null = sl_column_is_null(column, row);
        sl_text cell = is_null ? (sl_text){"", 0} : sl_column_text(column, row);
        sli_str_add(&out->bytes, cell.data, cell.size);
        sli_value_end(out, is_null);
    }
    return sli_str_check(&out->bytes, "values", err);
}

static void bytes_encoder_free(sli_encoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static const char *const extensions[] = {NULL}; // any file is bytes; none is by its name

const sli_format_ops sli_format_bytes = {
    .struct_size = sizeof(sli_format_ops),
    .name = "bytes",
    .options = options,
    .schema = bytes_schema,
    .decoder_new = bytes_decoder_new,
    .decode = bytes_decode,
    .stream = bytes_stream,
    .decoder_free = bytes_decoder_free,
    .encoder_new = bytes_encoder_new,
    .begin = bytes_begin,
    .encode = bytes_encode,
    .encoder_free = bytes_encoder_free,
    .binary = true,
    .extensions = extensions,
    .decode_values = bytes_decode_values,
    .encode_values = bytes_encode_values,
};
