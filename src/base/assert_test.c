#include "base/assert.h"
#include "base/death_int.h"

#include "sl_test.h"

static void break_invariant(void *arg)
{
    int *n = arg;
    SL_ASSERT(*n == 4, "two and two");
}

SL_TEST(assert_says_file_expression_and_why, "")
{
    int five = 5;
    assert_true(slt_dies(break_invariant, &five, "assert_test.c:"));
    assert_true(slt_dies(break_invariant, &five, "*n == 4 (two and two)"));
}

SL_TEST(assert_passes_a_truth, "")
{
    int four = 4;
    break_invariant(&four);
    assert_false(slt_dies(break_invariant, &four, ""));
}
