// The contract suite on a real cluster: SLUICE_TEST_KAFKA names its brokers (`make test-kafka`).
//
// Topics are made and changed through librdkafka's admin requests: Kafka's own tools start a Java
// machine for each. Tests that ask for what a test can't do to a cluster from outside are left out.
#include "env/module.h"
#include "kafka/fixture_test.h"

#if SLT_KAFKA

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WAIT_MS = 30000 };

typedef struct cluster {
    rd_kafka_t *rd;
    rd_kafka_queue_t *answers;
    char prefix[48];
} cluster;

static cluster *cluster_of(const slt_kafka *k)
{
    return k->body;
}

static void start(slt_kafka *k, uint64_t seed)
{
    static int n_started; // names of two tests of one program must not meet
    const sli_module *module = NULL;
    const sli_module_want want = {"kafka_rd", SLI_KAFKA_ABI, "a test", "libsluice-kafka",
                                  "librdkafka-dev"};
    const char *brokers = getenv("SLUICE_TEST_KAFKA");
    cluster *c = calloc(1, sizeof *c);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    char why[256];
    (void)seed;
    assert_non_null(c);
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why, sizeof why),
                     RD_KAFKA_CONF_OK);
    c->rd = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(c->rd);
    c->answers = rd_kafka_queue_new(c->rd);
    (void)snprintf(c->prefix, sizeof c->prefix, "t%d-%d", (int)getpid(), ++n_started);
    assert_int_equal(sli_env_posix(&k->env, NULL), SL_OK);
    slt_ok(k, sli_module_load(k->env, SLT_BUILD_DIR "/lib/sluice", &want, &module, &k->err));
    k->body = c;
    k->inner = module->table;
    k->ops = &sli_kafka_gate;
    k->prefix = c->prefix;
    k->settings[k->n_settings++] = (sli_kafka_setting){"bootstrap.servers", brokers, false};
}

static void end(slt_kafka *k)
{
    cluster *c = cluster_of(k);
    rd_kafka_queue_destroy(c->answers);
    rd_kafka_destroy(c->rd);
    free(c);
    sli_env_free(k->env);
}

// ---------------------------------------------------------------- admin requests

static rd_kafka_AdminOptions_t *options_for(const cluster *c, rd_kafka_admin_op_t op)
{
    char why[128];
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(c->rd, op);
    (void)rd_kafka_AdminOptions_set_request_timeout(options, WAIT_MS, why, sizeof why);
    (void)rd_kafka_AdminOptions_set_operation_timeout(options, WAIT_MS, why, sizeof why);
    return options;
}

/// The answer, which must be one without an error at its top.
static rd_kafka_event_t *answer(const cluster *c, SL_TAKES rd_kafka_AdminOptions_t *options)
{
    rd_kafka_event_t *event = rd_kafka_queue_poll(c->answers, WAIT_MS);
    rd_kafka_AdminOptions_destroy(options);
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail_msg("the cluster: %s",
                 event == NULL ? "no answer" : rd_kafka_event_error_string(event));
    }
    return event;
}

static void check_topic(const rd_kafka_topic_result_t **topics, size_t n)
{
    assert_int_equal(n, 1);
    if (rd_kafka_topic_result_error(topics[0]) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail_msg("%s: %s", rd_kafka_topic_result_name(topics[0]),
                 rd_kafka_topic_result_error_string(topics[0]));
    }
}

static void make(slt_kafka *k, const char *topic, int32_t n_partitions)
{
    cluster *c = cluster_of(k);
    char why[256];
    size_t n = 0;
    rd_kafka_NewTopic_t *new_topic =
        rd_kafka_NewTopic_new(topic, n_partitions, -1, why, sizeof why);
    rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    assert_non_null(new_topic);
    rd_kafka_CreateTopics(c->rd, &new_topic, 1, options, c->answers);
    rd_kafka_NewTopic_destroy(new_topic);
    rd_kafka_event_t *event = answer(c, options);
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &n);
    check_topic(topics, n);
    rd_kafka_event_destroy(event);
}

static void grow(slt_kafka *k, const char *topic, int32_t n_partitions)
{
    cluster *c = cluster_of(k);
    char why[256];
    size_t n = 0;
    rd_kafka_NewPartitions_t *more =
        rd_kafka_NewPartitions_new(topic, (size_t)n_partitions, why, sizeof why);
    rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_CREATEPARTITIONS);
    assert_non_null(more);
    rd_kafka_CreatePartitions(c->rd, &more, 1, options, c->answers);
    rd_kafka_NewPartitions_destroy(more);
    rd_kafka_event_t *event = answer(c, options);
    const rd_kafka_topic_result_t **topics =
        rd_kafka_CreatePartitions_result_topics(rd_kafka_event_CreatePartitions_result(event), &n);
    check_topic(topics, n);
    rd_kafka_event_destroy(event);
}

static void remove_topic(slt_kafka *k, const char *topic)
{
    cluster *c = cluster_of(k);
    size_t n = 0;
    rd_kafka_DeleteTopic_t *gone = rd_kafka_DeleteTopic_new(topic);
    rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_DELETETOPICS);
    rd_kafka_DeleteTopics(c->rd, &gone, 1, options, c->answers);
    rd_kafka_DeleteTopic_destroy(gone);
    rd_kafka_event_t *event = answer(c, options);
    const rd_kafka_topic_result_t **topics =
        rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event), &n);
    check_topic(topics, n);
    rd_kafka_event_destroy(event);
}

static void age(slt_kafka *k, const char *topic, int32_t partition, int64_t first)
{
    cluster *c = cluster_of(k);
    rd_kafka_topic_partition_list_t *before = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(before, topic, partition)->offset = first;
    rd_kafka_DeleteRecords_t *gone = rd_kafka_DeleteRecords_new(before);
    rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_DELETERECORDS);
    rd_kafka_DeleteRecords(c->rd, &gone, 1, options, c->answers);
    rd_kafka_DeleteRecords_destroy(gone);
    rd_kafka_topic_partition_list_destroy(before);
    rd_kafka_event_destroy(answer(c, options));
}

static void limit(slt_kafka *k, const char *topic, int64_t record_bytes)
{
    cluster *c = cluster_of(k);
    char bytes[24];
    (void)snprintf(bytes, sizeof bytes, "%lld", (long long)record_bytes);
    rd_kafka_ConfigResource_t *of = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    (void)rd_kafka_ConfigResource_set_config(of, "max.message.bytes", bytes);
    rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(c->rd, &of, 1, options, c->answers);
    rd_kafka_ConfigResource_destroy(of);
    rd_kafka_event_destroy(answer(c, options));
}

/// A cluster's own clock: it looks for transactions that took too long every half second.
static void pass(slt_kafka *k, int64_t us)
{
    enum { LOOKS_US = 1000000 };
    (void)k;
    (void)usleep((useconds_t)(us + LOOKS_US));
}

const slt_kafka_fixture slt_kafka_broker = {.start = start,
                                            .end = end,
                                            .make = make,
                                            .grow = grow,
                                            .remove = remove_topic,
                                            .age = age,
                                            .limit = limit,
                                            .pass = pass};

#endif
