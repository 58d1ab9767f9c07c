// ubjson.c — a walk over a UBJSON document that believes no length in it.
//
// The grammar is the part of UBJSON (https://ubjson.org, draft 12) that XGBoost has: lengths are
// int64 (marker L), keys are such a length and bytes, arrays may be typed and counted ([$d#L...).
#include "score/module/xgboost/ubjson.h"

#include <stdint.h>
#include <string.h>

enum { MOST_DEPTH = 64 };

typedef struct walk {
    const unsigned char *at, *end;
} walk;

static bool skip(walk *w, uint64_t n)
{
    if (n > (uint64_t)(w->end - w->at)) {
        return false;
    }
    w->at += n;
    return true;
}

static bool take(walk *w, int marker)
{
    return w->at < w->end && *w->at == marker && skip(w, 1);
}

/// L and eight bytes, the highest first.
static bool length(walk *w, uint64_t *out)
{
    if (!take(w, 'L') || w->end - w->at < 8) {
        return false;
    }
    *out = 0;
    for (int i = 0; i < 8; i++) {
        *out = *out << 8 | *w->at++;
    }
    return *out <= INT64_MAX;
}

static bool text(walk *w)
{
    uint64_t n;
    return length(w, &n) && skip(w, n);
}

/// Bytes of a number; 0: it is no marker of one.
static uint64_t width_of(int marker)
{
    switch (marker) {
    case 'i':
    case 'U':
    case 'C':
        return 1;
    case 'I':
        return 2;
    case 'l':
    case 'd':
        return 4;
    case 'L':
    case 'D':
        return 8;
    default:
        return 0;
    }
}

static bool value(walk *w, int depth);

static bool object(walk *w, int depth)
{
    while (!take(w, '}')) {
        if (!text(w) || !value(w, depth)) {
            return false;
        }
    }
    return true;
}

/// Behind "[$": a type, a count and so many numbers, without an end.
static bool typed_array(walk *w)
{
    uint64_t n, width = w->at < w->end ? width_of(*w->at) : 0;
    return width > 0 && skip(w, 1) && take(w, '#') && length(w, &n) && n <= INT64_MAX / 8 &&
           skip(w, n * width);
}

static bool array(walk *w, int depth)
{
    uint64_t n;
    if (take(w, '$')) {
        return typed_array(w);
    }
    if (take(w, '#')) {
        if (!length(w, &n)) {
            return false;
        }
        for (; n > 0; n--) {
            if (!value(w, depth)) {
                return false;
            }
        }
        return true;
    }
    while (!take(w, ']')) {
        if (!value(w, depth)) {
            return false;
        }
    }
    return true;
}

static bool value(walk *w, int depth)
{
    if (w->at == w->end || depth == 0) {
        return false;
    }
    int marker = *w->at++;
    switch (marker) {
    case '{':
        return object(w, depth - 1);
    case '[':
        return array(w, depth - 1);
    case 'S':
        return text(w);
    case 'Z':
    case 'T':
    case 'F':
        return true;
    default:
        return width_of(marker) > 0 && skip(w, width_of(marker));
    }
}

bool xgb_ubjson_is_whole(const void *bytes, size_t size)
{
    walk w = {.at = bytes, .end = (const unsigned char *)bytes + size};
    return size > 0 && *w.at == '{' && value(&w, MOST_DEPTH) && w.at == w.end;
}
