/// place_begin.c — beginning where snapshots lie elsewhere: whose directory it is, and the fence
/// that keeps older drivers from publishing.
#include "ckpt/place_int.h"

#include <errno.h>

// ---------------------------------------------------------------- one job of a name

sl_code sli_place_is_known(const sli_place *place, bool *out, sl_error *err)
{
    sli_ckpt_path path;
    sli_fs_entry entry;
    sl_error why = SL_ERROR_INIT;
    sl_code rc = place->fs->ops->stat(
        place->fs, sli_ckpt_path_of(&path, place->dir, "MANIFEST.json"), &entry, &why);
    *out = rc == SL_OK;
    if (rc == SL_OK || rc == SL_E_NOT_FOUND) {
        return SL_OK;
    }
    if (err != NULL) {
        *err = why;
    }
    return rc;
}

/// A directory of a job with the same name that has snapshots: theirs is the state that a start
/// with an empty checkpoint would leave behind in silence.
static sl_code check_other(const sli_place *place, const char *id, const char *name,
                           sl_arena *arena, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_CKPT};
    sli_manifest manifest;
    sli_place_names names;
    const char *dir = sl_arena_printf(arena, "%s/%s", place->base, id);
    const char *path = dir == NULL ? NULL : sl_arena_printf(arena, "%s/MANIFEST.json", dir);
    sl_error why = SL_ERROR_INIT;
    sl_code rc = path == NULL ? sl_error_nomem(&why, strlen(id), "a path")
                              : sli_place_read(place, path, &text, &why);
    if (rc == SL_OK) {
        rc = sli_manifest_parse((sl_bytes){text.data, text.size}, path, arena, &manifest, &why);
    }
    sli_str_reset(&text);
    if (rc == SL_E_NOT_FOUND || (rc == SL_OK && strcmp(manifest.name, name) != 0)) {
        return SL_OK; // one that died before it had snapshots; another job's
    }
    if (rc != SL_OK) {
        if (err != NULL) {
            *err = why;
        }
        return rc;
    }
    int64_t group = 0, newest = 0;
    SL_TRY(sli_place_list(place, dir, arena, &names, err));
    for (int64_t i = 0; i < names.n; i++) {
        newest = sli_name_is_snapshot(names.items[i].name, &group) ? group : newest;
    }
    return newest == 0
               ? SL_OK
               : sl_error_set(
                     err, SL_E_INCOMPATIBLE,
                     "this checkpoint is empty, and %s/%s has snapshots of the job \"%s\" up to "
                     "group %" PRId64 ": bring its checkpoint directory back, since log and "
                     "write-ahead log lie only there; or begin anew, with another place for "
                     "snapshots or after removing %s/%s",
                     place->shown, id, name, newest, place->shown, id);
}

sl_code sli_place_check_new(const sli_place *place, const char *name, sl_error *err)
{
    sli_place_names names;
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "names of jobs");
    }
    sl_code rc = sli_place_list(place, place->base, arena, &names, err);
    for (int64_t i = 0; rc == SL_OK && i < names.n; i++) {
        const char *id = names.items[i].name;
        if (strlen(id) == 32 && strspn(id, "0123456789abcdef") == 32) {
            rc = check_other(place, id, name, arena, err);
        }
    }
    sl_arena_free(arena);
    return rc;
}

// ---------------------------------------------------------------- the fence

/// "stage-000007"
static bool is_stage(const char *name, int64_t *generation)
{
    static const char prefix[] = "stage-";
    return strncmp(name, prefix, sizeof prefix - 1) == 0 &&
           sli_name_is_generation(name + sizeof prefix - 1, generation);
}

sl_code sli_place_fence(const sli_place *place, int64_t generation, sl_error *err)
{
    sli_place_names names;
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "names of snapshots");
    }
    sl_code rc = sli_place_list(place, place->dir, arena, &names, err);
    for (int64_t i = 0; rc == SL_OK && i < names.n; i++) {
        int64_t of;
        const char *name = names.items[i].name;
        if ((is_stage(name, &of) || sli_name_is_passing(name, &of)) && of < generation) {
            const char *path = sl_arena_printf(arena, "%s/%s", place->dir, name);
            rc = path == NULL ? sl_error_nomem(err, strlen(name), "a path")
                              : place->fs->ops->remove(place->fs, path, err);
        }
    }
    sl_arena_free(arena);
    return rc;
}

/// The names of a directory and of all above it; those that we may not open we did not make.
static sl_code sync_up(const sli_place *place, sl_arena *arena, const char *dir, sl_error *err)
{
    const sli_fs_ops *ops = place->fs->ops;
    for (bool more = (ops->abilities & SLI_FS_SYNC) != 0; more;) {
        sl_error why = SL_ERROR_INIT;
        sl_code rc = ops->sync_dir(place->fs, dir, &why);
        if (rc != SL_OK) {
            bool is_theirs =
                why.sys_errno == EACCES || why.sys_errno == EPERM || why.sys_errno == EROFS;
            if (!is_theirs && err != NULL) {
                *err = why;
            }
            return is_theirs ? SL_OK : rc;
        }
        more = strcmp(dir, ".") != 0 && strcmp(dir, "/") != 0;
        dir = sli_path_dir(arena, dir);
        if (dir == NULL) {
            return sl_error_nomem(err, 64, "a path");
        }
    }
    return SL_OK;
}

/// Who the directory belongs to, for whoever starts with an empty checkpoint.
static sl_code put_manifest(const sli_ckpt *ckpt, sl_arena *arena, const char *stage, sl_error *err)
{
    const sli_place *place = ckpt->place;
    const sli_fs_ops *ops = place->fs->ops;
    const char *temp = sl_arena_printf(arena, "%s/MANIFEST.json", stage),
               *path = sl_arena_printf(arena, "%s/MANIFEST.json", place->dir);
    bool is_there = false;
    if (temp == NULL || path == NULL) {
        return sl_error_nomem(err, strlen(place->dir), "a path");
    }
    SL_TRY(sli_place_is_known(place, &is_there, err));
    if (is_there) {
        return SL_OK;
    }
    sli_str text = {.tag = SLI_TAG_CKPT};
    sli_ckpt_job job = {.name = ckpt->name,
                        .graph_text = ckpt->graph_text,
                        .graph_hash = ckpt->graph_hash,
                        .snapshots = place->kept};
    sli_manifest_put(&text, ckpt->job_id, &job);
    sl_code rc = sli_str_check(&text, "MANIFEST.json", err);
    if (rc == SL_OK) {
        rc = sli_place_write(place, temp, (sl_bytes){text.data, text.size}, err);
    }
    rc = rc == SL_OK ? ops->rename(place->fs, temp, path, err) : rc;
    sli_str_reset(&text);
    return rc == SL_E_EXISTS ? SL_OK : rc;
}

static sl_code make_dirs(const sli_ckpt *ckpt, sl_arena *arena, sl_error *err)
{
    const sli_place *place = ckpt->place;
    const sli_fs_ops *ops = place->fs->ops;
    const char *files = sl_arena_printf(arena, "%s/files", place->dir),
               *stage = sl_arena_printf(arena, "%s/stage-%06" PRId64, place->dir, ckpt->generation);
    if (files == NULL || stage == NULL) {
        return sl_error_nomem(err, strlen(place->dir), "a path");
    }
    SL_TRY(ops->mkdirs(place->fs, files, err));
    SL_TRY(ops->mkdirs(place->fs, stage, err));
    SL_TRY(put_manifest(ckpt, arena, stage, err));
    return sync_up(place, arena, place->dir, err);
}

sl_code sli_place_begin(const sli_ckpt *ckpt, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    sl_code rc =
        arena == NULL ? sl_error_nomem(err, 4096, "snapshots") : make_dirs(ckpt, arena, err);
    sl_arena_free(arena);
    return sl_error_wrap(err, rc, "the place of snapshots %s", ckpt->place->shown);
}
