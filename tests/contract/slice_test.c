// RDDs of past epochs: who may look at them, from where, and how long.
#include "contract/simlife.h"
#include "contract/plain.h"

#include "sluice/slice.h"
#include "sluice/window.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/stat.h>

// ---------------------------------------------------------------- looking

/// "TIME:ROWS " for each RDD of a slice; seconds within a minute.
static sl_code note_rows(void *ctx, int64_t batch_time_us, sl_rdd *rdd, sl_error *err)
{
    int64_t rows = 0;
    SL_TRY(sl_rdd_count(rdd, &rows, err));
    sli_str_printf(ctx, "%lld:%lld ", (long long)(batch_time_us / 1000000 % 60), (long long)rows);
    return SL_OK;
}

static sli_str seen;          // what functions of the job below have seen
static sl_stream *remembered; // the stream that they look at

/// The last three seconds, this epoch's included.
static sl_code look_back(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    int64_t now_us = sl_args_time_us(args);
    (void)rdd;
    SL_TRY(sl_stream_slice(remembered, now_us - 2000000, now_us, note_rows, &seen, err));
    sli_str_text(&seen, "| ");
    return SL_OK;
}
static const sl_foreach_fn look_back_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "look_back", .version = 1, .run = look_back};

static void begin_seeing(void)
{
    seen = (sli_str){.tag = SLI_TAG_TEST};
}

static void check_seen(const char *expected)
{
    SL_CHECK_TEXT(seen.data == NULL ? "" : seen.data, expected);
    sli_str_reset(&seen);
}

static void look_at_socket(sl_graph *graph)
{
    remembered = sl_stream_remember(sl_stream_open(graph, "socket://localhost:9999"), 3000000);
    sl_stream_foreach_rdd(remembered, &look_back_fn, NULL);
}

/// What is asked for was committed, so the receiver and the write-ahead log have forgotten it.
SL_TEST(a_foreach_function_sees_the_last_epochs_and_its_own, "")
{
    begin_seeing();
    slt_simlife l = slt_simlife_new(look_at_socket, NULL);
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    for (int epoch = 1; epoch <= 4; epoch++) {
        for (int line = 0; line < epoch; line++) {
            assert_int_equal(sli_peer_send(peer, "x\n", 2, NULL), SL_OK);
        }
        assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    }
    check_seen("1:1 | 1:1 2:2 | 1:1 2:2 3:3 | 2:2 3:3 4:4 | ");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- state, and streams without
// outputs

static void remember_state(sl_graph *graph)
{
    sl_stream *lines = sl_stream_open(graph, "file:in");
    remembered = sl_stream_update_state_by_key(lines, "line", &slt_count_fn, NULL);
    (void)sl_stream_remember(remembered, 60000000);
    sl_stream_save(lines, "file:out"); // nothing rests on the state but the memory of it
}

SL_TEST(past_states_can_be_asked_for_between_the_steps, "")
{
    begin_seeing();
    slt_simlife l = slt_simlife_new(remember_state, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    static const char *const texts[] = {"a\n", "b\nc\n", "a\nd\n"};
    char name[32];
    for (int i = 0; i < 3; i++) {
        (void)snprintf(name, sizeof name, "in/%d.txt", i);
        slt_simlife_put(&l, name, texts[i]);
        assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    }
    assert_int_equal(sl_stream_slice(remembered, 0, INT64_MAX, note_rows, &seen, NULL), SL_OK);
    check_seen("1:1 2:3 3:4 ");
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    slt_simlife_free(&l);
}

/// A past RDD holds its own blocks, not what it was made from.
SL_TEST(what_is_remembered_does_not_grow_with_the_life_of_a_job, "")
{
    begin_seeing();
    slt_simlife l = slt_simlife_new(remember_state, (const char *const[]){"interval", "15s", NULL});
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    char name[32];
    int64_t rdds = 0, stream = 0;
    for (int i = 0; i < 40; i++) {
        (void)snprintf(name, sizeof name, "in/%d.txt", i);
        slt_simlife_put(&l, name, "a\nb\n");
        assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
        if (i == 19) {
            rdds = sli_mem_used(SLI_TAG_RDD);
            stream = sli_mem_used(SLI_TAG_STREAM);
        }
    }
    assert_int_equal(sli_mem_used(SLI_TAG_RDD), rdds);
    assert_true(sli_mem_used(SLI_TAG_STREAM) < stream + 4096);
    slt_simlife_free(&l);
    check_seen("");
}

// ---------------------------------------------------------------- inside a transform

static sl_stream *itself;
static sl_stream *itself_unused;

static sl_code look_around(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    int64_t now_us = sl_args_time_us(args);
    SL_TRY(sl_stream_slice(remembered, now_us, now_us, note_rows, &seen, err));
    sli_str_text(&seen, "and ");
    SL_TRY(sl_stream_slice(itself, now_us - 1000000, now_us, note_rows, &seen, err));
    sli_str_text(&seen, "| ");
    *out = sl_rdd_where(in, "true");
    return SL_OK;
}
static const sl_transform_fn look_around_fn = {.struct_size = sizeof(sl_transform_fn),
                                               .name = "look_around",
                                               .version = 1,
                                               .impure = true,
                                               .run = look_around};

static void look_in_transform(sl_graph *graph)
{
    remembered = sl_stream_remember(sl_stream_open(graph, "file:in"), 60000000);
    itself = sl_stream_remember(sl_stream_transform(remembered, &look_around_fn, NULL), 60000000);
    sl_stream_save(itself, "file:out");
}

SL_TEST(a_transform_sees_earlier_streams_and_its_own_past, "")
{
    begin_seeing();
    slt_simlife l = slt_simlife_new(look_in_transform, NULL);
    slt_simlife_put(&l, "in/a.txt", "1\n2\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "1\n2\n3\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    check_seen("1:2 and | 2:3 and 1:2 | ");
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- after a restart

static char in_url[400]; // of the one job below

static void look_at_files(sl_graph *graph)
{
    remembered = sl_stream_remember(sl_stream_open(graph, in_url), 3000000);
    sl_stream_foreach_rdd(remembered, &look_back_fn, NULL);
}

/// Epochs without input were planned, since a function acts in them, and never sealed: they run
/// again inside the next start, on the thread that starts.
SL_TEST(a_planned_epoch_that_runs_again_at_a_start_may_look_back, "")
{
    char state[400];
    const char *dir = slt_temp_dir();
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    (void)snprintf(in_url, sizeof in_url, "file:%s/in", dir);
    (void)snprintf(state, sizeof state, "%s/state", dir);
    const char *const settings[] = {"interval", "20ms", "max_epochs", "3", "checkpoint",
                                    state,      "log",  "off",        NULL};
    begin_seeing();
    for (int life = 0; life < 2; life++) {
        sl_context *context = NULL;
        assert_int_equal(sl_context_new(&context, "again", look_at_files, settings, NULL), SL_OK);
        sl_code rc = sl_context_start(context, NULL);
        rc = rc == SL_OK ? sl_context_await(context, 60000000, NULL) : rc;
        sl_context_free(context);
        assert_int_equal(rc, SL_OK);
    }
    assert_true(slt_times_in(seen.data, "| ") > 6); // both lives' three, and those that ran again
    sli_str_reset(&seen);
}

// ---------------------------------------------------------------- what is refused

SL_TEST(a_slice_before_the_start_is_refused, "")
{
    sl_context *context = NULL;
    sl_error error = SL_ERROR_INIT;
    begin_seeing();
    assert_int_equal(sl_context_new(&context, "slice", look_at_socket, NULL, NULL), SL_OK);
    assert_int_equal(sl_stream_slice(remembered, 0, 1000000, note_rows, &seen, &error), SL_E_STATE);
    SL_CHECK_HAS(error.text, "its job does not run");
    assert_int_equal(sl_stream_slice(NULL, 0, 1, note_rows, &seen, NULL), SL_E_INVALID);
    sl_context_free(context);
    check_seen("");
}

static void forget_soon(sl_graph *graph)
{
    itself = sl_stream_open(graph, "file:in");
    remembered = sl_stream_remember(sl_stream_where(itself, "true"), 2000000);
    sl_stream_save(itself, "file:out");
}

SL_TEST(what_is_forgotten_is_said_to_be, "")
{
    begin_seeing();
    slt_simlife l = slt_simlife_new(forget_soon, NULL);
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(sl_stream_slice(remembered, 0, INT64_MAX, note_rows, &seen, NULL), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 5), SL_OK);
    int64_t last_us = INT64_C(1577836805) * 1000000; // the world begins with 2020
    assert_int_equal(
        sl_stream_slice(remembered, last_us - 1000000, last_us, note_rows, &seen, NULL), SL_OK);
    assert_int_equal(
        sl_stream_slice(remembered, last_us - 2000000, last_us, note_rows, &seen, &error),
        SL_E_NOT_FOUND);
    SL_CHECK_HAS(error.text, "it remembers for 2000 ms");
    assert_int_equal(sl_stream_slice(itself, 0, last_us, note_rows, &seen, &error), SL_E_INVALID);
    SL_CHECK_HAS(error.text, "does not remember");
    slt_simlife_free(&l);
    check_seen("4:0 5:0 ");
}

static void remember_all(sl_graph *graph)
{
    itself = sl_stream_open(graph, "file:in");
    remembered = sl_stream_where(itself, "true");
    sl_graph_remember(graph, 2000000);
    (void)sl_stream_remember(itself, 60000000); // for longer
    sl_stream_save(remembered, "file:out");
    itself_unused = sl_stream_where(itself, "line = 'a'"); // nothing rests on it
}

SL_TEST(a_graph_remembers_every_stream_on_which_an_output_rests, "")
{
    begin_seeing();
    slt_simlife l = slt_simlife_new(remember_all, NULL);
    sl_error error = SL_ERROR_INIT;
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    slt_simlife_put(&l, "in/1", "a\nb\n");
    assert_int_equal(slt_simlife_run(&l, 4), SL_OK);
    int64_t last_us = INT64_C(1577836804) * 1000000;
    assert_int_equal(
        sl_stream_slice(remembered, last_us - 1000000, last_us, note_rows, &seen, NULL), SL_OK);
    assert_int_equal(
        sl_stream_slice(remembered, last_us - 2000000, last_us, note_rows, &seen, &error),
        SL_E_NOT_FOUND);
    SL_CHECK_HAS(error.text, "it remembers for 2000 ms");
    assert_int_equal(sl_stream_slice(itself, 0, last_us, note_rows, &seen, NULL), SL_OK);
    assert_int_equal(sl_stream_slice(itself_unused, 0, last_us, note_rows, &seen, &error),
                     SL_E_INVALID);
    SL_CHECK_HAS(error.text, "sl_graph_remember");
    slt_simlife_free(&l);
    check_seen("3:0 4:0 1:2 2:0 3:0 4:0 ");
}

static void remember_all_twice(sl_graph *graph)
{
    sl_graph_remember(graph, 1000000);
    sl_graph_remember(graph, 2000000);
    sl_stream_save(sl_stream_open(graph, "file:in"), "file:out");
}

SL_TEST(a_graph_that_remembers_already_is_told, "")
{
    slt_simlife l = slt_simlife_new(remember_all_twice, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_E_INVALID);
    SL_CHECK_HAS(l.error.text, "remember is already set, to 1000000 microseconds");
    slt_simlife_free(&l);
}

static void remember_with_gaps(sl_graph *graph)
{
    remembered = sl_stream_open(graph, "file:in");
    sl_graph_remember(graph, 60000000);
    sl_stream_save(sl_stream_window(remembered, "1s", "3s"), "file:out");
}

/// Epochs 1, 2, 4 and 5 lie in gaps: the source is not asked there, remembered or not.
SL_TEST(what_waits_between_two_windows_is_not_remembered, "")
{
    begin_seeing();
    slt_simlife l = slt_simlife_new(remember_with_gaps, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    slt_simlife_put(&l, "in/1", "a\nb\n");
    assert_int_equal(slt_simlife_run(&l, 6), SL_OK);
    assert_int_equal(sl_stream_slice(remembered, 0, INT64_MAX, note_rows, &seen, NULL), SL_OK);
    slt_simlife_free(&l);
    check_seen("3:2 6:0 ");
}

static void remember_too_long(sl_graph *graph)
{
    sl_stream *lines = sl_stream_remember(sl_stream_open(graph, "file:in"), 200000000000);
    sl_stream_save(lines, "file:out");
}

static void remember_nothing(sl_graph *graph)
{
    sl_stream_save(sl_stream_remember(sl_stream_open(graph, "file:in"), 0), "file:out");
}

SL_TEST(a_duration_that_can_not_be_is_refused, "")
{
    slt_simlife l = slt_simlife_new(remember_too_long, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_E_CONFIG);
    SL_CHECK_HAS(l.error.text, "200000 RDDs; there may be 100000");
    slt_simlife_free(&l);
    slt_simlife none = slt_simlife_new(remember_nothing, NULL);
    assert_int_equal(slt_simlife_start(&none), SL_E_INVALID);
    SL_CHECK_HAS(none.error.text, "can't remember for 0 microseconds");
    slt_simlife_free(&none);
}

static void remember_queue(sl_graph *graph)
{
    remembered = sl_stream_remember(sl_stream_queue(graph, "in", "x int64", true), 1000000);
    sl_stream_foreach_rdd(remembered, &slt_do_nothing_fn, NULL);
}

SL_TEST(a_slice_from_another_thread_is_refused, "")
{
    static const char *const settings[] = {"interval", "10ms", NULL};
    sl_context *context = NULL;
    sl_error error = SL_ERROR_INIT;
    begin_seeing();
    assert_int_equal(sl_context_new(&context, "slice", remember_queue, settings, NULL), SL_OK);
    assert_int_equal(sl_context_start(context, NULL), SL_OK);
    sl_code rc = sl_stream_slice(remembered, 0, INT64_MAX, note_rows, &seen, &error);
    sl_context_free(context);
    assert_int_equal(rc, SL_E_STATE);
    SL_CHECK_HAS(error.text, "not on the driver's thread");
    check_seen("");
}
