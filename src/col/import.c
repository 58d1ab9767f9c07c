/// import.c — batches from the Arrow C Data Interface. Buffers are shared wherever layout and
/// alignment allow; what the structs say is checked, as far as they say it: lengths, offsets,
/// views, UTF-8. The sizes of buffers are not in the interface; those a producer must get right.

#include "col/import_int.h"

#include <string.h>

// ---------------------------------------------------------------- pieces of a column

char *sli_import_own(sli_import *self, sli_buffer **owner, int64_t size)
{
    sli_buffer *buffer = sli_buffer_new(size);
    if (buffer == NULL) {
        (void)sl_error_nomem(self->err, (size_t)size, "imported column");
        return NULL;
    }
    sli_buffer_unref(*owner);
    *owner = buffer;
    return sli_buffer_data(buffer);
}

static void keep(sli_import *self, sli_buffer **owner, int64_t bytes)
{
    *owner = sli_buffer_ref(self->holder);
    self->bytes += bytes;
}

static sl_code import_bits(sli_import *self, const uint8_t *bits, int64_t at, int64_t n,
                           sli_buffer **owner, const void **out)
{
    if ((at & 7) == 0) {
        keep(self, owner, (n + 7) / 8);
        *out = bits + (at >> 3);
        return SL_OK;
    }
    char *copy = sli_import_own(self, owner, (n + 7) / 8);
    if (copy == NULL) {
        return SL_E_NOMEM;
    }
    memset(copy, 0, (size_t)(n + 7) / 8);
    sli_bits_copy((uint8_t *)copy, 0, bits, at, n);
    *out = copy;
    return SL_OK;
}

static sl_code import_validity(sli_import *self, const sli_import_place *p)
{
    const uint8_t *bits = p->array->buffers[0];
    if (bits == NULL) {
        return p->array->null_count > 0
                   ? sli_import_broken(self->err, p->field->name, "nulls without a bitmap")
                   : SL_OK;
    }
    p->column->n_nulls = p->n - sli_bits_count(bits, p->at, p->n);
    if (p->column->n_nulls == 0) {
        return SL_OK;
    }
    const void *validity = NULL;
    SL_TRY(import_bits(self, bits, p->at, p->n, &p->owner->validity, &validity));
    p->column->validity = validity;
    return SL_OK;
}

/// Nulls that the field forbids: allowed in a struct's field where the struct itself is null; they
/// end as values that nobody reads.
static sl_code forbid_nulls(sli_import *self, const sli_import_place *p, const sl_column *parent)
{
    sl_column *column = p->column;
    if (p->field->nullable || column->n_nulls == 0) {
        return SL_OK;
    }
    for (int64_t i = 0; i < p->n; i++) {
        if (sl_column_is_null(column, i) && (parent == NULL || !sl_column_is_null(parent, i))) {
            return sli_import_broken(self->err, p->field->name,
                                     "a null in a field that is not nullable");
        }
    }
    column->validity = NULL;
    column->n_nulls = 0;
    return SL_OK;
}

static sl_code import_fixed(sli_import *self, const sli_import_place *p)
{
    int32_t width = sli_type_width(p->column->type);
    const char *from = p->array->buffers[1];
    if (from == NULL) {
        return p->n > 0 ? sli_import_broken(self->err, p->field->name, "values are missing")
                        : SL_OK;
    }
    if (p->column->type == SL_BOOL) {
        return import_bits(self, p->array->buffers[1], p->at, p->n, &p->owner->values,
                           &p->column->values);
    }
    from += p->at * width;
    if ((uintptr_t)from % (width > 8 ? 8U : (unsigned)width) == 0) {
        keep(self, &p->owner->values, p->n * width);
        p->column->values = from;
        return SL_OK;
    }
    char *copy = sli_import_own(self, &p->owner->values, p->n * width);
    if (copy == NULL) {
        return SL_E_NOMEM;
    }
    memcpy(copy, from, (size_t)(p->n * width));
    p->column->values = copy;
    return SL_OK;
}

// ---------------------------------------------------------------- text with offsets

static int64_t offset_at(const void *offsets, bool large, int64_t i)
{
    int64_t value = 0;
    if (large) {
        memcpy(&value, (const char *)offsets + i * 8, 8);
        return value;
    }
    int32_t small;
    memcpy(&small, (const char *)offsets + i * 4, 4);
    return small;
}

static sl_code check_offsets(sli_import *self, const sli_import_place *p, bool large)
{
    const void *offsets = p->array->buffers[1];
    int64_t last = offset_at(offsets, large, p->at);
    bool good = last >= 0;
    for (int64_t i = 1; i <= p->n; i++) {
        int64_t next = offset_at(offsets, large, p->at + i);
        good = good && next >= last;
        last = next;
    }
    return good ? SL_OK
                : sli_import_broken(self->err, p->field->name, "offsets that fall or are negative");
}

/// Whether every present cell is UTF-8. All bytes at once first: then only the borders need a look.
static bool is_utf8(const sli_import_place *p, const char *data, bool large)
{
    const void *offsets = p->array->buffers[1];
    int64_t first = offset_at(offsets, large, p->at),
            last = offset_at(offsets, large, p->at + p->n);
    if (last == first) {
        return true;
    }
    bool whole = sli_utf8_check(data + first, (size_t)(last - first)) == (size_t)(last - first);
    for (int64_t i = 0; i < p->n; i++) {
        int64_t from = offset_at(offsets, large, p->at + i),
                to = offset_at(offsets, large, p->at + i + 1);
        if (from == to || sl_column_is_null(p->column, i)) {
            continue;
        }
        bool good = whole ? ((unsigned char)data[from] & 0xc0) != 0x80 &&
                                (to == last || ((unsigned char)data[to] & 0xc0) != 0x80)
                          : sli_utf8_check(data + from, (size_t)(to - from)) == (size_t)(to - from);
        if (!good) {
            return false;
        }
    }
    return true;
}

/// Views of cells of one data block; a view reaches 2^31 - 1 bytes only, so a larger block becomes
/// several buffers that begin at cells' borders.
static sl_code make_views(sli_import *self, const sli_import_place *p, const char *data, bool large,
                          sl_view *views, sli_heap *heap)
{
    const void *offsets = p->array->buffers[1];
    int64_t base = offset_at(offsets, large, p->at);
    int32_t last = 0;
    for (int64_t i = 0; i < p->n; i++) {
        int64_t from = offset_at(offsets, large, p->at + i),
                to = offset_at(offsets, large, p->at + i + 1);
        if (sl_column_is_null(p->column, i) || from == to) {
            views[i] = (sl_view){0};
            continue;
        }
        if (to - from > INT32_MAX) {
            return sli_import_broken(self->err, p->field->name,
                                     "a cell of more than 2147483647 bytes");
        }
        if (to - base > INT32_MAX) {
            base = from;
            last++;
        }
        views[i] = sli_view_of(data + base, last, from - base, to - from);
        if (heap->owners[last] == NULL) {
            heap->owners[last] = sli_buffer_ref(self->holder);
            heap->data[last] = data + base;
        }
        heap->sizes[last] = to - base;
    }
    heap->n = heap->owners[last] == NULL ? last : last + 1;
    return SL_OK;
}

static sl_code import_offsets_text(sli_import *self, const sli_import_place *p, bool large)
{
    if (p->n == 0) {
        return SL_OK;
    }
    if (p->array->buffers[1] == NULL) {
        return sli_import_broken(self->err, p->field->name, "offsets are missing");
    }
    SL_TRY(check_offsets(self, p, large));
    int64_t first = offset_at(p->array->buffers[1], large, p->at);
    int64_t size = offset_at(p->array->buffers[1], large, p->at + p->n) - first;
    const char *data = p->array->buffers[2];
    if (size > 0 && data == NULL) {
        return sli_import_broken(self->err, p->field->name, "text is missing");
    }
    if (p->field->type == SL_STRING && !is_utf8(p, data, large)) {
        return sli_import_broken(self->err, p->field->name, "text that is not UTF-8");
    }
    sl_view *views =
        (sl_view *)(void *)sli_import_own(self, &p->owner->values, p->n * (int64_t)sizeof *views);
    if (views == NULL) {
        return SL_E_NOMEM;
    }
    // two neighbouring buffers hold more than 2^31 - 1 bytes together
    sli_heap *heap = sli_heap_new((int32_t)(size / INT32_MAX * 2 + 2));
    if (heap == NULL) {
        return sl_error_nomem(self->err, sizeof *heap, "imported column");
    }
    sl_code rc = make_views(self, p, data, large, views, heap);
    p->column->values = views;
    sli_column_set_heap(p->column, p->owner, heap);
    self->bytes += size;
    return rc;
}

// ---------------------------------------------------------------- views

/// *clean is false when the view must be written anew: rubbish after short text, or anything under
/// a null.
static bool view_is_good(const sli_import_place *p, const sl_view *view, int64_t row, bool *clean)
{
    static const sl_view zero = {0};
    if (sl_column_is_null(p->column, row)) {
        *clean = *clean && memcmp(view, &zero, sizeof zero) == 0;
        return true;
    }
    if (view->size < 0) {
        return false;
    }
    if (view->size <= SL_VIEW_INLINE) {
        for (int32_t i = view->size; i < SL_VIEW_INLINE; i++) {
            *clean = *clean && view->as.inlined[i] == 0;
        }
        return p->field->type == SL_BINARY ||
               sli_utf8_check(view->as.inlined, (size_t)view->size) == (size_t)view->size;
    }
    const sl_column *c = p->column;
    if (view->as.ref.buffer < 0 || view->as.ref.buffer >= c->n_data || view->as.ref.offset < 0 ||
        (int64_t)view->as.ref.offset + view->size > c->data_sizes[view->as.ref.buffer]) {
        return false;
    }
    const char *text = c->data[view->as.ref.buffer] + view->as.ref.offset;
    return memcmp(text, view->as.ref.prefix, 4) == 0 &&
           (p->field->type == SL_BINARY ||
            sli_utf8_check(text, (size_t)view->size) == (size_t)view->size);
}

static sl_code import_data_buffers(sli_import *self, const sli_import_place *p)
{
    const struct ArrowArray *array = p->array;
    int64_t n = array->n_buffers - 3;
    if (n == 0) {
        return SL_OK;
    }
    const int64_t *sizes = array->buffers[array->n_buffers - 1];
    if (n > SLI_MAX_DATA || sizes == NULL) {
        return sli_import_broken(self->err, p->field->name,
                                 "too many data buffers, or no sizes of them");
    }
    sli_heap *heap = sli_heap_new((int32_t)n);
    if (heap == NULL) {
        return sl_error_nomem(self->err, sizeof *heap, "imported column");
    }
    bool good = true;
    for (int32_t i = 0; i < n; i++) {
        heap->owners[i] = sli_buffer_ref(self->holder);
        heap->sizes[i] = sizes[i];
        good = good && sizes[i] >= 0 && (sizes[i] == 0 || array->buffers[2 + i] != NULL);
        heap->data[i] = array->buffers[2 + i] == NULL ? "" : array->buffers[2 + i];
        self->bytes += sizes[i];
    }
    sli_column_set_heap(p->column, p->owner, heap);
    return good ? SL_OK
                : sli_import_broken(self->err, p->field->name,
                                    "a data buffer that is missing or has a negative size");
}

static sl_code import_views(sli_import *self, const sli_import_place *p)
{
    SL_TRY(import_data_buffers(self, p));
    SL_TRY(import_fixed(self, p)); // 16 bytes each
    const sl_view *views = p->column->values;
    bool clean = true;
    for (int64_t i = 0; i < p->n; i++) {
        if (!view_is_good(p, &views[i], i, &clean)) {
            return sli_import_broken(
                self->err, p->field->name,
                "a view outside its buffers, with another prefix, or no UTF-8");
        }
    }
    if (clean) {
        return SL_OK;
    }
    sli_buffer *copy = NULL;
    sl_view *to = (sl_view *)(void *)sli_import_own(self, &copy, p->n * (int64_t)sizeof *to);
    if (to == NULL) {
        return SL_E_NOMEM;
    }
    for (int64_t i = 0; i < p->n; i++) {
        to[i] = sl_column_is_null(p->column, i) ? (sl_view){0} : views[i];
        if (to[i].size <= SL_VIEW_INLINE) {
            to[i] = sli_view_of(to[i].as.inlined, 0, 0, to[i].size);
        }
    }
    sli_buffer_unref(p->owner->values);
    p->owner->values = copy;
    p->column->values = to;
    return SL_OK;
}

// ---------------------------------------------------------------- nested columns

static sl_code import_list(sli_import *self, const sli_import_place *p)
{
    bool large = strcmp(p->schema->format, "+L") == 0;
    const struct ArrowArray *child = p->array->children[0];
    const void *offsets = p->array->buffers[1];
    if (offsets == NULL && p->n > 0) {
        return sli_import_broken(self->err, p->field->name, "offsets are missing");
    }
    if (p->n > 0) {
        SL_TRY(check_offsets(self, p, large));
    }
    int64_t used = p->n == 0 ? 0 : offset_at(offsets, large, p->at + p->n);
    if (child == NULL || used > child->length || used > SLI_MAX_ROWS) {
        return sli_import_broken(self->err, p->field->name,
                                 "lists reach past their elements, or 2147483647 of them");
    }
    const char *mine = (const char *)offsets + p->at * 4;
    if (large || p->n == 0 || (uintptr_t)mine % 4 != 0) {
        int32_t *copy = (int32_t *)(void *)sli_import_own(self, &p->owner->values, (p->n + 1) * 4);
        if (copy == NULL) {
            return SL_E_NOMEM;
        }
        copy[0] = 0;
        for (int64_t i = 0; p->n > 0 && i <= p->n; i++) {
            copy[i] = (int32_t)offset_at(offsets, large, p->at + i);
        }
        p->column->values = copy;
    } else {
        keep(self, &p->owner->values, (p->n + 1) * 4);
        p->column->values = mine;
    }
    return sli_import_column(self, p->schema->children[0], child, p->field->children, 0, used, NULL,
                             sli_column_child(p->column, 0));
}

static sl_code import_struct(sli_import *self, const sli_import_place *p)
{
    for (int32_t i = 0; i < p->field->n_children; i++) {
        SL_TRY(sli_import_column(self, p->schema->children[i], p->array->children[i],
                                 &p->field->children[i], p->at, p->n, p->column,
                                 sli_column_child(p->column, i)));
    }
    return SL_OK;
}

/// What the struct says of itself fits its type and the rows wanted of it.
static sl_code check_array(sli_import *self, const struct ArrowSchema *schema,
                           const struct ArrowArray *array, const sl_field *field, int64_t from,
                           int64_t n)
{
    if (array == NULL || array->release == NULL) {
        return sli_import_broken(self->err, field->name, "its array is missing");
    }
    bool is_view = schema->format[0] == 'v';
    bool is_indexed = schema->dictionary != NULL;
    bool has_offsets = sli_type_is_text(field->type) && !is_view && !is_indexed;
    int64_t n_buffers = has_offsets || is_view ? 3 : field->type == SL_STRUCT ? 1 : 2;
    bool good = is_view ? array->n_buffers >= n_buffers : array->n_buffers == n_buffers;
    good = good && array->buffers != NULL && array->n_children == field->n_children;
    good = good && (array->n_children == 0 || array->children != NULL);
    good = good && (array->dictionary != NULL) == (is_indexed && self->dictionaries == NULL);
    good = good && array->offset >= 0 && array->length >= 0 && from <= array->length - n;
    good = good && array->offset <= INT64_MAX / 32 - array->length && n <= SLI_MAX_ROWS;
    return good ? SL_OK
                : sli_import_broken(self->err, field->name,
                                    "its array has another shape than its schema");
}

sl_code sli_import_column(sli_import *self, const struct ArrowSchema *schema,
                          const struct ArrowArray *array, const sl_field *field, int64_t from,
                          int64_t n, const sl_column *parent, sl_column *column)
{
    SL_TRY(check_array(self, schema, array, field, from, n));
    sli_import_place p = {
        schema, array, field, array->offset + from, n, column, sli_owner_of(self->batch, column)};
    column->n_rows = n;
    SL_TRY(import_validity(self, &p));
    if (schema->dictionary != NULL) {
        SL_TRY(sli_import_indices(self, &p));
    } else if (field->type == SL_LIST) {
        SL_TRY(import_list(self, &p));
    } else if (field->type == SL_STRUCT) {
        SL_TRY(import_struct(self, &p));
    } else if (!sli_type_is_text(field->type)) {
        SL_TRY(import_fixed(self, &p));
    } else if (schema->format[0] == 'v') {
        SL_TRY(import_views(self, &p));
    } else {
        SL_TRY(import_offsets_text(self, &p, schema->format[0] == 'U' || schema->format[0] == 'Z'));
    }
    return forbid_nulls(self, &p, parent);
}

// ---------------------------------------------------------------- the batch

static void release_array(void *ctx)
{
    struct ArrowArray *array = ctx;
    array->release(array);
    sl_free(array);
}

static sl_code import_root(sli_import *self, const struct ArrowSchema *schema,
                           const struct ArrowArray *array)
{
    bool good = array->length >= 0 && array->length <= SLI_MAX_ROWS && array->offset >= 0 &&
                array->n_children == schema->n_children && array->children != NULL &&
                array->n_buffers == 1 && array->buffers != NULL && array->dictionary == NULL;
    if (!good || array->offset > INT64_MAX / 32) {
        return sli_import_broken(self->err, "",
                                 "the struct of all columns has another shape than its schema");
    }
    const uint8_t *validity = array->buffers[0];
    if (validity != NULL &&
        sli_bits_count(validity, array->offset, array->length) < array->length) {
        return sl_error_set(self->err, SL_E_UNSUPPORTED,
                            "Arrow data with rows that are null as a whole is not read");
    }
    for (int32_t i = 0; i < self->batch->n_columns; i++) {
        SL_TRY(sli_import_column(self, schema->children[i], array->children[i],
                                 &self->batch->schema->fields[i], array->offset, array->length,
                                 NULL, &self->batch->columns[i]));
    }
    return SL_OK;
}

sl_code sli_array_import(const struct ArrowSchema *arrow_schema, const sl_schema *schema,
                         struct ArrowArray *array, const sli_dictionary *dictionaries,
                         sl_batch **out, sl_error *err)
{
    struct ArrowArray *moved = sl_alloc(SLI_TAG_BATCH, sizeof *moved);
    sli_import self = {.dictionaries = dictionaries, .err = err};
    if (moved != NULL) {
        *moved = *array;
        self.holder = sli_buffer_wrap("", 0, false, release_array, moved);
    }
    if (self.holder == NULL) {
        sl_free(moved);
        array->release(array);
        return sl_error_nomem(err, sizeof *moved, "imported batch");
    }
    array->release = NULL;
    bool counted = moved->length >= 0 && moved->length <= SLI_MAX_ROWS;
    sl_code rc =
        counted ? sli_batch_new(schema, moved->length, &self.batch, err)
                : sli_import_broken(err, "", "a negative number of rows, or more than 2147483647");
    if (rc == SL_OK) {
        rc = import_root(&self, arrow_schema, moved);
    }
    sli_buffer_claim(self.holder, self.bytes);
    sli_buffer_unref(self.holder);
    if (rc != SL_OK) {
        sl_batch_unref(self.batch);
        return rc;
    }
    *out = self.batch;
    return SL_OK;
}

sl_code sl_batch_import(struct ArrowSchema *schema, struct ArrowArray *array, sl_batch **out,
                        sl_error *err)
{
    sl_schema *ours = NULL;
    sl_code rc = SL_OK;
    if (schema->release == NULL || array->release == NULL) {
        rc = sl_error_set(err, SL_E_DATA, "Arrow data that was released already");
    } else {
        rc = sli_schema_import(schema, &ours, err);
    }
    if (rc == SL_OK) {
        rc = sli_array_import(schema, ours, array, NULL, out, err);
    } else if (array->release != NULL) {
        array->release(array);
    }
    sl_schema_unref(ours);
    if (schema->release != NULL) {
        schema->release(schema);
    }
    return rc;
}
