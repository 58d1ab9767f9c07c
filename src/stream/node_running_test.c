// runningByKey: results over epochs, output modes, timeouts, deltas, restarts, what goes wrong.
#include "stream/graph_fixture_test.h"

#include "base/hash.h"
#include "sluice/running.h"

#include <stdlib.h>

// ---------------------------------------------------------------- jobs

typedef struct job {
    slt_graph g;
    sl_stream *in, *run, *all;
    slt_host *host;
} job;

#define SUMS "count() as rows, sum(n) as total, max(n) as most"

/// `mode` 0: not set.
static job job_define(const char *keys, const char *aggregations, const char *timeout, int mode)
{
    job j = {.g = slt_graph_new()};
    j.in = sl_stream_queue(j.g.graph, "in", "word string, n int64", true);
    j.run = sl_stream_running_by_key(j.in, keys, aggregations);
    if (timeout != NULL) {
        (void)sl_stream_timeout(j.run, timeout);
    }
    if (mode != 0) {
        (void)sl_stream_output_mode(j.run, (sl_output_mode)mode);
    }
    return j;
}

static void job_open(job *j, int32_t parallelism)
{
    sl_error err = SL_ERROR_INIT;
    (void)!sl_graph_check(j->g.graph, &err);
    SL_CHECK_TEXT(err.text, "");
    j->host = slt_host_new(&j->g, parallelism);
}

static job job_new(const char *keys, const char *aggregations, const char *timeout, int mode,
                   int32_t parallelism)
{
    job j = job_define(keys, aggregations, timeout, mode);
    job_open(&j, parallelism);
    return j;
}

static void job_free(job *j)
{
    slt_host_free(j->host);
    slt_graph_free(&j->g);
}

static void push(job *j, const char *rows)
{
    if (rows != NULL) {
        slt_push(&j->g, "in", rows, 2);
    }
}

static void epoch_is(job *j, const char *rows, const char *expected)
{
    push(j, rows);
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->run), expected);
    slt_epoch_end(j->host, false);
}

static void epoch_and_all_are(job *j, const char *rows, const char *expected, const char *all)
{
    push(j, rows);
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->run), expected);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->all), all);
    slt_epoch_end(j->host, false);
}

static int64_t keys_of(const job *j)
{
    sli_store *store = slt_host_store(j->host);
    return store->ops->keys(store, j->run->table);
}

static void has(const char *text, const char *part)
{
    if (strstr(text, part) == NULL) {
        SL_CHECK_TEXT(text, part);
    }
}

/// The changes since the last call.
static sli_str delta_of(const job *j)
{
    sli_str delta = {.tag = SLI_TAG_TEST};
    assert_int_equal(sli_state_delta(slt_host_store(j->host), &delta, NULL), SL_OK);
    return delta;
}

static size_t delta_size(const job *j)
{
    sli_str delta = delta_of(j);
    size_t size = delta.size;
    sli_str_reset(&delta);
    return size;
}

// ---------------------------------------------------------------- results

SL_TEST(running_gives_touched_keys_with_results_over_all_rows, "")
{
    job j = job_new("word", SUMS, NULL, 0, 1);
    epoch_is(&j, "to 1|be 2|to 4", "to 2 5 4\nbe 1 2 2\n");
    epoch_is(&j, NULL, "");
    epoch_is(&j, "or 7|be -1|be 1", "or 1 7 7\nbe 3 2 2\n");
    epoch_is(&j, "to 9", "to 3 14 9\n");
    assert_int_equal(keys_of(&j), 3);
    job_free(&j);
}

SL_TEST(running_knows_all_aggregations, "")
{
    job j = job_new("word",
                    "avg(n) as mean, min(n), first(n), last(n), approx_count_distinct(n) as d, "
                    "variance(n) as v",
                    NULL, 0, 1);
    epoch_is(&j, "a 1|a 3", "a 2 1 1 3 2 1\n");
    epoch_is(&j, "a 3|a 5|b 4", "a 3 1 1 5 3 2\nb 4 4 4 4 1 0\n"); // of 1, 3, 3, 5
    epoch_is(&j, "b 0", "b 2 0 4 0 2 4\n");
    job_free(&j);
}

SL_TEST(running_without_keys_is_one_row, "")
{
    job j = job_new(NULL, SUMS, NULL, 0, 3);
    epoch_is(&j, NULL, "");
    epoch_is(&j, "to 1|be 2|to 4", "3 7 4\n");
    epoch_is(&j, NULL, "");
    epoch_is(&j, "or 7", "4 14 7\n");
    assert_int_equal(keys_of(&j), 1);
    job_free(&j);
}

SL_TEST(running_changes_take_the_old_result_back, "")
{
    job j = job_define("word", "max(n) as most, count() as c", NULL, 0);
    j.all = sli_stream_running_changes(j.run, "mark");
    job_open(&j, 1);
    epoch_and_all_are(&j, "to 1|be 2|to 4", "to 4 2\nbe 2 1\n", "to 4 2 1\nbe 2 1 1\n");
    epoch_and_all_are(&j, NULL, "", "");
    epoch_and_all_are(&j, "or 7|be 9", "or 7 1\nbe 9 2\n", "be 2 1 -1\nor 7 1 1\nbe 9 2 1\n");
    job_free(&j);
}

SL_TEST(running_changes_leave_out_what_stays_the_same, "")
{
    job j = job_define("word", "max(n) as most", NULL, 0);
    j.all = sli_stream_running_changes(j.run, "mark");
    job_open(&j, 1);
    epoch_and_all_are(&j, "to 4|be 2", "to 4\nbe 2\n", "to 4 1\nbe 2 1\n");
    epoch_and_all_are(&j, "to 1|be 3", "to 4\nbe 3\n", "be 2 -1\nbe 3 1\n");
    job_free(&j);
}

SL_TEST(running_changes_do_the_work_alone, "")
{
    job j = job_define(NULL, "count() as c", NULL, 0);
    j.all = sli_stream_running_changes(j.run, "mark");
    job_open(&j, 3);
    static const char *const epochs[][2] = {
        {"a 1|b 1", "2 1\n"}, {NULL, ""}, {"a 1", "2 -1\n3 1\n"}};
    for (size_t i = 0; i < sizeof epochs / sizeof epochs[0]; i++) {
        push(&j, epochs[i][0]);
        slt_epoch_begin(j.host);
        SL_CHECK_TEXT(slt_epoch_rows(j.host, j.all), epochs[i][1]); // nobody asks for j.run's rows
        slt_epoch_end(j.host, false);
    }
    assert_int_equal(keys_of(&j), 1);
    job_free(&j);
}

SL_TEST(running_keys_leave_when_a_result_is_zero, "")
{
    job j = job_define("word", "sum(n) as s, count() as c", NULL, 0);
    assert_non_null(sli_stream_running_forget(j.run, "s"));
    j.all = sli_stream_running_changes(j.run, "mark");
    job_open(&j, 1);
    epoch_and_all_are(&j, "to 1|be 2", "to 1 1\nbe 2 1\n", "to 1 1 1\nbe 2 1 1\n");
    epoch_and_all_are(&j, "to -1|or 0", "", "to 1 1 -1\n"); // `or` was never there
    assert_int_equal(keys_of(&j), 1);
    epoch_and_all_are(&j, "to 5|be -2|be 1", "to 5 1\nbe 1 3\n",
                      "be 2 1 -1\nto 5 1 1\nbe 1 3 1\n"); // begins anew
    epoch_and_all_are(&j, "to -5|be -1", "", "to 5 1 -1\nbe 1 3 -1\n");
    assert_int_equal(keys_of(&j), 0);
    job_free(&j);
}

SL_TEST(running_keys_that_leave_are_those_of_many, "")
{
    enum { KEYS = 9000 };
    sli_str rows = {.tag = SLI_TAG_TEST}, less = {.tag = SLI_TAG_TEST}, due = {.tag = SLI_TAG_TEST};
    job j = job_define("word", "sum(n) as s", NULL, 0);
    assert_non_null(sli_stream_running_forget(j.run, "s"));
    job_open(&j, 1);
    for (int i = 0; i < KEYS; i++) {
        sli_str_printf(&rows, "%sk%d 1", i == 0 ? "" : "|", i);
        sli_str_printf(&less, "%sk%d %d", i == 0 ? "" : "|", i, i % 3 == 0 ? 1 : -1);
        if (i % 3 == 0) {
            sli_str_printf(&due, "k%d 2\n", i);
        }
    }
    push(&j, rows.data);
    slt_epoch_begin(j.host);
    (void)slt_epoch_rows(j.host, j.run);
    slt_epoch_end(j.host, false);
    epoch_is(&j, less.data, due.data);
    assert_int_equal(keys_of(&j), KEYS / 3);
    job_free(&j);
    sli_str_reset(&rows);
    sli_str_reset(&less);
    sli_str_reset(&due);
}

static void forget_refused(const char *keys, const char *result, bool late, const char *why)
{
    job j = job_define(keys, "sum(n) as s, first(word) as w", NULL, 0);
    sl_error err = SL_ERROR_INIT;
    if (late) {
        (void)sli_stream_running_changes(j.run, "mark");
    }
    assert_null(sli_stream_running_forget(j.run, result));
    assert_int_equal(sl_graph_check(j.g.graph, &err), SL_E_INVALID);
    has(err.text, why);
    slt_graph_free(&j.g);
}

SL_TEST(running_keys_leave_by_a_result_that_is_there, "")
{
    forget_refused("word", "none", false, "it has no int64 result 'none'");
    forget_refused("word", "w", false, "it has no int64 result 'w'");
    forget_refused(NULL, "s", false, "only keys of runningByKey");
    forget_refused("word", "s", true, "once, before anything rests on it");
}

SL_TEST(settle_gives_one_row_a_key, "")
{
    job j = job_define("word", "sum(n) as s", NULL, 0);
    assert_non_null(sli_stream_running_forget(j.run, "s"));
    sl_stream *changes = sli_stream_running_changes(j.run, "mark");
    j.all = sli_stream_settle(changes, "word", "mark");
    job_open(&j, 1);
    epoch_and_all_are(&j, "to 1|be 2", "to 1\nbe 2\n", "to 1 1\nbe 2 1\n");
    epoch_and_all_are(&j, NULL, "", "");
    epoch_and_all_are(&j, "to 3|be -2|or 1", "to 4\nor 1\n", "be 2 -1\nto 4 1\nor 1 1\n");
    job_free(&j);
}

SL_TEST(settle_without_keys_gives_one_row, "")
{
    job j = job_define(NULL, "sum(n) as s", NULL, 0);
    j.all = sli_stream_settle(sli_stream_running_changes(j.run, "mark"), "", "mark");
    job_open(&j, 1);
    epoch_and_all_are(&j, "to 1|be 2", "3\n", "3 1\n");
    epoch_and_all_are(&j, "to 1", "4\n", "4 1\n");
    job_free(&j);
}

static void changes_refused(bool first, const char *timeout, int mode, const char *why)
{
    job j = first ? job_define("word", "count() as c", NULL, 0)
                  : job_define("word", "count() as c", timeout, mode);
    sl_error err = SL_ERROR_INIT;
    (void)sli_stream_running_changes(j.run, "mark");
    if (first && timeout != NULL) {
        (void)sl_stream_timeout(j.run, timeout);
    } else if (first) {
        (void)sl_stream_output_mode(j.run, (sl_output_mode)mode);
    }
    assert_int_equal(sl_graph_check(j.g.graph, &err), SL_E_INVALID);
    has(err.text, why);
    slt_graph_free(&j.g);
}

SL_TEST(running_changes_know_no_timeout_and_no_complete_mode, "")
{
    changes_refused(false, "1m", 0, "nobody would be told of the results");
    changes_refused(false, NULL, SL_COMPLETE, "gives all results in every epoch");
    changes_refused(true, "1m", 0, "another aggregation rests on its changes");
    changes_refused(true, NULL, SL_COMPLETE, "another aggregation rests on its changes");
}

SL_TEST(running_keys_of_any_columns, "")
{
    job j = job_new("n, word", "count() as c", NULL, 0, 1);
    epoch_is(&j, "a 1|a 2|a 1", "1 a 2\n2 a 1\n");
    epoch_is(&j, "b 1|a 1", "1 b 1\n1 a 3\n");
    job_free(&j);
}

// More keys than are asked for at once, and than a batch has.
SL_TEST(running_of_many_keys, "")
{
    enum { KEYS = 10000, EPOCHS = 3 };
    job j = job_new("word", "sum(n) as s", NULL, 0, 1);
    for (int epoch = 1; epoch <= EPOCHS; epoch++) {
        sli_str rows = {.tag = SLI_TAG_TEST}, expected = {.tag = SLI_TAG_TEST};
        for (int i = 0; i < KEYS; i++) {
            sli_str_printf(&rows, "%sk%d %d", i == 0 ? "" : "|", i, i);
            sli_str_printf(&expected, "k%d %d\n", i, i * epoch);
        }
        epoch_is(&j, rows.data, expected.data);
        sli_str_reset(&rows);
        sli_str_reset(&expected);
    }
    assert_int_equal(keys_of(&j), KEYS);
    job_free(&j);
}

// ---------------------------------------------------------------- output modes

SL_TEST(running_complete_gives_all_keys_in_every_epoch, "")
{
    job j = job_new("word", SUMS, NULL, SL_COMPLETE, 1);
    epoch_is(&j, NULL, "");
    epoch_is(&j, "to 1|be 2|to 4", "to 2 5 4\nbe 1 2 2\n"); // by slot
    epoch_is(&j, NULL, "to 2 5 4\nbe 1 2 2\n");
    epoch_is(&j, "be 5", "to 2 5 4\nbe 2 7 5\n");
    job_free(&j);
}

SL_TEST(running_complete_without_keys_is_one_row, "")
{
    job j = job_new(NULL, SUMS, NULL, SL_COMPLETE, 2);
    epoch_is(&j, NULL, "");
    epoch_is(&j, "to 1|be 2", "2 3 2\n");
    epoch_is(&j, NULL, "2 3 2\n");
    job_free(&j);
}

SL_TEST(running_snapshots_are_all_keys_beside_those_that_changed, "")
{
    job j = job_define("word", SUMS, "2s", 0);
    (void)sl_stream_timeout_every(j.run, "4s");
    j.all = sl_stream_state_snapshots(j.run);
    job_open(&j, 2);
    epoch_and_all_are(&j, "to 1|be 2", "to 1 1 1\nbe 1 2 2\n", "to 1 1 1\nbe 1 2 2\n"); // 1 s
    epoch_and_all_are(&j, NULL, "", "to 1 1 1\nbe 1 2 2\n");
    epoch_and_all_are(&j, "be 3", "be 2 5 3\n", "to 1 1 1\nbe 2 5 3\n");
    assert_int_equal(keys_of(&j), 2);
    epoch_and_all_are(&j, NULL, "", "be 2 5 3\n"); // 4 s: to is over, and looked for
    assert_int_equal(keys_of(&j), 1);
    epoch_and_all_are(&j, NULL, "", "be 2 5 3\n");
    epoch_and_all_are(&j, NULL, "", ""); // 6 s: over, though nobody looks
    assert_int_equal(keys_of(&j), 1);
    epoch_and_all_are(&j, NULL, "", "");
    epoch_and_all_are(&j, NULL, "", ""); // 8 s
    assert_int_equal(keys_of(&j), 0);
    job_free(&j);
}

// ---------------------------------------------------------------- timeouts

SL_TEST(running_key_whose_time_is_over_begins_anew, "")
{
    job j = job_new("word", SUMS, "2s", 0, 1);
    epoch_is(&j, "a 1|b 1", "a 1 1 1\nb 1 1 1\n"); // 1 s
    epoch_is(&j, NULL, "");
    epoch_is(&j, "b 1", "b 2 2 1\n"); // 3 s: two seconds are not longer than two
    epoch_is(&j, "a 5", "a 1 5 5\n"); // 4 s: in the very epoch in which it goes
    assert_int_equal(keys_of(&j), 2);
    epoch_is(&j, NULL, "");
    epoch_is(&j, NULL, ""); // 6 s: b is over
    assert_int_equal(keys_of(&j), 1);
    epoch_is(&j, "b 7|a 1", "b 1 7 7\na 1 1 1\n"); // 7 s: and now a, three seconds after the last
    epoch_is(&j, "a 2", "a 2 3 2\n");
    job_free(&j);
}

SL_TEST(running_quiet_epochs_are_shared_until_a_key_is_due, "")
{
    job j = job_new("word", SUMS, "3s", 0, 2);
    sl_rdd *rdds[2] = {NULL};
    epoch_is(&j, "a 1", "a 1 1 1\n"); // 1 s
    (void)delta_size(&j);
    for (int i = 0; i < 2; i++) {
        slt_epoch_begin(j.host);
        assert_true(slt_epoch_of(j.host)->no_input);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.run, &rdds[i], NULL), SL_OK);
        assert_true(rdds[i]->is_empty);
        assert_ptr_equal(rdds[i], rdds[0]);
        slt_epoch_end(j.host, false);
    }
    assert_int_equal(delta_size(&j), 0);
    epoch_is(&j, NULL, ""); // 4 s
    assert_int_equal(keys_of(&j), 1);
    epoch_is(&j, NULL, ""); // 5 s
    assert_int_equal(keys_of(&j), 0);
    assert_true(delta_size(&j) > 0);
    job_free(&j);
}

SL_TEST(running_complete_leaves_out_keys_whose_time_is_over, "")
{
    job j = job_new("word", "count() as c", "1s", SL_COMPLETE, 1);
    epoch_is(&j, "a 1|b 1", "a 1\nb 1\n");
    epoch_is(&j, "b 1", "a 1\nb 2\n");
    epoch_is(&j, NULL, "b 2\n");
    epoch_is(&j, NULL, "");
    job_free(&j);
}

// ---------------------------------------------------------------- what is kept

SL_TEST(running_changes_are_of_touched_keys_only, "")
{
    job j = job_new("word", SUMS, NULL, 0, 2);
    epoch_is(&j, "a 1|b 2|c 3|d 4|e 5|f 6|g 7|h 8",
             "a 1 1 1\nc 1 3 3\nd 1 4 4\nf 1 6 6\nh 1 8 8\n" // one partition, then the other
             "b 1 2 2\ne 1 5 5\ng 1 7 7\n");
    size_t all = delta_size(&j);
    epoch_is(&j, "a 1", "a 2 2 1\n");
    size_t one = delta_size(&j);
    assert_true(one > 0 && one < all / 2);
    epoch_is(&j, NULL, "");
    assert_int_equal(delta_size(&j), 0);
    job_free(&j);
}

SL_TEST(running_computed_twice_in_an_epoch_changes_the_state_once, "")
{
    for (int mode = SL_UPDATE; mode <= SL_COMPLETE; mode++) {
        job j = job_new("word", SUMS, "9s", mode, 3);
        push(&j, "a 1|b 2|a 2");
        slt_epoch_begin(j.host);
        char *first = strdup(slt_epoch_rows(j.host, j.run));
        SL_CHECK_TEXT(slt_epoch_rows(j.host, j.run), first);
        slt_epoch_end(j.host, false);
        sli_str twice = delta_of(&j);
        epoch_is(&j, "a 1", mode == SL_UPDATE ? "a 3 4 2\n" : "a 3 4 2\nb 1 2 2\n");

        job other = job_new("word", SUMS, "9s", mode, 3);
        epoch_is(&other, "a 1|b 2|a 2", first);
        sli_str once = delta_of(&other);
        assert_int_equal(once.size, twice.size);
        assert_memory_equal(once.data, twice.data, once.size);
        sli_str_reset(&once);
        sli_str_reset(&twice);
        free(first);
        job_free(&other);
        job_free(&j);
    }
}

SL_TEST(running_epoch_that_fails_leaves_no_trace, "")
{
    job j = job_new("word", SUMS, "2s", 0, 2);
    epoch_is(&j, "a 1", "a 1 1 1\n");
    (void)delta_size(&j);
    push(&j, "a 1|b 1");
    slt_epoch_begin(j.host);
    (void)slt_epoch_rows(j.host, j.run);
    slt_epoch_end(j.host, true);
    assert_int_equal(delta_size(&j), 0);
    epoch_is(&j, "a 5", "a 2 6 5\n");
    job_free(&j);
}

SL_TEST(running_counts_rows_that_no_output_asked_for, "")
{
    job j = job_new("word", SUMS, NULL, 0, 2);
    sl_rdd *rdd = NULL;
    push(&j, "a 1|b 1");
    slt_epoch_begin(j.host);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.run, &rdd, NULL), SL_OK);
    slt_epoch_end(j.host, false);
    epoch_is(&j, "b 1", "b 2 2 1\n");
    assert_int_equal(keys_of(&j), 2);
    job_free(&j);
}

/// What a life has left in a store: another one, with another number of partitions, goes on.
SL_TEST(running_goes_on_from_its_deltas_with_other_partitions, "")
{
    job first = job_new("word", SUMS, "3s", 0, 3);
    epoch_is(&first, NULL, "");
    push(&first, "a 1|b 1|c 1");
    slt_epoch_begin(first.host);
    (void)slt_epoch_rows(first.host, first.run);
    slt_epoch_end(first.host, false);
    epoch_is(&first, "b 1", "b 2 2 1\n"); // 3 s
    sli_str delta = delta_of(&first);

    job second = job_new("word", SUMS, "3s", 0, 1);
    sli_store *to = slt_host_store(second.host);
    assert_int_equal(to->ops->apply(to, (sl_bytes){delta.data, delta.size}, NULL), SL_OK);
    epoch_is(&second, NULL, "");
    epoch_is(&second, NULL, "");
    epoch_is(&second, NULL, "");
    epoch_is(&second, NULL, "");
    epoch_is(&second, "c 2", "c 2 3 2\n");              // 5 s: c since 2 s
    epoch_is(&second, "a 1|b 1", "a 1 1 1\nb 3 3 1\n"); // 6 s: a since 2 s, b since 3 s
    sli_str_reset(&delta);
    job_free(&first);
    job_free(&second);
}

/// All parts of the table's snapshot into the other job's table.
static sl_code restore(const job *from, const job *to, sl_error *err)
{
    sl_code rc = SL_OK;
    for (int32_t part = 0; part < SLI_SNAPSHOT_PARTS && rc == SL_OK; part++) {
        sli_str bytes = {.tag = SLI_TAG_TEST};
        assert_int_equal(sli_state_snapshot_part(slt_host_store(from->host), from->run->table,
                                                 sli_node_state(from->run), part, &bytes, NULL),
                         SL_OK);
        if (bytes.size > 0) {
            sli_buffer *buffer =
                sli_buffer_wrap(bytes.data, (int64_t)bytes.size, false, NULL, NULL);
            rc = sli_state_restore_part(slt_host_store(to->host), to->run->table,
                                        sli_node_state(to->run), buffer, err);
            sli_buffer_unref(buffer);
        }
        sli_str_reset(&bytes);
    }
    return rc;
}

SL_TEST(running_goes_on_from_a_snapshot, "")
{
    job first = job_new("word", SUMS, NULL, 0, 3), second = job_new("word", SUMS, NULL, 0, 1);
    epoch_is(&first, "a 1|b 2|a 3", "a 2 4 3\nb 1 2 2\n");
    assert_int_equal(restore(&first, &second, NULL), SL_OK);
    epoch_is(&second, "b 1|c 1", "b 2 3 2\nc 1 1 1\n");
    job_free(&first);
    job_free(&second);
}

SL_TEST(running_state_of_other_aggregations_is_incompatible, "")
{
    static const struct {
        const char *keys, *aggregations, *timeout;
    } others[] = {{"word", "min(n) as n2", NULL}, // the same columns, another meaning
                  {"word", "max(n) as other", NULL},
                  {"n", "max(n) as n2", NULL},
                  {"word", "max(n) as n2", "1s"},
                  {NULL, "max(n) as n2", NULL}};
    job first = job_new("word", "max(n) as n2", NULL, 0, 1);
    epoch_is(&first, "a 1", "a 1\n");
    sli_str delta = delta_of(&first);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        sl_error err = SL_ERROR_INIT;
        job j = job_new(others[i].keys, others[i].aggregations, others[i].timeout, 0, 1);
        sli_store *to = slt_host_store(j.host);
        assert_int_equal(to->ops->apply(to, (sl_bytes){delta.data, delta.size}, &err),
                         SL_E_INCOMPATIBLE);
        has(err.text, "runningByKey max(n) as n2");
        sl_error again = SL_ERROR_INIT;
        assert_int_equal(restore(&first, &j, &again), SL_E_INCOMPATIBLE);
        has(again.text, "state of runningByKey-1 can't be taken over: define it as before");
        job_free(&j);
    }
    sli_str_reset(&delta);
    job_free(&first);
}

// ---------------------------------------------------------------- equal in every way to run

/// What a job gives, epoch by epoch, then what it has put into its state.
static void run(job *j, bool at_once, bool pool, sli_str *out)
{
    sli_rng rng = {7};
    sli_store_ops alone;
    j->host = pool ? slt_host_new_pool(&j->g, 4, 3) : slt_host_new(&j->g, 4);
    alone = *slt_host_store(j->host)->ops;
    alone.find_all = NULL;
    alone.change_all = NULL;
    if (!at_once) {
        slt_host_store(j->host)->ops = &alone;
    }
    for (int epoch = 0; epoch < 6; epoch++) {
        sli_str rows = {.tag = SLI_TAG_TEST};
        for (int i = 0; i < 2000; i++) {
            sli_str_printf(&rows, "%sk%d %d", i == 0 ? "" : "|", (int)sli_rng_below(&rng, 900),
                           (int)sli_rng_below(&rng, 100));
        }
        push(j, rows.data);
        sli_str_reset(&rows);
        slt_epoch_begin(j->host);
        sli_str_text(out, slt_epoch_rows(j->host, j->run));
        slt_epoch_end(j->host, false);
        assert_int_equal(sli_state_delta(slt_host_store(j->host), out, NULL), SL_OK);
    }
    job_free(j);
}

static void runs_are_equal(const char *timeout, int mode)
{
    sli_str first = {.tag = SLI_TAG_TEST};
    for (int i = 0; i < 4; i++) {
        sli_str out = {.tag = SLI_TAG_TEST};
        job j = job_define("word", SUMS ", avg(n) as mean", timeout, mode);
        j.all = i == 2 ? sl_stream_state_snapshots(j.run) : NULL; // puts keys one by one
        assert_int_equal(sl_graph_check(j.g.graph, NULL), SL_OK);
        run(&j, i != 1, i == 3, i == 0 ? &first : &out);
        if (i > 0) {
            assert_int_equal(out.size, first.size);
            assert_memory_equal(out.data, first.data, first.size);
        }
        sli_str_reset(&out);
    }
    assert_true(first.size > 10000);
    sli_str_reset(&first);
}

SL_TEST(running_is_the_same_over_any_store_and_by_any_workers, "DETERMINISM-1")
{
    runs_are_equal(NULL, SL_UPDATE);
    runs_are_equal("2s", SL_UPDATE);
    runs_are_equal("2s", SL_COMPLETE);
}

// Input that lies by the keys is not shuffled again, and what is given lies so too.
SL_TEST(running_does_not_shuffle_what_lies_by_its_keys, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *sums = sl_stream_reduce_by_key(in, "word", "sum(n) as n");
    sl_stream *run = sl_stream_running_by_key(sums, "word", "sum(n) as n, count() as epochs");
    sl_stream *next = sl_stream_running_by_key(run, "word", "count() as epochs");
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_host *host = slt_host_new(&g, 3);
    sl_rdd *rdd = NULL;
    slt_push(&g, "in", "a 1|b 2|a 3", 2);
    slt_epoch_begin(host);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), next, &rdd, NULL), SL_OK);
    int shuffles = 0;
    for (const sl_rdd *at = rdd; at->n_deps > 0; at = at->deps[0].parent) {
        shuffles += at->deps[0].kind == SLI_DEP_SHUFFLE;
    }
    assert_int_equal(shuffles, 1);
    char *lines = slt_sorted_lines(slt_epoch_rows(host, next));
    SL_CHECK_TEXT(lines, "a 1\nb 1\n");
    sl_free(lines);
    slt_epoch_end(host, false);
    slt_push(&g, "in", "a 1", 2);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, run), "a 5 2\n");
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

// One partition into one: its rows lie together, whatever they are keyed by.
SL_TEST(running_over_one_partition_shuffles_nothing, "")
{
    for (int32_t pieces = 1; pieces <= 2; pieces++) {
        slt_graph g = slt_graph_new();
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        sl_stream *run = sl_stream_running_by_key(in, "word", "sum(n) as n, count() as rows");
        assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
        slt_host *host = slt_host_new(&g, 1);
        sl_rdd *rdd = NULL;
        slt_push(&g, "in", "a 1|b 2|a 3", pieces);
        slt_epoch_begin(host);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), run, &rdd, NULL), SL_OK);
        int shuffles = 0;
        for (const sl_rdd *at = rdd; at->n_deps > 0; at = at->deps[0].parent) {
            shuffles += at->deps[0].kind == SLI_DEP_SHUFFLE;
        }
        assert_int_equal(shuffles, pieces == 1 ? 0 : 1);
        SL_CHECK_TEXT(slt_epoch_rows(host, run), "a 4 2\nb 2 1\n");
        slt_epoch_end(host, false);
        slt_push(&g, "in", "b 5|c 6", pieces);
        slt_epoch_begin(host);
        SL_CHECK_TEXT(slt_epoch_rows(host, run), "b 7 2\nc 6 1\n");
        slt_epoch_end(host, false);
        slt_host_free(host);
        slt_graph_free(&g);
    }
}

// ---------------------------------------------------------------- memory

/// A fixed key set: after the first epochs nothing is held beyond what they held.
SL_TEST(running_holds_the_same_memory_after_a_thousand_epochs, "BOUNDED-1")
{
    job j = job_new("word", SUMS, "5s", 0, 2);
    int64_t held = 0;
    for (int epoch = 0; epoch < 1000; epoch++) {
        push(&j, epoch % 2 == 0 ? "a 1|b 2|c 3|d 4" : "d 1|c 2|b 3|a 4");
        slt_epoch_begin(j.host);
        assert_int_equal(strlen(slt_epoch_rows(j.host, j.run)) > 30, 1);
        slt_epoch_end(j.host, false);
        assert_true(delta_size(&j) > 0);
        if (epoch == 99) {
            held = sli_mem_used(-1);
        }
    }
    assert_int_equal(sli_mem_used(-1), held);
    assert_int_equal(keys_of(&j), 4);
    job_free(&j);
}

// ---------------------------------------------------------------- what goes wrong

static void fails_with(const char *keys, const char *rows, const char *text)
{
    job j = job_new(keys, "sum(n) as total", NULL, 0, 1);
    push(&j, "a 9223372036854775800|c 1");
    slt_epoch_begin(j.host);
    (void)slt_epoch_rows(j.host, j.run);
    slt_epoch_end(j.host, false);
    push(&j, rows);
    slt_epoch_begin(j.host);
    has(slt_epoch_rows(j.host, j.run), text);
    slt_epoch_end(j.host, true);
    epoch_is(&j, "a 1", keys == NULL ? "9223372036854775802\n" : "a 9223372036854775801\n");
    job_free(&j);
}

SL_TEST(running_sum_that_leaves_its_type_is_told_with_its_key, "")
{
    fails_with("word", "b 1|a 100",
               "runningByKey [runningByKey-1], partition 0: word 'a': row 0: aggregation total: "
               "9223372036854775800 and 100 make a sum that does not fit int64");
    fails_with(NULL, "b 1|a 100",
               "runningByKey [runningByKey-1], partition 0: all rows: row 0: "
               "aggregation total: 9223372036854775801 and 101 make a sum");
}

typedef sl_stream *(*define_fn)(sl_stream *in);

static sl_stream *no_aggregations(sl_stream *in)
{
    return sl_stream_running_by_key(in, "word", NULL);
}
static sl_stream *no_column(sl_stream *in)
{
    return sl_stream_running_by_key(in, "ward", "count() as c");
}
static sl_stream *empty_keys(sl_stream *in)
{
    return sl_stream_running_by_key(in, " ", "count() as c");
}
static sl_stream *wrong_aggregation(sl_stream *in)
{
    return sl_stream_running_by_key(in, "word", "summ(n) as c");
}
static sl_stream *append(sl_stream *in)
{
    return sl_stream_output_mode(sl_stream_running_by_key(in, "word", "count() as c"), SL_APPEND);
}
static sl_stream *no_mode(sl_stream *in)
{
    return sl_stream_output_mode(sl_stream_running_by_key(in, "word", "count() as c"),
                                 (sl_output_mode)7);
}
static sl_stream *two_modes(sl_stream *in)
{
    sl_stream *run = sl_stream_running_by_key(in, "word", "count() as c");
    return sl_stream_output_mode(sl_stream_output_mode(run, SL_UPDATE), SL_COMPLETE);
}
static sl_stream *initial(sl_stream *in)
{
    return sl_stream_initial_state(sl_stream_running_by_key(in, "word", "count() as c"),
                                   "start.csv?format=csv&schema=word string, c int64");
}
static sl_stream *partitions_of_one_row(sl_stream *in)
{
    return sl_stream_partitions(sl_stream_running_by_key(in, NULL, "count() as c"), 3);
}
static sl_stream *ttl(sl_stream *in)
{
    return sl_stream_ttl(sl_stream_running_by_key(in, "word", "count() as c"), "1s");
}

SL_TEST(running_mistakes_are_told_with_their_place, "")
{
    static const struct {
        define_fn define;
        const char *text;
    } cases[] = {
        {no_aggregations, "operator 2 (runningByKey after queue 'in'): the aggregations are NULL"},
        {no_column, "there is no column \"ward\"; did you mean \"word\"?"},
        {empty_keys, "no keys: name the columns"},
        {wrong_aggregation, "did you mean \"sum\"?"},
        {append, "SL_APPEND would give none: set SL_UPDATE or SL_COMPLETE"},
        {no_mode, "7 is no output mode"},
        {two_modes, "its output mode is set already"},
        {initial, "runningByKey begins without state"},
        {partitions_of_one_row, "partitions"},
        {ttl, "only updateStateByKey has a ttl"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slt_graph g = slt_graph_new();
        sl_error err = SL_ERROR_INIT;
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        assert_null(cases[i].define(in));
        assert_true(sl_graph_check(g.graph, &err) == SL_E_INVALID ||
                    sl_graph_check(g.graph, NULL) == SL_E_UNSUPPORTED);
        has(err.text, cases[i].text);
        slt_graph_free(&g);
    }
}

SL_TEST(running_stands_in_the_text_with_its_settings, "")
{
    job j = job_define("word", "count( ) as c,sum( n )", "30s", SL_COMPLETE);
    (void)sl_stream_state_snapshots(j.run);
    SL_CHECK_TEXT(sl_graph_text(j.g.graph),
                  "sluice graph 1\n"
                  "queue-1 queue() name=\"in\" one_at_a_time : word string, n int64\n"
                  "runningByKey-1 runningByKey(queue-1) keys=\"word\" aggregations=\"count() as c, "
                  "sum(n) as sum_n\" timeout=\"30000000us\" complete : word string, c int64, sum_n "
                  "int64?\n"
                  "stateSnapshots-1 stateSnapshots(runningByKey-1) : word string, c int64, sum_n "
                  "int64?\n");
    slt_graph_free(&j.g);
}
