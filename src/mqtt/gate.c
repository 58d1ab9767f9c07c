/// gate.c — the contract over itself: each call that contacts the broker is announced to env.
///
/// Env does not see what a client library does. Here it is told right before, and may say that the
/// call fails or that the process is dead: so crashes are tried at every call to a broker, too.
#include "mqtt/mqtt.h"

struct sli_mqtt {
    const sli_mqtt_ops *ops; ///< of what is behind
    sli_mqtt *client;
    sl_env *env;
};

static sl_code gate_open(sli_mqtt **out, const sli_mqtt_conf *conf, int64_t deadline_us,
                         sl_error *err)
{
    sli_mqtt *self = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "an MQTT client");
    }
    *self = (sli_mqtt){.ops = conf->inner, .env = conf->env};
    sl_code rc = sli_env_outside(conf->env, SLI_OUTSIDE_MQTT_OPEN, err);
    if (rc == SL_OK) {
        rc = self->ops->open(&self->client, conf, deadline_us, err);
    }
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

static void gate_close(sli_mqtt *self)
{
    if (self != NULL) {
        self->ops->close(self->client);
        sl_free(self);
    }
}

static sl_code gate_subscribe(sli_mqtt *self, const char *filter, int32_t qos, int64_t deadline_us,
                              sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_MQTT_SUBSCRIBE, err));
    return self->ops->subscribe(self->client, filter, qos, deadline_us, err);
}

static sl_code gate_poll(sli_mqtt *self, sli_mqtt_message *out, int32_t n, int32_t *got,
                         int64_t deadline_us, sl_error *err)
{
    *got = 0;
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_MQTT_POLL, err));
    return self->ops->poll(self->client, out, n, got, deadline_us, err);
}

static sl_code gate_settle(sli_mqtt *self, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_MQTT_SETTLE, err));
    return self->ops->settle(self->client, err);
}

static void gate_wake(sli_mqtt *self)
{
    self->ops->wake(self->client);
}

static sl_code gate_publish(sli_mqtt *self, const sli_mqtt_message *messages, int32_t n,
                            int64_t deadline_us, sl_error *err)
{
    SL_TRY(sli_env_outside(self->env, SLI_OUTSIDE_MQTT_PUBLISH, err));
    return self->ops->publish(self->client, messages, n, deadline_us, err);
}

const sli_mqtt_ops sli_mqtt_gate = {
    .struct_size = sizeof(sli_mqtt_ops),
    .open = gate_open,
    .close = gate_close,
    .subscribe = gate_subscribe,
    .poll = gate_poll,
    .settle = gate_settle,
    .wake = gate_wake,
    .publish = gate_publish,
};
