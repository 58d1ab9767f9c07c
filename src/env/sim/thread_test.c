/// thread_test.c — virtual time and its events; waits that end, and mistakes of control that are
/// stopped.
#include "env/sim/fixture_test.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/hash.h"

static void count_up(void *ctx)
{
    ++*(int *)ctx;
}

SL_TEST(sim_time_jumps_to_what_is_next, "")
{
    sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1, .start_wall_us = 5000000});
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sli_signal *signal = sli_signal_new(env);
    int events = 0;
    assert_int_equal(sli_world_at(world, 3600000000, count_up, &events, NULL), SL_OK);
    assert_int_equal(sli_signal_wait(signal, 10, NULL), SL_E_TIMEOUT);
    assert_int_equal(sli_env_mono_us(env), 10);
    assert_int_equal(sli_env_wall_us(env), 5000010);
    assert_int_equal(events, 0);
    assert_int_equal(sli_signal_wait(signal, 7200000000, NULL), SL_E_TIMEOUT);
    assert_int_equal(events, 1);
    sli_world_jump_wall(world, -5000000);
    assert_int_equal(sli_env_wall_us(env), 7200000000);
    assert_int_equal(sli_env_mono_us(env), 7200000000);
    assert_int_equal(sli_world_at(world, 7200000001, count_up, &events, NULL), SL_OK);
    sli_world_advance(world, 5);
    assert_int_equal(events, 2);
    assert_int_equal(sli_world_mono_us(world), 7200000005);
    sli_signal_free(signal);
    sli_env_free(env);
    sli_world_free(world);
}

typedef struct event_log {
    sli_world *world;
    int64_t last;
    int n;
    bool ordered;
} event_log;

static void log_event(void *ctx)
{
    event_log *log = ctx;
    int64_t now = sli_world_mono_us(log->world);
    log->ordered = log->ordered && now >= log->last;
    log->last = now;
    if (++log->n % 10 == 0) { // events may make events
        assert_int_equal(sli_world_at(log->world, now + 3, log_event, log, NULL), SL_OK);
    }
}

SL_TEST(sim_events_come_in_order_of_time, "")
{
    sli_world *world = slt_sim_world(1);
    event_log log = {.world = world, .ordered = true};
    sli_rng rng = {5};
    for (int i = 0; i < 500; i++) {
        int64_t when = (int64_t)sli_rng_below(&rng, 300);
        assert_int_equal(sli_world_at(world, when, log_event, &log, NULL), SL_OK);
    }
    sli_world_advance(world, 150);
    assert_true(log.n > 150 && log.n < 400);
    sli_world_advance(world, 1000);
    assert_true(log.ordered);
    assert_int_equal(log.n, 555); // 500, and a tenth of all
    sli_world_free(world);
}

/// Runs `body` in a child whose standard error is dropped; true when it was stopped by an
/// assertion.
static bool is_stopped(void (*body)(sl_env *env))
{
    pid_t child = fork();
    if (child == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        struct rlimit none = {0};
        setrlimit(RLIMIT_CORE, &none);
        sli_world *world = sli_world_new(&(sli_world_conf){.seed = 1});
        sl_env *env = NULL;
        if (dup2(null, 2) == 2 && sli_world_boot(world, NULL, &env, NULL) == SL_OK) {
            body(env);
        }
        _exit(0);
    }
    int status = 0;
    return waitpid(child, &status, 0) == child && WIFSIGNALED(status) &&
           WTERMSIG(status) == SIGABRT;
}

static void wait_for_nothing(sl_env *env)
{
    (void)sli_signal_wait(sli_signal_new(env), SLI_FOREVER, NULL);
}

static void ignore_death(sl_env *env)
{
    sli_world_kill(env);
    while (sli_env_mkdirs(env, "d", NULL) != SL_OK) {
    }
}

static void leave_strand(sl_env *env)
{
    (void)sli_strand_new(env, "left");
    sli_env_free(env);
}

SL_TEST(sim_hangs_and_leaks_of_control_are_stopped, "")
{
    assert_true(is_stopped(wait_for_nothing));
    assert_true(is_stopped(ignore_death));
    assert_true(is_stopped(leave_strand));
}

static void kill_it(void *ctx)
{
    sli_world_kill(ctx);
}

SL_TEST(sim_death_ends_every_wait, "")
{
    sli_world *world = slt_sim_world(1);
    sl_env *env = slt_sim_boot(world, (sli_fault){0});
    sli_signal *signal = sli_signal_new(env);
    sli_loop *loop = sli_loop_new(env);
    assert_int_equal(sli_world_at(world, 50, kill_it, env, NULL), SL_OK);
    assert_int_equal(sli_signal_wait(signal, SLI_FOREVER, NULL), SL_E_CRASHED);
    assert_int_equal(sli_env_mono_us(env), 50);
    sli_signal_set(signal);
    assert_int_equal(sli_signal_wait(signal, SLI_FOREVER, NULL), SL_E_CRASHED);
    assert_int_equal(sli_loop_run(loop, SLI_FOREVER, NULL), SL_E_CRASHED);
    sli_loop_free(loop);
    sli_signal_free(signal);
    sli_env_free(env);
    sli_world_free(world);
}
