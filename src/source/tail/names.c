// names.c — the names in the directory that concern a tail: those that are followed, and those
// under which their files lie when they were rotated away.
#include "source/file/file_int.h"
#include "source/tail/tail_int.h"

#include <stdlib.h>

typedef struct all_names {
    sl_arena *arena;
    const char **items;
    int32_t n, capacity;
} all_names;

static sl_code add_name(void *ctx, const sli_name *name, sl_error *err)
{
    all_names *all = ctx;
    if (name->kind == SLI_NAME_DIR || name->kind == SLI_NAME_OTHER) {
        return SL_OK;
    }
    if (all->n == all->capacity) {
        int32_t capacity = all->capacity == 0 ? 64 : all->capacity * 2;
        const char **items =
            sl_realloc(SLI_TAG_SOURCE, all->items, (size_t)capacity * sizeof *items);
        if (items == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *items, "a listing");
        }
        all->items = items;
        all->capacity = capacity;
    }
    const char *copy = sl_arena_strdup(all->arena, name->name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name->name), "a listing");
    }
    all->items[all->n++] = copy;
    return SL_OK;
}

// ---------------------------------------------------------------- what a name stands for

static bool is_compressed(const char *name)
{
    static const char *const endings[] = {".gz", ".zst", ".bz2", ".xz", ".Z", ".lz4"};
    size_t n = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i]);
        if (n > size && strcmp(name + n - size, endings[i]) == 0) {
            return true;
        }
    }
    return false;
}

/// "%" of the option stands for the name followed.
static bool fits_pattern(const tail_source *self, sl_arena *arena, const char *name, const char *at)
{
    const char *percent = strchr(self->rotated, '%');
    const char *glob = sl_arena_printf(arena, "%.*s%s%s", (int)(percent - self->rotated),
                                       self->rotated, name, percent + 1);
    return glob != NULL && sli_file_glob(glob, at);
}

static bool is_rotated_of(const tail_source *self, sl_arena *arena, const char *name,
                          const char *at)
{
    size_t n = strlen(name);
    if (strcmp(name, at) == 0 || is_compressed(at) || strcmp(self->rotated, "none") == 0) {
        return false;
    }
    if (strcmp(self->rotated, "numbered") != 0) {
        return fits_pattern(self, arena, name, at);
    }
    return strncmp(at, name, n) == 0 && (at[n] == '.' || at[n] == '-') && at[n + 1] >= '0' &&
           at[n + 1] <= '9';
}

static bool is_followed(const tail_source *self, const char *at)
{
    return self->is_pattern ? at[0] != '.' && sli_file_glob(self->pattern, at)
                            : strcmp(self->pattern, at) == 0;
}

/// The name followed that `at` is a rotated one of: one that is there, or was.
static const char *rotated_of(const tail_source *self, const all_names *all, const char *only,
                              const char *at)
{
    if (only != NULL) {
        return is_rotated_of(self, all->arena, only, at) ? only : NULL;
    }
    if (!self->is_pattern) {
        return is_rotated_of(self, all->arena, self->pattern, at) ? self->pattern : NULL;
    }
    for (int32_t i = 0; i < self->files.n; i++) {
        if (is_rotated_of(self, all->arena, self->files.items[i].name, at)) {
            return self->files.items[i].name;
        }
    }
    for (int32_t i = 0; i < all->n; i++) {
        if (is_followed(self, all->items[i]) &&
            is_rotated_of(self, all->arena, all->items[i], at)) {
            return all->items[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- those that concern us

static sl_code add_kept(const tail_source *self, tail_names *out, const char *at, const char *name,
                        bool is_rotated, sl_error *err)
{
    sli_stat stat = {0};
    sl_error why = SL_ERROR_INIT;
    const char *path = sli_path_join(out->arena, self->dir, at);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(at), "a path");
    }
    sl_code rc = sli_env_stat(self->common.env.env, path, &stat, &why);
    if (rc == SL_E_NOT_FOUND || (rc == SL_OK && !stat.is_file)) { // just gone; a link to nowhere
        return SL_OK;
    }
    if (rc != SL_OK) {
        if (err != NULL) {
            *err = why;
        }
        return rc;
    }
    if (out->n == TAIL_MOST_FILES) {
        return sl_error_set(err, SL_E_INVALID, "%s: more than %d files to follow", self->dir,
                            TAIL_MOST_FILES);
    }
    out->items[out->n++] =
        (tail_name){.at = at, .name = name, .is_rotated = is_rotated, .stat = stat};
    return SL_OK;
}

static sl_code keep_ours(const tail_source *self, const all_names *all, const char *only,
                         tail_names *out, sl_error *err)
{
    out->items = sl_arena_alloc(out->arena, TAIL_MOST_FILES * sizeof *out->items);
    if (out->items == NULL) {
        return sl_error_nomem(err, TAIL_MOST_FILES * sizeof *out->items, "a listing");
    }
    for (int32_t i = 0; i < all->n; i++) {
        const char *at = all->items[i], *of = rotated_of(self, all, only, at);
        if (of != NULL || is_followed(self, at) || (only != NULL && strcmp(only, at) == 0)) {
            SL_TRY(add_kept(self, out, at, of != NULL ? of : at, of != NULL, err));
        }
    }
    return SL_OK;
}

/// Of two that were modified at one time: dates grow, numbers fall.
static int by_suffix(const char *x, const char *y)
{
    size_t a = strlen(x), b = strlen(y);
    bool dates = a >= 6 && b >= 6 && strspn(x + a - 6, "0123456789") == 6;
    return dates ? strcmp(x, y) : a != b ? (a > b ? -1 : 1) : strcmp(y, x);
}

/// Rotated ones first, oldest first.
static int by_age(const void *a, const void *b)
{
    const tail_name *x = a, *y = b;
    if (x->is_rotated != y->is_rotated) {
        return x->is_rotated ? -1 : 1;
    }
    if (x->is_rotated && x->stat.modified_us != y->stat.modified_us) {
        return x->stat.modified_us < y->stat.modified_us ? -1 : 1;
    }
    return x->is_rotated ? by_suffix(x->at, y->at) : strcmp(x->at, y->at);
}

sl_code tail_names_read(const tail_source *self, sl_arena *arena, const char *only, tail_names *out,
                        sl_error *err)
{
    all_names all = {.arena = arena};
    *out = (tail_names){.arena = arena};
    sl_code rc = sli_env_scan(self->common.env.env, self->dir, add_name, &all, err);
    rc = rc == SL_OK ? keep_ours(self, &all, only, out, err) : rc;
    sl_free(all.items);
    if (rc == SL_OK && out->n > 1) {
        qsort(out->items, (size_t)out->n, sizeof *out->items, by_age);
    }
    return rc;
}

static const tail_name *find_at(const tail_names *names, const char *at)
{
    for (int32_t i = 0; i < names->n; i++) {
        if (strcmp(names->items[i].at, at) == 0) {
            return &names->items[i];
        }
    }
    return NULL;
}

bool tail_names_same(const tail_names *a, const tail_names *b)
{
    if (a->n != b->n) {
        return false;
    }
    for (int32_t i = 0; i < a->n; i++) {
        const tail_name *x = &a->items[i], *y = find_at(b, x->at);
        if (y == NULL || y->stat.identity != x->stat.identity ||
            (x->is_rotated && y->stat.size_bytes != x->stat.size_bytes)) {
            return false;
        }
    }
    return true;
}
