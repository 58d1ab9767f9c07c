// Runs a trial: boots one process after the other in one world until the job has ended well twice.
#include "sim/sim.h"

#include "duckdb/duckdb.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    FIRST_ROUND_US = 300000,
    ROUND_US = 1000000,
    FIRST_END_US = 5600000,
    REST_US = 1200000, ///< what a late process runs at least
    MOST_DEATHS = 40
};

// ---------------------------------------------------------------- making and freeing

typedef struct round_event {
    slt_sim *sim;
    int32_t round;
} round_event;

static void feed_round(void *ctx)
{
    round_event *event = ctx;
    event->sim->trial->job->feed(event->sim, event->round);
    event->sim->rounds++;
    sl_free(event);
}

static void schedule_round(slt_sim *sim, int32_t round, int64_t at_us)
{
    round_event *event = sl_alloc_zero(SLI_TAG_TEST, sizeof *event);
    SL_ASSERT(event != NULL, "no memory for a test");
    *event = (round_event){sim, round};
    sl_code rc = sli_world_at(sim->world, at_us, feed_round, event, NULL);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
}

static int32_t run_cat(void *ctx, sl_text words, sl_text in, sli_str *out, sli_str *errors)
{
    (void)ctx, (void)words, (void)errors;
    sli_str_add(out, in.data, in.size);
    return 0;
}

/// It is the same in every world (api/test.c).
static void add_sql(slt_sim *sim)
{
    static const sli_module_want want = {.name = "sql_duckdb", .abi = SLI_DB_ABI, .why = "a test"};
    const sli_module *module = NULL;
    sl_env *real = NULL;
    sl_code rc = sli_env_posix(&real, NULL);
    rc =
        rc == SL_OK ? sli_module_load(real, SLT_BUILD_DIR "/lib/sluice", &want, &module, NULL) : rc;
    SL_ASSERT(rc == SL_OK && sli_world_module(sim->world, want.name, module), "the SQL engine");
    sli_env_free(real);
}

static void add_files(slt_sim *sim)
{
    const char *const *files = sim->trial->job->files;
    for (int32_t i = 0; files[i] != NULL; i += 2) {
        sl_code rc = sli_world_put(sim->world, files[i], files[i + 1], strlen(files[i + 1]), NULL);
        SL_ASSERT(rc == SL_OK, "no room for a test's file");
    }
}

slt_sim *slt_sim_new(const slt_trial *trial)
{
    slt_sim *sim = sl_alloc_zero(SLI_TAG_TEST, sizeof *sim);
    sli_world_conf conf = {.seed = trial->seed, .switch_chance = trial->switch_chance};
    SL_ASSERT(sim != NULL, "no memory for a test");
    sim->trial = trial;
    sim->world = sli_world_new(&conf);
    SL_ASSERT(sim->world != NULL, "no memory for a test");
    bool added = sli_world_command(sim->world, "cat", run_cat, NULL);
    SL_ASSERT(added, "a new world has room for a program");
    if (trial->bug != NULL) {
        sli_world_plant(sim->world, trial->bug);
    }
    if (trial->job->has_sql) {
        add_sql(sim);
    }
    add_files(sim);
    if (trial->job->peer != NULL) {
        bool is_stdin = strcmp(trial->job->peer, "stdin") == 0;
        sim->peer = sli_peer_listen(sim->world, trial->job->peer, is_stdin ? 0 : SLT_PORT);
        SL_ASSERT(sim->peer != NULL, "no memory for a test");
    }
    if (trial->job->has_cluster) {
        sim->cluster = sli_kafka_cluster_new(sim->world);
        SL_ASSERT(sim->cluster != NULL, "no memory for a test");
        sl_code rc = sli_kafka_cluster_make(sim->cluster, "in", 2, NULL);
        rc = rc == SL_OK ? sli_kafka_cluster_make(sim->cluster, "out", 2, NULL) : rc;
        SL_ASSERT(rc == SL_OK, "a new cluster has room for a topic");
    }
    if (trial->job->has_server) {
        sim->server = sli_pg_server_new(sim->world);
        SL_ASSERT(sim->server != NULL, "no memory for a test");
        slt_postgres_fill(sim->server);
    }
    if (trial->job->has_hdfs) {
        sim->hdfs = sli_hdfs_cluster_new(sim->world);
        SL_ASSERT(sim->hdfs != NULL, "no memory for a test");
    }
    if (trial->job->has_broker) {
        sim->broker = sli_mqtt_broker_new(sim->world);
        SL_ASSERT(sim->broker != NULL &&
                      sli_mqtt_broker_keep(sim->broker, "job", "in", NULL) == SL_OK,
                  "no memory for a test");
    }
    if (trial->job->has_sender) {
        sim->sender = slt_sender_new(sim, &trial->sender);
        SL_ASSERT(sim->sender != NULL, "no memory for a test");
    }
    if (trial->job->posts != NULL) {
        sim->poster = slt_poster_new(sim, &trial->sender);
        SL_ASSERT(sim->poster != NULL, "no memory for a test");
    }
    if (trial->job->has_agent) {
        sim->agent = slt_agent_new(sim, &trial->sender);
        SL_ASSERT(sim->agent != NULL, "no memory for a test");
    }
    for (int32_t i = 0; i < SLT_ROUNDS; i++) {
        // Every other one exactly when an epoch begins.
        schedule_round(sim, i, i * ROUND_US + (i % 2 == 0 ? FIRST_ROUND_US : ROUND_US));
    }
    return sim;
}

void slt_sim_free(slt_sim *sim)
{
    while (sim->rounds < SLT_ROUNDS && sli_world_mono_us(sim->world) < FIRST_END_US) {
        sli_world_advance(sim->world, ROUND_US); // their events own memory
    }
    slt_sender_free(sim->sender);
    slt_poster_free(sim->poster);
    slt_agent_free(sim->agent);
    slt_sites_add(sim->world);
    sli_kafka_cluster_free(sim->cluster);
    sli_pg_server_free(sim->server);
    sli_hdfs_cluster_free(sim->hdfs);
    sli_mqtt_broker_free(sim->broker);
    sli_world_free(sim->world);
    for (int32_t i = 0; i < SLT_MOST_EPOCHS; i++) {
        sl_free(sim->calls[i]);
    }
    sl_free(sim);
}

void slt_sim_wrong(slt_sim *sim, const char *fmt, ...)
{
    va_list args;
    if (sim->wrong[0] != '\0') {
        return;
    }
    va_start(args, fmt);
    (void)vsnprintf(sim->wrong, sizeof sim->wrong, fmt, args);
    va_end(args);
}

// ---------------------------------------------------------------- one life

static void attach(sl_graph *graph, void *ctx)
{
    sl_graph_attach(graph, "sim", ctx);
}

static int64_t end_of_life(const slt_sim *sim)
{
    int64_t rest_us = sim->trial->job->rest_us > 0 ? sim->trial->job->rest_us : REST_US;
    int64_t rest = sli_world_mono_us(sim->world) + rest_us;
    return rest > FIRST_END_US ? rest : FIRST_END_US;
}

/// What is due, then a wait for what comes next.
static sl_code turn(slt_sim *sim, sl_context *context, int64_t end_us, bool *stopped, sl_error *err)
{
    SL_TRY(sl_context_step(context, err));
    int64_t now = sli_world_mono_us(sim->world), due = sl_context_due_us(context);
    if (now >= end_us && !*stopped) {
        *stopped = true;
        (void)!sl_context_stop(context, true, NULL); // refused inside listeners only
        return SL_OK;
    }
    int64_t until = due == SLI_FOREVER ? SLI_FOREVER : now + due;
    until = !*stopped && end_us < until ? end_us : until;
    return due == 0 ? SL_OK : sli_engine_wait(sli_context_engine(context), until, err);
}

sl_code slt_sim_life(slt_sim *sim, sl_env *env, sl_error *err)
{
    const slt_sim_job *job = sim->trial->job;
    sl_context *context = NULL;
    slt_acks acks;
    bool stopped = false;
    int64_t end_us = end_of_life(sim);
    sl_code rc =
        sli_context_new_in(&context, env, job->name, job->build, attach, sim, job->settings, err);
    if (rc == SL_OK) {
        rc = sl_context_start_stepped(context, err);
    }
    if (rc == SL_OK) {
        slt_acks_watch(&acks, sim, env, context);
    }
    while (rc == SL_OK) {
        rc = turn(sim, context, end_us, &stopped, err);
    }
    sl_context_free(context);
    return rc;
}

// ---------------------------------------------------------------- many lives

static void kill_now(void *ctx)
{
    slt_sim *sim = ctx;
    if (sim->env != NULL) {
        sli_world_kill(sim->env);
    }
}

static sl_code show_name(void *ctx, const char *name, sl_error *err)
{
    (void)ctx;
    (void)err;
    printf(" %s", name);
    return SL_OK;
}

/// SLUICE_SIM_TELL=1 shows what happened to every process.
static void tell(const slt_sim *sim, const slt_doom *doom, sl_code rc, bool dead)
{
    static const char *const dirs[] = {"checkpoint/log", "checkpoint/wal", "checkpoint/delta",
                                       "checkpoint/pane", "checkpoint/snap"};
    const char *wanted = getenv("SLUICE_SIM_TELL");
    if (wanted != NULL && *wanted != '\0') {
        printf("# life %d: %s after %lld calls at %lld ms, phase %s, fate %d%s%s\n", sim->lives,
               dead ? "died" : sl_code_name(rc), (long long)sli_world_calls(sim->env),
               (long long)(sli_world_mono_us(sim->world) / 1000), sli_world_phase(sim->env),
               (int)doom->fate, dead ? "" : ": ", dead ? "" : sim->error);
        for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
            printf("#   %s:", dirs[i]);
            (void)sli_world_list(sim->world, dirs[i], show_name, NULL, NULL); // may not exist yet
            printf("\n");
        }
    }
}

static sl_code live(slt_sim *sim, const slt_doom *doom, bool *dead, bool *reached)
{
    sl_error error = SL_ERROR_INIT;
    sl_code rc = sli_world_boot(sim->world, &doom->fault, &sim->env, &error);
    SL_ASSERT(rc == SL_OK, "no memory for a test");
    if (doom->kill_at_us > sli_world_mono_us(sim->world)) {
        rc = sli_world_at(sim->world, doom->kill_at_us, kill_now, sim, NULL);
        SL_ASSERT(rc == SL_OK, "no memory for a test");
    }
    rc = slt_sim_life(sim, sim->env, &error);
    *dead = sli_world_is_dead(sim->env);
    *reached = sli_world_fault_reached(sim->env);
    if (sim->lives < SLT_MOST_LIVES) {
        sim->calls_of[sim->lives] = sli_world_calls(sim->env);
        sim->reached[sim->lives] = *reached;
    }
    if (!*dead && rc != SL_E_END) {
        (void)snprintf(sim->error, sizeof sim->error, "%s: %s", sl_code_name(rc), error.text);
    }
    sim->hurt = sim->hurt || *reached || doom->fault.fail_chance > 0;
    tell(sim, doom, rc, *dead);
    sli_env_free(sim->env);
    sim->env = NULL;
    sim->lives++;
    return rc;
}

static void bury(slt_sim *sim, slt_fate fate)
{
    sim->deaths++;
    if (fate != SLT_KEEP) {
        sli_world_power_loss(sim->world, fate == SLT_LOSE_ALL);
    }
    sim->trial->job->check(sim, false);
}

/// The error is one that the trial's damage calls for.
static bool says(const slt_sim *sim)
{
    bool found = false;
    for (int32_t i = 0; i < 2; i++) {
        const char *words = sim->trial->may_say[i];
        found = found || (words != NULL && strstr(sim->error, words) != NULL);
    }
    return found;
}

/// What the end of a life means. False: no other life follows.
static bool judge(slt_sim *sim, const slt_doom *doom, sl_code rc, bool dead, bool reached)
{
    bool may_fail = doom->fault.fail_at_call > 0 || doom->fault.fail_chance > 0;
    if (dead) {
        bury(sim, doom->fate);
        return true;
    }
    // A listing that failed in its last epoch leaves files to the next life: they were not
    // accepted.
    bool all = !(doom->fault.fail_chance > 0 || (may_fail && reached));
    if (rc == SL_E_END && !sim->ended_once) {
        sim->ended_once = true;
        sim->trial->job->check(sim, all);
        if (sim->trial->spoil != NULL) {
            sim->trial->spoil(sim);
        }
        sim->trial->job->feed(sim, SLT_ROUNDS);
        return true;
    }
    if (rc == SL_E_END) {
        sim->trial->job->check(sim, all);
        return !all;
    }
    if (sim->error[0] == '\0' || strlen(sim->error) < 12) {
        slt_sim_wrong(sim, "an end without a text: code %d", (int)rc);
    } else if (sim->ended_once && says(sim)) {
        sim->stopped_rightly = true;
        return false;
    } else if (!may_fail) {
        slt_sim_wrong(sim, "life %d stopped for no reason: %s", sim->lives, sim->error);
    } else {
        bury(sim, doom->fate);
    }
    return true;
}

bool slt_sim_run(slt_sim *sim)
{
    static const slt_doom none = {0};
    bool more = true;
    while (more && sim->wrong[0] == '\0') {
        bool dead = false, reached = false;
        const slt_doom *doom =
            sim->lives < sim->trial->n_dooms ? &sim->trial->dooms[sim->lives] : &none;
        sl_code rc = live(sim, doom, &dead, &reached);
        more = judge(sim, doom, rc, dead, reached);
        if (sim->deaths > MOST_DEATHS) {
            slt_sim_wrong(sim, "the job died %d times and never ended", sim->deaths);
        }
    }
    return sim->wrong[0] == '\0';
}

static slt_outcome outcome_of(const slt_sim *sim)
{
    slt_outcome out = {.right = sim->wrong[0] == '\0',
                       .lives = sim->lives,
                       .deaths = sim->deaths,
                       .sender_reached = sim->sender_reached,
                       .trace = sli_world_trace(sim->world),
                       .stopped_rightly = sim->stopped_rightly};
    memcpy(out.reached, sim->reached, sizeof out.reached);
    memcpy(out.calls_of, sim->calls_of, sizeof out.calls_of);
    memcpy(out.wrong, sim->wrong, sizeof out.wrong);
    memcpy(out.error, sim->error, sizeof out.error);
    return out;
}

slt_outcome slt_trial_run(const slt_trial *trial)
{
    slt_sim *sim = slt_sim_new(trial);
    (void)slt_sim_run(sim);
    slt_outcome out = outcome_of(sim);
    slt_sim_free(sim);
    return out;
}

// ---------------------------------------------------------------- zombies

enum { MOST_TURNS = 10000 };

typedef struct actor {
    slt_sim *sim;
    sl_code rc;
    sl_error error;
} actor;

static void act(sl_env *env, void *ctx)
{
    actor *a = ctx;
    a->rc = slt_sim_life(a->sim, env, &a->error);
}

static sli_process *actor_new(slt_sim *sim, actor *a)
{
    sli_fault none = {0};
    *a = (actor){.sim = sim, .error = SL_ERROR_INIT};
    sli_process *process = sli_process_new(sim->world, &none, act, a);
    SL_ASSERT(process != NULL, "no memory for a test");
    return process;
}

/// The second one, to its end.
static void run_out(slt_sim *sim, sli_process *process, const actor *a)
{
    int32_t turns = 0;
    while (sli_process_resume(process, SLI_FOREVER) && turns < MOST_TURNS) {
        turns++;
    }
    if (turns == MOST_TURNS) {
        slt_sim_wrong(sim, "the second driver waits for ever");
    } else if (a->rc != SL_E_END && a->rc != SL_E_SUPERSEDED && a->rc != SL_E_BUSY) {
        // The first may take its generation last, or sit on the database's lock.
        slt_sim_wrong(sim, "the second driver stopped for no reason: %s: %s", sl_code_name(a->rc),
                      a->error.text);
    }
}

static bool meet(slt_sim *sim, slt_zombie at)
{
    actor first, second;
    sli_process *one = actor_new(sim, &first);
    bool reached = sli_process_resume(one, at.i - 1);
    if (reached) {
        slt_break_job_lock(sim->world); // as network filesystems do to a paused holder
        sli_process *two = actor_new(sim, &second);
        (void)sli_process_resume(two, at.j - 1); // may end before
        (void)sli_process_resume(one, at.m);     // too
        if (at.k == 0 || sli_process_resume(two, at.k)) {
            at.k == 0 ? run_out(sim, two, &second) : sli_world_kill(sli_process_env(two));
        }
        sli_process_free(two);
    }
    sli_process_free(one);
    return reached;
}

slt_outcome slt_zombie_run(const slt_trial *trial, slt_zombie at, bool *reached)
{
    slt_sim *sim = slt_sim_new(trial);
    sim->zombies = true;
    *reached = meet(sim, at);
    if (*reached) {
        trial->job->check(sim, false);
        (void)slt_sim_run(sim);
    }
    slt_outcome out = outcome_of(sim);
    slt_sim_free(sim);
    return out;
}

slt_zombie slt_zombie_at(const slt_sim_job *job, int64_t calls, int64_t n)
{
    sli_rng rng = {sli_hash64(job->name, strlen(job->name)) + (uint64_t)n};
    uint64_t most = (uint64_t)calls;
    slt_zombie at = {.i = 1 + (int64_t)sli_rng_below(&rng, most),
                     .j = 1 + (int64_t)sli_rng_below(&rng, most)};
    uint64_t kind = sli_rng_below(&rng, 4);
    at.m = kind == 0   ? SLI_FOREVER
           : kind == 1 ? 1 + (int64_t)sli_rng_below(&rng, most)
                       : 1 + (int64_t)sli_rng_below(&rng, 40);
    at.k = sli_rng_below(&rng, 2) == 0 ? 0 : 1 + (int64_t)sli_rng_below(&rng, most / 2);
    return at;
}

int64_t slt_thin(int64_t short_step)
{
    return slt_is_soak() ? 1 : short_step;
}
