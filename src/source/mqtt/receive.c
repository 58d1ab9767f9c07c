// receive.c — the strand: a connection, batches of messages, and their acknowledgement.
//
//     connect ──► poll ──► inbox ──► held ──► settle ──► poll ...
//        ▲          │                  │         │
//        └──────────┴── lost ──────────┴─────────┘  reconnect_delay
//
// A batch is settled when all of it is durable, and no further one is asked for before. While the
// engine wants no more it is kept held: so the connection stays, and the broker keeps what comes.
#include "source/mqtt/mqtt_int.h"

#include <stdio.h>

// ---------------------------------------------------------------- what the threads tell each other

void mqtt_rouse(mqtt_source *self)
{
    sli_signal_set(self->signal);
    if (self->client != NULL) { // the mutex keeps it from being closed meanwhile
        sli_mqtt_gate.wake(self->client);
    }
}

static bool is_ending(mqtt_source *self)
{
    sli_mutex_lock(&self->mutex);
    bool ending = self->is_ending;
    sli_mutex_unlock(&self->mutex);
    return ending;
}

/// All that was handed over is durable. `to_go_on`: and more is wanted.
static bool is_durable(mqtt_source *self, bool to_go_on)
{
    sli_mutex_lock(&self->mutex);
    bool durable = self->settled >= self->given && !(to_go_on && self->is_paused);
    sli_mutex_unlock(&self->mutex);
    return durable;
}

static void set_client(mqtt_source *self, sli_mqtt *client)
{
    sli_mutex_lock(&self->mutex);
    self->client = client;
    sli_mutex_unlock(&self->mutex);
}

// ---------------------------------------------------------------- troubles

/// The same trouble again, without a message in between, is no news.
static void tell_trouble(mqtt_source *self, const sl_error *why)
{
    sli_source_count(&self->common, SLI_SOURCE_RECONNECTS, 1);
    sli_source_event(&self->common, SLI_EV_RECEIVER_ERROR, why);
    if (strncmp(self->told, why->text, sizeof self->told - 1) != 0) {
        SLI_LOG(self->common.env.log, SLI_WARN, "source",
                "%s: %s; next try in %lld ms, the same again is not told",
                sli_mqtt_place(self->settings), why->text, (long long)(self->delay_us / 1000));
        (void)snprintf(self->told, sizeof self->told, "%.*s", (int)sizeof self->told - 1,
                       why->text);
    }
}

static sl_code wait_to_reconnect(mqtt_source *self, sl_error *err)
{
    int64_t at = sli_env_mono_us(self->common.env.env) + self->delay_us;
    sl_code rc = SL_OK;
    while (rc == SL_OK && !is_ending(self)) {
        rc = sli_signal_wait(self->signal, at, err);
    }
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

/// A broker that is away comes back; anything else is final.
static sl_code get_over(mqtt_source *self, sl_code rc, sl_error *err)
{
    if (rc != SL_E_IO && rc != SL_E_TIMEOUT) {
        return rc;
    }
    tell_trouble(self, err);
    return wait_to_reconnect(self, err);
}

// ---------------------------------------------------------------- messages

static sl_bytes id_of(const mqtt_source *self, const sli_mqtt_message *m)
{
    for (int32_t i = 0; self->id != NULL && i < m->n_pairs; i++) {
        if (strcmp(m->pairs[i].name, self->id) == 0) {
            return (sl_bytes){m->pairs[i].value, strlen(m->pairs[i].value)};
        }
    }
    return (sl_bytes){NULL, 0};
}

/// Cells as the table in mqtt.c has them.
static void put_message(const mqtt_source *self, const sli_mqtt_message *m, sli_str *pairs,
                        sli_str *out)
{
    const char qos[8] = {(char)m->qos}, retain = m->retain ? 1 : 0;
    sli_str_clear(pairs);
    for (int32_t i = 0; i < m->n_pairs; i++) {
        const sli_mqtt_pair *pair = &m->pairs[i];
        sli_headers_put(pairs, (sl_bytes){pair->name, strlen(pair->name)},
                        (sl_bytes){pair->value, strlen(pair->value)});
    }
    sli_message message = {
        .value = {m->payload == NULL ? "" : m->payload, m->payload_size},
        .id = id_of(self, m),
        .cells = {{m->topic, strlen(m->topic)},
                  {qos, sizeof qos},
                  {&retain, 1},
                  {pairs->data == NULL ? "" : pairs->data, pairs->size}},
    };
    sli_message_put(out, &message, 4);
}

/// Puts a batch into the inbox and lets the io thread have it.
static sl_code hand_over(mqtt_source *self, int32_t n, sl_error *err)
{
    sli_str bytes = {.tag = SLI_TAG_SOURCE}, pairs = {.tag = SLI_TAG_SOURCE};
    for (int32_t i = 0; i < n; i++) {
        put_message(self, &self->polled[i], &pairs, &bytes);
    }
    sl_code rc = sli_str_check(&pairs, "user properties", err);
    rc = rc == SL_OK ? sli_str_check(&bytes, "messages", err) : rc;
    if (rc == SL_OK) {
        sli_mutex_lock(&self->mutex);
        SL_ASSERT(self->inbox.size == 0, "one batch at a time");
        self->inbox = bytes;
        self->given += (int64_t)bytes.size;
        sli_mutex_unlock(&self->mutex);
        bytes = (sli_str){.tag = SLI_TAG_SOURCE};
        self->is_held = true;
        self->told[0] = '\0';
        sli_loop_wake(self->loop);
    }
    sli_str_reset(&pairs);
    sli_str_reset(&bytes);
    return rc;
}

// ---------------------------------------------------------------- a connection

static sl_code connect(mqtt_source *self, sli_mqtt **out, sl_error *err)
{
    sli_mqtt_conf conf = sli_mqtt_conf_of(self->settings);
    int64_t deadline = sli_env_mono_us(self->common.env.env) + sli_mqtt_connect_us(self->settings);
    sli_mqtt *client = NULL;
    conf.inner = self->inner;
    conf.end_us = self->common.env.end_us;
    conf.keeps = self->common.env.job_id != NULL;
    conf.expiry_us = self->expiry_us;
    conf.window = self->window;
    SL_TRY(sli_mqtt_gate.open(&client, &conf, deadline, err));
    sl_code rc = sli_mqtt_gate.subscribe(client, self->filter, self->qos, deadline, err);
    if (rc != SL_OK) {
        sli_mqtt_gate.close(client);
        return rc;
    }
    *out = client;
    return SL_OK;
}

static sl_code step(mqtt_source *self, sli_mqtt *client, sl_error *err)
{
    int32_t n = 0;
    if (self->is_held && is_durable(self, true)) {
        self->is_held = false;
        SL_TRY(sli_mqtt_gate.settle(client, err));
    }
    SL_TRY(sli_mqtt_gate.poll(client, self->polled, MQTT_AT_ONCE, &n, SLI_FOREVER, err));
    return n == 0 ? SL_OK : hand_over(self, n, err);
}

/// The io thread has taken what the last connection brought, so the next one's batch has room.
static sl_code await_taken(mqtt_source *self, sl_error *err)
{
    for (;;) {
        sli_mutex_lock(&self->mutex);
        bool taken = self->inbox.size == 0 || self->is_ending;
        sli_mutex_unlock(&self->mutex);
        if (taken) {
            return SL_OK;
        }
        SL_TRY(sli_signal_wait(self->signal, SLI_FOREVER, err));
    }
}

/// From one connection's beginning to its end. Fails: why it ended.
static sl_code serve(mqtt_source *self, sl_error *err)
{
    sli_mqtt *client = NULL;
    SL_TRY(await_taken(self, err));
    SL_TRY(connect(self, &client, err));
    set_client(self, client);
    sli_source_event(&self->common, SLI_EV_RECEIVER_STARTED, NULL);
    self->is_held = false; // what an earlier connection gave comes again, or was settled
    sl_code rc = SL_OK;
    while (rc == SL_OK && !is_ending(self) && !sli_source_is_over(&self->common)) {
        rc = step(self, client, err);
    }
    if (rc == SL_OK && self->is_held && is_durable(self, false)) {
        rc = sli_mqtt_gate.settle(client, err);
    }
    set_client(self, NULL);
    sli_mqtt_gate.close(client);
    return rc;
}

static void receive_all(void *ctx)
{
    mqtt_source *self = ctx;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    while (rc == SL_OK && !is_ending(self)) {
        rc = serve(self, &err);
        rc = rc == SL_OK ? rc : get_over(self, rc, &err);
    }
    if (rc != SL_OK) {
        sli_mutex_lock(&self->mutex);
        self->failure = err;
        sli_mutex_unlock(&self->mutex);
        sli_loop_wake(self->loop);
    }
}

// ---------------------------------------------------------------- beginning and ending

sl_code mqtt_receive_begin(mqtt_source *self, sl_error *err)
{
    sl_env *env = self->common.env.env;
    self->polled = sl_alloc_array(SLI_TAG_SOURCE, MQTT_AT_ONCE, sizeof *self->polled);
    self->signal = sli_signal_new(env);
    self->strand = sli_strand_new(env, "sl-mqtt");
    if (self->polled == NULL || self->signal == NULL || self->strand == NULL ||
        !sli_strand_post(self->strand, receive_all, self)) {
        return sl_error_set(err, SL_E_NOMEM, "no thread that receives from a broker");
    }
    return SL_OK;
}

void mqtt_receive_end(mqtt_source *self)
{
    if (self->strand != NULL) {
        sli_mutex_lock(&self->mutex);
        self->is_ending = true;
        mqtt_rouse(self);
        sli_mutex_unlock(&self->mutex);
        sli_strand_free(self->strand);
        self->strand = NULL;
    }
    sli_signal_free(self->signal);
    sl_free(self->polled);
    self->signal = NULL;
    self->polled = NULL;
}
