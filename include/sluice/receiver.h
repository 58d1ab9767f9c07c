/// receiver.h — sources of one's own, for data that arrives by itself (Spark's receiverStream).
///
/// A receiver is a table of functions that the build function names:
///
///     sl_graph_receiver(graph, &ticker, "host=feed");
///     sl_stream *ticks = sl_stream_open(graph, "receiver:ticker?format=json&schema=...");
///
/// `start` begins to receive, on threads of the program's own, which hand over what arrives with
/// sl_receiver_store; `stop` ends that. What it stores are whole records of the stream's format, as
/// bytes. They go the way of every receiver: blocks, the write-ahead log of a job with a
/// checkpoint, `receiver.max_pending`, rates, backpressure.
///
/// **What is acknowledged when.** sl_receiver_store returns when the bytes are taken into memory: a
/// crash can lose them. sl_receiver_store_synced returns when they are in the write-ahead log and
/// that is synced, so that they will be part of an epoch whatever happens: only then tell the
/// sender that they may go. Bytes whose call failed may be there all the same: a sender that sends
/// again what was not acknowledged is at least once. Without a checkpoint there is no log, and both
/// return when the bytes are taken.
#pragma once

#include "sluice/context.h"

SL_BEGIN_DECLS

typedef struct sl_receiver sl_receiver;

typedef struct sl_receiver_fn {
    size_t struct_size;
    const char *name; ///< [A-Za-z0-9_.-]+, unique among the job's receivers
    uint32_t version;
    /// Begins to receive and returns at once: work is done on threads that it starts. `args` is the
    /// text given to sl_graph_receiver ("host=feed"), "" when there was none. *state is handed to
    /// `stop`. A failure counts as sl_receiver_restart with its text. Thread: io.
    sl_code (*start)(sl_receiver *receiver, const char *args, void **state, sl_error *err);
    /// Ends it: joins its threads. Calls of sl_receiver_store that wait fail first, so that it can.
    /// Not called when `start` failed. Thread: io, or the driver at the end.
    void (*stop)(void *state);
} sl_receiver_fn;

/// Adds a receiver that later URLs may name: "receiver:NAME". `args` are pairs, or NULL. `fn` is
/// not copied and must outlive the graph. A mistake sticks to the graph.
SL_API void sl_graph_receiver(sl_graph *graph, const sl_receiver_fn *fn, const char *args);

// ---- for the receiver's threads. Thread: any, between `start` and the return of `stop`; no other
// call into Sluice may be running on the thread

/// Hands whole records over; when the last one has no line end it gets one. Waits while the engine
/// wants no more (`receiver.max_pending`). The bytes are copied. Fails: SL_E_CANCELLED when the
/// receiver ends, SL_E_NOMEM; then none of the bytes were taken.
SL_API SL_MUST_USE sl_code sl_receiver_store(sl_receiver *receiver, const void *bytes,
                                             size_t size_bytes, sl_error *err);
/// As sl_receiver_store, and waits until they are durable (above). Fails: also SL_E_CANCELLED when
/// the receiver ends before: they may be there.
SL_API SL_MUST_USE sl_code sl_receiver_store_synced(sl_receiver *receiver, const void *bytes,
                                                    size_t size_bytes, sl_error *err);
/// Something is wrong: `stop`, and `start` again after a delay (< 0: the URL's `restart_delay`, 2
/// s). Returns at once. It is logged once until bytes come or the text changes, and always counted
/// (sluice_source_reconnects_total).
SL_API void sl_receiver_restart(sl_receiver *receiver, const char *why, int64_t delay_us);
/// Nothing more will come: `stop`. When all inputs of a job have ended the job does. Returns at
/// once.
SL_API void sl_receiver_finish(sl_receiver *receiver);
/// Tells an error to log and listeners; nothing else happens.
SL_API void sl_receiver_report(sl_receiver *receiver, const char *text);
/// Whether it is being ended: for threads that work without storing.
SL_API bool sl_receiver_is_ending(sl_receiver *receiver);

SL_END_DECLS
