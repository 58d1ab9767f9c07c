// read.c — one cell from its text. Strict: no spaces around, no rubbish behind, out of range is an
// error.
#include "format/format_int.h"

#include <float.h>
#include <math.h>

__extension__ typedef unsigned __int128 u128;

static const char *const expected[] = {
    [SL_BOOL] = "true or false",
    [SL_INT8] = "an integer from -128 to 127",
    [SL_INT16] = "an integer from -32768 to 32767",
    [SL_INT32] = "an integer of 32 bits",
    [SL_INT64] = "an integer of 64 bits",
    [SL_UINT8] = "an integer from 0 to 255",
    [SL_UINT16] = "an integer from 0 to 65535",
    [SL_UINT32] = "an unsigned integer of 32 bits",
    [SL_UINT64] = "an unsigned integer of 64 bits",
    [SL_FLOAT32] = "a number in the range of float32",
    [SL_FLOAT64] = "a number in the range of float64",
    [SL_DECIMAL] = "a decimal number that fits the column",
    [SL_DATE] = "a date as 2026-01-31",
    [SL_TIMESTAMP] = "a time as 2026-01-31T23:59:59.123Z",
    [SL_STRING] = "a string",
    [SL_BINARY] = "base64 text",
    [SL_LIST] = "a list",
    [SL_STRUCT] = "an object",
    [SL_OPAQUE] = "nothing",
};

const char *sli_type_expected(sl_type type)
{
    return expected[type];
}

// ---------------------------------------------------------------- integers and numbers

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// Digits only, at least one; false beyond 64 bits.
static bool read_digits(const char *at, size_t size, uint64_t *out)
{
    uint64_t value = 0;
    if (size == 0) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (!is_digit(at[i])) {
            return false;
        }
        uint64_t digit = (uint64_t)(at[i] - '0');
        if (i >= 19 && (value > UINT64_MAX / 10 || value * 10 > UINT64_MAX - digit)) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

bool sli_read_int64(const char *at, size_t size, int64_t *out)
{
    bool minus = size > 0 && *at == '-';
    uint64_t value;
    if (!read_digits(at + minus, size - minus, &value) || value > (uint64_t)INT64_MAX + minus) {
        return false;
    }
    *out = minus ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

static bool read_integer(sl_type type, const char *at, size_t size, int64_t *out)
{
    static const struct {
        int64_t low, high;
    } range[] = {
        [SL_INT8] = {INT8_MIN, INT8_MAX},    [SL_INT16] = {INT16_MIN, INT16_MAX},
        [SL_INT32] = {INT32_MIN, INT32_MAX}, [SL_INT64] = {INT64_MIN, INT64_MAX},
        [SL_UINT8] = {0, UINT8_MAX},         [SL_UINT16] = {0, UINT16_MAX},
        [SL_UINT32] = {0, UINT32_MAX},
    };
    if (type == SL_UINT64) {
        uint64_t value;
        bool ok = read_digits(at, size, &value);
        *out = ok ? (int64_t)value : 0;
        return ok;
    }
    return sli_read_int64(at, size, out) && *out >= range[type].low && *out <= range[type].high;
}

// Whether a decimal number whose value no double holds is too small rather than too large: by the
// place of its first digit that is not zero.
static bool is_tiny(const char *at, size_t size)
{
    int64_t place = 0, exponent = 0;
    bool point = false, first = false;
    size_t i = 0;
    for (; i < size && at[i] != 'e' && at[i] != 'E'; i++) {
        if (at[i] == '.') {
            point = true;
        } else if (is_digit(at[i])) {
            first = first || at[i] != '0';
            place += first && !point ? 1 : !first && point ? -1 : 0;
        }
    }
    bool minus = i + 1 < size && at[i + 1] == '-';
    for (i++; i < size && exponent < INT32_MAX; i++) {
        exponent = is_digit(at[i]) ? exponent * 10 + (at[i] - '0') : exponent;
    }
    return place + (minus ? -exponent : exponent) < 0;
}

static bool read_word(const char *at, size_t size, double *out)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"NaN", NAN},      {"Infinity", INFINITY}, {"-Infinity", -INFINITY},
                 {"inf", INFINITY}, {"-inf", -INFINITY},    {"nan", NAN}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (sli_text_is((sl_text){at, size}, words[i].word)) {
            *out = words[i].value;
            return true;
        }
    }
    return false;
}

// -?digits[.digits][e[+-]digits], also ".5" and "5.": what databases and spreadsheets write.
static bool is_number(const char *at, size_t size)
{
    size_t i = size > 0 && *at == '-', digits = 0;
    for (; i < size && is_digit(at[i]); i++) {
        digits++;
    }
    if (i < size && at[i] == '.') {
        for (i++; i < size && is_digit(at[i]); i++) {
            digits++;
        }
    }
    if (digits == 0) {
        return false;
    }
    if (i < size && (at[i] == 'e' || at[i] == 'E')) {
        i++;
        i += i < size && (at[i] == '-' || at[i] == '+');
        size_t from = i;
        while (i < size && is_digit(at[i])) {
            i++;
        }
        return i == size && i > from;
    }
    return i == size;
}

static bool read_float(sl_type type, const char *at, size_t size, double *out)
{
    if (!is_number(at, size)) {
        return read_word(at, size, out);
    }
    if (sli_scan_float64((sl_text){at, size}, out, NULL) != SL_OK) {
        if (!is_tiny(at, size)) {
            return false;
        }
        *out = *at == '-' ? -0.0 : 0.0;
    }
    // The largest double that still rounds to FLT_MAX lies half a step above it.
    return isfinite(*out) && (type == SL_FLOAT64 || fabs(*out) < (double)FLT_MAX * (1 + 0x1p-25));
}

bool sli_read_decimal(const char *at, size_t size, int precision, int scale, sli_datum *out)
{
    bool minus = size > 0 && *at == '-', point = false;
    u128 value = 0;
    int digits = 0, behind = 0;
    size_t n_digits = 0;
    for (size_t i = minus; i < size; i++) {
        if (at[i] == '.' && !point) {
            point = true;
            continue;
        }
        if (!is_digit(at[i])) {
            return false;
        }
        n_digits++;
        if (point && behind == scale) {
            if (at[i] != '0') {
                return false; // more digits than the column keeps
            }
            continue;
        }
        behind += point;
        digits += digits > 0 || at[i] != '0';
        value = value * 10 + (unsigned)(at[i] - '0');
        if (digits > 38) {
            return false;
        }
    }
    for (; behind < scale && digits <= 38; behind++) {
        value *= 10;
        digits += digits > 0;
    }
    if (n_digits == 0 || digits > precision) {
        return false;
    }
    value = minus ? 0 - value : value;
    out->decimal.low = (uint64_t)value;
    out->decimal.high = (int64_t)(value >> 64);
    return true;
}

// ---------------------------------------------------------------- dates and times

// Days since 1970-01-01 in the proleptic Gregorian calendar (Hinnant, "chrono-compatible low-level
// date algorithms").
static int64_t days_of(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t of_era = year - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

// A fixed number of digits.
static bool read_part(const char **at, const char *end, int n, int64_t *out)
{
    uint64_t value;
    if (end - *at < n || !read_digits(*at, (size_t)n, &value)) {
        return false;
    }
    *at += n;
    *out = (int64_t)value;
    return true;
}

static bool read_char(const char **at, const char *end, char c)
{
    bool ok = *at < end && **at == c;
    *at += ok;
    return ok;
}

static bool read_year(const char **at, const char *end, int64_t *year)
{
    if (*at == end || (**at != '+' && **at != '-')) {
        return read_part(at, end, 4, year);
    }
    bool minus = **at == '-';
    const char *digit = ++*at;
    while (digit < end && is_digit(*digit)) {
        digit++;
    }
    int n = digit - *at > 7 ? 8 : (int)(digit - *at);
    bool ok = n >= 4 && n <= 7 && read_part(at, end, n, year);
    *year = ok && minus ? -*year : *year;
    return ok;
}

static bool read_days(const char **at, const char *end, int64_t *days)
{
    static const uint8_t lengths[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t year = 0, month, day;
    if (!read_year(at, end, &year) || !read_char(at, end, '-') || !read_part(at, end, 2, &month) ||
        !read_char(at, end, '-') || !read_part(at, end, 2, &day)) {
        return false;
    }
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (month < 1 || month > 12 || day < 1 || day > lengths[month - 1] ||
        (month == 2 && day == 29 && !leap)) {
        return false;
    }
    *days = days_of(year, month, day);
    return true;
}

bool sli_read_date(const char *at, size_t size, int32_t *out)
{
    const char *end = at + size;
    int64_t days;
    if (!read_days(&at, end, &days) || at != end || days < INT32_MIN || days > INT32_MAX) {
        return false;
    }
    *out = (int32_t)days;
    return true;
}

// ".123456789": microseconds.
static bool read_fraction(const char **at, const char *end, int64_t *us)
{
    int n = 0;
    int64_t value = 0;
    for (; *at < end && is_digit(**at) && n < 9; n++, ++*at) {
        value = n < 6 ? value * 10 + (**at - '0') : value;
    }
    for (int i = n; i < 6; i++) {
        value *= 10;
    }
    *us = value;
    return n > 0;
}

static bool read_clock(const char **at, const char *end, int64_t *us)
{
    int64_t hour, minute, second = 0, fraction = 0;
    if (!read_part(at, end, 2, &hour) || !read_char(at, end, ':') ||
        !read_part(at, end, 2, &minute)) {
        return false;
    }
    if (read_char(at, end, ':') &&
        (!read_part(at, end, 2, &second) ||
         (read_char(at, end, '.') && !read_fraction(at, end, &fraction)))) {
        return false;
    }
    *us = ((hour * 60 + minute) * 60 + second) * 1000000 + fraction;
    return hour < 24 && minute < 60 && second < 60;
}

static bool read_zone(const char **at, const char *end, int64_t *minutes)
{
    *minutes = 0;
    if (*at == end || read_char(at, end, 'Z')) {
        return true;
    }
    bool minus = **at == '-';
    if (!minus && **at != '+') {
        return false;
    }
    ++*at;
    int64_t hour, minute = 0;
    if (!read_part(at, end, 2, &hour)) {
        return false;
    }
    (void)read_char(at, end, ':');
    if (*at < end && !read_part(at, end, 2, &minute)) {
        return false;
    }
    *minutes = (minus ? -1 : 1) * (hour * 60 + minute);
    return hour <= 18 && minute < 60;
}

bool sli_read_timestamp(const char *at, size_t size, int64_t *out)
{
    const char *end = at + size;
    int64_t days, us = 0, minutes = 0;
    if (!read_days(&at, end, &days)) {
        return false;
    }
    if (at < end) {
        bool time = read_char(&at, end, 'T') || read_char(&at, end, ' ');
        if (!time || !read_clock(&at, end, &us) || !read_zone(&at, end, &minutes) || at != end) {
            return false;
        }
    }
    int64_t day_us;
    us -= minutes * INT64_C(60000000);
    if (__builtin_mul_overflow(days + (days < 0), INT64_C(86400000000), &day_us)) {
        return false; // one day nearer to zero, so that the earliest moments don't overflow on
                      // their way
    }
    us -= days < 0 ? INT64_C(86400000000) : 0;
    return !__builtin_add_overflow(day_us, us, out);
}

static bool read_timestamp_as(sli_time_form form, const char *at, size_t size, int64_t *out)
{
    static const int64_t unit[] = {0, 1000000, 1000, 1};
    if (form == SLI_TIME_ISO) {
        return sli_read_timestamp(at, size, out);
    }
    return sli_read_int64(at, size, out) && !__builtin_mul_overflow(*out, unit[form], out);
}

static bool read_bool(const char *at, size_t size, int64_t *out)
{
    static const char *const words[] = {"true", "false", "True", "False",
                                        "TRUE", "FALSE", "1",    "0"};
    for (int i = 0; i < 8; i++) {
        if (sli_text_is((sl_text){at, size}, words[i])) {
            *out = i % 2 == 0;
            return true;
        }
    }
    return false;
}

bool sli_datum_read(const sl_field *field, sli_time_form form, const char *at, size_t size,
                    sli_datum *out)
{
    int32_t days = 0;
    bool ok;
    switch (field->type) {
    case SL_BOOL:
        return read_bool(at, size, &out->i);
    case SL_FLOAT32:
    case SL_FLOAT64:
        return read_float(field->type, at, size, &out->d);
    case SL_DECIMAL:
        return sli_read_decimal(at, size, field->precision, field->scale, out);
    case SL_DATE:
        ok = sli_read_date(at, size, &days);
        out->i = days;
        return ok;
    case SL_TIMESTAMP:
        return read_timestamp_as(form, at, size, &out->i);
    default:
        return read_integer(field->type, at, size, &out->i);
    }
}
