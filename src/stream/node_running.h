/// node_running.h — runningByKey: aggregations per key over all rows since the job began.
///
///     input ─► states of the epoch, one row a key (sli_rdd_states: combined on the map side, by
///     slot) ─► task of the partition: look up, merge, put, give
///
/// The table has, for each key, the aggregations' partial states as ordinary columns, behind the
/// time of its last rows when there is a timeout. Since a key comes once in an epoch, nothing is
/// grouped here: rows of a batch are the groups.
#pragma once

#include "sluice/event.h"
#include "sluice/running.h"
#include "stream/node_touched.h"

typedef struct sli_running_body {
    sli_touched touched;
    const char *aggregations; ///< as given
    /// The states alone, without keys: what tasks compute with. Its partial schema are the state's
    /// columns, its results the stream's columns behind the keys.
    sli_agg_plan *states;
    int32_t n_keys; ///< of the stream; 0: one row over all rows, of which the table has a key of
                    ///< its own
    sl_output_mode mode;
    bool mode_is_set;
    bool forgets_zero; ///< a key leaves when its result number `zero`, an int64, is 0
    int32_t zero;
    sl_schema *time_schema; ///< of the cell before a stored state
    int32_t *numbers;       ///< 0, 1, 2, ...: of columns, and of rows up to SLI_BATCH_ROWS
} sli_running_body;

bool sli_is_running(const sl_stream *node);
/// sl_stream_output_mode for such a stream.
sl_stream *sli_running_set_mode(sl_stream *stream, sl_output_mode mode);

extern const sli_rdd_ops sli_running_rdd_ops;

/// The body of a stream of its changes (node_running_changes.c).
typedef struct sli_running_changes {
    const sl_stream *node;
    sl_schema *mark_schema; ///< of the last column: -1 or 1
} sli_running_changes;

// ---------------------------------------------------------------- node_running_task.c

/// The work of one task, as sli_rdd_ops.compute.
sl_code sli_running_compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err);
/// The same work on `rdd`, a runningByKey's, giving what changes: results as they were, with -1,
/// then as they are, with 1. A key whose result is what it was is not given.
sl_code sli_running_compute_changes(sl_rdd *rdd, const sli_running_changes *changes,
                                    int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                                    sl_error *err);

// ---------------------------------------------------------------- node_running_all.c

/// As sli_touched.give_all: keys and results.
sl_code sli_running_give_all(const sli_touched_run *run, sli_state_view *view, sli_task *task,
                             sli_push_fn push, void *ctx, sl_error *err);
/// Keys (the first columns of `keys`) and results, under the stream's schema.
sl_code sli_running_rows(const sl_stream *node, const sl_batch *keys, const sl_batch *results,
                         sl_batch **out, sl_error *err);
