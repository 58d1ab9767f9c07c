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
    if (bulk->n <= INT32_MAX - n && bulk->n + n <= bulk->capacity) {
        return SL_OK;
    }
    size_t capacity = ((size_t)bulk->n + (size_t)n) * 2;
    if (capacity > INT32_MAX) {
        return sl_error_set(err, SL_E_NOMEM, "a view of the state: no room for %d changes", n);
    }
    sli_bulk_change *more = sl_realloc(SLI_TAG_STATE, bulk->changes, capacity * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, capacity * sizeof *more, "a view of the state");
    }
    bulk->changes = more;
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

static void put_bytes(sli_str *out, sl_bytes bytes)
{
    char *at = sli_str_extend(out, bytes.size);
    if (at != NULL && bytes.size <= SLI_FEW_BYTES) {
        sli_copy_few(at, bytes.data, bytes.size);
    } else if (at != NULL) {
        memcpy(at, bytes.data, bytes.size);
    }
}

static sl_code add(sli_bulk *bulk, const sli_state_change *c, sl_error *err)
{
    sl_bytes key = c->mark == 0 ? c->key : (sl_bytes){NULL, 0};
    if (key.size > INT32_MAX || c->value.size > INT32_MAX) {
        return sl_error_set(err, SL_E_DATA, "a state key or value has more than 2^31 - 1 bytes");
    }
    if (key.size > 0) {
        put_bytes(&bulk->bytes, key);
    }
    put_bytes(&bulk->bytes, c->value);
    bulk->changes[bulk->n++] = (sli_bulk_change){.mark = c->mark == 0 ? c->key_hash : c->mark,
                                                 .key_size = (uint32_t)key.size,
                                                 .value_size = (uint32_t)c->value.size,
                                                 .slot = sli_slot_of(c->hash),
                                                 .change = change_of(c)};
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
    return sli_str_check(&view->bulk.bytes, "a view of the state", err);
}

/// Brings one change among the others; a value that the base has already is none.
static sl_code spread(sli_view *view, const sli_bulk_change *c, sl_bytes key, sl_bytes value,
                      sl_error *err)
{
    const sli_core *core = (const sli_core *)view->head.store;
    uint64_t hash = c->mark, mark = 0;
    if (c->change != SLI_ADDED) {
        const sli_entry *row = core->base->row(view->table, c->mark);
        if (c->change == SLI_SET && sli_bytes_equal(sli_entry_value(row), value)) {
            return SL_OK;
        }
        hash = row->hash;
        key = sli_entry_key(row);
        mark = c->mark;
    }
    SL_TRY(sli_map_add(&view->changes, hash, c->slot, key, value, c->change, err));
    return sli_view_set_mark(view, view->changes.tail[c->slot], mark, err);
}

sl_code sli_view_spread(sli_view *view, sl_error *err)
{
    sli_bulk *bulk = &view->bulk;
    const char *bytes = bulk->bytes.data;
    for (int32_t i = 0; i < bulk->n; i++) {
        const sli_bulk_change *c = &bulk->changes[i];
        SL_TRY(spread(view, c, (sl_bytes){bytes, c->key_size},
                      (sl_bytes){bytes + c->key_size, c->value_size}, err));
        bytes += c->key_size + c->value_size;
    }
    sli_bulk_reset(bulk);
    return SL_OK;
}

void sli_bulk_reset(sli_bulk *bulk)
{
    sl_free(bulk->changes);
    sli_str_reset(&bulk->bytes);
    *bulk = (sli_bulk){.bytes.tag = SLI_TAG_STATE};
}
