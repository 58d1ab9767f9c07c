// Rows that are on their way to a topic before their group is closed: where a job's groups are
// short they arrive epoch by epoch, unseen, and nothing of a job that failed stays open.
#include "api/test_int.h"
#include "kafka/sim/cluster.h"
#include "sl_test.h"

enum { ROWS = 6, SEEDS = 12 };

typedef struct rig {
    sl_test *test;
    sli_kafka_cluster *cluster;
} rig;

static void begin_cluster(sli_world *world, void *ctx)
{
    rig *r = ctx;
    r->cluster = sli_kafka_cluster_new(world);
    assert_non_null(r->cluster);
    assert_int_equal(sli_kafka_cluster_make(r->cluster, "in", 1, NULL), SL_OK);
    assert_int_equal(sli_kafka_cluster_make(r->cluster, "out", 1, NULL), SL_OK);
}

static void end_cluster(void *ctx)
{
    sli_kafka_cluster_free(((rig *)ctx)->cluster);
}

static void build(sl_graph *graph)
{
    sl_stream *rows = sl_stream_open(graph, "kafka://sim:9092/in?start=earliest");
    sl_stream_save(sl_stream_select(rows, "1 / (length(line) - 1) AS n"), "kafka://sim:9092/out");
}

static void open_rig(rig *r, const char *commit_interval, uint64_t seed)
{
    const char *settings[] = {"commit_interval", commit_interval, NULL};
    sli_test_world_fn outside = {begin_cluster, end_cluster, r};
    sl_test_conf conf = {
        .interval = "100ms", .seed = seed, .checkpoint = true, .settings = settings};
    r->test = sli_test_new_beside(build, conf, &outside);
    SL_CHECK_TEXT(sl_test_error(r->test), "");
    sl_test_advance(r->test, 1); // the first group, of nothing
}

static void put(rig *r, const char *topic, const char *value)
{
    sli_kafka_message m = {.topic = topic, .value = value, .value_size = (uint32_t)strlen(value)};
    assert_int_equal(sli_kafka_cluster_put(r->cluster, &m, NULL), SL_OK);
}

/// Records that have arrived before the group was closed, which nobody has seen.
static int64_t arrived_early(rig *r)
{
    for (int32_t i = 0; i < ROWS; i++) {
        put(r, "in", "xx");
        sl_test_advance(r->test, 1);
    }
    SL_CHECK_TEXT(sl_test_error(r->test), "");
    assert_int_equal(sli_kafka_cluster_look(r->cluster, "out", NULL, NULL), 0);
    return sli_kafka_cluster_arrived(r->cluster, "out");
}

static int64_t most_early(const char *commit_interval)
{
    int64_t most = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        rig r = {0};
        open_rig(&r, commit_interval, seed);
        int64_t early = arrived_early(&r);
        most = early > most ? early : most;
        sl_test_stop(r.test);
        assert_int_equal(sli_kafka_cluster_look(r.cluster, "out", NULL, NULL), ROWS);
        assert_int_equal(sli_kafka_cluster_arrived(r.cluster, "out"), ROWS);
        sl_test_free(r.test);
    }
    return most;
}

SL_TEST(rows_of_short_groups_are_sent_before_the_group_is_closed, "")
{
    assert_true(most_early("1s") >= ROWS - 1);
}

// Whoever reads the topic would wait for the end of the transaction, also for others' records.
SL_TEST(rows_of_long_groups_are_sent_at_their_end, "")
{
    assert_int_equal(most_early("2s"), 0);
}

SL_TEST(a_job_that_fails_leaves_no_transaction_open, "")
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        rig r = {0};
        open_rig(&r, "1s", seed);
        (void)arrived_early(&r);
        put(&r, "in", "x"); // division by zero
        sl_test_advance(r.test, 2);
        assert_non_null(strstr(sl_test_error(r.test), "division by zero"));
        sl_test_stop(r.test);
        int64_t before = sli_kafka_cluster_look(r.cluster, "out", NULL, NULL);
        put(&r, "out", "other");
        assert_int_equal(sli_kafka_cluster_look(r.cluster, "out", NULL, NULL), before + 1);
        sl_test_free(r.test);
    }
}
