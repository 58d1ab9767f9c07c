/// groups.c — the hash table of keys: rows to dense group numbers, in first-seen order.
///
/// Every key is brought into 16 bytes: short text is its own string view; long text is its length,
/// prefix and hash; an integer is its value; several integers of 16 bytes together are *words*,
/// their cells side by side (groups_words.h); anything else is the text of its row bytes. Three
/// keys and their group numbers fill one cache line:
///
///     bucket   key 0 (16) | key 1 (16) | key 2 (16) | group 0 | group 1 | group 2 | unused
///
/// The low bits of the hash choose the bucket (the high ones have chosen the partition already); a
/// full bucket overflows into the next. Rows go in chunks: first all keys of a chunk are made and
/// their buckets prefetched, then all are probed, so that misses overlap. A group's full text is
/// compared only when its 16 bytes are equal.
///
/// Words have no room for a null, nor for the one key that stands for an empty place. The first row
/// with one of these turns the table into one of row bytes, for as long as it holds its groups.

#include "col/groups_int.h"

#include <string.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

enum { CHUNK = 256, SLOTS = 3, FIRST_BUCKETS = 64, LARGE_BUCKETS = 16384, FIRST_GROUPS = 64 };

/// An empty place: what no view has, a size below zero; and else any bits that words seldom have.
#define EMPTY_LOW 0x9216d5d9ffffffffU
#define EMPTY_HIGH 0xd1310ba698dfb5acU

typedef struct sli_bucket {
    sli_group_key keys[SLOTS];
    int32_t groups[SLOTS]; ///< -1: empty; filled from the first on
    int32_t unused;
} bucket;
_Static_assert(sizeof(bucket) == 64, "a bucket is one cache line");

/// Keys of up to CHUNK rows, ready to be probed. `text` is set for long ones only.
typedef struct chunk {
    sli_group_key keys[CHUNK];
    uint64_t hashes[CHUNK];
    const char *text[CHUNK];
    sli_str rows; ///< SLI_GROUP_ROW: where `text` points
} chunk;

// ---------------------------------------------------------------- life

static sli_group_kind kind_of(const sl_schema *schema, const int32_t *columns, int32_t n_columns)
{
    if (n_columns != 1) {
        return sli_words_fit(schema, columns, n_columns) ? SLI_GROUP_WORDS : SLI_GROUP_ROW;
    }
    sl_type type = sl_schema_field(schema, columns[0])->type;
    return sli_type_is_text(type)      ? SLI_GROUP_TEXT
           : sli_type_is_integer(type) ? SLI_GROUP_INTEGER
                                       : SLI_GROUP_ROW;
}

static bool has_opaque(const sl_field *field)
{
    bool found = field->type == SL_OPAQUE;
    for (int32_t i = 0; i < field->n_children; i++) {
        found = found || has_opaque(&field->children[i]);
    }
    return found;
}

static void empty_buckets(bucket *buckets, int64_t n)
{
    static const bucket empty = {
        .keys = {{EMPTY_LOW, EMPTY_HIGH}, {EMPTY_LOW, EMPTY_HIGH}, {EMPTY_LOW, EMPTY_HIGH}},
        .groups = {-1, -1, -1}};
    for (int64_t i = 0; i < n; i++) {
        buckets[i] = empty;
    }
}

static sl_code make_room(sli_groups *groups, int64_t n, sl_error *err);

sl_code sli_groups_new(sli_groups **out, const sl_schema *schema, const int32_t *columns,
                       int32_t n_columns, sl_error *err)
{
    for (int32_t i = 0; i < n_columns; i++) {
        if (has_opaque(sl_schema_field(schema, columns[i]))) {
            return sl_error_set(err, SL_E_UNSUPPORTED, "column \"%s\" is opaque: it can't be a key",
                                sl_schema_field(schema, columns[i])->name);
        }
    }
    size_t size = sizeof(sli_groups) + (size_t)n_columns * sizeof(int32_t);
    sli_groups *groups = sl_alloc_zero(SLI_TAG_BATCH, size);
    if (groups == NULL) {
        return sl_error_nomem(err, size, "group table");
    }
    groups->schema = sl_schema_ref(schema);
    groups->kind = kind_of(schema, columns, n_columns);
    groups->n_columns = n_columns;
    for (int32_t i = 0; i < n_columns; i++) {
        groups->columns[i] = columns[i];
    }
    groups->texts = sl_arena_new(SLI_TAG_BATCH);
    sl_code rc =
        groups->texts == NULL ? sl_error_nomem(err, 0, "group table") : make_room(groups, 0, err);
    if (rc != SL_OK) {
        sli_groups_free(groups);
        return rc;
    }
    *out = groups;
    return SL_OK;
}

void sli_groups_free(sli_groups *groups)
{
    if (groups == NULL) {
        return;
    }
    sl_schema_unref(groups->schema);
    sl_arena_free(groups->texts);
    sl_free(groups->buckets);
    sl_free(groups->keys);
    sl_free(groups->hashes);
    sl_free(groups);
}

/// Empties only the slots in use: a large table that now holds few groups is cleared at the cost of
/// the few.
static void empty_slots_in_use(sli_groups *groups)
{
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (int64_t g = 0; g < groups->n; g++) {
        for (uint64_t at = groups->hashes[g] & mask;; at = (at + 1) & mask) {
            bucket *b = &groups->buckets[at];
            int slot = 0;
            while (slot < SLOTS && b->groups[slot] != (int32_t)g) {
                slot++;
            }
            if (slot < SLOTS) {
                b->keys[slot] = (sli_group_key){EMPTY_LOW, EMPTY_HIGH};
                b->groups[slot] = -1;
                break;
            }
        }
    }
}

void sli_groups_clear(sli_groups *groups)
{
    if (groups->n < groups->n_buckets / 8) {
        empty_slots_in_use(groups);
    } else {
        empty_buckets(groups->buckets, groups->n_buckets);
    }
    groups->n = 0;
    groups->has_null = false;
    groups->kind = kind_of(groups->schema, groups->columns, groups->n_columns);
    sl_arena_reset(groups->texts);
}

int64_t sli_groups_count(const sli_groups *groups)
{
    return groups->n;
}

const uint64_t *sli_groups_hashes(const sli_groups *groups)
{
    return groups->hashes;
}

int64_t sli_groups_bytes(const sli_groups *groups)
{
    return (int64_t)sizeof *groups + groups->n_buckets * (int64_t)sizeof(bucket) +
           groups->capacity * (int64_t)(sizeof(sli_group_key) + sizeof(uint64_t)) +
           (int64_t)sl_arena_used(groups->texts);
}

// ---------------------------------------------------------------- growing

static void insert(bucket *buckets, uint64_t mask, sli_group_kind kind, sli_group_key key,
                   uint64_t hash, int32_t group)
{
    if (sli_group_is_long(kind, key)) {
        key.high = hash;
    }
    uint64_t at = hash & mask;
    while (buckets[at].groups[SLOTS - 1] >= 0) {
        at = (at + 1) & mask;
    }
    int slot = buckets[at].groups[0] < 0 ? 0 : buckets[at].groups[1] < 0 ? 1 : 2;
    buckets[at].keys[slot] = key;
    buckets[at].groups[slot] = group;
}

/// At most two of three slots are used. With at most half, a word count ran 5 % slower: the table
/// was twice as large.
static int64_t groups_in(int64_t n_buckets)
{
    return n_buckets * 2;
}

static sl_code grow_buckets(sli_groups *groups, int64_t n_groups, sl_error *err)
{
    int64_t n = groups->n_buckets < FIRST_BUCKETS ? FIRST_BUCKETS : groups->n_buckets;
    while (groups_in(n) < n_groups) {
        n *= n < LARGE_BUCKETS ? 4 : 2; // small tables grow fast: each growth moves every key
    }
    size_t size = (size_t)n * sizeof(bucket);
    bucket *buckets = sl_alloc_aligned(SLI_TAG_BATCH, size);
    if (buckets == NULL) {
        return sl_error_nomem(err, size, "group table");
    }
    empty_buckets(buckets, n);
    for (int64_t g = 0; g < groups->n; g++) {
        if (g + 16 < groups->n) {
            __builtin_prefetch(&buckets[groups->hashes[g + 16] & ((uint64_t)n - 1)], 1);
        }
        insert(buckets, (uint64_t)n - 1, groups->kind, groups->keys[g], groups->hashes[g],
               (int32_t)g);
    }
    sl_free(groups->buckets);
    groups->buckets = buckets;
    groups->n_buckets = n;
    return SL_OK;
}

static sl_code grow_lists(sli_groups *groups, int64_t n_groups, sl_error *err)
{
    int64_t capacity = groups->capacity < FIRST_GROUPS ? FIRST_GROUPS : groups->capacity * 2;
    capacity = capacity < n_groups ? n_groups : capacity;
    size_t n = (size_t)capacity;
    sli_group_key *keys = sl_realloc_aligned(SLI_TAG_BATCH, groups->keys, n * sizeof *keys);
    groups->keys = keys == NULL ? groups->keys : keys;
    uint64_t *hashes = sl_realloc_aligned(SLI_TAG_BATCH, groups->hashes, n * sizeof *hashes);
    groups->hashes = hashes == NULL ? groups->hashes : hashes;
    if (keys == NULL || hashes == NULL) {
        return sl_error_nomem(err, n * sizeof *keys, "group table");
    }
    groups->capacity = capacity;
    return SL_OK;
}

/// Room for `n` more groups, so that probing a chunk needs memory for long texts only.
static sl_code make_room(sli_groups *groups, int64_t n, sl_error *err)
{
    int64_t n_groups = groups->n + n;
    if (n_groups > INT32_MAX) {
        return sl_error_set(err, SL_E_NOMEM, "group table: more than 2147483647 groups");
    }
    if (n_groups > groups->capacity || groups->capacity == 0) {
        SL_TRY(grow_lists(groups, n_groups, err));
    }
    if (n_groups > groups_in(groups->n_buckets) || groups->n_buckets == 0) {
        SL_TRY(grow_buckets(groups, n_groups, err));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- keys of rows

/// Keys of text and, unless they were given, hashes; one pass, since both look at the same 16
/// bytes; home buckets of short texts are prefetched in the same one.
static void keys_of_texts(const sli_groups *groups, const sl_column *column, int64_t from,
                          int64_t n, bool hashed, chunk *out)
{
    const sl_view *views = (const sl_view *)column->values + from;
    const bucket *buckets = groups->buckets;
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (int64_t i = 0; i < n; i++) {
        sli_group_key key;
        memcpy(&key, &views[i], sizeof key);
        if (__builtin_expect(views[i].size > SL_VIEW_INLINE, 0)) {
            out->text[i] = sli_view_bytes(column, &views[i]);
            key.high = hashed ? out->hashes[i] : sli_hash64(out->text[i], (size_t)views[i].size);
            out->hashes[i] = key.high;
        } else if (!hashed) {
            uint64_t hash = sli_pair_hash(key.low, key.high);
            out->hashes[i] = hash;
            __builtin_prefetch(&buckets[hash & mask]);
        }
        out->keys[i] = key;
    }
}

static void keys_of_integers(const sl_column *column, int64_t from, int64_t n, chunk *out)
{
    for (int64_t i = 0; i < n; i++) {
        out->keys[i] = (sli_group_key){0, (uint64_t)sli_integer_at(column, from + i)};
    }
}

/// The view of a row's bytes.
static sli_group_key key_of_bytes(const char *bytes, size_t size)
{
    sli_group_key key = {0};
    sl_view view = {0};
    if (size > 0) {
        view = sli_view_of(bytes, 0, 0, (int64_t)size);
    }
    memcpy(&key, &view, sizeof key);
    return key;
}

static sl_code keys_of_rows(const sl_batch *batch, const int32_t *columns, int32_t n_columns,
                            int64_t from, int64_t n, chunk *out, sl_error *err)
{
    size_t begin[CHUNK + 1];
    sli_str_clear(&out->rows);
    begin[0] = 0;
    for (int64_t i = 0; i < n; i++) {
        sli_row_put(&out->rows, batch, columns, n_columns, from + i);
        begin[i + 1] = out->rows.size;
    }
    SL_TRY(sli_str_check(&out->rows, "group table", err));
    for (int64_t i = 0; i < n; i++) {
        size_t size = begin[i + 1] - begin[i];
        if (size > INT32_MAX) {
            return sl_error_set(err, SL_E_DATA, "a key of %zu bytes, 2147483647 are allowed", size);
        }
        out->keys[i] = key_of_bytes(out->rows.data + begin[i], size);
        if (size > SL_VIEW_INLINE) {
            out->text[i] = out->rows.data + begin[i];
            out->keys[i].high = out->hashes[i];
        }
    }
    return SL_OK;
}

static void keys_of_nulls(const sl_column *column, int64_t from, int64_t n, chunk *out)
{
    for (int64_t i = 0; column->validity != NULL && i < n; i++) {
        if (sl_column_is_null(column, from + i)) {
            out->keys[i] = (sli_group_key){SLI_GROUP_NULL, 0};
            out->hashes[i] = SLI_NULL_HASH;
        }
    }
}

static void fetch_buckets(const sli_groups *groups, const chunk *rows, int64_t n)
{
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (int64_t i = 0; i < n; i++) {
        __builtin_prefetch(&groups->buckets[rows->hashes[i] & mask]);
    }
}

static sl_code make_keys(const sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                         const uint64_t *hashes, int64_t from, int64_t n, chunk *out, sl_error *err)
{
    if (hashes != NULL) {
        memcpy(out->hashes, hashes + from, (size_t)n * sizeof *hashes);
    } else if (groups->kind == SLI_GROUP_WORDS &&
               sli_words_of_pairs(batch, columns, groups->n_columns, from, n, out->keys,
                                  out->hashes)) {
        fetch_buckets(groups, out, n);
        return SL_OK;
    } else if (groups->kind != SLI_GROUP_TEXT) {
        sli_batch_hash_range(batch, columns, groups->n_columns, from, n, out->hashes);
    }
    if (groups->kind == SLI_GROUP_ROW) {
        SL_TRY(keys_of_rows(batch, columns, groups->n_columns, from, n, out, err));
    } else if (groups->kind == SLI_GROUP_WORDS) {
        sli_words_of_rows(batch, columns, groups->n_columns, from, n, out->keys);
    } else {
        const sl_column *column = sl_batch_column(batch, columns[0]);
        if (groups->kind == SLI_GROUP_TEXT) {
            keys_of_texts(groups, column, from, n, hashes != NULL, out);
        } else {
            keys_of_integers(column, from, n, out);
        }
        keys_of_nulls(column, from, n, out);
    }
    if (hashes != NULL || groups->kind != SLI_GROUP_TEXT) { // else they have been
        fetch_buckets(groups, out, n);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- probing

/// Bit i is set when key i of the bucket has the same 16 bytes. Only the keys are loaded: a load of
/// the whole line would wait for the group number that an insertion has just stored.
#ifdef __SSE4_1__
static inline uint32_t match(const bucket *b, sli_group_key key)
{
    const __m128i *keys = (const __m128i *)(const void *)b->keys;
    __m128i wanted = _mm_set_epi64x((long long)key.high, (long long)key.low);
    __m128i first = _mm_cmpeq_epi64(_mm_load_si128(keys), wanted);
    __m128i second = _mm_cmpeq_epi64(_mm_load_si128(keys + 1), wanted);
    __m128i third = _mm_cmpeq_epi64(_mm_load_si128(keys + 2), wanted);
    __m128i pairs = _mm_packs_epi32(first, second),
            rest = _mm_packs_epi32(third, _mm_setzero_si128());
    uint32_t halves = (uint32_t)_mm_movemask_epi8(_mm_packs_epi16(pairs, rest)); // 4 bits a key
    uint32_t both = halves & (halves >> 2);
    return (both & 1) | (both >> 3 & 2) | (both >> 6 & 4);
}
#else
static inline uint32_t match(const bucket *b, sli_group_key key)
{
    uint32_t bits = 0;
    for (int i = 0; i < SLOTS; i++) {
        uint64_t differs = (b->keys[i].low ^ key.low) | (b->keys[i].high ^ key.high);
        bits |= (uint32_t)(differs == 0) << i;
    }
    return bits;
}
#endif

static bool is_empty_key(sli_group_key key)
{
    return ((key.low ^ EMPTY_LOW) | (key.high ^ EMPTY_HIGH)) == 0;
}

static const char *text_of(const sli_groups *groups, int32_t group)
{
    return SLI_UNCONST(const char, groups->keys[group].high);
}

/// The key's group or -1, from bucket `at` on.
static int32_t probe(const sli_groups *groups, sli_group_key key, uint64_t hash, const char *text)
{
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        const bucket *b = &groups->buckets[at];
        for (uint32_t bits = match(b, key); bits != 0; bits &= bits - 1) {
            int32_t group = b->groups[__builtin_ctz(bits)];
            if (!sli_group_is_long(groups->kind, key) ||
                memcmp(text_of(groups, group), text, (size_t)(int32_t)key.low) == 0) {
                return group;
            }
        }
        if (b->groups[SLOTS - 1] < 0) {
            return -1;
        }
    }
}

static sl_code add(sli_groups *groups, sli_group_key key, uint64_t hash, const char *text,
                   int32_t *group, sl_error *err)
{
    if (sli_group_is_long(groups->kind, key)) {
        size_t size = (size_t)(int32_t)key.low;
        const char *copy = sl_arena_copy(groups->texts, text, size);
        if (copy == NULL) {
            return sl_error_nomem(err, size, "text of a key");
        }
        key.high = (uint64_t)(uintptr_t)copy;
    }
    *group = (int32_t)groups->n++;
    groups->keys[*group] = key;
    groups->hashes[*group] = hash;
    groups->has_null = groups->has_null || (uint32_t)key.low == SLI_GROUP_NULL;
    insert(groups->buckets, (uint64_t)groups->n_buckets - 1, groups->kind, key, hash, *group);
    return SL_OK;
}

/// A row whose home bucket shows no key like its own, or whose text has to be compared.
static __attribute__((noinline)) sl_code add_row(sli_groups *groups, const chunk *rows, int64_t i,
                                                 int32_t *group, sl_error *err)
{
    const char *text = sli_group_is_long(groups->kind, rows->keys[i]) ? rows->text[i] : NULL;
    *group = probe(groups, rows->keys[i], rows->hashes[i], text);
    return *group >= 0 ? SL_OK : add(groups, rows->keys[i], rows->hashes[i], text, group, err);
}

/// Keys that are all in their 16 bytes: nothing but the bucket is looked at.
static sl_code add_whole_keys(sli_groups *groups, const chunk *rows, int64_t n, int32_t *group,
                              sl_error *err)
{
    const bucket *buckets = groups->buckets; // which has room for all of the chunk
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (int64_t i = 0; i < n; i++) {
        const bucket *b = &buckets[rows->hashes[i] & mask];
        uint32_t bits = match(b, rows->keys[i]);
        if (__builtin_expect(bits != 0, 1)) {
            group[i] = b->groups[__builtin_ctz(bits)];
        } else {
            SL_TRY(add_row(groups, rows, i, &group[i], err));
        }
    }
    return SL_OK;
}

static sl_code add_texts(sli_groups *groups, const chunk *rows, int64_t n, int32_t *group,
                         sl_error *err)
{
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (int64_t i = 0; i < n; i++) {
        sli_group_key key = rows->keys[i];
        const bucket *b = &groups->buckets[rows->hashes[i] & mask];
        uint32_t bits = match(b, key);
        if (__builtin_expect(bits != 0, 1)) {
            group[i] = b->groups[__builtin_ctz(bits)];
            if (!sli_group_is_long(SLI_GROUP_TEXT, key) ||
                memcmp(text_of(groups, group[i]), rows->text[i], (size_t)(int32_t)key.low) == 0) {
                continue;
            }
        }
        SL_TRY(add_row(groups, rows, i, &group[i], err));
    }
    return SL_OK;
}

static sl_code add_chunk(sli_groups *groups, const chunk *rows, int64_t n, int32_t *group,
                         sl_error *err)
{
    bool are_whole = groups->kind == SLI_GROUP_WORDS || groups->kind == SLI_GROUP_INTEGER;
    return are_whole ? add_whole_keys(groups, rows, n, group, err)
                     : add_texts(groups, rows, n, group, err);
}

// ---------------------------------------------------------------- words that are none

/// Row bytes of a group's words as its key, in `texts` when they are long.
static sl_code key_of_words(sli_groups *groups, int64_t group, sli_str *row, sli_group_key *out,
                            sl_error *err)
{
    sli_str_clear(row);
    sli_words_row(groups->schema, groups->columns, groups->n_columns, &groups->keys[group], row);
    SL_TRY(sli_str_check(row, "group table", err));
    *out = key_of_bytes(row->data, row->size);
    if (row->size > SL_VIEW_INLINE) {
        const char *copy = sl_arena_copy(groups->texts, row->data, row->size);
        if (copy == NULL) {
            return sl_error_nomem(err, row->size, "text of a key");
        }
        out->high = (uint64_t)(uintptr_t)copy;
    }
    return SL_OK;
}

/// Turns a table of words into one of row bytes, with the same groups.
static sl_code become_rows(sli_groups *groups, sl_error *err)
{
    sli_group_key *keys = sl_alloc_aligned(SLI_TAG_BATCH, (size_t)groups->capacity * sizeof *keys);
    if (keys == NULL) {
        return sl_error_nomem(err, (size_t)groups->capacity * sizeof *keys, "group table");
    }
    sli_str row = {.tag = SLI_TAG_BATCH};
    sl_code rc = SL_OK;
    for (int64_t g = 0; g < groups->n && rc == SL_OK; g++) {
        rc = key_of_words(groups, g, &row, &keys[g], err);
    }
    sli_str_reset(&row);
    if (rc != SL_OK) {
        sl_free(keys);
        return rc;
    }
    sl_free(groups->keys);
    groups->keys = keys;
    groups->kind = SLI_GROUP_ROW;
    empty_buckets(groups->buckets, groups->n_buckets);
    for (int64_t g = 0; g < groups->n; g++) {
        insert(groups->buckets, (uint64_t)groups->n_buckets - 1, SLI_GROUP_ROW, keys[g],
               groups->hashes[g], (int32_t)g);
    }
    return SL_OK;
}

static bool has_empty_key(const chunk *rows, int64_t n)
{
    bool may_have = false, found = false;
    for (int64_t i = 0; i < n; i++) {
        may_have |= rows->keys[i].low == EMPTY_LOW; // without a branch a row
    }
    for (int64_t i = 0; i < n && may_have; i++) {
        found = found || is_empty_key(rows->keys[i]);
    }
    return found;
}

/// A chunk of a table of words; of row bytes from here on when the chunk asks for it.
static sl_code make_words(sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                          const uint64_t *hashes, int64_t from, int64_t n, chunk *out,
                          sl_error *err)
{
    SL_TRY(make_keys(groups, batch, columns, hashes, from, n, out, err));
    if (!has_empty_key(out, n) &&
        !sli_words_have_null(batch, columns, groups->n_columns, from, n)) {
        return SL_OK;
    }
    SL_TRY(become_rows(groups, err));
    return make_keys(groups, batch, columns, hashes, from, n, out, err);
}

/// No group of a table of words has such a key.
static void forget_odd_rows(const sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                            int64_t from, const chunk *rows, int64_t n, int32_t *group)
{
    for (int64_t i = 0; i < n; i++) {
        if (is_empty_key(rows->keys[i]) ||
            sli_words_have_null(batch, columns, groups->n_columns, from + i, 1)) {
            group[i] = -1;
        }
    }
}

// ---------------------------------------------------------------- batches

static sl_code check_types(const sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                           sl_error *err)
{
    for (int32_t i = 0; i < groups->n_columns; i++) {
        const sl_field *want = sl_schema_field(groups->schema, groups->columns[i]);
        const sl_field *have = sl_schema_field(sl_batch_schema(batch), columns[i]);
        if (!sli_field_same_type(want, have)) {
            return sl_error_set(err, SL_E_INVALID, "key column \"%s\" is %s, not %s", have->name,
                                sli_type_name(have->type), sli_type_name(want->type));
        }
    }
    return SL_OK;
}

sl_code sli_groups_add_by(sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                          const uint64_t *hashes, int32_t *group, sl_error *err)
{
    SL_TRY(check_types(groups, batch, columns, err));
    int64_t n_rows = sl_batch_rows(batch);
    int32_t only;
    if (groups->n_columns == 0) { // there is one group, and its first row makes it
        if (group != NULL) {
            memset(group, 0, (size_t)n_rows * sizeof *group);
        }
        group = &only;
        n_rows = n_rows > 0 && sli_groups_count(groups) == 0 ? 1 : 0;
    }
    chunk rows;
    rows.rows = (sli_str){.tag = SLI_TAG_BATCH};
    sl_code rc = SL_OK;
    for (int64_t from = 0; rc == SL_OK && from < n_rows; from += CHUNK) {
        int64_t n = n_rows - from < CHUNK ? n_rows - from : CHUNK;
        rc = make_room(groups, n, err);
        if (rc == SL_OK) {
            rc = groups->kind == SLI_GROUP_WORDS
                     ? make_words(groups, batch, columns, hashes, from, n, &rows, err)
                     : make_keys(groups, batch, columns, hashes, from, n, &rows, err);
        }
        if (rc == SL_OK) {
            rc = add_chunk(groups, &rows, n, group + from, err);
        }
    }
    sli_str_reset(&rows.rows);
    return rc;
}

sl_code sli_groups_add(sli_groups *groups, const sl_batch *batch, const uint64_t *hashes,
                       int32_t *group, sl_error *err)
{
    return sli_groups_add_by(groups, batch, groups->columns, hashes, group, err);
}

sl_code sli_groups_find(const sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                        int32_t *group, sl_error *err)
{
    SL_TRY(check_types(groups, batch, columns, err));
    chunk rows;
    rows.rows = (sli_str){.tag = SLI_TAG_BATCH};
    sl_code rc = SL_OK;
    int64_t n_rows = sl_batch_rows(batch);
    for (int64_t from = 0; rc == SL_OK && from < n_rows; from += CHUNK) {
        int64_t n = n_rows - from < CHUNK ? n_rows - from : CHUNK;
        rc = make_keys(groups, batch, columns, NULL, from, n, &rows, err);
        for (int64_t i = 0; rc == SL_OK && i < n; i++) {
            const char *text = sli_group_is_long(groups->kind, rows.keys[i]) ? rows.text[i] : NULL;
            group[from + i] = probe(groups, rows.keys[i], rows.hashes[i], text);
        }
        if (rc == SL_OK && groups->kind == SLI_GROUP_WORDS) {
            forget_odd_rows(groups, batch, columns, from, &rows, n, group + from);
        }
    }
    sli_str_reset(&rows.rows);
    return rc;
}
