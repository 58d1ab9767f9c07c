// ids.c — the ids of messages that were taken, so that a message that comes again is known, in this
// life and in later ones.
//
// What is kept is a hash of each, 128 bits of XXH3, in two sets: when the younger one has `most` it
// becomes the older, which is thrown away. So at least the last `most` ids are known, and at most
// twice as many kept. For later lives the hashes go into a log of their own, behind those blocks
// that were synced; it is cut where all that is in front of the cut is out of the sets.
//
// A record of that log: varint number of the block behind those whose ids are all in it and in the
// records before (0: not told), then 16 bytes each, little endian.
#include "ingest/ingest_int.h"

enum { FIRST_SLOTS = 1024, HASH_BYTES = 16, RECORD_BYTES = 1 << 20 };

// ---------------------------------------------------------------- a set

static bool is_empty(sli_hash128 slot)
{
    return slot.low == 0 && slot.high == 0;
}

/// The slot of the hash, or the empty one that is its place.
static int64_t find_slot(const sli_id_set *set, sli_hash128 hash)
{
    int64_t at = (int64_t)(hash.low & (uint64_t)(set->n_slots - 1));
    while (!is_empty(set->slots[at]) &&
           (set->slots[at].low != hash.low || set->slots[at].high != hash.high)) {
        at = (at + 1) & (set->n_slots - 1);
    }
    return at;
}

static bool set_has(const sli_id_set *set, sli_hash128 hash)
{
    return set->n > 0 && !is_empty(set->slots[find_slot(set, hash)]);
}

static bool set_grow(sli_ids *ids, sli_id_set *set)
{
    sli_id_set more = {.n_slots = set->n_slots == 0 ? FIRST_SLOTS : set->n_slots * 2, .n = set->n};
    int64_t bytes = more.n_slots * HASH_BYTES;
    more.slots = sl_alloc_zero(SLI_TAG_INGEST, (size_t)bytes);
    if (more.slots == NULL) {
        return false;
    }
    for (int64_t i = 0; i < set->n_slots; i++) {
        if (!is_empty(set->slots[i])) {
            more.slots[find_slot(&more, set->slots[i])] = set->slots[i];
        }
    }
    (void)sli_budget_reserve(ids->budget, bytes - set->n_slots * HASH_BYTES, true);
    sl_free(set->slots);
    *set = more;
    return true;
}

static void set_reset(sli_ids *ids, sli_id_set *set)
{
    sli_budget_release(ids->budget, set->n_slots * HASH_BYTES);
    sl_free(set->slots);
    *set = (sli_id_set){0};
}

// ---------------------------------------------------------------- both

static sl_code add_hash(sli_ids *ids, sli_hash128 hash, sl_error *err)
{
    sli_id_set *young = &ids->young;
    if (young->n >= ids->most) {
        set_reset(ids, &ids->old);
        ids->old = *young;
        *young = (sli_id_set){0};
    }
    if ((young->n + 1) * 4 > young->n_slots * 3 && !set_grow(ids, young)) {
        return sl_error_nomem(err, (size_t)young->n_slots * 2 * HASH_BYTES, "ids of messages");
    }
    young->slots[find_slot(young, hash)] = hash;
    young->n++;
    return SL_OK;
}

static sli_hash128 hash_of(sl_bytes id)
{
    sli_hash128 hash = sli_hash128_of(id.data, id.size);
    return is_empty(hash) ? (sli_hash128){1, 0} : hash;
}

bool sli_ids_know(const sli_ids *ids, sl_bytes id)
{
    sli_hash128 hash = hash_of(id);
    return set_has(&ids->young, hash) || set_has(&ids->old, hash);
}

sl_code sli_ids_add(sli_ids *ids, sl_bytes id, sl_error *err)
{
    return add_hash(ids, hash_of(id), err);
}

/// Those of a buffer of messages.
static sl_code add_all(sli_ids *ids, sl_bytes messages, sl_error *err)
{
    const char *data = messages.data;
    sl_bytes id;
    for (int64_t at = 0, size = (int64_t)messages.size, n; at < size; at += n) {
        n = sli_message_id(data + at, size - at, &id);
        if (n == 0) {
            return sl_error_set(err, SL_E_CORRUPT, "no message at byte %lld of a received block",
                                (long long)at);
        }
        if (id.size > 0) {
            SL_TRY(sli_ids_add(ids, id, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- their log

/// Appends to the record in the making what ids a block has.
static void put_ids(sli_str *out, const char *data, int64_t size)
{
    sl_bytes id;
    for (int64_t at = 0; at < size;) {
        at += sli_message_id(data + at, size - at, &id);
        if (id.size > 0) {
            sli_hash128 hash = hash_of(id);
            sli_put_u64(out, hash.low);
            sli_put_u64(out, hash.high);
        }
    }
}

void sli_ids_note(sli_ids *ids, const sli_buffer *block)
{
    put_ids(&ids->unlogged, sli_buffer_bytes(block), sli_buffer_size(block));
}

/// `n` ids are in the log behind those before, up to the record before `next`.
static void note_logged(sli_ids *ids, int64_t n, int64_t next)
{
    ids->since_mark += n;
    if (ids->since_mark >= ids->most) {
        ids->cut = ids->mark;
        ids->mark = next;
        ids->since_mark = 0;
    }
}

static sl_code log_record(sli_ids *ids, int64_t upto, sl_bytes hashes, sl_error *err)
{
    sli_str record = {.tag = SLI_TAG_INGEST};
    int64_t number = 0;
    sli_put_varint(&record, (uint64_t)upto);
    sli_str_add(&record, hashes.data, hashes.size);
    sl_code rc = sli_str_check(&record, "ids of messages", err);
    rc = rc == SL_OK ? sli_wal_append(ids->log, (sl_bytes){record.data, record.size}, &number, err)
                     : rc;
    sli_str_reset(&record);
    return rc;
}

/// In pieces: only the last one says of which blocks these are all.
static sl_code log_records(sli_ids *ids, int64_t upto, sl_error *err)
{
    while (ids->unlogged.size > 0) {
        size_t size = ids->unlogged.size < RECORD_BYTES ? ids->unlogged.size : RECORD_BYTES;
        bool last = size == ids->unlogged.size;
        SL_TRY(log_record(ids, last ? upto : 0, (sl_bytes){ids->unlogged.data, size}, err));
        note_logged(ids, (int64_t)size / HASH_BYTES, sli_wal_next(ids->log));
        memmove(ids->unlogged.data, ids->unlogged.data + size, ids->unlogged.size - size);
        ids->unlogged.size -= size;
    }
    return SL_OK;
}

sl_code sli_ids_log(sli_ids *ids, int64_t upto, sl_error *err)
{
    SL_TRY(sli_str_check(&ids->unlogged, "ids of messages", err));
    SL_TRY(log_records(ids, upto, err));
    if (sli_wal_next(ids->log) > sli_wal_synced(ids->log)) {
        SL_TRY(sli_wal_sync(ids->log, err));
        sli_wal_forget(ids->log, ids->cut);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- a later life

static sl_code read_record(sli_ids *ids, int64_t number, int64_t *upto, sl_error *err)
{
    sli_buffer *record = NULL;
    SL_TRY(sli_wal_read(ids->log, number, &record, err));
    sli_reader reader =
        sli_reader_of((sl_bytes){sli_buffer_bytes(record), (size_t)sli_buffer_size(record)});
    int64_t told = (int64_t)sli_get_varint(&reader);
    *upto = told > *upto ? told : *upto;
    int64_t n = 0;
    sl_code rc = SL_OK;
    while (rc == SL_OK && !reader.bad && reader.at < reader.end) {
        sli_hash128 hash = {.low = sli_get_u64(&reader)};
        hash.high = sli_get_u64(&reader);
        rc = reader.bad ? SL_OK : add_hash(ids, hash, err);
        n++;
    }
    rc = rc == SL_OK ? sli_reader_done(&reader, "ids of messages", err) : rc;
    sli_buffer_unref(record);
    note_logged(ids, n, number + 1);
    return rc;
}

static sl_code read_block(sli_ids *ids, sli_wal *blocks, int64_t number, sl_error *err)
{
    sli_buffer *block = NULL;
    SL_TRY(sli_wal_read(blocks, number, &block, err));
    sl_bytes messages = {sli_buffer_bytes(block), (size_t)sli_buffer_size(block)};
    sl_code rc = add_all(ids, messages, err);
    if (rc == SL_OK) {
        sli_ids_note(ids, block);
    }
    sli_buffer_unref(block);
    return rc;
}

sl_code sli_ids_adopt(sli_ids *ids, sli_ckpt *ckpt, const char *uid, sli_wal *blocks, sl_error *err)
{
    sli_str name = {.tag = SLI_TAG_INGEST};
    sli_str_printf(&name, "%s.-ids", uid);
    sl_code rc = sli_str_check(&name, "the name of a log", err);
    rc = rc == SL_OK ? sli_wal_open(&ids->log, ckpt, name.data, err) : rc;
    sli_str_reset(&name);
    SL_TRY(rc);
    int64_t upto = 0;
    ids->mark = ids->cut = sli_wal_first(ids->log);
    for (int64_t i = sli_wal_first(ids->log); i < sli_wal_next(ids->log); i++) {
        SL_TRY(read_record(ids, i, &upto, err));
    }
    // The life before may have ended between the syncs of its blocks and of their ids.
    int64_t from = upto > sli_wal_first(blocks) ? upto : sli_wal_first(blocks);
    for (int64_t i = from; i < sli_wal_next(blocks); i++) {
        SL_TRY(read_block(ids, blocks, i, err));
    }
    return SL_OK;
}

void sli_ids_reset(sli_ids *ids)
{
    set_reset(ids, &ids->young);
    set_reset(ids, &ids->old);
    sli_str_reset(&ids->unlogged);
    sli_wal_close(ids->log);
}
