// Moments in parts, and numbers far from 0, where sums of squares have no digits left.
#include "ml/moments.h"

#include "base/hash.h"
#include "sl_test.h"

#include <math.h>
#include <stdbool.h>

static bool is_near(double a, double b)
{
    return fabs(a - b) <= 1e-12 * fmax(fabs(a), fabs(b));
}

SL_TEST(moments_of_numbers_far_from_zero, "")
{
    ml_moments m = {0};
    for (int i = 0; i < 3; i++) {
        ml_moments_add(&m, 1e9 + i);
    }
    assert_int_equal(m.n, 3);
    assert_true(m.mean == 1e9 + 1);
    assert_true(m.m2 == 2);
}

SL_TEST(moments_in_parts_are_those_of_the_whole, "")
{
    sli_rng rng = {5};
    for (int cut = 0; cut <= 20; cut++) {
        ml_moments all = {0}, first = {0}, rest = {0};
        for (int i = 0; i < 20; i++) {
            double x = (double)sli_rng_below(&rng, 1000) / 7;
            ml_moments_add(&all, x);
            ml_moments_add(i < cut ? &first : &rest, x);
        }
        ml_moments_merge(&first, &rest);
        assert_int_equal(first.n, 20);
        assert_true(is_near(first.mean, all.mean));
        assert_true(is_near(first.m2, all.m2));
    }
}
