// The feeder: a thread that moves files into the directory and serves numbered lines over a socket,
// also while the program is dead.
//
// A line counts as sent when any byte of it was given to the kernel. Connections are dropped now
// and then, between lines: what was sent before must arrive. A connection that dies with the
// program may lose its end, and nothing but its end.
#include "kill/kill.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"

enum { TURN_MS = 4, MOST_CONNECTIONS = 1 << 16, TURNS_A_FILE = 7 };

struct slt_feed {
    char dir[256];
    pthread_t thread;
    pthread_mutex_t mutex; ///< guards everything below
    sli_rng rng;
    int listener, socket, wake;
    int port;
    int32_t life, n_connections;
    slt_connection *connections;
    int64_t n_files, file_lines, socket_lines, turns;
    char rest[4096]; ///< of lines begun on this connection
    size_t rest_size;
    bool paused, stop;
    char failure[512];
};

int slt_key_of(int64_t number)
{
    return (int)(number % SLT_KEYS);
}

static void failed(slt_feed *feed, const char *what)
{
    if (feed->failure[0] == '\0') {
        (void)snprintf(feed->failure, sizeof feed->failure, "%s: %s", what, strerror(errno));
    }
}

// ---------------------------------------------------------------- files

static void put_file(slt_feed *feed)
{
    char hidden[400], path[400];
    (void)snprintf(hidden, sizeof hidden, "%s/in/.f-%06lld", feed->dir, (long long)feed->n_files);
    (void)snprintf(path, sizeof path, "%s/in/f-%06lld.txt", feed->dir, (long long)feed->n_files);
    FILE *file = fopen(hidden, "wb");
    if (file == NULL) {
        failed(feed, hidden);
        return;
    }
    int64_t n = 1 + (int64_t)sli_rng_below(&feed->rng, 60);
    for (int64_t i = 1; i <= n; i++) {
        int64_t number = feed->file_lines + i;
        (void)fprintf(file, "f %lld k%d\n", (long long)number, slt_key_of(number));
    }
    if (fclose(file) != 0 || rename(hidden, path) != 0) {
        failed(feed, path);
        return;
    }
    feed->file_lines += n;
    feed->n_files++;
}

// ---------------------------------------------------------------- the socket

static void drop_connection(slt_feed *feed)
{
    if (feed->socket >= 0) {
        (void)close(feed->socket);
    }
    feed->socket = -1;
    feed->rest_size = 0;
}

static void accept_one(slt_feed *feed)
{
    int fd = accept4(feed->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
        return;
    }
    if (feed->socket >= 0 || feed->n_connections == MOST_CONNECTIONS) {
        failed(feed, "a second connection at a time");
        (void)close(fd);
        return;
    }
    feed->socket = fd;
    feed->connections[feed->n_connections++] =
        (slt_connection){feed->socket_lines + 1, feed->socket_lines, feed->life};
}

/// Sends what is left of lines begun. Thread: any, under the mutex.
static void send_rest(slt_feed *feed)
{
    ssize_t n = send(feed->socket, feed->rest, feed->rest_size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0 && errno != EAGAIN) {
        drop_connection(feed); // the program has died
    } else if (n > 0) {
        feed->rest_size -= (size_t)n;
        memmove(feed->rest, feed->rest + n, feed->rest_size);
    }
}

static void send_lines(slt_feed *feed)
{
    if (feed->rest_size == 0 && !feed->paused) {
        int64_t n = 1 + (int64_t)sli_rng_below(&feed->rng, 24);
        for (int64_t i = 0; i < n; i++) {
            int64_t number = ++feed->socket_lines;
            feed->rest_size +=
                (size_t)snprintf(feed->rest + feed->rest_size, sizeof feed->rest - feed->rest_size,
                                 "s %lld k%d\n", (long long)number, slt_key_of(number));
        }
        feed->connections[feed->n_connections - 1].last = feed->socket_lines;
    }
    if (feed->rest_size > 0) {
        send_rest(feed);
    }
    if (feed->socket >= 0 && feed->rest_size == 0 && !feed->paused &&
        sli_rng_below(&feed->rng, 40) == 0) {
        drop_connection(feed);
    }
}

static void *run(void *arg)
{
    slt_feed *feed = arg;
    for (;;) {
        struct pollfd ready[] = {{.fd = feed->listener, .events = POLLIN},
                                 {.fd = feed->wake, .events = POLLIN}};
        (void)pthread_mutex_lock(&feed->mutex);
        if (feed->stop) {
            (void)pthread_mutex_unlock(&feed->mutex);
            return NULL;
        }
        if (feed->socket < 0) {
            accept_one(feed);
        } else {
            send_lines(feed);
        }
        if (!feed->paused && feed->turns++ % TURNS_A_FILE == 0) {
            put_file(feed);
        }
        ready[0].fd = feed->socket < 0 ? feed->listener : -1;
        (void)pthread_mutex_unlock(&feed->mutex);
        (void)poll(ready, 2, TURN_MS); // the pace of the feed
    }
}

// ---------------------------------------------------------------- from the test

static void listen_somewhere(slt_feed *feed)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    feed->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_true(feed->listener >= 0);
    assert_int_equal(bind(feed->listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(feed->listener, 64), 0);
    assert_int_equal(getsockname(feed->listener, (struct sockaddr *)&at, &size), 0);
    feed->port = ntohs(at.sin_port);
}

slt_feed *slt_feed_start(const char *dir, uint64_t seed)
{
    slt_feed *feed = calloc(1, sizeof *feed);
    assert_non_null(feed);
    feed->connections = calloc(MOST_CONNECTIONS, sizeof *feed->connections);
    assert_non_null(feed->connections);
    (void)snprintf(feed->dir, sizeof feed->dir, "%s", dir);
    feed->rng.state = seed;
    feed->socket = -1;
    feed->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_true(feed->wake >= 0);
    listen_somewhere(feed);
    assert_int_equal(pthread_mutex_init(&feed->mutex, NULL), 0);
    assert_int_equal(pthread_create(&feed->thread, NULL, run, feed), 0);
    return feed;
}

int slt_feed_port(const slt_feed *feed)
{
    return feed->port;
}

void slt_feed_break(slt_feed *feed)
{
    (void)pthread_mutex_lock(&feed->mutex);
    drop_connection(feed);
    for (int fd; (fd = accept4(feed->listener, NULL, NULL, SOCK_CLOEXEC)) >= 0;) {
        (void)close(fd); // made by the dead program and never served
    }
    feed->life++;
    (void)pthread_mutex_unlock(&feed->mutex);
}

void slt_feed_pause(slt_feed *feed)
{
    (void)pthread_mutex_lock(&feed->mutex);
    feed->paused = true;
    (void)pthread_mutex_unlock(&feed->mutex);
}

static int64_t locked(slt_feed *feed, const int64_t *value)
{
    (void)pthread_mutex_lock(&feed->mutex);
    int64_t n = *value;
    char failure[512];
    memcpy(failure, feed->failure, sizeof failure);
    (void)pthread_mutex_unlock(&feed->mutex);
    if (failure[0] != '\0') {
        fail_msg("the feed: %s", failure);
    }
    return n;
}

int64_t slt_feed_file_lines(slt_feed *feed)
{
    return locked(feed, &feed->file_lines);
}

int64_t slt_feed_socket_lines(slt_feed *feed)
{
    return locked(feed, &feed->socket_lines);
}

const slt_connection *slt_feed_connections(slt_feed *feed, int32_t *n)
{
    (void)pthread_mutex_lock(&feed->mutex);
    *n = feed->n_connections;
    (void)pthread_mutex_unlock(&feed->mutex);
    return feed->connections;
}

void slt_feed_stop(slt_feed *feed)
{
    (void)pthread_mutex_lock(&feed->mutex);
    feed->stop = true;
    (void)pthread_mutex_unlock(&feed->mutex);
    (void)eventfd_write(feed->wake, 1);
    (void)pthread_join(feed->thread, NULL);
    drop_connection(feed);
    (void)close(feed->listener);
    (void)close(feed->wake);
    (void)pthread_mutex_destroy(&feed->mutex);
    free(feed->connections);
    free(feed);
}
