// Random fates from one number: crashes, failures, stalls, kills, power losses, orders of strands.
//
// SLUICE_SEED=n repeats one seed, SLUICE_SEEDS=n runs so many (500; more in long runs).
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static double one_in(sli_rng *rng, uint64_t low, uint64_t high)
{
    return 1.0 / (double)(low + sli_rng_below(rng, high - low));
}

static slt_doom doom_of(sli_rng *rng, int32_t life)
{
    slt_doom doom = {.fate = (slt_fate)sli_rng_below(rng, SLT_N_FATES)};
    switch (sli_rng_below(rng, 5)) {
    case 0:
        doom.fault.crash_chance = one_in(rng, 40, 1000);
        break;
    case 1:
        doom.fault.fail_chance = one_in(rng, 40, 1000);
        break;
    case 2:
        doom.fault.crash_chance = one_in(rng, 100, 1500);
        doom.fault.fail_chance = one_in(rng, 100, 1500);
        break;
    case 3:
        doom.kill_at_us = 100000 + (int64_t)life * 900000 + (int64_t)sli_rng_below(rng, 2500000);
        break;
    default:
        doom.fault.crash_at_call = 1 + (int64_t)sli_rng_below(rng, 900);
        break;
    }
    if (sli_rng_below(rng, 3) == 0) {
        doom.fault.fail_code = SL_E_NO_SPACE;
    }
    return doom;
}

slt_trial slt_trial_of_seed(uint64_t seed)
{
    sli_rng rng = {seed};
    slt_trial trial = {.seed = seed};
    int32_t n_jobs = 0;
    while (slt_all_jobs[n_jobs] != NULL) {
        n_jobs++;
    }
    trial.job = slt_all_jobs[sli_rng_below(&rng, (uint64_t)n_jobs)];
    trial.switch_chance = sli_rng_below(&rng, 2) == 0 ? 0 : one_in(&rng, 2, 30);
    trial.n_dooms = 1 + (int32_t)sli_rng_below(&rng, 6);
    trial.sender.crash_chance = sli_rng_below(&rng, 2) == 0 ? 0 : one_in(&rng, 20, 300);
    trial.sender.fail_chance = sli_rng_below(&rng, 2) == 0 ? 0 : one_in(&rng, 20, 300);
    for (int32_t i = 0; i < trial.n_dooms; i++) {
        trial.dooms[i] = doom_of(&rng, i);
    }
    return trial;
}

static int64_t number_of(const char *name, int64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL || *text == '\0' ? otherwise : strtoll(text, NULL, 10);
}

SL_TEST(sim_seeds, "EXACTLY-ONCE-1")
{
    int64_t one = number_of("SLUICE_SEED", -1);
    int64_t n = number_of("SLUICE_SEEDS", slt_is_soak() ? 20000 : SLT_SLOW_BUILD ? 50 : 500);
    int64_t first = one >= 0 ? one : 1, last = one >= 0 ? one : n;
    int64_t deaths = 0, lives = 0, failed = 0;
    for (int64_t seed = first; seed <= last; seed++) {
        slt_trial trial = slt_trial_of_seed((uint64_t)seed);
        slt_outcome out = slt_trial_run(&trial);
        deaths += out.deaths;
        lives += out.lives;
        if (!out.right) {
            failed++;
            printf("# seed %lld (%s): %s\n# repeat: SLUICE_SEED=%lld tests/test_t_sim sim_seeds\n",
                   (long long)seed, trial.job->name, out.wrong, (long long)seed);
        }
    }
    printf("# %lld seeds, %lld lives, %lld deaths\n", (long long)(last - first + 1),
           (long long)lives, (long long)deaths);
    assert_int_equal(failed, 0);
}

SL_TEST(sim_equal_seeds_give_equal_traces, "DETERMINISM-1")
{
    uint64_t before = 0;
    for (uint64_t seed = 1; seed <= 10; seed++) {
        slt_trial trial = slt_trial_of_seed(seed);
        slt_outcome once = slt_trial_run(&trial), again = slt_trial_run(&trial);
        assert_true(once.trace == again.trace);
        assert_true(once.trace != before);
        before = once.trace;
    }
}

SL_TEST(sim_jobs_end_well_when_nothing_happens, "EXACTLY-ONCE-1")
{
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        slt_trial trial = {.job = slt_all_jobs[j], .seed = 3};
        slt_outcome out = slt_trial_run(&trial);
        if (!out.right) {
            fail_msg("%s: %s", trial.job->name, out.wrong);
        }
        printf("# %s: %lld outside calls, then %lld\n", trial.job->name, (long long)out.calls_of[0],
               (long long)out.calls_of[1]);
        assert_int_equal(out.lives, 2);
    }
}
