// The canonical text and the hash.
#include "stream/graph_fixture_test.h"

#include "base/hash.h"

static sl_code pass(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    (void)args;
    (void)err;
    *out = sl_rdd_ref(in);
    return SL_OK;
}
static sl_code look(const sl_args *args, sl_rdd *rdd, sl_error *err)
{
    (void)args;
    (void)rdd;
    (void)err;
    return SL_OK;
}
static const sl_transform_fn pass_fn = {.struct_size = sizeof(sl_transform_fn),
                                        .name = "pass",
                                        .version = 2,
                                        .impure = true,
                                        .run = pass};
static const sl_foreach_fn look_fn = {
    .struct_size = sizeof(sl_foreach_fn), .name = "look", .version = 5, .run = look};

SL_TEST(text_has_a_line_an_operator, "")
{
    slt_graph g = slt_graph_new();
    sl_graph_aggregation(g.graph, &slt_agg_xor);
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *all = sl_stream_queue(g.graph, "all", "word string, n int64", false);
    sl_stream *both = sl_stream_union(in, all);
    sl_stream *cut = sl_stream_flat_map(both, &slt_fn_split, "by=' ' of=\"a\"");
    sl_stream *counts = sl_stream_reduce_by_key(cut, " word ", "count( ) as n");
    sl_stream_partitions(sl_stream_uid(counts, "counts"), 3);
    sl_stream_persist(sl_stream_select(both, "n+1 as  m, word"), SL_MEMORY_ONLY);
    sl_stream_where(both, "n  > 1");
    sl_stream *state = sl_stream_update_state_by_key(both, "word", &slt_fn_sum, NULL);
    sl_stream_ttl(state, "90m");
    sl_stream_join(counts, state, "word");
    sl_stream_transform(both, &pass_fn, NULL);
    sl_stream_reduce(both, "xor(n) as x");
    sl_stream_count(both);
    sl_stream_group_by_key(both, "n");
    sl_stream_repartition(both, 4);
    sl_stream_print(counts, 10);
    sl_stream_save(counts, "sqlite:///db?password=secret&table=counts");
    sl_stream_foreach_rdd(state, &look_fn, "a=1");
    SL_CHECK_TEXT(
        sl_graph_text(g.graph),
        "sluice graph 1\n"
        "queue-1 queue() name=\"in\" one_at_a_time : word string, n int64\n"
        "queue-2 queue() name=\"all\" : word string, n int64\n"
        "union-1 union(queue-1, queue-2) : word string, n int64\n"
        "flatMap-1 flatMap(union-1) fn=\"cut\" version=1 args=\"by=' ' of=\\\"a\\\"\" : word "
        "string\n"
        "counts reduceByKey(flatMap-1) keys=\"word\" aggregations=\"count() as n\" partitions=3 : "
        "word "
        "string, n int64\n"
        "select-1 select(union-1) expressions=\"(n + 1) as m, word\" persist=memory_only : m "
        "int64, "
        "word string\n"
        "where-1 where(union-1) condition=\"n  > 1\" : word string, n int64\n"
        "updateStateByKey-1 updateStateByKey(union-1) keys=\"word\" fn=\"sum\" version=1 "
        "persist=memory_and_disk ttl=5400000000us : word string, total int64\n"
        "join-1 join(counts, updateStateByKey-1) keys=\"word\" : word string, n int64, total "
        "int64\n"
        "transform-1 transform(union-1) fn=\"pass\" version=2 impure : word string, n int64\n"
        "reduce-1 reduce(union-1) aggregations=\"xor{version=3 in=int64 out=int64 "
        "state=8}(n) as x\" : x int64\n"
        "count-1 count(union-1) : count int64\n"
        "groupByKey-1 groupByKey(union-1) keys=\"n\" : n int64, word list<string>\n"
        "repartition-1 repartition(union-1) partitions=4 : word string, n int64\n"
        "counts.print-1 print(counts) url=\"console:?rows=10\"\n"
        "counts.save-1 save(counts) url=\"sqlite:///db?password=***&table=counts\"\n"
        "updateStateByKey-1.foreachRDD-1 foreachRDD(updateStateByKey-1) fn=\"look\" version=5 "
        "args=\"a=1\"\n");
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- the hash

/// What differs from the plain job; each one alone must change the hash.
typedef struct change {
    const char *queue, *args, *select, *uid, *url;
    bool one_at_a_time, reordered;
    int32_t partitions;
    sl_level level;
    const sl_fn *fn;
    const sl_agg_fn *agg; ///< in place of sum
} change;

static uint64_t hash_with(const change *c)
{
    slt_graph g = slt_graph_new();
    if (c->agg != NULL) {
        sl_graph_aggregation(g.graph, c->agg);
    }
    sl_stream *in = sl_stream_queue(g.graph, c->queue == NULL ? "in" : c->queue,
                                    "word string, n int64", c->one_at_a_time);
    sl_stream *map = sl_stream_map(in, c->fn == NULL ? &slt_fn_upper : c->fn, c->args);
    sl_stream *first = c->reordered ? sl_stream_where(map, "n > 1")
                                    : sl_stream_select(map, c->select == NULL ? "*" : c->select);
    sl_stream *second =
        c->reordered ? sl_stream_select(first, "*") : sl_stream_where(first, "n > 1");
    sl_stream *keyed =
        sl_stream_reduce_by_key(second, "word", c->agg == NULL ? "sum(n) as n" : "xor(n) as n");
    if (c->partitions > 0) {
        sl_stream_partitions(keyed, c->partitions);
    }
    sl_stream_persist(keyed, c->level);
    if (c->uid != NULL) {
        sl_stream_uid(keyed, c->uid);
    }
    sl_stream_save(keyed, c->url == NULL ? "file:///out" : c->url);
    sl_graph_attach(g.graph, "here", &g); // an address reaches no hash
    assert_int_equal(sli_graph_seal(g.graph, NULL), SL_OK);
    uint64_t hash = sl_graph_hash(g.graph);
    slt_graph_free(&g);
    return hash;
}

SL_TEST(text_hash_is_the_same_for_the_same_graph_and_differs_for_each_change, "")
{
    static sl_fn newer, other;
    static sl_agg_fn newer_xor;
    newer_xor = slt_agg_xor;
    newer_xor.version++;
    newer = other = slt_fn_upper;
    newer.version++;
    other.impure = true;
    const change changes[] = {
        {0},
        {.queue = "i"},
        {.args = "a=1"},
        {.args = "a=2"},
        {.args = ""},
        {.select = "word, n + 0 as n"},
        {.uid = "sums"},
        {.url = "file:///other"},
        {.one_at_a_time = true},
        {.reordered = true},
        {.partitions = 2},
        {.partitions = 3},
        {.level = SL_MEMORY_ONLY},
        {.level = SL_DISK_ONLY},
        {.fn = &newer},
        {.fn = &other},
        {.agg = &slt_agg_xor},
        {.agg = &newer_xor},
    };
    enum { N = sizeof changes / sizeof *changes };
    uint64_t hashes[N];
    for (size_t i = 0; i < N; i++) {
        hashes[i] = hash_with(&changes[i]);
        assert_int_equal(hash_with(&changes[i]), hashes[i]);
        for (size_t k = 0; k < i; k++) {
            assert_int_not_equal(hashes[i], hashes[k]);
        }
    }
}

SL_TEST(text_hash_does_not_see_how_a_text_is_written, "")
{
    change a = {.select = "word, n"}, b = {.select = " word ,n"}, c = {.select = "*"};
    assert_int_equal(hash_with(&a), hash_with(&b));
    assert_int_equal(hash_with(&a), hash_with(&c));
}

SL_TEST(text_hash_does_not_see_secrets, "")
{
    change a = {.url = "sqlite:///db?password=one&table=t"};
    change b = {.url = "sqlite:///db?password=two&table=t"};
    change c = {.url = "sqlite:///db?password=two&table=u"};
    assert_int_equal(hash_with(&a), hash_with(&b));
    assert_int_not_equal(hash_with(&a), hash_with(&c));
}

SL_TEST(text_given_before_a_change_stays_readable, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    const char *before = sl_graph_text(g.graph);
    sl_stream_count(in);
    const char *after = sl_graph_text(g.graph);
    SL_CHECK_TEXT(before,
                  "sluice graph 1\nqueue-1 queue() name=\"in\" one_at_a_time : word string\n");
    assert_string_not_equal(before, after);
    assert_ptr_equal(after, sl_graph_text(g.graph));
    slt_graph_free(&g);
}

SL_TEST(text_replaces_secrets_wherever_they_stand, "")
{
    slt_graph g = slt_graph_new();
    const struct {
        const char *url, *shown;
    } cases[] = {
        {"sqlite:///db?password=a", "sqlite:///db?password=***"},
        {"sqlite:///db?password=", "sqlite:///db?password=***"},
        {"sqlite:///db?password", "sqlite:///db?password=***"},
        {"sqlite:///db?a=1&password=x=y&b=2", "sqlite:///db?a=1&password=***&b=2"},
        {"sqlite:///db?passwords=a", "sqlite:///db?passwords=a"},
        {"file:///db?password=a", "file:///db?password=a"},
        {"sqlite:///db?", "sqlite:///db?"},
        {"plain/path", "plain/path"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sli_str out = {.tag = SLI_TAG_TEST};
        sli_put_url(&out, g.graph, cases[i].url);
        SL_CHECK_TEXT(out.data, cases[i].shown);
        sli_str_reset(&out);
    }
    slt_graph_free(&g);
}
