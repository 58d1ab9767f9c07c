// The n-th outside call fails once, for every n: the job goes on or ends with a clear error, and
// the next process puts everything right.
#include "sim/sim.h"

#include <stdio.h>

static slt_trial failing(const slt_sim_job *job, int64_t n, sl_code code, slt_fate fate)
{
    slt_trial trial = {.job = job, .seed = (uint64_t)n, .n_dooms = 1};
    trial.dooms[0] = (slt_doom){.fault = {.fail_at_call = n, .fail_code = code}, .fate = fate};
    return trial;
}

static void fail_every_call(sl_code code, int64_t step)
{
    int64_t runs = 0, ends = 0;
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        bool reached = true;
        for (int64_t n = 1; reached; n += SLT_SLOW_BUILD ? 67 : step) {
            slt_trial trial = failing(slt_all_jobs[j], n, code, (slt_fate)(n % SLT_N_FATES));
            slt_outcome out = slt_trial_run(&trial);
            if (!out.right) {
                fail_msg("%s: call %lld fails with %s: %s (after '%s')", trial.job->name,
                         (long long)n, sl_code_name(code), out.wrong, out.error);
            }
            reached = out.reached[0];
            ends += out.deaths;
            runs++;
        }
    }
    printf("# %s: %lld runs, %lld ended with an error and were started again\n", sl_code_name(code),
           (long long)runs, (long long)ends);
    assert_true(ends > 50);
}

SL_TEST(sim_one_failed_call_loses_nothing, "EXACTLY-ONCE-2")
{
    fail_every_call(SL_E_IO, slt_thin(2));
}

// An epoch that could not be planned leaves sources ahead of what is on record: no snapshot of the
// group that ends before it may take their positions.
SL_TEST(sim_a_source_that_fails_beside_another_loses_nothing, "EXACTLY-ONCE-2")
{
    bool reached = true;
    int64_t ends = 0;
    for (int64_t n = 1; reached; n += SLT_SLOW_BUILD ? 19 : 1) {
        slt_trial trial = failing(&slt_job_eager, n, SL_E_IO, SLT_KEEP);
        slt_outcome out = slt_trial_run(&trial);
        if (!out.right) {
            fail_msg("call %lld fails: %s (after '%s')", (long long)n, out.wrong, out.error);
        }
        reached = out.reached[0];
        ends += out.deaths;
    }
    assert_true(ends > 0);
}

SL_TEST(sim_one_full_disk_loses_nothing, "EXACTLY-ONCE-2")
{
    fail_every_call(SL_E_NO_SPACE, slt_thin(2));
}

// ---------------------------------------------------------------- failed syncs

/// What a failed sync lost stays readable and the next one says yes, until the power fails: here a
/// life later.
static int64_t fail_syncs(const slt_sim_job *job, int64_t step)
{
    int64_t runs = 0;
    bool reached = true;
    for (int64_t n = 1; reached; n += SLT_SLOW_BUILD ? 3 : 1) {
        for (int64_t m = 1 + n % step; reached && m < 240; m += step) {
            slt_trial trial = {.job = job, .seed = (uint64_t)(n * 1000 + m), .n_dooms = 2};
            trial.dooms[0] = (slt_doom){.fault = {.fail_at_call = n, .only_site = "file.sync"}};
            trial.dooms[1] = (slt_doom){.fault = {.crash_at_call = m}, .fate = SLT_LOSE_ALL};
            slt_outcome out = slt_trial_run(&trial);
            if (!out.right) {
                fail_msg("%s: sync %lld fails, the next process dies at its call %lld, then the "
                         "power fails: %s (after '%s')",
                         job->name, (long long)n, (long long)m, out.wrong, out.error);
            }
            reached = out.reached[0];
            runs++;
        }
    }
    return runs;
}

SL_TEST(sim_a_failed_sync_and_a_power_loss_a_life_later_lose_nothing, "EXACTLY-ONCE-2")
{
    int64_t runs = 0;
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        runs += fail_syncs(slt_all_jobs[j], slt_thin(SLT_SLOW_BUILD ? 300 : 50));
    }
    printf("# %lld runs with a failed sync and a power loss\n", (long long)runs);
    assert_true(runs > 100);
}

// ---------------------------------------------------------------- spoiled checkpoints

SL_TEST(sim_a_log_that_lost_its_end_stops_the_job, "EXACTLY-ONCE-3")
{
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        slt_trial trial = {.job = slt_all_jobs[j],
                           .seed = 5,
                           .spoil = slt_spoil_rot,
                           .may_say = {"the log has lost what readers have seen", "lost its end"}};
        slt_outcome out = slt_trial_run(&trial);
        if (!out.right || !out.stopped_rightly) {
            fail_msg("%s: the log has lost its last group: %s", trial.job->name,
                     out.right ? "the job went on" : out.wrong);
        }
    }
}

SL_TEST(sim_a_wiped_checkpoint_begins_another_job, "EXACTLY-ONCE-3")
{
    static const slt_sim_job *const jobs[] = {&slt_job_joined, &slt_job_grouped};
    for (int32_t j = 0; j < 2; j++) {
        slt_trial trial = {.job = jobs[j], .seed = 5, .spoil = slt_spoil_wipe};
        slt_outcome out = slt_trial_run(&trial);
        if (!out.right) {
            fail_msg("%s: the checkpoint was deleted: %s", trial.job->name, out.wrong);
        }
    }
}
