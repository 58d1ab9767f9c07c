/// broker.h — a simulated broker of MQTT: it lives in a simulated world, outlives processes, and is
/// the world's module mqtt_mosq. Its door for tests; README.md, "The simulated broker".
#pragma once

#include "env/sim.h"
#include "mqtt/mqtt.h"

typedef struct sli_mqtt_broker sli_mqtt_broker;

extern const sli_mqtt_ops sli_mqtt_simulated;

sli_mqtt_broker *sli_mqtt_broker_new(sli_world *world); ///< NULL without memory
/// All clients are closed before, and the world is freed after it.
void sli_mqtt_broker_free(SL_TAKES sli_mqtt_broker *broker); ///< accepts NULL

/// Somebody else publishes. With `retain` it is kept for who subscribes later; without a payload
/// then nothing is kept any more.
sl_code sli_mqtt_broker_publish(sli_mqtt_broker *broker, const sli_mqtt_message *message,
                                sl_error *err);
/// Keeps from now on what is published for that client id, which need not have been there yet.
sl_code sli_mqtt_broker_keep(sli_mqtt_broker *broker, const char *client_id, const char *filter,
                             sl_error *err);

/// Nobody can connect for so long, and connections end; 0: it is back. What it keeps it keeps.
void sli_mqtt_broker_away(sli_mqtt_broker *broker, int64_t for_us);
void sli_mqtt_broker_break(sli_mqtt_broker *broker); ///< all connections end
/// From now on only who has it may connect. NULL: everybody. It is not copied.
void sli_mqtt_broker_password(sli_mqtt_broker *broker, const char *password);
/// Nobody may publish to or subscribe this topic; not copied. NULL: everybody may.
void sli_mqtt_broker_forbid(sli_mqtt_broker *broker, const char *topic);
/// How likely a connection ends when messages are settled, and at each that is published: whether
/// the broker heard of it is drawn too.
void sli_mqtt_broker_lose(sli_mqtt_broker *broker, double settled, double published);

typedef void (*sli_mqtt_look_fn)(void *ctx, const sli_mqtt_message *message);
/// What was published by clients, in order; returns how many. `each` may be NULL.
int64_t sli_mqtt_broker_look(sli_mqtt_broker *broker, sli_mqtt_look_fn each, void *ctx);
/// Messages that wait for a client id, or were not acknowledged by it; -1: it is not kept.
int64_t sli_mqtt_broker_waiting(const sli_mqtt_broker *broker, const char *client_id);
