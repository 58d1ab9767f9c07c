// The module mqtt_mosq: libmosquitto behind mqtt.h. The table; a connection's beginning and end.
#include "mosq_int.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { MAX_INFLIGHT = 1024, NOT_NOW = 0x88, LAST_NOT_NOW = 0x89, RATE_EXCEEDED = 0x9F };

// ---------------------------------------------------------------- what is heard

static void on_connect(struct mosquitto *mosq, void *ctx, int reason, int flags,
                       const mosquitto_property *properties)
{
    sli_mqtt *self = ctx;
    (void)mosq, (void)flags, (void)properties;
    self->is_connected = reason == 0;
    self->refused = reason;
}

static void on_disconnect(struct mosquitto *mosq, void *ctx, int reason,
                          const mosquitto_property *properties)
{
    sli_mqtt *self = ctx;
    (void)mosq, (void)properties;
    self->is_lost = true;
    self->taken_over = reason >= 0x80 ? reason : self->taken_over; // lower ones are its own
}

static void on_message(struct mosquitto *mosq, void *ctx, const struct mosquitto_message *message,
                       const mosquitto_property *properties)
{
    sli_mqtt *self = ctx;
    (void)mosq;
    mosq_queue_add(&self->queue, message, properties);
}

static void on_subscribe(struct mosquitto *mosq, void *ctx, int id, int n, const int *granted)
{
    sli_mqtt *self = ctx;
    (void)mosq, (void)id;
    self->subscribed = n > 0 ? granted[0] : 0x80;
}

static void on_publish(struct mosquitto *mosq, void *ctx, int id, int reason,
                       const mosquitto_property *properties)
{
    sli_mqtt *self = ctx;
    (void)mosq, (void)id, (void)properties;
    self->n_unacknowledged--;
    if (reason >= 0x80 && self->publish_refused == 0) {
        self->publish_refused = reason;
    }
}

/// While connecting only: it makes a text of every packet.
static void on_log(struct mosquitto *mosq, void *ctx, int level, const char *text)
{
    sli_mqtt *self = ctx;
    (void)mosq;
    if (level == MOSQ_LOG_ERR || level == MOSQ_LOG_WARNING) {
        (void)snprintf(self->why, sizeof self->why, "%s", text);
    }
}

// ---------------------------------------------------------------- settings

static int set_tls(struct mosquitto *mosq, const sli_mqtt_conf *conf)
{
    if (!conf->tls) {
        return MOSQ_ERR_SUCCESS;
    }
    if (conf->ca == NULL) {
        int rc = mosquitto_int_option(mosq, MOSQ_OPT_TLS_USE_OS_CERTS, 1);
        return rc != MOSQ_ERR_SUCCESS
                   ? rc
                   : mosquitto_tls_set(mosq, NULL, NULL, conf->cert, conf->key, NULL);
    }
    return mosquitto_tls_set(mosq, conf->ca, NULL, conf->cert, conf->key, NULL);
}

static int set_will(struct mosquitto *mosq, const sli_mqtt_will *will)
{
    if (will->topic == NULL) {
        return MOSQ_ERR_SUCCESS;
    }
    const char *payload = will->payload == NULL ? "" : will->payload;
    return mosquitto_will_set_v5(mosq, will->topic, (int)strlen(payload), payload, will->qos,
                                 will->retain, NULL);
}

static int set_all(sli_mqtt *self, const sli_mqtt_conf *conf)
{
    struct mosquitto *mosq = self->mosq;
    int version = self->is_5 ? MQTT_PROTOCOL_V5 : MQTT_PROTOCOL_V311;
    int rc = mosquitto_int_option(mosq, MOSQ_OPT_PROTOCOL_VERSION, version);
    rc = rc == 0 ? mosquitto_threaded_set(mosq, true) : rc; // it writes when it is told to
    rc = rc == 0 ? mosquitto_int_option(mosq, MOSQ_OPT_TCP_NODELAY, 1) : rc;
    rc = rc == 0 ? mosquitto_int_option(mosq, MOSQ_OPT_RECEIVE_MAXIMUM,
                                        conf->window > 0 ? conf->window : 20)
                 : rc;
    rc = rc == 0 ? mosquitto_max_inflight_messages_set(mosq, MAX_INFLIGHT) : rc;
    rc = rc == 0 && conf->username != NULL
             ? mosquitto_username_pw_set(mosq, conf->username, conf->password)
             : rc;
    rc = rc == 0 ? set_tls(mosq, conf) : rc;
    return rc == 0 ? set_will(mosq, &conf->will) : rc;
}

static void listen(sli_mqtt *self)
{
    mosquitto_connect_v5_callback_set(self->mosq, on_connect);
    mosquitto_disconnect_v5_callback_set(self->mosq, on_disconnect);
    mosquitto_message_v5_callback_set(self->mosq, on_message);
    mosquitto_subscribe_callback_set(self->mosq, on_subscribe);
    mosquitto_publish_v5_callback_set(self->mosq, on_publish);
    mosquitto_log_callback_set(self->mosq, on_log);
}

// ---------------------------------------------------------------- connecting

static bool is_for_now(int reason, bool is_5)
{
    return is_5 ? reason == NOT_NOW || reason == LAST_NOT_NOW || reason == RATE_EXCEEDED
                : reason == 3;
}

static sl_code refused(const sli_mqtt *self, sl_error *err)
{
    char why[160];
    bool old = self->refused == (self->is_5 ? 0x84 : 1) || (self->is_5 && self->refused == 1);
    (void)snprintf(why, sizeof why, "%s%s",
                   self->is_5 && self->refused >= 0x80 ? mosquitto_reason_string(self->refused)
                                                       : mosquitto_connack_string(self->refused),
                   old && self->is_5 ? " Set version=3.1.1." : "");
    return mosq_fail(err, is_for_now(self->refused, self->is_5) ? SL_E_IO : SL_E_CONFIG,
                     "the broker refuses us", why);
}

static sl_code send_connect(sli_mqtt *self, const sli_mqtt_conf *conf, sl_error *err)
{
    mosquitto_property *properties = NULL;
    int rc = MOSQ_ERR_SUCCESS;
    if (self->is_5 && conf->keeps) {
        int64_t seconds = conf->expiry_us / 1000000;
        rc = mosquitto_property_add_int32(&properties, MQTT_PROP_SESSION_EXPIRY_INTERVAL,
                                          seconds > UINT32_MAX ? UINT32_MAX : (uint32_t)seconds);
    }
    int keepalive = (int)(conf->keepalive_us / 1000000);
    rc = rc == 0 ? mosquitto_connect_bind_v5(self->mosq, conf->host, conf->port, keepalive, NULL,
                                             properties)
                 : rc;
    mosquitto_property_free_all(&properties);
    if (rc == MOSQ_ERR_TLS && self->why[0] != '\0') {
        return mosq_fail(err, SL_E_CONFIG, "TLS", self->why);
    }
    return rc == 0 ? SL_OK : mosq_fail_of(err, rc, "connect");
}

/// What went wrong before the broker has answered: TLS tells only in its log lines.
static sl_code connecting_failed(const sli_mqtt *self, sl_code rc, sl_error *err)
{
    SSL *ssl = mosquitto_ssl_get(self->mosq);
    long verified = ssl == NULL ? X509_V_OK : SSL_get_verify_result(ssl);
    if (verified != X509_V_OK) {
        char why[MOSQ_WHY];
        (void)snprintf(why, sizeof why, "certificate verify failed: %s",
                       X509_verify_cert_error_string(verified));
        return mosq_fail(err, SL_E_CONFIG, "TLS", why);
    }
    return strstr(self->why, "OpenSSL") == NULL ? rc
                                                : mosq_fail(err, SL_E_CONFIG, "TLS", self->why);
}

static sl_code await_connack(sli_mqtt *self, int64_t deadline_us, sl_error *err)
{
    short ready;
    bool woken;
    while (!self->is_connected) {
        SL_TRY(mosq_wait(self, true, mosquitto_want_write(self->mosq), deadline_us, &ready, &woken,
                         err));
        sl_code rc = (ready & POLLOUT) != 0 ? mosq_write(self, err) : SL_OK;
        rc = rc == SL_OK && (ready & POLLIN) != 0 ? mosq_read(self, 1, err) : rc;
        if (self->refused != 0) {
            return refused(self, err);
        }
        if (rc != SL_OK) {
            return connecting_failed(self, rc, err);
        }
        if (mosq_left_ms(self, deadline_us) == 0 && !self->is_connected) {
            return mosq_fail(err, SL_E_TIMEOUT, "connect", "the broker does not answer");
        }
    }
    return SL_OK;
}

static void begin_library(void)
{
    (void)mosquitto_lib_init();
}

static sl_code open_client(sli_mqtt *self, const sli_mqtt_conf *conf, int64_t deadline_us,
                           sl_error *err)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, begin_library);
    self->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    self->mosq = mosquitto_new(conf->client_id, !conf->keeps, self);
    if (self->wake_fd < 0 || self->mosq == NULL) {
        return mosq_fail(err, errno == EINVAL ? SL_E_CONFIG : SL_E_NOMEM, "a client",
                         strerror(errno));
    }
    listen(self);
    int rc = set_all(self, conf);
    if (rc != MOSQ_ERR_SUCCESS) {
        return mosq_fail(err, rc == MOSQ_ERR_NOMEM ? SL_E_NOMEM : SL_E_CONFIG,
                         "settings of the client",
                         self->why[0] != '\0' ? self->why : mosquitto_strerror(rc));
    }
    SL_TRY(mosq_probe(self, conf->host, conf->port, deadline_us, err));
    SL_TRY(send_connect(self, conf, err));
    SL_TRY(await_connack(self, deadline_us, err));
    mosquitto_log_callback_set(self->mosq, NULL);
    return SL_OK;
}

sl_code mosq_open(sli_mqtt **out, const sli_mqtt_conf *conf, int64_t deadline_us, sl_error *err)
{
    sli_mqtt *self = calloc(1, sizeof *self);
    if (self == NULL) {
        return mosq_fail(err, SL_E_NOMEM, "a client", "no memory");
    }
    self->env = conf->env;
    self->mono_us = conf->mono_us;
    self->end_us = conf->end_us;
    self->is_5 = conf->version == 5;
    self->ping_us = conf->keepalive_us / 2;
    self->wake_fd = -1;
    sl_code rc = open_client(self, conf, deadline_us, err);
    if (rc != SL_OK) {
        mosq_close(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void mosq_close(sli_mqtt *self)
{
    if (self == NULL) {
        return;
    }
    if (self->mosq != NULL) {
        if (self->is_connected && !self->is_lost) {
            mosq_raw_disconnect(self);
        }
        mosquitto_destroy(self->mosq); // with all that it had not written
    }
    if (self->wake_fd >= 0) {
        (void)close(self->wake_fd);
    }
    mosq_queue_reset(&self->queue);
    free(self);
}

// ---------------------------------------------------------------- the table

static const sli_mqtt_ops ops = {
    .struct_size = sizeof(sli_mqtt_ops),
    .open = mosq_open,
    .close = mosq_close,
    .subscribe = mosq_subscribe,
    .poll = mosq_poll,
    .settle = mosq_settle,
    .wake = mosq_wake,
    .publish = mosq_publish,
};

__attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void);

const sli_module *SLI_MODULE_ENTRY(void)
{
    static char needs[32];
    int major = 0, minor = 0, revision = 0;
    (void)mosquitto_lib_version(&major, &minor, &revision);
    (void)snprintf(needs, sizeof needs, "libmosquitto %d.%d.%d", major, minor, revision);
    static const sli_module module = {
        .struct_size = sizeof module,
        .name = "mqtt_mosq",
        .needs = needs,
        .abi = SLI_MQTT_ABI,
        .table = &ops,
    };
    return &module;
}
