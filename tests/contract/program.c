// Processes, pidfds and inotify: how tests wait for real programs without sleeping.
#include "contract/program.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// ---------------------------------------------------------------- texts

enum { CONTENT_BYTES = 1 << 18, N_CONTENTS = 8, N_PATHS = 16 };

const char *slt_content(const char *path)
{
    static char contents[N_CONTENTS][CONTENT_BYTES];
    static int next;
    char *text = contents[next++ % N_CONTENTS];
    text[0] = '\0';
    FILE *file = fopen(path, "rb");
    if (file != NULL) {
        size_t size = fread(text, 1, CONTENT_BYTES - 1, file);
        text[size] = '\0';
        (void)fclose(file);
    }
    return text;
}

const char *slt_path(const char *dir, const char *name)
{
    static char paths[N_PATHS][512];
    static int next;
    char *path = paths[next++ % N_PATHS];
    int size = snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    assert_true(size > 0 && (size_t)size < sizeof paths[0]);
    return path;
}

const char *slt_built(const char *name)
{
    return slt_path(SLT_BUILD_DIR, name);
}

const char *slt_out(const slt_program *program)
{
    return slt_content(program->out);
}

const char *slt_err(const slt_program *program)
{
    return slt_content(program->err);
}

void slt_put(const char *dir, const char *name, const char *text)
{
    char hidden[512];
    (void)snprintf(hidden, sizeof hidden, "%s/.new-%s", dir, name);
    FILE *file = fopen(hidden, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(hidden, slt_path(dir, name)), 0);
}

void slt_check_has(const char *text, const char *part, const char *file, int line)
{
    if (strstr(text, part) == NULL) {
        print_error("\"%s\" is not in:\n%s\n", part, text);
        _fail(file, line);
    }
}

// ---------------------------------------------------------------- processes

static _Noreturn void become(const slt_program *program, const char *const *argv)
{
    int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int out = open(program->out, O_WRONLY | O_APPEND | O_CLOEXEC);
    int err = open(program->err, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (in >= 0 && out >= 0 && err >= 0 && dup2(in, 0) == 0 && dup2(out, 1) == 1 &&
        dup2(err, 2) == 2 && chdir(program->dir) == 0) {
        // execvp takes its words as char *const *, and changes none of them.
        execvp(argv[0], (char *const *)(uintptr_t)argv);
    }
    _exit(127);
}

slt_program slt_start(const char *dir, const char *const *argv)
{
    static int n_started;
    slt_program program = {0};
    const char *name = strrchr(argv[0], '/') == NULL ? argv[0] : strrchr(argv[0], '/') + 1;
    (void)snprintf(program.dir, sizeof program.dir, "%s", dir);
    (void)snprintf(program.name, sizeof program.name, "%s", name);
    n_started++;
    (void)snprintf(program.out, sizeof program.out, "%s/%d-%s.out", dir, n_started, name);
    (void)snprintf(program.err, sizeof program.err, "%s/%d-%s.err", dir, n_started, name);
    slt_put(dir, strrchr(program.out, '/') + 1, "");
    slt_put(dir, strrchr(program.err, '/') + 1, "");
    program.pid = fork();
    assert_true(program.pid >= 0);
    if (program.pid == 0) {
        become(&program, argv);
    }
    return program;
}

/// What the program said, for a test that fails.
static void show(const slt_program *program)
{
    print_error("---- %s, standard output:\n%s---- standard error:\n%s----\n", program->name,
                slt_out(program), slt_err(program));
}

static int exit_of(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int slt_wait(slt_program *program)
{
    int fd = (int)syscall(SYS_pidfd_open, program->pid, 0);
    assert_true(fd >= 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    int n = poll(&ended, 1, SLT_DEADLINE_S * 1000);
    (void)close(fd);
    if (n != 1) {
        (void)kill(program->pid, SIGKILL);
    }
    int status = 0;
    assert_int_equal(waitpid(program->pid, &status, 0), program->pid);
    program->pid = 0;
    if (n != 1) {
        show(program);
        fail_msg("%s did not end within %d s", program->name, SLT_DEADLINE_S);
    }
    return exit_of(status);
}

int slt_run(slt_program *program, const char *dir, const char *const *argv)
{
    *program = slt_start(dir, argv);
    return slt_wait(program);
}

void slt_signal(const slt_program *program, int signal)
{
    assert_int_equal(kill(program->pid, signal), 0);
}

static bool has_ended(const slt_program *program)
{
    siginfo_t info = {0};
    return program != NULL && program->pid > 0 &&
           waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == program->pid;
}

// ---------------------------------------------------------------- waiting for what programs leave

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void slt_await(const slt_program *program, const char *dir, bool (*is_there)(void *ctx), void *ctx)
{
    int64_t until = now_ms() + SLT_DEADLINE_S * 1000;
    int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    assert_true(fd >= 0);
    assert_true(inotify_add_watch(fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE) >= 0);
    bool done = is_there(ctx), ended = false;
    while (!done && !ended && now_ms() < until) {
        struct pollfd change = {.fd = fd, .events = POLLIN};
        char events[4096];
        ended = has_ended(program);
        // The second at most is for a program that ends without changing anything here.
        if (!ended && poll(&change, 1, 1000) == 1) {
            (void)!read(fd, events, sizeof events);
        }
        done = is_there(ctx);
    }
    (void)close(fd);
    if (!done) {
        if (program != NULL) {
            show(program);
            (void)kill(program->pid, SIGKILL);
        }
        fail_msg("what was waited for did not come%s", ended ? ": the program has ended" : "");
    }
}

typedef struct wanted_text {
    const char *path, *text;
} wanted_text;

static bool is_in_file(void *ctx)
{
    const wanted_text *wanted = ctx;
    return strstr(slt_content(wanted->path), wanted->text) != NULL;
}

void slt_await_text(const slt_program *program, const char *dir, const char *file, const char *text)
{
    wanted_text wanted = {slt_path(dir, file), text};
    slt_await(program, dir, is_in_file, &wanted);
}

// ---------------------------------------------------------------- databases

int64_t slt_ask(const char *path, const char *query)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *row = NULL;
    int64_t answer = -1;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK) {
        (void)sqlite3_busy_timeout(db, SLT_DEADLINE_S * 1000);
        if (sqlite3_prepare_v2(db, query, -1, &row, NULL) == SQLITE_OK &&
            sqlite3_step(row) == SQLITE_ROW) {
            answer = sqlite3_column_int64(row, 0);
        }
    }
    (void)sqlite3_finalize(row);
    (void)sqlite3_close(db);
    return answer;
}

// ---------------------------------------------------------------- compiling

const char *slt_sanitizer_flags(void)
{
#if defined(__SANITIZE_ADDRESS__)
    return " -fsanitize=address,undefined";
#elif defined(__SANITIZE_THREAD__)
    return " -fsanitize=thread";
#else
    return "";
#endif
}

void slt_compile_job(const char *dir, const char *name, const char *text)
{
    char source[128], object[128];
    slt_program cc;
    (void)snprintf(source, sizeof source, "%s.c", name);
    (void)snprintf(object, sizeof object, "%s.so", name);
    slt_put(dir, source, text);
    const char *const argv[] = {
        "cc", "-std=c17", "-shared", "-fPIC", "-I", SLT_SOURCE_DIR "/include",
        "-o", object,     source,    NULL};
    int code = slt_run(&cc, dir, argv);
    if (code != 0) {
        show(&cc);
    }
    assert_int_equal(code, 0);
}
