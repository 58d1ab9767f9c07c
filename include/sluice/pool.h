/// pool.h — which outputs share which part of the workers, when several of one epoch run at once.
///
/// With `jobs.concurrent=N` up to N outputs of an epoch run beside each other. Epochs stay one
/// after the other, and what an epoch gives is the same whatever N is. Whose tasks go out first,
/// when fewer workers are free than tasks wait, is a matter of `jobs.mode`: `fifo` (the default)
/// takes those of the output that is defined first; `fair` lets *pools* share the workers. Pools
/// are settings of the run, not of the graph:
///
///     -o jobs.concurrent=3 -o jobs.mode=fair -o jobs.pools='fast?weight=3&min_share=1 slow'
///
/// A pool gets its `min_share` of workers before weights count, then as many as its `weight` beside
/// the others'; among its own outputs `mode` says fifo or fair. The pool "default" is always there.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

/// Outputs that are defined from now on run in this pool; NULL: in "default". By fair mode the name
/// must be one of `jobs.pools`, or the start fails with SL_E_CONFIG; by fifo any name will do.
/// Thread: the one that defines the graph.
SL_API void sl_graph_pool(sl_graph *graph, const char *pool);

SL_END_DECLS
