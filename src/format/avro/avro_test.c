// Avro values: what their bytes mean, what is malformed and why, and rows written and read back.
#include "format/fixture_test.h"

#include <stdio.h>

#include "env/env.h"

// ---------------------------------------------------------------- values in hex

static void put_hex(sli_str *out, const char *hex)
{
    for (; *hex != '\0'; hex += *hex == ' ' ? 1 : 2) {
        unsigned byte = 0;
        if (*hex != ' ') {
            assert_int_equal(sscanf(hex, "%2x", &byte), 1);
            sli_str_char(out, (char)byte);
        }
    }
}

typedef struct decoded {
    sl_code code;
    sl_error err;
    sli_str rows;
    sli_decode_stats stats;
} decoded;

static void place(void *ctx, int32_t value, char *out, size_t size)
{
    (void)ctx;
    (void)snprintf(out, size, "t, partition 0, offset %d", value);
}

static sl_code collect(void *ctx, sl_batch *batch, const int32_t *from, sl_error *err)
{
    (void)from, (void)err;
    slt_render(ctx, batch);
    return SL_OK;
}

static sl_conf *conf_of(const char *schema, const char *args)
{
    sl_conf *conf = slt_conf(&sli_format_avro, args);
    if (schema != NULL) {
        assert_int_equal(sl_conf_set(conf, "avro_schema_text", sli_text_of(schema), NULL), SL_OK);
    }
    return conf;
}

static sl_code open_values(sli_values **out, const sl_conf *conf, sl_error *err)
{
    sl_schema *columns = NULL;
    sl_code rc = sli_format_avro.schema(conf, &columns, err);
    rc = rc == SL_OK ? sli_values_new(out, &sli_format_avro, conf, columns, err) : rc;
    sl_schema_unref(columns);
    return rc;
}

/// Reads values: `bytes`, of which value i has sizes[i]. Each lies in memory of its own size.
static decoded read_values(const char *schema, const char *args, const char *bytes,
                           const int32_t *sizes, int32_t n)
{
    decoded out = {.err = SL_ERROR_INIT, .rows = {.tag = SLI_TAG_TEST}};
    sl_conf *conf = conf_of(schema, args);
    sli_values *values = NULL;
    sli_str_text(&out.rows, "");
    out.code = open_values(&values, conf, &out.err);
    sl_conf_free(conf);
    for (int32_t i = 0; i < n && out.code == SL_OK; i++) {
        int32_t starts[2] = {0, sizes[i] + 1};
        sli_buffer *data = sli_buffer_new(sizes[i] + 1);
        memcpy(sli_buffer_data(data), bytes, (size_t)sizes[i]);
        sli_buffer_data(data)[sizes[i]] = '\n';
        sli_value_run run = {.data = data, .starts = starts, .n = 1, .place = place};
        out.code = sli_values_feed(values, &run, 0, 1, collect, &out.rows, &out.err);
        sli_buffer_unref(data);
        bytes += sizes[i];
    }
    if (values != NULL) {
        out.stats = *sli_values_stats(values);
    }
    sli_values_free(values);
    return out;
}

static decoded read_hex(const char *schema, const char *args, const char *hex)
{
    sli_str bytes = {.tag = SLI_TAG_TEST};
    sli_str_text(&bytes, "");
    put_hex(&bytes, hex);
    int32_t size = (int32_t)bytes.size;
    decoded out = read_values(schema, args, bytes.data, &size, 1);
    sli_str_reset(&bytes);
    return out;
}

/// The one row without its line end, or the error's text behind the place.
static void check(const char *schema, const char *args, const char *hex, const char *expected)
{
    static const char where[] = "t, partition 0, offset 0: ";
    decoded got = read_hex(schema, args, hex);
    if (got.code == SL_OK) {
        assert_int_equal(got.stats.records, 1);
        got.rows.data[got.rows.size - 1] = '\0';
        SL_CHECK_TEXT(got.rows.data, expected);
    } else {
        const char *text = got.err.text;
        text += strncmp(text, where, sizeof where - 1) == 0 ? sizeof where - 1 : 0;
        SL_CHECK_TEXT(text, expected);
    }
    sli_str_reset(&got.rows);
}

/// A record with one field `x` of the type.
static void check_field(const char *type, const char *args, const char *hex, const char *expected)
{
    char json[2048];
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":%s}]}",
                   type);
    check(json, args, hex, expected);
}

// ---------------------------------------------------------------- reading

#define FIXED3 "{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}"
#define ENUM "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"NO\",\"YES_WITH_A_LONG_NAME\"]}"
#define LONGS "{\"type\":\"array\",\"items\":\"long\"}"
#define PAIR                                                                                       \
    "{\"type\":\"record\",\"name\":\"P\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"           \
    "{\"name\":\"b\",\"type\":[\"null\",\"string\"]}]}"
#define MILLIS "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}"
#define MICROS "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}"
#define DECIMAL "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":5,\"scale\":2}"

SL_TEST(avro_bytes_are_cells, "")
{
    check_field("\"boolean\"", "", "01", "true");
    check_field("\"int\"", "", "03", "-2");
    check_field("\"int\"", "", "ffffffff0f", "-2147483648");
    check_field("\"long\"", "", "feffffffffffffffff01", "9223372036854775807");
    check_field("\"long\"", "", "ffffffffffffffffff01", "-9223372036854775808");
    check_field("\"float\"", "", "0000c03f", "1.5");
    check_field("\"double\"", "", "000000000000f83f", "1.5");
    check_field("\"bytes\"", "", "04 6162", "\"ab\"");
    check_field("\"string\"", "", "00", "\"\"");
    check_field("\"string\"", "", "1c 6162636465666768696a6b6c6d6e", "\"abcdefghijklmn\"");
    check_field(FIXED3, "", "616263", "\"abc\"");
    check_field(ENUM, "", "00", "\"NO\"");
    check_field(ENUM, "", "02", "\"YES_WITH_A_LONG_NAME\"");
    check_field(LONGS, "", "00", "[]");
    check_field(LONGS, "", "04 02 04 02 06 00", "[1 2 3 ]");
    check_field(LONGS, "", "03 04 02 04 00", "[1 2 ]"); // a block that tells its bytes
    check_field(PAIR, "", "0e 02 02 61", "{7 \"a\" }");
    check_field(PAIR, "", "0e 00", "{7 ~ }");
    check_field("[\"null\",\"long\"]", "", "00", "~");
    check_field("[\"null\",\"long\"]", "", "02 0e", "7");
    check_field("[\"long\",\"null\"]", "", "00 0e", "7");
    check_field("[\"long\",\"null\"]", "", "02", "~");
    check_field("[\"long\"]", "", "00 0e", "7");
    check_field("{\"type\":\"array\",\"items\":" PAIR "}", "", "04 02 00 04 02 02 62 00",
                "[{1 ~ } {2 \"b\" } ]");
}

SL_TEST(avro_logical_types_are_cells, "")
{
    check_field("{\"type\":\"int\",\"logicalType\":\"date\"}", "", "02", "1970-01-02");
    check_field(MILLIS, "", "d20f", "1970-01-01T00:00:01.001Z");
    check_field(MICROS, "", "d20f", "1970-01-01T00:00:00.001001Z");
    check_field(DECIMAL, "", "02 7b", "1.23");
    check_field(DECIMAL, "", "02 85", "-1.23");
    check_field(DECIMAL, "", "00", "0.00");
    check_field(DECIMAL, "", "06 01869f", "999.99");
    check_field(DECIMAL, "", "2c ffffffffffffffffffffffffffffffffffffffffff85", "-1.23");
    check_field("{\"type\":\"fixed\",\"name\":\"F\",\"size\":18,\"logicalType\":\"decimal\","
                "\"precision\":38}",
                "", "0000 4b3b4ca85a86c47a098a223fffffffff",
                "99999999999999999999999999999999999999");
}

SL_TEST(avro_values_that_are_none_say_why, "")
{
    check_field("\"boolean\"", "", "02",
                "field 'x': a boolean that is neither 0 nor 1 at byte 1 of the record");
    check_field("\"boolean\"", "", "",
                "field 'x': 1 bytes are told where 0 are left at byte 0 of the record");
    check_field("\"int\"", "", "80808080 10",
                "field 'x': an int of more than 32 bits at byte 5 of the record");
    check_field("\"long\"", "", "80",
                "field 'x': the bytes end in a number at byte 1 of the record");
    check_field("\"long\"", "", "80808080808080808002 00",
                "field 'x': a number of more than 64 bits at byte 10 of the record");
    check_field("\"long\"", "", "00 00",
                "1 bytes behind the record; is the schema the one that it was written with?");
    check_field("\"double\"", "", "00000000000000",
                "field 'x': 8 bytes are told where 7 are left at byte 0 of the record");
    check_field("\"string\"", "", "06 6162",
                "field 'x': 3 bytes are told where 2 are left at byte 1 of the record");
    check_field("\"bytes\"", "", "01",
                "field 'x': -1 bytes are told where 0 are left at byte 1 of the record");
    check_field("\"string\"", "", "feffffffffffffffff01",
                "field 'x': 9223372036854775807 bytes are told where 0 are left at byte 10 of the "
                "record");
    check_field(ENUM, "", "04", "field 'x': symbol 2 of 2 at byte 1 of the record");
    check_field("[\"null\",\"long\"]", "", "04",
                "field 'x': branch 2 of 2 at byte 1 of the record");
    check_field("[\"null\",\"long\"]", "", "01",
                "field 'x': branch -1 of 2 at byte 1 of the record");
    check_field(PAIR, "", "0e 04", "field 'x': field 'b': branch 2 of 2 at byte 2 of the record");
    check_field(MILLIS, "", "feffffffffffffffff01",
                "field 'x': a time out of range at byte 10 of the record");
    check_field(DECIMAL, "", "06 0186a0",
                "field 'x': a decimal of more than 5 digits at byte 4 of the record");
    check_field(DECIMAL, "", "2401 0000000000000000000000000000000000",
                "field 'x': a decimal of more than 5 digits at byte 19 of the record");
}

// Nothing is made room for before the bytes are there.
SL_TEST(avro_lists_have_no_more_items_than_bytes, "")
{
    check_field(LONGS, "", "feffffffffffffffff01 02",
                "field 'x': a block of 9223372036854775807 items in 1 bytes at byte 10 of the "
                "record");
    check_field(LONGS, "", "ffffffffffffffffff01 02 02",
                "field 'x': a block of 1 bytes where 1 are left at byte 11 of the record");
    check_field(LONGS, "", "03 08 02 04 00",
                "field 'x': a block of 4 bytes where 3 are left at byte 2 of the record");
    check_field(LONGS, "", "03 02 02 04 00",
                "field 'x': a block of 2 items in 1 bytes at byte 2 of the record");
    check_field(LONGS, "", "01 04 02 00",
                "field 'x': a block of 1 bytes that tells 2 at byte 3 of the record");
    check_field(LONGS, "", "02 02", "field 'x': the bytes end in a number at byte 2 of the record");
}

// ---------------------------------------------------------------- columns by name

SL_TEST(avro_fields_that_nobody_wants_are_passed_over, "")
{
#define FIELD(name, type) "{\"name\":\"" name "\",\"type\":" type "}"
    static const char json[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD("n", "\"null\"") "," FIELD("b", "\"boolean\"") "," FIELD("i", "\"int\"") "," FIELD("f", "\"float\"") "," FIELD("d", "\"double\"") "," FIELD(
            "s",
            "\"string\"") "," FIELD("x",
                                    FIXED3) "," FIELD("e",
                                                      ENUM) "," FIELD("l",
                                                                      LONGS) "," FIELD("m",
                                                                                       "{\"type\":"
                                                                                       "\"map\","
                                                                                       "\"values\":"
                                                                                       "\"int\"}") "," FIELD("u",
                                                                                                             "[\"int\","
                                                                                                             "\"string\","
                                                                                                             "\"R\"]") "," FIELD("z",
                                                                                                                                 "{\"type\":\"array\",\"items\":\"null\"}") "," FIELD("p",
                                                                                                                                                                                      PAIR) "," FIELD("last",
                                                                                                                                                                                                      "\"long\"") "]}";
#define FRONT "01 02 00000000 0000000000000000 0261 616263 00 "
    static const char args[] = "schema='last int64, p struct<b string?>'";
    check(json, args, FRONT "04 02 04 00 02 02 6b 02 00 00 02 00 02 02 02 62 0e", "7 {\"b\" }");
    // Blocks that tell their bytes are jumped over; of what has no bytes there may be any number.
    check(json, args,
          FRONT "03 04 ffff 00 01 06 ffffff 00 02 02 61 feffffffffffffffff01 00 02 00 0e",
          "7 {~ }");
    check(json, args, FRONT "04 02",
          "field 'l': a block of 2 items in 1 bytes at byte 21 of the record");
    check(json, args, FRONT "00 02 08 6b",
          "field 'm': 4 bytes are told where 1 are left at byte 23 of the record");
    check(json, args, FRONT "00 00 06", "field 'u': branch 3 of 3 at byte 23 of the record");
}

// A record within itself, far too often.
SL_TEST(avro_values_are_not_nested_too_deep, "")
{
    static const char json[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD(
        "next", "[\"null\",\"R\"]") "," FIELD("x", "\"int\"") "]}";
    char hex[1024] = "";
    for (int i = 0; i < 30; i++) {
        strcat(hex, "02");
    }
    strcat(hex, "00");
    for (int i = 0; i < 31; i++) {
        strcat(hex, "0e");
    }
    check(json, "schema='x int32'", hex, "7");
    memset(hex, 0, sizeof hex);
    for (int i = 0; i < 200; i++) {
        strcat(hex, "02");
    }
    check(json, "schema='x int32'", hex,
          "field 'next': values nested more than 64 deep at byte 32 of the record");
    // One that holds itself at once has no end, whatever the bytes are.
    check("{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD("r", "\"R\"") "," FIELD(
              "x", "\"int\"") "]}",
          "schema='x int32'", "02",
          "field 'r': values nested more than 64 deep at byte 0 of the record");
}

SL_TEST(avro_fields_widen_to_columns, "")
{
    check_field("\"int\"", "schema='x int64'", "03", "-2");
    check_field("\"int\"", "schema='x float64?'", "03", "-2.0");
    check_field("\"long\"", "schema='x float32'", "06", "3.0");
    check_field("\"float\"", "schema='x float64'", "0000c03f", "1.5");
    check_field("\"string\"", "schema='x binary'", "02ff", "\"\xff\"");
    check_field("\"bytes\"", "schema='x string'", "0261", "\"a\"");
    check_field(DECIMAL, "schema='x decimal(7,2)'", "02 7b", "1.23");
    check_field(LONGS, "schema='x list<float64?>'", "02 06 00", "[3.0 ]");
    check_field("[\"null\",\"long\"]", "schema='x int64'", "02 0e", "7");
    check_field("[\"null\",\"long\"]", "schema='x int64'", "00",
                "field 'x': null, where the column takes none at byte 1 of the record");
}

SL_TEST(avro_columns_that_do_not_fit_are_refused, "")
{
    check_field("\"int\"", "schema='y int32'", "",
                "column 'y' is no field of the Avro schema's record R");
    check_field("\"long\"", "schema='x int32'", "",
                "field 'x': it is Avro's long, which does not fit the column");
    check_field(MILLIS, "schema='x int64'", "",
                "field 'x': it is Avro's long (timestamp-millis), which does not fit the column");
    check_field(DECIMAL, "schema='x decimal(9,3)'", "",
                "field 'x': it is Avro's bytes (decimal of another precision or scale), which does "
                "not fit the column");
    check_field(PAIR, "schema='x struct<c int32>'", "",
                "field 'x': column 'c' is no field of the Avro schema's record P");
    check_field("{\"type\":\"map\",\"values\":\"int\"}", "schema='x string'", "",
                "field 'x': a map has no column type; name the columns that you want in the option "
                "schema, without this one");
}

// ---------------------------------------------------------------- text, policies, headers

SL_TEST(avro_text_is_checked_as_utf8, "")
{
    check_field("\"string\"", "", "06 61ff62",
                "\"a\xef\xbf\xbd"
                "b\"");
    check_field("\"string\"", "invalid_utf8=fail", "06 61ff62",
                "text that is not UTF-8, byte 2 of the record; set invalid_utf8=replace or skip");
    decoded got = read_hex("\"string\"", "invalid_utf8=skip", "06 61ff62");
    assert_int_equal(got.code, SL_OK);
    assert_int_equal(got.stats.skipped, 1);
    assert_int_equal(got.stats.records, 0);
    sli_str_reset(&got.rows);
    got = read_hex("\"string\"", "", "06 61ff62");
    assert_int_equal(got.stats.replaced, 1);
    sli_str_reset(&got.rows);
}

SL_TEST(avro_values_that_are_none_may_be_skipped, "")
{
    static const int32_t sizes[] = {1, 2, 1, 17, 1};
    decoded got = read_values("\"int\"", "malformed=skip max_record=16",
                              "\x02\x02\x02\x04                 \x06", sizes, 5);
    SL_CHECK_TEXT(got.err.text, "");
    SL_CHECK_TEXT(got.rows.data, "1\n2\n3\n");
    assert_int_equal(got.stats.skipped, 2);
    sli_str_reset(&got.rows);
}

SL_TEST(avro_headers_tell_the_schema, "")
{
    static const char args[] = "avro_header=confluent avro_schema_id=258";
    check("\"int\"", args, "00 00000102 0e", "7");
    check("\"int\"", args, "00 00000103 0e", "it is of schema id 259, and avro_schema_id is 258");
    check("\"int\"", args, "01 00000102 0e",
          "its first byte is 1, not the zero of avro_header=confluent");
    check("\"int\"", args, "00 000001", "4 bytes, where 5 name the schema");
    check("\"int\"", "avro_header=confluent", "",
          "avro_header=confluent needs avro_schema_id=N, the id of the schema in the registry: a "
          "value of another id has another schema, and would be read as something else");
    check("\"int\"", "avro_schema_id=1", "", "avro_schema_id is for avro_header=confluent");
}

SL_TEST(avro_needs_a_schema, "")
{
    check(NULL, "", "",
          "format avro needs avro_schema=FILE, the schema (.avsc) of values, or for files of "
          "records schema='word string, n int64?', the columns wanted");
    check(NULL, "schema='x int32'", "",
          "format avro needs avro_schema=FILE, the schema (.avsc) of the values");
}

SL_TEST(avro_schema_is_read_from_a_file, "")
{
    sl_env *env = NULL;
    sl_error err = SL_ERROR_INIT;
    char path[256];
    (void)snprintf(path, sizeof path, "%s/r.avsc", slt_temp_dir());
    assert_int_equal(sli_env_posix(&env, NULL), SL_OK);
    assert_int_equal(sli_env_write_file(env, path, "\"long\"", 6, NULL), SL_OK);
    sl_conf *conf = conf_of(NULL, "");
    assert_int_equal(sl_conf_set(conf, "avro_schema", sli_text_of(path), NULL), SL_OK);
    assert_int_equal(sli_format_prepare(&sli_format_avro, conf, env, &err), SL_OK);
    SL_CHECK_TEXT(sl_conf_text(conf, "avro_schema_text"), "\"long\"");
    assert_int_equal(sli_format_prepare(&sli_format_avro, conf, env, &err), SL_E_CONFIG);
    sl_conf_free(conf);
    conf = conf_of(NULL, "avro_schema=/not/there.avsc");
    assert_int_equal(sli_format_prepare(&sli_format_avro, conf, env, &err), SL_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "option avro_schema: "));
    assert_non_null(strstr(err.text, "/not/there.avsc"));
    sl_conf_free(conf);
    sli_env_free(env);
}

// ---------------------------------------------------------------- writing

/// Writes the rows; the error's text, or "" when there is none. `out` has the values.
static const char *write_rows(const char *schema, const char *args, const sl_batch *rows,
                              sli_value_list *out)
{
    static sl_error err;
    sl_conf *conf = conf_of(schema, args);
    sli_encoder *encoder = NULL;
    err = SL_ERROR_INIT;
    sl_code rc = sli_format_avro.encoder_new(&encoder, conf, sl_batch_schema(rows), &err);
    sl_conf_free(conf);
    if (rc == SL_OK) {
        rc = sli_values_encode(out, &sli_format_avro, encoder, rows, &err);
        sli_format_avro.encoder_free(encoder);
    }
    return rc == SL_OK ? "" : err.text;
}

SL_TEST(avro_rows_are_read_back_as_they_were, "")
{
    static const char columns[] =
        "b bool, i int32, l int64, f float32, d float64, y binary, s string?, e string, "
        "a list<int64?>, p struct<a int32, b string?>?, t timestamp?, day date, m decimal(38,2)";
    static const char json[] =
        "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD("m",
                                                                 "{\"type\":\"bytes\","
                                                                 "\"logicalType\":\"decimal\","
                                                                 "\"precision\":38,\"scale\":"
                                                                 "2}") "," FIELD("b",
                                                                                 "\"boole"
                                                                                 "an\"") "," FIELD("i",
                                                                                                   "\"int\"") "," FIELD("l",
                                                                                                                        "\"long\"") "," FIELD("f", "\"float\"") "," FIELD("d", "\"double\"") "," FIELD("y", "\"bytes\"") "," FIELD("s", "[\"null\",\"string\"]") "," FIELD("e", "[\"string\"]") "," FIELD("a", "{"
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               "ty"
                                                                                                                                                                                                                                                                                                               "pe"
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               ":"
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               "ar"
                                                                                                                                                                                                                                                                                                               "ra"
                                                                                                                                                                                                                                                                                                               "y"
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               ","
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               "it"
                                                                                                                                                                                                                                                                                                               "em"
                                                                                                                                                                                                                                                                                                               "s"
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               ":["
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               "lo"
                                                                                                                                                                                                                                                                                                               "ng"
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               ","
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               "nu"
                                                                                                                                                                                                                                                                                                               "ll"
                                                                                                                                                                                                                                                                                                               "\""
                                                                                                                                                                                                                                                                                                               "]"
                                                                                                                                                                                                                                                                                                               "}") "," FIELD("p",
                                                                                                                                                                                                                                                                                                                              "[\"null\"," PAIR "]") "," FIELD("t", "[" MICROS
                                                                                                                                                                                                                                                                                                                                                                    ",\"null\"]") "," FIELD("day", "{\"type\":\"int\",\"logicalType\":\"date\"}") "]}";
    sli_rng rng = {11};
    for (int64_t n = 1; n < 300; n += 60) {
        sl_batch *rows = slt_random_batch(columns, n, &rng);
        sli_value_list list = {0};
        SL_CHECK_TEXT(write_rows(json, "", rows, &list), "");
        assert_int_equal(list.n, n);
        int32_t sizes[300];
        for (int32_t i = 0; i < list.n; i++) {
            sizes[i] = (int32_t)sli_value_of(&list, i).size;
        }
        char args[512];
        (void)snprintf(args, sizeof args, "schema='%s'", columns);
        decoded got = read_values(json, args, list.bytes.data, sizes, list.n);
        sli_str expected = {.tag = SLI_TAG_TEST};
        slt_render(&expected, rows);
        SL_CHECK_TEXT(got.err.text, "");
        SL_CHECK_TEXT(got.rows.data, expected.data);
        sli_str_reset(&expected);
        sli_str_reset(&got.rows);
        sli_value_list_reset(&list);
        sl_batch_unref(rows);
    }
}

/// One row of one column, given as the builder's text for strings, else as a number; the value in
/// hex, or the error's text.
static void check_write(const char *type, const char *args, const char *column, const char *text,
                        int64_t number, const char *expected)
{
    char json[1024];
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *rows = NULL;
    sli_value_list list = {0};
    sli_str hex = {.tag = SLI_TAG_TEST};
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":%s}]}",
                   type);
    assert_int_equal(sl_schema_parse(&schema, column, NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_type kind = sl_schema_field(schema, 0)->type;
    if (text == NULL && number < 0 && sl_schema_field(schema, 0)->nullable) {
        sl_builder_null(builder, 0);
    } else if (kind == SL_STRING || kind == SL_BINARY) {
        sl_builder_text(builder, 0, text, strlen(text));
    } else if (kind == SL_DECIMAL) {
        int64_t words[2] = {number, number >> 63};
        memcpy(sl_builder_reserve(builder, 0, 1), words, sizeof words);
    } else {
        sl_builder_int64(builder, 0, number);
    }
    assert_int_equal(sl_builder_finish(builder, &rows, NULL), SL_OK);
    sli_str_text(&hex, write_rows(json, args, rows, &list));
    for (size_t i = 0; hex.size == 2 * i && list.n == 1 && i < list.bytes.size; i++) {
        sli_str_printf(&hex, "%02x", (unsigned)(uint8_t)list.bytes.data[i]);
    }
    SL_CHECK_TEXT(hex.data, expected);
    sli_str_reset(&hex);
    sli_value_list_reset(&list);
    sl_batch_unref(rows);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

SL_TEST(avro_cells_are_written, "")
{
    check_write("\"long\"", "", "x int8", NULL, -2, "03");
    check_write("\"long\"", "", "x uint32", NULL, 4294967295, "feffffff1f");
    check_write("\"int\"", "", "x uint16", NULL, 64, "8001");
    check_write("[\"null\",\"int\"]", "", "x int32?", NULL, 1, "0202");
    check_write("[\"null\",\"int\"]", "", "x int32?", NULL, -1, "00");
    check_write("[\"int\",\"null\"]", "", "x int32?", NULL, -1, "02");
    check_write("[\"int\"]", "", "x int32", NULL, 1, "0002");
    check_write("\"bytes\"", "", "x string", "ab", 0, "046162");
    check_write(ENUM, "", "x string", "YES_WITH_A_LONG_NAME", 0, "02");
    check_write(FIXED3, "", "x binary", "abc", 0, "616263");
    check_write(MILLIS, "", "x timestamp", NULL, 1999, "02");
    check_write(MILLIS, "", "x timestamp", NULL, -1, "01"); // cut towards the past
    check_write(DECIMAL, "", "x decimal(5,2)", NULL, -129, "04ff7f");
    check_write("{\"type\":\"fixed\",\"name\":\"F\",\"size\":20,\"logicalType\":\"decimal\","
                "\"precision\":9}",
                "", "x decimal(9,0)", NULL, -2, "fffffffffffffffffffffffffffffffffffffffe");
    check_write("\"int\"", "avro_header=confluent avro_schema_id=16909060", "x int32", NULL, 7,
                "00010203040e");
}

SL_TEST(avro_rows_that_do_not_fit_are_refused, "")
{
    check_write("\"int\"", "", "x int64", NULL, 1,
                "field 'x': it is Avro's int, which does not fit the column");
    check_write("\"string\"", "", "x binary", "a", 1,
                "field 'x': it is Avro's string, which does not fit the column");
    check_write("\"int\"", "", "y int32", NULL, 1,
                "column 'y' is no field of the Avro schema's record R");
    check_write("\"int\"", "", "x int32?", NULL, -1,
                "field 'x': a null, which its Avro type does not take");
    check_write(ENUM, "", "x string", "MAYBE", 1, "field 'x': 'MAYBE' is no symbol of E");
    check_write(FIXED3, "", "x binary", "ab", 1, "field 'x': 2 bytes, where F has 3");
    check_write("{\"type\":\"fixed\",\"name\":\"F\",\"size\":1,\"logicalType\":\"decimal\","
                "\"precision\":2}",
                "", "x decimal(2,0)", NULL, 300, "field 'x': a decimal of 2 bytes, where F has 1");
    check_write("\"int\"", "avro_header=confluent", "x int32", NULL, 1,
                "avro_header=confluent needs avro_schema_id=N, the id of the schema in the "
                "registry: a value of another id has another schema, and would be read as "
                "something else");
    sli_rng rng = {1};
    sl_batch *rows = slt_random_batch("x int32", 1, &rng);
    sli_value_list list = {0};
    SL_CHECK_TEXT(write_rows("{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD(
                                 "x", "\"int\"") "," FIELD("z", "[\"null\",\"int\"]") "]}",
                             "", rows, &list),
                  "the Avro schema's field 'z' has no column");
    sl_batch_unref(rows);
}

// ---------------------------------------------------------------- memory

SL_TEST(avro_survives_any_failed_allocation, "")
{
    static const char json[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[" FIELD(
        "s", "\"string\"") "," FIELD("e", ENUM) "," FIELD("l", LONGS) "," FIELD("p", PAIR) "]}";
    static const char value[] = "\x06"
                                "a\xff"
                                "b\x02\x04\x02\x04\x00\x02\x02\x02"
                                "b";
    static const int32_t size = sizeof value - 1;
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc != SL_OK; n++) {
        sl_conf *conf = conf_of(json, "");
        sli_values *values = NULL;
        sli_str rows = {.tag = SLI_TAG_TEST};
        int32_t starts[2] = {0, size + 1};
        sli_buffer *data = sli_buffer_new(size + 1);
        memcpy(sli_buffer_data(data), value, (size_t)size);
        sli_value_run run = {.data = data, .starts = starts, .n = 1, .place = place};
        sli_str_text(&rows, "");
        sli_mem_fail_nth(n);
        rc = open_values(&values, conf, NULL);
        rc = rc == SL_OK ? sli_values_feed(values, &run, 0, 1, collect, &rows, NULL) : rc;
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        sli_values_free(values);
        sli_str_reset(&rows);
        sli_buffer_unref(data);
        sl_conf_free(conf);
    }
}
