/// sched_int.h — a job while it runs: stages found by walking the lineage, waves of tasks, what is
/// done about failures.
///
///     walk ─► map stages that can run? ─► yes: a wave of their tasks ─► walk again
///                                      └► no: a wave of the result's tasks
///                                             ├► all won: done
///                                             └► outputs lost: walk again
///
/// All of a wave's tasks have come back before anything is decided on, so the driver changes what
/// tasks read (which map outputs exist) only while none runs.
#pragma once

#include <stdatomic.h>

#include "rdd/accumulator.h"
#include "sched/sched.h"

typedef struct sli_run sli_run;

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

/// One task; its attempts follow each other.
typedef struct sli_unit {
    sli_work work; ///< first: the backend gives it back
    sli_run *run;
    sli_stage *stage;
    int32_t n_failures; ///< that count against task.max_failures
    bool won;
    sl_code rc;
    sli_task task;
    int64_t begun_us, ended_us; ///< of the attempt, on its worker, when somebody listens for tasks
    sl_error error;             ///< last: its text is not cleared for every attempt
} sli_unit;

struct sli_sched {
    sli_runtime *runtime;
    sli_exec *exec;
    int32_t max_failures, max_stage_attempts;
    int64_t inline_rows;
    int32_t n_workers;
    sl_arena **arenas; ///< one a worker, and the driver's
    _Atomic bool
        stop; ///< tasks look at it between batches; set by a cancel and when a job has failed
    _Atomic int64_t cancels; ///< calls of sli_sched_cancel
    _Atomic bool over;       ///< sli_sched_end was called
    int64_t cancels_before;  ///< of them, those that came before the outermost job or action
    int32_t depth;           ///< jobs and actions within each other
    bool in_wave;            ///< tasks are out: no other job can begin
    sli_trial trial;         ///< a failure on rows is an answer: no second attempt
    sli_blame *blame;        ///< NULL: nobody asks
    int64_t dead;            ///< malformed records dropped for dead letters
    int64_t generation, epoch, time_us; ///< of actions
    int64_t walks;
    sl_rdd **stack; ///< of the walk
    int32_t stack_capacity;
    sli_metric *tasks, *failures, *lost, *stages; ///< NULL without metrics
};

/// A job in one piece of memory with its tasks.
struct sli_run {
    sli_sched *sched;
    sli_job *job;
    sli_stage result;
    sli_unit *results; ///< one a partition of the job
    int32_t n_results, left;
    sli_stage *stages; ///< found by the last walk; [0] is the result
    int32_t n_stages, stage_capacity;
    int32_t next_number, stage_attempts;
    bool direct;      ///< past the backend, on the driver's own thread
    bool on_driver;   ///< all of it: direct, or the backend has no threads
    bool wants_tasks; ///< somebody listens for their events
    sl_code rc;       ///< the job's failure
    int32_t failed_stage,
        failed_partition; ///< of which task: the lowest of those that failed counts
    sl_error error;
};

/// run.c: a job or an action begins or ends; cancels that came before the outermost one don't
/// concern it.
void sli_sched_enter(sli_sched *sched);
/// Returns `rc`, or why what the outermost one added to accumulators can't count, or why the
/// checkpoints it made due were not written.
sl_code sli_sched_leave(sli_sched *sched, sl_code rc, sl_error *err);
bool sli_sched_is_cancelled(const sli_sched *sched);
/// stage.c: finds the stages that have to run. *again true: something had to be prepared by another
/// job first, and the walk must be made again.
sl_code sli_run_walk(sli_run *run, bool *again, sl_error *err);
/// wave.c: runs units to their end (won, or lost outputs, or the job failed).
sl_code sli_run_wave(sli_run *run, sli_unit **units, int32_t n, sl_error *err);
void sli_unit_init(sli_unit *unit, sli_run *run, sli_stage *stage, int32_t partition,
                   int32_t index);
/// retry.c: what becomes of a finished attempt. True: it is to be submitted again.
bool sli_unit_finished(sli_unit *unit);
/// After a wave: takes lost map outputs out of what is written. Fails when they were lost too
/// often.
sl_code sli_run_lost(sli_run *run, sli_unit **units, int32_t n, sl_error *err);
/// collect.c: sli_runtime.run.
sl_code sli_sched_collect(sli_runtime *runtime, sl_rdd *rdd, const int32_t *partitions,
                          int32_t n_partitions, sli_rows_fn done, void *ctx, sl_error *err);
