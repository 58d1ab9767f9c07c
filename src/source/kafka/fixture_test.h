/// fixture_test.h — what the tests of the Kafka source share: a simulated cluster beside the place,
/// and who writes into it.
#pragma once

#include "kafka/sim/cluster.h"
#include "source/fixture_test.h"
#include "source/kafka/kafka_int.h"

/// A place with a cluster.
typedef struct slt_feed {
    slt_place p;
    sli_kafka_cluster *cluster;
} slt_feed;

void slt_feed_open(slt_feed *f, uint64_t seed);
void slt_feed_close(slt_feed *f);
void slt_feed_make(slt_feed *f, const char *topic, int32_t n_partitions);
/// Words, each a record of its own with the present time.
void slt_feed_put(slt_feed *f, const char *topic, int32_t partition, const char *words);
/// As put, in one transaction that is committed, or aborted: its marker takes an offset too.
void slt_feed_write(slt_feed *f, const char *topic, int32_t partition, const char *words,
                    bool commit);
/// "kafka://sim:9092/REST", opened and restored.
sli_source *slt_feed_source(slt_feed *f, const char *rest);
sli_source *slt_feed_source_at(slt_feed *f, const char *rest, sl_bytes position);
/// An open that is refused; its error is in f->p.err.
void slt_feed_refused(slt_feed *f, const char *rest);
/// Rows of the next epoch that has some.
const char *slt_feed_take(slt_feed *f, sli_source *source);
/// The next epochs take nothing.
void slt_feed_none(slt_feed *f, sli_source *source);
/// Offers until that fails, with the error in f->p.err.
void slt_feed_fails(slt_feed *f, sli_source *source);
/// The last offer as "start -> end".
const char *slt_feed_offsets(slt_feed *f, sli_source *source);
int64_t slt_feed_lost(slt_feed *f);                      ///< sluice_kafka_lost_total
bool slt_feed_told(const slt_feed *f, const char *text); ///< in the log

/// A test on several seeds.
#define FEED_TEST(name)                                                                            \
    static void check_##name(slt_feed *f);                                                         \
    SL_TEST(name, "")                                                                              \
    {                                                                                              \
        for (uint64_t seed = 1; seed <= 6; seed++) {                                               \
            slt_feed f;                                                                            \
            slt_feed_open(&f, seed);                                                               \
            check_##name(&f);                                                                      \
            slt_feed_close(&f);                                                                    \
        }                                                                                          \
    }                                                                                              \
    static void check_##name(slt_feed *f)
