/// json_text.c — is this one JSON value? Positions that sources hand over as JSON are checked
/// before they are quoted in a line that promises to be JSON. The parser proper lives in format/,
/// above.
#include "metrics/metrics_int.h"

typedef struct cursor {
    const char *at, *end;
} cursor;

static bool value(cursor *c, int depth);

static void blanks(cursor *c)
{
    while (c->at < c->end &&
           (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) {
        c->at++;
    }
}

static bool take(cursor *c, char expected)
{
    if (c->at == c->end || *c->at != expected) {
        return false;
    }
    c->at++;
    return true;
}

static bool word(cursor *c, const char *expected)
{
    size_t size = strlen(expected);
    if ((size_t)(c->end - c->at) < size || memcmp(c->at, expected, size) != 0) {
        return false;
    }
    c->at += size;
    return true;
}

static bool digits(cursor *c)
{
    const char *from = c->at;
    while (c->at < c->end && *c->at >= '0' && *c->at <= '9') {
        c->at++;
    }
    return c->at > from;
}

static bool number(cursor *c)
{
    (void)take(c, '-');
    if (!take(c, '0') && !digits(c)) {
        return false;
    }
    if (take(c, '.') && !digits(c)) {
        return false;
    }
    if (take(c, 'e') || take(c, 'E')) {
        (void)(take(c, '+') || take(c, '-'));
        return digits(c);
    }
    return true;
}

// Four hex digits; -1 when there are fewer.
static int32_t four_hex(cursor *c)
{
    int32_t code = 0;
    for (int i = 0; i < 4; i++, c->at++) {
        char d = c->at < c->end ? *c->at : 'x';
        int32_t n = d >= '0' && d <= '9'                 ? d - '0'
                    : (d | 32) >= 'a' && (d | 32) <= 'f' ? (d | 32) - 'a' + 10
                                                         : -1;
        if (n < 0) {
            return -1;
        }
        code = code * 16 + n;
    }
    return code;
}

// After the backslash.
static bool escape(cursor *c)
{
    if (c->at < c->end && *c->at != '\0' && strchr("\"\\/bfnrt", *c->at) != NULL) {
        c->at++;
        return true;
    }
    int32_t code = take(c, 'u') ? four_hex(c) : -1;
    if (code < 0xd800 || code > 0xdfff) {
        return code >= 0;
    }
    if (code > 0xdbff || !take(c, '\\') || !take(c, 'u')) {
        return false; // half a character: strict readers refuse it
    }
    int32_t low = four_hex(c);
    return low >= 0xdc00 && low <= 0xdfff;
}

static bool string(cursor *c)
{
    if (!take(c, '"')) {
        return false;
    }
    while (c->at < c->end && *c->at != '"') {
        char here = *c->at++;
        if ((unsigned char)here < 0x20 || (here == '\\' && !escape(c))) {
            return false;
        }
    }
    return take(c, '"');
}

// Members of an object or an array after its opening, with its closing.
static bool members(cursor *c, bool object, int depth)
{
    char close = object ? '}' : ']';
    blanks(c);
    if (take(c, close)) {
        return true;
    }
    for (;;) {
        blanks(c);
        if (object) {
            if (!string(c)) {
                return false;
            }
            blanks(c);
            if (!take(c, ':')) {
                return false;
            }
        }
        if (!value(c, depth)) {
            return false;
        }
        if (take(c, close)) {
            return true;
        }
        if (!take(c, ',')) {
            return false;
        }
    }
}

// One value with the blanks around it.
static bool value(cursor *c, int depth)
{
    bool good = false;
    blanks(c);
    char first = c->at < c->end ? *c->at : '\0';
    if (first == '{' || first == '[') {
        c->at++;
        good = depth < SLI_JSON_MAX_DEPTH && members(c, first == '{', depth + 1);
    } else if (first == '"') {
        good = string(c);
    } else if (first == '-' || (first >= '0' && first <= '9')) {
        good = number(c);
    } else {
        good = word(c, "true") || word(c, "false") || word(c, "null");
    }
    blanks(c);
    return good;
}

bool sli_json_is_valid(const char *text, size_t size)
{
    cursor c = {text, text + size};
    return sli_utf8_check(text, size) == size && value(&c, 0) && c.at == c.end;
}
