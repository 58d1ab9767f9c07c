// Opening sources by URL, rates, static tables.
#include "source/fixture_test.h"

#include <inttypes.h>
#include <stdio.h>

static void check_refused(slt_place *p, const char *url, const char *text)
{
    sli_source *source = NULL;
    assert_int_equal(slt_open_url(p, url, &source), SL_E_CONFIG);
    assert_null(source);
    if (strstr(p->err.text, text) == NULL) {
        fail_msg("%s: \"%s\" does not say \"%s\"", url, p->err.text, text);
    }
}

SL_TEST(wrong_urls_are_refused_with_advice, "")
{
    slt_place p;
    slt_place_open(&p, true);
    check_refused(&p, "sockt://a:1", "did you mean \"socket\"");
    check_refused(&p, "zzzzzzzz:a", "there are: file, socket, stdin, rate, queue");
    check_refused(&p, "socket://a", "a host and a port");
    check_refused(&p, "socket://a:0", "a host and a port");
    check_refused(&p, "socket://a:1/x", "has no path");
    check_refused(&p, "socket://a:1?reconnect_dely=1s", "reconnect_delay");
    check_refused(&p, "socket://a:1?reconnect_delay=0s", "reconnect_delay");
    check_refused(&p, "stdin:x", "neither host nor path");
    check_refused(&p, "queue:", "a queue has a name and nothing else");
    check_refused(&p, "queue://a/b", "a queue has a name and nothing else");
    check_refused(&p, "queue:q?one_at_time=true", "one_at_a_time");
    check_refused(&p, "queue:q?format=json", "schema");
    check_refused(&p, "rate://x", "neither host nor path");
    check_refused(&p, "rate:?rows_per_second=0", "rows_per_second");
    check_refused(&p, "rate:?format=csv", "format"); // it makes its rows itself
    check_refused(&p, "file://data/in", "file:///data/in");
    check_refused(&p, "file:", "a path is expected");
    check_refused(&p, "in?format=xml", "text, csv, json");
    check_refused(&p, "in?header=true", "header"); // an option of csv, and this is text
    check_refused(&p, "in?format=csv&hedaer=true", "header");
    check_refused(&p, "in?format=csv", "schema");
    check_refused(&p, "in?split=1", "split");
    check_refused(&p, "socket://a:1?format=bytes", "use text, csv or json");
    check_refused(&p, "in?format=avro", "avro_schema=FILE");
    slt_place_close(&p);
}

SL_TEST(format_is_found_however_it_is_written, "")
{
    slt_place p;
    slt_place_open(&p, true);
    const char *urls[] = {"in?format=csv&schema=a%20int64", "in?schema=a%20int64&format=csv",
                          "in?format=text&format=csv&schema=a%20int64"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        sli_source *source = NULL;
        assert_int_equal(slt_open_url(&p, urls[i], &source), SL_OK);
        assert_string_equal(sl_schema_text(source->ops->schema(source)), "a int64");
        sli_source_close(source);
    }
    sli_source *source = NULL;
    assert_int_equal(slt_open_url(&p, "in?format=%74ext&column=word", &source), SL_OK);
    assert_string_equal(sl_schema_text(source->ops->schema(source)), "word string");
    sli_source_close(source);
    sli_source_close(NULL);
    slt_place_close(&p);
}

SL_TEST(what_a_format_names_outside_is_read_when_a_source_is_opened, "")
{
    slt_place p;
    char url[300];
    sli_source *source = NULL;
    slt_place_open(&p, true);
    slt_put(&p, "n.avsc", "[\"null\",\"long\"]");
    (void)snprintf(url, sizeof url, "in?format=avro&avro_schema=%s", slt_at(&p, "n.avsc"));
    assert_int_equal(slt_open_url(&p, url, &source), SL_OK);
    assert_string_equal(sl_schema_text(source->ops->schema(source)), "value int64?");
    sli_source_close(source);
    assert_int_equal(slt_open_url(&p, "in?format=avro&avro_schema=none.avsc", &source),
                     SL_E_NOT_FOUND);
    slt_place_close(&p);
}

SL_TEST(open_survives_any_failed_allocation, "")
{
    slt_place p;
    slt_place_open(&p, true);
    const char *urls[] = {"socket://a:1", "stdin:", "rate:", "in?format=csv&schema=a%20int64"};
    for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
        sl_code rc = SL_E_NOMEM;
        for (int64_t n = 1; rc != SL_OK; n++) {
            sli_source *source = NULL;
            sli_mem_fail_nth(n);
            rc = slt_open_url(&p, urls[i], &source);
            sli_mem_fail_nth(0);
            assert_true(rc == SL_OK || rc == SL_E_NOMEM);
            sli_source_close(source);
        }
    }
    slt_place_close(&p);
}

// ---------------------------------------------------------------- rate

SL_TEST(rate_is_what_the_batch_times_say, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *s =
        slt_open(&p, "rate:?rows_per_second=2&rows=5&partitions=3", (sl_bytes){NULL, 0});
    assert_string_equal(slt_take(&p, s), // an interval's worth, although it is the first epoch
                        "0,1577836800000000;1,1577836800500000;");
    assert_int_equal(p.offer.rows, 2);
    assert_int_equal(p.offer.n_splits, 3);
    sli_ask back = {.epoch = 2, .batch_time_us = 0, .max_rows = INT64_MAX};
    assert_int_equal(s->ops->offer(s, &back, p.arena, &p.offer, NULL), SL_OK);
    assert_int_equal(p.offer.range.size, 0); // batch time went back
    sli_world_advance(p.world, 1000000);
    sli_ask ask = {.epoch = 3, .batch_time_us = sli_env_wall_us(p.env), .max_rows = 1};
    assert_int_equal(s->ops->offer(s, &ask, p.arena, &p.offer, NULL), SL_OK);
    assert_int_equal(p.offer.rows, 1);
    assert_true(p.offer.more);
    assert_false(s->ops->ended(s));
    sli_str start = SLI_STR_INIT, end = SLI_STR_INIT;
    s->ops->describe(s, p.offer.range, &start, &end);
    assert_string_equal(start.data, "2");
    assert_string_equal(end.data, "3");
    sli_str_reset(&start);
    sli_str_reset(&end);
    sli_world_advance(p.world, 10000000);
    assert_string_equal(slt_take(&p, s), "3,1577836801500000;4,1577836802000000;");
    assert_true(s->ops->ended(s));
    assert_string_equal(slt_take(&p, s), "");
    sli_source_close(s);
    slt_place_close(&p);
}

SL_TEST(rate_makes_many_rows_in_batches, "")
{
    slt_place p;
    slt_place_open(&p, true);
    sli_source *s = slt_open(&p, "rate:?rows_per_second=100000&partitions=7", (sl_bytes){NULL, 0});
    const char *rows = slt_take(&p, s);
    int64_t n = 0;
    for (const char *c = rows; *c != '\0'; c++) {
        n += *c == ';';
    }
    assert_int_equal(n, 100000);
    assert_string_equal(strrchr(rows, ',') - 5, "99999,1577836800999990;");
    sli_source_close(s);
    slt_place_close(&p);
}

// Rates that do not divide a second: each time is rounded
// down from the exact one, wherever a partition or a batch begins.
SL_TEST(rate_rounds_each_row_s_time_down, "")
{
    static const int64_t rates[] = {1009, 20011};
    for (int k = 0; k < 2; k++) {
        slt_place p;
        slt_place_open(&p, true);
        char url[80];
        (void)snprintf(url, sizeof url, "rate:?rows_per_second=%" PRId64 "&partitions=3", rates[k]);
        sli_source *s = slt_open(&p, url, (sl_bytes){NULL, 0});
        const char *at = slt_take(&p, s);
        for (int64_t i = 0; i < rates[k]; i++) {
            char want[80];
            int size = snprintf(want, sizeof want, "%" PRId64 ",%" PRId64 ";", i,
                                1577836800000000 + i * 1000000 / rates[k]);
            assert_memory_equal(at, want, (size_t)size);
            at += size;
        }
        assert_string_equal(at, "");
        sli_source_close(s);
        slt_place_close(&p);
    }
}

// ---------------------------------------------------------------- tables

static sli_source *open_table(slt_place *p, const char *url)
{
    sli_source *source = NULL;
    if (sli_table_open(&source, url, &p->source_env, &p->err) != SL_OK) {
        fail_msg("%s", p->err.text);
    }
    return source;
}

PLACE_TEST(table_is_a_directory_in_order_of_names)
{
    slt_put(p, "b", "1\n");
    slt_put(p, "a", "2\n");
    slt_put(p, "c.tmp", "3\n");
    slt_put(p, "empty", "");
    slt_touch(p, "b", 1000000);
    sli_source *s = open_table(p, sl_arena_printf(p->arena, "%s", p->dir));
    assert_string_equal(slt_take(p, s), "2;1;3;");
    assert_int_equal(p->offer.n_splits, 4);
    assert_string_equal(slt_take(p, s), "2;1;3;"); // asked again, all of it again
    sli_source_close(s);
    s = open_table(p, sl_arena_printf(p->arena, "%s?glob=?", p->dir));
    assert_string_equal(slt_take(p, s), "2;1;");
    sli_source_close(s);
}

PLACE_TEST(table_is_one_file)
{
    slt_put(p, "ads.csv", "1,x\n2,y\n");
    sli_source *s =
        open_table(p, sl_arena_printf(p->arena, "%s?format=csv&schema=id%%20int64,name%%20string",
                                      slt_at(p, "ads.csv")));
    assert_string_equal(slt_take(p, s), "1,x;2,y;");
    assert_int_equal(p->offer.n_splits, 1);
    slt_remove(p, "ads.csv");
    const char *rows = NULL;
    assert_int_equal(slt_read(p, s, p->offer.range, &rows), SL_E_NOT_FOUND);
    sli_ask ask = {.max_rows = INT64_MAX};
    assert_int_equal(s->ops->offer(s, &ask, p->arena, &p->offer, &p->err), SL_E_NOT_FOUND);
    assert_non_null(strstr(p->err.text, "ads.csv"));
    sli_source_close(s);
    assert_int_equal(sli_table_open(&s, "socket://a:1", &p->source_env, &p->err), SL_E_CONFIG);
}

PLACE_TEST(table_of_nothing_is_empty)
{
    sli_source *s = open_table(p, p->dir);
    assert_string_equal(slt_take(p, s), "");
    assert_int_equal(p->offer.n_splits, 0);
    sli_source_close(s);
}
