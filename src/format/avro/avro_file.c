// avro_file.c — files of Avro records (object containers), as Spark and Hive write them.
//
//     "Obj" 1 | map of bytes: avro.schema, avro.codec | 16 bytes, the mark
//     { records: long | bytes: long | the records, compressed together | the mark }
//
// The file says its schema, and columns are found in it by name. A block is read when it is whole,
// so max_record bounds it, also once it is decompressed. Behind a malformed record the next one's
// place is not known, so the rest of its block goes with it; behind a malformed front or a wrong
// mark nothing is known any more, and the rest of the file is one malformed record.
#include "format/avro/avro_int.h"

#include <inttypes.h>

enum { MAGIC_BYTES = 4, MARK_BYTES = 16, NUMBERS_BYTES = 20 };

static const char magic[MAGIC_BYTES] = {'O', 'b', 'j', 1};

struct sli_avro_file {
    sl_arena *arena; ///< the types and steps of its schema
    sli_avro_codec codec;
    char mark[MARK_BYTES];
    bool begun; ///< its front was read
    bool lost;  ///< the rest can't be read
};

/// Bytes that may end too early: then the rest of the file has to come first.
typedef struct front {
    const char *data;
    int64_t at, to;
    bool cut;
} front;

void sli_avro_file_free(sli_avro_file *file)
{
    if (file != NULL) {
        sl_arena_free(file->arena);
        sl_free(file);
    }
}

// ---------------------------------------------------------------- the front

/// False: it is cut (f->cut), or none.
static bool take_long(front *f, int64_t *out)
{
    bool fine = sli_take_zigzag(f->data, &f->at, f->to, out);
    f->cut = !fine && f->at == f->to;
    return fine;
}

static bool take_sized(front *f, int64_t limit, sl_text *out)
{
    int64_t size = 0;
    if (!take_long(f, &size) || size < 0 || size > limit) {
        return false;
    }
    f->cut = size > f->to - f->at;
    if (f->cut) {
        return false;
    }
    *out = (sl_text){f->data + f->at, (size_t)size};
    f->at += size;
    return true;
}

/// What is wanted of the map.
typedef struct settings {
    sl_text schema, codec;
} settings;

static bool take_pairs(front *f, int64_t n, int64_t limit, settings *out)
{
    for (int64_t i = 0; i < n; i++) {
        sl_text key, value;
        if (!take_sized(f, limit, &key) || !take_sized(f, limit, &value)) {
            return false;
        }
        out->schema = sli_text_is(key, "avro.schema") ? value : out->schema;
        out->codec = sli_text_is(key, "avro.codec") ? value : out->codec;
    }
    return true;
}

static bool take_map(front *f, int64_t limit, settings *out)
{
    for (;;) {
        int64_t n = 0, size = 0;
        if (!take_long(f, &n) || (n < 0 && !take_long(f, &size)) || n == INT64_MIN) {
            return false;
        }
        if (n == 0) {
            return true;
        }
        if (!take_pairs(f, n < 0 ? -n : n, limit, out)) {
            return false;
        }
    }
}

/// Makes the reader one of the file's schema.
static sl_code use_settings(sli_decoder *self, sli_avro_file *file, const settings *found,
                            sl_error *err)
{
    sli_avro_reader *reader = &self->reader;
    sl_text codec = found->codec.data == NULL ? sli_text_of("null") : found->codec;
    if (!sli_avro_codec_find(codec, &file->codec)) {
        return sl_error_set(err, SL_E_DATA,
                            "its codec is '%.*s'; null, deflate, snappy and zstandard are read",
                            (int)(codec.size < 32 ? codec.size : 32), codec.data);
    }
    sl_text schema = found->schema.data == NULL ? (sl_text){"", 0} : found->schema;
    sl_code rc = sli_avro_schema_read(&reader->record, schema, file->arena, err);
    if (rc == SL_OK) {
        rc = sli_avro_plan_read(&reader->steps, reader->record, self->schema, file->arena, err);
    }
    if (rc != SL_E_CONFIG) {
        return rc;
    }
    sl_error shown = err == NULL ? SL_ERROR_INIT : *err;
    return sl_error_set(err, SL_E_DATA, "the file's schema: %s", shown.text);
}

static sl_code file_new(sli_avro_file **out, sl_error *err)
{
    sli_avro_file *file = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *file);
    sl_arena *arena = sl_arena_new(SLI_TAG_FORMAT);
    if (file == NULL || arena == NULL) {
        sl_free(file);
        sl_arena_free(arena);
        return sl_error_nomem(err, sizeof *file, "an Avro file");
    }
    file->arena = arena;
    *out = file;
    return SL_OK;
}

/// Reads the front into self->file. f->cut: it is not all there.
static sl_code read_front(sli_decoder *self, front *f, sl_error *err)
{
    settings found = {0};
    int64_t size = f->to - f->at;
    size_t n = size < MAGIC_BYTES ? (size_t)size : MAGIC_BYTES;
    if (memcmp(f->data + f->at, magic, n) != 0) {
        return sl_error_set(err, SL_E_DATA, "no Avro file: it does not begin with \"Obj\" and 1");
    }
    f->cut = n < MAGIC_BYTES;
    f->at += (int64_t)n;
    bool fine = !f->cut && take_map(f, self->stream.max_record, &found);
    f->cut = f->cut || (fine && f->to - f->at < MARK_BYTES);
    if (f->cut) {
        return SL_E_DATA;
    }
    if (!fine) {
        return sl_error_set(err, SL_E_DATA, "the front of the Avro file is damaged");
    }
    memcpy(self->file->mark, f->data + f->at, MARK_BYTES);
    f->at += MARK_BYTES;
    return use_settings(self, self->file, &found, err);
}

// ---------------------------------------------------------------- what is judged

/// What a call of decode is about.
typedef struct call {
    const sli_piece *piece;
    sli_emit_fn emit;
    void *ctx;
} call;

/// Nothing behind `at` can be read any more; *err says why.
static sl_code give_up(sli_decoder *self, const call *c, int64_t at, sl_code rc, sl_error *err)
{
    self->file->lost = rc == SL_E_DATA;
    return rc == SL_E_DATA ? sli_stream_verdict(&self->stream, c->piece, at, rc, err) : rc;
}

static sl_code too_long(const sli_decoder *self, const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA,
                        "%s of more than %" PRId64 " bytes; raise max_record, or write smaller "
                        "blocks",
                        what, self->stream.max_record);
}

// ---------------------------------------------------------------- a block's records

/// A block as it was before it was compressed: n records in data[at, to).
typedef struct block {
    const char *data;
    int64_t at, to, n;
    int64_t place; ///< where it begins in the piece
} block;

/// The rest of the block goes with its record number i. *why has the reason.
static sl_code drop_rest(sli_decoder *self, const call *c, const block *b, int64_t i, sl_code rc,
                         sl_error *err)
{
    sl_error *why = sli_stream_why(&self->stream, err);
    rc = sl_error_wrap(why, rc, "record %" PRId64 " of %" PRId64 " of the block", i + 1, b->n);
    return sli_stream_verdict(&self->stream, c->piece, b->place, rc, err);
}

static sl_code take_records(sli_decoder *self, const call *c, block *b, sl_error *err)
{
    sli_stream_state *stream = &self->stream;
    sl_error *why = sli_stream_why(stream, err);
    for (int64_t i = 0; i < b->n; i++) {
        int64_t from = b->at;
        sl_code rc = sli_avro_read(&self->reader, b->data, &b->at, b->to, why);
        if (rc != SL_OK) {
            return drop_rest(self, c, b, i, rc, err);
        }
        if (self->reader.not_utf8 >= 0) {
            int64_t bad = b->place + self->reader.not_utf8 - from;
            SL_TRY(sli_stream_not_utf8(stream, c->piece, b->place, bad, err));
            continue;
        }
        stream->stats.records++;
        SL_TRY(sli_rows_commit(self->reader.rows, c->emit, c->ctx, err));
    }
    if (b->at == b->to) {
        return SL_OK;
    }
    sl_code rc = sl_error_set(why, SL_E_DATA, "%" PRId64 " bytes behind the records of a block",
                              b->to - b->at);
    return sli_stream_verdict(stream, c->piece, b->place, rc, err);
}

/// Reads the records, which lie in `bytes`.
static sl_code take_bytes(sli_decoder *self, const call *c, sli_buffer *bytes, block *b,
                          sl_error *err)
{
    if (b->n > b->to - b->at) { // a record with columns has a byte at least
        sl_code rc = sl_error_set(sli_stream_why(&self->stream, err), SL_E_DATA,
                                  "a block of %" PRId64 " records in %" PRId64 " bytes", b->n,
                                  b->to - b->at);
        return sli_stream_verdict(&self->stream, c->piece, b->place, rc, err);
    }
    b->data = sli_buffer_bytes(bytes);
    SL_TRY(sli_rows_begin(self->reader.rows, bytes, err));
    SL_TRY(take_records(self, c, b, err));
    self->stream.stats.replaced += self->reader.replaced;
    self->reader.replaced = 0;
    return sli_rows_end(self->reader.rows, c->emit, c->ctx, err);
}

static sl_code take_packed(sli_decoder *self, const call *c, block *b, sl_error *err)
{
    sli_buffer *bytes = NULL;
    sl_bytes packed = {sli_buffer_bytes(c->piece->data) + b->at, (size_t)(b->to - b->at)};
    sl_code rc = sli_avro_unpack(&bytes, self->file->codec, packed, self->stream.max_record,
                                 sli_stream_why(&self->stream, err));
    if (rc != SL_OK) {
        return sli_stream_verdict(&self->stream, c->piece, b->place, rc, err);
    }
    b->at = 0;
    b->to = sli_buffer_size(bytes);
    rc = take_bytes(self, c, bytes, b, err);
    sli_buffer_unref(bytes);
    return rc;
}

// ---------------------------------------------------------------- parts of a file

/// Finds the block that begins at `at`. f->cut: it is not all there; *size is then what is known
/// of its size.
static sl_code find_block(sli_decoder *self, front *f, block *b, int64_t *size, sl_error *err)
{
    int64_t bytes = 0, from = f->at;
    *size = NUMBERS_BYTES;
    bool fine = take_long(f, &b->n) && take_long(f, &bytes);
    if (f->cut) {
        return SL_E_DATA;
    }
    if (!fine || b->n < 0 || bytes < 0) {
        return sl_error_set(err, SL_E_DATA, "a damaged block");
    }
    if (bytes > self->stream.max_record) {
        return too_long(self, "a block", err);
    }
    b->at = f->at;
    b->to = f->at + bytes;
    *size = b->to + MARK_BYTES - from;
    f->cut = f->to - from < *size;
    if (f->cut) {
        return SL_E_DATA;
    }
    return memcmp(f->data + b->to, self->file->mark, MARK_BYTES) == 0
               ? SL_OK
               : sl_error_set(err, SL_E_DATA,
                              "a damaged block: what ends it is not the file's mark");
}

static sl_code take_block(sli_decoder *self, const call *c, int64_t at, int64_t *taken,
                          sl_error *err)
{
    front f = {sli_buffer_bytes(c->piece->data), at, c->piece->to, false};
    block b = {.place = at};
    int64_t size = 0;
    sl_error *why = sli_stream_why(&self->stream, err);
    sl_code rc = find_block(self, &f, &b, &size, why);
    if (f.cut && !c->piece->last) {
        self->stream.wanted = size;
        *taken = 0;
        return SL_OK;
    }
    if (f.cut) {
        rc = sl_error_set(why, SL_E_DATA, "the Avro file ends inside a block");
    }
    if (rc != SL_OK) {
        return give_up(self, c, at, rc, err);
    }
    *taken = size;
    return self->file->codec == SLI_AVRO_AS_IS ? take_bytes(self, c, c->piece->data, &b, err)
                                               : take_packed(self, c, &b, err);
}

static sl_code take_front(sli_decoder *self, const call *c, int64_t at, int64_t *taken,
                          sl_error *err)
{
    int64_t there = c->piece->to - at, limit = self->stream.max_record;
    front f = {sli_buffer_bytes(c->piece->data), at, at + (there < limit ? there : limit), false};
    sl_error *why = sli_stream_why(&self->stream, err);
    sl_code rc = read_front(self, &f, why);
    if (f.cut && !c->piece->last && there <= limit) {
        self->stream.wanted = 2 * there;
        *taken = 0;
        return SL_OK;
    }
    if (f.cut) {
        rc = there > limit ? too_long(self, "the front of the Avro file", why)
                           : sl_error_set(why, SL_E_DATA, "the Avro file ends in its front");
    }
    *taken = f.at - at;
    self->file->begun = rc == SL_OK;
    return rc == SL_OK ? SL_OK : give_up(self, c, at, rc, err);
}

sl_code sli_avro_file_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                             sli_emit_fn emit, void *ctx, sl_error *err)
{
    call c = {.piece = piece, .emit = emit, .ctx = ctx};
    int64_t at = piece->from, taken = 1, scanned = 0;
    SL_TRY(sli_stream_resume(&self->stream, piece, &scanned, err));
    if (self->header.on) {
        return sl_error_set(err, SL_E_CONFIG, "avro_header is for values: a file has none");
    }
    if (self->file == NULL) {
        SL_TRY(file_new(&self->file, err));
    }
    self->stream.wanted = 0;
    while (at < piece->to && taken > 0 && !self->file->lost) {
        SL_TRY(self->file->begun ? take_block(self, &c, at, &taken, err)
                                 : take_front(self, &c, at, &taken, err));
        at += taken;
    }
    sli_stream_stop(&self->stream, piece, self->file->lost ? piece->to : at, 0, consumed);
    return SL_OK;
}
