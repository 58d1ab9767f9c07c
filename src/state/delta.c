// State deltas as bytes (layout in README.md) and their way back into a store.
#include "state/state_int.h"

enum { DELTA_FORMAT = 1 };

// ---------------------------------------------------------------- writing

static void put_entry(sli_str *out, const sli_entry *entry)
{
    sli_put_u8(out, (uint8_t)entry->change);
    sli_put_varint(out, (uint64_t)entry->slot);
    sl_bytes key = sli_entry_key(entry), value = sli_entry_value(entry);
    sli_put_bytes(out, key.data, key.size);
    if (entry->change != SLI_REMOVED) {
        sli_put_bytes(out, value.data, value.size);
    }
}

/// One table's changes, with what says which table it is: the store may be gone when they are
/// written.
typedef struct table_changes {
    char *uid, *kind;
    sl_schema *keys, *values;
    sli_map map;
} table_changes;

struct sli_changes {
    int32_t n;
    table_changes tables[];
};

static void put_table(sli_str *out, const table_changes *table)
{
    sli_put_text(out, table->uid);
    sli_put_text(out, table->kind);
    sli_put_text(out, sl_schema_text(table->keys));
    sli_put_text(out, sl_schema_text(table->values));
    sli_put_varint(out, (uint64_t)table->map.live);
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        for (int32_t i = table->map.head[slot]; i >= 0; i = table->map.entries[i].next) {
            put_entry(out, &table->map.entries[i]);
        }
    }
}

sl_code sli_changes_put(const sli_changes *changes, sli_str *out, sl_error *err)
{
    sli_put_u8(out, DELTA_FORMAT);
    for (int32_t i = 0; i < changes->n; i++) {
        put_table(out, &changes->tables[i]);
    }
    return sli_str_check(out, "a state delta", err);
}

void sli_changes_free(sli_changes *changes)
{
    for (int32_t i = 0; changes != NULL && i < changes->n; i++) {
        table_changes *table = &changes->tables[i];
        sl_free(table->uid);
        sl_free(table->kind);
        sl_schema_unref(table->keys);
        sl_schema_unref(table->values);
        sli_map_reset(&table->map);
    }
    sl_free(changes);
}

/// The table's names; its changes stay where they are.
static sl_code name_table(const sli_table *table, table_changes *out, sl_error *err)
{
    out->uid = sl_strdup(SLI_TAG_STATE, table->uid);
    out->kind = sl_strdup(SLI_TAG_STATE, table->kind);
    out->keys = sl_schema_ref(table->keys);
    out->values = sl_schema_ref(table->values);
    sli_map_init(&out->map);
    return out->uid == NULL || out->kind == NULL
               ? sl_error_nomem(err, strlen(table->uid), "a state table's name")
               : SL_OK;
}

static sl_code name_tables(const sli_core *core, sli_changes *changes, sl_error *err)
{
    for (const sli_table *table = core->tables; table != NULL; table = table->next) {
        if (table->pending.live > 0) {
            SL_TRY(name_table(table, &changes->tables[changes->n++], err));
        }
    }
    return SL_OK;
}

sl_code sli_core_cut(sli_store *self, sli_changes **out, sl_error *err)
{
    sli_core *core = (sli_core *)self;
    size_t n = 0;
    *out = NULL;
    for (const sli_table *table = core->tables; table != NULL; table = table->next) {
        n += table->pending.live > 0;
    }
    if (n == 0) {
        return SL_OK;
    }
    size_t size = sizeof(sli_changes) + n * sizeof(table_changes);
    sli_changes *changes = sl_alloc_zero(SLI_TAG_STATE, size);
    if (changes == NULL) {
        return sl_error_nomem(err, size, "a group's changes of state");
    }
    sl_code rc = name_tables(core, changes, err);
    if (rc != SL_OK) {
        sli_changes_free(changes);
        return rc;
    }
    table_changes *at = changes->tables;
    for (sli_table *table = core->tables; table != NULL; table = table->next) {
        if (table->pending.live > 0) {
            at++->map = table->pending;
            sli_map_init_brief(&table->pending);
        }
    }
    sli_core_recount(core);
    *out = changes;
    return SL_OK;
}

sl_code sli_state_delta(sli_store *store, sli_str *out, sl_error *err)
{
    sli_changes *changes = NULL;
    SL_TRY(store->ops->cut(store, &changes, err));
    sl_code rc = changes == NULL ? SL_OK : sli_changes_put(changes, out, err);
    sli_changes_free(changes);
    return rc;
}

// ---------------------------------------------------------------- reading

typedef struct delta_table {
    sl_bytes uid, kind, keys, values;
    uint64_t n;
} delta_table;

static bool is_text(sl_bytes bytes, const char *text)
{
    return sli_text_is((sl_text){bytes.data, bytes.size}, text);
}

sli_table *sli_state_table_find(const sli_core *core, sl_bytes uid)
{
    for (sli_table *table = core->tables; table != NULL; table = table->next) {
        if (is_text(uid, table->uid)) {
            return table;
        }
    }
    return NULL;
}

sl_code sli_state_table_check(const sli_table *table, sl_bytes kind, sl_bytes keys, sl_bytes values,
                              sl_error *err)
{
    if (is_text(kind, table->kind) && is_text(keys, sl_schema_text(table->keys)) &&
        is_text(values, sl_schema_text(table->values))) {
        return SL_OK;
    }
    return sl_error_set(
        err, SL_E_INCOMPATIBLE,
        "state of %s was kept by %.*s and can't be taken over: define it as before, "
        "or give it another uid, with which it begins without state. Keys \"%.*s\" "
        "and values \"%.*s\" were kept (a ttl or a timeout is one of the values); "
        "the job now has %s with keys \"%s\" and values \"%s\"",
        table->uid, (int)kind.size, (const char *)kind.data, (int)keys.size,
        (const char *)keys.data, (int)values.size, (const char *)values.data, table->kind,
        sl_schema_text(table->keys), sl_schema_text(table->values));
}

static sl_code get_entry(sli_reader *r, sli_str *row, sli_entry *out, sl_error *err)
{
    uint8_t change = sli_get_u8(r);
    uint64_t slot = sli_get_varint(r);
    sl_bytes key = sli_get_bytes(r);
    sl_bytes value = change == SLI_REMOVED ? (sl_bytes){NULL, 0} : sli_get_bytes(r);
    if (r->bad || change < SLI_SET || change > SLI_MOVED || slot >= SLI_SLOTS ||
        key.size > INT32_MAX || value.size > INT32_MAX) {
        return sl_error_set(err, SL_E_CORRUPT, "state delta is damaged");
    }
    return sli_entry_of(row, (int32_t)slot, key, value, (sli_change)change, out, err);
}

/// What is read of a delta, and where to.
typedef struct target {
    sli_core *core;
    int32_t from, to; ///< slots
    bool all_known;   ///< a table that is not declared is an error
} target;

static sl_code get_entries(sli_reader *r, const target *t, sli_table *table, uint64_t n,
                           sl_error *err)
{
    sli_core *core = t->core;
    for (uint64_t i = 0; i < n; i++) {
        sli_entry change;
        SL_TRY(get_entry(r, &core->row, &change, err));
        if (table != NULL && change.slot >= t->from && change.slot < t->to) {
            SL_TRY(core->base->change(core, table, &change, 0, err));
        }
    }
    return table == NULL || core->base->settle == NULL ? SL_OK : core->base->settle(core, err);
}

static sl_code get_table(sli_reader *r, const target *t, sl_error *err)
{
    delta_table head = {.uid = sli_get_bytes(r)};
    head.kind = sli_get_bytes(r);
    head.keys = sli_get_bytes(r);
    head.values = sli_get_bytes(r);
    head.n = sli_get_varint(r);
    if (r->bad) {
        return sl_error_set(err, SL_E_CORRUPT, "state delta is damaged");
    }
    sli_table *table = sli_state_table_find(t->core, head.uid);
    if (table == NULL && t->all_known) {
        return sl_error_set(err, SL_E_INCOMPATIBLE,
                            "the checkpoint has state of %.*s, which the job no longer has",
                            (int)head.uid.size, (const char *)head.uid.data);
    }
    if (table != NULL) {
        SL_TRY(sli_state_table_check(table, head.kind, head.keys, head.values, err));
    }
    return get_entries(r, t, table, head.n, err);
}

static sl_code apply(const target *t, sl_bytes delta, sl_error *err)
{
    if (delta.size == 0) {
        return SL_OK;
    }
    sli_reader r = sli_reader_of(delta);
    uint8_t format = sli_get_u8(&r);
    if (format != DELTA_FORMAT) {
        return sl_error_set(err, SL_E_CORRUPT, "state delta of format %u, expected %d", format,
                            DELTA_FORMAT);
    }
    sl_code rc = SL_OK;
    do { // a delta names at least one table
        rc = get_table(&r, t, err);
    } while (rc == SL_OK && r.at != r.end);
    sli_core_recount(t->core);
    return rc == SL_OK ? sli_reader_done(&r, "state delta", err) : rc;
}

sl_code sli_core_apply(sli_store *self, sl_bytes delta, sl_error *err)
{
    return apply(&(target){(sli_core *)self, 0, SLI_SLOTS, true}, delta, err);
}

sl_code sli_core_apply_part(sli_store *self, sl_bytes delta, int32_t from, int32_t to,
                            sl_error *err)
{
    return apply(&(target){(sli_core *)self, from, to, false}, delta, err);
}

// ---------------------------------------------------------------- from outside

static sl_text text_of(sl_bytes bytes)
{
    return (sl_text){bytes.data, bytes.size};
}

static sl_code pass_entries(sli_reader *r, int64_t n, sl_error *err)
{
    for (int64_t i = 0; i < n && !r->bad; i++) {
        uint8_t change = sli_get_u8(r);
        (void)sli_get_varint(r);
        (void)sli_get_bytes(r);
        if (change != SLI_REMOVED) {
            (void)sli_get_bytes(r);
        }
    }
    return r->bad ? sl_error_set(err, SL_E_CORRUPT, "state delta is damaged") : SL_OK;
}

sl_code sli_state_delta_heads(sl_bytes delta, sli_state_head_fn each, void *ctx, sl_error *err)
{
    sli_reader r = sli_reader_of(delta);
    if (delta.size > 0 && sli_get_u8(&r) != DELTA_FORMAT) {
        return sl_error_set(err, SL_E_CORRUPT, "state delta of another format than %d",
                            DELTA_FORMAT);
    }
    while (!r.bad && r.at < r.end) {
        sli_state_head head = {.uid = text_of(sli_get_bytes(&r))};
        head.kind = text_of(sli_get_bytes(&r));
        head.keys = text_of(sli_get_bytes(&r));
        head.values = text_of(sli_get_bytes(&r));
        head.n_changes = (int64_t)sli_get_varint(&r);
        if (!r.bad) {
            SL_TRY(each(ctx, &head, err));
        }
        SL_TRY(pass_entries(&r, head.n_changes, err));
    }
    return SL_OK;
}
