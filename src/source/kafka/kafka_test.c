// The Kafka source on a simulated cluster: what it takes, where it begins, what it reads.
#include "source/kafka/fixture_test.h"

FEED_TEST(kafka_rows_come_in_order)
{
    slt_feed_make(f, "orders", 1);
    slt_feed_put(f, "orders", 0, "to be or");
    sli_source *source = slt_feed_source(f, "orders?start=earliest");
    SL_CHECK_TEXT(slt_feed_take(f, source), "to;be;or;");
    SL_CHECK_TEXT(slt_feed_offsets(f, source), "{\"orders\":{\"0\":0}} -> {\"orders\":{\"0\":3}}");
    slt_feed_none(f, source);
    slt_feed_put(f, "orders", 0, "not to be");
    SL_CHECK_TEXT(slt_feed_take(f, source), "not;to;be;");
    assert_int_equal(f->p.offer.rows, 3);
    assert_int_equal(f->p.offer.bytes, 7);
    sli_source_close(source);
}

// Every partition is a split, those without records too, by topic and number.
FEED_TEST(kafka_partitions_are_splits)
{
    slt_feed_make(f, "b", 2);
    slt_feed_make(f, "a", 1);
    slt_feed_put(f, "b", 1, "one two");
    slt_feed_put(f, "a", 0, "three");
    sli_source *source = slt_feed_source(f, "b,a?start=earliest&columns=topic,partition,offset");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a,0,0,three;b,1,0,one;b,1,1,two;");
    assert_int_equal(f->p.offer.n_splits, 3);
    SL_CHECK_TEXT(slt_feed_offsets(f, source), "{\"a\":{\"0\":0},\"b\":{\"0\":0,\"1\":0}} -> "
                                               "{\"a\":{\"0\":1},\"b\":{\"0\":0,\"1\":2}}");
    sli_source_close(source);
}

FEED_TEST(kafka_key_time_and_headers_are_columns)
{
    slt_feed_make(f, "t", 1);
    sli_kafka_header headers[] = {{"h", "x", 1}, {"n", NULL, 0}};
    sli_kafka_message m = {.topic = "t",
                           .timestamp_us = 1600000000123000,
                           .key = "k",
                           .key_size = 1,
                           .headers = headers,
                           .n_headers = 2};
    assert_int_equal(sli_kafka_cluster_put(f->cluster, &m, NULL), SL_OK); // no value
    m = (sli_kafka_message){
        .topic = "t", .timestamp_us = 1600000000124000, .value = "v\nw", .value_size = 3};
    assert_int_equal(sli_kafka_cluster_put(f->cluster, &m, NULL), SL_OK);
    sli_source *source = slt_feed_source(f, "t?start=earliest&columns=key,timestamp&column=line?");
    SL_CHECK_TEXT(slt_feed_take(f, source), "k,1600000000123000,null;null,1600000000124000,v\nw;");
    sli_source_close(source);
    source = slt_feed_source(f, "t?start=earliest&columns=headers&column=line?");
    (void)slt_feed_take(f, source);
    assert_int_equal(f->p.offer.rows, 2);
    sli_source_close(source);
}

FEED_TEST(kafka_json_values_may_hold_line_ends)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "{\"n\":1} {\n\"n\":\r\n2} {\"n\":3}");
    sli_source *source =
        slt_feed_source(f, "t?start=earliest&format=json&schema=n%20int64&columns=offset");
    SL_CHECK_TEXT(slt_feed_take(f, source), "0,1;1,2;2,3;");
    sli_source_close(source);
}

static sl_code note_raw(void *ctx, const sli_raw_record *raw, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s@%lld=%.*s%s;", raw->name, (long long)raw->offset, (int)raw->bytes.size,
                   (const char *)raw->bytes.data, raw->why == NULL ? "" : "!");
    return SL_OK;
}

// What a dead letter tells of is looked up in memory, and in the cluster by a later life.
FEED_TEST(kafka_records_are_looked_up)
{
    const char *rest =
        "t?start=earliest&format=json&schema=n%20int64&malformed=dead-letter&columns=offset";
    sli_str told = SLI_STR_INIT;
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "{\"n\":1} nonsense {\"n\":3}");
    sli_source *source = slt_feed_source(f, rest);
    SL_CHECK_TEXT(slt_feed_take(f, source), "0,1;2,3;");
    for (int life = 0; life < 2; life++) {
        sli_str_clear(&told);
        assert_int_equal(source->ops->records(source, f->p.offer.range, 0, note_raw, &told, NULL),
                         SL_OK);
        assert_non_null(strstr(told.data, "@1=nonsense!;"));
        sl_bytes position = slt_position(&f->p, source);
        sli_source_close(source);
        source = slt_feed_source_at(f, rest, position);
    }
    sli_source_close(source);
    sli_str_reset(&told);
}

// Markers, aborted records and what compaction has removed leave holes that nobody waits for.
FEED_TEST(kafka_offsets_have_holes)
{
    slt_feed_make(f, "t", 1);
    slt_feed_write(f, "t", 0, "a b", true);  // 0 1, marker 2
    slt_feed_write(f, "t", 0, "c d", false); // 3 4, marker 5
    slt_feed_write(f, "t", 0, "e", true);    // 6, marker 7
    sli_source *source = slt_feed_source(f, "t?start=earliest&columns=offset");
    SL_CHECK_TEXT(slt_feed_take(f, source), "0,a;1,b;6,e;");
    assert_int_equal(f->p.offer.rows, 3);
    slt_feed_write(f, "t", 0, "x y", false); // nothing that is seen
    slt_feed_none(f, source);
    SL_CHECK_TEXT(slt_feed_offsets(f, source), "null -> null");
    slt_feed_write(f, "t", 0, "g", true);
    SL_CHECK_TEXT(slt_feed_take(f, source), "11,g;");
    sli_source_close(source);
}

FEED_TEST(kafka_open_transactions_are_seen_on_demand_alone)
{
    slt_feed_make(f, "t", 1);
    slt_feed_write(f, "t", 0, "a b", false);
    sli_source *source = slt_feed_source(f, "t?start=earliest&isolation=read_uncommitted");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;b;");
    sli_source_close(source);
}

// ---------------------------------------------------------------- which partitions

FEED_TEST(kafka_takes_up_new_partitions_and_topics_from_their_first_record)
{
    slt_feed_make(f, "in-a", 1);
    slt_feed_make(f, "out-a", 1);
    slt_feed_put(f, "in-a", 0, "old");
    slt_feed_put(f, "out-a", 0, "other");
    sli_source *source =
        slt_feed_source(f, "?pattern=in-.*&columns=topic,partition&start=latest&refresh=5s");
    slt_feed_none(f, source);
    assert_int_equal(sli_kafka_cluster_grow(f->cluster, "in-a", 2, NULL), SL_OK);
    slt_feed_put(f, "in-a", 1, "x");
    SL_CHECK_TEXT(slt_feed_take(f, source), "in-a,1,x;");
    slt_feed_make(f, "in-b", 1);
    slt_feed_put(f, "in-b", 0, "y");
    SL_CHECK_TEXT(slt_feed_take(f, source), "in-b,0,y;");
    assert_int_equal(f->p.offer.n_splits, 3);
    sli_source_close(source);
}

// A lane has one number for ever, wherever its partition stands in a range.
FEED_TEST(kafka_lanes_keep_their_numbers)
{
    slt_feed_make(f, "m", 1);
    slt_feed_put(f, "m", 0, "x");
    const char *rest = "?pattern=.*&start=earliest&refresh=1s";
    sli_source *source = slt_feed_source(f, rest);
    (void)slt_feed_take(f, source);
    assert_int_equal(source->ops->lane(source, f->p.offer.range, 0), 0);
    slt_feed_make(f, "a", 1);
    slt_feed_put(f, "a", 0, "y");
    (void)slt_feed_take(f, source);
    for (int life = 0; life < 2; life++) {
        assert_int_equal(f->p.offer.n_splits, 2);
        assert_int_equal(source->ops->lane(source, f->p.offer.range, 0), 1); // a
        assert_int_equal(source->ops->lane(source, f->p.offer.range, 1), 0); // m
        sl_bytes position = slt_position(&f->p, source);
        sli_source_close(source);
        source = slt_feed_source_at(f, rest, position);
        slt_feed_put(f, "m", 0, "z");
        SL_CHECK_TEXT(slt_feed_take(f, source), "z;");
    }
    sli_source_close(source);
}

FEED_TEST(kafka_reads_single_partitions)
{
    slt_feed_make(f, "a", 3);
    slt_feed_make(f, "b", 1);
    for (int32_t p = 0; p < 3; p++) {
        slt_feed_put(f, "a", p, "x");
    }
    slt_feed_put(f, "b", 0, "y");
    sli_source *source =
        slt_feed_source(f, "?partitions=b:0,a:2,a:0&start=earliest&columns=topic,partition");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a,0,x;a,2,x;b,0,y;");
    sli_source_close(source);
}

// ---------------------------------------------------------------- where to begin

static void check_begin(slt_feed *f, const char *query, const char *rows)
{
    sli_source *source = slt_feed_source(f, sl_arena_printf(f->p.arena, "t?%s", query));
    if (*rows == '\0') {
        slt_feed_none(f, source);
    } else {
        SL_CHECK_TEXT(slt_feed_take(f, source), rows);
    }
    sli_source_close(source);
}

FEED_TEST(kafka_begins_where_it_is_told)
{
    slt_feed_make(f, "t", 2);
    slt_feed_put(f, "t", 0, "a b");
    slt_feed_put(f, "t", 1, "c d");
    slt_pass(&f->p, 10000000);
    int64_t later_us = sli_env_wall_us(f->p.env);
    slt_feed_put(f, "t", 0, "e");
    assert_int_equal(later_us, 1577836810000000); // as told below
    check_begin(f, "", "");
    check_begin(f, "start=latest", "");
    check_begin(f, "start=earliest", "a;b;e;c;d;");
    check_begin(f, "start=2020-01-01T00:00:10Z", "e;");
    check_begin(f, "start=2021-01-01T00:00:00Z", "");
    check_begin(f, "offsets=t:0=1", "b;e;");
    check_begin(f, "offsets=t:1=1,t:0=3&start=earliest", "d;");
    check_begin(f, "start=committed&group=g", "");
    check_begin(f, "start=committed&group=g&otherwise=earliest", "a;b;e;c;d;");
}

FEED_TEST(kafka_begins_at_what_a_group_has_committed)
{
    slt_feed_make(f, "t", 2);
    slt_feed_put(f, "t", 0, "a b c");
    slt_feed_put(f, "t", 1, "d e");
    sli_kafka_conf conf = {.struct_size = sizeof conf,
                           .settings = &(sli_kafka_setting){"bootstrap.servers", "sim:9092", false},
                           .n_settings = 1,
                           .env = f->p.env,
                           .mono_us = sli_env_mono_us};
    sli_kafka *client = NULL;
    assert_int_equal(sli_kafka_simulated.open(&client, &conf, NULL), SL_OK);
    sli_kafka_simulated.note(client, "g", &(sli_kafka_spot){"t", 0, 2}, 1);
    sli_kafka_simulated.close(client);
    check_begin(f, "start=committed&group=g", "c;");
    check_begin(f, "start=committed&group=g&otherwise=earliest", "c;d;e;");
}

// A job that began at `latest` and died before its first record goes on where it began.
FEED_TEST(kafka_remembers_where_it_began)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "old");
    sli_source *source = slt_feed_source(f, "t");
    SL_CHECK_TEXT(slt_take(&f->p, source), "");
    assert_true(f->p.offer.range.size > 0); // without records, for PLAN to have it
    sl_bytes range = f->p.offer.range;
    slt_feed_none(f, source);
    assert_int_equal(f->p.offer.range.size, 0);
    sli_source_close(source);
    slt_feed_put(f, "t", 0, "new");
    source = slt_feed_source(f, "t");
    assert_int_equal(source->ops->accept(source, range, NULL), SL_OK);
    SL_CHECK_TEXT(slt_feed_take(f, source), "new;");
    sli_source_close(source);
}

// A fetching that began too early, since a range is on record after all, is forgotten.
FEED_TEST(kafka_goes_on_behind_accepted_ranges)
{
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a b c");
    sli_source *source = slt_feed_source(f, "t?start=earliest");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;b;c;");
    sl_bytes range = f->p.offer.range;
    sli_source_close(source);
    slt_feed_put(f, "t", 0, "d");
    source = slt_feed_source(f, "t?start=earliest");
    slt_pass(&f->p, 3000000);
    assert_int_equal(source->ops->accept(source, range, NULL), SL_OK);
    SL_CHECK_TEXT(slt_feed_take(f, source), "d;");
    sli_source_close(source);
}

// ---------------------------------------------------------------- limits

FEED_TEST(kafka_takes_no_more_than_max_rate)
{
    slt_feed_make(f, "t", 2);
    slt_feed_put(f, "t", 0, "a b c d e");
    slt_feed_put(f, "t", 1, "x");
    sli_source *source = slt_feed_source(f, "t?start=earliest&max_rate=2");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;b;x;"); // the first epoch too
    SL_CHECK_TEXT(slt_feed_take(f, source), "c;d;");
    SL_CHECK_TEXT(slt_feed_take(f, source), "e;");
    assert_false(f->p.offer.more);
    sli_source_close(source);
}

static void offer_at_most(slt_feed *f, sli_source *source, int64_t max_rows)
{
    sli_ask ask = {.epoch = ++f->p.epoch, .max_rows = max_rows};
    slt_pass(&f->p, 1000000);
    assert_int_equal(source->ops->offer(source, &ask, f->p.arena, &f->p.offer, &f->p.err), SL_OK);
}

// Backpressure's rows go to lanes in proportion to what each lags behind.
FEED_TEST(kafka_shares_rows_by_lag)
{
    slt_feed_make(f, "t", 3);
    for (int i = 0; i < 10; i++) {
        slt_feed_put(f, "t", 0, "a b c d e f g h i");
    }
    slt_feed_put(f, "t", 1, "a b c d e f g h i j");
    sli_source *source = slt_feed_source(f, "t?start=earliest&refresh=1h");
    slt_pass(&f->p, 5000000);
    offer_at_most(f, source, 20);
    SL_CHECK_TEXT(slt_feed_offsets(f, source),
                  "{\"t\":{\"0\":0,\"1\":0,\"2\":0}} -> {\"t\":{\"0\":18,\"1\":2,\"2\":0}}");
    offer_at_most(f, source, 1); // min_rate: no lane stands still
    SL_CHECK_TEXT(slt_feed_offsets(f, source),
                  "{\"t\":{\"0\":18,\"1\":2,\"2\":0}} -> {\"t\":{\"0\":19,\"1\":3,\"2\":0}}");
    sli_source_close(source);
}

// ---------------------------------------------------------------- memory

// With a huge backlog and no offers, what is fetched is bounded by `ahead`.
FEED_TEST(kafka_fetches_no_more_than_ahead)
{
    enum { RECORDS = 4000, SIZE = 200, AHEAD = 64 << 10 };
    char value[SIZE + 1];
    memset(value, 'x', SIZE);
    value[SIZE] = '\0';
    slt_feed_make(f, "t", 2);
    for (int32_t i = 0; i < RECORDS; i++) {
        slt_feed_put(f, "t", i % 2, value);
    }
    int64_t before = sli_mem_used(SLI_TAG_SOURCE) + sli_mem_used(SLI_TAG_BATCH);
    sli_source *source = slt_feed_source(f, "t?start=earliest&ahead=64KiB");
    slt_pass(&f->p, 60000000);
    int64_t used = sli_mem_used(SLI_TAG_SOURCE) + sli_mem_used(SLI_TAG_BATCH) - before;
    assert_true(used < 3 * AHEAD); // with what polls are given in
    int64_t rows = 0;
    for (int i = 0; i < 200 && rows < RECORDS; i++) {
        slt_offer(&f->p, source);
        rows += f->p.offer.rows;
        assert_true(f->p.offer.bytes <= 2 * AHEAD);
    }
    assert_int_equal(rows, RECORDS);
    sli_source_close(source);
}

// With a long interval more is fetched ahead while epochs take all of it, within the job's memory.
FEED_TEST(kafka_fetches_more_when_epochs_take_all)
{
    enum { RECORDS = 20000, SIZE = 200 };
    char value[SIZE + 1];
    memset(value, 'x', SIZE);
    value[SIZE] = '\0';
    slt_feed_make(f, "t", 1);
    for (int32_t i = 0; i < RECORDS; i++) {
        slt_feed_put(f, "t", 0, value);
    }
    sli_budget *budget = sli_budget_new(1 << 20);
    f->p.source_env.budget = budget;
    sli_source *source = slt_feed_source(f, "t?start=earliest&ahead=64KiB");
    int64_t most = 0;
    for (int i = 0; i < 20; i++) {
        slt_offer(&f->p, source);
        most = f->p.offer.bytes > most ? f->p.offer.bytes : most;
    }
    assert_true(most > 150 << 10 && most < 300 << 10); // a quarter, and the latest poll
    assert_int_equal(sli_budget_peak(budget), 256 << 10);
    for (int i = 0; i < 40; i++) { // the backlog ends: it shrinks again
        slt_feed_put(f, "t", 0, "y");
        slt_offer(&f->p, source);
    }
    assert_int_equal(sli_budget_used(budget), 64 << 10); // `ahead` itself
    sli_source_close(source);
    assert_int_equal(sli_budget_used(budget), 0);
    sli_budget_free(budget);
}

// What is fetched ahead from the start is the job's memory too, and at most a quarter of it.
FEED_TEST(kafka_ahead_is_reserved_in_the_jobs_memory)
{
    sli_budget *budget = sli_budget_new(20 << 20);
    f->p.source_env.budget = budget;
    slt_feed_make(f, "t", 1);
    slt_feed_put(f, "t", 0, "a");
    sli_source *source = slt_feed_source(f, "t?start=earliest");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;");
    assert_int_equal(sli_budget_used(budget), 5 << 20);
    sli_source_close(source);
    source = slt_feed_source(f, "t?start=earliest&ahead=1MiB");
    SL_CHECK_TEXT(slt_feed_take(f, source), "a;");
    assert_int_equal(sli_budget_used(budget), 1 << 20);
    sli_source_close(source);
    assert_int_equal(sli_budget_used(budget), 0);
    sli_budget_free(budget);
}

// Epochs that take longer than the interval are not fed more than they can eat.
FEED_TEST(kafka_fetches_no_more_for_late_epochs)
{
    enum { RECORDS = 20000, SIZE = 200 };
    char value[SIZE + 1];
    memset(value, 'x', SIZE);
    value[SIZE] = '\0';
    slt_feed_make(f, "t", 1);
    for (int32_t i = 0; i < RECORDS; i++) {
        slt_feed_put(f, "t", 0, value);
    }
    sli_budget *budget = sli_budget_new(1 << 20);
    f->p.source_env.budget = budget;
    sli_source *source = slt_feed_source(f, "t?start=earliest&ahead=64KiB");
    for (int i = 0; i < 20; i++) {
        slt_offer(&f->p, source);
        slt_pass(&f->p, 1000000); // beside the second that is the interval
    }
    assert_true(sli_budget_peak(budget) <= 128 << 10); // the first one was in time
    sli_source_close(source);
    sli_budget_free(budget);
}

// ---------------------------------------------------------------- settings

FEED_TEST(kafka_refuses_what_makes_no_sense)
{
    static const struct {
        const char *rest, *says;
    } cases[] = {
        {"", "no topic"},
        {"t?pattern=x", "two ways"},
        {"?pattern=a&partitions=a:0", "two ways"},
        {"?pattern=(", "pattern \"(\""},
        {"a,b,a", "topic a is named twice"},
        {"a,,b", "can't be a topic"},
        {"a/b", "can't be a topic"},
        {"?partitions=a", "is not TOPIC:PARTITION"},
        {"?partitions=a:x", "is not TOPIC:PARTITION"},
        {"?partitions=a:0,b:1,a:0", "a:0 is named twice"},
        {"a?offsets=a:0", "is not TOPIC:PARTITION=OFFSET"},
        {"a?offsets=a:0=-1", "is not TOPIC:PARTITION=OFFSET"},
        {"a?start=soon", "neither latest, earliest, committed nor a time"},
        {"a?start=committed", "needs `group`"},
        {"a?columns=key,key", "key"},
        {"a?columns=colour", "colour"},
        {"a?colour=red", "colour"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        slt_feed_refused(f, cases[i].rest);
        if (strstr(f->p.err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s", cases[i].rest, f->p.err.text);
        }
    }
}

FEED_TEST(kafka_settings_are_checked_by_the_client)
{
    sli_source *source = NULL;
    assert_int_equal(slt_open_url(&f->p, "kafka://sim:9092/t?kafka.fetch.wait.max.mss=5", &source),
                     SL_OK);
    assert_int_equal(source->ops->restore(source, (sl_bytes){NULL, 0}, &f->p.err), SL_E_CONFIG);
    assert_non_null(strstr(f->p.err.text, "unknown setting"));
    sli_source_close(source);
}
