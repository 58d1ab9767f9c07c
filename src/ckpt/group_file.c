/// group_file.c — deltas, outboxes and panes: one durable file each, written before SEALED names
/// it, and removed late.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

enum { TAIL_BYTES = 16 };

static const char *folder_of(sli_group_file kind)
{
    return kind == SLI_DELTA ? "delta" : kind == SLI_OUTBOX ? "outbox" : "pane";
}

// ---------------------------------------------------------------- writing

static sl_code content_write(sli_ckpt *ckpt, sli_file *file, const sli_head *head, sl_bytes content,
                             sl_error *err)
{
    sli_str bytes = SLI_STR_INIT, tail = SLI_STR_INIT;
    sli_hash128 hash = sli_hash128_chain(sli_head_put(&bytes, head), content.data, content.size);
    sli_put_u64(&tail, hash.low);
    sli_put_u64(&tail, hash.high);
    sl_code rc = sli_str_check(&bytes, "a group's file", err);
    if (rc == SL_OK) {
        rc = sli_str_check(&tail, "a group's file", err);
    }
    if (rc == SL_OK) {
        rc = sli_file_write(file, bytes.data, bytes.size, err);
    }
    if (rc == SL_OK && content.size > 0) {
        rc = sli_file_write(file, content.data, content.size, err);
    }
    if (rc == SL_OK) {
        rc = sli_file_write(file, tail.data, tail.size, err);
    }
    if (rc == SL_OK) {
        rc = sli_ckpt_sync_file(ckpt, file, err);
    }
    sli_str_reset(&bytes);
    sli_str_reset(&tail);
    return rc;
}

static sl_code put(sli_ckpt *ckpt, sli_group_file kind, int64_t group, int64_t generation,
                   sl_bytes content, const char *path, sl_error *err)
{
    sli_ckpt_path full;
    sli_file *file = NULL;
    sli_head head = {.magic = "SLUICEgf",
                     .kind = kind,
                     .generation = generation,
                     .number = group,
                     .base = (int64_t)content.size,
                     .owner = sli_owner_of(ckpt->job_id, "")};
    // Replacing serves an epoch that failed and runs again: until SEALED names the path it holds
    // nothing that counts.
    SL_TRY(sli_file_open(ckpt->env, sli_ckpt_path_of(&full, ckpt->dir, "%s", path), SLI_REPLACE,
                         &file, err));
    sl_code rc = content_write(ckpt, file, &head, content, err);
    sli_file_close(&file);
    if (rc == SL_OK && !sli_env_bug(ckpt->env, "no-dirsync-stage")) {
        rc = sli_ckpt_sync_dir(ckpt, folder_of(kind), err);
    }
    return rc;
}

sl_code sli_ckpt_put(sli_ckpt *ckpt, sli_group_file kind, int64_t group, const char *uid,
                     sl_bytes content, sl_arena *arena, const char **path, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    bool fits = kind == SLI_DELTA ? *uid == '\0' : sli_uid_is_good(uid);
    if (!fits || group <= 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "no file of group %" PRId64 " can be named after kind %d, uid \"%s\"",
                            group, (int)kind, uid);
    }
    int64_t generation = sli_env_bug(ckpt->env, "stage-without-generation") ? 0 : ckpt->generation;
    char *name = sl_arena_printf(arena, "%s/%06" PRId64 "-%09" PRId64 "%s%s", folder_of(kind),
                                 generation, group, kind == SLI_DELTA ? "" : "-", uid);
    if (name == NULL) {
        return sl_error_nomem(err, strlen(uid), "a path");
    }
    sl_code rc =
        sli_ckpt_verdict(ckpt, put(ckpt, kind, group, generation, content, name, err), err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "group %" PRId64, group);
    }
    *path = name;
    return SL_OK;
}

// ---------------------------------------------------------------- reading

/// Takes a path apart; false when it can't be one of ours.
static bool path_is_good(const char *path, sli_group_file *kind, int64_t *generation,
                         int64_t *group)
{
    const char *rest;
    for (*kind = SLI_DELTA; *kind <= SLI_PANES; (*kind)++) {
        size_t n = strlen(folder_of(*kind));
        if (strncmp(path, folder_of(*kind), n) == 0 && path[n] == '/' &&
            sli_name_is_group(path + n + 1, generation, group, &rest)) {
            return *kind == SLI_DELTA ? *rest == '\0' : *rest == '-' && sli_uid_is_good(rest + 1);
        }
    }
    return false;
}

static void buffer_release(void *ctx)
{
    sli_buffer_unref(ctx);
}

sl_code sli_group_content(const char *job_id, const char *full, const char *path, sli_buffer *file,
                          sli_buffer **out, sl_error *err)
{
    sl_bytes bytes = {sli_buffer_bytes(file), (size_t)sli_buffer_size(file)};
    sli_head head;
    sli_hash128 hash;
    sli_group_file kind;
    int64_t generation, group;
    SL_ASSERT(path_is_good(path, &kind, &generation, &group), "checked by the caller");
    SL_TRY(sli_head_get(bytes, full, "SLUICEgf", &head, &hash, err));
    if (head.kind != (uint32_t)kind || head.generation != generation || head.number != group ||
        head.owner != sli_owner_of(job_id, "")) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: the head at offset 0 is another file's", full);
    }
    if (head.base < 0 || bytes.size < SLI_HEAD_BYTES + TAIL_BYTES ||
        (uint64_t)head.base != bytes.size - SLI_HEAD_BYTES - TAIL_BYTES) {
        return sl_error_set(err, SL_E_CORRUPT,
                            "%s: cut at offset %zu, it had %" PRId64 " bytes of content", full,
                            bytes.size, head.base);
    }
    const char *content = sli_buffer_bytes(file) + SLI_HEAD_BYTES;
    sli_reader r = sli_reader_of((sl_bytes){content + head.base, TAIL_BYTES});
    sli_hash128 found = sli_hash128_chain(hash, content, (size_t)head.base);
    uint64_t low = sli_get_u64(&r), high = sli_get_u64(&r);
    if (found.low != low || found.high != high) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: offsets %d to %zu do not fit their hash", full,
                            SLI_HEAD_BYTES, bytes.size);
    }
    *out = sli_buffer_wrap(content, head.base, true, buffer_release, sli_buffer_ref(file));
    if (*out == NULL) {
        sli_buffer_unref(file);
        return sl_error_nomem(err, 64, full);
    }
    return SL_OK;
}

sl_code sli_group_path(const char *dir, const char *path, sli_ckpt_path *out, sl_error *err)
{
    sli_group_file kind;
    int64_t generation, group;
    if (!path_is_good(path, &kind, &generation, &group)) {
        return sl_error_set(err, SL_E_CORRUPT, "\"%s\" names no file of a group", path);
    }
    sli_ckpt_path_of(out, dir, "%s", path);
    return SL_OK;
}

sl_code sli_ckpt_get(sli_ckpt *ckpt, const char *path, sli_buffer **out, sl_error *err)
{
    sli_ckpt_path full;
    sli_buffer *file = NULL;
    sl_code rc = sli_group_path(ckpt->dir, path, &full, err);
    rc = rc == SL_OK ? sli_buffer_read(ckpt->env, full.text, &file, err) : rc;
    if (rc == SL_OK) {
        rc = sli_group_content(ckpt->job_id, full.text, path, file, out, err);
        sli_buffer_unref(file);
    }
    return rc == SL_OK ? SL_OK : sli_ckpt_verdict(ckpt, rc, err);
}

// ---------------------------------------------------------------- removing

void sli_ckpt_drop(sli_ckpt *ckpt, const char *path)
{
    sli_group_file kind;
    int64_t generation, group;
    sli_ckpt_path full;
    if (sli_ckpt_alive(ckpt, NULL) != SL_OK || !path_is_good(path, &kind, &generation, &group) ||
        (kind == SLI_DELTA && group > atomic_load(&ckpt->floor) &&
         group > atomic_load(&ckpt->free_to))) {
        return;
    }
    (void)sli_ckpt_clean(ckpt, sli_ckpt_path_of(&full, ckpt->dir, "%s", path),
                         false); // a dead process: the next one sweeps
}

/// Calls for each name in a folder; `goes` says which are removed.
typedef struct sweeping {
    sli_ckpt *ckpt;
    const char *folder;
    const char *const *named;
    int64_t up_to; ///< sli_deltas_remove
} sweeping;

static sl_code sweep_folder(sweeping *sweep,
                            bool (*goes)(const sweeping *sweep, const char *name, bool *tree),
                            sl_error *err)
{
    sli_ckpt *ckpt = sweep->ckpt;
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "names of old files");
    }
    sli_ckpt_path path;
    sli_names names;
    bool top = *sweep->folder == '\0';
    const char *dir = top ? ckpt->dir : sli_ckpt_path_of(&path, ckpt->dir, "%s", sweep->folder);
    sl_code rc = sli_names_list(ckpt->env, dir, arena, &names, err);
    for (int64_t i = 0; rc == SL_OK && i < names.n; i++) {
        bool tree = false;
        if (goes(sweep, names.names[i], &tree)) {
            sli_ckpt_path_of(&path, ckpt->dir, "%s%s%s", sweep->folder, top ? "" : "/",
                             names.names[i]);
            rc = sli_ckpt_clean(ckpt, path.text, tree);
            rc = rc == SL_OK ? rc : sl_error_set(err, rc, "removing %s", path.text);
        }
    }
    sl_arena_free(arena);
    return rc;
}

static bool delta_is_covered(const sweeping *sweep, const char *name, bool *tree)
{
    (void)tree;
    int64_t generation, group;
    const char *rest;
    return sli_name_is_group(name, &generation, &group, &rest) && *rest == '\0' &&
           group <= sweep->up_to;
}

sl_code sli_deltas_remove(sli_ckpt *ckpt, int64_t group)
{
    sweeping sweep = {.ckpt = ckpt, .folder = "delta", .up_to = group};
    return sweep_folder(&sweep, delta_is_covered, NULL);
}

static bool group_file_is_stale(const sweeping *sweep, const char *name, bool *tree)
{
    (void)tree;
    int64_t generation, group;
    const char *rest;
    if (!sli_name_is_group(name, &generation, &group, &rest) ||
        generation == sweep->ckpt->generation) {
        return false;
    }
    size_t size = strlen(sweep->folder);
    for (const char *const *path = sweep->named; path != NULL && *path != NULL; path++) {
        if (strncmp(*path, sweep->folder, size) == 0 && (*path)[size] == '/' &&
            strcmp(*path + size + 1, name) == 0) {
            return false;
        }
    }
    return generation < sweep->ckpt->generation;
}

sl_code sli_ckpt_sweep_panes(sli_ckpt *ckpt, const char *const *named, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    sweeping sweep = {.ckpt = ckpt, .folder = "pane", .named = named};
    sl_code rc = sweep_folder(&sweep, group_file_is_stale, err);
    return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "sweeping the checkpoint");
}

static bool snapshot_is_passing(const sweeping *sweep, const char *name, bool *tree)
{
    int64_t generation;
    *tree = true;
    return sli_name_is_passing(name, &generation) && generation < sweep->ckpt->generation;
}

static bool work_is_stale(const sweeping *sweep, const char *name, bool *tree)
{
    int64_t generation;
    *tree = true;
    return sli_name_is_generation(name, &generation) && generation < sweep->ckpt->generation;
}

/// Segments that nobody finished, or that this driver's BEGIN does not name.
static bool wal_is_stale(const sweeping *sweep, const char *name, bool *tree)
{
    (void)tree;
    const sli_ckpt *ckpt = sweep->ckpt;
    int64_t generation, part;
    sl_text uid;
    bool tmp;
    if (!sli_name_is_wal(name, &generation, &part, &uid, &tmp) || generation >= ckpt->generation) {
        return false;
    }
    for (int64_t i = 0; !tmp && i < ckpt->n_cuts; i++) {
        if (ckpt->cuts[i].generation == generation && sli_text_is(uid, ckpt->cuts[i].uid)) {
            return false;
        }
    }
    return true;
}

static bool manifest_is_stale(const sweeping *sweep, const char *name, bool *tree)
{
    (void)tree;
    int64_t generation;
    return sli_name_is_manifest_temp(name, &generation) && generation < sweep->ckpt->generation;
}

sl_code sli_ckpt_sweep(sli_ckpt *ckpt, const char *const *named, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    if (!ckpt->begun) {
        return sl_error_set(err, SL_E_STATE,
                            "the checkpoint's BEGIN comes before anything is removed");
    }
    static const struct {
        const char *folder;
        bool (*goes)(const sweeping *sweep, const char *name, bool *tree);
    } all[] = {{"delta", group_file_is_stale}, {"outbox", group_file_is_stale},
               {"snap", snapshot_is_passing},  {"wal", wal_is_stale},
               {"work", work_is_stale},        {"", manifest_is_stale}};
    sl_code rc = SL_OK;
    for (size_t i = 0; rc == SL_OK && i < sizeof all / sizeof *all; i++) {
        sweeping sweep = {.ckpt = ckpt, .folder = all[i].folder, .named = named};
        rc = sweep_folder(&sweep, all[i].goes, err);
    }
    return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "sweeping the checkpoint");
}
