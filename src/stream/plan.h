/// plan.h — what PLAN and SEALED frames hold, byte for byte (README.md has the layouts).
///
/// PLAN fixes an epoch before it runs: its input ranges and everything else that reaches results.
/// SEALED names all that is needed to finish a group without computing anything again.
#pragma once

#include "stream/stream.h"

typedef struct sli_plan_input {
    const char *uid;
    sl_bytes range;
    int32_t n_splits;
    int64_t rows; ///< -1 unknown
} sli_plan_input;

typedef struct sli_plan {
    int64_t epoch, time_us;
    int64_t before_us; ///< batch time of the epoch before it; 0: not told (a job without windows)
    uint64_t seed, options_hash, graph_hash;
    int32_t parallelism;
    sli_plan_input *inputs;
    int32_t n_inputs;
    struct sli_plan_watermark *watermarks; ///< one an event time node
    int32_t n_watermarks;
    struct sli_plan_fixed *fixed; ///< one an operator that rests on something outside
    int32_t n_fixed;
} sli_plan;

/// What an operator has fixed for the epoch (sli_node_ops.fix).
typedef struct sli_plan_fixed {
    const char *uid;
    sl_bytes bytes;   ///< the operator's own
    const char *path; ///< of a file that is kept in the checkpoint for it, or ""
} sli_plan_fixed;

typedef struct sli_plan_watermark {
    const char *uid;
    int64_t watermark_us; ///< event time; INT64_MIN: none yet
} sli_plan_watermark;

void sli_plan_put(sli_str *out, const sli_plan *plan);
/// Texts and arrays are made in the arena; ranges point into `body`. Fails: SL_E_CORRUPT,
/// SL_E_INCOMPATIBLE (another format), SL_E_NOMEM.
sl_code sli_plan_get(sl_bytes body, sl_arena *arena, sli_plan *out, sl_error *err);
/// The input of a uid, or NULL.
const sli_plan_input *sli_plan_find(const sli_plan *plan, const char *uid);
/// The watermark of a uid, or NULL.
const sli_plan_watermark *sli_plan_watermark_find(const sli_plan *plan, const char *uid);
/// What the operator of a uid has fixed, or NULL.
const sli_plan_fixed *sli_plan_fixed_find(const sli_plan *plan, const char *uid);

typedef struct sli_sealed_sink {
    const char *uid;
    sl_bytes receipt;   ///< resumable sinks
    const char *outbox; ///< path of the outbox, or ""
} sli_sealed_sink;

/// A row that an epoch ran without, of a source or of what a window held: a verdict on poison
/// records.
typedef struct sli_left_out {
    int64_t epoch;      ///< in which it came
    const char *source; ///< uid; or that of the window
    int32_t partition;  ///< of the epoch's range; or of the window's pane
    int64_t row;        ///< of the partition, from 0
} sli_left_out;

typedef struct sli_sealed_window {
    const char *uid;
    int64_t from_us, to_us; ///< what it holds after the group, as in sli_window
    const char *path;       ///< of the group's panes, or ""
    int64_t last_us;        ///< batch time of the last of them
} sli_sealed_window;

typedef struct sli_sealed {
    int64_t group, first_epoch, last_epoch, last_time_us;
    int64_t rows_in, rows_out;
    const char *delta; ///< path of the state delta, or "" when no state changed
    sli_sealed_sink *sinks;
    int32_t n_sinks;
    sl_bytes counted; ///< values of accumulators that changed, as sli_accs_put makes them
    sli_left_out *left_out;
    int32_t n_left_out;
    sli_sealed_window *windows;
    int32_t n_windows;
} sli_sealed;

void sli_sealed_put(sli_str *out, const sli_sealed *sealed);
/// What it says of the output; NULL when that has no share in the group.
const sli_sealed_sink *sli_sealed_find(const sli_sealed *sealed, const char *uid);
sl_code sli_sealed_get(sl_bytes body, sl_arena *arena, sli_sealed *out, sl_error *err);
