/// bits.c — bitmaps of validity and bools: copying at any bit offset, filling and counting.

#include "col/col_int.h"

#include <string.h>

void sli_bits_copy(uint8_t *to, int64_t to_bit, const uint8_t *from, int64_t from_bit, int64_t n)
{
    int64_t i = 0;
    for (; i < n && ((to_bit + i) & 7) != 0; i++) {
        sli_bits_set(to, to_bit + i, 1, sli_bit(from, from_bit + i));
    }
    uint8_t *out = to + ((to_bit + i) >> 3);
    const uint8_t *in = from + ((from_bit + i) >> 3);
    int shift = (int)((from_bit + i) & 7);
    int64_t whole = (n - i) / 8;
    if (shift == 0 && whole > 0) {
        memcpy(out, in, (size_t)whole);
    } else {
        for (int64_t k = 0; k < whole; k++) {
            out[k] = (uint8_t)(in[k] >> shift | in[k + 1] << (8 - shift));
        }
    }
    for (i += whole * 8; i < n; i++) {
        sli_bits_set(to, to_bit + i, 1, sli_bit(from, from_bit + i));
    }
}

void sli_bits_set(uint8_t *bits, int64_t from, int64_t n, bool value)
{
    int64_t i = from, end = from + n;
    for (; i < end && (i & 7) != 0; i++) {
        uint8_t mask = (uint8_t)(1U << (i & 7));
        bits[i >> 3] = (uint8_t)(value ? bits[i >> 3] | mask : bits[i >> 3] & ~mask);
    }
    int64_t whole = (end - i) / 8;
    if (whole > 0) {
        memset(bits + (i >> 3), value ? 0xff : 0, (size_t)whole);
    }
    for (i += whole * 8; i < end; i++) {
        uint8_t mask = (uint8_t)(1U << (i & 7));
        bits[i >> 3] = (uint8_t)(value ? bits[i >> 3] | mask : bits[i >> 3] & ~mask);
    }
}

int64_t sli_bits_count(const uint8_t *bits, int64_t from, int64_t n)
{
    int64_t count = 0, i = from, end = from + n;
    for (; i < end && (i & 7) != 0; i++) {
        count += sli_bit(bits, i);
    }
    for (; i + 64 <= end; i += 64) {
        uint64_t word;
        memcpy(&word, bits + (i >> 3), sizeof word);
        count += __builtin_popcountll(word);
    }
    for (; i < end; i++) {
        count += sli_bit(bits, i);
    }
    return count;
}
