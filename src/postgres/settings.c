// settings.c — from a URL and options to the parameters of a connection.
//
//     postgres://USER@HOST:PORT/DATABASE/TABLE?password=env:PGPASSWORD&postgres.sslrootcert=ca.pem
//
// A parameter has one place: what the URL or an option of ours names can't be given again as
// `postgres.NAME`.
#include <stdio.h>

#include "env/module.h"
#include "env/secret.h"
#include "postgres/postgres.h"

enum { MAX_SETTINGS = 64 };

struct sli_pg_settings {
    sl_env *env;
    sli_pg_setting items[MAX_SETTINGS]; ///< names and values are owned
    int32_t n;
};

const sl_option sli_pg_options[] = {SLI_PG_OPTIONS, {0}};

/// What Sluice sets itself, and what to do instead.
static const struct ours {
    const char *name, *instead;
} set_by_us[] = {
    {"application_name", "Sluice names its sessions, so that a later one can end them"},
    {"client_encoding", "Sluice's texts are UTF-8"},
    {"connect_timeout", "use the option `timeout`"},
    {"dbname", "it is the first part of the URL's path"},
    {"replication", "Sluice runs statements"},
};

static sl_code add(sli_pg_settings *self, const char *name, SL_TAKES char *value, bool secret,
                   sl_error *err)
{
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < self->n; i++) {
        if (strcmp(self->items[i].name, name) == 0) {
            rc = sl_error_set(err, SL_E_CONFIG,
                              "postgres.%s is given already, by the URL or an "
                              "option",
                              name);
        }
    }
    if (rc == SL_OK && self->n == MAX_SETTINGS) {
        rc = sl_error_set(err, SL_E_CONFIG, "more than %d settings `postgres.`", MAX_SETTINGS);
    }
    char *copy = rc == SL_OK ? sl_strdup(SLI_TAG_CONF, name) : NULL;
    if (copy == NULL) {
        sli_secret_free(value);
        return rc != SL_OK ? rc : sl_error_nomem(err, strlen(name), "a setting");
    }
    self->items[self->n++] = (sli_pg_setting){copy, value, secret};
    return SL_OK;
}

static sl_code add_text(sli_pg_settings *self, const char *name, sl_text value, sl_error *err)
{
    char *copy = sl_strndup(SLI_TAG_CONF, value.size == 0 ? "" : value.data, value.size);
    return copy == NULL ? sl_error_nomem(err, value.size, "a setting")
                        : add(self, name, copy, false, err);
}

static sl_code add_secret(sli_pg_settings *self, const char *name, const char *shown, sl_text value,
                          sl_error *err)
{
    char *secret = NULL;
    SL_TRY(sli_secret_read(self->env, shown, value, &secret, err));
    return add(self, name, secret, true, err);
}

static sl_code add_member(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    sli_pg_settings *self = ctx;
    char name[160], full[176];
    (void)snprintf(name, sizeof name, "%.*s", (int)key.size, key.data);
    (void)snprintf(full, sizeof full, "postgres.%s", name);
    for (size_t i = 0; i < sizeof set_by_us / sizeof *set_by_us; i++) {
        if (strcmp(set_by_us[i].name, name) == 0) {
            return sl_error_set(err, SL_E_CONFIG, "%s is not the user's to set: %s", full,
                                set_by_us[i].instead);
        }
    }
    return strstr(name, "password") != NULL ? add_secret(self, name, full, value, err)
                                            : add_text(self, name, value, err);
}

// ---------------------------------------------------------------- the URL

/// The path as its parts: "/DATABASE/TABLE", where either may be empty.
static sl_code split_path(const sli_url *url, sl_text *database, sl_text *table, sl_error *err)
{
    sl_text path = url->path;
    if (path.size > 0 && path.data[0] == '/') {
        path = (sl_text){path.data + 1, path.size - 1};
    }
    const char *slash = path.size == 0 ? NULL : memchr(path.data, '/', path.size);
    *database = slash == NULL ? path : (sl_text){path.data, (size_t)(slash - path.data)};
    *table = slash == NULL ? (sl_text){path.data + path.size, 0}
                           : (sl_text){slash + 1, path.size - database->size - 1};
    return table->size > 0 && memchr(table->data, '/', table->size) != NULL
               ? sl_error_set(err, SL_E_CONFIG,
                              "one table is expected: \"postgres://HOST/DATABASE/TABLE\"")
               : SL_OK;
}

sl_code sli_pg_table_of(const sli_url *url, sl_arena *arena, const char **schema,
                        const char **table, sl_error *err)
{
    sl_text database, name;
    SL_TRY(split_path(url, &database, &name, err));
    const char *dot = name.size == 0 ? NULL : memchr(name.data, '.', name.size);
    sl_text before = {name.data, dot == NULL ? 0 : (size_t)(dot - name.data)};
    sl_text behind = dot == NULL ? name : (sl_text){dot + 1, name.size - before.size - 1};
    if (dot != NULL && (before.size == 0 || behind.size == 0)) {
        return sl_error_set(err, SL_E_CONFIG, "a table is TABLE or SCHEMA.TABLE, not \"%.*s\"",
                            (int)name.size, name.data);
    }
    const char *first = sl_arena_printf(arena, "%.*s", (int)before.size, before.data);
    const char *second = sl_arena_printf(arena, "%.*s", (int)behind.size, behind.data);
    if (first == NULL || second == NULL) {
        return sl_error_nomem(err, name.size, "a table's name");
    }
    *schema = dot == NULL ? NULL : first;
    *table = second;
    return SL_OK;
}

static sl_code add_place(sli_pg_settings *self, const sli_url *url, sl_error *err)
{
    sl_text database, table;
    char port[16];
    SL_TRY(split_path(url, &database, &table, err));
    SL_TRY(url->user.size == 0 ? SL_OK : add_text(self, "user", url->user, err));
    SL_TRY(url->host.size == 0 ? SL_OK : add_text(self, "host", url->host, err));
    SL_TRY(database.size == 0 ? SL_OK : add_text(self, "dbname", database, err));
    (void)snprintf(port, sizeof port, "%d", (int)url->port);
    return url->port < 0 ? SL_OK : add_text(self, "port", sli_text_of(port), err);
}

static sl_code add_options(sli_pg_settings *self, const sl_conf *conf, sl_error *err)
{
    static const char *const plain[] = {"user", "sslmode"};
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++) {
        if (sl_conf_is_set(conf, plain[i])) {
            SL_TRY(add_text(self, plain[i], sli_text_of(sl_conf_text(conf, plain[i])), err));
        }
    }
    if (sl_conf_is_set(conf, "password")) {
        SL_TRY(add_secret(self, "password", "password", sli_text_of(sl_conf_text(conf, "password")),
                          err));
    }
    return sl_conf_each(conf, "postgres.", add_member, self, err);
}

sl_code sli_pg_settings_new(sli_pg_settings **out, const sli_url *url, const sl_conf *conf,
                            sl_env *env, sl_error *err)
{
    sli_pg_settings *self = sl_alloc_zero(SLI_TAG_CONF, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "settings");
    }
    self->env = env;
    sl_code rc = add_place(self, url, err);
    rc = rc == SL_OK ? add_options(self, conf, err) : rc;
    if (rc != SL_OK) {
        sli_pg_settings_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_pg_settings_free(sli_pg_settings *self)
{
    if (self == NULL) {
        return;
    }
    for (int32_t i = 0; i < self->n; i++) {
        sl_free((char *)(uintptr_t)self->items[i].name);
        sli_secret_free((char *)(uintptr_t)self->items[i].value);
    }
    sl_free(self);
}

sli_pg_conf sli_pg_conf_of(const sli_pg_settings *self)
{
    return (sli_pg_conf){.struct_size = sizeof(sli_pg_conf),
                         .settings = self->items,
                         .n_settings = self->n,
                         .env = self->env,
                         .mono_us = sli_env_mono_us,
                         .session = "sluice"};
}

// ---------------------------------------------------------------- the client's table

enum { MAX_NAMES = 256 };

/// The client's own names, NULL-ended.
typedef struct known {
    sl_arena *arena;
    const char *names[MAX_NAMES + 1];
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

static sl_code check_name(const known *k, const char *name, sl_error *err)
{
    for (int32_t i = 0; i < k->n; i++) {
        if (strcmp(k->names[i], name) == 0) {
            return SL_OK;
        }
    }
    const char *near = sli_nearest(name, k->names);
    return sl_error_set(err, SL_E_CONFIG, "unknown setting postgres.%s%s%s%s", name,
                        near == NULL ? ": libpq's manual, \"Parameter Key Words\", lists all"
                                     : "; did you mean postgres.",
                        near == NULL ? "" : near, near == NULL ? "" : "?");
}

sl_code sli_pg_load(const sli_pg_ops **out, const sli_pg_settings *settings, const char *modules,
                    sl_error *err)
{
    static const sli_module_want want = {.name = "postgres_pq",
                                         .abi = SLI_PG_ABI,
                                         .why = "postgres:",
                                         .package = "libsluice-postgres",
                                         .library = "libpq-dev"};
    const sli_module *module = NULL;
    SL_TRY(sli_module_load(settings->env, modules, &want, &module, err));
    const sli_pg_ops *ops = module->table;
    known k = {.arena = sl_arena_new(SLI_TAG_CONF)};
    if (k.arena == NULL) {
        return sl_error_nomem(err, 0, "names of settings");
    }
    ops->names(note_name, &k);
    sl_code rc = SL_OK;
    for (int32_t i = 0; rc == SL_OK && i < settings->n; i++) {
        rc = check_name(&k, settings->items[i].name, err);
    }
    sl_arena_free(k.arena);
    *out = rc == SL_OK ? ops : *out;
    return rc;
}
