// The module kafka_rd: librdkafka behind kafka.h. The table, settings and failures.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kafka/module/rd_int.h"

// ---------------------------------------------------------------- failures

sl_code rd_fail(sl_error *err, sl_code code, const char *what, const char *why)
{
    if (err != NULL) {
        *err = (sl_error){.code = code};
        (void)snprintf(err->text, sizeof err->text, "kafka: %s: %s", what, why);
    }
    return code;
}

sl_code rd_nomem(sl_error *err)
{
    return rd_fail(err, SL_E_NOMEM, "librdkafka", "no memory");
}

sl_code rd_code_of(rd_kafka_resp_err_t code)
{
    switch (code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
        return SL_E_CONFIG;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
        return SL_E_NOT_FOUND;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_INVALID_RECORD:
    case RD_KAFKA_RESP_ERR_INVALID_MSG:
    case RD_KAFKA_RESP_ERR__BAD_MSG:
        return SL_E_DATA;
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
        return SL_E_SUPERSEDED;
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TRANSPORT: // away or not ready: it may be there in a moment
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS: // the one before is just being ended
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE: // being elected, or just elected
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR: // its disk failed: another one will lead
        return SL_E_TIMEOUT;
    default:
        return SL_E_IO;
    }
}

sl_code rd_fail_of(sl_error *err, rd_kafka_resp_err_t code, const char *what, const char *why)
{
    return rd_fail(err, rd_code_of(code), what, why != NULL ? why : rd_kafka_err2str(code));
}

sl_code rd_verdict(rd_kafka_error_t *error, const char *what, sl_error *err)
{
    if (error == NULL) {
        return SL_OK;
    }
    sl_code rc = rd_fail_of(err, rd_kafka_error_code(error), what, rd_kafka_error_string(error));
    rd_kafka_error_destroy(error);
    return rc;
}

// ---------------------------------------------------------------- deadlines and settings

rd_clock rd_clock_from(const sli_kafka_conf *conf)
{
    return (rd_clock){conf->env, conf->mono_us, conf->end_us};
}

static int64_t nearer_us(rd_clock clock, int64_t deadline_us)
{
    // Relaxed: the time alone is told.
    int64_t end_us = clock.end_us == NULL
                         ? SLI_FOREVER
                         : atomic_load_explicit(clock.end_us, memory_order_relaxed);
    return end_us < deadline_us ? end_us : deadline_us;
}

int rd_left_ms(rd_clock clock, int64_t deadline_us)
{
    enum { DAY_MS = 86400000 };
    int64_t end_us = nearer_us(clock, deadline_us), now_us = clock.mono_us(clock.env);
    if (end_us <= now_us) { // asked first: INT64_MIN, which is always over, has no distance
        return 0;
    }
    int64_t left_us = end_us == SLI_FOREVER ? INT64_MAX : end_us - now_us;
    int64_t ms = left_us / 1000 + (left_us % 1000 != 0);
    return ms < DAY_MS ? (int)ms : DAY_MS;
}

int rd_slice_ms(rd_clock clock, int64_t deadline_us)
{
    enum { SLICE_MS = 250 };
    int left_ms = rd_left_ms(clock, deadline_us);
    return left_ms < SLICE_MS ? left_ms : SLICE_MS;
}

int rd_patience_ms(rd_patience *p)
{
    enum { FIRST_MS = 250, LONG_MS = 60000 };
    int left_ms = rd_left_ms(p->clock, p->deadline_us);
    p->wait_ms = p->wait_ms == 0 ? FIRST_MS : p->wait_ms < LONG_MS ? 2 * p->wait_ms : p->wait_ms;
    return left_ms < p->wait_ms ? left_ms : p->wait_ms;
}

void rd_pause(rd_clock clock, int64_t deadline_us)
{
    enum { PAUSE_MS = 50 };
    int left_ms = rd_left_ms(clock, deadline_us);
    struct timespec pause = {.tv_nsec = 1000000L * (left_ms < PAUSE_MS ? left_ms : PAUSE_MS)};
    (void)nanosleep(&pause, NULL);
}

bool rd_is_given(const sli_kafka_conf *conf, const char *name)
{
    for (int32_t i = 0; i < conf->n_settings; i++) {
        if (strcmp(conf->settings[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static sl_code refuse(sl_error *err, const char *name, const char *value, const char *why)
{
    char what[160];
    (void)snprintf(what, sizeof what, "kafka.%s=%s", name, value);
    return rd_fail(err, SL_E_CONFIG, what, why);
}

static sl_code set_all(rd_kafka_conf_t *rd, const sli_kafka_conf *conf, const rd_pair *own,
                       sl_error *err)
{
    char why[256];
    for (int32_t i = 0; i < conf->n_settings; i++) {
        const sli_kafka_setting *s = &conf->settings[i];
        if (rd_kafka_conf_set(rd, s->name, s->value, why, sizeof why) != RD_KAFKA_CONF_OK) {
            return refuse(err, s->name, s->secret ? "***" : s->value,
                          s->secret ? "not accepted" : why);
        }
    }
    for (; own->name != NULL; own++) {
        if (rd_kafka_conf_set(rd, own->name, own->value, why, sizeof why) != RD_KAFKA_CONF_OK) {
            return refuse(err, own->name, own->value, why);
        }
    }
    return SL_OK;
}

sl_code rd_settings(rd_kafka_conf_t **out, const sli_kafka_conf *conf, const rd_pair *own,
                    sl_error *err)
{
    rd_kafka_conf_t *rd = rd_kafka_conf_new();
    sl_code rc = rd == NULL ? rd_nomem(err) : set_all(rd, conf, own, err);
    if (rc != SL_OK) {
        rd_kafka_conf_destroy(rd);
        return rc;
    }
    *out = rd;
    return SL_OK;
}

/// The name in a line of librdkafka's table of settings, "NAME | C/P | ..."; NULL: it has none.
static const char *name_in(char *line)
{
    if (strstr(line, " | ") == NULL || strncmp(line, "Property ", 9) == 0) {
        return NULL;
    }
    line[strcspn(line, " ")] = '\0';
    return line;
}

/// The one list of all settings that librdkafka has is the table that it prints for people.
static void rd_names(void (*each)(void *ctx, const char *name), void *ctx)
{
    char *table = NULL, *rest = NULL;
    size_t size = 0;
    FILE *file = open_memstream(&table, &size);
    if (file == NULL) {
        return;
    }
    rd_kafka_conf_properties_show(file);
    (void)fclose(file);
    for (char *line = strtok_r(table, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *name = name_in(line);
        if (name != NULL) {
            each(ctx, name);
        }
    }
    free(table);
}

// ---------------------------------------------------------------- the module

static const sli_kafka_ops ops = {
    .struct_size = sizeof ops,
    .open = rd_open,
    .close = rd_close,
    .topics = rd_topics,
    .offsets = rd_offsets,
    .marked = rd_marked,
    .note = rd_note,
    .fetch = rd_fetch,
    .drop = rd_drop,
    .poll = rd_poll,
    .wake = rd_wake,
    .high = rd_high,
    .headers = rd_headers,
    .error = rd_error,
    .release = rd_release,
    .producer_open = rd_producer_open,
    .send = rd_send,
    .mark = rd_mark,
    .commit = rd_commit,
    .abort = rd_abort,
    .producer_close = rd_producer_close,
    .names = rd_names,
};

__attribute__((visibility("default"))) const sli_module *SLI_MODULE_ENTRY(void);

const sli_module *SLI_MODULE_ENTRY(void)
{
    static const sli_module module = {
        .struct_size = sizeof module,
        .name = "kafka_rd",
        .needs = "librdkafka " SL_LIBRARY_VERSION,
        .abi = SLI_KAFKA_ABI,
        .table = &ops,
    };
    return &module;
}
