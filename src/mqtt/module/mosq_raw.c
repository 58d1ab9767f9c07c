// Packets that pass by libmosquitto's queue, and the question whether somebody listens.
//
// The queue holds acknowledgements that must not go yet, and is written in order. What may go
// before them is written here, straight to the socket: PINGREQ, so that the broker does not take us
// for dead; SUBSCRIBE, since a session that goes on may bring messages before it; DISCONNECT, since
// an orderly end acknowledges nothing. libmosquitto is never in the middle of a packet then:
// whatever it had to write was written before anything was read.
#include "mosq_int.h"

#include <errno.h>
#include <netdb.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PINGREQ = 0xC0, SUBSCRIBE = 0x82, DISCONNECT = 0xE0, SUBSCRIBE_ID = 1 };

/// Bytes written; 0: not now; -1: the connection is lost.
static long write_some(sli_mqtt *self, const unsigned char *bytes, size_t size)
{
    SSL *ssl = mosquitto_ssl_get(self->mosq);
    if (ssl != NULL) {
        int n = SSL_write(ssl, bytes, (int)size);
        int why = n > 0 ? 0 : SSL_get_error(ssl, n);
        return n > 0 ? n : why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ ? 0 : -1;
    }
    long n = send(mosquitto_socket(self->mosq), bytes, size, MSG_NOSIGNAL);
    return n >= 0 ? n : errno == EAGAIN || errno == EINTR ? 0 : -1;
}

static sl_code write_all(sli_mqtt *self, const unsigned char *bytes, size_t size,
                         int64_t deadline_us, sl_error *err)
{
    for (size_t at = 0; at < size;) {
        long n = write_some(self, bytes + at, size - at);
        if (n < 0) {
            return mosq_fail(err, SL_E_IO, "write", "the connection is lost");
        }
        at += (size_t)n;
        int left_ms = mosq_slice_ms(self, deadline_us);
        if (at < size && left_ms == 0) {
            return mosq_fail(err, SL_E_TIMEOUT, "write", "the broker takes nothing");
        }
        struct pollfd fd = {.fd = mosquitto_socket(self->mosq), .events = POLLOUT};
        if (at < size && poll(&fd, 1, left_ms) < 0 && errno != EINTR) {
            return mosq_fail(err, SL_E_IO, "write", strerror(errno));
        }
    }
    return SL_OK;
}

sl_code mosq_raw_ping(sli_mqtt *self, sl_error *err)
{
    static const unsigned char packet[] = {PINGREQ, 0};
    int64_t now = self->mono_us(self->env);
    self->pinged_us = now;
    return write_all(self, packet, sizeof packet, now + self->ping_us, err);
}

void mosq_raw_disconnect(sli_mqtt *self)
{
    static const unsigned char packet[] = {DISCONNECT, 0};
    (void)!write_some(self, packet, sizeof packet); // lost or not, it is the end
}

/// Fixed header, id, no properties, filter, options.
sl_code mosq_raw_subscribe(sli_mqtt *self, const char *filter, int32_t qos, int64_t deadline_us,
                           sl_error *err)
{
    unsigned char packet[16 + 65536];
    size_t length = strlen(filter), n = 0;
    size_t rest = 2 + (self->is_5 ? 1U : 0U) + 2 + length + 1;
    packet[n++] = SUBSCRIBE;
    do {
        packet[n++] = (unsigned char)(rest % 128 | (rest >= 128 ? 128U : 0U));
        rest /= 128;
    } while (rest > 0);
    packet[n++] = 0;
    packet[n++] = SUBSCRIBE_ID;
    if (self->is_5) {
        packet[n++] = 0;
    }
    packet[n++] = (unsigned char)(length >> 8);
    packet[n++] = (unsigned char)(length & 255);
    memcpy(packet + n, filter, length);
    n += length;
    packet[n++] = (unsigned char)qos;
    return write_all(self, packet, n, deadline_us, err);
}

// ---------------------------------------------------------------- whether somebody listens

static sl_code await_connect(sli_mqtt *self, int socket, const struct addrinfo *to,
                             int64_t deadline_us, int *error)
{
    struct pollfd fd = {.fd = socket, .events = POLLOUT};
    *error = connect(socket, to->ai_addr, to->ai_addrlen) == 0 ? 0 : errno;
    if (*error != EINPROGRESS) {
        return *error == 0 ? SL_OK : SL_E_IO;
    }
    int n = 0;
    do {
        n = poll(&fd, 1, mosq_slice_ms(self, deadline_us));
    } while ((n < 0 && errno == EINTR) || (n == 0 && mosq_left_ms(self, deadline_us) > 0));
    socklen_t size = sizeof *error;
    *error = ETIMEDOUT;
    if (n <= 0) {
        return SL_E_TIMEOUT;
    }
    (void)getsockopt(socket, SOL_SOCKET, SO_ERROR, error, &size);
    return *error == 0 ? SL_OK : SL_E_IO;
}

sl_code mosq_probe(sli_mqtt *self, const char *host, int32_t port, int64_t deadline_us,
                   sl_error *err)
{
    char service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *all = NULL;
    (void)snprintf(service, sizeof service, "%d", (int)port);
    int found = getaddrinfo(host, service, &hints, &all);
    if (found != 0) {
        return mosq_fail(err, SL_E_IO, host, gai_strerror(found));
    }
    sl_code rc = SL_E_IO;
    int error = EADDRNOTAVAIL;
    for (const struct addrinfo *at = all; at != NULL && rc != SL_OK; at = at->ai_next) {
        int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        error = fd < 0 ? errno : 0;
        rc = fd < 0 ? SL_E_IO : await_connect(self, fd, at, deadline_us, &error);
        if (fd >= 0) {
            (void)close(fd);
        }
    }
    freeaddrinfo(all);
    return rc == SL_OK ? SL_OK : mosq_fail(err, rc, "connect", strerror(error));
}
