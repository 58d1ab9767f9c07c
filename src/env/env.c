/// env.c — the dispatch behind env.h, and the helpers that are the same in every world.
///
/// Each function here is the call of one table entry: the worlds differ in the table only, so the
/// same objects of the library run in the real world and in simulation.
#include "env/env_int.h"

#include "base/str.h"

_Thread_local const void *volatile sli_strand_own;

// ---------------------------------------------------------------- time and chance

int64_t sli_env_wall_us(sl_env *env)
{
    return env->ops->wall_us(env);
}

int64_t sli_env_mono_us(sl_env *env)
{
    return env->ops->mono_us(env);
}

int64_t sli_env_cpu_us(sl_env *env)
{
    return env->ops->cpu_us(env);
}

sl_code sli_env_random(sl_env *env, void *out, size_t size, sl_error *err)
{
    return env->ops->random(env, out, size, err);
}

sl_code sli_env_random_id(sl_env *env, char out[33], sl_error *err)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t bytes[16];
    SL_TRY(sli_env_random(env, bytes, sizeof bytes, err));
    for (size_t i = 0; i < sizeof bytes; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[32] = '\0';
    return SL_OK;
}

// ---------------------------------------------------------------- files

sl_code sli_file_open(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                      sl_error *err)
{
    return env->ops->file_open(env, path, mode, out, err);
}

sl_code sli_file_read_at(sli_file *file, int64_t offset, void *out, size_t size, size_t *n_read,
                         sl_error *err)
{
    return file->env->ops->file_read_at(file, offset, out, size, n_read, err);
}

sl_code sli_file_write(sli_file *file, const void *data, size_t size, sl_error *err)
{
    return file->env->ops->file_write(file, data, size, err);
}

sl_code sli_file_write_at(sli_file *file, int64_t offset, const void *data, size_t size,
                          sl_error *err)
{
    return file->env->ops->file_write_at(file, offset, data, size, err);
}

sl_code sli_file_sync(sli_file *file, sl_error *err)
{
    return file->env->ops->file_sync(file, err);
}

sl_code sli_file_truncate(sli_file *file, int64_t size, sl_error *err)
{
    return file->env->ops->file_truncate(file, size, err);
}

sl_code sli_file_stat(sli_file *file, sli_stat *out, sl_error *err)
{
    return file->env->ops->file_stat(file, out, err);
}

void sli_file_close(sli_file **file)
{
    if (*file != NULL) {
        (*file)->env->ops->file_close(*file);
        *file = NULL;
    }
}

sl_code sli_env_stat(sl_env *env, const char *path, sli_stat *out, sl_error *err)
{
    return env->ops->stat(env, path, out, err);
}

sl_code sli_env_mkdirs(sl_env *env, const char *path, sl_error *err)
{
    return env->ops->mkdirs(env, path, err);
}

sl_code sli_env_rename(sl_env *env, const char *from, const char *to, bool replace, sl_error *err)
{
    return env->ops->rename(env, from, to, replace, err);
}

sl_code sli_env_remove(sl_env *env, const char *path, sl_error *err)
{
    return env->ops->remove(env, path, err);
}

sl_code sli_env_remove_dir(sl_env *env, const char *path, sl_error *err)
{
    return env->ops->remove_dir(env, path, err);
}

sl_code sli_env_sync_dir(sl_env *env, const char *path, sl_error *err)
{
    return env->ops->sync_dir(env, path, err);
}

sl_code sli_env_link(sl_env *env, const char *from, const char *to, sl_error *err)
{
    return env->ops->link(env, from, to, err);
}

sl_code sli_env_scan(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err)
{
    return env->ops->scan(env, path, each, ctx, err);
}

sl_code sli_name_stat(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err)
{
    return env->ops->name_stat(env, name, out, err);
}

typedef struct list_call {
    sli_list_fn each;
    void *ctx;
} list_call;

static sl_code tell_name(void *ctx, const sli_name *name, sl_error *err)
{
    const list_call *call = ctx;
    return call->each(call->ctx, name->name, err);
}

sl_code sli_env_list(sl_env *env, const char *path, sli_list_fn each, void *ctx, sl_error *err)
{
    list_call call = {each, ctx};
    return sli_env_scan(env, path, tell_name, &call, err);
}

sl_code sli_env_lock_file(sl_env *env, const char *path, const char *text, sli_file **out,
                          sl_error *err)
{
    return env->ops->lock_file(env, path, text, out, err);
}

/// Reads an open file to its end; what grows meanwhile is left out.
static sl_code file_slurp(sli_file *file, const char *path, int64_t limit_bytes, char **out,
                          size_t *size, sl_error *err)
{
    sli_stat stat;
    SL_TRY(sli_file_stat(file, &stat, err));
    if (stat.size_bytes > limit_bytes) {
        return sl_error_set(err, SL_E_NOMEM, "%s: %lld bytes are over the limit of %lld", path,
                            (long long)stat.size_bytes, (long long)limit_bytes);
    }
    size_t want = (size_t)stat.size_bytes;
    char *bytes = sl_alloc(SLI_TAG_ENV, want + 1);
    if (bytes == NULL) {
        return sl_error_nomem(err, want + 1, path);
    }
    size_t got = 0;
    sl_code rc = sli_file_read_at(file, 0, bytes, want, &got, err);
    if (rc != SL_OK) {
        sl_free(bytes);
        return rc;
    }
    bytes[got] = '\0';
    *out = bytes;
    *size = got;
    return SL_OK;
}

sl_code sli_env_read_file(sl_env *env, const char *path, int64_t limit_bytes, char **out,
                          size_t *size, sl_error *err)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(env, path, SLI_READ, &file, err));
    sl_code rc = file_slurp(file, path, limit_bytes, out, size, err);
    sli_file_close(&file);
    return rc;
}

/// The directory of `path`: "." for a bare name, "/" for one below the root. NULL without memory.
static char *path_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        return sl_strdup(SLI_TAG_ENV, ".");
    }
    return slash == path ? sl_strdup(SLI_TAG_ENV, "/")
                         : sl_strndup(SLI_TAG_ENV, path, (size_t)(slash - path));
}

static sl_code write_synced(sl_env *env, const char *path, const void *data, size_t size,
                            sl_error *err)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(env, path, SLI_REPLACE, &file, err));
    sl_code rc = sli_file_write(file, data, size, err);
    if (rc == SL_OK) {
        rc = sli_file_sync(file, err); // without this the rename may publish an empty file
    }
    sli_file_close(&file);
    return rc;
}

sl_code sli_env_write_file(sl_env *env, const char *path, const void *data, size_t size,
                           sl_error *err)
{
    // The pid keeps a paused older process from renaming our half-written file; the number, two of
    // our own threads.
    sli_str temp = SLI_STR_INIT;
    sli_str_printf(
        &temp, "%s.%lld-%llu.tmp", path, (long long)sli_env_pid(env),
        (unsigned long long)atomic_fetch_add_explicit(&env->n_temps, 1, memory_order_relaxed));
    char *parent = path_parent(path);
    sl_code rc = sli_str_check(&temp, path, err);
    if (rc == SL_OK && parent == NULL) {
        rc = sl_error_nomem(err, strlen(path), path);
    }
    if (rc == SL_OK) {
        rc = write_synced(env, temp.data, data, size, err);
        if (rc == SL_OK) {
            rc = sli_env_rename(env, temp.data, path, true, err);
        }
        if (rc != SL_OK) {
            (void)sli_env_remove(env, temp.data,
                                 NULL); // best effort: the first failure is the one to tell
        }
    }
    if (rc == SL_OK) {
        rc = sli_env_sync_dir(env, parent, err);
    }
    sl_free(parent);
    sli_str_reset(&temp);
    return rc;
}

// ---------------------------------------------------------------- strands and signals

sli_signal *sli_signal_new(sl_env *env)
{
    return env->ops->signal_new(env);
}

void sli_signal_free(sli_signal *signal)
{
    if (signal != NULL) {
        signal->env->ops->signal_free(signal);
    }
}

void sli_signal_set(sli_signal *signal)
{
    signal->env->ops->signal_set(signal);
}

sl_code sli_signal_wait(sli_signal *signal, int64_t deadline_us, sl_error *err)
{
    return signal->env->ops->signal_wait(signal, deadline_us, err);
}

sli_strand *sli_strand_new(sl_env *env, const char *name)
{
    return env->ops->strand_new(env, name);
}

bool sli_strand_post(sli_strand *strand, sli_work_fn work, void *ctx)
{
    return strand->env->ops->strand_post(strand, work, ctx);
}

void sli_strand_free(sli_strand *strand)
{
    if (strand != NULL) {
        strand->env->ops->strand_free(strand);
    }
}

// ---------------------------------------------------------------- sockets and the loop

static sl_code port_check(int32_t port, int32_t low, sl_error *err)
{
    if (port < low || port > 65535) {
        return sl_error_set(err, SL_E_INVALID, "port %d is not between %d and 65535", port, low);
    }
    return SL_OK;
}

sl_code sli_socket_connect(sl_env *env, const char *host, int32_t port, sli_socket **out,
                           sl_error *err)
{
    SL_TRY(port_check(port, 1, err));
    return env->ops->socket_connect(env, host, port, out, err);
}

sl_code sli_socket_listen(sl_env *env, const char *host, int32_t port, sli_socket **out,
                          sl_error *err)
{
    SL_TRY(port_check(port, 0, err));
    return env->ops->socket_listen(env, host, port, out, err);
}

sl_code sli_socket_accept(sli_socket *listener, sli_socket **out, sl_error *err)
{
    return listener->env->ops->socket_accept(listener, out, err);
}

int32_t sli_socket_port(const sli_socket *socket)
{
    return socket->env->ops->socket_port(socket);
}

sl_code sli_socket_stdin(sl_env *env, sli_socket **out, sl_error *err)
{
    return env->ops->socket_stdin(env, out, err);
}

sl_code sli_socket_receive(sli_socket *socket, void *out, size_t size, size_t *n, sl_error *err)
{
    return socket->env->ops->socket_receive(socket, out, size, n, err);
}

sl_code sli_socket_send(sli_socket *socket, const void *data, size_t size, size_t *n, sl_error *err)
{
    return socket->env->ops->socket_send(socket, data, size, n, err);
}

sl_code sli_socket_connected(sli_socket *socket, sl_error *err)
{
    return socket->env->ops->socket_connected(socket, err);
}

void sli_socket_finish(sli_socket *socket)
{
    socket->env->ops->socket_finish(socket);
}

void sli_socket_close(sli_socket **socket)
{
    if (*socket != NULL) {
        (*socket)->env->ops->socket_close(*socket);
        *socket = NULL;
    }
}

sli_loop *sli_loop_new(sl_env *env)
{
    return env->ops->loop_new(env);
}

void sli_loop_free(sli_loop *loop)
{
    if (loop != NULL) {
        loop->env->ops->loop_free(loop);
    }
}

sl_code sli_loop_watch(sli_loop *loop, sli_socket *socket, int32_t interest, sli_ready_fn fn,
                       void *ctx, sl_error *err)
{
    return loop->env->ops->loop_watch(loop, socket, interest, fn, ctx, err);
}

void sli_loop_unwatch(sli_loop *loop, sli_socket *socket)
{
    loop->env->ops->loop_unwatch(loop, socket);
}

sl_code sli_loop_timer(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx, sl_error *err)
{
    return loop->env->ops->loop_timer(loop, at_us, fn, ctx, err);
}

sl_code sli_loop_run(sli_loop *loop, int64_t deadline_us, sl_error *err)
{
    return loop->env->ops->loop_run(loop, deadline_us, err);
}

void sli_loop_wake(sli_loop *loop)
{
    loop->env->ops->loop_wake(loop);
}

int sli_loop_fd(sli_loop *loop)
{
    return loop->env->ops->loop_fd(loop);
}

// ---------------------------------------------------------------- programs that we start

sl_code sli_child_start(sl_env *env, const char *const *words, const char *const *variables,
                        sli_child **out, sl_error *err)
{
    return env->ops->child_start(env, words, variables, out, err);
}

sl_code sli_child_exchange(sli_child *child, sli_exchange *exchange, int64_t deadline_us,
                           sl_error *err)
{
    exchange->n_in = exchange->n_out = 0;
    exchange->ended = false;
    return child->env->ops->child_exchange(child, exchange, deadline_us, err);
}

void sli_child_end_input(sli_child *child)
{
    child->env->ops->child_end_input(child);
}

sl_text sli_child_errors(const sli_child *child)
{
    return child->env->ops->child_errors(child);
}

void sli_child_free(sli_child **child)
{
    if (*child != NULL) {
        (*child)->env->ops->child_free(*child);
        *child = NULL;
    }
}

// ---------------------------------------------------------------- the process

int32_t sli_env_cpus(sl_env *env)
{
    return env->ops->cpus(env);
}

int64_t sli_env_memory_bytes(sl_env *env)
{
    return env->ops->memory_bytes(env);
}

int64_t sli_env_pid(sl_env *env)
{
    return env->ops->pid(env);
}

uint64_t sli_env_thread(sl_env *env)
{
    return env->ops->thread(env);
}

bool sli_env_claim(sl_env *env, const void *owner)
{
    return env->ops->claim(env, owner);
}

void sli_env_unclaim(sl_env *env, const void *owner)
{
    env->ops->unclaim(env, owner);
}

sl_code sli_env_print(sl_env *env, int fd, const void *data, size_t size, sl_error *err)
{
    if (fd != 1 && fd != 2) {
        return sl_error_set(err, SL_E_INVALID,
                            "descriptor %d is neither standard output nor standard error", fd);
    }
    return env->ops->print(env, fd, data, size, err);
}

bool sli_env_is_simulated(const sl_env *env)
{
    return env->ops->simulated;
}

bool sli_env_is_terminal(sl_env *env, int fd)
{
    return env->ops->is_terminal(env, fd);
}

const char *sli_env_variable(sl_env *env, const char *name)
{
    return env->ops->variable(env, name);
}

sl_code sli_env_load(sl_env *env, const char *path, const char *symbol, void **out, sl_error *err)
{
    return env->ops->load(env, path, symbol, out, err);
}

sl_code sli_env_code_dir(sl_env *env, sli_str *out, sl_error *err)
{
    return env->ops->code_dir(env, out, err);
}

int64_t sli_env_resident_bytes(sl_env *env)
{
    return env->ops->resident_bytes(env);
}

sl_code sli_env_notify(sl_env *env, const char *lines, sl_error *err)
{
    return env->ops->notify(env, lines, err);
}

sl_code sli_env_outside(sl_env *env, sli_outside what, sl_error *err)
{
    return env->ops->outside(env, what, err);
}

void sli_env_free(sl_env *env)
{
    if (env != NULL) {
        env->ops->free(env);
    }
}

bool sli_env_bug(sl_env *env, const char *bug)
{
    return env->ops->bug(env, bug);
}

void sli_env_phase(sl_env *env, const char *phase)
{
    env->ops->phase(env, phase);
}
