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

SL_TEST(a_run_of_epochs_follows_the_formula_with_all_its_terms, "")
{
    // kp 1, ki 0.2, kd 0.1, an interval of 1 s. p: processing rate, e: latest rate - p, h: waited
    // * p / 1 s, d: (e - latest e) / s since; rate = latest - e - 0.2 h - 0.1 d, at least 100.
    static const struct {
        int64_t time_us, rows, processing_us, scheduling_us;
        double rate; ///< 0: none
    } epochs[] = {
        {1000000, 1000, 500000, 0, 0},         // p 2000: only remembered
        {2000000, 2000, 1000000, 0, 2000},     // p 2000, e 0, h 0, d 0
        {3000000, 2000, 2000000, 500000, 800}, // p 1000, e 1000, h 500, d 1000: 2000-1000-100-100
        {5000000, 800, 400000, 250000, 2010},  // p 2000, e -1200, h 500, d -1100: 800+1200-100+110
        {6000000, 10, 1000000, 9000000, 100},  // p 10, e 2000, h 90, d 3200: 2010-2000-18-320 < 0
        {7000000, 400, 1000000, 0, 630},       // p 400, e -300, h 0, d -2300: 100+300+230
    };
    sli_pid pid = spark_defaults();
    pid.derived = 0.1;
    for (size_t i = 0; i < sizeof epochs / sizeof *epochs; i++) {
        double rate = 0;
        bool made = sli_pid_update(&pid, epochs[i].time_us, epochs[i].rows, epochs[i].processing_us,
                                   epochs[i].scheduling_us, &rate);
        assert_int_equal(made, epochs[i].rate > 0);
        assert_float_equal(rate, epochs[i].rate, 1e-9);
    }
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
