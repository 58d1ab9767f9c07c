// Avro schemas: the columns that they give, and what is refused, with its place.
#include "format/fixture_test.h"

#include <stdio.h>

/// The columns of a schema's text, or the error's text.
static void check(const char *json, const char *expected)
{
    sl_conf *conf = slt_conf(&sli_format_avro, "");
    sl_schema *schema = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_set(conf, "avro_schema_text", sli_text_of(json), NULL), SL_OK);
    if (sli_format_avro.schema(conf, &schema, &err) == SL_OK) {
        SL_CHECK_TEXT(sl_schema_text(schema), expected);
    } else {
        assert_true(err.code == SL_E_CONFIG || err.code == SL_E_INVALID);
        SL_CHECK_TEXT(err.text, expected);
    }
    sl_schema_unref(schema);
    sl_conf_free(conf);
}

/// A record with one field `x` of the type.
static void check_field(const char *type, const char *expected)
{
    char json[2048];
    (void)snprintf(json, sizeof json,
                   "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":%s}]}",
                   type);
    check(json, expected);
}

SL_TEST(avro_types_are_columns, "")
{
    check_field("\"boolean\"", "x bool");
    check_field("\"int\"", "x int32");
    check_field("\"long\"", "x int64");
    check_field("\"float\"", "x float32");
    check_field("\"double\"", "x float64");
    check_field("\"bytes\"", "x binary");
    check_field("\"string\"", "x string");
    check_field("{\"type\":\"string\"}", "x string");
    check_field("{\"type\":{\"type\":\"string\"}}", "x string");
    check_field("{\"type\":\"fixed\",\"name\":\"F\",\"size\":3}", "x binary");
    check_field("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"B\"]}", "x string");
    check_field("{\"type\":\"array\",\"items\":\"long\"}", "x list<int64>");
    check_field("{\"type\":\"array\",\"items\":[\"null\",\"long\"]}", "x list<int64?>");
    check_field("{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"a\",\"type\":\"int\"},"
                "{\"name\":\"b\",\"type\":[\"string\",\"null\"]}]}",
                "x struct<a int32, b string?>");
    check_field("[\"null\",\"long\"]", "x int64?");
    check_field("[\"long\",\"null\"]", "x int64?");
    check_field("[\"long\"]", "x int64");
}

SL_TEST(avro_logical_types_are_columns, "")
{
    check_field("{\"type\":\"int\",\"logicalType\":\"date\"}", "x date");
    check_field("{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}", "x timestamp");
    check_field("{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}", "x timestamp");
    check_field("[\"null\",{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"}]",
                "x timestamp?");
    check_field("{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2}",
                "x decimal(9,2)");
    check_field("{\"type\":\"fixed\",\"name\":\"F\",\"size\":4,\"logicalType\":\"decimal\","
                "\"precision\":9}",
                "x decimal(9,0)");
    // What is not known, or stands at another type, is the type alone, as Avro has it.
    check_field("{\"type\":\"string\",\"logicalType\":\"uuid\"}", "x string");
    check_field("{\"type\":\"string\",\"logicalType\":\"date\"}", "x string");
    check_field("{\"type\":\"long\",\"logicalType\":\"timestamp-nanos\"}", "x int64");
}

SL_TEST(avro_names_are_resolved, "")
{
    check("{\"type\":\"record\",\"name\":\"R\",\"namespace\":\"a.b\",\"fields\":["
          "{\"name\":\"x\",\"type\":{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]}},"
          "{\"name\":\"y\",\"type\":\"E\"},{\"name\":\"z\",\"type\":\"a.b.E\"}]}",
          "x string, y string, z string");
    check("{\"type\":\"record\",\"name\":\"a.b.R\",\"fields\":["
          "{\"name\":\"x\",\"type\":{\"type\":\"fixed\",\"name\":\"c.F\",\"size\":1}},"
          "{\"name\":\"y\",\"type\":{\"type\":\"fixed\",\"name\":\"F\",\"size\":1}},"
          "{\"name\":\"z\",\"type\":[\"null\",\"F\"]}]}",
          "x binary, y binary, z binary?");
    check("\"long\"", "value int64"); // no record: one column
    check("[\"null\",\"string\"]", "value string?");
}

SL_TEST(avro_types_without_columns_are_refused_by_name, "")
{
    static const char what_to_do[] = " has no column type; name the columns that you want in the "
                                     "option schema, without this one";
    static const struct {
        const char *type, *what;
    } cases[] = {
        {"{\"type\":\"map\",\"values\":\"int\"}", "a map"},
        {"[\"int\",\"string\"]", "a union of several types"},
        {"[\"null\",\"int\",\"string\"]", "a union of several types"},
        {"[]", "a union of several types"},
        {"[\"null\"]", "a union of several types"},
        {"\"null\"", "a type whose values have no bytes"},
        {"{\"type\":\"fixed\",\"name\":\"F\",\"size\":0}", "a type whose values have no bytes"},
        {"{\"type\":\"record\",\"name\":\"S\",\"fields\":[]}", "a type whose values have no bytes"},
        {"{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":39}",
         "a decimal of more than 38 digits"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char expected[512];
        (void)snprintf(expected, sizeof expected, "option avro_schema: field 'x': %s%s",
                       cases[i].what, what_to_do);
        check_field(cases[i].type, expected);
    }
    check_field("{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"m\",\"type\":"
                "{\"type\":\"map\",\"values\":\"int\"}}]}",
                "option avro_schema: field 'x': field 'm': a map has no column type; name the "
                "columns that you want in the option schema, without this one");
}

SL_TEST(avro_types_within_themselves_are_no_columns, "")
{
    sl_conf *conf = slt_conf(&sli_format_avro, "");
    static const char json[] = "{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"n\","
                               "\"type\":\"int\"},{\"name\":\"next\",\"type\":[\"null\",\"R\"]}]}";
    sl_schema *schema = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_set(conf, "avro_schema_text", sli_text_of(json), NULL), SL_OK);
    assert_int_equal(sli_format_avro.schema(conf, &schema, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "nested more than 16 deep, or part of itself"));
    sl_conf_free(conf);
}

// Each record has two of the one before: 2^40 columns, if they were all made.
SL_TEST(avro_types_that_grow_are_no_columns, "")
{
    sli_str json = {.tag = SLI_TAG_TEST};
    sli_str_text(&json, "{\"type\":\"record\",\"name\":\"R\",\"fields\":[");
    sli_str_text(&json, "{\"name\":\"f0\",\"type\":{\"type\":\"record\",\"name\":\"R0\",\"fields\":"
                        "[{\"name\":\"x\",\"type\":\"int\"}]}}");
    for (int i = 1; i < 16; i++) {
        sli_str_printf(&json,
                       ",{\"name\":\"f%d\",\"type\":{\"type\":\"record\",\"name\":\"R%d\","
                       "\"fields\":[",
                       i, i);
        for (int k = 0; k < 8; k++) {
            sli_str_printf(&json, "%s{\"name\":\"g%d\",\"type\":\"R%d\"}", k == 0 ? "" : ",", k,
                           i - 1);
        }
        sli_str_text(&json, "]}}");
    }
    sli_str_text(&json, "]}");
    sl_conf *conf = slt_conf(&sli_format_avro, "");
    sl_schema *schema = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_conf_set(conf, "avro_schema_text", (sl_text){json.data, json.size}, NULL),
                     SL_OK);
    assert_int_equal(sli_format_avro.schema(conf, &schema, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "more than a million bytes"));
    sl_conf_free(conf);
    sli_str_reset(&json);
}

SL_TEST(avro_schemas_that_are_none_are_named, "")
{
    check("", "option avro_schema: no JSON: nothing is there");
    check("{", "option avro_schema: no JSON: a string is missing at byte 1");
    check("\"lng\"", "option avro_schema: 'lng' is no type, and none of this name was defined "
                     "before");
    check("17", "option avro_schema: '17' is no type");
    check("{}", "option avro_schema: an object without a type");
    check("{\"type\":\"record\",\"fields\":[]}", "option avro_schema: record needs a name");
    check("{\"type\":\"record\",\"name\":\"1\",\"fields\":[]}",
          "option avro_schema: record needs a name");
    check("{\"type\":\"record\",\"name\":\"R\"}",
          "option avro_schema: a list of fields is missing");
    check("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x y\",\"type\":\"int\"}]}",
          "option avro_schema: field 1 needs a name");
    check("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\"}]}",
          "option avro_schema: field 'x': its type is missing");
    check("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"x\",\"type\":\"int\"},"
          "{\"name\":\"x\",\"type\":\"int\"}]}",
          "option avro_schema: there are two fields 'x'");
    check_field("{\"type\":\"record\",\"name\":\"R\",\"fields\":[]}",
                "option avro_schema: field 'x': R is defined twice");
    check_field("{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"-\"]}",
                "option avro_schema: field 'x': symbol 2 of E is no name");
    check_field("{\"type\":\"enum\",\"name\":\"E\"}",
                "option avro_schema: field 'x': a list of symbols is missing");
    check_field("{\"type\":\"fixed\",\"name\":\"F\",\"size\":-1}",
                "option avro_schema: field 'x': F needs a size, from 0 to 2147483647");
    check_field("{\"type\":\"array\"}", "option avro_schema: field 'x': array needs items");
    check_field("{\"type\":\"map\"}", "option avro_schema: field 'x': map needs values");
    check_field("[\"int\",[\"int\"]]", "option avro_schema: field 'x': a union within a union");
    check_field("{\"type\":\"bytes\",\"logicalType\":\"decimal\"}",
                "option avro_schema: field 'x': a decimal needs its precision, and a scale from 0 "
                "to that");
}
