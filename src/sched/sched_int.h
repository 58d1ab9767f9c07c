/// sched_int.h — jobs while they run: stages found by walking the lineage, waves of tasks, what is
/// done about failures.
///
///     walk ─► map stages that can run? ─► yes: a wave of their tasks ─► walk again
///                                      └► no: a wave of the result's tasks
///                                             ├► all won: done
///                                             └► outputs lost: walk again
///
/// A wave ends when each of its tasks has won or is given up: attempts that another one was faster
/// than may still run, and touch only what is theirs. That an output is written, the driver may
/// note any time, since tasks that read it begin when it is. That one is lost, only while no task
/// of any job is out.
#pragma once

#include <stdatomic.h>

#include "rdd/accumulator.h"
#include "sched/sched.h"

typedef struct sli_run sli_run;
typedef struct sli_unit sli_unit;
typedef struct sli_wave sli_wave;

/// Tasks that compute partitions of one RDD and, for a map stage, write them to a shuffle.
typedef struct sli_stage {
    sl_rdd *rdd;
    sli_shuffle *shuffle; ///< NULL: the result
    int32_t number;       ///< given when it starts
    bool pinned;          ///< some RDD in it has state at home
    bool waits;           ///< a shuffle it reads is not written yet
    int32_t n_units;      ///< tasks it started
    int64_t begun_us;     ///< when somebody listens for stages
} sli_stage;

/// One attempt at a task at a time: the first and those that follow it when they failed, or a copy
/// beside them.
typedef struct sli_try {
    sli_work work; ///< first: the backend gives it back
    sli_unit *unit;
    sli_stop stop;            ///< another attempt has won
    bool is_out;              ///< at the backend. Thread: driver
    sl_code rc;               ///< of the last attempt
    _Atomic int64_t begun_us; ///< of the attempt, on its worker, where somebody wants to know; -1:
                              ///< no worker has it yet
    int64_t ended_us;         ///< the same
    sli_task task;
    sl_error error; ///< last: its text is not cleared for every attempt
} sli_try;

/// One task.
struct sli_unit {
    sli_run *run;
    sli_stage stage; ///< as it began: later walks find others
    sli_wave *wave;
    int32_t partition, index; ///< as in its attempts' tasks, which are the workers' while they run
    int32_t n_failures;       ///< that count against task.max_failures
    int32_t n_attempts;
    bool is_open;    ///< neither won nor given up
    sli_try *winner; ///< NULL: none yet
    sli_try *lost;   ///< the attempt that found its input lost; NULL: none
    sli_try *copy;   ///< NULL: none was made
    sli_try first;   ///< last: ends with its error's text
};

/// Tasks that go out together, in one piece of memory.
struct sli_wave {
    struct sli_wave *next; ///< of those that have ended, while attempts of theirs run
    int32_t n, n_units;
    int32_t n_given; ///< of the list, how many went out
    int32_t n_open;  ///< neither won nor given up
    int32_t n_out;   ///< attempts at the backend
    sli_unit **list; ///< the n to run
    sli_unit units[];
};

typedef enum sli_run_state {
    SLI_RUN_READY = 1, ///< to be walked
    SLI_RUN_OUT,       ///< its wave is out
    SLI_RUN_PARKED,    ///< another job writes what it needs
    SLI_RUN_LOST,      ///< has lost map outputs: waits until no task is out
    SLI_RUN_ENDING,    ///< waits for attempts that run on
    SLI_RUN_ENDED,
} sli_run_state;

/// What the driver does at the moment belongs to: jobs that it begins inherit it.
typedef struct sli_context {
    int64_t action; ///< 0: none
    int64_t number; ///< of the job that prepares something; 0: none does
    int32_t pool;   ///< of sli_sched_pool
    int32_t level;  ///< jobs of lower ones don't go on meanwhile: one of them is being walked
    sli_blame *blame;
} sli_context;

struct sli_run {
    sli_run *next; ///< of those that have begun, in order
    sli_sched *sched;
    sli_job *job;
    sli_run_state state;
    bool is_begun; ///< by sli_sched_begin: the memory is the scheduler's
    bool is_cancelled;
    sli_context before, context;
    int64_t number; ///< earlier jobs have lower ones
    sli_stop stop;  ///< its tasks are to end
    sli_stage result;
    sli_wave *results; ///< one unit a partition of the job
    int32_t left;      ///< of them, not won
    sli_wave *wave;    ///< that is out
    sli_wave *past;    ///< others whose attempts run on
    int32_t n_out;     ///< attempts at the backend
    sli_stage *stages; ///< found by the last walk; [0] is the result
    int32_t n_stages, stage_capacity;
    int32_t next_number, stage_attempts;
    bool direct;      ///< past the backend, on the driver's own thread, as worker n_workers
    bool is_inline;   ///< the backend has no threads
    bool wants_tasks; ///< somebody listens for their events
    sl_code rc;       ///< the job's failure
    int32_t failed_stage,
        failed_partition; ///< of which task: the lowest of those that failed counts
    sl_error error;
};

/// Jobs that share a part of the workers.
typedef struct sli_pool {
    const char *name;
    bool is_fair; ///< among its own jobs; else the earlier job's tasks go first
    int32_t weight, min_share;
    int32_t n_out; ///< attempts of its jobs at the backend
} sli_pool;

/// When a task gets a copy (copies.c).
typedef struct sli_copying {
    bool on;
    int64_t interval_us, min_us;
    double multiplier, quantile;
    int64_t next_look_us;
} sli_copying;

struct sli_sched {
    sli_runtime *runtime;
    sli_exec *exec;
    int32_t max_failures, max_stage_attempts;
    int64_t inline_rows;
    int32_t n_workers;
    sl_arena **arenas;       ///< one a worker, and the driver's
    sli_stop stop;           ///< all tasks are to end; set by a cancel
    _Atomic int64_t cancels; ///< calls of sli_sched_cancel
    _Atomic bool over;       ///< sli_sched_end was called
    int64_t cancels_before;  ///< of them, those that came before the outermost job or action
    int32_t depth;           ///< jobs and actions that have begun and not ended
    sli_trial trial;         ///< a failure on rows is an answer: no second attempt
    int64_t dead;            ///< malformed records dropped for dead letters
    int64_t generation, epoch, time_us; ///< of actions
    sli_context context;
    int64_t actions, numbers; ///< the last ones given
    sli_run *runs;            ///< in the order in which they began
    int32_t n_lost;           ///< of them, in SLI_RUN_LOST
    int32_t n_out;            ///< attempts at the backend
    int32_t *n_at_home;       ///< of them, by home worker, those that can't move
    int32_t concurrent;       ///< jobs that may run beside each other
    bool is_fair;             ///< between pools; else pools don't count
    sli_pool *pools;          ///< [0] is "default"
    int32_t n_pools;
    bool is_default_set; ///< its settings were given
    sl_arena *names;     ///< of pools
    sli_copying copying;
    int64_t walks;
    sl_rdd **stack; ///< of the walk
    int32_t stack_capacity;
    sli_metric *tasks, *failures, *lost, *stages, *copies; ///< NULL without metrics
};

// ---- run.c

/// A job or an action begins; *before is for its end. Cancels that came before the outermost one
/// don't concern it.
void sli_sched_enter(sli_sched *sched, sli_context *before);
/// Returns `rc`, or why what it added to accumulators can't count, or why the checkpoints that the
/// outermost one made due were not written.
sl_code sli_sched_leave(sli_sched *sched, const sli_context *before, sl_code rc, sl_error *err);
bool sli_run_is_cancelled(const sli_run *run);
/// Goes on with a job that is READY, until tasks have to go out, or others have to go on first.
void sli_run_advance(sli_run *run);
/// Its wave has ended.
void sli_run_wave_ended(sli_run *run);
/// No task is out: what it found lost is to be written again.
void sli_run_found_lost(sli_run *run);
/// The backend has given up, and nothing of it is out any more.
void sli_run_give_up(sli_run *run);
/// With run->error, when `rc` says so; at once, or when its attempts have stopped.
void sli_run_finish(sli_run *run, sl_code rc);

// ---- stage.c

/// Finds the stages that have to run. *again true: something had to be prepared by another job
/// first, and the walk must be made again.
sl_code sli_run_walk(sli_run *run, bool *again, sl_error *err);

// ---- wave.c

sli_wave *sli_wave_new(int32_t n);
/// The n-th of its units becomes one of its tasks.
void sli_wave_add(sli_wave *wave, sli_run *run, const sli_stage *stage, int32_t partition,
                  int32_t index);
/// Its list is the units that have not won, to go out now.
void sli_wave_begin(sli_wave *wave);
/// What the attempts that have won added to accumulators is taken over, in order of stages and
/// partitions, unless the job has failed with `rc`; the rest is not.
sl_code sli_wave_take_adds(sli_wave *wave, sl_code rc, sl_error *err);
void sli_wave_free(sli_wave *wave); ///< NULL: nothing happens. None of its attempts is out

// ---- attempt.c

void sli_try_init(sli_try *t, sli_unit *unit, int32_t copy);
void sli_try_begin(sli_try *t);

// ---- retry.c: what becomes of attempts

/// Of a finished one. True: it is to be submitted again.
bool sli_try_ended(sli_try *t);
/// What it left is gone.
void sli_try_discard(sli_try *t);
/// No task is out: what tasks of its wave found lost is not written any more.
void sli_run_unwrite(const sli_run *run);
/// After a wave: whether a task found lost map outputs. Fails when they were lost too often.
sl_code sli_run_lost(sli_run *run, bool *any, sl_error *err);

// ---- loop.c

/// Jobs go on and tasks go out, as far as that needs no waiting.
void sli_sched_push(sli_sched *sched);
/// Until the job has ended; NULL: until one has that sli_sched_begin began.
void sli_sched_drive(sli_sched *sched, const sli_run *until);
/// sli_runtime.alone.
void sli_sched_alone(sli_runtime *runtime, const sl_rdd *rdd);
/// An attempt goes to the backend.
void sli_try_submit(sli_try *t);

// ---- pools_open.c

sl_code sli_pools_open(sli_sched *sched, const sl_conf *conf, sl_error *err);
void sli_pools_close(sli_sched *sched);

// ---- pools.c

sli_pool *sli_run_pool(const sli_run *run); ///< that its tasks run in
/// The task that is to go out next; NULL: none can now.
sli_try *sli_pools_pick(sli_sched *sched);

// ---- copies.c

void sli_copying_open(sli_sched *sched, const sl_conf *conf);
/// Until when the driver may wait for tasks.
int64_t sli_copying_deadline(sli_sched *sched);
/// Makes copies of tasks that take too long, when it is time to look.
void sli_copying_look(sli_sched *sched);

// ---- collect.c

/// sli_runtime.run.
sl_code sli_sched_collect(sli_runtime *runtime, sl_rdd *rdd, const int32_t *partitions,
                          int32_t n_partitions, sli_rows_fn done, void *ctx, sl_error *err);
