// The epoch clock: alignment, being late, outages, clocks that jump.
#include "sl_test.h"

#include "env/sim.h"
#include "stream/clock.h"

enum { SECOND = 1000000 };

/// A world at a wall time, and a process in it.
typedef struct fixture {
    sli_world *world;
    sl_env *env;
} fixture;

static fixture at_wall(int64_t wall_us)
{
    fixture f = {0};
    sli_world_conf conf = {.seed = 1, .start_wall_us = wall_us};
    f.world = sli_world_new(&conf);
    assert_non_null(f.world);
    assert_int_equal(sli_world_boot(f.world, NULL, &f.env, NULL), SL_OK);
    return f;
}

static void fixture_reset(fixture *f)
{
    sli_env_free(f->env);
    sli_world_free(f->world);
}

/// Batch time of the first epoch of a life that starts at `wall_us`.
static int64_t first_of(int64_t wall_us, int64_t interval_us, int64_t last_time_us, bool catch_up)
{
    fixture f = at_wall(wall_us);
    sli_clock clock;
    sli_clock_init(&clock, f.env, interval_us, last_time_us, catch_up);
    int64_t due_in = sli_clock_due_us(&clock) - sli_env_mono_us(f.env);
    int64_t now = sli_env_wall_us(f.env);
    assert_int_equal(clock.next_time_us % interval_us, 0);
    assert_int_equal(due_in, clock.next_time_us - now); // due when the wall says so
    int64_t first = clock.next_time_us;
    fixture_reset(&f);
    return first;
}

SL_TEST(clock_first_batch_time_is_the_next_multiple_of_the_interval, "")
{
    assert_int_equal(first_of(1, SECOND, 0, false), SECOND);
    assert_int_equal(first_of(7 * SECOND + 1, SECOND, 0, false), 8 * SECOND);
    assert_int_equal(first_of(8 * SECOND - 1, SECOND, 0, false), 8 * SECOND);
    // Exactly on a multiple: that epoch would cover time before the start.
    assert_int_equal(first_of(8 * SECOND, SECOND, 0, false), 9 * SECOND);
    // Multiples since 1970, not since the start; also of intervals that divide nothing.
    assert_int_equal(first_of(INT64_C(1577836800) * SECOND, 7 * SECOND, 0, false) % (7 * SECOND),
                     0);
    assert_int_equal(first_of(1000 * SECOND, 300 * SECOND, 0, true), 1200 * SECOND);
    assert_int_equal(first_of(5000, 1000, 0, false), 6000);
}

SL_TEST(clock_ticks_by_the_interval_and_is_due_by_the_monotonic_clock, "")
{
    fixture f = at_wall(10 * SECOND + 250000);
    sli_clock clock;
    sli_clock_init(&clock, f.env, SECOND, 0, false);
    int64_t start = sli_env_mono_us(f.env);
    assert_int_equal(sli_clock_due_us(&clock), start + 750000);
    for (int i = 1; i <= 3; i++) {
        sli_clock_tick(&clock);
        assert_int_equal(clock.next_time_us, (11 + i) * SECOND);
        assert_int_equal(sli_clock_due_us(&clock), start + 750000 + i * SECOND);
    }
    fixture_reset(&f);
}

SL_TEST(clock_that_is_late_skips_no_batch_time, "")
{
    fixture f = at_wall(10 * SECOND + 1);
    sli_clock clock;
    sli_clock_init(&clock, f.env, SECOND, 0, false);
    sli_world_advance(f.world, 5 * SECOND); // an epoch that took five intervals
    for (int i = 0; i < 5; i++) {
        assert_true(sli_clock_due_us(&clock) <= sli_env_mono_us(f.env)); // back to back
        assert_int_equal(clock.next_time_us, (11 + i) * SECOND);
        sli_clock_tick(&clock);
    }
    assert_true(sli_clock_due_us(&clock) > sli_env_mono_us(f.env));
    fixture_reset(&f);
}

SL_TEST(clock_does_not_follow_a_wall_clock_that_jumps, "")
{
    static const int64_t jumps[] = {3600 * INT64_C(1000000), -3600 * INT64_C(1000000)};
    for (size_t i = 0; i < 2; i++) {
        fixture f = at_wall(INT64_C(1577836800) * SECOND + 1);
        sli_clock clock;
        sli_clock_init(&clock, f.env, SECOND, 0, false);
        int64_t due = sli_clock_due_us(&clock), next = clock.next_time_us;
        sli_world_jump_wall(f.world, jumps[i]);
        assert_int_equal(sli_clock_due_us(&clock), due);
        sli_clock_tick(&clock);
        assert_int_equal(clock.next_time_us, next + SECOND);
        assert_int_equal(sli_clock_due_us(&clock), due + SECOND);
        fixture_reset(&f);
    }
}

SL_TEST(clock_makes_one_epoch_of_an_outage, "")
{
    // The last epoch of the earlier life was 10 s; the job is back at 60.5 s.
    assert_int_equal(first_of(60 * SECOND + 500000, SECOND, 10 * SECOND, false), 61 * SECOND);
    // Back within the interval: nothing was missed.
    assert_int_equal(first_of(10 * SECOND + 500000, SECOND, 10 * SECOND, false), 11 * SECOND);
}

SL_TEST(clock_that_catches_up_makes_one_epoch_of_each_missed_interval, "")
{
    fixture f = at_wall(60 * SECOND + 500000);
    sli_clock clock;
    sli_clock_init(&clock, f.env, SECOND, 10 * SECOND, true);
    int64_t now = sli_env_mono_us(f.env);
    int32_t missed = 0;
    assert_int_equal(clock.next_time_us, 11 * SECOND);
    while (sli_clock_due_us(&clock) <= now) {
        sli_clock_tick(&clock);
        missed++;
    }
    assert_int_equal(missed, 50); // 11 s to 60 s
    assert_int_equal(clock.next_time_us, 61 * SECOND);
    fixture_reset(&f);
}

SL_TEST(clock_never_gives_a_batch_time_twice, "")
{
    // The wall clock was set back between the lives: the earlier life's batch times stay used.
    assert_int_equal(first_of(5 * SECOND + 1, SECOND, 10 * SECOND, false), 11 * SECOND);
    assert_int_equal(first_of(5 * SECOND + 1, SECOND, 10 * SECOND, true), 11 * SECOND);
    assert_int_equal(first_of(9 * SECOND + 1, SECOND, 10 * SECOND, false), 11 * SECOND);
    // Another interval than the earlier life's: the next multiple after its last batch time.
    assert_int_equal(first_of(5 * SECOND, 3 * SECOND, 10 * SECOND, false), 12 * SECOND);
    assert_int_equal(first_of(40 * SECOND, 3 * SECOND, 10 * SECOND, true), 12 * SECOND);
}
