// Tests of rows encoded as values.
#include "format/fixture_test.h"
#include "format/values.h"

/// Rows of one or two columns, "a string?, n int64?" or a front of it; NULL and -1 are nulls.
typedef struct row {
    const char *a;
    int64_t n;
} row;

static sl_batch *rows_of(const char *schema_text, const row *rows, int32_t n)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, schema_text, NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int32_t i = 0; i < n; i++) {
        if (rows[i].a == NULL) {
            sl_builder_null(builder, 0);
        } else {
            sl_builder_text(builder, 0, rows[i].a, strlen(rows[i].a));
        }
        if (sl_schema_columns(schema) > 1 && rows[i].n < 0) {
            sl_builder_null(builder, 1);
        } else if (sl_schema_columns(schema) > 1) {
            sl_builder_int64(builder, 1, rows[i].n);
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

static sli_encoder *encoder_of(const sli_format_ops *format, const char *args,
                               const sl_batch *batch)
{
    sl_conf *conf = slt_conf(format, args);
    sli_encoder *encoder = NULL;
    assert_int_equal(format->encoder_new(&encoder, conf, sl_batch_schema(batch), NULL), SL_OK);
    sl_conf_free(conf);
    return encoder;
}

/// "[value][value]~" where ~ is a null.
static void render(const sli_value_list *list, sli_str *out)
{
    sli_str_clear(out);
    sli_str_text(out, "");
    for (int32_t i = 0; i < list->n; i++) {
        sl_text value = sli_value_of(list, i);
        if (value.data == NULL) {
            sli_str_char(out, '~');
        } else {
            sli_str_printf(out, "[%.*s]", (int)value.size, value.data);
        }
    }
}

static void check(const sli_format_ops *format, const char *args, const char *schema,
                  const row *rows, int32_t n, const char *expected)
{
    sl_batch *batch = rows_of(schema, rows, n);
    sli_encoder *encoder = encoder_of(format, args, batch);
    sli_value_list list = {0};
    sli_str text = SLI_STR_INIT;
    sl_error err = SL_ERROR_INIT;
    for (int again = 0; again < 2; again++) { // the list's memory serves twice
        assert_int_equal(sli_values_encode(&list, format, encoder, batch, &err), SL_OK);
        render(&list, &text);
        SL_CHECK_TEXT(text.data, expected);
    }
    sli_str_reset(&text);
    sli_value_list_reset(&list);
    format->encoder_free(encoder);
    sl_batch_unref(batch);
}

SL_TEST(values_are_a_record_a_row_without_line_ends, "")
{
    static const row rows[] = {{"be", 2}, {"to\nor, not", 1}, {NULL, -1}, {"", 7}};
    check(&sli_format_text, "", "a string?", rows, 4, "[be][to\nor, not]~[]");
    check(&sli_format_csv, "header=true", "a string?, n int64?", rows, 4,
          "[be,2][\"to\nor, not\",1][,][\"\",7]");
    check(&sli_format_json, "", "a string?, n int64?", rows, 4,
          "[{\"a\":\"be\",\"n\":2}][{\"a\":\"to\\nor, not\",\"n\":1}][{}][{\"a\":\"\",\"n\":7}]");
    check(&sli_format_fixed, "record_length=2", "a string?", rows, 1, "[be]");
    check(&sli_format_fixed, "record_length=2", "a string?", &rows[2], 1, "~");
    check(&sli_format_text, "", "a string?", rows, 0, "");
}

SL_TEST(values_refuse_what_is_no_record_a_row, "")
{
    static const row rows[] = {{"be", 2}};
    sl_batch *batch = rows_of("a string?", rows, 1);
    sli_value_list list = {0};
    sl_error err = SL_ERROR_INIT;
    sli_encoder *encoder = encoder_of(&sli_format_arrow, "", batch);
    assert_int_equal(sli_values_encode(&list, &sli_format_arrow, encoder, batch, &err),
                     SL_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "arrow"));
    sli_format_arrow.encoder_free(encoder);
    encoder = encoder_of(&sli_format_fixed, "record_length=3", batch);
    assert_int_equal(sli_values_encode(&list, &sli_format_fixed, encoder, batch, &err), SL_E_DATA);
    sli_format_fixed.encoder_free(encoder);
    sli_value_list_reset(&list);
    sl_batch_unref(batch);
}

// A file of lines is its values with line ends.
SL_TEST(values_are_the_lines_of_a_file, "")
{
    static const sli_format_ops *const formats[] = {&sli_format_csv, &sli_format_json};
    sli_rng rng = {5};
    for (int32_t i = 0; i < 40; i++) {
        const sli_format_ops *format = formats[i % 2];
        sl_batch *batch = slt_random_batch("a string?, n int64, t timestamp?, f float64", i, &rng);
        sli_encoder *encoder = encoder_of(format, "", batch);
        sli_value_list list = {0};
        sli_str file = SLI_STR_INIT, joined = SLI_STR_INIT;
        sli_str_text(&file, "");
        sli_str_text(&joined, "");
        assert_int_equal(format->encode(encoder, batch, &file, NULL), SL_OK);
        assert_int_equal(sli_values_encode(&list, format, encoder, batch, NULL), SL_OK);
        for (int32_t v = 0; v < list.n; v++) {
            sl_text value = sli_value_of(&list, v);
            sli_str_add(&joined, value.data, value.size);
            sli_str_char(&joined, '\n');
        }
        assert_int_equal(joined.size, file.size);
        assert_memory_equal(joined.data, file.data, file.size);
        sli_str_reset(&file);
        sli_str_reset(&joined);
        sli_value_list_reset(&list);
        format->encoder_free(encoder);
        sl_batch_unref(batch);
    }
}
