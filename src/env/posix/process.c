/// process.c — the process itself: its output, its environment, its size, and the phase it is in.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/str.h"
#include "env/posix/posix_int.h"

int64_t sli_posix_pid(sl_env *env)
{
    (void)env;
    return getpid();
}

uint64_t sli_posix_thread(sl_env *env)
{
    static _Thread_local char here; // its address is the thread's name
    (void)env;
    return (uint64_t)(uintptr_t)&here;
}

/// State of the process, not of the library: whoever asks has an env of its own.
static _Atomic(const void *) claimed_by;

bool sli_posix_claim(sl_env *env, const void *owner)
{
    const void *none = NULL;
    (void)env;
    return atomic_compare_exchange_strong(&claimed_by, &none, owner) || none == owner;
}

void sli_posix_unclaim(sl_env *env, const void *owner)
{
    const void *expected = owner;
    (void)env;
    (void)atomic_compare_exchange_strong(&claimed_by, &expected, NULL);
}

static int write_whole(int fd, const char *at, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, at, size);
        if (n >= 0) {
            at += n;
            size -= (size_t)n;
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            struct pollfd ask = {.fd = fd,
                                 .events = POLLOUT}; // somebody made our terminal non-blocking
            if (poll(&ask, 1, -1) < 0 && errno != EINTR) {
                return errno;
            }
        } else if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

static sigset_t pipe_signal(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
}

// A library must not install handlers: block the signal for this thread, and take away the one we
// caused.
void sli_posix_no_sigpipe_begin(posix_no_sigpipe *guard)
{
    sigset_t pipe_only = pipe_signal(), pending;
    sigpending(&pending);
    guard->was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &guard->before);
}

void sli_posix_no_sigpipe_end(posix_no_sigpipe *guard, bool raised)
{
    if (raised && !guard->was_pending) {
        const struct timespec now = {0};
        sigset_t pipe_only = pipe_signal();
        while (sigtimedwait(&pipe_only, NULL, &now) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &guard->before, NULL);
}

sl_code sli_posix_print(sl_env *env, int fd, const void *data, size_t size, sl_error *err)
{
    (void)env;
    posix_no_sigpipe guard;
    sli_posix_no_sigpipe_begin(&guard);
    int why = write_whole(fd, data, size);
    sli_posix_no_sigpipe_end(&guard, why == EPIPE);
    if (why != 0) {
        sl_code code = why == ENOSPC || why == EDQUOT ? SL_E_NO_SPACE : SL_E_IO;
        return sl_error_sys(err, code, why, "write to standard %s", fd == 1 ? "output" : "error");
    }
    return SL_OK;
}

bool sli_posix_is_terminal(sl_env *env, int fd)
{
    (void)env;
    return isatty(fd) == 1;
}

const char *sli_posix_variable(sl_env *env, const char *name)
{
    (void)env;
    return getenv(name);
}

int64_t sli_posix_resident_bytes(sl_env *env)
{
    (void)env;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    char text[128] = {0};
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    int64_t pages = 0;
    const char *second = n > 0 ? strchr(text, ' ') : NULL; // "total resident shared ..."
    if (second == NULL ||
        sli_scan_int64((sl_text){second + 1, strcspn(second + 1, " ")}, &pages, NULL) != SL_OK) {
        return 0;
    }
    return pages * sysconf(_SC_PAGESIZE);
}

// ---------------------------------------------------------------- phases

enum { PHASES = 16 };
struct posix_phase_page {
    char magic[8];        ///< "SLPHASE1"
    _Atomic uint32_t now; ///< index of the present phase
    uint32_t reserved;
    _Atomic uint64_t
        entered[PHASES]; ///< how often each was entered, over all processes that used the file
};

static const char *const phase_names[] = {"", "fetch", "stage", "seal", "log", "commit", "forget"};
enum { PHASE_OTHER = PHASES - 1 };

void sli_posix_phase(sl_env *env, const char *phase)
{
    posix_phase_page *page = ((posix_env *)env)->phases;
    if (page == NULL) {
        return;
    }
    uint32_t i = 0;
    while (i < sizeof phase_names / sizeof *phase_names && strcmp(phase_names[i], phase) != 0) {
        i++;
    }
    i = i < sizeof phase_names / sizeof *phase_names ? i : PHASE_OTHER;
    // Relaxed: the reader looks after this process was killed, when all is written.
    atomic_fetch_add_explicit(&page->entered[i], 1, memory_order_relaxed);
    atomic_store_explicit(&page->now, i, memory_order_relaxed);
}

static sl_code phases_map(posix_env *env, const char *path, int fd, sl_error *err)
{
    if (ftruncate(fd, sizeof(posix_phase_page)) != 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: truncate (SLUICE_PHASE_FILE)", path);
    }
    void *page = mmap(NULL, sizeof(posix_phase_page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) {
        return sl_error_sys(err, SL_E_IO, errno, "%s: map (SLUICE_PHASE_FILE)", path);
    }
    env->phases = page;
    memcpy(env->phases->magic, "SLPHASE1", sizeof env->phases->magic);
    atomic_store_explicit(&env->phases->now, 0, memory_order_relaxed);
    return SL_OK;
}

sl_code sli_posix_phases_open(posix_env *env, sl_error *err)
{
    const char *path = getenv("SLUICE_PHASE_FILE");
    if (path == NULL || *path == '\0') {
        return SL_OK;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: open (SLUICE_PHASE_FILE)", path);
    }
    sl_code rc = phases_map(env, path, fd, err);
    close(fd); // the mapping stays
    return rc;
}

void sli_posix_phases_close(posix_env *env)
{
    if (env->phases != NULL) {
        munmap(env->phases, sizeof *env->phases);
        env->phases = NULL;
    }
}
