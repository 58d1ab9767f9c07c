// The memory store: the base is a map for each table.
#include "state/state_int.h"

typedef struct mem_table {
    sli_table head;
    sli_map rows;
} mem_table;

static sl_code find(sli_core *core, sli_table *table, int32_t slot, sl_bytes key, sli_found *out,
                    sl_error *err)
{
    const sli_map *rows = &((const mem_table *)table)->rows;
    (void)core;
    (void)slot;
    (void)err;
    int32_t entry = sli_map_find(rows, sli_key_hash(key), key);
    out->there = entry >= 0;
    out->value = entry >= 0 ? sli_entry_value(&rows->entries[entry]) : (sl_bytes){NULL, 0};
    return SL_OK;
}

static sl_code each(sli_core *core, sli_table *table, int32_t from, int32_t to, sli_state_fn fn,
                    void *ctx, sl_error *err)
{
    const sli_map *rows = &((const mem_table *)table)->rows;
    (void)core;
    for (int32_t slot = from; slot < to; slot++) {
        for (int32_t i = rows->head[slot]; i >= 0; i = rows->entries[i].next) {
            SL_TRY(fn(ctx, slot, sli_entry_key(&rows->entries[i]),
                      sli_entry_value(&rows->entries[i]), err));
        }
    }
    return SL_OK;
}

static sl_code apply(sli_map *rows, const sli_entry *change, sl_error *err)
{
    sl_bytes key = sli_entry_key(change);
    int32_t entry = sli_map_find(rows, change->hash, key);
    if (change->change == SLI_REMOVED) {
        if (entry >= 0) {
            sli_map_remove(rows, entry);
        }
        return SL_OK;
    }
    if (entry < 0) {
        return sli_map_add(rows, change->hash, change->slot, key, sli_entry_value(change), SLI_SET,
                           err);
    }
    SL_TRY(sli_map_set_value(rows, entry, sli_entry_value(change), err));
    if (change->change == SLI_MOVED) {
        sli_map_move_last(rows, entry);
    }
    return SL_OK;
}

static sl_code change(sli_core *core, sli_table *table, const sli_entry *change, uint64_t mark,
                      sl_error *err)
{
    sli_map *rows = &((mem_table *)table)->rows;
    (void)core;
    (void)mark;
    SL_TRY(apply(rows, change, err));
    table->n_keys = rows->live;
    return SL_OK;
}

static sl_code load(sli_core *core, sli_table *table, const sli_state_row *rows, int32_t n,
                    sl_error *err)
{
    sli_map *map = &((mem_table *)table)->rows;
    (void)core;
    sl_code rc = sli_map_load(table, map, rows, n, err);
    table->n_keys = map->live;
    return rc;
}

// ---------------------------------------------------------------- many keys
//
// A look-up waits twice for memory, for the index and for the entry, and once more for a row that
// is too long for its entry. Many are under way: a step asks for what the key's next one needs, and
// takes its turn again when the same was done for AHEAD other keys.
//
// Prefetches stand in the loops and not in functions of their own: gcc 12 believes that such a one
// has no effect, and drops its calls. Fetching NULL does nothing.

enum { AHEAD = 24, AHEAD_OF_CHANGES = 64 };

static const sli_entry *guessed(const sli_map *rows, uint64_t hash)
{
    int32_t entry = sli_map_guess(rows, hash);
    return entry < 0 ? NULL : &rows->entries[entry];
}

static const char *guessed_blob(const sli_map *rows, uint64_t hash)
{
    const sli_entry *e = guessed(rows, hash);
    return e == NULL ? NULL : sli_entry_row(e);
}

static bool has_turn(int32_t i, int32_t n)
{
    return i >= 0 && i < n;
}

static void find_in_turns(const sli_map *rows, const sli_state_key *keys, int32_t n,
                          sli_state_found *out)
{
    bool has_blobs = rows->blob_bytes > 0;
    int32_t last = (has_blobs ? 3 : 2) * AHEAD;
    for (int32_t i = 0; i < n + last; i++) {
        int32_t entry = i - AHEAD, blob = i - 2 * AHEAD, end = i - last;
        if (i < n) {
            out[i].key_hash = sli_key_hash(keys[i].key);
            __builtin_prefetch(&rows->index[out[i].key_hash & (uint64_t)(rows->index_size - 1)]);
        }
        if (has_turn(entry, n)) {
            __builtin_prefetch(guessed(rows, out[entry].key_hash));
        }
        if (has_blobs && has_turn(blob, n)) {
            __builtin_prefetch(guessed_blob(rows, out[blob].key_hash));
        }
        if (has_turn(end, n)) {
            int32_t found = sli_map_find(rows, out[end].key_hash, keys[end].key);
            out[end].mark = (uint64_t)(found + 1);
            out[end].value =
                found < 0 ? (sl_bytes){NULL, 0} : sli_entry_value(&rows->entries[found]);
        }
    }
}

static sl_code find_all(sli_core *core, sli_table *table, const sli_state_key *keys, int32_t n,
                        sli_state_found *out, sl_error *err)
{
    const sli_map *rows = &((const mem_table *)table)->rows;
    (void)core;
    (void)err;
    for (int32_t i = 0; i < n && rows->live == 0; i++) {
        out[i] = (sli_state_found){.key_hash = sli_key_hash(keys[i].key)};
    }
    if (rows->live > 0) {
        find_in_turns(rows, keys, n, out);
    }
    return SL_OK;
}

// A mark is one more than the number of the entry.

static const sli_entry *row(const sli_table *table, uint64_t mark)
{
    return &((const mem_table *)table)->rows.entries[mark - 1];
}

static sl_code add_row(sli_core *core, mem_table *table, const sli_bulk_change *c, sl_bytes key,
                       sl_bytes value, sl_error *err)
{
    sli_map *rows = &table->rows;
    SL_TRY(sli_map_add(rows, c->mark, c->slot, key, value, SLI_SET, err));
    return sli_core_note(core, &table->head, &rows->entries[rows->tail[c->slot]], SLI_ADDED, err);
}

static sl_code remove_row(sli_core *core, mem_table *table, int32_t entry, sl_error *err)
{
    SL_TRY(sli_core_note(core, &table->head, &table->rows.entries[entry], SLI_REMOVED, err));
    sli_map_remove(&table->rows, entry);
    return SL_OK;
}

static sl_code change_row(sli_core *core, mem_table *table, const sli_bulk_change *c,
                          sl_bytes value, sl_error *err)
{
    sli_map *rows = &table->rows;
    int32_t entry = (int32_t)c->mark - 1;
    if (c->change == SLI_REMOVED) {
        return remove_row(core, table, entry, err);
    }
    if (c->change == SLI_SET && sli_bytes_equal(sli_entry_value(&rows->entries[entry]), value)) {
        return SL_OK; // unchanged state costs no delta
    }
    SL_TRY(sli_map_set_value(rows, entry, value, err));
    if (c->change == SLI_MOVED) {
        sli_map_move_last(rows, entry);
    }
    return sli_core_note(core, &table->head, &rows->entries[entry], c->change, err);
}

/// The row that a change to come needs; NULL for none.
static const sli_entry *entry_of(const sli_map *rows, const sli_bulk *bulk, int32_t i)
{
    return i < bulk->n && bulk->changes[i].change != SLI_ADDED
               ? &rows->entries[bulk->changes[i].mark - 1]
               : NULL;
}

static const char *blob_of(const sli_map *rows, const sli_bulk *bulk, int32_t i)
{
    const sli_entry *e = rows->blob_bytes > 0 ? entry_of(rows, bulk, i) : NULL;
    return e == NULL ? NULL : sli_entry_row(e);
}

static sl_code change_all(sli_core *core, sli_table *table, const sli_bulk *bulk, sl_error *err)
{
    mem_table *mem = (mem_table *)table;
    const char *bytes = bulk->bytes.data;
    for (int32_t i = 0; i < bulk->n; i++) {
        const sli_bulk_change *c = &bulk->changes[i];
        sl_bytes key = {bytes, c->key_size}, value = {bytes + c->key_size, c->value_size};
        __builtin_prefetch(entry_of(&mem->rows, bulk, i + AHEAD_OF_CHANGES), 1);
        __builtin_prefetch(blob_of(&mem->rows, bulk, i + AHEAD_OF_CHANGES / 2), 1);
        SL_TRY(c->change == SLI_ADDED ? add_row(core, mem, c, key, value, err)
                                      : change_row(core, mem, c, value, err));
        bytes += c->key_size + c->value_size;
    }
    table->n_keys = mem->rows.live;
    return SL_OK;
}

static int64_t table_size(const sli_table *table)
{
    return sli_map_footprint(&((const mem_table *)table)->rows);
}

static void table_close(sli_table *table)
{
    sli_map_reset(&((mem_table *)table)->rows);
}

static const sli_base_ops mem_base = {
    .table_bytes = sizeof(mem_table),
    .find = find,
    .find_all = find_all,
    .each = each,
    .change = change,
    .load = load,
    .row = row,
    .change_all = change_all,
    .table_size = table_size,
    .table_close = table_close,
};

static sl_code mem_open(sli_store **out, const sli_state_env *env, sl_error *err)
{
    sli_core *core = sl_alloc_zero(SLI_TAG_STATE, sizeof *core);
    if (core == NULL) {
        return sl_error_nomem(err, sizeof *core, "the state store");
    }
    sli_core_init(core, &sli_store_memory, &mem_base, env->budget, 0);
    core->no_deltas = env->no_deltas;
    *out = &core->head;
    return SL_OK;
}

static sl_code mem_table_open(sli_store *self, const sli_table_info *info, sli_table **out,
                              sl_error *err)
{
    SL_TRY(sli_core_table(self, info, out, err));
    sli_map_init(&((mem_table *)*out)->rows);
    return SL_OK;
}

static void mem_close(sli_store *self)
{
    sli_core_reset((sli_core *)self);
    sl_free(self);
}

const sli_store_ops sli_store_memory = {
    .struct_size = sizeof(sli_store_ops),
    .name = "memory",
    .open = mem_open,
    .table = mem_table_open,
    .begin = sli_core_begin,
    .find = sli_core_find,
    .put = sli_core_put,
    .remove = sli_core_remove,
    .each = sli_core_each,
    .oldest = sli_core_oldest,
    .done = sli_core_done,
    .drop = sli_core_drop,
    .complete = sli_core_complete,
    .fail = sli_core_fail,
    .cut = sli_core_cut,
    .apply = sli_core_apply,
    .dump = sli_core_dump,
    .load = sli_core_load,
    .keys = sli_core_keys,
    .bytes = sli_core_bytes,
    .close = mem_close,
    .find_all = sli_core_find_all,
    .change_all = sli_core_change_all,
};
