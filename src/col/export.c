/// export.c — batches to the Arrow C Data Interface, without copying.
///
/// Every exported struct, root or child, counts in one shared block, so that a consumer may move a
/// child out of its parent and keep it longer, as the specification allows.

#include "col/arrow_abi.h"
#include "col/col_int.h"

typedef struct exported {
    _Atomic int64_t refs;  ///< structs that were not released yet
    sl_arena *arena;       ///< all structs but the roots, with their arrays and texts
    bool plain_text;       ///< schema only: utf8 and binary instead of views
    const sl_batch *batch; ///< array only
} exported;

static void drop(exported *shared, int64_t n)
{
    if (atomic_fetch_sub_explicit(&shared->refs, n, memory_order_acq_rel) == n) {
        sl_batch_unref(shared->batch);
        sl_arena_free(shared->arena);
        sl_free(shared);
    }
}

static sl_code new_exported(const sl_batch *batch, exported **out, sl_error *err)
{
    exported *shared = sl_alloc_zero(SLI_TAG_BATCH, sizeof *shared);
    sl_arena *arena = sl_arena_new(SLI_TAG_BATCH);
    if (shared == NULL || arena == NULL) {
        sl_free(shared);
        sl_arena_free(arena);
        return sl_error_nomem(err, sizeof *shared, "exported batch");
    }
    // each exported struct adds one; this first one is dropped when all were made
    atomic_init(&shared->refs, 1);
    shared->arena = arena;
    shared->batch = batch == NULL ? NULL : sl_batch_ref(batch);
    *out = shared;
    return SL_OK;
}

static void *take(exported *shared, size_t n, size_t size)
{
    return sl_arena_alloc_zero(shared->arena, n * size);
}

// ---------------------------------------------------------------- schema

static void release_schema(struct ArrowSchema *schema)
{
    exported *shared = schema->private_data;
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i] != NULL && schema->children[i]->release != NULL) {
            schema->children[i]->release(schema->children[i]);
        }
    }
    schema->release = NULL;
    drop(shared, 1);
}

static const char *format_of(exported *shared, const sl_field *field)
{
    static const char *const formats[] = {[SL_BOOL] = "b",    [SL_INT8] = "c",
                                          [SL_INT16] = "s",   [SL_INT32] = "i",
                                          [SL_INT64] = "l",   [SL_UINT8] = "C",
                                          [SL_UINT16] = "S",  [SL_UINT32] = "I",
                                          [SL_UINT64] = "L",  [SL_FLOAT32] = "f",
                                          [SL_FLOAT64] = "g", [SL_DATE] = "tdD",
                                          [SL_STRING] = "vu", [SL_TIMESTAMP] = "tsu:UTC",
                                          [SL_BINARY] = "vz", [SL_LIST] = "+l",
                                          [SL_STRUCT] = "+s", [SL_OPAQUE] = NULL};
    if (shared->plain_text && sli_type_is_text(field->type)) {
        return field->type == SL_STRING ? "u" : "z";
    }
    return field->type == SL_DECIMAL
               ? sl_arena_printf(shared->arena, "d:%d,%d", field->precision, field->scale)
               : formats[field->type];
}

static bool export_fields(exported *shared, const sl_field *fields, int32_t n,
                          struct ArrowSchema *parent);

static bool export_field(exported *shared, const sl_field *field, struct ArrowSchema *out)
{
    out->format = format_of(shared, field);
    out->name = sl_arena_strdup(shared->arena, field->name);
    out->flags = field->nullable ? ARROW_FLAG_NULLABLE : 0;
    out->private_data = shared;
    if (out->format == NULL || out->name == NULL ||
        !export_fields(shared, field->children, field->n_children, out)) {
        return false;
    }
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    out->release = release_schema;
    return true;
}

static bool export_fields(exported *shared, const sl_field *fields, int32_t n,
                          struct ArrowSchema *parent)
{
    parent->children = take(shared, (size_t)n + 1, sizeof *parent->children);
    struct ArrowSchema *children = take(shared, (size_t)n + 1, sizeof *children);
    if (parent->children == NULL || children == NULL) {
        return false;
    }
    for (int32_t i = 0; i < n; i++) {
        parent->children[i] = &children[i];
        if (!export_field(shared, &fields[i], &children[i])) {
            return false;
        }
    }
    parent->n_children = n;
    return true;
}

static bool is_opaque(const sl_field *fields, int32_t n)
{
    bool found = false;
    for (int32_t i = 0; i < n; i++) {
        found = found || fields[i].type == SL_OPAQUE ||
                is_opaque(fields[i].children, fields[i].n_children);
    }
    return found;
}

sl_code sli_schema_export(const sl_schema *schema, bool plain_text, struct ArrowSchema *out,
                          sl_error *err)
{
    if (is_opaque(schema->fields, schema->n_columns)) {
        return sl_error_set(err, SL_E_UNSUPPORTED, "opaque columns can't be exported");
    }
    exported *shared = NULL;
    SL_TRY(new_exported(NULL, &shared, err));
    shared->plain_text = plain_text;
    struct ArrowSchema root = {
        .format = "+s", .name = "", .private_data = shared, .release = release_schema};
    if (!export_fields(shared, schema->fields, schema->n_columns, &root)) {
        // no struct was handed out: all go with the block
        drop(shared, atomic_load_explicit(&shared->refs, memory_order_relaxed));
        return sl_error_nomem(err, sizeof root, "exported schema");
    }
    *out = root; // the first count is the root's
    return SL_OK;
}

// ---------------------------------------------------------------- arrays

static void release_array(struct ArrowArray *array)
{
    exported *shared = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i] != NULL && array->children[i]->release != NULL) {
            array->children[i]->release(array->children[i]);
        }
    }
    array->release = NULL;
    drop(shared, 1);
}

/// validity, values; for text also each data buffer and, last, their sizes.
static bool export_buffers(exported *shared, const sl_column *column, struct ArrowArray *out)
{
    bool is_text = sli_type_is_text(column->type);
    out->n_buffers = is_text ? 3 + (int64_t)column->n_data : column->type == SL_STRUCT ? 1 : 2;
    out->buffers = take(shared, (size_t)out->n_buffers, sizeof *out->buffers);
    if (out->buffers == NULL) {
        return false;
    }
    out->buffers[0] = column->validity;
    if (out->n_buffers > 1) {
        out->buffers[1] = column->values;
    }
    for (int32_t i = 0; i < column->n_data; i++) {
        out->buffers[2 + i] = column->data[i];
    }
    if (is_text) {
        out->buffers[out->n_buffers - 1] = column->data_sizes;
    }
    return true;
}

static bool export_columns(exported *shared, const sl_column *columns, int32_t n,
                           struct ArrowArray *parent);

static bool export_column(exported *shared, const sl_column *column, struct ArrowArray *out)
{
    out->length = column->n_rows;
    out->null_count = column->n_nulls;
    out->private_data = shared;
    if (!export_buffers(shared, column, out) ||
        !export_columns(shared, column->children, column->n_children, out)) {
        return false;
    }
    atomic_fetch_add_explicit(&shared->refs, 1, memory_order_relaxed);
    out->release = release_array;
    return true;
}

static bool export_columns(exported *shared, const sl_column *columns, int32_t n,
                           struct ArrowArray *parent)
{
    parent->children = take(shared, (size_t)n + 1, sizeof *parent->children);
    struct ArrowArray *children = take(shared, (size_t)n + 1, sizeof *children);
    if (parent->children == NULL || children == NULL) {
        return false;
    }
    for (int32_t i = 0; i < n; i++) {
        parent->children[i] = &children[i];
        if (!export_column(shared, &columns[i], &children[i])) {
            return false;
        }
    }
    parent->n_children = n;
    return true;
}

sl_code sli_array_export(const sl_batch *batch, struct ArrowArray *out, sl_error *err)
{
    exported *shared = NULL;
    SL_TRY(new_exported(batch, &shared, err));
    struct ArrowArray root = {
        .length = batch->n_rows, .n_buffers = 1, .private_data = shared, .release = release_array};
    root.buffers = take(shared, 1, sizeof *root.buffers);
    if (root.buffers == NULL || !export_columns(shared, batch->columns, batch->n_columns, &root)) {
        drop(shared, atomic_load_explicit(&shared->refs, memory_order_relaxed));
        return sl_error_nomem(err, sizeof root, "exported batch");
    }
    *out = root;
    return SL_OK;
}

sl_code sl_batch_export(const sl_batch *batch, struct ArrowSchema *schema, struct ArrowArray *array,
                        sl_error *err)
{
    struct ArrowSchema made = {0};
    SL_TRY(sli_schema_export(batch->schema, false, &made, err));
    sl_code rc = sli_array_export(batch, array, err);
    if (rc != SL_OK) {
        made.release(&made);
        return rc;
    }
    *schema = made;
    return SL_OK;
}
