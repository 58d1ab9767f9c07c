// check.c — rows that the table could never take, found before their group is sealed: a sealed
// group can't be taken back, and would be refused at every start.
#include "sink/postgres/psink_int.h"

#include <inttypes.h>

enum { FIRST_DAY = -719162, LAST_DAY = 2932896 }; // of the years 1 and 9999
static const int64_t day_us = INT64_C(86400000000);

static sl_code refuse(const psink_column *column, int64_t row, const char *why, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA, "column %s of row %" PRId64 ": %s", column->field->name,
                        row, why);
}

static int64_t characters(sl_text text)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.size; i++) {
        n += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return n;
}

static sl_code check_text(const psink_column *column, sl_text text, int64_t row, sl_error *err)
{
    if (text.size > 0 && memchr(text.data, '\0', text.size) != NULL) {
        return refuse(column, row, "PostgreSQL's texts hold no zero byte", err);
    }
    if (column->most >= 0 && (int64_t)text.size > column->most && characters(text) > column->most) {
        return sl_error_set(err, SL_E_DATA,
                            "column %s of row %" PRId64 ": %" PRId64 " characters, and the "
                            "table's column takes %d",
                            column->field->name, row, characters(text), (int)column->most);
    }
    return SL_OK;
}

/// A cell of a date or time as days.
static int64_t day_of(const sl_column *cells, int64_t row)
{
    if (cells->type == SL_DATE) {
        return ((const int32_t *)cells->values)[row];
    }
    int64_t us = sl_column_int64(cells, row);
    return us / day_us - (us % day_us < 0 ? 1 : 0);
}

static int64_t whole_at(const sl_column *cells, int64_t row)
{
    switch (cells->type) {
    case SL_INT8:
        return ((const int8_t *)cells->values)[row];
    case SL_INT16:
        return ((const int16_t *)cells->values)[row];
    case SL_INT32:
        return ((const int32_t *)cells->values)[row];
    case SL_UINT8:
        return ((const uint8_t *)cells->values)[row];
    case SL_UINT16:
        return ((const uint16_t *)cells->values)[row];
    case SL_UINT32:
        return ((const uint32_t *)cells->values)[row];
    default:
        return sl_column_int64(cells, row);
    }
}

static bool is_whole(sl_type type)
{
    return type == SL_INT8 || type == SL_INT16 || type == SL_INT32 || type == SL_INT64 ||
           type == SL_UINT8 || type == SL_UINT16 || type == SL_UINT32 || type == SL_UINT64;
}

static sl_code check_whole(const psink_column *column, const sl_column *cells, int64_t row,
                           sl_error *err)
{
    int64_t n = whole_at(cells, row);
    bool too_large = cells->type == SL_UINT64 && n < 0; // 2^63 and more
    bool bounded = column->high != INT64_MAX;
    return bounded && (too_large || n < column->low || n > column->high)
               ? refuse(column, row, "the number is out of the range of the table's column", err)
               : SL_OK;
}

static sl_code check_cell(const psink_column *column, const sl_column *cells, int64_t row,
                          sl_error *err)
{
    if (cells->type == SL_STRING) {
        return check_text(column, sl_column_text(cells, row), row, err);
    }
    if (is_whole(cells->type)) {
        return check_whole(column, cells, row, err);
    }
    int64_t day = day_of(cells, row);
    return day < FIRST_DAY || day > LAST_DAY
               ? refuse(column, row, "only the years 1 to 9999 can be written", err)
               : SL_OK;
}

static bool is_looked_at(const psink_column *column)
{
    sl_type type = column->field->type;
    return type == SL_STRING || type == SL_DATE || type == SL_TIMESTAMP ||
           (is_whole(type) && column->high != INT64_MAX);
}

sl_code sli_psink_columns_check(const psink_columns *self, const sl_batch *rows, sl_error *err)
{
    for (int32_t i = 0; self->may_refuse && i < self->n; i++) {
        const sl_column *cells = sl_batch_column(rows, i);
        for (int64_t row = 0; is_looked_at(&self->items[i]) && row < cells->n_rows; row++) {
            SL_TRY(sl_column_is_null(cells, row) ? SL_OK
                                                 : check_cell(&self->items[i], cells, row, err));
        }
    }
    return SL_OK;
}

sl_code sli_psink_check(const sli_sink *sink, const sl_batch *rows, sl_error *err)
{
    return sli_psink_columns_check(&((const psink *)sink)->columns, rows, err);
}
