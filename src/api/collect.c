// The sink of tests: each epoch's rows as JSON lines in a file of the (simulated) world,
// collect/NAME/EPOCH.
//
// An outbox sink; a repeat writes the same bytes again, so it is exactly once for whoever reads by
// epoch.
#include <stdio.h>

#include "api/test_int.h"

typedef struct collect_sink {
    sli_sink base;
    const sli_sink_env *env;
    sl_env *world;
    sl_conf *format_conf;
    sli_encoder *encoder;
    char name[128];
    // the epoch being gathered
    int64_t epoch;
    sli_str rows;
} collect_sink;

static const sl_option collect_options[] = {{0}};

static void collect_close(sli_sink *self)
{
    collect_sink *sink = (collect_sink *)self;
    if (sink->encoder != NULL) {
        sli_format_json.encoder_free(sink->encoder);
    }
    sl_conf_free(sink->format_conf);
    sli_str_reset(&sink->rows);
    sl_free(sink);
}

static sl_code collect_init(collect_sink *sink, const sl_schema *schema, sl_error *err)
{
    const sl_option *tables[] = {sli_format_json.options, NULL};
    SL_TRY(sl_conf_new(&sink->format_conf, "sink collect", tables, err));
    SL_TRY(sl_conf_set(sink->format_conf, "schema", sli_text_of(sl_schema_text(schema)), err));
    SL_TRY(sli_format_json.encoder_new(&sink->encoder, sink->format_conf, schema, err));
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    char *dir = arena == NULL ? NULL : sl_arena_printf(arena, "collect/%s", sink->name);
    sl_code rc = dir == NULL ? sl_error_nomem(err, 64, "a directory's name")
                             : sli_env_mkdirs(sink->world, dir, err);
    sl_arena_free(arena);
    return rc;
}

static sl_code collect_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                            const sli_sink_env *env, sl_error *err)
{
    (void)conf;
    collect_sink *sink = sl_alloc_zero(SLI_TAG_TEST, sizeof *sink);
    if (sink == NULL) {
        return sl_error_nomem(err, sizeof *sink, "sink collect");
    }
    sink->base.ops = &sli_sink_collect;
    sink->world = env->env;
    sink->rows.tag = SLI_TAG_TEST;
    (void)snprintf(sink->name, sizeof sink->name, "%.*s", (int)url->path.size, url->path.data);
    sl_code rc = collect_init(sink, env->schema, err);
    if (rc != SL_OK) {
        collect_close(&sink->base);
        return rc;
    }
    *out = &sink->base;
    return SL_OK;
}

static sl_code collect_recover(sli_sink *self, int64_t *last_committed, sl_error *err)
{
    (void)self;
    (void)err;
    *last_committed = 0;
    return SL_OK;
}

static sl_code write_epoch(collect_sink *sink, sl_error *err)
{
    char path[256];
    if (sink->epoch == 0) {
        return SL_OK;
    }
    (void)snprintf(path, sizeof path, "collect/%s/%012lld", sink->name, (long long)sink->epoch);
    SL_TRY(sli_str_check(&sink->rows, "collected rows", err));
    sl_code rc = sli_env_write_file(sink->world, path, sink->rows.size == 0 ? "" : sink->rows.data,
                                    sink->rows.size, err);
    sli_str_clear(&sink->rows);
    return rc;
}

static sl_code collect_batch(void *ctx, int64_t epoch, int64_t batch_time_us, const sl_batch *batch,
                             sl_error *err)
{
    collect_sink *sink = ctx;
    (void)batch_time_us;
    if (epoch != sink->epoch) {
        SL_TRY(write_epoch(sink, err));
        sink->epoch = epoch;
    }
    return batch == NULL ? SL_OK : sli_format_json.encode(sink->encoder, batch, &sink->rows, err);
}

static sl_code collect_commit(sli_sink *self, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                              sl_error *err)
{
    collect_sink *sink = (collect_sink *)self;
    (void)group;
    (void)receipt;
    sink->epoch = 0;
    sl_code rc = outbox->each(outbox, collect_batch, sink, err);
    if (rc == SL_OK) {
        rc = write_epoch(sink, err);
    }
    sli_str_clear(&sink->rows);
    return rc;
}

const sli_sink_ops sli_sink_collect = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "collect",
    .text = "Keeps every epoch's rows for a test.",
    .guarantee = SLI_EXACTLY_ONCE,
    .options = collect_options,
    .open = collect_open,
    .recover = collect_recover,
    .commit = collect_commit,
    .close = collect_close,
};
