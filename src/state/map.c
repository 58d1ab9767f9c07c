// The ordered map. Deleting from the index shifts later entries of the run back, so that no
// tombstones are needed and lookups never get slower with age.
#include "state/map.h"

// ---------------------------------------------------------------- rows

static char *take_bytes(sli_map *map, size_t size)
{
    if (!map->is_brief) {
        return sl_alloc(SLI_TAG_STATE, size);
    }
    if (map->blobs == NULL) {
        map->blobs = sl_arena_new(SLI_TAG_STATE);
    }
    return map->blobs == NULL ? NULL : sl_arena_alloc(map->blobs, size);
}

/// `from` may be a part of the row's own bytes.
static void copy_bytes(char *to, sl_bytes from)
{
    if (from.size <= SLI_FEW_BYTES) {
        sli_copy_few(to, from.data, from.size);
    } else {
        memmove(to, from.data, from.size);
    }
}

/// Gives the row of an entry in use back.
static void free_row(sli_map *map, const sli_entry *e)
{
    if (e->change != SLI_FREE && !sli_entry_is_short(e)) {
        map->blob_bytes -= (int64_t)e->key_size + (int64_t)e->value_size;
        if (!map->is_brief) {
            sl_free(sli_entry_blob(e));
        }
    }
}

/// Writes a row into `e`, whose row, if it had one, stays the caller's. The value may lie in it.
static sl_code make_row(sli_map *map, sli_entry *e, sl_bytes key, sl_bytes value, sl_error *err)
{
    sli_entry made = *e;
    made.key_size = (uint32_t)key.size;
    made.value_size = (uint32_t)value.size;
    char *row = made.row;
    if (key.size > INT32_MAX || value.size > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "a state key or value has more than 2^31 - 1 bytes");
    }
    if (!sli_entry_is_short(&made)) {
        row = take_bytes(map, key.size + value.size);
        if (row == NULL) {
            return sl_error_nomem(err, key.size + value.size, "a state row");
        }
        sli_entry_set_blob(&made, row);
        map->blob_bytes += (int64_t)(key.size + value.size);
    }
    copy_bytes(row, key);
    copy_bytes(row + key.size, value);
    *e = made;
    return SL_OK;
}

// ---------------------------------------------------------------- the map

void sli_map_init(sli_map *map)
{
    *map = (sli_map){.free = -1};
    memset(map->head, 0xff, sizeof map->head);
    memset(map->tail, 0xff, sizeof map->tail);
}

void sli_map_init_brief(sli_map *map)
{
    sli_map_init(map);
    map->is_brief = true;
}

void sli_map_reset(sli_map *map)
{
    bool is_brief = map->is_brief;
    for (int32_t i = 0; i < map->n && !is_brief && map->blob_bytes > 0; i++) {
        free_row(map, &map->entries[i]);
    }
    sl_arena_free(map->blobs);
    sl_free(map->entries);
    sl_free(map->index);
    sli_map_init(map);
    map->is_brief = is_brief;
}

int64_t sli_map_footprint(const sli_map *map)
{
    return map->blob_bytes + (int64_t)map->capacity * (int64_t)sizeof(sli_entry) +
           (int64_t)map->index_size * (int64_t)sizeof *map->index;
}

static bool is_key(const sli_entry *entry, uint64_t hash, sl_bytes key)
{
    return entry->hash == hash && sli_bytes_equal(sli_entry_key(entry), key);
}

void sli_map_prefetch(const sli_map *map, const uint64_t *hashes, int32_t n)
{
    uint64_t mask = (uint64_t)map->index_size - 1;
    for (int32_t i = 0; i < n && map->index_size > 0; i++) {
        __builtin_prefetch(&map->index[hashes[i] & mask], 1);
    }
    for (int32_t i = 0; i < n && map->index_size > 0; i++) {
        int32_t entry = sli_map_guess(map, hashes[i]);
        if (entry >= 0) {
            __builtin_prefetch(&map->entries[entry]);
        }
    }
}

int32_t sli_map_find(const sli_map *map, uint64_t hash, sl_bytes key)
{
    if (map->live == 0) {
        return -1;
    }
    uint64_t mask = (uint64_t)map->index_size - 1;
    for (uint64_t at = hash & mask; map->index[at].entry != 0; at = (at + 1) & mask) {
        int32_t entry = map->index[at].entry - 1;
        if (map->index[at].tag == (uint32_t)(hash >> 32) &&
            is_key(&map->entries[entry], hash, key)) {
            return entry;
        }
    }
    return -1;
}

static void index_put(sli_map *map, int32_t entry)
{
    uint64_t mask = (uint64_t)map->index_size - 1;
    uint64_t at = map->entries[entry].hash & mask;
    while (map->index[at].entry != 0) {
        at = (at + 1) & mask;
    }
    map->index[at] = (sli_place){(uint32_t)(map->entries[entry].hash >> 32), entry + 1};
}

/// Entries lie in the order of their numbers, their places in the index anywhere: those of entries
/// to come are fetched ahead.
static void fill_index(sli_map *map)
{
    enum { AHEAD = 16 };
    uint64_t mask = (uint64_t)map->index_size - 1;
    for (int32_t i = 0; i < map->n; i++) {
        if (map->n - i > AHEAD) {
            __builtin_prefetch(&map->index[map->entries[i + AHEAD].hash & mask], 1);
        }
        if (map->entries[i].change != SLI_FREE) {
            index_put(map, i);
        }
    }
}

static sl_code grow_index(sli_map *map, sl_error *err)
{
    if ((map->live + 1) * 10 < (int64_t)map->index_size * 7) {
        return SL_OK;
    }
    if (map->index_size > INT32_MAX / 4) {
        return sl_error_set(err, SL_E_NOMEM, "a state table holds at most %d keys in memory",
                            INT32_MAX / 4);
    }
    int32_t size = map->index_size == 0 ? 64 : map->index_size * 2;
    size_t bytes = (size_t)size * sizeof(sli_place);
    sli_place *index = sl_alloc_aligned(SLI_TAG_STATE, bytes); // look-ups want huge pages
    if (index == NULL) {
        return sl_error_nomem(err, bytes, "the index of a state table");
    }
    memset(index, 0, bytes);
    sl_free(map->index);
    map->index = index;
    map->index_size = size;
    fill_index(map);
    return SL_OK;
}

static sl_code grow_entries(sli_map *map, sl_error *err)
{
    int32_t capacity = map->capacity == 0 ? 64 : map->capacity * 2;
    size_t bytes = (size_t)capacity * sizeof(sli_entry);
    sli_entry *more = sl_realloc_aligned(SLI_TAG_STATE, map->entries, bytes);
    if (more == NULL) {
        return sl_error_nomem(err, bytes, "a state table");
    }
    map->entries = more;
    map->capacity = capacity;
    return SL_OK;
}

static sl_code take_entry(sli_map *map, int32_t *out, sl_error *err)
{
    *out = map->free >= 0 ? map->free : map->n;
    return *out < map->capacity ? SL_OK : grow_entries(map, err);
}

static void link_last(sli_map *map, int32_t entry)
{
    sli_entry *e = &map->entries[entry];
    e->next = -1;
    e->previous = map->tail[e->slot];
    if (e->previous >= 0) {
        map->entries[e->previous].next = entry;
    } else {
        map->head[e->slot] = entry;
    }
    map->tail[e->slot] = entry;
}

static void unlink_entry(sli_map *map, int32_t entry)
{
    const sli_entry *e = &map->entries[entry];
    if (e->previous >= 0) {
        map->entries[e->previous].next = e->next;
    } else {
        map->head[e->slot] = e->next;
    }
    if (e->next >= 0) {
        map->entries[e->next].previous = e->previous;
    } else {
        map->tail[e->slot] = e->previous;
    }
}

sl_code sli_map_add(sli_map *map, uint64_t hash, int32_t slot, sl_bytes key, sl_bytes value,
                    sli_change change, sl_error *err)
{
    int32_t entry = 0;
    sli_entry added = {.hash = hash, .slot = (uint16_t)slot, .change = (uint8_t)change};
    SL_TRY(grow_index(map, err));
    SL_TRY(take_entry(map, &entry, err));
    SL_TRY(make_row(map, &added, key, value, err));
    if (entry == map->n) {
        map->n++;
    } else {
        map->free = map->entries[entry].next;
    }
    map->entries[entry] = added;
    link_last(map, entry);
    index_put(map, entry);
    map->live++;
    return SL_OK;
}

sl_code sli_map_set_value(sli_map *map, int32_t entry, sl_bytes value, sl_error *err)
{
    sli_entry *e = &map->entries[entry];
    if (value.size == e->value_size) {
        char *row = sli_entry_is_short(e) ? e->row : sli_entry_blob(e);
        copy_bytes(row + e->key_size, value);
        return SL_OK;
    }
    sli_entry was = *e;
    SL_TRY(make_row(map, e, sli_entry_key(&was), value, err));
    free_row(map, &was);
    return SL_OK;
}

void sli_map_move_last(sli_map *map, int32_t entry)
{
    unlink_entry(map, entry);
    link_last(map, entry);
}

/// Empties place `at` of the index and closes the gap: an entry further on in the run moves back
/// when its own place does not lie behind the gap (Knuth, The Art of Computer Programming 3, 6.4,
/// algorithm R).
static void index_remove(sli_map *map, int32_t entry)
{
    uint64_t mask = (uint64_t)map->index_size - 1;
    uint64_t gap = map->entries[entry].hash & mask;
    while (map->index[gap].entry != entry + 1) {
        gap = (gap + 1) & mask;
    }
    for (uint64_t at = (gap + 1) & mask; map->index[at].entry != 0; at = (at + 1) & mask) {
        uint64_t home = map->entries[map->index[at].entry - 1].hash & mask;
        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->index[gap] = map->index[at];
            gap = at;
        }
    }
    map->index[gap] = (sli_place){0, 0};
}

void sli_map_remove(sli_map *map, int32_t entry)
{
    sli_entry *e = &map->entries[entry];
    index_remove(map, entry);
    unlink_entry(map, entry);
    free_row(map, e);
    map->live--;
    e->change = SLI_FREE;
    e->next = map->free;
    map->free = entry;
}
