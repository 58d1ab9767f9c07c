// What a job by event time tells of itself: its metrics, and what listeners hear.
#include "contract/simlife.h"
#include "sluice/event.h"

#include <stdio.h>

/// What the listener heard, a line an epoch.
typedef struct ear {
    char heard[4000];
    size_t size;
} ear;

static void hear(ear *e, const char *text)
{
    size_t room = sizeof e->heard - e->size;
    int n = snprintf(e->heard + e->size, room, "%s", text);
    e->size += (size_t)n < room ? (size_t)n : room - 1;
}

static void on_completed(void *ctx, const sl_batch_info *batch)
{
    char line[300];
    const sl_event_info *event = &batch->event;
    for (int32_t i = 0; i < event->n_times; i++) {
        const sl_event_time_info *time = &event->times[i];
        bool known = time->watermark_us != INT64_MIN;
        (void)snprintf(line, sizeof line, "%lld %s: %lld, lag %lld%s\n", (long long)batch->epoch,
                       time->stream, known ? (long long)time->watermark_us / 1000000 : -1,
                       (long long)time->lag_us / 1000000, time->silent ? ", silent" : "");
        hear(ctx, line);
    }
    for (int32_t i = 0; i < event->n_operators; i++) {
        const sl_event_operator_info *op = &event->operators[i];
        (void)snprintf(
            line, sizeof line, "%lld %s (%s): late %lld ahead %lld untimed %lld, keeps %lld\n",
            (long long)batch->epoch, op->stream, op->kind, (long long)op->rows_late,
            (long long)op->rows_ahead, (long long)op->rows_untimed, (long long)op->state_rows);
        hear(ctx, line);
    }
}

static const sl_listener listener = {
    .struct_size = sizeof(sl_listener), .name = "event", .batch_completed = on_completed};

static void add_listener(sl_context *context, void *ctx)
{
    assert_int_equal(sl_context_add_listener(context, &listener, ctx, NULL), SL_OK);
}

#define ROWS "?format=csv&timestamp=s&schema=ts%20timestamp?,%20k%20string"

static void build(sl_graph *graph)
{
    sl_stream *a = sl_stream_event_time(sl_stream_open(graph, "file:a" ROWS), "ts", "0s");
    sl_stream *b = sl_stream_event_time(sl_stream_open(graph, "file:b" ROWS), "ts", "2s");
    sl_stream_silent_after(sl_stream_uid(b, "b"), "15s");
    sl_stream *counts =
        sl_stream_event_window(sl_stream_uid(a, "a"), "k", "count() as n", "10s", NULL);
    sl_stream_save(sl_stream_uid(counts, "counts"), "file:counts?format=csv");
    sl_stream *pairs = sl_stream_interval_join(a, b, "k", "-1s", "1s");
    sl_stream_save(sl_stream_uid(pairs, "pairs"), "file:pairs?format=csv");
}

SL_TEST(a_job_by_event_time_tells_how_far_it_has_come, "")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(build, (const char *const[]){"interval", "10s", NULL});
    l.made = add_listener;
    l.made_ctx = &e;
    // The world's clock begins at 1577836800, 2020.
    slt_simlife_put(&l, "a/1.csv", "1577836801,x\n1577836812,y\n,z\n");
    slt_simlife_put(&l, "b/1.csv", "1577836804,x\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "a/2.csv", "1577836801,x\n1577836825,y\n1577936825,y\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    const char *metrics = slt_simlife_metrics(&l);
    SL_CHECK_HAS(metrics, "sluice_watermark_milliseconds{uid=\"a\"} 1577836825000");
    SL_CHECK_HAS(metrics, "sluice_watermark_lag_milliseconds{uid=\"a\"} 5000");
    SL_CHECK_HAS(metrics, "sluice_rows_late_total{uid=\"counts\"} 1");
    SL_CHECK_HAS(metrics, "sluice_rows_ahead_total{uid=\"counts\"} 1");
    SL_CHECK_HAS(metrics, "sluice_rows_untimed_total{uid=\"counts\"} 1");
    SL_CHECK_HAS(metrics, "sluice_event_state_rows{uid=\"counts\"} 1");
    slt_simlife_end(&l);
    SL_CHECK_TEXT(e.heard, "1 a: -1, lag 0\n"
                           "1 b: -1, lag 0\n"
                           "1 counts (eventWindow): late 0 ahead 0 untimed 1, keeps 2\n"
                           "1 pairs (intervalJoin): late 0 ahead 0 untimed 1, keeps 3\n"
                           "2 a: 1577836812, lag 8\n"
                           "2 b: 1577836802, lag 18\n"
                           "2 counts (eventWindow): late 1 ahead 1 untimed 0, keeps 2\n"
                           "2 pairs (intervalJoin): late 1 ahead 1 untimed 0, keeps 4\n"
                           "3 a: 1577836825, lag 5\n"
                           "3 b: 1577836825, lag 5, silent\n"
                           "3 counts (eventWindow): late 0 ahead 0 untimed 0, keeps 1\n"
                           "3 pairs (intervalJoin): late 0 ahead 0 untimed 0, keeps 1\n");
    slt_simlife_free(&l);
}
