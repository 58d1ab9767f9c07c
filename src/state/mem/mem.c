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
    .each = each,
    .change = change,
    .load = load,
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
};
