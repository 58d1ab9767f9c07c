/// loop.c — the loop in simulation: the same contract as epoll's, over queues in memory and virtual
/// time.
#include "env/sim/sim_int.h"

typedef struct sim_ready {
    sim_socket *socket; ///< NULL: unwatched by a callback of this round
    int32_t bits;
} sim_ready;

typedef struct sim_loop {
    sli_loop head;
    sim_socket **watched;
    sim_ready *ready; ///< of the round that runs; as many places as `watched`
    size_t n, n_ready, capacity;
    bool woken;
    sli_timers timers;
} sim_loop;

sli_loop *sli_sim_loop_new(sl_env *env)
{
    sim_loop *loop = sl_alloc_zero(SLI_TAG_ENV, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    loop->head.env = env;
    return &loop->head;
}

void sli_sim_loop_free(sli_loop *loop)
{
    sim_loop *self = (sim_loop *)loop;
    SL_ASSERT(self->n == 0, "a loop is freed while sockets are in it");
    sli_timers_reset(&self->timers);
    sl_free(self->watched);
    sl_free(self->ready);
    sl_free(self);
}

static sl_code loop_grow(sim_loop *loop, sl_error *err)
{
    if (loop->n < loop->capacity) {
        return SL_OK;
    }
    if (loop->n >= SLI_LOOP_LIMIT) {
        return sl_error_set(err, SL_E_INVALID, "more than %d sockets in one loop", SLI_LOOP_LIMIT);
    }
    size_t capacity = loop->capacity == 0 ? 8 : loop->capacity * 2;
    sim_socket **watched = sl_realloc(SLI_TAG_ENV, loop->watched, capacity * sizeof(sim_socket *));
    if (watched != NULL) {
        loop->watched = watched;
    }
    sim_ready *ready = sl_realloc(SLI_TAG_ENV, loop->ready, capacity * sizeof(sim_ready));
    if (ready != NULL) {
        loop->ready = ready;
    }
    if (watched == NULL || ready == NULL) {
        return sl_error_nomem(err, capacity * sizeof(sim_ready), "sockets of a loop");
    }
    loop->capacity = capacity;
    return SL_OK;
}

static sl_code watch(sim_loop *loop, sim_socket *socket, sl_error *err)
{
    SL_ASSERT(socket->loop == NULL || socket->loop == loop, "a socket is in one loop at a time");
    if (socket->loop == NULL) {
        SL_TRY(loop_grow(loop, err));
        loop->watched[loop->n++] = socket;
        socket->loop = loop;
    }
    return SL_OK;
}

sl_code sli_sim_loop_watch(sli_loop *loop, sli_socket *socket, int32_t interest, sli_ready_fn fn,
                           void *ctx, sl_error *err)
{
    sim_socket *s = (sim_socket *)socket;
    sim_call call;
    sl_code rc = sli_sim_begin(&call, (sim_env *)loop->env, SIM_LOOP_WATCH, err);
    sli_sim_note_number(&call, interest);
    if (rc == SL_OK) {
        rc = watch((sim_loop *)loop, s, err);
    }
    if (rc == SL_OK) {
        s->interest = interest;
        s->fn = fn;
        s->ctx = ctx;
    }
    return sli_sim_end(&call, rc);
}

void sli_sim_loop_unwatch(sli_loop *loop, sli_socket *socket)
{
    sim_loop *self = (sim_loop *)loop;
    sim_socket *s = (sim_socket *)socket;
    if (s->loop != self) {
        return;
    }
    size_t i = 0;
    while (self->watched[i] != s) {
        i++;
    }
    self->n--;
    memmove(&self->watched[i], &self->watched[i + 1], (self->n - i) * sizeof(sim_socket *));
    for (size_t k = 0; k < self->n_ready; k++) {
        if (self->ready[k].socket == s) {
            self->ready[k].socket = NULL;
        }
    }
    s->loop = NULL;
    s->interest = 0;
}

sl_code sli_sim_loop_timer(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, (sim_env *)loop->env, SIM_LOOP_TIMER, err);
    sli_sim_note_number(&call, at_us);
    if (rc == SL_OK) {
        rc = sli_timers_set(&((sim_loop *)loop)->timers, at_us, fn, ctx, err);
    }
    return sli_sim_end(&call, rc);
}

void sli_sim_loop_wake(sli_loop *loop)
{
    (void)sli_sim_answer((sim_env *)loop->env, SIM_LOOP_WAKE);
    ((sim_loop *)loop)->woken = true;
}

int sli_sim_loop_fd(sli_loop *loop)
{
    (void)loop;
    return -1;
}

// ---------------------------------------------------------------- running

static int32_t socket_bits(const sim_socket *socket)
{
    int32_t bits = sli_sim_socket_readable(socket) ? SLI_READABLE : 0;
    bits |= sli_sim_socket_writable(socket) ? SLI_WRITABLE : 0;
    return bits & socket->interest;
}

static bool loop_is_ready(const void *ctx)
{
    const sim_loop *loop = ctx;
    for (size_t i = 0; i < loop->n; i++) {
        if (socket_bits(loop->watched[i]) != 0) {
            return true;
        }
    }
    return loop->woken;
}

/// Calls what is ready, beginning anywhere: the kernel promises no order either.
static void dispatch(sim_loop *loop, sli_rng *rng)
{
    size_t start = loop->n == 0 ? 0 : (size_t)sli_rng_below(rng, loop->n);
    loop->n_ready = 0;
    for (size_t i = 0; i < loop->n; i++) {
        sim_socket *socket = loop->watched[(start + i) % loop->n];
        int32_t bits = socket_bits(socket);
        if (bits != 0) {
            loop->ready[loop->n_ready++] = (sim_ready){socket, bits};
        }
    }
    for (size_t i = 0; i < loop->n_ready;
         i++) { // callbacks may unwatch (ready[i] becomes NULL) and watch (it may move)
        sim_socket *socket = loop->ready[i].socket;
        int32_t bits = socket == NULL ? 0 : loop->ready[i].bits & socket->interest;
        if (bits != 0) {
            socket->fn(socket->ctx, bits);
        }
    }
    loop->n_ready = 0;
}

sl_code sli_sim_loop_run(sli_loop *loop, int64_t deadline_us, sl_error *err)
{
    sim_loop *self = (sim_loop *)loop;
    sim_env *env = (sim_env *)loop->env;
    SL_ASSERT(self->n_ready == 0, "sli_loop_run was called from a callback of the same loop");
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env, SIM_LOOP_RUN, err);
    sli_sim_note_number(&call, deadline_us);
    if (rc != SL_OK) {
        return sli_sim_end(&call, rc);
    }
    int64_t until = sli_timers_next(&self->timers);
    until = deadline_us < until ? deadline_us : until;
    rc = sli_sim_wait(env, loop_is_ready, self, until, true);
    if (rc == SL_E_CRASHED) {
        return sli_sim_end(&call,
                           sl_error_set(err, rc, "the simulated process died while it waited"));
    }
    rc = sli_sim_end(&call, SL_OK); // before the callbacks, which make calls of their own
    self->woken = false;
    dispatch(self, &env->world->net_rng);
    sli_timers_fire(&self->timers, env->world->mono_us);
    return rc;
}
