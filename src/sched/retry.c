// retry.c — what becomes of a finished attempt: it has won, is tried again, waits for lost input,
// or fails the job.
//
// The error's action decides alone: nobody reads its text. Lost map outputs don't count as the
// task's own failures; they are written again, by a bounded number of stage attempts.
#include "sched/isolate.h"
#include "sched/sched_int.h"

static void tell_end(const sli_unit *unit)
{
    bool on_driver = unit->run->on_driver || unit->task.worker == SLI_EXEC_DRIVER;
    sli_event event = {
        .kind = SLI_EV_TASK_COMPLETED,
        .thread = on_driver ? SLI_ON_DRIVER : SLI_ON_WORKER,
        .mono_us = unit->ended_us,
        .epoch = unit->task.epoch,
        .batch_time_us = unit->task.time_us,
        .stage = unit->task.stage,
        .partition = unit->task.partition,
        .attempt = unit->task.attempt,
        .worker = unit->task.worker,
        .rows = unit->task.rows_out,
        .bytes = unit->task.read.bytes,
        .duration_us = unit->ended_us - unit->begun_us,
        .code = unit->rc,
    };
    if (unit->rc != SL_OK) {
        sli_event_text(&event, unit->error.text);
    }
    sli_metrics_emit(unit->run->sched->runtime->metrics, &event);
}

static void count(sli_metric *metric)
{
    if (metric != NULL) {
        sli_metric_add(metric, 1);
    }
}

static void win(sli_unit *unit)
{
    sli_run *run = unit->run;
    sli_job *job = run->job;
    const sli_task *task = &unit->task;
    unit->won = true;
    job->read.records += task->read.records;
    job->read.bytes += task->read.bytes;
    job->read.skipped += task->read.skipped;
    run->sched->dead += task->read.dead;
    job->read.replaced += task->read.replaced;
    if (unit->stage->shuffle != NULL) {
        unit->stage->shuffle->written[task->partition] = true;
        return;
    }
    run->left--;
    job->rows_out += task->rows_out;
    if (job->won != NULL) {
        job->won(job->ctx, task);
    }
}

/// For who searches the rows that made the task fail. The operator is known where one that ran the
/// user's code or texts said so.
static void note(const sli_unit *unit)
{
    sli_blame *blame = unit->run->sched->blame;
    if (blame == NULL) {
        return;
    }
    sl_rdd *rdd = sl_rdd_ref(unit->stage->rdd);
    sl_rdd_unref(blame->rdd);
    *blame = (sli_blame){.rdd = rdd,
                         .partition = unit->task.partition,
                         .uid = unit->task.operator_uid,
                         .error = unit->error};
}

/// The job fails with this task's error; of several, with that of the first stage's first
/// partition, so that the message does not depend on which worker was faster.
static void fail(sli_unit *unit)
{
    sli_run *run = unit->run;
    // Relaxed: the other tasks have to see it some time.
    atomic_store_explicit(&run->sched->stop, true, memory_order_relaxed);
    int32_t stage = unit->stage->number, partition = unit->task.partition;
    bool first = run->rc == SL_OK || stage < run->failed_stage ||
                 (stage == run->failed_stage && partition < run->failed_partition);
    if (!first) {
        return;
    }
    run->rc = unit->rc;
    run->failed_stage = stage;
    run->failed_partition = partition;
    run->error = unit->error;
    if (unit->rc == SL_E_CANCELLED || unit->rc == SL_E_CRASHED) {
        return;
    }
    note(unit);
    const char *uid = unit->stage->rdd->uid;
    sl_error_wrap(&run->error, unit->rc,
                  "epoch %lld, stage %d (%s%s%s%s), partition %d, attempt %d of %d",
                  (long long)unit->task.epoch, stage, unit->stage->rdd->ops->name,
                  uid == NULL ? "" : " [", uid == NULL ? "" : uid, uid == NULL ? "" : "]",
                  partition, unit->n_failures, run->sched->max_failures);
}

/// Only the result stage's attempts have been seen outside.
static void take_back(const sli_unit *unit)
{
    const sli_job *job = unit->run->job;
    if (unit->stage->shuffle == NULL && job->lost != NULL) {
        job->lost(job->ctx, &unit->task);
    }
}

bool sli_unit_finished(sli_unit *unit)
{
    sli_run *run = unit->run;
    sli_sched *sched = run->sched;
    run->job->n_tasks++;
    count(sched->tasks);
    if (run->wants_tasks) {
        tell_end(unit);
    }
    if (unit->rc == SL_OK) {
        win(unit);
        return false;
    }
    take_back(unit);
    bool stopping = atomic_load_explicit(&sched->stop, memory_order_relaxed);
    if (unit->rc == SL_E_CANCELLED && stopping) {
        if (sli_sched_is_cancelled(sched)) {
            fail(unit);
        }
        return false; // ended because another one failed, or all were told to
    }
    run->job->n_failures++;
    count(sched->failures);
    if (unit->task.lost_shuffle != NULL) {
        return false; // sli_run_lost sees to it
    }
    unit->n_failures++;
    bool answered = sched->trial != SLI_NO_TRIAL && sli_error_is_poison(&unit->error);
    bool again = sl_error_action(&unit->error) == SL_ACT_RETRY_TASK &&
                 unit->n_failures < sched->max_failures && !answered;
    if (!again) {
        fail(unit);
    }
    return again && !stopping;
}

sl_code sli_run_lost(sli_run *run, sli_unit **units, int32_t n, sl_error *err)
{
    const sli_unit *first = NULL;
    for (int32_t i = 0; i < n; i++) {
        sli_task *task = &units[i]->task;
        if (!units[i]->won && task->lost_shuffle != NULL) {
            task->lost_shuffle->written[task->lost_map] = false;
            count(run->sched->lost);
            first = first == NULL ? units[i] : first;
        }
    }
    if (first == NULL || ++run->stage_attempts < run->sched->max_stage_attempts) {
        return SL_OK;
    }
    if (err != NULL) {
        *err = first->error;
    }
    return sl_error_wrap(err, first->rc, "epoch %lld, stage %d: %d attempts",
                         (long long)run->job->epoch, first->stage->number, run->stage_attempts);
}
