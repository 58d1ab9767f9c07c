// From topic to topic through state: our process killed with signal 9 in every phase, and the
// broker too.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hash.h"
#include "kafka/rig.h"

enum { KILLS = 25, SOAK_KILLS = 500, FED_A_LIFE = 1600, MOST_ENTRIES = 4 };

#define PACED "&max_rate=2000" // 40 records of a partition in an epoch: so there are many epochs

static const char *const phase_names[SLT_PHASES] = {"before any", "fetch",  "stage", "seal",
                                                    "log",        "commit", "forget"};

static void kill_once(slt_rig *rig, int wanted, sli_rng *rng, int32_t died_in[SLT_PHASES])
{
    slt_rig_feed(rig, FED_A_LIFE);
    slt_rig_start(rig);
    if (wanted == 0) {
        slt_life_run(&rig->life, (int64_t)sli_rng_below(rng, 400000));
    } else {
        slt_life_await(&rig->life, wanted, 1 + sli_rng_below(rng, MOST_ENTRIES));
        if (sli_rng_below(rng, 2) == 0) { // deeper into it, or into what comes next
            slt_life_run(&rig->life, (int64_t)sli_rng_below(rng, 8000));
        }
    }
    died_in[slt_life_kill(&rig->life)]++;
}

SL_TEST(kafka_killed_at_any_moment_every_record_counts_once_brokers, "EXACTLY-ONCE-1")
{
    const char *seed = getenv("SLUICE_SEED");
    sli_rng rng = {seed == NULL ? 20261129 : strtoull(seed, NULL, 10)};
    int32_t died_in[SLT_PHASES] = {0}, n_kills = slt_is_soak() ? SOAK_KILLS : KILLS;
    slt_rig rig;
    slt_rig_open(&rig);
    rig.in_more = PACED;
    for (int32_t i = 0; i < n_kills; i++) {
        kill_once(&rig, i % SLT_PHASES, &rng, died_in);
    }
    rig.in_more = "";
    slt_rig_start(&rig);
    slt_rig_check(&rig);
    (void)printf("kills by phase:");
    for (int i = 0; i < SLT_PHASES; i++) {
        (void)printf(" %s %d%s", phase_names[i], died_in[i], i + 1 < SLT_PHASES ? "," : "\n");
    }
    slt_rig_close(&rig);
}

/// The program lives on, and loses and repeats nothing.
SL_TEST(kafka_a_broker_killed_in_each_phase_loses_nothing_brokers, "EXACTLY-ONCE-1")
{
    slt_rig rig;
    slt_rig_open(&rig);
    rig.in_more = PACED;
    slt_rig_feed(&rig, FED_A_LIFE);
    slt_rig_start(&rig);
    for (int phase = SLT_FETCH; phase < SLT_PHASES; phase++) {
        bool speaks = phase == SLT_FETCH || phase == SLT_STAGE || phase == SLT_COMMIT;
        if (!speaks && !slt_is_soak()) {
            continue; // in CI those phases in which most is asked of the cluster
        }
        slt_rig_feed(&rig, FED_A_LIFE);
        slt_life_mark(&rig.life);
        slt_life_await(&rig.life, phase, 2);
        slt_broker_signal(SIGKILL);
        slt_broker_restart();
    }
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}
