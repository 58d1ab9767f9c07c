/// row.c — rows as self-delimiting bytes, for state keys, ids and sorting; the format is in
/// README.md. Equal cells make equal bytes: floats are written in their one canonical form. Reading
/// checks everything before it appends anything.

#include "col/col_int.h"

#include <string.h>

// ---------------------------------------------------------------- writing

static void put_fixed(sli_str *out, const void *value, int32_t width)
{
    char *cell = sli_str_extend(out, (size_t)width + 1);
    if (cell != NULL) {
        cell[0] = 1;
        sli_cell_copy(cell + 1, value, width);
    }
}

static void put_cell(sli_str *out, const sl_column *column, int64_t row);

static void put_list(sli_str *out, const sl_column *column, int64_t row)
{
    const int32_t *offsets = column->values;
    sli_put_u8(out, 1);
    sli_put_varint(out, (uint64_t)(offsets[row + 1] - offsets[row]));
    for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
        put_cell(out, column->children, i);
    }
}

static void put_cell(sli_str *out, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_put_u8(out, 0);
        return;
    }
    switch (column->type) {
    case SL_BOOL: {
        uint8_t value = sl_column_bool(column, row);
        put_fixed(out, &value, 1);
        break;
    }
    case SL_FLOAT32: {
        uint32_t bits = sli_row_float32_bits(((const float *)column->values)[row]);
        put_fixed(out, &bits, 4);
        break;
    }
    case SL_FLOAT64: {
        uint64_t bits = sli_row_float64_bits(sl_column_float64(column, row));
        put_fixed(out, &bits, 8);
        break;
    }
    case SL_STRING:
    case SL_BINARY: {
        sl_text text = sl_column_text(column, row);
        sli_put_u8(out, 1);
        sli_put_bytes(out, text.data, text.size);
        break;
    }
    case SL_LIST:
        put_list(out, column, row);
        break;
    case SL_STRUCT:
        sli_put_u8(out, 1);
        for (int32_t i = 0; i < column->n_children; i++) {
            put_cell(out, &column->children[i], row);
        }
        break;
    default: {
        int32_t width = sli_type_width(column->type);
        SL_ASSERT(column->type != SL_OPAQUE, "opaque values are never stored");
        put_fixed(out, (const char *)column->values + row * width, width);
        break;
    }
    }
}

void sli_row_put(sli_str *out, const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                 int64_t row)
{
    for (int32_t i = 0; i < n_columns; i++) {
        put_cell(out, sl_batch_column(batch, columns[i]), row);
    }
}

/// Bytes of a row whose cells all have a value, if that is the same for every row; else 0.
static size_t row_bytes_of(const sl_batch *batch, const int32_t *columns, int32_t n_columns)
{
    size_t bytes = 0;
    for (int32_t i = 0; i < n_columns; i++) {
        const sl_column *column = sl_batch_column(batch, columns[i]);
        if (column->n_nulls != 0 || !sli_type_is_integer(column->type)) {
            return 0;
        }
        bytes += 1 + (size_t)sli_type_width(column->type);
    }
    return bytes;
}

static void put_cells(char *at, size_t step, const sl_column *column, int64_t from, int64_t n)
{
    int32_t width = sli_type_width(column->type);
    const char *cells = (const char *)column->values + from * width;
    if (width == 8) {
        for (int64_t i = 0; i < n; i++, at += step) {
            at[0] = 1;
            memcpy(at + 1, cells + 8 * i, 8);
        }
        return;
    }
    for (int64_t i = 0; i < n; i++, at += step) {
        at[0] = 1;
        sli_cell_copy(at + 1, cells + width * i, width);
    }
}

/// Rows whose cells all have a value and one width, by columns. False: nothing was done.
static bool put_even(sli_str *out, const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                     int64_t from, int64_t n, sl_bytes *rows)
{
    size_t bytes = row_bytes_of(batch, columns, n_columns);
    char *at = bytes == 0 ? NULL : sli_str_extend(out, bytes * (size_t)n);
    if (at == NULL) {
        return false;
    }
    for (int64_t i = 0; i < n; i++) {
        rows[i] = (sl_bytes){at + bytes * (size_t)i, bytes};
    }
    for (int32_t c = 0; c < n_columns; c++) {
        const sl_column *column = sl_batch_column(batch, columns[c]);
        put_cells(at, bytes, column, from, n);
        at += 1 + sli_type_width(column->type);
    }
    return true;
}

void sli_rows_put(sli_str *out, const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                  int64_t from, int64_t n, sl_bytes *rows)
{
    size_t begin = out->size;
    if (put_even(out, batch, columns, n_columns, from, n, rows)) {
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        size_t before = out->size;
        sli_row_put(out, batch, columns, n_columns, from + i);
        rows[i].size = out->size - before;
    }
    const char *at = out->failed ? NULL : out->data + begin; // no longer moves
    for (int64_t i = 0; i < n && at != NULL; at += rows[i++].size) {
        rows[i].data = at;
    }
}

// ---------------------------------------------------------------- cell by cell

void sli_row_put_null(sli_str *out)
{
    sli_put_u8(out, 0);
}

bool sli_row_put_int64(sli_str *out, sl_type type, int64_t value)
{
    uint64_t cell = value != 0;
    if (type == SL_BOOL) {
        put_fixed(out, &cell, 1);
        return true;
    }
    if (!sli_integer_put(type, &cell, value)) {
        return false;
    }
    put_fixed(out, &cell, sli_type_width(type));
    return true;
}

void sli_row_put_float64(sli_str *out, sl_type type, double value)
{
    if (type == SL_FLOAT32) {
        uint32_t bits = sli_row_float32_bits((float)value);
        put_fixed(out, &bits, 4);
    } else {
        uint64_t bits = sli_row_float64_bits(value);
        put_fixed(out, &bits, 8);
    }
}

void sli_row_put_text(sli_str *out, sl_text text)
{
    sli_put_u8(out, 1);
    sli_put_bytes(out, text.data, text.size);
}

bool sli_row_has_value(sli_reader *r)
{
    return sli_get_u8(r) == 1;
}

/// The next `size` bytes, at most 8, as a number; 0 past the end.
static uint64_t get_fixed(sli_reader *r, size_t size)
{
    uint64_t bits = 0;
    if (r->bad || (size_t)(r->end - r->at) < size) {
        r->bad = true;
        return 0;
    }
    memcpy(&bits, r->at, size);
    r->at += size;
    return bits;
}

int64_t sli_row_get_int64(sli_reader *r, sl_type type)
{
    if (type == SL_BOOL) {
        return sli_get_u8(r) != 0;
    }
    int32_t width = sli_type_width(type);
    uint64_t bits = get_fixed(r, (size_t)width);
    sl_column cell = {.type = type, .n_rows = 1, .values = &bits};
    return width == 8 ? (int64_t)bits : sli_integer_at(&cell, 0);
}

double sli_row_get_float64(sli_reader *r, sl_type type)
{
    uint64_t bits = get_fixed(r, type == SL_FLOAT32 ? 4 : 8);
    double value = 0;
    float narrow = 0;
    memcpy(&narrow, &bits, sizeof narrow);
    memcpy(&value, &bits, sizeof value);
    return type == SL_FLOAT32 ? (double)narrow : value;
}

// ---------------------------------------------------------------- single cells

/// Passes over the byte that says whether there is a value.
static bool is_there(sli_reader *r)
{
    uint8_t there = sli_get_u8(r);
    r->bad = r->bad || there != 1;
    return !r->bad;
}

bool sli_row_take_bool(sli_reader *r)
{
    return is_there(r) && sli_get_u8(r) != 0;
}

int64_t sli_row_take_int64(sli_reader *r)
{
    return is_there(r) ? sli_get_i64(r) : 0;
}

sl_bytes sli_row_take_binary(sli_reader *r)
{
    return is_there(r) ? sli_get_bytes(r) : (sl_bytes){NULL, 0};
}

// ---------------------------------------------------------------- checking

static const uint8_t *skip(sli_reader *r, size_t size)
{
    const uint8_t *at = r->at;
    if (r->bad || (size_t)(r->end - r->at) < size) {
        r->bad = true;
        return NULL;
    }
    r->at += size;
    return at;
}

static bool cell_is_good(sli_reader *r, const sl_field *field);

static bool value_is_good(sli_reader *r, const sl_field *field)
{
    if (field->type == SL_BOOL) {
        return sli_get_u8(r) <= 1;
    }
    if (sli_type_is_text(field->type)) {
        sl_bytes text = sli_get_bytes(r);
        return !r->bad && text.size <= INT32_MAX &&
               (field->type == SL_BINARY || sli_utf8_check(text.data, text.size) == text.size);
    }
    if (field->type == SL_LIST) {
        uint64_t n = sli_get_varint(r);
        for (uint64_t i = 0; i < n && !r->bad;
             i++) { // a cell has at least a byte, so this ends with the bytes
            if (!cell_is_good(r, field->children)) {
                return false;
            }
        }
        return !r->bad && n <= INT32_MAX;
    }
    for (int32_t i = 0; i < field->n_children; i++) {
        if (!cell_is_good(r, &field->children[i])) {
            return false;
        }
    }
    (void)skip(r, (size_t)sli_type_width(field->type));
    return !r->bad && field->type != SL_OPAQUE;
}

static bool cell_is_good(sli_reader *r, const sl_field *field)
{
    uint8_t present = sli_get_u8(r);
    if (r->bad || present > 1) {
        return false;
    }
    return present == 0 ? field->nullable : value_is_good(r, field) && !r->bad;
}

// ---------------------------------------------------------------- reading what was checked

static void read_cell(sli_reader *r, sli_cells *cells)
{
    const sl_field *field = cells->field;
    if (sli_get_u8(r) == 0) {
        sli_cells_null(cells);
    } else if (field->type == SL_BOOL) {
        sli_cells_bool(cells, sli_get_u8(r) != 0);
    } else if (sli_type_is_text(field->type)) {
        sl_bytes text = sli_get_bytes(r);
        sli_cells_text(cells, text.data, (int64_t)text.size);
    } else if (field->type == SL_LIST) {
        uint64_t n = sli_get_varint(r);
        for (uint64_t i = 0; i < n; i++) {
            read_cell(r, &cells->children[0]);
        }
        sli_cells_close(cells);
    } else if (field->type == SL_STRUCT) {
        for (int32_t i = 0; i < field->n_children; i++) {
            read_cell(r, &cells->children[i]);
        }
        sli_cells_close(cells);
    } else {
        sli_cells_fixed(cells, skip(r, (size_t)cells->width));
    }
}

sl_code sli_row_get(sl_bytes row, sl_builder *out, int32_t first_column, int32_t n_columns,
                    sl_error *err)
{
    SL_ASSERT(first_column >= 0 && n_columns <= out->n_columns - first_column,
              "the builder has the row's columns");
    SL_TRY(sli_builder_check(out, err));
    sli_reader check = sli_reader_of(row);
    for (int32_t i = 0; i < n_columns; i++) {
        const sl_field *field = out->cells[first_column + i].field;
        if (!cell_is_good(&check, field)) {
            return sl_error_set(err, SL_E_CORRUPT,
                                "row of %zu bytes: the cell of \"%s\" (%s) is damaged", row.size,
                                field->name, sli_type_name(field->type));
        }
    }
    SL_TRY(sli_reader_done(&check, "row", err));
    sli_reader r = sli_reader_of(row);
    for (int32_t i = 0; i < n_columns; i++) {
        read_cell(&r, &out->cells[first_column + i]);
    }
    return sli_builder_check(out, err);
}

/// Whether a row has exactly the cells of an even one, each with a value.
static bool is_even(sl_bytes row, const sli_cells *cells, int32_t n_columns)
{
    const char *at = row.data, *end = at + row.size;
    for (int32_t i = 0; i < n_columns; i++) {
        if (end - at <= cells[i].width || *at != 1) {
            return false;
        }
        at += 1 + cells[i].width;
    }
    return at == end;
}

/// Rows whose cells are all integers with a value, by columns. False: nothing was done.
static bool get_even(const sl_bytes *rows, int64_t n, sli_cells *cells, int32_t n_columns)
{
    bool even = n_columns > 0;
    for (int32_t i = 0; i < n_columns && even; i++) {
        even = sli_type_is_integer(cells[i].field->type);
    }
    for (int64_t row = 0; row < n && even; row++) {
        even = is_even(rows[row], cells, n_columns);
    }
    int32_t at = 1;
    for (int32_t i = 0; i < n_columns && even; i++) {
        int32_t width = cells[i].width;
        char *to = sli_cells_reserve(&cells[i], n);
        for (int64_t row = 0; row < n && to != NULL; row++) {
            sli_cell_copy(to + row * width, (const char *)rows[row].data + at, width);
        }
        at += 1 + width;
    }
    return even;
}

sl_code sli_rows_get(const sl_bytes *rows, int64_t n, sl_builder *out, int32_t first_column,
                     int32_t n_columns, sl_error *err)
{
    SL_ASSERT(first_column >= 0 && n_columns <= out->n_columns - first_column,
              "the builder has the rows' columns");
    SL_TRY(sli_builder_check(out, err));
    if (get_even(rows, n, &out->cells[first_column], n_columns)) {
        return sli_builder_check(out, err);
    }
    for (int64_t i = 0; i < n; i++) {
        SL_TRY(sli_row_get(rows[i], out, first_column, n_columns, err));
    }
    return SL_OK;
}
