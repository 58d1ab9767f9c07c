// agg_test.c — every built-in aggregation: values, nulls, parts merged in order, taken out again;
// plans and errors.
#include "expr/fixture_test.h"

#include "col/col.h"

#include <stdio.h>

enum { GROUPS = 5, ROWS = 3000 };

static const char all_kinds[] =
    "count() as n, count(i) as ni, count(l) as nl, sum(i) as si, sum(f) as sf, avg(i) as ai, "
    "avg(f) as af, min(i) as mi, "
    "max(i) as xi, min(f) as mf, max(f) as xf, min(s) as ms, max(s) as xs, min(b) as mb, max(d) as "
    "xd, first(i) as fi, "
    "last(i) as li, first(s) as fs, last(s) as ls, first(b) as fb, last(t) as lt, list(i) as lsti, "
    "list(s) as lsts, "
    "list(b) as lstb, set(i) as seti, set(s) as sets, set(f) as setf, sum(i * 2 + 1) as e, "
    "count_if(b) as cb, bool_and(b) as bb, bool_or(f > 2) as ob, bit_and(i) as ia, bit_or(i) as "
    "io, bit_xor(i) as ix, product(i) as pi, arg_min(s, i) as asi, arg_max(i, s) as ais, "
    "max_by(f, f) as aff, min_by(s, t) as ast, string_agg(s, ', ') as j, count_distinct(s) as cs, "
    "count_distinct(f) as cf";

// ---------------------------------------------------------------- values

SL_TEST(aggregations_of_a_few_rows, "")
{
    sl_batch *in = slt_expr_batch();
    int32_t group[4] = {0, 1, 0, 0};
    sli_agg_plan *plan = slt_plan_of(
        "count(), count(n), sum(m), avg(m), min(s), max(f), first(w), last(w), list(n), set(b)", in,
        0, NULL);
    SL_CHECK_TEXT(
        sl_schema_text(sli_agg_plan_result(plan)),
        "count int64, count_n int64, sum_m int64?, avg_m float64?, min_s string?, max_f float64?, "
        "first_w string?, last_w string?, list_n list<int64>, set_b list<bool>");
    sli_aggs *aggs = slt_aggs_of(plan, 3);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(
        aggs, plan, 3,
        "3,3,4,1.3333333333333333,,NaN,to,not to be at all,[7 -8 9223372036854775807],[true false];"
        "1,0,0,0.0,null,null,be,be,[],[];"
        "0,0,null,null,null,null,null,null,[],[]");
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(keys_come_first_in_both_schemas, "")
{
    sl_batch *in = slt_expr_batch();
    sli_agg_plan *plan = slt_plan_of("COUNT(*) as c, avg(f) a, avg(m) as i, sum(f)", in, 2, NULL);
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_partial(plan)),
                  "n int64?, m int64, c int64, a float64?, a.rows int64, i int64, i.high int64, "
                  "i.rows int64, "
                  "sum_f float64?, sum_f.rows int64");
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_result(plan)),
                  "n int64?, m int64, c int64, a float64?, i float64?, sum_f float64?");
    SL_CHECK_TEXT(sli_agg_plan_text(plan),
                  "count() as c, avg(f) as a, avg(m) as i, sum(f) as sum_f");
    assert_false(sli_agg_plan_invertible(plan));
    sli_agg_plan_free(plan);
    plan = slt_plan_of("count(), sum(m), avg(m), count(f)", in, 1, NULL);
    assert_true(sli_agg_plan_invertible(plan));
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(some_aggregations_do_not_tell_in_what_order_rows_came, "")
{
    static const struct {
        const char *text;
        bool any;
    } cases[] = {{"count(), sum(m), avg(f), min(n), max(f), count_distinct(n)", true},
                 {"approx_count_distinct(n), bit_xor(m), corr(f, f), stdev(m)", true},
                 {"count(), first(n)", false},
                 {"list(n)", false},
                 {"set(n)", false},
                 {"arg_max(n, m)", false},
                 {"approx_median(m)", false}};
    sl_batch *in = slt_expr_batch();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        sli_agg_plan *plan = slt_plan_of(cases[i].text, in, 1, NULL);
        assert_int_equal(sli_agg_plan_any_order(plan), cases[i].any);
        sli_agg_plan_free(plan);
    }
    sl_batch_unref(in);
}

SL_TEST(avg_of_large_integers_is_exact_until_it_divides, "")
{
    sl_batch *in = slt_batch_of(
        "v int64",
        "9223372036854775807;9223372036854775807;9223372036854775805;-9223372036854775808;"
        "-9223372036854775808;-9223372036854775809");
    int32_t group[6] = {0, 0, 0, 0, 0, 0};
    sli_agg_plan *plan = slt_plan_of("avg(v) as a, sum(v / 1000) as s", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 1);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(aggs, plan, 1, "-0.8333333333333334,0");
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

// Without keys, whole vectors are summed where no sum can leave int64 on the way; wherever that is
// not sure, row by row.
SL_TEST(sums_without_keys_are_those_of_single_rows, "")
{
    enum { N = 5000 };
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *in = NULL;
    assert_int_equal(sl_schema_parse(&schema, "v int64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    static const int64_t hard[] = {1,
                                   -1,
                                   ((int64_t)1 << 50) - 1,
                                   -((int64_t)1 << 50),
                                   (int64_t)1 << 50,
                                   -7,
                                   ((int64_t)1 << 62) - 1,
                                   -((int64_t)1 << 62)};
    for (int64_t base = 0; base < 8;
         base++) { // some vectors of small values, some with a large one
        int64_t want = 0;
        for (int64_t i = 0; i < N; i++) {
            int64_t value = i == 17 || i == 4711 ? hard[(base + i) % 8] : i % 1000 - 500;
            sl_builder_int64(builder, 0, value);
            want += value;
        }
        assert_int_equal(sl_builder_finish(builder, &in, NULL), SL_OK);
        sli_agg_plan *plan = slt_plan_of("sum(v) as s, count() as n", in, 0, NULL);
        sli_aggs *aggs = slt_aggs_of(plan, 2);
        assert_int_equal(sli_aggs_update(aggs, NULL, in, NULL), SL_OK);
        char text[100];
        (void)snprintf(text, sizeof text, "%lld,%d;null,0", (long long)want, N);
        slt_check_result(aggs, plan, 2, text);
        sli_aggs_free(aggs);
        sli_agg_plan_free(plan);
        sl_batch_unref(in);
    }
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

static void check_same_float(const sl_column *a, const sl_column *b)
{
    if (!sl_column_is_null(a, 0)) { // the bits: rows and texts hide the sign of a zero
        assert_memory_equal((const double *)a->values, (const double *)b->values, sizeof(double));
    }
}

static void check_same_states(const sli_aggs *a, const sli_aggs *b, const sli_agg_plan *plan)
{
    sl_batch *x = slt_take_out(a, plan, true, 0, 1), *y = slt_take_out(b, plan, true, 0, 1);
    sli_str left = {.tag = SLI_TAG_TEST}, right = {.tag = SLI_TAG_TEST};
    int32_t columns[80], n = sl_schema_columns(sl_batch_schema(x));
    for (int32_t k = 0; k < n; k++) {
        columns[k] = k;
    }
    sli_row_put(&left, x, columns, n, 0);
    sli_row_put(&right, y, columns, n, 0);
    assert_int_equal(left.size, right.size);
    assert_memory_equal(left.data, right.data, left.size);
    for (int32_t k = 0; k < n; k++) {
        if (sl_schema_field(sl_batch_schema(x), k)->type == SL_FLOAT64) {
            check_same_float(sl_batch_column(x, k), sl_batch_column(y, k));
        }
    }
    sli_str_reset(&left);
    sli_str_reset(&right);
    sl_batch_unref(x);
    sl_batch_unref(y);
}

// Both ways the same rows, then the same partial state.
static void check_without_groups(const char *list, const sl_batch *in)
{
    static const int32_t zero[ROWS];
    sli_agg_plan *plan = slt_plan_of(list, in, 0, NULL);
    sli_aggs *with = slt_aggs_of(plan, 1), *without = slt_aggs_of(plan, 1);
    sl_batch *none, *partial;
    assert_int_equal(sli_batch_slice(in, 0, 0, &none, NULL), SL_OK);
    assert_int_equal(sli_aggs_update(without, NULL, none, NULL), SL_OK);
    check_same_states(with, without, plan);
    assert_int_equal(sli_aggs_update(with, zero, in, NULL), SL_OK);
    assert_int_equal(sli_aggs_update(without, NULL, in, NULL), SL_OK);
    check_same_states(with, without, plan);
    partial = slt_take_out(with, plan, true, 0, 1);
    assert_int_equal(sli_aggs_merge(with, zero, partial, NULL), SL_OK);
    assert_int_equal(sli_aggs_merge(without, NULL, partial, NULL), SL_OK);
    check_same_states(with, without, plan);
    sl_batch_unref(partial);
    sl_batch_unref(none);
    sli_aggs_free(with);
    sli_aggs_free(without);
    sli_agg_plan_free(plan);
}

SL_TEST(one_group_needs_no_group_numbers, "")
{
    sli_rng rng = {23};
    static int32_t unused[ROWS];
    for (int round = 0; round < 20; round++) {
        sl_batch *in = slt_random_rows(&rng, GROUPS, unused, 1 + (int)sli_rng_below(&rng, ROWS));
        check_without_groups(all_kinds, in);
        check_without_groups("variance(f) as v, stdev(i) as d, approx_count_distinct(s) as a, "
                             "min(t) as mt, max(t) as xt, first(f) as ff, last(f) as lf",
                             in);
        sl_batch_unref(in);
    }
}

// Zeros of both signs, NaNs, sums that depend on their order, values near the borders of int64,
// only nulls.
SL_TEST(one_group_of_hard_values_gives_the_same_bits, "")
{
    static const char list[] = "sum(f) as s, avg(f) as a, min(f) as m, max(f) as x, first(f) as p, "
                               "last(f) as l, min(v) as mv, max(v) as xv, avg(v) as av, "
                               "count(v) as c";
    static const char *const rows[] = {
        "null,null;null,null",
        "-0.0,null;0.0,9223372036854775807;null,-9223372036854775808",
        "0.0,9223372036854775807;-0.0,9223372036854775807",
        "null,-9223372036854775808;-0.0,null",
        "NaN,1;-1.5,2;null,3;1.0E300,4;NaN,5",
        "1.0E20,1;1.0,-1;-1.0E20,0;0.1,1125899906842624",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_batch *in = slt_batch_of("f float64?, v int64?", rows[i]);
        check_without_groups(list, in);
        sl_batch_unref(in);
    }
}

SL_TEST(sum_that_leaves_int64_is_an_error, "")
{
    sl_batch *in = slt_batch_of("v int64", "9223372036854775807;0;1");
    int32_t group[3] = {0, 0, 0};
    sl_error err = SL_ERROR_INIT;
    sli_agg_plan *plan = slt_plan_of("sum(v) as total", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 1);
    static const char text[] =
        "row 2: aggregation total: 9223372036854775807 and 1 make a sum that does not fit int64";
    assert_int_equal(sli_aggs_update(aggs, group, in, &err), SL_E_DATA);
    SL_CHECK_TEXT(err.text, text);
    sli_aggs_free(aggs);
    aggs = slt_aggs_of(plan, 1);
    assert_int_equal(sli_aggs_update(aggs, NULL, in, &err), SL_E_DATA);
    SL_CHECK_TEXT(err.text, text);
    sli_aggs_free(aggs);
    aggs = slt_aggs_of(plan, 1);
    sl_batch *first;
    assert_int_equal(sli_batch_slice(in, 0, 2, &first, NULL), SL_OK);
    assert_int_equal(sli_aggs_update(aggs, group, first, &err), SL_OK);
    sl_batch *partial = slt_take_out(aggs, plan, true, 0, 1);
    assert_int_equal(sli_aggs_merge(aggs, group, partial, &err), SL_E_DATA); // twice the largest
    sl_batch_unref(partial);
    sl_batch_unref(first);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

// ---------------------------------------------------------------- parts

SL_TEST(parts_merged_in_order_equal_one_pass, "")
{
    sli_rng rng = {21};
    for (int round = 0; round < 20; round++) {
        static int32_t group[ROWS];
        int32_t every[GROUPS] = {0, 1, 2, 3, 4};
        sl_batch *in = slt_random_rows(&rng, GROUPS, group, ROWS);
        sli_agg_plan *plan = slt_plan_of(all_kinds, in, 0, NULL);
        sli_aggs *whole = slt_aggs_of(plan, GROUPS), *merged = slt_aggs_of(plan, GROUPS);
        assert_int_equal(sli_aggs_update(whole, group, in, NULL), SL_OK);
        for (int64_t from = 0; from < ROWS;) {
            int64_t n = 1 + (int64_t)sli_rng_below(&rng, 1500);
            n = n > ROWS - from ? ROWS - from : n;
            sl_batch *part;
            assert_int_equal(sli_batch_slice(in, from, n, &part, NULL), SL_OK);
            sli_aggs *aggs = slt_aggs_of(plan, GROUPS);
            assert_int_equal(sli_aggs_update(aggs, group + from, part, NULL), SL_OK);
            sl_batch *partial = slt_take_out(aggs, plan, true, 0, GROUPS);
            assert_int_equal(sli_aggs_merge(merged, every, partial, NULL), SL_OK);
            sl_batch_unref(partial);
            sl_batch_unref(part);
            sli_aggs_free(aggs);
            from += n;
        }
        sl_batch *a = slt_take_out(whole, plan, false, 0, GROUPS),
                 *b = slt_take_out(merged, plan, false, 0, GROUPS);
        char *expected = sl_strdup(SLI_TAG_TEST, slt_batch_text(a));
        SL_CHECK_TEXT(slt_batch_text(b), expected);
        sl_free(expected);
        sl_batch_unref(a);
        sl_batch_unref(b);
        assert_true(sli_aggs_bytes(whole) > ROWS); // lists hold them all
        sli_aggs_free(whole);
        sli_aggs_free(merged);
        sli_agg_plan_free(plan);
        sl_batch_unref(in);
    }
}

SL_TEST(lists_longer_than_a_step_are_merged_whole, "")
{
    enum { LONG = 2500 };
    static int32_t group[LONG]; // all of group 0
    sl_batch *one = slt_batch_of("i int64", "5"), *in;
    const sl_batch *copies[LONG];
    for (int i = 0; i < LONG; i++) {
        copies[i] = one;
    }
    assert_int_equal(sli_batch_concat(copies, LONG, &in, NULL), SL_OK);
    sli_agg_plan *plan = slt_plan_of("list(i) as l, set(i) as s, count() as n", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 1), *merged = slt_aggs_of(plan, 1);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    sl_batch *partial = slt_take_out(aggs, plan, true, 0, 1);
    assert_int_equal(sli_aggs_merge(merged, group, partial, NULL), SL_OK);
    assert_int_equal(sli_aggs_merge(merged, group, partial, NULL), SL_OK);
    sl_batch *out = slt_take_out(merged, plan, false, 0, 1);
    const sl_column *list = sl_batch_column(out, 0), *set = sl_batch_column(out, 1);
    assert_int_equal(((const int32_t *)list->values)[1], 2 * LONG);
    assert_int_equal(((const int32_t *)set->values)[1], 1);
    sl_batch_unref(out);
    sl_batch_unref(partial);
    sl_batch_unref(in);
    sl_batch_unref(one);
    sli_aggs_free(aggs);
    sli_aggs_free(merged);
    sli_agg_plan_free(plan);
}

SL_TEST(inverse_takes_out_what_was_put_in, "")
{
    sli_rng rng = {22};
    static int32_t group[ROWS];
    int32_t every[GROUPS] = {0, 1, 2, 3, 4};
    sl_batch *in = slt_random_rows(&rng, GROUPS, group, ROWS), *early, *late;
    sli_agg_plan *plan =
        slt_plan_of("count() as n, count(i) as c, sum(i) as s, avg(i) as a, "
                    "count_if(b) as t, every(b) as e, any(b) as o, bit_xor(i) as x",
                    in, 0, NULL);
    assert_int_equal(sli_batch_slice(in, 0, 1000, &early, NULL), SL_OK);
    assert_int_equal(sli_batch_slice(in, 1000, 2000, &late, NULL), SL_OK);
    sli_aggs *window = slt_aggs_of(plan, GROUPS), *old = slt_aggs_of(plan, GROUPS),
             *fresh = slt_aggs_of(plan, GROUPS);
    assert_int_equal(sli_aggs_update(window, group, in, NULL), SL_OK);
    assert_int_equal(sli_aggs_update(old, group, early, NULL), SL_OK);
    assert_int_equal(sli_aggs_update(fresh, group + 1000, late, NULL), SL_OK);
    sl_batch *partial = slt_take_out(old, plan, true, 0, GROUPS);
    assert_int_equal(sli_aggs_inverse(window, every, partial, NULL), SL_OK);
    sl_batch *wanted = slt_take_out(fresh, plan, false, 0, GROUPS);
    char *expected = sl_strdup(SLI_TAG_TEST, slt_batch_text(wanted));
    slt_check_result(window, plan, GROUPS, expected);
    sl_free(expected);
    sl_batch_unref(wanted);
    // All out: a sum of no rows is null again, not 0.
    sl_batch *rest = slt_take_out(fresh, plan, true, 0, GROUPS);
    assert_int_equal(sli_aggs_inverse(window, every, rest, NULL), SL_OK);
    slt_check_result(window, plan, GROUPS,
                     "0,0,null,null,0,null,null,null;0,0,null,null,0,null,null,null;"
                     "0,0,null,null,0,null,null,null;0,0,null,null,0,null,null,null;"
                     "0,0,null,null,0,null,null,null");
    // More out than was in is a broken state, not a negative count.
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_aggs_inverse(window, every, rest, &err), SL_E_CORRUPT);
    sl_batch_unref(rest);
    sl_batch_unref(partial);
    sl_batch_unref(early);
    sl_batch_unref(late);
    sli_aggs_free(window);
    sli_aggs_free(old);
    sli_aggs_free(fresh);
    sli_agg_plan_free(plan);
    plan = slt_plan_of("min(i) as m", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 1);
    partial = slt_take_out(aggs, plan, true, 0, 1);
    assert_int_equal(sli_aggs_inverse(aggs, every, partial, &err), SL_E_UNSUPPORTED);
    sl_batch_unref(partial);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(groups_grow_are_cleared_and_handed_out_in_ranges, "")
{
    sl_batch *in = slt_batch_of("k int64, s string", "1,a;2,a text that is not inlined;3,c;4,d");
    int32_t group[4] = {0, 1, 0, 1}, later[4] = {70, 71, 72, 70};
    sli_agg_plan *plan = slt_plan_of("count() as n, max(s) as m, set(s) as u", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 2);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    assert_int_equal(sli_aggs_grow(aggs, 73, NULL), SL_OK);
    assert_int_equal(sli_aggs_grow(aggs, 10, NULL), SL_OK); // never shrinks
    assert_int_equal(sli_aggs_update(aggs, later, in, NULL), SL_OK);
    sl_batch *out = slt_take_out(aggs, plan, false, 1, 1);
    SL_CHECK_TEXT(slt_batch_text(out), "2,d,[a text that is not inlined d]");
    sl_batch_unref(out);
    out = slt_take_out(aggs, plan, false, 69, 4);
    SL_CHECK_TEXT(
        slt_batch_text(out),
        "0,null,[];2,d,[a d];1,a text that is not inlined,[a text that is not inlined];1,c,[c]");
    sl_batch_unref(out);
    sl_builder *builder;
    assert_int_equal(sl_builder_new(&builder, sli_agg_plan_result(plan), NULL), SL_OK);
    assert_int_equal(sli_aggs_finish(aggs, 70, 4, builder, NULL), SL_E_INVALID);
    sl_builder_free(builder);
    int64_t bytes = sli_aggs_bytes(aggs);
    sli_aggs_clear(aggs);
    assert_true(sli_aggs_bytes(aggs) <= bytes);
    assert_int_equal(sli_aggs_grow(aggs, 2, NULL), SL_OK);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(aggs, plan, 2, "2,c,[a c];2,d,[a text that is not inlined d]");
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

// ---------------------------------------------------------------- errors

SL_TEST(mistakes_in_aggregations_are_told, "")
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"", "expected a value, found the end"},
        {"summ(m)", "there is no aggregation \"summ\"; did you mean \"sum\"?"},
        {"frobnicate(m)",
         "there is no aggregation \"frobnicate\"; there are count sum min max avg"},
        {"m", "an aggregation is wanted here"},
        {"sum(m) / 2 as x", "an aggregation is wanted here"},
        {"*", "an aggregation is wanted here"},
        {"sum() as x", "sum takes one argument"},
        {"sum(m, m) as x", "sum takes one argument"},
        {"sum(w)", "sum can't be taken of string"},
        {"avg(d)", "avg can't be taken of date"},
        {"sum(*)", "`*` stands alone"},
        {"sum(m + 1)", "this aggregation needs a name"},
        {"sum(mm)", "there is no column \"mm\"; did you mean \"m\"?"},
        {"count(mm)", "there is no column \"mm\"; did you mean \"m\"?"},
        {"sum(m), sum(m)", "\"sum_m\""},
        {"sum(f) as x, count() as \"x.rows\"", "\"x.rows\""},
        {"min(null) as x", "null without a type"},
        {"corr(m) as x", "corr takes two arguments"},
        {"corr(m, w)", "corr can't be taken of int64 and string"},
        {"corr(m, f + 1)", "this aggregation needs a name"},
        {"bool_and(m)", "bool_and can't be taken of int64"},
        {"bit_or(f)", "bit_or can't be taken of float64"},
        {"arg_max(w) as x", "arg_max takes two arguments"},
        {"string_agg(w) as x", "string_agg takes two arguments"},
        {"string_agg(w, 3) as x", "the separator is a text"},
        {"string_agg(w, w) as x", "the separator is a text"},
        {"string_agg(y, ',') as x", "string_agg can't be taken of binary"},
        {"arg_mox(m, f)", "did you mean \"arg_max\"?"},
        {"sum(sum(m)) as x", "there is no function \"sum\""},
    };
    sl_batch *in = slt_expr_batch();
    int32_t key = 0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_agg_plan *plan = NULL;
        sl_error err = SL_ERROR_INIT;
        sl_code rc =
            sli_agg_plan_new(&plan, cases[i].text, sl_batch_schema(in), &key, 1, NULL, &err);
        if (rc != SL_E_INVALID || plan != NULL || strstr(err.text, cases[i].expected) == NULL) {
            fail_msg("%s: code %d, %s (expected: %s)", cases[i].text, rc, err.text,
                     cases[i].expected);
        }
    }
    sli_agg_plan *plan = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(
        sli_agg_plan_new(&plan, "max(l) as x", sl_batch_schema(in), NULL, 0, NULL, &err),
        SL_E_UNSUPPORTED);
    assert_int_equal(sli_agg_plan_new(&plan, "count()", sl_batch_schema(in), NULL, 65, NULL, &err),
                     SL_E_INVALID);
    assert_int_equal(
        sli_agg_plan_new(&plan, "count() as n", sl_batch_schema(in), &key, 1, NULL, &err),
        SL_E_INVALID);
    assert_non_null(strstr(err.text, "two fields are named \"n\""));
    sl_batch_unref(in);
}

SL_TEST(partial_states_of_others_are_refused, "")
{
    sl_batch *in = slt_batch_of("v int64", "1");
    int32_t group[2] = {0, 0};
    sl_error err = SL_ERROR_INIT;
    sli_agg_plan *plan =
        slt_plan_of("sum(v) as s, avg(v) as a, count() as n, list(v) as l", in, 0, NULL);
    static const struct {
        const char *schema, *rows;
        sl_code code;
    } cases[] = {
        {"s int64", "1", SL_E_INVALID},
        {"s float64?, s.rows int64, a int64, a.high int64, a.rows int64, n int64, l list<int64>",
         "1,1,1,1,1,1,1", SL_E_INVALID},
        {"s int64?, s.rows int64, a int64, a.high int64, a.rows int64, n int64, l list<string>",
         "1,1,1,1,1,1,1", SL_E_INVALID},
        {"s int64?, s.rows int64, a int64, a.high int64, a.rows int64, n int64, l list<int64>",
         "null,1,1,1,1,1,1", SL_E_CORRUPT},
        {"s int64?, s.rows int64, a int64, a.high int64, a.rows int64, n int64, l list<int64>",
         "4,0,1,1,1,1,1", SL_E_CORRUPT},
        {"s int64?, s.rows int64, a int64, a.high int64, a.rows int64, n int64, l list<int64>",
         "4,-1,1,1,1,1,1", SL_E_CORRUPT},
        {"s int64?, s.rows int64, a int64, a.high int64, a.rows int64, n int64, l list<int64>",
         "4,1,1,1,-1,1,1", SL_E_CORRUPT},
        {"s int64?, s.rows int64, a int64, a.high int64, a.rows int64, n int64, l list<int64>",
         "4,1,1,1,1,-1,1", SL_E_CORRUPT},
        {"x int64?, y int64, z int64, u int64, v int64, w int64, t list<int64>", "4,1,1,0,1,1,1",
         SL_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_aggs *aggs = slt_aggs_of(plan, 1);
        sl_batch *partial = slt_batch_of(cases[i].schema, cases[i].rows);
        assert_int_equal(sli_aggs_merge(aggs, group, partial, &err), cases[i].code);
        sl_batch_unref(partial);
        sli_aggs_free(aggs);
    }
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

/// A partial state of `rows` rows of v = 1, whose number is the last column.
static sl_code merge_rows(const char *list, const char *schema, const char *before,
                          const char *rows, sli_aggs *aggs, sl_error *err)
{
    static const int32_t group[1] = {0};
    char cells[200];
    (void)snprintf(cells, sizeof cells, "%s%s", before, rows);
    sl_batch *partial = slt_batch_of(schema, cells);
    sl_code rc = sli_aggs_merge(aggs, group, partial, err);
    if (rc != SL_OK && strstr(err->text, "no rows can make") == NULL) {
        fail_msg("%s: %s", list, err->text);
    }
    sl_batch_unref(partial);
    return rc;
}

// A damaged count of rows is found before a row more would leave int64.
SL_TEST(counts_that_nobody_has_made_are_broken, "")
{
    static const struct {
        const char *list, *schema, *before;
    } kinds[] = {
        {"count() as a", "a int64", ""},
        {"count(v) as a", "a int64", ""},
        {"sum(v) as a", "a int64?, b int64", "7,"},
        {"sum(f) as a", "a float64?, b int64", "7,"},
        {"avg(f) as a", "a float64?, b int64", "7,"},
        {"avg(v) as a", "a int64, b int64, c int64", "7,0,"},
        {"variance(v) as a", "a float64, b float64, c int64", "1,2,"},
        {"count_if(b) as a", "a int64, b int64", "1,"},
        {"bit_or(v) as a", "a int64?, b int64", "7,"},
        {"bit_xor(v) as a", "a int64?, b int64", "7,"},
        {"product(v) as a", "a float64?, b int64", "7,"},
        {"corr(v, f) as a", "a float64, b float64, c float64, d float64, e float64, f int64",
         "1,1,2,2,2,"},
    };
    static const int32_t group[1] = {0};
    sl_error err = SL_ERROR_INIT;
    sl_batch *in = slt_batch_of("v int64, f float64, b bool", "1,1.5,true");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        static const char *const broken[] = {"9223372036854775807", "4611686018427387905"};
        sli_agg_plan *plan = slt_plan_of(kinds[i].list, in, 0, NULL);
        for (size_t k = 0; k < 2; k++) {
            sli_aggs *aggs = slt_aggs_of(plan, 1);
            assert_int_equal(
                merge_rows(kinds[i].list, kinds[i].schema, kinds[i].before, broken[k], aggs, &err),
                SL_E_CORRUPT);
            sli_aggs_free(aggs);
        }
        sli_aggs *aggs = slt_aggs_of(plan, 1); // the most there may be, a row more, and then none
        assert_int_equal(merge_rows(kinds[i].list, kinds[i].schema, kinds[i].before,
                                    "4611686018427387904", aggs, &err),
                         SL_OK);
        assert_int_equal(sli_aggs_update(aggs, group, in, &err), SL_OK);
        assert_int_equal(
            merge_rows(kinds[i].list, kinds[i].schema, kinds[i].before, "1", aggs, &err),
            SL_E_CORRUPT);
        sli_aggs_free(aggs);
        sli_agg_plan_free(plan);
    }
    sl_batch_unref(in);
}

SL_TEST(random_texts_of_aggregations_are_planned_or_refused, "")
{
    sl_batch *in = slt_expr_batch();
    sli_rng rng = {24};
    for (int i = 0; i < 20000; i++) {
        char text[300] = "count() as n0, ";
        sli_agg_plan *plan = NULL;
        slt_random_text(&rng, text + strlen(text), 200);
        sl_code rc = sli_agg_plan_new(&plan, text, sl_batch_schema(in), NULL, 0, NULL, NULL);
        assert_true(rc == SL_OK || rc == SL_E_INVALID || rc == SL_E_UNSUPPORTED);
        sli_agg_plan_free(plan);
    }
    sl_batch_unref(in);
}
