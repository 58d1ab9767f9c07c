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
    assert_ptr_equal(sli_format_find(sli_text_of("parquet")), &sli_format_parquet);
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
        assert_true(ops->schema && ops->decoder_new && ops->encoder_new);
        if (!ops->whole_file) {
            assert_true(ops->decode && ops->stream && ops->decoder_free);
            assert_true(ops->begin && ops->encode && ops->encoder_free);
            sl_conf_free(slt_conf(ops, "malformed=skip invalid_utf8=fail max_record=1m"));
        }
    }
    assert_int_equal(n, 8);
}

// Who reads pieces of a stream, or writes, is told where the format can be used.
SL_TEST(a_format_of_whole_files_has_no_decoder_and_no_encoder, "")
{
    sl_error err = SL_ERROR_INIT;
    sl_conf *conf = slt_conf(&sli_format_parquet, "malformed=skip memory=1g");
    sli_decoder *decoder = NULL;
    sli_encoder *encoder = NULL;
    assert_true(sli_format_parquet.whole_file);
    assert_int_equal(sli_format_parquet.decoder_new(&decoder, conf, NULL, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "format parquet is read from files in a directory"));
    assert_int_equal(sli_format_parquet.encoder_new(&encoder, conf, NULL, &err), SL_E_CONFIG);
    assert_non_null(strstr(err.text, "format parquet is read, not written"));
    assert_null(decoder);
    assert_null(encoder);
    sl_conf_free(conf);
}
