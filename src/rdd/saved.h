/// saved.h — partitions of an RDD in files of a directory: what a reliable checkpoint is read from.
#pragma once

#include "base/hash.h"
#include "rdd/rdd_int.h"

/// Some whole messages of a file's Arrow stream. The hash is XXH3-128 chained from piece to piece,
/// beginning with (low = number of the file, high = 0).
typedef struct sli_saved_piece {
    int64_t size_bytes;
    sli_hash128 hash;
} sli_saved_piece;

typedef struct sli_saved_part {
    int64_t file; ///< its number
    sli_saved_piece *pieces;
    int32_t n, capacity;
} sli_saved_part;

typedef struct sli_saved {
    sli_fs *fs;
    char *dir;
    int32_t n; ///< partitions
    sli_saved_part parts[];
} sli_saved;

/// No partition is there yet. `dir` is copied. NULL without memory.
sli_saved *sli_saved_new(sli_fs *fs, const char *dir, int32_t n_partitions);
void sli_saved_free(SL_TAKES sli_saved *saved); ///< accepts NULL; files stay
/// An RDD whose tasks write the parent's partitions into files of `dir`, durable but for their
/// names, and give a row for each piece: what sli_saved_add takes. NULL without memory.
sl_rdd *sli_saver_new(sl_rdd *parent, sli_fs *fs, const char *dir);
sl_code sli_saved_add(sli_saved *saved, int32_t partition, const sl_batch *pieces, sl_error *err);
/// Pushes the rows of a partition. Fails: SL_E_CORRUPT for other bytes than were written; as
/// fs->ops->read.
sl_code sli_saved_each(const sli_saved *saved, int32_t partition, sli_task *task, sli_push_fn push,
                       void *ctx, sl_error *err);
