// Lines to rows and back.
#include "format/fixture_test.h"

static const sli_format_ops *const text = &sli_format_text;

SL_TEST(each_kind_of_line_end_ends_a_line, "")
{
    CHECK_ROWS(text, "", "", "");
    CHECK_ROWS(text, "", "a", "\"a\"\n");
    CHECK_ROWS(text, "", "a\n", "\"a\"\n");
    CHECK_ROWS(text, "", "a\nb", "\"a\"\n\"b\"\n");
    CHECK_ROWS(text, "", "a\r\nb\rc\n", "\"a\"\n\"b\"\n\"c\"\n");
    CHECK_ROWS(text, "", "\n\n", "\"\"\n\"\"\n");
    CHECK_ROWS(text, "", "\r\r\n\n\r", "\"\"\n\"\"\n\"\"\n\"\"\n");
    CHECK_ROWS(text, "", "a\r", "\"a\"\n");
    CHECK_ROWS(text, "", "twelve bytes\nthirteen bytes\n",
               "\"twelve bytes\"\n\"thirteen bytes\"\n");
}

SL_TEST(the_column_is_named_by_option, "")
{
    sl_conf *conf = slt_conf(text, "column=word");
    sl_schema *schema = NULL;
    assert_int_equal(text->schema(conf, &schema, NULL), SL_OK);
    SL_CHECK_TEXT(sl_schema_text(schema), "word string");
    sl_schema_unref(schema);
    sl_conf_free(conf);
    CHECK_ERROR(text, "column='a string, b'", "x", SL_E_INVALID, "there is one column");
    CHECK_ERROR(text, "column='1x'", "x", SL_E_INVALID, "option column");
}

SL_TEST(a_line_that_is_too_long_fails_or_is_dropped, "")
{
    const char *args = "max_record=16";
    CHECK_ROWS(text, args, "0123456789abcdef\r\nx\n", "\"0123456789abcdef\"\n\"x\"\n");
    CHECK_ERROR(text, args, "ok\n0123456789abcdefg\nx\n", SL_E_DATA,
                "in/x at byte 3 (line 2): a record of more than 16");
    CHECK_ERROR(text, args, "0123456789abcdefg", SL_E_DATA, "in/x at byte 0 (line 1)");
    const char *skip = "max_record=16 malformed=skip";
    CHECK_ROWS(text, skip, "ok\n0123456789abcdefghijklmnop\r\nx\n", "\"ok\"\n\"x\"\n");
    CHECK_ROWS(text, skip, "0123456789abcdefghijklmnop", "");
    slt_decoded got = slt_decode(text, skip, "0123456789abcdefg\na\n0123456789abcdefg", 37,
                                 (slt_cuts){.size = 4, .cut = -1});
    assert_int_equal(got.stats.skipped, 2);
    assert_int_equal(got.stats.records, 1);
    slt_decoded_reset(&got);
}

SL_TEST(text_that_is_not_utf8_follows_its_policy, "")
{
    const char *data = "good \xC3\xBC\nbad \xE2\x82 end\n\xFF\xFE\nlast, and longer than twelve";
    CHECK_ROWS(text, "", data,
               "\"good \xC3\xBC\"\n\"bad \xEF\xBF\xBD end\"\n\"\xEF\xBF\xBD\xEF\xBF\xBD\"\n\"last, "
               "and longer than twelve\"\n");
    CHECK_ROWS(text, "invalid_utf8=skip", data,
               "\"good \xC3\xBC\"\n\"last, and longer than twelve\"\n");
    CHECK_ERROR(text, "invalid_utf8=fail", data, SL_E_DATA, "in/x at byte 8");
    CHECK_ERROR(text, "invalid_utf8=fail malformed=skip", data, SL_E_DATA,
                "not UTF-8, byte 4 of the record");
    slt_decoded got = slt_decode(text, "", data, strlen(data), SLT_WHOLE);
    assert_int_equal(got.stats.replaced, 3);
    assert_int_equal(got.stats.records, 4);
    slt_decoded_reset(&got);
}

SL_TEST(where_text_is_cut_does_not_show, "")
{
    static const char *const args[] = {"", "invalid_utf8=skip", "invalid_utf8=fail",
                                       "max_record=16 malformed=skip", "max_record=16"};
    static const char data[] =
        "one\r\n\rtwo\n\n\xC3\xBC\xC3 three\nlonger than sixteen bytes\r\rend \xE2\x82\xAC";
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        for (size_t size = 0; size < sizeof data; size += 3) { // also every prefix
            slt_check_cuts(text, args[i], data, size);
        }
    }
}

SL_TEST(batches_have_some_thousand_rows_and_share_the_input, "")
{
    sli_str data = SLI_STR_INIT;
    for (int i = 0; i < 10000; i++) {
        sli_str_printf(&data, "line number %d of the input\n", i);
    }
    slt_decoded got = slt_decode(text, "", data.data, data.size, SLT_WHOLE);
    assert_int_equal(got.stats.records, 10000);
    assert_int_equal(got.n_batches, 3);
    slt_decoded_reset(&got);
    sli_str_reset(&data);
}

static sl_code cells_lie_in_the_buffer(void *ctx, sl_batch *batch, sl_error *err)
{
    (void)err;
    sli_buffer *buffer = ctx;
    const sl_column *column = sl_batch_column(batch, 0);
    assert_int_equal(column->n_data, 1);
    assert_ptr_equal(column->data[0], sli_buffer_bytes(buffer));
    assert_ptr_equal(sl_column_text(column, 0).data, sli_buffer_bytes(buffer) + 2);
    return SL_E_CANCELLED; // and what emit returns is what decoding ends with
}

SL_TEST(long_lines_are_not_copied_and_emit_may_stop, "")
{
    sl_conf *conf = slt_conf(text, "");
    sl_schema *schema = NULL;
    sli_records *records = NULL;
    assert_int_equal(text->schema(conf, &schema, NULL), SL_OK);
    assert_int_equal(sli_records_new(&records, text, conf, schema, NULL), SL_OK);
    static const char data[] = "--this line is long enough\n";
    sli_buffer *buffer = sli_buffer_new(sizeof data - 1);
    memcpy(sli_buffer_data(buffer), data, sizeof data - 1);
    assert_int_equal(sli_records_feed(records, buffer, 2, sizeof data - 1, 0, "x", true,
                                      cells_lie_in_the_buffer, buffer, NULL),
                     SL_E_CANCELLED);
    sli_records_free(records);
    sli_buffer_unref(buffer);
    sl_schema_unref(schema);
    sl_conf_free(conf);
}

SL_TEST(any_single_column_is_written_as_lines, "")
{
    static const char *const schemas[] = {"x string", "x int64", "x float64",
                                          "x bool",   "x date",  "x timestamp"};
    sli_rng rng = {5};
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        sl_batch *batch = slt_random_batch(schemas[i], 50, &rng);
        sli_str out = SLI_STR_INIT, expected = SLI_STR_INIT;
        assert_int_equal(slt_encode(text, "", batch, &out, NULL), SL_OK);
        for (int64_t row = 0; row < 50; row++) {
            sli_print_cell(&expected, sl_schema_field(sl_batch_schema(batch), 0),
                           sl_batch_column(batch, 0), row);
            sli_str_char(&expected, '\n');
        }
        SL_CHECK_TEXT(out.data, expected.data);
        sli_str_reset(&out);
        sli_str_reset(&expected);
        sl_batch_unref(batch);
    }
}

SL_TEST(what_text_cannot_hold_is_refused, "")
{
    static const char *const schemas[] = {"a string, b string", "a list<string>",
                                          "a struct<b int64>"};
    sli_rng rng = {5};
    for (size_t i = 0; i < sizeof schemas / sizeof *schemas; i++) {
        sl_batch *batch = slt_random_batch(schemas[i], 1, &rng);
        sli_str out = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        assert_int_equal(slt_encode(text, "", batch, &out, &err), SL_E_INVALID);
        assert_non_null(strstr(err.text, "one column"));
        sl_conf *conf = slt_conf(text, "");
        sli_decoder *decoder = NULL;
        assert_int_equal(text->decoder_new(&decoder, conf, sl_batch_schema(batch), &err),
                         SL_E_INVALID);
        assert_null(decoder);
        sl_conf_free(conf);
        sli_str_reset(&out);
        sl_batch_unref(batch);
    }
}
