// What is not there any more: both ways to take it, and the words.
#include "source/kafka/fixture_test.h"

#define GOES_ON "&fail_on_data_loss=false"

static void check_says(const slt_feed *f, const char *part)
{
    if (strstr(f->p.err.text, part) == NULL) {
        fail_msg("'%s' is not in: %s", part, f->p.err.text);
    }
}

/// One life takes what is there and ends; what was on record is the position.
static sl_bytes first_life(slt_feed *f, const char *rest, const char *rows)
{
    sli_source *source = slt_feed_source(f, rest);
    SL_CHECK_TEXT(slt_feed_take(f, source), rows);
    sl_bytes position = slt_position(&f->p, source);
    sli_source_close(source);
    return position;
}

static void age(slt_feed *f, int64_t first)
{
    sli_kafka_spot spot = {"t", 0, first};
    assert_int_equal(sli_kafka_cluster_age(f->cluster, &spot, NULL), SL_OK);
}

static void make_anew(slt_feed *f, const char *words)
{
    assert_int_equal(sli_kafka_cluster_delete(f->cluster, "t", NULL), SL_OK);
    slt_pass(&f->p, 3000000); // so that its records have other times
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, words);
}

// ---------------------------------------------------------------- aged out

FEED_TEST(kafka_records_that_aged_out_stop_the_job)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes position = first_life(f, "t?start=earliest", "a;b;");
    slt_feed_put(f, "t", 0, "c d e f");
    age(f, 5);
    sli_source *source = slt_feed_source_at(f, "t", position);
    slt_feed_fails(f, source);
    assert_int_equal(f->p.err.code, SL_E_NOT_FOUND);
    check_says(f, "kafka: t partition 0: offsets 2 to 4 were not read yet and are gone; the first "
                  "that is kept is 5");
    check_says(f, "fail_on_data_loss=false");
    sli_source_close(source);
}

FEED_TEST(kafka_records_that_aged_out_are_counted)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes position = first_life(f, "t?start=earliest", "a;b;");
    slt_feed_put(f, "t", 0, "c d e f");
    age(f, 5);
    sli_source *source = slt_feed_source_at(f, "t?columns=offset" GOES_ON, position);
    SL_CHECK_TEXT(slt_feed_take(f, source), "5,f;");
    SL_CHECK_TEXT(slt_feed_offsets(f, source), "{\"t\":{\"0\":2}} -> {\"t\":{\"0\":6}}");
    assert_int_equal(slt_feed_lost(f), 3);
    assert_true(slt_feed_told(f, "offsets 2 to 4 were not read yet and are gone"));
    sli_source_close(source);
}

// The record before the position has aged out, the position has not: nothing is lost.
FEED_TEST(kafka_nothing_is_lost_that_was_read)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes position = first_life(f, "t?start=earliest", "a;b;");
    slt_feed_put(f, "t", 0, "c d");
    age(f, 2);
    sli_source *source = slt_feed_source_at(f, "t", position);
    SL_CHECK_TEXT(slt_feed_take(f, source), "c;d;");
    sli_source_close(source);
}

// ---------------------------------------------------------------- gone

FEED_TEST(kafka_a_topic_that_is_gone_stops_the_job)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sli_source *source = slt_feed_source(f, "t?start=earliest");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;b;");
    assert_int_equal(sli_kafka_cluster_delete(f->cluster, "t", NULL), SL_OK);
    slt_feed_fails(f, source);
    check_says(f, "kafka: t partition 0 is gone from the cluster; it was read up to offset 2");
    sli_source_close(source);
}

FEED_TEST(kafka_a_topic_that_comes_back_is_read_from_its_first_record)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sli_source *source = slt_feed_source(f, "t?start=earliest&refresh=2s" GOES_ON);
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;b;");
    assert_int_equal(sli_kafka_cluster_delete(f->cluster, "t", NULL), SL_OK);
    slt_feed_none(f, source);
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "c");
    SL_CHECK_TEXT(slt_feed_take(f, source), "c;");
    SL_CHECK_TEXT(slt_feed_offsets(f, source), "{\"t\":{\"0\":0}} -> {\"t\":{\"0\":1}}");
    assert_true(slt_feed_told(f, "t partition 0 is gone from the cluster"));
    sl_bytes position = slt_position(&f->p, source);
    sli_source_close(source);
    slt_feed_put(f, "t", 0, "d");
    source = slt_feed_source_at(f, "t", position);
    SL_CHECK_TEXT(slt_feed_take(f, source), "d;");
    sli_source_close(source);
}

// Records that were fetched before the topic went are offered still, and first.
FEED_TEST(kafka_what_was_fetched_of_a_topic_that_is_gone_counts)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b c");
    sli_source *source = slt_feed_source(f, "t?start=earliest&max_rate=1&refresh=1s" GOES_ON);
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;");
    make_anew(f, "x");
    SL_CHECK_TEXT(slt_feed_take(f, source), "b;");
    SL_CHECK_TEXT(slt_feed_take(f, source), "c;");
    SL_CHECK_TEXT(slt_feed_take(f, source), "x;");
    sli_source_close(source);
}

FEED_TEST(kafka_a_topic_that_is_not_there)
{
    sli_source *source = slt_feed_source(f, "t?start=earliest");
    slt_feed_fails(f, source);
    check_says(f, "kafka: topic t is not there");
    sli_source_close(source);
    source = slt_feed_source(f, "t?start=earliest&refresh=1s" GOES_ON);
    slt_feed_none(f, source);
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;");
    sli_source_close(source);
}

FEED_TEST(kafka_a_topic_that_is_forbidden_stops_the_job)
{
    slt_feed_make(f, "t", 1);
    assert_int_equal(sli_kafka_cluster_forbid(f->cluster, "t", true, NULL), SL_OK);
    sli_source *source = slt_feed_source(f, "t?start=earliest" GOES_ON);
    slt_feed_fails(f, source);
    assert_int_equal(f->p.err.code, SL_E_CONFIG);
    sli_source_close(source);
}

// ---------------------------------------------------------------- made anew

FEED_TEST(kafka_a_topic_that_was_made_anew_stops_the_job)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes position = first_life(f, "t?start=earliest", "a;b;");
    make_anew(f, "v w x"); // more than were read: the position is in it by chance
    sli_source *source = slt_feed_source_at(f, "t", position);
    slt_feed_fails(f, source);
    check_says(f, "kafka: t partition 0 was made anew: the record at offset 1 has the time ");
    sli_source_close(source);
    source = slt_feed_source_at(f, "t?refresh=1s" GOES_ON, position);
    SL_CHECK_TEXT(slt_feed_take(f, source), "v;w;x;");
    assert_true(slt_feed_told(f, "t partition 0 was made anew"));
    sli_source_close(source);
}

FEED_TEST(kafka_a_topic_that_was_made_anew_and_is_shorter)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b c");
    sl_bytes position = first_life(f, "t?start=earliest", "a;b;c;");
    make_anew(f, "v");
    sli_source *source = slt_feed_source_at(f, "t", position);
    slt_feed_fails(f, source);
    check_says(f, "kafka: t partition 0 was made anew, or has lost its end: it was read up to "
                  "offset 3, and 0 to 1 are there");
    sli_source_close(source);
    source = slt_feed_source_at(f, "t?refresh=1s" GOES_ON, position);
    SL_CHECK_TEXT(slt_feed_take(f, source), "v;");
    sli_source_close(source);
}

// An unclean election: the end of the log is gone, and its offsets are given again.
FEED_TEST(kafka_a_log_that_has_lost_its_end_stops_the_job)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b c");
    sl_bytes position = first_life(f, "t?start=earliest", "a;b;c;");
    sli_kafka_spot end = {"t", 0, 1};
    assert_int_equal(sli_kafka_cluster_cut(f->cluster, &end, NULL), SL_OK);
    sli_source *source = slt_feed_source_at(f, "t", position);
    slt_feed_fails(f, source);
    check_says(f, "it was read up to offset 3, and 0 to 1 are there");
    sli_source_close(source);
}

// ---------------------------------------------------------------- ranges on record

/// The range of an epoch that an earlier life has planned.
static sl_bytes planned(slt_feed *f, const char *rest, const char *rows)
{
    sli_source *source = slt_feed_source(f, rest);
    SL_CHECK_TEXT(slt_feed_take(f, source), rows);
    sli_source_close(source);
    return f->p.offer.range;
}

static sl_code read_planned(slt_feed *f, const char *rest, sl_bytes range, const char **rows)
{
    sli_source *source = slt_feed_source(f, rest);
    assert_int_equal(source->ops->accept(source, range, NULL), SL_OK);
    sl_code rc = slt_read(&f->p, source, range, rows);
    sli_source_close(source);
    return rc;
}

FEED_TEST(kafka_a_range_on_record_that_aged_out)
{
    const char *rows = NULL;
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b c d");
    sl_bytes range = planned(f, "t?start=earliest", "a;b;c;d;");
    age(f, 3);
    assert_int_equal(read_planned(f, "t", range, &rows), SL_E_NOT_FOUND);
    assert_int_equal(sl_error_action(&f->p.err), SL_ACT_STOP_JOB);
    check_says(f, "kafka: t partition 0: offsets 0 to 2, which an epoch on record has taken, are "
                  "gone");
    assert_int_equal(read_planned(f, "t?start=latest" GOES_ON, range, &rows), SL_OK);
    SL_CHECK_TEXT(rows, "d;");
    assert_int_equal(slt_feed_lost(f), 3);
}

FEED_TEST(kafka_a_range_on_record_of_a_topic_that_was_made_anew)
{
    const char *rows = NULL;
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b c");
    sl_bytes range = planned(f, "t?start=earliest", "a;b;c;");
    make_anew(f, "u v w x");
    assert_int_equal(read_planned(f, "t", range, &rows), SL_E_NOT_FOUND);
    check_says(f, "kafka: t partition 0 was made anew: the record at offset 2 has the time ");
    assert_int_equal(read_planned(f, "t?start=latest" GOES_ON, range, &rows), SL_OK);
    SL_CHECK_TEXT(rows, "");
    assert_int_equal(slt_feed_lost(f), 3);
}

FEED_TEST(kafka_a_range_on_record_of_a_topic_that_is_gone_or_short)
{
    const char *rows = NULL;
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b c");
    sl_bytes range = planned(f, "t?start=earliest", "a;b;c;");
    assert_int_equal(sli_kafka_cluster_delete(f->cluster, "t", NULL), SL_OK);
    assert_int_equal(read_planned(f, "t", range, &rows), SL_E_NOT_FOUND);
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "x");
    assert_int_equal(read_planned(f, "t", range, &rows), SL_E_NOT_FOUND);
    check_says(f, "which an epoch on record has taken, are gone");
}

// Markers and aborted records are no reason to wait, nor are they missed.
FEED_TEST(kafka_a_range_on_record_with_holes)
{
    const char *rows = NULL;
    slt_feed_make(f, "t", 1);
    slt_feed_write(f, "t", 0, "a b", true);
    slt_feed_write(f, "t", 0, "c", false);
    slt_feed_write(f, "t", 0, "d", true);
    slt_feed_write(f, "t", 0, "e", false);
    sl_bytes range = planned(f, "t?start=earliest", "a;b;d;");
    assert_int_equal(read_planned(f, "t", range, &rows), SL_OK);
    SL_CHECK_TEXT(rows, "a;b;d;");
    assert_int_equal(slt_feed_lost(f), 0);
}

// What later records of the same key replace may be gone when a range is read again.
FEED_TEST(kafka_a_range_on_record_that_was_compacted)
{
    const char *rows = NULL;
    slt_feed_make(f, "t", 1);
    for (int i = 0; i < 3; i++) {
        sli_kafka_message m = {.topic = "t",
                               .timestamp_us = 1600000000000000 + i * 1000,
                               .key = i == 1 ? "l" : "k",
                               .key_size = 1,
                               .value = i == 0   ? "a"
                                        : i == 1 ? "b"
                                                 : "c",
                               .value_size = 1};
        assert_int_equal(sli_kafka_cluster_put(f->cluster, &m, NULL), SL_OK);
    }
    sl_bytes range = planned(f, "t?start=earliest", "a;b;c;");
    assert_int_equal(sli_kafka_cluster_compact(f->cluster, "t", 0, NULL), SL_OK);
    assert_int_equal(read_planned(f, "t", range, &rows), SL_OK);
    SL_CHECK_TEXT(rows, "b;c;");
    assert_int_equal(slt_feed_lost(f), 1);
    assert_true(slt_feed_told(f, "1 of 3 records of offsets 0 to 2"));
}

// ---------------------------------------------------------------- away

FEED_TEST(kafka_a_cluster_that_is_away_is_waited_for)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a");
    sli_source *source = slt_feed_source(f, "t?start=earliest&refresh=5s");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;");
    sli_kafka_cluster_away(f->cluster, 60000000);
    for (int i = 0; i < 60; i++) {
        SL_CHECK_TEXT(slt_take(&f->p, source), "");
    }
    slt_feed_put(f, "t", 0, "b");
    SL_CHECK_TEXT(slt_feed_take(f, source), "b;");
    assert_true(slt_feed_told(f, "waiting for sim:9092 to answer: "));
    assert_true(slt_feed_told(f, "sim:9092 answers again after "));
    const char *first = strstr(f->p.told.data, "waiting for");
    assert_null(strstr(first + 1, "waiting for")); // told once
    sli_source_close(source);
}

FEED_TEST(kafka_a_cluster_that_is_away_at_the_start_is_waited_for)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a");
    sli_kafka_cluster_away(f->cluster, 60000000);
    sli_source *source = slt_feed_source(f, "t?start=earliest");
    for (int i = 0; i < 50; i++) {
        SL_CHECK_TEXT(slt_take(&f->p, source), "");
    }
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;");
    sli_source_close(source);
}

// What is restored begins to fetch, and ends that when there are ranges on record: not what
// follows.
FEED_TEST(kafka_ranges_on_record_are_accepted_while_the_cluster_is_away)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes range = planned(f, "t?start=earliest", "a;b;");
    slt_feed_put(f, "t", 0, "c");
    sli_kafka_cluster_away(f->cluster, 60000000);
    sli_source *source = slt_feed_source(f, "t?start=earliest");
    assert_int_equal(source->ops->accept(source, range, NULL), SL_OK);
    for (int i = 0; i < 50; i++) {
        SL_CHECK_TEXT(slt_take(&f->p, source), "");
    }
    SL_CHECK_TEXT(slt_feed_take(f, source), "c;");
    sli_source_close(source);
}

// A task that reads a range again waits for `poll_timeout`, and is tried again.
FEED_TEST(kafka_a_task_waits_for_a_cluster_that_is_away)
{
    const char *rows = NULL;
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes range = planned(f, "t?start=earliest", "a;b;");
    sli_kafka_cluster_away(f->cluster, 60000000);
    assert_int_equal(read_planned(f, "t?poll_timeout=10s", range, &rows), SL_E_TIMEOUT);
    assert_int_equal(sl_error_action(&f->p.err), SL_ACT_RETRY_TASK);
    check_says(f, "kafka: t partition 0: nothing has come from offset ");
    assert_int_equal(read_planned(f, "t?poll_timeout=2m", range, &rows), SL_OK);
    SL_CHECK_TEXT(rows, "a;b;");
}

/// A stop's time is over while a task waits.
typedef struct over {
    sli_world *world;
    _Atomic int64_t end_us;
} over;

static void come_nearer(void *ctx)
{
    over *o = ctx;
    atomic_store(&o->end_us, sli_world_mono_us(o->world) + 5000000);
}

FEED_TEST(kafka_a_task_does_not_wait_longer_than_the_job)
{
    const char *rows = NULL;
    over o = {.world = f->p.world};
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes range = planned(f, "t?start=earliest", "a;b;");
    sli_kafka_cluster_away(f->cluster, SLI_FOREVER);
    atomic_init(&o.end_us, SLI_FOREVER);
    f->p.source_env.end_us = &o.end_us;
    int64_t at = sli_env_mono_us(f->p.env) + 60000000;
    assert_int_equal(sli_world_at(o.world, at, come_nearer, &o, NULL), SL_OK);
    assert_int_equal(read_planned(f, "t?poll_timeout=1d", range, &rows), SL_E_TIMEOUT);
    check_says(f, "kafka: t partition 0: offset ");
    check_says(f, "is not waited for any longer");
    assert_in_range(sli_env_mono_us(f->p.env), at + 5000000, at + 6000000);
    f->p.source_env.end_us = NULL;
}

FEED_TEST(kafka_a_wrong_password_stops_the_job)
{
    slt_feed_make(f, "t", 1);
    sli_kafka_cluster_password(f->cluster, "right");
    sli_source *source = slt_feed_source(f, "t?kafka.sasl.password=wrong");
    slt_feed_fails(f, source);
    assert_int_equal(f->p.err.code, SL_E_CONFIG);
    sli_source_close(source);
}

/// Takes no more once nothing has come for a while.
static sl_code lose_patience(void *ctx, sl_batch *batch, sl_error *err)
{
    int *n_asked = ctx;
    assert_null(batch);
    return ++*n_asked < 3 ? SL_OK : sl_error_set(err, SL_E_CANCELLED, "the job was cancelled");
}

// A task that waits for records is cancelled long before `poll_timeout`.
FEED_TEST(kafka_reading_again_ends_when_the_task_is_cancelled)
{
    int n_asked = 0;
    sli_decode_stats stats = {0};
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b");
    sl_bytes range = planned(f, "t?start=earliest", "a;b;");
    sli_source *source = slt_feed_source(f, "t?poll_timeout=1d");
    sli_kafka_cluster_away(f->cluster, SLI_FOREVER);
    int64_t from_us = sli_env_mono_us(f->p.env);
    assert_int_equal(
        source->ops->read(source, range, 0, lose_patience, &n_asked, &stats, &f->p.err),
        SL_E_CANCELLED);
    assert_true(sli_env_mono_us(f->p.env) - from_us < 1000000);
    sli_source_close(source);
}

// Nobody waits for the answer to a question when the source is closed.
FEED_TEST(kafka_closing_does_not_wait_for_an_answer)
{
    slt_feed_make(f, "t", 1);
    sli_kafka_cluster_away(f->cluster, SLI_FOREVER);
    sli_source *source = slt_feed_source(f, "t?start=earliest");
    slt_pass(&f->p, 1000000); // it asks for the topic
    int64_t from_us = sli_env_mono_us(f->p.env);
    sli_source_close(source);
    assert_true(sli_env_mono_us(f->p.env) - from_us < 100000);
}
