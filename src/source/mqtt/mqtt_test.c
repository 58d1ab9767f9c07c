// Topics of MQTT as a receiver: what is acknowledged when, on the simulated broker and on
// mosquitto.
#include "mqtt/sim/broker.h"
#include "source/fixture_test.h"
#include "source/message.h"

#include <stdio.h>
#include <stdlib.h>

#if SLT_MQTT
#include "mosquitto_broker.h"
#endif

enum { CELLS = 4 };

/// The engine's side of a receiver.
typedef struct taker {
    sli_str text;    ///< "TOPIC=VALUE;" of each message, with "(ID)" where it has one
    int64_t taken;   ///< bytes
    bool has_enough; ///< `take` says so
} taker;

typedef struct rig {
    slt_place p;
    sli_mqtt_broker *broker; ///< NULL: mosquitto
    sli_loop *loop;
    sli_source *source;
    taker t;
    char url[160];
} rig;

static bool take(void *ctx, const void *data, size_t size, sli_tail tail)
{
    taker *t = ctx;
    assert_int_equal(tail, SLI_TAIL_OPEN);
    t->taken += (int64_t)size;
    for (size_t at = 0; at < size;) {
        sli_message m;
        int64_t n = sli_message_get((const char *)data + at, (int64_t)(size - at), CELLS, &m);
        assert_true(n > 0);
        sli_str_printf(&t->text, "%.*s=%.*s", (int)m.cells[0].size, (const char *)m.cells[0].data,
                       (int)m.value.size, (const char *)m.value.data);
        if (m.id.size > 0) {
            sli_str_printf(&t->text, "(%.*s)", (int)m.id.size, (const char *)m.id.data);
        }
        sli_str_char(&t->text, ';');
        at += (size_t)n;
    }
    return !t->has_enough;
}

static void begin(rig *r, const char *options)
{
    r->loop = sli_loop_new(r->p.env);
    const char *url = sl_arena_printf(r->p.arena, "%s?%s", r->url, options);
    if (slt_open_url(&r->p, url, &r->source) != SL_OK ||
        r->source->ops->start(r->source, r->loop, take, &r->t, &r->p.err) != SL_OK) {
        fail_msg("%s", r->p.err.text);
    }
}

static void end(rig *r)
{
    r->source->ops->stop(r->source);
    sli_source_close(r->source);
    sli_loop_free(r->loop);
    sli_str_reset(&r->t.text);
    r->t = (taker){0};
}

/// One round of the loop, and what ingest does after it.
static void turn(rig *r, int64_t until, bool settles)
{
    assert_int_equal(sli_loop_run(r->loop, until, NULL), SL_OK);
    r->source->ops->turn(r->source);
    if (settles) {
        r->source->ops->settled(r->source, r->t.taken);
    }
}

static void run_until(rig *r, const char *text, bool settles)
{
    int64_t until = sli_env_mono_us(r->p.env) + 20000000;
    while (sli_env_mono_us(r->p.env) < until &&
           (r->t.text.data == NULL || r->t.text.size < strlen(text))) {
        turn(r, until, settles);
    }
    SL_CHECK_TEXT(r->t.text.data == NULL ? "" : r->t.text.data, text);
}

static void run_for(rig *r, int64_t us, bool settles)
{
    int64_t until = sli_env_mono_us(r->p.env) + us;
    while (sli_env_mono_us(r->p.env) < until) {
        turn(r, until, settles);
    }
}

static void open_sim(rig *r)
{
    *r = (rig){0};
    slt_place_open(&r->p, true);
    r->broker = sli_mqtt_broker_new(r->p.world);
    assert_non_null(r->broker);
    r->p.source_env.job_id = "0123456789abcdef0123456789abcdef";
    (void)snprintf(r->url, sizeof r->url, "mqtt://sim:1883/t/#");
}

static void close_sim(rig *r)
{
    sli_env_free(r->p.env); // clients are closed; the broker outlives the process
    r->p.env = NULL;
    sli_mqtt_broker_free(r->broker);
    slt_place_close(&r->p);
}

static void put(rig *r, const char *topic, const char *payload, const char *id)
{
    sli_mqtt_pair pair = {"id", id};
    sli_mqtt_message m = {.topic = topic,
                          .payload = payload,
                          .payload_size = strlen(payload),
                          .qos = 1,
                          .pairs = &pair,
                          .n_pairs = id != NULL};
    assert_int_equal(sli_mqtt_broker_publish(r->broker, &m, NULL), SL_OK);
}

static const char client[] = "sluice-0123456789ab-in";

SL_TEST(mqtt_acknowledges_what_is_durable, "DURABLE-1")
{
    rig r;
    open_sim(&r);
    begin(&r, "");
    run_for(&r, 100000, true);
    put(&r, "t/1", "one", NULL);
    run_until(&r, "t/1=one;", false);
    run_for(&r, 100000, false);
    assert_int_equal(sli_mqtt_broker_waiting(r.broker, client), 1); // taken, and not durable
    run_for(&r, 100000, true);                                      // told at its end,
    run_for(&r, 100000, true);                                      // heard in the next
    assert_int_equal(sli_mqtt_broker_waiting(r.broker, client), 0);
    end(&r);
    close_sim(&r);
}

SL_TEST(mqtt_loses_nothing_of_a_job_that_is_down, "DURABLE-1")
{
    rig r;
    open_sim(&r);
    begin(&r, "");
    run_for(&r, 100000, true);
    put(&r, "t/1", "one", NULL);
    run_until(&r, "t/1=one;", false);
    end(&r); // dies before it is durable
    put(&r, "t/2", "two", NULL);
    begin(&r, "");
    run_until(&r, "t/1=one;t/2=two;", true);
    end(&r);
    close_sim(&r);
}

SL_TEST(mqtt_names_messages_by_a_property, "")
{
    rig r;
    open_sim(&r);
    begin(&r, "id=id");
    run_for(&r, 100000, true);
    put(&r, "t/1", "one", "n1");
    put(&r, "t/1", "two", NULL);
    run_until(&r, "t/1=one(n1);t/1=two;", true);
    end(&r);
    close_sim(&r);
}

SL_TEST(mqtt_waits_while_no_more_is_wanted, "BOUNDED-1")
{
    rig r;
    open_sim(&r);
    r.t.has_enough = true;
    begin(&r, "");
    run_for(&r, 100000, true);
    put(&r, "t/1", "one", NULL);
    run_until(&r, "t/1=one;", true);
    put(&r, "t/1", "two", NULL);
    run_for(&r, 5000000, true);
    SL_CHECK_TEXT(r.t.text.data, "t/1=one;");
    r.t.has_enough = false;
    r.source->ops->resume(r.source);
    run_until(&r, "t/1=one;t/1=two;", true);
    end(&r);
    close_sim(&r);
}

static int times(const char *text, const char *part)
{
    int n = 0;
    for (; text != NULL && (text = strstr(text, part)) != NULL; text++) {
        n++;
    }
    return n;
}

SL_TEST(mqtt_waits_for_a_broker_that_is_away, "")
{
    rig r;
    open_sim(&r);
    sli_mqtt_broker_away(r.broker, SLI_FOREVER);
    begin(&r, "reconnect_delay=100ms");
    run_for(&r, 1000000, true);
    assert_true(slt_metric(&r.p, SLI_SOURCE_RECONNECTS) >= 5);
    assert_int_equal(times(r.p.told.data, "Connection refused"), 1); // told once
    sli_mqtt_broker_away(r.broker, 0);
    run_for(&r, 1000000, true);
    put(&r, "t/1", "one", NULL);
    run_until(&r, "t/1=one;", true);
    assert_int_equal(r.source->ops->failed(r.source, NULL), SL_OK);
    end(&r);
    close_sim(&r);
}

SL_TEST(mqtt_that_is_refused_ends_the_job, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    open_sim(&r);
    sli_mqtt_broker_password(r.broker, "right");
    begin(&r, "username=u&password=wrong");
    run_for(&r, 1000000, true);
    assert_int_equal(r.source->ops->failed(r.source, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "password"));
    assert_null(strstr(err.text, "wrong"));
    end(&r);
    close_sim(&r);
}

SL_TEST(mqtt_urls_are_checked, "")
{
    static const char *const bad[][2] = {
        {"mqtt://sim:1883/", "a topic filter has 1 to 65535 bytes"},
        {"mqtt://sim:1883/a#", "'#' is a level of its own"},
        {"mqtt://sim/t?columns=tpic", "tpic"},
        {"mqtt://sim/t?format=arrow", "arrow"},
        {"mqtt:t", "a broker is needed"},
        {"mqtt://sim/t?cert=a.pem", "cert and key are given together"},
        {"mqtt://sim/t?ca=a.pem", "set tls=true"},
        {"mqtt://sim/t?password=x", "needs a username"},
    };
    slt_place p;
    slt_place_open(&p, true);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sli_source *source = NULL;
        assert_true(slt_open_url(&p, bad[i][0], &source) != SL_OK);
        if (strstr(p.err.text, bad[i][1]) == NULL) {
            fail_msg("%s: '%s' is not in: %s", bad[i][0], bad[i][1], p.err.text);
        }
    }
    slt_place_close(&p);
}

#if SLT_MQTT

/// Publishes numbers [from, to) by mosquitto's own tool.
static void publish_numbers(int32_t port, int from, int to)
{
    char command[160];
    (void)snprintf(command, sizeof command,
                   "seq %d %d | mosquitto_pub -h 127.0.0.1 -p %d -q 1 -t t/n -l -i numbers", from,
                   to - 1, (int)port);
    assert_int_equal(system(command), 0);
}

enum { LIVES = 6, EACH = 500 };

static int count_seen(const rig *r, char *seen)
{
    int n = 0;
    const char *at = r->t.text.data;
    for (; at != NULL && (at = strstr(at, "=")) != NULL; at++) {
        int number = atoi(at + 1);
        assert_in_range(number, 0, LIVES * EACH - 1);
        seen[number] = 1;
    }
    for (int i = 0; i < LIVES * EACH; i++) {
        n += seen[i];
    }
    return n;
}

/// A life that takes what comes; what it took and is not durable does not count when it dies.
static void live(rig *r, char *seen, int wanted, bool dies)
{
    int64_t until = sli_env_mono_us(r->p.env) + 20000000;
    begin(r, "reconnect_delay=10ms");
    if (dies) {
        run_for(r, 100000, false);
    } else {
        while (count_seen(r, seen) < wanted && sli_env_mono_us(r->p.env) < until) {
            turn(r, until, true);
        }
        assert_int_equal(count_seen(r, seen), wanted);
        run_for(r, 50000, true); // its last acknowledgements
    }
    end(r);
}

// A job that dies again and again while the broker comes and goes: every number arrives.
SL_TEST(mqtt_source_loses_nothing_mosquitto, "DURABLE-1")
{
    static char seen[LIVES * EACH];
    if (getenv("SLUICE_TEST_MQTT") == NULL) {
        slt_not_here("SLUICE_TEST_MQTT is not set: make test-mqtt runs on mosquitto");
    }
    rig r = {0};
    slt_mosquitto *broker = slt_mosquitto_start();
    slt_place_open(&r.p, false);
    r.p.source_env.job_id = "0123456789abcdef0123456789abcdef";
    r.p.source_env.modules = SLT_BUILD_DIR "/lib/sluice";
    (void)snprintf(r.url, sizeof r.url, "mqtt://127.0.0.1:%d/t/#", (int)slt_mosquitto_port(broker));
    live(&r, seen, 0, true); // so that the broker knows us
    for (int i = 0; i < LIVES; i++) {
        publish_numbers(slt_mosquitto_port(broker), i * EACH, (i + 1) * EACH);
        live(&r, seen, 0, true);
        if (i % 2 == 1) {
            slt_mosquitto_run(broker, false);
            slt_mosquitto_run(broker, true);
        }
        live(&r, seen, (i + 1) * EACH, false);
    }
    slt_place_close(&r.p);
    slt_mosquitto_end(broker);
}

#endif
