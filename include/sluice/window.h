/// window.h — windows: the rows of the last `window` of batch time, every `slide`.
///
/// Durations are texts ("500ms", "30s", "5m"). Both must be multiples of the stream's slide, which
/// is the batch interval, unless the stream is a window itself or made from one; `slide` NULL is
/// the stream's own. They are checked when the interval is known: sl_context_new fails and names
/// the next right ones. What is made from a window has its slide, and only streams of one slide go
/// together (union, join and the others).
///
/// **When.** At batch time T a window holds the RDDs of batch times in (T - window, T], oldest
/// first; the first windows of a job are partial. It gives an RDD, maybe an empty one, at batch
/// times that are multiples of `slide` since 1970, and none in between: outputs of it, and of what
/// is made from it, run then only. When an epoch stands for several missed intervals (after an
/// outage), it gives one if a multiple of `slide` lies among them. The end of a job gives none
/// before its time.
///
/// **Sources wait.** A stream whose every use is a window that does not cover a batch time (the
/// slide is longer than the window) is not computed then: its sources are not asked, their rows
/// wait and belong to the next batch time that somebody wants.
///
/// **Restarts.** What windows hold is in the checkpoint: a window goes on over crashes as if there
/// had been none. It is filed under the stream's uid (sl_stream_uid).
///
/// **Cost.** Each epoch's rows are computed once and kept, in memory or spilled, until every window
/// that holds them has passed. Windows of aggregations keep a row a key and epoch in place of the
/// rows, so prefer them to an aggregation of a window.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

/// The rows themselves. An epoch without rows adds no partition; a window of more than 1,024
/// partitions has neighbours joined, in order, until there are 1,024.
SL_API sl_stream *sl_stream_window(sl_stream *stream, const char *window, const char *slide);
/// Rows "keys, a list of each other column", as sl_stream_group_by_key, lists in order of arrival.
/// Each epoch's rows are moved to their keys' partitions once.
SL_API sl_stream *sl_stream_group_by_key_and_window(sl_stream *stream, const char *keys,
                                                    const char *window, const char *slide);

// ---- windows of aggregations

/// One row "count int64", 0 for a window without rows.
SL_API sl_stream *sl_stream_count_by_window(sl_stream *stream, const char *window,
                                            const char *slide);
/// The distinct rows of the window, then "count int64".
SL_API sl_stream *sl_stream_count_by_value_and_window(sl_stream *stream, const char *window,
                                                      const char *slide);
/// One row of aggregations, none for a window without rows.
SL_API sl_stream *sl_stream_reduce_by_window(sl_stream *stream, const char *aggregations,
                                             const char *window, const char *slide);
/// A row a key that has rows in the window: each epoch's rows are aggregated once, and the results
/// of epochs put together at each slide. When every aggregation has an inverse (`count`, `sum` and
/// `avg` of integers, a user's with one), the window's result is kept as state: epochs that come in
/// are added, epochs that leave are taken out, so that the cost does not grow with the window. The
/// rows are the same either way, their order is not promised. See sl_stream_inverse.
SL_API sl_stream *sl_stream_reduce_by_key_and_window(sl_stream *stream, const char *keys,
                                                     const char *aggregations, const char *window,
                                                     const char *slide);

/// How a window of aggregations by key goes on from one slide to the next.
typedef enum sl_inverse {
    SL_INVERSE_AUTO = 0, ///< by the inverse where there is one
    SL_INVERSE_NEVER,    ///< epochs are put together anew at each slide
    SL_INVERSE_SPARK ///< as Spark's reduceByKeyAndWindow with an inverse function: a key whose rows
                     ///< have all left stays, with what the inverse left of it, until the condition
                     ///< of sl_stream_keep drops it. A mistake where there is no inverse.
} sl_inverse;
/// Of sl_stream_reduce_by_key_and_window, sl_stream_reduce_by_window and
/// sl_stream_count_by_value_and_window. Returns its argument.
SL_API sl_stream *sl_stream_inverse(sl_stream *stream, sl_inverse inverse);
/// Of the same: only rows that meet the condition are given (Spark's filterFunc). With
/// SL_INVERSE_SPARK a key that does not meet it is forgotten and begins anew; otherwise it is as
/// sl_stream_where behind the window. Returns its argument.
SL_API sl_stream *sl_stream_keep(sl_stream *stream, const char *condition);

SL_END_DECLS
