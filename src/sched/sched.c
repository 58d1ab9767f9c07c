// sched.c — the scheduler's life and settings.
#include "sched/sched_int.h"

const sl_option sli_sched_options[] = {
    {.name = "task.max_failures",
     .type = SL_OPT_INT,
     .fallback = "4",
     .low = "1",
     .high = "1000",
     .text = "How often a task may fail before the job does."},
    {.name = "stage.max_attempts",
     .type = SL_OPT_INT,
     .fallback = "4",
     .low = "1",
     .high = "1000",
     .text = "How often lost shuffle output is written again before the job fails."},
    {.name = "inline_rows",
     .type = SL_OPT_INT,
     .fallback = "4096",
     .low = "0",
     .text = "Jobs of at most so many expected rows run on the driver's own thread: waking a "
             "worker costs more."},
    {.name = "jobs.concurrent",
     .type = SL_OPT_INT,
     .fallback = "1",
     .low = "1",
     .high = "64",
     .text = "Outputs of one epoch that may run beside each other; epochs stay one after the "
             "other."},
    {.name = "jobs.mode",
     .type = SL_OPT_CHOICE,
     .fallback = "fifo",
     .choices = "fifo|fair",
     .text = "Whose tasks go out first: fifo: the earlier output's; fair: pools share the workers "
             "(jobs.pools)."},
    {.name = "jobs.pools",
     .type = SL_OPT_TEXT,
     .text = "Pools that outputs may be put into, for jobs.mode=fair, as "
             "\"fast?weight=3&min_share=1 slow?mode=fair\": weight (1), min_share (0), and mode "
             "(fifo) among a pool's own jobs."},
    {.name = "jobs.pools_file",
     .type = SL_OPT_TEXT,
     .text = "More pools, in a file as Spark's fairscheduler.xml, of at most 1 MiB; one that is "
             "wrong fails the start. jobs.pools may not name one of its pools again."},
    {.name = "jobs.pool",
     .type = SL_OPT_TEXT,
     .fallback = "default",
     .text = "Pool of outputs that the program puts into none."},
    {.name = "speculation",
     .type = SL_OPT_BOOL,
     .fallback = "false",
     .text = "A task that takes much longer than the others of its stage gets a copy; the first of "
             "both to end counts. A task that works on state never gets one: state lies with one "
             "worker, and that is the slow one."},
    {.name = "speculation.interval",
     .type = SL_OPT_DURATION,
     .fallback = "100ms",
     .low = "1ms",
     .text = "How often slow tasks are looked for."},
    {.name = "speculation.multiplier",
     .type = SL_OPT_FLOAT,
     .fallback = "1.5",
     .low = "1",
     .text = "How many times the median of its stage's tasks a slow one takes."},
    {.name = "speculation.quantile",
     .type = SL_OPT_FLOAT,
     .fallback = "0.75",
     .low = "0",
     .high = "1",
     .text = "Share of a stage's tasks that must have ended before one is called slow."},
    {.name = "speculation.min_runtime",
     .type = SL_OPT_DURATION,
     .fallback = "100ms",
     .low = "0ms",
     .text = "A task that runs for less is not slow."},
    {0},
};

static const sli_metric_info infos[] = {
    {"sluice_tasks_total", SLI_COUNTER, NULL, NULL, "Task attempts that have ended."},
    {"sluice_task_failures_total", SLI_COUNTER, NULL, NULL, "Task attempts that have failed."},
    {"sluice_shuffle_lost_total", SLI_COUNTER, NULL, NULL,
     "Map outputs that were lost and written again."},
    {"sluice_stages_total", SLI_COUNTER, NULL, NULL, "Stages started."},
    {"sluice_task_copies_total", SLI_COUNTER, NULL, NULL,
     "Copies of slow tasks (speculation); they count as attempts, too."},
    {0},
};

static void find_metrics(sli_sched *sched)
{
    sli_metrics *metrics = sched->runtime->metrics;
    if (metrics != NULL) {
        sched->tasks = sli_metrics_series(metrics, &infos[0], NULL);
        sched->failures = sli_metrics_series(metrics, &infos[1], NULL);
        sched->lost = sli_metrics_series(metrics, &infos[2], NULL);
        sched->stages = sli_metrics_series(metrics, &infos[3], NULL);
        sched->copies = sli_metrics_series(metrics, &infos[4], NULL);
    }
}

sl_code sli_sched_new(sli_sched **out, sli_runtime *runtime, sli_exec *exec, const sl_conf *conf,
                      sl_error *err)
{
    sli_sched *sched = sl_alloc_zero(SLI_TAG_SCHED, sizeof *sched);
    if (sched == NULL) {
        return sl_error_nomem(err, sizeof *sched, "the scheduler");
    }
    sched->runtime = runtime;
    sched->exec = exec;
    sched->n_workers = exec->ops->workers(exec);
    sched->max_failures = (int32_t)sl_conf_int64(conf, "task.max_failures");
    sched->max_stage_attempts = (int32_t)sl_conf_int64(conf, "stage.max_attempts");
    sched->inline_rows = sl_conf_int64(conf, "inline_rows");
    sched->arenas = sl_alloc_array(SLI_TAG_SCHED, (size_t)sched->n_workers + 1, sizeof(sl_arena *));
    sl_code rc = sched->arenas == NULL ? sl_error_nomem(err, 64, "the scheduler")
                                       : sli_pools_open(sched, conf, err);
    sli_copying_open(sched, conf);
    if (rc == SL_OK && sched->copying.on) {
        rc = exec->ops->spare_driver(exec, err); // it has to look for slow tasks meanwhile
    }
    if (rc != SL_OK) {
        sli_pools_close(sched);
        sl_free(sched->arenas);
        sl_free(sched);
        return rc;
    }
    find_metrics(sched);
    runtime->sched = sched;
    runtime->run = sli_sched_collect;
    runtime->alone = sli_sched_alone;
    *out = sched;
    return SL_OK;
}

void sli_sched_free(sli_sched *sched)
{
    if (sched == NULL) {
        return;
    }
    for (int32_t i = 0; i <= sched->n_workers; i++) {
        sl_arena_free(sched->arenas[i]);
    }
    sl_free(sched->arenas);
    sli_pools_close(sched);
    sl_free(sched->stack);
    sched->runtime->sched = NULL;
    sched->runtime->run = NULL;
    sched->runtime->alone = NULL;
    sli_runtime_reset(sched->runtime); // no job comes any more that could use what was compiled
    sl_free(sched);
}

void sli_sched_epoch(sli_sched *sched, int64_t generation, int64_t epoch, int64_t time_us)
{
    sched->generation = generation;
    sched->epoch = epoch;
    sched->time_us = time_us;
}

int32_t sli_sched_in_pool(sli_sched *sched, int32_t pool)
{
    int32_t before = sched->context.pool;
    sched->context.pool = pool;
    return before;
}

bool sli_sched_is_busy(const sli_sched *sched)
{
    return sched->depth > 0;
}

void sli_sched_cancel(sli_sched *sched)
{
    // The count is there before the order to stop: pairs with the exchange at the start of a job
    // and the loads of tasks.
    atomic_fetch_add_explicit(&sched->cancels, 1, memory_order_release);
    atomic_store_explicit(&sched->stop.now, true, memory_order_release);
}

void sli_sched_end(sli_sched *sched)
{
    atomic_store_explicit(&sched->over, true, memory_order_release);
    sli_sched_cancel(sched);
}

int64_t sli_sched_dead(const sli_sched *sched)
{
    return sched->dead;
}

void sli_sched_blame(sli_sched *sched, sli_blame *blame)
{
    sched->context.blame = blame;
}

void sli_blame_reset(sli_blame *blame)
{
    sl_rdd_unref(blame->rdd);
    *blame = (sli_blame){0};
}

void sli_sched_try(sli_sched *sched, sli_trial trial)
{
    sched->trial = trial;
}
