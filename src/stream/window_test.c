// Windows: mistakes in their definition, slides, and which streams wait.
#include "sluice/event.h"
#include "stream/graph_fixture_test.h"

#include "stream/node_window.h"

// ---------------------------------------------------------------- mistakes

typedef sl_stream *(*define_fn)(sl_stream *pairs);

#define CASE(name, call)                                                                           \
    static sl_stream *name(sl_stream *pairs)                                                       \
    {                                                                                              \
        return call;                                                                               \
    }

CASE(window_null, sl_stream_window(pairs, NULL, NULL))
CASE(window_unit, sl_stream_window(pairs, "30", NULL))
CASE(window_zero, sl_stream_window(pairs, "0s", NULL))
CASE(slide_word, sl_stream_window(pairs, "30s", "soon"))
CASE(slide_zero, sl_stream_window(pairs, "30s", "0ms"))
CASE(group_keys, sl_stream_group_by_key_and_window(pairs, "kk", "3s", NULL))
CASE(reduce_no_keys, sl_stream_reduce_by_key_and_window(pairs, " ", "count() as n", "3s", NULL))
CASE(reduce_column, sl_stream_reduce_by_key_and_window(pairs, "k", "sum(vv) as v", "3s", NULL))
CASE(reduce_null, sl_stream_reduce_by_window(pairs, NULL, "3s", NULL))
CASE(count_by_value_name,
     sl_stream_count_by_value_and_window(sl_stream_select(pairs, "v as count"), "3s", NULL))
CASE(inverse_of_rows, sl_stream_inverse(sl_stream_window(pairs, "3s", NULL), SL_INVERSE_NEVER))
CASE(inverse_number,
     sl_stream_inverse(sl_stream_reduce_by_window(pairs, "sum(v) as v", "3s", NULL), (sl_inverse)7))
CASE(inverse_none,
     sl_stream_inverse(sl_stream_reduce_by_key_and_window(pairs, "k", "sum(v) as s, max(v) as m",
                                                          "3s", NULL),
                       SL_INVERSE_SPARK))
CASE(keep_of_count, sl_stream_keep(sl_stream_count_by_window(pairs, "3s", NULL), "count > 0"))
CASE(keep_null, sl_stream_keep(sl_stream_reduce_by_window(pairs, "sum(v) as v", "3s", NULL), NULL))
CASE(keep_column,
     sl_stream_keep(sl_stream_reduce_by_window(pairs, "sum(v) as v", "3s", NULL), "w > 0"))
CASE(partitions_of_rows, sl_stream_partitions(sl_stream_window(pairs, "3s", NULL), 2))

static const struct {
    define_fn define;
    const char *text;
} mistakes[] = {
    {window_null, "operator 2 (window after queue 'in'): the window is NULL: give a duration, as "
                  "\"30s\""},
    {window_unit, "operator 2 (window after queue 'in'): window '30': not a duration: write digits "
                  "and a unit (us, ms, s, m, h or d), as in 500ms"},
    {window_zero, "operator 2 (window after queue 'in'): window '0s': it must be longer than "
                  "nothing"},
    {slide_word, "operator 2 (window after queue 'in'): slide 'soon': not a duration: write digits "
                 "and a unit (us, ms, s, m, h or d), as in 500ms"},
    {slide_zero, "operator 2 (window after queue 'in'): slide '0ms': it must be longer than "
                 "nothing"},
    {group_keys, "operator 2 (groupByKeyAndWindow after queue 'in'): keys: "},
    {reduce_no_keys, "operator 2 (reduceByKeyAndWindow after queue 'in'): no keys: name the "
                     "columns, as \"user, page\"; without keys it is sl_stream_reduce_by_window"},
    {reduce_column, "operator 2 (reduceByKeyAndWindow after queue 'in'): "},
    {reduce_null, "operator 2 (reduceByWindow after queue 'in'): the aggregations are NULL"},
    {count_by_value_name, "operator 3 (countByValueAndWindow after select): "},
    {inverse_of_rows, "operator 2 (window after queue 'in'): only reduceByKeyAndWindow, "
                      "reduceByWindow and countByValueAndWindow have this setting"},
    {inverse_number, "operator 2 (reduceByWindow after queue 'in'): 7 is no sl_inverse"},
    {inverse_none, "operator 2 (reduceByKeyAndWindow after queue 'in'): an aggregation of \"sum(v) "
                   "as s, max(v) as m\" has no inverse: count, sum and avg of integers have one, "
                   "and a user's with `inverse`"},
    {keep_of_count, "operator 2 (countByWindow after queue 'in'): only reduceByKeyAndWindow, "
                    "reduceByWindow and countByValueAndWindow have this setting"},
    {keep_null, "operator 2 (reduceByWindow after queue 'in'): the condition is NULL"},
    {keep_column, "operator 2 (reduceByWindow after queue 'in'): "},
    {partitions_of_rows, "operator 2 (window after queue 'in'): its partitions can't be set"},
};

SL_TEST(window_mistakes_stick_with_their_place, "")
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        slt_graph g = slt_graph_new();
        sl_error err = SL_ERROR_INIT;
        sl_stream *pairs = sl_stream_queue(g.graph, "in", "k string, v int64", true);
        assert_null(mistakes[i].define(pairs));
        assert_int_equal(sl_graph_check(g.graph, &err), SL_E_INVALID);
        if (strncmp(err.text, mistakes[i].text, strlen(mistakes[i].text)) != 0) {
            fail_msg("mistake %zu is told as: %s", i, err.text);
        }
        assert_null(sl_stream_window(pairs, "1s", NULL)); // a call after a mistake does nothing
        slt_graph_free(&g);
    }
}

static void check_slides(const char *window, const char *slide, int64_t interval_us,
                         const char *text)
{
    slt_graph g = slt_graph_new();
    sl_error err = SL_ERROR_INIT;
    sl_stream *in = sl_stream_queue(g.graph, "in", "x int64", true);
    sl_stream_print(sl_stream_window(in, window, slide), 10);
    sl_code rc = sli_graph_slides(g.graph, interval_us, &err);
    SL_CHECK_TEXT(err.text, text);
    assert_int_equal(rc, text[0] == '\0' ? SL_OK : SL_E_INVALID);
    slt_graph_free(&g);
}

SL_TEST(window_and_slide_are_multiples_of_the_streams_slide, "")
{
    check_slides("1m", "30s", 1000000, "");
    check_slides("500ms", "5s", 250000, ""); // a slide may be longer
    check_slides("1500ms", NULL, 1000000,
                 "operator 2 (window after queue 'in'): its window of 1500ms must be a multiple of "
                 "its stream's slide, which is 1s: the next are 1s and 2s");
    check_slides(
        "90s", "1m", 60000000,
        "operator 2 (window after queue 'in'): its window of 90s must be a multiple of its "
        "stream's slide, which is 1m: the next are 1m and 2m");
    check_slides("2h", "1us", 1000000,
                 "operator 2 (window after queue 'in'): its slide of 1us must be a multiple of its "
                 "stream's slide, which is 1s: the next is 1s");
}

static sl_code run_none(const sl_args *args, const sl_map_state_call *call, sl_error *err)
{
    (void)args, (void)call, (void)err;
    return SL_OK;
}
static const sl_map_state_fn no_rows = {.struct_size = sizeof(sl_map_state_fn),
                                        .name = "none",
                                        .state = "n int64",
                                        .out = "m int64",
                                        .run = run_none};

SL_TEST(timeouts_are_looked_for_at_multiples_of_the_streams_slide, "")
{
    static const struct {
        const char *slide, *every, *text;
    } cases[] = {
        {"2s", "4s", ""},
        {"1s", "1s", ""},
        {"1s", "1500ms", "its timeout_every of 1500ms must be a multiple of its stream's slide"},
        {"1s", "500ms", "its timeout_every of 500ms must be a multiple of its stream's slide"},
        {"2s", "3s", "which is 2s: the next are 2s and 4s"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slt_graph g = slt_graph_new();
        sl_error err = SL_ERROR_INIT;
        sl_stream *in = sl_stream_queue(g.graph, "in", "k int64, v int64", true);
        sl_stream *rows = sl_stream_window(in, "2s", cases[i].slide);
        sl_stream *state = sl_stream_map_with_state(rows, "k", &no_rows, NULL);
        sl_stream_print(sl_stream_timeout_every(sl_stream_timeout(state, "9s"), cases[i].every), 1);
        bool fits = cases[i].text[0] == '\0';
        assert_int_equal(sli_graph_slides(g.graph, 1000000, &err), fits ? SL_OK : SL_E_INVALID);
        assert_non_null(strstr(err.text, cases[i].text));
        slt_graph_free(&g);
    }
}

SL_TEST(event_time_is_said_before_windows_that_slide, "")
{
    for (int i = 0; i < 2; i++) {
        slt_graph g = slt_graph_new();
        sl_error err = SL_ERROR_INIT;
        sl_stream *in = sl_stream_queue(g.graph, "in", "at timestamp", true);
        sl_stream *rows = sl_stream_window(in, "4s", i == 0 ? "1s" : "2s");
        sl_stream_print(sl_stream_event_time(rows, "at", "1s"), 10);
        sl_code rc = sli_graph_slides(g.graph, 1000000, &err);
        assert_int_equal(rc, i == 0 ? SL_OK : SL_E_INVALID);
        SL_CHECK_TEXT(err.text,
                      i == 0 ? ""
                             : "operator 3 (eventTime 'at' after window): its stream has rows "
                               "every 2s only: say the event time before the windows");
        slt_graph_free(&g);
    }
}

SL_TEST(window_of_a_window_goes_by_its_slide, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "x int64", true);
    sl_stream *inner = sl_stream_select(sl_stream_window(in, "6s", "2s"), "x + 1 as x");
    sl_stream *outer = sl_stream_window(inner, "6s", NULL);
    sl_stream_print(outer, 10);
    assert_int_equal(sli_graph_slides(g.graph, 1000000, NULL), SL_OK);
    assert_int_equal(inner->slide_us, 2000000);
    assert_int_equal(outer->slide_us, 2000000);
    sl_stream_print(sl_stream_count_by_window(inner, "6s", "3s"), 10);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_graph_slides(g.graph, 1000000, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text,
                  "operator 5 (countByWindow after select): its slide of 3s must be a multiple of "
                  "its stream's slide, which is 2s: the next are 2s and 4s");
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- batch times

SL_TEST(slide_fires_once_for_what_an_epoch_stands_for, "")
{
    assert_true(sli_slide_fires(3, 5, 6));
    assert_false(sli_slide_fires(3, 6, 7));
    assert_false(sli_slide_fires(3, 7, 8));
    assert_true(sli_slide_fires(3, 8, 10));  // 9 was missed
    assert_true(sli_slide_fires(3, 8, 100)); // so were many
    assert_false(sli_slide_fires(60, 8, 59));
}

SL_TEST(streams_wait_while_no_window_covers_them, "")
{
    slt_graph g = slt_graph_new();
    bool waits[8];
    sl_stream *in = sl_stream_queue(g.graph, "in", "x int64", true);
    sl_stream *other = sl_stream_queue(g.graph, "other", "x int64", true);
    sl_stream *unused = sl_stream_queue(g.graph, "unused", "x int64", true);
    sl_stream *window = sl_stream_window(sl_stream_select(in, "x"), "2s", "5s");
    sl_stream_print(window, 10);
    sl_stream_print(other, 10);
    assert_int_equal(sli_graph_slides(g.graph, 1000000, NULL), SL_OK);
    for (int64_t second = 1; second <= 10; second++) {
        sli_graph_waits(g.graph, (second - 1) * 1000000, second * 1000000, waits);
        assert_int_equal(waits[window->index], second % 5 != 0);
        assert_int_equal(waits[in->index], second % 5 != 0 && second % 5 != 4);
        assert_false(waits[other->index]);
        assert_false(waits[unused->index]);
    }
    sli_graph_waits(g.graph, 3000000, 8000000, waits); // an outage: the window is given now
    assert_false(waits[in->index] || waits[window->index]);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- texts

SL_TEST(window_is_one_line_of_the_graph, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "k string, v int64", true);
    sl_stream *sums =
        sl_stream_reduce_by_key_and_window(in, " k ", "sum(v)  as s", "60s", "2000ms");
    sl_stream_keep(sl_stream_inverse(sums, SL_INVERSE_SPARK), "s != 0");
    sl_stream_print(sl_stream_count_by_value_and_window(in, "2d", NULL), 10);
    SL_CHECK_TEXT(
        sl_graph_text(g.graph),
        "sluice graph 1\n"
        "queue-1 queue() name=\"in\" one_at_a_time : k string, v int64\n"
        "reduceByKeyAndWindow-1 reduceByKeyAndWindow(queue-1) keys=\"k\" aggregations=\"sum(v) as "
        "s\" window=\"1m\" slide=\"2s\" inverse=\"spark\" keep=\"s != 0\" : k string, s int64?\n"
        "countByValueAndWindow-1 countByValueAndWindow(queue-1) window=\"2d\" : k string, v int64, "
        "count int64\n"
        "countByValueAndWindow-1.print-1 print(countByValueAndWindow-1) "
        "url=\"console:?rows=10\"\n");
    slt_graph_free(&g);
}

SL_TEST(window_has_state_where_its_aggregations_have_an_inverse, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "k string, v int64", true);
    sl_stream *sums = sl_stream_reduce_by_key_and_window(in, "k", "sum(v) as s", "3s", NULL);
    sl_stream *both =
        sl_stream_reduce_by_key_and_window(in, "k", "sum(v) as s, max(v) as m", "3s", NULL);
    sl_stream *all = sl_stream_reduce_by_window(in, "sum(v) as s", "3s", NULL);
    assert_non_null(sli_node_state(sums));
    assert_null(sli_node_state(both));
    assert_null(sli_node_state(all)); // a row an epoch: state would cost more
    assert_non_null(sli_node_state(sl_stream_inverse(all, SL_INVERSE_SPARK)));
    assert_null(sli_node_state(sl_stream_inverse(sums, SL_INVERSE_NEVER)));
    assert_null(sli_node_state(sl_stream_window(in, "3s", NULL)));
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- memory

SL_TEST(window_definition_without_memory_sticks_to_the_graph, "")
{
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        slt_graph g = slt_graph_new();
        sli_mem_fail_nth(n);
        sl_stream *in = sl_stream_queue(g.graph, "in", "k string, v int64", true);
        sl_stream *sums = sl_stream_reduce_by_key_and_window(in, "k", "sum(v) as s", "4s", "2s");
        sums = sl_stream_keep(sl_stream_inverse(sums, SL_INVERSE_SPARK), "s > 0");
        sl_stream *all = sl_stream_reduce_by_window(sums, "sum(s) as s", "4s", NULL);
        sl_stream_print(sl_stream_inverse(all, SL_INVERSE_SPARK), 10);
        sl_stream_print(sl_stream_group_by_key_and_window(in, "k", "4s", NULL), 10);
        sl_code rc = sli_graph_slides(g.graph, 1000000, NULL);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_true(failed ? rc == SL_OK || rc == SL_E_NOMEM : rc == SL_OK);
        assert_true(rc == SL_OK || sl_graph_check(g.graph, NULL) == SL_E_NOMEM);
        slt_graph_free(&g);
    }
}
