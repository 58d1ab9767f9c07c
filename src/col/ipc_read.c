/// ipc_read.c — batches from Arrow IPC streams and files of any writer, message by message:
/// outside data, nothing is believed.
///
/// A message is a length, metadata (a FlatBuffer) and a body. nanoarrow's decoder is not used: it
/// has no string views, tells no column when it refuses one, and copies every buffer.

#include "col/ipc_int.h"

sl_code sli_ipc_corrupt(const sli_ipc_reader *reader, const char *what)
{
    return sl_error_set(reader->err, SL_E_CORRUPT, "Arrow IPC, message at byte %lld: %s",
                        (long long)reader->at, what);
}

sl_code sli_ipc_unsupported(const sli_ipc_reader *reader, const char *what)
{
    return sl_error_set(reader->err, SL_E_UNSUPPORTED, "Arrow IPC, message at byte %lld: %s",
                        (long long)reader->at, what);
}

sl_code sli_ipc_broken(const sli_ipc_reader *reader, sl_code rc)
{
    if (rc != SL_E_DATA) {
        return rc;
    }
    sl_error shown = reader->err == NULL ? SL_ERROR_INIT : *reader->err;
    return sli_ipc_corrupt(reader, shown.text);
}

// ---------------------------------------------------------------- messages

/// What a message's metadata says: its kind, header and the size of its body.
static bool open_message(const uint8_t *meta, int64_t size, sli_ipc_message *out)
{
    enum { VERSION_4 = 3 }; // older ones have other paddings
    sli_flat fields;
    int64_t type = 0, version = 0;
    bool good = sli_flat_root(meta, size, &fields) && sli_flat_scalar(&fields, 0, 2, 0, &version) &&
                version >= VERSION_4 && sli_flat_scalar(&fields, 1, 1, 0, &type) &&
                sli_flat_table(&fields, 2, &out->header) &&
                sli_flat_scalar(&fields, 3, 8, 0, &out->body_size) && out->body_size >= 0 &&
                out->body_size % 8 == 0;
    out->meta = meta;
    out->meta_size = size;
    out->body = meta + size;
    out->type = (int)type;
    return good;
}

/// The message at self->at, or SL_E_END at the end-of-stream mark.
static sl_code next_message(sli_ipc_reader *self, sli_ipc_message *out)
{
    int64_t mark = 0, length = 0;
    int64_t at = self->at;
    if (!sli_flat_number(self->data, self->size, at, 4, &mark)) {
        return sli_ipc_corrupt(self, "the bytes end without an end-of-stream mark");
    }
    if (mark == 0xffffffff) { // before Arrow 0.15 the length came without this mark
        at += 4;
        if (!sli_flat_number(self->data, self->size, at, 4, &length)) {
            return sli_ipc_corrupt(self, "the bytes end in the length of a message");
        }
    } else {
        length = mark;
    }
    at += 4;
    if (length == 0) {
        self->at = at;
        return SL_E_END;
    }
    if (length > INT32_MAX / 2 || length > self->size - at || (at + length) % 8 != 0) {
        return sli_ipc_corrupt(self, "its length reaches past the end, or is no multiple of 8");
    }
    if (!open_message(self->data + at, length, out)) {
        return sli_ipc_corrupt(self, "its metadata is damaged, or of a version before V4");
    }
    return out->body_size > self->size - at - length
               ? sli_ipc_corrupt(self, "its body reaches past the end")
               : SL_OK;
}

static void advance(sli_ipc_reader *self, const sli_ipc_message *m)
{
    self->at = (int64_t)(m->body - self->data) + m->body_size;
}

static sl_code read_schema(sli_ipc_reader *self)
{
    sli_ipc_message m;
    sl_code rc = next_message(self, &m);
    if (rc != SL_OK || m.type != SLI_IPC_SCHEMA) {
        return rc != SL_OK && rc != SL_E_END ? rc : sli_ipc_corrupt(self, "a schema is missing");
    }
    SL_TRY(sli_ipc_schema_read(self, &m));
    advance(self, &m);
    return SL_OK;
}

/// The message at self->at: *out is the batch, NULL after a dictionary. SL_E_END at the end.
static sl_code read_message(sli_ipc_reader *self, sl_batch **out)
{
    sli_ipc_message m;
    *out = NULL;
    SL_TRY(next_message(self, &m));
    sli_ipc_see(&self->seen, m.type, self->at);
    if (m.type == SLI_IPC_BATCH) {
        SL_TRY(sli_ipc_batch_read(self, &m, out));
    } else if (m.type == SLI_IPC_DICTIONARY) {
        SL_TRY(sli_ipc_dictionary_read(self, &m));
    } else {
        return sli_ipc_corrupt(self, "neither a batch nor the end");
    }
    advance(self, &m);
    return SL_OK;
}

static sl_code read_batches(sli_ipc_reader *self, sli_batch_fn each, void *ctx)
{
    for (;;) {
        sl_batch *batch = NULL;
        sl_code rc = read_message(self, &batch);
        if (rc != SL_OK) {
            return rc == SL_E_END ? SL_OK : rc;
        }
        rc = batch == NULL ? SL_OK : each(ctx, batch, self->err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
}

// ---------------------------------------------------------------- streams and files

/// Reads need 8-byte aligned bytes; others are copied once.
static sl_code open_reader(sli_ipc_reader *self, sli_buffer *bytes, sl_error *err)
{
    *self = (sli_ipc_reader){
        .err = err, .size = sli_buffer_size(bytes), .limit_bytes = SLI_IPC_LIMIT_BYTES};
    if ((uintptr_t)sli_buffer_bytes(bytes) % 8 == 0) {
        self->bytes = sli_buffer_ref(bytes);
    } else {
        self->bytes = sli_buffer_new(self->size);
        if (self->bytes == NULL) {
            return sl_error_nomem(err, (size_t)self->size, "Arrow IPC bytes");
        }
        memcpy(sli_buffer_data(self->bytes), sli_buffer_bytes(bytes), (size_t)self->size);
    }
    self->data = (const uint8_t *)sli_buffer_bytes(self->bytes);
    return SL_OK;
}

static void close_reader(sli_ipc_reader *self)
{
    for (sli_dictionary *d = self->dictionaries; d != NULL; d = d->next) {
        sl_schema_unref(d->schema);
        sl_batch_unref(d->values);
    }
    sl_schema_unref(self->schema);
    sl_arena_free(self->arena);
    sli_buffer_unref(self->bytes);
}

sl_code sli_ipc_read(sli_buffer *bytes, sli_batch_fn each, void *ctx, sl_error *err)
{
    sli_ipc_reader self;
    SL_TRY(open_reader(&self, bytes, err));
    sl_code rc = read_schema(&self);
    if (rc == SL_OK) {
        rc = read_batches(&self, each, ctx);
    }
    if (rc == SL_OK && self.at != self.size) {
        rc = sli_ipc_corrupt(&self, "bytes follow the end-of-stream mark");
    }
    close_reader(&self);
    return rc;
}

sl_code sli_ipc_read_file(sli_buffer *bytes, sli_batch_fn each, void *ctx, sl_error *err)
{
    sli_ipc_reader self;
    SL_TRY(open_reader(&self, bytes, err));
    sl_code rc = SL_OK;
    if (sli_ipc_is_file(self.data, self.size) != 1) {
        rc = sli_ipc_corrupt(&self, "this is no Arrow file");
    } else {
        self.at = SLI_IPC_START_BYTES;
        rc = read_schema(&self);
    }
    if (rc == SL_OK) {
        rc = read_batches(&self, each, ctx);
    }
    if (rc == SL_OK) {
        rc = sli_ipc_footer_check(self.data + self.at, self.size - self.at, &self.seen, err);
    }
    close_reader(&self);
    return rc;
}

/// Looks for a pair in the schema's metadata.
static bool find_value(const sli_flat *schema, const char *key, sl_text *out)
{
    enum { PAIRS = 2, KEY = 0, VALUE = 1 }; // fields
    const uint8_t *pairs = NULL;
    int64_t n = 0;
    size_t size = strlen(key);
    if (!sli_flat_list(schema, PAIRS, 4, &pairs, &n)) {
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        sli_flat pair;
        sl_text name;
        if (!sli_flat_item(schema, pairs, i, &pair) || !sli_flat_text(&pair, KEY, &name)) {
            return false;
        }
        if (name.size == size && memcmp(name.data, key, size) == 0) {
            return sli_flat_text(&pair, VALUE, out);
        }
    }
    return false;
}

bool sli_ipc_file_value(const sli_buffer *bytes, const char *key, sl_text *out)
{
    sli_ipc_message m;
    sli_ipc_reader self = {.data = (const uint8_t *)sli_buffer_bytes(bytes),
                           .size = sli_buffer_size(bytes),
                           .at = SLI_IPC_START_BYTES};
    return sli_ipc_is_file(self.data, self.size) == 1 && next_message(&self, &m) == SL_OK &&
           m.type == SLI_IPC_SCHEMA && find_value(&m.header, key, out);
}

// ---------------------------------------------------------------- message by message

struct sli_ipc_stream {
    sli_ipc_reader reader; ///< of the schema; its bytes are those of one message at a time
};

sl_code sli_ipc_measure(const void *data, int64_t size, sli_ipc_place *out, sl_error *err)
{
    sli_ipc_reader at_start = {.data = data, .size = size, .err = err};
    int64_t mark = 0, length = 0;
    sli_ipc_message m = {.body_size = 0};
    *out = (sli_ipc_place){0};
    if (!sli_flat_number(data, size, 0, 4, &mark)) {
        return SL_OK;
    }
    if (mark != 0xffffffff) {
        return sli_ipc_corrupt(&at_start, "no message begins here");
    }
    if (!sli_flat_number(data, size, 4, 4, &length)) {
        return SL_OK;
    }
    if (length > INT32_MAX / 2 || length % 8 != 0) {
        return sli_ipc_corrupt(&at_start, "its length is impossible");
    }
    out->meta_bytes = SLI_IPC_END_BYTES + length;
    if (out->meta_bytes > size) {
        return SL_OK;
    }
    const uint8_t *meta = at_start.data + SLI_IPC_END_BYTES;
    if (length > 0 && (!open_message(meta, length, &m) || m.body_size > INT64_MAX / 2)) {
        return sli_ipc_corrupt(&at_start, "its metadata is damaged, or of a version before V4");
    }
    out->type = m.type;
    out->is_dictionary = m.type == SLI_IPC_DICTIONARY;
    out->bytes = out->meta_bytes + m.body_size;
    return SL_OK;
}

static bool has_mark(const uint8_t *data, int64_t size)
{
    int64_t mark = 0;
    return sli_flat_number(data, size, 0, 4, &mark) && mark == 0xffffffff;
}

sl_code sli_ipc_measure_first(const void *data, int64_t size, sli_ipc_place *out, sl_error *err)
{
    enum { MOST = 1 << 20, LEAST = 16 }; // bytes of such a schema
    const uint8_t *bytes = data;
    if (has_mark(bytes, size)) {
        return sli_ipc_measure(data, size, out, err);
    }
    int64_t end = LEAST, limit = size < MOST ? size : MOST;
    while (end + 4 <= limit && !has_mark(bytes + end, 4)) {
        end += 8;
    }
    bool found = end + 4 <= limit;
    *out = (sli_ipc_place){.type = SLI_IPC_SCHEMA};
    if (found) {
        out->bytes = out->meta_bytes = end;
    }
    return !found && size >= MOST
               ? sli_ipc_corrupt(&(sli_ipc_reader){.err = err}, "no message begins here")
               : SL_OK;
}

sl_code sli_ipc_stream_new(sli_ipc_stream **out, int64_t limit_bytes, sl_error *err)
{
    *out = sl_alloc_zero(SLI_TAG_BATCH, sizeof **out);
    if (*out == NULL) {
        return sl_error_nomem(err, sizeof **out, "an Arrow stream");
    }
    (*out)->reader.limit_bytes = limit_bytes;
    return SL_OK;
}

void sli_ipc_stream_free(sli_ipc_stream *stream)
{
    if (stream != NULL) {
        close_reader(&stream->reader);
        sl_free(stream);
    }
}

/// The reader looks at this message alone: where it lies when it is aligned, else at a copy.
static sl_code look_at(sli_ipc_reader *self, sli_buffer *bytes, int64_t at, int64_t size)
{
    bool is_aligned = (uintptr_t)sli_buffer_bytes(bytes) % 8 == 0 && at % 8 == 0;
    sli_buffer *own = is_aligned ? sli_buffer_ref(bytes) : sli_buffer_new(size);
    if (own == NULL) {
        return sl_error_nomem(self->err, (size_t)size, "Arrow IPC bytes");
    }
    if (!is_aligned) {
        memcpy(sli_buffer_data(own), sli_buffer_bytes(bytes) + at, (size_t)size);
        at = 0;
    }
    self->bytes = own;
    self->data = (const uint8_t *)sli_buffer_bytes(own);
    self->at = at;
    self->size = at + size;
    return SL_OK;
}

/// The schema as it follows a file's first bytes, with its length in front or without.
static sl_code read_first(sli_ipc_reader *self)
{
    sli_ipc_message m;
    int64_t size = self->size - self->at;
    if (has_mark(self->data + self->at, size)) {
        return read_schema(self);
    }
    return open_message(self->data + self->at, size, &m) && m.type == SLI_IPC_SCHEMA
               ? sli_ipc_schema_read(self, &m)
               : sli_ipc_corrupt(self, "no message begins here");
}

sl_code sli_ipc_stream_take(sli_ipc_stream *stream, sli_buffer *bytes, int64_t at, int64_t size,
                            sl_batch **out, sl_error *err)
{
    sli_ipc_reader *self = &stream->reader;
    self->err = err;
    SL_TRY(look_at(self, bytes, at, size));
    *out = NULL;
    sl_code rc = self->schema != NULL ? read_message(self, out) : read_first(self);
    sli_buffer_unref(self->bytes);
    self->bytes = NULL;
    self->err = NULL;
    return rc;
}

const sl_schema *sli_ipc_stream_schema(const sli_ipc_stream *stream)
{
    return stream->reader.schema;
}

bool sli_ipc_stream_lacks_values(const sli_ipc_stream *stream)
{
    const sli_dictionary *d = stream->reader.dictionaries;
    while (d != NULL && d->values != NULL) {
        d = d->next;
    }
    return d != NULL;
}
