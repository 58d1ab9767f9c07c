// wave.c — runs the tasks of a wave: on the backend's workers, or one after the other on the
// driver.
#include "sched/sched_int.h"

// ---------------------------------------------------------------- one attempt, on a worker

static sl_code push_result(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_unit *unit = ctx;
    return unit->run->job->push(unit->run->job->ctx, &unit->task, batch, err);
}

static sl_code push_nowhere(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    ((sli_unit *)ctx)->task.rows_out += sl_batch_rows(batch);
    return SL_OK;
}

static sl_code run_task(sli_unit *unit, sl_error *err)
{
    const sli_job *job = unit->run->job;
    sli_stage *stage = unit->stage;
    SL_TRY(sli_task_check(&unit->task, err));
    if (stage->shuffle != NULL) {
        return sli_shuffle_write(stage->shuffle, unit->task.partition, &unit->task, err);
    }
    sli_push_fn push = job->push == NULL ? push_nowhere : push_result;
    SL_TRY(sli_rdd_each(stage->rdd, unit->task.partition, &unit->task, push, unit, err));
    return job->end == NULL ? SL_OK : job->end(job->ctx, &unit->task, err);
}

/// The worker's arena, made at its first task. Every worker only touches its own.
static sl_arena *arena_of(sli_sched *sched, int32_t worker)
{
    if (sched->arenas[worker] == NULL) {
        sched->arenas[worker] = sl_arena_new(SLI_TAG_SCHED);
    }
    return sched->arenas[worker];
}

/// 0 when nobody wants to know.
static int64_t now(const sli_unit *unit)
{
    return unit->run->wants_tasks ? sli_env_mono_us(unit->run->sched->runtime->env) : 0;
}

static void run_unit(sli_work *work, int32_t worker)
{
    sli_unit *unit = (sli_unit *)work;
    sli_sched *sched = unit->run->sched;
    unit->begun_us = unit->ended_us = now(unit);
    unit->task.worker = worker;
    unit->task.arena = arena_of(sched, worker);
    unit->error.code = SL_OK;
    unit->error.action = SL_ACT_DEFAULT;
    unit->error.sys_errno = 0;
    unit->error.text[0] = '\0';
    if (unit->task.arena == NULL) {
        unit->rc = sl_error_nomem(&unit->error, 4096, "the memory of a task");
        return;
    }
    sli_task_running = &unit->task;
    unit->rc = run_task(unit, &unit->error);
    sli_task_running = NULL;
    sl_arena_reset(unit->task.arena);
    unit->task.arena = NULL;
    unit->ended_us = now(unit);
}

void sli_unit_init(sli_unit *unit, sli_run *run, sli_stage *stage, int32_t partition, int32_t index)
{
    const sli_job *job = run->job;
    unit->work = (sli_work){.run = run_unit, .home = partition, .may_move = !stage->pinned};
    unit->run = run;
    unit->stage = stage;
    unit->n_failures = 0;
    unit->won = false;
    unit->task = (sli_task){
        .runtime = run->sched->runtime,
        .generation = job->generation,
        .epoch = job->epoch,
        .time_us = job->time_us,
        .partition = partition,
        .index = index,
        .attempt = -1,
        .cancelled = &run->sched->stop,
    };
}

// ---------------------------------------------------------------- attempts, on the driver

static void tell_start(const sli_unit *unit)
{
    sli_event event = {
        .kind = SLI_EV_TASK_STARTED,
        .epoch = unit->task.epoch,
        .batch_time_us = unit->task.time_us,
        .stage = unit->task.stage,
        .partition = unit->task.partition,
        .attempt = unit->task.attempt,
        .worker = -1,
    };
    sli_metrics_emit(unit->run->sched->runtime->metrics, &event);
}

static void begin_attempt(sli_unit *unit)
{
    sli_task *task = &unit->task;
    sli_adds_free(&task->adds); // of the attempt before
    task->attempt++;
    task->stage = unit->stage->number;
    task->read = (sli_decode_stats){0};
    task->rows_out = 0;
    task->operator_uid = NULL;
    task->source_from = -1;
    task->source_rows = 0;
    task->lost_shuffle = NULL;
    task->past_caches = unit->run->sched->trial == SLI_TRIAL_UNCACHED;
    if (unit->run->wants_tasks) {
        tell_start(unit);
    }
}

static void run_direct(sli_run *run, sli_unit **units, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        do {
            begin_attempt(units[i]);
            units[i]->work.run(&units[i]->work, run->sched->n_workers);
        } while (sli_unit_finished(units[i]));
    }
}

/// The backend gave up, as a simulated process that has died does: takes back what it still has.
static sl_code give_up(sli_exec *exec, sl_code rc)
{
    sli_work *work = NULL;
    exec->ops->cancel(exec);
    while (exec->ops->next(exec, SLI_FOREVER, &work, NULL) == SL_OK) {
    }
    return rc;
}

static sl_code run_on_workers(sli_run *run, sli_unit **units, int32_t n, sl_error *err)
{
    sli_exec *exec = run->sched->exec;
    for (int32_t i = 0; i < n; i++) {
        begin_attempt(units[i]);
        exec->ops->submit(exec, &units[i]->work);
    }
    for (int32_t out = n; out > 0;) {
        sli_work *work = NULL;
        sl_code rc = exec->ops->next(exec, SLI_FOREVER, &work, err);
        if (rc != SL_OK) {
            // Relaxed: running tasks have to see it some time.
            atomic_store_explicit(&run->sched->stop, true, memory_order_relaxed);
            return give_up(exec, rc);
        }
        sli_unit *unit = (sli_unit *)work;
        if (sli_unit_finished(unit)) {
            begin_attempt(unit);
            exec->ops->submit(exec, &unit->work);
        } else {
            out--;
        }
    }
    return SL_OK;
}

/// What the attempts that have won added to accumulators is taken over, in order of stages and
/// partitions; the rest is not.
static sl_code take_adds(sli_run *run, sli_unit **units, int32_t n, sl_code rc, sl_error *err)
{
    sli_accs *accs = run->sched->runtime->accs;
    for (int32_t i = 0; accs != NULL && i < n; i++) {
        if (rc == SL_OK && units[i]->won) {
            rc = sli_accs_take(accs, &units[i]->task.adds, err);
        }
        sli_adds_free(&units[i]->task.adds);
    }
    return rc;
}

static sl_code outcome_of(const sli_run *run, sl_code rc, sl_error *err)
{
    if (rc != SL_OK || run->rc == SL_OK) {
        return rc;
    }
    if (err != NULL) {
        *err = run->error;
    }
    return run->rc;
}

sl_code sli_run_wave(sli_run *run, sli_unit **units, int32_t n, sl_error *err)
{
    sl_code rc = SL_OK;
    run->sched->in_wave = true;
    if (run->direct) {
        run_direct(run, units, n);
    } else {
        rc = run_on_workers(run, units, n, err);
    }
    run->sched->in_wave = false;
    rc = outcome_of(run, rc, err);
    SL_TRY(take_adds(run, units, n, rc, err));
    return sli_run_lost(run, units, n, err);
}
