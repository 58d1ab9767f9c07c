// The contract suite on a real cluster: SLUICE_TEST_KAFKA names the directory in which tools/kafka
// has started one broker (`make test-kafka`).
//
// Clients go through a proxy, to the broker's listener `far`. Topics are made and changed through
// librdkafka's admin requests, past the proxy: Kafka's own tools start a Java machine for each.
// Tests that ask for what a test can't do to a cluster from outside are left out.
#include "env/module.h"
#include "kafka/fixture_test.h"

#if SLT_KAFKA

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proxy.h"

enum { WAIT_MS = 30000 };

typedef struct cluster {
    rd_kafka_t *rd;
    rd_kafka_queue_t *answers;
    char prefix[48];
    int n_settled;
} cluster;

static slt_proxy *proxy; ///< of all tests: one that fails can't end it
static char near[64];    ///< where it is

static cluster *cluster_of(const slt_kafka *k)
{
    return k->body;
}

static void open_admin(cluster *c)
{
    char place[64], why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    slt_broker_place(place, sizeof place, "plain");
    assert_int_equal(rd_kafka_conf_set(conf, "bootstrap.servers", place, why, sizeof why),
                     RD_KAFKA_CONF_OK);
    c->rd = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    assert_non_null(c->rd);
    c->answers = rd_kafka_queue_new(c->rd);
}

/// True: it is a new one, of this program's first test.
static bool open_proxy(void)
{
    char far[64];
    bool is_new = proxy == NULL;
    if (is_new) {
        slt_broker_place(near, sizeof near, "near");
        slt_broker_place(far, sizeof far, "far");
        proxy = slt_proxy_start(near, far);
    }
    slt_proxy_set(proxy, SLT_PROXY_NONE);
    return is_new;
}

/// A new cluster makes its topic of groups when first asked for one. An offset that is sent into a
/// transaction meanwhile never returns: librdkafka (2.0.2) neither retries it nor keeps to its
/// time-out. The sink asks for its mark first, too.
static void await_groups(slt_kafka *k)
{
    (void)slt_mark_of(k, slt_name(k, "first"), slt_topic(k, "first", 1));
}

static void start(slt_kafka *k, uint64_t seed)
{
    static int n_started; // names of two tests of one program must not meet
    const sli_module *module = NULL;
    const sli_module_want want = {"kafka_rd", SLI_KAFKA_ABI, "a test", "libsluice-kafka",
                                  "librdkafka-dev"};
    cluster *c = calloc(1, sizeof *c);
    (void)seed;
    assert_non_null(c);
    open_admin(c);
    bool is_first = open_proxy();
    (void)snprintf(c->prefix, sizeof c->prefix, "t%d-%d", (int)getpid(), ++n_started);
    assert_int_equal(sli_env_posix(&k->env, NULL), SL_OK);
    slt_ok(k, sli_module_load(k->env, SLT_BUILD_DIR "/lib/sluice", &want, &module, &k->err));
    k->body = c;
    k->inner = module->table;
    k->ops = &sli_kafka_gate;
    k->prefix = c->prefix;
    k->settings[k->n_settings++] = (sli_kafka_setting){"bootstrap.servers", near, false};
    if (is_first) {
        await_groups(k);
    }
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

/// One try: what the cluster says of the group.
static rd_kafka_resp_err_t delete_group(const cluster *c, const char *group)
{
    size_t n = 0;
    rd_kafka_DeleteGroup_t *gone = rd_kafka_DeleteGroup_new(group);
    rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_DELETEGROUPS);
    rd_kafka_DeleteGroups(c->rd, &gone, 1, options, c->answers);
    rd_kafka_DeleteGroup_destroy(gone);
    rd_kafka_event_t *event = answer(c, options);
    const rd_kafka_group_result_t **groups =
        rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event), &n);
    assert_int_equal(n, 1);
    const rd_kafka_error_t *error = rd_kafka_group_result_error(groups[0]);
    rd_kafka_resp_err_t code =
        error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
    rd_kafka_event_destroy(event);
    return code;
}

/// A broker that was stopped for long takes a while until it has its groups again.
void slt_broker_forget(slt_kafka *k, const char *group)
{
    int64_t until_us = slt_soon(k);
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    do {
        code = delete_group(cluster_of(k), group);
    } while ((code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
              code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
              code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS) &&
             sli_env_mono_us(k->env) < until_us && usleep(20000) == 0);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fail_msg("%s: %s", group, rd_kafka_err2str(code));
    }
}

/// How many partitions of the topic the broker can lead; -1: it does not know the topic.
static int32_t led(const cluster *c, const char *topic)
{
    const struct rd_kafka_metadata *found = NULL;
    rd_kafka_topic_t *one = rd_kafka_topic_new(c->rd, topic, NULL);
    rd_kafka_resp_err_t code = rd_kafka_metadata(c->rd, 0, one, &found, WAIT_MS);
    assert_int_equal(code, RD_KAFKA_RESP_ERR_NO_ERROR);
    const rd_kafka_metadata_topic_t *t = found->topics;
    int32_t n = t->err == RD_KAFKA_RESP_ERR_NO_ERROR ? 0 : -1;
    for (int i = 0; n >= 0 && i < t->partition_cnt; i++) {
        n += t->partitions[i].leader >= 0 ? 1 : 0;
    }
    rd_kafka_metadata_destroy(found);
    rd_kafka_topic_destroy(one);
    return n;
}

/// The controller answers before its brokers know: they tell no event, so they are asked.
static void await_led(const cluster *c, const char *topic, int32_t n_partitions)
{
    while (led(c, topic) != n_partitions) {
        (void)usleep(2000);
    }
}

static bool is_whole(const struct rd_kafka_metadata *found, int n_brokers)
{
    bool whole = found->broker_cnt == n_brokers;
    for (int i = 0; whole && i < found->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *t = &found->topics[i];
        for (int p = 0; whole && p < t->partition_cnt; p++) {
            whole = t->partitions[p].leader >= 0 && t->partitions[p].isr_cnt == n_brokers;
        }
    }
    return whole;
}

void slt_broker_whole(slt_kafka *k, int n_brokers)
{
    const struct rd_kafka_metadata *found = NULL;
    int64_t until_us = slt_in(k, 120000000);
    for (bool whole = false; !whole;) {
        if (sli_env_mono_us(k->env) > until_us) {
            fail_msg("the cluster is not whole within two minutes");
        }
        (void)usleep(100000); // a cluster tells no event
        if (rd_kafka_metadata(cluster_of(k)->rd, 1, NULL, &found, WAIT_MS) ==
            RD_KAFKA_RESP_ERR_NO_ERROR) {
            whole = is_whole(found, n_brokers);
            rd_kafka_metadata_destroy(found);
        }
    }
}

static void make_topic(cluster *c, const char *topic, int32_t n_partitions)
{
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
    await_led(c, topic, n_partitions);
}

static void make(slt_kafka *k, const char *topic, int32_t n_partitions)
{
    make_topic(cluster_of(k), topic, n_partitions);
}

/// Returns when the broker has done what the controller had on record before the call. A broker
/// takes records in groups, and shows a group's topics before all of the group is done: so the
/// group of the first topic is behind it when the second shows.
static void settle(cluster *c)
{
    for (int i = 0; i < 2; i++) {
        char topic[80];
        (void)snprintf(topic, sizeof topic, "%s-settled-%d", c->prefix, ++c->n_settled);
        make_topic(c, topic, 1);
    }
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
    await_led(c, topic, n_partitions);
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
    await_led(c, topic, -1);
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

typedef struct config {
    const char *name, *value;
} config;

/// Its settings from now on, ended by a NULL name; all others are the broker's.
static void set_topic(slt_kafka *k, const char *topic, const config *configs)
{
    cluster *c = cluster_of(k);
    rd_kafka_ConfigResource_t *of = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic);
    for (; configs->name != NULL; configs++) {
        (void)rd_kafka_ConfigResource_set_config(of, configs->name, configs->value);
    }
    rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_ALTERCONFIGS);
    rd_kafka_AlterConfigs(c->rd, &of, 1, options, c->answers);
    rd_kafka_ConfigResource_destroy(of);
    rd_kafka_event_destroy(answer(c, options));
    settle(c);
}

static void limit(slt_kafka *k, const char *topic, int64_t record_bytes)
{
    char bytes[24];
    (void)snprintf(bytes, sizeof bytes, "%lld", (long long)record_bytes);
    set_topic(k, topic, (const config[]){{"max.message.bytes", bytes}, {NULL, NULL}});
}

/// A compacted topic takes no record without a key.
static void refuse(slt_kafka *k, const char *topic)
{
    set_topic(k, topic, (const config[]){{"cleanup.policy", "compact"}, {NULL, NULL}});
}

// ---------------------------------------------------------------- compaction

/// Keys of one byte are told apart; whether one comes twice before `end`.
static bool has_repeats(slt_kafka *k, const char *topic, int32_t partition, int64_t end)
{
    bool seen[256] = {false}, again = false;
    int64_t next = 0;
    sli_kafka *consumer = slt_consumer(k);
    sli_kafka_spot from = {topic, partition, 0};
    slt_ok(k, k->ops->fetch(consumer, &from, 0, &k->err));
    while (next < end) {
        sli_kafka_record record;
        int32_t n = 0;
        slt_ok(k, k->ops->poll(consumer, &record, 1, &n, slt_soon(k), &k->err));
        assert_int_equal(n, 1);
        bool *known = record.kind == SLI_KAFKA_RECORD && record.key_size == 1
                          ? &seen[(unsigned char)record.key[0]]
                          : &(bool){false};
        again = again || *known;
        *known = true;
        next = record.kind == SLI_KAFKA_RECORD ? record.offset + 1 : record.offset;
        k->ops->release(consumer, &record, n);
    }
    k->ops->close(consumer);
    return again;
}

/// The segment that is written to is never compacted: a record of the present ends the one whose
/// records are old.
static void end_segment(slt_kafka *k, const char *topic, int32_t partition)
{
    sli_kafka_producer *p = slt_producer(k, NULL);
    sli_kafka_message m = {.topic = topic,
                           .partition = partition,
                           .timestamp_us = sli_env_wall_us(k->env),
                           .key = "behind",
                           .key_size = 6};
    slt_ok(k, k->ops->send(p, &m, 1, slt_soon(k), &k->err));
    slt_commit(k, p);
    k->ops->producer_close(p);
}

static void compact(slt_kafka *k, const char *topic, int32_t partition)
{
    int64_t end = slt_end_of(k, topic);
    set_topic(k, topic,
              (const config[]){{"cleanup.policy", "compact"},
                               {"min.cleanable.dirty.ratio", "0.0"},
                               {"segment.ms", "1000"},
                               {NULL, NULL}});
    end_segment(k, topic, partition);
    while (has_repeats(k, topic, partition, end)) {
        (void)usleep(50000); // the cleaner tells no event
    }
}

// ---------------------------------------------------------------- who may

/// Nobody may do anything with the topic (tools/kafka --secure: all may all that no rule is about).
static void forbid(slt_kafka *k, const char *topic, bool forbidden)
{
    char why[256];
    cluster *c = cluster_of(k);
    if (forbidden) {
        rd_kafka_AclBinding_t *rule = rd_kafka_AclBinding_new(
            RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:*", "*",
            RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_DENY, why, sizeof why);
        rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_CREATEACLS);
        assert_non_null(rule);
        rd_kafka_CreateAcls(c->rd, &rule, 1, options, c->answers);
        rd_kafka_AclBinding_destroy(rule);
        rd_kafka_event_destroy(answer(c, options));
    } else {
        rd_kafka_AclBindingFilter_t *rules = rd_kafka_AclBindingFilter_new(
            RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_RESOURCE_PATTERN_LITERAL, NULL, NULL,
            RD_KAFKA_ACL_OPERATION_ANY, RD_KAFKA_ACL_PERMISSION_TYPE_ANY, why, sizeof why);
        rd_kafka_AdminOptions_t *options = options_for(c, RD_KAFKA_ADMIN_OP_DELETEACLS);
        assert_non_null(rules);
        rd_kafka_DeleteAcls(c->rd, &rules, 1, options, c->answers);
        rd_kafka_AclBinding_destroy(rules);
        rd_kafka_event_destroy(answer(c, options));
    }
    settle(c);
}

static const char *ask_password(slt_kafka *k)
{
    static char safe[64], ca[512];
    slt_broker_place(safe, sizeof safe, "safe");
    slt_broker_file(ca, sizeof ca, "ca.pem");
    const sli_kafka_setting settings[] = {{"bootstrap.servers", safe, false},
                                          {"security.protocol", "SASL_SSL", false},
                                          {"ssl.ca.location", ca, false},
                                          {"sasl.mechanism", "PLAIN", false},
                                          {"sasl.username", "sluice", false}};
    memcpy(k->settings, settings, sizeof settings);
    k->n_settings = sizeof settings / sizeof settings[0];
    return "sluice-pw";
}

static void go_away(slt_kafka *k, bool away)
{
    (void)k;
    slt_proxy_set(proxy, away ? SLT_PROXY_REFUSE : SLT_PROXY_NONE);
}

static void hang(slt_kafka *k, bool hangs)
{
    (void)k;
    slt_proxy_set(proxy, hangs ? SLT_PROXY_SILENT : SLT_PROXY_NONE);
}

/// Not the n-th answer alone: all that is to come over the connections that are open.
static void lose(slt_kafka *k, int64_t n, bool done)
{
    (void)k;
    (void)n;
    slt_proxy_lose(proxy, !done);
}

const slt_kafka_fixture slt_kafka_broker = {.start = start,
                                            .end = end,
                                            .make = make,
                                            .grow = grow,
                                            .remove = remove_topic,
                                            .age = age,
                                            .compact = compact,
                                            .limit = limit,
                                            .refuse = refuse,
                                            .forbid = forbid,
                                            .password = ask_password,
                                            .away = go_away,
                                            .hang = hang,
                                            .lose = lose};

#endif
