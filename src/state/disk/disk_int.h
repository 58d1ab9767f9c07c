/// disk_int.h — the disk store's inside: its base in an ordered key-value engine.
#pragma once

#include "base/bytes.h"
#include "fs/fs.h"
#include "state/disk/kv.h"
#include "state/state_int.h"

enum {
    SLI_DISK_FORMAT = 1,
    SLI_KEY_HEAD = 4,              ///< table and slot in front of a key
    SLI_AGE_BYTES = 8,             ///< in front of a value
    SLI_SORT_BYTES = 4 << 20,      ///< of a slot's rows that are sorted in memory at a time
    SLI_STAGED_BYTES = 1 << 20,    ///< of changes that are collected before they are written
    SLI_DISK_LEAST_BYTES = 1 << 20 ///< of memory for the engine
};

typedef struct disk_table {
    sli_table head;
    uint16_t number; ///< in front of its keys; 0 is the store's own
} disk_table;

/// A row on its way into the engine. It is written in the order of keys, which the engine takes in
/// much faster than any other; its age was given to it before.
typedef struct sli_staged {
    size_t at; ///< in sli_disk.staged
    uint32_t key_size;
    uint32_t value_size; ///< SLI_STAGED_REMOVED: the key is removed
} sli_staged;
#define SLI_STAGED_REMOVED UINT32_MAX

typedef struct sli_disk {
    sli_core core;
    sl_env *env;
    sli_fs *fs;
    const sli_kv_ops *ops;
    sli_kv *kv; ///< NULL after a restore that failed
    char *dir;
    int64_t memory_bytes;
    uint64_t next_age; ///< of the next row that comes or moves; ages begin with 1
    uint64_t version;  ///< grows with every change; what was looked up before may be gone
    sli_str staged;    ///< rows collected and not yet written: key, age and value, each
    sli_staged *rows;  ///< where each is
    int32_t n_rows, row_capacity;
} sli_disk;

/// Appends the engine's key of a row: table, slot, key.
void sli_disk_key(sli_str *out, uint16_t table, int32_t slot, sl_bytes key);

// ---------------------------------------------------------------- base.c

extern const sli_base_ops sli_disk_base;
/// Writes what is staged.
sl_code sli_disk_settle(sli_core *core, sl_error *err);

// ---------------------------------------------------------------- slots.c

sl_code sli_disk_each(sli_core *core, sli_table *table, int32_t from, int32_t to, sli_state_fn each,
                      void *ctx, sl_error *err);

// ---------------------------------------------------------------- files.c

sl_code sli_disk_open_engine(sli_disk *disk, sl_error *err);
sl_code sli_disk_checkpoint(sli_store *self, const char *dir, sl_error *err);
sl_code sli_disk_restore(sli_store *self, const char *dir, sl_error *err);
/// Opens what checkpoint left in `dir` as it lies there, and adds the tables that it tells of.
sl_code sli_disk_look(sli_disk *disk, const char *dir, sl_error *err);
