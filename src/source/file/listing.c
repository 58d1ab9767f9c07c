// listing.c — the files of a directory, in byte order of names.
#include "source/file/file_int.h"

#include <stdlib.h>

typedef struct walk {
    sli_file_list *list;
    sli_fs *fs;
    const char *dir;
    const sli_file_filter *filter;
    const char *below; ///< "a/b/" of the directory being listed, or ""
    char **dirs;       ///< sub-directories still to be listed, relative
    int64_t n_dirs, dirs_capacity;
    const sli_file_known *known;  ///< NULL: every file is looked at
    int64_t next;                 ///< of `known`: where its names and those listed have come to
    const sli_seen_file *answers; ///< what is known of the file told next
} walk;

bool sli_file_glob(const char *pattern, const char *name)
{
    const char *star = NULL, *retry = NULL;
    while (*name != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            retry = name;
        } else if (*pattern == '?' || *pattern == *name) {
            pattern++;
            name++;
        } else if (star != NULL) { // the last star takes one byte more; earlier ones needn't
            pattern = star + 1;
            name = ++retry;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

void sli_file_list_reset(sli_file_list *list)
{
    sl_arena_free(list->arena);
    sl_free(list->items);
    *list = (sli_file_list){0};
}

/// `hdfs dfs -put` writes NAME._COPYING_ and renames it when all is there.
static bool is_copying(const char *name)
{
    static const char ending[] = "._COPYING_";
    size_t n = strlen(name), size = sizeof ending - 1;
    return n >= size && memcmp(name + n - size, ending, size) == 0;
}

static bool is_shown(const sli_file_filter *filter, const char *name)
{
    return name[0] != '.' && !is_copying(name) && (name[0] != '_' || filter->shows_underscore);
}

static sl_code add_dir(walk *w, char *name, sl_error *err)
{
    if (w->n_dirs == w->dirs_capacity) {
        int64_t capacity = w->dirs_capacity == 0 ? 16 : w->dirs_capacity * 2;
        char **dirs = sl_realloc(SLI_TAG_SOURCE, w->dirs, (size_t)capacity * sizeof *dirs);
        if (dirs == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *dirs, "a listing");
        }
        w->dirs = dirs;
        w->dirs_capacity = capacity;
    }
    w->dirs[w->n_dirs++] = name;
    return SL_OK;
}

static sl_code add_file(walk *w, const sli_fs_entry *entry, const char *name, sl_error *err)
{
    sli_file_list *list = w->list;
    if (list->n == SLI_FILE_MAX_ITEMS) {
        return sl_error_set(err, SL_E_INVALID, "%s: more than %d files", w->dir,
                            SLI_FILE_MAX_ITEMS);
    }
    if (list->n == list->capacity) {
        int64_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        sli_file_item *items =
            sl_realloc(SLI_TAG_SOURCE, list->items, (size_t)capacity * sizeof *items);
        if (items == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *items, "a listing");
        }
        list->items = items;
        list->capacity = capacity;
    }
    const sli_seen_file *known = entry->is_known ? w->answers : NULL;
    list->items[list->n++] =
        (sli_file_item){.name = name,
                        .size_bytes = known != NULL ? known->size_bytes : entry->size_bytes,
                        .modified_us = known != NULL ? known->modified_us : entry->modified_us,
                        .identity = entry->identity,
                        .whole = sli_file_codec(w->filter->compression, name) != NULL};
    return SL_OK;
}

static bool is_wanted(const walk *w, const char *name, bool is_dir)
{
    bool fits = is_dir ? w->filter->recursive
                       : w->filter->glob == NULL || sli_file_glob(w->filter->glob, name);
    return fits && is_shown(w->filter, name);
}

static bool is_its_turn(const sli_file_known *known, int64_t i)
{
    int64_t from = i - known->look_from;
    return (from < 0 ? from + known->seen->n : from) < known->n_look;
}

/// Names come in byte order, as those that are known are kept: both are gone through side by side.
static bool knows(void *ctx, const char *name, uint64_t identity)
{
    walk *w = ctx;
    const sli_seen *seen = w->known->seen;
    if (!is_wanted(w, name, false)) {
        return true;
    }
    int order = 1;
    while (w->next < seen->n && (order = strcmp(seen->files[w->next].name, name)) < 0) {
        w->next++;
    }
    w->answers = w->next < seen->n && order == 0 ? &seen->files[w->next] : NULL;
    return w->answers != NULL && w->answers->identity == identity &&
           !is_its_turn(w->known, w->next);
}

static sl_code take_entry(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    walk *w = ctx;
    if (!is_wanted(w, entry->name, entry->is_dir)) {
        return SL_OK;
    }
    bool plain = w->below[0] == '\0' && !entry->is_dir;
    char *name = plain ? sl_arena_strdup(w->list->arena, entry->name)
                       : sl_arena_printf(w->list->arena, "%s%s%s", w->below, entry->name,
                                         entry->is_dir ? "/" : "");
    if (name == NULL) {
        return sl_error_nomem(err, strlen(entry->name), "a listing");
    }
    return entry->is_dir ? add_dir(w, name, err) : add_file(w, entry, name, err);
}

static sl_code list_below(walk *w, const char *below, sl_error *err)
{
    int32_t depth = 0;
    for (const char *c = below; *c != '\0'; c++) {
        depth += *c == '/';
    }
    if (depth > SLI_FILE_DEPTH) {
        return sl_error_set(err, SL_E_INVALID, "%s/%s: more than %d directories below each other",
                            w->dir, below, SLI_FILE_DEPTH);
    }
    const char *path = sli_path_join(w->list->arena, w->dir, below);
    if (path == NULL) {
        return sl_error_nomem(err, strlen(below), "a listing");
    }
    w->below = below;
    const sli_fs_ops *fs = w->fs->ops;
    sl_code rc = w->known != NULL && fs->scan != NULL
                     ? fs->scan(w->fs, path, knows, take_entry, w, err)
                     : fs->list(w->fs, path, take_entry, w, err);
    return rc == SL_E_NOT_FOUND && depth > 0 ? SL_OK : rc; // a sub-directory that just went
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const sli_file_item *)a)->name, ((const sli_file_item *)b)->name);
}

sl_code sli_file_list_read(sli_file_list *list, sli_fs *fs, const char *dir,
                           const sli_file_filter *filter, const sli_file_known *known,
                           sl_error *err)
{
    if (list->arena == NULL && (list->arena = sl_arena_new(SLI_TAG_SOURCE)) == NULL) {
        return sl_error_nomem(err, 0, "a listing");
    }
    sl_arena_reset(list->arena);
    list->n = 0;
    // Directories below each other do not come in order of whole names.
    walk w = {.list = list,
              .fs = fs,
              .dir = dir,
              .filter = filter,
              .known = filter->recursive ? NULL : known};
    sl_code rc = list_below(&w, "", err);
    for (int64_t i = 0; rc == SL_OK && i < w.n_dirs; i++) { // grows while it goes
        rc = list_below(&w, w.dirs[i], err);
    }
    sl_free(w.dirs);
    if (rc == SL_OK && filter->recursive && list->n > 1) { // one directory comes in order
        qsort(list->items, (size_t)list->n, sizeof *list->items, by_name);
    }
    return rc;
}
