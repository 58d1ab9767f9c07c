/// told.c — events for listeners: copied with all that they point to, and handed to one listener.
#include "base/arena.h"
#include "metrics/bus.h"

/// True when `*text` is NULL, or a copy of it now.
static bool keep(const char **text, sl_arena *arena)
{
    if (*text == NULL) {
        return true;
    }
    *text = sl_arena_strdup(arena, *text);
    return *text != NULL;
}

static bool keep_receiver(sl_receiver_info *info, sl_arena *arena)
{
    return keep(&info->stream, arena) && keep(&info->description, arena) &&
           keep(&info->last_error_text, arena);
}

static bool keep_output(sl_output_info *info, sl_arena *arena)
{
    return keep(&info->name, arena) && keep(&info->description, arena) &&
           keep(&info->failure, arena);
}

static bool keep_input(sl_input_info *info, sl_arena *arena)
{
    return keep(&info->stream, arena) && keep(&info->description, arena) &&
           keep(&info->from, arena) && keep(&info->to, arena);
}

static void *copied(sl_arena *arena, const void *items, int32_t n, size_t size)
{
    return n == 0 ? sl_arena_alloc(arena, 0) : sl_arena_copy(arena, items, (size_t)n * size);
}

static bool keep_event(sl_event_info *info, sl_arena *arena)
{
    sl_event_time_info *times = copied(arena, info->times, info->n_times, sizeof *times);
    sl_event_operator_info *operators =
        copied(arena, info->operators, info->n_operators, sizeof *operators);
    bool kept = times != NULL && operators != NULL;
    for (int32_t i = 0; kept && i < info->n_times; i++) {
        kept = keep(&times[i].stream, arena);
    }
    for (int32_t i = 0; kept && i < info->n_operators; i++) {
        kept = keep(&operators[i].stream, arena) && keep(&operators[i].kind, arena);
    }
    info->times = times;
    info->operators = operators;
    return kept;
}

static bool keep_batch(sl_batch_info *info, sl_arena *arena)
{
    sl_input_info *inputs = copied(arena, info->inputs, info->n_inputs, sizeof *inputs);
    sl_output_info *outputs = copied(arena, info->outputs, info->n_outputs, sizeof *outputs);
    bool kept = inputs != NULL && outputs != NULL && keep(&info->failure, arena) &&
                keep_event(&info->event, arena);
    for (int32_t i = 0; kept && i < info->n_inputs; i++) {
        kept = keep_input(&inputs[i], arena);
    }
    for (int32_t i = 0; kept && i < info->n_outputs; i++) {
        kept = keep_output(&outputs[i], arena);
    }
    info->inputs = inputs;
    info->outputs = outputs;
    return kept;
}

static bool keep_all(sli_told *told, sl_arena *arena)
{
    switch (told->kind) {
    case SLI_TOLD_STREAMING_STARTED:
        return true;
    case SLI_TOLD_RECEIVER_STARTED:
    case SLI_TOLD_RECEIVER_ERROR:
    case SLI_TOLD_RECEIVER_STOPPED:
        return keep_receiver(&told->of.receiver, arena);
    case SLI_TOLD_OUTPUT_STARTED:
    case SLI_TOLD_OUTPUT_COMPLETED:
        return keep_output(&told->of.output, arena);
    default:
        return keep_batch(&told->of.batch, arena);
    }
}

sli_told *sli_told_copy(const sli_told *told, sl_arena *arena)
{
    sli_told *copy = sl_arena_copy(arena, told, sizeof *told);
    return copy != NULL && keep_all(copy, arena) ? copy : NULL;
}

static void call_batch(void (*fn)(void *, const sl_batch_info *), void *ctx, const sli_told *told)
{
    if (fn != NULL) {
        fn(ctx, &told->of.batch);
    }
}

static void call_output(void (*fn)(void *, const sl_output_info *), void *ctx, const sli_told *told)
{
    if (fn != NULL) {
        fn(ctx, &told->of.output);
    }
}

static void call_receiver(void (*fn)(void *, const sl_receiver_info *), void *ctx,
                          const sli_told *told)
{
    if (fn != NULL) {
        fn(ctx, &told->of.receiver);
    }
}

void sli_told_call(const sli_told *told, const sl_listener *listener, void *ctx)
{
    switch (told->kind) {
    case SLI_TOLD_STREAMING_STARTED:
        if (listener->streaming_started != NULL) {
            listener->streaming_started(ctx, told->of.time_us);
        }
        break;
    case SLI_TOLD_RECEIVER_STARTED:
        call_receiver(listener->receiver_started, ctx, told);
        break;
    case SLI_TOLD_RECEIVER_ERROR:
        call_receiver(listener->receiver_error, ctx, told);
        break;
    case SLI_TOLD_RECEIVER_STOPPED:
        call_receiver(listener->receiver_stopped, ctx, told);
        break;
    case SLI_TOLD_BATCH_SUBMITTED:
        call_batch(listener->batch_submitted, ctx, told);
        break;
    case SLI_TOLD_BATCH_STARTED:
        call_batch(listener->batch_started, ctx, told);
        break;
    case SLI_TOLD_BATCH_COMPLETED:
        call_batch(listener->batch_completed, ctx, told);
        break;
    case SLI_TOLD_OUTPUT_STARTED:
        call_output(listener->output_started, ctx, told);
        break;
    case SLI_TOLD_OUTPUT_COMPLETED:
        call_output(listener->output_completed, ctx, told);
        break;
    }
}
