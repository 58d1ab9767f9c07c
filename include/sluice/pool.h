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
/// `jobs.pools_file` names a file with pools as Spark's fairscheduler.xml has them.
#pragma once

#include "sluice/graph.h"

SL_BEGIN_DECLS

/// Outputs that are defined from now on run in this pool, the actions of foreachRDD functions
/// included; NULL: in that of the option `jobs.pool`, which is "default" unless somebody sets it.
/// By fair mode there must be a pool of that name, or the start fails with SL_E_CONFIG; by fifo any
/// name will do.
/// Thread: the one that defines the graph.
SL_API void sl_graph_pool(sl_graph *graph, const char *pool);

SL_END_DECLS
