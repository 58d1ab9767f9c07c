/// names.c — the simulated disk's names: which changes of directories are durable.
///
/// Each link, unlink and rename since the last sync of its directory is kept in order, so that a
/// power loss can take it back. Syncing a directory makes durable what happened in it, and whatever
/// that rests on: a kept rename implies that the file was made. Stricter than most filesystems:
/// syncing a file does not make its name durable.
#include "env/sim/sim_int.h"

#include <errno.h>

static void pin(sim_inode *inode, int32_t by)
{
    if (inode != NULL) {
        inode->pins += by;
    }
}

static void change_pin(const sim_name_change *change, int32_t by)
{
    pin(change->dir, by);
    pin(change->inode, by);
    pin(change->to_dir, by);
    pin(change->replaced, by);
}

void sli_sim_name_change_reset(sim_disk *disk, sim_name_change *change)
{
    change_pin(change, -1);
    sli_sim_inode_release(disk, change->inode);
    if (change->replaced != change->inode) {
        sli_sim_inode_release(disk, change->replaced);
    }
    if (change->dir != change->inode && change->dir != change->replaced) {
        sli_sim_inode_release(disk, change->dir);
    }
    if (change->to_dir != change->dir && change->to_dir != change->inode &&
        change->to_dir != change->replaced) {
        sli_sim_inode_release(disk, change->to_dir);
    }
    sl_free(change->name);
    sl_free(change->to_name);
    *change = (sim_name_change){0};
}

/// Records a change that was made. On failure nothing is recorded.
static int change_record(sim_disk *disk, sim_name_change change, const char *name,
                         const char *to_name)
{
    if (disk->n_names == disk->names_capacity) {
        size_t capacity = disk->names_capacity == 0 ? 16 : disk->names_capacity * 2;
        sim_name_change *names = sl_realloc(SLI_TAG_ENV, disk->names, capacity * sizeof *names);
        if (names == NULL) {
            return ENOMEM;
        }
        disk->names = names;
        disk->names_capacity = capacity;
    }
    change.name = sl_strdup(SLI_TAG_ENV, name);
    change.to_name = to_name == NULL ? NULL : sl_strdup(SLI_TAG_ENV, to_name);
    if (change.name == NULL || (to_name != NULL && change.to_name == NULL)) {
        sl_free(change.name);
        sl_free(change.to_name);
        return ENOMEM;
    }
    change_pin(&change, 1);
    disk->names[disk->n_names++] = change;
    return 0;
}

// ---------------------------------------------------------------- what rests on what

static bool touches(const sim_name_change *change, const sim_inode *dir, const char *name)
{
    return (change->dir == dir && strcmp(change->name, name) == 0) ||
           (change->to_dir != NULL && change->to_dir == dir && strcmp(change->to_name, name) == 0);
}

static bool mentions(const sim_name_change *change, const sim_inode *inode)
{
    return inode != NULL && (change->inode == inode || change->replaced == inode);
}

/// True when `later` can't have happened without `earlier`: both are about one name (a file has one
/// name at a time, so a chain of names is also the chain of a file).
static bool rests_on(const sim_name_change *later, const sim_name_change *earlier)
{
    if (touches(earlier, later->dir, later->name) ||
        (later->to_dir != NULL && touches(earlier, later->to_dir, later->to_name))) {
        return true;
    }
    // The removal of a directory rests on the removal of what was in it.
    const sim_inode *gone = later->kind == SIM_UNLINK ? later->inode : later->replaced;
    return gone != NULL && (earlier->dir == gone || earlier->to_dir == gone);
}

void sli_sim_names_close_over(sim_disk *disk)
{
    for (size_t i = disk->n_names; i-- > 0;) {
        for (size_t j = 0; disk->names[i].keep && j < i; j++) {
            disk->names[j].keep = disk->names[j].keep || rests_on(&disk->names[i], &disk->names[j]);
        }
    }
}

/// Forgets what is marked `keep`: it is durable now.
static void forget_kept(sim_disk *disk)
{
    sli_sim_names_close_over(disk);
    size_t n = 0;
    for (size_t i = 0; i < disk->n_names; i++) {
        if (disk->names[i].keep) {
            sli_sim_name_change_reset(disk, &disk->names[i]);
        } else {
            disk->names[n++] = disk->names[i];
        }
    }
    disk->n_names = n;
}

void sli_sim_disk_sync_dir(sim_disk *disk, const sim_inode *dir)
{
    for (size_t i = 0; i < disk->n_names; i++) {
        const sim_name_change *c = &disk->names[i];
        disk->names[i].keep = (c->kind == SIM_RENAME ? c->to_dir : c->dir) == dir;
    }
    forget_kept(disk);
}

void sli_sim_disk_sync_all_names(sim_disk *disk, const sim_inode *inode)
{
    for (size_t i = 0; i < disk->n_names; i++) {
        disk->names[i].keep = mentions(&disk->names[i], inode);
    }
    forget_kept(disk);
}

// ---------------------------------------------------------------- changes

int sli_sim_disk_make(sim_disk *disk, const sim_place *at, bool is_dir, int64_t now_us,
                      sim_inode **out)
{
    sim_inode *inode = sli_sim_inode_new(disk, is_dir, now_us);
    if (inode == NULL) {
        return ENOMEM;
    }
    int why = sli_sim_entry_put(at->dir, at->name, inode);
    if (why == 0) {
        why =
            change_record(disk, (sim_name_change){.kind = SIM_LINK, .dir = at->dir, .inode = inode},
                          at->name, NULL);
        if (why != 0) {
            sli_sim_entry_drop(at->dir, at->name);
        }
    }
    if (why != 0) {
        sli_sim_inode_release(disk, inode);
        return why;
    }
    *out = inode;
    return 0;
}

/// A file made and removed since the last sync leaves no record, else a job's short-lived files
/// would pile up in ours. The disk on which only the making survived is the one of a crash between
/// the two.
static bool forget_pair(sim_disk *disk, const sim_place *at)
{
    size_t found = disk->n_names;
    for (size_t i = 0; i < disk->n_names; i++) {
        const sim_name_change *c = &disk->names[i];
        if (c->kind == SIM_LINK && c->inode == at->inode && touches(c, at->dir, at->name)) {
            found = i;
        } else if (mentions(c, at->inode) || touches(c, at->dir, at->name) || c->dir == at->inode ||
                   c->to_dir == at->inode) {
            return false;
        }
    }
    if (found == disk->n_names) {
        return false;
    }
    sli_sim_name_change_reset(disk, &disk->names[found]);
    memmove(&disk->names[found], &disk->names[found + 1],
            (disk->n_names - found - 1) * sizeof *disk->names);
    disk->n_names--;
    return true;
}

int sli_sim_disk_unlink(sim_disk *disk, const sim_place *at)
{
    sim_inode *inode = at->inode;
    if (!forget_pair(disk, at)) {
        sim_name_change change = {.kind = SIM_UNLINK, .dir = at->dir, .inode = inode};
        int why = change_record(disk, change, at->name, NULL);
        if (why != 0) {
            return why;
        }
    }
    sli_sim_entry_drop(at->dir, at->name);
    sli_sim_inode_release(disk, inode);
    return 0;
}

int sli_sim_disk_rename(sim_disk *disk, const sim_place *from, const sim_place *to)
{
    sim_inode *inode = from->inode;
    if (inode == to->inode) {
        return 0; // the same file: nothing to do, as rename(2) has it
    }
    sim_name_change change = {.kind = SIM_RENAME,
                              .dir = from->dir,
                              .inode = inode,
                              .to_dir = to->dir,
                              .replaced = to->inode};
    int why = change_record(disk, change, from->name, to->name);
    if (why != 0) {
        return why;
    }
    if (to->inode != NULL) {
        sli_sim_entry_drop(to->dir, to->name);
    }
    why = sli_sim_entry_put(to->dir, to->name, inode);
    if (why == 0) {
        sli_sim_entry_drop(from->dir, from->name);
        return 0;
    }
    if (to->inode !=
        NULL) { // its slot and pin are still there, only the name's copy can fail once more
        int again = sli_sim_entry_put(to->dir, to->name, to->inode);
        SL_ASSERT(again == 0, "no memory to take a simulated rename back");
    }
    sli_sim_name_change_reset(disk, &disk->names[--disk->n_names]);
    return why;
}
