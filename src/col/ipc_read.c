/// ipc_read.c — batches from Arrow IPC streams and files of any writer: outside data, nothing is
/// believed.
///
/// The schema message is verified and decoded by nanoarrow. Record batches are read here: their
/// metadata is two short lists, the bounds check of nanoarrow 0.9's decoder does not refuse
/// negative lengths in them, and its copy of every buffer is saved. What is read becomes Arrow C
/// structs that point into the bytes, with sizes checked; import.c checks what they hold.

#include "col/col_int.h"

#include <errno.h>
#include <string.h>

#include <nanoarrow/nanoarrow_ipc.h>

enum {
    MESSAGE_SCHEMA = 1,
    MESSAGE_DICTIONARY = 2,
    MESSAGE_BATCH = 3,
    MAGIC_BYTES = 6,
    START_BYTES = 8
};

/// A table of a FlatBuffer: its place, and that of its vtable, in the metadata of one message.
typedef struct table {
    const uint8_t *data;
    int64_t size, at, fields, n_fields;
} table;

typedef struct ipc_reader {
    sli_buffer *bytes;
    const uint8_t *data;
    int64_t size, at; ///< `at`: of the message that is read
    sl_error *err;
    bool has_schema;
    struct ArrowSchema arrow;
    sl_schema *schema;
    int64_t n_batches;
} ipc_reader;

/// One message: metadata and body.
typedef struct message {
    const uint8_t *meta;
    int64_t meta_size;
    const uint8_t *body;
    int64_t body_size;
    int type;
    table header;
} message;

static sl_code corrupt(const ipc_reader *self, const char *what)
{
    return sl_error_set(self->err, SL_E_CORRUPT, "Arrow IPC, message at byte %lld: %s",
                        (long long)self->at, what);
}

static sl_code unsupported(const ipc_reader *self, const char *what)
{
    return sl_error_set(self->err, SL_E_UNSUPPORTED, "Arrow IPC, message at byte %lld: %s",
                        (long long)self->at, what);
}

// ---------------------------------------------------------------- FlatBuffers, as far as needed

/// `width` bytes at `at` as a little-endian number; false when they lie outside.
static bool number(const uint8_t *data, int64_t size, int64_t at, int width, int64_t *out)
{
    if (at < 0 || at > size - width) {
        return false;
    }
    uint64_t value = 0;
    memcpy(&value, data + at, (size_t)width);
    *out = (int64_t)value;
    return true;
}

static bool open_table(const uint8_t *data, int64_t size, int64_t at, table *out)
{
    int64_t back = 0, vtable_size = 0;
    if (!number(data, size, at, 4, &back)) {
        return false;
    }
    int64_t vtable = at - (int32_t)(uint32_t)back;
    if (!number(data, size, vtable, 2, &vtable_size) || vtable_size < 4 ||
        vtable_size > size - vtable) {
        return false;
    }
    *out = (table){data, size, at, vtable + 4, (vtable_size - 4) / 2};
    return true;
}

/// Place of a field, 0 when the table lacks it.
static int64_t field_at(const table *t, int field)
{
    int64_t offset = 0;
    if (field >= t->n_fields || !number(t->data, t->size, t->fields + 2 * field, 2, &offset)) {
        return 0;
    }
    return offset == 0 ? 0 : t->at + offset;
}

/// A scalar field; `otherwise` when it is not there.
static bool scalar(const table *t, int field, int width, int64_t otherwise, int64_t *out)
{
    int64_t at = field_at(t, field);
    *out = otherwise;
    return at == 0 || number(t->data, t->size, at, width, out);
}

/// Follows the offset in a field: where the table or vector begins.
static bool follow(const table *t, int field, int64_t *out)
{
    int64_t at = field_at(t, field), offset = 0;
    if (at == 0 || !number(t->data, t->size, at, 4, &offset)) {
        return false;
    }
    *out = at + offset;
    return true;
}

/// A vector of pairs of int64; not there counts as empty.
static bool pairs(const table *t, int field, const uint8_t **out, int64_t *n)
{
    int64_t at = 0;
    *out = NULL;
    *n = 0;
    if (field_at(t, field) == 0) {
        return true;
    }
    if (!follow(t, field, &at) || !number(t->data, t->size, at, 4, n) ||
        *n > (t->size - at - 4) / 16) {
        return false;
    }
    *out = t->data + at + 4;
    return true;
}

static int64_t int64_at(const uint8_t *data, int64_t i)
{
    int64_t value = 0;
    memcpy(&value, data + i * 8, sizeof value);
    return value;
}

// ---------------------------------------------------------------- messages

/// The message at self->at, or SL_E_END at the end-of-stream mark.
static sl_code next_message(ipc_reader *self, message *out)
{
    int64_t mark = 0, length = 0, root = 0, header = 0, type = 0;
    int64_t at = self->at;
    if (!number(self->data, self->size, at, 4, &mark)) {
        return corrupt(self, "the bytes end without an end-of-stream mark");
    }
    if (mark == 0xffffffff) { // before Arrow 0.15 the length came without this mark
        at += 4;
        if (!number(self->data, self->size, at, 4, &length)) {
            return corrupt(self, "the bytes end in the length of a message");
        }
    } else {
        length = mark;
    }
    at += 4;
    if (length == 0) {
        self->at = at;
        return SL_E_END;
    }
    *out = (message){.meta = self->data + at, .meta_size = length};
    if (length > INT32_MAX / 2 || length > self->size - at || (at + length) % 8 != 0) {
        return corrupt(self, "its length reaches past the end, or is no multiple of 8");
    }
    table message_table;
    if (!number(out->meta, length, 0, 4, &root) ||
        !open_table(out->meta, length, root, &message_table) ||
        !scalar(&message_table, 1, 1, 0, &type) || !follow(&message_table, 2, &header) ||
        !open_table(out->meta, length, header, &out->header) ||
        !scalar(&message_table, 3, 8, 0, &out->body_size)) {
        return corrupt(self, "its metadata is damaged");
    }
    out->type = (int)type;
    out->body = out->meta + length;
    if (out->body_size < 0 || out->body_size > self->size - at - length ||
        out->body_size % 8 != 0) {
        return corrupt(self, "its body reaches past the end, or is no multiple of 8 long");
    }
    return SL_OK;
}

static void advance(ipc_reader *self, const message *m)
{
    self->at = (int64_t)(m->body - self->data) + m->body_size;
}

/// What import finds broken is damage of bytes here.
static sl_code broken_is_corrupt(const ipc_reader *self, sl_code rc)
{
    if (rc != SL_E_DATA) {
        return rc;
    }
    sl_error shown = self->err == NULL ? SL_ERROR_INIT : *self->err;
    return corrupt(self, shown.text);
}

// ---------------------------------------------------------------- schema

static sl_code decode_schema(ipc_reader *self, struct ArrowIpcDecoder *decoder, const message *m)
{
    struct ArrowError why = {{0}};
    struct ArrowBufferView view = {.data.as_uint8 = self->data + self->at,
                                   .size_bytes = (int64_t)(m->body - self->data) - self->at};
    ArrowErrorCode rc = ArrowIpcDecoderVerifyHeader(decoder, view, &why);
    if (rc == NANOARROW_OK) {
        rc = ArrowIpcDecoderDecodeHeader(decoder, view, &why);
    }
    if (rc == NANOARROW_OK && decoder->endianness != NANOARROW_IPC_ENDIANNESS_LITTLE) {
        return unsupported(self, "big-endian data is not read");
    }
    if (rc == NANOARROW_OK) {
        rc = ArrowIpcDecoderDecodeSchema(decoder, &self->arrow, &why);
    }
    if (rc == ENOMEM) {
        return sl_error_nomem(self->err, 0, "Arrow schema");
    }
    if (rc != NANOARROW_OK) {
        why.message[sizeof why.message - 1] = '\0';
        return rc == ENOTSUP ? unsupported(self, why.message) : corrupt(self, why.message);
    }
    return SL_OK;
}

static sl_code read_schema(ipc_reader *self)
{
    message m;
    sl_code rc = next_message(self, &m);
    if (rc != SL_OK || m.type != MESSAGE_SCHEMA) {
        return rc != SL_OK && rc != SL_E_END ? rc : corrupt(self, "a schema is missing");
    }
    struct ArrowIpcDecoder decoder;
    if (ArrowIpcDecoderInit(&decoder) != NANOARROW_OK) {
        return sl_error_nomem(self->err, sizeof decoder, "Arrow schema");
    }
    rc = decode_schema(self, &decoder, &m);
    ArrowIpcDecoderReset(&decoder);
    SL_TRY(rc);
    self->has_schema = true;
    rc = broken_is_corrupt(self, sli_schema_import(&self->arrow, &self->schema, self->err));
    if (rc == SL_OK) {
        advance(self, &m);
    }
    return rc;
}

// ---------------------------------------------------------------- record batches

/// A batch in the making: the lists of its message, and how far they were used.
typedef struct ipc_batch {
    ipc_reader *reader;
    const message *m;
    const uint8_t *nodes, *buffers;
    int64_t n_nodes, n_buffers, node, buffer;
    sl_arena *arena;
} ipc_batch;

/// What keeps an array's structs and bytes.
typedef struct held {
    sl_arena *arena;
    sli_buffer *bytes;
} held;

static void release_held(struct ArrowArray *array)
{
    held *keep = array->private_data;
    array->release = NULL;
    sli_buffer_unref(keep->bytes);
    sl_arena_free(keep->arena); // with `keep` in it
}

static void release_child(struct ArrowArray *array)
{
    array->release = NULL;
}

/// The next buffer of the body; NULL when it has no bytes.
static sl_code next_buffer(ipc_batch *self, const void **out, int64_t *size)
{
    if (self->buffer >= self->n_buffers) {
        return corrupt(self->reader, "it has too few buffers");
    }
    int64_t from = int64_at(self->buffers, self->buffer * 2);
    *size = int64_at(self->buffers, self->buffer * 2 + 1);
    self->buffer++;
    if (from < 0 || *size < 0 || from > self->m->body_size || *size > self->m->body_size - from) {
        return corrupt(self->reader, "a buffer reaches past its body");
    }
    *out = *size == 0 ? NULL : self->m->body + from;
    return SL_OK;
}

/// The next buffer, which must have at least `need` bytes.
static sl_code need_buffer(ipc_batch *self, int64_t need, const void **out)
{
    int64_t size = 0;
    SL_TRY(next_buffer(self, out, &size));
    return size < need ? corrupt(self->reader, "a buffer is shorter than its column") : SL_OK;
}

/// Offsets and text: the last offset lies in the text. That offsets rise is import's to check.
static sl_code text_buffers(ipc_batch *self, const struct ArrowSchema *schema,
                            struct ArrowArray *array)
{
    int width = schema->format[0] == 'u' || schema->format[0] == 'z' ? 4 : 8;
    int64_t size = 0, last = 0;
    int64_t need = array->length == 0 ? 0 : (array->length + 1) * width;
    SL_TRY(need_buffer(self, need, &array->buffers[1]));
    SL_TRY(next_buffer(self, &array->buffers[2], &size));
    array->n_buffers = 3;
    if (array->length > 0) {
        (void)number(array->buffers[1], need, array->length * width, width, &last);
    }
    return last < 0 || last > size ? corrupt(self->reader, "text reaches past its buffer") : SL_OK;
}

static sl_code fill_array(ipc_batch *self, const struct ArrowSchema *schema, const sl_field *field,
                          struct ArrowArray *array);

static sl_code fill_children(ipc_batch *self, const struct ArrowSchema *schema,
                             const sl_field *fields, int32_t n, struct ArrowArray *parent)
{
    parent->children = sl_arena_alloc(self->arena, (size_t)n * sizeof *parent->children + 1);
    struct ArrowArray *children =
        sl_arena_alloc_zero(self->arena, (size_t)n * sizeof *children + 1);
    if (parent->children == NULL || children == NULL) {
        return sl_error_nomem(self->reader->err, (size_t)n * sizeof *children, "Arrow batch");
    }
    parent->n_children = n;
    for (int32_t i = 0; i < n; i++) {
        parent->children[i] = &children[i];
        SL_TRY(fill_array(self, schema->children[i], &fields[i], &children[i]));
    }
    return SL_OK;
}

static sl_code fill_buffers(ipc_batch *self, const struct ArrowSchema *schema,
                            const sl_field *field, struct ArrowArray *array)
{
    int64_t n = array->length, size = 0;
    SL_TRY(next_buffer(self, &array->buffers[0], &size));
    if (array->null_count == 0) {
        array->buffers[0] = NULL;
    } else if (size < (n + 7) / 8) {
        return corrupt(self->reader, "a bitmap of nulls is shorter than its column");
    }
    array->n_buffers = field->type == SL_STRUCT ? 1 : 2;
    if (field->type == SL_BOOL) {
        return need_buffer(self, (n + 7) / 8, &array->buffers[1]);
    }
    if (field->type == SL_LIST) {
        int width = strcmp(schema->format, "+L") == 0 ? 8 : 4;
        return need_buffer(self, n == 0 ? 0 : (n + 1) * width, &array->buffers[1]);
    }
    if (sli_type_is_text(field->type)) {
        return text_buffers(self, schema, array);
    }
    return field->type == SL_STRUCT
               ? SL_OK
               : need_buffer(self, n * sli_type_width(field->type), &array->buffers[1]);
}

static sl_code fill_array(ipc_batch *self, const struct ArrowSchema *schema, const sl_field *field,
                          struct ArrowArray *array)
{
    if (schema->format[0] == 'v') {
        return unsupported(self->reader, "string views are not read");
    }
    if (self->node >= self->n_nodes) {
        return corrupt(self->reader, "it has too few columns");
    }
    array->length = int64_at(self->nodes, self->node * 2);
    array->null_count = int64_at(self->nodes, self->node * 2 + 1);
    array->release = release_child;
    self->node++;
    if (array->length < 0 || array->length > SLI_MAX_ROWS || array->null_count < -1 ||
        array->null_count > array->length) {
        return corrupt(self->reader, "a column has an impossible number of rows or nulls");
    }
    array->buffers = sl_arena_alloc_zero(self->arena, 3 * sizeof *array->buffers);
    if (array->buffers == NULL) {
        return sl_error_nomem(self->reader->err, sizeof *array->buffers, "Arrow batch");
    }
    SL_TRY(fill_buffers(self, schema, field, array));
    return fill_children(self, schema, field->children, field->n_children, array);
}

static sl_code fill_root(ipc_batch *self, struct ArrowArray *root)
{
    const table *header = &self->m->header;
    int64_t n_rows = 0;
    if (field_at(header, 3) != 0) {
        return unsupported(self->reader, "compressed data is not read");
    }
    if (!scalar(header, 0, 8, 0, &n_rows) || !pairs(header, 1, &self->nodes, &self->n_nodes) ||
        !pairs(header, 2, &self->buffers, &self->n_buffers) || n_rows < 0 ||
        n_rows > SLI_MAX_ROWS) {
        return corrupt(self->reader, "its list of columns is damaged");
    }
    root->length = n_rows;
    root->n_buffers = 1;
    root->buffers = sl_arena_alloc_zero(self->arena, sizeof *root->buffers);
    if (root->buffers == NULL) {
        return sl_error_nomem(self->reader->err, sizeof *root->buffers, "Arrow batch");
    }
    const sl_schema *schema = self->reader->schema;
    SL_TRY(fill_children(self, &self->reader->arrow, schema->fields, schema->n_columns, root));
    bool all = self->node == self->n_nodes && self->buffer == self->n_buffers;
    return all ? SL_OK : corrupt(self->reader, "it has more columns or buffers than its schema");
}

static sl_code make_batch(ipc_reader *self, const message *m, sl_batch **out)
{
    ipc_batch making = {.reader = self, .m = m, .arena = sl_arena_new(SLI_TAG_BATCH)};
    held *keep = making.arena == NULL ? NULL : sl_arena_alloc(making.arena, sizeof *keep);
    if (keep == NULL) {
        sl_arena_free(making.arena);
        return sl_error_nomem(self->err, sizeof *keep, "Arrow batch");
    }
    struct ArrowArray root = {.private_data = keep, .release = release_held};
    *keep = (held){making.arena, sli_buffer_ref(self->bytes)};
    sl_code rc = fill_root(&making, &root);
    if (rc != SL_OK) {
        root.release(&root);
        return rc;
    }
    return broken_is_corrupt(self,
                             sli_array_import(&self->arrow, self->schema, &root, out, self->err));
}

/// The batch of the message at self->at, or SL_E_END.
static sl_code read_batch(ipc_reader *self, sl_batch **out)
{
    message m;
    SL_TRY(next_message(self, &m));
    if (m.type != MESSAGE_BATCH) {
        return m.type == MESSAGE_DICTIONARY ? unsupported(self, "dictionaries are not read")
                                            : corrupt(self, "neither a batch nor the end");
    }
    SL_TRY(make_batch(self, &m, out));
    self->n_batches++;
    advance(self, &m);
    return SL_OK;
}

static sl_code read_batches(ipc_reader *self, sli_batch_fn each, void *ctx)
{
    for (;;) {
        sl_batch *batch = NULL;
        sl_code rc = read_batch(self, &batch);
        if (rc != SL_OK) {
            return rc == SL_E_END ? SL_OK : rc;
        }
        rc = each(ctx, batch, self->err);
        sl_batch_unref(batch);
        SL_TRY(rc);
    }
}

// ---------------------------------------------------------------- streams and files

/// Reads need 8-byte aligned bytes; others are copied once.
static sl_code open_reader(ipc_reader *self, sli_buffer *bytes, sl_error *err)
{
    *self = (ipc_reader){.err = err, .size = sli_buffer_size(bytes)};
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

static void close_reader(ipc_reader *self)
{
    if (self->has_schema && self->arrow.release != NULL) {
        self->arrow.release(&self->arrow);
    }
    sl_schema_unref(self->schema);
    sli_buffer_unref(self->bytes);
}

sl_code sli_ipc_read(sli_buffer *bytes, sli_batch_fn each, void *ctx, sl_error *err)
{
    ipc_reader self;
    SL_TRY(open_reader(&self, bytes, err));
    sl_code rc = read_schema(&self);
    if (rc == SL_OK) {
        rc = read_batches(&self, each, ctx);
    }
    if (rc == SL_OK && self.at != self.size) {
        rc = corrupt(&self, "bytes follow the end-of-stream mark");
    }
    close_reader(&self);
    return rc;
}

/// The footer holds the places of all batches; here their number tells whether one is missing.
static sl_code check_footer(ipc_reader *self)
{
    static const char magic[] = "ARROW1";
    int64_t length = 0, root = 0, vector = 0, n = 0;
    int64_t tail = self->size - MAGIC_BYTES - 4;
    table footer;
    bool good = tail >= self->at && memcmp(self->data + tail + 4, magic, MAGIC_BYTES) == 0 &&
                number(self->data, self->size, tail, 4, &length) && length <= tail - self->at;
    const uint8_t *data = self->data + tail - (good ? length : 0);
    good = good && number(data, length, 0, 4, &root) && open_table(data, length, root, &footer);
    if (good && field_at(&footer, 3) != 0) {
        good = follow(&footer, 3, &vector) && number(data, length, vector, 4, &n);
    }
    if (good && n != self->n_batches) {
        return corrupt(self, "the footer counts another number of batches");
    }
    return good ? SL_OK : corrupt(self, "the footer is damaged or missing");
}

sl_code sli_ipc_read_file(sli_buffer *bytes, sli_batch_fn each, void *ctx, sl_error *err)
{
    ipc_reader self;
    SL_TRY(open_reader(&self, bytes, err));
    sl_code rc = SL_OK;
    if (self.size < START_BYTES || memcmp(self.data, "ARROW1\0\0", START_BYTES) != 0) {
        rc = corrupt(&self, "this is no Arrow file");
    } else {
        self.at = START_BYTES;
        rc = read_schema(&self);
    }
    if (rc == SL_OK) {
        rc = read_batches(&self, each, ctx);
    }
    if (rc == SL_OK) {
        rc = check_footer(&self);
    }
    close_reader(&self);
    return rc;
}

// ---------------------------------------------------------------- message by message

struct sli_ipc_stream {
    ipc_reader reader; ///< of the schema; its bytes are those of one message at a time
};

sl_code sli_ipc_measure(const void *data, int64_t size, int64_t *out, sl_error *err)
{
    ipc_reader at_start = {.data = data, .size = size, .err = err};
    int64_t mark = 0, length = 0, root = 0, body = 0;
    *out = 0;
    if (!number(data, size, 0, 4, &mark)) {
        return SL_OK;
    }
    if (mark != 0xffffffff) {
        return corrupt(&at_start, "no message begins here");
    }
    if (!number(data, size, 4, 4, &length)) {
        return SL_OK;
    }
    if (length > INT32_MAX / 2 || length % 8 != 0) {
        return corrupt(&at_start, "its length is impossible");
    }
    if (length > size - SLI_IPC_END_BYTES) {
        return SL_OK;
    }
    const uint8_t *meta = at_start.data + SLI_IPC_END_BYTES;
    table fields;
    if (length > 0 &&
        (!number(meta, length, 0, 4, &root) || !open_table(meta, length, root, &fields) ||
         !scalar(&fields, 3, 8, 0, &body) || body < 0 || body % 8 != 0 || body > INT64_MAX / 2)) {
        return corrupt(&at_start, "its metadata is damaged");
    }
    *out = SLI_IPC_END_BYTES + length + body;
    return SL_OK;
}

sl_code sli_ipc_stream_new(sli_ipc_stream **out, sl_error *err)
{
    *out = sl_alloc_zero(SLI_TAG_BATCH, sizeof **out);
    return *out == NULL ? sl_error_nomem(err, sizeof **out, "an Arrow stream") : SL_OK;
}

void sli_ipc_stream_free(sli_ipc_stream *stream)
{
    if (stream != NULL) {
        close_reader(&stream->reader);
        sl_free(stream);
    }
}

/// The reader looks at this message alone: where it lies when it is aligned, else at a copy.
static sl_code look_at(ipc_reader *self, sli_buffer *bytes, int64_t at, int64_t size)
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

sl_code sli_ipc_stream_take(sli_ipc_stream *stream, sli_buffer *bytes, int64_t at, int64_t size,
                            sl_batch **out, sl_error *err)
{
    ipc_reader *self = &stream->reader;
    self->err = err;
    SL_TRY(look_at(self, bytes, at, size));
    *out = NULL;
    sl_code rc = self->has_schema ? read_batch(self, out) : read_schema(self);
    sli_buffer_unref(self->bytes);
    self->bytes = NULL;
    self->err = NULL;
    return rc;
}

const sl_schema *sli_ipc_stream_schema(const sli_ipc_stream *stream)
{
    return stream->reader.schema;
}
