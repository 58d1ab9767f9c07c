/// blackhole.c — rows are dropped where they are made. The engine counts them, as of every output.
///
/// A resumable sink, not an outbox one: an outbox would keep every row on disk until its commit.
#include "sink/sink_int.h"

static const sl_option options[] = {{0}};

static sl_code hole_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                         const sli_sink_env *env, sl_error *err)
{
    (void)conf;
    (void)env;
    if (url->host.size > 0 || url->path.size > 0) {
        return sl_error_set(err, SL_E_CONFIG, "a black hole has no address: write \"blackhole:\"");
    }
    sli_sink *self = sl_alloc_zero(SLI_TAG_SINK, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "black hole");
    }
    self->ops = &sli_sink_blackhole;
    *out = self;
    return SL_OK;
}

/// Whatever was sealed is committed: there is nothing to finish.
static sl_code hole_recover(sli_sink *self, int64_t *last_committed, sl_error *err)
{
    (void)self;
    (void)err;
    *last_committed = 0;
    return SL_OK;
}

static sl_code hole_stage(sli_sink *self, sli_attempt at, const sl_batch *rows, sl_error *err)
{
    (void)self;
    (void)at;
    (void)rows;
    (void)err;
    return SL_OK;
}

static sl_code hole_seal(sli_sink *self, int64_t group, const sli_attempt *winners,
                         int32_t n_winners, sl_arena *arena, sl_bytes *receipt, sl_error *err)
{
    (void)self;
    (void)group;
    (void)winners;
    (void)n_winners;
    (void)arena;
    (void)err;
    *receipt = (sl_bytes){NULL, 0};
    return SL_OK;
}

static sl_code hole_commit(sli_sink *self, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                           sl_error *err)
{
    (void)self;
    (void)group;
    (void)receipt;
    (void)outbox;
    (void)err;
    return SL_OK;
}

static void hole_close(sli_sink *self)
{
    sl_free(self);
}

const sli_sink_ops sli_sink_blackhole = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "blackhole",
    .text = "Takes every row and keeps none; they are counted as of every output.",
    .guarantee = SLI_EXACTLY_ONCE,
    .options = options,
    .open = hole_open,
    .recover = hole_recover,
    .stage = hole_stage,
    .seal = hole_seal,
    .commit = hole_commit,
    .close = hole_close,
};
