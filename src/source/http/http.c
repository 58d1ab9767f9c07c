// http.c — records that are POSTed: a door that answers a request when the write-ahead log has it.
//
// A connection, its request and its answer:
//
//              headers, judged          body whole, taken           settled: 204
//     reading ────────────────► reading ─────────────────► waiting ─────────────► reading, or gone
//        │ refused: 4xx, gone              503, reading ◄──┘ the engine wants no more
//
// While it waits the connection is held, so a sender has one request under way. Those who wait are
// in a list by what the engine had taken with them; `settled` answers from its front.
#include "source/http/http_int.h"

#include <stdio.h>

typedef struct http_conn http_conn;
typedef struct http_source http_source;

/// What a door keeps of a connection.
struct http_conn {
    http_request request;
    http_source *source;
    sli_net_conn *conn;
    http_conn *next;   ///< who waits behind it
    int64_t upto;      ///< it is answered when so many bytes are settled
    bool waits, stays; ///< stays: the connection is kept
};

struct http_source {
    sli_listening door;
    http_records records;
    char *path; ///< of the URL; NULL: any
    sli_str messages;
    http_conn *first, **last; ///< who waits
    int64_t taken;            ///< bytes given to `take`
};

static const sli_metric_info answered = {"sluice_http_answers_total", SLI_COUNTER, "source,status",
                                         "requests", "Answers to HTTP requests, by status."};

static const sl_option options[] = {
    SLI_MESSAGE_OPTION_COLUMNS("path, time (when the request came), headers (all but secrets), or "
                               "headers.NAME for one (in small letters)"),
    SLI_NET_OPTIONS,
    {0},
};

static http_source *self_of(sli_source *source)
{
    return (http_source *)source;
}

// ---------------------------------------------------------------- answers

typedef struct http_status_text {
    int32_t status;
    const char *text, *more; ///< further headers
} http_status_text;

static const http_status_text statuses[] = {
    {200, "OK", ""},
    {204, "No Content", ""},
    {400, "Bad Request", ""},
    {401, "Unauthorized", "WWW-Authenticate: Bearer\r\n"},
    {404, "Not Found", ""},
    {405, "Method Not Allowed", "Allow: GET, HEAD, POST, PUT\r\n"},
    {413, "Content Too Large", ""},
    {414, "URI Too Long", ""},
    {415, "Unsupported Media Type", "Accept-Encoding: gzip\r\n"},
    {417, "Expectation Failed", ""},
    {431, "Request Header Fields Too Large", ""},
    {503, "Service Unavailable", "Retry-After: 1\r\n"},
};

static const http_status_text *status_of(int32_t status)
{
    size_t i = 0;
    while (statuses[i].status != status) {
        i++;
    }
    return &statuses[i];
}

static void count_answer(http_source *self, int32_t status)
{
    char label[256];
    if (self->door.common.env.metrics != NULL) {
        (void)snprintf(label, sizeof label, "%s" SLI_METRIC_APART "%d", self->door.common.env.uid,
                       (int)status);
        sli_metric_add(sli_metrics_series(self->door.common.env.metrics, &answered, label), 1);
    }
}

/// Sends an answer whose body is `text` and a line end; "": none. HEAD gets no body.
static void answer(http_conn *c, int32_t status, const char *text)
{
    const http_status_text *s = status_of(status);
    char out[1024];
    size_t size = *text == '\0' ? 0 : strlen(text) + 1;
    bool shows = size > 0 && !http_request_is(&c->request, HTTP_HEAD);
    int n = snprintf(out, sizeof out, "HTTP/1.1 %d %s\r\n%s%s", (int)status, s->text, s->more,
                     c->stays ? "" : "Connection: close\r\n");
    if (status != 204) {
        n += snprintf(out + n, sizeof out - (size_t)n,
                      "Content-Type: text/plain\r\nContent-Length: %zu\r\n", size);
    }
    n +=
        snprintf(out + n, sizeof out - (size_t)n, "\r\n%s%s", shows ? text : "", shows ? "\n" : "");
    count_answer(c->source, status);
    sli_net_send(c->conn, out, (size_t)n);
}

/// The request has its answer: the next one, or the end of the connection.
static void go_on(http_conn *c)
{
    http_request_next(&c->request);
    if (!c->stays) {
        sli_net_close(c->conn, SLI_NET_ENDED);
    }
}

// ---------------------------------------------------------------- who waits

static void wait_for(http_conn *c, int64_t upto)
{
    http_source *self = c->source;
    c->upto = upto;
    c->waits = true;
    c->next = NULL;
    *self->last = c;
    self->last = &c->next;
    sli_net_hold(c->conn, true);
}

/// It waits no more.
static void forget_waiting(http_conn *c)
{
    http_source *self = c->source;
    http_conn **at = &self->first;
    while (*at != c) {
        at = &(*at)->next;
    }
    *at = c->next;
    self->last = self->last == &c->next ? at : self->last;
    c->waits = false;
}

static void http_settled(sli_source *source, int64_t bytes)
{
    http_source *self = self_of(source);
    while (self->first != NULL && self->first->upto <= bytes) {
        http_conn *c = self->first;
        forget_waiting(c);
        answer(c, 204, "");
        sli_net_hold(c->conn, false);
        go_on(c);
    }
}

// ---------------------------------------------------------------- requests

static bool brings(const http_request *request)
{
    return http_request_is(request, HTTP_POST) || http_request_is(request, HTTP_PUT);
}

static bool asks(const http_request *request)
{
    return http_request_is(request, HTTP_GET) || http_request_is(request, HTTP_HEAD);
}

static int32_t judge(void *ctx, const http_request *request)
{
    const http_source *self = ((const http_conn *)ctx)->source;
    if (!brings(request) && !asks(request)) {
        return 405;
    }
    if (asks(request)) {
        return 0; // how it is may be asked by anybody
    }
    if (!sli_net_is_secret(self->door.net, (sl_text){request->token.data, request->token.size})) {
        return 401;
    }
    sl_text path = http_request_path(request);
    if (self->path != NULL && !sli_text_is(path, self->path)) {
        return 404;
    }
    return self->door.paused ? 503 : 0;
}

/// It can't be used: an answer, and the end, since nobody knows where the next one begins.
static sl_code refuse(http_conn *c, sl_error *err)
{
    const http_request *request = &c->request;
    const char *why = *request->why == '\0' ? status_of(request->status)->text : request->why;
    int32_t status = request->status;
    c->stays = false;
    answer(c, status, why);
    http_request_reset(&c->request);
    if (status == 413) {
        return sl_error_set(err, SL_E_NO_SPACE, "%s", why);
    }
    if (status == 401 || status == 503) {
        sli_net_close(c->conn, status == 401 ? SLI_NET_REFUSED : SLI_NET_ENDED);
        return SL_OK;
    }
    return sl_error_set(err, SL_E_DATA, "%s", why);
}

/// A whole request brought records: they are taken, and it waits.
static sl_code bring(http_conn *c, sl_error *err)
{
    http_source *self = c->source;
    int64_t n = 0;
    sli_str_clear(&self->messages);
    int64_t now = self->records.time ? sli_env_wall_us(self->door.common.env.env) : 0;
    sl_code rc = http_records_put(&self->records, &c->request, now, &self->messages, &n, err);
    if (rc != SL_OK) {
        c->request.status = rc == SL_E_NO_SPACE ? 413 : 503;
        c->request.why = rc == SL_E_NO_SPACE ? "too many records in a request" : "no memory";
        return refuse(c, err);
    }
    if (n == 0) {
        answer(c, 204, "");
        go_on(c);
        return SL_OK;
    }
    sli_source_count(&self->door.common, SLI_SOURCE_BYTES, (int64_t)c->request.body.size);
    self->taken += (int64_t)self->messages.size;
    wait_for(c, self->taken);
    sli_listening_give(&self->door, &self->messages);
    sli_str_reset(&self->messages);
    sli_str_reset(&c->request.body); // it is the engine's now
    return SL_OK;
}

/// How it is: 200 when records are taken, 503 when not now.
static void tell_health(http_conn *c)
{
    bool well = !c->source->door.paused;
    answer(c, well ? 200 : 503, well ? "taking records" : "not now");
    go_on(c);
}

static sl_code whole(http_conn *c, sl_error *err)
{
    sli_net_done(c->conn);
    SL_TRY(sli_net_keep(c->conn, 0, err));
    c->stays = http_should_keep_alive(&c->request.parser) != 0;
    if (asks(&c->request)) {
        tell_health(c);
        return SL_OK;
    }
    if (c->source->door.paused) { // since the headers came
        answer(c, 503, "not now");
        go_on(c);
        return SL_OK;
    }
    return bring(c, err);
}

static void on_open(void *ctx, sli_net_conn *conn)
{
    http_conn *c = sli_net_state(conn);
    c->source = ctx;
    c->conn = conn;
    http_request_begin(&c->request, judge, c, sli_net_max_frame(c->source->door.net));
}

static sl_code on_data(void *ctx, sli_net_conn *conn, const char *data, size_t size, size_t *used,
                       sl_error *err)
{
    (void)ctx;
    http_conn *c = sli_net_state(conn);
    *used = http_request_feed(&c->request, data, size);
    if (c->request.status != 0) {
        return refuse(c, err);
    }
    if (c->request.whole) {
        return whole(c, err);
    }
    if (c->request.headers_done && c->request.wants_continue) {
        static const char go[] = "HTTP/1.1 100 Continue\r\n\r\n";
        c->request.wants_continue = false;
        sli_net_send(conn, go, sizeof go - 1);
    }
    return sli_net_keep(conn, (int64_t)(c->request.body.size + c->request.head_bytes), err);
}

static void on_closed(void *ctx, sli_net_conn *conn)
{
    (void)ctx;
    http_conn *c = sli_net_state(conn);
    if (c->waits) {
        forget_waiting(c); // what it brought stays taken
    }
    http_request_reset(&c->request);
}

static const sli_net_protocol protocol = {.name = "http",
                                          .state_bytes = sizeof(http_conn),
                                          .open = on_open,
                                          .data = on_data,
                                          .closed = on_closed};

// ---------------------------------------------------------------- the table

static void http_close(sli_source *source)
{
    http_source *self = self_of(source);
    sli_net_close_door(self->door.net);
    sl_free(self->path);
    sli_str_reset(&self->messages);
    sli_source_common_free(&self->door.common);
}

static sl_code http_open(sli_source **out, const sli_url *url, const sl_conf *conf,
                         const sli_source_env *env, sl_error *err)
{
    sli_source_common *common = NULL;
    SL_TRY(sli_source_alloc(&common, sizeof(http_source), &sli_source_http, conf, env, NULL, err));
    http_source *self = (http_source *)common;
    self->last = &self->first;
    self->messages.tag = SLI_TAG_SOURCE;
    http_records_init(&self->records, common->format, conf);
    sl_code rc = SL_OK;
    if (url->path.size > 1 && (self->path = sli_source_text(url->path)) == NULL) {
        rc = sl_error_nomem(err, url->path.size, "a path");
    }
    rc = rc == SL_OK ? sli_listening_open(&self->door, &protocol, url, conf, err) : rc;
    if (rc != SL_OK) {
        http_close(&common->base);
        return rc;
    }
    *out = &common->base;
    return SL_OK;
}

static void http_resume(sli_source *source)
{
    self_of(source)->door.paused = false;
}

const sli_source_ops sli_source_http = {
    .struct_size = sizeof(sli_source_ops),
    .scheme = "http",
    .text = "Records that are POSTed to an address on which it listens, acknowledged when they are "
            "durable: http://localhost:PORT/PATH",
    .kind = SLI_SOURCE_RECEIVER,
    .options = options,
    .formatted = true,
    .open = http_open,
    .schema = sli_source_common_schema,
    .start = sli_listening_start,
    .resume = http_resume,
    .stop = sli_listening_stop,
    .ended = sli_listening_ended,
    .format = sli_source_common_format,
    .close = http_close,
    .settled = http_settled,
    .messages = http_columns,
};
