/// broadcast.h — values that the driver makes once and every task reads.
///
/// A broadcast variable has a name and a function that makes its value, on the driver, before the
/// first task that could read it: in a job's first epoch, and again after every restart, because
/// values are not part of a checkpoint (Spark's users write that lazy singleton themselves). Its
/// bytes are shared by all tasks of the process, read only, and counted in the `memory` budget;
/// they may be any structure of the program's own.
///
/// A value stands for whole epochs. A function on the driver may ask for a new one
/// (sl_args_rebroadcast): it is made before the next epoch's first task, and the old one is given
/// back when no task can read it any more. What a later epoch computes again of an older epoch's
/// RDD reads the newer value.
///
/// How it differs from sl_graph_attach: that hands a pointer of the program's through, which Sluice
/// neither makes, counts, replaces nor gives back. Take it for what the program owns and shares
/// with the job while it runs, such as its own locks and pools; take a broadcast variable for data.
#pragma once

#include "sluice/context.h"

SL_BEGIN_DECLS

enum { SL_MAX_BROADCASTS = 64 }; ///< of a job or session

typedef struct sl_broadcast_fn {
    size_t struct_size;
    const char *name;
    uint32_t version;
    bool impure; ///< reads more than its arguments: most do; reported by `sluice plan`
    /// Fills *out: bytes that stay as they are until `release` is called. `args` tells the epoch
    /// that will read it first, and that epoch's time. Thread: driver. Blocks: yes. Returns SL_OK
    /// or the code of a filled *err, which fails the epoch; the next one tries again.
    sl_code (*make)(const sl_args *args, sl_loan *out, sl_error *err);
} sl_broadcast_fn;

/// A broadcast variable of the job: 1 to 100 of [A-Za-z0-9_.-], unique among them. `fn` is not
/// copied and must outlive the graph. A mistake sticks to the graph.
SL_API void sl_graph_broadcast(sl_graph *graph, const char *name, const sl_broadcast_fn *fn,
                               const char *args);

/// A broadcast variable of a session: this value from now on, in place of the one there may be,
/// which is given back. What was lent comes back also when the call fails. Thread: the session's,
/// when no action runs. Fails: SL_E_INVALID, SL_E_STATE while an action runs.
SL_API SL_MUST_USE sl_code sl_session_broadcast(sl_session *session, const char *name,
                                                SL_TAKES sl_loan value, sl_error *err);
/// Gives the value back; reading it afterwards finds nothing (Spark's destroy). Nothing happens
/// when there is none. Thread: as above.
SL_API void sl_session_unbroadcast(sl_session *session, const char *name);

/// The value, and its size in *size_bytes (may be NULL); NULL when there is none of that name. It
/// lasts as long as the call of the user function. Thread: task, and driver functions.
SL_API const void *sl_args_broadcast(const sl_args *args, const char *name, size_t *size_bytes);
/// Inside a function of transform or foreachRDD: from the next epoch on the value is made anew
/// (Spark's unpersist, followed by another broadcast). Fails: SL_E_NOT_FOUND (the nearest name
/// told), SL_E_STATE in a task.
SL_API SL_MUST_USE sl_code sl_args_rebroadcast(const sl_args *args, const char *name,
                                               sl_error *err);

SL_END_DECLS
