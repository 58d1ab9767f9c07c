/// batch.c — batches: one block each, made of references to shared buffers; and what can be made of
/// whole columns without looking at a cell (rename, project, slice, a column of views).

#include "col/col_int.h"

#include <string.h>

// ---------------------------------------------------------------- the object

/// Gives `columns` their types and children, whose places are taken from *next on.
static void wire(sl_batch *batch, const sl_field *fields, sl_column *columns, int32_t n,
                 int32_t *next)
{
    sl_column *below = &batch->columns[*next];
    for (int32_t i = 0; i < n; i++) {
        columns[i].type = fields[i].type;
        columns[i].n_children = fields[i].n_children;
        columns[i].children = fields[i].n_children > 0 ? &batch->columns[*next] : NULL;
        *next += fields[i].n_children;
    }
    for (int32_t i = 0; i < n; i++) {
        wire(batch, fields[i].children, below, fields[i].n_children, next);
        below += fields[i].n_children;
    }
}

sl_code sli_batch_new(const sl_schema *schema, int64_t n_rows, sl_batch **out, sl_error *err)
{
    SL_ASSERT(n_rows >= 0 && n_rows <= SLI_MAX_ROWS, "a batch has at most 2^31 - 1 rows");
    size_t n = (size_t)schema->n_fields;
    size_t size = sizeof(sl_batch) + n * (sizeof(sl_column) + sizeof(sli_owner));
    sl_batch *batch = sl_alloc_zero(SLI_TAG_BATCH, size);
    if (batch == NULL) {
        return sl_error_nomem(err, size, "batch");
    }
    atomic_init(&batch->refs, 1);
    batch->schema = sl_schema_ref(schema);
    batch->n_rows = n_rows;
    batch->n_columns = schema->n_columns;
    batch->n_total = schema->n_fields;
    batch->owners = (sli_owner *)(void *)(batch->columns + n);
    int32_t next = schema->n_columns;
    wire(batch, schema->fields, batch->columns, schema->n_columns, &next);
    for (int32_t i = 0; i < schema->n_columns; i++) {
        batch->columns[i].n_rows = n_rows;
    }
    *out = batch;
    return SL_OK;
}

sl_batch *sl_batch_ref(const sl_batch *batch)
{
    sl_batch *self = SLI_UNCONST(sl_batch, batch);
    atomic_fetch_add_explicit(&self->refs, 1, memory_order_relaxed);
    return self;
}

void sl_batch_unref(const sl_batch *batch)
{
    sl_batch *self = SLI_UNCONST(sl_batch, batch);
    if (self == NULL || atomic_fetch_sub_explicit(&self->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (int32_t i = 0; i < self->n_total; i++) {
        sli_buffer_unref(self->owners[i].validity);
        sli_buffer_unref(self->owners[i].values);
        sli_heap_unref(self->owners[i].heap);
    }
    sl_schema_unref(self->schema);
    sl_free(self);
}

int64_t sl_batch_rows(const sl_batch *batch)
{
    return batch->n_rows;
}

const sl_schema *sl_batch_schema(const sl_batch *batch)
{
    return batch->schema;
}

const sl_column *sl_batch_column(const sl_batch *batch, int32_t column)
{
    SL_ASSERT(column >= 0 && column < batch->n_columns, "the batch has no such column");
    return &batch->columns[column];
}

void sli_column_set_heap(sl_column *column, sli_owner *owner, sli_heap *heap)
{
    owner->heap = heap;
    if (heap != NULL && heap->n > 0) {
        column->data = heap->data;
        column->data_sizes = heap->sizes;
        column->n_data = heap->n;
    }
}

// ---------------------------------------------------------------- how much memory it keeps alive

/// Buffers that were counted; beyond its size a buffer that two columns share may count twice.
typedef struct seen {
    const sli_buffer *buffers[128];
    int32_t n;
    int64_t bytes;
} seen;

static void see(seen *self, const sli_buffer *buffer)
{
    if (buffer == NULL) {
        return;
    }
    for (int32_t i = self->n; i > 0; i--) {
        if (self->buffers[i - 1] == buffer) {
            return;
        }
    }
    self->bytes += sli_buffer_size(buffer);
    if (self->n < (int32_t)(sizeof self->buffers / sizeof self->buffers[0])) {
        self->buffers[self->n++] = buffer;
    }
}

int64_t sl_batch_bytes(const sl_batch *batch)
{
    seen all;
    all.n = 0;
    all.bytes = (int64_t)sizeof *batch +
                (int64_t)batch->n_total * (int64_t)(sizeof(sl_column) + sizeof(sli_owner));
    for (int32_t i = 0; i < batch->n_total; i++) {
        const sli_owner *owner = &batch->owners[i];
        see(&all, owner->validity);
        see(&all, owner->values);
        for (int32_t k = 0; owner->heap != NULL && k < owner->heap->n; k++) {
            see(&all, owner->heap->owners[k]);
        }
    }
    return all.bytes;
}

// ---------------------------------------------------------------- whole columns

static void free_views(void *ctx)
{
    sl_free(ctx);
}

/// The batch owns `views` from here on, also when the call fails.
static sl_code own_views(sl_batch *batch, sl_view *views, sli_buffer *data, sl_error *err)
{
    sli_owner *owner = batch->owners;
    owner->values =
        sli_buffer_wrap(views, batch->n_rows * (int64_t)sizeof *views, true, free_views, views);
    if (owner->values == NULL) {
        sl_free(views);
        return sl_error_nomem(err, sizeof *owner, "batch");
    }
    sli_heap *heap = sli_heap_new(1);
    if (heap == NULL) {
        return sl_error_nomem(err, sizeof *heap, "batch");
    }
    heap->owners[0] = sli_buffer_ref(data);
    heap->data[0] = sli_buffer_bytes(data);
    heap->sizes[0] = sli_buffer_size(data);
    batch->columns[0].values = views;
    sli_column_set_heap(&batch->columns[0], owner, heap);
    return SL_OK;
}

sl_code sli_batch_of_views(const sl_schema *schema, sl_view *views, int64_t n_rows,
                           sli_buffer *data, sl_batch **out, sl_error *err)
{
    sl_batch *batch = NULL;
    sl_code rc = SL_OK;
    if (schema->n_columns != 1 || !sli_type_is_text(schema->fields[0].type)) {
        rc = sl_error_set(err, SL_E_INVALID,
                          "a batch of views has one string column, not \"%.200s\"", schema->text);
    } else if (n_rows > SLI_MAX_ROWS) {
        rc = sl_error_set(err, SL_E_INVALID, "a batch has at most 2147483647 rows");
    } else {
        rc = sli_batch_new(schema, n_rows, &batch, err);
    }
    if (rc != SL_OK) {
        sl_free(views);
        return rc;
    }
    rc = own_views(batch, views, data, err);
    if (rc != SL_OK) {
        sl_batch_unref(batch);
        return rc;
    }
    *out = batch;
    return SL_OK;
}

sl_code sli_batch_empty(const sl_schema *schema, sl_batch **out, sl_error *err)
{
    sl_builder *builder = NULL; // lists need their first offset even without a row
    SL_TRY(sl_builder_new(&builder, schema, err));
    sl_code rc = sl_builder_finish(builder, out, err);
    sl_builder_free(builder);
    return rc;
}

/// Makes `to` the same column as `from`, children too.
static void share_column(sl_batch *to_batch, sl_column *to, const sl_batch *from_batch,
                         const sl_column *from)
{
    const sli_owner *theirs = sli_owner_of(from_batch, from);
    sli_owner *ours = sli_owner_of(to_batch, to);
    const sl_column *children = to->children;
    *to = *from;
    to->children = children;
    ours->validity = theirs->validity == NULL ? NULL : sli_buffer_ref(theirs->validity);
    ours->values = theirs->values == NULL ? NULL : sli_buffer_ref(theirs->values);
    ours->heap = theirs->heap == NULL ? NULL : sli_heap_ref(theirs->heap);
    for (int32_t i = 0; i < to->n_children; i++) {
        share_column(to_batch, sli_column_child(to, i), from_batch, &from->children[i]);
    }
}

/// Whether a column of `from`'s type may stand under `field`, and has no nulls that the field
/// forbids.
static sl_code check_column(const sl_field *field, const sl_field *from, const sl_column *column,
                            sl_error *err)
{
    if (!sli_field_same_type(field, from)) {
        return sl_error_set(err, SL_E_INVALID, "column \"%s\" is %s, \"%s\" is %s", from->name,
                            sli_type_name(from->type), field->name, sli_type_name(field->type));
    }
    if (!field->nullable && column->n_nulls > 0) {
        return sl_error_set(err, SL_E_INVALID, "column \"%s\" has nulls and may not", field->name);
    }
    return SL_OK;
}

sl_code sli_batch_project(const sl_schema *schema, const sl_batch *const *from,
                          const int32_t *column, sl_batch **out, sl_error *err)
{
    for (int32_t i = 0; i < schema->n_columns; i++) {
        const sl_field *field = sl_schema_field(from[i]->schema, column[i]);
        SL_TRY(check_column(&schema->fields[i], field, &from[i]->columns[column[i]], err));
        if (from[i]->n_rows != from[0]->n_rows) {
            return sl_error_set(err, SL_E_INVALID, "column \"%s\" has %lld rows, \"%s\" has %lld",
                                schema->fields[i].name, (long long)from[i]->n_rows,
                                schema->fields[0].name, (long long)from[0]->n_rows);
        }
    }
    sl_batch *batch = NULL;
    SL_TRY(sli_batch_new(schema, from[0]->n_rows, &batch, err));
    for (int32_t i = 0; i < schema->n_columns; i++) {
        share_column(batch, &batch->columns[i], from[i], &from[i]->columns[column[i]]);
    }
    *out = batch;
    return SL_OK;
}

sl_code sli_batch_rename(const sl_batch *batch, const sl_schema *schema, sl_batch **out,
                         sl_error *err)
{
    if (schema->n_columns != batch->n_columns) {
        return sl_error_set(err, SL_E_INVALID, "%d columns can't be renamed to %d",
                            batch->n_columns, schema->n_columns);
    }
    for (int32_t i = 0; i < schema->n_columns; i++) {
        SL_TRY(
            check_column(&schema->fields[i], &batch->schema->fields[i], &batch->columns[i], err));
    }
    sl_batch *renamed = NULL;
    SL_TRY(sli_batch_new(schema, batch->n_rows, &renamed, err));
    for (int32_t i = 0; i < schema->n_columns; i++) {
        share_column(renamed, &renamed->columns[i], batch, &batch->columns[i]);
    }
    *out = renamed;
    return SL_OK;
}

// ---------------------------------------------------------------- slices

/// *bits becomes a bitmap whose first bit is bit `from` of `source`: the same bytes when they line
/// up, else a copy that replaces *owner.
static sl_code slice_bits(const uint8_t *source, int64_t from, int64_t n, const void **bits,
                          sli_buffer **owner, sl_error *err)
{
    if ((from & 7) == 0) {
        *bits = source + (from >> 3);
        return SL_OK;
    }
    sli_buffer *copy = sli_buffer_new((n + 7) / 8);
    if (copy == NULL) {
        return sl_error_nomem(err, (size_t)n / 8, "bitmap of a slice");
    }
    uint8_t *to = (uint8_t *)sli_buffer_data(copy);
    memset(to, 0, (size_t)(n + 7) / 8);
    sli_bits_copy(to, 0, source, from, n);
    sli_buffer_unref(*owner);
    *owner = copy;
    *bits = to;
    return SL_OK;
}

/// Narrows a shared column to rows [from, from + n). List children stay whole; offsets say what is
/// used.
static sl_code narrow(sl_batch *batch, sl_column *column, int64_t from, int64_t n, sl_error *err)
{
    sli_owner *owner = sli_owner_of(batch, column);
    if (column->validity != NULL) {
        column->n_nulls = n - sli_bits_count(column->validity, from, n);
        const void *bits = NULL;
        if (column->n_nulls > 0) {
            SL_TRY(slice_bits(column->validity, from, n, &bits, &owner->validity, err));
        }
        column->validity = bits;
    }
    column->n_rows = n;
    if (column->type == SL_BOOL) {
        SL_TRY(slice_bits(column->values, from, n, &column->values, &owner->values, err));
    } else if (column->values != NULL) {
        column->values = (const char *)column->values + from * sli_type_width(column->type);
    }
    for (int32_t i = 0; column->type == SL_STRUCT && i < column->n_children; i++) {
        SL_TRY(narrow(batch, sli_column_child(column, i), from, n, err));
    }
    return SL_OK;
}

sl_code sli_batch_slice(const sl_batch *batch, int64_t from, int64_t n, sl_batch **out,
                        sl_error *err)
{
    if (from < 0 || n < 0 || from > batch->n_rows - n) {
        return sl_error_set(err, SL_E_INVALID, "rows %lld to %lld of a batch of %lld",
                            (long long)from, (long long)(from + n), (long long)batch->n_rows);
    }
    if (n == batch->n_rows) {
        *out = sl_batch_ref(batch);
        return SL_OK;
    }
    sl_batch *slice = NULL;
    SL_TRY(sli_batch_new(batch->schema, n, &slice, err));
    for (int32_t i = 0; i < batch->n_columns; i++) {
        share_column(slice, &slice->columns[i], batch, &batch->columns[i]);
    }
    for (int32_t i = 0; i < batch->n_columns; i++) {
        sl_code rc = narrow(slice, &slice->columns[i], from, n, err);
        if (rc != SL_OK) {
            sl_batch_unref(slice);
            return rc;
        }
    }
    *out = slice;
    return SL_OK;
}
