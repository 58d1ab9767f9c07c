/// connect.c — the HTTP client whose servers are a simulated HDFS: which server is meant, whether
/// it is there, and what becomes of a connection.
#include "fs/hdfs/sim/hsim_int.h"

struct sli_http {
    sli_hdfs_cluster *cluster;
    sl_env *env;
    int64_t stall_us;
    const _Atomic int64_t *end_us;
};

struct sli_http_call {
    sli_http *self;
    hsim_request request;
    bool anonymous;
    char host[16];
    size_t at, breaks_at; ///< of the answer; SIZE_MAX: it comes whole
};

static sl_code sim_open(sli_http **out, const sli_http_conf *conf, sl_error *err)
{
    const sli_module *module = sli_world_module_of(conf->env, "http_curl");
    SL_ASSERT(module != NULL, "a simulated client is opened in a world without a cluster");
    sli_http *self = sl_alloc_zero(SLI_TAG_ENV, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "a simulated client");
    }
    self->cluster = (sli_hdfs_cluster *)(uintptr_t)module;
    self->env = conf->env;
    self->stall_us = conf->stall_us;
    self->end_us = conf->end_us;
    *out = self;
    return SL_OK;
}

static void sim_close(sli_http *self)
{
    sl_free(self);
}

// ---------------------------------------------------------------- a server that says nothing

/// The end of a wait, which may come nearer: whoever waits looks again.
static int64_t end_of(const sli_http *self, int64_t deadline_us)
{
    int64_t end = self->end_us == NULL
                      ? SLI_FOREVER
                      : atomic_load_explicit(self->end_us, memory_order_relaxed); // the time alone
    return end < deadline_us ? end : deadline_us;
}

static sl_code wait_for(const sli_http_call *call, sli_signal *never, int64_t deadline_us,
                        sl_error *err)
{
    enum { LOOK_US = 1000000 };
    const sli_hdfs_cluster *cluster = call->self->cluster;
    for (;;) {
        int64_t now = sli_world_mono_us(cluster->world), end = end_of(call->self, deadline_us);
        if (cluster->muted == NULL || strcmp(call->host, cluster->muted) != 0 ||
            now >= cluster->mute_until_us) {
            return SL_OK;
        }
        if (now >= end) {
            return sl_error_set(err, SL_E_TIMEOUT, "http: no answer in time");
        }
        int64_t next = cluster->mute_until_us < end ? cluster->mute_until_us : end;
        sl_code rc = sli_signal_wait(never, next < now + LOOK_US ? next : now + LOOK_US, err);
        if (rc != SL_E_TIMEOUT) {
            return rc;
        }
    }
}

/// Until the server says something.
static sl_code await_answer(const sli_http_call *call, int64_t deadline_us, sl_error *err)
{
    sli_signal *never = sli_signal_new(call->self->env);
    if (never == NULL) {
        return sl_error_nomem(err, 0, "what a simulated request waits for");
    }
    sl_code rc = wait_for(call, never, deadline_us, err);
    sli_signal_free(never);
    return rc;
}

static void note_host(sli_http_call *call, const char *url)
{
    const char *host = url + strlen("http://");
    size_t n = strcspn(host, ":/");
    n = n < sizeof call->host ? n : sizeof call->host - 1;
    memcpy(call->host, host, n); // the rest is zero
}

// ---------------------------------------------------------------- servers

static sl_code no_connection(const char *url, sl_error *err)
{
    return sl_error_set(err, SL_E_IO, "http: %.*s: connection refused", (int)strcspn(url, "?"),
                        url);
}

/// Whether the server that a URL names answers at all, and as what.
static sl_code find_server(sli_hdfs_cluster *cluster, sli_http_call *call, const char *url,
                           sl_error *err)
{
    int64_t now = sli_world_mono_us(cluster->world);
    bool first = strncmp(url, "http://nn1:9870/", 16) == 0;
    bool second = strncmp(url, "http://nn2:9870/", 16) == 0;
    call->request.to_datanode = strncmp(url, "http://dn", 9) == 0;
    if (call->request.to_datanode) {
        cluster->n_shown += call->anonymous ? 0 : 1;
        return cluster->datanode_away && strncmp(url, "http://dn1:", 11) == 0
                   ? no_connection(url, err)
                   : SL_OK;
    }
    bool is_away = now < cluster->away_until_us && first == (cluster->active == 0);
    return (first || second) && !is_away ? SL_OK : no_connection(url, err);
}

/// With Kerberos a NameNode on standby can't check a token, and says that it does not know us.
static void stand_by(const sli_hdfs_cluster *cluster, hsim_request *r)
{
    r->status = 403;
    sli_str_printf(&r->answer, "{\"RemoteException\":{\"exception\":\"%s\",\"message\":\"%s\"}}",
                   cluster->is_secure ? "SecurityException" : "StandbyException",
                   cluster->is_secure
                       ? "Failed to obtain user group information: "
                         "org.apache.hadoop.security.token.SecretManager$InvalidToken: "
                         "StandbyException"
                       : "Operation category READ is not supported in state standby");
}

/// A NameNode names the DataNode for data: dn1, or dn2 when dn1 is not to be named.
static void redirect(hsim_request *r, const char *url)
{
    const char *rest = strstr(url, "/webhdfs/");
    bool second = strstr(url, "excludedatanodes=dn1") != NULL;
    sli_str_printf(&r->location, "http://dn%d:9864%s", second ? 2 : 1, rest);
}

static bool is_lost(sli_hdfs_cluster *cluster, bool *done)
{
    cluster->n_requests++;
    bool here = cluster->n_requests == cluster->lose_at;
    double drawn = (double)(sli_rng_next(&cluster->rng) >> 11) / 9007199254740992.0;
    *done = here ? cluster->lose_done : (sli_rng_next(&cluster->rng) & 1) != 0;
    return here || drawn < cluster->lose_chance;
}

static sl_code serve(sli_http_call *call, const char *url, sl_error *err)
{
    sli_hdfs_cluster *cluster = call->self->cluster;
    hsim_request *r = &call->request;
    bool done = false, lost = is_lost(cluster, &done);
    bool standby =
        !r->to_datanode && (strncmp(url, "http://nn1", 10) == 0) != (cluster->active == 0);
    if (!sli_hsim_parse(r, url)) {
        return sl_error_set(err, SL_E_IO, "http: %s: no such page", url);
    }
    if (lost && !done) {
        return sl_error_set(err, SL_E_IO, "http: the connection was lost");
    }
    if (standby) {
        stand_by(cluster, r);
    } else {
        sli_hsim_answer(cluster, r);
    }
    if (r->status == 307) {
        redirect(r, url);
    }
    lost = lost || r->answer.failed || r->location.failed; // no memory: so it goes down
    if (lost && r->is_data && r->answer.size > 1) {
        call->breaks_at = r->answer.size / 2;
        return SL_OK;
    }
    return lost ? sl_error_set(err, SL_E_IO, "http: the connection was lost") : SL_OK;
}

static void sim_end(sli_http_call **call)
{
    if (*call != NULL) {
        sli_hsim_request_reset(&(*call)->request);
        sl_free(*call);
        *call = NULL;
    }
}

static sl_code sim_begin(sli_http *self, const sli_http_request *request, sli_http_call **out,
                         sli_http_answer *answer, sl_error *err)
{
    sli_http_call *call = sl_alloc_zero(SLI_TAG_ENV, sizeof *call);
    if (call == NULL) {
        return sl_error_nomem(err, sizeof *call, "a simulated request");
    }
    call->self = self;
    call->breaks_at = SIZE_MAX;
    call->request.method = request->method;
    call->request.body = request->body;
    call->anonymous = request->anonymous;
    sl_code rc = sli_world_is_dead(self->env)
                     ? sl_error_set(err, SL_E_CRASHED, "the simulated process is dead")
                     : find_server(self->cluster, call, request->url, err);
    if (rc == SL_OK) {
        note_host(call, request->url);
        rc = await_answer(call, request->deadline_us, err);
    }
    rc = rc == SL_OK ? serve(call, request->url, err) : rc;
    if (rc != SL_OK) {
        sim_end(&call);
        return rc;
    }
    *answer =
        (sli_http_answer){.status = call->request.status, .location = call->request.location.data};
    *out = call;
    return SL_OK;
}

static sl_code sim_read(sli_http_call *call, void *out, size_t size, size_t *n, sl_error *err)
{
    SL_TRY(await_answer(call, sli_world_mono_us(call->self->cluster->world) + call->self->stall_us,
                        err));
    size_t whole = call->request.answer.size;
    size_t end = call->breaks_at < whole ? call->breaks_at : whole;
    size_t left = end - call->at, some = size < left ? size : left;
    if (some < size && end < whole) {
        return sl_error_set(err, SL_E_IO, "http: the connection was lost before the body's end");
    }
    if (some > 0) {
        memcpy(out, call->request.answer.data + call->at, some);
    }
    call->at += some;
    *n = some;
    return SL_OK;
}

const sli_http_ops sli_hsim_http = {
    .struct_size = sizeof(sli_http_ops),
    .open = sim_open,
    .close = sim_close,
    .begin = sim_begin,
    .read = sim_read,
    .end = sim_end,
};
