/// node_state.h — operators that keep state per key: what all kinds are defined by, and the doors
/// of each. For node_state.c (definition, initial state), node_update*.c, node_touched.c,
/// node_map_state*.c and node_running*.c.
#pragma once

#include "stream/graph_def.h"

#include <stdatomic.h>

/// The head of the body of a stateful node.
typedef struct sli_state_def {
    const char *args;          ///< of the function
    const char *initial;       ///< URL, or NULL
    const char *key_text;      ///< the keys as they were named
    int32_t *keys, n_keys;     ///< columns of the input
    int32_t *values, n_values; ///< the others; all of them when every column is a key
    sl_schema *key_schema;     ///< of the keys of a call, and of the table
    sl_schema *value_schema;   ///< of the values of a call
    sl_schema *state_schema;   ///< the state's columns, as the function knows them
    sl_schema *row_schema;     ///< keys, then the state's columns: of an initial state
    sl_schema *stored_schema;  ///< of the table: the state, behind SLI_TTL_COLUMN when there is a
                               ///< ttl or a timeout
    int64_t ttl_us;            ///< of either; 0: keys stay
    sli_table_info info;
    int32_t *places; ///< 0, 1, 2, ...: key columns of key_schema, state columns of state_schema
    /// The body of the RDD whose epoch is running; NULL between epochs. Only its tasks may compute.
    _Atomic(const void *) open;
} sli_state_def;

/// The definition of a stateful node; NULL for others.
sli_state_def *sli_state_def_of(const sl_stream *node);
/// Resolves keys and the state's columns. What was made before a failure is freed with the node.
sl_code sli_state_define(sl_stream *node, sli_state_def *def, const char *keys, const char *state,
                         const char *args, sl_error *err);
/// The columns of both. Fails: SL_E_INVALID for a name in both, "'k' is a key and WHAT".
sl_code sli_state_beside(const sl_schema *keys, const sl_schema *others, const char *what,
                         sl_schema **out, sl_error *err);
/// Puts keys, function and its arguments into the node's canonical text.
sl_code sli_state_put_args(sl_stream *node, const sli_state_def *def, const char *fn,
                           uint32_t version, bool impure, sl_error *err);
void sli_state_def_free(sl_stream *node); ///< as sli_node_ops.free
/// The partitions of the node's shuffle in this run. Fails: SL_E_INVALID; SL_E_STATE when its state
/// is not open.
sl_code sli_state_partitions(const sl_stream *node, const sli_runtime *runtime, int32_t *out,
                             sl_error *err);
/// Fails: SL_E_STATE when the epoch of `run` is over.
sl_code sli_state_check_open(const sl_stream *node, const void *run, int64_t epoch, sl_error *err);
/// After a user's call: puts task->operator_uid back, and gives a failure without a reason one.
sl_code sli_state_call_end(sli_task *task, const char *before, sl_code rc, sl_error *error);

// ---------------------------------------------------------------- node_ttl.c
//
// With a ttl or a timeout the first cell of a stored state is the batch time of the key's last
// values; null in an initial state of updateStateByKey.

#define SLI_TTL_COLUMN "ttl.updated timestamp?"
#define SLI_TTL_UNKNOWN INT64_MIN ///< the time of an initial state, until an epoch has seen it

/// A length of time that is not 0. `what` is the setting's name. Fails: SL_E_INVALID.
sl_code sli_duration_parse(const char *what, const char *text, int64_t *out_us, sl_error *err);
/// Parses the length and keeps the cell from now on.
sl_code sli_ttl_set(sli_state_def *def, const char *what, const char *text, sl_error *err);
/// Appends the cell, if the operator has it.
void sli_ttl_put(const sli_state_def *def, sli_str *out, int64_t updated_us);
/// What a stored state consists of; *updated_us is SLI_TTL_UNKNOWN without a ttl. Outside data:
/// checked.
sl_code sli_ttl_split(const sli_state_def *def, sl_bytes stored, int64_t *updated_us,
                      sl_bytes *state, sl_error *err);
/// Whether the key's time is over at a batch time.
bool sli_ttl_is_over(const sli_state_def *def, int64_t updated_us, int64_t now_us);

// ---------------------------------------------------------------- updateStateByKey

typedef struct sli_update_body {
    sli_state_def def;
    const sl_update_fn *fn;
    sl_schema *old_schema; ///< of sl_update_call.states: the state, every column nullable
} sli_update_body;

sli_update_body *sli_node_update(const sl_stream *node); ///< NULL for other operators
/// The node's RDD: one shuffle by key slots, tasks pinned to the partitions of the state.
sl_code sli_update_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                       sl_error *err);
bool sli_is_update_rdd(const sl_rdd *rdd);
/// The RDD's epoch ends: from now on it can't be computed (its cached partitions stay readable).
void sli_update_end(sl_rdd *rdd);
/// Runs the partitions of such an RDD that no task has done yet.
sl_code sli_update_settle(sl_rdd *rdd, sl_error *err);
/// ops->state of all kinds.
const sli_table_info *sli_state_table(const sl_stream *node);

// ---------------------------------------------------------------- mapWithState, runningByKey

bool sli_is_touched_rdd(const sl_rdd *rdd);
/// As sli_update_settle; then its views stand for their partitions.
sl_code sli_touched_settle(sl_rdd *rdd, sl_error *err);
/// As sli_update_end. `settled`: the epoch is good, what was learnt of idle keys counts.
void sli_touched_end(sl_rdd *rdd, bool settled);
/// When a node looks for idle keys (sl_stream_timeout_every); 0: in every epoch, or it is another
/// operator.
int64_t sli_touched_every(const sl_stream *node);
bool sli_is_snapshots_rdd(const sl_rdd *rdd);
void sli_snapshots_end(sl_rdd *rdd); ///< its epoch ends: from now on it can't be computed
