// json_decode.c — JSON lines to rows: a stretch of whole lines at a time.
//
// simdjson finds the tokens of a stretch of some ten thousand bytes in one go; each line is then
// read from its share of them. When a stretch has an error that only shows as a whole (bad UTF-8, a
// string that runs over a line end), its lines are taken one by one, so that exactly the lines that
// would be refused alone are refused. A good line reads the same either way, so where stretches and
// pieces are cut never shows.
#include "format/json/json_int.h"

enum { STRETCH_BYTES = 96 << 10 };

struct sli_decoder {
    sli_stream_state stream;
    sli_tokens *tokens;
    sl_schema *schema;
    sli_str scratch; ///< a repaired line
    sli_json_reader reader;
};

sl_code sli_json_decoder_new(sli_decoder **out, const sl_conf *conf, const sl_schema *schema,
                             sl_error *err)
{
    SL_TRY(sli_schema_allowed(schema, true, "json", err));
    sli_decoder *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "json decoder");
    }
    sli_json_reader *reader = &self->reader;
    sli_stream_init(&self->stream, conf);
    self->schema = sl_schema_ref(schema);
    self->scratch.tag = reader->scratch.tag = SLI_TAG_FORMAT;
    reader->schema = self->schema;
    reader->n_columns = sl_schema_columns(schema);
    reader->time = (sli_time_form)sl_conf_choice(conf, "timestamp");
    reader->seen = sl_alloc_zero(SLI_TAG_FORMAT, (size_t)reader->n_columns + 1);
    self->tokens = sli_tokens_new();
    sl_code rc = SL_OK;
    if (reader->seen == NULL || self->tokens == NULL) {
        rc = sl_error_nomem(err, sizeof *self, "json decoder");
    }
    if (rc == SL_OK) {
        rc = sli_rows_new(&reader->rows, schema, err);
    }
    if (rc != SL_OK) {
        sli_json_decoder_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_json_decoder_free(sli_decoder *self)
{
    if (self != NULL) {
        sli_tokens_free(self->tokens);
        sli_rows_free(self->reader.rows);
        sl_free(self->reader.seen);
        sli_str_reset(&self->reader.scratch);
        sli_str_reset(&self->scratch);
        sl_schema_unref(self->schema);
        sl_free(self);
    }
}

sli_stream_state *sli_json_stream(sli_decoder *self)
{
    return &self->stream;
}

// One call of decode.
typedef struct call {
    const sli_piece *piece;
    const char *data;
    sli_emit_fn emit;
    void *ctx;
} call;

// ---------------------------------------------------------------- one line

// Reads the record whose line begins at `at` of the piece's buffer, but for the `n_read` fields
// that are read already.
static sl_code take_record(sli_decoder *self, const call *pass, sli_json_walk *walk, int32_t n_read,
                           int64_t at, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    sl_code rc = sli_json_record(&self->reader, walk, n_read, sli_stream_why(stream, err));
    if (rc != SL_OK) {
        return sli_stream_verdict(stream, pass->piece, at, rc, err);
    }
    stream->stats.records++;
    return sli_rows_commit(self->reader.rows, pass->emit, pass->ctx, err);
}

// A line that is not UTF-8 and may be repaired: a repaired copy, in memory of the rows, is read in
// its place.
static sl_code repair_line(sli_decoder *self, int64_t at, int64_t end, sli_json_walk *walk,
                           const call *pass, sl_error *err)
{
    sli_str *text = &self->scratch;
    sli_str_clear(text);
    self->stream.stats.replaced += sli_utf8_repair(pass->data + at, (size_t)(end - at), text);
    SL_TRY(sli_str_check(text, "repaired line", err));
    int32_t buffer;
    int64_t offset;
    char *own = text->size > INT32_MAX
                    ? NULL
                    : sli_rows_own(self->reader.rows, (int64_t)text->size, &buffer, &offset);
    if (own == NULL) {
        return sl_error_nomem(err, text->size, "repaired line");
    }
    memcpy(own, text->data, text->size);
    *walk =
        (sli_json_walk){.data = own, .end = (uint32_t)text->size, .buffer = buffer, .base = offset};
    return SL_OK;
}

static sl_code line_wrong(sli_decoder *self, const call *pass, int64_t at, sli_tokens_rc found,
                          sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    const char *what = found == SLI_TOKENS_UNCLOSED ? "a string that does not end"
                                                    : "a string with a bare control character";
    sl_code rc = sl_error_set(sli_stream_why(stream, err), SL_E_DATA, "%s", what);
    return sli_stream_verdict(stream, pass->piece, at, rc, err);
}

// A line without a token: nothing in a stream.
static sl_code take_blank(sli_decoder *self, sl_error *err)
{
    return self->stream.values == NULL ? SL_OK : sli_value_empty(&self->stream, err);
}

// Reads the line data[at, end) for itself.
static sl_code take_line(sli_decoder *self, const call *pass, int64_t at, int64_t end,
                         sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    size_t size = (size_t)(end - at);
    sli_json_walk walk = {.data = pass->data + at, .end = (uint32_t)size, .base = at};
    size_t good = sli_utf8_check(walk.data, size);
    if (good < size) {
        if (stream->utf8 != SLI_BAD_REPLACE) {
            return sli_stream_not_utf8(stream, pass->piece, at, at + (int64_t)good, err);
        }
        SL_TRY(repair_line(self, at, end, &walk, pass, err));
    }
    size_t n;
    sli_tokens_rc found = sli_tokens_find(self->tokens, walk.data, walk.end, &walk.token, &n);
    if (found == SLI_TOKENS_NOMEM) {
        return sl_error_nomem(err, size, "tokens");
    }
    if (found == SLI_TOKENS_EMPTY) {
        return take_blank(self, err);
    }
    return found == SLI_TOKENS_OK ? take_record(self, pass, &walk, 0, at, err)
                                  : line_wrong(self, pass, at, found, err);
}

// ---------------------------------------------------------------- a stretch of lines

static int64_t line_end(const char *data, int64_t at, int64_t to)
{
    const char *end = memchr(data + at, '\n', (size_t)(to - at));
    return end == NULL ? to : end - data;
}

// Takes lines for themselves.
static sl_code take_lines(sli_decoder *self, const call *pass, int64_t at, int64_t to,
                          sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    sl_code rc = SL_OK;
    while (at < to && rc == SL_OK) {
        int64_t end = line_end(pass->data, at, to);
        if (end - at > stream->max_record) {
            rc = sli_stream_too_long(stream, pass->piece, at, true, err);
        } else {
            rc = end > at ? take_line(self, pass, at, end, err) : take_blank(self, err);
        }
        stream->line += end < to;
        at = end + 1;
    }
    return rc;
}

// Takes the line from `at` on by its share of the stretch's tokens, those from walk->token on, and
// moves behind it. walk->end is the stretch's end, and the line's afterwards.
static sl_code take_tokens(sli_decoder *self, const call *pass, sli_json_walk *walk, int64_t at,
                           sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    const uint32_t first = *walk->token;
    bool whole = false;
    int32_t n_read = first == walk->from ? sli_json_alike(&self->reader, walk, &whole) : 0;
    if (!whole) {
        uint32_t known = n_read > 0 ? *walk->token : walk->from; // no line ends before it
        walk->end = (uint32_t)line_end(walk->data, known, walk->end);
    }
    if (walk->end - walk->from > stream->max_record) {
        return sli_stream_too_long(stream, pass->piece, at, true, err);
    }
    if (whole) {
        stream->stats.records++;
        return sli_rows_commit(self->reader.rows, pass->emit, pass->ctx, err);
    }
    return first < walk->end ? take_record(self, pass, walk, n_read, at, err)
                             : take_blank(self, err);
}

static sl_code take_stretch(sli_decoder *self, const call *pass, int64_t start, int64_t to,
                            sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    uint32_t size = (uint32_t)(to - start);
    sli_json_walk walk = {.data = pass->data + start, .base = start};
    size_t n = 0;
    sli_tokens_rc found = sli_tokens_find(self->tokens, walk.data, size, &walk.token, &n);
    if (found != SLI_TOKENS_OK) { // blank lines too: they are counted
        return found == SLI_TOKENS_NOMEM ? sl_error_nomem(err, size, "tokens")
                                         : take_lines(self, pass, start, to, err);
    }
    sl_code rc = SL_OK;
    while (walk.from < size && rc == SL_OK) {
        walk.end = size;
        rc = take_tokens(self, pass, &walk, start + walk.from, err);
        while (*walk.token < walk.end) {
            walk.token++; // of a line that was left early
        }
        stream->line += walk.end < size;
        walk.from = walk.end + 1;
    }
    return rc;
}

// Where a stretch from `at` on ends: behind the last line end within STRETCH_BYTES, or the first
// one at all; at `to` when the last line of the stream has none; -1 when no line is whole.
static int64_t stretch_end(const call *pass, int64_t at)
{
    int64_t to = pass->piece->to;
    int64_t near = to - at > STRETCH_BYTES ? at + STRETCH_BYTES : to;
    const char *last = memrchr(pass->data + at, '\n', (size_t)(near - at));
    if (pass->piece->last && near == to) {
        return to;
    }
    if (last != NULL) {
        return last - pass->data + 1;
    }
    int64_t end = line_end(pass->data, near, to);
    return end < to ? end + 1 : pass->piece->last ? to : -1;
}

static sl_code decode_lines(sli_decoder *self, const call *pass, int64_t *at, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    while (*at < pass->piece->to) {
        int64_t end = stretch_end(pass, *at);
        if (end < 0) {
            return SL_OK;
        }
        if (end - *at > STRETCH_BYTES &&
            end - *at - 1 > stream->max_record) { // one line: not worth finding its tokens
            SL_TRY(take_lines(self, pass, *at, end, err));
        } else {
            SL_TRY(take_stretch(self, pass, *at, end, err));
        }
        *at = end;
    }
    return SL_OK;
}

// ---------------------------------------------------------------- pieces

static void count_replaced(sli_decoder *self)
{
    self->stream.stats.replaced += self->reader.replaced;
    self->reader.replaced = 0;
}

static sl_code leave_rest(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t *consumed,
                          sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    if (!stream->skipping && piece->to - at > stream->max_record) {
        SL_TRY(sli_stream_too_long(stream, piece, at, false, err));
    }
    at = stream->skipping ? piece->to : at;
    sli_stream_stop(stream, piece, at, piece->to - at, consumed);
    count_replaced(self);
    return SL_OK;
}

sl_code sli_json_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                        sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    call pass = {.piece = piece, .data = sli_buffer_bytes(piece->data), .emit = emit, .ctx = ctx};
    int64_t scanned;
    SL_TRY(sli_stream_resume(stream, piece, &scanned, err));
    int64_t at = sli_stream_bom(stream, piece);
    if (at < 0) {
        sli_stream_stop(stream, piece, piece->from, 0, consumed);
        return SL_OK;
    }
    if (!piece->last || stream->skipping) {
        int64_t end = line_end(pass.data, piece->from + scanned, piece->to);
        if (end == piece->to && !piece->last) {
            return leave_rest(self, piece, at, consumed, err);
        }
        if (stream->skipping) {
            stream->skipping = false;
            stream->line += end < piece->to;
            at = end < piece->to ? end + 1 : end;
        }
    }
    SL_TRY(sli_rows_begin(self->reader.rows, piece->data, err));
    SL_TRY(decode_lines(self, &pass, &at, err));
    SL_TRY(sli_rows_end(self->reader.rows, emit, ctx, err));
    return leave_rest(self, piece, at, consumed, err);
}

// ---------------------------------------------------------------- values

static bool has_line_end(const sli_value_run *run, int32_t i)
{
    const char *at = sli_buffer_bytes(run->data) + run->starts[i];
    return memchr(at, '\n', (size_t)(run->starts[i + 1] - 1 - run->starts[i])) != NULL;
}

// The value at data[at, end) on one line: its line ends become '\r', which as they are blanks
// between tokens and nothing that a string may hold.
static void flatten(char *data, int64_t at, int64_t end)
{
    for (char *next = data + at;
         (next = memchr(next, '\n', (size_t)(data + end - next))) != NULL;) {
        *next = '\r';
    }
}

// The run's values as lines: the run itself, or a copy when one of them has several.
static sl_code lines_of(const sli_value_run *run, int32_t from, int32_t to, sli_piece *out,
                        sl_error *err)
{
    int32_t i = from;
    int64_t start = run->starts[from], size = run->starts[to] - start;
    while (i < to && !(run->lines && has_line_end(run, i))) {
        i++;
    }
    *out = (sli_piece){.from = start, .to = start + size, .last = true};
    if (i == to) {
        out->data = sli_buffer_ref(run->data);
        return SL_OK;
    }
    *out = (sli_piece){.data = sli_buffer_new(size), .to = size, .last = true};
    if (out->data == NULL) {
        return sl_error_nomem(err, (size_t)size, "values of several lines");
    }
    char *data = sli_buffer_data(out->data);
    memcpy(data, sli_buffer_bytes(run->data) + start, (size_t)size);
    for (; i < to; i++) {
        flatten(data, run->starts[i] - start, run->starts[i + 1] - 1 - start);
    }
    return SL_OK;
}

sl_code sli_json_decode_values(sli_decoder *self, const sli_value_run *run, int32_t from,
                               int32_t to, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_piece piece;
    SL_TRY(lines_of(run, from, to, &piece, err));
    call pass = {.piece = &piece, .data = sli_buffer_bytes(piece.data), .emit = emit, .ctx = ctx};
    int64_t at = piece.from;
    self->stream.line = from;
    sl_code rc = sli_rows_begin(self->reader.rows, piece.data, err);
    rc = rc == SL_OK ? decode_lines(self, &pass, &at, err) : rc;
    rc = rc == SL_OK ? sli_rows_end(self->reader.rows, emit, ctx, err) : rc;
    count_replaced(self);
    sli_buffer_unref(piece.data);
    return rc;
}
