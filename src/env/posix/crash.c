// What is left on record when user code crashes the process.
//
// A signal handler may call almost nothing: it formats into its own stack and uses write(2). The
// descriptor of the record is opened beforehand. The handler's state is necessarily process-wide,
// as signal dispositions are.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env/env.h"

static const int crash_signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
enum { N_CRASH_SIGNALS = sizeof crash_signals / sizeof crash_signals[0], LINE_BYTES = 1024 };

static sli_crash_fn crash_fill;
static int crash_fd = -1;
static struct sigaction crash_before[N_CRASH_SIGNALS];

static void on_crash(int number)
{
    char line[LINE_BYTES];
    size_t size = crash_fill(number, line, sizeof line);
    ssize_t ignored = write(STDERR_FILENO, line, size);
    if (crash_fd >= 0) {
        ignored = write(crash_fd, line, size);
        (void)fdatasync(crash_fd);
    }
    (void)ignored;
    // SA_RESETHAND has put the default back: the signal that is raised again ends the process as it
    // would have.
    (void)raise(number);
}

sl_code sli_crash_watch(sl_env *env, const char *path, sli_crash_fn fill, sl_error *err)
{
    (void)env;
    struct sigaction action = {.sa_handler = on_crash,
                               .sa_flags = (int)(SA_RESETHAND | SA_NODEFER)};
    (void)sigemptyset(&action.sa_mask);
    crash_fill = fill;
    if (path != NULL) {
        crash_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
        if (crash_fd < 0) {
            return sl_error_sys(err, SL_OK, errno, "%s: open", path);
        }
    }
    for (int i = 0; i < N_CRASH_SIGNALS; i++) {
        (void)sigaction(crash_signals[i], &action, &crash_before[i]);
    }
    return SL_OK;
}

void sli_crash_end(sl_env *env, const char *path)
{
    struct stat info;
    (void)env;
    for (int i = 0; i < N_CRASH_SIGNALS; i++) {
        (void)sigaction(crash_signals[i], &crash_before[i], NULL);
    }
    if (crash_fd >= 0) {
        bool empty = fstat(crash_fd, &info) == 0 && info.st_size == 0;
        (void)close(crash_fd);
        crash_fd = -1;
        if (empty && path != NULL) {
            (void)unlink(path);
        }
    }
}
