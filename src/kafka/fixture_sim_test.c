// The contract suite's fixture of the simulated cluster.
#include "kafka/fixture_test.h"

#include "kafka/sim/cluster.h"

typedef struct sim {
    sli_world *world;
    sli_kafka_cluster *cluster;
} sim;

static sli_kafka_cluster *cluster_of(slt_kafka *k)
{
    return ((sim *)k->body)->cluster;
}

static void start(slt_kafka *k, uint64_t seed)
{
    sim *s = sl_alloc_zero(SLI_TAG_TEST, sizeof *s);
    assert_non_null(s);
    s->world = sli_world_new(&(sli_world_conf){.seed = seed});
    s->cluster = sli_kafka_cluster_new(s->world);
    assert_non_null(s->cluster);
    assert_int_equal(sli_world_boot(s->world, NULL, &k->env, NULL), SL_OK);
    k->inner = &sli_kafka_simulated;
    k->ops = seed % 2 == 0 ? &sli_kafka_gate : k->inner;
    k->prefix = "t";
    k->settings[k->n_settings++] = (sli_kafka_setting){"bootstrap.servers", "sim:9092", false};
    k->body = s;
}

static void end(slt_kafka *k)
{
    sim *s = k->body;
    sli_env_free(k->env);
    sli_kafka_cluster_free(s->cluster);
    sli_world_free(s->world);
    sl_free(s);
}

static void make(slt_kafka *k, const char *topic, int32_t n_partitions)
{
    slt_ok(k, sli_kafka_cluster_make(cluster_of(k), topic, n_partitions, &k->err));
}

static void grow(slt_kafka *k, const char *topic, int32_t n_partitions)
{
    slt_ok(k, sli_kafka_cluster_grow(cluster_of(k), topic, n_partitions, &k->err));
}

static void remove_topic(slt_kafka *k, const char *topic)
{
    slt_ok(k, sli_kafka_cluster_delete(cluster_of(k), topic, &k->err));
}

static void age(slt_kafka *k, const char *topic, int32_t partition, int64_t first)
{
    sli_kafka_spot spot = {topic, partition, first};
    slt_ok(k, sli_kafka_cluster_age(cluster_of(k), &spot, &k->err));
}

static void compact(slt_kafka *k, const char *topic, int32_t partition)
{
    slt_ok(k, sli_kafka_cluster_compact(cluster_of(k), topic, partition, &k->err));
}

static void limit(slt_kafka *k, const char *topic, int64_t record_bytes)
{
    slt_ok(k, sli_kafka_cluster_limit(cluster_of(k), topic, record_bytes, &k->err));
}

static void refuse(slt_kafka *k, const char *topic)
{
    slt_ok(k, sli_kafka_cluster_refuse(cluster_of(k), topic, 1, SL_E_DATA, &k->err));
}

static void postpone(slt_kafka *k, const char *topic)
{
    slt_ok(k, sli_kafka_cluster_refuse(cluster_of(k), topic, 1, SL_E_TIMEOUT, &k->err));
}

static void forbid(slt_kafka *k, const char *topic, bool forbidden)
{
    slt_ok(k, sli_kafka_cluster_forbid(cluster_of(k), topic, forbidden, &k->err));
}

static const char *ask_password(slt_kafka *k)
{
    sli_kafka_cluster_password(cluster_of(k), "right");
    return "right";
}

static void go_away(slt_kafka *k, bool away)
{
    sli_kafka_cluster_away(cluster_of(k), away ? SLI_FOREVER : 0);
}

static void lose(slt_kafka *k, int64_t n, bool done)
{
    sli_kafka_cluster_lose_at(cluster_of(k), n, done);
}

const slt_kafka_fixture slt_kafka_simulated = {
    .start = start,
    .end = end,
    .make = make,
    .grow = grow,
    .remove = remove_topic,
    .age = age,
    .compact = compact,
    .limit = limit,
    .refuse = refuse,
    .postpone = postpone,
    .forbid = forbid,
    .password = ask_password,
    .away = go_away,
    .hang = go_away, // a client sees no other difference than the reason
    .lose = lose,
};
