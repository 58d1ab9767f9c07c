/// cluster.h — a simulated Kafka cluster: what stands for librdkafka and its brokers in a simulated
/// world.
///
/// The cluster belongs to a test's harness and outlives processes, as the world's disk does.
/// Processes reach it through kafka.h, as the world's module `kafka_rd`; what is here is the
/// harness's side: at once, without faults, not counted. Offsets, transactions, fencing and groups
/// are as README.md tells.
///
/// By the world's seed: which partition a poll goes on with and how much of it, when what was sent
/// arrives, how long a commit that is on record takes to show, which answers are lost.
#pragma once

#include "env/sim.h"
#include "kafka/kafka.h"

typedef struct sli_kafka_cluster sli_kafka_cluster;

/// The table that the world's module has.
extern const sli_kafka_ops sli_kafka_simulated;

/// An empty cluster, which is the world's module `kafka_rd` from now on. One a world; NULL without
/// memory.
sli_kafka_cluster *sli_kafka_cluster_new(sli_world *world);
/// Every client must have been closed; before the world. Accepts NULL.
void sli_kafka_cluster_free(SL_TAKES sli_kafka_cluster *cluster);

// ---------------------------------------------------------------- topics and their records

/// Fails: SL_E_EXISTS; SL_E_INVALID over 4,096 partitions; SL_E_NOMEM.
sl_code sli_kafka_cluster_make(sli_kafka_cluster *cluster, const char *topic, int32_t n_partitions,
                               sl_error *err);
/// Adds partitions, so that there are `n_partitions`. Fails: SL_E_NOT_FOUND, SL_E_INVALID (fewer
/// than now), SL_E_NOMEM.
sl_code sli_kafka_cluster_grow(sli_kafka_cluster *cluster, const char *topic, int32_t n_partitions,
                               sl_error *err);
/// The topic and all in it is gone; made again it begins at offset 0.
sl_code sli_kafka_cluster_delete(sli_kafka_cluster *cluster, const char *topic, sl_error *err);
/// A record of somebody else's, without a transaction, whatever the topic's limit.
sl_code sli_kafka_cluster_put(sli_kafka_cluster *cluster, const sli_kafka_message *message,
                              sl_error *err);
/// Records before `first->offset` are gone, which is the first that is kept now. Fails:
/// SL_E_NOT_FOUND; SL_E_INVALID behind the last stable offset.
sl_code sli_kafka_cluster_age(sli_kafka_cluster *cluster, const sli_kafka_spot *first,
                              sl_error *err);
/// Removes what a later record of its key replaces, aborted records and markers; the last of all
/// stays. Offsets keep their holes.
sl_code sli_kafka_cluster_compact(sli_kafka_cluster *cluster, const char *topic, int32_t partition,
                                  sl_error *err);
/// Records from `end->offset` on are gone and their offsets are given again: what the election of a
/// broker does that lagged behind.
sl_code sli_kafka_cluster_cut(sli_kafka_cluster *cluster, const sli_kafka_spot *end, sl_error *err);

// ---------------------------------------------------------------- what goes wrong

/// Nobody answers for so long (virtual time) from now; 0: it is back. SLI_FOREVER: until told.
void sli_kafka_cluster_away(sli_kafka_cluster *cluster, int64_t for_us);
/// The largest record, key, value and headers together, that the topic takes: 1,048,588 bytes at
/// first.
sl_code sli_kafka_cluster_limit(sli_kafka_cluster *cluster, const char *topic, int64_t bytes,
                                sl_error *err);
/// The next `n` records that are sent to the topic are refused: SL_E_DATA, the record is not
/// right; SL_E_TIMEOUT, it can't be kept now (too few replicas).
sl_code sli_kafka_cluster_refuse(sli_kafka_cluster *cluster, const char *topic, int32_t n,
                                 sl_code why, sl_error *err);
/// Nobody may read or write the topic, or everybody may again.
sl_code sli_kafka_cluster_forbid(sli_kafka_cluster *cluster, const char *topic, bool forbidden,
                                 sl_error *err);
/// Clients that are opened from now on must have it as `sasl.password`; NULL: none is asked for.
/// Lives as long as the cluster.
void sli_kafka_cluster_password(sli_kafka_cluster *cluster, const char *password);
/// From now on the answer of a request is lost with this chance, however often its client asks
/// until the deadline (a call without a deadline hears it in the end). Whether the request was
/// done is drawn too.
void sli_kafka_cluster_lose(sli_kafka_cluster *cluster, double chance);
/// The answer of the n-th request from now on (1: the next) is lost so, and it was done, or not.
void sli_kafka_cluster_lose_at(sli_kafka_cluster *cluster, int64_t n, bool done);
/// Requests so far: questions, openings, deliveries of what was sent, marks, commits, aborts.
int64_t sli_kafka_cluster_requests(const sli_kafka_cluster *cluster);

/// What a group has on record and was not set for so long is gone (offsets.retention.minutes). At
/// first nothing expires by itself.
void sli_kafka_cluster_retain(sli_kafka_cluster *cluster, int64_t for_us);
/// What a group has on record is gone: it has expired.
void sli_kafka_cluster_forget(sli_kafka_cluster *cluster, const char *group);

// ---------------------------------------------------------------- looking

/// `record->lane` is the partition. Its bytes live for the call.
typedef void (*sli_kafka_look_fn)(void *ctx, const sli_kafka_record *record);
/// Shows everything that a read_committed reader of the whole topic would see, partition by
/// partition in the order of offsets; commits that are on record count. Returns the number of
/// records; -1: no such topic. `each` may be NULL.
int64_t sli_kafka_cluster_look(sli_kafka_cluster *cluster, const char *topic,
                               sli_kafka_look_fn each, void *ctx);
/// The number of records that a read_uncommitted reader of the whole topic would see: those of open
/// and aborted transactions, too. -1: no such topic.
int64_t sli_kafka_cluster_arrived(sli_kafka_cluster *cluster, const char *topic);
/// What a group has on record for a partition; commits that are on record count.
sli_kafka_mark sli_kafka_cluster_mark(sli_kafka_cluster *cluster, const char *group,
                                      const char *topic, int32_t partition);
