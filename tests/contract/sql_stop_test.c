// A job that is told to stop while a query runs that would take hours: the query ends between two
// of its steps, as a task does between two batches.
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

#include "sl_test.h"
#include "sluice/sluice.h"

enum { ROWS = 20000, BOUND_US = 60000000 };

static _Atomic bool has_begun;

/// The query is under way.
static sl_code tell_begun(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args, (void)err;
    atomic_store(&has_begun, true);
    for (int64_t i = 0; i < sl_batch_rows(in); i++) {
        sl_builder_cell(out, 0, sl_batch_column(in, 0), i);
    }
    return SL_OK;
}
static const sl_fn begun_fn = {
    .struct_size = sizeof(sl_fn), .name = "begun", .run = tell_begun, .out = "r int64"};

/// All triples of rows, one by one.
static void job(sl_graph *graph)
{
    sl_stream *in = sl_stream_queue(graph, "in", "n int64", true);
    sl_sql_table tables[] = {{.name = "t", .stream = in}};
    sl_sql_function(graph, &begun_fn);
    sl_stream *none = sl_sql(graph,
                             "SELECT count(*) AS n FROM t a, t b, t c "
                             "WHERE begun(a.n) + b.n * c.n = -1",
                             tables, 1);
    sl_stream_print(none, 10);
}

/// DuckDB is in this process and on several threads then, and its allocator takes more locks at a
/// later fork than the thread sanitizer can count.
static void needs_duckdb(void)
{
#if defined(__SANITIZE_THREAD__)
    slt_not_here("ThreadSanitizer: later tests could not fork");
#endif
    if (!SLT_DUCKDB) {
        slt_not_here("this build is without DuckDB");
    }
}

static sl_context *start_in_the_query(void)
{
    static const char *const settings[] = {
        "modules", SLT_BUILD_DIR "/lib/sluice", "interval", "10ms", "progress", "none", NULL};
    sl_context *context = NULL;
    sl_schema *schema = NULL;
    sl_builder *rows = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_context_new(&context, "long query", job, settings, NULL), SL_OK);
    assert_int_equal(sl_schema_parse(&schema, "n int64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&rows, schema, NULL), SL_OK);
    for (int64_t i = 0; i < ROWS; i++) {
        sl_builder_int64(rows, 0, i);
    }
    assert_int_equal(sl_builder_finish(rows, &batch, NULL), SL_OK);
    atomic_store(&has_begun, false);
    assert_int_equal(sl_context_start(context, NULL), SL_OK);
    assert_int_equal(sl_queue_push(context, "in", batch, 1, NULL), SL_OK);
    sl_batch_unref(batch);
    sl_builder_free(rows);
    sl_schema_unref(schema);
    while (!atomic_load(&has_begun)) {
        sched_yield();
    }
    return context;
}

SL_TEST(a_stop_without_grace_ends_a_long_query, "")
{
    needs_duckdb();
    sl_context *context = start_in_the_query();
    assert_int_equal(sl_context_stop(context, false, NULL), SL_OK);
    assert_int_equal(sl_context_await(context, BOUND_US, NULL), SL_OK);
    sl_context_free(context);
}

// A graceful stop waits for the epoch that runs; a second one, without grace, ends it.
SL_TEST(a_second_stop_ends_a_long_query, "")
{
    needs_duckdb();
    sl_context *context = start_in_the_query();
    assert_int_equal(sl_context_stop(context, true, NULL), SL_OK);
    assert_int_equal(sl_context_await(context, 200000, NULL), SL_E_TIMEOUT);
    assert_int_equal(sl_context_stop(context, false, NULL), SL_OK);
    assert_int_equal(sl_context_await(context, BOUND_US, NULL), SL_OK);
    sl_context_free(context);
}
