// Helpers of the contract suite, over kafka.h alone.
#include "kafka/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- a test's world

void slt_kafka_start(slt_kafka *k, const slt_kafka_fixture *fixture, uint64_t seed)
{
    *k = (slt_kafka){.fixture = fixture, .ahead_bytes = 1 << 20, .transaction_us = 60000000};
    fixture->start(k, seed);
}

void slt_needs_brokers(slt_kafka *k)
{
    (void)slt_brokers_dir();
#if SLT_KAFKA
    slt_kafka_start(k, &slt_kafka_broker, 0);
#else
    (void)k;
#endif
}

const char *slt_name(slt_kafka *k, const char *name)
{
    char *at = k->names[k->n_names];
    (void)snprintf(at, sizeof k->names[0], "%s-%s", k->prefix, name);
    for (int i = 0; i < k->n_names; i++) {
        if (strcmp(k->names[i], at) == 0) {
            return k->names[i];
        }
    }
    assert_true(++k->n_names < 16);
    return at;
}

const char *slt_topic(slt_kafka *k, const char *name, int32_t n_partitions)
{
    const char *topic = slt_name(k, name);
    k->fixture->make(k, topic, n_partitions);
    return topic;
}

int64_t slt_in(const slt_kafka *k, int64_t us)
{
    return sli_env_mono_us(k->env) + us;
}

int64_t slt_soon(const slt_kafka *k)
{
    return slt_in(k, 60000000);
}

void slt_check_ok(slt_kafka *k, sl_code rc, const char *what, const char *file, int line)
{
    if (rc != SL_OK) {
        print_error("%s: %s: %s\n", what, sl_code_name(rc), k->err.text);
        _fail(file, line);
    }
}

sli_kafka_conf slt_conf(slt_kafka *k)
{
    return (sli_kafka_conf){.struct_size = sizeof(sli_kafka_conf),
                            .settings = k->settings,
                            .n_settings = k->n_settings,
                            .env = k->env,
                            .mono_us = sli_env_mono_us,
                            .inner = k->inner,
                            .end_us = k->end_us,
                            .ahead_bytes = k->ahead_bytes,
                            .read_uncommitted = k->uncommitted,
                            .transaction_us = k->transaction_us};
}

sli_kafka *slt_consumer(slt_kafka *k)
{
    sli_kafka *consumer = NULL;
    sli_kafka_conf conf = slt_conf(k);
    slt_ok(k, k->ops->open(&consumer, &conf, &k->err));
    return consumer;
}

sli_kafka_producer *slt_producer(slt_kafka *k, const char *id)
{
    sli_kafka_producer *producer = NULL;
    sli_kafka_conf conf = slt_conf(k);
    conf.transactional_id = id == NULL ? NULL : slt_name(k, id);
    slt_ok(k, k->ops->producer_open(&producer, &conf, slt_soon(k), &k->err));
    return producer;
}

// ---------------------------------------------------------------- writing

sl_code slt_send(slt_kafka *k, sli_kafka_producer *p, const char *topic, int32_t partition,
                 const char *value)
{
    sli_kafka_message m = {.topic = topic,
                           .partition = partition,
                           .timestamp_us = 1600000000000000,
                           .value = value,
                           .value_size = (uint32_t)strlen(value)};
    return k->ops->send(p, &m, 1, slt_soon(k), &k->err);
}

void slt_commit(slt_kafka *k, sli_kafka_producer *p)
{
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    slt_ok(k, k->ops->commit(p, slt_soon(k), &outcome, &k->err));
    assert_int_equal(outcome, SLI_KAFKA_COMMITTED);
}

int64_t slt_end_of(slt_kafka *k, const char *topic)
{
    sli_kafka_spot spot = {.topic = topic};
    k->uncommitted = true;
    sli_kafka *consumer = slt_consumer(k);
    k->uncommitted = false;
    slt_ok(k, k->ops->offsets(consumer, SLI_KAFKA_LATEST, 0, &spot, 1, slt_soon(k), &k->err));
    k->ops->close(consumer);
    return spot.offset;
}

void slt_wait_for(slt_kafka *k, const char *topic, int64_t from, int64_t to)
{
    slt_reader r;
    k->uncommitted = true;
    slt_reader_init(&r, k);
    k->uncommitted = false;
    slt_fetch(&r, topic, 0, from, 0);
    slt_read_to(&r, 0, to);
    slt_reader_reset(&r);
}

static int32_t send_words(slt_kafka *k, sli_kafka_producer *p, const char *topic, int32_t partition,
                          const char *words)
{
    int32_t n = 0;
    while (*words != '\0') {
        char word[32];
        size_t size = strcspn(words, " ");
        (void)snprintf(word, sizeof word, "%.*s", (int)size, words);
        slt_ok(k, slt_send(k, p, topic, partition, word));
        words += size + strspn(words + size, " ");
        n++;
    }
    return n;
}

void slt_write(slt_kafka *k, const char *topic, const char *words, bool commit)
{
    sli_kafka_producer *p = slt_producer(k, "writer");
    int64_t from = slt_end_of(k, topic);
    int32_t n = send_words(k, p, topic, 0, words);
    if (commit) {
        slt_commit(k, p);
    } else {
        slt_wait_for(k, topic, from, from + n);
        slt_ok(k, k->ops->abort(p, slt_soon(k), &k->err));
    }
    k->ops->producer_close(p);
}

void slt_put(slt_kafka *k, const char *topic, int32_t partition, const char *words)
{
    sli_kafka_producer *p = slt_producer(k, NULL);
    (void)send_words(k, p, topic, partition, words);
    slt_commit(k, p);
    k->ops->producer_close(p);
}

// ---------------------------------------------------------------- reading

void slt_reader_init(slt_reader *r, slt_kafka *k)
{
    *r = (slt_reader){.k = k, .consumer = slt_consumer(k)};
}

void slt_reader_reset(slt_reader *r)
{
    r->k->ops->close(r->consumer);
    for (int i = 0; i < SLT_LANES; i++) {
        sli_str_reset(&r->text[i]);
    }
}

void slt_fetch(slt_reader *r, const char *topic, int32_t partition, int64_t offset, int32_t lane)
{
    sli_kafka_spot spot = {topic, partition, offset};
    r->seen[lane] = offset;
    r->ended[lane] = -1;
    r->lost[lane] = SL_OK;
    slt_ok(r->k, r->k->ops->fetch(r->consumer, &spot, lane, &r->k->err));
}

static void take_record(slt_reader *r, const sli_kafka_record *record)
{
    sli_str *text = &r->text[record->lane];
    assert_true(record->offset >= r->seen[record->lane]); // in order, none twice
    r->seen[record->lane] = record->offset + 1;
    sli_str_printf(text, "%lld=", (long long)record->offset);
    sli_str_add(text, record->value == NULL ? "~" : record->value,
                record->value == NULL ? 1 : record->value_size);
    sli_str_char(text, ' ');
}

static void take(slt_reader *r, const sli_kafka_record *record)
{
    switch ((sli_kafka_kind)record->kind) {
    case SLI_KAFKA_RECORD:
        take_record(r, record);
        break;
    case SLI_KAFKA_END:
        assert_true(record->offset >= r->seen[record->lane]);
        r->seen[record->lane] = r->ended[record->lane] = record->offset;
        break;
    case SLI_KAFKA_LOST:
        assert_int_equal(r->lost[record->lane], SL_OK); // told once
        r->lost[record->lane] = r->k->ops->error(r->consumer, record, &r->why);
        assert_int_equal(r->why.code, r->lost[record->lane]);
        break;
    case SLI_KAFKA_TROUBLE:
        assert_int_equal(record->lane, -1);
        r->trouble = r->k->ops->error(r->consumer, record, &r->why);
        break;
    }
}

bool slt_pump(slt_reader *r, int64_t deadline_us)
{
    sli_kafka_record records[5];
    int32_t n = 0;
    slt_ok(r->k, r->k->ops->poll(r->consumer, records, 5, &n, deadline_us, &r->k->err));
    for (int32_t i = 0; i < n; i++) {
        take(r, &records[i]);
    }
    r->k->ops->release(r->consumer, records, n);
    r->n_given += n;
    return n > 0;
}

void slt_read_to(slt_reader *r, int32_t lane, int64_t to)
{
    while (r->seen[lane] < to) {
        if (r->lost[lane] != SL_OK || !slt_pump(r, slt_soon(r->k))) {
            fail_msg("lane %d: nothing comes between %lld and %lld: %s %s", (int)lane,
                     (long long)r->seen[lane], (long long)to, r->text[lane].data, r->why.text);
        }
    }
}

void slt_read_lost(slt_reader *r, int32_t lane)
{
    int64_t deadline = slt_in(r->k, 90000000); // a real client asks for topics once in a while
    while (r->lost[lane] == SL_OK) {
        if (!slt_pump(r, deadline)) {
            fail_msg("lane %d is not told to be lost", (int)lane);
        }
    }
}

const char *slt_text_of(slt_kafka *k, const char *topic, int64_t from, int64_t to)
{
    static char text[512];
    slt_reader r;
    slt_reader_init(&r, k);
    slt_fetch(&r, topic, 0, from, 0);
    slt_read_to(&r, 0, to);
    (void)snprintf(text, sizeof text, "%s", r.text[0].data == NULL ? "" : r.text[0].data);
    slt_reader_reset(&r);
    return text;
}

const char *slt_mark_of(slt_kafka *k, const char *group, const char *topic)
{
    static char text[300];
    sli_kafka_mark mark;
    sli_kafka_spot spot = {.topic = topic};
    sli_kafka *consumer = slt_consumer(k);
    slt_ok(k, k->ops->marked(consumer, group, &spot, 1, &mark, slt_soon(k), &k->err));
    k->ops->close(consumer);
    (void)snprintf(text, sizeof text, "%lld %s", (long long)mark.offset, mark.text);
    return text;
}

int64_t slt_offset_of(slt_kafka *k, const char *topic, sli_kafka_when when, int64_t at_us)
{
    sli_kafka_spot spots[2] = {{topic, 0, -9}, {topic, 0, -9}};
    sli_kafka *consumer = slt_consumer(k);
    slt_ok(k, k->ops->offsets(consumer, when, at_us, spots, 2, slt_soon(k), &k->err));
    assert_int_equal(spots[0].offset, spots[1].offset);
    k->ops->close(consumer);
    return spots[0].offset;
}
