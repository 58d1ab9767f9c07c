// What is told about an epoch: metrics, events, and Spark's progress object.
#include "stream/engine_int.h"
#include "stream/event/event_time.h"

const sli_metric_info sli_engine_metrics[] = {
    [SLI_ENGINE_EPOCHS] = {"sluice_epochs_total", SLI_COUNTER, NULL, "epochs", "Epochs completed."},
    [SLI_ENGINE_FAILED] = {"sluice_epochs_failed_total", SLI_COUNTER, NULL, "epochs",
                           "Epochs whose output failed."},
    [SLI_ENGINE_ROWS_IN] = {"sluice_rows_in_total", SLI_COUNTER, NULL, "rows",
                            "Rows taken from sources."},
    [SLI_ENGINE_ROWS_OUT] = {"sluice_rows_out_total", SLI_COUNTER, NULL, "rows",
                             "Rows handed to sinks."},
    [SLI_ENGINE_RUN_US] = {"sluice_epoch_run_microseconds", SLI_HISTOGRAM, NULL, "us",
                           "Time from an epoch's plan to its end."},
    [SLI_ENGINE_DELAY_US] = {"sluice_epoch_delay_microseconds", SLI_HISTOGRAM, NULL, "us",
                             "How late epochs began (scheduling delay)."},
    [SLI_ENGINE_SEAL_US] = {"sluice_seal_microseconds", SLI_HISTOGRAM, NULL, "us",
                            "Time to make a group's output and delta durable."},
    [SLI_ENGINE_LOG_US] = {"sluice_log_microseconds", SLI_HISTOGRAM, NULL, "us",
                           "Time to append and sync a group's log frames."},
    [SLI_ENGINE_COMMIT_US] = {"sluice_commit_microseconds", SLI_HISTOGRAM, NULL, "us",
                              "Time to make a group visible in every sink."},
    [SLI_ENGINE_PENDING] = {"sluice_groups_pending", SLI_GAUGE, NULL, "groups",
                            "Groups closed and not yet committed."},
    [SLI_ENGINE_OUTBOX] = {"sluice_outbox_bytes", SLI_GAUGE, NULL, "bytes",
                           "Rows of sealed groups that wait for their sinks, in the checkpoint."},
    [SLI_ENGINE_BATCH_TIME] = {"sluice_batch_time_milliseconds", SLI_GAUGE, NULL, "ms",
                               "Batch time of the last epoch."},
    [SLI_ENGINE_LETTERS] = {"sluice_dead_letters_total", SLI_COUNTER, NULL, "records",
                            "Records left out of their epochs as dead letters."},
    [SLI_ENGINE_ACCUMULATED] = {"sluice_accumulator", SLI_GAUGE, "name", NULL,
                                "Value of an accumulator of int64, as of the last committed "
                                "group."},
    {0},
};

void sli_progress_open(sli_engine *engine)
{
    for (int32_t i = 0; i < SLI_ENGINE_ACCUMULATED; i++) {
        engine->series[i] =
            sli_metrics_series(engine->env.runtime->metrics, &sli_engine_metrics[i], NULL);
    }
}

static void count(sli_engine *engine, int64_t rows_in, int64_t rows_out, int64_t run_us,
                  int64_t late_us, bool failed)
{
    sli_metric *const *series = engine->series;
    sli_metric_add(series[failed ? SLI_ENGINE_FAILED : SLI_ENGINE_EPOCHS], 1);
    if (rows_in > 0) {
        sli_metric_add(series[SLI_ENGINE_ROWS_IN], rows_in);
    }
    if (rows_out > 0) {
        sli_metric_add(series[SLI_ENGINE_ROWS_OUT], rows_out);
    }
    if (engine->letters > 0) {
        sli_metric_add(series[SLI_ENGINE_LETTERS], engine->letters);
    }
    sli_metric_observe(series[SLI_ENGINE_RUN_US], run_us);
    sli_metric_observe(series[SLI_ENGINE_DELAY_US], late_us);
    sli_metric_set(series[SLI_ENGINE_PENDING], engine->n_pending);
    sli_metric_set(series[SLI_ENGINE_BATCH_TIME], engine->last_time_us / 1000);
}

static void set_gauge(void *ctx, const char *name, int64_t value)
{
    sli_metric_set(sli_metrics_series(ctx, &sli_engine_metrics[SLI_ENGINE_ACCUMULATED], name),
                   value);
}

void sli_progress_counted(sli_engine *engine)
{
    sli_accs_each_int64(engine->accs, set_gauge, engine->env.runtime->metrics);
}

void sli_progress_waiting(sli_engine *engine)
{
    sli_metric_set(engine->series[SLI_ENGINE_PENDING], engine->n_pending);
    sli_metric_set(engine->series[SLI_ENGINE_OUTBOX], engine->outbox_bytes);
}

void sli_progress_committed(sli_engine *engine, const sli_group *group)
{
    sli_metric_observe(engine->series[SLI_ENGINE_SEAL_US], group->seal_us);
    if (engine->ckpt != NULL) {
        sli_metric_observe(engine->series[SLI_ENGINE_LOG_US], group->log_us);
    }
    sli_metric_observe(engine->series[SLI_ENGINE_COMMIT_US], group->commit_us);
}

// ---------------------------------------------------------------- events

static void put_outcome(sli_event *event, sl_code rc, const sl_error *error)
{
    event->code = rc;
    if (rc != SL_OK) {
        sli_event_text(event, error->text);
    }
}

static bool epochs_are_wanted(const sli_engine *engine)
{
    return sli_metrics_wants(engine->env.runtime->metrics,
                             SLI_EV_BIT(SLI_EV_EPOCH_PLANNED) | SLI_EV_BIT(SLI_EV_EPOCH_COMPLETED));
}

/// The epoch that has just ended, and its plan.
static void tell_epoch(sli_engine *engine, const sli_event *of, const sli_timing *at)
{
    sli_metrics *metrics = engine->env.runtime->metrics;
    sli_event planned = {
        .kind = SLI_EV_EPOCH_PLANNED,
        .mono_us = at->planned_us,
        .epoch = of->epoch,
        .batch_time_us = of->batch_time_us,
        .duration_us = at->planned_us - at->begun_us,
    };
    sli_event done = *of;
    done.kind = SLI_EV_EPOCH_COMPLETED;
    done.mono_us = at->done_us;
    done.duration_us = at->done_us - at->begun_us;
    done.delay_us = at->late_us;
    sli_metrics_emit(metrics, &planned);
    sli_metrics_emit(metrics, &done);
}

void sli_progress_failed(sli_engine *engine, int64_t time_us, const sli_timing *at,
                         const sl_error *error)
{
    sli_metric_add(engine->series[SLI_ENGINE_FAILED], 1);
    if (epochs_are_wanted(engine)) {
        sli_event event = {.epoch = engine->epoch + 1, .batch_time_us = time_us};
        put_outcome(&event, error->code, error);
        tell_epoch(engine, &event, at);
    }
}

void sli_progress_group(const sli_group *group, sli_event_kind kind, int64_t begun_us,
                        int64_t done_us, sl_code rc)
{
    const sli_engine *engine = group->engine;
    sli_metrics *metrics = engine->env.runtime->metrics;
    if (!sli_metrics_wants(metrics, SLI_EV_BIT(kind))) {
        return;
    }
    sli_event_thread thread = kind == SLI_EV_GROUP_COMMITTED ? SLI_ON_COMMITTER : SLI_ON_WRITER;
    sli_event event = {
        .kind = kind,
        .thread = engine->inline_commit ? SLI_ON_DRIVER : thread,
        .mono_us = done_us,
        .epoch = group->last_epoch,
        .batch_time_us = group->last_time_us,
        .group = group->number,
        .rows = group->rows_out,
        .duration_us = done_us - begun_us,
    };
    put_outcome(&event, rc, &group->error);
    sli_metrics_emit(metrics, &event);
}

// ---------------------------------------------------------------- progress

void sli_progress_describe(sli_engine *engine, sli_input *input, sli_progress_source *out)
{
    sli_str start = {.tag = SLI_TAG_STREAM}, end = {.tag = SLI_TAG_STREAM};
    const sli_source_ops *ops = input->source->ops;
    if (ops->describe != NULL && input->range.size > 0) {
        ops->describe(input->source, input->range, &start, &end);
    }
    *out = (sli_progress_source){
        .uid = input->node->uid,
        .description = sli_node_url(input->node) != NULL ? sli_node_url(input->node)
                                                         : sli_node_queue(input->node),
        .start = start.size > 0 ? sl_arena_strdup(engine->epoch_arena, start.data) : NULL,
        .end = end.size > 0 ? sl_arena_strdup(engine->epoch_arena, end.data) : NULL,
        .rows = input->range.size == 0 ? 0
                : input->rows < 0      ? engine->rows_read
                                       : input->rows,
    };
    sli_str_reset(&start);
    sli_str_reset(&end);
}

static double per_second(int64_t rows, int64_t us)
{
    return us <= 0 ? 0.0 : (double)rows * 1e6 / (double)us;
}

static void tell_listener(sli_engine *engine, sli_progress *progress)
{
    int32_t n_sinks = 0;
    sli_progress_source *sources =
        sl_arena_alloc_zero(engine->epoch_arena, (size_t)(engine->n_inputs + 1) * sizeof *sources);
    const char **sinks = sl_arena_alloc_zero(
        engine->epoch_arena, (size_t)(engine->graph->n_outputs + 1) * sizeof *sinks);
    if (sources == NULL || sinks == NULL) {
        return; // progress is information; an epoch does not fail for it
    }
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_progress_describe(engine, &engine->inputs[i], &sources[i]);
    }
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        const sli_output *output = &engine->graph->outputs[i];
        sinks[n_sinks++] = sli_output_label(output);
    }
    sli_str counted = {.tag = SLI_TAG_STREAM};
    if (engine->accs != NULL) {
        sli_accs_json(engine->accs, &counted);
        progress->accumulators =
            counted.failed ? NULL : sl_arena_strdup(engine->epoch_arena, counted.data);
    }
    sli_str_reset(&counted);
    if (progress->error == NULL) {
        progress->event = sli_event_info(engine->graph, engine->epoch_arena);
    }
    progress->sources = sources;
    progress->n_sources = engine->n_inputs;
    progress->sinks = sinks;
    progress->n_sinks = n_sinks;
    engine->env.progress(engine->env.progress_ctx, progress);
}

void sli_progress_tell(sli_engine *engine, const sli_group *group, int64_t rows_in,
                       int64_t rows_out, const sli_timing *at, const sl_error *error)
{
    int64_t plan_us = at->planned_us - at->begun_us, run_us = at->done_us - at->planned_us;
    count(engine, rows_in, rows_out, plan_us + run_us, at->late_us, error != NULL);
    if (epochs_are_wanted(engine)) {
        sli_event event = {
            .epoch = engine->epoch,
            .batch_time_us = engine->last_time_us,
            .group = group->number,
            .rows = rows_in,
        };
        put_outcome(&event, error == NULL ? SL_OK : error->code, error);
        tell_epoch(engine, &event, at);
    }
    if (engine->env.progress == NULL) {
        return;
    }
    sli_progress progress = {
        .job = engine->env.job_name,
        .job_id = engine->job_id,
        .epoch = engine->epoch,
        .batch_time_us = engine->last_time_us,
        .group = engine->next_group,
        .rows_in = rows_in,
        .rows_out = rows_out,
        .letters = engine->letters,
        .plan_us = plan_us,
        .run_us = run_us,
        .seal_us = engine->last_seal_us,
        .log_us = engine->last_log_us,
        .commit_us = engine->last_commit_us,
        .trigger_us = plan_us + run_us,
        .scheduling_delay_us = at->late_us,
        .input_rows_per_second = per_second(rows_in, engine->clock.interval_us),
        .processed_rows_per_second = per_second(rows_in, plan_us + run_us),
        .error = error == NULL ? NULL : error->text,
    };
    tell_listener(engine, &progress);
}
