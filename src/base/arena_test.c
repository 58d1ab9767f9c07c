#include "base/arena.h"

#include <string.h>

#include "sl_test.h"

SL_TEST(arena_hands_out_aligned_bytes_that_do_not_overlap, "")
{
    int64_t before = sli_mem_used(SLI_TAG_TEST);
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    unsigned char *blocks[2000];
    for (size_t i = 0; i < 2000; i++) {
        blocks[i] = sl_arena_alloc(arena, i % 211);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)(i % 251), i % 211);
    }
    for (size_t i = 0; i < 2000; i++) {
        for (size_t j = 0; j < i % 211; j++) {
            assert_int_equal(blocks[i][j], i % 251);
        }
    }
    assert_true(sl_arena_used(arena) >= 2000 * 105);
    sl_arena_free(arena);
    sl_arena_free(NULL);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before);
}

SL_TEST(arena_reset_forgets_and_keeps_the_first_chunk, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    void *first = sl_arena_alloc(arena, 100);
    int64_t small = sli_mem_used(SLI_TAG_TEST);
    for (int i = 0; i < 100; i++) {
        assert_non_null(sl_arena_alloc(arena, 10000));
    }
    assert_true(sli_mem_used(SLI_TAG_TEST) > small + 1000000);
    sl_arena_reset(arena);
    assert_int_equal(sl_arena_used(arena), 0);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), small);
    assert_ptr_equal(sl_arena_alloc(arena, 100), first); // and no call to malloc
    sl_arena_reset(arena);
    sl_arena_reset(arena);
    sl_arena_free(arena);
}

#ifndef NDEBUG
SL_TEST(arena_reset_overwrites_what_it_takes_back, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    char *p = sl_arena_strdup(arena, "secret of the last epoch");
    sl_arena_reset(arena);
    char *again = sl_arena_alloc(arena, 25);
    assert_ptr_equal(again, p);
    for (int i = 0; i < 25; i++) {
        assert_int_equal((unsigned char)again[i], 0xDB);
    }
    sl_arena_free(arena);
}
#endif

SL_TEST(arena_large_requests_leave_the_open_chunk_open, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    char *a = sl_arena_alloc(arena, 16);
    char *large = sl_arena_alloc(arena, (size_t)3 << 20);
    char *b = sl_arena_alloc(arena, 16);
    assert_ptr_equal(b, a + 16);
    memset(large, 1, (size_t)3 << 20);
    sl_arena_free(arena);

    arena = sl_arena_new(SLI_TAG_TEST); // also when the large one comes first
    int64_t before = sli_mem_used(SLI_TAG_TEST);
    assert_non_null(sl_arena_alloc(arena, (size_t)3 << 20));
    sl_arena_reset(arena);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before); // a large chunk is never the one kept
    sl_arena_free(arena);
}

SL_TEST(arena_refuses_absurd_sizes_and_goes_on, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    assert_null(sl_arena_alloc(arena, SIZE_MAX));
    assert_null(sl_arena_alloc(arena, SIZE_MAX - 8));
    assert_null(sl_arena_alloc(arena, SLI_ALLOC_MAX_BYTES));
    assert_null(sl_arena_alloc_zero(arena, SIZE_MAX / 2));
    assert_int_equal(sl_arena_used(arena), 0);
    assert_non_null(sl_arena_alloc(arena, 1));
    sl_arena_free(arena);
}

SL_TEST(arena_survives_any_one_refused_allocation, "")
{
    bool reached = true;
    for (int64_t n = 1; reached; n++) {
        int64_t before = sli_mem_used(SLI_TAG_TEST);
        sli_mem_fail_nth(n);
        sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
        int refused = arena == NULL;
        for (size_t i = 0; arena != NULL && i < 50; i++) {
            char *p = sl_arena_alloc_zero(arena, i * 97 + (i == 30 ? 2000000 : 0));
            refused += p == NULL;
        }
        reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        assert_int_equal(refused, reached ? 1 : 0);
        sl_arena_free(arena);
        assert_int_equal(sli_mem_used(SLI_TAG_TEST), before);
    }
}

SL_TEST(arena_copies_and_formats, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    SL_CHECK_TEXT(sl_arena_strdup(arena, "abc"), "abc");
    SL_CHECK_TEXT(sl_arena_strdup(arena, ""), "");
    SL_CHECK_TEXT(sl_arena_printf(arena, "%s-%d", "x", 12), "x-12");
    char *wide = sl_arena_printf(arena, "%9000d", 7);
    assert_int_equal(strlen(wide), 9000);
    assert_int_equal(wide[8999], '7');
    assert_memory_equal(sl_arena_copy(arena, "a\0b", 3), "a\0b", 3);
    assert_non_null(sl_arena_copy(arena, NULL, 0));
    char *zero = sl_arena_alloc_zero(arena, 333);
    for (int i = 0; i < 333; i++) {
        assert_int_equal(zero[i], 0);
    }
    sl_arena_free(arena);
}
