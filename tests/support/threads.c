// How many threads a test program has started: the linker sends every pthread_create of it here. So
// what is said to have one thread, and is left out where only threads are looked at, is seen to.
#include "support_int.h"

#include <pthread.h>
#include <stdatomic.h>

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *ctx);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *ctx);

static _Atomic int n_started;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes,
                          void *(*start)(void *), void *ctx)
{
    (void)atomic_fetch_add(&n_started, 1);
    return __real_pthread_create(thread, attributes, start, ctx);
}

int slt_threads_started(void)
{
    return atomic_load(&n_started);
}
