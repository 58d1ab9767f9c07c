/// float64.c — doubles as text, and back to the same double.
///
/// The layout is that of Java's Double.toString, so that results can be compared with Spark's; the
/// digits are the shortest that read back as the same number, where older Javas sometimes write one
/// more.
#include "base/str.h"

#include "base/float64_int.h"

#include <math.h>
#include <strings.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

// ---------------------------------------------------------------- reading

/// What the grammar check learns: [+-] digits [. digits] [e [+-] digits], at least one digit before
/// the e.
typedef struct number_shape {
    bool ok;
    int64_t magnitude; ///< power of ten of the first digit that is not 0, saturated
} number_shape;

enum { MAX_EXPONENT = 100000000 }; // far beyond any double; keeps the sum below from overflowing

/// Reads the digits after an e; false when there are none.
static bool read_exponent(const char *at, const char *end, int64_t *out)
{
    bool negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    if (at == end) {
        return false;
    }
    int64_t exponent = 0;
    for (; at < end; at++) {
        if (!is_digit(*at)) {
            return false;
        }
        exponent = exponent < MAX_EXPONENT ? exponent * 10 + (*at - '0') : exponent;
    }
    *out = negative ? -exponent : exponent;
    return true;
}

static number_shape shape_of(const char *at, const char *end)
{
    int64_t n_whole = 0, n_fraction = 0,
            first = INT64_MIN; // `first`: place of the first digit that is not 0
    bool point = false;
    for (; at < end && (is_digit(*at) || (*at == '.' && !point)); at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        n_whole += !point;
        n_fraction += point;
        if (first == INT64_MIN && *at != '0') {
            first = point ? -n_fraction
                          : n_whole; // of whole digits the place is known when all were counted
        }
    }
    if (first > 0) {
        first = n_whole - first;
    }
    int64_t exponent = 0;
    bool ok = n_whole + n_fraction > 0;
    if (ok && at < end) {
        ok = (*at == 'e' || *at == 'E') && read_exponent(at + 1, end, &exponent);
    }
    return (number_shape){ok, first == INT64_MIN ? 0 : first + exponent};
}

/// "NaN", "Infinity", "inf", any case. Returns false when `text`, which has no sign, is none of
/// them.
static bool scan_special(sl_text text, double *out)
{
    static const struct {
        const char *name;
        double value;
    } specials[] = {{"nan", NAN}, {"infinity", INFINITY}, {"inf", INFINITY}};
    for (size_t i = 0; i < sizeof(specials) / sizeof(specials[0]); i++) {
        if (text.size == strlen(specials[i].name) &&
            strncasecmp(text.data, specials[i].name, text.size) == 0) {
            *out = specials[i].value;
            return true;
        }
    }
    return false;
}

sl_code sli_scan_float64(sl_text text, double *out, sl_error *err)
{
    bool negative = text.size > 0 && text.data[0] == '-';
    if (negative || (text.size > 0 && text.data[0] == '+')) {
        text = (sl_text){text.data + 1, text.size - 1};
    }
    double value = 0;
    if (text.size == 0) {
        return sl_error_set(err, SL_E_INVALID, "empty where a number is expected");
    }
    if (!scan_special(text, &value)) {
        number_shape shape = shape_of(text.data, text.data + text.size);
        sli_float64_read read =
            shape.ok ? sli_float64_parse(text.data, text.size, &value) : SLI_FLOAT64_BAD;
        if (read == SLI_FLOAT64_BAD) {
            return sl_error_set(err, SL_E_INVALID, "not a number");
        }
        if (read == SLI_FLOAT64_RANGE && shape.magnitude > 0) {
            return sl_error_set(err, SL_E_INVALID, "a number beyond the range of a double");
        }
        value = read == SLI_FLOAT64_RANGE ? 0.0 : value; // nearer to 0 than to any other double
    }
    *out = negative ? -value : value;
    return SL_OK;
}

// ---------------------------------------------------------------- writing

/// digits "123456", point 3 -> "123.456"; point <= 0 -> "0.00123456"; zeroes fill up to the point.
static char *put_plain(char *at, const char *digits, int n, int point)
{
    if (point <= 0) {
        *at++ = '0';
        *at++ = '.';
        for (int i = point; i < 0; i++) {
            *at++ = '0';
        }
    }
    for (int i = 0; i < n || i < point; i++) {
        if (i == point && point > 0) {
            *at++ = '.';
        }
        *at++ = i < n ? digits[i] : '0';
    }
    if (point >= n) {
        *at++ = '.';
        *at++ = '0';
    }
    return at;
}

/// "1.0E100", "1.2345E-5".
static char *put_exponent(char *at, const char *digits, int n, int exponent)
{
    at = put_plain(at, digits, n, 1);
    *at++ = 'E';
    if (exponent < 0) {
        *at++ = '-';
        exponent = -exponent;
    }
    if (exponent >= 100) {
        *at++ = (char)('0' + exponent / 100);
    }
    if (exponent >= 10) {
        *at++ = (char)('0' + exponent / 10 % 10);
    }
    *at++ = (char)('0' + exponent % 10);
    return at;
}

static size_t put_name(char *out, const char *name)
{
    size_t size = strlen(name);
    memcpy(out, name, size + 1);
    return size;
}

size_t sli_format_float64(double value, char *out)
{
    if (isnan(value)) {
        return put_name(out, "NaN");
    }
    if (isinf(value)) {
        return put_name(out, value < 0 ? "-Infinity" : "Infinity");
    }
    char text[32], digits[32];
    size_t size = sli_float64_digits(value, text, sizeof(text));
    size_t i = 0;
    char *at = out;
    if (text[0] == '-') {
        *at++ = text[i++];
    }
    int n = 0;
    for (; i < size && text[i] != 'e'; i++) {
        if (text[i] != '.') {
            digits[n++] = text[i];
        }
    }
    bool small = text[i + 1] == '-'; // "e-05": always a sign and two digits or more
    int exponent = 0;
    for (i += 2; i < size; i++) {
        exponent = exponent * 10 + (text[i] - '0');
    }
    exponent = small ? -exponent : exponent;
    bool plain = exponent >= -3 && exponent < 7;
    at = plain ? put_plain(at, digits, n, exponent + 1) : put_exponent(at, digits, n, exponent);
    *at = '\0';
    return (size_t)(at - out);
}
