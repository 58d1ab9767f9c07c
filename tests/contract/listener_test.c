// Listeners of a job: what they are told of it, in which order, and what they can't do to it.
#include "contract/simlife.h"
#include "contract/plain.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>

// ---------------------------------------------------------------- a listener that writes all down

typedef struct ear {
    char heard[8000];
    size_t size;
} ear;

static void hear(ear *e, const char *text)
{
    size_t size = strlen(text);
    if (e->size + size < sizeof e->heard) {
        memcpy(e->heard + e->size, text, size + 1);
        e->size += size;
    }
}

static void hear_batch(ear *e, const char *what, const sl_batch_info *b)
{
    char line[600];
    (void)snprintf(
        line, sizeof line,
        "%s %lld: rows %lld, submitted %+lld, delays %lld %lld %lld, %s from %s, failure "
        "%s\n",
        what, (long long)b->epoch, (long long)b->rows,
        (long long)(b->submitted_us - b->batch_time_us), (long long)b->scheduling_delay_us,
        (long long)b->processing_delay_us, (long long)b->total_delay_us, b->inputs[0].stream,
        b->inputs[0].from == NULL ? "nothing" : "something",
        b->failure == NULL ? "none" : b->failure);
    hear(e, line);
}

static void hear_output(ear *e, const char *what, const sl_output_info *o)
{
    char line[600];
    (void)snprintf(line, sizeof line, "  %s %d %s of %lld, took %lld, failure %s\n", what, o->id,
                   o->name, (long long)o->epoch, (long long)o->duration_us,
                   o->failure == NULL ? "none" : o->failure);
    hear(e, line);
}

static void hear_receiver(ear *e, const char *what, const sl_receiver_info *r)
{
    char line[600];
    (void)snprintf(line, sizeof line, "%s %s (%s): active %d, error %s at %s\n", what, r->stream,
                   r->description, r->active, sl_code_name(r->last_error),
                   r->last_error_us < 0 ? "-1" : "some time");
    hear(e, line);
}

static void on_started(void *ctx, int64_t time_us)
{
    hear(ctx, time_us > 0 ? "streaming started\n" : "streaming started at no time\n");
}
static void on_receiver_started(void *ctx, const sl_receiver_info *r)
{
    hear_receiver(ctx, "started", r);
}
static void on_receiver_error(void *ctx, const sl_receiver_info *r)
{
    hear_receiver(ctx, "error", r);
}
static void on_receiver_stopped(void *ctx, const sl_receiver_info *r)
{
    hear_receiver(ctx, "stopped", r);
}
static void on_submitted(void *ctx, const sl_batch_info *b)
{
    hear_batch(ctx, "submitted", b);
}
static void on_batch_started(void *ctx, const sl_batch_info *b)
{
    hear_batch(ctx, "started", b);
}
static void on_completed(void *ctx, const sl_batch_info *b)
{
    hear_batch(ctx, "completed", b);
}
static void on_output_started(void *ctx, const sl_output_info *o)
{
    hear_output(ctx, "start", o);
}
static void on_output_completed(void *ctx, const sl_output_info *o)
{
    hear_output(ctx, "end", o);
}

static const sl_listener everything = {
    .struct_size = sizeof(sl_listener),
    .name = "everything",
    .streaming_started = on_started,
    .receiver_started = on_receiver_started,
    .receiver_error = on_receiver_error,
    .receiver_stopped = on_receiver_stopped,
    .batch_submitted = on_submitted,
    .batch_started = on_batch_started,
    .batch_completed = on_completed,
    .output_started = on_output_started,
    .output_completed = on_output_completed,
};

static const sl_listener receivers_only = {
    .struct_size = sizeof(sl_listener),
    .name = "receivers",
    .receiver_started = on_receiver_started,
    .receiver_error = on_receiver_error,
    .receiver_stopped = on_receiver_stopped,
};

static void add_everything(sl_context *context, void *ctx)
{
    assert_int_equal(sl_context_add_listener(context, &everything, ctx, NULL), SL_OK);
}

static void add_receivers_only(sl_context *context, void *ctx)
{
    assert_int_equal(sl_context_add_listener(context, &receivers_only, ctx, NULL), SL_OK);
}

// ---------------------------------------------------------------- epochs

/// Fails in the epoch that its argument names, and takes a second in each.
static sl_code slow_fail(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)rdd;
    sli_world_advance(sl_args_attached(args, "world"), 1000000);
    return sl_args_epoch(args) == 2 ? sl_error_set(err, SL_E_USER, "not today") : SL_OK;
}
static const sl_foreach_fn slow_fail_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "slow_fail", .version = 1, .run = slow_fail};

static void two_outputs(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream_foreach_rdd(lines, &slow_fail_fn, NULL);
    sl_stream_save(lines, "file:out");
}

SL_TEST(a_listener_hears_of_epochs_and_outputs_in_order, "")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(two_outputs, (const char *const[]){"interval", "10s", NULL});
    l.made = add_everything;
    l.made_ctx = &e;
    slt_simlife_put(&l, "in/a.txt", "to\nbe\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_E_USER); // with a checkpoint the job ends
    slt_simlife_end(&l);
    SL_CHECK_TEXT(
        e.heard,
        "streaming started\n"
        "submitted 1: rows -1, submitted +0, delays -1 -1 -1, lines from something, failure none\n"
        "started 1: rows -1, submitted +0, delays 0 -1 -1, lines from something, failure none\n"
        "  start 0 lines.foreachRDD-1 of 1, took -1, failure none\n"
        "  end 0 lines.foreachRDD-1 of 1, took 1000000, failure none\n"
        "  start 1 lines.save-1 of 1, took -1, failure none\n"
        "  end 1 lines.save-1 of 1, took 0, failure none\n"
        "completed 1: rows 2, submitted +0, delays 0 1000000 1000000, lines from something, "
        "failure none\n"
        "submitted 2: rows 0, submitted +0, delays -1 -1 -1, lines from nothing, failure none\n"
        "started 2: rows 0, submitted +0, delays 0 -1 -1, lines from nothing, failure none\n"
        "  start 0 lines.foreachRDD-1 of 2, took -1, failure none\n"
        "  end 0 lines.foreachRDD-1 of 2, took 1000000, failure not today\n"
        "completed 2: rows 0, submitted +0, delays 0 1000000 1000000, lines from nothing, failure "
        "epoch 2 (batch time 1577836820000 ms), output lines.foreachRDD-1: not today\n");
    slt_simlife_free(&l);
}

/// The first takes a second, so the second one is 750 ms late.
SL_TEST(a_listener_hears_how_late_epochs_are, "")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(two_outputs, (const char *const[]){"interval", "250ms", NULL});
    l.made = add_everything;
    l.made_ctx = &e;
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_E_USER);
    slt_simlife_end(&l);
    SL_CHECK_HAS(e.heard, "submitted 2: rows 0, submitted +0, delays -1 -1 -1");
    SL_CHECK_HAS(e.heard, "completed 2: rows 0, submitted +0, delays 750000 1000000 1750000");
    slt_simlife_free(&l);
}

SL_TEST(a_failed_epoch_without_a_checkpoint_is_told_and_the_job_goes_on, "")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(two_outputs, NULL);
    l.settings[4] = "interval"; // in place of the checkpoint
    l.settings[5] = "10s";
    l.made = add_everything;
    l.made_ctx = &e;
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 3), SL_OK);
    slt_simlife_end(&l);
    SL_CHECK_HAS(e.heard, "completed 2: rows 0, submitted +0, delays 0 1000000 1000000, lines from "
                          "nothing, failure epoch 2 ");
    SL_CHECK_HAS(e.heard, "completed 3: rows 0, submitted +0, delays 0 1000000 1000000, lines from "
                          "nothing, failure none\n");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- dead letters

static void numbers(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream_save(sl_stream_select(lines, "cast(line as int64) as n"), "file:out");
}

static void on_letters(void *ctx, const sl_batch_info *b)
{
    char line[64];
    (void)snprintf(line, sizeof line, "%lld: %lld of %lld\n", (long long)b->epoch,
                   (long long)b->dead_letters, (long long)b->rows);
    hear(ctx, line);
}

static const sl_listener letters_only = {
    .struct_size = sizeof(sl_listener), .name = "letters", .batch_completed = on_letters};

static void add_letters_only(sl_context *context, void *ctx)
{
    assert_int_equal(sl_context_add_listener(context, &letters_only, ctx, NULL), SL_OK);
}

SL_TEST(a_listener_hears_how_many_records_an_epoch_ran_without, "POISON-1")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(
        numbers, (const char *const[]){"poison", "dead-letter", "poison.max", "2", NULL});
    l.made = add_letters_only;
    l.made_ctx = &e;
    slt_simlife_put(&l, "in/a.txt", "1\nto\nbe\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "or\nnot\nto\nbe\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_E_DATA); // over the ceiling: none is left out
    SL_CHECK_HAS(slt_simlife_metrics(&l), "\nsluice_dead_letters_total 2\n");
    slt_simlife_end(&l);
    SL_CHECK_HAS(e.heard, "1: 2 of ");
    SL_CHECK_HAS(e.heard, "2: 0 of ");
    SL_CHECK_HAS(e.heard, "3: 0 of ");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- receivers

static void read_socket(sl_graph *graph)
{
    sl_stream_save(sl_stream_uid(sl_stream_open(graph, "socket://localhost:9999"), "in"),
                   "file:out");
}

SL_TEST(a_listener_hears_of_receivers, "")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(read_socket, NULL);
    l.made = add_receivers_only;
    l.made_ctx = &e;
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    sli_peer_finish(peer); // the server closes; the receiver comes back
    assert_int_equal(slt_simlife_run(&l, 5), SL_OK);
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    slt_simlife_end(&l);
    SL_CHECK_TEXT(e.heard,
                  "started in (socket://localhost:9999): active 1, error SL_OK at -1\n"
                  "error in (socket://localhost:9999): active 0, error SL_E_END at some time\n"
                  "started in (socket://localhost:9999): active 1, error SL_E_END at some time\n"
                  "stopped in (socket://localhost:9999): active 0, error SL_E_END at some time\n");
    slt_simlife_free(&l);
}

SL_TEST(the_last_receiver_event_comes_also_when_the_job_is_just_freed, "")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(read_socket, NULL);
    l.made = add_receivers_only;
    l.made_ctx = &e;
    assert_non_null(sli_peer_listen(l.world, "localhost", 9999));
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    assert_int_equal(sl_context_remove_listener(l.context, &receivers_only, &e, NULL), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    assert_int_equal(sl_context_add_listener(l.context, &receivers_only, &e, NULL), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_end(&l);
    SL_CHECK_TEXT(e.heard, "started in (socket://localhost:9999): active 1, error SL_OK at -1\n"
                           "stopped in (socket://localhost:9999): active 0, error SL_OK at -1\n");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- what a listener can't do

typedef struct stopper {
    sl_context *context;
    sl_code rc;
    char why[200];
} stopper;

static void stop_inside(void *ctx, const sl_batch_info *batch)
{
    stopper *s = ctx;
    sl_error error = SL_ERROR_INIT;
    (void)batch;
    s->rc = sl_context_stop(s->context, true, &error);
    (void)snprintf(s->why, sizeof s->why, "%.199s", error.text);
}
static const sl_listener stopping_listener = {
    .struct_size = sizeof(sl_listener), .name = "stopper", .batch_completed = stop_inside};

SL_TEST(a_listener_can_not_stop_its_context, "")
{
    slt_simlife l = slt_simlife_new(slt_copy_files, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    stopper s = {.context = l.context};
    assert_int_equal(sl_context_add_listener(l.context, &stopping_listener, &s, NULL), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 3), SL_OK);
    assert_int_equal(s.rc, SL_E_STATE);
    SL_CHECK_HAS(s.why, "inside a listener");
    assert_int_equal(sl_context_state_of(l.context), SL_ACTIVE);
    assert_int_equal(slt_simlife_stop(&l), SL_OK); // outside it is allowed
    slt_simlife_free(&l);
}

/// Real threads: it blocks in its first call until the job has ended.
typedef struct blocker {
    _Atomic int32_t may_go;
    _Atomic int32_t calls;
} blocker;

static void block(void *ctx, const sl_batch_info *batch)
{
    blocker *b = ctx;
    (void)batch;
    (void)atomic_fetch_add(&b->calls, 1);
    while (atomic_load(&b->may_go) == 0) {
        (void)poll(NULL, 0, 1); // a program's listener that hangs
    }
}
static const sl_listener blocking = {
    .struct_size = sizeof(sl_listener), .name = "blocking", .batch_completed = block};

static void look_at_queue(sl_graph *graph)
{
    sl_stream_foreach_rdd(sl_stream_queue(graph, "in", "x int64", true), &slt_do_nothing_fn, NULL);
}

SL_TEST(a_listener_that_hangs_does_not_stop_the_job, "")
{
    static const char *const settings[] = {"interval", "1ms", "max_epochs", "50", "listener.queue",
                                           "10",       "log", "off",        NULL};
    blocker b = {0};
    sl_context *context = NULL;
    assert_int_equal(sl_context_new(&context, "hangs", look_at_queue, settings, NULL), SL_OK);
    assert_int_equal(sl_context_add_listener(context, &blocking, &b, NULL), SL_OK);
    assert_int_equal(sl_context_start(context, NULL), SL_OK);
    sl_code rc = sl_context_await(context, 60000000, NULL);
    int32_t calls = atomic_load(&b.calls);
    atomic_store(&b.may_go, 1);
    sl_context_free(context); // tells what still waits
    assert_int_equal(rc, SL_OK);
    assert_true(calls <= 1);
    assert_true(atomic_load(&b.calls) >= 1 && atomic_load(&b.calls) <= 3); // 10 events waited
}

// ---------------------------------------------------------------- statistics

static void keep_line(void *ctx, const char *line)
{
    hear(ctx, line);
    hear(ctx, "\n");
}

SL_TEST(statistics_show_how_the_delays_of_the_last_epochs_are_spread, "")
{
    ear e = {0};
    slt_simlife l = slt_simlife_new(two_outputs, (const char *const[]){"interval", "250ms", NULL});
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(sl_context_report_stats(l.context, 0, keep_line, &e, NULL), SL_E_INVALID);
    assert_int_equal(sl_context_report_stats(l.context, 10, keep_line, &e, NULL), SL_OK);
    (void)slt_simlife_run(&l, 2);
    slt_simlife_end(&l);
    SL_CHECK_TEXT(
        e.heard,
        "total delay of 1 epochs, ms: 0% 1000.000, 5% 1000.000, 10% 1000.000, 25% 1000.000, 50% "
        "1000.000, 75% 1000.000, 90% 1000.000, 95% 1000.000, 100% 1000.000\n"
        "processing time of 1 epochs, ms: 0% 1000.000, 5% 1000.000, 10% 1000.000, 25% 1000.000, "
        "50% 1000.000, 75% 1000.000, 90% 1000.000, 95% 1000.000, 100% 1000.000\n"
        "total delay of 2 epochs, ms: 0% 1000.000, 5% 1000.000, 10% 1000.000, 25% 1000.000, 50% "
        "1750.000, 75% 1750.000, 90% 1750.000, 95% 1750.000, 100% 1750.000\n"
        "processing time of 2 epochs, ms: 0% 1000.000, 5% 1000.000, 10% 1000.000, 25% 1000.000, "
        "50% 1000.000, 75% 1000.000, 90% 1000.000, 95% 1000.000, 100% 1000.000\n");
    slt_simlife_free(&l);
}
