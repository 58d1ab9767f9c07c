#include "base/hash.h"

#include <string.h>

#include "sl_test.h"

// Known values: these hashes are in files, so they may never change.
SL_TEST(hash_values_never_change, "")
{
    assert_true(sli_hash64("", 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(sli_hash64(NULL, 0) == UINT64_C(0x2d06800538d394c2));
    assert_true(sli_hash64("a", 1) == UINT64_C(0xe6c632b61e964e1f));
    sli_hash128 empty = sli_hash128_of("", 0);
    assert_true(empty.low == UINT64_C(0x6001c324468d497f));
    assert_true(empty.high == UINT64_C(0x99aa06d3014798d8));
    assert_true(sli_mix64(0) ==
                UINT64_C(0xe220a8397b1dcdaf)); // splitmix64's first output from seed 0
}

// The chain is the plain hash of the previous one's 16 bytes and the data, whichever way it is
// computed.
SL_TEST(hash_chain_is_the_hash_of_both, "")
{
    sli_hash128 previous = {UINT64_C(0x0807060504030201), UINT64_C(0x100f0e0d0c0b0a09)};
    unsigned char all[16 + 3000];
    for (size_t i = 0; i < sizeof(all); i++) {
        all[i] = (unsigned char)(i < 16 ? i + 1 : i * 131 >> 3);
    }
    static const size_t sizes[] = {0, 1, 16, 112, 113, 224, 239, 240, 241, 496, 1024, 3000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        sli_hash128 a = sli_hash128_chain(previous, sizes[i] == 0 ? NULL : all + 16, sizes[i]);
        sli_hash128 b = sli_hash128_of(all, 16 + sizes[i]);
        assert_true(a.low == b.low && a.high == b.high);
    }
}

SL_TEST(hash_of_pieces_is_the_hash_of_the_whole, "")
{
    char all[4000];
    for (size_t i = 0; i < sizeof all; i++) {
        all[i] = (char)(i * 37 >> 2);
    }
    for (size_t piece = 1; piece < sizeof all; piece = piece * 3 + 1) {
        sli_hasher *hasher = sli_hasher_new();
        assert_non_null(hasher);
        for (size_t at = 0; at < sizeof all; at += piece) {
            sli_hasher_add(hasher, all + at, at + piece < sizeof all ? piece : sizeof all - at);
        }
        sli_hash128 a = sli_hasher_end(hasher), b = sli_hash128_of(all, sizeof all);
        assert_true(a.low == b.low && a.high == b.high);
    }
}

SL_TEST(hash_sees_every_bit, "")
{
    unsigned char data[300] = {0};
    static const size_t sizes[] = {1, 8, 17, 129, 241, 300};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        uint64_t plain = sli_hash64(data, sizes[i]);
        sli_hash128 wide = sli_hash128_of(data, sizes[i]);
        for (size_t bit = 0; bit < sizes[i] * 8; bit++) {
            data[bit / 8] ^= (unsigned char)(1U << bit % 8);
            assert_true(sli_hash64(data, sizes[i]) != plain);
            sli_hash128 h = sli_hash128_of(data, sizes[i]);
            assert_true(h.low != wide.low || h.high != wide.high);
            data[bit / 8] ^= (unsigned char)(1U << bit % 8);
        }
    }
}

SL_TEST(hash_rng_repeats_and_stays_below, "")
{
    sli_rng a = {0}, b = {0};
    int64_t seen[7] = {0};
    for (int i = 0; i < 70000; i++) {
        uint64_t x = sli_rng_below(&a, 7);
        assert_true(x == sli_rng_below(&b, 7));
        assert_in_range(x, 0, 6);
        seen[x]++;
    }
    for (int i = 0; i < 7; i++) {
        assert_in_range(seen[i], 9500, 10500);
    }
    assert_int_equal(sli_rng_below(&a, 1), 0);
}
