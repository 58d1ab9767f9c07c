// Jobs in which nothing happens: what an epoch without input must not do, and that its driver still
// hears whoever wakes it.
#include "contract/simlife.h"
#include "contract/plain.h"

#include "sluice/event.h"

#include <dirent.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

static int64_t metric(slt_simlife *l, const char *name)
{
    const char *at = strstr(slt_simlife_metrics(l), name);
    assert_non_null(at);
    return strtoll(at + strlen(name), NULL, 10);
}

// ---------------------------------------------------------------- groups without an effect

SL_TEST(a_group_is_counted_once_however_long_the_job_is_quiet_afterwards, "")
{
    slt_simlife l = slt_simlife_new(slt_copy_files, NULL);
    slt_simlife_put(&l, "in/a.txt", "to be\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 6), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "to be\n");
    assert_int_equal(metric(&l, "\nsluice_epochs_total "), 6);
    assert_int_equal(metric(&l, "\nsluice_seal_microseconds_count "), 1);
    assert_int_equal(metric(&l, "\nsluice_log_microseconds_count "), 1);
    assert_int_equal(metric(&l, "\nsluice_commit_microseconds_count "), 1);
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- sinks with nothing to show

static void count_words(sl_graph *graph)
{
    sl_stream *words = sl_stream_open(graph, "file:in?format=csv&schema=word string");
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"), "file:out?format=csv");
}

SL_TEST(a_sink_keeps_nothing_of_epochs_without_effect, "")
{
    slt_simlife l = slt_simlife_new(count_words, NULL);
    slt_simlife_put(&l, "in/a.csv", "to\nbe\nto\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 5), SL_OK);
    int64_t before = sli_mem_used(SLI_TAG_SINK);
    assert_int_equal(slt_simlife_run(&l, 50), SL_OK);
    assert_int_equal(sli_mem_used(SLI_TAG_SINK), before);
    slt_simlife_put(&l, "in/b.csv", "not\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_HAS(slt_simlife_shown(&l, "out"), "not,1\n");
    slt_simlife_free(&l);
}

static char table_url[512]; // where the one build function below puts its rows

static void count_into_table(sl_graph *graph)
{
    sl_stream *words = sl_stream_queue(graph, "in", "word string", false);
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"), table_url);
}

/// How often threads of this name went to sleep.
static int64_t sleeps_of(const char *name)
{
    int64_t sum = -1;
    DIR *tasks = opendir("/proc/self/task");
    assert_non_null(tasks);
    for (const struct dirent *task; (task = readdir(tasks)) != NULL;) {
        char path[300];
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        const char *status = slt_content(path);
        const char *sleeps = strstr(status, "\nvoluntary_ctxt_switches:");
        if (strncmp(status, "Name:\t", 6) == 0 && sleeps != NULL &&
            strncmp(status + 6, name, strlen(name)) == 0) {
            sum = (sum < 0 ? 0 : sum) + strtoll(strchr(sleeps, ':') + 1, NULL, 10);
        }
    }
    closedir(tasks);
    assert_true(sum >= 0);
    return sum;
}

static void step_until(sl_context *context, int64_t epoch)
{
    sli_engine *engine = sli_context_engine(context);
    while (sli_engine_epoch(engine) < epoch || !sli_engine_rests(engine)) {
        assert_int_equal(sl_context_step(context, NULL), SL_OK);
        assert_int_equal(sli_engine_wait(engine, sli_engine_next_epoch_us(engine), NULL), SL_OK);
    }
}

SL_TEST(a_group_without_effect_wakes_no_thread_when_no_sink_shows_it, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    const char *settings[] = {"interval", "1ms", "commit_interval", "0ms", "progress",
                              "none",     NULL};
    (void)snprintf(table_url, sizeof table_url, "sqlite:%s/quiet.db?table=counts&mode=append",
                   slt_temp_dir());
    assert_int_equal(sl_context_new(&context, "table", count_into_table, settings, &err), SL_OK);
    assert_int_equal(sl_context_start_stepped(context, &err), SL_OK);
    sl_batch *rows = NULL;
    sl_builder *builder = NULL;
    assert_int_equal(
        sl_builder_new(&builder, sli_graph_queue_schema(sl_context_graph(context), "in"), &err),
        SL_OK);
    sl_builder_text(builder, 0, "to", 2);
    assert_int_equal(sl_builder_finish(builder, &rows, &err), SL_OK);
    assert_int_equal(sl_queue_push(context, "in", rows, 1, &err), SL_OK);
    step_until(context, 3);
    int64_t before = sleeps_of("sl-committer");
    step_until(context, 23);
    assert_true(sleeps_of("sl-committer") <= before + 1); // after its last work
    sl_batch_unref(rows);
    sl_builder_free(builder);
    sl_context_free(context);
}

// ---------------------------------------------------------------- actions

static sl_code count(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    int64_t rows = -1;
    (void)args;
    SL_TRY(sl_rdd_count(rdd, &rows, err));
    return rows == 0 ? SL_OK : sl_error_set(err, SL_E_DATA, "rows from nowhere");
}
static const sl_foreach_fn count_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "count", .version = 1, .run = count};

static void count_queue(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "word string", false);
    sl_stream *counts = sl_stream_reduce_by_key(in, "word", "count() as n");
    sl_stream_foreach_rdd(sl_stream_where(counts, "n > 1"), &count_fn, NULL);
}

static void count_windows(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "ts timestamp, word string", false);
    sl_stream *rows = sl_stream_event_time(in, "ts", "10s");
    sl_stream *counts = sl_stream_event_window(rows, "word", "count() as n", "1m", NULL);
    sl_stream_foreach_rdd(counts, &count_fn, NULL);
    sl_stream_foreach_rdd(sl_stream_late(counts), &count_fn, NULL);
}

static void runs_no_stage_and_allocates_nothing(sl_build_fn build)
{
    sl_error err = SL_ERROR_INIT;
    sl_context *context = NULL;
    const char *settings[] = {"interval", "1ms", "progress", "none", NULL};
    assert_int_equal(sl_context_new(&context, "quiet", build, settings, &err), SL_OK);
    assert_int_equal(sl_context_start_stepped(context, &err), SL_OK);
    sli_engine *engine = sli_context_engine(context);
    struct pollfd ask = {.fd = sl_context_fd(context), .events = POLLIN};
    int64_t allocated = 0;
    while (sli_engine_epoch(engine) < 5) {
        allocated = sli_engine_epoch(engine) == 2 ? sli_mem_count() : allocated;
        assert_int_equal(sl_context_step(context, &err), SL_OK);
        assert_int_equal(poll(&ask, 1, 0), 0); // the driver does not wake itself
        assert_int_equal(sli_engine_wait(engine, sli_engine_next_epoch_us(engine), &err), SL_OK);
    }
    assert_int_equal(sli_mem_count(), allocated);
    sli_str text = {.tag = SLI_TAG_TEST};
    assert_int_equal(sli_metrics_prometheus(sli_context_host(context)->metrics, &text, &err),
                     SL_OK);
    assert_non_null(strstr(text.data, "\nsluice_epochs_total 5\n"));
    assert_non_null(strstr(text.data, "\nsluice_stages_total 0\n"));
    sli_str_reset(&text);
    sl_context_free(context);
}

SL_TEST(an_epoch_without_input_runs_no_stage_and_allocates_nothing, "")
{
    runs_no_stage_and_allocates_nothing(count_queue);
    runs_no_stage_and_allocates_nothing(count_windows);
}

static void save_windows(sl_graph *graph)
{
    sl_stream *in =
        sl_stream_open(graph, "file:in?format=csv&timestamp=s&schema=ts timestamp, word string");
    sl_stream *rows = sl_stream_event_time(in, "ts", "10s");
    sl_stream *counts = sl_stream_event_window(rows, "word", "count() as n", "1m", NULL);
    sl_stream_save(sl_stream_select(counts, "word, n"), "file:out?format=csv");
}

SL_TEST(event_time_is_logged_when_it_moves_and_not_when_it_stands, "")
{
    slt_simlife l = slt_simlife_new(save_windows, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    slt_simlife_put(&l, "in/a.csv", "1,to\n80,be\n2,to\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK); // the rows; then the watermark, and a window
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "to,2\n");
    assert_int_equal(metric(&l, "\nsluice_watermark_milliseconds{uid=\"eventTime-1\"} "), 70000);
    assert_int_equal(metric(&l, "\nsluice_log_microseconds_count "), 2);
    assert_int_equal(slt_simlife_run(&l, 20), SL_OK);
    assert_int_equal(metric(&l, "\nsluice_log_microseconds_count "), 2);
    slt_simlife_free(&l);
}

static void print_words(sl_graph *graph)
{
    sl_stream *words = sl_stream_open(graph, "file:in?format=csv&schema=word string");
    sl_stream_print(sl_stream_reduce_by_key(words, "word", "count() as n"), 10);
}

SL_TEST(an_epoch_without_input_is_printed_without_a_stage, "")
{
    slt_simlife l = slt_simlife_new(print_words, NULL);
    size_t size = 0;
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 3), SL_OK);
    assert_int_equal(slt_times_in(sli_world_printed(l.world, 1, &size), "Time: "), 3);
    assert_int_equal(metric(&l, "\nsluice_stages_total "), 0);
    slt_simlife_put(&l, "in/a.csv", "to\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_HAS(sli_world_printed(l.world, 1, &size), "(to,1)");
    assert_int_equal(metric(&l, "\nsluice_stages_total "), 2);
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- waking

SL_TEST(a_driver_that_sleeps_for_an_hour_hears_the_stop, "")
{
    for (int i = 0; i < 20; i++) { // before, while and after it goes to sleep
        sl_error err = SL_ERROR_INIT;
        sl_context *context = NULL;
        const char *settings[] = {"interval", "1h", "progress", "none", NULL};
        assert_int_equal(sl_context_new(&context, "sleeper", count_queue, settings, &err), SL_OK);
        assert_int_equal(sl_context_start(context, &err), SL_OK);
        assert_int_equal(sl_context_stop(context, i % 2 == 0, NULL), SL_OK);
        assert_int_equal(sl_context_await(context, 60000000, &err), SL_OK);
        sl_context_free(context);
    }
}
