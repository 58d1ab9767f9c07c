// What can be set, and by which names. Spark's names are mapped where the meaning is the same, and
// refused by name where it is not: a setting that is silently ignored would be a lie.
#include "api/spark_keys.h"
#include "api/test_int.h"

#include <stdio.h>

const sl_option sli_host_options[] = {
    {.name = "master",
     .type = SL_OPT_TEXT,
     .fallback = "local[*]",
     .text = "Where tasks run: local (one worker), local[N], local[*] (a worker for each processor "
             "that affinity and control groups let the process use)."},
    {.name = "name",
     .type = SL_OPT_TEXT,
     .text = "The job's name, in progress and in its checkpoint."},
    {.name = "parallelism",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .high = "1024",
     .flags = SL_OPT_RESULT,
     .text = "Partitions of a shuffle; 0: as many as workers. Fixed by the checkpoint for planned "
             "epochs."},
    {.name = "memory",
     .type = SL_OPT_SIZE,
     .fallback = "1GiB",
     .low = "64KiB",
     .text = "Budget for cached, received and shuffled blocks, outboxes and state; over it blocks "
             "are evicted or spilled. By default half of the memory that the machine and control "
             "groups let the process use, where that is less."},
    {.name = "spill_dir",
     .type = SL_OPT_TEXT,
     .text = "Directory for spilled blocks; default: spill/ in the checkpoint, else a directory of "
             "its own in TMPDIR."},
    {.name = "sql.memory",
     .type = SL_OPT_SIZE,
     .fallback = "256MiB",
     .low = "16MiB",
     .text = "What the SQL engine of each worker may hold beside `memory`; a query that needs more "
             "goes to spill_dir."},
    {.name = "compat",
     .type = SL_OPT_CHOICE,
     .fallback = "sluice",
     .choices = "sluice|spark",
     .flags = SL_OPT_RESULT,
     .text = "spark: Spark's behaviour where Sluice cures one of its traps."},
    {.name = "backend",
     .type = SL_OPT_CHOICE,
     .fallback = "auto",
     .choices = "auto|inline|pool",
     .text =
         "inline: tasks run on the driver, in an order drawn from seed; pool: a thread a worker, "
         "the driver's own for the first."},
    {.name = "seed",
     .type = SL_OPT_INT,
     .fallback = "0",
     .text = "Order of tasks of the inline backend, as SLUICE_SEED; never reaches a result."},
    {.name = "progress",
     .type = SL_OPT_TEXT,
     .fallback = "auto",
     .text = "auto: a line on a terminal; json: a JSON line an epoch on standard error; none; or a "
             "file for JSON lines."},
    {.name = "metrics",
     .type = SL_OPT_TEXT,
     .text = "File for metrics in Prometheus text format, written anew every 5 s."},
    {.name = "trace",
     .type = SL_OPT_TEXT,
     .text = "File for a timeline of epochs, stages, tasks, commits and snapshots, as "
             "chrome://tracing and Perfetto open it; replaced at the start, at most 256 MiB. "
             "SLUICE_TRACE is the same setting from the environment."},
    {.name = "stop.gracefully",
     .type = SL_OPT_BOOL,
     .fallback = "true",
     .text = "sluice run and sl_main: the first SIGTERM, Ctrl-C or SIGHUP stops gracefully; false: "
             "after the running epoch. The second always does the latter."},
    {.name = "listener.queue",
     .type = SL_OPT_INT,
     .fallback = "10000",
     .low = "1",
     .high = "60000",
     .text = "Events that may wait for the program's listeners; further ones are dropped and "
             "counted."},
    {.name = "log",
     .type = SL_OPT_TEXT,
     .text = "Log levels, as in SLUICE_LOG: \"info\" or \"sched=debug,ckpt=trace\"."},
    {0},
};

const sl_option *const sli_all_options[] = {
    sli_engine_options, sli_host_options,  sli_ingest_options,
    sli_poison_options, sli_sched_options, NULL,
};

const sli_ml_help *const sli_all_models[] = {
    &sli_ml_kmeans_help,      &sli_ml_linear_help, &sli_ml_logistic_help,
    &sli_ml_standardize_help, &sli_ml_ftrl_help,   &sli_ml_xgboost_help,
    &sli_ml_onnx_help,        &sli_ml_test_help,   NULL,
};

const sli_source_ops *const sli_all_sources[] = {
    &sli_source_file,  &sli_source_socket,
    &sli_source_stdin, &sli_source_custom,
    &sli_source_rate,  &sli_source_queue,
    &sli_source_kafka, &sli_source_http,
    &sli_source_flume, &sli_source_flume_poll,
    &sli_source_mqtt,  &sli_source_hdfs,
    &sli_source_tail,  NULL,
};

const sli_sink_ops *const sli_all_sinks[] = {
    &sli_sink_console, &sli_sink_file,     &sli_sink_hdfs,    &sli_sink_sqlite,    &sli_sink_kafka,
    &sli_sink_mqtt,    &sli_sink_postgres, &sli_sink_collect, &sli_sink_blackhole, NULL,
};

/// A Spark key and Sluice's name for the same thing. Those that have none: spark_keys.c.
typedef struct spark_key {
    const char *spark, *ours;
    const char *unit; ///< appended to a bare number, which in Spark's key has this unit
    bool in_capitals; ///< Spark's words are ours in capitals
} spark_key;

static const spark_key spark_keys[] = {
    {"spark.app.name", "name", NULL, false},
    {"spark.master", "master", NULL, false},
    {"spark.default.parallelism", "parallelism", NULL, false},
    {"spark.local.dir", "spill_dir", NULL, false},
    {"spark.task.maxFailures", "task.max_failures", NULL, false},
    {"spark.stage.maxConsecutiveAttempts", "stage.max_attempts", NULL, false},
    {"spark.scheduler.listenerbus.eventqueue.capacity", "listener.queue", NULL, false},
    {"spark.scheduler.mode", "jobs.mode", NULL, true},
    {"spark.scheduler.allocation.file", "jobs.pools_file", NULL, false},
    {"spark.scheduler.pool", "jobs.pool", NULL, false},
    {"spark.speculation", "speculation", NULL, false},
    {"spark.speculation.interval", "speculation.interval", "ms", false},
    {"spark.speculation.multiplier", "speculation.multiplier", NULL, false},
    {"spark.speculation.quantile", "speculation.quantile", NULL, false},
    {"spark.speculation.minTaskRuntime", "speculation.min_runtime", "ms", false},
    {"spark.streaming.concurrentJobs", "jobs.concurrent", NULL, false},
    {"spark.streaming.blockInterval", "block.interval", "ms", false},
    {"spark.streaming.receiver.maxRate", "receiver.max_rate", NULL, false},
    {"spark.streaming.backpressure.enabled", "backpressure", NULL, false},
    {"spark.streaming.backpressure.initialRate", "backpressure.initial_rate", NULL, false},
    {"spark.streaming.backpressure.pid.proportional", "backpressure.proportional", NULL, false},
    {"spark.streaming.backpressure.pid.integral", "backpressure.integral", NULL, false},
    {"spark.streaming.backpressure.pid.derived", "backpressure.derived", NULL, false},
    {"spark.streaming.backpressure.pid.minRate", "backpressure.min_rate", NULL, false},
    {"spark.streaming.checkpoint.directory", "checkpoint", NULL, false},
    {"spark.sql.streaming.stateStore.rocksdb.maxMemoryUsageMB", "state.memory", "MiB", false},
    {"spark.streaming.stopGracefullyOnShutdown", "stop.gracefully", NULL, false},
    {"spark.streaming.gracefulStopTimeout", "stop.timeout", "ms", false},
};

/// `text` has room for it.
static sl_text in_small_letters(sl_text value, char *text)
{
    for (size_t i = 0; i < value.size; i++) {
        char c = value.data[i];
        text[i] = c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
    }
    return (sl_text){text, value.size};
}

static sl_code put_spark(sl_conf *conf, const char *name, sl_text value, sl_error *err)
{
    for (size_t i = 0; i < sizeof spark_keys / sizeof spark_keys[0]; i++) {
        const spark_key *key = &spark_keys[i];
        if (strcmp(key->spark, name) != 0) {
            continue;
        }
        int64_t number = 0;
        char text[64];
        if (key->unit != NULL && sli_scan_int64(value, &number, NULL) == SL_OK) {
            (void)snprintf(text, sizeof text, "%lld%s", (long long)number, key->unit);
            value = sli_text_of(text);
        }
        if (key->in_capitals && value.size < sizeof text) {
            value = in_small_letters(value, text);
        }
        sl_code rc = sl_conf_set(conf, key->ours, value, err);
        return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "%s", name);
    }
    const char *instead = sli_spark_instead(name);
    if (instead != NULL) {
        return sl_error_set(err, SL_E_CONFIG, "%s is not a setting of Sluice: %s", name, instead);
    }
    return sl_error_set(err, SL_E_CONFIG,
                        "%s is not known to Sluice: 'sluice help options' lists the settings, "
                        "docs/PORTING.md maps Spark's",
                        name);
}

sl_code sli_setting_put(sl_conf *conf, const char *name, sl_text value, sl_error *err)
{
    return strncmp(name, "spark.", 6) == 0 ? put_spark(conf, name, value, err)
                                           : sl_conf_set(conf, name, value, err);
}

sl_code sli_settings_put(sl_conf *conf, const char *const *pairs, sl_error *err)
{
    for (int32_t i = 0; pairs != NULL && pairs[i] != NULL; i += 2) {
        if (pairs[i + 1] == NULL) {
            return sl_error_set(err, SL_E_CONFIG, "setting '%s' has no value", pairs[i]);
        }
        SL_TRY(sli_setting_put(conf, pairs[i], sli_text_of(pairs[i + 1]), err));
    }
    return SL_OK;
}
