// Two drivers of one job at once: the first was only paused, and goes on when it should not.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static int64_t zombies(const slt_sim_job *job, int64_t n)
{
    slt_trial trial = {.job = job, .seed = 11};
    int64_t calls = slt_trial_run(&trial).calls_of[0], met = 0;
    for (int64_t k = 0; k < n; k++) {
        slt_zombie at = slt_zombie_at(job, calls, k);
        bool reached = false;
        slt_outcome out = slt_zombie_run(&trial, at, &reached);
        met += reached;
        if (!out.right) {
            fail_msg("%s: a driver paused before its call %lld, and went on for %lld calls before "
                     "call %lld of the next: %s\nrepeat: "
                     "SLUICE_ZOMBIE=%s:%lld.%lld.%lld.%lld tests/test_t_sim sim_repeats_one_zombie",
                     job->name, (long long)at.i, (long long)at.m, (long long)at.j, out.wrong,
                     job->name, (long long)at.i, (long long)at.j, (long long)at.m, (long long)at.k);
        }
    }
    return met;
}

SL_TEST(sim_zombies_are_never_believed, "EXACTLY-ONCE-1")
{
    int64_t met = 0, each = slt_is_soak() ? 20000 : SLT_SLOW_BUILD ? 16 : 200;
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        // Who is paused keeps its port: on one machine a job that listens has no second driver.
        met += slt_all_jobs[j]->posts != NULL ? 0 : zombies(slt_all_jobs[j], each);
    }
    printf("# %lld meetings of two drivers\n", (long long)met);
    assert_true(met > each);
}

SL_TEST(sim_repeats_one_zombie, "")
{
    const char *text = getenv("SLUICE_ZOMBIE");
    char name[32] = "";
    long long i = 0, j = 0, m = 0, k = 0;
    bool reached = false;
    assert_int_equal(sscanf(text == NULL ? "files:200.90.30.0" : text,
                            "%31[a-z]:%lld.%lld.%lld.%lld", name, &i, &j, &m, &k),
                     5);
    for (int32_t n = 0; slt_all_jobs[n] != NULL; n++) {
        if (strcmp(slt_all_jobs[n]->name, name) == 0) {
            slt_trial trial = {.job = slt_all_jobs[n], .seed = 11};
            slt_outcome out = slt_zombie_run(&trial, (slt_zombie){i, j, m, k}, &reached);
            assert_true(reached);
            if (!out.right) {
                fail_msg("%s", out.wrong);
            }
        }
    }
    assert_true(reached);
}
