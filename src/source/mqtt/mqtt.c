// mqtt.c — topics of MQTT as a stream: options, opening, and the io thread's side.
#include "source/mqtt/mqtt_int.h"

#include <stdio.h>

static const sli_message_column cells[] = {{"topic", SLI_CELL_TEXT},
                                           {"qos", SLI_CELL_INT64},
                                           {"retain", SLI_CELL_BOOL},
                                           {"properties", SLI_CELL_HEADERS},
                                           {0}};

static const sl_option options[] = {
    SLI_MESSAGE_OPTION_COLUMNS("topic, qos, retain, properties, properties.NAME"),
    {.name = "qos",
     .type = SL_OPT_CHOICE,
     .fallback = "1",
     .choices = "1|0",
     .text = "Of the subscription: 1 is acknowledged when it is in the write-ahead log; of 0 any "
             "may be lost."},
    {.name = "id",
     .type = SL_OPT_TEXT,
     .flags = SL_OPT_RESULT,
     .text = "User property (version 5) that names a message: repeats of a name vanish."},
    {.name = "window",
     .type = SL_OPT_INT,
     .fallback = "8192",
     .low = "1",
     .high = "65535",
     .text = "Messages that the broker may have under way, not acknowledged (version 5; with 3.1.1 "
             "it is a setting of the broker: mosquitto's max_inflight_messages is 20)."},
    {.name = "expiry",
     .type = SL_OPT_DURATION,
     .fallback = "7d",
     .low = "1s",
     .high = "3650d",
     .text = "For how long the broker keeps what arrives while the job is down (version 5; with "
             "3.1.1 it is a setting of the broker)."},
    {.name = "reconnect_delay",
     .type = SL_OPT_DURATION,
     .fallback = "2s",
     .low = "1ms",
     .high = "1h",
     .text = "Time between a connection that was refused or lost and the next try."},
    SLI_MQTT_OPTIONS,
    {0},
};

static mqtt_source *self_of(sli_source *source)
{
    return (mqtt_source *)source;
}

// ---------------------------------------------------------------- opening

static void mqtt_close(sli_source *source)
{
    mqtt_source *self = self_of(source);
    mqtt_receive_end(self);
    sli_str_reset(&self->inbox);
    sli_mqtt_settings_free(self->settings);
    sl_arena_free(self->arena);
    sli_mutex_reset(&self->mutex);
    sli_source_common_free(&self->common);
}

/// With a checkpoint the same in every life, so that the broker knows it; else nobody's.
static sl_code make_client_id(const sli_source_env *env, char *out, size_t size, sl_error *err)
{
    char random[33] = "";
    if (env->job_id == NULL) {
        SL_TRY(sli_env_random_id(env->env, random, err));
    }
    (void)snprintf(out, size, "sluice-%.12s-%s", env->job_id == NULL ? random : env->job_id,
                   env->uid == NULL ? "" : env->uid);
    return SL_OK;
}

static sl_code open_parts(mqtt_source *self, const sli_url *url, const sl_conf *conf,
                          const sli_source_env *env, sl_error *err)
{
    char client_id[256];
    const char *id = sl_conf_text(conf, "id");
    self->arena = sl_arena_new(SLI_TAG_SOURCE);
    self->filter = self->arena == NULL ? NULL : sli_mqtt_topic_of(url, self->arena);
    self->id = id == NULL || self->arena == NULL ? NULL : sl_arena_strdup(self->arena, id);
    if (self->filter == NULL || (id != NULL && self->id == NULL)) {
        return sl_error_nomem(err, url->path.size, "a topic filter");
    }
    SL_TRY(sli_mqtt_filter_check(self->filter, err));
    SL_TRY(make_client_id(env, client_id, sizeof client_id, err));
    return sli_mqtt_settings_new(&self->settings, url, conf, client_id, env->env, err);
}

static sl_code mqtt_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                         const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(sli_source_alloc(&common, sizeof(mqtt_source), &sli_source_mqtt, conf, env, NULL, err));
    mqtt_source *self = (mqtt_source *)common;
    sli_mutex_init(&self->mutex, SLI_RANK_INBOX);
    self->inbox.tag = SLI_TAG_SOURCE;
    self->qos = sl_conf_choice(conf, "qos") == 0 ? 1 : 0;
    self->window = (int32_t)sl_conf_int64(conf, "window");
    self->expiry_us = sl_conf_int64(conf, "expiry");
    self->delay_us = sl_conf_int64(conf, "reconnect_delay");
    sl_code rc = open_parts(self, url, conf, env, err);
    if (rc != SL_OK) {
        mqtt_close(&common->base);
        return rc;
    }
    *out = &common->base;
    return SL_OK;
}

// ---------------------------------------------------------------- io

static sl_code mqtt_start(sli_source *source, sli_loop *loop, sli_receive_fn take, void *ctx,
                          sl_error *err)
{
    mqtt_source *self = self_of(source);
    const sli_source_env *env = &self->common.env;
    self->loop = loop;
    self->take = take;
    self->take_ctx = ctx;
    SL_TRY(sli_mqtt_load(&self->inner, env->env, env->modules, err));
    return mqtt_receive_begin(self, err);
}

static void mqtt_turn(sli_source *source)
{
    mqtt_source *self = self_of(source);
    sli_mutex_lock(&self->mutex);
    sli_str bytes = self->inbox;
    self->inbox = (sli_str){.tag = SLI_TAG_SOURCE};
    sli_mutex_unlock(&self->mutex);
    if (bytes.size > 0) {
        sli_source_count(&self->common, SLI_SOURCE_BYTES, (int64_t)bytes.size);
        bool more = self->take(self->take_ctx, bytes.data, bytes.size, SLI_TAIL_OPEN);
        sli_mutex_lock(&self->mutex);
        self->is_paused = !more;
        mqtt_rouse(self); // a strand without a connection may wait for the room
        sli_mutex_unlock(&self->mutex);
    }
    sli_str_reset(&bytes);
}

static void mqtt_settled(sli_source *source, int64_t bytes)
{
    mqtt_source *self = self_of(source);
    sli_mutex_lock(&self->mutex);
    bool is_news = bytes > self->settled && bytes >= self->given;
    self->settled = bytes;
    if (is_news) {
        mqtt_rouse(self);
    }
    sli_mutex_unlock(&self->mutex);
}

static void mqtt_resume(sli_source *source)
{
    mqtt_source *self = self_of(source);
    sli_mutex_lock(&self->mutex);
    self->is_paused = false;
    mqtt_rouse(self);
    sli_mutex_unlock(&self->mutex);
}

/// What is in the inbox stays the broker's: it was not taken.
static void mqtt_stop(sli_source *source)
{
    mqtt_source *self = self_of(source);
    if (self->strand != NULL) {
        mqtt_receive_end(self);
        sli_source_event(&self->common, SLI_EV_RECEIVER_STOPPED, NULL);
    }
}

static bool mqtt_ended(const sli_source *source)
{
    (void)source;
    return false;
}

static sl_code mqtt_failed(sli_source *source, sl_error *err)
{
    mqtt_source *self = self_of(source);
    sli_mutex_lock(&self->mutex);
    sl_error failure = self->failure;
    sli_mutex_unlock(&self->mutex);
    if (failure.code != SL_OK && err != NULL) {
        *err = failure;
    }
    return failure.code;
}

const sli_source_ops sli_source_mqtt = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "mqtt",
    .text = "Messages of a broker, acknowledged once they are in the write-ahead log: "
            "mqtt://HOST:PORT/TOPIC-FILTER",
    .kind = SLI_SOURCE_RECEIVER,
    .options = options,
    .formatted = true,
    .messages = cells,
    .open = mqtt_open,
    .schema = sli_source_common_schema,
    .start = mqtt_start,
    .resume = mqtt_resume,
    .stop = mqtt_stop,
    .ended = mqtt_ended,
    .format = sli_source_common_format,
    .close = mqtt_close,
    .turn = mqtt_turn,
    .settled = mqtt_settled,
    .failed = mqtt_failed,
};
