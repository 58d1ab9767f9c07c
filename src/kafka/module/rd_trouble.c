// What a client hears of its connections, beside its records: that a broker is away, or refuses who
// we are. librdkafka goes on trying in each case; a question that waits has to know the difference.
#include <stdio.h>
#include <string.h>

#include "kafka/module/rd_int.h"

/// The client's nonce was sent twice by librdkafka up to 2.6.0, which Kafka 4 does not let pass.
static bool asks_for_old_scram(const sli_kafka_conf *conf)
{
    bool scram = false;
    for (int32_t i = 0; i < conf->n_settings; i++) {
        scram = scram || (strncmp(conf->settings[i].name, "sasl.mechanism", 14) == 0 &&
                          strncmp(conf->settings[i].value, "SCRAM", 5) == 0);
    }
    return scram && rd_kafka_version() < 0x020601ff;
}

void rd_trouble_init(rd_trouble *t, const sli_kafka_conf *conf)
{
    (void)pthread_mutex_init(&t->mutex, NULL);
    t->scram_is_old = asks_for_old_scram(conf);
}

void rd_trouble_reset(rd_trouble *t)
{
    (void)pthread_mutex_destroy(&t->mutex);
}

/// OpenSSL's numbers, which do not change (openssl/x509_vfy.h).
static const char *certificate_text(int x509_error)
{
    switch (x509_error) {
    case 2:
    case 18:
    case 19:
    case 20:
    case 21:
        return "nobody that we trust has signed its certificate";
    case 9:
        return "its certificate is not valid yet";
    case 10:
        return "its certificate has expired";
    case 23:
        return "its certificate was revoked";
    case 62:
    case 64:
        return "its certificate is another host's";
    default:
        return "its certificate is not accepted";
    }
}

int rd_on_certificate(rd_kafka_t *rd, const char *name, int32_t id, int *x509_error, int depth,
                      const char *bytes, size_t size, char *why, size_t why_size, void *opaque)
{
    rd_trouble *t = opaque;
    (void)rd, (void)name, (void)id, (void)depth, (void)bytes, (void)size;
    if (*x509_error == 0) {
        return 1;
    }
    // Relaxed: the number alone is told.
    atomic_store_explicit(&t->x509_error, *x509_error, memory_order_relaxed);
    (void)snprintf(why, why_size, "%s", certificate_text(*x509_error));
    return 0;
}

/// What librdkafka's text leaves out; "": nothing.
static const char *reason_of(const rd_trouble *t, rd_kafka_resp_err_t code)
{
    int x509_error = atomic_load_explicit(&t->x509_error, memory_order_relaxed);
    if (code == RD_KAFKA_RESP_ERR__SSL && x509_error != 0) {
        return certificate_text(x509_error);
    }
    return code == RD_KAFKA_RESP_ERR__AUTHENTICATION && t->scram_is_old
               ? "SCRAM with Kafka 4 needs librdkafka 2.6.1 or newer, else use PLAIN over TLS"
               : "";
}

/// That all brokers are away says less than why one refuses us.
void rd_trouble_hear(rd_trouble *t, rd_kafka_resp_err_t code, const char *text)
{
    sl_code heard = rd_code_of(code);
    const char *reason = reason_of(t, code);
    (void)pthread_mutex_lock(&t->mutex);
    if (heard == SL_E_CONFIG || t->code != SL_E_CONFIG) {
        t->code = heard;
        t->untold = true;
        (void)snprintf(t->text, sizeof t->text, "%s%s%s", reason, *reason == '\0' ? "" : ": ",
                       text);
    }
    (void)pthread_mutex_unlock(&t->mutex);
}

void rd_trouble_listen(rd_trouble *t, rd_kafka_queue_t *events)
{
    rd_kafka_event_t *event = NULL;
    while ((event = rd_kafka_queue_poll(events, 0)) != NULL) {
        if (rd_kafka_event_type(event) == RD_KAFKA_EVENT_ERROR) {
            rd_trouble_hear(t, rd_kafka_event_error(event), rd_kafka_event_error_string(event));
        }
        rd_kafka_event_destroy(event);
    }
}

bool rd_trouble_take(rd_trouble *t, sl_code *code, char text[RD_TROUBLE_TEXT])
{
    (void)pthread_mutex_lock(&t->mutex);
    bool untold = t->untold;
    t->untold = false;
    *code = t->code;
    memcpy(text, t->text, RD_TROUBLE_TEXT);
    (void)pthread_mutex_unlock(&t->mutex);
    return untold;
}

void rd_trouble_over(rd_trouble *t)
{
    (void)pthread_mutex_lock(&t->mutex);
    t->code = SL_OK;
    atomic_store_explicit(&t->x509_error, 0, memory_order_relaxed);
    (void)pthread_mutex_unlock(&t->mutex);
}

bool rd_trouble_is_on(rd_trouble *t)
{
    (void)pthread_mutex_lock(&t->mutex);
    bool is_on = t->code != SL_OK;
    (void)pthread_mutex_unlock(&t->mutex);
    return is_on;
}

bool rd_trouble_refused(rd_trouble *t)
{
    (void)pthread_mutex_lock(&t->mutex);
    bool refused = t->code == SL_E_CONFIG;
    (void)pthread_mutex_unlock(&t->mutex);
    return refused;
}

sl_code rd_trouble_tell(rd_trouble *t, sl_code rc, sl_error *err)
{
    (void)pthread_mutex_lock(&t->mutex);
    if (t->code != SL_OK) {
        rc = t->code == SL_E_CONFIG ? t->code : rc;
        if (err != NULL) {
            size_t used = strlen(err->text);
            err->code = rc;
            (void)snprintf(err->text + used, sizeof err->text - used, ": %s", t->text);
        }
    }
    (void)pthread_mutex_unlock(&t->mutex);
    return rc;
}
