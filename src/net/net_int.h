/// net_int.h — a door and its connections; for files of net/ only.
///
/// Everything happens on the io thread, in one of four places: a connection is ready (conn.c), the
/// listener is (door.c), the clock is (deadline.c), or the protocol speaks between callbacks. The
/// last one does nothing at once but to put the connection into the list `due`, which the other
/// three work off before they return (sli_net_leave); only there connections are freed. So a
/// protocol may end any connection from anywhere.
#pragma once

#include "base/str.h"
#include "net/net.h"
#include "net/tls.h"

enum {
    NET_PIECE = 64 << 10,     ///< bytes read at a time,
    NET_PIECES = 4,           ///< and pieces a turn, so that others get theirs
    NET_OUT_FULL = 1 << 20,   ///< bytes to be sent at which nothing more is read
    NET_OUT_LIMIT = 16 << 20, ///< and at which it is closed
    NET_LINGER_US = 2000000,  ///< time in which a connection that leaves sends its last bytes
    NET_RETRY_US = 100000,    ///< until accepting is tried again when descriptors are short
    NET_TELL_US = 60000000,   ///< between two lines in the log about connections closed
};

typedef enum net_state { NET_SHAKING = 0, NET_OPEN, NET_LEAVING, NET_GONE } net_state;

struct sli_net_conn {
    sli_net *net;
    sli_net_conn *next, **at; ///< in the door's list; *at is this one
    sli_net_conn *next_due;
    sli_socket *socket;
    sli_tls *tls; ///< NULL: none
    int64_t id;
    sli_str in;  ///< bytes that have come and were not used
    sli_str out; ///< bytes for the wire; those before `out_at` are sent
    size_t out_at;
    uint64_t wanted;  ///< `data` is called when so many are there
    int64_t kept;     ///< bytes that the protocol keeps of the frame under way
    int64_t counted;  ///< of this one in net->buffered
    int64_t heard_us; ///< when its last byte came, or it did, or it was let go
    int64_t frame_us; ///< when the frame under way began; SLI_FOREVER: none is
    int64_t stuck_us; ///< since when none of `out` was taken
    int32_t interest; ///< that the loop knows
    net_state state;
    bool is_due, finished, is_told, held; ///< is_told: of `open`, so `closed` must come
    _Alignas(16) char body[];             ///< the protocol's
};

struct sli_net {
    sli_net_conf conf;
    char *place, *host;
    int32_t port;
    // settings
    int64_t idle_us, frame_timeout_us, handshake_us, max_frame, max_buffered;
    int32_t max_connections;
    char *secret; ///< NULL: none
    const sli_tls_ops *tls;
    sli_tls_side *side; ///< NULL: no TLS
    // running
    sli_loop *loop;
    sli_socket *listener;
    sli_net_conn *conns, *due;
    int32_t n_conns;
    int64_t next_id, buffered;
    int64_t timer_us;             ///< what the loop's timer is set for
    int64_t accept_us;            ///< when accepting is tried again; 0: it goes on
    int64_t look_us;              ///< when the first deadline passes
    bool paused, stopped, inside; ///< inside: the list `due` will be worked off in this turn
    // told and counted
    int64_t tell_us, n_untold;
    sli_metric *open, *accepted, *closed[SLI_NET_N_ENDS];
    char piece[NET_PIECE], plain[NET_PIECE];
};

// conn.c
/// A connection that was accepted; takes the socket, and closes it when it fails.
sl_code sli_net_conn_new(sli_net *net, SL_TAKES sli_socket *socket, sl_error *err);
/// Tells the protocol that it is gone, and frees.
void sli_net_conn_free(SL_TAKES sli_net_conn *conn);
/// Whether bytes that come can be used now.
bool sli_net_conn_reads(const sli_net_conn *conn);
/// Uses what waits in memory: bytes not used before, and those that TLS has.
void sli_net_conn_use(sli_net_conn *conn);
/// The loop watches its socket for what can be done now.
void sli_net_conn_follow(sli_net_conn *conn);
/// Ends it at once: nothing more is sent. Counted, unless it was leaving. `text` may be NULL.
void sli_net_conn_drop(sli_net_conn *conn, sli_net_end why, const char *text);

// out.c
bool sli_net_conn_has_out(const sli_net_conn *conn);
/// Sends what can be sent at once.
void sli_net_conn_flush(sli_net_conn *conn);
/// What TLS has for the wire goes to `out`.
void sli_net_conn_take(sli_net_conn *conn);
/// As sli_net_close, with a reason for the log.
void sli_net_conn_leave(sli_net_conn *conn, sli_net_end why, const char *text);

// deadline.c
/// There is something to do for it, in this turn of the loop or at once in the next.
void sli_net_due(sli_net_conn *conn);
/// Between the two, what is due is put off to the second.
void sli_net_enter(sli_net *net);
void sli_net_leave(sli_net *net);
void sli_net_work_off(sli_net *net); ///< what is due, before that
/// The clock looks at the door at `at_us` at the latest.
void sli_net_wake_at(sli_net *net, int64_t at_us);
void sli_net_on_time(void *ctx, int32_t ready);

// door.c
void sli_net_accept_again(sli_net *net);
/// The connection that keeps us waiting for longest; NULL: all wait for us. `framed`: of those with
/// bytes of a frame.
sli_net_conn *sli_net_slowest(sli_net *net, bool framed);
void sli_net_count_end(sli_net *net, sli_net_end why, const char *text);

static inline int64_t sli_net_now(const sli_net *net)
{
    return sli_env_mono_us(net->conf.env);
}
