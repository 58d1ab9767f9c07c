// Messages in and out.
//
// In: libmosquitto puts a PUBACK into its queue as soon as it has read a message, and writes it
// when it is told to write. So nothing is written between a read and `settle`, and nothing is read
// while something is left to write. What has to go meanwhile goes past the queue (mosq_raw.c).
#include "mosq_int.h"

#include <poll.h>
#include <stdio.h>

enum { REFUSED = 0x80, MISC_US = 1000000 };

// ---------------------------------------------------------------- in

sl_code mosq_subscribe(sli_mqtt *self, const char *filter, int32_t qos, int64_t deadline_us,
                       sl_error *err)
{
    short ready;
    bool woken;
    self->subscribed = -1;
    SL_TRY(mosq_raw_subscribe(self, filter, qos, deadline_us, err));
    while (self->subscribed < 0) {
        if (mosq_left_ms(self, deadline_us) == 0) {
            return mosq_fail(err, SL_E_TIMEOUT, "subscribe", "the broker does not answer");
        }
        SL_TRY(mosq_wait(self, true, false, deadline_us, &ready, &woken, err));
        if (ready != 0) {
            SL_TRY(mosq_read(self, INT32_MAX, err)); // messages may come before the answer
        }
    }
    if (self->subscribed < REFUSED) {
        return SL_OK;
    }
    return mosq_fail(err, SL_E_CONFIG, filter,
                     self->is_5 ? mosquitto_reason_string(self->subscribed)
                                : "the broker refuses the subscription");
}

static int32_t give(sli_mqtt *self, sli_mqtt_message *out, int32_t n)
{
    mosq_queue *queue = &self->queue;
    int32_t got = queue->n < n ? queue->n : n;
    for (int32_t i = 0; i < got; i++) {
        const mosq_message *m = &queue->items[i];
        out[i] = (sli_mqtt_message){.topic = m->body.topic,
                                    .payload = m->body.payload,
                                    .payload_size = (size_t)m->body.payloadlen,
                                    .pairs = m->pairs,
                                    .n_pairs = m->n_pairs,
                                    .qos = (int8_t)m->body.qos,
                                    .retain = m->body.retain};
    }
    queue->n_given = got;
    self->is_held = got > 0;
    self->pinged_us = self->mono_us(self->env);
    return got;
}

/// Messages wait to be settled: nothing is read, and the broker hears that we are there.
static sl_code hold(sli_mqtt *self, int64_t deadline_us, sl_error *err)
{
    short ready;
    bool woken = false;
    while (!woken && mosq_left_ms(self, deadline_us) > 0) {
        int64_t due = self->pinged_us + self->ping_us;
        SL_TRY(mosq_wait(self, false, false, due < deadline_us ? due : deadline_us, &ready, &woken,
                         err));
        if (self->mono_us(self->env) >= due) {
            SL_TRY(mosq_raw_ping(self, err));
        }
    }
    return SL_OK;
}

/// One round of a connection that nothing is held of.
static sl_code turn(sli_mqtt *self, int32_t most, int64_t deadline_us, bool *woken, sl_error *err)
{
    short ready;
    bool to_write = mosquitto_want_write(self->mosq);
    int64_t misc = self->mono_us(self->env) + MISC_US;
    SL_TRY(mosq_wait(self, !to_write, to_write, misc < deadline_us ? misc : deadline_us, &ready,
                     woken, err));
    if ((ready & POLLOUT) != 0) {
        return mosq_write(self, err);
    }
    if ((ready & POLLIN) != 0) {
        return mosq_read(self, most, err);
    }
    int rc = mosquitto_loop_misc(self->mosq);
    return self->is_lost || rc != MOSQ_ERR_SUCCESS ? mosq_lost(self, err) : SL_OK;
}

sl_code mosq_poll(sli_mqtt *self, sli_mqtt_message *out, int32_t n, int32_t *got,
                  int64_t deadline_us, sl_error *err)
{
    bool woken = false;
    *got = 0;
    if (self->is_held) {
        return hold(self, deadline_us, err);
    }
    mosq_queue_drop_given(&self->queue);
    while (self->queue.n == 0 && !woken) {
        SL_TRY(turn(self, n, deadline_us, &woken, err));
        if (mosq_left_ms(self, deadline_us) == 0) {
            break;
        }
    }
    *got = give(self, out, n);
    return SL_OK;
}

sl_code mosq_settle(sli_mqtt *self, sl_error *err)
{
    self->is_held = false;
    bool all = self->queue.n_given == self->queue.n;
    return all ? mosq_write(self, err) : SL_OK; // others were read and not given
}

// ---------------------------------------------------------------- out

static int add_pairs(mosquitto_property **properties, const sli_mqtt_message *m)
{
    int rc = MOSQ_ERR_SUCCESS;
    for (int32_t i = 0; rc == MOSQ_ERR_SUCCESS && i < m->n_pairs; i++) {
        rc = mosquitto_property_add_string_pair(properties, MQTT_PROP_USER_PROPERTY,
                                                m->pairs[i].name, m->pairs[i].value);
    }
    return rc;
}

static sl_code send_one(sli_mqtt *self, const sli_mqtt_message *m, sl_error *err)
{
    mosquitto_property *properties = NULL;
    if (m->payload_size > INT32_MAX) {
        return mosq_fail_of(err, MOSQ_ERR_PAYLOAD_SIZE, m->topic);
    }
    int rc = self->is_5 ? add_pairs(&properties, m) : MOSQ_ERR_SUCCESS;
    rc = rc == 0 ? mosquitto_publish_v5(self->mosq, NULL, m->topic, (int)m->payload_size,
                                        m->payload, m->qos, m->retain, properties)
                 : rc;
    mosquitto_property_free_all(&properties);
    if (rc != MOSQ_ERR_SUCCESS) {
        return mosq_fail_of(err, rc, m->topic);
    }
    self->n_unacknowledged++;
    return SL_OK;
}

static sl_code await_acknowledgements(sli_mqtt *self, int64_t deadline_us, sl_error *err)
{
    while (self->n_unacknowledged > 0) {
        short ready;
        bool woken;
        int64_t misc = self->mono_us(self->env) + MISC_US;
        if (mosq_left_ms(self, deadline_us) == 0) {
            return mosq_fail(err, SL_E_TIMEOUT, "publish", "the broker does not acknowledge");
        }
        SL_TRY(mosq_wait(self, true, mosquitto_want_write(self->mosq),
                         misc < deadline_us ? misc : deadline_us, &ready, &woken, err));
        if ((ready & POLLOUT) != 0) {
            SL_TRY(mosq_write(self, err));
        }
        if ((ready & POLLIN) != 0) {
            SL_TRY(mosq_read(self, INT32_MAX, err));
        }
        if (mosquitto_loop_misc(self->mosq) != MOSQ_ERR_SUCCESS) {
            return mosq_lost(self, err);
        }
    }
    return SL_OK;
}

sl_code mosq_publish(sli_mqtt *self, const sli_mqtt_message *messages, int32_t n,
                     int64_t deadline_us, sl_error *err)
{
    self->n_unacknowledged = 0;
    self->publish_refused = 0;
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(send_one(self, &messages[i], err));
    }
    sl_code rc = await_acknowledgements(self, deadline_us, err);
    if (self->publish_refused != 0) { // a broker that refuses may end the connection at once
        rc = mosq_fail(err, SL_E_CONFIG, "publish", mosquitto_reason_string(self->publish_refused));
    }
    return rc;
}
