// Streams that are silent as a whole: what they hold back, until when, and what becomes of rows
// that come afterwards.
#include "stream/graph_fixture_test.h"

#include "stream/event/timed.h"

// Times are some microseconds after 1970; batch time is the epoch's number, in s.

typedef struct job {
    slt_graph g;
    sl_stream *a, *b, *join, *late_right, *window;
    slt_host *host;
} job;

static sl_stream *rows_of(job *j, const char *queue)
{
    sl_stream *in = sl_stream_queue(j->g.graph, queue, "ts timestamp, k string, n int64", true);
    return sl_stream_event_time(in, "ts", "0s");
}

/// A join of two streams, and a window of the right one alone.
static job job_new(const char *a_after, const char *b_after)
{
    job j = {.g = slt_graph_new()};
    sl_error err = SL_ERROR_INIT;
    j.a = sl_stream_silent_after(rows_of(&j, "a"), a_after);
    j.b = sl_stream_silent_after(rows_of(&j, "b"), b_after);
    j.join = sl_stream_interval_left_outer_join(j.a, j.b, "k", "0s", "0s");
    j.late_right = sl_stream_late_right(j.join);
    j.window = sl_stream_event_window(j.b, "k", "sum(n) as n", "10us", NULL);
    (void)!sl_graph_check(j.g.graph, &err);
    SL_CHECK_TEXT(err.text, "");
    j.host = slt_host_new(&j.g, 1);
    return j;
}

static void job_free(job *j)
{
    slt_host_free(j->host);
    slt_graph_free(&j->g);
}

static void epoch_is(job *j, const char *a, const char *b, const char *joined, const char *late)
{
    if (a != NULL) {
        slt_push(&j->g, "a", a, 1);
    }
    if (b != NULL) {
        slt_push(&j->g, "b", b, 1);
    }
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->join), joined);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->late_right), late);
    slt_epoch_end(j->host, false);
}

static int64_t watermark(const sl_stream *event_time)
{
    return sli_event_time_of(event_time)->watermark_us;
}

SL_TEST(a_silent_stream_is_set_aside_until_its_next_row, "")
{
    job j = job_new("0s", "3s");
    epoch_is(&j, "10 x 1", "10 y 1", "", "");
    epoch_is(&j, "20 x 2", NULL, "", ""); // 10: the row at 10 may be matched still
    epoch_is(&j, "30 x 3", NULL, "", ""); // epoch 3; the right side holds at 10
    epoch_is(&j, "40 x 4", NULL, "x 10 1 null null\nx 20 2 null null\n", ""); // 3 s of silence: 30
    epoch_is(&j, "50 x 5", "39 x 1|40 x 2", "x 40 4 40 2\nx 30 3 null null\n", "39 x 1\n");
    epoch_is(&j, "60 x 6", NULL, "", ""); // it speaks: 40, where it was and its own
    assert_int_equal(watermark(j.a), 50);
    assert_int_equal(watermark(j.b), 40);
    job_free(&j);
}

SL_TEST(a_silent_stream_moves_on_at_operators_of_its_own_too, "")
{
    job j = job_new("0s", "2s");
    for (int32_t epoch = 1; epoch <= 3; epoch++) {
        if (epoch == 1) {
            slt_push(&j.g, "a", "30 x 1", 1);
            slt_push(&j.g, "b", "3 x 1", 1);
        }
        slt_epoch_begin(j.host);
        SL_CHECK_TEXT(slt_epoch_rows(j.host, j.join), "");
        SL_CHECK_TEXT(slt_epoch_rows(j.host, j.window), epoch < 3 ? "" : "0 10 x 1\n");
        slt_epoch_end(j.host, false);
    }
    job_free(&j);
}

SL_TEST(a_stream_that_never_spoke_is_set_aside_too, "")
{
    job j = job_new("0s", "2s");
    epoch_is(&j, "10 x 1|20 x 2", NULL, "", "");
    epoch_is(&j, NULL, NULL, "", "");
    epoch_is(&j, NULL, NULL, "x 10 1 null null\n", "");
    job_free(&j);
}

SL_TEST(streams_that_are_all_silent_go_with_the_fastest, "")
{
    job j = job_new("2s", "2s");
    epoch_is(&j, "10 x 1|20 x 2", "15 x 3", "", "");
    epoch_is(&j, NULL, NULL, "x 10 1 null null\n", ""); // 15
    epoch_is(&j, NULL, NULL, "", "");
    assert_int_equal(watermark(j.a), 20);
    assert_int_equal(watermark(j.b), 20);
    job_free(&j);
}

SL_TEST(a_silent_stream_goes_with_the_slowest_that_speaks, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in[3];
    for (int32_t i = 0; i < 3; i++) {
        sl_stream *queue = sl_stream_queue(g.graph, (const char *const[]){"a", "b", "c"}[i],
                                           "ts timestamp, k string", true);
        in[i] = sl_stream_event_time(queue, "ts", "0s");
        sl_stream_silent_after(in[i], i == 2 ? "1s" : "0s");
    }
    sl_stream *both = sl_stream_union(in[0], in[1]);
    sl_stream *join = sl_stream_interval_join(both, in[2], "k", "0s", "0s");
    slt_host *host = slt_host_new(&g, 1);
    for (int32_t epoch = 0; epoch < 3; epoch++) {
        slt_push(&g, "a", "20 x", 1);
        slt_push(&g, "b", "30 x", 1);
        slt_epoch_begin(host);
        SL_CHECK_TEXT(slt_epoch_rows(host, join), "");
        slt_epoch_end(host, false);
    }
    assert_int_equal(watermark(in[1]), 30);
    assert_int_equal(watermark(in[2]), 20);
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(silence_is_known_when_the_lanes_are_read_back, "")
{
    job j = job_new("0s", "3s");
    sl_error err = SL_ERROR_INIT;
    epoch_is(&j, "10 x 1|20 x 2", "10 y 1", "", "");
    sli_event_time *time = sli_event_time_of(j.b);
    time->idle_us = 1000000; // its one lane leaves, and when it was seen stays
    epoch_is(&j, NULL, NULL, "", "");
    assert_int_equal(time->lanes.n, 0);
    assert_int_equal(sli_event_restore(j.g.graph, slt_host_runtime(j.host), &err), SL_OK);
    assert_true(time->lanes.aside_seen_us == 1000000);
    epoch_is(&j, NULL, NULL, "", "");
    epoch_is(&j, NULL, NULL, "x 10 1 null null\n", "");
    job_free(&j);
}

SL_TEST(an_epoch_on_record_is_not_lifted_again, "EVENT-TIME-1")
{
    job j = job_new("0s", "1s");
    epoch_is(&j, "10 x 1", "10 y 1", "", "");
    sli_plan_watermark recorded[] = {{j.a->uid, 50}, {j.b->uid, 7}};
    sli_plan plan = {.watermarks = recorded, .n_watermarks = 2};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_event_plan(j.g.graph, slt_host_runtime(j.host), 60000000, &plan, &err),
                     SL_OK);
    assert_int_equal(watermark(j.b), 7);
    assert_int_equal(sli_event_plan(j.g.graph, slt_host_runtime(j.host), 60000000, NULL, &err),
                     SL_OK);
    assert_int_equal(watermark(j.b), 10);
    job_free(&j);
}
