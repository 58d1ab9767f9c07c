/// conn.c — bytes that come in over a connection: from its socket, through TLS, to the protocol.
#include "net/net_int.h"

static void on_ready(void *ctx, int32_t ready);

// ---------------------------------------------------------------- coming and going

static void gauge(sli_net *net)
{
    if (net->open != NULL) {
        sli_metric_set(net->open, net->n_conns);
    }
}

static void become_open(sli_net_conn *conn)
{
    const sli_net *net = conn->net;
    conn->state = NET_OPEN;
    conn->is_told = true;
    if (net->conf.protocol->open != NULL) {
        net->conf.protocol->open(net->conf.ctx, conn);
    }
}

static void link_in(sli_net_conn *conn)
{
    sli_net *net = conn->net;
    conn->next = net->conns;
    conn->at = &net->conns;
    if (conn->next != NULL) {
        conn->next->at = &conn->next;
    }
    net->conns = conn;
    net->n_conns++;
    gauge(net);
}

static void link_out(sli_net_conn *conn)
{
    sli_net *net = conn->net;
    *conn->at = conn->next;
    if (conn->next != NULL) {
        conn->next->at = conn->at;
    }
    net->n_conns--;
    gauge(net);
}

sl_code sli_net_conn_new(sli_net *net, sli_socket *socket, sl_error *err)
{
    size_t size = sizeof(sli_net_conn) + net->conf.protocol->state_bytes;
    sli_net_conn *conn = sl_alloc_zero(SLI_TAG_SOURCE, size);
    if (conn == NULL) {
        sli_socket_close(&socket);
        return sl_error_nomem(err, size, "a connection");
    }
    conn->net = net;
    conn->socket = socket;
    conn->id = net->next_id++;
    conn->in.tag = conn->out.tag = SLI_TAG_SOURCE;
    conn->heard_us = sli_net_now(net);
    conn->frame_us = SLI_FOREVER;
    sl_code rc =
        net->side == NULL ? SL_OK : net->tls->session_new(&conn->tls, net->side, NULL, err);
    if (rc != SL_OK) {
        sli_socket_close(&conn->socket);
        sl_free(conn);
        return rc;
    }
    link_in(conn);
    if (conn->tls == NULL) {
        become_open(conn);
    }
    sli_net_due(conn);
    return SL_OK;
}

void sli_net_conn_free(sli_net_conn *conn)
{
    sli_net *net = conn->net;
    conn->state = NET_GONE;
    conn->is_due = true; // what the protocol still asks for it is not put into the list
    if (conn->is_told && net->conf.protocol->closed != NULL) {
        net->conf.protocol->closed(net->conf.ctx, conn);
    }
    link_out(conn);
    net->buffered -= conn->counted;
    if (conn->tls != NULL) {
        net->tls->session_free(conn->tls);
    }
    sli_socket_close(&conn->socket);
    sli_str_reset(&conn->in);
    sli_str_reset(&conn->out);
    sl_free(conn);
}

void sli_net_conn_drop(sli_net_conn *conn, sli_net_end why, const char *text)
{
    if (conn->state < NET_LEAVING) {
        sli_net_count_end(conn->net, why, text);
    }
    conn->state = NET_GONE;
    sli_net_due(conn);
}

/// What it sent can't be used. What was answered goes out first.
static void fail(sli_net_conn *conn, sl_code rc, const sl_error *error)
{
    sli_net_end why = rc == SL_E_DATA       ? SLI_NET_MALFORMED
                      : rc == SL_E_NO_SPACE ? SLI_NET_TOO_LARGE
                                            : SLI_NET_FAILED;
    sli_net_conn_leave(conn, why, error->text);
}

// ---------------------------------------------------------------- bounds

/// Keeps the door's sum of bytes under way. Over it, the frame that began first has to go.
static sl_code count_bytes(sli_net_conn *conn, sl_error *err)
{
    sli_net *net = conn->net;
    int64_t bytes = conn->state == NET_GONE ? 0 : (int64_t)conn->in.size + conn->kept;
    net->buffered += bytes - conn->counted;
    conn->counted = bytes;
    while (net->buffered > net->max_buffered) {
        sli_net_conn *slowest = sli_net_slowest(net, true);
        slowest = slowest == NULL ? conn : slowest;
        sli_net_conn_drop(slowest, SLI_NET_CROWDED, "max_buffered is reached");
        net->buffered -= slowest->counted;
        slowest->counted = 0;
        if (slowest == conn) {
            return sl_error_set(err, SL_E_NO_SPACE, "max_buffered is reached");
        }
    }
    return SL_OK;
}

static sl_code too_large(const sli_net_conn *conn, uint64_t size, sl_error *err)
{
    return sl_error_set(err, SL_E_NO_SPACE, "a frame of %llu bytes; max_frame is %lld",
                        (unsigned long long)size, (long long)conn->net->max_frame);
}

sl_code sli_net_expect(sli_net_conn *conn, uint64_t size, sl_error *err)
{
    if (size > (uint64_t)conn->net->max_frame) {
        return too_large(conn, size, err);
    }
    conn->wanted = size;
    return SL_OK;
}

sl_code sli_net_keep(sli_net_conn *conn, int64_t bytes, sl_error *err)
{
    if (bytes > conn->net->max_frame) {
        return too_large(conn, (uint64_t)bytes, err);
    }
    conn->kept = bytes;
    return count_bytes(conn, err);
}

void sli_net_done(sli_net_conn *conn)
{
    conn->frame_us = SLI_FOREVER;
    conn->wanted = 0;
}

void sli_net_hold(sli_net_conn *conn, bool hold)
{
    if (conn->held == hold) {
        return;
    }
    conn->held = hold;
    if (!hold) {
        conn->heard_us = sli_net_now(conn->net);
    }
    sli_net_due(conn);
}

// ---------------------------------------------------------------- plain bytes

bool sli_net_conn_reads(const sli_net_conn *conn)
{
    bool wanted = conn->state == NET_OPEN && !conn->held && !conn->net->paused;
    return (wanted || conn->state == NET_SHAKING) && conn->out.size - conn->out_at < NET_OUT_FULL &&
           !conn->net->stopped;
}

/// Gives the protocol as much as it uses. Returns how much that was.
static size_t offer(sli_net_conn *conn, const char *data, size_t size)
{
    const sli_net *net = conn->net;
    size_t at = 0, used = 1;
    while (at < size && used > 0 && size - at >= conn->wanted && sli_net_conn_reads(conn)) {
        sl_error error = SL_ERROR_INIT;
        used = 0;
        conn->wanted = 0;
        conn->frame_us = conn->frame_us == SLI_FOREVER ? conn->heard_us : conn->frame_us;
        sl_code rc =
            net->conf.protocol->data(net->conf.ctx, conn, data + at, size - at, &used, &error);
        if (rc != SL_OK) {
            fail(conn, rc, &error);
        }
        SL_ASSERT(used <= size - at, "a protocol uses what it was given");
        at += used;
    }
    return at;
}

/// Keeps what is left of `in` after its first `used` bytes.
static void shift(sli_net_conn *conn, size_t used)
{
    if (used == conn->in.size) {
        sli_str_reset(&conn->in); // an idle connection has no buffer
        return;
    }
    memmove(conn->in.data, conn->in.data + used, conn->in.size - used);
    conn->in.size -= used;
}

static void use_kept(sli_net_conn *conn)
{
    shift(conn, offer(conn, conn->in.data, conn->in.size));
}

/// Plain bytes have come: the protocol looks at them, behind those it left before.
static void bring(sli_net_conn *conn, const char *data, size_t size)
{
    sl_error error = SL_ERROR_INIT;
    if (conn->state != NET_OPEN) {
        return; // nobody listens to what follows
    }
    conn->heard_us = sli_net_now(conn->net);
    size_t used = conn->in.size == 0 ? offer(conn, data, size) : 0;
    bool joined = conn->in.size > 0;
    sli_str_add(&conn->in, data + used, size - used);
    if (joined) {
        use_kept(conn);
    }
    sl_code rc = sli_str_check(&conn->in, "received bytes", &error);
    rc = rc == SL_OK ? count_bytes(conn, &error) : rc;
    if (rc == SL_OK && (int64_t)conn->in.size >= conn->net->max_frame + NET_PIECE &&
        sli_net_conn_reads(conn)) {
        rc = too_large(conn, conn->in.size, &error);
    }
    if (rc != SL_OK) {
        fail(conn, rc, &error);
    }
}

// ---------------------------------------------------------------- TLS

/// Once, when the handshake is over: the protocol learns of the connection.
static bool is_shaken(sli_net_conn *conn)
{
    if (conn->state != NET_SHAKING || !conn->net->tls->ready(conn->tls)) {
        return false;
    }
    conn->heard_us = sli_net_now(conn->net);
    become_open(conn);
    return true;
}

/// The plain bytes that TLS has, as long as they are wanted; its handshake goes on by the way.
static sl_code read_tls(sli_net_conn *conn, sl_error *err)
{
    sl_code rc = SL_OK;
    bool more = true;
    while (rc == SL_OK && more && sli_net_conn_reads(conn)) {
        size_t n = 0;
        rc = conn->net->tls->read(conn->tls, conn->net->plain, NET_PIECE, &n, err);
        more = is_shaken(conn) || n > 0;
        if (rc == SL_OK && n > 0) {
            bring(conn, conn->net->plain, n);
        }
    }
    sli_net_conn_take(conn);
    return rc;
}

void sli_net_conn_use(sli_net_conn *conn)
{
    sl_error error = SL_ERROR_INIT;
    if (conn->in.size > 0 && sli_net_conn_reads(conn)) {
        use_kept(conn);
        (void)!count_bytes(conn, NULL); // less than before
    }
    if (conn->tls == NULL || conn->state > NET_OPEN) {
        return;
    }
    sl_code rc = read_tls(conn, &error);
    if (rc == SL_E_END) {
        sli_net_conn_leave(conn, SLI_NET_ENDED, NULL);
    } else if (rc != SL_OK) {
        fail(conn, rc, &error);
    }
}

// ---------------------------------------------------------------- the socket

/// The other side has gone, in order or not. A frame that it did not finish is malformed.
static void peer_gone(sli_net_conn *conn, sl_code rc)
{
    bool half = conn->frame_us != SLI_FOREVER && conn->in.size + (size_t)conn->kept > 0;
    sli_net_conn_drop(conn, rc == SL_E_END && half ? SLI_NET_MALFORMED : SLI_NET_ENDED,
                      "it ended inside a frame");
}

static void receive(sli_net_conn *conn)
{
    sli_net *net = conn->net;
    bool reads = true;
    for (int32_t i = 0; i < NET_PIECES && reads; i++) {
        sl_error error = SL_ERROR_INIT;
        size_t n = 0;
        sl_code rc = sli_socket_receive(conn->socket, net->piece, NET_PIECE, &n, &error);
        if (rc != SL_OK) {
            peer_gone(conn, rc);
            return;
        }
        if (n == 0) {
            return;
        }
        if (conn->state == NET_LEAVING) {
            continue; // what still comes is dropped
        }
        if (conn->tls == NULL) {
            bring(conn, net->piece, n);
        } else if (net->tls->put(conn->tls, net->piece, n, &error) == SL_OK) {
            sli_net_conn_use(conn);
        } else {
            fail(conn, SL_E_NOMEM, &error);
        }
        reads = sli_net_conn_reads(conn);
    }
}

static void on_ready(void *ctx, int32_t ready)
{
    sli_net_conn *conn = ctx;
    sli_net *net = conn->net;
    sli_net_enter(net);
    if ((ready & SLI_READABLE) != 0) {
        receive(conn);
    }
    sli_net_due(conn);
    sli_net_leave(net);
}

// ---------------------------------------------------------------- what there is to do

static int32_t interest_of(const sli_net_conn *conn)
{
    bool reads = conn->state == NET_LEAVING || sli_net_conn_reads(conn);
    return (reads ? SLI_READABLE : 0) | (sli_net_conn_has_out(conn) ? SLI_WRITABLE : 0);
}

void sli_net_conn_follow(sli_net_conn *conn)
{
    sl_error error = SL_ERROR_INIT;
    int32_t interest = interest_of(conn);
    if (interest == conn->interest) {
        return;
    }
    if (sli_loop_watch(conn->net->loop, conn->socket, interest, on_ready, conn, &error) == SL_OK) {
        conn->interest = interest;
    } else {
        sli_net_conn_drop(conn, SLI_NET_FAILED, error.text);
    }
}

// ---------------------------------------------------------------- questions

void *sli_net_state(sli_net_conn *conn)
{
    return conn->body;
}

int64_t sli_net_id(const sli_net_conn *conn)
{
    return conn->id;
}
