// gzip.c — gzip by zlib: members, one behind the other.
#define ZLIB_CONST // inputs are not written to
#include <limits.h>
#include <zlib.h>

#include "codec/codec.h"

enum { WITH_GZIP_HEADER = 15 + 16 };

typedef struct gzip {
    sli_unpacker base;
    z_stream z;
    bool has_ended; ///< a member has, and the next one has not begun
} gzip;

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

static sl_code gzip_open(sli_unpacker **out, sl_error *err)
{
    gzip *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "gzip");
    }
    self->base = (sli_unpacker){.codec = &sli_codec_gzip, .is_whole = true};
    self->z.zalloc = allocate;
    self->z.zfree = give_back;
    if (inflateInit2(&self->z, WITH_GZIP_HEADER) != Z_OK) {
        sl_free(self);
        return sl_error_nomem(err, sizeof *self, "gzip");
    }
    *out = &self->base;
    return SL_OK;
}

static void gzip_close(sli_unpacker *base)
{
    if (base != NULL) {
        (void)inflateEnd(&((gzip *)base)->z);
        sl_free(base);
    }
}

/// Tapes and block devices leave zeros behind a file.
static void pass_padding(sli_flow *flow)
{
    while (flow->in_size > 0 && *flow->in == '\0') {
        flow->in++;
        flow->in_size--;
    }
}

static int inflate_some(gzip *self, sli_flow *flow)
{
    z_stream *z = &self->z;
    size_t in = flow->in_size < UINT_MAX ? flow->in_size : UINT_MAX;
    size_t out = flow->out_size < UINT_MAX ? flow->out_size : UINT_MAX;
    z->next_in = (const Bytef *)flow->in;
    z->avail_in = (uInt)in;
    z->next_out = (Bytef *)flow->out;
    z->avail_out = (uInt)out;
    int rc = inflate(z, Z_NO_FLUSH);
    size_t taken = in - z->avail_in, given = out - z->avail_out;
    flow->in += taken;
    flow->in_size -= taken;
    flow->out += given;
    flow->out_size -= given;
    self->base.is_whole = self->base.is_whole && taken == 0;
    return rc;
}

static sl_code gzip_step(sli_unpacker *base, sli_flow *flow, sl_error *err)
{
    gzip *self = (gzip *)base;
    int rc = Z_OK;
    while (rc == Z_OK) {
        if (self->has_ended) {
            pass_padding(flow);
            if (flow->in_size == 0) {
                return SL_OK;
            }
            (void)inflateReset(&self->z); // it was made well
            self->has_ended = false;
        }
        rc = inflate_some(self, flow);
        if (rc == Z_STREAM_END) {
            self->has_ended = self->base.is_whole = true;
            rc = Z_OK;
        }
        if (rc == Z_OK && flow->out_size == 0) {
            return SL_OK;
        }
    }
    return rc == Z_BUF_ERROR ? SL_OK // no bytes left, or no room
           : rc == Z_MEM_ERROR
               ? sl_error_nomem(err, 0, "gzip")
               : sl_error_set(err, SL_E_DATA, "it is damaged, or no gzip (%s)",
                              self->z.msg == NULL ? "no more is known" : self->z.msg);
}

const sli_codec sli_codec_gzip = {
    .name = "gzip", .extension = ".gz", .open = gzip_open, .step = gzip_step, .close = gzip_close};
