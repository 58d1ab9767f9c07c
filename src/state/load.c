// Adding many keys that are not there to a base: a snapshot that comes back.
#include "state/state_int.h"

static sl_code twice(const sli_table *table, sl_error *err)
{
    return sl_error_set(err, SL_E_CORRUPT, "state of %s has a key twice", table->uid);
}

static sl_code check_slots(const sli_state_row *rows, int32_t n, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        if (rows[i].slot < 0 || rows[i].slot >= SLI_SLOTS) {
            return sl_error_set(err, SL_E_CORRUPT, "state key in slot %d of %d", rows[i].slot,
                                SLI_SLOTS);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a base in memory

enum { AHEAD = 64 }; ///< keys that are looked for together

sl_code sli_map_load(const sli_table *table, sli_map *map, const sli_state_row *rows, int32_t n,
                     sl_error *err)
{
    uint64_t hashes[AHEAD];
    for (int32_t from = 0; from < n; from += AHEAD) {
        int32_t m = n - from < AHEAD ? n - from : AHEAD;
        for (int32_t i = 0; i < m; i++) {
            hashes[i] = sli_key_hash(rows[from + i].key);
        }
        sli_map_prefetch(map, hashes, m);
        for (int32_t i = 0; i < m; i++) {
            const sli_state_row *row = &rows[from + i];
            if (sli_map_find(map, hashes[i], row->key) >= 0) {
                return twice(table, err);
            }
            SL_TRY(sli_map_add(map, hashes[i], row->slot, row->key, row->value, SLI_SET, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a base that is asked

static sl_code note_rows(sli_view *view, const sli_state_row *rows, int32_t n, sl_error *err)
{
    for (int32_t i = 0; i < n; i++) {
        if (sli_map_find(&view->changes, sli_key_hash(rows[i].key), rows[i].key) >= 0) {
            return twice(view->table, err);
        }
        SL_TRY(sli_view_note(view, rows[i].slot, rows[i].key, rows[i].value, SLI_PUT, err));
    }
    return sli_view_ask(view, err);
}

static sl_code add_rows(sli_core *core, sli_view *view, int32_t n, sl_error *err)
{
    if (view->changes.live != n) {
        return twice(view->table, err); // and with the same value
    }
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        for (int32_t i = view->changes.head[slot]; i >= 0; i = view->changes.entries[i].next) {
            const sli_entry *change = &view->changes.entries[i];
            SL_TRY(change->change == SLI_ADDED
                       ? core->base->change(core, view->table, change, 0, err)
                       : twice(view->table, err));
        }
    }
    return core->base->settle(core, err);
}

static sl_code load_by_view(sli_core *core, sli_table *table, const sli_state_row *rows, int32_t n,
                            sl_error *err)
{
    sli_state_view *view = NULL;
    SL_TRY(sli_core_begin(&core->head, table, 0, 0, 1, &view, err));
    sl_code rc = note_rows((sli_view *)view, rows, n, err);
    if (rc == SL_OK) {
        rc = add_rows(core, (sli_view *)view, n, err);
    }
    sli_core_drop(view);
    return rc;
}

sl_code sli_core_load(sli_store *self, sli_table *table, const sli_state_row *rows, int32_t n,
                      sl_error *err)
{
    sli_core *core = (sli_core *)self;
    SL_TRY(check_slots(rows, n, err));
    sl_code rc = core->base->load != NULL ? core->base->load(core, table, rows, n, err)
                                          : load_by_view(core, table, rows, n, err);
    sli_core_recount(core);
    return rc;
}
