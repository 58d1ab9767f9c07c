#include "base/bytes.h"

#include "base/arena.h"
#include "base/hash.h"
#include "sl_test.h"

static sl_bytes bytes_of(const sli_str *s)
{
    return (sl_bytes){s->data, s->size};
}

SL_TEST(bytes_have_the_documented_layout, "")
{
    sli_str s = SLI_STR_INIT;
    sli_put_u8(&s, 0xAB);
    sli_put_u32(&s, 0x01020304);
    sli_put_u64(&s, UINT64_C(0x1112131415161718));
    sli_put_i64(&s, -2);
    sli_put_varint(&s, 300);
    sli_put_text(&s, "hi");
    static const unsigned char expected[] = {0xAB, 4,    3,    2,    1,    0x18, 0x17, 0x16, 0x15,
                                             0x14, 0x13, 0x12, 0x11, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF,
                                             0xFF, 0xFF, 0xFF, 0xAC, 0x02, 2,    'h',  'i'};
    assert_int_equal(s.size, sizeof(expected));
    assert_memory_equal(s.data, expected, sizeof(expected));
    sli_str_reset(&s);
}

SL_TEST(bytes_come_back_as_written, "")
{
    sli_str s = SLI_STR_INIT;
    sli_put_u8(&s, 255);
    sli_put_u32(&s, UINT32_MAX);
    sli_put_u64(&s, UINT64_MAX);
    sli_put_i64(&s, INT64_MIN);
    sli_put_bytes(&s, "a\0b", 3);
    sli_put_bytes(&s, NULL, 0);
    sli_put_text(&s, "text");
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_reader r = sli_reader_of(bytes_of(&s));
    assert_int_equal(sli_get_u8(&r), 255);
    assert_int_equal(sli_get_u32(&r), UINT32_MAX);
    assert_true(sli_get_u64(&r) == UINT64_MAX);
    assert_true(sli_get_i64(&r) == INT64_MIN);
    sl_bytes raw = sli_get_bytes(&r);
    assert_int_equal(raw.size, 3);
    assert_memory_equal(raw.data, "a\0b", 3);
    assert_int_equal(sli_get_bytes(&r).size, 0);
    SL_CHECK_TEXT(sli_get_text(&r, arena), "text");
    assert_int_equal(sli_reader_done(&r, "record", NULL), SL_OK);
    sl_arena_free(arena);
    sli_str_reset(&s);
}

SL_TEST(bytes_varints_of_every_length_come_back, "")
{
    for (int bit = 0; bit < 64; bit++) {
        for (int delta = -1; delta <= 1; delta++) {
            uint64_t v = (UINT64_C(1) << bit) + (uint64_t)(int64_t)delta;
            sli_str s = SLI_STR_INIT;
            sli_put_varint(&s, v);
            assert_in_range(s.size, 1, 10);
            for (size_t cut = 0; cut < s.size; cut++) {
                sli_reader part = sli_reader_of((sl_bytes){s.data, cut});
                assert_int_equal(sli_get_varint(&part), 0);
                assert_true(part.bad);
            }
            sli_reader r = sli_reader_of(bytes_of(&s));
            assert_true(sli_get_varint(&r) == v);
            assert_int_equal(sli_reader_done(&r, "varint", NULL), SL_OK);
            sli_str_reset(&s);
        }
    }
}

static bool is_bad_varint(const char *data, size_t size)
{
    sli_reader r = sli_reader_of((sl_bytes){data, size});
    uint64_t v = sli_get_varint(&r);
    return r.bad && v == 0;
}

SL_TEST(bytes_refuse_varints_that_are_too_long, "")
{
    assert_true(is_bad_varint("\x80\x00", 2)); // zero, in two bytes
    assert_true(is_bad_varint("\xFF\x80\x00", 3));
    assert_true(is_bad_varint("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", 10)); // bit 64
    assert_true(is_bad_varint("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x81\x01", 11));
    assert_false(is_bad_varint("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 10));
    assert_true(is_bad_varint("", 0));
    assert_true(is_bad_varint(NULL, 0));
}

SL_TEST(bytes_first_bad_read_sticks, "")
{
    sli_reader r = sli_reader_of((sl_bytes){"\1\2\3\4\5", 5});
    assert_int_equal(sli_get_u64(&r), 0);
    assert_true(r.bad);
    assert_int_equal(sli_get_u8(&r), 0); // though there are bytes left
    assert_int_equal(sli_get_u32(&r), 0);
    assert_int_equal(sli_get_i64(&r), 0);
    assert_null(sli_get_bytes(&r).data);
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    assert_null(sli_get_text(&r, arena));
    sl_arena_free(arena);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_reader_done(&r, "the range", &err), SL_E_CORRUPT);
    SL_CHECK_TEXT(err.text, "the range: a field is cut off or malformed");
}

SL_TEST(bytes_tell_of_bytes_left_over, "")
{
    sli_reader r = sli_reader_of((sl_bytes){"abc", 3});
    sli_get_u8(&r);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_reader_done(&r, "frame", &err), SL_E_CORRUPT);
    SL_CHECK_TEXT(err.text, "frame: 2 bytes are left over");
}

SL_TEST(bytes_refuse_lengths_beyond_the_end_and_zeroes_in_texts, "")
{
    sli_reader r = sli_reader_of((sl_bytes){"\x05"
                                            "abcd",
                                            5});
    assert_null(sli_get_bytes(&r).data);
    assert_true(r.bad);
    r = sli_reader_of((sl_bytes){"\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"
                                 "abcd",
                                 14});
    assert_int_equal(sli_get_bytes(&r).size, 0);
    assert_true(r.bad);
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    r = sli_reader_of((sl_bytes){"\3a\0b", 4});
    assert_null(sli_get_text(&r, arena));
    assert_true(r.bad);
    sl_arena_free(arena);
}

SL_TEST(bytes_text_without_memory_is_null_but_not_bad, "")
{
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sli_reader r = sli_reader_of((sl_bytes){"\2hi", 3});
    sli_mem_fail_nth(1);
    assert_null(sli_get_text(&r, arena));
    sli_mem_fail_nth(0);
    assert_false(r.bad);
    sl_arena_free(arena);
}

// Whatever the bytes are, reading ends, stays inside (the sanitizer watches) and what was read
// encodes to the same.
SL_TEST(bytes_survive_garbage, "")
{
    sli_rng rng = {11};
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    for (int round = 0; round < 20000; round++) {
        size_t size = sli_rng_below(&rng, 24);
        char *data = sl_alloc(SLI_TAG_TEST, size); // a block of its own, so that an overrun is seen
        for (size_t i = 0; i < size; i++) {
            data[i] =
                (char)(sli_rng_below(&rng, 4) == 0 ? sli_rng_next(&rng) : sli_rng_below(&rng, 6));
        }
        sli_reader r = sli_reader_of((sl_bytes){data, size});
        sli_str s = SLI_STR_INIT;
        while (!r.bad && r.at < r.end) {
            size_t start = (size_t)((const char *)r.at - data);
            sli_str_clear(&s);
            if (sli_rng_below(&rng, 2) == 0) {
                sli_put_varint(&s, sli_get_varint(&r));
            } else {
                char *text = sli_get_text(&r, arena);
                sli_put_text(&s, text == NULL ? "" : text);
            }
            if (!r.bad) {
                assert_int_equal((size_t)((const char *)r.at - data), start + s.size);
                assert_memory_equal(s.data, data + start, s.size);
            }
        }
        sli_str_reset(&s);
        sl_arena_reset(arena);
        sl_free(data);
    }
    sl_arena_free(arena);
}

SL_TEST(bytes_few_are_copied_also_over_themselves_and_compared, "")
{
    for (size_t size = 0; size <= SLI_FEW_BYTES; size++) {
        for (size_t shift = 0; shift <= 8; shift++) {
            char bytes[64], want[64];
            for (size_t i = 0; i < sizeof bytes; i++) {
                bytes[i] = want[i] = (char)i;
            }
            memmove(want + 8, want + shift, size);
            sli_copy_few(bytes + 8, bytes + shift, size);
            assert_memory_equal(bytes, want, sizeof want);
        }
        char a[SLI_FEW_BYTES] = {0}, b[SLI_FEW_BYTES] = {0};
        assert_true(sli_few_equal(a, b, size));
        for (size_t i = 0; i < SLI_FEW_BYTES; i++) {
            b[i] = 1;
            assert_int_equal(sli_few_equal(a, b, size), i >= size);
            b[i] = 0;
        }
    }
}

SL_TEST(str_extend_appends_bytes_that_the_caller_writes, "")
{
    sli_str s = SLI_STR_INIT;
    sli_str_text(&s, "ab");
    memcpy(sli_str_extend(&s, 3), "cde", 3);
    assert_string_equal(s.data, "abcde");
    assert_int_equal(s.size, 5);
    sli_mem_fail_nth(1);
    assert_null(sli_str_extend(&s, 1000));
    sli_mem_fail_nth(0);
    assert_int_equal(sli_str_check(&s, "text", NULL), SL_E_NOMEM);
    sli_str_reset(&s);
}

SL_TEST(bytes_zigzag_numbers_are_read_back_and_never_beyond_their_end, "")
{
    static const int64_t values[] = {0, -1, 1, 63, -64, 64, INT32_MAX, INT64_MIN, INT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        sli_str s = SLI_STR_INIT;
        int64_t at = 0, got = 7;
        sli_put_zigzag(&s, values[i]);
        assert_true(sli_take_zigzag(s.data, &at, (int64_t)s.size, &got));
        assert_true(got == values[i] && at == (int64_t)s.size);
        at = 0;
        assert_false(sli_take_zigzag(s.data, &at, (int64_t)s.size - 1, &got));
        sli_str_reset(&s);
    }
    int64_t at = 0, got;
    assert_true(sli_take_zigzag("\x82\x80\x00", &at, 3, &got)); // longer than it must be
    assert_int_equal(got, 1);
    at = 0;
    assert_false(sli_take_zigzag("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02", &at, 10, &got));
}
