/// listener.h — what happens in a running job, told to the program: Spark's StreamingListener.
///
/// A listener is a table of functions; those that are NULL are not called. Events go through one
/// bounded queue a context to a thread of its own, so a listener that is slow, or blocks, never
/// stops the job: when `listener.queue` of them wait, further ones are dropped, counted
/// (sluice_listener_events_dropped_total) and told in the log, once. The others come in order, each
/// to the listeners in order of adding. Nothing in a result rests on a listener, and a job without
/// one makes no events.
///
/// What an event points to lives for the call. Times are microseconds since 1970 by the job's own
/// clock, which follows the monotonic one from the start on: a wall clock that jumps moves none of
/// them. What is not known, or not yet, is -1.
#pragma once

#include "sluice/error.h"

SL_BEGIN_DECLS

/// A receiver. Its stream is still the job's when it has stopped or lost its connection.
typedef struct sl_receiver_info {
    const char *stream;          ///< uid
    const char *description;     ///< the source's URL, or the queue's name
    bool active;                 ///< it has begun to receive and has not ended or lost its peer
    sl_code last_error;          ///< SL_OK: none so far
    const char *last_error_text; ///< its first 95 bytes; "" when there is none
    int64_t last_error_us;       ///< when it was
} sl_receiver_info;

/// What one epoch took from one input.
typedef struct sl_input_info {
    const char *stream;      ///< uid
    const char *description; ///< the source's URL, or the queue's name
    int64_t rows;            ///< -1: not known before they are read
    const char *from, *to;   ///< Spark's metadata: the range's two ends as the source writes them,
                             ///< JSON; NULL: it has none, or nothing was taken
} sl_input_info;

/// An event time (sl_stream_event_time) in one epoch.
typedef struct sl_event_time_info {
    const char *stream;   ///< uid
    int64_t watermark_us; ///< of this epoch; INT64_MIN: none yet
    int64_t latest_us;    ///< the latest event time seen so far; INT64_MIN: none yet
    int64_t lag_us;       ///< batch time less watermark: below 0 when rows are ahead of the clock;
                          ///< 0 without a watermark
    bool silent;          ///< set aside as a whole (sl_stream_silent_after)
} sl_event_time_info;

/// An operator by event time in one epoch.
typedef struct sl_event_operator_info {
    const char *stream; ///< uid
    const char *kind;   ///< "eventWindow", "intervalJoin", ...
    /// Rows of this epoch that it did not take: they came after their watermark; their time is too
    /// far ahead; they have none.
    int64_t rows_late, rows_ahead, rows_untimed;
    int64_t state_rows;  ///< kept after this epoch: windows and keys, sessions' keys, a join's rows
                         ///< and the heads of its buckets
    int64_t index_bytes; ///< memory of the index by time
} sl_event_operator_info;

/// Event time in one epoch, in order of definition; empty in a job without it.
typedef struct sl_event_info {
    int32_t n_times, n_operators;
    const sl_event_time_info *times;
    const sl_event_operator_info *operators;
} sl_event_info;

/// One output operation in one epoch.
typedef struct sl_output_info {
    int32_t id; ///< place in the order of definition, from 0
    int64_t epoch, batch_time_us;
    const char *name;        ///< its uid: "counts.print-1"
    const char *description; ///< the sink's URL, or the function's name
    int64_t started_us, ended_us, duration_us;
    const char *failure; ///< why it failed; NULL: it did not, or runs
} sl_output_info;

/// One epoch: Spark's batch.
typedef struct sl_batch_info {
    int64_t epoch, batch_time_us;
    int64_t submitted_us; ///< when it was due; a planned one that runs again: when it began
    int64_t started_us, ended_us;
    int64_t scheduling_delay_us; ///< submitted to started
    int64_t processing_delay_us; ///< started to ended
    int64_t total_delay_us;      ///< both
    int64_t rows;                ///< of all inputs
    int32_t n_inputs, n_outputs; ///< every input and output of the job, in order of definition
    const sl_input_info *inputs;
    const sl_output_info *outputs;
    const char *failure;  ///< why the epoch failed; NULL: it did not, or runs
    sl_event_info event;  ///< batch_completed only, and of an epoch that did not fail
    int64_t dead_letters; ///< records that it ran without (`poison=dead-letter`), once it ended
} sl_batch_info;

/// Thread of every call: the context's listener thread. It may call whatever any thread may, but
/// not sl_context_stop (refused, as Spark refuses it: set a flag that another thread looks at) and
/// not sl_context_free.
typedef struct sl_listener {
    size_t struct_size; ///< sizeof(sl_listener) when the program was built
    const char *name;   ///< for messages; lives as long as the table

    /// Recovery is over; the first receiver starts next.
    void (*streaming_started)(void *ctx, int64_t time_us);
    void (*receiver_started)(void *ctx, const sl_receiver_info *receiver);
    /// The connection was refused or lost, or a try failed; it goes on trying.
    void (*receiver_error)(void *ctx, const sl_receiver_info *receiver);
    void (*receiver_stopped)(void *ctx, const sl_receiver_info *receiver);
    /// The epoch's input is fixed. It runs next: an epoch that waits for its turn has no input yet.
    void (*batch_submitted)(void *ctx, const sl_batch_info *batch);
    void (*batch_started)(void *ctx, const sl_batch_info *batch);
    /// Its outputs ran, or one of them failed. Its rows are visible with its commit group, which
    /// may come later.
    void (*batch_completed)(void *ctx, const sl_batch_info *batch);
    void (*output_started)(void *ctx, const sl_output_info *output);
    void (*output_completed)(void *ctx, const sl_output_info *output);
} sl_listener;

SL_END_DECLS
