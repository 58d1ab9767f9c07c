/// builder_test.c — the builder: every way to append, every way to misuse it, sharing, packing,
/// refused memory.

#include "col/fixture_test.h"

#include <string.h>

static sl_builder *builder_of(const char *text)
{
    sl_schema *schema = slt_col_schema(text);
    sl_builder *builder = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    sl_schema_unref(schema);
    return builder;
}

static void check_fails(sl_builder *builder, sl_code code, const char *part)
{
    sl_error err = SL_ERROR_INIT;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(builder, &batch, &err), code);
    assert_null(batch);
    if (strstr(err.text, part) == NULL) {
        SL_CHECK_TEXT(err.text, part);
    }
    assert_int_equal(sl_builder_rows(builder, 0), 0);
    assert_int_equal(sl_builder_finish(builder, &batch, &err),
                     SL_OK); // starts again after a failure
    assert_int_equal(sl_batch_rows(batch), 0);
    slt_col_check_sound(batch);
    sl_batch_unref(batch);
}

SL_TEST(builder_makes_batches_again_and_again, "")
{
    sl_builder *builder = builder_of("word string, n int64?");
    for (int round = 0; round < 3; round++) {
        sl_batch *batch = NULL;
        for (int64_t i = 0; i < 300; i++) {
            char text[64];
            memset(text, 'a' + (int)(i % 26), sizeof text);
            sl_builder_text(builder, 0, text, (size_t)(i % 64));
            i % 3 == 0 ? sl_builder_null(builder, 1) : sl_builder_int64(builder, 1, i);
        }
        assert_true(sli_builder_bytes(builder) > 300 * 24);
        assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
        assert_int_equal(sl_batch_rows(batch), 300);
        slt_col_check_sound(batch);
        const sl_column *words = sl_batch_column(batch, 0), *n = sl_batch_column(batch, 1);
        assert_int_equal(n->n_nulls, 100);
        for (int64_t i = 0; i < 300; i++) {
            sl_text text = sl_column_text(words, i);
            assert_int_equal(text.size, i % 64);
            assert_true(text.size == 0 || text.data[text.size - 1] == 'a' + (int)(i % 26));
            assert_int_equal(sl_column_is_null(n, i), i % 3 == 0);
            assert_true(i % 3 == 0 || sl_column_int64(n, i) == i);
        }
        sl_batch_unref(batch);
    }
    sl_builder_free(builder);
}

SL_TEST(builder_takes_every_type, "")
{
    sli_rng rng = {1};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    static const int64_t sizes[] = {0, 1, 2, 7, 8, 9, 65, 700};
    for (int i = 0; i < 8; i++) {
        sl_batch *batch = slt_col_random(schema, &rng, sizes[i]);
        assert_true(sl_batch_bytes(batch) > 0);
        sl_batch_unref(batch);
    }
    sl_schema_unref(schema);
}

SL_TEST(builder_keeps_its_first_failure, "")
{
    sl_builder *builder = builder_of("i int8, s string, b bool");
    sl_builder_int64(builder, 0, 128);
    sl_builder_text(builder, 0, "x", 1);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_builder_check(builder, &err), SL_E_DATA);
    check_fails(builder, SL_E_DATA, "column \"i\": 128 is outside int8");
    sl_builder_text(builder, 0, "x", 1);
    check_fails(builder, SL_E_INVALID, "column \"i\" is int8: it takes no text");
    sl_builder_bool(builder, 1, true);
    check_fails(builder, SL_E_INVALID, "column \"s\" is string: it takes no bool");
    sl_builder_float64(builder, 2, 1);
    check_fails(builder, SL_E_INVALID, "it takes no float64");
    sl_builder_int64(builder, 2, 1);
    check_fails(builder, SL_E_INVALID, "it takes no int64");
    sl_builder_null(builder, 1);
    check_fails(builder, SL_E_DATA, "column \"s\" may not be null");
    sl_builder_int64(builder, 3, 1);
    check_fails(builder, SL_E_INVALID, "none with number 3");
    sl_builder_int64(builder, -1, 1);
    check_fails(builder, SL_E_INVALID, "none with number -1");
    assert_null(sl_builder_reserve(builder, 2, 1));
    check_fails(builder, SL_E_INVALID, "reserved cells");
    sl_builder_text(builder, 1, "", (size_t)INT32_MAX + 1);
    check_fails(builder, SL_E_DATA, "a cell of 2147483648 bytes");
    sl_builder_int64(builder, 0, 1);
    check_fails(builder, SL_E_INVALID, "different numbers of cells: \"i\" 1, \"s\" 0");
    sli_builder_fail(builder, SL_E_USER, "number %d", 5);
    sli_builder_fail(builder, SL_E_DATA, "later");
    check_fails(builder, SL_E_USER, "number 5");
    sl_builder_free(builder);
}

SL_TEST(builder_refuses_rows_past_the_limit, "")
{
    sl_builder *builder = builder_of("n int64");
    sl_builder_int64(builder, 0, 1);
    assert_null(sl_builder_reserve(builder, 0, INT32_MAX));
    check_fails(builder, SL_E_INVALID, "more than 2147483647 rows");
    assert_null(sl_builder_reserve(builder, 0, -1));
    check_fails(builder, SL_E_INVALID, "");
    sl_builder_free(builder);
}

SL_TEST(builder_nests_lists_and_structs, "")
{
    sl_builder *b =
        builder_of("l list<list<int64>>, s struct<a int64, t list<string>, in struct<x bool?>>");
    sl_builder_list_begin(b, 0);
    sl_builder_list_begin(b, 0);
    sl_builder_int64(b, 0, 1);
    sl_builder_int64(b, 0, 2);
    sl_builder_list_end(b, 0);
    sl_builder_list_begin(b, 0);
    sl_builder_list_end(b, 0);
    sl_builder_list_end(b, 0);
    sl_builder_struct_begin(b, 1);
    sl_builder_int64(b, 1, 7);
    sl_builder_list_begin(b, 1);
    sl_builder_text(b, 1, "a word longer than twelve", 25);
    sl_builder_list_end(b, 1);
    sl_builder_struct_begin(b, 1);
    sl_builder_null(b, 1);
    sl_builder_struct_end(b, 1);
    sl_builder_struct_end(b, 1);
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(b, &batch, NULL), SL_OK);
    slt_col_check_sound(batch);
    sli_str text = SLI_STR_INIT;
    slt_col_put_cell(&text, sl_batch_column(batch, 0), 0);
    slt_col_put_cell(&text, sl_batch_column(batch, 1), 0);
    SL_CHECK_TEXT(text.data, "[[1 2 ] [] ]{7 [\"a word longer than twelve\" ] {null } }");
    sli_str_reset(&text);
    sl_batch_unref(batch);
    sl_builder_free(b);
}

SL_TEST(builder_refuses_crooked_nesting, "")
{
    sl_builder *b = builder_of("l list<int64>, s struct<a int64, b bool>");
    sl_builder_list_begin(b, 0);
    check_fails(b, SL_E_INVALID, "a list was begun and not ended");
    sl_builder_list_end(b, 0);
    check_fails(b, SL_E_INVALID, "no list is open");
    sl_builder_struct_begin(b, 0);
    check_fails(b, SL_E_INVALID, "column \"l\" is list, not struct");
    sl_builder_list_begin(b, 0);
    sl_builder_struct_end(b, 0);
    check_fails(b, SL_E_INVALID, "no struct is open");
    sl_builder_list_begin(b, 0);
    sl_builder_text(b, 0, "x", 1);
    check_fails(b, SL_E_INVALID, "column \"item\" is int64: it takes no text");
    sl_builder_struct_begin(b, 1);
    sl_builder_int64(b, 1, 1);
    sl_builder_struct_end(b, 1);
    check_fails(b, SL_E_INVALID, "field \"b\" did not get one cell");
    sl_builder_struct_begin(b, 1);
    sl_builder_int64(b, 1, 1);
    sl_builder_bool(b, 1, true);
    sl_builder_bool(b, 1, true);
    check_fails(b, SL_E_INVALID, "has 2 fields, a cell for one more");
    sl_builder_int64(b, 1, 1);
    check_fails(b, SL_E_INVALID, "column \"s\" is struct: it takes no int64");
    sl_builder_free(b);
}

SL_TEST(builder_slices_share_text, "")
{
    static const char line[] = "one two averyveryverylongword three";
    sl_batch *lines = slt_col_words((const char *const[]){line, "short", NULL});
    const sl_column *from = sl_batch_column(lines, 0);
    sl_builder *b = builder_of("word string");
    sl_builder_slice(b, 0, from, 0, 0, 3);
    sl_builder_slice(b, 0, from, 0, 8, 21);
    sl_builder_slice(b, 0, from, 1, 1, 4);
    sl_builder_slice(b, 0, from, 0, 0, 35);
    sl_builder_slice(b, 0, from, 1, 5, 0);
    sl_batch *words = NULL;
    assert_int_equal(sl_builder_finish(b, &words, NULL), SL_OK);
    slt_col_check_sound(words);
    const sl_column *column = sl_batch_column(words, 0);
    assert_int_equal(column->n_data, 1);
    assert_ptr_equal(column->data[0], from->data[0]); // not a byte of it was copied
    sl_batch_unref(lines);
    sl_batch *expected = slt_col_words(
        (const char *const[]){"one", "averyveryverylongword", "hort", line, "", NULL});
    for (int64_t i = 0; i < 5; i++) {
        slt_col_check_row(words, i, expected, i);
    }
    sl_builder_slice(b, 0, sl_batch_column(expected, 0), 0, 2, 2);
    check_fails(b, SL_E_INVALID, "bytes 2 to 4 of a cell of 3");
    sl_batch_unref(words);
    sl_batch_unref(expected);
    sl_builder_free(b);
}

SL_TEST(builder_shares_each_source_once, "")
{
    char long_text[2][32];
    sl_batch *sources[2];
    for (int i = 0; i < 2; i++) {
        memset(long_text[i], 'a' + i, 31);
        long_text[i][31] = '\0';
        sources[i] = slt_col_words((const char *const[]){long_text[i], NULL});
    }
    sl_builder *b = builder_of("word string?");
    for (int i = 0; i < 1000; i++) { // alternating, the worst case for remembering the last one
        sl_builder_cell(b, 0, sl_batch_column(sources[i % 2], 0), 0);
    }
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(b, &batch, NULL), SL_OK);
    assert_int_equal(sl_batch_column(batch, 0)->n_data, 2);
    for (int i = 0; i < 1000; i++) {
        slt_col_check_row(batch, i, sources[i % 2], 0);
    }
    sl_batch_unref(batch);
    sl_batch_unref(sources[0]);
    sl_batch_unref(sources[1]);
    sl_builder_free(b);
}

SL_TEST(builder_reserves_cells_in_place, "")
{
    sl_builder *b = builder_of("n int64?, s string");
    sl_builder_null(b, 0);
    int64_t *n = sl_builder_reserve(b, 0, 100);
    for (int64_t i = 0; i < 100; i++) {
        n[i] = i;
    }
    sl_builder_unreserve(b, 0, 60);
    assert_int_equal(sl_builder_rows(b, 0), 41);
    sl_view *s = sl_builder_reserve(b, 1, 41);
    for (int64_t i = 0; i < 41; i++) {
        s[i] = sli_view_of("abcdefghijklmnop", 0, i % 4, i % 13);
    }
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(b, &batch, NULL), SL_OK);
    slt_col_check_sound(batch);
    assert_int_equal(sl_batch_column(batch, 0)->n_nulls, 1);
    assert_int_equal(sl_column_int64(sl_batch_column(batch, 0), 40), 39);
    sl_batch_unref(batch);
    sl_builder_unreserve(b, 0, 1);
    check_fails(b, SL_E_INVALID, "has 0 cells, 1 can't be given back");
    sl_builder_free(b);
}

SL_TEST(builder_cell_checks_types_and_nulls, "")
{
    sl_schema *schema = slt_col_schema("n int64?, s string");
    sl_builder *any = NULL;
    assert_int_equal(sl_builder_new(&any, schema, NULL), SL_OK);
    sl_builder_null(any, 0);
    sl_builder_text(any, 1, "x", 1);
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(any, &batch, NULL), SL_OK);
    sl_builder *b = builder_of("m int64");
    sl_builder_cell(b, 0, sl_batch_column(batch, 0), 0);
    check_fails(b, SL_E_DATA, "column \"m\" may not be null");
    sl_builder_cell(b, 0, sl_batch_column(batch, 1), 0);
    check_fails(b, SL_E_INVALID, "column \"m\" is int64: it takes no string");
    assert_int_equal(sl_builder_share(b, 0, sl_batch_column(batch, 1)), -1);
    check_fails(b, SL_E_INVALID, "can't share");
    sl_batch_unref(batch);
    sl_builder_free(any);
    sl_builder_free(b);
    sl_schema_unref(schema);
}

SL_TEST(builder_flush_gives_nothing_for_nothing, "")
{
    sl_builder *b = builder_of("n int64");
    sl_batch *batch = NULL;
    assert_int_equal(sli_builder_flush(b, &batch, NULL), SL_OK);
    assert_null(batch);
    sl_builder_int64(b, 0, 1);
    assert_int_equal(sli_builder_flush(b, &batch, NULL), SL_OK);
    assert_int_equal(sl_batch_rows(batch), 1);
    sl_batch_unref(batch);
    sl_builder_bool(b, 0, true);
    batch = NULL;
    assert_int_equal(sli_builder_flush(b, &batch, NULL), SL_E_INVALID);
    sl_builder_free(b);
}

/// One batch by all ways of appending; SL_E_NOMEM or a sound batch.
static sl_code build_all(const sl_schema *schema, const sl_batch *source, sl_batch **out)
{
    sl_builder *builder = NULL;
    SL_TRY(sl_builder_new(&builder, schema, NULL));
    sli_rng rng = {5};
    for (int64_t row = 0; row < 90; row++) {
        for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
            if (row % 2 == 0) {
                slt_col_random_cell(builder, c, sl_schema_field(schema, c), &rng);
            } else {
                sl_builder_cell(builder, c, sl_batch_column(source, c), row);
            }
        }
    }
    sl_code rc = sl_builder_finish(builder, out, NULL);
    sl_builder_free(builder);
    return rc;
}

SL_TEST(builder_survives_refused_memory, "")
{
    sli_rng rng = {3};
    sl_schema *schema = slt_col_schema(slt_col_all_types);
    sl_batch *source = slt_col_random(schema, &rng, 100);
    int64_t before = sli_mem_used(SLI_TAG_BATCH);
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc != SL_OK; n++) {
        sl_batch *batch = NULL;
        sli_mem_fail_nth(n);
        rc = build_all(schema, source, &batch);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK ? batch != NULL : rc == SL_E_NOMEM && batch == NULL);
        sl_batch_unref(batch);
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
        assert_true(n < 2000);
    }
    sl_batch_unref(source);
    sl_schema_unref(schema);
}

// ---------------------------------------------------------------- origins

static void finish_and_drop(sl_builder *builder)
{
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_batch_unref(batch);
}

static void put_pair(sl_builder *builder, int64_t a, int64_t b)
{
    sl_builder_int64(builder, 0, a);
    sl_builder_int64(builder, 1, b);
}

SL_TEST(rows_know_what_they_were_made_of_when_somebody_asks, "")
{
    sl_builder *builder = builder_of("a int64, b int64");
    int32_t origins[5];
    sl_builder_of_row(builder, 3); // nobody asked
    put_pair(builder, 1, 1);
    finish_and_drop(builder);
    sli_builder_ask_origins(builder);
    for (int round = 0; round < 2; round++) { // a finished batch takes its marks with it
        sl_builder_of_row(builder, 1);
        put_pair(builder, 1, 1);
        put_pair(builder, 2, 2);
        sl_builder_of_row(builder, 4); // makes none
        sl_builder_of_row(builder, 5);
        put_pair(builder, 3, 3);
        assert_int_equal(sli_builder_origins(builder, 6, origins, NULL), SL_OK);
        assert_true(origins[0] == 1 && origins[1] == 1 && origins[2] == 5);
        assert_int_equal(sli_builder_origins(builder, 5, origins, NULL), SL_E_USER);
        finish_and_drop(builder);
    }
    sl_batch *none = NULL;
    sl_builder_of_row(builder, 8); // a call that made nothing is over too
    assert_int_equal(sli_builder_flush(builder, &none, NULL), SL_OK);
    assert_null(none);
    sl_builder_of_row(builder, 0); // column after column, named in the first
    sl_builder_int64(builder, 1, 7);
    sl_builder_of_row(builder, 2);
    sl_builder_int64(builder, 1, 8);
    sl_builder_int64(builder, 0, 7);
    sl_builder_int64(builder, 0, 8);
    assert_int_equal(sli_builder_origins(builder, 3, origins, NULL), SL_OK);
    assert_true(origins[0] == 0 && origins[1] == 2);
    finish_and_drop(builder);
    put_pair(builder, 1, 1);
    sl_builder_of_row(builder, 0);
    assert_int_equal(sli_builder_origins(builder, 3, origins, NULL), SL_E_USER);
    sl_builder_of_row(builder, 0); // not once more
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_builder_check(builder, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text, "rows of input row 0 after those of row 0: input rows go up");
    sl_builder_free(builder);
}
