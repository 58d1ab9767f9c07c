/// place_take.c — bringing a snapshot from elsewhere into this generation's scratch, where it lies
/// as one that was made here; every byte is compared with its hash on the way.
#include "ckpt/place_int.h"

enum { PIECE = 1 << 20, TELL_EVERY_US = 10000000 };

typedef struct taking {
    sli_ckpt *ckpt;
    const sli_place *place;
    sl_arena *arena;
    const char *home; ///< the snapshot's directory here
    sli_sections list;
    int64_t group, bytes, all_bytes, told_us;
    char *piece;
} taking;

/// Large state takes minutes: who waits is told.
static void tell(taking *t)
{
    int64_t now = sli_env_mono_us(t->ckpt->env);
    if (now - t->told_us >= TELL_EVERY_US) {
        t->told_us = now;
        SLI_LOG(t->ckpt->log, SLI_INFO, "ckpt",
                "snapshot %" PRId64 " comes from %s: %" PRId64 " of %" PRId64 " bytes", t->group,
                t->place->shown, t->bytes, t->all_bytes);
    }
}

/// Bytes of the reader into the file, up to the end; *size and `hash` of all.
static sl_code take_bytes(taking *t, sli_fs_reader *in, sli_file *out, int64_t *size, char hash[33],
                          sl_error *err)
{
    sli_hasher *hasher = sli_hasher_new();
    sl_code rc = hasher != NULL ? SL_OK : sl_error_nomem(err, 64, "a file's hash");
    size_t n = PIECE;
    *size = 0;
    while (rc == SL_OK && n == PIECE) {
        n = 0;
        rc = t->place->fs->ops->reader_next(in, t->piece, PIECE, &n, err);
        if (rc == SL_OK && n > 0) {
            sli_hasher_add(hasher, t->piece, n);
            rc = sli_file_write(out, t->piece, n, err);
        }
        *size += (int64_t)n;
        t->bytes += (int64_t)n;
        tell(t);
    }
    if (hasher != NULL) {
        sli_hash_text(sli_hasher_end(hasher), hash);
    }
    return rc;
}

static sl_code take_file(taking *t, const sli_section *s, const char *from, const char *to,
                         sl_error *err)
{
    const sli_fs_ops *ops = t->place->fs->ops;
    sli_fs_reader *in = NULL;
    sli_file *out = NULL;
    int64_t size = 0;
    char hash[33] = "";
    sl_code rc = sli_file_open(t->ckpt->env, to, SLI_REPLACE, &out, err);
    if (rc == SL_OK) {
        rc = ops->reader_open(t->place->fs, from, 0, &in, err);
    }
    if (rc == SL_OK) {
        rc = take_bytes(t, in, out, &size, hash, err);
    }
    ops->reader_close(&in);
    sli_file_close(&out);
    return rc == SL_OK ? sli_section_fits(s, from, size, hash, err) : rc;
}

/// A listed file that is not there is damage: what a list names is removed after the list.
static sl_code take_section(taking *t, const sli_section *s, sl_error *err)
{
    const char *slash;
    const char *name = sl_arena_printf(t->arena, "%.*s", (int)s->name.size, s->name.data),
               *from = sl_arena_printf(t->arena, "%s/files/%.*s", t->place->dir, (int)s->file.size,
                                       s->file.data),
               *to = name == NULL ? NULL : sl_arena_printf(t->arena, "%s/%s", t->home, name);
    if (from == NULL || to == NULL) {
        return sl_error_nomem(err, s->name.size, "a path");
    }
    if (!sli_section_is_good(name, &slash) || !sli_uid_is_good(from + strlen(t->place->dir) + 7)) {
        return sl_error_set(err, SL_E_CORRUPT, "%s/%09" PRId64 ": \"%s\" is no section (offset 0)",
                            t->place->dir, t->group, name);
    }
    if (slash != NULL) {
        const char *dir = sli_path_dir(t->arena, to);
        SL_TRY(dir == NULL ? sl_error_nomem(err, strlen(to), "a path")
                           : sli_env_mkdirs(t->ckpt->env, dir, err));
    }
    sl_error why = SL_ERROR_INIT;
    sl_code rc = take_file(t, s, from, to, &why);
    if (rc == SL_E_NOT_FOUND) {
        return sl_error_set(err, SL_E_CORRUPT, "%s: is missing (offset 0)", from);
    }
    if (rc != SL_OK && err != NULL) {
        *err = why;
    }
    return rc;
}

/// The list becomes SECTIONS.json: it says the same, and where the files came from.
static sl_code keep_list(taking *t, sl_error *err)
{
    sli_file *file = NULL;
    const char *path = sl_arena_printf(t->arena, "%s/SECTIONS.json", t->home);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(t->home), "a path");
    }
    SL_TRY(sli_file_open(t->ckpt->env, path, SLI_REPLACE, &file, err));
    sl_code rc = sli_file_write(file, t->list.bytes, t->list.size, err);
    sli_file_close(&file);
    return rc;
}

static sl_code take_all(taking *t, sl_error *err)
{
    SL_TRY(sli_place_sections(t->place, t->ckpt->job_id, t->group, t->arena, &t->list, err));
    for (int64_t i = 0; i < t->list.n; i++) {
        t->all_bytes += t->list.items[i].size;
    }
    SL_TRY(sli_env_mkdirs(t->ckpt->env, t->home, err));
    for (int64_t i = 0; i < t->list.n; i++) {
        SL_TRY(take_section(t, &t->list.items[i], err));
    }
    return keep_list(t, err);
}

sl_code sli_place_take(sli_ckpt *ckpt, int64_t group, sl_error *err)
{
    sli_ckpt_path home;
    if (ckpt->shadow == group) {
        return SL_OK;
    }
    sli_ckpt_path_of(&home, ckpt->dir, "work/%06" PRId64 "/snap/%09" PRId64, ckpt->generation,
                     group);
    taking t = {.ckpt = ckpt,
                .place = ckpt->place,
                .arena = sl_arena_new(SLI_TAG_CKPT),
                .home = home.text,
                .group = group,
                .told_us = sli_env_mono_us(ckpt->env),
                .piece = sl_alloc(SLI_TAG_CKPT, PIECE)};
    sl_code rc = t.arena == NULL || t.piece == NULL ? sl_error_nomem(err, PIECE, "a snapshot")
                                                    : take_all(&t, err);
    sl_free(t.list.bytes);
    sl_free(t.piece);
    sl_arena_free(t.arena);
    if (rc != SL_OK) {
        sl_code gone = sli_ckpt_clean(ckpt, home.text, true);
        return sl_error_wrap(err, gone == SL_OK ? rc : gone, "from %s", ckpt->place->shown);
    }
    ckpt->shadow = group;
    return SL_OK;
}
