#include "base/lock.h"

#include <stdint.h>

#include "base/death_int.h"
#include "sl_test.h"

typedef struct shared {
    sli_mutex mutex;
    int64_t n;
} shared;

static void *add_many(void *arg)
{
    shared *s = arg;
    for (int i = 0; i < 20000; i++) {
        sli_mutex_lock(&s->mutex);
        s->n++;
        sli_mutex_unlock(&s->mutex);
    }
    return NULL;
}

SL_TEST(lock_keeps_threads_apart, "")
{
    shared s = {.n = 0};
    sli_mutex_init(&s.mutex, SLI_RANK_BLOCK);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, add_many, &s), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(s.n, 80000);
    sli_mutex_reset(&s.mutex);
}

SL_TEST(lock_ranks_may_rise_and_be_given_back_in_any_order, "")
{
    static const sli_rank ranks[] = {SLI_RANK_CONTEXT, SLI_RANK_RECEIVER, SLI_RANK_EXEC,
                                     SLI_RANK_BLOCK,   SLI_RANK_STATE,    SLI_RANK_SINK,
                                     SLI_RANK_METRICS, SLI_RANK_ENV,      SLI_RANK_LOG};
    enum { N = sizeof(ranks) / sizeof(ranks[0]) };
    sli_mutex mutexes[N];
    for (int i = 0; i < N; i++) {
        sli_mutex_init(&mutexes[i], ranks[i]);
    }
    for (int first = 0; first < N; first++) {
        for (int i = 0; i < N; i++) {
            sli_mutex_lock(&mutexes[i]);
        }
        for (int i = 0; i < N; i++) {
            sli_mutex_unlock(&mutexes[(first + i * 4) % N]); // 4 and 9 have no common factor
        }
    }
    for (int i = 0; i < N; i++) {
        sli_mutex_lock(&mutexes[i]); // all free again
        sli_mutex_unlock(&mutexes[i]);
        sli_mutex_reset(&mutexes[i]);
    }
}

#ifndef NDEBUG
static void lock_both(void *arg)
{
    sli_mutex *pair = arg;
    sli_mutex_lock(&pair[0]);
    sli_mutex_lock(&pair[1]);
}

static void unlock_free_one(void *arg)
{
    sli_mutex_unlock(arg);
}

SL_TEST(lock_stops_when_ranks_fall_or_repeat, "")
{
    sli_mutex pair[2];
    sli_mutex_init(&pair[0], SLI_RANK_STATE);
    sli_mutex_init(&pair[1], SLI_RANK_BLOCK);
    assert_true(slt_dies(lock_both, pair, "out of the order of their ranks"));
    sli_mutex_reset(&pair[1]);
    sli_mutex_init(&pair[1], SLI_RANK_STATE);
    assert_true(slt_dies(lock_both, pair, "out of the order of their ranks"));
    assert_true(slt_dies(unlock_free_one, &pair[0], "does not hold it"));
    sli_mutex_reset(&pair[0]);
    sli_mutex_reset(&pair[1]);
}
#endif

static void reset_held(void *arg)
{
    sli_mutex_lock(arg);
    sli_mutex_reset(arg);
}

SL_TEST(lock_stops_when_a_held_one_is_destroyed, "")
{
    sli_mutex mutex;
    sli_mutex_init(&mutex, SLI_RANK_ENV);
    assert_true(slt_dies(reset_held, &mutex, "destroyed while it is held"));
    sli_mutex_reset(&mutex);
}
