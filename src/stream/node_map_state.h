/// node_map_state.h — mapWithState: what its definition resolves to, and what the work of one epoch
/// needs. For node_map_state*.c.
#pragma once

#include "stream/node_touched.h"

typedef struct sli_map_state_body {
    sli_touched touched;
    const sl_map_state_fn *fn;
    sl_schema *made_schema; ///< of the rows that the function makes
    uint8_t *kinds;         ///< by column of the state: sl_state_kind
    uint64_t nullable;      ///< bit c: column c of the state may be null
    size_t row_bytes;       ///< of a sl_state_row
    int32_t n_columns;      ///< of the state
    bool is_wide;           ///< all are int64, timestamp or float64
} sli_map_state_body;

// ---------------------------------------------------------------- node_map_state_rdd.c

extern const sli_rdd_ops sli_map_state_rdd_ops;
sl_code sli_map_state_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err);
/// As sli_touched.give_all: keys and states.
sl_code sli_map_state_give_all(const sli_touched_run *run, sli_state_view *view, sli_task *task,
                               sli_push_fn push, void *ctx, sl_error *err);

// ---------------------------------------------------------------- node_map_state_task.c

/// The work of one task, as sli_rdd_ops.compute.
sl_code sli_map_state_compute(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                              void *ctx, sl_error *err);

// ---------------------------------------------------------------- node_map_state_row.c

/// Reads a value of the table into a zeroed row. Texts are copied to `memory`.
sl_code sli_map_state_get(const sli_map_state_body *body, sl_bytes value, sl_state_row *row,
                          sl_arena *memory, sl_error *err);
/// Appends the value of the table that the row stands for, touched at `time_us`. Fails: SL_E_DATA
/// for a value that its column can't have.
sl_code sli_map_state_put(const sli_map_state_body *body, const sl_state_row *row, int64_t time_us,
                          sli_str *out, sl_error *err);
/// SL_OK, or what was misused, as an error.
sl_code sli_map_state_misuse(const sl_state_log *log, sl_error *err);
/// A key for messages, the first columns of `keys`: "k 'abc', n 7".
void sli_state_put_key(sli_str *out, const sl_batch *keys, int32_t n_keys, int64_t row);
