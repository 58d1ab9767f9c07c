// Windows and joins over a store that does many keys at once, and over one that can't: the same
// rows, and the same deltas.
#include "stream/graph_fixture_test.h"

#include "stream/event/times.h"

#include <stdio.h>

enum { EPOCHS = 6, KEYS = 700 }; // more keys than are asked for at once

/// Rows of one epoch: KEYS keys in two windows, later ones in the order of a stride.
static void push_epoch(slt_graph *g, int64_t epoch)
{
    sli_str rows = {.tag = SLI_TAG_TEST};
    for (int64_t i = 0; i < KEYS; i++) {
        int64_t key = i * 13 % KEYS, time = 10 * epoch + (i % 2 == 0 ? 0 : 10);
        sli_str_printf(&rows, "%s%lld %lld %lld", i == 0 ? "" : "|", (long long)time,
                       (long long)key, (long long)(i * epoch));
    }
    slt_push(g, "in", rows.data, 1);
    sli_str_reset(&rows);
}

/// What a job gives, epoch by epoch, then what it has put into its state.
static void run(bool at_once, sl_output_mode mode, sli_str *out)
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_event_time(
        sl_stream_queue(g.graph, "in", "ts timestamp, k int64, n int64", true), "ts", "5us");
    sl_stream *windows = sl_stream_event_window(in, "k", "sum(n) as s, count() as c", "10us", NULL);
    (void)sl_stream_output_mode(windows, mode);
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_host *host = slt_host_new(&g, 2);
    sli_store_ops alone = *slt_host_store(host)->ops;
    alone.find_all = NULL;
    alone.change_all = NULL;
    if (!at_once) {
        slt_host_store(host)->ops = &alone;
    }
    for (int64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        push_epoch(&g, epoch);
        slt_epoch_begin(host);
        sli_str_text(out, slt_epoch_rows(host, windows));
        slt_epoch_end(host, false);
        assert_int_equal(sli_state_delta(slt_host_store(host), out, NULL), SL_OK);
    }
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(windows_are_the_same_over_a_store_without_bulk_calls, "")
{
    for (int32_t i = 0; i < 2; i++) {
        sli_str one = {.tag = SLI_TAG_TEST}, other = {.tag = SLI_TAG_TEST};
        run(true, i == 0 ? SL_APPEND : SL_UPDATE, &one);
        run(false, i == 0 ? SL_APPEND : SL_UPDATE, &other);
        assert_true(one.size > 1000);
        assert_int_equal(one.size, other.size);
        assert_memory_equal(one.data, other.data, one.size);
        sli_str_reset(&one);
        sli_str_reset(&other);
    }
}

/// Rows of one epoch and side: of KEYS keys, and many of one key.
static void push_side(slt_graph *g, const char *queue, int64_t epoch, int64_t shift)
{
    sli_str rows = {.tag = SLI_TAG_TEST};
    for (int64_t i = 0; i < KEYS; i++) {
        int64_t key = i % 3 == 0 ? 5 : i * 13 % KEYS, time = 10 * epoch + shift + i % 7;
        sli_str_printf(&rows, "%s%lld %lld %lld", i == 0 ? "" : "|", (long long)time,
                       (long long)key, (long long)(i * epoch));
    }
    slt_push(g, queue, rows.data, 1);
    sli_str_reset(&rows);
}

static sl_stream *side_of(slt_graph *g, const char *queue)
{
    return sl_stream_event_time(
        sl_stream_queue(g->graph, queue, "ts timestamp, k int64, n int64", true), "ts", "25us");
}

/// The same of a full outer join, whose rows meet those of the next epochs.
static void run_join(bool at_once, sli_str *out)
{
    slt_graph g = slt_graph_new();
    sl_stream *join =
        sl_stream_interval_full_outer_join(side_of(&g, "a"), side_of(&g, "b"), "k", "11us", "13us");
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_host *host = slt_host_new(&g, 2);
    sli_store_ops alone = *slt_host_store(host)->ops;
    alone.find_all = NULL;
    alone.change_all = NULL;
    if (!at_once) {
        slt_host_store(host)->ops = &alone;
    }
    for (int64_t epoch = 1; epoch <= EPOCHS; epoch++) {
        push_side(&g, "a", epoch, 0);
        push_side(&g, "b", epoch, epoch % 2);
        slt_epoch_begin(host);
        sli_str_text(out, slt_epoch_rows(host, join));
        slt_epoch_end(host, false);
        assert_int_equal(sli_state_delta(slt_host_store(host), out, NULL), SL_OK);
    }
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(joins_are_the_same_over_a_store_without_bulk_calls, "")
{
    sli_str one = {.tag = SLI_TAG_TEST}, other = {.tag = SLI_TAG_TEST};
    run_join(true, &one);
    run_join(false, &other);
    assert_true(one.size > 100000);
    assert_non_null(memmem(one.data, one.size, "null", 4));
    assert_int_equal(one.size, other.size);
    assert_memory_equal(one.data, other.data, one.size);
    sli_str_reset(&one);
    sli_str_reset(&other);
}

SL_TEST(the_range_of_times_is_that_of_all_rows, "")
{
    const int64_t times[] = {5, -3, 9, 4, 7, 12, 1, -8, 6};
    for (int64_t n = 1; n <= (int64_t)(sizeof times / sizeof times[0]); n++) {
        sl_column column = {.type = SL_TIMESTAMP, .n_rows = n, .values = times};
        sli_time_range range = {0};
        int64_t least = times[0], most = times[0];
        for (int64_t i = 0; i < n; i++) {
            least = times[i] < least ? times[i] : least;
            most = times[i] > most ? times[i] : most;
        }
        assert_true(sli_times_range(&column, &range));
        assert_int_equal(range.least_us, least);
        assert_int_equal(range.most_us, most);
    }
    sl_column none = {.type = SL_TIMESTAMP, .values = times};
    sl_column untimed = {.type = SL_TIMESTAMP, .n_rows = 3, .n_nulls = 1, .values = times};
    sli_time_range range;
    assert_false(sli_times_range(&none, &range));
    assert_false(sli_times_range(&untimed, &range));
}
