/// msim_int.h — what the files of the simulated broker share.
#pragma once

#include "env/module.h"
#include "mqtt/sim/broker.h"

/// A message and its texts; in one allocation. What is kept is linked.
typedef struct msim_message {
    struct msim_message *next;
    sli_mqtt_message is; ///< points behind itself
} msim_message;

/// In order.
typedef struct msim_queue {
    msim_message *first, **end;
    int64_t n;
} msim_queue;

/// What the broker keeps of a client id: as long as it is connected, or longer.
typedef struct msim_session {
    struct msim_session *next;
    char *client_id, *filter; ///< NULL: it has subscribed nothing
    int32_t qos;
    bool keeps;
    msim_queue queue; ///< not acknowledged; the first n_given of them were given
    int64_t n_given;  ///< on this connection
    sli_mqtt *client; ///< NULL: not connected
} msim_session;

struct sli_mqtt_broker {
    sli_module module; ///< first: the world's module is where the broker is found
    sli_world *world;
    sli_rng rng;
    msim_session *sessions;
    msim_queue retained;  ///< a message a topic
    msim_queue published; ///< by clients
    int32_t n_clients;
    int64_t away_until_us;
    double lose_settled, lose_published;
    const char *password, *forbidden;
};

struct sli_mqtt {
    sli_mqtt_broker *broker;
    sl_env *env;
    msim_session *session; ///< NULL: the connection is over
    sli_signal *signal;
    int32_t window;
    bool is_5, is_woken, is_taken_over;
    bool is_held; ///< messages were given that are not settled
    msim_message *will;
};

/// A copy with this quality. NULL without memory.
msim_message *sli_msim_copy(const sli_mqtt_message *message, int32_t qos, bool retain);
void sli_msim_push(msim_queue *queue, SL_TAKES msim_message *message);
void sli_msim_drop(msim_queue *queue, int64_t n); ///< the first n
/// To all whose filter matches, and to what is retained.
sl_code sli_msim_route(sli_mqtt_broker *broker, const sli_mqtt_message *message, sl_error *err);
sl_code sli_msim_give_retained(sli_mqtt_broker *broker, msim_session *session, sl_error *err);

/// Of that client id; a new one when it has none, or `keeps` is false. NULL without memory.
msim_session *sli_msim_session(sli_mqtt_broker *broker, const char *client_id, bool keeps);
/// The connection ends; in order, or not: then its will is published.
void sli_msim_end(sli_mqtt *client, bool in_order);
bool sli_msim_is_away(const sli_mqtt_broker *broker);
bool sli_msim_chance(sli_mqtt_broker *broker, double chance);
