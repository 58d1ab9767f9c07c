// Records of one length to rows and back.
#include "format/fixture_test.h"

static const sli_format_ops *const fixed = &sli_format_fixed;

SL_TEST(fixed_records_are_cut_by_their_length, "")
{
    CHECK_ROWS(fixed, "record_length=3", "", "");
    CHECK_ROWS(fixed, "record_length=3", "abc\ndef\n\n", "\"abc\"\n\"\nde\"\n\"f\n\n\"\n");
}

SL_TEST(fixed_record_that_is_too_short_is_malformed, "")
{
    CHECK_ERROR(fixed, "record_length=4", "abcdef", SL_E_DATA,
                "in/x at byte 4 (line 1): the last record has 2 bytes in place of 4");
    CHECK_ROWS(fixed, "record_length=4 malformed=skip", "abcdef", "\"abcd\"\n");
    CHECK_ROWS(fixed, "record_length=4 malformed=skip", "abc", "");
}

SL_TEST(fixed_records_want_one_binary_column, "")
{
    sl_conf *conf = slt_conf(fixed, "record_length=8 column=image");
    sl_schema *schema = NULL;
    assert_int_equal(fixed->schema(conf, &schema, NULL), SL_OK);
    SL_CHECK_TEXT(sl_schema_text(schema), "image binary");
    sl_schema_unref(schema);
    sl_conf_free(conf);
    CHECK_ERROR(fixed, "record_length=17 max_record=16", "x", SL_E_CONFIG, "more than max_record");
    CHECK_ERROR(fixed, "record_length=8 column='a, b'", "x", SL_E_INVALID, "option column");
}

SL_TEST(where_fixed_records_are_cut_does_not_show, "")
{
    static const char data[] = "0123456789abcdefghij\n\r\n\r0123456789abcdefghi";
    static const char *const args[] = {"record_length=1", "record_length=5",
                                       "record_length=13 malformed=skip", "record_length=20"};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        for (size_t size = 0; size < sizeof data; size += 3) {
            slt_check_cuts(fixed, args[i], data, size);
        }
    }
}

SL_TEST(fixed_records_are_written_as_they_are_read, "")
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sli_str out = {.tag = SLI_TAG_TEST};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_schema_parse(&schema, "record binary?", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_builder_text(builder, 0, "a\0b", 3);
    sl_builder_text(builder, 0, "\n\r\xff", 3);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(slt_encode(fixed, "record_length=3", batch, &out, NULL), SL_OK);
    assert_int_equal(out.size, 6);
    assert_memory_equal(out.data, "a\0b\n\r\xff", 6);
    assert_int_equal(slt_encode(fixed, "record_length=4", batch, &out, &err), SL_E_DATA);
    assert_non_null(strstr(err.text, "a record of 3 bytes, where all have 4"));
    sl_batch_unref(batch);
    sl_builder_null(builder, 0);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(slt_encode(fixed, "record_length=3", batch, &out, &err), SL_E_DATA);
    assert_non_null(strstr(err.text, "(null)"));
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    sli_str_reset(&out);
}
