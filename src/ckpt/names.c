/// names.c — the names of files in a checkpoint: made in one way, read strictly, so that a stray
/// file is never taken for one of ours.
#include "ckpt/ckpt_int.h"

#include <stdio.h>

const char *sli_ckpt_path_of(sli_ckpt_path *out, const char *dir, const char *fmt, ...)
{
    size_t size = strlen(dir);
    SL_ASSERT(size < SLI_CKPT_DIR_BYTES + 64, "DIR was checked at open; a home is below it");
    memcpy(out->text, dir, size);
    out->text[size] = '/';
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(out->text + size + 1, sizeof out->text - size - 1, fmt, args);
    va_end(args);
    SL_ASSERT(n >= 0 && (size_t)n < sizeof out->text - size - 1, "names below DIR are short");
    return out->text;
}

// ---------------------------------------------------------------- listing

typedef struct listing {
    sl_arena *arena;
    char **names;
    int64_t n, capacity;
} listing;

static sl_code listing_add(void *ctx, const char *name, sl_error *err)
{
    listing *list = ctx;
    if (list->n == SLI_CKPT_NAMES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d entries", SLI_CKPT_NAMES);
    }
    if (list->n == list->capacity) {
        int64_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        char **names = sl_arena_alloc(list->arena, (size_t)capacity * sizeof *names);
        if (names == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *names, "a directory's names");
        }
        for (int64_t i = 0; i < list->n; i++) {
            names[i] = list->names[i];
        }
        list->names = names;
        list->capacity = capacity;
    }
    char *copy = sl_arena_strdup(list->arena, name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name), "a file's name");
    }
    list->names[list->n++] = copy;
    return SL_OK;
}

sl_code sli_names_list(sl_env *env, const char *path, sl_arena *arena, sli_names *out,
                       sl_error *err)
{
    listing list = {.arena = arena};
    sl_error why = SL_ERROR_INIT;
    sl_code rc = sli_env_list(env, path, listing_add, &list, &why);
    if (rc == SL_E_NOT_FOUND) {
        list.n = 0;
    } else if (rc != SL_OK) {
        if (err != NULL) {
            *err = why;
        }
        return sl_error_wrap(err, rc, "%s", path);
    }
    *out = (sli_names){list.names, list.n};
    return SL_OK;
}

// ---------------------------------------------------------------- reading names

/// Digits, at least `width` and padded to that: the one way in which we write numbers.
static bool take_number(const char **at, size_t width, int64_t *out)
{
    enum { MOST = 18 };
    size_t n = strspn(*at, "0123456789");
    if (n < width || n > MOST || (n > width && **at == '0')) {
        return false;
    }
    int64_t value = 0;
    for (size_t i = 0; i < n; i++) {
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += n;
    *out = value;
    return true;
}

static bool take_char(const char **at, char c)
{
    if (**at != c) {
        return false;
    }
    (*at)++;
    return true;
}

static bool take_segment(const char **at, int64_t *generation, int64_t *part)
{
    return take_number(at, 6, generation) && take_char(at, '-') && take_number(at, 4, part);
}

bool sli_name_is_log(const char *name, int64_t *generation, int64_t *part, bool *tmp)
{
    if (!take_segment(&name, generation, part)) {
        return false;
    }
    *tmp = strcmp(name, ".log.tmp") == 0;
    return *tmp || strcmp(name, ".log") == 0;
}

bool sli_name_is_wal(const char *name, int64_t *generation, int64_t *part, sl_text *uid, bool *tmp)
{
    if (!take_segment(&name, generation, part) || !take_char(&name, '-')) {
        return false;
    }
    size_t size = strlen(name), end = size;
    *tmp = size > 4 && strcmp(name + size - 4, ".tmp") == 0;
    end -= *tmp ? 4 : 0;
    if (end <= 4 || memcmp(name + end - 4, ".wal", 4) != 0) {
        return false;
    }
    *uid = (sl_text){name, end - 4};
    return true;
}

bool sli_name_is_group(const char *name, int64_t *generation, int64_t *group, const char **rest)
{
    if (!take_number(&name, 6, generation) || !take_char(&name, '-') ||
        !take_number(&name, 9, group)) {
        return false;
    }
    *rest = name;
    return *name == '\0' || *name == '-';
}

bool sli_name_is_generation(const char *name, int64_t *generation)
{
    return take_number(&name, 6, generation) && *name == '\0';
}

bool sli_name_is_manifest_temp(const char *name, int64_t *generation)
{
    static const char prefix[] = "MANIFEST.json.";
    const char *at = name + sizeof prefix - 1;
    return strncmp(name, prefix, sizeof prefix - 1) == 0 && take_number(&at, 6, generation) &&
           strcmp(at, ".tmp") == 0;
}

bool sli_name_is_snapshot(const char *name, int64_t *group)
{
    return take_number(&name, 9, group) && *name == '\0';
}

bool sli_name_is_passing(const char *name, int64_t *generation)
{
    static const char *const kinds[] = {"tmp-", "gone-", "bad-"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t size = strlen(kinds[i]);
        const char *at = name + size, *rest;
        int64_t group;
        if (strncmp(name, kinds[i], size) == 0 &&
            sli_name_is_group(at, generation, &group, &rest)) {
            return *rest == '\0';
        }
    }
    return false;
}

bool sli_uid_is_good(const char *uid)
{
    static const char good[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    size_t size = strlen(uid);
    return size > 0 && size < SLI_UID_BYTES && strspn(uid, good) == size && strcmp(uid, ".") != 0 &&
           strcmp(uid, "..") != 0;
}
