// The PID estimator against values computed by hand from Spark's formula.
#include "ingest/ingest.h"

#include "sl_test.h"

static sli_pid spark_defaults(void)
{
    return (sli_pid){.proportional = 1.0,
                     .integral = 0.2,
                     .derived = 0.0,
                     .min_rate = 100,
                     .interval_us = 1000000};
}

SL_TEST(the_first_estimate_only_sets_the_rate, "")
{
    sli_pid pid = spark_defaults();
    double rate = -1;
    assert_false(sli_pid_update(&pid, 1000000, 1000, 500000, 0, &rate));
    assert_float_equal(pid.latest_rate, 2000.0, 1e-9); // 1000 rows in 0.5 s
    assert_float_equal(rate, -1.0, 0.0);
}

SL_TEST(later_estimates_follow_the_formula, "")
{
    sli_pid pid = spark_defaults();
    double rate = 0;
    (void)sli_pid_update(&pid, 1000000, 1000, 500000, 0, &rate);
    // processing rate 1000/s, error 2000 - 1000, historical 0.25 s * 1000/s / 1 s = 250:
    // 2000 - 1.0 * 1000 - 0.2 * 250 = 950
    assert_true(sli_pid_update(&pid, 2000000, 1000, 1000000, 250000, &rate));
    assert_float_equal(rate, 950.0, 1e-9);
}

SL_TEST(the_rate_never_falls_below_the_floor, "")
{
    sli_pid pid = spark_defaults();
    double rate = 0;
    (void)sli_pid_update(&pid, 1000000, 1000, 500000, 0, &rate);
    assert_true(
        sli_pid_update(&pid, 2000000, 10, 1000000, 9000000, &rate)); // 10/s with a long delay
    assert_float_equal(rate, 100.0, 1e-9);
}

SL_TEST(epochs_without_rows_or_out_of_order_change_nothing, "")
{
    sli_pid pid = spark_defaults();
    double rate = 0;
    (void)sli_pid_update(&pid, 1000000, 1000, 500000, 0, &rate);
    sli_pid before = pid;
    assert_false(sli_pid_update(&pid, 2000000, 0, 500000, 0, &rate));
    assert_false(sli_pid_update(&pid, 3000000, 10, 0, 0, &rate));
    assert_false(sli_pid_update(&pid, 1000000, 10, 500000, 0, &rate));
    assert_float_equal(pid.latest_rate, before.latest_rate, 0.0);
    assert_int_equal(pid.latest_time_us, before.latest_time_us);
}
