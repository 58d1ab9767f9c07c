/// out.c — bytes that go out over a connection, and how it ends.
#include "net/net_int.h"

bool sli_net_conn_has_out(const sli_net_conn *conn)
{
    return conn->out.size > conn->out_at;
}

/// Room for bytes for the wire; what the other side does not read is not kept for ever.
static bool add_out(sli_net_conn *conn, const void *data, size_t size)
{
    if (!sli_net_conn_has_out(conn)) {
        conn->stuck_us = sli_net_now(conn->net);
    }
    sli_str_add(&conn->out, data, size);
    if (conn->out.failed) {
        sli_net_conn_drop(conn, SLI_NET_FAILED, "no memory for what it is sent");
        return false;
    }
    if (conn->out.size - conn->out_at > NET_OUT_LIMIT) {
        sli_net_conn_drop(conn, SLI_NET_TIMEOUT, "it does not read what it is sent");
        return false;
    }
    return true;
}

void sli_net_conn_take(sli_net_conn *conn)
{
    char piece[4096];
    size_t n = 0;
    while ((n = conn->net->tls->take(conn->tls, piece, sizeof piece)) > 0 &&
           add_out(conn, piece, n)) {
    }
}

void sli_net_send(sli_net_conn *conn, const void *data, size_t size)
{
    sl_error error = SL_ERROR_INIT;
    if (conn->state != NET_OPEN) {
        return;
    }
    if (conn->tls == NULL) {
        (void)add_out(conn, data, size);
    } else if (conn->net->tls->write(conn->tls, data, size, &error) == SL_OK) {
        sli_net_conn_take(conn);
    } else {
        sli_net_conn_drop(conn, SLI_NET_FAILED, error.text);
    }
    sli_net_due(conn);
}

/// All is sent that will be: the other side learns it, and has its time to go by itself, so that
/// what it was sent is not taken from it by a reset.
static void finish(sli_net_conn *conn)
{
    if (conn->state == NET_LEAVING && !conn->finished) {
        conn->finished = true;
        sli_socket_finish(conn->socket);
    }
}

void sli_net_conn_flush(sli_net_conn *conn)
{
    sl_code rc = SL_OK;
    size_t n = 1;
    while (rc == SL_OK && n > 0 && sli_net_conn_has_out(conn) && conn->state != NET_GONE) {
        n = 0;
        rc = sli_socket_send(conn->socket, conn->out.data + conn->out_at,
                             conn->out.size - conn->out_at, &n, NULL);
        conn->out_at += n;
        conn->stuck_us = n > 0 ? sli_net_now(conn->net) : conn->stuck_us;
    }
    if (!sli_net_conn_has_out(conn)) {
        sli_str_reset(&conn->out);
        conn->out_at = 0;
        finish(conn);
    }
    if (rc != SL_OK) {
        sli_net_conn_drop(conn, SLI_NET_ENDED, NULL);
    }
}

void sli_net_conn_leave(sli_net_conn *conn, sli_net_end why, const char *text)
{
    if (conn->state >= NET_LEAVING) {
        return;
    }
    sli_net_count_end(conn->net, why, text);
    if (conn->tls != NULL) {
        conn->net->tls->end(conn->tls);
        sli_net_conn_take(conn);
    }
    conn->state = conn->state == NET_GONE ? NET_GONE : NET_LEAVING; // `take` may have dropped it
    conn->heard_us = sli_net_now(conn->net);
    sli_net_due(conn);
}

void sli_net_close(sli_net_conn *conn, sli_net_end why)
{
    sli_net_conn_leave(conn, why, NULL);
}
