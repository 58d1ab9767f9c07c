/// log.c — writing this generation's segment of the epoch log: BEGIN, frames, syncs, compaction.
#include "ckpt/ckpt_int.h"

#include <stdio.h>
#include <stdlib.h>

// ---------------------------------------------------------------- a segment's beginning

static sl_code check_room(const sli_str *image, sl_error *err)
{
    SL_TRY(sli_str_check(image, "a segment of the epoch log", err));
    if (image->size > SLI_LOG_MOST_BYTES) {
        return sl_error_set(err, SL_E_NO_SPACE,
                            "frames of the epoch log that are still needed have %zu bytes, over %d",
                            image->size, SLI_LOG_MOST_BYTES);
    }
    return SL_OK;
}

/// Head, BEGIN and carried frames as bytes; *last and *n tell what the chain goes on with.
static void image_put(const sli_ckpt *ckpt, int64_t part, const sli_str *body,
                      const sli_frame *const *carried, int64_t n, sli_str *out, sli_hash128 *last)
{
    sli_head head = {.magic = "SLUICElg",
                     .generation = ckpt->generation,
                     .number = part,
                     .owner = sli_owner_of(ckpt->job_id, "")};
    sli_raw_frame raw = {.kind = SLI_BEGIN,
                         .generation = (uint32_t)ckpt->generation,
                         .number = ckpt->generation,
                         .offset = SLI_HEAD_BYTES,
                         .previous = sli_head_put(out, &head),
                         .body = {body->data, body->size}};
    sli_frame_put(out, &raw);
    for (int64_t i = 0; i < n; i++) {
        raw = (sli_raw_frame){.kind = carried[i]->kind,
                              .generation = (uint32_t)carried[i]->generation,
                              .number = carried[i]->number,
                              .about = carried[i]->about,
                              .offset = (int64_t)out->size,
                              .previous = raw.hash,
                              .body = carried[i]->body};
        sli_frame_put(out, &raw);
    }
    *last = raw.hash;
}

/// Makes a segment and goes on writing there. `begin` lacks job id, graph and cuts.
static sl_code segment_start(sli_ckpt *ckpt, int64_t part, sli_begin begin,
                             const sli_frame *const *carried, sl_error *err)
{
    memcpy(begin.job_id, ckpt->job_id, 33);
    begin.graph_hash = ckpt->graph_hash;
    begin.cuts = ckpt->cuts;
    begin.n_cuts = ckpt->n_cuts;
    begin.floor = atomic_load(&ckpt->floor);
    begin.free_to = atomic_load(&ckpt->free_to);
    sli_str body = SLI_STR_INIT, image = SLI_STR_INIT;
    sli_begin_put(&body, &begin);
    sli_hash128 last = {0};
    sl_code rc = sli_str_check(&body, "BEGIN", err);
    if (rc == SL_OK) {
        image_put(ckpt, part, &body, carried, begin.carried, &image, &last);
        rc = check_room(&image, err);
    }
    char name[64];
    (void)snprintf(name, sizeof name, "%06" PRId64 "-%04" PRId64 ".log", ckpt->generation, part);
    sli_file *file = NULL;
    if (rc == SL_OK) {
        rc = sli_segment_create(ckpt, "log", name, (sl_bytes){image.data, image.size}, &file, err);
    }
    if (rc == SL_OK) {
        sli_file_close(&ckpt->file);
        ckpt->file = file;
        ckpt->part = part;
        ckpt->end = ckpt->durable = ckpt->prewritten = (int64_t)image.size;
        ckpt->n_frames = 1 + begin.carried;
        ckpt->last = last;
        ckpt->whole = begin.whole;
        ckpt->n_older = begin.whole ? 0 : ckpt->chain.n_frames - begin.carried;
        ckpt->dirty = false;
    }
    sli_str_reset(&body);
    sli_str_reset(&image);
    return rc;
}

// ---------------------------------------------------------------- BEGIN of a generation

static sl_code frame_list(const sli_frame *frames, int64_t n, const sli_frame ***out, sl_error *err)
{
    const sli_frame **list = sl_alloc_array(SLI_TAG_CKPT, (size_t)n + 1, sizeof *list);
    if (list == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *list, "frames to carry");
    }
    for (int64_t i = 0; i < n; i++) {
        list[i] = &frames[i];
    }
    *out = list;
    return SL_OK;
}

/// How many of the parent's frames count where they are. The rest is carried: it can be read, but a
/// failed sync may have lost it, and then a power loss would take it from under this life's feet.
static int64_t counted(const sli_ckpt *ckpt, const sli_link *parent)
{
    bool believes = sli_env_bug(ckpt->env, "recovery-believes-unsynced") ||
                    sli_env_bug(ckpt->env, "failed-sync-believed");
    return believes ? parent->scan.n : parent->sure;
}

static sl_code begin_segment(sli_ckpt *ckpt, sl_error *err)
{
    const sli_chain *chain = &ckpt->chain;
    sli_begin begin = {0};
    const sli_frame **carried = NULL;
    if (chain->n_links > 0) {
        const sli_link *parent = &chain->links[0];
        begin.parent_generation = parent->generation;
        begin.parent_part = parent->part;
        begin.cut = counted(ckpt, parent);
        begin.parent_hash = parent->scan.frames[begin.cut - 1].hash;
        begin.whole = chain->n_links >= SLI_LOG_CHAIN; // many short lives without a snapshot
        begin.carried = begin.whole ? chain->n_frames : parent->scan.n - begin.cut;
    }
    SL_TRY(
        frame_list(chain->frames + chain->n_frames - begin.carried, begin.carried, &carried, err));
    sl_code rc = segment_start(ckpt, 1, begin, carried, err);
    sl_free(carried);
    return rc;
}

sl_code sli_ckpt_begin(sli_ckpt *ckpt, sl_error *err)
{
    if (ckpt->begun) {
        return sl_error_set(err, SL_E_STATE, "the checkpoint's BEGIN is written already");
    }
    SL_TRY(sli_ckpt_alive(ckpt, err));
    sl_code rc = sli_wals_carry(ckpt, err);
    if (rc == SL_OK && ckpt->place != NULL) {
        rc = sli_place_begin(ckpt, err);
    }
    if (rc == SL_OK) {
        rc = begin_segment(ckpt, err);
    }
    if (rc == SL_OK) {
        ckpt->begun = true;
        rc = sli_ckpt_check_generation(ckpt, err);
    }
    if (rc == SL_OK) {
        rc = sli_manifest_refresh(ckpt, err);
    }
    if (rc == SL_OK) {
        rc = sli_log_prune(ckpt, err);
    }
    return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "checkpoint %s: BEGIN", ckpt->dir);
}

// ---------------------------------------------------------------- frames

sl_code sli_ckpt_append(sli_ckpt *ckpt, sli_frame_kind kind, int64_t number, sl_bytes body,
                        sl_error *err)
{
    return sli_ckpt_append_about(ckpt, kind, number, 0, body, err);
}

static sl_code append_check(sli_ckpt *ckpt, sli_frame_kind kind, sl_bytes body, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    if (!ckpt->begun) {
        return sl_error_set(err, SL_E_STATE, "the checkpoint's BEGIN comes before other frames");
    }
    if (kind != SLI_PLAN && kind != SLI_SEALED && kind != SLI_COMMITTED) {
        return sl_error_set(err, SL_E_INVALID, "no frame of the epoch log has kind %d", (int)kind);
    }
    if (body.size > SLI_FRAME_MOST_BYTES) {
        return sl_error_set(err, SL_E_INVALID, "a frame of %zu bytes is over the limit of %d",
                            body.size, SLI_FRAME_MOST_BYTES);
    }
    if (ckpt->end + sli_frame_bytes(body.size) > SLI_LOG_MOST_BYTES) {
        const char *place = sli_ckpt_snapshots(ckpt);
        return sl_error_set(
            err, SL_E_NO_SPACE, "the epoch log holds %" PRId64 " bytes that no snapshot covers%s%s",
            ckpt->end, place == NULL ? "" : "; snapshots go to ", place == NULL ? "" : place);
    }
    return SL_OK;
}

sl_code sli_ckpt_append_about(sli_ckpt *ckpt, sli_frame_kind kind, int64_t number, int64_t about,
                              sl_bytes body, sl_error *err)
{
    SL_TRY(append_check(ckpt, kind, body, err));
    sli_raw_frame raw = {.kind = kind,
                         .generation = (uint32_t)ckpt->generation,
                         .number = number,
                         .about = about,
                         .offset = ckpt->end,
                         .durable = ckpt->durable,
                         .previous = ckpt->last,
                         .body = body};
    sli_str *bytes = &ckpt->scratch;
    sli_str_clear(bytes);
    sli_frame_put(bytes, &raw);
    sl_code rc = sli_str_check(bytes, "a frame of the epoch log", err);
    if (rc == SL_OK) {
        rc = sli_segment_write(ckpt, ckpt->file, ckpt->end, bytes, &ckpt->prewritten, err);
    }
    if (rc != SL_OK) {
        return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "epoch log");
    }
    ckpt->end += (int64_t)bytes->size;
    ckpt->last = raw.hash;
    ckpt->n_frames++;
    ckpt->dirty = true;
    if (bytes->size > 1 << 20) {
        sli_str_reset(bytes);
    }
    return SL_OK;
}

// ---------------------------------------------------------------- compaction
//
// When the segment is large and a snapshot has come since, a new part begins that carries every
// frame still needed; then the older segments go. So the log's size is bounded by what lies between
// three snapshots, not by the job's age.

void sli_ckpt_forget(sli_ckpt *ckpt, int64_t group)
{
    int64_t now = atomic_load(&ckpt->free_to);
    while (group > now && !atomic_compare_exchange_weak(&ckpt->free_to, &now, group)) {
    }
}

typedef struct needs {
    int64_t covered;   ///< SEALED up to here is needed by nobody, once committed
    int64_t committed; ///< every group up to here that is in the log is committed
    int64_t last_plan, last_sealed, sealed_epoch;
} needs;

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/// The group before the first SEALED that has no COMMITTED; INT64_MAX when all have one. `numbers`
/// has room for n.
static int64_t committed_to(const sli_frame *frames, int64_t n, int64_t *numbers)
{
    size_t n_done = 0;
    for (int64_t i = 0; i < n; i++) {
        if (frames[i].kind == SLI_COMMITTED) {
            numbers[n_done++] = frames[i].number;
        }
    }
    qsort(numbers, n_done, sizeof *numbers, by_number);
    int64_t first = INT64_MAX;
    for (int64_t i = 0; i < n; i++) {
        int64_t group = frames[i].number;
        if (frames[i].kind == SLI_SEALED && group < first &&
            bsearch(&group, numbers, n_done, sizeof *numbers, by_number) == NULL) {
            first = group;
        }
    }
    return first == INT64_MAX ? first : first - 1;
}

static sl_code needs_find(const sli_ckpt *ckpt, const sli_frame *frames, int64_t n, needs *out,
                          sl_error *err)
{
    int64_t *numbers = sl_alloc_array(SLI_TAG_CKPT, (size_t)n + 1, sizeof *numbers);
    if (numbers == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *numbers, "numbers of committed groups");
    }
    int64_t floor = atomic_load(&ckpt->floor), free_to = atomic_load(&ckpt->free_to);
    *out = (needs){.covered = floor > free_to ? floor : free_to,
                   .committed = committed_to(frames, n, numbers)};
    sl_free(numbers);
    for (int64_t i = 0; i < n; i++) {
        const sli_frame *f = &frames[i];
        if (f->kind == SLI_PLAN && f->number > out->last_plan) {
            out->last_plan = f->number;
        } else if (f->kind == SLI_SEALED) {
            out->last_sealed = f->number > out->last_sealed ? f->number : out->last_sealed;
            bool goes = f->number <= out->committed && f->number <= out->covered;
            out->sealed_epoch = goes && f->about > out->sealed_epoch ? f->about : out->sealed_epoch;
        }
    }
    return SL_OK;
}

/// A SEALED that goes takes its COMMITTED along.
static bool is_needed(const needs *need, const sli_frame *f)
{
    if (f->kind == SLI_PLAN) {
        return f->number > need->sealed_epoch || f->number == need->last_plan;
    }
    return f->number > need->covered || f->number > need->committed ||
           f->number == need->last_sealed;
}

/// Frames of the segment that is being written, as they are on disk.
static sl_code own_frames(sli_ckpt *ckpt, sli_link *own, sl_arena *arena, sl_error *err)
{
    sli_ckpt_path path;
    sli_ckpt_path_of(&path, ckpt->dir, "log/%06" PRId64 "-%04" PRId64 ".log", ckpt->generation,
                     ckpt->part);
    SL_TRY(
        sli_env_read_file(ckpt->env, path.text, SLI_FILE_MOST_BYTES, &own->bytes, &own->size, err));
    sl_bytes file = {own->bytes, own->size};
    sli_head head;
    sli_hash128 hash;
    SL_TRY(sli_head_get(file, path.text, "SLUICElg", &head, &hash, err));
    SL_TRY(sli_scan_frames(file, hash, arena, &own->scan, err));
    if (own->scan.n != ckpt->n_frames) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: damaged at offset %" PRId64, path.text,
                            own->scan.end);
    }
    return SL_OK;
}

/// All frames that count now: the chain's that this segment does not carry, and its own.
static sl_code all_frames(const sli_ckpt *ckpt, const sli_link *own, sl_arena *arena,
                          sli_frame **out, int64_t *n, sl_error *err)
{
    int64_t older = ckpt->n_older;
    sli_frame *frames = sl_arena_alloc(arena, (size_t)(older + own->scan.n + 1) * sizeof *frames);
    if (frames == NULL) {
        return sl_error_nomem(err, (size_t)(older + own->scan.n) * sizeof *frames,
                              "frames of the epoch log");
    }
    for (int64_t i = 0; i < older; i++) {
        frames[i] = ckpt->chain.frames[i];
    }
    *n = older;
    for (int64_t i = 1; i < own->scan.n; i++) {
        const sli_raw_frame *raw = &own->scan.frames[i];
        frames[(*n)++] = (sli_frame){.kind = (sli_frame_kind)raw->kind,
                                     .generation = raw->generation,
                                     .number = raw->number,
                                     .about = raw->about,
                                     .body = raw->body};
    }
    *out = frames;
    return SL_OK;
}

static sl_code roll_with(sli_ckpt *ckpt, sli_link *own, sl_arena *arena, sl_error *err)
{
    SL_TRY(own_frames(ckpt, own, arena, err));
    sli_frame *frames = NULL;
    int64_t n = 0;
    SL_TRY(all_frames(ckpt, own, arena, &frames, &n, err));
    needs need = {0};
    SL_TRY(needs_find(ckpt, frames, n, &need, err));
    sli_begin begin = {.parent_generation = ckpt->generation,
                       .parent_part = ckpt->part,
                       .cut = own->scan.n,
                       .parent_hash = own->scan.last,
                       .whole = true};
    const sli_frame **carried = sl_alloc_array(SLI_TAG_CKPT, (size_t)n + 1, sizeof *carried);
    if (carried == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *carried, "frames to carry");
    }
    for (int64_t i = 0; i < n; i++) {
        if (is_needed(&need, &frames[i])) {
            carried[begin.carried++] = &frames[i];
        }
    }
    sl_code rc = segment_start(ckpt, ckpt->part + 1, begin, carried, err);
    sl_free(carried);
    return rc;
}

static sl_code roll(sli_ckpt *ckpt, sl_error *err)
{
    sli_link own = {0};
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, sizeof own, "compacting the epoch log");
    }
    int64_t before = ckpt->end;
    sl_code rc = roll_with(ckpt, &own, arena, err);
    sl_free(own.bytes);
    sl_arena_free(arena);
    if (rc == SL_E_NO_SPACE) { // the segment that is there goes on; the next snapshot tries again
        SLI_LOG(ckpt->log, SLI_WARN, "ckpt",
                "no room to compact the epoch log of %" PRId64 " bytes", before);
        return SL_OK;
    }
    if (rc == SL_OK) {
        rc = sli_ckpt_check_generation(ckpt, err);
    }
    if (rc == SL_OK) {
        rc = sli_log_prune(ckpt, err);
    }
    if (rc == SL_OK) {
        SLI_LOG(ckpt->log, SLI_INFO, "ckpt",
                "compacted the epoch log from %" PRId64 " to %" PRId64 " bytes", before, ckpt->end);
    }
    return sl_error_wrap(err, rc, "compacting the epoch log");
}

static bool roll_is_due(sli_ckpt *ckpt)
{
    int64_t floor = atomic_load(&ckpt->floor), free_to = atomic_load(&ckpt->free_to);
    int64_t covered = floor > free_to ? floor : free_to;
    if (covered <= ckpt->rolled_at || ckpt->end < ckpt->roll_at) {
        return false;
    }
    ckpt->rolled_at = covered;
    return true;
}

sl_code sli_ckpt_sync(sli_ckpt *ckpt, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    if (!ckpt->begun) {
        return sl_error_set(err, SL_E_STATE, "the checkpoint's BEGIN comes before a sync");
    }
    sl_code rc = SL_OK;
    if (ckpt->dirty) {
        rc = sli_ckpt_sync_file(ckpt, ckpt->file, err);
        ckpt->dirty = rc != SL_OK;
    }
    if (rc == SL_OK) {
        ckpt->durable = ckpt->end;
        rc = sli_ckpt_check_generation(ckpt, err);
    }
    if (rc == SL_OK && roll_is_due(ckpt)) {
        rc = roll(ckpt, err);
        ckpt->roll_at = ckpt->end * 2 > ckpt->roll_bytes ? ckpt->end * 2 : ckpt->roll_bytes;
    }
    if (rc == SL_OK && ckpt->log_bytes != NULL) {
        sli_metric_set(ckpt->log_bytes, ckpt->end);
    }
    return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "epoch log");
}

// ---------------------------------------------------------------- old segments

static bool in_chain(const sli_ckpt *ckpt, int64_t generation, int64_t part)
{
    for (int64_t i = 0; !ckpt->whole && i < ckpt->chain.n_links; i++) {
        const sli_link *link = &ckpt->chain.links[i];
        if (link->generation == generation && link->part == part) {
            return true;
        }
    }
    return false;
}

sl_code sli_log_prune(sli_ckpt *ckpt, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "names in log/");
    }
    sli_ckpt_path path;
    sli_names names;
    sl_code rc =
        sli_names_list(ckpt->env, sli_ckpt_path_of(&path, ckpt->dir, "log"), arena, &names, err);
    for (int64_t i = 0; rc == SL_OK && i < names.n; i++) {
        int64_t generation, part;
        bool tmp;
        if (!sli_name_is_log(names.names[i], &generation, &part, &tmp) ||
            generation > ckpt->generation ||
            (generation == ckpt->generation && part >= ckpt->part) ||
            (!tmp && in_chain(ckpt, generation, part))) {
            continue;
        }
        rc = sli_ckpt_clean(ckpt, sli_ckpt_path_of(&path, ckpt->dir, "log/%s", names.names[i]),
                            false);
    }
    sl_arena_free(arena);
    return rc == SL_E_CRASHED ? sl_error_set(err, rc, "the process is dead") : rc;
}
