// args_test.c — what user functions read from struct sl_args.
#include "expr/fixture_test.h"

#include "base/hash.h"

static void *attached(const void *ctx, const char *name)
{
    return strcmp(name, "table") == 0 ? (void *)(uintptr_t)ctx : NULL;
}

SL_TEST(args_give_values_or_the_default, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_args args = {.text = "by=' ' max=10 rate=2.5 name=\"a\\\"b\" max=12 bad=x",
                    .arena = arena,
                    .epoch = 5,
                    .time_us = 6,
                    .partition = 7};
    SL_CHECK_TEXT(sl_args_text(&args, "by", "-"), " ");
    SL_CHECK_TEXT(sl_args_text(&args, "name", "-"), "a\"b");
    SL_CHECK_TEXT(sl_args_text(&args, "nam", "-"), "-");
    assert_null(sl_args_text(&args, "none", NULL));
    assert_int_equal(sl_args_int64(&args, "max", 1), 12); // the last one given
    assert_int_equal(sl_args_int64(&args, "min", 1), 1);
    assert_int_equal(sl_args_int64(&args, "bad", 3), 3);
    assert_true(sl_args_float64(&args, "rate", 0) == 2.5);
    assert_true(sl_args_float64(&args, "max", 0) == 12.0);
    assert_int_equal(sl_args_epoch(&args), 5);
    assert_int_equal(sl_args_time_us(&args), 6);
    assert_int_equal(sl_args_partition(&args), 7);
    void *memory = sl_args_alloc(&args, 100);
    assert_non_null(memory);
    memset(memory, 1, 100);
    sl_arena_free(arena);
}

SL_TEST(args_random_is_the_seeded_generator, "")
{
    sli_rng a = {9}, b = {9};
    sl_args args = {.rng = &a};
    for (int i = 0; i < 10; i++) {
        assert_true(sl_args_random(&args) == sli_rng_next(&b));
    }
}

SL_TEST(args_state_and_attached_are_passed_on, "")
{
    int table = 0;
    int64_t state = 0;
    sl_args args = {.state = &state, .attached = attached, .attached_ctx = &table};
    assert_ptr_equal(sl_args_state(&args), &state);
    assert_ptr_equal(sl_args_attached(&args, "table"), &table);
    assert_null(sl_args_attached(&args, "other"));
    assert_null(sl_args_attached(&(sl_args){0}, "table"));
    assert_null(sl_args_alloc(&(sl_args){0}, 8));
    SL_CHECK_TEXT(sl_args_text(&(sl_args){0}, "by", "-"), "-");
    assert_int_equal(sl_args_int64(NULL, "by", 4), 4);
}
