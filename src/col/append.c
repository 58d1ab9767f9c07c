/// append.c — columns in the making that grow by rows of other columns: ranges (concat, compact)
/// and picked rows (take, filter). Text is shared by its buffers, or copied when asked.

#include "col/col_int.h"

#include <string.h>

static bool same_shape(sli_cells *cells, const sl_column *from)
{
    if (cells->field->type == from->type && cells->n_children == from->n_children) {
        return true;
    }
    if (cells->failure->code == SL_OK) {
        sl_error_set(cells->failure, SL_E_INVALID, "column \"%s\" is %s: it takes no %s",
                     cells->field->name, sli_type_name(cells->field->type),
                     sli_type_name(from->type));
    }
    return false;
}

// ---------------------------------------------------------------- validity

/// Writes validity for the next n cells (not yet counted), which come from rows [row, row + n) or
/// rows[i].
static bool add_validity(sli_cells *cells, const sl_column *from, int64_t row, const int32_t *rows,
                         int64_t n)
{
    int64_t n_nulls = 0;
    if (rows == NULL) {
        n_nulls = from->validity == NULL ? 0 : n - sli_bits_count(from->validity, row, n);
    } else {
        for (int64_t i = 0; i < n; i++) {
            n_nulls += rows[i] < 0 || sl_column_is_null(from, rows[i]);
        }
    }
    if (n_nulls > 0 && !cells->field->nullable) {
        if (!cells->in_struct) {
            sl_error_set(cells->failure, SL_E_DATA, "column \"%s\" may not be null",
                         cells->field->name);
            return false;
        }
        n_nulls = 0; // the struct above is null there: a value that nobody reads
    }
    if (n_nulls > 0 && !sli_cells_start_nulls(cells)) {
        return false;
    }
    if (cells->valid != NULL && n_nulls == 0) {
        sli_bits_set(cells->valid, cells->n, n, true);
    } else if (cells->valid != NULL && rows == NULL) {
        sli_bits_copy(cells->valid, cells->n, from->validity, row, n);
    } else if (cells->valid != NULL) {
        for (int64_t i = 0; i < n; i++) {
            if (rows[i] >= 0 && !sl_column_is_null(from, rows[i])) {
                sli_bit_set(cells->valid, cells->n + i);
            }
        }
    }
    cells->n_nulls += n_nulls;
    return true;
}

// ---------------------------------------------------------------- views

static void copy_text(sli_cells *cells, const sl_column *from, int64_t row, sl_view *to)
{
    sl_text text = sl_column_text(from, row);
    int32_t buffer = 0, offset = 0;
    *to = ((const sl_view *)from->values)[row];
    if (to->size > SL_VIEW_INLINE) {
        char *room = sli_texts_room(&cells->texts, to->size, &buffer, &offset, cells->failure);
        if (room == NULL) {
            return;
        }
        memcpy(room, text.data, text.size);
        to->as.ref.buffer = buffer;
        to->as.ref.offset = offset;
    }
}

/// The base for view heads of `from`, or -1 after a failure.
static int32_t share(sli_cells *cells, const sl_column *from)
{
    sli_heap *heap = sli_heap_of(from);
    return heap == NULL ? 0 : sli_texts_share(&cells->texts, heap, cells->failure);
}

/// In place: a view that is passed through a register and changed there is stored in parts, and
/// reading it whole again waits for them.
static inline void rebase(sl_view *view, int32_t base)
{
    if (view->size > SL_VIEW_INLINE) {
        view->as.ref.buffer += base;
    }
}

static void append_views(sli_cells *cells, const sl_column *from, int64_t row, int64_t n, bool deep)
{
    sl_view *to = (sl_view *)(void *)cells->at + cells->n;
    const sl_view *views = (const sl_view *)from->values + row;
    if (deep) {
        for (int64_t i = 0; i < n; i++) {
            if (sl_column_is_null(from, row + i)) {
                to[i] = (sl_view){0};
            } else {
                copy_text(cells, from, row + i, &to[i]);
            }
        }
        return;
    }
    int32_t base = share(cells, from);
    if (base >= 0 && n > 0) {
        memcpy(to, views, (size_t)n * sizeof *to);
    }
    for (int64_t i = 0; base > 0 && i < n; i++) {
        rebase(&to[i], base);
    }
}

static void take_views(sli_cells *cells, const sl_column *from, const int32_t *rows, int64_t n)
{
    sl_view *to = (sl_view *)(void *)cells->at + cells->n;
    const sl_view *views = from->values;
    int32_t base = share(cells, from);
    for (int64_t i = 0; base >= 0 && i < n; i++) {
        if (rows[i] < 0) {
            to[i] = (sl_view){0};
        } else {
            to[i] = views[rows[i]];
        }
    }
    for (int64_t i = 0; base > 0 && i < n; i++) {
        rebase(&to[i], base);
    }
}

// ---------------------------------------------------------------- ranges

static void append_list(sli_cells *cells, const sl_column *from, int64_t row, int64_t n, bool deep)
{
    const int32_t *offsets = (const int32_t *)from->values + row;
    int64_t base = cells->children[0].n - offsets[0];
    sli_cells_append(&cells->children[0], from->children, offsets[0], offsets[n] - offsets[0],
                     deep);
    int32_t *to = (int32_t *)(void *)cells->at + cells->n + 1;
    for (int64_t i = 0; cells->failure->code == SL_OK && i < n; i++) {
        to[i] = (int32_t)(offsets[i + 1] + base); // fits: the child has at most 2^31 - 1 rows
    }
}

void sli_cells_append(sli_cells *cells, const sl_column *from, int64_t row, int64_t n, bool deep)
{
    if (!same_shape(cells, from) || n == 0 || !sli_cells_room(cells, n) ||
        !add_validity(cells, from, row, NULL, n)) {
        return;
    }
    switch (cells->field->type) {
    case SL_BOOL:
        sli_bits_copy((uint8_t *)cells->at, cells->n, from->values, row, n);
        break;
    case SL_STRING:
    case SL_BINARY:
        append_views(cells, from, row, n, deep);
        break;
    case SL_LIST:
        append_list(cells, from, row, n, deep);
        break;
    case SL_STRUCT:
        for (int32_t i = 0; i < cells->n_children; i++) {
            sli_cells_append(&cells->children[i], &from->children[i], row, n, deep);
        }
        break;
    default:
        memcpy(cells->at + cells->n * cells->width, (const char *)from->values + row * cells->width,
               (size_t)(n * cells->width));
        break;
    }
    cells->n += n;
}

// ---------------------------------------------------------------- picked rows

#define TAKE(type)                                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
        ((type *)to)[i] = rows[i] < 0 ? (type)0 : ((const type *)values)[rows[i]];                 \
    }

static void take_fixed(int32_t width, void *to, const void *values, const int32_t *rows, int64_t n)
{
    switch (width) {
    case 1:
        TAKE(uint8_t)
        break;
    case 2:
        TAKE(uint16_t)
        break;
    case 4:
        TAKE(uint32_t)
        break;
    case 8:
        TAKE(uint64_t)
        break;
    default: // 16
        for (int64_t i = 0; i < n; i++) {
            static const uint64_t zero[2] = {0, 0};
            const char *at =
                rows[i] < 0 ? (const char *)zero : (const char *)values + (int64_t)rows[i] * 16;
            memcpy((char *)to + i * 16, at, 16);
        }
    }
}

static void take_bools(sli_cells *cells, const sl_column *from, const int32_t *rows, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        if (rows[i] >= 0 && sl_column_bool(from, rows[i])) {
            sli_bit_set((uint8_t *)cells->at, cells->n + i);
        }
    }
}

static void take_lists(sli_cells *cells, const sl_column *from, const int32_t *rows, int64_t n)
{
    const int32_t *offsets = from->values;
    int32_t *to = (int32_t *)(void *)cells->at + cells->n + 1;
    for (int64_t i = 0; i < n && cells->failure->code == SL_OK; i++) {
        int32_t row = rows[i];
        if (row >= 0 && !sl_column_is_null(from, row)) {
            sli_cells_append(&cells->children[0], from->children, offsets[row],
                             offsets[row + 1] - offsets[row], false);
        }
        to[i] = (int32_t)cells->children[0].n;
    }
}

void sli_cells_take(sli_cells *cells, const sl_column *from, const int32_t *rows, int64_t n)
{
    if (!same_shape(cells, from) || n == 0 || !sli_cells_room(cells, n) ||
        !add_validity(cells, from, 0, rows, n)) {
        return;
    }
    switch (cells->field->type) {
    case SL_BOOL:
        take_bools(cells, from, rows, n);
        break;
    case SL_STRING:
    case SL_BINARY:
        take_views(cells, from, rows, n);
        break;
    case SL_LIST:
        take_lists(cells, from, rows, n);
        break;
    case SL_STRUCT:
        for (int32_t i = 0; i < cells->n_children; i++) {
            sli_cells_take(&cells->children[i], &from->children[i], rows, n);
        }
        break;
    default:
        take_fixed(cells->width, cells->at + cells->n * cells->width, from->values, rows, n);
        break;
    }
    cells->n += n;
}
