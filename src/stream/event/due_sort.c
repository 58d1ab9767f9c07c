// Sorting by time and key bytes, in linear time for what is common: few times, and keys that differ
// in a few bytes.
//
// By time first, as a number of 64 bits, then the keys of each time by eight of their bytes at a
// time behind what all of them begin with. A number is sorted by its bytes, least first (radix
// sort); bytes in which all are equal cost nothing.
#include "stream/event/due_sort.h"

#include <stdlib.h>
#include <string.h>

enum {
    FEW = 32,      ///< ranks that are sorted by insertion
    DEPTH_MAX = 16 ///< rounds of eight bytes; keys that agree for longer are compared
};

int sli_due_compare(const sli_due_key *a, const sli_due_key *b)
{
    uint32_t shorter = a->size < b->size ? a->size : b->size;
    int order = memcmp(a->key, b->key, shorter);
    return order != 0 ? order : (a->size > b->size) - (a->size < b->size);
}

static int by_bytes(const void *a, const void *b)
{
    return sli_due_compare(((const sli_due_rank *)a)->key, ((const sli_due_rank *)b)->key);
}

// ---------------------------------------------------------------- by rank

static void insert_ranks(sli_due_rank *ranks, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        sli_due_rank moved = ranks[i];
        int64_t at = i;
        for (; at > 0 && ranks[at - 1].rank > moved.rank; at--) {
            ranks[at] = ranks[at - 1];
        }
        ranks[at] = moved;
    }
}

/// One pass: by the byte at `shift`, which comes counts[b] times.
static void scatter(const sli_due_rank *from, sli_due_rank *to, int64_t n, int shift,
                    const uint32_t *counts)
{
    uint32_t at[256], sum = 0;
    for (int b = 0; b < 256; b++) {
        at[b] = sum;
        sum += counts[b];
    }
    for (int64_t i = 0; i < n; i++) {
        to[at[from[i].rank >> shift & 255]++] = from[i];
    }
}

static void sort_by_rank(sli_due_rank *ranks, sli_due_rank *spare, int64_t n)
{
    uint32_t counts[8][256] = {0};
    sli_due_rank *from = ranks, *to = spare;
    if (n <= FEW) {
        insert_ranks(ranks, n);
        return;
    }
    uint64_t differ = 0;
    for (int64_t i = 0; i < n; i++) {
        differ |= ranks[i].rank ^ ranks[0].rank;
        for (int byte = 0; byte < 8; byte++) {
            counts[byte][ranks[i].rank >> 8 * byte & 255]++;
        }
    }
    for (int byte = 0; byte < 8; byte++) {
        if ((differ >> 8 * byte & 255) != 0) {
            scatter(from, to, n, 8 * byte, counts[byte]);
            sli_due_rank *kept = from;
            from = to;
            to = kept;
        }
    }
    if (from != ranks) {
        memcpy(ranks, from, (size_t)n * sizeof *ranks);
    }
}

// ---------------------------------------------------------------- by bytes

/// How many bytes from `from` on all keys have in common.
static uint32_t common_bytes(const sli_due_rank *ranks, int64_t n, uint32_t from)
{
    const sli_due_key *first = ranks[0].key;
    uint32_t most = first->size > from ? first->size - from : 0;
    for (int64_t i = 1; i < n && most > 0; i++) {
        const sli_due_key *key = ranks[i].key;
        uint32_t size = key->size > from ? key->size - from : 0, same = 0;
        most = size < most ? size : most;
        if (memcmp(first->key + from, key->key + from, most) == 0) {
            continue;
        }
        while (first->key[from + same] == key->key[from + same]) {
            same++;
        }
        most = same;
    }
    return most;
}

/// Eight bytes of a key as a number in their order; zeros behind its end.
static uint64_t rank_of(const sli_due_key *key, uint32_t from)
{
    unsigned char bytes[8] = {0};
    uint32_t size = key->size > from ? key->size - from : 0;
    memcpy(bytes, key->key + (size > 0 ? from : 0), size < 8 ? size : 8);
    uint64_t rank = 0;
    for (int i = 0; i < 8; i++) {
        rank = rank << 8 | bytes[i];
    }
    return rank;
}

/// Keys of one time, which agree in their first `from` bytes.
static void sort_by_bytes(sli_due_rank *ranks, sli_due_rank *spare, int64_t n, uint32_t from,
                          int depth)
{
    if (n <= FEW || depth == DEPTH_MAX) {
        qsort(ranks, (size_t)n, sizeof *ranks, by_bytes);
        return;
    }
    from += common_bytes(ranks, n, from);
    for (int64_t i = 0; i < n; i++) {
        ranks[i].rank = rank_of(ranks[i].key, from);
    }
    sort_by_rank(ranks, spare, n);
    for (int64_t begin = 0, end = 0; begin < n; begin = end) {
        for (end = begin + 1; end < n && ranks[end].rank == ranks[begin].rank;) {
            end++;
        }
        if (end - begin >
            1) { // may agree in eight bytes, or end before them: never in both at once
            sort_by_bytes(ranks + begin, spare + begin, end - begin, from, depth + 1);
        }
    }
}

void sli_due_sort_ranks(sli_due_rank *ranks, sli_due_rank *spare, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        ranks[i].rank = (uint64_t)ranks[i].key->at_us ^ UINT64_C(1) << 63;
    }
    sort_by_rank(ranks, spare, n);
    for (int64_t begin = 0, end = 0; begin < n; begin = end) {
        int64_t at_us = ranks[begin].key->at_us;
        for (end = begin + 1; end < n && ranks[end].key->at_us == at_us;) {
            end++;
        }
        if (end - begin > 1) {
            sort_by_bytes(ranks + begin, spare + begin, end - begin, 0, 0);
        }
    }
}
