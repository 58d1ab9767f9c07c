/// file.c — files and names as a simulated process sees them.
///
/// The same answers as the real world's, errno for errno: the contract suite runs on both.
#include "env/sim/sim_int.h"

#include <errno.h>

typedef struct sim_file {
    sli_file head;
    sim_inode *inode;
    sli_open_mode mode;
    bool locks;
    char path[]; // for texts
} sim_file;

static sim_env *env_of(sl_env *env)
{
    return (sim_env *)env;
}

static int64_t now_us(const sim_env *env)
{
    return env->world->mono_us + env->world->wall_offset_us;
}

static sl_code tell(sl_error *err, int why, const char *path, const char *what)
{
    return why == 0
               ? SL_OK
               : sl_error_sys(err, why == ENOMEM ? SL_E_NOMEM : SL_OK, why, "%s: %s", path, what);
}

// ---------------------------------------------------------------- open and close

/// Finds or makes the file of an open. 0 or an errno.
static int open_inode(sim_env *env, const char *path, sli_open_mode mode, sim_inode **out)
{
    sim_disk *disk = &env->world->disk;
    sim_place at;
    int why = sli_sim_disk_find(disk, path, &at);
    if (why != 0) {
        return why;
    }
    if (at.inode == NULL) {
        return mode == SLI_READ ? ENOENT : sli_sim_disk_make(disk, &at, false, now_us(env), out);
    }
    if (mode == SLI_CREATE) {
        return EEXIST;
    }
    if (at.inode->is_dir) {
        return EISDIR;
    }
    if (mode == SLI_REPLACE) {
        why = sli_sim_inode_cut(disk, at.inode, 0);
        at.inode->modified_us = now_us(env);
    }
    *out = at.inode;
    return why;
}

static sl_code open_file(sl_env *env, const char *path, sli_open_mode mode, sim_file **out,
                         sl_error *err)
{
    size_t length = strlen(path) + 1;
    sim_file *file = sl_alloc(SLI_TAG_ENV, sizeof *file + length);
    if (file == NULL) {
        return sl_error_nomem(err, sizeof *file + length, path);
    }
    sim_inode *inode = NULL;
    int why = open_inode(env_of(env), path, mode, &inode);
    if (why != 0) {
        sl_free(file);
        return tell(err, why, path, "open");
    }
    inode->handles++;
    *file = (sim_file){.head.env = env, .inode = inode, .mode = mode};
    memcpy(file->path, path, length);
    *out = file;
    return SL_OK;
}

sl_code sli_sim_file_open(sl_env *env, const char *path, sli_open_mode mode, sli_file **out,
                          sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_FILE_OPEN, err);
    sli_sim_note_text(&call, path);
    sli_sim_note_number(&call, mode);
    if (rc == SL_OK) {
        sim_file *file = NULL;
        rc = open_file(env, path, mode, &file, err);
        if (rc == SL_OK) {
            *out = &file->head;
        }
    }
    return sli_sim_end(&call, rc);
}

void sli_sim_file_close(sli_file *file)
{
    sim_file *self = (sim_file *)file;
    sim_env *env = env_of(file->env);
    bool alive = sli_sim_answer(env, SIM_FILE_CLOSE);
    if (alive && self->locks && self->inode->lock_pid == env->pid) {
        self->inode->lock_pid = 0;
    }
    self->inode->handles--;
    sli_sim_inode_release(&env->world->disk, self->inode);
    sl_free(self);
}

sl_code sli_sim_lock_file(sl_env *env, const char *path, const char *text, sli_file **out,
                          sl_error *err)
{
    sim_env *self = env_of(env);
    sim_call call;
    sl_code rc = sli_sim_begin(&call, self, SIM_FILE_LOCK, err);
    sli_sim_note_text(&call, path);
    if (rc != SL_OK) {
        return sli_sim_end(&call, rc);
    }
    sim_file *file = NULL;
    rc = open_file(env, path, SLI_UPDATE, &file, err);
    if (rc != SL_OK) {
        return sli_sim_end(&call, rc);
    }
    if (file->inode->lock_pid != 0) {
        rc = sl_error_set(err, SL_E_BUSY, "%s: in use by process %lld", path,
                          (long long)file->inode->lock_pid);
    } else {
        sli_str line = SLI_STR_INIT;
        sli_str_printf(&line, "pid %lld\n%s", (long long)self->pid, text == NULL ? "" : text);
        rc = sli_str_check(&line, "a lock's text", err);
        sim_disk *disk = &self->world->disk;
        if (rc == SL_OK) {
            rc = tell(err, sli_sim_inode_cut(disk, file->inode, 0), path, "truncate");
        }
        if (rc == SL_OK) {
            rc = tell(err, sli_sim_inode_write(disk, file->inode, 0, line.data, line.size), path,
                      "write");
        }
        sli_str_reset(&line);
    }
    if (rc == SL_OK) {
        file->inode->lock_pid = self->pid;
        file->locks = true;
        *out = &file->head;
    } else {
        file->inode->handles--;
        sli_sim_inode_release(&self->world->disk, file->inode);
        sl_free(file);
    }
    return sli_sim_end(&call, rc);
}

// ---------------------------------------------------------------- bytes

sl_code sli_sim_file_read_at(sli_file *file, int64_t offset, void *out, size_t size, size_t *n_read,
                             sl_error *err)
{
    sim_file *self = (sim_file *)file;
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(file->env), SIM_FILE_READ, err);
    sli_sim_note_number(&call, offset);
    sli_sim_note_number(&call, (int64_t)size);
    if (rc == SL_OK && (self->mode == SLI_READ || self->mode == SLI_UPDATE) && offset >= 0) {
        int64_t left = offset < self->inode->size ? self->inode->size - offset : 0;
        size_t n = (uint64_t)left < size ? (size_t)left : size;
        if (n > 0) {
            memcpy(out, self->inode->data + offset, n);
        }
        sli_sim_note(&call, out, n);
        *n_read = n;
    } else if (rc == SL_OK) {
        rc = tell(err, offset < 0 ? EINVAL : EBADF, self->path, "read");
    }
    return sli_sim_end(&call, rc);
}

/// Both kinds of writes. A write that dies or fails may have got a part of its bytes out.
static sl_code write_bytes(sim_file *file, sim_site site, int64_t offset, const void *data,
                           size_t size, sl_error *err)
{
    sim_env *env = env_of(file->head.env);
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env, site, err);
    sli_sim_note_number(&call, offset);
    sli_sim_note(&call, data, size);
    size_t part = size;
    if (call.died || call.hurt) {
        part = (size_t)sli_rng_below(&env->fault_rng, (uint64_t)size + 1);
    } else if (rc != SL_OK) {
        return sli_sim_end(&call, rc);
    }
    if (site == SIM_FILE_WRITE) {
        offset = file->inode->size; // here and not before: others may have appended while this call
                                    // waited its turn
    }
    int why = sli_sim_inode_write(&env->world->disk, file->inode, offset, data, part);
    file->inode->modified_us = now_us(env);
    if (rc == SL_OK) {
        rc = tell(err, why, file->path, "write");
    }
    return sli_sim_end(&call, rc);
}

sl_code sli_sim_file_write(sli_file *file, const void *data, size_t size, sl_error *err)
{
    sim_file *self = (sim_file *)file;
    SL_ASSERT(self->mode != SLI_READ && self->mode != SLI_UPDATE,
              "this file was not opened for appending");
    return write_bytes(self, SIM_FILE_WRITE, 0, data, size, err);
}

sl_code sli_sim_file_write_at(sli_file *file, int64_t offset, const void *data, size_t size,
                              sl_error *err)
{
    sim_file *self = (sim_file *)file;
    SL_ASSERT(self->mode == SLI_UPDATE, "this file was not opened for updates");
    SL_ASSERT(offset >= 0, "a write before the file's beginning");
    return write_bytes(self, SIM_FILE_WRITE_AT, offset, data, size, err);
}

sl_code sli_sim_file_sync(sli_file *file, sl_error *err)
{
    sim_file *self = (sim_file *)file;
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(file->env), SIM_FILE_SYNC, err);
    sli_sim_note_text(&call, self->path);
    if (rc == SL_OK) {
        sli_sim_inode_sync(self->inode);
    } else if (call.hurt) {
        sli_sim_inode_sync_failed(self->inode);
    }
    return sli_sim_end(&call, rc);
}

sl_code sli_sim_file_truncate(sli_file *file, int64_t size, sl_error *err)
{
    sim_file *self = (sim_file *)file;
    sim_env *env = env_of(file->env);
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env, SIM_FILE_TRUNCATE, err);
    sli_sim_note_text(&call, self->path);
    sli_sim_note_number(&call, size);
    if (rc == SL_OK) {
        bool allowed = size >= 0 && self->mode != SLI_READ;
        int why = allowed ? sli_sim_inode_cut(&env->world->disk, self->inode, size) : EINVAL;
        self->inode->modified_us = now_us(env);
        rc = tell(err, why, self->path, "truncate");
    }
    return sli_sim_end(&call, rc);
}

static uint64_t identity_of(const sim_inode *inode)
{
    return sli_mix64(inode->id);
}

static void stat_fill(sim_call *call, const sim_inode *inode, sli_stat *out)
{
    *out = (sli_stat){
        .size_bytes = inode->is_dir ? 0 : inode->size,
        .modified_us = inode->modified_us,
        .identity = identity_of(inode),
        .is_dir = inode->is_dir,
        .is_file = !inode->is_dir,
    };
    sli_sim_note_number(call, out->size_bytes);
    sli_sim_note_number(call, out->modified_us);
    sli_sim_note_number(call, (int64_t)out->identity);
}

sl_code sli_sim_file_stat(sli_file *file, sli_stat *out, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(file->env), SIM_FILE_STAT, err);
    if (rc == SL_OK) {
        stat_fill(&call, ((sim_file *)file)->inode, out);
    }
    return sli_sim_end(&call, rc);
}

// ---------------------------------------------------------------- names

sl_code sli_sim_stat(sl_env *env, const char *path, sli_stat *out, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_PATH_STAT, err);
    sli_sim_note_text(&call, path);
    if (rc == SL_OK) {
        sim_place at;
        int why = sli_sim_disk_find(&env_of(env)->world->disk, path, &at);
        why = why == 0 && at.inode == NULL ? ENOENT : why;
        rc = tell(err, why, path, "stat");
        if (rc == SL_OK) {
            stat_fill(&call, at.inode, out);
        }
    }
    return sli_sim_end(&call, rc);
}

int sli_sim_disk_mkdirs(sli_world *world, const char *path)
{
    char part[4096];
    size_t size = strlen(path);
    if (size >= sizeof part) {
        return ENAMETOOLONG;
    }
    for (size_t end = 1; end <= size; end++) {
        if (end < size && path[end] != '/') {
            continue;
        }
        memcpy(part, path, end);
        part[end] = '\0';
        sim_place at;
        int why = sli_sim_disk_find(&world->disk, part, &at);
        if (why == 0 && at.inode == NULL) {
            why = sli_sim_disk_make(&world->disk, &at, true, world->mono_us + world->wall_offset_us,
                                    &at.inode);
        }
        if (why == 0 && !at.inode->is_dir) {
            why = EEXIST;
        }
        if (why != 0) {
            return why == ENOTDIR ? EEXIST : why;
        }
    }
    return 0;
}

sl_code sli_sim_mkdirs(sl_env *env, const char *path, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_DIR_MAKE, err);
    sli_sim_note_text(&call, path);
    if (rc == SL_OK) {
        rc = tell(err, sli_sim_disk_mkdirs(env_of(env)->world, path), path, "make directory");
    }
    return sli_sim_end(&call, rc);
}

/// A directory can't become its own descendant.
static bool is_below(const sim_inode *dir, const sim_inode *inode)
{
    if (dir == inode) {
        return true;
    }
    for (size_t i = 0; i < inode->n_entries; i++) {
        if (inode->entries[i].inode->is_dir && is_below(dir, inode->entries[i].inode)) {
            return true;
        }
    }
    return false;
}

int sli_sim_disk_move(sim_disk *disk, const char *from, const char *to, bool replace)
{
    sim_place old, new;
    int why = sli_sim_disk_find(disk, from, &old);
    if (why == 0) {
        why = sli_sim_disk_find(disk, to, &new);
    }
    if (why != 0) {
        return why;
    }
    if (old.inode == NULL) {
        return ENOENT;
    }
    if (new.inode != NULL && !replace) {
        return EEXIST;
    }
    if (old.dir == NULL || new.dir == NULL) {
        return EBUSY;
    }
    if (old.inode->is_dir && is_below(new.dir, old.inode)) {
        return EINVAL;
    }
    if (new.inode != NULL &&new.inode != old.inode &&new.inode->is_dir != old.inode->is_dir) {
        return new.inode->is_dir ? EISDIR : ENOTDIR;
    }
    if (new.inode != NULL &&new.inode != old.inode &&new.inode->n_entries > 0) {
        return ENOTEMPTY;
    }
    return sli_sim_disk_rename(disk, &old, &new);
}

sl_code sli_sim_rename(sl_env *env, const char *from, const char *to, bool replace, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_PATH_RENAME, err);
    sli_sim_note_text(&call, from);
    sli_sim_note_text(&call, to);
    if (rc == SL_OK) {
        rc = tell(err, sli_sim_disk_move(&env_of(env)->world->disk, from, to, replace), to,
                  "rename");
    }
    return sli_sim_end(&call, rc);
}

int sli_sim_disk_remove(sim_disk *disk, const char *path, bool is_dir)
{
    sim_place at;
    int why = sli_sim_disk_find(disk, path, &at);
    if (why != 0) {
        return why;
    }
    if (at.inode == NULL) {
        return ENOENT;
    }
    if (at.dir == NULL) {
        return EBUSY;
    }
    if (at.inode->is_dir != is_dir) {
        return is_dir ? ENOTDIR : EISDIR;
    }
    return at.inode->n_entries > 0 ? ENOTEMPTY : sli_sim_disk_unlink(disk, &at);
}

static sl_code remove_any(sl_env *env, sim_site site, const char *path, bool is_dir, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), site, err);
    sli_sim_note_text(&call, path);
    if (rc == SL_OK) {
        int why = sli_sim_disk_remove(&env_of(env)->world->disk, path, is_dir);
        rc = why == ENOTEMPTY ? sl_error_sys(err, SL_E_IO, why, "%s: remove directory", path)
                              : tell(err, why, path, "remove");
    }
    return sli_sim_end(&call, rc);
}

sl_code sli_sim_remove(sl_env *env, const char *path, sl_error *err)
{
    return remove_any(env, SIM_PATH_REMOVE, path, false, err);
}

sl_code sli_sim_remove_dir(sl_env *env, const char *path, sl_error *err)
{
    return remove_any(env, SIM_DIR_REMOVE, path, true, err);
}

static int find_dir(sim_disk *disk, const char *path, sim_inode **out)
{
    sim_place at;
    int why = sli_sim_disk_find(disk, path, &at);
    if (why != 0) {
        return why;
    }
    *out = at.inode;
    return at.inode == NULL ? ENOENT : at.inode->is_dir ? 0 : ENOTDIR;
}

sl_code sli_sim_sync_dir(sl_env *env, const char *path, sl_error *err)
{
    sim_disk *disk = &env_of(env)->world->disk;
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_DIR_SYNC, err);
    sli_sim_note_text(&call, path);
    if (rc == SL_OK) {
        sim_inode *dir = NULL;
        rc = tell(err, find_dir(disk, path, &dir), path, "sync directory");
        if (rc == SL_OK) {
            sli_sim_disk_sync_dir(disk, dir);
        }
    }
    return sli_sim_end(&call, rc);
}

typedef struct sim_listing {
    const char *path;
    size_t n;
    uint64_t *identities;
    bool *are_dirs;
    sli_str names; ///< each ended by a zero
} sim_listing;

/// Copies what is told, since `each` may change the directory.
static sl_code listing_copy(sim_call *call, const sim_inode *dir, sim_listing *list, sl_error *err)
{
    if (dir->n_entries == 0) {
        return SL_OK;
    }
    list->identities = sl_alloc_array(SLI_TAG_ENV, dir->n_entries, sizeof *list->identities);
    list->are_dirs = sl_alloc_array(SLI_TAG_ENV, dir->n_entries, sizeof *list->are_dirs);
    if (list->identities == NULL || list->are_dirs == NULL) {
        return sl_error_nomem(err, dir->n_entries * sizeof *list->identities, list->path);
    }
    for (size_t i = 0; i < dir->n_entries; i++) {
        const char *name = dir->entries[i].name;
        sli_str_add(&list->names, name, strlen(name) + 1);
        list->identities[i] = identity_of(dir->entries[i].inode);
        list->are_dirs[i] = dir->entries[i].inode->is_dir;
    }
    list->n = dir->n_entries;
    sli_sim_note(call, list->names.data, list->names.size);
    return sli_str_check(&list->names, "names of a directory", err);
}

static sl_code listing_read(sl_env *env, sim_listing *list, sl_error *err)
{
    sim_call call;
    sl_code rc = sli_sim_begin(&call, env_of(env), SIM_DIR_LIST, err);
    sli_sim_note_text(&call, list->path);
    if (rc == SL_OK) {
        sim_inode *dir = NULL;
        rc = tell(err, find_dir(&env_of(env)->world->disk, list->path, &dir), list->path, "list");
        if (rc == SL_OK) {
            rc = listing_copy(&call, dir, list, err);
        }
    }
    return sli_sim_end(&call, rc);
}

sl_code sli_sim_scan(sl_env *env, const char *path, sli_name_fn each, void *ctx, sl_error *err)
{
    sim_listing list = {.path = path, .names = SLI_STR_INIT};
    sl_code rc = listing_read(env, &list, err);
    const char *at = list.names.data;
    for (size_t i = 0; rc == SL_OK && i < list.n; i++, at += strlen(at) + 1) {
        const sli_name name = {.name = at,
                               .identity = list.identities[i],
                               .kind = list.are_dirs[i] ? SLI_NAME_DIR : SLI_NAME_FILE,
                               .dir = &list};
        rc = each(ctx, &name, err);
    }
    sl_free(list.identities);
    sl_free(list.are_dirs);
    sli_str_reset(&list.names);
    return rc;
}

sl_code sli_sim_name_stat(sl_env *env, const sli_name *name, sli_stat *out, sl_error *err)
{
    const sim_listing *list = name->dir;
    sli_str path = SLI_STR_INIT;
    sli_str_printf(&path, "%s/%s", list->path, name->name);
    sl_code rc = sli_str_check(&path, name->name, err);
    if (rc == SL_OK) {
        rc = sli_sim_stat(env, path.data, out, err);
    }
    sli_str_reset(&path);
    return rc;
}
