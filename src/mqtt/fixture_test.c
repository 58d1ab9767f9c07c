// Helpers of the contract suite, over mqtt.h alone.
#include "mqtt/fixture_test.h"

#include <stdlib.h>

enum { AT_ONCE = 64 };

void slt_mqtt_start(slt_mqtt *m, const slt_mqtt_fixture *fixture, uint64_t seed)
{
    *m = (slt_mqtt){.fixture = fixture, .version = 5, .host = "127.0.0.1"};
    fixture->start(m, seed);
    m->conf = (sli_mqtt_conf){.struct_size = sizeof(sli_mqtt_conf),
                              .env = m->env,
                              .mono_us = sli_env_mono_us,
                              .inner = m->inner,
                              .host = m->host,
                              .port = m->port,
                              .version = m->version,
                              .expiry_us = 3600 * INT64_C(1000000),
                              .window = 1000,
                              .keepalive_us = 60 * 1000000};
}

void slt_needs_mosquitto(slt_mqtt *m, int32_t version)
{
#if SLT_MQTT
    if (getenv("SLUICE_TEST_MQTT") == NULL) {
        slt_not_here("SLUICE_TEST_MQTT is not set: make test-mqtt runs on mosquitto");
    }
    slt_mqtt_start(m, &slt_mqtt_mosquitto, 0);
    m->version = m->conf.version = version;
#else
    (void)m, (void)version;
    slt_not_here("a build without SL_MQTT");
#endif
}

void slt_check_ok(slt_mqtt *m, sl_code rc, const char *what, const char *file, int line)
{
    if (rc != SL_OK) {
        print_error("%s: %s: %s\n", what, sl_code_name(rc), m->err.text);
        _fail(file, line);
    }
}

int64_t slt_in(const slt_mqtt *m, int64_t us)
{
    return sli_env_mono_us(m->env) + us;
}

int64_t slt_soon(const slt_mqtt *m)
{
    return slt_in(m, 20000000);
}

sl_code slt_connect(slt_mqtt *m, const char *client_id, bool keeps, sli_mqtt **out)
{
    m->conf.client_id = client_id;
    m->conf.keeps = keeps;
    return m->ops->open(out, &m->conf, slt_soon(m), &m->err);
}

sli_mqtt *slt_client(slt_mqtt *m, const char *client_id, bool keeps)
{
    sli_mqtt *client = NULL;
    slt_ok(m, slt_connect(m, client_id, keeps, &client));
    return client;
}

sli_mqtt *slt_subscriber(slt_mqtt *m, const char *client_id, bool keeps, const char *filter)
{
    sli_mqtt *client = slt_client(m, client_id, keeps);
    slt_ok(m, m->ops->subscribe(client, filter, 1, slt_soon(m), &m->err));
    return client;
}

void slt_publish(slt_mqtt *m, const char *topic, const char *words, int32_t qos, bool retain)
{
    sli_mqtt *client = slt_client(m, "publisher", false);
    for (const char *at = words; *at != '\0'; at += strspn(at, " ")) {
        size_t size = strcspn(at, " ");
        sli_mqtt_message message = {.topic = topic,
                                    .payload = at,
                                    .payload_size = size,
                                    .qos = (int8_t)qos,
                                    .retain = retain};
        slt_ok(m, m->ops->publish(client, &message, 1, slt_soon(m), &m->err));
        at += size;
    }
    m->ops->close(client);
}

int32_t slt_take(slt_mqtt *m, sli_mqtt *client, int64_t deadline_us, sli_str *out)
{
    sli_mqtt_message messages[AT_ONCE];
    int32_t got = 0;
    slt_ok(m, m->ops->poll(client, messages, AT_ONCE, &got, deadline_us, &m->err));
    for (int32_t i = 0; i < got; i++) {
        sli_str_printf(out, "%s=%.*s ", messages[i].topic, (int)messages[i].payload_size,
                       messages[i].payload == NULL ? "" : messages[i].payload);
    }
    return got;
}

void slt_expect(slt_mqtt *m, sli_mqtt *client, const char *text)
{
    sli_str got = SLI_STR_INIT;
    int64_t deadline = slt_soon(m);
    while (got.size < strlen(text) && sli_env_mono_us(m->env) < deadline) {
        (void)slt_take(m, client, deadline, &got);
        slt_ok(m, m->ops->settle(client, &m->err));
    }
    SL_CHECK_TEXT(got.data == NULL ? "" : got.data, text);
    sli_str_reset(&got);
}
