/// bytes.h — little-endian encoding of records for logs, ranges and state. Reading is
/// bounds-checked.
#pragma once

#include "base/str.h"

// ---- a few bytes, at most SLI_FEW_BYTES: without the call that costs more than they do

enum { SLI_FEW_BYTES = 32 };

/// The two may overlap.
static inline void sli_copy_few(char *to, const char *from, size_t size)
{
    uint64_t first[2], last[2];
    SL_ASSERT_DEBUG(size <= SLI_FEW_BYTES, "a few bytes");
    if (size >= 16) {
        memcpy(first, from, 16);
        memcpy(last, from + size - 16, 16);
        memcpy(to, first, 16);
        memcpy(to + size - 16, last, 16);
    } else if (size >= 8) {
        memcpy(first, from, 8);
        memcpy(last, from + size - 8, 8);
        memcpy(to, first, 8);
        memcpy(to + size - 8, last, 8);
    } else if (size > 0) {
        char bytes[8];
        for (size_t i = 0; i < size; i++) {
            bytes[i] = from[i];
        }
        for (size_t i = 0; i < size; i++) {
            to[i] = bytes[i];
        }
    }
}

static inline bool sli_few_equal(const char *a, const char *b, size_t size)
{
    uint64_t x = 0, y = 0;
    size_t at = 0;
    for (; at + 8 <= size; at += 8) {
        memcpy(&x, a + at, 8);
        memcpy(&y, b + at, 8);
        if (x != y) {
            return false;
        }
    }
    for (; at < size; at++) {
        if (a[at] != b[at]) {
            return false;
        }
    }
    return true;
}

// ---- writing, into an sli_str
void sli_put_u8(sli_str *s, uint8_t v);
void sli_put_u32(sli_str *s, uint32_t v);
void sli_put_u64(sli_str *s, uint64_t v);
void sli_put_i64(sli_str *s, int64_t v);
void sli_put_varint(sli_str *s,
                    uint64_t v); ///< LEB128, at most 10 bytes; read back only in its shortest form
void sli_put_zigzag(sli_str *s, int64_t v);                    ///< as Avro writes int and long
void sli_put_bytes(sli_str *s, const void *data, size_t size); ///< varint length, then the bytes
void sli_put_text(sli_str *s, const char *text);               ///< as sli_put_bytes

// ---- reading: a cursor over bytes; the first read past the end sets `bad`, all later reads give
// zeroes
typedef struct sli_reader {
    const uint8_t *at, *end;
    bool bad;
} sli_reader;

static inline sli_reader sli_reader_of(sl_bytes bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.data;
    return (sli_reader){at, at == NULL ? at : at + bytes.size, false};
}
static inline void sli_reader_spoil(sli_reader *r)
{
    r->bad = true;
    r->at = r->end; // nothing after a bad field means anything
}
static inline uint8_t sli_get_u8(sli_reader *r)
{
    if (r->bad || r->at == r->end) {
        sli_reader_spoil(r);
        return 0;
    }
    return *r->at++;
}
uint32_t sli_get_u32(sli_reader *r);
uint64_t sli_get_u64(sli_reader *r);
int64_t sli_get_i64(sli_reader *r);
uint64_t sli_get_varint(sli_reader *r);
sl_bytes sli_get_bytes(sli_reader *r);                     ///< points into the input
char *sli_get_text(sli_reader *r, struct sl_arena *arena); ///< zero-ended copy; NULL when refused
                                                           ///< or bad (also with a zero inside)
/// SL_E_CORRUPT naming `what` when the cursor is bad or bytes are left over.
sl_code sli_reader_done(const sli_reader *r, const char *what, sl_error *err);

/// A number as Avro writes int and long, at data[*at, to), in whatever length; moves behind it.
/// False: it does not end there, or has more than 64 bits.
static inline bool sli_take_zigzag(const char *data, int64_t *at, int64_t to, int64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && *at < to; shift += 7) {
        uint64_t byte = (uint8_t)data[(*at)++];
        if (shift == 63 && byte > 1) {
            return false;
        }
        value |= (byte & 0x7F) << shift;
        if (byte < 0x80) {
            *out = (int64_t)(value >> 1 ^ (~(value & 1) + 1));
            return true;
        }
    }
    return false;
}
