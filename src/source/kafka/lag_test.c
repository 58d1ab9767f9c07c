// How far partitions lag behind, for people: gauges, and the offsets of a group.
#include <stdio.h>

#include "source/kafka/fixture_test.h"

static int64_t lag_of(slt_feed *f, const char *topic, int32_t partition)
{
    char label[64];
    snprintf(label, sizeof label, "in" SLI_METRIC_APART "%s" SLI_METRIC_APART "%d", topic,
             (int)partition);
    return sli_metric_value(sli_metrics_series(f->p.metrics, &sli_kafka_metrics[KAFKA_LAG], label));
}

/// Offers so many rows until an epoch has some.
static void take_rows(slt_feed *f, sli_source *source, int64_t n)
{
    f->p.offer = (sli_offer){0};
    for (int i = 0; i < 20 && f->p.offer.rows <= 0; i++) {
        sli_ask ask = {
            .epoch = ++f->p.epoch, .batch_time_us = sli_env_wall_us(f->p.env), .max_rows = n};
        slt_pass(&f->p, 1000000);
        assert_int_equal(source->ops->offer(source, &ask, f->p.arena, &f->p.offer, &f->p.err),
                         SL_OK);
    }
    assert_true(f->p.offer.rows > 0);
}

FEED_TEST(the_lag_of_a_partition_is_what_no_epoch_has_taken)
{
    slt_feed_make(f, "a", 2);
    slt_feed_put(f, "a", 0, "0 1 2 3 4 5 6 7 8 9");
    slt_feed_put(f, "a", 1, "x");
    sli_source *source = slt_feed_source(f, "a?start=earliest");
    take_rows(f, source, 4);
    int64_t taken = f->p.offer.rows;
    assert_int_equal(lag_of(f, "a", 0) + lag_of(f, "a", 1), 11 - taken);
    while (taken < 11) {
        take_rows(f, source, INT64_MAX);
        taken += f->p.offer.rows;
    }
    assert_int_equal(lag_of(f, "a", 0), 0);
    assert_int_equal(lag_of(f, "a", 1), 0);
    sli_source_close(source);
}

/// The group's offset of partition 0, once what was noted has arrived.
static int64_t noted(slt_feed *f, const char *group)
{
    slt_pass(&f->p, 5000000);
    return sli_kafka_cluster_mark(f->cluster, group, "a", 0).offset;
}

FEED_TEST(committed_offsets_are_noted_for_the_group)
{
    slt_feed_make(f, "a", 1);
    slt_feed_put(f, "a", 0, "0 1 2");
    sli_source *source = slt_feed_source(f, "a?start=earliest&group=lag");
    take_rows(f, source, INT64_MAX);
    assert_int_equal(noted(f, "lag"), -1); // taken, and not committed
    int64_t taken = f->p.offer.rows;
    source->ops->forget(source, f->p.offer.range);
    assert_int_equal(noted(f, "lag"), taken);
    source->ops->forget(source, (sl_bytes){NULL, 0});
    sli_source_close(source);
}

FEED_TEST(what_a_group_has_on_record_changes_nothing)
{
    slt_feed_make(f, "a", 1);
    slt_feed_put(f, "a", 0, "0 1 2");
    sli_source *source = slt_feed_source(f, "a?start=earliest&group=lag");
    SL_CHECK_TEXT(slt_feed_take(f, source), "0;1;2;");
    source->ops->forget(source, f->p.offer.range);
    sl_bytes position = slt_position(&f->p, source);
    sli_source_close(source);
    // Somebody puts the group's offset elsewhere: to a later life it is as if it was deleted.
    source = slt_feed_source(f, "a?start=earliest&group=lag");
    take_rows(f, source, 1);
    source->ops->forget(source, f->p.offer.range);
    sli_source_close(source);
    slt_feed_put(f, "a", 0, "3 4");
    source = slt_feed_source_at(f, "a?start=earliest&group=lag", position);
    SL_CHECK_TEXT(slt_feed_take(f, source), "3;4;");
    sli_source_close(source);
    source = slt_feed_source_at(f, "a?start=committed&group=lag", position);
    SL_CHECK_TEXT(slt_feed_take(f, source), "3;4;");
    sli_source_close(source);
}

FEED_TEST(without_a_group_nothing_is_noted)
{
    slt_feed_make(f, "a", 1);
    slt_feed_put(f, "a", 0, "0");
    sli_source *source = slt_feed_source(f, "a?start=earliest");
    take_rows(f, source, INT64_MAX);
    source->ops->forget(source, f->p.offer.range);
    assert_int_equal(noted(f, ""), -1);
    sli_source_close(source);
}
