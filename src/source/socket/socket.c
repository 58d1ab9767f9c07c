// socket.c — a TCP client that reads records, for ever.
//
//             start            writable             end, reset
//     idle ─────────► connecting ─────► open ─────────────────► waiting ─┐
//                      ▲    │ refused                              ▲     │ reconnect_delay
//                      │    └──────────────────────────────────────┘     │
//                      └──────────────────────────────────────────────────┘
//
// Nothing here blocks but the resolution of a name. Everything runs on the thread that runs the
// loop.
#include "source/source_int.h"

#include <stdio.h>

typedef enum state { IDLE = 0, CONNECTING, OPEN, WAITING } state;

typedef struct socket_source {
    sli_source_common common;
    sli_intake intake;
    sli_loop *loop;
    sli_socket *socket; ///< NULL unless connecting or open
    state state;
    int64_t delay_us;
    int32_t port;
    char *host, *place; ///< "host:port", for messages
    // the log: the same trouble again and again is one line, until it changes or bytes have come
    char told[128];   ///< the last trouble, "" when none since
    int64_t n_untold; ///< times it came again
    bool flaps;       ///< it comes after connecting, so that connecting is no news
} socket_source;

static const sl_option options[] = {
    {.name = "reconnect_delay",
     .type = SL_OPT_DURATION,
     .fallback = "2s",
     .low = "1ms",
     .high = "1h",
     .text = "Time between a connection that was refused or lost and the next try."},
    {0},
};

static void on_ready(void *ctx, int32_t ready);
static void on_time(void *ctx, int32_t ready);
static void socket_close(sli_source *source);

static socket_source *self_of(sli_source *source)
{
    return (socket_source *)source;
}

// ---------------------------------------------------------------- opening

static sl_code check_url(const sli_url *url, sl_error *err)
{
    if (url->host.size == 0 || url->port <= 0) {
        return sl_error_set(err, SL_E_CONFIG,
                            "a host and a port are expected: socket://localhost:9999");
    }
    if (url->path.size > 1 || (url->path.size == 1 && url->path.data[0] != '/')) {
        return sl_error_set(err, SL_E_CONFIG, "a socket has no path; remove \"%.*s\"",
                            (int)(url->path.size < 64 ? url->path.size : 64), url->path.data);
    }
    return SL_OK;
}

static sl_code socket_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                           const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(check_url(url, err));
    SL_TRY(
        sli_source_alloc(&common, sizeof(socket_source), &sli_source_socket, conf, env, NULL, err));
    socket_source *self = (socket_source *)common;
    sli_str place = {.tag = SLI_TAG_SOURCE};
    self->delay_us = sl_conf_int64(conf, "reconnect_delay");
    self->port = url->port;
    self->host = sli_source_text(url->host);
    sli_str_printf(&place, "%s:%d", self->host == NULL ? "" : self->host, self->port);
    self->place = sli_str_take(&place);
    if (self->host == NULL || self->place == NULL) {
        socket_close(&common->base);
        return sl_error_nomem(err, url->host.size, "a host's name");
    }
    *out = &common->base;
    return SL_OK;
}

// ---------------------------------------------------------------- the connection

static void let_go(socket_source *self)
{
    if (self->socket != NULL) {
        sli_socket_close(&self->socket);
    }
}

/// A connection that was refused or has ended without a byte, as the last one, is no news.
static void tell_lost(socket_source *self, const char *why)
{
    bool again = !self->intake.brought && strncmp(self->told, why, sizeof self->told - 1) == 0;
    self->flaps = again && self->state == OPEN;
    if (again) {
        self->n_untold++;
        return;
    }
    self->n_untold = 0;
    (void)snprintf(self->told, sizeof self->told, "%.*s", (int)sizeof self->told - 1, why);
    SLI_LOG(self->common.env.log, SLI_WARN, "source",
            "socket %s: %s; next try in %lld ms, the same again is not told", self->place, why,
            (long long)(self->delay_us / 1000));
}

static void tell_connected(socket_source *self)
{
    if (!self->flaps) {
        SLI_LOG(self->common.env.log, SLI_INFO, "source", "socket %s: connected", self->place);
    }
}

/// Bytes have come: whatever follows is news.
static void tell_brought(socket_source *self)
{
    if (self->n_untold > 0) {
        SLI_LOG(self->common.env.log, SLI_INFO, "source",
                "socket %s: receives, after %lld more tries of the same end", self->place,
                (long long)self->n_untold);
    }
    self->told[0] = '\0';
    self->n_untold = 0;
    self->flaps = false;
}

/// The connection was refused or has ended; the next try is due after the delay.
static void lost(socket_source *self, sl_code rc, const sl_error *why)
{
    bool was_open = self->state == OPEN;
    sl_error error = SL_ERROR_INIT;
    let_go(self);
    tell_lost(self, why->text);
    self->state = WAITING;
    self->intake.brought = false;
    sli_source_count(&self->common, SLI_SOURCE_RECONNECTS, 1);
    sli_source_event(&self->common, SLI_EV_RECEIVER_ERROR, why);
    int64_t at = sli_env_mono_us(self->common.env.env) + self->delay_us;
    if (sli_loop_timer(self->loop, at, on_time, self, &error) != SL_OK) {
        SLI_LOG(self->common.env.log, SLI_ERROR, "source", "socket %s: no further try: %s",
                self->place, error.text);
        sli_source_event(&self->common, SLI_EV_RECEIVER_ERROR, &error);
    }
    if (was_open) {
        // An unended last line counts when the server has closed, and doesn't when the connection
        // broke, as in Spark; it must not run into the first line of the next connection.
        sli_intake_end(&self->intake, rc);
    }
}

static int32_t interest_of(const socket_source *self)
{
    return self->state == CONNECTING ? SLI_WRITABLE : self->intake.paused ? 0 : SLI_READABLE;
}

static void watch(socket_source *self)
{
    sl_error error = SL_ERROR_INIT;
    sl_code rc =
        sli_loop_watch(self->loop, self->socket, interest_of(self), on_ready, self, &error);
    if (rc != SL_OK) {
        lost(self, rc, &error);
    }
}

static void connect_now(socket_source *self)
{
    sl_error error = SL_ERROR_INIT;
    self->state = CONNECTING;
    sl_code rc =
        sli_socket_connect(self->common.env.env, self->host, self->port, &self->socket, &error);
    if (rc != SL_OK) {
        lost(self, rc, &error);
        return;
    }
    watch(self);
}

static void on_connecting(socket_source *self)
{
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_socket_connected(self->socket, &error);
    if (rc == SL_E_TIMEOUT) {
        return;
    }
    if (rc != SL_OK) {
        lost(self, rc, &error);
        return;
    }
    self->state = OPEN;
    tell_connected(self);
    sli_source_event(&self->common, SLI_EV_RECEIVER_STARTED, NULL);
    watch(self);
}

static void on_ready(void *ctx, int32_t ready)
{
    socket_source *self = ctx;
    (void)ready;
    if (self->state == CONNECTING) {
        on_connecting(self);
        return;
    }
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_intake_read(&self->intake, self->socket, &error);
    if (self->intake.brought) {
        tell_brought(self);
    }
    if (rc != SL_OK) {
        lost(self, rc, &error);
    } else if (self->intake.paused) {
        watch(self);
    }
}

static void on_time(void *ctx, int32_t ready)
{
    socket_source *self = ctx;
    (void)ready;
    if (self->state == WAITING) {
        connect_now(self);
    }
}

// ---------------------------------------------------------------- the table

static sl_code socket_start(sli_source *source, sli_loop *loop, sli_receive_fn take, void *ctx,
                            sl_error *err)
{
    socket_source *self = self_of(source);
    SL_ASSERT(self->state == IDLE, "a receiver is started once at a time");
    self->loop = loop;
    self->intake.common = &self->common;
    self->intake.take = take;
    self->intake.ctx = ctx;
    self->intake.paused = false;
    // Claims the timer's place now, so that a full loop is told here and not after the first lost
    // connection.
    SL_TRY(sli_loop_timer(loop, sli_env_mono_us(self->common.env.env), on_time, self, err));
    self->state = WAITING;
    return SL_OK;
}

static void socket_resume(sli_source *source)
{
    socket_source *self = self_of(source);
    if (self->intake.paused) {
        self->intake.paused = false;
        if (self->state == OPEN) {
            watch(self);
        }
    }
}

static void socket_stop(sli_source *source)
{
    socket_source *self = self_of(source);
    if (self->state == IDLE) {
        return;
    }
    let_go(self);
    self->state = IDLE;
    (void)sli_loop_timer(self->loop, SLI_FOREVER, on_time, self, NULL); // removing can't fail
    sli_source_event(&self->common, SLI_EV_RECEIVER_STOPPED, NULL);
}

static void socket_close(sli_source *source)
{
    socket_source *self = self_of(source);
    socket_stop(source);
    sl_free(self->host);
    sl_free(self->place);
    sli_source_common_free(&self->common);
}

static bool socket_ended(const sli_source *source)
{
    (void)source;
    return false;
}

const sli_source_ops sli_source_socket = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "socket",
    .text = "Lines or records from a TCP server, to which it connects: socket://HOST:PORT",
    .kind = SLI_SOURCE_RECEIVER,
    .options = options,
    .formatted = true,
    .open = socket_open,
    .schema = sli_source_common_schema,
    .start = socket_start,
    .resume = socket_resume,
    .stop = socket_stop,
    .ended = socket_ended,
    .format = sli_source_common_format,
    .close = socket_close,
};
