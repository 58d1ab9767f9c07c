// What every store does alike: tables, and folding an epoch's views into the base and into the
// pending changes of the open group.
#include "state/state_int.h"

// ---------------------------------------------------------------- changes

sl_code sli_entry_of(sli_str *row, int32_t slot, sl_bytes key, sl_bytes value, sli_change change,
                     sli_entry *out, sl_error *err)
{
    if (key.size > INT32_MAX || value.size > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "a state key or value has more than 2^31 - 1 bytes");
    }
    sli_str_clear(row);
    sli_str_add(row, key.data, key.size);
    sli_str_add(row, value.data, value.size);
    SL_TRY(sli_str_check(row, "a state row", err));
    *out = (sli_entry){.hash = sli_key_hash(key),
                       .key_size = (uint32_t)key.size,
                       .value_size = (uint32_t)value.size,
                       .slot = (uint16_t)slot,
                       .change = (uint8_t)change};
    if (!sli_entry_is_short(out)) {
        sli_entry_set_blob(out, row->data);
    } else if (row->size > 0) {
        memcpy(out->row, row->data, row->size);
    }
    return SL_OK;
}

/// Puts one change of an epoch on top of what the group has. See README: how changes compose.
sl_code sli_core_note(sli_core *core, sli_table *table, const sli_entry *row, sli_change change,
                      sl_error *err)
{
    sli_map *into = &table->pending;
    sli_change kind = change == SLI_ADDED ? SLI_SET : change;
    if (core->no_deltas) {
        return SL_OK;
    }
    sl_bytes key = sli_entry_key(row);
    sl_bytes value = kind == SLI_REMOVED ? (sl_bytes){NULL, 0} : sli_entry_value(row);
    int32_t entry = sli_map_find(into, row->hash, key);
    if (entry < 0) {
        return sli_map_add(into, row->hash, row->slot, key, value, kind, err);
    }
    SL_TRY(sli_map_set_value(into, entry, value, err));
    sli_change before = into->entries[entry].change;
    if (kind == SLI_REMOVED) {
        into->entries[entry].change = SLI_REMOVED;
    } else if (kind == SLI_MOVED || before == SLI_REMOVED) {
        into->entries[entry].change =
            SLI_MOVED; // it was taken away and came again: it is the slot's youngest
        sli_map_move_last(into, entry);
    }
    return SL_OK;
}

void sli_core_recount(sli_core *core)
{
    int64_t bytes = core->fixed;
    for (const sli_table *table = core->tables; table != NULL; table = table->next) {
        bytes += sli_map_footprint(&table->pending);
        bytes += core->base->table_size == NULL ? 0 : core->base->table_size(table);
    }
    if (core->budget != NULL && bytes > core->counted) {
        (void)sli_budget_reserve(core->budget, bytes - core->counted,
                                 true); // state can't be refused, only counted
    } else if (core->budget != NULL) {
        sli_budget_release(core->budget, core->counted - bytes);
    }
    core->counted = bytes;
}

// ---------------------------------------------------------------- the store and its tables

void sli_core_init(sli_core *core, const sli_store_ops *ops, const sli_base_ops *base,
                   sli_budget *budget, int64_t fixed)
{
    core->head.ops = ops;
    core->base = base;
    core->budget = budget;
    core->fixed = fixed;
    core->tables_tail = &core->tables;
    sli_mutex_init(&core->mutex, SLI_RANK_STATE);
    sli_core_recount(core);
}

static void drop_done(sli_table *table)
{
    while (table->done != NULL) {
        sli_view *next = table->done->next;
        sli_view_free(table->done);
        table->done = next;
    }
}

static void table_free(const sli_core *core, sli_table *table)
{
    drop_done(table);
    if (core->base->table_close != NULL) {
        core->base->table_close(table);
    }
    sli_map_reset(&table->pending);
    sl_schema_unref(table->keys);
    sl_schema_unref(table->values);
    sl_free(table->uid);
    sl_free(table->kind);
    sl_free(table);
}

void sli_core_reset(sli_core *core)
{
    while (core->tables != NULL) {
        sli_table *next = core->tables->next;
        table_free(core, core->tables);
        core->tables = next;
    }
    if (core->budget != NULL) {
        sli_budget_release(core->budget, core->counted);
    }
    sli_found_reset(&core->found);
    sli_str_reset(&core->row);
    sli_mutex_reset(&core->mutex);
}

sl_code sli_core_table(sli_store *self, const sli_table_info *info, sli_table **out, sl_error *err)
{
    sli_core *core = (sli_core *)self;
    sli_table *table = sl_alloc_zero(SLI_TAG_STATE, core->base->table_bytes);
    if (table == NULL) {
        return sl_error_nomem(err, core->base->table_bytes, "a state table");
    }
    sli_map_init_brief(&table->pending);
    table->keys = sl_schema_ref(info->keys);
    table->values = sl_schema_ref(info->values);
    table->uid = sl_strdup(SLI_TAG_STATE, info->uid);
    table->kind = sl_strdup(SLI_TAG_STATE, info->kind);
    if (table->uid == NULL || table->kind == NULL) {
        table_free(core, table);
        return sl_error_nomem(err, strlen(info->uid), "a state table's name");
    }
    *core->tables_tail = table;
    core->tables_tail = &table->next;
    *out = table;
    return SL_OK;
}

// ---------------------------------------------------------------- epochs

static sl_code fold_view(sli_core *core, sli_table *table, const sli_view *view, sl_error *err)
{
    if (view->bulk.n > 0) {
        SL_TRY(core->base->change_all(core, table, &view->bulk, err));
    }
    for (int32_t slot = 0; slot < SLI_SLOTS && view->changes.live > 0; slot++) {
        for (int32_t i = view->changes.head[slot]; i >= 0; i = view->changes.entries[i].next) {
            const sli_entry *change = &view->changes.entries[i];
            if (change->change != SLI_KEPT && change->change != SLI_ABSENT) {
                SL_TRY(core->base->change(core, table, change, sli_view_mark(view, i), err));
                SL_TRY(sli_core_note(core, table, change, change->change, err));
            }
        }
    }
    return SL_OK;
}

static sl_code settle(sli_core *core, sl_error *err)
{
    return core->base->settle == NULL ? SL_OK : core->base->settle(core, err);
}

sl_code sli_core_complete(sli_store *self, int64_t epoch, sl_error *err)
{
    sli_core *core = (sli_core *)self;
    (void)epoch;
    sl_code rc = SL_OK;
    bool changed = false;
    for (sli_table *table = core->tables; table != NULL && rc == SL_OK; table = table->next) {
        for (sli_view *view = table->done; view != NULL && rc == SL_OK; view = view->next) {
            changed = changed || view->changes.live > 0 || view->bulk.n > 0;
            rc = fold_view(core, table, view, err);
        }
        drop_done(table);
    }
    if (rc == SL_OK && changed) {
        rc = settle(core, err);
        sli_core_recount(core);
    }
    if (rc != SL_OK) {
        (void)sl_error_act(
            err, SL_ACT_STOP_JOB); // half an epoch is in the base: only the checkpoint is right now
    }
    return rc;
}

void sli_core_fail(sli_store *self, int64_t epoch)
{
    sli_core *core = (sli_core *)self;
    (void)epoch;
    for (sli_table *table = core->tables; table != NULL; table = table->next) {
        drop_done(table);
    }
}

// ---------------------------------------------------------------- the base as it is

sl_code sli_core_dump(sli_store *self, sli_table *table, int32_t from_slot, int32_t to_slot,
                      sli_state_fn each, void *ctx, sl_error *err)
{
    sli_core *core = (sli_core *)self;
    return core->base->each(core, table, from_slot, to_slot, each, ctx, err);
}

int64_t sli_core_keys(const sli_store *self, const sli_table *table)
{
    (void)self;
    return table->n_keys;
}

int64_t sli_core_bytes(const sli_store *self)
{
    return ((const sli_core *)self)->counted;
}

const sli_store_ops *const sli_stores[] = {&sli_store_memory, &sli_store_rocksdb, NULL};
