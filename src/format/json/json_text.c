// json_text.c — strings and numbers of JSON as text: escapes, base64, the grammar of a number.
#include "format/json/json_int.h"

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

// The four digits behind "\u"; -1 when there are none.
static int32_t hex4(const char *at, const char *end)
{
    int32_t value = 0;
    if (end - at < 4) {
        return -1;
    }
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(at[i]);
        if (digit < 0) {
            return -1;
        }
        value = value << 4 | digit;
    }
    return value;
}

static char *put_utf8(char *out, int32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    if (c < 0x800) {
        *out++ = (char)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *out++ = (char)(0xE0 | c >> 12);
        } else {
            *out++ = (char)(0xF0 | c >> 18);
            *out++ = (char)(0x80 | (c >> 12 & 0x3F));
        }
        *out++ = (char)(0x80 | (c >> 6 & 0x3F));
    }
    *out++ = (char)(0x80 | (c & 0x3F));
    return out;
}

// "\uXXXX", maybe two of them; *at is behind the 'u'. NULL when wrong.
static char *unescape_u(const char **at, const char *end, char *out, int64_t *replaced)
{
    int32_t c = hex4(*at, end);
    if (c < 0) {
        return NULL;
    }
    *at += 4;
    if (c >= 0xD800 && c < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        int32_t low = hex4(*at + 2, end);
        if (low >= 0xDC00 && low < 0xE000) {
            *at += 6;
            return put_utf8(out, 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00));
        }
    }
    if (c >= 0xD800 && c < 0xE000) {
        ++*replaced;
        c = 0xFFFD;
    }
    return put_utf8(out, c);
}

int64_t sli_json_unescape(const char *at, int64_t size, char *out, int64_t *replaced)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    const char *end = at + size;
    char *put = out;
    while (at < end) {
        const char *slash = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((slash == NULL ? end : slash) - at);
        memcpy(put, at, plain);
        put += plain;
        at += plain;
        if (at == end) {
            break;
        }
        if (++at == end) {
            return -1;
        }
        char c = *at++;
        if (c == 'u') {
            put = unescape_u(&at, end, put, replaced);
            if (put == NULL) {
                return -1;
            }
            continue;
        }
        const char *known = c == '\0' ? NULL : strchr(from, c);
        if (known == NULL) {
            return -1;
        }
        *put++ = to[known - from];
    }
    return put - out;
}

// ---------------------------------------------------------------- base64

static int base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

int64_t sli_base64_read(const char *at, int64_t size, char *out)
{
    char *put = out;
    if (size % 4 != 0) {
        return -1;
    }
    for (int64_t i = 0; i < size; i += 4) {
        bool ends = i + 4 == size;
        int n = ends && at[i + 3] == '=' ? (at[i + 2] == '=' ? 2 : 3) : 4;
        int32_t bits = 0;
        for (int k = 0; k < 4; k++) {
            int digit = k < n ? base64_digit(at[i + k]) : 0;
            if (digit < 0) {
                return -1;
            }
            bits = bits << 6 | digit;
        }
        if ((n == 2 && (bits & 0xFFFF) != 0) || (n == 3 && (bits & 0xFF) != 0)) {
            return -1; // bits that belong to no byte
        }
        for (int k = 0; k < n - 1; k++) {
            *put++ = (char)(bits >> (16 - 8 * k));
        }
    }
    return put - out;
}

void sli_base64_print(sli_str *out, const char *data, size_t size)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < size; i += 3) {
        size_t n = size - i < 3 ? size - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++) {
            bits = bits << 8 | (k < n ? (unsigned char)data[i + k] : 0);
        }
        char group[4];
        for (size_t k = 0; k < 4; k++) {
            group[k] = k <= n ? digits[bits >> (18 - 6 * k) & 63] : '=';
        }
        sli_str_add(out, group, sizeof group);
    }
}

// ---------------------------------------------------------------- numbers

static int64_t digits_end(const char *at, int64_t i, int64_t size)
{
    while (i < size && at[i] >= '0' && at[i] <= '9') {
        i++;
    }
    return i;
}

bool sli_json_is_number(const char *at, int64_t size)
{
    int64_t i = size > 0 && *at == '-';
    int64_t from = i;
    i = digits_end(at, i, size);
    if (i == from || (at[from] == '0' && i > from + 1)) {
        return false;
    }
    if (i < size && at[i] == '.') {
        from = ++i;
        i = digits_end(at, i, size);
        if (i == from) {
            return false;
        }
    }
    if (i < size && (at[i] == 'e' || at[i] == 'E')) {
        i++;
        i += i < size && (at[i] == '+' || at[i] == '-');
        from = i;
        i = digits_end(at, i, size);
        if (i == from) {
            return false;
        }
    }
    return i == size;
}
