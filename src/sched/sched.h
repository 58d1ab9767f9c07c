/// sched.h — lineage to stages to tasks: the scheduler.
///
/// A job computes partitions of one RDD. Stages are cut at shuffle dependencies; a stage whose
/// shuffle output is there already is skipped; narrow chains run fused in one task. A task that
/// fails is acted on by its error's action: tried again (up to `task.max_failures`, 4, in all),
/// lost shuffle output written again (4 stage attempts), the epoch replayed or the job stopped by
/// the caller. A job never leaves tasks running when it returns.
///
/// Jobs may run beside each other (sli_sched_begin, `jobs.concurrent`); then which job's tasks go
/// out first is decided each time that a worker is free: the earlier job's, or by pools that share
/// the workers (`jobs.mode`, `jobs.pools`). A task that takes much longer than the others of its
/// stage may get a copy (`speculation`): the first of both to end wins, the other is cancelled and
/// leaves nothing. Stages with state at home get none.
///
/// Small jobs (few rows expected, see `inline_rows`) run on the driver's own thread: waking a
/// worker costs more. Callbacks of a job and user functions must not run jobs; what takes an
/// action's rows may. Thread: driver, unless said otherwise.
#pragma once

#include "rdd/dataset.h"

typedef struct sli_sched sli_sched;

extern const sl_option sli_sched_options[];

enum { SLI_MAX_CONCURRENT = 64, SLI_MAX_POOLS = 64 }; ///< jobs.concurrent; pools, one is "default"

sl_code sli_sched_new(sli_sched **out, sli_runtime *runtime, sli_exec *exec, const sl_conf *conf,
                      sl_error *err);
/// Accepts NULL. Also sli_runtime_reset. RDDs may be given back afterwards, as long as the
/// runtime's blocks are there.
void sli_sched_free(SL_TAKES sli_sched *sched);

/// What a job does with the batches of each partition, on the worker, and what it learns of
/// winners.
typedef struct sli_job {
    sl_rdd *rdd;
    const int32_t *partitions; ///< NULL: all
    int32_t n_partitions;
    int64_t generation, epoch, time_us;
    int64_t rows_expected;   ///< for the choice of inline; -1 unknown
    int32_t pool;            ///< of sli_sched_pool; 0: that of the job it prepares, else of
                             ///< sli_sched_in_pool
    struct sli_blame *blame; ///< where its failing task is noted; NULL: where sli_sched_blame says
    /// Takes a batch of an attempt, and counts in task->rows_out what it keeps. NULL: rows are only
    /// computed and counted. Thread: task.
    sl_code (*push)(void *ctx, sli_task *task, SL_BORROWS sl_batch *batch, sl_error *err);
    /// The attempt has pushed all its batches. May be NULL. Thread: task.
    sl_code (*end)(void *ctx, sli_task *task, sl_error *err);
    /// The attempt has failed, or another one won: what it pushed must not count. It has stopped.
    /// May be NULL. Thread: driver.
    void (*lost)(void *ctx, const sli_task *task);
    /// The attempt won its partition. May be NULL. Thread: driver, in any order of partitions.
    void (*won)(void *ctx, const sli_task *task);
    void *ctx;
    // ---- filled in
    int64_t rows_in, bytes_in, rows_out;
    sli_decode_stats read;
    int32_t n_stages, n_tasks, n_failures;
} sli_job;

/// The number of a pool, from 1, for sli_job.pool; NULL: of that of the option `jobs.pool`. Without
/// `jobs.mode=fair` pools don't count, and any name will do. Fails: SL_E_CONFIG, when there is no
/// such pool.
sl_code sli_sched_pool(const sli_sched *sched, const char *name, int32_t *out, sl_error *err);
/// Jobs of actions run in this pool from now on, at first in that of `jobs.pool`; returns the one
/// of before. Thread: driver.
int32_t sli_sched_in_pool(sli_sched *sched, int32_t pool);
int32_t sli_sched_concurrent(const sli_sched *sched); ///< option `jobs.concurrent`
/// Runs it to its end. Fails: the first task's error after its last attempt, wrapped with stage,
/// partition, attempt and uid; SL_E_CANCELLED.
sl_code sli_sched_run(sli_sched *sched, sli_job *job, sl_error *err);
/// Begins it; it runs on while the driver waits for any job. `job` and what it needs must stay
/// until sli_sched_next tells its end. Fails: SL_E_NOMEM, SL_E_INVALID, SL_E_STATE.
sl_code sli_sched_begin(sli_sched *sched, sli_job *job, sl_error *err);
/// Waits for a job that was begun so, and tells how it has ended; of several that have, the one
/// that began first. *out NULL, and SL_OK: there is none. Fails: as sli_sched_run.
sl_code sli_sched_next(sli_sched *sched, sli_job **out, sl_error *err);
/// A job that was begun and not told ends soon, with SL_E_CANCELLED unless it has ended.
void sli_sched_cancel_job(sli_sched *sched, const sli_job *job);
/// Whether a job or action runs, the caller's included.
bool sli_sched_is_busy(const sli_sched *sched);
/// What user functions in the jobs of actions (sl_rdd_collect and so on) see from now on as their
/// epoch and its time.
void sli_sched_epoch(sli_sched *sched, int64_t generation, int64_t epoch, int64_t time_us);
/// Malformed records that all jobs so far have dropped for dead letters; a repeated reading counts
/// again. Thread: driver.
int64_t sli_sched_dead(const sli_sched *sched);
/// Where jobs fail: what a search for the rows that did it needs.
typedef struct sli_blame {
    sl_rdd *rdd;       ///< of the stage whose task failed (one reference); NULL: no task did
    int32_t partition; ///< of it
    const char *uid;   ///< of the operator, as far as it is known; lives as long as the graph
    sl_error error;    ///< as the task told it
} sli_blame;
/// From now on the failing task of a job is noted there, the one whose error the job returns. NULL:
/// nowhere. Thread: driver.
void sli_sched_blame(sli_sched *sched, sli_blame *blame);
void sli_blame_reset(sli_blame *blame);
/// What jobs are for: in a trial a task that fails on its rows fails at once, without further
/// attempts; SLI_TRIAL_UNCACHED neither reads nor writes caches.
typedef enum sli_trial { SLI_NO_TRIAL = 0, SLI_TRIAL, SLI_TRIAL_UNCACHED } sli_trial;
/// From now on. Thread: driver.
void sli_sched_try(sli_sched *sched, sli_trial trial);
/// Ends a running job soon, between batches: it fails with SL_E_CANCELLED. Without one nothing
/// happens. Thread: any.
void sli_sched_cancel(sli_sched *sched);
/// The same, and every later job fails so too. Thread: any.
void sli_sched_end(sli_sched *sched);
