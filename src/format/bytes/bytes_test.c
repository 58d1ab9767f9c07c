// The format bytes: a whole stream is one record, and so is a value.
#include "format/fixture_test.h"

SL_TEST(a_stream_of_bytes_is_one_record, "")
{
    CHECK_ROWS(&sli_format_bytes, "", "be\nto\r\n", "\"be\nto\r\n\"\n");
    CHECK_ROWS(&sli_format_bytes, "column=b", "x", "\"x\"\n");
    CHECK_ROWS(&sli_format_bytes, "", "", "");
    slt_check_cuts(&sli_format_bytes, "", "a\nstream of 30 bytes, or more.", 30);
}

SL_TEST(a_stream_that_is_too_long_is_malformed, "")
{
    CHECK_ERROR(&sli_format_bytes, "max_record=16", "more than 16 bytes", SL_E_DATA,
                "in/x at byte 0 (line 1): a record of more than 16 bytes; raise max_record");
    CHECK_ROWS(&sli_format_bytes, "max_record=16 malformed=skip", "more than 16 bytes", "");
    slt_check_cuts(&sli_format_bytes, "max_record=16 malformed=skip", "more than 16 bytes", 18);
}

SL_TEST(bytes_are_written_as_values_only, "")
{
    sli_rng rng = {3};
    sl_batch *rows = slt_random_batch("b binary?", 20, &rng), *two = NULL;
    sl_conf *conf = slt_conf(&sli_format_bytes, "");
    sli_encoder *encoder = NULL;
    sli_value_list list = {0};
    sli_str file = {.tag = SLI_TAG_TEST};
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_format_bytes.encoder_new(&encoder, conf, sl_batch_schema(rows), &err),
                     SL_OK);
    assert_int_equal(sli_values_encode(&list, &sli_format_bytes, encoder, rows, &err), SL_OK);
    for (int32_t i = 0; i < list.n; i++) {
        const sl_column *column = sl_batch_column(rows, 0);
        sl_text value = sli_value_of(&list, i);
        assert_int_equal(value.data == NULL, sl_column_is_null(column, i));
        if (value.data != NULL) {
            sl_text cell = sl_column_text(column, i);
            assert_int_equal(value.size, cell.size);
            assert_memory_equal(value.data, cell.data, cell.size);
        }
    }
    assert_int_equal(sli_format_bytes.begin(encoder, &file, &err), SL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "use fixed"));
    assert_int_equal(sli_format_bytes.encode(encoder, rows, &file, &err), SL_E_UNSUPPORTED);
    sli_format_bytes.encoder_free(encoder);
    two = slt_random_batch("a string, b string", 1, &rng);
    assert_int_equal(sli_format_bytes.encoder_new(&encoder, conf, sl_batch_schema(two), &err),
                     SL_E_INVALID);
    sl_batch_unref(two);
    sl_batch_unref(rows);
    sli_value_list_reset(&list);
    sl_conf_free(conf);
}
