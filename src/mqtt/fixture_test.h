/// fixture_test.h — what the contract suite runs on: a broker, what can be done to it from outside,
/// and helpers over mqtt.h alone.
#pragma once

#include "mqtt/mqtt.h"
#include "sl_test.h"

typedef struct slt_mqtt slt_mqtt;

typedef struct slt_mqtt_fixture {
    void (*start)(slt_mqtt *m, uint64_t seed); ///< sets ops, inner, env, port, body
    void (*end)(slt_mqtt *m);
    void (*away)(slt_mqtt *m, bool away); ///< a broker that comes back has what it kept
    const char *(*password)(slt_mqtt *m); ///< asks for one from now on: which
    void (*forbid)(slt_mqtt *m, const char *topic);
} slt_mqtt_fixture;

extern const slt_mqtt_fixture slt_mqtt_simulated, slt_mqtt_mosquitto;

struct slt_mqtt {
    const slt_mqtt_fixture *fixture;
    const sli_mqtt_ops *ops, *inner; ///< `inner` is the client's own table, where `ops` is the gate
    sl_env *env;
    const char *host;
    int32_t port;
    int32_t version;
    void *body;         ///< the fixture's own
    sli_mqtt_conf conf; ///< of the next client
    sl_error err;
};

void slt_mqtt_start(slt_mqtt *m, const slt_mqtt_fixture *fixture, uint64_t seed);
/// On mosquitto; ends the test as not tried here when there is none.
void slt_needs_mosquitto(slt_mqtt *m, int32_t version);

/// One test, on a real broker with both versions of the protocol, and on the simulated one with
/// several seeds, by turns behind the gate.
#define MQTT_CONTRACT(name)                                                                        \
    static void check_##name(slt_mqtt *m);                                                         \
    SL_TEST(name##_mosquitto, "")                                                                  \
    {                                                                                              \
        for (int32_t version = 3; version <= 5; version += 2) {                                    \
            slt_mqtt m;                                                                            \
            slt_needs_mosquitto(&m, version);                                                      \
            check_##name(&m);                                                                      \
            m.fixture->end(&m);                                                                    \
        }                                                                                          \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        for (uint64_t seed = 1; seed <= 8; seed++) {                                               \
            slt_mqtt m;                                                                            \
            slt_mqtt_start(&m, &slt_mqtt_simulated, seed);                                         \
            check_##name(&m);                                                                      \
            m.fixture->end(&m);                                                                    \
        }                                                                                          \
    }                                                                                              \
    static void check_##name(slt_mqtt *m)

/// SL_OK, or the test fails with the error's text.
#define slt_ok(m, call) slt_check_ok(m, call, #call, __FILE__, __LINE__)
void slt_check_ok(slt_mqtt *m, sl_code rc, const char *what, const char *file, int line);
#define slt_says(m, part)                                                                          \
    do {                                                                                           \
        if (strstr((m)->err.text, part) == NULL) {                                                 \
            fail_msg("'%s' is not in: %s", part, (m)->err.text);                                   \
        }                                                                                          \
    } while (0)

int64_t slt_in(const slt_mqtt *m, int64_t us); ///< a deadline
int64_t slt_soon(const slt_mqtt *m);           ///< one that no test reaches unless it fails
/// Connects with m->conf under this client id.
sl_code slt_connect(slt_mqtt *m, const char *client_id, bool keeps, sli_mqtt **out);
sli_mqtt *slt_client(slt_mqtt *m, const char *client_id, bool keeps); ///< which must work
/// A client of that id which has subscribed, with QoS 1.
sli_mqtt *slt_subscriber(slt_mqtt *m, const char *client_id, bool keeps, const char *filter);
/// Words, each a message of its own, by a client that comes and goes.
void slt_publish(slt_mqtt *m, const char *topic, const char *words, int32_t qos, bool retain);
/// Polls once and appends "TOPIC=PAYLOAD " of each message; how many there were.
int32_t slt_take(slt_mqtt *m, sli_mqtt *client, int64_t deadline_us, sli_str *out);
/// Polls and settles until `text` has come.
void slt_expect(slt_mqtt *m, sli_mqtt *client, const char *text);
