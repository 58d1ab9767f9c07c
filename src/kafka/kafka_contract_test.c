// The contract of kafka.h, asking and reading: the same tests on the simulated cluster and on a
// real one. What can't be read is in kafka_lost_contract_test.c, transactions are in
// kafka_transaction_contract_test.c.
#include "kafka/fixture_test.h"

#include <stdio.h>

// ---------------------------------------------------------------- settings

KAFKA_CONTRACT(kafka_an_unknown_setting_is_refused_by_name)
{
    sli_kafka *consumer = NULL;
    sli_kafka_producer *producer = NULL;
    sli_kafka_conf conf = slt_conf(k);
    k->settings[k->n_settings] = (sli_kafka_setting){"no.such.setting", "value-7", false};
    conf.n_settings = k->n_settings + 1;
    assert_int_equal(k->ops->open(&consumer, &conf, &k->err), SL_E_CONFIG);
    slt_says(k, "no.such.setting");
    slt_says(k, "value-7");
    assert_int_equal(k->ops->producer_open(&producer, &conf, slt_soon(k), &k->err), SL_E_CONFIG);
    slt_says(k, "no.such.setting");
    k->settings[k->n_settings] = (sli_kafka_setting){"no.such.setting", "hush-hush", true};
    assert_int_equal(k->ops->open(&consumer, &conf, &k->err), SL_E_CONFIG);
    slt_says(k, "no.such.setting");
    assert_null(strstr(k->err.text, "hush-hush"));
    k->ops->close(NULL);
    k->ops->producer_close(NULL);
}

static void look_for_servers(void *ctx, const char *name)
{
    *(int *)ctx += strcmp(name, "bootstrap.servers") == 0 ? 1 : 0;
}

KAFKA_CONTRACT(kafka_names_of_settings_are_told)
{
    int n = 0;
    k->inner->names(look_for_servers, &n);
    assert_int_equal(n, 1);
}

// ---------------------------------------------------------------- topics and offsets

typedef struct listing {
    const slt_kafka *k;
    char text[256], last[64];
    int most;
} listing;

static sl_code list(void *ctx, const char *topic, int32_t n_partitions, sl_error *err)
{
    listing *l = ctx;
    size_t used = strlen(l->text), size = strlen(l->k->prefix);
    assert_true(strncmp(topic, "__", 2) != 0);
    assert_true(strcmp(l->last, topic) < 0);
    (void)snprintf(l->last, sizeof l->last, "%s", topic);
    if (l->most-- == 0) {
        return sl_error_set(err, SL_E_END, "enough");
    }
    if (strncmp(topic, l->k->prefix, size) == 0) {
        (void)snprintf(l->text + used, sizeof l->text - used, "%s:%d ", topic + size + 1,
                       (int)n_partitions);
    }
    return SL_OK;
}

KAFKA_CONTRACT(kafka_topics_are_told_in_the_order_of_their_names)
{
    const char *b = slt_topic(k, "b", 2);
    (void)slt_topic(k, "a", 1);
    (void)slt_topic(k, "c", 3);
    sli_kafka *consumer = slt_consumer(k);
    listing all = {.k = k, .most = 1000000}, one = all, none = {.k = k};
    slt_ok(k, k->ops->topics(consumer, NULL, slt_soon(k), list, &all, &k->err));
    SL_CHECK_TEXT(all.text, "a:1 b:2 c:3 ");
    slt_ok(k, k->ops->topics(consumer, b, slt_soon(k), list, &one, &k->err));
    SL_CHECK_TEXT(one.text, "b:2 ");
    assert_int_equal(k->ops->topics(consumer, NULL, slt_soon(k), list, &none, &k->err), SL_E_END);
    assert_int_equal(
        k->ops->topics(consumer, slt_name(k, "none"), slt_soon(k), list, &none, &k->err),
        SL_E_NOT_FOUND);
    slt_says(k, slt_name(k, "none"));
    k->ops->close(consumer);
}

KAFKA_CONTRACT(kafka_partitions_that_were_added_are_told_and_read)
{
    slt_kafka_needs(k, grow);
    const char *topic = slt_topic(k, "grows", 1);
    slt_reader r;
    listing one = {.k = k, .most = 1};
    slt_reader_init(&r, k);
    k->fixture->grow(k, topic, 3);
    slt_ok(k, k->ops->topics(r.consumer, topic, slt_soon(k), list, &one, &k->err));
    SL_CHECK_TEXT(one.text, "grows:3 ");
    slt_put(k, topic, 2, "new");
    slt_fetch(&r, topic, 2, 0, 2);
    slt_read_to(&r, 2, 1);
    SL_CHECK_TEXT(r.text[2].data, "0=new ");
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_offsets_of_an_empty_partition_are_zero)
{
    const char *topic = slt_topic(k, "empty", 1);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_EARLIEST, 0), 0);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_LATEST, 0), 0);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_AT, 1600000000000000), 0);
}

static void send_at(slt_kafka *k, sli_kafka_producer *p, const char *topic, int64_t at_us)
{
    sli_kafka_message m = {.topic = topic, .timestamp_us = at_us, .value = "v", .value_size = 1};
    slt_ok(k, k->ops->send(p, &m, 1, slt_soon(k), &k->err));
}

KAFKA_CONTRACT(kafka_an_offset_is_found_by_time)
{
    const int64_t day = INT64_C(1600000000000000), ms = 1000;
    const char *topic = slt_topic(k, "timed", 1);
    sli_kafka_producer *p = slt_producer(k, NULL);
    for (int i = 0; i < 4; i++) {
        send_at(k, p, topic, day + i * 10 * ms);
    }
    slt_commit(k, p);
    k->ops->producer_close(p);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_AT, day - ms), 0);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_AT, day + 10 * ms), 1);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_AT, day + 10 * ms + 1), 2);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_AT, day + 30 * ms), 3);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_AT, day + 31 * ms), 4);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_EARLIEST, 0), 0);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_LATEST, 0), 4);
}

KAFKA_CONTRACT(kafka_no_offset_is_set_unless_all_can_be)
{
    const char *topic = slt_topic(k, "one", 1);
    sli_kafka *consumer = slt_consumer(k);
    sli_kafka_spot spots[] = {{topic, 0, -9}, {topic, 7, -9}};
    sli_kafka_spot gone = {slt_name(k, "none"), 0, -9};
    for (int when = SLI_KAFKA_EARLIEST; when <= SLI_KAFKA_AT; when++) {
        sl_code rc =
            k->ops->offsets(consumer, (sli_kafka_when)when, 0, spots, 2, slt_soon(k), &k->err);
        assert_int_equal(rc, SL_E_NOT_FOUND);
        slt_says(k, topic);
        assert_int_equal(spots[0].offset, -9);
        rc = k->ops->offsets(consumer, (sli_kafka_when)when, 0, &gone, 1, slt_soon(k), &k->err);
        assert_int_equal(rc, SL_E_NOT_FOUND);
    }
    k->ops->close(consumer);
}

// ---------------------------------------------------------------- records

/// Polls for the one record that there is.
static void take_one(slt_kafka *k, sli_kafka *consumer, sli_kafka_record *out)
{
    int32_t n = 0;
    do {
        slt_ok(k, k->ops->poll(consumer, out, 1, &n, slt_soon(k), &k->err));
        assert_int_equal(n, 1);
        if (out->kind != SLI_KAFKA_RECORD) {
            k->ops->release(consumer, out, 1);
        }
    } while (out->kind != SLI_KAFKA_RECORD);
}

static sl_code add_header(void *ctx, const char *name, const sl_bytes *value, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s=%.*s;", name, value == NULL ? 1 : (int)value->size,
                   value == NULL ? "~" : (const char *)value->data);
    return SL_OK;
}

static sl_code stop(void *ctx, const char *name, const sl_bytes *value, sl_error *err)
{
    (void)ctx;
    (void)name;
    (void)value;
    return sl_error_set(err, SL_E_END, "enough");
}

KAFKA_CONTRACT(kafka_a_record_arrives_with_all_that_it_has)
{
    const char *topic = slt_topic(k, "whole", 2);
    const sli_kafka_header headers[] = {
        {"a", "1", 1}, {"b", NULL, 0}, {"a", "22", 2}, {"empty", "", 0}};
    sli_kafka_message m = {.topic = topic,
                           .partition = 1,
                           .timestamp_us = 1600000000123000,
                           .key = "k\0y",
                           .key_size = 3,
                           .value = "v\0",
                           .value_size = 2,
                           .headers = headers,
                           .n_headers = 4};
    sli_kafka_producer *p = slt_producer(k, NULL);
    slt_ok(k, k->ops->send(p, &m, 1, slt_soon(k), &k->err));
    slt_commit(k, p);
    k->ops->producer_close(p);
    sli_kafka *consumer = slt_consumer(k);
    sli_kafka_spot from = {topic, 1, 0};
    sli_kafka_record record;
    sli_str text = SLI_STR_INIT;
    slt_ok(k, k->ops->fetch(consumer, &from, 5, &k->err));
    take_one(k, consumer, &record);
    assert_int_equal(record.offset, 0);
    assert_int_equal(record.lane, 5);
    assert_int_equal(record.timestamp_us, m.timestamp_us);
    assert_int_equal(record.key_size, 3);
    assert_memory_equal(record.key, "k\0y", 3);
    assert_int_equal(record.value_size, 2);
    assert_memory_equal(record.value, "v\0", 2);
    assert_true(record.headers);
    slt_ok(k, k->ops->headers(consumer, &record, add_header, &text, &k->err));
    SL_CHECK_TEXT(text.data, "a=1;b=~;a=22;empty=;");
    assert_int_equal(k->ops->headers(consumer, &record, stop, NULL, &k->err), SL_E_END);
    k->ops->drop(consumer, 5);
    assert_memory_equal(record.value, "v\0", 2); // until it is released
    k->ops->release(consumer, &record, 1);
    k->ops->close(consumer);
    sli_str_reset(&text);
}

KAFKA_CONTRACT(kafka_null_is_not_empty)
{
    const char *topic = slt_topic(k, "nulls", 1);
    sli_kafka_message m[2] = {
        {.topic = topic, .timestamp_us = 1000, .key = NULL, .value = "", .value_size = 0},
        {.topic = topic, .timestamp_us = 1000, .key = "", .key_size = 0, .value = NULL}};
    sli_kafka_producer *p = slt_producer(k, NULL);
    slt_ok(k, k->ops->send(p, m, 2, slt_soon(k), &k->err));
    slt_commit(k, p);
    k->ops->producer_close(p);
    sli_kafka *consumer = slt_consumer(k);
    sli_kafka_spot from = {topic, 0, 0};
    sli_kafka_record record[2];
    slt_ok(k, k->ops->fetch(consumer, &from, 0, &k->err));
    take_one(k, consumer, &record[0]);
    take_one(k, consumer, &record[1]);
    assert_true(record[0].key == NULL && record[0].value != NULL && record[0].value_size == 0);
    assert_true(record[1].key != NULL && record[1].value == NULL && record[1].key_size == 0);
    sli_str text = SLI_STR_INIT;
    slt_ok(k, k->ops->headers(consumer, &record[0], add_header, &text, &k->err));
    assert_int_equal(text.size, 0); // whatever its `headers` said
    k->ops->release(consumer, record, 2);
    k->ops->close(consumer);
}

KAFKA_CONTRACT(kafka_records_of_a_megabyte_pass_a_small_bound)
{
    enum { SIZE = 1000000, N = 3 };
    const char *topic = slt_topic(k, "large", 1);
    char *value = sl_alloc(SLI_TAG_TEST, SIZE);
    k->settings[k->n_settings++] = (sli_kafka_setting){"message.max.bytes", "1048576", false};
    sli_kafka_producer *p = slt_producer(k, NULL);
    k->n_settings--;
    k->ahead_bytes = 1024;
    sli_kafka *consumer = slt_consumer(k);
    sli_kafka_spot from = {topic, 0, 0};
    slt_ok(k, k->ops->fetch(consumer, &from, 0, &k->err));
    for (int i = 0; i < N; i++) {
        memset(value, 'a' + i, SIZE);
        sli_kafka_message m = {
            .topic = topic, .timestamp_us = 1000, .value = value, .value_size = SIZE};
        slt_ok(k, k->ops->send(p, &m, 1, slt_soon(k), &k->err)); // copied: value changes
    }
    slt_commit(k, p);
    for (int i = 0; i < N; i++) {
        sli_kafka_record record;
        take_one(k, consumer, &record);
        assert_int_equal(record.offset, i);
        assert_int_equal(record.value_size, SIZE);
        assert_true(record.value[0] == 'a' + i && record.value[SIZE - 1] == 'a' + i);
        k->ops->release(consumer, &record, 1);
    }
    k->ops->close(consumer);
    k->ops->producer_close(p);
    sl_free(value);
}

// ---------------------------------------------------------------- order, ends, ranges

KAFKA_CONTRACT(kafka_records_and_ends_come_in_order)
{
    const char *topic = slt_topic(k, "ends", 1);
    slt_reader r;
    slt_reader_init(&r, k);
    assert_int_equal(k->ops->high(r.consumer, 0), -1);
    slt_fetch(&r, topic, 0, 0, 0);
    while (r.ended[0] < 0) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    assert_int_equal(r.ended[0], 0);
    slt_put(k, topic, 0, "a b c");
    slt_read_to(&r, 0, 3);
    slt_put(k, topic, 0, "d");
    slt_read_to(&r, 0, 4);
    while (r.ended[0] < 4) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    SL_CHECK_TEXT(r.text[0].data, "0=a 1=b 2=c 3=d ");
    assert_int_equal(k->ops->high(r.consumer, 0), 4);
    assert_int_equal(k->ops->high(r.consumer, 1), -1);
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_an_end_lies_behind_markers)
{
    const char *topic = slt_topic(k, "markers", 1);
    slt_write(k, topic, "a b", true);  // 0 1, marker 2
    slt_write(k, topic, "x", false);   // 3, marker 4
    slt_write(k, topic, "y z", false); // 5 6, marker 7
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 8), "0=a 1=b ");
    SL_CHECK_TEXT(slt_text_of(k, topic, 3, 8), "");
    slt_write(k, topic, "c", true); // 8, marker 9
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 10), "0=a 1=b 8=c ");
}

KAFKA_CONTRACT(kafka_each_stable_offset_past_markers_alone_is_told)
{
    const char *topic = slt_topic(k, "stable", 1);
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    slt_write(k, topic, "x", false);
    slt_read_to(&r, 0, 2);
    slt_write(k, topic, "y", false);
    slt_read_to(&r, 0, 4);
    assert_int_equal(r.text[0].size, 0);
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_a_range_is_reached_again_without_a_record_behind_it)
{
    const char *topic = slt_topic(k, "again", 1);
    slt_write(k, topic, "a b", true);
    slt_write(k, topic, "x y", false);
    for (int i = 0; i < 3; i++) {
        SL_CHECK_TEXT(slt_text_of(k, topic, 0, 6), "0=a 1=b ");
        SL_CHECK_TEXT(slt_text_of(k, topic, 1, 6), "1=b ");
        SL_CHECK_TEXT(slt_text_of(k, topic, 4, 6), "");
    }
}

KAFKA_CONTRACT(kafka_compaction_leaves_holes_that_ranges_pass)
{
    slt_kafka_needs(k, compact);
    const char *topic = slt_topic(k, "compacted", 1);
    sli_kafka_producer *p = slt_producer(k, NULL);
    static const char *const keys[] = {"a", "b", "a", "a", "b"};
    for (int i = 0; i < 5; i++) {
        char value[2] = {(char)('0' + i), '\0'};
        sli_kafka_message m = {.topic = topic,
                               .timestamp_us = 1000,
                               .key = keys[i],
                               .key_size = 1,
                               .value = value,
                               .value_size = 1};
        slt_ok(k, k->ops->send(p, &m, 1, slt_soon(k), &k->err));
    }
    slt_commit(k, p);
    k->ops->producer_close(p);
    k->fixture->compact(k, topic, 0);
    assert_int_equal(strncmp(slt_text_of(k, topic, 0, 5), "3=3 4=4 ", 8), 0);
    assert_int_equal(strncmp(slt_text_of(k, topic, 1, 2), "3=3 ", 4), 0); // behind it: fetched
    assert_true(slt_offset_of(k, topic, SLI_KAFKA_LATEST, 0) >= 5);
}

KAFKA_CONTRACT(kafka_lanes_are_the_callers_numbers)
{
    const char *one = slt_topic(k, "one", 2), *two = slt_topic(k, "two", 1);
    slt_put(k, one, 0, "a b");
    slt_put(k, one, 1, "c");
    slt_put(k, two, 0, "d e");
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, one, 0, 1, 7);
    slt_fetch(&r, one, 1, 0, 0);
    slt_fetch(&r, two, 0, 0, 3);
    slt_read_to(&r, 7, 2);
    slt_read_to(&r, 0, 1);
    slt_read_to(&r, 3, 2);
    SL_CHECK_TEXT(r.text[7].data, "1=b ");
    SL_CHECK_TEXT(r.text[0].data, "0=c ");
    SL_CHECK_TEXT(r.text[3].data, "0=d 1=e ");
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_what_is_dropped_is_not_given_and_may_be_fetched_again)
{
    const char *topic = slt_topic(k, "dropped", 2);
    slt_put(k, topic, 0, "a b c");
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    slt_read_to(&r, 0, 1);
    k->ops->drop(r.consumer, 0);
    k->ops->drop(r.consumer, 0);
    k->ops->drop(r.consumer, 6);
    assert_int_equal(k->ops->high(r.consumer, 0), -1);
    int32_t before = r.n_given;
    slt_put(k, topic, 1, "other");
    slt_fetch(&r, topic, 1, 0, 1);
    slt_read_to(&r, 1, 1);
    assert_true(r.n_given - before <= 3); // partition 1's record, and ends
    sli_str_clear(&r.text[0]);
    slt_fetch(&r, topic, 0, 1, 0);
    slt_read_to(&r, 0, 3);
    SL_CHECK_TEXT(r.text[0].data, "1=b 2=c ");
    slt_reader_reset(&r);
}

// ---------------------------------------------------------------- waiting

KAFKA_CONTRACT(kafka_a_poll_without_news_ends_at_its_deadline)
{
    const char *topic = slt_topic(k, "quiet", 1);
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    while (r.ended[0] < 0) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    int64_t deadline = slt_in(k, 20000);
    assert_false(slt_pump(&r, deadline));
    assert_true(sli_env_mono_us(k->env) >= deadline);
    assert_false(slt_pump(&r, 0));
    assert_false(slt_pump(&r, INT64_MIN)); // as long ago as a time can be
    slt_reader_reset(&r);
}

typedef struct waker {
    const sli_kafka_ops *ops;
    sli_kafka *consumer;
} waker;

static void wake(void *ctx)
{
    const waker *w = ctx;
    w->ops->wake(w->consumer);
}

KAFKA_CONTRACT(kafka_a_poll_that_waits_is_waked)
{
    slt_reader r;
    slt_reader_init(&r, k);
    waker w = {k->ops, r.consumer};
    sli_strand *strand = sli_strand_new(k->env, "waker");
    assert_non_null(strand);
    for (int i = 0; i < 3; i++) {
        assert_true(sli_strand_post(strand, wake, &w)); // before or while it waits
        int64_t begin = sli_env_mono_us(k->env);
        assert_false(slt_pump(&r, slt_soon(k)));
        assert_true(sli_env_mono_us(k->env) - begin < 10000000);
    }
    sli_strand_free(strand);
    slt_reader_reset(&r);
}

// A reader that takes a little now and then is given the next at once: what it took makes room, and
// the fetching goes on. Records are so large that their bytes count, not their number.
KAFKA_CONTRACT(kafka_what_is_taken_makes_room_at_once)
{
    enum { N = 180, BYTES = 200000, PAUSE_US = 20000 };
    static char value[BYTES + 1];
    const char *topic = slt_topic(k, "large", 1);
    memset(value, 'x', BYTES);
    sli_kafka_producer *p = slt_producer(k, NULL);
    for (int i = 0; i < N; i++) {
        slt_ok(k, slt_send(k, p, topic, 0, value));
        slt_commit(k, p); // a batch each, so that a fetch has few
    }
    k->ops->producer_close(p);
    slt_reader r, idle;
    slt_reader_init(&idle, k);
    k->ahead_bytes = 1 << 20;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    int64_t waited_us = 0;
    while (r.seen[0] < N) {
        int64_t begin = sli_env_mono_us(k->env);
        assert_true(slt_pump(&r, slt_soon(k)));
        waited_us += sli_env_mono_us(k->env) - begin;
        assert_false(slt_pump(&idle, slt_in(k, PAUSE_US)));
    }
    assert_true(waited_us < 4000000); // who sleeps over a full queue does so for a second each time
    slt_reader_reset(&r);
    slt_reader_reset(&idle);
}
