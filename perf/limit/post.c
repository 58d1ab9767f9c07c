/// post.c — requests from many connections, each of which sends the next when it has the answer to
/// the last.
///
///     post PORT CONNECTIONS BYTES SECONDS
///
/// A body is lines of 100 bytes. Prints requests that were answered with 204, of all that were
/// begun within the time.
#include "limit.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LINE = 100, EVENTS = 64, ANSWER = 512, MOST = 4096 };

typedef struct conn {
    int fd;
    size_t sent, heard;
    char answer[ANSWER];
} conn;

typedef struct sender {
    int poller;
    char *request;
    size_t size;
    int64_t until_ns, n;
    int under_way;
} sender;

static void check(bool good, const char *what)
{
    if (!good) {
        limit_die_errno(what);
    }
}

static void make_request(sender *s, size_t bytes)
{
    s->request = malloc(bytes + 256);
    check(s->request != NULL, "memory");
    int head = sprintf(
        s->request, "POST /in HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", bytes);
    s->size = (size_t)head + bytes;
    for (size_t i = 0; i < bytes; i++) {
        s->request[(size_t)head + i] = i % LINE == LINE - 1 || i == bytes - 1 ? '\n' : 'x';
    }
}

static void watch(const sender *s, conn *c, int how, uint32_t events)
{
    struct epoll_event event = {.events = events, .data.ptr = c};
    check(epoll_ctl(s->poller, how, c->fd, &event) == 0, "epoll_ctl");
}

static void send_on(sender *s, conn *c)
{
    ssize_t n = send(c->fd, s->request + c->sent, s->size - c->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    check(n >= 0 || errno == EAGAIN, "send");
    c->sent += n > 0 ? (size_t)n : 0;
    watch(s, c, EPOLL_CTL_MOD, c->sent < s->size ? EPOLLOUT | EPOLLIN : EPOLLIN);
}

static void begin(sender *s, conn *c)
{
    c->sent = c->heard = 0;
    if (limit_wall_ns() < s->until_ns) {
        send_on(s, c);
    } else {
        s->under_way--;
    }
}

static void hear(sender *s, conn *c)
{
    ssize_t n = recv(c->fd, c->answer + c->heard, ANSWER - 1 - c->heard, MSG_DONTWAIT);
    check(n > 0, "an answer");
    c->heard += (size_t)n;
    c->answer[c->heard] = '\0';
    if (strstr(c->answer, "\r\n\r\n") != NULL) {
        if (strncmp(c->answer, "HTTP/1.1 204 ", 13) != 0) {
            limit_die("the answer is %s", c->answer);
        }
        s->n++;
        begin(s, c);
    }
}

static void connect_all(sender *s, conn *conns, int n, int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1;
    for (int i = 0; i < n; i++) {
        conns[i].fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        check(connect(conns[i].fd, (struct sockaddr *)(void *)&at, sizeof at) == 0, "connect");
        (void)setsockopt(conns[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        watch(s, &conns[i], EPOLL_CTL_ADD, EPOLLIN);
    }
}

int main(int argc, char **argv)
{
    static conn conns[MOST];
    sender s = {.poller = epoll_create1(EPOLL_CLOEXEC)};
    int n = argc == 5 ? atoi(argv[2]) : 0;
    if (n < 1 || n > MOST || atoi(argv[3]) < 1) {
        limit_die("usage: post PORT CONNECTIONS BYTES SECONDS");
    }
    make_request(&s, (size_t)atoi(argv[3]));
    connect_all(&s, conns, n, atoi(argv[1]));
    int64_t start_ns = limit_wall_ns();
    s.until_ns = start_ns + (int64_t)(atof(argv[4]) * 1e9);
    s.under_way = n;
    for (int i = 0; i < n; i++) {
        begin(&s, &conns[i]);
    }
    while (s.under_way > 0) {
        struct epoll_event ready[EVENTS];
        int got = epoll_wait(s.poller, ready, EVENTS, 10000);
        check(got > 0, "an answer");
        for (int i = 0; i < got; i++) {
            conn *c = ready[i].data.ptr;
            if ((ready[i].events & EPOLLIN) != 0) {
                hear(&s, c);
            } else {
                send_on(&s, c);
            }
        }
    }
    double wall_s = (double)(limit_wall_ns() - start_ns) / 1e9;
    printf("requests=%lld wall_s=%.3f requests_s=%.0f mb_s=%.1f\n", (long long)s.n, wall_s,
           (double)s.n / wall_s, (double)s.n * atof(argv[3]) / wall_s / 1e6);
    return 0;
}
