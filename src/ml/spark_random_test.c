// Spark's generator: its seeds against another MurmurHash3, its numbers against moments.
#include "ml/spark_random.h"

#include "ml/moments.h"
#include "sl_test.h"

#include <math.h>
#include <stdlib.h>

// By mmh3 5.3.1 of PyPI: mmh3.hash(seed's 8 bytes, 0x3c074a61), and again seeded by that.
SL_TEST(spark_random_is_seeded_by_murmur_hash, "")
{
    assert_true(sli_spark_random_of(0).state == 0x80b91e250a05cc5fU);
    assert_true(sli_spark_random_of(1).state == 0xfd30615c78820a0cU);
    assert_true(sli_spark_random_of(42).state == 0x38078a854d18b285U);
    assert_true(sli_spark_random_of(-1).state == 0xc3ae0f83ca4cec43U);
}

SL_TEST(spark_random_repeats_itself, "")
{
    sli_spark_random a = sli_spark_random_of(7), b = sli_spark_random_of(7);
    sli_spark_random other = sli_spark_random_of(8);
    for (int i = 0; i < 100; i++) {
        double x = sli_spark_random_gaussian(&a);
        assert_true(x == sli_spark_random_gaussian(&b));
        assert_true(x != sli_spark_random_gaussian(&other));
    }
}

SL_TEST(spark_random_is_normal, "")
{
    sli_spark_random random = sli_spark_random_of(42);
    ml_moments m = {0};
    int within = 0;
    for (int i = 0; i < 100000; i++) {
        double x = sli_spark_random_gaussian(&random);
        ml_moments_add(&m, x);
        within += fabs(x) < 1;
    }
    assert_true(fabs(m.mean) < 0.02);
    assert_true(fabs(m.m2 / 100000 - 1) < 0.02);
    assert_true(abs(within - 68269) < 800);
}
