/// bytes.c — records as little-endian bytes, the same on every machine.
///
/// Written through sli_str, whose first failure sticks; read through a cursor, whose first failure
/// sticks too. So coders are lists of fields, and the check comes once, at the end.
#include "base/bytes.h"

#include "base/arena.h"

static void put_little(sli_str *s, uint64_t v, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) {
        bytes[i] = (uint8_t)(v >> (8 * i));
    }
    sli_str_add(s, bytes, n);
}

void sli_put_u8(sli_str *s, uint8_t v)
{
    put_little(s, v, 1);
}

void sli_put_u32(sli_str *s, uint32_t v)
{
    put_little(s, v, 4);
}

void sli_put_u64(sli_str *s, uint64_t v)
{
    put_little(s, v, 8);
}

void sli_put_i64(sli_str *s, int64_t v)
{
    put_little(s, (uint64_t)v, 8);
}

void sli_put_varint(sli_str *s, uint64_t v)
{
    uint8_t bytes[10];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (uint8_t)v;
    sli_str_add(s, bytes, n);
}

void sli_put_zigzag(sli_str *s, int64_t v)
{
    sli_put_varint(s, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

void sli_put_bytes(sli_str *s, const void *data, size_t size)
{
    sli_put_varint(s, size);
    sli_str_add(s, data, size);
}

void sli_put_text(sli_str *s, const char *text)
{
    sli_put_bytes(s, text, strlen(text));
}

static uint64_t get_little(sli_reader *r, size_t n)
{
    if (r->bad || (size_t)(r->end - r->at) < n) {
        sli_reader_spoil(r);
        return 0;
    }
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        v |= (uint64_t)r->at[i] << (8 * i);
    }
    r->at += n;
    return v;
}

uint32_t sli_get_u32(sli_reader *r)
{
    return (uint32_t)get_little(r, 4);
}

uint64_t sli_get_u64(sli_reader *r)
{
    return get_little(r, 8);
}

int64_t sli_get_i64(sli_reader *r)
{
    return (int64_t)get_little(r, 8);
}

uint64_t sli_get_varint(sli_reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint8_t byte = sli_get_u8(r);
        if (r->bad || (shift == 63 && byte > 1) || (shift > 0 && byte == 0)) {
            break; // cut, over 64 bits, or longer than needed: a value has one encoding
        }
        v |= (uint64_t)(byte & 0x7F) << shift;
        if (byte < 0x80) {
            return v;
        }
    }
    sli_reader_spoil(r);
    return 0;
}

sl_bytes sli_get_bytes(sli_reader *r)
{
    uint64_t size = sli_get_varint(r);
    if (r->bad || size > (uint64_t)(r->end - r->at)) {
        sli_reader_spoil(r);
        return (sl_bytes){NULL, 0};
    }
    sl_bytes bytes = {r->at, (size_t)size};
    r->at += size;
    return bytes;
}

char *sli_get_text(sli_reader *r, struct sl_arena *arena)
{
    sl_bytes bytes = sli_get_bytes(r);
    if (r->bad) {
        return NULL;
    }
    if (bytes.size > 0 && memchr(bytes.data, 0, bytes.size) != NULL) {
        sli_reader_spoil(r); // nobody wrote a text with a zero inside
        return NULL;
    }
    char *text = sl_arena_alloc(arena, bytes.size + 1);
    if (text != NULL) {
        memcpy(text, bytes.data, bytes.size);
        text[bytes.size] = '\0';
    }
    return text;
}

sl_code sli_reader_done(const sli_reader *r, const char *what, sl_error *err)
{
    if (r->bad) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: a field is cut off or malformed", what);
    }
    if (r->at != r->end) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: %zu bytes are left over", what,
                            (size_t)(r->end - r->at));
    }
    return SL_OK;
}
