/// utf8.c — is this text UTF-8? Asked once for every byte that enters.
///
/// Runs of ASCII, most of real input, are taken 32 bytes at a time; the rest goes by RFC 3629's
/// table of well-formed sequences, in which the second byte's range depends on the first.
#include "base/str.h"

#include <stdint.h>

static const uint64_t highs = UINT64_C(0x8080808080808080);

static uint64_t load(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    return w;
}

/// Where the ASCII run that starts at `i` ends, found in steps of 32 and 8 bytes, then byte by
/// byte.
static size_t ascii_end(const char *data, size_t i, size_t size)
{
    while (size - i >= 32 &&
           ((load(data + i) | load(data + i + 8) | load(data + i + 16) | load(data + i + 24)) &
            highs) == 0) {
        i += 32;
    }
    while (size - i >= 8 && (load(data + i) & highs) == 0) {
        i += 8;
    }
    while (i < size && (uint8_t)data[i] < 0x80) {
        i++;
    }
    return i;
}

static bool is_tail(uint8_t c)
{
    return (c & 0xC0) == 0x80;
}

/// Length of the well-formed sequence at `p`, which starts with a byte >= 0x80; 0 when there is
/// none.
static size_t sequence(const uint8_t *p, size_t size)
{
    uint8_t a = p[0];
    if (a < 0xC2 || a > 0xF4 || size < 2) {
        return 0; // a lone tail, an overlong lead, beyond U+10FFFF, or cut
    }
    uint8_t b = p[1];
    if (a < 0xE0) {
        return is_tail(b) ? 2 : 0;
    }
    uint8_t low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;  // below: overlong
    uint8_t high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF; // above: surrogates, beyond U+10FFFF
    if (b < low || b > high || size < 3 || !is_tail(p[2])) {
        return 0;
    }
    if (a < 0xF0) {
        return 3;
    }
    return size >= 4 && is_tail(p[3]) ? 4 : 0;
}

size_t sli_utf8_check(const char *data, size_t size)
{
    size_t i = 0;
    while (i < size) {
        if ((uint8_t)data[i] < 0x80) {
            i = ascii_end(data, i, size);
            continue;
        }
        size_t n = sequence((const uint8_t *)data + i, size - i);
        if (n == 0) {
            return i;
        }
        i += n;
    }
    return size;
}
