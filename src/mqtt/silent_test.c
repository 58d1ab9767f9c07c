// The real client, libmosquitto, and a broker that takes connections and answers nothing:
// connecting has its end, also one that is told while somebody waits.
#include "mqtt/fixture_test.h"

#if SLT_MQTT

#include "env/module.h"
#include "silent.h"

enum { SECOND = 1000000, DAY = 86400, MOST_US = 20 * SECOND }; ///< of a busy machine

typedef struct waiting {
    slt_mqtt m;
    sli_signal *never;
    _Atomic int64_t end_us;
    int64_t began_us;
} waiting;

static slt_silent server;

static void start(slt_mqtt *m, uint64_t seed)
{
    const sli_module *module = NULL;
    const sli_module_want want = {"mqtt_mosq", SLI_MQTT_ABI, "a test", "libsluice-mqtt",
                                  "libmosquitto-dev"};
    (void)seed;
    server = slt_silent_start();
    m->port = server.port;
    assert_int_equal(sli_env_posix(&m->env, NULL), SL_OK);
    slt_ok(m, sli_module_load(m->env, SLT_BUILD_DIR "/lib/sluice", &want, &module, &m->err));
    m->inner = module->table;
    m->ops = &sli_mqtt_gate;
}

static void end(slt_mqtt *m)
{
    sli_env_free(m->env);
    slt_silent_end(&server);
}

static const slt_mqtt_fixture silent = {.start = start, .end = end};

static void come_nearer(void *ctx)
{
    waiting *w = ctx;
    (void)!sli_signal_wait(w->never, w->began_us + SECOND / 2, NULL); // the call is under way
    atomic_store(&w->end_us, sli_env_mono_us(w->m.env) + SECOND / 10);
}

static void check(int32_t version)
{
    waiting w;
    sli_mqtt *client = NULL;
    slt_mqtt_start(&w.m, &silent, 0);
    atomic_init(&w.end_us, SLI_FOREVER);
    w.m.version = w.m.conf.version = version;
    w.m.conf.end_us = &w.end_us;
    w.m.conf.client_id = "test";
    w.never = sli_signal_new(w.m.env);
    sli_strand *strand = sli_strand_new(w.m.env, "nearer");
    w.began_us = sli_env_mono_us(w.m.env);
    assert_true(sli_strand_post(strand, come_nearer, &w));
    int64_t late = w.began_us + (int64_t)DAY * SECOND;
    for (int i = 0; i < 2; i++) { // one that waits, and one that would
        assert_int_equal(w.m.ops->open(&client, &w.m.conf, late, &w.m.err), SL_E_TIMEOUT);
        slt_says(&w.m, "the broker does not answer");
    }
    assert_true(sli_env_mono_us(w.m.env) - w.began_us < MOST_US);
    sli_strand_free(strand);
    sli_signal_free(w.never);
    silent.end(&w.m);
}

SL_TEST(mqtt_no_call_outlives_the_end_of_all, "")
{
    check(3);
    check(5);
}

#endif
