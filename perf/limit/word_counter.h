/// word_counter.h — the counting of words that the loops share: spaces and newlines part words, an
/// epoch of text goes into an empty table, and the table is written out as (word, count) pairs.
///
/// A group of some 650 words (4 KiB) goes through three short loops, so that no loop waits for
/// memory:
///   split  64 bytes at a time; the separators' positions come out of a bit mask
///   key    16 bytes a word: length and up to 12 letters; AES rounds hash it; its bucket is
///          prefetched
///   probe  a bucket is one cache line: 3 keys and 3 counts, compared in one go
/// Words of more than 12 bytes (1 in 130 here) take a path of their own, with pointers into the
/// text.
///
/// Any text gives right counts; more distinct words than the tables hold ends the program. The text
/// needs ZIPF_PADDING readable bytes before and after it.
#pragma once
#include "zipf_text.h"

#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi2,aes,bmi,bmi2,popcnt")))
#define AVX2 __attribute__((target("avx2,aes,bmi,bmi2,popcnt")))

enum {
    WAYS = 3,
    BUCKET_BITS = 16,
    N_BUCKETS = 1 << BUCKET_BITS,
    MAX_KEYS = N_BUCKETS * WAYS / 4 * 3, ///< fuller, probing would no longer be short
    LONG_BITS = 15,
    N_LONG = 1 << LONG_BITS,
    MAX_LONG = N_LONG / 4 * 3,
    INLINE_BYTES = 12,
    BLOCK = 64,        ///< bytes that split looks at in one step
    GROUP_BLOCKS = 64, ///< blocks a group
    GROUP_WORDS = BLOCK * GROUP_BLOCKS
};

/// A word up to 12 bytes: {length, letters, zeros}. Longer: {length, first 4, pointer}.
/// Length 0 marks an empty place.
typedef union word_key {
    __m128i vector;
    uint64_t half[2];
    struct {
        uint32_t length;
        char inline_bytes[INLINE_BYTES];
    } small;
    struct {
        uint32_t length;
        char prefix[4];
        const char *bytes;
    } large;
} word_key;

/// One cache line. Ways fill from the first on and nothing is ever removed within an epoch, so a
/// search may end at the first empty way.
typedef struct bucket {
    word_key key[WAYS];
    uint32_t count[WAYS];
    uint32_t unused;
} bucket;
_Static_assert(sizeof(bucket) == 64, "a bucket is a cache line");

typedef struct long_entry {
    const char *bytes; ///< NULL: empty
    uint32_t length;
    uint32_t count;
} long_entry;

/// One row of an epoch's result.
typedef struct word_count {
    word_key word;
    uint64_t count;
    uint64_t unused; // keeps the next row's key aligned
} word_count;

typedef struct span32 {
    uint32_t begin, length; ///< from the epoch's first byte
} span32;

/// Everything one thread counts with.
typedef struct counter {
    bucket *buckets;
    long_entry *longs;
    word_count *rows;
    size_t n_keys, n_long, n_rows;
    // the group in work
    word_key key[GROUP_WORDS + BLOCK];
    uint32_t home[GROUP_WORDS + BLOCK];
    uint32_t end[GROUP_WORDS + BLOCK]; ///< where words end: positions of separators
    span32 large[GROUP_WORDS + BLOCK];
    uint32_t n_end, n_word, n_large;
} counter;

/// The three loops over a group, for one kind of processor.
typedef struct kernel {
    const char *name;
    /// Appends to `end` the positions of the separators in text[at, stop); whole blocks.
    void (*split)(counter *self, const char *text, uint32_t at, uint32_t stop);
    /// Makes keys of the words that end in the group; gives the begin of the one still open.
    uint32_t (*make_keys)(counter *self, const char *text, uint32_t begin);
    void (*probe)(counter *self);
} kernel;

// ---- the table: slow paths ------------------------------------------------------------------

/// Adds one to a key that is not in its home bucket, or not at all yet.
__attribute__((noinline)) static void add_elsewhere(counter *self, const word_key *key, uint32_t at)
{
    for (;; at = (at + 1) % N_BUCKETS) {
        bucket *b = &self->buckets[at];
        for (int way = 0; way < WAYS; way++) {
            if (b->key[way].small.length == 0) {
                if (++self->n_keys > MAX_KEYS) {
                    limit_die("more than %d distinct words in an epoch", MAX_KEYS);
                }
                b->key[way] = *key;
                b->count[way] = 1;
                return;
            }
            if (b->key[way].half[0] == key->half[0] && b->key[way].half[1] == key->half[1]) {
                b->count[way]++;
                return;
            }
        }
    }
}

static uint64_t hash_long(const char *bytes, uint32_t length)
{
    uint64_t hash = length;
    uint64_t part;
    for (uint32_t i = 0; i + 8 < length; i += 8) {
        memcpy(&part, bytes + i, 8);
        hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
        hash ^= hash >> 29;
    }
    memcpy(&part, bytes + length - 8, 8); // a long word has more than 12 bytes
    hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
    return hash ^ (hash >> 32);
}

static void add_long(counter *self, const char *bytes, uint32_t length)
{
    uint64_t at = hash_long(bytes, length) % N_LONG;
    for (;; at = (at + 1) % N_LONG) {
        long_entry *entry = &self->longs[at];
        if (entry->bytes == NULL) {
            if (++self->n_long > MAX_LONG) {
                limit_die("more than %d distinct long words in an epoch", MAX_LONG);
            }
            *entry = (long_entry){.bytes = bytes, .length = length, .count = 1};
            return;
        }
        if (entry->length == length && memcmp(entry->bytes, bytes, length) == 0) {
            entry->count++;
            return;
        }
    }
}

static void add_group_longs(counter *self, const char *text)
{
    for (uint32_t i = 0; i < self->n_large; i++) {
        add_long(self, text + self->large[i].begin, self->large[i].length);
    }
    self->n_large = 0;
}

/// Writes the epoch's rows and empties the tables in the same pass. A row is written for every way
/// and kept when it has a count: cheaper than a branch that is wrong half the time.
static void take_rows(counter *self)
{
    word_count *out = self->rows;
    for (size_t i = 0; i < N_BUCKETS; i++) {
        bucket *b = &self->buckets[i];
        for (int way = 0; way < WAYS; way++) {
            out->word = b->key[way];
            out->count = b->count[way];
            out += b->count[way] != 0;
        }
        memset(b, 0, sizeof *b);
    }
    for (size_t i = 0; self->n_long > 0 && i < N_LONG; i++) {
        long_entry *entry = &self->longs[i];
        if (entry->bytes != NULL) {
            out->word.large.length = entry->length;
            memcpy(out->word.large.prefix, entry->bytes, 4);
            out->word.large.bytes = entry->bytes;
            out->count = entry->count;
            out++;
            *entry = (long_entry){0};
        }
    }
    self->n_rows = (size_t)(out - self->rows);
    self->n_keys = 0;
    self->n_long = 0;
}

// ---- AVX-512 --------------------------------------------------------------------------------

/// The positions of one block are the set bits' numbers, squeezed together and widened to 32 bits.
AVX512 static inline uint32_t split_block_512(const char *text, uint32_t at, uint32_t *out)
{
    const __m512i iota = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41,
        40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18,
        17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    __m512i bytes = _mm512_loadu_si512(text + at);
    __mmask64 mask = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(' ')) |
                     _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8('\n'));
    __m512i packed = _mm512_maskz_compress_epi8(mask, iota);
    __m512i base = _mm512_set1_epi32((int)at);
    uint32_t n = (uint32_t)_mm_popcnt_u64(mask);
    __m512i first = _mm512_cvtepu8_epi32(_mm512_castsi512_si128(packed));
    _mm512_storeu_si512(out, _mm512_add_epi32(first, base));
    if (__builtin_expect(n > 16, 0)) {
        __m512i second = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 1));
        _mm512_storeu_si512(out + 16, _mm512_add_epi32(second, base));
        if (n > 32) { // more than every second byte a separator
            __m512i third = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 2));
            _mm512_storeu_si512(out + 32, _mm512_add_epi32(third, base));
            __m512i fourth = _mm512_cvtepu8_epi32(_mm512_extracti32x4_epi32(packed, 3));
            _mm512_storeu_si512(out + 48, _mm512_add_epi32(fourth, base));
        }
    }
    return n;
}

AVX512 static void split_512(counter *self, const char *text, uint32_t at, uint32_t stop)
{
    uint32_t n = self->n_end;
    for (; at < stop; at += BLOCK) {
        n += split_block_512(text, at, self->end + n);
    }
    self->n_end = n;
}

AVX512 static uint32_t make_keys_512(counter *self, const char *text, uint32_t begin)
{
    const __m128i seed = _mm_set_epi64x(0x5851F42D4C957F2D, 0x14057B7EF767814F);
    const bucket *buckets = self->buckets;
    uint32_t n = 0, n_large = 0, n_end = self->n_end;
    for (uint32_t i = 0; i < n_end; i++) {
        uint32_t end = self->end[i];
        uint32_t length = end - begin;
        // 4 bytes before the word make room for the length; the mask hides them and what follows
        __mmask16 mask = (__mmask16)_bzhi_u32(0xFFF0, length + 4);
        __m128i letters = _mm_maskz_loadu_epi8(mask, text + begin - 4);
        __m128i key = _mm_or_si128(letters, _mm_cvtsi32_si128((int)length));
        __m128i hash = _mm_aesenc_si128(_mm_aesenc_si128(key, seed), seed);
        uint32_t home = (uint32_t)_mm_cvtsi128_si32(hash) % N_BUCKETS;
        self->key[n].vector = key;
        self->home[n] = home;
        _mm_prefetch((const char *)&buckets[home], _MM_HINT_T0);
        n += (length - 1u) < INLINE_BYTES; // an empty or a long word is overwritten by the next
        if (__builtin_expect(length > INLINE_BYTES, 0)) {
            self->large[n_large++] = (span32){begin, length};
        }
        begin = end + 1;
    }
    self->n_word = n;
    self->n_large = n_large;
    self->n_end = 0;
    return begin;
}

// ---- AVX2: the same three loops for processors without AVX-512 ---------------------------------

AVX2 static inline uint64_t separators_2(const char *text)
{
    uint64_t mask = 0;
    for (int half = 0; half < 2; half++) {
        __m256i bytes = _mm256_loadu_si256((const __m256i_u *)(const void *)(text + half * 32));
        __m256i hit = _mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(' ')),
                                      _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\n')));
        mask |= (uint64_t)(uint32_t)_mm256_movemask_epi8(hit) << (half * 32);
    }
    return mask;
}

AVX2 static void split_2(counter *self, const char *text, uint32_t at, uint32_t stop)
{
    uint32_t n = self->n_end;
    for (; at < stop; at += BLOCK) {
        uint64_t mask = separators_2(text + at);
        uint32_t found = (uint32_t)_mm_popcnt_u64(mask);
        uint32_t *out = self->end + n;
        for (int i = 0; i < 16; i++) { // nearly always enough, and no branch; the surplus is junk
            out[i] = at + (uint32_t)_tzcnt_u64(mask);
            mask = _blsr_u64(mask);
        }
        for (uint32_t i = 16; __builtin_expect(i < found, 0); i++) {
            out[i] = at + (uint32_t)_tzcnt_u64(mask);
            mask = _blsr_u64(mask);
        }
        n += found;
    }
    self->n_end = n;
}

AVX2 static uint32_t make_keys_2(counter *self, const char *text, uint32_t begin)
{
    static const _Alignas(32) unsigned char window[32] = {255, 255, 255, 255, 255, 255,
                                                          255, 255, 255, 255, 255, 255,
                                                          255, 255, 255, 255}; // then zeros
    const __m128i seed = _mm_set_epi64x(0x5851F42D4C957F2D, 0x14057B7EF767814F);
    const __m128i no_length = _mm_set_epi32(-1, -1, -1, 0);
    const bucket *buckets = self->buckets;
    uint32_t n = 0, n_large = 0, n_end = self->n_end;
    for (uint32_t i = 0; i < n_end; i++) {
        uint32_t end = self->end[i];
        uint32_t length = end - begin;
        uint32_t kept = length < INLINE_BYTES ? length : INLINE_BYTES;
        // 4 bytes for the length's place and `kept` letters
        const unsigned char *ones = window + INLINE_BYTES - kept;
        __m128i mask = _mm_loadu_si128((const __m128i_u *)(const void *)ones);
        __m128i letters = _mm_loadu_si128((const __m128i_u *)(const void *)(text + begin - 4));
        letters = _mm_and_si128(_mm_and_si128(letters, mask), no_length);
        __m128i key = _mm_or_si128(letters, _mm_cvtsi32_si128((int)length));
        __m128i hash = _mm_aesenc_si128(_mm_aesenc_si128(key, seed), seed);
        uint32_t home = (uint32_t)_mm_cvtsi128_si32(hash) % N_BUCKETS;
        self->key[n].vector = key;
        self->home[n] = home;
        _mm_prefetch((const char *)&buckets[home], _MM_HINT_T0);
        n += (length - 1u) < INLINE_BYTES;
        if (__builtin_expect(length > INLINE_BYTES, 0)) {
            self->large[n_large++] = (span32){begin, length};
        }
        begin = end + 1;
    }
    self->n_word = n;
    self->n_large = n_large;
    self->n_end = 0;
    return begin;
}

/// Serves both kernels. One 64-byte compare of the whole bucket is a third slower over all: that
/// load spans the count that the same word's last occurrence has just stored, and waits for it.
AVX2 static void probe_2(counter *self)
{
    bucket *buckets = self->buckets;
    uint32_t n = self->n_word;
    for (uint32_t i = 0; i < n; i++) {
        bucket *b = &buckets[self->home[i]];
        __m128i key = self->key[i].vector;
        __m256i both = _mm256_cmpeq_epi64(_mm256_broadcastsi128_si256(key),
                                          _mm256_load_si256((const __m256i *)(const void *)b));
        __m128i third = _mm_cmpeq_epi64(key, b->key[2].vector);
        uint32_t halves = (uint32_t)_mm256_movemask_pd(_mm256_castsi256_pd(both)) |
                          (uint32_t)_mm_movemask_pd(_mm_castsi128_pd(third)) << 4;
        uint32_t match = halves & (halves >> 1) & 0x15;
        if (__builtin_expect(match == 0, 0)) {
            add_elsewhere(self, &self->key[i], self->home[i]);
        } else {
            b->count[_tzcnt_u32(match) / 2]++;
        }
    }
}

// ---- an epoch -------------------------------------------------------------------------------

static uint64_t count_group(counter *self, const kernel *use, const char *text, uint32_t *begin)
{
    *begin = use->make_keys(self, text, *begin);
    use->probe(self);
    uint64_t n_words = self->n_word + self->n_large;
    add_group_longs(self, text);
    return n_words;
}

/// Counts one epoch into self->rows; gives the number of words.
static inline uint64_t word_counter_count(counter *self, const kernel *use, zipf_span epoch)
{
    const char *text = epoch.bytes;
    uint32_t size = (uint32_t)epoch.size_bytes;
    uint32_t whole = size / BLOCK * BLOCK;
    uint64_t n_words = 0;
    uint32_t begin = 0;
    for (uint32_t at = 0; at < whole; at += GROUP_BLOCKS * BLOCK) {
        uint32_t left = whole - at;
        use->split(self, text, at,
                   at + (left < GROUP_BLOCKS * BLOCK ? left : GROUP_BLOCKS * BLOCK));
        n_words += count_group(self, use, text, &begin);
    }
    for (uint32_t at = whole; at < size; at++) {
        if (text[at] == ' ' || text[at] == '\n') {
            self->end[self->n_end++] = at;
        }
    }
    self->end[self->n_end++] = size; // ends a last word that no separator ends
    n_words += count_group(self, use, text, &begin);
    take_rows(self);
    return n_words;
}

/// The letters of a row's word; they live as long as the row and the text.
static inline const char *word_counter_bytes(const word_count *row)
{
    return row->word.small.length <= INLINE_BYTES ? row->word.small.inline_bytes
                                                  : row->word.large.bytes;
}

/// Over the rows of the last epoch; does not depend on their order.
static inline uint64_t word_counter_checksum(const counter *self)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < self->n_rows; i++) {
        const word_count *row = &self->rows[i];
        sum += zipf_text_pair(word_counter_bytes(row), row->word.small.length, row->count);
    }
    return sum;
}

static inline counter *word_counter_new(void)
{
    counter *self = (counter *)limit_alloc(sizeof *self);
    self->buckets = (bucket *)limit_alloc(N_BUCKETS * sizeof(bucket));
    self->longs = (long_entry *)limit_alloc(N_LONG * sizeof(long_entry));
    // one more: take_rows writes before it knows whether the row is kept
    self->rows = (word_count *)limit_alloc((MAX_KEYS + MAX_LONG + 1) * sizeof(word_count));
    return self;
}

static inline void word_counter_free(counter *self)
{
    limit_free(self->buckets, N_BUCKETS * sizeof(bucket));
    limit_free(self->longs, N_LONG * sizeof(long_entry));
    limit_free(self->rows, (MAX_KEYS + MAX_LONG + 1) * sizeof(word_count));
    limit_free(self, sizeof *self);
}

/// The named kernel, or the best this processor has.
static inline const kernel *word_counter_kernel(const char *name)
{
    static const kernel avx512 = {"avx512", split_512, make_keys_512, probe_2};
    static const kernel avx2 = {"avx2", split_2, make_keys_2, probe_2};
    bool has_avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                      __builtin_cpu_supports("avx512vbmi2");
    bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
    if (has_avx512 && (name == NULL || strcmp(name, "avx512") == 0)) {
        return &avx512;
    }
    if (has_avx2 && (name == NULL || strcmp(name, "avx2") == 0)) {
        return &avx2;
    }
    limit_die("kernel %s: unknown, or this processor lacks it", name == NULL ? "avx2" : name);
}
