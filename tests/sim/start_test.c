// Starts and stops without the cluster: a start waits as long as it may, says what for, and goes on
// or ends; a stop does not wait for it.
#include "sim/sim.h"

#include <string.h>

enum { SECOND = 1000000, HOUR = 3600 };

typedef struct start {
    sli_world *world;
    sli_kafka_cluster *cluster;
    sli_peer *peer;
    sl_env *env;
    sl_error err;
} start;

static void build(sl_graph *graph)
{
    sl_stream_save(sl_stream_open(graph, "socket://localhost:9999"), "kafka://sim:9092/out");
}

static void start_init(start *s)
{
    *s = (start){.world = sli_world_new(&(sli_world_conf){.seed = 5}), .err = SL_ERROR_INIT};
    assert_non_null(s->world);
    s->cluster = sli_kafka_cluster_new(s->world);
    s->peer = sli_peer_listen(s->world, "localhost", SLT_PORT);
    assert_int_equal(sli_kafka_cluster_make(s->cluster, "out", 1, NULL), SL_OK);
    assert_int_equal(sli_world_boot(s->world, NULL, &s->env, NULL), SL_OK);
}

static void start_reset(start *s)
{
    sli_env_free(s->env);
    sli_kafka_cluster_free(s->cluster);
    sli_world_free(s->world);
}

typedef struct running {
    sl_context *context;
} running;

static void stop_it(void *ctx)
{
    running *r = ctx;
    (void)!sl_context_stop(r->context, true, NULL); // refused inside listeners only
}

/// One process, until it is told to stop after so many seconds of the world.
static sl_code run(start *s, const char *interval, int64_t end)
{
    const char *const settings[] = {"interval", interval,   "backend",    "inline",
                                    "master",   "local[2]", "checkpoint", "checkpoint",
                                    "log",      "warn",     NULL};
    running r = {0};
    s->err = SL_ERROR_INIT;
    SL_TRY(sli_context_new_in(&r.context, s->env, "start", build, NULL, NULL, settings, &s->err));
    assert_int_equal(sli_world_at(s->world, end * SECOND, stop_it, &r, NULL), SL_OK);
    sl_code rc = sl_context_start_stepped(r.context, &s->err);
    while (rc == SL_OK) {
        rc = sl_context_step(r.context, &s->err);
        int64_t due = sl_context_due_us(r.context);
        int64_t until = due == SLI_FOREVER ? due : sli_world_mono_us(s->world) + due;
        rc = rc == SL_OK && due != 0
                 ? sli_engine_wait(sli_context_engine(r.context), until, &s->err)
                 : rc;
    }
    sl_context_free(r.context);
    return rc;
}

static int32_t lines_with(const start *s, const char *words)
{
    size_t size = 0;
    int32_t n = 0;
    const char *at = sli_world_printed(s->world, 2, &size);
    while (at != NULL && (at = strstr(at, words)) != NULL) {
        n++;
        at++;
    }
    return n;
}

SL_TEST(sim_a_start_waits_for_its_cluster, "")
{
    start s;
    start_init(&s);
    sli_kafka_cluster_away(s.cluster, 100 * SECOND);
    assert_int_equal(sli_peer_send(s.peer, "a\nb\n", 4, NULL), SL_OK);
    if (run(&s, "1s", 120) != SL_E_END) {
        fail_msg("%s", s.err.text);
    }
    assert_int_equal(sli_kafka_cluster_look(s.cluster, "out", NULL, NULL), 2);
    assert_int_equal(lines_with(&s, "the start waits for output"), 1);
    assert_int_equal(lines_with(&s, "no broker answers"), 1);
    assert_int_equal(lines_with(&s, "is there, after "), 1);
    start_reset(&s);
}

SL_TEST(sim_a_start_ends_when_its_cluster_does_not_come, "")
{
    start s;
    start_init(&s);
    sli_kafka_cluster_away(s.cluster, SLI_FOREVER);
    assert_int_equal(run(&s, "1s", 1000), SL_E_TIMEOUT);
    assert_non_null(strstr(s.err.text, "nothing came of 2m of waiting (start.timeout)"));
    assert_non_null(strstr(s.err.text, "no broker answers"));
    int64_t took = sli_world_mono_us(s.world) / SECOND;
    assert_int_equal(took, 120);
    start_reset(&s);
}

SL_TEST(sim_a_start_that_is_told_to_stop_waits_no_more, "")
{
    start s;
    start_init(&s);
    sli_kafka_cluster_away(s.cluster, SLI_FOREVER);
    assert_int_equal(run(&s, "1s", 5), SL_E_CANCELLED);
    assert_non_null(strstr(s.err.text, "told to stop before it began"));
    assert_true(sli_world_mono_us(s.world) <= 15 * SECOND); // one question
    start_reset(&s);
}

static void send_late(void *ctx)
{
    start *s = ctx;
    sli_kafka_cluster_away(s->cluster, 60 * (int64_t)SECOND); // so that another producer is opened
    assert_int_equal(sli_peer_send(s->peer, "b\n", 2, NULL), SL_OK);
}

static void go_away(void *ctx)
{
    start *s = ctx;
    sli_kafka_cluster_away(s->cluster, SLI_FOREVER);
    assert_int_equal(sli_peer_send(s->peer, "b\n", 2, NULL), SL_OK);
}

// Whatever call it is in: ten seconds of stop.timeout, and five that a call may still take.
SL_TEST(sim_a_stop_does_not_wait_for_its_cluster, "")
{
    for (int64_t stop = 20; stop < 30; stop++) {
        start s;
        start_init(&s);
        assert_int_equal(sli_peer_send(s.peer, "a\n", 2, NULL), SL_OK);
        assert_int_equal(sli_world_at(s.world, 5 * (int64_t)SECOND, go_away, &s, NULL), SL_OK);
        assert_int_equal(run(&s, "1s", stop), SL_E_TIMEOUT);
        assert_int_equal(sli_kafka_cluster_look(s.cluster, "out", NULL, NULL), 1);
        assert_true(sli_world_mono_us(s.world) <= (stop + 10 + 5) * SECOND + SECOND / 2);
        start_reset(&s);
    }
}

// Offsets of groups expire after a week without news. The job has none to tell, and signs its mark
// now and then.
SL_TEST(sim_the_mark_of_a_quiet_output_outlives_the_clusters_retention, "")
{
    enum { WEEK = 7 * 24 * HOUR };
    start s;
    start_init(&s);
    sli_kafka_cluster_retain(s.cluster, WEEK * (int64_t)SECOND);
    assert_int_equal(sli_peer_send(s.peer, "a\n", 2, NULL), SL_OK);
    int64_t late_us = (WEEK + 24 * HOUR) * (int64_t)SECOND;
    assert_int_equal(sli_world_at(s.world, late_us, send_late, &s, NULL), SL_OK);
    if (run(&s, "10m", WEEK + 26 * HOUR) != SL_E_END) {
        fail_msg("%s", s.err.text);
    }
    assert_int_equal(sli_kafka_cluster_look(s.cluster, "out", NULL, NULL), 2);
    start_reset(&s);
}
