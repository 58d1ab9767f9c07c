/// wal_past.c — write-ahead segments of older generations: which count, and where their records
/// are.
///
/// The newest BEGIN names the end of every older generation's records; one it does not name counts
/// as empty, since only a superseded driver can have made it. The newest generation's own segments
/// count as far as they are whole. What a newer one left, which never began, are copies of these.
#include "ckpt/ckpt_int.h"

#include <stdlib.h>

sl_code sli_wal_part_note(sli_wal_part *part, int64_t offset, sl_error *err)
{
    if (part->n == part->capacity) {
        int64_t capacity = part->capacity == 0 ? 64 : part->capacity * 2;
        int64_t *offsets =
            sl_realloc(SLI_TAG_CKPT, part->offsets, (size_t)capacity * sizeof *offsets);
        if (offsets == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *offsets,
                                  "places of write-ahead records");
        }
        part->offsets = offsets;
        part->capacity = capacity;
    }
    part->offsets[part->n++] = offset;
    return SL_OK;
}

sl_code sli_wal_part_add(sli_wal_past *past, int64_t generation, int64_t part, int64_t base,
                         sl_error *err)
{
    if (past->n == past->capacity) {
        int64_t capacity = past->capacity == 0 ? 8 : past->capacity * 2;
        sli_wal_part *parts =
            sl_realloc(SLI_TAG_CKPT, past->parts, (size_t)capacity * sizeof *parts);
        if (parts == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *parts, "write-ahead segments");
        }
        past->parts = parts;
        past->capacity = capacity;
    }
    past->parts[past->n++] = (sli_wal_part){.generation = generation, .part = part, .base = base};
    return SL_OK;
}

void sli_wal_past_reset(sli_wal_past *past)
{
    for (int64_t i = 0; i < past->n; i++) {
        sl_free(past->parts[i].offsets);
    }
    sl_free(past->parts);
    sl_free(past->uid);
    sl_free(past->tail);
    *past = (sli_wal_past){0};
}

void sli_wal_pasts_reset(sli_wal_pasts *pasts)
{
    for (int64_t i = 0; i < pasts->n; i++) {
        sli_wal_past_reset(&pasts->items[i]);
    }
    sl_free(pasts->items);
    *pasts = (sli_wal_pasts){0};
}

// ---------------------------------------------------------------- one segment

typedef struct reading {
    sl_env *env;
    sli_log *log;
    const char *dir, *job_id;
    const sli_chain *chain;
    int64_t parent; ///< the newest generation that began; its own segments are not named anywhere
    bool forgets_cuts;
    sl_arena *arena;
} reading;

/// A segment's name, taken apart.
typedef struct entry {
    const char *uid;
    int64_t generation, part;
} entry;

/// Where this generation's records end; -1: they count as far as they are whole; 0 for one that
/// does not count.
static int64_t end_of(const reading *r, const entry *e)
{
    if (e->generation >= r->parent) {
        return e->generation == r->parent ? -1 : 0;
    }
    const sli_begin *begin = &r->chain->links[0].begin;
    for (int64_t i = 0; i < begin->n_cuts; i++) {
        if (begin->cuts[i].generation == e->generation && strcmp(begin->cuts[i].uid, e->uid) == 0) {
            return begin->cuts[i].end;
        }
    }
    return r->forgets_cuts ? -1 : 0;
}

static sl_code note_records(const sli_scan *scan, int64_t end, sli_wal_part *part, const char *path,
                            sl_error *err)
{
    for (int64_t i = 0; i < scan->n && (end < 0 || part->base + i < end); i++) {
        const sli_raw_frame *frame = &scan->frames[i];
        if (frame->kind != SLI_RECORD || frame->number != part->base + i) {
            return sl_error_set(err, SL_E_CORRUPT,
                                "%s: offset %" PRId64 " holds record %" PRId64
                                " in place of %" PRId64,
                                path, frame->offset, frame->number, part->base + i);
        }
        SL_TRY(sli_wal_part_note(part, frame->offset, err));
    }
    return SL_OK;
}

/// Keeps the frames that may not be durable, as they were read: read again, they might be gone. A
/// segment is whole and durable before the next one is made, so only the last one has such frames.
static sl_code keep_tail(const sli_scan *scan, sl_bytes file, int64_t end, sli_wal_past *past,
                         sl_error *err)
{
    const sli_wal_part *part = &past->parts[past->n - 1];
    int64_t sure = end >= 0 || scan->sure > part->n ? part->n : scan->sure;
    sl_free(past->tail);
    past->tail = NULL;
    past->tail_size = 0;
    past->sure = part->base + sure;
    if (sure == part->n) {
        return SL_OK;
    }
    past->tail_size = (size_t)(part->bytes - part->offsets[sure]);
    past->tail = sl_alloc(SLI_TAG_CKPT, past->tail_size);
    if (past->tail == NULL) {
        return sl_error_nomem(err, past->tail_size, "write-ahead records");
    }
    memcpy(past->tail, (const char *)file.data + part->offsets[sure], past->tail_size);
    return SL_OK;
}

/// A last segment without records tells only which number comes next. When another one follows it
/// is of no use; a superseded driver may have made it, and then it does not fit either.
static void drop_empty(sli_wal_past *past)
{
    if (past->n > 0 && past->parts[past->n - 1].n == 0) {
        past->n--;
        sl_free(past->parts[past->n].offsets);
        past->next = past->n == 0 ? 0 : past->parts[past->n - 1].base + past->parts[past->n - 1].n;
    }
}

static sl_code segment_parse(const reading *r, const entry *e, sl_bytes file, const char *path,
                             int64_t end, sli_wal_past *past, sl_error *err)
{
    sli_head head;
    sli_hash128 hash;
    sli_scan scan;
    SL_TRY(sli_head_get(file, path, "SLUICEwa", &head, &hash, err));
    if (head.generation != e->generation || head.number != e->part ||
        head.owner != sli_owner_of(r->job_id, e->uid)) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: the head at offset 0 is another segment's",
                            path);
    }
    if (end >= 0 && head.base > end) {
        return SL_OK; // a part that a superseded driver began
    }
    SL_TRY(sli_scan_frames(file, hash, r->arena, &scan, err));
    if (scan.damaged && (end < 0 || head.base + scan.n < end)) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: damaged at offset %" PRId64
                            ", before records that are whole: no crash leaves that",
                            path, scan.end);
    }
    drop_empty(past);
    bool follows = past->n == 0 || past->next == head.base || r->forgets_cuts;
    if (!follows) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "hole in the write-ahead log of %s: records %" PRId64 " to %" PRId64
                            " are missing before %s (offset 0)",
                            e->uid, past->next, head.base - 1, path);
    }
    if (scan.torn && end < 0) {
        SLI_LOG(r->log, SLI_WARN, "ckpt", "%s ends in a torn record at offset %" PRId64, path,
                scan.end);
    }
    SL_TRY(sli_wal_part_add(past, e->generation, e->part, head.base, err));
    sli_wal_part *part = &past->parts[past->n - 1];
    part->bytes = scan.end;
    SL_TRY(note_records(&scan, end, part, path, err));
    past->next = part->base + part->n;
    return keep_tail(&scan, file, end, past, err);
}

static sl_code segment_read(const reading *r, const entry *e, sli_wal_past *past, sl_error *err)
{
    int64_t end = end_of(r, e);
    if (end == 0) {
        return SL_OK;
    }
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, r->dir, "wal/%06" PRId64 "-%04" PRId64 "-%s.wal", e->generation,
                     e->part, e->uid);
    char *bytes = NULL;
    size_t size = 0;
    SL_TRY(sli_env_read_file(r->env, path.text, SLI_FILE_MOST_BYTES, &bytes, &size, err));
    sl_code rc = segment_parse(r, e, (sl_bytes){bytes, size}, path.text, end, past, err);
    sl_free(bytes);
    return rc;
}

// ---------------------------------------------------------------- all of them

static int by_uid_and_age(const void *a, const void *b)
{
    const entry *x = a, *y = b;
    int by_uid = strcmp(x->uid, y->uid);
    if (by_uid != 0) {
        return by_uid;
    }
    if (x->generation != y->generation) {
        return x->generation < y->generation ? -1 : 1;
    }
    return (x->part > y->part) - (x->part < y->part);
}

static sl_code entries_find(const reading *r, int64_t below, entry **out, int64_t *n, sl_error *err)
{
    sli_ckpt_path path;
    sli_names names;
    SL_TRY(sli_names_list(r->env, sli_ckpt_path_of(&path, r->dir, "wal"), r->arena, &names, err));
    entry *entries = sl_arena_alloc(r->arena, (size_t)(names.n + 1) * sizeof *entries);
    if (entries == NULL) {
        return sl_error_nomem(err, (size_t)names.n * sizeof *entries, "write-ahead segments");
    }
    *n = 0;
    for (int64_t i = 0; i < names.n; i++) {
        entry e;
        sl_text uid;
        bool tmp;
        if (!sli_name_is_wal(names.names[i], &e.generation, &e.part, &uid, &tmp) || tmp ||
            e.generation >= below) {
            continue;
        }
        e.uid = sl_arena_printf(r->arena, "%.*s", (int)uid.size, uid.data);
        if (e.uid == NULL) {
            return sl_error_nomem(err, uid.size, "a receiver's uid");
        }
        if (sli_uid_is_good(e.uid)) {
            entries[(*n)++] = e;
        }
    }
    qsort(entries, (size_t)*n, sizeof *entries, by_uid_and_age);
    *out = entries;
    return SL_OK;
}

/// BEGIN named records that are nowhere: the newest segment of a receiver is never removed, so it
/// is lost.
static sl_code check_ends(const reading *r, const sli_wal_pasts *pasts, sl_error *err)
{
    const sli_begin *begin = r->chain->n_links == 0 ? NULL : &r->chain->links[0].begin;
    for (int64_t i = 0; begin != NULL && i < begin->n_cuts; i++) {
        const sli_wal_cut *cut = &begin->cuts[i];
        int64_t next = 0;
        for (int64_t k = 0; k < pasts->n; k++) {
            next = strcmp(pasts->items[k].uid, cut->uid) == 0 ? pasts->items[k].next : next;
        }
        if (next < cut->end) {
            return sl_error_set(
                err, SL_E_CORRUPT,
                "%s/wal/%06" PRId64 "-*-%s.wal: the write-ahead log of %s ends at record %" PRId64
                ", generation %" PRId64 " counted %" PRId64
                " records (damaged there, or a file is missing)",
                r->dir, cut->generation, cut->uid, cut->uid, next, r->parent, cut->end);
        }
    }
    return SL_OK;
}

static sl_code read_all(const reading *r, int64_t below, sli_wal_pasts *out, sl_error *err)
{
    entry *entries;
    int64_t n;
    SL_TRY(entries_find(r, below, &entries, &n, err));
    if (n > 0 && r->job_id == NULL) {
        return sl_error_set(
            err, SL_E_CORRUPT,
            "%s/MANIFEST.json is missing, and there is a write-ahead log: bring it back", r->dir);
    }
    if (n > 0 && r->parent == 0) { // a receiver's log is opened after BEGIN
        return sl_error_set(
            err, SL_E_CORRUPT,
            "%s/log has no epoch log, and there is a write-ahead log: bring it back", r->dir);
    }
    out->items = sl_alloc_array(SLI_TAG_CKPT, (size_t)n + 1, sizeof *out->items);
    if (out->items == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *out->items, "write-ahead segments");
    }
    for (int64_t i = 0; i < n; i++) {
        if (out->n == 0 || strcmp(out->items[out->n - 1].uid, entries[i].uid) != 0) {
            char *uid = sl_strdup(SLI_TAG_CKPT, entries[i].uid);
            if (uid == NULL) {
                return sl_error_nomem(err, strlen(entries[i].uid), "a receiver's uid");
            }
            out->items[out->n++] = (sli_wal_past){.uid = uid};
        }
        SL_TRY(segment_read(r, &entries[i], &out->items[out->n - 1], err));
    }
    return check_ends(r, out, err);
}

sl_code sli_wal_pasts_read(sli_wal_pasts *out, sl_env *env, sli_log *log, const char *dir,
                           const char *job_id, const sli_chain *chain, int64_t below,
                           bool forgets_cuts, sl_error *err)
{
    reading r = {.env = env,
                 .log = log,
                 .dir = dir,
                 .job_id = job_id,
                 .chain = chain,
                 .forgets_cuts = forgets_cuts};
    r.parent = chain->n_links == 0 ? 0 : chain->links[0].generation;
    r.arena = sl_arena_new(SLI_TAG_CKPT);
    if (r.arena == NULL) {
        return sl_error_nomem(err, sizeof r, "write-ahead segments");
    }
    *out = (sli_wal_pasts){0};
    sl_code rc = read_all(&r, below, out, err);
    sl_arena_free(r.arena);
    if (rc != SL_OK) {
        sli_wal_pasts_reset(out);
    }
    return rc;
}
