// Receivers that the program brings: on threads of their own in a real job, and step by step in the
// simulated world.
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "contract/simlife.h"
#include "sluice/receiver.h"

// ---------------------------------------------------------------- in the simulated world: `start`
// stores by itself

static struct {
    int32_t starts, stops, fail_first;
    const char *rows; ///< what the n-th good start stores
    bool finishes, restarts, reports;
    bool was_ending[2]; ///< as `start` and `stop` saw it
} script;

static sl_code play_start(sl_receiver *r, const char *args, void **state, sl_error *err)
{
    if (script.starts++ < script.fail_first) {
        return sl_error_set(err, SL_E_IO, "no %s today", args);
    }
    *state = r;
    script.was_ending[0] = sl_receiver_is_ending(r);
    if (script.reports) {
        sl_receiver_report(r, "the feed has gaps");
    }
    SL_TRY(sl_receiver_store(r, script.rows, strlen(script.rows), err));
    if (script.finishes) {
        sl_receiver_finish(r);
    } else if (script.restarts) {
        sl_receiver_restart(r, "once more", -1);
    }
    return SL_OK;
}
static void play_stop(void *state)
{
    script.was_ending[1] = sl_receiver_is_ending(state);
    script.stops++;
}
static const sl_receiver_fn play_fn = {
    .struct_size = sizeof(sl_receiver_fn), .name = "play", .start = play_start, .stop = play_stop};

static void play(sl_graph *graph)
{
    sl_graph_receiver(graph, &play_fn, "from=feed");
    sl_stream *lines = sl_stream_open(graph, "receiver:play?restart_delay=100ms");
    sl_stream_save(sl_stream_uid(lines, "lines"), "file:out");
}

SL_TEST(a_receiver_that_finishes_ends_the_job, "")
{
    memset(&script, 0, sizeof script);
    script.rows = "one\ntwo"; // the last one gets its line end
    script.finishes = true;
    slt_simlife l = slt_simlife_new(play, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 3), SL_E_END);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "one\ntwo\n");
    assert_int_equal(script.starts, 1);
    assert_int_equal(script.stops, 1);
    slt_simlife_free(&l);
}

SL_TEST(a_receiver_tells_an_error_and_goes_on, "")
{
    memset(&script, 0, sizeof script);
    script.rows = "one\n";
    script.reports = true;
    slt_simlife l = slt_simlife_new(play, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 3), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "one\n");
    assert_int_equal(slt_times_in(slt_simlife_printed(&l), "receiver play: the feed has gaps"), 1);
    assert_int_equal(script.starts, 1);
    assert_false(script.was_ending[0]);
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    assert_int_equal(script.stops, 1);
    assert_true(script.was_ending[1]);
    slt_simlife_free(&l);
}

SL_TEST(a_receiver_that_fails_is_started_again_and_told_once, "ERRORS-5")
{
    memset(&script, 0, sizeof script);
    script.rows = "at last\n";
    script.fail_first = 15;
    slt_simlife l = slt_simlife_new(play, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "at last\n");
    assert_int_equal(slt_times_in(slt_simlife_printed(&l), "receiver play: no from=feed today"), 1);
    SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_source_reconnects_total{source=\"lines\"} 15");
    assert_int_equal(script.stops, 0); // what did not start is not stopped
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    assert_int_equal(script.stops, 1);
    slt_simlife_free(&l);
}

SL_TEST(a_receiver_may_ask_for_a_restart, "")
{
    memset(&script, 0, sizeof script);
    script.rows = "again\n";
    script.restarts = true;
    slt_simlife l = slt_simlife_new(play, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    assert_in_range(script.starts, 5, 25);
    assert_in_range(script.starts - script.stops, 0, 1);
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    assert_int_equal(script.starts, script.stops);
    assert_int_equal(slt_times_in(slt_simlife_shown(&l, "out"), "again\n"), script.starts);
    slt_simlife_free(&l);
}

static void misnamed(sl_graph *graph)
{
    sl_graph_receiver(graph, &play_fn, NULL);
    sl_stream_save(sl_stream_open(graph, "receiver:pley"), "file:out");
}
static void twice(sl_graph *graph)
{
    sl_graph_receiver(graph, &play_fn, NULL);
    sl_graph_receiver(graph, &play_fn, NULL);
}

SL_TEST(a_receiver_that_is_not_there_is_refused, "ERRORS-1")
{
    slt_simlife l = slt_simlife_new(misnamed, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_E_CONFIG);
    SL_CHECK_HAS(l.error.text, "there is no receiver 'pley', did you mean 'play'?");
    l.build = twice;
    assert_int_equal(slt_simlife_start(&l), SL_E_INVALID);
    SL_CHECK_HAS(l.error.text, "receiver 'play': there is one of that name already");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- on a thread of its own

typedef struct talker {
    pthread_t thread;
    sl_receiver *receiver;
    const char *dir;
    _Atomic bool in_log;   ///< what was acknowledged is in the write-ahead log
    _Atomic int64_t taken; ///< records that were taken
    bool endless;
} talker;
static talker only;

static void *talk(void *ctx)
{
    talker *t = ctx;
    slt_program grep;
    const char *const look[] = {"grep", "-rqa", "acknowledged", "ck", NULL};
    if (!t->endless) {
        if (sl_receiver_store_synced(t->receiver, "acknowledged\n", 13, NULL) == SL_OK) {
            atomic_store(&t->in_log, slt_run(&grep, t->dir, look) == 0);
        }
        sl_receiver_finish(t->receiver);
        return NULL;
    }
    while (sl_receiver_store(t->receiver, "one more", 8, NULL) == SL_OK) {
        atomic_fetch_add(&t->taken, 1);
    }
    return NULL;
}

static sl_code talk_start(sl_receiver *r, const char *args, void **state, sl_error *err)
{
    (void)args;
    only.receiver = r;
    *state = &only;
    return pthread_create(&only.thread, NULL, talk, &only) == 0
               ? SL_OK
               : sl_error_set(err, SL_E_NOMEM, "no thread");
}
static void talk_stop(void *state)
{
    pthread_join(((talker *)state)->thread, NULL);
}
static const sl_receiver_fn talk_fn = {
    .struct_size = sizeof(sl_receiver_fn), .name = "talk", .start = talk_start, .stop = talk_stop};

static char out_url[400];

static void talk_job(sl_graph *graph)
{
    sl_graph_receiver(graph, &talk_fn, NULL);
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "receiver:talk"), "lines");
    sl_stream_save(lines, out_url);
}

static sl_context *start_talking(bool endless)
{
    char ck[400];
    sl_context *context = NULL;
    memset(&only, 0, sizeof only);
    only.dir = slt_temp_dir();
    only.endless = endless;
    (void)snprintf(out_url, sizeof out_url, "file:%s/out", only.dir);
    (void)snprintf(ck, sizeof ck, "%s/ck", only.dir);
    const char *const settings[] = {"checkpoint",           ck,      "interval", "20ms",
                                    "receiver.max_pending", "64KiB", NULL};
    assert_int_equal(sl_context_new(&context, "talk", talk_job, settings, NULL), SL_OK);
    assert_int_equal(sl_context_start(context, NULL), SL_OK);
    return context;
}

SL_TEST(what_a_synced_store_acknowledges_is_in_the_log, "DURABLE-1")
{
    sl_context *context = start_talking(false);
    assert_int_equal(sl_context_await(context, 60000000, NULL), SL_OK);
    assert_true(only.in_log);
    slt_program cat;
    const char *const read[] = {"sh", "-c", "cat out/*.txt", NULL};
    assert_int_equal(slt_run(&cat, only.dir, read), 0);
    SL_CHECK_TEXT(slt_out(&cat), "acknowledged\n");
    sl_context_free(context);
}

SL_TEST(a_store_that_waits_ends_with_the_job_and_nothing_taken_is_lost, "DURABLE-2")
{
    sl_context *context = start_talking(true);
    while (atomic_load(&only.taken) < 20000) { // more than may wait: it has been slowed
        sched_yield();
    }
    assert_int_equal(sl_context_stop(context, true, NULL), SL_OK);
    assert_int_equal(sl_context_await(context, 60000000, NULL), SL_OK);
    char expected[32];
    slt_program count;
    const char *const read[] = {"sh", "-c", "cat out/*.txt | grep -c '^one more$'", NULL};
    assert_int_equal(slt_run(&count, only.dir, read), 0);
    (void)snprintf(expected, sizeof expected, "%d\n", (int)atomic_load(&only.taken));
    SL_CHECK_TEXT(slt_out(&count), expected);
    sl_context_free(context);
}
