/// chunk_in.c — rows of Arrow arrays into DuckDB's vectors: fixed widths by memcpy, of strings the
/// 16-byte heads only, which have the same form on both sides but for where a long one's bytes are.
#include <string.h>

#include "duckdb/module/duck_int.h"

typedef struct put {
    duckdb_vector out;
    idx_t at;
    const duck_type *type;
    const struct ArrowArray *array;
    int64_t from; ///< into the buffers: the array's own offset is in it
    int64_t n;
    bool copies;
} put;

static bool bit(const uint8_t *bits, int64_t i)
{
    return (bits[i >> 3] >> (i & 7) & 1) != 0;
}

// ---------------------------------------------------------------- nulls

static void put_bits(uint8_t *out, idx_t at, const uint8_t *bits, int64_t from, int64_t n)
{
    int64_t i = 0;
    if ((at & 7) == 0 && (from & 7) == 0) {
        memcpy(out + (at >> 3), bits + (from >> 3), (size_t)(n >> 3));
        i = n & ~(int64_t)7;
    }
    for (; i < n; i++) {
        idx_t to = at + (idx_t)i;
        uint8_t mask = (uint8_t)(1U << (to & 7));
        out[to >> 3] = (uint8_t)(bit(bits, from + i) ? out[to >> 3] | mask : out[to >> 3] & ~mask);
    }
}

/// DuckDB's words of validity are bitmaps as Arrow's, on machines with the low byte first.
static void put_validity(const put *p)
{
    const uint8_t *bits = p->array->buffers[0];
    if (bits != NULL && p->array->null_count != 0) {
        duckdb_vector_ensure_validity_writable(p->out);
        put_bits((uint8_t *)duckdb_vector_get_validity(p->out), p->at, bits, p->from, p->n);
    }
}

/// A struct that is null has fields that are: DuckDB looks at either.
static void null_field(duckdb_vector field, const duck_type *type, idx_t row)
{
    duckdb_vector_ensure_validity_writable(field);
    duckdb_validity_set_row_invalid(duckdb_vector_get_validity(field), row);
    for (int32_t i = 0; type->type == SL_STRUCT && i < type->n_children; i++) {
        null_field(duckdb_struct_vector_get_child(field, (idx_t)i), &type->children[i], row);
    }
}

// ---------------------------------------------------------------- fixed widths

static void put_bool(const put *p)
{
    bool *out = (bool *)duckdb_vector_get_data(p->out) + p->at;
    for (int64_t i = 0; i < p->n; i++) {
        out[i] = bit(p->array->buffers[1], p->from + i);
    }
}

/// 16 bytes to the width that DuckDB gives this precision.
static void put_decimal(const put *p, size_t width)
{
    const char *from = (const char *)p->array->buffers[1] + p->from * 16;
    char *out = (char *)duckdb_vector_get_data(p->out) + p->at * width;
    for (int64_t i = 0; i < p->n; i++) {
        memcpy(out + (size_t)i * width, from + i * 16, width); // the low bytes come first
    }
}

static size_t decimal_width(uint8_t precision)
{
    return precision <= 4 ? 2 : precision <= 9 ? 4 : precision <= 18 ? 8 : 16;
}

static void put_fixed(const put *p)
{
    static const uint8_t widths[] = {
        [SL_INT8] = 1,    [SL_INT16] = 2,  [SL_INT32] = 4,    [SL_INT64] = 8,   [SL_UINT8] = 1,
        [SL_UINT16] = 2,  [SL_UINT32] = 4, [SL_UINT64] = 8,   [SL_FLOAT32] = 4, [SL_FLOAT64] = 8,
        [SL_DECIMAL] = 0, [SL_DATE] = 4,   [SL_TIMESTAMP] = 8};
    size_t width = widths[p->type->type];
    memcpy((char *)duckdb_vector_get_data(p->out) + p->at * width,
           (const char *)p->array->buffers[1] + (size_t)p->from * width, (size_t)p->n * width);
}

// ---------------------------------------------------------------- strings

static const char *text_at(const put *p, const sl_view *view)
{
    return view->size <= SL_VIEW_INLINE
               ? view->as.inlined
               : (const char *)p->array->buffers[2 + view->as.ref.buffer] + view->as.ref.offset;
}

static bool is_null(const put *p, int64_t i)
{
    return p->array->buffers[0] != NULL && !bit(p->array->buffers[0], p->from + i);
}

static void copy_text(const put *p)
{
    const sl_view *views = (const sl_view *)p->array->buffers[1] + p->from;
    for (int64_t i = 0; i < p->n; i++) {
        if (!is_null(p, i)) {
            duckdb_vector_assign_string_element_len(p->out, p->at + (idx_t)i, text_at(p, &views[i]),
                                                    (idx_t)views[i].size);
        }
    }
}

/// A null's view may say anything, so it is not followed.
static void put_text(const put *p)
{
    const sl_view *views = (const sl_view *)p->array->buffers[1] + p->from;
    duckdb_string_t *out = (duckdb_string_t *)duckdb_vector_get_data(p->out) + p->at;
    bool has_nulls = p->array->buffers[0] != NULL && p->array->null_count != 0;
    for (int64_t i = 0; i < p->n; i++) {
        if (has_nulls && is_null(p, i)) {
            out[i] = (duckdb_string_t){0};
            continue;
        }
        memcpy(&out[i], &views[i], sizeof out[i]);
        if (views[i].size > SL_VIEW_INLINE) {
            const char *text = text_at(p, &views[i]);
            memcpy(&out[i].value.pointer.ptr, &text, sizeof text); // DuckDB reads only
        }
    }
}

// ---------------------------------------------------------------- nested

static sl_code put_list(const put *p, sl_error *err)
{
    const int32_t *offsets = (const int32_t *)p->array->buffers[1] + p->from;
    duckdb_list_entry *out = (duckdb_list_entry *)duckdb_vector_get_data(p->out) + p->at;
    idx_t used = duckdb_list_vector_get_size(p->out);
    int64_t first = p->n == 0 ? 0 : offsets[0], n = p->n == 0 ? 0 : offsets[p->n] - first;
    if (duckdb_list_vector_reserve(p->out, used + (idx_t)n) == DuckDBError ||
        duckdb_list_vector_set_size(p->out, used + (idx_t)n) == DuckDBError) {
        return duck_nomem(err);
    }
    for (int64_t i = 0; i < p->n; i++) {
        out[i].offset = used + (idx_t)(offsets[i] - first);
        out[i].length = (idx_t)(offsets[i + 1] - offsets[i]);
    }
    return duck_put(duckdb_list_vector_get_child(p->out), used, &p->type->children[0],
                    p->array->children[0], first, n, p->copies, err);
}

static sl_code put_struct(const put *p, sl_error *err)
{
    for (int32_t i = 0; i < p->type->n_children; i++) {
        SL_TRY(duck_put(duckdb_struct_vector_get_child(p->out, (idx_t)i), p->at,
                        &p->type->children[i], p->array->children[i], p->from, p->n, p->copies,
                        err));
    }
    for (int64_t row = 0; p->array->null_count != 0 && row < p->n; row++) {
        if (is_null(p, row)) {
            null_field(p->out, p->type, p->at + (idx_t)row);
        }
    }
    return SL_OK;
}

sl_code duck_put(duckdb_vector out, idx_t at, const duck_type *type, const struct ArrowArray *array,
                 int64_t from, int64_t n, bool copies, sl_error *err)
{
    put p = {out, at, type, array, array->offset + from, n, copies};
    if (n == 0) {
        return SL_OK; // buffers may be missing
    }
    put_validity(&p);
    switch (type->type) {
    case SL_BOOL:
        put_bool(&p);
        return SL_OK;
    case SL_DECIMAL:
        put_decimal(&p, decimal_width(type->precision));
        return SL_OK;
    case SL_STRING:
    case SL_BINARY:
        if (copies) {
            copy_text(&p);
        } else {
            put_text(&p);
        }
        return SL_OK;
    case SL_LIST:
        return put_list(&p, err);
    case SL_STRUCT:
        return put_struct(&p, err);
    default:
        put_fixed(&p);
        return SL_OK;
    }
}
