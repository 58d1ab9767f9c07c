// The Kafka sink on a real cluster (`make test-kafka`): truth is what Kafka's own console consumer
// reads with read_committed.
#include "sink/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "brokers.h"

/// A topic of its own on the cluster, and a job that writes to it.
typedef struct broker {
    char brokers[64], topic[48], url[256];
    slt_kind kind;
    sl_env *env;
    slt_log log;
    slt_job job;
    sl_error err;
} broker;

// ---------------------------------------------------------------- the cluster

/// What one of Kafka's own tools prints.
static void run_tool(const broker *b, const char *class, const char *args, sli_str *out)
{
    char command[512], piece[4096];
    (void)snprintf(command, sizeof command,
                   SLT_SOURCE_DIR
                   "/tools/kafka tool /tmp org.apache.kafka.tools.%s --bootstrap-server %s %s "
                   "2>/dev/null",
                   class, b->brokers, args);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    for (size_t n; (n = fread(piece, 1, sizeof piece, pipe)) > 0;) {
        sli_str_add(out, piece, n);
    }
    (void)pclose(pipe); // the consumer ends by a timeout, which is its failure
}

/// Compares the topic with the lines. The consumer has no end but its patience: where that is
/// short of a busy machine, it looks once more.
static void consumer_reads(const broker *b, const char *expected)
{
    char args[256];
    sli_str out = SLI_STR_INIT;
    for (int patience_ms = 6000; patience_ms <= 60000; patience_ms *= 10) {
        sli_str_clear(&out);
        sli_str_text(&out, "");
        (void)snprintf(
            args, sizeof args,
            "--topic %s --from-beginning --isolation-level read_committed --timeout-ms %d",
            b->topic, patience_ms);
        run_tool(b, "consumer.ConsoleConsumer", args, &out);
        if (out.size >= strlen(expected)) {
            break;
        }
    }
    SL_CHECK_TEXT(out.data, expected);
    sli_str_reset(&out);
}

static void consumer_sees(const broker *b, int64_t groups)
{
    char *expected = slt_expected(&b->kind, "", groups);
    consumer_reads(b, expected);
    sl_free(expected);
}

// ---------------------------------------------------------------- the job

static void broker_init(broker *b, const char *name, const char *options)
{
    char args[128];
    sli_str out = SLI_STR_INIT;
    *b = (broker){.err = SL_ERROR_INIT};
    slt_broker_place(b->brokers, sizeof b->brokers, "plain");
    (void)snprintf(b->topic, sizeof b->topic, "s%d-%s", (int)getpid(), name);
    (void)snprintf(b->url, sizeof b->url, "kafka://%s/%s?format=csv%s", b->brokers, b->topic,
                   options);
    b->kind = (slt_kind){.name = "broker", .url = b->url, .fences = true, .remote = true};
    (void)snprintf(args, sizeof args, "--create --topic %s --partitions 1", b->topic);
    run_tool(b, "TopicCommand", args, &out);
    sli_str_reset(&out);
    assert_int_equal(sli_env_posix(&b->env, NULL), SL_OK);
    slt_job_init(&b->job, &b->kind, b->env, &b->log, 1);
}

static void broker_reset(broker *b)
{
    slt_job_reset(&b->job);
    sli_env_free(b->env);
}

static void works(broker *b, sl_code rc)
{
    if (rc != SL_OK) {
        fail_msg("%s: %s", sl_code_name(rc), b->err.text);
    }
}

static void commit(broker *b, int64_t group)
{
    works(b, slt_commit(&b->job, group, &b->err));
    b->log.sealed = group;
}

SL_TEST(kafka_sink_groups_are_there_once_and_late_drivers_are_refused_brokers, "")
{
    broker b;
    slt_job newer;
    broker_init(&b, "once", "");
    works(&b, slt_open(&b.job, &b.err));
    assert_int_equal(b.job.said, 0);
    commit(&b, 1);
    commit(&b, 2);
    commit(&b, 2);
    slt_job_init(&newer, &b.kind, b.env, &b.log, 2);
    works(&b, slt_open(&newer, &b.err));
    assert_int_equal(newer.said, 2);
    assert_int_equal(slt_commit(&b.job, 3, &b.err), SL_E_SUPERSEDED);
    works(&b, slt_commit(&newer, 2, &b.err));
    works(&b, slt_commit(&newer, 3, &b.err));
    slt_job_reset(&newer);
    consumer_sees(&b, 3);
    broker_reset(&b);
}

// As an older driver that hung and opens its producer late: the newer one goes on.
SL_TEST(kafka_sink_fenced_by_an_older_driver_goes_on_brokers, "")
{
    broker b;
    slt_job older;
    broker_init(&b, "older", "");
    b.job.generation = 2;
    works(&b, slt_open(&b.job, &b.err));
    commit(&b, 1);
    slt_job_init(&older, &b.kind, b.env, &b.log, 1);
    assert_int_equal(slt_open(&older, &b.err), SL_E_SUPERSEDED);
    slt_job_reset(&older);
    commit(&b, 2);
    consumer_sees(&b, 2);
    broker_reset(&b);
}

SL_TEST(kafka_sink_a_refused_record_is_told_with_its_place_brokers, "")
{
    broker b;
    broker_init(&b, "large", "&kafka.message.max.bytes=1100");
    works(&b, slt_open(&b.job, &b.err));
    commit(&b, 1);
    char *variant = sl_alloc(SLI_TAG_TEST, 1201);
    memset(variant, 'x', 1200);
    variant[1200] = '\0';
    b.job.variant = variant;
    assert_int_equal(slt_commit(&b.job, 2, &b.err), SL_E_DATA);
    if (strstr(b.err.text, "epoch 3, row 0 (1210 bytes)") == NULL) {
        fail_msg("%s", b.err.text);
    }
    sl_free(variant);
    consumer_sees(&b, 1);
    broker_reset(&b);
}

SL_TEST(kafka_sink_at_least_once_needs_no_transactions_brokers, "")
{
    broker b;
    broker_init(&b, "least", "&guarantee=at-least-once");
    works(&b, slt_open(&b.job, &b.err));
    commit(&b, 1);
    commit(&b, 2);
    consumer_sees(&b, 2);
    broker_reset(&b);
}
