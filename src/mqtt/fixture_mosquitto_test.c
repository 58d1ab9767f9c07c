// The contract suite on mosquitto: each test has a broker of its own, with its own directory.
#include "mqtt/fixture_test.h"

#if SLT_MQTT

#include "env/module.h"
#include "mosquitto_broker.h"

static void start(slt_mqtt *m, uint64_t seed)
{
    const sli_module *module = NULL;
    const sli_module_want want = {"mqtt_mosq", SLI_MQTT_ABI, "a test", "libsluice-mqtt",
                                  "libmosquitto-dev"};
    (void)seed;
    m->body = slt_mosquitto_start();
    m->port = slt_mosquitto_port(m->body);
    assert_int_equal(sli_env_posix(&m->env, NULL), SL_OK);
    slt_ok(m, sli_module_load(m->env, SLT_BUILD_DIR "/lib/sluice", &want, &module, &m->err));
    m->inner = module->table;
    m->ops = &sli_mqtt_gate;
}

static void end(slt_mqtt *m)
{
    slt_mosquitto_end(m->body);
    sli_env_free(m->env);
}

static void go_away(slt_mqtt *m, bool away)
{
    slt_mosquitto_run(m->body, !away);
}

static const char *ask_password(slt_mqtt *m)
{
    return slt_mosquitto_password(m->body);
}

static void forbid(slt_mqtt *m, const char *topic)
{
    slt_mosquitto_forbid(m->body, topic);
}

const slt_mqtt_fixture slt_mqtt_mosquitto = {
    .start = start,
    .end = end,
    .away = go_away,
    .password = ask_password,
    .forbid = forbid,
};

#endif
