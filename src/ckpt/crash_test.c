// Crashes at every call, failed syncs, zombies: the promises hold, and each planted mistake is
// found.
#include "ckpt/fixture_int.h"

typedef enum fate { PROCESS_DIES, POWER_FAILS, ALL_UNSYNCED_LOST, N_FATES } fate;

static void suffer(sli_world *world, fate what)
{
    if (what != PROCESS_DIES) {
        sli_world_power_loss(world, what == ALL_UNSYNCED_LOST);
    }
}

/// Adds what went wrong to *wrong and says whether anything did.
static bool is_wrong(const fx_ghost *ghost, sl_code rc, const sl_error *err, char wrong[512])
{
    if (ghost->wrong[0] != '\0') {
        (void)snprintf(wrong, 512, "%s", ghost->wrong);
    } else if (rc != SL_OK) {
        (void)snprintf(wrong, 512, "stopped for no reason: %.400s", err->text);
    }
    return wrong[0] != '\0';
}

/// Crash at call n, then (when m > 0) at call m of the next boot, then a boot that ends well.
/// False: n lies past the end.
static bool twice(uint64_t seed, fx_kind kind, int64_t n, fate one, int64_t m, fate two,
                  char wrong[512])
{
    fx_ghost ghost;
    sli_world *world = fx_world(seed, kind, &ghost);
    sl_error err = SL_ERROR_INIT;
    bool reached = false;
    sl_code rc =
        fx_boot(world, &ghost, &(sli_fault){.crash_at_call = n}, FX_GROUPS, &err, &reached);
    bool alive = !reached;
    if (reached && rc == SL_E_CRASHED) {
        suffer(world, one);
        if (m > 0) {
            rc =
                fx_boot(world, &ghost, &(sli_fault){.crash_at_call = m}, FX_GROUPS, &err, &reached);
            if (rc == SL_E_CRASHED) {
                suffer(world, two);
            }
        }
    }
    if (rc == SL_E_CRASHED || rc == SL_OK) {
        rc = fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL);
    }
    (void)is_wrong(&ghost, rc, &err, wrong);
    fx_world_free(world, &ghost);
    return !alive;
}

/// Every `step`-th first crash with every fate; second crashes spread over the boot. Stops at the
/// first wrong run.
static int64_t crash_everywhere(fx_kind kind, int64_t step, int64_t second_steps, char wrong[512])
{
    int64_t n_runs = 0;
    bool more = true;
    for (int64_t n = 1; more && wrong[0] == '\0'; n += step) {
        for (int one = 0; one < N_FATES && wrong[0] == '\0'; one++) {
            more = twice((uint64_t)n, kind, n, (fate)one, 0, PROCESS_DIES, wrong);
            for (int64_t k = 0; k < second_steps && more && wrong[0] == '\0'; k++) {
                sli_rng rng = {(uint64_t)(n * 1000 + one * 100 + k)};
                int64_t m = 1 + (int64_t)sli_rng_below(&rng, 120);
                (void)twice((uint64_t)(n + k), kind, n, (fate)one, m,
                            (fate)sli_rng_below(&rng, N_FATES), wrong);
                n_runs++;
            }
            n_runs++;
        }
    }
    return n_runs;
}

/// Every `step`-th call fails once (a sync that fails is never retried: the driver ends), then the
/// power fails, then a boot.
static void fail_everywhere(fx_kind kind, int64_t step, char wrong[512])
{
    bool more = true;
    for (int64_t n = 1; more && wrong[0] == '\0'; n += step) {
        for (int what = 0; what < N_FATES && wrong[0] == '\0'; what++) {
            fx_ghost ghost;
            sli_world *world = fx_world((uint64_t)n, kind, &ghost);
            sl_error err = SL_ERROR_INIT;
            (void)fx_boot(world, &ghost, &(sli_fault){.fail_at_call = n}, FX_GROUPS, &err, &more);
            suffer(world, (fate)what);
            sl_code rc = fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL);
            (void)is_wrong(&ghost, rc, &err, wrong);
            fx_world_free(world, &ghost);
        }
    }
}

/// What a failed sync lost stays readable, and the next sync of it says yes; only a power loss
/// shows it. So: the n-th sync fails, the process ends, the next one dies at its call m, and then
/// the power fails. False: there is no such sync.
static bool fail_sync_then_crash(fx_kind kind, int64_t n, int64_t m, fate what, char wrong[512])
{
    fx_ghost ghost;
    sli_world *world = fx_world((uint64_t)(n * 1000 + m), kind, &ghost);
    sl_error err = SL_ERROR_INIT;
    sli_fault sync = {.fail_at_call = n, .only_site = "file.sync"}, death = {.crash_at_call = m};
    bool more = false;
    (void)fx_boot(world, &ghost, &sync, FX_GROUPS, &err, &more);
    sl_code rc = fx_boot(world, &ghost, &death, FX_GROUPS, &err, NULL);
    if (rc == SL_OK || rc == SL_E_CRASHED) {
        suffer(world, what);
        rc = fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL);
    }
    (void)is_wrong(&ghost, rc, &err, wrong);
    fx_world_free(world, &ghost);
    return more;
}

/// Every sync, with deaths of the next life `step` calls apart.
static int64_t fail_every_sync(fx_kind kind, int64_t step, char wrong[512])
{
    enum { CALLS = 200 }; // more than any life here makes: the last ones end well
    int64_t n_runs = 0;
    bool more = true;
    for (int64_t n = 1; more && wrong[0] == '\0'; n++) {
        for (int64_t m = 1 + n % step; more && m <= CALLS && wrong[0] == '\0'; m += step) {
            more = fail_sync_then_crash(kind, n, m, ALL_UNSYNCED_LOST, wrong) &&
                   fail_sync_then_crash(kind, n, m, POWER_FAILS, wrong);
            n_runs += 2;
        }
    }
    return n_runs;
}

/// Whoever meets the other's lock or generation has ended as it should.
static bool gave_way(sl_code rc)
{
    return rc == SL_E_SUPERSEDED || rc == SL_E_BUSY || rc == SL_E_CRASHED;
}

/// Driver 1 pauses after i calls; 2 boots and makes j calls; 1 makes m more; 2 ends, or dies; 1
/// ends; 3 must find all promises.
static bool zombie(fx_kind kind, int64_t i, int64_t j, int64_t m, bool kill, char wrong[512])
{
    fx_ghost ghost;
    sli_world *world = fx_world((uint64_t)(i * 31 + j), kind, &ghost);
    sl_error err = SL_ERROR_INIT;
    fx_run one = {.ghost = &ghost, .groups = FX_GROUPS - 1},
           two = one; // no snapshot covers the last group
    sli_process *first = sli_process_new(world, NULL, fx_main, &one);
    bool paused = sli_process_resume(first, i);
    sli_world_break_locks(world);
    sli_process *second = sli_process_new(world, NULL, fx_main, &two);
    if (sli_process_resume(second, j)) {
        (void)sli_process_resume(first, m);
        if (kill) {
            sli_world_kill(sli_process_env(second));
        }
        while (sli_process_resume(second, SLI_FOREVER)) {
        }
    }
    while (sli_process_resume(first, SLI_FOREVER)) {
    }
    sli_process_free(second);
    sli_process_free(first);
    sl_code rc = SL_OK;
    if (one.rc != SL_OK && !gave_way(one.rc)) {
        (void)is_wrong(&ghost, one.rc, &one.err, wrong);
    } else if (two.rc != SL_OK && !gave_way(two.rc)) {
        (void)is_wrong(&ghost, two.rc, &two.err, wrong);
    } else {
        sli_world_break_locks(world);
        rc = fx_boot(world, &ghost, NULL, FX_GROUPS, &err, NULL);
        (void)is_wrong(&ghost, rc, &err, wrong);
    }
    fx_world_free(world, &ghost);
    return paused;
}

/// Every `step`-th place where the first one pauses, with `draws` of what comes after.
static int64_t zombies(fx_kind kind, int64_t step, int draws, char wrong[512])
{
    int64_t n_runs = 0;
    bool more = true;
    for (int64_t i = 1; more && wrong[0] == '\0'; i += step) {
        sli_rng rng = {(uint64_t)i};
        for (int k = 0; k < draws && more && wrong[0] == '\0'; k++) {
            int64_t j = 1 + (int64_t)sli_rng_below(&rng, 150),
                    m = 1 + (int64_t)sli_rng_below(&rng, 40);
            more = zombie(kind, i, j, m, k % 2 == 0, wrong);
            n_runs++;
        }
    }
    return n_runs;
}

/// A slow build tries each third place, with snapshots elsewhere each 7th.
enum { NEAR_STEP = SLT_SLOW_BUILD ? 3 : 1, FAR_STEP = SLT_SLOW_BUILD ? 7 : 1 };

/// Crashes at every call, wherever snapshots lie.
static void check_crashes(fx_where where, int64_t step, int64_t second_steps)
{
    char wrong[512] = "";
    int64_t n_runs = crash_everywhere((fx_kind){.where = where}, step, second_steps, wrong);
    SL_CHECK_TEXT(wrong, "");
    assert_true(n_runs > 500 / step);
}

SL_TEST(ckpt_keeps_its_promises_through_crashes_at_every_call, "")
{
    check_crashes(FX_HERE, NEAR_STEP, slt_is_soak() ? 60 : 3);
}

SL_TEST(ckpt_keeps_its_promises_through_crashes_with_snapshots_beside_it, "")
{
    check_crashes(FX_BESIDE, FAR_STEP, slt_is_soak() ? 60 : 0);
}

SL_TEST(ckpt_keeps_its_promises_through_crashes_with_snapshots_on_a_simulated_cluster, "")
{
    check_crashes(FX_HDFS, FAR_STEP, slt_is_soak() ? 60 : 0);
}

static void check_failures(fx_where where)
{
    char wrong[512] = "";
    fail_everywhere((fx_kind){.where = where}, where == FX_HERE ? NEAR_STEP : FAR_STEP, wrong);
    SL_CHECK_TEXT(wrong, "");
}

SL_TEST(ckpt_keeps_its_promises_when_any_call_fails, "")
{
    for (int where = 0; where < FX_N_WHERE; where++) {
        check_failures((fx_where)where);
    }
}

static void check_failed_syncs(fx_where where, int64_t step)
{
    char wrong[512] = "";
    int64_t n_runs = fail_every_sync((fx_kind){.where = where}, step, wrong);
    SL_CHECK_TEXT(wrong, "");
    assert_true(n_runs > 100);
}

SL_TEST(ckpt_keeps_its_promises_when_a_sync_fails_and_the_power_fails_a_life_later,
        "EXACTLY-ONCE-2")
{
    int64_t step = slt_is_soak() ? 1 : SLT_SLOW_BUILD ? 40 : 7;
    check_failed_syncs(FX_HERE, step);
    check_failed_syncs(FX_BESIDE, slt_is_soak() ? 1 : 6 * step);
}

SL_TEST(ckpt_keeps_its_promises_beside_zombies, "")
{
    for (int where = 0; where < FX_N_WHERE; where++) {
        char wrong[512] = "";
        int64_t n_runs = zombies((fx_kind){.where = (fx_where)where}, slt_is_soak() ? 1 : 2,
                                 SLT_SLOW_BUILD     ? 2
                                 : where == FX_HERE ? 10
                                                    : 5,
                                 wrong);
        SL_CHECK_TEXT(wrong, "");
        assert_true(n_runs > 100);
    }
}

typedef enum search { CRASHES, FAILURES, FAILED_SYNCS, ZOMBIES } search;

/// Whether a search is good enough is a question for the release build: the same code searches
/// under the sanitizers, many times slower.
static void find_with(fx_kind kind, search how)
{
    const char *bug = kind.bug;
    char wrong[512] = "";
    if (SLT_SLOW_BUILD) {
        printf("# %-28s left to the release build\n", bug);
        return;
    }
    if (how == CRASHES) {
        (void)crash_everywhere(kind, 1, 12, wrong);
    } else if (how == FAILURES) {
        fail_everywhere(kind, 1, wrong);
    } else if (how == FAILED_SYNCS) {
        (void)fail_every_sync(kind, 1, wrong);
    } else {
        (void)zombies(kind, 1, 80, wrong); // some show in few of the meetings only
    }
    if (wrong[0] == '\0') {
        fail_msg("the planted mistake %s was not found", bug);
    }
    printf("# %-28s %s\n", bug, wrong);
}

static void find(const char *bug, search how)
{
    find_with((fx_kind){.bug = bug}, how);
}

SL_TEST(ckpt_tests_find_mistakes_that_crashes_show, "")
{
    find_with((fx_kind){"pool-unsynced", FX_BESIDE}, CRASHES);
    find("recovery-believes-unsynced", CRASHES);
    find("deltas-removed-early", CRASHES);
    find("snapshot-unsynced", CRASHES);
    find("no-dirsync-stage", CRASHES);
    find("plan-names-unsynced-wal", CRASHES);
    find("failed-sync-retried", FAILURES);
    find("failed-sync-believed", FAILED_SYNCS);
}

SL_TEST(ckpt_tests_find_mistakes_that_zombies_show, "")
{
    find("log-read-before-generation", ZOMBIES);
    find("zombie-unchecked", ZOMBIES);
    find("stage-without-generation", ZOMBIES);
    find("cut-ignored", ZOMBIES);
    find("wal-cut-forgotten", ZOMBIES);
    find("rename-result-ignored", ZOMBIES);
}
