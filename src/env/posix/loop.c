/// loop.c — the loop of the real world: epoll for sockets, an eventfd to be woken, timers as
/// epoll's timeout.
///
/// A foreign event loop may own the thread: it watches sli_loop_fd and calls sli_loop_run when it
/// is readable. Only then a timerfd is kept in the epoll set, since epoll's own timeout is not seen
/// from outside.
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "env/posix/posix_int.h"

enum {
    ROUND = 64,       ///< sockets taken from epoll in one round
    ALWAYS_READY = 8, ///< files watched as sockets: standard input, in practice
};

typedef struct posix_ready {
    posix_socket *socket; ///< NULL: unwatched by a callback of this round
    int32_t bits;
} posix_ready;

struct posix_loop {
    sli_loop head;
    int epoll, event, timer; ///< timer: -1 unless sli_loop_fd was asked
    int64_t timer_at;        ///< what the timerfd is armed for
    bool no_pwait2;
    int32_t n_watched, n_always, n_ready;
    posix_socket *always[ALWAYS_READY];
    posix_ready ready[ROUND + ALWAYS_READY];
    sli_timers timers;
};

// What epoll hands back for the two descriptors that are not sockets: addresses of fields, never of
// a socket.
static void *mark_event(posix_loop *loop)
{
    return &loop->event;
}

static void *mark_timer(posix_loop *loop)
{
    return &loop->timer;
}

sli_loop *sli_posix_loop_new(sl_env *env)
{
    posix_loop *loop = sl_alloc_zero(SLI_TAG_ENV, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    loop->head.env = env;
    loop->timer = -1;
    loop->timer_at = SLI_FOREVER;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    // Edge-triggered: each wake is one event, and nobody needs to read the counter.
    struct epoll_event wake = {.events = EPOLLIN | EPOLLET, .data.ptr = mark_event(loop)};
    if (loop->epoll < 0 || loop->event < 0 ||
        epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->event, &wake) != 0) {
        sli_posix_loop_free(&loop->head);
        return NULL;
    }
    return &loop->head;
}

void sli_posix_loop_free(sli_loop *loop)
{
    posix_loop *self = (posix_loop *)loop;
    SL_ASSERT(self->n_watched == 0, "a loop is freed while sockets are in it");
    const int fds[] = {self->epoll, self->event, self->timer};
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    sli_timers_reset(&self->timers);
    sl_free(self);
}

// ---------------------------------------------------------------- watching

static uint32_t epoll_bits(int32_t interest)
{
    uint32_t bits = (interest & SLI_READABLE) != 0 ? EPOLLIN | EPOLLRDHUP : 0U;
    return bits | ((interest & SLI_WRITABLE) != 0 ? EPOLLOUT : 0U);
}

static sl_code always_add(posix_loop *loop, posix_socket *socket, sl_error *err)
{
    if (loop->n_always == ALWAYS_READY) {
        return sl_error_set(err, SL_E_INVALID, "%s: more than %d files in one loop", socket->name,
                            ALWAYS_READY);
    }
    loop->always[loop->n_always++] = socket;
    socket->always_ready = true;
    return SL_OK;
}

/// Makes epoll's set follow socket->interest, which was `before`. A socket without interest is
/// taken out: epoll would report its hang-up again and again.
static sl_code epoll_follow(posix_loop *loop, posix_socket *socket, int32_t before, sl_error *err)
{
    if (socket->always_ready || socket->interest == before) {
        return SL_OK;
    }
    int op = before == 0 ? EPOLL_CTL_ADD : socket->interest == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = epoll_bits(socket->interest), .data.ptr = socket};
    if (epoll_ctl(loop->epoll, op, socket->fd, &event) == 0) {
        return SL_OK;
    }
    if (errno == EPERM && op == EPOLL_CTL_ADD) {
        return always_add(loop, socket, err); // a file: always ready
    }
    return sl_error_sys(err, SL_E_IO, errno, "%s: watch", socket->name);
}

sl_code sli_posix_loop_watch(sli_loop *loop, sli_socket *socket, int32_t interest, sli_ready_fn fn,
                             void *ctx, sl_error *err)
{
    posix_loop *self = (posix_loop *)loop;
    posix_socket *s = (posix_socket *)socket;
    SL_ASSERT(s->loop == NULL || s->loop == self, "a socket is in one loop at a time");
    if (s->loop == NULL && self->n_watched == SLI_LOOP_LIMIT) {
        return sl_error_set(err, SL_E_INVALID, "more than %d sockets in one loop", SLI_LOOP_LIMIT);
    }
    int32_t before = s->loop == NULL ? 0 : s->interest;
    s->interest = interest;
    sl_code rc = epoll_follow(self, s, before, err);
    if (rc != SL_OK) {
        s->interest = before;
        return rc;
    }
    if (s->loop == NULL) {
        s->loop = self;
        self->n_watched++;
    }
    s->fn = fn;
    s->ctx = ctx;
    return SL_OK;
}

void sli_posix_loop_unwatch(sli_loop *loop, sli_socket *socket)
{
    posix_loop *self = (posix_loop *)loop;
    posix_socket *s = (posix_socket *)socket;
    if (s->loop != self) {
        return;
    }
    if (!s->always_ready && s->interest != 0) {
        epoll_ctl(self->epoll, EPOLL_CTL_DEL, s->fd, NULL); // can only fail when it is out already
    }
    for (int32_t i = 0; i < self->n_always; i++) {
        if (self->always[i] == s) {
            self->always[i--] = self->always[--self->n_always];
        }
    }
    for (int32_t i = 0; i < self->n_ready; i++) {
        if (self->ready[i].socket == s) {
            self->ready[i].socket = NULL; // it may be freed before this round gets to it
        }
    }
    s->always_ready = false;
    s->loop = NULL;
    s->interest = 0;
    self->n_watched--;
}

sl_code sli_posix_loop_rejoin(posix_socket *socket, sl_error *err)
{
    if (socket->loop == NULL || socket->interest == 0) {
        return SL_OK;
    }
    return epoll_follow(socket->loop, socket, 0,
                        err); // the old descriptor left the set when dup3 closed it
}

// ---------------------------------------------------------------- timers and waking

static void timer_arm(posix_loop *loop)
{
    int64_t at = sli_timers_next(&loop->timers);
    if (loop->timer < 0 || at == loop->timer_at) {
        return;
    }
    struct itimerspec when = {0}; // zero disarms
    if (at != SLI_FOREVER) {
        int64_t us = at < 1 ? 1 : at;
        when.it_value = (struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    }
    int rc = timerfd_settime(loop->timer, TFD_TIMER_ABSTIME, &when, NULL);
    SL_ASSERT(rc == 0, "a timerfd refused a valid time");
    loop->timer_at = at;
}

sl_code sli_posix_loop_timer(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx,
                             sl_error *err)
{
    posix_loop *self = (posix_loop *)loop;
    SL_TRY(sli_timers_set(&self->timers, at_us, fn, ctx, err));
    timer_arm(self);
    return SL_OK;
}

void sli_posix_loop_wake(sli_loop *loop)
{
    uint64_t one = 1;
    ssize_t n;
    do {
        n = write(((posix_loop *)loop)->event, &one, sizeof one);
    } while (n < 0 && errno == EINTR);
}

int sli_posix_loop_fd(sli_loop *loop)
{
    posix_loop *self = (posix_loop *)loop;
    if (self->timer < 0) {
        self->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        struct epoll_event due = {.events = EPOLLIN, .data.ptr = mark_timer(self)};
        if (self->timer >= 0 && epoll_ctl(self->epoll, EPOLL_CTL_ADD, self->timer, &due) != 0) {
            close(self->timer);
            self->timer = -1;
        }
        if (self->timer < 0) {
            return -1; // out of descriptors: the caller must run the loop by itself
        }
        timer_arm(self);
    }
    return self->epoll;
}

// ---------------------------------------------------------------- running

/// epoll_wait with nanoseconds. Kernels before 5.11 and some sandboxes lack epoll_pwait2: there
/// ppoll waits.
static int wait_ready(posix_loop *loop, struct epoll_event *events, int64_t until_us)
{
    struct timespec span = {0};
    if (until_us != SLI_FOREVER) {
        int64_t left = until_us - sli_posix_mono_us(loop->head.env);
        left = left < 0 ? 0 : left;
        span = (struct timespec){.tv_sec = left / 1000000, .tv_nsec = left % 1000000 * 1000};
    }
    const struct timespec *limit = until_us == SLI_FOREVER ? NULL : &span;
    if (!loop->no_pwait2) {
        int n = epoll_pwait2(loop->epoll, events, ROUND, limit, NULL);
        if (n >= 0 || (errno != ENOSYS && errno != EPERM)) {
            return n;
        }
        loop->no_pwait2 = true;
    }
    struct pollfd ask = {.fd = loop->epoll, .events = POLLIN};
    return ppoll(&ask, 1, limit, NULL) < 0 ? -1 : epoll_wait(loop->epoll, events, ROUND, 0);
}

/// What a callback is told: errors and hang-ups count as whatever it waits for, so that its next
/// call finds out.
static int32_t ready_bits(uint32_t events, int32_t interest)
{
    int32_t bits = (events & (EPOLLIN | EPOLLRDHUP)) != 0 ? SLI_READABLE : 0;
    bits |= (events & EPOLLOUT) != 0 ? SLI_WRITABLE : 0;
    return (events & (EPOLLERR | EPOLLHUP)) != 0 ? interest : bits & interest;
}

static void ready_add(posix_loop *loop, posix_socket *socket, int32_t bits)
{
    if (bits != 0) {
        loop->ready[loop->n_ready++] = (posix_ready){socket, bits};
    }
}

static void collect(posix_loop *loop, const struct epoll_event *events, int n)
{
    loop->n_ready = 0;
    for (int i = 0; i < n; i++) {
        if (events[i].data.ptr == mark_timer(loop)) {
            uint64_t times; // reading makes it quiet; what is due is found in the timers
            ssize_t got = read(loop->timer, &times, sizeof times);
            loop->timer_at = got > 0 ? -1 : loop->timer_at;
        } else if (events[i].data.ptr != mark_event(loop)) {
            posix_socket *socket = events[i].data.ptr;
            ready_add(loop, socket, ready_bits(events[i].events, socket->interest));
        }
    }
    for (int32_t i = 0; i < loop->n_always; i++) {
        ready_add(loop, loop->always[i], loop->always[i]->interest);
    }
}

static void dispatch(posix_loop *loop)
{
    for (int32_t i = 0; i < loop->n_ready; i++) {
        posix_ready *r = &loop->ready[i];
        if (r->socket != NULL && (r->bits & r->socket->interest) != 0) {
            r->socket->fn(r->socket->ctx, r->bits & r->socket->interest);
        }
    }
    loop->n_ready = 0;
}

static bool always_wanted(const posix_loop *loop)
{
    for (int32_t i = 0; i < loop->n_always; i++) {
        if (loop->always[i]->interest != 0) {
            return true;
        }
    }
    return false;
}

sl_code sli_posix_loop_run(sli_loop *loop, int64_t deadline_us, sl_error *err)
{
    posix_loop *self = (posix_loop *)loop;
    SL_ASSERT(self->n_ready == 0, "sli_loop_run was called from a callback of the same loop");
    int64_t until = sli_timers_next(&self->timers);
    until = deadline_us < until ? deadline_us : until;
    struct epoll_event events[ROUND];
    int n = wait_ready(self, events, always_wanted(self) ? 0 : until);
    if (n < 0 && errno != EINTR) {
        return sl_error_sys(err, SL_E_IO, errno, "wait for sockets");
    }
    collect(self, events, n < 0 ? 0 : n);
    dispatch(self);
    sli_timers_fire(&self->timers, sli_posix_mono_us(self->head.env));
    timer_arm(self);
    return SL_OK;
}
