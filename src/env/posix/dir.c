/// dir.c — names in the real world: directories, renames, listings.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h> // RENAME_NOREPLACE on C libraries that hide it
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "env/posix/posix_int.h"

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

sl_code sli_posix_mkdirs(sl_env *env, const char *path, sl_error *err)
{
    (void)env;
    char *copy = sl_strdup(SLI_TAG_ENV, path);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(path), path);
    }
    sl_code rc = SL_OK;
    char *at = copy;
    while (rc == SL_OK && *at != '\0') {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        char kept = *at;
        *at = '\0'; // `copy` is now the next parent
        if (*copy != '\0' && mkdir(copy, 0777) != 0) {
            int e = errno;
            if (!is_directory(copy)) {
                rc = e == EEXIST
                         ? sl_error_set(err, SL_E_EXISTS, "%s: is there and not a directory", copy)
                         : sl_error_sys(err, SL_OK, e, "%s: make directory", copy);
            }
        }
        *at = kept;
    }
    sl_free(copy);
    return rc;
}

/// For filesystems that know no RENAME_NOREPLACE: the link fails when the target exists. A crash
/// between the two calls leaves both names of the same file, which a repeat reports as SL_E_EXISTS,
/// just as after a whole rename.
static sl_code rename_by_link(const char *from, const char *to, sl_error *err)
{
    if (is_directory(from)) {
        return sl_error_set(
            err, SL_E_UNSUPPORTED,
            "%s: this filesystem can't rename a directory without replacing; use another one", to);
    }
    if (link(from, to) != 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: link from %s", to, from);
    }
    if (unlink(from) != 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: remove after link", from);
    }
    return SL_OK;
}

sl_code sli_posix_rename(sl_env *env, const char *from, const char *to, bool replace, sl_error *err)
{
    (void)env;
    int rc = replace ? rename(from, to) : renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE);
    if (rc == 0) {
        return SL_OK;
    }
    if (!replace && (errno == EINVAL || errno == ENOSYS)) {
        return rename_by_link(from, to, err);
    }
    return sl_error_sys(err, SL_OK, errno, "%s: rename from %s", to, from);
}

sl_code sli_posix_link(sl_env *env, const char *from, const char *to, sl_error *err)
{
    (void)env;
    if (link(from, to) == 0) {
        return SL_OK;
    }
    // EMLINK: the file has as many names as it can; EXDEV: another filesystem.
    bool cant = errno == EPERM || errno == EMLINK || errno == EXDEV || errno == EOPNOTSUPP;
    return sl_error_sys(err, cant ? SL_E_UNSUPPORTED : SL_OK, errno, "%s: link from %s", to, from);
}

sl_code sli_posix_remove(sl_env *env, const char *path, sl_error *err)
{
    (void)env;
    return unlink(path) == 0 ? SL_OK : sl_error_sys(err, SL_OK, errno, "%s: remove", path);
}

sl_code sli_posix_remove_dir(sl_env *env, const char *path, sl_error *err)
{
    (void)env;
    if (rmdir(path) == 0) {
        return SL_OK;
    }
    // ENOTEMPTY may be spelt EEXIST; neither means what SL_E_EXISTS tells callers.
    sl_code code = errno == ENOTEMPTY || errno == EEXIST ? SL_E_IO : SL_OK;
    return sl_error_sys(err, code, errno, "%s: remove directory", path);
}

sl_code sli_posix_sync_dir(sl_env *env, const char *path, sl_error *err)
{
    (void)env;
    int fd;
    do {
        fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: open directory", path);
    }
    int rc;
    do {
        rc = fsync(fd);
    } while (rc != 0 && errno == EINTR);
    sl_code code = rc == 0 ? SL_OK : sl_error_sys(err, SL_OK, errno, "%s: sync directory", path);
    close(fd);
    return code;
}

// ---------------------------------------------------------------- listing

typedef struct dir_name {
    uint64_t key; ///< of names_sort
    uint64_t inode;
    const char *text;
    sli_name_kind kind;
} dir_name;

typedef struct dir_listing {
    const char *path;
    DIR *dir;
    uint64_t device;
    sl_arena *texts;
    dir_name *names;
    size_t n, capacity;
} dir_listing;

enum {
    LIST_LIMIT = 10000000
}; // names in one directory: some 600 MB; beyond it the directory is not ours to sort

static sli_name_kind kind_of(unsigned char type)
{
    return type == DT_REG                         ? SLI_NAME_FILE
           : type == DT_DIR                       ? SLI_NAME_DIR
           : type == DT_LNK || type == DT_UNKNOWN ? SLI_NAME_UNKNOWN
                                                  : SLI_NAME_OTHER;
}

static sl_code names_add(dir_listing *list, const struct dirent *entry, sl_error *err)
{
    if (list->n == LIST_LIMIT) {
        return sl_error_set(err, SL_E_NOMEM, "%s: more than %d names in one directory", list->path,
                            LIST_LIMIT);
    }
    if (list->n == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        dir_name *names = sl_realloc(SLI_TAG_ENV, list->names, capacity * sizeof *names);
        if (names == NULL) {
            return sl_error_nomem(err, capacity * sizeof *names, list->path);
        }
        list->names = names;
        list->capacity = capacity;
    }
    const char *text = sl_arena_strdup(list->texts, entry->d_name);
    if (text == NULL) {
        return sl_error_nomem(err, strlen(entry->d_name), list->path);
    }
    list->names[list->n++] =
        (dir_name){.inode = (uint64_t)entry->d_ino, .text = text, .kind = kind_of(entry->d_type)};
    return SL_OK;
}

static sl_code names_read(dir_listing *list, sl_error *err)
{
    struct stat st;
    if (fstat(dirfd(list->dir), &st) != 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: stat", list->path);
    }
    list->device = (uint64_t)st.st_dev;
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(list->dir);
        if (entry == NULL) {
            return errno == 0 ? SL_OK : sl_error_sys(err, SL_OK, errno, "%s: list", list->path);
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            SL_TRY(names_add(list, entry, err));
        }
    }
}

static int key_order(const void *a, const void *b)
{
    const dir_name *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/// Eight bytes of a name from `from` on, the first one highest; zeroes behind the end.
static uint64_t key_of(const char *text, size_t from)
{
    uint64_t key = 0;
    const char *at = text + from;
    for (int i = 0; i < 8; i++) {
        key = key << 8 | (unsigned char)*at;
        at += *at != '\0';
    }
    return key;
}

static void swap_names(dir_name *a, dir_name *b)
{
    dir_name kept = *a;
    *a = *b;
    *b = kept;
}

/// Brings names[*from, *to) together, those with the key of the one in the middle; smaller ones
/// stand before them.
static void names_split(dir_name *names, size_t n, size_t *from, size_t *to)
{
    uint64_t key = names[n / 2].key;
    size_t at = 0, low = 0, high = n;
    while (at < high) {
        if (names[at].key < key) {
            swap_names(&names[at++], &names[low++]);
        } else if (names[at].key > key) {
            swap_names(&names[at], &names[--high]);
        } else {
            at++;
        }
    }
    *from = low;
    *to = high;
}

static void names_sort(dir_name *names, size_t n, size_t from);

/// Sorts names with equal keys of `from`. When these are at their ends, the names are equal: a
/// directory that changes may tell one twice.
static void sort_alike(dir_name *names, size_t n, size_t from)
{
    if (n > 1 && (names[0].key & 0xFF) != 0) {
        names_sort(names, n, from + 8);
    }
}

/// Sorts by the keys, which are those of `from`.
static void sort_by_key(dir_name *names, size_t n, size_t from)
{
    qsort(names, n, sizeof *names, key_order);
    for (size_t begin = 0, end = 0; begin < n; begin = end) {
        while (end < n && names[end].key == names[begin].key) {
            end++;
        }
        sort_alike(names + begin, end - begin, from);
    }
}

/// Sorts by bytes names that are alike up to `from`: by the next eight bytes as a number, and those
/// alike in these too by the eight behind, so it goes as deep as the longest has eights: 32 times.
/// Names of a large directory begin alike, but for a few: these are split off before anything is
/// sorted.
static void names_sort(dir_name *names, size_t n, size_t from)
{
    size_t begin = 0, end = 0;
    if (n <= 1) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        names[i].key = key_of(names[i].text, from);
    }
    names_split(names, n, &begin, &end);
    sort_by_key(names, begin, from);
    sort_alike(names + begin, end - begin, from);
    sort_by_key(names + end, n - end, from);
}

static sl_code names_tell(const dir_listing *list, sli_name_fn each, void *ctx, sl_error *err)
{
    for (size_t i = 0; i < list->n; i++) {
        const dir_name *at = &list->names[i];
        const sli_name name = {.name = at->text,
                               .kind = at->kind,
                               .identity = at->kind == SLI_NAME_UNKNOWN
                                               ? 0
                                               : sli_posix_identity(list->device, at->inode),
                               .dir = list};
        SL_TRY(each(ctx, &name, err));
    }
    return SL_OK;
}

sl_code sli_posix_scan(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err)
{
    (void)env;
    dir_listing list = {.path = path, .dir = opendir(path)};
    if (list.dir == NULL) {
        return sl_error_sys(err, SL_OK, errno, "%s: list", path);
    }
    list.texts = sl_arena_new(SLI_TAG_ENV);
    sl_code rc = list.texts == NULL ? sl_error_nomem(err, 0, path) : names_read(&list, err);
    if (rc == SL_OK) {
        names_sort(list.names, list.n, 0);
        rc = names_tell(&list, each, ctx, err);
    }
    closedir(list.dir); // the callbacks look by it
    sl_free(list.names);
    sl_arena_free(list.texts);
    return rc;
}

sl_code sli_posix_name_stat(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err)
{
    (void)env;
    const dir_listing *list = name->dir;
    struct stat st;
    if (fstatat(dirfd(list->dir), name->name, &st, 0) != 0) {
        return sl_error_sys(err, SL_OK, errno, "%s/%s: stat", list->path, name->name);
    }
    sli_posix_stat_fill(out, &st);
    return SL_OK;
}
