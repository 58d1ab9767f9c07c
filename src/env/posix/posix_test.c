/// posix_test.c — what only the real world can show: kills, full disks, interruptions, descriptors.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "env/env.h"
#include "sl_test.h"

static sl_env *world(void)
{
    sl_env *env = NULL;
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    return env;
}

static const char *at(char *out, const char *name)
{
    snprintf(out, 600, "%s/%s", slt_temp_dir(), name);
    return out;
}

// ---------------------------------------------------------------- locks and kills

SL_TEST(posix_lock_ends_with_a_killed_process, "")
{
    sl_env *env = world();
    char path[600];
    at(path, "lock");
    int told[2];
    assert_int_equal(pipe(told), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sli_file *lock = NULL;
        char ok = sli_env_lock_file(env, path, "child", &lock, NULL) == SL_OK ? 'y' : 'n';
        ssize_t n = write(told[1], &ok, 1);
        pause();
        _exit(n == 1 ? 0 : 1);
    }
    char ok = '?';
    assert_int_equal(read(told[0], &ok, 1), 1);
    assert_int_equal(ok, 'y');
    sli_file *lock = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_lock_file(env, path, NULL, &lock, &err), SL_E_BUSY);
    char pid[32];
    snprintf(pid, sizeof pid, "process %d", (int)child);
    assert_non_null(strstr(err.text, pid));
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(sli_env_lock_file(env, path, NULL, &lock, &err), SL_OK);
    sli_file_close(&lock);
    close(told[0]);
    close(told[1]);
    sli_env_free(env);
}

// ---------------------------------------------------------------- full disks

/// Fills a file to the limit; the outcome of the write that did not fit.
static sl_code fill_up(sl_env *env, const char *path, sl_error *err)
{
    enum { BLOCK = 65536, MOST = 64 };
    static const char zeroes[BLOCK];
    sli_file *file = NULL;
    SL_TRY(sli_file_open(env, path, SLI_CREATE, &file, err));
    sl_code rc = SL_OK;
    for (int i = 0; rc == SL_OK && i < MOST; i++) {
        rc = sli_file_write(file, zeroes, sizeof zeroes, err);
    }
    sli_file_close(&file);
    return rc;
}

SL_TEST(posix_full_disk_is_no_space, "")
{
    sl_env *env = world();
    char dir[600], path[700];
    at(dir, "small");
    assert_int_equal(sli_env_mkdirs(env, dir, NULL), SL_OK);
    snprintf(path, sizeof path, "%s/f", dir);
    sl_error err = SL_ERROR_INIT;
    if (mount("none", dir, "tmpfs", 0, "size=256k") == 0) {
        sl_code rc = fill_up(env, path, &err);
        assert_int_equal(umount(dir), 0);
        assert_int_equal(rc, SL_E_NO_SPACE);
    } else { // no right to mount: a limit on the file's size fails in the same call
        struct rlimit before, small;
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        small = (struct rlimit){.rlim_cur = 256 << 10, .rlim_max = before.rlim_max};
        void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        sl_code rc = fill_up(env, path, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        signal(SIGXFSZ, handler);
        assert_int_equal(rc, SL_E_IO);
    }
    assert_non_null(strstr(err.text, "/small/f: write"));
    assert_true(err.sys_errno == ENOSPC || err.sys_errno == EFBIG);
    sli_env_free(env);
}

// ---------------------------------------------------------------- interruptions

static volatile sig_atomic_t n_alarms;

static void on_alarm(int number)
{
    (void)number;
    n_alarms++;
}

SL_TEST(posix_interruptions_are_not_seen, "")
{
    struct sigaction act = {.sa_handler = on_alarm},
                     before; // no SA_RESTART: every call may be interrupted
    assert_int_equal(sigaction(SIGALRM, &act, &before), 0);
    n_alarms = 0;
    const struct itimerval often = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};
    assert_int_equal(setitimer(ITIMER_REAL, &often, NULL), 0);
    sl_env *env = world();
    char path[600];
    sli_signal *signal = sli_signal_new(env);
    int64_t deadline = sli_env_mono_us(env) + 30000;
    sl_code waited = sli_signal_wait(signal, deadline, NULL);
    int64_t woke = sli_env_mono_us(env);
    sl_code wrote = SL_OK;
    // Alarms that come while the machine lets others run are one: so many writes as it takes.
    while (wrote == SL_OK && n_alarms < 100) {
        wrote = sli_env_write_file(env, at(path, "f"), "some content", 12, NULL);
    }
    sli_loop *loop = sli_loop_new(env);
    sl_code ran = sli_loop_run(loop, sli_env_mono_us(env) + 5000, NULL);
    assert_int_equal(setitimer(ITIMER_REAL, &off, NULL), 0);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    assert_int_equal(waited, SL_E_TIMEOUT);
    assert_true(woke >= deadline);
    assert_int_equal(wrote, SL_OK);
    assert_int_equal(ran, SL_OK); // a run may end early, it is one round
    sli_loop_free(loop);
    sli_signal_free(signal);
    sli_env_free(env);
}

static sli_signal *rung; // a handler has no other way to find it

static void ring(int number)
{
    (void)number;
    sli_signal_set(rung);
}

SL_TEST(posix_signal_handler_may_set_a_signal, "")
{
    sl_env *env = world();
    rung = sli_signal_new(env);
    struct sigaction act = {.sa_handler = ring}, before;
    assert_int_equal(sigaction(SIGALRM, &act, &before), 0);
    const struct itimerval once = {{0, 0}, {0, 3000}};
    assert_int_equal(setitimer(ITIMER_REAL, &once, NULL), 0);
    assert_int_equal(sli_signal_wait(rung, sli_env_mono_us(env) + 20000000, NULL), SL_OK);
    assert_int_equal(sigaction(SIGALRM, &before, NULL), 0);
    sli_signal_free(rung);
    sli_env_free(env);
}

// ---------------------------------------------------------------- standard streams

/// Runs `body` in a child with `in` as standard input and returns what it exits with.
static int in_child(int in, int out, int (*body)(sl_env *env))
{
    pid_t child = fork();
    if (child == 0) {
        sl_env *env = NULL;
        bool ready = (in < 0 || dup2(in, 0) == 0) && (out < 0 || dup2(out, 1) == 1) &&
                     sli_env_posix(&env, NULL) == SL_OK;
        int rc = ready ? body(env) : 99;
        sli_env_free(env);
        _exit(rc);
    }
    int status = 0;
    return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status)
               ? WEXITSTATUS(status)
               : 98;
}

typedef struct input {
    sli_loop *loop;
    sli_socket *socket;
    char text[64];
    size_t size;
    sl_code end;
} input;

static void on_input(void *ctx, int32_t ready)
{
    input *in = ctx;
    size_t n = 0;
    (void)ready;
    in->end =
        sli_socket_receive(in->socket, in->text + in->size, sizeof in->text - in->size, &n, NULL);
    in->size += in->end == SL_OK ? n : 0;
}

static int read_all_input(sl_env *env)
{
    input in = {.loop = sli_loop_new(env)};
    if (sli_socket_stdin(env, &in.socket, NULL) != SL_OK ||
        sli_loop_watch(in.loop, in.socket, SLI_READABLE, on_input, &in, NULL) != SL_OK) {
        return 10;
    }
    int64_t deadline = sli_env_mono_us(env) + 10000000;
    while (in.end == SL_OK && sli_env_mono_us(env) < deadline) {
        if (sli_loop_run(in.loop, deadline, NULL) != SL_OK) {
            return 11;
        }
    }
    bool right = in.end == SL_E_END && in.size == 6 && memcmp(in.text, "a\nbcd\n", 6) == 0;
    sli_socket_close(&in.socket);
    sli_loop_free(in.loop);
    return right && fcntl(0, F_GETFL) >= 0 && (fcntl(0, F_GETFL) & O_NONBLOCK) == 0 ? 0 : 12;
}

SL_TEST(posix_stdin_may_be_a_file_or_a_pipe, "")
{
    char path[600];
    sl_env *env = world();
    assert_int_equal(sli_env_write_file(env, at(path, "in"), "a\nbcd\n", 6, NULL), SL_OK);
    int file = open(path, O_RDONLY | O_CLOEXEC), ends[2];
    assert_true(file >= 0);
    assert_int_equal(in_child(file, -1, read_all_input), 0);
    close(file);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "a\nbcd\n", 6), 6);
    close(ends[1]);
    assert_int_equal(in_child(ends[0], -1, read_all_input), 0);
    close(ends[0]);
    sli_env_free(env);
}

static int print_twice(sl_env *env)
{
    sl_error err = SL_ERROR_INIT;
    signal(SIGPIPE, SIG_DFL);
    for (int i = 0; i < 2; i++) {
        if (sli_env_print(env, 1, "text", 4, &err) != SL_E_IO || err.sys_errno != EPIPE) {
            return 20;
        }
    }
    sigset_t pending;
    sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 0 ? 0 : 21;
}

SL_TEST(posix_closed_pipe_is_an_error_not_a_signal, "")
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    close(ends[0]);
    assert_int_equal(in_child(-1, ends[1], print_twice), 0);
    close(ends[1]);
}

static int print_much(sl_env *env)
{
    static const char bytes[1 << 20];
    return sli_env_print(env, 1, bytes, sizeof bytes, NULL) == SL_OK ? 0 : 30;
}

SL_TEST(posix_print_goes_on_when_the_pipe_is_full_and_not_blocking, "")
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_NONBLOCK), 0);
    pid_t reader = fork();
    if (reader == 0) {
        char bytes[4096];
        size_t all = 0;
        close(ends[1]);
        struct pollfd ask = {.fd = ends[0], .events = POLLIN};
        for (;;) {
            ssize_t n = read(ends[0], bytes, sizeof bytes);
            if (n == 0) {
                _exit(all == 1 << 20 ? 0 : 1);
            }
            all += n > 0 ? (size_t)n : 0;
            poll(&ask, 1, 1000);
        }
    }
    int rc = in_child(-1, ends[1], print_much);
    close(ends[1]);
    int status = -1;
    assert_int_equal(waitpid(reader, &status, 0), reader);
    close(ends[0]);
    assert_int_equal(rc, 0);
    assert_int_equal(status, 0);
}

// ---------------------------------------------------------------- odd files, foreign loops,
// phases, cost

SL_TEST(posix_named_pipes_and_bad_directories_do_not_hang, "")
{
    sl_env *env = world();
    char path[600];
    sli_file *file = NULL;
    assert_int_equal(mkfifo(at(path, "fifo"), 0600), 0);
    assert_int_equal(sli_file_open(env, path, SLI_READ, &file, NULL), SL_E_IO);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_sync_dir(env, at(path, "none"), &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "none"));
    sli_env_free(env);
}

static void note(void *ctx, int32_t ready)
{
    (void)ready;
    ++*(int *)ctx;
}

SL_TEST(posix_loop_descriptor_tells_a_foreign_loop, "")
{
    sl_env *env = world();
    sli_loop *loop = sli_loop_new(env);
    struct pollfd ask = {.fd = sli_loop_fd(loop), .events = POLLIN};
    int fired = 0;
    assert_true(ask.fd >= 0);
    assert_int_equal(poll(&ask, 1, 0), 0);
    assert_int_equal(sli_loop_timer(loop, sli_env_mono_us(env) + 5000, note, &fired, NULL), SL_OK);
    assert_int_equal(poll(&ask, 1, 10000), 1);
    assert_int_equal(sli_loop_run(loop, 0, NULL), SL_OK);
    assert_int_equal(fired, 1);
    assert_int_equal(poll(&ask, 1, 0), 0); // quiet again
    assert_int_equal(sli_loop_timer(loop, sli_env_mono_us(env) + 2000, note, &fired, NULL), SL_OK);
    assert_int_equal(poll(&ask, 1, 10000), 1); // and armed again
    assert_int_equal(sli_loop_run(loop, 0, NULL), SL_OK);
    assert_int_equal(fired, 2);
    sli_loop_wake(loop);
    assert_int_equal(poll(&ask, 1, 0), 1);
    assert_int_equal(sli_loop_run(loop, 0, NULL), SL_OK);
    assert_int_equal(poll(&ask, 1, 0), 0);
    sli_loop_free(loop);
    sli_env_free(env);
}

typedef struct call {
    sli_socket *socket;
    sl_code outcome;
    bool done;
} call;

static void on_connected(void *ctx, int32_t ready)
{
    call *c = ctx;
    (void)ready;
    c->outcome = sli_socket_connected(c->socket, NULL);
    c->done = c->outcome != SL_E_TIMEOUT;
}

/// localhost has two addresses; a server on the second one is found while the loop keeps watching.
SL_TEST(posix_connect_tries_the_next_address, "")
{
    sl_env *env = world();
    sli_socket *listener = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_socket_listen(env, "::1", 0, &listener, &err);
    if (rc != SL_OK) { // a machine without IPv6: the one thing to check is that it says so
        assert_int_equal(rc, SL_E_IO);
        assert_non_null(strstr(err.text, "::1"));
        sli_env_free(env);
        return;
    }
    call c = {0};
    sli_loop *loop = sli_loop_new(env);
    assert_int_equal(
        sli_socket_connect(env, "localhost", sli_socket_port(listener), &c.socket, NULL), SL_OK);
    assert_int_equal(sli_loop_watch(loop, c.socket, SLI_WRITABLE, on_connected, &c, NULL), SL_OK);
    int64_t deadline = sli_env_mono_us(env) + 10000000;
    while (!c.done && sli_env_mono_us(env) < deadline) {
        assert_int_equal(sli_loop_run(loop, deadline, NULL), SL_OK);
    }
    assert_true(c.done);
    assert_int_equal(c.outcome, SL_OK);
    sli_socket_close(&c.socket);
    sli_socket_close(&listener);
    sli_loop_free(loop);
    sli_env_free(env);
}

SL_TEST(posix_unknown_hosts_are_named, "")
{
    sl_env *env = world();
    sli_socket *socket = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_socket_connect(env, "no host has spaces", 80, &socket, &err), SL_E_IO);
    assert_non_null(strstr(err.text, "no host has spaces"));
    sli_env_free(env);
}

SL_TEST(posix_phase_is_readable_after_a_kill, "")
{
    char path[600];
    at(path, "phase");
    assert_int_equal(setenv("SLUICE_PHASE_FILE", path, 1), 0);
    pid_t child = fork();
    if (child == 0) {
        sl_env *env = NULL;
        if (sli_env_posix(&env, NULL) == SL_OK) {
            sli_env_phase(env, "fetch");
            sli_env_phase(env, "seal");
            sli_env_phase(env, "seal");
            kill(getpid(), SIGKILL);
        }
        _exit(1);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    unsetenv("SLUICE_PHASE_FILE");
    struct {
        char magic[8];
        uint32_t now, reserved;
        uint64_t entered[16];
    } page;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_int_equal(read(fd, &page, sizeof page), sizeof page);
    close(fd);
    assert_memory_equal(page.magic, "SLPHASE1", 8);
    assert_int_equal(page.now, 3);
    assert_int_equal(page.entered[1], 1);
    assert_int_equal(page.entered[3], 2);
}

SL_TEST(posix_resident_memory_is_known, "")
{
    sl_env *env = world();
    assert_true(sli_env_resident_bytes(env) > 100000);
    assert_true(sli_env_cpu_us(env) >= 0);
    assert_null(sli_env_variable(env, "SLUICE_NO_SUCH_VARIABLE"));
    assert_false(sli_env_is_terminal(env, 99));
    sli_env_free(env);
}

static void note_slack(void *ctx)
{
    *(int *)ctx = prctl(PR_GET_TIMERSLACK);
}

SL_TEST(posix_timers_are_sharp_on_strands_alone, "")
{
    sl_env *env = world();
    int before = prctl(PR_GET_TIMERSLACK), on_strand = -1;
    sli_strand *strand = sli_strand_new(env, "sharp");
    sli_signal *signal = sli_signal_new(env);
    assert_true(sli_strand_post(strand, note_slack, &on_strand));
    sli_strand_free(strand);
    assert_int_equal(on_strand, 1);
    assert_int_equal(sli_signal_wait(signal, sli_env_mono_us(env) + 1000, NULL), SL_E_TIMEOUT);
    assert_int_equal(prctl(PR_GET_TIMERSLACK), before); // the application's thread is its own
    sli_signal_free(signal);
    sli_env_free(env);
}

/// Others share the machine, so any one wait may end late; but if waits counted in milliseconds,
/// each of these would end half of one late.
SL_TEST(posix_tick_wakes_in_time, "")
{
    sl_env *env = world();
    sli_signal *signal = sli_signal_new(env);
    int64_t start = sli_env_mono_us(env), best = INT64_MAX;
    while (best >= 500 && sli_env_mono_us(env) < start + 60000000) {
        int64_t deadline = sli_env_mono_us(env) + 1500;
        assert_int_equal(sli_signal_wait(signal, deadline, NULL), SL_E_TIMEOUT);
        int64_t late = sli_env_mono_us(env) - deadline;
        assert_true(late >= 0);
        best = late < best ? late : best;
    }
    assert_true(best < 500);
    sli_signal_free(signal);
    sli_env_free(env);
}

// ---------------------------------------------------------------- the service manager

/// A datagram socket bound to `name`; '@' begins one of the abstract name space.
static int listen_as_manager(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
    socklen_t size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));
    if (name[0] == '@') {
        at.sun_path[0] = '\0';
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, size), 0);
    return fd;
}

SL_TEST(posix_notify_reaches_a_socket_by_path_and_by_abstract_name, "")
{
    sl_env *env = world();
    char path[100], abstract[64], got[64];
    (void)snprintf(path, sizeof path, "%s/n", slt_temp_dir());
    (void)snprintf(abstract, sizeof abstract, "@sluice-notify-%d", (int)getpid());
    const char *const names[] = {path, abstract};
    for (size_t i = 0; i < 2; i++) {
        int fd = listen_as_manager(names[i]);
        assert_int_equal(setenv("NOTIFY_SOCKET", names[i], 1), 0);
        assert_int_equal(sli_env_notify(env, "READY=1\nSTATUS=there", NULL), SL_OK);
        ssize_t size = recv(fd, got, sizeof got, MSG_DONTWAIT);
        assert_int_equal(size, strlen("READY=1\nSTATUS=there"));
        assert_memory_equal(got, "READY=1\nSTATUS=there", (size_t)size);
        close(fd);
    }
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_env_notify(env, "READY=1", &err), SL_E_IO); // nobody listens any more
    assert_non_null(strstr(err.text, abstract));
    assert_int_equal(setenv("NOTIFY_SOCKET", "no-path", 1), 0);
    assert_int_equal(sli_env_notify(env, "READY=1", &err), SL_E_CONFIG);
    assert_int_equal(unsetenv("NOTIFY_SOCKET"), 0);
    assert_int_equal(sli_env_notify(env, "READY=1", NULL), SL_OK);
    sli_env_free(env);
}
