// Clusters that can't be reached, or not in time: the program waits, and loses and repeats nothing.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "kafka/rig.h"

enum { FED = 2000 };

#define PACED "&max_rate=2000"
#define IMPATIENT "&kafka.socket.timeout.ms=2000&kafka.socket.connection.setup.timeout.ms=2000"

/// A minute by the client's own settings; in CI seconds, by shorter ones.
static void be_away_for(slt_rig *rig)
{
    slt_life_last(&rig->life, slt_is_soak() ? 70000 : 5000);
}

/// A broker that hangs: its connections stay, and nothing comes.
SL_TEST(kafka_a_broker_that_hangs_is_waited_for_brokers, "EXACTLY-ONCE-1")
{
    slt_rig rig;
    slt_rig_open(&rig);
    rig.in_more = slt_is_soak() ? PACED : PACED IMPATIENT;
    rig.out_more = slt_is_soak() ? "" : IMPATIENT;
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED / 4);
    slt_broker_signal(SIGSTOP);
    be_away_for(&rig);
    slt_broker_signal(SIGCONT);
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

/// One that hangs in the middle of everything does not keep a job that is told to stop, and what
/// was not committed then is by the next life.
SL_TEST(kafka_a_stop_does_not_wait_for_a_broker_that_hangs_brokers, "EXACTLY-ONCE-1")
{
    enum {
        STOP_S = 1,
        GRACE_S = 5,
        LATE_S = 9
    }; // late: the last try of a question, and the machine
    slt_rig rig;
    slt_rig_open(&rig);
    rig.in_more = PACED;
    rig.more_settings[0] = "stop.timeout=1s";
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED / 4);
    slt_life_mark(&rig.life);
    slt_life_await(&rig.life, SLT_COMMIT, 1);
    slt_broker_signal(SIGSTOP);
    int64_t told_us = slt_now_us();
    assert_int_equal(kill(rig.life.pid, SIGTERM), 0);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    int64_t took_us = slt_now_us() - told_us;
    slt_broker_signal(SIGCONT);
    assert_true(took_us < (STOP_S + GRACE_S + LATE_S) * INT64_C(1000000));
    rig.more_settings[0] = NULL;
    slt_rig_start(&rig);
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

/// A network that refuses connections, and breaks those that are.
SL_TEST(kafka_a_broker_that_cannot_be_reached_is_waited_for_brokers, "EXACTLY-ONCE-1")
{
    slt_rig rig;
    slt_rig_open(&rig);
    slt_broker_place(rig.brokers, sizeof rig.brokers, "near");
    rig.in_more = PACED;
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    for (int i = 1; i <= 3; i++) {
        slt_rig_await(&rig, FED / 8 * i);
        rig.k.fixture->away(&rig.k, true);
        slt_life_last(&rig.life, slt_is_soak() ? 70000 : 1500);
        if (i == 1) { // it is long enough for a question to find nobody
            slt_life_await_words(&rig.life, " to answer: ");
        }
        rig.k.fixture->away(&rig.k, false);
        if (i == 1) {
            slt_life_await_words(&rig.life, " answers again after ");
        }
    }
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

/// Requests arrive and their answers do not: what was committed is not committed again.
SL_TEST(kafka_lost_answers_repeat_nothing_brokers, "EXACTLY-ONCE-1")
{
    slt_rig rig;
    slt_rig_open(&rig);
    slt_broker_place(rig.brokers, sizeof rig.brokers, "near");
    rig.in_more = PACED IMPATIENT;
    rig.out_more = IMPATIENT;
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    for (int i = 1; i <= 4; i++) {
        slt_rig_await(&rig, FED / 8 * i);
        slt_life_mark(&rig.life);
        slt_life_await(&rig.life, SLT_COMMIT, 1);
        slt_life_run(&rig.life, 1500 * i);
        rig.k.fixture->lose(&rig.k, 1, i % 2 == 0);
    }
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

/// Another producer's transaction hangs: what lies behind it waits until the cluster has ended it.
SL_TEST(kafka_a_hung_transaction_of_another_is_waited_for_brokers, "EXACTLY-ONCE-1")
{
    slt_rig rig;
    slt_rig_open(&rig);
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED);
    rig.k.transaction_us = 6000000;
    sli_kafka_producer *p = slt_producer(&rig.k, "hung");
    int64_t end = slt_end_of(&rig.k, rig.in);
    slt_ok(&rig.k, slt_send(&rig.k, p, rig.in, 0, "-1")); // never to be shown
    slt_wait_for(&rig.k, rig.in, end, end + 1);
    slt_rig_feed(&rig, FED);
    slt_rig_await(&rig, FED + FED / 4 * 3);
    slt_rig_check(&rig);
    rig.k.ops->producer_close(p);
    slt_rig_close(&rig);
}

/// Our process hangs for longer than its transaction may take, again and again while it commits.
SL_TEST(kafka_our_own_transaction_that_times_out_is_made_again_brokers, "EXACTLY-ONCE-1")
{
    enum { TIMES = 3, HANGS_MS = 4000 };
    slt_rig rig;
    slt_rig_open(&rig);
    rig.in_more = PACED;
    rig.out_more = "&transaction_timeout=2s";
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    for (int i = 0; i < TIMES; i++) {
        slt_life_mark(&rig.life);
        slt_life_await(&rig.life, SLT_COMMIT, 2);
        slt_life_run(&rig.life, 2000 * i);
        assert_int_equal(kill(rig.life.pid, SIGSTOP), 0);
        slt_life_last(&rig.life, HANGS_MS);
        assert_int_equal(kill(rig.life.pid, SIGCONT), 0);
    }
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

/// A start waits as a job that runs does, and says what for.
SL_TEST(kafka_a_start_waits_for_a_broker_that_cannot_be_reached_brokers, "")
{
    slt_rig rig;
    slt_rig_open(&rig);
    slt_broker_place(rig.brokers, sizeof rig.brokers, "near");
    slt_rig_feed(&rig, FED);
    rig.k.fixture->away(&rig.k, true);
    slt_rig_start(&rig);
    slt_life_await_words(&rig.life, "the start waits for output");
    rig.k.fixture->away(&rig.k, false);
    slt_life_await_words(&rig.life, "is there, after ");
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}

/// And ends when it has waited long enough, inside a question too.
SL_TEST(kafka_a_start_that_waited_long_enough_ends_brokers, "")
{
    slt_rig rig;
    slt_rig_open(&rig);
    slt_broker_place(rig.brokers, sizeof rig.brokers, "near");
    rig.k.fixture->away(&rig.k, true);
    rig.more_settings[0] = "start.timeout=1s";
    slt_rig_start(&rig);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    slt_life_must_say(&rig.life, "nothing came of 1s of waiting (start.timeout)");
    rig.k.fixture->away(&rig.k, false);
    slt_rig_close(&rig);
}
