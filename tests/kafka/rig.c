// Topics, records, lives and the comparison.
#include "kafka/rig.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { AT_ONCE = 500, VALUE = 32 };

void slt_rig_open(slt_rig *rig)
{
    *rig = (slt_rig){.in_format = "text", .in_more = "", .out_more = ""};
    slt_needs_brokers(&rig->k);
    rig->dir = slt_temp_dir();
    rig->in = slt_topic(&rig->k, "in", SLT_RIG_PARTITIONS);
    rig->out = slt_topic(&rig->k, "out", SLT_RIG_PARTITIONS);
    rig->totals = slt_topic(&rig->k, "totals", 1);
    slt_broker_place(rig->brokers, sizeof rig->brokers, "plain");
    slt_life_open(&rig->life, rig->dir, "kafka_job.so");
}

void slt_rig_close(slt_rig *rig)
{
    slt_life_close(&rig->life);
    rig->k.fixture->end(&rig->k);
}

static void put_value(const slt_rig *rig, int64_t number, char out[VALUE])
{
    if (rig->put_value == NULL) {
        (void)snprintf(out, VALUE, "%lld", (long long)number);
    } else {
        rig->put_value(number, out, VALUE);
    }
}

void slt_rig_feed(slt_rig *rig, int64_t n)
{
    slt_kafka *k = &rig->k;
    sli_kafka_producer *p = slt_producer(k, NULL);
    while (n > 0) {
        static char values[AT_ONCE][VALUE];
        sli_kafka_message messages[AT_ONCE];
        int32_t some = n < AT_ONCE ? (int32_t)n : AT_ONCE;
        for (int32_t i = 0; i < some; i++) {
            int64_t number = ++rig->n_fed;
            put_value(rig, number, values[i]);
            messages[i] = (sli_kafka_message){.topic = rig->in,
                                              .partition = (int32_t)(number % SLT_RIG_PARTITIONS),
                                              .timestamp_us = 1600000000000000 + number * 1000,
                                              .value = values[i],
                                              .value_size = (uint32_t)strlen(values[i])};
        }
        slt_ok(k, k->ops->send(p, messages, some, slt_soon(k), &k->err));
        n -= some;
    }
    slt_commit(k, p);
    k->ops->producer_close(p);
}

// ---------------------------------------------------------------- lives

/// The first broker stands in the URL, the others in its option `brokers`.
static void tell_url(const char *name, const char *brokers, const char *topic, const char *format,
                     const char *more)
{
    char url[2048];
    const char *others = strchr(brokers, ',');
    (void)snprintf(url, sizeof url, "kafka://%.*s/%s?format=%s%s%s%s", (int)strcspn(brokers, ","),
                   brokers, topic, format,
                   others == NULL ? "" : "&brokers=", others == NULL ? "" : others + 1, more);
    assert_int_equal(setenv(name, url, 1), 0);
}

void slt_rig_start(slt_rig *rig)
{
    int32_t next = rig->life.number + 1;
    const char *const settings[] = {
        SLT_ROCKSDB && next % 3 == 1 ? "state.store=rocksdb" : "state.store=memory",
        "interval=20ms",
        "master=local[2]",
        "parallelism=2",
        "snapshot.groups=7",
        "commit_interval=0ms",
        "progress=none",
        "log=warn",
        rig->more_settings[0],
        rig->more_settings[1],
    };
    char in_more[1024], totals_more[1024];
    (void)snprintf(in_more, sizeof in_more, "&start=earliest%s", rig->in_more);
    (void)snprintf(totals_more, sizeof totals_more, "&key=key%s", rig->out_more);
    const char *out = rig->out_brokers == NULL ? rig->brokers : rig->out_brokers;
    tell_url("SLUICE_TEST_IN", rig->brokers, rig->in, rig->in_format, in_more);
    tell_url("SLUICE_TEST_OUT", out, rig->out, "text", rig->out_more);
    tell_url("SLUICE_TEST_TOTALS", out, rig->totals, "text", totals_more);
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        rig->life.settings[i] = settings[i];
    }
    slt_life_start(&rig->life);
}

void slt_rig_await(slt_rig *rig, int64_t n)
{
    slt_kafka *k = &rig->k;
    int64_t until = slt_now_us() + (int64_t)SLT_DEADLINE_MS * 1000;
    sli_kafka_record records[AT_ONCE];
    sli_kafka *reader = slt_consumer(k);
    for (int32_t p = 0; p < SLT_RIG_PARTITIONS; p++) {
        sli_kafka_spot spot = {rig->out, p, 0};
        slt_ok(k, k->ops->fetch(reader, &spot, p, &k->err));
    }
    while (n > 0) {
        int32_t got = 0;
        slt_ok(k, k->ops->poll(reader, records, AT_ONCE, &got, slt_in(k, 200000), &k->err));
        for (int32_t i = 0; i < got; i++) {
            n -= records[i].kind == SLI_KAFKA_RECORD ? 1 : 0;
        }
        k->ops->release(reader, records, got);
        slt_life_last(&rig->life, 0);
        if (slt_now_us() > until) {
            fail_msg("%lld records are not shown within %d ms", (long long)n, SLT_DEADLINE_MS);
        }
    }
    k->ops->close(reader);
}

// ---------------------------------------------------------------- the comparison

typedef struct shown {
    const slt_rig *rig;
    uint8_t *times; ///< by number
    int64_t totals[SLT_RIG_KEYS];
} shown;

static void see(void *ctx, const char *key, const char *value)
{
    shown *s = ctx;
    char *end = NULL;
    int64_t number = strtoll(value, &end, 10);
    assert_true(*end == '\0' && number > 0);
    if (strcmp(key, "null") != 0) {
        int64_t of = strtoll(key, &end, 10);
        assert_true(*end == '\0' && of >= 0 && of < SLT_RIG_KEYS);
        s->totals[of] = number;
    } else {
        assert_true(number <= s->rig->n_fed);
        s->times[number]++;
    }
}

/// Numbers go over the partitions in turn, from 1 on.
static bool is_lost(const slt_rig *rig, int64_t number)
{
    int64_t offset = (number - 1) / SLT_RIG_PARTITIONS;
    return number % SLT_RIG_PARTITIONS == rig->lost_partition && offset >= rig->lost_from &&
           offset < rig->lost_to;
}

static void compare(const shown *s)
{
    int64_t right[SLT_RIG_KEYS] = {0};
    for (int64_t i = 1; i <= s->rig->n_fed; i++) {
        int wanted = is_lost(s->rig, i) ? 0 : 1;
        right[i % SLT_RIG_KEYS] += wanted;
        if (s->times[i] != wanted) {
            fail_msg("record %lld is shown %d times", (long long)i, s->times[i]);
        }
    }
    for (int i = 0; i < SLT_RIG_KEYS; i++) {
        if (s->totals[i] != right[i]) {
            fail_msg("the total of %d is %lld, right is %lld", i, (long long)s->totals[i],
                     (long long)right[i]);
        }
    }
}

void slt_rig_check(slt_rig *rig)
{
    const char *const topics[] = {rig->out, rig->totals};
    const int32_t n_partitions[] = {SLT_RIG_PARTITIONS, 1};
    shown s = {.rig = rig, .times = calloc((size_t)rig->n_fed + 1, 1)};
    assert_non_null(s.times);
    slt_rig_await(rig, rig->n_fed - (rig->lost_to - rig->lost_from));
    slt_life_stop(&rig->life);
    slt_shown(&rig->k, topics, n_partitions, 2, see, &s);
    compare(&s);
    free(s.times);
}

// ---------------------------------------------------------------- marks

/// The job's id, as the checkpoint's MANIFEST.json has it.
static void job_id(const slt_rig *rig, char out[40])
{
    size_t size = 0;
    char *text = slt_load(slt_in_dir(rig->dir, "ckpt/MANIFEST.json"), &size);
    const char *at = text == NULL ? NULL : strstr(text, "\"job_id\"");
    at = at == NULL ? NULL : strpbrk(at + 8, "0123456789abcdef");
    assert_non_null(at);
    (void)snprintf(out, 40, "%.32s", at);
    free(text);
}

void slt_rig_group(const slt_rig *rig, int output, char group[128])
{
    static const char *const outputs[] = {"lines.save-1", "totals.save-1"};
    char id[40];
    job_id(rig, id);
    (void)snprintf(group, 128, "sluice.%s.%s", id, outputs[output]);
}

/// What it has on record.
static int64_t mark_of(slt_rig *rig, int output, char group[128])
{
    slt_rig_group(rig, output, group);
    return strtoll(slt_mark_of(&rig->k, group, output == 0 ? rig->out : rig->totals), NULL, 10);
}

void slt_rig_await_marks(slt_rig *rig)
{
    enum { LOOK_MS = 20 };
    char group[128];
    int64_t until = slt_now_us() + (int64_t)SLT_DEADLINE_MS * 1000;
    while (mark_of(rig, 0, group) != mark_of(rig, 1, group)) {
        slt_life_last(&rig->life, LOOK_MS);
        assert_true(slt_now_us() < until);
    }
}

void slt_rig_forget_marks(slt_rig *rig)
{
    for (int i = 0; i < 2; i++) {
        char group[128];
        (void)mark_of(rig, i, group); // nothing is open
        slt_broker_forget(&rig->k, group);
    }
}

// ---------------------------------------------------------------- the broker's process

void slt_broker_signal(int number)
{
    char path[512];
    size_t size = 0;
    slt_broker_file(path, sizeof path, "1.pid");
    char *pid = slt_load(path, &size);
    assert_non_null(pid);
    assert_int_equal(kill((pid_t)strtol(pid, NULL, 10), number), 0);
    free(pid);
}

void slt_broker_restart(void)
{
    char words[1024], work[512];
    slt_broker_file(work, sizeof work, "");
    (void)snprintf(words, sizeof words, SLT_SOURCE_DIR "/tools/kafka restart '%s' 1", work);
    assert_int_equal(system(words), 0);
}
