// Tests of the Kafka sink: what a read_committed reader of the cluster sees is the truth.
#include "sink/fixture_test.h"
#include "sink/kafka/ksink_int.h"

#include <inttypes.h>
#include <stdio.h>

enum { SECOND = 1000000 };

static const char mark_group[] = "sluice.00112233445566778899aabbccddeeff.save/1";

// ---------------------------------------------------------------- a job that is as patient as the
// engine

typedef sl_code (*step_fn)(slt_job *job, int64_t group, sl_error *err);

static sl_code open_step(slt_job *job, int64_t group, sl_error *err)
{
    (void)group;
    sli_sink_close(job->sink);
    job->sink = NULL;
    return slt_open(job, err);
}

/// A step that can't be done now is tried again.
static sl_code insist(slt_job *job, step_fn step, int64_t group, sl_error *err)
{
    sl_code rc = SL_E_TIMEOUT;
    for (int32_t i = 0; i < 30 && rc == SL_E_TIMEOUT; i++) {
        rc = step(job, group, err);
    }
    return rc;
}

static sl_code run_patiently(slt_ground *ground, slt_log *log, int64_t generation,
                             const sli_fault *fault, sl_error *err)
{
    sl_env *env = slt_boot(ground->world, fault);
    slt_job job;
    slt_job_init(&job, &slt_kafka, env, log, generation);
    sl_code rc = insist(&job, open_step, 0, err);
    for (int64_t g = 1; rc == SL_OK && g <= SLT_GROUPS; g++) {
        if (g > log->sealed) {
            rc = slt_seal(&job, g, err);
        }
        if (rc == SL_OK && g > job.said) {
            rc = insist(&job, slt_commit, g, err);
        }
    }
    bool died = sli_world_is_dead(env);
    slt_job_reset(&job);
    sli_env_free(env);
    return died ? SL_E_CRASHED : rc;
}

static bool shows_all(slt_ground *ground)
{
    char *shown = slt_shown(&slt_kafka, ground);
    bool all = slt_prefix(&slt_kafka, shown) == SLT_GROUPS;
    sl_free(shown);
    return all;
}

// ---------------------------------------------------------------- answers that are lost

/// False: rows are wrong, or the job stopped. *reached: the request was made.
static bool try_lost(const char *bug, uint64_t seed, int64_t n, bool done, bool *reached)
{
    slt_ground *ground = slt_ground_new(seed, bug);
    slt_log log = {0};
    sl_error err = SL_ERROR_INIT;
    sli_kafka_cluster_lose_at(ground->cluster, n, done);
    sl_code rc = run_patiently(ground, &log, 1, NULL, &err);
    bool fine = rc == SL_OK && shows_all(ground);
    *reached = sli_kafka_cluster_requests(ground->cluster) >= n;
    if (!fine && bug == NULL) {
        fail_msg("answer %d, %s: %s %s", (int)n, done ? "done" : "not done", sl_code_name(rc),
                 err.text);
    }
    slt_ground_free(ground);
    return fine;
}

/// Whether some lost answer shows the mistake; with none planted that is a failure.
static bool lost_answers_show(const char *bug)
{
    bool reached = true, wrong = false;
    for (int64_t n = 1; reached; n++) {
        for (uint64_t seed = 1; seed <= 4; seed++) {
            wrong = !try_lost(bug, seed, n, true, &reached) || wrong;
            wrong = !try_lost(bug, seed, n, false, &reached) || wrong;
        }
    }
    return wrong;
}

SL_TEST(kafka_sink_any_lost_answer_is_decided_by_the_mark, "")
{
    assert_false(lost_answers_show(NULL));
    assert_true(lost_answers_show("unknown-believed-committed"));
    assert_true(lost_answers_show("sent-again-without-asking-the-mark"));
    assert_true(lost_answers_show("mark-of-wrong-group"));
    assert_true(lost_answers_show("ahead-believed-when-lost"));
}

SL_TEST(kafka_sink_lives_with_lost_answers_and_crashes_at_random, "")
{
    for (uint64_t seed = 1; seed <= (slt_is_soak() ? 2000 : 60); seed++) {
        slt_ground *ground = slt_ground_new(seed, NULL);
        slt_log log = {0};
        sl_error err = SL_ERROR_INIT;
        sli_kafka_cluster_lose(ground->cluster, 0.15);
        sl_code rc = SL_E_CRASHED;
        for (int64_t life = 1; rc != SL_OK; life++) {
            sli_fault fault = {.crash_chance = life < 20 ? 0.1 : 0};
            rc = run_patiently(ground, &log, life, &fault, &err);
            if (rc != SL_OK && rc != SL_E_CRASHED) {
                fail_msg("seed %d: %s %s", (int)seed, sl_code_name(rc), err.text);
            }
        }
        if (!shows_all(ground)) {
            fail_msg("seed %d: wrong rows", (int)seed);
        }
        slt_ground_free(ground);
    }
}

// ---------------------------------------------------------------- a cluster that is away

typedef struct rig {
    slt_ground *ground;
    sl_env *env;
    slt_log log;
    slt_job job;
} rig;

static void rig_init(rig *r, const slt_kind *kind)
{
    *r = (rig){.ground = slt_ground_new(7, NULL)};
    r->env = slt_boot(r->ground->world, NULL);
    slt_job_init(&r->job, kind, r->env, &r->log, 1);
}

static void rig_reset(rig *r)
{
    slt_job_reset(&r->job);
    sli_env_free(r->env);
    slt_ground_free(r->ground);
}

/// As the next process of the job.
static void start_again(rig *r, const slt_kind *kind)
{
    int64_t generation = r->job.generation + 1;
    slt_job_reset(&r->job);
    slt_job_init(&r->job, kind, r->env, &r->log, generation);
}

static void shows(const rig *r, int64_t groups)
{
    char *shown = slt_shown(&slt_kafka, r->ground),
         *expected = slt_expected(&slt_kafka, "", groups);
    SL_CHECK_TEXT(shown, expected);
    sl_free(shown);
    sl_free(expected);
}

SL_TEST(kafka_sink_can_not_start_or_commit_without_the_cluster, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &slt_kafka);
    sli_kafka_cluster_away(r.ground->cluster, SLI_FOREVER);
    assert_int_equal(slt_open(&r.job, &err), SL_E_TIMEOUT);
    sli_kafka_cluster_away(r.ground->cluster, 0);
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    assert_int_equal(slt_seal(&r.job, 1, &err), SL_OK);
    sli_kafka_cluster_away(r.ground->cluster, SLI_FOREVER);
    for (int32_t i = 0; i < 5; i++) {
        assert_int_equal(slt_commit(&r.job, 1, &err), SL_E_TIMEOUT);
        assert_int_equal(sl_error_action(&err), SL_ACT_RETRY_TASK);
        assert_non_null(strstr(err.text, "no broker answers"));
    }
    sli_kafka_cluster_away(r.ground->cluster, 0);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK);
    shows(&r, 1);
    rig_reset(&r);
}

typedef struct outage {
    sli_kafka_cluster *cluster;
    int64_t for_us;
} outage;

static void begin_outage(void *ctx)
{
    outage *o = ctx;
    sli_kafka_cluster_away(o->cluster, o->for_us);
}

// The outage is longer than the transaction may be, at some places of the commit.
SL_TEST(kafka_sink_outages_at_any_time_pass_by_themselves, "")
{
    static const int64_t lengths[] = {5 * SECOND, 40 * SECOND, 200 * SECOND};
    for (int32_t i = 0; i < 3; i++) {
        for (uint64_t seed = 1; seed <= 40; seed++) {
            slt_ground *ground = slt_ground_new(seed, NULL);
            slt_log log = {0};
            sl_error err = SL_ERROR_INIT;
            outage o = {ground->cluster, lengths[i]};
            int64_t at = sli_world_mono_us(ground->world) + (int64_t)seed * 5000;
            assert_int_equal(sli_world_at(ground->world, at, begin_outage, &o, NULL), SL_OK);
            sl_code rc = run_patiently(ground, &log, 1, NULL, &err);
            if (rc != SL_OK || !shows_all(ground)) {
                fail_msg("seed %d: %s %s", (int)seed, sl_code_name(rc), err.text);
            }
            slt_ground_free(ground);
        }
    }
}

// Somebody else's transaction hangs in the topic: readers wait for it, the sink does not.
SL_TEST(kafka_sink_others_hung_transactions_do_not_stop_it, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    sli_kafka_producer *other = NULL;
    rig_init(&r, &slt_kafka);
    sli_kafka_conf conf = {.struct_size = sizeof conf,
                           .env = r.env,
                           .mono_us = sli_env_mono_us,
                           .transactional_id = "other",
                           .transaction_us = 600 * (int64_t)SECOND};
    sli_kafka_message m = {.topic = "out", .partition = 0, .value = "hung", .value_size = 4};
    int64_t soon = sli_env_mono_us(r.env) + SECOND;
    assert_int_equal(sli_kafka_simulated.producer_open(&other, &conf, soon, &err), SL_OK);
    assert_int_equal(sli_kafka_simulated.send(other, &m, 1, soon, &err), SL_OK);
    sli_world_advance(r.ground->world, SECOND);
    assert_int_equal(slt_run(&r.job, SLT_GROUPS, &err), SL_OK);
    sli_kafka_simulated.producer_close(other);
    sli_world_advance(r.ground->world, 700 * (int64_t)SECOND);
    shows(&r, SLT_GROUPS);
    rig_reset(&r);
}

// ---------------------------------------------------------------- a mark that is gone

SL_TEST(kafka_sink_a_mark_that_has_expired_stops_it_only_when_it_is_needed, "")
{
    static const slt_kind told = {
        .name = "told", .url = "kafka://sim:9092/out?format=csv&mark=2", .fences = true};
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &slt_kafka);
    assert_int_equal(slt_run(&r.job, 2, &err), SL_OK);
    sli_kafka_cluster_forget(r.ground->cluster, mark_group);
    start_again(&r, &slt_kafka);
    assert_int_equal(slt_open(&r.job, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "mark=2 (they are there) or mark=1 (they are not)"));
    start_again(&r, &told);
    assert_int_equal(slt_run(&r.job, SLT_GROUPS, &err), SL_OK);
    shows(&r, SLT_GROUPS);
    sli_kafka_cluster_forget(r.ground->cluster, mark_group);
    r.log.sealed = 0; // all is on record as committed: nobody needs the mark
    start_again(&r, &slt_kafka);
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    assert_int_equal(r.job.said, 0);
    assert_int_equal(sli_kafka_cluster_mark(r.ground->cluster, mark_group, "out", 0).offset, 0);
    rig_reset(&r);
}

SL_TEST(kafka_sink_needs_its_topic, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &slt_kafka);
    assert_int_equal(sli_kafka_cluster_delete(r.ground->cluster, "out", NULL), SL_OK);
    assert_int_equal(slt_open(&r.job, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "out"));
    rig_reset(&r);
}

// ---------------------------------------------------------------- records that are refused

SL_TEST(kafka_sink_tells_which_record_the_client_refuses, "")
{
    static const slt_kind narrow = {.name = "narrow",
                                    .url = "kafka://sim:9092/out?format=csv&"
                                           "kafka.message.max.bytes=10"};
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &narrow); // values have 10 bytes, but those of variants
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    assert_int_equal(slt_seal(&r.job, 1, &err), SL_OK);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK);
    r.job.variant = "x";
    assert_int_equal(slt_seal(&r.job, 2, &err), SL_OK); // what is sent ahead tells nothing
    assert_int_equal(slt_commit(&r.job, 2, &err), SL_E_DATA);
    assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
    assert_non_null(strstr(err.text, "epoch 3, row 0 (11 bytes)"));
    assert_non_null(strstr(err.text, "message.max.bytes is 10"));
    shows(&r, 1);
    rig_reset(&r);
}

SL_TEST(kafka_sink_goes_on_when_the_topic_takes_larger_records, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &slt_kafka);
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    assert_int_equal(sli_kafka_cluster_limit(r.ground->cluster, "out", 9, NULL), SL_OK);
    assert_int_equal(slt_seal(&r.job, 1, &err), SL_OK);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_E_DATA);
    assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
    assert_non_null(strstr(err.text, "has 10 bytes (epoch 1, row 0)"));
    assert_non_null(strstr(err.text, "the cluster takes 9"));
    assert_int_equal(sli_kafka_cluster_limit(r.ground->cluster, "out", 10, NULL), SL_OK);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK);
    shows(&r, 1);
    rig_reset(&r);
}

SL_TEST(kafka_sink_sends_again_what_could_not_be_kept_for_a_moment, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &slt_kafka);
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    assert_int_equal(sli_kafka_cluster_refuse(r.ground->cluster, "out", 2, SL_E_TIMEOUT, NULL),
                     SL_OK);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK);
    shows(&r, 1);
    rig_reset(&r);
}

SL_TEST(kafka_sink_says_that_a_group_is_not_kept, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &slt_kafka);
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    assert_int_equal(sli_kafka_cluster_refuse(r.ground->cluster, "out", 1000, SL_E_TIMEOUT, NULL),
                     SL_OK);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_E_TIMEOUT);
    assert_non_null(strstr(err.text, "has not kept the transaction of group 1, 4 times"));
    assert_int_equal(sli_kafka_cluster_refuse(r.ground->cluster, "out", 0, SL_E_TIMEOUT, NULL),
                     SL_OK);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK);
    shows(&r, 1);
    rig_reset(&r);
}

static sl_env *intruder; ///< NULL: nobody

/// Somebody takes the output's transactional id before each mark, and sets none.
static sl_code mark_behind_an_intruder(sli_kafka_producer *self, const char *group,
                                       const sli_kafka_spot *spot, const char *text,
                                       int64_t deadline_us, sl_error *err)
{
    if (intruder != NULL) {
        sli_kafka_producer *other = NULL;
        sli_kafka_conf conf = {.struct_size = sizeof conf,
                               .env = intruder,
                               .mono_us = sli_env_mono_us,
                               .transactional_id = group, // they are one name
                               .transaction_us = 60 * (int64_t)SECOND};
        SL_TRY(sli_kafka_simulated.producer_open(&other, &conf, deadline_us, err));
        sli_kafka_simulated.producer_close(other);
    }
    return sli_kafka_simulated.mark(self, group, spot, text, deadline_us, err);
}

SL_TEST(kafka_sink_says_that_another_producer_has_its_id, "")
{
    static const sli_sink_ops *const only[] = {&sli_sink_kafka, NULL};
    rig r;
    int64_t last = 0;
    sl_error err = SL_ERROR_INIT;
    sli_kafka_ops disturbed = sli_kafka_simulated;
    disturbed.mark = mark_behind_an_intruder;
    rig_init(&r, &slt_kafka);
    sli_sink_env env = {
        .env = r.env, .uid = "save/1", .job_id = "00", .generation = 1, .schema = r.job.schema};
    assert_int_equal(sli_sink_open(&r.job.sink, slt_kafka.url, only, &env, &err), SL_OK);
    ((ksink *)r.job.sink)->client = &disturbed;
    intruder = slt_boot(r.ground->world, NULL);
    assert_int_equal(sli_sink_kafka.recover(r.job.sink, &last, &err), SL_E_TIMEOUT);
    assert_non_null(strstr(err.text, "another producer has the transactional id sluice.00.save/1"));
    sli_env_free(intruder);
    intruder = NULL;
    assert_int_equal(sli_sink_kafka.recover(r.job.sink, &last, &err), SL_OK);
    rig_reset(&r);
}

// ---------------------------------------------------------------- ahead of the commit

static int64_t arrived_of_seed(uint64_t seed)
{
    slt_ground *ground = slt_ground_new(seed, NULL);
    rig r = {.ground = ground, .env = slt_boot(ground->world, NULL)};
    sl_error err = SL_ERROR_INIT;
    slt_job_init(&r.job, &slt_kafka, r.env, &r.log, 1);
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    assert_int_equal(slt_seal(&r.job, 1, &err), SL_OK);
    sli_world_advance(ground->world, SECOND);
    int64_t arrived = sli_kafka_cluster_arrived(ground->cluster, "out");
    shows(&r, 0);
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK);
    shows(&r, 1);
    assert_int_equal(sli_kafka_cluster_arrived(ground->cluster, "out"),
                     2 * SLT_PARTITIONS * SLT_ROWS); // nothing was sent twice
    rig_reset(&r);
    return arrived;
}

SL_TEST(kafka_sink_sends_ahead_what_is_seen_at_the_commit, "")
{
    int64_t most = 0;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        int64_t arrived = arrived_of_seed(seed);
        most = arrived > most ? arrived : most;
    }
    assert_int_equal(most, 2 * SLT_PARTITIONS * SLT_ROWS);
}

// A reader of the topic would wait for the end of what is open, a minute.
SL_TEST(kafka_sink_leaves_no_open_transaction_when_a_job_ends_without_its_last_group, "")
{
    for (uint64_t seed = 1; seed <= 8; seed++) {
        rig r = {.ground = slt_ground_new(seed, NULL)};
        sl_error err = SL_ERROR_INIT;
        sli_kafka_message m = {.topic = "out", .partition = 0, .value = "other", .value_size = 5};
        r.env = slt_boot(r.ground->world, NULL);
        slt_job_init(&r.job, &slt_kafka, r.env, &r.log, 1);
        assert_int_equal(slt_open(&r.job, &err), SL_OK);
        assert_int_equal(slt_seal(&r.job, 1, &err), SL_OK);
        r.job.sink->ops->abort(r.job.sink);
        assert_int_equal(sli_kafka_cluster_put(r.ground->cluster, &m, NULL), SL_OK);
        assert_int_equal(sli_kafka_cluster_look(r.ground->cluster, "out", NULL, NULL), 1);
        assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK); // it could still be asked for
        assert_int_equal(sli_kafka_cluster_look(r.ground->cluster, "out", NULL, NULL),
                         1 + 2 * SLT_PARTITIONS * SLT_ROWS);
        rig_reset(&r);
    }
}

static void check_is(const slt_kind *kind, const char *variant, sl_code code, const char *says)
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, kind);
    assert_int_equal(slt_open(&r.job, &err), SL_OK);
    sl_batch *rows = slt_rows(r.job.schema, variant, 1, 0);
    assert_int_equal(r.job.sink->ops->check(r.job.sink, rows, &err), code);
    if (strstr(err.text, says) == NULL) {
        fail_msg("'%s' is not in: %s", says, err.text);
    }
    assert_true(code == SL_OK || sl_error_action(&err) == SL_ACT_RETRY_TASK); // the rows' fault
    sl_batch_unref(rows);
    rig_reset(&r);
}

SL_TEST(kafka_sink_finds_rows_that_can_not_be_sent_before_they_are_sealed, "")
{
    static const slt_kind narrow = {
        .url = "kafka://sim:9092/out?format=csv&kafka.message.max.bytes=10"};
    static const slt_kind unquoted = {.url = "kafka://sim:9092/out?format=csv&quote="};
    check_is(&slt_kafka, ",", SL_OK, "");
    check_is(&narrow, "", SL_OK, "");
    check_is(&narrow, "x", SL_E_DATA,
             "a record of 11 bytes for out; kafka.message.max.bytes is 10");
    check_is(&unquoted, "", SL_OK, "");
    check_is(&unquoted, ",", SL_E_DATA, "quoting is off");
}

// ---------------------------------------------------------------- formats with a file of their own

static void avro_rig(rig *r, const char *type_of_word)
{
    static const slt_kind avro = {.url = "kafka://sim:9092/out?format=avro&avro_schema=w.avsc"};
    char text[256];
    sl_error err = SL_ERROR_INIT;
    rig_init(r, &avro);
    (void)snprintf(text, sizeof text,
                   "{\"type\":\"record\",\"name\":\"w\",\"fields\":[{\"name\":\"word\",\"type\":"
                   "%s},{\"name\":\"n\",\"type\":\"long\"}]}",
                   type_of_word);
    assert_int_equal(sli_world_put(r->ground->world, "w.avsc", text, strlen(text), NULL), SL_OK);
    if (slt_open(&r->job, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
}

SL_TEST(kafka_sink_writes_avro_and_finds_what_it_can_not_write, "")
{
    rig r;
    sl_error err = SL_ERROR_INIT;
    avro_rig(&r, "\"string\"");
    assert_int_equal(slt_commit(&r.job, 1, &err), SL_OK);
    assert_int_equal(sli_kafka_cluster_look(r.ground->cluster, "out", NULL, NULL),
                     2 * SLT_PARTITIONS * SLT_ROWS);
    rig_reset(&r);
    avro_rig(&r, "{\"type\":\"enum\",\"name\":\"e\",\"symbols\":[\"e1p0r0\"]}");
    sl_batch *rows = slt_rows(r.job.schema, "", 1, 0);
    assert_int_equal(r.job.sink->ops->check(r.job.sink, rows, &err), SL_E_DATA);
    assert_non_null(strstr(err.text, "'e1p0r1' is no symbol of e"));
    sl_batch_unref(rows);
    rig_reset(&r);
}

// ---------------------------------------------------------------- at least once

SL_TEST(kafka_sink_at_least_once_sends_again_after_a_restart, "")
{
    static const slt_kind least = {
        .name = "least", .url = "kafka://sim:9092/out?format=csv&guarantee=at-least-once"};
    rig r;
    sl_error err = SL_ERROR_INIT;
    rig_init(&r, &least);
    assert_int_equal(slt_run(&r.job, 2, &err), SL_OK);
    shows(&r, 2);
    assert_int_equal(sli_kafka_cluster_mark(r.ground->cluster, mark_group, "out", 0).offset, -1);
    start_again(&r, &least);
    assert_int_equal(slt_run(&r.job, SLT_GROUPS, &err), SL_OK);
    int64_t rows_a_group = 2 * SLT_PARTITIONS * SLT_ROWS;
    assert_int_equal(sli_kafka_cluster_look(r.ground->cluster, "out", NULL, NULL),
                     (SLT_GROUPS + 2) * rows_a_group);
    sli_kafka_cluster_away(r.ground->cluster, SLI_FOREVER);
    assert_int_equal(slt_commit(&r.job, 2, &err), SL_E_TIMEOUT);
    sli_kafka_cluster_away(r.ground->cluster, 0);
    assert_int_equal(slt_commit(&r.job, 2, &err), SL_OK);
    assert_int_equal(sli_kafka_cluster_look(r.ground->cluster, "out", NULL, NULL),
                     (SLT_GROUPS + 3) * rows_a_group);
    rig_reset(&r);
}
