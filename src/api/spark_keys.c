// Keys of Spark that have no setting of Sluice behind them, each with what to do instead. Those
// that have one are in options.c.
#include "api/spark_keys.h"

#include <string.h>

/// A key of Spark, and what to do instead of it.
typedef struct spark_instead {
    const char *spark, *instead;
} spark_instead;

#define NO_WAL                                                                                     \
    "received data is always logged, in Sluice's own files, when there is a checkpoint "           \
    "directory: leave the key out"
#define NO_CACHE                                                                                   \
    "a Kafka source has one consumer, which fetches ahead (option ahead of its URL): leave the "   \
    "key out"
#define NO_EXECUTORS "a job is one process: --master local[N] says how many workers it has"
#define NO_LOCALITY "all workers share one memory, so no task waits for a place: leave the key out"
#define NO_UI "there is no web page: --progress json and --metrics FILE say what it would"
#define NO_JVM "there is no JVM: leave the key out"
#define NO_SERIALIZER                                                                              \
    "rows are columns and functions are data, so nothing is serialised: leave the key out"
#define NO_SHUFFLE                                                                                 \
    "a shuffle is blocks of rows in memory, spilled when memory is short: leave the key out"
#define ONE_MEMORY "one budget holds cached, shuffled and received blocks and state: set memory"
#define FOR_TESTS "the clock of tests is sl_test's (sluice/test.h): leave the key out"

static const spark_instead keys[] = {
    {"spark.streaming.backpressure.rateEstimator", "pid is the only one: leave the key out"},
    {"spark.streaming.blockQueueSize",
     "receiver.max_pending bounds what a receiver holds: leave the key out"},
    {"spark.streaming.receiverRestartDelay",
     "write it into the source's URL: socket://HOST:PORT?reconnect_delay=2s"},
    {"spark.streaming.receiver.blockStoreTimeout",
     "a full disk stops the reading, not the job: leave the key out"},
    {"spark.streaming.receiver.writeAheadLog.class", NO_WAL},
    {"spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", NO_WAL},
    {"spark.streaming.receiver.writeAheadLog.maxFailures", NO_WAL},
    {"spark.streaming.receiver.writeAheadLog.closeFileAfterWrite", NO_WAL},
    {"spark.streaming.driver.writeAheadLog.class", NO_WAL},
    {"spark.streaming.driver.writeAheadLog.rollingIntervalSecs", NO_WAL},
    {"spark.streaming.driver.writeAheadLog.maxFailures", NO_WAL},
    {"spark.streaming.driver.writeAheadLog.closeFileAfterWrite", NO_WAL},
    {"spark.streaming.driver.writeAheadLog.allowBatching", NO_WAL},
    {"spark.streaming.driver.writeAheadLog.batchingTimeout",
     "block.interval is the shortest time between two syncs of received data; leave the key out"},
    {"spark.streaming.receiver.writeAheadLog.enable",
     "received data is always logged when the job has a checkpoint directory: leave the key out"},
    {"spark.streaming.unpersist", "old epochs' blocks are always dropped: leave the key out"},
    {"spark.streaming.stopSparkContextByDefault",
     "a context has no other one behind it: leave the key out"},
    {"spark.streaming.fileStream.minRememberDuration",
     "every file that was taken is remembered, and old times don't matter: leave the key out, or "
     "set compat=spark"},
    {"spark.streaming.minRememberDuration",
     "every file that was taken is remembered, and old times don't matter: leave the key out, or "
     "set compat=spark"},
    {"spark.streaming.kafka.maxRatePerPartition",
     "write it into the source's URL: kafka://HOST:PORT/TOPIC?max_rate=1000"},
    {"spark.streaming.kafka.minRatePerPartition",
     "write it into the source's URL: kafka://HOST:PORT/TOPIC?min_rate=1"},
    {"spark.streaming.kafka.consumer.cache.enabled", NO_CACHE},
    {"spark.streaming.kafka.consumer.cache.initialCapacity", NO_CACHE},
    {"spark.streaming.kafka.consumer.cache.maxCapacity", NO_CACHE},
    {"spark.streaming.kafka.consumer.cache.loadFactor", NO_CACHE},
    {"spark.streaming.kafka.consumer.poll.ms",
     "write it into the source's URL: kafka://HOST:PORT/TOPIC?poll_timeout=120s"},
    {"spark.streaming.kafka.allowNonConsecutiveOffsets",
     "offsets may have gaps always, from compaction or transactions: leave the key out"},
    {"spark.streaming.sessionByKey.deltaChainThreshold",
     "snapshot.bytes and snapshot.groups say when deltas of state become a snapshot"},
    {"spark.streaming.dynamicAllocation.enabled", NO_EXECUTORS},
    {"spark.streaming.dynamicAllocation.minExecutors", NO_EXECUTORS},
    {"spark.streaming.dynamicAllocation.maxExecutors", NO_EXECUTORS},
    {"spark.streaming.dynamicAllocation.scalingInterval", NO_EXECUTORS},
    {"spark.streaming.dynamicAllocation.scalingUpRatio", NO_EXECUTORS},
    {"spark.streaming.dynamicAllocation.scalingDownRatio", NO_EXECUTORS},
    {"spark.streaming.ui.retainedBatches", NO_UI},
    {"spark.streaming.clock", FOR_TESTS},
    {"spark.streaming.manualClock.jump", FOR_TESTS},
    {"spark.streaming.internal.batchTime", "functions ask sl_args_time_us: leave the key out"},
    {"spark.streaming.internal.outputOpId",
     "outputs are named after their stream: leave the key out"},

    {"spark.sql.streaming.stateStore.providerClass",
     "state.store=rocksdb keeps state in RocksDB, state.store=memory in memory"},
    {"spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled",
     "what changed is always logged, group by group: leave the key out"},
    {"spark.sql.streaming.stateStore.rocksdb.boundedMemoryUsage",
     "memory is always bounded, by state.memory: leave the key out"},
    {"spark.locality.wait", NO_LOCALITY},
    {"spark.locality.wait.process", NO_LOCALITY},
    {"spark.locality.wait.node", NO_LOCALITY},
    {"spark.locality.wait.rack", NO_LOCALITY},
    {"spark.shuffle.manager", NO_SHUFFLE},
    {"spark.shuffle.compress", NO_SHUFFLE},
    {"spark.shuffle.spill.compress", NO_SHUFFLE},
    {"spark.shuffle.sort.bypassMergeThreshold", NO_SHUFFLE},
    {"spark.reducer.maxSizeInFlight", NO_SHUFFLE},
    {"spark.io.compression.codec", NO_SHUFFLE},
    {"spark.memory.fraction", ONE_MEMORY},
    {"spark.memory.storageFraction", ONE_MEMORY},
    {"spark.memory.offHeap.enabled", ONE_MEMORY},
    {"spark.memory.offHeap.size", ONE_MEMORY},
    {"spark.driver.memory", ONE_MEMORY},
    {"spark.executor.memory", ONE_MEMORY},
    {"spark.executor.cores", NO_EXECUTORS},
    {"spark.executor.instances", NO_EXECUTORS},
    {"spark.cores.max", NO_EXECUTORS},
    {"spark.rdd.compress", "cached rows are columns and not compressed: leave the key out"},
    {"spark.cleaner.periodicGC.interval", NO_JVM},
    {"spark.cleaner.referenceTracking", NO_JVM},
    {"spark.driver.extraJavaOptions", NO_JVM},
    {"spark.executor.extraJavaOptions", NO_JVM},
    {"spark.serializer", NO_SERIALIZER},
    {"spark.kryo.registrator", NO_SERIALIZER},
    {"spark.kryoserializer.buffer.max", NO_SERIALIZER},
    {"spark.driver.maxResultSize", "collected rows are the caller's memory: leave the key out"},
    {"spark.network.timeout", "there is no network between workers: leave the key out"},
    {"spark.ui.enabled", NO_UI},
    {"spark.ui.port", NO_UI},
    {"spark.eventLog.enabled", "--trace FILE writes a timeline of epochs, stages and tasks"},
    {"spark.eventLog.dir", "--trace FILE writes a timeline of epochs, stages and tasks"},
    {"spark.metrics.conf", "--metrics FILE writes all metrics in Prometheus' text format"},
};

const char *sli_spark_instead(const char *name)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (strcmp(keys[i].spark, name) == 0) {
            return keys[i].instead;
        }
    }
    return NULL;
}
