// Windows that overlap, put together from slices: what event_model_test.c does not get to.
#include "stream/graph_fixture_test.h"

#include "stream/event/timed.h"

#include <string.h>

typedef struct job {
    slt_graph g;
    sl_stream *in, *timed;
    slt_host *host;
} job;

static job job_new(const char *keys, const char *aggregations, const char *size, const char *slide,
                   int32_t parallelism)
{
    job j = {.g = slt_graph_new()};
    sl_error err = SL_ERROR_INIT;
    j.in = sl_stream_event_time(
        sl_stream_queue(j.g.graph, "in", "ts timestamp, k string, n int64", true), "ts", "0s");
    j.timed = sl_stream_event_window(j.in, keys, aggregations, size, slide);
    if (parallelism > 0) { // else the graph stays open
        (void)!sl_graph_check(j.g.graph, &err);
        SL_CHECK_TEXT(err.text, "");
        j.host = slt_host_new(&j.g, parallelism);
    }
    return j;
}

static void job_free(job *j)
{
    if (j->host != NULL) {
        slt_host_free(j->host);
    }
    slt_graph_free(&j->g);
}

static void epoch_is(job *j, const char *rows, const char *expected)
{
    if (rows != NULL) {
        slt_push(&j->g, "in", rows, 1);
    }
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->timed), expected);
    slt_epoch_end(j->host, false);
}

/// Whether an epoch that is planned now would have work.
static bool is_due(job *j)
{
    assert_int_equal(sli_event_plan(j->g.graph, slt_host_runtime(j->host), 2000000, NULL, NULL),
                     SL_OK);
    return sli_event_is_due(j->g.graph);
}

static int64_t keys_of(job *j)
{
    sli_store *store = slt_host_store(j->host);
    return store->ops->keys(store, j->timed->table);
}

SL_TEST(a_slice_is_in_each_of_its_windows_and_leaves_with_the_last, "")
{
    job j = job_new("k", "sum(n) as s, count() as c", "12us", "4us", 1);
    epoch_is(&j, "1 a 1|5 a 2|6 b 3|2 a 4", "");
    assert_int_equal(keys_of(&j), 3); // a at 0, a at 4, b at 4: no row is kept three times
    assert_true(is_due(&j));
    epoch_is(&j, "9 b 5", "-8 4 a 5 2\n");
    assert_true(is_due(&j));
    epoch_is(&j, "13 b 7", "-4 8 a 7 3\n-4 8 b 3 1\n");
    assert_true(is_due(&j));
    epoch_is(&j, NULL, "0 12 a 7 3\n0 12 b 8 2\n");
    assert_int_equal(keys_of(&j), 4); // a at 0 has left
    assert_false(is_due(&j));         // slices that stay ask for nothing before the next step
    epoch_is(&j, "31 c 1", "");
    epoch_is(&j, NULL, "4 16 a 2 1\n4 16 b 15 3\n8 20 b 12 2\n12 24 b 7 1\n");
    assert_int_equal(keys_of(&j), 1);
    epoch_is(&j, "3000000 c 1", "");
    epoch_is(&j, NULL, "20 32 c 1 1\n24 36 c 1 1\n28 40 c 1 1\n"); // and none of the many between
    assert_int_equal(keys_of(&j), 1);
    job_free(&j);
}

// Times before 1970, and a row that comes when some of its windows have closed.
SL_TEST(slices_before_1970_and_rows_of_windows_that_have_closed, "")
{
    job j = job_new("k", "sum(n) as s", "12us", "4us", 1);
    epoch_is(&j, "-9 a 1|-4 b 2", "");
    epoch_is(&j, "-7 a 4", "-20 -8 a 1\n-16 -4 a 1\n"); // -16 -4 without the row: watermark -4
    epoch_is(&j, "100 c 1", "");
    epoch_is(&j, NULL, "-12 0 a 5\n-12 0 b 2\n-8 4 a 4\n-8 4 b 2\n-4 8 b 2\n");
    job_free(&j);
}

static const char *columns_of(const sl_stream *node)
{
    return sl_schema_text(sli_timed_of(node)->key_schema);
}

SL_TEST(only_what_needs_no_order_and_is_given_once_is_kept_in_slices, "")
{
    static const struct {
        const char *aggregations, *slide;
        sl_output_mode mode;
        const char *kind, *keys;
    } cases[] = {
        {"sum(n), count_distinct(n)", "5s", SL_APPEND, "eventSlices",
         "slice_start timestamp, k string"},
        {"sum(n)", "10s", SL_APPEND, "eventWindow", "window_start timestamp, k string"},
        {"sum(n)", "5s", SL_UPDATE, "eventWindow", "window_start timestamp, k string"},
        {"sum(n), last(n)", "5s", SL_APPEND, "eventWindow", "window_start timestamp, k string"},
        {"max_by(n, ts)", "5s", SL_APPEND, "eventWindow", "window_start timestamp, k string"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        job j = job_new("k", cases[i].aggregations, "10s", cases[i].slide, 0);
        (void)sl_stream_output_mode(j.timed, cases[i].mode);
        SL_CHECK_TEXT(sli_timed_state(j.timed)->kind, cases[i].kind);
        SL_CHECK_TEXT(columns_of(j.timed), cases[i].keys);
        (void)sl_stream_output_mode(j.timed, SL_APPEND); // and back
        SL_CHECK_TEXT(sli_timed_state(j.timed)->kind, i == 2 ? "eventSlices" : cases[i].kind);
        job_free(&j);
    }
}

/// Rows of so many keys, each at three times.
static void push_keys(job *j, int32_t n)
{
    sli_str rows = {.tag = SLI_TAG_TEST};
    for (int32_t i = 0; i < 3 * n; i++) {
        sli_str_printf(&rows, "%s%d k%d %d", i == 0 ? "" : "|", 1 + i / n * 4, i % n, i / n);
    }
    slt_push(&j->g, "in", rows.data, 1);
    sli_str_reset(&rows);
}

/// Whether lines "start end k* sum count" are those of all keys, `count` rows and `sum` each.
static void check_lines(const char *lines, int32_t n_keys, const char *front, const char *behind)
{
    int32_t n = 0;
    for (const char *at = lines; *at != '\0'; n++) {
        const char *end = strchr(at, '\n');
        assert_non_null(end);
        assert_memory_equal(at, front, strlen(front));
        assert_memory_equal(end - strlen(behind), behind, strlen(behind));
        at = end + 1;
    }
    assert_int_equal(n, n_keys);
}

static void end_epoch_with(job *j, int32_t n_keys, const char *front, const char *behind)
{
    slt_epoch_begin(j->host);
    check_lines(slt_epoch_rows(j->host, j->timed), n_keys, front, behind);
    slt_epoch_end(j->host, false);
}

// More keys than go out in one batch: no key's slices are cut in two.
SL_TEST(windows_of_many_keys_have_all_their_slices, "")
{
    enum { KEYS = 5000 };
    for (int32_t parallelism = 1; parallelism <= 3; parallelism += 2) {
        job j = job_new("k", "sum(n) as s, count() as c", "12us", "4us", parallelism);
        push_keys(&j, KEYS); // the latest row is at 9: the windows that end at 4 and 8 close next
        epoch_is(&j, NULL, "");
        assert_int_equal(keys_of(&j), 3 * KEYS);
        slt_push(&j.g, "in", "12 x 1", 1);
        slt_epoch_begin(j.host);
        const char *lines = slt_epoch_rows(j.host, j.timed);
        assert_non_null(strstr(lines, "-4 8 k4999 1 2\n"));
        slt_epoch_end(j.host, false);
        end_epoch_with(&j, KEYS, "0 12 k", " 3 3");
        job_free(&j);
    }
}
