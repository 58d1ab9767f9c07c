/// rig.h — what the tests on real brokers are made of: topics, numbered records, lives of the
/// released program on jobs/kafka_job.c, and the comparison of what Kafka's own console consumer
/// shows with what was fed.
#pragma once

#include "kafka/fixture_test.h"
#include "life.h"

enum { SLT_RIG_PARTITIONS = 4, SLT_RIG_KEYS = 13 };

typedef struct slt_rig {
    slt_kafka k;
    const char *dir;
    const char *in, *out, *totals; ///< topics
    char brokers[256];             ///< that the program is told
    const char *out_brokers;       ///< others for its outputs; NULL: the same
    const char *in_format;
    const char *in_more, *out_more; ///< further options in the URLs, "&name=value..."
    const char *more_settings[2];   ///< of the program, "name=value"; NULL: none
    /// The value of a record; NULL: its number.
    void (*put_value)(int64_t number, char *out, size_t size);
    slt_life life;
    int64_t n_fed;
    int32_t lost_partition; ///< whose offsets [lost_from, lost_to) are gone, unread
    int64_t lost_from, lost_to;
} slt_rig;

/// Ends the test as not tried here, unless there is a broker.
void slt_rig_open(slt_rig *rig);
/// n more records, over all partitions in turn.
void slt_rig_feed(slt_rig *rig, int64_t n);
/// Starts the next life, by turns with state in memory and in files.
void slt_rig_start(slt_rig *rig);
/// Waits, and fails the test when the program ends, until a read_committed reader sees n records
/// of the output.
void slt_rig_await(slt_rig *rig, int64_t n);
/// Waits for all, stops the program, and compares: each record fed that is not lost is shown once,
/// and each key's last total is right. Called once, at the end.
void slt_rig_check(slt_rig *rig);
void slt_rig_close(slt_rig *rig);
/// Waits until the marks of both outputs name the same group.
void slt_rig_await_marks(slt_rig *rig);
/// The group that holds the mark of the outputs' first or second, which is its transactional id
/// too.
void slt_rig_group(const slt_rig *rig, int output, char group[128]);
/// Deletes the groups that hold the marks of its outputs.
void slt_rig_forget_marks(slt_rig *rig);

// ---------------------------------------------------------------- the broker's process

void slt_broker_signal(int number);
/// Starts it on the data that it left, and waits until it serves.
void slt_broker_restart(void);

// ---------------------------------------------------------------- truth.c

/// Adds up what `count` says of each file of a directory.
void slt_each_file(const char *dir, int64_t (*count)(const char *path), int64_t *sum);

typedef void (*slt_shown_fn)(void *ctx, const char *key, const char *value);
/// Every record of some partitions that Kafka's own console consumer shows under read_committed:
/// those of the topics that match, each of `n_partitions` all together, in order per partition.
void slt_shown(slt_kafka *k, const char *const *topics, const int32_t *n_partitions, int n,
               slt_shown_fn see, void *ctx);
