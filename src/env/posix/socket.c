/// socket.c — TCP sockets and standard input of the real world; nothing here blocks but name
/// resolution.
///
/// A name may have several addresses, of which only some answer (localhost: ::1 and 127.0.0.1). A
/// connect tries them one after the other; the descriptor's number stays the same (dup3), so that
/// loops need not care.
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/str.h"
#include "env/posix/posix_int.h"

static sl_code socket_new(sl_env *env, const char *host, int32_t port, posix_socket **out,
                          sl_error *err)
{
    posix_socket *socket = sl_alloc_zero(SLI_TAG_ENV, sizeof *socket);
    sli_str name = SLI_STR_INIT;
    if (port >= 0) {
        sli_str_printf(&name, "%s:%d", host, port);
    } else {
        sli_str_text(&name, host);
    }
    char *text = sli_str_take(&name);
    if (socket == NULL || text == NULL) {
        sl_free(socket);
        sl_free(text);
        return sl_error_nomem(err, sizeof *socket, "a socket");
    }
    socket->head.env = env;
    socket->fd = -1;
    socket->name = text;
    *out = socket;
    return SL_OK;
}

static void socket_drop(posix_socket *socket)
{
    if (socket->fd >= 0) {
        close(socket->fd);
    }
    sl_free(socket->addresses);
    sl_free(socket->name);
    sl_free(socket);
}

static void no_delay(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on,
               sizeof on); // latency only: a refusal changes no result
}

// ---------------------------------------------------------------- connecting

/// That this machine has no way to an address (localhost's second one where there is no IPv6) says
/// less than what came of another one.
static void note_failure(posix_addresses *all, int why)
{
    bool is_vague =
        all->why == EADDRNOTAVAIL || all->why == EAFNOSUPPORT || all->why == ENETUNREACH;
    all->why = all->why == 0 || is_vague ? why : all->why;
}

/// Begins with the next address that does not fail at once. 0, or the errno to tell of.
static int connect_next(posix_socket *self)
{
    posix_addresses *all = self->addresses;
    while (all->next < all->n) {
        const posix_address *to = &all->list[all->next++];
        int fd = socket(to->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) {
            note_failure(all, errno);
            continue;
        }
        // An interrupted connect goes on by itself, as one that is in progress.
        if (connect(fd, (const struct sockaddr *)&to->bytes, to->size) != 0 &&
            errno != EINPROGRESS && errno != EINTR) {
            note_failure(all, errno);
            close(fd);
            continue;
        }
        no_delay(fd);
        if (self->fd < 0) {
            self->fd = fd;
            return 0;
        }
        int moved = dup3(fd, self->fd, O_CLOEXEC), why = errno;
        close(fd);
        if (moved >= 0) {
            return 0;
        }
        note_failure(all, why);
    }
    return all->why;
}

sl_code sli_posix_socket_connect(sl_env *env, const char *host, int32_t port, sli_socket **out,
                                 sl_error *err)
{
    posix_socket *socket = NULL;
    SL_TRY(socket_new(env, host, port, &socket, err));
    socket->addresses = sl_alloc_zero(SLI_TAG_ENV, sizeof *socket->addresses);
    sl_code rc = socket->addresses == NULL
                     ? sl_error_nomem(err, sizeof *socket->addresses, "a socket")
                     : sli_posix_resolve(host, port, false, socket->addresses, err);
    if (rc == SL_OK) {
        int why = connect_next(socket);
        rc = why == 0 ? SL_OK : sl_error_sys(err, SL_E_IO, why, "%s: connect", socket->name);
    }
    if (rc != SL_OK) {
        socket_drop(socket);
        return rc;
    }
    *out = &socket->head;
    return SL_OK;
}

sl_code sli_posix_socket_connected(sli_socket *socket, sl_error *err)
{
    posix_socket *self = (posix_socket *)socket;
    if (self->addresses == NULL) {
        return SL_OK;
    }
    struct pollfd ask = {.fd = self->fd, .events = POLLOUT};
    if (poll(&ask, 1, 0) <= 0) {
        return sl_error_set(err, SL_E_TIMEOUT, "%s: still connecting", self->name);
    }
    int why = 0;
    socklen_t size = sizeof why;
    if (getsockopt(self->fd, SOL_SOCKET, SO_ERROR, &why, &size) != 0) {
        why = errno;
    }
    if (why == 0) {
        sl_free(self->addresses);
        self->addresses = NULL;
        return SL_OK;
    }
    note_failure(self->addresses, why);
    int next = connect_next(self);
    if (next != 0) {
        return sl_error_sys(err, SL_E_IO, next, "%s: connect", self->name);
    }
    SL_TRY(sli_posix_loop_rejoin(self, err));
    return sl_error_set(err, SL_E_TIMEOUT, "%s: still connecting", self->name);
}

// ---------------------------------------------------------------- listening

static int listen_at(const posix_address *at)
{
    enum { BACKLOG = 128 };
    int fd = socket(at->bytes.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (const struct sockaddr *)&at->bytes, at->size) != 0 || listen(fd, BACKLOG) != 0) {
        int why = errno;
        close(fd);
        errno = why;
        return -1;
    }
    return fd;
}

sl_code sli_posix_socket_listen(sl_env *env, const char *host, int32_t port, sli_socket **out,
                                sl_error *err)
{
    posix_addresses all;
    SL_TRY(sli_posix_resolve(host, port, true, &all, err));
    posix_socket *socket = NULL;
    SL_TRY(socket_new(env, host, port, &socket, err));
    int why = 0;
    // A port that is taken at one address is not evaded to another one: people would reach somebody
    // else.
    for (int32_t i = 0; i < all.n && socket->fd < 0 && why != EADDRINUSE; i++) {
        socket->fd = listen_at(&all.list[i]);
        why = errno;
    }
    if (socket->fd < 0) {
        sl_code rc = sl_error_sys(err, why == EADDRINUSE ? SL_E_BUSY : SL_E_IO, why, "%s: listen",
                                  socket->name);
        socket_drop(socket);
        return rc;
    }
    *out = &socket->head;
    return SL_OK;
}

sl_code sli_posix_socket_accept(sli_socket *listener, sli_socket **out, sl_error *err)
{
    posix_socket *self = (posix_socket *)listener;
    int fd;
    do {
        fd = accept4(self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
    if (fd < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
        return sl_error_set(err, SL_E_TIMEOUT, "%s: nobody waits", self->name);
    }
    if (fd < 0) {
        return sl_error_sys(err, SL_E_IO, errno, "%s: accept", self->name);
    }
    posix_socket *socket = NULL;
    sl_code rc = socket_new(self->head.env, self->name, -1, &socket, err);
    if (rc != SL_OK) {
        close(fd);
        return rc;
    }
    no_delay(fd);
    socket->fd = fd;
    *out = &socket->head;
    return SL_OK;
}

int32_t sli_posix_socket_port(const sli_socket *socket)
{
    const posix_socket *self = (const posix_socket *)socket;
    struct sockaddr_storage at = {0};
    socklen_t size = sizeof at;
    if (getsockname(self->fd, (struct sockaddr *)&at, &size) != 0) {
        return 0;
    }
    if (at.ss_family == AF_INET6) {
        return ntohs(((const struct sockaddr_in6 *)&at)->sin6_port);
    }
    return at.ss_family == AF_INET ? ntohs(((const struct sockaddr_in *)&at)->sin_port) : 0;
}

// ---------------------------------------------------------------- bytes

sl_code sli_posix_socket_stdin(sl_env *env, sli_socket **out, sl_error *err)
{
    posix_socket *socket = NULL;
    SL_TRY(socket_new(env, "standard input", -1, &socket, err));
    socket->is_stdin = true;
    socket->fd =
        fcntl(0, F_DUPFD_CLOEXEC, 3); // a copy, so that closing it leaves the application's alone
    struct stat st;
    if (socket->fd < 0 || fstat(socket->fd, &st) != 0) {
        sl_code rc = sl_error_sys(err, SL_E_IO, errno, "standard input");
        socket_drop(socket);
        return rc;
    }
    *out = &socket->head;
    return SL_OK;
}

/// Standard input is shared with other processes (the shell), so it is not made non-blocking: it is
/// asked first.
static ssize_t stdin_read(posix_socket *self, void *out, size_t size)
{
    struct pollfd ask = {.fd = self->fd, .events = POLLIN};
    int ready = poll(&ask, 1, 0);
    if (ready == 0) {
        errno = EAGAIN;
        return -1;
    }
    return ready < 0 ? -1 : read(self->fd, out, size);
}

/// SL_OK when connected; SL_E_TIMEOUT without a text while it goes on.
static sl_code still_connecting(posix_socket *self, sl_error *err)
{
    return self->addresses == NULL ? SL_OK : sli_posix_socket_connected(&self->head, err);
}

sl_code sli_posix_socket_receive(sli_socket *socket, void *out, size_t size, size_t *n,
                                 sl_error *err)
{
    posix_socket *self = (posix_socket *)socket;
    sl_code rc = still_connecting(self, err);
    if (rc == SL_E_TIMEOUT || (rc == SL_OK && size == 0)) {
        *n = 0;
        return SL_OK;
    }
    SL_TRY(rc);
    ssize_t got;
    do {
        got = self->is_stdin ? stdin_read(self, out, size) : recv(self->fd, out, size, 0);
    } while (got < 0 && errno == EINTR);
    if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        return sl_error_sys(err, SL_E_IO, errno, "%s: receive", self->name);
    }
    if (got == 0) {
        return sl_error_set(err, SL_E_END, "%s: closed by the peer", self->name);
    }
    *n = got < 0 ? 0 : (size_t)got;
    return SL_OK;
}

sl_code sli_posix_socket_send(sli_socket *socket, const void *data, size_t size, size_t *n,
                              sl_error *err)
{
    posix_socket *self = (posix_socket *)socket;
    sl_code rc = still_connecting(self, err);
    if (rc == SL_E_TIMEOUT || (rc == SL_OK && size == 0)) {
        *n = 0;
        return SL_OK;
    }
    SL_TRY(rc);
    ssize_t sent;
    do {
        sent = send(self->fd, data, size, MSG_NOSIGNAL);
    } while (sent < 0 && errno == EINTR);
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
        return sl_error_sys(err, SL_E_IO, errno, "%s: send", self->name);
    }
    *n = sent < 0 ? 0 : (size_t)sent;
    return SL_OK;
}

void sli_posix_socket_finish(sli_socket *socket)
{
    (void)shutdown(((posix_socket *)socket)->fd, SHUT_WR); // fails when the other side is gone
}

void sli_posix_socket_close(sli_socket *socket)
{
    posix_socket *self = (posix_socket *)socket;
    if (self->loop != NULL) {
        sli_posix_loop_unwatch((sli_loop *)self->loop, socket);
    }
    socket_drop(self);
}
