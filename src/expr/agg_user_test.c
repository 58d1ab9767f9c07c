// agg_user_test.c — aggregations that the user brings: a row like any other, what they do wrong,
// and memory that is refused anywhere while one runs beside built-in ones.
#include "expr/fixture_test.h"

#include "col/col.h"

typedef struct spread {
    int64_t low, high;
} spread;

static void spread_init(const sl_args *args, void *states, int64_t n)
{
    spread *s = states;
    (void)args;
    for (int64_t i = 0; i < n; i++) {
        s[i] = (spread){INT64_MAX, INT64_MIN};
    }
}

static void spread_fold(spread *s, int64_t low, int64_t high)
{
    s->low = low < s->low ? low : s->low;
    s->high = high > s->high ? high : s->high;
}

static sl_code spread_update(const sl_args *args, void *states, const int32_t *group,
                             const sl_column *const *in, int64_t n_rows, sl_error *err)
{
    (void)args;
    for (int64_t i = 0; i < n_rows; i++) {
        if (sl_column_is_null(in[0], i)) {
            continue;
        }
        int64_t value = sl_column_int64(in[0], i);
        if (value == 666) {
            return sl_error_set(err, SL_E_USER, "beastly row %lld", (long long)i);
        }
        if (value == 667) {
            return SL_E_USER;
        }
        spread_fold((spread *)states + group[i], value, value);
    }
    return SL_OK;
}

static sl_code spread_merge(const sl_args *args, void *states, const int32_t *group,
                            const void *from, int64_t n, sl_error *err)
{
    const spread *parts = from;
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        spread_fold((spread *)states + group[i], parts[i].low, parts[i].high);
    }
    return SL_OK;
}

static sl_code spread_finish(const sl_args *args, const void *states, int64_t n, sl_builder *out,
                             int32_t column, sl_error *err)
{
    const spread *s = states;
    (void)args;
    (void)err;
    for (int64_t i = 0; i < n; i++) {
        if (s[i].low > s[i].high) {
            sl_builder_null(out, column);
        } else {
            sl_builder_int64(out, column, s[i].high - s[i].low);
        }
    }
    return SL_OK;
}

static sl_code bad_finish(const sl_args *args, const void *states, int64_t n, sl_builder *out,
                          int32_t column, sl_error *err)
{
    (void)args;
    (void)states;
    (void)n;
    (void)err;
    sl_builder_int64(out, column, 1);
    return SL_OK;
}

static const sl_agg_fn spread_fn = {.struct_size = sizeof(sl_agg_fn),
                                    .name = "spread",
                                    .in = "int64",
                                    .out = "int64?",
                                    .version = 3,
                                    .state_bytes = sizeof(spread),
                                    .init = spread_init,
                                    .update = spread_update,
                                    .merge = spread_merge,
                                    .finish = spread_finish};

SL_TEST(user_aggregation_is_a_row_like_any_other, "")
{
    const sl_agg_fn *const user[] = {&spread_fn, NULL};
    sl_batch *in =
        slt_batch_of("k int64, v int64?, w int32", "1,5,2;2,null,3;1,9,4;2,-1,-5;3,null,1");
    int32_t group[5] = {0, 1, 0, 1, 2}, every[3] = {0, 1, 2};
    sli_agg_plan *plan =
        slt_plan_of("Spread(v) as s, count() as n, spread(w * 2 + k) as t, spread(w)", in, 0, user);
    SL_CHECK_TEXT(sli_agg_plan_text(plan),
                  "spread{version=3 in=int64 out=int64? state=16}(v) as s, count() as n, "
                  "spread{version=3 in=int64 out=int64? state=16}(((w * 2) + k)) as t, "
                  "spread{version=3 in=int64 out=int64? state=16}(w) as spread_w");
    SL_CHECK_TEXT(sl_schema_text(sli_agg_plan_partial(plan)),
                  "s binary, n int64, t binary, spread_w binary");
    sli_aggs *aggs = slt_aggs_of(plan, 3), *merged = slt_aggs_of(plan, 3);
    assert_int_equal(sli_aggs_update(aggs, group, in, NULL), SL_OK);
    slt_check_result(aggs, plan, 3, "4,2,4,2;0,2,16,8;null,1,0,0");
    sl_batch *partial = slt_take_out(aggs, plan, true, 0, 3);
    assert_int_equal(sli_aggs_merge(merged, every, partial, NULL), SL_OK);
    assert_int_equal(sli_aggs_merge(merged, every, partial, NULL), SL_OK);
    slt_check_result(merged, plan, 3, "4,4,4,2;0,4,16,8;null,2,0,0");
    assert_int_equal(sli_aggs_inverse(merged, every, partial, NULL), SL_E_UNSUPPORTED);
    sl_batch_unref(partial);
    partial = slt_batch_of("s binary, n int64, t binary, spread_w binary", "short,1,x,y");
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_aggs_merge(merged, every, partial, &err), SL_E_CORRUPT);
    SL_CHECK_TEXT(err.text, "aggregation spread: a state of 5 bytes, not 16");
    sl_batch_unref(partial);
    sli_aggs_free(aggs);
    sli_aggs_free(merged);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
}

// User code is told each row's group, also where there is one and nobody has numbered them.
SL_TEST(user_aggregation_of_one_group_gets_group_numbers, "")
{
    enum { LONG = 2500 };
    const sl_agg_fn *const user[] = {&spread_fn, NULL};
    sl_batch *one = slt_batch_of("v int64?", "4;null;9"), *in;
    const sl_batch *copies[LONG];
    for (int i = 0; i < LONG; i++) {
        copies[i] = one;
    }
    assert_int_equal(sli_batch_concat(copies, LONG, &in, NULL), SL_OK);
    sli_agg_plan *plan = slt_plan_of("spread(v) as s", in, 0, user);
    sli_aggs *aggs = slt_aggs_of(plan, 1);
    assert_int_equal(sli_aggs_update(aggs, NULL, one, NULL), SL_OK);
    assert_int_equal(sli_aggs_update(aggs, NULL, in, NULL), SL_OK);
    sl_batch *partial = slt_take_out(aggs, plan, true, 0, 1);
    assert_int_equal(sli_aggs_merge(aggs, NULL, partial, NULL), SL_OK);
    slt_check_result(aggs, plan, 1, "5");
    sl_batch_unref(partial);
    sl_batch_unref(in);
    sl_batch_unref(one);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
}

SL_TEST(failing_user_aggregation_is_named, "")
{
    sl_agg_fn wrong = spread_fn;
    const sl_agg_fn *const user[] = {&wrong, NULL};
    sl_batch *in = slt_batch_of("v int64", "1;666"), *silent = slt_batch_of("v int64", "667");
    int32_t group[2] = {0, 0};
    sl_error err = SL_ERROR_INIT;
    wrong.finish = bad_finish;
    sli_agg_plan *plan = slt_plan_of("spread(v) as s", in, 0, user);
    sli_aggs *aggs = slt_aggs_of(plan, 2);
    assert_int_equal(sli_aggs_update(aggs, group, in, &err), SL_E_USER);
    SL_CHECK_TEXT(err.text, "aggregation spread: beastly row 1");
    assert_int_equal(sli_aggs_update(aggs, group, silent, &err), SL_E_USER);
    SL_CHECK_TEXT(err.text, "aggregation spread failed without saying why");
    assert_int_equal(sli_aggs_update(aggs, group, silent, NULL), SL_E_USER);
    sl_builder *builder;
    assert_int_equal(sl_builder_new(&builder, sli_agg_plan_result(plan), NULL), SL_OK);
    assert_int_equal(sli_aggs_finish(aggs, 0, 2, builder, &err), SL_E_USER);
    assert_non_null(strstr(err.text, "finish appended 1 results for 2 groups"));
    sl_builder_free(builder);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    sl_batch_unref(in);
    sl_batch_unref(silent);
}

SL_TEST(wrong_user_tables_are_refused, "")
{
    sl_batch *in = slt_batch_of("v int64, s string", "1,a");
    static const struct {
        size_t struct_size, state_bytes;
        const char *name, *in, *out, *text, *expected;
    } cases[] = {
        {0, 8, "x", "int64", "int64", "x(v) as y", "without struct_size"},
        {sizeof(sl_agg_fn), 0, "x", "int64", "int64", "x(v) as y", "state_bytes 0"},
        {sizeof(sl_agg_fn), 12, "x", "int64", "int64", "x(v) as y", "state_bytes 12"},
        {sizeof(sl_agg_fn), 264, "x", "int64", "int64", "x(v) as y", "state_bytes 264"},
        {sizeof(sl_agg_fn), 8, "a-b", "int64", "int64", "x(v) as y", "a name that can be called"},
        {sizeof(sl_agg_fn), 8, "Sum", "int64", "int64", "sum(v) as y",
         "the name of a built-in one"},
        {sizeof(sl_agg_fn), 8, "x", NULL, "int64", "x(v) as y", "needs in, out, init"},
        {sizeof(sl_agg_fn), 8, "x", "decimal", "int64", "x(v) as y",
         "a type that expressions don't know"},
        {sizeof(sl_agg_fn), 8, "x", "int64", "int65", "x(v) as y", "unknown type \"int65\""},
        {sizeof(sl_agg_fn), 8, "x", "int64", "int64, z int64", "x(v) as y",
         "must have one result column"},
        {sizeof(sl_agg_fn), 8, "x", "int64", "int64", "x(s) as y",
         "the argument must be int64, this is string"},
        {sizeof(sl_agg_fn), 8, "x", "int64", "int64", "x(v, v) as y", "x takes (int64)"},
        {sizeof(sl_agg_fn), 8, "x", "string, int64", "int64", "x(s, v)",
         "this aggregation needs a name"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sl_agg_fn fn = spread_fn;
        const sl_agg_fn *const user[] = {&fn, NULL};
        sli_agg_plan *plan = NULL;
        sl_error err = SL_ERROR_INIT;
        fn.struct_size = cases[i].struct_size;
        fn.state_bytes = cases[i].state_bytes;
        fn.name = cases[i].name;
        fn.in = cases[i].in;
        fn.out = cases[i].out;
        sl_code rc =
            sli_agg_plan_new(&plan, cases[i].text, sl_batch_schema(in), NULL, 0, user, &err);
        if (rc != SL_E_INVALID || plan != NULL || strstr(err.text, cases[i].expected) == NULL) {
            fail_msg("case %zu: code %d, %s (expected: %s)", i, rc, err.text, cases[i].expected);
        }
    }
    sl_batch_unref(in);
}

// ---------------------------------------------------------------- faults

enum { GROUPS = 5 };

// One plan, fed, handed out, merged; the n-th allocation fails.
static sl_code run_all(const sl_batch *in, const int32_t *group, sl_error *err)
{
    const sl_agg_fn *const user[] = {&spread_fn, NULL};
    sli_agg_plan *plan = NULL;
    sli_aggs *aggs = NULL;
    sl_builder *builder = NULL;
    sl_batch *partial = NULL;
    sl_code rc = sli_agg_plan_new(
        &plan,
        "spread(i) as u, sum(i * 2) as e, min(s) as m, list(s) as l, set(f) as t, arg_max(s, s) "
        "as a, string_agg(s, ', ') as j, approx_median(i) as k, approx_quantile(f, 0.1, 0.25) as "
        "q, "
        "approx_top_k(s, 3, 3) as p, approx_top_k(i, 2, 2) as o",
        sl_batch_schema(in), NULL, 0, user, err);
    rc = rc != SL_OK ? rc : sli_aggs_new(&aggs, plan, NULL, err);
    rc = rc != SL_OK ? rc : sli_aggs_grow(aggs, GROUPS, err);
    rc = rc != SL_OK ? rc : sli_aggs_update(aggs, group, in, err);
    rc = rc != SL_OK ? rc : sl_builder_new(&builder, sli_agg_plan_partial(plan), err);
    rc = rc != SL_OK ? rc : sli_aggs_partial(aggs, 0, GROUPS, builder, err);
    rc = rc != SL_OK ? rc : sl_builder_finish(builder, &partial, err);
    rc = rc != SL_OK ? rc : sli_aggs_merge(aggs, group, partial, err);
    sl_builder_free(builder);
    builder = NULL;
    rc = rc != SL_OK ? rc : sl_builder_new(&builder, sli_agg_plan_result(plan), err);
    rc = rc != SL_OK ? rc : sli_aggs_finish(aggs, 0, GROUPS, builder, err);
    sl_batch_unref(partial);
    sl_builder_free(builder);
    sli_aggs_free(aggs);
    sli_agg_plan_free(plan);
    return rc;
}

SL_TEST(aggregations_survive_refused_memory, "")
{
    sli_rng rng = {23};
    int32_t group[200];
    sl_batch *in = slt_random_rows(&rng, GROUPS, group, 200);
    int64_t before = sli_mem_used(SLI_TAG_EXPR);
    sl_code rc = SL_E_NOMEM;
    for (int64_t n = 1; rc == SL_E_NOMEM; n++) {
        sl_error err = SL_ERROR_INIT;
        assert_true(n < 10000);
        sli_mem_fail_nth(n);
        rc = run_all(in, group, &err);
        sli_mem_fail_nth(0);
        assert_true(rc == SL_OK || err.code == SL_E_NOMEM);
        assert_int_equal(sli_mem_used(SLI_TAG_EXPR), before);
    }
    assert_int_equal(rc, SL_OK);
    sl_batch_unref(in);
}
