/// local.c — the file system of this machine, or of a simulated one: the contract over env's files.
///
/// It holds no state but its env: every call but a reader's stands for itself, so any thread may
/// call at any time. What makes a publish whole is the order create, write, seal, rename, sync_dir:
/// at each moment a crash leaves nothing or the whole file under the final name (fs_contract_test.c
/// tries every one).
#include "fs/fs.h"

#include "base/arena.h"

#include <errno.h>

enum {
    REMOVE_TRIES = 8,   // of a directory that somebody else fills
    REMOVE_DEPTH = 64,  // directories below each other that remove goes into
    REMOVE_NAMES = 1000 // names it keeps at a time
};

typedef struct local_fs {
    sli_fs fs;
    sl_env *env;
} local_fs;

typedef struct local_file {
    sli_fs_file base;
    sl_env *env;
    sli_file *file;
    bool broken; // a write failed: the tail is undefined
    char path[]; // for errors and discard
} local_file;

static sl_env *env_of(sli_fs *self)
{
    return ((local_fs *)self)->env;
}

static sl_code local_open(sli_fs **out, const sli_fs_where *where, sl_error *err)
{
    local_fs *self = sl_alloc_zero(SLI_TAG_FS, sizeof(*self));
    if (self == NULL) {
        return sl_error_nomem(err, sizeof(*self), "file system");
    }
    self->fs.ops = &sli_fs_local;
    self->env = where->env;
    *out = &self->fs;
    return SL_OK;
}

static void local_close(sli_fs *self)
{
    sl_free(self);
}

// ---------------------------------------------------------------- looking

static sli_fs_entry entry_of(const sli_stat *stat, const char *name)
{
    return (sli_fs_entry){.name = name,
                          .size_bytes = stat->size_bytes,
                          .modified_us = stat->modified_us,
                          .identity = stat->identity,
                          .is_dir = stat->is_dir};
}

typedef struct lister {
    sl_env *env;
    sli_fs_knows_fn knows; // NULL: nothing
    sli_fs_list_fn each;
    void *ctx;
} lister;

static sl_code list_name(void *ctx, const sli_name *name, sl_error *err)
{
    lister *l = ctx;
    if (name->kind == SLI_NAME_OTHER) { // reading a pipe could wait for ever
        return SL_OK;
    }
    if (name->kind == SLI_NAME_FILE && l->knows != NULL &&
        l->knows(l->ctx, name->name, name->identity)) {
        return l->each(
            l->ctx,
            &(sli_fs_entry){.name = name->name, .identity = name->identity, .is_known = true}, err);
    }
    sli_stat stat = {0};
    sl_error missing = SL_ERROR_INIT;
    sl_code rc = sli_name_stat(l->env, name, &stat, &missing);
    if (rc == SL_E_NOT_FOUND) { // vanished since the listing, or a link to nowhere
        return SL_OK;
    }
    if (rc != SL_OK) {
        if (err != NULL) {
            *err = missing;
        }
        return rc;
    }
    if (!stat.is_dir && !stat.is_file) { // a link to a pipe
        return SL_OK;
    }
    sli_fs_entry entry = entry_of(&stat, name->name);
    return l->each(l->ctx, &entry, err);
}

static sl_code local_scan(sli_fs *self, const char *dir, sli_fs_knows_fn knows, sli_fs_list_fn each,
                          void *ctx, sl_error *err)
{
    lister l = {env_of(self), knows, each, ctx};
    return sli_env_scan(l.env, dir, list_name, &l, err);
}

static sl_code local_list(sli_fs *self, const char *dir, sli_fs_list_fn each, void *ctx,
                          sl_error *err)
{
    return local_scan(self, dir, NULL, each, ctx, err);
}

static sl_code local_stat(sli_fs *self, const char *path, sli_fs_entry *out, sl_error *err)
{
    sli_stat stat = {0};
    SL_TRY(sli_env_stat(env_of(self), path, &stat, err));
    if (!stat.is_dir && !stat.is_file) {
        return sl_error_set(err, SL_E_UNSUPPORTED, "%s: neither a file nor a directory", path);
    }
    *out = entry_of(&stat, NULL);
    return SL_OK;
}

static sl_code local_read(sli_fs *self, const char *path, int64_t offset, void *out, size_t size,
                          size_t *n, sl_error *err)
{
    sli_file *file = NULL;
    if (offset < 0) {
        return sl_error_set(err, SL_E_INVALID, "%s: read before the file's begin", path);
    }
    SL_TRY(sli_file_open(env_of(self), path, SLI_READ, &file, err));
    sl_code rc = sli_file_read_at(file, offset, out, size, n, err);
    sli_file_close(&file);
    return rc;
}

typedef struct local_reader {
    sli_fs_reader base;
    sli_file *file;
    int64_t at;
} local_reader;

static sl_code local_reader_open(sli_fs *self, const char *path, int64_t offset,
                                 sli_fs_reader **out, sl_error *err)
{
    if (offset < 0) {
        return sl_error_set(err, SL_E_INVALID, "%s: read before the file's begin", path);
    }
    local_reader *reader = sl_alloc_zero(SLI_TAG_FS, sizeof *reader);
    if (reader == NULL) {
        return sl_error_nomem(err, sizeof *reader, path);
    }
    *reader = (local_reader){.base = {self}, .at = offset};
    sl_code rc = sli_file_open(env_of(self), path, SLI_READ, &reader->file, err);
    if (rc != SL_OK) {
        sl_free(reader);
        return rc;
    }
    *out = &reader->base;
    return SL_OK;
}

static sl_code local_reader_next(sli_fs_reader *base, void *out, size_t size, size_t *n,
                                 sl_error *err)
{
    local_reader *reader = (local_reader *)base;
    SL_TRY(sli_file_read_at(reader->file, reader->at, out, size, n, err));
    reader->at += (int64_t)*n;
    return SL_OK;
}

static void local_reader_close(sli_fs_reader **base)
{
    local_reader *reader = (local_reader *)*base;
    *base = NULL;
    if (reader != NULL) {
        sli_file_close(&reader->file);
        sl_free(reader);
    }
}

// ---------------------------------------------------------------- writing

static sl_code local_mkdirs(sli_fs *self, const char *dir, sl_error *err)
{
    return sli_env_mkdirs(env_of(self), dir, err);
}

static sl_code local_create(sli_fs *self, const char *path, sli_fs_file **out, sl_error *err)
{
    size_t n = strlen(path) + 1;
    local_file *file = sl_alloc_zero(SLI_TAG_FS, sizeof(*file) + n);
    if (file == NULL) {
        return sl_error_nomem(err, sizeof(*file) + n, path);
    }
    file->base.fs = self;
    file->env = env_of(self);
    memcpy(file->path, path, n);
    sl_code rc = sli_file_open(file->env, path, SLI_CREATE, &file->file, err);
    if (rc != SL_OK) {
        sl_free(file);
        return rc;
    }
    *out = &file->base;
    return SL_OK;
}

static sl_code local_write(sli_fs_file *base, const void *data, size_t size, sl_error *err)
{
    local_file *file = (local_file *)base;
    if (file->broken) {
        return sl_error_set(err, SL_E_STATE, "%s: an earlier write failed", file->path);
    }
    sl_code rc = sli_file_write(file->file, data, size, err);
    file->broken = rc != SL_OK;
    return rc;
}

static void local_discard(sli_fs_file **base)
{
    local_file *file = (local_file *)*base;
    *base = NULL;
    if (file == NULL) {
        return;
    }
    sli_file_close(&file->file);
    (void)sli_env_remove(file->env, file->path,
                         NULL); // what stays is staged and unnamed; recovery removes it
    sl_free(file);
}

static sl_code local_seal(sli_fs_file **base, sl_error *err)
{
    local_file *file = (local_file *)*base;
    sl_code rc = file->broken
                     ? sl_error_set(err, SL_E_STATE, "%s: an earlier write failed", file->path)
                     : sli_file_sync(file->file, err);
    if (rc != SL_OK) {
        local_discard(base); // a file whose content is unknown must not be taken for a sealed one
        return rc;
    }
    sli_file_close(&file->file);
    sl_free(file);
    *base = NULL;
    return SL_OK;
}

static sl_code local_rename(sli_fs *self, const char *from, const char *to, sl_error *err)
{
    return sli_env_rename(env_of(self), from, to, false, err);
}

static sl_code local_sync_dir(sli_fs *self, const char *dir, sl_error *err)
{
    return sli_env_sync_dir(env_of(self), dir, err);
}

// ---------------------------------------------------------------- removing

typedef struct names {
    sl_arena *arena;
    const char *at[REMOVE_NAMES];
    int32_t n;
    bool more;
} names;

static sl_code keep_name(void *ctx, const char *name, sl_error *err)
{
    names *kept = ctx;
    if (kept->n == REMOVE_NAMES) {
        kept->more = true;
        return SL_E_END; // the rest comes with the next listing
    }
    const char *copy = sl_arena_strdup(kept->arena, name);
    if (copy == NULL) {
        return sl_error_nomem(err, strlen(name), "a name");
    }
    kept->at[kept->n++] = copy;
    return SL_OK;
}

static sl_code remove_tree(sl_env *env, const char *path, int depth, sl_error *err);

// Removes what is in a directory, up to REMOVE_NAMES of it. *more: there was more.
static sl_code remove_some(sl_env *env, const char *dir, int depth, bool *more, sl_error *err)
{
    names *kept =
        sl_alloc_zero(SLI_TAG_FS, sizeof(*kept)); // not on the stack: this is called within itself
    if (kept == NULL) {
        return sl_error_nomem(err, sizeof(*kept), dir);
    }
    kept->arena = sl_arena_new(SLI_TAG_FS);
    sl_code rc = kept->arena == NULL ? sl_error_nomem(err, 0, dir)
                                     : sli_env_list(env, dir, keep_name, kept, err);
    if (rc == SL_E_END && kept->more) {
        rc = SL_OK;
    }
    for (int32_t i = 0; rc == SL_OK && i < kept->n; i++) {
        const char *path = sli_path_join(kept->arena, dir, kept->at[i]);
        rc = path == NULL ? sl_error_nomem(err, strlen(dir), "a path")
                          : remove_tree(env, path, depth + 1, err);
    }
    *more = kept->more;
    sl_arena_free(kept->arena);
    sl_free(kept);
    return rc;
}

// Removes a file, a link or an empty directory; *full tells of a directory with something in it.
// rmdir says "not empty" of real directories only, never of a link to one, so no link is ever
// followed. A plain file takes one call. Not inlined: its two errors would lie on the stack once
// for each level of the tree.
__attribute__((noinline)) static sl_code remove_one(sl_env *env, const char *path, bool *full,
                                                    sl_error *err)
{
    sl_error as_file = SL_ERROR_INIT, as_dir = SL_ERROR_INIT;
    sl_code rc = sli_env_remove(env, path, &as_file);
    if (rc == SL_OK || rc == SL_E_NOT_FOUND) {
        return SL_OK;
    }
    sl_code dir_rc = sli_env_remove_dir(env, path, &as_dir);
    if (dir_rc == SL_OK || (dir_rc == SL_E_NOT_FOUND && as_dir.sys_errno == ENOENT)) {
        return SL_OK;
    }
    *full = as_dir.sys_errno == ENOTEMPTY || as_dir.sys_errno == EEXIST;
    if (*full) {
        return SL_OK;
    }
    bool is_dir =
        as_dir.sys_errno != ENOTDIR; // else a file that can't be removed: the first answer says why
    if (err != NULL) {
        *err = is_dir ? as_dir : as_file;
    }
    return is_dir ? dir_rc : rc;
}

// Another process may put new names in meanwhile: a driver that does not know yet that it is
// superseded.
static sl_code remove_full_dir(sl_env *env, const char *path, int depth, sl_error *err)
{
    if (depth >= REMOVE_DEPTH) {
        return sl_error_set(err, SL_E_INVALID,
                            "%s: more than %d directories below each other; remove it by hand",
                            path, REMOVE_DEPTH);
    }
    bool full = true;
    for (int i = 0; full && i < REMOVE_TRIES; i++) {
        for (bool more = true; more;) { // ends: each round removes something or fails
            SL_TRY(remove_some(env, path, depth, &more, err));
        }
        full = false;
        SL_TRY(remove_one(env, path, &full, err));
    }
    return full ? sli_env_remove_dir(env, path, err) : SL_OK; // tells why
}

static sl_code remove_tree(sl_env *env, const char *path, int depth, sl_error *err)
{
    bool full = false;
    SL_TRY(remove_one(env, path, &full, err));
    return full ? remove_full_dir(env, path, depth, err) : SL_OK;
}

static sl_code local_remove(sli_fs *self, const char *path, sl_error *err)
{
    return remove_tree(env_of(self), path, 0, err);
}

// ---------------------------------------------------------------- the table

static const sl_option no_options[] = {{0}};

const sli_fs_ops sli_fs_local = {
    .struct_size = sizeof(sli_fs_ops),
    .scheme = "file",
    .abilities = SLI_FS_SYNC | SLI_FS_RENAME_KEEPS,
    .options = no_options,
    .open = local_open,
    .list = local_list,
    .stat = local_stat,
    .read = local_read,
    .mkdirs = local_mkdirs,
    .create = local_create,
    .write = local_write,
    .seal = local_seal,
    .discard = local_discard,
    .rename = local_rename,
    .sync_dir = local_sync_dir,
    .remove = local_remove,
    .close = local_close,
    .reader_open = local_reader_open,
    .reader_next = local_reader_next,
    .reader_close = local_reader_close,
    .scan = local_scan,
};

sl_code sli_fs_open_local(sli_fs **out, sl_env *env, sl_error *err)
{
    return local_open(out, &(sli_fs_where){.env = env}, err);
}
