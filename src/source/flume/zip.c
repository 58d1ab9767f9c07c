// zip.c — what Flume calls compression-type=deflate: a stream of zlib in each direction, flushed
// behind every frame. Answers are a few bytes, so ours has the smallest window.
#include "source/flume/flume_int.h"

#define ZLIB_CONST // what is read is const
#include <zlib.h>

enum { LEVEL = 6, WINDOW_BITS = 9, MEMORY = 1 };

struct flume_zip {
    z_stream in, out;
    bool has_in, has_out;
};

static void *allocate(void *ctx, unsigned n, unsigned size)
{
    (void)ctx;
    return sl_alloc_array(SLI_TAG_SOURCE, n, size);
}

static void give_back(void *ctx, void *memory)
{
    (void)ctx;
    sl_free(memory);
}

sl_code flume_zip_new(flume_zip **out, sl_error *err)
{
    flume_zip *zip = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *zip);
    if (zip == NULL) {
        return sl_error_nomem(err, sizeof *zip, "a compressed connection");
    }
    zip->in.zalloc = zip->out.zalloc = allocate;
    zip->in.zfree = zip->out.zfree = give_back;
    zip->has_in = inflateInit(&zip->in) == Z_OK;
    zip->has_out =
        deflateInit2(&zip->out, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) == Z_OK;
    if (!zip->has_in || !zip->has_out) {
        flume_zip_free(zip);
        return sl_error_nomem(err, 64 << 10, "a compressed connection");
    }
    *out = zip;
    return SL_OK;
}

void flume_zip_free(flume_zip *zip)
{
    if (zip == NULL) {
        return;
    }
    if (zip->has_in) {
        (void)inflateEnd(&zip->in);
    }
    if (zip->has_out) {
        (void)deflateEnd(&zip->out);
    }
    sl_free(zip);
}

sl_code flume_zip_in(flume_zip *zip, const void *data, size_t size, size_t *used, char *out,
                     size_t room, size_t *made, sl_error *err)
{
    z_stream *z = &zip->in;
    z->next_in = data;
    z->avail_in = (uInt)size;
    z->next_out = (Bytef *)out;
    z->avail_out = (uInt)room;
    int rc = inflate(z, Z_SYNC_FLUSH);
    *used = size - z->avail_in;
    *made = room - z->avail_out;
    if (rc == Z_OK || rc == Z_BUF_ERROR) {
        return SL_OK;
    }
    return rc == Z_MEM_ERROR
               ? sl_error_nomem(err, 64 << 10, "a compressed connection")
               : sl_error_set(err, SL_E_DATA,
                              "no stream of zlib; has the agent's sink compression-type=deflate?");
}

sl_code flume_zip_out(flume_zip *zip, sl_bytes data, sli_str *out, sl_error *err)
{
    z_stream *z = &zip->out;
    char piece[256];
    z->next_in = data.data;
    z->avail_in = (uInt)data.size;
    do {
        z->next_out = (Bytef *)piece;
        z->avail_out = sizeof piece;
        if (deflate(z, Z_SYNC_FLUSH) == Z_STREAM_ERROR) {
            return sl_error_set(err, SL_E_INVALID, "an answer could not be compressed");
        }
        sli_str_add(out, piece, sizeof piece - z->avail_out);
    } while (z->avail_out == 0);
    return sli_str_check(out, "an answer", err);
}
