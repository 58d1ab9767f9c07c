/// import_dictionary.c — columns of indices into a dictionary of texts: each cell becomes the view
/// of its value, whose text is shared, so nothing but 16 bytes a row is made.
///
/// The values come with the array (C Data Interface), or came before it (IPC, ipc_batch.c).

#include "col/import_int.h"

#include <string.h>

static int64_t index_at(char type, const void *indices, int64_t i)
{
    const char *data = indices;
    switch (type) {
    case 'c':
        return ((const int8_t *)indices)[i];
    case 'C':
        return ((const uint8_t *)indices)[i];
    case 's':
    case 'S': {
        uint16_t value;
        memcpy(&value, data + i * 2, sizeof value);
        return type == 's' ? (int16_t)value : value;
    }
    case 'i':
    case 'I': {
        uint32_t value;
        memcpy(&value, data + i * 4, sizeof value);
        return type == 'i' ? (int64_t)(int32_t)value : (int64_t)value;
    }
    default: { // an unsigned one beyond INT64_MAX comes out negative: outside any dictionary
        int64_t value;
        memcpy(&value, data + i * 8, sizeof value);
        return value;
    }
    }
}

/// Makes row `i` null, in a bitmap of the column's own.
static sl_code add_null(sli_import *self, const sli_import_place *p, int64_t i, uint8_t **bits)
{
    if (*bits == NULL) {
        sli_buffer *buffer = NULL;
        *bits = (uint8_t *)sli_import_own(self, &buffer, (p->n + 7) / 8);
        if (*bits == NULL) {
            return SL_E_NOMEM;
        }
        memset(*bits, 0, (size_t)(p->n + 7) / 8);
        if (p->column->validity == NULL) {
            sli_bits_set(*bits, 0, p->n, true);
        } else {
            sli_bits_copy(*bits, 0, p->column->validity, 0, p->n);
        }
        sli_buffer_unref(p->owner->validity);
        p->owner->validity = buffer;
        p->column->validity = *bits;
    }
    sli_bits_set(*bits, i, 1, false);
    p->column->n_nulls++;
    return SL_OK;
}

/// Each cell is the view of the value that its index means; text is shared with the dictionary.
static sl_code take_values(sli_import *self, const sli_import_place *p, const sl_column *values)
{
    const void *indices = p->array->buffers[1];
    uint8_t *bits = NULL;
    sl_view *views =
        (sl_view *)(void *)sli_import_own(self, &p->owner->values, p->n * (int64_t)sizeof *views);
    if (views == NULL) {
        return SL_E_NOMEM;
    }
    p->column->values = views;
    for (int64_t i = 0; i < p->n; i++) {
        views[i] = (sl_view){0};
        if (sl_column_is_null(p->column, i)) {
            continue;
        }
        int64_t index = index_at(p->schema->format[0], indices, p->at + i);
        if (values == NULL) {
            return sli_import_broken(self->err, p->field->name,
                                     "its dictionary has not come before its rows");
        }
        if (index < 0 || index >= values->n_rows) {
            return sli_import_broken(self->err, p->field->name, "an index outside its dictionary");
        }
        if (sl_column_is_null(values, index)) {
            SL_TRY(add_null(self, p, i, &bits));
        } else {
            views[i] = ((const sl_view *)values->values)[index];
        }
    }
    sli_heap *heap = values == NULL ? NULL : sli_heap_of(values);
    if (heap != NULL) {
        sli_column_set_heap(p->column, p->owner, sli_heap_ref(heap));
    }
    return SL_OK;
}

/// The values that the array itself brings.
static sl_code import_values(sli_import *self, const sli_import_place *p, sl_batch **out)
{
    sli_import inner = {.holder = self->holder, .err = self->err};
    const struct ArrowArray *values = p->array->dictionary;
    sl_schema *schema = NULL;
    if (values->length < 0 || values->length > SLI_MAX_ROWS) {
        return sli_import_broken(self->err, p->field->name, "a dictionary of impossible length");
    }
    SL_TRY(sl_schema_parse(
        &schema, p->field->type == SL_STRING ? "dictionary string?" : "dictionary binary?",
        self->err));
    sl_code rc = sli_batch_new(schema, values->length, &inner.batch, self->err);
    if (rc == SL_OK) {
        rc = sli_import_column(&inner, p->schema->dictionary, values, sl_schema_field(schema, 0), 0,
                               values->length, NULL, &inner.batch->columns[0]);
    }
    sl_schema_unref(schema);
    self->bytes += inner.bytes;
    if (rc != SL_OK) {
        sl_batch_unref(inner.batch);
        return rc;
    }
    *out = inner.batch;
    return SL_OK;
}

sl_code sli_import_indices(sli_import *self, const sli_import_place *p)
{
    if (p->n == 0) {
        return SL_OK;
    }
    if (p->array->buffers[1] == NULL) {
        return sli_import_broken(self->err, p->field->name, "values are missing");
    }
    if (p->array->dictionary != NULL) {
        sl_batch *values = NULL;
        SL_TRY(import_values(self, p, &values));
        sl_code rc = take_values(self, p, &values->columns[0]);
        sl_batch_unref(values);
        return rc;
    }
    const sli_dictionary *d = self->dictionaries;
    while (d->field != p->schema) {
        d = d->next; // each field with a dictionary is listed
    }
    return take_values(self, p, d->values == NULL ? NULL : &d->values->columns[0]);
}
