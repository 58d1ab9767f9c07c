#include "base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>

#include "base/death_int.h"
#include "sl_test.h"

SL_TEST(mem_blocks_are_aligned_counted_and_freed, "")
{
    int64_t before = sli_mem_used(SLI_TAG_TEST), all_before = sli_mem_used(-1);
    void *blocks[64];
    int64_t sum = 0;
    for (size_t i = 0; i < 64; i++) {
        blocks[i] = sl_alloc(SLI_TAG_TEST, i * 7);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], 0x5A, i * 7);
        sum += (int64_t)i * 7;
    }
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before + sum);
    assert_int_equal(sli_mem_used(-1), all_before + sum);
    for (size_t i = 0; i < 64; i++) {
        sl_free(blocks[i]);
    }
    sl_free(NULL);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before);
}

SL_TEST(mem_zero_and_array_are_zeroed, "")
{
    for (int round = 0; round < 3; round++) { // the second round gets memory that was used before
        char *p = sl_alloc_zero(SLI_TAG_TEST, 1000);
        int32_t *a = sl_alloc_array(SLI_TAG_TEST, 250, sizeof(*a));
        for (int i = 0; i < 1000; i++) {
            assert_int_equal(p[i], 0);
            assert_int_equal(((char *)a)[i], 0);
        }
        memset(p, 1, 1000);
        memset(a, 1, 1000);
        sl_free(p);
        sl_free(a);
    }
}

SL_TEST(mem_refuses_sizes_that_overflow, "")
{
    int64_t before = sli_mem_used(-1);
    static const size_t sizes[] = {SIZE_MAX, SIZE_MAX - 15, SIZE_MAX - 63, SIZE_MAX / 2,
                                   SLI_ALLOC_MAX_BYTES + 1};
    char *kept = sl_strdup(SLI_TAG_TEST, "kept");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        assert_null(sl_alloc(SLI_TAG_TEST, sizes[i]));
        assert_null(sl_alloc_zero(SLI_TAG_TEST, sizes[i]));
        assert_null(sl_alloc_aligned(SLI_TAG_TEST, sizes[i]));
        assert_null(sl_realloc(SLI_TAG_TEST, kept, sizes[i]));
        assert_null(sl_alloc_array(SLI_TAG_TEST, sizes[i], 1));
    }
    assert_null(sl_alloc_array(SLI_TAG_TEST, SIZE_MAX / 4, 8));
    assert_null(
        sl_alloc_array(SLI_TAG_TEST, (size_t)1 << 32, (size_t)1 << 32)); // product 0 modulo 2^64
    assert_null(sl_strndup(SLI_TAG_TEST, "x", SIZE_MAX));
    SL_CHECK_TEXT(kept, "kept");
    sl_free(kept);
    assert_int_equal(sli_mem_used(-1), before);
}

SL_TEST(mem_aligned_blocks_are_aligned_and_padded_with_zeroes, "")
{
    static const size_t sizes[] = {
        0, 1, 63, 64, 65, 4096, ((size_t)2 << 20) - 1, (size_t)2 << 20, ((size_t)5 << 20) + 3};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int64_t before = sli_mem_used(SLI_TAG_BATCH);
        unsigned char *p = sl_alloc_aligned(SLI_TAG_BATCH, sizes[i]);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        size_t padded = (sizes[i] + 63) / 64 * 64;
        memset(p, 0x77, sizes[i]);
        for (size_t j = sizes[i]; j < padded; j++) {
            assert_int_equal(p[j], 0);
        }
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before + (int64_t)padded);
        sl_free(p);
        assert_int_equal(sli_mem_used(SLI_TAG_BATCH), before);
    }
}

SL_TEST(mem_realloc_keeps_bytes_and_moves_between_tags, "")
{
    int64_t test_before = sli_mem_used(SLI_TAG_TEST), env_before = sli_mem_used(SLI_TAG_ENV);
    unsigned char *p = sl_realloc(SLI_TAG_TEST, NULL, 10);
    for (int i = 0; i < 10; i++) {
        p[i] = (unsigned char)i;
    }
    for (size_t size = 11; size < 100000; size = size * 3 / 2) {
        p = sl_realloc(SLI_TAG_TEST, p, size);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(p[i], i);
        }
        assert_int_equal((uintptr_t)p % 16, 0);
    }
    p = sl_realloc(SLI_TAG_ENV, p, 5);
    assert_int_equal(p[4], 4);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), test_before);
    assert_int_equal(sli_mem_used(SLI_TAG_ENV), env_before + 5);
    p = sl_realloc(SLI_TAG_ENV, p, 0);
    assert_non_null(p);
    sl_free(p);
    assert_int_equal(sli_mem_used(SLI_TAG_ENV), env_before);
}

/// Sizes on both sides of the 32 MiB from which a block is pages.
static const size_t grown_sizes[] = {10,
                                     100000,
                                     ((size_t)2 << 20) - 64,
                                     (size_t)2 << 20,
                                     ((size_t)5 << 20) + 3,
                                     (size_t)40 << 20,
                                     ((size_t)3 << 20) + 1,
                                     1000};

static void fill(unsigned char *p, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        p[i] = (unsigned char)(i * 7 + i / 4096);
    }
}

static void check_filled(const unsigned char *p, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        SL_ASSERT(p[i] == (unsigned char)(i * 7 + i / 4096), "a byte has changed");
    }
}

SL_TEST(mem_realloc_keeps_bytes_of_any_size, "")
{
    int64_t before = sli_mem_used(SLI_TAG_TEST);
    unsigned char *p = NULL, *other = NULL;
    size_t size = 0;
    for (size_t i = 0; i < sizeof grown_sizes / sizeof grown_sizes[0]; i++) {
        size_t kept = size < grown_sizes[i] ? size : grown_sizes[i];
        size = grown_sizes[i];
        p = sl_realloc(SLI_TAG_TEST, p, size);
        sl_free(other);
        other =
            sl_alloc(SLI_TAG_TEST, size); // so that the next does not find the place behind free
        assert_non_null(p);
        check_filled(p, kept);
        fill(p, kept, size);
        assert_int_equal(sli_mem_used(SLI_TAG_TEST), before + 2 * (int64_t)size);
    }
    sl_free(other);
    sl_free(p);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before);
}

SL_TEST(mem_realloc_aligned_keeps_bytes_alignment_and_padding, "")
{
    int64_t before = sli_mem_used(SLI_TAG_TEST);
    unsigned char *p = NULL;
    size_t size = 0;
    for (size_t i = 0; i < sizeof grown_sizes / sizeof grown_sizes[0]; i++) {
        size_t kept = size < grown_sizes[i] ? size : grown_sizes[i];
        size = grown_sizes[i];
        p = sl_realloc_aligned(SLI_TAG_TEST, p, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 64, 0);
        check_filled(p, kept);
        fill(p, kept, size);
        for (size_t j = size; j < (size + 63) / 64 * 64; j++) {
            assert_int_equal(p[j], 0);
        }
    }
    sli_mem_fail_nth(1);
    assert_null(sl_realloc_aligned(SLI_TAG_TEST, p, 2 * size));
    sli_mem_fail_nth(0);
    check_filled(p, size);
    sl_free(p);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before);
}

SL_TEST(mem_big_zeroed_blocks_are_zeroed, "")
{
    for (int round = 0; round < 2; round++) {
        size_t size = (size_t)33 << 20;
        unsigned char *p = sl_alloc_zero(SLI_TAG_TEST, size);
        for (size_t i = 0; i < size; i++) {
            SL_ASSERT(p[i] == 0, "a byte of a zeroed block");
        }
        memset(p, 1, size);
        sl_free(p);
    }
}

#ifdef NDEBUG
SL_TEST(mem_freed_big_blocks_go_back_to_the_system, "")
{
    char *big = sl_alloc(SLI_TAG_TEST, (size_t)33 << 20);
    char *page = (char *)(((uintptr_t)big + 4096) & ~(uintptr_t)4095);
    big[0] = 1;
    sl_free(big);
    assert_int_equal(msync(page, 4096, MS_ASYNC), -1); // nothing is mapped there
    assert_int_equal(errno, ENOMEM);
}
#endif

#ifndef NDEBUG
SL_TEST(mem_growth_always_moves_and_fresh_bytes_are_marked, "")
{
    unsigned char *p = sl_alloc(SLI_TAG_TEST, 4);
    assert_int_equal(p[0], 0xCD);
    memset(p, 1, 4);
    uintptr_t old = (uintptr_t)p;
    p = sl_realloc(SLI_TAG_TEST, p, 5);
    assert_true((uintptr_t)p != old);
    assert_int_equal(p[3], 1);
    assert_int_equal(p[4], 0xCD);
    sl_free(p);
}
#endif

SL_TEST(mem_fail_nth_fails_exactly_one_allocation, "")
{
    for (int64_t n = 1; n <= 6; n++) {
        void *blocks[6] = {NULL};
        sli_mem_fail_nth(n);
        blocks[0] = sl_alloc(SLI_TAG_TEST, 1);
        blocks[1] = sl_alloc_zero(SLI_TAG_TEST, 1);
        blocks[2] = sl_alloc_array(SLI_TAG_TEST, 1, 1);
        blocks[3] = sl_alloc_aligned(SLI_TAG_TEST, 1);
        blocks[4] = sl_strdup(SLI_TAG_TEST, "x");
        blocks[5] = sl_realloc(SLI_TAG_TEST, NULL, 1);
        assert_int_equal(sli_mem_count(), 6);
        sli_mem_fail_nth(0);
        assert_int_equal(sli_mem_count(), 0);
        for (int64_t i = 0; i < 6; i++) {
            assert_true((blocks[i] == NULL) == (i == n - 1));
            sl_free(blocks[i]);
        }
    }
}

SL_TEST(mem_failed_realloc_keeps_the_block, "")
{
    char *p = sl_strdup(SLI_TAG_TEST, "still here");
    int64_t used = sli_mem_used(SLI_TAG_TEST);
    sli_mem_fail_nth(1);
    assert_null(sl_realloc(SLI_TAG_TEST, p, 100));
    sli_mem_fail_nth(0);
    SL_CHECK_TEXT(p, "still here");
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), used);
    sl_free(p);
}

static void *allocate_in_thread(void *arg)
{
    int64_t failed = 0;
    for (int i = 0; i < 10000; i++) {
        void *p = sl_alloc(SLI_TAG_TEST, 10);
        failed += p == NULL;
        sl_free(p);
    }
    return failed == 0 && sli_mem_count() == 10000 ? NULL
                                                   : arg; // anything but NULL tells of a failure
}

SL_TEST(mem_counts_over_threads_and_fails_in_one_only, "")
{
    int64_t before = sli_mem_used(SLI_TAG_TEST);
    sli_mem_fail_nth(1); // this thread's next, not theirs
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, allocate_in_thread, &before), 0);
    }
    for (int i = 0; i < 4; i++) {
        void *refused = NULL;
        pthread_join(threads[i], &refused);
        assert_null(refused);
    }
    assert_null(sl_alloc(SLI_TAG_TEST, 1));
    sli_mem_fail_nth(0);
    assert_int_equal(sli_mem_used(SLI_TAG_TEST), before);
}

SL_TEST(mem_copies_texts, "")
{
    char *a = sl_strndup(SLI_TAG_TEST, "abcdef", 3);
    char *b = sl_strndup(SLI_TAG_TEST, NULL, 0);
    SL_CHECK_TEXT(a, "abc");
    SL_CHECK_TEXT(b, "");
    sl_free(a);
    sl_free(b);
}

SL_TEST(mem_tags_have_names_that_differ, "")
{
    for (int i = 0; i < SLI_N_TAGS; i++) {
        assert_non_null(sli_tag_name((sli_tag)i));
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(sli_tag_name((sli_tag)i), sli_tag_name((sli_tag)j));
        }
    }
    SL_CHECK_TEXT(sli_tag_name(SLI_TAG_BLOCK), "block");
    SL_CHECK_TEXT(sli_tag_name(SLI_N_TAGS), "?");
}

SL_TEST(mem_nomem_tells_size_and_purpose, "")
{
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_error_nomem(&err, 123, "the word table"), SL_E_NOMEM);
    assert_non_null(strstr(err.text, "123 bytes for the word table"));
    assert_int_equal(sl_error_nomem(NULL, 123, "x"), SL_E_NOMEM);
}

static void free_foreign(void *arg)
{
    sl_free((char *)arg + 16); // sixteen zero bytes where the header would be
}

static void realloc_aligned(void *arg)
{
    (void)arg;
    sl_free(sl_realloc(SLI_TAG_TEST, sl_alloc_aligned(SLI_TAG_TEST, 1), 2));
}

static void realloc_unaligned(void *arg)
{
    (void)arg;
    sl_free(sl_realloc_aligned(SLI_TAG_TEST, sl_alloc(SLI_TAG_TEST, 1), 2));
}

SL_TEST(mem_stops_at_foreign_pointers_and_moved_alignment, "")
{
    _Alignas(16) char foreign[32] = {0};
    assert_true(slt_dies(free_foreign, foreign, "not a live block"));
    assert_true(slt_dies(realloc_aligned, NULL, "aligned block"));
    assert_true(slt_dies(realloc_unaligned, NULL, "without alignment"));
}
