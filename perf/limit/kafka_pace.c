/// kafka_pace.c — how soon a record that was sent to a topic can be seen, behind a transaction, in
/// another: the loop beside which the engine's latency is measured, and the two ends that measure
/// it.
///
///     kafka_pace send BROKERS TOPIC RATE SECONDS         sends records, RATE a second
///     kafka_pace bare BROKERS FROM TO COMMIT_MS          copies FROM to TO, a transaction each
///                                                        COMMIT_MS, until it is terminated
///     kafka_pace measure BROKERS TOPIC RECORDS WARM_UP_S reads TOPIC, read_committed, and says how
///                                                        old records are when they are seen
///
/// A record is "WORD DUE_NS", the time by CLOCK_MONOTONIC at which it was to be sent: all parts
/// must run on one machine. An age is from then to just after the measurer's poll, so a sender that
/// falls behind makes records older and not fewer. It sends what is due every 237 us (see echo.c).
/// All producers keep librdkafka's own linger, 5 ms: without it each record is a request, and what
/// is measured is how a broker drowns in them. What `bare` and an engine do between is the same:
/// records go on unchanged, and a commit follows the last one as soon as COMMIT_MS have passed
/// since. FROM is read from its first record on; TO is also the transactional id.
///
/// The measurer says "ready" when it reads, and ends when it has seen RECORDS. A line for each
/// second in which records were due shows whether that was a steady state; those of the first
/// WARM_UP_S seconds, when clients, coordinators and the broker's code are still cold, count for
/// these lines alone.
#include "kafka_loop.h"

#include <signal.h>
#include <sys/prctl.h>

enum { PERIOD_NS = 237000, SECOND_NS = 1000000000, RECORD_BYTES = 64, N_WORDS = 1000 };

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static void sleep_until(int64_t wall_ns)
{
    struct timespec at = limit_timespec(wall_ns);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static void check(rd_kafka_error_t *error, const char *what)
{
    if (error != NULL) {
        limit_die("%s: %s", what, rd_kafka_error_string(error));
    }
}

// ---- records out

static rd_kafka_t *open_producer(const char *brokers, const char *transactional_id)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kafka_loop_set(conf, "bootstrap.servers", brokers);
    if (transactional_id != NULL) {
        kafka_loop_set(conf, "transactional.id", transactional_id);
        kafka_loop_set(conf, "retry.backoff.ms", "5"); // 100 holds back each first send by as much
    }
    rd_kafka_t *rd = kafka_loop_client(RD_KAFKA_PRODUCER, conf);
    if (transactional_id != NULL) {
        check(rd_kafka_init_transactions(rd, 30000), "init_transactions");
    }
    return rd;
}

static void produce(rd_kafka_t *rd, rd_kafka_topic_t *topic, int32_t partition, const void *bytes,
                    size_t size_bytes)
{
    while (rd_kafka_produce(topic, partition, RD_KAFKA_MSG_F_COPY, (void *)(uintptr_t)bytes,
                            size_bytes, NULL, 0, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            limit_die("a record was refused: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }
        (void)rd_kafka_poll(rd, 10);
    }
}

static int send_records(const char *brokers, const char *name, int64_t rate, int64_t seconds)
{
    char record[RECORD_BYTES];
    rd_kafka_t *rd = open_producer(brokers, NULL);
    rd_kafka_topic_t *topic = rd_kafka_topic_new(rd, name, NULL);
    int32_t n_partitions = kafka_loop_partitions(rd, topic);
    uint64_t random = 7;
    int64_t begin_ns = limit_wall_ns(), total = rate * seconds, sent = 0;
    for (int64_t i = 1; sent < total; i++) {
        sleep_until(begin_ns + i * PERIOD_NS);
        int64_t due = (int64_t)((double)(limit_wall_ns() - begin_ns) * 1e-9 * (double)rate);
        for (due = due < total ? due : total; sent < due; sent++) {
            int64_t due_ns = begin_ns + sent * SECOND_NS / rate;
            int n = snprintf(record, sizeof record, "word%llu %lld",
                             (unsigned long long)limit_below(&random, N_WORDS), (long long)due_ns);
            produce(rd, topic, (int32_t)(sent % n_partitions), record, (size_t)n);
        }
        (void)rd_kafka_poll(rd, 0);
    }
    if (rd_kafka_flush(rd, 30000) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        limit_die("not all records were sent");
    }
    printf("send records=%lld records_s=%.0f\n", (long long)sent,
           (double)sent * 1e9 / (double)(limit_wall_ns() - begin_ns));
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(rd);
    return 0;
}

// ---- the bare loop

static void copy_batch(const kafka_loop *loop, rd_kafka_t *rd, rd_kafka_topic_t *to, int64_t *open)
{
    for (size_t i = 0; i < loop->n; i++) {
        const rd_kafka_message_t *message = loop->batch[i];
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            if ((*open)++ == 0) {
                check(rd_kafka_begin_transaction(rd), "begin_transaction");
            }
            produce(rd, to, message->partition, message->payload, message->len);
        }
    }
}

static int copy_records(const char *brokers, const char *from, const char *name, int64_t commit_ns)
{
    kafka_loop_options of = {.brokers = brokers,
                             .topic = from,
                             .n_records = INT64_MAX,
                             .ahead_kib = KAFKA_LOOP_AHEAD_KIB,
                             .wait_ms = 1};
    rd_kafka_t *rd = open_producer(brokers, name);
    rd_kafka_topic_t *to = rd_kafka_topic_new(rd, name, NULL);
    kafka_loop loop = kafka_loop_open(&of);
    int64_t open = 0, n_commits = 0, due_ns = 0;
    (void)signal(SIGTERM, stop);
    while (stopped == 0 && kafka_loop_take(&loop)) {
        copy_batch(&loop, rd, to, &open);
        (void)rd_kafka_poll(rd, 0);
        if (open > 0 && limit_wall_ns() >= due_ns) {
            due_ns = limit_wall_ns() + commit_ns;
            check(rd_kafka_commit_transaction(rd, 30000), "commit_transaction");
            open = 0;
            n_commits++;
        }
    }
    printf("bare records=%lld commits=%lld\n", (long long)loop.n_records, (long long)n_commits);
    kafka_loop_close(&loop);
    rd_kafka_topic_destroy(to);
    rd_kafka_destroy(rd);
    return 0;
}

// ---- the measurer

typedef struct measure {
    int64_t *due_ns, *ages_ns; ///< of each record, as they came
    size_t n;
} measure;

static void measure_record(measure *m, const rd_kafka_message_t *message, int64_t now_ns)
{
    char text[RECORD_BYTES];
    size_t n = message->len < sizeof text ? message->len : sizeof text - 1;
    memcpy(text, message->payload, n);
    text[n] = '\0';
    const char *space = strrchr(text, ' ');
    m->due_ns[m->n] = limit_number("a record's time", space == NULL ? NULL : space + 1, 1, now_ns);
    m->ages_ns[m->n] = now_ns - m->due_ns[m->n];
    m->n++;
}

static void print_ages(const char *name, int64_t *ages_ns, size_t n)
{
    limit_sort(ages_ns, n);
    printf("%s records=%zu p50_ms=%.2f p99_ms=%.2f max_ms=%.2f\n", name, n,
           (double)limit_quantile(ages_ns, n, 500) * 1e-6,
           (double)limit_quantile(ages_ns, n, 990) * 1e-6, (double)ages_ns[n - 1] * 1e-6);
}

static int64_t earliest(const measure *m)
{
    int64_t first_ns = INT64_MAX;
    for (size_t i = 0; i < m->n; i++) {
        first_ns = m->due_ns[i] < first_ns ? m->due_ns[i] : first_ns;
    }
    return first_ns;
}

/// Ages of the records that were due in [from_ns, to_ns), put to `out`.
static size_t take_ages(const measure *m, int64_t from_ns, int64_t to_ns, int64_t *out)
{
    size_t n = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (m->due_ns[i] >= from_ns && m->due_ns[i] < to_ns) {
            out[n++] = m->ages_ns[i];
        }
    }
    return n;
}

static void print_measure(const measure *m, int64_t warm_up_s)
{
    int64_t begin_ns = earliest(m), *ages_ns = (int64_t *)limit_alloc(m->n * sizeof(int64_t));
    size_t n = 0, left = m->n;
    for (int64_t s = 0; left > 0; s++, left -= n) {
        n = take_ages(m, begin_ns + s * SECOND_NS, begin_ns + (s + 1) * SECOND_NS, ages_ns);
        if (n > 0) {
            print_ages("second", ages_ns, n);
        }
    }
    n = take_ages(m, begin_ns + warm_up_s * SECOND_NS, INT64_MAX, ages_ns);
    if (n == 0) {
        limit_die("no record was due later than %d s after the first", (int)warm_up_s);
    }
    print_ages("measure", ages_ns, n);
    limit_free(ages_ns, m->n * sizeof(int64_t));
}

static int measure_records(const char *brokers, const char *topic, int64_t n_records,
                           int64_t warm_up_s)
{
    kafka_loop_options of = {.brokers = brokers,
                             .topic = topic,
                             .n_records = n_records,
                             .ahead_kib = KAFKA_LOOP_AHEAD_KIB,
                             .wait_ms = 1};
    size_t size_bytes = ((size_t)n_records + KAFKA_LOOP_BATCH) * sizeof(int64_t);
    measure m = {.due_ns = (int64_t *)limit_alloc(size_bytes),
                 .ages_ns = (int64_t *)limit_alloc(size_bytes)};
    kafka_loop loop = kafka_loop_open(&of);
    printf("ready\n");
    fflush(stdout);
    while (kafka_loop_take(&loop)) {
        int64_t now_ns = limit_wall_ns();
        for (size_t i = 0; i < loop.n; i++) {
            if (loop.batch[i]->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
                measure_record(&m, loop.batch[i], now_ns);
            }
        }
    }
    print_measure(&m, warm_up_s);
    limit_free(m.due_ns, size_bytes);
    limit_free(m.ages_ns, size_bytes);
    kafka_loop_close(&loop);
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";
    (void)prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    if (strcmp(mode, "send") == 0 && argc == 6) {
        return send_records(argv[2], argv[3], limit_number("RATE", argv[4], 1, 10000000),
                            limit_number("SECONDS", argv[5], 1, 3600));
    }
    if (strcmp(mode, "bare") == 0 && argc == 6) {
        return copy_records(argv[2], argv[3], argv[4],
                            limit_number("COMMIT_MS", argv[5], 0, 60000) * 1000000);
    }
    if (strcmp(mode, "measure") == 0 && argc == 6) {
        return measure_records(argv[2], argv[3], limit_number("RECORDS", argv[4], 1, 1 << 28),
                               limit_number("WARM_UP_S", argv[5], 0, 3600));
    }
    limit_die(
        "usage: kafka_pace send BROKERS TOPIC RATE SECONDS | bare BROKERS FROM TO COMMIT_MS | "
        "measure BROKERS TOPIC RECORDS WARM_UP_S");
}
