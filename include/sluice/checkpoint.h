/// checkpoint.h — a checkpoint directory, read as tables: what `sluice state` and `sluice shell`
/// are made of.
///
/// Everything is as of one commit group: the newest that is *sealed*, whose rows and state are
/// fixed for good (a start finishes it without computing anything again). Nothing is locked,
/// written or touched, and the job may go on meanwhile.
///
/// A table is what one operator keeps by key, under the operator's uid; it is there once it has had
/// a key. Beside these lie `sluice.groups`, `sluice.epochs`, `sluice.inputs` and
/// `sluice.watermarks`, which say what the epoch log remembers, and `sluice.dead`, the dead
/// letters.
#pragma once

#include "sluice/batch.h"

SL_BEGIN_DECLS

typedef struct sl_checkpoint sl_checkpoint;

/// As of when its tables are.
typedef struct sl_checkpoint_point {
    const char *job;   ///< its name; lives until the next refresh
    int64_t group;     ///< the newest that is sealed; 0: nothing was ever kept
    int64_t committed; ///< the newest that is on record as committed in every sink
    int64_t epoch;     ///< the last of the group; 0: none
    int64_t time_us;   ///< its batch time
    const char *store; ///< NULL; or the store ("rocksdb") in whose files the state lies
} sl_checkpoint_point;

/// Lives until the next refresh.
typedef struct sl_checkpoint_table {
    const char *schema; ///< "" for state, "sluice" for what the log tells
    const char *name;   ///< as SQL has it: compared without case; quoted where it is no plain word
    const char *kind;   ///< which operator: "updateStateByKey"
    const sl_schema *columns; ///< keys first
} sl_checkpoint_table;

/// Looks into a directory, as sl_checkpoint_refresh. Settings, name and value, NULL-ended, or NULL:
/// `memory` (what reading and SQL may hold, from 32MiB; 512MiB), `spill_dir` (where a SELECT puts
/// what does not fit, and a copy of a store's files lies that are elsewhere; TMPDIR), `modules`.
/// Fails: as sl_checkpoint_refresh; SL_E_CONFIG.
SL_API SL_MUST_USE sl_code sl_checkpoint_open(sl_checkpoint **out, const char *dir,
                                              const char *const *settings, sl_error *err);
/// Accepts NULL.
SL_API void sl_checkpoint_close(SL_TAKES sl_checkpoint *checkpoint);
/// Moves on to what is newest now. Fails: SL_E_NOT_FOUND (no checkpoint), SL_E_CORRUPT with file
/// and offset, SL_E_INCOMPATIBLE (of a newer format), SL_E_IO and SL_E_TIMEOUT (snapshots that lie
/// elsewhere, and that place does not answer), SL_E_UNSUPPORTED (a module is missing: of the store
/// that keeps the state, or for that place); the tables are as before then.
SL_API SL_MUST_USE sl_code sl_checkpoint_refresh(sl_checkpoint *checkpoint, sl_error *err);
SL_API sl_checkpoint_point sl_checkpoint_at(const sl_checkpoint *checkpoint);
SL_API int32_t sl_checkpoint_tables(const sl_checkpoint *checkpoint);
SL_API sl_checkpoint_table sl_checkpoint_table_at(const sl_checkpoint *checkpoint, int32_t i);
/// How many keys a table has: it is read for that. Fails: as sl_checkpoint_select.
SL_API SL_MUST_USE sl_code sl_checkpoint_count(sl_checkpoint *checkpoint, int32_t i, int64_t *out,
                                               sl_error *err);
/// Refreshes, and runs one SELECT; only tables that it names are read, some thousand rows at a
/// time. Needs the module sql_duckdb. Fails: as sl_checkpoint_refresh; SL_E_INVALID with line and
/// column; SL_E_DATA; SL_E_NOMEM when a 16th of a table with changes does not fit into `memory`;
/// SL_E_CANCELLED; what `to` returns.
SL_API SL_MUST_USE sl_code sl_checkpoint_select(sl_checkpoint *checkpoint, const char *select,
                                                const sl_rows_to *to, sl_error *err);
/// The SELECT that runs ends soon, SL_E_CANCELLED; without one the next. Thread: any, and signal
/// handlers.
SL_API void sl_checkpoint_stop(sl_checkpoint *checkpoint);

SL_END_DECLS
