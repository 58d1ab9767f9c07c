/// mqtt.c — the MQTT sink: each row is a message, published when its group is committed.
///
/// An outbox sink without a mark: a broker keeps no number of a group. A group counts as committed
/// when the broker has acknowledged all of its messages; one whose acknowledgement was lost is
/// published again: at least once. Each commit has a connection of its own: between two of them
/// nobody would keep it alive, and after a failure nothing of an earlier try is still on its way.
#include "sink/sink_int.h"

#include "base/arena.h"
#include "format/values.h"
#include "mqtt/mqtt.h"

#include <inttypes.h>
#include <stdio.h>

enum {
    AT_ONCE = 1024,       ///< messages of a call
    ANSWER_US = 60000000, ///< longest wait for the acknowledgement of those
};

static const sl_option options[] = {
    {.name = "format",
     .type = SL_OPT_CHOICE,
     .fallback = "text",
     .choices = "text|csv|json|avro|bytes|fixed",
     .flags = SL_OPT_RESULT,
     .text = "How payloads are written, from the columns but that of the topic; the format's own "
             "options may follow."},
    {.name = "topic",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "Column of the topic; where it is null the URL's."},
    {.name = "qos",
     .type = SL_OPT_CHOICE,
     .fallback = "1",
     .choices = "1|0",
     .text = "1: the broker acknowledges each message, at least once; of 0 any may be lost."},
    {.name = "retain",
     .type = SL_OPT_BOOL,
     .fallback = "false",
     .flags = SL_OPT_RESULT,
     .text = "The broker keeps the last message of a topic for who subscribes later."},
    SLI_MQTT_OPTIONS,
    {0},
};

typedef struct mqtt_sink {
    sli_sink base;
    sl_env *env;
    const _Atomic int64_t *end_us; ///< sli_sink_env
    sl_arena *arena;
    const char *topic; ///< the URL's; "" for none
    sl_conf *conf;
    sli_mqtt_settings *settings;
    const sli_mqtt_ops *inner;
    sli_mqtt *client; ///< of a commit
    const sl_schema *schema;
    sl_schema *value_schema;
    int32_t *value_columns;
    const sl_batch **batches; ///< of each of them: always the same one
    int32_t topic_column;     ///< -1: none
    int32_t qos;
    bool retain;
    const sli_format_ops *format;
    sli_encoder *encoder;
    sli_value_list values;
    sl_arena *topics; ///< of a batch
} mqtt_sink;

// ---------------------------------------------------------------- rows to messages

/// The topic of a row, ended by a zero.
static sl_code topic_of(const mqtt_sink *self, const sl_batch *rows, int64_t row, sl_arena *arena,
                        const char **out, sl_error *err)
{
    const sl_column *column =
        self->topic_column < 0 ? NULL : sl_batch_column(rows, self->topic_column);
    *out = self->topic;
    if (column != NULL && !sl_column_is_null(column, row)) {
        sl_text text = sl_column_text(column, row);
        if (sli_mqtt_topic_check(text, err) != SL_OK) {
            return SL_E_DATA;
        }
        *out = sl_arena_printf(arena, "%.*s", (int)text.size, text.data);
        return *out == NULL ? sl_error_nomem(err, text.size, "a topic") : SL_OK;
    }
    return **out != '\0'
               ? SL_OK
               : sl_error_set(err, SL_E_DATA, "a row without a topic, and the URL names none");
}

static sl_code encode_values(mqtt_sink *self, const sl_batch *rows, sl_error *err)
{
    sl_batch *values = NULL;
    for (int32_t i = 0; i < sl_schema_columns(self->value_schema); i++) {
        self->batches[i] = rows;
    }
    SL_TRY(sli_batch_project(self->value_schema, self->batches, self->value_columns, &values, err));
    sl_code rc = sli_values_encode(&self->values, self->format, self->encoder, values, err);
    sl_batch_unref(values);
    return rc;
}

static sl_code make_messages(mqtt_sink *self, const sl_batch *rows, sli_mqtt_message *out,
                             sl_error *err)
{
    sl_arena_reset(self->topics);
    SL_TRY(encode_values(self, rows, err));
    for (int64_t i = 0; i < sl_batch_rows(rows); i++) {
        sl_text payload = sli_value_of(&self->values, (int32_t)i);
        out[i] = (sli_mqtt_message){.payload = payload.data == NULL ? "" : payload.data,
                                    .payload_size = payload.size,
                                    .qos = (int8_t)self->qos,
                                    .retain = self->retain};
        SL_TRY(topic_of(self, rows, i, self->topics, &out[i].topic, err));
    }
    return SL_OK;
}

/// A topic that is none is the row's fault, and found before its group is sealed.
static sl_code mqtt_check(const sli_sink *sink, const sl_batch *rows, sl_error *err)
{
    const mqtt_sink *self = (const mqtt_sink *)sink;
    sl_arena *arena = self->topic_column < 0 ? NULL : sl_arena_new(SLI_TAG_SINK);
    if (self->topic_column < 0) {
        return SL_OK;
    }
    sl_code rc = arena == NULL ? sl_error_nomem(err, 0, "topics") : SL_OK;
    const char *topic = NULL;
    for (int64_t i = 0; rc == SL_OK && i < sl_batch_rows(rows); i++) {
        rc = topic_of(self, rows, i, arena, &topic, err);
    }
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- publishing

static void disconnect(mqtt_sink *self)
{
    sli_mqtt_gate.close(self->client);
    self->client = NULL;
}

static sl_code connect(mqtt_sink *self, sl_error *err)
{
    sli_mqtt_conf conf = sli_mqtt_conf_of(self->settings);
    conf.inner = self->inner;
    conf.end_us = self->end_us;
    int64_t deadline = sli_env_mono_us(self->env) + sli_mqtt_connect_us(self->settings);
    return sli_mqtt_gate.open(&self->client, &conf, deadline, err);
}

static sl_code publish_rows(mqtt_sink *self, const sl_batch *rows, sl_error *err)
{
    sli_mqtt_message messages[AT_ONCE];
    int64_t deadline = sli_env_mono_us(self->env) + ANSWER_US;
    SL_TRY(make_messages(self, rows, messages, err));
    return sli_mqtt_gate.publish(self->client, messages, (int32_t)sl_batch_rows(rows), deadline,
                                 err);
}

static sl_code publish_batch(void *ctx, int64_t epoch, int64_t batch_time_us, const sl_batch *batch,
                             sl_error *err)
{
    mqtt_sink *self = ctx;
    int64_t n = batch == NULL ? 0 : sl_batch_rows(batch);
    (void)batch_time_us;
    for (int64_t at = 0; at < n; at += AT_ONCE) {
        sl_batch *part = NULL;
        SL_TRY(sli_batch_slice(batch, at, n - at < AT_ONCE ? n - at : AT_ONCE, &part, err));
        sl_code rc = publish_rows(self, part, err);
        sl_batch_unref(part);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "epoch %" PRId64, epoch);
        }
    }
    return SL_OK;
}

/// A broker that is away is waited for by the engine, with the outbox.
static sl_code mqtt_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                           sl_error *err)
{
    mqtt_sink *self = (mqtt_sink *)sink;
    (void)group, (void)receipt;
    sl_code rc = connect(self, err);
    rc = rc == SL_OK ? outbox->each(outbox, publish_batch, self, err) : rc;
    disconnect(self);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "%s", sli_mqtt_place(self->settings));
}

/// The broker is there, and takes us.
static sl_code mqtt_recover(sli_sink *sink, int64_t *last_committed, sl_error *err)
{
    mqtt_sink *self = (mqtt_sink *)sink;
    sl_code rc = connect(self, err);
    disconnect(self);
    *last_committed = 0;
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "%s", sli_mqtt_place(self->settings));
}

// ---------------------------------------------------------------- opening and closing

static void mqtt_close(sli_sink *sink)
{
    mqtt_sink *self = (mqtt_sink *)sink;
    if (self->encoder != NULL) {
        self->format->encoder_free(self->encoder);
    }
    sli_value_list_reset(&self->values);
    sli_mqtt_settings_free(self->settings);
    sl_conf_free(self->conf);
    sl_schema_unref(self->value_schema);
    sl_schema_unref(self->schema);
    sl_free(self->value_columns);
    sl_free(self->batches);
    sl_arena_free(self->topics);
    sl_arena_free(self->arena);
    sl_free(self);
}

static sl_code find_topic_column(mqtt_sink *self, sl_error *err)
{
    const char *name = sl_conf_text(self->conf, "topic");
    self->topic_column = name == NULL ? -1 : sl_schema_find(self->schema, name);
    if (name == NULL) {
        return self->topic[0] != '\0'
                   ? sli_mqtt_topic_check(sli_text_of(self->topic), err)
                   : sl_error_set(err, SL_E_CONFIG,
                                  "a topic is needed: mqtt://HOST:PORT/TOPIC, or topic=COLUMN");
    }
    if (self->topic_column < 0 ||
        sl_schema_field(self->schema, self->topic_column)->type != SL_STRING) {
        return sl_error_set(err, SL_E_CONFIG,
                            "option topic: there is no column %s of text in \"%s\"", name,
                            sl_schema_text(self->schema));
    }
    return SL_OK;
}

/// The columns of payloads: all but the topic's.
static sl_code open_encoder(mqtt_sink *self, sl_error *err)
{
    int32_t n = 0, n_columns = sl_schema_columns(self->schema);
    self->value_columns =
        sl_alloc_array(SLI_TAG_SINK, (size_t)n_columns, sizeof *self->value_columns);
    self->batches = sl_alloc_array(SLI_TAG_SINK, (size_t)n_columns, sizeof *self->batches);
    if (self->value_columns == NULL || self->batches == NULL) {
        return sl_error_nomem(err, (size_t)n_columns * sizeof *self->batches, "MQTT sink");
    }
    for (int32_t i = 0; i < n_columns; i++) {
        if (i != self->topic_column) {
            self->value_columns[n++] = i;
        }
    }
    if (n == 0) {
        return sl_error_set(err, SL_E_CONFIG, "no column is left for the payload in \"%s\"",
                            sl_schema_text(self->schema));
    }
    SL_TRY(sli_schema_select(self->schema, self->value_columns, n, &self->value_schema, err));
    return self->format->encoder_new(&self->encoder, self->conf, self->value_schema, err);
}

static sl_code open_parts(mqtt_sink *self, const sli_url *url, const sli_sink_env *env,
                          sl_error *err)
{
    char client_id[256];
    self->arena = sl_arena_new(SLI_TAG_SINK);
    self->topics = sl_arena_new(SLI_TAG_SINK);
    self->topic = self->arena == NULL ? NULL : sli_mqtt_topic_of(url, self->arena);
    if (self->topics == NULL || self->topic == NULL) {
        return sl_error_nomem(err, sizeof *self, "MQTT sink");
    }
    (void)snprintf(client_id, sizeof client_id, "sluice-%.12s-%s", env->job_id, env->uid);
    SL_TRY(sli_sink_conf(&sli_sink_mqtt, url, &self->conf, &self->format, err)); // to be kept
    SL_TRY(sli_format_prepare(self->format, self->conf, env->env, err));
    SL_TRY(find_topic_column(self, err));
    SL_TRY(open_encoder(self, err));
    SL_TRY(sli_mqtt_settings_new(&self->settings, url, self->conf, client_id, env->env, err));
    return sli_mqtt_load(&self->inner, env->env, env->modules, err);
}

static sl_code mqtt_open(sli_sink **out, const sli_url *url, const sl_conf *conf,
                         const sli_sink_env *env, sl_error *err)
{
    mqtt_sink *self = sl_alloc_zero(SLI_TAG_SINK, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "MQTT sink");
    }
    self->base.ops = &sli_sink_mqtt;
    self->env = env->env;
    self->end_us = env->end_us;
    self->schema = sl_schema_ref(env->schema);
    self->qos = sl_conf_choice(conf, "qos") == 0 ? 1 : 0;
    self->retain = sl_conf_bool(conf, "retain");
    sl_code rc = open_parts(self, url, env, err);
    if (rc != SL_OK) {
        mqtt_close(&self->base);
        return rc;
    }
    *out = &self->base;
    return SL_OK;
}

const sli_sink_ops sli_sink_mqtt = {
    .struct_size = sizeof(sli_sink_ops),
    .scheme = "mqtt",
    .text = "Publishes each row as a message to a topic of a broker, and waits for its "
            "acknowledgement (at least once).",
    .guarantee = SLI_AT_LEAST_ONCE,
    .options = options,
    .open = mqtt_open,
    .recover = mqtt_recover,
    .commit = mqtt_commit,
    .close = mqtt_close,
    .elsewhere = true,
    .check = mqtt_check,
};
