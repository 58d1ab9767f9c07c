// Signals that ask the process to end, turned into calls on an ordinary thread: a handler could do
// almost nothing.
#include <pthread.h>
#include <signal.h>

#include "env/env.h"

struct sli_terminate {
    pthread_t thread;
    sigset_t watched, before;
    void (*fn)(void *ctx, int32_t count);
    void *ctx;
};

/// SIGUSR2, sent by sli_terminate_end to this thread alone, ends it.
static void *wait_for_signals(void *arg)
{
    sli_terminate *watch = arg;
    int32_t count = 0;
    for (;;) {
        int number = 0;
        if (sigwait(&watch->watched, &number) != 0 || number == SIGUSR2) {
            return NULL;
        }
        watch->fn(watch->ctx, ++count);
    }
}

sl_code sli_terminate_watch(sli_terminate **out, void (*fn)(void *ctx, int32_t count), void *ctx,
                            sl_error *err)
{
    sli_terminate *watch = sl_alloc_zero(SLI_TAG_ENV, sizeof *watch);
    if (watch == NULL) {
        return sl_error_nomem(err, sizeof *watch, "the watch for signals");
    }
    watch->fn = fn;
    watch->ctx = ctx;
    (void)sigemptyset(&watch->watched);
    (void)sigaddset(&watch->watched, SIGTERM);
    (void)sigaddset(&watch->watched, SIGINT);
    (void)sigaddset(&watch->watched, SIGHUP);
    (void)sigaddset(&watch->watched, SIGUSR2);
    int rc = pthread_sigmask(SIG_BLOCK, &watch->watched, &watch->before);
    if (rc == 0) {
        rc = pthread_create(&watch->thread, NULL, wait_for_signals, watch);
    }
    if (rc != 0) {
        (void)pthread_sigmask(SIG_SETMASK, &watch->before, NULL);
        sl_free(watch);
        return sl_error_sys(err, SL_OK, rc, "watch for signals");
    }
    *out = watch;
    return SL_OK;
}

void sli_terminate_end(sli_terminate *watch)
{
    if (watch == NULL) {
        return;
    }
    (void)pthread_kill(watch->thread, SIGUSR2);
    (void)pthread_join(watch->thread, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &watch->before, NULL);
    sl_free(watch);
}
