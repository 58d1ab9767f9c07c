// A process that writes batches dies, fails, or is a zombie at every call: its records show exactly
// once or not at all, and the mark that was committed with them agrees.
#include "kafka/sim/cluster.h"

#include <stdio.h>

#include "sl_test.h"

enum { BATCHES = 3, RECORDS = 2, SECOND = 1000000 };

typedef struct rig {
    sli_world *world;
    sli_kafka_cluster *cluster;
    uint64_t seed;
} rig;

static void rig_init(rig *r, uint64_t seed)
{
    r->seed = seed;
    r->world = sli_world_new(&(sli_world_conf){.seed = seed});
    r->cluster = sli_kafka_cluster_new(r->world);
    assert_non_null(r->cluster);
    assert_int_equal(sli_kafka_cluster_make(r->cluster, "out", 2, NULL), SL_OK);
}

static void rig_reset(rig *r)
{
    sli_kafka_cluster_free(r->cluster);
    sli_world_free(r->world);
}

// ---------------------------------------------------------------- the writer

static sli_kafka_conf conf_of(sl_env *env)
{
    return (sli_kafka_conf){.struct_size = sizeof(sli_kafka_conf),
                            .env = env,
                            .mono_us = sli_env_mono_us,
                            .inner = &sli_kafka_simulated,
                            .ahead_bytes = 1 << 20,
                            .transactional_id = "writer",
                            .transaction_us = 60 * SECOND};
}

static int64_t soon(sl_env *env)
{
    return sli_env_mono_us(env) + SECOND;
}

/// How many batches the group's mark says are committed.
static sl_code committed(sl_env *env, int64_t *out, sl_error *err)
{
    sli_kafka *consumer = NULL;
    sli_kafka_conf conf = conf_of(env);
    sli_kafka_spot spot = {.topic = "out"};
    sli_kafka_mark mark;
    SL_TRY(sli_kafka_gate.open(&consumer, &conf, err));
    sl_code rc = sli_kafka_gate.marked(consumer, "group", &spot, 1, &mark, soon(env), err);
    sli_kafka_gate.close(consumer);
    if (rc == SL_OK) {
        *out = mark.offset < 0 ? 0 : mark.offset;
    }
    return rc;
}

static sl_code send_batch(sl_env *env, sli_kafka_producer *p, int64_t batch, sl_error *err)
{
    for (int i = 0; i < RECORDS; i++) {
        char value[16];
        (void)snprintf(value, sizeof value, "%lld.%d", (long long)batch, i);
        sli_kafka_message m = {.topic = "out",
                               .partition = i,
                               .timestamp_us = 1000,
                               .value = value,
                               .value_size = (uint32_t)strlen(value)};
        SL_TRY(sli_kafka_gate.send(p, &m, 1, soon(env), err));
    }
    sli_kafka_spot spot = {.topic = "out", .offset = batch + 1};
    return sli_kafka_gate.mark(p, "group", &spot, "text", soon(env), err);
}

/// One batch; *again: it was aborted.
static sl_code write_batch(sl_env *env, sli_kafka_producer *p, int64_t batch, bool *again,
                           sl_error *err)
{
    sli_kafka_outcome outcome = SLI_KAFKA_UNKNOWN;
    sl_code rc = send_batch(env, p, batch, err);
    *again = rc != SL_OK;
    if (rc != SL_OK) {
        return rc == SL_E_IO || rc == SL_E_TIMEOUT ? sli_kafka_gate.abort(p, soon(env), err) : rc;
    }
    SL_TRY(sli_kafka_gate.commit(p, soon(env), &outcome, err));
    *again = outcome == SLI_KAFKA_ABORTED;
    return outcome == SLI_KAFKA_UNKNOWN
               ? sl_error_set(err, SL_E_TIMEOUT, "how batch %lld ended is not known",
                              (long long)batch)
               : SL_OK;
}

/// Opens a producer, asks how far an earlier one came, goes on from there.
static sl_code write_all(sl_env *env, sl_error *err)
{
    sli_kafka_producer *p = NULL;
    sli_kafka_conf conf = conf_of(env);
    int64_t batch = 0;
    SL_TRY(sli_kafka_gate.producer_open(&p, &conf, soon(env), err));
    sl_code rc = committed(env, &batch, err);
    while (rc == SL_OK && batch < BATCHES) {
        bool again = false;
        rc = write_batch(env, p, batch, &again, err);
        batch += again ? 0 : 1;
    }
    sli_kafka_gate.producer_close(p);
    return rc;
}

/// As a driver does: what may pass is tried again with a new producer.
static sl_code write_patiently(sl_env *env, sl_error *err)
{
    sl_code rc = write_all(env, err);
    for (int i = 0; i < 20 && (rc == SL_E_TIMEOUT || rc == SL_E_IO); i++) {
        rc = write_all(env, err);
    }
    return rc;
}

// ---------------------------------------------------------------- what must hold

typedef struct seen {
    int64_t next[RECORDS]; ///< the batch whose record must come next, by partition
    bool wrong;
} seen;

static void look_at(void *ctx, const sli_kafka_record *record)
{
    seen *s = ctx;
    char wanted[16];
    (void)snprintf(wanted, sizeof wanted, "%lld.%d", (long long)s->next[record->lane]++,
                   (int)record->lane);
    s->wrong = s->wrong || record->value_size != strlen(wanted) ||
               memcmp(record->value, wanted, record->value_size) != 0;
}

/// Whole batches, in order, each once, and as many as the mark says. Returns their number.
static int64_t check(rig *r, const char *what, int64_t n)
{
    seen s = {0};
    int64_t marked = sli_kafka_cluster_mark(r->cluster, "group", "out", 0).offset;
    (void)sli_kafka_cluster_look(r->cluster, "out", look_at, &s);
    marked = marked < 0 ? 0 : marked;
    if (s.wrong || s.next[0] != marked || s.next[1] != marked) {
        fail_msg("%s %lld, seed %llu: %lld and %lld batches show, %lld are marked%s", what,
                 (long long)n, (unsigned long long)r->seed, (long long)s.next[0],
                 (long long)s.next[1], (long long)marked, s.wrong ? ", wrong ones" : "");
    }
    return marked;
}

/// A process that may be hurt, then one that is not. False: the fault lay behind its last call.
static bool run(rig *r, const sli_fault *fault, const char *what, int64_t n)
{
    sl_env *env = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_world_boot(r->world, fault, &env, NULL), SL_OK);
    sl_code rc = write_patiently(env, &err);
    bool reached = sli_world_fault_reached(env), died = sli_world_is_dead(env);
    sli_env_free(env);
    int64_t before = check(r, what, n);
    if (rc != SL_OK && !died) {
        fail_msg("%s %lld, seed %llu: %s", what, (long long)n, (unsigned long long)r->seed,
                 err.text);
    }
    assert_true(died || before == BATCHES);
    assert_int_equal(sli_world_boot(r->world, NULL, &env, NULL), SL_OK);
    rc = write_patiently(env, &err);
    sli_env_free(env);
    if (rc != SL_OK || check(r, what, n) != BATCHES) {
        fail_msg("%s %lld, seed %llu: the next process: %s", what, (long long)n,
                 (unsigned long long)r->seed, err.text);
    }
    return reached;
}

SL_TEST(ksim_a_process_dies_at_every_call_and_batches_show_once, "")
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        bool reached = true;
        for (int64_t n = 1; reached; n++) {
            rig r;
            rig_init(&r, seed);
            reached = run(&r, &(sli_fault){.crash_at_call = n}, "crash at call", n);
            rig_reset(&r);
        }
    }
}

SL_TEST(ksim_a_call_fails_at_every_place_and_batches_show_once, "")
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        bool reached = true;
        for (int64_t n = 1; reached; n++) {
            rig r;
            rig_init(&r, seed);
            sli_fault fault = {.fail_at_call = n, .only_site = "kafka."};
            reached = run(&r, &fault, "failure of call", n);
            rig_reset(&r);
        }
    }
}

static bool lose_one(uint64_t seed, int64_t n, bool done)
{
    rig r;
    rig_init(&r, seed);
    sli_kafka_cluster_lose_at(r.cluster, n, done);
    (void)run(&r, NULL, done ? "unheard answer" : "lost request", n);
    bool reached = sli_kafka_cluster_requests(r.cluster) >= n;
    rig_reset(&r);
    return reached;
}

SL_TEST(ksim_every_answer_is_lost_and_batches_show_once, "")
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (int64_t n = 1; lose_one(seed, n, true) && lose_one(seed, n, false); n++) {
        }
    }
}

SL_TEST(ksim_processes_die_and_answers_are_lost_at_random, "")
{
    const uint64_t n_seeds = slt_is_soak() ? 1000000 : SLT_SLOW_BUILD ? 200 : 2000;
    for (uint64_t seed = 1; seed <= n_seeds; seed++) {
        rig r;
        rig_init(&r, seed);
        sli_kafka_cluster_lose(r.cluster, 0.1);
        for (int i = 0; i < 8; i++) {
            sl_env *env = NULL;
            sli_fault fault = {.crash_chance = 0.05};
            assert_int_equal(sli_world_boot(r.world, &fault, &env, NULL), SL_OK);
            (void)!write_patiently(env, NULL);
            sli_env_free(env);
            (void)check(&r, "process", i);
        }
        sli_kafka_cluster_lose(r.cluster, 0);
        (void)run(&r, NULL, "the last of", 9);
        rig_reset(&r);
    }
}

// ---------------------------------------------------------------- zombies

typedef struct zombie {
    sl_code rc;
} zombie;

static void be_zombie(sl_env *env, void *ctx)
{
    ((zombie *)ctx)->rc = write_all(env, NULL);
}

/// A process is paused after n calls; another one writes everything; then it goes on.
static bool pause_at(uint64_t seed, int64_t n)
{
    rig r;
    zombie z = {SL_OK};
    sl_env *env = NULL;
    rig_init(&r, seed);
    sli_process *process = sli_process_new(r.world, NULL, be_zombie, &z);
    assert_non_null(process);
    bool paused = sli_process_resume(process, n);
    assert_int_equal(sli_world_boot(r.world, NULL, &env, NULL), SL_OK);
    assert_int_equal(write_patiently(env, NULL), SL_OK);
    sli_env_free(env);
    assert_int_equal(check(&r, "zombie after call", n), BATCHES);
    (void)sli_process_resume(process, SLI_FOREVER);
    assert_int_equal(check(&r, "after the zombie of call", n), BATCHES);
    if (paused && z.rc != SL_OK && z.rc != SL_E_SUPERSEDED && z.rc != SL_E_TIMEOUT) {
        fail_msg("call %lld, seed %llu: the zombie ends with %s", (long long)n,
                 (unsigned long long)seed, sl_code_name(z.rc));
    }
    sli_process_free(process);
    rig_reset(&r);
    return paused;
}

SL_TEST(ksim_a_zombie_at_every_call_writes_nothing_more, "")
{
    for (uint64_t seed = 1; seed <= 10; seed++) {
        for (int64_t n = 1; pause_at(seed, n); n++) {
        }
    }
}

SL_TEST(ksim_equal_seeds_repeat_everything, "")
{
    uint64_t traces[3];
    for (int i = 0; i < 3; i++) {
        rig r;
        rig_init(&r, i < 2 ? 5 : 6);
        sli_kafka_cluster_lose(r.cluster, 0.2);
        (void)run(&r, &(sli_fault){.crash_chance = 0.02}, "repeat", i);
        traces[i] = sli_world_trace(r.world);
        rig_reset(&r);
    }
    assert_true(traces[0] == traces[1]);
    assert_true(traces[0] != traces[2]);
}
