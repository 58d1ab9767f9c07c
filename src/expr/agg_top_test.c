// agg_top_test.c — approx_top_k as an aggregation: types, order, nulls, groups, parts, mistakes.
#include "expr/fixture_test.h"

#include "col/col.h"

SL_TEST(the_most_frequent_of_a_few_rows, "")
{
    sl_batch *in = slt_batch_of("s string?, f float64?, b bool, d date, i int64",
                                "x,0.0,true,2024-01-01,7;a,-0.0,false,2024-01-01,-7;null,nan,true,"
                                "2024-01-02,9;x,nan,true,2024-01-02,9;a,null,true,2024-01-03,-7;"
                                "a text that is not inlined,1.5,true,2024-01-01,8");
    int32_t group[6] = {0, 0, 0, 0, 0, 0};
    sli_agg_plan *plan = slt_plan_of("approx_top_k(s, 2), approx_top_k(f, 5) as f, approx_top_k(b, "
                                     "1, 7) as b, approx_top_k(d, 2) as d, approx_top_k(i, 10)",
                                     in, 0, NULL);
    SL_CHECK_TEXT(
        sl_schema_text(sli_agg_plan_result(plan)),
        "approx_top_k_s list<struct<value string, count int64, error int64>>, f "
        "list<struct<value float64, count int64, error int64>>, b list<struct<value bool, count "
        "int64, error int64>>, d list<struct<value date, count int64, error int64>>, "
        "approx_top_k_i list<struct<value int64, count int64, error int64>>");
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_partial(plan)),
                  "approx_top_k_s binary, f binary, b binary, d binary, approx_top_k_i binary");
    sli_aggs *aggs = slt_aggs_of(plan, 2);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(aggs, plan, 2,
                     "[a:2:0 x:2:0],[0.0:2:0 NaN:2:0 1.5:1:0],[true:5:0],"
                     "[2024-01-01:3:0 2024-01-02:2:0],[-7:2:0 9:2:0 7:1:0 8:1:0];[],[],[],[],[]");
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(the_most_frequent_through_parts_equal_one_pass_while_they_are_few, "")
{
    enum { ROWS = 3000, GROUPS = 5 };
    static int32_t group[ROWS];
    static const int32_t every[GROUPS] = {0, 1, 2, 3, 4};
    sli_rng rng = {41};
    sl_batch *in = slt_random_rows(&rng, GROUPS, group, ROWS);
    sli_agg_plan *plan = slt_plan_of(
        "approx_top_k(s, 3) as s, approx_top_k(i, 4) as i, approx_top_k(f, 30) as f", in, 0, NULL);
    sli_aggs *whole = slt_aggs_of(plan, GROUPS), *merged = slt_aggs_of(plan, GROUPS);
    assert_int_equal(sli_aggs_update(whole, group, in, NULL), SL_OK);
    for (int64_t from = 0; from < ROWS; from += 500) {
        sl_batch *part = NULL;
        sli_aggs *aggs = slt_aggs_of(plan, GROUPS);
        assert_int_equal(sli_batch_slice(in, from, 500, &part, NULL), SL_OK);
        assert_int_equal(sli_aggs_update(aggs, group + from, part, NULL), SL_OK);
        sl_batch *partial = slt_take_out(aggs, plan, true, 0, GROUPS);
        assert_int_equal(sli_aggs_merge(merged, every, partial, NULL), SL_OK);
        sl_batch_unref(partial);
        sl_batch_unref(part);
        sli_aggs_free(aggs);
    }
    sl_batch *out = slt_take_out(whole, plan, false, 0, GROUPS);
    char *expected = sl_strdup(SLI_TAG_TEST, slt_batch_text(out));
    slt_check_result(merged, plan, GROUPS, expected);
    sl_free(expected);
    sl_batch_unref(out);
    int64_t bytes = sli_aggs_bytes(merged);
    sli_aggs_clear(merged);
    assert_true(sli_aggs_bytes(merged) < bytes);
    sli_aggs_free(whole);
    sli_aggs_free(merged);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

// Found by fuzzing: a text without bytes, alone, has none to lie in.
SL_TEST(the_most_frequent_may_be_an_empty_text, "")
{
    sl_batch *in = slt_batch_of("s string, n int64", ",1;,2");
    int32_t group[2] = {0, 0};
    sli_agg_plan *plan = slt_plan_of("approx_top_k(s, 1, 1)", in, 0, NULL);
    sli_aggs *aggs = slt_aggs_of(plan, 1), *merged = slt_aggs_of(plan, 1);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    sl_batch *partial = slt_take_out(aggs, plan, true, 0, 1);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sli_aggs_merge(merged, group, partial, NULL), SL_OK);
    }
    slt_check_result(merged, plan, 1, "[:4:0]");
    sl_batch_unref(partial);
    sli_aggs_free(aggs);
    sli_aggs_free(merged);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

SL_TEST(mistakes_in_the_most_frequent_are_told, "")
{
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {"approx_top_k(v)", "approx_top_k takes two arguments, or three"},
        {"approx_top_k(v, 0)", "how many values is an integer from 1 to 10000"},
        {"approx_top_k(v, 10001)", "how many values is an integer from 1 to 10000"},
        {"approx_top_k(v, 1.5)", "how many values is an integer from 1 to 10000"},
        {"approx_top_k(v, v)", "how many values is an integer from 1 to 10000"},
        {"approx_top_k(v, 10, 9)", "the capacity is an integer from 10, the values wanted, to"},
        {"approx_top_k(v, 10, 100001)", "the capacity is an integer from 10"},
        {"approx_topk(v, 3)", "did you mean \"approx_top_k\"?"},
    };
    sl_batch *in = slt_batch_of("v int64", "1");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sli_agg_plan *plan = NULL;
        sl_error err = SL_ERROR_INIT;
        sl_code rc =
            sli_agg_plan_new(&plan, cases[i].text, sl_batch_schema(in), NULL, 0, NULL, &err);
        if (rc != SL_E_INVALID || strstr(err.text, cases[i].expected) == NULL) {
            fail_msg("%s: code %d, %s", cases[i].text, rc, err.text);
        }
    }
    static const int32_t zero[1];
    static const char *const broken[] = {"null", "x"};
    for (size_t i = 0; i < 2; i++) {
        sli_agg_plan *plan = slt_plan_of("approx_top_k(v, 3) as t", in, 0, NULL);
        sli_aggs *aggs = slt_aggs_of(plan, 1);
        sl_batch *partial = slt_batch_of("t binary?", broken[i]);
        assert_int_equal(sli_aggs_merge(aggs, zero, partial, NULL), SL_E_CORRUPT);
        sl_batch_unref(partial);
        sli_aggs_free(aggs);
        sli_agg_plan_free(plan);
    }
    sl_batch_unref(in);
}
