/// posix_int.h — the real world's objects and functions; only env/posix/ and env/posix/posix.c's
/// table see it.
#pragma once

#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "env/env_int.h"
#include "env/timers.h"

/// What SLUICE_PHASE_FILE holds; the README specifies it byte by byte.
typedef struct posix_phase_page posix_phase_page;

typedef struct posix_env {
    sl_env head;
    posix_phase_page *phases; ///< mapped, or NULL
} posix_env;

/// An event that one thread waits for: 0 nothing, 1 set, 2 somebody sleeps. Setting is
/// async-signal-safe.
typedef struct posix_event {
    _Atomic uint32_t word; ///< set (release) pairs with the wait's acquire: what was written before
                           ///< is seen after
} posix_event;

void sli_posix_event_set(posix_event *event);
/// SL_OK when set (and takes it), SL_E_TIMEOUT.
sl_code sli_posix_event_wait(posix_event *event, int64_t deadline_us);

typedef struct posix_loop posix_loop;

enum { POSIX_ADDRESSES = 8 };
typedef struct posix_address {
    struct sockaddr_storage bytes;
    socklen_t size;
} posix_address;
typedef struct posix_addresses {
    int32_t n, next;
    int why; ///< an errno: the failure so far that says most; 0: none
    posix_address list[POSIX_ADDRESSES];
} posix_addresses;

typedef struct posix_socket {
    sli_socket head;
    int fd;
    bool is_stdin;
    bool always_ready;          ///< a file: epoll does not take it
    posix_addresses *addresses; ///< of a connect that goes on, else NULL
    char *name;                 ///< "host:port", for texts
    posix_loop *loop;           ///< NULL when unwatched
    int32_t interest;
    sli_ready_fn fn;
    void *ctx;
} posix_socket;

/// Puts a socket whose descriptor was replaced back into its loop.
sl_code sli_posix_loop_rejoin(posix_socket *socket, sl_error *err);

int64_t sli_posix_wall_us(sl_env *env);
int64_t sli_posix_mono_us(sl_env *env);
int64_t sli_posix_cpu_us(sl_env *env);
sl_code sli_posix_random(sl_env *env, void *out, size_t size, sl_error *err);

sl_code sli_posix_file_open(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                            sl_error *err);
sl_code sli_posix_file_read_at(sli_file *file, int64_t offset, void *out, size_t size,
                               size_t *n_read, sl_error *err);
sl_code sli_posix_file_write(sli_file *file, const void *data, size_t size, sl_error *err);
sl_code sli_posix_file_write_at(sli_file *file, int64_t offset, const void *data, size_t size,
                                sl_error *err);
sl_code sli_posix_file_sync(sli_file *file, sl_error *err);
sl_code sli_posix_file_truncate(sli_file *file, int64_t size, sl_error *err);
sl_code sli_posix_file_stat(sli_file *file, sli_stat *out, sl_error *err);
void sli_posix_file_close(sli_file *file);
sl_code sli_posix_lock_file(sl_env *env, const char *path, const char *text, sli_file **out,
                            sl_error *err);

sl_code sli_posix_stat(sl_env *env, const char *path, sli_stat *out, sl_error *err);
sl_code sli_posix_mkdirs(sl_env *env, const char *path, sl_error *err);
sl_code sli_posix_rename(sl_env *env, const char *from, const char *to, bool replace,
                         sl_error *err);
sl_code sli_posix_remove(sl_env *env, const char *path, sl_error *err);
sl_code sli_posix_remove_dir(sl_env *env, const char *path, sl_error *err);
sl_code sli_posix_sync_dir(sl_env *env, const char *path, sl_error *err);
sl_code sli_posix_link(sl_env *env, const char *from, const char *to, sl_error *err);
sl_code sli_posix_scan(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err);
sl_code sli_posix_name_stat(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err);
uint64_t sli_posix_identity(uint64_t device, uint64_t inode); ///< of sli_stat and sli_name
void sli_posix_stat_fill(sli_stat *out, const struct stat *st);

sli_signal *sli_posix_signal_new(sl_env *env);
void sli_posix_signal_free(sli_signal *signal);
void sli_posix_signal_set(sli_signal *signal);
sl_code sli_posix_signal_wait(sli_signal *signal, int64_t deadline_us, sl_error *err);
sli_strand *sli_posix_strand_new(sl_env *env, const char *name);
bool sli_posix_strand_post(sli_strand *strand, sli_work_fn work, void *ctx);
void sli_posix_strand_free(sli_strand *strand);

sl_code sli_posix_socket_connect(sl_env *env, const char *host, int32_t port, sli_socket **out,
                                 sl_error *err);
sl_code sli_posix_socket_listen(sl_env *env, const char *host, int32_t port, sli_socket **out,
                                sl_error *err);
sl_code sli_posix_socket_accept(sli_socket *listener, sli_socket **out, sl_error *err);
int32_t sli_posix_socket_port(const sli_socket *socket);
sl_code sli_posix_socket_stdin(sl_env *env, sli_socket **out, sl_error *err);
sl_code sli_posix_socket_receive(sli_socket *socket, void *out, size_t size, size_t *n,
                                 sl_error *err);
sl_code sli_posix_socket_send(sli_socket *socket, const void *data, size_t size, size_t *n,
                              sl_error *err);
sl_code sli_posix_socket_connected(sli_socket *socket, sl_error *err);
void sli_posix_socket_finish(sli_socket *socket);
void sli_posix_socket_close(sli_socket *socket);

/// resolve.c. Numbers and "localhost" without the network. Fails: SL_E_IO, SL_E_NOMEM.
sl_code sli_posix_resolve(const char *host, int32_t port, bool passive, posix_addresses *out,
                          sl_error *err);

sli_loop *sli_posix_loop_new(sl_env *env);
void sli_posix_loop_free(sli_loop *loop);
sl_code sli_posix_loop_watch(sli_loop *loop, sli_socket *socket, int32_t interest, sli_ready_fn fn,
                             void *ctx, sl_error *err);
void sli_posix_loop_unwatch(sli_loop *loop, sli_socket *socket);
sl_code sli_posix_loop_timer(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx,
                             sl_error *err);
sl_code sli_posix_loop_run(sli_loop *loop, int64_t deadline_us, sl_error *err);
void sli_posix_loop_wake(sli_loop *loop);
int sli_posix_loop_fd(sli_loop *loop);

/// What the control groups of this process allow; INT64_MAX: they don't limit it.
typedef struct posix_limits {
    int64_t processors, memory_bytes;
} posix_limits;

/// limits.c. `root` stands before every path: "", or a tree of files in tests.
posix_limits sli_posix_group_limits(const char *root);
int32_t sli_posix_cpus(sl_env *env);
int64_t sli_posix_memory_bytes(sl_env *env);

// child.c
sl_code sli_posix_child_start(sl_env *env, const char *const *words, const char *const *variables,
                              sli_child **out, sl_error *err);
sl_code sli_posix_child_exchange(sli_child *child, sli_exchange *exchange, int64_t deadline_us,
                                 sl_error *err);
void sli_posix_child_end_input(sli_child *child);
sl_text sli_posix_child_errors(const sli_child *child);
void sli_posix_child_free(sli_child *child);

/// process.c: writes in between to a pipe that nobody reads raise no signal, and no handler is
/// installed.
typedef struct posix_no_sigpipe {
    sigset_t before;
    bool was_pending;
} posix_no_sigpipe;
void sli_posix_no_sigpipe_begin(posix_no_sigpipe *guard);
void sli_posix_no_sigpipe_end(posix_no_sigpipe *guard,
                              bool raised); ///< `raised`: a write said EPIPE

int64_t sli_posix_pid(sl_env *env);
uint64_t sli_posix_thread(sl_env *env);
bool sli_posix_claim(sl_env *env, const void *owner);
void sli_posix_unclaim(sl_env *env, const void *owner);
sl_code sli_posix_print(sl_env *env, int fd, const void *data, size_t size, sl_error *err);
bool sli_posix_is_terminal(sl_env *env, int fd);
const char *sli_posix_variable(sl_env *env, const char *name);
int64_t sli_posix_resident_bytes(sl_env *env);
sl_code sli_posix_notify(sl_env *env, const char *lines, sl_error *err);

// library.c
sl_code sli_posix_load(sl_env *env, const char *path, const char *symbol, void **out,
                       sl_error *err);
sl_code sli_posix_code_dir(sl_env *env, sli_str *out, sl_error *err);
void sli_posix_phase(sl_env *env, const char *phase);
sl_code sli_posix_phases_open(posix_env *env,
                              sl_error *err); ///< maps SLUICE_PHASE_FILE when it is set
void sli_posix_phases_close(posix_env *env);
