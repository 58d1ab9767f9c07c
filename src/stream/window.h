/// window.h — what windows hold: panes, and what is on record of them. For files of stream/ only.
///
/// A *pane* is what a window keeps of one epoch: rows in OUTPUT blocks, counted and spilled as
/// such. It is shared by the window, the commit group that will write it, and RDDs over it; the
/// last of them removes its blocks. Panes without rows are not kept: a window is the same without
/// them.
///
///     T - window          T - slide           T
///     ──┬──────────────────┬──────────────────┬──►
///       │ leave at T ...   │   enter at T     │
///
/// A window that goes on by the inverse has what panes of batch times in (from, to] came to as
/// state; for every other window both say up to where panes have passed.
#pragma once

#include "stream/node_window.h"

#include <stdatomic.h>

// ---------------------------------------------------------------- panes (pane.c)

/// Some rows of a pane, as a choice of their numbers: while an epoch runs without the others.
typedef struct sli_pane_cut {
    sli_choice choice;
    const int64_t *first; ///< numbers of the partitions' first rows, and one past the last
} sli_pane_cut;

typedef struct sli_pane {
    _Atomic int32_t refs;
    sli_blocks *blocks;
    int64_t epoch, time_us;
    int64_t made_in; ///< its epoch; or a later one, which had rows of it left out
    int64_t owner;   ///< of its blocks
    int64_t n_rows;
    const sli_pane_cut *cut;  ///< NULL: all rows count. The driver's, who sets it between jobs
    struct sli_pane *trimmed; ///< what stands for it once the running epoch has gone well; or NULL
    int32_t n_partitions;
    uint8_t has_rows[]; ///< by partition, as in sli_keeping
} sli_pane;

/// Without rows yet, made in its epoch. NULL without memory.
sli_pane *sli_pane_new(sli_blocks *blocks, int64_t owner, int64_t epoch, int64_t time_us,
                       int32_t n_partitions);
sli_pane *sli_pane_ref(sli_pane *pane);       ///< Thread: any
void sli_pane_unref(SL_TAKES sli_pane *pane); ///< accepts NULL. Thread: any
/// Rows of partition `partition` of `n`: by hash of the key columns when the pane was made with
/// another number of partitions. Thread: task.
sl_code sli_pane_each(const sli_pane *pane, const sli_window_def *def, int32_t partition, int32_t n,
                      sli_task *task, sli_push_fn push, void *ctx, sl_error *err);
/// The same of the rows that don't count now. Thread: task.
sl_code sli_pane_each_lost(const sli_pane *pane, const sli_window_def *def, int32_t partition,
                           int32_t n, sli_task *task, sli_push_fn push, void *ctx, sl_error *err);
/// The rows of a batch that count, or with `lost` those that don't: *out one reference, NULL for
/// none. `number` is that of the batch's first row.
sl_code sli_pane_cut_batch(const sli_pane_cut *cut, const sl_batch *batch, int64_t number,
                           bool lost, sl_batch **out, sl_error *err);

/// Panes in order of batch time.
typedef struct sli_panes {
    sli_pane **at;
    int32_t n, capacity;
} sli_panes;
sl_code sli_panes_add(sli_panes *panes, SL_SHARES sli_pane *pane, sl_error *err);
/// References to those of batch times in (from, to], appended to `out`.
sl_code sli_panes_between(const sli_panes *panes, int64_t from_us, int64_t to_us, sli_panes *out,
                          sl_error *err);
/// Adds one, or puts it in the place of the one that its epoch has: what was made later counts. One
/// without rows leaves none there.
sl_code sli_panes_put(sli_panes *panes, SL_SHARES sli_pane *pane, sl_error *err);
/// Lets go of those made in an epoch, the last one.
void sli_panes_forget(sli_panes *panes, int64_t epoch);
/// All rows count again, and what was trimmed is let go.
void sli_panes_uncut(sli_panes *panes);
/// What was trimmed stands in its place.
void sli_panes_trim(sli_panes *panes);
/// The latest batch time of any of them; 0: there is none.
int64_t sli_panes_last_us(const sli_panes *panes);
/// Lets go of those up to a batch time.
void sli_panes_drop(sli_panes *panes, int64_t to_us);
int64_t sli_panes_rows(const sli_panes *panes);
void sli_panes_reset(sli_panes *panes);

// ---------------------------------------------------------------- panes as bytes (pane_bytes.c)

/// Appends a pane with rows of that schema.
sl_code sli_pane_put(const sli_pane *pane, const sl_schema *schema, sli_str *out, sl_error *err);

/// Where panes that are read go.
typedef struct sli_pane_loading {
    sli_blocks *blocks;
    const sl_schema *schema; ///< of their rows
    int64_t from_us;         ///< those up to this batch time are passed over
    int64_t *block_owner;    ///< the last one that was given
    sli_panes *panes;
} sli_pane_loading;
/// Reads the panes of a file. Outside data: checked. After a failure some may have been added.
/// Fails: SL_E_CORRUPT, SL_E_INCOMPATIBLE (other rows), SL_E_UNSUPPORTED (Arrow bytes of a kind
/// that panes are never written in).
sl_code sli_panes_load(const sli_pane_loading *to, sl_bytes file, const char *path, sl_error *err);

// ---------------------------------------------------------------- windows

/// Panes of one commit group, on record.
typedef struct sli_pane_file {
    char *path;
    int64_t last_us; ///< batch time of the last pane in it
} sli_pane_file;

/// One window of the job, in one life of its driver. Thread: driver.
typedef struct sli_window {
    sl_stream *node;
    sli_panes panes;
    int64_t from_us, to_us;
    bool was_given;  ///< its RDD of the running epoch was asked for
    sl_rdd *running; ///< that RDD, when it goes on by the inverse (borrowed); NULL between epochs
    sli_pane_file *files; ///< in order of groups; paths are its own
    int32_t n_files, file_capacity;
} sli_window;

void sli_window_forget_files(sli_window *window); ///< the list, not the files. (window_file.c)

// ---------------------------------------------------------------- their RDDs

/// The rows of a window at the epoch's batch time: those of its panes, oldest first; by key, each
/// partition those of its keys. *out one reference. (pane.c)
sl_code sli_window_rows(sl_stream *node, sli_epoch *epoch, sl_rdd **out, sl_error *err);
/// The RDD of `stream` in one epoch, from the pane of rows that a window has of it, with the same
/// partitions. *out one reference. (pane.c)
sl_code sli_pane_rdd(sli_pane *pane, const sl_stream *stream, sli_runtime *runtime, sl_rdd **out,
                     sl_error *err);
/// The result of a window that goes on by the inverse. *out one reference. (window_state.c)
sl_code sli_window_state_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd **out, sl_error *err);
/// Runs the partitions of such an RDD that no task has done yet; and ends its epoch: from then on
/// it can't be computed.
sl_code sli_window_state_settle(sl_rdd *rdd, sl_error *err);
void sli_window_state_end(sl_rdd *rdd);
