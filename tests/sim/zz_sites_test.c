// Runs last, since tests run in order of files: by now every kind of call must have been crashed
// at.
#include "sim/sim.h"

#include <stdio.h>

SL_TEST(sim_sites_were_all_crashed_at, "EXACTLY-ONCE-1")
{
    char missing[512];
    for (int64_t n = 1; n <= 300; n++) { // enough by itself, when it is run alone
        for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
            slt_trial trial = {.job = slt_all_jobs[j], .seed = (uint64_t)n, .n_dooms = 2};
            trial.dooms[0].fault.crash_at_call = n;
            trial.dooms[1].fault.fail_at_call = n % 150;
            slt_outcome out = slt_trial_run(&trial);
            if (!out.right) {
                fail_msg("%s, crash at %lld: %s", trial.job->name, (long long)n, out.wrong);
            }
        }
    }
    if (!slt_sites_tell(missing, sizeof missing)) {
        fail_msg("never crashed at:%s", missing);
    }
}
