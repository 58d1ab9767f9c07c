/// file.c — open files of the real world, and the lock that says one process owns a directory.
///
/// Writes are continued until whole, interrupted calls are repeated, descriptors are never
/// inherited by programs that the host application starts.
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/str.h"
#include "env/posix/posix_int.h"

typedef struct posix_file {
    sli_file head;
    int fd;
    sli_open_mode mode;
    char path[]; // for texts
} posix_file;

static int open_retry(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC | O_NOCTTY, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static int mode_flags(sli_open_mode mode)
{
    switch (mode) {
    case SLI_READ:
        return O_RDONLY | O_NONBLOCK; // a named pipe in a source directory must not block the open;
                                      // files ignore it
    case SLI_CREATE:
        return O_WRONLY | O_CREAT | O_EXCL | O_APPEND;
    case SLI_APPEND:
        return O_WRONLY | O_CREAT | O_APPEND;
    case SLI_REPLACE:
        return O_WRONLY | O_CREAT | O_TRUNC | O_APPEND;
    case SLI_UPDATE:
        return O_RDWR | O_CREAT;
    }
    return -1;
}

static sl_code file_wrap(sl_env *env, int fd, const char *path, sli_open_mode mode,
                         posix_file **out, sl_error *err)
{
    size_t length = strlen(path) + 1;
    posix_file *file = sl_alloc(SLI_TAG_ENV, sizeof *file + length);
    if (file == NULL) {
        return sl_error_nomem(err, sizeof *file + length, path);
    }
    file->head.env = env;
    file->fd = fd;
    file->mode = mode;
    memcpy(file->path, path, length);
    *out = file;
    return SL_OK;
}

/// Only plain files: a directory opens for reading, and fails later with a text that does not say
/// why.
static sl_code check_plain(int fd, const char *path, sl_error *err)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return sl_error_sys(err, SL_E_IO, errno, "%s: stat", path);
    }
    if (S_ISDIR(st.st_mode)) {
        return sl_error_sys(err, SL_E_IO, EISDIR, "%s", path);
    }
    if (!S_ISREG(st.st_mode)) {
        return sl_error_set(err, SL_E_IO, "%s: not a plain file", path);
    }
    return SL_OK;
}

sl_code sli_posix_file_open(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                            sl_error *err)
{
    int flags = mode_flags(mode);
    SL_ASSERT(flags >= 0, "no such open mode");
    int fd = open_retry(path, flags);
    if (fd < 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: open", path);
    }
    posix_file *file = NULL;
    sl_code rc = mode == SLI_READ ? check_plain(fd, path, err) : SL_OK;
    if (rc == SL_OK) {
        rc = file_wrap(env, fd, path, mode, &file, err);
    }
    if (rc != SL_OK) {
        close(fd);
        return rc;
    }
    *out = &file->head;
    return SL_OK;
}

sl_code sli_posix_file_read_at(sli_file *file, int64_t offset, void *out, size_t size,
                               size_t *n_read, sl_error *err)
{
    posix_file *self = (posix_file *)file;
    uint8_t *at = out;
    size_t done = 0;
    while (done < size) {
        ssize_t n = pread(self->fd, at + done, size - done, (off_t)(offset + (int64_t)done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return sl_error_sys(err, SL_OK, errno, "%s: read at %lld", self->path,
                                (long long)offset);
        }
        if (n == 0) {
            break;
        }
        done += (size_t)n;
    }
    *n_read = done;
    return SL_OK;
}

sl_code sli_posix_file_write(sli_file *file, const void *data, size_t size, sl_error *err)
{
    posix_file *self = (posix_file *)file;
    SL_ASSERT(self->mode != SLI_READ && self->mode != SLI_UPDATE,
              "this file was not opened for appending");
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t n = write(self->fd, at, size);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return sl_error_sys(err, SL_OK, errno, "%s: write of %zu bytes", self->path, size);
        }
        at += n;
        size -= (size_t)n;
    }
    return SL_OK;
}

sl_code sli_posix_file_write_at(sli_file *file, int64_t offset, const void *data, size_t size,
                                sl_error *err)
{
    posix_file *self = (posix_file *)file;
    SL_ASSERT(self->mode == SLI_UPDATE, "this file was not opened for updates");
    const uint8_t *at = data;
    while (size > 0) {
        ssize_t n = pwrite(self->fd, at, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return sl_error_sys(err, SL_OK, errno, "%s: write of %zu bytes at %lld", self->path,
                                size, (long long)offset);
        }
        at += n;
        offset += n;
        size -= (size_t)n;
    }
    return SL_OK;
}

sl_code sli_posix_file_sync(sli_file *file, sl_error *err)
{
    posix_file *self = (posix_file *)file;
    int rc;
    do {
        rc = fdatasync(self->fd);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? SL_OK : sl_error_sys(err, SL_OK, errno, "%s: sync", self->path);
}

sl_code sli_posix_file_truncate(sli_file *file, int64_t size, sl_error *err)
{
    posix_file *self = (posix_file *)file;
    int rc;
    do {
        rc = ftruncate(self->fd, (off_t)size);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 ? SL_OK
                   : sl_error_sys(err, SL_OK, errno, "%s: truncate to %lld", self->path,
                                  (long long)size);
}

uint64_t sli_posix_identity(uint64_t device, uint64_t inode)
{
    return sli_mix64(sli_mix64(device) ^ inode);
}

void sli_posix_stat_fill(sli_stat *out, const struct stat *st)
{
    *out = (sli_stat){
        .size_bytes = st->st_size,
        .modified_us = (int64_t)st->st_mtim.tv_sec * 1000000 + st->st_mtim.tv_nsec / 1000,
        .identity = sli_posix_identity((uint64_t)st->st_dev, (uint64_t)st->st_ino),
        .is_dir = S_ISDIR(st->st_mode),
        .is_file = S_ISREG(st->st_mode),
    };
}

sl_code sli_posix_file_stat(sli_file *file, sli_stat *out, sl_error *err)
{
    posix_file *self = (posix_file *)file;
    struct stat st;
    if (fstat(self->fd, &st) != 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: stat", self->path);
    }
    sli_posix_stat_fill(out, &st);
    return SL_OK;
}

sl_code sli_posix_stat(sl_env *env, const char *path, sli_stat *out, sl_error *err)
{
    (void)env;
    struct stat st;
    if (stat(path, &st) != 0) {
        return sl_error_sys(err, SL_OK, errno, "%s: stat", path);
    }
    sli_posix_stat_fill(out, &st);
    return SL_OK;
}

void sli_posix_file_close(sli_file *file)
{
    posix_file *self = (posix_file *)file;
    close(self->fd); // not repeated after EINTR: Linux has closed it by then; durability was sync's
                     // business
    sl_free(self);
}

// ---------------------------------------------------------------- locks
//
// Open-file-description locks: unlike fcntl's classic ones they also exclude a second holder in the
// same process, and the close of another descriptor of the same file does not drop them. The kernel
// drops them when the process is gone.

/// Tries to lock; *held tells. The name may have been removed and made again between open and lock:
/// then the lock is on a file that nobody else will find, and *gone is true.
static sl_code lock_try(int fd, const char *path, bool *held, bool *gone, sl_error *err)
{
    struct flock want = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    int rc;
    do {
        rc = fcntl(fd, F_OFD_SETLK, &want);
    } while (rc != 0 && errno == EINTR);
    *held = rc == 0;
    *gone = false;
    if (rc != 0) {
        return errno == EAGAIN || errno == EACCES
                   ? SL_OK
                   : sl_error_sys(err, SL_E_IO, errno, "%s: lock", path);
    }
    struct stat ours, named;
    if (fstat(fd, &ours) != 0) {
        return sl_error_sys(err, SL_E_IO, errno, "%s: stat", path);
    }
    *gone = stat(path, &named) != 0 || named.st_ino != ours.st_ino || named.st_dev != ours.st_dev;
    return SL_OK;
}

/// SL_E_BUSY with the pid that the holder wrote.
static sl_code lock_busy(int fd, const char *path, sl_error *err)
{
    char text[32] = {0};
    int64_t pid = 0;
    if (pread(fd, text, sizeof text - 1, 0) > 4 && memcmp(text, "pid ", 4) == 0) {
        sl_text digits = {text + 4, strcspn(text + 4, "\n")};
        if (sli_scan_int64(digits, &pid, NULL) != SL_OK) {
            pid = 0;
        }
    }
    if (pid <= 0) {
        return sl_error_set(err, SL_E_BUSY,
                            "%s: in use by another process (it has not told its pid yet)", path);
    }
    return sl_error_set(err, SL_E_BUSY, "%s: in use by process %lld", path, (long long)pid);
}

static sl_code lock_write(sli_file *file, const char *text, sl_error *err)
{
    sli_str line = SLI_STR_INIT;
    sli_str_printf(&line, "pid %lld\n%s", (long long)getpid(), text == NULL ? "" : text);
    sl_code rc = sli_str_check(&line, "a lock's text", err);
    if (rc == SL_OK) {
        rc = sli_posix_file_truncate(file, 0, err);
    }
    if (rc == SL_OK) {
        rc = sli_posix_file_write_at(file, 0, line.data, line.size, err);
    }
    sli_str_reset(&line);
    return rc;
}

static sl_code lock_once(sl_env *env, const char *path, const char *text, bool *gone,
                         sli_file **out, sl_error *err)
{
    sli_file *file = NULL;
    SL_TRY(sli_posix_file_open(env, path, SLI_UPDATE, &file, err));
    int fd = ((posix_file *)file)->fd;
    bool held = false;
    sl_code rc = lock_try(fd, path, &held, gone, err);
    if (rc == SL_OK && !held) {
        rc = lock_busy(fd, path, err);
    }
    if (rc == SL_OK && !*gone) {
        rc = lock_write(file, text, err);
    }
    if (rc != SL_OK || *gone) {
        sli_posix_file_close(file);
        return rc;
    }
    *out = file;
    return SL_OK;
}

sl_code sli_posix_lock_file(sl_env *env, const char *path, const char *text, sli_file **out,
                            sl_error *err)
{
    enum { TRIES = 16 };
    for (int i = 0; i < TRIES; i++) {
        bool gone = false;
        sl_code rc = lock_once(env, path, text, &gone, out, err);
        if (rc != SL_OK || !gone) {
            return rc;
        }
    }
    return sl_error_set(err, SL_E_BUSY, "%s: removed again and again while it was being locked",
                        path);
}
