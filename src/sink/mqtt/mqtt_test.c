// The MQTT sink on the simulated broker: what is published, what is waited for, what is refused.
#include "sink/fixture_test.h"

#include "mqtt/sim/broker.h"

/// A sink with its broker, and rows for it.
typedef struct rig {
    sli_world *world;
    sli_mqtt_broker *broker;
    sl_env *env;
    sl_schema *schema;
    sli_sink *sink;
    sli_outbox outbox; ///< gives `rows` as one epoch
    sl_batch *rows;
    sl_error err;
} rig;

static rig *rig_of(sli_outbox *outbox)
{
    return (rig *)((char *)outbox - offsetof(rig, outbox));
}

static sl_code each_row(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err)
{
    return each(ctx, 1, 1000000, rig_of(self)->rows, err);
}

static void rig_open(rig *r)
{
    *r = (rig){.world = sli_world_new(&(sli_world_conf){.seed = 5}), .outbox = {each_row}};
    r->broker = sli_mqtt_broker_new(r->world);
    assert_non_null(r->broker);
    r->env = slt_boot(r->world, NULL);
    assert_int_equal(sl_schema_parse(&r->schema, "place string?, n int64", NULL), SL_OK);
    sl_builder *builder = NULL;
    assert_int_equal(sl_builder_new(&builder, r->schema, NULL), SL_OK);
    sl_builder_text(builder, 0, "a/b", 3);
    sl_builder_int64(builder, 1, 1);
    sl_builder_null(builder, 0);
    sl_builder_int64(builder, 1, 2);
    assert_int_equal(sl_builder_finish(builder, &r->rows, NULL), SL_OK);
    sl_builder_free(builder);
}

static sl_code open_sink(rig *r, const char *url)
{
    static const sli_sink_ops *const sinks[] = {&sli_sink_mqtt, NULL};
    sli_sink_env env = {.env = r->env,
                        .uid = "out",
                        .job_id = "0123456789abcdef0123456789abcdef",
                        .generation = 1,
                        .schema = r->schema};
    r->err = SL_ERROR_INIT;
    return sli_sink_open(&r->sink, url, sinks, &env, &r->err);
}

static void rig_close(rig *r)
{
    sli_sink_close(r->sink);
    sl_batch_unref(r->rows);
    sl_schema_unref(r->schema);
    sli_env_free(r->env);
    sli_mqtt_broker_free(r->broker);
    sli_world_free(r->world);
}

static sl_code commit(rig *r)
{
    r->err = SL_ERROR_INIT;
    return r->sink->ops->commit(r->sink, 1, (sl_bytes){NULL, 0}, &r->outbox, &r->err);
}

static void put_message(void *ctx, const sli_mqtt_message *m)
{
    sli_str_printf(ctx, "%s=%.*s%s;", m->topic, (int)m->payload_size, m->payload,
                   m->retain ? " kept" : "");
}

static void check_published(rig *r, const char *expected)
{
    sli_str text = SLI_STR_INIT;
    sli_str_text(&text, "");
    (void)sli_mqtt_broker_look(r->broker, put_message, &text);
    SL_CHECK_TEXT(text.data, expected);
    sli_str_reset(&text);
}

SL_TEST(mqtt_sink_publishes_each_row, "")
{
    rig r;
    int64_t committed = -1;
    rig_open(&r);
    assert_int_equal(open_sink(&r, "mqtt://sim/else?topic=place&retain=true"), SL_OK);
    assert_int_equal(r.sink->ops->recover(r.sink, &committed, &r.err), SL_OK);
    assert_int_equal(committed, 0); // a broker keeps no mark
    assert_int_equal(commit(&r), SL_OK);
    check_published(&r, "a/b=1 kept;else=2 kept;");
    rig_close(&r);
}

SL_TEST(mqtt_sink_waits_for_a_broker_that_is_away, "")
{
    rig r;
    rig_open(&r);
    assert_int_equal(open_sink(&r, "mqtt://sim/t?format=json"), SL_OK);
    sli_mqtt_broker_away(r.broker, SLI_FOREVER);
    assert_int_equal(commit(&r), SL_E_IO);
    assert_int_equal(sl_error_action(&r.err), SL_ACT_RETRY_TASK);
    sli_mqtt_broker_away(r.broker, 0);
    assert_int_equal(commit(&r), SL_OK);
    check_published(&r, "t={\"place\":\"a/b\",\"n\":1};t={\"n\":2};");
    sli_mqtt_broker_forbid(r.broker, "t");
    assert_int_equal(commit(&r), SL_E_CONFIG);
    rig_close(&r);
}

SL_TEST(mqtt_sink_finds_topics_that_are_none_before_the_seal, "")
{
    rig r;
    rig_open(&r);
    assert_int_equal(open_sink(&r, "mqtt://sim?topic=place"), SL_OK);
    assert_int_equal(r.sink->ops->check(r.sink, r.rows, &r.err), SL_E_DATA); // the second row
    assert_non_null(strstr(r.err.text, "a row without a topic"));
    rig_close(&r);
}

SL_TEST(mqtt_sink_urls_are_checked, "")
{
    static const char *const bad[][2] = {{"mqtt://sim", "a topic is needed"},
                                         {"mqtt://sim/a/#", "'+' and '#' are for filters"},
                                         {"mqtt://sim/t?topic=x", "there is no column x"},
                                         {"mqtt://sim/t?topic=n", "there is no column n of text"}};
    rig r;
    rig_open(&r);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(open_sink(&r, bad[i][0]), SL_E_CONFIG);
        if (strstr(r.err.text, bad[i][1]) == NULL) {
            fail_msg("%s: '%s' is not in: %s", bad[i][0], bad[i][1], r.err.text);
        }
    }
    rig_close(&r);
}
