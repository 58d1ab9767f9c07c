// What the harness can do to a simulated cluster, and what the cluster does by itself in time.
#include "kafka/sim/cluster.h"

#include <stdio.h>

#include "sl_test.h"

enum { MS = 1000, SECOND = 1000000 };

typedef struct rig {
    sli_world *world;
    sli_kafka_cluster *cluster;
    sl_env *env;
    sl_error err;
} rig;

static void rig_init(rig *r, uint64_t seed)
{
    *r = (rig){.world = sli_world_new(&(sli_world_conf){.seed = seed})};
    r->cluster = sli_kafka_cluster_new(r->world);
    assert_non_null(r->cluster);
    assert_int_equal(sli_world_boot(r->world, NULL, &r->env, NULL), SL_OK);
}

static void rig_reset(rig *r)
{
    sli_env_free(r->env);
    sli_kafka_cluster_free(r->cluster);
    sli_world_free(r->world);
}

static void ok(rig *r, sl_code rc)
{
    if (rc != SL_OK) {
        fail_msg("%s: %s", sl_code_name(rc), r->err.text);
    }
}

static void make(rig *r, const char *topic, int32_t n)
{
    ok(r, sli_kafka_cluster_make(r->cluster, topic, n, &r->err));
}

static sli_kafka_message message(const char *topic, const char *key, const char *value)
{
    return (sli_kafka_message){.topic = topic,
                               .timestamp_us = 5 * MS + 7,
                               .key = key,
                               .key_size = key == NULL ? 0 : (uint32_t)strlen(key),
                               .value = value,
                               .value_size = value == NULL ? 0 : (uint32_t)strlen(value)};
}

static void put(rig *r, const char *topic, const char *key, const char *value)
{
    sli_kafka_message m = message(topic, key, value);
    ok(r, sli_kafka_cluster_put(r->cluster, &m, &r->err));
}

static sli_kafka_conf conf_of(const rig *r, const char *id)
{
    return (sli_kafka_conf){.struct_size = sizeof(sli_kafka_conf),
                            .env = r->env,
                            .mono_us = sli_env_mono_us,
                            .ahead_bytes = 1 << 20,
                            .transactional_id = id,
                            .transaction_us = 10 * SECOND};
}

static sli_kafka_producer *producer(rig *r, const char *id)
{
    sli_kafka_producer *p = NULL;
    sli_kafka_conf conf = conf_of(r, id);
    ok(r, sli_kafka_simulated.producer_open(&p, &conf, SLI_FOREVER, &r->err));
    return p;
}

static void send(rig *r, sli_kafka_producer *p, const char *topic, const char *value)
{
    sli_kafka_message m = message(topic, NULL, value);
    ok(r, sli_kafka_simulated.send(p, &m, 1, SLI_FOREVER, &r->err));
}

static void add_text(void *ctx, const sli_kafka_record *record)
{
    char *text = ctx;
    size_t used = strlen(text);
    (void)snprintf(text + used, 256 - used, "%d:%lld=%.*s ", (int)record->lane,
                   (long long)record->offset, (int)record->value_size,
                   record->value == NULL ? "" : record->value);
}

/// What a reader would see, until the next call.
static const char *look(rig *r, const char *topic)
{
    static char text[256];
    text[0] = '\0';
    assert_true(sli_kafka_cluster_look(r->cluster, topic, add_text, text) >= 0);
    return text;
}

// ---------------------------------------------------------------- topics and their records

SL_TEST(ksim_topics_are_made_grown_and_deleted, "")
{
    rig r;
    rig_init(&r, 1);
    make(&r, "t", 1);
    assert_int_equal(sli_kafka_cluster_make(r.cluster, "t", 1, &r.err), SL_E_EXISTS);
    assert_int_equal(sli_kafka_cluster_make(r.cluster, "u", 0, &r.err), SL_E_INVALID);
    assert_int_equal(sli_kafka_cluster_make(r.cluster, "u", 4097, &r.err), SL_E_INVALID);
    assert_int_equal(sli_kafka_cluster_grow(r.cluster, "u", 2, &r.err), SL_E_NOT_FOUND);
    assert_int_equal(sli_kafka_cluster_grow(r.cluster, "t", 1, &r.err), SL_E_INVALID);
    ok(&r, sli_kafka_cluster_grow(r.cluster, "t", 3, &r.err));
    put(&r, "t", NULL, "a");
    assert_int_equal(sli_kafka_cluster_look(r.cluster, "t", NULL, NULL), 1);
    ok(&r, sli_kafka_cluster_delete(r.cluster, "t", &r.err));
    assert_int_equal(sli_kafka_cluster_delete(r.cluster, "t", &r.err), SL_E_NOT_FOUND);
    assert_int_equal(sli_kafka_cluster_look(r.cluster, "t", NULL, NULL), -1);
    rig_reset(&r);
}

SL_TEST(ksim_records_are_put_aged_out_and_cut, "")
{
    rig r;
    rig_init(&r, 1);
    make(&r, "t", 1);
    put(&r, "t", NULL, "a");
    put(&r, "t", NULL, "b");
    put(&r, "t", NULL, "c");
    put(&r, "t", NULL, "d");
    sli_kafka_message wrong = message("t", NULL, "x");
    wrong.partition = 1;
    assert_int_equal(sli_kafka_cluster_put(r.cluster, &wrong, &r.err), SL_E_NOT_FOUND);
    ok(&r, sli_kafka_cluster_age(r.cluster, &(sli_kafka_spot){"t", 0, 1}, &r.err));
    SL_CHECK_TEXT(look(&r, "t"), "0:1=b 0:2=c 0:3=d ");
    assert_int_equal(sli_kafka_cluster_age(r.cluster, &(sli_kafka_spot){"t", 0, 0}, &r.err),
                     SL_E_INVALID);
    assert_int_equal(sli_kafka_cluster_age(r.cluster, &(sli_kafka_spot){"t", 0, 5}, &r.err),
                     SL_E_INVALID);
    ok(&r, sli_kafka_cluster_cut(r.cluster, &(sli_kafka_spot){"t", 0, 3}, &r.err));
    put(&r, "t", NULL, "e");
    SL_CHECK_TEXT(look(&r, "t"), "0:1=b 0:2=c 0:3=e ");
    assert_int_equal(sli_kafka_cluster_cut(r.cluster, &(sli_kafka_spot){"t", 0, 5}, &r.err),
                     SL_E_INVALID);
    ok(&r, sli_kafka_cluster_age(r.cluster, &(sli_kafka_spot){"t", 0, 4}, &r.err));
    SL_CHECK_TEXT(look(&r, "t"), "");
    rig_reset(&r);
}

/// A transaction of one record that ends in one way or another.
static void transact(rig *r, const char *value, bool commit)
{
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *p = producer(r, "id");
    sli_kafka_spot spot = {.topic = "t"};
    send(r, p, "t", value);
    ok(r, sli_kafka_simulated.mark(p, "group", &spot, "", SLI_FOREVER, &r->err));
    sli_world_advance(r->world, SECOND); // it has arrived
    ok(r, commit ? sli_kafka_simulated.commit(p, SLI_FOREVER, &outcome, &r->err)
                 : sli_kafka_simulated.abort(p, SLI_FOREVER, &r->err));
    sli_kafka_simulated.producer_close(p);
}

SL_TEST(ksim_compaction_keeps_the_last_of_a_key_and_the_last_of_all, "")
{
    rig r;
    rig_init(&r, 1);
    make(&r, "t", 1);
    put(&r, "t", "k", "old");  // 0
    put(&r, "t", NULL, "any"); // 1
    put(&r, "t", "l", "only"); // 2
    transact(&r, "in", true);  // 3, marker 4
    put(&r, "t", "k", "new");  // 5
    SL_CHECK_TEXT(look(&r, "t"), "0:0=old 0:1=any 0:2=only 0:3=in 0:5=new ");
    ok(&r, sli_kafka_cluster_compact(r.cluster, "t", 0, &r.err));
    SL_CHECK_TEXT(look(&r, "t"), "0:1=any 0:2=only 0:3=in 0:5=new ");
    put(&r, "t", NULL, "next");
    SL_CHECK_TEXT(look(&r, "t"), "0:1=any 0:2=only 0:3=in 0:5=new 0:6=next ");
    rig_reset(&r);
}

SL_TEST(ksim_open_records_are_neither_aged_out_nor_compacted, "")
{
    rig r;
    rig_init(&r, 1);
    make(&r, "t", 1);
    put(&r, "t", "k", "a");
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *p = producer(&r, "id");
    send(&r, p, "t", "open");
    sli_world_advance(r.world, SECOND);
    SL_CHECK_TEXT(look(&r, "t"), "0:0=a ");
    put(&r, "t", "k", "b");
    assert_int_equal(sli_kafka_cluster_age(r.cluster, &(sli_kafka_spot){"t", 0, 2}, &r.err),
                     SL_E_INVALID);
    ok(&r, sli_kafka_cluster_compact(r.cluster, "t", 0, &r.err));
    SL_CHECK_TEXT(look(&r, "t"), "0:0=a "); // its successor is not stable yet
    ok(&r, sli_kafka_simulated.commit(p, SLI_FOREVER, &outcome, &r.err));
    SL_CHECK_TEXT(look(&r, "t"), "0:0=a 0:1=open 0:2=b ");
    sli_kafka_simulated.producer_close(p);
    rig_reset(&r);
}

SL_TEST(ksim_a_cut_takes_open_records_along, "")
{
    rig r;
    rig_init(&r, 1);
    make(&r, "t", 1);
    put(&r, "t", NULL, "a");
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_producer *p = producer(&r, "id");
    send(&r, p, "t", "open");
    sli_world_advance(r.world, SECOND);
    (void)look(&r, "t");
    ok(&r, sli_kafka_cluster_cut(r.cluster, &(sli_kafka_spot){"t", 0, 1}, &r.err));
    put(&r, "t", NULL, "b");
    SL_CHECK_TEXT(look(&r, "t"), "0:0=a 0:1=b ");
    ok(&r, sli_kafka_simulated.commit(p, SLI_FOREVER, &outcome, &r.err));
    put(&r, "t", NULL, "c");
    SL_CHECK_TEXT(look(&r, "t"), "0:0=a 0:1=b 0:2=c "); // no marker where nothing is
    sli_kafka_simulated.producer_close(p);
    rig_reset(&r);
}

static sl_code add_topic(void *ctx, const char *topic, int32_t n_partitions, sl_error *err)
{
    (void)n_partitions;
    (void)err;
    (void)strcat(ctx, topic);
    return SL_OK;
}

SL_TEST(ksim_the_clusters_own_topics_are_told_by_name_only, "")
{
    rig r;
    char all[64] = "", own[64] = "";
    sli_kafka *consumer = NULL;
    rig_init(&r, 1);
    make(&r, "__own", 1);
    make(&r, "t", 1);
    make(&r, "_u", 1);
    sli_kafka_conf conf = conf_of(&r, NULL);
    ok(&r, sli_kafka_simulated.open(&consumer, &conf, &r.err));
    ok(&r, sli_kafka_simulated.topics(consumer, NULL, SLI_FOREVER, add_topic, all, &r.err));
    SL_CHECK_TEXT(all, "_ut");
    ok(&r, sli_kafka_simulated.topics(consumer, "__own", SLI_FOREVER, add_topic, own, &r.err));
    SL_CHECK_TEXT(own, "__own");
    sli_kafka_simulated.close(consumer);
    rig_reset(&r);
}

SL_TEST(ksim_a_marks_text_has_at_most_255_bytes, "")
{
    rig r;
    char text[257];
    sli_kafka_spot spot = {"t", 0, 3};
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    rig_init(&r, 1);
    make(&r, "t", 1);
    memset(text, 'x', 256);
    text[256] = '\0';
    sli_kafka_producer *p = producer(&r, "id");
    assert_int_equal(sli_kafka_simulated.mark(p, "g", &spot, text, SLI_FOREVER, &r.err),
                     SL_E_INVALID);
    ok(&r, sli_kafka_simulated.abort(p, SLI_FOREVER, &r.err));
    text[255] = '\0';
    ok(&r, sli_kafka_simulated.mark(p, "g", &spot, text, SLI_FOREVER, &r.err));
    ok(&r, sli_kafka_simulated.commit(p, SLI_FOREVER, &outcome, &r.err));
    sli_kafka_mark mark = sli_kafka_cluster_mark(r.cluster, "g", "t", 0);
    SL_CHECK_TEXT(mark.text, text);
    assert_int_equal(mark.offset, 3);
    assert_int_equal(sli_kafka_cluster_mark(r.cluster, "g", "t", 1).offset, -1);
    sli_kafka_simulated.producer_close(p);
    rig_reset(&r);
}

// ---------------------------------------------------------------- what happens by itself

/// Polls until something else than an end is given, which is released; its kind, 0: the deadline.
static int32_t poll_one(rig *r, sli_kafka *consumer, int64_t deadline_us)
{
    for (;;) {
        sli_kafka_record record;
        int32_t n = 0;
        ok(r, sli_kafka_simulated.poll(consumer, &record, 1, &n, deadline_us, &r->err));
        sli_kafka_simulated.release(consumer, &record, n);
        if (n == 0 || record.kind != SLI_KAFKA_END) {
            return n == 0 ? 0 : record.kind;
        }
    }
}

static sli_kafka *reader(rig *r, const char *topic)
{
    sli_kafka *consumer = NULL;
    sli_kafka_conf conf = conf_of(r, NULL);
    ok(r, sli_kafka_simulated.open(&consumer, &conf, &r->err));
    ok(r, sli_kafka_simulated.fetch(consumer, &(sli_kafka_spot){topic, 0, 0}, 0, &r->err));
    return consumer;
}

SL_TEST(ksim_what_was_sent_arrives_and_a_commit_shows_by_itself_in_time, "")
{
    int late = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        rig r;
        sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
        rig_init(&r, seed);
        make(&r, "t", 1);
        sli_kafka_producer *p = producer(&r, "id"), *plain = producer(&r, NULL);
        sli_kafka *consumer = reader(&r, "t");
        send(&r, p, "t", "a");
        ok(&r, sli_kafka_simulated.commit(p, SLI_FOREVER, &outcome, &r.err));
        int64_t begin = sli_world_mono_us(r.world);
        assert_int_equal(poll_one(&r, consumer, begin + SECOND), SLI_KAFKA_RECORD);
        late += sli_world_mono_us(r.world) > begin ? 1 : 0;
        send(&r, plain, "t", "b"); // and no commit
        assert_int_equal(poll_one(&r, consumer, SLI_FOREVER), SLI_KAFKA_RECORD);
        assert_true(sli_world_mono_us(r.world) - begin < SECOND);
        sli_kafka_simulated.close(consumer);
        sli_kafka_simulated.producer_close(p);
        sli_kafka_simulated.producer_close(plain);
        rig_reset(&r);
    }
    assert_true(late > 3 && late < 17); // both happen
}

SL_TEST(ksim_what_a_dead_process_had_sent_may_be_lost, "")
{
    int arrived = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        rig r;
        rig_init(&r, seed);
        make(&r, "t", 1);
        sli_kafka_producer *plain = producer(&r, NULL);
        send(&r, plain, "t", "b");
        sli_world_kill(r.env);
        sli_kafka_message m = message("t", NULL, "c");
        assert_int_equal(sli_kafka_simulated.send(plain, &m, 1, SLI_FOREVER, &r.err), SL_E_CRASHED);
        sli_world_advance(r.world, SECOND);
        arrived += (int)sli_kafka_cluster_look(r.cluster, "t", NULL, NULL);
        sli_kafka_simulated.producer_close(plain);
        rig_reset(&r);
    }
    assert_true(arrived > 3 && arrived < 17);
}

SL_TEST(ksim_an_open_transaction_holds_readers_until_its_time_is_over, "")
{
    rig r;
    rig_init(&r, 3);
    make(&r, "t", 1);
    sli_kafka_producer *p = producer(&r, "id");
    send(&r, p, "t", "hung");
    sli_world_advance(r.world, SECOND);
    assert_int_equal(sli_kafka_cluster_look(r.cluster, "t", NULL, NULL), 0); // it has arrived
    put(&r, "t", NULL, "behind");
    sli_kafka *consumer = reader(&r, "t");
    int64_t begin = sli_world_mono_us(r.world);
    assert_int_equal(poll_one(&r, consumer, begin + 5 * SECOND), 0);
    assert_int_equal(poll_one(&r, consumer, SLI_FOREVER), SLI_KAFKA_RECORD);
    assert_true(sli_world_mono_us(r.world) <= begin + 10 * SECOND);
    SL_CHECK_TEXT(look(&r, "t"), "0:1=behind ");
    sli_kafka_simulated.close(consumer);
    sli_kafka_simulated.producer_close(p);
    rig_reset(&r);
}

SL_TEST(ksim_an_absence_ends_by_itself_and_calls_wait_for_it, "")
{
    rig r;
    sli_kafka_spot spot = {.topic = "t"};
    rig_init(&r, 1);
    make(&r, "t", 1);
    put(&r, "t", NULL, "a");
    sli_kafka *consumer = reader(&r, "t");
    int64_t begin = sli_world_mono_us(r.world);
    sli_kafka_cluster_away(r.cluster, 3 * SECOND);
    assert_int_equal(poll_one(&r, consumer, SLI_FOREVER), SLI_KAFKA_TROUBLE);
    assert_int_equal(poll_one(&r, consumer, begin + SECOND), 0); // told once an absence
    ok(&r,
       sli_kafka_simulated.offsets(consumer, SLI_KAFKA_LATEST, 0, &spot, 1, SLI_FOREVER, &r.err));
    assert_int_equal(sli_world_mono_us(r.world), begin + 3 * SECOND);
    assert_int_equal(spot.offset, 1);
    assert_int_equal(poll_one(&r, consumer, SLI_FOREVER), SLI_KAFKA_RECORD);
    sli_kafka_cluster_away(r.cluster, SECOND);
    assert_int_equal(poll_one(&r, consumer, SLI_FOREVER), SLI_KAFKA_TROUBLE);
    sli_kafka_simulated.close(consumer);
    rig_reset(&r);
}

static void put_later(void *ctx)
{
    put(ctx, "t", NULL, "later");
}

SL_TEST(ksim_a_poll_waits_for_what_the_harness_puts, "")
{
    rig r;
    rig_init(&r, 1);
    make(&r, "t", 1);
    sli_kafka *consumer = reader(&r, "t");
    int64_t at = sli_world_mono_us(r.world) + 7 * SECOND;
    ok(&r, sli_world_at(r.world, at, put_later, &r, &r.err));
    assert_int_equal(poll_one(&r, consumer, SLI_FOREVER), SLI_KAFKA_RECORD);
    assert_int_equal(sli_world_mono_us(r.world), at);
    sli_kafka_simulated.close(consumer);
    rig_reset(&r);
}

SL_TEST(ksim_calls_of_a_dead_process_do_nothing, "")
{
    rig r;
    sli_kafka_spot spot = {.topic = "t", .offset = 4};
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sli_kafka_record record;
    sli_kafka_mark mark;
    int32_t n = 0;
    char text[8] = "";
    rig_init(&r, 1);
    make(&r, "t", 1);
    const sli_kafka_ops *ops = &sli_kafka_simulated;
    sli_kafka_producer *p = producer(&r, "id"), *q = NULL;
    sli_kafka *consumer = reader(&r, "t");
    sli_kafka_conf conf = conf_of(&r, "other");
    send(&r, p, "t", "a");
    sli_world_kill(r.env);
    ops->note(consumer, "g", &spot, 1);
    assert_int_equal(ops->topics(consumer, NULL, SLI_FOREVER, add_topic, text, &r.err),
                     SL_E_CRASHED);
    assert_int_equal(ops->marked(consumer, "g", &spot, 1, &mark, SLI_FOREVER, &r.err),
                     SL_E_CRASHED);
    assert_int_equal(ops->fetch(consumer, &spot, 1, &r.err), SL_E_CRASHED);
    assert_int_equal(ops->poll(consumer, &record, 1, &n, SLI_FOREVER, &r.err), SL_E_CRASHED);
    assert_int_equal(ops->mark(p, "g", &spot, "", SLI_FOREVER, &r.err), SL_E_CRASHED);
    assert_int_equal(ops->commit(p, SLI_FOREVER, &outcome, &r.err), SL_E_CRASHED);
    assert_int_equal(ops->abort(p, SLI_FOREVER, &r.err), SL_E_CRASHED);
    assert_int_equal(ops->producer_open(&q, &conf, SLI_FOREVER, &r.err), SL_E_CRASHED);
    assert_int_equal(sli_kafka_cluster_mark(r.cluster, "g", "t", 0).offset, -1);
    assert_int_equal(sli_kafka_cluster_look(r.cluster, "t", NULL, NULL), 0);
    ops->close(consumer);
    ops->producer_close(p);
    rig_reset(&r);
}

SL_TEST(ksim_memory_that_is_refused_is_told_and_nothing_leaks, "")
{
    rig r;
    rig_init(&r, 1);
    make(&r, "t", 1);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        sli_kafka_producer *p = NULL;
        sli_kafka *consumer = NULL;
        sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
        sli_kafka_conf conf = conf_of(&r, "id");
        sli_kafka_message m = message("t", "k", "v");
        sli_kafka_spot spot = {.topic = "t"};
        const sli_kafka_ops *ops = &sli_kafka_simulated;
        sli_mem_fail_nth(n);
        sl_code rc = ops->open(&consumer, &conf, &r.err);
        rc = rc != SL_OK ? rc : ops->fetch(consumer, &spot, 3, &r.err);
        rc = rc != SL_OK ? rc : ops->producer_open(&p, &conf, SLI_FOREVER, &r.err);
        rc = rc != SL_OK ? rc : ops->send(p, &m, 1, SLI_FOREVER, &r.err);
        rc = rc != SL_OK ? rc : ops->mark(p, "g", &spot, "text", SLI_FOREVER, &r.err);
        rc = rc != SL_OK ? rc : ops->commit(p, SLI_FOREVER, &outcome, &r.err);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        assert_true(failed || rc == SL_OK);
        ops->close(consumer);
        ops->producer_close(p);
    }
    rig_reset(&r);
}
