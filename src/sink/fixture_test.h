/// fixture_test.h — jobs in small: a script that opens a sink, recovers, seals and commits groups
/// as the engine does, with a log that is always durable, and what a reader of the sink sees.
#pragma once

#include "sl_test.h"

#include "base/arena.h"
#include "env/sim.h"
#include "fs/hdfs/sim/cluster.h"
#include "kafka/sim/cluster.h"
#include "postgres/sim/server.h"
#include "sink/sink.h"

enum { SLT_GROUPS = 3, SLT_PARTITIONS = 2, SLT_ROWS = 2 };

/// One way to use a sink.
typedef struct slt_kind {
    const char *name, *url;
    bool by_partition; ///< rows of a group are in order of partition, then epoch
    int32_t gathers;   ///< so many groups become visible together; 0: each at its commit
    bool fences;       ///< a replaced driver is told so by the sink
    bool remote;       ///< it is elsewhere, and uses no disk
    bool real;         ///< on the HDFS of make test-hdfs; the URL is what follows a directory there
} slt_kind;
extern const slt_kind slt_real_hdfs, slt_real_hdfs_directory, slt_real_hdfs_rolled;
extern const slt_kind slt_file, slt_directory, slt_rolled, slt_arrow, slt_rolled_arrow, slt_sqlite,
    slt_kafka, slt_postgres, slt_upsert, slt_hdfs, slt_hdfs_directory, slt_hdfs_rolled;

/// A simulated world with a Kafka cluster, which has the topic "out" of one partition, a PostgreSQL
/// server, and an empty HDFS; or an empty directory of a real HDFS.
typedef struct slt_ground {
    sli_world *world; ///< NULL: the real one
    sli_kafka_cluster *cluster;
    sli_pg_server *server;
    sli_hdfs_cluster *hdfs;
    const slt_kind *kind; ///< what slt_ground_of was made for, with its whole URL
    slt_kind real_kind;
    sl_env *env; ///< of `fs`
    sl_conf *conf;
    sli_fs *fs; ///< the real HDFS, for a reader
    char dir[96], url[256];
} slt_ground;
slt_ground *slt_ground_new(uint64_t seed, const char *bug);
/// The world that a kind needs. On a real one there are no planted bugs. Ends the test as not tried
/// here when there is none.
slt_ground *slt_ground_of(const slt_kind *kind, uint64_t seed, const char *bug);
void slt_ground_free(slt_ground *ground);
sl_env *slt_start(slt_ground *ground);                ///< a process without faults
sli_world *slt_world(uint64_t seed, const char *bug); ///< without a cluster
sl_env *slt_boot(sli_world *world, const sli_fault *fault);

/// What the epoch log would hold.
typedef struct slt_log {
    int64_t generation; ///< the newest that has begun; an older one's groups don't count any more
    int64_t sealed;
    char receipt[SLT_GROUPS + 1][512];
    size_t receipt_size[SLT_GROUPS + 1];
} slt_log;

/// A process of the job.
typedef struct slt_job {
    const slt_kind *kind;
    sl_env *env;
    sli_sink *sink;
    slt_log *log;
    sl_schema *schema;
    int64_t generation;
    int32_t attempt;
    const char *variant; ///< put in front of each word: what another program would have computed
    int64_t said;        ///< by recover
} slt_job;

/// Rows of one partition of an epoch. The caller unrefs.
sl_batch *slt_rows(const sl_schema *schema, const char *variant, int64_t epoch, int32_t partition);
void slt_job_init(slt_job *job, const slt_kind *kind, sl_env *env, slt_log *log,
                  int64_t generation);
void slt_job_reset(slt_job *job);
// The steps; each leaves the job as it was when it fails.
sl_code slt_open(slt_job *job, sl_error *err);                ///< and recover
sl_code slt_sweep(slt_job *job, sl_error *err);               ///< with the log's receipts
sl_code slt_seal(slt_job *job, int64_t group, sl_error *err); ///< stage, seal, into the log
sl_code slt_commit(slt_job *job, int64_t group, sl_error *err);
sl_code slt_show(slt_job *job, sl_error *err); ///< as at the end of a run
/// All of it, up to `groups`.
sl_code slt_run(slt_job *job, int64_t groups, sl_error *err);

/// "word,n" lines of everything published, in order. The caller frees with sl_free.
char *slt_shown(const slt_kind *kind, slt_ground *ground);
char *slt_expected(const slt_kind *kind, const char *variant, int64_t groups);
/// Whether `shown` is the first k groups for some k; returns k or -1.
int64_t slt_prefix(const slt_kind *kind, const char *shown);
