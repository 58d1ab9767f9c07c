// Topic to topic on mosquitto: our process killed with signal 9 at any moment, and the broker ended
// and started again beside it.
#include <stdio.h>
#include <stdlib.h>

#include "kills.h"
#include "mosquitto_broker.h"
#include "mqtt/fixture_test.h"
#include "published.h"

enum {
    KILLS = 25,
    SOAK_KILLS = 500,
    FED_A_LIFE = 400,
    FED_TO_GO_ON = 50, ///< to a life that has taken all it had
    LIVES_A_BROKER = 5,
    WINDOW = 100, ///< messages that the broker gives before the first is acknowledged
    AT_ONCE = 100,
    TEXT = 32
};

static const char *const topics[] = {"named", "plain"};

typedef struct rig {
    slt_mqtt m;
    slt_life life;
    int64_t n_fed; ///< numbers 1 to n_fed, to each topic
    int32_t n_restarts;
} rig;

/// How often each number is there, by topic.
typedef struct shown {
    int64_t n_fed, n_seen; ///< of n_fed in each topic, those that are there
    uint16_t *times[2];
} shown;

// ---------------------------------------------------------------- the broker

static void go(rig *r, bool run)
{
    r->m.fixture->away(&r->m, !run);
}

/// The broker keeps a topic for a client from now on.
static void keep(rig *r, const char *client, const char *topic)
{
    r->m.ops->close(slt_subscriber(&r->m, client, true, topic));
}

static void feed(rig *r, int64_t n)
{
    static char texts[AT_ONCE][TEXT];
    sli_mqtt *client = slt_client(&r->m, "feeder", false);
    for (int64_t fed = 0; fed < n; fed += AT_ONCE / 2, r->n_fed += AT_ONCE / 2) {
        sli_mqtt_pair ids[AT_ONCE];
        sli_mqtt_message messages[AT_ONCE];
        for (int32_t i = 0; i < AT_ONCE; i++) {
            int size = snprintf(texts[i], TEXT, "%lld", (long long)(r->n_fed + 1 + i / 2));
            ids[i] = (sli_mqtt_pair){"name", texts[i]};
            messages[i] = (sli_mqtt_message){.topic = topics[i % 2],
                                             .payload = texts[i],
                                             .payload_size = (size_t)size,
                                             .pairs = &ids[i],
                                             .n_pairs = 1,
                                             .qos = 1};
        }
        slt_ok(&r->m, r->m.ops->publish(client, messages, AT_ONCE, slt_soon(&r->m), &r->m.err));
    }
    r->m.ops->close(client);
}

static void feed_on(void *ctx)
{
    feed(ctx, FED_TO_GO_ON);
}

// ---------------------------------------------------------------- lives

static void tell_url(const rig *r, const char *name, const char *topic, const char *more)
{
    char url[256];
    (void)snprintf(url, sizeof url, "mqtt://127.0.0.1:%d/%s?%s", (int)r->m.port, topic, more);
    assert_int_equal(setenv(name, url, 1), 0);
}

static void start(rig *r)
{
    static const char *const settings[] = {"interval=20ms",     "master=local[2]",
                                           "snapshot.groups=7", "commit_interval=0ms",
                                           "progress=none",     "log=warn"};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++) {
        r->life.settings[i] = settings[i];
    }
    slt_life_start(&r->life);
}

static void open_rig(rig *r)
{
    char more[128];
    *r = (rig){.n_fed = 0};
    slt_needs_mosquitto(&r->m, 5);
    slt_life_open(&r->life, slt_temp_dir(), "mqtt_job.so");
    r->life.give_more = feed_on;
    r->life.ctx = r;
    for (int i = 0; i < 2; i++) {
        (void)snprintf(more, sizeof more,
                       "client_id=job-%s&columns=topic&window=%d&reconnect_delay=50ms%s", topics[i],
                       WINDOW, i == 0 ? "&id=name" : "");
        tell_url(r, i == 0 ? "SLUICE_TEST_NAMED" : "SLUICE_TEST_PLAIN", topics[i], more);
        keep(r, i == 0 ? "job-named" : "job-plain", topics[i]);
    }
    tell_url(r, "SLUICE_TEST_OUT", "out", "format=csv");
    keep(r, "reader", "out");
}

/// Between two kills the broker goes and comes again, while the program lives on.
static void run_and_kill(rig *r, slt_kills *kills)
{
    feed(r, FED_A_LIFE);
    start(r);
    if (kills->n % LIVES_A_BROKER == LIVES_A_BROKER - 1) {
        slt_life_await(&r->life, SLT_STAGE, 1 + (uint64_t)slt_kills_draw(kills, 3));
        go(r, false);
        go(r, true);
        r->n_restarts++;
        feed(r, FED_A_LIFE);
        slt_life_mark(&r->life);
    }
    slt_kill_next(kills, &r->life);
}

// ---------------------------------------------------------------- the comparison

/// "TOPIC,NUMBER".
static void see(void *ctx, const char *line)
{
    shown *s = ctx;
    const char *comma = strchr(line, ',');
    int topic = strncmp(line, "named,", 6) == 0 ? 0 : 1;
    char *end = NULL;
    assert_non_null(comma);
    int64_t number = strtoll(comma + 1, &end, 10);
    assert_true(*end == '\0' && number >= 1 && number <= s->n_fed);
    s->n_seen += s->times[topic][number]++ == 0;
}

static shown shown_of(const rig *r)
{
    shown s = {.n_fed = r->n_fed};
    for (int i = 0; i < 2; i++) {
        s.times[i] = calloc((size_t)r->n_fed + 1, sizeof *s.times[i]);
        assert_non_null(s.times[i]);
    }
    return s;
}

/// Each is there; `most` times at most in each topic. How many are there again.
static int64_t compare(shown *s, int named_most)
{
    int64_t again = 0;
    for (int64_t i = 1; i <= s->n_fed; i++) {
        if (s->times[0][i] < 1 || s->times[0][i] > named_most || s->times[1][i] < 1) {
            fail_msg("number %lld is there %d times with an id, %d times without", (long long)i,
                     s->times[0][i], s->times[1][i]);
        }
        again += s->times[1][i] - 1;
    }
    free(s->times[0]);
    free(s->times[1]);
    return again;
}

/// Everything has been published: at least once, since a broker keeps no mark.
static int64_t read_published(rig *r)
{
    shown s = shown_of(r);
    sli_mqtt *reader = slt_client(&r->m, "reader", true);
    int64_t until = slt_in(&r->m, (int64_t)SLT_DEADLINE_MS * 1000);
    while (s.n_seen < 2 * s.n_fed) {
        sli_mqtt_message messages[AT_ONCE];
        int32_t got = 0;
        slt_ok(&r->m,
               r->m.ops->poll(reader, messages, AT_ONCE, &got, slt_in(&r->m, 200000), &r->m.err));
        for (int32_t i = 0; i < got; i++) {
            char line[64];
            (void)snprintf(line, sizeof line, "%.*s", (int)messages[i].payload_size,
                           messages[i].payload);
            line[strcspn(line, "\r\n")] = '\0';
            see(&s, line);
        }
        slt_ok(&r->m, r->m.ops->settle(reader, &r->m.err));
        slt_life_last(&r->life, 0);
        assert_true(sli_env_mono_us(r->m.env) < until);
    }
    r->m.ops->close(reader);
    return compare(&s, UINT16_MAX);
}

static int64_t read_files(const rig *r)
{
    shown s = shown_of(r);
    slt_each_line(slt_in_dir(r->life.dir, "out"), see, &s);
    return compare(&s, 1);
}

SL_TEST(mqtt_killed_at_any_moment_every_message_is_there_mosquitto, "EXACTLY-ONCE-1")
{
    slt_kills kills = {.before_us = 200000, .most_entries = 3, .beyond_us = 8000};
    rig r;
    open_rig(&r);
    slt_kills_begin(&kills);
    while (kills.n < (slt_is_soak() ? SOAK_KILLS : KILLS)) {
        run_and_kill(&r, &kills);
    }
    start(&r);
    int64_t out_again = read_published(&r);
    slt_life_stop(&r.life);
    int64_t again = read_files(&r);
    slt_kills_tell(&kills);
    go(&r, false);
    int64_t resent = slt_mosquitto_sent(r.m.body, "job-plain", "plain") - r.n_fed;
    (void)printf("%lld numbers with an id and without, %d times another broker; of these %lld "
                 "there again, of %lld that the broker has sent again, %lld published again\n",
                 (long long)r.n_fed, (int)r.n_restarts, (long long)again, (long long)resent,
                 (long long)out_again);
    assert_true(again <= resent);
    slt_life_close(&r.life);
    r.m.fixture->end(&r.m);
}
