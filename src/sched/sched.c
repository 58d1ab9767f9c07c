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
    {0},
};

static const sli_metric_info infos[] = {
    {"sluice_tasks_total", SLI_COUNTER, NULL, NULL, "Task attempts that have ended."},
    {"sluice_task_failures_total", SLI_COUNTER, NULL, NULL, "Task attempts that have failed."},
    {"sluice_shuffle_lost_total", SLI_COUNTER, NULL, NULL,
     "Map outputs that were lost and written again."},
    {"sluice_stages_total", SLI_COUNTER, NULL, NULL, "Stages started."},
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
    if (sched->arenas == NULL) {
        sl_free(sched);
        return sl_error_nomem(err, 64, "the scheduler");
    }
    find_metrics(sched);
    runtime->sched = sched;
    runtime->run = sli_sched_collect;
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
    sl_free(sched->stack);
    sched->runtime->sched = NULL;
    sched->runtime->run = NULL;
    sli_runtime_reset(sched->runtime); // no job comes any more that could use what was compiled
    sl_free(sched);
}

void sli_sched_epoch(sli_sched *sched, int64_t generation, int64_t epoch, int64_t time_us)
{
    sched->generation = generation;
    sched->epoch = epoch;
    sched->time_us = time_us;
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
    atomic_store_explicit(&sched->stop, true, memory_order_release);
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
    sched->blame = blame;
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
