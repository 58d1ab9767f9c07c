/// state.h — state per key, kept across epochs and restarts: updateStateByKey and mapWithState.
///
/// updateStateByKey gives every known key to its function in every epoch; mapWithState only the
/// keys that have records, one record after the other. Prefer it: its cost, and what an epoch adds
/// to the checkpoint, grow with the keys that are touched, not with those that are known.
///
/// Both functions are data (fn.h) and get rows a batch at a time. State is filed under the stream's
/// uid; its columns are checked at a restart.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

// ---------------------------------------------------------------- updateStateByKey

/// New state for the keys of updateStateByKey, a batch of keys at a time.
///
/// Row i of `keys` is a key. Its new values are rows values_from[i] .. values_from[i + 1] of
/// `values` (in arrival order, maybe none); its old state is row i of `states`, where `had[i]` says
/// whether there is one (null where not). `values` has the stream's columns that are no keys, or
/// all of them when every one is a key. Append one row to `out` for each key; set `keep[i]` to
/// false to remove the key (the appended row is then ignored).
typedef struct sl_update_call {
    const sl_batch *keys, *values, *states;
    const int64_t *values_from; ///< rows of keys + 1 entries
    const bool *had;
    bool *keep; ///< all true at the call
    sl_builder *out;
} sl_update_call;

typedef struct sl_update_fn {
    size_t struct_size;
    const char *name;
    const char *out; ///< schema of the state: "total int64"
    uint32_t version;
    bool impure;
    /// As sl_fn.run. Thread: task.
    sl_code (*run)(const sl_args *args, const sl_update_call *call, sl_error *err);
} sl_update_fn;

/// State per key, kept across epochs and restarts. The function runs for every known key in every
/// epoch, also when it has no new values (Spark's rule; its cost is proportional to all keys).
/// Output: keys, then the state's columns, a row for every key that has state afterwards: known
/// keys in the state's order, then new ones as they were first seen. The RDD of an epoch can be
/// computed in that epoch only; it is kept at SL_MEMORY_AND_DISK unless sl_stream_persist says
/// otherwise.
SL_API sl_stream *sl_stream_update_state_by_key(sl_stream *stream, const char *keys,
                                                const sl_update_fn *fn, const char *args);

// ---------------------------------------------------------------- mapWithState
//
//     static sl_code count(const sl_args *args, const sl_map_state_call *call, sl_error *err)
//     {
//         for (int64_t i = 0; i < call->n; i++) {
//             sl_state state = sl_state_at(call, i);
//             int64_t n = sl_state_int64_or(&state, 0, 0) + 1;
//             sl_state_set_int64(&state, 0, n);
//             sl_builder_int64(call->out, 0, n);
//         }
//         return SL_OK;
//     }
//     static const sl_map_state_fn count_fn = {.struct_size = sizeof(sl_map_state_fn),
//         .name = "count", .state = "n int64", .out = "n int64", .run = count};

enum { SL_STATE_MAX_COLUMNS = 64 };

/// One column of a state. Integers, bool (0 and 1), date and timestamp are an int64; float32 and
/// float64 a double; string and binary a text.
typedef union sl_state_cell {
    int64_t int64;
    double float64;
    sl_text text;
} sl_state_cell;

/// The state of one key while its epoch is computed. The engine's own: use the calls below.
typedef struct sl_state_row {
    uint64_t nulls; ///< bit c: column c is null
    uint64_t owned; ///< bit c: the text of column c lies in memory of its own
    uint32_t flags; ///< SL_STATE_...
    sl_state_cell cells[];
} sl_state_row;

enum {
    SL_STATE_EXISTS = 1,
    SL_STATE_UPDATED = 2, ///< in this epoch
    SL_STATE_REMOVED = 4, ///< in this epoch, whatever came after
    SL_STATE_KNOWN = 8,   ///< before this epoch
};

/// What sl_state's calls report to. The engine's own.
typedef struct sl_state_log sl_state_log;

/// Records for the function of mapWithState, in order of arrival.
typedef struct sl_map_state_call {
    int64_t n;              ///< records
    const sl_batch *keys;   ///< row i: the key of record i
    const sl_batch *values; ///< row i: the columns of record i that are no keys, or all of them
                            ///< when every one is a key. NULL when timing out
    bool timing_out;        ///< these keys were idle for too long: they have no record, each one is
                            ///< here once, and it is gone afterwards
    sl_builder *out; ///< rows that come out. As many as records: row i is of record i. Otherwise
                     ///< name the record before the rows that it makes: sl_builder_of_row
    // ---- for the calls below
    const int32_t *row_of; ///< by record
    char *rows;
    size_t row_bytes;
    const uint8_t *kinds; ///< by column: sl_state_kind
    uint64_t nullable;    ///< bit c: column c may be null
    int32_t n_columns;
    sl_state_log *log;
} sl_map_state_call;

typedef enum sl_state_kind { SL_STATE_INT64 = 1, SL_STATE_FLOAT64, SL_STATE_TEXT } sl_state_kind;

/// The state of one record's key, as that record finds it: Spark's State.
typedef struct sl_state {
    const sl_map_state_call *call;
    sl_state_row *row;
    int64_t record;
    bool removed; ///< by this record
} sl_state;

typedef struct sl_map_state_fn {
    size_t struct_size;
    const char *name;
    const char *state; ///< schema of the state: "n int64, last timestamp"; at most 64 columns, of
                       ///< types that sl_state_cell has
    const char *out;   ///< schema of what it makes beside the keys: "n int64"
    uint32_t version;
    bool impure;
    /// Goes through the records in order: a record sees what earlier ones of its key have done.
    /// Never called without records. A failure is told with the key of the record that
    /// sl_state_at was last asked for. Thread: task.
    sl_code (*run)(const sl_args *args, const sl_map_state_call *call, sl_error *err);
} sl_map_state_fn;

/// The function runs for every record, and may make rows of it; state is kept of its key. Output:
/// keys, then the function's columns, in the order of the records in their partition. Only keys
/// that have records cost anything. Computed twice in an epoch it gives the same rows and changes
/// the state once; after its epoch it can't be computed. Rows that lie by these keys already
/// (sl_stream_reduce_by_key with as many partitions) are not shuffled again.
SL_API sl_stream *sl_stream_map_with_state(sl_stream *stream, const char *keys,
                                           const sl_map_state_fn *fn, const char *args);

// ---- settings and views of a stream with state; each setting returns its argument

/// updateStateByKey and mapWithState: rows "keys, state", each key once, that are there before the
/// first epoch. The table must have these columns. Such keys count as touched in the first epoch.
SL_API sl_stream *sl_stream_initial_state(sl_stream *stream, const char *table_url);
/// mapWithState (sl_stream_running_by_key: running.h): a key without a record for longer than
/// `idle` ("30s", of batch time) gets one last
/// call, without a value (timing_out), in the first epoch after that, and is then gone. With
/// compat=spark only in epochs whose batch time is a multiple of ten intervals, as there only
/// checkpointed batches look for idle keys. A record keeps its key alive even if its state is only
/// read. The time of the last record is part of the state, so a timeout that is added or taken away
/// makes another state.
SL_API sl_stream *sl_stream_timeout(sl_stream *stream, const char *idle);
/// Idle keys are looked for only in epochs whose batch time is a multiple of `every` ("2s", Spark's
/// checkpoint interval of such a stream), which is a multiple of the stream's slide: else the start
/// fails with SL_E_INVALID. After sl_stream_timeout.
SL_API sl_stream *sl_stream_timeout_every(sl_stream *stream, const char *every);
/// Every key of a mapWithState with its state (of sl_stream_running_by_key with its results), in
/// every epoch: what it is after that epoch. Costs as much as there are keys.
SL_API sl_stream *sl_stream_state_snapshots(sl_stream *stream);

// ---------------------------------------------------------------- the state of a record
//
// Misuse can't fail at the call: the first one is the failure of the epoch, with its key, when the
// function returns.

typedef enum sl_state_misuse {
    SL_STATE_NOT_SET = 1,      ///< read, and there is none
    SL_STATE_SET_AFTER_REMOVE, ///< by the same record
    SL_STATE_REMOVED_TWICE,    ///< by the same record
    SL_STATE_SET_AT_END,       ///< while timing out
    SL_STATE_REMOVED_AT_END,   ///< while timing out
    SL_STATE_OTHER_TYPE,       ///< no such column, or not of this type
    SL_STATE_NOT_NULLABLE,
} sl_state_misuse;

struct sl_state_log {
    int64_t record;         ///< the last one asked for
    sl_state_misuse misuse; ///< the first one; 0: none
    int64_t misused_by;     ///< record
    void *memory;           ///< for texts
    bool no_memory;
};

/// Notes a misuse. Cold, and the engine's own.
static inline void sl_state_misused(const sl_state *state, sl_state_misuse misuse)
{
    sl_state_log *log = state->call->log;
    if (log->misuse == 0) {
        log->misuse = misuse;
        log->misused_by = state->record;
    }
}

/// The state of record i's key. Ask once a record.
static inline sl_state sl_state_at(const sl_map_state_call *call, int64_t record)
{
    char *row = call->rows + (size_t)call->row_of[record] * call->row_bytes;
    call->log->record = record;
    return (sl_state){call, (sl_state_row *)(void *)row, record, false};
}

static inline bool sl_state_exists(const sl_state *state)
{
    return (state->row->flags & SL_STATE_EXISTS) != 0;
}
static inline bool sl_state_is_timing_out(const sl_state *state)
{
    return state->call->timing_out;
}

static inline bool sl_state_may_read(const sl_state *state, int32_t column, sl_state_kind kind)
{
    bool fits =
        column >= 0 && column < state->call->n_columns && state->call->kinds[column] == kind;
    if (fits && sl_state_exists(state)) {
        return true;
    }
    sl_state_misused(state, fits ? SL_STATE_NOT_SET : SL_STATE_OTHER_TYPE);
    return false;
}
/// Whether a column of a state that exists is null; its value then reads as 0 or "".
static inline bool sl_state_is_null(const sl_state *state, int32_t column)
{
    return (state->row->nulls >> column & 1) != 0;
}
/// What the state has; there must be one.
static inline int64_t sl_state_int64(const sl_state *state, int32_t column)
{
    return sl_state_may_read(state, column, SL_STATE_INT64) ? state->row->cells[column].int64 : 0;
}
static inline double sl_state_float64(const sl_state *state, int32_t column)
{
    return sl_state_may_read(state, column, SL_STATE_FLOAT64) ? state->row->cells[column].float64
                                                              : 0;
}
/// Lives until the column is set.
static inline sl_text sl_state_text(const sl_state *state, int32_t column)
{
    return sl_state_may_read(state, column, SL_STATE_TEXT) ? state->row->cells[column].text
                                                           : (sl_text){"", 0};
}
/// What the state has, or `otherwise` when there is none.
static inline int64_t sl_state_int64_or(const sl_state *state, int32_t column, int64_t otherwise)
{
    return sl_state_exists(state) ? sl_state_int64(state, column) : otherwise;
}
static inline double sl_state_float64_or(const sl_state *state, int32_t column, double otherwise)
{
    return sl_state_exists(state) ? sl_state_float64(state, column) : otherwise;
}
static inline sl_text sl_state_text_or(const sl_state *state, int32_t column, sl_text otherwise)
{
    return sl_state_exists(state) ? sl_state_text(state, column) : otherwise;
}

/// Makes the state exist. The columns of one that did not are null where they may be, else 0 or "".
SL_API void sl_state_create(const sl_state *state);

static inline bool sl_state_may_set(const sl_state *state, int32_t column, sl_state_kind kind)
{
    const sl_map_state_call *call = state->call;
    if (state->removed || call->timing_out || column < 0 || column >= call->n_columns ||
        call->kinds[column] != kind) {
        sl_state_misused(state, state->removed     ? SL_STATE_SET_AFTER_REMOVE
                                : call->timing_out ? SL_STATE_SET_AT_END
                                                   : SL_STATE_OTHER_TYPE);
        return false;
    }
    if (!sl_state_exists(state)) {
        sl_state_create(state);
    }
    state->row->flags |= SL_STATE_UPDATED;
    state->row->nulls &= ~((uint64_t)1 << column);
    return true;
}
/// Updates one column; a state that there was not exists from here on. A value that the column's
/// type can't hold is SL_E_DATA.
static inline void sl_state_set_int64(const sl_state *state, int32_t column, int64_t value)
{
    if (sl_state_may_set(state, column, SL_STATE_INT64)) {
        state->row->cells[column].int64 = value;
    }
}
static inline void sl_state_set_float64(const sl_state *state, int32_t column, double value)
{
    if (sl_state_may_set(state, column, SL_STATE_FLOAT64)) {
        state->row->cells[column].float64 = value;
    }
}
/// Copies the bytes. SL_STRING columns trust the caller that they are UTF-8.
SL_API void sl_state_set_text(const sl_state *state, int32_t column, const char *data, size_t size);
/// Sets a column of any type to null; it must be one that may be null.
SL_API void sl_state_set_null(const sl_state *state, int32_t column);

/// Takes the state away. A later record of the key may make another.
static inline void sl_state_remove(sl_state *state)
{
    if (state->call->timing_out || state->removed) {
        sl_state_misused(state, state->removed ? SL_STATE_REMOVED_TWICE : SL_STATE_REMOVED_AT_END);
        return;
    }
    state->removed = true;
    state->row->flags = (state->row->flags & SL_STATE_KNOWN) | SL_STATE_REMOVED;
}

SL_END_DECLS
