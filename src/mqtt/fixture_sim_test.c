// The contract suite's fixture of the simulated broker.
#include "mqtt/fixture_test.h"

#include "mqtt/sim/broker.h"

typedef struct sim {
    sli_world *world;
    sli_mqtt_broker *broker;
} sim;

static sli_mqtt_broker *broker_of(slt_mqtt *m)
{
    return ((sim *)m->body)->broker;
}

static void start(slt_mqtt *m, uint64_t seed)
{
    sim *s = sl_alloc_zero(SLI_TAG_TEST, sizeof *s);
    assert_non_null(s);
    s->world = sli_world_new(&(sli_world_conf){.seed = seed});
    s->broker = sli_mqtt_broker_new(s->world);
    assert_non_null(s->broker);
    assert_int_equal(sli_world_boot(s->world, NULL, &m->env, NULL), SL_OK);
    m->inner = &sli_mqtt_simulated;
    m->ops = seed % 2 == 0 ? &sli_mqtt_gate : m->inner;
    m->host = "sim";
    m->port = 1883;
    m->body = s;
}

static void end(slt_mqtt *m)
{
    sim *s = m->body;
    sli_env_free(m->env);
    sli_mqtt_broker_free(s->broker);
    sli_world_free(s->world);
    sl_free(s);
}

static void go_away(slt_mqtt *m, bool away)
{
    sli_mqtt_broker_away(broker_of(m), away ? SLI_FOREVER : 0);
}

static const char *ask_password(slt_mqtt *m)
{
    sli_mqtt_broker_password(broker_of(m), "right");
    return "right";
}

static void forbid(slt_mqtt *m, const char *topic)
{
    sli_mqtt_broker_forbid(broker_of(m), topic);
}

const slt_mqtt_fixture slt_mqtt_simulated = {
    .start = start,
    .end = end,
    .away = go_away,
    .password = ask_password,
    .forbid = forbid,
};
