/// fixture_test.h — what the contract suite runs on: a table of what can be done to a cluster from
/// outside, and helpers that read and write through kafka.h.
///
/// A test uses the table `ops`, the helpers here, and abilities of the fixture that it has asked
/// for with slt_kafka_needs. Names of topics, groups and transactional ids come from slt_name, so
/// that tests on one real cluster do not meet.
#pragma once

#include "base/str.h"
#include "brokers.h"
#include "kafka/kafka.h"
#include "sl_test.h"

typedef struct slt_kafka slt_kafka;

typedef struct slt_kafka_fixture {
    void (*start)(slt_kafka *k, uint64_t seed); ///< sets ops, inner, env, settings, body
    void (*end)(slt_kafka *k);
    void (*make)(slt_kafka *k, const char *topic, int32_t n_partitions);
    // ---- abilities; NULL: it can't
    void (*grow)(slt_kafka *k, const char *topic, int32_t n_partitions);
    void (*remove)(slt_kafka *k, const char *topic);
    void (*age)(slt_kafka *k, const char *topic, int32_t partition, int64_t first);
    /// What later records of its key replace is gone when it returns. A record may be added behind.
    void (*compact)(slt_kafka *k, const char *topic, int32_t partition);
    void (*limit)(slt_kafka *k, const char *topic, int64_t record_bytes);
    void (*refuse)(slt_kafka *k, const char *topic);   ///< the next record without a key, for good
    void (*postpone)(slt_kafka *k, const char *topic); ///< the next record can't be kept now
    void (*forbid)(slt_kafka *k, const char *topic, bool forbidden);
    const char *(*password)(slt_kafka *k); ///< asks for one from now on: which
    void (*away)(slt_kafka *k, bool away);
    void (*hang)(slt_kafka *k, bool hangs); ///< connections stay, and nothing comes of them
    /// The answer of the n-th request from now is lost until its deadline; it was done, or not.
    void (*lose)(slt_kafka *k, int64_t n, bool done);
} slt_kafka_fixture;

extern const slt_kafka_fixture slt_kafka_simulated;
extern const slt_kafka_fixture slt_kafka_broker;

enum { SLT_LANES = 8 };

struct slt_kafka {
    const slt_kafka_fixture *fixture;
    const sli_kafka_ops *ops;
    const sli_kafka_ops *inner; ///< the client's own table, where `ops` is the gate
    sl_env *env;
    sli_kafka_setting settings[8];
    int32_t n_settings;
    const char *prefix; ///< of names
    void *body;         ///< the fixture's own
    int64_t ahead_bytes, transaction_us;
    bool uncommitted;
    const _Atomic int64_t *end_us; ///< of clients; NULL: none
    char names[16][64];
    int n_names;
    sl_error err;
};

/// On the real cluster of brokers.h; ends the test as not tried here when there is none.
void slt_needs_brokers(slt_kafka *k);
/// Deletes a consumer group of the real broker, and what it has on record.
void slt_broker_forget(slt_kafka *k, const char *group);
/// Waits until each partition of a cluster, its own topics' too, has as many copies in step as it
/// has brokers. Fails the test after two minutes.
void slt_broker_whole(slt_kafka *k, int n_brokers);

/// One test, on each fixture; the simulated cluster with several seeds, by turns behind the gate.
#define KAFKA_CONTRACT(name)                                                                       \
    static void check_##name(slt_kafka *k);                                                        \
    SL_TEST(name##_brokers, "")                                                                    \
    {                                                                                              \
        slt_kafka k;                                                                               \
        slt_needs_brokers(&k);                                                                     \
        check_##name(&k);                                                                          \
        k.fixture->end(&k);                                                                        \
    }                                                                                              \
    SL_TEST(name##_sim, "")                                                                        \
    {                                                                                              \
        for (uint64_t seed = 1; seed <= 8; seed++) {                                               \
            slt_kafka k;                                                                           \
            slt_kafka_start(&k, &slt_kafka_simulated, seed);                                       \
            check_##name(&k);                                                                      \
            k.fixture->end(&k);                                                                    \
        }                                                                                          \
    }                                                                                              \
    static void check_##name(slt_kafka *k)

void slt_kafka_start(slt_kafka *k, const slt_kafka_fixture *fixture, uint64_t seed);
/// Ends the test as not tried here, unless the fixture has the ability.
#define slt_kafka_needs(k, ability)                                                                \
    do {                                                                                           \
        if ((k)->fixture->ability == NULL) {                                                       \
            (k)->fixture->end(k);                                                                  \
            slt_not_here("a cluster that a test can ask to " #ability);                            \
        }                                                                                          \
    } while (0)

/// "PREFIX-name", until the test ends.
const char *slt_name(slt_kafka *k, const char *name);
/// A topic of that name, made.
const char *slt_topic(slt_kafka *k, const char *name, int32_t n_partitions);
int64_t slt_in(const slt_kafka *k, int64_t us); ///< a deadline
int64_t slt_soon(const slt_kafka *k);           ///< one that no test reaches unless it fails
/// SL_OK, or the test fails with the error's text.
#define slt_ok(k, call) slt_check_ok(k, call, #call, __FILE__, __LINE__)
void slt_check_ok(slt_kafka *k, sl_code rc, const char *what, const char *file, int line);
/// The last error has that text in it.
#define slt_says(k, part)                                                                          \
    do {                                                                                           \
        if (strstr((k)->err.text, part) == NULL) {                                                 \
            fail_msg("'%s' is not in: %s", part, (k)->err.text);                                   \
        }                                                                                          \
    } while (0)

sli_kafka_conf slt_conf(slt_kafka *k);
sli_kafka *slt_consumer(slt_kafka *k);
sli_kafka_producer *slt_producer(slt_kafka *k, const char *id); ///< NULL: without transactions

// ---------------------------------------------------------------- writing

/// A value without a key, at time 0 of the epoch plus a second a record.
sl_code slt_send(slt_kafka *k, sli_kafka_producer *p, const char *topic, int32_t partition,
                 const char *value);
void slt_commit(slt_kafka *k, sli_kafka_producer *p); ///< which must work
/// Words, each a record of partition 0, in one transaction of its own under the id "writer", so
/// that n words take n + 1 offsets. Without `commit` aborted,
/// once the cluster has them.
void slt_write(slt_kafka *k, const char *topic, const char *words, bool commit);
/// Words without transactions.
void slt_put(slt_kafka *k, const char *topic, int32_t partition, const char *words);

/// Behind all records of partition 0, open ones too.
int64_t slt_end_of(slt_kafka *k, const char *topic);
/// Until records of partition 0 have arrived, shown or not.
void slt_wait_for(slt_kafka *k, const char *topic, int64_t from, int64_t to);

// ---------------------------------------------------------------- reading

/// What a consumer has given so far.
typedef struct slt_reader {
    slt_kafka *k;
    sli_kafka *consumer;
    sli_str text[SLT_LANES];  ///< "OFFSET=VALUE " of each record
    int64_t seen[SLT_LANES];  ///< everything before it was given
    int64_t ended[SLT_LANES]; ///< the last end; -1: none
    sl_code lost[SLT_LANES];  ///< SL_OK: not
    sl_error why;             ///< of the last lost or trouble
    sl_code trouble;          ///< of the last one
    int32_t n_given;
} slt_reader;

void slt_reader_init(slt_reader *r, slt_kafka *k); ///< opens a consumer
void slt_reader_reset(slt_reader *r);
void slt_fetch(slt_reader *r, const char *topic, int32_t partition, int64_t offset, int32_t lane);
/// One poll; false when the deadline passed without anything.
bool slt_pump(slt_reader *r, int64_t deadline_us);
/// Polls until a record before it, or an end or record at it or later, was seen of the lane.
void slt_read_to(slt_reader *r, int32_t lane, int64_t to);
void slt_read_lost(slt_reader *r, int32_t lane); ///< until it is lost
/// Partition 0 of a topic from `from` to `to`, as text; until the next call.
const char *slt_text_of(slt_kafka *k, const char *topic, int64_t from, int64_t to);
/// What the group has on record for partition 0 of a topic: "OFFSET TEXT"; until the next call.
const char *slt_mark_of(slt_kafka *k, const char *group, const char *topic);
/// What `offsets` says of partition 0 of a topic.
int64_t slt_offset_of(slt_kafka *k, const char *topic, sli_kafka_when when, int64_t at_us);
