// A sender over HTTP, as small as it can be.
#include "kill/post.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "sl_test.h"

enum { ANSWER_MS = 10000, AGAIN_MS = 3 };

struct slt_post {
    pthread_t thread;
    int port, wake, fd; ///< fd: -1 without a connection
    sli_rng rng;
    int64_t n_done, n_sent;
    _Atomic bool ends;
};

static struct sockaddr_in loopback(int port)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_port = htons((uint16_t)port),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void drop(slt_post *post)
{
    if (post->fd >= 0) {
        (void)close(post->fd);
    }
    post->fd = -1;
}

static bool is_connected(slt_post *post)
{
    struct sockaddr_in at = loopback(post->port);
    if (post->fd < 0) {
        post->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(post->fd, (struct sockaddr *)&at, sizeof at) != 0) {
            drop(post);
        }
    }
    return post->fd >= 0;
}

static bool is_sent(slt_post *post, int64_t k)
{
    char body[96], text[256];
    int size = snprintf(body, sizeof body, "%lld\n%lld\n%lld\n", (long long)(3 * k - 2),
                        (long long)(3 * k - 1), (long long)(3 * k));
    int n = snprintf(text, sizeof text,
                     "POST /in HTTP/1.1\r\nHost: localhost\r\nIdempotency-Key: r-%lld\r\n"
                     "Content-Length: %d\r\n\r\n%s",
                     (long long)k, size, body);
    post->n_sent++;
    return send(post->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/// Whether the answer is 204. Answers have no body, so that one read brings one.
static bool is_answered(slt_post *post)
{
    char text[256];
    struct pollfd ask = {.fd = post->fd, .events = POLLIN};
    ssize_t n = poll(&ask, 1, ANSWER_MS) == 1 ? recv(post->fd, text, sizeof text - 1, 0) : 0;
    text[n > 0 ? n : 0] = '\0';
    return strncmp(text, "HTTP/1.1 204 ", 13) == 0;
}

/// One try. What is not acknowledged may have been taken.
static bool try_once(slt_post *post, int64_t k)
{
    if (!is_connected(post) || !is_sent(post, k)) {
        drop(post);
        return false;
    }
    if (sli_rng_below(&post->rng, 50) == 0) { // goes without waiting
        drop(post);
        return false;
    }
    if (!is_answered(post)) {
        drop(post);
        return false;
    }
    return sli_rng_below(&post->rng, 50) != 0; // 204, and again all the same
}

static void *run(void *arg)
{
    slt_post *post = arg;
    struct pollfd ask = {.fd = post->wake, .events = POLLIN};
    while (!atomic_load(&post->ends)) {
        while (!try_once(post, post->n_done + 1)) {
            if (post->fd < 0) {
                (void)poll(&ask, 1, AGAIN_MS);
            }
        }
        post->n_done++;
    }
    drop(post);
    return NULL;
}

slt_post *slt_post_start(int port, uint64_t seed)
{
    slt_post *post = calloc(1, sizeof *post);
    assert_non_null(post);
    *post = (slt_post){.port = port, .wake = eventfd(0, EFD_CLOEXEC), .fd = -1, .rng = {seed}};
    assert_int_equal(pthread_create(&post->thread, NULL, run, post), 0);
    return post;
}

int64_t slt_post_end(slt_post *post, int64_t *repeats)
{
    atomic_store(&post->ends, true);
    assert_int_equal(pthread_join(post->thread, NULL), 0);
    int64_t n = post->n_done;
    *repeats = post->n_sent - n;
    (void)close(post->wake);
    free(post);
    return n;
}
