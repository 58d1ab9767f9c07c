// Each operator's RDD, epoch by epoch, through a fake epoch over the real scheduler.
#include "stream/graph_fixture_test.h"

/// A stream's rows as a sorted text: for results whose order depends on the number of partitions.
static char *sorted(const char *text)
{
    sli_str out = {.tag = SLI_TAG_TEST};
    const char *lines[512];
    size_t n = 0;
    for (const char *at = text; *at != '\0' && n < 512; at += strcspn(at, "\n") + 1) {
        lines[n++] = at;
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t k = i + 1; k < n; k++) {
            size_t a = strcspn(lines[i], "\n"), b = strcspn(lines[k], "\n");
            int order = memcmp(lines[i], lines[k], a < b ? a : b);
            if (order > 0 || (order == 0 && a > b)) {
                const char *swap = lines[i];
                lines[i] = lines[k];
                lines[k] = swap;
            }
        }
        sli_str_add(&out, lines[i], strcspn(lines[i], "\n") + 1);
    }
    return n == 0 ? sl_strdup(SLI_TAG_TEST, "") : sli_str_take(&out);
}

#define CHECK_SORTED(host, stream, expected)                                                       \
    do {                                                                                           \
        char *text_ = sorted(slt_epoch_rows(host, stream));                                        \
        SL_CHECK_TEXT(text_, expected);                                                            \
        sl_free(text_);                                                                            \
    } while (0)

SL_TEST(node_queue_gives_each_epoch_its_rdd, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    slt_host *host = slt_host_new(&g, 2);
    sl_rdd *rdd = NULL;
    slt_push(&g, "in", "a 1|b 2|c 3", 2);
    slt_push(&g, "in", "d 4", 1);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, in), "a 1\nb 2\nc 3\n");
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), in, &rdd, NULL), SL_OK);
    assert_int_equal(sl_rdd_partitions(rdd), 2);
    slt_epoch_end(host, false);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, in), "d 4\n");
    slt_epoch_end(host, false);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, in), "");
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), in, &rdd, NULL), SL_OK);
    assert_int_equal(sl_rdd_partitions(rdd), 1); // Spark's default RDD of an empty queue
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(node_rdd_is_made_once_an_epoch_and_named_after_the_operator, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *kept = sl_stream_uid(sl_stream_where(in, "n > 1"), "kept");
    assert_ptr_equal(sl_stream_cache(kept), kept);
    slt_host *host = slt_host_new(&g, 2);
    sl_rdd *first = NULL, *again = NULL, *input = NULL;
    slt_epoch_begin(host);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), kept, &first, NULL), SL_OK);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), kept, &again, NULL), SL_OK);
    assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), in, &input, NULL), SL_OK);
    assert_ptr_equal(first, again);
    assert_string_equal(first->uid, "kept");
    assert_string_equal(input->uid, "queue-1");
    assert_int_equal(first->level, SL_MEMORY_ONLY);
    assert_int_equal(input->level, SL_LEVEL_NONE);
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(node_narrow_operators_keep_partition_order, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream *more = sl_stream_queue(g.graph, "more", "word string", true);
    sl_stream *map = sl_stream_map(in, &slt_fn_upper, NULL);
    sl_stream *flat = sl_stream_flat_map(in, &slt_fn_split, NULL);
    sl_stream *shorts = sl_stream_filter(flat, &slt_fn_short, "max=1");
    sl_stream *tally = sl_stream_map_partitions(flat, &slt_fn_tally, NULL);
    sl_stream *select = sl_stream_select(in, "length(word) as n, word as w");
    sl_stream *where = sl_stream_where(in, "word != 'x_yy'");
    sl_stream *both = sl_stream_union(more, in);
    slt_host *host = slt_host_new(&g, 2);
    slt_push(&g, "in", "a_bb|x_yy|c", 2);
    slt_push(&g, "more", "z", 1);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, map), "A_BB\nX_YY\nC\n");
    SL_CHECK_TEXT(slt_epoch_rows(host, flat), "a\nbb\nx\nyy\nc\n");
    SL_CHECK_TEXT(slt_epoch_rows(host, shorts), "a\nx\nc\n");
    SL_CHECK_TEXT(slt_epoch_rows(host, tally), "2\n3\n");
    SL_CHECK_TEXT(slt_epoch_rows(host, select), "4 a_bb\n4 x_yy\n1 c\n");
    SL_CHECK_TEXT(slt_epoch_rows(host, where), "a_bb\nc\n");
    SL_CHECK_TEXT(slt_epoch_rows(host, both), "z\na_bb\nx_yy\nc\n");
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(node_wide_operators_give_the_same_rows_whatever_the_partitions, "")
{
    static const int32_t parallelism[] = {1, 3, 7};
    for (size_t p = 0; p < 3; p++) {
        slt_graph g = slt_graph_new();
        sl_graph_aggregation(g.graph, &slt_agg_xor);
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        sl_stream *other = sl_stream_queue(g.graph, "other", "word string, m int64", true);
        sl_stream *sums = sl_stream_reduce_by_key(in, "word", "sum(n) as s, count() as c");
        sl_stream *xors =
            sl_stream_partitions(sl_stream_reduce_by_key(in, "word", "xor(n) as x"), 2);
        sl_stream *groups = sl_stream_group_by_key(in, "word");
        sl_stream *joined = sl_stream_join(in, other, "word");
        sl_stream *spread = sl_stream_repartition(in, 4);
        slt_host *host = slt_host_new(&g, parallelism[p]);
        sl_rdd *rdd = NULL;
        slt_push(&g, "in", "to 1|be 2|to 4|or 8|be 16", 2);
        slt_push(&g, "other", "be 100|to 200|be 300|not 1", 1);
        slt_epoch_begin(host);
        CHECK_SORTED(host, sums, "be 18 2\nor 8 1\nto 5 2\n");
        CHECK_SORTED(host, xors, "be 18\nor 8\nto 5\n");
        CHECK_SORTED(host, groups, "be [2 16]\nor [8]\nto [1 4]\n");
        CHECK_SORTED(host, joined,
                     "be 16 100\nbe 16 300\nbe 2 100\nbe 2 300\nto 1 200\nto 4 200\n");
        CHECK_SORTED(host, spread, "be 16\nbe 2\nor 8\nto 1\nto 4\n");
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), sums, &rdd, NULL), SL_OK);
        assert_int_equal(sl_rdd_partitions(rdd), parallelism[p]);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), xors, &rdd, NULL), SL_OK);
        assert_int_equal(sl_rdd_partitions(rdd), 2);
        assert_int_equal(sli_epoch_rdd(slt_epoch_of(host), spread, &rdd, NULL), SL_OK);
        assert_int_equal(sl_rdd_partitions(rdd), 4);
        slt_epoch_end(host, false);
        slt_host_free(host);
        slt_graph_free(&g);
    }
}

SL_TEST(node_reduce_has_no_row_and_count_has_a_zero_for_an_empty_epoch, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *sum = sl_stream_reduce(in, "sum(n) as s, max(word) as w");
    sl_stream *count = sl_stream_count(in);
    slt_host *host = slt_host_new(&g, 3);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, sum), "");
    SL_CHECK_TEXT(slt_epoch_rows(host, count), "0\n");
    slt_epoch_end(host, false);
    slt_push(&g, "in", "to 1|be 2|to 4", 3);
    slt_epoch_begin(host);
    SL_CHECK_TEXT(slt_epoch_rows(host, sum), "7 to\n");
    SL_CHECK_TEXT(slt_epoch_rows(host, count), "3\n");
    slt_epoch_end(host, false);
    slt_host_free(host);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- transform

static sl_code by_args(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err)
{
    const char *how = sl_args_text(args, "how", "same");
    if (strcmp(how, "fail") == 0) {
        return sl_error_set(err, SL_E_USER, "on purpose");
    }
    if (strcmp(how, "mute") == 0) {
        return SL_E_IO;
    }
    if (strcmp(how, "null") == 0) {
        return SL_OK;
    }
    if (strcmp(how, "other") == 0) {
        *out = sl_rdd_select(in, "n");
    } else if (strcmp(how, "wrong") == 0) {
        *out = sl_rdd_select(in, "nnn");
    } else if (strcmp(how, "sort") == 0) {
        *out = sl_rdd_sort_by(in, "n desc", 1);
    } else if (strcmp(how, "epoch") == 0) {
        *out = sl_rdd_where(in, sl_args_epoch(args) == 2 ? "n = 2" : "n = 1");
    } else {
        *out = sl_rdd_ref(in);
    }
    return SL_OK;
}
static const sl_transform_fn by_args_fn = {
    .struct_size = sizeof(sl_transform_fn), .name = "by_args", .run = by_args};

SL_TEST(node_transform_runs_on_the_driver_every_epoch, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *same = sl_stream_transform(in, &by_args_fn, NULL);
    sl_stream *sort = sl_stream_transform(in, &by_args_fn, "how=sort");
    sl_stream *epoch = sl_stream_transform(in, &by_args_fn, "how=epoch");
    slt_host *host = slt_host_new(&g, 2);
    for (int i = 0; i < 2; i++) {
        slt_push(&g, "in", "a 1|b 2", 2);
        slt_epoch_begin(host);
        SL_CHECK_TEXT(slt_epoch_rows(host, same), "a 1\nb 2\n");
        SL_CHECK_TEXT(slt_epoch_rows(host, sort), "b 2\na 1\n");
        SL_CHECK_TEXT(slt_epoch_rows(host, epoch), i == 1 ? "b 2\n" : "a 1\n");
        slt_epoch_end(host, false);
    }
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(node_transform_that_gives_nothing_right_fails_with_its_name, "")
{
    static const struct {
        const char *args, *text;
    } cases[] = {
        {"how=fail", "SL_E_USER: operator transform-1: transform 'by_args': on purpose"},
        {"how=mute", "SL_E_USER: operator transform-1: transform 'by_args': the function gave no "
                     "reason (code 4)"},
        {"how=null",
         "SL_E_USER: operator transform-1: transform 'by_args': the function returned no "
         "RDD (NULL)"},
        {"how=other", "SL_E_INVALID: operator transform-1: transform 'by_args': it returned \"n "
                      "int64\", declared is \"word string, n int64\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        slt_graph g = slt_graph_new();
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        sl_stream *out = sl_stream_transform(in, &by_args_fn, cases[i].args);
        slt_host *host = slt_host_new(&g, 2);
        slt_epoch_begin(host);
        SL_CHECK_TEXT(slt_epoch_rows(host, out), cases[i].text);
        slt_epoch_end(host, true);
        slt_host_free(host);
        slt_graph_free(&g);
    }
}

SL_TEST(node_transform_passes_on_the_mistake_of_an_rdd, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *out = sl_stream_transform(in, &by_args_fn, "how=wrong");
    slt_host *host = slt_host_new(&g, 2);
    slt_epoch_begin(host);
    const char *text = slt_epoch_rows(host, out);
    assert_non_null(strstr(text, "SL_E_INVALID: operator transform-1: transform 'by_args': "));
    assert_non_null(strstr(text, "nnn"));
    slt_epoch_end(host, true);
    slt_host_free(host);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- sources and tables

static void put_file(slt_graph *g, const char *path, const char *text)
{
    assert_int_equal(sli_world_put(g->world, path, text, strlen(text), NULL), SL_OK);
}

SL_TEST(node_source_resolves_its_schema_without_touching_it, "")
{
    slt_graph g = slt_graph_new();
    int64_t calls = sli_world_calls(g.env);
    sl_stream *lines = sl_stream_open(g.graph, "socket://localhost:9999");
    sl_stream *csv = sl_stream_open(g.graph, "file:///missing?format=csv&schema=a string, n int64");
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    SL_CHECK_TEXT(sl_schema_text(sl_stream_schema(lines)), "line string");
    SL_CHECK_TEXT(sl_schema_text(sl_stream_schema(csv)), "a string, n int64");
    assert_string_equal(sli_node_url(lines), "socket://localhost:9999");
    assert_null(sli_node_url(sl_stream_count(lines)));
    assert_int_equal(sli_world_calls(g.env), calls);
    slt_graph_free(&g);
}

SL_TEST(node_source_tells_what_is_wrong_with_a_url, "")
{
    slt_graph g = slt_graph_new();
    sl_error err = SL_ERROR_INIT;
    assert_null(sl_stream_open(g.graph, "sockt://localhost:9999"));
    assert_int_equal(sl_graph_check(g.graph, &err), SL_E_CONFIG);
    const char *place = "operator 1 (source 'sockt://localhost:9999'): ";
    assert_memory_equal(err.text, place, strlen(place));
    assert_non_null(strstr(err.text, "socket"));
    slt_graph_free(&g);
}

SL_TEST(node_join_table_reads_its_table_once, "")
{
    slt_graph g = slt_graph_new();
    put_file(&g, "ads.csv", "a,north\nb,south\n");
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *out =
        sl_stream_join_table(in, "ads.csv?format=csv&schema=word string, side string", "word");
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    SL_CHECK_TEXT(sl_schema_text(sl_stream_schema(out)), "word string, n int64, side string");
    slt_host *host = slt_host_new(&g, 3);
    for (int i = 0; i < 2; i++) {
        slt_push(&g, "in", "b 1|c 2|a 3", 2);
        slt_epoch_begin(host);
        SL_CHECK_TEXT(slt_epoch_rows(host, out), "b 1 south\na 3 north\n");
        slt_epoch_end(host, false);
        put_file(&g, "ads.csv", "a,east\n"); // comes too late
    }
    slt_host_free(host);
    slt_graph_free(&g);
}

SL_TEST(node_join_table_that_cannot_be_read_names_it, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *out =
        sl_stream_join_table(in, "gone.csv?format=csv&schema=word string, m int64", "word");
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_host *host = slt_host_new(&g, 3);
    slt_epoch_begin(host);
    const char *text = slt_epoch_rows(host, out);
    assert_non_null(strstr(text, "operator joinTable-1: read table 'gone.csv': "));
    slt_epoch_end(host, true);
    slt_host_free(host);
    slt_graph_free(&g);
}
