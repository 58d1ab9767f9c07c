/// process.c — pausable processes: zombies. A paused one keeps its stacks, files and sockets, and
/// does nothing.
#include "env/sim/sim_int.h"

static void process_main(void *arg)
{
    sli_process *process = arg;
    process->main(&process->env->head, process->ctx);
    process->ended = true;
    sli_sim_fiber_leave(&process->env->main.fiber, &process->resumer);
}

sli_process *sli_process_new(sli_world *world, const sli_fault *fault,
                             void (*main)(sl_env *env, void *ctx), void *ctx)
{
    sli_process *process = sl_alloc_zero(SLI_TAG_ENV, sizeof *process);
    sim_env *env = sli_sim_env_new(world, fault, NULL);
    if (process == NULL || env == NULL ||
        !sli_sim_fiber_init(&env->main.fiber, process_main, process)) {
        sl_free(process);
        sli_env_free(env == NULL ? NULL : &env->head);
        return NULL;
    }
    process->env = env;
    process->main = main;
    process->ctx = ctx;
    env->process = process;
    return process;
}

sl_env *sli_process_env(sli_process *process)
{
    return &process->env->head;
}

bool sli_process_resume(sli_process *process, int64_t n)
{
    if (process->ended) {
        return false;
    }
    process->allowance = n;
    sli_sim_fiber_switch(&process->resumer, &process->env->running->fiber);
    process->allowance = 0;
    return !process->ended;
}

void sli_process_free(sli_process *process)
{
    if (process == NULL) {
        return;
    }
    if (!process->ended) {
        sli_sim_env_die(process->env);
        bool more = sli_process_resume(process, SLI_FOREVER);
        SL_ASSERT(!more, "a dead process waits for something that can't come any more");
    }
    sli_sim_fiber_reset(&process->env->main.fiber);
    sli_env_free(&process->env->head);
    sl_free(process);
}
