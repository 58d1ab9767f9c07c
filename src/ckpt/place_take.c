/// place_take.c — bringing a snapshot from elsewhere into this generation's scratch, where it lies
/// as one that was made here, or some of its files for who looks; every byte is compared with its
/// hash on the way.
#include "ckpt/place_int.h"

enum { PIECE = 1 << 20, TELL_EVERY_US = 10000000 };

typedef struct taking {
    sl_env *env;
    sli_log *log; ///< may be NULL
    const sli_place *place;
    sl_arena *arena;
    const char *home; ///< the snapshot's directory here
    int64_t group, bytes, all_bytes, told_us;
    char *piece;
} taking;

/// Large state takes minutes: who waits is told.
static void tell(taking *t)
{
    int64_t now = sli_env_mono_us(t->env);
    if (now - t->told_us >= TELL_EVERY_US) {
        t->told_us = now;
        SLI_LOG(t->log, SLI_INFO, "ckpt",
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
    sl_code rc = sli_file_open(t->env, to, SLI_REPLACE, &out, err);
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
                           : sli_env_mkdirs(t->env, dir, err));
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

static bool is_wanted(const sli_section *s, const char *prefix)
{
    return prefix == NULL ||
           (s->name.size >= strlen(prefix) && memcmp(s->name.data, prefix, strlen(prefix)) == 0);
}

static sl_code take_all(taking *t, const sli_sections *list, const char *prefix, sl_error *err)
{
    for (int64_t i = 0; i < list->n; i++) {
        t->all_bytes += is_wanted(&list->items[i], prefix) ? list->items[i].size : 0;
    }
    SL_TRY(sli_env_mkdirs(t->env, t->home, err));
    for (int64_t i = 0; i < list->n; i++) {
        SL_TRY(is_wanted(&list->items[i], prefix) ? take_section(t, &list->items[i], err) : SL_OK);
    }
    return SL_OK;
}

sl_code sli_place_bring(const sli_place *place, sl_env *env, sli_log *log, int64_t group,
                        const sli_sections *list, const char *prefix, const char *home,
                        sl_error *err)
{
    taking t = {.env = env,
                .log = log,
                .place = place,
                .arena = sl_arena_new(SLI_TAG_CKPT),
                .home = home,
                .group = group,
                .told_us = sli_env_mono_us(env),
                .piece = sl_alloc(SLI_TAG_CKPT, PIECE)};
    sl_code rc = t.arena == NULL || t.piece == NULL ? sl_error_nomem(err, PIECE, "a snapshot")
                                                    : take_all(&t, list, prefix, err);
    sl_free(t.piece);
    sl_arena_free(t.arena);
    return rc;
}

// ---------------------------------------------------------------- for a new life

/// The list becomes SECTIONS.json: it says the same, and where the files came from.
static sl_code keep_list(const sli_ckpt *ckpt, const sli_sections *list, const char *home,
                         sl_error *err)
{
    sli_file *file = NULL;
    sli_ckpt_path path;
    SL_TRY(sli_file_open(ckpt->env, sli_ckpt_path_of(&path, home, "SECTIONS.json"), SLI_REPLACE,
                         &file, err));
    sl_code rc = sli_file_write(file, list->bytes, list->size, err);
    sli_file_close(&file);
    return rc;
}

static sl_code take(sli_ckpt *ckpt, int64_t group, const char *home, sl_arena *arena, sl_error *err)
{
    sli_sections list = {0};
    SL_TRY(sli_place_sections(ckpt->place, ckpt->job_id, group, arena, &list, err));
    sl_code rc = sli_place_bring(ckpt->place, ckpt->env, ckpt->log, group, &list, NULL, home, err);
    rc = rc == SL_OK ? keep_list(ckpt, &list, home, err) : rc;
    sl_free(list.bytes);
    return rc;
}

sl_code sli_place_take(sli_ckpt *ckpt, int64_t group, sl_error *err)
{
    sli_ckpt_path home;
    if (ckpt->shadow == group) {
        return SL_OK;
    }
    sli_ckpt_path_of(&home, ckpt->dir, "work/%06" PRId64 "/snap/%09" PRId64, ckpt->generation,
                     group);
    sl_arena *arena = sl_arena_new(SLI_TAG_CKPT);
    sl_code rc = arena == NULL ? sl_error_nomem(err, 4096, "a snapshot's sections")
                               : take(ckpt, group, home.text, arena, err);
    sl_arena_free(arena);
    if (rc != SL_OK) {
        sl_code gone = sli_ckpt_clean(ckpt, home.text, true);
        return sl_error_wrap(err, gone == SL_OK ? rc : gone, "from %s", ckpt->place->shown);
    }
    ckpt->shadow = group;
    return SL_OK;
}
