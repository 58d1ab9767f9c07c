// A call of librdkafka that does not come back in time, made by a thread of its own.
//
// An offset that is sent into a transaction while the cluster goes away comes back when the cluster
// does, or a minute later, whatever its time-out says (librdkafka 2.0.2). Who waits for it leaves
// it when the deadline is over; the client it was made on can't be closed before it has come back,
// which is the thread's last work then.
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "kafka/module/rd_int.h"

struct rd_errand {
    pthread_mutex_t mutex; ///< guards what follows
    pthread_cond_t back;
    bool is_back;
    rd_errand_fn call;
    void *what;
    rd_left_fn after; ///< NULL: somebody waits
    void *of;
};

static void destroy(rd_errand *errand)
{
    (void)pthread_cond_destroy(&errand->back);
    (void)pthread_mutex_destroy(&errand->mutex);
    free(errand);
}

static void *run(void *arg)
{
    rd_errand *errand = arg;
    errand->call(errand->what);
    (void)pthread_mutex_lock(&errand->mutex);
    errand->is_back = true;
    rd_left_fn after = errand->after;
    (void)pthread_cond_signal(&errand->back);
    (void)pthread_mutex_unlock(&errand->mutex); // who waits frees it from here on
    if (after != NULL) {
        void *of = errand->of;
        destroy(errand);
        after(of);
    }
    return NULL;
}

rd_errand *rd_errand_begin(rd_errand_fn call, void *what)
{
    pthread_t thread;
    pthread_attr_t detached;
    pthread_condattr_t monotonic;
    rd_errand *errand = calloc(1, sizeof *errand);
    if (errand == NULL) {
        return NULL;
    }
    errand->call = call;
    errand->what = what;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_mutex_init(&errand->mutex, NULL);
    (void)pthread_cond_init(&errand->back, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_attr_init(&detached);
    (void)pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
    int rc = pthread_create(&thread, &detached, run, errand);
    (void)pthread_attr_destroy(&detached);
    if (rc != 0) {
        destroy(errand);
        return NULL;
    }
    return errand;
}

/// The clock of the condition, `ms` from now.
static struct timespec from_now(int ms)
{
    enum { SECOND_NS = 1000000000, MS_NS = 1000000, SECOND_MS = 1000 };
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    long ns = at.tv_nsec + (long)(ms % SECOND_MS) * MS_NS;
    return (struct timespec){at.tv_sec + ms / SECOND_MS + ns / SECOND_NS, ns % SECOND_NS};
}

bool rd_errand_await(rd_errand *errand, rd_clock clock, int64_t deadline_us)
{
    (void)pthread_mutex_lock(&errand->mutex);
    int ms = 1;
    while (!errand->is_back && ms > 0) {
        ms = rd_slice_ms(clock, deadline_us);
        struct timespec until = from_now(ms);
        (void)pthread_cond_timedwait(&errand->back, &errand->mutex, &until);
    }
    bool is_back = errand->is_back;
    (void)pthread_mutex_unlock(&errand->mutex);
    if (is_back) {
        destroy(errand);
    }
    return is_back;
}

void rd_errand_leave(rd_errand *errand, rd_left_fn after, void *of)
{
    (void)pthread_mutex_lock(&errand->mutex);
    bool is_back = errand->is_back;
    errand->after = after;
    errand->of = of;
    (void)pthread_mutex_unlock(&errand->mutex);
    if (is_back) {
        destroy(errand);
        after(of);
    }
}
