// The mistakes of the protocol's model, planted one by one in the engine: every one must be found.
//
// The order of searches is the same for all, cheap ones first; the table tells which found it.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

typedef enum search {
    CRASHES,
    TWO_CRASHES,
    ORDERS,
    FULL_DISK,
    FAILURES,
    FAILED_SYNCS,
    ROT,
    WIPED,
    ZOMBIES,
    SEEDS,
    N_SEARCHES
} search;

static const char *const search_names[N_SEARCHES] = {"crash at every call",
                                                     "two crashes",
                                                     "orders of strands",
                                                     "a full disk, then a crash",
                                                     "a failed sync, then a crash",
                                                     "the same, a life later",
                                                     "rot",
                                                     "wiped checkpoint",
                                                     "zombies",
                                                     "seeds"};

typedef struct planted {
    const char *name;
    search first;           ///< where the model finds it: tried first
    const slt_sim_job *job; ///< with this job first; NULL: any
} planted;

// Three planted mistakes of the write-ahead log are not searched for here, because no trial of this
// folder finds them yet: "ack-before-wal-sync", "plan-names-unsynced-wal", "wal-cut-forgotten" (the
// README says what would). ckpt's own crash tests plant the last one.
//
// "delta-applied-twice" is no mistake here: a delta holds values, not differences, so to apply it
// again changes nothing. "no-fence" is none either: the marker alone makes a late commit a no-op
// (it is no bug of the model's list). Others of the model's list are about parts that this engine
// lacks yet (dead letters, senders with ids) or have no place where they could be planted
// (call-after-seal, sealed-recomputed, forget-without-delta).

static const planted bugs[] = {
    {"plan-after-effect", CRASHES, &slt_job_joined},
    {"replan-at-restart", CRASHES, &slt_job_joined},
    {"commit-before-seal-sync", CRASHES, NULL},
    {"receipts-forgotten", CRASHES, NULL},
    {"abort-removes-sealed", CRASHES, NULL},
    {"deltas-removed-early", CRASHES, &slt_job_socket},
    {"snapshot-unsynced", CRASHES, NULL},
    {"no-dirsync-stage", CRASHES, NULL},
    {"no-dirsync-publish", CRASHES, NULL},
    {"no-dirsync-on-repeat", TWO_CRASHES, NULL},
    {"committed-too-early", CRASHES, NULL},
    {"recovery-believes-unsynced", TWO_CRASHES, NULL},
    {"marker-of-wrong-group", CRASHES, NULL},
    {"marker-not-in-transaction", CRASHES, NULL},
    {"group-in-two-transactions", CRASHES, NULL},
    {"unplanned-wal-dropped", CRASHES, &slt_job_socket},
    {"failed-sync-retried", FAILURES, NULL},
    {"failed-sync-believed", FAILED_SYNCS, NULL},
    {"torn-tail-blind", ROT, NULL},
    {"job-id-reused", WIPED, &slt_job_joined},
    {"zombie-unchecked", ZOMBIES, NULL},
    {"log-read-before-generation", ZOMBIES, NULL},
    {"stage-without-generation", ZOMBIES, NULL},
    {"cut-ignored", ZOMBIES, NULL},
    {"rename-result-ignored", ZOMBIES, &slt_job_socket},
    {"held-shown-again", CRASHES, &slt_job_rolled},
    {"held-removed-early", CRASHES, &slt_job_rolled},
    {"held-without-generation", ZOMBIES, &slt_job_rolled},
};

typedef struct finding {
    const char *job;
    char text[400];
    int64_t runs;
} finding;

/// Runs a trial with the mistake planted. True: it shows.
static bool shows(const slt_trial *trial, finding *out)
{
    slt_outcome now = slt_trial_run(trial);
    out->runs++;
    if (now.right) {
        return false;
    }
    out->job = trial->job->name;
    (void)snprintf(out->text, sizeof out->text, "%.*s", (int)sizeof out->text - 1, now.wrong);
    return true;
}

// ---------------------------------------------------------------- searches

static int64_t calls_of(const slt_sim_job *job)
{
    slt_trial whole = {.job = job, .seed = 1};
    return slt_trial_run(&whole).calls_of[0];
}

static bool by_crashes(const char *bug, const slt_sim_job *job, finding *out)
{
    bool found = false;
    int64_t most = calls_of(job) + 40; // seeds and fates make a few more or less
    for (int64_t i = 0; i < most && !found; i++) {
        int64_t n = 1 + (i + 80) % most; // before that a first process only opens things
        for (int32_t k = 0; k < 2 * SLT_N_FATES && !found; k++) {
            slt_trial trial = {.job = job,
                               .seed = (uint64_t)(n * 8 + k),
                               .switch_chance = k < SLT_N_FATES ? 0 : 0.3,
                               .bug = bug,
                               .n_dooms = 1};
            trial.dooms[0] =
                (slt_doom){.fault = {.crash_at_call = n}, .fate = (slt_fate)(k % SLT_N_FATES)};
            found = shows(&trial, out);
        }
    }
    return found;
}

static bool by_two_crashes(const char *bug, const slt_sim_job *job, finding *out)
{
    bool found = false;
    int64_t most = calls_of(job);
    for (int64_t first = 1; first <= most && !found; first += 3) {
        for (int64_t second = 1 + first % 7; second < 140 && !found; second += 7) {
            slt_trial trial = {
                .job = job, .seed = (uint64_t)(first + second), .bug = bug, .n_dooms = 2};
            trial.dooms[0] = (slt_doom){.fault = {.crash_at_call = first}, .fate = SLT_KEEP};
            trial.dooms[1] = (slt_doom){.fault = {.crash_at_call = second}, .fate = SLT_LOSE_ALL};
            found = shows(&trial, out);
        }
    }
    return found;
}

/// Strands run in many orders, epochs begin while others are at work, and the process is killed.
static bool by_orders(const char *bug, const slt_sim_job *job, finding *out)
{
    bool found = false;
    for (uint64_t seed = 1; seed <= 4000 && !found; seed++) {
        slt_trial trial = {
            .job = job, .seed = seed, .switch_chance = 0.15, .bug = bug, .n_dooms = 1};
        trial.dooms[0] = (slt_doom){.fault = {.fail_chance = 0.4, .only_site = "loop.run"},
                                    .kill_at_us = 300000 + (int64_t)(seed * 104729 % 2400000),
                                    .fate = SLT_LOSE_ALL};
        found = shows(&trial, out);
    }
    return found;
}

/// A write finds the disk full, and the process dies later.
static bool by_full_disk(const char *bug, const slt_sim_job *job, finding *out)
{
    bool found = false;
    for (int64_t n = 1; n < 60 && !found; n++) {
        for (int64_t kill = 1; kill < 12 && !found; kill++) {
            slt_trial trial = {.job = job, .seed = (uint64_t)n, .bug = bug, .n_dooms = 1};
            trial.dooms[0] = (slt_doom){
                .fault = {.fail_at_call = n, .fail_code = SL_E_NO_SPACE, .only_site = "file.write"},
                .kill_at_us = 350000 + kill * 50000,
                .fate = SLT_LOSE_ALL};
            found = shows(&trial, out);
        }
    }
    return found;
}

static bool by_failures(const char *bug, const slt_sim_job *job, finding *out)
{
    bool found = false;
    for (int64_t n = 1; n < 40 && !found; n++) {
        for (int64_t kill = 1; kill < 8 && !found; kill++) {
            slt_trial trial = {.job = job, .seed = (uint64_t)n, .bug = bug, .n_dooms = 1};
            trial.dooms[0] = (slt_doom){.fault = {.fail_at_call = n, .only_site = "file.sync"},
                                        .kill_at_us = kill * 700000,
                                        .fate = SLT_LOSE_ALL};
            found = shows(&trial, out);
        }
    }
    return found;
}

/// The sync fails, the next process dies, and only then the power fails.
static bool by_failed_syncs(const char *bug, const slt_sim_job *job, finding *out)
{
    bool found = false;
    for (int64_t n = 1; n < 40 && !found; n++) {
        for (int64_t m = 1 + n % 20; m < 240 && !found; m += 20) {
            slt_trial trial = {.job = job, .seed = (uint64_t)n, .bug = bug, .n_dooms = 2};
            trial.dooms[0] = (slt_doom){.fault = {.fail_at_call = n, .only_site = "file.sync"}};
            trial.dooms[1] = (slt_doom){.fault = {.crash_at_call = m}, .fate = SLT_LOSE_ALL};
            found = shows(&trial, out);
        }
    }
    return found;
}

static bool by_rot(const char *bug, const slt_sim_job *job, finding *out)
{
    slt_trial trial = {.job = job,
                       .seed = 5,
                       .bug = bug,
                       .spoil = slt_spoil_rot,
                       .may_say = {"the log has lost what readers have seen", "lost its end"}};
    return shows(&trial, out);
}

static bool by_wiping(const char *bug, const slt_sim_job *job, finding *out)
{
    if (job != &slt_job_joined && job != &slt_job_grouped) {
        return false; // what others show of the deleted job is not told apart
    }
    slt_trial trial = {.job = job, .seed = 5, .bug = bug, .spoil = slt_spoil_wipe};
    return shows(&trial, out);
}

static bool by_zombies(const char *bug, const slt_sim_job *job, finding *out)
{
    slt_trial trial = {.job = job, .seed = 11, .bug = bug};
    int64_t calls = calls_of(job);
    for (int64_t n = 0; n < 3000; n++) {
        bool reached = false;
        slt_outcome now = slt_zombie_run(&trial, slt_zombie_at(job, calls, n), &reached);
        out->runs++;
        if (!now.right) {
            out->job = job->name;
            (void)snprintf(out->text, sizeof out->text, "%.*s", (int)sizeof out->text - 1,
                           now.wrong);
            return true;
        }
    }
    return false;
}

static bool by_seeds(const char *bug, const slt_sim_job *job, finding *out)
{
    bool found = false;
    for (uint64_t seed = 1; seed <= 1000 && !found; seed++) {
        slt_trial trial = slt_trial_of_seed(seed);
        trial.bug = bug;
        found = trial.job == job && shows(&trial, out);
    }
    return found;
}

static bool search_by(search kind, const char *bug, const slt_sim_job *first, finding *out)
{
    static bool (*const searches[N_SEARCHES])(const char *bug, const slt_sim_job *job,
                                              finding *out) = {
        by_crashes,      by_two_crashes, by_orders, by_full_disk, by_failures,
        by_failed_syncs, by_rot,         by_wiping, by_zombies,   by_seeds};
    bool found = false;
    if (first != NULL) {
        found = searches[kind](bug, first, out);
    }
    for (int32_t j = 0; slt_all_jobs[j] != NULL && !found; j++) {
        found = slt_all_jobs[j] != first && searches[kind](bug, slt_all_jobs[j], out);
    }
    return found;
}

/// A text on one line.
static void flatten(char *text)
{
    for (; *text != '\0'; text++) {
        *text = *text == '\n' ? ' ' : *text;
    }
}

static bool find_bug(const planted *bug)
{
    finding found = {0};
    search kind = bug->first;
    bool is_found = search_by(kind, bug->name, bug->job, &found);
    for (int32_t k = 0; k < N_SEARCHES && !is_found; k++) {
        kind = (search)k;
        is_found = kind != bug->first && search_by(kind, bug->name, bug->job, &found);
    }
    flatten(found.text);
    printf("# %-28s %-28s %-8s %6lld  %.110s\n", bug->name,
           is_found ? search_names[kind] : "NOT FOUND", is_found ? found.job : "-",
           (long long)found.runs, is_found ? found.text : "");
    return is_found;
}

SL_TEST(sim_every_planted_mistake_is_found, "EXACTLY-ONCE-4")
{
    const char *only = getenv("SLUICE_BUG"); // one of them
    int32_t missed = 0;
    printf("# %-28s %-28s %-8s %6s  %s\n", "planted", "found by", "job", "runs", "as");
    for (size_t b = 0; b < sizeof bugs / sizeof *bugs; b++) {
        search kind = bugs[b].first;
        bool cheap = kind == FAILURES || kind == FAILED_SYNCS || kind == ROT || kind == WIPED;
        bool wanted = only == NULL ? cheap || !SLT_SLOW_BUILD : strcmp(only, bugs[b].name) == 0;
        if (wanted) {
            missed += !find_bug(&bugs[b]);
        }
    }
    assert_int_equal(missed, 0);
}
