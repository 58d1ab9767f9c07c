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

// ---------------------------------------------------------------- waves begin

static void run_direct(sli_wave *wave)
{
    for (int32_t i = 0; i < wave->n; i++) {
        sli_try *t = &wave->list[i]->first;
        do {
            sli_try_begin(t);
            t->work.run(&t->work, wave->list[i]->run->sched->n_workers);
        } while (sli_try_ended(t));
    }
}

/// A few rows run here and now, unless that would be beside tasks on workers: one of theirs may
/// have the state at home that one of ours needs.
static void go_out(sli_run *run, sli_wave *wave)
{
    sli_wave_begin(wave);
    run->wave = wave;
    run->state = SLI_RUN_OUT;
    if (run->direct && run->sched->n_out == 0) {
        run_direct(wave);
        sli_run_wave_ended(run);
    }
}

static void add_map_tasks(sli_run *run, sli_wave *wave, sli_stage *stage)
{
    start_stage(run, stage);
    stage->shuffle->writer = run;
    for (int32_t p = 0; p < stage->rdd->n_partitions; p++) {
        if (!stage->shuffle->written[p]) {
            sli_wave_add(wave, run, stage, p, p);
            stage->n_units++;
        }
    }
}

/// All map tasks that can run now, of all stages that can. None: other jobs write what is missing.
static sl_code run_maps(sli_run *run, sl_error *err)
{
    int32_t n = 0;
    for (int32_t s = 1; s < run->n_stages; s++) {
        n += run->stages[s].waits ? 0 : run->stages[s].rdd->n_partitions;
    }
    if (n == 0) {
        SL_ASSERT(run->sched->runs->next != NULL, "stages wait for each other in a circle");
        run->state = SLI_RUN_PARKED;
        return SL_OK;
    }
    sli_wave *wave = sli_wave_new(n);
    if (wave == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(sli_unit), "the tasks of a stage");
    }
    for (int32_t s = 1; s < run->n_stages; s++) {
        if (!run->stages[s].waits) {
            add_map_tasks(run, wave, &run->stages[s]);
        }
    }
    go_out(run, wave);
    return SL_OK;
}

/// The result's tasks that have not won yet.
static void run_results(sli_run *run)
{
    if (run->result.number < 0) {
        start_stage(run, &run->result);
    }
    run->result.pinned = run->stages[0].pinned;
    run->result.n_units += run->left;
    for (int32_t i = 0; i < run->results->n_units; i++) {
        run->results->units[i].stage = run->result;
        run->results->units[i].first.work.may_move = !run->result.pinned;
    }
    go_out(run, run->results);
}

static sl_code go_on(sli_run *run, sl_error *err)
{
    bool again = false;
    SL_TRY(sli_run_walk(run, &again, err));
    if (again) {
        return SL_OK;
    }
    if (sli_run_is_cancelled(run)) {
        return sl_error_set(err, SL_E_CANCELLED, "the job was cancelled");
    }
    if (run->stages[0].waits) {
        return run_maps(run, err);
    }
    run_results(run);
    return SL_OK;
}

void sli_run_advance(sli_run *run)
{
    sli_context now = run->sched->context;
    run->sched->context = run->context;
    run->sched->context.number = run->number;
    run->sched->context.level++;
    while (run->state == SLI_RUN_READY) {
        sl_code rc = run->left == 0 ? SL_OK : go_on(run, &run->error);
        if (rc != SL_OK || run->left == 0) {
            sli_run_finish(run, rc);
        }
    }
    run->sched->context = now;
}

// ---------------------------------------------------------------- waves end

/// Jobs that wait for what this one has written may go on.
static void let_write(sli_run *run)
{
    for (int32_t i = 0; i < run->wave->n; i++) {
        sli_shuffle *shuffle = run->wave->list[i]->stage.shuffle;
        if (shuffle != NULL) {
            shuffle->writer = NULL;
        }
    }
    for (sli_run *other = run->sched->runs; other != NULL; other = other->next) {
        if (other->state == SLI_RUN_PARKED) {
            other->state = SLI_RUN_READY;
        }
    }
}

static void tell_stages(sli_run *run)
{
    for (int32_t s = 1; run->wave != run->results && s < run->n_stages; s++) {
        if (!run->stages[s].waits) {
            tell_stage(run, &run->stages[s], SLI_EV_STAGE_COMPLETED);
        }
    }
    if (run->wave == run->results && run->rc == SL_OK && run->left == 0) {
        tell_stage(run, &run->result, SLI_EV_STAGE_COMPLETED);
    }
}

/// Its memory goes, or waits for attempts that run on.
static void let_go(sli_run *run)
{
    sli_wave *wave = run->wave;
    run->wave = NULL;
    if (wave == run->results) {
        return; // until the job's end
    }
    if (wave->n_out == 0) {
        sli_wave_free(wave);
        return;
    }
    wave->next = run->past;
    run->past = wave;
}

void sli_run_wave_ended(sli_run *run)
{
    bool lost = false;
    let_write(run);
    sl_code rc = sli_wave_take_adds(run->wave, run->rc, &run->error);
    tell_stages(run);
    rc = rc == SL_OK ? sli_run_lost(run, &lost, &run->error) : rc;
    if (rc == SL_OK && lost) {
        run->state = SLI_RUN_LOST; // its wave says what
        run->sched->n_lost++;
        return;
    }
    let_go(run);
    run->state = SLI_RUN_READY;
    if (rc != SL_OK) {
        sli_run_finish(run, rc);
    }
}

void sli_run_found_lost(sli_run *run)
{
    sli_run_unwrite(run);
    let_go(run);
    run->sched->n_lost--;
    run->state = SLI_RUN_READY;
}

void sli_run_give_up(sli_run *run)
{
    run->sched->n_lost -= run->state == SLI_RUN_LOST ? 1 : 0;
    if (run->wave != NULL) {
        let_write(run);
        let_go(run);
    }
}

// ---------------------------------------------------------------- the job

void sli_sched_enter(sli_sched *sched, sli_context *before)
{
    *before = sched->context;
    if (sched->depth++ == 0) {
        sched->cancels_before = atomic_load_explicit(&sched->cancels, memory_order_acquire);
        // Pairs with the release in sli_sched_cancel: a cancel whose order this takes back is seen
        // by its count.
        atomic_exchange_explicit(&sched->stop.now, false, memory_order_acq_rel);
    }
    if (sched->context.action == 0) {
        sched->context.action = ++sched->actions;
    }
}

sl_code sli_sched_leave(sli_sched *sched, const sli_context *before, sl_code rc, sl_error *err)
{
    int64_t action = sched->context.action;
    sched->context = *before;
    bool is_last = --sched->depth == 0;
    if (is_last) {
        sli_runtime_cut(sched->runtime);
    }
    rc = before->action != 0 ? rc : sli_accs_action_ended(sched->runtime->accs, action, rc, err);
    return rc == SL_OK && is_last && sched->runtime->to_cut != NULL
               ? sli_runtime_save(sched->runtime, err)
               : rc;
}

bool sli_run_is_cancelled(const sli_run *run)
{
    const sli_sched *sched = run->sched;
    return run->is_cancelled || atomic_load_explicit(&sched->over, memory_order_acquire) ||
           atomic_load_explicit(&sched->cancels, memory_order_acquire) != sched->cancels_before;
}

static sl_code check_job(const sli_job *job, sl_error *err)
{
    if (sli_task_running() != NULL) {
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
    run->results = sli_wave_new(n);
    if (run->results == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof(sli_unit), "the tasks of a job");
    }
    run->left = n;
    for (int32_t i = 0; i < n; i++) {
        sli_wave_add(run->results, run, &run->result,
                     job->partitions != NULL ? job->partitions[i] : i, i);
    }
    return SL_OK;
}

/// To the end of the list: earlier jobs stand first.
static void join(sli_sched *sched, sli_run *run)
{
    sli_run **end = &sched->runs;
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = run;
}

static void leave(sli_run *run)
{
    sli_run **at = &run->sched->runs;
    while (*at != run) {
        at = &(*at)->next;
    }
    *at = run->next;
}

static sl_code begin(sli_run *run, sli_sched *sched, sli_job *job, sl_error *err)
{
    sli_metrics *metrics = sched->runtime->metrics;
    SL_TRY(check_job(job, err));
    memset(run, 0, offsetof(sli_run, error));
    run->error.code = SL_OK;
    run->sched = sched;
    run->job = job;
    run->result = (sli_stage){.rdd = job->rdd, .number = -1};
    run->stop.wider = &sched->stop;
    run->is_inline = sched->exec->ops == &sli_exec_inline;
    run->direct =
        !run->is_inline && job->rows_expected >= 0 && job->rows_expected <= sched->inline_rows;
    run->wants_tasks = metrics != NULL && sli_metrics_wants(metrics, SLI_EV_TASKS);
    job->rows_in = job->bytes_in = job->rows_out = 0;
    job->read = (sli_decode_stats){0};
    job->n_stages = job->n_tasks = job->n_failures = 0;
    SL_TRY(make_results(run, err));
    sli_sched_enter(sched, &run->before);
    run->context = sched->context;
    sched->context = run->before;
    run->context.pool = job->pool > 0 ? job->pool : run->context.pool;
    run->context.blame = job->blame != NULL ? job->blame : run->context.blame;
    run->number = run->context.number != 0 ? run->context.number : ++sched->numbers;
    run->state = SLI_RUN_READY;
    join(sched, run);
    return SL_OK;
}

static void end(sli_run *run)
{
    sli_sched *sched = run->sched;
    sli_job *job = run->job;
    sli_context now = sched->context;
    sched->context = run->context;
    run->rc = sli_sched_leave(sched, &run->before, run->rc, &run->error);
    sched->context = now;
    while (run->past != NULL) {
        sli_wave *wave = run->past;
        run->past = wave->next;
        sli_wave_free(wave);
    }
    sli_wave_free(run->results);
    sl_free(run->stages);
    if (run->wants_tasks) {
        sli_metrics_drain(sched->runtime->metrics); // a session has no other time for it, and the
                                                    // ring is bounded
    }
    job->rows_in = job->read.records - job->read.skipped;
    job->bytes_in = job->read.bytes;
    run->state = SLI_RUN_ENDED;
}

void sli_run_finish(sli_run *run, sl_code rc)
{
    run->rc = rc;
    if (rc != SL_OK) {
        // Relaxed: running tasks have to see it some time.
        atomic_store_explicit(&run->stop.now, true, memory_order_relaxed);
    }
    run->state = SLI_RUN_ENDING;
    if (run->n_out == 0) {
        end(run);
    }
}

sl_code sli_sched_run(sli_sched *sched, sli_job *job, sl_error *err)
{
    sli_run run;
    SL_TRY(begin(&run, sched, job, err));
    sli_sched_drive(sched, &run);
    leave(&run);
    if (run.rc != SL_OK && err != NULL) {
        *err = run.error;
    }
    return run.rc;
}

sl_code sli_sched_begin(sli_sched *sched, sli_job *job, sl_error *err)
{
    sli_run *run = sl_alloc(SLI_TAG_SCHED, sizeof *run);
    if (run == NULL) {
        return sl_error_nomem(err, sizeof *run, "a job");
    }
    sl_code rc = begin(run, sched, job, err);
    if (rc != SL_OK) {
        sl_free(run);
        return rc;
    }
    run->is_begun = true;
    sli_sched_push(sched);
    return SL_OK;
}

/// The first of those that were begun and have ended; with `any`, or not.
static sli_run *begun(sli_sched *sched, bool any)
{
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        if (run->is_begun && (any || run->state == SLI_RUN_ENDED)) {
            return run;
        }
    }
    return NULL;
}

sl_code sli_sched_next(sli_sched *sched, sli_job **out, sl_error *err)
{
    *out = NULL;
    if (begun(sched, true) == NULL) {
        return SL_OK;
    }
    sli_sched_drive(sched, NULL);
    sli_run *run = begun(sched, false);
    sl_code rc = run->rc;
    *out = run->job;
    if (rc != SL_OK && err != NULL) {
        *err = run->error;
    }
    leave(run);
    sl_free(run);
    return rc;
}

void sli_sched_cancel_job(sli_sched *sched, const sli_job *job)
{
    for (sli_run *run = sched->runs; run != NULL; run = run->next) {
        if (run->job == job) {
            run->is_cancelled = true;
            // Relaxed: its tasks have to see it some time.
            atomic_store_explicit(&run->stop.now, true, memory_order_relaxed);
        }
    }
}
