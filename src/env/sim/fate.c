/// fate.c — what a power loss leaves of the simulated disk.
///
/// First everything that is not durable is taken back, the newest first; then some of it is put on
/// again. Half of the time the disk wrote in order (a beginning is kept, the next piece is torn),
/// half of the time as it pleased: each change is kept, lost or torn by itself. Both happen on real
/// disks, and each finds other mistakes.
#include "env/sim/sim_int.h"

typedef enum fate { KEPT, LOST, TORN } fate;

static bool coin(sli_rng *rng)
{
    return sli_rng_below(rng, 2) == 0;
}

/// For write-outs in order: how many of `n` changes got there.
static size_t in_order(sli_rng *rng, size_t n)
{
    return (size_t)sli_rng_below(rng, n + 1);
}

static void must(int why)
{
    SL_ASSERT(why == 0, "no memory to make up a power loss");
}

// ---------------------------------------------------------------- names

static void name_undo(sim_name_change *c)
{
    if (c->kind == SIM_LINK) {
        sli_sim_entry_drop(c->dir, c->name);
    } else if (c->kind == SIM_UNLINK) {
        must(sli_sim_entry_put(c->dir, c->name, c->inode));
    } else {
        sli_sim_entry_drop(c->to_dir, c->to_name);
        if (c->replaced != NULL) {
            must(sli_sim_entry_put(c->to_dir, c->to_name, c->replaced));
        }
        must(sli_sim_entry_put(c->dir, c->name, c->inode));
    }
}

static void name_redo(sim_name_change *c)
{
    const sim_inode *gone = c->kind == SIM_UNLINK ? c->inode : c->replaced;
    SL_ASSERT(gone == NULL || gone->n_entries == 0, "a directory goes before what is in it");
    if (c->kind == SIM_LINK) {
        must(sli_sim_entry_put(c->dir, c->name, c->inode));
    } else if (c->kind == SIM_UNLINK) {
        sli_sim_entry_drop(c->dir, c->name);
    } else {
        sli_sim_entry_drop(c->dir, c->name);
        if (c->replaced != NULL) {
            sli_sim_entry_drop(c->to_dir, c->to_name);
        }
        must(sli_sim_entry_put(c->to_dir, c->to_name, c->inode));
    }
}

static void names_fate(sim_disk *disk, sli_rng *rng, bool lose_all)
{
    bool ordered = coin(rng);
    size_t n_kept = in_order(rng, disk->n_names);
    for (size_t i = 0; i < disk->n_names; i++) {
        bool keep = ordered ? i < n_kept : coin(rng);
        disk->names[i].keep = keep && !lose_all;
    }
    sli_sim_names_close_over(disk);
    for (size_t i = disk->n_names; i-- > 0;) {
        name_undo(&disk->names[i]);
    }
    for (size_t i = 0; i < disk->n_names; i++) {
        if (disk->names[i].keep) {
            name_redo(&disk->names[i]);
        }
    }
    size_t n = disk->n_names;
    disk->n_names = 0;
    for (size_t i = 0; i < n; i++) {
        sli_sim_name_change_reset(disk, &disk->names[i]);
    }
}

// ---------------------------------------------------------------- bytes

/// Takes one change back. The bytes it had written go to *written (sl_free), since later changes
/// are off already.
static void bytes_undo(sim_disk *disk, sim_inode *inode, const sim_change *c, uint8_t **written)
{
    *written = NULL;
    if (!c->is_cut) {
        *written = sl_alloc(SLI_TAG_ENV, (size_t)c->size);
        must(*written == NULL);
        memcpy(*written, inode->data + c->offset, (size_t)c->size);
    }
    must(sli_sim_inode_resize(disk, inode, c->old_size));
    if (c->n_old > 0) {
        memcpy(inode->data + c->offset, c->old, (size_t)c->n_old);
    }
}

static void put_bytes(sim_disk *disk, sim_inode *inode, int64_t offset, const uint8_t *bytes,
                      int64_t size)
{
    if (offset + size > inode->size) {
        must(sli_sim_inode_resize(disk, inode, offset + size));
    }
    memcpy(inode->data + offset, bytes, (size_t)size);
}

/// Some pieces of a write arrive, at least one does not. What is missing shows old bytes, zeroes or
/// rubbish; or, at the end, nothing.
static void put_torn(sim_disk *disk, sim_inode *inode, const sim_change *c, uint8_t *bytes,
                     sli_rng *rng)
{
    enum { MOST = 4 };
    int64_t n = 2 + (int64_t)sli_rng_below(rng, MOST - 1);
    int64_t missing = (int64_t)sli_rng_below(rng, (uint64_t)n), from = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t left = c->size - from;
        int64_t size = i == n - 1 ? left : (int64_t)sli_rng_below(rng, (uint64_t)left + 1);
        if (i != missing && coin(rng)) {
            put_bytes(disk, inode, c->offset + from, bytes + from, size);
        } else if (sli_rng_below(rng, 4) == 0) {
            for (int64_t k = 0; k < size; k++) {
                bytes[from + k] = (uint8_t)sli_rng_next(rng);
            }
            put_bytes(disk, inode, c->offset + from, bytes + from, size);
        }
        from += size;
    }
    if (coin(rng) && inode->size < c->offset + c->size) {
        must(sli_sim_inode_resize(disk, inode,
                                  c->offset + c->size)); // the length got there, the bytes did not
    }
}

static fate change_fate(const sim_change *c, size_t i, size_t n_kept, bool ordered, sli_rng *rng)
{
    if (c->durable) {
        return KEPT;
    }
    if (c->lost) {
        return coin(rng) ? LOST : TORN;
    }
    if (ordered) {
        return i < n_kept ? KEPT : i == n_kept && coin(rng) ? TORN : LOST;
    }
    return (fate)sli_rng_below(rng, 3);
}

static void bytes_redo(sim_disk *disk, sim_inode *inode, const sim_change *c, uint8_t *written,
                       fate what, sli_rng *rng)
{
    if (what == LOST) {
        return;
    }
    if (c->is_cut) {
        must(sli_sim_inode_resize(disk, inode, c->offset)); // a length is one number: never torn
    } else if (what == KEPT) {
        put_bytes(disk, inode, c->offset, written, c->size);
    } else {
        put_torn(disk, inode, c, written, rng);
    }
}

static void inode_fate(sim_disk *disk, sim_inode *inode, sli_rng *rng, bool lose_all)
{
    size_t n = inode->n_changes;
    if (n == 0) {
        return;
    }
    uint8_t **written = sl_alloc_array(SLI_TAG_ENV, n, sizeof *written);
    must(written == NULL);
    for (size_t i = n; i-- > 0;) {
        bytes_undo(disk, inode, &inode->changes[i], &written[i]);
    }
    bool ordered = coin(rng);
    size_t n_kept = in_order(rng, n);
    for (size_t i = 0; i < n; i++) {
        const sim_change *c = &inode->changes[i];
        fate what = change_fate(c, i, n_kept, ordered, rng);
        bytes_redo(disk, inode, c, written[i], lose_all && !c->durable ? LOST : what, rng);
        sl_free(written[i]);
    }
    sl_free(written);
    sli_sim_changes_reset(inode);
}

void sli_sim_fate_power_loss(sim_disk *disk, sli_rng *rng, bool lose_all)
{
    names_fate(disk, rng, lose_all);
    for (sim_inode *inode = disk->inodes; inode != NULL; inode = inode->next) {
        inode_fate(disk, inode, rng, lose_all);
    }
}
