// The contract of kafka.h where something can't be read: positions that are lost, clusters that are
// away, what is not allowed.
#include "kafka/fixture_test.h"

// ---------------------------------------------------------------- lost positions

KAFKA_CONTRACT(kafka_what_is_not_there_is_lost)
{
    const char *topic = slt_topic(k, "short", 1);
    slt_put(k, topic, 0, "a b");
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    slt_fetch(&r, topic, 5, 0, 1);
    slt_fetch(&r, slt_name(k, "none"), 0, 0, 2);
    slt_read_lost(&r, 1);
    assert_int_equal(r.lost[1], SL_E_NOT_FOUND);
    slt_read_lost(&r, 2);
    assert_int_equal(r.lost[2], SL_E_NOT_FOUND);
    slt_fetch(&r, topic, 0, 9, 0);
    slt_read_lost(&r, 0);
    assert_int_equal(r.lost[0], SL_E_NOT_FOUND);
    assert_true(r.why.text[0] != '\0');
    sli_str_clear(&r.text[0]);
    slt_fetch(&r, topic, 0, 1, 0); // the same lane, and the others did not come back
    slt_read_to(&r, 0, 2);
    SL_CHECK_TEXT(r.text[0].data, "1=b ");
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_what_has_aged_out_is_lost)
{
    slt_kafka_needs(k, age);
    const char *topic = slt_topic(k, "aged", 1);
    slt_put(k, topic, 0, "a b c d");
    k->fixture->age(k, topic, 0, 2);
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 1, 0);
    slt_read_lost(&r, 0);
    assert_int_equal(r.lost[0], SL_E_NOT_FOUND);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_EARLIEST, 0), 2);
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_LATEST, 0), 4);
    slt_reader_reset(&r);
    SL_CHECK_TEXT(slt_text_of(k, topic, 2, 4), "2=c 3=d ");
}

KAFKA_CONTRACT(kafka_a_topic_that_is_deleted_while_it_is_read_is_lost)
{
    slt_kafka_needs(k, remove);
    const char *topic = slt_topic(k, "deleted", 1), *other = slt_topic(k, "other", 1);
    slt_put(k, topic, 0, "a b c");
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    slt_fetch(&r, other, 0, 0, 1);
    slt_read_to(&r, 0, 3);
    k->fixture->remove(k, topic);
    slt_read_lost(&r, 0);
    assert_int_equal(r.lost[0], SL_E_NOT_FOUND);
    slt_put(k, other, 0, "x");
    slt_read_to(&r, 1, 1);
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_a_topic_made_anew_begins_at_zero)
{
    slt_kafka_needs(k, remove);
    const char *topic = slt_topic(k, "anew", 1);
    slt_put(k, topic, 0, "a b c");
    k->fixture->remove(k, topic);
    k->fixture->make(k, topic, 1);
    slt_put(k, topic, 0, "d");
    SL_CHECK_TEXT(slt_text_of(k, topic, 0, 1), "0=d ");
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 3, 0); // the old topic's end
    slt_read_lost(&r, 0);
    assert_int_equal(r.lost[0], SL_E_NOT_FOUND);
    slt_reader_reset(&r);
}

// ---------------------------------------------------------------- troubles

KAFKA_CONTRACT(kafka_a_cluster_that_is_away_is_told_and_waited_for)
{
    slt_kafka_needs(k, away);
    const char *topic = slt_topic(k, "away", 1);
    sli_kafka_spot spot = {topic, 0, -9};
    slt_reader r;
    slt_reader_init(&r, k);
    slt_put(k, topic, 0, "a");
    slt_fetch(&r, topic, 0, 0, 0);
    slt_read_to(&r, 0, 1);
    k->fixture->away(k, true);
    while (r.trouble == SL_OK) {
        (void)slt_pump(&r, slt_soon(k));
    }
    assert_true(r.trouble == SL_E_IO || r.trouble == SL_E_TIMEOUT);
    assert_int_equal(
        k->ops->offsets(r.consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_in(k, 300000), &k->err),
        SL_E_TIMEOUT);
    assert_int_equal(spot.offset, -9);
    k->fixture->away(k, false);
    slt_put(k, topic, 0, "b");
    slt_read_to(&r, 0, 2);
    SL_CHECK_TEXT(r.text[0].data, "0=a 1=b ");
    slt_reader_reset(&r);
}

/// Who closes a client needs nobody's answer.
KAFKA_CONTRACT(kafka_a_question_that_is_woken_ends_soon)
{
    slt_kafka_needs(k, away);
    const char *topic = slt_topic(k, "woken", 1);
    sli_kafka_spot spot = {topic, 0, -9};
    sli_kafka *consumer = slt_consumer(k);
    k->fixture->away(k, true);
    int64_t until_us = slt_in(k, 5000000);
    k->ops->wake(consumer);
    assert_int_equal(k->ops->offsets(consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err),
                     SL_E_CANCELLED);
    assert_int_equal(spot.offset, -9);
    assert_true(sli_env_mono_us(k->env) < until_us);
    k->fixture->away(k, false);
    slt_ok(k, k->ops->offsets(consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err));
    assert_int_equal(spot.offset, 0);
    k->ops->close(consumer);
}

KAFKA_CONTRACT(kafka_a_topic_that_is_not_allowed_is_lost_for_good)
{
    slt_kafka_needs(k, forbid);
    const char *topic = slt_topic(k, "forbidden", 1);
    sli_kafka_spot spot = {topic, 0, -9};
    slt_reader r;
    slt_reader_init(&r, k);
    k->fixture->forbid(k, topic, true);
    slt_fetch(&r, topic, 0, 0, 0);
    slt_read_lost(&r, 0);
    assert_int_equal(r.lost[0], SL_E_CONFIG);
    assert_int_equal(
        k->ops->offsets(r.consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err),
        SL_E_CONFIG);
    k->fixture->forbid(k, topic, false);
    slt_put(k, topic, 0, "a");
    slt_fetch(&r, topic, 0, 0, 0);
    slt_read_to(&r, 0, 1);
    slt_reader_reset(&r);
}

KAFKA_CONTRACT(kafka_a_wrong_password_is_a_trouble)
{
    slt_kafka_needs(k, password);
    const char *topic = slt_topic(k, "locked", 1);
    sli_kafka_spot spot = {topic, 0, -9};
    const char *right = k->fixture->password(k);
    k->settings[k->n_settings++] = (sli_kafka_setting){"sasl.password", "wrong", true};
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, 0, 0);
    while (r.trouble == SL_OK) {
        (void)slt_pump(&r, slt_soon(k));
    }
    assert_int_equal(r.trouble, SL_E_CONFIG);
    assert_null(strstr(r.why.text, "wrong"));
    assert_int_equal(
        k->ops->offsets(r.consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_in(k, 300000), &k->err),
        SL_E_CONFIG);
    slt_reader_reset(&r);
    k->settings[k->n_settings - 1].value = right;
    assert_int_equal(slt_offset_of(k, topic, SLI_KAFKA_LATEST, 0), 0);
}
