/// node_state.h — updateStateByKey: what its definition resolves to. For node_state.c (definition,
/// initial state) and node_update.c (the RDD and the work of its tasks).
#pragma once

#include "stream/graph_def.h"

#include <stdatomic.h>

typedef struct sli_update_body {
    const sl_update_fn *fn;
    const char *args;
    const char *initial;       ///< URL, or NULL
    int32_t *keys, n_keys;     ///< columns of the input
    int32_t *values, n_values; ///< the others; all of them when every column is a key
    sl_schema *key_schema;     ///< of sl_update_call.keys, and of the table
    sl_schema *value_schema;   ///< of sl_update_call.values
    sl_schema *state_schema;   ///< what the function makes, and of the table
    sl_schema *old_schema;     ///< of sl_update_call.states: the state, every column nullable
    sli_table_info info;
    _Atomic(const void *) open; ///< body of the RDD whose epoch is running; NULL between epochs
    int32_t *places; ///< 0, 1, 2, ...: key columns of key_schema, state columns of state_schema
} sli_update_body;

/// The node's RDD: one shuffle by key slots, tasks pinned to the partitions of the state.
sl_code sli_update_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                       sl_error *err);
bool sli_is_update_rdd(const sl_rdd *rdd);
/// The RDD's epoch ends: from now on it can't be computed (its cached partitions stay readable).
void sli_update_end(sl_rdd *rdd);
/// Runs the partitions of such an RDD that no task has done yet.
sl_code sli_update_settle(sl_rdd *rdd, sl_error *err);
