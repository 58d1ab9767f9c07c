/// env_int.h — what both worlds implement: the table behind env.h, and the heads of its objects.
///
/// Every object begins with a pointer to its env, so the dispatch in env.c needs nothing else. A
/// world embeds the heads in structs of its own (`struct posix_file { sli_file head; ... }`) and
/// casts.
#pragma once

#include <stdatomic.h>

#include "env/env.h"

struct sl_env {
    const struct sli_env_ops *ops;
    _Atomic uint64_t n_temps; ///< numbers temp names; relaxed, only uniqueness matters
};
struct sli_file {
    sl_env *env;
};
struct sli_socket {
    sl_env *env;
};
struct sli_strand {
    sl_env *env;
};
struct sli_signal {
    sl_env *env;
};
struct sli_loop {
    sl_env *env;
};
struct sli_child {
    sl_env *env;
};

enum {
    SLI_STRAND_LIMIT = 65536, ///< works waiting in one strand
    SLI_LOOP_LIMIT = 4096,    ///< sockets, and timers, of one loop
};

/// Each entry is the function of env.h with the same name; see there.
struct sli_env_ops {
    int64_t (*wall_us)(sl_env *env);
    int64_t (*mono_us)(sl_env *env);
    int64_t (*cpu_us)(sl_env *env);
    sl_code (*random)(sl_env *env, void *out, size_t size, sl_error *err);

    sl_code (*file_open)(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                         sl_error *err);
    sl_code (*file_read_at)(sli_file *file, int64_t offset, void *out, size_t size, size_t *n_read,
                            sl_error *err);
    sl_code (*file_write)(sli_file *file, const void *data, size_t size, sl_error *err);
    sl_code (*file_write_at)(sli_file *file, int64_t offset, const void *data, size_t size,
                             sl_error *err);
    sl_code (*file_sync)(sli_file *file, sl_error *err);
    sl_code (*file_truncate)(sli_file *file, int64_t size, sl_error *err);
    sl_code (*file_stat)(sli_file *file, sli_stat *out, sl_error *err);
    void (*file_close)(sli_file *file); ///< never NULL

    sl_code (*stat)(sl_env *env, const char *path, sli_stat *out, sl_error *err);
    sl_code (*mkdirs)(sl_env *env, const char *path, sl_error *err);
    sl_code (*rename)(sl_env *env, const char *from, const char *to, bool replace, sl_error *err);
    sl_code (*remove)(sl_env *env, const char *path, sl_error *err);
    sl_code (*remove_dir)(sl_env *env, const char *path, sl_error *err);
    sl_code (*sync_dir)(sl_env *env, const char *path, sl_error *err);
    sl_code (*link)(sl_env *env, const char *from, const char *to, sl_error *err);
    sl_code (*scan)(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err);
    sl_code (*name_stat)(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err);
    sl_code (*lock_file)(sl_env *env, const char *path, const char *text, sli_file **out,
                         sl_error *err);

    sli_signal *(*signal_new)(sl_env *env);
    void (*signal_free)(sli_signal *signal); ///< never NULL
    void (*signal_set)(sli_signal *signal);
    sl_code (*signal_wait)(sli_signal *signal, int64_t deadline_us, sl_error *err);
    sli_strand *(*strand_new)(sl_env *env, const char *name);
    bool (*strand_post)(sli_strand *strand, sli_work_fn work, void *ctx);
    void (*strand_free)(sli_strand *strand); ///< never NULL

    sl_code (*socket_connect)(sl_env *env, const char *host, int32_t port, sli_socket **out,
                              sl_error *err);
    sl_code (*socket_listen)(sl_env *env, const char *host, int32_t port, sli_socket **out,
                             sl_error *err);
    sl_code (*socket_accept)(sli_socket *listener, sli_socket **out, sl_error *err);
    int32_t (*socket_port)(const sli_socket *socket);
    sl_code (*socket_stdin)(sl_env *env, sli_socket **out, sl_error *err);
    sl_code (*socket_receive)(sli_socket *socket, void *out, size_t size, size_t *n, sl_error *err);
    sl_code (*socket_send)(sli_socket *socket, const void *data, size_t size, size_t *n,
                           sl_error *err);
    sl_code (*socket_connected)(sli_socket *socket, sl_error *err);
    void (*socket_finish)(sli_socket *socket);
    void (*socket_close)(sli_socket *socket); ///< never NULL

    sli_loop *(*loop_new)(sl_env *env);
    void (*loop_free)(sli_loop *loop); ///< never NULL
    sl_code (*loop_watch)(sli_loop *loop, sli_socket *socket, int32_t interest, sli_ready_fn fn,
                          void *ctx, sl_error *err);
    void (*loop_unwatch)(sli_loop *loop, sli_socket *socket);
    sl_code (*loop_timer)(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx, sl_error *err);
    sl_code (*loop_run)(sli_loop *loop, int64_t deadline_us, sl_error *err);
    void (*loop_wake)(sli_loop *loop);
    int (*loop_fd)(sli_loop *loop);

    sl_code (*child_start)(sl_env *env, const char *const *words, const char *const *variables,
                           sli_child **out, sl_error *err);
    sl_code (*child_exchange)(sli_child *child, sli_exchange *exchange, int64_t deadline_us,
                              sl_error *err);
    void (*child_end_input)(sli_child *child);
    sl_text (*child_errors)(const sli_child *child);
    void (*child_free)(sli_child *child); ///< never NULL

    sl_code (*outside)(sl_env *env, sli_outside what, sl_error *err);

    int32_t (*cpus)(sl_env *env);
    int64_t (*memory_bytes)(sl_env *env);
    int64_t (*pid)(sl_env *env);
    uint64_t (*thread)(sl_env *env);
    bool (*claim)(sl_env *env, const void *owner);
    void (*unclaim)(sl_env *env, const void *owner);
    sl_code (*print)(sl_env *env, int fd, const void *data, size_t size, sl_error *err);
    bool (*is_terminal)(sl_env *env, int fd);
    const char *(*variable)(sl_env *env, const char *name);
    sl_code (*load)(sl_env *env, const char *path, const char *symbol, void **out, sl_error *err);
    sl_code (*code_dir)(sl_env *env, sli_str *out, sl_error *err);
    /// What the world has in place of a module's file; NULL: look for the file.
    const struct sli_module *(*module)(sl_env *env, const char *name);
    bool simulated; ///< there is nothing outside but what env offers
    int64_t (*resident_bytes)(sl_env *env);
    sl_code (*notify)(sl_env *env, const char *lines, sl_error *err);
    bool (*bug)(sl_env *env, const char *bug);
    void (*phase)(sl_env *env, const char *phase);
    void (*free)(sl_env *env); ///< never NULL
};
