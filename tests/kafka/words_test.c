// What docs/KAFKA.md says that a job says, where no other test of this folder meets it: each text
// comes from a job on a real broker.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/rig.h"

enum { FED = 400, CONFIG = 3 };

#define PACED "&max_rate=2000"

// ---------------------------------------------------------------- settings

static void is_refused(slt_rig *rig, const char *more, const char *why)
{
    rig->in_more = more;
    slt_rig_start(rig);
    assert_int_equal(slt_life_end(&rig->life), CONFIG);
    slt_life_must_say(&rig->life, why);
}

SL_TEST(kafka_settings_that_can_not_be_are_refused_by_name_brokers, "")
{
    slt_rig rig;
    slt_rig_open(&rig);
    FILE *empty = fopen(slt_in_dir(rig.dir, "empty"), "w");
    assert_non_null(empty);
    assert_int_equal(fclose(empty), 0);
    is_refused(&rig, "&kafka.fetch.wait.max.msec=5", "unknown setting kafka.fetch.wait.max.msec");
    is_refused(&rig, "&kafka.enable.auto.commit=true",
               "kafka.enable.auto.commit is not the user's to set");
    is_refused(&rig, "&kafka.sasl.password=env:SLUICE_TEST_NOBODY",
               "the variable SLUICE_TEST_NOBODY is not set");
    is_refused(&rig, "&kafka.sasl.password=file:empty", "the file empty is empty");
    slt_rig_close(&rig);
}

// ---------------------------------------------------------------- the source

/// Ranges of earlier epochs are on record, and no position. Both say what is waited for.
SL_TEST(kafka_a_start_on_ranges_waits_for_the_sources_broker_brokers, "EXACTLY-ONCE-1")
{
    char plain[64], near[64];
    slt_rig rig;
    slt_rig_open(&rig);
    slt_broker_place(plain, sizeof plain, "plain");
    slt_broker_place(near, sizeof near, "near");
    rig.out_brokers = plain;
    rig.k.settings[0].value = plain; // the test's own clients go another way
    (void)snprintf(rig.brokers, sizeof rig.brokers, "%s", near);
    rig.in_more = PACED;
    rig.more_settings[0] = "snapshot.groups=1000000"; // which would hold positions
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_life_await(&rig.life, SLT_COMMIT, 1); // its range is in the log by then
    (void)slt_life_kill(&rig.life);
    rig.k.fixture->away(&rig.k, true);
    slt_rig_start(&rig);
    slt_life_await_words(&rig.life, " to answer: ");
    slt_life_stop(&rig.life); // which does not wait for it
    assert_int_equal(remove(slt_in_dir(rig.dir, "life.out")), 0);
    slt_rig_start(&rig);
    slt_life_await_words(&rig.life, " to answer: ");
    slt_life_last(&rig.life, 1000); // it is asked again, and again
    rig.k.fixture->away(&rig.k, false);
    slt_life_await_words(&rig.life, " answers again after "); // all may be shown from before
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

// ---------------------------------------------------------------- the sink

/// The job has committed something, and stands still, so that its mark stays as the test sets it.
static void stand_still(slt_rig *rig)
{
    slt_rig_open(rig);
    slt_rig_feed(rig, FED);
    slt_rig_start(rig);
    slt_rig_await(rig, FED);
    assert_int_equal(kill(rig->life.pid, SIGSTOP), 0);
}

/// A producer with the transactional id of an output: the job's own is fenced.
static sli_kafka_producer *take_id(slt_rig *rig, const char *group)
{
    sli_kafka_producer *p = NULL;
    sli_kafka_conf conf = slt_conf(&rig->k);
    conf.transactional_id = group;
    slt_ok(&rig->k, rig->k.ops->producer_open(&p, &conf, slt_soon(&rig->k), &rig->k.err));
    return p;
}

static void ends_with(slt_rig *rig, const char *words)
{
    assert_int_equal(kill(rig->life.pid, SIGCONT), 0);
    assert_int_not_equal(slt_life_end(&rig->life), 0);
    slt_life_must_say(&rig->life, words);
    slt_rig_close(rig);
}

SL_TEST(kafka_a_mark_that_is_removed_while_the_job_runs_stops_it_brokers, "")
{
    char group[128];
    slt_rig rig;
    stand_still(&rig);
    slt_rig_group(&rig, 0, group);
    rig.k.ops->producer_close(take_id(&rig, group)); // what the job has open is ended
    slt_broker_forget(&rig.k, group);
    ends_with(&rig, "has been removed while the job ran");
}

SL_TEST(kafka_a_newer_driver_stops_the_older_one_brokers, "")
{
    char group[128];
    slt_rig rig;
    stand_still(&rig);
    slt_rig_group(&rig, 0, group);
    sli_kafka_spot spot = {rig.out, 0, 1};
    sli_kafka_producer *p = take_id(&rig, group);
    slt_ok(&rig.k, rig.k.ops->mark(p, group, &spot, "generation 99", slt_soon(&rig.k), &rig.k.err));
    slt_commit(&rig.k, p);
    rig.k.ops->producer_close(p);
    ends_with(&rig, "a newer driver of this job (generation 99, this is 1) writes to it");
}
