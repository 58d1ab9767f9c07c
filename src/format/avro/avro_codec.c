// avro_codec.c — the blocks of Avro files as they were before they were compressed.
//
// What comes out is bounded by the caller's limit, whatever the bytes promise.
#define ZLIB_CONST // inputs are not written to
#include <zlib.h>
#include <zstd.h>

#include "codec/codec.h"
#include "format/avro/avro_int.h"

enum { RAW_DEFLATE = -15, FIRST_BYTES = 16 << 10, CHECKSUM = 4 };

bool sli_avro_codec_find(sl_text name, sli_avro_codec *out)
{
    static const char *const names[] = {
        [SLI_AVRO_AS_IS] = "null",
        [SLI_AVRO_DEFLATE] = "deflate",
        [SLI_AVRO_SNAPPY] = "snappy",
        [SLI_AVRO_ZSTANDARD] = "zstandard",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (sli_text_is(name, names[i])) {
            *out = (sli_avro_codec)i;
            return true;
        }
    }
    return false;
}

static sl_code wrong(const char *codec, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA, "the block is no %s", codec);
}

static sl_code too_long(int64_t limit, sl_error *err)
{
    return sl_error_set(err, SL_E_DATA,
                        "a block of more than %lld bytes once it is decompressed; raise max_record",
                        (long long)limit);
}

static sl_code no_memory(int64_t size, sl_error *err)
{
    return sl_error_nomem(err, (size_t)size, "a block of an Avro file");
}

// ---------------------------------------------------------------- codecs that tell no length

/// Makes room behind what is there: the double, at most a byte over the limit.
static bool more_room(sli_str *out, int64_t limit, size_t *room)
{
    size_t most = (size_t)limit + 1 - out->size;
    *room = out->size < FIRST_BYTES ? FIRST_BYTES : out->size;
    *room = *room < most ? *room : most;
    return sli_str_reserve(out, *room);
}

static void *allocate(void *ctx, unsigned n, unsigned size)
{
    (void)ctx;
    return sl_alloc_array(SLI_TAG_FORMAT, n, size);
}

static void give_back(void *ctx, void *memory)
{
    (void)ctx;
    sl_free(memory);
}

static sl_code inflate_all(z_stream *z, sli_str *out, int64_t limit, sl_error *err)
{
    int rc = Z_OK;
    while (rc == Z_OK) {
        size_t room = 0;
        if (!more_room(out, limit, &room)) {
            return no_memory(limit, err);
        }
        z->next_out = (Bytef *)out->data + out->size;
        z->avail_out = (uInt)room;
        rc = inflate(z, Z_NO_FLUSH);
        out->size += room - z->avail_out;
        if ((int64_t)out->size > limit) {
            return too_long(limit, err);
        }
        rc = rc == Z_OK && z->avail_out > 0 ? Z_DATA_ERROR : rc; // it ends in the middle
    }
    return rc == Z_STREAM_END  ? SL_OK
           : rc == Z_MEM_ERROR ? no_memory(limit, err)
                               : wrong("deflate", err);
}

static sl_code unpack_deflate(sli_str *out, sl_bytes packed, int64_t limit, sl_error *err)
{
    z_stream z = {.zalloc = allocate,
                  .zfree = give_back,
                  .next_in = packed.data,
                  .avail_in = (uInt)packed.size};
    if (inflateInit2(&z, RAW_DEFLATE) != Z_OK) {
        return no_memory(limit, err);
    }
    sl_code rc = inflate_all(&z, out, limit, err);
    (void)inflateEnd(&z);
    return rc;
}

/// As many bits as the limit takes, so that the window is no longer than what may come out.
static int window_bits(int64_t limit)
{
    int bits = 10;
    while (bits < 30 && INT64_C(1) << bits < limit) {
        bits++;
    }
    return bits;
}

static sl_code unpack_zstandard(sli_str *out, sl_bytes packed, int64_t limit, sl_error *err)
{
    ZSTD_DCtx *context = ZSTD_createDCtx();
    ZSTD_inBuffer in = {.src = packed.data, .size = packed.size};
    size_t left = 1;
    sl_code rc = context == NULL ? no_memory(limit, err) : SL_OK;
    if (rc == SL_OK) {
        (void)ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, window_bits(limit));
    }
    while (rc == SL_OK && left != 0) {
        size_t room = 0;
        if (!more_room(out, limit, &room)) {
            rc = no_memory(limit, err);
            break;
        }
        ZSTD_outBuffer to = {.dst = out->data + out->size, .size = room};
        left = ZSTD_decompressStream(context, &to, &in);
        out->size += to.pos;
        bool stuck = left != 0 && in.pos == in.size && to.pos < to.size;
        rc = (int64_t)out->size > limit    ? too_long(limit, err)
             : ZSTD_isError(left) || stuck ? wrong("zstandard", err)
                                           : SL_OK;
    }
    (void)ZSTD_freeDCtx(context);
    return rc;
}

/// Into memory of its own size.
static sl_code unpack_streamed(sli_buffer **out, sli_avro_codec codec, sl_bytes packed,
                               int64_t limit, sl_error *err)
{
    sli_str bytes = {.tag = SLI_TAG_FORMAT};
    sli_buffer *buffer = NULL;
    sl_code rc = codec == SLI_AVRO_DEFLATE ? unpack_deflate(&bytes, packed, limit, err)
                                           : unpack_zstandard(&bytes, packed, limit, err);
    if (rc == SL_OK) {
        buffer = sli_buffer_new((int64_t)bytes.size);
        rc = buffer == NULL ? no_memory((int64_t)bytes.size, err) : SL_OK;
    }
    if (rc == SL_OK) {
        memcpy(sli_buffer_data(buffer), bytes.data, bytes.size);
        *out = buffer;
    }
    sli_str_reset(&bytes);
    return rc;
}

// ---------------------------------------------------------------- snappy

/// Behind the block stands the checksum (CRC-32) of what comes out, its first byte first.
static bool check_sum(const uint8_t *at, const void *data, size_t size)
{
    uint32_t told = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    return crc32_z(0, data, size) == told;
}

static sl_code unpack_snappy(sli_buffer **out, sl_bytes packed, int64_t limit, sl_error *err)
{
    size_t size = 0, n = packed.size - CHECKSUM;
    if (packed.size < CHECKSUM || !sli_snappy_size(packed.data, n, &size)) {
        return wrong("snappy", err);
    }
    if ((int64_t)size > limit) {
        return too_long(limit, err);
    }
    sli_buffer *buffer = sli_buffer_new((int64_t)size);
    if (buffer == NULL) {
        return no_memory((int64_t)size, err);
    }
    void *to = sli_buffer_data(buffer);
    if (!sli_snappy_unpack(packed.data, n, to, size) ||
        !check_sum((const uint8_t *)packed.data + n, to, size)) {
        sli_buffer_unref(buffer);
        return wrong("snappy", err);
    }
    *out = buffer;
    return SL_OK;
}

sl_code sli_avro_unpack(sli_buffer **out, sli_avro_codec codec, sl_bytes packed, int64_t limit,
                        sl_error *err)
{
    return codec == SLI_AVRO_SNAPPY ? unpack_snappy(out, packed, limit, err)
                                    : unpack_streamed(out, codec, packed, limit, err);
}
