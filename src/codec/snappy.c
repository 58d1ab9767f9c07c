// snappy.c — one block of snappy: a length, then three kinds of copies. It is ours: libsnappy would
// be one more library that every program loads.
#include <string.h>

#include "codec/codec.h"

typedef struct snappy {
    const uint8_t *at, *end;
    uint8_t *out;
    size_t done, size;
} snappy;

static bool take_number(snappy *s, int n_bytes, uint32_t *out)
{
    if (s->end - s->at < n_bytes) {
        return false;
    }
    *out = 0;
    for (int i = 0; i < n_bytes; i++) {
        *out |= (uint32_t)*s->at++ << (8 * i);
    }
    return true;
}

/// The length of what comes out, in front.
static bool take_length(snappy *s, int64_t limit)
{
    uint64_t size = 0;
    for (int shift = 0; shift < 35 && s->at < s->end; shift += 7) {
        uint64_t byte = *s->at++;
        size |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            s->size = (size_t)size;
            return (int64_t)size <= limit;
        }
    }
    return false;
}

static bool copy_literal(snappy *s, uint8_t tag)
{
    uint32_t size = tag >> 2;
    if (size >= 60 && !take_number(s, (int)size - 59, &size)) {
        return false;
    }
    size_t n = (size_t)size + 1;
    if (n > (size_t)(s->end - s->at) || n > s->size - s->done) {
        return false;
    }
    memcpy(s->out + s->done, s->at, n);
    s->at += n;
    s->done += n;
    return true;
}

/// From what came out before; the two may overlap.
static bool copy_earlier(snappy *s, uint8_t tag)
{
    static const int n_bytes[] = {0, 1, 2, 4};
    uint32_t offset = 0;
    if (!take_number(s, n_bytes[tag & 3], &offset)) {
        return false;
    }
    bool is_short = (tag & 3) == 1;
    offset |= is_short ? (uint32_t)(tag >> 5) << 8 : 0;
    size_t n = is_short ? 4 + (size_t)(tag >> 2 & 7) : 1 + (size_t)(tag >> 2);
    if (offset == 0 || offset > s->done || n > s->size - s->done) {
        return false;
    }
    for (; n > 0; n--, s->done++) {
        s->out[s->done] = s->out[s->done - offset];
    }
    return true;
}

static bool copy_all(snappy *s)
{
    while (s->at < s->end) {
        uint8_t tag = *s->at++;
        if (!((tag & 3) == 0 ? copy_literal(s, tag) : copy_earlier(s, tag))) {
            return false;
        }
    }
    return s->done == s->size;
}

bool sli_snappy_size(const void *packed, size_t size, size_t *out)
{
    const uint8_t *at = packed;
    snappy s = {.at = at, .end = at + size};
    bool fine = take_length(&s, UINT32_MAX);
    *out = fine ? s.size : *out;
    return fine;
}

bool sli_snappy_unpack(const void *packed, size_t size, void *out, size_t out_size)
{
    const uint8_t *at = packed;
    snappy s = {.at = at, .end = at + size, .out = out};
    return take_length(&s, UINT32_MAX) && s.size == out_size && copy_all(&s);
}
