/// door.c — a door: its settings, who is let in, what is counted.
#include <errno.h>
#include <stdio.h>

#include "env/secret.h"
#include "net/net_int.h"

enum { MOST_ACCEPTED = 64 }; ///< in one turn of the loop

const sl_option sli_net_options[] = {SLI_NET_OPTIONS, {0}};

static const sli_metric_info opened = {"sluice_net_open", SLI_GAUGE, "source", "connections",
                                       "Connections to a listening source now."};
static const sli_metric_info accepted = {"sluice_net_accepted_total", SLI_COUNTER, "source",
                                         "connections", "Connections that came."};
static const sli_metric_info closed = {"sluice_net_closed_total", SLI_COUNTER, "source,reason",
                                       "connections", "Connections that ended, by reason."};
static const char *const reasons[SLI_NET_N_ENDS] = {"ended",     "refused", "timeout", "malformed",
                                                    "too_large", "crowded", "failed"};

// ---------------------------------------------------------------- opening

static void read_options(sli_net *net, const sl_conf *options)
{
    net->max_connections = (int32_t)sl_conf_int64(options, "max_connections");
    net->idle_us = sl_conf_int64(options, "idle_timeout");
    net->frame_timeout_us = sl_conf_int64(options, "frame_timeout");
    net->handshake_us = sl_conf_int64(options, "handshake_timeout");
    net->max_frame = sl_conf_int64(options, "max_frame");
    net->max_buffered = sl_conf_int64(options, "max_buffered");
}

static sl_code set_place(sli_net *net, const char *host, size_t size, int32_t port, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_SOURCE};
    bool six = memchr(host, ':', size) != NULL;
    sli_str_printf(&text, six ? "[%.*s]:%d" : "%.*s:%d", (int)size, host, port);
    sl_free(net->place);
    net->place = sli_str_take(&text);
    net->port = port;
    return net->place == NULL ? sl_error_nomem(err, size, "an address") : SL_OK;
}

static sl_code read_address(sli_net *net, const sli_url *url, sl_error *err)
{
    sl_text host = url->host.size == 0 ? sli_text_of("localhost") : url->host;
    if (url->port < 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a port to listen on is expected, as in %s://localhost:9999",
                            net->conf.protocol->name);
    }
    net->host = sl_strndup(SLI_TAG_SOURCE, host.data, host.size);
    return net->host == NULL ? sl_error_nomem(err, host.size, "an address")
                             : set_place(net, host.data, host.size, url->port, err);
}

static sl_code read_secret(sli_net *net, const sl_conf *options, sl_error *err)
{
    const char *secret = sl_conf_text(options, "secret");
    return secret == NULL
               ? SL_OK
               : sli_secret_read(net->conf.env, "secret", sli_text_of(secret), &net->secret, err);
}

static sl_code read_tls(sli_net *net, const sl_conf *options, sl_error *err)
{
    const char *cert = sl_conf_text(options, "tls.cert"), *key = sl_conf_text(options, "tls.key"),
               *ca = sl_conf_text(options, "tls.ca");
    if (cert == NULL && key == NULL && ca == NULL) {
        return SL_OK;
    }
    if (cert == NULL || key == NULL) {
        return sl_error_set(err, SL_E_CONFIG, "TLS needs both tls.cert and tls.key; %s is missing",
                            cert == NULL ? "tls.cert" : "tls.key");
    }
    SL_TRY(sli_tls_load(&net->tls, net->conf.env, net->conf.modules, err));
    return sli_tls_side_of_files(&net->side, net->tls, net->conf.env, true, cert, key, ca, err);
}

static void find_series(sli_net *net)
{
    if (net->conf.metrics == NULL) {
        return;
    }
    net->open = sli_metrics_series(net->conf.metrics, &opened, net->conf.uid);
    net->accepted = sli_metrics_series(net->conf.metrics, &accepted, net->conf.uid);
    for (int32_t i = 0; i < SLI_NET_N_ENDS; i++) {
        char label[256];
        (void)snprintf(label, sizeof label, "%s" SLI_METRIC_APART "%s", net->conf.uid, reasons[i]);
        net->closed[i] = sli_metrics_series(net->conf.metrics, &closed, label);
    }
}

sl_code sli_net_open(sli_net **out, const sli_net_conf *conf, const sli_url *url,
                     const sl_conf *options, sl_error *err)
{
    sli_net *net = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *net);
    if (net == NULL) {
        return sl_error_nomem(err, sizeof *net, "a door");
    }
    net->conf = *conf;
    net->timer_us = net->look_us = SLI_FOREVER;
    read_options(net, options);
    find_series(net);
    sl_code rc = read_address(net, url, err);
    rc = rc == SL_OK ? read_secret(net, options, err) : rc;
    rc = rc == SL_OK ? read_tls(net, options, err) : rc;
    if (rc != SL_OK) {
        sli_net_close_door(net);
        return rc;
    }
    *out = net;
    return SL_OK;
}

// ---------------------------------------------------------------- told and counted

void sli_net_count_end(sli_net *net, sli_net_end why, const char *text)
{
    if (net->closed[why] != NULL) {
        sli_metric_add(net->closed[why], 1);
    }
    if (why == SLI_NET_ENDED) {
        return;
    }
    int64_t now = sli_net_now(net);
    if (now < net->tell_us) {
        net->n_untold++;
        return;
    }
    SLI_LOG(net->conf.log, SLI_WARN, "net",
            "%s %s: a connection was closed: %s%s%s; %lld before it were not told, nor are others "
            "for a minute",
            net->conf.protocol->name, net->place, reasons[why], text == NULL ? "" : ": ",
            text == NULL ? "" : text, (long long)net->n_untold);
    net->n_untold = 0;
    net->tell_us = now + NET_TELL_US;
}

// ---------------------------------------------------------------- who is let in

/// Since when it keeps us waiting: idle, with a frame that is not whole, or leaving, which comes
/// first. SLI_FOREVER: it waits for us, or is as good as gone.
static int64_t since(const sli_net_conn *conn)
{
    if (conn->state == NET_LEAVING) {
        return sli_net_conn_has_out(conn) ? SLI_FOREVER : 0;
    }
    if (conn->state == NET_GONE || conn->held) {
        return SLI_FOREVER;
    }
    return conn->frame_us != SLI_FOREVER ? conn->frame_us : conn->heard_us;
}

sli_net_conn *sli_net_slowest(sli_net *net, bool framed)
{
    sli_net_conn *found = NULL;
    int64_t first = SLI_FOREVER;
    for (sli_net_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        int64_t own = framed && conn->counted == 0 ? SLI_FOREVER : since(conn);
        if (own < first) {
            first = own;
            found = conn;
        }
    }
    return found;
}

/// Ends the connection that keeps us waiting for longest. False: there is none.
static bool make_room(sli_net *net)
{
    sli_net_conn *slowest = sli_net_slowest(net, false);
    if (slowest != NULL) {
        sli_net_conn_drop(slowest, SLI_NET_REFUSED, "it made room for a new one");
    }
    return slowest != NULL;
}

static void let_in(sli_net *net, sli_socket *socket)
{
    sl_error error = SL_ERROR_INIT;
    if (net->accepted != NULL) {
        sli_metric_add(net->accepted, 1);
    }
    if (net->n_conns >= net->max_connections && !make_room(net)) {
        sli_socket_close(&socket);
        sli_net_count_end(net, SLI_NET_REFUSED, "max_connections are there, and wait for us");
        return;
    }
    if (sli_net_conn_new(net, socket, &error) != SL_OK) {
        sli_net_count_end(net, SLI_NET_FAILED, error.text);
    }
}

static void watch_listener(sli_net *net, bool on);

/// Descriptors are short: the slowest connection gives up its own. Without one the listener rests,
/// for it would be ready again at once.
static void no_descriptor(sli_net *net, const sl_error *error)
{
    sli_net_count_end(net, SLI_NET_REFUSED, error->text);
    if (!make_room(net)) {
        net->accept_us = sli_net_now(net) + NET_RETRY_US;
        watch_listener(net, false);
        sli_net_wake_at(net, net->accept_us);
    }
}

static void on_listener(void *ctx, int32_t ready)
{
    sli_net *net = ctx;
    (void)ready;
    sli_net_enter(net);
    for (int32_t i = 0; i < MOST_ACCEPTED; i++) {
        sl_error error = SL_ERROR_INIT;
        sli_socket *socket = NULL;
        sl_code rc = sli_socket_accept(net->listener, &socket, &error);
        if (rc == SL_OK) {
            let_in(net, socket);
            sli_net_work_off(net); // whoever made room is gone before the next one comes
            continue;
        }
        if (rc != SL_E_TIMEOUT && rc != SL_E_CRASHED) {
            no_descriptor(net, &error);
        }
        break;
    }
    sli_net_leave(net);
}

static void watch_listener(sli_net *net, bool on)
{
    // Changing the interest of a socket that is in the loop fails only with the world.
    (void)!sli_loop_watch(net->loop, net->listener, on ? SLI_READABLE : 0, on_listener, net, NULL);
}

void sli_net_accept_again(sli_net *net)
{
    net->accept_us = 0;
    watch_listener(net, true);
}

// ---------------------------------------------------------------- starting and ending

static bool is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "::1") == 0;
}

/// Adds to a failure to listen what can be done about it.
static sl_code explain(sl_error *err, sl_code rc)
{
    const char *then = NULL;
    if (rc == SL_E_BUSY) {
        then = "somebody listens there already (ss -ltnp shows who): end it, or choose another "
               "port";
    } else if (err->sys_errno == EACCES) {
        then = "a port below 1024 is for privileged processes: choose one above, or give the "
               "program CAP_NET_BIND_SERVICE";
    } else if (err->sys_errno == EADDRNOTAVAIL) {
        then = "this machine has no such address: use localhost, 0.0.0.0, or one that `ip address` "
               "shows";
    }
    if (then != NULL) {
        char text[SL_ERROR_TEXT_BYTES];
        memcpy(text, err->text, sizeof text);
        (void)!sl_error_set(err, rc, "%s; %s", text, then);
    }
    return rc;
}

static void tell_started(const sli_net *net)
{
    SLI_LOG(net->conf.log, SLI_INFO, "net", "%s: listens on %s%s", net->conf.protocol->name,
            net->place, net->side == NULL ? "" : " (TLS)");
    if (!is_loopback(net->host) && net->side == NULL && net->secret == NULL) {
        SLI_LOG(net->conf.log, SLI_WARN, "net",
                "%s: whoever reaches %s may send: no TLS (tls.cert, tls.key) and no secret",
                net->conf.protocol->name, net->place);
    }
}

sl_code sli_net_start(sli_net *net, sli_loop *loop, sl_error *err)
{
    sl_error own = SL_ERROR_INIT;
    err = err == NULL ? &own : err;
    net->loop = loop;
    sl_code rc = sli_socket_listen(net->conf.env, net->host, net->port, &net->listener, err);
    if (rc != SL_OK) {
        return explain(err, rc);
    }
    SL_TRY(set_place(net, net->host, strlen(net->host), sli_socket_port(net->listener), err));
    SL_TRY(sli_loop_watch(loop, net->listener, SLI_READABLE, on_listener, net, err));
    // Claims the timer's place now, so that a full loop is told here.
    net->timer_us = sli_net_now(net);
    SL_TRY(sli_loop_timer(loop, net->timer_us, sli_net_on_time, net, err));
    tell_started(net);
    return SL_OK;
}

static void mark_all(sli_net *net)
{
    for (sli_net_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        sli_net_due(conn);
    }
}

void sli_net_pause(sli_net *net)
{
    if (!net->paused) {
        net->paused = true;
        mark_all(net);
    }
}

void sli_net_resume(sli_net *net)
{
    if (!net->paused || net->stopped) {
        return;
    }
    net->paused = false;
    int64_t now = sli_net_now(net);
    for (sli_net_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        conn->heard_us = now;
        conn->frame_us = conn->frame_us == SLI_FOREVER ? SLI_FOREVER : now;
    }
    mark_all(net);
}

void sli_net_stop(sli_net *net)
{
    if (net->loop == NULL || net->stopped) {
        return;
    }
    sli_net_pause(net);
    net->stopped = true;
    sli_socket_close(&net->listener);
    for (sli_net_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        sli_str_reset(&conn->in);
    }
}

void sli_net_close_door(sli_net *net)
{
    if (net == NULL) {
        return;
    }
    sli_net_stop(net);
    net->inside = true; // nothing is put off any more
    while (net->conns != NULL) {
        sli_net_conn_flush(net->conns);
        sli_net_conn_free(net->conns);
    }
    if (net->loop != NULL) { // removing can't fail
        (void)!sli_loop_timer(net->loop, SLI_FOREVER, sli_net_on_time, net, NULL);
    }
    if (net->side != NULL) {
        net->tls->side_free(net->side);
    }
    sli_secret_free(net->secret);
    sl_free(net->host);
    sl_free(net->place);
    sl_free(net);
}

// ---------------------------------------------------------------- questions

int32_t sli_net_port(const sli_net *net)
{
    return net->port;
}

const char *sli_net_place(const sli_net *net)
{
    return net->place;
}

int64_t sli_net_max_frame(const sli_net *net)
{
    return net->max_frame;
}

bool sli_net_has_secret(const sli_net *net)
{
    return net->secret != NULL;
}

bool sli_net_is_secret(const sli_net *net, sl_text text)
{
    if (net->secret == NULL) {
        return true;
    }
    size_t size = strlen(net->secret);
    unsigned differ = text.size != size;
    for (size_t i = 0; i < text.size; i++) { // as long as the guess, whatever the secret
        differ |= (unsigned)(text.data[i] ^ net->secret[size == 0 ? 0 : i % size]);
    }
    return differ == 0;
}
