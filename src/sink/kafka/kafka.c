/// kafka.c — the Kafka sink: a group's rows and its number are one transaction. Options, opening,
/// recovery; mark.c and group.c are the rest of it.
#include "sink/kafka/ksink_int.h"

#include <inttypes.h>

#include "base/arena.h"

enum { EXACTLY_ONCE = 0 };

static const sl_option options[] = {
    {.name = "format",
     .type = SL_OPT_CHOICE,
     .fallback = "text",
     .choices = "text|csv|json|avro|bytes|fixed",
     .flags = SL_OPT_RESULT,
     .text = "How values are written, from the columns that are not taken for something else; the "
             "format's own options may follow."},
    {.name = "key",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Column of the key: text and binary as they are, other types printed."},
    {.name = "partition",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Column of the partition; without one, and where it is null, by the key as Kafka's "
             "Java client does (murmur2), and without key any."},
    {.name = "time",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Column of the record's time; without one, and where it is null, the batch time."},
    {.name = "headers",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Column of the headers, a list<struct<name string, value binary>>."},
    {.name = "topic",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Column of the topic; where it is null the URL's. Sluice makes no topics."},
    {.name = "deletes",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "With key=: an int64 column; where it is below 0 the record has no value, which "
             "deletes its key when the topic is compacted."},
    {.name = "guarantee",
     .type = SL_OPT_CHOICE,
     .fallback = "exactly-once",
     .choices = "exactly-once|at-least-once",
     .text = "exactly-once: a transaction a group; readers need isolation.level=read_committed. "
             "at-least-once: no transactions; a restart, and an outage of the cluster, may send a "
             "group again."},
    {.name = "transaction_timeout",
     .type = SL_OPT_DURATION,
     .fallback = "60s",
     .low = "1s",
     .high = "15m",
     .text = "After which the cluster gives up a transaction that has not ended; at most its "
             "transaction.max.timeout.ms. The longest that one try may take."},
    {.name = "mark",
     .type = SL_OPT_INT,
     .low = "0",
     .text = "For one start after the mark of the output was lost: the last group whose rows are "
             "in the topic. Where there is a mark, that counts."},
    SLI_KAFKA_OPTIONS,
    {0},
};

// ---------------------------------------------------------------- recovery

static sl_code pass_over(void *ctx, const char *topic, int32_t n_partitions, sl_error *err)
{
    (void)ctx;
    (void)topic;
    (void)n_partitions;
    (void)err;
    return SL_OK;
}

/// The topic is there, and the cluster too.
static sl_code check_topic(const ksink *self, sl_error *err)
{
    sli_kafka *client = NULL;
    sli_kafka_conf conf = sli_ksink_client(self);
    SL_TRY(sli_kafka_gate.open(&client, &conf, err));
    sl_code rc = sli_kafka_gate.topics(
        client, self->topic, sli_env_mono_us(self->env) + KSINK_ASK_US, pass_over, NULL, err);
    sli_kafka_gate.close(client);
    return rc;
}

static sl_code kafka_recover(sli_sink *sink, int64_t *last_committed, sl_error *err)
{
    ksink *self = (ksink *)sink;
    SL_TRY(check_topic(self, err));
    SL_TRY(sli_ksink_begin(self, err));
    *last_committed = self->once ? self->marked : 0;
    return SL_OK;
}

// ---------------------------------------------------------------- opening and closing

static void kafka_close(sli_sink *sink)
{
    ksink *self = (ksink *)sink;
    sli_ksink_drop_producer(self);
    sli_ksink_rows_free(self->rows);
    sl_conf_free(self->conf);
    sl_schema_unref(self->schema);
    sli_kafka_settings_free(self->settings);
    sl_arena_free(self->arena);
    sl_free(self);
}

/// The URL's path without the slash that a host needs.
static sl_code find_topic(ksink *self, const sli_url *url, sl_error *err)
{
    sl_text path = url->path;
    if (path.size > 0 && path.data[0] == '/') {
        path = (sl_text){path.data + 1, path.size - 1};
    }
    if (path.size == 0 || memchr(path.data, '/', path.size) != NULL ||
        memchr(path.data, ',', path.size) != NULL) {
        return sl_error_set(err, SL_E_CONFIG, "one topic is needed: \"kafka://HOST:PORT/TOPIC\"");
    }
    self->topic = sl_arena_printf(self->arena, "%.*s", (int)path.size, path.data);
    return self->topic == NULL ? sl_error_nomem(err, path.size, "Kafka sink") : SL_OK;
}

static sl_code open_parts(ksink *self, const sli_url *url, const sli_sink_env *env, sl_error *err)
{
    const sli_format_ops *format = NULL;
    self->arena = sl_arena_new(SLI_TAG_SINK);
    if (self->arena == NULL) {
        return sl_error_nomem(err, sizeof *self, "Kafka sink");
    }
    SL_TRY(find_topic(self, url, err));
    self->name = sl_arena_printf(self->arena, "sluice.%s.%s", env->job_id, env->uid);
    if (self->name == NULL) {
        return sl_error_nomem(err, strlen(env->uid), "Kafka sink");
    }
    self->schema = sl_schema_ref(env->schema);
    SL_TRY(sli_sink_conf(&sli_sink_kafka, url, &self->conf, &format, err)); // again, to be kept
    SL_TRY(sli_format_prepare(format, self->conf, env->env, err));
    SL_TRY(sli_ksink_rows_new(&self->rows, self->conf, self->schema, self->topic, err));
    SL_TRY(sli_kafka_settings_new(&self->settings, url, self->conf, env->env, err));
    SL_TRY(sli_ksink_limit(self->settings, &self->most_bytes, err));
    return sli_kafka_load(&self->client, self->settings, env->modules, err);
}

static sl_code kafka_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                          const sli_sink_env *env, sl_error *err)
{
    ksink *self = sl_alloc_zero(SLI_TAG_SINK, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "Kafka sink");
    }
    self->base.ops = &sli_sink_kafka;
    self->env = env->env;
    self->generation = env->generation;
    self->unsure_from = env->unsure_from;
    self->unsure = env->unsure;
    self->end_us = env->end_us;
    self->once = sl_conf_choice(conf, "guarantee") == EXACTLY_ONCE;
    self->transaction_us = sl_conf_int64(conf, "transaction_timeout");
    self->known = sl_conf_is_set(conf, "mark") ? sl_conf_int64(conf, "mark") : -1;
    self->marked = -1;
    self->patience_us = sli_ksink_first_patience_us(self);
    sl_code rc = open_parts(self, url, env, err);
    if (rc != SL_OK) {
        kafka_close(&self->base);
        return rc;
    }
    *out = &self->base;
    return SL_OK;
}

const sli_sink_ops sli_sink_kafka = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "kafka",
    .text =
        "Sends each row as a record to a topic, each group of epochs in one transaction (exactly "
        "once; at least once with guarantee=at-least-once).",
    .guarantee = SLI_EXACTLY_ONCE,
    .options = options,
    .open = kafka_open,
    .recover = kafka_recover,
    .commit = sli_ksink_commit,
    .close = kafka_close,
    .elsewhere = true,
    .check = sli_ksink_check,
    .keep = sli_ksink_keep,
    .ahead = sli_ksink_ahead,
    .abort = sli_ksink_abort,
};
