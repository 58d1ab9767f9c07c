/// keep.h — rows of a job that are kept as OUTPUT blocks; for files of stream/ only.
#pragma once

#include "stream/stream.h"

/// One job whose rows are kept, a block a partition. The fields up to `row_limit` are the caller's
/// to set.
typedef struct sli_keeping {
    int64_t owner;     ///< of the blocks
    uint8_t *has_rows; ///< by partition: 0, or 1 + the copy whose block it is. Read after the job
    int64_t row_limit; ///< of a partition: rows past it are counted, not kept
    struct sli_part *parts;
    int32_t n_parts;
} sli_keeping;

/// Fails: SL_E_NOMEM. Thread: driver.
sl_code sli_keeping_begin(sli_keeping *k, int32_t n_partitions, sl_arena *arena, sl_error *err);
/// sli_job.push and sli_job.end. Thread: task.
sl_code sli_keeping_push(sli_keeping *k, sli_task *task, SL_BORROWS sl_batch *batch, sl_error *err);
sl_code sli_keeping_close(sli_keeping *k, sli_task *task, sl_error *err);
/// sli_job.won and sli_job.lost. Thread: driver.
void sli_keeping_won(sli_keeping *k, const sli_task *task);
void sli_keeping_lost(sli_keeping *k, const sli_task *task);
/// Lets go of what attempts that did not win left. After the job, also a failed one. Thread:
/// driver.
void sli_keeping_end(sli_keeping *k);
/// Rows of one partition whose `has_rows` is not 0; a block that is gone is an error, never "no
/// rows". Thread: any.
sl_code sli_kept_each(sli_blocks *blocks, int64_t owner, int32_t partition, uint8_t has_rows,
                      sli_batch_fn each, void *ctx, sl_error *err);

/// Batches with a reference each, as sli_ipc_write takes them. Zeroed: none.
typedef struct sli_gathered {
    const sl_batch **batches;
    int32_t n, capacity;
} sli_gathered;
/// An sli_batch_fn: `ctx` is the sli_gathered that it is added to.
sl_code sli_gather(void *ctx, const sl_batch *batch, sl_error *err);
void sli_gathered_reset(sli_gathered *gathered);
