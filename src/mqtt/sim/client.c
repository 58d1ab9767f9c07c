/// client.c — a simulated connection. How much a poll gives, and whether the broker has heard of
/// what a connection ended at, is drawn.
#include "mqtt/sim/msim_int.h"

#include "env/module.h"

enum { MAX_WINDOW_3 = 20 }; ///< mosquitto's max_inflight_messages

static sl_code alive(const sl_env *env, sl_error *err)
{
    return sli_world_is_dead((sl_env *)(uintptr_t)env)
               ? sl_error_set(err, SL_E_CRASHED, "the simulated process is dead")
               : SL_OK;
}

static sl_code connected(const sli_mqtt *self, sl_error *err)
{
    SL_TRY(alive(self->env, err));
    if (self->session != NULL) {
        return SL_OK;
    }
    return self->is_taken_over && self->is_5
               ? sl_error_set(err, SL_E_SUPERSEDED,
                              "mqtt: another client has connected with the same client_id")
               : sl_error_set(err, SL_E_IO, "mqtt: the connection is lost");
}

// ---------------------------------------------------------------- opening and closing

static sl_code check(const sli_mqtt_broker *broker, const sli_mqtt_conf *conf, sl_error *err)
{
    SL_TRY(alive(conf->env, err));
    if (sli_msim_is_away(broker)) {
        return sl_error_set(err, SL_E_IO, "mqtt: connect: Connection refused");
    }
    if (broker->password != NULL &&
        (conf->password == NULL || strcmp(conf->password, broker->password) != 0)) {
        return sl_error_set(err, SL_E_CONFIG,
                            "mqtt: the broker refuses us: bad user name or password");
    }
    return SL_OK;
}

static msim_message *will_of(const sli_mqtt_will *will)
{
    sli_mqtt_message m = {.topic = will->topic,
                          .payload = will->payload == NULL ? "" : will->payload,
                          .qos = (int8_t)will->qos,
                          .retain = will->retain};
    m.payload_size = strlen(m.payload);
    return sli_msim_copy(&m, m.qos, m.retain);
}

static void client_free(sli_mqtt *self)
{
    sli_signal_free(self->signal);
    sl_free(self->will);
    sl_free(self);
}

static sl_code msim_open(sli_mqtt **out, const sli_mqtt_conf *conf, int64_t deadline_us,
                         sl_error *err)
{
    const sli_module *module = sli_world_module_of(conf->env, "mqtt_mosq");
    SL_ASSERT(module != NULL, "a simulated client is opened in a world without a broker");
    sli_mqtt_broker *broker = (sli_mqtt_broker *)(uintptr_t)module;
    (void)deadline_us;
    SL_TRY(check(broker, conf, err));
    sli_mqtt *self = sl_alloc_zero(SLI_TAG_ENV, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a simulated client");
    }
    *self =
        (sli_mqtt){.broker = broker,
                   .env = conf->env,
                   .signal = sli_signal_new(conf->env),
                   .is_5 = conf->version == 5,
                   .window = conf->version == 5 && conf->window > 0 ? conf->window : MAX_WINDOW_3};
    self->will = conf->will.topic == NULL ? NULL : will_of(&conf->will);
    msim_session *session =
        self->signal == NULL ? NULL : sli_msim_session(broker, conf->client_id, conf->keeps);
    if (session == NULL || (conf->will.topic != NULL && self->will == NULL)) {
        client_free(self);
        return sl_error_nomem(err, sizeof *self, "a simulated client");
    }
    self->session = session;
    session->client = self;
    broker->n_clients++;
    *out = self;
    return SL_OK;
}

static void msim_close(sli_mqtt *self)
{
    if (self != NULL) {
        sli_msim_end(self, !sli_world_is_dead(self->env));
        self->broker->n_clients--;
        client_free(self);
    }
}

// ---------------------------------------------------------------- in

static bool is_forbidden(const sli_mqtt_broker *broker, const char *topic)
{
    return broker->forbidden != NULL && strcmp(broker->forbidden, topic) == 0;
}

static sl_code msim_subscribe(sli_mqtt *self, const char *filter, int32_t qos, int64_t deadline_us,
                              sl_error *err)
{
    (void)deadline_us;
    SL_TRY(connected(self, err));
    if (is_forbidden(self->broker, filter)) {
        return sl_error_set(err, SL_E_CONFIG, "mqtt: %s: not authorized", filter);
    }
    char *copy = sl_strdup(SLI_TAG_ENV, filter);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(filter), "a simulated subscription");
    }
    sl_free(self->session->filter);
    self->session->filter = copy;
    self->session->qos = qos;
    return sli_msim_give_retained(self->broker, self->session, err);
}

static int32_t give(sli_mqtt *self, sli_mqtt_message *out, int32_t n)
{
    msim_session *session = self->session;
    int32_t most = n < self->window ? n : self->window;
    most = 1 + (int32_t)sli_rng_below(&self->broker->rng, (uint64_t)most);
    int32_t got = 0;
    for (const msim_message *m = session->queue.first; m != NULL && got < most; m = m->next) {
        out[got++] = m->is;
    }
    session->n_given = got;
    self->is_held = got > 0;
    return got;
}

static sl_code msim_poll(sli_mqtt *self, sli_mqtt_message *out, int32_t n, int32_t *got,
                         int64_t deadline_us, sl_error *err)
{
    *got = 0;
    sl_code rc = connected(self, err);
    while (rc == SL_OK && !self->is_woken && (self->is_held || self->session->queue.n == 0)) {
        rc = sli_signal_wait(self->signal, deadline_us, err);
        rc = rc == SL_OK ? connected(self, err) : rc;
    }
    self->is_woken = false;
    if (rc == SL_OK && !self->is_held) {
        *got = give(self, out, n);
    }
    return rc == SL_E_TIMEOUT ? SL_OK : rc;
}

static sl_code msim_settle(sli_mqtt *self, sl_error *err)
{
    SL_TRY(connected(self, err));
    sli_mqtt_broker *broker = self->broker;
    msim_session *session = self->session;
    bool breaks = sli_msim_chance(broker, broker->lose_settled);
    if (!breaks || sli_msim_chance(broker, 0.5)) {
        sli_msim_drop(&session->queue, session->n_given);
    }
    session->n_given = 0;
    self->is_held = false;
    if (breaks) {
        sli_msim_end(self, false);
    }
    return SL_OK; // nobody knows yet
}

static void msim_wake(sli_mqtt *self)
{
    self->is_woken = true;
    sli_signal_set(self->signal);
}

// ---------------------------------------------------------------- out

static sl_code publish_one(sli_mqtt *self, const sli_mqtt_message *m, sl_error *err)
{
    sli_mqtt_broker *broker = self->broker;
    if (is_forbidden(broker, m->topic)) {
        return sl_error_set(err, SL_E_CONFIG, "mqtt: publish: not authorized");
    }
    bool breaks = sli_msim_chance(broker, broker->lose_published);
    if (!breaks || sli_msim_chance(broker, 0.5)) {
        msim_message *copy = sli_msim_copy(m, m->qos, m->retain);
        if (copy == NULL) {
            return sl_error_nomem(err, sizeof *copy, "a simulated message");
        }
        sli_msim_push(&broker->published, copy);
        SL_TRY(sli_msim_route(broker, m, err));
    }
    if (breaks) {
        sli_msim_end(self, false);
    }
    return connected(self, err);
}

static sl_code msim_publish(sli_mqtt *self, const sli_mqtt_message *messages, int32_t n,
                            int64_t deadline_us, sl_error *err)
{
    (void)deadline_us;
    SL_TRY(connected(self, err));
    for (int32_t i = 0; i < n; i++) {
        SL_TRY(publish_one(self, &messages[i], err));
    }
    return SL_OK;
}

const sli_mqtt_ops sli_mqtt_simulated = {
    .struct_size = sizeof(sli_mqtt_ops),
    .open = msim_open,
    .close = msim_close,
    .subscribe = msim_subscribe,
    .poll = msim_poll,
    .settle = msim_settle,
    .wake = msim_wake,
    .publish = msim_publish,
};
