// The memory store: base rows, private views, and pending changes for the next delta.
#include "state/mem/mem_int.h"

static const sl_option memory_options[] = {{0}};

// ---------------------------------------------------------------- changes

int64_t sli_map_footprint(const sli_map *map)
{
    return map->bytes + (int64_t)map->capacity * (int64_t)sizeof(sli_entry) +
           (int64_t)map->index_size * 4;
}

sl_code sli_rows_apply(sli_map *rows, const sli_entry *change, sl_error *err)
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

sl_code sli_changes_fold(sli_map *into, const sli_entry *change, sl_error *err)
{
    sl_bytes key = sli_entry_key(change), value = sli_entry_value(change);
    int32_t entry = sli_map_find(into, change->hash, key);
    if (entry < 0) {
        return sli_map_add(into, change->hash, change->slot, key, value, change->change, err);
    }
    SL_TRY(sli_map_set_value(into, entry, value, err));
    sli_change before = into->entries[entry].change;
    if (change->change == SLI_REMOVED) {
        into->entries[entry].change = SLI_REMOVED;
    } else if (change->change == SLI_MOVED || before == SLI_REMOVED) {
        into->entries[entry].change =
            SLI_MOVED; // it was taken away and came again: it is the slot's youngest
        sli_map_move_last(into, entry);
    }
    return SL_OK;
}

void sli_mem_recount(sli_mem_store *store)
{
    int64_t bytes = 0;
    for (const sli_table *table = store->tables; table != NULL; table = table->next) {
        bytes += sli_map_footprint(&table->rows) + sli_map_footprint(&table->pending);
    }
    if (store->budget != NULL && bytes > store->counted) {
        (void)sli_budget_reserve(store->budget, bytes - store->counted,
                                 true); // state can't be refused, only counted
    } else if (store->budget != NULL) {
        sli_budget_release(store->budget, store->counted - bytes);
    }
    store->counted = bytes;
}

// ---------------------------------------------------------------- the store and its tables

static sl_code mem_open(sli_store **out, const sl_conf *conf, sli_budget *budget, sl_error *err)
{
    (void)conf;
    sli_mem_store *store = sl_alloc_zero(SLI_TAG_STATE, sizeof *store);
    if (store == NULL) {
        return sl_error_nomem(err, sizeof *store, "the state store");
    }
    store->base.ops = &sli_store_memory;
    store->budget = budget;
    store->tables_tail = &store->tables;
    sli_mutex_init(&store->mutex, SLI_RANK_STATE);
    *out = &store->base;
    return SL_OK;
}

static void view_free(sli_mem_view *view)
{
    if (view != NULL) {
        sli_map_reset(&view->changes);
        sl_free(view);
    }
}

static void drop_done(sli_table *table)
{
    while (table->done != NULL) {
        sli_mem_view *next = table->done->next;
        view_free(table->done);
        table->done = next;
    }
}

static void table_free(sli_table *table)
{
    drop_done(table);
    sli_map_reset(&table->rows);
    sli_map_reset(&table->pending);
    sl_schema_unref(table->keys);
    sl_schema_unref(table->values);
    sl_free(table->uid);
    sl_free(table->kind);
    sl_free(table);
}

static void mem_close(sli_store *self)
{
    sli_mem_store *store = (sli_mem_store *)self;
    while (store->tables != NULL) {
        sli_table *next = store->tables->next;
        table_free(store->tables);
        store->tables = next;
    }
    if (store->budget != NULL) {
        sli_budget_release(store->budget, store->counted);
    }
    sli_mutex_reset(&store->mutex);
    sl_free(store);
}

static sl_code mem_table(sli_store *self, const sli_table_info *info, sli_table **out,
                         sl_error *err)
{
    sli_mem_store *store = (sli_mem_store *)self;
    sli_table *table = sl_alloc_zero(SLI_TAG_STATE, sizeof *table);
    if (table == NULL) {
        return sl_error_nomem(err, sizeof *table, "a state table");
    }
    sli_map_init(&table->rows);
    sli_map_init(&table->pending);
    table->keys = sl_schema_ref(info->keys);
    table->values = sl_schema_ref(info->values);
    table->uid = sl_strdup(SLI_TAG_STATE, info->uid);
    table->kind = sl_strdup(SLI_TAG_STATE, info->kind);
    if (table->uid == NULL || table->kind == NULL) {
        table_free(table);
        return sl_error_nomem(err, strlen(info->uid), "a state table's name");
    }
    *store->tables_tail = table;
    store->tables_tail = &table->next;
    *out = table;
    return SL_OK;
}

// ---------------------------------------------------------------- views

static sl_code mem_begin(sli_store *self, sli_table *table, int64_t epoch, int32_t partition,
                         int32_t n_partitions, sli_state_view **out, sl_error *err)
{
    sli_mem_view *view = sl_alloc_zero(SLI_TAG_STATE, sizeof *view);
    if (view == NULL) {
        return sl_error_nomem(err, sizeof *view, "a view of the state");
    }
    view->base.store = self;
    view->table = table;
    view->epoch = epoch;
    view->partition = partition;
    view->n_partitions = n_partitions;
    sli_map_init(&view->changes);
    *out = &view->base;
    return SL_OK;
}

static sl_code mem_find(sli_state_view *self, uint64_t hash, sl_bytes key, sl_bytes *value,
                        bool *found, sl_error *err)
{
    const sli_mem_view *view = (const sli_mem_view *)self;
    uint64_t key_hash = sli_key_hash(key);
    (void)hash;
    (void)err;
    int32_t entry = sli_map_find(&view->changes, key_hash, key);
    if (entry >= 0) {
        const sli_entry *change = &view->changes.entries[entry];
        *found = change->change != SLI_REMOVED;
        *value = sli_entry_value(change);
        return SL_OK;
    }
    entry = sli_map_find(&view->table->rows, key_hash, key);
    *found = entry >= 0;
    if (entry >= 0) {
        *value = sli_entry_value(&view->table->rows.entries[entry]);
    }
    return SL_OK;
}

static bool is_same(const sli_entry *entry, sl_bytes value)
{
    return entry->value_size == value.size &&
           (value.size == 0 || memcmp(entry->blob + entry->key_size, value.data, value.size) == 0);
}

static sl_code mem_put(sli_state_view *self, uint64_t hash, sl_bytes key, sl_bytes value,
                       sl_error *err)
{
    sli_mem_view *view = (sli_mem_view *)self;
    uint64_t key_hash = sli_key_hash(key);
    int32_t entry = sli_map_find(&view->changes, key_hash, key);
    if (entry >= 0) {
        SL_TRY(sli_map_set_value(&view->changes, entry, value, err));
        if (view->changes.entries[entry].change == SLI_REMOVED) {
            view->changes.entries[entry].change = SLI_MOVED;
            sli_map_move_last(&view->changes, entry);
        }
        return SL_OK;
    }
    int32_t row = sli_map_find(&view->table->rows, key_hash, key);
    if (row >= 0 && is_same(&view->table->rows.entries[row], value)) {
        return SL_OK; // unchanged state costs no delta
    }
    return sli_map_add(&view->changes, key_hash, sli_slot_of(hash), key, value, SLI_SET, err);
}

static sl_code mem_remove(sli_state_view *self, uint64_t hash, sl_bytes key, sl_error *err)
{
    sli_mem_view *view = (sli_mem_view *)self;
    uint64_t key_hash = sli_key_hash(key);
    int32_t entry = sli_map_find(&view->changes, key_hash, key);
    bool in_base = sli_map_find(&view->table->rows, key_hash, key) >= 0;
    if (entry >= 0 && !in_base) {
        sli_map_remove(&view->changes, entry); // it came in this epoch, and goes in it
        return SL_OK;
    }
    if (entry >= 0) {
        view->changes.entries[entry].change = SLI_REMOVED;
        return SL_OK;
    }
    return in_base ? sli_map_add(&view->changes, key_hash, sli_slot_of(hash), key,
                                 (sl_bytes){NULL, 0}, SLI_REMOVED, err)
                   : SL_OK;
}

static sl_code each_in_slot(const sli_mem_view *view, int32_t slot, sli_state_fn each, void *ctx,
                            sl_error *err)
{
    const sli_map *rows = &view->table->rows, *changes = &view->changes;
    for (int32_t i = rows->head[slot]; i >= 0; i = rows->entries[i].next) {
        const sli_entry *row = &rows->entries[i];
        int32_t c = sli_map_find(changes, row->hash, sli_entry_key(row));
        const sli_entry *shown = c < 0 ? row : &changes->entries[c];
        if (shown->change == SLI_SET) {
            SL_TRY(each(ctx, slot, sli_entry_key(shown), sli_entry_value(shown), err));
        }
    }
    for (int32_t i = changes->head[slot]; i >= 0; i = changes->entries[i].next) {
        const sli_entry *change = &changes->entries[i];
        bool is_new = change->change == SLI_SET &&
                      sli_map_find(rows, change->hash, sli_entry_key(change)) < 0;
        if (is_new || change->change == SLI_MOVED) {
            SL_TRY(each(ctx, slot, sli_entry_key(change), sli_entry_value(change), err));
        }
    }
    return SL_OK;
}

static sl_code mem_each(sli_state_view *self, sli_state_fn each, void *ctx, sl_error *err)
{
    const sli_mem_view *view = (const sli_mem_view *)self;
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        if (sli_partition_of(slot, view->n_partitions) == view->partition) {
            SL_TRY(each_in_slot(view, slot, each, ctx, err));
        }
    }
    return SL_OK;
}

static sl_code mem_done(sli_state_view *self, sl_error *err)
{
    sli_mem_view *view = (sli_mem_view *)self, *replaced = NULL;
    sli_mem_store *store = (sli_mem_store *)self->store;
    (void)err;
    sli_mutex_lock(&store->mutex);
    sli_mem_view **at = &view->table->done;
    while (*at != NULL && (*at)->partition < view->partition) {
        at = &(*at)->next;
    }
    if (*at != NULL && (*at)->partition == view->partition) {
        replaced = *at;
        *at = replaced->next;
    }
    view->next = *at;
    *at = view;
    sli_mutex_unlock(&store->mutex);
    view_free(replaced);
    return SL_OK;
}

static void mem_drop(sli_state_view *self)
{
    view_free((sli_mem_view *)self);
}

// ---------------------------------------------------------------- epochs

static sl_code fold_view(sli_table *table, const sli_mem_view *view, sl_error *err)
{
    for (int32_t slot = 0; slot < SLI_SLOTS && view->changes.live > 0; slot++) {
        for (int32_t i = view->changes.head[slot]; i >= 0; i = view->changes.entries[i].next) {
            const sli_entry *change = &view->changes.entries[i];
            SL_TRY(sli_rows_apply(&table->rows, change, err));
            SL_TRY(sli_changes_fold(&table->pending, change, err));
        }
    }
    return SL_OK;
}

static sl_code mem_complete(sli_store *self, int64_t epoch, sl_error *err)
{
    sli_mem_store *store = (sli_mem_store *)self;
    (void)epoch;
    sl_code rc = SL_OK;
    bool changed = false;
    for (sli_table *table = store->tables; table != NULL && rc == SL_OK; table = table->next) {
        for (const sli_mem_view *view = table->done; view != NULL && rc == SL_OK;
             view = view->next) {
            changed = changed || view->changes.live > 0;
            rc = fold_view(table, view, err);
        }
        drop_done(table);
    }
    if (changed) {
        sli_mem_recount(store);
    }
    if (rc != SL_OK) {
        (void)sl_error_act(
            err, SL_ACT_STOP_JOB); // half an epoch is in the base: only the checkpoint is right now
    }
    return rc;
}

static void mem_fail(sli_store *self, int64_t epoch)
{
    sli_mem_store *store = (sli_mem_store *)self;
    (void)epoch;
    for (sli_table *table = store->tables; table != NULL; table = table->next) {
        drop_done(table);
    }
}

static sl_code mem_dump(sli_store *self, sli_table *table, int32_t from_slot, int32_t to_slot,
                        sli_state_fn each, void *ctx, sl_error *err)
{
    (void)self;
    const sli_map *rows = &table->rows;
    for (int32_t slot = from_slot; slot < to_slot; slot++) {
        for (int32_t i = rows->head[slot]; i >= 0; i = rows->entries[i].next) {
            SL_TRY(each(ctx, slot, sli_entry_key(&rows->entries[i]),
                        sli_entry_value(&rows->entries[i]), err));
        }
    }
    return SL_OK;
}

static sl_code mem_load(sli_store *self, sli_table *table, int32_t slot, sl_bytes key,
                        sl_bytes value, sl_error *err)
{
    (void)self;
    uint64_t hash = sli_key_hash(key);
    if (slot < 0 || slot >= SLI_SLOTS) {
        return sl_error_set(err, SL_E_CORRUPT, "state key in slot %d of %d", slot, SLI_SLOTS);
    }
    if (sli_map_find(&table->rows, hash, key) >= 0) {
        return sl_error_set(err, SL_E_CORRUPT, "state of %s has a key twice", table->uid);
    }
    return sli_map_add(&table->rows, hash, slot, key, value, SLI_SET, err);
}

static int64_t mem_keys(const sli_store *self, const sli_table *table)
{
    (void)self;
    return table->rows.live;
}

static int64_t mem_bytes(const sli_store *self)
{
    return ((const sli_mem_store *)self)->counted;
}

const sli_store_ops sli_store_memory = {
    .struct_size = sizeof(sli_store_ops),
    .name = "memory",
    .options = memory_options,
    .open = mem_open,
    .table = mem_table,
    .begin = mem_begin,
    .find = mem_find,
    .put = mem_put,
    .remove = mem_remove,
    .each = mem_each,
    .done = mem_done,
    .drop = mem_drop,
    .complete = mem_complete,
    .fail = mem_fail,
    .delta = sli_mem_delta,
    .apply = sli_mem_apply,
    .dump = mem_dump,
    .load = mem_load,
    .keys = mem_keys,
    .bytes = mem_bytes,
    .close = mem_close,
};
