/// score_rows.h — the rows that perf/score.c and perf/limit/score.c predict: 20 features, uniform.
#pragma once

#include "limit.h"

enum { SCORE_FEATURES = 20, SCORE_ROWS = 1 << 16 };

/// The next feature, in [-1, 1), a multiple of 2^-20: the same as float and as double.
static inline double score_draw(uint64_t *random)
{
    return (double)limit_below(random, 1 << 21) / (1 << 20) - 1;
}
