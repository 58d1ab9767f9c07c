// agg_moments_test.c — variance and stdev: values, far from zero, merged in any cut, broken states.
#include "expr/fixture_test.h"

#include "col/col.h"

#include <math.h>

static const int32_t zero[4096];

static double one_result(const char *text, const sl_batch *in)
{
    sli_agg_plan *plan = slt_plan_of(text, in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 1);
    assert_int_equal(sli_aggs_update(aggs, zero, in, NULL), SL_OK);
    sl_batch *out = slt_take_out(aggs, plan, false, 0, 1);
    double value = sl_column_float64(sl_batch_column(out, 0), 0);
    sl_batch_unref(out);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    return value;
}

SL_TEST(variance_of_a_few_rows_and_of_none, "")
{
    sl_batch *in = slt_batch_of("i int64?, f float64", "2,1.5;4,1.5;4,1.5;4,1.5;5,1.5;5,1.5;7,1.5;"
                                                       "9,1.5;null,1.5;3,0.0");
    int32_t group[10] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
    sli_agg_plan *plan = slt_plan_of("variance(i), stdev(i), var_pop(i), stddev_pop(i), "
                                     "var_samp(i) as s, stddev_samp(i) as t, variance(f)",
                                     in, 0, NULL);
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_result(plan)),
                  "variance_i float64?, stdev_i float64?, var_pop_i float64?, stddev_pop_i "
                  "float64?, s float64?, t float64?, variance_f float64?");
    assert_non_null(strstr(sl_schema_text(sli_agg_plan_partial(plan)),
                           "s float64, s.squares float64, s.rows int64"));
    assert_false(sli_agg_plan_invertible(plan));
    sli_aggs *aggs = slt_aggs_of(plan, 3);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(aggs, plan, 3,
                     "4.0,2.0,4.0,2.0,4.571428571428571,2.138089935299395,0.0;"
                     "0.0,0.0,0.0,0.0,null,null,0.0;null,null,null,null,null,null,null");
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(variance_far_from_zero_is_not_lost, "")
{
    sl_batch *in = slt_batch_of("f float64, i int64",
                                "1000000004.0,9007199254740992;1000000007.0,9007199254740994;"
                                "1000000013.0,9007199254740996;1000000016.0,9007199254740998");
    assert_true(one_result("variance(f)", in) == 22.5); // sum(x^2) - sum(x)^2 / n would give 0
    assert_true(one_result("var_samp(f)", in) == 30.0);
    assert_true(one_result("variance(i)", in) == 5.0);
    sl_batch_unref(in);
}

SL_TEST(merged_moments_are_those_of_one_pass_in_any_cut, "")
{
    enum { ROWS = 4096 };
    sli_rng rng = {31};
    sl_schema *schema = NULL;
    sl_builder *builder = NULL;
    sl_batch *in = NULL;
    assert_int_equal(sl_schema_parse(&schema, "f float64", NULL), SL_OK);
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int i = 0; i < ROWS; i++) {
        sl_builder_float64(builder, 0, 1e6 + (double)sli_rng_below(&rng, 1000) / 7);
    }
    assert_int_equal(sl_builder_finish(builder, &in, NULL), SL_OK);
    double whole = one_result("variance(f)", in);
    for (int64_t step = 1; step < ROWS; step = step * 3 + 1) {
        sli_agg_plan *plan = slt_plan_of("variance(f) as v", in, 0, NULL);
        sli_aggs *merged = slt_aggs_of(plan, 1);
        for (int64_t from = 0; from < ROWS; from += step) {
            sl_batch *part = NULL;
            int64_t n = ROWS - from < step ? ROWS - from : step;
            assert_int_equal(sli_batch_slice(in, from, n, &part, NULL), SL_OK);
            sli_aggs *aggs = slt_aggs_of(plan, 2); // the second of no rows: merges to nothing
            assert_int_equal(sli_aggs_update(aggs, zero, part, NULL), SL_OK);
            sl_batch *partial = slt_take_out(aggs, plan, true, 0, 2);
            assert_int_equal(sli_aggs_merge(merged, zero, partial, NULL), SL_OK);
            sl_batch_unref(partial);
            sl_batch_unref(part);
            sli_aggs_free(aggs);
        }
        sl_batch *out = slt_take_out(merged, plan, false, 0, 1);
        double value = sl_column_float64(sl_batch_column(out, 0), 0);
        assert_true(fabs(value - whole) < 1e-12 * whole);
        sl_batch_unref(out);
        sli_aggs_free(merged);
        sli_agg_plan_free(plan);
    }
    sl_batch_unref(in);
    sl_builder_free(builder);
    sl_schema_unref(schema);
}

SL_TEST(broken_moments_are_refused, "")
{
    sl_batch *in = slt_batch_of("f float64", "1.0");
    sli_agg_plan *plan = slt_plan_of("variance(f) as v", in, 0, NULL);
    static const struct {
        const char *rows;
        sl_code code;
    } cases[] = {
        {"1.0,2.0,3", SL_OK},           {"0.0,0.0,0", SL_OK},
        {"NaN,NaN,4", SL_OK},           {"1.0,2.0,-1", SL_E_CORRUPT},
        {"1.0,-2.0,2", SL_E_CORRUPT},   {"1.0,0.0,0", SL_E_CORRUPT},
        {"1.0,2.0,1", SL_E_CORRUPT},    {"1.0,2.0,9223372036854775807", SL_E_CORRUPT},
        {"null,2.0,3", SL_E_CORRUPT},   {"1.0,null,3", SL_E_CORRUPT},
        {"1.0,2.0,null", SL_E_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_aggs *aggs = slt_aggs_of(plan, 1);
        assert_int_equal(sli_aggs_update(aggs, zero, in, NULL), SL_OK);
        sl_batch *partial = slt_batch_of("v float64?, w float64?, n int64?", cases[i].rows);
        assert_int_equal(sli_aggs_merge(aggs, zero, partial, NULL), cases[i].code);
        sl_batch_unref(partial);
        sli_aggs_free(aggs);
    }
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}
