/// kept.c — files of others whose content a planned epoch needs: copied whole into DIR/model, so
/// that the epoch can be run again when the original is another one by then.
///
/// A file holds the bytes as they were and nothing else, so that whatever reads the original reads
/// it too. Its name has their hash, which is what a PLAN says of them. It has its name when it is
/// durable: temporary file, sync, rename, sync of the folder.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

static const char folder[] = "model";

static void put_hash(sl_bytes content, char hash[33])
{
    sli_hash128 h = sli_hash128_of(content.data, content.size);
    (void)snprintf(hash, 33, "%016llx%016llx", (unsigned long long)h.high,
                   (unsigned long long)h.low);
}

// ---------------------------------------------------------------- writing

static sl_code folder_make(sli_ckpt *ckpt, sl_error *err)
{
    sli_ckpt_path path;
    sli_stat stat;
    sl_error none = SL_ERROR_INIT;
    sl_code rc =
        sli_env_stat(ckpt->env, sli_ckpt_path_of(&path, ckpt->dir, "%s", folder), &stat, &none);
    if (rc != SL_E_NOT_FOUND) {
        return rc == SL_OK ? SL_OK : sl_error_set(err, rc, "%s", none.text);
    }
    SL_TRY(sli_env_mkdirs(ckpt->env, path.text, err));
    return sli_ckpt_sync_dir(ckpt, "", err);
}

static sl_code write_synced(sli_ckpt *ckpt, const char *path, sl_bytes content, sl_error *err)
{
    sli_file *file = NULL;
    SL_TRY(sli_file_open(ckpt->env, path, SLI_REPLACE, &file, err));
    sl_code rc = sli_file_write(file, content.data, content.size, err);
    rc = rc == SL_OK ? sli_ckpt_sync_file(ckpt, file, err) : rc;
    sli_file_close(&file);
    if (rc != SL_OK) {
        (void)sli_ckpt_clean(ckpt, path, false); // a full disk is given back what was taken
    }
    return rc;
}

static sl_code put(sli_ckpt *ckpt, const char *name, sl_bytes content, sl_error *err)
{
    sli_ckpt_path temp, path;
    sli_ckpt_path_of(&temp, ckpt->dir, "%s.tmp", name);
    sli_ckpt_path_of(&path, ckpt->dir, "%s", name);
    SL_TRY(folder_make(ckpt, err));
    SL_TRY(write_synced(ckpt, temp.text, content, err));
    SL_TRY(sli_env_rename(ckpt->env, temp.text, path.text, true, err));
    return sli_ckpt_sync_dir(ckpt, folder, err);
}

sl_code sli_ckpt_keep(sli_ckpt *ckpt, const char *uid, sl_bytes content, sl_arena *arena,
                      const char **path, sl_error *err)
{
    char hash[33];
    SL_TRY(sli_ckpt_alive(ckpt, err));
    if (!sli_uid_is_good(uid)) {
        return sl_error_set(err, SL_E_INVALID, "no file can be kept for uid \"%s\"", uid);
    }
    put_hash(content, hash);
    char *name =
        sl_arena_printf(arena, "%s/%06" PRId64 "-%s-%s", folder, ckpt->generation, hash, uid);
    if (name == NULL) {
        return sl_error_nomem(err, strlen(uid), "a path");
    }
    sl_code rc = sli_ckpt_verdict(ckpt, put(ckpt, name, content, err), err);
    if (rc != SL_OK) {
        return sl_error_wrap(err, rc, "keeping %zu bytes in the checkpoint", content.size);
    }
    *path = name;
    return SL_OK;
}

// ---------------------------------------------------------------- names

/// "000007-HASH-UID", or one that was being written.
static bool name_is_kept(const char *name, int64_t *generation, const char **hash)
{
    enum { DIGITS = 6, MOST_DIGITS = 18, HASH = 32 };
    size_t n = strspn(name, "0123456789");
    if (n < DIGITS || n > MOST_DIGITS || name[n] != '-' ||
        strspn(name + n + 1, "0123456789abcdef") != HASH || name[n + 1 + HASH] != '-' ||
        !sli_uid_is_good(name + n + 2 + HASH)) {
        return false;
    }
    *generation = 0;
    for (size_t i = 0; i < n; i++) {
        *generation = *generation * 10 + (name[i] - '0');
    }
    *hash = name + n + 1;
    return true;
}

static bool path_is_kept(const char *path, int64_t *generation, const char **hash)
{
    size_t n = sizeof folder - 1;
    return strncmp(path, folder, n) == 0 && path[n] == '/' &&
           name_is_kept(path + n + 1, generation, hash);
}

// ---------------------------------------------------------------- reading, removing

sl_code sli_ckpt_kept(sli_ckpt *ckpt, const char *path, sli_buffer **out, sl_error *err)
{
    int64_t generation;
    const char *hash;
    char found[33];
    if (!path_is_kept(path, &generation, &hash)) {
        return sl_error_set(err, SL_E_CORRUPT, "\"%s\" names no file that is kept", path);
    }
    sli_ckpt_path full;
    sli_ckpt_path_of(&full, ckpt->dir, "%s", path);
    sli_buffer *file = NULL;
    sl_code rc = sli_buffer_read(ckpt->env, full.text, &file, err);
    if (rc != SL_OK) {
        return sli_ckpt_verdict(ckpt, rc, err);
    }
    put_hash((sl_bytes){sli_buffer_bytes(file), (size_t)sli_buffer_size(file)}, found);
    if (strncmp(found, hash, sizeof found - 1) != 0) {
        sli_buffer_unref(file);
        return sl_error_set(err, SL_E_CORRUPT, "%s: these are not the bytes that were kept",
                            full.text);
    }
    *out = file;
    return SL_OK;
}

void sli_ckpt_kept_drop(sli_ckpt *ckpt, const char *path)
{
    int64_t generation;
    const char *hash;
    sli_ckpt_path full;
    if (sli_ckpt_alive(ckpt, NULL) == SL_OK && path_is_kept(path, &generation, &hash)) {
        (void)sli_ckpt_clean(ckpt, sli_ckpt_path_of(&full, ckpt->dir, "%s", path), false);
    }
}

static bool is_named(const char *const *named, const char *name)
{
    for (const char *const *path = named; *path != NULL; path++) {
        if (strncmp(*path, folder, sizeof folder - 1) == 0 &&
            strcmp(*path + sizeof folder, name) == 0) {
            return true;
        }
    }
    return false;
}

static sl_code sweep(sli_ckpt *ckpt, const char *const *named, sl_arena *arena, sl_error *err)
{
    sli_ckpt_path path;
    sli_names names;
    SL_TRY(sli_names_list(ckpt->env, sli_ckpt_path_of(&path, ckpt->dir, "%s", folder), arena,
                          &names, err));
    for (int64_t i = 0; i < names.n; i++) {
        int64_t generation;
        const char *hash;
        if (name_is_kept(names.names[i], &generation, &hash) && generation < ckpt->generation &&
            !is_named(named, names.names[i])) {
            sli_ckpt_path_of(&path, ckpt->dir, "%s/%s", folder, names.names[i]);
            sl_code rc = sli_ckpt_clean(ckpt, path.text, false);
            if (rc != SL_OK) {
                return sl_error_set(err, rc, "removing %s", path.text);
            }
        }
    }
    return SL_OK;
}

sl_code sli_ckpt_sweep_kept(sli_ckpt *ckpt, const char *const *named, sl_error *err)
{
    SL_TRY(sli_ckpt_alive(ckpt, err));
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    if (arena == NULL) {
        return sl_error_nomem(err, 4096, "names of kept files");
    }
    sl_code rc = sweep(ckpt, named, arena, err);
    sl_arena_free(arena);
    return sl_error_wrap(err, sli_ckpt_verdict(ckpt, rc, err), "sweeping the checkpoint");
}
