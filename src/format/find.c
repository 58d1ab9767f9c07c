// find.c — where the special bytes are: line ends, delimiters, quotes.
//
// A decoder first has the positions of all special bytes written down, many at a time, and then
// walks that list: the scan runs at the speed of memory, and the walk touches only bytes that mean
// something. The wide version is chosen when a decoder is made; the tests hold it to the plain one.
#include "format/format_int.h"

int64_t sli_find_plain(const char *data, int64_t from, int64_t to, const char set[4], uint32_t *out,
                       int64_t max, int64_t *next)
{
    int64_t n = 0;
    int64_t i = from;
    for (; i < to && n < max; i++) {
        char c = data[i];
        if (c == set[0] || c == set[1] || c == set[2] || c == set[3]) {
            out[n++] = (uint32_t)i;
        }
    }
    *next = i;
    return n;
}

#ifdef __x86_64__ // an instruction set, not a platform: elsewhere the plain scan serves
#include <immintrin.h>

__attribute__((target("avx2"))) static inline uint32_t hits32(__m256i bytes, const __m256i set[4])
{
    __m256i low =
        _mm256_or_si256(_mm256_cmpeq_epi8(bytes, set[0]), _mm256_cmpeq_epi8(bytes, set[1]));
    __m256i high =
        _mm256_or_si256(_mm256_cmpeq_epi8(bytes, set[2]), _mm256_cmpeq_epi8(bytes, set[3]));
    return (uint32_t)_mm256_movemask_epi8(_mm256_or_si256(low, high));
}

// Writes base + the place of each set bit and returns how many there are. How many is a guess that
// the processor often loses, so two are written always, and what is too much is overwritten by the
// next call.
__attribute__((target("avx2,bmi"))) static inline int64_t put_hits(uint64_t hits, uint32_t base,
                                                                   uint32_t *out)
{
    int64_t n = __builtin_popcountll(hits);
    for (int k = 0; k < 2; k++) {
        out[k] = base + (uint32_t)_tzcnt_u64(hits); // 64 when none is left
        hits &= hits - 1;
    }
    for (int64_t k = 2; k < n; k++) {
        out[k] = base + (uint32_t)_tzcnt_u64(hits);
        hits &= hits - 1;
    }
    return n;
}

__attribute__((target("avx2,bmi"))) static int64_t find_avx2(const char *data, int64_t from,
                                                             int64_t to, const char set[4],
                                                             uint32_t *out, int64_t max,
                                                             int64_t *next)
{
    const __m256i wanted[4] = {_mm256_set1_epi8(set[0]), _mm256_set1_epi8(set[1]),
                               _mm256_set1_epi8(set[2]), _mm256_set1_epi8(set[3])};
    int64_t n = 0;
    int64_t i = from;
    for (; to - i >= 64 && max - n >= 64; i += 64) {
        const char *at = data + i;
        uint64_t low = hits32(_mm256_loadu_si256((const __m256i *)(const void *)at), wanted);
        uint64_t high =
            hits32(_mm256_loadu_si256((const __m256i *)(const void *)(at + 32)), wanted);
        n += put_hits(low | high << 32, (uint32_t)i, out + n);
    }
    *next = i;
    if (max - n >= 64) { // fewer than 64 bytes are left
        n += sli_find_plain(data, i, to, set, out + n, max - n, next);
    }
    return n;
}

sli_find_fn sli_find_pick(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") ? find_avx2
                                                                           : sli_find_plain;
}
#else
sli_find_fn sli_find_pick(void)
{
    return sli_find_plain;
}
#endif

int64_t sli_text_last_end(const char *data, int64_t size)
{
    for (int64_t i = size; i > 0; i--) {
        char c = data[i - 1];
        if (c == '\n' || (c == '\r' && i < size)) { // a '\r' at the very end may be half of "\r\n"
            return i;
        }
    }
    return 0;
}

int64_t sli_text_first_end(const char *data, int64_t size)
{
    for (int64_t i = 0; i < size; i++) {
        if (data[i] == '\n' || (data[i] == '\r' && i + 1 < size)) {
            return i + 1 + (data[i] == '\r' && data[i + 1] == '\n');
        }
    }
    return 0;
}
