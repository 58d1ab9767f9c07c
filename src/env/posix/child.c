/// child.c — programs that this process starts, with pipes to their input, output and errors.
///
/// A child leads a process group of its own, so that what it starts in turn ends with it, and a
/// Ctrl-C at the terminal reaches us first. It gets no signal mask of ours. It is waited for by its
/// pid alone, through a descriptor, so that the wait has a deadline.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "env/posix/posix_int.h"

extern char **environ;

typedef struct posix_child {
    sli_child head;
    pid_t pid;
    int in, out, errors; ///< our ends; -1: closed
    int end;             ///< a pidfd: readable when it has ended
    bool ended;          ///< and was waited for
    int32_t status;
    size_t n_tail;
    char tail[SLI_CHILD_ERRORS];
} posix_child;

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

// ---------------------------------------------------------------- starting

typedef struct pipes {
    int fd[3][2]; ///< input, output, errors: where is read and where is written
} pipes;

static void close_pipes(pipes *p)
{
    for (int i = 0; i < 3; i++) {
        close_fd(&p->fd[i][0]);
        close_fd(&p->fd[i][1]);
    }
}

static int open_pipes(pipes *p)
{
    *p = (pipes){{{-1, -1}, {-1, -1}, {-1, -1}}};
    for (int i = 0; i < 3; i++) {
        if (pipe2(p->fd[i], O_CLOEXEC) != 0) {
            return errno;
        }
    }
    return 0;
}

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return strncmp(a, b, n) == 0 && b[n] == '=';
}

static bool is_replaced(const char *variable, const char *const *by)
{
    for (int32_t i = 0; by != NULL && by[i] != NULL; i++) {
        if (same_name(by[i], variable)) {
            return true;
        }
    }
    return false;
}

/// `variables`, then those of ours that are none of them. Allocated; the texts are not copied.
static const char **variables_of_child(const char *const *variables)
{
    size_t n = 0, at = 0;
    for (size_t i = 0; variables != NULL && variables[i] != NULL; i++) {
        n++;
    }
    for (size_t i = 0; environ[i] != NULL; i++) {
        n++;
    }
    const char **list = sl_alloc(SLI_TAG_ENV, (n + 1) * sizeof *list);
    if (list == NULL) {
        return NULL;
    }
    for (size_t i = 0; variables != NULL && variables[i] != NULL; i++) {
        list[at++] = variables[i];
    }
    for (size_t i = 0; environ[i] != NULL; i++) {
        if (!is_replaced(environ[i], variables)) {
            list[at++] = environ[i];
        }
    }
    list[at] = NULL;
    return list;
}

static int set_attributes(posix_spawnattr_t *attributes)
{
    sigset_t none, as_usual;
    sigemptyset(&none);
    sigemptyset(&as_usual);
    sigaddset(&as_usual, SIGPIPE);
    sigaddset(&as_usual, SIGINT);
    sigaddset(&as_usual, SIGTERM);
    sigaddset(&as_usual, SIGHUP);
    int why = posix_spawnattr_setsigmask(attributes, &none);
    why = why != 0 ? why : posix_spawnattr_setsigdefault(attributes, &as_usual);
    why = why != 0 ? why : posix_spawnattr_setpgroup(attributes, 0);
    return why != 0 ? why
                    : posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK |
                                                               POSIX_SPAWN_SETSIGDEF |
                                                               POSIX_SPAWN_SETPGROUP);
}

static int set_files(posix_spawn_file_actions_t *files, const pipes *p)
{
    int why = posix_spawn_file_actions_adddup2(files, p->fd[0][0], 0);
    why = why != 0 ? why : posix_spawn_file_actions_adddup2(files, p->fd[1][1], 1);
    return why != 0 ? why : posix_spawn_file_actions_adddup2(files, p->fd[2][1], 2);
}

static int spawn(pid_t *pid, const pipes *p, const char *const *words, const char **variables)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t files;
    if (posix_spawnattr_init(&attributes) != 0) {
        return ENOMEM;
    }
    if (posix_spawn_file_actions_init(&files) != 0) {
        posix_spawnattr_destroy(&attributes);
        return ENOMEM;
    }
    int why = set_attributes(&attributes);
    why = why != 0 ? why : set_files(&files, p);
    // The texts are not written to: the type is older than const.
    why = why != 0 ? why
                   : posix_spawnp(pid, words[0], &files, &attributes, (char **)(uintptr_t)words,
                                  (char **)(uintptr_t)variables);
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    return why;
}

/// What is ours of the pipes; none of it blocks.
static int keep_ends(posix_child *child, pipes *p)
{
    child->in = p->fd[0][1];
    child->out = p->fd[1][0];
    child->errors = p->fd[2][0];
    p->fd[0][1] = p->fd[1][0] = p->fd[2][0] = -1;
    bool ok = fcntl(child->in, F_SETFL, O_NONBLOCK) == 0 &&
              fcntl(child->out, F_SETFL, O_NONBLOCK) == 0 &&
              fcntl(child->errors, F_SETFL, O_NONBLOCK) == 0;
    child->end = ok ? (int)syscall(SYS_pidfd_open, child->pid, 0) : -1;
    return child->end >= 0 ? 0 : errno;
}

sl_code sli_posix_child_start(sl_env *env, const char *const *words, const char *const *variables,
                              sli_child **out, sl_error *err)
{
    pipes p;
    posix_child *child = sl_alloc_zero(SLI_TAG_ENV, sizeof *child);
    const char **all = variables_of_child(variables);
    if (child == NULL || all == NULL) {
        sl_free(child);
        sl_free(all);
        return sl_error_nomem(err, sizeof *child, "a child process");
    }
    child->head.env = env;
    child->in = child->out = child->errors = child->end = -1;
    int why = open_pipes(&p);
    why = why != 0 ? why : spawn(&child->pid, &p, words, all);
    why = why != 0 ? why : keep_ends(child, &p);
    close_pipes(&p);
    sl_free(all);
    if (why != 0) {
        sli_posix_child_free(&child->head);
        return sl_error_sys(err, SL_OK, why, "start %s", words[0]);
    }
    *out = &child->head;
    return SL_OK;
}

// ---------------------------------------------------------------- bytes

/// What the pipe takes now; one that the child has closed takes everything, and drops it.
static int give(posix_child *child, sli_exchange *x)
{
    posix_no_sigpipe guard;
    sli_posix_no_sigpipe_begin(&guard);
    ssize_t n = write(child->in, x->in, x->in_size);
    int why = n < 0 ? errno : 0;
    sli_posix_no_sigpipe_end(&guard, why == EPIPE);
    if (n >= 0) {
        x->n_in = (size_t)n;
    } else if (why == EPIPE) {
        close_fd(&child->in);
        x->n_in = x->in_size;
    }
    return n >= 0 || why == EPIPE || why == EAGAIN || why == EINTR ? 0 : why;
}

/// *n: what came; the descriptor is closed at its end.
static int take(int *fd, void *to, size_t size, size_t *n)
{
    ssize_t got = read(*fd, to, size);
    *n = got > 0 ? (size_t)got : 0;
    if (got == 0) {
        close_fd(fd);
    }
    return got >= 0 || errno == EAGAIN || errno == EINTR ? 0 : errno;
}

/// Of what it says of errors the end is kept.
static int take_errors(posix_child *child)
{
    char text[SLI_CHILD_ERRORS];
    size_t n = 0;
    int why = take(&child->errors, text, sizeof text, &n);
    size_t keep = child->n_tail + n > sizeof text ? sizeof text - n : child->n_tail;
    memmove(child->tail, child->tail + child->n_tail - keep, keep);
    memcpy(child->tail + keep, text, n);
    child->n_tail = keep + n;
    return why;
}

static int wait_for(posix_child *child)
{
    int status = 0;
    pid_t got = waitpid(child->pid, &status, 0);
    if (got < 0) {
        return errno == EINTR ? 0 : errno;
    }
    child->ended = true;
    child->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return 0;
}

static int timeout_of(sl_env *env, int64_t deadline_us)
{
    int64_t left = deadline_us == SLI_FOREVER ? -1 : deadline_us - sli_env_mono_us(env);
    return deadline_us == SLI_FOREVER ? -1
           : left <= 0                ? 0
           : left > 1000000000        ? 1000000
                                      : (int)((left + 999) / 1000);
}

static int move(posix_child *child, sli_exchange *x, int64_t deadline_us)
{
    enum { IN, OUT, ERRORS, END, N };
    bool gives = x->in_size > 0 && child->in >= 0;
    struct pollfd ask[N] = {
        [IN] = {.fd = gives ? child->in : -1, .events = POLLOUT},
        [OUT] = {.fd = x->out_size > 0 ? child->out : -1, .events = POLLIN},
        [ERRORS] = {.fd = child->errors, .events = POLLIN},
        [END] = {.fd = child->out < 0 && !child->ended ? child->end : -1, .events = POLLIN}};
    if (poll(ask, N, timeout_of(child->head.env, deadline_us)) < 0) {
        return errno == EINTR ? 0 : errno;
    }
    int why = ask[IN].revents != 0 ? give(child, x) : 0;
    if (why == 0 && ask[OUT].revents != 0) {
        why = take(&child->out, x->out, x->out_size, &x->n_out);
    }
    if (why == 0 && ask[ERRORS].revents != 0) {
        why = take_errors(child);
    }
    // Its errors are all in the pipe by then, and were taken in this turn or an earlier one.
    bool over = ask[END].revents != 0 && (ask[ERRORS].revents & POLLIN) == 0;
    return why == 0 && over ? wait_for(child) : why;
}

sl_code sli_posix_child_exchange(sli_child *self, sli_exchange *x, int64_t deadline_us,
                                 sl_error *err)
{
    posix_child *child = (posix_child *)self;
    if (child->in < 0) {
        x->n_in = x->in_size; // nobody reads it
    }
    int why = child->ended ? 0 : move(child, x, deadline_us);
    x->ended = child->ended;
    x->status = child->status;
    return why == 0 ? SL_OK : sl_error_sys(err, SL_E_IO, why, "talk to process %d", child->pid);
}

void sli_posix_child_end_input(sli_child *self)
{
    close_fd(&((posix_child *)self)->in);
}

sl_text sli_posix_child_errors(const sli_child *self)
{
    const posix_child *child = (const posix_child *)self;
    return (sl_text){child->tail, child->n_tail};
}

void sli_posix_child_free(sli_child *self)
{
    posix_child *child = (posix_child *)self;
    close_fd(&child->in);
    close_fd(&child->out);
    close_fd(&child->errors);
    if (child->pid > 0 && !child->ended) {
        (void)kill(-child->pid, SIGKILL);
        while (wait_for(child) == 0 && !child->ended) {
        }
    }
    close_fd(&child->end);
    sl_free(child);
}
