// Records that were fetched, to rows: the columns beside the value, whichever values were dropped.
#include "source/kafka/kafka_int.h"

#include "sl_test.h"

// ---------------------------------------------------------------- a chunk

/// A record of a test; NULL is null.
typedef struct record {
    const char *value, *key;
    int64_t offset, time_us;
    const char *headers; ///< "name=value", one; "name" alone: null; NULL: none
} record;

typedef struct held {
    kafka_chunk chunk;
    uint64_t nulls[2];
} held;

static void add_cell(kafka_cells *cells, sli_str *bytes, uint64_t *nulls, int32_t i,
                     const char *text)
{
    cells->starts[i] = (int32_t)bytes->size;
    if (text != NULL) {
        sli_str_text(bytes, text);
    } else {
        *nulls |= UINT64_C(1) << i;
        cells->nulls = nulls;
    }
    sli_str_char(bytes, '\n');
}

static void end_cells(kafka_cells *cells, sli_str *bytes, int32_t n)
{
    cells->starts[n] = (int32_t)bytes->size;
    cells->data = sli_buffer_new((int64_t)bytes->size);
    assert_non_null(cells->data);
    if (bytes->size > 0) {
        memcpy(sli_buffer_data(cells->data), bytes->data, bytes->size);
    }
    sli_str_reset(bytes);
}

static void add_headers(sli_str *bytes, const char *text)
{
    const char *equals = text == NULL ? NULL : strchr(text, '=');
    sli_put_varint(bytes, text == NULL ? 0 : equals == NULL ? 1 : 2);
    if (equals != NULL) {
        sli_put_bytes(bytes, text, (size_t)(equals - text));
        sli_put_u8(bytes, 1);
        sli_put_text(bytes, equals + 1);
        sli_put_text(bytes, "more");
        sli_put_u8(bytes, 1);
        sli_put_text(bytes, "");
    } else if (text != NULL) {
        sli_put_text(bytes, text);
        sli_put_u8(bytes, 0);
    }
    sli_str_char(bytes, '\n');
}

static held *chunk_of(const record *records, int32_t n)
{
    held *h = sl_alloc_zero(SLI_TAG_TEST, sizeof *h);
    kafka_chunk *chunk = &h->chunk;
    sli_str values = {.tag = SLI_TAG_TEST}, keys = values, headers = values;
    size_t size = ((size_t)n + 1) * sizeof(int64_t);
    chunk->n = n;
    chunk->values.starts = sl_alloc(SLI_TAG_TEST, size);
    chunk->keys.starts = sl_alloc(SLI_TAG_TEST, size);
    chunk->headers.starts = sl_alloc(SLI_TAG_TEST, size);
    chunk->offsets = sl_alloc(SLI_TAG_TEST, size);
    chunk->times_us = sl_alloc(SLI_TAG_TEST, size);
    for (int32_t i = 0; i < n; i++) {
        const record *r = &records[i];
        add_cell(&chunk->values, &values, &h->nulls[0], i, r->value);
        chunk->lines |= r->value != NULL && strpbrk(r->value, "\r\n") != NULL;
        add_cell(&chunk->keys, &keys, &h->nulls[1], i, r->key);
        chunk->headers.starts[i] = (int32_t)headers.size;
        add_headers(&headers, r->headers);
        chunk->offsets[i] = r->offset;
        chunk->times_us[i] = r->time_us;
    }
    end_cells(&chunk->values, &values, n);
    end_cells(&chunk->keys, &keys, n);
    end_cells(&chunk->headers, &headers, n);
    return h;
}

static void chunk_free(held *h)
{
    kafka_cells *cells[] = {&h->chunk.values, &h->chunk.keys, &h->chunk.headers};
    for (int i = 0; i < 3; i++) {
        sli_buffer_unref(cells[i]->data);
        sl_free(cells[i]->starts);
    }
    sl_free(h->chunk.offsets);
    sl_free(h->chunk.times_us);
    sl_free(h);
}

// ---------------------------------------------------------------- its rows

static const sl_option options[] = {{.name = "columns", .type = SL_OPT_TEXT, .text = "As kafka's."},
                                    {0}};

static sl_conf *conf_of(const sli_format_ops *format, const char *args)
{
    const sl_option *tables[] = {options, format->options, NULL};
    sl_conf *conf = NULL;
    sl_error err = SL_ERROR_INIT;
    if (sl_conf_new(&conf, "kafka", tables, &err) != SL_OK ||
        sl_conf_parse(conf, args, &err) != SL_OK) {
        fail_msg("%s", err.text);
    }
    return conf;
}

static sl_code open_rows(kafka_rows **out, const sli_format_ops *format, const char *args,
                         const char *topic, sl_schema **schema, int32_t *wants, sl_error *err)
{
    sl_conf *conf = conf_of(format, args);
    sl_schema *value = NULL;
    assert_int_equal(format->schema(conf, &value, NULL), SL_OK);
    sl_code rc = kafka_rows_schema(conf, value, schema, wants, err);
    if (rc == SL_OK) {
        rc = kafka_rows_new(out, format, conf, *schema, (kafka_place){topic, 3}, err);
    }
    sl_schema_unref(value);
    sl_conf_free(conf);
    return rc;
}

static sl_code write_json(void *ctx, sl_batch *batch, sl_error *err)
{
    sli_encoder *encoder = NULL;
    sl_conf *conf = conf_of(&sli_format_json, "");
    SL_TRY(sli_format_json.encoder_new(&encoder, conf, sl_batch_schema(batch), err));
    sl_conf_free(conf);
    sl_code rc = sli_format_json.encode(encoder, batch, ctx, err);
    sli_format_json.encoder_free(encoder);
    return rc;
}

/// The rows as JSON, fed `step` records a time.
static void check_rows(const sli_format_ops *format, const char *args, const record *records,
                       int32_t n, const char *expected)
{
    held *h = chunk_of(records, n);
    for (int32_t step = 1; step <= n; step++) {
        kafka_rows *rows = NULL;
        sl_schema *schema = NULL;
        sl_error err = SL_ERROR_INIT;
        int32_t wants;
        sli_str out = {.tag = SLI_TAG_TEST};
        sl_code rc =
            open_rows(&rows, format, args, "a.topic.of.a.long.name", &schema, &wants, &err);
        for (int32_t from = 0; rc == SL_OK && from < n; from += step) {
            int32_t to = from + step < n ? from + step : n;
            rc = kafka_rows_feed(rows, &h->chunk, from, to, write_json, &out, &err);
        }
        SL_CHECK_TEXT(err.text, "");
        SL_CHECK_TEXT(out.data, expected);
        kafka_rows_free(rows);
        sl_schema_unref(schema);
        sli_str_reset(&out);
    }
    chunk_free(h);
}

static const record some[] = {
    {"1", "a key of some length", 17, 1500, "h=v"},
    {"x", NULL, 18, 2500, NULL},
    {NULL, "", 20, INT64_MIN, "none"},
    {"4", "k", 1000, 0, "\xFF=\xFF"},
};

SL_TEST(columns_stand_beside_the_rows_that_are_left, "")
{
    check_rows(
        &sli_format_csv,
        "columns='key,topic,partition,offset,timestamp,headers' schema='n int64?' "
        "malformed=skip",
        some, 4,
        "{\"key\":\"YSBrZXkgb2Ygc29tZSBsZW5ndGg=\",\"topic\":\"a.topic.of.a.long.name\","
        "\"partition\":3,\"offset\":17,\"timestamp\":\"1970-01-01T00:00:00.001500Z\","
        "\"headers\":[{\"name\":\"h\",\"value\":\"dg==\"},{\"name\":\"more\",\"value\":\"\"}],"
        "\"n\":1}\n"
        "{\"key\":\"\",\"topic\":\"a.topic.of.a.long.name\",\"partition\":3,\"offset\":20,"
        "\"headers\":[{\"name\":\"none\"}]}\n"
        "{\"key\":\"aw==\",\"topic\":\"a.topic.of.a.long.name\",\"partition\":3,"
        "\"offset\":1000,\"timestamp\":\"1970-01-01T00:00:00Z\","
        "\"headers\":[{\"name\":\"\xEF\xBF\xBD\",\"value\":\"/w==\"},{\"name\":\"more\","
        "\"value\":\"\"}],\"n\":4}\n");
}

SL_TEST(columns_come_in_the_order_in_which_they_are_named, "")
{
    check_rows(&sli_format_text, "columns='offset, key' column=line?", some, 3,
               "{\"offset\":17,\"key\":\"YSBrZXkgb2Ygc29tZSBsZW5ndGg=\",\"line\":\"1\"}\n"
               "{\"offset\":18,\"line\":\"x\"}\n{\"offset\":20,\"key\":\"\"}\n");
    check_rows(&sli_format_text, "", some, 2, "{\"line\":\"1\"}\n{\"line\":\"x\"}\n");
}

SL_TEST(wants_are_what_the_columns_need_of_records, "")
{
    static const struct {
        const char *args;
        int32_t wants;
    } cases[] = {{"", 0},
                 {"columns='topic,partition,offset,timestamp'", 0},
                 {"columns='key'", KAFKA_WANTS_KEY},
                 {"columns='headers,key'", KAFKA_WANTS_KEY | KAFKA_WANTS_HEADERS}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kafka_rows *rows = NULL;
        sl_schema *schema = NULL;
        int32_t wants = -1;
        assert_int_equal(
            open_rows(&rows, &sli_format_text, cases[i].args, "t", &schema, &wants, NULL), SL_OK);
        assert_int_equal(wants, cases[i].wants);
        kafka_rows_free(rows);
        sl_schema_unref(schema);
    }
}

SL_TEST(columns_that_make_no_sense_are_refused, "")
{
    static const struct {
        const char *args, *text;
    } cases[] = {
        {"columns='key,ofset'", "option columns: there is no \"ofset\"; there are key, topic, "
                                "partition, offset, timestamp, headers"},
        {"columns='key,,offset'", "option columns: there is no \"\"; there are key, topic, "
                                  "partition, offset, timestamp, headers"},
        {"columns='key,offset,key'", "option columns: \"key\" is there twice"},
        {"columns='key' column=key", "option columns: \"key\" is a column of the value too; give "
                                     "that one another name, or leave it out of columns"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kafka_rows *rows = NULL;
        sl_schema *schema = NULL;
        int32_t wants;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(
            open_rows(&rows, &sli_format_text, cases[i].args, "t", &schema, &wants, &err),
            SL_E_CONFIG);
        SL_CHECK_TEXT(err.text, cases[i].text);
    }
}

SL_TEST(a_malformed_value_is_named_by_topic_partition_and_offset, "")
{
    held *h = chunk_of(some, 4);
    kafka_rows *rows = NULL;
    sl_schema *schema = NULL;
    int32_t wants;
    sl_error err = SL_ERROR_INIT;
    sli_str out = {.tag = SLI_TAG_TEST};
    assert_int_equal(
        open_rows(&rows, &sli_format_csv, "schema='n int64?'", "orders", &schema, &wants, &err),
        SL_OK);
    assert_int_equal(kafka_rows_feed(rows, &h->chunk, 0, 4, write_json, &out, &err), SL_E_DATA);
    SL_CHECK_TEXT(err.text,
                  "orders, partition 3, offset 18: column 'n': 'x' is not an integer of 64 bits");
    kafka_rows_free(rows);
    sl_schema_unref(schema);
    sli_str_reset(&out);
    chunk_free(h);
}

static sl_code note(void *ctx, const sli_raw_record *r, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s|%lld %lld [%.*s]%s%s\n", r->name, (long long)r->offset,
                   (long long)r->rows, (int)r->bytes.size, (const char *)r->bytes.data,
                   r->why == NULL ? "" : " ", r->why == NULL ? "" : r->why);
    return SL_OK;
}

SL_TEST(records_are_looked_up_by_their_offsets, "POISON-1")
{
    held *h = chunk_of(some, 4);
    kafka_rows *rows = NULL;
    sl_schema *schema = NULL;
    int32_t wants;
    sli_str out = {.tag = SLI_TAG_TEST};
    assert_int_equal(open_rows(&rows, &sli_format_csv, "schema='n int64' malformed=dead-letter",
                               "orders", &schema, &wants, NULL),
                     SL_OK);
    assert_int_equal(kafka_rows_watch(rows, note, &out, NULL), SL_OK);
    assert_int_equal(kafka_rows_feed(rows, &h->chunk, 1, 4, NULL, NULL, NULL), SL_OK);
    SL_CHECK_TEXT(out.data, "orders, partition 3|18 0 [x] column 'n': 'x' is not an integer of 64 "
                            "bits\n"
                            "orders, partition 3|20 0 [] a null value, and column 'n' takes no "
                            "nulls; put a ? behind its type (or name, where it is given by the "
                            "option column)\n"
                            "orders, partition 3|1000 1 [4]\n");
    assert_int_equal(kafka_rows_stats(rows)->dead, 2);
    kafka_rows_free(rows);
    sl_schema_unref(schema);
    sli_str_reset(&out);
    chunk_free(h);
}

// ---------------------------------------------------------------- many rows

static sl_code check_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    int64_t *next = ctx;
    (void)err;
    for (int64_t row = 0; row < sl_batch_rows(batch); row++, ++*next) {
        sl_text topic = sl_column_text(sl_batch_column(batch, 0), row);
        assert_true(sli_text_is(topic, "a topic's name"));
        assert_int_equal(sl_column_int64(sl_batch_column(batch, 1), row), *next);
        assert_int_equal(((const int32_t *)sl_batch_column(batch, 2)->values)[row], 3);
    }
    return SL_OK;
}

SL_TEST(constant_columns_have_as_many_rows_as_the_value, "")
{
    enum { N = 10000 };
    record *records = sl_alloc_array(SLI_TAG_TEST, N, sizeof *records);
    for (int32_t i = 0; i < N; i++) {
        records[i] = (record){"v", "k", i, i, NULL};
    }
    held *h = chunk_of(records, N);
    kafka_rows *rows = NULL;
    sl_schema *schema = NULL;
    int32_t wants;
    int64_t next = 0;
    assert_int_equal(open_rows(&rows, &sli_format_text, "columns='topic,offset,partition'",
                               "a topic's name", &schema, &wants, NULL),
                     SL_OK);
    for (int32_t from = 0, size = 1; from < N; from += size, size *= 3) {
        int32_t to = from + size < N ? from + size : N;
        assert_int_equal(kafka_rows_feed(rows, &h->chunk, from, to, check_batch, &next, NULL),
                         SL_OK);
    }
    assert_int_equal(next, N);
    kafka_rows_free(rows);
    sl_schema_unref(schema);
    chunk_free(h);
    sl_free(records);
}

static sl_code drop_batch(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)ctx, (void)batch, (void)err;
    return SL_OK;
}

/// From the schema to the last row.
static sl_code make_rows(const sl_conf *conf, const kafka_chunk *chunk)
{
    const sli_format_ops *format = &sli_format_csv;
    sl_schema *value = NULL, *schema = NULL;
    kafka_rows *rows = NULL;
    int32_t wants;
    sl_code rc = format->schema(conf, &value, NULL);
    rc = rc == SL_OK ? kafka_rows_schema(conf, value, &schema, &wants, NULL) : rc;
    rc = rc == SL_OK ? kafka_rows_new(&rows, format, conf, schema,
                                      (kafka_place){"a.topic.of.a.long.name", 3}, NULL)
                     : rc;
    rc = rc == SL_OK ? kafka_rows_feed(rows, chunk, 0, chunk->n, drop_batch, NULL, NULL) : rc;
    kafka_rows_free(rows);
    sl_schema_unref(schema);
    sl_schema_unref(value);
    return rc;
}

SL_TEST(any_refused_allocation_of_kafkas_rows_is_an_error_and_leaks_nothing, "")
{
    held *h = chunk_of(some, 4);
    sl_conf *conf =
        conf_of(&sli_format_csv, "columns='key,topic,partition,offset,timestamp,headers' "
                                 "schema='n int64?' malformed=skip");
    int64_t before = sli_mem_used(-1), n = 1;
    for (bool reached = true; reached; n++) {
        sli_mem_fail_nth(n);
        sl_code rc = make_rows(conf, &h->chunk);
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(sli_mem_used(-1), before);
        assert_int_equal(rc, reached ? SL_E_NOMEM : SL_OK);
    }
    assert_true(n > 20);
    sl_conf_free(conf);
    chunk_free(h);
}
