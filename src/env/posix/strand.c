/// strand.c — a strand of the real world: a thread that runs a queue of works in order.
#include <signal.h>
#include <sys/prctl.h>

#include "base/lock.h"
#include "base/str.h"
#include "env/posix/posix_int.h"
#include "env/works.h"

typedef struct posix_strand {
    sli_strand head;
    pthread_t thread;
    posix_event wake;
    sli_mutex mutex; ///< SLI_RANK_ENV: all below
    sli_works works;
    bool stopping;
} posix_strand;

/// Takes the next work. False when there is none; *end when none will come.
static bool strand_take(posix_strand *strand, sli_work *out, bool *end)
{
    sli_mutex_lock(&strand->mutex);
    bool some = sli_works_take(&strand->works, out);
    *end = !some && strand->stopping;
    sli_mutex_unlock(&strand->mutex);
    return some;
}

static void *strand_main(void *arg)
{
    posix_strand *strand = arg;
    // Deadlines are kept to the microsecond; where this is refused they are 50 us late and still
    // right.
    prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    for (;;) {
        sli_work work;
        bool end = false;
        while (strand_take(strand, &work, &end)) {
            work.fn(work.ctx);
        }
        if (end) {
            return NULL;
        }
        (void)sli_posix_event_wait(&strand->wake, SLI_FOREVER); // can only return SL_OK
    }
}

/// Our threads leave the application's signals to the application's threads.
static int thread_start(posix_strand *strand)
{
    sigset_t ours, before;
    sigfillset(&ours);
    const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGPROF};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        sigdelset(&ours, own[i]); // raised by the thread itself, or by a profiler
    }
    pthread_sigmask(SIG_SETMASK, &ours, &before);
    int rc = pthread_create(&strand->thread, NULL, strand_main, strand);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

sli_strand *sli_posix_strand_new(sl_env *env, const char *name)
{
    enum { NAME_BYTES = 15 };
    posix_strand *strand = sl_alloc_zero(SLI_TAG_ENV, sizeof *strand);
    if (strand == NULL) {
        return NULL;
    }
    strand->head.env = env;
    sli_mutex_init(&strand->mutex, SLI_RANK_ENV);
    if (!sli_works_init(&strand->works) || thread_start(strand) != 0) {
        sli_mutex_reset(&strand->mutex);
        sli_works_reset(&strand->works);
        sl_free(strand);
        return NULL;
    }
    char shown[NAME_BYTES + 1] = {0};
    memcpy(shown, name, strnlen(name, NAME_BYTES));
    pthread_setname_np(strand->thread, shown); // for debuggers only: a failure changes nothing
    return &strand->head;
}

bool sli_posix_strand_post(sli_strand *strand, sli_work_fn work, void *ctx)
{
    posix_strand *self = (posix_strand *)strand;
    sli_mutex_lock(&self->mutex);
    bool fits = sli_works_put(&self->works, (sli_work){work, ctx});
    sli_mutex_unlock(&self->mutex);
    if (fits) {
        sli_posix_event_set(&self->wake);
    }
    return fits;
}

void sli_posix_strand_free(sli_strand *strand)
{
    posix_strand *self = (posix_strand *)strand;
    SL_ASSERT(!pthread_equal(self->thread, pthread_self()), "a strand can't free itself");
    sli_mutex_lock(&self->mutex);
    self->stopping = true;
    sli_mutex_unlock(&self->mutex);
    sli_posix_event_set(&self->wake);
    int rc = pthread_join(self->thread, NULL);
    SL_ASSERT(rc == 0, "the strand's thread can't be joined");
    sli_mutex_reset(&self->mutex);
    sli_works_reset(&self->works);
    sl_free(self);
}
