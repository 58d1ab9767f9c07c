/// snapshot_adopt.c — files that somebody else has written become sections of a snapshot: moved,
/// not copied, and hashed only when the snapshot before did not have them.
#include "ckpt/ckpt_int.h"

typedef struct adoption {
    sli_snapshot *snapshot;
    const char *name; ///< of the directory of sections
    sl_arena *arena;  ///< for this call
    int64_t previous;
    sli_sections before;
    int64_t at; ///< in `before`: where the next file is likely to be, as both lists have one order
    int64_t bytes;
} adoption;

static const sli_section *section_before(adoption *a, const char *section)
{
    for (int64_t n = 0; n < a->before.n; n++) {
        int64_t i = (a->at + n) % a->before.n;
        if (sli_text_is(a->before.items[i].name, section)) {
            a->at = i + 1;
            return &a->before.items[i];
        }
    }
    return NULL;
}

/// The section of the previous snapshot that has this name, and is the same file: a hard link. A
/// name alone says nothing, since a store that began anew numbers its files anew.
static sl_code find_before(adoption *a, const char *section, const sli_stat *stat,
                           const sli_section **out, sl_error *err)
{
    *out = NULL;
    const sli_section *found = section_before(a, section);
    if (found == NULL) {
        return SL_OK;
    }
    sli_ckpt_path home;
    sli_stat then;
    const sli_ckpt *ckpt = a->snapshot->ckpt;
    const char *path =
        sl_arena_printf(a->arena, "%s/%09" PRId64 "/%s",
                        sli_snapshot_home(ckpt, a->previous, &home), a->previous, section);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(section), "a path");
    }
    sl_code rc = sli_env_stat(ckpt->env, path, &then, err);
    if (rc == SL_OK && then.identity == stat->identity && found->size == stat->size_bytes) {
        *out = found;
    }
    return rc == SL_E_NOT_FOUND ? SL_OK : rc; // removed meanwhile, by a newer driver
}

/// Makes a new file durable, whoever wrote it, and hashes it. (One that goes elsewhere is made
/// durable there.)
static sl_code take_new(adoption *a, const char *path, const char *section, sl_error *err)
{
    sli_ckpt *ckpt = a->snapshot->ckpt;
    sli_file *file = NULL;
    int64_t size = 0;
    char hash[33];
    SL_TRY(sli_file_open(ckpt->env, path, SLI_UPDATE, &file, err));
    sl_code rc = ckpt->place == NULL ? sli_ckpt_sync_file(ckpt, file, err) : SL_OK;
    if (rc == SL_OK) {
        rc = sli_file_hash(file, &size, hash, err);
    }
    sli_file_close(&file);
    a->bytes += size;
    return rc == SL_OK ? sli_snapshot_note(a->snapshot, section, size, hash, err) : rc;
}

static sl_code take_file(void *ctx, const char *name, sl_error *err)
{
    adoption *a = ctx;
    sli_snapshot *snapshot = a->snapshot;
    const char *slash, *section = sl_arena_printf(a->arena, "%s/%s", a->name, name);
    const char *path =
        section == NULL ? NULL : sl_arena_printf(a->arena, "%s/%s", snapshot->temp.text, section);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(name), "a section's name");
    }
    if (!sli_section_is_good(section, &slash)) {
        return sl_error_set(err, SL_E_INVALID, "\"%s\" can't be a section's name", section);
    }
    sli_stat stat = {0};
    const sli_section *before = NULL;
    SL_TRY(sli_env_stat(snapshot->ckpt->env, path, &stat, err));
    SL_TRY(find_before(a, section, &stat, &before, err));
    if (before == NULL) {
        return take_new(a, path, section, err);
    }
    char hash[33] = {0};
    memcpy(hash, before->hash.data, before->hash.size < 32 ? before->hash.size : 32);
    return sli_snapshot_note(snapshot, section, before->size, hash, err);
}

static sl_code adopt(adoption *a, const char *from, sl_error *err)
{
    sli_snapshot *snapshot = a->snapshot;
    sli_ckpt *ckpt = snapshot->ckpt;
    const char *dir = sl_arena_printf(snapshot->arena, "%s/%s", snapshot->temp.text, a->name);
    if (dir == NULL) {
        return sl_error_nomem(err, strlen(a->name), "a section's name");
    }
    if (a->previous > 0) {
        sli_ckpt_path home;
        sl_code rc =
            sli_sections_read(&a->before, ckpt->env, sli_snapshot_home(ckpt, a->previous, &home),
                              ckpt->job_id, a->previous, a->arena, err);
        if (rc == SL_E_CRASHED) {
            return rc;
        } // else its list can't be read: all files count as new
    }
    SL_TRY(sli_env_rename(ckpt->env, from, dir, false, err));
    SL_TRY(sli_snapshot_note_dir(snapshot, dir, err));
    return sli_env_list(ckpt->env, dir, take_file, a, err);
}

sl_code sli_snapshot_adopt(sli_snapshot *snapshot, const char *name, const char *from,
                           int64_t previous, int64_t *bytes, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(snapshot->ckpt, err));
    adoption a = {.snapshot = snapshot,
                  .name = name,
                  .arena = sl_arena_new(SLI_TAG_CKPT),
                  .previous = previous};
    sl_code rc =
        a.arena == NULL ? sl_error_nomem(err, 4096, "a snapshot's sections") : adopt(&a, from, err);
    sl_free(a.before.bytes);
    sl_arena_free(a.arena);
    *bytes = a.bytes;
    return sl_error_wrap(err, sli_ckpt_verdict(snapshot->ckpt, rc, err), "snapshot %" PRId64,
                         snapshot->group);
}
