// snappy_stream.c — snappy's blocks in files, in either of two framings, told by the first bytes.
//
//     Hadoop    { u32 length of what comes out  { u32 length, block }+ }*        big-endian
//     snappy's  { u8 kind, u24 length, bytes }*, the first "\xff\x06\0\0sNaPpY"   little-endian
//
// A part is gathered until it is whole, then unpacked; so two buffers bound the memory, and no
// length is believed beyond MOST_BYTES.
#include <string.h>

#include "base/str.h"
#include "codec/codec.h"

enum {
    MOST_BYTES = 64 << 20, ///< of a block, before and after
    MOST_FRAMED = 1 << 16, ///< of what comes out of one part of snappy's own framing
    CHECKSUM = 4,
};

static const char stream_mark[] = "\xff\x06\0\0sNaPpY";
enum { MARK_BYTES = 10 };

typedef enum state {
    FIRST,  ///< the first bytes, which tell the framing
    LENGTH, ///< Hadoop: of what comes out of the next chunks together
    CHUNK,  ///< Hadoop: the length of a chunk
    BLOCK,  ///< Hadoop: a chunk
    HEAD,   ///< framing: kind and length of a part
    PART,   ///< framing: a part
} state;

typedef struct snappy_stream {
    sli_unpacker base;
    state state;
    uint8_t kind;    ///< of the part
    size_t wanted;   ///< bytes until the state is over
    size_t due;      ///< Hadoop: what is still to come out of this block
    sli_str in, out; ///< what is gathered; what came out
    size_t given;    ///< of `out`
} snappy_stream;

static sl_code damaged(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA, "it is damaged, or no snappy (%s)", what);
}

static sl_code snappy_open(sli_unpacker **out, sl_error *err)
{
    snappy_stream *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "snappy");
    }
    self->base = (sli_unpacker){.codec = &sli_codec_snappy, .is_whole = true};
    self->wanted = 4;
    self->in.tag = self->out.tag = SLI_TAG_FORMAT;
    *out = &self->base;
    return SL_OK;
}

static void snappy_close(sli_unpacker *base)
{
    snappy_stream *self = (snappy_stream *)base;
    if (self != NULL) {
        sli_str_reset(&self->in);
        sli_str_reset(&self->out);
        sl_free(self);
    }
}

static uint32_t big_endian(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

static uint32_t little_endian(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[3] << 24 | (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
}

static void expect(snappy_stream *self, state next, size_t wanted)
{
    self->state = next;
    self->wanted = wanted;
    sli_str_clear(&self->in);
}

/// A block into `out`, which is at most `most` bytes long then.
static sl_code unpack(snappy_stream *self, const char *packed, size_t size, size_t most,
                      sl_error *err)
{
    size_t length = 0;
    if (!sli_snappy_size(packed, size, &length) || length > most) {
        return damaged("a block's length", err);
    }
    char *to = sli_str_extend(&self->out, length);
    if (to == NULL) {
        return sl_error_nomem(err, length, "a block of snappy");
    }
    return sli_snappy_unpack(packed, size, to, length) ? SL_OK : damaged("a block", err);
}

// ---------------------------------------------------------------- Hadoop's blocks

static sl_code take_block(snappy_stream *self, sl_error *err)
{
    size_t before = self->out.size;
    SL_TRY(unpack(self, self->in.data, self->in.size, self->due, err));
    self->due -= self->out.size - before;
    expect(self, self->due == 0 ? LENGTH : CHUNK, 4);
    return SL_OK;
}

static sl_code take_number(snappy_stream *self, sl_error *err)
{
    size_t n = big_endian(self->in.data);
    bool is_chunk = self->state == CHUNK;
    if (n > MOST_BYTES || (is_chunk && n == 0)) {
        return damaged("a length", err);
    }
    self->due = is_chunk ? self->due : n;
    state next = is_chunk ? BLOCK : n == 0 ? LENGTH : CHUNK;
    expect(self, next, is_chunk ? n : 4);
    return SL_OK;
}

// ---------------------------------------------------------------- snappy's own framing

/// CRC-32C, turned and shifted as the framing has it.
static uint32_t masked_sum(const char *data, size_t size)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)data[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82F63B78U : 0);
        }
    }
    crc = ~crc;
    return (crc >> 15 | crc << 17) + 0xa282ead8U;
}

static sl_code take_data(snappy_stream *self, bool is_packed, sl_error *err)
{
    const char *data = self->in.data + CHECKSUM;
    size_t before = self->out.size, size = self->in.size - CHECKSUM;
    if (is_packed) {
        SL_TRY(unpack(self, data, size, MOST_FRAMED, err));
    } else {
        sli_str_add(&self->out, data, size);
        SL_TRY(sli_str_check(&self->out, "a part of snappy", err));
    }
    return masked_sum(self->out.data + before, self->out.size - before) ==
                   little_endian(self->in.data)
               ? SL_OK
               : damaged("a checksum", err);
}

static sl_code take_part(snappy_stream *self, sl_error *err)
{
    sl_code rc = SL_OK;
    if (self->kind <= 1) {
        rc = self->in.size < CHECKSUM ? damaged("a part is too short", err)
                                      : take_data(self, self->kind == 0, err);
    } else if (self->kind == 0xff) {
        rc = self->in.size == MARK_BYTES - 4 && memcmp(self->in.data, stream_mark + 4, 6) == 0
                 ? SL_OK
                 : damaged("a stream's mark", err);
    }
    SL_TRY(rc);
    expect(self, HEAD, 4);
    return SL_OK;
}

static sl_code take_head(snappy_stream *self, sl_error *err)
{
    size_t size = little_endian(self->in.data) >> 8;
    self->kind = (uint8_t)self->in.data[0];
    if ((self->kind >= 2 && self->kind < 0x80) ||
        (self->kind == 1 && size > MOST_FRAMED + CHECKSUM)) {
        return damaged("a part of a kind that nobody knows, or too long", err);
    }
    expect(self, PART, size);
    return SL_OK;
}

// ---------------------------------------------------------------- the stream

static sl_code take(snappy_stream *self, sl_error *err)
{
    switch (self->state) {
    case FIRST:
        self->state = memcmp(self->in.data, stream_mark, 4) == 0 ? HEAD : LENGTH;
        return take(self, err);
    case LENGTH:
    case CHUNK:
        return take_number(self, err);
    case BLOCK:
        return take_block(self, err);
    case HEAD:
        return take_head(self, err);
    default:
        return take_part(self, err);
    }
}

static void give(snappy_stream *self, sli_flow *flow)
{
    size_t left = self->out.size - self->given;
    size_t n = left < flow->out_size ? left : flow->out_size;
    if (n > 0) {
        memcpy(flow->out, self->out.data + self->given, n);
        flow->out += n;
        flow->out_size -= n;
        self->given += n;
    }
    if (self->given == self->out.size) {
        sli_str_clear(&self->out);
        self->given = 0;
    }
}

static sl_code gather(snappy_stream *self, sli_flow *flow, sl_error *err)
{
    size_t left = self->wanted - self->in.size;
    size_t n = left < flow->in_size ? left : flow->in_size;
    sli_str_add(&self->in, flow->in, n);
    flow->in += n;
    flow->in_size -= n;
    return sli_str_check(&self->in, "a part of snappy", err);
}

static sl_code snappy_step(sli_unpacker *base, sli_flow *flow, sl_error *err)
{
    snappy_stream *self = (snappy_stream *)base;
    give(self, flow);
    while (self->out.size == 0 && (flow->in_size > 0 || self->wanted == 0)) {
        SL_TRY(gather(self, flow, err));
        if (self->in.size == self->wanted) {
            SL_TRY(take(self, err));
            give(self, flow);
        }
    }
    bool between = self->state == FIRST || self->state == LENGTH || self->state == HEAD;
    base->is_whole = between && self->in.size == 0 && self->out.size == 0;
    return SL_OK;
}

const sli_codec sli_codec_snappy = {.name = "snappy",
                                    .extension = ".snappy",
                                    .open = snappy_open,
                                    .step = snappy_step,
                                    .close = snappy_close};
