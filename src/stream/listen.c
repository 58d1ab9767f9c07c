// What the engine tells the program's listeners: epochs and outputs as they run, and what receivers
// tell through the metrics' events.
//
// The infos of the running epoch lie in its arena. They are made when the epoch begins and anybody
// listens, so a listener that is added while an epoch runs hears of the next one first.
#include "stream/listen.h"

#include "stream/event/event_time.h"

/// A receiver as it was told of last.
typedef struct receiver_state {
    uint32_t source; ///< sli_event_source of its uid
    bool active;
    sl_code last_error;
    int64_t last_error_us;
    char text[sizeof((sli_event *)0)->text];
} receiver_state;

struct sli_listen {
    receiver_state *receivers; ///< by input
    sl_batch_info *batch;      ///< of the running epoch; NULL: no memory for it
    sl_input_info *inputs;
    sl_output_info *outputs;
};

sl_code sli_listen_open(sli_engine *engine, sl_error *err)
{
    sli_listen *listen = sl_arena_alloc_zero(engine->job_arena, sizeof *listen);
    size_t size = (size_t)(engine->n_inputs + 1) * sizeof(receiver_state);
    receiver_state *receivers = sl_arena_alloc_zero(engine->job_arena, size);
    if (listen == NULL || receivers == NULL) {
        return sl_error_nomem(err, size, "what listeners are told");
    }
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        receivers[i].source = sli_event_source(engine->inputs[i].node->uid);
        receivers[i].last_error_us = -1;
    }
    listen->receivers = receivers;
    engine->listen = listen;
    sli_listen_step(engine);
    return SL_OK;
}

/// By the job's clock, in microseconds since 1970.
static int64_t wall_of(const sli_engine *engine, int64_t mono_us)
{
    return mono_us + engine->clock.offset_us;
}

static int64_t now_us(const sli_engine *engine)
{
    return wall_of(engine, sli_env_mono_us(engine->world));
}

void sli_listen_started(sli_engine *engine)
{
    if (engine->listens) {
        sli_told told = {.kind = SLI_TOLD_STREAMING_STARTED, .of.time_us = now_us(engine)};
        sli_bus_post(engine->env.bus, &told);
    }
}

// ---------------------------------------------------------------- receivers

static const char *description_of(const sli_input *input)
{
    const char *url = sli_node_url(input->node);
    return url != NULL ? url : sli_node_queue(input->node);
}

static void tell_receiver(sli_engine *engine, int32_t i, const sli_event *event)
{
    receiver_state *state = &engine->listen->receivers[i];
    sli_told told = {.kind = event->kind == SLI_EV_RECEIVER_STARTED ? SLI_TOLD_RECEIVER_STARTED
                             : event->kind == SLI_EV_RECEIVER_ERROR ? SLI_TOLD_RECEIVER_ERROR
                                                                    : SLI_TOLD_RECEIVER_STOPPED};
    state->active = event->kind == SLI_EV_RECEIVER_STARTED;
    if (event->kind == SLI_EV_RECEIVER_ERROR) {
        state->last_error = event->code;
        state->last_error_us = wall_of(engine, event->mono_us);
        memcpy(state->text, event->text, sizeof state->text);
    }
    told.of.receiver = (sl_receiver_info){
        .stream = engine->inputs[i].node->uid,
        .description = description_of(&engine->inputs[i]),
        .active = state->active,
        .last_error = state->last_error,
        .last_error_text = state->text,
        .last_error_us = state->last_error_us,
    };
    sli_bus_post(engine->env.bus, &told);
}

static void on_event(void *ctx, const sli_event *event)
{
    sli_engine *engine = ctx;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        if (engine->listen->receivers[i].source == event->source) {
            tell_receiver(engine, i, event);
            return;
        }
    }
}

void sli_listen_step(sli_engine *engine)
{
    sli_metrics *metrics = engine->env.runtime->metrics;
    bool wants = sli_bus_wants(engine->env.bus);
    if (wants == engine->listens) {
        return;
    }
    engine->listens = wants;
    if (!wants) {
        sli_metrics_unlisten(metrics, on_event, engine);
        return;
    }
    uint32_t kinds = SLI_EV_BIT(SLI_EV_RECEIVER_STARTED) | SLI_EV_BIT(SLI_EV_RECEIVER_ERROR) |
                     SLI_EV_BIT(SLI_EV_RECEIVER_STOPPED);
    sl_error error = SL_ERROR_INIT;
    if (sli_metrics_listen_some(metrics, kinds, on_event, engine, &error) != SL_OK) {
        SLI_LOG(engine->log, SLI_WARN, "listener", "listeners do not hear of receivers: %s",
                error.text);
    }
}

void sli_listen_close(sli_engine *engine)
{
    if (engine->listens) {
        sli_metrics_drain(engine->env.runtime->metrics);
        sli_metrics_unlisten(engine->env.runtime->metrics, on_event, engine);
        engine->listens = false;
    }
}

// ---------------------------------------------------------------- epochs

static void post_batch(sli_engine *engine, sli_told_kind kind)
{
    sli_told told = {.kind = kind, .of.batch = *engine->listen->batch};
    sli_bus_post(engine->env.bus, &told);
}

static void fill_outputs(sli_engine *engine, int64_t time_us)
{
    for (int32_t i = 0; i < engine->graph->n_outputs; i++) {
        const sli_output *output = &engine->graph->outputs[i];
        engine->listen->outputs[i] = (sl_output_info){
            .id = i,
            .epoch = engine->epoch + 1,
            .batch_time_us = time_us,
            .name = output->uid,
            .description = sli_output_label(output),
            .started_us = -1,
            .ended_us = -1,
            .duration_us = -1,
        };
    }
}

void sli_listen_begin(sli_engine *engine, int64_t time_us, const sli_timing *at)
{
    sli_listen *listen = engine->listen;
    listen->batch = NULL;
    sl_arena *arena = engine->epoch_arena;
    int32_t n_inputs = engine->n_inputs, n_outputs = engine->graph->n_outputs;
    sl_batch_info *batch = sl_arena_alloc(arena, sizeof *batch);
    listen->inputs = sl_arena_alloc(arena, (size_t)n_inputs * sizeof *listen->inputs);
    listen->outputs = sl_arena_alloc(arena, (size_t)n_outputs * sizeof *listen->outputs);
    if (batch == NULL || listen->inputs == NULL || listen->outputs == NULL) {
        return; // listeners get information; an epoch does not fail for it
    }
    *batch = (sl_batch_info){
        .epoch = engine->epoch + 1,
        .batch_time_us = time_us,
        .submitted_us = wall_of(engine, at->begun_us) - at->late_us,
        .started_us = -1,
        .ended_us = -1,
        .scheduling_delay_us = -1,
        .processing_delay_us = -1,
        .total_delay_us = -1,
        .rows = -1,
        .n_inputs = n_inputs,
        .n_outputs = n_outputs,
        .inputs = listen->inputs,
        .outputs = listen->outputs,
    };
    fill_outputs(engine, time_us);
    listen->batch = batch;
}

static int64_t fill_inputs(sli_engine *engine)
{
    int64_t rows = 0;
    for (int32_t i = 0; i < engine->n_inputs; i++) {
        sli_input *input = &engine->inputs[i];
        sli_progress_source of = {0};
        sli_progress_describe(engine, input, &of);
        int64_t taken = input->range.size == 0 ? 0 : input->rows;
        engine->listen->inputs[i] = (sl_input_info){.stream = of.uid,
                                                    .description = of.description,
                                                    .rows = taken,
                                                    .from = of.start,
                                                    .to = of.end};
        rows = taken < 0 || rows < 0 ? -1 : rows + taken;
    }
    return rows;
}

void sli_listen_planned(sli_engine *engine, const sli_timing *at)
{
    sl_batch_info *batch = engine->listen->batch;
    if (batch == NULL) {
        return;
    }
    batch->rows = fill_inputs(engine);
    post_batch(engine, SLI_TOLD_BATCH_SUBMITTED);
    batch->started_us = wall_of(engine, at->begun_us);
    batch->scheduling_delay_us = at->late_us;
    post_batch(engine, SLI_TOLD_BATCH_STARTED);
}

void sli_listen_output(sli_engine *engine, int32_t output)
{
    if (engine->listen->batch == NULL) {
        return;
    }
    sl_output_info *info = &engine->listen->outputs[output];
    info->started_us = now_us(engine);
    sli_told told = {.kind = SLI_TOLD_OUTPUT_STARTED, .of.output = *info};
    sli_bus_post(engine->env.bus, &told);
}

void sli_listen_output_done(sli_engine *engine, int32_t output, sl_code rc, const sl_error *error)
{
    if (engine->listen->batch == NULL) {
        return;
    }
    sl_output_info *info = &engine->listen->outputs[output];
    info->ended_us = now_us(engine);
    info->duration_us = info->ended_us - info->started_us;
    info->failure = rc == SL_OK ? NULL : sl_arena_strdup(engine->epoch_arena, error->text);
    if (rc != SL_OK && info->failure == NULL) {
        info->failure = sl_code_name(rc); // no memory for the text
    }
    sli_told told = {.kind = SLI_TOLD_OUTPUT_COMPLETED, .of.output = *info};
    sli_bus_post(engine->env.bus, &told);
}

void sli_listen_end(sli_engine *engine, int64_t rows_in, const sli_timing *at,
                    const sl_error *error)
{
    sl_batch_info *batch = engine->listen->batch;
    engine->listen->batch = NULL;
    if (batch == NULL || batch->started_us < 0) {
        return; // it was never planned
    }
    batch->ended_us = wall_of(engine, at->done_us);
    batch->processing_delay_us = batch->ended_us - batch->started_us;
    batch->total_delay_us = batch->scheduling_delay_us + batch->processing_delay_us;
    batch->failure = error == NULL ? NULL : error->text;
    if (error == NULL) {
        batch->event = sli_event_info(engine->graph, engine->epoch_arena);
    }
    batch->dead_letters = engine->letters;
    batch->rows = batch->rows < 0 && error == NULL ? rows_in : batch->rows;
    for (int32_t i = 0; i < engine->n_inputs && error == NULL; i++) {
        sl_input_info *input = &engine->listen->inputs[i];
        input->rows = input->rows < 0 ? engine->rows_read : input->rows;
    }
    sli_told told = {.kind = SLI_TOLD_BATCH_COMPLETED, .of.batch = *batch};
    sli_bus_post(engine->env.bus, &told);
}
