// One life after the other of the real program, with its phases in view.
#include "life.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sl_test.h"

enum { SECOND_US = 1000000 };

/// As env/README.md has it.
struct slt_phase_page {
    char magic[8];
    _Atomic uint32_t now;
    uint32_t reserved;
    _Atomic uint64_t entered[16];
};

int64_t slt_now_us(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

const char *slt_in_dir(const char *dir, const char *name)
{
    static char paths[16][512];
    static int next;
    char *path = paths[next++ % 16];
    int size = snprintf(path, sizeof paths[0], "%s/%s", dir, name);
    assert_true(size > 0 && (size_t)size < sizeof paths[0]);
    return path;
}

char *slt_load(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    size_t capacity = 1 << 16, n = 0;
    char *data = file == NULL ? NULL : malloc(capacity + 1);
    while (data != NULL && (n += fread(data + n, 1, capacity - n, file)) == capacity) {
        capacity *= 2;
        char *more = realloc(data, capacity + 1);
        if (more == NULL) {
            free(data);
        }
        data = more;
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    if (data != NULL) {
        data[n] = '\0';
        *size = n;
    }
    return data;
}

void slt_life_open(slt_life *life, const char *dir, const char *job)
{
    *life = (slt_life){.dir = dir, .job = job, .number = -1};
    int fd = open(slt_in_dir(dir, "phases"), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, sizeof *life->page), 0);
    void *page = mmap(NULL, sizeof *life->page, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(page != MAP_FAILED);
    (void)close(fd);
    life->page = page;
}

static _Noreturn void become(const slt_life *life)
{
    char program[512], job[512];
    (void)snprintf(program, sizeof program, "%s/bin/sluice", SLT_BUILD_DIR);
    (void)snprintf(job, sizeof job, "%s/tests/jobs/%s", SLT_BUILD_DIR, life->job);
    const char *words[8 + 2 * SLT_SETTINGS] = {program, "run", job, "--checkpoint", "ckpt"};
    for (int i = 0, at = 5; i < SLT_SETTINGS && life->settings[i] != NULL; i++) {
        words[at++] = "--conf";
        words[at++] = life->settings[i];
    }
    int out = open("life.out", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (out >= 0 && dup2(out, 1) == 1 && dup2(out, 2) == 2 &&
        setenv("SLUICE_PHASE_FILE", "phases", 1) == 0) {
        // execv takes its words as char *const *, and changes none of them.
        execv(program, (char *const *)(uintptr_t)words);
    }
    _exit(127);
}

void slt_life_mark(slt_life *life)
{
    for (int i = 0; i < 16; i++) {
        life->before[i] = atomic_load(&life->page->entered[i]);
    }
}

void slt_life_start(slt_life *life)
{
    life->number++;
    slt_life_mark(life);
    life->pid = fork();
    assert_true(life->pid >= 0);
    if (life->pid == 0) {
        // It ends with the test, also with one that fails.
        if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || chdir(life->dir) != 0) {
            _exit(127);
        }
        become(life);
    }
}

static void show_output(const slt_life *life)
{
    size_t size = 0;
    char *text = slt_load(slt_in_dir(life->dir, "life.out"), &size);
    print_error("---- life %d said:\n%s----\n", life->number,
                text == NULL ? "" : text + (size > 4000 ? size - 4000 : 0));
    free(text);
}

static void check_alive(slt_life *life)
{
    int status = 0;
    if (waitpid(life->pid, &status, WNOHANG) == life->pid) {
        life->pid = 0;
        show_output(life);
        fail_msg("life %d ended by itself: %s %d", life->number,
                 WIFEXITED(status) ? "exit code" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

void slt_life_await(slt_life *life, int wanted, uint64_t times)
{
    int64_t until = slt_now_us() + (int64_t)SLT_DEADLINE_MS * 1000;
    int64_t more_at = slt_now_us() + SECOND_US;
    // Looks all the time: the phases are short, and the kill must fall into the wanted one.
    for (int64_t turn = 0; atomic_load(&life->page->entered[wanted]) < life->before[wanted] + times;
         turn++) {
        if (turn % 256 == 0) {
            check_alive(life);
            if (slt_now_us() > until) {
                show_output(life);
                fail_msg("life %d has not entered phase %d within %d ms", life->number, wanted,
                         SLT_DEADLINE_MS);
            }
            if (life->give_more != NULL && slt_now_us() > more_at) {
                life->give_more(life->ctx);
                more_at = slt_now_us() + SECOND_US;
            }
        }
        if (turn % 16 == 0) {
            (void)sched_yield();
        }
    }
}

void slt_life_run(slt_life *life, int64_t us)
{
    for (int64_t until = slt_now_us() + us; slt_now_us() < until;) {
        check_alive(life);
        (void)sched_yield();
    }
}

int slt_life_kill(slt_life *life)
{
    int status = 0;
    assert_int_equal(kill(life->pid, SIGKILL), 0);
    assert_int_equal(waitpid(life->pid, &status, 0), life->pid);
    life->pid = 0;
    if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
        show_output(life);
        fail_msg("life %d had ended before it was killed, status %d", life->number, status);
    }
    bool came_so_far = false;
    for (int i = 0; i < 16; i++) {
        came_so_far = came_so_far || atomic_load(&life->page->entered[i]) != life->before[i];
    }
    return came_so_far ? (int)atomic_load(&life->page->now) : 0;
}

/// Whether it ends within so many milliseconds; it is not waited for yet.
static bool ends_in(const slt_life *life, int ms)
{
    int fd = (int)syscall(SYS_pidfd_open, life->pid, 0);
    assert_true(fd >= 0);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    int n = poll(&ended, 1, ms);
    (void)close(fd);
    return n == 1;
}

void slt_life_last(slt_life *life, int ms)
{
    (void)ends_in(life, ms);
    check_alive(life);
}

static void wait_for_end(slt_life *life, int *status)
{
    bool ended = ends_in(life, SLT_DEADLINE_MS);
    if (!ended) {
        (void)kill(life->pid, SIGKILL);
    }
    assert_int_equal(waitpid(life->pid, status, 0), life->pid);
    life->pid = 0;
    if (!ended) {
        show_output(life);
        fail_msg("life %d did not stop within %d ms", life->number, SLT_DEADLINE_MS);
    }
}

void slt_life_stop(slt_life *life)
{
    int status = 0;
    assert_int_equal(kill(life->pid, SIGTERM), 0);
    wait_for_end(life, &status);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        show_output(life);
        fail_msg("life %d ended with status %d", life->number, status);
    }
}

int slt_life_end(slt_life *life)
{
    int status = 0;
    wait_for_end(life, &status);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static bool has_said(const slt_life *life, const char *text)
{
    size_t size = 0;
    char *said = slt_load(slt_in_dir(life->dir, "life.out"), &size);
    bool found = said != NULL && strstr(said, text) != NULL;
    free(said);
    return found;
}

void slt_life_must_say(const slt_life *life, const char *text)
{
    if (!has_said(life, text)) {
        show_output(life);
        fail_msg("it has not said '%s'", text);
    }
}

void slt_life_await_words(slt_life *life, const char *text)
{
    enum { LOOK_MS = 10 };
    int64_t until = slt_now_us() + (int64_t)SLT_DEADLINE_MS * 1000;
    while (!has_said(life, text)) {
        slt_life_last(life, LOOK_MS);
        if (slt_now_us() > until) {
            slt_life_must_say(life, text);
        }
    }
}

void slt_life_close(slt_life *life)
{
    (void)munmap(life->page, sizeof *life->page);
}
