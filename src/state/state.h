/// state.h — keyed state: the store contract.
///
/// A *table* belongs to one operator (uid). Keys and values are row bytes (col.h: sli_row_put); a
/// key lives in the slot of its hash, which is that of all its cells or of its first ones, and
/// inside a slot keys keep the order in which they came (a key that was removed and comes again is
/// last). So a partition, which owns a range of slots, iterates in an order that no restart and no
/// other number of partitions changes: by slot, then by age.
///
/// Versions: the *base* is the state after the last completed epoch. During an epoch each task
/// works on a private overlay (a view); a view that is done stands for its partition, a dropped one
/// never was. Completing the epoch folds the views into the base and adds their changes to the
/// group's *delta*; failing it drops them. Reads inside a view see base + own changes.
#pragma once

#include "col/col.h"
#include "env/env.h"

typedef struct sli_store sli_store;
typedef struct sli_table sli_table;
typedef struct sli_state_view sli_state_view;
/// Changes taken out of a store; they live on their own.
typedef struct sli_changes sli_changes;

typedef struct sli_table_info {
    const char *uid;
    const char *kind; ///< "updateStateByKey"
    const sl_schema *keys, *values;
    int32_t n_placing; ///< the first so many key columns choose the slot; 0: all; -1: not known, a
                       ///< snapshot's slots are believed (scan.c)
    int32_t first_placing; ///< but not those before this one; n_placing: none does
} sli_table_info;

/// A key and the hash of its cells.
typedef struct sli_state_key {
    uint64_t hash;
    sl_bytes key;
} sli_state_key;

/// A key with its place and its value.
typedef struct sli_state_row {
    int32_t slot;
    sl_bytes key, value;
} sli_state_row;

/// What find_all tells of a key.
typedef struct sli_state_found {
    uint64_t key_hash, mark; ///< for sli_state_change; mark 0: there is no such key
    sl_bytes value;          ///< lives until the view changes
} sli_state_found;

/// What happens to a key.
typedef enum sli_state_act {
    SLI_STATE_PUT = 1,
    SLI_STATE_REMOVE,
    SLI_STATE_MOVE, ///< removed and put again: the last of its slot
} sli_state_act;

typedef struct sli_state_change {
    sli_state_act act;
    uint64_t hash;           ///< of the key's cells
    uint64_t key_hash, mark; ///< as find_all told
    sl_bytes key;            ///< need not be told where there is a mark
    sl_bytes value;
} sli_state_change;

/// What a store is opened with.
typedef struct sli_state_env {
    sl_env *env;
    sli_budget *budget;   ///< NULL: nothing is counted
    const char *dir;      ///< stores on disk: a directory of its own, made and removed by the store
    const char *modules;  ///< see sli_module_load; may be NULL
    int64_t memory_bytes; ///< stores on disk: for what they keep in memory
    bool no_deltas;       ///< nobody will ask for one
} sli_state_env;

/// One key and its value; lives for the call.
typedef sl_code (*sli_state_fn)(void *ctx, int32_t slot, sl_bytes key, sl_bytes value,
                                sl_error *err);

typedef struct sli_store_ops {
    size_t struct_size;
    const char *name; ///< "memory"
    sl_code (*open)(sli_store **out, const sli_state_env *env, sl_error *err);
    /// Declares a table; before anything is restored. The store keeps references to the schemas.
    sl_code (*table)(sli_store *self, const sli_table_info *info, sli_table **out, sl_error *err);

    // ---- one task's view. Thread: task, one per (table, partition) at a time; any number of
    // partitions at once
    sl_code (*begin)(sli_store *self, sli_table *table, int64_t epoch, int32_t partition,
                     int32_t n_partitions, sli_state_view **out, sl_error *err);
    /// Bytes live until the next call of the view. *found false: no such key. `hash` is that of the
    /// key's cells.
    sl_code (*find)(sli_state_view *view, uint64_t hash, sl_bytes key, sl_bytes *value, bool *found,
                    sl_error *err);
    sl_code (*put)(sli_state_view *view, uint64_t hash, sl_bytes key, sl_bytes value,
                   sl_error *err);
    sl_code (*remove)(sli_state_view *view, uint64_t hash, sl_bytes key, sl_error *err);
    /// All keys of the partition, base and own changes, in order. The view must not be changed
    /// meanwhile.
    sl_code (*each)(sli_state_view *view, sli_state_fn each, void *ctx, sl_error *err);
    /// One slot of the base in order of age, oldest first, without the keys that the view has
    /// changed; until `each` returns SL_E_END. Costs as much as it is asked for, in stores whose
    /// slots lie in that order. The view must not be changed meanwhile.
    sl_code (*oldest)(sli_state_view *view, int32_t slot, sli_state_fn each, void *ctx,
                      sl_error *err);
    /// The view stands for its partition in this epoch (replacing an earlier one). Takes it.
    sl_code (*done)(SL_TAKES sli_state_view *view, sl_error *err);
    void (*drop)(SL_TAKES sli_state_view *view); ///< accepts NULL

    // ---- epochs and groups. Thread: driver
    sl_code (*complete)(sli_store *self, int64_t epoch, sl_error *err);
    void (*fail)(sli_store *self, int64_t epoch);
    /// Takes out all changes of the epochs completed since the last call; *out NULL when nothing
    /// changed. Costs the same however many there are: the next epoch need not wait until they are
    /// written.
    sl_code (*cut)(sli_store *self, sli_changes **out, sl_error *err);
    /// Applies such bytes to the base. Outside data: checked. Fails: SL_E_CORRUPT;
    /// SL_E_INCOMPATIBLE for a table that is not declared or has other schemas, naming it.
    sl_code (*apply)(sli_store *self, sl_bytes delta, sl_error *err);
    /// All keys of a table's slots [from, to), in order.
    sl_code (*dump)(sli_store *self, sli_table *table, int32_t from_slot, int32_t to_slot,
                    sli_state_fn each, void *ctx, sl_error *err);
    /// Adds keys to the base (restoring a snapshot): some thousand together are cheaper than one.
    /// Fails: SL_E_CORRUPT, a key is there already, or twice.
    sl_code (*load)(sli_store *self, sli_table *table, const sli_state_row *rows, int32_t n,
                    sl_error *err);
    int64_t (*keys)(const sli_store *self, const sli_table *table);
    int64_t (*bytes)(const sli_store *self);
    void (*close)(SL_TAKES sli_store *self);

    // ---- stores in memory; NULL in others. For who works on many keys and knows each once: a
    // look-up's misses overlap, and a change needs no look-up of its own.
    /// Finds keys in the base. Thread: task.
    sl_code (*find_all)(sli_state_view *view, const sli_state_key *keys, int32_t n,
                        sli_state_found *out, sl_error *err);
    /// Changes keys that the view has not changed before, each once. Copies them.
    sl_code (*change_all)(sli_state_view *view, const sli_state_change *changes, int32_t n,
                          sl_error *err);

    // ---- stores on disk; NULL in others
    /// Reads these keys together, which is much cheaper than one by one; what is fetched can be
    /// found and put until the next fetch at the cost of memory. A hint: everything works without.
    sl_code (*fetch)(sli_state_view *view, const sli_state_key *keys, int32_t n, sl_error *err);
    /// The base as durable files in a new directory beside `dir`, hard-linked where they have not
    /// changed since the last time: after `cut`, and until an epoch is completed, it is the state
    /// after the group. Views may be worked with meanwhile. Thread: any one, as long as nobody
    /// changes the base (completes, applies, loads).
    sl_code (*checkpoint)(sli_store *self, const char *dir, sl_error *err);
    /// Thread: driver. A store without keys takes over the base that checkpoint left in `dir`, and
    /// leaves those files as they are. Tables that are not declared are dropped. After a failure
    /// the store can only be closed. Fails: SL_E_CORRUPT, SL_E_INCOMPATIBLE as `apply`.
    sl_code (*restore)(sli_store *self, const char *dir, sl_error *err);
    /// Opens what checkpoint left in env->dir to be read where it lies: nothing there is changed,
    /// and its names may go once it is open. Its tables are those that the files tell of; `dump`
    /// and `keys` work, and `close`, which removes nothing. Fails: SL_E_CORRUPT,
    /// SL_E_INCOMPATIBLE, SL_E_IO; as sli_module_load.
    sl_code (*look)(sli_store **out, const sli_state_env *env, sl_error *err);
} sli_store_ops;

struct sli_store {
    const sli_store_ops *ops;
};
struct sli_state_view {
    sli_store *store;
};

extern const sli_store_ops sli_store_memory;
extern const sli_store_ops sli_store_rocksdb;   ///< on disk; needs the module state_rocksdb
extern const sli_store_ops *const sli_stores[]; ///< all of them; NULL-ended

// ---------------------------------------------------------------- deltas

/// Changes as bytes (format in README: per table, per slot, in order), appended to `out`. Thread:
/// any.
sl_code sli_changes_put(const sli_changes *changes, sli_str *out, sl_error *err);
void sli_changes_free(SL_TAKES sli_changes *changes); ///< accepts NULL
/// Cuts and puts at once. Nothing is appended when nothing changed.
sl_code sli_state_delta(sli_store *store, sli_str *out, sl_error *err);

// ---------------------------------------------------------------- snapshots, over any store
//
// A snapshot of a table is Arrow IPC files, one a range of 64 slots ("part-00" .. "part-15"), with
// columns "slot int32", the keys' columns, the values' columns; rows in the table's order. Any
// Arrow reader opens them.

enum { SLI_SNAPSHOT_PARTS = 16 };
/// Part `part` of a table as Arrow IPC file bytes, appended to `out`.
sl_code sli_state_snapshot_part(sli_store *store, sli_table *table, const sli_table_info *info,
                                int32_t part, sli_str *out, sl_error *err);
/// Loads such bytes. Outside data: checked. Fails: SL_E_CORRUPT, SL_E_INCOMPATIBLE,
/// SL_E_UNSUPPORTED (Arrow bytes of a kind that snapshots are never written in).
sl_code sli_state_restore_part(sli_store *store, sli_table *table, const sli_table_info *info,
                               SL_SHARES sli_buffer *bytes, sl_error *err);
/// A new snapshot part from an old one (NULL: none) and the deltas after it, without the live
/// store: what the background compactor runs, one part at a time, so that its memory is a 16th of
/// the state. Thread: any.
sl_code sli_state_compact_part(const sli_table_info *info, sli_buffer *old_part,
                               const sl_bytes *deltas, int32_t n_deltas, int32_t part, sli_str *out,
                               sl_error *err);

// ---------------------------------------------------------------- tables seen from outside
//
// Whoever looks into a checkpoint has no graph: what tables there are is told by the bytes alone.

/// What a delta tells of a table. Texts point into the delta.
typedef struct sli_state_head {
    sl_text uid, kind, keys, values; ///< schemas as texts
    int64_t n_changes;
} sli_state_head;
typedef sl_code (*sli_state_head_fn)(void *ctx, const sli_state_head *head, sl_error *err);
/// Calls `each` for every table of a delta. Fails: SL_E_CORRUPT.
sl_code sli_state_delta_heads(sl_bytes delta, sli_state_head_fn each, void *ctx, sl_error *err);
/// The columns of a part and, in metadata, what it is of, from its first bytes; *out NULL: these
/// are too few. `kind` points into them. Fails: SL_E_CORRUPT.
sl_code sli_state_part_head(sl_bytes front, sl_schema **out, sl_text *kind, sl_error *err);
/// Columns without the first, the slot, of which users know nothing.
sl_code sli_state_without_slot(const sl_schema *part, sl_schema **out, sl_error *err);

/// A store's files, read where they lie.
typedef struct sli_kept_files sli_kept_files;
/// Of the store of that name, in env->dir. Fails: as sli_store_ops.look; SL_E_INCOMPATIBLE: there
/// is no such store here.
sl_code sli_kept_files_open(sli_kept_files **out, const char *store, const sli_state_env *env,
                            sl_error *err);
void sli_kept_files_close(SL_TAKES sli_kept_files *files); ///< accepts NULL
int32_t sli_kept_files_tables(const sli_kept_files *files);
/// Texts and columns live as long as `files`. n_placing -1.
sli_table_info sli_kept_files_table(const sli_kept_files *files, int32_t i);
/// Rows of slots [from, to), in order.
sl_code sli_kept_files_dump(const sli_kept_files *files, int32_t i, int32_t from, int32_t to,
                            sli_state_fn each, void *ctx, sl_error *err);

/// Where the bytes of one table are.
typedef struct sli_state_lies {
    /// With changes after the snapshot: the table, n_placing -1. NULL `keys`: there are none, parts
    /// are read as they are.
    sli_table_info info;
    const sl_schema *columns; ///< of the rows, without the slot; NULL: as `info` has them
    /// Bytes of part `part`; *out NULL: it has no keys. NULL: a store's files have the rows.
    sl_code (*part)(void *ctx, int32_t part, sli_buffer **out, sl_error *err);
    const sli_kept_files *files;
    int32_t file_table; ///< its number in them
    sl_code (*delta)(void *ctx, int32_t i, sli_buffer **out, sl_error *err);
    int32_t n_deltas; ///< in order
    void *ctx;
    sli_budget *budget; ///< counted in it
} sli_state_lies;
typedef struct sli_state_scan sli_state_scan;
/// Everything of `lies` outlives the scan.
sl_code sli_state_scan_open(sli_state_scan **out, const sli_state_lies *lies, sl_error *err);
/// The schema of its batches.
const sl_schema *sli_state_scan_schema(const sli_state_scan *scan);
/// The next rows, one reference; *out NULL: there are no more. It holds a 16th of the table.
/// Fails: SL_E_CORRUPT; SL_E_NOMEM, a 16th does not fit into the budget.
sl_code sli_state_scan_next(sli_state_scan *scan, sl_batch **out, sl_error *err);
void sli_state_scan_close(SL_TAKES sli_state_scan *scan); ///< accepts NULL
