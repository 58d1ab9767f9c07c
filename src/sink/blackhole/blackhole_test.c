/// blackhole_test.c — what takes every row shows none and keeps none.
#include "sink/fixture_test.h"

static const sli_sink_ops *const sinks[] = {&sli_sink_blackhole, NULL};

typedef struct hole {
    sli_world *world;
    sl_env *env;
    sl_schema *schema;
    sli_sink *sink;
} hole;

static sl_code hole_init(hole *h, const char *schema, const char *url, sl_error *err)
{
    *h = (hole){.world = slt_world(1, NULL)};
    h->env = slt_boot(h->world, NULL);
    assert_int_equal(sl_schema_parse(&h->schema, schema, NULL), SL_OK);
    sli_sink_env env = {
        .env = h->env, .uid = "none", .job_id = "", .generation = 1, .schema = h->schema};
    return sli_sink_open(&h->sink, url, sinks, &env, err);
}

static void hole_reset(hole *h)
{
    sli_sink_close(h->sink);
    sl_schema_unref(h->schema);
    sli_env_free(h->env);
    sli_world_free(h->world);
}

static int64_t calls_of(const sli_world *world)
{
    const sli_site *sites = NULL;
    int64_t calls = 0;
    for (int32_t i = 0, n = sli_world_sites(world, &sites); i < n; i++) {
        calls += sites[i].calls;
    }
    return calls;
}

SL_TEST(blackhole_takes_rows_and_touches_nothing, "")
{
    hole h;
    int64_t last = 7;
    sl_bytes receipt = {"", 1};
    assert_int_equal(hole_init(&h, "word string, n int64", "blackhole:", NULL), SL_OK);
    int64_t before = calls_of(h.world);
    sl_batch *rows = slt_rows(h.schema, "", 1, 0);
    const sli_sink_ops *ops = h.sink->ops;
    sli_attempt at = {.generation = 1, .epoch = 1};
    assert_int_equal(ops->recover(h.sink, &last, NULL), SL_OK);
    assert_int_equal(last, 0);
    assert_int_equal(ops->stage(h.sink, at, rows, NULL), SL_OK);
    assert_int_equal(ops->stage(h.sink, at, NULL, NULL), SL_OK);
    assert_int_equal(ops->seal(h.sink, 1, &at, 1, NULL, &receipt, NULL), SL_OK);
    assert_int_equal(receipt.size, 0);
    assert_int_equal(ops->commit(h.sink, 1, receipt, NULL, NULL), SL_OK);
    assert_int_equal(ops->commit(h.sink, 1, receipt, NULL, NULL), SL_OK);
    assert_int_equal(calls_of(h.world), before);
    sl_batch_unref(rows);
    hole_reset(&h);
}

SL_TEST(blackhole_has_no_address_and_no_options, "")
{
    static const char *const cases[][2] = {{"blackhole:x", "write \"blackhole:\""},
                                           {"blackhole://host/x", "write \"blackhole:\""},
                                           {"blackhole:?rows=1", "rows"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hole h;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(hole_init(&h, "x int64", cases[i][0], &err), SL_E_CONFIG);
        if (strstr(err.text, cases[i][1]) == NULL) {
            fail_msg("%s", err.text);
        }
        h.sink = NULL;
        hole_reset(&h);
    }
}
