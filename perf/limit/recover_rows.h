/// recover_rows.h — state that is written to Arrow files and read back, as both sides of the row
/// `recover` see it: a text of 16 hex digits, a count, a sum.
#pragma once

#include "perf/limit/limit.h"

#define RECOVER_KEYS "name string"
#define RECOVER_VALUES "count int64, sum float64"

enum { RECOVER_KEY_BYTES = 16, RECOVER_PARTS = 16 };

typedef struct recover_plan {
    int64_t n_keys;
    const char *dir; ///< with part-00.arrow to part-15.arrow
} recover_plan;

static inline void recover_key(int64_t number, char out[RECOVER_KEY_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    uint64_t seed = (uint64_t)number, mixed = limit_random(&seed);
    for (int i = 0; i < RECOVER_KEY_BYTES; i++) {
        out[i] = digits[mixed >> (60 - 4 * i) & 15];
    }
}

static inline double recover_sum(int64_t number)
{
    return (double)number * 0.25;
}
