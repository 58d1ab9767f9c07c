// rows.c — rows in the making: cells gathered by column, then appended to a builder in runs.
//
// A decoder finds the cells of a record in any order and may find out at its last byte that the
// record is bad. So the cells first go into plain arrays, where the next record simply overwrites a
// row that was not committed. Some hundred rows later each column is appended in one loop that
// knows its type.
//
// Views carry the number of a *source*: 0 is the input piece, others are chunks of unescaped text.
// Each source is held by a batch of one column, its anchor, through which the builder shares its
// memory.
#include "format/format_int.h"

enum { CHUNK_BYTES = 16 << 10, CELLS_BYTES = 48 << 10, MIN_ROWS = 16, MAX_ROWS = 1024 };

sl_code sli_rows_new(sli_rows **out, const sl_schema *schema, sl_error *err)
{
    sli_rows *rows = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *rows);
    if (rows == NULL) {
        return sl_error_nomem(err, sizeof *rows, "rows");
    }
    rows->schema = sl_schema_ref(schema);
    rows->n_columns = sl_schema_columns(schema);
    int32_t fit =
        CELLS_BYTES / (int32_t)sizeof(sli_datum) / (rows->n_columns > 0 ? rows->n_columns : 1);
    rows->capacity = fit < MIN_ROWS ? MIN_ROWS : fit > MAX_ROWS ? MAX_ROWS : fit;
    size_t n = (size_t)rows->capacity * (size_t)rows->n_columns;
    rows->cells = sl_alloc_array(SLI_TAG_FORMAT, n + 1, sizeof *rows->cells);
    rows->present = sl_alloc_array(SLI_TAG_FORMAT, n + 1, 1);
    rows->arena = sl_arena_new(SLI_TAG_FORMAT);
    sl_code rc = SL_OK;
    if (rows->cells == NULL || rows->present == NULL || rows->arena == NULL) {
        rc = sl_error_nomem(err, n * sizeof *rows->cells, "rows");
    }
    if (rc == SL_OK) {
        rc = sl_schema_parse(&rows->anchor_schema, "text string", err);
    }
    if (rc == SL_OK) {
        rc = sl_builder_new(&rows->builder, schema, err);
    }
    if (rc != SL_OK) {
        sli_rows_free(rows);
        return rc;
    }
    *out = rows;
    return SL_OK;
}

static void drop_sources(sli_rows *rows, int32_t keep)
{
    sli_buffer_unref(rows->chunk);
    rows->chunk = NULL;
    while (rows->n_sources > keep) {
        sl_batch_unref(rows->sources[--rows->n_sources]);
    }
}

void sli_rows_free(sli_rows *rows)
{
    if (rows == NULL) {
        return;
    }
    drop_sources(rows, 0);
    sl_builder_free(rows->builder);
    sl_arena_free(rows->arena);
    sl_schema_unref(rows->anchor_schema);
    sl_schema_unref(rows->schema);
    sl_free(rows->sources);
    sl_free(rows->bases);
    sl_free(rows->cells);
    sl_free(rows->present);
    sl_free(rows);
}

// ---------------------------------------------------------------- sources

static sl_code reserve_source(sli_rows *rows, sl_error *err)
{
    if (rows->n_sources < rows->sources_capacity) {
        return SL_OK;
    }
    int32_t capacity = rows->sources_capacity == 0 ? 8 : rows->sources_capacity * 2;
    sl_batch **sources =
        sl_realloc(SLI_TAG_FORMAT, rows->sources, (size_t)capacity * sizeof(sl_batch *));
    if (sources == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof(sl_batch *), "text buffers");
    }
    rows->sources = sources;
    int32_t *bases = sl_realloc(SLI_TAG_FORMAT, rows->bases, (size_t)capacity * sizeof *bases);
    if (bases == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *bases, "text buffers");
    }
    rows->bases = bases;
    rows->sources_capacity = capacity;
    return SL_OK;
}

static sl_code add_source(sli_rows *rows, sli_buffer *data, sl_error *err)
{
    SL_TRY(reserve_source(rows, err));
    sl_view *views = sl_alloc_aligned(SLI_TAG_BATCH, sizeof *views);
    if (views == NULL) {
        return sl_error_nomem(err, sizeof *views, "anchor");
    }
    *views = (sl_view){.size = 0};
    SL_TRY(sli_batch_of_views(rows->anchor_schema, views, 1, data, &rows->sources[rows->n_sources],
                              err));
    rows->n_sources++;
    return SL_OK;
}

sl_code sli_rows_begin(sli_rows *rows, sli_buffer *data, sl_error *err)
{
    SL_ASSERT(rows->n_sources == 0, "the last piece's rows were emitted or given up");
    return add_source(rows, data, err);
}

char *sli_rows_own(sli_rows *rows, int64_t size, int32_t *buffer, int64_t *offset)
{
    if (rows->chunk == NULL || sli_buffer_size(rows->chunk) - rows->chunk_used < size) {
        sli_buffer *chunk = sli_buffer_new(size > CHUNK_BYTES ? size : CHUNK_BYTES);
        if (chunk == NULL || add_source(rows, chunk, NULL) != SL_OK) {
            sli_buffer_unref(chunk);
            return NULL;
        }
        sli_buffer_unref(rows->chunk);
        rows->chunk = chunk;
        rows->chunk_used = 0;
    }
    *buffer = rows->n_sources - 1;
    *offset = rows->chunk_used;
    rows->chunk_used += size;
    return sli_buffer_data(rows->chunk) + *offset;
}

sli_node *sli_rows_node(sli_rows *rows)
{
    rows->arena_used = true;
    return sl_arena_alloc_zero(rows->arena, sizeof(sli_node));
}

sli_node *sli_rows_nodes(sli_rows *rows, int32_t n)
{
    rows->arena_used = true;
    sli_node *nodes = sl_arena_alloc_zero(rows->arena, (size_t)n * sizeof *nodes);
    for (int32_t i = 1; nodes != NULL && i < n; i++) {
        nodes[i - 1].next = &nodes[i];
    }
    return nodes;
}

// ---------------------------------------------------------------- cells into columns

// Views point to sources by number; in the column each source has another number.
static void place_views(sli_rows *rows, int32_t column, const sli_datum *cells, int32_t n,
                        sl_view *to)
{
    for (int32_t i = 0; i < n; i++) {
        to[i] = cells[i].v;
        if (cells[i].v.size > SL_VIEW_INLINE) {
            int32_t source = cells[i].v.as.ref.buffer;
            if (rows->bases[source] < 0) {
                const sl_column *anchor = sl_batch_column(rows->sources[source], 0);
                rows->bases[source] = sl_builder_share(rows->builder, column, anchor);
            }
            to[i].as.ref.buffer = rows->bases[source];
        }
    }
}

#define FILL(type, member)                                                                         \
    for (int32_t i = 0; i < n; i++) {                                                              \
        ((type *)to)[i] = (type)cells[i].member;                                                   \
    }                                                                                              \
    break

// Appends n cells that are all there. After a failure the builder keeps it, and nothing here
// matters any more.
static void append_run(sli_rows *rows, int32_t column, sl_type type, const sli_datum *cells,
                       int32_t n)
{
    if (type == SL_BOOL) {
        for (int32_t i = 0; i < n; i++) {
            sl_builder_bool(rows->builder, column, cells[i].i != 0);
        }
        return;
    }
    void *to = sl_builder_reserve(rows->builder, column, n);
    if (to == NULL) {
        return;
    }
    switch (type) {
    case SL_INT8:
    case SL_UINT8:
        FILL(uint8_t, i);
    case SL_INT16:
    case SL_UINT16:
        FILL(uint16_t, i);
    case SL_INT32:
    case SL_UINT32:
    case SL_DATE:
        FILL(uint32_t, i);
    case SL_INT64:
    case SL_UINT64:
    case SL_TIMESTAMP:
        FILL(int64_t, i);
    case SL_FLOAT32:
        FILL(float, d);
    case SL_FLOAT64:
        FILL(double, d);
    case SL_DECIMAL:
        memcpy(to, cells, (size_t)n * sizeof *cells);
        break;
    default:
        place_views(rows, column, cells, n, to);
    }
}

static const char *text_of(const sli_rows *rows, const sl_view *view)
{
    if (view->size <= SL_VIEW_INLINE) {
        return view->as.inlined;
    }
    return sl_batch_column(rows->sources[view->as.ref.buffer], 0)->data[0] + view->as.ref.offset;
}

// Cells inside lists and structs: one at a time, and text is copied, since each child has text
// buffers of its own.
static void append_node(sli_rows *rows, int32_t column, const sl_field *field,
                        const sli_datum *datum, bool present)
{
    sl_builder *builder = rows->builder;
    const sl_field *child = field->children;
    if (!present) {
        sl_builder_null(builder, column);
        return;
    }
    switch (field->type) {
    case SL_STRING:
    case SL_BINARY:
        sl_builder_text(builder, column, text_of(rows, &datum->v), (size_t)datum->v.size);
        break;
    case SL_LIST:
        sl_builder_list_begin(builder, column);
        for (const sli_node *node = datum->node; node != NULL; node = node->next) {
            append_node(rows, column, child, &node->datum, node->present);
        }
        sl_builder_list_end(builder, column);
        break;
    case SL_STRUCT:
        sl_builder_struct_begin(builder, column);
        for (const sli_node *node = datum->node; node != NULL; node = node->next) {
            append_node(rows, column, child++, &node->datum, node->present);
        }
        sl_builder_struct_end(builder, column);
        break;
    default:
        append_run(rows, column, field->type, datum, 1);
    }
}

static void append_column(sli_rows *rows, int32_t column)
{
    const sl_field *field = sl_schema_field(rows->schema, column);
    const sli_datum *cells = &rows->cells[(int64_t)column * rows->capacity];
    const uint8_t *present = &rows->present[(int64_t)column * rows->capacity];
    for (int32_t s = 0; s < rows->n_sources; s++) {
        rows->bases[s] = -1;
    }
    for (int32_t i = 0; i < rows->n;) {
        if (field->n_children > 0) {
            append_node(rows, column, field, &cells[i], present[i]);
            i++;
            continue;
        }
        int32_t from = i;
        while (i < rows->n && present[i]) {
            i++;
        }
        if (i > from) {
            append_run(rows, column, field->type, cells + from, i - from);
        }
        for (; i < rows->n && !present[i]; i++) {
            sl_builder_null(rows->builder, column);
        }
    }
}

static sl_code flush_cells(sli_rows *rows, sl_error *err)
{
    for (int32_t i = 0; i < rows->n_columns; i++) {
        append_column(rows, i);
    }
    rows->n = 0;
    if (rows->arena_used) {
        sl_arena_reset(rows->arena);
        rows->arena_used = false;
    }
    return sli_builder_check(rows->builder, err);
}

static sl_code emit_batch(sli_rows *rows, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sl_batch *batch = NULL;
    SL_TRY(sli_builder_flush(rows->builder, &batch, err));
    if (batch == NULL) {
        return SL_OK;
    }
    sl_code rc = emit(ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

sl_code sli_rows_flush(sli_rows *rows, sli_emit_fn emit, void *ctx, sl_error *err)
{
    SL_TRY(flush_cells(rows, err));
    if (sl_builder_rows(rows->builder, 0) + rows->capacity <= SLI_BATCH_ROWS) {
        return SL_OK;
    }
    sl_code rc = emit_batch(rows, emit, ctx, err);
    drop_sources(rows, 1); // what was handed out is not written to again
    return rc;
}

sl_code sli_rows_end(sli_rows *rows, sli_emit_fn emit, void *ctx, sl_error *err)
{
    sl_code rc = flush_cells(rows, err);
    if (rc == SL_OK) {
        rc = emit_batch(rows, emit, ctx, err);
    }
    drop_sources(rows, 0);
    return rc;
}
