/// settings.c — which settings a simulated client takes: some of librdkafka's names. It minds
/// `sasl.password` and `message.max.bytes` alone.
#include "kafka/sim/ksim_int.h"

#include "base/str.h"

static const char *const names[] = {"acks",
                                    "batch.size",
                                    "bootstrap.servers",
                                    "client.id",
                                    "compression.type",
                                    "fetch.max.bytes",
                                    "linger.ms",
                                    "message.max.bytes",
                                    "queue.buffering.max.kbytes",
                                    "sasl.mechanism",
                                    "sasl.password",
                                    "sasl.username",
                                    "security.protocol",
                                    "ssl.ca.location",
                                    "ssl.certificate.location",
                                    "ssl.key.location",
                                    "ssl.key.password",
                                    NULL};

void sli_ksim_names(void (*each)(void *ctx, const char *name), void *ctx)
{
    for (int i = 0; names[i] != NULL; i++) {
        each(ctx, names[i]);
    }
}

static bool is_known(const char *name)
{
    int i = 0;
    while (names[i] != NULL && strcmp(names[i], name) != 0) {
        i++;
    }
    return names[i] != NULL;
}

static sl_code refuse(const sli_kafka_setting *s, const char *why, sl_error *err)
{
    return sl_error_set(err, SL_E_CONFIG, "kafka: kafka.%s=%s: %s", s->name,
                        s->secret ? "***" : s->value, why);
}

const char *sli_ksim_setting(const sli_kafka_conf *conf, const char *name)
{
    const char *value = NULL;
    for (int32_t i = 0; i < conf->n_settings; i++) {
        value = strcmp(conf->settings[i].name, name) == 0 ? conf->settings[i].value : value;
    }
    return value;
}

sl_code sli_ksim_settings_check(const sli_kafka_conf *conf, sl_error *err)
{
    for (int32_t i = 0; i < conf->n_settings; i++) {
        const sli_kafka_setting *s = &conf->settings[i];
        int64_t bytes = 0;
        if (!is_known(s->name)) {
            return refuse(s, "there is no such setting", err);
        }
        if (strcmp(s->name, "message.max.bytes") == 0 &&
            sli_scan_int64(sli_text_of(s->value), &bytes, NULL) != SL_OK) {
            return refuse(s, "a number is needed", err);
        }
    }
    return SL_OK;
}
