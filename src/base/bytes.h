/// bytes.h — little-endian encoding of records for logs, ranges and state. Reading is
/// bounds-checked.
#pragma once

#include "base/str.h"

// ---- writing, into an sli_str
void sli_put_u8(sli_str *s, uint8_t v);
void sli_put_u32(sli_str *s, uint32_t v);
void sli_put_u64(sli_str *s, uint64_t v);
void sli_put_i64(sli_str *s, int64_t v);
void sli_put_varint(sli_str *s,
                    uint64_t v); ///< LEB128, at most 10 bytes; read back only in its shortest form
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
uint8_t sli_get_u8(sli_reader *r);
uint32_t sli_get_u32(sli_reader *r);
uint64_t sli_get_u64(sli_reader *r);
int64_t sli_get_i64(sli_reader *r);
uint64_t sli_get_varint(sli_reader *r);
sl_bytes sli_get_bytes(sli_reader *r);                     ///< points into the input
char *sli_get_text(sli_reader *r, struct sl_arena *arena); ///< zero-ended copy; NULL when refused
                                                           ///< or bad (also with a zero inside)
/// SL_E_CORRUPT naming `what` when the cursor is bad or bytes are left over.
sl_code sli_reader_done(const sli_reader *r, const char *what, sl_error *err);
