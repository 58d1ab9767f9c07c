// agg_more_test.c — count_if, bools, bits, product, covariances, arg_min and arg_max, string_agg:
// values by hand, random rows against loops that go through a group's rows one by one, broken
// states.
#include "expr/fixture_test.h"

#include "col/col.h"

#include <math.h>
#include <stdio.h>

enum { ROWS = 600, GROUPS = 4 };

// ---------------------------------------------------------------- values

static void check_values(const char *list, const char *schema, const char *rows,
                         const char *expected)
{
    int32_t group[16] = {0};
    sl_batch *in = slt_batch_of(schema, rows);
    sli_agg_plan *plan = slt_plan_of(list, in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 2); // the second stays empty
    assert_in_range(sl_batch_rows(in), 1, 16);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(aggs, plan, 2, expected);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(bools_and_bits_of_a_few_rows, "")
{
    check_values("count_if(b) as n, bool_and(b) as a, every(b) as e, bool_or(b) as o, any(b) as y",
                 "b bool?", "true;null;false;true",
                 "2,false,false,true,true;0,null,null,null,null");
    check_values("bool_and(b) as a, bool_or(b) as o", "b bool?", "true;null",
                 "true,true;null,null");
    check_values("bool_and(b) as a, bool_or(b) as o", "b bool?", "false", "false,false;null,null");
    check_values("bit_and(v) as a, bit_or(v) as o, bit_xor(v) as x", "v int64?", "12;null;10;-1",
                 "8,-1,-7;null,null,null"); // 12 ^ 10 is 6, ~6 is -7
    check_values("bit_and(v) as a, bit_xor(v) as x", "v int64?", "0", "0,0;null,null");
    check_values("product(v) as p, product(f) as q", "v int64?, f float64?",
                 "2,0.5;-3,null;null,3;4,1", "-24.0,1.5;null,null");
}

// By hand: y = 2 x over 1 to 4, whose variance is 1.25; then products of distances from the means 2
// and 2 that add up to -1, with squares of 2 and 2.
SL_TEST(covariances_of_a_few_rows, "")
{
    check_values("covar_pop(x, y) as p, covar_samp(x, y) as s, corr(x, y) as r",
                 "x int64?, y float64?", "1,2;2,4;3,6;null,100;7,null;4,8",
                 "2.5,3.3333333333333335,1.0;null,null,null");
    check_values("covar_pop(x, y) as p, covar_samp(x, y) as s, corr(x, y) as r",
                 "x float64, y int64", "1,3;2,1;3,2",
                 "-0.3333333333333333,-0.5,-0.5;null,null,null");
    check_values("covar_pop(x, y), covar_samp(x, y), corr(x, y)", "x int64, y int64", "5,7",
                 "0.0,null,null;null,null,null"); // a sample of one; nothing varies
    check_values("corr(x, y)", "x int64, y int64", "5,7;5,8;5,9", "null;null");
    check_values("corr(x, y)", "x float64, y float64", "1e150,-1e150;-1e150,1e150", "-1.0;null");
    check_values("corr(x, y)", "x float64, y float64", "1e-100,1e-100;0,0", "1.0;null");
}

SL_TEST(values_of_the_row_with_the_largest_or_least, "")
{
    check_values("arg_max(x, by) as a, arg_min(x, by) as i, max_by(x, by) as m, min_by(x, by) as n",
                 "x string?, by int64?", "a,3;b,null;a text that is not inlined,9;c,9;null,-2;d,1",
                 "a text that is not inlined,null,a text that is not inlined,null;"
                 "null,null,null,null");
    check_values("arg_max(x, by), arg_min(x, by)", "x int64, by string?", "1,m;2,z;3,zz;4,null;5,a",
                 "3,5;null,null");
    check_values("arg_max(x, by), arg_min(x, by)", "x bool, by float64",
                 "true,1;false,nan;true,-0.0;false,0.0", "false,true;null,null"); // the first zero
    check_values("arg_max(x, by), arg_min(x, by)", "x float64, by timestamp?",
                 "1.5,2024-01-01;2.5,2024-01-02;3.5,null", "2.5,1.5;null,null");
}

SL_TEST(texts_are_joined_in_row_order, "")
{
    check_values("string_agg(s, ', ') as j, string_agg(s, '') as n, string_agg(s, '|')",
                 "s string?", "b;null;a;;c c", "b, a, , c c,bac c,b|a||c c;null,null,null");
    check_values("count_distinct(s), count_distinct(f)", "s string?, f float64?",
                 "a,0.0;a,-0.0;b,nan;null,nan;,null", "3,2;0,0");
}

// ---------------------------------------------------------------- random rows

typedef struct sums {
    int64_t n, n_true, rows_b, rows_i, both;
    int64_t bit_and, bit_or, bit_xor;
    long double x, y;
} sums;

static double number_of(const sl_column *c, int64_t row)
{
    return c->type == SL_FLOAT64 ? sl_column_float64(c, row) : (double)sl_column_int64(c, row);
}

static sums add_up(const sl_batch *in, const int32_t *group, int32_t of)
{
    const sl_column *i = sl_batch_column(in, 0), *d = sl_batch_column(in, 4),
                    *b = sl_batch_column(in, 3);
    sums s = {.bit_and = -1};
    for (int64_t row = 0; row < sl_batch_rows(in); row++) {
        if (group[row] != of) {
            continue;
        }
        if (!sl_column_is_null(b, row)) {
            s.rows_b++;
            s.n_true += sl_column_bool(b, row);
        }
        if (!sl_column_is_null(i, row)) {
            int64_t value = sl_column_int64(i, row);
            s.rows_i++;
            s.bit_and &= value;
            s.bit_or |= value;
            s.bit_xor ^= value;
            s.x += (long double)value;
            s.y += (long double)(value * value + ((const int32_t *)d->values)[row]);
        }
    }
    return s;
}

// (x - mean x) (y - mean y), added up in a second pass.
static long double products(const sl_batch *in, const int32_t *group, int32_t of, const sums *s,
                            int which)
{
    const sl_column *i = sl_batch_column(in, 0), *d = sl_batch_column(in, 4);
    long double sum = 0, mean_x = s->x / (long double)s->rows_i,
                mean_y = s->y / (long double)s->rows_i;
    for (int64_t row = 0; row < sl_batch_rows(in); row++) {
        if (group[row] == of && !sl_column_is_null(i, row)) {
            int64_t value = sl_column_int64(i, row);
            long double x = (long double)value - mean_x;
            long double y =
                (long double)(value * value + ((const int32_t *)d->values)[row]) - mean_y;
            sum += which == 0 ? x * x : which == 1 ? y * y : x * y;
        }
    }
    return sum;
}

static void check_near(const sl_batch *out, int32_t column, int32_t group, long double expected)
{
    double got = number_of(sl_batch_column(out, column), group);
    assert_false(sl_column_is_null(sl_batch_column(out, column), group));
    if (fabsl((long double)got - expected) > 1e-12L * (1 + fabsl(expected))) {
        fail_msg("column %d of group %d: %.17g, not %.17Lg", column, group, got, expected);
    }
}

static void check_group(const sl_batch *out, const sl_batch *in, const int32_t *group, int32_t g)
{
    sums s = add_up(in, group, g);
    int64_t ints[] = {s.n_true, s.bit_and, s.bit_or, s.bit_xor};
    for (int32_t k = 0; k < 4; k++) {
        const sl_column *c = sl_batch_column(out, k);
        assert_int_equal(sl_column_is_null(c, g), k > 0 && s.rows_i == 0);
        if (k == 0 || s.rows_i > 0) {
            assert_int_equal(sl_column_int64(c, g), ints[k]);
        }
    }
    assert_int_equal(sl_column_is_null(sl_batch_column(out, 4), g), s.rows_b == 0);
    if (s.rows_b > 0) {
        assert_int_equal(sl_column_bool(sl_batch_column(out, 4), g), s.n_true == s.rows_b);
        assert_int_equal(sl_column_bool(sl_batch_column(out, 5), g), s.n_true > 0);
    }
    if (s.rows_i < 2) {
        return;
    }
    long double xx = products(in, group, g, &s, 0), yy = products(in, group, g, &s, 1),
                xy = products(in, group, g, &s, 2), n = (long double)s.rows_i;
    check_near(out, 6, g, xy / n);
    check_near(out, 7, g, xy / (n - 1));
    if (xx > 0 && yy > 0) {
        check_near(out, 8, g, xy / sqrtl(xx * yy));
    }
}

// Folds the rows in parts of random size, each into states of its own that are merged.
static sli_aggs *merged_parts(sli_rng *rng, const sli_agg_plan *plan, const sl_batch *in,
                              const int32_t *group)
{
    static const int32_t every[GROUPS] = {0, 1, 2, 3};
    sli_aggs *merged = slt_aggs_of(plan, GROUPS);
    for (int64_t from = 0, n; from < sl_batch_rows(in); from += n) {
        int64_t left = sl_batch_rows(in) - from;
        sl_batch *part;
        n = 1 + (int64_t)sli_rng_below(rng, 200);
        n = n < left ? n : left;
        assert_int_equal(sli_batch_slice(in, from, n, &part, NULL), SL_OK);
        sli_aggs *aggs = slt_aggs_of(plan, GROUPS);
        assert_int_equal(sli_aggs_update(aggs, group + from, part, NULL), SL_OK);
        sl_batch *partial = slt_take_out(aggs, plan, true, 0, GROUPS);
        assert_int_equal(sli_aggs_merge(merged, every, partial, NULL), SL_OK);
        sl_batch_unref(partial);
        sl_batch_unref(part);
        sli_aggs_free(aggs);
    }
    return merged;
}

SL_TEST(random_rows_equal_loops_over_each_group, "")
{
    sli_rng rng = {31};
    static int32_t group[ROWS];
    for (int round = 0; round < 100; round++) {
        sl_batch *in = slt_random_rows(&rng, GROUPS, group, 1 + (int)sli_rng_below(&rng, ROWS));
        sli_agg_plan *plan = slt_plan_of(
            "count_if(b) as n, bit_and(i) as ba, bit_or(i) as bo, bit_xor(i) as bx, "
            "bool_and(b) as a, bool_or(b) as o, covar_pop(i, i * i + (d - date '1970-01-01')) as "
            "cp, covar_samp(i, i * i + (d - date '1970-01-01')) as cs, "
            "corr(i, i * i + (d - date '1970-01-01')) as r",
            in, 0, NULL);
        sli_aggs *whole = slt_aggs_of(plan, GROUPS), *merged = merged_parts(&rng, plan, in, group);
        assert_int_equal(sli_aggs_update(whole, group, in, NULL), SL_OK);
        sl_batch *a = slt_take_out(whole, plan, false, 0, GROUPS),
                 *b = slt_take_out(merged, plan, false, 0, GROUPS);
        for (int32_t g = 0; g < GROUPS; g++) {
            check_group(a, in, group, g);
            check_group(b, in, group, g);
        }
        sl_batch_unref(a);
        sl_batch_unref(b);
        sli_aggs_free(whole);
        sli_aggs_free(merged);
        sli_agg_plan_free(plan);
        sl_batch_unref(in);
    }
}

static sl_text text_at(const sl_column *c, int64_t row)
{
    return sl_column_is_null(c, row) ? (sl_text){0} : sl_column_text(c, row);
}

// The row of the group with the largest i, the first of equals; -1: none.
static int64_t best_row(const sl_batch *in, const int32_t *group, int32_t of)
{
    const sl_column *i = sl_batch_column(in, 0);
    int64_t best = -1;
    for (int64_t row = 0; row < sl_batch_rows(in); row++) {
        bool counts = group[row] == of && !sl_column_is_null(i, row);
        if (counts && (best < 0 || sl_column_int64(i, row) > sl_column_int64(i, best))) {
            best = row;
        }
    }
    return best;
}

SL_TEST(random_rows_choose_and_join_as_loops_do, "")
{
    sli_rng rng = {32};
    static int32_t group[ROWS];
    for (int round = 0; round < 100; round++) {
        sl_batch *in = slt_random_rows(&rng, GROUPS, group, 1 + (int)sli_rng_below(&rng, ROWS));
        const sl_column *s = sl_batch_column(in, 2);
        sli_agg_plan *plan =
            slt_plan_of("arg_max(s, i) as a, string_agg(s, '; ') as j", in, 0, NULL);
        sli_aggs *merged = merged_parts(&rng, plan, in, group);
        sl_batch *out = slt_take_out(merged, plan, false, 0, GROUPS);
        for (int32_t g = 0; g < GROUPS; g++) {
            int64_t best = best_row(in, group, g);
            bool null = best < 0 || sl_column_is_null(s, best);
            sli_str joined = {.tag = SLI_TAG_TEST};
            assert_int_equal(sl_column_is_null(sl_batch_column(out, 0), g), null);
            sl_text wanted = null ? (sl_text){0} : text_at(s, best);
            assert_true(sli_text_equal(text_at(sl_batch_column(out, 0), g), wanted));
            for (int64_t row = 0; row < sl_batch_rows(in); row++) {
                if (group[row] == g && !sl_column_is_null(s, row)) {
                    sl_text text = text_at(s, row);
                    sli_str_text(&joined, joined.size > 0 ? "; " : "");
                    sli_str_add(&joined, text.data, text.size);
                }
            }
            wanted = (sl_text){joined.data, joined.size};
            assert_true(sli_text_equal(text_at(sl_batch_column(out, 1), g), wanted));
            sli_str_reset(&joined);
        }
        sl_batch_unref(out);
        sli_aggs_free(merged);
        sli_agg_plan_free(plan);
        sl_batch_unref(in);
    }
}

// 1e9 + 1, 1e9 + 2, ...: what textbook sums of products lose.
SL_TEST(covariances_far_from_zero_keep_their_digits, "")
{
    enum { N = 1000 };
    static int32_t group[N];
    sl_schema *schema;
    sl_builder *builder;
    sl_batch *in;
    assert_int_equal(sl_schema_parse(&schema, "x float64, y float64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int i = 0; i < N; i++) {
        sl_builder_float64(builder, 0, 1e9 + i);
        sl_builder_float64(builder, 1, -1e9 - 2.0 * i);
    }
    assert_int_equal(sl_builder_finish(builder, &in, NULL), SL_OK);
    sli_agg_plan *plan = slt_plan_of("covar_pop(x, y) as c, corr(x, y) as r", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 1);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    sl_batch *out = slt_take_out(aggs, plan, false, 0, 1);
    check_near(out, 0, 0, -2.0L * (N * N - 1) / 12); // of 0 .. N - 1 the variance is (N^2 - 1) / 12
    check_near(out, 1, 0, -1);
    sl_batch_unref(out);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

// ---------------------------------------------------------------- broken states

SL_TEST(broken_states_of_folds_pairs_and_choices_are_found, "")
{
    static const struct {
        const char *list, *schema, *rows;
        sl_code code;
    } cases[] = {
        {"bool_and(b) as a", "a int64, b int64", "1,1", SL_OK},
        {"bool_and(b) as a", "a int64, b int64", "2,1", SL_E_CORRUPT},
        {"bool_and(b) as a", "a int64, b int64", "-1,1", SL_E_CORRUPT},
        {"bool_and(b) as a", "a int64?, b int64", "null,0", SL_E_CORRUPT},
        {"count_if(b) as a", "a int64, b int64", "0,9223372036854775807;0,1", SL_E_CORRUPT},
        {"bit_or(v) as a", "a int64?, b int64", "7,1", SL_OK},
        {"bit_or(v) as a", "a int64?, b int64", "7,0", SL_E_CORRUPT},
        {"bit_or(v) as a", "a int64?, b int64", "null,1", SL_E_CORRUPT},
        {"bit_and(v) as a", "a int64?, b int64", "1,-1", SL_E_CORRUPT},
        {"product(v) as a", "a float64?, b int64", "null,2", SL_E_CORRUPT},
        {"product(v) as a", "a float64?, b int64", "2,0", SL_E_CORRUPT},
        {"corr(v, v) as a", "a float64, b float64, c float64, d float64, e float64, f int64",
         "1,1,2,2,2,3", SL_OK},
        {"corr(v, v) as a", "a float64, b float64, c float64, d float64, e float64, f int64",
         "1,1,-2,2,2,3", SL_E_CORRUPT},
        {"corr(v, v) as a", "a float64, b float64, c float64, d float64, e float64, f int64",
         "1,1,2,2,2,0", SL_E_CORRUPT},
        {"corr(v, v) as a", "a float64, b float64, c float64, d float64, e float64, f int64",
         "1,1,2,2,2,-4", SL_E_CORRUPT},
        {"corr(v, v) as a", "a float64?, b float64, c float64, d float64, e float64, f int64",
         "null,1,2,2,2,4", SL_E_CORRUPT},
        {"arg_max(v, v) as a", "a int64?, b int64?", "null,7", SL_OK},
        {"arg_max(v, v) as a", "a int64?, b int64?", "null,null", SL_OK},
        {"arg_max(v, v) as a", "a int64?, b int64?", "7,null", SL_E_CORRUPT},
        {"arg_max(v, v) as a", "a int64?, b string?", "7,x", SL_E_INVALID},
    };
    static const int32_t group[2];
    sl_batch *in = slt_batch_of("v int64, b bool", "1,true");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_agg_plan *plan = slt_plan_of(cases[i].list, in, 0, NULL);
        sli_aggs *aggs = slt_aggs_of(plan, 1);
        sl_batch *partial = slt_batch_of(cases[i].schema, cases[i].rows);
        sl_code rc = sli_aggs_merge(aggs, group, partial, NULL);
        if (rc != cases[i].code) {
            fail_msg("%s of %s: code %d", cases[i].list, cases[i].rows, rc);
        }
        sl_batch_unref(partial);
        sli_aggs_free(aggs);
        sli_agg_plan_free(plan);
    }
    sl_batch_unref(in);
}
