// estimate_test.c — what countApprox infers from some of the partitions.
#include "rdd/rdd_int.h"
#include "sl_test.h"

#include <math.h>

SL_TEST(an_estimate_of_all_partitions_is_the_count_and_of_none_is_anything, "")
{
    static const int64_t counts[] = {3, 4, 0, 5};
    sl_estimate e;
    sli_estimate_count(counts, 4, 4, 0.95, &e);
    assert_true(e.final && e.mean == 12 && e.low == 12 && e.high == 12);
    sli_estimate_count(counts, 0, 4, 0.95, &e);
    assert_true(!e.final && e.mean == 0 && e.low == 0 && isinf(e.high));
    sli_estimate_count(counts + 2, 1, 4, 0.95, &e); // an empty partition says no more
    assert_true(!e.final && e.low == 0 && isinf(e.high));
    sli_estimate_count(NULL, 0, 0, 0.95, &e);
    assert_true(e.final && e.mean == 0 && e.high == 0);
}

SL_TEST(equal_partitions_give_sparks_interval, "")
{
    static const int64_t counts[] = {100, 100, 100, 100};
    sl_estimate e;
    sli_estimate_count(counts, 1, 4, 0.95, &e);
    double spread = 1.959963984540054 * sqrt(100 * 0.75 / (0.25 * 0.25));
    assert_true(e.mean == 400 && fabs(e.high - 400 - spread) < 1e-9);
    assert_true(fabs(400 - e.low - spread) < 1e-9);
    sli_estimate_count(counts, 3, 4, 0.5, &e);
    spread = 0.6744897501960817 * sqrt(300 * 0.25 / (0.75 * 0.75));
    assert_true(e.mean == 400 && fabs(e.high - 400 - spread) < 1e-9);
    sli_estimate_count(counts, 3, 4, 0.999999, &e);
    assert_true(e.low == 400 - (e.high - 400) && e.low > 300);
    static const int64_t uneven[] = {0, 1000};
    sli_estimate_count(uneven, 2, 4, 0.95, &e);
    assert_true(e.low == 1000); // never less than was counted
}

// Whether partitions are alike or not, the interval holds the truth about as often as it says.
SL_TEST(intervals_hold_the_count_as_often_as_they_say, "")
{
    enum { PARTITIONS = 60, COUNTED = 20, ROUNDS = 2000 };
    static const uint64_t ranges[] = {2, 1000, 1000000};
    sli_rng rng = {9};
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        int held = 0;
        for (int round = 0; round < ROUNDS; round++) {
            int64_t counts[PARTITIONS], sum = 0;
            for (int i = 0; i < PARTITIONS; i++) {
                counts[i] = 1000 + (int64_t)sli_rng_below(&rng, ranges[r]);
                sum += counts[i];
            }
            sl_estimate e;
            sli_estimate_count(counts, COUNTED, PARTITIONS, 0.9, &e);
            held += e.low <= (double)sum && (double)sum <= e.high;
        }
        assert_true(held > ROUNDS * 87 / 100);
    }
}
