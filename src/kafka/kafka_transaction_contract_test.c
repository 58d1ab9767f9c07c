// The contract of kafka.h, writing: transactions, marks, fencing, and what may go wrong.
#include "kafka/fixture_test.h"

#include <stdio.h>

static sl_code mark(slt_kafka *k, sli_kafka_producer *p, const char *group, const char *topic,
                    int64_t offset, const char *text)
{
    sli_kafka_spot spot = {topic, 0, offset};
    return k->ops->mark(p, group, &spot, text, slt_soon(k), &k->err);
}

// ---------------------------------------------------------------- all or nothing

KAFKA_CONTRACT(kafka_a_transaction_shows_at_once_or_not_at_all)
{
    const char *one = slt_topic(k, "one", 2), *two = slt_topic(k, "two", 1);
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, one, 0, 0, 0);
    slt_fetch(&r, one, 1, 0, 1);
    slt_fetch(&r, two, 0, 0, 2);
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, one, 0, "a"));
    slt_ok(k, slt_send(k, p, one, 1, "b"));
    slt_ok(k, slt_send(k, p, two, 0, "c"));
    while (r.n_given < 3) { // the three ends
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    assert_false(slt_pump(&r, slt_in(k, 50000)));
    slt_commit(k, p);
    slt_read_to(&r, 0, 2);
    slt_read_to(&r, 1, 2);
    slt_read_to(&r, 2, 2);
    SL_CHECK_TEXT(r.text[0].data, "0=a ");
    SL_CHECK_TEXT(r.text[1].data, "0=b ");
    SL_CHECK_TEXT(r.text[2].data, "0=c ");
    slt_ok(k, slt_send(k, p, two, 0, "d"));
    slt_commit(k, p);
    slt_read_to(&r, 2, 4);
    SL_CHECK_TEXT(r.text[2].data, "0=c 2=d ");
    k->ops->producer_close(p);
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_what_is_aborted_never_shows_and_may_be_sent_again)
{
    const char *topic = slt_topic(k, "aborted", 1);
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err)); // none is open
    slt_commit(k, p);                                  // neither
    slt_ok(k, slt_send(k, p, topic, 0, "a"));
    slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err));
    slt_ok(k, slt_send(k, p, topic, 0, "a"));
    slt_commit(k, p);
    k->ops->producer_close(p);
    slt_put(k, topic, 0, "last");
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    while (r.text[0].data == NULL || strstr(r.text[0].data, "=last ") == NULL) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    const char *first = strstr(r.text[0].data, "=a ");
    assert_non_null(first);
    assert_null(strstr(first + 1, "=a "));
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_read_uncommitted_sees_what_is_open_and_what_was_aborted)
{
    const char *topic = slt_topic(k, "open", 1);
    slt_write(k, topic, "a", false); // 0, marker 1
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, topic, 0, "b"));
    k->uncommitted = true;
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 3), "0=a 2=b ");
    k->uncommitted = false;
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 2), "");
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_latest_is_what_can_be_read_now)
{
    const char *topic = slt_topic(k, "latest", 1);
    sli_kafka_spot spot = {topic, 0, -1};
    slt_put(k, topic, 0, "a b");
    sli_kafka_producer *p = slt_producer(k, "id");
    sli_kafka *consumer = slt_consumer(k);
    slt_ok(k, slt_send(k, p, topic, 0, "c"));
    slt_wait_for(k, topic, 2, 3);
    slt_ok(k, k->ops->offsets(consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err));
    assert_int_equal(spot.offset, 2);
    slt_commit(k, p);
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 4), "0=a 1=b 2=c ");
    slt_ok(k, k->ops->offsets(consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err));
    assert_int_equal(spot.offset, 4);
    k->ops->close(consumer);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_without_an_id_records_show_one_by_one)
{
    const char *topic = slt_topic(k, "plain", 1);
    sli_kafka_producer *p = slt_producer(k, NULL);
    slt_ok(k, slt_send(k, p, topic, 0, "a"));
    slt_ok(k, slt_send(k, p, topic, 0, "b"));
    slt_commit(k, p);
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 2), "0=a 1=b ");
    slt_ok(k, slt_send(k, p, topic, 0, "c"));
    slt_commit(k, p);
    k->ops->producer_close(p);
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 3), "0=a 1=b 2=c ");
}

// ---------------------------------------------------------------- marks

KAFKA_CONTRACT(kafka_a_mark_is_on_record_with_its_transaction)
{
    const char *topic = slt_topic(k, "marked", 1), *group = slt_name(k, "group");
    SL_CHECK_TEXT(slt_mark_of(k, group, topic), "-1 ");
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, topic, 0, "a"));
    slt_ok(k, mark(k, p, group, topic, 7, "epoch=7"));
    slt_ok(k, mark(k, p, group, topic, 8, "epoch=8 ü"));
    slt_commit(k, p);
    SL_CHECK_TEXT(slt_mark_of(k, group, topic), "8 epoch=8 ü");
    slt_ok(k, mark(k, p, group, topic, 9, "epoch=9"));
    slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err));
    SL_CHECK_TEXT(slt_mark_of(k, group, topic), "8 epoch=8 ü");
    slt_ok(k, mark(k, p, group, topic, 10, "")); // a mark alone
    slt_commit(k, p);
    SL_CHECK_TEXT(slt_mark_of(k, group, topic), "10 ");
    SL_CHECK_TEXT(slt_mark_of(k, slt_name(k, "another"), topic), "-1 ");
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_marks_are_told_when_what_is_open_has_ended)
{
    const char *topic = slt_topic(k, "pending", 1), *group = slt_name(k, "group");
    sli_kafka_spot spot = {.topic = topic};
    sli_kafka_mark found;
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, mark(k, p, group, topic, 1, "one"));
    sli_kafka *consumer = slt_consumer(k);
    sl_code rc = k->ops->marked(consumer, group, &spot, 1, &found, slt_in(k, 300000), &k->err);
    assert_int_equal(rc, SL_E_TIMEOUT);
    slt_commit(k, p);
    slt_ok(k, k->ops->marked(consumer, group, &spot, 1, &found, slt_soon(k), &k->err));
    assert_int_equal(found.offset, 1);
    SL_CHECK_TEXT(found.text, "one");
    k->ops->close(consumer);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_several_marks_are_asked_for_at_once)
{
    const char *topic = slt_topic(k, "several", 3), *group = slt_name(k, "group");
    sli_kafka_spot spots[3] = {{topic, 2, 5}, {topic, 0, 0}, {topic, 1, 6}};
    sli_kafka_mark found[3];
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, k->ops->mark(p, group, &spots[0], "x", slt_soon(k), &k->err));
    slt_ok(k, k->ops->mark(p, group, &spots[2], "y", slt_soon(k), &k->err));
    slt_commit(k, p);
    sli_kafka *consumer = slt_consumer(k);
    slt_ok(k, k->ops->marked(consumer, group, spots, 3, found, slt_soon(k), &k->err));
    assert_int_equal(found[0].offset, 5);
    assert_int_equal(found[1].offset, -1);
    SL_CHECK_TEXT(found[1].text, "");
    assert_int_equal(found[2].offset, 6);
    SL_CHECK_TEXT(found[2].text, "y");
    k->ops->close(consumer);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_a_note_is_there_for_others_some_time_later)
{
    const char *topic = slt_topic(k, "noted", 1), *group = slt_name(k, "group");
    sli_kafka_spot spot = {topic, 0, 5};
    sli_kafka_mark found = {.offset = -1};
    sli_kafka *consumer = slt_consumer(k);
    int64_t until = slt_soon(k);
    k->ops->note(consumer, group, &spot, 1);
    while (found.offset != 5) {
        assert_true(sli_env_mono_us(k->env) < until);
        slt_ok(k, k->ops->marked(consumer, group, &spot, 1, &found, until, &k->err));
    }
    k->ops->close(consumer);
}

// ---------------------------------------------------------------- fencing

KAFKA_CONTRACT(kafka_an_older_producer_of_an_id_is_fenced)
{
    const char *topic = slt_topic(k, "fenced", 1), *group = slt_name(k, "group");
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *older = slt_producer(k, "id");
    slt_ok(k, slt_send(k, older, topic, 0, "zombie"));
    slt_wait_for(k, topic, 0, 1);
    slt_ok(k, mark(k, older, group, topic, 1, "zombie"));
    sli_kafka_producer *newer = slt_producer(k, "id");
    SL_CHECK_TEXT(slt_mark_of(k, group, topic), "-1 "); // ended by the opening
    sl_code rc = slt_send(k, older, topic, 0, "zombie");
    assert_true(rc == SL_OK || rc == SL_E_SUPERSEDED); // it may tell so later
    rc = k->ops->commit(older, slt_soon(k), &outcome, &k->err);
    assert_int_equal(rc, SL_E_SUPERSEDED);
    k->ops->producer_close(older);
    slt_ok(k, slt_send(k, newer, topic, 0, "new"));
    slt_commit(k, newer);
    k->ops->producer_close(newer);
    slt_put(k, topic, 0, "last");
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    while (r.text[0].data == NULL || strstr(r.text[0].data, "=last ") == NULL) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    assert_null(strstr(r.text[0].data, "zombie"));
    assert_non_null(strstr(r.text[0].data, "=new "));
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_an_idle_older_producer_is_fenced_too)
{
    const char *topic = slt_topic(k, "idle", 1);
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *older = slt_producer(k, "id"), *newer = slt_producer(k, "id");
    sl_code rc = slt_send(k, older, topic, 0, "zombie");
    if (rc == SL_OK) {
        rc = k->ops->commit(older, slt_soon(k), &outcome, &k->err);
    }
    assert_int_equal(rc, SL_E_SUPERSEDED);
    k->ops->producer_close(older);
    k->ops->producer_close(newer);
}

KAFKA_CONTRACT(kafka_other_ids_go_on)
{
    const char *topic = slt_topic(k, "others", 1);
    sli_kafka_producer *a = slt_producer(k, "a");
    slt_ok(k, slt_send(k, a, topic, 0, "a"));
    sli_kafka_producer *b = slt_producer(k, "b");
    slt_ok(k, slt_send(k, b, topic, 0, "b"));
    slt_commit(k, b);
    slt_commit(k, a);
    k->ops->producer_close(a);
    k->ops->producer_close(b);
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    slt_read_to(&r, 0, 4);
    assert_non_null(strstr(r.text[0].data, "=a "));
    assert_non_null(strstr(r.text[0].data, "=b "));
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_what_a_closed_producer_left_is_ended_by_the_next_opening)
{
    const char *topic = slt_topic(k, "left", 1);
    slt_reader r;
    slt_reader_init(&r, k);
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, topic, 0, "left"));
    slt_wait_for(k, topic, 0, 1);
    k->ops->producer_close(p);
    p = slt_producer(k, "id");
    slt_put(k, topic, 0, "after");
    slt_fetch(&r, topic, 0, 0, 0);
    while (r.text[0].data == NULL) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    assert_non_null(strstr(r.text[0].data, "=after "));
    assert_null(strstr(r.text[0].data, "=left "));
    k->ops->producer_close(p);
    slt_reader_reset(&r);
}

// ---------------------------------------------------------------- records that are not taken

/// A transaction that is committed in the end, whatever is left of the one before.
static void send_again(slt_kafka *k, sli_kafka_producer *p, const char *topic, const char *value)
{
    sli_kafka_outcome outcome = SLI_KAFKA_ABORTED;
    for (int i = 0; i < 5 && outcome == SLI_KAFKA_ABORTED; i++) {
        slt_ok(k, slt_send(k, p, topic, 0, value));
        slt_ok(k, k->ops->commit(p, slt_soon(k), &outcome, &k->err));
    }
    assert_int_equal(outcome, SLI_KAFKA_COMMITTED);
}

KAFKA_CONTRACT(kafka_a_record_too_large_for_the_client_is_refused_by_send)
{
    enum { SIZE = 3000 };
    static char value[SIZE];
    const char *topic = slt_topic(k, "client", 1);
    sli_kafka_message m = {
        .topic = topic, .timestamp_us = 1000, .value = value, .value_size = SIZE};
    k->settings[k->n_settings++] = (sli_kafka_setting){"message.max.bytes", "1000", false};
    sli_kafka_producer *p = slt_producer(k, "id");
    assert_int_equal(k->ops->send(p, &m, 1, slt_soon(k), &k->err), SL_E_DATA);
    slt_says(k, topic);
    slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err));
    slt_ok(k, slt_send(k, p, topic, 0, "small"));
    slt_commit(k, p);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_a_record_too_large_for_the_cluster_is_told_and_nothing_shows)
{
    slt_kafka_needs(k, limit);
    enum { SIZE = 5000 };
    static char value[SIZE];
    const char *topic = slt_topic(k, "limited", 2);
    sli_kafka_message m = {
        .topic = topic, .timestamp_us = 1000, .value = value, .value_size = SIZE};
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    k->fixture->limit(k, topic, 1000);
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, topic, 1, "beside"));
    slt_ok(k, k->ops->send(p, &m, 1, slt_soon(k), &k->err));
    assert_int_equal(k->ops->commit(p, slt_soon(k), &outcome, &k->err), SL_E_DATA);
    slt_says(k, topic);
    slt_says(k, "5000");
    send_again(k, p, topic, "small"); // it has been aborted, and the next may begin
    k->ops->producer_close(p);
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    slt_fetch(&r, topic, 1, 0, 1);
    while (r.text[0].data == NULL || r.ended[1] < 0) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    assert_non_null(strstr(r.text[0].data, "=small "));
    assert_int_equal(r.text[1].size, 0);
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_without_transactions_a_refused_record_is_told_later)
{
    slt_kafka_needs(k, limit);
    enum { SIZE = 5000 };
    static char value[SIZE];
    const char *topic = slt_topic(k, "later", 1);
    sli_kafka_message m = {
        .topic = topic, .timestamp_us = 1000, .value = value, .value_size = SIZE};
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    k->fixture->limit(k, topic, 1000);
    sli_kafka_producer *p = slt_producer(k, NULL);
    sl_code rc = k->ops->send(p, &m, 1, slt_soon(k), &k->err);
    rc = rc != SL_OK ? rc : k->ops->commit(p, slt_soon(k), &outcome, &k->err);
    assert_int_equal(rc, SL_E_DATA);
    slt_says(k, topic);
    slt_ok(k, slt_send(k, p, topic, 0, "small"));
    slt_commit(k, p);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_no_such_partition_is_told)
{
    const char *topic = slt_topic(k, "narrow", 1);
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *p = slt_producer(k, "id");
    sl_code rc = slt_send(k, p, topic, 4, "a");
    rc = rc != SL_OK ? rc : k->ops->commit(p, slt_soon(k), &outcome, &k->err);
    assert_true(rc == SL_E_DATA || rc == SL_E_NOT_FOUND); // the client knows, or the cluster says
    slt_says(k, topic);
    slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err));
    slt_ok(k, slt_send(k, p, topic, 0, "b"));
    slt_commit(k, p);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_a_transaction_whose_send_failed_can_only_be_aborted)
{
    enum { SIZE = 3000 };
    static char value[SIZE];
    const char *topic = slt_topic(k, "broken", 1);
    sli_kafka_message m = {
        .topic = topic, .timestamp_us = 1000, .value = value, .value_size = SIZE};
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    k->settings[k->n_settings++] = (sli_kafka_setting){"message.max.bytes", "1000", false};
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, topic, 0, "half"));
    assert_int_equal(k->ops->send(p, &m, 1, slt_soon(k), &k->err), SL_E_DATA);
    assert_int_equal(k->ops->commit(p, slt_soon(k), &outcome, &k->err), SL_E_STATE);
    slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err));
    slt_ok(k, slt_send(k, p, topic, 0, "whole"));
    slt_commit(k, p);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_a_record_that_is_refused_now_may_be_sent_again)
{
    slt_kafka_needs(k, postpone);
    const char *topic = slt_topic(k, "postponed", 1);
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *p = slt_producer(k, "id");
    k->fixture->postpone(k, topic);
    slt_ok(k, slt_send(k, p, topic, 0, "a"));
    slt_ok(k, k->ops->commit(p, slt_soon(k), &outcome, &k->err));
    assert_int_equal(outcome, SLI_KAFKA_ABORTED);
    slt_ok(k, slt_send(k, p, topic, 0, "a"));
    slt_commit(k, p);
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_a_record_that_is_refused_for_good_is_told_and_nothing_shows)
{
    slt_kafka_needs(k, refuse);
    const char *topic = slt_topic(k, "refused", 1), *other = slt_topic(k, "beside", 1);
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *p = slt_producer(k, "id");
    k->fixture->refuse(k, topic);
    slt_ok(k, slt_send(k, p, other, 0, "a"));
    slt_ok(k, slt_send(k, p, topic, 0, "b"));
    assert_int_equal(k->ops->commit(p, slt_soon(k), &outcome, &k->err), SL_E_DATA);
    slt_says(k, topic);
    send_again(k, p, other, "c"); // it has been aborted, and the next may begin
    k->ops->producer_close(p);
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, other, 0, 0, 0);
    while (r.text[0].data == NULL) {
        assert_true(slt_pump(&r, slt_soon(k)));
    }
    assert_non_null(strstr(r.text[0].data, "=c "));
    assert_null(strstr(r.text[0].data, "=a "));
    slt_reader_reset(&r);
}

// ---------------------------------------------------------------- partitions by key

KAFKA_CONTRACT(kafka_keys_go_where_the_java_client_sends_them)
{
    // Hashes as Kafka's own tests have them.
    static const struct {
        const char *key;
        int32_t hash;
    } cases[] = {{"21", -973932308},
                 {"foobar", -790332482},
                 {"a-little-bit-long-string", -985981536},
                 {"a-little-bit-longer-string", -1486304829},
                 {"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971},
                 {"abc", 479470107}};
    enum { N = 6, PARTITIONS = 7 };
    const char *topic = slt_topic(k, "keyed", PARTITIONS);
    sli_kafka_producer *p = slt_producer(k, NULL);
    slt_reader r;
    slt_reader_init(&r, k);
    for (int i = 0; i < N; i++) {
        char value[2] = {(char)('0' + i), '\0'};
        sli_kafka_message m = {.topic = topic,
                               .partition = -1,
                               .timestamp_us = 1000,
                               .key = cases[i].key,
                               .key_size = (uint32_t)strlen(cases[i].key),
                               .value = value,
                               .value_size = 1};
        slt_ok(k, k->ops->send(p, &m, 1, slt_soon(k), &k->err));
    }
    slt_commit(k, p);
    k->ops->producer_close(p);
    for (int i = 0; i < PARTITIONS; i++) {
        slt_fetch(&r, topic, i, 0, i);
    }
    for (int i = 0; i < N; i++) {
        char wanted[16];
        int32_t partition = (cases[i].hash & INT32_MAX) % PARTITIONS;
        (void)snprintf(wanted, sizeof wanted, "=%d ", i);
        while (r.text[partition].data == NULL || strstr(r.text[partition].data, wanted) == NULL) {
            assert_true(slt_pump(&r, slt_soon(k)));
        }
    }
    slt_reader_reset(&r);
}

// ---------------------------------------------------------------- time and silence

KAFKA_CONTRACT(kafka_a_transaction_longer_than_the_cluster_allows_is_refused)
{
    sli_kafka_producer *p = NULL;
    sli_kafka_conf conf = slt_conf(k);
    conf.transactional_id = slt_name(k, "id");
    conf.transaction_us = INT64_C(86400000000);
    assert_int_equal(k->ops->producer_open(&p, &conf, slt_soon(k), &k->err), SL_E_CONFIG);
    assert_null(p);
}

KAFKA_CONTRACT(kafka_a_transaction_that_takes_too_long_is_aborted)
{
    const char *topic = slt_topic(k, "slow", 1), *group = slt_name(k, "group");
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    k->transaction_us = 4000000;
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, topic, 0, "slow"));
    slt_ok(k, mark(k, p, group, topic, 1, "slow"));
    SL_CHECK_TEXT(slt_mark_of(k, group, topic), "-1 "); // waits until the cluster has ended it
    sl_code rc = k->ops->commit(p, slt_soon(k), &outcome, &k->err);
    if (rc == SL_E_SUPERSEDED) { // clusters may tell it so
        k->ops->producer_close(p);
        p = slt_producer(k, "id");
    } else {
        slt_ok(k, rc);
        assert_int_equal(outcome, SLI_KAFKA_ABORTED);
    }
    slt_ok(k, slt_send(k, p, topic, 0, "again"));
    slt_commit(k, p);
    k->ops->producer_close(p);
}

/// How it ended is not known: the next opening decides, and the mark and the records agree.
static void check_unknown(slt_kafka *k, bool done)
{
    const char *topic = slt_topic(k, done ? "done" : "undone", 1), *group = slt_name(k, "group");
    sli_kafka_outcome outcome = SLI_KAFKA_COMMITTED;
    sli_kafka_producer *p = slt_producer(k, done ? "did" : "did-not");
    slt_ok(k, mark(k, p, group, topic, 1, "here"));
    k->fixture->lose(k, 1, done);
    slt_ok(k, k->ops->commit(p, slt_in(k, 500000), &outcome, &k->err));
    assert_int_equal(outcome, SLI_KAFKA_UNKNOWN);
    assert_int_equal(slt_send(k, p, topic, 0, "more"), SL_E_STATE);
    assert_int_equal(k->ops->commit(p, slt_soon(k), &outcome, &k->err), SL_E_STATE);
    assert_int_equal(k->ops->abort(p, slt_soon(k), &k->err), SL_E_STATE);
    k->ops->producer_close(p);
    p = slt_producer(k, done ? "did" : "did-not");
    SL_CHECK_TEXT(slt_mark_of(k, group, topic), done ? "1 here" : "-1 ");
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_an_unknown_outcome_is_decided_by_the_next_opening)
{
    slt_kafka_needs(k, lose);
    check_unknown(k, true);
    check_unknown(k, false);
}

KAFKA_CONTRACT(kafka_a_commit_without_a_cluster_is_unknown)
{
    slt_kafka_needs(k, away);
    const char *topic = slt_topic(k, "unheard", 1);
    sli_kafka_outcome outcome = SLI_KAFKA_COMMITTED;
    sli_kafka_producer *p = slt_producer(k, "id");
    slt_ok(k, slt_send(k, p, topic, 0, "a"));
    k->fixture->away(k, true);
    slt_ok(k, k->ops->commit(p, slt_in(k, 500000), &outcome, &k->err));
    assert_int_equal(outcome, SLI_KAFKA_UNKNOWN);
    k->ops->producer_close(p);
    sli_kafka_conf conf = slt_conf(k);
    conf.transactional_id = slt_name(k, "id");
    assert_int_equal(k->ops->producer_open(&p, &conf, slt_in(k, 300000), &k->err), SL_E_TIMEOUT);
    k->fixture->away(k, false);
    k->ops->producer_close(slt_producer(k, "id"));
}
