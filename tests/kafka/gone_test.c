// Records that are gone or refused: the job stops with what exactly, or goes on where it was told
// to, and counts.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/rig.h"

enum { FED = 400, LATER = 4000, KEPT = 600, PARTITION = 1 };

/// What all lives so far have read is known: all that was fed.
static void read_all(slt_rig *rig, int64_t n)
{
    slt_rig_feed(rig, n);
    slt_rig_start(rig);
    slt_rig_await(rig, rig->n_fed);
    slt_life_stop(&rig->life);
}

/// 500 records of one partition age out while the program is down.
static void let_age(slt_rig *rig)
{
    read_all(rig, FED);
    slt_rig_feed(rig, LATER);
    rig->k.fixture->age(&rig->k, rig->in, PARTITION, KEPT);
}

SL_TEST(kafka_what_has_aged_out_stops_the_job_with_the_range_brokers, "")
{
    char range[128];
    slt_rig rig;
    slt_rig_open(&rig);
    let_age(&rig);
    slt_rig_start(&rig);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    (void)snprintf(
        range, sizeof range,
        "partition %d: offsets %d to %d were not read yet and are gone; the first that is "
        "kept is %d",
        PARTITION, FED / SLT_RIG_PARTITIONS, KEPT - 1, KEPT);
    slt_life_must_say(&rig.life, range);
    slt_rig_close(&rig);
}

SL_TEST(kafka_what_has_aged_out_is_counted_where_that_is_allowed_brokers, "")
{
    slt_rig rig;
    slt_rig_open(&rig);
    let_age(&rig);
    rig.in_more = "&fail_on_data_loss=false";
    rig.lost_partition = PARTITION;
    rig.lost_from = FED / SLT_RIG_PARTITIONS;
    rig.lost_to = KEPT;
    slt_rig_start(&rig);
    slt_rig_check(&rig);
    slt_life_must_say(&rig.life, "partition 1: offsets 100 to 599");
    slt_rig_close(&rig);
}

/// Gone, and there again with fewer records than were read, and with more.
SL_TEST(kafka_a_topic_made_anew_stops_the_job_brokers, "")
{
    slt_rig rig;
    slt_rig_open(&rig);
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    slt_rig_await(&rig, FED);
    rig.k.fixture->remove(&rig.k, rig.in);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    slt_life_must_say(&rig.life, "is gone from the cluster; it was read up to offset 100");
    rig.k.fixture->make(&rig.k, rig.in, SLT_RIG_PARTITIONS);
    slt_rig_feed(&rig, FED / 10);
    slt_rig_start(&rig);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    slt_life_must_say(&rig.life, "was made anew, or has lost its end");
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    slt_life_must_say(&rig.life, "was made anew: the record at offset 99 has the time");
    slt_rig_close(&rig);
}

/// Nothing of the group is lost: it is shown, once, when the topic takes it.
SL_TEST(kafka_a_record_that_is_too_large_stops_the_job_brokers, "")
{
    enum { NOT_ALL_FIT = 120, ALL_FIT = 1 << 20 };
    slt_rig rig;
    slt_rig_open(&rig);
    rig.k.fixture->limit(&rig.k, rig.out, NOT_ALL_FIT);
    slt_rig_feed(&rig, FED);
    slt_rig_start(&rig);
    assert_int_not_equal(slt_life_end(&rig.life), 0);
    slt_life_must_say(&rig.life, rig.out);
    slt_life_must_say(&rig.life, "Message size too large");
    rig.k.fixture->limit(&rig.k, rig.out, ALL_FIT);
    slt_rig_start(&rig);
    slt_rig_check(&rig);
    slt_rig_close(&rig);
}
