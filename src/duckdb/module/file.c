/// file.c — files that SELECTs reach by a handle: /proc/self/fd/N, which DuckDB opens as any path.
///
/// So no name is read as a pattern or for keys of partitions, and a copy that was made for reading
/// needs no name: whatever the process dies of, the kernel takes it away.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "duckdb/module/duck_int.h"

struct sli_db_file {
    int fd;
    char path[32];
};

/// `path` NULL: what failed has none.
static sl_code failed(sl_error *err, const char *what, const char *path)
{
    int number = errno;
    sl_code code = number == ENOSPC || number == EDQUOT ? SL_E_NO_SPACE
                   : number == ENOENT                   ? SL_E_NOT_FOUND
                                                        : SL_E_IO;
    char why[128] = "";
    return duck_fail(err, code, "%s%s%.200s: %s", what, path == NULL ? "" : " ",
                     path == NULL ? "" : path,
                     strerror_r(number, why, sizeof why)); // GNU's, which returns the text
}

static sl_code wrap(int fd, sli_db_file **out, sl_error *err)
{
    sli_db_file *self = calloc(1, sizeof *self);
    if (self == NULL) {
        (void)close(fd);
        return duck_nomem(err);
    }
    self->fd = fd;
    (void)snprintf(self->path, sizeof self->path, "/proc/self/fd/%d", fd);
    *out = self;
    return SL_OK;
}

sl_code duck_file_open(sli_db_file **out, const char *path, sl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? failed(err, "open", path) : wrap(fd, out, err);
}

/// A file whose name is gone again when this returns.
static int open_nameless(const char *dir)
{
    char *path = duck_text("%s/copy-XXXXXX", dir);
    int fd = path == NULL ? -1 : mkostemp(path, O_CLOEXEC);
    if (fd >= 0) {
        (void)unlink(path);
    }
    free(path);
    return fd;
}

sl_code duck_file_new(sli_db_file **out, const char *dir, sl_error *err)
{
    int fd = dir == NULL ? memfd_create("sluice", MFD_CLOEXEC) : open_nameless(dir);
    return fd < 0 ? failed(err, dir == NULL ? "make a file in memory" : "make a file in", dir)
                  : wrap(fd, out, err);
}

sl_code duck_file_add(sli_db_file *file, const void *data, size_t size, sl_error *err)
{
    for (const char *at = data; size > 0;) {
        ssize_t n = write(file->fd, at, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return failed(err, "write", NULL);
        }
        at += n;
        size -= (size_t)n;
    }
    return SL_OK;
}

const char *duck_file_path(const sli_db_file *file)
{
    return file->path;
}

void duck_file_close(sli_db_file *file)
{
    if (file != NULL) {
        (void)close(file->fd);
        free(file);
    }
}
