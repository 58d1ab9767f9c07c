// Jobs in which nothing happens: what an epoch without input must not do.
#include "contract/life.h"

#include <stdlib.h>

static int64_t metric(slt_life *l, const char *name)
{
    const char *at = strstr(slt_life_metrics(l), name);
    assert_non_null(at);
    return strtoll(at + strlen(name), NULL, 10);
}

// ---------------------------------------------------------------- groups without an effect

static void copy_files(sl_graph *graph)
{
    sl_stream_save(sl_stream_open(graph, "file:in"), "file:out");
}

SL_TEST(a_group_is_counted_once_however_long_the_job_is_quiet_afterwards, "")
{
    slt_life l = slt_life_new(copy_files, NULL);
    slt_life_put(&l, "in/a.txt", "to be\n");
    assert_int_equal(slt_life_start(&l), SL_OK);
    assert_int_equal(slt_life_run(&l, 6), SL_OK);
    SL_CHECK_TEXT(slt_life_shown(&l, "out"), "to be\n");
    assert_int_equal(metric(&l, "\nsluice_epochs_total "), 6);
    assert_int_equal(metric(&l, "\nsluice_seal_microseconds_count "), 1);
    assert_int_equal(metric(&l, "\nsluice_log_microseconds_count "), 1);
    assert_int_equal(metric(&l, "\nsluice_commit_microseconds_count "), 1);
    slt_life_free(&l);
}

// ---------------------------------------------------------------- sinks with nothing to show

static void count_words(sl_graph *graph)
{
    sl_stream *words = sl_stream_open(graph, "file:in?format=csv&schema=word string");
    sl_stream_save(sl_stream_reduce_by_key(words, "word", "count() as n"), "file:out?format=csv");
}

SL_TEST(a_sink_keeps_nothing_of_epochs_without_effect, "")
{
    slt_life l = slt_life_new(count_words, NULL);
    slt_life_put(&l, "in/a.csv", "to\nbe\nto\n");
    assert_int_equal(slt_life_start(&l), SL_OK);
    assert_int_equal(slt_life_run(&l, 5), SL_OK);
    int64_t before = sli_mem_used(SLI_TAG_SINK);
    assert_int_equal(slt_life_run(&l, 50), SL_OK);
    assert_int_equal(sli_mem_used(SLI_TAG_SINK), before);
    slt_life_put(&l, "in/b.csv", "not\n");
    assert_int_equal(slt_life_run(&l, 2), SL_OK);
    SL_CHECK_HAS(slt_life_shown(&l, "out"), "not,1\n");
    slt_life_free(&l);
}
