/// exec.h — where tasks run: the backend contract.
///
/// A backend takes tasks and gives them back finished; what they compute, and whether they are
/// tried again, is the scheduler's business. `inline/` runs each task on the driver when it asks
/// for results, in an order drawn from the seed (all simulation, most tests); `pool/` has a strand
/// per worker but the first, whose tasks the driver runs while it waits for results.
///
/// A partition has a home worker (partition mod workers): its state and cached blocks stay on that
/// core. An idle worker may steal a task only when the task says so. The number of workers never
/// reaches a result.
///
/// A backend can't end one task: its owner does, by a flag that `run` looks at when it begins and
/// in between. So a task that was called off comes back from `next` as any other does: soon when it
/// runs, and when its turn comes, having done nothing, when it is queued.
#pragma once

#include "conf/conf.h"
#include "env/env.h"

typedef struct sli_exec sli_exec;

/// One attempt at one task, as far as a backend is concerned. The owner embeds it; it must stay
/// where it is until it comes back from `next`.
typedef struct sli_work {
    struct sli_work *link;                              ///< the backend's own
    void (*run)(struct sli_work *work, int32_t worker); ///< on a worker; never fails by itself
    int32_t home;                                       ///< partition, >= 0: worker home % workers
    bool may_move;                                      ///< idle workers may steal it
    bool was_run; ///< set by the backend: false in a work that came back from a cancel unrun
} sli_work;

/// Of a work that came back from `next`: whether `run` was called. Always true when nothing was
/// cancelled.
static inline bool sli_work_was_run(const sli_work *work)
{
    return work->was_run;
}

enum {
    SLI_EXEC_MAX_WORKERS = 1024, ///< of a backend; local[N] beyond is a configuration error
    /// The worker that is the driver's own thread, inside `next`, but for spare_driver.
    SLI_EXEC_DRIVER = 0,
};

typedef struct sli_exec_ops {
    size_t struct_size;
    const char *name; ///< "inline", "pool"
    /// `seed` is the inline backend's. Fails: SL_E_NOMEM; SL_E_INVALID when n_workers is
    /// not 1..SLI_EXEC_MAX_WORKERS.
    sl_code (*open)(sli_exec **out, sl_env *env, int32_t n_workers, uint64_t seed, sl_error *err);
    int32_t (*workers)(const sli_exec *self);
    /// Queues a task. Thread: driver. Cannot fail (the queue is made of the works themselves).
    void (*submit)(sli_exec *self, sli_work *work);
    /// The next finished task, in any order; tasks may run inside, on the driver's thread, and one
    /// that has begun there is not left. NULL with SL_E_TIMEOUT when there is none by
    /// `deadline_us`, with SL_E_END when nothing is queued or running. In a simulated process that
    /// died: SL_E_CRASHED while works are out; `cancel`, then `next` until SL_E_END gives them all
    /// back. Thread: driver.
    sl_code (*next)(sli_exec *self, int64_t deadline_us, sli_work **out, sl_error *err);
    /// Waits for running tasks; queued ones come back from `next` unrun with `run` not called (see
    /// sli_work_was_run). What is submitted afterwards runs as ever (in a simulated process that
    /// died it comes back unrun). Thread: driver.
    void (*cancel)(sli_exec *self);
    void (*close)(SL_TAKES sli_exec *self); ///< nothing may be queued or running
    /// From now on the driver runs no task itself, so that `next` comes back by its deadline
    /// whatever tasks do: worker 0 gets a thread of its own. The inline backend has none; nothing
    /// changes there. Before the first `submit`. Fails: SL_E_NOMEM. Thread: driver.
    sl_code (*spare_driver)(sli_exec *self, sl_error *err);
} sli_exec_ops;

struct sli_exec {
    const sli_exec_ops *ops;
};

extern const sli_exec_ops sli_exec_inline;
extern const sli_exec_ops sli_exec_pool;

/// "local" (1 worker), "local[N]", "local[*]" (as many as processors). Fails: SL_E_CONFIG.
sl_code sli_master_parse(const char *master, int32_t processors, int32_t *n_workers, sl_error *err);
