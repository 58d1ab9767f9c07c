/// vfs.c — SQLite's files through env, so that the very same SQLite runs in simulation, where its
/// writes are torn, its names are lost and the process dies at any call.
///
/// Used in simulation only. In the real world SQLite's own files are used: readers in other
/// processes lock with SQLite's byte ranges, which env does not have. Here one lock file stands for
/// all levels of locks: whoever reads or writes has the database alone. Write-ahead logging needs
/// shared memory and is not offered.
///
/// SQLite tells only kinds of failures, so the first failure of env is kept for the caller.
#include "sink/sqlite/sqlite_int.h"

#include "base/arena.h"

#include <stdio.h>

enum { MAX_PATH = 1024, SECTOR = 512 };

struct sli_sqlite_vfs {
    sqlite3_vfs head; // pAppData is this struct
    sl_env *env;
    sl_error error; // the first failure since it was asked for
    char name[40];
};

typedef struct vfs_file {
    sqlite3_file head;
    sli_sqlite_vfs *vfs;
    sli_file *file, *lock;
    char *path;
    bool name_is_new; // the directory has to be synced with the file
    bool remove;      // when closed
} vfs_file;

static int fail(sli_sqlite_vfs *vfs, const sl_error *why, int rc)
{
    if (vfs->error.code == SL_OK) {
        vfs->error = *why;
    }
    return why->code == SL_E_NO_SPACE ? SQLITE_FULL : why->code == SL_E_NOMEM ? SQLITE_NOMEM : rc;
}

static vfs_file *file_of(sqlite3_file *file)
{
    return (vfs_file *)file;
}

// ---------------------------------------------------------------- one file

static int file_close(sqlite3_file *head)
{
    vfs_file *f = file_of(head);
    sli_file_close(&f->lock);
    sli_file_close(&f->file);
    if (f->remove) {
        (void)sli_env_remove(f->vfs->env, f->path, NULL);
    }
    sl_free(f->path);
    f->path = NULL;
    return SQLITE_OK;
}

static int file_read(sqlite3_file *head, void *out, int size, sqlite3_int64 offset)
{
    vfs_file *f = file_of(head);
    sl_error why = SL_ERROR_INIT;
    size_t n = 0;
    if (sli_file_read_at(f->file, offset, out, (size_t)size, &n, &why) != SL_OK) {
        return fail(f->vfs, &why, SQLITE_IOERR_READ);
    }
    if (n < (size_t)size) { // SQLite wants zeroes
        memset((char *)out + n, 0, (size_t)size - n);
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int file_write(sqlite3_file *head, const void *data, int size, sqlite3_int64 offset)
{
    vfs_file *f = file_of(head);
    sl_error why = SL_ERROR_INIT;
    return sli_file_write_at(f->file, offset, data, (size_t)size, &why) == SL_OK
               ? SQLITE_OK
               : fail(f->vfs, &why, SQLITE_IOERR_WRITE);
}

static int file_truncate(sqlite3_file *head, sqlite3_int64 size)
{
    vfs_file *f = file_of(head);
    sl_error why = SL_ERROR_INIT;
    return sli_file_truncate(f->file, size, &why) == SL_OK
               ? SQLITE_OK
               : fail(f->vfs, &why, SQLITE_IOERR_TRUNCATE);
}

static sl_code sync_dir_of(sl_env *env, const char *path, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_SINK);
    const char *dir = arena == NULL ? NULL : sli_path_dir(arena, path);
    sl_code rc = dir == NULL ? sl_error_nomem(err, strlen(path), "a directory's path")
                             : sli_env_sync_dir(env, dir, err);
    sl_arena_free(arena);
    return rc;
}

static int file_sync(sqlite3_file *head, int flags)
{
    (void)flags;
    vfs_file *f = file_of(head);
    sl_error why = SL_ERROR_INIT;
    if (sli_file_sync(f->file, &why) != SL_OK) {
        return fail(f->vfs, &why, SQLITE_IOERR_FSYNC);
    }
    if (f->name_is_new) {
        if (sync_dir_of(f->vfs->env, f->path, &why) != SL_OK) {
            return fail(f->vfs, &why, SQLITE_IOERR_DIR_FSYNC);
        }
        f->name_is_new = false;
    }
    return SQLITE_OK;
}

static int file_size(sqlite3_file *head, sqlite3_int64 *size)
{
    vfs_file *f = file_of(head);
    sl_error why = SL_ERROR_INIT;
    sli_stat stat = {0};
    if (sli_file_stat(f->file, &stat, &why) != SL_OK) {
        return fail(f->vfs, &why, SQLITE_IOERR_FSTAT);
    }
    *size = stat.size_bytes;
    return SQLITE_OK;
}

static int file_lock(sqlite3_file *head, int level)
{
    vfs_file *f = file_of(head);
    sl_error why = SL_ERROR_INIT;
    char path[MAX_PATH + 8];
    if (level == SQLITE_LOCK_NONE || f->lock != NULL) {
        return SQLITE_OK;
    }
    (void)snprintf(path, sizeof path, "%s-lock", f->path);
    sl_code rc = sli_env_lock_file(f->vfs->env, path, NULL, &f->lock, &why);
    return rc == SL_OK       ? SQLITE_OK
           : rc == SL_E_BUSY ? SQLITE_BUSY
                             : fail(f->vfs, &why, SQLITE_IOERR_LOCK);
}

static int file_unlock(sqlite3_file *head, int level)
{
    vfs_file *f = file_of(head);
    if (level == SQLITE_LOCK_NONE) {
        sli_file_close(&f->lock);
    }
    return SQLITE_OK;
}

static int file_check_reserved(sqlite3_file *head, int *out)
{
    (void)head;
    *out = 0; // whoever asks has the lock, so nobody else is writing
    return SQLITE_OK;
}

static int file_control(sqlite3_file *head, int op, void *arg)
{
    (void)head;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *head)
{
    (void)head;
    return SECTOR;
}

static int file_abilities(sqlite3_file *head)
{
    (void)head;
    return 0; // no write is atomic, and a torn one may harm its neighbours in the sector
}

static const sqlite3_io_methods methods = {
    .iVersion = 1,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_reserved,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_abilities,
};

// ---------------------------------------------------------------- names

static sli_sqlite_vfs *vfs_of(sqlite3_vfs *head)
{
    return head->pAppData;
}

static int vfs_open(sqlite3_vfs *head, const char *path, sqlite3_file *out, int flags,
                    int *flags_out)
{
    sli_sqlite_vfs *vfs = vfs_of(head);
    vfs_file *f = file_of(out);
    sl_error why = SL_ERROR_INIT;
    sli_stat stat;
    *f = (vfs_file){.vfs = vfs};
    if (path == NULL) { // temporary files: they are kept in memory
        return SQLITE_CANTOPEN;
    }
    sl_code rc = sli_env_stat(vfs->env, path, &stat, &why);
    f->name_is_new = rc == SL_E_NOT_FOUND;
    if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
        return fail(vfs, &why, SQLITE_CANTOPEN);
    }
    f->path = sl_strdup(SLI_TAG_SINK, path);
    if (f->path == NULL) {
        return SQLITE_NOMEM;
    }
    bool create = (flags & SQLITE_OPEN_CREATE) != 0, write = (flags & SQLITE_OPEN_READWRITE) != 0;
    if (f->name_is_new && !create) {
        sl_free(f->path);
        return SQLITE_CANTOPEN;
    }
    rc = sli_file_open(vfs->env, path, write ? SLI_UPDATE : SLI_READ, &f->file, &why);
    if (rc != SL_OK) {
        sl_free(f->path);
        return fail(vfs, &why, SQLITE_CANTOPEN);
    }
    f->remove = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    f->head.pMethods = &methods;
    if (flags_out != NULL) {
        *flags_out = flags;
    }
    return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *head, const char *path, int sync_dir)
{
    sli_sqlite_vfs *vfs = vfs_of(head);
    sl_error why = SL_ERROR_INIT;
    sl_code rc = sli_env_remove(vfs->env, path, &why);
    if (rc == SL_E_NOT_FOUND) {
        return SQLITE_IOERR_DELETE_NOENT;
    }
    if (rc == SL_OK && sync_dir != 0) {
        rc = sync_dir_of(vfs->env, path, &why);
    }
    return rc == SL_OK ? SQLITE_OK : fail(vfs, &why, SQLITE_IOERR_DELETE);
}

static int vfs_access(sqlite3_vfs *head, const char *path, int flags, int *out)
{
    (void)flags;
    sli_sqlite_vfs *vfs = vfs_of(head);
    sl_error why = SL_ERROR_INIT;
    sli_stat stat;
    sl_code rc = sli_env_stat(vfs->env, path, &stat, &why);
    if (rc != SL_OK && rc != SL_E_NOT_FOUND) {
        return fail(vfs, &why, SQLITE_IOERR_ACCESS);
    }
    *out = rc == SL_OK;
    return SQLITE_OK;
}

static int vfs_full_path(sqlite3_vfs *head, const char *path, int size, char *out)
{
    (void)head;
    size_t n = strlen(path) + 1;
    if (n > (size_t)size) {
        return SQLITE_CANTOPEN;
    }
    memcpy(out, path, n);
    return SQLITE_OK;
}

static int vfs_random(sqlite3_vfs *head, int size, char *out)
{
    return sli_env_random(vfs_of(head)->env, out, (size_t)size, NULL) == SL_OK ? size : 0;
}

static int vfs_sleep(sqlite3_vfs *head, int us)
{
    sl_env *env = vfs_of(head)->env;
    sli_signal *never = sli_signal_new(env);
    if (never != NULL) { // a wait for nothing: others run, virtual time goes on
        (void)sli_signal_wait(never, sli_env_mono_us(env) + us, NULL);
        sli_signal_free(never);
    }
    return us;
}

static int vfs_time(sqlite3_vfs *head, sqlite3_int64 *out)
{
    // Milliseconds since noon, 24 November 4714 BC, as SQLite counts.
    *out = sli_env_wall_us(vfs_of(head)->env) / 1000 + INT64_C(210866760000000);
    return SQLITE_OK;
}

static int vfs_last_error(sqlite3_vfs *head, int size, char *out)
{
    (void)head;
    (void)size;
    (void)out;
    return 0;
}

// ---------------------------------------------------------------- life

sl_code sli_sqlite_vfs_new(sli_sqlite_vfs **out, sl_env *env, sl_error *err)
{
    sli_sqlite_vfs *vfs = sl_alloc_zero(SLI_TAG_SINK, sizeof(*vfs));
    if (vfs == NULL) {
        return sl_error_nomem(err, sizeof(*vfs), "SQLite's files");
    }
    vfs->env = env;
    // SQLite keeps them by name; the address is only to be unique and is never shown.
    (void)snprintf(vfs->name, sizeof vfs->name, "sluice-%p", (void *)vfs);
    vfs->head = (sqlite3_vfs){
        .iVersion = 2,
        .szOsFile = (int)sizeof(vfs_file),
        .mxPathname = MAX_PATH,
        .zName = vfs->name,
        .pAppData = vfs,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_path,
        .xRandomness = vfs_random,
        .xSleep = vfs_sleep,
        .xGetLastError = vfs_last_error,
        .xCurrentTimeInt64 = vfs_time,
    };
    if (sqlite3_vfs_register(&vfs->head, 0) != SQLITE_OK) {
        sl_free(vfs);
        return sl_error_nomem(err, sizeof(*vfs), "SQLite's files");
    }
    // SQLite's own generator marks journals; it is seeded from the real world otherwise.
    uint32_t seed = 0;
    (void)sli_env_random(env, &seed, sizeof seed, NULL);
    (void)sqlite3_test_control(SQLITE_TESTCTRL_PRNG_SEED, (int)(seed >> 1 | 1), (sqlite3 *)NULL);
    *out = vfs;
    return SL_OK;
}

void sli_sqlite_vfs_free(sli_sqlite_vfs *vfs)
{
    if (vfs != NULL) {
        (void)sqlite3_vfs_unregister(&vfs->head);
        sl_free(vfs);
    }
}

const char *sli_sqlite_vfs_name(const sli_sqlite_vfs *vfs)
{
    return vfs->name;
}

sl_code sli_sqlite_vfs_failure(sli_sqlite_vfs *vfs, sl_error *err)
{
    sl_error found = vfs->error;
    vfs->error = SL_ERROR_INIT;
    if (found.code != SL_OK && err != NULL) {
        *err = found;
    }
    return found.code;
}
