/// mosq_int.h — what the files of the module mqtt_mosq share: a connection, and how it fails.
///
/// Nothing of libsluice is called from here (env/module.h), and libmosquitto starts no thread: it
/// is driven by whoever calls us. README.md, "How acknowledgements are held".
#pragma once

#include <mosquitto.h>
#include <mqtt_protocol.h>
#include <stdbool.h>
#include <stddef.h>

#include "env/module.h"
#include "mqtt/mqtt.h"

enum { MOSQ_WHY = 256 };

/// A message as it was received.
typedef struct mosq_message {
    struct mosquitto_message body; ///< owned
    sli_mqtt_pair *pairs;          ///< owned, names and values too
    int32_t n_pairs;
} mosq_message;

/// Messages that were read and not given away for good.
typedef struct mosq_queue {
    mosq_message *items;
    int32_t n, capacity;
    int32_t n_given; ///< of these
    int64_t bytes;
    bool failed; ///< there was no memory for one
} mosq_queue;

struct sli_mqtt {
    struct mosquitto *mosq;
    sl_env *env;
    int64_t (*mono_us)(sl_env *env);
    const _Atomic int64_t *end_us; ///< sli_mqtt_conf
    int wake_fd;
    int64_t ping_us; ///< how often a connection whose acknowledgements are held is kept alive
    int64_t pinged_us;
    bool is_5;    ///< the protocol's version
    bool is_held; ///< messages were given that are not settled: nothing may be written
    mosq_queue queue;
    // ---- heard in callbacks, on the caller's thread
    bool is_connected, is_lost;
    int refused;              ///< reason of a CONNACK that refused us; 0: none
    int taken_over;           ///< reason of the broker's DISCONNECT; 0: none
    int subscribed;           ///< what a SUBACK granted; -1: none yet
    int64_t n_unacknowledged; ///< messages published
    int publish_refused;      ///< reason of the first that was refused; 0: none
    char why[MOSQ_WHY];       ///< the last thing that libmosquitto has logged while connecting
};

/// Milliseconds until the deadline, or `end_us`, rounded up: 0 when it is over, a day at the most.
int mosq_left_ms(const sli_mqtt *self, int64_t deadline_us);
/// The same, but no longer than a quarter of a second, since `end_us` may come nearer: for polls.
int mosq_slice_ms(const sli_mqtt *self, int64_t deadline_us);
/// Fills *err: "mqtt: WHAT: WHY". Returns the code.
sl_code mosq_fail(sl_error *err, sl_code code, const char *what, const char *why);
/// The same for one of libmosquitto's codes, and errno where it says so.
sl_code mosq_fail_of(sl_error *err, int rc, const char *what);
/// Why the connection is lost.
sl_code mosq_lost(const sli_mqtt *self, sl_error *err);

/// Waits until the socket is readable (or, `to_write`, writable too), `wake` was called, or the
/// deadline, or a slice of that is over. *ready: POLLIN, POLLOUT of the socket; *woken: it was.
sl_code mosq_wait(sli_mqtt *self, bool to_read, bool to_write, int64_t deadline_us, short *ready,
                  bool *woken, sl_error *err);
/// Reads packets until none is there, or as many messages as are wanted are in the queue.
sl_code mosq_read(sli_mqtt *self, int32_t most, sl_error *err);
/// Writes all that libmosquitto has to write, as far as the socket takes it.
sl_code mosq_write(sli_mqtt *self, sl_error *err);

void mosq_queue_add(mosq_queue *queue, const struct mosquitto_message *message,
                    const mosquitto_property *properties);
/// Forgets those that were given; the others move up.
void mosq_queue_drop_given(mosq_queue *queue);
void mosq_queue_reset(mosq_queue *queue);

// ---- packets that pass by libmosquitto's queue, in which acknowledgements are held (mosq_raw.c)
sl_code mosq_raw_ping(sli_mqtt *self, sl_error *err);
sl_code mosq_raw_subscribe(sli_mqtt *self, const char *filter, int32_t qos, int64_t deadline_us,
                           sl_error *err);
void mosq_raw_disconnect(sli_mqtt *self);

/// Whether the host answers on that port before the deadline: libmosquitto's own connect waits as
/// long as the system does.
sl_code mosq_probe(sli_mqtt *self, const char *host, int32_t port, int64_t deadline_us,
                   sl_error *err);

// ---- the table's parts
sl_code mosq_open(sli_mqtt **out, const sli_mqtt_conf *conf, int64_t deadline_us, sl_error *err);
void mosq_close(sli_mqtt *self);
sl_code mosq_subscribe(sli_mqtt *self, const char *filter, int32_t qos, int64_t deadline_us,
                       sl_error *err);
sl_code mosq_poll(sli_mqtt *self, sli_mqtt_message *out, int32_t n, int32_t *got,
                  int64_t deadline_us, sl_error *err);
sl_code mosq_settle(sli_mqtt *self, sl_error *err);
void mosq_wake(sli_mqtt *self);
sl_code mosq_publish(sli_mqtt *self, const sli_mqtt_message *messages, int32_t n,
                     int64_t deadline_us, sl_error *err);
