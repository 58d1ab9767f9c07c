/// kll.c — see kll.h. Levels shrink by two thirds from the highest down, so that a sketch of any
/// number of values has less than 3 k items and some more for its small levels.
#include "expr/kll.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <math.h>

enum {
    VERSION = 1,
    LEAST_LEVEL = 8,  // items of a level whose share is smaller
    LEAST_FIRST = 64, // of level 0: what is sorted at once; fewer cost more a value
    ON_STACK = 512,   // items sorted without asking for memory
};
#define MOST_ROWS (INT64_C(1) << 62) // more are broken; so a row more always fits

int32_t sli_kll_k(double error)
{
    return (int32_t)ceil(4 / error);
}

void sli_kll_reset(sli_kll *self)
{
    sl_free(self->items);
    sl_free(self->sizes);
    *self = (sli_kll){0};
}

int64_t sli_kll_bytes(const sli_kll *self)
{
    return self->room * (int64_t)sizeof *self->items +
           (self->sizes == NULL ? 0 : SLI_KLL_MAX_LEVELS * (int64_t)sizeof *self->sizes);
}

// ---------------------------------------------------------------- levels

// The share of a level: k 2/3 2/3 ... from the highest down.
static int32_t share_of(int32_t k, int32_t levels, int32_t level)
{
    int32_t least = level == 0 ? LEAST_FIRST : LEAST_LEVEL;
    for (int32_t i = level + 1; i < levels && k > least; i++) {
        k = k * 2 / 3;
    }
    return k > least ? k : least;
}

static int32_t full_at(int32_t k, int32_t levels)
{
    int32_t sum = 0;
    for (int32_t level = 0; level < levels; level++) {
        sum += share_of(k, levels, level);
    }
    return sum;
}

static int32_t size_of(const sli_kll *self, int32_t level)
{
    return level == 0 ? self->n - self->above : self->sizes[level];
}

static sl_code add_level(sli_kll *self, int32_t k, sl_error *err)
{
    if (self->sizes == NULL) {
        self->sizes = sl_alloc_array(SLI_TAG_EXPR, SLI_KLL_MAX_LEVELS, sizeof *self->sizes);
        if (self->sizes == NULL) {
            return sl_error_nomem(err, SLI_KLL_MAX_LEVELS * sizeof *self->sizes, "a sketch");
        }
    }
    SL_ASSERT(self->levels < SLI_KLL_MAX_LEVELS, "a level stands for twice as many values");
    self->sizes[self->levels++] = 0;
    self->full = full_at(k, self->levels);
    return SL_OK;
}

static sl_code make_room(sli_kll *self, int32_t room, sl_error *err)
{
    int64_t *items = sl_realloc(SLI_TAG_EXPR, self->items, (size_t)room * sizeof *items);
    if (items == NULL) {
        return sl_error_nomem(err, (size_t)room * sizeof *items, "a sketch");
    }
    self->items = items;
    self->room = room;
    return SL_OK;
}

// ---------------------------------------------------------------- sorting

// Merges two sorted runs into `to`, which may be where `a` starts, when there is room for both and
// b lies behind: from their ends on, without branches on the items.
static void merge_back(int64_t *to, const int64_t *a, int32_t n_a, const int64_t *b, int32_t n_b)
{
    int64_t *end = to + n_a + n_b;
    while (n_a > 0 && n_b > 0) {
        bool from_a = a[n_a - 1] > b[n_b - 1];
        *--end = from_a ? a[n_a - 1] : b[n_b - 1];
        n_a -= from_a;
        n_b -= !from_a;
    }
    while (n_b > 0) {
        *--end = b[--n_b];
    }
    while (n_a > 0) {
        *--end = a[--n_a];
    }
}

static void order(int64_t *items, int32_t i, int32_t k)
{
    int64_t a = items[i], b = items[k];
    items[i] = a < b ? a : b;
    items[k] = a < b ? b : a;
}

// Eight items by Batcher's network of 19 comparisons: no branch depends on an item.
static void sort_eight(int64_t *v)
{
    static const uint8_t pairs[19][2] = {{0, 1}, {2, 3}, {4, 5}, {6, 7}, {0, 2}, {1, 3}, {4, 6},
                                         {5, 7}, {1, 2}, {5, 6}, {0, 4}, {1, 5}, {2, 6}, {3, 7},
                                         {2, 4}, {3, 5}, {1, 2}, {3, 4}, {5, 6}};
#pragma GCC unroll 19
    for (int32_t i = 0; i < 19; i++) {
        order(v, pairs[i][0], pairs[i][1]);
    }
}

static void sort_few(int64_t *items, int32_t n)
{
    for (int32_t i = 1; i < n; i++) {
        int64_t item = items[i];
        int32_t k = i;
        for (; k > 0 && items[k - 1] > item; k--) {
            items[k] = items[k - 1];
        }
        items[k] = item;
    }
}

// `other`: room for as many.
static void sort_items(int64_t *items, int64_t *other, int32_t n)
{
    int64_t *from = items, *to = other;
    for (int32_t i = 0; i < n; i += 8) {
        if (n - i >= 8) {
            sort_eight(items + i);
        } else {
            sort_few(items + i, n - i);
        }
    }
    for (int32_t run = 8; run < n; run *= 2) {
        for (int32_t i = 0; i < n; i += 2 * run) {
            int32_t n_a = n - i < run ? n - i : run;
            int32_t n_b = n - i - n_a < run ? n - i - n_a : run;
            merge_back(to + i, from + i, n_a, from + i + n_a, n_b);
        }
        int64_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != items) {
        memcpy(items, from, (size_t)n * sizeof *items);
    }
}

static sl_code sort_first_level(int64_t *items, int32_t n, sl_error *err)
{
    int64_t few[ON_STACK], *other = few;
    if (n > ON_STACK) {
        other = sl_alloc(SLI_TAG_EXPR, (size_t)n * sizeof *other);
        if (other == NULL) {
            return sl_error_nomem(err, (size_t)n * sizeof *other, "sorting a sketch");
        }
    }
    sort_items(items, other, n);
    if (other != few) {
        sl_free(other);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- compacting

static uint32_t coin(const sli_kll *self, int32_t level, const int64_t *items, int32_t n)
{
    uint64_t hash = sli_mix64((uint64_t)self->rows * 64 + (uint64_t)level);
    hash = sli_mix64(hash ^ (uint64_t)items[0]);
    hash = sli_mix64(hash ^ (uint64_t)items[n / 2]);
    return (uint32_t)(sli_mix64(hash ^ (uint64_t)items[n - 1]) & 1);
}

// Every second item of the level goes up; one of an odd number stays. What lies behind moves up.
//
//     before   | level + 1: a ... | level: i0 i1 i2 ... |    lower levels
//     after    | a with half of the i's, sorted |    lower levels
static sl_code compact(sli_kll *self, int32_t level, sl_error *err)
{
    int32_t n = size_of(self, level), half = n / 2, at = 0;
    int32_t n_up = size_of(self, level + 1);
    for (int32_t i = self->levels - 1; i > level; i--) {
        at += self->sizes[i];
    }
    int64_t *items = self->items + at;
    if (level == 0) {
        SL_TRY(sort_first_level(items, n, err));
    }
    uint32_t odd = coin(self, level, items, n);
    for (int32_t i = half - 1; i >= 0; i--) {
        items[half + i] = items[2 * i + (int32_t)odd]; // never onto one that is still needed
    }
    merge_back(items - n_up, items - n_up, n_up, items + half, half);
    memmove(items + half, items + 2 * half, (size_t)(self->n - at - 2 * half) * sizeof *items);
    self->n -= half;
    self->sizes[level + 1] += half;
    self->above += level == 0 ? half : -half;
    if (level > 0) {
        self->sizes[level] -= 2 * half;
    }
    return SL_OK;
}

// Compacts the lowest level that has its share, which there is when the sketch is full.
static sl_code shrink(sli_kll *self, int32_t k, sl_error *err)
{
    int32_t level = 0;
    while (size_of(self, level) < share_of(k, self->levels, level)) {
        level++;
    }
    if (level == self->levels - 1) {
        SL_TRY(add_level(self, k, err));
    }
    return compact(self, level, err);
}

sl_code sli_kll_add(sli_kll *self, int32_t k, int64_t item, sl_error *err)
{
    if (self->levels == 0) {
        self->levels = 1;
        self->full = full_at(k, 1);
    }
    while (self->n >= self->full) {
        SL_TRY(shrink(self, k, err));
    }
    if (self->n == self->room) {
        int32_t room = self->room == 0 ? 4 : 2 * self->room;
        room = room > self->full && self->room < self->full ? self->full : room;
        SL_TRY(make_room(self, room, err));
    }
    self->items[self->n++] = item;
    self->rows++;
    return SL_OK;
}

// ---------------------------------------------------------------- bytes

void sli_kll_write(const sli_kll *self, int32_t k, sli_str *out)
{
    if (self->rows == 0) {
        return;
    }
    sli_put_u8(out, VERSION);
    sli_put_u8(out, (uint8_t)self->levels);
    sli_put_u8(out, (uint8_t)(k & 0xFF));
    sli_put_u8(out, (uint8_t)(k >> 8));
    for (int32_t level = 0; level < self->levels; level++) {
        sli_put_u32(out, (uint32_t)size_of(self, level));
    }
    for (int32_t i = 0; i < self->n; i++) {
        sli_put_i64(out, self->items[i]);
    }
}

// What bytes say, its items still where they are.
typedef struct written {
    int64_t rows;
    int32_t sizes[SLI_KLL_MAX_LEVELS];
    int32_t n, levels;
    sli_reader items;
} written;

static bool is_sorted(const written *w)
{
    sli_reader r = w->items;
    for (int32_t level = w->levels - 1; level > 0; level--) {
        int64_t before = INT64_MIN;
        for (int32_t i = 0; i < w->sizes[level]; i++) {
            int64_t item = sli_get_i64(&r);
            if (item < before) {
                return false;
            }
            before = item;
        }
    }
    return true;
}

static bool read_header(sl_bytes bytes, int32_t k, written *out)
{
    sli_reader r = sli_reader_of(bytes);
    bool known = sli_get_u8(&r) == VERSION;
    int64_t full, n = 0;
    out->levels = sli_get_u8(&r);
    int32_t low = sli_get_u8(&r), wide = low | sli_get_u8(&r) << 8;
    if (r.bad || !known || wide != k || out->levels < 1 || out->levels > SLI_KLL_MAX_LEVELS) {
        return false;
    }
    full = full_at(k, out->levels);
    for (int32_t level = 0; level < out->levels; level++) {
        int64_t size = sli_get_u32(&r), rows;
        n += size;
        if (n > full || __builtin_mul_overflow(size, (int64_t)1 << level, &rows) ||
            rows > MOST_ROWS - out->rows) {
            return false;
        }
        out->rows += rows;
        out->sizes[level] = (int32_t)size;
    }
    out->n = (int32_t)n;
    out->items = r;
    return !r.bad && out->sizes[out->levels - 1] > 0 && r.end - r.at == 8 * n && is_sorted(out);
}

static void read_items(sli_reader *r, int64_t *to, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        to[i] = sli_get_i64(r);
    }
}

// Level by level; those of level 0 stay in the order of coming, ours first.
static sl_code join_levels(sli_kll *self, int32_t k, const written *w, sl_error *err)
{
    sli_reader r = w->items;
    int32_t n = self->n + w->n, from = 0, to = 0;
    int64_t *items = sl_alloc(SLI_TAG_EXPR, (size_t)(n + w->n) * sizeof *items);
    if (items == NULL) {
        return sl_error_nomem(err, (size_t)(n + w->n) * sizeof *items, "merging sketches");
    }
    int64_t *theirs = items + n;
    read_items(&r, theirs, w->n);
    while (self->levels < w->levels) {
        sl_code rc = add_level(self, k, err);
        if (rc != SL_OK) {
            sl_free(items);
            return rc;
        }
    }
    for (int32_t level = self->levels - 1; level > 0; level--) {
        int32_t n_ours = self->sizes[level], n_theirs = level < w->levels ? w->sizes[level] : 0;
        merge_back(items + to, self->items + from, n_ours, theirs, n_theirs);
        self->sizes[level] += n_theirs;
        from += n_ours;
        theirs += n_theirs;
        to += n_ours + n_theirs;
    }
    memcpy(items + to, self->items + from, (size_t)(self->n - from) * sizeof *items);
    memmove(items + to + self->n - from, theirs, (size_t)w->sizes[0] * sizeof *items);
    sl_free(self->items);
    self->items = items;
    self->room = n + w->n;
    self->above = to;
    self->n = n;
    self->rows += w->rows;
    return SL_OK;
}

static sl_code add_each(sli_kll *self, int32_t k, const written *w, sl_error *err)
{
    sli_reader r = w->items;
    for (int32_t i = 0; i < w->n; i++) {
        SL_TRY(sli_kll_add(self, k, sli_get_i64(&r), err));
    }
    return SL_OK;
}

sl_code sli_kll_merge(sli_kll *self, int32_t k, sl_bytes bytes, bool *good, sl_error *err)
{
    written w = {0};
    *good = bytes.size == 0 || (read_header(bytes, k, &w) && w.rows <= MOST_ROWS - self->rows);
    if (!*good || bytes.size == 0) {
        return SL_OK;
    }
    if (w.levels == 1) {
        return add_each(self, k, &w, err); // as if the rows had come here
    }
    if (self->levels == 0) {
        SL_TRY(make_room(self, w.n, err));
        self->levels = 1;
    }
    SL_TRY(join_levels(self, k, &w, err));
    while (self->n > self->full) {
        SL_TRY(shrink(self, k, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- quantiles

typedef struct weighed {
    int64_t item, weight;
} weighed;

// All items in order with what they stand for: the levels, the smallest first, are merged into the
// end of `to` from behind. `first`: level 0, sorted.
static void weigh(const sli_kll *self, const int64_t *first, weighed *to)
{
    int32_t n = size_of(self, 0), at = self->above;
    for (int32_t i = 0; i < n; i++) {
        to[i] = (weighed){first[i], 1};
    }
    for (int32_t level = 1; level < self->levels; level++) {
        int32_t left = n, more = self->sizes[level];
        n += more;
        at -= more;
        for (int32_t end = n - 1; more > 0; end--) {
            bool kept = left > 0 && to[left - 1].item > self->items[at + more - 1];
            to[end] =
                kept ? to[left - 1] : (weighed){self->items[at + more - 1], (int64_t)1 << level};
            left -= kept;
            more -= !kept;
        }
    }
}

static int64_t item_of_rank(const weighed *items, int32_t n, int64_t rank)
{
    int64_t below = 0;
    int32_t i = 0;
    for (; i < n - 1 && below + items[i].weight < rank; i++) {
        below += items[i].weight;
    }
    return items[i].item;
}

sl_code sli_kll_quantiles(const sli_kll *self, const double *q, int32_t n, int64_t *out,
                          sl_error *err)
{
    int32_t n_first = size_of(self, 0);
    size_t size = (size_t)self->n * (sizeof(weighed) + sizeof *out);
    weighed *items = sl_alloc(SLI_TAG_EXPR, size);
    if (items == NULL) {
        return sl_error_nomem(err, size, "quantiles of a sketch");
    }
    int64_t *first = (int64_t *)(items + self->n);
    memcpy(first, self->items + self->above, (size_t)n_first * sizeof *first);
    sl_code rc = sort_first_level(first, n_first, err);
    if (rc == SL_OK) {
        weigh(self, first, items);
        for (int32_t i = 0; i < n; i++) {
            double rank = ceil(q[i] * (double)self->rows);
            bool last = rank >= (double)self->rows; // also where a double can't hold their number
            out[i] = item_of_rank(items, self->n, last ? self->rows : (int64_t)rank);
        }
    }
    sl_free(items);
    return rc;
}
