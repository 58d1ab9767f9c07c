/// inspect.c — a checkpoint seen from outside: nothing in it is changed, and a driver may be
/// running meanwhile.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

/// Bytes of the files in a folder.
static sl_code folder_bytes(sl_env *env, const char *dir, const char *folder, int64_t *bytes,
                            sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, folder);
    }
    sli_ckpt_path path;
    sli_names names;
    sl_code rc =
        sli_names_list(env, sli_ckpt_path_of(&path, dir, "%s", folder), arena, &names, err);
    *bytes = 0;
    for (int64_t i = 0; rc == SL_OK && i < names.n; i++) {
        sli_stat stat = {0};
        rc = sli_env_stat(env, sli_ckpt_path_of(&path, dir, "%s/%s", folder, names.names[i]), &stat,
                          err);
        rc = rc == SL_E_NOT_FOUND ? SL_OK : rc; // removed meanwhile
        *bytes += stat.is_file ? stat.size_bytes : 0;
    }
    sl_arena_free(arena);
    return rc;
}

/// Who holds the lock: asked by taking it for a moment, and telling so in its text (see take_lock).
/// A directory that can't be written can't be asked; nobody can run a job in it either.
static sl_code find_holder(sl_env *env, const char *dir, int64_t *pid, sl_error *err)
{
    sli_ckpt_path path;
    sli_stat stat;
    *pid = 0;
    sl_code rc = sli_env_stat(env, sli_ckpt_path_of(&path, dir, "LOCK"), &stat, err);
    if (rc != SL_OK) {
        return rc == SL_E_NOT_FOUND ? SL_OK : rc;
    }
    sli_file *file = NULL;
    rc = sli_env_lock_file(env, path.text, "looking", &file, err);
    sli_file_close(&file);
    if (rc != SL_E_BUSY) {
        return rc == SL_E_CRASHED ? rc : SL_OK;
    }
    char *text = NULL;
    size_t size = 0;
    SL_TRY(sli_env_read_file(env, path.text, 65536, &text, &size, err));
    sl_text at = {text, size}, number;
    if (!sli_text_skip(&at, "pid ") || !sli_text_until(&at, "\n", &number) ||
        sli_scan_int64(number, pid, NULL) != SL_OK) {
        *pid = 0;
    }
    sl_free(text);
    return SL_OK;
}

static sl_code generation_find(sl_env *env, const char *dir, sl_arena *arena, int64_t *out,
                               sl_error *err)
{
    sli_ckpt_path path;
    sli_names names;
    SL_TRY(sli_names_list(env, sli_ckpt_path_of(&path, dir, "gen"), arena, &names, err));
    *out = 0;
    for (int64_t i = 0; i < names.n; i++) {
        int64_t generation;
        if (sli_name_is_generation(names.names[i], &generation) && generation > *out) {
            *out = generation;
        }
    }
    return SL_OK;
}

static void name_copy(char *out, size_t room, const char *name)
{
    size_t size = strlen(name);
    size = size < room ? size : room - 1;
    while (size > 0 && ((unsigned char)name[size] & 0xc0) == 0x80) {
        size--; // not inside a character
    }
    memcpy(out, name, size);
    out[size] = '\0';
}

static sl_code snapshots_look(sl_env *env, const char *dir, const sli_place *place, sl_arena *arena,
                              sli_ckpt_info *info, sl_error *err)
{
    sli_known *known;
    int64_t n;
    sli_ckpt_path home;
    SL_TRY(sli_snapshots_known(env, dir, place, arena, &known, &n, err));
    if (n == 0) {
        return SL_OK;
    }
    SL_TRY(known[0].is_here
               ? sli_snapshot_check(env, sli_ckpt_path_of(&home, dir, "snap"), info->job_id,
                                    known[0].group, &info->snapshot_bytes, err)
               : sli_place_look(place, info->job_id, known[0].group, &info->snapshot_bytes, err));
    info->newest_snapshot = known[0].group;
    return SL_OK;
}

/// Those elsewhere. Whoever asks wants to know the rest also when that file system is away.
static sl_code elsewhere_look(sl_env *env, const char *dir, const char *url, sl_arena *arena,
                              sli_ckpt_info *info, sl_error *err)
{
    sli_place *place = NULL;
    sli_place_conf conf = {.env = env, .url = url, .patience = "2s"};
    sl_error why = SL_ERROR_INIT;
    name_copy(info->snapshots, sizeof info->snapshots, url);
    sl_code rc = sli_place_open(&place, &conf, &why);
    if (rc == SL_OK) {
        rc = sli_place_of_job(place, info->job_id, &why);
    }
    if (rc == SL_OK) {
        rc = snapshots_look(env, dir, place, arena, info, &why);
    }
    sli_place_close(place);
    if (rc == SL_E_IO || rc == SL_E_TIMEOUT || rc == SL_E_CONFIG || rc == SL_E_UNSUPPORTED) {
        name_copy(info->away, sizeof info->away, why.text);
        return SL_OK;
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

static sl_code look(sl_env *env, const char *dir, sl_arena *arena, sli_ckpt_info *info,
                    sl_error *err)
{
    sli_manifest manifest;
    sli_chain chain;
    *info = (sli_ckpt_info){0};
    SL_TRY(sli_manifest_read(env, dir, arena, &manifest, err));
    memcpy(info->job_id, manifest.job_id, 33);
    name_copy(info->name, sizeof info->name, manifest.name);
    info->format = manifest.format;
    info->graph_hash = manifest.graph_hash;
    SL_TRY(generation_find(env, dir, arena, &info->generation, err));
    SL_TRY(sli_chain_read(&chain, env, dir, manifest.job_id, INT64_MAX, false, err));
    info->last_epoch = chain.last_plan;
    info->last_batch_time_us = chain.last_time_us;
    info->last_sealed = chain.last_sealed;
    info->last_committed = chain.last_committed;
    info->log_bytes = chain.bytes;
    sli_chain_reset(&chain);
    SL_TRY(manifest.snapshots[0] == '\0'
               ? snapshots_look(env, dir, NULL, arena, info, err)
               : elsewhere_look(env, dir, manifest.snapshots, arena, info, err));
    SL_TRY(folder_bytes(env, dir, "wal", &info->wal_bytes, err));
    return find_holder(env, dir, &info->holder_pid, err);
}

sl_code sli_ckpt_inspect(sl_env *env, const char *dir, sli_ckpt_info *out, sl_error *err)
{
    // A running driver removes and renames meanwhile, so a first answer may be of things that went
    // while they were read.
    enum { TRIES = 4 };
    if (strlen(dir) >= SLI_CKPT_DIR_BYTES) {
        return sl_error_set(err, SL_E_INVALID, "a checkpoint directory's name has at most %d bytes",
                            SLI_CKPT_DIR_BYTES - 1);
    }
    sli_ckpt_info info;
    sl_code rc = SL_OK;
    for (int i = 0; i < TRIES; i++) {
        sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
        if (arena == NULL) {
            return sl_error_nomem(err, 4096, "looking into a checkpoint");
        }
        rc = look(env, dir, arena, &info, err);
        sl_arena_free(arena);
        if (rc != SL_E_CORRUPT && rc != SL_E_NOT_FOUND) {
            break;
        }
    }
    if (rc == SL_OK) {
        *out = info;
    }
    return rc;
}

static sl_code read_frames(sl_env *env, const char *dir, sl_arena *arena, sli_chain *chain,
                           sl_error *err)
{
    sli_manifest manifest;
    SL_TRY(sli_manifest_read(env, dir, arena, &manifest, err));
    return sli_chain_read(chain, env, dir, manifest.job_id, INT64_MAX, false, err);
}

sl_code sli_ckpt_each_frame(sl_env *env, const char *dir,
                            sl_code (*each)(void *ctx, const sli_frame *frame, sl_error *err),
                            void *ctx, sl_error *err)
{
    enum { TRIES = 4 }; // as in sli_ckpt_inspect
    sli_chain chain = {0};
    sl_code rc = SL_E_NOT_FOUND;
    for (int i = 0; i < TRIES && (rc == SL_E_CORRUPT || rc == SL_E_NOT_FOUND); i++) {
        sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
        if (arena == NULL) {
            return sl_error_nomem(err, 4096, "looking into a checkpoint");
        }
        sli_chain_reset(&chain);
        rc = read_frames(env, dir, arena, &chain, err);
        sl_arena_free(arena);
    }
    for (int64_t i = 0; rc == SL_OK && i < chain.n_frames; i++) {
        rc = each(ctx, &chain.frames[i], err);
    }
    sli_chain_reset(&chain);
    return rc;
}
