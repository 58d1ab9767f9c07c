/// settings.c — from options to the settings of a client.
#include <stdio.h>

#include "env/module.h"
#include "env/secret.h"
#include "kafka/kafka.h"

enum { MAX_SETTINGS = 512 };

struct sli_kafka_settings {
    sl_env *env;
    sli_kafka_setting items[MAX_SETTINGS]; ///< names and values are owned; the brokers come first
    int32_t n;
};

const sl_option sli_kafka_options[] = {SLI_KAFKA_OPTIONS, {0}};

// ---------------------------------------------------------------- what Sluice sets itself

typedef struct ours {
    const char *name, *instead;
} ours;

static const ours set_by_us[] = {
    {"allow.auto.create.topics", "Sluice makes no topics"},
    {"auto.commit.enable", "Sluice keeps positions in its checkpoint"},
    {"auto.offset.reset", "use the option `start`"},
    {"bootstrap.servers", "use the URL's host and port, and `brokers`"},
    {"delivery.report.only.error", "Sluice needs it on"},
    {"enable.auto.commit", "Sluice keeps positions in its checkpoint"},
    {"enable.auto.offset.store", "Sluice keeps positions in its checkpoint"},
    {"enable.idempotence", "Sluice needs it on"},
    {"enable.partition.eof", "Sluice needs it on"},
    {"group.id", "use the option `group`, which is for lag alone"},
    {"group.instance.id", "Sluice is in no group"},
    {"isolation.level", "use the option `isolation`"},
    {"log.queue", "Sluice needs it on"},
    {"metadata.broker.list", "use the URL's host and port, and `brokers`"},
    {"plugin.library.paths", "Sluice loads no code of others"},
    {"queued.max.messages.kbytes", "use the option `ahead`"},
    {"queued.min.messages", "use the option `ahead`"},
    {"transaction.timeout.ms", "use the option `transaction_timeout`"},
    {"transactional.id", "Sluice makes it from the job's id"},
};

static const char *instead_of(const char *name)
{
    for (size_t i = 0; i < sizeof set_by_us / sizeof set_by_us[0]; i++) {
        if (strcmp(set_by_us[i].name, name) == 0) {
            return set_by_us[i].instead;
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- making

static sl_code read_value(sl_env *env, const char *name, sl_text value, bool secret, char **out,
                          sl_error *err)
{
    if (secret) {
        return sli_secret_read(env, name, value, out, err);
    }
    *out = sl_strndup(SLI_TAG_CONF, value.size == 0 ? "" : value.data, value.size);
    return *out == NULL ? sl_error_nomem(err, value.size, "a setting") : SL_OK;
}

static sl_code add(sli_kafka_settings *self, const char *name, SL_TAKES char *value, bool secret,
                   sl_error *err)
{
    char *copy = sl_strdup(SLI_TAG_CONF, name);
    if (self->n == MAX_SETTINGS || copy == NULL) {
        sli_secret_free(value);
        sl_free(copy);
        return copy == NULL ? sl_error_nomem(err, strlen(name), "a setting")
                            : sl_error_set(err, SL_E_CONFIG, "more than %d settings `kafka.`",
                                           MAX_SETTINGS - 1);
    }
    self->items[self->n++] = (sli_kafka_setting){copy, value, secret};
    return SL_OK;
}

static sl_code add_member(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    sli_kafka_settings *self = ctx;
    char name[160], full[168];
    (void)snprintf(name, sizeof name, "%.*s", (int)key.size, key.data);
    (void)snprintf(full, sizeof full, "kafka.%s", name);
    const char *instead = instead_of(name);
    if (instead != NULL) {
        return sl_error_set(err, SL_E_CONFIG, "kafka.%s is not the user's to set: %s", name,
                            instead);
    }
    char *text = NULL;
    bool secret = sl_option_is_secret(&sli_kafka_options[1], sli_text_of(full));
    SL_TRY(read_value(self->env, full, value, secret, &text, err));
    return add(self, name, text, secret, err);
}

/// "host:port,host:port"
static sl_code find_brokers(sli_kafka_settings *self, const sli_url *url, const sl_conf *conf,
                            sl_error *err)
{
    const char *more = sl_conf_text(conf, "brokers");
    sli_str text = {.tag = SLI_TAG_CONF};
    if (url->host.size > 0) {
        bool six = memchr(url->host.data, ':', url->host.size) != NULL; // an IPv6 address
        sli_str_printf(&text, six ? "[%.*s]:%d" : "%.*s:%d", (int)url->host.size, url->host.data,
                       url->port < 0 ? 9092 : (int)url->port);
    }
    if (more != NULL && *more != '\0') {
        sli_str_printf(&text, "%s%s", text.size == 0 ? "" : ",", more);
    }
    sl_code rc = sli_str_check(&text, "brokers", err);
    if (rc == SL_OK && text.size == 0) {
        rc = sl_error_set(err, SL_E_CONFIG,
                          "no broker: name one in the URL, as kafka://localhost:9092/TOPIC");
    }
    if (rc == SL_OK) {
        char *value = sl_strdup(SLI_TAG_CONF, text.data);
        rc = value == NULL ? sl_error_nomem(err, text.size, "brokers")
                           : add(self, "bootstrap.servers", value, false, err);
    }
    sli_str_reset(&text);
    return rc;
}

sl_code sli_kafka_settings_new(sli_kafka_settings **out, const sli_url *url, const sl_conf *conf,
                               sl_env *env, sl_error *err)
{
    sli_kafka_settings *self = sl_alloc_zero(SLI_TAG_CONF, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "settings");
    }
    self->env = env;
    sl_code rc = find_brokers(self, url, conf, err);
    if (rc == SL_OK) {
        rc = sl_conf_each(conf, "kafka.", add_member, self, err);
    }
    if (rc != SL_OK) {
        sli_kafka_settings_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_kafka_settings_free(sli_kafka_settings *self)
{
    if (self == NULL) {
        return;
    }
    for (int32_t i = 0; i < self->n; i++) {
        char *value = (char *)(uintptr_t)self->items[i].value;
        sl_free((char *)(uintptr_t)self->items[i].name);
        sli_secret_free(value);
    }
    sl_free(self);
}

sli_kafka_conf sli_kafka_conf_of(const sli_kafka_settings *self)
{
    return (sli_kafka_conf){.struct_size = sizeof(sli_kafka_conf),
                            .settings = self->items,
                            .n_settings = self->n,
                            .env = self->env,
                            .mono_us = sli_env_mono_us};
}

const char *sli_kafka_brokers(const sli_kafka_settings *self)
{
    return self->items[0].value;
}

// ---------------------------------------------------------------- the client's table

enum { MAX_NAMES = 1024 };

typedef struct known {
    sl_arena *arena;
    const char *names[MAX_NAMES + 1]; ///< the client's own, NULL-ended, in the arena
    int32_t n;
} known;

static void note_name(void *ctx, const char *name)
{
    known *k = ctx;
    const char *copy = k->n < MAX_NAMES ? sl_arena_strdup(k->arena, name) : NULL;
    if (copy != NULL) {
        k->names[k->n++] = copy;
    }
}

static bool is_known(const known *k, const char *name)
{
    for (int32_t i = 0; i < k->n; i++) {
        if (strcmp(k->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static sl_code compare_names(const known *k, const sli_kafka_settings *settings, sl_error *err)
{
    for (int32_t i = 0; i < settings->n; i++) {
        const char *name = settings->items[i].name;
        if (!is_known(k, name)) {
            const char *near = sli_nearest(name, k->names);
            return sl_error_set(err, SL_E_CONFIG, "unknown setting kafka.%s%s%s%s", name,
                                near == NULL ? ": librdkafka's CONFIGURATION.md lists all"
                                             : "; did you mean kafka.",
                                near == NULL ? "" : near, near == NULL ? "" : "?");
        }
    }
    return SL_OK;
}

static sl_code check_names(const sli_kafka_ops *ops, const sli_kafka_settings *settings,
                           sl_error *err)
{
    known k = {.arena = sl_arena_new(SLI_TAG_CONF)};
    if (k.arena == NULL) {
        return sl_error_nomem(err, 0, "names of settings");
    }
    ops->names(note_name, &k);
    sl_code rc = compare_names(&k, settings, err);
    sl_arena_free(k.arena);
    return rc;
}

sl_code sli_kafka_load(const sli_kafka_ops **out, const sli_kafka_settings *settings,
                       const char *modules, sl_error *err)
{
    static const sli_module_want want = {.name = "kafka_rd",
                                         .abi = SLI_KAFKA_ABI,
                                         .why = "kafka:",
                                         .package = "libsluice-kafka",
                                         .library = "librdkafka-dev"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(settings->env, modules, &want, &module, err));
    SL_TRY(check_names(module->table, settings, err));
    *out = module->table;
    return SL_OK;
}
