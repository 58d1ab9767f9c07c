// bzip2.c — bzip2 by libbz2: streams, one behind the other (what pbzip2 writes).
#include <bzlib.h>
#include <limits.h>

#include "codec/codec.h"

typedef struct bzip2 {
    sli_unpacker base;
    bz_stream z;
    bool is_open; ///< a stream is under way
} bzip2;

static void *allocate(void *ctx, int n, int size)
{
    (void)ctx;
    return sl_alloc_array(SLI_TAG_FORMAT, (size_t)n, (size_t)size);
}

static void give_back(void *ctx, void *memory)
{
    (void)ctx;
    sl_free(memory);
}

static sl_code bzip2_open(sli_unpacker **out, sl_error *err)
{
    bzip2 *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "bzip2");
    }
    self->base = (sli_unpacker){.codec = &sli_codec_bzip2, .is_whole = true};
    *out = &self->base;
    return SL_OK;
}

static void end_stream(bzip2 *self)
{
    if (self->is_open) {
        (void)BZ2_bzDecompressEnd(&self->z);
        self->is_open = false;
    }
}

static void bzip2_close(sli_unpacker *base)
{
    if (base != NULL) {
        end_stream((bzip2 *)base);
        sl_free(base);
    }
}

static sl_code begin_stream(bzip2 *self, sl_error *err)
{
    self->z = (bz_stream){.bzalloc = allocate, .bzfree = give_back};
    if (BZ2_bzDecompressInit(&self->z, 0, 0) != BZ_OK) {
        return sl_error_nomem(err, 0, "bzip2");
    }
    self->is_open = true;
    self->base.is_whole = false;
    return SL_OK;
}

/// True: something moved.
static bool unpack_some(bzip2 *self, sli_flow *flow, int *rc)
{
    bz_stream *z = &self->z;
    size_t in = flow->in_size < UINT_MAX ? flow->in_size : UINT_MAX;
    size_t out = flow->out_size < UINT_MAX ? flow->out_size : UINT_MAX;
    z->next_in = (char *)(uintptr_t)flow->in; // which it does not write to
    z->avail_in = (unsigned)in;
    z->next_out = flow->out;
    z->avail_out = (unsigned)out;
    *rc = BZ2_bzDecompress(z);
    size_t taken = in - z->avail_in, given = out - z->avail_out;
    flow->in += taken;
    flow->in_size -= taken;
    flow->out += given;
    flow->out_size -= given;
    return taken > 0 || given > 0;
}

static sl_code bzip2_step(sli_unpacker *base, sli_flow *flow, sl_error *err)
{
    bzip2 *self = (bzip2 *)base;
    int rc = BZ_OK;
    bool moved = true;
    while (moved && flow->out_size > 0 && (self->is_open || flow->in_size > 0)) {
        SL_TRY(self->is_open ? SL_OK : begin_stream(self, err));
        moved = unpack_some(self, flow, &rc);
        if (rc == BZ_STREAM_END) {
            end_stream(self);
            base->is_whole = true;
        } else if (rc == BZ_MEM_ERROR) {
            return sl_error_nomem(err, 0, "bzip2");
        } else if (rc != BZ_OK) {
            return sl_error_set(err, SL_E_DATA, "it is damaged, or no bzip2");
        }
    }
    return SL_OK;
}

const sli_codec sli_codec_bzip2 = {.name = "bzip2",
                                   .extension = ".bz2",
                                   .open = bzip2_open,
                                   .step = bzip2_step,
                                   .close = bzip2_close};
