/// fixture_test.c — random batches, rows as text, and a check that a batch is sound.

#include "col/fixture_test.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

const char *const slt_col_all_types = "b bool?, i8 int8, i16 int16?, i32 int32, i64 int64?, u8 "
                                      "uint8, u16 uint16, u32 uint32?, u64 uint64, "
                                      "f32 float32?, f64 float64, dec decimal(20,3)?, d date, t "
                                      "timestamp?, s string?, y binary, l list<int64?>?, "
                                      "ls list<string>, st struct<a int64, b string?, c bool>?, "
                                      "deep list<struct<x list<string?>, y float64>?>?, "
                                      "plain struct<q string, r list<bool>>";

sl_schema *slt_col_schema(const char *text)
{
    sl_error err = SL_ERROR_INIT;
    sl_schema *schema = NULL;
    sl_code rc = sl_schema_parse(&schema, text, &err);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(rc, SL_OK);
    return schema;
}

// ---------------------------------------------------------------- random cells

static int64_t random_integer(sl_type type, sli_rng *rng)
{
    static const int64_t edges[] = {0,     1,      -1,        127,       -128,      255,
                                    32767, -32768, INT32_MAX, INT32_MIN, INT64_MAX, INT64_MIN};
    char cell[8];
    for (;;) {
        uint64_t pick = sli_rng_below(rng, 24);
        uint64_t bits = sli_rng_next(rng);
        uint64_t shift = sli_rng_below(rng, 63);
        int64_t value = pick < 12 ? edges[pick] : (int64_t)(bits >> shift);
        if (sli_integer_put(type, cell, value)) {
            return value;
        }
    }
}

static double random_float(sli_rng *rng)
{
    static const double edges[] = {0.0, -0.0, 1.5, -1e300, 5e-324};
    uint64_t pick = sli_rng_below(rng, 12);
    return pick < 5    ? edges[pick]
           : pick == 5 ? NAN
           : pick == 6 ? INFINITY
                       : (double)(int64_t)sli_rng_next(rng) / 1024;
}

static void random_text(sl_builder *builder, int32_t column, sli_rng *rng)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz abcdefghijklmnopqrstuvwxyz";
    char text[48];
    size_t size = (size_t)sli_rng_below(rng, sli_rng_below(rng, 4) == 0 ? 41 : 14);
    for (size_t i = 0; i < size; i++) {
        text[i] =
            letters[sli_rng_below(rng, i < 6 ? 3 : sizeof letters - 1)]; // many equal prefixes
    }
    sl_builder_text(builder, column, text, size);
}

static void random_nested(sl_builder *builder, int32_t column, const sl_field *field, sli_rng *rng)
{
    if (field->type == SL_LIST) {
        sl_builder_list_begin(builder, column);
        for (uint64_t n = sli_rng_below(rng, 4); n > 0; n--) {
            slt_col_random_cell(builder, column, field->children, rng);
        }
        sl_builder_list_end(builder, column);
        return;
    }
    sl_builder_struct_begin(builder, column);
    for (int32_t i = 0; i < field->n_children; i++) {
        slt_col_random_cell(builder, column, &field->children[i], rng);
    }
    sl_builder_struct_end(builder, column);
}

void slt_col_random_cell(sl_builder *builder, int32_t column, const sl_field *field, sli_rng *rng)
{
    if (field->nullable && sli_rng_below(rng, 4) == 0) {
        sl_builder_null(builder, column);
    } else if (field->type == SL_BOOL) {
        sl_builder_bool(builder, column, sli_rng_below(rng, 2) == 1);
    } else if (sli_type_is_integer(field->type)) {
        sl_builder_int64(builder, column, random_integer(field->type, rng));
    } else if (field->type == SL_FLOAT32 || field->type == SL_FLOAT64) {
        sl_builder_float64(builder, column, random_float(rng));
    } else if (sli_type_is_text(field->type)) {
        random_text(builder, column, rng);
    } else if (field->type == SL_DECIMAL) {
        uint64_t words[2] = {sli_rng_below(rng, 1000), 0};
        void *at = sl_builder_reserve(builder, column, 1);
        if (at != NULL) {
            memcpy(at, words, sizeof words);
        }
    } else {
        random_nested(builder, column, field, rng);
    }
}

sl_batch *slt_col_random(const sl_schema *schema, sli_rng *rng, int64_t n)
{
    sl_error err = SL_ERROR_INIT;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    for (int64_t row = 0; row < n; row++) {
        for (int32_t c = 0; c < sl_schema_columns(schema); c++) {
            slt_col_random_cell(builder, c, sl_schema_field(schema, c), rng);
        }
    }
    sl_code rc = sl_builder_finish(builder, &batch, &err);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(rc, SL_OK);
    sl_builder_free(builder);
    assert_int_equal(sl_batch_rows(batch), n);
    slt_col_check_sound(batch);
    return batch;
}

sl_batch *slt_col_words(const char *const *words)
{
    sl_schema *schema = slt_col_schema("word string?");
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int i = 0; words[i] != NULL; i++) {
        sl_builder_text(builder, 0, words[i], strlen(words[i]));
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

// ---------------------------------------------------------------- comparing

static void put_number(sli_str *out, const sl_column *column, int64_t row)
{
    if (column->type == SL_BOOL) {
        sli_str_text(out, sl_column_bool(column, row) ? "true" : "false");
    } else if (column->type == SL_FLOAT32) {
        sli_str_printf(out, "%a",
                       (double)((const float *)column->values)[row] + 0.0); // -0.0 becomes 0.0
    } else if (column->type == SL_FLOAT64) {
        double value = sl_column_float64(column, row);
        sli_str_printf(out, "%a", value != value ? NAN : value + 0.0);
    } else if (column->type == SL_DECIMAL) {
        const uint64_t *words = (const uint64_t *)column->values + 2 * row;
        sli_str_printf(out, "%llx.%llx", (unsigned long long)words[1],
                       (unsigned long long)words[0]);
    } else {
        sli_str_printf(out, "%lld", (long long)sli_integer_at(column, row));
    }
}

void slt_col_put_cell(sli_str *out, const sl_column *column, int64_t row)
{
    if (sl_column_is_null(column, row)) {
        sli_str_text(out, "null");
    } else if (sli_type_is_text(column->type)) {
        sl_text text = sl_column_text(column, row);
        sli_str_json(out, text.data, text.size);
    } else if (column->type == SL_LIST) {
        const int32_t *offsets = column->values;
        sli_str_char(out, '[');
        for (int32_t i = offsets[row]; i < offsets[row + 1]; i++) {
            slt_col_put_cell(out, column->children, i);
            sli_str_char(out, ' ');
        }
        sli_str_char(out, ']');
    } else if (column->type == SL_STRUCT) {
        sli_str_char(out, '{');
        for (int32_t i = 0; i < column->n_children; i++) {
            slt_col_put_cell(out, &column->children[i], row);
            sli_str_char(out, ' ');
        }
        sli_str_char(out, '}');
    } else {
        put_number(out, column, row);
    }
}

static void put_row(sli_str *out, const sl_batch *batch, int64_t row)
{
    for (int32_t i = 0; i < sl_schema_columns(sl_batch_schema(batch)); i++) {
        slt_col_put_cell(out, sl_batch_column(batch, i), row);
        sli_str_char(out, '\n');
    }
}

void slt_col_check_row(const sl_batch *a, int64_t row_a, const sl_batch *b, int64_t row_b)
{
    sli_str x = SLI_STR_INIT, y = SLI_STR_INIT;
    put_row(&x, a, row_a);
    put_row(&y, b, row_b);
    SL_CHECK_TEXT(x.data, y.data);
    sli_str_reset(&x);
    sli_str_reset(&y);
}

void slt_col_check_equal(const sl_batch *a, const sl_batch *b)
{
    assert_int_equal(sl_batch_rows(a), sl_batch_rows(b));
    SL_CHECK_TEXT(sl_schema_text(sl_batch_schema(a)), sl_schema_text(sl_batch_schema(b)));
    for (int64_t row = 0; row < sl_batch_rows(a); row++) {
        slt_col_check_row(a, row, b, row);
    }
}

// ---------------------------------------------------------------- soundness

static void check_view(const sl_column *column, int64_t row)
{
    const sl_view *view = (const sl_view *)column->values + row;
    assert_true(view->size >= 0);
    if (view->size <= SL_VIEW_INLINE) {
        for (int32_t i = view->size; i < SL_VIEW_INLINE; i++) {
            assert_int_equal(view->as.inlined[i], 0);
        }
        return;
    }
    assert_in_range(view->as.ref.buffer, 0, column->n_data - 1);
    assert_true(view->as.ref.offset >= 0);
    assert_true((int64_t)view->as.ref.offset + view->size <=
                column->data_sizes[view->as.ref.buffer]);
    assert_memory_equal(view->as.ref.prefix,
                        column->data[view->as.ref.buffer] + view->as.ref.offset, 4);
}

static void check_column(const sl_column *column, const sl_field *field)
{
    int64_t n_nulls = 0;
    for (int64_t i = 0; i < column->n_rows; i++) {
        n_nulls += sl_column_is_null(column, i);
        if (sli_type_is_text(column->type)) {
            check_view(column, i);
        }
    }
    assert_int_equal(column->n_nulls, n_nulls);
    assert_int_equal(column->type, field->type);
    assert_int_equal(column->n_children, field->n_children);
    if (column->type == SL_LIST) {
        const int32_t *offsets = column->values;
        for (int64_t i = 0; i < column->n_rows; i++) {
            assert_true(offsets[i] <= offsets[i + 1]);
        }
        assert_true(offsets[0] >= 0 && offsets[column->n_rows] <= column->children[0].n_rows);
    }
    for (int32_t i = 0; i < column->n_children; i++) {
        if (column->type == SL_STRUCT) {
            assert_int_equal(column->children[i].n_rows, column->n_rows);
        }
        check_column(&column->children[i], &field->children[i]);
    }
}

void slt_col_check_sound(const sl_batch *batch)
{
    const sl_schema *schema = sl_batch_schema(batch);
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        assert_int_equal(sl_batch_column(batch, i)->n_rows, sl_batch_rows(batch));
        check_column(sl_batch_column(batch, i), sl_schema_field(schema, i));
    }
}
