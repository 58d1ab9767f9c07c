/// row_test.c — rows as bytes: there and back, canonical, and safe against any bytes.

#include "col/fixture_test.h"

#include <string.h>

static sl_builder *builder_for(const sl_schema *schema)
{
    sl_builder *builder = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    return builder;
}

SL_TEST(row_bytes_come_back, "")
{
    sli_rng rng = {31};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *batch = slt_col_random(schema, &rng, 200), *back = NULL;
    int32_t columns[32], n_columns = sl_schema_columns(schema);
    for (int32_t i = 0; i < n_columns; i++) {
        columns[i] = i;
    }
    sl_builder *builder = builder_for(schema);
    sli_str bytes = SLI_STR_INIT;
    for (int64_t row = 0; row < 200; row++) {
        sli_str_clear(&bytes);
        sli_row_put(&bytes, batch, columns, n_columns, row);
        assert_int_equal(
            sli_row_get((sl_bytes){bytes.data, bytes.size}, builder, 0, n_columns, NULL), SL_OK);
    }
    assert_int_equal(sl_builder_finish(builder, &back, NULL), SL_OK);
    slt_col_check_sound(back);
    slt_col_check_equal(batch, back);
    sli_str_reset(&bytes);
    sl_batch_unref(batch);
    sl_batch_unref(back);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

/// Rows [from, from + n) put together are those put one by one.
static void check_rows_put(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                           int64_t from, int64_t n)
{
    sl_bytes rows[40];
    sli_str together = SLI_STR_INIT, one = SLI_STR_INIT;
    sli_str_text(&together, "before");
    sli_rows_put(&together, batch, columns, n_columns, from, n, rows);
    for (int64_t i = 0; i < n; i++) {
        sli_str_clear(&one);
        sli_row_put(&one, batch, columns, n_columns, from + i);
        assert_int_equal(rows[i].size, one.size);
        assert_memory_equal(rows[i].data, one.data, one.size);
    }
    assert_memory_equal(together.data, "before", 6);
    sli_str_reset(&together);
    sli_str_reset(&one);
}

/// Rows [from, from + n) come back as they were, put and got together.
static void check_rows_got(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                           const char *schema_text, int64_t n)
{
    sl_schema *schema = slt_col_schema(schema_text);
    sl_builder *builder = NULL;
    sl_batch *got = NULL;
    sli_str bytes = SLI_STR_INIT;
    sl_bytes rows[64];
    sli_rows_put(&bytes, batch, columns, n_columns, 0, n, rows);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    assert_int_equal(sli_rows_get(rows, n / 2, builder, 0, n_columns, NULL), SL_OK);
    assert_int_equal(sli_rows_get(rows + n / 2, n - n / 2, builder, 0, n_columns, NULL), SL_OK);
    assert_int_equal(sl_builder_finish(builder, &got, NULL), SL_OK);
    slt_col_check_sound(got);
    assert_int_equal(sl_batch_rows(got), n);
    for (int64_t row = 0; row < n; row++) {
        for (int32_t c = 0; c < n_columns; c++) {
            assert_int_equal(sli_cell_compare(sl_batch_column(batch, columns[c]), row,
                                              sl_batch_column(got, c), row),
                             0);
        }
    }
    for (int64_t cut = 0; cut < n; cut += 5) { // one damaged row among the others
        sl_bytes whole = rows[cut];
        rows[cut].size--;
        assert_int_equal(sli_rows_get(rows, n, builder, 0, n_columns, NULL), SL_E_CORRUPT);
        sl_builder_free(builder);
        assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
        rows[cut] = whole;
    }
    sli_str_reset(&bytes);
    sl_batch_unref(got);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

SL_TEST(row_bytes_got_together_are_the_rows, "")
{
    sli_rng rng = {34};
    sl_schema *schema = slt_col_schema("a int64, b int32, c int8, e int64?, f string, t timestamp");
    sl_batch *batch = slt_col_random(schema, &rng, 40);
    check_rows_got(batch, (const int32_t[]){5, 0}, 2, "x timestamp, y int64", 40);
    check_rows_got(batch, (const int32_t[]){0, 2, 1}, 3, "x int64, y int8, z int32", 37);
    check_rows_got(batch, (const int32_t[]){0, 3}, 2, "x int64, y int64?", 40);
    check_rows_got(batch, (const int32_t[]){4, 1}, 2, "x string, y int32", 40);
    check_rows_got(batch, (const int32_t[]){1}, 1, "x int32", 1);
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

SL_TEST(row_bytes_put_together_are_those_put_one_by_one, "")
{
    static const int32_t pairs[][2] = {{0, 1}, {1, 2}, {3, 0}, {2, 4}, {4, 5}, {1, 1}};
    sli_rng rng = {33};
    sl_schema *schema =
        slt_col_schema("a int64, b int32, c int8, d uint16, e int64?, f string, g float64, h bool");
    sl_batch *batch = slt_col_random(schema, &rng, 40), *all = NULL;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        check_rows_put(batch, pairs[i], 2, 0, 40);
        check_rows_put(batch, pairs[i], 2, 7, 20);
    }
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        check_rows_put(batch, &c, 1, 3, 30);
    }
    assert_int_equal(sli_batch_slice(batch, 5, 30, &all, NULL), SL_OK); // with an offset of its own
    check_rows_put(all, pairs[0], 2, 2, 20);
    sl_batch_unref(all);
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

SL_TEST(row_bytes_are_equal_when_cells_are, "")
{
    sli_rng rng = {32};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *batch = slt_col_random(schema, &rng, 40);
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        for (int64_t i = 0; i < 40; i++) {
            for (int64_t k = 0; k < 40; k++) {
                sli_str x = SLI_STR_INIT, y = SLI_STR_INIT;
                sli_row_put(&x, batch, &c, 1, i);
                sli_row_put(&y, batch, &c, 1, k);
                bool equal = x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
                assert_int_equal(equal, sli_rows_equal(batch, &c, i, batch, &c, k, 1));
                sli_str_reset(&x);
                sli_str_reset(&y);
            }
        }
    }
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

SL_TEST(row_format_is_as_the_readme_says, "")
{
    sl_schema *schema = slt_col_schema("n int32, s string, l list<bool?>, x int64?");
    sl_builder *builder = builder_for(schema);
    sl_batch *batch = NULL;
    sl_builder_int64(builder, 0, -2);
    sl_builder_text(builder, 1, "hey", 3);
    sl_builder_list_begin(builder, 2);
    sl_builder_bool(builder, 2, true);
    sl_builder_null(builder, 2);
    sl_builder_list_end(builder, 2);
    sl_builder_null(builder, 3);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sli_str bytes = SLI_STR_INIT;
    sli_row_put(&bytes, batch, (const int32_t[]){0, 1, 2, 3}, 4, 0);
    static const unsigned char expected[] = {1,   0xfe, 0xff, 0xff, 0xff, 1, 3, 'h',
                                             'e', 'y',  1,    2,    1,    1, 0, 0};
    assert_int_equal(bytes.size, sizeof expected);
    assert_memory_equal(bytes.data, expected, sizeof expected);
    sli_str_reset(&bytes);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

/// Cell `row` of a column, by the calls for plain values; false for types that have none.
static bool put_plain(sli_str *out, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_row_put_null(out);
    } else if (column->type == SL_BOOL) {
        return sli_row_put_int64(out, SL_BOOL, sl_column_bool(column, row));
    } else if (column->type == SL_FLOAT32) {
        sli_row_put_float64(out, SL_FLOAT32, (double)((const float *)column->values)[row]);
    } else if (column->type == SL_FLOAT64) {
        sli_row_put_float64(out, SL_FLOAT64, sl_column_float64(column, row));
    } else if (sli_type_is_text(column->type)) {
        sli_row_put_text(out, sl_column_text(column, row));
    } else if (sli_type_is_integer(column->type)) {
        return sli_row_put_int64(out, column->type, sli_integer_at(column, row));
    } else {
        return false;
    }
    return true;
}

/// Reads a cell and writes it again.
static void copy_plain(sli_reader *r, sli_str *out, sl_type type)
{
    if (!sli_row_has_value(r)) {
        sli_row_put_null(out);
    } else if (type == SL_FLOAT32 || type == SL_FLOAT64) {
        sli_row_put_float64(out, type, sli_row_get_float64(r, type));
    } else if (sli_type_is_text(type)) {
        sl_bytes text = sli_get_bytes(r);
        sli_row_put_text(out, (sl_text){text.data, text.size});
    } else {
        assert_true(sli_row_put_int64(out, type, sli_row_get_int64(r, type)));
    }
}

SL_TEST(row_cells_by_hand_are_the_rows_bytes, "")
{
    sli_rng rng = {34};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *batch = slt_col_random(schema, &rng, 100);
    int32_t n_plain = 0;
    for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
        const sl_column *column = sl_batch_column(batch, c);
        for (int64_t row = 0; row < 100; row++) {
            sli_str wanted = SLI_STR_INIT, made = SLI_STR_INIT, again = SLI_STR_INIT;
            sli_row_put(&wanted, batch, &c, 1, row);
            if (put_plain(&made, column, row)) {
                assert_int_equal(made.size, wanted.size);
                assert_memory_equal(made.data, wanted.data, wanted.size);
                sli_reader r = sli_reader_of((sl_bytes){made.data, made.size});
                copy_plain(&r, &again, column->type);
                assert_true(r.at == r.end && !r.bad);
                assert_int_equal(again.size, wanted.size);
                assert_memory_equal(again.data, wanted.data, wanted.size);
                n_plain++;
            }
            sli_str_reset(&wanted);
            sli_str_reset(&made);
            sli_str_reset(&again);
        }
    }
    assert_true(n_plain > 1000);
    sli_str none = SLI_STR_INIT;
    assert_false(sli_row_put_int64(&none, SL_INT8, 128));
    assert_int_equal(none.size, 0);
    sl_batch_unref(batch);
    sl_schema_unref(schema);
}

SL_TEST(row_get_survives_any_bytes, "")
{
    sli_rng rng = {33};
    sl_schema *schema = slt_col_schema(
        "b bool?, i int16, s string?, l list<struct<x string, y float64?>?>, d decimal(9,2)");
    sl_batch *batch = slt_col_random(schema, &rng, 60);
    sl_builder *builder = builder_for(schema);
    static const int32_t columns[] = {0, 1, 2, 3, 4};
    int64_t n_good = 0, n_bad = 0;
    for (int round = 0; round < 60000; round++) {
        sli_str bytes = SLI_STR_INIT;
        sl_error err = SL_ERROR_INIT;
        sli_row_put(&bytes, batch, columns, 5, round % 60);
        size_t size =
            sli_rng_below(&rng, 3) == 0 ? (size_t)sli_rng_below(&rng, bytes.size + 1) : bytes.size;
        for (uint64_t n = sli_rng_below(&rng, 3); n > 0 && size > 0; n--) {
            bytes.data[sli_rng_below(&rng, size)] = (char)sli_rng_next(&rng);
        }
        char *exact = sl_alloc(SLI_TAG_TEST, size); // so that ASan sees a read past the end
        memcpy(exact, bytes.data, size);
        sl_code rc = sli_row_get((sl_bytes){exact, size}, builder, 0, 5, &err);
        assert_true(rc == SL_OK || rc == SL_E_CORRUPT);
        n_good += rc == SL_OK;
        n_bad += rc != SL_OK;
        for (int32_t c = 0; c < 5; c++) { // a bad row leaves nothing behind
            assert_int_equal(sl_builder_rows(builder, c), n_good);
        }
        sl_free(exact);
        sli_str_reset(&bytes);
    }
    assert_true(n_good > 1000 && n_bad > 1000);
    sl_batch *read = NULL;
    assert_int_equal(sl_builder_finish(builder, &read, NULL), SL_OK);
    slt_col_check_sound(read);
    sl_batch_unref(read);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

SL_TEST(row_get_names_the_damaged_column, "")
{
    sl_schema *schema = slt_col_schema("a int8, word string");
    sl_builder *builder = builder_for(schema);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_row_get((sl_bytes){"\1\5\1\2\xc3\x28", 6}, builder, 0, 2, &err),
                     SL_E_CORRUPT);
    SL_CHECK_TEXT(err.text, "row of 6 bytes: the cell of \"word\" (string) is damaged");
    assert_int_equal(sli_row_get((sl_bytes){"\0", 1}, builder, 0, 1, &err),
                     SL_E_CORRUPT); // null, not allowed
    assert_int_equal(sli_row_get((sl_bytes){"\1\5\1", 3}, builder, 0, 1, &err),
                     SL_E_CORRUPT); // a byte too many
    assert_int_equal(sli_row_get((sl_bytes){NULL, 0}, builder, 0, 0, &err), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

SL_TEST(row_cells_put_and_taken_singly_are_those_of_whole_rows, "")
{
    sl_schema *schema = slt_col_schema("a bool, t timestamp, b binary");
    sl_builder *builder = builder_for(schema);
    sl_batch *batch = NULL;
    const int32_t columns[] = {0, 1, 2};
    sl_builder_bool(builder, 0, true);
    sl_builder_int64(builder, 1, -7);
    sl_builder_text(builder, 2, "\0x", 2);
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sli_str whole = {.tag = SLI_TAG_TEST}, single = {.tag = SLI_TAG_TEST};
    sli_row_put(&whole, batch, columns, 3, 0);
    assert_true(sli_row_put_int64(&single, SL_BOOL, 1));
    assert_true(sli_row_put_int64(&single, SL_INT64, -7));
    sli_row_put_text(&single, (sl_text){"\0x", 2});
    assert_int_equal(single.size, whole.size);
    assert_memory_equal(single.data, whole.data, whole.size);
    sli_reader r = sli_reader_of((sl_bytes){whole.data, whole.size});
    assert_true(sli_row_take_bool(&r));
    assert_int_equal(sli_row_take_int64(&r), -7);
    sl_bytes bytes = sli_row_take_binary(&r);
    assert_int_equal(bytes.size, 2);
    assert_memory_equal(bytes.data, "\0x", 2);
    assert_int_equal(sli_reader_done(&r, "a row", NULL), SL_OK);
    r = sli_reader_of((sl_bytes){"\0", 1}); // a null
    assert_int_equal(sli_row_take_int64(&r), 0);
    assert_true(r.bad);
    sli_str_reset(&whole);
    sli_str_reset(&single);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}
