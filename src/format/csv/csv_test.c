// CSV to rows and back: RFC 4180, its edges, and what is refused.
#include "format/fixture_test.h"

static const sli_format_ops *const csv = &sli_format_csv;

#define AB "schema='a string, b string' "

SL_TEST(rfc_4180_cases, "")
{
    static const struct {
        const char *data, *rows;
    } cases[] = {
        {"", ""},
        {"x,y\n", "\"x\" \"y\"\n"},
        {"x,y", "\"x\" \"y\"\n"},
        {"x,y\r\nz,w\r\n", "\"x\" \"y\"\n\"z\" \"w\"\n"},
        {"x,y\r", "\"x\" \"y\"\n"},
        {",\n", "\"\" \"\"\n"},
        {",", "\"\" \"\"\n"},
        {"\"x\",\"y\"\n", "\"x\" \"y\"\n"},
        {"\"x\",\"y\"", "\"x\" \"y\"\n"},
        {"\"x\",\"y\"\r\n", "\"x\" \"y\"\n"},
        {"\"x\",\"y\"\r", "\"x\" \"y\"\n"},
        {"\"x,1\",y\n", "\"x,1\" \"y\"\n"},
        {"\"x\"\"1\"\"\",y\n", "\"x\"1\"\" \"y\"\n"},
        {"\"\"\"\",\"\"\n", "\"\"\" \"\"\n"},
        {"\"line\nend\",\"\r\n\"\n", "\"line\nend\" \"\r\n\"\n"},
        {"a\"b,\"c\"\n", "\"a\"b\" \"c\"\n"},
        {" \"x\" , y \n", "\" \"x\" \" \" y \"\n"},
        {"a\rb,c\n", "\"a\rb\" \"c\"\n"},
        {"\n\r\nx,y\n\n", "\"x\" \"y\"\n"},
        {"\xEF\xBB\xBFx,y\n", "\"x\" \"y\"\n"},
        {"\xEF\xBB\xBF\"x\",y\n", "\"x\" \"y\"\n"},
        {"\xEF\xBB\xBF", ""},
        {"a field of more than twelve bytes,\"and another \"\"quoted\"\" one\"\n",
         "\"a field of more than twelve bytes\" \"and another \"quoted\" one\"\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_ROWS(csv, AB, cases[i].data, cases[i].rows);
    }
}

SL_TEST(malformed_records_are_named, "")
{
    static const struct {
        const char *data, *text;
    } cases[] = {
        {"x,y\nz\n", "in/x at byte 4 (line 2): 1 fields instead of 2"},
        {"x,y,z\n", "3 fields instead of 2"},
        {"\"x\"y,z\n", "text behind the closing quote"},
        {"\"x\" ,z\n", "text behind the closing quote"},
        {"\"l\n\n\",x\na,b,c\n", "at byte 8 (line 4)"},
        {"x,\"y\n", "a quoted field that does not end"},
        {"\xEF\xBB", "1 fields"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK_ERROR(csv, AB "invalid_utf8=replace", cases[i].data, SL_E_DATA, cases[i].text);
    }
    CHECK_ROWS(csv, AB "malformed=skip", "x,y\nz\n\"x\"y,z\na,b,c\nu,v\nx,\"y\n",
               "\"x\" \"y\"\n\"u\" \"v\"\n");
    slt_decoded got = slt_decode(csv, AB "malformed=skip", "z\nu,v\n\"", 7, SLT_WHOLE);
    assert_int_equal(got.stats.skipped, 2);
    assert_int_equal(got.stats.records, 1);
    slt_decoded_reset(&got);
}

SL_TEST(cells_have_types, "")
{
    CHECK_ROWS(csv,
               "schema='a int32, b float64, c bool, d date, e timestamp, f decimal(6,2), g binary'",
               "-7,1.5,true,2026-01-02,2026-01-02 03:04:05.5,1234.5,\xFF\n",
               "-7 1.5 true 2026-01-02 2026-01-02T03:04:05.500Z 1234.50 \"\xFF\"\n");
    CHECK_ERROR(csv, "schema='a string, n int32'", "x,12345678901\n", SL_E_DATA,
                "column 'n': '12345678901' is not an integer of 32 bits");
    CHECK_ERROR(csv, "schema='n int64'", "x\n", SL_E_DATA, "column 'n': 'x' is not");
    CHECK_ERROR(csv, "schema='n int64'", "1\n\n", SL_E_DATA, "column 'n': '' is not");
    CHECK_ROWS(csv, "schema='t timestamp' timestamp=ms", "1500\n", "1970-01-01T00:00:01.500Z\n");
}

SL_TEST(null_is_an_unquoted_text, "")
{
    CHECK_ROWS(csv, "schema='a string?, n int64?'", ",\n\"\",\"1\"\nx,2\n",
               "~ ~\n\"\" 1\n\"x\" 2\n");
    CHECK_ROWS(csv, "schema='a string?, n int64?' null=NULL", "NULL,NULL\n\"NULL\",3\n,4\n",
               "~ ~\n\"NULL\" 3\n\"\" 4\n");
    CHECK_ROWS(csv, "schema='a string, b string' null=NULL", "NULL,x\n", "\"NULL\" \"x\"\n");
    CHECK_ROWS(csv, "schema='a string?'", "x\n\n\"\"\n",
               "\"x\"\n~\n\"\"\n"); // one column: a blank line is a record
    CHECK_ERROR(csv, "schema='a string, n int64'", "x,\n", SL_E_DATA, "column 'n'");
}

SL_TEST(the_dialect_is_an_option, "")
{
    CHECK_ROWS(csv, AB "delimiter='\\t'", "x,1\ty\n", "\"x,1\" \"y\"\n");
    CHECK_ROWS(csv, AB "delimiter=';' quote=\"'\"", "'x;''1';\"y\"\n", "\"x;'1\" \"\"y\"\"\n");
    CHECK_ROWS(csv, AB "quote=''", "\"x\",\"y\n", "\"\"x\"\" \"\"y\"\n");
    CHECK_ERROR(csv, AB "delimiter='ab'", "", SL_E_CONFIG, "delimiter");
    CHECK_ERROR(csv, AB "delimiter=''", "", SL_E_CONFIG, "delimiter");
    CHECK_ERROR(csv, AB "delimiter=';' quote=';'", "", SL_E_CONFIG, "both");
    CHECK_ERROR(csv, AB "null='a,b'", "", SL_E_CONFIG, "null");
    CHECK_ERROR(csv, "", "x", SL_E_CONFIG, "schema");
    CHECK_ERROR(csv, "schema='a strng'", "x", SL_E_INVALID, "option schema");
    CHECK_ERROR(csv, "schema='a list<int64>'", "x", SL_E_INVALID, "column 'a'");
}

SL_TEST(a_header_orders_columns_by_name, "")
{
    CHECK_ROWS(csv, AB "header=true", "b,extra,a\n1,2,3\n4,\"5\",6\n",
               "\"3\" \"1\"\n\"6\" \"4\"\n");
    CHECK_ROWS(csv, AB "header=true", "\xEF\xBB\xBF\"b\",a\r\n1,3\r\n", "\"3\" \"1\"\n");
    CHECK_ROWS(csv, AB "header=true", "\n\r\na,b\n1,2\n", "\"1\" \"2\"\n");
    CHECK_ROWS(csv, AB "header=true", "", "");
    CHECK_ROWS(csv, AB "header=true", "a,b", "");
    CHECK_ERROR(csv, AB "header=true malformed=skip", "a,c\n1,2\n", SL_E_DATA, "no column 'b'");
    CHECK_ERROR(csv, AB "header=true malformed=skip", "a,b,a\n1,2,3\n", SL_E_DATA, "'a' twice");
    CHECK_ERROR(csv, AB "header=true malformed=skip", "a,\"b\n1,2\n", SL_E_DATA,
                "header holds a quoted field");
    CHECK_ERROR(csv, AB "header=true", "a,b,c\n1,2\n", SL_E_DATA, "2 fields instead of 3");
}

SL_TEST(a_csv_record_that_is_too_long_fails_or_is_dropped, "")
{
    CHECK_ERROR(csv, AB "max_record=16", "x,y\n0123456789,abcdefghij\n", SL_E_DATA,
                "at byte 4 (line 2): a record of more");
    CHECK_ERROR(csv, AB "max_record=16", "\"0123456789,abcdefghij\n", SL_E_DATA, "at byte 0");
    CHECK_ROWS(csv, AB "max_record=16 malformed=skip",
               "x,y\n\"0123456789\n,abcdef\"\"\nghij\",y\nz,w\n", "\"x\" \"y\"\n\"z\" \"w\"\n");
    CHECK_ROWS(csv, AB "max_record=16 malformed=skip", "\"0123456789\n,abcdef\"\"\nghij,y\nz,w\n",
               "");
}

SL_TEST(csv_that_is_not_utf8_follows_its_policy, "")
{
    const char *data = "x,y\n\xFFz,w\n\"q\"\"\xE2\x82\",long enough to be shared\nend,\xC3\xBC\n";
    CHECK_ROWS(
        csv, AB, data,
        "\"x\" \"y\"\n\"\xEF\xBF\xBDz\" \"w\"\n\"q\"\xEF\xBF\xBD\" \"long enough to be shared\"\n"
        "\"end\" \"\xC3\xBC\"\n");
    CHECK_ROWS(csv, AB "invalid_utf8=skip", data, "\"x\" \"y\"\n\"end\" \"\xC3\xBC\"\n");
    CHECK_ERROR(csv, AB "invalid_utf8=fail", data, SL_E_DATA,
                "at byte 4 (line 2): text that is not UTF-8");
    CHECK_ROWS(csv, "schema='a binary, b string' invalid_utf8=fail", "\xFF,x\n",
               "\"\xFF\" \"x\"\n");
}

SL_TEST(where_csv_is_cut_does_not_show, "")
{
    static const char *const args[] = {AB,
                                       AB "malformed=skip",
                                       AB "header=true",
                                       AB "max_record=16 malformed=skip",
                                       AB "invalid_utf8=skip",
                                       "schema='a string?, b int64?' malformed=skip",
                                       AB "quote='' malformed=skip",
                                       "schema='a string?'"};
    static const char *const data[] = {
        "\xEF\xBB\xBF"
        "a,b\r\n\"x\"\"1\",\"\r\n\"\r\n\n1,2\r\n\"q\"z,3\n,\n\"long\n\",\"more than "
        "sixteen\"\n\"open,1\n2,3",
        "b,a\n\"\",\xFF\n\"\xE2\x82\"\"\",2\n1,2,3\n\r\n\"\"\"\"\"\",\"\"\n\"\r",
    };
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        for (size_t k = 0; k < 2; k++) {
            for (size_t size = 0; size <= strlen(data[k]); size++) { // every prefix
                slt_check_cuts(csv, args[i], data[k], size);
            }
        }
    }
}

SL_TEST(rows_written_as_csv_are_read_back, "")
{
    static const char *const dialects[] = {"", "delimiter=';' quote=\"'\"", "null=null",
                                           "header=true", "null=0"};
    const char *schema = "a string?, b int64?, c float64?, d bool?, e date?, f timestamp, g "
                         "binary, h uint8, i string, "
                         "j int16, k uint64?, l float32, m int32, n uint16, o uint32, p int8";
    sli_rng rng = {21};
    for (int round = 0; round < 200; round++) {
        const char *dialect = dialects[round % 5];
        sl_batch *batch = slt_random_batch(schema, (int64_t)sli_rng_below(&rng, 20), &rng);
        sli_str out = SLI_STR_INIT, args = SLI_STR_INIT, expected = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        sli_str_text(&out, "");
        sli_str_text(&expected, "");
        assert_int_equal(slt_encode(csv, dialect, batch, &out, &err), SL_OK);
        sli_str_printf(&args, "schema='%s' %s", schema, dialect);
        slt_render(&expected, batch);
        slt_cuts cuts = {.size = (int64_t)sli_rng_below(&rng, 100), .cut = -1};
        slt_decoded got = slt_decode(csv, args.data, out.data, out.size, cuts);
        SL_CHECK_TEXT(got.err.text, "");
        SL_CHECK_TEXT(got.rows.data, expected.data);
        slt_decoded_reset(&got);
        sli_str_reset(&out);
        sli_str_reset(&args);
        sli_str_reset(&expected);
        sl_batch_unref(batch);
    }
}

// One row with the same text in every column.
static void check_encoded(const char *schema, const char *data, const char *out_args,
                          const char *expected, sl_code code)
{
    sl_schema *parsed = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&parsed, schema, NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, parsed, NULL), SL_OK);
    for (int32_t i = 0; i < sl_schema_columns(parsed); i++) {
        sl_builder_text(builder, i, data, strlen(data));
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sli_str out = SLI_STR_INIT;
    assert_int_equal(slt_encode(csv, out_args, batch, &out, NULL), code);
    if (code == SL_OK) {
        SL_CHECK_TEXT(out.data, expected);
    }
    sli_str_reset(&out);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(parsed);
}

SL_TEST(csv_is_quoted_where_it_must_be, "")
{
    check_encoded("a string, b string", "x", "", "x,x\n", SL_OK);
    check_encoded("a string", "x,y", "", "\"x,y\"\n", SL_OK);
    check_encoded("a string", "say \"x\"", "", "\"say \"\"x\"\"\"\n", SL_OK);
    check_encoded("a string", "\r", "", "\"\r\"\n", SL_OK);
    check_encoded("a string", "", "", "\n", SL_OK);
    check_encoded("a string?", "", "", "\"\"\n", SL_OK);
    check_encoded("a string", "\xEF\xBB\xBFx", "", "\"\xEF\xBB\xBFx\"\n", SL_OK);
    check_encoded("a string, b string", "x", "header=true", "a,b\nx,x\n", SL_OK);
    check_encoded("a string, b string", "x", "delimiter='\\t' header=true", "a\tb\nx\tx\n", SL_OK);
    check_encoded("a string", "x,y", "quote=''", "", SL_E_DATA);
    check_encoded("a string?", "", "quote=''", "", SL_E_DATA);
}
