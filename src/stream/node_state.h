/// node_state.h — updateStateByKey: what its definition resolves to. For node_state.c (definition,
/// initial state), node_ttl.c (keys that nobody updates) and node_update.c (the RDD and the work of
/// its tasks).
#pragma once

#include "stream/graph_def.h"

#include <stdatomic.h>

typedef struct sli_update_body {
    const sl_update_fn *fn;
    const char *args;
    const char *initial;       ///< URL, or NULL
    int64_t ttl_us;            ///< 0: keys stay
    int32_t *keys, n_keys;     ///< columns of the input
    int32_t *values, n_values; ///< the others; all of them when every column is a key
    sl_schema *key_schema;     ///< of sl_update_call.keys, and of the table
    sl_schema *value_schema;   ///< of sl_update_call.values
    sl_schema *state_schema;   ///< what the function makes
    sl_schema
        *stored_schema;    ///< of the table: the state, behind SLI_TTL_COLUMN when there is a ttl
    sl_schema *old_schema; ///< of sl_update_call.states: the state, every column nullable
    sli_table_info info;
    _Atomic(const void *) open; ///< body of the RDD whose epoch is running; NULL between epochs
    int32_t *places; ///< 0, 1, 2, ...: key columns of key_schema, state columns of state_schema
} sli_update_body;

sli_update_body *sli_node_update(const sl_stream *node); ///< NULL for other operators

// ---------------------------------------------------------------- node_ttl.c
//
// With a ttl the first cell of a stored state is the batch time of the key's last values; null in
// an initial state.

#define SLI_TTL_COLUMN "ttl.updated timestamp?"
enum { SLI_TTL_UNKNOWN = INT64_MIN }; ///< the time of an initial state, until an epoch has seen it

/// Appends the cell, if the operator has a ttl.
void sli_ttl_put(const sli_update_body *body, sli_str *out, int64_t updated_us);
/// What a stored state consists of; *updated_us is SLI_TTL_UNKNOWN without a ttl. Outside data:
/// checked.
sl_code sli_ttl_split(const sli_update_body *body, sl_bytes stored, int64_t *updated_us,
                      sl_bytes *state, sl_error *err);
/// Whether the key's time is over at a batch time.
bool sli_ttl_is_over(const sli_update_body *body, int64_t updated_us, int64_t now_us);

// ---------------------------------------------------------------- node_update.c

/// The node's RDD: one shuffle by key slots, tasks pinned to the partitions of the state.
sl_code sli_update_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                       sl_error *err);
bool sli_is_update_rdd(const sl_rdd *rdd);
/// The RDD's epoch ends: from now on it can't be computed (its cached partitions stay readable).
void sli_update_end(sl_rdd *rdd);
/// Runs the partitions of such an RDD that no task has done yet.
sl_code sli_update_settle(sl_rdd *rdd, sl_error *err);
