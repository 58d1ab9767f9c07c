// The Kafka source on a real cluster (`make test-kafka`): what a producer writes is read once and
// in order, again by later lives, and through a restart of the leader.
#include "source/kafka/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "brokers.h"

enum { PARTITIONS = 2, PATIENCE_US = 60000000, TICK_US = 20000 };

typedef struct broker {
    slt_place p;
    char brokers[128], topic[48];
    const sli_kafka_ops *ops;
    sli_kafka_settings *settings;
    sli_kafka_producer *producer;
    sl_conf *conf;
    int32_t n_sent;
    int32_t next[PARTITIONS]; ///< the number of the record that is read next
    sl_bytes ranges[1024];
    const char *rows[1024];
    int32_t n_ranges;
} broker;

// ---------------------------------------------------------------- the cluster

static void run(const char *command)
{
    FILE *pipe = popen(command, "r");
    char piece[4096];
    assert_non_null(pipe);
    while (fread(piece, 1, sizeof piece, pipe) > 0) {
    }
    assert_int_equal(pclose(pipe), 0);
}

static void make_topic(const broker *b)
{
    char command[512];
    (void)snprintf(command, sizeof command,
                   SLT_SOURCE_DIR "/tools/kafka tool /tmp org.apache.kafka.tools.TopicCommand "
                                  "--bootstrap-server %s --create --topic %s --partitions %d 2>&1",
                   b->brokers, b->topic, PARTITIONS);
    run(command);
}

/// Ends the first broker as a crash does, or starts it again.
static void tell_broker(const char *what)
{
    char command[512];
    (void)snprintf(command, sizeof command, SLT_SOURCE_DIR "/tools/kafka %s %s 1 2>&1", what,
                   slt_brokers_dir());
    run(command);
}

static void open_producer(broker *b)
{
    static const sl_option *const tables[] = {sli_kafka_options, NULL};
    char text[256];
    sli_url url;
    (void)snprintf(text, sizeof text, "kafka://%s/%s", b->brokers, b->topic);
    assert_int_equal(sli_url_parse(text, &url, NULL), SL_OK);
    assert_int_equal(sl_conf_new(&b->conf, "producer", tables, NULL), SL_OK);
    assert_int_equal(sli_kafka_settings_new(&b->settings, &url, b->conf, b->p.env, NULL), SL_OK);
    assert_int_equal(sli_kafka_load(&b->ops, b->settings, b->p.source_env.modules, NULL), SL_OK);
    sli_kafka_conf conf = sli_kafka_conf_of(b->settings);
    int64_t until_us = sli_env_mono_us(b->p.env) + PATIENCE_US;
    assert_int_equal(b->ops->producer_open(&b->producer, &conf, until_us, NULL), SL_OK);
}

static void broker_init(broker *b, const char *name)
{
    *b = (broker){0};
    slt_broker_place(b->brokers, sizeof b->brokers, "plain");
    slt_place_open(&b->p, false);
    b->p.source_env.modules = SLT_BUILD_DIR "/lib/sluice";
    (void)snprintf(b->topic, sizeof b->topic, "r%d-%s", (int)getpid(), name);
    make_topic(b);
    open_producer(b);
}

static void broker_reset(broker *b)
{
    b->ops->producer_close(b->producer);
    sli_kafka_settings_free(b->settings);
    sl_conf_free(b->conf);
    slt_place_close(&b->p);
}

// ---------------------------------------------------------------- writing

/// Records that count up, by turns to each partition.
static void send(broker *b, int32_t n)
{
    char value[24];
    int64_t until_us = sli_env_mono_us(b->p.env) + PATIENCE_US;
    for (int32_t i = 0; i < n; i++, b->n_sent++) {
        int size = snprintf(value, sizeof value, "%d", b->n_sent / PARTITIONS);
        sli_kafka_message m = {.topic = b->topic,
                               .partition = b->n_sent % PARTITIONS,
                               .timestamp_us = sli_env_wall_us(b->p.env),
                               .value = value,
                               .value_size = (uint32_t)size};
        assert_int_equal(b->ops->send(b->producer, &m, 1, until_us, &b->p.err), SL_OK);
    }
    sli_kafka_outcome outcome;
    assert_int_equal(b->ops->commit(b->producer, until_us, &outcome, &b->p.err), SL_OK);
}

// ---------------------------------------------------------------- reading

static sli_source *open_source(broker *b, sl_bytes position)
{
    char url[256];
    (void)snprintf(url, sizeof url,
                   "kafka://%s/%s?start=earliest&columns=partition&ahead=64KiB&poll_timeout=1m",
                   b->brokers, b->topic);
    return slt_open(&b->p, url, position);
}

/// "PARTITION,NUMBER;" in order of each partition.
static void check_rows(broker *b, const char *rows)
{
    while (*rows != '\0') {
        int partition = 0, number = 0, size = 0;
        assert_int_equal(sscanf(rows, "%d,%d;%n", &partition, &number, &size), 2);
        assert_true(partition >= 0 && partition < PARTITIONS);
        assert_int_equal(number, b->next[partition]++);
        rows += size;
    }
}

/// Waits until the source may have more.
static void tick(broker *b)
{
    sli_signal *never = sli_signal_new(b->p.env);
    (void)!sli_signal_wait(never, sli_env_mono_us(b->p.env) + TICK_US, NULL);
    sli_signal_free(never);
}

static void read_all(broker *b, sli_source *source)
{
    int64_t until_us = sli_env_mono_us(b->p.env) + PATIENCE_US;
    while (b->next[0] + b->next[1] < b->n_sent) {
        assert_true(sli_env_mono_us(b->p.env) < until_us);
        const char *rows = slt_take(&b->p, source);
        check_rows(b, rows);
        if (*rows == '\0') {
            tick(b);
        } else if (b->n_ranges < 1024) {
            b->rows[b->n_ranges] = rows;
            b->ranges[b->n_ranges++] = b->p.offer.range;
        }
    }
}

SL_TEST(kafka_source_reads_what_was_written_once_and_again_brokers, "")
{
    broker b;
    broker_init(&b, "once");
    sli_source *source = open_source(&b, (sl_bytes){NULL, 0});
    send(&b, 5000);
    read_all(&b, source);
    for (int life = 0; life < 2; life++) {
        sl_bytes position = slt_position(&b.p, source);
        sli_source_close(source);
        source = open_source(&b, position);
        for (int32_t i = 0; i < b.n_ranges; i += 1 + b.n_ranges / 8) {
            const char *rows = NULL;
            if (slt_read(&b.p, source, b.ranges[i], &rows) != SL_OK) {
                fail_msg("%s", b.p.err.text);
            }
            assert_string_equal(rows, b.rows[i]);
        }
        send(&b, 1000);
        read_all(&b, source);
    }
    sli_source_close(source);
    broker_reset(&b);
}

SL_TEST(kafka_source_reads_on_when_the_leader_is_back_brokers, "")
{
    broker b;
    broker_init(&b, "leader");
    sli_source *source = open_source(&b, (sl_bytes){NULL, 0});
    send(&b, 2000);
    read_all(&b, source);
    tell_broker("kill");
    tick(&b);
    SL_CHECK_TEXT(slt_take(&b.p, source), "");
    tell_broker("restart");
    send(&b, 2000);
    read_all(&b, source);
    sli_source_close(source);
    broker_reset(&b);
}
