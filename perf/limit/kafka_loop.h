/// kafka_loop.h — what the loops over a Kafka topic share: a bare librdkafka consumer that reads
/// all partitions of a topic from their first record on, and the figures of the whole process.
///
/// The consumer is as the engine's module opens its own: librdkafka's simple interface, all
/// partitions into one queue, read_committed, and the same limit to what is fetched ahead.
///
///     kafka_loop loop = kafka_loop_open(&options);
///     while (kafka_loop_take(&loop)) {           // loop.batch[0 .. loop.n)
///     }
///     kafka_loop_report(&loop, "kafka_read", "");
///
/// Figures are of the whole process, from its start to the last record: what librdkafka's threads
/// do is counted. start_ms is the time to the first record. Compiles as C and as C++.
#pragma once
#include "limit.h"

#include <librdkafka/rdkafka.h>
#include <sys/resource.h>
#include <unistd.h>

enum { KAFKA_LOOP_BATCH = 1024, KAFKA_LOOP_AHEAD_KIB = 16384 };

typedef struct kafka_loop_options {
    const char *brokers, *topic;
    int64_t n_records; ///< after so many it ends
    int64_t ahead_kib; ///< fetched and not taken, at most
    int wait_ms;       ///< for a first record, in one call
    int64_t begin_ns;  ///< when the program was started, by the clock of limit_wall_ns
} kafka_loop_options;

typedef struct kafka_loop {
    kafka_loop_options of;
    rd_kafka_t *rd;
    rd_kafka_topic_t *topic;
    rd_kafka_queue_t *queue;
    int32_t n_partitions;
    rd_kafka_message_t *batch[KAFKA_LOOP_BATCH];
    size_t n;          ///< messages in `batch`; ends of partitions are among them, with an error
    int64_t n_records; ///< taken so far
    int64_t n_bytes;   ///< of their values
    int64_t first_ns;  ///< when the first one came
    int64_t work_ns;   ///< of the thread, beyond reading
} kafka_loop;

/// Reads [-b BEGIN_NS] [-a AHEAD_KIB] BROKERS TOPIC RECORDS.
static inline kafka_loop_options kafka_loop_arguments(int argc, char **argv)
{
    kafka_loop_options of;
    memset(&of, 0, sizeof of);
    of.begin_ns = limit_wall_ns();
    of.ahead_kib = KAFKA_LOOP_AHEAD_KIB;
    of.wait_ms = 100;
    int option;
    while ((option = getopt(argc, argv, "b:a:")) != -1) {
        if (option == 'b') {
            of.begin_ns = limit_number("-b", optarg, 0, INT64_MAX);
        } else if (option == 'a') {
            of.ahead_kib = limit_number("-a", optarg, 1, 2097151);
        } else {
            limit_die("usage: %s [-b BEGIN_NS] [-a AHEAD_KIB] BROKERS TOPIC RECORDS", argv[0]);
        }
    }
    if (argc - optind != 3) {
        limit_die("usage: %s [-b BEGIN_NS] [-a AHEAD_KIB] BROKERS TOPIC RECORDS", argv[0]);
    }
    of.brokers = argv[optind];
    of.topic = argv[optind + 1];
    of.n_records = limit_number("RECORDS", argv[optind + 2], 1, INT64_MAX);
    return of;
}

static inline void kafka_loop_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char why[256];
    if (rd_kafka_conf_set(conf, name, value, why, sizeof why) != RD_KAFKA_CONF_OK) {
        limit_die("%s=%s: %s", name, value, why);
    }
}

/// A client of `type`; ends the program when there is none to be had. Takes conf.
static inline rd_kafka_t *kafka_loop_client(rd_kafka_type_t type, rd_kafka_conf_t *conf)
{
    char why[256];
    rd_kafka_t *rd = rd_kafka_new(type, conf, why, sizeof why);
    if (rd == NULL) {
        limit_die("librdkafka: %s", why);
    }
    return rd;
}

static inline int32_t kafka_loop_partitions(rd_kafka_t *rd, rd_kafka_topic_t *topic)
{
    const struct rd_kafka_metadata *found = NULL;
    rd_kafka_resp_err_t code = rd_kafka_metadata(rd, 0, topic, &found, 10000);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        limit_die("%s: %s", rd_kafka_topic_name(topic), rd_kafka_err2str(code));
    }
    int32_t n = found->topic_cnt == 1 ? found->topics[0].partition_cnt : 0;
    rd_kafka_metadata_destroy(found);
    if (n == 0) {
        limit_die("%s: no such topic", rd_kafka_topic_name(topic));
    }
    return n;
}

/// Reads all partitions from their first record on.
static inline kafka_loop kafka_loop_open(const kafka_loop_options *of)
{
    char kib[24];
    kafka_loop loop;
    memset(&loop, 0, sizeof loop);
    loop.of = *of;
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    (void)snprintf(kib, sizeof kib, "%lld", (long long)of->ahead_kib);
    kafka_loop_set(conf, "bootstrap.servers", of->brokers);
    kafka_loop_set(conf, "queued.max.messages.kbytes", kib);
    kafka_loop_set(conf, "isolation.level", "read_committed");
    kafka_loop_set(conf, "enable.auto.commit", "false");
    kafka_loop_set(conf, "enable.auto.offset.store", "false");
    kafka_loop_set(conf, "enable.partition.eof", "true");
    loop.rd = kafka_loop_client(RD_KAFKA_CONSUMER, conf);
    loop.topic = rd_kafka_topic_new(loop.rd, of->topic, NULL);
    loop.queue = rd_kafka_queue_new(loop.rd);
    loop.n_partitions = kafka_loop_partitions(loop.rd, loop.topic);
    for (int32_t p = 0; p < loop.n_partitions; p++) {
        if (rd_kafka_consume_start_queue(loop.topic, p, RD_KAFKA_OFFSET_BEGINNING, loop.queue) !=
            0) {
            limit_die("%s partition %d: %s", of->topic, (int)p,
                      rd_kafka_err2str(rd_kafka_last_error()));
        }
    }
    return loop;
}

static inline void kafka_loop_release(kafka_loop *loop)
{
    for (size_t i = 0; i < loop->n; i++) {
        rd_kafka_message_destroy(loop->batch[i]);
    }
    loop->n = 0;
}

/// Waits for records and has them in `batch`, in place of the last ones. False when all that were
/// asked for have been given.
static inline bool kafka_loop_take(kafka_loop *loop)
{
    kafka_loop_release(loop);
    if (loop->n_records >= loop->of.n_records) {
        return false;
    }
    ssize_t n =
        rd_kafka_consume_batch_queue(loop->queue, loop->of.wait_ms, loop->batch, KAFKA_LOOP_BATCH);
    loop->n = n > 0 ? (size_t)n : 0;
    for (size_t i = 0; i < loop->n; i++) {
        if (loop->batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            loop->n_records++;
            loop->n_bytes += (int64_t)loop->batch[i]->len;
        } else if (loop->batch[i]->err != RD_KAFKA_RESP_ERR__PARTITION_EOF) {
            limit_die("%s: %s", loop->of.topic, rd_kafka_message_errstr(loop->batch[i]));
        }
    }
    if (loop->first_ns == 0 && loop->n_records > 0) {
        loop->first_ns = limit_wall_ns();
    }
    return true;
}

/// Counts the thread's time since `begin_ns` (limit_thread_cpu_ns) as work beyond reading.
static inline void kafka_loop_worked(kafka_loop *loop, int64_t begin_ns)
{
    loop->work_ns += limit_thread_cpu_ns() - begin_ns;
}

/// Prints a line of figures, `more` (pairs of its own, each with a space before it) at its end.
static inline void kafka_loop_report(kafka_loop *loop, const char *name, const char *more)
{
    struct rusage usage;
    int64_t wall_ns = limit_wall_ns() - loop->of.begin_ns;
    int64_t cpu_ns = limit_process_cpu_ns();
    if (getrusage(RUSAGE_SELF, &usage) != 0) {
        limit_die_errno("getrusage");
    }
    printf("%s records=%lld bytes=%lld records_s=%.0f cpu_s=%.3f cpu_s_per_million=%.4f "
           "work_s_per_million=%.4f start_ms=%.1f peak_mb=%.1f%s\n",
           name, (long long)loop->n_records, (long long)loop->n_bytes,
           (double)loop->n_records * 1e9 / (double)wall_ns, (double)cpu_ns * 1e-9,
           (double)cpu_ns * 1e-3 / (double)loop->n_records,
           (double)loop->work_ns * 1e-3 / (double)loop->n_records,
           (double)(loop->first_ns - loop->of.begin_ns) * 1e-6, (double)usage.ru_maxrss / 1024,
           more);
}

static inline void kafka_loop_close(kafka_loop *loop)
{
    kafka_loop_release(loop);
    for (int32_t p = 0; p < loop->n_partitions; p++) {
        (void)rd_kafka_consume_stop(loop->topic, p);
    }
    rd_kafka_queue_destroy(loop->queue);
    rd_kafka_topic_destroy(loop->topic);
    rd_kafka_destroy_flags(loop->rd, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

// ---- records as text ------------------------------------------------------------------------

/// Values one behind the other, each ended by '\n': an epoch of a topic.
typedef struct kafka_epoch {
    char *base, *bytes; ///< KAFKA_EPOCH_PADDING newlines lie before `bytes`
    size_t size_bytes, limit_bytes;
} kafka_epoch;

enum { KAFKA_EPOCH_PADDING = 128, KAFKA_EPOCH_BYTES = 16 << 20 };

static inline kafka_epoch kafka_epoch_new(void)
{
    kafka_epoch epoch;
    epoch.limit_bytes = KAFKA_EPOCH_BYTES;
    epoch.size_bytes = 0;
    epoch.base = (char *)limit_alloc(KAFKA_EPOCH_BYTES + KAFKA_EPOCH_PADDING * 2);
    epoch.bytes = epoch.base + KAFKA_EPOCH_PADDING;
    memset(epoch.base, '\n', KAFKA_EPOCH_PADDING);
    return epoch;
}

static inline void kafka_epoch_free(kafka_epoch *epoch)
{
    limit_free(epoch->base, KAFKA_EPOCH_BYTES + KAFKA_EPOCH_PADDING * 2);
}

/// False when the value does not fit any more.
static inline bool kafka_epoch_add(kafka_epoch *epoch, const rd_kafka_message_t *message)
{
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return true;
    }
    if (epoch->size_bytes + message->len + 1 > epoch->limit_bytes) {
        return false;
    }
    char *at = epoch->bytes + epoch->size_bytes;
    memcpy(at, message->payload, message->len);
    at[message->len] = '\n';
    epoch->size_bytes += message->len + 1;
    return true;
}
