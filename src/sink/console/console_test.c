/// console_test.c — what print() shows, byte for byte as Spark does.
#include "sink/fixture_test.h"

static const sli_sink_ops *const sinks[] = {&sli_sink_console, NULL};

typedef struct screen {
    sli_world *world;
    sl_env *env;
    sl_schema *schema;
    sli_sink *sink;
} screen;

static sl_code open_console(screen *s, const char *url, sl_error *err)
{
    sli_sink_env env = {
        .env = s->env, .uid = "print", .job_id = "", .generation = 1, .schema = s->schema};
    return sli_sink_open(&s->sink, url, sinks, &env, err);
}

static void screen_init(screen *s, const char *schema)
{
    *s = (screen){.world = slt_world(1, NULL)};
    s->env = slt_boot(s->world, NULL);
    assert_int_equal(sl_schema_parse(&s->schema, schema, NULL), SL_OK);
}

static void screen_reset(screen *s)
{
    sli_sink_close(s->sink);
    sl_schema_unref(s->schema);
    sli_env_free(s->env);
    sli_world_free(s->world);
}

/// Three epochs: rows in two batches, none, rows in one.
static sl_code three_epochs(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    (void)self;
    sl_schema *schema = NULL;
    assert_int_equal(sl_schema_parse(&schema, "word string, n int64", NULL), SL_OK);
    sl_batch *rows = slt_rows(schema, "", 1, 0);
    sl_code rc = each(ctx, 1, 1000000, rows, err);
    rc = rc == SL_OK ? each(ctx, 1, 1000000, rows, err) : rc;
    rc = rc == SL_OK ? each(ctx, 2, 2000000, NULL, err) : rc;
    rc = rc == SL_OK ? each(ctx, 3, 3500000, rows, err) : rc;
    sl_batch_unref(rows);
    sl_schema_unref(schema);
    return rc;
}

#define LINE "-------------------------------------------\n"

SL_TEST(console_shows_the_first_rows_of_each_epoch, "")
{
    screen s;
    sli_outbox outbox = {three_epochs};
    int64_t last = 7;
    screen_init(&s, "word string, n int64");
    assert_int_equal(open_console(&s, "console:?rows=3", NULL), SL_OK);
    assert_int_equal(s.sink->ops->recover(s.sink, &last, NULL), SL_OK);
    assert_int_equal(last, 0);
    assert_int_equal(s.sink->ops->commit(s.sink, 1, (sl_bytes){NULL, 0}, &outbox, NULL), SL_OK);
    size_t size = 0;
    SL_CHECK_TEXT(sli_world_printed(s.world, 1, &size), LINE
                  "Time: 1000 ms\n" LINE "(e1p0r0,100)\n(e1p0r1,101)\n(e1p0r0,100)\n...\n\n" LINE
                  "Time: 2000 ms\n" LINE "\n" LINE "Time: 3500 ms\n" LINE
                  "(e1p0r0,100)\n(e1p0r1,101)\n\n");
    const sli_site *sites = NULL;
    int64_t prints = 0;
    for (int32_t i = 0, n = sli_world_sites(s.world, &sites); i < n; i++) {
        prints += strstr(sites[i].name, "print") != NULL ? sites[i].calls : 0;
    }
    assert_int_equal(prints, 1);
    screen_reset(&s);
}

SL_TEST(console_zero_rows_and_standard_error, "")
{
    screen s;
    sli_outbox outbox = {three_epochs};
    size_t size = 0;
    screen_init(&s, "word string, n int64");
    assert_int_equal(open_console(&s, "console:?rows=0&stream=stderr", NULL), SL_OK);
    assert_int_equal(s.sink->ops->commit(s.sink, 1, (sl_bytes){NULL, 0}, &outbox, NULL), SL_OK);
    SL_CHECK_TEXT(sli_world_printed(s.world, 2, &size),
                  LINE "Time: 1000 ms\n" LINE "...\n\n" LINE "Time: 2000 ms\n" LINE "\n" LINE
                       "Time: 3500 ms\n" LINE "...\n\n");
    (void)sli_world_printed(s.world, 1, &size);
    assert_int_equal(size, 0);
    screen_reset(&s);
}

static sl_code one_nested(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    (void)self;
    sl_schema *schema = NULL;
    sl_builder *b = NULL;
    sl_batch *rows = NULL;
    assert_int_equal(sl_schema_parse(&schema, "l list<int64>?", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&b, schema, NULL), SL_OK);
    sl_builder_list_begin(b, 0);
    sl_builder_int64(b, 0, 1);
    sl_builder_int64(b, 0, -2);
    sl_builder_list_end(b, 0);
    sl_builder_null(b, 0);
    assert_int_equal(sl_builder_finish(b, &rows, NULL), SL_OK);
    sl_code rc = each(ctx, 1, 0, rows, err);
    sl_batch_unref(rows);
    sl_builder_free(b);
    sl_schema_unref(schema);
    return rc;
}

SL_TEST(console_shows_one_column_bare_and_lists_and_nulls, "")
{
    screen s;
    sli_outbox outbox = {one_nested};
    size_t size = 0;
    screen_init(&s, "l list<int64>?");
    assert_int_equal(open_console(&s, "console:", NULL), SL_OK);
    assert_int_equal(s.sink->ops->commit(s.sink, 1, (sl_bytes){NULL, 0}, &outbox, NULL), SL_OK);
    SL_CHECK_TEXT(sli_world_printed(s.world, 1, &size),
                  LINE "Time: 0 ms\n" LINE "[1,-2]\nnull\n\n");
    screen_reset(&s);
}

SL_TEST(console_refuses_addresses_options_and_schemes_it_does_not_know, "")
{
    static const struct {
        const char *url, *says;
    } cases[] = {
        {"console:here", "no address"},        {"console:?row=3", "rows"},
        {"console:?rows=-1", "rows"},          {"console:?stream=out", "stdout"},
        {"consol:", "did you mean 'console'"}, {"xyzzyxyzzy:", "no sink 'xyzzyxyzzy'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        screen s;
        sl_error err = SL_ERROR_INIT;
        screen_init(&s, "word string");
        assert_int_equal(open_console(&s, cases[i].url, &err), SL_E_CONFIG);
        if (strstr(err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].url, err.text);
        }
        screen_reset(&s);
    }
}
