/// mqtt_int.h — topics of MQTT as a receiver: what its two files share.
#pragma once

#include "base/lock.h"
#include "mqtt/mqtt.h"
#include "source/message.h"
#include "source/source_int.h"

enum { MQTT_AT_ONCE = 2048 }; ///< messages of a batch

/// Threads: the strand connects, polls and settles; the io thread hands over and hears what is
/// durable.
typedef struct mqtt_source {
    sli_source_common common;
    sl_arena *arena;         ///< of what follows
    const char *filter, *id; ///< topic filter; name of the user property that is a message's id
    sli_mqtt_settings *settings;
    const sli_mqtt_ops *inner; ///< the client's table; NULL before `start`
    int32_t qos, window;
    int64_t expiry_us, delay_us;
    // ---- io
    sli_loop *loop;
    sli_receive_fn take;
    void *take_ctx;
    // ---- the strand's
    sli_strand *strand;
    sli_signal *signal; ///< what it waits for without a connection
    sli_mqtt_message *polled;
    bool is_held;   ///< a batch was handed over and is not settled
    char told[128]; ///< the trouble told last; "" when messages have come since
    // ---- under the mutex
    sli_mutex mutex;
    sli_mqtt *client; ///< NULL: no connection
    sli_str inbox;    ///< messages that were not handed over yet
    int64_t given;    ///< bytes ever put into it
    int64_t settled;  ///< of them, durable
    bool is_paused, is_ending;
    sl_error failure;
} mqtt_source;

/// Begins to receive, on a strand of its own; ends it, and waits for that.
sl_code mqtt_receive_begin(mqtt_source *self, sl_error *err);
void mqtt_receive_end(mqtt_source *self);
/// Something has changed that the strand may wait for. Called under the mutex.
void mqtt_rouse(mqtt_source *self);
