/// block_int.h — what the files of block/ share: a block, its owner, the index of both, and the
/// spill files.
///
/// Who may touch what: everything in an index and in its blocks is guarded by the table's mutex,
/// except the content and the file of a *pinned* block, which nobody changes. Spill files have a
/// mutex of their own of the same rank, so the two are never held together.
#pragma once

#include "base/lock.h"
#include "block/block.h"

// ---------------------------------------------------------------- blocks

/// Batches in memory, reserved in the budget with `bytes`.
typedef struct sli_content {
    int64_t bytes;
    int32_t n;
    const sl_batch *batches[];
} sli_content;

/// Frees batches and content, which must not be reserved any more; accepts NULL.
void sli_content_free(SL_TAKES sli_content *content);

/// A file of the spill directory. Number 0: none.
typedef struct sli_spill_file {
    int64_t number, size_bytes;
} sli_spill_file;

typedef struct sli_owner_entry sli_owner_entry;

/// A block is in memory when it has content, on disk when it has a file; it may be both, and a
/// block without batches is neither but for its empty content.
typedef struct sli_block {
    sli_block_id id;
    sl_level level;
    int32_t
        pins; ///< who reads or spills it now; content, file and the struct itself stay while > 0
    int64_t bytes; ///< of memory that it takes, or would take
    bool removed;  ///< no longer in the index; the last pin frees it
    bool is_idle;  ///< in its owner's list of blocks that may be evicted
    int64_t stamp; ///< when it became idle
    sli_content *content;
    sli_spill_file file;
    sli_owner_entry *owner;
    struct sli_block *chain; ///< of its hash bucket; once removed, of a list of blocks to free
    struct sli_block *before, *after; ///< all blocks of the owner
    struct sli_block *older, *newer;  ///< idle blocks of the owner
} sli_block;

// ---------------------------------------------------------------- index: by id, by owner, by age.
// No I/O, no locks

struct sli_owner_entry {
    sli_block_kind kind;
    int64_t owner;
    sli_owner_entry *chain;          ///< of its hash bucket
    sli_owner_entry *before, *after; ///< all owners
    sli_block *blocks;
    sli_block *oldest, *newest; ///< idle blocks
    int64_t idle_bytes;
};

typedef struct sli_block_index {
    sli_block **buckets; ///< n_buckets, a power of two
    sli_owner_entry **owner_buckets;
    sli_owner_entry *owners;
    int64_t n_buckets, n_blocks, n_owner_buckets, n_owners;
    int64_t idle_bytes; ///< sum over owners: what eviction could free
    int64_t clock;
} sli_block_index;

sl_code sli_block_index_init(sli_block_index *index, sl_error *err);
void sli_block_index_reset(sli_block_index *index); ///< must be empty
sli_block *sli_block_index_find(const sli_block_index *index, sli_block_id id);
sli_owner_entry *sli_block_index_owner(const sli_block_index *index, sli_block_kind kind,
                                       int64_t owner); ///< or NULL
/// Adds a block, idle when it is not pinned and has bytes in memory. Two of one id may be in for
/// the moment of replacing.
sl_code sli_block_index_add(sli_block_index *index, sli_block *block, sl_error *err);
/// Takes it out and marks it removed.
void sli_block_index_remove(sli_block_index *index, sli_block *block);
void sli_block_index_pin(sli_block_index *index, sli_block *block);
/// The last unpin makes it idle again, as the newest. True when the block is removed and nobody
/// uses it: free it.
bool sli_block_index_unpin(sli_block_index *index, sli_block *block);
/// The block idle for longest whose owner is not (kind, owner); with `droppable`, only one that
/// needs no writing. NULL when there is none, or when all of them together would not free `need`
/// bytes.
sli_block *sli_block_index_victim(const sli_block_index *index, sli_block_kind kind, int64_t owner,
                                  int64_t need, bool droppable);

// ---------------------------------------------------------------- spill files (format: README.md)

typedef enum sli_spill_state {
    SLI_SPILL_CLOSED = 0,
    SLI_SPILL_OPENING,
    SLI_SPILL_OPEN
} sli_spill_state;

typedef struct sli_spill_waiter {
    struct sli_spill_waiter *next;
    sli_signal *signal;
} sli_spill_waiter;

typedef struct sli_spill {
    sl_env *env;
    char *dir;
    sli_mutex mutex; ///< SLI_RANK_BLOCK: all below
    sli_spill_state state;
    sli_spill_waiter *waiters; ///< for the end of SLI_SPILL_OPENING
    bool made_dir;
    sli_file *lock; ///< while open
    int64_t last_number, disk_bytes, limit_bytes;
} sli_spill;

/// Cleans and locks the directory when it exists. After a failure there is nothing to reset.
sl_code sli_spill_init(sli_spill *spill, sl_env *env, const char *dir, sl_error *err);
void sli_spill_reset(sli_spill *spill); ///< every file must have been removed
/// Fails: SL_E_NO_SPACE, SL_E_IO, SL_E_BUSY, SL_E_NOMEM; then no file is left. Thread: any.
sl_code sli_spill_write(sli_spill *spill, const sl_batch *const *batches, int32_t n,
                        sli_spill_file *out, sl_error *err);
/// *damaged: the file can't be read back (and not that `each` failed, or memory). Thread: any.
sl_code sli_spill_read(sli_spill *spill, sli_spill_file file, sli_batch_fn each, void *ctx,
                       bool *damaged, sl_error *err);
void sli_spill_remove(sli_spill *spill, sli_spill_file file);

// ---------------------------------------------------------------- from disk back into memory

/// A spilled block that is kept in memory as it is read.
typedef struct sli_reload {
    sli_budget *budget;
    sli_content *content;   ///< what was read so far; NULL: given up
    int64_t reserved_bytes; ///< 0 once given up
    int32_t capacity;       ///< of content->batches
    sli_batch_fn each;      ///< the reader's
    void *ctx;
} sli_reload;

/// Reserves `bytes`, evicting nobody. False: there is no room, nothing is held and nothing to end.
bool sli_reload_begin(sli_reload *self, sli_budget *budget, int64_t bytes, sli_batch_fn each,
                      void *ctx);
/// Keeps the batch while memory lasts, and shows it to the reader: `ctx` is the sli_reload.
sl_code sli_reload_show(void *ctx, const sl_batch *batch, sl_error *err);
/// The caller's content with its bytes reserved, when `whole` says that all of the block was shown;
/// NULL: it was given up, and nothing is held.
sli_content *sli_reload_end(sli_reload *self, bool whole);

// ---------------------------------------------------------------- the spill directory

/// The directory is there and locked by us; makes and cleans it at the first call. Thread: any.
sl_code sli_spill_open_dir(sli_spill *spill, sl_error *err);
void sli_spill_close_dir(sli_spill *spill);
enum { SLI_SPILL_PATH_BYTES = 4096 };
/// Path of a file into `path`.
void sli_spill_path(const sli_spill *spill, int64_t number, char path[SLI_SPILL_PATH_BYTES]);
