// Values that are records of their own: each format, what is no record, and runs cut anywhere.
#include "format/fixture_test.h"

#include <stdio.h>

// ---------------------------------------------------------------- a run, and what it becomes

/// Values of a test; NULL is null.
typedef struct run {
    sli_str bytes;
    int32_t *starts;
    uint64_t *nulls;
    sli_value_run of;
} run;

static void place(void *ctx, int32_t value, char *out, size_t size)
{
    (void)ctx;
    snprintf(out, size, "t, partition 3, offset %d", value + 10);
}

static run run_of(const sl_bytes *values, int32_t n)
{
    run r = {.bytes = {.tag = SLI_TAG_TEST}};
    r.starts = sl_alloc_array(SLI_TAG_TEST, (size_t)n + 1, sizeof *r.starts);
    r.nulls = sl_alloc_zero(SLI_TAG_TEST, ((size_t)n / 64 + 1) * sizeof *r.nulls);
    bool any_null = false, lines = false;
    for (int32_t i = 0; i < n; i++) {
        r.starts[i] = (int32_t)r.bytes.size;
        if (values[i].data == NULL) {
            r.nulls[i / 64] |= UINT64_C(1) << (i % 64);
            any_null = true;
        } else {
            sli_str_add(&r.bytes, values[i].data, values[i].size);
            lines |= memchr(values[i].data, '\n', values[i].size) != NULL ||
                     memchr(values[i].data, '\r', values[i].size) != NULL;
        }
        sli_str_char(&r.bytes, '\n');
    }
    r.starts[n] = (int32_t)r.bytes.size;
    sli_buffer *data = sli_buffer_new((int64_t)r.bytes.size); // so that a read behind it is seen
    if (r.bytes.size > 0) {
        memcpy(sli_buffer_data(data), r.bytes.data, r.bytes.size);
    }
    r.of = (sli_value_run){.data = data,
                           .starts = r.starts,
                           .n = n,
                           .nulls = any_null ? r.nulls : NULL,
                           .lines = lines,
                           .place = place};
    return r;
}

static void run_reset(run *r)
{
    sli_buffer_unref(r->of.data);
    sli_str_reset(&r->bytes);
    sl_free(r->starts);
    sl_free(r->nulls);
}

/// Rows as "number: cells", one a line.
static sl_code collect(void *ctx, sl_batch *batch, const int32_t *from, sl_error *err)
{
    sli_str *out = ctx;
    (void)err;
    assert_in_range(sl_batch_rows(batch), 1, SLI_BATCH_ROWS);
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        sl_batch *one = NULL;
        assert_int_equal(sli_batch_slice(batch, row, 1, &one, NULL), SL_OK);
        sli_str_printf(out, "%d: ", from[row]);
        slt_render(out, one);
        sl_batch_unref(one);
    }
    return SL_OK;
}

typedef struct result {
    sl_code code;
    sl_error err;
    sli_str rows;
    sli_decode_stats stats;
} result;

static void result_reset(result *r)
{
    sli_str_reset(&r->rows);
}

static sl_code open_values(sli_values **out, const sli_format_ops *format, const char *args,
                           sl_error *err)
{
    sl_conf *conf = slt_conf(format, args);
    sl_schema *schema = NULL;
    sl_code rc = format->schema(conf, &schema, err);
    rc = rc == SL_OK ? sli_values_new(out, format, conf, schema, err) : rc;
    sl_schema_unref(schema);
    sl_conf_free(conf);
    return rc;
}

/// Reads a run `step` values a time.
static result read_run(const sli_format_ops *format, const char *args, const run *r, int32_t step)
{
    result out = {.err = SL_ERROR_INIT, .rows = {.tag = SLI_TAG_TEST}};
    sli_values *values = NULL;
    sli_str_text(&out.rows, "");
    out.code = open_values(&values, format, args, &out.err);
    for (int32_t from = 0; out.code == SL_OK && from < r->of.n; from += step) {
        int32_t to = from + step < r->of.n ? from + step : r->of.n;
        out.code = sli_values_feed(values, &r->of, from, to, collect, &out.rows, &out.err);
    }
    if (values != NULL) {
        out.stats = *sli_values_stats(values);
    }
    sli_values_free(values);
    return out;
}

/// A run of texts that end with NULL; "~" is null.
static run texts(const char *const *values)
{
    sl_bytes bytes[64];
    int32_t n = 0;
    for (; values[n] != NULL; n++) {
        bool null = strcmp(values[n], "~") == 0;
        bytes[n] = (sl_bytes){null ? NULL : values[n], strlen(values[n])};
    }
    return run_of(bytes, n);
}

static void check(const sli_format_ops *format, const char *args, const char *const *values,
                  const char *rows)
{
    run r = texts(values);
    for (int32_t step = 1; step <= r.of.n; step++) {
        result got = read_run(format, args, &r, step);
        SL_CHECK_TEXT(got.err.text, "");
        SL_CHECK_TEXT(got.rows.data, rows);
        assert_int_equal(got.stats.bytes, r.of.starts[r.of.n] - r.of.n);
        result_reset(&got);
    }
    run_reset(&r);
}
#define CHECK(format, args, rows, ...)                                                             \
    check(format, args, (const char *[]){__VA_ARGS__, NULL}, rows)

static void check_fails(const sli_format_ops *format, const char *args, const char *const *values,
                        const char *text)
{
    run r = texts(values);
    for (int32_t step = 1; step <= r.of.n; step++) {
        result got = read_run(format, args, &r, step);
        SL_CHECK_TEXT(got.err.text, text);
        assert_int_equal(got.code, SL_E_DATA);
        result_reset(&got);
    }
    run_reset(&r);
}
#define CHECK_FAILS(format, args, text, ...)                                                       \
    check_fails(format, args, (const char *[]){__VA_ARGS__, NULL}, text)

// ---------------------------------------------------------------- each format

#define AB "schema='a string, b int64' "
#define AB_NULL "schema='a string?, b int64?' "

SL_TEST(a_text_value_is_a_row_whatever_it_holds, "")
{
    CHECK(&sli_format_text, "",
          "0: \"one\"\n1: \"\"\n2: \"two\nlines\r\n\"\n3: \"\n\"\n4: \"\r\"\n", "one", "",
          "two\nlines\r\n", "\n", "\r");
    CHECK(&sli_format_text, "", "0: \"\xEF\xBF\xBD\"\n1: \"a\nb\xEF\xBF\xBD\"\n2: \"\xC3\xBC\"\n",
          "\xFF", "a\nb\xE2\x82", "\xC3\xBC");
    CHECK(&sli_format_text, "invalid_utf8=skip", "0: \"a\"\n3: \"b\"\n", "a", "\xFF", "x\n\xFF",
          "b", "\xE2");
    CHECK_FAILS(&sli_format_text, "invalid_utf8=fail",
                "t, partition 3, offset 12: text that is not UTF-8, byte 2 of the record; set "
                "invalid_utf8=replace or skip",
                "a", "b\nc", "d\n\xFF");
}

SL_TEST(a_null_value_is_a_row_of_nulls_where_columns_take_them, "")
{
    CHECK(&sli_format_text, "column=line?", "0: ~\n1: \"a\"\n2: \"\"\n3: ~\n4: ~\n", "~", "a", "",
          "~", "~");
    CHECK(&sli_format_csv, AB_NULL, "0: \"x\" 1\n1: ~ ~\n2: ~ 2\n3: ~ ~\n", "x,1", "~", ",2", "~");
    CHECK(&sli_format_csv, "schema='a string?' null=null", "0: ~\n1: \"\"\n2: ~\n", "null", "",
          "~");
    CHECK(&sli_format_json, AB_NULL, "0: ~ ~\n1: ~ 1\n2: ~ ~\n", "~", "{\"b\":1}", "~");
    CHECK(&sli_format_fixed, "record_length=2 column=r?", "0: ~\n1: \"ab\"\n2: ~\n", "~", "ab",
          "~");
    CHECK(&sli_format_json, AB_NULL, "0: ~ ~\n1: ~ ~\n", "~", "~");
}

SL_TEST(a_null_value_is_malformed_where_a_column_takes_none, "")
{
    const char *text = "t, partition 3, offset 11: a null value, and column 'line' takes no nulls; "
                       "put a ? behind its type (or name, where it is given by the option column)";
    CHECK_FAILS(&sli_format_text, "", text, "a", "~", "b");
    const sli_format_ops *formats[] = {&sli_format_csv, &sli_format_json};
    for (int i = 0; i < 2; i++) {
        CHECK_FAILS(formats[i], "schema='a string?, b int64'",
                    "t, partition 3, offset 10: a null value, and column 'b' takes no nulls; put a "
                    "? behind its type (or name, where it is given by the option column)",
                    "~", "?");
    }
    CHECK(&sli_format_text, "malformed=skip", "1: \"a\"\n3: \"b\"\n", "~", "a", "~", "b", "~");
    CHECK(&sli_format_json, AB "malformed=skip", "1: \"x\" 1\n", "~", "{\"a\":\"x\",\"b\":1}", "~");
    CHECK(&sli_format_fixed, "record_length=1 malformed=skip", "1: \"a\"\n", "~", "a", "~");
}

SL_TEST(a_json_value_may_have_several_lines_and_is_one_object, "")
{
    CHECK(&sli_format_json, AB, "0: \"x\" 1\n1: \"y\" 2\n2: \"z\" 3\n", "{\"a\":\"x\",\"b\":1}",
          "\n{\n  \"a\" :\n\"y\",\r\n \"b\": 2\n}\n\n", " {\"b\":3,\"a\":\"z\"} ");
    CHECK_FAILS(&sli_format_json, AB,
                "t, partition 3, offset 11: a string with a bare control character",
                "{\"a\":\"x\",\"b\":1}", "{\"a\":\"x\ny\",\n\"b\":1}");
    CHECK_FAILS(&sli_format_json, AB, "t, partition 3, offset 10: an empty value", "", "?");
    CHECK_FAILS(&sli_format_json, AB, "t, partition 3, offset 10: an empty value", " \n\t", "?");
    CHECK_FAILS(&sli_format_json, AB, "t, partition 3, offset 10: a string that does not end",
                "{\"a\":\"x", "\"}");
    CHECK(&sli_format_json, AB "malformed=skip", "1: \"x\" 1\n4: \"y\" 2\n",
          "{\"a\":\"x\",\"b\":1}{\"a\":\"x\",\"b\":1}", "{\"a\":\"x\",\"b\":1}",
          "{\"a\":\"x\",\"b\":1}\n{\"a\":\"x\",\"b\":1}", "", "{\"a\":\"y\",\"b\":2}",
          "{\"a\":\"z\"", ",\"b\":2}");
}

SL_TEST(a_csv_value_is_one_record_and_its_quotes_end_with_it, "")
{
    CHECK(&sli_format_csv, AB, "0: \"x\" 1\n1: \"two\nlines\" 2\n2: \"y\" 3\n3: \"z\" 4\n", "x,1",
          "\"two\nlines\",2", "y,3\n", "z,4\r\n");
    CHECK_FAILS(&sli_format_csv, AB, "t, partition 3, offset 11: a quoted field that does not end",
                "x,1", "\"y,2", "z,3");
    CHECK_FAILS(&sli_format_csv, AB, "t, partition 3, offset 11: more than one record in the value",
                "x,1", "y,2\nz,3");
    CHECK_FAILS(&sli_format_csv, AB, "t, partition 3, offset 10: 1 fields instead of 2", "", "y,2");
    CHECK_FAILS(&sli_format_csv, AB,
                "t, partition 3, offset 11: column 'b': 'z' is not an integer of 64 bits", "x,1",
                "y,z");
    CHECK(&sli_format_csv, AB "malformed=skip", "1: \"x\" 1\n4: \"y\" 2\n6: \"\" 3\n", "\"a\n",
          "x,1", "\n", "a\nb,1", "y,2", "\"\"\"", ",3", "\xEF\xBB\xBFx", "\nx,1", "x,1\n\n");
    CHECK(&sli_format_csv, "schema='a string'", "0: \"x\"\n1: \"\"\n2: \"\"\n", "x", "", "\n");
}

SL_TEST(a_value_of_records_of_one_length_has_that_length, "")
{
    CHECK(&sli_format_fixed, "record_length=3", "0: \"a\nb\"\n1: \"\r\n\n\"\n", "a\nb", "\r\n\n");
    CHECK_FAILS(&sli_format_fixed, "record_length=3",
                "t, partition 3, offset 11: a value of 6 bytes in place of 3", "abc", "abcdef");
    CHECK(&sli_format_fixed, "record_length=3 malformed=skip", "1: \"abc\"\n", "", "abc", "ab");
}

SL_TEST(a_value_that_is_too_long_is_malformed, "")
{
    static const struct {
        const sli_format_ops *format;
        const char *args, *good, *bad;
    } cases[] = {
        {&sli_format_text, "max_record=16", "0123456789abcdef", "0123456789abcdefg"},
        {&sli_format_csv, "schema='a string' max_record=16", "0123456789\"bcdef",
         "0\n23456789abcdefg"},
        {&sli_format_json, "schema='a string?' max_record=16", "{\"a\":\"12345678\"}",
         "{\"a\":\n\"12345678\"}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *values[] = {cases[i].good, cases[i].bad, NULL};
        check_fails(
            cases[i].format, cases[i].args, values,
            "t, partition 3, offset 11: a record of more than 16 bytes; raise max_record or "
            "set malformed=skip");
    }
}

SL_TEST(a_mark_at_its_start_is_part_of_a_value, "")
{
    CHECK(&sli_format_text, "", "0: \"\xEF\xBB\xBFx\"\n", "\xEF\xBB\xBFx");
    CHECK(&sli_format_csv, "schema='a string'", "0: \"\xEF\xBB\xBFx\"\n", "\xEF\xBB\xBFx");
    CHECK(&sli_format_json, "schema='a string' malformed=skip", "", "\xEF\xBB\xBF{\"a\":\"x\"}");
}

static void check_refused(const sli_format_ops *format, const char *args, sl_code code,
                          const char *text)
{
    sli_values *values = NULL;
    sl_error err = SL_ERROR_INIT;
    sl_conf *conf = slt_conf(format, args);
    sl_schema *schema = NULL;
    assert_int_equal(format->schema(conf, &schema, &err), SL_OK);
    assert_int_equal(sli_values_new(&values, format, conf, schema, &err), code);
    SL_CHECK_TEXT(err.text, text);
    sl_schema_unref(schema);
    sl_conf_free(conf);
}

SL_TEST(settings_that_values_make_no_sense_with_are_refused, "")
{
    check_refused(&sli_format_csv, AB "header=true", SL_E_CONFIG,
                  "option header: a value is one record, so none can be a header; name the columns "
                  "in schema");
    check_refused(&sli_format_arrow, AB, SL_E_UNSUPPORTED,
                  "format arrow: a single value is no record of it");
}

// ---------------------------------------------------------------- looked up

static sl_code note(void *ctx, const sli_raw_record *r, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%s|%lld %lld %lld [%.*s]%s%s\n", r->name, (long long)r->offset,
                   (long long)r->line, (long long)r->rows, (int)r->bytes.size,
                   (const char *)r->bytes.data, r->why == NULL ? "" : " ",
                   r->why == NULL ? "" : r->why);
    return SL_OK;
}

SL_TEST(values_are_told_with_their_places, "POISON-1")
{
    run r = texts((const char *[]){"1", "x\n", "~", "3\n", "", NULL});
    sli_values *values = NULL;
    sli_str told = {.tag = SLI_TAG_TEST};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(
        open_values(&values, &sli_format_csv, "schema='n int64?' malformed=dead-letter", &err),
        SL_OK);
    assert_int_equal(sli_values_watch(values, note, &told, &err), SL_OK);
    assert_int_equal(sli_values_feed(values, &r.of, 0, 2, NULL, NULL, &err), SL_OK);
    assert_int_equal(sli_values_feed(values, &r.of, 2, 5, NULL, NULL, &err), SL_OK);
    SL_CHECK_TEXT(
        told.data,
        "t, partition 3, offset 10|0 0 1 [1]\n"
        "t, partition 3, offset 11|1 1 0 [x\n] column 'n': 'x' is not an integer of 64 bits\n"
        "t, partition 3, offset 12|2 2 1 []\nt, partition 3, offset 13|3 3 1 [3\n]\n"
        "t, partition 3, offset 14|4 4 1 []\n");
    assert_int_equal(sli_values_stats(values)->records, 4);
    assert_int_equal(sli_values_stats(values)->dead, 1);
    sli_values_free(values);
    sli_str_reset(&told);
    run_reset(&r);
}

// ---------------------------------------------------------------- at random

enum { MOST = 300 };

/// Appends the text with a number in place of each '#'.
static void fill_in(const char *text, sli_str *out, sli_rng *rng)
{
    for (; *text != '\0'; text++) {
        if (*text == '#') {
            sli_str_printf(out, "%d", (int)sli_rng_below(rng, 1000));
        } else {
            sli_str_char(out, *text);
        }
    }
}

/// Text of a value: a good record of the format, or one that was cut, doubled or sown with bytes.
static void random_value(const char *good, sli_str *out, sli_rng *rng)
{
    static const char likely[] = "\"\"\n\n\r,{}:\\ \xFF\xC3";
    size_t start = out->size;
    for (uint64_t n = sli_rng_below(rng, 8) == 0 ? sli_rng_below(rng, 3) : 1; n > 0; n--) {
        fill_in(good, out, rng);
    }
    if (sli_rng_below(rng, 4) == 0) {
        out->size -= sli_rng_below(rng, out->size - start + 1);
    }
    for (uint64_t n = sli_rng_below(rng, 3) == 0 ? sli_rng_below(rng, 4) : 0;
         n > 0 && out->size > start; n--) {
        out->data[start + sli_rng_below(rng, out->size - start)] =
            likely[sli_rng_below(rng, sizeof likely - 1)];
    }
}

static run random_run(const char *good, int32_t n, bool nulls, sli_rng *rng)
{
    sli_str text = {.tag = SLI_TAG_TEST};
    size_t ends[MOST];
    sl_bytes values[MOST];
    for (int32_t i = 0; i < n; i++) {
        random_value(good, &text, rng);
        ends[i] = text.size;
    }
    for (int32_t i = 0; i < n; i++) {
        size_t from = i == 0 ? 0 : ends[i - 1];
        bool null = nulls && sli_rng_below(rng, 5) == 0;
        values[i] = (sl_bytes){null ? NULL : text.data + from, ends[i] - from};
    }
    run r = run_of(values, n);
    sli_str_reset(&text);
    return r;
}

/// The row of value i by its format's stream decoder: what a stream with this one record gives.
static void put_expected(const sli_format_ops *format, const char *args, const run *r, int32_t i,
                         sli_str *out)
{
    const char *value = sli_buffer_bytes(r->of.data) + r->of.starts[i];
    size_t size = (size_t)(r->of.starts[i + 1] - 1 - r->of.starts[i]);
    slt_decoded got = slt_decode(format, args, value, size, SLT_WHOLE);
    assert_int_equal(got.code, SL_OK);
    if (got.stats.records == 1 && got.stats.skipped == 0) {
        sli_str_printf(out, "%d: %s", i, got.rows.data);
    }
    slt_decoded_reset(&got);
}

static const struct {
    const sli_format_ops *format;
    const char *args, *good;
} random_cases[] = {
    {&sli_format_text, "malformed=skip", "some text # and #"},
    {&sli_format_text, "malformed=skip invalid_utf8=skip max_record=18", "some text #, #"},
    {&sli_format_text, "column=line?", "#\n#"},
    {&sli_format_csv, "schema='a string, b int64' malformed=skip", "\"x #\",#"},
    {&sli_format_csv, "schema='a string, b int64' malformed=skip invalid_utf8=skip", "more #,#"},
    {&sli_format_csv, "schema='a string?, b string?' malformed=skip max_record=30",
     "\"a text with\nline ends #\",\"#\"\n"},
    {&sli_format_csv, "schema='a string?' malformed=skip", "##"},
    {&sli_format_json, "schema='a string, b int64' malformed=skip", "{\"a\":\"#\",\"b\":#}"},
    {&sli_format_json, "schema='a string?, b int64?' malformed=skip invalid_utf8=skip",
     "{\n  \"a\": \"some text #\",\n  \"b\":#\n}"},
    {&sli_format_fixed, "record_length=4 malformed=skip", "##"},
    {&sli_format_fixed, "record_length=4 malformed=skip column=r?", "##"},
};

SL_TEST(values_read_alike_however_a_run_is_cut, "")
{
    sli_rng rng = {5};
    for (int round = 0; round < (slt_is_soak() ? 3000 : 60); round++) {
        for (size_t c = 0; c < sizeof random_cases / sizeof *random_cases; c++) {
            int32_t n = 1 + (int32_t)sli_rng_below(&rng, MOST);
            run r = random_run(random_cases[c].good, n, round % 2 == 0, &rng);
            const sli_format_ops *format = random_cases[c].format;
            result whole = read_run(format, random_cases[c].args, &r, n);
            const int32_t steps[] = {1, 2, 3 + (int32_t)sli_rng_below(&rng, 60)};
            for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
                result part = read_run(format, random_cases[c].args, &r, steps[i]);
                assert_int_equal(part.code, whole.code);
                SL_CHECK_TEXT(part.err.text, whole.err.text);
                assert_memory_equal(&part.stats, &whole.stats, sizeof part.stats);
                if (whole.code == SL_OK) {
                    SL_CHECK_TEXT(part.rows.data, whole.rows.data);
                }
                result_reset(&part);
            }
            result_reset(&whole);
            run_reset(&r);
        }
    }
}

SL_TEST(values_read_as_a_stream_of_one_record_does, "")
{
    sli_rng rng = {6};
    for (int round = 0; round < (slt_is_soak() ? 500 : 10); round++) {
        for (size_t c = 0; c < sizeof random_cases / sizeof *random_cases; c++) {
            int32_t n = 1 + (int32_t)sli_rng_below(&rng, MOST);
            run r = random_run(random_cases[c].good, n, false, &rng);
            if (r.of.lines) { // line ends are what values and streams differ in
                for (int32_t i = 0; i < r.of.starts[n]; i++) {
                    char *at = sli_buffer_data(r.of.data) + i;
                    *at = *at == '\r' || *at == '\n' ? ' ' : *at;
                }
                for (int32_t i = 0; i < n; i++) {
                    sli_buffer_data(r.of.data)[r.of.starts[i + 1] - 1] = '\n';
                }
            }
            result got = read_run(random_cases[c].format, random_cases[c].args, &r, n);
            sli_str expected = {.tag = SLI_TAG_TEST};
            sli_str_text(&expected, "");
            for (int32_t i = 0; i < n; i++) {
                if (r.of.starts[i + 1] - 1 > r.of.starts[i]) {
                    put_expected(random_cases[c].format, random_cases[c].args, &r, i, &expected);
                } else if (random_cases[c].format == &sli_format_text) {
                    sli_str_printf(&expected, "%d: \"\"\n", i);
                } else if (strstr(random_cases[c].args, "'a string?'") != NULL) {
                    sli_str_printf(&expected, "%d: ~\n", i);
                }
            }
            SL_CHECK_TEXT(got.rows.data, expected.data);
            sli_str_reset(&expected);
            result_reset(&got);
            run_reset(&r);
        }
    }
}

// ---------------------------------------------------------------- more than a batch

static sl_code sum_up(void *ctx, sl_batch *batch, const int32_t *from, sl_error *err)
{
    int32_t *next = ctx;
    (void)err;
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        while (*next % 3 == 0) { // dropped ones
            ++*next;
        }
        assert_int_equal(from[row], *next);
        assert_int_equal(sl_column_is_null(sl_batch_column(batch, 0), row), *next % 4 == 1);
        ++*next;
    }
    return SL_OK;
}

SL_TEST(numbers_of_values_go_on_over_batches, "")
{
    enum { N = 20000 };
    sl_bytes *values = sl_alloc_array(SLI_TAG_TEST, N, sizeof *values);
    for (int32_t i = 0; i < N; i++) {
        values[i] = i % 3 == 0   ? (sl_bytes){"\xFF", 1}
                    : i % 4 == 1 ? (sl_bytes){NULL, 0}
                                 : (sl_bytes){"a value of some length", 22};
    }
    run r = run_of(values, N);
    sli_values *reader = NULL;
    int32_t next = 0;
    assert_int_equal(open_values(&reader, &sli_format_text, "column=line? invalid_utf8=skip", NULL),
                     SL_OK);
    assert_int_equal(sli_values_feed(reader, &r.of, 0, N, sum_up, &next, NULL), SL_OK);
    assert_int_equal(next, N - (N % 3 == 1));
    assert_int_equal(sli_values_stats(reader)->records, N - (N + 2) / 3);
    sli_values_free(reader);
    run_reset(&r);
    sl_free(values);
}

static sl_code ignore(void *ctx, sl_batch *batch, const int32_t *from, sl_error *err)
{
    (void)ctx, (void)batch, (void)from, (void)err;
    return SL_OK;
}

/// From the options to the last row.
static sl_code read_all(const sli_format_ops *format, const sl_conf *conf, const run *r)
{
    sl_schema *schema = NULL;
    sli_values *reader = NULL;
    sl_code rc = format->schema(conf, &schema, NULL);
    rc = rc == SL_OK ? sli_values_new(&reader, format, conf, schema, NULL) : rc;
    rc = rc == SL_OK ? sli_values_feed(reader, &r->of, 0, r->of.n, ignore, NULL, NULL) : rc;
    sli_values_free(reader);
    sl_schema_unref(schema);
    return rc;
}

SL_TEST(any_refused_allocation_of_values_is_an_error_and_leaks_nothing, "")
{
    static const char *const values[] = {"{\"a\":\"\\u0041 is not a b!\"}", "bad", "~",
                                         "{\n\"a\":\"\xFF long enough to be shared\"}", NULL};
    static const struct {
        const sli_format_ops *format;
        const char *args;
    } cases[] = {
        {&sli_format_text, "column=line?"},
        {&sli_format_csv, "schema='a string?, b string?' malformed=skip"},
        {&sli_format_json, "schema='a string?' malformed=skip"},
        {&sli_format_fixed, "record_length=3 column=r? malformed=skip"},
    };
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        run r = texts(values);
        sl_conf *conf = slt_conf(cases[c].format, cases[c].args);
        int64_t before = sli_mem_used(-1), n = 1;
        for (bool reached = true; reached; n++) {
            sli_mem_fail_nth(n);
            sl_code rc = read_all(cases[c].format, conf, &r);
            reached = sli_mem_count() >= n;
            sli_mem_fail_nth(0);
            assert_int_equal(sli_mem_used(-1), before);
            assert_int_equal(rc, reached ? SL_E_NOMEM : SL_OK);
        }
        assert_true(n > 5);
        sl_conf_free(conf);
        run_reset(&r);
    }
}
