/// past.h — what remembering streams keep of past epochs.
///
/// An epoch's RDDs are kept when all of it has gone well; then their lineage is cut, so that a past
/// RDD holds its own blocks and nothing of what it was made from. Thread: driver.
#pragma once

#include "stream/engine_int.h"

enum { SLI_MAX_REMEMBERED = 100000 }; ///< RDDs of one stream

/// Refuses what would be too many RDDs for the interval, and finds out whether any stream
/// remembers: engine->remembers. Those about an epoch are called only then, but for undo.
sl_code sli_past_open(sli_engine *engine, sl_error *err);
/// Computes what remembering streams have in the running epoch. Before the state is settled.
sl_code sli_past_compute(sli_epoch *epoch, sli_engine *engine, sl_error *err);
/// Keeps the RDDs of an epoch that went well, and forgets those that are too old.
sl_code sli_past_keep(sli_engine *engine, const sli_epoch *epoch, sl_error *err);
/// The epoch is over and its RDDs are released: cuts the lineage of the newest ones.
void sli_past_cut(sli_engine *engine);
/// The epoch failed after its RDDs were kept.
void sli_past_undo(sli_engine *engine, int64_t time_us);
