// Windows of event time, epoch by epoch: when they open and close, what is late.
#include "stream/graph_fixture_test.h"

#include "stream/event/timed.h"

#include <stdio.h>

// Times in these tests are some microseconds after 1970; batch time is the epoch's number, in s.

typedef struct job {
    slt_graph g;
    sl_stream *in, *timed, *late;
    slt_host *host;
} job;

static job job_begin(const char *delay)
{
    job j = {.g = slt_graph_new()};
    j.in = sl_stream_event_time(
        sl_stream_queue(j.g.graph, "in", "ts timestamp, k string, n int64", true), "ts", delay);
    return j;
}

static void job_start(job *j, sl_stream *timed, int32_t parallelism)
{
    sl_error err = SL_ERROR_INIT;
    j->timed = timed;
    j->late = sli_timed_of(timed) == NULL ? NULL : sl_stream_late(timed);
    (void)!sl_graph_check(j->g.graph, &err);
    SL_CHECK_TEXT(err.text, "");
    j->host = slt_host_new(&j->g, parallelism);
}

static job windows(const char *delay, const char *size, const char *slide, sl_output_mode mode,
                   const char *lateness)
{
    job j = job_begin(delay);
    sl_stream *w = sl_stream_event_window(j.in, "k", "sum(n) as s, count() as c", size, slide);
    job_start(&j, sl_stream_lateness(sl_stream_output_mode(w, mode), lateness), 1);
    return j;
}

static void job_free(job *j)
{
    slt_host_free(j->host);
    slt_graph_free(&j->g);
}

/// One epoch: rows in (NULL: none), what the operator gives, what is late (NULL: not asked).
static void epoch_is(job *j, const char *rows, const char *expected, const char *late)
{
    if (rows != NULL) {
        slt_push(&j->g, "in", rows, 1);
    }
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->timed), expected);
    if (late != NULL) {
        SL_CHECK_TEXT(slt_epoch_rows(j->host, j->late), late);
    }
    slt_epoch_end(j->host, false);
}

// ---------------------------------------------------------------- windows

SL_TEST(a_window_is_given_once_when_the_watermark_reaches_its_end, "")
{
    job j = windows("5us", "10us", NULL, SL_APPEND, "0s");
    epoch_is(&j, "1 a 1|3 b 2|12 a 3|9 a 4", "", "");
    epoch_is(&j, NULL, "", "");                              // the watermark is 12 - 5
    epoch_is(&j, "15 a 5|8 a 6|8 a 7", "", "");              // rows of the open window
    epoch_is(&j, "16 b 1", "0 10 a 18 4\n0 10 b 2 1\n", ""); // 15 - 5
    epoch_is(&j, NULL, "", "");
    epoch_is(&j, "30 a 1", "", "");
    epoch_is(&j, NULL, "10 20 a 8 2\n10 20 b 1 1\n", "");
    job_free(&j);
}

SL_TEST(rows_of_closed_windows_are_late_and_given_as_they_came, "")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    epoch_is(&j, "25 a 1", "", "");
    epoch_is(&j, "9 a 1|24 a 2|19 b 3|20 c 1", "", "9 a 1\n19 b 3\n");
    epoch_is(&j, "31 a 1|5 a 1", "", "5 a 1\n");
    epoch_is(&j, NULL, "20 30 a 3 2\n20 30 c 1 1\n", "");
    assert_int_equal(sli_metric_value(sli_timed_of(j.timed)->late), 3);
    job_free(&j);
}

SL_TEST(a_row_is_in_each_of_its_sliding_windows_that_is_open, "")
{
    job j = windows("0s", "10us", "5us", SL_APPEND, "0s");
    epoch_is(&j, "7 a 1|12 a 2", "", "");
    epoch_is(&j, "9 a 4", "0 10 a 1 1\n", ""); // 0-10 is closed by 12, 5-15 is not
    epoch_is(&j, "40 b 1", "", "");
    epoch_is(&j, NULL, "5 15 a 7 3\n10 20 a 2 1\n", ""); // by end
    job_free(&j);
}

SL_TEST(windows_begin_at_multiples_also_before_1970, "")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    epoch_is(&j, "-1 a 1|-10 a 2|-11 a 4", "", "");
    epoch_is(&j, "0 a 8", "-20 -10 a 4 1\n", "");
    epoch_is(&j, "100 a 1", "-10 0 a 3 2\n", "");
    job_free(&j);
}

SL_TEST(update_gives_what_changed_in_every_epoch, "")
{
    job j = windows("0s", "10us", NULL, SL_UPDATE, "10us");
    epoch_is(&j, "1 a 1|2 b 1|13 a 1", "0 10 a 1 1\n0 10 b 1 1\n10 20 a 1 1\n", "");
    epoch_is(&j, "3 a 5", "0 10 a 6 2\n", ""); // closed, and still taken
    epoch_is(&j, NULL, "", "");
    epoch_is(&j, "20 a 1", "20 30 a 1 1\n", "");
    epoch_is(&j, "4 a 1|11 a 2", "10 20 a 3 2\n", "4 a 1\n");
    sli_store *store = slt_host_store(j.host);
    assert_int_equal(store->ops->keys(store, j.timed->table), 2); // 0-10 is forgotten
    job_free(&j);
}

SL_TEST(append_waits_for_the_lateness, "")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "10us");
    epoch_is(&j, "1 a 1|15 a 1", "", "");
    epoch_is(&j, "2 a 1", "", "");
    epoch_is(&j, "20 a 1", "", "");
    epoch_is(&j, "3 a 1", "0 10 a 2 2\n", "3 a 1\n");
    job_free(&j);
}

SL_TEST(windows_without_keys_are_of_all_rows, "")
{
    job j = job_begin("0s");
    job_start(&j, sl_stream_event_window(j.in, NULL, "count() as c, max(n) as m", "10us", NULL), 3);
    epoch_is(&j, "1 a 1|2 b 7|11 c 2|31 c 1", "", "");
    slt_epoch_begin(j.host);
    const char *rows = slt_epoch_rows(j.host, j.timed);
    assert_non_null(strstr(rows, "0 10 2 7\n"));
    assert_non_null(strstr(rows, "10 20 1 2\n"));
    slt_epoch_end(j.host, false);
    job_free(&j);
}

SL_TEST(rows_without_a_time_and_rows_far_ahead_go_with_the_late_ones, "")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    // More than an hour after the batch time, 1 s: it must not close the other windows.
    epoch_is(&j, "1 a 1|3601000001 b 1|5 a 1", "", "3601000001 b 1\n");
    epoch_is(&j, "2 a 1", "", "");
    assert_int_equal(sli_metric_value(sli_timed_of(j.timed)->ahead), 1);
    epoch_is(&j, "11 a 1", "", "");
    epoch_is(&j, NULL, "0 10 a 3 3\n", "");
    job_free(&j);
}

// ---------------------------------------------------------------- epochs and the state

SL_TEST(an_epoch_that_fails_moves_neither_windows_nor_watermark, "")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    epoch_is(&j, "1 a 1", "", "");
    slt_push(&j.g, "in", "50 a 1", 1);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.timed), "");
    slt_epoch_end(j.host, true);
    epoch_is(&j, "2 a 1|12 a 1", "", ""); // as if 50 had never been
    slt_push(&j.g, "in", "13 a 1", 1);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.timed), "0 10 a 2 2\n");
    slt_epoch_end(j.host, true);
    epoch_is(&j, NULL, "0 10 a 2 2\n", ""); // due still
    epoch_is(&j, NULL, "", "");
    job_free(&j);
}

SL_TEST(what_nobody_asked_for_is_counted_all_the_same, "")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    slt_push(&j.g, "in", "1 a 1|12 b 1", 1);
    slt_epoch_begin(j.host);
    sl_rdd *rdd = NULL; // made, and no row of it is read
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.timed, &rdd, NULL), SL_OK);
    slt_epoch_end(j.host, false);
    epoch_is(&j, NULL, "0 10 a 1 1\n", "");
    job_free(&j);
}

SL_TEST(quiet_epochs_with_nothing_due_change_nothing, "")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    sli_store *store = slt_host_store(j.host);
    sli_str delta = {.tag = SLI_TAG_TEST};
    epoch_is(&j, "1 a 1|12 b 1", "", "");
    epoch_is(&j, NULL, "0 10 a 1 1\n", "");
    assert_int_equal(sli_state_delta(store, &delta, NULL), SL_OK);
    sli_str_clear(&delta);
    for (int32_t i = 0; i < 3; i++) {
        slt_epoch_begin(j.host);
        assert_true(slt_epoch_of(j.host)->no_input);
        SL_CHECK_TEXT(slt_epoch_rows(j.host, j.timed), "");
        slt_epoch_end(j.host, false);
    }
    assert_int_equal(sli_state_delta(store, &delta, NULL), SL_OK);
    assert_int_equal(delta.size, 0);
    sli_str_reset(&delta);
    job_free(&j);
}

SL_TEST(keys_that_wait_and_do_not_fit_into_memory_stop_the_job, "ERRORS-1")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    sli_runtime *runtime = slt_host_runtime(j.host);
    sli_budget *all = runtime->budget, *small = sli_budget_new(400);
    sl_error err = SL_ERROR_INIT;
    runtime->budget = small;
    assert_int_equal(sli_event_restore(j.g.graph, runtime, &err), SL_OK);
    runtime->budget = all;
    epoch_is(&j, "1 a 1|2 b 2|3 c 3", "", ""); // three keys, and room for sixteen
    slt_push(&j.g, "in", "4 d 1|5 e 1|6 f 1|7 g 1|8 h 1|1 i 1|2 k 1|3 l 1|4 m 1|5 n 1|6 o 1", 1);
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.timed), "");
    assert_int_equal(sli_event_settle(j.g.graph, slt_epoch_of(j.host), &err), SL_E_NO_SPACE);
    assert_int_equal(sl_error_action(&err), SL_ACT_STOP_JOB);
    assert_non_null(strstr(err.text, "memory=400: give the job more, or let them wait less long"));
    slt_epoch_end(j.host, true);
    job_free(&j);
    sli_budget_free(small);
}

SL_TEST(a_lane_of_a_queue_that_lags_holds_the_watermark_until_it_is_idle, "")
{
    job j = job_begin("0s");
    sl_stream_idle_after(j.in, "3s");
    job_start(&j, sl_stream_event_window(j.in, "k", "count() as c", "10us", NULL), 1);
    slt_push(&j.g, "in", "100 b 1|1 a 1", 2); // at 1 s partition 0 is at 100, partition 1 at 1
    epoch_is(&j, NULL, "", "");
    epoch_is(&j, NULL, "", "");
    epoch_is(&j, "150 b 1|2 a 1", "", "");             // partition 0: 2 is not late
    epoch_is(&j, NULL, "0 10 a 2\n100 110 b 1\n", ""); // partition 1 is set aside at 4 s
    epoch_is(&j, "160 b 1|1 a 1", "", "1 a 1\n");
    job_free(&j);
}

SL_TEST(several_partitions_give_the_same_windows, "")
{
    for (int32_t n = 1; n <= 7; n += 3) {
        job j = job_begin("0s");
        job_start(&j, sl_stream_event_window(j.in, "k", "sum(n) as s", "10us", NULL), n);
        epoch_is(&j, "1 a 1|2 b 2|3 c 3|4 d 4|5 e 5|6 a 6|40 z 1", "", "");
        slt_epoch_begin(j.host);
        const char *rows = slt_epoch_rows(j.host, j.timed);
        const char *const expected[] = {"0 10 a 7\n", "0 10 b 2\n", "0 10 c 3\n", "0 10 d 4\n",
                                        "0 10 e 5\n"};
        for (int32_t i = 0; i < 5; i++) {
            assert_non_null(strstr(rows, expected[i]));
        }
        slt_epoch_end(j.host, false);
        job_free(&j);
    }
}

// ---------------------------------------------------------------- mistakes

typedef sl_stream *(*define_fn)(sl_stream *rows, sl_stream *timed);

static void is_refused(define_fn define, const char *text)
{
    job j = job_begin("1s");
    (void)define(j.in->inputs[0], j.in);
    slt_mistake_is(j.g.graph, SL_E_INVALID, text);
    slt_graph_free(&j.g);
}

static sl_stream *no_column(sl_stream *rows, sl_stream *timed)
{
    (void)timed;
    return sl_stream_event_time(rows, "tz", "1s");
}

static sl_stream *no_timestamp(sl_stream *rows, sl_stream *timed)
{
    (void)timed;
    return sl_stream_event_time(rows, "n", "1s");
}

static sl_stream *no_delay(sl_stream *rows, sl_stream *timed)
{
    (void)timed;
    return sl_stream_event_time(rows, "ts", "-1s");
}

static sl_stream *no_event_time(sl_stream *rows, sl_stream *timed)
{
    (void)timed;
    return sl_stream_event_window(rows, "k", "count() as c", "1m", NULL);
}

static sl_stream *half_event_time(sl_stream *rows, sl_stream *timed)
{
    return sl_stream_event_window(sl_stream_union(timed, rows), "k", "count() as c", "1m", NULL);
}

static sl_stream *lost_column(sl_stream *rows, sl_stream *timed)
{
    (void)rows;
    return sl_stream_event_window(sl_stream_select(timed, "k, n"), "k", "count() as c", "1m", NULL);
}

static sl_stream *no_multiple(sl_stream *rows, sl_stream *timed)
{
    (void)rows;
    return sl_stream_event_window(timed, "k", "count() as c", "1m", "7s");
}

static sl_stream *no_size(sl_stream *rows, sl_stream *timed)
{
    (void)rows;
    return sl_stream_event_window(timed, "k", "count() as c", "0s", NULL);
}

static sl_stream *many_windows(sl_stream *rows, sl_stream *timed)
{
    (void)rows;
    return sl_stream_event_window(timed, "k", "count() as c", "1h", "1ms");
}

static sl_stream *late_of_none(sl_stream *rows, sl_stream *timed)
{
    (void)timed;
    return sl_stream_late(sl_stream_select(rows, "k"));
}

static sl_stream *lateness_of_none(sl_stream *rows, sl_stream *timed)
{
    (void)rows;
    return sl_stream_lateness(timed, "1s");
}

static sl_stream *idle_of_none(sl_stream *rows, sl_stream *timed)
{
    (void)timed;
    return sl_stream_idle_after(rows, "1s");
}

SL_TEST(mistakes_of_event_time_are_told_at_definition, "ERRORS-1")
{
    is_refused(no_column, "operator 3 (eventTime 'tz' after queue 'in'): \"tz\", character 1: "
                          "there is no column \"tz\"; did you mean \"ts\"?");
    is_refused(no_timestamp,
               "operator 3 (eventTime 'n' after queue 'in'): column 'n' is int64, and event time "
               "is a timestamp: make one with sl_stream_select, or by the schema of the source");
    is_refused(no_delay, "operator 3 (eventTime 'ts' after queue 'in'): delay \"-1s\": not a "
                         "duration: write digits and a unit (us, ms, s, m, h or d), as in 500ms");
    is_refused(no_event_time,
               "operator 3 (eventWindow after queue 'in'): its rows have no event time: operator 1 "
               "(queue) gives rows to it, and there is no sl_stream_event_time in between");
    is_refused(half_event_time,
               "operator 4 (eventWindow after union): its rows have no event time: operator 1 "
               "(queue) gives rows to it, and there is no sl_stream_event_time in between");
    is_refused(lost_column,
               "operator 4 (eventWindow after select): its rows have lost their event time, the "
               "timestamp 'ts': keep the column, or name another one with sl_stream_event_time");
    is_refused(no_multiple, "operator 3 (eventWindow after eventTime 'ts'): the size \"1m\" is no "
                            "multiple of the slide \"7s\"");
    is_refused(no_size, "operator 3 (eventWindow after eventTime 'ts'): size \"0s\": it must be "
                        "more than 0, and 36525 days at most");
    is_refused(many_windows, "operator 3 (eventWindow after eventTime 'ts'): the size \"1h\" is "
                             "more than 1000 slides of \"1ms\": a row would be in so many windows");
    is_refused(late_of_none,
               "operator 4 (late after select and queue 'in'): only operators by event time have "
               "late rows: windows, sessions, sl_stream_distinct_within and interval joins");
    is_refused(lateness_of_none,
               "operator 2 (eventTime 'ts' after queue 'in'): it is no operator by event time: "
               "windows, sessions and sl_stream_distinct_within are");
    is_refused(idle_of_none, "operator 1 (queue 'in'): it is no event time: set this on the stream "
                             "that sl_stream_event_time returns");
}

SL_TEST(the_graphs_text_has_all_that_event_time_is_defined_by, "")
{
    job j = job_begin("90s");
    sl_stream_idle_after(sl_stream_max_ahead(j.in, "0s"), "1500ms");
    sl_stream_silent_after(j.in, "1h");
    sl_stream *w = sl_stream_event_window(j.in, "k", "count() as c", "10m", "5m");
    (void)sl_stream_late(sl_stream_lateness(sl_stream_output_mode(w, SL_UPDATE), "1h"));
    SL_CHECK_TEXT(
        sl_graph_text(j.g.graph),
        "sluice graph 1\n"
        "queue-1 queue() name=\"in\" one_at_a_time : ts timestamp, k string, n int64\n"
        "eventTime-1 eventTime(queue-1) column=\"ts\" delay=90s idle=1500ms max_ahead=0s silent=1h "
        ": ts "
        "timestamp, k string, n int64\n"
        "eventWindow-1 eventWindow(eventTime-1) keys=\"k\" aggregations=\"count() as c\" size=10m "
        "slide=5m lateness=1h update persist=memory_and_disk : window_start timestamp, window_end "
        "timestamp, k string, c int64\n"
        "late-1 late(eventWindow-1, eventTime-1) : ts timestamp, k string, n int64\n");
    slt_graph_free(&j.g);
}

// ---------------------------------------------------------------- sessions

static job sessions(const char *delay, const char *gap, sl_output_mode mode)
{
    job j = job_begin(delay);
    sl_stream *s = sl_stream_session_window(j.in, "k", "sum(n) as s, count() as c", gap);
    job_start(&j, sl_stream_output_mode(s, mode), 1);
    return j;
}

SL_TEST(a_session_ends_a_gap_after_its_last_row, "")
{
    job j = sessions("0s", "10us", SL_APPEND);
    epoch_is(&j, "1 a 1|5 a 2|14 a 4|24 a 8|3 b 1", "", "");
    epoch_is(&j, NULL, "1 24 a 7 3\n3 13 b 1 1\n", ""); // 24 is a gap after 14
    epoch_is(&j, "33 a 1|14 b 1|13 c 1", "", "14 b 1\n13 c 1\n");
    epoch_is(&j, "43 b 1", "", "");
    epoch_is(&j, NULL, "24 43 a 9 2\n", "");
    job_free(&j);
}

SL_TEST(a_row_in_between_makes_one_session_of_two, "")
{
    job j = sessions("100us", "10us", SL_UPDATE);
    epoch_is(&j, "1 a 1|15 a 2|40 a 4", "1 11 a 1 1\n15 25 a 2 1\n40 50 a 4 1\n", "");
    epoch_is(&j, "8 a 8", "1 25 a 11 3\n", "");
    epoch_is(&j, "30 a 16", "30 40 a 16 1\n", ""); // 40 is a gap away
    epoch_is(&j, "24 a 1|31 a 1", "1 50 a 33 7\n", "");
    epoch_is(&j, "150 a 1", "150 160 a 1 1\n", "");
    sli_store *store = slt_host_store(j.host);
    slt_epoch_begin(j.host); // the watermark is 50
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.timed), "");
    slt_epoch_end(j.host, false);
    assert_int_equal(store->ops->keys(store, j.timed->table), 1); // a, with 150 alone
    epoch_is(&j, "260 b 1", "260 270 b 1 1\n", "");
    epoch_is(&j, NULL, "", "");
    assert_int_equal(store->ops->keys(store, j.timed->table), 1); // b
    job_free(&j);
}

// ---------------------------------------------------------------- distinct

SL_TEST(distinct_gives_the_first_row_of_a_key_until_the_watermark_has_passed, "")
{
    job j = job_begin("10us");
    job_start(&j, sl_stream_distinct_within(j.in, "k"), 1);
    epoch_is(&j, "100 a 1|101 b 2|100 a 3", "100 a 1\n101 b 2\n", "");
    epoch_is(&j, "109 a 4|120 c 5|90 d 6", "120 c 5\n", "90 d 6\n"); // 101 - 10 is 91
    epoch_is(&j, "110 a 7|120 d 8", "120 d 8\n", "");                // a: 100 + 10 is not past
    sli_store *store = slt_host_store(j.host);
    epoch_is(&j, "121 d 9", "", "");
    assert_int_equal(store->ops->keys(store, j.timed->table), 4);
    epoch_is(&j, "123 a 1|122 d 1", "123 a 1\n", ""); // the watermark is 111
    epoch_is(&j, NULL, "", "");
    job_free(&j);
}

SL_TEST(distinct_forgets_keys_that_are_due, "")
{
    job j = job_begin("10us");
    job_start(&j, sl_stream_distinct_within(j.in, "k"), 1);
    sli_store *store = slt_host_store(j.host);
    epoch_is(&j, "100 a 1|101 b 2", "100 a 1\n101 b 2\n", "");
    epoch_is(&j, "121 c 1", "121 c 1\n", "");
    epoch_is(&j, "111 a 1|112 b 1", "111 a 1\n", ""); // 111 is past 110, not past 111
    assert_int_equal(store->ops->keys(store, j.timed->table), 3);
    epoch_is(&j, "200 z 1", "200 z 1\n", "");
    epoch_is(&j, NULL, "", "");
    assert_int_equal(store->ops->keys(store, j.timed->table), 1);
    job_free(&j);
}

SL_TEST(names_that_operators_use_themselves_are_free_for_columns, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(
        g.graph, "in", "ts timestamp, first string, sessions string, start int64", true);
    sl_stream *rows = sl_stream_event_time(in, "ts", "1s");
    (void)sl_stream_distinct_within(rows, "first");
    (void)sl_stream_session_window(rows, "sessions, start", "min(start) as latest", "1s");
    sl_stream *w = sl_stream_event_window(rows, "start", "max(ts) as last", "1s", NULL);
    (void)sl_stream_event_window(sl_stream_event_time(w, "window_end", "0s"), "start",
                                 "count() as n", "10s", NULL); // windows of windows
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_graph_free(&g);
}

// Whichever allocation fails, the graph tells it and can be freed.
SL_TEST(event_definitions_survive_each_failed_allocation, "")
{
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        slt_graph g = slt_graph_new();
        sli_mem_fail_nth(n);
        sl_stream *in = sl_stream_queue(g.graph, "in", "ts timestamp, k string, n int64", true);
        sl_stream *rows = sl_stream_max_ahead(sl_stream_event_time(in, "ts", "1s"), "2h");
        sl_stream *w = sl_stream_event_window(rows, "k", "sum(n) as s", "10s", "5s");
        (void)sl_stream_late(sl_stream_output_mode(w, SL_UPDATE));
        (void)sl_stream_session_window(rows, "k", "avg(n) as s", "10s");
        (void)sl_stream_lateness(sl_stream_distinct_within(rows, "k, n"), "1s");
        (void)sl_stream_interval_left_outer_join(rows, rows, "k", "-1s", "1s");
        bool reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        sl_code rc = sl_graph_check(g.graph, NULL);
        failed = reached;
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        assert_true(reached || rc == SL_OK);
        slt_graph_free(&g);
    }
}

// A refused allocation fails the epoch, or is met by a retry; what the epoch gives then is what it
// would have given.
SL_TEST(event_epochs_survive_each_failed_allocation, "")
{
    bool failed = true;
    int32_t given = 0;
    for (int64_t n = 1; failed; n += SLT_SLOW_BUILD ? 29 : 3) {
        job j = job_begin("0s");
        sl_stream *w = sl_stream_event_window(j.in, "k", "sum(n) as s", "10us", "5us");
        sl_stream *s = sl_stream_session_window(j.in, "k", "sum(n) as s", "5us");
        job_start(&j, sl_stream_union(w, s), 1);
        epoch_is(&j, "1 a 1|2 b 2|20 a 1", "", NULL);
        slt_epoch_begin(j.host);
        sli_mem_fail_nth(n);
        const char *rows = slt_epoch_rows(j.host, j.timed);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        if (rows[0] != '\0' && strstr(rows, "SL_E_NOMEM") == NULL) { // "": the test's own text
            SL_CHECK_TEXT(rows, "-5 5 a 1\n-5 5 b 2\n0 10 a 1\n0 10 b 2\n1 6 a 1\n2 7 b 2\n");
            given++;
        }
        slt_epoch_end(j.host, true);
        epoch_is(&j, NULL, "-5 5 a 1\n-5 5 b 2\n0 10 a 1\n0 10 b 2\n1 6 a 1\n2 7 b 2\n", NULL);
        job_free(&j);
    }
    assert_true(given > 0);
}

SL_TEST(an_epoch_that_runs_again_has_the_watermark_on_record, "EVENT-TIME-1")
{
    job j = windows("0s", "10us", NULL, SL_APPEND, "0s");
    epoch_is(&j, "25 a 1|3 a 1", "", "");
    sli_plan_watermark watermark = {"eventTime-1", 9};
    sli_plan plan = {.watermarks = &watermark, .n_watermarks = 1};
    sli_runtime *runtime = slt_host_runtime(j.host);
    assert_int_equal(sli_event_plan(j.g.graph, runtime, 2000000, &plan, NULL), SL_OK);
    assert_int_equal(sli_timed_of(j.timed)->watermark_us, 9);
    assert_false(sli_event_is_due(j.g.graph));
    plan.n_watermarks = 0; // the event time is new since the plan was made
    assert_int_equal(sli_event_plan(j.g.graph, runtime, 2000000, &plan, NULL), SL_OK);
    assert_int_equal(sli_timed_of(j.timed)->watermark_us, 25);
    assert_true(sli_event_is_due(j.g.graph));
    job_free(&j);
}
