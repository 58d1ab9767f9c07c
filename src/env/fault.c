/// fault.c — one outside call that fails, or ends the process, in the real world: SLUICE_FAULT.
///
/// The env gets a table of its own over the one it had: what is numbered in sites.h passes `strike`
/// first, everything else is the inner table's entry. Objects find their table through their env,
/// so they need no wrapping, and an env without a fault runs as if this file were not there.
#include "env/env_int.h"
#include "env/sites.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>

#include "base/str.h"

enum { MOST_TEXT = 96 };

typedef enum site {
#define X(symbol, name, kind) AT_##symbol,
    SLI_ENV_SITES(X)
#undef X
        N_SITES,
} site;

static const struct {
    const char *name;
    sli_site_kind kind;
} sites[N_SITES] = {
#define X(symbol, name, kind) {name, SLI_SITE_##kind},
    SLI_ENV_SITES(X)
#undef X
};

typedef struct fault {
    sli_env_ops ops; // the env's table; first, so that it leads here
    const sli_env_ops *inner;
    struct fault *self; // tables are const where they are called
    bool counts[N_SITES];
    _Atomic int64_t n; // calls of the counted sites so far
    int64_t at;        // the one that is struck; 1 is the first
    bool kills;
    int sys_errno;
    char text[MOST_TEXT]; // as the user wrote it
} fault;

static const fault *fault_of(const sl_env *env)
{
    return (const fault *)(const void *)env->ops;
}

static const sli_env_ops *inner_of(const sl_env *env)
{
    return fault_of(env)->inner;
}

static sl_code strike(const sl_env *env, site at, sl_error *err)
{
    const fault *f = fault_of(env);
    // Relaxed: threads only have to agree on who made which call.
    if (!f->counts[at] ||
        atomic_fetch_add_explicit(&f->self->n, 1, memory_order_relaxed) + 1 != f->at) {
        return SL_OK;
    }
    if (f->kills) {
        (void)raise(SIGKILL); // as kill -9 does: nothing is unwound
    }
    return sl_error_sys(err, SL_OK, f->sys_errno, "injected failure of %s (SLUICE_FAULT=%s)",
                        sites[at].name, f->text);
}

// ---------------------------------------------------------------- the table's entries

static sl_code fault_random(sl_env *env, void *out, size_t size, sl_error *err)
{
    SL_TRY(strike(env, AT_RANDOM, err));
    return inner_of(env)->random(env, out, size, err);
}

static sl_code fault_file_open(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                               sl_error *err)
{
    SL_TRY(strike(env, AT_FILE_OPEN, err));
    return inner_of(env)->file_open(env, path, mode, out, err);
}

static sl_code fault_file_read_at(sli_file *file, int64_t offset, void *out, size_t size,
                                  size_t *n_read, sl_error *err)
{
    SL_TRY(strike(file->env, AT_FILE_READ, err));
    return inner_of(file->env)->file_read_at(file, offset, out, size, n_read, err);
}

static sl_code fault_file_write(sli_file *file, const void *data, size_t size, sl_error *err)
{
    SL_TRY(strike(file->env, AT_FILE_WRITE, err));
    return inner_of(file->env)->file_write(file, data, size, err);
}

static sl_code fault_file_write_at(sli_file *file, int64_t offset, const void *data, size_t size,
                                   sl_error *err)
{
    SL_TRY(strike(file->env, AT_FILE_WRITE_AT, err));
    return inner_of(file->env)->file_write_at(file, offset, data, size, err);
}

static sl_code fault_file_sync(sli_file *file, sl_error *err)
{
    SL_TRY(strike(file->env, AT_FILE_SYNC, err));
    return inner_of(file->env)->file_sync(file, err);
}

static sl_code fault_file_truncate(sli_file *file, int64_t size, sl_error *err)
{
    SL_TRY(strike(file->env, AT_FILE_TRUNCATE, err));
    return inner_of(file->env)->file_truncate(file, size, err);
}

static sl_code fault_file_stat(sli_file *file, sli_stat *out, sl_error *err)
{
    SL_TRY(strike(file->env, AT_FILE_STAT, err));
    return inner_of(file->env)->file_stat(file, out, err);
}

static sl_code fault_lock_file(sl_env *env, const char *path, const char *text, sli_file **out,
                               sl_error *err)
{
    SL_TRY(strike(env, AT_FILE_LOCK, err));
    return inner_of(env)->lock_file(env, path, text, out, err);
}

static sl_code fault_stat(sl_env *env, const char *path, sli_stat *out, sl_error *err)
{
    SL_TRY(strike(env, AT_PATH_STAT, err));
    return inner_of(env)->stat(env, path, out, err);
}

static sl_code fault_rename(sl_env *env, const char *from, const char *to, bool replace,
                            sl_error *err)
{
    SL_TRY(strike(env, AT_PATH_RENAME, err));
    return inner_of(env)->rename(env, from, to, replace, err);
}

static sl_code fault_remove(sl_env *env, const char *path, sl_error *err)
{
    SL_TRY(strike(env, AT_PATH_REMOVE, err));
    return inner_of(env)->remove(env, path, err);
}

static sl_code fault_link(sl_env *env, const char *from, const char *to, sl_error *err)
{
    SL_TRY(strike(env, AT_PATH_LINK, err));
    return inner_of(env)->link(env, from, to, err);
}

static sl_code fault_mkdirs(sl_env *env, const char *path, sl_error *err)
{
    SL_TRY(strike(env, AT_DIR_MAKE, err));
    return inner_of(env)->mkdirs(env, path, err);
}

static sl_code fault_remove_dir(sl_env *env, const char *path, sl_error *err)
{
    SL_TRY(strike(env, AT_DIR_REMOVE, err));
    return inner_of(env)->remove_dir(env, path, err);
}

static sl_code fault_sync_dir(sl_env *env, const char *path, sl_error *err)
{
    SL_TRY(strike(env, AT_DIR_SYNC, err));
    return inner_of(env)->sync_dir(env, path, err);
}

static sl_code fault_scan(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err)
{
    SL_TRY(strike(env, AT_DIR_LIST, err));
    return inner_of(env)->scan(env, path, each, ctx, err);
}

static sl_code fault_name_stat(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err)
{
    SL_TRY(strike(env, AT_PATH_STAT, err));
    return inner_of(env)->name_stat(env, name, out, err);
}

static sl_code fault_signal_wait(sli_signal *signal, int64_t deadline_us, sl_error *err)
{
    SL_TRY(strike(signal->env, AT_SIGNAL_WAIT, err));
    return inner_of(signal->env)->signal_wait(signal, deadline_us, err);
}

static sl_code fault_socket_connect(sl_env *env, const char *host, int32_t port, sli_socket **out,
                                    sl_error *err)
{
    SL_TRY(strike(env, AT_SOCKET_CONNECT, err));
    return inner_of(env)->socket_connect(env, host, port, out, err);
}

static sl_code fault_socket_connected(sli_socket *socket, sl_error *err)
{
    SL_TRY(strike(socket->env, AT_SOCKET_CONNECTED, err));
    return inner_of(socket->env)->socket_connected(socket, err);
}

static sl_code fault_socket_listen(sl_env *env, const char *host, int32_t port, sli_socket **out,
                                   sl_error *err)
{
    SL_TRY(strike(env, AT_SOCKET_LISTEN, err));
    return inner_of(env)->socket_listen(env, host, port, out, err);
}

static sl_code fault_socket_accept(sli_socket *listener, sli_socket **out, sl_error *err)
{
    SL_TRY(strike(listener->env, AT_SOCKET_ACCEPT, err));
    return inner_of(listener->env)->socket_accept(listener, out, err);
}

static sl_code fault_socket_stdin(sl_env *env, sli_socket **out, sl_error *err)
{
    SL_TRY(strike(env, AT_SOCKET_STDIN, err));
    return inner_of(env)->socket_stdin(env, out, err);
}

static sl_code fault_socket_receive(sli_socket *socket, void *out, size_t size, size_t *n,
                                    sl_error *err)
{
    SL_TRY(strike(socket->env, AT_SOCKET_RECEIVE, err));
    return inner_of(socket->env)->socket_receive(socket, out, size, n, err);
}

static sl_code fault_socket_send(sli_socket *socket, const void *data, size_t size, size_t *n,
                                 sl_error *err)
{
    SL_TRY(strike(socket->env, AT_SOCKET_SEND, err));
    return inner_of(socket->env)->socket_send(socket, data, size, n, err);
}

static sl_code fault_loop_watch(sli_loop *loop, sli_socket *socket, int32_t interest,
                                sli_ready_fn fn, void *ctx, sl_error *err)
{
    SL_TRY(strike(loop->env, AT_LOOP_WATCH, err));
    return inner_of(loop->env)->loop_watch(loop, socket, interest, fn, ctx, err);
}

static sl_code fault_loop_timer(sli_loop *loop, int64_t at_us, sli_ready_fn fn, void *ctx,
                                sl_error *err)
{
    SL_TRY(strike(loop->env, AT_LOOP_TIMER, err));
    return inner_of(loop->env)->loop_timer(loop, at_us, fn, ctx, err);
}

static sl_code fault_loop_run(sli_loop *loop, int64_t deadline_us, sl_error *err)
{
    SL_TRY(strike(loop->env, AT_LOOP_RUN, err));
    return inner_of(loop->env)->loop_run(loop, deadline_us, err);
}

static sl_code fault_print(sl_env *env, int fd, const void *data, size_t size, sl_error *err)
{
    SL_TRY(strike(env, AT_PRINT, err));
    return inner_of(env)->print(env, fd, data, size, err);
}

static sl_code fault_child_start(sl_env *env, const char *const *words,
                                 const char *const *variables, sli_child **out, sl_error *err)
{
    SL_TRY(strike(env, AT_CHILD_START, err));
    return inner_of(env)->child_start(env, words, variables, out, err);
}

static sl_code fault_child_exchange(sli_child *child, sli_exchange *exchange, int64_t deadline_us,
                                    sl_error *err)
{
    SL_TRY(strike(child->env, AT_CHILD_EXCHANGE, err));
    return inner_of(child->env)->child_exchange(child, exchange, deadline_us, err);
}

static sl_code fault_outside(sl_env *env, sli_outside what, sl_error *err)
{
    SL_TRY(strike(env, (site)(N_SITES - SLI_N_OUTSIDES + (int)what), err));
    return inner_of(env)->outside(env, what, err);
}

static void fault_free(sl_env *env)
{
    fault *f = fault_of(env)->self;
    env->ops = f->inner;
    sl_free(f);
    env->ops->free(env);
}

static void fill_table(sli_env_ops *ops)
{
    ops->random = fault_random;
    ops->file_open = fault_file_open;
    ops->file_read_at = fault_file_read_at;
    ops->file_write = fault_file_write;
    ops->file_write_at = fault_file_write_at;
    ops->file_sync = fault_file_sync;
    ops->file_truncate = fault_file_truncate;
    ops->file_stat = fault_file_stat;
    ops->lock_file = fault_lock_file;
    ops->stat = fault_stat;
    ops->rename = fault_rename;
    ops->remove = fault_remove;
    ops->link = fault_link;
    ops->mkdirs = fault_mkdirs;
    ops->remove_dir = fault_remove_dir;
    ops->sync_dir = fault_sync_dir;
    ops->scan = fault_scan;
    ops->name_stat = fault_name_stat;
    ops->signal_wait = fault_signal_wait;
    ops->socket_connect = fault_socket_connect;
    ops->socket_connected = fault_socket_connected;
    ops->socket_listen = fault_socket_listen;
    ops->socket_accept = fault_socket_accept;
    ops->socket_stdin = fault_socket_stdin;
    ops->socket_receive = fault_socket_receive;
    ops->socket_send = fault_socket_send;
    ops->loop_watch = fault_loop_watch;
    ops->loop_timer = fault_loop_timer;
    ops->loop_run = fault_loop_run;
    ops->child_start = fault_child_start;
    ops->child_exchange = fault_child_exchange;
    ops->outside = fault_outside;
    ops->print = fault_print;
    ops->free = fault_free;
}

// ---------------------------------------------------------------- what the user wrote

static const char family[] =
    "env."; // "env.sync": every site with that word, file.sync and dir.sync
enum { FAMILY = sizeof family - 1 };

static bool is_family(sl_text name)
{
    return name.size > FAMILY && memcmp(name.data, family, FAMILY) == 0;
}

static const char *word_of(site at)
{
    return strchr(sites[at].name, '.') + 1;
}

static bool means(sl_text name, site at)
{
    bool is_it = sli_text_is(name, sites[at].name) ||
                 (is_family(name) &&
                  sli_text_is((sl_text){name.data + FAMILY, name.size - FAMILY}, word_of(at)));
    return is_it && sites[at].kind != SLI_SITE_ANSWER;
}

/// A wrong name, with the nearest right one.
static sl_code refuse_site(sl_text name, sl_error *err)
{
    char text[MOST_TEXT];
    const char *list[N_SITES + 1];
    int32_t n = 0;
    (void)snprintf(text, sizeof text, "%.*s", (int)name.size, name.data);
    for (site i = 0; i < N_SITES; i++) {
        if (sites[i].kind != SLI_SITE_ANSWER) {
            list[n++] = is_family(name) ? word_of(i) : sites[i].name;
        }
    }
    list[n] = NULL;
    const char *near = sli_nearest(is_family(name) ? text + FAMILY : text, list);
    return near == NULL
               ? sl_error_set(err, SL_E_CONFIG,
                              "there is no call '%s'; file.sync and path.rename are two "
                              "of those that src/env/README.md lists",
                              text)
               : sl_error_set(err, SL_E_CONFIG, "there is no call '%s', did you mean '%s%s'?", text,
                              is_family(name) ? family : "", near);
}

/// Marks the sites that `name` means.
static sl_code choose_sites(fault *f, sl_text name, sl_error *err)
{
    bool known = false, can = false;
    for (site i = 0; i < N_SITES; i++) {
        bool meant = means(name, i);
        f->counts[i] = meant && (f->kills || sites[i].kind != SLI_SITE_CRASH);
        known = known || meant;
        can = can || f->counts[i];
    }
    if (!known) {
        return refuse_site(name, err);
    }
    return can ? SL_OK
               : sl_error_set(err, SL_E_CONFIG, "%.*s can't fail; only :crash is possible there",
                              (int)name.size, name.data);
}

static sl_code choose_outcome(fault *f, const char *word, sl_error *err)
{
    static const char *const words[] = {"eio", "enospc", "crash", NULL};
    f->kills = strcmp(word, "crash") == 0;
    f->sys_errno = strcmp(word, "enospc") == 0 ? ENOSPC : EIO;
    if (f->kills || f->sys_errno == ENOSPC || strcmp(word, "eio") == 0) {
        return SL_OK;
    }
    const char *near = sli_nearest(word, words);
    return near == NULL
               ? sl_error_set(err, SL_E_CONFIG, "'%.32s' is none of eio, enospc and crash", word)
               : sl_error_set(err, SL_E_CONFIG, "there is no '%.32s', did you mean '%s'?", word,
                              near);
}

static sl_code parse(fault *f, const char *text, sl_error *err)
{
    const char *number = strchr(text, ':');
    const char *outcome = number == NULL ? NULL : strchr(number + 1, ':');
    const char *end = outcome == NULL ? text + strlen(text) : outcome;
    if (number == NULL || strlen(text) >= MOST_TEXT ||
        sli_scan_int64((sl_text){number + 1, (size_t)(end - number - 1)}, &f->at, NULL) != SL_OK ||
        f->at < 1) {
        return sl_error_set(
            err, SL_E_CONFIG,
            "SITE:N is needed, with N from 1 on, and maybe :enospc or :crash, as in "
            "file.sync:17");
    }
    (void)snprintf(f->text, sizeof f->text, "%s", text);
    SL_TRY(choose_outcome(f, outcome == NULL ? "eio" : outcome + 1, err));
    return choose_sites(f, (sl_text){text, (size_t)(number - text)}, err);
}

sl_code sli_env_fault(sl_env *env, const char *text, sl_error *err)
{
    fault *f = sl_alloc_zero(SLI_TAG_ENV, sizeof *f);
    if (f == NULL) {
        return sl_error_nomem(err, sizeof *f, "a planned fault");
    }
    sl_code rc = parse(f, text, err);
    if (rc != SL_OK) {
        sl_free(f);
        return sl_error_wrap(err, rc, "SLUICE_FAULT=%.*s", MOST_TEXT, text);
    }
    f->self = f;
    f->inner = env->ops;
    f->ops = *env->ops;
    fill_table(&f->ops);
    env->ops = &f->ops;
    return SL_OK;
}
