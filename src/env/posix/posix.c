/// posix.c — the real world: its table, its making and its end. The work is done in the files
/// beside this one.
#include "env/posix/posix_int.h"

static bool posix_bug(sl_env *env, const char *bug)
{
    (void)env;
    (void)bug;
    return false; // planted mistakes exist in simulated worlds only
}

static const struct sli_module *posix_module(sl_env *env, const char *name)
{
    (void)env;
    (void)name;
    return NULL; // modules are files
}

static sl_code posix_outside(sl_env *env, sli_outside what, sl_error *err)
{
    (void)env;
    (void)what;
    (void)err;
    return SL_OK; // the library may go
}

static void posix_free(sl_env *env)
{
    posix_env *self = (posix_env *)env;
    sli_posix_phases_close(self);
    sl_free(self);
}

static const sli_env_ops posix_ops = {
    .wall_us = sli_posix_wall_us,
    .mono_us = sli_posix_mono_us,
    .cpu_us = sli_posix_cpu_us,
    .random = sli_posix_random,
    .file_open = sli_posix_file_open,
    .file_read_at = sli_posix_file_read_at,
    .file_write = sli_posix_file_write,
    .file_write_at = sli_posix_file_write_at,
    .file_sync = sli_posix_file_sync,
    .file_truncate = sli_posix_file_truncate,
    .file_stat = sli_posix_file_stat,
    .file_close = sli_posix_file_close,
    .stat = sli_posix_stat,
    .mkdirs = sli_posix_mkdirs,
    .rename = sli_posix_rename,
    .remove = sli_posix_remove,
    .remove_dir = sli_posix_remove_dir,
    .sync_dir = sli_posix_sync_dir,
    .link = sli_posix_link,
    .scan = sli_posix_scan,
    .name_stat = sli_posix_name_stat,
    .lock_file = sli_posix_lock_file,
    .signal_new = sli_posix_signal_new,
    .signal_free = sli_posix_signal_free,
    .signal_set = sli_posix_signal_set,
    .signal_wait = sli_posix_signal_wait,
    .strand_new = sli_posix_strand_new,
    .strand_post = sli_posix_strand_post,
    .strand_free = sli_posix_strand_free,
    .socket_connect = sli_posix_socket_connect,
    .socket_listen = sli_posix_socket_listen,
    .socket_accept = sli_posix_socket_accept,
    .socket_port = sli_posix_socket_port,
    .socket_stdin = sli_posix_socket_stdin,
    .socket_receive = sli_posix_socket_receive,
    .socket_send = sli_posix_socket_send,
    .socket_connected = sli_posix_socket_connected,
    .socket_finish = sli_posix_socket_finish,
    .socket_close = sli_posix_socket_close,
    .loop_new = sli_posix_loop_new,
    .loop_free = sli_posix_loop_free,
    .loop_watch = sli_posix_loop_watch,
    .loop_unwatch = sli_posix_loop_unwatch,
    .loop_timer = sli_posix_loop_timer,
    .loop_run = sli_posix_loop_run,
    .loop_wake = sli_posix_loop_wake,
    .loop_fd = sli_posix_loop_fd,
    .child_start = sli_posix_child_start,
    .child_exchange = sli_posix_child_exchange,
    .child_end_input = sli_posix_child_end_input,
    .child_errors = sli_posix_child_errors,
    .child_free = sli_posix_child_free,
    .outside = posix_outside,
    .cpus = sli_posix_cpus,
    .memory_bytes = sli_posix_memory_bytes,
    .pid = sli_posix_pid,
    .thread = sli_posix_thread,
    .claim = sli_posix_claim,
    .unclaim = sli_posix_unclaim,
    .print = sli_posix_print,
    .is_terminal = sli_posix_is_terminal,
    .variable = sli_posix_variable,
    .load = sli_posix_load,
    .code_dir = sli_posix_code_dir,
    .module = posix_module,
    .resident_bytes = sli_posix_resident_bytes,
    .notify = sli_posix_notify,
    .bug = posix_bug,
    .phase = sli_posix_phase,
    .free = posix_free,
};

sl_code sli_env_posix(sl_env **out, sl_error *err)
{
    posix_env *env = sl_alloc_zero(SLI_TAG_ENV, sizeof *env);
    if (env == NULL) {
        return sl_error_nomem(err, sizeof *env, "the process's environment");
    }
    env->head.ops = &posix_ops;
    sl_code rc = sli_posix_phases_open(env, err);
    if (rc != SL_OK) {
        sl_free(env);
        return rc;
    }
    *out = &env->head;
    return SL_OK;
}
