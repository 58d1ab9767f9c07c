// The released program behind a log that another process writes and rotates all the time, by
// rename and by copytruncate, killed at any moment: each line is there once.
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "kill/kill.h"
#include "kills.h"

enum { KILLS = 25, SOAK_KILLS = 500, LOOK_MS = 20 };

static void start(slt_life *life)
{
    slt_run_start(life, "parallelism=1");
}

/// A life that finds nothing: what was rotated before the first start would be left alone.
static void begin(slt_life *life)
{
    start(life);
    slt_life_await(life, SLT_FORGET, 1);
    (void)slt_life_kill(life);
}

static void await_all(slt_life *life, int64_t n)
{
    int64_t deadline_us = slt_now_us() + SLT_DEADLINE_MS * 1000LL;
    while (slt_lines_shown(life->dir) < n) {
        assert_true(slt_now_us() < deadline_us);
        slt_life_last(life, LOOK_MS);
    }
}

SL_TEST(tail_killed_at_any_moment_every_line_of_a_rotated_log_counts_once, "EXACTLY-ONCE-1")
{
    slt_kills kills = {.before_us = 200000, .most_entries = 6};
    int32_t n_kills = slt_is_soak() ? SOAK_KILLS : KILLS;
    const char *dir = slt_temp_dir();
    int64_t rotations = 0;
    slt_life life;
    assert_int_equal(mkdir(slt_in_dir(dir, "logs"), 0777), 0);
    slt_run_open(&life, dir, "tail_job.so", 0);
    begin(&life);
    slt_kills_begin(&kills);
    slt_writer writer = slt_writer_start(dir, (uint64_t)slt_kills_draw(&kills, INT32_MAX));
    for (int32_t i = 0; i < n_kills; i++) {
        start(&life);
        slt_kill_next(&kills, &life);
    }
    start(&life);
    slt_life_await(&life, SLT_FORGET, 3);
    int64_t n = slt_writer_end(&writer, dir, &rotations);
    await_all(&life, n);
    slt_life_stop(&life);
    assert_true(n > n_kills && rotations > 2);
    slt_check_each_once(dir, n);
    (void)printf("lines %lld, rotations %lld\n", (long long)n, (long long)rotations);
    slt_life_close(&life);
}
