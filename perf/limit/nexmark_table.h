/// nexmark_table.h — 64-bit keys to 32-bit values: open addressing, at most half full, grown by
/// doubling. What the loops of limit/nexmark.c keep their state in.
#pragma once
#include "limit.h"

/// Key 0 is an empty place: ids begin at 1,000.
typedef struct table_slot {
    int64_t key;
    int64_t value;
} table_slot;

typedef struct table {
    table_slot *slots;
    int64_t n, capacity; ///< a power of two
    int shift;           ///< of the hash: 64 less the bits of the capacity
} table;

static inline void table_init(table *t, int bits)
{
    *t = (table){.capacity = INT64_C(1) << bits, .shift = 64 - bits};
    t->slots = limit_alloc((size_t)t->capacity * sizeof *t->slots);
}

static inline void table_clear(table *t)
{
    memset(t->slots, 0, (size_t)t->capacity * sizeof *t->slots);
    t->n = 0;
}

static inline uint64_t table_home(const table *t, int64_t key)
{
    return (uint64_t)key * 0x9E3779B97F4A7C15u >> t->shift;
}

static inline table_slot *table_probe(const table *t, int64_t key)
{
    uint64_t mask = (uint64_t)t->capacity - 1;
    for (uint64_t at = table_home(t, key);; at = (at + 1) & mask) {
        table_slot *slot = &t->slots[at];
        if (slot->key == key || slot->key == 0) {
            return slot;
        }
    }
}

/// NULL: it is not there.
static inline int64_t *table_find(const table *t, int64_t key)
{
    table_slot *slot = table_probe(t, key);
    return slot->key == 0 ? NULL : &slot->value;
}

static inline void table_grow(table *t)
{
    table old = *t;
    table_init(t, 64 - old.shift + 1);
    for (int64_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].key != 0) {
            *table_probe(t, old.slots[i].key) = old.slots[i];
            t->n++;
        }
    }
    limit_free(old.slots, (size_t)old.capacity * sizeof *old.slots);
}

/// The key's value, `first` when it was not there.
static inline int64_t *table_put(table *t, int64_t key, int64_t first)
{
    table_slot *slot = table_probe(t, key);
    if (slot->key == 0) {
        if (t->n * 2 >= t->capacity) {
            table_grow(t);
            slot = table_probe(t, key);
        }
        *slot = (table_slot){key, first};
        t->n++;
    }
    return &slot->value;
}
