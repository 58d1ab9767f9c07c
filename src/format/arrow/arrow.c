// arrow.c — Arrow IPC, files and streams: a frame around the messages that col reads and writes.
//
// A record is a message. What is read points into the piece; cells are checked by col, since nobody
// knows who wrote them. A file is read as a stream too, front to back: its first bytes tell that it
// is one, and its footer is held against what was seen. Written are what opens a file (for one in
// the file form the magic, then the schema) and a message for each batch, so a file may grow by
// batches of many encoders; what ends it is made from its bytes (ending_*).
#include "format/format_int.h"

enum { FORM_FILE = 0, FORM_STREAM = 1 };

static const char *const extensions[] = {[FORM_FILE] = "arrow", [FORM_STREAM] = "arrows", NULL};

static const sl_option options[] = {
    {.name = "schema",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Columns as in the file, by name, type and order; for reading."},
    {.name = "form",
     .type = SL_OPT_CHOICE,
     .fallback = "file",
     .choices = "file|stream",
     .flags = SL_OPT_RESULT,
     .text = "What is written: an Arrow file with a footer (Feather V2; .arrow), or an IPC stream "
             "(.arrows). Which of them is read is told by its first bytes."},
    SLI_FORMAT_OPTIONS,
    {.name = "max_record",
     .type = SL_OPT_SIZE,
     .fallback = "64MiB",
     .low = "16",
     .high = "1g",
     .flags = SL_OPT_RESULT,
     .text = "The longest message, which holds many rows, also once it is decompressed; a longer "
             "one is malformed."},
    {0},
};

struct sli_decoder {
    sli_stream_state stream;
    const sl_schema *schema;
    sli_ipc_stream *messages;
    sli_ipc_seen seen; ///< of a file
    int64_t begin;     ///< its place in the source
    int64_t ahead;     ///< dictionaries in front of this place were taken before their turn
    bool is_file;
    bool ended; ///< the end mark was read
    bool done;  ///< the footer was read
    bool lost;  ///< where the next message begins is not known: the rest is one malformed record
};

struct sli_encoder {
    const sl_schema *schema;
    int32_t form;
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

static sl_code too_long(const sli_decoder *self, const char *when, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA,
                        "a message of more than %lld bytes%s; raise max_record or write smaller "
                        "batches",
                        (long long)self->stream.max_record, when);
}

/// Outside bytes are bad data here, whatever was found wrong with them.
static sl_code as_data(const sli_decoder *self, sl_code rc, sl_error *err)
{
    if (rc == SL_E_NO_SPACE) {
        return too_long(self, " once it is decompressed", err);
    }
    if (rc != SL_E_CORRUPT && rc != SL_E_UNSUPPORTED) {
        return rc;
    }
    sl_error shown = err == NULL ? SL_ERROR_INIT : *err;
    return sl_error_set(err, SL_E_DATA, "%s", shown.text);
}

/// *out: the rows of the message with the wanted schema, or NULL for a schema or dictionary.
static sl_code read_message(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t size,
                            sl_batch **out, sl_error *err)
{
    sl_batch *batch = NULL;
    sl_code taken = sli_ipc_stream_take(self->messages, piece->data, at, size, &batch, err);
    SL_TRY(as_data(self, taken, err));
    if (batch == NULL) {
        return check_schema(self, err);
    }
    sl_code rc = check_nulls(self, batch, err);
    rc = rc == SL_OK ? sli_batch_rename(batch, self->schema, out, err) : rc;
    sl_batch_unref(batch);
    return rc;
}

static int64_t place_of(const sli_piece *piece, int64_t at)
{
    return piece->offset + (at - piece->from);
}

/// A file may have dictionaries behind the rows that need them, as Polars writes it. Takes those
/// that stand behind `at` in this piece until none is missing. False: they may be in what follows,
/// so the rows at `from` wait, as long as all of that may be a record.
static bool look_ahead(sli_decoder *self, const sli_piece *piece, int64_t from, int64_t at)
{
    int64_t limit = self->stream.max_record;
    while (sli_ipc_stream_lacks_values(self->messages)) {
        sli_ipc_place place = {0};
        int64_t there = piece->to - at;
        const char *data = sli_buffer_bytes(piece->data) + at;
        if (sli_ipc_measure(data, there, &place, NULL) != SL_OK ||
            place.bytes == SLI_IPC_END_BYTES) {
            return true; // none will come
        }
        if (place.bytes == 0 || place.bytes > there) {
            int64_t have = piece->to - from;
            self->stream.wanted = have < limit / 2 ? 2 * have : limit;
            return piece->last || have >= limit;
        }
        if (place.is_dictionary && place_of(piece, at) >= self->ahead) {
            sl_batch *none = NULL;
            if (sli_ipc_stream_take(self->messages, piece->data, at, place.bytes, &none, NULL) !=
                SL_OK) {
                return true; // its turn tells why
            }
            self->ahead = place_of(piece, at + place.bytes);
        }
        at += place.bytes;
    }
    return true;
}

/// Without the schema, or the place of the next message, nothing behind can be read.
static sl_code give_up(sli_decoder *self, const sli_piece *piece, int64_t at, sl_error *err)
{
    self->lost = true;
    return sli_stream_verdict(&self->stream, piece, at, SL_E_DATA, err);
}

/// A message behind the schema that can't be read; *err says why.
static sl_code refuse(sli_decoder *self, const sli_piece *piece, int64_t at,
                      const sli_ipc_place *place, sl_error *err)
{
    if (self->is_file && !place->is_dictionary && sli_ipc_stream_lacks_values(self->messages)) {
        sl_error_wrap(err, SL_E_DATA, "no dictionary within max_record behind the rows");
    }
    return sli_stream_verdict(&self->stream, piece, at, SL_E_DATA, err);
}

static sl_code take_message(sli_decoder *self, const sli_piece *piece, int64_t at,
                            const sli_ipc_place *place, sli_emit_fn emit, void *ctx, sl_error *err)
{
    if (place->bytes == SLI_IPC_END_BYTES) {
        self->ended = true;
        return SL_OK;
    }
    bool first = sli_ipc_stream_schema(self->messages) == NULL;
    sl_batch *batch = NULL;
    sli_ipc_see(&self->seen, place->type, place_of(piece, at) - self->begin);
    if (place->is_dictionary && place_of(piece, at) < self->ahead) {
        return SL_OK;
    }
    sl_code rc = read_message(self, piece, at, place->bytes, &batch, err);
    if (rc == SL_E_DATA) {
        return first ? give_up(self, piece, at, err) : refuse(self, piece, at, place, err);
    }
    rc = rc == SL_OK && batch != NULL ? emit_batch(self, batch, emit, ctx, err) : rc;
    sl_batch_unref(batch);
    return rc;
}

/// place->bytes is 0 when the message is not whole yet. SL_E_DATA for none, or one too long.
static sl_code whole_message(sli_decoder *self, const sli_piece *piece, int64_t at,
                             sli_ipc_place *place, sl_error *err)
{
    int64_t there = piece->to - at, limit = self->stream.max_record;
    const char *data = sli_buffer_bytes(piece->data) + at;
    bool is_first = self->is_file && sli_ipc_stream_schema(self->messages) == NULL;
    sl_code rc = is_first ? sli_ipc_measure_first(data, there, place, err)
                          : sli_ipc_measure(data, there, place, err);
    SL_TRY(as_data(self, rc, err));
    if (place->bytes > limit || place->meta_bytes > limit) {
        return too_long(self, "", err);
    }
    self->stream.wanted = place->bytes > place->meta_bytes ? place->bytes : place->meta_bytes;
    if (place->bytes > there) {
        place->bytes = 0;
    }
    return place->bytes == 0 && piece->last
               ? sl_error_set(err, SL_E_DATA, "the bytes end inside a message")
               : SL_OK;
}

static sl_code next_message(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t *taken,
                            sli_emit_fn emit, void *ctx, sl_error *err)
{
    sli_ipc_place place = {0};
    sl_code rc = whole_message(self, piece, at, &place, err);
    *taken = place.bytes;
    if (rc == SL_E_DATA) {
        return give_up(self, piece, at, err);
    }
    bool is_batch = !place.is_dictionary && sli_ipc_stream_schema(self->messages) != NULL &&
                    place.bytes > SLI_IPC_END_BYTES;
    if (rc == SL_OK && self->is_file && is_batch &&
        !look_ahead(self, piece, at, at + place.bytes)) {
        *taken = 0;
        return SL_OK;
    }
    return rc == SL_OK && place.bytes > 0 ? take_message(self, piece, at, &place, emit, ctx, err)
                                          : rc;
}

/// Behind the end mark a stream has nothing, and a file its footer, of which only the file's own
/// end tells where it ends.
static sl_code take_footer(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t *taken,
                           sl_error *err)
{
    int64_t size = piece->to - at;
    sl_code rc = SL_OK;
    *taken = 0;
    if (!self->is_file) {
        rc = sl_error_set(err, SL_E_DATA, "bytes follow the end of the stream");
    } else if (size > self->stream.max_record) {
        rc = sl_error_set(err, SL_E_DATA, "the footer has more than %lld bytes; raise max_record",
                          (long long)self->stream.max_record);
    } else if (piece->last) {
        const char *data = sli_buffer_bytes(piece->data) + at;
        rc = as_data(self, sli_ipc_footer_check(data, size, &self->seen, err), err);
        self->done = true;
        *taken = size;
    }
    return rc == SL_E_DATA ? give_up(self, piece, at, err) : rc;
}

/// Takes the eight bytes that begin a file; of a stream none. *taken is -1 when too few are there
/// to tell.
static void take_start(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t *taken)
{
    int is_file = sli_ipc_is_file(sli_buffer_bytes(piece->data) + at, piece->to - at);
    self->stream.started = is_file >= 0 || piece->last;
    self->is_file = is_file > 0;
    self->begin = place_of(piece, at);
    *taken = !self->stream.started ? -1 : self->is_file ? SLI_IPC_START_BYTES : 0;
}

/// Takes what is there of the next part. *taken is 0, or less, when it is not whole.
static sl_code take_next(sli_decoder *self, const sli_piece *piece, int64_t at, int64_t *taken,
                         sli_emit_fn emit, void *ctx, sl_error *err)
{
    if (self->ended) {
        return take_footer(self, piece, at, taken, err);
    }
    if (!self->stream.started) {
        take_start(self, piece, at, taken);
        if (*taken != 0) {
            return SL_OK;
        }
    }
    return next_message(self, piece, at, taken, emit, ctx, err);
}

/// A file that ends too early; a stream may end anywhere between its messages.
static sl_code check_end(sli_decoder *self, const sli_piece *piece, sl_error *err)
{
    if (!self->is_file || self->done || self->lost) {
        return SL_OK;
    }
    (void)sl_error_set(err, SL_E_DATA,
                       "the Arrow file ends %s: it was cut, or is not written to its end",
                       self->ended ? "without its footer" : "before its end mark");
    return give_up(self, piece, piece->to, err);
}

static sl_code arrow_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                            sli_emit_fn emit, void *ctx, sl_error *err)
{
    int64_t at = piece->from, taken = 1, scanned = 0;
    SL_TRY(sli_stream_resume(&self->stream, piece, &scanned, err));
    self->stream.wanted = 0;
    while (at < piece->to && taken > 0 && !self->lost) {
        SL_TRY(take_next(self, piece, at, &taken, emit, ctx, err));
        at += taken > 0 ? taken : 0;
    }
    if (piece->last) {
        SL_TRY(check_end(self, piece, err));
    }
    sli_stream_stop(&self->stream, piece, self->lost ? piece->to : at, 0, consumed);
    return SL_OK;
}

// ---------------------------------------------------------------- encoding

static sl_code arrow_encoder_new(sli_encoder **out, const sl_conf *conf, const sl_schema *schema,
                                 sl_error *err)
{
    SL_TRY(sli_schema_allowed(schema, true, "arrow", err));
    sli_encoder *self = sl_alloc(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "arrow encoder");
    }
    self->schema = sl_schema_ref(schema);
    self->form = sl_conf_choice(conf, "form");
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
    return self->form == FORM_FILE ? sli_ipc_write_start(out, self->schema, err)
                                   : sli_ipc_write_schema(out, self->schema, err);
}

static sl_code arrow_encode(sli_encoder *self, const sl_batch *batch, sli_str *out, sl_error *err)
{
    (void)self;
    return sl_batch_rows(batch) == 0 ? SL_OK : sli_ipc_write_batch(out, batch, err);
}

// ---------------------------------------------------------------- endings

struct sli_ending {
    sli_ipc_ending *ipc;
};

static const char *arrow_extension(const sl_conf *conf)
{
    return extensions[sl_conf_choice(conf, "form")];
}

static sl_code arrow_ending_new(sli_ending **out, sl_error *err)
{
    sli_ending *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "an Arrow file's end");
    }
    sl_code rc = sli_ipc_ending_new(&self->ipc, err);
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static sl_code arrow_ending_see(sli_ending *self, const void *data, size_t size, sl_error *err)
{
    return sli_ipc_ending_see(self->ipc, data, size, err);
}

static sl_code arrow_ending_put(sli_ending *self, sli_str *out, sl_error *err)
{
    return sli_ipc_ending_put(self->ipc, out, err);
}

static void arrow_ending_free(sli_ending *self)
{
    if (self != NULL) {
        sli_ipc_ending_free(self->ipc);
        sl_free(self);
    }
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
    .extensions = extensions,
    .extension = arrow_extension,
    .ending_new = arrow_ending_new,
    .ending_see = arrow_ending_see,
    .ending_put = arrow_ending_put,
    .ending_free = arrow_ending_free,
};
