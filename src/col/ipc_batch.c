/// ipc_batch.c — the rows of a message of Arrow IPC: outside data, nothing is believed.
///
/// What is read becomes Arrow C structs that point into the bytes, with sizes checked; import.c
/// checks what they hold. Compressed buffers become memory of the batch first, up to a limit for
/// all of a message, since a few bytes may claim to be very many. Values of dictionaries are kept
/// as batches of one column; whatever holds indices shares their text.

#include "col/ipc_int.h"

#include <nanoarrow/nanoarrow_ipc.h>

enum {
    NO_CODEC = -1, // else those of BodyCompression
    LZ4 = 0,
    ZSTD = 1,
    LZ4_MOST = 255,    // bytes that one compressed byte may stand for
    ZSTD_MOST = 32768, // the same: a block of 128 KiB takes 4 bytes at least
    LENGTH_BYTES = 8,  // in front of a compressed buffer: its size once decompressed
    PLAIN = -1         // in their place: what follows is not compressed
};

/// A batch in the making: the lists of its message, and how far they were used.
typedef struct ipc_batch {
    sli_ipc_reader *reader;
    const sli_ipc_message *m;
    const sli_flat *header; ///< the table RecordBatch
    const uint8_t *nodes, *buffers, *counts;
    int64_t n_nodes, n_buffers, n_counts, node, buffer, count;
    int codec;
    int64_t inflated; ///< bytes decompressed so far
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

// ---------------------------------------------------------------- buffers

/// The next buffer as it lies in the body.
static sl_code place_buffer(ipc_batch *self, const uint8_t **out, int64_t *size)
{
    if (self->buffer >= self->n_buffers) {
        return sli_ipc_corrupt(self->reader, "it has too few buffers");
    }
    int64_t from = sli_int64_at(self->buffers, self->buffer * 2);
    *size = sli_int64_at(self->buffers, self->buffer * 2 + 1);
    self->buffer++;
    if (from < 0 || *size < 0 || from > self->m->body_size || *size > self->m->body_size - from) {
        return sli_ipc_corrupt(self->reader, "a buffer reaches past its body");
    }
    *out = self->m->body + from;
    return SL_OK;
}

/// Whether `size` bytes may become `length`, and the message so many more.
static sl_code check_length(ipc_batch *self, int64_t length, int64_t size)
{
    if (length < 0 || length / (self->codec == LZ4 ? LZ4_MOST : ZSTD_MOST) > size) {
        return sli_ipc_corrupt(self->reader, "a compressed buffer claims an impossible size");
    }
    if (length > self->reader->limit_bytes - self->inflated) {
        return sl_error_set(self->reader->err, SL_E_NO_SPACE,
                            "Arrow IPC, message at byte %lld: more than %lld bytes once it is "
                            "decompressed",
                            (long long)self->reader->at, (long long)self->reader->limit_bytes);
    }
    self->inflated += length;
    return SL_OK;
}

/// False: these are no compressed bytes, or not of so many.
static bool decompress(int codec, struct ArrowBufferView from, uint8_t *to, int64_t length)
{
    ArrowIpcDecompressFunction run = codec == LZ4 ? ArrowIpcGetLZ4DecompressionFunction()
                                                  : ArrowIpcGetZstdDecompressionFunction();
    return run(from, to, length, NULL) == NANOARROW_OK;
}

static sl_code inflate(ipc_batch *self, const uint8_t **data, int64_t *size)
{
    if (*size < LENGTH_BYTES) {
        return sli_ipc_corrupt(self->reader, "a compressed buffer has no size");
    }
    int64_t length = sli_int64_at(*data, 0);
    struct ArrowBufferView from = {.data.as_uint8 = *data + LENGTH_BYTES,
                                   .size_bytes = *size - LENGTH_BYTES};
    if (length == PLAIN) {
        *data = from.data.as_uint8;
        *size = from.size_bytes;
        return SL_OK;
    }
    SL_TRY(check_length(self, length, from.size_bytes));
    uint8_t *to = sl_arena_alloc(self->arena, (size_t)length + SLI_BUFFER_PAD);
    if (to == NULL) {
        return sl_error_nomem(self->reader->err, (size_t)length, "Arrow batch");
    }
    memset(to + length, 0, SLI_BUFFER_PAD);
    if (length > 0 && !decompress(self->codec, from, to, length)) {
        return sli_ipc_corrupt(self->reader, "a compressed buffer is damaged");
    }
    *data = to;
    *size = length;
    return SL_OK;
}

/// The next buffer; NULL when it has no bytes.
static sl_code next_buffer(ipc_batch *self, const void **out, int64_t *size)
{
    const uint8_t *data = NULL;
    SL_TRY(place_buffer(self, &data, size));
    if (self->codec != NO_CODEC && *size > 0) {
        SL_TRY(inflate(self, &data, size));
    }
    *out = *size == 0 ? NULL : data;
    return SL_OK;
}

/// The next buffer, which must have at least `need` bytes.
static sl_code need_buffer(ipc_batch *self, int64_t need, const void **out)
{
    int64_t size = 0;
    SL_TRY(next_buffer(self, out, &size));
    return size < need ? sli_ipc_corrupt(self->reader, "a buffer is shorter than its column")
                       : SL_OK;
}

static sl_code nulls_buffer(ipc_batch *self, struct ArrowArray *array)
{
    const uint8_t *unused = NULL;
    int64_t size = 0;
    if (array->null_count == 0) {
        return place_buffer(self, &unused, &size);
    }
    SL_TRY(next_buffer(self, &array->buffers[0], &size));
    return size < (array->length + 7) / 8
               ? sli_ipc_corrupt(self->reader, "a bitmap of nulls is shorter than its column")
               : SL_OK;
}

// ---------------------------------------------------------------- columns

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
        (void)sli_flat_number(array->buffers[1], need, array->length * width, width, &last);
    }
    return last < 0 || last > size ? sli_ipc_corrupt(self->reader, "text reaches past its buffer")
                                   : SL_OK;
}

/// Views, then as many data buffers as the message says; at the end come their sizes.
static sl_code view_buffers(ipc_batch *self, struct ArrowArray *array)
{
    if (self->count >= self->n_counts) {
        return sli_ipc_corrupt(self->reader, "it tells too few numbers of data buffers");
    }
    int64_t n = sli_int64_at(self->counts, self->count++);
    if (n < 0 || n > self->n_buffers - self->buffer) {
        return sli_ipc_corrupt(self->reader, "it has too few buffers");
    }
    const void **buffers = sl_arena_alloc(self->arena, (size_t)(n + 3) * sizeof *buffers);
    int64_t *sizes = sl_arena_alloc(self->arena, (size_t)(n + 1) * sizeof *sizes);
    if (buffers == NULL || sizes == NULL) {
        return sl_error_nomem(self->reader->err, (size_t)n * sizeof *buffers, "Arrow batch");
    }
    buffers[0] = array->buffers[0];
    buffers[n + 2] = sizes;
    array->buffers = buffers;
    array->n_buffers = n + 3;
    SL_TRY(need_buffer(self, array->length * (int64_t)sizeof(sl_view), &buffers[1]));
    for (int64_t i = 0; i < n; i++) {
        SL_TRY(next_buffer(self, &buffers[2 + i], &sizes[i]));
    }
    return SL_OK;
}

static int64_t index_width(char type)
{
    return type == 'c' || type == 'C'   ? 1
           : type == 's' || type == 'S' ? 2
           : type == 'i' || type == 'I' ? 4
                                        : 8;
}

static sl_code fill_buffers(ipc_batch *self, const struct ArrowSchema *schema,
                            const sl_field *field, struct ArrowArray *array)
{
    int64_t n = array->length;
    SL_TRY(nulls_buffer(self, array));
    array->n_buffers = field->type == SL_STRUCT ? 1 : 2;
    if (schema->dictionary != NULL) {
        return need_buffer(self, n * index_width(schema->format[0]), &array->buffers[1]);
    }
    if (field->type == SL_BOOL) {
        return need_buffer(self, (n + 7) / 8, &array->buffers[1]);
    }
    if (field->type == SL_LIST) {
        int width = strcmp(schema->format, "+L") == 0 ? 8 : 4;
        return need_buffer(self, n == 0 ? 0 : (n + 1) * width, &array->buffers[1]);
    }
    if (sli_type_is_text(field->type)) {
        return schema->format[0] == 'v' ? view_buffers(self, array)
                                        : text_buffers(self, schema, array);
    }
    return field->type == SL_STRUCT
               ? SL_OK
               : need_buffer(self, n * sli_type_width(field->type), &array->buffers[1]);
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

static sl_code fill_array(ipc_batch *self, const struct ArrowSchema *schema, const sl_field *field,
                          struct ArrowArray *array)
{
    if (self->node >= self->n_nodes) {
        return sli_ipc_corrupt(self->reader, "it has too few columns");
    }
    array->length = sli_int64_at(self->nodes, self->node * 2);
    array->null_count = sli_int64_at(self->nodes, self->node * 2 + 1);
    array->release = release_child;
    self->node++;
    if (array->length < 0 || array->length > SLI_MAX_ROWS || array->null_count < -1 ||
        array->null_count > array->length) {
        return sli_ipc_corrupt(self->reader, "a column has an impossible number of rows or nulls");
    }
    array->buffers = sl_arena_alloc_zero(self->arena, 3 * sizeof *array->buffers);
    if (array->buffers == NULL) {
        return sl_error_nomem(self->reader->err, sizeof *array->buffers, "Arrow batch");
    }
    SL_TRY(fill_buffers(self, schema, field, array));
    return fill_children(self, schema, field->children, field->n_children, array);
}

// ---------------------------------------------------------------- batches

static sl_code read_codec(ipc_batch *self)
{
    int64_t codec = LZ4;
    sli_flat compression;
    self->codec = NO_CODEC;
    if (!sli_flat_has(self->header, 3)) {
        return SL_OK;
    }
    if (!sli_flat_table(self->header, 3, &compression) ||
        !sli_flat_scalar(&compression, 0, 1, LZ4, &codec)) {
        return sli_ipc_corrupt(self->reader, "its list of columns is damaged");
    }
    self->codec = (int)codec;
    return codec == LZ4 || codec == ZSTD
               ? SL_OK
               : sli_ipc_corrupt(self->reader, "it has an unknown compression");
}

static sl_code fill_root(ipc_batch *self, const struct ArrowSchema *arrow, const sl_schema *schema,
                         struct ArrowArray *root)
{
    const sli_flat *header = self->header;
    int64_t n_rows = 0;
    SL_TRY(read_codec(self));
    if (!sli_flat_scalar(header, 0, 8, 0, &n_rows) ||
        !sli_flat_list(header, 1, 16, &self->nodes, &self->n_nodes) ||
        !sli_flat_list(header, 2, 16, &self->buffers, &self->n_buffers) ||
        !sli_flat_list(header, 4, 8, &self->counts, &self->n_counts) || n_rows < 0 ||
        n_rows > SLI_MAX_ROWS) {
        return sli_ipc_corrupt(self->reader, "its list of columns is damaged");
    }
    root->length = n_rows;
    root->n_buffers = 1;
    root->buffers = sl_arena_alloc_zero(self->arena, sizeof *root->buffers);
    if (root->buffers == NULL) {
        return sl_error_nomem(self->reader->err, sizeof *root->buffers, "Arrow batch");
    }
    SL_TRY(fill_children(self, arrow, schema->fields, schema->n_columns, root));
    bool all = self->node == self->n_nodes && self->buffer == self->n_buffers &&
               self->count == self->n_counts;
    return all ? SL_OK
               : sli_ipc_corrupt(self->reader, "it has more columns or buffers than its schema");
}

/// Rows of a table RecordBatch with this schema.
static sl_code make_batch(sli_ipc_reader *reader, const sli_ipc_message *m, const sli_flat *header,
                          const struct ArrowSchema *arrow, const sl_schema *schema, sl_batch **out)
{
    ipc_batch making = {
        .reader = reader, .m = m, .header = header, .arena = sl_arena_new(SLI_TAG_BATCH)};
    held *keep = making.arena == NULL ? NULL : sl_arena_alloc(making.arena, sizeof *keep);
    if (keep == NULL) {
        sl_arena_free(making.arena);
        return sl_error_nomem(reader->err, sizeof *keep, "Arrow batch");
    }
    struct ArrowArray root = {.private_data = keep, .release = release_held};
    *keep = (held){making.arena, sli_buffer_ref(reader->bytes)};
    sl_code rc = fill_root(&making, arrow, schema, &root);
    if (rc != SL_OK) {
        root.release(&root);
        return rc;
    }
    return sli_ipc_broken(
        reader, sli_array_import(arrow, schema, &root, reader->dictionaries, out, reader->err));
}

sl_code sli_ipc_batch_read(sli_ipc_reader *reader, const sli_ipc_message *m, sl_batch **out)
{
    return make_batch(reader, m, &m->header, reader->arrow, reader->schema, out);
}

// ---------------------------------------------------------------- dictionaries

/// Sets a dictionary's values, or puts them behind those that are there.
static sl_code set_values(sli_ipc_reader *reader, sli_dictionary *d, bool is_delta,
                          sl_batch *values)
{
    sl_batch *now = NULL;
    if (is_delta && d->values != NULL) {
        const sl_batch *both[] = {d->values, values};
        SL_TRY(sli_batch_concat(both, 2, &now, reader->err));
    } else {
        now = sl_batch_ref(values);
    }
    sl_batch_unref(d->values);
    d->values = now;
    return SL_OK;
}

sl_code sli_ipc_dictionary_read(sli_ipc_reader *reader, const sli_ipc_message *m)
{
    int64_t id = 0, is_delta = 0;
    sli_flat rows;
    sl_batch *values = NULL;
    if (!sli_flat_scalar(&m->header, 0, 8, 0, &id) || !sli_flat_table(&m->header, 1, &rows) ||
        !sli_flat_scalar(&m->header, 2, 1, 0, &is_delta)) {
        return sli_ipc_corrupt(reader, "its metadata is damaged");
    }
    sl_code rc = SL_OK;
    bool is_known = false;
    for (sli_dictionary *d = reader->dictionaries; rc == SL_OK && d != NULL; d = d->next) {
        if (d->id != id) {
            continue;
        }
        if (!is_known) { // fields that share a dictionary have the same type
            rc = make_batch(reader, m, &rows, d->root, d->schema, &values);
        }
        is_known = true;
        rc = rc == SL_OK && !sl_schema_equal(d->schema, sl_batch_schema(values))
                 ? sli_ipc_corrupt(reader, "two types share a dictionary")
                 : rc;
        rc = rc == SL_OK ? set_values(reader, d, is_delta != 0, values) : rc;
    }
    sl_batch_unref(values);
    return rc == SL_OK && !is_known ? sli_ipc_corrupt(reader, "no column has this dictionary") : rc;
}
