// Lanes and the watermark.
#include "sl_test.h"

#include "stream/event/watermark.h"

#include <stdio.h>
#include <string.h>

static void show(sli_lanes *lanes, const char *name, int64_t latest_us, int64_t seen_us)
{
    assert_int_equal(sli_lanes_show(lanes, name, latest_us, seen_us, NULL), SL_OK);
}

SL_TEST(watermark_is_that_of_the_slowest_lane, "")
{
    sli_lanes lanes;
    sli_lanes_init(&lanes);
    assert_true(sli_lanes_watermark(&lanes, 1, 0, 10) == SLI_NO_TIME);
    show(&lanes, "b", 100, 1);
    assert_int_equal(sli_lanes_watermark(&lanes, 2, 0, 10), 90);
    show(&lanes, "a", 50, 1);
    show(&lanes, "c", 70, 1);
    assert_int_equal(sli_lanes_watermark(&lanes, 2, 0, 10), 40);
    show(&lanes, "a", 45, 2); // out of order: what was latest stays
    assert_int_equal(sli_lanes_watermark(&lanes, 3, 0, 10), 40);
    show(&lanes, "a", 120, 3);
    assert_int_equal(sli_lanes_watermark(&lanes, 4, 0, 10), 60);
    sli_lanes_reset(&lanes);
}

SL_TEST(watermark_never_goes_back, "")
{
    sli_lanes lanes;
    sli_lanes_init(&lanes);
    show(&lanes, "a", 100, 1);
    lanes.watermark_us = sli_lanes_watermark(&lanes, 2, 0, 10);
    show(&lanes, "new", 3, 2);
    assert_int_equal(sli_lanes_watermark(&lanes, 3, 0, 10), 90);
    sli_lanes_reset(&lanes);
}

SL_TEST(idle_lanes_hold_nothing_back_and_the_last_ones_leave_the_latest, "")
{
    sli_lanes lanes;
    sli_lanes_init(&lanes);
    show(&lanes, "fast", 100, 10);
    show(&lanes, "slow", 20, 8);
    assert_int_equal(sli_lanes_watermark(&lanes, 12, 5, 0), 20);
    assert_int_equal(sli_lanes_watermark(&lanes, 13, 5, 0), 100); // slow is silent since 8
    assert_int_equal(sli_lanes_watermark(&lanes, 99, 5, 0), 100); // all are
    sli_lanes_set_aside(&lanes, 0);
    assert_int_equal(lanes.aside_us, 100);
    assert_int_equal(sli_lanes_watermark(&lanes, 99, 5, 0), 100);
    assert_int_equal(sli_lanes_watermark(&lanes, 12, 5, 0), 20); // slow alone is followed
    sli_lanes_reset(&lanes);
}

SL_TEST(silence_counts_from_the_start_of_a_life, "")
{
    sli_lanes lanes;
    sli_lanes_init(&lanes);
    show(&lanes, "fast", 100, 10);
    show(&lanes, "slow", 20, 10);
    lanes.since_us = 1000; // the job was down
    show(&lanes, "fast", 200, 1001);
    assert_int_equal(sli_lanes_watermark(&lanes, 1004, 5, 0), 20);
    assert_int_equal(sli_lanes_watermark(&lanes, 1005, 5, 0), 200);
    sli_lanes_reset(&lanes);
}

SL_TEST(sums_of_times_stay_within_their_range, "")
{
    assert_true(sli_time_add(INT64_MAX, 1) == INT64_MAX);
    assert_true(sli_time_add(INT64_MIN, -1) == INT64_MIN);
    assert_true(sli_time_add(5, -7) == -2);
}

SL_TEST(too_many_lanes_are_refused, "")
{
    sli_lanes lanes;
    char name[16];
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    sli_lanes_init(&lanes);
    for (int32_t i = 0; i <= SLI_MAX_LANES && rc == SL_OK; i++) {
        (void)snprintf(name, sizeof name, "%07d", i);
        rc = sli_lanes_show(&lanes, name, i, 1, &err);
    }
    assert_int_equal(rc, SL_E_NO_SPACE);
    assert_int_equal(lanes.n, SLI_MAX_LANES);
    sli_lanes_reset(&lanes);
}
