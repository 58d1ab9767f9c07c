// Bad input, in the simulated world: whatever is wrong outside, the error says what, where and what
// to do, a metric counts it, and nothing that was accepted is lost: with the cause mended the job
// starts again and shows every row once.
//
// A process is one *life*; the world outlives it. What needs the real program is in
// bad_program_test.c, full disks and damaged checkpoints in bad_disk_test.c, the mistakes of
// settings and graphs in cli_test.c.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract/simlife.h"

/// A job that copies a source to the directory "out"; its source's uid is "lines".
#define COPY_JOB(name, url)                                                                        \
    static void name(sl_graph *graph)                                                              \
    {                                                                                              \
        sl_stream_save(sl_stream_uid(sl_stream_open(graph, url), "lines"), "file:out");            \
    }

COPY_JOB(copy, "file:in")
COPY_JOB(copy_strict, "file:in?invalid_utf8=fail")
COPY_JOB(copy_valid, "file:in?invalid_utf8=skip")
COPY_JOB(copy_short, "file:in?max_record=16")
COPY_JOB(copy_short_skip, "file:in?max_record=16&malformed=skip")
COPY_JOB(copy_or_fail, "file:in?missing=fail")
COPY_JOB(copy_socket, "socket://localhost:9999?reconnect_delay=10ms")
COPY_JOB(copy_socket_strict, "socket://localhost:9999?reconnect_delay=10ms&invalid_utf8=fail")

// ---------------------------------------------------------------- bytes that are not what they
// should be

SL_TEST(malformed_utf8_is_replaced_and_counted, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(copy, NULL);
    slt_simlife_put(&l, "in/a.txt", "good\n\xff bad \xc3\nend\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "good\n\xef\xbf\xbd bad \xef\xbf\xbd\nend\n");
    SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_source_replaced_total{source=\"lines\"} 2");
    slt_simlife_free(&l);
}

SL_TEST(malformed_utf8_is_dropped_and_counted_when_told_so, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(copy_valid, NULL);
    slt_simlife_put(&l, "in/a.txt", "good\n\xff bad \xc3\nend\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "good\nend\n");
    SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_source_malformed_total{source=\"lines\"} 1");
    slt_simlife_free(&l);
}

SL_TEST(a_line_over_the_maximum_is_dropped_and_counted_when_told_so, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(copy_short_skip, NULL);
    slt_simlife_put(&l, "in/a.txt",
                    "short\nthis one has more than sixteen bytes\nsixteen bytes ok\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "short\nsixteen bytes ok\n");
    SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_source_malformed_total{source=\"lines\"} 1");
    slt_simlife_free(&l);
}

static void copy_csv(sl_graph *graph)
{
    sl_stream *rows = sl_stream_open(graph, "file:in?format=csv&schema=word%20string,%20n%20int64");
    sl_stream_save(sl_stream_uid(rows, "lines"), "file:out?format=csv");
}

static void copy_json(sl_graph *graph)
{
    sl_stream *rows =
        sl_stream_open(graph, "file:in?format=json&schema=word%20string,%20n%20int64");
    sl_stream_save(sl_stream_uid(rows, "lines"), "file:out?format=csv");
}

/// The file stops the job, which names it, the place and the cause; mended, it is read whole, with
/// what came before it.
static void fails_until_mended(sl_build_fn build, const char *bad, const char *mended,
                               const char *const *wanted, const char *right)
{
    slt_simlife l = slt_simlife_new(build, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    slt_simlife_put(&l, "in/bad.dat", bad);
    assert_int_not_equal(slt_simlife_run(&l, 3), SL_OK);
    SL_CHECK_HAS(l.error.text, "in/bad.dat");
    SL_CHECK_HAS(l.error.text, "epoch 1");
    SL_CHECK_HAS(l.error.text, "lines.save-1");
    for (size_t i = 0; wanted[i] != NULL; i++) {
        SL_CHECK_HAS(l.error.text, wanted[i]);
    }
    assert_string_equal(slt_simlife_shown(&l, "out"), "");
    assert_int_not_equal(slt_simlife_start(&l) == SL_OK ? slt_simlife_run(&l, 2) : l.rc,
                         SL_OK); // it does not go away by itself
    SL_CHECK_HAS(l.error.text, "in/bad.dat");
    slt_simlife_put(&l, "in/bad.dat", mended);
    slt_simlife_put(&l, "in/later.dat", "");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), right);
    slt_simlife_free(&l);
}

SL_TEST(malformed_utf8_stops_the_job_when_told_so, "ERRORS-5")
{
    fails_until_mended(copy_strict,
                       "good\nb\xff"
                       "d\n",
                       "good\nbad\n", (const char *const[]){"line 2", "UTF-8", NULL},
                       "good\nbad\n");
}

SL_TEST(a_line_over_the_maximum_stops_the_job, "ERRORS-5")
{
    fails_until_mended(copy_short, "a\nb\n0123456789 123456789\n", "a\nb\n0123456789\n",
                       (const char *const[]){"line 3", "16", "max_record", NULL},
                       "a\nb\n0123456789\n");
}

SL_TEST(a_truncated_csv_file_stops_the_job_with_its_place, "ERRORS-5")
{
    fails_until_mended(copy_csv, "to,1\nbe,2\n\"or,3\n", "to,1\nbe,2\n\"or\",3\n",
                       (const char *const[]){"line 3", "quote", NULL}, "to,1\nbe,2\nor,3\n");
    fails_until_mended(copy_csv, "to,1\nbe", "to,1\nbe,2\n",
                       (const char *const[]){"line 2", "fields", NULL}, "to,1\nbe,2\n");
}

SL_TEST(a_truncated_json_file_stops_the_job_with_its_place, "ERRORS-5")
{
    fails_until_mended(copy_json, "{\"word\":\"to\",\"n\":1}\n{\"word\":\"be\",\"n\"",
                       "{\"word\":\"to\",\"n\":1}\n", (const char *const[]){"line 2", NULL},
                       "to,1\n");
}

// ---------------------------------------------------------------- directories and files that are
// not there

SL_TEST(a_missing_directory_is_waited_for_with_a_warning_and_a_metric, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(copy, NULL);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 3), SL_OK);
    SL_CHECK_HAS(slt_simlife_printed(&l), "in");
    SL_CHECK_HAS(slt_simlife_printed(&l), "No such file or directory");
    SL_CHECK_HAS(slt_simlife_metrics(&l),
                 "sluice_source_listings_failed_total{source=\"lines\"} 3");
    assert_int_equal(slt_times_in(slt_simlife_printed(&l), "No such file"),
                     1); // said once, not each epoch
    slt_simlife_put(&l, "in/a.txt", "now\n");
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "now\n");
    slt_simlife_free(&l);
}

SL_TEST(a_missing_directory_stops_the_job_when_told_so, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(copy_or_fail, NULL);
    (void)slt_simlife_start(&l);
    assert_int_not_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_HAS(l.error.text, "lines");
    SL_CHECK_HAS(l.error.text, "No such file or directory");
    slt_simlife_put(&l, "in/a.txt", "now\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "now\n");
    slt_simlife_free(&l);
}

// Whichever listing fails: at the start the job says which and ends, later it waits and lists
// again.
SL_TEST(an_unreadable_directory_is_waited_for, "ERRORS-5")
{
    int32_t n_waited = 0;
    for (int64_t n = 1; n_waited < 3; n++) {
        slt_simlife l = slt_simlife_new(copy, NULL);
        sli_fault fault = {.fail_at_call = n, .only_site = "dir.list"};
        slt_simlife_put(&l, "in/a.txt", "there\n");
        if (slt_simlife_start_with(&l, &fault) != SL_OK) {
            SL_CHECK_HAS(l.error.text, "injected failure of dir.list");
            assert_int_equal(slt_simlife_start(&l), SL_OK);
        } else {
            n_waited++;
        }
        assert_int_equal(slt_simlife_run(&l, 4), SL_OK);
        SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "there\n");
        slt_simlife_free(&l);
        assert_true(n < 40);
    }
}

/// Takes the file away after the epoch was planned, before it is read.
static sl_code take_away(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)err;
    (void)!sli_world_remove(sl_args_attached(args, "world"), "in/b.txt",
                            NULL); // gone already: nothing to do
    *out = sl_rdd_ref(in);
    return SL_OK;
}

static const sl_transform_fn take_away_fn = {
    sizeof(sl_transform_fn), "take-away", NULL, 1, true, take_away};

static void vanishing(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream_save(sl_stream_uid(sl_stream_transform(lines, &take_away_fn, NULL), "rest"),
                   "file:out");
}

SL_TEST(a_file_that_vanishes_while_it_is_read_is_named_and_asked_back, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(vanishing, NULL);
    slt_simlife_put(&l, "in/a.txt", "a\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "b\n");
    slt_simlife_put(&l, "in/c.txt", "c\n");
    assert_int_not_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_HAS(l.error.text, "in/b.txt");
    SL_CHECK_HAS(l.error.text, "gone since an epoch took it");
    SL_CHECK_HAS(l.error.text, "put it back");
    SL_CHECK_HAS(l.error.text, "epoch 2");
    l.build = copy; // the graph may change: what is read does not
    l.build = vanishing;
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"),
                  "a\nc\n"); // the epoch was never on record: b was not accepted
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- connections

SL_TEST(a_refused_connection_is_tried_again, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(copy_socket, NULL);
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    sli_peer_refuse(peer, true);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_HAS(slt_simlife_printed(&l), "localhost:9999");
    SL_CHECK_HAS(slt_simlife_printed(&l), "refused");
    SL_CHECK_HAS(slt_simlife_printed(&l), "next try in 10 ms");
    assert_null(
        strstr(slt_simlife_metrics(&l), "sluice_source_reconnects_total{source=\"lines\"} 0"));
    SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_source_reconnects_total{source=\"lines\"}");
    sli_peer_refuse(peer, false);
    assert_int_equal(sli_peer_send(peer, "at last\n", 8, NULL), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "at last\n");
    slt_simlife_free(&l);
}

SL_TEST(a_dropped_connection_is_made_again_and_loses_no_line_that_came_before, "ERRORS-5")
{
    slt_simlife l = slt_simlife_new(copy_socket, NULL);
    char right[4000] = "", line[32];
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    for (int i = 0; i < 60; i++) {
        (void)snprintf(line, sizeof line, "line %d\n", i);
        strcat(right, line); // NOLINT: 60 lines of at most 8 bytes
        assert_int_equal(sli_peer_send(peer, line, strlen(line), NULL), SL_OK);
        if (i % 7 == 0) {
            sli_peer_finish(peer);
        }
        if (i % 4 == 0) {
            assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
        }
        if (i % 20 ==
            19) { // and the program too; what it has read is in its log or still with the peer
            assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
            sli_world_kill(l.env);
            assert_int_equal(slt_simlife_start(&l), SL_OK);
        }
    }
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), right);
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- user functions

static sl_code refuse_seven(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_text line = sl_column_text(sl_batch_column(in, 0), i);
        if (line.size == 5 && memcmp(line.data, "seven", 5) == 0) {
            return sl_error_set(err, SL_E_USER, "I don't like %.*s", (int)line.size, line.data);
        }
        sl_builder_text(out, 0, line.data, line.size);
    }
    return SL_OK;
}

static const sl_fn refuse_fn = {
    .struct_size = sizeof(sl_fn), .name = "refuse", .version = 1, .run = refuse_seven};

static void refusing(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "file:in"), "lines");
    sl_stream *judged = sl_stream_uid(sl_stream_map(lines, &refuse_fn, NULL), "judge");
    sl_stream_save(sl_stream_select(judged, "line"), "file:out");
}

SL_TEST(a_failing_function_is_told_with_uid_epoch_and_place, "ERRORS-4")
{
    slt_simlife l = slt_simlife_new(refusing, NULL);
    slt_simlife_put(&l, "in/a.txt", "five\nsix\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    slt_simlife_put(&l, "in/b.txt", "seven\neight\n");
    assert_int_not_equal(slt_simlife_run(&l, 1), SL_OK);
    SL_CHECK_HAS(l.error.text, "I don't like seven");
    SL_CHECK_HAS(l.error.text, "judge");
    SL_CHECK_HAS(l.error.text, "refuse");
    SL_CHECK_HAS(l.error.text, "epoch 2");
    SL_CHECK_HAS(l.error.text, "partition");
    SL_CHECK_HAS(l.error.text, "row");
    SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_epochs_failed_total 1");
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "five\nsix\n");
    slt_simlife_put(&l, "in/b.txt", "SEVEN\neight\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "five\nsix\nSEVEN\neight\n");
    slt_simlife_free(&l);
}

// The good epochs of the group are committed; what the bad one should have read is not forgotten.
SL_TEST(input_of_an_epoch_that_failed_is_there_at_the_next_start, "ERRORS-5")
{
    const char *const more[] = {"commit_interval", "1m", NULL};
    slt_simlife l = slt_simlife_new(copy_socket_strict, more);
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(sli_peer_send(peer, "good\n", 5, NULL), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), ""); // the group waits a minute
    assert_int_equal(sli_peer_send(peer, "bad\xff\n", 5, NULL), SL_OK);
    (void)slt_simlife_run(&l, 2);
    SL_CHECK_HAS(l.error.text, "UTF-8");
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "good\n");
    SL_CHECK_HAS(slt_simlife_metrics(&l), "sluice_received_pending_bytes{source=\"lines\"} 5");
    l.build = copy_socket;
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_OK);
    SL_CHECK_TEXT(slt_simlife_shown(&l, "out"), "good\nbad\xEF\xBF\xBD\n");
    slt_simlife_free(&l);
}
