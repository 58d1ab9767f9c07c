/// sketch_rows.h — the rows that sketches are made of: numbers of which none comes twice but by
/// chance, and numbers of which few come often.
#pragma once
#include "limit.h"

enum { SKETCH_BITS = 40, SKETCH_MOST = 1000000 };

/// Uniform below 2^40: the quantile q is q 2^40, give or take the sample.
static inline int64_t sketch_uniform(uint64_t *random)
{
    return (int64_t)(limit_random(random) >> (64 - SKETCH_BITS));
}

/// v comes about as often as 1 / v^2: 1 in half of the rows, 2 in a sixth.
static inline int64_t sketch_frequent(uint64_t *random)
{
    double u = (double)(limit_random(random) >> 11) * 0x1p-53;
    return u * SKETCH_MOST < 1 ? SKETCH_MOST : (int64_t)(1 / u);
}
