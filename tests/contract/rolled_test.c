// Rolled files of a whole job, in the simulated world: when rows that are committed become visible.
#include <stdio.h>

#include "contract/simlife.h"

/// Files of many epochs, ended by time alone.
static void by_time(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream_save(lines, "file:out?roll_size=1GiB&roll_interval=5s");
}

static void not_rolled(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream_save(lines, "file:out");
}

SL_TEST(rolled_rows_appear_in_time_though_nothing_more_comes, "")
{
    slt_simlife l = slt_simlife_new(by_time, NULL);
    slt_simlife_put(&l, "in/a.txt", "one\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "two\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "");
    assert_int_equal(slt_simlife_run(&l, 6), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "one\ntwo\n");
    slt_simlife_free(&l);
}

SL_TEST(rolled_rows_appear_when_the_job_ends, "DURABLE-2")
{
    slt_simlife l = slt_simlife_new(by_time, NULL);
    slt_simlife_put(&l, "in/a.txt", "one\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "two\n");
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "one\ntwo\n");
    slt_simlife_free(&l);
}

SL_TEST(rolled_rows_of_a_killed_job_appear_at_its_next_start, "EXACTLY-ONCE-1")
{
    slt_simlife l = slt_simlife_new(by_time, NULL);
    slt_simlife_put(&l, "in/a.txt", "one\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    sli_world_kill(l.env);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "");
    l.build = not_rolled;
    slt_simlife_put(&l, "in/b.txt", "two\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "one\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "one\ntwo\n");
    slt_simlife_free(&l);
}

/// A disk that is full just when the last file is made: the job says so, the next start makes it.
SL_TEST(rolled_rows_wait_for_a_disk_that_is_full_at_the_end, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(by_time, NULL);
    slt_simlife_put(&l, "in/a.txt", "one\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "two\n");
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    sli_world_disk_limit(l.world, 1);
    assert_int_equal(slt_simlife_stop(&l), SL_E_NO_SPACE);
    SL_CHECK_HAS(l.error.text, "show what output lines");
    sli_world_disk_limit(l.world, 0);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "one\ntwo\n");
    slt_simlife_free(&l);
}

/// One group is all there will be.
SL_TEST(rolled_rows_of_a_saved_rdd_appear_with_it, "")
{
    char url[400];
    sl_session *session = NULL;
    const char *dir = slt_temp_dir();
    slt_program ls;
    slt_put(dir, "in.txt", "one\ntwo\n");
    assert_int_equal(sl_session_new(&session, NULL, NULL), SL_OK);
    (void)snprintf(url, sizeof url, "file:%s/in.txt", dir);
    sl_rdd *rdd = sl_rdd_open(session, url);
    (void)snprintf(url, sizeof url, "file:%s/out?roll_size=1GiB", dir);
    assert_int_equal(sl_rdd_save(rdd, url, NULL), SL_OK);
    sl_rdd_unref(rdd);
    sl_session_free(session);
    const char *const read[] = {"sh", "-c", "cat out/000000000001-000000000001-*.txt", NULL};
    assert_int_equal(slt_run(&ls, dir, read), 0);
    SL_CHECK_TEXT(slt_out(&ls), "one\ntwo\n");
}
