// A job that reads topics, and what is told of it: the offsets of each epoch where its functions
// can see them, those of committed epochs in a group, and how much an epoch takes of a backlog.
#include "api/test_int.h"
#include "base/str.h"
#include "kafka/sim/cluster.h"
#include "sl_test.h"

#include <stdlib.h>

enum { PARTITIONS = 2 };

/// A test with a cluster beside it.
typedef struct told {
    sl_test *test;
    sli_kafka_cluster *cluster;
    sli_str seen; ///< a line an epoch that had rows: how many, from where, to where
} told;

static void begin_cluster(sli_world *world, void *ctx)
{
    told *t = ctx;
    t->cluster = sli_kafka_cluster_new(world);
    assert_non_null(t->cluster);
    assert_int_equal(sli_kafka_cluster_make(t->cluster, "a", PARTITIONS, NULL), SL_OK);
}

static void end_cluster(void *ctx)
{
    sli_kafka_cluster_free(((told *)ctx)->cluster);
}

static void attach(sl_graph *graph, void *ctx)
{
    sl_graph_attach(graph, "told", ctx);
}

static void put(told *t, int32_t partition, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        sli_kafka_message m = {.topic = "a", .partition = partition, .value = "x", .value_size = 1};
        assert_int_equal(sli_kafka_cluster_put(t->cluster, &m, NULL), SL_OK);
    }
}

static sl_code note_range(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    told *t = sl_args_attached(args, "told");
    const char *from = NULL, *to = NULL;
    int64_t n = 0;
    SL_TRY(sl_rdd_count(rdd, &n, err));
    SL_TRY(sl_rdd_range(rdd, &from, &to, err));
    if (n > 0) {
        sli_str_printf(&t->seen, "%d %s %s\n", (int)n, from, to);
    }
    return SL_OK;
}
static const sl_foreach_fn note_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "note_range", .run = note_range};

static void build(sl_graph *graph)
{
    sl_stream *rows = sl_stream_open(graph, "kafka://sim:9092/a?start=earliest&group=lag");
    sl_stream_foreach_rdd(rows, &note_fn, NULL);
    sl_stream_save(sl_stream_where(rows, "line = 'x'"), "collect:rows");
}

static void open_told(told *t, bool checkpoint, const char *const *settings, uint64_t seed)
{
    *t = (told){.seen.tag = SLI_TAG_TEST};
    sli_test_world_fn outside = {begin_cluster, end_cluster, t};
    sl_test_conf conf = {
        .seed = seed, .checkpoint = checkpoint, .settings = settings, .prepare = attach, .ctx = t};
    t->test = sli_test_new_beside(build, conf, &outside);
    SL_CHECK_TEXT(sl_test_error(t->test), "");
}

static void close_told(told *t)
{
    SL_CHECK_TEXT(sl_test_error(t->test), "");
    sl_test_free(t->test);
    sli_str_reset(&t->seen);
}

/// Rows of the epochs so far.
static int64_t rows_of(const told *t)
{
    int64_t rows = 0;
    for (const char *at = t->seen.data; at != NULL && *at != '\0'; at = strchr(at, '\n') + 1) {
        rows += strtol(at, NULL, 10);
    }
    return rows;
}

static void advance_to(told *t, int64_t rows)
{
    for (int i = 0; i < 60 && rows_of(t) < rows; i++) {
        sl_test_advance(t->test, 1);
    }
    assert_int_equal(rows_of(t), rows);
}

static int64_t group_at(const told *t, int32_t partition)
{
    return sli_kafka_cluster_mark(t->cluster, "lag", "a", partition).offset;
}

static void hear_batch(void *ctx, const sl_batch_info *batch)
{
    const sl_input_info *input = &batch->inputs[0];
    if (input->rows > 0) {
        sli_str_printf(ctx, "%d %s %s\n", (int)input->rows, input->from, input->to);
    }
}
static const sl_listener listener = {
    .struct_size = sizeof(sl_listener), .name = "offsets", .batch_completed = hear_batch};

SL_TEST(kafka_functions_and_listeners_see_the_offsets_of_an_epoch, "")
{
    told t;
    sli_str heard = {.tag = SLI_TAG_TEST};
    open_told(&t, true, NULL, 1);
    assert_int_equal(sl_context_add_listener(sli_test_context(t.test), &listener, &heard, NULL),
                     SL_OK);
    put(&t, 0, 3);
    advance_to(&t, 3);
    SL_CHECK_TEXT(t.seen.data, "3 {\"a\":{\"0\":0,\"1\":0}} {\"a\":{\"0\":3,\"1\":0}}\n");
    sli_str_clear(&t.seen);
    put(&t, 1, 2);
    advance_to(&t, 2);
    SL_CHECK_TEXT(t.seen.data, "2 {\"a\":{\"0\":3,\"1\":0}} {\"a\":{\"0\":3,\"1\":2}}\n");
    close_told(&t); // the listener has heard all of it then
    SL_CHECK_TEXT(heard.data, "3 {\"a\":{\"0\":0,\"1\":0}} {\"a\":{\"0\":3,\"1\":0}}\n"
                              "2 {\"a\":{\"0\":3,\"1\":0}} {\"a\":{\"0\":3,\"1\":2}}\n");
    sli_str_reset(&heard);
}

SL_TEST(kafka_group_has_the_offsets_of_committed_epochs, "")
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        told t;
        open_told(&t, seed % 2 == 0, NULL, seed);
        assert_int_equal(group_at(&t, 0), -1);
        put(&t, 0, 5);
        put(&t, 1, 7);
        advance_to(&t, 12);
        sl_test_advance(t.test, 10); // until what was noted has arrived
        assert_int_equal(group_at(&t, 0), 5);
        assert_int_equal(group_at(&t, 1), 7);
        close_told(&t);
    }
}

/// Somebody else puts the group's offsets elsewhere.
static void move_group(told *t, int64_t offset)
{
    sli_kafka_setting broker = {"bootstrap.servers", "sim:9092", false};
    sli_kafka_conf conf = {.struct_size = sizeof conf,
                           .settings = &broker,
                           .n_settings = 1,
                           .mono_us = sli_env_mono_us};
    sl_env *env = NULL;
    sli_kafka *client = NULL;
    assert_int_equal(sli_world_boot(sli_test_world(t->test), NULL, &env, NULL), SL_OK);
    conf.env = env;
    assert_int_equal(sli_kafka_simulated.open(&client, &conf, NULL), SL_OK);
    for (int32_t i = 0; i < PARTITIONS; i++) {
        sli_kafka_simulated.note(client, "lag", &(sli_kafka_spot){"a", i, offset}, 1);
    }
    sli_kafka_simulated.close(client);
    sli_env_free(env);
}

SL_TEST(kafka_group_is_never_read_back, "")
{
    told t;
    open_told(&t, true, NULL, 7);
    put(&t, 0, 5);
    advance_to(&t, 5);
    sl_test_advance(t.test, 3);
    move_group(&t, 0);
    sl_test_advance(t.test, 10); // until that has arrived
    assert_int_equal(group_at(&t, 0), 0);
    put(&t, 0, 2);
    sli_str_clear(&t.seen);
    sl_test_crash(t.test, false);
    advance_to(&t, 2);
    SL_CHECK_TEXT(t.seen.data, "2 {\"a\":{\"0\":5,\"1\":0}} {\"a\":{\"0\":7,\"1\":0}}\n");
    close_told(&t);
}

SL_TEST(kafka_backlog_is_taken_at_the_first_rate, "BOUNDED-1")
{
    static const char *const settings[] = {"backpressure", "true", "backpressure.initial_rate",
                                           "50", NULL};
    told t;
    open_told(&t, true, settings, 3);
    put(&t, 0, 300);
    put(&t, 1, 100);
    advance_to(&t, 400);
    int32_t n = 0;
    for (const char *at = t.seen.data; *at != '\0'; at = strchr(at, '\n') + 1, n++) {
        assert_in_range(strtol(at, NULL, 10), 1, 50);
    }
    assert_true(n >= 8);
    close_told(&t);
}
