// The contract of kafka.h where the cluster hangs: connections stay, and nothing comes. Every call
// keeps to its deadline, whatever went before, and a client is closed without an answer.
#include "kafka/fixture_test.h"

#include <stdatomic.h>

enum { WAIT_US = 600000, LATE_US = 3000000 }; // a loaded machine may be late, not a client

/// A call with a deadline has ended: by it, and not much later.
static void check_ended(const slt_kafka *k, int64_t deadline_us, const char *what)
{
    int64_t late_us = sli_env_mono_us(k->env) - deadline_us;
    if (late_us > LATE_US) {
        fail_msg("%s ended %lld ms after its deadline", what, (long long)late_us / 1000);
    }
}

#define TIMES_OUT(k, deadline_us, call)                                                            \
    do {                                                                                           \
        assert_int_equal(call, SL_E_TIMEOUT);                                                      \
        check_ended(k, deadline_us, #call);                                                        \
    } while (0)

static sl_code pass_over(void *ctx, const char *topic, int32_t n_partitions, sl_error *err)
{
    (void)ctx, (void)topic, (void)n_partitions, (void)err;
    return SL_OK;
}

// ---------------------------------------------------------------- consumer

KAFKA_CONTRACT(kafka_questions_end_in_time_where_the_cluster_hangs)
{
    slt_kafka_needs(k, hang);
    const char *topic = slt_topic(k, "asked", 1), *group = slt_name(k, "group");
    sli_kafka_spot spot = {topic, 0, 0};
    sli_kafka_mark found;
    sli_kafka_record record;
    int32_t got = 0;
    sli_kafka *c = slt_consumer(k);
    slt_ok(k, k->ops->marked(c, group, &spot, 1, &found, slt_soon(k), &k->err));
    k->fixture->hang(k, true);
    int64_t at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, k->ops->topics(c, topic, at, pass_over, NULL, &k->err));
    at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, k->ops->offsets(c, SLI_KAFKA_LATEST, 0, &spot, 1, at, &k->err));
    at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, k->ops->offsets(c, SLI_KAFKA_AT, 5, &spot, 1, at, &k->err));
    at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, k->ops->marked(c, group, &spot, 1, &found, at, &k->err));
    at = slt_in(k, 0);
    k->ops->note(c, group, &spot, 1);
    slt_ok(k, k->ops->fetch(c, &spot, 0, &k->err));
    check_ended(k, at, "note or fetch");
    for (int i = 0; i < 3; i++) { // it asks whether the topic is gone meanwhile
        at = slt_in(k, WAIT_US);
        slt_ok(k, k->ops->poll(c, &record, 1, &got, at, &k->err));
        check_ended(k, at, "poll");
        k->ops->release(c, &record, got);
    }
    at = slt_in(k, 0);
    k->ops->drop(c, 0);
    k->ops->close(c);
    check_ended(k, at, "close");
    k->fixture->hang(k, false);
}

// ---------------------------------------------------------------- producer

/// What a transaction has said before the cluster hangs.
typedef enum said { NOTHING = 0, A_RECORD = 1, A_MARK = 2 } said;

static sl_code mark(slt_kafka *k, sli_kafka_producer *p, int64_t group, int64_t deadline_us)
{
    sli_kafka_spot spot = {slt_name(k, "sent"), 0, group};
    return k->ops->mark(p, slt_name(k, "group"), &spot, "", deadline_us, &k->err);
}

static sli_kafka_producer *say(slt_kafka *k, int what)
{
    sli_kafka_producer *p = slt_producer(k, "id");
    if ((what & A_RECORD) != 0) {
        slt_ok(k, slt_send(k, p, slt_name(k, "sent"), 0, "never"));
    }
    if ((what & A_MARK) != 0) {
        slt_ok(k, mark(k, p, 1, slt_soon(k)));
    }
    return p;
}

/// The mark is left where it is; the producer is closed at once all the same.
static void check_mark(slt_kafka *k, int what)
{
    sli_kafka_outcome outcome = SLI_KAFKA_COMMITTED;
    sli_kafka_producer *p = say(k, what);
    k->fixture->hang(k, true);
    int64_t at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, mark(k, p, 2, at));
    assert_int_equal(k->ops->commit(p, slt_soon(k), &outcome, &k->err), SL_E_STATE);
    at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, k->ops->abort(p, at, &k->err));
    at = slt_in(k, 0);
    k->ops->producer_close(p);
    check_ended(k, at, "producer_close");
    k->fixture->hang(k, false);
}

static void check_commit(slt_kafka *k, int what)
{
    sli_kafka_outcome outcome = SLI_KAFKA_COMMITTED;
    sli_kafka_producer *p = say(k, what);
    k->fixture->hang(k, true);
    slt_ok(k, slt_send(k, p, slt_name(k, "sent"), 0, "neither"));
    int64_t at = slt_in(k, WAIT_US);
    slt_ok(k, k->ops->commit(p, at, &outcome, &k->err));
    check_ended(k, at, "commit");
    assert_int_equal(outcome, SLI_KAFKA_UNKNOWN);
    at = slt_in(k, 0);
    k->ops->producer_close(p);
    check_ended(k, at, "producer_close");
    k->fixture->hang(k, false);
}

/// Of a transaction that the cluster knows of; another one ends without it.
static void check_abort(slt_kafka *k)
{
    sli_kafka_producer *p = say(k, A_RECORD | A_MARK);
    k->fixture->hang(k, true);
    int64_t at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, k->ops->abort(p, at, &k->err));
    k->fixture->hang(k, false);
    slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err)); // goes on where it was
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_transactions_end_in_time_where_the_cluster_hangs)
{
    slt_kafka_needs(k, hang);
    const char *topic = slt_topic(k, "sent", 1);
    for (int what = NOTHING; what <= (A_RECORD | A_MARK); what++) {
        check_mark(k, what);
        check_commit(k, what);
    }
    check_abort(k);
    sli_kafka_producer *p = slt_producer(k, "id"); // all of that has been given up, but for commits
    slt_ok(k, slt_send(k, p, topic, 0, "last"));
    slt_ok(k, mark(k, p, 9, slt_soon(k)));
    slt_commit(k, p);
    SL_CHECK_TEXT(slt_mark_of(k, slt_name(k, "group"), topic), "9 ");
    k->ops->producer_close(p);
}

KAFKA_CONTRACT(kafka_a_producer_is_not_opened_where_the_cluster_hangs)
{
    slt_kafka_needs(k, hang);
    sli_kafka_producer *p = NULL;
    sli_kafka_conf conf = slt_conf(k);
    conf.transactional_id = slt_name(k, "id");
    k->fixture->hang(k, true);
    int64_t at = slt_in(k, WAIT_US);
    TIMES_OUT(k, at, k->ops->producer_open(&p, &conf, at, &k->err));
    assert_null(p);
    k->fixture->hang(k, false);
}

// ---------------------------------------------------------------- an end that comes nearer

/// Whatever the deadlines are.
KAFKA_CONTRACT(kafka_nobody_waits_past_the_end)
{
    slt_kafka_needs(k, hang);
    const char *topic = slt_topic(k, "sent", 1);
    _Atomic int64_t end_us;
    sli_kafka_outcome outcome = SLI_KAFKA_COMMITTED;
    sli_kafka_spot spot = {topic, 0, 0};
    atomic_init(&end_us, SLI_FOREVER);
    k->end_us = &end_us;
    sli_kafka_producer *p = say(k, A_RECORD), *other = NULL;
    sli_kafka *c = slt_consumer(k);
    sli_kafka_conf conf = slt_conf(k);
    conf.transactional_id = slt_name(k, "other");
    k->fixture->hang(k, true);
    int64_t at = slt_in(k, WAIT_US);
    atomic_store(&end_us, at);
    TIMES_OUT(k, at, k->ops->offsets(c, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err));
    TIMES_OUT(k, at, k->ops->producer_open(&other, &conf, slt_soon(k), &k->err));
    TIMES_OUT(k, at, mark(k, p, 2, slt_soon(k)));
    k->ops->producer_close(p);
    k->ops->close(c);
    check_ended(k, at, "closing");
    k->fixture->hang(k, false);
    atomic_store(&end_us, SLI_FOREVER);
    p = say(k, A_RECORD);
    k->fixture->hang(k, true);
    at = slt_in(k, WAIT_US);
    atomic_store(&end_us, at);
    slt_ok(k, k->ops->commit(p, slt_soon(k), &outcome, &k->err));
    check_ended(k, at, "commit");
    assert_int_equal(outcome, SLI_KAFKA_UNKNOWN);
    k->ops->producer_close(p);
    k->fixture->hang(k, false);
}
