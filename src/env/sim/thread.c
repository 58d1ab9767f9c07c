/// thread.c — threads of control in simulation: waiting, strands, signals.
///
/// One of a process's threads runs at a time. When it waits, the seed picks among those that need
/// not wait any more, itself included; when all wait, virtual time jumps to the next deadline or
/// event. So a wait is the only place where things interleave (and file calls, where the world has
/// a switch chance), and the seed says how.
#include "env/sim/sim_int.h"
#include "env/works.h"

typedef struct sim_signal {
    sli_signal head;
    bool set;
} sim_signal;

typedef struct sim_strand {
    sli_strand head;
    sim_thread thread;
    sli_works works;
    bool stopping;
} sim_strand;

// ---------------------------------------------------------------- the scheduler

static bool runnable(const sim_env *env, const sim_thread *thread)
{
    if (thread->finished) {
        return false;
    }
    return thread->ready(thread->ctx) || thread->deadline_us <= env->world->mono_us ||
           (thread->ends_with_process && env->dead);
}

/// One of those that can run, by the seed; NULL when all must wait.
static sim_thread *pick(sim_env *env)
{
    uint64_t n = 0;
    for (sim_thread *t = env->threads; t != NULL; t = t->next) {
        n += runnable(env, t) ? 1 : 0;
    }
    if (n == 0) {
        return NULL;
    }
    uint64_t which = n == 1 ? 0 : sli_rng_below(&env->world->turn_rng, n);
    sim_thread *t = env->threads;
    while (!runnable(env, t) || which-- > 0) {
        t = t->next;
    }
    return t;
}

/// Nobody can run: time moves to the next thing that happens.
static void pass_time(sim_env *env)
{
    int64_t next = sli_sim_world_next_event(env->world);
    for (const sim_thread *t = env->threads; t != NULL; t = t->next) {
        if (!t->finished && t->deadline_us < next) {
            next = t->deadline_us;
        }
    }
    if (next != SLI_FOREVER) {
        sli_sim_world_move_to(env->world, next);
    } else if (env->process != NULL) { // the harness may still do something
        env->process->stuck = true;
        sli_sim_fiber_switch(&env->running->fiber, &env->process->resumer);
        env->process->stuck = false;
    } else {
        sli_sim_world_stuck(env->world);
    }
}

static sim_thread *next_thread(sim_env *env)
{
    sim_thread *next = pick(env);
    while (next == NULL) {
        pass_time(env);
        next = pick(env);
    }
    return next;
}

sl_code sli_sim_wait(sim_env *env, sim_ready_fn ready, const void *ctx, int64_t deadline_us,
                     bool mortal)
{
    sim_thread *self = env->running;
    self->ready = ready;
    self->ctx = ctx;
    self->deadline_us = deadline_us;
    self->ends_with_process = mortal;
    sim_thread *next = next_thread(env);
    if (next != self) {
        env->running = next;
        sli_sim_fiber_switch(&self->fiber, &next->fiber);
        env->running = self; // whoever came back here has picked us
    }
    self->deadline_us = SLI_FOREVER;
    if (mortal && env->dead) {
        return SL_E_CRASHED;
    }
    return ready(ctx) ? SL_OK : SL_E_TIMEOUT;
}

static bool always(const void *ctx)
{
    (void)ctx;
    return true;
}

void sli_sim_yield(sim_env *env)
{
    (void)sli_sim_wait(env, always, NULL, SLI_FOREVER, false);
}

void sli_sim_thread_add(sim_env *env, sim_thread *thread)
{
    sim_thread **at = &env->threads;
    while (*at != NULL) {
        at = &(*at)->next;
    }
    *at = thread;
}

void sli_sim_thread_remove(sim_env *env, sim_thread *thread)
{
    sim_thread **at = &env->threads;
    while (*at != thread) {
        at = &(*at)->next;
    }
    *at = thread->next;
}

void sli_sim_thread_leave(sim_env *env, sim_thread *thread)
{
    thread->finished = true;
    sim_thread *next = next_thread(env);
    env->running = next;
    sli_sim_fiber_leave(&thread->fiber, &next->fiber);
    SL_ASSERT(false, "a finished thread went on");
    __builtin_unreachable();
}

// ---------------------------------------------------------------- signals

sli_signal *sli_sim_signal_new(sl_env *env)
{
    sim_signal *signal = sl_alloc_zero(SLI_TAG_ENV, sizeof *signal);
    if (signal == NULL) {
        return NULL;
    }
    signal->head.env = env;
    return &signal->head;
}

void sli_sim_signal_free(sli_signal *signal)
{
    sl_free(signal);
}

void sli_sim_signal_set(sli_signal *signal)
{
    (void)sli_sim_answer((sim_env *)signal->env, SIM_SIGNAL_SET);
    ((sim_signal *)signal)->set = true;
}

static bool signal_is_set(const void *ctx)
{
    return ((const sim_signal *)ctx)->set;
}

sl_code sli_sim_signal_wait(sli_signal *signal, int64_t deadline_us, sl_error *err)
{
    sim_signal *self = (sim_signal *)signal;
    sim_env *env = (sim_env *)signal->env;
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env, SIM_SIGNAL_WAIT, err);
    sli_sim_note_number(&call, deadline_us);
    if (rc != SL_OK) {
        return sli_sim_end(&call, rc);
    }
    rc = sli_sim_wait(env, signal_is_set, self, deadline_us, true);
    if (rc == SL_OK) {
        self->set = false;
    } else if (rc == SL_E_TIMEOUT) {
        sl_error_set(err, rc, "the deadline passed before the event");
    } else {
        sl_error_set(err, rc, "the simulated process died while it waited");
    }
    return sli_sim_end(&call, rc);
}

// ---------------------------------------------------------------- strands

static bool strand_has_work(const void *ctx)
{
    const sim_strand *strand = ctx;
    return strand->works.n > 0 || strand->stopping;
}

static bool strand_is_finished(const void *ctx)
{
    return ((const sim_strand *)ctx)->thread.finished;
}

/// Works run also in a dead process: their calls have no effect, but they free what they hold.
static void strand_main(void *arg)
{
    sim_strand *strand = arg;
    sim_env *env = (sim_env *)strand->head.env;
    while (strand->works.n > 0 || !strand->stopping) {
        sli_work work;
        if (sli_works_take(&strand->works, &work)) {
            work.fn(work.ctx);
        }
        (void)sli_sim_wait(env, strand_has_work, strand, SLI_FOREVER, false);
    }
    sli_sim_thread_leave(env, &strand->thread);
}

sli_strand *sli_sim_strand_new(sl_env *env, const char *name)
{
    (void)name;
    sim_strand *strand = sl_alloc_zero(SLI_TAG_ENV, sizeof *strand);
    if (strand == NULL) {
        return NULL;
    }
    strand->head.env = env;
    if (!sli_works_init(&strand->works) ||
        !sli_sim_fiber_init(&strand->thread.fiber, strand_main, strand)) {
        sli_works_reset(&strand->works);
        sl_free(strand);
        return NULL;
    }
    strand->thread.ready = strand_has_work;
    strand->thread.ctx = strand;
    strand->thread.deadline_us = SLI_FOREVER;
    sli_sim_thread_add((sim_env *)env, &strand->thread);
    return &strand->head;
}

bool sli_sim_strand_post(sli_strand *strand, sli_work_fn work, void *ctx)
{
    sim_strand *self = (sim_strand *)strand;
    (void)sli_sim_answer((sim_env *)strand->env, SIM_STRAND_POST);
    return sli_works_put(&self->works, (sli_work){work, ctx});
}

void sli_sim_strand_free(sli_strand *strand)
{
    sim_strand *self = (sim_strand *)strand;
    sim_env *env = (sim_env *)strand->env;
    SL_ASSERT(env->running != &self->thread, "a strand can't free itself");
    self->stopping = true;
    if (!self->thread.finished) {
        (void)sli_sim_wait(env, strand_is_finished, self, SLI_FOREVER, false);
    }
    sli_sim_thread_remove(env, &self->thread);
    sli_sim_fiber_reset(&self->thread.fiber);
    sli_works_reset(&self->works);
    sl_free(self);
}
