// The line that a crash leaves: made in a signal handler, so it uses nothing but snprintf into the
// handler's own bytes.
#include "api/crash.h"

#include <signal.h>
#include <stdio.h>

static const char *signal_name(int number)
{
    switch (number) {
    case SIGSEGV:
        return "SIGSEGV";
    case SIGBUS:
        return "SIGBUS";
    case SIGFPE:
        return "SIGFPE";
    case SIGILL:
        return "SIGILL";
    default:
        return "SIGABRT";
    }
}

static size_t fill(int number, char *out, size_t size)
{
    const sli_task *task = sli_task_running();
    int n = 0;
    if (task == NULL) {
        n = snprintf(out, size, "sluice: %s outside of a task\n", signal_name(number));
    } else {
        n = snprintf(out, size,
                     "sluice: %s in a task: operator %s, epoch %lld (batch time %lld ms), stage "
                     "%d, partition %d, attempt "
                     "%d, near source row %lld of the partition; the epoch was not committed and "
                     "runs again at the next "
                     "start\n",
                     signal_name(number),
                     task->operator_uid == NULL ? "(none)" : task->operator_uid,
                     (long long)task->epoch, (long long)(task->time_us / 1000), task->stage,
                     task->partition, task->attempt, (long long)task->source_from);
    }
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

static char *record_path(sli_host *host, char *out, size_t size)
{
    const char *dir = sl_conf_text(host->conf, "checkpoint");
    if (dir == NULL) {
        return NULL;
    }
    (void)snprintf(out, size, "%s/CRASH", dir);
    return out;
}

sl_code sli_crash_record_begin(sli_host *host, sl_error *err)
{
    char path[4096];
    const char *dir = sl_conf_text(host->conf, "checkpoint");
    if (dir != NULL) {
        SL_TRY(sli_env_mkdirs(host->env, dir, err));
    }
    return sli_crash_watch(host->env, record_path(host, path, sizeof path), fill, err);
}

void sli_crash_record_end(sli_host *host)
{
    char path[4096];
    sli_crash_end(host->env, record_path(host, path, sizeof path));
}
