/// chunk_out.c — chunks of DuckDB's vectors into Arrow arrays. A column grows over several chunks;
/// its long strings are copied once, a buffer a chunk.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "duckdb/module/duck_int.h"

/// Of one column's strings in one buffer; a view has 31 bits for a place in it.
enum { DATA_BYTES = 1 << 30 };

static const uint8_t widths[] = {
    [SL_BOOL] = 0,    [SL_INT8] = 1,     [SL_INT16] = 2,  [SL_INT32] = 4,     [SL_INT64] = 8,
    [SL_UINT8] = 1,   [SL_UINT16] = 2,   [SL_UINT32] = 4, [SL_UINT64] = 8,    [SL_FLOAT32] = 4,
    [SL_FLOAT64] = 8, [SL_DECIMAL] = 16, [SL_DATE] = 4,   [SL_TIMESTAMP] = 8, [SL_STRING] = 16,
    [SL_BINARY] = 16, [SL_LIST] = 4,     [SL_STRUCT] = 0};

// ---------------------------------------------------------------- room

static void out_reset(duck_out *out)
{
    for (int32_t i = 0; out->children != NULL && i < out->type->n_children; i++) {
        out_reset(&out->children[i]);
    }
    for (int32_t i = 0; i < out->n_data; i++) {
        free(out->data[i]);
    }
    free(out->children);
    free(out->validity);
    free(out->values);
    free(out->data);
    free(out->sizes);
    *out = (duck_out){.type = out->type};
}

static bool out_init(duck_out *out, const duck_type *type)
{
    *out = (duck_out){.type = type};
    if (type->n_children > 0) {
        out->children = calloc((size_t)type->n_children, sizeof *out->children);
        if (out->children == NULL) {
            return false;
        }
        for (int32_t i = 0; i < type->n_children; i++) {
            out->children[i].type = &type->children[i];
        }
        for (int32_t i = 0; i < type->n_children; i++) {
            if (!out_init(&out->children[i], &type->children[i])) {
                return false;
            }
        }
    }
    return true;
}

/// Bits and bytes for at least n more rows. What bits are new is zero.
static bool out_reserve(duck_out *out, int64_t n)
{
    int64_t wanted = out->n + n;
    if (wanted <= out->capacity && out->values != NULL) {
        return true;
    }
    int64_t capacity =
        out->capacity * 2 < wanted ? (wanted + 63) & ~(int64_t)63 : out->capacity * 2;
    size_t width = widths[out->type->type];
    size_t bytes =
        out->type->type == SL_BOOL ? (size_t)capacity / 8 : (size_t)(capacity + 1) * width;
    char *values = realloc(out->values, bytes + 64);
    if (values == NULL) {
        return false;
    }
    out->values = values;
    if (out->type->type == SL_BOOL) {
        memset(values + out->capacity / 8, 0, (size_t)(capacity - out->capacity) / 8);
    }
    if (out->type->type == SL_LIST && out->capacity == 0) {
        memset(values, 0, 4);
    }
    if (out->validity != NULL) {
        uint8_t *validity = realloc(out->validity, (size_t)capacity / 8 + 64);
        if (validity == NULL) {
            return false;
        }
        out->validity = validity;
    }
    out->capacity = capacity;
    return true;
}

// ---------------------------------------------------------------- nulls

static bool is_valid(const uint64_t *mask, idx_t row)
{
    return mask == NULL || (mask[row >> 6] >> (row & 63) & 1) != 0;
}

static void set_bit(uint8_t *bits, int64_t i, bool value)
{
    uint8_t mask = (uint8_t)(1U << (i & 7));
    bits[i >> 3] = (uint8_t)(value ? bits[i >> 3] | mask : bits[i >> 3] & ~mask);
}

static bool add_validity(duck_out *out, const uint64_t *mask, idx_t from, int64_t n)
{
    if (mask == NULL && out->validity == NULL) {
        return true;
    }
    if (out->validity == NULL) {
        out->validity = malloc((size_t)out->capacity / 8 + 64);
        if (out->validity == NULL) {
            return false;
        }
        memset(out->validity, 0xff, (size_t)out->capacity / 8 + 64);
    }
    for (int64_t i = 0; i < n; i++) {
        bool valid = is_valid(mask, from + (idx_t)i);
        set_bit(out->validity, out->n + i, valid);
        out->n_nulls += !valid;
    }
    return true;
}

// ---------------------------------------------------------------- fixed widths

typedef struct add {
    duck_out *out;
    const char *data;     ///< the vector's
    const uint64_t *mask; ///< NULL: no nulls
    idx_t from;
    int64_t n;
    duckdb_vector vector;
} add;

/// As bytes: where a cell is null any value may lie, and a bool has two.
static void add_bool(const add *a)
{
    const uint8_t *from = (const uint8_t *)a->data + a->from;
    for (int64_t i = 0; i < a->n; i++) {
        set_bit((uint8_t *)a->out->values, a->out->n + i, from[i] == 1);
    }
}

static void add_fixed(const add *a)
{
    size_t width = widths[a->out->type->type];
    memcpy(a->out->values + (size_t)a->out->n * width, a->data + a->from * width,
           (size_t)a->n * width);
}

static void add_decimal(const add *a)
{
    uint8_t precision = a->out->type->precision;
    size_t width = precision <= 4 ? 2 : precision <= 9 ? 4 : precision <= 18 ? 8 : 16;
    char *to = a->out->values + a->out->n * 16;
    const char *from = a->data + a->from * width;
    for (int64_t i = 0; i < a->n; i++, from += width, to += 16) {
        memcpy(to, from, width);
        memset(to + width, (from[width - 1] & 0x80) != 0 ? 0xff : 0, 16 - width); // its sign
    }
}

static sl_code no_place(const add *a, const char *what, sl_error *err)
{
    return duck_fail(err, SL_E_DATA, "SQL: column \"%.200s\": %s", a->out->type->name, what);
}

/// 10^38 - 1 is the largest that a decimal of 38 digits is.
static sl_code add_hugeint(const add *a, sl_error *err)
{
    static const duckdb_hugeint most = {.lower = 0x098a223fffffffffULL,
                                        .upper = 0x4b3b4ca85a86c47aLL};
    const duckdb_hugeint *from = (const duckdb_hugeint *)(const void *)a->data + a->from;
    for (int64_t i = 0; i < a->n; i++) {
        duckdb_hugeint v = from[i];
        bool over = v.upper > most.upper || (v.upper == most.upper && v.lower > most.lower);
        bool under = v.upper < ~most.upper || (v.upper == ~most.upper && v.lower < ~most.lower + 1);
        if ((over || under) && is_valid(a->mask, a->from + (idx_t)i)) {
            return no_place(a, "a whole number of more than 38 digits", err);
        }
    }
    add_fixed(a);
    return SL_OK;
}

static sl_code add_time(const add *a, sl_error *err)
{
    const int64_t *us = (const int64_t *)(const void *)a->data + a->from;
    const int32_t *days = (const int32_t *)(const void *)a->data + a->from;
    bool is_date = a->out->type->type == SL_DATE;
    for (int64_t i = 0; i < a->n; i++) {
        bool bad = is_date ? days[i] == INT32_MAX || days[i] == -INT32_MAX
                           : us[i] == INT64_MAX || us[i] == -INT64_MAX;
        if (bad && is_valid(a->mask, a->from + (idx_t)i)) {
            return no_place(a, is_date ? "a date that is infinite" : "a time that is infinite",
                            err);
        }
    }
    add_fixed(a);
    return SL_OK;
}

// ---------------------------------------------------------------- strings

/// A buffer more. NULL: no memory.
static char *add_data(duck_out *out, int64_t size)
{
    size_t n = (size_t)out->n_data + 1;
    char **data = realloc(out->data, n * sizeof *data);
    out->data = data == NULL ? out->data : data;
    int64_t *sizes = realloc(out->sizes, n * sizeof *sizes);
    out->sizes = sizes == NULL ? out->sizes : sizes;
    char *made = data == NULL || sizes == NULL ? NULL : malloc((size_t)size);
    if (made != NULL) {
        out->data[out->n_data] = made;
        out->sizes[out->n_data++] = size;
    }
    return made;
}

/// How many strings from i on go into one buffer, and their bytes.
static int64_t fitting(const add *a, int64_t i, int64_t *bytes)
{
    const duckdb_string_t *from = (const duckdb_string_t *)(const void *)a->data + a->from;
    *bytes = 0;
    for (; i < a->n; i++) {
        int64_t size = from[i].value.pointer.length;
        if (size <= SL_VIEW_INLINE || !is_valid(a->mask, a->from + (idx_t)i)) {
            continue;
        }
        if (*bytes > 0 && *bytes + size > DATA_BYTES) {
            return i;
        }
        *bytes += size;
    }
    return i;
}

static sl_code add_text(const add *a, sl_error *err)
{
    const duckdb_string_t *from = (const duckdb_string_t *)(const void *)a->data + a->from;
    sl_view *to = (sl_view *)(void *)a->out->values + a->out->n;
    for (int64_t i = 0; i < a->n;) {
        int64_t bytes = 0, stop = fitting(a, i, &bytes), used = 0;
        char *data = bytes == 0 ? NULL : add_data(a->out, bytes);
        if (bytes > 0 && data == NULL) {
            return duck_nomem(err);
        }
        for (; i < stop; i++) {
            int64_t size = from[i].value.pointer.length;
            if (!is_valid(a->mask, a->from + (idx_t)i)) {
                to[i] = (sl_view){0};
                continue;
            }
            if (size > INT32_MAX) {
                return no_place(a, "a text of more than 2147483647 bytes", err);
            }
            memcpy(&to[i], &from[i], sizeof to[i]);
            if (size > SL_VIEW_INLINE) {
                memcpy(data + used, from[i].value.pointer.ptr, (size_t)size);
                to[i].as.ref.buffer = a->out->n_data - 1;
                to[i].as.ref.offset = (int32_t)used;
                used += size;
            }
        }
    }
    return SL_OK;
}

/// Texts that DuckDB has as numbers: labels of an ENUM, UUIDs.
static sl_code add_made_text(const add *a, int64_t i, const char *text, sl_error *err)
{
    size_t size = strlen(text);
    sl_view view = {.size = (int32_t)size};
    if (size <= SL_VIEW_INLINE) {
        memcpy(view.as.inlined, text, size);
    } else {
        char *data = add_data(a->out, (int64_t)size);
        if (data == NULL) {
            return duck_nomem(err);
        }
        memcpy(data, text, size);
        memcpy(view.as.ref.prefix, text, 4);
        view.as.ref.buffer = a->out->n_data - 1;
    }
    ((sl_view *)(void *)a->out->values)[a->out->n + i] = view;
    return SL_OK;
}

static uint32_t label_at(const add *a, idx_t row)
{
    uint32_t n = a->out->type->n_labels;
    if (n <= UINT8_MAX + 1U) {
        return ((const uint8_t *)a->data)[row];
    }
    return n <= UINT16_MAX + 1U ? ((const uint16_t *)(const void *)a->data)[row]
                                : ((const uint32_t *)(const void *)a->data)[row];
}

static void print_uuid(const add *a, idx_t row, char *out, size_t size)
{
    duckdb_hugeint v = ((const duckdb_hugeint *)(const void *)a->data)[row];
    uint64_t high = (uint64_t)v.upper ^ (1ULL << 63); // DuckDB turns it, so that it sorts
    (void)snprintf(out, size, "%08llx-%04llx-%04llx-%04llx-%012llx",
                   (unsigned long long)(high >> 32), (unsigned long long)(high >> 16 & 0xffff),
                   (unsigned long long)(high & 0xffff), (unsigned long long)(v.lower >> 48),
                   (unsigned long long)(v.lower & 0xffffffffffffULL));
}

static sl_code add_made_texts(const add *a, sl_error *err)
{
    const duck_type *type = a->out->type;
    for (int64_t i = 0; i < a->n; i++) {
        char uuid[40] = "";
        const char *text = uuid;
        idx_t row = a->from + (idx_t)i;
        if (is_valid(a->mask, row)) {
            if (type->from == DUCKDB_TYPE_UUID) {
                print_uuid(a, row, uuid, sizeof uuid);
            } else {
                text = type->labels[label_at(a, row)];
            }
        }
        SL_TRY(add_made_text(a, i, text, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- nested

static sl_code out_add(duck_out *out, duckdb_vector vector, idx_t from, int64_t n, sl_error *err);

/// Elements of lists that follow each other in the child are added at once.
static sl_code add_list(const add *a, sl_error *err)
{
    const duckdb_list_entry *entries = (const duckdb_list_entry *)(const void *)a->data + a->from;
    duckdb_vector child = duckdb_list_vector_get_child(a->vector);
    int32_t *offsets = (int32_t *)(void *)a->out->values + a->out->n;
    duck_out *elements = &a->out->children[0];
    idx_t start = 0, stop = 0;
    int64_t total = elements->n;
    for (int64_t i = 0; i < a->n; i++) {
        duckdb_list_entry e =
            is_valid(a->mask, a->from + (idx_t)i) ? entries[i] : (duckdb_list_entry){stop, 0};
        if (e.length > 0 && e.offset != stop) {
            SL_TRY(out_add(elements, child, start, (int64_t)(stop - start), err));
            start = e.offset;
            stop = e.offset;
        }
        stop += e.length;
        total += (int64_t)e.length;
        if (total > INT32_MAX) {
            return no_place(a, "more than 2147483647 elements of lists", err);
        }
        offsets[i + 1] = (int32_t)total;
    }
    return out_add(elements, child, start, (int64_t)(stop - start), err);
}

static sl_code add_struct(const add *a, sl_error *err)
{
    for (int32_t i = 0; i < a->out->type->n_children; i++) {
        SL_TRY(out_add(&a->out->children[i], duckdb_struct_vector_get_child(a->vector, (idx_t)i),
                       a->from, a->n, err));
    }
    return SL_OK;
}

/// What is under a null is the same in every run: zeroes.
static void clear_nulls(const add *a)
{
    size_t width = widths[a->out->type->type];
    bool is_bool = a->out->type->type == SL_BOOL;
    for (int64_t i = 0; a->mask != NULL && (is_bool || width > 0) && i < a->n; i++) {
        if (is_valid(a->mask, a->from + (idx_t)i)) {
            continue;
        }
        if (is_bool) {
            set_bit((uint8_t *)a->out->values, a->out->n + i, false);
        } else if (a->out->type->type != SL_LIST) {
            memset(a->out->values + (size_t)(a->out->n + i) * width, 0, width);
        }
    }
}

static sl_code add_values(const add *a, sl_error *err)
{
    switch (a->out->type->from) {
    case DUCKDB_TYPE_BOOLEAN:
        add_bool(a);
        return SL_OK;
    case DUCKDB_TYPE_DECIMAL:
        add_decimal(a);
        return SL_OK;
    case DUCKDB_TYPE_HUGEINT:
        return add_hugeint(a, err);
    case DUCKDB_TYPE_DATE:
    case DUCKDB_TYPE_TIMESTAMP:
    case DUCKDB_TYPE_TIMESTAMP_TZ:
        return add_time(a, err);
    case DUCKDB_TYPE_VARCHAR:
    case DUCKDB_TYPE_BLOB:
        return add_text(a, err);
    case DUCKDB_TYPE_ENUM:
    case DUCKDB_TYPE_UUID:
        return add_made_texts(a, err);
    case DUCKDB_TYPE_LIST:
        return add_list(a, err);
    case DUCKDB_TYPE_STRUCT:
        return add_struct(a, err);
    default:
        add_fixed(a);
        return SL_OK;
    }
}

static sl_code out_add(duck_out *out, duckdb_vector vector, idx_t from, int64_t n, sl_error *err)
{
    if (n == 0) {
        return SL_OK;
    }
    add a = {.out = out,
             .data = duckdb_vector_get_data(vector),
             .mask = duckdb_vector_get_validity(vector),
             .from = from,
             .n = n,
             .vector = vector};
    if (!out_reserve(out, n) || !add_validity(out, a.mask, from, n)) {
        return duck_nomem(err);
    }
    SL_TRY(add_values(&a, err));
    clear_nulls(&a);
    out->n += n;
    return SL_OK;
}

// ---------------------------------------------------------------- rows

sl_code duck_rows_init(duck_rows *rows, const duck_type *columns, int32_t n, sl_error *err)
{
    *rows = (duck_rows){.columns = columns, .n_columns = n};
    rows->outs = calloc((size_t)n + 1, sizeof *rows->outs);
    if (rows->outs == NULL) {
        return duck_nomem(err);
    }
    for (int32_t i = 0; i < n; i++) {
        rows->outs[i].type = &columns[i];
    }
    for (int32_t i = 0; i < n; i++) {
        if (!out_init(&rows->outs[i], &columns[i])) {
            duck_rows_reset(rows);
            return duck_nomem(err);
        }
    }
    return SL_OK;
}

void duck_rows_reset(duck_rows *rows)
{
    for (int32_t i = 0; rows->outs != NULL && i < rows->n_columns; i++) {
        out_reset(&rows->outs[i]);
    }
    free(rows->outs);
    *rows = (duck_rows){0};
}

sl_code duck_rows_add_column(duck_rows *rows, int32_t column, duckdb_vector vector, int64_t n,
                             sl_error *err)
{
    return out_add(&rows->outs[column], vector, 0, n, err);
}

sl_code duck_rows_add(duck_rows *rows, duckdb_data_chunk chunk, sl_error *err)
{
    int64_t n = (int64_t)duckdb_data_chunk_get_size(chunk);
    for (int32_t i = 0; i < rows->n_columns; i++) {
        SL_TRY(out_add(&rows->outs[i], duckdb_data_chunk_get_vector(chunk, (idx_t)i), 0, n, err));
    }
    rows->n += n;
    return SL_OK;
}

// ---------------------------------------------------------------- to Arrow

/// What an array owns besides its struct.
typedef struct held {
    duck_out out; ///< without children; a root has none
    const void **buffers;
} held;

static void release_array(struct ArrowArray *array)
{
    held *own = array->private_data;
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release != NULL) {
            array->children[i]->release(array->children[i]);
        }
        free(array->children[i]);
    }
    free(array->children);
    out_reset(&own->out);
    free(own->buffers);
    free(own);
    array->release = NULL;
}

/// `n_buffers` places for buffers and `n` children, all zero. False: no memory, and nothing to
/// release.
static bool new_array(struct ArrowArray *out, int64_t n_buffers, int32_t n)
{
    held *own = calloc(1, sizeof *own);
    const void **buffers = calloc((size_t)n_buffers + 1, sizeof *buffers);
    struct ArrowArray **children = calloc((size_t)n + 1, sizeof *children);
    bool good = own != NULL && buffers != NULL && children != NULL;
    int32_t made = 0;
    for (; good && made < n; made++) {
        children[made] = calloc(1, sizeof **children);
        good = children[made] != NULL;
    }
    if (!good) {
        for (int32_t i = 0; children != NULL && i < n; i++) {
            free(children[i]);
        }
        free(own);
        free(buffers);
        free(children);
        return false;
    }
    own->buffers = buffers;
    *out = (struct ArrowArray){.n_buffers = n_buffers,
                               .n_children = n,
                               .buffers = buffers,
                               .children = children,
                               .private_data = own,
                               .release = release_array};
    return true;
}

/// Moves a column into an array; it stays as it is without memory.
static bool out_take(duck_out *out, struct ArrowArray *to)
{
    static const int64_t no_sizes[1];
    const duck_type *type = out->type;
    bool is_text = type->type == SL_STRING || type->type == SL_BINARY;
    int64_t n_buffers = is_text ? 3 + (int64_t)out->n_data : type->type == SL_STRUCT ? 1 : 2;
    if (!out_reserve(out, 0) || !new_array(to, n_buffers, type->n_children)) {
        return false;
    }
    for (int32_t i = 0; i < type->n_children; i++) {
        if (!out_take(&out->children[i], to->children[i])) {
            return false; // the root is released as a whole
        }
    }
    held *own = to->private_data;
    to->length = out->n;
    to->null_count = out->n_nulls;
    to->buffers[0] = out->n_nulls == 0 ? NULL : out->validity;
    if (n_buffers > 1) {
        to->buffers[1] = out->values;
    }
    for (int32_t i = 0; is_text && i < out->n_data; i++) {
        to->buffers[2 + i] = out->data[i];
    }
    if (is_text) {
        to->buffers[n_buffers - 1] = out->sizes == NULL ? no_sizes : out->sizes;
    }
    duck_out *children = out->children;
    own->out = *out;
    own->out.children = NULL;
    *out = (duck_out){.type = type, .children = children};
    return true;
}

sl_code duck_rows_take(duck_rows *rows, struct ArrowArray *out, sl_error *err)
{
    struct ArrowArray made = {0};
    if (!new_array(&made, 1, rows->n_columns)) {
        return duck_nomem(err);
    }
    made.length = rows->n;
    for (int32_t i = 0; i < rows->n_columns; i++) {
        if (!out_take(&rows->outs[i], made.children[i])) {
            made.release(&made);
            return duck_nomem(err);
        }
    }
    rows->n = 0;
    *out = made;
    return SL_OK;
}
