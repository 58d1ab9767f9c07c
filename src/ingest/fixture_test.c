#include "ingest/fixture_test.h"

#include "sl_test.h"

// ---------------------------------------------------------------- a source that delivers what the
// test hands it

static const sl_schema *fake_schema(const sli_source *self)
{
    return ((const fake *)self)->schema;
}
static sl_code fake_start(sli_source *self, sli_loop *loop, sli_receive_fn take, void *ctx,
                          sl_error *err)
{
    (void)loop;
    (void)err;
    ((fake *)self)->take = take;
    ((fake *)self)->ctx = ctx;
    return SL_OK;
}
static void fake_resume(sli_source *self)
{
    ((fake *)self)->resumed++;
}
static void fake_settled(sli_source *self, int64_t bytes)
{
    ((fake *)self)->settled = bytes;
}
static void fake_stop(sli_source *self)
{
    (void)self;
}
static bool fake_ended(const sli_source *self)
{
    return ((const fake *)self)->ended;
}
static const sli_format_ops *fake_format(const sli_source *self, const sl_conf **conf)
{
    *conf = ((const fake *)self)->conf;
    return &sli_format_text;
}
static void fake_close(sli_source *self)
{
    fake *f = (fake *)self;
    sl_schema_unref(f->schema);
    sl_conf_free(f->conf);
    sl_free(f);
}
static const sli_source_ops fake_ops = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "fake",
    .kind = SLI_SOURCE_RECEIVER,
    .schema = fake_schema,
    .start = fake_start,
    .resume = fake_resume,
    .stop = fake_stop,
    .ended = fake_ended,
    .format = fake_format,
    .close = fake_close,
    .settled = fake_settled,
};

// ---------------------------------------------------------------- one life of an ingest

static fake *new_fake(const char *format_settings, const sli_message_column *messages)
{
    static const sl_option columns[] = {SLI_MESSAGE_OPTION_COLUMNS("..."), {0}};
    static const sl_option *tables[] = {NULL, columns, NULL};
    fake *f = sl_alloc_zero(SLI_TAG_TEST, sizeof *f);
    tables[0] = sli_format_text.options;
    f->ops = fake_ops;
    f->ops.messages = messages;
    f->base.ops = &f->ops;
    assert_int_equal(sl_conf_new(&f->conf, "fake", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(f->conf, format_settings, NULL), SL_OK);
    assert_int_equal(sli_format_text.schema(f->conf, &f->schema, NULL), SL_OK);
    return f;
}

static sl_code open_life(life *l, bool checkpoint, const char *format_settings,
                         const sli_message_column *messages)
{
    sl_error *err = &l->error;
    sli_ckpt_job job = {.name = "test", .graph_text = "graph", .graph_hash = 1};
    if (checkpoint) {
        SL_TRY(sli_ckpt_open(&l->ckpt, l->env, "ck", &job, l->metrics, NULL, err));
        SL_TRY(sli_ckpt_begin(l->ckpt, err));
    }
    sli_ingest_env env = {.env = l->env,
                          .metrics = l->metrics,
                          .budget = l->budget,
                          .ckpt = l->ckpt,
                          .loop = l->loop,
                          .interval_us = 1000000};
    SL_TRY(sli_ingest_new(&l->ingest, &env, l->conf, err));
    l->source = new_fake(format_settings, messages);
    SL_TRY(sli_ingest_add(l->ingest, &l->source->base, "lines", &l->input, err));
    SL_TRY(l->input->ops->restore(l->input, (sl_bytes){NULL, 0}, err));
    return sli_ingest_start(l->ingest, err);
}

/// `settings` of the ingest, and of the format that the source's bytes are in.
life begin_life_of(sli_world *world, const sli_fault *fault, bool checkpoint, const char *settings,
                   const char *format_settings, const sli_message_column *messages)
{
    static const sl_option *tables[2];
    life l = {0};
    tables[0] = sli_ingest_options;
    assert_int_equal(sli_world_boot(world, fault, &l.env, NULL), SL_OK);
    assert_int_equal(sl_conf_new(&l.conf, "test", tables, NULL), SL_OK);
    assert_int_equal(sl_conf_parse(l.conf, settings, NULL), SL_OK);
    l.budget = sli_budget_new(1 << 20);
    assert_int_equal(sli_metrics_new(&l.metrics, l.env, NULL), SL_OK);
    l.loop = sli_loop_new(l.env);
    l.arena = sl_arena_new(SLI_TAG_TEST);
    l.rc = open_life(&l, checkpoint, format_settings, messages);
    return l;
}

life begin_life(sli_world *world, const sli_fault *fault, bool checkpoint, const char *settings)
{
    return begin_life_of(world, fault, checkpoint, settings, "", NULL);
}

void end_life(life *l)
{
    sli_ingest_free(l->ingest);
    sli_ckpt_close(l->ckpt);
    sli_loop_free(l->loop);
    sli_metrics_free(l->metrics);
    sli_budget_free(l->budget);
    sl_conf_free(l->conf);
    sl_arena_free(l->arena);
    sli_env_free(l->env);
    *l = (life){0};
}

bool give(life *l, const char *text, sli_tail tail)
{
    return l->source->take(l->source->ctx, text, strlen(text), tail);
}

/// Lets io and the wal strand work for a while of virtual time.
void work(life *l)
{
    for (int i = 0; i < 20 && l->rc == SL_OK; i++) {
        l->rc = sli_loop_run(l->loop, sli_env_mono_us(l->env) + 100000, &l->error);
        l->rc = l->rc == SL_E_TIMEOUT ? SL_OK : l->rc;
        sli_ingest_turn(l->ingest);
    }
}

sl_code add_rows(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_str *out = ctx;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(batch); i++) {
        sl_text text = sl_column_text(sl_batch_column(batch, 0), i);
        sli_str_add(out, text.data, text.size);
        sli_str_char(out, ';');
    }
    return SL_OK;
}

/// The next epoch's range (copied into the arena) and its rows, split by split.
sl_bytes offer_and_read(life *l, int64_t max_rows, sli_str *rows)
{
    sli_ask ask = {.epoch = 1, .batch_time_us = 1000000, .max_rows = max_rows};
    sli_offer offer = {0};
    sli_decode_stats stats = {0};
    l->rc = l->input->ops->offer(l->input, &ask, l->arena, &offer, &l->error);
    for (int32_t s = 0; l->rc == SL_OK && s < offer.n_splits; s++) {
        l->rc = l->input->ops->read(l->input, offer.range, s, add_rows, rows, &stats, &l->error);
    }
    return offer.range;
}

sli_world *new_world(void)
{
    sli_world_conf conf = {.seed = 11};
    sli_world *world = sli_world_new(&conf);
    assert_non_null(world);
    return world;
}
