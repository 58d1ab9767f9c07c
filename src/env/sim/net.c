/// net.c — the simulated network: connections in memory, and the harness's scripted servers.
///
/// A connection is two queues of bytes in flight, at most SIM_WINDOW each. Who closes in order lets
/// the other side read what is in flight, then the end. A rough end (a drop, the death of a
/// process) loses what is in flight. Nothing has to be woken: whoever waits is asked again whenever
/// the scheduler looks.
#include "env/sim/sim_int.h"

#include <errno.h>

static sim_env *env_of(sl_env *env)
{
    return (sim_env *)env;
}

// ---------------------------------------------------------------- connections

static size_t flying(const sim_conn *conn, int32_t side)
{
    return conn->flying[side].size - conn->taken[side];
}

static void conn_free(sim_conn *conn)
{
    sli_str_reset(&conn->flying[0]);
    sli_str_reset(&conn->flying[1]);
    sl_free(conn);
}

/// Side `side` leaves; the other one sees an end after what is in flight, or at once a reset.
static void conn_leave(sim_conn *conn, int32_t side, bool rough)
{
    int32_t other = 1 - side;
    conn->gone[side] = true;
    conn->ended[other] = true;
    if (rough) {
        conn->reset[other] = true;
        sli_str_clear(&conn->flying[other]);
        conn->taken[other] = 0;
    }
    if (conn->gone[other]) {
        conn_free(conn);
    }
}

static sl_code fly(sim_conn *conn, int32_t side, const void *data, size_t size, sl_error *err)
{
    sli_str *queue = &conn->flying[side];
    if (conn->taken[side] == queue->size) {
        sli_str_clear(queue);
        conn->taken[side] = 0;
    }
    sli_str_add(queue, data, size);
    return sli_str_check(queue, "bytes in flight", err);
}

// ---------------------------------------------------------------- peers

sli_peer *sli_peer_listen(sli_world *world, const char *host, int32_t port)
{
    sli_peer *peer = sl_alloc_zero(SLI_TAG_ENV, sizeof *peer);
    char *name = sl_strdup(SLI_TAG_ENV, host);
    if (peer == NULL || name == NULL) {
        sl_free(peer);
        sl_free(name);
        return NULL;
    }
    peer->world = world;
    peer->host = name;
    peer->port = port;
    peer->next = world->peers;
    world->peers = peer;
    return peer;
}

void sli_sim_peers_free(sli_world *world)
{
    while (world->peers != NULL) {
        sli_peer *peer = world->peers;
        world->peers = peer->next;
        sli_peer_drop(peer);
        sli_str_reset(&peer->unsent);
        sl_free(peer->host);
        sl_free(peer);
    }
}

/// Hands bytes to the present connection while there is room in flight.
static sl_code peer_flow(sli_peer *peer, sl_error *err)
{
    sim_conn *conn = peer->conn;
    if (conn == NULL) {
        return SL_OK;
    }
    size_t left = peer->unsent.size - peer->handed, room = SIM_WINDOW - flying(conn, 0);
    size_t n = left < room ? left : room;
    if (n > 0) {
        SL_TRY(fly(conn, 0, peer->unsent.data + peer->handed, n, err));
        peer->handed += n;
    }
    if (peer->handed == peer->unsent.size) {
        sli_str_clear(&peer->unsent);
        peer->handed = 0;
        if (peer->finishing) {
            peer->finishing = false;
            peer->conn = NULL;
            conn_leave(conn, 1, false);
        }
    }
    return SL_OK;
}

sl_code sli_peer_send(sli_peer *peer, const void *data, size_t size, sl_error *err)
{
    sli_str_add(&peer->unsent, data, size);
    SL_TRY(sli_str_check(&peer->unsent, "what a simulated server will send", err));
    return peer_flow(peer, err);
}

void sli_peer_drop(sli_peer *peer)
{
    sim_conn *conn = peer->conn;
    peer->conn = NULL;
    peer->finishing = false;
    if (conn == NULL) {
        return;
    }
    sli_str_clear(&conn->flying[0]);
    conn->taken[0] = 0;
    conn_leave(conn, 1, sli_rng_below(&peer->world->net_rng, 2) == 0);
}

void sli_peer_finish(sli_peer *peer)
{
    peer->finishing = peer->conn != NULL;
    (void)peer_flow(peer, NULL); // without memory it goes on when the process receives
}

void sli_peer_refuse(sli_peer *peer, bool refuse)
{
    peer->refuse = refuse;
}

int64_t sli_peer_taken(const sli_peer *peer)
{
    return peer->taken;
}

static sli_peer *peer_find(const sli_world *world, const char *host, int32_t port)
{
    sli_peer *peer = world->peers;
    while (peer != NULL && !(peer->port == port && strcmp(peer->host, host) == 0)) {
        peer = peer->next;
    }
    return peer;
}

// ---------------------------------------------------------------- sockets

static sim_socket *socket_new(sim_env *env, sim_conn *conn, int32_t side)
{
    sim_socket *socket = sl_alloc_zero(SLI_TAG_ENV, sizeof *socket);
    if (socket == NULL) {
        return NULL;
    }
    socket->head.env = &env->head;
    socket->conn = conn;
    socket->side = side;
    socket->next = env->sockets;
    env->sockets = socket;
    return socket;
}

static sim_socket *listener_find(const sli_world *world, int32_t port)
{
    for (const sim_env *env = world->envs; env != NULL; env = env->next) {
        for (sim_socket *s = env->dead ? NULL : env->sockets; s != NULL; s = s->next) {
            if (s->listening && s->port == port) {
                return s;
            }
        }
    }
    return NULL;
}

/// A new connection to whoever listens there; *out stays NULL when it is refused.
static sl_code reach(sli_world *world, const char *host, int32_t port, sim_conn **out,
                     sl_error *err)
{
    enum { BACKLOG = sizeof((sim_socket *)0)->backlog / sizeof(sim_conn *) };
    sli_peer *peer = peer_find(world, host, port);
    sim_socket *listener = peer == NULL ? listener_find(world, port) : NULL;
    bool taken =
        peer != NULL ? !peer->refuse : listener != NULL && listener->n_backlog < (int32_t)BACKLOG;
    if (!taken) {
        return SL_OK;
    }
    sim_conn *conn = sl_alloc_zero(SLI_TAG_ENV, sizeof *conn);
    if (conn == NULL) {
        return sl_error_nomem(err, sizeof *conn, "a connection");
    }
    if (peer != NULL) {
        sli_peer_drop(peer); // it serves one at a time
        peer->conn = conn;
        conn->peer = peer;
    } else {
        listener->backlog[listener->n_backlog++] = conn;
    }
    *out = conn;
    return SL_OK;
}

static sl_code connect_to(sim_env *env, const char *host, int32_t port, sim_socket **out,
                          sl_error *err)
{
    sim_socket *socket = socket_new(env, NULL, 0);
    if (socket == NULL) {
        return sl_error_nomem(err, sizeof *socket, "a socket");
    }
    sl_code rc = reach(env->world, host, port, &socket->conn, err);
    if (rc != SL_OK) {
        env->sockets = socket->next;
        sl_free(socket);
        return rc;
    }
    socket->refused = socket->conn == NULL;
    if (socket->conn != NULL && socket->conn->peer != NULL) {
        (void)peer_flow(socket->conn->peer,
                        NULL); // what does not fit now comes with the next receive
    }
    *out = socket;
    return SL_OK;
}

sl_code sli_sim_socket_connect(sl_env *env, const char *host, int32_t port, sli_socket **out,
                               sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_SOCKET_CONNECT, err);
    sli_sim_note_text(&call, host);
    sli_sim_note_number(&call, port);
    if (rc == SL_OK) {
        sim_socket *socket = NULL;
        rc = connect_to(env_of(env), host, port, &socket, err);
        if (rc == SL_OK) {
            *out = &socket->head;
        }
    }
    return sli_sim_end(&call, rc);
}

sl_code sli_sim_socket_stdin(sl_env *env, sli_socket **out, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_SOCKET_STDIN, err);
    if (rc == SL_OK) {
        sim_socket *socket = NULL;
        rc = connect_to(env_of(env), "stdin", 0, &socket, err);
        if (rc == SL_OK) {
            socket->at_end = socket->refused; // nobody feeds it: at its end, as /dev/null
            socket->refused = false;
            *out = &socket->head;
        }
    }
    return sli_sim_end(&call, rc);
}

sl_code sli_sim_socket_listen(sl_env *env, const char *host, int32_t port, sli_socket **out,
                              sl_error *err)
{
    enum { FIRST_PORT = 40000 };
    sli_world *world = env_of(env)->world;
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_SOCKET_LISTEN, err);
    sli_sim_note_text(&call, host);
    sli_sim_note_number(&call, port);
    if (rc != SL_OK) {
        return sli_sim_end(&call, rc);
    }
    if (port == 0) {
        for (port = FIRST_PORT; listener_find(world, port) != NULL;) {
            port++;
        }
    } else if (listener_find(world, port) != NULL) {
        return sli_sim_end(&call,
                           sl_error_sys(err, SL_E_BUSY, EADDRINUSE, "%s:%d: listen", host, port));
    }
    sim_socket *socket = socket_new(env_of(env), NULL, 0);
    if (socket == NULL) {
        return sli_sim_end(&call, sl_error_nomem(err, sizeof *socket, "a socket"));
    }
    socket->listening = true;
    socket->port = port;
    *out = &socket->head;
    return sli_sim_end(&call, SL_OK);
}

sl_code sli_sim_socket_accept(sli_socket *listener, sli_socket **out, sl_error *err)
{
    sim_socket *self = (sim_socket *)listener;
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(listener->env), SIM_SOCKET_ACCEPT, err);
    if (rc != SL_OK) {
        return sli_sim_end(&call, rc);
    }
    if (self->n_backlog == 0) {
        return sli_sim_end(&call,
                           sl_error_set(err, SL_E_TIMEOUT, "port %d: nobody waits", self->port));
    }
    sim_socket *socket = socket_new(call.env, self->backlog[0], 1);
    if (socket == NULL) {
        return sli_sim_end(&call, sl_error_nomem(err, sizeof *socket, "a socket"));
    }
    socket->port = self->port;
    self->n_backlog--;
    memmove(self->backlog, self->backlog + 1, (size_t)self->n_backlog * sizeof *self->backlog);
    *out = &socket->head;
    return sli_sim_end(&call, SL_OK);
}

int32_t sli_sim_socket_port(const sli_socket *socket)
{
    return ((const sim_socket *)socket)->port;
}

/// Takes a socket out of its connection: in order when the process closes it, roughly when the
/// process died.
static void socket_part(sim_socket *socket, bool rough)
{
    for (int32_t i = 0; i < socket->n_backlog; i++) {
        conn_leave(socket->backlog[i], 1, true);
    }
    socket->n_backlog = 0;
    socket->listening = false;
    sim_conn *conn = socket->conn;
    socket->conn = NULL;
    if (conn == NULL) {
        return;
    }
    if (conn->peer != NULL && conn->peer->conn == conn) {
        conn->peer->conn = NULL;
        conn->peer->finishing = false;
        conn->gone[1] = true; // a peer notices at once
    }
    conn_leave(conn, socket->side, rough);
}

void sli_sim_sockets_die(sim_env *env)
{
    for (sim_socket *s = env->sockets; s != NULL; s = s->next) {
        socket_part(s, true);
    }
}

void sli_sim_socket_finish(sli_socket *socket)
{
    sim_socket *self = (sim_socket *)socket;
    (void)sli_sim_answer(env_of(socket->env), SIM_SOCKET_FINISH);
    if (self->conn != NULL) {
        self->conn->ended[1 - self->side] = true;
    }
}

void sli_sim_socket_close(sli_socket *socket)
{
    sim_socket *self = (sim_socket *)socket;
    sim_env *env = env_of(socket->env);
    (void)sli_sim_answer(env, SIM_SOCKET_CLOSE);
    if (self->loop != NULL) {
        sli_sim_loop_unwatch((sli_loop *)self->loop, socket);
    }
    socket_part(self, false);
    sim_socket **at = &env->sockets;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    sl_free(self);
}

// ---------------------------------------------------------------- bytes

/// Bytes of a scripted server that are not in flight yet, since there was no room or no memory.
static bool peer_has_more(const sim_conn *conn)
{
    return conn->peer != NULL && conn->peer->conn == conn &&
           conn->peer->handed < conn->peer->unsent.size;
}

bool sli_sim_socket_readable(const sim_socket *socket)
{
    if (socket->listening) {
        return socket->n_backlog > 0;
    }
    const sim_conn *conn = socket->conn;
    return conn == NULL || conn->ended[socket->side] || flying(conn, socket->side) > 0 ||
           peer_has_more(conn);
}

bool sli_sim_socket_writable(const sim_socket *socket)
{
    const sim_conn *conn = socket->conn;
    return !socket->listening && (conn == NULL || conn->gone[1 - socket->side] ||
                                  flying(conn, 1 - socket->side) < SIM_WINDOW);
}

static sl_code check_connected(const sim_socket *socket, sl_error *err)
{
    return socket->refused ? sl_error_sys(err, SL_E_IO, ECONNREFUSED, "connect") : SL_OK;
}

sl_code sli_sim_socket_connected(sli_socket *socket, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(socket->env), SIM_SOCKET_CONNECTED, err);
    if (rc == SL_OK) {
        rc = check_connected((const sim_socket *)socket, err);
    }
    return sli_sim_end(&call, rc);
}

/// How many of `n` bytes a call moves: all, or with an injected shortfall at least one.
static size_t shorten(sim_call *call, size_t n)
{
    return call->hurt && n > 0 ? 1 + (size_t)sli_rng_below(&call->env->fault_rng, (uint64_t)n) : n;
}

static sl_code receive(sim_call *call, sim_socket *self, void *out, size_t size, size_t *n,
                       sl_error *err)
{
    SL_TRY(check_connected(self, err));
    sim_conn *conn = self->conn;
    if (conn != NULL && peer_has_more(conn)) {
        SL_TRY(peer_flow(conn->peer, err));
    }
    size_t here = conn == NULL ? 0 : flying(conn, self->side);
    if (here == 0 && (conn == NULL || conn->ended[self->side])) {
        return conn != NULL && conn->reset[self->side]
                   ? sl_error_sys(err, SL_E_IO, ECONNRESET, "receive")
                   : sl_error_set(err, SL_E_END, "closed by the peer");
    }
    size_t take = shorten(call, here < size ? here : size);
    if (take > 0) {
        memcpy(out, conn->flying[self->side].data + conn->taken[self->side], take);
        conn->taken[self->side] += take;
    }
    sli_sim_note(call, out, take);
    *n = take;
    if (conn->peer != NULL) {
        conn->peer->taken += (int64_t)take;
        if (conn->peer->conn == conn) {
            (void)peer_flow(conn->peer,
                            NULL); // these bytes are received; without memory the next call tells
        }
    }
    return SL_OK;
}

sl_code sli_sim_socket_receive(sli_socket *socket, void *out, size_t size, size_t *n, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(socket->env), SIM_SOCKET_RECEIVE, err);
    if (rc == SL_OK) {
        rc = receive(&call, (sim_socket *)socket, out, size, n, err);
    } else if (call.hurt) { // the connection broke
        socket_part((sim_socket *)socket, true);
    }
    return sli_sim_end(&call, rc);
}

static sl_code send_bytes(sim_call *call, sim_socket *self, const void *data, size_t size,
                          size_t *n, sl_error *err)
{
    SL_TRY(check_connected(self, err));
    sim_conn *conn = self->conn;
    if (conn == NULL || conn->gone[1 - self->side]) {
        return sl_error_sys(err, SL_E_IO, EPIPE, "send");
    }
    size_t room = conn->peer != NULL ? size : SIM_WINDOW - flying(conn, 1 - self->side);
    size_t put = shorten(call, room < size ? room : size);
    if (conn->peer == NULL && put > 0) { // scripted servers do not listen to what they are told
        SL_TRY(fly(conn, 1 - self->side, data, put, err));
    }
    *n = put;
    return SL_OK;
}

sl_code sli_sim_socket_send(sli_socket *socket, const void *data, size_t size, size_t *n,
                            sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(socket->env), SIM_SOCKET_SEND, err);
    sli_sim_note(&call, data, size);
    if (rc == SL_OK) {
        rc = send_bytes(&call, (sim_socket *)socket, data, size, n, err);
    } else if (call.hurt) {
        socket_part((sim_socket *)socket, true);
    }
    return sli_sim_end(&call, rc);
}
