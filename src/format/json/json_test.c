// JSON lines to rows and back.
#include "format/fixture_test.h"
#include "format/json/json_int.h"

static const sli_format_ops *const json = &sli_format_json;

#define AN "schema='a string?, n int64?' "

SL_TEST(objects_are_rows_by_name, "")
{
    static const struct {
        const char *data, *rows;
    } cases[] = {
        {"", ""},
        {"\n \r\n\t\n", ""},
        {"{\"a\":\"x\",\"n\":1}\n", "\"x\" 1\n"},
        {"{\"a\":\"x\",\"n\":1}", "\"x\" 1\n"},
        {" { \"n\" : -1 , \"a\" : \"x\" } \r\n", "\"x\" -1\n"},
        {"{}\n", "~ ~\n"},
        {"{\"a\":null,\"n\":null}\n", "~ ~\n"},
        {"{\"x\":[1,{\"y\":[]}],\"n\":2,\"z\":{\"a\":\"no\"}}\n", "~ 2\n"},
        {"{\"n\":1,\"n\":2}\n", "~ 2\n"}, // the last one counts
        {"{\"n\":1,\"n\":null}\n", "~ ~\n"},
        {"{\"\\u0061\":\"e\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00fc\\ud83d\\ude00\"}\n",
         "\"e\"\\/\b\f\n\r\tü😀\" ~\n"},
        {"{\"a\":\"\"}\n", "\"\" ~\n"},
        {"{\"a\":\"a string longer than twelve\"}\n", "\"a string longer than twelve\" ~\n"},
        {"{\"a\":\"a longer string \\u0041\"}\n", "\"a longer string A\" ~\n"},
        {"{\"a\":12.50}\n{\"a\":true}\n{\"a\": [1, {\"b\":2} ] }\n",
         "\"12.50\" ~\n\"true\" ~\n\"[1, {\"b\":2} ]\" ~\n"},
        {"{\"n\":9223372036854775807}\n{\"n\":-9223372036854775808}\n",
         "~ 9223372036854775807\n~ -9223372036854775808\n"},
        {"\xEF\xBB\xBF{\"n\":1}\n", "~ 1\n"},
        {"{\"a\":\"}\",\"n\":1}\n{\"a\":\"{\\\"\",\"n\":2}\n", "\"}\" 1\n\"{\"\" 2\n"},
        {"{\"a\":\"\\ud800x\"}\n", "\"\xEF\xBF\xBDx\" ~\n"},
        {"{\"a\":\"\xC3\xBC\"}\n", "\"ü\" ~\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_ROWS(json, AN, cases[i].data, cases[i].rows);
    }
}

SL_TEST(malformed_json_is_named, "")
{
    static const struct {
        const char *data, *text;
    } cases[] = {
        {"{\"n\":1}\n[1]\n", "in/x at byte 8 (line 2): an object is expected"},
        {"\n\n\"x\"\n", "at byte 2 (line 3)"},
        {"{\"n\":1", "a comma or } is expected at byte 6"},
        {"{\"n\":", "field 'n' at byte 5"},
        {"{\"n\"", "a colon is expected"},
        {"{", "the name of a field is expected"},
        {"{\"a\":\"x", "a string that does not end"},
        {"{\"a\":\"x\ny\"}\n", "a string that does not end"},
        {"{\"a\":\"x\x01y\"}\n", "a bare control character"},
        {"{\"n\":1,}\n", "the name of a field"},
        {"{\"n\":1 \"a\":2}\n", "a comma or }"},
        {"{\"n\":1}{\"n\":2}\n", "something stands behind the object at byte 7"},
        {"{\"n\":1} x\n", "something stands behind the object"},
        {"{\"n\":\"1\"}\n",
         "field 'n' at byte 5 of the record: an integer of 64 bits is expected, not \"1\"}"},
        {"{\"n\":1.0}\n", "field 'n'"},
        {"{\"n\":01}\n", "field 'n'"},
        {"{\"n\":1x}\n", "field 'n'"},
        {"{\"n\":9223372036854775808}\n", "field 'n'"},
        {"{\"n\":nul}\n", "field 'n'"},
        {"{\"n\":}\n", "field 'n'"},
        {"{\"a\":\"\\x\"}\n", "field 'a'"},
        {"{\"a\":\"\\u12\"}\n", "field 'a'"},
        {"{\"a\":tru}\n", "field 'a'"},
        {"{\"a\":[1}\n", "another kind of bracket"},
        {"{\"a\":[1\n", "ends inside a list or object"},
        {"{\"x\":}\n", "a value is missing"},
        {"{\"x\":[{]}}\n", "another kind of bracket"},
        {"{n:1}\n", "the name of a field"},
        {"{\"\\u\":1}\n", "a wrong escape"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_ERROR(json, AN, cases[i].data, SL_E_DATA, cases[i].text);
    }
}

SL_TEST(only_the_bad_lines_are_skipped, "")
{
    const char *data = "{\"n\":1}\n{\"n\":\n{\"n\":2}\n{\"a\":\"open\n{\"n\":3}\nx\"y\n{\"n\":4,"
                       "\"a\":\"\x02\"}\n{\"n\":5}\n{\"n\":6}}\n{\"n\":7}";
    CHECK_ROWS(json, AN "malformed=skip", data, "~ 1\n~ 2\n~ 3\n~ 5\n~ 7\n");
    slt_decoded got = slt_decode(json, AN "malformed=skip", data, strlen(data), SLT_WHOLE);
    assert_int_equal(got.stats.skipped, 5);
    assert_int_equal(got.stats.records, 5);
    slt_decoded_reset(&got);
}

SL_TEST(fields_that_must_be_there_are, "")
{
    CHECK_ERROR(json, "schema='a string, n int64'", "{\"a\":\"x\"}\n", SL_E_DATA,
                "field 'n' is missing and not nullable");
    CHECK_ERROR(json, "schema='a string, n int64'", "{\"n\":1,\"a\":null}\n", SL_E_DATA,
                "field 'a' is null");
    CHECK_ROWS(json, "schema='a string, n int64' malformed=skip",
               "{\"a\":\"x\"}\n{\"n\":1,\"a\":\"y\"}\n", "\"y\" 1\n");
}

SL_TEST(json_fields_have_types, "")
{
    CHECK_ROWS(json,
               "schema='a bool, b float64, c date, d timestamp, e decimal(6,2), f binary, g uint8, "
               "h float32'",
               "{\"a\":true,\"b\":-1.5e3,\"c\":\"2026-01-02\",\"d\":\"2026-01-02T03:04:05Z\",\"e\":"
               "1.5,\"f\":\"eHk=\","
               "\"g\":255,\"h\":0.5}\n",
               "true -1500.0 2026-01-02 2026-01-02T03:04:05Z 1.50 \"xy\" 255 0.5\n");
}

SL_TEST(times_as_numbers_need_the_option, "")
{
    CHECK_ROWS(json, "schema='t timestamp' timestamp=ms", "{\"t\":1500}\n",
               "1970-01-01T00:00:01.500Z\n");
    CHECK_ERROR(json, "schema='t timestamp' timestamp=ms", "{\"t\":\"1970-01-01\"}\n", SL_E_DATA,
                "field 't'");
    CHECK_ERROR(json, "schema='t timestamp'", "{\"t\":1500}\n", SL_E_DATA, "field 't'");
    CHECK_ERROR(json, "schema='t bool'", "{\"t\":1}\n", SL_E_DATA, "true or false");
    CHECK_ERROR(json, "schema='t float64'", "{\"t\":1e999}\n", SL_E_DATA, "field 't'");
    CHECK_ERROR(json, "schema='t float64'", "{\"t\":NaN}\n", SL_E_DATA, "field 't'");
    CHECK_ROWS(json, "schema='t float64'",
               "{\"t\":\"NaN\"}\n{\"t\":\"-Infinity\"}\n{\"t\":1e-999}\n", "NaN\n-Infinity\n0.0\n");
    CHECK_ERROR(json, "schema='t binary'", "{\"t\":\"A\"}\n", SL_E_DATA, "base64");
    CHECK_ERROR(json, "schema='t binary'", "{\"t\":\"AB==\"}\n", SL_E_DATA, "base64");
    CHECK_ERROR(json, "schema='t binary'", "{\"t\":1}\n", SL_E_DATA, "base64");
}

SL_TEST(lists_and_objects_nest, "")
{
    const char *args = "schema='l list<int64?>?, s struct<x string?, y list<string>, z struct<d "
                       "decimal(4,1)?, u uint64?>?>?'";
    CHECK_ROWS(json, args,
               "{\"l\":[1,null,3],\"s\":{\"y\":[\"a\",\"a string longer than "
               "twelve\"],\"no\":[1],\"x\":\"\\n\"}}\n"
               "{\"l\":[]}\n{\"s\":{\"y\":[],\"z\":{\"u\":18446744073709551615,\"d\":-1.5}}}\n{"
               "\"s\":{\"y\":[],\"z\":{}}}\n",
               "[1 ~ 3 ] {\"\n\" [\"a\" \"a string longer than twelve\" ] ~ }\n[] ~\n"
               "~ {~ [] {-1.5 18446744073709551615 } }\n~ {~ [] {~ ~ } }\n");
    CHECK_ERROR(json, args, "{\"s\":{\"x\":\"1\"}}\n", SL_E_DATA, "field 'y' of 's' is missing");
    CHECK_ERROR(json, args, "{\"s\":{\"y\":[null]}}\n", SL_E_DATA, "is null and not nullable");
    CHECK_ERROR(json, args, "{\"s\":[]}\n", SL_E_DATA, "field 's'");
    CHECK_ERROR(json, args, "{\"l\":{}}\n", SL_E_DATA, "field 'l'");
    CHECK_ERROR(json, args, "{\"l\":[1,]}\n", SL_E_DATA, "an integer");
    CHECK_ERROR(json, args, "{\"l\":[1 2]}\n", SL_E_DATA, "a comma or ]");
    CHECK_ERROR(json, args, "{\"l\":[1\n", SL_E_DATA, "a comma or ]");
}

SL_TEST(depth_of_unread_parts_is_bounded, "")
{
    for (int depth = 1024; depth <= 1025; depth++) {
        sli_str data = SLI_STR_INIT;
        sli_str_text(&data, "{\"x\":");
        for (int i = 0; i < 2 * depth; i++) {
            sli_str_char(&data, i < depth ? '[' : ']');
        }
        sli_str_text(&data, ",\"n\":1}\n");
        if (depth == 1024) {
            CHECK_ROWS(json, AN, data.data, "~ 1\n");
        } else {
            CHECK_ERROR(json, AN, data.data, SL_E_DATA, "more than 1024 brackets");
        }
        sli_str_reset(&data);
    }
}

SL_TEST(a_json_line_that_is_too_long_fails_or_is_dropped, "")
{
    CHECK_ERROR(json, AN "max_record=16", "{\"n\":1}\n{\"a\":\"0123456789\"}\n", SL_E_DATA,
                "at byte 8 (line 2): a record of more");
    CHECK_ROWS(json, AN "max_record=16 malformed=skip",
               "{\"n\":1}\n{\"a\":\"0123456789\"}\n{\"n\":2}\n{\"a\":\"0123456789", "~ 1\n~ 2\n");
    sli_str data = SLI_STR_INIT;
    sli_str_text(&data, "{\"n\":1}\n{\"a\":\"");
    for (int i = 0; i < 300000; i++) {
        sli_str_char(&data, 'x');
    }
    sli_str_text(&data, "\"}\n{\"n\":2}\n");
    slt_decoded got =
        slt_decode(json, AN "max_record=200000 malformed=skip", data.data, data.size, SLT_WHOLE);
    SL_CHECK_TEXT(got.rows.data, "~ 1\n~ 2\n");
    slt_decoded_reset(&got);
    got =
        slt_decode(json, AN, data.data, data.size, SLT_WHOLE); // longer than a stretch, and allowed
    assert_int_equal(got.code, SL_OK);
    assert_int_equal(got.stats.records, 3);
    slt_decoded_reset(&got);
    sli_str_reset(&data);
}

SL_TEST(json_that_is_not_utf8_follows_its_policy, "")
{
    const char *data =
        "{\"n\":1}\n{\"a\":\"x\xFFy and more than twelve\",\"n\":2}\n{\"a\":\"\xC3\xBC\"}\n";
    CHECK_ROWS(json, AN, data, "~ 1\n\"x\xEF\xBF\xBDy and more than twelve\" 2\n\"\xC3\xBC\" ~\n");
    CHECK_ROWS(json, AN "invalid_utf8=skip", data, "~ 1\n\"\xC3\xBC\" ~\n");
    CHECK_ERROR(json, AN "invalid_utf8=fail", data, SL_E_DATA,
                "in/x at byte 8 (line 2): text that is not UTF-8, byte 7");
}

SL_TEST(where_json_is_cut_does_not_show, "")
{
    static const char *const args[] = {
        AN, AN "malformed=skip", AN "invalid_utf8=skip malformed=skip",
        AN "max_record=24 malformed=skip", "schema='l list<string>?, n int64' malformed=skip"};
    static const char data[] =
        "\xEF\xBB\xBF{\"n\":1,\"a\":\"\\u00fc and more than twelve\"}\r\n\n{\"n\":\"\n"
        "{\"a\":\"\xE2\x82\",\"n\":3}\n{\"l\":[\"x\",\"\\n\"],\"n\":4}\n[]\n{\"n\":5}}\n{\"a\":"
        "\"\xC3\xBC\"}";
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        for (size_t size = 0; size < sizeof data; size++) { // every prefix
            slt_check_cuts(json, args[i], data, size);
        }
    }
}

SL_TEST(more_keys_than_are_remembered_are_found, "")
{
    sli_str data = SLI_STR_INIT;
    for (int row = 0; row < 3; row++) {
        sli_str_char(&data, '{');
        for (int i = 0; i < 100; i++) {
            sli_str_printf(
                &data, "\"key_%d_%s\":%d,", i,
                i % 3 == 0 ? "with_a_name_that_is_too_long_to_be_remembered_as_it_is_here" : "",
                i * row);
        }
        sli_str_printf(&data, "\"n\":%d}\n", row);
    }
    CHECK_ROWS(json,
               "schema='key_4_ int64, n int64, "
               "key_99_with_a_name_that_is_too_long_to_be_remembered_as_it_is_here int64'",
               data.data, "0 0 0\n4 1 99\n8 2 198\n");
    sli_str_reset(&data);
}

SL_TEST(a_key_like_the_remembered_one_is_another, "")
{
    CHECK_ROWS(json, "schema='abcdefgh int64?, abcdefghi int64?, abcdefghijklmnopqr int64?'",
               "{\"abcdefgh\":1}\n{\"abcdefghi\":2}\n{\"abcdefghijklmnopqr\":3}\n{"
               "\"abcdefghijklmnopqs\":4}\n"
               "{\"abcdefgh\":5}\n{\"abcdefg\":6}\n",
               "1 ~ ~\n~ 2 ~\n~ ~ 3\n~ ~ ~\n5 ~ ~\n~ ~ ~\n");
}

// Records that share what stands between their values, or nearly.
static const char *const alike[] = {
    "{\"a\":\"x\",\"n\":1}",
    "{\"a\":\"a string longer than twelve\",\"n\":2}",
    "{\"a\":\"x\",\"n\":1}\r",
    "{\"a\":\"x\" ,\"n\":1 }",
    "{\"a\":\"x\"\t,\"n\":1\t}\t",
    "{\"a\": \"x\", \"n\": 1}",
    " {\"a\":\"x\",\"n\":1}",
    "{\"a\":\"x\",\"n\":1",
    "{\"a\":\"x\",\"n\":",
    "{\"a\":\"x\",\"n\"",
    "{\"a\":\"x\",",
    "{\"a\":\"x\"",
    "{\"a\":",
    "{",
    "",
    " ",
    "}",
    "{}",
    "{\"a\":\"x\",\"n\":1,\"m\":2}",
    "{\"a\":\"x\",\"n\":1,}",
    "{\"a\":\"x\",\"n\":1} {",
    "{\"a\":\"x\",\"n\":1}{}",
    "{\"a\":\"x\",\"n\":1}}",
    "{\"a\":\"x\",\"n\":1 2}",
    "{\"a\":\"x\",\"n\":1\"\"}",
    "{\"a\":\"x\" \"\",\"n\":1}",
    "{\"a\":\"x\",\"n\":\"1\"}",
    "{\"a\":\"x\",\"n\":null}",
    "{\"a\":null,\"n\":1}",
    "{\"a\":nul,\"n\":1}",
    "{\"a\":1.5,\"n\":1.5}",
    "{\"a\":{\"n\":[1, 2]},\"n\":3}",
    "{\"a\":{\"n\":[1,2},\"n\":3}",
    "{\"a\":,\"n\":3}",
    "{\"a\"::,\"n\":3}",
    "{\"a\":],\"n\":3}",
    "{\"a\":\"\\u0041\\ud800\",\"n\":4}",
    "{\"a\":\"\\ud800\",\"n\":x}",
    "{\"\\u0061\":\"x\",\"n\":5}",
    "{\"n\":1,\"a\":\"x\"}",
    "{\"n\":1}",
    "{\"a\":\"x\"}",
    "{\"a\":\"x\",\"a\":\"y\"}",
    "{\"a\":\"x\",\"n\":1,\"n\":2}",
    "{\"u\":\"x\",\"n\":1}",
    "{\"u\":1,\"n\":1}",
    "{\"u\":[{\"a\":\"}\"}],\"n\":1}",
    "{\"u\":[{\"a\":\"}\"},\"n\":1}",
    "{\"u\":\"\",\"n\":1}",
    "{\"a\":\"x\xFF\",\"n\":1}",
    "{\"a\":\"x,\"n\":1}",
    "{\"a\":\"x\\\",\"n\":1}",
    "[\"a\",\"x\"]",
    "{\"a\":\"x\",\"n\":1} and a line that is too long, as all the others are not as long as that",
};

typedef struct seen {
    sli_str rows;
    sli_decode_stats stats;
} seen;

static void see(seen *all, const char *data, size_t size)
{
    slt_decoded d = slt_decode(json, AN "malformed=skip max_record=90", data, size, SLT_WHOLE);
    assert_int_equal(d.code, SL_OK);
    sli_str_text(&all->rows, d.rows.data == NULL ? "" : d.rows.data);
    all->stats.records += d.stats.records;
    all->stats.skipped += d.stats.skipped;
    all->stats.replaced += d.stats.replaced;
    slt_decoded_reset(&d);
}

// What a line gives is what it gives alone, whatever was remembered of the ones before.
static void check_together(const char *const *lines, size_t n)
{
    seen apart = {.rows = SLI_STR_INIT}, together = {.rows = SLI_STR_INIT};
    sli_str text = SLI_STR_INIT;
    for (size_t i = 0; i < n; i++) {
        see(&apart, lines[i], strlen(lines[i]));
        sli_str_printf(&text, "%s%s", i == 0 ? "" : "\n", lines[i]);
    }
    see(&together, text.data, text.size);
    if (apart.rows.size != together.rows.size || apart.stats.records != together.stats.records ||
        apart.stats.skipped != together.stats.skipped ||
        apart.stats.replaced != together.stats.replaced ||
        (apart.rows.size > 0 &&
         memcmp(apart.rows.data, together.rows.data, apart.rows.size) != 0)) {
        fail_msg("together other than apart:\n%s", text.data);
    }
    sli_str_reset(&apart.rows);
    sli_str_reset(&together.rows);
    sli_str_reset(&text);
}

SL_TEST(a_record_reads_the_same_whatever_came_before_it, "")
{
    enum { N = sizeof alike / sizeof *alike };
    for (size_t i = 0; i < N; i++) {
        for (size_t k = 0; k < N; k++) {
            check_together((const char *const[]){alike[0], alike[i], alike[k], alike[i], alike[k]},
                           5);
        }
    }
}

SL_TEST(a_record_over_two_lines_is_none_however_alike, "")
{
    static const char *const broken[] = {
        "{\"a\":\n\"x\",\"n\":1}", "{\"a\":\"x\"\n,\"n\":1}", "{\"a\":\"x\",\n\"n\":1}",
        "{\"a\":\"x\",\"n\":1\n}", "{\"a\":\"x\",\"n\":\n1}", "{\n\"a\":\"x\",\"n\":1}",
        "{\"a\":[\n1],\"n\":1}",   "{\"a\":[1]\n,\"n\":1}",
    };
    for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
        sli_str text = SLI_STR_INIT;
        sli_str_printf(&text, "{\"a\":\"x\",\"n\":1}\n%s\n{\"a\":\"x\",\"n\":1}\n", broken[i]);
        slt_decoded d = slt_decode(json, AN "malformed=skip", text.data, text.size, SLT_WHOLE);
        assert_int_equal(d.code, SL_OK);
        assert_int_equal(d.stats.records, 2);
        assert_int_equal(d.stats.skipped, 2);
        slt_decoded_reset(&d);
        sli_str_reset(&text);
    }
}

SL_TEST(rows_written_as_json_are_read_back, "")
{
    const char *schema =
        "a string?, b int64?, c float64?, d bool?, e date?, f timestamp, g binary?, h uint8, i "
        "string, "
        "j list<string?>?, k struct<x int32?, y list<float64>, z struct<q string?>?>?, l float32, "
        "m uint64, n list<list<int64>>, o list<struct<p date?, r binary>>";
    sli_rng rng = {22};
    for (int round = 0; round < 200; round++) {
        sl_batch *batch = slt_random_batch(schema, (int64_t)sli_rng_below(&rng, 20), &rng);
        sli_str out = SLI_STR_INIT, args = SLI_STR_INIT, expected = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        sli_str_text(&out, "");
        sli_str_text(&expected, "");
        assert_int_equal(slt_encode(json, "", batch, &out, &err), SL_OK);
        sli_str_printf(&args, "schema='%s'", schema);
        slt_render(&expected, batch);
        slt_cuts cuts = {.size = (int64_t)sli_rng_below(&rng, 300), .cut = -1};
        slt_decoded got = slt_decode(json, args.data, out.data, out.size, cuts);
        SL_CHECK_TEXT(got.err.text, "");
        SL_CHECK_TEXT(got.rows.data, expected.data);
        slt_decoded_reset(&got);
        sli_str_reset(&out);
        sli_str_reset(&args);
        sli_str_reset(&expected);
        sl_batch_unref(batch);
    }
}

SL_TEST(numbers_follow_the_grammar, "")
{
    for (const char *const *good = (const char *const[]){"0", "-0", "1", "10", "1.5", "0.0", "1e5",
                                                         "1E+5", "1.25e-7", "-123.456", NULL};
         *good != NULL; good++) {
        assert_true(sli_json_is_number(*good, (int64_t)strlen(*good)));
    }
    for (const char *const *bad =
             (const char *const[]){"", "-", "01", "+1", ".5", "5.", "1e", "1e+", "1.e5", "0x1",
                                   "1 ", "NaN", "--1", "1e5.5", NULL};
         *bad != NULL; bad++) {
        assert_false(sli_json_is_number(*bad, (int64_t)strlen(*bad)));
    }
}

SL_TEST(base64_is_read_back, "")
{
    sli_rng rng = {9};
    for (int round = 0; round < 1000; round++) {
        char data[40], back[64];
        size_t size = sli_rng_below(&rng, sizeof data);
        for (size_t i = 0; i < size; i++) {
            data[i] = (char)sli_rng_next(&rng);
        }
        sli_str text = SLI_STR_INIT;
        sli_str_text(&text, "");
        sli_base64_print(&text, data, size);
        assert_int_equal(sli_base64_read(text.data, (int64_t)text.size, back), size);
        assert_memory_equal(back, data, size);
        sli_str_reset(&text);
    }
    char out[16];
    for (const char *const *bad = (const char *const[]){"A", "AA", "AAA", "A===", "====", "AA=A",
                                                        "AB==", "AAB=", "AAA*", "AA==AAAA", NULL};
         *bad != NULL; bad++) {
        assert_int_equal(sli_base64_read(*bad, (int64_t)strlen(*bad), out), -1);
    }
}

SL_TEST(backslashes_are_seen_at_any_place, "")
{
    for (int64_t size = 0; size < 40; size++) {
        for (int64_t at = 0; at <= size; at++) {
            char data[64];
            memset(data, '[', sizeof data); // next to the backslash: a borrow must not make a hit
            data[at] = '\\';
            assert_int_equal(sli_json_has_escape(data, size), at < size);
        }
    }
}
