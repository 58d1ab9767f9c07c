/// mosquitto_broker.h — a mosquitto of a test's own, on loopback, which ends with the test's
/// program. `make test-mqtt` sets SLUICE_TEST_MQTT, the directory of its certificates; tests ask
/// for that first.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct slt_mosquitto slt_mosquitto;

slt_mosquitto *slt_mosquitto_start(void); ///< anybody may connect; it keeps what it has on disk
void slt_mosquitto_end(slt_mosquitto *broker);
int32_t slt_mosquitto_port(const slt_mosquitto *broker);
/// Ends it in order, or starts it again with what it kept.
void slt_mosquitto_run(slt_mosquitto *broker, bool run);
/// How often it has sent a message of a topic to a client, by its own log. It must not run.
int64_t slt_mosquitto_sent(const slt_mosquitto *broker, const char *client, const char *topic);
/// From now on only who has the name "user" and this password.
const char *slt_mosquitto_password(slt_mosquitto *broker);
/// Nobody may publish to or subscribe this topic.
void slt_mosquitto_forbid(slt_mosquitto *broker, const char *topic);
/// From now on with TLS, and a certificate for localhost of the CA in the file that is returned.
const char *slt_mosquitto_tls(slt_mosquitto *broker);
