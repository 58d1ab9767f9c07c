/// sink_contract_test.c — what every exactly-once sink promises, tried with a crash at every call
/// to the outside, every kind of power loss, a full disk at every call, and a late older driver
/// that goes on at every call; and that the suite finds each planted mistake. What needs no
/// simulation is asked on a real HDFS too, as *_hdfs, with deaths at some calls.
#include "sink/fixture_test.h"

#include <stdio.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static const slt_kind *const kinds[] = {
    &slt_file,  &slt_directory, &slt_rolled, &slt_arrow, &slt_rolled_arrow,   &slt_sqlite,
    &slt_kafka, &slt_postgres,  &slt_upsert, &slt_hdfs,  &slt_hdfs_directory, &slt_hdfs_rolled};
static const slt_kind *const real_kinds[] = {&slt_real_hdfs, &slt_real_hdfs_directory,
                                             &slt_real_hdfs_rolled};
enum { KINDS = 12, REAL_KINDS = 3, FATES = 6 };

/// What every kind promises, in simulation and as NAME_hdfs on a real cluster.
#define SINK_TEST(name)                                                                            \
    static void name##_body(const slt_kind *kind);                                                 \
    SL_TEST(name, "")                                                                              \
    {                                                                                              \
        for (int32_t k = 0; k < KINDS; k++) {                                                      \
            name##_body(kinds[k]);                                                                 \
        }                                                                                          \
    }                                                                                              \
    SL_TEST(name##_hdfs, "")                                                                       \
    {                                                                                              \
        for (int32_t k = 0; k < REAL_KINDS; k++) {                                                 \
            name##_body(real_kinds[k]);                                                            \
        }                                                                                          \
    }                                                                                              \
    static void name##_body(const slt_kind *kind)

static void shows(const slt_kind *kind, slt_ground *ground, const char *variant, int64_t groups)
{
    char *expected = slt_expected(kind, variant, groups);
    char *shown = slt_shown(kind, ground);
    SL_CHECK_TEXT(shown, expected);
    sl_free(shown);
    sl_free(expected);
}

// ---------------------------------------------------------------- crashes

/// 0: the process died, nothing else. 1: all that was not synced is lost. Others: by the seed.
static void fate(slt_ground *ground, int32_t which)
{
    if (which > 0) {
        sli_world_power_loss(ground->world, which == 1);
    }
}

typedef struct trial {
    const slt_kind *kind;
    const char *bug;
    int64_t crash, again; ///< calls at which the first and the second process die; 0: not
    int32_t fate;
    bool reached, reached_again;
    char wrong[256]; ///< "" when all is well
} trial;

static void see(trial *t, slt_ground *ground, int64_t at_least, const char *when)
{
    char *shown = slt_shown(t->kind, ground);
    if (t->wrong[0] == '\0' && slt_prefix(t->kind, shown) < at_least) {
        (void)snprintf(t->wrong, sizeof t->wrong, "%s: wrong rows are shown, not %d groups or more",
                       when, (int)at_least);
    }
    sl_free(shown);
}

static bool run_process(trial *t, slt_ground *ground, slt_log *log, int64_t generation,
                        int64_t crash)
{
    sl_error err = SL_ERROR_INIT;
    sl_env *env = slt_boot(ground->world, &(sli_fault){.crash_at_call = crash});
    slt_job job;
    slt_job_init(&job, t->kind, env, log, generation);
    sl_code rc = slt_run(&job, SLT_GROUPS, &err);
    bool died = sli_world_is_dead(env);
    if (rc != SL_OK && !died && t->wrong[0] == '\0') {
        (void)snprintf(t->wrong, sizeof t->wrong, "generation %d stopped: %.200s", (int)generation,
                       err.text);
    }
    slt_job_reset(&job);
    sli_env_free(env);
    return died;
}

static void try_crash(trial *t)
{
    slt_ground *ground =
        slt_ground_new((uint64_t)(t->crash * 7 + t->again * 131 + t->fate), t->bug);
    slt_log log = {0};
    t->wrong[0] = '\0';
    t->reached = run_process(t, ground, &log, 1, t->crash);
    fate(ground, t->fate);
    see(t, ground, 0, "after the first crash");
    t->reached_again = t->again > 0 && run_process(t, ground, &log, 2, t->again);
    if (t->reached_again) {
        fate(ground, t->fate == 1 ? 0 : t->fate);
        see(t, ground, 0, "after the second crash");
    }
    if (t->wrong[0] == '\0') {
        (void)run_process(t, ground, &log, 3, 0);
        see(t, ground, SLT_GROUPS, "at the end");
        sli_world_power_loss(ground->world, true);
        see(t, ground, SLT_GROUPS, "after a power loss at the end");
    }
    slt_ground_free(ground);
}

/// The first wrong trial, if any: crashes of one process, then also of the one after it.
static bool find_wrong(const slt_kind *kind, const char *bug, trial *t)
{
    *t = (trial){.kind = kind, .bug = bug, .reached = true};
    for (t->crash = 1; t->reached; t->crash++) {
        for (t->fate = 0; t->fate < FATES; t->fate++) {
            try_crash(t);
            if (t->wrong[0] != '\0') {
                return true;
            }
        }
    }
    assert_true(t->crash > 20); // the script makes more calls than that
    int64_t last = t->crash;
    int64_t step = slt_is_soak() ? 1 : 3;
    for (t->crash = 2; t->crash < last; t->crash += step) {
        t->reached_again = true;
        for (t->again = 1; t->reached_again; t->again += step) {
            t->fate = (int32_t)((t->crash + t->again) % 3);
            try_crash(t);
            if (t->wrong[0] != '\0') {
                return true;
            }
        }
    }
    return false;
}

static void survives(const slt_kind *kind)
{
    trial t;
    if (find_wrong(kind, NULL, &t)) {
        fail_msg("%s: crash at call %lld, then %lld, fate %d: %s", kind->name, (long long)t.crash,
                 (long long)t.again, t.fate, t.wrong);
    }
}

SL_TEST(sink_file_survives_crashes_at_every_call, "")
{
    survives(&slt_file);
}

SL_TEST(sink_directory_survives_crashes_at_every_call, "")
{
    survives(&slt_directory);
}

SL_TEST(sink_rolled_survives_crashes_at_every_call, "")
{
    survives(&slt_rolled);
}

SL_TEST(sink_arrow_survives_crashes_at_every_call, "")
{
    survives(&slt_arrow);
}

SL_TEST(sink_rolled_arrow_survives_crashes_at_every_call, "")
{
    survives(&slt_rolled_arrow);
}

SL_TEST(sink_sqlite_survives_crashes_at_every_call, "")
{
    survives(&slt_sqlite);
}

SL_TEST(sink_kafka_survives_crashes_at_every_call, "")
{
    survives(&slt_kafka);
}

SL_TEST(sink_postgres_survives_crashes_at_every_call, "")
{
    survives(&slt_postgres);
}

SL_TEST(sink_postgres_upsert_survives_crashes_at_every_call, "")
{
    survives(&slt_upsert);
}

SL_TEST(sink_hdfs_survives_crashes_at_every_call, "")
{
    survives(&slt_hdfs);
}

SL_TEST(sink_hdfs_directory_survives_crashes_at_every_call, "")
{
    survives(&slt_hdfs_directory);
}

SL_TEST(sink_hdfs_rolled_survives_crashes_at_every_call, "")
{
    survives(&slt_hdfs_rolled);
}

/// A process of its own that dies at its n-th question to the cluster. False: it came to its end.
static bool die_on_a_cluster(slt_ground *ground, slt_log *log, int64_t generation, int64_t n)
{
    pid_t pid = fork();
    if (pid == 0) {
        char fault[64];
        sl_env *env = NULL;
        sl_error err = SL_ERROR_INIT;
        slt_job job;
        (void)snprintf(fault, sizeof fault, "http.begin:%lld:crash", (long long)n);
        if (sli_env_posix(&env, &err) != SL_OK || sli_env_fault(env, fault, &err) != SL_OK) {
            _exit(2);
        }
        slt_job_init(&job, ground->kind, env, log, generation);
        _exit(slt_run(&job, SLT_GROUPS, &err) == SL_OK ? 0 : 2);
    }
    int status = 0;
    assert_true(pid > 0 && waitpid(pid, &status, 0) == pid);
    assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0); // neither died nor failed
    return WIFSIGNALED(status);
}

/// Dies at call n; the process after it, too, some calls later; the third comes to its end.
static bool try_deaths(const slt_kind *kind, int64_t n)
{
    slt_ground *ground = slt_ground_of(kind, 0, NULL);
    slt_log *log =
        mmap(NULL, sizeof *log, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(log != MAP_FAILED);
    bool died = die_on_a_cluster(ground, log, 1, n);
    for (int64_t generation = 2; generation <= 3; generation++) {
        char *shown = slt_shown(kind, ground);
        assert_true(slt_prefix(kind, shown) >= 0);
        sl_free(shown);
        (void)die_on_a_cluster(ground, log, generation, generation == 2 ? 1 + n / 2 : 1000000);
    }
    shows(kind, ground, "", SLT_GROUPS);
    (void)munmap(log, sizeof *log);
    slt_ground_free(ground);
    return died;
}

/// In soak at every call.
static void survives_deaths(const slt_kind *kind)
{
    int64_t n = slt_is_soak() ? 1 : 5;
    while (try_deaths(kind, n)) {
        n += slt_is_soak() ? 1 : 19;
    }
    assert_true(n > 20); // the script makes more calls than that
}

SL_TEST(sink_survives_deaths_at_some_calls_hdfs, "")
{
    survives_deaths(&slt_real_hdfs);
}

SL_TEST(sink_rolled_survives_deaths_at_some_calls_hdfs, "")
{
    survives_deaths(&slt_real_hdfs_rolled);
}

SL_TEST(sink_crashes_find_the_planted_mistakes, "")
{
    static const struct {
        const slt_kind *kind;
        const char *bug;
    } planted[] = {
        {&slt_file, "no-dirsync-publish"},       {&slt_file, "no-dirsync-on-repeat"},
        {&slt_file, "no-dirsync-stage"},         {&slt_file, "abort-removes-sealed"},
        {&slt_directory, "no-dirsync-publish"},  {&slt_directory, "no-dirsync-stage"},
        {&slt_rolled, "no-dirsync-publish"},     {&slt_rolled, "no-dirsync-stage"},
        {&slt_rolled, "abort-removes-sealed"},   {&slt_rolled, "held-shown-again"},
        {&slt_rolled, "held-removed-early"},     {&slt_sqlite, "marker-not-in-transaction"},
        {&slt_sqlite, "marker-of-wrong-group"},  {&slt_sqlite, "group-in-two-transactions"},
        {&slt_kafka, "mark-not-in-transaction"}, {&slt_kafka, "mark-of-wrong-group"},
        {&slt_kafka, "ahead-sent-again"},        {&slt_postgres, "mark-not-in-transaction"},
        {&slt_postgres, "mark-of-wrong-group"},
    };
    for (size_t i = 0; i < sizeof planted / sizeof planted[0]; i++) {
        trial t;
        if (!find_wrong(planted[i].kind, planted[i].bug, &t)) {
            fail_msg("%s: the planted %s was not found", planted[i].kind->name, planted[i].bug);
        }
    }
}

// ---------------------------------------------------------------- one process

typedef struct place {
    slt_ground *ground;
    sl_env *env;
    slt_log log;
    slt_job job;
} place;

static void place_init(place *p, const slt_kind *kind, const char *bug)
{
    *p = (place){.ground = slt_ground_of(kind, 3, bug)};
    p->env = slt_start(p->ground);
    slt_job_init(&p->job, p->ground->kind, p->env, &p->log, 1);
    assert_int_equal(slt_open(&p->job, NULL), SL_OK);
    assert_int_equal(p->job.said, 0);
}

static void place_reset(place *p)
{
    slt_job_reset(&p->job);
    sli_env_free(p->env);
    slt_ground_free(p->ground);
}

/// How many of the committed groups are visible.
static int64_t visible(const slt_kind *kind, int64_t committed)
{
    return kind->gathers == 0 ? committed : committed - committed % kind->gathers;
}

SINK_TEST(sink_shows_a_group_from_commit_on_and_once)
{
    place p;
    place_init(&p, kind, NULL);
    for (int64_t g = 1; g <= SLT_GROUPS; g++) {
        assert_int_equal(slt_seal(&p.job, g, NULL), SL_OK);
        shows(kind, p.ground, "", visible(kind, g - 1));
        assert_int_equal(slt_commit(&p.job, g, NULL), SL_OK);
        shows(kind, p.ground, "", visible(kind, g));
        assert_int_equal(slt_commit(&p.job, g, NULL), SL_OK);
    }
    assert_int_equal(slt_show(&p.job, NULL), SL_OK);
    assert_int_equal(slt_show(&p.job, NULL), SL_OK);
    shows(kind, p.ground, "", SLT_GROUPS);
    place_reset(&p);
}

/// An attempt that was aborted can't be sealed.
static void stage_and_abort(slt_job *job)
{
    sl_batch *rows = slt_rows(job->schema, "x", 3, 0);
    sli_attempt at = {1, 3, 0, 0, 7};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_bytes receipt;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(job->sink->ops->stage(job->sink, at, rows, NULL), SL_OK);
    job->sink->ops->abort(job->sink);
    assert_int_equal(job->sink->ops->seal(job->sink, 2, &at, 1, arena, &receipt, &err),
                     SL_E_INVALID);
    assert_non_null(strstr(err.text, "epoch 3"));
    sl_arena_free(arena);
    sl_batch_unref(rows);
}

SINK_TEST(sink_abort_drops_what_is_staged_and_nothing_sealed)
{
    place p;
    place_init(&p, kind, NULL);
    assert_int_equal(slt_seal(&p.job, 1, NULL), SL_OK);
    if (p.job.sink->ops->stage != NULL) {
        stage_and_abort(&p.job);
    }
    assert_int_equal(slt_commit(&p.job, 1, NULL), SL_OK);
    assert_int_equal(slt_show(&p.job, NULL), SL_OK);
    shows(kind, p.ground, "", 1);
    place_reset(&p);
}

// ---------------------------------------------------------------- full disks

/// Each step is tried again, as the engine does, until it works; one failure at most is planted.
static void insist(slt_job *job, sl_code (*step)(slt_job *, int64_t, sl_error *), int64_t group)
{
    sl_error err = SL_ERROR_INIT;
    sl_code rc = step(job, group, &err);
    if (rc != SL_OK) {
        assert_int_equal(rc, SL_E_NO_SPACE);
        assert_int_equal(err.code, SL_E_NO_SPACE);
        rc = step(job, group, &err);
    }
    if (rc != SL_OK) {
        fail_msg("%s: group %d, second try: %s", job->kind->name, (int)group, err.text);
    }
}

static sl_code open_step(slt_job *job, int64_t group, sl_error *err)
{
    (void)group;
    return slt_open(job, err);
}

static sl_code show_step(slt_job *job, int64_t group, sl_error *err)
{
    (void)group;
    return slt_show(job, err);
}

SL_TEST(sink_full_disk_at_any_call_is_told_and_a_retry_works, "")
{
    for (int32_t k = 0; k < KINDS; k++) {
        bool reached = true;
        for (int64_t n = 1; reached; n++) {
            slt_ground *ground = slt_ground_new((uint64_t)n, NULL);
            sl_env *env = slt_boot(ground->world,
                                   &(sli_fault){.fail_at_call = n, .fail_code = SL_E_NO_SPACE});
            slt_log log = {0};
            slt_job job;
            slt_job_init(&job, kinds[k], env, &log, 1);
            insist(&job, open_step, 0);
            for (int64_t g = 1; g <= SLT_GROUPS; g++) {
                insist(&job, slt_seal, g);
                insist(&job, slt_commit, g);
            }
            insist(&job, show_step, 0);
            reached = sli_world_fault_reached(env);
            slt_job_reset(&job);
            shows(kinds[k], ground, "", SLT_GROUPS);
            sli_env_free(env);
            slt_ground_free(ground);
        }
    }
}

SL_TEST(sink_waits_for_a_disk_that_is_really_full, "")
{
    for (int32_t k = 0; k < KINDS; k++) {
        if (kinds[k]->remote) {
            continue;
        }
        place p;
        place_init(&p, kinds[k], NULL);
        sl_error err = SL_ERROR_INIT;
        sli_world_disk_limit(p.ground->world, 1);
        sl_code rc = slt_seal(&p.job, 1, &err);
        rc = rc == SL_OK ? slt_commit(&p.job, 1, &err) : rc;
        assert_int_equal(rc, SL_E_NO_SPACE);
        sli_world_disk_limit(p.ground->world, 0);
        shows(kinds[k], p.ground, "", 0);
        assert_int_equal(slt_seal(&p.job, 1, NULL), SL_OK);
        assert_int_equal(slt_commit(&p.job, 1, NULL), SL_OK);
        assert_int_equal(slt_show(&p.job, NULL), SL_OK);
        shows(kinds[k], p.ground, "", 1);
        place_reset(&p);
    }
}

// ---------------------------------------------------------------- late drivers

/// An older driver seals and commits other rows of group 1 after a newer one has sealed it; true
/// when only the newer one's rows are shown.
static bool late_driver_is_harmless(const slt_kind *kind, const char *bug)
{
    place p;
    place_init(&p, kind, bug);
    p.job.variant = "old";
    sl_env *env = slt_start(p.ground);
    slt_log log = {0};
    slt_job newer;
    slt_job_init(&newer, p.ground->kind, env, &log, 2);
    assert_int_equal(slt_open(&newer, NULL), SL_OK);
    assert_int_equal(slt_sweep(&newer, NULL), SL_OK);
    assert_int_equal(slt_seal(&newer, 1, NULL), SL_OK);
    // The older one's log is not the job's any more; what it seals is in no log that counts.
    assert_int_equal(slt_seal(&p.job, 1, NULL), SL_OK);
    sl_code rc = kind->fences ? slt_commit(&p.job, 1, NULL) : SL_E_SUPERSEDED;
    sl_error err = SL_ERROR_INIT;
    bool fine = rc == SL_E_SUPERSEDED && slt_commit(&newer, 1, &err) == SL_OK &&
                slt_show(&newer, &err) == SL_OK;
    char *shown = slt_shown(kind, p.ground);
    fine = fine && slt_prefix(kind, shown) == 1;
    sl_free(shown);
    slt_job_reset(&newer);
    sli_env_free(env);
    place_reset(&p);
    return fine;
}

SINK_TEST(sink_late_driver_is_refused_or_harmless)
{
    assert_true(late_driver_is_harmless(kind, NULL));
}

SL_TEST(sink_late_driver_finds_the_planted_mistakes, "")
{
    assert_false(late_driver_is_harmless(&slt_file, "stage-without-generation"));
    assert_false(late_driver_is_harmless(&slt_directory, "stage-without-generation"));
    assert_false(late_driver_is_harmless(&slt_rolled, "held-without-generation"));
    assert_false(late_driver_is_harmless(&slt_sqlite, "no-fence"));
    assert_false(late_driver_is_harmless(&slt_kafka, "no-fence"));
    assert_false(late_driver_is_harmless(&slt_postgres, "no-fence"));
}

SINK_TEST(sink_two_drivers_commit_one_sealed_group_once)
{
    place p;
    place_init(&p, kind, NULL);
    assert_int_equal(slt_seal(&p.job, 1, NULL), SL_OK);
    sl_env *env = slt_start(p.ground);
    slt_job newer;
    slt_job_init(&newer, p.ground->kind, env, &p.log, 2); // has read the same log
    assert_int_equal(slt_run(&newer, 1, NULL), SL_OK);
    sl_code rc = slt_commit(&p.job, 1, NULL);
    assert_int_equal(rc, kind->fences ? SL_E_SUPERSEDED : SL_OK);
    shows(kind, p.ground, "", 1);
    slt_job_reset(&newer);
    sli_env_free(env);
    place_reset(&p);
}

/// A driver of the job, as a process that can be paused.
typedef struct driver {
    const slt_kind *kind;
    slt_log *log;
    int64_t generation;
    sl_code rc;
    sl_error error;
} driver;

static void drive(sl_env *env, void *ctx)
{
    driver *d = ctx;
    slt_job job;
    slt_job_init(&job, d->kind, env, d->log, d->generation);
    d->rc = slt_run(&job, SLT_GROUPS, &d->error);
    slt_job_reset(&job);
}

typedef struct meeting {
    const slt_kind *kind;
    const char *bug;
    int64_t i, j;      ///< calls before the older driver pauses, and before it goes on
    bool older, newer; ///< whether it was still running then
    char wrong[256];
} meeting;

/// The older driver is paused at its call i; the newer one runs to its call j; the older one goes
/// on to its end, then the newer one.
static void meet(meeting *m)
{
    slt_log log = {0};
    slt_ground *ground = slt_ground_new(5, m->bug);
    driver old = {m->kind, &log, 1, SL_OK, SL_ERROR_INIT};
    driver new = {m->kind, &log, 2, SL_OK, SL_ERROR_INIT};
    sli_process *older = sli_process_new(ground->world, NULL, drive, &old);
    sli_process *newer = sli_process_new(ground->world, NULL, drive, &new);
    m->older = sli_process_resume(older, m->i);
    m->newer = sli_process_resume(newer, m->j);
    (void)sli_process_resume(older, SLI_FOREVER);
    (void)sli_process_resume(newer, SLI_FOREVER);
    sli_process_free(older);
    sli_process_free(newer);
    char *shown = slt_shown(m->kind, ground);
    m->wrong[0] = '\0';
    if (new.rc != SL_OK) {
        (void)snprintf(m->wrong, sizeof m->wrong, "the newer stopped: %.200s", new.error.text);
    } else if (slt_prefix(m->kind, shown) != SLT_GROUPS) {
        (void)snprintf(m->wrong, sizeof m->wrong, "wrong rows are shown: %.200s", shown);
    } else if (m->kind->fences && old.rc != SL_OK && old.rc != SL_E_SUPERSEDED &&
               !(m->kind->remote && (old.rc == SL_E_TIMEOUT || old.rc == SL_E_NOT_FOUND))) {
        // not those: the newer's transaction was open; the newer swept what the older was sealing
        (void)snprintf(m->wrong, sizeof m->wrong, "the older was told: %.200s", old.error.text);
    }
    sl_free(shown);
    slt_ground_free(ground);
}

/// The first wrong meeting, if any.
static bool find_wrong_meeting(const slt_kind *kind, const char *bug, int64_t step, meeting *m)
{
    *m = (meeting){.kind = kind, .bug = bug, .older = true};
    for (m->i = 1; m->older; m->i += step) {
        m->newer = true;
        for (m->j = 1; m->newer; m->j += step) {
            meet(m);
            if (m->wrong[0] != '\0') {
                return true;
            }
        }
    }
    assert_true(m->i > 20);
    return false;
}

SL_TEST(sink_late_driver_may_go_on_at_any_call, "")
{
    static const slt_kind *const met[] = {&slt_file,         &slt_directory, &slt_rolled,
                                          &slt_rolled_arrow, &slt_kafka,     &slt_postgres,
                                          &slt_hdfs_rolled};
    meeting m;
    for (int32_t k = 0; k < 7; k++) {
        if (find_wrong_meeting(
                met[k], NULL,
                slt_is_soak() || (met[k]->remote && met[k] != &slt_hdfs_rolled) ? 1 : 3, &m)) {
            fail_msg("%s: the older driver paused at call %lld, went on at call %lld of the newer: "
                     "%s",
                     met[k]->name, (long long)m.i, (long long)m.j, m.wrong);
        }
    }
    assert_true(find_wrong_meeting(&slt_rolled, "held-without-generation", 1, &m));
    assert_true(find_wrong_meeting(&slt_kafka, "no-fence", 1, &m));
}

SL_TEST(sink_lost_staged_object_is_an_error, "")
{
    for (int32_t with_bug = 0; with_bug < 2; with_bug++) {
        place p;
        place_init(&p, &slt_file, with_bug ? "rename-result-ignored" : NULL);
        assert_int_equal(slt_seal(&p.job, 1, NULL), SL_OK);
        assert_int_equal(
            sli_world_remove(
                p.ground->world,
                "/data/out/.sluice/00112233445566778899aabbccddeeff/save%2F1/stage/1-1", NULL),
            SL_OK);
        sl_error err = SL_ERROR_INIT;
        sl_code rc = slt_commit(&p.job, 1, &err);
        if (with_bug) {
            assert_int_equal(rc, SL_OK); // and the group is lost
        } else {
            assert_int_equal(rc, SL_E_NOT_FOUND);
            assert_non_null(strstr(err.text, "staged object of group 1 is missing"));
            assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
        }
        place_reset(&p);
    }
}
