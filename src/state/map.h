/// map.h — an ordered hash map from key bytes to value bytes, filed by slot: what base, views and
/// pending deltas are made of.
///
/// Entries of a slot form a list in the order in which they were put there; `move_last` takes one
/// to the end. Removing frees the entry. Keys are found by a hash of their bytes; the slot is the
/// caller's. An entry is one cache line, and a short row lies in it: a look-up waits for the index
/// and the entry, a change for the entry.
#pragma once

#include "base/bytes.h"
#include "state/state.h"

/// What happened to a key; the first three are bytes of a delta. See README: how changes compose.
typedef enum sli_change {
    SLI_FREE = 0,    ///< of an entry that is not in use
    SLI_SET = 1,     ///< a new value in place; in a delta also a new key
    SLI_REMOVED = 2, ///< was in the base
    SLI_MOVED = 3,   ///< was in the base, was removed and put again: last in its slot
    // Views only.
    SLI_ADDED = 4,  ///< was not in the base
    SLI_PUT = 5,    ///< put, the base not asked yet: SET, ADDED, or no change
    SLI_GONE = 6,   ///< removed, the base not asked yet: REMOVED, or no change
    SLI_AGAIN = 7,  ///< removed and put again, the base not asked yet: MOVED or ADDED
    SLI_KEPT = 8,   ///< no change: what the base has
    SLI_ABSENT = 9, ///< no change: the base has no such key
} sli_change;

enum { SLI_SHORT_ROW = 37 }; ///< bytes of a row that lies in its entry

typedef struct sli_entry {
    uint64_t hash; ///< of the key's bytes
    uint32_t key_size, value_size;
    int32_t previous,
        next; ///< in the slot's list; -1 at its ends. Free entries are linked by `next`
    uint16_t slot;
    uint8_t change;          ///< sli_change; base: SLI_SET
    char row[SLI_SHORT_ROW]; ///< key, then value; of a longer row its address: sli_entry_blob
} sli_entry;
_Static_assert(sizeof(sli_entry) == 64, "an entry is a cache line");
_Static_assert(SLI_SLOTS <= UINT16_MAX, "an entry has room for its slot");

/// A place of the index.
typedef struct sli_place {
    uint32_t tag;  ///< the upper half of the hash: other entries need not be looked at
    int32_t entry; ///< number + 1; 0: empty
} sli_place;

typedef struct sli_map {
    sli_entry *entries;        ///< at cache lines
    int32_t n, capacity, free; ///< free: first free entry or -1
    sli_place *index;          ///< by hash, linear probing
    int32_t index_size;        ///< power of two; 0 before the first key
    int32_t head[SLI_SLOTS], tail[SLI_SLOTS];
    int64_t live, blob_bytes; ///< entries in use; bytes of long rows
    bool is_brief;            ///< blobs lie in `blobs` and go with the map
    sl_arena *blobs;          ///< NULL before the first
} sli_map;

void sli_map_init(sli_map *map);
/// A map that is soon forgotten as a whole: what is removed from it or replaced in it frees
/// nothing.
void sli_map_init_brief(sli_map *map);
void sli_map_reset(sli_map *map);
int64_t sli_map_footprint(const sli_map *map); ///< bytes of memory
/// Soon somebody looks for keys of these hashes: their places in the index, and the entries that
/// stand there, are fetched together.
void sli_map_prefetch(const sli_map *map, const uint64_t *hashes, int32_t n);
/// The entry that has most likely this hash, without a look at it; -1: there is none. For a map
/// that is not empty.
static inline int32_t sli_map_guess(const sli_map *map, uint64_t hash)
{
    uint64_t mask = (uint64_t)map->index_size - 1;
    for (uint64_t at = hash & mask; map->index[at].entry != 0; at = (at + 1) & mask) {
        if (map->index[at].tag == (uint32_t)(hash >> 32)) {
            return map->index[at].entry - 1;
        }
    }
    return -1;
}
/// Entry number or -1.
int32_t sli_map_find(const sli_map *map, uint64_t hash, sl_bytes key);
/// Adds a key that isn't there, at the end of its slot.
sl_code sli_map_add(sli_map *map, uint64_t hash, int32_t slot, sl_bytes key, sl_bytes value,
                    sli_change change, sl_error *err);
sl_code sli_map_set_value(sli_map *map, int32_t entry, sl_bytes value, sl_error *err);
void sli_map_move_last(sli_map *map, int32_t entry);
void sli_map_remove(sli_map *map, int32_t entry);
static inline bool sli_entry_is_short(const sli_entry *e)
{
    return (uint64_t)e->key_size + e->value_size <= SLI_SHORT_ROW;
}
/// Where a longer row lies.
static inline char *sli_entry_blob(const sli_entry *e)
{
    char *blob = NULL;
    memcpy(&blob, e->row, sizeof blob);
    return blob;
}
static inline void sli_entry_set_blob(sli_entry *e, char *blob)
{
    memcpy(e->row, &blob, sizeof blob);
}
static inline const char *sli_entry_row(const sli_entry *e)
{
    return sli_entry_is_short(e) ? e->row : sli_entry_blob(e);
}
/// Both live until the entry changes, or the map gets a key.
static inline sl_bytes sli_entry_key(const sli_entry *e)
{
    return (sl_bytes){sli_entry_row(e), e->key_size};
}
static inline sl_bytes sli_entry_value(const sli_entry *e)
{
    return (sl_bytes){sli_entry_row(e) + e->key_size, e->value_size};
}
static inline bool sli_bytes_equal(sl_bytes a, sl_bytes b)
{
    return a.size == b.size && (a.size <= SLI_FEW_BYTES ? sli_few_equal(a.data, b.data, a.size)
                                                        : memcmp(a.data, b.data, a.size) == 0);
}
static inline uint64_t sli_key_hash(sl_bytes key)
{
    return sli_hash64(key.data, key.size);
}
