// A Kafka cluster is away for an hour while a sender goes on: sources are slowed down, memory and
// disk stay bounded, two lines tell of it, and everything goes on by itself.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    SECOND = 1000000,
    AWAY_FROM = 20, ///< seconds
    AWAY_TO = AWAY_FROM + 3600,
    END = AWAY_TO + 400,
    LINES = 10, ///< a second
    LINE_BYTES = 100,
    OUTBOX_MAX = 40 << 10,
    GROUP_BYTES = 8 << 10,  ///< more than an epoch gives
    PENDING_MAX = 64 << 10, ///< receiver.max_pending
    MOST_BEFORE = 40 << 10, ///< sent before the outage
};

typedef struct outage {
    sli_world *world;
    sli_kafka_cluster *cluster;
    sli_peer *peer;
    sl_env *env;
    int64_t sent;                    ///< lines
    int64_t next;                    ///< line after the last one that is shown
    bool again;                      ///< a line is shown behind a later one, or twice
    int64_t taken_early, taken_late; ///< bytes that the job had received in the outage
    int64_t most_disk, most_outbox, most_memory, memory_before; ///< in the outage
} outage;

// ---------------------------------------------------------------- the job

static void build(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "socket://localhost:9999?reconnect_delay=100ms");
    sl_stream_save(lines, "kafka://sim:9092/out");
}

static const char *const settings[] = {"interval",
                                       "1s",
                                       "backend",
                                       "inline",
                                       "master",
                                       "local[2]",
                                       "checkpoint",
                                       "checkpoint",
                                       "block.interval",
                                       "500ms",
                                       "outbox.max",
                                       "40KiB",
                                       "receiver.max_pending",
                                       "64KiB",
                                       "commit.max_pending",
                                       "1000",
                                       "log",
                                       "warn",
                                       NULL};

// ---------------------------------------------------------------- what happens meanwhile

static void send_lines(outage *o)
{
    char line[LINE_BYTES + 1];
    for (int32_t i = 0; i < LINES; i++) {
        (void)snprintf(line, sizeof line, "%0*lld\n", LINE_BYTES - 1, (long long)o->sent++);
        assert_int_equal(sli_peer_send(o->peer, line, LINE_BYTES, NULL), SL_OK);
    }
}

typedef struct summing {
    const outage *o;
    const char *dir;
    int64_t bytes;
} summing;

static sl_code sum_entry(void *ctx, const char *name, sl_error *err)
{
    summing *s = ctx;
    char path[256], *data = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%s/%s", s->dir, name);
    if (sli_world_read(s->o->world, path, &data, &size, NULL) == SL_OK) {
        s->bytes += (int64_t)size;
        sl_free(data);
        return SL_OK;
    }
    summing below = {s->o, path, 0};
    SL_TRY(sli_world_list(s->o->world, path, sum_entry, &below, err));
    s->bytes += below.bytes;
    return SL_OK;
}

static int64_t bytes_in(const outage *o, const char *dir)
{
    summing s = {o, dir, 0};
    assert_int_equal(sli_world_list(o->world, s.dir, sum_entry, &s, NULL), SL_OK);
    return s.bytes;
}

static int64_t job_memory(void)
{
    static const sli_tag tags[] = {SLI_TAG_BATCH, SLI_TAG_SOURCE, SLI_TAG_STREAM, SLI_TAG_BLOCK,
                                   SLI_TAG_SINK,  SLI_TAG_RDD,    SLI_TAG_INGEST, SLI_TAG_CKPT};
    int64_t bytes = 0;
    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        bytes += sli_mem_used((int)tags[i]);
    }
    return bytes;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static void measure(outage *o)
{
    o->most_disk = most(o->most_disk, bytes_in(o, "checkpoint"));
    o->most_outbox = most(o->most_outbox, bytes_in(o, "checkpoint/outbox"));
    o->most_memory = most(o->most_memory, job_memory());
}

static void tick(void *ctx)
{
    outage *o = ctx;
    int64_t second = sli_world_mono_us(o->world) / SECOND;
    if (second == AWAY_FROM) {
        sli_kafka_cluster_away(o->cluster, (AWAY_TO - AWAY_FROM) * (int64_t)SECOND);
        o->memory_before = job_memory();
    }
    send_lines(o);
    int64_t taken = sli_peer_taken(o->peer);
    o->taken_early = second == AWAY_FROM + 600 ? taken : o->taken_early;
    o->taken_late = second == AWAY_TO - 1 ? taken : o->taken_late;
    if (second % 10 == 0 && second > AWAY_FROM && second < AWAY_TO) {
        measure(o);
    }
}

// ---------------------------------------------------------------- running it

/// One process, until it is told to stop at `end` seconds.
static sl_code run(outage *o, int64_t end, sl_error *err)
{
    sl_context *context = NULL;
    bool stopped = false;
    int64_t end_us = end * SECOND;
    SL_TRY(sli_context_new_in(&context, o->env, "outage", build, NULL, NULL, settings, err));
    sl_code rc = sl_context_start_stepped(context, err);
    while (rc == SL_OK) {
        rc = sl_context_step(context, err);
        int64_t now = sli_world_mono_us(o->world), due = sl_context_due_us(context);
        if (now >= end_us && !stopped) {
            stopped = true;
            (void)!sl_context_stop(context, true, NULL); // refused inside listeners only
            continue;
        }
        int64_t until = due == SLI_FOREVER ? SLI_FOREVER : now + due;
        until = !stopped && end_us < until ? end_us : until;
        rc =
            rc == SL_OK && due != 0 ? sli_engine_wait(sli_context_engine(context), until, err) : rc;
    }
    sl_context_free(context);
    return rc;
}

static void look(void *ctx, const sli_kafka_record *record)
{
    outage *o = ctx;
    char number[LINE_BYTES] = {0};
    memcpy(number, record->value, record->value_size < LINE_BYTES ? record->value_size : 0);
    int64_t line = strtoll(number, NULL, 10);
    o->again = o->again || line < o->next;
    o->next = line + 1;
}

/// All lines in order, but for some that are missing.
static void shows_all_but(outage *o, int64_t n)
{
    int64_t shown = sli_kafka_cluster_look(o->cluster, "out", look, o);
    assert_false(o->again);
    assert_int_equal(o->next, o->sent);
    assert_true(shown >= o->sent - n);
}

static int32_t lines_with(const outage *o, const char *words)
{
    size_t size = 0;
    int32_t n = 0;
    for (const char *at = sli_world_printed(o->world, 2, &size); at != NULL; n++) {
        at = strstr(at + (n > 0), words);
        if (at == NULL) {
            break;
        }
    }
    return n;
}

static void outage_init(outage *o)
{
    *o = (outage){.world = sli_world_new(&(sli_world_conf){.seed = 3})};
    assert_non_null(o->world);
    o->cluster = sli_kafka_cluster_new(o->world);
    o->peer = sli_peer_listen(o->world, "localhost", SLT_PORT);
    assert_int_equal(sli_kafka_cluster_make(o->cluster, "out", 1, NULL), SL_OK);
    assert_int_equal(sli_world_boot(o->world, NULL, &o->env, NULL), SL_OK);
    for (int64_t second = 1; second < END - 100; second++) {
        assert_int_equal(sli_world_at(o->world, second * SECOND, tick, o, NULL), SL_OK);
    }
}

static void outage_reset(outage *o)
{
    sli_env_free(o->env);
    sli_kafka_cluster_free(o->cluster);
    sli_world_free(o->world);
}

SL_TEST(sim_a_cluster_that_is_away_for_an_hour_slows_the_sources_and_nothing_else, "")
{
    outage o;
    sl_error err = SL_ERROR_INIT;
    outage_init(&o);
    sl_code rc = run(&o, END, &err);
    if (rc != SL_E_END) {
        fail_msg("%s: %s", sl_code_name(rc), err.text);
    }
    shows_all_but(&o, 0);
    printf("# %lld lines; at most %lld KiB on disk, %lld KiB of them rows, %lld KiB of memory\n",
           (long long)o.sent, (long long)o.most_disk >> 10, (long long)o.most_outbox >> 10,
           (long long)o.most_memory >> 10);
    assert_int_equal(o.taken_early, o.taken_late); // the sender waits
    assert_true(o.taken_late < MOST_BEFORE + PENDING_MAX);
    assert_true(o.most_outbox >= OUTBOX_MAX && o.most_outbox < OUTBOX_MAX + GROUP_BYTES);
    assert_true(o.most_disk < o.most_outbox + MOST_BEFORE + PENDING_MAX + (256 << 10));
    assert_true(o.most_memory < o.memory_before + (4 << 20));
    assert_int_equal(lines_with(&o, "waiting for a sink"), 1);
    assert_int_equal(lines_with(&o, "no broker answers"), 1);
    assert_int_equal(lines_with(&o, "goes on with group"), 1);
    outage_reset(&o);
}

// What was sealed waits in the checkpoint, what was received in the write-ahead log.
SL_TEST(sim_a_job_that_is_stopped_while_the_cluster_is_away_goes_on_at_the_next_start, "")
{
    outage o;
    sl_error err = SL_ERROR_INIT;
    outage_init(&o);
    assert_int_equal(run(&o, AWAY_FROM + 600, &err), SL_E_TIMEOUT);
    assert_non_null(strstr(err.text, "no broker answers"));
    int64_t took = sli_world_mono_us(o.world) / SECOND - AWAY_FROM - 600;
    assert_true(took <= 30); // stop.timeout (10 s), then the end of a try
    sli_env_free(o.env);
    sli_kafka_cluster_away(o.cluster, 0);
    assert_int_equal(sli_world_boot(o.world, NULL, &o.env, NULL), SL_OK);
    sl_code rc = run(&o, END, &err);
    if (rc != SL_E_END) {
        fail_msg("%s: %s", sl_code_name(rc), err.text);
    }
    shows_all_but(&o, (64 << 10) / LINE_BYTES + 1); // in flight when the job ended: a socket's
    outage_reset(&o);
}
