/// zipf_text.h — the text that word counts are measured on: the same bytes for the hand-written
/// loop and for the engine.
///
/// 100,000 distinct words of 2 to 14 small letters, drawn with Zipf's law (exponent 1.0: the word
/// of rank r comes with a probability proportional to 1 / r); frequent words are shorter, as in a
/// real language, so that a running text has about 5 letters a word. Lines have 5 to 15 words, one
/// space between two words and '\n' after the last. All arithmetic is on integers: equal seeds give
/// equal bytes on every machine.
///
///     zipf_text text;
///     zipf_text_init(&text, 256 << 20, 16 << 20, 7);
///     for (size_t i = 0; i < text.n_epochs; i++) {
///         zipf_span epoch = zipf_text_epoch(&text, i);   // whole lines, at most 16 MiB
///     }
///     zipf_text_reset(&text);
///
/// Two word counts agree when the sums of zipf_text_pair over their (word, count) pairs agree.
#pragma once
#include "limit.h"

enum {
    ZIPF_N_WORDS = 100000,
    ZIPF_MAX_LENGTH = 14,
    ZIPF_MAX_EPOCHS = 1024,
    ZIPF_PADDING = 64, ///< readable bytes before the first and after the last byte of the text
    ZIPF_MAX_LINE = 15 * (ZIPF_MAX_LENGTH + 1)
};

typedef struct zipf_span {
    const char *bytes;
    size_t size_bytes;
} zipf_span;

/// A text and where its epochs end. Read only once it is made; any thread may read.
typedef struct zipf_text {
    char *bytes; ///< ZIPF_PADDING newlines lie before it and after its end
    size_t size_bytes;
    uint64_t n_words, n_lines;
    size_t n_epochs;
    size_t epoch_end[ZIPF_MAX_EPOCHS]; ///< offset behind the last line of each epoch
    size_t limit_bytes;                ///< what init was asked for
} zipf_text;

typedef struct zipf_word {
    char bytes[15]; ///< zeros behind the end
    uint8_t length;
} zipf_word;

/// The distinct words by rank, and Vose's alias table for drawing them.
typedef struct zipf_dictionary {
    zipf_word word[ZIPF_N_WORDS];
    uint64_t keep[ZIPF_N_WORDS]; ///< of `total`: below it a draw of column i gives word i
    uint32_t alias[ZIPF_N_WORDS];
    uint64_t total;
} zipf_dictionary;

/// FNV-1a over the word, mixed with the count: one pair's part of a checksum that is a plain sum,
/// so the order of the pairs does not matter.
static inline uint64_t zipf_text_pair(const char *bytes, size_t size_bytes, uint64_t count)
{
    uint64_t hash = 0xCBF29CE484222325u;
    for (size_t i = 0; i < size_bytes; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * 0x100000001B3u;
    }
    uint64_t state = hash + count * 0xD6E8FEB86659FD93u;
    return limit_random(&state);
}

/// The same for counts that are parts of a word's count: their sums add up to that of the whole.
static inline uint64_t zipf_text_times(const char *bytes, size_t size_bytes, uint64_t count)
{
    return zipf_text_pair(bytes, size_bytes, 0) * count;
}

static inline zipf_word zipf_draw_word(uint64_t *random, uint64_t rank)
{
    static const char letters[] = "eeeeeeeeeeeetttttttttaaaaaaaaooooooooiiiiiiinnnnnnnssssss"
                                  "hhhhhhrrrrrrddddllllcccuuummmwwffggyyppbbvkx";
    uint64_t magnitude = 63 - (uint64_t)__builtin_clzll(rank + 1); // 0 for rank 0, 16 for the last
    uint64_t length = 2 + magnitude / 4 + limit_below(random, 2 + magnitude * 7 / 16);
    zipf_word word;
    memset(&word, 0, sizeof word);
    word.length = (uint8_t)length; // 14 at most
    for (size_t i = 0; i < word.length; i++) {
        word.bytes[i] = letters[limit_below(random, sizeof letters - 1)];
    }
    return word;
}

/// Draws each rank's word until it is one that no smaller rank has.
static inline void zipf_make_words(zipf_dictionary *dictionary, uint64_t *random)
{
    enum { N_SLOTS = 1 << 18 };
    size_t seen_bytes = N_SLOTS * sizeof(uint32_t);
    uint32_t *seen = (uint32_t *)limit_alloc(seen_bytes); // rank + 1, open addressing
    for (uint32_t rank = 0; rank < ZIPF_N_WORDS;) {
        zipf_word word = zipf_draw_word(random, rank);
        size_t slot = (size_t)(zipf_text_pair(word.bytes, word.length, 0) % N_SLOTS);
        while (seen[slot] != 0 &&
               memcmp(&dictionary->word[seen[slot] - 1], &word, sizeof word) != 0) {
            slot = (slot + 1) % N_SLOTS;
        }
        if (seen[slot] == 0) {
            dictionary->word[rank] = word;
            rank++;
            seen[slot] = rank;
        }
    }
    limit_free(seen, seen_bytes);
}

/// Vose's method in integers: column i holds `total` units, keep[i] of them its own word's.
static inline void zipf_make_alias(zipf_dictionary *dictionary)
{
    size_t stack_bytes = ZIPF_N_WORDS * sizeof(uint32_t);
    uint32_t *stack = (uint32_t *)limit_alloc(stack_bytes); // small grows up, large grows down
    size_t n_small = 0, large = ZIPF_N_WORDS;
    dictionary->total = 0;
    for (uint64_t i = 0; i < ZIPF_N_WORDS; i++) {
        uint64_t weight = ((uint64_t)1 << 40) / (i + 1);
        dictionary->total += weight;
        dictionary->keep[i] = weight * ZIPF_N_WORDS;
    }
    for (uint32_t i = 0; i < ZIPF_N_WORDS; i++) {
        dictionary->alias[i] = i;
        if (dictionary->keep[i] < dictionary->total) {
            stack[n_small++] = i;
        } else {
            stack[--large] = i;
        }
    }
    while (n_small > 0 && large < ZIPF_N_WORDS) {
        uint32_t poor = stack[--n_small], rich = stack[large++];
        dictionary->alias[poor] = rich;
        dictionary->keep[rich] -= dictionary->total - dictionary->keep[poor];
        if (dictionary->keep[rich] < dictionary->total) {
            stack[n_small++] = rich;
        } else {
            stack[--large] = rich;
        }
    }
    limit_free(stack, stack_bytes);
}

static inline const zipf_word *zipf_draw(const zipf_dictionary *dictionary, uint64_t *random)
{
    uint64_t column = limit_below(random, ZIPF_N_WORDS);
    bool own = limit_below(random, dictionary->total) < dictionary->keep[column];
    return &dictionary->word[own ? column : dictionary->alias[column]];
}

/// Writes one line; up to 15 bytes behind its end are overwritten too.
static inline char *zipf_write_line(const zipf_dictionary *dictionary, uint64_t *random, char *at,
                                    uint64_t n_words)
{
    for (uint64_t i = 0; i < n_words; i++) {
        const zipf_word *word = zipf_draw(dictionary, random);
        memcpy(at, word->bytes, sizeof word->bytes);
        at += word->length;
        *at++ = ' ';
    }
    at[-1] = '\n';
    return at;
}

/// Makes up to `size_bytes` of text (whole lines) and marks epochs of up to `epoch_bytes` (whole
/// lines). The caller owns it until zipf_text_reset. Ends the program when the sizes do not fit.
static inline void zipf_text_init(zipf_text *text, size_t size_bytes, size_t epoch_bytes,
                                  uint64_t seed)
{
    if (epoch_bytes < 4096 || size_bytes < epoch_bytes || size_bytes % epoch_bytes != 0 ||
        size_bytes / epoch_bytes > ZIPF_MAX_EPOCHS) {
        limit_die("zipf_text: a text is 1 to %d epochs of 4 KiB or more", ZIPF_MAX_EPOCHS);
    }
    memset(text, 0, sizeof *text);
    text->limit_bytes = size_bytes;
    zipf_dictionary *dictionary = (zipf_dictionary *)limit_alloc(sizeof *dictionary);
    zipf_make_words(dictionary, &seed);
    zipf_make_alias(dictionary);
    char *base = (char *)limit_alloc(size_bytes + ZIPF_PADDING * 2);
    memset(base, '\n', size_bytes + ZIPF_PADDING * 2);
    text->bytes = base + ZIPF_PADDING;
    char line[ZIPF_MAX_LINE + 16];
    size_t epoch_limit = epoch_bytes;
    for (;;) {
        uint64_t n_words = 5 + limit_below(&seed, 11);
        size_t n = (size_t)(zipf_write_line(dictionary, &seed, line, n_words) - line);
        if (text->size_bytes + n > epoch_limit) { // this line opens the next epoch
            text->epoch_end[text->n_epochs++] = text->size_bytes;
            epoch_limit += epoch_bytes;
        }
        if (text->size_bytes + n > size_bytes) {
            break;
        }
        memcpy(text->bytes + text->size_bytes, line, n);
        text->size_bytes += n;
        text->n_words += n_words;
        text->n_lines++;
    }
    limit_free(dictionary, sizeof *dictionary);
}

/// Whole lines, at most epoch_bytes of them; valid until zipf_text_reset.
static inline zipf_span zipf_text_epoch(const zipf_text *text, size_t i)
{
    size_t begin = i == 0 ? 0 : text->epoch_end[i - 1];
    zipf_span span;
    span.bytes = text->bytes + begin;
    span.size_bytes = text->epoch_end[i] - begin;
    return span;
}

static inline void zipf_text_reset(zipf_text *text)
{
    if (text->bytes != NULL) {
        limit_free(text->bytes - ZIPF_PADDING, text->limit_bytes + ZIPF_PADDING * 2);
    }
    memset(text, 0, sizeof *text);
}
