/// rdd_checkpoint.h — reliable checkpoints of RDDs: rows in files, in place of their lineage.
///
/// For lineages that grow (a loop that makes each RDD of the one before) or are dear to compute
/// again. sl_rdd_local_checkpoint (rdd.h) keeps the rows in blocks of this process; here they go
/// into files, whose bytes are checked whenever they are read, so evicted and lost blocks cost
/// nothing but a read.
#pragma once

#include "sluice/rdd.h"

SL_BEGIN_DECLS

/// From now on sl_rdd_checkpoint writes below a new directory in `dir`, which is made with its
/// parents; a local path. Spark's setCheckpointDir. What was written before stays where it is.
/// Files are never removed by Sluice, not even at the end of the session: they are the user's.
/// Thread: the session's. Blocks: yes (disk). Fails: SL_E_INVALID for no path, SL_E_IO.
SL_API SL_MUST_USE sl_code sl_session_checkpoint_dir(sl_session *session, const char *dir,
                                                     sl_error *err);
/// The same for the functions of foreachRDD and transform, which have no session: for the RDDs of
/// the job, or session, that this one belongs to, from now on. The same `dir` again changes
/// nothing, so a function may say it in every epoch. The files of each epoch stay: what is never
/// removed grows with the stream. Thread: the RDD's. Blocks: yes (disk). Fails: the mistake that
/// sticks to the RDD; as sl_session_checkpoint_dir.
SL_API SL_MUST_USE sl_code sl_rdd_checkpoint_dir(sl_rdd *rdd, const char *dir, sl_error *err);
/// Marks the RDD: when the next action in whose stages it takes part has ended well, a job of its
/// own computes all of it once more (persist it to save that work), writes each partition as a
/// file, an Arrow stream, makes them durable, publishes their directory by one rename, and cuts the
/// lineage. When that fails the action fails, and the next one tries again. An RDD that is known to
/// be empty has no files. Nothing happens when it is marked or cut already. In a job whose outputs
/// run beside each other (`jobs.concurrent`) an action that begins while an RDD is marked waits
/// until they have ended. Thread: the RDD's.
/// Fails: SL_E_STATE without a directory, and for an RDD that is the state of the running epoch
/// (updateStateByKey, mapWithState, a window by the inverse): mark one that is made of it, as
/// sl_rdd_where(rdd, "true"); the mistake that sticks to the RDD.
SL_API SL_MUST_USE sl_code sl_rdd_checkpoint(sl_rdd *rdd, sl_error *err);
/// Whether its lineage was cut by a checkpoint, reliable or local.
SL_API bool sl_rdd_is_checkpointed(const sl_rdd *rdd);
/// The directory of its files, `part-PPPPP-N.arrow` in order of partitions, which
/// "file:DIR?format=arrow" reads in any session; NULL when there is none. Lives as long as the RDD.
SL_API const char *sl_rdd_checkpoint_path(const sl_rdd *rdd);

SL_END_DECLS
