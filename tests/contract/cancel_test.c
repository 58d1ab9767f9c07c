// What is told to end at once does so between two batches: a session's action, and a job's epoch,
// which the next start runs again.
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "contract/simlife.h"

enum { ROWS = 20000 }; ///< several batches of one partition

/// Passes rows on; while `holds`, its first call waits to be let go.
static struct {
    _Atomic int32_t calls;
    _Atomic bool holds, go;
} gate;

static sl_code pass_gate(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    atomic_fetch_add(&gate.calls, 1);
    while (atomic_load(&gate.holds) && !atomic_load(&gate.go)) {
        sched_yield();
    }
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
    }
    return SL_OK;
}
static const sl_fn gate_fn = {.struct_size = sizeof(sl_fn), .name = "gate", .run = pass_gate};

static void close_gate(void)
{
    atomic_store(&gate.calls, 0);
    atomic_store(&gate.go, false);
    atomic_store(&gate.holds, true);
}

static void wait_for_a_call(void)
{
    while (atomic_load(&gate.calls) == 0) {
        sched_yield();
    }
}

static const char *dir;
static char in_url[400], out_url[400];

static void put_rows(void)
{
    dir = slt_temp_dir();
    slt_program run;
    const char *const make[] = {"sh", "-c", "mkdir -p in; seq 0 19999 > .rows && mv .rows in/a.txt",
                                NULL};
    assert_int_equal(slt_run(&run, dir, make), 0);
    (void)snprintf(in_url, sizeof in_url, "file:%s/in", dir);
    (void)snprintf(out_url, sizeof out_url, "file:%s/out", dir);
}

static void *cancel_then_go(void *session)
{
    wait_for_a_call();
    sl_session_cancel(session);
    atomic_store(&gate.go, true);
    return NULL;
}

SL_TEST(a_session_cancels_the_action_that_runs, "")
{
    sl_session *session = NULL;
    pthread_t other;
    int64_t n = 0;
    put_rows();
    assert_int_equal(sl_session_new(&session, NULL, NULL), SL_OK);
    sl_session_cancel(session); // nothing runs: nothing happens
    sl_rdd *in = sl_rdd_open(session, in_url), *gated = sl_rdd_map(in, &gate_fn, NULL);
    close_gate();
    assert_int_equal(pthread_create(&other, NULL, cancel_then_go, session), 0);
    assert_int_equal(sl_rdd_count(gated, &n, NULL), SL_E_CANCELLED);
    pthread_join(other, NULL);
    assert_int_equal(gate.calls, 1); // no further batch was begun
    assert_int_equal(sl_rdd_count(gated, &n, NULL), SL_OK);
    assert_int_equal(n, ROWS);
    sl_rdd_unref(gated);
    sl_rdd_unref(in);
    sl_session_free(session);
}

static void job(sl_graph *graph)
{
    sl_stream *lines = sl_stream_uid(sl_stream_open(graph, in_url), "lines");
    sl_stream *gated = sl_stream_uid(sl_stream_map(lines, &gate_fn, NULL), "gated");
    sl_stream_save(gated, out_url);
}

static sl_context *start_job(void)
{
    char ck[400];
    sl_context *context = NULL;
    (void)snprintf(ck, sizeof ck, "%s/ck", dir);
    const char *const settings[] = {"checkpoint", ck, "interval", "20ms", NULL};
    assert_int_equal(sl_context_new(&context, "cancelled", job, settings, NULL), SL_OK);
    assert_int_equal(sl_context_start(context, NULL), SL_OK);
    return context;
}

static int rows_out(void)
{
    slt_program count;
    const char *const read[] = {"sh", "-c", "cat out/*.txt 2>/dev/null | sort -u | wc -l", NULL};
    assert_int_equal(slt_run(&count, dir, read), 0);
    return atoi(slt_out(&count));
}

SL_TEST(a_stop_without_grace_gives_the_epoch_up_and_the_next_start_runs_it, "EXACTLY-ONCE-1")
{
    put_rows();
    close_gate();
    sl_context *context = start_job();
    wait_for_a_call();
    assert_int_equal(sl_context_stop(context, false, NULL), SL_OK);
    atomic_store(&gate.go, true);
    assert_int_equal(sl_context_await(context, 60000000, NULL), SL_OK); // it is no failure
    assert_int_equal(gate.calls, 1);
    assert_int_equal(rows_out(), 0);
    sl_context_free(context);
    atomic_store(&gate.holds, false);
    context = start_job();
    while (rows_out() < ROWS) {
        sched_yield();
    }
    assert_int_equal(sl_context_stop(context, true, NULL), SL_OK);
    assert_int_equal(sl_context_await(context, 60000000, NULL), SL_OK);
    assert_int_equal(rows_out(), ROWS);
    sl_context_free(context);
}
