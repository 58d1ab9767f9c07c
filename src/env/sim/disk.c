/// disk.c — the simulated disk's files: bytes, and which of them are durable.
///
/// A file holds what a reader sees now. Each change since the last sync is kept with what it
/// replaced, so that a power loss can take the changes back and put some of them on again (fate.c).
/// A sync forgets them.
#include "env/sim/sim_int.h"

#include <errno.h>

/// Makes room for one more item in a growing array.
static bool room_for_one(void **items, size_t n, size_t *capacity, size_t item_size)
{
    if (n < *capacity) {
        return true;
    }
    size_t wanted = *capacity == 0 ? 8 : *capacity * 2;
    void *moved = sl_realloc(SLI_TAG_ENV, *items, wanted * item_size);
    if (moved == NULL) {
        return false;
    }
    *items = moved;
    *capacity = wanted;
    return true;
}

// ---------------------------------------------------------------- bytes

static int bytes_reserve(sim_inode *inode, int64_t size)
{
    if (size <= inode->capacity) {
        return 0;
    }
    int64_t capacity = inode->capacity == 0 ? 256 : inode->capacity;
    while (capacity < size) {
        capacity *= 2;
    }
    uint8_t *data = sl_realloc(SLI_TAG_ENV, inode->data, (size_t)capacity);
    if (data == NULL) {
        return ENOMEM;
    }
    inode->data = data;
    inode->capacity = capacity;
    return 0;
}

int sli_sim_inode_resize(sim_disk *disk, sim_inode *inode, int64_t size)
{
    int why = bytes_reserve(inode, size);
    if (why != 0) {
        return why;
    }
    if (size > inode->size) {
        memset(inode->data + inode->size, 0, (size_t)(size - inode->size));
    }
    disk->used_bytes += size - inode->size;
    inode->size = size;
    return 0;
}

/// Records that [offset, offset + size) is about to be written, or that the file is about to be cut
/// at `offset`.
static int change_add(sim_inode *inode, int64_t offset, int64_t size, bool is_cut)
{
    void *items = inode->changes;
    bool fits =
        room_for_one(&items, inode->n_changes, &inode->changes_capacity, sizeof *inode->changes);
    inode->changes = items;
    if (!fits) {
        return ENOMEM;
    }
    int64_t end = is_cut || offset + size > inode->size ? inode->size : offset + size;
    sim_change change = {.offset = offset, .size = size, .old_size = inode->size, .is_cut = is_cut};
    if (end > offset) {
        change.n_old = end - offset;
        change.old = sl_alloc(SLI_TAG_ENV, (size_t)change.n_old);
        if (change.old == NULL) {
            return ENOMEM;
        }
        memcpy(change.old, inode->data + offset, (size_t)change.n_old);
    }
    inode->changes[inode->n_changes++] = change;
    return 0;
}

int sli_sim_inode_write(sim_disk *disk, sim_inode *inode, int64_t offset, const void *data,
                        size_t size)
{
    int64_t end = offset + (int64_t)size;
    int64_t room = disk->limit_bytes == 0 ? INT64_MAX : disk->limit_bytes - disk->used_bytes;
    int full = 0;
    if (end > inode->size && end - inode->size > room) {
        full = ENOSPC;
        end = inode->size + (room < 0 ? 0 : room);
    }
    if (end <= offset) {
        return full;
    }
    int why = bytes_reserve(inode, end);
    if (why == 0) {
        why = change_add(inode, offset, end - offset, false);
    }
    if (why != 0) {
        return why;
    }
    if (end > inode->size) {
        why = sli_sim_inode_resize(disk, inode, end);
        SL_ASSERT(why == 0, "the room was reserved");
    }
    memcpy(inode->data + offset, data, (size_t)(end - offset));
    return full;
}

int sli_sim_inode_cut(sim_disk *disk, sim_inode *inode, int64_t size)
{
    if (size == inode->size) {
        return 0;
    }
    if (size > inode->size && disk->limit_bytes != 0 &&
        size - inode->size > disk->limit_bytes - disk->used_bytes) {
        return ENOSPC;
    }
    int why = bytes_reserve(inode, size);
    if (why == 0) {
        why = change_add(inode, size, 0, true);
    }
    return why != 0 ? why : sli_sim_inode_resize(disk, inode, size);
}

void sli_sim_changes_reset(sim_inode *inode)
{
    for (size_t i = 0; i < inode->n_changes; i++) {
        sl_free(inode->changes[i].old);
    }
    inode->n_changes = 0;
}

void sli_sim_inode_sync(sim_inode *inode)
{
    bool any_lost = false;
    for (size_t i = 0; i < inode->n_changes; i++) {
        any_lost = any_lost || inode->changes[i].lost;
        inode->changes[i].durable = !inode->changes[i].lost;
    }
    if (!any_lost) { // else they are needed to take the lost ones back from under them
        sli_sim_changes_reset(inode);
    }
}

void sli_sim_inode_sync_failed(sim_inode *inode)
{
    // As Linux does it: the pages are marked clean, so the next sync says yes, and they were never
    // written.
    for (size_t i = 0; i < inode->n_changes; i++) {
        inode->changes[i].lost = !inode->changes[i].durable;
    }
}

// ---------------------------------------------------------------- inodes

sim_inode *sli_sim_inode_new(sim_disk *disk, bool is_dir, int64_t now_us)
{
    sim_inode *inode = sl_alloc_zero(SLI_TAG_ENV, sizeof *inode);
    if (inode == NULL) {
        return NULL;
    }
    inode->id = ++disk->n_made;
    inode->is_dir = is_dir;
    inode->modified_us = now_us;
    inode->next = disk->inodes;
    disk->inodes = inode;
    return inode;
}

static void inode_free(sim_disk *disk, sim_inode *inode)
{
    disk->used_bytes -= inode->size;
    sli_sim_changes_reset(inode);
    for (size_t i = 0; i < inode->n_entries; i++) {
        sl_free(inode->entries[i].name);
    }
    sl_free(inode->entries);
    sl_free(inode->changes);
    sl_free(inode->data);
    sl_free(inode);
}

void sli_sim_inode_release(sim_disk *disk, sim_inode *inode)
{
    if (inode == NULL || inode == disk->root || inode->links + inode->handles + inode->pins > 0) {
        return;
    }
    while (inode->n_entries >
           0) { // a directory that a power loss cut off takes what is below it with it
        sim_inode *below = inode->entries[inode->n_entries - 1].inode;
        sli_sim_entry_drop(inode, inode->entries[inode->n_entries - 1].name);
        sli_sim_inode_release(disk, below);
    }
    sim_inode **at = &disk->inodes;
    while (*at != inode) {
        at = &(*at)->next;
    }
    *at = inode->next;
    inode_free(disk, inode);
}

bool sli_sim_disk_init(sim_disk *disk, int64_t limit_bytes)
{
    disk->limit_bytes = limit_bytes;
    disk->root = sli_sim_inode_new(disk, true, 0);
    return disk->root != NULL;
}

void sli_sim_disk_reset(sim_disk *disk)
{
    for (size_t i = 0; i < disk->n_names; i++) {
        sl_free(disk->names[i].name);
        sl_free(disk->names[i].to_name);
    }
    sl_free(disk->names);
    while (disk->inodes != NULL) {
        sim_inode *inode = disk->inodes;
        disk->inodes = inode->next;
        inode_free(disk, inode);
    }
    *disk = (sim_disk){0};
}

// ---------------------------------------------------------------- entries and paths

/// Where `name` is in a directory, or would be.
static size_t entry_place(const sim_inode *dir, const char *name)
{
    size_t low = 0, high = dir->n_entries;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(dir->entries[middle].name, name) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

sim_inode *sli_sim_entry_find(const sim_inode *dir, const char *name)
{
    size_t i = entry_place(dir, name);
    return i < dir->n_entries && strcmp(dir->entries[i].name, name) == 0 ? dir->entries[i].inode
                                                                         : NULL;
}

int sli_sim_entry_put(sim_inode *dir, const char *name, sim_inode *inode)
{
    void *items = dir->entries;
    bool fits = room_for_one(&items, dir->n_entries, &dir->entries_capacity, sizeof *dir->entries);
    dir->entries = items;
    char *copy = fits ? sl_strdup(SLI_TAG_ENV, name) : NULL;
    if (copy == NULL) {
        return ENOMEM;
    }
    size_t i = entry_place(dir, name);
    SL_ASSERT(i == dir->n_entries || strcmp(dir->entries[i].name, name) != 0, "one name twice");
    memmove(&dir->entries[i + 1], &dir->entries[i], (dir->n_entries - i) * sizeof *dir->entries);
    dir->entries[i] = (sim_entry){copy, inode};
    dir->n_entries++;
    inode->links++;
    return 0;
}

void sli_sim_entry_drop(sim_inode *dir, const char *name)
{
    size_t i = entry_place(dir, name);
    SL_ASSERT(i < dir->n_entries && strcmp(dir->entries[i].name, name) == 0,
              "no such name to drop");
    char *freed = dir->entries[i].name; // `name` may be this very string
    dir->entries[i].inode->links--;
    dir->n_entries--;
    memmove(&dir->entries[i], &dir->entries[i + 1], (dir->n_entries - i) * sizeof *dir->entries);
    sl_free(freed);
}

/// Cuts the next part off a path; false at its end.
static bool path_next(const char **at, char *out, size_t capacity, int *why)
{
    *at += strspn(*at, "/");
    size_t size = strcspn(*at, "/");
    if (size == 0) {
        return false;
    }
    if (size >= capacity) {
        *why = ENAMETOOLONG;
        return false;
    }
    memcpy(out, *at, size);
    out[size] = '\0';
    *at += size;
    return true;
}

int sli_sim_disk_find(sim_disk *disk, const char *path, sim_place *out)
{
    enum { DEPTH = 64 };
    sim_inode *way[DEPTH + 1] = {disk->root}; // for ".."
    int depth = 0, why = 0;
    *out = (sim_place){.inode = disk->root};
    if (*path == '\0') {
        return ENOENT;
    }
    char part[sizeof out->name];
    while (path_next(&path, part, sizeof part, &why)) {
        if (strcmp(part, ".") == 0) {
            continue;
        }
        if (strcmp(part, "..") == 0) {
            depth = depth > 0 ? depth - 1 : 0;
            *out = (sim_place){.inode = way[depth]};
            continue;
        }
        if (out->inode == NULL) {
            return ENOENT;
        }
        if (!out->inode->is_dir) {
            return ENOTDIR;
        }
        if (depth == DEPTH) {
            return ENAMETOOLONG;
        }
        out->dir = out->inode;
        memcpy(out->name, part, sizeof part);
        out->inode = sli_sim_entry_find(out->dir, part);
        way[++depth] = out->inode;
    }
    return why;
}
