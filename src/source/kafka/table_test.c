// Offset ranges as a table: what is there at a moment, or what was named of it.
#include "source/kafka/fixture_test.h"

static sl_code open_table(slt_feed *f, const char *rest, sli_source **out)
{
    f->p.err = SL_ERROR_INIT;
    const char *url = sl_arena_printf(f->p.arena, "kafka://sim:9092/%s", rest);
    return sli_table_open(out, url, &f->p.source_env, &f->p.err);
}

static sl_code offer(slt_feed *f, sli_source *source)
{
    sli_ask ask = {.max_rows = INT64_MAX};
    f->p.err = SL_ERROR_INIT;
    return source->ops->offer(source, &ask, f->p.arena, &f->p.offer, &f->p.err);
}

/// Rows of the table, and its offsets, as "start -> end".
static void check_table(slt_feed *f, const char *rest, const char *rows, const char *offsets)
{
    sli_source *source = NULL;
    const char *got = NULL;
    assert_int_equal(open_table(f, rest, &source), SL_OK);
    assert_int_equal(offer(f, source), SL_OK);
    assert_int_equal(slt_read(&f->p, source, f->p.offer.range, &got), SL_OK);
    SL_CHECK_TEXT(got, rows);
    SL_CHECK_TEXT(slt_feed_offsets(f, source), offsets);
    sli_source_close(source);
}

static void check_refused(slt_feed *f, const char *rest, const char *text)
{
    sli_source *source = NULL;
    assert_int_equal(open_table(f, rest, &source), SL_E_CONFIG);
    SL_CHECK_TEXT(f->p.err.text, text);
}

FEED_TEST(a_kafka_table_has_all_that_is_there_at_the_moment)
{
    slt_feed_make(f, "b", 1);
    slt_feed_make(f, "a", 2);
    slt_feed_put(f, "a", 0, "to be");
    slt_feed_put(f, "b", 0, "or not");
    check_table(f, "b,a", "to;be;or;not;",
                "{\"a\":{\"0\":0,\"1\":0},\"b\":{\"0\":0}} -> "
                "{\"a\":{\"0\":2,\"1\":0},\"b\":{\"0\":2}}");
    slt_feed_put(f, "a", 1, "more");
    check_table(f, "?partitions=a:1", "more;", "{\"a\":{\"1\":0}} -> {\"a\":{\"1\":1}}");
    check_table(f, "?pattern=[ab]&columns=topic,offset", "a,0,to;a,1,be;a,0,more;b,0,or;b,1,not;",
                "{\"a\":{\"0\":0,\"1\":0},\"b\":{\"0\":0}} -> "
                "{\"a\":{\"0\":2,\"1\":1},\"b\":{\"0\":2}}");
}

FEED_TEST(a_kafka_table_of_ranges_has_a_partition_each)
{
    slt_feed_make(f, "a", 3);
    slt_feed_put(f, "a", 0, "0 1 2 3 4 5");
    slt_feed_put(f, "a", 2, "x y z");
    check_table(f, "a?ranges=a:2=1..3,a:0=2..5&columns=offset", "2,2;3,3;4,4;1,y;2,z;",
                "{\"a\":{\"0\":2,\"2\":1}} -> {\"a\":{\"0\":5,\"2\":3}}");
    assert_int_equal(f->p.offer.n_splits, 2);
    check_table(f, "a?ranges=a:0=2..2", "", "{\"a\":{\"0\":2}} -> {\"a\":{\"0\":2}}");
    assert_int_equal(f->p.offer.n_splits, 1);
}

FEED_TEST(holes_in_a_range_of_a_table_are_no_loss)
{
    slt_feed_make(f, "a", 1);
    slt_feed_write(f, "a", 0, "one two", true);
    slt_feed_write(f, "a", 0, "never", false);
    slt_feed_put(f, "a", 0, "three");
    slt_pass(&f->p, 5000000); // until what is on record shows
    check_table(f, "a?columns=offset&ranges=a:0=1..6", "1,two;5,three;",
                "{\"a\":{\"0\":1}} -> {\"a\":{\"0\":6}}");
    check_table(f, "a?ranges=a:0=2..5", "", "{\"a\":{\"0\":2}} -> {\"a\":{\"0\":5}}");
    assert_false(slt_feed_told(f, "compaction"));
}

FEED_TEST(a_range_that_is_not_there_is_told)
{
    static const struct {
        const char *range, *text;
    } cases[] = {
        {"0..3", "a partition 0 has no offsets 0 to 2: 2 to 5 are there"},
        {"3..9", "a partition 0 has no offsets 3 to 8: 2 to 5 are there"},
        {"0..1", "a partition 0 has no offsets 0 to 0: 2 to 5 are there"},
        {"7..9", "a partition 0 has no offsets 7 to 8: 2 to 5 are there"},
    };
    sli_source *source = NULL;
    slt_feed_make(f, "a", 1);
    slt_feed_put(f, "a", 0, "0 1 2 3 4 5");
    sli_kafka_spot first = {"a", 0, 2};
    assert_int_equal(sli_kafka_cluster_age(f->cluster, &first, NULL), SL_OK);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *rest = sl_arena_printf(f->p.arena, "a?ranges=a:0=%s", cases[i].range);
        assert_int_equal(open_table(f, rest, &source), SL_OK);
        assert_int_equal(offer(f, source), SL_E_NOT_FOUND);
        assert_non_null(strstr(f->p.err.text, cases[i].text));
        sli_source_close(source);
    }
    check_table(f, "a?ranges=a:0=0..4&fail_on_data_loss=false", "2;3;",
                "{\"a\":{\"0\":2}} -> {\"a\":{\"0\":4}}");
    assert_int_equal(slt_feed_lost(f), 2);
    check_table(f, "a?ranges=a:0=7..9&fail_on_data_loss=false", "",
                "{\"a\":{\"0\":6}} -> {\"a\":{\"0\":6}}");
}

FEED_TEST(a_topic_that_is_not_there_is_no_table)
{
    sli_source *source = NULL;
    assert_int_equal(open_table(f, "none", &source), SL_OK);
    assert_int_equal(offer(f, source), SL_E_NOT_FOUND);
    assert_non_null(strstr(f->p.err.text, "none"));
    sli_source_close(source);
    slt_feed_make(f, "a", 1);
    assert_int_equal(open_table(f, "a?ranges=a:5=0..1", &source), SL_OK);
    assert_int_equal(offer(f, source), SL_E_NOT_FOUND);
    sli_source_close(source);
}

FEED_TEST(streams_and_tables_refuse_each_others_options)
{
    const char *of_stream = "of a stream: an RDD has the records of `ranges`, or without it all "
                            "that are there";
    static const char *const options[] = {"start=earliest",     "offsets=a:0=1", "group=g",
                                          "otherwise=earliest", "max_rate=5",    "min_rate=5",
                                          "refresh=1s"};
    for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
        int name = (int)strcspn(options[i], "=");
        check_refused(f, sl_arena_printf(f->p.arena, "a?%s", options[i]),
                      sl_arena_printf(f->p.arena, "source kafka: option %.*s is %s", name,
                                      options[i], of_stream));
    }
    slt_feed_refused(f, "a?ranges=a:0=0..5");
    SL_CHECK_TEXT(f->p.err.text, "source kafka: option ranges is of an RDD (sl_rdd_open): a stream "
                                 "has no end; `offsets` says where its partitions begin");
}

FEED_TEST(ranges_that_make_no_sense_are_refused)
{
    static const char *const ranges[] = {"a:0",     "a:0=5",    "a:0=5..",  "a:0=..5",
                                         "a:0=5.7", "a:0=7..5", "a=1..2",   "a:0=-1..5",
                                         ":0=1..2", "a:x=1..2", "a:0=1..2a"};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        sli_source *source = NULL;
        assert_int_equal(
            open_table(f, sl_arena_printf(f->p.arena, "a?ranges=%s", ranges[i]), &source),
            SL_E_CONFIG);
    }
    check_refused(
        f, "a?ranges=a:0=7..5",
        "source kafka: ranges: \"a:0=7..5\" is not TOPIC:PARTITION=FROM..TO, with FROM <= "
        "TO");
    check_refused(f, "a?ranges=a:0=1..5,a:0=7..9", "source kafka: ranges: a:0 is named twice");
    check_refused(f, "a?ranges=b:0=1..5",
                  "source kafka: ranges: b:0 is not among what the URL names otherwise");
    check_refused(f, "a?malformed=dead-letter",
                  "source kafka: malformed=dead-letter is for streams: a static table has no epoch "
                  "whose letters could tell of it");
}

FEED_TEST(a_table_reads_a_malformed_record_as_a_stream_does)
{
    sli_source *source = NULL;
    const char *got = NULL;
    slt_feed_make(f, "a", 1);
    slt_feed_put(f, "a", 0, "1 x 3");
    assert_int_equal(open_table(f, "a?format=csv&schema=n%20int64", &source), SL_OK);
    assert_int_equal(offer(f, source), SL_OK);
    assert_int_equal(slt_read(&f->p, source, f->p.offer.range, &got), SL_E_DATA);
    assert_non_null(strstr(f->p.err.text, "a, partition 0, offset 1: column 'n': 'x' is not"));
    sli_source_close(source);
}

FEED_TEST(a_format_that_reads_no_single_values_is_refused_when_it_is_opened)
{
    sli_source *source = NULL;
    assert_int_equal(open_table(f, "a?format=arrow&schema=n%20int64", &source), SL_E_UNSUPPORTED);
    SL_CHECK_TEXT(f->p.err.text, "source kafka: format arrow: a single value is no record of it");
    slt_feed_refused(f, "a?format=csv&schema=n%20int64&header=true");
    assert_non_null(strstr(f->p.err.text, "option header: a value is one record"));
}
