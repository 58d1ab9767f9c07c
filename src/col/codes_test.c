/// codes_test.c — hash codes are those that Java gave for the same values.

#include "col/fixture_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/// A batch of one column, in the making.
static sl_builder *column_of(const char *type)
{
    char text[64];
    (void)snprintf(text, sizeof text, "x %s", type);
    sl_schema *schema = slt_col_schema(text);
    sl_builder *builder = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_schema_unref(schema);
    return builder;
}

/// The codes of what was put; frees the builder.
static void check_codes(sl_builder *builder, const int32_t *expected, int64_t n)
{
    sl_batch *batch = NULL;
    int32_t codes[32];
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(batch), n);
    sli_batch_codes(batch, (const int32_t[]){0}, 1, codes);
    for (int64_t i = 0; i < n; i++) {
        assert_int_equal(codes[i], expected[i]);
    }
    sl_batch_unref(batch);
    sl_builder_free(builder);
}
#define CHECK_CODES(builder, ...)                                                                  \
    check_codes(builder, (const int32_t[]){__VA_ARGS__},                                           \
                sizeof((const int32_t[]){__VA_ARGS__}) / sizeof(int32_t))

SL_TEST(codes_of_numbers_are_javas, "")
{
    sl_builder *longs = column_of("int64?");
    static const int64_t values[] = {0, -1, 5, INT64_MAX, INT64_MIN, INT64_C(1) << 40};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        sl_builder_int64(longs, 0, values[i]);
    }
    sl_builder_null(longs, 0);
    CHECK_CODES(longs, 0, 0, 5, INT32_MIN, INT32_MIN, 256, 0);
    sl_builder *ints = column_of("int32");
    sl_builder_int64(ints, 0, 7);
    sl_builder_int64(ints, 0, -7);
    CHECK_CODES(ints, 7, -7);
    sl_builder *doubles = column_of("float64");
    static const double floats[] = {1.5, -2.25, (double)NAN, (double)INFINITY, 0.0, -0.0, 1e100};
    for (size_t i = 0; i < sizeof floats / sizeof *floats; i++) {
        sl_builder_float64(doubles, 0, floats[i]);
    }
    CHECK_CODES(doubles, 1073217536, -1073610752, 2146959360, 2146435072, 0, 0, 1898351312);
    sl_builder *singles = column_of("float32");
    sl_builder_float64(singles, 0, 1.5);
    sl_builder_float64(singles, 0, (double)NAN);
    sl_builder_float64(singles, 0, -0.25);
    CHECK_CODES(singles, 1069547520, 2143289344, -1098907648);
    sl_builder *bools = column_of("bool");
    sl_builder_bool(bools, 0, true);
    sl_builder_bool(bools, 0, false);
    CHECK_CODES(bools, 1231, 1237);
}

static void put_decimal(sl_builder *builder, uint64_t high, uint64_t low)
{
    memcpy(sl_builder_reserve(builder, 0, 1), (uint64_t[]){low, high}, 16);
}

SL_TEST(codes_of_decimals_are_javas, "")
{
    sl_builder *builder = column_of("decimal(20,2)");
    put_decimal(builder, 0, 1234);
    put_decimal(builder, UINT64_MAX, -UINT64_C(1234));
    put_decimal(builder, 0, 0);
    CHECK_CODES(builder, 38256, -38252, 2);
    sl_builder *large = column_of("decimal(30,4)");
    put_decimal(large, 0xffffffffff99e102U, 0xea70d57d360b479U); // -12345678901234567890123.4567
    CHECK_CODES(large, 769576480);
}

SL_TEST(codes_of_texts_go_by_utf16, "")
{
    static const char *const texts[] = {
        "", "a", "word", "\xc5\xbelu\xc5\xa5 \xe6\x97\xa5\xe6\x9c\xac \xf0\x9f\x98\x80"};
    sl_builder *builder = column_of("string");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        sl_builder_text(builder, 0, texts[i], strlen(texts[i]));
    }
    CHECK_CODES(builder, 0, 97, 3655434, 1391297114);
    sl_builder *bytes = column_of("binary");
    sl_builder_text(bytes, 0, "\x01\xff\x7f", 3);
    CHECK_CODES(bytes, 30848);
}

SL_TEST(codes_of_several_cells_are_a_lists, "")
{
    sl_builder *lists = column_of("list<string?>");
    sl_builder_list_begin(lists, 0);
    sl_builder_text(lists, 0, "a", 1);
    sl_builder_null(lists, 0);
    sl_builder_text(lists, 0, "b", 1);
    sl_builder_list_end(lists, 0);
    sl_builder_list_begin(lists, 0);
    sl_builder_list_end(lists, 0);
    CHECK_CODES(lists, 123106, 1);
    sl_builder *structs = column_of("struct<a string, b int64>");
    sl_builder_struct_begin(structs, 0);
    sl_builder_text(structs, 0, "a", 1);
    sl_builder_int64(structs, 0, 5);
    sl_builder_struct_end(structs, 0);
    CHECK_CODES(structs, 3973);
    sl_schema *schema = slt_col_schema("a string, b int64");
    sl_builder *rows = NULL;
    sl_batch *batch = NULL;
    int32_t code = 0;
    assert_int_equal(sl_builder_new(&rows, schema, NULL), SL_OK);
    sl_builder_text(rows, 0, "a", 1);
    sl_builder_int64(rows, 1, 5);
    assert_int_equal(sl_builder_finish(rows, &batch, NULL), SL_OK);
    sli_batch_codes(batch, (const int32_t[]){0, 1}, 2, &code);
    assert_int_equal(code, 3973);
    sl_batch_unref(batch);
    sl_builder_free(rows);
    sl_schema_unref(schema);
}
