/// cells.c — columns in the making, one cell at a time: room, nulls, values, text.
///
/// Invariants: `values` has room for `capacity` cells (lists: one more offset), `validity`, once it
/// exists, too; bits past `n` are zero; a list's offset n and every struct child's n agree with the
/// column's.

#include "col/col_int.h"

#include <string.h>

enum { FIRST_CELLS = 64, MOST_HINT = 2 * SLI_BATCH_ROWS };

static bool failed(const sli_cells *cells)
{
    return cells->failure->code != SL_OK;
}

static void fail_nomem(sli_cells *cells, int64_t size)
{
    (void)sl_error_nomem(cells->failure, (size_t)size, "column in the making");
}

// ---------------------------------------------------------------- room

static int64_t bytes_of_values(const sli_cells *cells, int64_t n)
{
    switch (cells->field->type) {
    case SL_BOOL:
        return (n + 7) / 8;
    case SL_STRUCT:
        return 0;
    case SL_LIST:
        return (n + 1) * cells->width;
    default:
        return n * cells->width;
    }
}

/// A buffer with the first `used` bytes of `old`, which it replaces; the rest is zero when `zero`
/// is set.
static sli_buffer *regrow(sli_buffer *old, int64_t used, int64_t size, bool zero)
{
    sli_buffer *grown = sli_buffer_new(size);
    if (grown == NULL) {
        return NULL;
    }
    char *data = sli_buffer_data(grown);
    if (used > 0) {
        memcpy(data, sli_buffer_bytes(old), (size_t)used);
    }
    if (zero) {
        memset(data + used, 0, (size_t)(size - used));
    }
    sli_buffer_unref(old);
    return grown;
}

static bool grow_validity(sli_cells *cells, int64_t capacity)
{
    int64_t used = cells->validity == NULL ? 0 : (cells->n + 7) / 8;
    sli_buffer *grown = regrow(cells->validity, used, (capacity + 7) / 8, true);
    if (grown == NULL) {
        fail_nomem(cells, capacity / 8);
        return false;
    }
    cells->validity = grown;
    cells->valid = (uint8_t *)sli_buffer_data(grown);
    return true;
}

static bool grow(sli_cells *cells, int64_t n)
{
    int64_t capacity = cells->capacity * 2;
    int64_t least = cells->hint > FIRST_CELLS ? cells->hint : FIRST_CELLS;
    capacity = capacity < least ? least : capacity;
    capacity = capacity < cells->n + n ? cells->n + n : capacity;
    bool first = cells->capacity == 0;
    if (cells->field->type != SL_STRUCT) {
        int64_t used = first ? 0 : bytes_of_values(cells, cells->n);
        bool zero = cells->field->type == SL_BOOL;
        sli_buffer *grown = regrow(cells->values, used, bytes_of_values(cells, capacity), zero);
        if (grown == NULL) {
            fail_nomem(cells, bytes_of_values(cells, capacity));
            return false;
        }
        cells->values = grown;
        cells->at = sli_buffer_data(grown);
    }
    if (first && cells->field->type == SL_LIST) {
        memset(cells->at, 0, sizeof(int32_t));
    }
    if (cells->validity != NULL && !grow_validity(cells, capacity)) {
        return false; // values are larger than `capacity` says, which does no harm
    }
    cells->capacity = capacity;
    return true;
}

bool sli_cells_room(sli_cells *cells, int64_t n)
{
    if (failed(cells)) {
        return false;
    }
    if (n <= cells->capacity - cells->n && cells->capacity > 0) {
        return true;
    }
    if (n > SLI_MAX_ROWS - cells->n) {
        sl_error_set(cells->failure, SL_E_INVALID, "column \"%s\": more than 2147483647 rows",
                     cells->field->name);
        return false;
    }
    return grow(cells, n);
}

/// Counts `n` cells that were written as present.
static inline void add_valid(sli_cells *cells, int64_t n)
{
    if (cells->valid != NULL) {
        sli_bits_set(cells->valid, cells->n, n, true);
    }
    cells->n += n;
}

bool sli_cells_start_nulls(sli_cells *cells)
{
    if (cells->validity != NULL) {
        return true;
    }
    if (!grow_validity(cells, cells->capacity)) {
        return false;
    }
    sli_bits_set(cells->valid, 0, cells->n, true);
    return true;
}

// ---------------------------------------------------------------- nulls

static void repeat_offset(sli_cells *cells, int64_t n)
{
    int32_t *offsets = (int32_t *)(void *)cells->at;
    for (int64_t i = 0; i < n; i++) {
        offsets[cells->n + i + 1] = offsets[cells->n];
    }
}

/// Writes `n` zero cells without counting them; room was made.
static void write_zeroes(sli_cells *cells, int64_t n)
{
    if (cells->field->type == SL_LIST) {
        repeat_offset(cells, n);
    } else if (cells->field->type == SL_STRUCT) {
        for (int32_t i = 0; i < cells->n_children; i++) {
            sli_cells_filler(&cells->children[i], n);
        }
    } else if (cells->field->type != SL_BOOL) { // bits past n are zero already
        memset(cells->at + cells->n * cells->width, 0, (size_t)(n * cells->width));
    }
}

static void add_nulls(sli_cells *cells, int64_t n)
{
    if (n == 0 || !sli_cells_room(cells, n)) {
        return;
    }
    if (!cells->field->nullable) {
        sl_error_set(cells->failure, SL_E_DATA, "column \"%s\" may not be null",
                     cells->field->name);
        return;
    }
    if (sli_cells_start_nulls(cells)) {
        write_zeroes(cells, n);
        cells->n += n;
        cells->n_nulls += n;
    }
}

void sli_cells_null(sli_cells *cells)
{
    add_nulls(cells, 1);
}

void sli_cells_filler(sli_cells *cells, int64_t n)
{
    if (cells->field->nullable) {
        add_nulls(cells, n);
    } else if (n > 0 && sli_cells_room(cells, n)) {
        write_zeroes(cells, n);
        add_valid(cells, n);
    }
}

// ---------------------------------------------------------------- values

static void wrong_type(sli_cells *cells, const char *what)
{
    sl_error_set(cells->failure, SL_E_INVALID, "column \"%s\" is %s: it takes no %s",
                 cells->field->name, sli_type_name(cells->field->type), what);
}

void sli_cells_bool(sli_cells *cells, bool value)
{
    if (!sli_cells_room(cells, 1)) {
        return;
    }
    if (cells->field->type != SL_BOOL) {
        wrong_type(cells, "bool");
        return;
    }
    if (value) {
        sli_bit_set((uint8_t *)cells->at, cells->n);
    }
    add_valid(cells, 1);
}

void sli_cells_int64(sli_cells *cells, int64_t value)
{
    if (!sli_cells_room(cells, 1)) {
        return;
    }
    sl_type type = cells->field->type;
    if (type == SL_INT64) {
        ((int64_t *)(void *)cells->at)[cells->n] = value;
    } else if (!sli_type_is_integer(type)) {
        wrong_type(cells, "int64");
        return;
    } else if (!sli_integer_put(type, cells->at + cells->n * cells->width, value)) {
        sl_error_set(cells->failure, SL_E_DATA, "column \"%s\": %lld is outside %s",
                     cells->field->name, (long long)value, sli_type_name(type));
        return;
    }
    add_valid(cells, 1);
}

void sli_cells_float64(sli_cells *cells, double value)
{
    if (!sli_cells_room(cells, 1)) {
        return;
    }
    if (cells->field->type == SL_FLOAT64) {
        ((double *)(void *)cells->at)[cells->n] = value;
    } else if (cells->field->type == SL_FLOAT32) {
        ((float *)(void *)cells->at)[cells->n] = (float)value;
    } else {
        wrong_type(cells, "float64");
        return;
    }
    add_valid(cells, 1);
}

void sli_cells_fixed(sli_cells *cells, const void *bytes)
{
    if (sli_cells_room(cells, 1)) {
        memcpy(cells->at + cells->n * cells->width, bytes, (size_t)cells->width);
        add_valid(cells, 1);
    }
}

void sli_cells_text(sli_cells *cells, const char *data, int64_t size)
{
    if (!sli_cells_room(cells, 1)) {
        return;
    }
    if (!sli_type_is_text(cells->field->type)) {
        wrong_type(cells, "text");
        return;
    }
    sl_view view;
    if (size <= SL_VIEW_INLINE) {
        view = sli_view_of(data, 0, 0, size);
    } else if (size > INT32_MAX) {
        sl_error_set(cells->failure, SL_E_DATA,
                     "column \"%s\": a cell of %lld bytes, 2147483647 are allowed",
                     cells->field->name, (long long)size);
        return;
    } else {
        int32_t buffer = 0, offset = 0;
        char *room = sli_texts_room(&cells->texts, size, &buffer, &offset, cells->failure);
        if (room == NULL) {
            return;
        }
        memcpy(room, data, (size_t)size);
        view = sli_view_of(data, buffer, 0, size);
        view.as.ref.offset = offset;
    }
    ((sl_view *)(void *)cells->at)[cells->n] = view;
    add_valid(cells, 1);
}

void *sli_cells_reserve(sli_cells *cells, int64_t n)
{
    if (n < 0 || cells->field->type == SL_BOOL || cells->n_children > 0) {
        if (!failed(cells)) {
            wrong_type(cells, "reserved cells");
        }
        return NULL;
    }
    if (!sli_cells_room(cells, n)) {
        return NULL;
    }
    void *at = cells->at + cells->n * cells->width;
    add_valid(cells, n);
    return at;
}

void sli_cells_close(sli_cells *cells)
{
    if (!sli_cells_room(cells, 1)) {
        return;
    }
    if (cells->field->type == SL_LIST) {
        // at most SLI_MAX_ROWS, which the child checked
        ((int32_t *)(void *)cells->at)[cells->n + 1] = (int32_t)cells->children[0].n;
    }
    add_valid(cells, 1);
}

// ---------------------------------------------------------------- life

int64_t sli_cells_bytes(const sli_cells *cells)
{
    int64_t bytes = (cells->values == NULL ? 0 : sli_buffer_size(cells->values)) +
                    (cells->validity == NULL ? 0 : sli_buffer_size(cells->validity));
    bytes += cells->texts.capacity * (int64_t)sizeof(sli_text_entry);
    bytes += cells->texts.own_bytes;
    for (int32_t i = 0; i < cells->n_children; i++) {
        bytes += sli_cells_bytes(&cells->children[i]);
    }
    return bytes;
}

void sli_cells_clear(sli_cells *cells)
{
    cells->hint = cells->n > MOST_HINT ? MOST_HINT : cells->n;
    if (cells->field->type == SL_BOOL && cells->values != NULL) {
        memset(cells->at, 0, (size_t)bytes_of_values(cells, cells->n));
    }
    sli_buffer_unref(cells->validity); // nulls are rare: the next batch may need none
    cells->validity = NULL;
    cells->valid = NULL;
    cells->n = cells->n_nulls = 0;
    cells->open = false;
    cells->next = 0;
    sli_texts_clear(&cells->texts);
    for (int32_t i = 0; i < cells->n_children; i++) {
        sli_cells_clear(&cells->children[i]);
    }
}

void sli_cells_reset(sli_cells *cells)
{
    sli_buffer_unref(cells->values);
    sli_buffer_unref(cells->validity);
    sli_texts_reset(&cells->texts);
    for (int32_t i = 0; i < cells->n_children; i++) {
        sli_cells_reset(&cells->children[i]);
    }
}
