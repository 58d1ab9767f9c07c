/// wal.c — a receiver's write-ahead log: appending, syncing, reading and forgetting records.
///
/// Records are numbered through all generations. A new segment begins with the first record of a
/// generation, and when the present one is large; the one before is whole and durable by then.
/// Files of older segments are opened for each read: they are read once, and a long backlog must
/// not hold thousands of descriptors.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

struct sli_wal {
    sli_ckpt *ckpt;
    sli_mutex mutex;
    sli_mutex *lock; ///< guards `past`, which reads, appends and forgets share
    sli_wal_past
        past; ///< the segments, oldest first; the last one is the present one when `file` is there
    sli_file *file; ///< the present segment, from the first append on
    int64_t part, end, durable, prewritten;
    sli_hash128 last;
    bool dirty;
    sli_str scratch;
    bool removal_unsynced; ///< a removed segment may still come back: it must be gone before the
                           ///< next one goes
    uint64_t owner;
    _Atomic int64_t next, synced; ///< stored after the list shows the record; read by any thread
};

// ---------------------------------------------------------------- open and close

static sli_wal_past *past_find(sli_ckpt *ckpt, const char *uid)
{
    for (int64_t i = 0; i < ckpt->wals.n; i++) {
        if (ckpt->wals.items[i].uid != NULL && strcmp(ckpt->wals.items[i].uid, uid) == 0) {
            return &ckpt->wals.items[i];
        }
    }
    return NULL;
}

sl_code sli_wal_open(sli_wal **out, sli_ckpt *ckpt, const char *uid, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    if (!sli_uid_is_good(uid)) {
        return sl_error_set(err, SL_E_INVALID,
                            "\"%s\" is no uid: use letters, digits, _ . -, at most %d", uid,
                            SLI_UID_BYTES - 1);
    }
    if (!ckpt->begun) { // so that a segment of a generation that never began can't be
        return sl_error_set(err, SL_E_STATE,
                            "the checkpoint's BEGIN comes before write-ahead logs");
    }
    sli_wal *wal = sl_alloc_zero(SLI_TAG_CKPT, sizeof *wal);
    char *copy = sl_strdup(SLI_TAG_CKPT, uid);
    if (wal == NULL || copy == NULL) {
        sl_free(wal);
        sl_free(copy);
        return sl_error_nomem(err, sizeof *wal, "a write-ahead log");
    }
    wal->lock = &wal->mutex;
    sli_mutex_init(wal->lock, SLI_RANK_CKPT);
    wal->ckpt = ckpt;
    wal->scratch.tag = SLI_TAG_CKPT;
    wal->owner = sli_owner_of(ckpt->job_id, uid);
    sli_wal_past *past = past_find(ckpt, uid);
    if (past != NULL) {
        sl_free(copy);
        wal->past = *past;
        *past = (sli_wal_past){0};
    } else {
        wal->past = (sli_wal_past){.uid = copy};
    }
    atomic_store(&wal->next, wal->past.next);
    atomic_store(&wal->synced, wal->past.next); // BEGIN carried what was not
    const sli_wal_part *last = wal->past.n > 0 ? &wal->past.parts[wal->past.n - 1] : NULL;
    wal->part = last != NULL && last->generation == ckpt->generation ? last->part : 0;
    *out = wal;
    return SL_OK;
}

void sli_wal_close(sli_wal *wal)
{
    if (wal == NULL) {
        return;
    }
    sli_file_close(&wal->file);
    sli_wal_past_reset(&wal->past);
    sli_str_reset(&wal->scratch);
    sli_mutex_reset(wal->lock);
    sl_free(wal);
}

// ---------------------------------------------------------------- appending

static sl_code part_start(sli_wal *wal, sl_error *err)
{
    sli_ckpt *ckpt = wal->ckpt;
    if (wal->dirty) { // a new segment says where this one ends, so all of it must stay
        SL_TRY(sli_ckpt_sync_file(ckpt, wal->file, err));
        wal->durable = wal->end;
        wal->dirty = false;
    }
    int64_t base = atomic_load(&wal->next);
    sli_head head = {.magic = "SLUICEwa",
                     .generation = ckpt->generation,
                     .number = wal->part + 1,
                     .base = base,
                     .owner = wal->owner};
    sli_str image = SLI_STR_INIT;
    sli_hash128 hash = sli_head_put(&image, &head);
    char name[SLI_UID_BYTES + 64];
    (void)snprintf(name, sizeof name, "%06" PRId64 "-%04" PRId64 "-%s.wal", ckpt->generation,
                   wal->part + 1, wal->past.uid);
    sli_file *file = NULL;
    sl_code rc = sli_str_check(&image, "a write-ahead segment", err);
    if (rc == SL_OK) {
        rc = sli_segment_create(ckpt, "wal", name, (sl_bytes){image.data, image.size}, &file, err);
    }
    sli_str_reset(&image);
    SL_TRY(rc);
    sli_mutex_lock(wal->lock);
    rc = sli_wal_part_add(&wal->past, ckpt->generation, wal->part + 1, base, err);
    sli_mutex_unlock(wal->lock);
    if (rc != SL_OK) { // it has a name and no records: the next try takes the next number
        wal->part++;
        sli_file_close(&wal->file);
        sli_file_close(&file);
        return rc;
    }
    sli_file_close(&wal->file);
    wal->file = file;
    wal->part++;
    wal->end = wal->durable = wal->prewritten = SLI_HEAD_BYTES;
    wal->last = hash;
    return SL_OK;
}

static sl_code append_check(sli_wal *wal, sl_bytes record, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(wal->ckpt, err));
    if (record.size > SLI_FRAME_MOST_BYTES) {
        return sl_error_set(err, SL_E_INVALID,
                            "a write-ahead record of %zu bytes is over the limit of %d",
                            record.size, SLI_FRAME_MOST_BYTES);
    }
    if (atomic_load(&wal->next) - sli_wal_first(wal) >= SLI_WAL_MOST_RECORDS) {
        return sl_error_set(err, SL_E_NO_SPACE,
                            "%d write-ahead records of %s are not processed yet",
                            SLI_WAL_MOST_RECORDS, wal->past.uid);
    }
    return SL_OK;
}

/// Shows the record's place in the list, or takes it back.
static sl_code place_note(sli_wal *wal, sl_error *err)
{
    sli_mutex_lock(wal->lock);
    sl_code rc = sli_wal_part_note(&wal->past.parts[wal->past.n - 1], wal->end, err);
    sli_mutex_unlock(wal->lock);
    return rc;
}

static void place_take_back(sli_wal *wal)
{
    sli_mutex_lock(wal->lock);
    wal->past.parts[wal->past.n - 1].n--;
    sli_mutex_unlock(wal->lock);
}

static sl_code append(sli_wal *wal, sl_bytes record, sl_error *err)
{
    if (wal->file == NULL || wal->end > wal->ckpt->wal_part_bytes) {
        SL_TRY(part_start(wal, err));
    }
    sli_raw_frame raw = {.kind = SLI_RECORD,
                         .generation = (uint32_t)wal->ckpt->generation,
                         .number = atomic_load(&wal->next),
                         .offset = wal->end,
                         .durable = wal->durable,
                         .previous = wal->last,
                         .body = record};
    sli_str *bytes = &wal->scratch;
    sli_str_clear(bytes);
    sli_frame_put(bytes, &raw);
    SL_TRY(sli_str_check(bytes, "a write-ahead record", err));
    SL_TRY(place_note(wal, err));
    sl_code rc = sli_segment_write(wal->ckpt, wal->file, wal->end, bytes, &wal->prewritten, err);
    if (rc != SL_OK) {
        place_take_back(wal);
        return rc;
    }
    wal->end += (int64_t)bytes->size;
    wal->last = raw.hash;
    wal->dirty = true;
    sli_mutex_lock(wal->lock);
    wal->past.parts[wal->past.n - 1].bytes = wal->end;
    wal->past.next++;
    sli_mutex_unlock(wal->lock);
    atomic_fetch_add(&wal->next, 1);
    return SL_OK;
}

sl_code sli_wal_append(sli_wal *wal, sl_bytes record, int64_t *number, sl_error *err)
{
    SL_TRY(append_check(wal, record, err));
    sl_code rc = append(wal, record, err);
    if (wal->scratch.capacity > 1 << 20) {
        sli_str_reset(&wal->scratch);
    }
    if (rc != SL_OK) {
        return sl_error_wrap(err, sli_ckpt_verdict(wal->ckpt, rc, err), "write-ahead log of %s",
                             wal->past.uid);
    }
    *number = atomic_load(&wal->next) - 1;
    return SL_OK;
}

sl_code sli_wal_sync(sli_wal *wal, sl_error *err)
{
    sl_code rc = sli_ckpt_alive(wal->ckpt, err);
    if (rc == SL_OK && wal->dirty) {
        rc = sli_ckpt_sync_file(wal->ckpt, wal->file, err);
        wal->dirty = rc != SL_OK;
    }
    if (rc == SL_OK) {
        wal->durable = wal->end;
        rc = sli_ckpt_check_generation(wal->ckpt, err);
    }
    if (rc != SL_OK) {
        return sl_error_wrap(err, sli_ckpt_verdict(wal->ckpt, rc, err), "write-ahead log of %s",
                             wal->past.uid);
    }
    atomic_store(&wal->synced, atomic_load(&wal->next));
    return SL_OK;
}

// ---------------------------------------------------------------- questions

int64_t sli_wal_synced(const sli_wal *wal)
{
    return sli_env_bug(wal->ckpt->env, "plan-names-unsynced-wal") ? atomic_load(&wal->next)
                                                                  : atomic_load(&wal->synced);
}

int64_t sli_wal_next(const sli_wal *wal)
{
    return atomic_load(&wal->next);
}

int64_t sli_wal_first(const sli_wal *wal)
{
    sli_mutex_lock(wal->lock);
    int64_t first = wal->past.n > 0 ? wal->past.parts[0].base : wal->past.next;
    sli_mutex_unlock(wal->lock);
    return first;
}

int64_t sli_wal_bytes(const sli_wal *wal)
{
    int64_t bytes = 0;
    sli_mutex_lock(wal->lock);
    for (int64_t i = 0; i < wal->past.n; i++) {
        bytes += wal->past.parts[i].bytes;
    }
    sli_mutex_unlock(wal->lock);
    return bytes;
}

// ---------------------------------------------------------------- reading

/// Where a record is.
typedef struct place {
    int64_t generation, part, offset, size;
} place;

static bool place_find(sli_wal *wal, int64_t number, place *out)
{
    bool found = false;
    sli_mutex_lock(wal->lock);
    for (int64_t i = 0; i < wal->past.n && !found; i++) {
        const sli_wal_part *part = &wal->past.parts[i];
        int64_t at = number - part->base;
        if (at >= 0 && at < part->n) {
            int64_t end = at + 1 < part->n ? part->offsets[at + 1] : part->bytes;
            *out =
                (place){part->generation, part->part, part->offsets[at], end - part->offsets[at]};
            found = true;
        }
    }
    sli_mutex_unlock(wal->lock);
    return found;
}

static sl_code frame_read(sli_wal *wal, const char *path, const place *at, char *bytes, size_t *n,
                          sl_error *err)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(wal->ckpt->env, path, SLI_READ, &file, err));
    sl_code rc = sli_file_read_at(file, at->offset, bytes, (size_t)at->size, n, err);
    sli_file_close(&file);
    return rc;
}

/// Checks a frame by itself: sli_frame_get wants the whole file, so the place in it is checked
/// apart.
static bool frame_fits(const char *bytes, size_t n, const place *at, int64_t number, sl_bytes *body)
{
    sli_raw_frame frame;
    sl_bytes here = {bytes, n};
    if (!sli_frame_at(here, at->offset, &frame) || frame.kind != SLI_RECORD ||
        frame.number != number) {
        return false;
    }
    *body = frame.body;
    return true;
}

static sl_code record_read(sli_wal *wal, int64_t number, const place *at, sli_buffer **out,
                           sl_error *err)
{
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, wal->ckpt->dir, "wal/%06" PRId64 "-%04" PRId64 "-%s.wal",
                     at->generation, at->part, wal->past.uid);
    size_t room = (size_t)at->size + SLI_BUFFER_PAD, n = 0;
    char *bytes = sl_alloc_aligned(SLI_TAG_CKPT, room);
    if (bytes == NULL) {
        return sl_error_nomem(err, room, "a write-ahead record");
    }
    sl_bytes body = {NULL, 0};
    memset(bytes + at->size, 0, SLI_BUFFER_PAD);
    sl_code rc = frame_read(wal, path.text, at, bytes, &n, err);
    if (rc == SL_OK && !frame_fits(bytes, n, at, number, &body)) {
        rc = sl_error_set(err, SL_E_CORRUPT,
                          "%s: record %" PRId64 " at offset %" PRId64 " is damaged", path.text,
                          number, at->offset);
    }
    sli_buffer *buffer = NULL;
    if (rc == SL_OK) {
        buffer = sli_buffer_wrap(body.data, (int64_t)body.size, true, sl_free, bytes);
        rc = buffer != NULL ? SL_OK : sl_error_nomem(err, 64, "a write-ahead record");
    }
    if (rc != SL_OK) {
        sl_free(bytes);
        return rc;
    }
    *out = buffer;
    return SL_OK;
}

static sl_code not_there(sli_wal *wal, int64_t number, sl_error *err)
{
    int64_t next = atomic_load(&wal->next);
    if (number >= next) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s/wal: the write-ahead log of %s ends before record %" PRId64
                            ", at record %" PRId64,
                            wal->ckpt->dir, wal->past.uid, number, next);
    }
    return sl_error_set(err, SL_E_NOT_FOUND,
                        "write-ahead log of %s: record %" PRId64 " was forgotten", wal->past.uid,
                        number);
}

sl_code sli_wal_read(sli_wal *wal, int64_t number, sli_buffer **out, sl_error *err)
{
    place at;
    if (number >= atomic_load(&wal->next) || !place_find(wal, number, &at)) {
        return not_there(wal, number, err);
    }
    return sl_error_wrap(err, record_read(wal, number, &at, out, err), "write-ahead log");
}

// ---------------------------------------------------------------- forgetting

/// The oldest segment, when all its records are below `number`. The newest one stays: it says which
/// number comes next.
static bool oldest_goes(sli_wal *wal, int64_t number, sli_wal_part *out)
{
    sli_mutex_lock(wal->lock);
    const sli_wal_past *past = &wal->past;
    bool goes = past->n > 1 && past->parts[0].base + past->parts[0].n <= number;
    if (goes) {
        *out = past->parts[0];
    }
    sli_mutex_unlock(wal->lock);
    return goes;
}

static void oldest_take(sli_wal *wal)
{
    sli_mutex_lock(wal->lock);
    sli_wal_past *past = &wal->past;
    sl_free(past->parts[0].offsets);
    past->n--;
    memmove(past->parts, past->parts + 1, (size_t)past->n * sizeof *past->parts);
    sli_mutex_unlock(wal->lock);
}

void sli_wal_forget(sli_wal *wal, int64_t number)
{
    sli_ckpt *ckpt = wal->ckpt;
    sli_wal_part part;
    while (sli_ckpt_alive(ckpt, NULL) == SL_OK && oldest_goes(wal, number, &part)) {
        // Segments vanish oldest first, also when one can't be removed and in a power loss: what is
        // left has no holes.
        if (wal->removal_unsynced && sli_ckpt_sync_dir(ckpt, "wal", NULL) != SL_OK) {
            return;
        }
        sli_ckpt_path path;
        sli_ckpt_path_of(&path, ckpt->dir, "wal/%06" PRId64 "-%04" PRId64 "-%s.wal",
                         part.generation, part.part, wal->past.uid);
        if (!sli_ckpt_remove(ckpt, path.text)) {
            return; // the next call tries again
        }
        wal->removal_unsynced = true;
        oldest_take(wal);
    }
}
