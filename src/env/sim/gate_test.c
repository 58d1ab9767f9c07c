/// gate_test.c — traces that the seed decides, calls counted by site, planned faults, planted bugs.
#include "env/sim/fixture_test.h"

#include <stdio.h>
#include <string.h>

typedef struct pair {
    sl_env *env;
    sli_signal *done;
    const char *path;
    int n;
} pair;

static void write_some(void *ctx)
{
    pair *p = ctx;
    char text[16];
    snprintf(text, sizeof text, "%s%d ", p->path, p->n++);
    (void)slt_sim_append(p->env, "shared", text, false);
    sli_signal_set(p->done);
}

/// Two strands append to one file; the order is the seed's. Returns the trace; *out the file.
static uint64_t two_strands(uint64_t seed, double switch_chance, sli_fault fault, char **out)
{
    sli_world *world =
        sli_world_new(&(sli_world_conf){.seed = seed, .switch_chance = switch_chance});
    sl_env *env = slt_sim_boot(world, fault);
    pair a = {env, sli_signal_new(env), "a", 0}, b = {env, sli_signal_new(env), "b", 0};
    sli_strand *one = sli_strand_new(env, "one"), *two = sli_strand_new(env, "two");
    for (int i = 0; i < 5; i++) {
        assert_true(sli_strand_post(one, write_some, &a));
        assert_true(sli_strand_post(two, write_some, &b));
    }
    (void)sli_signal_wait(a.done, SLI_FOREVER, NULL);
    sli_strand_free(one);
    sli_strand_free(two);
    sli_signal_free(a.done);
    sli_signal_free(b.done);
    sli_env_free(env);
    *out = slt_sim_content(world, "shared");
    uint64_t trace = sli_world_trace(world);
    sli_world_free(world);
    return trace;
}

SL_TEST(sim_equal_seeds_give_equal_traces, "")
{
    int32_t n_orders = 0, n_traces = 0;
    for (uint64_t seed = 0; seed < 10; seed++) {
        char *first = NULL, *again = NULL, *other = NULL;
        double chance = seed % 2 == 0 ? 0 : 0.3;
        uint64_t trace = two_strands(seed, chance, (sli_fault){0}, &first);
        assert_true(trace == two_strands(seed, chance, (sli_fault){0}, &again));
        assert_string_equal(first, again);
        assert_int_equal(strlen(first), 30);
        n_traces += two_strands(seed + 2, chance, (sli_fault){0}, &other) != trace ? 1 : 0;
        n_orders += strcmp(first, other) != 0 ? 1 : 0;
        sl_free(first);
        sl_free(again);
        sl_free(other);
    }
    assert_int_equal(n_traces, 10);
    assert_true(n_orders >= 5);
}

SL_TEST(sim_a_call_may_hang_while_others_go_on_and_kill_then, "")
{
    enum { ALL_OF_ONE = 15 };         // bytes
    for (int64_t n = 2; n < 8; n++) { // the first call is the main thread's wait
        char *file = NULL;
        (void)two_strands(7, 0, (sli_fault){.crash_at_call = n, .hang_us = 1000}, &file);
        assert_true(file != NULL && strlen(file) >= ALL_OF_ONE && strlen(file) < 2 * ALL_OF_ONE);
        sl_free(file);
    }
}

SL_TEST(sim_strands_of_the_dead_still_run_and_free, "")
{
    for (int64_t n = 1; n < 25; n++) {
        char *file = NULL;
        (void)two_strands(7, 0.2, (sli_fault){.crash_at_call = n}, &file); // asan: nothing leaks
        assert_true(file == NULL || strlen(file) <= 30);
        sl_free(file);
    }
}

SL_TEST(sim_sites_count_calls_crashes_failures, "")
{
    sli_world *world = slt_sim_world(1);
    sl_env *env = slt_sim_boot(world, (sli_fault){.fail_at_call = 2, .fail_code = SL_E_NO_SPACE});
    assert_int_equal(slt_sim_append(env, "f", "x", false), SL_E_NO_SPACE);
    assert_int_equal(slt_sim_append(env, "f", "x", false), SL_OK);
    assert_int_equal(sli_world_calls(env), 4);
    sli_env_free(env);
    env = slt_sim_boot(world, (sli_fault){.crash_at_call = 1, .only_site = "file.sync"});
    assert_int_equal(slt_sim_append(env, "f", "x", true), SL_E_CRASHED);
    assert_int_equal(sli_world_calls(env), 1);
    sli_env_free(env);
    const sli_site *sites = NULL;
    int32_t n = sli_world_sites(world, &sites), seen = 0;
    for (int32_t i = 0; i < n; i++) {
        if (strcmp(sites[i].name, "file.write") == 0) {
            assert_int_equal(sites[i].calls, 3);
            assert_int_equal(sites[i].failures, 1);
            assert_int_equal(sites[i].crashes, 0);
            seen++;
        } else if (strcmp(sites[i].name, "file.sync") == 0) {
            assert_int_equal(sites[i].crashes, 1);
            seen++;
        } else if (strcmp(sites[i].name, "file.close") == 0) {
            assert_true(sites[i].answers_only);
            seen++;
        }
    }
    assert_int_equal(seen, 3);
    sli_world_free(world);
}

SL_TEST(sim_calls_outside_pass_the_gate, "")
{
    sli_world *world = slt_sim_world(1);
    sl_env *env = slt_sim_boot(world, (sli_fault){.fail_at_call = 1, .only_site = "kafka.commit"});
    uint64_t before = sli_world_trace(world);
    assert_int_equal(sli_env_outside(env, SLI_OUTSIDE_KAFKA_SEND, NULL), SL_OK);
    assert_true(sli_world_trace(world) != before);
    assert_int_equal(sli_env_outside(env, SLI_OUTSIDE_KAFKA_COMMIT, NULL), SL_E_IO);
    assert_int_equal(sli_env_outside(env, SLI_OUTSIDE_KAFKA_COMMIT, NULL), SL_OK);
    sli_env_free(env);
    env = slt_sim_boot(world, (sli_fault){.crash_at_call = 2, .only_site = "kafka."});
    assert_int_equal(sli_env_outside(env, SLI_OUTSIDE_KAFKA_MARK, NULL), SL_OK);
    assert_int_equal(sli_env_outside(env, SLI_OUTSIDE_KAFKA_ABORT, NULL), SL_E_CRASHED);
    assert_int_equal(sli_env_outside(env, SLI_OUTSIDE_KAFKA_MARK, NULL), SL_E_CRASHED);
    sli_env_free(env);
    sli_world_free(world);
}

SL_TEST(sim_generators_of_parts_are_apart_and_follow_the_seed, "")
{
    sli_world *one = slt_sim_world(1), *same = slt_sim_world(1), *two = slt_sim_world(2);
    sli_rng cluster = sli_world_rng(one, "cluster");
    assert_int_equal(cluster.state, sli_world_rng(same, "cluster").state);
    assert_true(cluster.state != sli_world_rng(two, "cluster").state);
    assert_true(cluster.state != sli_world_rng(one, "printer").state);
    sli_world_free(one);
    sli_world_free(same);
    sli_world_free(two);
}

SL_TEST(sim_chances_hit_and_planted_bugs_show, "")
{
    sli_world *world = slt_sim_world(9);
    sl_env *env = slt_sim_boot(world, (sli_fault){.fail_chance = 0.5});
    int32_t failed = 0;
    for (int i = 0; i < 100; i++) {
        sl_code rc = sli_env_mkdirs(env, "d", NULL);
        assert_true(rc == SL_OK || rc == SL_E_IO);
        failed += rc != SL_OK ? 1 : 0;
    }
    assert_true(failed > 25 && failed < 75);
    assert_false(sli_env_bug(env, "ack-early"));
    sli_world_plant(world, "ack-early");
    assert_true(sli_env_bug(env, "ack-early"));
    sli_env_phase(env, "commit");
    assert_string_equal(sli_world_phase(env), "commit");
    sli_env_free(env);
    env = slt_sim_boot(world, (sli_fault){.crash_chance = 0.1});
    int32_t lived = 0;
    while (sli_env_mkdirs(env, "d", NULL) == SL_OK) {
        lived++;
    }
    assert_true(sli_world_is_dead(env) && lived < 200);
    sli_env_free(env);
    sli_world_free(world);
}
