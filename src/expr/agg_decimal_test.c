// agg_decimal_test.c — sums, averages and extremes of decimals: by hand at the borders of 64 bits
// and of 38 digits, random rows against a loop, merged in parts and taken back, broken states.
#include "expr/fixture_test.h"

#include "col/col.h"

#include <stdio.h>
#include <string.h>

__extension__ typedef __int128 wide;
__extension__ typedef unsigned __int128 uwide;

enum { ROWS = 500, GROUPS = 3 };

static wide ten_to(int n)
{
    wide value = 1;
    for (int i = 0; i < n; i++) {
        value *= 10;
    }
    return value;
}

static void put(sl_builder *b, int32_t column, wide value)
{
    uint64_t *to = sl_builder_reserve(b, column, 1);
    assert_non_null(to);
    to[0] = (uint64_t)value;
    to[1] = (uint64_t)((uwide)value >> 64);
}

static wide value_at(const sl_batch *batch, int32_t column, int64_t row)
{
    const uint64_t *words = (const uint64_t *)sl_batch_column(batch, column)->values + 2 * row;
    return (wide)(((uwide)words[1] << 64) | words[0]);
}

/// Rows of one decimal column; those that `null` says are null.
static sl_batch *batch_of(const char *schema_text, const wide *values, const bool *null, int64_t n)
{
    sl_schema *schema = NULL;
    sl_builder *b = NULL;
    sl_batch *out = NULL;
    assert_int_equal(sl_schema_parse(&schema, schema_text, NULL), SL_OK);
    assert_int_equal(sl_builder_new(&b, schema, NULL), SL_OK);
    for (int64_t i = 0; i < n; i++) {
        if (null != NULL && null[i]) {
            sl_builder_null(b, 0);
        } else {
            put(b, 0, values[i]);
        }
    }
    assert_int_equal(sl_builder_finish(b, &out, NULL), SL_OK);
    sl_builder_free(b);
    sl_schema_unref(schema);
    return out;
}

static const char list[] = "sum(v) as s, avg(v) as a, min(v) as n, max(v) as m, first(v) as f, "
                           "last(v) as l, count(v) as c";

SL_TEST(decimals_are_added_up_with_38_digits, "")
{
    static const int32_t group[4] = {0};
    wide big = ten_to(18) - 1; // twenty of them are no int64
    const wide values[] = {big, 0, -5, big};
    const bool null[] = {false, true, false, false};
    sl_batch *in = batch_of("v decimal(18,2)?", values, null, 4);
    sli_agg_plan *plan = slt_plan_of(list, in, 0, NULL);
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_result(plan)),
                  "s decimal(38,2)?, a float64?, n decimal(18,2)?, m decimal(18,2)?, "
                  "f decimal(18,2)?, l decimal(18,2)?, c int64");
    sli_aggs *aggs = slt_aggs_of(plan, 2); // the second stays empty
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    sl_batch *out = slt_take_out(aggs, plan, false, 0, 2);
    assert_true(value_at(out, 0, 0) == 2 * big - 5);
    assert_true(sl_column_float64(sl_batch_column(out, 1), 0) ==
                (double)((long double)(2 * big - 5) / 300.0L));
    assert_true(value_at(out, 2, 0) == -5 && value_at(out, 3, 0) == big);
    assert_true(value_at(out, 4, 0) == big && value_at(out, 5, 0) == big);
    assert_int_equal(sl_column_int64(sl_batch_column(out, 6), 0), 3);
    for (int32_t c = 0; c < 6; c++) {
        assert_true(sl_column_is_null(sl_batch_column(out, c), 1));
    }
    sl_batch_unref(out);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(a_sum_of_decimals_with_more_than_38_digits_fails_its_row, "")
{
    static const int32_t group[3] = {0};
    wide most = ten_to(38) - 1;
    for (int sign = -1; sign <= 1; sign += 2) {
        const wide values[] = {sign * (most - 1), sign, sign};
        sl_error err = SL_ERROR_INIT;
        sl_batch *in = batch_of("v decimal(38,0)", values, NULL, 3);
        sli_agg_plan *plan = slt_plan_of("sum(v) as s", in, 0, NULL);
        sli_aggs *aggs = slt_aggs_of(plan, 1);
        assert_int_equal(sli_aggs_update(aggs, group, in, &err), SL_E_DATA);
        assert_non_null(strstr(err.text, "more than 38 digits"));
        sli_aggs_free(aggs);
        sli_agg_plan_free(plan);
        sl_batch_unref(in);
    }
}

/// A sum and rows that can't be of any rows: SL_E_CORRUPT.
SL_TEST(broken_states_of_decimals_are_found, "")
{
    static const int32_t group[1] = {0};
    const struct {
        wide sum;
        int64_t rows;
        bool null;
    } broken[] = {{5, 0, false}, {5, -1, false}, {0, 2, true}, {ten_to(38), 1, false}};
    const wide value = 1;
    sl_batch *in = batch_of("v decimal(9,2)", &value, NULL, 1);
    sli_agg_plan *plan = slt_plan_of("sum(v) as s", in, 0, NULL);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        sl_builder *b = NULL;
        sl_batch *partial = NULL;
        sli_aggs *aggs = slt_aggs_of(plan, 1);
        assert_int_equal(sl_builder_new(&b, sli_agg_plan_partial(plan), NULL), SL_OK);
        if (broken[i].null) {
            sl_builder_null(b, 0);
        } else {
            put(b, 0, broken[i].sum);
        }
        sl_builder_int64(b, 1, broken[i].rows);
        assert_int_equal(sl_builder_finish(b, &partial, NULL), SL_OK);
        assert_int_equal(sli_aggs_merge(aggs, group, partial, NULL), SL_E_CORRUPT);
        sl_batch_unref(partial);
        sl_builder_free(b);
        sli_aggs_free(aggs);
    }
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

// ---------------------------------------------------------------- random rows

typedef struct sums {
    wide sum, min, max, first, last;
    int64_t rows;
} sums;

static sums loop(const wide *values, const bool *null, const int32_t *group, int32_t of)
{
    sums s = {0};
    for (int64_t i = 0; i < ROWS; i++) {
        if (null[i] || group[i] != of) {
            continue;
        }
        s.min = s.rows == 0 || values[i] < s.min ? values[i] : s.min;
        s.max = s.rows == 0 || values[i] > s.max ? values[i] : s.max;
        s.first = s.rows == 0 ? values[i] : s.first;
        s.last = values[i];
        s.sum += values[i];
        s.rows++;
    }
    return s;
}

static void check_rows(const sl_batch *out, const wide *values, const bool *null,
                       const int32_t *group)
{
    for (int32_t g = 0; g < GROUPS; g++) {
        sums s = loop(values, null, group, g);
        assert_true(value_at(out, 0, g) == s.sum);
        assert_true(sl_column_float64(sl_batch_column(out, 1), g) ==
                    (double)((long double)s.sum / ((long double)s.rows * 10000.0L)));
        assert_true(value_at(out, 2, g) == s.min && value_at(out, 3, g) == s.max);
        assert_true(value_at(out, 4, g) == s.first && value_at(out, 5, g) == s.last);
        assert_int_equal(sl_column_int64(sl_batch_column(out, 6), g), s.rows);
    }
}

SL_TEST(random_decimals_in_parts_are_those_of_a_loop, "")
{
    static wide values[ROWS];
    static bool null[ROWS];
    static int32_t group[ROWS];
    static const int32_t every[GROUPS] = {0, 1, 2};
    sli_rng rng = {77};
    for (int i = 0; i < ROWS; i++) {
        wide digits = (wide)sli_rng_below(&rng, UINT64_MAX) * (wide)sli_rng_below(&rng, 1 << 30);
        values[i] = sli_rng_below(&rng, 2) == 0 ? digits : -digits;
        null[i] = sli_rng_below(&rng, 5) == 0;
        group[i] = (int32_t)sli_rng_below(&rng, GROUPS);
    }
    sl_batch *in = batch_of("v decimal(38,4)?", values, null, ROWS);
    sli_agg_plan *plan = slt_plan_of(list, in, 0, NULL);
    sli_aggs *merged = slt_aggs_of(plan, GROUPS);
    for (int64_t from = 0, n; from < ROWS; from += n) {
        sl_batch *part = NULL;
        n = 1 + (int64_t)sli_rng_below(&rng, 120);
        n = n < ROWS - from ? n : ROWS - from;
        assert_int_equal(sli_batch_slice(in, from, n, &part, NULL), SL_OK);
        sli_aggs *aggs = slt_aggs_of(plan, GROUPS);
        assert_int_equal(sli_aggs_update(aggs, group + from, part, NULL), SL_OK);
        sl_batch *partial = slt_take_out(aggs, plan, true, 0, GROUPS);
        assert_int_equal(sli_aggs_merge(merged, every, partial, NULL), SL_OK);
        sl_batch_unref(partial);
        sl_batch_unref(part);
        sli_aggs_free(aggs);
    }
    sl_batch *out = slt_take_out(merged, plan, false, 0, GROUPS);
    check_rows(out, values, null, group);
    sl_batch_unref(out);
    sli_aggs_free(merged);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}
