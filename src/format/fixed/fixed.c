// fixed.c — records of one length, the bytes as they are, in a column of their own (Spark's
// binaryRecords).
//
// A batch is views into the input buffer, one for each record. A file whose size is no multiple of
// the length has a malformed last record.
#include "format/format_int.h"
#include "format/values.h"

static const sl_option options[] = {
    {.name = "record_length",
     .type = SL_OPT_SIZE,
     .low = "1",
     .high = "1g",
     .flags = SL_OPT_REQUIRED | SL_OPT_RESULT,
     .text = "Bytes of a record."},
    {.name = "column",
     .type = SL_OPT_TEXT,
     .fallback = "record",
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
    int64_t length;
};

static sl_code fixed_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    return sli_column_schema(conf, "binary", out, err);
}

static sl_code fixed_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                                 sl_error *err)
{
    SL_TRY(sli_column_in(schema, "fixed", SL_BINARY, "binary", err));
    if (sl_conf_int64(conf, "record_length") > sl_conf_int64(conf, "max_record")) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option record_length: %lld is more than max_record; raise that",
                            (long long)sl_conf_int64(conf, "record_length"));
    }
    sli_decoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "fixed decoder");
    }
    sli_stream_init(&self->stream, conf);
    self->stream.length = sl_conf_int64(conf, "record_length");
    self->schema = sl_schema_ref(schema);
    *out = self;
    return SL_OK;
}

static void fixed_decoder_free(sli_decoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static sli_stream_state *fixed_stream(sli_decoder *self)
{
    return &self->stream;
}

// ---------------------------------------------------------------- decoding

/// `n` records from `at` on.
static sl_code emit_records(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t n,
                            sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t length = self->stream.length;
    const char *data = sli_buffer_bytes(piece->data);
    sl_batch *batch = NULL;
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, (size_t)n * sizeof *views);
    if (views == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *views, "records");
    }
    for (int64_t i = 0; i < n; i++, at += length) {
        views[i] = sli_view_near(data + at, 0, at, length);
    }
    SL_TRY(sli_batch_of_views(self->schema, views, n, piece->data, &batch, err));
    self->stream.stats.records += n;
    sl_code rc = emit(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code refuse_rest(sli_decoder *self, const sli_piece *piece, int64_t at, sl_error *err)
{
    sl_code rc = sl_error_set(sli_stream_why(&self->stream, err), SL_E_DATA,
                              "the last record has %lld bytes in place of %lld; is record_length "
                              "that of these files, and is the file whole?",
                              (long long)(piece->to - at), (long long)self->stream.length);
    return sli_stream_verdict(&self->stream, piece, at, rc, err);
}

static sl_code fixed_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                            sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t at = piece->from, length = self->stream.length, scanned = 0;
    SL_TRY(sli_stream_resume(&self->stream, piece, &scanned, err));
    while (piece->to - at >= length) {
        int64_t n = (piece->to - at) / length;
        n = n < SLI_BATCH_ROWS ? n : SLI_BATCH_ROWS;
        SL_TRY(emit_records(self, piece, at, n, emit, ctx, err));
        at += n * length;
    }
    if (piece->last && at < piece->to) {
        SL_TRY(refuse_rest(self, piece, at, err));
        at = piece->to;
    }
    self->stream.wanted = length;
    sli_stream_stop(&self->stream, piece, at, 0, consumed);
    return SL_OK;
}

static sl_code fixed_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from,
                                   int32_t to, sli_emit_fn emit, void *ctx, sl_error *err)
{
    return sli_values_as_cells(&self->stream, self->schema, run, from, to, emit, ctx, err);
}

// ---------------------------------------------------------------- encoding

static sl_code fixed_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                                 sl_error *err)
{
    SL_TRY(sli_column_out(schema, "fixed", err));
    sli_encoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "fixed encoder");
    }
    self->schema = sl_schema_ref(schema);
    self->length = sl_conf_int64(conf, "record_length");
    *out = self;
    return SL_OK;
}

static sl_code fixed_begin(sli_encoder *self, sli_str *out, sl_error *err)
{
    (void)self;
    return sli_str_check(out, "records", err);
}

static sl_code put_row(const sli_encoder *self, const sl_column *column, int64_t row, sli_str *out,
                       sl_error *err)
{
    bool is_null = sl_column_is_null(column, row);
    sl_text cell = is_null ? (sl_text){"", 0} : sl_column_text(column, row);
    if (is_null || (int64_t)cell.size != self->length) {
        return sl_error_set(err, SL_E_DATA, "a record of %lld bytes%s, where all have %lld",
                            (long long)cell.size, is_null ? " (null)" : "",
                            (long long)self->length);
    }
    sli_str_add(out, cell.data, cell.size);
    return SL_OK;
}

static sl_code fixed_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    const sl_column *column = sl_batch_column(batch, 0);
    for (int64_t row = 0; row < column->n_rows; row++) {
        SL_TRY(put_row(self, column, row, out, err));
    }
    return sli_str_check(out, "records", err);
}

static sl_code fixed_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                                   sl_error *err)
{
    const sl_column *column = sl_batch_column(batch, 0);
    for (int64_t row = 0; row < column->n_rows; row++) {
        bool is_null = sl_column_is_null(column, row);
        SL_TRY(is_null ? SL_OK : put_row(self, column, row, &out->bytes, err));
        sli_value_end(out, is_null);
    }
    return sli_str_check(&out->bytes, "records", err);
}

static bool fixed_may_refuse(const sli_encoder *self)
{
    (void)self;
    return true; // another length
}

static void fixed_encoder_free(sli_encoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static const char *const extensions[] = {"bin", NULL};

const sli_format_ops sli_format_fixed = {
    .struct_size = sizeof(sli_format_ops),
    .name = "fixed",
    .options = options,
    .schema = fixed_schema,
    .decoder_new = fixed_decoder_new,
    .decode = fixed_decode,
    .stream = fixed_stream,
    .decoder_free = fixed_decoder_free,
    .encoder_new = fixed_encoder_new,
    .begin = fixed_begin,
    .encode = fixed_encode,
    .encoder_free = fixed_encoder_free,
    .binary = true,
    .extensions = extensions,
    .decode_values = fixed_decode_values,
    .encode_values = fixed_encode_values,
    .may_refuse = fixed_may_refuse,
};
