// agg_quantile_test.c — approx_quantile, approx_quantiles, approx_median as aggregations: types,
// nulls, groups, merged parts, broken states, mistakes.
#include "expr/fixture_test.h"

#include "base/hash.h"
#include "col/col.h"

#include <stdio.h>

SL_TEST(quantiles_of_a_few_rows, "")
{
    sl_batch *in = slt_batch_of("i int64?, f float64?, n int32",
                                "5,1.5,1;null,-0.0,2;1,nan,3;9,null,4;-3,-7.25,5;7,2.5,6");
    int32_t group[6] = {0, 0, 0, 0, 0, 0};
    sli_agg_plan *plan = slt_plan_of(
        "approx_median(i), approx_quantile(f, 0), approx_quantile(f, 0.5) as h, "
        "approx_quantile(f, 1.0, 0.05) as m, approx_quantiles(i, 0, 0.2, 0.21, 1) as l, "
        "approx_median(n), approx_quantile(n, 0.5001) as o",
        in, 0, NULL);
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_partial(plan)),
                  "approx_median_i binary, approx_quantile_f binary, h binary, m binary, l binary, "
                  "approx_median_n binary, o binary");
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_result(plan)),
                  "approx_median_i float64?, approx_quantile_f float64?, h float64?, m float64?, l "
                  "list<float64>, approx_median_n float64?, o float64?");
    SL_CHECK_TEXT(sli_agg_plan_text(plan),
                  "approx_median(i) as approx_median_i, approx_quantile(f, 0) as "
                  "approx_quantile_f, approx_quantile(f, 0.5) as h, approx_quantile(f, 1.0, 0.05) "
                  "as m, approx_quantiles(i, 0, 0.2, 0.21, 1) as l, approx_median(n) as "
                  "approx_median_n, approx_quantile(n, 0.5001) as o");
    assert_false(sli_agg_plan_invertible(plan));
    sli_aggs *aggs = slt_aggs_of(plan, 2);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(aggs, plan, 2,
                     "5.0,-7.25,1.5,NaN,[-3.0 -3.0 1.0 9.0],3.0,4.0;"
                     "null,null,null,null,[],null,null");
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

static sl_batch *random_values(sli_rng *rng, int64_t n, int32_t n_groups, int32_t *group)
{
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_schema_parse(&schema, "v int64?", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = 0; i < n; i++) {
        group[i] = (int32_t)sli_rng_below(rng, (uint64_t)n_groups);
        if (sli_rng_below(rng, 10) == 0) {
            sl_builder_null(builder, 0);
        } else {
            sl_builder_int64(builder, 0, (int64_t)sli_rng_below(rng, 1000000));
        }
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}

// Of uniform numbers below a million a quantile is known without sorting: q million, give or take
// the sample's own spread.
SL_TEST(quantiles_by_group_and_through_parts, "")
{
    enum { ROWS = 60000, GROUPS = 3, PARTS = 60 };
    static int32_t group[ROWS];
    static const int32_t every[GROUPS] = {0, 1, 2};
    sli_rng rng = {12};
    sl_batch *in = random_values(&rng, ROWS, GROUPS, group);
    sli_agg_plan *plan = slt_plan_of("approx_quantiles(v, 0.01, 0.5, 0.99) as q", in, 0, NULL);
    sli_aggs *whole = slt_aggs_of(plan, GROUPS), *merged = slt_aggs_of(plan, GROUPS);
    assert_int_equal(sli_aggs_update(whole, group, in, NULL), SL_OK);
    for (int64_t p = 0; p < PARTS; p++) {
        sl_batch *part = NULL;
        sli_aggs *aggs = slt_aggs_of(plan, GROUPS);
        assert_int_equal(sli_batch_slice(in, p * ROWS / PARTS, ROWS / PARTS, &part, NULL), SL_OK);
        assert_int_equal(sli_aggs_update(aggs, group + p * ROWS / PARTS, part, NULL), SL_OK);
        sl_batch *partial = slt_take_out(aggs, plan, true, 0, GROUPS);
        assert_int_equal(sli_aggs_merge(merged, every, partial, NULL), SL_OK);
        sl_batch_unref(partial);
        sl_batch_unref(part);
        sli_aggs_free(aggs);
    }
    assert_true(sli_aggs_bytes(whole) > GROUPS * 400 * 8);
    assert_true(sli_aggs_bytes(whole) < GROUPS * 30000);
    for (int which = 0; which < 2; which++) {
        sl_batch *out = slt_take_out(which == 0 ? whole : merged, plan, false, 0, GROUPS);
        const double *values = sl_batch_column(out, 0)->children->values;
        for (int g = 0; g < GROUPS; g++) {
            assert_in_range((int64_t)values[3 * g], 0, 25000);
            assert_in_range((int64_t)values[3 * g + 1], 480000, 520000);
            assert_in_range((int64_t)values[3 * g + 2], 975000, 1000000);
        }
        sl_batch_unref(out);
    }
    sli_aggs_free(whole);
    sli_aggs_free(merged);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

// A million groups of three rows are no million large sketches.
SL_TEST(sketches_of_few_rows_take_little_room, "")
{
    enum { GROUPS = 10000 };
    static int32_t group[3 * GROUPS];
    sli_rng rng = {13};
    sl_batch *in = random_values(&rng, 3 * GROUPS, GROUPS, group);
    sli_agg_plan *plan = slt_plan_of("approx_median(v) as m", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, GROUPS);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    assert_true(sli_aggs_bytes(aggs) < GROUPS * 100);
    sl_batch *partial = slt_take_out(aggs, plan, true, 0, GROUPS);
    assert_true(sl_batch_bytes(partial) < GROUPS * 64);
    sl_batch_unref(partial);
    sli_aggs_clear(aggs);
    assert_true(sli_aggs_bytes(aggs) < GROUPS * 60);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(broken_states_of_quantiles_are_found, "")
{
    static const char *const rows[] = {"null", "x", "a state of no sketch"};
    static const int32_t zero[1];
    sl_batch *in = slt_batch_of("v int64", "1");
    sli_agg_plan *plan = slt_plan_of("approx_median(v) as m", in, 0, NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_error err = SL_ERROR_INIT;
        sli_aggs *aggs = slt_aggs_of(plan, 1);
        sl_batch *partial = slt_batch_of("m binary?", rows[i]);
        assert_int_equal(sli_aggs_merge(aggs, zero, partial, &err), SL_E_CORRUPT);
        SL_CHECK_TEXT(err.text, "aggregation m: a partial state that no rows can make");
        sl_batch_unref(partial);
        sli_aggs_free(aggs);
    }
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(mistakes_in_quantiles_are_told, "")
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"approx_quantile(v)", "approx_quantile takes two arguments, or three"},
        {"approx_quantile(v, 1.5)", "a quantile is a number from 0 to 1: 0.99"},
        {"approx_quantile(v, -0.5)", "a quantile is a number from 0 to 1: 0.99"},
        {"approx_quantile(v, v)", "a quantile is a number from 0 to 1: 0.99"},
        {"approx_quantile(v, '0.5')", "a quantile is a number from 0 to 1: 0.99"},
        {"approx_quantile(v, null)", "a quantile is a number from 0 to 1: 0.99"},
        {"approx_quantile(v, 0.5, 0.0001)", "the rank error is a number from 0.0005 to 0.25"},
        {"approx_quantile(v, 0.5, 1)", "the rank error is a number from 0.0005 to 0.25"},
        {"approx_quantile(s, 0.5)", "approx_quantile can't be taken of string"},
        {"approx_median(v, 0.5)", "approx_median takes one argument"},
        {"approx_quantiles(v)", "approx_quantiles takes two arguments or more, at most 17"},
        {"approx_quantiles(v, 0.1, 2)", "a quantile is a number from 0 to 1: 0.99"},
        {"approx_percentile(v, 0.1)", "there is no aggregation"},
        {"aprox_quantile(v, 0.1)", "did you mean \"approx_quantile\"?"},
    };
    sl_batch *in = slt_batch_of("v int64, s string", "1,a");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_agg_plan *plan = NULL;
        sl_error err = SL_ERROR_INIT;
        sl_code rc =
            sli_agg_plan_new(&plan, cases[i].text, sl_batch_schema(in), NULL, 0, NULL, &err);
        if (rc != SL_E_INVALID || strstr(err.text, cases[i].expected) == NULL) {
            fail_msg("%s: code %d, %s", cases[i].text, rc, err.text);
        }
    }
    sl_batch_unref(in);
}
