/// slice.h — RDDs of past epochs: Spark's remember and slice.
///
/// A stream forgets the RDD of an epoch with the epoch. One that *remembers* is computed in every
/// epoch, whether an output asks for it or not, and its rows are kept for a while, in memory or
/// spilled, so that they can be asked for though the source has forgotten them. What is remembered
/// is gone with the process: after a restart it begins anew.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

/// Keeps the RDD of batch time T until an epoch of T + `duration_us` or later has ended, at
/// SL_MEMORY_AND_DISK unless sl_stream_persist says otherwise (what SL_MEMORY_ONLY drops may be an
/// error of the action that asks for it). At most 100,000 RDDs: the start refuses a longer duration
/// for the interval. Once a stream. Returns `stream`.
SL_API sl_stream *sl_stream_remember(sl_stream *stream, int64_t duration_us);

/// The same for every stream on which an output rests, as if each were told to; one that is told to
/// remember for longer does. Each of their RDDs is then computed whole and kept, where Spark would
/// compute again what is asked for: with many streams tell those that are looked at. Once a graph.
SL_API void sl_graph_remember(sl_graph *graph, int64_t duration_us);

/// `rdd` is borrowed for the call: sl_rdd_ref keeps it. A failure ends the slice.
typedef sl_code (*sl_slice_fn)(void *ctx, int64_t batch_time_us, sl_rdd *rdd, sl_error *err);

/// Calls `each` for the stream's RDDs with batch times from `from_us` to `to_us`, both floored to
/// the stream's slide, in order. The running epoch's is among them when the function that asks may
/// see it: a foreachRDD function may; a transform may, of streams defined before its own. A time
/// at which there is no RDD gives nothing: before the first epoch, not come yet (Spark computes it
/// on the spot, and so takes from the source what belongs to a later batch), an epoch that failed,
/// an interval that was missed, one in the gap between two
/// windows, whose rows wait for the next.
///
/// Thread: driver, so inside a function of foreachRDD or transform; or the owner of a stepped
/// context, between steps. Fails: SL_E_STATE before the start, after the end and from another
/// thread; SL_E_INVALID for a stream that does not remember; SL_E_NOT_FOUND when an RDD of the
/// range was there and is forgotten; what `each` returns.
SL_API SL_MUST_USE sl_code sl_stream_slice(sl_stream *stream, int64_t from_us, int64_t to_us,
                                           sl_slice_fn each, void *ctx, sl_error *err);

SL_END_DECLS
