// Every key that users of Spark Streaming set is taken, or refused by name with what to do instead.
// The list is Spark's: its configuration page and the sources of 3.5, not our tables.
#include <stdio.h>
#include <string.h>

#include "api/host.h"
#include "sl_test.h"

/// A key, a value that Spark takes, and the setting of Sluice that it becomes, or NULL.
static const struct key {
    const char *name, *value, *ours;
} keys[] = {
    {"spark.streaming.backpressure.enabled", "true", "backpressure"},
    {"spark.streaming.backpressure.initialRate", "1000", "backpressure.initial_rate"},
    {"spark.streaming.backpressure.rateEstimator", "pid", NULL},
    {"spark.streaming.backpressure.pid.proportional", "1.0", "backpressure.proportional"},
    {"spark.streaming.backpressure.pid.integral", "0.2", "backpressure.integral"},
    {"spark.streaming.backpressure.pid.derived", "0.0", "backpressure.derived"},
    {"spark.streaming.backpressure.pid.minRate", "100", "backpressure.min_rate"},
    {"spark.streaming.receiver.maxRate", "5000", "receiver.max_rate"},
    {"spark.streaming.blockInterval", "200ms", "block.interval"},
    {"spark.streaming.blockQueueSize", "10", NULL},
    {"spark.streaming.receiverRestartDelay", "2000", NULL},
    {"spark.streaming.receiver.blockStoreTimeout", "30", NULL},
    {"spark.streaming.receiver.writeAheadLog.enable", "true", NULL},
    {"spark.streaming.receiver.writeAheadLog.class", "a.B", NULL},
    {"spark.streaming.receiver.writeAheadLog.rollingIntervalSecs", "60", NULL},
    {"spark.streaming.receiver.writeAheadLog.maxFailures", "3", NULL},
    {"spark.streaming.receiver.writeAheadLog.closeFileAfterWrite", "false", NULL},
    {"spark.streaming.driver.writeAheadLog.class", "a.B", NULL},
    {"spark.streaming.driver.writeAheadLog.rollingIntervalSecs", "60", NULL},
    {"spark.streaming.driver.writeAheadLog.maxFailures", "3", NULL},
    {"spark.streaming.driver.writeAheadLog.closeFileAfterWrite", "false", NULL},
    {"spark.streaming.driver.writeAheadLog.allowBatching", "true", NULL},
    {"spark.streaming.driver.writeAheadLog.batchingTimeout", "5000", NULL},
    {"spark.streaming.concurrentJobs", "2", "jobs.concurrent"},
    {"spark.streaming.unpersist", "true", NULL},
    {"spark.streaming.stopGracefullyOnShutdown", "true", "stop.gracefully"},
    {"spark.streaming.gracefulStopTimeout", "10000", "stop.timeout"},
    {"spark.streaming.stopSparkContextByDefault", "true", NULL},
    {"spark.streaming.checkpoint.directory", "/tmp/x", "checkpoint"},
    {"spark.streaming.fileStream.minRememberDuration", "60s", NULL},
    {"spark.streaming.minRememberDuration", "60s", NULL},
    {"spark.streaming.kafka.maxRatePerPartition", "100", NULL},
    {"spark.streaming.kafka.minRatePerPartition", "1", NULL},
    {"spark.streaming.kafka.consumer.cache.enabled", "true", NULL},
    {"spark.streaming.kafka.consumer.cache.initialCapacity", "16", NULL},
    {"spark.streaming.kafka.consumer.cache.maxCapacity", "64", NULL},
    {"spark.streaming.kafka.consumer.cache.loadFactor", "0.75", NULL},
    {"spark.streaming.kafka.consumer.poll.ms", "120000", NULL},
    {"spark.streaming.kafka.allowNonConsecutiveOffsets", "false", NULL},
    {"spark.streaming.sessionByKey.deltaChainThreshold", "20", NULL},
    {"spark.streaming.dynamicAllocation.enabled", "false", NULL},
    {"spark.streaming.dynamicAllocation.minExecutors", "1", NULL},
    {"spark.streaming.dynamicAllocation.maxExecutors", "9", NULL},
    {"spark.streaming.dynamicAllocation.scalingInterval", "60", NULL},
    {"spark.streaming.dynamicAllocation.scalingUpRatio", "0.9", NULL},
    {"spark.streaming.dynamicAllocation.scalingDownRatio", "0.3", NULL},
    {"spark.streaming.ui.retainedBatches", "1000", NULL},
    {"spark.streaming.clock", "a.B", NULL},
    {"spark.streaming.manualClock.jump", "0", NULL},
    {"spark.streaming.internal.batchTime", "0", NULL},
    {"spark.streaming.internal.outputOpId", "0", NULL},
    {"spark.app.name", "x", "name"},
    {"spark.master", "local[2]", "master"},
    {"spark.default.parallelism", "4", "parallelism"},
    {"spark.task.maxFailures", "4", "task.max_failures"},
    {"spark.stage.maxConsecutiveAttempts", "4", "stage.max_attempts"},
    {"spark.local.dir", "/tmp/x", "spill_dir"},
    {"spark.locality.wait", "3s", NULL},
    {"spark.locality.wait.process", "3s", NULL},
    {"spark.locality.wait.node", "3s", NULL},
    {"spark.locality.wait.rack", "3s", NULL},
    {"spark.speculation", "true", "speculation"},
    {"spark.speculation.interval", "100", "speculation.interval"},
    {"spark.speculation.multiplier", "1.5", "speculation.multiplier"},
    {"spark.speculation.quantile", "0.75", "speculation.quantile"},
    {"spark.scheduler.mode", "FAIR", "jobs.mode"},
    {"spark.speculation.minTaskRuntime", "100ms", "speculation.min_runtime"},
    {"spark.scheduler.pool", "fast", "jobs.pool"},
    {"spark.scheduler.allocation.file", "f.xml", "jobs.pools_file"},
    {"spark.shuffle.manager", "sort", NULL},
    {"spark.shuffle.compress", "true", NULL},
    {"spark.shuffle.spill.compress", "true", NULL},
    {"spark.shuffle.sort.bypassMergeThreshold", "200", NULL},
    {"spark.reducer.maxSizeInFlight", "48m", NULL},
    {"spark.io.compression.codec", "lz4", NULL},
    {"spark.memory.fraction", "0.6", NULL},
    {"spark.memory.storageFraction", "0.5", NULL},
    {"spark.memory.offHeap.enabled", "false", NULL},
    {"spark.memory.offHeap.size", "0", NULL},
    {"spark.driver.memory", "1g", NULL},
    {"spark.executor.memory", "1g", NULL},
    {"spark.executor.cores", "1", NULL},
    {"spark.executor.instances", "1", NULL},
    {"spark.cores.max", "4", NULL},
    {"spark.rdd.compress", "false", NULL},
    {"spark.cleaner.periodicGC.interval", "30min", NULL},
    {"spark.cleaner.referenceTracking", "true", NULL},
    {"spark.driver.extraJavaOptions", "-X", NULL},
    {"spark.executor.extraJavaOptions", "-X", NULL},
    {"spark.serializer", "a.B", NULL},
    {"spark.kryo.registrator", "a.B", NULL},
    {"spark.kryoserializer.buffer.max", "64m", NULL},
    {"spark.driver.maxResultSize", "1g", NULL},
    {"spark.network.timeout", "120s", NULL},
    {"spark.ui.enabled", "true", NULL},
    {"spark.ui.port", "4040", NULL},
    {"spark.eventLog.enabled", "true", NULL},
    {"spark.eventLog.dir", "/tmp", NULL},
    {"spark.metrics.conf", "f", NULL},
};

/// Refused in a sentence that begins with the key and goes on with what to do.
static void check_refused(const struct key *key, sl_code rc, const char *text)
{
    size_t size = strlen(key->name);
    static const char middle[] = " is not a setting of Sluice: ";
    if (rc != SL_E_CONFIG || strncmp(text, key->name, size) != 0 ||
        strncmp(text + size, middle, sizeof middle - 1) != 0 ||
        strlen(text) < size + sizeof middle + 10) {
        fail_msg("%s: %s", key->name, text);
    }
}

SL_TEST(every_key_of_spark_streaming_is_taken_or_refused_by_name, "")
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        sl_conf *conf = NULL;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(sl_conf_new(&conf, "job", sli_all_options, NULL), SL_OK);
        sl_code rc = sli_setting_put(conf, keys[i].name, sli_text_of(keys[i].value), &err);
        if (keys[i].ours == NULL) {
            check_refused(&keys[i], rc, err.text);
        } else if (rc != SL_OK || !sl_conf_is_set(conf, keys[i].ours)) {
            fail_msg("%s: %s", keys[i].name, err.text);
        }
        sl_conf_free(conf);
    }
}

SL_TEST(keys_of_kafka_are_refused_with_the_place_where_they_are_set, "")
{
    static const char *const cases[][2] = {
        {"maxRatePerPartition", "kafka://HOST:PORT/TOPIC?max_rate=1000"},
        {"minRatePerPartition", "kafka://HOST:PORT/TOPIC?min_rate=1"},
        {"consumer.poll.ms", "kafka://HOST:PORT/TOPIC?poll_timeout=120s"},
        {"consumer.cache.enabled", "leave the key out"},
        {"allowNonConsecutiveOffsets", "leave the key out"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sl_conf *conf = NULL;
        sl_error err = SL_ERROR_INIT;
        char name[64];
        snprintf(name, sizeof name, "spark.streaming.kafka.%s", cases[i][0]);
        assert_int_equal(sl_conf_new(&conf, "job", sli_all_options, NULL), SL_OK);
        assert_int_equal(sli_setting_put(conf, name, sli_text_of("1"), &err), SL_E_CONFIG);
        assert_non_null(strstr(err.text, cases[i][1]));
        sl_conf_free(conf);
    }
}

SL_TEST(a_key_that_spark_has_not_is_refused_too, "")
{
    sl_conf *conf = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_new(&conf, "job", sli_all_options, NULL), SL_OK);
    assert_int_equal(
        sli_setting_put(conf, "spark.streaming.blockIntervall", sli_text_of("1s"), &err),
        SL_E_CONFIG);
    assert_non_null(strstr(err.text, "spark.streaming.blockIntervall is not known to Sluice"));
    sl_conf_free(conf);
}
