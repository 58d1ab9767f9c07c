// Many changes of a view at once.
//
// Who has looked every key up before and changes each of them once (mapWithState) needs no map of
// its changes: they are a list, which is folded into the base from its first to its last. Who asks
// for a single key afterwards, or passes over all, gets the map.
#include "state/state_int.h"

sl_code sli_core_find_all(sli_state_view *self, const sli_state_key *keys, int32_t n,
                          sli_state_found *out, sl_error *err)
{
    sli_core *core = (sli_core *)self->store;
    return core->base->find_all(core, ((sli_view *)self)->table, keys, n, out, err);
}

static sl_code make_room(sli_bulk *bulk, int32_t n, sl_error *err)
{
    if (bulk->blobs == NULL) {
        bulk->blobs = sl_arena_new(SLI_TAG_STATE);
    }
    if (bulk->n <= INT32_MAX - n && bulk->n + n <= bulk->capacity && bulk->blobs != NULL) {
        return SL_OK;
    }
    size_t capacity = ((size_t)bulk->n + (size_t)n) * 2;
    if (capacity > INT32_MAX || bulk->blobs == NULL) {
        return sl_error_set(err, SL_E_NOMEM, "a view of the state: no room for %d changes", n);
    }
    sli_entry *entries = sl_realloc(SLI_TAG_STATE, bulk->entries, capacity * sizeof *entries);
    bulk->entries = entries == NULL ? bulk->entries : entries;
    uint64_t *marks = sl_realloc(SLI_TAG_STATE, bulk->marks, capacity * sizeof *marks);
    bulk->marks = marks == NULL ? bulk->marks : marks;
    if (entries == NULL || marks == NULL) {
        return sl_error_nomem(err, capacity * sizeof *entries, "a view of the state");
    }
    bulk->capacity = (int32_t)capacity;
    return SL_OK;
}

static sli_change change_of(const sli_state_change *c)
{
    return c->mark == 0                 ? SLI_ADDED
           : c->act == SLI_STATE_REMOVE ? SLI_REMOVED
           : c->act == SLI_STATE_MOVE   ? SLI_MOVED
                                        : SLI_SET;
}

static sl_code add(sli_bulk *bulk, const sli_state_change *c, sl_error *err)
{
    if (c->key.size > INT32_MAX || c->value.size > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "a state key or value has more than 2^31 - 1 bytes");
    }
    sli_entry *e = &bulk->entries[bulk->n];
    *e = (sli_entry){.hash = c->key_hash,
                     .key_size = (uint32_t)c->key.size,
                     .value_size = (uint32_t)c->value.size,
                     .slot = sli_slot_of(c->hash),
                     .change = change_of(c)};
    char *row = e->row;
    if (!sli_entry_is_short(e)) {
        row = e->blob = sl_arena_alloc(bulk->blobs, c->key.size + c->value.size);
        if (row == NULL) {
            return sl_error_nomem(err, c->key.size + c->value.size, "a state row");
        }
    }
    memcpy(row, c->key.data, c->key.size);
    if (c->value.size > 0) {
        memcpy(row + c->key.size, c->value.data, c->value.size);
    }
    bulk->marks[bulk->n++] = c->mark;
    return SL_OK;
}

sl_code sli_core_change_all(sli_state_view *self, const sli_state_change *changes, int32_t n,
                            sl_error *err)
{
    sli_view *view = (sli_view *)self;
    SL_ASSERT(view->changes.live == 0, "keys are changed together before any is by itself");
    SL_TRY(make_room(&view->bulk, n, err));
    for (int32_t i = 0; i < n; i++) {
        if (changes[i].mark != 0 || changes[i].act != SLI_STATE_REMOVE) {
            SL_TRY(add(&view->bulk, &changes[i], err));
        }
    }
    return SL_OK;
}

/// A value that the base has already is no change.
static sl_code is_change(sli_view *view, const sli_entry *e, bool *out, sl_error *err)
{
    sli_core *core = (sli_core *)view->head.store;
    *out = true;
    if (e->change != SLI_SET) {
        return SL_OK;
    }
    SL_TRY(core->base->find(core, view->table, e->slot, sli_entry_key(e), &view->found, err));
    *out = !sli_bytes_equal(view->found.value, sli_entry_value(e));
    return SL_OK;
}

sl_code sli_view_spread(sli_view *view, sl_error *err)
{
    sli_bulk *bulk = &view->bulk;
    if (bulk->n == 0) {
        return SL_OK;
    }
    for (int32_t i = 0; i < bulk->n; i++) {
        const sli_entry *e = &bulk->entries[i];
        bool changes = false;
        SL_TRY(is_change(view, e, &changes, err));
        if (changes) {
            SL_TRY(sli_map_add(&view->changes, e->hash, e->slot, sli_entry_key(e),
                               sli_entry_value(e), e->change, err));
            SL_TRY(sli_view_set_mark(view, view->changes.tail[e->slot], bulk->marks[i], err));
        }
    }
    sli_bulk_reset(bulk);
    return SL_OK;
}

void sli_bulk_reset(sli_bulk *bulk)
{
    sl_free(bulk->entries);
    sl_free(bulk->marks);
    sl_arena_free(bulk->blobs);
    *bulk = (sli_bulk){0};
}
