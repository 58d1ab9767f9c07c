// Tests of records made of rows.
#include "sink/kafka/ksink_int.h"

#include <inttypes.h>

#include "sl_test.h"

typedef struct maker {
    sl_schema *schema;
    sl_conf *conf;
    ksink_rows *rows;
    sl_batch *batch;
    sl_error err;
} maker;

static sl_code maker_init(maker *m, const char *schema, const char *query)
{
    sli_url url = {.query = sli_text_of(query)};
    *m = (maker){.err = SL_ERROR_INIT};
    assert_int_equal(sl_schema_parse(&m->schema, schema, NULL), SL_OK);
    SL_TRY(sli_sink_conf(&sli_sink_kafka, &url, &m->conf, NULL, &m->err));
    return sli_ksink_rows_new(&m->rows, m->conf, m->schema, "t", &m->err);
}

static void maker_reset(maker *m)
{
    sl_batch_unref(m->batch);
    sli_ksink_rows_free(m->rows);
    sl_conf_free(m->conf);
    sl_schema_unref(m->schema);
}

static void put_bytes(sli_str *out, const char *data, uint32_t size)
{
    if (data == NULL) {
        sli_str_text(out, "~");
    } else {
        sli_str_add(out, data, size);
    }
}

/// "topic/partition @time key=value name:value ..." a line.
static void render(const sli_kafka_message *m, sli_str *out)
{
    sli_str_printf(out, "%s/%d @%" PRId64 " ", m->topic, (int)m->partition, m->timestamp_us);
    put_bytes(out, m->key, m->key_size);
    sli_str_char(out, '=');
    put_bytes(out, m->value, m->value_size);
    for (int32_t i = 0; i < m->n_headers; i++) {
        sli_str_printf(out, " %s:", m->headers[i].name);
        put_bytes(out, m->headers[i].value, m->headers[i].value_size);
    }
    sli_str_char(out, '\n');
}

static sl_code make(maker *m, sli_str *out)
{
    const sli_kafka_message *records = NULL;
    int64_t row = -1;
    sl_code rc = sli_ksink_rows_make(m->rows, m->batch, 5000, &records, &row, &m->err);
    for (int64_t i = 0; rc == SL_OK && i < sl_batch_rows(m->batch); i++) {
        render(&records[i], out);
    }
    return rc == SL_OK ? SL_OK : sl_error_wrap(&m->err, rc, "row %d", (int)row);
}

static void put_pairs(sl_builder *b, int32_t column)
{
    sl_builder_list_begin(b, column);
    sl_builder_struct_begin(b, column);
    sl_builder_text(b, column, "from", 4);
    sl_builder_text(b, column, "here", 4);
    sl_builder_struct_end(b, column);
    sl_builder_struct_begin(b, column);
    sl_builder_text(b, column, "none", 4);
    sl_builder_null(b, column);
    sl_builder_struct_end(b, column);
    sl_builder_list_end(b, column);
}

SL_TEST(kafka_rows_that_go_have_no_value, "")
{
    maker m;
    sl_builder *b = NULL;
    sli_str out = SLI_STR_INIT;
    assert_int_equal(
        maker_init(&m, "k string, n int64, mark int64", "key=k&format=json&deletes=mark"), SL_OK);
    assert_int_equal(sl_builder_new(&b, m.schema, NULL), SL_OK);
    for (int64_t i = 0; i < 2; i++) {
        sl_builder_text(b, 0, i == 0 ? "a" : "b", 1);
        sl_builder_int64(b, 1, 7);
        sl_builder_int64(b, 2, i == 0 ? 1 : -1);
    }
    assert_int_equal(sl_builder_finish(b, &m.batch, NULL), SL_OK);
    assert_int_equal(make(&m, &out), SL_OK);
    SL_CHECK_TEXT(out.data, "t/-1 @5000 a={\"n\":7}\nt/-1 @5000 b=~\n");
    sli_str_reset(&out);
    sl_builder_free(b);
    maker_reset(&m);
}

SL_TEST(kafka_rows_go_by_a_key, "")
{
    static const char *const wrong[][2] = {{"format=json&deletes=mark", "goes with key="},
                                           {"format=json&key=k&deletes=k", "name one column"},
                                           {"format=json&key=mark&deletes=k", "is not int64"}};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        maker m;
        assert_int_equal(maker_init(&m, "k string, n int64, mark int64", wrong[i][0]), SL_E_CONFIG);
        assert_non_null(strstr(m.err.text, wrong[i][1]));
        maker_reset(&m);
    }
}

SL_TEST(kafka_rows_parts_of_a_record_come_from_columns, "")
{
    maker m;
    sl_builder *b = NULL;
    sli_str out = SLI_STR_INIT;
    assert_int_equal(maker_init(&m,
                                "k int64?, p int32?, at timestamp?, v string?, "
                                "h list<struct<name string, value binary?>>?, to string?",
                                "key=k&partition=p&time=at&headers=h&topic=to"),
                     SL_OK);
    assert_int_equal(sl_builder_new(&b, m.schema, NULL), SL_OK);
    for (int32_t i = 0; i < 2; i++) { // a row with all, and one with nothing
        bool all = i == 0;
        for (int32_t c = 0; !all && c < 6; c++) {
            sl_builder_null(b, c);
        }
        if (all) {
            sl_builder_int64(b, 0, 17);
            sl_builder_int64(b, 1, 3);
            sl_builder_int64(b, 2, 9000);
            sl_builder_text(b, 3, "value", 5);
            put_pairs(b, 4);
            sl_builder_text(b, 5, "other", 5);
        }
    }
    assert_int_equal(sl_builder_finish(b, &m.batch, NULL), SL_OK);
    assert_int_equal(make(&m, &out), SL_OK);
    SL_CHECK_TEXT(out.data, "other/3 @9000 17=value from:here none:~\n"
                            "t/-1 @5000 ~=~\n");
    sl_builder_free(b);
    sli_str_reset(&out);
    maker_reset(&m);
}

static void counts(maker *m)
{
    sl_builder *b = NULL;
    assert_int_equal(sl_builder_new(&b, m->schema, NULL), SL_OK);
    for (int32_t i = 0; i < 2; i++) {
        sl_builder_text(b, 0, i == 0 ? "be" : "a word of many letters", i == 0 ? 2 : 22);
        sl_builder_int64(b, 1, i == 0 ? 2 : -1);
    }
    assert_int_equal(sl_builder_finish(b, &m->batch, NULL), SL_OK);
    sl_builder_free(b);
}

SL_TEST(kafka_rows_what_is_left_is_the_value, "")
{
    static const char *const cases[][2] = {
        {"key=word", "t/-1 @5000 be=2\nt/-1 @5000 a word of many letters=-1\n"},
        {"format=json", "t/-1 @5000 ~={\"word\":\"be\",\"n\":2}\n"
                        "t/-1 @5000 ~={\"word\":\"a word of many letters\",\"n\":-1}\n"},
        {"format=csv&header=true&key=n", "t/-1 @5000 2=be\nt/-1 @5000 -1=a word of many letters\n"},
        {"format=bytes&key=n", "t/-1 @5000 2=be\nt/-1 @5000 -1=a word of many letters\n"},
        {"format=avro&key=n&avro_schema_text={\"type\":\"record\",\"name\":\"R\",\"fields\":[{"
         "\"name\":\"word\",\"type\":\"string\"}]}",
         "t/-1 @5000 2=\x04"
         "be\nt/-1 @5000 -1=,a word of many letters\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        maker m;
        sli_str out = SLI_STR_INIT;
        assert_int_equal(maker_init(&m, "word string, n int64", cases[i][0]), SL_OK);
        counts(&m);
        for (int32_t again = 0; again < 2; again++) {
            sli_str_clear(&out);
            assert_int_equal(make(&m, &out), SL_OK);
            SL_CHECK_TEXT(out.data, cases[i][1]);
        }
        sli_str_reset(&out);
        maker_reset(&m);
    }
}

SL_TEST(kafka_rows_a_wrong_cell_is_told_with_its_row, "")
{
    maker m;
    sli_str out = SLI_STR_INIT;
    assert_int_equal(maker_init(&m, "word string, n int64", "partition=n"), SL_OK);
    counts(&m);
    assert_int_equal(make(&m, &out), SL_E_DATA);
    assert_string_equal(m.err.text, "row 1: -1 is no partition");
    sli_str_reset(&out);
    maker_reset(&m);
}

SL_TEST(kafka_rows_columns_that_can_not_be_meant_are_refused, "")
{
    static const struct {
        const char *query;
        sl_code code;
        const char *says;
    } cases[] = {
        {"key=wrd", SL_E_CONFIG, "option key: there is no column wrd"},
        {"partition=word", SL_E_CONFIG, "int32 or int64"},
        {"time=n", SL_E_CONFIG, "not timestamp"},
        {"headers=word", SL_E_CONFIG, "list<struct"},
        {"topic=n", SL_E_CONFIG, "not string"},
        {"key=n&partition=n", SL_E_CONFIG, "options key and partition name one column"},
        {"key=word&partition=n", SL_E_CONFIG, "no column is left"},
        {"", SL_E_INVALID, "text is written from one column"},
        {"format=arrow", SL_E_CONFIG, "format"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        maker m;
        sl_code rc = maker_init(&m, "word string, n int64", cases[i].query);
        if (rc != cases[i].code || strstr(m.err.text, cases[i].says) == NULL) {
            fail_msg("%s: %s %s", cases[i].query, sl_code_name(rc), m.err.text);
        }
        maker_reset(&m);
    }
}

SL_TEST(kafka_rows_without_memory, "")
{
    int64_t used = sli_mem_used(SLI_TAG_SINK);
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        maker m;
        sli_str out = SLI_STR_INIT;
        sli_mem_fail_nth(0);
        assert_int_equal(maker_init(&m, "word string, n int64", "format=json&key=n"), SL_OK);
        counts(&m);
        sli_ksink_rows_free(m.rows);
        m.rows = NULL;
        sli_mem_fail_nth(n);
        sl_code rc = sli_ksink_rows_new(&m.rows, m.conf, m.schema, "t", &m.err);
        rc = rc == SL_OK ? make(&m, &out) : rc;
        failed = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        bool fine = rc == (failed ? SL_E_NOMEM : SL_OK) || (failed && out.failed);
        assert_true(fine);
        sli_str_reset(&out);
        maker_reset(&m);
        assert_int_equal(sli_mem_used(SLI_TAG_SINK), used);
    }
}
