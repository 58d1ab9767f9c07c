/// hdfs.c — HDFS as a file system: the settings, and the table.
///
/// WebHDFS, the REST interface that every NameNode has, in place of Hadoop's own protocol: so no
/// JVM and no Hadoop on this side. It holds no state but connections, so any thread may call at any
/// time.
#include "fs/hdfs/hdfs_int.h"

#include "env/secret.h"
#include "fs/hdfs/hdfs.h"

enum {
    DEFAULT_PORT = 9870,
    DEFAULT_TLS_PORT = 9871,
    CONNECT_US = 10000000,
    STALL_US = 30000000, ///< a DataNode that sends nothing for so long is given up
};

static const sl_option options[] = {SLI_HDFS_OPTIONS, {0}};

// ---------------------------------------------------------------- addresses

static sl_code add_namenode(hdfs *self, const char *scheme, const char *address, sl_error *err)
{
    if (self->n_namenodes == HDFS_MAX_NAMENODES) {
        return sl_error_set(err, SL_E_CONFIG, "more than %d NameNodes", HDFS_MAX_NAMENODES);
    }
    char *base = sl_arena_printf(self->arena, "%s://%s", scheme, address);
    if (base == NULL) {
        return sl_error_nomem(err, strlen(address), "a NameNode's address");
    }
    self->namenodes[self->n_namenodes++] = base;
    return SL_OK;
}

static sl_code add_further(hdfs *self, const char *scheme, const char *list, sl_error *err)
{
    for (const char *at = list; at != NULL && *at != '\0';) {
        size_t n = strcspn(at, ",");
        const char *address = sl_arena_printf(self->arena, "%.*s", (int)n, at);
        if (address == NULL) {
            return sl_error_nomem(err, n, "a NameNode's address");
        }
        if (n == 0 || strchr(address, ':') == NULL) {
            return sl_error_set(err, SL_E_CONFIG, "namenodes=%s: host:port,host:port is expected",
                                list);
        }
        SL_TRY(add_namenode(self, scheme, address, err));
        at += n + (at[n] == ',' ? 1 : 0);
    }
    return SL_OK;
}

static sl_code find_namenodes(hdfs *self, const sli_fs_where *where, sl_error *err)
{
    const sli_url *url = where->url;
    bool tls = sl_conf_bool(where->conf, "tls");
    if (url == NULL || url->host.size == 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "the NameNode's HTTP address is missing: hdfs://HOST:9870/DIR");
    }
    bool six = memchr(url->host.data, ':', url->host.size) != NULL; // an IPv6 address
    int32_t port = url->port >= 0 ? url->port : tls ? DEFAULT_TLS_PORT : DEFAULT_PORT;
    const char *address = sl_arena_printf(self->arena, six ? "[%.*s]:%d" : "%.*s:%d",
                                          (int)url->host.size, url->host.data, (int)port);
    if (address == NULL) {
        return sl_error_nomem(err, url->host.size, "a NameNode's address");
    }
    const char *scheme = tls ? "https" : "http";
    SL_TRY(add_namenode(self, scheme, address, err));
    return add_further(self, scheme, sl_conf_text(where->conf, "namenodes"), err);
}

// ---------------------------------------------------------------- who asks

/// A secret option's value; NULL when it isn't set.
static sl_code read_secret(const sli_fs_where *where, const char *name, char **out, sl_error *err)
{
    const char *value = sl_conf_text(where->conf, name);
    *out = NULL;
    return value == NULL ? SL_OK : sli_secret_read(where->env, name, sli_text_of(value), out, err);
}

static const char *user_of(const sli_fs_where *where)
{
    const char *user = sl_conf_text(where->conf, "user");
    user = user != NULL ? user : sli_env_variable(where->env, "HADOOP_USER_NAME");
    return user != NULL ? user : sli_env_variable(where->env, "USER");
}

static sl_code name_who(hdfs *self, const sli_fs_where *where, sl_error *err)
{
    char *token = NULL;
    const char *user = user_of(where);
    SL_TRY(read_secret(where, "token", &token, err));
    if (token != NULL) {
        sli_str_text(&self->who, "&delegation=");
        sli_http_escape(&self->who, token, "");
    } else if (user != NULL && !sl_conf_bool(where->conf, "negotiate")) {
        sli_str_text(&self->who, "&user.name=");
        sli_http_escape(&self->who, user, "");
    }
    sli_secret_free(token);
    return sli_str_check(&self->who, "who asks", err);
}

// ---------------------------------------------------------------- opening

static sl_code open_client(hdfs *self, const sli_fs_where *where, sl_error *err)
{
    const sl_conf *conf = where->conf;
    char *password = NULL, *key_password = NULL;
    bool brief = self->answer_us < STALL_US;
    sli_http_conf http = {.struct_size = sizeof http,
                          .env = where->env,
                          .mono_us = sli_env_mono_us,
                          .negotiate = sl_conf_bool(conf, "negotiate"),
                          .ca = sl_conf_text(conf, "tls.ca"),
                          .cert = sl_conf_text(conf, "tls.cert"),
                          .key = sl_conf_text(conf, "tls.key"),
                          .connect_us = CONNECT_US,
                          .stall_us = brief ? self->answer_us : STALL_US,
                          .end_us = where->end_us};
    SL_TRY(sli_http_load(&http.inner, where->env, where->modules, "hdfs:", err));
    sl_code rc = read_secret(where, "password", &password, err);
    rc = rc == SL_OK ? read_secret(where, "tls.key_password", &key_password, err) : rc;
    if (rc == SL_OK) {
        http.password = password;
        http.user = password == NULL ? NULL : user_of(where);
        http.key_password = key_password;
        rc = sli_http_gate.open(&self->client, &http, err);
    }
    sli_secret_free(password);
    sli_secret_free(key_password);
    return rc;
}

static void hdfs_close(sli_fs *fs)
{
    hdfs *self = hdfs_of(fs);
    sli_http_gate.close(self->client);
    if (self->who.data != NULL) {
        explicit_bzero(self->who.data, self->who.size);
    }
    sli_str_reset(&self->who);
    sl_arena_free(self->arena);
    sl_free(self);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/// Once the NameNodes are known.
static void read_times(hdfs *self, const sli_fs_where *where)
{
    int64_t retry_us = sl_conf_int64(where->conf, "retry_timeout");
    self->answer_us = least(sl_conf_int64(where->conf, "answer_timeout"), retry_us);
    self->turn_us = least(self->answer_us, retry_us / self->n_namenodes);
    self->retry_us = where->retry_us > 0 ? least(where->retry_us, retry_us) : retry_us;
    self->end_us = where->end_us;
}

static sl_code hdfs_open(sli_fs **out, const sli_fs_where *where, sl_error *err)
{
    hdfs *self = sl_alloc_zero(SLI_TAG_FS, sizeof *self);
    if (self == NULL || (self->arena = sl_arena_new(SLI_TAG_FS)) == NULL) {
        sl_free(self);
        return sl_error_nomem(err, sizeof *self, "file system");
    }
    self->fs.ops = &sli_fs_hdfs;
    self->env = where->env;
    self->who.tag = SLI_TAG_FS;
    self->piece_bytes = sl_conf_int64(where->conf, "piece");
    sl_code rc = find_namenodes(self, where, err);
    rc = rc == SL_OK ? name_who(self, where, err) : rc;
    if (rc == SL_OK) {
        read_times(self, where);
        rc = open_client(self, where, err);
    }
    if (rc != SL_OK) {
        hdfs_close(&self->fs);
        return rc;
    }
    *out = &self->fs;
    return SL_OK;
}

// ---------------------------------------------------------------- the table

const sli_fs_ops sli_fs_hdfs = {
    .struct_size = sizeof(sli_fs_ops),
    .scheme = "hdfs",
    .abilities = SLI_FS_RENAME_KEEPS | SLI_FS_SHOWS_WHOLE,
    .options = options,
    .open = hdfs_open,
    .list = hdfs_list,
    .stat = hdfs_stat,
    .read = hdfs_read,
    .mkdirs = hdfs_mkdirs,
    .create = hdfs_create,
    .write = hdfs_write,
    .seal = hdfs_seal,
    .discard = hdfs_discard,
    .rename = hdfs_rename,
    .sync_dir = hdfs_sync_dir,
    .remove = hdfs_remove,
    .close = hdfs_close,
    .reader_open = hdfs_reader_open,
    .reader_next = hdfs_reader_next,
    .reader_close = hdfs_reader_close,
};
