/// settings.c — from a URL and its options to what a client is opened with; and the module.
#include "env/secret.h"
#include "mqtt/mqtt.h"

#include "env/module.h"

enum { PORT = 1883, TLS_PORT = 8883 };

struct sli_mqtt_settings {
    sl_arena *arena; ///< of all texts but the password
    sli_mqtt_conf conf;
    char *password;
    const char *place;
    int64_t connect_us;
};

/// A copy in the arena; NULL for an option that is not set.
static const char *text_of(const sli_mqtt_settings *self, const sl_conf *conf, const char *name,
                           bool *failed)
{
    const char *text = sl_conf_text(conf, name);
    if (text == NULL || *text == '\0') {
        return NULL;
    }
    const char *copy = sl_arena_strdup(self->arena, text);
    *failed = *failed || copy == NULL;
    return copy;
}

static sl_code set_place(sli_mqtt_settings *self, const sli_url *url, sl_error *err)
{
    if (url->host.size == 0) {
        return sl_error_set(err, SL_E_CONFIG, "a broker is needed: mqtt://localhost:1883/TOPIC");
    }
    sli_mqtt_conf *c = &self->conf;
    c->port = url->port >= 0 ? url->port : c->tls ? TLS_PORT : PORT;
    c->host = sl_arena_printf(self->arena, "%.*s", (int)url->host.size, url->host.data);
    self->place = c->host == NULL ? NULL : sl_arena_printf(self->arena, "%s:%d", c->host, c->port);
    return self->place == NULL ? sl_error_nomem(err, url->host.size, "a broker's name") : SL_OK;
}

static sl_code set_texts(sli_mqtt_settings *self, const sl_conf *conf, const char *client_id,
                         sl_error *err)
{
    bool failed = false;
    sli_mqtt_conf *c = &self->conf;
    c->client_id = text_of(self, conf, "client_id", &failed);
    if (c->client_id == NULL) {
        c->client_id = sl_arena_strdup(self->arena, client_id);
        failed = failed || c->client_id == NULL;
    }
    c->username = text_of(self, conf, "username", &failed);
    c->ca = text_of(self, conf, "ca", &failed);
    c->cert = text_of(self, conf, "cert", &failed);
    c->key = text_of(self, conf, "key", &failed);
    c->will.topic = text_of(self, conf, "will_topic", &failed);
    c->will.payload = text_of(self, conf, "will_payload", &failed);
    return failed ? sl_error_nomem(err, 0, "settings of an MQTT client") : SL_OK;
}

static sl_code check(const sli_mqtt_conf *c, sl_error *err)
{
    if ((c->cert == NULL) != (c->key == NULL)) {
        return sl_error_set(err, SL_E_CONFIG, "cert and key are given together");
    }
    if (!c->tls && (c->ca != NULL || c->cert != NULL)) {
        return sl_error_set(err, SL_E_CONFIG, "ca, cert and key are for TLS: set tls=true");
    }
    if (c->password != NULL && c->username == NULL) {
        return sl_error_set(err, SL_E_CONFIG, "a password needs a username");
    }
    return c->will.topic == NULL ? SL_OK : sli_mqtt_topic_check(sli_text_of(c->will.topic), err);
}

static sl_code fill(sli_mqtt_settings *self, const sli_url *url, const sl_conf *conf,
                    const char *client_id, sl_env *env, sl_error *err)
{
    self->conf = (sli_mqtt_conf){.struct_size = sizeof(sli_mqtt_conf),
                                 .env = env,
                                 .mono_us = sli_env_mono_us,
                                 .version = sl_conf_choice(conf, "version") == 0 ? 5 : 3,
                                 .keepalive_us = sl_conf_int64(conf, "keepalive"),
                                 .tls = sl_conf_bool(conf, "tls"),
                                 .will = {.qos = 1, .retain = sl_conf_bool(conf, "will_retain")}};
    self->connect_us = sl_conf_int64(conf, "connect_timeout");
    SL_TRY(set_place(self, url, err));
    SL_TRY(set_texts(self, conf, client_id, err));
    if (sl_conf_is_set(conf, "password")) {
        sl_text password = sli_text_of(sl_conf_text(conf, "password"));
        SL_TRY(sli_secret_read(env, "password", password, &self->password, err));
        self->conf.password = self->password;
    }
    return check(&self->conf, err);
}

sl_code sli_mqtt_settings_new(sli_mqtt_settings **out, const sli_url *url, const sl_conf *conf,
                              const char *client_id, sl_env *env, sl_error *err)
{
    sli_mqtt_settings *self = sl_alloc_zero(SLI_TAG_CONF, sizeof *self);
    if (self == NULL || (self->arena = sl_arena_new(SLI_TAG_CONF)) == NULL) {
        sl_free(self);
        return sl_error_nomem(err, sizeof *self, "settings of an MQTT client");
    }
    sl_code rc = fill(self, url, conf, client_id, env, err);
    if (rc != SL_OK) {
        sli_mqtt_settings_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_mqtt_settings_free(sli_mqtt_settings *self)
{
    if (self != NULL) {
        sli_secret_free(self->password);
        sl_arena_free(self->arena);
        sl_free(self);
    }
}

sli_mqtt_conf sli_mqtt_conf_of(const sli_mqtt_settings *self)
{
    return self->conf;
}

int64_t sli_mqtt_connect_us(const sli_mqtt_settings *self)
{
    return self->connect_us;
}

const char *sli_mqtt_place(const sli_mqtt_settings *self)
{
    return self->place;
}

const char *sli_mqtt_client_id(const sli_mqtt_settings *self)
{
    return self->conf.client_id;
}

char *sli_mqtt_topic_of(const sli_url *url, sl_arena *arena)
{
    sl_text path = url->path;
    if (path.size > 0 && path.data[0] == '/') {
        path = (sl_text){path.data + 1, path.size - 1};
    }
    return sl_arena_printf(arena, "%.*s", (int)path.size, path.size == 0 ? "" : path.data);
}

sl_code sli_mqtt_load(const sli_mqtt_ops **out, sl_env *env, const char *modules, sl_error *err)
{
    static const sli_module_want want = {.name = "mqtt_mosq",
                                         .abi = SLI_MQTT_ABI,
                                         .why = "mqtt:",
                                         .package = "libsluice-mqtt",
                                         .library = "libmosquitto-dev"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(env, modules, &want, &module, err));
    *out = module->table;
    return SL_OK;
}
