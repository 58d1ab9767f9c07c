// Marks that have expired: nobody minds, or the job stops, and `mark=GROUP` says how it goes on.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/rig.h"

enum { FED = 2000 };

#define PACED "&max_rate=2000"

/// A killed process leaves a transaction open, which who asks for marks waits for.
#define SHORT "&transaction_timeout=3s"

/// It is set anew, for nothing depends on it.
SL_TEST(kafka_a_mark_that_expired_while_nothing_waits_does_no_harm_brokers, "EXACTLY-ONCE-1")
{
    slt_rig rig;
    slt_rig_open(&rig);
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED);
    slt_life_stop(&rig.life);
    slt_rig_forget_marks(&rig);
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

/// Nobody knows then whether that group is visible, and the job says what to do.
SL_TEST(kafka_a_mark_that_expired_while_a_group_waits_stops_the_job_brokers, "")
{
    slt_rig rig;
    slt_rig_open(&rig);
    rig.in_more = PACED;
    rig.out_more = SHORT;
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED / 4);
    slt_broker_signal(SIGSTOP);
    slt_life_await_words(&rig.life, "waiting for a sink: commit group");
    (void)slt_life_kill(&rig.life);
    slt_broker_signal(SIGCONT);
    slt_rig_forget_marks(&rig);
    slt_rig_start(&rig);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    slt_life_must_say(&rig.life, "the mark of this output is gone");
    slt_rig_close(&rig);
}

/// It stops, and says of which groups nobody knows.
static void stops(slt_rig *rig, long long *from, long long *to)
{
    size_t size = 0;
    slt_rig_start(rig);
    assert_int_not_equal(slt_life_end(&rig->life), 0);
    char *said = slt_load(slt_in_dir(rig->dir, "life.out"), &size);
    const char *at = said == NULL ? NULL : strstr(said, "so nobody knows wh");
    assert_non_null(at);
    if (sscanf(at, "so nobody knows whether group %lld", from) == 1) {
        *to = *from;
    } else {
        assert_int_equal(sscanf(at, "so nobody knows which of groups %lld to %lld", from, to), 2);
    }
    free(said);
}

/// It is told which group is the last that shows.
static void goes_on(slt_rig *rig, long long last)
{
    char mark[40];
    (void)snprintf(mark, sizeof mark, "&mark=%lld", last);
    rig->out_more = mark;
    slt_rig_start(rig);
    slt_life_await(&rig->life, SLT_FORGET, 1); // all may be shown from before
    slt_rig_check(rig);
    rig->out_more = "";
}

/// The outputs' cluster is away when groups are sealed, so their rows are not there.
SL_TEST(kafka_mark_says_that_groups_are_not_there_brokers, "EXACTLY-ONCE-1")
{
    char near[64];
    long long from = 0, to = 0;
    slt_rig rig;
    slt_rig_open(&rig);
    slt_broker_place(near, sizeof near, "near");
    rig.out_brokers = near;
    rig.out_more = SHORT;
    rig.k.settings[0].value = rig.brokers; // the test's own clients go another way
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED);
    slt_rig_await_marks(&rig);
    rig.k.fixture->away(&rig.k, true);
    slt_rig_feed(&rig, FED);
    slt_life_await_words(&rig.life, "waiting for a sink: commit group");
    (void)slt_life_kill(&rig.life);
    rig.k.fixture->away(&rig.k, false);
    slt_rig_forget_marks(&rig);
    stops(&rig, &from, &to);
    goes_on(&rig, from - 1);
    slt_rig_close(&rig);
}

/// All is shown, and the next group, which would have put that on record, does not come.
SL_TEST(kafka_mark_says_that_a_group_is_there_brokers, "EXACTLY-ONCE-1")
{
    long long from = 0, to = 0;
    slt_rig rig;
    slt_rig_open(&rig);
    rig.out_more = SHORT;
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED);
    slt_rig_await_marks(&rig);
    (void)slt_life_kill(&rig.life);
    slt_rig_forget_marks(&rig);
    stops(&rig, &from, &to);
    goes_on(&rig, to);
    slt_rig_close(&rig);
}
