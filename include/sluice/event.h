/// event.h — event time: results by when things happened, not by when they arrived.
///
/// A stream gets its event time from a timestamp column. How far that time has come is its
/// *watermark*: no row before it is expected any more. Operators below keep what they need until
/// the watermark passes, then give the result and forget it. Rows that come later than that are
/// *late*: no operator takes them, sl_stream_late gives them.
///
///     sl_stream *views = sl_stream_event_time(sl_stream_open(graph, url), "ts", "10s");
///     sl_stream *counts = sl_stream_event_window(views, "page", "count() as n", "1m", NULL);
///     sl_stream_save(counts, "file:///out?format=csv");
///     sl_stream_save(sl_stream_late(counts), "file:///late?format=csv");
///
/// The watermark of an epoch follows from the rows of earlier epochs alone and is part of the
/// epoch's plan: a replay or a restart sees the same one. It never goes back. docs/EVENT_TIME.md
/// says how it is found and what to choose.
///
/// Calls that define the graph can't fail; see graph.h. Durations are texts: "500ms", "10s", "5m".
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

// ---- where event time comes from

/// The rows as they are; `column`, a timestamp, is their event time. `delay` says how far out of
/// order rows may be: the watermark is `delay` behind the latest time seen in the slowest partition
/// of the sources. Partitions are those of the source (a queue's or a rate's partitions); a socket,
/// a standard input and a directory of files are one each; behind a shuffle all rows are one. State
/// of the watermark is filed under the operator's uid.
SL_API sl_stream *sl_stream_event_time(sl_stream *stream, const char *column, const char *delay);
/// A partition that had no row for so long (in batch time, not counting what passes while the job
/// is down) no longer holds the watermark back, until its next row; when all are silent, the latest
/// time of any of them counts. "0s": never. Default 5m. Returns its argument, an event time stream.
SL_API sl_stream *sl_stream_idle_after(sl_stream *stream, const char *time);
/// A stream that had no row in any partition for so long (counted as for sl_stream_idle_after) no
/// longer holds back what it meets at an operator by event time, a join or a union: until its next
/// row its watermark goes on with the slowest of those that are not silent; when all are, with the
/// fastest. That is its watermark at every operator, those of it alone too. Rows that come
/// afterwards and are before it are late: sl_stream_late gives them, sluice_rows_late_total counts
/// them; others are taken, and hold back again. "0s", the default: never. Returns its argument, an
/// event time stream.
SL_API sl_stream *sl_stream_silent_after(sl_stream *stream, const char *time);
/// Rows whose time is further than this ahead of the epoch's batch time do not move the watermark,
/// and are handed to sl_stream_late: a broken clock must not make all other rows late. Default 1h.
/// Returns its argument, an event time stream.
SL_API sl_stream *sl_stream_max_ahead(sl_stream *stream, const char *time);

// ---- operators by event time
//
// The nearest sl_stream_event_time above an operator names its column; there must be one on every
// way up, and the column must still be there. The watermark at the operator is the least of them.
// What they keep is filed by key slot: the number of partitions may change at a restart. All rows
// of one epoch meet the same watermark.

typedef enum sl_output_mode {
    SL_APPEND = 1,   ///< each result once, when no row can change it any more
    SL_UPDATE = 2,   ///< in every epoch the results that changed in it
    SL_COMPLETE = 3, ///< in every epoch all results there are: sl_stream_running_by_key only
} sl_output_mode;

/// Aggregations over windows of event time: [k * slide, k * slide + size) since 1970. `slide` NULL:
/// windows that do not overlap; else `size` is a multiple of it, at most 1,000 times as much.
/// Output: "window_start timestamp, window_end timestamp", the keys, the results. `keys` NULL:
/// windows over all rows. SL_APPEND gives a window when the watermark reaches its end (and the
/// lateness), in order of ends. A row is late when all its windows are closed.
SL_API sl_stream *sl_stream_event_window(sl_stream *stream, const char *keys,
                                         const char *aggregations, const char *size,
                                         const char *slide);
/// Aggregations over sessions: rows of a key that are less than `gap` apart. Output as
/// sl_stream_event_window's; a session ends `gap` after its last row. SL_UPDATE gives a session
/// again whenever it grew; sessions that grew together are given as one, with the start of the
/// first.
SL_API sl_stream *sl_stream_session_window(sl_stream *stream, const char *keys,
                                           const char *aggregations, const char *gap);
/// The first row of each key; further ones are dropped as long as the watermark is not past the
/// first one's time by more than `delay` (of the event time). So equal keys at most `delay` apart
/// are given once. A row before the watermark is late.
SL_API sl_stream *sl_stream_distinct_within(sl_stream *stream, const char *keys);

/// Pairs of a row of `a` and a row of `b` with equal keys (null keys too) whose times are within
/// bounds: lower <= time of b - time of a <= upper; a bound may be negative, "-5m". Output as
/// sl_stream_join's. A row is kept until the watermark of both says that no match can come. A row
/// before the watermark is late.
SL_API sl_stream *sl_stream_interval_join(sl_stream *a, sl_stream *b, const char *keys,
                                          const char *lower, const char *upper);
/// As sl_stream_interval_join, with the rows of `a` that have found no match when they can't find
/// one any more: the columns of `b` are nullable, and null there. Such rows come after the
/// watermark has passed them: an operator by event time below must have an event time of its own,
/// with a longer delay.
SL_API sl_stream *sl_stream_interval_left_outer_join(sl_stream *a, sl_stream *b, const char *keys,
                                                     const char *lower, const char *upper);
/// The same for the rows of `b`: the columns of `a` are nullable, and the keys are those of `b`.
SL_API sl_stream *sl_stream_interval_right_outer_join(sl_stream *a, sl_stream *b, const char *keys,
                                                      const char *lower, const char *upper);
/// The rows of either side without a match; the columns of both are nullable.
SL_API sl_stream *sl_stream_interval_full_outer_join(sl_stream *a, sl_stream *b, const char *keys,
                                                     const char *lower, const char *upper);

/// Rows that an operator by event time did not take: late ones, ones without a time, and ones too
/// far ahead (sl_stream_max_ahead). The operator's input columns. Each such row is given once.
SL_API sl_stream *sl_stream_late(sl_stream *stream);
/// The same for the right side of an interval join, whose left side sl_stream_late gives.
SL_API sl_stream *sl_stream_late_right(sl_stream *stream);

// ---- settings of such operators; each returns its argument

/// Windows: SL_APPEND, their default, or SL_UPDATE. sl_stream_running_by_key: SL_UPDATE, its
/// default, or SL_COMPLETE.
SL_API sl_stream *sl_stream_output_mode(sl_stream *stream, sl_output_mode mode);
/// How long after the watermark rows are still taken; default "0s". SL_APPEND results wait for it.
SL_API sl_stream *sl_stream_lateness(sl_stream *stream, const char *time);

SL_END_DECLS
