// A job's timeline as users get it: from the program, from a simulated job (byte for byte), from a
// session, and from a process that was killed.
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "contract/simlife.h"
#include "metrics/metrics_int.h"

/// Fails the test unless the trace, with the bracket that a killed process owes, is JSON.
static void check_json(const char *trace)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    sli_str_text(&text, trace);
    if (text.size < 2 || strcmp(trace + text.size - 2, "]\n") != 0) {
        sli_str_text(&text, "]");
    }
    assert_true(sli_json_is_valid(text.data, text.size));
    sli_str_reset(&text);
}

/// One slice of a track.
typedef struct slice {
    long long begin, end, tid;
} slice;

/// Slices of one track lie apart or within each other; viewers can't show anything else.
static void check_tracks(const char *trace)
{
    enum { MOST = 1000 };
    slice *slices = malloc(MOST * sizeof *slices);
    int n = 0;
    assert_non_null(slices);
    for (const char *at = trace; n < MOST && (at = strstr(at, "\"ph\":\"X\"")) != NULL; at++) {
        long long ts = 0, dur = 0, tid = 0;
        assert_int_equal(sscanf(at,
                                "\"ph\":\"X\",\"ts\":%lld,\"dur\":%lld,\"pid\":%*d,\"tid\":%lld,",
                                &ts, &dur, &tid),
                         3);
        assert_true(ts >= 0 && dur >= 0);
        slices[n++] = (slice){ts, ts + dur, tid};
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) {
            const slice *a = &slices[i], *b = &slices[k];
            bool apart = a->tid != b->tid || a->end <= b->begin || b->end <= a->begin;
            bool within = (a->begin >= b->begin && a->end <= b->end) ||
                          (b->begin >= a->begin && b->end <= a->end);
            assert_true(apart || within);
        }
    }
    free(slices);
    assert_true(n > 0);
}

static const char running_count[] = "examples/running_count";

static void put_input(const char *dir)
{
    assert_int_equal(mkdir(slt_path(dir, "in"), 0700), 0);
    slt_put(slt_path(dir, "in"), "a.txt", "to be or not to be\n");
}

// ---------------------------------------------------------------- the program

SL_TEST(a_trace_shows_what_each_thread_did, "")
{
    static const char *const shown[] = {
        "\"name\":\"epoch\"",
        "\"name\":\"plan\"",
        "\"name\":\"stage counts\"",
        "\"name\":\"task\"",
        "\"name\":\"seal\"",
        "\"name\":\"log sync\"",
        "\"name\":\"commit\"",
        "\"name\":\"sl-driver\"",
        "\"name\":\"sl-worker-1\"",
        "\"name\":\"sl-committer\"",
        "\"name\":\"sl-writer\"",
        "\"name\":\"stage 1\"",
        "\"partition\":1,\"attempt\":0,\"rows\":",
    };
    slt_program p;
    const char *dir = slt_temp_dir();
    put_input(dir);
    const char *const argv[] = {slt_built(running_count),
                                "--interval",
                                "20ms",
                                "--checkpoint",
                                "state",
                                "--max-epochs",
                                "3",
                                "--master",
                                "local[2]",
                                "--conf",
                                "inline_rows=0",
                                "--trace",
                                "run.json",
                                NULL};
    assert_int_equal(slt_run(&p, dir, argv), 0);
    assert_string_equal(slt_err(&p), "");
    const char *trace = slt_content(slt_path(dir, "run.json"));
    assert_true(sli_json_is_valid(trace, strlen(trace)));
    for (size_t i = 0; i < sizeof shown / sizeof *shown; i++) {
        SL_CHECK_HAS(trace, shown[i]);
    }
    check_tracks(trace);
}

SL_TEST(sluice_trace_is_the_setting_from_the_environment, "")
{
    slt_program p;
    struct stat unused;
    const char *dir = slt_temp_dir();
    put_input(dir);
    const char *const argv[] = {"env",
                                "SLUICE_TRACE=env.json",
                                slt_built(running_count),
                                "--interval",
                                "20ms",
                                "--max-epochs",
                                "1",
                                NULL};
    assert_int_equal(slt_run(&p, dir, argv), 0);
    SL_CHECK_HAS(slt_content(slt_path(dir, "env.json")), "\"name\":\"epoch\"");
    const char *const both[] = {"env",
                                "SLUICE_TRACE=lost.json",
                                slt_built(running_count),
                                "--interval",
                                "20ms",
                                "--max-epochs",
                                "1",
                                "--trace",
                                "won.json",
                                NULL};
    assert_int_equal(slt_run(&p, dir, both), 0);
    SL_CHECK_HAS(slt_content(slt_path(dir, "won.json")), "\"name\":\"epoch\"");
    assert_int_not_equal(stat(slt_path(dir, "lost.json"), &unused), 0);
}

SL_TEST(a_killed_job_leaves_a_trace_that_opens, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    put_input(dir);
    const char *const argv[] = {slt_built(running_count),
                                "--interval",
                                "5ms",
                                "--checkpoint",
                                "state",
                                "--trace",
                                "run.json",
                                NULL};
    p = slt_start(dir, argv);
    slt_await_text(&p, dir, "run.json", "\"name\":\"epoch\",");
    slt_signal(&p, SIGKILL);
    assert_int_equal(slt_wait(&p), 128 + SIGKILL);
    check_json(slt_content(slt_path(dir, "run.json")));
}

SL_TEST(a_full_disk_ends_the_trace_and_not_the_job, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    put_input(dir);
    const char *const argv[] = {slt_built(running_count),
                                "--interval",
                                "20ms",
                                "--max-epochs",
                                "3",
                                "--trace",
                                "/dev/full",
                                NULL};
    assert_int_equal(slt_run(&p, dir, argv), 0);
    SL_CHECK_HAS(slt_err(&p), "/dev/full ends here, the job goes on: ");
    assert_int_equal(slt_times_in(slt_err(&p), "\n"), 1);
}

SL_TEST(a_trace_that_cant_be_opened_stops_the_start, "")
{
    slt_program p;
    const char *dir = slt_temp_dir();
    const char *const argv[] = {slt_built(running_count), "--trace", "none/run.json", NULL};
    assert_int_equal(slt_run(&p, dir, argv), 1);
    SL_CHECK_HAS(slt_err(&p), "trace: none/run.json");
}

// ---------------------------------------------------------------- in simulation

static sl_code keep(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < sl_batch_rows(call->keys); i++) {
        sl_builder_int64(call->out, 0, call->values_from[i + 1] - call->values_from[i]);
    }
    return SL_OK;
}

static const sl_update_fn keep_fn = {sizeof(sl_update_fn), "keep", "n int64", 1, false, keep};

/// State, so that there are snapshots, from a socket, so that there is a write-ahead log.
static void stateful(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, "socket://localhost:9999"), "lines");
    sl_stream *totals = sl_stream_update_state_by_key(lines, "line", &keep_fn, NULL);
    sl_stream_save(sl_stream_uid(totals, "totals"), "file:out?format=csv");
}

/// The trace of a whole simulated life; the caller frees it.
static char *trace_of_a_life(void)
{
    static const char *const settings[] = {"trace", "run.json", "snapshot.groups", "2", NULL};
    slt_simlife l = slt_simlife_new(stateful, settings);
    sli_peer *peer = sli_peer_listen(l.world, "localhost", 9999);
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    for (int round = 0; round < 6; round++) {
        assert_int_equal(sli_peer_send(peer, "a\nb\n", 4, NULL), SL_OK);
        assert_int_equal(slt_simlife_run(&l, 1), SL_OK);
    }
    assert_int_equal(slt_simlife_stop(&l), SL_OK);
    slt_simlife_end(&l);
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(l.world, "run.json", &text, &size, NULL), SL_OK);
    slt_simlife_free(&l);
    return text;
}

SL_TEST(a_simulated_job_gives_the_same_trace_again, "DETERMINISM-1")
{
    char *first = trace_of_a_life(), *second = trace_of_a_life();
    SL_CHECK_TEXT(second, first);
    assert_true(sli_json_is_valid(first, strlen(first)));
    check_tracks(first);
    SL_CHECK_HAS(first, "\"name\":\"wal sync lines\"");
    SL_CHECK_HAS(first, "\"name\":\"sl-wal\"");
    SL_CHECK_HAS(first, "\"name\":\"snapshot\"");
    SL_CHECK_HAS(first, "\"name\":\"sl-compactor\"");
    sl_free(first);
    sl_free(second);
}

static sl_code refuse(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)in;
    (void)out;
    return sl_error_set(err, SL_E_USER, "the moon is full");
}

static const sl_fn refuse_fn = {sizeof(sl_fn), .name = "refuse", .version = 1, .run = refuse};

static void failing(sl_graph *graph)
{
    sl_stream_save(sl_stream_map(sl_stream_open(graph, "file:in"), &refuse_fn, NULL), "file:out");
}

SL_TEST(a_trace_shows_what_failed, "ERRORS-4")
{
    static const char *const settings[] = {"trace", "run.json", NULL};
    slt_simlife l = slt_simlife_new(failing, settings);
    slt_simlife_put(&l, "in/a.txt", "one\n");
    assert_int_equal(slt_simlife_start(&l), SL_OK);
    assert_int_equal(slt_simlife_run(&l, 2), SL_E_USER);
    slt_simlife_end(&l);
    char *text = NULL;
    size_t size = 0;
    assert_int_equal(sli_world_read(l.world, "run.json", &text, &size, NULL), SL_OK);
    assert_true(sli_json_is_valid(text, size));
    SL_CHECK_HAS(text,
                 "\"partition\":0,\"attempt\":3,\"rows\":0,\"bytes\":0,\"error\":\"map refuse");
    SL_CHECK_HAS(text, "\"epoch\":1,\"batchTimeUs\":1577836801000000,\"rows\":0,\"delayUs\":0,"
                       "\"error\":\"epoch 1 ");
    sl_free(text);
    slt_simlife_free(&l);
}

// ---------------------------------------------------------------- a session

SL_TEST(a_session_has_a_trace, "")
{
    sl_session *session = NULL;
    char path[400];
    int64_t n = -1;
    (void)snprintf(path, sizeof path, "%s/run.json", slt_temp_dir());
    const char *const settings[] = {"trace", path, "master", "local[2]", NULL};
    assert_int_equal(sl_session_new(&session, settings, NULL), SL_OK);
    sl_rdd *nothing = sl_rdd_empty(session, "n int64", 4);
    sl_rdd *lists = sl_rdd_glom(nothing); // a row a partition
    assert_int_equal(sl_rdd_count(lists, &n, NULL), SL_OK);
    assert_int_equal(n, 4);
    sl_rdd_unref(lists);
    sl_rdd_unref(nothing);
    sl_session_free(session);
    const char *trace = slt_content(path);
    assert_true(sli_json_is_valid(trace, strlen(trace)));
    assert_int_equal(slt_times_in(trace, "\"name\":\"task\""), 4);
    check_tracks(trace);
}
