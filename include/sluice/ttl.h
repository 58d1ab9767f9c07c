/// ttl.h — how long a stateful stream keeps a key that nobody updates.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

/// updateStateByKey only: a key has no state any more when no value came for it for longer than
/// `ttl` ("1h", "30m") of batch time. From the first epoch on whose batch time is later than that,
/// the function is not called for it, it gives no row, and it is gone from the state, its deltas
/// and snapshots. Values that come for it after its time, also in that very epoch, find no state.
/// Only batch times count, so every run and every restart gives the same rows. What the function
/// makes of a key without values is no update.
///
/// A key of an initial state counts as updated in the first epoch. The length may change at any
/// restart and holds for all keys; a checkpoint made with a ttl needs one, and one made without has
/// no times: both are refused at the start, naming the operator.
SL_API sl_stream *sl_stream_ttl(sl_stream *stream, const char *ttl);

SL_END_DECLS
