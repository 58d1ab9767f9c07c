/// block.h — blocks: cached, received and shuffled batches, with levels, eviction and spill.
///
/// A block is a list of batches under an id. All blocks of a context share its memory budget. When
/// a put would go over: the least recently used blocks of other datasets are evicted — dropped when
/// their level allows (MEMORY_ONLY: the lineage makes them again), else spilled to the spill
/// directory as Arrow IPC bytes — and when nothing more can go, the new block is spilled itself or,
/// at MEMORY_ONLY, not kept (SL_OK, and a later get finds nothing).
///
/// Spilled files are scratch: they are never synced, never read by another process, and are removed
/// at open and close. A spilled block stays on disk until it is replaced or removed; each read
/// checks its hashes. A cached or broadcast block at MEMORY_AND_DISK is put back into memory by a
/// read of it when there is room without evicting others; its file stays, so that it can be evicted
/// again without writing.
#pragma once

#include "col/col.h"
#include "fs/fs.h"
#include "metrics/metrics.h"
#include "sluice/rdd.h"

typedef struct sli_blocks sli_blocks;

typedef enum sli_block_kind {
    SLI_BLOCK_RDD = 1,
    SLI_BLOCK_SHUFFLE,
    SLI_BLOCK_RECEIVED,
    SLI_BLOCK_BROADCAST,
    SLI_BLOCK_OUTPUT,
    SLI_BLOCK_TASK ///< of one running attempt at a task
} sli_block_kind;

/// RDD: (rdd id, partition, 0). SHUFFLE: (shuffle id, map partition, as sli_map_block of rdd/
/// says). RECEIVED: (stream, number, 0). OUTPUT: (a number given once, partition, copy). TASK: (a
/// number that is given once, 0, the task's own).
typedef struct sli_block_id {
    sli_block_kind kind;
    int64_t owner;
    int32_t major, minor;
} sli_block_id;

/// Blocks of one table; one more is SL_E_NOMEM.
enum { SLI_BLOCKS_MAX = 1 << 24 };

/// `spill_dir` is made when first needed, and removed by sli_blocks_free when it was made here.
/// When it exists already it is locked and what an earlier process left is removed; a directory in
/// use by a living process is left alone, and the first spill then fails with SL_E_BUSY. `metrics`
/// may be NULL. Env, budget and metrics must outlive the table. Blocks: yes. Fails: SL_E_NOMEM,
/// SL_E_CONFIG (the path is too long), SL_E_IO.
sl_code sli_blocks_new(sli_blocks **out, sl_env *env, sli_budget *budget, const char *spill_dir,
                       sli_metrics *metrics, sl_error *err);
/// Drops every block and gives its memory back to the budget. Nobody may be using the table.
/// Accepts NULL.
void sli_blocks_free(SL_TAKES sli_blocks *blocks);
/// Bytes that spilled files may take (option `spill_limit`); over it a spill fails with
/// SL_E_NO_SPACE. At first only the disk is the limit. Thread: any.
void sli_blocks_spill_limit(sli_blocks *blocks, int64_t limit_bytes);

/// Keeps references to the batches (compacted first when they pin much more than they show).
/// Replaces a block of the same id; after a failure that one is still there. Blocks of the same
/// (kind, owner) are never evicted for it. Thread: any. Blocks: yes (spill). Fails: SL_E_NO_SPACE,
/// SL_E_IO, SL_E_BUSY when it had to spill and couldn't (at MEMORY_ONLY it is not kept instead, and
/// counted); SL_E_INVALID for SL_LEVEL_NONE; SL_E_NOMEM.
sl_code sli_blocks_put(sli_blocks *blocks, sli_block_id id, sl_level level,
                       sl_batch *const *batches, int32_t n, sl_error *err);
/// Calls `each` for the block's batches in order. *found false: no such block (never kept, dropped
/// or removed). The block stays as it is meanwhile, whatever others do. `each` may use the table.
/// Batch borders of a spilled block may differ. Thread: any. Blocks: yes (when spilled). Fails: as
/// `each`; SL_E_CORRUPT, SL_E_IO with SL_ACT_REPLAY_EPOCH when a spilled block can't be read back
/// (some batches may have been shown then): a cached RDD's block is forgotten, so that the lineage
/// makes it again, any other fails again until it is replaced.
sl_code sli_blocks_each(sli_blocks *blocks, sli_block_id id, sli_batch_fn each, void *ctx,
                        bool *found, sl_error *err);
bool sli_blocks_has(sli_blocks *blocks, sli_block_id id); ///< Thread: any
void sli_blocks_remove(sli_blocks *blocks,
                       sli_block_id id); ///< no such block: nothing happens. Thread: any
/// All blocks of (kind, owner), in time proportional to their number. Thread: any.
void sli_blocks_remove_owner(sli_blocks *blocks, sli_block_kind kind, int64_t owner);

typedef struct sli_blocks_stats {
    int64_t n_blocks, memory_bytes, disk_bytes; ///< now
    int64_t evicted;  ///< blocks that left memory for others, spilled or dropped
    int64_t spilled;  ///< blocks written to disk
    int64_t dropped;  ///< MEMORY_ONLY blocks that were evicted or not kept
    int64_t reloaded; ///< reads of spilled blocks
    int64_t returned; ///< spilled blocks that a read put back into memory
} sli_blocks_stats;
void sli_blocks_stats_of(sli_blocks *blocks, sli_blocks_stats *out);

/// Tests: forgets a block as a lost worker would.
void sli_blocks_lose(sli_blocks *blocks, sli_block_id id);
