// Random definitions: whatever is called in whatever order.
#include "stream/graph_fixture_test.h"

#include "base/hash.h"

static const char *pick(sli_rng *rng, const char *const *list, size_t n)
{
    return list[sli_rng_below(rng, n)];
}

/// One random call on two random streams; texts are right about half the time.
static sl_stream *define(sli_rng *rng, sl_graph *graph, sl_stream *a, sl_stream *b)
{
    static const char *const keys[] = {"word", "n", "word, n", "total", "wrd", "", "c"};
    static const char *const aggs[] = {"count() as c", "sum(n) as n", "max(word) as word", "su(n)"};
    static const char *const selects[] = {"word, n", "n, word", "*", "word || 'x' as word, n",
                                          "(("};
    static const char *const wheres[] = {"n > 1", "word = 'a'", "true", "n >", "zz"};
    static const char *const uids[] = {"a", "b", "map-1", "count-2", "", "x y"};
    switch (sli_rng_below(rng, 17)) {
    case 0:
        return sl_stream_map(a, &slt_fn_upper, NULL);
    case 1:
        return sl_stream_flat_map(a, &slt_fn_split, NULL);
    case 2:
        return sl_stream_map_partitions(a, &slt_fn_tally, NULL);
    case 3:
        return sl_stream_filter(a, &slt_fn_short, "max=4");
    case 4:
        return sl_stream_select(a, pick(rng, selects, 5));
    case 5:
        return sl_stream_where(a, pick(rng, wheres, 5));
    case 6:
        return sl_stream_union(a, b);
    case 7:
        return sl_stream_repartition(a, (int32_t)sli_rng_below(rng, 5));
    case 8:
        return sl_stream_reduce_by_key(a, pick(rng, keys, 7), pick(rng, aggs, 4));
    case 9:
        return sl_stream_reduce(a, pick(rng, aggs, 4));
    case 10:
        return sl_stream_count(a);
    case 11:
        return sl_stream_group_by_key(a, pick(rng, keys, 7));
    case 12:
        return sl_stream_join(a, b, pick(rng, keys, 7));
    case 13:
        return sl_stream_update_state_by_key(a, pick(rng, keys, 7), &slt_fn_rows, NULL);
    case 14:
        return sl_stream_uid(a, pick(rng, uids, 6));
    case 15:
        return sl_stream_partitions(a, (int32_t)sli_rng_below(rng, 4));
    default:
        sl_stream_print(a, (int64_t)sli_rng_below(rng, 20));
        return sl_stream_queue(graph, pick(rng, keys, 7), "word string, n int64", true);
    }
}

static void define_random(sl_graph *graph, uint64_t seed)
{
    sli_rng rng = {seed};
    sl_stream *streams[10] = {sl_stream_queue(graph, "in", "word string, n int64", true)};
    size_t n = 1;
    size_t last = 2 + sli_rng_below(&rng, 8);
    while (n < last) {
        sl_stream *a = streams[sli_rng_below(&rng, n)], *b = streams[sli_rng_below(&rng, n)];
        streams[n++] = define(&rng, graph, a, b);
    }
}

// Whatever is called in whatever order: no crash, the mistake has a text, and the same calls give
// the same graph or the same mistake.
SL_TEST(graph_random_definitions_are_repeatable, "")
{
    uint64_t n = slt_is_soak() ? 20000 : 1000;
    int64_t fine = 0;
    for (uint64_t seed = 0; seed < n; seed++) {
        slt_graph a = slt_graph_new(), b = slt_graph_new();
        define_random(a.graph, seed);
        define_random(b.graph, seed);
        sl_error first = SL_ERROR_INIT, second = SL_ERROR_INIT;
        sl_code rc = sl_graph_check(a.graph, &first);
        assert_int_equal(sl_graph_check(b.graph, &second), rc);
        assert_string_equal(first.text, second.text);
        assert_true(rc == SL_OK || first.text[0] != '\0');
        assert_int_equal(sl_graph_hash(a.graph), sl_graph_hash(b.graph));
        assert_string_equal(sl_graph_text(a.graph), sl_graph_text(b.graph));
        fine += rc == SL_OK;
        slt_graph_free(&a);
        slt_graph_free(&b);
    }
    assert_true(fine > 0);
    assert_true(fine < (int64_t)n);
}
