/// fixture_test.h — what both worlds promise, said once: each case runs in the real world, in the
/// simulated one, and in the real one through a fault's table whose fault never comes.
#pragma once

#include "env/env.h"
#include "env/sim.h"
#include "sl_test.h"

typedef struct slt_bed {
    sl_env *env;
    sli_world *world; ///< NULL in the real world
    char dir[512];
    char path[4][600]; ///< results of slt_bed_at, in turn
    int n_paths;
} slt_bed;

/// A path in the bed's directory; lives until the fourth further call.
const char *slt_bed_at(slt_bed *b, const char *name);

void slt_in_real_world(void (*check)(slt_bed *b));
void slt_in_simulation(void (*check)(slt_bed *b));
void slt_behind_a_fault(void (*check)(slt_bed *b));

#define SLT_BOTH_WORLDS(name)                                                                      \
    static void check_##name(slt_bed *b);                                                          \
    SL_TEST(name##_posix, "")                                                                      \
    {                                                                                              \
        slt_in_real_world(check_##name);                                                           \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        slt_in_simulation(check_##name);                                                           \
    }                                                                                              \
    SL_TEST(name##_wrapped, "")                                                                    \
    {                                                                                              \
        slt_behind_a_fault(check_##name);                                                          \
    }                                                                                              \
    static void check_##name(slt_bed *b)
