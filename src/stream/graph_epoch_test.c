// What epochs without input share, and what they must not.
#include "stream/graph_fixture_test.h"

/// The stream's RDD in a new epoch that ends again; borrowed from its node when it was kept.
static sl_rdd *rdd_of_epoch(slt_host *host, sl_stream *stream)
{
    sl_rdd *rdd = NULL;
    slt_epoch_begin(host);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), stream, &rdd, NULL), SL_OK);
    sl_rdd_unref(sl_rdd_ref(rdd)); // alive
    slt_epoch_end(host, false);
    return rdd;
}

static sl_stream *counts_of(slt_graph *g)
{
    sl_stream *in = sl_stream_queue(g->graph, "in", "word string", false);
    sl_stream *words = sl_stream_flat_map(sl_stream_repartition(in, 4), &slt_fn_split, NULL);
    sl_stream *both = sl_stream_union(words, words);
    return sl_stream_where(sl_stream_reduce_by_key(both, "word", "count() as n"), "n > 2");
}

SL_TEST(graph_epochs_without_input_share_their_rdds, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *often = counts_of(&g);
    slt_host *host = slt_host_new(&g, 3);
    sl_rdd *first = rdd_of_epoch(host, often);
    assert_int_equal(sl_rdd_partitions(first), 3);
    int64_t made = slt_host_runtime(host)->next_id, allocated = sli_mem_count();
    for (int i = 0; i < 3; i++) {
        assert_ptr_equal(rdd_of_epoch(host, often), first);
    }
    assert_int_equal(slt_host_runtime(host)->next_id, made);
    assert_int_equal(sli_mem_count(), allocated);
    slt_push(&g, "in", "a_b_a|b", 2);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, often), "a 4\nb 4\n");
    slt_epoch_end(host, false);
    assert_ptr_equal(rdd_of_epoch(host, often), first);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, often), "");
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(graph_what_a_foreach_function_did_to_an_rdd_is_gone_in_the_next_epoch, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *often = counts_of(&g);
    slt_host *host = slt_host_new(&g, 3);
    for (int i = 0; i < 3; i++) {
        sl_rdd *rdd = NULL;
        slt_epoch_begin(host);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), often, &rdd, NULL), SL_OK);
        assert_int_equal(rdd->level, SL_LEVEL_NONE);
        assert_null(rdd->name);
        sl_rdd_persist(rdd, SL_MEMORY_ONLY);
        sl_rdd_named(rdd, i == 1 ? "mine" : NULL);
        slt_epoch_end(host, false);
    }
    slt_host_free(host);
    slt_graph_free(&g);
}

static sl_code not_in_epoch_3(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    if (sl_args_epoch(args) == 3) {
        return sl_error_set(err, SL_E_USER, "on purpose");
    }
    *out = sl_rdd_ref(in);
    return SL_OK;
}
static const sl_transform_fn not_in_epoch_3_fn = {
    .struct_size = sizeof(sl_transform_fn), .name = "not_in_epoch_3", .run = not_in_epoch_3};

SL_TEST(graph_transform_is_called_in_epochs_without_input_too, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", false);
    sl_stream *out =
        sl_stream_where(sl_stream_transform(in, &not_in_epoch_3_fn, NULL), "word > ''");
    slt_host *host = slt_host_new(&g, 2);
    for (int64_t epoch = 1; epoch <= 3; epoch++) {
        sl_rdd *rdd = NULL;
        slt_epoch_begin(host);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), out, &rdd, NULL),
                         epoch == 3 ? SL_E_USER : SL_OK);
        slt_epoch_end(host, epoch == 3);
    }
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(graph_rows_from_nothing_are_made_in_every_epoch, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", false);
    sl_stream *given = sl_stream_queue(g.graph, "given", "word string", false);
    sl_stream_queue_default(given, "{\"word\": \"x\"}", 1);
    sl_stream *all = sl_stream_union(in, given);
    sl_stream *tally = sl_stream_map_partitions(in, &slt_fn_tally, NULL); // a row a partition
    sl_stream *count = sl_stream_count(in);
    slt_host *host = slt_host_new(&g, 2);
    for (int i = 0; i < 3; i++) {
        slt_epoch_begin(host);
        SL_CHECK_TEXT(slt_epoch_rows(host, all), "x\n");
        SL_CHECK_TEXT(slt_epoch_rows(host, tally), "0\n");
        SL_CHECK_TEXT(slt_epoch_rows(host, count), "0\n");
        slt_epoch_end(host, false);
    }
    slt_host_free(host);
    slt_graph_free(&g);
}
