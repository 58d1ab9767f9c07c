// Every type goes in and comes out as it was: nulls, pieces of batches, lists within structs.
#include "duckdb/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>

static const char all_types[] =
    "b bool?, i8 int8?, i16 int16?, i32 int32?, i64 int64?, u8 uint8?, u16 uint16?, u32 uint32?, "
    "u64 uint64?, f32 float32?, f64 float64?, d4 decimal(4,1)?, d9 decimal(9,0)?, "
    "d18 decimal(18,6)?, d38 decimal(38,10)?, d date?, t timestamp?, s string?, y binary?, "
    "l list<int32?>?, ls list<string>?, st struct<a int64, b string?, c bool?>?, "
    "deep list<struct<x list<string?>?, y float64?>?>?, plain struct<q string, r list<bool>>";

// ---------------------------------------------------------------- random cells

static void put_cell(sl_builder *out, int32_t column, const sl_field *field, sli_rng *rng);

/// Fits every width; the smallest and the largest too, now and then.
static int64_t random_integer(const sl_field *field, sli_rng *rng)
{
    static const int64_t most[] = {[SL_INT8] = INT8_MAX,     [SL_INT16] = INT16_MAX,
                                   [SL_INT32] = INT32_MAX,   [SL_INT64] = INT64_MAX,
                                   [SL_UINT8] = UINT8_MAX,   [SL_UINT16] = UINT16_MAX,
                                   [SL_UINT32] = UINT32_MAX, [SL_UINT64] = INT64_MAX,
                                   [SL_DATE] = 2000000,      [SL_TIMESTAMP] = 9000000000000000};
    int64_t top = most[field->type];
    bool is_signed = field->type <= SL_INT64 || field->type >= SL_DATE;
    switch (sli_rng_below(rng, 6)) {
    case 0:
        return top;
    case 1:
        return is_signed ? -top : 0;
    default:
        return (int64_t)sli_rng_below(rng, 100) - (is_signed ? 50 : 0);
    }
}

/// As many digits as its precision, of either sign.
static void put_decimal(sl_builder *out, int32_t column, const sl_field *field, sli_rng *rng)
{
    __extension__ __int128 value = 0;
    for (int i = 0; i < field->precision; i++) {
        value = value * 10 + (int)sli_rng_below(rng, 10);
    }
    value = sli_rng_below(rng, 2) == 0 ? value : -value;
    void *at = sl_builder_reserve(out, column, 1);
    assert_non_null(at);
    memcpy(at, &value, sizeof value);
}

static void put_text(sl_builder *out, int32_t column, bool is_binary, sli_rng *rng)
{
    static const size_t sizes[] = {0, 1, 11, 12, 13, 40, 4000};
    char text[4000];
    size_t size = sizes[sli_rng_below(rng, sli_rng_below(rng, 8) == 0 ? 7 : 6)];
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)(is_binary ? sli_rng_below(rng, 256) : 'a' + sli_rng_below(rng, 26));
    }
    sl_builder_text(out, column, text, size);
}

static void put_nested(sl_builder *out, int32_t column, const sl_field *field, sli_rng *rng)
{
    if (field->type == SL_LIST) {
        sl_builder_list_begin(out, column);
        for (uint64_t n = sli_rng_below(rng, 4); n > 0; n--) {
            put_cell(out, column, field->children, rng);
        }
        sl_builder_list_end(out, column);
        return;
    }
    sl_builder_struct_begin(out, column);
    for (int32_t i = 0; i < field->n_children; i++) {
        put_cell(out, column, &field->children[i], rng);
    }
    sl_builder_struct_end(out, column);
}

static void put_cell(sl_builder *out, int32_t column, const sl_field *field, sli_rng *rng)
{
    if (field->nullable && sli_rng_below(rng, 4) == 0) {
        sl_builder_null(out, column);
    } else if (field->type == SL_BOOL) {
        sl_builder_bool(out, column, sli_rng_below(rng, 2) == 1);
    } else if (field->type == SL_FLOAT32 || field->type == SL_FLOAT64) {
        sl_builder_float64(out, column, (double)(int64_t)sli_rng_next(rng) / 1024);
    } else if (field->type == SL_DECIMAL) {
        put_decimal(out, column, field, rng);
    } else if (field->type == SL_STRING || field->type == SL_BINARY) {
        put_text(out, column, field->type == SL_BINARY, rng);
    } else if (field->type == SL_LIST || field->type == SL_STRUCT) {
        put_nested(out, column, field, rng);
    } else {
        sl_builder_int64(out, column, random_integer(field, rng));
    }
}

static sl_batch *random_batch(const sl_schema *schema, int64_t n, sli_rng *rng)
{
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_builder_new(&builder, schema, &err), SL_OK);
    for (int64_t row = 0; row < n; row++) {
        for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
            put_cell(builder, i, sl_schema_field(schema, i), rng);
        }
    }
    sl_code rc = sl_builder_finish(builder, &batch, &err);
    SL_CHECK_TEXT(err.text, "");
    assert_int_equal(rc, SL_OK);
    sl_builder_free(builder);
    return batch;
}

// ---------------------------------------------------------------- round trips

/// All columns of the table, some rows of it, against the batches' own.
static void check_round_trip(slt_duck *d, int32_t number, sl_batch *const *batches, int32_t n)
{
    sli_str expected = SLI_STR_INIT;
    sli_str_text(&expected, "");
    for (int32_t i = 0; i < n; i++) {
        slt_duck_put_batch(&expected, batches[i]);
    }
    const sli_dbs_rows rows = {"t", batches, n};
    SL_CHECK_TEXT(slt_duck_run(d, number, &rows, 1), expected.data);
    sli_str_reset(&expected);
}

SL_TEST(duck_every_type_goes_in_and_comes_out, "")
{
    slt_duck d;
    sl_schema *schema = NULL;
    sli_rng rng = {.state = 7};
    slt_duck_start(&d);
    slt_duck_ok(&d, sl_schema_parse(&schema, all_types, &d.err));
    slt_duck_table(&d, "t", all_types);
    int32_t number = slt_duck_prepare(&d, "SELECT * FROM t");
    sl_batch *batches[3];
    static const int64_t sizes[] = {2047, 1, 3000};
    for (int i = 0; i < 3; i++) {
        batches[i] = random_batch(schema, sizes[i] / (SLT_SLOW_BUILD ? 10 : 1), &rng);
    }
    check_round_trip(&d, number, batches, 3);
    check_round_trip(&d, number, batches, 1);
    check_round_trip(&d, number, NULL, 0);
    for (int i = 0; i < 3; i++) {
        sl_batch_unref(batches[i]);
    }
    sl_schema_unref(schema);
    slt_duck_end(&d);
}

SL_TEST(duck_pieces_of_batches_are_read_where_they_lie, "")
{
    slt_duck d;
    sl_schema *schema = NULL;
    sli_rng rng = {.state = 8};
    slt_duck_start(&d);
    slt_duck_ok(&d, sl_schema_parse(&schema, all_types, &d.err));
    slt_duck_table(&d, "t", all_types);
    int32_t number = slt_duck_prepare(&d, "SELECT * FROM t");
    sl_batch *whole = random_batch(schema, 500, &rng);
    for (int64_t from = 0; from < 500; from += 61) {
        sl_batch *pieces[2];
        slt_duck_ok(&d, sli_batch_slice(whole, from, from % 5 + 1, &pieces[0], &d.err));
        slt_duck_ok(&d, sli_batch_slice(whole, from / 2, 500 - from, &pieces[1], &d.err));
        check_round_trip(&d, number, pieces, 2);
        sl_batch_unref(pieces[0]);
        sl_batch_unref(pieces[1]);
    }
    sl_batch_unref(whole);
    sl_schema_unref(schema);
    slt_duck_end(&d);
}

SL_TEST(duck_each_column_is_read_alone_too, "")
{
    slt_duck d;
    sl_schema *schema = NULL;
    sli_rng rng = {.state = 9};
    slt_duck_start(&d);
    slt_duck_ok(&d, sl_schema_parse(&schema, all_types, &d.err));
    slt_duck_table(&d, "t", all_types);
    sl_batch *batch = random_batch(schema, 300, &rng);
    const sli_dbs_rows rows = {"t", &batch, 1};
    for (int32_t i = 0; i < sl_schema_columns(schema); i++) {
        char sql[128];
        sl_schema *one = NULL;
        sl_batch *alone = NULL;
        sli_str expected = SLI_STR_INIT;
        (void)snprintf(sql, sizeof sql, "SELECT %s FROM t", sl_schema_field(schema, i)->name);
        slt_duck_ok(&d, sli_schema_select(schema, &i, 1, &one, &d.err));
        const sl_batch *from = batch;
        slt_duck_ok(&d, sli_batch_project(one, &from, &i, &alone, &d.err));
        slt_duck_put_batch(&expected, alone);
        SL_CHECK_TEXT(slt_duck_run(&d, slt_duck_prepare(&d, sql), &rows, 1), expected.data);
        sli_str_reset(&expected);
        sl_batch_unref(alone);
        sl_schema_unref(one);
    }
    sl_batch_unref(batch);
    sl_schema_unref(schema);
    slt_duck_end(&d);
}

SL_TEST(duck_long_strings_are_what_they_were, "")
{
    enum { LONG = 1000000 };
    slt_duck d;
    sl_batch *batch = NULL;
    slt_duck_start(&d);
    slt_duck_table(&d, "t", "s string, y binary");
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    char *text = malloc(LONG);
    assert_non_null(text);
    slt_duck_ok(&d, sl_schema_parse(&schema, "s string, y binary", &d.err));
    slt_duck_ok(&d, sl_builder_new(&builder, schema, &d.err));
    for (int i = 0; i < 3; i++) {
        memset(text, 'a' + i, LONG);
        sl_builder_text(builder, 0, text, LONG);
        memset(text + 1000, 0, 1000);
        sl_builder_text(builder, 1, text, LONG);
    }
    slt_duck_ok(&d, sl_builder_finish(builder, &batch, &d.err));
    check_round_trip(&d, slt_duck_prepare(&d, "SELECT * FROM t"), &batch, 1);
    const sli_dbs_rows rows = {"t", &batch, 1};
    SL_CHECK_TEXT(slt_duck_run(&d, slt_duck_prepare(&d, "SELECT length(s), octet_length(y) FROM t"),
                               &rows, 1),
                  "1000000,1000000;1000000,1000000;1000000,1000000;");
    free(text);
    sl_batch_unref(batch);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    slt_duck_end(&d);
}

// ---------------------------------------------------------------- what comes out only

SL_TEST(duck_types_without_a_twin_come_out_as_the_nearest, "")
{
    slt_duck d;
    slt_duck_start(&d);
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT 170141183460469231731::HUGEINT, -5::HUGEINT"),
                  "170141183460469231731,-5;");
    SL_CHECK_TEXT(
        slt_duck_ask(&d, "SELECT 99999999999999999999999999999999999999::HUGEINT, "
                         "-99999999999999999999999999999999999999::HUGEINT"),
        "99999999999999999999999999999999999999,-99999999999999999999999999999999999999;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT '01234567-89ab-cdef-fedc-ba9876543210'::UUID, "
                                   "'f1234567-89ab-cdef-fedc-ba9876543210'::UUID, NULL::UUID"),
                  "01234567-89ab-cdef-fedc-ba9876543210,f1234567-89ab-cdef-fedc-ba9876543210,~;");
    SL_CHECK_TEXT(
        slt_duck_ask(&d, "SELECT 'or'::ENUM ('be', 'or', 'a label that is long'), 'a label that is "
                         "long'::ENUM ('be', 'or', 'a label that is long')"),
        "or,a label that is long;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT TIMESTAMPTZ '2020-01-01 01:00:00+01'"),
                  "1577836800000000;");
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT sum(x) FROM (VALUES (9223372036854775807), "
                                   "(9223372036854775807)) t(x)"),
                  "18446744073709551614;");
    slt_duck_end(&d);
}

SL_TEST(duck_values_without_a_place_are_bad_data, "")
{
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_refused(&d, "SELECT 100000000000000000000000000000000000000::HUGEINT x", SL_E_DATA);
    SL_CHECK_TEXT(d.err.text, "SQL: column \"x\": a whole number of more than 38 digits");
    slt_duck_refused(&d, "SELECT -100000000000000000000000000000000000000::HUGEINT x", SL_E_DATA);
    slt_duck_refused(&d, "SELECT 'infinity'::TIMESTAMP t", SL_E_DATA);
    slt_duck_refused(&d, "SELECT '-infinity'::DATE t", SL_E_DATA);
    SL_CHECK_TEXT(d.err.text, "SQL: column \"t\": a date that is infinite");
    slt_duck_end(&d);
}

SL_TEST(duck_types_that_are_not_ours_are_told_with_a_cast, "")
{
    static const char *const others[][2] = {
        {"TIME '10:00'", "TIME, which Sluice has not: cast it to VARCHAR"},
        {"INTERVAL 1 DAY", "INTERVAL, which Sluice has not"},
        {"MAP {'a': 1}", "MAP, which Sluice has not"},
        {"[1, 2]::INTEGER[2]", "an ARRAY of fixed size, which Sluice has not"},
        {"'101'::BIT", "BIT, which Sluice has not"},
        {"1::UHUGEINT", "UHUGEINT, which Sluice has not"},
        {"TIMESTAMP_NS '2020-01-01'", "TIMESTAMP_NS, which Sluice has not: cast it to TIMESTAMP"},
        {"[TIME '10:00']", "TIME, which Sluice has not"},
    };
    slt_duck d;
    slt_duck_start(&d);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        char sql[128];
        (void)snprintf(sql, sizeof sql, "SELECT %s AS x", others[i][0]);
        slt_duck_refused(&d, sql, SL_E_UNSUPPORTED);
        if (strstr(d.err.text, others[i][1]) == NULL) {
            fail_msg("%s: %s", sql, d.err.text);
        }
    }
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT NULL AS x"), "~;"); // an INTEGER, says DuckDB
    slt_duck_end(&d);
}

SL_TEST(duck_opaque_columns_have_no_table, "")
{
    slt_duck d;
    sl_schema *schema = NULL;
    slt_duck_start(&d);
    if (sl_schema_parse(&schema, "o opaque", &d.err) == SL_OK) {
        assert_int_equal(sli_dbs_table(d.dbs, "t", schema, -1, &d.err), SL_E_UNSUPPORTED);
    }
    sl_schema_unref(schema);
    slt_duck_ok(&d, sl_schema_parse(&schema, "a int64, A int64", &d.err));
    assert_int_equal(sli_dbs_table(d.dbs, "t", schema, -1, &d.err), SL_E_UNSUPPORTED);
    SL_CHECK_TEXT(d.err.text, "table \"t\": columns \"a\" and \"A\" differ in case only, which SQL "
                              "does not see: rename one");
    sl_schema_unref(schema);
    slt_duck_end(&d);
}

SL_TEST(duck_names_of_columns_become_ours, "")
{
    static const char *const asked[][2] = {
        {"SELECT 1 AS n, 2 AS n, 3 AS \"N\"", "n int32?, n_2 int32?, N_3 int32?"},
        {"SELECT count(*), sum(1), 1 + 2", "count_star int64?, sum_1 decimal(38,0)?, _1_2 int32?"},
        {"SELECT 1 AS \"!!\", 2 AS \"é a\", 3 AS \"9\"", "column1 int32?, a int32?, _9 int32?"},
        {"SELECT 1 AS a_", "a_ int32?"},
    };
    slt_duck d;
    slt_duck_start(&d);
    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        sl_schema *schema = NULL;
        int32_t number = 0;
        slt_duck_ok(&d, sli_dbs_prepare(d.dbs, asked[i][0], &number, &schema, &d.where, &d.err));
        SL_CHECK_TEXT(sl_schema_text(schema), asked[i][1]);
        sl_schema_unref(schema);
    }
    slt_duck_end(&d);
}
