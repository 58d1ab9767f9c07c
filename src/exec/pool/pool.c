/// pool.c — a strand per worker but the first, two queues per worker, one list of finished tasks.
///
///     submit ─► worker's pinned or movable queue ─► run on a strand ─► finished ─► next
///                          worker 0's: run by the driver, inside ────────────────► next
///
/// The driver is worker 0: it has nothing else to do while it waits for results. So a wave on n
/// workers needs n - 1 wake-ups and no sleep of the driver, and n threads are what n workers keep
/// busy: a driver that wakes all of them and goes to sleep leaves its processor idle, and Linux
/// lets two workers share the other one for some milliseconds before it moves one over. Only where
/// the driver has to do something while tasks run (spare_driver), worker 0 is a strand as others.
///
/// An idle worker takes its own pinned works, then its own movable ones, then another's movable
/// ones, each queue first in first out; then its strand goes to sleep. One mutex guards all of it:
/// it is held for a few pointers, once to take a work and once to hand it over, which is nothing
/// beside a task. No call is made under it.
///
/// No wake-up is lost:
///   - `awake` of a worker turns false only under the mutex, when the worker has just seen that
///     there is nothing to take; whoever queues a work afterwards sees it false, sets it and posts.
///     A work may be seen by a worker that was awake anyway; then the post finds empty queues and
///     ends.
///   - the driver sets `driver_waits` under the mutex after it saw an empty finished list and
///     nothing to take; whoever adds to the list afterwards sees it and sets the signal, which
///     stays set until somebody waits for it. Only the driver queues works, so none that it could
///     take comes while it waits.
///
/// A strand has at most two posts of ours at once (one running, one queued), so posting needs no
/// memory and can't fail.
#include <stdio.h>

#include "base/lock.h"
#include "exec/exec.h"

typedef struct queue {
    sli_work *first, *last;
} queue;

typedef struct pool pool;

typedef struct worker {
    pool *pool;
    sli_strand *strand; // NULL: worker 0, the driver, that was not spared
    int32_t number;
    bool awake;            // under the mutex: a post is queued or running; always, of the driver's
    queue pinned, movable; // under the mutex
} worker;

struct pool {
    sli_exec head;
    sl_env *env;
    sli_signal *signal; // something is finished; the driver waits for it
    sli_mutex mutex;    // SLI_RANK_EXEC: queues, awake, finished, n_running, driver_waits
    queue finished;
    int32_t n_running; // on strands
    bool driver_waits;
    // the driver's own:
    queue ready;   // finished works that were fetched already
    int64_t n_out; // works submitted and not yet handed back
    bool stopped;  // the simulated process died in a cancel: there are no strands any more
    int32_t n_workers;
    worker workers[];
};

// ---------------------------------------------------------------- queues

static void queue_push(queue *q, sli_work *work)
{
    work->link = NULL;
    if (q->first == NULL) {
        q->first = work;
    } else {
        q->last->link = work;
    }
    q->last = work;
}

static sli_work *queue_pop(queue *q)
{
    sli_work *work = q->first;
    if (work != NULL) {
        q->first = work->link;
        work->link = NULL;
    }
    return work;
}

/// Moves all of `from` behind `to`.
static void queue_join(queue *to, queue *from)
{
    if (from->first == NULL) {
        return;
    }
    if (to->first == NULL) {
        *to = *from;
    } else {
        to->last->link = from->first;
        to->last = from->last;
    }
    *from = (queue){0};
}

// ---------------------------------------------------------------- workers

/// Locks: the pool's. NULL when there is nothing this worker may run.
static sli_work *take(pool *self, worker *w)
{
    sli_work *work = queue_pop(&w->pinned);
    if (work == NULL) {
        work = queue_pop(&w->movable);
    }
    for (int32_t i = 1; work == NULL && i < self->n_workers; i++) {
        work = queue_pop(&self->workers[(w->number + i) % self->n_workers].movable);
    }
    return work;
}

/// Runs on the worker's strand until there is nothing left to take. Each round hands over the last
/// work and takes the next under one lock.
static void worker_run(void *ctx)
{
    worker *w = ctx;
    pool *self = w->pool;
    sli_work *done = NULL;
    for (;;) {
        bool wake = false;
        sli_mutex_lock(&self->mutex);
        if (done != NULL) {
            queue_push(&self->finished, done);
            self->n_running--;
            wake = self->driver_waits;
            self->driver_waits = false;
        }
        sli_work *work = take(self, w);
        if (work != NULL) {
            self->n_running++;
        } else {
            w->awake = false;
        }
        sli_mutex_unlock(&self->mutex);
        if (wake) {
            sli_signal_set(self->signal);
        }
        if (work == NULL) {
            return;
        }
        work->was_run = true;
        work->run(work, w->number);
        done = work;
    }
}

// ---------------------------------------------------------------- opening and closing

static void stop_strands(pool *self)
{
    for (int32_t i = 0; i < self->n_workers; i++) {
        sli_strand_free(self->workers[i].strand);
        self->workers[i].strand = NULL;
    }
}

static void pool_free(pool *self)
{
    stop_strands(self);
    if (self->signal != NULL) {
        sli_signal_free(self->signal);
    }
    sli_mutex_reset(&self->mutex);
    sl_free(self);
}

static sl_code start_strand(pool *self, int32_t number, sl_error *err)
{
    char name[32];
    (void)snprintf(name, sizeof name, "sl-worker-%d", number);
    worker *w = &self->workers[number];
    *w = (worker){.pool = self, .number = number, .strand = sli_strand_new(self->env, name)};
    return w->strand != NULL ? SL_OK
                             : sl_error_set(err, SL_E_NOMEM, "worker %d of %d can't be started",
                                            number, self->n_workers);
}

static sl_code start_strands(pool *self, sl_error *err)
{
    self->workers[SLI_EXEC_DRIVER] = (worker){.pool = self, .awake = true};
    for (int32_t i = 1; i < self->n_workers; i++) {
        SL_TRY(start_strand(self, i, err));
    }
    return SL_OK;
}

static sl_code pool_spare_driver(sli_exec *exec, sl_error *err)
{
    pool *self = (pool *)exec;
    SL_ASSERT(self->n_out == 0, "the driver is spared while tasks are queued or running");
    return start_strand(self, SLI_EXEC_DRIVER, err);
}

/// Whether worker 0 is the driver's own thread.
static bool driver_works(const pool *self)
{
    return self->workers[SLI_EXEC_DRIVER].strand == NULL;
}

static sl_code pool_open(sli_exec **out, sl_env *env, int32_t n_workers, uint64_t seed,
                         sl_error *err)
{
    (void)seed; // nothing is drawn here
    if (n_workers < 1 || n_workers > SLI_EXEC_MAX_WORKERS) {
        return sl_error_set(err, SL_E_INVALID, "%d workers: from 1 to %d are possible", n_workers,
                            (int)SLI_EXEC_MAX_WORKERS);
    }
    size_t size = sizeof(pool) + (size_t)n_workers * sizeof(worker);
    pool *self = sl_alloc_zero(SLI_TAG_EXEC, size);
    if (self == NULL) {
        return sl_error_nomem(err, size, "worker pool");
    }
    self->head.ops = &sli_exec_pool;
    self->env = env;
    self->n_workers = n_workers;
    sli_mutex_init(&self->mutex, SLI_RANK_EXEC);
    self->signal = sli_signal_new(env);
    sl_code rc = self->signal == NULL ? sl_error_nomem(err, 64, "worker pool's signal")
                                      : start_strands(self, err);
    if (rc != SL_OK) {
        pool_free(self);
        return rc;
    }
    *out = &self->head;
    return SL_OK;
}

static int32_t pool_workers(const sli_exec *exec)
{
    return ((const pool *)exec)->n_workers;
}

static void pool_close(sli_exec *exec)
{
    pool *self = (pool *)exec;
    SL_ASSERT(self->n_out == 0, "a backend is closed while tasks are queued or running");
    pool_free(self);
}

// ---------------------------------------------------------------- the driver's side

/// Whom to wake for a work that was queued at `home`: home itself when it sleeps, else a sleeping
/// worker that may steal it. Not for one that the driver will begin as soon as it asks for results.
/// Locks: the pool's. NULL when nobody need be.
static worker *sleeper(pool *self, worker *home, const sli_work *work)
{
    if (!home->awake) {
        return home;
    }
    bool is_next =
        home->strand == NULL && home->pinned.first == NULL && home->movable.first == work;
    for (int32_t i = 1; work->may_move && !is_next && i < self->n_workers; i++) {
        worker *w = &self->workers[(home->number + i) % self->n_workers];
        if (!w->awake) {
            return w;
        }
    }
    return NULL;
}

static void pool_submit(sli_exec *exec, sli_work *work)
{
    pool *self = (pool *)exec;
    SL_ASSERT(work->home >= 0, "a task's home is a partition");
    work->was_run = false;
    self->n_out++;
    if (self->stopped) {
        queue_push(&self->ready, work); // the process is dead: it comes back unrun
        return;
    }
    worker *home = &self->workers[work->home % self->n_workers];
    sli_mutex_lock(&self->mutex);
    queue_push(work->may_move ? &home->movable : &home->pinned, work);
    worker *woken = sleeper(self, home, work);
    if (woken != NULL) {
        woken->awake = true;
    }
    sli_mutex_unlock(&self->mutex);
    if (woken != NULL) {
        bool posted = sli_strand_post(woken->strand, worker_run, woken);
        SL_ASSERT(posted, "a strand refused its second post");
    }
}

/// Moves what is finished to `ready`. When there is nothing, returns a work for the driver to run;
/// when there is none either, NULL, and the next one to finish will set the signal.
static sli_work *fetch(pool *self)
{
    sli_work *work = NULL;
    sli_mutex_lock(&self->mutex);
    queue_join(&self->ready, &self->finished);
    if (self->ready.first == NULL) {
        work = driver_works(self) ? take(self, &self->workers[SLI_EXEC_DRIVER]) : NULL;
        self->driver_waits = work == NULL;
    }
    sli_mutex_unlock(&self->mutex);
    return work;
}

/// Until something is ready: runs what the driver may run, else waits.
static sl_code await(pool *self, int64_t deadline_us, sl_error *err)
{
    while (self->ready.first == NULL) {
        sli_work *work = fetch(self);
        if (work != NULL) {
            work->was_run = true;
            work->run(work, SLI_EXEC_DRIVER);
            queue_push(&self->ready, work);
        } else if (self->ready.first == NULL) {
            SL_TRY(sli_signal_wait(self->signal, deadline_us, err));
        }
    }
    return SL_OK;
}

static sl_code pool_next(sli_exec *exec, int64_t deadline_us, sli_work **out, sl_error *err)
{
    pool *self = (pool *)exec;
    *out = NULL;
    if (self->n_out == 0) {
        return sl_error_set(err, SL_E_END, "no task is queued or running");
    }
    sl_code rc = await(self, deadline_us, err);
    if (rc != SL_OK) {
        return rc == SL_E_TIMEOUT ? sl_error_set(err, rc, "no task has finished in time") : rc;
    }
    *out = queue_pop(&self->ready);
    self->n_out--;
    return SL_OK;
}

/// Locks: the pool's.
static void give_back_queued(pool *self)
{
    for (int32_t i = 0; i < self->n_workers; i++) {
        queue_join(&self->finished, &self->workers[i].pinned);
        queue_join(&self->finished, &self->workers[i].movable);
    }
}

static void pool_cancel(sli_exec *exec)
{
    pool *self = (pool *)exec;
    for (;;) {
        sli_mutex_lock(&self->mutex);
        give_back_queued(self);
        queue_join(&self->ready, &self->finished);
        bool running = self->n_running > 0;
        self->driver_waits = running;
        sli_mutex_unlock(&self->mutex);
        if (!running) {
            return;
        }
        if (sli_signal_wait(self->signal, SLI_FOREVER, NULL) != SL_OK) {
            // Only a dead simulated process can't wait. Freeing a strand still lets its work
            // unwind.
            stop_strands(self);
            self->stopped = true;
        }
    }
}

const sli_exec_ops sli_exec_pool = {
    .struct_size = sizeof(sli_exec_ops),
    .name = "pool",
    .open = pool_open,
    .workers = pool_workers,
    .submit = pool_submit,
    .next = pool_next,
    .cancel = pool_cancel,
    .close = pool_close,
    .spare_driver = pool_spare_driver,
};
