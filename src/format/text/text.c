// text.c — a record a line, in a column of its own.
//
// Line ends are found many at a time (find.c); a batch is then one pass that writes a 16-byte view
// for each line, into the input buffer. Text is checked as UTF-8 once for all lines of a batch;
// only when that fails is each line looked at.
#include "format/format_int.h"
#include "format/values.h"

enum {
    ENDS = 2048,           ///< positions of line ends written down at a time
    BATCH_BYTES = 4 << 20, ///< a batch also ends after that many bytes: they are read twice and
                           ///< stay in the cache
};

static const sl_option options[] = {
    {.name = "column",
     .type = SL_OPT_TEXT,
     .fallback = "line",
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
    sli_find_fn find;
    uint32_t ends[ENDS];
};

struct sli_encoder {
    const sl_schema *schema;
};

static sl_code text_schema(const sl_conf *conf, sl_schema **out, sl_error *err)
{
    return sli_column_schema(conf, "string", out, err);
}

static sl_code text_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                                sl_error *err)
{
    SL_TRY(sli_column_in(schema, "text", SL_STRING, "string", err));
    sli_decoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "text decoder");
    }
    sli_stream_init(&self->stream, conf);
    self->schema = sl_schema_ref(schema);
    self->find = sli_find_pick();
    *out = self;
    return SL_OK;
}

static void text_decoder_free(sli_decoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static sli_stream_state *text_stream(sli_decoder *self)
{
    return &self->stream;
}

// ---------------------------------------------------------------- decoding

// One call of decode: the place in the piece, and the lines of the batch in the making.
typedef struct lines {
    const sli_piece *piece;
    const char *data;
    int64_t at;   ///< start of the next line
    int64_t scan; ///< no line end lies in [at, scan), but at those that `ends` still holds
    int64_t from; ///< where the batch's lines start
    int64_t line; ///< number of the line there
    sl_view *views;
    int64_t n, capacity;
    int64_t end, n_ends; ///< of the decoder's `ends`: the next one, and how many
} lines;

// The next line [*from, *to) without its end; false when none is whole.
static bool next_line(sli_decoder *self, lines *cut, int64_t *from, int64_t *to)
{
    static const char set[4] = {'\n', '\r', '\n', '\r'};
    const sli_piece *piece = cut->piece;
    *from = cut->at;
    for (;;) {
        if (cut->end == cut->n_ends) {
            cut->end = 0;
            cut->n_ends =
                self->find(cut->data, cut->scan, piece->to, set, self->ends, ENDS, &cut->scan);
            if (cut->n_ends == 0) {
                break;
            }
        }
        int64_t at = self->ends[cut->end++];
        if (at < cut->at) {
            continue; // the '\n' of a "\r\n" that was taken already
        }
        *to = at;
        cut->at = at + 1;
        if (cut->data[at] == '\r') {
            if (cut->at == piece->to && !piece->last) {
                cut->at = *from; // perhaps half of "\r\n"
                cut->scan = at;
                return false;
            }
            cut->at += cut->at < piece->to && cut->data[cut->at] == '\n';
        }
        return true;
    }
    if (piece->last && cut->at < piece->to) {
        *to = piece->to;
        cut->at = piece->to;
        return true;
    }
    return false;
}

// A line of the batch is not UTF-8 from `bad` on and may not be repaired.
static sl_code refuse_line(sli_decoder *self, const lines *cut, const sl_view *line, int64_t bad,
                           sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    int64_t behind = stream->line; // the batch was cut already: go back to say where
    stream->line = cut->line + line->as.ref.buffer;
    int64_t at = line->as.ref.offset;
    sl_code rc = sli_stream_not_utf8(stream, cut->piece, at, at + bad, err);
    stream->line = behind;
    return rc;
}

// Puts the batch's lines, repaired, into a buffer of their own. Lines that are dropped leave the
// views.
static sl_code repair_lines(sli_decoder *self, lines *cut, sli_str *text, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    int64_t kept = 0;
    for (int64_t i = 0; i < cut->n; i++) {
        sl_view view =
            cut->views[i]; // still a place in the input, whatever the length: see add_line
        int64_t at = view.as.ref.offset;
        const char *line = cut->data + at;
        size_t size = (size_t)view.size;
        size_t good = sli_utf8_check(line, size);
        size_t place = text->size;
        if (good == size) {
            sli_str_add(text, line, size);
        } else if (stream->utf8 == SLI_BAD_REPLACE) {
            stream->stats.replaced += sli_utf8_repair(line, size, text);
        } else {
            SL_TRY(refuse_line(self, cut, &view, (int64_t)good, err));
            continue;
        }
        SL_TRY(sli_str_check(text, "repaired text", err));
        if (text->size > INT32_MAX) {
            return sl_error_set(err, SL_E_DATA, "%s: more than 2 GiB of repaired text in a batch",
                                cut->piece->name);
        }
        view.size = (int32_t)(text->size - place);
        view.as.ref.offset = (int32_t)place;
        cut->views[kept++] = view;
    }
    cut->n = kept;
    return SL_OK;
}

static void free_text(void *text)
{
    sl_free(text);
}

static sl_code own_buffer(sli_str *text, sli_buffer **out, sl_error *err)
{
    static const char pad[SLI_BUFFER_PAD];
    int64_t size = (int64_t)text->size;
    sli_str_add(text, pad, sizeof pad);
    SL_TRY(sli_str_check(text, "repaired text", err));
    char *bytes = sli_str_take(text);
    *out = sli_buffer_wrap(bytes, size, true, free_text, bytes);
    if (*out == NULL) {
        sl_free(bytes);
        return sl_error_nomem(err, 0, "repaired text");
    }
    return SL_OK;
}

// Checks the lines; *data is what the views shall point into, with a reference.
static sl_code check_lines(sli_decoder *self, lines *cut, sli_buffer **data, sl_error *err)
{
    size_t size = (size_t)(cut->at - cut->from);
    if (sli_utf8_check(cut->data + cut->from, size) == size) {
        *data = sli_buffer_ref(cut->piece->data);
        return SL_OK;
    }
    sli_str text = SLI_STR_INIT;
    text.tag = SLI_TAG_FORMAT;
    sl_code rc = repair_lines(self, cut, &text, err);
    if (rc == SL_OK) {
        rc = own_buffer(&text, data, err);
    }
    sli_str_reset(&text);
    return rc;
}

static sl_code emit_lines(sli_decoder *self, lines *cut, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_buffer *data = NULL;
    sl_batch *batch = NULL;
    sl_code rc = check_lines(self, cut, &data, err);
    if (rc == SL_OK && cut->n > 0) {
        const char *bytes = sli_buffer_bytes(data);
        for (int64_t i = 0; i < cut->n; i++) {
            int64_t at = cut->views[i].as.ref.offset;
            cut->views[i] = sli_view_near(bytes + at, 0, at, cut->views[i].size);
        }
        sl_view *views = cut->views;
        cut->views = NULL;
        rc = sli_batch_of_views(self->schema, views, cut->n, data, &batch, err);
    }
    if (batch != NULL) {
        self->stream.stats.records += cut->n;
        rc = emit(ctx, batch, err);
        sl_batch_unref(batch);
    }
    sli_buffer_unref(data);
    sl_free(cut->views);
    cut->views = NULL;
    cut->n = 0;
    cut->from = cut->at;
    cut->line = self->stream.line;
    return rc;
}

// Adds line number `line`.
static sl_code add_line(lines *cut, int64_t from, int64_t to, int64_t line, sl_error *err)
{
    if (cut->views == NULL) {
        int64_t rest = cut->piece->to - from + 1; // no more lines than bytes
        cut->capacity = rest < SLI_BATCH_ROWS ? rest : SLI_BATCH_ROWS;
        cut->views = sl_alloc_aligned(SLI_TAG_BATCH, (size_t)cut->capacity * sizeof *cut->views);
        if (cut->views == NULL) {
            return sl_error_nomem(err, (size_t)cut->capacity * sizeof *cut->views, "lines");
        }
    }
    sl_view *view = &cut->views[cut->n++]; // place, size, number: emit_lines makes views of them
    view->size = (int32_t)(to - from);
    view->as.ref.buffer = (int32_t)(line - cut->line);
    view->as.ref.offset = (int32_t)from;
    return SL_OK;
}

static sl_code take_line(sli_decoder *self, lines *cut, int64_t from, int64_t to, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    sl_code rc = SL_OK;
    if (stream->skipping) {
        stream->skipping = false;
    } else if (to - from > stream->max_record) {
        rc = sli_stream_too_long(stream, cut->piece, from, true, err);
    } else {
        rc = add_line(cut, from, to, stream->line, err);
    }
    stream->line++;
    return rc;
}

// What is left at the end of the piece: bytes [at, to) end no line, the last one may be a '\r'.
static sl_code leave_rest(sli_decoder *self, lines *cut, int64_t *consumed, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    const sli_piece *piece = cut->piece;
    int64_t end = piece->to - (piece->to > cut->at && cut->data[piece->to - 1] == '\r');
    if (!stream->skipping && end - cut->at > stream->max_record) {
        SL_TRY(sli_stream_too_long(stream, piece, cut->at, false, err));
    }
    if (stream->skipping) {
        cut->at = end;
    }
    sli_stream_stop(stream, piece, cut->at, end - cut->at, consumed);
    return SL_OK;
}

static sl_code text_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                           sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t scanned;
    SL_TRY(sli_stream_resume(&self->stream, piece, &scanned, err));
    lines cut = {.piece = piece,
                 .data = sli_buffer_bytes(piece->data),
                 .at = piece->from,
                 .from = piece->from,
                 .line = self->stream.line,
                 .scan = piece->from + scanned};
    sl_code rc = SL_OK;
    int64_t from, to;
    while (rc == SL_OK && next_line(self, &cut, &from, &to)) {
        rc = take_line(self, &cut, from, to, err);
        if (rc == SL_OK && (cut.n == SLI_BATCH_ROWS || cut.at - cut.from >= BATCH_BYTES)) {
            rc = emit_lines(self, &cut, emit, ctx, err);
        }
    }
    if (rc == SL_OK && cut.n > 0) {
        rc = emit_lines(self, &cut, emit, ctx, err);
    }
    if (rc == SL_OK) {
        rc = leave_rest(self, &cut, consumed, err);
    }
    sl_free(cut.views);
    return rc;
}

// ---------------------------------------------------------------- values

static sl_code take_value(sli_decoder *self, lines *cut, const sli_value_run *run, int32_t i,
                          sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    stream->line = i;
    if (sli_value_is_null(run, i)) {
        return sli_value_null(stream, err);
    }
    int64_t from = run->starts[i], to = run->starts[i + 1] - 1;
    return to - from > stream->max_record ? sli_stream_too_long(stream, cut->piece, from, true, err)
                                          : add_line(cut, from, to, i, err);
}

// A value is a row, whatever it holds: its line ends are text.
static sl_code text_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from,
                                  int32_t to, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_piece piece = {
        .data = run->data, .from = run->starts[from], .to = run->starts[to], .name = "values"};
    lines cut = {
        .piece = &piece, .data = sli_buffer_bytes(run->data), .from = piece.from, .line = from};
    sl_code rc = SL_OK;
    for (int32_t i = from; i < to && rc == SL_OK; i++) {
        rc = take_value(self, &cut, run, i, err);
        cut.at = run->starts[i + 1];
        if (rc == SL_OK && (cut.n == SLI_BATCH_ROWS || cut.at - cut.from >= BATCH_BYTES)) {
            self->stream.line = i + 1;
            rc = emit_lines(self, &cut, emit, ctx, err);
        }
    }
    if (rc == SL_OK && cut.n > 0) {
        rc = emit_lines(self, &cut, emit, ctx, err);
    }
    sl_free(cut.views);
    return rc;
}

// ---------------------------------------------------------------- encoding

static bool is_printable(const sl_field *field)
{
    return field->n_children == 0 && field->type != SL_OPAQUE;
}

static sl_code text_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                                sl_error *err)
{
    (void)conf;
    if (sl_schema_columns(schema) != 1 || !is_printable(sl_schema_field(schema, 0))) {
        return sl_error_set(err, SL_E_INVALID,
                            "text is written from one column, not from \"%s\": use csv or json",
                            sl_schema_text(schema));
    }
    sli_encoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "text encoder");
    }
    self->schema = sl_schema_ref(schema);
    *out = self;
    return SL_OK;
}

static sl_code text_begin(sli_encoder *self, sli_str *out, sl_error *err)
{
    (void)self;
    return sli_str_check(out, "text", err);
}

static sl_code text_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    const sl_field *field = sl_schema_field(self->schema, 0);
    const sl_column *column = sl_batch_column(batch, 0);
    for (int64_t row = 0; row < column->n_rows; row++) {
        sli_print_cell(out, field, column, row);
        sli_str_char(out, '\n');
    }
    return sli_str_check(out, "text", err);
}

static sl_code text_encode_values(sli_encoder *self, const sl_batch *batch, sli_value_list *out,
                                  sl_error *err)
{
    const sl_field *field = sl_schema_field(self->schema, 0);
    const sl_column *column = sl_batch_column(batch, 0);
    for (int64_t row = 0; row < column->n_rows; row++) {
        sli_print_cell(&out->bytes, field, column, row);
        sli_value_end(out, sl_column_is_null(column, row));
    }
    return sli_str_check(&out->bytes, "text", err);
}

static void text_encoder_free(sli_encoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

static const char *const extensions[] = {"txt", NULL};

const sli_format_ops sli_format_text = {
    .struct_size = sizeof(sli_format_ops),
    .name = "text",
    .options = options,
    .schema = text_schema,
    .decoder_new = text_decoder_new,
    .decode = text_decode,
    .stream = text_stream,
    .decoder_free = text_decoder_free,
    .encoder_new = text_encoder_new,
    .begin = text_begin,
    .encode = text_encode,
    .encoder_free = text_encoder_free,
    .encode_values = text_encode_values,
    .extensions = extensions,
    .lines = true,
    .decode_values = text_decode_values,
};
