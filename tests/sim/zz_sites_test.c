// Runs last, since tests run in order of files: by now every kind of call must have been crashed
// at.
#include "sim/sim.h"

#include <stdio.h>

// ---------------------------------------------------------------- who calls what

/// Looks for a call in Sluice's sources, but for env/, which implements it, and tests.
typedef struct looking {
    sl_env *env;
    const char *dir, *call;
    bool found;
} looking;

static bool is_source(const char *name)
{
    size_t size = strlen(name);
    return size > 2 && strcmp(name + size - 2, ".c") == 0 &&
           (size < 7 || strcmp(name + size - 7, "_test.c") != 0);
}

static sl_code look_into(void *ctx, const char *name, sl_error *err)
{
    looking *l = ctx;
    char path[512], *text = NULL;
    size_t size = 0;
    sli_stat stat = {0};
    (void)snprintf(path, sizeof path, "%s/%s", l->dir, name);
    SL_TRY(sli_env_stat(l->env, path, &stat, err));
    if (stat.is_dir && strcmp(name, "env") != 0) {
        looking below = *l;
        below.dir = path;
        SL_TRY(sli_env_list(l->env, path, look_into, &below, err));
        l->found = below.found;
    } else if (is_source(name)) {
        SL_TRY(sli_env_read_file(l->env, path, 1 << 20, &text, &size, err));
        l->found = l->found || memmem(text, size, l->call, strlen(l->call)) != NULL;
        sl_free(text);
    }
    return SL_OK;
}

/// "socket.listen" is sli_socket_listen.
static bool sluice_calls(sl_env *env, const char *site)
{
    char call[64];
    sl_error err = SL_ERROR_INIT;
    looking l = {.env = env, .dir = SLT_SOURCE_DIR "/src", .call = call};
    (void)snprintf(call, sizeof call, "sli_socket_%s(", site + strlen("socket."));
    if (sli_env_list(env, l.dir, look_into, &l, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return l.found;
}

SL_TEST(sim_calls_that_only_senders_make_are_those_that_sluice_does_not, "")
{
    sl_env *env = NULL;
    sli_world_conf conf = {.seed = 1};
    const sli_site *sites = NULL;
    sli_world *world = sli_world_new(&conf);
    assert_non_null(world);
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    for (int32_t i = 0, n = sli_world_sites(world, &sites); i < n; i++) {
        if (strncmp(sites[i].name, "socket.", 7) == 0 &&
            sluice_calls(env, sites[i].name) == slt_site_is_senders(sites[i].name)) {
            fail_msg("%s: the table of sites.c and the sources differ; a job here should call what "
                     "Sluice calls",
                     sites[i].name);
        }
    }
    sli_env_free(env);
    sli_world_free(world);
}

// ---------------------------------------------------------------- the table

static void run(const slt_trial *trial, const char *what)
{
    slt_outcome out = slt_trial_run(trial);
    if (!out.right) {
        fail_msg("%s, %s: %s", trial->job->name, what, out.wrong);
    }
}

/// The first process, and the first sender, die at their n-th call of a kind; or it fails. Every
/// job at the first one, and a third of them at each other: the sweeps are at every call.
static void hurt_at(const char *site, int64_t n)
{
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        if (n > 1 && (j + n) % slt_thin(3) != 0) {
            continue;
        }
        sli_fault crash = {.crash_at_call = n, .only_site = site},
                  failure = {.fail_at_call = n, .only_site = site};
        slt_trial trial = {.job = slt_all_jobs[j], .seed = (uint64_t)n, .n_dooms = 1};
        trial.dooms[0].fault = trial.sender = crash;
        run(&trial, site);
        trial.dooms[0].fault = trial.sender = failure;
        run(&trial, site);
    }
}

static bool is_tried(const sli_site *site)
{
    return !site->answers_only && !slt_site_is_elsewhere(site->name);
}

SL_TEST(sim_sites_were_all_crashed_at, "EXACTLY-ONCE-1")
{
    char missing[512];
    const sli_site *sites = NULL;
    sli_world_conf conf = {.seed = 1};
    sli_world *world = sli_world_new(&conf);
    assert_non_null(world);
    for (int32_t i = 0, n = sli_world_sites(world, &sites); i < n; i++) {
        for (int64_t k = 1; k <= 3 && is_tried(&sites[i]); k++) {
            hurt_at(sites[i].name, k);
        }
    }
    sli_world_free(world);
    if (!slt_sites_tell(missing, sizeof missing)) {
        fail_msg("never called or never crashed at:%s", missing);
    }
}
