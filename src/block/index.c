/// index.c — the blocks by id, by owner and by age. Only pointers: no locks, no I/O, no budget.
///
/// Ages are kept by owner, so that leaving one owner out costs nothing however many blocks it has:
/// a victim is the oldest of the owners' oldest. Owners are datasets and shuffles that are alive,
/// some dozens; the walk over them happens only when memory is short.
#include "base/hash.h"
#include "block/block_int.h"

enum { FIRST_BUCKETS = 64 };

static uint64_t hash_of_owner(sli_block_kind kind, int64_t owner)
{
    return sli_mix64((uint64_t)owner ^ ((uint64_t)kind << 56));
}

static uint64_t hash_of_id(sli_block_id id)
{
    uint64_t numbers = (uint64_t)(uint32_t)id.major << 32 | (uint32_t)id.minor;
    return sli_mix64(hash_of_owner(id.kind, id.owner) ^ numbers);
}

static bool same_id(sli_block_id a, sli_block_id b)
{
    return a.kind == b.kind && a.owner == b.owner && a.major == b.major && a.minor == b.minor;
}

sl_code sli_block_index_init(sli_block_index *index, sl_error *err)
{
    *index = (sli_block_index){.n_buckets = FIRST_BUCKETS, .n_owner_buckets = FIRST_BUCKETS};
    index->buckets = sl_alloc_array(SLI_TAG_BLOCK, FIRST_BUCKETS, sizeof(sli_block *));
    index->owner_buckets = sl_alloc_array(SLI_TAG_BLOCK, FIRST_BUCKETS, sizeof(sli_owner_entry *));
    if (index->buckets == NULL || index->owner_buckets == NULL) {
        sl_free(index->buckets);
        sl_free(index->owner_buckets);
        return sl_error_nomem(err, FIRST_BUCKETS * sizeof(sli_block *), "block table");
    }
    return SL_OK;
}

void sli_block_index_reset(sli_block_index *index)
{
    SL_ASSERT(index->n_blocks == 0 && index->owners == NULL,
              "a block table is freed with blocks in it");
    sl_free(index->buckets);
    sl_free(index->owner_buckets);
}

// ---------------------------------------------------------------- owners

static sli_owner_entry **owner_bucket(const sli_block_index *index, sli_block_kind kind,
                                      int64_t owner)
{
    return &index->owner_buckets[hash_of_owner(kind, owner) &
                                 (uint64_t)(index->n_owner_buckets - 1)];
}

sli_owner_entry *sli_block_index_owner(const sli_block_index *index, sli_block_kind kind,
                                       int64_t owner)
{
    sli_owner_entry *at = *owner_bucket(index, kind, owner);
    while (at != NULL && (at->kind != kind || at->owner != owner)) {
        at = at->chain;
    }
    return at;
}

/// Doubles the owners' buckets. Without memory chains get longer, nothing else.
static void grow_owners(sli_block_index *index)
{
    int64_t n = index->n_owner_buckets * 2;
    sli_owner_entry **buckets = sl_alloc_array(SLI_TAG_BLOCK, (size_t)n, sizeof *buckets);
    if (buckets == NULL) {
        return;
    }
    sl_free(index->owner_buckets);
    index->owner_buckets = buckets;
    index->n_owner_buckets = n;
    for (sli_owner_entry *o = index->owners; o != NULL; o = o->after) {
        sli_owner_entry **bucket = owner_bucket(index, o->kind, o->owner);
        o->chain = *bucket;
        *bucket = o;
    }
}

static sli_owner_entry *make_owner(sli_block_index *index, sli_block_kind kind, int64_t owner)
{
    sli_owner_entry *entry = sl_alloc_zero(SLI_TAG_BLOCK, sizeof *entry);
    if (entry == NULL) {
        return NULL;
    }
    if (index->n_owners == index->n_owner_buckets) {
        grow_owners(index);
    }
    entry->kind = kind;
    entry->owner = owner;
    sli_owner_entry **bucket = owner_bucket(index, kind, owner);
    entry->chain = *bucket;
    *bucket = entry;
    entry->after = index->owners;
    if (entry->after != NULL) {
        entry->after->before = entry;
    }
    index->owners = entry;
    index->n_owners++;
    return entry;
}

static void drop_owner(sli_block_index *index, sli_owner_entry *entry)
{
    sli_owner_entry **at = owner_bucket(index, entry->kind, entry->owner);
    while (*at != entry) {
        at = &(*at)->chain;
    }
    *at = entry->chain;
    if (entry->before != NULL) {
        entry->before->after = entry->after;
    } else {
        index->owners = entry->after;
    }
    if (entry->after != NULL) {
        entry->after->before = entry->before;
    }
    index->n_owners--;
    sl_free(entry);
}

// ---------------------------------------------------------------- idle blocks, oldest first

static void make_idle(sli_block_index *index, sli_block *block)
{
    if (block->content == NULL || block->content->bytes == 0) {
        return; // evicting it would free nothing
    }
    sli_owner_entry *owner = block->owner;
    block->is_idle = true;
    block->stamp = ++index->clock;
    block->newer = NULL;
    block->older = owner->newest;
    if (block->older != NULL) {
        block->older->newer = block;
    } else {
        owner->oldest = block;
    }
    owner->newest = block;
    owner->idle_bytes += block->content->bytes;
    index->idle_bytes += block->content->bytes;
}

static void make_busy(sli_block_index *index, sli_block *block)
{
    if (!block->is_idle) {
        return;
    }
    sli_owner_entry *owner = block->owner;
    if (block->older != NULL) {
        block->older->newer = block->newer;
    } else {
        owner->oldest = block->newer;
    }
    if (block->newer != NULL) {
        block->newer->older = block->older;
    } else {
        owner->newest = block->older;
    }
    block->is_idle = false;
    owner->idle_bytes -= block->content->bytes;
    index->idle_bytes -= block->content->bytes;
}

void sli_block_index_pin(sli_block_index *index, sli_block *block)
{
    make_busy(index, block);
    block->pins++;
}

bool sli_block_index_unpin(sli_block_index *index, sli_block *block)
{
    SL_ASSERT(block->pins > 0, "a block is unpinned that nobody has pinned");
    block->pins--;
    if (block->pins > 0) {
        return false;
    }
    if (!block->removed) {
        make_idle(index, block);
    }
    return block->removed;
}

static bool needs_no_writing(const sli_block *block)
{
    return block->level == SL_MEMORY_ONLY || block->file.number != 0;
}

sli_block *sli_block_index_victim(const sli_block_index *index, sli_block_kind kind, int64_t owner,
                                  int64_t need, bool droppable)
{
    const sli_owner_entry *own = sli_block_index_owner(index, kind, owner);
    if (index->idle_bytes - (own == NULL ? 0 : own->idle_bytes) < need) {
        return NULL; // evicting all of it would not help, so nothing is lost in vain
    }
    sli_block *victim = NULL;
    for (const sli_owner_entry *o = index->owners; o != NULL; o = o->after) {
        if (o == own) {
            continue;
        }
        sli_block *oldest = o->oldest;
        while (droppable && oldest != NULL && !needs_no_writing(oldest)) {
            oldest = oldest->newer;
        }
        if (oldest != NULL && (victim == NULL || oldest->stamp < victim->stamp)) {
            victim = oldest;
        }
    }
    return victim;
}

// ---------------------------------------------------------------- blocks

static sli_block **bucket_of(const sli_block_index *index, sli_block_id id)
{
    return &index->buckets[hash_of_id(id) & (uint64_t)(index->n_buckets - 1)];
}

sli_block *sli_block_index_find(const sli_block_index *index, sli_block_id id)
{
    sli_block *at = *bucket_of(index, id);
    while (at != NULL && !same_id(at->id, id)) {
        at = at->chain;
    }
    return at;
}

/// Doubles the buckets. Without memory chains get longer, nothing else.
static void grow(sli_block_index *index)
{
    int64_t n_old = index->n_buckets;
    sli_block **old = index->buckets;
    sli_block **buckets = sl_alloc_array(SLI_TAG_BLOCK, (size_t)n_old * 2, sizeof *buckets);
    if (buckets == NULL) {
        return;
    }
    index->buckets = buckets;
    index->n_buckets = n_old * 2;
    for (int64_t i = 0; i < n_old; i++) {
        sli_block *next = NULL;
        for (sli_block *b = old[i]; b != NULL; b = next) {
            next = b->chain;
            sli_block **bucket = bucket_of(index, b->id);
            b->chain = *bucket;
            *bucket = b;
        }
    }
    sl_free(old);
}

sl_code sli_block_index_add(sli_block_index *index, sli_block *block, sl_error *err)
{
    if (index->n_blocks >= SLI_BLOCKS_MAX) {
        return sl_error_set(
            err, SL_E_NOMEM,
            "%d blocks are kept already: use fewer partitions or unpersist datasets",
            (int)SLI_BLOCKS_MAX);
    }
    sli_owner_entry *owner = sli_block_index_owner(index, block->id.kind, block->id.owner);
    if (owner == NULL) {
        owner = make_owner(index, block->id.kind, block->id.owner);
    }
    if (owner == NULL) {
        return sl_error_nomem(err, sizeof *owner, "owner of a block");
    }
    if (index->n_blocks == index->n_buckets) {
        grow(index);
    }
    sli_block **bucket = bucket_of(index, block->id);
    block->chain = *bucket;
    *bucket = block;
    block->owner = owner;
    block->before = NULL;
    block->after = owner->blocks;
    if (block->after != NULL) {
        block->after->before = block;
    }
    owner->blocks = block;
    index->n_blocks++;
    if (block->pins == 0) {
        make_idle(index, block);
    }
    return SL_OK;
}

void sli_block_index_remove(sli_block_index *index, sli_block *block)
{
    make_busy(index, block);
    sli_block **at = bucket_of(index, block->id);
    while (*at != block) {
        at = &(*at)->chain;
    }
    *at = block->chain;
    sli_owner_entry *owner = block->owner;
    if (block->before != NULL) {
        block->before->after = block->after;
    } else {
        owner->blocks = block->after;
    }
    if (block->after != NULL) {
        block->after->before = block->before;
    }
    index->n_blocks--;
    if (owner->blocks == NULL) {
        drop_owner(index, owner);
    }
    block->owner = NULL;
    block->chain = NULL;
    block->removed = true;
}
