/// node_map_state_work.h — mapWithState: what one task works on. For node_map_state_*.c.
///
/// A task owns one partition of the state. It finds the states of a batch's keys (find), calls the
/// function (call), and puts what has changed into its view (change); at last it ends keys that
/// were idle for too long (idle).
#pragma once

#include "base/bytes.h"
#include "stream/node_map_state.h"

/// What the store needs to change a key that it has found.
typedef struct sli_map_mark {
    uint64_t key_hash, mark;
} sli_map_mark;

enum { SLI_MAP_TOGETHER = 512 }; ///< keys that the store is asked for, or told, at once

typedef struct sli_map_work {
    sli_touched_run *run;
    const sli_map_state_body *body;
    sl_rdd *rdd;
    int32_t partition; ///< of the RDD; a task of a union of several has another
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sl_args args;
    sli_state_view *view;
    sl_state_log log;
    const sl_batch **from; ///< where the columns of a batch come from
    int32_t *column;
    // keys of the epoch
    sli_groups *groups;
    char *rows; ///< by group: sl_state_row
    int64_t row_capacity;
    sli_map_mark *marks; ///< by group; NULL when keys are changed one by one
    int64_t mark_capacity;
    // a key has one record at most: its group is the record's number in the batch
    bool is_once;
    sli_state_key *keys; ///< by record
    int64_t key_capacity;
    uint64_t *hashes;
    int64_t hash_capacity;
    sl_bytes *key_rows;
    int64_t key_row_capacity;
    sli_str key_bytes;
    int64_t weight; ///< bytes counted in the budget
    // one call
    int32_t *row_of; ///< by record
    int64_t record_capacity;
    int32_t *origins; ///< by row made: its record
    int64_t origin_capacity;
    int64_t n_before; ///< records of earlier calls
    sl_builder *out;
    sli_str value; ///< keys and states as bytes
    // idle keys
    int64_t *oldest; ///< by slot, as the run's; of the slots that were looked into
    sli_str idle;    ///< key and state bytes, length-prefixed
    int64_t n_idle;
    sl_builder *idle_keys;
} sli_map_work;

static inline const sli_store_ops *sli_map_work_store(const sli_map_work *w)
{
    return w->run->node->store->ops;
}

static inline sl_state_row *sli_map_work_row(const sli_map_work *w, int64_t i)
{
    return (sl_state_row *)(void *)(w->rows + (size_t)i * w->body->row_bytes);
}

static inline bool sli_map_work_owns(const sli_map_work *w, int32_t slot)
{
    return sli_partition_of(slot, w->rdd->n_partitions) == w->partition;
}

// ---------------------------------------------------------------- node_map_state_find.c

/// Room for `n` items; half as much again when it must grow.
sl_code sli_map_work_room(void *items, int64_t *capacity, int64_t n, size_t size, sl_error *err);
/// The states of a batch's records: w->rows, and which record has which.
sl_code sli_map_work_find(sli_map_work *w, const sl_batch *batch, sl_error *err);

// ---------------------------------------------------------------- node_map_state_call.c

/// Puts the operator and the partition before the text.
sl_code sli_map_work_blame(const sli_map_work *w, sl_code rc, sl_error *err);
/// A call for `n` records with these keys, without values.
sl_map_state_call sli_map_work_call_of(sli_map_work *w, int64_t n, const sl_batch *keys);
/// Calls the function, and pushes its rows with their keys before them.
sl_code sli_map_work_call(sli_map_work *w, const sl_map_state_call *call, sl_error *err);

// ---------------------------------------------------------------- node_map_state_change.c

/// Puts what rows [0, n) have changed into the view.
sl_code sli_map_work_put(sli_map_work *w, int64_t n, sl_error *err);

// ---------------------------------------------------------------- node_map_state_idle.c

/// Gives the keys that are idle to the function once more, and removes them. Rows and numbers of
/// the epoch's keys are lost: their memory serves here.
sl_code sli_map_work_end_idle(sli_map_work *w, sl_error *err);
