// retry.c — what becomes of a finished attempt: it has won, is tried again, waits for lost input,
// or fails the job.
//
// The error's action decides alone: nobody reads its text. Lost map outputs don't count as the
// task's own failures; they are written again, by a bounded number of stage attempts.
#include "sched/isolate.h"
#include "sched/sched_int.h"

static void tell_end(const sli_try *t)
{
    const sli_run *run = t->unit->run;
    bool on_driver = run->is_inline || t->task.worker == SLI_EXEC_DRIVER ||
                     t->task.worker == run->sched->n_workers;
    sli_event event = {
        .kind = SLI_EV_TASK_COMPLETED,
        .thread = on_driver ? SLI_ON_DRIVER : SLI_ON_WORKER,
        .mono_us = t->ended_us,
        .epoch = t->task.epoch,
        .batch_time_us = t->task.time_us,
        .stage = t->task.stage,
        .partition = t->task.partition,
        .attempt = t->task.attempt,
        .worker = t->task.worker,
        .rows = t->task.rows_out,
        .bytes = t->task.read.bytes,
        .duration_us =
            t->ended_us - atomic_load_explicit(&t->begun_us, memory_order_relaxed), // it is back
        .code = t->rc,
    };
    if (t->rc != SL_OK) {
        sli_event_text(&event, t->error.text);
    }
    sli_metrics_emit(run->sched->runtime->metrics, &event);
}

static void count(sli_metric *metric)
{
    if (metric != NULL) {
        sli_metric_add(metric, 1);
    }
}

/// The other attempt at the task that runs now; NULL: none.
static sli_try *twin_of(sli_try *t)
{
    sli_unit *unit = t->unit;
    sli_try *other = t == &unit->first ? unit->copy : &unit->first;
    return other != NULL && other->is_out ? other : NULL;
}

/// The one place where an attempt begins to count.
static void win(sli_try *t)
{
    sli_unit *unit = t->unit;
    sli_run *run = unit->run;
    sli_job *job = run->job;
    const sli_task *task = &t->task;
    unit->winner = t;
    sli_try *twin = twin_of(t);
    if (twin != NULL) {
        // Relaxed: it has to see it some time.
        atomic_store_explicit(&twin->stop.now, true, memory_order_relaxed);
    }
    job->read.records += task->read.records;
    job->read.bytes += task->read.bytes;
    job->read.skipped += task->read.skipped;
    run->sched->dead += task->read.dead;
    job->read.replaced += task->read.replaced;
    if (unit->stage.shuffle != NULL) {
        sli_shuffle_publish(unit->stage.shuffle, task->partition, &t->task.output);
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
static void note(const sli_try *t)
{
    const sli_unit *unit = t->unit;
    sli_blame *blame = unit->run->context.blame;
    if (blame == NULL) {
        return;
    }
    sl_rdd *rdd = sl_rdd_ref(unit->stage.rdd);
    sl_rdd_unref(blame->rdd);
    *blame = (sli_blame){
        .rdd = rdd, .partition = t->task.partition, .uid = t->task.operator_uid, .error = t->error};
}

/// The job fails with this task's error; of several, with that of the first stage's first
/// partition, so that the message does not depend on which worker was faster.
static void fail(const sli_try *t)
{
    const sli_unit *unit = t->unit;
    sli_run *run = unit->run;
    // Relaxed: the other tasks have to see it some time.
    atomic_store_explicit(&run->stop.now, true, memory_order_relaxed);
    int32_t stage = unit->stage.number, partition = t->task.partition;
    bool first = run->rc == SL_OK || stage < run->failed_stage ||
                 (stage == run->failed_stage && partition < run->failed_partition);
    if (!first) {
        return;
    }
    run->rc = t->rc;
    run->failed_stage = stage;
    run->failed_partition = partition;
    run->error = t->error;
    if (t->rc == SL_E_CANCELLED || t->rc == SL_E_CRASHED) {
        return;
    }
    note(t);
    const char *uid = unit->stage.rdd->uid;
    sl_error_wrap(&run->error, t->rc,
                  "epoch %lld, stage %d (%s%s%s%s), partition %d, attempt %d of %d",
                  (long long)t->task.epoch, stage, unit->stage.rdd->ops->name,
                  uid == NULL ? "" : " [", uid == NULL ? "" : uid, uid == NULL ? "" : "]",
                  partition, unit->n_failures, run->sched->max_failures);
}

void sli_try_discard(sli_try *t)
{
    sli_unit *unit = t->unit;
    sli_adds_free(&t->task.adds);
    if (unit->stage.shuffle != NULL) {
        sli_shuffle_discard(unit->stage.shuffle, t->task.partition, &t->task.output);
    } else if (unit->run->job->lost != NULL) {
        unit->run->job->lost(unit->run->job->ctx, &t->task); // it has been seen outside
    }
}

/// The task has no winner yet, and this attempt is none. True: it is to be submitted again.
static bool failed(sli_try *t)
{
    sli_unit *unit = t->unit;
    sli_run *run = unit->run;
    sli_sched *sched = run->sched;
    bool stopping = atomic_load_explicit(&run->stop.now, memory_order_relaxed) ||
                    atomic_load_explicit(&sched->stop.now, memory_order_relaxed);
    if (t->rc == SL_E_CANCELLED && stopping) {
        if (sli_run_is_cancelled(run)) {
            fail(t);
        }
        return false; // ended because another one failed, or all were told to
    }
    run->job->n_failures++;
    count(sched->failures);
    if (t->task.lost_shuffle != NULL) {
        unit->lost = t;
        return false; // sli_run_lost sees to it
    }
    unit->n_failures++;
    bool answered = sched->trial != SLI_NO_TRIAL && sli_error_is_poison(&t->error);
    bool again = sl_error_action(&t->error) == SL_ACT_RETRY_TASK &&
                 unit->n_failures < sched->max_failures && !answered;
    if (!again) {
        fail(t);
    }
    return again && !stopping && twin_of(t) == NULL; // else the other one is the next attempt
}

bool sli_try_ended(sli_try *t)
{
    sli_run *run = t->unit->run;
    run->job->n_tasks++;
    count(run->sched->tasks);
    if (run->wants_tasks) {
        tell_end(t);
    }
    if (t->unit->winner == NULL && t->rc == SL_OK) {
        win(t);
        return false;
    }
    sli_try_discard(t);
    return t->unit->winner == NULL && failed(t);
}

sl_code sli_run_lost(sli_run *run, bool *any, sl_error *err)
{
    const sli_try *first = NULL;
    for (int32_t i = 0; first == NULL && i < run->wave->n; i++) {
        const sli_unit *unit = run->wave->list[i];
        first = unit->winner == NULL ? unit->lost : NULL;
    }
    *any = first != NULL;
    if (first == NULL || ++run->stage_attempts < run->sched->max_stage_attempts) {
        return SL_OK;
    }
    *err = first->error;
    return sl_error_wrap(err, first->rc, "epoch %lld, stage %d: %d attempts",
                         (long long)run->job->epoch, first->unit->stage.number,
                         run->stage_attempts);
}

void sli_run_unwrite(const sli_run *run)
{
    for (int32_t i = 0; i < run->wave->n; i++) {
        const sli_unit *unit = run->wave->list[i];
        if (unit->winner == NULL && unit->lost != NULL) {
            const sli_task *task = &unit->lost->task;
            task->lost_shuffle->written[task->lost_map] = false;
            count(run->sched->lost);
        }
    }
}
