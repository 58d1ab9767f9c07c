/// kv.h — an ordered key-value engine on disk: what the disk store wants, and what the module
/// state_rocksdb offers (env/module.h).
///
/// Keys are in the order of their bytes. The engine is scratch: nothing it has needs to survive the
/// process, except what `checkpoint` made. Failures: SL_E_NO_SPACE, SL_E_CORRUPT, SL_E_NOMEM and
/// SL_E_IO, in the engine's words, which name its file.
#pragma once

#include "sluice/error.h"

enum { SLI_KV_ABI = 2 };

typedef struct sli_kv sli_kv;

typedef struct sli_kv_conf {
    size_t struct_size;
    const char *dir;     ///< its own; what is there is opened, else made
    int64_t cache_bytes; ///< of blocks that were read, their indexes and filters
    int64_t write_bytes; ///< of changes that are not yet in files
    /// What `checkpoint` made is read in place: nothing in `dir` is changed, and its names are not
    /// needed once it is open. Of the calls below only get, get_many, scan and close.
    bool read_only;
} sli_kv_conf;

/// Bytes live for the call. What it returns ends the scan, unless it is SL_OK.
typedef sl_code (*sli_kv_fn)(void *ctx, sl_bytes key, sl_bytes value, sl_error *err);

/// The i-th key's value; NULL: no such key.
typedef sl_code (*sli_kv_many_fn)(void *ctx, int32_t i, const sl_bytes *value, sl_error *err);

typedef struct sli_kv_ops {
    size_t struct_size;
    sl_code (*open)(sli_kv **out, const sli_kv_conf *conf, sl_error *err);
    /// *held NULL: no such key. Else *value lives until release. Thread: any.
    sl_code (*get)(sli_kv *self, sl_bytes key, sl_bytes *value, void **held, sl_error *err);
    void (*release)(void *held); ///< accepts NULL
    /// Many keys, in rising order; calls `each` once for each, in that order. Thread: any.
    sl_code (*get_many)(sli_kv *self, const sl_bytes *keys, int32_t n, sli_kv_many_fn each,
                        void *ctx, sl_error *err);
    /// Keys in [from, to) in order, as they were when the scan began. Thread: any.
    sl_code (*scan)(sli_kv *self, sl_bytes from, sl_bytes to, sli_kv_fn each, void *ctx,
                    sl_error *err);
    // Changes are collected, and made by `write`, all or none.
    // Thread: one at a time; gets and scans may go on meanwhile.
    void (*put)(sli_kv *self, sl_bytes key, sl_bytes value);
    void (*remove)(sli_kv *self, sl_bytes key);
    void (*remove_range)(sli_kv *self, sl_bytes from, sl_bytes to);
    sl_code (*write)(sli_kv *self, sl_error *err);
    /// Everything written, as durable files in a new directory on the same filesystem; hard links
    /// to files that are never changed (*.sst). Thread: as write.
    sl_code (*checkpoint)(sli_kv *self, const char *dir, sl_error *err);
    void (*close)(SL_TAKES sli_kv *self); ///< accepts NULL
} sli_kv_ops;
