/// draw.h — numbers drawn from a seed. Nothing else that is random reaches a plan.
#pragma once

#include <stdint.h>

static inline uint64_t slt_next(uint64_t *at) // splitmix64
{
    uint64_t x = *at += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

/// 0 .. n - 1.
static inline int32_t slt_draw(uint64_t *at, int32_t n)
{
    return (int32_t)(slt_next(at) % (uint64_t)n);
}
