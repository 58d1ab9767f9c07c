/// ipc_write.c — batches as Arrow IPC streams and files, through nanoarrow's writer.
///
/// nanoarrow writes arrays with plain offsets; so each batch is laid out that way first (views
/// become utf8 or binary, slices start at zero, bits past the end are zero), in an arena that goes
/// with the batch. A batch whose text does not fit int32 offsets is written as several.

#include "col/ipc_int.h"

#include <errno.h>
#include <string.h>

#include <nanoarrow/nanoarrow_ipc.h>

/// What is written around the batches.
enum { SCHEMA = 1, END = 2, FILE_FRAME = 4 };

typedef struct ipc_writer {
    sli_str *out;
    sl_error *err;
    sl_arena *arena;
    struct ArrowIpcWriter writer;
    struct ArrowArrayView view;
    struct ArrowError why;
} ipc_writer;

// ---------------------------------------------------------------- one batch in plain layout

static void release_nothing(struct ArrowArray *array)
{
    array->release = NULL; // all memory is the arena's
}

static bool flat_bits(sl_arena *arena, const uint8_t *bits, int64_t from, int64_t n,
                      const void **out)
{
    uint8_t *copy = sl_arena_alloc_zero(arena, (size_t)(n + 7) / 8 + 1);
    if (copy == NULL) {
        return false;
    }
    sli_bits_copy(copy, 0, bits, from, n);
    *out = copy;
    return true;
}

static bool flat_text(sl_arena *arena, const sl_column *column, int64_t from, int64_t n,
                      const void **buffers)
{
    int32_t *offsets = sl_arena_alloc(arena, (size_t)(n + 1) * sizeof *offsets);
    if (offsets == NULL) {
        return false;
    }
    offsets[0] = 0;
    for (int64_t i = 0; i < n; i++) { // the sum was checked to fit
        bool is_null = sl_column_is_null(column, from + i);
        offsets[i + 1] =
            offsets[i] + (is_null ? 0 : ((const sl_view *)column->values)[from + i].size);
    }
    char *data = sl_arena_alloc(arena, (size_t)offsets[n] + 1);
    if (data == NULL) {
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        memcpy(data + offsets[i], sl_column_text(column, from + i).data,
               (size_t)(offsets[i + 1] - offsets[i]));
    }
    buffers[1] = offsets;
    buffers[2] = data;
    return true;
}

static bool flat_offsets(sl_arena *arena, const sl_column *column, int64_t from, int64_t n,
                         const void **out)
{
    const int32_t *offsets = (const int32_t *)column->values + from;
    int32_t *copy = sl_arena_alloc(arena, (size_t)(n + 1) * sizeof *copy);
    if (copy == NULL) {
        return false;
    }
    for (int64_t i = 0; i <= n; i++) {
        copy[i] = offsets[i] - offsets[0];
    }
    *out = copy;
    return true;
}

static bool flat_column(sl_arena *arena, const sl_column *column, int64_t from, int64_t n,
                        struct ArrowArray *out);

/// `columns` as children of `parent`; of a list's child the rows its offsets use.
static bool flat_children(sl_arena *arena, const sl_column *columns, int32_t n_columns,
                          int64_t from, int64_t n, struct ArrowArray *parent)
{
    parent->children = sl_arena_alloc(arena, (size_t)n_columns * sizeof *parent->children + 1);
    struct ArrowArray *children =
        sl_arena_alloc_zero(arena, (size_t)n_columns * sizeof *children + 1);
    if (parent->children == NULL || children == NULL) {
        return false;
    }
    parent->n_children = n_columns;
    for (int32_t i = 0; i < n_columns; i++) {
        parent->children[i] = &children[i];
        if (!flat_column(arena, &columns[i], from, n, &children[i])) {
            return false;
        }
    }
    return true;
}

static bool flat_values(sl_arena *arena, const sl_column *column, int64_t from, int64_t n,
                        struct ArrowArray *out)
{
    if (column->type == SL_BOOL) {
        return flat_bits(arena, column->values, from, n, &out->buffers[1]);
    }
    if (sli_type_is_text(column->type)) {
        out->n_buffers = 3;
        return flat_text(arena, column, from, n, out->buffers);
    }
    if (column->type == SL_LIST) {
        const int32_t *offsets = (const int32_t *)column->values + from;
        return flat_offsets(arena, column, from, n, &out->buffers[1]) &&
               flat_children(arena, column->children, 1, offsets[0], offsets[n] - offsets[0], out);
    }
    if (column->type == SL_STRUCT) {
        out->n_buffers = 1;
        return flat_children(arena, column->children, column->n_children, from, n, out);
    }
    if (column->values != NULL) {
        out->buffers[1] = (const char *)column->values + from * sli_type_width(column->type);
    }
    return true;
}

static bool flat_column(sl_arena *arena, const sl_column *column, int64_t from, int64_t n,
                        struct ArrowArray *out)
{
    out->length = n;
    out->release = release_nothing;
    out->n_buffers = 2;
    out->buffers = sl_arena_alloc_zero(arena, 3 * sizeof *out->buffers);
    if (out->buffers == NULL) {
        return false;
    }
    if (column->validity != NULL) {
        out->null_count = n - sli_bits_count(column->validity, from, n);
    }
    if (out->null_count > 0 && !flat_bits(arena, column->validity, from, n, &out->buffers[0])) {
        return false;
    }
    return flat_values(arena, column, from, n, out);
}

/// Bytes of text of the longest column among rows [from, from + n), lists and structs included.
static int64_t most_text(const sl_column *column, int64_t from, int64_t n)
{
    if (column->type == SL_LIST) {
        const int32_t *offsets = (const int32_t *)column->values + from;
        return most_text(column->children, offsets[0], offsets[n] - offsets[0]);
    }
    int64_t most = 0;
    for (int64_t i = 0; sli_type_is_text(column->type) && i < n; i++) {
        most += ((const sl_view *)column->values)[from + i].size;
    }
    for (int32_t i = 0; i < column->n_children; i++) {
        int64_t child = most_text(&column->children[i], from, n);
        most = child > most ? child : most;
    }
    return most;
}

// ---------------------------------------------------------------- messages

static sl_code failed(const ipc_writer *self, ArrowErrorCode rc)
{
    if (rc == ENOMEM || self->out->failed) {
        return sl_error_set(self->err, SL_E_NOMEM, "Arrow IPC: out of memory");
    }
    return sl_error_set(self->err, SL_E_UNSUPPORTED, "Arrow IPC: %s", self->why.message);
}

static sl_code write_rows(ipc_writer *self, const sl_batch *batch, int64_t from, int64_t n)
{
    int64_t text = 0;
    for (int32_t i = 0; i < batch->n_columns; i++) {
        int64_t of_column = most_text(&batch->columns[i], from, n);
        text = of_column > text ? of_column : text;
    }
    if (text > INT32_MAX && n > 1) {
        SL_TRY(write_rows(self, batch, from, n / 2));
        return write_rows(self, batch, from + n / 2, n - n / 2);
    }
    if (text > INT32_MAX) {
        return sl_error_set(self->err, SL_E_UNSUPPORTED,
                            "Arrow IPC: one row with more than 2147483647 bytes of text");
    }
    sl_arena_reset(self->arena);
    struct ArrowArray root = {.length = n, .n_buffers = 1, .release = release_nothing};
    root.buffers = sl_arena_alloc_zero(self->arena, sizeof *root.buffers);
    if (root.buffers == NULL ||
        !flat_children(self->arena, batch->columns, batch->n_columns, from, n, &root)) {
        return sl_error_nomem(self->err, (size_t)text, "Arrow IPC batch");
    }
    ArrowErrorCode rc = ArrowArrayViewSetArray(&self->view, &root, &self->why);
    if (rc == NANOARROW_OK) {
        rc = ArrowIpcWriterWriteArrayView(&self->writer, &self->view, &self->why);
    }
    return rc == NANOARROW_OK ? SL_OK : failed(self, rc);
}

static ArrowErrorCode append(struct ArrowIpcOutputStream *stream, const void *data, int64_t size,
                             int64_t *written, struct ArrowError *error)
{
    (void)error;
    sli_str *out = stream->private_data;
    sli_str_add(out, data, (size_t)size);
    *written = size;
    return out->failed ? ENOMEM : NANOARROW_OK;
}

static void release_stream(struct ArrowIpcOutputStream *stream)
{
    stream->release = NULL;
}

static ArrowErrorCode put_metadata(struct ArrowBuffer *buffer, const char *const *metadata,
                                   struct ArrowSchema *schema)
{
    NANOARROW_RETURN_NOT_OK(ArrowMetadataBuilderInit(buffer, NULL));
    for (int i = 0; metadata[i] != NULL && metadata[i + 1] != NULL; i += 2) {
        NANOARROW_RETURN_NOT_OK(ArrowMetadataBuilderAppend(buffer, ArrowCharView(metadata[i]),
                                                           ArrowCharView(metadata[i + 1])));
    }
    schema->metadata = (const char *)buffer->data;
    return NANOARROW_OK;
}

static sl_code write_messages(ipc_writer *self, const struct ArrowSchema *schema,
                              const sl_batch *const *batches, int32_t n, int parts)
{
    bool file = (parts & FILE_FRAME) != 0;
    ArrowErrorCode rc = file ? ArrowIpcWriterStartFile(&self->writer, &self->why) : NANOARROW_OK;
    if (rc == NANOARROW_OK && (parts & SCHEMA) != 0) {
        rc = ArrowIpcWriterWriteSchema(&self->writer, schema, &self->why);
    }
    if (rc == NANOARROW_OK) {
        rc = ArrowArrayViewInitFromSchema(&self->view, schema, &self->why);
    }
    if (rc != NANOARROW_OK) {
        return failed(self, rc);
    }
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(write_rows(self, batches[i], 0, batches[i]->n_rows));
    }
    if ((parts & END) != 0) {
        rc = ArrowIpcWriterWriteArrayView(&self->writer, NULL, &self->why);
    }
    if (rc == NANOARROW_OK && file) {
        rc = ArrowIpcWriterFinalizeFile(&self->writer, &self->why);
    }
    return rc == NANOARROW_OK ? SL_OK : failed(self, rc);
}

static sl_code write_schema_and_all(ipc_writer *self, const sl_schema *schema,
                                    const sl_batch *const *batches, int32_t n,
                                    const char *const *metadata, int parts)
{
    struct ArrowSchema arrow = {0};
    struct ArrowBuffer pairs;
    ArrowBufferInit(&pairs);
    SL_TRY(sli_schema_export(schema, true, &arrow, self->err));
    sl_code rc = SL_OK;
    if (metadata != NULL && put_metadata(&pairs, metadata, &arrow) != NANOARROW_OK) {
        rc = failed(self, ENOMEM);
    }
    if (rc == SL_OK) {
        rc = write_messages(self, &arrow, batches, n, parts);
    }
    arrow.metadata = NULL;
    ArrowBufferReset(&pairs);
    arrow.release(&arrow);
    return rc;
}

static sl_code write_all(sli_str *out, const sl_schema *schema, const sl_batch *const *batches,
                         int32_t n, const char *const *metadata, int parts, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        if (!sl_schema_equal(schema, batches[i]->schema)) {
            return sl_error_set(err, SL_E_INVALID,
                                "Arrow IPC: a batch of \"%.150s\" among \"%.150s\"",
                                batches[i]->schema->text, schema->text);
        }
    }
    ipc_writer self = {.out = out, .err = err, .arena = sl_arena_new(SLI_TAG_BATCH)};
    struct ArrowIpcOutputStream stream = {
        .write = append, .release = release_stream, .private_data = out};
    if (self.arena == NULL || ArrowIpcWriterInit(&self.writer, &stream) != NANOARROW_OK) {
        sl_arena_free(self.arena);
        return sl_error_nomem(err, 0, "Arrow IPC writer");
    }
    ArrowArrayViewInitFromType(&self.view, NANOARROW_TYPE_UNINITIALIZED);
    size_t before = out->size;
    sl_code rc = write_schema_and_all(&self, schema, batches, n, metadata, parts);
    ArrowArrayViewReset(&self.view);
    ArrowIpcWriterReset(&self.writer);
    sl_arena_free(self.arena);
    if (rc == SL_OK && (parts & FILE_FRAME) != 0) {
        sli_ipc_footer_clear(out->data + out->size);
    }
    if (rc != SL_OK && out->size > before) { // nothing half written stays
        out->size = before;
        out->data[before] = '\0';
    }
    return rc;
}

sl_code sli_ipc_write(sli_str *out, const sl_schema *schema, const sl_batch *const *batches,
                      int32_t n, sl_error *err)
{
    return write_all(out, schema, batches, n, NULL, SCHEMA | END, err);
}

sl_code sli_ipc_write_file(sli_str *out, const sl_schema *schema, const sl_batch *const *batches,
                           int32_t n, const char *const *metadata, sl_error *err)
{
    return write_all(out, schema, batches, n, metadata, SCHEMA | END | FILE_FRAME, err);
}

sl_code sli_ipc_write_schema(sli_str *out, const sl_schema *schema, sl_error *err)
{
    return write_all(out, schema, NULL, 0, NULL, SCHEMA, err);
}

sl_code sli_ipc_write_batch(sli_str *out, const sl_batch *batch, sl_error *err)
{
    return write_all(out, batch->schema, &batch, 1, NULL, 0, err);
}
