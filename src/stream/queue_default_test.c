// Default rows of queue streams: mistakes, the graph's text, use in epochs.
#include "stream/graph_fixture_test.h"

// ---------------------------------------------------------------- default rows

typedef sl_stream *(*default_fn)(sl_graph *graph, sl_stream *in);

#define DEFAULT_CASE(name, call)                                                                   \
    static sl_stream *name(sl_graph *graph, sl_stream *in)                                         \
    {                                                                                              \
        (void)graph;                                                                               \
        return call;                                                                               \
    }

DEFAULT_CASE(of_no_queue, sl_stream_queue_default(sl_stream_count(in), "{}", 1))
DEFAULT_CASE(of_null, sl_stream_queue_default(in, NULL, 1))
DEFAULT_CASE(in_no_partition, sl_stream_queue_default(in, "", 0))
DEFAULT_CASE(in_many_partitions, sl_stream_queue_default(in, "", SLI_MAX_PARTITIONS + 1))
DEFAULT_CASE(twice, sl_stream_queue_default(sl_stream_queue_default(in, "", 1), "", 1))
DEFAULT_CASE(no_json, sl_stream_queue_default(in, "{\"word\":\"a\",\"n\":1}\n{\"word\"", 1))
DEFAULT_CASE(other_type, sl_stream_queue_default(in, "{\"word\":\"a\",\"n\":\"b\"}", 1))
DEFAULT_CASE(no_null, sl_stream_queue_default(in, "\n{\"word\":\"a\"}\n", 1))

static const struct default_mistake {
    default_fn define;
    sl_code code;
    const char *text;
} default_mistakes[] = {
    {of_no_queue, SL_E_INVALID,
     "operator 2 (count after queue 'in'): it is no queue: only sl_stream_queue has default rows"},
    {of_null, SL_E_INVALID, "operator 1 (queue 'in'): the default rows are NULL"},
    {in_no_partition, SL_E_INVALID,
     "operator 1 (queue 'in'): 0 partitions; there may be 1 to 65536"},
    {in_many_partitions, SL_E_INVALID,
     "operator 1 (queue 'in'): 65537 partitions; there may be 1 to 65536"},
    {twice, SL_E_INVALID, "operator 1 (queue 'in'): the queue has default rows already"},
    {no_json, SL_E_DATA,
     "operator 1 (queue 'in'): default rows at byte 19 (line 2): a colon is expected at byte 7 of "
     "the record"},
    {other_type, SL_E_DATA,
     "operator 1 (queue 'in'): default rows at byte 0 (line 1): field 'n' at byte 16 of the "
     "record: "
     "an integer of 64 bits is expected, not \"b\"}"},
    {no_null, SL_E_DATA,
     "operator 1 (queue 'in'): default rows at byte 1 (line 2): field 'n' is missing and not "
     "nullable"},
};

SL_TEST(queue_default_tells_each_mistake_with_its_place, "")
{
    for (size_t i = 0; i < sizeof default_mistakes / sizeof *default_mistakes; i++) {
        slt_graph g = slt_graph_new();
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        assert_null(default_mistakes[i].define(g.graph, in));
        slt_mistake_is(g.graph, default_mistakes[i].code, default_mistakes[i].text);
        assert_null(sl_stream_queue_default(in, "", 1)); // after a mistake
        slt_graph_free(&g);
    }
    assert_null(sl_stream_queue_default(NULL, "", 1));
}

SL_TEST(queue_default_has_a_stated_maximum, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "n int64?", true);
    sl_stream *over = sl_stream_queue(g.graph, "over", "n int64?", true);
    char *text = sl_alloc(SLI_TAG_TEST, SLI_MAX_DEFAULT_BYTES + 2);
    for (int i = 0; i < SLI_MAX_DEFAULT_BYTES + 1; i++) {
        text[i] = "{}\n"[i % 3];
    }
    text[SLI_MAX_DEFAULT_BYTES + 1] = '\0';
    // The most rows that fit: more than one batch of the decoder.
    text[SLI_MAX_DEFAULT_BYTES - 1] = '\0';
    assert_ptr_equal(sl_stream_queue_default(in, text, 1), in);
    assert_int_equal(sl_batch_rows(sli_node_queue_default(in)->rows), SLI_MAX_DEFAULT_BYTES / 3);
    text[SLI_MAX_DEFAULT_BYTES - 1] = ' ';
    assert_null(sl_stream_queue_default(over, text, 1));
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "operator 2 (queue 'over'): the default rows are more than 64 KiB of text");
    sl_free(text);
    slt_graph_free(&g);
}

// Whichever allocation fails, the graph tells it and can be freed.
SL_TEST(queue_default_survives_each_failed_allocation, "")
{
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        slt_graph g = slt_graph_new();
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        sli_mem_fail_nth(n);
        sl_stream *same =
            sl_stream_queue_default(in, "{\"word\":\"a text that is not short\",\"n\":1}", 2);
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(sl_graph_check(g.graph, NULL), same == NULL ? SL_E_NOMEM : SL_OK);
        assert_true(failed || same == in);
        slt_graph_free(&g);
    }
}

SL_TEST(queue_default_is_refused_once_the_job_has_started, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "n int64", true);
    sl_stream_print(in, 1);
    assert_int_equal(sli_graph_seal(g.graph, NULL), SL_OK);
    assert_null(sl_stream_queue_default(in, "{\"n\":1}", 1));
    slt_mistake_is(g.graph, SL_E_STATE,
                   "the job has been started: nothing can be added to its graph");
    slt_graph_free(&g);
}

static uint64_t hash_with(const char *rows, int32_t n_partitions, const char *line)
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64?", false);
    if (rows != NULL) {
        (void)sl_graph_hash(g.graph); // a text made before is not kept
        assert_ptr_equal(sl_stream_queue_default(in, rows, n_partitions), in);
    }
    sl_stream_print(in, 10);
    if (line != NULL) {
        const char *text = sl_graph_text(g.graph) + strlen("sluice graph 1\n");
        char *first = sl_strndup(SLI_TAG_TEST, text, strcspn(text, "\n"));
        SL_CHECK_TEXT(first, line);
        sl_free(first);
    }
    uint64_t hash = sl_graph_hash(g.graph);
    slt_graph_free(&g);
    return hash;
}

/// The operator's line of the text below. `\\n` and `\"` are the JSON text's own escapes.
static const char canonical[] =
    "queue-1 queue() name=\"in\" "
    "default=\"{\\\"word\\\":\\\"a\\\\\\\"\\\",\\\"n\\\":1}\\n{\\\"word\\\":\\\"b\\\"}\\n\" "
    "default_partitions=2 : word string, n int64?";

SL_TEST(queue_default_is_part_of_the_graph, "")
{
    uint64_t hash = hash_with("{\"word\":\"a\\\"\",\"n\":1}\n{\"word\":\"b\"}", 2, canonical);
    assert_true(hash ==
                hash_with("\n{ \"n\" : 1, \"word\" : \"a\\\"\" }\n\n{\"word\":\"b\",\"n\":null}\n",
                          2, NULL));
    assert_true(hash != hash_with("{\"word\":\"a\\\"\",\"n\":1}\n{\"word\":\"b\"}", 3, NULL));
    assert_true(hash != hash_with("{\"word\":\"a\\\"\",\"n\":1}", 2, NULL));
    assert_true(hash != hash_with("", 2, NULL));
    assert_true(hash != hash_with(NULL, 0, "queue-1 queue() name=\"in\" : word string, n int64?"));
}

static int32_t partitions_of(slt_host *host, sl_stream *stream)
{
    sl_rdd *rdd = NULL;
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), stream, &rdd, NULL), SL_OK);
    return sl_rdd_partitions(rdd);
}

SL_TEST(queue_default_is_used_by_epochs_that_find_the_queue_empty, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *one = sl_stream_queue(g.graph, "one", "word string", true);
    sl_stream *all = sl_stream_queue(g.graph, "all", "word string", false);
    sl_stream_queue_default(one, "{\"word\":\"p\"}\n{\"word\":\"q\"}\n{\"word\":\"r\"}", 2);
    sl_stream_queue_default(all, "{\"word\":\"y\"}\n{\"word\":\"z\"}", 5);
    sl_stream *sizes = sl_stream_map_partitions(one, &slt_fn_tally, NULL);
    sl_stream *wide = sl_stream_map_partitions(all, &slt_fn_tally, NULL);
    sl_stream *both = sl_stream_union(one, all);
    slt_host *host = slt_host_new(&g, 2);
    for (int i = 0; i < 2; i++) {
        slt_push(&g, "one", i == 0 ? "a" : "b", 1);
        slt_push(&g, "all", i == 0 ? "c" : "d", 1);
    }
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, both), "a\nc\nd\n");
    slt_epoch_end(host, false);
    slt_epoch_begin(host); // one at a time: the first queue still has something
    SL_CHECK_TEXT(slt_epoch_rows(host, both), "b\ny\nz\n");
    slt_epoch_end(host, false);
    slt_push(&g, "all", "", 3); // an RDD without rows is no empty queue
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, both), "p\nq\nr\n");
    assert_int_equal(partitions_of(host, all), 3);
    slt_epoch_end(host, false);
    for (int i = 0; i < 2; i++) { // as often as wanted
        slt_epoch_begin(host);
        SL_CHECK_TEXT(slt_epoch_rows(host, both), "p\nq\nr\ny\nz\n");
        SL_CHECK_TEXT(slt_epoch_rows(host, sizes), "1\n2\n");         // 0, 3/2, 3
        SL_CHECK_TEXT(slt_epoch_rows(host, wide), "0\n0\n1\n0\n1\n"); // 0, 2/5, 4/5, 6/5, 8/5, 2
        assert_int_equal(partitions_of(host, both), 7);
        slt_epoch_end(host, false);
    }
    slt_push(&g, "one", "e", 1);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, both), "e\ny\nz\n");
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(queue_default_without_rows_only_sets_the_partitions, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream *plain = sl_stream_queue(g.graph, "plain", "word string", true);
    assert_ptr_equal(sl_stream_queue_default(in, "\n", 4), in);
    slt_host *host = slt_host_new(&g, 2);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, in), "");
    assert_int_equal(partitions_of(host, in), 4);
    assert_int_equal(partitions_of(host, plain), 1);
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}
