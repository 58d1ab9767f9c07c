/// schema_test.c — schemas from text: what is read, how it is written back, and how mistakes are
/// told.

#include "col/fixture_test.h"

#include <string.h>

static void check_text(const char *text, const char *canonical)
{
    sl_schema *schema = slt_col_schema(text);
    SL_CHECK_TEXT(sl_schema_text(schema), canonical);
    sl_schema *again = slt_col_schema(canonical);
    assert_true(sl_schema_equal(schema, again));
    sl_schema_unref(again);
    sl_schema_unref(schema);
}

SL_TEST(schema_writes_back_what_it_read, "")
{
    check_text("word string", "word string");
    check_text("  word   string ,\n n int64 ? ", "word string, n int64?");
    check_text("a decimal( 10 , 2 )?,b list< int64? >", "a decimal(10,2)?, b list<int64?>");
    check_text("s struct<a int64,b struct<c list<list<string>>, d date>?>",
               "s struct<a int64, b struct<c list<list<string>>, d date>?>");
    check_text("_a.b0 opaque", "_a.b0 opaque");
    check_text(slt_col_all_types, slt_col_all_types);
}

SL_TEST(schema_fields_have_types_and_children, "")
{
    sl_schema *schema = slt_col_schema("d decimal(38,0), l list<struct<x int8?, y string>>?");
    assert_int_equal(sl_schema_columns(schema), 2);
    assert_int_equal(sl_schema_field(schema, 0)->precision, 38);
    const sl_field *list = sl_schema_field(schema, 1);
    assert_true(list->nullable);
    assert_int_equal(list->n_children, 1);
    assert_int_equal(list->children->type, SL_STRUCT);
    assert_int_equal(list->children->n_children, 2);
    assert_true(list->children->children[0].nullable);
    SL_CHECK_TEXT(list->children->children[1].name, "y");
    assert_int_equal(sl_schema_find(schema, "l"), 1);
    assert_int_equal(sl_schema_find(schema, "x"), -1);
    sl_schema_unref(schema);
}

SL_TEST(schema_mistakes_are_placed, "")
{
    static const struct mistake {
        const char *text, *part;
    } mistakes[] = {
        {"word strin", "unknown type \"strin\" at character 6; did you mean \"string\"?"},
        {"word xyzzyq", "unknown type \"xyzzyq\" at character 6"},
        {"", "a field's name is missing at character 1"},
        {"a", "a type is missing at character 2"},
        {"a int64,", "a field's name is missing at character 9"},
        {"a int64 b int64", "',' or the end is missing at character 9"},
        {"9a int64", "a field's name is missing at character 1"},
        {"a int64, a string", "two fields are named \"a\""},
        {"s struct<a int64, a string>", "two fields are named \"a\""},
        {"a list<int64", "'>' is missing at character 13"},
        {"a list int64", "'<' is missing at character 8"},
        {"a struct<>", "a field's name is missing at character 10"},
        {"a decimal(39,0)", "a precision from 1 to 38 is missing at character 11"},
        {"a decimal(5,6)", "a scale from 0 to the precision is missing at character 13"},
        {"a decimal(5)", "',' is missing at character 12"},
        {"a decimal(99999999999,0)", "a precision from 1 to 38"},
        {"a int64??", "',' or the end is missing at character 9"},
        {"a \xc3\xa4", "a type is missing at character 3"},
    };
    for (size_t i = 0; i < sizeof mistakes / sizeof mistakes[0]; i++) {
        sl_error err = SL_ERROR_INIT;
        sl_schema *schema = NULL;
        assert_int_equal(sl_schema_parse(&schema, mistakes[i].text, &err), SL_E_INVALID);
        assert_null(schema);
        if (strstr(err.text, mistakes[i].part) == NULL) {
            SL_CHECK_TEXT(err.text, mistakes[i].part);
        }
    }
    assert_int_equal(sl_schema_parse(&(sl_schema *){NULL}, NULL, NULL), SL_E_INVALID);
}

SL_TEST(schema_has_limits, "")
{
    sli_str text = SLI_STR_INIT;
    sl_schema *schema = NULL;
    sl_error err = SL_ERROR_INIT;
    sli_str_text(&text, "a ");
    for (int i = 0; i < 17; i++) {
        sli_str_text(&text, "list<");
    }
    assert_int_equal(sl_schema_parse(&schema, text.data, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "nested more than 16 deep"));
    sli_str_clear(&text);
    for (int i = 0; i < 4097; i++) {
        sli_str_printf(&text, "%sf%d int64", i > 0 ? "," : "", i);
    }
    assert_int_equal(sl_schema_parse(&schema, text.data, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "more than 4096 fields"));
    sli_str_clear(&text);
    for (int i = 0; i < 256; i++) {
        sli_str_char(&text, 'x');
    }
    sli_str_text(&text, " int64");
    assert_int_equal(sl_schema_parse(&schema, text.data, &err), SL_E_INVALID);
    assert_non_null(strstr(err.text, "255 bytes"));
    sli_str_reset(&text);
}

SL_TEST(schema_survives_refused_memory, "")
{
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc != SL_OK; n++) {
        sl_schema *schema = NULL;
        sli_mem_fail_nth(n);
        rc = sl_schema_parse(&schema, slt_col_all_types, NULL);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK ? schema != NULL : rc == SL_E_NOMEM && schema == NULL);
        sl_schema_unref(schema);
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
        assert_true(n < 100);
    }
}
