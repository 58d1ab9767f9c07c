/// node_touched.h — state of which an epoch touches only the keys that have rows: what mapWithState
/// and runningByKey share.
///
/// A task leaves its view with the RDD, not with the store: until the epoch ends the snapshots read
/// what it holds. Then the views stand for their partitions, and the store completes the epoch.
///
/// When is a key idle? Every touch makes it the last of its slot, so idle keys are the first ones.
/// Each slot of the table knows a time before which no key of it was touched, so that an epoch
/// looks only into slots that may have an idle key, and an epoch without input and without such a
/// slot does nothing at all. What is known is of this life only: nothing at its start, and nothing
/// again after an epoch that failed.
#pragma once

#include "stream/node_state.h"

typedef struct sli_touched_run sli_touched_run;

/// The head of the body of such a node.
typedef struct sli_touched {
    sli_state_def def;
    bool has_snapshots;
    bool has_changes; ///< runningByKey: a stream gives what changes, so that no key may time out
    bool gives_all;   ///< every epoch gives every key: none is without rows
    /// A key whose time is over counts as gone in every epoch, whether it has been removed or not:
    /// nobody is told of its end, so when it is looked for is nobody's matter.
    bool forgets;
    int64_t every_us;                 ///< 0: every epoch looks for idle keys
    const sl_schema *snapshot_schema; ///< of the rows that a snapshot gives; one of the node's
    /// Pushes a row for each key of the view. Thread: task.
    sl_code (*give_all)(const sli_touched_run *run, sli_state_view *view, sli_task *task,
                        sli_push_fn push, void *ctx, sl_error *err);
    /// By slot of the table: no key of it was touched before this. 0: nobody has looked. Thread:
    /// driver, between epochs.
    int64_t oldest[SLI_SLOTS];
    int64_t soonest; ///< the least of them
} sli_touched;

/// The RDD of one epoch.
struct sli_touched_run {
    const sl_stream *node;
    sli_touched *touched;
    int64_t epoch, time_us;
    int64_t before;  ///< keys that were last touched before it are idle; INT64_MIN: none is
    int64_t *oldest; ///< by slot: as the body's, after this epoch. NULL when nobody looks
    /// By partition: the first view that was computed; others of the epoch are equal to it. Never
    /// changed once it is here, read by tasks that make snapshots.
    _Atomic(sli_state_view *) views[];
};

/// The body of such a node; NULL for others.
sli_touched *sli_touched_of(const sl_stream *node);

// ---------------------------------------------------------------- node_touched.c

/// The node's RDD on `dep`, which it takes over, with tasks pinned to the partitions of the state.
sl_code sli_touched_rdd(sl_stream *node, sli_epoch *epoch, const sli_rdd_ops *ops, sli_dep *dep,
                        int32_t n_partitions, sl_rdd **out, sl_error *err);
void sli_touched_free(sl_rdd *rdd); ///< as sli_rdd_ops.free
/// At the end of a task: the view stands for the partition until the epoch ends, unless one does
/// already (two tasks of a job may compute a partition at the same time); *view NULL when it was
/// taken. `oldest` is what was learnt, or NULL.
void sli_touched_keep(sl_rdd *rdd, int32_t partition, sli_state_view **view, const int64_t *oldest);
/// The task's own copy of what is known of slots; NULL without an error when none is to be looked
/// into.
sl_code sli_touched_known(const sli_touched_run *run, sli_task *task, int64_t **out, sl_error *err);

// ---------------------------------------------------------------- node_snapshots.c

extern const sli_node_ops sli_node_snapshots_ops;
