#include "base/mem.h"

#include <pthread.h>

#include "base/death_int.h"
#include "base/hash.h"
#include "sl_test.h"

SL_TEST(budget_stops_at_its_limit_unless_forced, "")
{
    sli_budget *budget = sli_budget_new(100);
    assert_true(sli_budget_reserve(budget, 60, false));
    assert_true(sli_budget_reserve(budget, 40, false)); // exactly full
    assert_true(sli_budget_reserve(budget, 0, false));
    assert_false(sli_budget_reserve(budget, 1, false));
    assert_int_equal(sli_budget_used(budget), 100);
    assert_true(sli_budget_reserve(budget, 50, true));
    assert_int_equal(sli_budget_used(budget), 150);
    assert_false(sli_budget_reserve(budget, 0, false)); // over it already
    sli_budget_release(budget, 150);
    assert_int_equal(sli_budget_used(budget), 0);
    assert_int_equal(sli_budget_peak(budget), 150);
    assert_int_equal(sli_budget_limit(budget), 100);
    sli_budget_free(budget);
}

SL_TEST(budget_survives_sums_beyond_64_bits, "")
{
    sli_budget *budget = sli_budget_new(INT64_MAX);
    assert_true(sli_budget_reserve(budget, 10, false));
    assert_false(sli_budget_reserve(budget, INT64_MAX, false));
    assert_int_equal(sli_budget_used(budget), 10);
    sli_budget_release(budget, 10);
    sli_budget_free(budget);
    sli_budget_free(NULL);
}

SL_TEST(budget_of_nothing_refuses_everything_but_nothing, "")
{
    sli_budget *budget = sli_budget_new(0);
    assert_true(sli_budget_reserve(budget, 0, false));
    assert_false(sli_budget_reserve(budget, 1, false));
    assert_int_equal(sli_budget_peak(budget), 0);
    sli_budget_free(budget);
}

SL_TEST(budget_without_memory_is_null, "")
{
    sli_mem_fail_nth(1);
    assert_null(sli_budget_new(1));
    sli_mem_fail_nth(0);
}

static void *reserve_and_release(void *arg)
{
    sli_budget *budget = arg;
    sli_rng rng = {7};
    bool within = true;
    for (int i = 0; i < 20000; i++) {
        int64_t bytes = (int64_t)sli_rng_below(&rng, 400);
        if (sli_budget_reserve(budget, bytes, false)) {
            within = within && sli_budget_used(budget) <= 1000;
            sli_budget_release(budget, bytes);
        }
    }
    return within ? NULL : arg; // anything but NULL tells of a failure
}

SL_TEST(budget_is_exact_between_threads, "")
{
    sli_budget *budget = sli_budget_new(1000);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, reserve_and_release, budget), 0);
    }
    bool over = false;
    for (int i = 0; i < 4; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        over = over || result != NULL;
    }
    assert_false(over);
    assert_int_equal(sli_budget_used(budget), 0);
    assert_in_range(sli_budget_peak(budget), 1, 1000);
    sli_budget_free(budget);
}

static void release_too_much(void *arg)
{
    sli_budget_release(arg, 6);
}

static void free_in_use(void *arg)
{
    sli_budget_free(arg);
}

SL_TEST(budget_stops_at_wrong_bookkeeping, "")
{
    sli_budget *budget = sli_budget_new(10);
    sli_budget_reserve(budget, 5, false);
    assert_true(slt_dies(release_too_much, budget, "more is released"));
    assert_true(slt_dies(free_in_use, budget, "freed while memory is reserved"));
    sli_budget_release(budget, 5);
    sli_budget_free(budget);
}
