// run.c — one job from its first walk to its last task.
#include "sched/sched_int.h"

/// 0 when nobody wants to know.
static int64_t stage_time_us(const sli_run *run)
{
    const sli_metrics *metrics = run->sched->runtime->metrics;
    return metrics == NULL ? 0 : sli_metrics_time_us(metrics, SLI_EV_BIT(SLI_EV_STAGE_COMPLETED));
}

static void tell_stage(const sli_run *run, const sli_stage *stage, sli_event_kind kind)
{
    sli_runtime *runtime = run->sched->runtime;
    if (runtime->metrics == NULL) {
        return;
    }
    sli_event event = {
        .kind = kind,
        .epoch = run->job->epoch,
        .batch_time_us = run->job->time_us,
        .stage = stage->number,
        .partition = -1,
        .attempt = -1,
        .worker = -1,
        .rows = stage->n_units,
    };
    if (kind == SLI_EV_STAGE_COMPLETED) {
        event.mono_us = stage_time_us(run);
        event.duration_us = event.mono_us - stage->begun_us;
    }
    sli_event_text(&event, stage->rdd->uid != NULL ? stage->rdd->uid : stage->rdd->ops->name);
    sli_metrics_emit(runtime->metrics, &event);
}

static void start_stage(sli_run *run, sli_stage *stage)
{
    stage->number = run->next_number++;
    run->job->n_stages++;
    if (run->sched->stages != NULL) {
        sli_metric_add(run->sched->stages, 1);
    }
    stage->begun_us = stage_time_us(run);
    tell_stage(run, stage, SLI_EV_STAGE_STARTED);
}

// ---------------------------------------------------------------- waves

/// All map tasks that can run now, of all stages that can.
static sl_code run_maps(sli_run *run, sl_error *err)
{
    int32_t n = 0;
    for (int32_t s = 1; s < run->n_stages; s++) {
        n += run->stages[s].waits ? 0 : run->stages[s].rdd->n_partitions;
    }
    SL_ASSERT(n > 0, "stages wait for each other in a circle");
    sli_unit *units = sl_alloc(SLI_TAG_SCHED, (size_t)n * (sizeof *units + sizeof(sli_unit *)));
    if (units == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *units, "the tasks of a stage");
    }
    sli_unit **list = (sli_unit **)(void *)(units + n);
    n = 0;
    for (int32_t s = 1; s < run->n_stages; s++) {
        sli_stage *stage = &run->stages[s];
        if (stage->waits) {
            continue;
        }
        start_stage(run, stage);
        for (int32_t p = 0; p < stage->rdd->n_partitions; p++) {
            if (!stage->shuffle->written[p]) {
                sli_unit_init(&units[n], run, stage, p, p);
                list[n] = &units[n];
                n++;
                stage->n_units++;
            }
        }
    }
    sl_code rc = sli_run_wave(run, list, n, err);
    for (int32_t s = 1; s < run->n_stages; s++) {
        if (!run->stages[s].waits) {
            tell_stage(run, &run->stages[s], SLI_EV_STAGE_COMPLETED);
        }
    }
    sl_free(units);
    return rc;
}

/// The result's tasks that have not won yet.
static sl_code run_results(sli_run *run, sl_error *err)
{
    sli_unit **list = (sli_unit **)(void *)(run->results + run->n_results);
    int32_t n = 0;
    if (run->result.number < 0) {
        start_stage(run, &run->result);
    }
    run->result.pinned = run->stages[0].pinned;
    for (int32_t i = 0; i < run->n_results; i++) {
        if (!run->results[i].won) {
            run->results[i].work.may_move = !run->result.pinned;
            list[n++] = &run->results[i];
        }
    }
    run->result.n_units += n;
    SL_TRY(sli_run_wave(run, list, n, err));
    if (run->left == 0) {
        tell_stage(run, &run->result, SLI_EV_STAGE_COMPLETED);
    }
    return SL_OK;
}

static sl_code run_all(sli_run *run, sl_error *err)
{
    while (run->left > 0) {
        bool again = false;
        SL_TRY(sli_run_walk(run, &again, err));
        if (again) {
            continue;
        }
        if (sli_sched_is_cancelled(run->sched)) {
            return sl_error_set(err, SL_E_CANCELLED, "the job was cancelled");
        }
        SL_TRY(run->n_stages > 1 ? run_maps(run, err) : run_results(run, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the job

void sli_sched_enter(sli_sched *sched)
{
    if (sched->depth++ == 0) {
        sched->cancels_before = atomic_load_explicit(&sched->cancels, memory_order_acquire);
        sli_accs_action_begins(sched->runtime->accs);
    }
}

sl_code sli_sched_leave(sli_sched *sched, sl_code rc, sl_error *err)
{
    if (--sched->depth > 0) {
        return rc;
    }
    sli_runtime_cut(sched->runtime);
    rc = sli_accs_action_ended(sched->runtime->accs, rc, err);
    return rc == SL_OK && sched->runtime->to_cut != NULL ? sli_runtime_save(sched->runtime, err)
                                                         : rc;
}

bool sli_sched_is_cancelled(const sli_sched *sched)
{
    return atomic_load_explicit(&sched->over, memory_order_acquire) ||
           atomic_load_explicit(&sched->cancels, memory_order_acquire) != sched->cancels_before;
}

static sl_code check_job(const sli_sched *sched, const sli_job *job, sl_error *err)
{
    if (sched->in_wave) {
        return sl_error_set(err, SL_E_STATE,
                            "an action inside a user function: tasks can't run jobs");
    }
    SL_TRY(sl_rdd_check(job->rdd, err));
    for (int32_t i = 0; job->partitions != NULL && i < job->n_partitions; i++) {
        if (job->partitions[i] < 0 || job->partitions[i] >= job->rdd->n_partitions) {
            return sl_error_set(err, SL_E_INVALID, "partition %d of an RDD with %d",
                                job->partitions[i], job->rdd->n_partitions);
        }
    }
    return SL_OK;
}

static sl_code make_results(sli_run *run, sl_error *err)
{
    const sli_job *job = run->job;
    int32_t n = job->partitions != NULL ? job->n_partitions : job->rdd->n_partitions;
    size_t size = (size_t)n * (sizeof *run->results + sizeof(sli_unit *));
    run->results = sl_alloc(SLI_TAG_SCHED, size);
    if (run->results == NULL) {
        return sl_error_nomem(err, size, "the tasks of a job");
    }
    run->n_results = run->left = n;
    for (int32_t i = 0; i < n; i++) {
        sli_unit_init(&run->results[i], run, &run->result,
                      job->partitions != NULL ? job->partitions[i] : i, i);
    }
    return SL_OK;
}

sl_code sli_sched_run(sli_sched *sched, sli_job *job, sl_error *err)
{
    SL_TRY(check_job(sched, job, err));
    sl_error local = SL_ERROR_INIT;
    sli_metrics *metrics = sched->runtime->metrics;
    sli_run run;
    memset(&run, 0, offsetof(sli_run, error));
    run.error.code = SL_OK;
    run.sched = sched;
    run.job = job;
    run.result = (sli_stage){.rdd = job->rdd, .number = -1};
    bool is_inline = sched->exec->ops == &sli_exec_inline;
    run.direct = !is_inline && job->rows_expected >= 0 && job->rows_expected <= sched->inline_rows;
    run.on_driver = is_inline || run.direct;
    run.wants_tasks = metrics != NULL && sli_metrics_wants(metrics, SLI_EV_TASKS);
    job->rows_in = job->bytes_in = job->rows_out = 0;
    job->read = (sli_decode_stats){0};
    job->n_stages = job->n_tasks = job->n_failures = 0;
    sli_sched_enter(sched);
    // Pairs with the release in sli_sched_cancel: a cancel whose order this takes back is seen by
    // its count.
    atomic_exchange_explicit(&sched->stop, false, memory_order_acq_rel);
    sl_code rc = make_results(&run, &local);
    rc = rc != SL_OK ? rc : run_all(&run, &local);
    rc = sli_sched_leave(sched, rc, &local);
    sl_free(run.results);
    sl_free(run.stages);
    if (run.wants_tasks) {
        sli_metrics_drain(metrics); // a session has no other time for it, and the ring is bounded
    }
    job->rows_in = job->read.records - job->read.skipped;
    job->bytes_in = job->read.bytes;
    if (rc != SL_OK && err != NULL) {
        *err = local;
    }
    return rc;
}
