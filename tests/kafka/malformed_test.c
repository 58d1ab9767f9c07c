// A million records that are no JSON among good ones, left out and counted exactly.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/rig.h"

enum { RECORDS = SLT_SLOW_BUILD ? 20000 : 1010000, A_GOOD_ONE_IN = 101, A_BAD_ONE_IN = 3 };

/// Nearly all are bad where they are skipped; a third where each has a letter.
static bool mostly_bad;

static bool is_bad(int64_t number)
{
    return mostly_bad ? number % A_GOOD_ONE_IN != 0 : number % A_BAD_ONE_IN == 0;
}

static int64_t n_bad(void)
{
    int64_t n = 0;
    for (int64_t i = 1; i <= RECORDS; i++) {
        n += is_bad(i) ? 1 : 0;
    }
    return n;
}

static void put_value(int64_t number, char *out, size_t size)
{
    (void)snprintf(out, size, is_bad(number) ? "oops %lld" : "{\"n\":%lld}", (long long)number);
}

static void see(void *ctx, const char *key, const char *value)
{
    uint8_t *times = ctx;
    char *end = NULL;
    int64_t number = strtoll(value, &end, 10);
    (void)key;
    assert_true(*end == '\0' && number >= 1 && number <= RECORDS);
    times[number]++;
}

static void check_good(slt_rig *rig)
{
    static uint8_t times[RECORDS + 1];
    const int32_t n_partitions = SLT_RIG_PARTITIONS;
    memset(times, 0, sizeof times);
    slt_shown(&rig->k, &rig->out, &n_partitions, 1, see, times);
    for (int64_t i = 1; i <= RECORDS; i++) {
        assert_int_equal(times[i], is_bad(i) ? 0 : 1);
    }
}

static void run(slt_rig *rig, const char *in_more, const char *const settings[2])
{
    slt_rig_open(rig);
    rig->life.job = "malformed_job.so";
    rig->put_value = put_value;
    rig->in_format = "json&schema=n%20int64";
    rig->in_more = in_more;
    rig->more_settings[0] = settings[0];
    rig->more_settings[1] = settings[1];
    slt_rig_feed(rig, RECORDS);
    slt_rig_start(rig);
    slt_rig_await(rig, RECORDS - n_bad());
}

static bool is_counted(const slt_rig *rig)
{
    char wanted[96];
    size_t size = 0;
    char *metrics = slt_load(slt_in_dir(rig->dir, "metrics"), &size);
    (void)snprintf(wanted, sizeof wanted,
                   "\nsluice_source_malformed_total{source=\"numbers\"} %lld\n",
                   (long long)n_bad());
    bool counted = metrics != NULL && strstr(metrics, wanted) != NULL;
    free(metrics);
    return counted;
}

SL_TEST(kafka_a_million_malformed_records_are_skipped_and_counted_brokers, "")
{
    slt_rig rig;
    mostly_bad = true;
    run(&rig, "&malformed=skip", (const char *const[2]){"metrics=metrics", NULL});
    int64_t until = slt_now_us() + (int64_t)SLT_DEADLINE_MS * 1000;
    while (!is_counted(&rig) && slt_now_us() < until) { // written every 5 s
        slt_life_last(&rig.life, 200);
    }
    assert_true(is_counted(&rig));
    slt_life_stop(&rig.life);
    check_good(&rig);
    slt_rig_close(&rig);
}

/// Lines of a file.
static int64_t lines_of(const char *path)
{
    size_t size = 0;
    int64_t n = 0;
    char *text = slt_load(path, &size);
    assert_non_null(text);
    for (size_t i = 0; i < size; i++) {
        n += text[i] == '\n' ? 1 : 0;
    }
    free(text);
    return n;
}

SL_TEST(kafka_malformed_records_have_a_letter_each_brokers, "POISON-1")
{
    slt_rig rig;
    mostly_bad = false; // and an epoch may have 10,000 letters at most
    run(&rig, "&malformed=dead-letter&max_rate=100000",
        (const char *const[2]){"poison=dead-letter", "poison.max=10000"});
    int64_t n = 0;
    slt_life_stop(&rig.life);
    check_good(&rig);
    slt_each_file(slt_in_dir(rig.dir, "ckpt/dead"), lines_of, &n);
    assert_int_equal(n, n_bad());
    slt_rig_close(&rig);
}
