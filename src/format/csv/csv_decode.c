// csv_decode.c — CSV to rows.
#include "format/csv/csv_int.h"

#include <inttypes.h>

struct sli_decoder {
    sli_stream_state stream;
    sli_csv_dialect dialect;
    sli_csv_state state; ///< behind the bytes that `stream.scanned` counts
    sl_schema *schema;
    int32_t *columns; ///< of each field of a record; -1: nobody wants it
    int32_t n_file_fields;
    bool header_due;
    int64_t good_until; ///< text before it in this piece is UTF-8
    sli_rows *rows;
    sli_str scratch, repaired;
    sli_csv_cutter cutter;
};

static sl_code reserve_fields(sli_decoder *self, int32_t n, sl_error *err)
{
    sli_csv_field *fields =
        sl_realloc(SLI_TAG_FORMAT, self->cutter.fields, (size_t)n * sizeof *fields);
    if (fields == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *fields, "fields");
    }
    self->cutter.fields = fields;
    self->cutter.max_fields = n;
    int32_t *columns = sl_realloc(SLI_TAG_FORMAT, self->columns, (size_t)n * sizeof *columns);
    if (columns == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *columns, "fields");
    }
    self->columns = columns;
    for (int32_t i = 0; i < n; i++) {
        columns[i] = i;
    }
    return SL_OK;
}

sl_code sli_csv_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                            sl_error *err)
{
    sli_csv_dialect dialect;
    SL_TRY(sli_csv_dialect_read(&dialect, conf, err));
    SL_TRY(sli_schema_allowed(schema, false, "csv", err));
    sli_decoder *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "csv decoder");
    }
    sli_stream_init(&self->stream, conf);
    self->dialect = dialect;
    self->dialect.null = NULL;
    self->schema = sl_schema_ref(schema);
    self->n_file_fields = sl_schema_columns(schema);
    self->header_due = dialect.header;
    self->scratch.tag = self->repaired.tag = SLI_TAG_FORMAT;
    self->cutter.dialect = &self->dialect;
    self->cutter.find = sli_find_pick();
    sl_code rc = reserve_fields(self, dialect.header ? CSV_MAX_FIELDS : self->n_file_fields, err);
    if (rc == SL_OK) {
        rc = sli_rows_new(&self->rows, schema, err);
    }
    if (rc == SL_OK) { // the decoder may outlive the conf
        self->dialect.null = sl_strndup(SLI_TAG_FORMAT, dialect.null, dialect.null_size);
        rc = self->dialect.null == NULL ? sl_error_nomem(err, dialect.null_size, "csv decoder")
                                        : SL_OK;
    }
    if (rc != SL_OK) {
        sli_csv_decoder_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_csv_decoder_free(sli_decoder *self)
{
    if (self != NULL) {
        sl_schema_unref(self->schema);
        sl_free(self->columns);
        sl_free(self->cutter.fields);
        sl_free((void *)(uintptr_t)self->dialect.null);
        sli_rows_free(self->rows);
        sli_str_reset(&self->scratch);
        sli_str_reset(&self->repaired);
        sl_free(self);
    }
}

sli_stream_state *sli_csv_stream(sli_decoder *self)
{
    return &self->stream;
}

// ---------------------------------------------------------------- cells

// Appends text between quotes with each doubled quote made one.
static void add_undoubled(sli_str *out, const char *text, int64_t size, char quote)
{
    for (int64_t from = 0; from < size;) {
        const char *at = memchr(text + from, quote, (size_t)(size - from));
        int64_t to = at == NULL ? size : at - text + 1;
        sli_str_add(out, text + from, (size_t)(to - from));
        from = to + (at != NULL); // its twin
    }
}

// Text that is not as it stands in the input: undoubled, repaired, then kept with the rows.
static sl_code own_text(sli_decoder *self, const sli_csv_field *at, bool bad, sl_view *out,
                        sl_error *err)
{
    const char *text = self->cutter.data + at->from;
    sli_str *made = &self->scratch;
    sli_str_clear(made);
    if (at->doubled) {
        add_undoubled(made, text, at->to - at->from, self->dialect.quote);
    } else {
        sli_str_add(made, text, (size_t)(at->to - at->from));
    }
    SL_TRY(sli_str_check(made, "quoted text", err));
    if (bad) {
        sli_str_clear(&self->repaired);
        self->stream.stats.replaced += sli_utf8_repair(made->data, made->size, &self->repaired);
        made = &self->repaired;
        SL_TRY(sli_str_check(made, "repaired text", err));
    }
    int32_t buffer;
    int64_t offset;
    int64_t size = (int64_t)made->size;
    char *own = size > INT32_MAX ? NULL : sli_rows_own(self->rows, size, &buffer, &offset);
    if (own == NULL) {
        return sl_error_nomem(err, (size_t)size, "quoted text");
    }
    memcpy(own, made->data, (size_t)size);
    *out = sli_view_near(own, buffer, offset, size);
    return SL_OK;
}

static sl_code text_cell(sli_decoder *self, const sl_field *field, const sli_csv_field *at,
                         sl_view *out, sl_error *err)
{
    const char *data = self->cutter.data;
    int64_t size = at->to - at->from;
    bool bad = field->type == SL_STRING && at->to > self->good_until &&
               sli_utf8_check(data + at->from, (size_t)size) != (size_t)size;
    if (at->doubled || bad) {
        return own_text(self, at, bad, out, err);
    }
    *out = sli_view_near(data + at->from, 0, at->from, size);
    return SL_OK;
}

static sl_code wrong_cell(const sl_field *field, const char *text, int64_t size, sl_error *err)
{
    int shown = size > 40 ? 40 : (int)size;
    return sl_error_set(err, SL_E_DATA, "column '%s': '%.*s%s' is not %s", field->name, shown, text,
                        size > 40 ? "..." : "", sli_type_expected(field->type));
}

static sl_code read_cell(sli_decoder *self, int32_t column, const sli_csv_field *at, sl_error *err)
{
    const sl_field *field = sl_schema_field(self->schema, column);
    const char *text = self->cutter.data + at->from;
    int64_t size = at->to - at->from;
    const sli_csv_dialect *dialect = &self->dialect;
    bool null = field->nullable && !at->quoted && (size_t)size == dialect->null_size &&
                memcmp(text, dialect->null, dialect->null_size) == 0;
    sli_rows_set(self->rows, column, !null);
    if (null) {
        return SL_OK;
    }
    sli_datum *cell = sli_rows_cell(self->rows, column);
    if (field->type == SL_STRING || field->type == SL_BINARY) {
        return text_cell(self, field, at, &cell->v, err);
    }
    if (!sli_datum_read(field, dialect->time, text, (size_t)size, cell)) {
        return wrong_cell(field, text, size, err);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- records

static bool is_blank(const sli_decoder *self)
{
    const sli_csv_cutter *cutter = &self->cutter;
    return cutter->n_fields == 1 && (self->n_file_fields > 1 || self->header_due) &&
           !cutter->fields[0].quoted && cutter->fields[0].to == cutter->fields[0].from;
}

static sl_code read_record(sli_decoder *self, sl_error *err)
{
    const sli_csv_cutter *cutter = &self->cutter;
    if (cutter->wrong != NULL) {
        return sl_error_set(err, SL_E_DATA, "%s", cutter->wrong);
    }
    if (cutter->n_fields != self->n_file_fields) {
        return sl_error_set(err, SL_E_DATA, "%" PRId32 " fields instead of %" PRId32,
                            cutter->n_fields, self->n_file_fields);
    }
    for (int32_t i = 0; i < cutter->n_fields; i++) {
        if (self->columns[i] >= 0) {
            SL_TRY(read_cell(self, self->columns[i], &cutter->fields[i], err));
        }
    }
    return SL_OK;
}

// The column that field i of the header names; -1: none.
static sl_code header_column(sli_decoder *self, const sli_piece *piece, int32_t i, sl_error *err)
{
    const sli_csv_field *at = &self->cutter.fields[i];
    sli_str *name = &self->scratch;
    sli_str_clear(name);
    add_undoubled(name, self->cutter.data + at->from, at->to - at->from, self->dialect.quote);
    SL_TRY(sli_str_check(name, "header", err));
    bool usable = name->size > 0 && strlen(name->data) == name->size;
    int32_t column = usable ? sl_schema_find(self->schema, name->data) : -1;
    for (int32_t k = 0; k < i && column >= 0; k++) {
        if (self->columns[k] == column) {
            return sl_error_set(err, SL_E_DATA, "%s: the header holds '%s' twice", piece->name,
                                name->data);
        }
    }
    self->columns[i] = column;
    return SL_OK;
}

// A header that does not fit is an error whatever `malformed` says: with it every record of the
// file would be lost.
static sl_code read_header(sli_decoder *self, const sli_piece *piece, sl_error *err)
{
    sli_csv_cutter *cutter = &self->cutter;
    if (cutter->wrong != NULL || cutter->n_fields > CSV_MAX_FIELDS) {
        return sl_error_set(err, SL_E_DATA, "%s: the header holds %s", piece->name,
                            cutter->wrong != NULL ? cutter->wrong : "more than 16384 names");
    }
    for (int32_t i = 0; i < cutter->n_fields; i++) {
        SL_TRY(header_column(self, piece, i, err));
    }
    for (int32_t column = 0; column < sl_schema_columns(self->schema); column++) {
        int32_t i = 0;
        while (i < cutter->n_fields && self->columns[i] != column) {
            i++;
        }
        if (i == cutter->n_fields) {
            return sl_error_set(err, SL_E_DATA, "%s: the header has no column '%s' (schema \"%s\")",
                                piece->name, sl_schema_field(self->schema, column)->name,
                                sl_schema_text(self->schema));
        }
    }
    self->n_file_fields = cutter->max_fields = cutter->n_fields;
    self->header_due = false;
    return SL_OK;
}

// Whether the record's text is UTF-8 as far as `invalid_utf8` cares; *good is false when it was
// dropped. Text is checked from here to the first bad byte at once, so that clean input is checked
// in one go.
static sl_code check_text(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t end,
                          bool *good, sl_error *err)
{
    if (self->good_until < end && self->good_until <= at) {
        const char *data = self->cutter.data;
        self->good_until = at + (int64_t)sli_utf8_check(data + at, (size_t)(piece->to - at));
    }
    *good = true;
    if (self->good_until >= end || self->stream.utf8 == SLI_BAD_REPLACE) {
        return SL_OK;
    }
    const sli_csv_cutter *cutter = &self->cutter;
    for (int32_t i = 0; i < cutter->n_fields && i < self->n_file_fields; i++) {
        int32_t column = self->columns[i];
        const sli_csv_field *field = &cutter->fields[i];
        size_t size = (size_t)(field->to - field->from);
        if (column < 0 || sl_schema_field(self->schema, column)->type != SL_STRING || size == 0) {
            continue;
        }
        size_t bad = sli_utf8_check(cutter->data + field->from, size);
        if (bad < size) {
            *good = false;
            return sli_stream_not_utf8(&self->stream, piece, at, field->from + (int64_t)bad, err);
        }
    }
    return SL_OK;
}

static sl_code take_record(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t end,
                           sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    if (end - at > stream->max_record) {
        return sli_stream_too_long(stream, piece, at, true, err);
    }
    bool good;
    SL_TRY(check_text(self, piece, at, end, &good, err));
    if (!good) {
        return SL_OK;
    }
    sl_code rc = read_record(self, sli_stream_why(stream, err));
    if (rc != SL_OK) {
        return sli_stream_verdict(stream, piece, at, rc, err);
    }
    stream->stats.records++;
    return sli_rows_commit(self->rows, emit, ctx, err);
}

static sl_code decode_records(sli_decoder *self, const sli_piece *piece, int64_t *at,
                              sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t end, next;
    while (*at < piece->to && sli_csv_cut(&self->cutter, *at, &end, &next)) {
        bool blank = is_blank(self);
        if (!blank && self->header_due) {
            SL_TRY(read_header(self, piece, err));
        } else if (!blank) {
            SL_TRY(take_record(self, piece, *at, end, emit, ctx, err));
        }
        self->stream.line += self->cutter.n_lines;
        *at = next;
    }
    return SL_OK;
}

// Moves *at behind the end of the record that was not whole last time, when it has come; else to
// the piece's end.
static bool find_end(sli_decoder *self, const sli_piece *piece, int64_t scanned, int64_t *at)
{
    int64_t end = sli_csv_record_end(&self->dialect, sli_buffer_bytes(piece->data),
                                     piece->from + scanned, piece->to, &self->state);
    *at = end < 0 ? piece->to : end;
    return end >= 0 || piece->last;
}

// The bytes from `at` on are no whole record.
static sl_code leave_rest(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t *consumed,
                          sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    if (!stream->skipping && piece->to - at > stream->max_record) {
        SL_TRY(sli_stream_too_long(stream, piece, at, false, err));
    }
    at = stream->skipping ? piece->to : at;
    sli_stream_stop(stream, piece, at, piece->to - at, consumed);
    return SL_OK;
}

sl_code sli_csv_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                       sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    int64_t scanned;
    SL_TRY(sli_stream_resume(stream, piece, &scanned, err));
    int64_t at = sli_stream_bom(stream, piece);
    if (at < 0) {
        sli_stream_stop(stream, piece, piece->from, 0, consumed);
        return SL_OK;
    }
    if (scanned > 0 || stream->skipping) {
        int64_t end;
        if (!find_end(self, piece, scanned, &end)) {
            return leave_rest(self, piece, at, consumed, err);
        }
        if (stream->skipping) {
            stream->skipping = false;
            stream->line++; // at least: line ends inside quotes that were dropped are not counted
            at = end;
        }
    }
    sli_csv_cutter_start(&self->cutter, sli_buffer_bytes(piece->data), at, piece->to, piece->last);
    self->good_until = 0;
    SL_TRY(sli_rows_begin(self->rows, piece->data, err));
    SL_TRY(decode_records(self, piece, &at, emit, ctx, err));
    SL_TRY(sli_rows_end(self->rows, emit, ctx, err));
    self->state = SLI_CSV_START;
    (void)sli_csv_record_end(&self->dialect, self->cutter.data, at, piece->to, &self->state);
    return leave_rest(self, piece, at, consumed, err);
}

// ---------------------------------------------------------------- values

// A value is a record, with or without a line end behind it. Quotes that do not close end with it.
static sl_code take_value(sli_decoder *self, const sli_piece *piece, const sli_value_run *run,
                          int32_t i, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_csv_cutter *cutter = &self->cutter;
    int64_t at = run->starts[i], stop = run->starts[i + 1] - 1, end, next;
    self->stream.line = i;
    if (sli_value_is_null(run, i)) {
        return sli_value_null(&self->stream, err);
    }
    cutter->stop = stop;
    bool whole = sli_csv_cut(cutter, at, &end, &next);
    SL_ASSERT(whole, "a line end follows every value");
    if (next < stop) {
        cutter->wrong = "more than one record in the value";
        end = stop;
    }
    return take_record(self, piece, at, end, emit, ctx, err);
}

sl_code sli_csv_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from, int32_t to,
                              sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_piece piece = {.data = run->data, .from = run->starts[from], .to = run->starts[to]};
    sli_csv_cutter_start(&self->cutter, sli_buffer_bytes(run->data), piece.from, piece.to, true);
    self->good_until = 0;
    SL_TRY(sli_rows_begin(self->rows, run->data, err));
    for (int32_t i = from; i < to; i++) {
        SL_TRY(take_value(self, &piece, run, i, emit, ctx, err));
    }
    return sli_rows_end(self->rows, emit, ctx, err);
}
