// zstd.c — zstandard by its own library: frames, one behind the other, skippable ones too.
#include <zstd.h>

#include "codec/codec.h"

enum { MOST_WINDOW_BITS = 27 }; // 128 MiB, what `zstd` itself takes without being asked for more

typedef struct zstd {
    sli_unpacker base;
    ZSTD_DCtx *context;
} zstd;

static sl_code zstd_open(sli_unpacker **out, sl_error *err)
{
    zstd *self = sl_alloc_zero(SLI_TAG_FORMAT, sizeof *self);
    ZSTD_DCtx *context = ZSTD_createDCtx();
    if (self == NULL || context == NULL) {
        sl_free(self);
        (void)ZSTD_freeDCtx(context);
        return sl_error_nomem(err, sizeof *self, "zstd");
    }
    (void)ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, MOST_WINDOW_BITS);
    self->base = (sli_unpacker){.codec = &sli_codec_zstd, .is_whole = true};
    self->context = context;
    *out = &self->base;
    return SL_OK;
}

static void zstd_close(sli_unpacker *base)
{
    if (base != NULL) {
        (void)ZSTD_freeDCtx(((zstd *)base)->context);
        sl_free(base);
    }
}

static sl_code zstd_step(sli_unpacker *base, sli_flow *flow, sl_error *err)
{
    zstd *self = (zstd *)base;
    bool moved = true;
    while (moved) {
        ZSTD_inBuffer in = {.src = flow->in, .size = flow->in_size};
        ZSTD_outBuffer out = {.dst = flow->out, .size = flow->out_size};
        size_t left = ZSTD_decompressStream(self->context, &out, &in);
        if (ZSTD_isError(left)) {
            return sl_error_set(err, SL_E_DATA, "it is damaged, or no zstd (%s)",
                                ZSTD_getErrorName(left));
        }
        moved = in.pos > 0 || out.pos > 0;
        base->is_whole = moved ? left == 0 : base->is_whole;
        flow->in += in.pos;
        flow->in_size -= in.pos;
        flow->out += out.pos;
        flow->out_size -= out.pos;
        moved = moved && flow->out_size > 0;
    }
    return SL_OK;
}

const sli_codec sli_codec_zstd = {
    .name = "zstd", .extension = ".zst", .open = zstd_open, .step = zstd_step, .close = zstd_close};
