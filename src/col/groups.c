/// groups.c — the hash table of keys: rows to dense group numbers, in first-seen order.
///
/// Every key is brought into 16 bytes: short text is its own string view; long text is its length,
/// prefix and hash; an integer is its value; anything else is the text of its row bytes. Three keys
/// and their group numbers fill one cache line:
///
///     bucket   key 0 (16) | key 1 (16) | key 2 (16) | group 0 | group 1 | group 2 | unused
///
/// The low bits of the hash choose the bucket (the high ones have chosen the partition already); a
/// full bucket overflows into the next. Rows go in chunks: first all keys of a chunk are made and
/// their buckets prefetched, then all are probed, so that misses overlap. A group's full text is
/// compared only when its 16 bytes are equal.

#include "col/col_int.h"

#include <string.h>
#ifdef __SSE4_1__
#include <smmintrin.h>
#endif

enum { CHUNK = 256, SLOTS = 3, FIRST_BUCKETS = 64, LARGE_BUCKETS = 16384, FIRST_GROUPS = 64 };

/// What no view has: sizes below zero.
#define EMPTY_LOW 0xffffffffU
#define NULL_LOW 0xfffffffeU

typedef struct group_key {
    uint64_t low, high;
} group_key;

typedef struct bucket {
    group_key keys[SLOTS];
    int32_t groups[SLOTS]; ///< -1: empty; filled from the first on
    int32_t unused;
} bucket;
_Static_assert(sizeof(bucket) == 64, "a bucket is one cache line");

typedef enum key_kind { KEY_TEXT, KEY_INTEGER, KEY_ROW } key_kind;

struct sli_groups {
    const sl_schema *schema;
    key_kind kind;
    bool has_null; ///< KEY_TEXT and KEY_INTEGER: some group is null
    int64_t n, capacity;
    int64_t n_buckets; ///< a power of two
    bucket *buckets;
    group_key *keys;  ///< of group i; for long text `high` is the text's address in `texts`
    uint64_t *hashes; ///< of group i
    sl_arena *texts;
    int32_t n_columns;
    int32_t columns[];
};

/// Keys of up to CHUNK rows, ready to be probed. `text` is set for long ones only.
typedef struct chunk {
    group_key keys[CHUNK];
    uint64_t hashes[CHUNK];
    const char *text[CHUNK];
    sli_str rows; ///< KEY_ROW: where `text` points
} chunk;

// ---------------------------------------------------------------- life

static key_kind kind_of(const sl_schema *schema, const int32_t *columns, int32_t n_columns)
{
    if (n_columns != 1) {
        return KEY_ROW;
    }
    sl_type type = sl_schema_field(schema, columns[0])->type;
    return sli_type_is_text(type) ? KEY_TEXT : sli_type_is_integer(type) ? KEY_INTEGER : KEY_ROW;
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
    static const bucket empty = {.keys = {{EMPTY_LOW, 0}, {EMPTY_LOW, 0}, {EMPTY_LOW, 0}},
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
                b->keys[slot] = (group_key){EMPTY_LOW, 0};
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
           groups->capacity * (int64_t)(sizeof(group_key) + sizeof(uint64_t)) +
           (int64_t)sl_arena_used(groups->texts);
}

// ---------------------------------------------------------------- growing

static bool is_long(group_key key)
{
    return (int32_t)key.low > SL_VIEW_INLINE;
}

static void insert(bucket *buckets, uint64_t mask, group_key key, uint64_t hash, int32_t group)
{
    if (is_long(key)) {
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
        insert(buckets, (uint64_t)n - 1, groups->keys[g], groups->hashes[g], (int32_t)g);
    }
    sl_free(groups->buckets);
    groups->buckets = buckets;
    groups->n_buckets = n;
    return SL_OK;
}

/// Grows a list of 8- or 16-byte items; aligned blocks can't be reallocated.
static void *grow_list(const void *old, int64_t used, int64_t capacity, size_t item)
{
    void *grown = sl_alloc_aligned(SLI_TAG_BATCH, (size_t)capacity * item);
    if (grown != NULL && used > 0) {
        memcpy(grown, old, (size_t)used * item);
    }
    return grown;
}

static sl_code grow_lists(sli_groups *groups, int64_t n_groups, sl_error *err)
{
    int64_t capacity = groups->capacity < FIRST_GROUPS ? FIRST_GROUPS : groups->capacity * 2;
    capacity = capacity < n_groups ? n_groups : capacity;
    group_key *keys = grow_list(groups->keys, groups->n, capacity, sizeof *keys);
    uint64_t *hashes = grow_list(groups->hashes, groups->n, capacity, sizeof *hashes);
    if (keys == NULL || hashes == NULL) {
        sl_free(keys);
        sl_free(hashes);
        return sl_error_nomem(err, (size_t)capacity * sizeof *keys, "group table");
    }
    sl_free(groups->keys);
    sl_free(groups->hashes);
    groups->keys = keys;
    groups->hashes = hashes;
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
        group_key key;
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
        out->keys[i] = (group_key){0, (uint64_t)sli_integer_at(column, from + i)};
    }
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
        sl_view view = {0};
        if (size > 0) {
            view = sli_view_of(out->rows.data + begin[i], 0, 0, (int64_t)size);
        }
        memcpy(&out->keys[i], &view, sizeof view);
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
            out->keys[i] = (group_key){NULL_LOW, 0};
            out->hashes[i] = SLI_NULL_HASH;
        }
    }
}

static sl_code make_keys(const sli_groups *groups, const sl_batch *batch, const int32_t *columns,
                         const uint64_t *hashes, int64_t from, int64_t n, chunk *out, sl_error *err)
{
    if (hashes != NULL) {
        memcpy(out->hashes, hashes + from, (size_t)n * sizeof *hashes);
    } else if (groups->kind != KEY_TEXT) {
        sli_batch_hash_range(batch, columns, groups->n_columns, from, n, out->hashes);
    }
    if (groups->kind == KEY_ROW) {
        SL_TRY(keys_of_rows(batch, columns, groups->n_columns, from, n, out, err));
    } else {
        const sl_column *column = sl_batch_column(batch, columns[0]);
        if (groups->kind == KEY_TEXT) {
            keys_of_texts(groups, column, from, n, hashes != NULL, out);
        } else {
            keys_of_integers(column, from, n, out);
        }
        keys_of_nulls(column, from, n, out);
    }
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    bool fetched = hashes == NULL && groups->kind == KEY_TEXT;
    for (int64_t i = 0; i < n && !fetched; i++) {
        __builtin_prefetch(&groups->buckets[out->hashes[i] & mask]);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- probing

/// Bit i is set when key i of the bucket has the same 16 bytes. Only the keys are loaded: a load of
/// the whole line would wait for the group number that an insertion has just stored.
#ifdef __SSE4_1__
static inline uint32_t match(const bucket *b, group_key key)
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
static inline uint32_t match(const bucket *b, group_key key)
{
    uint32_t bits = 0;
    for (int i = 0; i < SLOTS; i++) {
        uint64_t differs = (b->keys[i].low ^ key.low) | (b->keys[i].high ^ key.high);
        bits |= (uint32_t)(differs == 0) << i;
    }
    return bits;
}
#endif

static const char *text_of(const sli_groups *groups, int32_t group)
{
    return SLI_UNCONST(const char, groups->keys[group].high);
}

/// The key's group or -1, from bucket `at` on.
static int32_t probe(const sli_groups *groups, group_key key, uint64_t hash, const char *text)
{
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (uint64_t at = hash & mask;; at = (at + 1) & mask) {
        const bucket *b = &groups->buckets[at];
        for (uint32_t bits = match(b, key); bits != 0; bits &= bits - 1) {
            int32_t group = b->groups[__builtin_ctz(bits)];
            if (!is_long(key) ||
                memcmp(text_of(groups, group), text, (size_t)(int32_t)key.low) == 0) {
                return group;
            }
        }
        if (b->groups[SLOTS - 1] < 0) {
            return -1;
        }
    }
}

static sl_code add(sli_groups *groups, group_key key, uint64_t hash, const char *text,
                   int32_t *group, sl_error *err)
{
    if (is_long(key)) {
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
    groups->has_null = groups->has_null || (uint32_t)key.low == NULL_LOW;
    insert(groups->buckets, (uint64_t)groups->n_buckets - 1, key, hash, *group);
    return SL_OK;
}

static sl_code add_chunk(sli_groups *groups, const chunk *rows, int64_t n, int32_t *group,
                         sl_error *err)
{
    uint64_t mask = (uint64_t)groups->n_buckets - 1;
    for (int64_t i = 0; i < n; i++) {
        group_key key = rows->keys[i];
        const bucket *b = &groups->buckets[rows->hashes[i] & mask];
        uint32_t bits = match(b, key);
        const char *text = is_long(key) ? rows->text[i] : NULL;
        if (__builtin_expect(bits != 0, 1)) {
            group[i] = b->groups[__builtin_ctz(bits)];
            if (text == NULL ||
                memcmp(text_of(groups, group[i]), text, (size_t)(int32_t)key.low) == 0) {
                continue;
            }
        }
        group[i] = probe(groups, key, rows->hashes[i], text);
        if (group[i] < 0) {
            SL_TRY(add(groups, key, rows->hashes[i], text, &group[i], err));
        }
    }
    return SL_OK;
}

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
            rc = make_keys(groups, batch, columns, hashes, from, n, &rows, err);
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
            const char *text = is_long(rows.keys[i]) ? rows.text[i] : NULL;
            group[from + i] = probe(groups, rows.keys[i], rows.hashes[i], text);
        }
    }
    sli_str_reset(&rows.rows);
    return rc;
}

// ---------------------------------------------------------------- keys of groups

/// The key's bytes: in the key itself, or in the arena.
static const char *bytes_of(const group_key *key)
{
    return is_long(*key) ? SLI_UNCONST(const char, key->high) : (const char *)key + sizeof(int32_t);
}

static void put_key(const sli_groups *groups, const group_key *key, sli_cells *cells)
{
    if ((uint32_t)key->low == NULL_LOW) {
        sli_cells_null(cells);
    } else if (groups->kind == KEY_INTEGER) {
        sli_cells_fixed(cells, &key->high); // little-endian: the low bytes come first
    } else {
        sli_cells_text(cells, bytes_of(key), (int32_t)key->low);
    }
}

/// Short texts are views already: copied whole, long ones replaced after.
static void put_texts(const sli_groups *groups, int64_t from, int64_t n, sli_cells *cells)
{
    for (int64_t i = from; i < from + n;) {
        int64_t end = i;
        while (end < from + n && !is_long(groups->keys[end])) {
            end++;
        }
        void *to = sli_cells_reserve(cells, end - i);
        if (to == NULL) {
            return;
        }
        memcpy(to, groups->keys + i, (size_t)(end - i) * sizeof(group_key));
        if (end < from + n) {
            put_key(groups, &groups->keys[end++], cells);
        }
        i = end;
    }
}

sl_code sli_groups_keys(const sli_groups *groups, int64_t from, int64_t n, sl_builder *out,
                        int32_t first_column, sl_error *err)
{
    SL_ASSERT(from >= 0 && n >= 0 && from + n <= groups->n, "only groups that exist have keys");
    SL_ASSERT(first_column >= 0 && groups->n_columns <= out->n_columns - first_column,
              "the builder has the key's columns");
    for (int32_t i = 0; i < groups->n_columns; i++) {
        const sl_field *want = sl_schema_field(groups->schema, groups->columns[i]);
        if (!sli_field_same_type(want, out->cells[first_column + i].field)) {
            return sl_error_set(err, SL_E_INVALID, "key column \"%s\" is %s, the builder's is %s",
                                want->name, sli_type_name(want->type),
                                sli_type_name(out->cells[first_column + i].field->type));
        }
    }
    if (groups->kind == KEY_TEXT && !groups->has_null) {
        put_texts(groups, from, n, &out->cells[first_column]);
        return sli_builder_check(out, err);
    }
    for (int64_t i = from; i < from + n; i++) {
        const group_key *key = &groups->keys[i];
        if (groups->kind == KEY_ROW) {
            sl_bytes row = {bytes_of(key), (size_t)(int32_t)key->low};
            SL_TRY(sli_row_get(row, out, first_column, groups->n_columns, err));
        } else {
            put_key(groups, key, &out->cells[first_column]);
        }
    }
    return sli_builder_check(out, err);
}

void sli_groups_row(const sli_groups *groups, int64_t group, sli_str *out)
{
    const group_key *key = &groups->keys[group];
    if ((uint32_t)key->low == NULL_LOW) {
        sli_row_put_null(out);
    } else if (groups->kind == KEY_ROW) {
        sli_str_add(out, bytes_of(key), (size_t)(int32_t)key->low);
    } else if (groups->kind == KEY_TEXT) {
        sli_row_put_text(out, (sl_text){bytes_of(key), (size_t)(int32_t)key->low});
    } else {
        sl_type type = sl_schema_field(groups->schema, groups->columns[0])->type;
        sli_put_u8(out, 1);
        sli_str_add(out, &key->high, (size_t)sli_type_width(type)); // the low bytes come first
    }
}
