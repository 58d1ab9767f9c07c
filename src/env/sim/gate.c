/// gate.c — what every simulated call passes: it is counted, may be crashed at or fail, and enters
/// the trace.
///
/// A crash takes effect before the call's own effect; "after the call" is the crash at the next
/// one. Only a write is different: a process can die with a part of it done, so file.c asks `died`.
#include "env/sim/sim_int.h"

enum { DEAD_CALL_LIMIT = 1000000, STALL_LIMIT_US = 50000 };

static const struct {
    const char *name;
    sli_site_kind kind;
} site_table[SIM_N_SITES] = {
#define X(symbol, name, kind) {name, SLI_SITE_##kind},
    SLI_ENV_SITES(X)
#undef X
};

void sli_sim_sites_init(sli_site *sites)
{
    for (int i = 0; i < SIM_N_SITES; i++) {
        sites[i] = (sli_site){.name = site_table[i].name,
                              .answers_only = site_table[i].kind == SLI_SITE_ANSWER};
    }
}

void sli_sim_note(sim_call *call, const void *data, size_t size)
{
    call->hash = sli_mix64(call->hash ^ sli_hash64(data, size) ^ (uint64_t)size);
}

void sli_sim_note_text(sim_call *call, const char *text)
{
    sli_sim_note(call, text, strlen(text));
}

void sli_sim_note_number(sim_call *call, int64_t number)
{
    call->hash = sli_mix64(call->hash ^ (uint64_t)number);
}

static void trace_add(sli_world *world, const sim_call *call, sl_code rc)
{
    uint64_t what =
        sli_mix64((uint64_t)call->site << 32 | (uint64_t)rc) ^ sli_mix64((uint64_t)call->env->pid);
    world->trace =
        sli_mix64(world->trace ^ what ^ call->hash ^ sli_mix64((uint64_t)world->mono_us));
}

sl_code sli_sim_end(sim_call *call, sl_code rc)
{
    if (rc != SL_E_CRASHED || call->died) {
        trace_add(call->env->world, call, rc);
    }
    return rc;
}

bool sli_sim_answer(sim_env *env, sim_site site)
{
    sim_call call = {.env = env, .site = site};
    if (env->dead) {
        return false;
    }
    env->world->sites[site].calls++;
    trace_add(env->world, &call, SL_OK);
    return true;
}

static bool chance(sim_env *env, double probability)
{
    if (probability <= 0) {
        return false;
    }
    // 53 bits, as doubles have: the same on every machine.
    return (double)(sli_rng_next(&env->fault_rng) >> 11) * 0x1p-53 < probability;
}

static sl_code dead_call(sim_env *env, sl_error *err)
{
    SL_ASSERT(env->dead_calls++ < DEAD_CALL_LIMIT,
              "a dead process goes on and on: some loop ignores SL_E_CRASHED");
    return sl_error_set(err, SL_E_CRASHED, "the simulated process is dead");
}

/// A pausable process stops here until the harness lets it go on. Not to print: a log holds its
/// lock meanwhile, and all processes of a world share one thread, which may not hold it for one
/// while it runs another.
static void wait_for_turn(sim_env *env, sim_site site)
{
    sli_process *process = env->process;
    if (process == NULL || site == SIM_PRINT) {
        return;
    }
    while (process->allowance <= 0 && !env->dead) {
        sli_sim_fiber_switch(&env->running->fiber, &process->resumer);
    }
    if (process->allowance != SLI_FOREVER) {
        process->allowance--;
    }
}

static bool counted(const sim_env *env, const char *site)
{
    const char *only = env->fault.only_site;
    return only == NULL || strncmp(site, only, strlen(only)) == 0;
}

/// Injected failures. At a wait there is nothing to fail: time passes instead, as when the machine
/// was busy.
static sl_code maybe_fail(sim_call *call, bool here, sl_error *err)
{
    sim_env *env = call->env;
    bool by_chance = chance(env, env->fault.fail_chance);
    if (!here && !by_chance) {
        return SL_OK;
    }
    sli_site_kind kind = site_table[call->site].kind;
    if (kind == SLI_SITE_CRASH) {
        if (by_chance && (call->site == SIM_SIGNAL_WAIT || call->site == SIM_LOOP_RUN)) {
            int64_t stall = (int64_t)sli_rng_below(&env->fault_rng, STALL_LIMIT_US);
            sli_sim_world_move_to(env->world, env->world->mono_us + stall);
        }
        return SL_OK;
    }
    call->hurt = true;
    bool moves_bytes = call->site == SIM_SOCKET_RECEIVE || call->site == SIM_SOCKET_SEND;
    if (by_chance && !here && moves_bytes && sli_rng_below(&env->fault_rng, 2) == 0) {
        return SL_OK; // falls short instead: `hurt` says so
    }
    env->world->sites[call->site].failures++;
    sl_code code = env->fault.fail_code == SL_OK ? SL_E_IO : env->fault.fail_code;
    return sl_error_set(err, code, "injected failure of %s", site_table[call->site].name);
}

static bool never(const void *ctx)
{
    (void)ctx;
    return false;
}

/// The process dies at this call; what other strands do while it hangs is done before.
static sl_code die_here(sim_call *call, sl_error *err)
{
    sim_env *env = call->env;
    env->fault_reached = true;
    if (env->fault.hang_us > 0) {
        (void)sli_sim_wait(env, never, NULL, env->world->mono_us + env->fault.hang_us, true);
    }
    if (!env->dead) {
        env->world->sites[call->site].crashes++;
        call->died = true;
        sli_sim_env_die(env);
    }
    return dead_call(env, err);
}

sl_code sli_sim_begin(sim_call *call, sim_env *env, sim_site site, sl_error *err)
{
    *call = (sim_call){.env = env, .site = site};
    if (!env->dead) {
        wait_for_turn(env, site);
    }
    if (!env->dead && site_table[site].kind == SLI_SITE_SWITCH &&
        env->world->conf.switch_chance > 0 &&
        (double)(sli_rng_next(&env->world->turn_rng) >> 11) * 0x1p-53 <
            env->world->conf.switch_chance) {
        sli_sim_yield(env);
    }
    if (env->dead) {
        return dead_call(env, err);
    }
    env->world->sites[site].calls++;
    if (!counted(env, site_table[site].name)) {
        return SL_OK;
    }
    env->calls++;
    bool crash_here = env->calls == env->fault.crash_at_call;
    bool fail_here = env->calls == env->fault.fail_at_call;
    env->fault_reached = env->fault_reached || crash_here || fail_here;
    if (crash_here || chance(env, env->fault.crash_chance)) {
        return die_here(call, err);
    }
    return maybe_fail(call, fail_here, err);
}
