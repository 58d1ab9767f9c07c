/// output.h — what one output has in an epoch while it runs; for files of stream/ only.
#pragma once

#include "stream/engine_int.h"
#include "stream/keep.h"

/// It must stay where it is until its end.
typedef struct sli_delivery {
    sli_engine *engine;
    sli_output *output;
    sli_share *share;
    sli_keeping keeping; ///< outbox sinks
    sl_error error;      ///< of a callback that can't fail
    bool has_job;        ///< else there is nothing to run
    sl_rdd *rdd;         ///< of the job
    sli_job job;
    bool is_out;     ///< outputs.c: its job runs
    sli_blame blame; ///< outputs.c: of its job, where several run
} sli_delivery;

/// The rows of an output, shown to its sink's `check` when it has one. The caller unrefs.
sl_code sli_output_rows(sli_output *output, sl_rdd *rdd, sl_rdd **out, sl_error *err);
/// Makes the job that gives the rows of `rdd` to the output, and takes its success into the group.
/// Thread: driver.
sl_code sli_delivery_begin(sli_delivery *d, sli_engine *engine, sli_output *output, sl_rdd *rdd,
                           const sli_epoch *epoch, sli_group *group, int64_t rows_expected,
                           sl_error *err);
/// The job has ended with `rc`, or there was none. Returns `rc` or why it does not count.
sl_code sli_delivery_end(sli_delivery *d, sl_code rc, int64_t *rows_out, sl_error *err);
