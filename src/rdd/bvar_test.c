// Broadcast variables: counted in the budget while they are kept, given back once.
#include "rdd/bvar.h"

#include "sl_test.h"

static void count_release(void *ctx)
{
    ++*(int32_t *)ctx;
}

static sl_code lend(void *ctx, int32_t index, sl_loan *out, sl_error *err)
{
    (void)err;
    *out = (sl_loan){"12345678", (size_t)index + 1, count_release, ctx};
    return SL_OK;
}

SL_TEST(values_are_counted_in_the_budget_and_given_back_once, "")
{
    sli_budget *budget = sli_budget_new(1000);
    sli_bvars *vars = NULL;
    int32_t released = 0;
    assert_int_equal(sli_bvars_new(&vars, budget, NULL), SL_OK);
    assert_int_equal(sli_bvars_declare(vars, "one", NULL), SL_OK);
    assert_int_equal(sli_bvars_declare(vars, "two", NULL), SL_OK);
    assert_true(sli_bvars_are_due(vars));
    assert_int_equal(sli_bvars_make(vars, lend, &released, NULL), SL_OK);
    assert_false(sli_bvars_are_due(vars));
    assert_int_equal(sli_budget_used(budget), 3);
    assert_int_equal(sli_bvars_renew(vars, "two", NULL), SL_OK);
    assert_int_equal(sli_budget_used(budget), 3); // until it is made anew
    assert_int_equal(released, 0);
    assert_int_equal(sli_bvars_make(vars, lend, &released, NULL), SL_OK);
    assert_int_equal(released, 1);
    assert_int_equal(sli_budget_used(budget), 3);
    sli_bvars_unset(vars, "one");
    sli_bvars_unset(vars, "one");
    assert_int_equal(released, 2);
    assert_int_equal(sli_budget_used(budget), 2);
    sli_bvars_free(vars);
    assert_int_equal(released, 3);
    assert_int_equal(sli_budget_used(budget), 0);
    sli_budget_free(budget);
}
