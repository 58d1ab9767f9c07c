// mapWithState: records and state over epochs, timeouts, snapshots, what functions do wrong.
#include "stream/graph_fixture_test.h"

#include "base/bytes.h"

#include <stdio.h>

// ---------------------------------------------------------------- functions

/// A row for every record: the number of its key's records so far and the sum of column 0.
static sl_code run_running(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t value =
            call->timing_out ? -1 : sl_column_int64(sl_batch_column(call->values, 0), i);
        int64_t sum = sl_state_int64_or(&state, 0, 0) + value;
        if (!sl_state_is_timing_out(&state)) {
            sl_state_set_int64(&state, 0, sum);
        }
        sl_builder_int64(call->out, 0, sum);
    }
    return SL_OK;
}

/// By the record's value: 0 removes, negative reads, 100 and more makes rows: value / 100 of them.
static sl_code run_mixed(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t v = call->timing_out ? 100 : sl_column_int64(sl_batch_column(call->values, 0), i);
        sl_builder_of_row(call->out, i);
        if (v == 0) {
            sl_state_remove(&state);
        } else if (v > 0 && !call->timing_out) {
            sl_state_set_int64(&state, 0, sl_state_int64_or(&state, 0, 0) + v);
        }
        for (int64_t k = 0; k < v / 100; k++) {
            sl_builder_int64(call->out, 0, sl_state_int64(&state, 0));
        }
    }
    return SL_OK;
}

/// Appends to a text, and keeps the longest word; columns of several types.
static sl_code run_types(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    (void)err;
    for (int64_t i = 0; i < call->n; i++) {
        char text[256];
        sl_state state = sl_state_at(call, i);
        int64_t v = sl_column_int64(sl_batch_column(call->values, 0), i);
        sl_text was = sl_state_text_or(&state, 0, (sl_text){"", 0});
        double half = sl_state_float64_or(&state, 1, 0);
        int n = snprintf(text, sizeof text, "%.*s%lld,", (int)was.size, was.data, (long long)v);
        sl_state_set_text(&state, 0, text, (size_t)n);
        sl_state_set_float64(&state, 1, half + 0.5);
        sl_state_set_int64(&state, 2, v);
        if (v == 3) {
            sl_state_set_null(&state, 3);
        } else {
            sl_state_set_int64(&state, 3, v > 2);
        }
        sl_text now = sl_state_text(&state, 0);
        sl_builder_text(call->out, 0, now.data, now.size);
        sl_builder_int64(call->out, 1, (int64_t)(2 * sl_state_float64(&state, 1)));
        sl_builder_int64(call->out, 2, sl_state_int64(&state, 2));
        sl_builder_int64(call->out, 3,
                         sl_state_is_null(&state, 3) ? -1 : sl_state_int64(&state, 3));
    }
    return SL_OK;
}

/// What the value says is done to the state, right or wrong.
static sl_code run_wrong(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args;
    for (int64_t i = 0; i < call->n; i++) {
        sl_state state = sl_state_at(call, i);
        int64_t v = call->timing_out ? sl_state_int64(&state, 0)
                                     : sl_column_int64(sl_batch_column(call->values, 0), i);
        if (v == 0) {
            (void)sl_state_int64(&state, 0);
        } else if (v == 1) {
            sl_state_remove(&state);
            sl_state_set_int64(&state, 0, 1);
        } else if (v == 2) {
            sl_state_remove(&state);
            sl_state_remove(&state);
        } else if (v == 3) {
            sl_state_set_text(&state, 0, "x", 1);
        } else if (v == 4) {
            sl_state_set_null(&state, 0);
        } else if (v == 5) {
            return sl_error_set(err, SL_E_USER, "five");
        } else if (v == 6) {
            sl_state_set_int64(&state, 0, INT64_MAX);
        } else if (v == 7 && call->timing_out) {
            sl_state_set_int64(&state, 0, 1);
        } else if (v == 8 && call->timing_out) {
            sl_state_remove(&state);
        } else if (v == 9) {
            sl_builder_int64(call->out, 0, 1);
            sl_builder_int64(call->out, 0, 1);
        } else {
            sl_state_set_int64(&state, 0, v);
        }
    }
    return SL_OK;
}

#define FN(word, state_text, out_text)                                                             \
    static const sl_map_state_fn fn_##word = {.struct_size = sizeof(sl_map_state_fn),              \
                                              .name = #word,                                       \
                                              .state = state_text,                                 \
                                              .out = out_text,                                     \
                                              .version = 1,                                        \
                                              .run = run_##word}
FN(running, "total int64", "sum int64");
FN(mixed, "total int64", "sum int64");
FN(types, "text string, half float64, small int32, flag bool?",
   "text2 string, halves int64, last int64, big int64");
FN(wrong, "n int32", "made int64");

// ---------------------------------------------------------------- jobs

typedef struct job {
    slt_graph g;
    sl_stream *in, *state, *snapshots;
    slt_host *host;
} job;

static job job_define(const sl_map_state_fn *fn, const char *timeout)
{
    job j = {.g = slt_graph_new()};
    j.in = sl_stream_queue(j.g.graph, "in", "word string, n int64", true);
    j.state = sl_stream_map_with_state(j.in, "word", fn, NULL);
    if (timeout != NULL) {
        sl_stream_timeout(j.state, timeout);
    }
    j.snapshots = sl_stream_state_snapshots(j.state);
    return j;
}

static void job_open(job *j, int32_t parallelism)
{
    assert_int_equal(sl_graph_check(j->g.graph, NULL), SL_OK);
    j->host = slt_host_new(&j->g, parallelism);
}

static job job_new(const sl_map_state_fn *fn, const char *timeout, int32_t parallelism)
{
    job j = job_define(fn, timeout);
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
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->state), expected);
    slt_epoch_end(j->host, false);
}

static void epoch_and_state_are(job *j, const char *rows, const char *expected, const char *state)
{
    push(j, rows);
    slt_epoch_begin(j->host);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->state), expected);
    SL_CHECK_TEXT(slt_epoch_rows(j->host, j->snapshots), state);
    slt_epoch_end(j->host, false);
}

static int64_t keys_of(const job *j)
{
    sli_store *store = slt_host_store(j->host);
    return store->ops->keys(store, j->state->table);
}

static size_t delta_size(const job *j)
{
    sli_store *store = slt_host_store(j->host);
    sli_str delta = {.tag = SLI_TAG_TEST};
    assert_int_equal(sli_state_delta(store, &delta, NULL), SL_OK);
    size_t size = delta.size;
    sli_str_reset(&delta);
    return size;
}

// ---------------------------------------------------------------- records and states

SL_TEST(map_state_gives_each_record_what_the_one_before_left, "")
{
    job j = job_new(&fn_running, NULL, 1);
    epoch_is(&j, "to 1|be 2|to 4", "to 1\nbe 2\nto 5\n");
    epoch_is(&j, NULL, "");
    epoch_is(&j, "or 7|be 1|be 1", "or 7\nbe 3\nbe 4\n");
    job_free(&j);
}

SL_TEST(map_state_removes_and_takes_up_anew, "")
{
    job j = job_new(&fn_mixed, NULL, 1);
    epoch_and_state_are(&j, "a 1|b 102|a 0|a 300", "b 102\na 300\na 300\na 300\n",
                        "a 300\nb 102\n"); // by slot
    epoch_and_state_are(&j, "b 0|b -1", "", "a 300\n");
    epoch_and_state_are(&j, "b 0|c 0|a 100", "a 400\n", "a 400\n");
    assert_int_equal(keys_of(&j), 1);
    job_free(&j);
}

SL_TEST(map_state_keeps_columns_of_all_plain_types, "")
{
    job j = job_new(&fn_types, NULL, 1);
    epoch_is(&j, "a 1|a 2|b 3", "a 1, 1 1 0\na 1,2, 2 2 0\nb 3, 1 3 -1\n");
    epoch_is(&j, "a 123456789|b 3|a 4",
             "a 1,2,123456789, 3 123456789 1\nb 3,3, 2 3 -1\na 1,2,123456789,4, 4 4 1\n");
    job_free(&j);
}

SL_TEST(map_state_changes_are_of_touched_keys_only, "")
{
    job j = job_new(&fn_mixed, NULL, 2);
    epoch_is(&j, "a 1|b 2|c 3|d 4|e 5|f 6|g 7|h 8", "");
    size_t all = delta_size(&j);
    epoch_is(&j, "a 1", "");
    size_t one = delta_size(&j);
    assert_true(one > 0 && one < all / 2);
    epoch_is(&j, "a -1|b -1", ""); // reading changes nothing
    assert_int_equal(delta_size(&j), 0);
    epoch_is(&j, NULL, "");
    assert_int_equal(delta_size(&j), 0);
    job_free(&j);
}

SL_TEST(map_state_computed_twice_in_an_epoch_changes_the_state_once, "")
{
    job j = job_new(&fn_running, NULL, 3);
    sl_stream_persist(j.state, SL_LEVEL_NONE);
    push(&j, "a 1|b 2");
    slt_epoch_begin(j.host);
    char *first = sl_strdup(SLI_TAG_TEST, slt_epoch_rows(j.host, j.state));
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state), first);
    slt_epoch_end(j.host, false);
    epoch_is(&j, "a 1", "a 2\n");
    sl_free(first);
    job_free(&j);
}

SL_TEST(map_state_that_nobody_reads_is_computed_all_the_same, "")
{
    job j = job_new(&fn_running, NULL, 7);
    push(&j, "a 1|b 2|c 3|d 4|e 5|f 6");
    slt_epoch_begin(j.host);
    sl_rdd *rdd = NULL;
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.state, &rdd, NULL), SL_OK);
    slt_epoch_end(j.host, false);
    assert_int_equal(keys_of(&j), 6);
    job_free(&j);
}

SL_TEST(map_state_of_a_failed_epoch_is_as_it_was, "")
{
    job j = job_new(&fn_running, "2s", 2);
    epoch_is(&j, "a 1", "a 1\n");
    push(&j, "a 5|b 1");
    slt_epoch_begin(j.host);
    assert_non_null(strstr(slt_epoch_rows(j.host, j.state), "a 6\n"));
    slt_epoch_end(j.host, true); // as if an output had failed
    epoch_is(&j, "a 1", "a 2\n");
    job_free(&j);
}

SL_TEST(map_state_cannot_be_computed_after_its_epoch, "")
{
    job j = job_new(&fn_running, NULL, 1);
    sl_rdd *kept = NULL, *shot = NULL;
    sl_batch *rows = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_stream_persist(j.state, SL_LEVEL_NONE);
    push(&j, "a 1");
    slt_epoch_begin(j.host);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.state, &kept, NULL), SL_OK);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.snapshots, &shot, NULL), SL_OK);
    (void)sl_rdd_ref(kept);
    (void)sl_rdd_ref(shot);
    slt_epoch_end(j.host, false);
    slt_epoch_begin(j.host);
    assert_int_equal(sl_rdd_collect(kept, &rows, &err), SL_E_STATE);
    assert_non_null(strstr(err.text, "the state of epoch 1 of mapWithState-1 can't be computed"));
    assert_int_equal(sl_rdd_collect(shot, &rows, &err), SL_E_STATE);
    assert_non_null(strstr(err.text, "snapshots of mapWithState-1 are of their epoch"));
    slt_epoch_end(j.host, false);
    sl_rdd_unref(kept);
    sl_rdd_unref(shot);
    job_free(&j);
}

// Rows that lie by the keys already are not shuffled again, and give the same.
SL_TEST(map_state_behind_a_reduce_by_key_has_no_shuffle_of_its_own, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *sums = sl_stream_reduce_by_key(in, "word", "sum(n) as n");
    sl_stream *state = sl_stream_map_with_state(sums, "word", &fn_running, NULL);
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_host *host = slt_host_new(&g, 3);
    slt_push(&g, "in", "a 1|b 2|a 3", 2);
    slt_epoch_begin(host);
    sl_rdd *rdd = NULL;
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), state, &rdd, NULL), SL_OK);
    assert_int_equal(rdd->deps[0].kind, SLI_DEP_NARROW);
    const char *rows = slt_epoch_rows(host, state);
    assert_non_null(strstr(rows, "a 4\n"));
    assert_non_null(strstr(rows, "b 2\n"));
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

// updateStateByKey too; and its rows lie by the keys, so that a join behind it moves none.
SL_TEST(update_state_reads_and_gives_rows_that_lie_by_the_keys, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *sums = sl_stream_reduce_by_key(in, "word", "sum(n) as n");
    sl_stream *state = sl_stream_update_state_by_key(sums, "word", &slt_fn_sum, NULL);
    sl_stream *joined = sl_stream_join(sums, state, "word");
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_host *host = slt_host_new(&g, 3);
    for (int i = 1; i <= 2; i++) {
        sl_rdd *rdd = NULL;
        slt_push(&g, "in", "a 1|b 2|a 3", 2);
        slt_epoch_begin(host);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), state, &rdd, NULL), SL_OK);
        assert_int_equal(rdd->deps[0].kind, SLI_DEP_NARROW);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), joined, &rdd, NULL), SL_OK);
        assert_int_equal(rdd->deps[0].kind, SLI_DEP_NARROW);
        assert_int_equal(rdd->deps[1].kind, SLI_DEP_NARROW);
        const char *rows = slt_epoch_rows(host, joined);
        assert_non_null(strstr(rows, i == 1 ? "a 4 4\n" : "a 4 8\n"));
        assert_non_null(strstr(rows, i == 1 ? "b 2 2\n" : "b 2 4\n"));
        slt_epoch_end(host, false);
    }
    slt_host_free(host);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- snapshots

SL_TEST(map_state_snapshots_have_every_key_in_every_epoch, "")
{
    job j = job_new(&fn_mixed, NULL, 1);
    epoch_and_state_are(&j, "a 1|b 2", "", "a 1\nb 2\n");
    epoch_and_state_are(&j, NULL, "", "a 1\nb 2\n");
    push(&j, "a 1"); // snapshots alone are asked for
    slt_epoch_begin(j.host);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.snapshots), "a 2\nb 2\n");
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.snapshots), "a 2\nb 2\n");
    slt_epoch_end(j.host, false);
    epoch_and_state_are(&j, NULL, "", "a 2\nb 2\n");
    job_free(&j);
}

// ---------------------------------------------------------------- timeouts

SL_TEST(map_state_times_out_in_the_first_epoch_after_it_is_due, "")
{
    job j = job_new(&fn_running, "2s", 1);
    epoch_and_state_are(&j, "a 1|b 1", "a 1\nb 1\n", "a 1\nb 1\n"); // 1 s
    epoch_and_state_are(&j, "a 1", "a 2\n", "a 2\nb 1\n");          // 2 s
    epoch_and_state_are(&j, NULL, "", "a 2\nb 1\n");                // 3 s: idle for 2 s, no longer
    epoch_and_state_are(&j, NULL, "b 0\n", "a 2\n");                // 4 s
    epoch_and_state_are(&j, "b 5", "b 5\na 1\n", "b 5\n");          // 5 s: records first
    epoch_and_state_are(&j, NULL, "", "b 5\n");
    epoch_and_state_are(&j, NULL, "", "b 5\n");
    epoch_and_state_are(&j, NULL, "b 4\n", "");
    epoch_and_state_are(&j, NULL, "", "");
    assert_int_equal(keys_of(&j), 0);
    job_free(&j);
}

SL_TEST(map_state_that_is_only_read_stays_alive, "")
{
    job j = job_new(&fn_mixed, "1s", 1);
    epoch_is(&j, "a 50|b 50", "");
    epoch_is(&j, "a -1", "");
    epoch_is(&j, "a -1", "b 50\n");
    epoch_is(&j, NULL, "");
    epoch_is(&j, NULL, "a 50\n");
    job_free(&j);
}

SL_TEST(map_state_looks_for_idle_keys_when_it_is_told_to, "")
{
    job j = job_define(&fn_running, "1s");
    assert_ptr_equal(sl_stream_timeout_every(j.state, "4s"), j.state);
    job_open(&j, 1);
    epoch_is(&j, "a 1", "a 1\n");
    epoch_is(&j, NULL, "");
    epoch_is(&j, NULL, "");
    epoch_is(&j, NULL, "a 0\n"); // 4 s
    job_free(&j);
}

SL_TEST(map_state_looks_every_tenth_epoch_as_spark_does, "")
{
    job j = job_define(&fn_running, "1s");
    job_open(&j, 1);
    slt_host_runtime(j.host)->compat_spark = true;
    epoch_is(&j, "a 1", "a 1\n");
    for (int i = 2; i < 10; i++) {
        epoch_is(&j, NULL, "");
    }
    epoch_is(&j, NULL, "a 0\n");
    job_free(&j);
}

SL_TEST(map_state_of_quiet_epochs_is_shared_until_a_key_is_due, "")
{
    job j = job_new(&fn_running, "5s", 2);
    sl_rdd *rdds[4] = {NULL};
    epoch_is(&j, "a 1", "a 1\n");
    for (int i = 0; i < 4; i++) {
        slt_epoch_begin(j.host);
        assert_true(slt_epoch_of(j.host)->no_input);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(j.host), j.state, &rdds[i], NULL), SL_OK);
        assert_true(rdds[i]->is_empty);
        assert_ptr_equal(rdds[i], rdds[0]);
        slt_epoch_end(j.host, false);
    }
    epoch_is(&j, NULL, "");  // 6 s: looks into the slots, of which nothing is known yet
    slt_epoch_begin(j.host); // 7 s
    assert_false(slt_epoch_of(j.host)->no_input);
    SL_CHECK_TEXT(slt_epoch_rows(j.host, j.state), "a 0\n");
    slt_epoch_end(j.host, false);
    job_free(&j);
}

// More keys than one call takes, of one slot and of many; one stays.
SL_TEST(map_state_times_out_any_number_of_keys, "")
{
    job j = job_new(&fn_running, "1s", 3);
    sli_str rows = {.tag = SLI_TAG_TEST};
    enum { KEYS = 5000 };
    for (int i = 0; i < KEYS; i++) {
        sli_str_printf(&rows, "%sk%d 1", i == 0 ? "" : "|", i);
    }
    push(&j, rows.data);
    for (int epoch = 0; epoch < 3; epoch++) {
        slt_epoch_begin(j.host);
        const char *made = slt_epoch_rows(j.host, j.state);
        int64_t lines = 0;
        for (const char *at = made; (at = strchr(at, '\n')) != NULL; at++) {
            lines++;
        }
        assert_int_equal(lines, epoch == 0 ? KEYS : epoch == 1 ? 1 : KEYS - 1);
        slt_epoch_end(j.host, false);
        push(&j, epoch == 0 ? "k17 1" : NULL);
    }
    assert_int_equal(keys_of(&j), 1);
    sli_str_reset(&rows);
    job_free(&j);
}

SL_TEST(map_state_initial_keys_count_as_touched_in_the_first_epoch, "")
{
    job j = job_define(&fn_running, "2s");
    const char *csv = "a,10\nb,20\n";
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_world_put(j.g.world, "start.csv", csv, strlen(csv), NULL), SL_OK);
    assert_ptr_equal(
        sl_stream_initial_state(j.state, "start.csv?format=csv&schema=word string, total int64"),
        j.state);
    job_open(&j, 1);
    assert_int_equal(sli_state_load_initial(j.g.graph, slt_host_runtime(j.host), 1000000, &err),
                     SL_OK);
    epoch_and_state_are(&j, "a 1", "a 11\n", "a 11\nb 20\n");
    epoch_is(&j, NULL, "");
    epoch_is(&j, NULL, "");
    epoch_is(&j, NULL, "a 10\nb 19\n");
    job_free(&j);
}

/// What a life has left in a store: another one, with another number of partitions, goes on.
SL_TEST(map_state_goes_on_from_its_deltas_with_other_partitions, "")
{
    job first = job_new(&fn_running, "2s", 3);
    sli_store *from = slt_host_store(first.host);
    epoch_is(&first, NULL, "");
    push(&first, "a 1|b 1|c 1");
    slt_epoch_begin(first.host);
    (void)slt_epoch_rows(first.host, first.state);
    slt_epoch_end(first.host, false);
    push(&first, "b 1");
    slt_epoch_begin(first.host);
    (void)slt_epoch_rows(first.host, first.state);
    slt_epoch_end(first.host, false); // 3 s
    sli_str delta = {.tag = SLI_TAG_TEST};
    assert_int_equal(sli_state_delta(from, &delta, NULL), SL_OK);

    job second = job_new(&fn_running, "2s", 1);
    sli_store *to = slt_host_store(second.host);
    assert_int_equal(to->ops->apply(to, (sl_bytes){delta.data, delta.size}, NULL), SL_OK);
    for (int i = 1; i < 5; i++) {
        epoch_is(&second, NULL, "");
    }
    epoch_and_state_are(&second, NULL, "a 0\nc 0\n", "b 2\n"); // 5 s: a and c since 2 s
    epoch_is(&second, NULL, "b 1\n");
    sli_str_reset(&delta);
    job_free(&first);
    job_free(&second);
}

// ---------------------------------------------------------------- what functions do wrong

static void fails_with(const char *rows, const char *timeout, const char *text)
{
    job j = job_new(&fn_wrong, timeout, 1);
    push(&j, rows);
    slt_epoch_begin(j.host);
    const char *made = slt_epoch_rows(j.host, j.state);
    if (timeout != NULL) {
        SL_CHECK_TEXT(made, "");
        slt_epoch_end(j.host, false);
        slt_epoch_begin(j.host);
        made = slt_epoch_rows(j.host, j.state);
    }
    if (strstr(made, text) == NULL) {
        SL_CHECK_TEXT(made, text);
    }
    slt_epoch_end(j.host, true);
    assert_int_equal(keys_of(&j), timeout != NULL ? 1 : 0);
    job_free(&j);
}

SL_TEST(map_state_misuse_is_told_with_key_and_record, "")
{
    fails_with("a 10|b 0", NULL,
               "mapWithState wrong [mapWithState-1], partition 0: record 2 of the epoch, "
               "word 'b': it reads a state that is not set: ask sl_state_exists before");
    fails_with("a 10|a 1", NULL,
               "record 2 of the epoch, word 'a': it updates a state that it has "
               "removed");
    fails_with("a 2", NULL, "word 'a': it removes a state that it has removed");
    fails_with("a 3", NULL, "it asks for a column that the state does not have");
    fails_with("a 4", NULL, "it sets a column to null that can't be");
    fails_with("a 10|b 11|c 5", NULL, "record 3 of the epoch, word 'c': five");
    fails_with("a 6", NULL,
               "mapWithState wrong [mapWithState-1], partition 0: word 'a': "
               "state column \"n\": 9223372036854775807 is outside int32");
    fails_with("a 9", NULL, "it appended rows before it said by sl_builder_of_row");
    fails_with("a 7", "1us", "timing out of word 'a': it updates a state that is timing out");
    fails_with("a 8", "1us", "timing out of word 'a': it removes a state that is timing out");
}

// ---------------------------------------------------------------- definition

typedef sl_stream *(*define_fn)(sl_stream *in);

static sl_stream *timeout_of_a_map(sl_stream *in)
{
    return sl_stream_timeout(in, "1s");
}
static sl_stream *timeout_no_duration(sl_stream *in)
{
    return sl_stream_timeout(sl_stream_map_with_state(in, "word", &fn_running, NULL), "soon");
}
static sl_stream *timeout_negative(sl_stream *in)
{
    return sl_stream_timeout(sl_stream_map_with_state(in, "word", &fn_running, NULL), "-1s");
}
static sl_stream *timeout_null(sl_stream *in)
{
    return sl_stream_timeout(sl_stream_map_with_state(in, "word", &fn_running, NULL), NULL);
}
static sl_stream *timeout_twice(sl_stream *in)
{
    sl_stream *state = sl_stream_map_with_state(in, "word", &fn_running, NULL);
    return sl_stream_timeout(sl_stream_timeout(state, "1s"), "1s");
}
static sl_stream *every_without_timeout(sl_stream *in)
{
    return sl_stream_timeout_every(sl_stream_map_with_state(in, "word", &fn_running, NULL), "1s");
}
static sl_stream *every_never(sl_stream *in)
{
    sl_stream *state = sl_stream_map_with_state(in, "word", &fn_running, NULL);
    return sl_stream_timeout_every(sl_stream_timeout(state, "1s"), "0s");
}
static sl_stream *snapshots_of_a_queue(sl_stream *in)
{
    return sl_stream_state_snapshots(in);
}
static sl_stream *key_made_too(sl_stream *in)
{
    return sl_stream_map_with_state(in, "word, n",
                                    &(sl_map_state_fn){.struct_size = sizeof(sl_map_state_fn),
                                                       .name = "f",
                                                       .state = "m int64",
                                                       .out = "n int64",
                                                       .run = run_running},
                                    NULL);
}
static sl_stream *state_of_lists(sl_stream *in)
{
    return sl_stream_map_with_state(in, "word",
                                    &(sl_map_state_fn){.struct_size = sizeof(sl_map_state_fn),
                                                       .name = "f",
                                                       .state = "m list<int64>",
                                                       .out = "o int64",
                                                       .run = run_running},
                                    NULL);
}
static sl_stream *no_state(sl_stream *in)
{
    return sl_stream_map_with_state(in, "word",
                                    &(sl_map_state_fn){.struct_size = sizeof(sl_map_state_fn),
                                                       .name = "f",
                                                       .out = "o int64",
                                                       .run = run_running},
                                    NULL);
}

SL_TEST(map_state_mistakes_are_told_with_their_place, "")
{
    static const struct {
        define_fn define;
        const char *text;
    } cases[] = {
        {timeout_of_a_map,
         "operator 1 (queue 'in'): only mapWithState and runningByKey have a timeout"},
        {timeout_no_duration, "timeout 'soon': not a duration: write digits and a unit"},
        {timeout_negative, "timeout '-1s': not a duration: write digits and a unit"},
        {timeout_null, "the timeout is NULL"},
        {timeout_twice, "it has a timeout already"},
        {every_without_timeout, "it has no timeout: call sl_stream_timeout first"},
        {every_never, "timeout_every '0s': it is longer than nothing"},
        {snapshots_of_a_queue, "only mapWithState and runningByKey have snapshots of their state"},
        {key_made_too, "'n' is a key and a column of the function's rows"},
        {state_of_lists, "state column \"m\": a state of mapWithState has numbers"},
        {no_state, "function 'f' has no `state`: the state's columns"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slt_graph g = slt_graph_new();
        sl_error err = SL_ERROR_INIT;
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        assert_null(cases[i].define(in));
        assert_int_equal(sl_graph_check(g.graph, &err), SL_E_INVALID);
        if (strstr(err.text, cases[i].text) == NULL) {
            SL_CHECK_TEXT(err.text, cases[i].text);
        }
        slt_graph_free(&g);
    }
}

SL_TEST(map_state_stands_in_the_text_with_its_settings, "")
{
    job j = job_define(&fn_running, "30s");
    sl_stream_timeout_every(j.state, "1m");
    const char *text = sl_graph_text(j.g.graph);
    assert_non_null(strstr(text,
                           "mapWithState-1 mapWithState(queue-1) keys=\"word\" fn=\"running\" "
                           "version=1 timeout=\"30000000us\" timeout_every=\"60000000us\""));
    assert_non_null(strstr(text, "stateSnapshots-1 stateSnapshots(mapWithState-1)"));
    slt_graph_free(&j.g);
}
