/// wordcount.c — how fast one core can count words: the loop beside which the engine is measured.
///
/// A text of zipf_text.h lies in memory. For each epoch (16 MiB) the words between spaces and
/// newlines are counted in an empty table, and the table is written out as an array of (word,
/// count) pairs. What is timed is exactly that, as user + system time of the thread.
///
/// A group of some 650 words (4 KiB) goes through three short loops, so that no loop waits for
/// memory:
///   split  64 bytes at a time; the separators' positions come out of a bit mask
///   key    16 bytes a word: length and up to 12 letters; AES rounds hash it; its bucket is
///   prefetched probe  a bucket is one cache line: 3 keys and 3 counts, compared in one go
/// Words of more than 12 bytes (1 in 130 here) take a path of their own, with pointers into the
/// text.
///
/// Any text gives right counts; more distinct words than the tables hold ends the program. The
/// first epoch is counted a second time by a loop that is too simple to be wrong, and must agree.
///
/// With -c one copy and THREADS copies take turns, and what is printed is the median over all
/// rounds of the speed-up over wall time: the sum of the copies' rates over the rate of the one.
///
///     wordcount [-c] [-t THREADS] [-r REPETITIONS] [-s MIB] [-e EPOCH_MIB] [-k avx512|avx2]
#include "limit.h"
#include "zipf_text.h"

#include <immintrin.h>
#include <pthread.h>
#include <unistd.h>

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
    GROUP_WORDS = BLOCK * GROUP_BLOCKS,
    MAX_THREADS = 64,
    MAX_REPETITIONS = 1000
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
static uint64_t count_epoch(counter *self, const kernel *use, zipf_span epoch)
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

static const char *row_bytes(const word_count *row)
{
    return row->word.small.length <= INLINE_BYTES ? row->word.small.inline_bytes
                                                  : row->word.large.bytes;
}

static uint64_t checksum(const counter *self)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < self->n_rows; i++) {
        const word_count *row = &self->rows[i];
        sum += zipf_text_pair(row_bytes(row), row->word.small.length, row->count);
    }
    return sum;
}

static counter *counter_new(void)
{
    counter *self = (counter *)limit_alloc(sizeof *self);
    self->buckets = (bucket *)limit_alloc(N_BUCKETS * sizeof(bucket));
    self->longs = (long_entry *)limit_alloc(N_LONG * sizeof(long_entry));
    // one more: take_rows writes before it knows whether the row is kept
    self->rows = (word_count *)limit_alloc((MAX_KEYS + MAX_LONG + 1) * sizeof(word_count));
    return self;
}

static void counter_free(counter *self)
{
    limit_free(self->buckets, N_BUCKETS * sizeof(bucket));
    limit_free(self->longs, N_LONG * sizeof(long_entry));
    limit_free(self->rows, (MAX_KEYS + MAX_LONG + 1) * sizeof(word_count));
    limit_free(self, sizeof *self);
}

// ---- the plain count that the fast one must equal
// ------------------------------------------------

typedef struct plain_entry {
    zipf_span word;
    uint64_t count;
} plain_entry;

static void plain_add(plain_entry *table, size_t n_slots, const char *word, size_t length)
{
    size_t at = (size_t)(zipf_text_pair(word, length, 0) % n_slots);
    while (table[at].count > 0 && (table[at].word.size_bytes != length ||
                                   memcmp(table[at].word.bytes, word, length) != 0)) {
        at = (at + 1) % n_slots;
    }
    table[at].word = (zipf_span){word, length};
    table[at].count++;
}

static uint64_t plain_checksum(zipf_span epoch)
{
    enum { N_SLOTS = 1 << 20 };
    plain_entry *table = (plain_entry *)limit_alloc(N_SLOTS * sizeof *table);
    const char *stop = epoch.bytes + epoch.size_bytes;
    const char *word = epoch.bytes;
    for (const char *at = word; at <= stop; at++) {
        if (at == stop || *at == ' ' || *at == '\n') {
            if (at > word) {
                plain_add(table, N_SLOTS, word, (size_t)(at - word));
            }
            word = at + 1;
        }
    }
    uint64_t sum = 0;
    for (size_t i = 0; i < N_SLOTS; i++) {
        if (table[i].count > 0) {
            sum += zipf_text_pair(table[i].word.bytes, table[i].word.size_bytes, table[i].count);
        }
    }
    limit_free(table, N_SLOTS * sizeof *table);
    return sum;
}

// ---- the program ----------------------------------------------------------------------------

typedef struct plan {
    const kernel *use;
    int64_t n_threads, n_repetitions;
    size_t size_bytes, epoch_bytes;
    bool compare;
    const zipf_text *text;
} plan;

/// One copy of the loop: its own text, tables and figures.
typedef struct copy {
    const plan *of;
    int64_t number;
    pthread_barrier_t *start;
    zipf_text text; ///< the plan's, with bytes of its own
    int64_t cpu_ns[MAX_REPETITIONS], wall_ns[MAX_REPETITIONS];
    int64_t alone_ns[MAX_REPETITIONS]; ///< wall time of the turns that a copy had for itself
    uint64_t sum;
} copy;

/// Counts all epochs once. The checksum is taken outside the clock.
static void run_once(copy *self, counter *table, int64_t repetition)
{
    uint64_t sum = 0, n_words = 0;
    int64_t cpu_ns = 0, wall_ns = 0;
    for (size_t i = 0; i < self->text.n_epochs; i++) {
        zipf_span epoch = zipf_text_epoch(&self->text, i);
        int64_t wall = limit_wall_ns(), cpu = limit_thread_cpu_ns();
        n_words += count_epoch(table, self->of->use, epoch);
        cpu_ns += limit_thread_cpu_ns() - cpu;
        wall_ns += limit_wall_ns() - wall;
        uint64_t part = checksum(table);
        if (i == 0 && repetition == 0 && part != plain_checksum(epoch)) {
            limit_die("wrong counts in the first epoch");
        }
        sum += part;
    }
    if (n_words != self->text.n_words || (repetition > 0 && sum != self->sum)) {
        limit_die("wrong counts: %llu words", (unsigned long long)n_words);
    }
    self->sum = sum;
    self->cpu_ns[repetition] = cpu_ns;
    self->wall_ns[repetition] = wall_ns;
}

static void *run_copy(void *argument)
{
    copy *self = (copy *)argument;
    self->text = *self->of->text;
    char *own = (char *)limit_alloc(self->text.size_bytes + ZIPF_PADDING * 2);
    memcpy(own, self->of->text->bytes - ZIPF_PADDING, self->text.size_bytes + ZIPF_PADDING * 2);
    self->text.bytes = own + ZIPF_PADDING;
    counter *table = counter_new();
    for (int64_t r = 0; r < self->of->n_repetitions; r++) {
        pthread_barrier_wait(self->start);
        if (self->of->compare) {
            if (r % self->of->n_threads == self->number) {
                run_once(self, table, r);
                self->alone_ns[r] = self->wall_ns[r];
            }
            pthread_barrier_wait(self->start);
        }
        run_once(self, table, r);
    }
    counter_free(table);
    limit_free(own, self->text.size_bytes + ZIPF_PADDING * 2);
    return NULL;
}

/// Words a second over CPU time, best and median of all repetitions of a copy; of several copies
/// the sums, and over wall time too.
static void report(const plan *of, copy *copies)
{
    double best = 0, median = 0, best_wall = 0;
    for (int64_t t = 0; t < of->n_threads; t++) {
        copy *c = &copies[t];
        size_t n = (size_t)of->n_repetitions;
        if (c->sum != copies[0].sum) {
            limit_die("copies disagree");
        }
        limit_sort(c->cpu_ns, n);
        limit_sort(c->wall_ns, n);
        best += (double)of->text->n_words * 1e3 / (double)c->cpu_ns[0];
        median += (double)of->text->n_words * 1e3 / (double)limit_quantile(c->cpu_ns, n, 500);
        best_wall += (double)of->text->n_words * 1e3 / (double)c->wall_ns[0];
    }
    printf("wordcount kernel=%s threads=%lld repetitions=%lld words=%llu epochs=%zu "
           "best_mwords_s=%.1f "
           "median_mwords_s=%.1f best_wall_mwords_s=%.1f checksum=%016llx\n",
           of->use->name, (long long)of->n_threads, (long long)of->n_repetitions,
           (unsigned long long)of->text->n_words, of->text->n_epochs, best, median, best_wall,
           (unsigned long long)copies[0].sum);
}

/// The speed-up of all copies over one, of each round, whose lone copy was another each time.
static void report_speedup(const plan *of, const copy *copies)
{
    int64_t speedup[MAX_REPETITIONS]; // thousandths
    size_t n = (size_t)of->n_repetitions;
    for (int64_t r = 0; r < of->n_repetitions; r++) {
        int64_t alone_ns = copies[r % of->n_threads].alone_ns[r];
        speedup[r] = 0;
        for (int64_t t = 0; t < of->n_threads; t++) {
            speedup[r] += alone_ns * 1000 / copies[t].wall_ns[r];
        }
    }
    limit_sort(speedup, n);
    printf("wordcount kernel=%s threads=%lld rounds=%zu speedup=%.3f lowest=%.3f highest=%.3f "
           "checksum=%016llx\n",
           of->use->name, (long long)of->n_threads, n,
           (double)limit_quantile(speedup, n, 500) / 1e3, (double)speedup[0] / 1e3,
           (double)speedup[n - 1] / 1e3, (unsigned long long)copies[0].sum);
}

/// The named kernel, or the best this processor has.
static const kernel *choose_kernel(const char *name)
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

static plan read_plan(int argc, char **argv)
{
    plan p = {.n_threads = 1, .n_repetitions = 7, .epoch_bytes = (size_t)16 << 20};
    const char *name = NULL;
    int option;
    while ((option = getopt(argc, argv, "t:r:s:e:k:c")) != -1) {
        switch (option) {
        case 't':
            p.n_threads = limit_number("-t", optarg, 1, MAX_THREADS);
            break;
        case 'r':
            p.n_repetitions = limit_number("-r", optarg, 1, MAX_REPETITIONS);
            break;
        case 's':
            p.size_bytes = (size_t)limit_number("-s", optarg, 1, 65536) << 20;
            break;
        case 'e':
            p.epoch_bytes = (size_t)limit_number("-e", optarg, 1, 2048) << 20;
            break;
        case 'k':
            name = optarg;
            break;
        case 'c':
            p.compare = true;
            break;
        default:
            limit_die("usage: wordcount [-c] [-t THREADS] [-r REPETITIONS] [-s MIB] "
                      "[-e EPOCH_MIB] [-k avx512|avx2]");
        }
    }
    p.use = choose_kernel(name);
    p.size_bytes = p.size_bytes != 0 ? p.size_bytes : (size_t)(p.compare ? 32 : 256) << 20;
    return p;
}

int main(int argc, char **argv)
{
    plan p = read_plan(argc, argv);
    zipf_text text;
    zipf_text_init(&text, p.size_bytes, p.epoch_bytes, 7);
    p.text = &text;
    copy *copies = (copy *)limit_alloc((size_t)p.n_threads * sizeof *copies);
    pthread_t threads[MAX_THREADS];
    pthread_barrier_t start;
    pthread_barrier_init(&start, NULL, (unsigned)p.n_threads);
    for (int64_t t = 0; t < p.n_threads; t++) {
        copies[t].of = &p;
        copies[t].number = t;
        copies[t].start = &start;
        if (pthread_create(&threads[t], NULL, run_copy, &copies[t]) != 0) {
            limit_die("cannot start a thread");
        }
    }
    for (int64_t t = 0; t < p.n_threads; t++) {
        pthread_join(threads[t], NULL);
    }
    if (p.compare) {
        report_speedup(&p, copies);
    } else {
        report(&p, copies);
    }
    pthread_barrier_destroy(&start);
    limit_free(copies, (size_t)p.n_threads * sizeof *copies);
    zipf_text_reset(&text);
    return 0;
}
