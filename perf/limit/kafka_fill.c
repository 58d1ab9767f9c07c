/// kafka_fill.c — makes a topic and fills it with the records that the figures over Kafka are
/// measured on: lines of zipf_text.h, or events of ad_events.h. Equal arguments give equal bytes.
///
/// Record i is in partition i mod PARTITIONS and has no key. What must come out is printed: for
/// lines words= and checksum= as kafka_words prints them, for events views= and checksum= as
/// kafka_ads. With events the table that they are joined with is written to ADS, a line
/// "ad_id,campaign" each.
///
///     kafka_fill BROKERS TOPIC PARTITIONS lines RECORDS
///     kafka_fill BROKERS TOPIC PARTITIONS events RECORDS ADS
///     kafka_fill BROKERS TOPIC PARTITIONS nothing        the topic alone
#include "ad_events.h"
#include "kafka_loop.h"
#include "zipf_text.h"

typedef struct filler {
    rd_kafka_t *rd;
    rd_kafka_topic_t *topic;
    int32_t n_partitions;
    int64_t n_records, n_acknowledged;
} filler;

// ---- the topic

/// Waits for the one answer of an admin request; the topic being there already is not for us.
static void must_be_created(rd_kafka_queue_t *queue, const char *topic)
{
    size_t n = 0;
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 20000);
    if (event == NULL) {
        limit_die("%s: no answer", topic);
    }
    if (rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        limit_die("%s: %s", topic, rd_kafka_event_error_string(event));
    }
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    if (n != 1 || rd_kafka_topic_result_error(results[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        limit_die("%s: %s", topic, n == 1 ? rd_kafka_topic_result_error_string(results[0]) : "");
    }
    rd_kafka_event_destroy(event);
}

static void create(const filler *self, const char *name)
{
    char why[256];
    rd_kafka_queue_t *queue = rd_kafka_queue_new(self->rd);
    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, self->n_partitions, 1, why, sizeof why);
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(self->rd, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, 10000, why, sizeof why);
    if (topic == NULL) {
        limit_die("%s: %s", name, why);
    }
    rd_kafka_CreateTopics(self->rd, &topic, 1, options, queue);
    must_be_created(queue, name);
    rd_kafka_AdminOptions_destroy(options);
    rd_kafka_NewTopic_destroy(topic);
    rd_kafka_queue_destroy(queue);
}

// ---- records

static void on_delivery(rd_kafka_t *rd, const rd_kafka_message_t *message, void *opaque)
{
    filler *self = (filler *)opaque;
    (void)rd;
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        limit_die("a record was not kept: %s", rd_kafka_err2str(message->err));
    }
    self->n_acknowledged++;
}

/// `bytes` live until all has been acknowledged.
static void put(filler *self, const char *bytes, size_t size_bytes)
{
    int32_t partition = (int32_t)(self->n_records % self->n_partitions);
    while (rd_kafka_produce(self->topic, partition, 0, (void *)(uintptr_t)bytes, size_bytes, NULL,
                            0, NULL) != 0) {
        if (rd_kafka_last_error() != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            limit_die("a record was refused: %s", rd_kafka_err2str(rd_kafka_last_error()));
        }
        (void)rd_kafka_poll(self->rd, 100);
    }
    self->n_records++;
    if (self->n_records % 4096 == 0) {
        (void)rd_kafka_poll(self->rd, 0);
    }
}

/// Puts up to `n` lines; gives the number of bytes in them.
static size_t put_lines(filler *self, const char *text, size_t size_bytes, int64_t n)
{
    const char *line = text, *stop = text + size_bytes;
    for (int64_t i = 0; i < n && line < stop; i++) {
        const char *end = (const char *)memchr(line, '\n', (size_t)(stop - line));
        put(self, line, (size_t)(end - line));
        line = end + 1;
    }
    if (rd_kafka_flush(self->rd, 60000) != RD_KAFKA_RESP_ERR_NO_ERROR || self->n_records != n ||
        self->n_acknowledged != n) {
        limit_die("%lld records made, %lld kept", (long long)self->n_records,
                  (long long)self->n_acknowledged);
    }
    return (size_t)(line - text);
}

static uint64_t sum_words(const char *text, size_t size_bytes, uint64_t *n_words)
{
    uint64_t sum = 0;
    const char *word = text;
    for (const char *at = text; at < text + size_bytes; at++) {
        if (*at == ' ' || *at == '\n') {
            sum += zipf_text_times(word, (size_t)(at - word), 1);
            (*n_words)++;
            word = at + 1;
        }
    }
    return sum;
}

static void fill_lines(filler *self, int64_t n)
{
    enum { LINE = 80, EPOCH = 16 << 20 }; // a line has 63 bytes on average
    zipf_text text;
    uint64_t n_words = 0;
    size_t size = ((size_t)n * LINE + EPOCH - 1) / EPOCH * EPOCH;
    zipf_text_init(&text, size, EPOCH, 7);
    size_t used = put_lines(self, text.bytes, text.size_bytes, n);
    uint64_t sum = sum_words(text.bytes, used, &n_words);
    printf("kafka_fill records=%lld bytes=%zu words=%llu checksum=%016llx\n", (long long)n,
           used - (size_t)n, (unsigned long long)n_words, (unsigned long long)sum);
    zipf_text_reset(&text);
}

static void write_table(const ad_events *events, const char *path)
{
    FILE *file = fopen(path, "we");
    if (file == NULL) {
        limit_die_errno(path);
    }
    for (size_t i = 0; i < AD_N_ADS; i++) {
        fprintf(file, "%s,%d\n", events->ads[i].ad_id, events->ads[i].campaign);
    }
    if (fclose(file) != 0) {
        limit_die_errno(path);
    }
}

static void fill_events(filler *self, int64_t n, const char *path)
{
    static ad_events events;
    ad_events_init(&events, 1, (size_t)n, AD_SEED);
    write_table(&events, path);
    (void)put_lines(self, events.bytes, events.size_bytes, n);
    printf("kafka_fill records=%lld bytes=%zu views=%llu checksum=%016llx\n", (long long)n,
           events.size_bytes - (size_t)n, (unsigned long long)ad_sum(events.views),
           (unsigned long long)ad_checksum(events.views));
    ad_events_reset(&events);
}

// ---- the program

/// Large batches, one broker, no wait for copies: what fills quickest.
static filler *open_filler(const char *brokers, const char *topic, int64_t n_partitions)
{
    filler *self = (filler *)limit_alloc(sizeof *self);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    kafka_loop_set(conf, "bootstrap.servers", brokers);
    kafka_loop_set(conf, "linger.ms", "5");
    kafka_loop_set(conf, "acks", "1");
    kafka_loop_set(conf, "queue.buffering.max.messages", "500000");
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, self);
    self->n_partitions = (int32_t)n_partitions;
    self->rd = kafka_loop_client(RD_KAFKA_PRODUCER, conf);
    create(self, topic);
    self->topic = rd_kafka_topic_new(self->rd, topic, NULL);
    return self;
}

int main(int argc, char **argv)
{
    const char *what = argc > 4 ? argv[4] : "";
    bool lines = argc == 6 && strcmp(what, "lines") == 0;
    bool events = argc == 7 && strcmp(what, "events") == 0;
    if (!lines && !events && !(argc == 5 && strcmp(what, "nothing") == 0)) {
        limit_die("usage: kafka_fill BROKERS TOPIC PARTITIONS lines RECORDS | events RECORDS ADS | "
                  "nothing");
    }
    filler *self = open_filler(argv[1], argv[2], limit_number("PARTITIONS", argv[3], 1, 4096));
    if (lines) {
        fill_lines(self, limit_number("RECORDS", argv[5], 1, 1 << 28));
    } else if (events) {
        fill_events(self, limit_number("RECORDS", argv[5], 1, 1 << 24), argv[6]);
    }
    rd_kafka_topic_destroy(self->topic);
    rd_kafka_destroy(self->rd);
    limit_free(self, sizeof *self);
    return 0;
}
