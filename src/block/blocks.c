/// blocks.c — the block table: put, read, remove, and who has to go when memory is short.
///
/// One mutex guards the index; it is never held while a batch is freed, a file is touched or a
/// caller's function runs. What is used outside the lock is pinned: a pinned block keeps its
/// content and its file, also when somebody removes or replaces it meanwhile, and is freed by the
/// last one who unpins it.
///
///     put ─► reserve ─ok─► in memory, idle ──evict: MEMORY_ONLY────► gone
///              │ full              ▲     └──evict: MEMORY_AND_DISK─► on disk
///              │                   └── read again, and there is room ────┘
///              └─ evict others, try again; nothing can go ─► own content to disk, or not kept
#include "block/block_int.h"

static const sli_metric_info infos[] = {
    {.name = "sluice_blocks", .kind = SLI_GAUGE, .text = "Blocks kept, in memory or on disk."},
    {.name = "sluice_block_memory_bytes",
     .kind = SLI_GAUGE,
     .unit = "bytes",
     .text = "Memory held by blocks."},
    {.name = "sluice_block_disk_bytes",
     .kind = SLI_GAUGE,
     .unit = "bytes",
     .text = "Disk used by spilled blocks."},
    {.name = "sluice_blocks_evicted_total",
     .kind = SLI_COUNTER,
     .text = "Blocks that left memory for others, spilled or dropped."},
    {.name = "sluice_blocks_spilled_total",
     .kind = SLI_COUNTER,
     .text = "Blocks written to the spill directory."},
    {.name = "sluice_blocks_spilled_bytes_total",
     .kind = SLI_COUNTER,
     .unit = "bytes",
     .text = "Bytes written to the spill directory."},
    {.name = "sluice_blocks_dropped_total",
     .kind = SLI_COUNTER,
     .text = "MEMORY_ONLY blocks that were evicted or not kept; their lineage makes them again."},
    {.name = "sluice_blocks_reloaded_total",
     .kind = SLI_COUNTER,
     .text = "Reads of spilled blocks."},
    {.name = "sluice_blocks_returned_total",
     .kind = SLI_COUNTER,
     .text = "Spilled blocks that a read has put back into memory."},
    {.name = "sluice_block_spill_failures_total",
     .kind = SLI_COUNTER,
     .text = "Blocks that could not be written to the spill directory."},
    {.name = "sluice_block_damaged_total",
     .kind = SLI_COUNTER,
     .text = "Spilled blocks that could not be read back."},
    {0},
};
enum {
    BLOCKS,
    MEMORY,
    DISK,
    EVICTED,
    SPILLED,
    SPILLED_BYTES,
    DROPPED,
    RELOADED,
    RETURNED,
    SPILL_FAILURES,
    DAMAGED,
    N_METRICS
};
_Static_assert(sizeof infos / sizeof *infos == N_METRICS + 1, "a name for each metric");

enum { MIN_TRIM = 16 << 20 };

struct sli_blocks {
    sli_budget *budget;
    sli_spill spill;
    sli_mutex mutex; // SLI_RANK_BLOCK: index, counts
    sli_block_index index;
    int64_t counts[N_METRICS];
    int64_t spilled_since_trim;     // bytes
    sli_metric *metrics[N_METRICS]; // NULL when nobody wants any
};

/// Locks: the table's.
static void count(sli_blocks *self, int what, int64_t n)
{
    self->counts[what] += n;
    if (self->metrics[what] != NULL) {
        sli_metric_add(self->metrics[what], n);
    }
}

static void count_alone(sli_blocks *self, int what, int64_t n)
{
    sli_mutex_lock(&self->mutex);
    count(self, what, n);
    sli_mutex_unlock(&self->mutex);
}

sl_code sli_blocks_new(sli_blocks **out, sl_env *env, sli_budget *budget, const char *spill_dir,
                       sli_metrics *metrics, sl_error *err)
{
    sli_blocks *self = sl_alloc_zero(SLI_TAG_BLOCK, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "block table");
    }
    self->budget = budget;
    sl_code rc = sli_block_index_init(&self->index, err);
    if (rc == SL_OK) {
        rc = sli_spill_init(&self->spill, env, spill_dir, err);
        if (rc != SL_OK) {
            sli_block_index_reset(&self->index);
        }
    }
    if (rc != SL_OK) {
        sl_free(self);
        return rc;
    }
    sli_mutex_init(&self->mutex, SLI_RANK_BLOCK);
    for (int i = 0; metrics != NULL && i < N_METRICS; i++) {
        self->metrics[i] = sli_metrics_series(metrics, &infos[i], NULL);
    }
    *out = self;
    return SL_OK;
}

void sli_blocks_spill_limit(sli_blocks *blocks, int64_t limit_bytes)
{
    SL_ASSERT(limit_bytes >= 0, "a limit is not negative");
    sli_mutex_lock(&blocks->spill.mutex);
    blocks->spill.limit_bytes = limit_bytes;
    sli_mutex_unlock(&blocks->spill.mutex);
}

// ---------------------------------------------------------------- content

void sli_content_free(sli_content *content)
{
    if (content == NULL) {
        return;
    }
    for (int32_t i = 0; i < content->n; i++) {
        sl_batch_unref(content->batches[i]);
    }
    sl_free(content);
}

/// References to the batches, or compact copies of those that pin much more than they show. Not
/// reserved yet.
static sl_code make_content(sl_batch *const *batches, int32_t n, sli_content **out, sl_error *err)
{
    size_t size = sizeof(sli_content) + (size_t)n * sizeof(sl_batch *);
    sli_content *content = sl_alloc(SLI_TAG_BLOCK, size);
    if (content == NULL) {
        return sl_error_nomem(err, size, "batches of a block");
    }
    content->n = 0;
    content->bytes = 0;
    for (int32_t i = 0; i < n; i++) {
        sl_batch *kept = NULL;
        if (sli_batch_is_loose(batches[i])) {
            sl_code rc = sli_batch_compact(batches[i], &kept, err);
            if (rc != SL_OK) {
                sli_content_free(content);
                return rc;
            }
        } else {
            kept = sl_batch_ref(batches[i]);
        }
        content->batches[content->n++] = kept;
        content->bytes += sl_batch_bytes(kept);
    }
    *out = content;
    return SL_OK;
}

/// Frees reserved content.
static void drop_content(sli_blocks *self, sli_content *content)
{
    if (content == NULL) {
        return;
    }
    int64_t bytes = content->bytes;
    sli_content_free(content);
    sli_budget_release(self->budget, bytes);
    count_alone(self, MEMORY, -bytes);
}

/// Frees a block that is in no index and that nobody uses; content that it has is reserved.
static void free_block(sli_blocks *self, sli_block *block)
{
    drop_content(self, block->content);
    if (block->file.number != 0) {
        sli_spill_remove(&self->spill, block->file);
        count_alone(self, DISK, -block->file.size_bytes);
    }
    sl_free(block);
}

static void free_list(sli_blocks *self, sli_block *doomed)
{
    while (doomed != NULL) {
        sli_block *next = doomed->chain;
        free_block(self, doomed);
        doomed = next;
    }
}

/// Takes a block out. Locks: the table's. Adds it to *doomed when nobody uses it.
static void take_out(sli_blocks *self, sli_block *block, sli_block **doomed)
{
    sli_block_index_remove(&self->index, block);
    count(self, BLOCKS, -1);
    if (block->pins == 0) {
        block->chain = *doomed;
        *doomed = block;
    }
}

// ---------------------------------------------------------------- eviction

/// After so many spilled bytes the memory they left is given back to the system.
static int64_t trim_bytes(const sli_blocks *self)
{
    int64_t share = sli_budget_limit(self->budget);
    return share < MIN_TRIM ? MIN_TRIM : share;
}

static void trim_when_due(sli_blocks *self)
{
    sli_mutex_lock(&self->mutex);
    bool is_due = self->spilled_since_trim >= trim_bytes(self);
    self->spilled_since_trim = is_due ? 0 : self->spilled_since_trim;
    sli_mutex_unlock(&self->mutex);
    if (is_due) {
        sli_mem_trim();
    }
}

/// Writes content to a new file.
static sl_code spill(sli_blocks *self, const sli_content *content, sli_spill_file *out,
                     sl_error *err)
{
    sl_code rc = sli_spill_write(&self->spill, content->batches, content->n, out, err);
    sli_mutex_lock(&self->mutex);
    if (rc == SL_OK) {
        count(self, SPILLED, 1);
        count(self, SPILLED_BYTES, out->size_bytes);
        count(self, DISK, out->size_bytes);
        self->spilled_since_trim += out->size_bytes;
    } else {
        count(self, SPILL_FAILURES, 1);
    }
    sli_mutex_unlock(&self->mutex);
    trim_when_due(self);
    return rc;
}

/// The pinned block that shall make room for `block`, or NULL.
static sli_block *choose(sli_blocks *self, const sli_block *block, bool droppable)
{
    int64_t over = sli_budget_used(self->budget) - sli_budget_limit(self->budget);
    sli_mutex_lock(&self->mutex);
    sli_block *victim = sli_block_index_victim(&self->index, block->id.kind, block->id.owner,
                                               over + block->content->bytes, droppable);
    if (victim != NULL) {
        sli_block_index_pin(&self->index, victim);
    }
    sli_mutex_unlock(&self->mutex);
    return victim;
}

/// Takes a pinned block's content out of memory, unless somebody has begun to use it. After a
/// failure it is as it was.
static sl_code evict(sli_blocks *self, sli_block *victim, sl_error *err)
{
    bool drop = victim->level == SL_MEMORY_ONLY;
    sli_spill_file file = victim->file; // nobody changes it under our pin
    sl_code rc = SL_OK;
    if (!drop && file.number == 0) {
        rc = spill(self, victim->content, &file, err);
    }
    sli_block *doomed = NULL;
    sli_content *freed = NULL;
    sli_mutex_lock(&self->mutex);
    if (rc == SL_OK) {
        victim->file = file;
    }
    if (rc == SL_OK && victim->pins == 1 && !victim->removed) {
        count(self, EVICTED, 1);
        if (drop) {
            count(self, DROPPED, 1);
            take_out(self, victim, &doomed); // our pin is the last: freed below
        } else {
            freed = victim->content;
            victim->content = NULL;
        }
    }
    if (sli_block_index_unpin(&self->index, victim)) {
        doomed = victim;
    }
    sli_mutex_unlock(&self->mutex);
    drop_content(self, freed);
    free_list(self, doomed);
    return rc;
}

/// Reserves the block's bytes, evicting others when it must. *fits false: nothing more can go. When
/// the disk refuses, only blocks that need no writing go; the failure is counted, and told by the
/// block's own spill if it comes to that.
static sl_code make_room(sli_blocks *self, const sli_block *block, bool *fits, sl_error *err)
{
    bool disk_refuses = false;
    while (!sli_budget_reserve(self->budget, block->content->bytes, false)) {
        sli_block *victim = choose(self, block, disk_refuses);
        if (victim == NULL) {
            *fits = false;
            return SL_OK;
        }
        sl_error why = SL_ERROR_INIT;
        sl_code rc = evict(self, victim, &why);
        if (rc == SL_E_CRASHED) {
            return sl_error_set(err, rc, "%s", why.text);
        }
        disk_refuses = disk_refuses || rc != SL_OK;
    }
    count_alone(self, MEMORY, block->content->bytes);
    *fits = true;
    return SL_OK;
}

// ---------------------------------------------------------------- put

/// Finds a place for the content of a new block: memory, disk, or (*kept false) nowhere. On failure
/// and when it is not kept the content is freed and the block has none.
static sl_code place(sli_blocks *self, sli_block *block, bool *kept, sl_error *err)
{
    bool fits = false;
    sl_code rc = SL_OK;
    if (block->level != SL_DISK_ONLY || block->content->n == 0) {
        rc = make_room(self, block, &fits, err);
    }
    if (fits) {
        *kept = true;
        return SL_OK;
    }
    *kept = rc == SL_OK && block->level != SL_MEMORY_ONLY;
    if (*kept) {
        rc = spill(self, block->content, &block->file, err);
    }
    sli_content_free(block->content); // never reserved
    block->content = NULL;
    return rc;
}

/// Puts the block into the index in place of one of the same id, or, when it is not kept, only
/// takes that one out.
static sl_code replace(sli_blocks *self, sli_block *block, bool kept, sl_error *err)
{
    sli_block *doomed = NULL;
    sl_code rc = SL_OK;
    sli_mutex_lock(&self->mutex);
    sli_block *old = sli_block_index_find(&self->index, block->id);
    if (kept) {
        rc = sli_block_index_add(&self->index, block, err);
        count(self, BLOCKS, rc == SL_OK ? 1 : 0);
    } else {
        count(self, DROPPED, 1);
    }
    if (rc == SL_OK && old != NULL) {
        take_out(self, old, &doomed);
    }
    sli_mutex_unlock(&self->mutex);
    free_list(self, doomed);
    return rc;
}

static bool is_level(sl_level level)
{
    return level == SL_MEMORY_ONLY || level == SL_MEMORY_AND_DISK || level == SL_DISK_ONLY;
}

sl_code sli_blocks_put(sli_blocks *blocks, sli_block_id id, sl_level level,
                       sl_batch *const *batches, int32_t n, sl_error *err)
{
    if (!is_level(level) || n < 0) {
        return sl_error_set(err, SL_E_INVALID, "a block of %d batches can't be kept at level %d", n,
                            (int)level);
    }
    sli_block *block = sl_alloc_zero(SLI_TAG_BLOCK, sizeof *block);
    if (block == NULL) {
        return sl_error_nomem(err, sizeof *block, "block");
    }
    block->id = id;
    block->level = level;
    bool kept = false;
    sl_code rc = make_content(batches, n, &block->content, err);
    if (rc == SL_OK) {
        block->bytes = block->content->bytes;
        rc = place(blocks, block, &kept, err);
    }
    if (rc == SL_OK) {
        rc = replace(blocks, block, kept, err);
    }
    if (rc != SL_OK || !kept) {
        free_block(blocks, block);
    }
    return rc == SL_OK ? SL_OK
                       : sl_error_wrap(err, rc, "block %d/%lld/%d/%d", (int)id.kind,
                                       (long long)id.owner, id.major, id.minor);
}

// ---------------------------------------------------------------- reading

/// Gives up a pin; with `forget` the block is taken out as well.
static void leave(sli_blocks *self, sli_block *block, bool forget)
{
    sli_block *doomed = NULL;
    sli_mutex_lock(&self->mutex);
    if (forget && !block->removed) {
        take_out(self, block, &doomed);
    }
    if (sli_block_index_unpin(&self->index, block)) {
        doomed = block;
    }
    sli_mutex_unlock(&self->mutex);
    free_list(self, doomed);
}

/// Shuffled and output blocks are read once, so memory given to them would be wasted.
static bool is_read_again(const sli_block *block)
{
    return block->level == SL_MEMORY_AND_DISK &&
           (block->id.kind == SLI_BLOCK_RDD || block->id.kind == SLI_BLOCK_BROADCAST);
}

/// Gives a pinned block the content that was read from its file, unless others use it too: they
/// look at it without the lock. The file stays, so that evicting the block again writes nothing.
static void put_back(sli_blocks *self, sli_block *block, sli_content *content)
{
    sli_mutex_lock(&self->mutex);
    bool fits = block->pins == 1 && !block->removed && block->content == NULL;
    count(self, MEMORY, content->bytes);
    if (fits) {
        count(self, RETURNED, 1);
        block->bytes = content->bytes;
        block->content = content;
    }
    sli_mutex_unlock(&self->mutex);
    if (!fits) {
        drop_content(self, content);
    }
}

static sl_code read_file(sli_blocks *self, sli_block *block, sli_batch_fn each, void *ctx,
                         bool *damaged, sl_error *err)
{
    sli_reload reload;
    if (!is_read_again(block) ||
        !sli_reload_begin(&reload, self->budget, block->bytes, each, ctx)) {
        return sli_spill_read(&self->spill, block->file, each, ctx, damaged, err);
    }
    sl_code rc = sli_spill_read(&self->spill, block->file, sli_reload_show, &reload, damaged, err);
    sli_content *content = sli_reload_end(&reload, rc == SL_OK);
    if (content != NULL) {
        put_back(self, block, content);
    }
    return rc;
}

static sl_code read_spilled(sli_blocks *self, sli_block *block, sli_batch_fn each, void *ctx,
                            bool *damaged, sl_error *err)
{
    sl_code rc = read_file(self, block, each, ctx, damaged, err);
    count_alone(self, RELOADED, 1);
    if (!*damaged) {
        return rc; // read, or a failure of the caller's, which gets no text of ours
    }
    count_alone(self, DAMAGED, 1);
    sl_error_wrap(err, rc, "block %d/%lld/%d/%d", (int)block->id.kind, (long long)block->id.owner,
                  block->id.major, block->id.minor);
    sl_error_act(err, SL_ACT_REPLAY_EPOCH);
    return rc;
}

sl_code sli_blocks_each(sli_blocks *blocks, sli_block_id id, sli_batch_fn each, void *ctx,
                        bool *found, sl_error *err)
{
    sli_mutex_lock(&blocks->mutex);
    sli_block *block = sli_block_index_find(&blocks->index, id);
    if (block != NULL) {
        sli_block_index_pin(&blocks->index, block);
    }
    sli_mutex_unlock(&blocks->mutex);
    *found = block != NULL;
    if (block == NULL) {
        return SL_OK;
    }
    sl_code rc = SL_OK;
    bool damaged = false;
    if (block->content == NULL) {
        rc = read_spilled(blocks, block, each, ctx, &damaged, err);
    } else {
        for (int32_t i = 0; rc == SL_OK && i < block->content->n; i++) {
            rc = each(ctx, block->content->batches[i], err);
        }
    }
    leave(blocks, block, damaged && id.kind == SLI_BLOCK_RDD);
    return rc;
}

bool sli_blocks_has(sli_blocks *blocks, sli_block_id id)
{
    sli_mutex_lock(&blocks->mutex);
    bool has = sli_block_index_find(&blocks->index, id) != NULL;
    sli_mutex_unlock(&blocks->mutex);
    return has;
}

// ---------------------------------------------------------------- removing

void sli_blocks_remove(sli_blocks *blocks, sli_block_id id)
{
    sli_block *doomed = NULL;
    sli_mutex_lock(&blocks->mutex);
    sli_block *block = sli_block_index_find(&blocks->index, id);
    if (block != NULL) {
        take_out(blocks, block, &doomed);
    }
    sli_mutex_unlock(&blocks->mutex);
    free_list(blocks, doomed);
}

void sli_blocks_lose(sli_blocks *blocks, sli_block_id id)
{
    sli_blocks_remove(blocks, id);
}

/// Locks: the table's.
static void take_out_all(sli_blocks *self, sli_owner_entry *owner, sli_block **doomed)
{
    sli_block *next = NULL;
    for (sli_block *b = owner->blocks; b != NULL; b = next) {
        next = b->after;
        take_out(self, b, doomed); // the last one frees `owner`
    }
}

void sli_blocks_remove_owner(sli_blocks *blocks, sli_block_kind kind, int64_t owner)
{
    sli_block *doomed = NULL;
    sli_mutex_lock(&blocks->mutex);
    sli_owner_entry *entry = sli_block_index_owner(&blocks->index, kind, owner);
    if (entry != NULL) {
        take_out_all(blocks, entry, &doomed);
    }
    sli_mutex_unlock(&blocks->mutex);
    free_list(blocks, doomed);
}

void sli_blocks_stats_of(sli_blocks *blocks, sli_blocks_stats *out)
{
    sli_mutex_lock(&blocks->mutex);
    *out = (sli_blocks_stats){
        .n_blocks = blocks->counts[BLOCKS],
        .memory_bytes = blocks->counts[MEMORY],
        .disk_bytes = blocks->counts[DISK],
        .evicted = blocks->counts[EVICTED],
        .spilled = blocks->counts[SPILLED],
        .dropped = blocks->counts[DROPPED],
        .reloaded = blocks->counts[RELOADED],
        .returned = blocks->counts[RETURNED],
    };
    sli_mutex_unlock(&blocks->mutex);
}

void sli_blocks_free(sli_blocks *blocks)
{
    if (blocks == NULL) {
        return;
    }
    sli_block *doomed = NULL;
    sli_mutex_lock(&blocks->mutex);
    while (blocks->index.owners != NULL) {
        take_out_all(blocks, blocks->index.owners, &doomed);
    }
    sli_mutex_unlock(&blocks->mutex);
    free_list(blocks, doomed);
    SL_ASSERT(blocks->counts[MEMORY] == 0, "a block table is freed while somebody reads a block");
    sli_block_index_reset(&blocks->index);
    sli_spill_reset(&blocks->spill);
    sli_mutex_reset(&blocks->mutex);
    sl_free(blocks);
}
