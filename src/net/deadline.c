/// deadline.c — what there is to do for a connection, and by when it must have done its part.
#include "net/net_int.h"

// ---------------------------------------------------------------- the clock

/// The deadline that comes first; SLI_FOREVER: none runs.
static int64_t deadline_of(const sli_net_conn *conn)
{
    const sli_net *net = conn->net;
    if (conn->state >= NET_LEAVING) {
        return conn->heard_us + NET_LINGER_US;
    }
    int64_t out = sli_net_conn_has_out(conn) ? conn->stuck_us + net->idle_us : SLI_FOREVER;
    int64_t in = conn->state == NET_SHAKING      ? conn->heard_us + net->handshake_us
                 : conn->held || net->paused     ? SLI_FOREVER
                 : conn->frame_us != SLI_FOREVER ? conn->frame_us + net->frame_timeout_us
                                                 : conn->heard_us + net->idle_us;
    return in < out ? in : out;
}

static const char *late_for(const sli_net_conn *conn)
{
    return conn->state == NET_SHAKING      ? "no TLS handshake in handshake_timeout"
           : conn->frame_us != SLI_FOREVER ? "a frame was not whole in frame_timeout"
                                           : "nothing came, or was taken, in idle_timeout";
}

void sli_net_wake_at(sli_net *net, int64_t at_us)
{
    if (at_us >= net->timer_us || net->loop == NULL) {
        return;
    }
    sl_code rc = sli_loop_timer(net->loop, at_us, sli_net_on_time, net, NULL);
    net->timer_us = rc == SL_OK ? at_us : SLI_FOREVER; // whoever comes next tries again
}

static void expect_by(sli_net *net, int64_t at_us)
{
    net->look_us = at_us < net->look_us ? at_us : net->look_us;
    sli_net_wake_at(net, at_us);
}

/// Ends who is late, and finds the next deadline.
static void look(sli_net *net, int64_t now)
{
    int64_t next = SLI_FOREVER;
    for (sli_net_conn *conn = net->conns; conn != NULL; conn = conn->next) {
        int64_t at = deadline_of(conn);
        if (at <= now) {
            sli_net_conn_drop(conn, SLI_NET_TIMEOUT, late_for(conn));
        } else {
            next = at < next ? at : next;
        }
    }
    net->look_us = next;
}

void sli_net_on_time(void *ctx, int32_t ready)
{
    sli_net *net = ctx;
    int64_t now = sli_net_now(net);
    (void)ready;
    sli_net_enter(net);
    net->timer_us = SLI_FOREVER;
    if (net->accept_us != 0 && now >= net->accept_us) {
        sli_net_accept_again(net);
    }
    if (now >= net->look_us) {
        look(net, now);
    }
    sli_net_leave(net);
    sli_net_wake_at(net, net->look_us);
    sli_net_wake_at(net, net->accept_us == 0 ? SLI_FOREVER : net->accept_us);
}

// ---------------------------------------------------------------- what there is to do

void sli_net_due(sli_net_conn *conn)
{
    sli_net *net = conn->net;
    if (!conn->is_due) {
        conn->is_due = true;
        conn->next_due = net->due;
        net->due = conn;
    }
    if (!net->inside) {
        sli_net_wake_at(net, sli_net_now(net));
    }
}

/// What was sent makes room: then what waits in memory can be used.
static void send_out(sli_net_conn *conn)
{
    bool read = sli_net_conn_reads(conn);
    sli_net_conn_flush(conn);
    if (!read && sli_net_conn_reads(conn)) {
        sli_net_due(conn);
    }
}

static void step(sli_net_conn *conn)
{
    sli_net_conn_use(conn);
    send_out(conn);
    if (conn->state != NET_GONE) {
        sli_net_conn_follow(conn);
    }
    if (conn->state != NET_GONE) {
        expect_by(conn->net, deadline_of(conn));
    } else if (!conn->is_due) { // else its turn comes again
        sli_net_conn_free(conn);
    }
}

void sli_net_work_off(sli_net *net)
{
    while (net->due != NULL) {
        sli_net_conn *conn = net->due;
        net->due = conn->next_due;
        conn->is_due = false;
        step(conn);
    }
}

void sli_net_enter(sli_net *net)
{
    net->inside = true;
}

void sli_net_leave(sli_net *net)
{
    sli_net_work_off(net);
    net->inside = false;
}
