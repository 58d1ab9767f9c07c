// What every store does alike: tables, private views, and folding them into the base and into the
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
                       .blob = row->data,
                       .key_size = (uint32_t)key.size,
                       .value_size = (uint32_t)value.size,
                       .slot = slot,
                       .change = change};
    return SL_OK;
}

/// Puts one change of an epoch on top of what the group has. See README: how changes compose.
static sl_code fold(sli_map *into, const sli_entry *change, sl_error *err)
{
    sl_bytes key = sli_entry_key(change), value = sli_entry_value(change);
    sli_change kind = change->change == SLI_ADDED ? SLI_SET : change->change;
    int32_t entry = sli_map_find(into, change->hash, key);
    if (entry < 0) {
        return sli_map_add(into, change->hash, change->slot, key, value, kind, err);
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

static void found_reset(sli_found *found)
{
    sli_str_reset(&found->key);
    sli_str_reset(&found->bytes);
}

static void view_free(sli_view *view)
{
    if (view != NULL) {
        sli_map_reset(&view->changes);
        sl_free(view->marks);
        found_reset(&view->found);
        sl_free(view);
    }
}

static void drop_done(sli_table *table)
{
    while (table->done != NULL) {
        sli_view *next = table->done->next;
        view_free(table->done);
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
    found_reset(&core->found);
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
    sli_map_init(&table->pending);
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

// ---------------------------------------------------------------- views

sl_code sli_core_begin(sli_store *self, sli_table *table, int64_t epoch, int32_t partition,
                       int32_t n_partitions, sli_state_view **out, sl_error *err)
{
    sli_view *view = sl_alloc_zero(SLI_TAG_STATE, sizeof *view);
    if (view == NULL) {
        return sl_error_nomem(err, sizeof *view, "a view of the state");
    }
    view->head.store = self;
    view->table = table;
    view->epoch = epoch;
    view->partition = partition;
    view->n_partitions = n_partitions;
    view->found.key.tag = view->found.bytes.tag = SLI_TAG_STATE;
    sli_map_init(&view->changes);
    *out = &view->head;
    return SL_OK;
}

/// What the base has, in view->found.
static sl_code look(sli_view *view, uint64_t hash, sl_bytes key, sl_error *err)
{
    sli_core *core = (sli_core *)view->head.store;
    return core->base->find(core, view->table, sli_slot_of(hash), key, &view->found, err);
}

sl_code sli_core_find(sli_state_view *self, uint64_t hash, sl_bytes key, sl_bytes *value,
                      bool *found, sl_error *err)
{
    sli_view *view = (sli_view *)self;
    int32_t entry = sli_map_find(&view->changes, sli_key_hash(key), key);
    if (entry >= 0) {
        const sli_entry *change = &view->changes.entries[entry];
        *found = change->change != SLI_REMOVED;
        *value = sli_entry_value(change);
        return SL_OK;
    }
    SL_TRY(look(view, hash, key, err));
    *found = view->found.there;
    *value = view->found.value;
    return SL_OK;
}

/// Keeps the base's name for a row beside the row's change. Bases without names cost nothing.
static sl_code set_mark(sli_view *view, int32_t entry, uint64_t mark, sl_error *err)
{
    if (entry < view->mark_capacity) {
        view->marks[entry] = mark;
    }
    if (entry < view->mark_capacity || mark == 0) {
        return SL_OK;
    }
    size_t had = (size_t)view->mark_capacity, has = (size_t)view->changes.capacity;
    uint64_t *more = sl_realloc(SLI_TAG_STATE, view->marks, has * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, has * sizeof *more, "a view of the state");
    }
    memset(more + had, 0, (has - had) * sizeof *more);
    more[entry] = mark;
    view->marks = more;
    view->mark_capacity = view->changes.capacity;
    return SL_OK;
}

static uint64_t mark_of(const sli_view *view, int32_t entry)
{
    return entry < view->mark_capacity ? view->marks[entry] : 0;
}

/// A change of a key that the view has not changed before; view->found is what the base has for it.
static sl_code add_change(sli_view *view, uint64_t hash, sl_bytes key, sl_bytes value,
                          sli_change change, sl_error *err)
{
    sli_map *changes = &view->changes;
    int32_t slot = sli_slot_of(hash);
    SL_TRY(sli_map_add(changes, sli_key_hash(key), slot, key, value, change, err));
    int32_t entry = changes->tail[slot];
    sl_code rc = set_mark(view, entry, view->found.there ? view->found.mark : 0, err);
    if (rc != SL_OK) {
        sli_map_remove(changes, entry);
    }
    return rc;
}

static bool is_same(sl_bytes a, sl_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

sl_code sli_core_put(sli_state_view *self, uint64_t hash, sl_bytes key, sl_bytes value,
                     sl_error *err)
{
    sli_view *view = (sli_view *)self;
    int32_t entry = sli_map_find(&view->changes, sli_key_hash(key), key);
    if (entry >= 0) {
        SL_TRY(sli_map_set_value(&view->changes, entry, value, err));
        if (view->changes.entries[entry].change == SLI_REMOVED) {
            view->changes.entries[entry].change = SLI_MOVED;
            sli_map_move_last(&view->changes, entry);
        }
        return SL_OK;
    }
    SL_TRY(look(view, hash, key, err));
    if (view->found.there && is_same(view->found.value, value)) {
        return SL_OK; // unchanged state costs no delta
    }
    return add_change(view, hash, key, value, view->found.there ? SLI_SET : SLI_ADDED, err);
}

sl_code sli_core_remove(sli_state_view *self, uint64_t hash, sl_bytes key, sl_error *err)
{
    sli_view *view = (sli_view *)self;
    int32_t entry = sli_map_find(&view->changes, sli_key_hash(key), key);
    if (entry >= 0 && view->changes.entries[entry].change == SLI_ADDED) {
        sli_map_remove(&view->changes, entry); // it came in this epoch, and goes in it
        return SL_OK;
    }
    if (entry >= 0) {
        view->changes.entries[entry].change = SLI_REMOVED;
        return SL_OK;
    }
    SL_TRY(look(view, hash, key, err));
    return view->found.there ? add_change(view, hash, key, (sl_bytes){NULL, 0}, SLI_REMOVED, err)
                             : SL_OK;
}

/// Rows of the base on their way to whoever asked, with the view's changes among them.
typedef struct merge {
    const sli_view *view;
    sli_state_fn each;
    void *ctx;
    int32_t slot; ///< slots before it are done
} merge;

/// Ends the slots before `upto`: after the base's rows come those that are new or were moved.
static sl_code end_slots(merge *m, int32_t upto, sl_error *err)
{
    const sli_map *changes = &m->view->changes;
    for (; m->slot < upto; m->slot++) {
        for (int32_t i = changes->head[m->slot]; i >= 0; i = changes->entries[i].next) {
            const sli_entry *change = &changes->entries[i];
            if (change->change == SLI_ADDED || change->change == SLI_MOVED) {
                SL_TRY(
                    m->each(m->ctx, m->slot, sli_entry_key(change), sli_entry_value(change), err));
            }
        }
    }
    return SL_OK;
}

static sl_code merge_row(void *ctx, int32_t slot, sl_bytes key, sl_bytes value, sl_error *err)
{
    merge *m = ctx;
    SL_TRY(end_slots(m, slot, err));
    int32_t entry = sli_map_find(&m->view->changes, sli_key_hash(key), key);
    if (entry < 0) {
        return m->each(m->ctx, slot, key, value, err);
    }
    const sli_entry *change = &m->view->changes.entries[entry];
    return change->change == SLI_SET ? m->each(m->ctx, slot, key, sli_entry_value(change), err)
                                     : SL_OK;
}

/// The first slot of a partition: slot * n / SLI_SLOTS is the partition of a slot.
static int32_t first_slot(int32_t partition, int32_t n_partitions)
{
    return (int32_t)(((int64_t)partition * SLI_SLOTS + n_partitions - 1) / n_partitions);
}

sl_code sli_core_each(sli_state_view *self, sli_state_fn each, void *ctx, sl_error *err)
{
    const sli_view *view = (const sli_view *)self;
    sli_core *core = (sli_core *)view->head.store;
    int32_t from = first_slot(view->partition, view->n_partitions),
            to = first_slot(view->partition + 1, view->n_partitions);
    if (view->changes.live == 0) {
        return core->base->each(core, view->table, from, to, each, ctx, err);
    }
    merge m = {.view = view, .each = each, .ctx = ctx, .slot = from};
    SL_TRY(core->base->each(core, view->table, from, to, merge_row, &m, err));
    return end_slots(&m, to, err);
}

sl_code sli_core_done(sli_state_view *self, sl_error *err)
{
    sli_view *view = (sli_view *)self, *replaced = NULL;
    sli_core *core = (sli_core *)self->store;
    (void)err;
    sli_mutex_lock(&core->mutex);
    sli_view **at = &view->table->done;
    while (*at != NULL && (*at)->partition < view->partition) {
        at = &(*at)->next;
    }
    if (*at != NULL && (*at)->partition == view->partition) {
        replaced = *at;
        *at = replaced->next;
    }
    view->next = *at;
    *at = view;
    sli_mutex_unlock(&core->mutex);
    view_free(replaced);
    return SL_OK;
}

void sli_core_drop(sli_state_view *self)
{
    view_free((sli_view *)self);
}

// ---------------------------------------------------------------- epochs

static sl_code fold_view(sli_core *core, sli_table *table, const sli_view *view, sl_error *err)
{
    for (int32_t slot = 0; slot < SLI_SLOTS && view->changes.live > 0; slot++) {
        for (int32_t i = view->changes.head[slot]; i >= 0; i = view->changes.entries[i].next) {
            const sli_entry *change = &view->changes.entries[i];
            SL_TRY(core->base->change(core, table, change, mark_of(view, i), err));
            SL_TRY(fold(&table->pending, change, err));
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
        for (const sli_view *view = table->done; view != NULL && rc == SL_OK; view = view->next) {
            changed = changed || view->changes.live > 0;
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

sl_code sli_core_load(sli_store *self, sli_table *table, int32_t slot, sl_bytes key, sl_bytes value,
                      sl_error *err)
{
    sli_core *core = (sli_core *)self;
    sli_entry entry;
    if (slot < 0 || slot >= SLI_SLOTS) {
        return sl_error_set(err, SL_E_CORRUPT, "state key in slot %d of %d", slot, SLI_SLOTS);
    }
    SL_TRY(core->base->find(core, table, slot, key, &core->found, err));
    if (core->found.there) {
        return sl_error_set(err, SL_E_CORRUPT, "state of %s has a key twice", table->uid);
    }
    SL_TRY(sli_entry_of(&core->row, slot, key, value, SLI_ADDED, &entry, err));
    SL_TRY(core->base->change(core, table, &entry, 0, err));
    return settle(core, err);
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
