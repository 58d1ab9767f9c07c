/// dir.c — names in the real world: directories, renames, listings.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h> // RENAME_NOREPLACE on C libraries that hide it
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

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

typedef struct name_list {
    char **names;
    size_t n, capacity;
} name_list;

enum {
    LIST_LIMIT = 10000000
}; // names in one directory: some 600 MB; beyond it the directory is not ours to sort

static sl_code names_add(name_list *list, const char *name, const char *path, sl_error *err)
{
    if (list->n == LIST_LIMIT) {
        return sl_error_set(err, SL_E_NOMEM, "%s: more than %d names in one directory", path,
                            LIST_LIMIT);
    }
    if (list->n == list->capacity) {
        size_t capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        char **names = sl_realloc(SLI_TAG_ENV, list->names, capacity * sizeof *names);
        if (names == NULL) {
            return sl_error_nomem(err, capacity * sizeof *names, path);
        }
        list->names = names;
        list->capacity = capacity;
    }
    char *copy = sl_strdup(SLI_TAG_ENV, name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name), path);
    }
    list->names[list->n++] = copy;
    return SL_OK;
}

static sl_code names_read(name_list *list, DIR *dir, const char *path, sl_error *err)
{
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            return errno == 0 ? SL_OK : sl_error_sys(err, SL_OK, errno, "%s: list", path);
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            SL_TRY(names_add(list, entry->d_name, path, err));
        }
    }
}

static int name_order(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

sl_code sli_posix_list(sl_env *env, const char *path, sli_list_fn each, void *ctx, sl_error *err)
{
    (void)env;
    DIR *dir = opendir(path);
    if (dir == NULL) {
        return sl_error_sys(err, SL_OK, errno, "%s: list", path);
    }
    name_list list = {0};
    sl_code rc = names_read(&list, dir, path, err);
    closedir(dir); // before the callbacks: they may open many files
    if (rc == SL_OK && list.n > 1) {
        qsort(list.names, list.n, sizeof *list.names, name_order);
    }
    for (size_t i = 0; rc == SL_OK && i < list.n; i++) {
        rc = each(ctx, list.names[i], err);
    }
    for (size_t i = 0; i < list.n; i++) {
        sl_free(list.names[i]);
    }
    sl_free(list.names);
    return rc;
}
