// attempt.c — one attempt at a task: what runs on a worker.
#include "sched/sched_int.h"

static sl_code push_result(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_try *t = ctx;
    const sli_job *job = t->unit->run->job;
    return job->push(job->ctx, &t->task, batch, err);
}

static sl_code push_nowhere(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    ((sli_try *)ctx)->task.rows_out += sl_batch_rows(batch);
    return SL_OK;
}

static sl_code run_task(sli_try *t, sl_error *err)
{
    const sli_job *job = t->unit->run->job;
    const sli_stage *stage = &t->unit->stage;
    SL_TRY(sli_task_check(&t->task, err));
    if (stage->shuffle != NULL) {
        return sli_shuffle_write(stage->shuffle, t->task.partition, &t->task, err);
    }
    sli_push_fn push = job->push == NULL ? push_nowhere : push_result;
    SL_TRY(sli_rdd_each(stage->rdd, t->task.partition, &t->task, push, t, err));
    return job->end == NULL ? SL_OK : job->end(job->ctx, &t->task, err);
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
static int64_t now(const sli_try *t)
{
    const sli_run *run = t->unit->run;
    return run->wants_tasks || run->sched->copying.on ? sli_env_mono_us(run->sched->runtime->env)
                                                      : 0;
}

static void run_try(sli_work *work, int32_t worker)
{
    sli_try *t = (sli_try *)work;
    sli_sched *sched = t->unit->run->sched;
    t->ended_us = now(t);
    // Relaxed: the driver may see it late, when it looks for slow tasks.
    atomic_store_explicit(&t->begun_us, t->ended_us, memory_order_relaxed);
    t->task.worker = worker;
    t->task.arena = arena_of(sched, worker);
    t->error.code = SL_OK;
    t->error.action = SL_ACT_DEFAULT;
    t->error.sys_errno = 0;
    t->error.text[0] = '\0';
    if (t->task.arena == NULL) {
        t->rc = sl_error_nomem(&t->error, 4096, "the memory of a task");
        return;
    }
    sli_strand_own = &t->task;
    t->rc = run_task(t, &t->error);
    sli_strand_own = NULL;
    sl_arena_reset(t->task.arena);
    t->task.arena = NULL;
    t->ended_us = now(t);
}

// ---------------------------------------------------------------- on the driver

void sli_try_init(sli_try *t, sli_unit *unit, int32_t copy)
{
    const sli_run *run = unit->run;
    const sli_job *job = run->job;
    t->work = (sli_work){.run = run_try, .home = unit->partition, .may_move = !unit->stage.pinned};
    t->unit = unit;
    t->stop.wider = &run->stop;
    atomic_init(&t->stop.now, false);
    t->is_out = false;
    t->task = (sli_task){
        .runtime = run->sched->runtime,
        .generation = job->generation,
        .epoch = job->epoch,
        .time_us = job->time_us,
        .partition = unit->partition,
        .copy = copy,
        .index = unit->index,
        .attempt = -1,
        .stop = &t->stop,
    };
}

static void tell_start(const sli_try *t)
{
    sli_event event = {
        .kind = SLI_EV_TASK_STARTED,
        .epoch = t->task.epoch,
        .batch_time_us = t->task.time_us,
        .stage = t->task.stage,
        .partition = t->task.partition,
        .attempt = t->task.attempt,
        .worker = -1,
    };
    sli_metrics_emit(t->unit->run->sched->runtime->metrics, &event);
}

void sli_try_begin(sli_try *t)
{
    sli_task *task = &t->task;
    const sli_run *run = t->unit->run;
    task->attempt = t->unit->n_attempts++;
    task->stage = t->unit->stage.number;
    task->read = (sli_decode_stats){0};
    task->rows_out = 0;
    task->operator_uid = NULL;
    task->source_from = -1;
    task->source_rows = 0;
    task->lost_shuffle = NULL;
    task->past_caches = run->sched->trial == SLI_TRIAL_UNCACHED;
    // No worker has it. The inline backend runs one after the other, so that waiting is all that a
    // task is seen to do: there it begins now.
    atomic_store_explicit(&t->begun_us, run->is_inline ? now(t) : -1, memory_order_relaxed);
    if (run->wants_tasks) {
        tell_start(t);
    }
}
