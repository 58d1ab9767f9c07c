// Runs last, since tests run in order of files: by now every kind of call must have been crashed
// at.
#include "sim/sim.h"

#include <stdio.h>

enum { MOST_JOBS = 64 };

/// Whether the first process came as far as its doom.
static bool run(const slt_trial *trial, const char *what)
{
    slt_outcome out = slt_trial_run(trial);
    if (!out.right) {
        fail_msg("%s, %s: %s", trial->job->name, what, out.wrong);
    }
    return out.reached[0];
}

/// Which job makes which calls, when nothing happens to it.
typedef struct habits {
    bool calls[MOST_JOBS][SLT_MOST_SITES];
} habits;

static void watch(habits *of)
{
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        int64_t before[SLT_MOST_SITES], after[SLT_MOST_SITES];
        slt_trial trial = {.job = slt_all_jobs[j], .seed = 1};
        assert_true(j < MOST_JOBS);
        slt_sites_calls(before);
        (void)run(&trial, "nothing happened");
        slt_sites_calls(after);
        for (int32_t i = 0; i < SLT_MOST_SITES; i++) {
            of->calls[j][i] = after[i] > before[i];
        }
    }
}

/// The first process, and the first sender, die at their n-th call of a kind; or it fails. Every
/// job that makes such calls at the first one, and a third of them at each other: the sweeps are at
/// every call. A slow build is content with three jobs that came so far.
static void hurt_at(const habits *of, int32_t i, const char *site, int64_t n)
{
    int32_t most = SLT_SLOW_BUILD ? 3 : INT32_MAX;
    for (int32_t j = 0; slt_all_jobs[j] != NULL && most > 0; j++) {
        if (!of->calls[j][i] || (n > 1 && (j + n) % slt_thin(3) != 0)) {
            continue;
        }
        sli_fault crash = {.crash_at_call = n, .only_site = site},
                  failure = {.fail_at_call = n, .only_site = site};
        slt_trial trial = {.job = slt_all_jobs[j], .seed = (uint64_t)n, .n_dooms = 1};
        trial.dooms[0].fault = trial.sender = crash;
        bool died = run(&trial, site);
        trial.dooms[0].fault = trial.sender = failure;
        bool failed = run(&trial, site);
        most -= died && failed ? 1 : 0;
    }
}

static bool is_tried(const sli_site *site)
{
    return !site->answers_only && !slt_site_is_elsewhere(site->name);
}

SL_TEST(sim_sites_were_all_crashed_at, "EXACTLY-ONCE-1")
{
    static habits of;
    char missing[512];
    const sli_site *sites = NULL;
    sli_world_conf conf = {.seed = 1};
    sli_world *world = sli_world_new(&conf);
    assert_non_null(world);
    watch(&of);
    for (int32_t i = 0, n = sli_world_sites(world, &sites); i < n; i++) {
        for (int64_t k = 1; k <= 3 && is_tried(&sites[i]); k++) {
            hurt_at(&of, i, sites[i].name, k);
        }
    }
    sli_world_free(world);
    if (!slt_sites_tell(missing, sizeof missing)) {
        fail_msg("never called or never crashed at:%s", missing);
    }
}
