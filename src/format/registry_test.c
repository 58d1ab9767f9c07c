// Formats are found by name, and every table is whole.
#include "format/fixture_test.h"

SL_TEST(formats_are_found_by_name, "")
{
    assert_ptr_equal(sli_format_find(sli_text_of("text")), &sli_format_text);
    assert_ptr_equal(sli_format_find(sli_text_of("csv")), &sli_format_csv);
    assert_ptr_equal(sli_format_find(sli_text_of("json")), &sli_format_json);
    assert_ptr_equal(sli_format_find(sli_text_of("arrow")), &sli_format_arrow);
    assert_ptr_equal(sli_format_find(sli_text_of("fixed")), &sli_format_fixed);
    assert_ptr_equal(sli_format_find(sli_text_of("bytes")), &sli_format_bytes);
    assert_ptr_equal(sli_format_find(sli_text_of("avro")), &sli_format_avro);
    assert_null(sli_format_find(sli_text_of("jsonl")));
    assert_null(sli_format_find((sl_text){"", 0}));
}

SL_TEST(every_named_format_has_a_whole_table, "")
{
    int n = 0;
    for (const char *const *name = sli_format_names(); *name != NULL; name++, n++) {
        const sli_format_ops *ops = sli_format_find(sli_text_of(*name));
        assert_non_null(ops);
        assert_int_equal(ops->struct_size, sizeof(sli_format_ops));
        SL_CHECK_TEXT(ops->name, *name);
        assert_non_null(ops->options);
        assert_true(ops->schema && ops->decoder_new && ops->decode && ops->stream &&
                    ops->decoder_free);
        assert_true(ops->encoder_new && ops->begin && ops->encode && ops->encoder_free);
        sl_conf_free(slt_conf(ops, "malformed=skip invalid_utf8=fail max_record=1m"));
    }
    assert_int_equal(n, 7);
}
