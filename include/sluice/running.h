/// running.h — aggregations per key over all rows since the job began: GROUP BY over a stream.
///
///     sl_stream *totals = sl_stream_running_by_key(orders, "customer", "count() as orders, "
///                                                                      "sum(cents) as cents");
///
/// Their states are kept across epochs and restarts, exactly once, as those of state.h are.
#pragma once

#include "sluice/event.h"
#include "sluice/state.h"

SL_BEGIN_DECLS

/// Output: keys, results, as of sl_stream_reduce_by_key. An epoch gives the keys that had rows in
/// it, with results over all rows since the job began, in the order in which the epoch showed them
/// first in their partition (SL_UPDATE, the default of sl_stream_output_mode). With SL_COMPLETE
/// every epoch gives all keys, in the state's order, which costs as much as there are keys. `keys`
/// NULL: one row over all rows, in one partition; there is none before the first row.
///
/// Only keys with rows cost anything: rows are combined before they go over, then each key is
/// looked up, merged and put once an epoch. Rows that lie by these keys already are not shuffled
/// again. Computed twice in an epoch it gives the same rows and changes the state once; after its
/// epoch it can't be computed.
///
/// sl_stream_timeout: a key without rows for longer than that (of batch time) is gone; when it
/// comes again, also in that very epoch, it begins anew. sl_stream_state_snapshots gives all keys
/// with their results beside those that changed. There is no initial state.
///
/// A sum that leaves int64 is SL_E_DATA, told with its key; with poison=dead-letter the rows that
/// would make it are left out. Other aggregations or key columns under the same uid are
/// SL_E_INCOMPATIBLE at a restart.
SL_API sl_stream *sl_stream_running_by_key(sl_stream *stream, const char *keys,
                                           const char *aggregations);

SL_END_DECLS
