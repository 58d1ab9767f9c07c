/// lock.c — mutexes that know their rank.
///
/// Debug builds keep, by thread, the ranks it holds. Ranks rise strictly, so two mutexes of one
/// rank are never held together and a deadlock needs no luck to be found: the first wrong order
/// stops the program.
#include "base/lock.h"

#include <stddef.h>

#ifdef NDEBUG
static void note_taken(const sli_mutex *mutex)
{
    (void)mutex;
}
static void note_given(const sli_mutex *mutex)
{
    (void)mutex;
}
#else
enum { MAX_HELD = 16 }; // more than there are ranks, and ranks rise

static _Thread_local const sli_mutex *held[MAX_HELD];
static _Thread_local int n_held;

/// Before the mutex is taken: afterwards it might be too late to say anything.
static void note_taken(const sli_mutex *mutex)
{
    for (int i = 0; i < n_held; i++) {
        SL_ASSERT(held[i]->rank < mutex->rank, "locks are taken out of the order of their ranks");
    }
    SL_ASSERT(n_held < MAX_HELD, "a thread holds more locks than there are ranks");
    held[n_held++] = mutex;
}

/// Locks may be given back in any order.
static void note_given(const sli_mutex *mutex)
{
    for (int i = n_held - 1; i >= 0; i--) {
        if (held[i] == mutex) {
            for (int j = i + 1; j < n_held; j++) {
                held[j - 1] = held[j];
            }
            n_held--;
            return;
        }
    }
    SL_ASSERT(false, "a lock is given back by a thread that does not hold it");
}
#endif

void sli_mutex_init(sli_mutex *mutex, sli_rank rank)
{
    int rc = pthread_mutex_init(&mutex->inner, NULL);
    SL_ASSERT(rc == 0, "a mutex could not be made");
    mutex->rank = rank;
}

void sli_mutex_reset(sli_mutex *mutex)
{
    int rc = pthread_mutex_destroy(&mutex->inner);
    SL_ASSERT(rc == 0, "a mutex is destroyed while it is held");
}

void sli_mutex_lock(sli_mutex *mutex)
{
    note_taken(mutex);
    int rc = pthread_mutex_lock(&mutex->inner);
    SL_ASSERT(rc == 0, "a mutex could not be taken");
}

void sli_mutex_unlock(sli_mutex *mutex)
{
    note_given(mutex);
    int rc = pthread_mutex_unlock(&mutex->inner);
    SL_ASSERT(rc == 0, "a mutex could not be given back");
}
