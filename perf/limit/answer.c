/// answer.c — a loop that answers what others send it as soon as it has read it, and does nothing
/// else: beside it the engine, which answers when its log is synced, is measured.
///
///     answer flume PORT      frames of Flume's Avro sinks: OK
///     answer http PORT       requests, read by the library that the engine reads them with: 204
///
/// It runs until it is ended; who sends counts the answers.
#include "limit.h"

#include <arpa/inet.h>
#include <http_parser.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 256 << 10, EVENTS = 64 };

typedef struct conn {
    int fd;
    // ---- Flume: a frame is u32 serial, u32 n, n times u32 size and bytes
    uint8_t number[8];
    uint32_t have, wanted; ///< bytes of `number`
    uint32_t serial, buffers, skip;
    bool in_frame, shaken;
    // ---- HTTP
    http_parser parser;
} conn;

static bool is_http;

static void check(bool good, const char *what)
{
    if (!good) {
        limit_die_errno(what);
    }
}

static void say(conn *c, const void *data, size_t size)
{
    // An answer is small, and one that finds no room is of somebody who does not read.
    check(send(c->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size, "send");
}

// ---------------------------------------------------------------- Flume

static uint32_t number_at(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/// The first of a connection also says that the handshake matches.
static void answer_frame(conn *c)
{
    uint8_t out[19] = {0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 7};
    uint32_t serial = htonl(c->serial);
    memcpy(out, &serial, sizeof serial);
    out[11] = c->shaken ? 3 : 7;
    say(c, out, c->shaken ? 15 : 19);
    c->shaken = true;
    c->in_frame = false;
    c->wanted = 8;
}

/// The number that was waited for is there.
static void on_number(conn *c)
{
    c->have = 0;
    if (!c->in_frame) {
        c->serial = number_at(c->number);
        c->buffers = number_at(c->number + 4);
        c->in_frame = true;
        c->wanted = 4;
    } else {
        c->skip = number_at(c->number);
        c->buffers--;
    }
    if (c->skip == 0 && c->buffers == 0) {
        answer_frame(c);
    }
}

static void read_frames(conn *c, const uint8_t *data, size_t size)
{
    while (size > 0) {
        size_t n = c->skip > 0 ? c->skip : c->wanted - c->have;
        n = n < size ? n : size;
        if (c->skip > 0) {
            c->skip -= (uint32_t)n;
            if (c->skip == 0 && c->buffers == 0) {
                answer_frame(c);
            }
        } else {
            memcpy(c->number + c->have, data, n);
            c->have += (uint32_t)n;
            if (c->have == c->wanted) {
                on_number(c);
            }
        }
        data += n;
        size -= n;
    }
}

// ---------------------------------------------------------------- HTTP

static int on_whole(http_parser *parser)
{
    static const char answer[] = "HTTP/1.1 204 No Content\r\n\r\n";
    say(parser->data, answer, sizeof answer - 1);
    return 0;
}

static void read_requests(conn *c, const char *data, size_t size)
{
    static const http_parser_settings settings = {.on_message_complete = on_whole};
    if (http_parser_execute(&c->parser, &settings, data, size) != size) {
        limit_die("no request");
    }
}

// ---------------------------------------------------------------- connections

static int listen_at(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    check(fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
              bind(fd, (struct sockaddr *)(void *)&at, sizeof at) == 0 && listen(fd, 512) == 0,
          "listen");
    return fd;
}

static void meet(int poller, int listener)
{
    int one = 1;
    conn *c = calloc(1, sizeof *c);
    check(c != NULL, "memory");
    c->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    check(c->fd >= 0, "accept");
    (void)setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->wanted = 8;
    http_parser_init(&c->parser, HTTP_REQUEST);
    c->parser.data = c;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    check(epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) == 0, "epoll_ctl");
}

static void hear(conn *c)
{
    static char piece[PIECE];
    ssize_t n = recv(c->fd, piece, sizeof piece, 0);
    if (n <= 0) {
        (void)close(c->fd);
        free(c);
    } else if (is_http) {
        read_requests(c, piece, (size_t)n);
    } else {
        read_frames(c, (const uint8_t *)piece, (size_t)n);
    }
}

int main(int argc, char **argv)
{
    is_http = argc == 3 && strcmp(argv[1], "http") == 0;
    if (argc != 3 || (!is_http && strcmp(argv[1], "flume") != 0)) {
        limit_die("usage: answer flume|http PORT");
    }
    int listener = listen_at(atoi(argv[2])), poller = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event door = {.events = EPOLLIN, .data.ptr = NULL}, ready[EVENTS];
    check(poller >= 0 && epoll_ctl(poller, EPOLL_CTL_ADD, listener, &door) == 0, "epoll");
    for (;;) {
        int n = epoll_wait(poller, ready, EVENTS, -1);
        check(n >= 0, "epoll_wait");
        for (int i = 0; i < n; i++) {
            if (ready[i].data.ptr == NULL) {
                meet(poller, listener);
            } else {
                hear(ready[i].data.ptr);
            }
        }
    }
}
