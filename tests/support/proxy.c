// A thread that passes bytes between pairs of sockets, and the faults that it makes.
#include "proxy.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sl_test.h"

enum { PAIRS = 128, HELD = 64 << 10 };

/// Bytes on their way in one direction.
typedef struct way {
    int from, to;
    size_t size;
    bool lost; ///< what comes is read and forgotten
    char held[HELD];
} way;

/// ways[0] has the requests, ways[1] the answers.
typedef struct pair {
    way ways[2];
} pair;

struct slt_proxy {
    pthread_t thread;
    pthread_mutex_t mutex; ///< guards everything below
    struct sockaddr_in to;
    int listener, wake;
    slt_proxy_fault fault;
    bool stop;
    pair *pairs[PAIRS];
    int n;
};

static struct sockaddr_in address_of(const char *place)
{
    const char *port = strrchr(place, ':');
    assert_non_null(port);
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = htons((uint16_t)strtol(port + 1, NULL, 10))};
}

// ---------------------------------------------------------------- pairs

static void end_pair(slt_proxy *proxy, int i)
{
    (void)close(proxy->pairs[i]->ways[0].from);
    (void)close(proxy->pairs[i]->ways[0].to);
    free(proxy->pairs[i]);
    proxy->pairs[i] = proxy->pairs[--proxy->n];
}

static void begin_pair(slt_proxy *proxy)
{
    int client = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK), one = 1;
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pair *p = calloc(1, sizeof *p);
    bool refused = client < 0 || server < 0 || p == NULL || proxy->n == PAIRS ||
                   proxy->fault == SLT_PROXY_REFUSE ||
                   connect(server, (struct sockaddr *)&proxy->to, sizeof proxy->to) != 0;
    if (refused) {
        (void)close(client);
        (void)close(server);
        free(p);
        return;
    }
    (void)setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    (void)setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    p->ways[0].from = p->ways[1].to = client;
    p->ways[0].to = p->ways[1].from = server;
    proxy->pairs[proxy->n++] = p;
}

/// False: the pair has to end.
static bool pass(way *w)
{
    if (w->size == 0) {
        ssize_t n = recv(w->from, w->held, HELD, MSG_DONTWAIT);
        if (n <= 0) {
            return n < 0 && errno == EAGAIN;
        }
        w->size = w->lost ? 0 : (size_t)n;
    }
    ssize_t n = w->size == 0 ? 0 : send(w->to, w->held, w->size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        return errno == EAGAIN;
    }
    w->size -= (size_t)n;
    memmove(w->held, w->held + n, w->size);
    return true;
}

// ---------------------------------------------------------------- the thread

/// What to wait for: of each way, room for what is held, or else something new.
static int wanted(const slt_proxy *proxy, struct pollfd *ready)
{
    int n = 0;
    ready[n++] = (struct pollfd){.fd = proxy->wake, .events = POLLIN};
    ready[n++] = (struct pollfd){.fd = proxy->listener, .events = POLLIN};
    for (int i = 0; proxy->fault == SLT_PROXY_NONE && i < 2 * proxy->n; i++) {
        const way *w = &proxy->pairs[i / 2]->ways[i % 2];
        ready[n++] = w->size > 0 ? (struct pollfd){.fd = w->to, .events = POLLOUT}
                                 : (struct pollfd){.fd = w->from, .events = POLLIN};
    }
    return n;
}

/// One turn, under the mutex.
static void turn(slt_proxy *proxy, const struct pollfd *ready)
{
    if (ready[1].revents != 0) {
        begin_pair(proxy);
    }
    for (int i = proxy->n - 1; i >= 0; i--) {
        pair *p = proxy->pairs[i];
        bool goes_on = proxy->fault != SLT_PROXY_REFUSE;
        for (int w = 0; goes_on && w < 2 && proxy->fault == SLT_PROXY_NONE; w++) {
            goes_on = pass(&p->ways[w]);
        }
        if (!goes_on) {
            end_pair(proxy, i);
        }
    }
}

static void *run(void *arg)
{
    slt_proxy *proxy = arg;
    struct pollfd ready[2 * PAIRS + 2];
    (void)pthread_mutex_lock(&proxy->mutex);
    while (!proxy->stop) {
        int n = wanted(proxy, ready);
        eventfd_t told;
        (void)pthread_mutex_unlock(&proxy->mutex);
        (void)poll(ready, (nfds_t)n, -1);
        (void)eventfd_read(proxy->wake, &told);
        (void)pthread_mutex_lock(&proxy->mutex);
        turn(proxy, ready);
    }
    (void)pthread_mutex_unlock(&proxy->mutex);
    return NULL;
}

// ---------------------------------------------------------------- from the test

static int listen_at(const char *place)
{
    struct sockaddr_in at = address_of(place);
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one), 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, PAIRS), 0);
    return fd;
}

slt_proxy *slt_proxy_start(const char *at, const char *to)
{
    slt_proxy *proxy = calloc(1, sizeof *proxy);
    assert_non_null(proxy);
    proxy->to = address_of(to);
    proxy->listener = listen_at(at);
    proxy->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(proxy->wake >= 0);
    assert_int_equal(pthread_mutex_init(&proxy->mutex, NULL), 0);
    assert_int_equal(pthread_create(&proxy->thread, NULL, run, proxy), 0);
    return proxy;
}

static void unlock_and_tell(slt_proxy *proxy)
{
    (void)pthread_mutex_unlock(&proxy->mutex);
    (void)eventfd_write(proxy->wake, 1);
}

void slt_proxy_set(slt_proxy *proxy, slt_proxy_fault fault)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->fault = fault;
    unlock_and_tell(proxy);
}

void slt_proxy_lose(slt_proxy *proxy, bool requests)
{
    (void)pthread_mutex_lock(&proxy->mutex);
    for (int i = 0; i < proxy->n; i++) {
        proxy->pairs[i]->ways[0].lost = requests;
        proxy->pairs[i]->ways[1].lost = true;
    }
    unlock_and_tell(proxy);
}

void slt_proxy_end(slt_proxy *proxy)
{
    if (proxy == NULL) {
        return;
    }
    (void)pthread_mutex_lock(&proxy->mutex);
    proxy->stop = true;
    unlock_and_tell(proxy);
    (void)pthread_join(proxy->thread, NULL);
    while (proxy->n > 0) {
        end_pair(proxy, proxy->n - 1);
    }
    (void)close(proxy->listener);
    (void)close(proxy->wake);
    (void)pthread_mutex_destroy(&proxy->mutex);
    free(proxy);
}
