// task.c — what a task attempt gives to user functions, and when it is to end.
#include "rdd/rdd_int.h"

static bool is_stopped(const sli_stop *stop)
{
    // Relaxed: the flag orders nothing, it only has to be seen some time.
    while (stop != NULL && !atomic_load_explicit(&stop->now, memory_order_relaxed)) {
        stop = stop->wider;
    }
    return stop != NULL;
}

sl_code sli_task_check(const sli_task *task, sl_error *err)
{
    return is_stopped(task->stop) ? sl_error_set(err, SL_E_CANCELLED, "the job was cancelled")
                                  : SL_OK;
}

bool sl_args_is_cancelled(const sl_args *args)
{
    return args != NULL && is_stopped(args->stop);
}

sl_code sli_task_args(sli_task *task, const char *text, uint64_t operator_id, size_t state_bytes,
                      sl_args *out, sl_error *err)
{
    sli_rng *rng = sl_arena_alloc(task->arena, sizeof *rng);
    void *state = state_bytes == 0 ? NULL : sl_arena_alloc_zero(task->arena, state_bytes);
    if (rng == NULL || (state == NULL && state_bytes > 0)) {
        return sl_error_nomem(err, state_bytes, "the state of a user function");
    }
    uint64_t seed = sli_mix64(task->runtime->seed ^ sli_mix64((uint64_t)task->epoch));
    rng->state = sli_mix64(seed ^ sli_mix64((uint64_t)task->partition ^ sli_mix64(operator_id)));
    *out = (sl_args){
        .text = text,
        .epoch = task->epoch,
        .time_us = task->time_us,
        .partition = task->partition,
        .rng = rng,
        .state = state,
        .arena = task->arena,
        .attached = task->runtime->attached,
        .attached_ctx = task->runtime->attached_ctx,
        .bvars = task->runtime->bvars,
        .stop = task->stop,
    };
    return SL_OK;
}

/// The default: a session begins with a pointer to its runtime.
__attribute__((weak)) sli_runtime *sli_session_runtime(sl_session *session)
{
    return *(sli_runtime **)(void *)session;
}
