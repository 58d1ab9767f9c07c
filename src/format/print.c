// print.c — one cell to its text. What is printed here, read.c reads back to the same cell.
#include "format/format_int.h"

__extension__ typedef unsigned __int128 u128;

// Decimal digits of `value`, the last one just before `end`; returns where they start.
static char *digits_before(char *end, uint64_t value)
{
    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    return end;
}

static void print_uint64(sli_str *out, uint64_t value)
{
    char text[24];
    char *from = digits_before(text + sizeof text, value);
    sli_str_add(out, from, (size_t)(text + sizeof text - from));
}

void sli_print_int64(sli_str *out, int64_t value)
{
    char text[24];
    char *from =
        digits_before(text + sizeof text, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
    if (value < 0) {
        *--from = '-';
    }
    sli_str_add(out, from, (size_t)(text + sizeof text - from));
}

// At least `width` digits.
static void print_padded(sli_str *out, uint64_t value, int width)
{
    char text[24];
    char *end = text + sizeof text;
    char *from = digits_before(end, value);
    while (end - from < width) {
        *--from = '0';
    }
    sli_str_add(out, from, (size_t)(end - from));
}

static void print_days(sli_str *out, int64_t days)
{
    days += 719468; // days_of in read.c, backwards
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t of_era = days - era * 146097;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t shifted = (5 * of_year + 2) / 153;
    int64_t day = of_year - (153 * shifted + 2) / 5 + 1;
    int64_t month = shifted < 10 ? shifted + 3 : shifted - 9;
    year += era * 400 + (month <= 2);
    if (year < 0 || year > 9999) {
        sli_str_char(out, year < 0 ? '-' : '+');
    }
    print_padded(out, (uint64_t)(year < 0 ? -year : year), 4);
    sli_str_char(out, '-');
    print_padded(out, (uint64_t)month, 2);
    sli_str_char(out, '-');
    print_padded(out, (uint64_t)day, 2);
}

void sli_format_print_date(sli_str *out, int32_t days)
{
    print_days(out, days);
}

void sli_format_print_timestamp(sli_str *out, int64_t us)
{
    const int64_t day_us = INT64_C(86400000000);
    int64_t days = us / day_us - (us % day_us < 0);
    int64_t rest = us % day_us + (us % day_us < 0 ? day_us : 0);
    print_days(out, days);
    int64_t second = rest / 1000000, fraction = rest % 1000000;
    const int64_t parts[] = {second / 3600, second / 60 % 60, second % 60};
    for (int i = 0; i < 3; i++) {
        sli_str_char(out, "T::"[i]);
        print_padded(out, (uint64_t)parts[i], 2);
    }
    if (fraction != 0) {
        bool millis = fraction % 1000 == 0;
        sli_str_char(out, '.');
        print_padded(out, (uint64_t)(millis ? fraction / 1000 : fraction), millis ? 3 : 6);
    }
    sli_str_char(out, 'Z');
}

static void print_decimal(sli_str *out, const void *cell, int scale)
{
    char text[128];
    char *end = text + sizeof text, *from = end;
    u128 value;
    memcpy(&value, cell, sizeof value);
    bool minus = value >> 127 != 0;
    value = minus ? 0 - value : value;
    for (int n = 0; value > 0 || n <= scale; n++) { // at least one digit before the point
        if (n == scale && scale > 0) {
            *--from = '.';
        }
        *--from = (char)('0' + (int)(value % 10));
        value /= 10;
    }
    if (minus) {
        *--from = '-';
    }
    sli_str_add(out, from, (size_t)(end - from));
}

static void print_float(sli_str *out, double value)
{
    char text[40];
    sli_str_add(out, text, sli_format_float64(value, text));
}

void sli_print_cell(sli_str *out, const sl_field *field, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        return;
    }
    const void *values = column->values;
    sl_text text;
    switch (field->type) {
    case SL_BOOL:
        sli_str_text(out, sl_column_bool(column, row) ? "true" : "false");
        break;
    case SL_INT8:
        sli_print_int64(out, ((const int8_t *)values)[row]);
        break;
    case SL_INT16:
        sli_print_int64(out, ((const int16_t *)values)[row]);
        break;
    case SL_INT32:
        sli_print_int64(out, ((const int32_t *)values)[row]);
        break;
    case SL_INT64:
        sli_print_int64(out, ((const int64_t *)values)[row]);
        break;
    case SL_UINT8:
        print_uint64(out, ((const uint8_t *)values)[row]);
        break;
    case SL_UINT16:
        print_uint64(out, ((const uint16_t *)values)[row]);
        break;
    case SL_UINT32:
        print_uint64(out, ((const uint32_t *)values)[row]);
        break;
    case SL_UINT64:
        print_uint64(out, ((const uint64_t *)values)[row]);
        break;
    case SL_FLOAT32:
        print_float(out, (double)((const float *)values)[row]);
        break;
    case SL_FLOAT64:
        print_float(out, ((const double *)values)[row]);
        break;
    case SL_DECIMAL:
        print_decimal(out, (const char *)values + row * 16, field->scale);
        break;
    case SL_DATE:
        print_days(out, ((const int32_t *)values)[row]);
        break;
    case SL_TIMESTAMP:
        sli_format_print_timestamp(out, ((const int64_t *)values)[row]);
        break;
    case SL_STRING:
    case SL_BINARY:
        text = sl_column_text(column, row);
        sli_str_add(out, text.data, text.size);
        break;
    default:
        SL_ASSERT(false, "the schema was checked when the encoder was made");
    }
}
