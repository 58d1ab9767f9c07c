// State deltas as bytes (layout in ../README.md) and their way back into a store.
#include "state/mem/mem_int.h"

enum { DELTA_FORMAT = 1 };

// ---------------------------------------------------------------- writing

static void put_entry(sli_str *out, const sli_entry *entry)
{
    sli_put_u8(out, (uint8_t)entry->change);
    sli_put_varint(out, (uint64_t)entry->slot);
    sli_put_bytes(out, entry->blob, entry->key_size);
    if (entry->change != SLI_REMOVED) {
        sli_put_bytes(out, entry->blob + entry->key_size, entry->value_size);
    }
}

static void put_table(sli_str *out, const sli_table *table)
{
    sli_put_text(out, table->uid);
    sli_put_text(out, table->kind);
    sli_put_text(out, sl_schema_text(table->keys));
    sli_put_text(out, sl_schema_text(table->values));
    sli_put_varint(out, (uint64_t)table->pending.live);
    for (int32_t slot = 0; slot < SLI_SLOTS; slot++) {
        for (int32_t i = table->pending.head[slot]; i >= 0; i = table->pending.entries[i].next) {
            put_entry(out, &table->pending.entries[i]);
        }
    }
}

sl_code sli_mem_delta(sli_store *self, sli_str *out, sl_error *err)
{
    sli_mem_store *store = (sli_mem_store *)self;
    int64_t changes = 0;
    for (const sli_table *table = store->tables; table != NULL; table = table->next) {
        changes += table->pending.live;
    }
    if (changes == 0) {
        return SL_OK;
    }
    sli_put_u8(out, DELTA_FORMAT);
    for (const sli_table *table = store->tables; table != NULL; table = table->next) {
        if (table->pending.live > 0) {
            put_table(out, table);
        }
    }
    SL_TRY(sli_str_check(out, "a state delta", err));
    for (sli_table *table = store->tables; table != NULL; table = table->next) {
        sli_map_reset(&table->pending);
    }
    sli_mem_recount(store);
    return SL_OK;
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

static sli_table *find_table(const sli_mem_store *store, sl_bytes uid)
{
    for (sli_table *table = store->tables; table != NULL; table = table->next) {
        if (is_text(uid, table->uid)) {
            return table;
        }
    }
    return NULL;
}

static sl_code check_table(const sli_table *table, const delta_table *from, sl_error *err)
{
    if (is_text(from->kind, table->kind) && is_text(from->keys, sl_schema_text(table->keys)) &&
        is_text(from->values, sl_schema_text(table->values))) {
        return SL_OK;
    }
    return sl_error_set(err, SL_E_INCOMPATIBLE,
                        "state of %s was kept by %.*s with keys \"%.*s\" and values \"%.*s\"; the "
                        "job now has %s with keys "
                        "\"%s\" and values \"%s\"",
                        table->uid, (int)from->kind.size, (const char *)from->kind.data,
                        (int)from->keys.size, (const char *)from->keys.data, (int)from->values.size,
                        (const char *)from->values.data, table->kind, sl_schema_text(table->keys),
                        sl_schema_text(table->values));
}

static sl_code get_entry(sli_reader *r, sli_entry *out, char **blob, sl_error *err)
{
    uint8_t change = sli_get_u8(r);
    uint64_t slot = sli_get_varint(r);
    sl_bytes key = sli_get_bytes(r);
    sl_bytes value = change == SLI_REMOVED ? (sl_bytes){NULL, 0} : sli_get_bytes(r);
    if (r->bad || change < SLI_SET || change > SLI_MOVED || slot >= SLI_SLOTS ||
        key.size > INT32_MAX || value.size > INT32_MAX) {
        return sl_error_set(err, SL_E_CORRUPT, "state delta is damaged");
    }
    // The entry's blob is key and value side by side, as the maps have it.
    *blob = sl_alloc(SLI_TAG_STATE, key.size + value.size);
    if (*blob == NULL) {
        return sl_error_nomem(err, key.size + value.size, "a state row");
    }
    if (key.size > 0) {
        memcpy(*blob, key.data, key.size);
    }
    if (value.size > 0) {
        memcpy(*blob + key.size, value.data, value.size);
    }
    *out = (sli_entry){.hash = sli_key_hash(key),
                       .blob = *blob,
                       .key_size = (uint32_t)key.size,
                       .value_size = (uint32_t)value.size,
                       .slot = (int32_t)slot,
                       .change = (sli_change)change};
    return SL_OK;
}

static sl_code get_entries(sli_reader *r, sli_table *table, uint64_t n, int32_t from, int32_t to,
                           sl_error *err)
{
    for (uint64_t i = 0; i < n; i++) {
        sli_entry change;
        char *blob = NULL;
        SL_TRY(get_entry(r, &change, &blob, err));
        sl_code rc = SL_OK;
        if (table != NULL && change.slot >= from && change.slot < to) {
            rc = sli_rows_apply(&table->rows, &change, err);
        }
        sl_free(blob);
        SL_TRY(rc);
    }
    return SL_OK;
}

static sl_code get_table(sli_reader *r, const sli_mem_store *store, int32_t from, int32_t to,
                         bool all_known, sl_error *err)
{
    delta_table head = {.uid = sli_get_bytes(r)};
    head.kind = sli_get_bytes(r);
    head.keys = sli_get_bytes(r);
    head.values = sli_get_bytes(r);
    head.n = sli_get_varint(r);
    if (r->bad) {
        return sl_error_set(err, SL_E_CORRUPT, "state delta is damaged");
    }
    sli_table *table = find_table(store, head.uid);
    if (table == NULL && all_known) {
        return sl_error_set(err, SL_E_INCOMPATIBLE,
                            "the checkpoint has state of %.*s, which the job no longer has",
                            (int)head.uid.size, (const char *)head.uid.data);
    }
    if (table != NULL) {
        SL_TRY(check_table(table, &head, err));
    }
    return get_entries(r, table, head.n, from, to, err);
}

static sl_code apply(sli_mem_store *store, sl_bytes delta, int32_t from, int32_t to, bool all_known,
                     sl_error *err)
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
        rc = get_table(&r, store, from, to, all_known, err);
    } while (rc == SL_OK && r.at != r.end);
    sli_mem_recount(store);
    return rc == SL_OK ? sli_reader_done(&r, "state delta", err) : rc;
}

sl_code sli_mem_apply(sli_store *self, sl_bytes delta, sl_error *err)
{
    return apply((sli_mem_store *)self, delta, 0, SLI_SLOTS, true, err);
}

sl_code sli_mem_apply_part(sli_store *self, sl_bytes delta, int32_t from, int32_t to, sl_error *err)
{
    return apply((sli_mem_store *)self, delta, from, to, false, err);
}
