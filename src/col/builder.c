/// builder.c — the builder: finds the column in the making that a call means, and hands out
/// finished batches.
///
/// A small batch is packed: all its bytes are copied into one buffer and the builder keeps its own
/// memory for the next. Of a large one each buffer is handed over as it is, unless it is mostly
/// empty; then it is copied to size.

#include "col/col_int.h"

#include <stdio.h>
#include <string.h>

enum { PACK_BYTES = 4096 }; // up to here one copy is cheaper than new buffers for the next batch

// ---------------------------------------------------------------- making one

static void wire(sl_builder *builder, const sl_field *fields, sli_cells *cells, int32_t n,
                 int32_t *next)
{
    sli_cells *below = &builder->cells[*next];
    for (int32_t i = 0; i < n; i++) {
        cells[i].field = &fields[i];
        cells[i].failure = &builder->failure;
        cells[i].width = sli_type_width(fields[i].type);
        cells[i].n_children = fields[i].n_children;
        cells[i].children = &builder->cells[*next];
        for (int32_t k = 0; k < fields[i].n_children; k++) {
            cells[i].children[k].in_struct = fields[i].type == SL_STRUCT;
        }
        *next += fields[i].n_children;
    }
    for (int32_t i = 0; i < n; i++) {
        wire(builder, fields[i].children, below, fields[i].n_children, next);
        below += fields[i].n_children;
    }
}

sl_code sl_builder_new(sl_builder **out, const sl_schema *schema, sl_error *err)
{
    size_t size = sizeof(sl_builder) + (size_t)schema->n_fields * sizeof(sli_cells);
    sl_builder *builder = sl_alloc_zero(SLI_TAG_BATCH, size);
    if (builder == NULL) {
        return sl_error_nomem(err, size, "builder");
    }
    builder->schema = sl_schema_ref(schema);
    builder->n_columns = schema->n_columns;
    builder->n_total = schema->n_fields;
    int32_t next = schema->n_columns;
    wire(builder, schema->fields, builder->cells, schema->n_columns, &next);
    *out = builder;
    return SL_OK;
}

void sl_builder_free(sl_builder *builder)
{
    if (builder == NULL) {
        return;
    }
    for (int32_t i = 0; i < builder->n_columns; i++) {
        sli_cells_reset(&builder->cells[i]);
    }
    sl_schema_unref(builder->schema);
    sl_free(builder->marks);
    sl_free(builder);
}

// ---------------------------------------------------------------- appending

void sli_builder_fail(sl_builder *builder, sl_code code, const char *fmt, ...)
{
    if (builder->failure.code != SL_OK) {
        return;
    }
    char text[SL_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sl_error_set(&builder->failure, code, "%s", text);
}

/// The top column; NULL after a failure.
static sli_cells *top(sl_builder *builder, int32_t column)
{
    if (column < 0 || column >= builder->n_columns) {
        sli_builder_fail(builder, SL_E_INVALID, "the builder has %d columns, none with number %d",
                         builder->n_columns, column);
    }
    return builder->failure.code == SL_OK ? &builder->cells[column] : NULL;
}

/// The innermost open list or struct of the column, or the column itself when none is.
static sli_cells *innermost(sli_cells *cells)
{
    while (cells->open && cells->n_children > 0) {
        sli_cells *child = &cells->children[cells->field->type == SL_STRUCT ? cells->next : 0];
        if (!child->open) {
            break;
        }
        cells = child;
    }
    return cells;
}

/// Where the next cell of the column goes: itself, or a child of an open list or struct. NULL after
/// a failure.
static sli_cells *target(sl_builder *builder, int32_t column)
{
    sli_cells *cells = top(builder, column);
    if (cells == NULL || !cells->open) {
        return cells;
    }
    cells = innermost(cells);
    if (cells->field->type == SL_LIST) {
        return &cells->children[0];
    }
    while (cells->next < cells->n_children && cells->children[cells->next].n > cells->n) {
        cells->next++;
    }
    if (cells->next == cells->n_children) {
        sli_builder_fail(builder, SL_E_INVALID,
                         "struct \"%s\" has %d fields, a cell for one more was appended",
                         cells->field->name, cells->n_children);
        return NULL;
    }
    return &cells->children[cells->next];
}

const sl_schema *sl_builder_schema(const sl_builder *builder)
{
    return builder->schema;
}

int64_t sl_builder_rows(const sl_builder *builder, int32_t column)
{
    return column < 0 || column >= builder->n_columns ? 0 : builder->cells[column].n;
}

void sl_builder_null(sl_builder *builder, int32_t column)
{
    sli_cells *cells = target(builder, column);
    if (cells != NULL) {
        sli_cells_null(cells);
    }
}

void sl_builder_bool(sl_builder *builder, int32_t column, bool value)
{
    sli_cells *cells = target(builder, column);
    if (cells != NULL) {
        sli_cells_bool(cells, value);
    }
}

void sl_builder_int64(sl_builder *builder, int32_t column, int64_t value)
{
    sli_cells *cells = target(builder, column);
    if (cells != NULL) {
        sli_cells_int64(cells, value);
    }
}

void sl_builder_float64(sl_builder *builder, int32_t column, double value)
{
    sli_cells *cells = target(builder, column);
    if (cells != NULL) {
        sli_cells_float64(cells, value);
    }
}

void sl_builder_text(sl_builder *builder, int32_t column, const char *data, size_t size)
{
    sli_cells *cells = target(builder, column);
    if (cells != NULL) {
        sli_cells_text(cells, data, size > INT64_MAX ? INT64_MAX : (int64_t)size);
    }
}

int32_t sl_builder_share(sl_builder *builder, int32_t column, const sl_column *from)
{
    sli_cells *cells = target(builder, column);
    if (cells == NULL) {
        return -1;
    }
    if (!sli_type_is_text(cells->field->type) || !sli_type_is_text(from->type)) {
        sli_builder_fail(builder, SL_E_INVALID,
                         "column \"%s\" is %s: it can't share the text of %s", cells->field->name,
                         sli_type_name(cells->field->type), sli_type_name(from->type));
        return -1;
    }
    sli_heap *heap = sli_heap_of(from);
    return heap == NULL ? 0 : sli_texts_share(&cells->texts, heap, &builder->failure);
}

void sl_builder_slice(sl_builder *builder, int32_t column, const sl_column *from, int64_t row,
                      int64_t offset, int64_t size)
{
    sli_cells *cells = target(builder, column);
    if (cells == NULL) {
        return;
    }
    const sl_view *cell = (const sl_view *)from->values + row;
    if (!sli_type_is_text(cells->field->type) || !sli_type_is_text(from->type)) {
        sli_builder_fail(builder, SL_E_INVALID, "column \"%s\" is %s: it takes no slice of %s",
                         cells->field->name, sli_type_name(cells->field->type),
                         sli_type_name(from->type));
        return;
    }
    if (offset < 0 || size < 0 || offset > cell->size - size) {
        sli_builder_fail(builder, SL_E_INVALID, "bytes %lld to %lld of a cell of %d",
                         (long long)offset, (long long)(offset + size), cell->size);
        return;
    }
    int32_t base = size > SL_VIEW_INLINE ? sl_builder_share(builder, column, from) : 0;
    sl_view *to = base < 0 ? NULL : sli_cells_reserve(cells, 1);
    if (to != NULL) {
        *to = sli_view_of(sl_column_text(from, row).data + offset, 0, 0, size);
        if (size > SL_VIEW_INLINE) {
            to->as.ref.buffer = cell->as.ref.buffer + base;
            to->as.ref.offset = cell->as.ref.offset + (int32_t)offset;
        }
    }
}

void sl_builder_cell(sl_builder *builder, int32_t column, const sl_column *from, int64_t row)
{
    sli_cells *cells = target(builder, column);
    if (cells != NULL) {
        sli_cells_append(cells, from, row, 1, false);
    }
}

void *sl_builder_reserve(sl_builder *builder, int32_t column, int64_t n)
{
    sli_cells *cells = target(builder, column);
    return cells == NULL ? NULL : sli_cells_reserve(cells, n);
}

void sl_builder_unreserve(sl_builder *builder, int32_t column, int64_t n)
{
    sli_cells *cells = top(builder, column);
    if (cells == NULL) {
        return;
    }
    if (cells->open) {
        cells = innermost(cells);
        cells = &cells->children[cells->field->type == SL_STRUCT ? cells->next : 0];
    }
    if (n < 0 || n > cells->n || cells->field->type == SL_BOOL || cells->n_children > 0) {
        sli_builder_fail(builder, SL_E_INVALID,
                         "column \"%s\" has %lld cells, %lld can't be given back",
                         cells->field->name, (long long)cells->n, (long long)n);
        return;
    }
    cells->n -= n;
    if (cells->valid != NULL) {
        sli_bits_set(cells->valid, cells->n, n, false);
    }
}

// ---------------------------------------------------------------- lists and structs

static void begin(sl_builder *builder, int32_t column, sl_type type)
{
    sli_cells *cells = target(builder, column);
    if (cells == NULL) {
        return;
    }
    if (cells->field->type != type) {
        sli_builder_fail(builder, SL_E_INVALID, "column \"%s\" is %s, not %s", cells->field->name,
                         sli_type_name(cells->field->type), sli_type_name(type));
        return;
    }
    cells->open = true;
    cells->next = 0;
}

/// The open cell that is to be closed; NULL after a failure.
static sli_cells *to_close(sl_builder *builder, int32_t column, sl_type type)
{
    sli_cells *cells = top(builder, column);
    if (cells == NULL) {
        return NULL;
    }
    sli_cells *inner = innermost(cells);
    if (!cells->open || inner->field->type != type) {
        sli_builder_fail(builder, SL_E_INVALID, "column \"%s\": no %s is open", cells->field->name,
                         sli_type_name(type));
        return NULL;
    }
    inner->open = false;
    return inner;
}

void sl_builder_list_begin(sl_builder *builder, int32_t column)
{
    begin(builder, column, SL_LIST);
}

void sl_builder_list_end(sl_builder *builder, int32_t column)
{
    sli_cells *cells = to_close(builder, column, SL_LIST);
    if (cells != NULL) {
        sli_cells_close(cells);
    }
}

void sl_builder_struct_begin(sl_builder *builder, int32_t column)
{
    begin(builder, column, SL_STRUCT);
}

void sl_builder_struct_end(sl_builder *builder, int32_t column)
{
    sli_cells *cells = to_close(builder, column, SL_STRUCT);
    for (int32_t i = 0; cells != NULL && i < cells->n_children; i++) {
        if (cells->children[i].n != cells->n + 1) {
            sli_builder_fail(builder, SL_E_INVALID,
                             "struct \"%s\": field \"%s\" did not get one cell", cells->field->name,
                             cells->children[i].field->name);
            return;
        }
    }
    if (cells != NULL) {
        sli_cells_close(cells);
    }
}

// ---------------------------------------------------------------- finishing

/// One buffer that a small batch's bytes are packed into, or NULL for a large one.
typedef struct packing {
    sli_buffer *buffer;
    int64_t used;
} packing;

static int64_t rounded(int64_t n)
{
    return (n + 63) / 64 * 64;
}

static int64_t values_bytes(const sli_cells *cells)
{
    sl_type type = cells->field->type;
    return type == SL_BOOL ? (cells->n + 7) / 8 : (cells->n + (type == SL_LIST)) * cells->width;
}

static int64_t packed_bytes(const sli_cells *cells)
{
    int64_t bytes = rounded(values_bytes(cells)) + rounded(cells->texts.chunk_used);
    bytes += cells->n_nulls > 0 ? rounded((cells->n + 7) / 8) : 0;
    for (int32_t i = 0; i < cells->n_children; i++) {
        bytes += packed_bytes(&cells->children[i]);
    }
    return bytes;
}

/// Gives the batch the first `used` bytes of *kept: packed, handed over (*kept becomes NULL) or
/// copied to size.
static const void *hand_out(sli_buffer **kept, int64_t used, packing *pack, sli_buffer **owner)
{
    if (pack->buffer == NULL && used * 2 >= sli_buffer_size(*kept)) {
        *owner = *kept;
        *kept = NULL;
        return sli_buffer_bytes(*owner);
    }
    char *to = NULL;
    if (pack->buffer != NULL) {
        *owner = sli_buffer_ref(pack->buffer);
        to = sli_buffer_data(pack->buffer) + pack->used;
        pack->used += rounded(used);
    } else {
        *owner = sli_buffer_new(used);
        to = *owner == NULL ? NULL : sli_buffer_data(*owner);
    }
    if (to != NULL) {
        memcpy(to, sli_buffer_bytes(*kept), (size_t)used);
        memset(to + used, 0, (size_t)(rounded(used) - used));
    }
    return to;
}

/// Moves the open chunk's text into the pack or a buffer of its size when most of the chunk is
/// empty.
static bool hand_out_chunk(sli_texts *texts, packing *pack)
{
    if (texts->chunk_used == 0) {
        return true;
    }
    sli_text_entry *entry = &texts->entries[texts->chunk_index];
    sli_buffer *owner = NULL;
    sli_buffer *kept = texts->chunk;
    const char *at = hand_out(&kept, texts->chunk_used, pack, &owner);
    if (at == NULL) {
        return false;
    }
    if (kept == NULL) { // handed over: the batch holds the chunk by its entry
        texts->chunk = NULL;
    } else {
        sli_buffer_unref(entry->owner);
        entry->owner = sli_buffer_ref(owner);
        entry->data = at;
    }
    sli_buffer_unref(owner);
    texts->chunk_used = 0;
    return true;
}

static bool finish_texts(sli_cells *cells, sl_column *column, sli_owner *owner, packing *pack)
{
    sli_texts *texts = &cells->texts;
    if (!hand_out_chunk(texts, pack)) {
        return false;
    }
    bool same = texts->n_heaps == 1 &&
                texts->n == texts->heaps[0]->n; // all of one source: its list will do
    sli_heap *heap = NULL;
    if (same) {
        heap = sli_heap_ref(texts->heaps[0]);
    } else if (texts->n > 0) {
        heap = sli_heap_new(texts->n);
        if (heap == NULL) {
            return false;
        }
        for (int32_t i = 0; i < texts->n; i++) {
            heap->owners[i] = sli_buffer_ref(texts->entries[i].owner);
            heap->data[i] = texts->entries[i].data;
            heap->sizes[i] = texts->entries[i].size;
        }
    }
    sli_column_set_heap(column, owner, heap);
    return true;
}

static bool finish_cells(sli_cells *cells, sl_batch *batch, sl_column *column, packing *pack)
{
    sli_owner *owner = sli_owner_of(batch, column);
    column->n_rows = cells->n;
    column->n_nulls = cells->n_nulls;
    if (cells->n_nulls > 0) {
        column->validity = hand_out(&cells->validity, (cells->n + 7) / 8, pack, &owner->validity);
        if (column->validity == NULL) {
            return false;
        }
    }
    // without this a list that got no cell would have no first offset
    if (cells->capacity == 0 && cells->field->type == SL_LIST && !sli_cells_room(cells, 0)) {
        return false;
    }
    if (cells->values != NULL) {
        column->values = hand_out(&cells->values, values_bytes(cells), pack, &owner->values);
        if (column->values == NULL) {
            return false;
        }
        if (cells->values == NULL) {
            cells->at = NULL;
            cells->capacity = 0;
        }
    }
    if (sli_type_is_text(cells->field->type) && !finish_texts(cells, column, owner, pack)) {
        return false;
    }
    for (int32_t i = 0; i < cells->n_children; i++) {
        if (!finish_cells(&cells->children[i], batch, sli_column_child(column, i), pack)) {
            return false;
        }
    }
    return true;
}

static sl_code check_rows(const sl_builder *builder, sl_error *err)
{
    SL_TRY(sli_builder_check(builder, err));
    const sli_cells *cells = builder->cells;
    for (int32_t i = 0; i < builder->n_columns; i++) {
        if (cells[i].open) {
            return sl_error_set(err, SL_E_INVALID, "column \"%s\": a %s was begun and not ended",
                                cells[i].field->name, sli_type_name(cells[i].field->type));
        }
        if (cells[i].n != cells[0].n) {
            return sl_error_set(err, SL_E_INVALID,
                                "columns have different numbers of cells: \"%s\" %lld, \"%s\" %lld",
                                cells[0].field->name, (long long)cells[0].n, cells[i].field->name,
                                (long long)cells[i].n);
        }
    }
    return SL_OK;
}

static sl_code make_batch(sl_builder *builder, sl_batch **out, sl_error *err)
{
    SL_TRY(check_rows(builder, err));
    int64_t bytes = 0;
    for (int32_t i = 0; i < builder->n_columns; i++) {
        bytes += packed_bytes(&builder->cells[i]);
    }
    packing pack = {0};
    if (bytes <= PACK_BYTES) {
        pack.buffer = sli_buffer_new(bytes);
        if (pack.buffer == NULL) {
            return sl_error_nomem(err, PACK_BYTES, "batch");
        }
    }
    sl_batch *batch = NULL;
    sl_code rc = sli_batch_new(builder->schema, builder->cells[0].n, &batch, err);
    for (int32_t i = 0; rc == SL_OK && i < builder->n_columns; i++) {
        if (!finish_cells(&builder->cells[i], batch, &batch->columns[i], &pack)) {
            rc = sl_error_nomem(err, (size_t)bytes, "batch");
        }
    }
    sli_buffer_unref(pack.buffer);
    if (rc != SL_OK) {
        sl_batch_unref(batch);
        return rc;
    }
    *out = batch;
    return SL_OK;
}

sl_code sl_builder_finish(sl_builder *builder, sl_batch **out, sl_error *err)
{
    sl_code rc = make_batch(builder, out, err);
    for (int32_t i = 0; i < builder->n_columns; i++) {
        sli_cells_clear(&builder->cells[i]);
    }
    builder->n_marks = 0;
    builder->failure = SL_ERROR_INIT;
    return rc;
}

sl_code sli_builder_flush(sl_builder *builder, sl_batch **out, sl_error *err)
{
    bool empty = builder->failure.code == SL_OK;
    for (int32_t i = 0; i < builder->n_columns; i++) {
        empty = empty && builder->cells[i].n == 0 && !builder->cells[i].open;
    }
    if (empty) {
        builder->n_marks = 0; // of rows that made none
        *out = NULL;
        return SL_OK;
    }
    return sl_builder_finish(builder, out, err);
}

sl_code sli_builder_check(const sl_builder *builder, sl_error *err)
{
    if (builder->failure.code != SL_OK && err != NULL) {
        *err = builder->failure;
    }
    return builder->failure.code;
}

int64_t sli_builder_bytes(const sl_builder *builder)
{
    int64_t bytes = (int64_t)sizeof *builder + builder->n_total * (int64_t)sizeof(sli_cells) +
                    builder->mark_capacity * (int64_t)sizeof(sli_mark);
    for (int32_t i = 0; i < builder->n_columns; i++) {
        bytes += sli_cells_bytes(&builder->cells[i]);
    }
    return bytes;
}
