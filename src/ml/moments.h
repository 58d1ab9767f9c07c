/// moments.h — count, mean and sum of squared differences from it, added row by row (Welford 1962)
/// and put together (Chan, Golub, LeVeque 1983).
#pragma once

#include <stdint.h>

typedef struct ml_moments {
    int64_t n;
    double mean, m2;
} ml_moments;

static inline void ml_moments_add(ml_moments *m, double x)
{
    double off = x - m->mean;
    m->n++;
    m->mean += off / (double)m->n;
    m->m2 += off * (x - m->mean);
}

static inline void ml_moments_merge(ml_moments *m, const ml_moments *more)
{
    if (more->n == 0) {
        return;
    }
    double a = (double)m->n, b = (double)more->n, off = more->mean - m->mean;
    m->n += more->n;
    m->mean += off * (b / (a + b));
    m->m2 += more->m2 + off * off * (a * b / (a + b));
}
