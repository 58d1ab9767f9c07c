/// env.c — a simulated process: its table, its boot and its end, and the calls too small for files
/// of their own.
#include "env/sim/sim_int.h"

#include <stdio.h>

static sim_env *env_of(sl_env *env)
{
    return (sim_env *)env;
}

static int64_t sim_wall_us(sl_env *env)
{
    sim_env *self = env_of(env);
    (void)sli_sim_answer(self, SIM_TIME_WALL);
    return self->world->mono_us + self->world->wall_offset_us;
}

static int64_t sim_mono_us(sl_env *env)
{
    sim_env *self = env_of(env);
    (void)sli_sim_answer(self, SIM_TIME_MONO);
    return self->world->mono_us;
}

static int64_t sim_zero(sl_env *env)
{
    (void)env;
    return 0; // not modelled: whatever is computed from it must not reach a result
}

static sl_code sim_link(sl_env *env, const char *from, const char *to, sl_error *err)
{
    (void)env;
    return sl_error_set(err, SL_E_UNSUPPORTED, "%s: link from %s: a simulated disk has no links",
                        to, from);
}

static sl_code sim_load(sl_env *env, const char *path, const char *symbol, void **out,
                        sl_error *err)
{
    (void)env;
    (void)out;
    return sl_error_set(err, SL_E_UNSUPPORTED, "%s: %s is code of the real world", path, symbol);
}

static sl_code sim_code_dir(sl_env *env, sli_str *out, sl_error *err)
{
    (void)env;
    (void)out;
    return sl_error_set(err, SL_E_UNSUPPORTED, "modules are code of the real world");
}

static const struct sli_module *sim_own_module(sl_env *env, const char *name)
{
    return sli_world_module_of(env, name);
}

static sl_code sim_outside(sl_env *env, sli_outside what, sl_error *err)
{
    sim_call call;
    sim_site site = (sim_site)(SIM_N_SITES - SLI_N_OUTSIDES + (int)what);
    return sli_sim_end(&call, sli_sim_begin(&call, env_of(env), site, err));
}

static sl_code sim_random(sl_env *env, void *out, size_t size, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_RANDOM, err);
    if (rc == SL_OK) {
        uint8_t *at = out;
        for (size_t i = 0; i < size; i++) {
            at[i] = (uint8_t)sli_rng_next(&call.env->world->answer_rng);
        }
        sli_sim_note(&call, out, size);
    }
    return sli_sim_end(&call, rc);
}

static int32_t sim_cpus(sl_env *env)
{
    enum { CPUS = 4 };
    const sli_world_conf *conf = &env_of(env)->world->conf;
    return conf->cpus > 0 ? conf->cpus : CPUS;
}

static int64_t sim_memory_bytes(sl_env *env)
{
    const sli_world_conf *conf = &env_of(env)->world->conf;
    return conf->memory_bytes > 0 ? conf->memory_bytes : INT64_C(16) << 30;
}

static int64_t sim_pid(sl_env *env)
{
    return env_of(env)->pid;
}

static uint64_t sim_thread_number(sl_env *env)
{
    return (uint64_t)(uintptr_t)env_of(env)->running; // compared, never shown
}

static bool sim_claim(sl_env *env, const void *owner)
{
    sim_env *self = env_of(env);
    if (self->claimed_by == NULL) {
        self->claimed_by = owner;
    }
    return self->claimed_by == owner;
}

static void sim_unclaim(sl_env *env, const void *owner)
{
    sim_env *self = env_of(env);
    self->claimed_by = self->claimed_by == owner ? NULL : self->claimed_by;
}

static sl_code sim_print(sl_env *env, int fd, const void *data, size_t size, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_PRINT, err);
    sli_sim_note_number(&call, fd);
    sli_sim_note(&call, data, size);
    if (rc == SL_OK) {
        sli_str *text = &call.env->world->printed[fd - 1];
        if (size > SIM_PRINT_LIMIT - text->size) {
            rc = sl_error_set(err, SL_E_NO_SPACE, "the simulated terminal keeps %d bytes",
                              SIM_PRINT_LIMIT);
        } else {
            sli_str_add(text, data, size);
            rc = sli_str_check(text, "what a simulated process prints", err);
        }
    }
    return sli_sim_end(&call, rc);
}

static bool sim_is_terminal(sl_env *env, int fd)
{
    (void)env;
    (void)fd;
    return false;
}

static const char *sim_variable(sl_env *env, const char *name)
{
    (void)env;
    (void)name;
    return NULL; // the environment of the real process must not reach a simulated result
}

static sl_code sim_notify(sl_env *env, const char *lines, sl_error *err)
{
    (void)env;
    (void)lines;
    (void)err;
    return SL_OK; // no service manager started this process
}

static bool sim_bug(sl_env *env, const char *bug)
{
    const sli_world *world = env_of(env)->world;
    for (int32_t i = 0; i < world->n_bugs; i++) {
        if (strcmp(world->bugs[i], bug) == 0) {
            return true;
        }
    }
    return false;
}

static void sim_phase(sl_env *env, const char *phase)
{
    sim_env *self = env_of(env);
    if (sli_sim_answer(self, SIM_PHASE)) {
        snprintf(self->phase, sizeof self->phase, "%s", phase);
    }
}

static void sim_free(sl_env *env)
{
    sim_env *self = env_of(env);
    SL_ASSERT(self->threads == &self->main && self->main.next == NULL,
              "a process ends while strands of it exist");
    sli_sim_env_die(self); // an orderly exit releases locks and connections too
    SL_ASSERT(self->sockets == NULL, "a process ends while sockets of it are open");
    sim_env **at = &self->world->envs;
    while (*at != self) {
        at = &(*at)->next;
    }
    *at = self->next;
    sl_free(self);
}

static const sli_env_ops sim_ops = {
    .wall_us = sim_wall_us,
    .mono_us = sim_mono_us,
    .cpu_us = sim_zero,
    .random = sim_random,
    .file_open = sli_sim_file_open,
    .file_read_at = sli_sim_file_read_at,
    .file_write = sli_sim_file_write,
    .file_write_at = sli_sim_file_write_at,
    .file_sync = sli_sim_file_sync,
    .file_truncate = sli_sim_file_truncate,
    .file_stat = sli_sim_file_stat,
    .file_close = sli_sim_file_close,
    .stat = sli_sim_stat,
    .mkdirs = sli_sim_mkdirs,
    .rename = sli_sim_rename,
    .remove = sli_sim_remove,
    .remove_dir = sli_sim_remove_dir,
    .sync_dir = sli_sim_sync_dir,
    .link = sim_link,
    .scan = sli_sim_scan,
    .name_stat = sli_sim_name_stat,
    .lock_file = sli_sim_lock_file,
    .signal_new = sli_sim_signal_new,
    .signal_free = sli_sim_signal_free,
    .signal_set = sli_sim_signal_set,
    .signal_wait = sli_sim_signal_wait,
    .strand_new = sli_sim_strand_new,
    .strand_post = sli_sim_strand_post,
    .strand_free = sli_sim_strand_free,
    .socket_connect = sli_sim_socket_connect,
    .socket_listen = sli_sim_socket_listen,
    .socket_accept = sli_sim_socket_accept,
    .socket_port = sli_sim_socket_port,
    .socket_stdin = sli_sim_socket_stdin,
    .socket_receive = sli_sim_socket_receive,
    .socket_send = sli_sim_socket_send,
    .socket_connected = sli_sim_socket_connected,
    .socket_finish = sli_sim_socket_finish,
    .socket_close = sli_sim_socket_close,
    .loop_new = sli_sim_loop_new,
    .loop_free = sli_sim_loop_free,
    .loop_watch = sli_sim_loop_watch,
    .loop_unwatch = sli_sim_loop_unwatch,
    .loop_timer = sli_sim_loop_timer,
    .loop_run = sli_sim_loop_run,
    .loop_wake = sli_sim_loop_wake,
    .loop_fd = sli_sim_loop_fd,
    .child_start = sli_sim_child_start,
    .child_exchange = sli_sim_child_exchange,
    .child_end_input = sli_sim_child_end_input,
    .child_errors = sli_sim_child_errors,
    .child_free = sli_sim_child_free,
    .outside = sim_outside,
    .cpus = sim_cpus,
    .memory_bytes = sim_memory_bytes,
    .pid = sim_pid,
    .thread = sim_thread_number,
    .claim = sim_claim,
    .unclaim = sim_unclaim,
    .print = sim_print,
    .is_terminal = sim_is_terminal,
    .variable = sim_variable,
    .load = sim_load,
    .code_dir = sim_code_dir,
    .module = sim_own_module,
    .simulated = true,
    .resident_bytes = sim_zero,
    .notify = sim_notify,
    .bug = sim_bug,
    .phase = sim_phase,
    .free = sim_free,
};

static bool never(const void *ctx)
{
    (void)ctx;
    return false;
}

sim_env *sli_sim_env_new(sli_world *world, const sli_fault *fault, sl_error *err)
{
    sim_env *env = sl_alloc_zero(SLI_TAG_ENV, sizeof *env);
    if (env == NULL) {
        sl_error_nomem(err, sizeof *env, "a simulated process");
        return NULL;
    }
    env->head.ops = &sim_ops;
    env->world = world;
    env->pid = world->n_pids++;
    env->fault = fault == NULL ? (sli_fault){0} : *fault;
    env->fault_rng.state = sli_mix64(world->conf.seed ^ sli_mix64((uint64_t)env->pid));
    env->main.ready = never;
    env->main.deadline_us = SLI_FOREVER;
    env->threads = &env->main;
    env->running = &env->main;
    env->next = world->envs;
    world->envs = env;
    return env;
}
