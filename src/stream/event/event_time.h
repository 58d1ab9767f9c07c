/// event_time.h — what the engine does about event time: watermarks are fixed with the plan of an
/// epoch, and move on when the epoch has been completed. Nothing of it costs anything in a graph
/// without event time.
///
///     restore ─► { plan ─► is_due ─► [the outputs run] ─► settle ─► [state completes] ─► end } ─►
///     close
///
/// Thread: driver.
#pragma once

#include "sluice/listener.h"
#include "stream/graph_int.h"
#include "stream/plan.h"

/// Reads the lanes, and makes the indexes by time, from state that has been restored.
sl_code sli_event_restore(sl_graph *graph, sli_runtime *runtime, sl_error *err);
/// Fixes the epoch's watermarks: those on record (an epoch that runs again), or what follows from
/// earlier epochs and the batch time.
sl_code sli_event_plan(sl_graph *graph, sli_runtime *runtime, int64_t batch_time_us,
                       const sli_plan *recorded, sl_error *err);
/// Puts them into a plan; the list lies in the arena.
sl_code sli_event_record(const sl_graph *graph, sl_arena *arena, sli_plan *plan, sl_error *err);
/// Whether an operator has something to do at these watermarks, also in an epoch without input.
bool sli_event_is_due(const sl_graph *graph);
/// What the outputs did not ask for is computed; lanes are put into the state. Before the epoch's
/// RDDs are released.
sl_code sli_event_settle(sl_graph *graph, sli_epoch *epoch, sl_error *err);
/// The epoch was completed, or has failed. A failure here can't be made good: it stops the job.
sl_code sli_event_end(sl_graph *graph, bool completed, sl_error *err);
void sli_event_close(sl_graph *graph);
/// What there is to tell of the epoch that was completed last. The lists lie in the arena; without
/// memory for them they are empty.
sl_event_info sli_event_info(const sl_graph *graph, sl_arena *arena);
extern const sli_metric_info sli_event_metrics[];
