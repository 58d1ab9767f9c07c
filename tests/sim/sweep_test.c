// A crash at every outside call, with every fate of what was not synced; then a second crash in the
// recovery from it.
#include "sim/sim.h"

#include <stdio.h>
#include <stdlib.h>

static const slt_sim_job *job_named(const char *name, size_t size)
{
    if (strncmp(slt_job_panes.name, name, size) == 0 && slt_job_panes.name[size] == '\0') {
        return &slt_job_panes;
    }
    if (strncmp(slt_job_sql.name, name, size) == 0 && slt_job_sql.name[size] == '\0') {
        return &slt_job_sql;
    }
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        if (strncmp(slt_all_jobs[j]->name, name, size) == 0 &&
            slt_all_jobs[j]->name[size] == '\0') {
            return slt_all_jobs[j];
        }
    }
    return NULL;
}

/// SLUICE_CRASHES=JOB:SEED:CALL.FATE[/CALL.FATE]... repeats one run.
static bool trial_of_text(const char *text, slt_trial *out)
{
    char *at = NULL;
    size_t name = strcspn(text, ":");
    *out = (slt_trial){.job = job_named(text, name)};
    if (out->job == NULL || text[name] != ':') {
        return false;
    }
    out->seed = strtoull(text + name + 1, &at, 10);
    while (*at != '\0' && out->n_dooms < SLT_MOST_LIVES) {
        slt_doom *doom = &out->dooms[out->n_dooms++];
        doom->fault.crash_at_call = strtoll(at + 1, &at, 10);
        if (*at != '.') {
            return false;
        }
        doom->fate = (slt_fate)strtol(at + 1, &at, 10);
    }
    return true;
}

static void run_crash(const slt_trial *trial, bool *reached, int64_t *calls)
{
    slt_outcome out = slt_trial_run(trial);
    if (!out.right) {
        fail_msg("%s\nrepeat: SLUICE_CRASHES=%s:%llu:%lld.%d/%lld.%d tests/test_t_sim "
                 "sim_repeats_one_run",
                 out.wrong, trial->job->name, (unsigned long long)trial->seed,
                 (long long)trial->dooms[0].fault.crash_at_call, (int)trial->dooms[0].fate,
                 (long long)trial->dooms[1].fault.crash_at_call, (int)trial->dooms[1].fate);
    }
    int32_t last = trial->n_dooms - 1;
    *reached = out.reached[last];
    *calls = out.calls_of[last + 1 < SLT_MOST_LIVES ? last + 1 : last];
}

/// Every fate of a crash at one call, and a power loss with strands that run in another order.
/// False: there is no such call.
static bool crash_at(const slt_sim_job *job, int64_t n, int64_t *runs)
{
    bool reached = false, any = true;
    int64_t calls = 0;
    for (int32_t k = 0; k < SLT_N_FATES + 1 && any; k++) {
        slt_trial trial = {.job = job, .seed = (uint64_t)(n * 8 + k), .n_dooms = 1};
        trial.switch_chance = k < SLT_N_FATES ? 0 : 0.2;
        trial.dooms[0] = (slt_doom){.fault = {.crash_at_call = n},
                                    .fate = k < SLT_N_FATES ? (slt_fate)k : SLT_POWER};
        run_crash(&trial, &reached, &calls);
        (*runs)++;
        any = reached || k >= SLT_N_FATES; // another order makes other calls
    }
    return any;
}

/// At every `step`-th call.
static void sweep_by(const slt_sim_job *job, int64_t step)
{
    int64_t n = 1, runs = 0;
    while (crash_at(job, n, &runs)) {
        n += SLT_SLOW_BUILD ? 41 * step : step;
    }
    printf("# %s: a crash at %s of %lld outside calls, %lld runs\n", job->name,
           step == 1 ? "each" : "some", (long long)(n - 1), (long long)runs);
    assert_true(n > 50);
}

static void sweep(const slt_sim_job *job)
{
    sweep_by(job, 1);
}

SL_TEST(sim_files_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_files);
}

SL_TEST(sim_socket_and_state_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_socket);
}

SL_TEST(sim_join_and_calls_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_joined);
}

SL_TEST(sim_several_epochs_a_group_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_grouped);
}

SL_TEST(sim_rate_survives_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_rate);
}

SL_TEST(sim_files_to_kafka_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_kafka_out);
}

SL_TEST(sim_kafka_to_kafka_survives_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_kafka);
}

SL_TEST(sim_records_too_large_for_kafka_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep_by(&slt_job_kafka_large, slt_thin(3));
}

SL_TEST(sim_snapshots_on_hdfs_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep_by(&slt_job_elsewhere, slt_thin(3));
}

SL_TEST(sim_hdfs_survives_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_hdfs);
}

SL_TEST(sim_tail_survives_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep_by(&slt_job_tail, slt_thin(3));
}

SL_TEST(sim_files_to_postgres_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_postgres);
}

SL_TEST(mqtt_survives_a_crash_at_every_call, "EXACTLY-ONCE-2")
{
    slt_one_thread();
    sweep_by(&slt_job_mqtt, slt_thin(3));
}

SL_TEST(sim_rolled_files_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_rolled);
}

SL_TEST(sim_running_counts_survive_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_running);
}

SL_TEST(sim_dead_letters_survive_crashes_all_over_their_calls, "POISON-1")
{
    sweep_by(&slt_job_poison, slt_thin(3));
}

SL_TEST(sim_windows_survive_crashes_all_over_their_calls, "EXACTLY-ONCE-1")
{
    sweep_by(&slt_job_windows, slt_thin(3));
}

SL_TEST(sim_windows_of_several_epochs_a_group_survive_crashes, "EXACTLY-ONCE-1")
{
    sweep_by(&slt_job_panes, slt_thin(4));
}

SL_TEST(sim_records_left_out_of_windows_stay_out_over_crashes, "POISON-1")
{
    sweep_by(&slt_job_held, slt_thin(7));
}

SL_TEST(sim_event_time_survives_crashes_all_over_its_calls, "EVENT-TIME-1")
{
    sweep_by(&slt_job_event, slt_thin(2));
}

SL_TEST(sim_streams_that_fall_silent_survive_crashes_all_over_their_calls, "EVENT-TIME-1")
{
    sweep_by(&slt_job_silent, slt_thin(8));
}

SL_TEST(sim_models_survive_crashes_all_over_their_calls, "EXACTLY-ONCE-1")
{
    sweep_by(&slt_job_model, slt_thin(2));
}

SL_TEST(sim_scripts_survive_crashes_all_over_their_calls, "EXACTLY-ONCE-1")
{
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    sweep_by(&slt_job_sql, slt_thin(97));
}

SL_TEST(sim_standard_input_survives_a_crash_at_every_call, "EXACTLY-ONCE-1")
{
    sweep(&slt_job_stdin);
}

SL_TEST(sim_acknowledged_lines_survive_a_crash_at_every_call, "DURABLE-1")
{
    sweep(&slt_job_sender);
}

SL_TEST(sim_what_is_posted_survives_a_crash_at_every_call, "DURABLE-1")
{
    sweep_by(&slt_job_posted, slt_thin(4));
}

SL_TEST(sim_events_that_flume_sends_survive_a_crash_at_every_call, "DURABLE-1")
{
    sweep_by(&slt_job_pushed, slt_thin(4));
}

SL_TEST(sim_events_that_flume_is_asked_for_survive_a_crash_at_every_call, "DURABLE-1")
{
    sweep_by(&slt_job_pulled, slt_thin(4));
}

/// The sender dies at its call n, or that call fails; the job lives.
SL_TEST(sim_job_survives_its_sender, "EXACTLY-ONCE-1")
{
    bool reached = true;
    int64_t n = 1;
    for (; reached; n += SLT_SLOW_BUILD ? 19 : 1) {
        for (int32_t k = 0; k < 2; k++) {
            slt_trial trial = {.job = &slt_job_sender, .seed = (uint64_t)n};
            *(k == 0 ? &trial.sender.crash_at_call : &trial.sender.fail_at_call) = n;
            slt_outcome out = slt_trial_run(&trial);
            if (!out.right) {
                fail_msg("the sender %s at its call %lld: %s", k == 0 ? "dies" : "fails",
                         (long long)n, out.wrong);
            }
            reached = out.sender_reached;
        }
    }
    assert_true(n > 50);
}

// ---------------------------------------------------------------- calls that hang

/// The call hangs while other strands go on, through several epochs, and then the power fails: what
/// they told the world in the meantime must not rest on it.
SL_TEST(sim_jobs_survive_a_call_that_hangs_before_they_die, "DURABLE-1")
{
    static const slt_sim_job *const jobs[] = {&slt_job_quick, &slt_job_sender, &slt_job_files};
    int64_t runs = 0;
    for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
        bool reached = true;
        int64_t step = slt_thin(jobs[j] == &slt_job_quick ? 50 : 2) * (SLT_SLOW_BUILD ? 5 : 1);
        for (int64_t n = 1; reached; n += step) {
            slt_trial trial = {.job = jobs[j], .seed = (uint64_t)n, .n_dooms = 1};
            trial.dooms[0] = (slt_doom){.fault = {.crash_at_call = n, .hang_us = 2100000},
                                        .fate = n % 2 == 0 ? SLT_LOSE_ALL : SLT_POWER};
            slt_outcome out = slt_trial_run(&trial);
            if (!out.right) {
                fail_msg("%s: call %lld hangs, then the power fails: %s", trial.job->name,
                         (long long)n, out.wrong);
            }
            reached = out.reached[0];
            runs++;
        }
    }
    printf("# %lld runs with a call that hangs\n", (long long)runs);
    assert_true(runs > 30);
}

// ---------------------------------------------------------------- two crashes

/// The second process is crashed at every `step`-th of its calls, too.
static int64_t sweep_recovery(const slt_sim_job *job, int64_t first, int64_t step)
{
    bool reached = true;
    int64_t runs = 0, calls = 0;
    for (int64_t second = 1 + first % step; reached; second += step) {
        slt_trial trial = {.job = job, .seed = (uint64_t)(first * 1000 + second), .n_dooms = 2};
        trial.dooms[0] = (slt_doom){.fault = {.crash_at_call = first},
                                    .fate = (slt_fate)((first + second) % SLT_N_FATES)};
        trial.dooms[1] =
            (slt_doom){.fault = {.crash_at_call = second}, .fate = (slt_fate)(1 + second % 2)};
        run_crash(&trial, &reached, &calls);
        runs++;
    }
    return runs;
}

SL_TEST(sim_jobs_survive_a_second_crash_while_they_recover, "EXACTLY-ONCE-1")
{
    int64_t runs = 0, step = slt_thin(23), each = slt_thin(SLT_SLOW_BUILD ? 149 : 29);
    for (int32_t j = 0; slt_all_jobs[j] != NULL; j++) {
        slt_trial whole = {.job = slt_all_jobs[j], .seed = 1};
        int64_t calls = slt_trial_run(&whole).calls_of[0];
        for (int64_t first = 1 + j; first <= calls; first += each) {
            runs += sweep_recovery(slt_all_jobs[j], first, step);
        }
    }
    printf("# %lld runs with two crashes\n", (long long)runs);
    assert_true(runs > 100);
}

SL_TEST(sim_scripts_survive_a_second_crash_while_they_recover, "EXACTLY-ONCE-1")
{
    int64_t runs = 0, step = slt_thin(211), each = slt_thin(SLT_SLOW_BUILD ? 331 : 211);
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
    slt_trial whole = {.job = &slt_job_sql, .seed = 1};
    slt_outcome out = slt_trial_run(&whole);
    if (!out.right) {
        fail_msg("%s", out.wrong);
    }
    assert_int_equal(out.lives, 2);
    for (int64_t first = 17; first <= out.calls_of[0]; first += each) {
        runs += sweep_recovery(&slt_job_sql, first, step);
    }
    printf("# %lld runs with two crashes\n", (long long)runs);
    assert_true(runs > 5);
}

// ---------------------------------------------------------------- one run again

SL_TEST(sim_repeats_one_run, "")
{
    const char *text = getenv("SLUICE_CRASHES");
    slt_trial trial;
    assert_true(trial_of_text(text == NULL ? "files:1:100.1/50.2" : text, &trial));
    slt_outcome out = slt_trial_run(&trial);
    if (!out.right) {
        fail_msg("%s", out.wrong);
    }
    assert_int_equal(out.deaths, 2);
}
