/// spark_random.h — Spark's XORShiftRandom and java.util.Random's nextGaussian over it, so that
/// random centres of a seed are those that Spark draws for it.
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct sli_spark_random {
    uint64_t state;
    bool has_next;
    double next; ///< gaussians come in pairs
} sli_spark_random;

sli_spark_random sli_spark_random_of(int64_t seed);
double sli_spark_random_gaussian(sli_spark_random *random);
