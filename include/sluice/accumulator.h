/// accumulator.h — what user functions add up beside their rows, for the driver to read.
///
/// An accumulator has a name, belongs to a job (declared in its build function) or to a session,
/// and is of one kind for life. User functions add to it through their `args`; nobody but the
/// driver's side reads it.
///
/// What counts: each partition of each RDD counts what its function added **once**, whatever
/// becomes of tasks. A failed attempt and one that another has overtaken count nothing; a partition
/// that is computed again (lost map output, an evicted block, a second output or action, the sample
/// of a sort) counts nothing again. An epoch or action that fails counts nothing. In a job with a
/// checkpoint the values are part of every commit group: after a crash they are those of the last
/// sealed group, and what runs again counts again, so in all once. (Spark's count a partition each
/// time that it is computed, and begin at zero after a restart.)
///
/// Values do not depend on workers, memory or the order in which tasks end: partitions are merged
/// in order of their RDDs and numbers. A function that adds floating point numbers gets the same
/// last bits in every run when it adds row after row, not batch after batch: batch borders carry no
/// meaning.
///
/// What take() and first() do not get to the end of counts as far as it was computed, and again
/// when a later action computes the partition whole; within one epoch the whole one replaces it.
#pragma once

#include "sluice/context.h"

SL_BEGIN_DECLS

typedef enum sl_accumulator_kind {
    SL_ACC_INT64 = 1,   ///< starts at 0; wraps around as Spark's long accumulator
    SL_ACC_FLOAT64 = 2, ///< starts at 0
    SL_ACC_LIST = 3,    ///< starts empty; items are bytes, kept in order
    SL_ACC_CUSTOM = 4   ///< a table of functions says
} sl_accumulator_kind;

enum {
    SL_MAX_ACCUMULATORS = 64,  ///< of a job or session
    SL_MAX_ACCUMULATED = 65536 ///< bytes of a list, each item with its length, or of a state
};

/// A kind of one's own (Spark's AccumulatorV2): a state of fixed size without pointers, copied by
/// memcpy and kept in checkpoints.
typedef struct sl_accumulator_fn {
    size_t struct_size;
    const char *name;
    uint32_t version;          ///< raised when states of the older one must not be read
    size_t state_bytes;        ///< 1 to SL_MAX_ACCUMULATED; states are aligned for any type
    void (*zero)(void *state); ///< NULL: zeroed bytes
    /// Thread: task, many at once with different states. Returns SL_OK or the code of a filled
    /// *err.
    sl_code (*add)(void *state, const void *value, size_t size_bytes, sl_error *err);
    /// Folds `from`, which comes after what `state` has, into it. Thread: driver.
    sl_code (*merge)(void *state, const void *from, sl_error *err);
} sl_accumulator_fn;

// ---- declaring

/// An accumulator of the job: 1 to 100 of [A-Za-z0-9_.-], unique among them. `fn` is for
/// SL_ACC_CUSTOM only, is not copied and must outlive the graph. A mistake sticks to the graph.
SL_API void sl_graph_accumulator(sl_graph *graph, const char *name, sl_accumulator_kind kind,
                                 const sl_accumulator_fn *fn);
/// The same for a session; one of that name is replaced and begins at zero again. Thread: the
/// session's. Fails: SL_E_INVALID.
SL_API SL_MUST_USE sl_code sl_session_accumulator(sl_session *session, const char *name,
                                                  sl_accumulator_kind kind,
                                                  const sl_accumulator_fn *fn, sl_error *err);

// ---- adding: from the functions of map, flatMap, filter, mapPartitions, mapValues and
// updateStateByKey, and on the driver from those of transform and foreachRDD

/// Fails: SL_E_NOT_FOUND (the nearest name told), SL_E_INVALID for another kind, SL_E_UNSUPPORTED
/// in a function that can't add (an aggregation: how often it is called carries no meaning).
SL_API SL_MUST_USE sl_code sl_args_add_int64(const sl_args *args, const char *name, int64_t value,
                                             sl_error *err);
SL_API SL_MUST_USE sl_code sl_args_add_float64(const sl_args *args, const char *name, double value,
                                               sl_error *err);
/// A list's next item, or the value that a custom accumulator's `add` gets. Fails: also
/// SL_E_NO_SPACE, when a list would be longer than SL_MAX_ACCUMULATED.
SL_API SL_MUST_USE sl_code sl_args_add_bytes(const sl_args *args, const char *name,
                                             const void *value, size_t size_bytes, sl_error *err);

// ---- reading

/// A copy of an accumulator's value; sl_accumulated_reset frees what it holds.
typedef struct sl_accumulated {
    sl_accumulator_kind kind;
    int64_t int64;  ///< the sum; of a list the number of items
    double float64; ///< the sum
    void *bytes;    ///< of a list, for sl_accumulated_next; a custom accumulator's state
    size_t size_bytes;
} sl_accumulated;

/// As of the last committed group; of a job without a checkpoint of the last group. Thread: any.
/// Fails: SL_E_NOT_FOUND (the nearest name told), SL_E_STATE before the start.
SL_API SL_MUST_USE sl_code sl_context_accumulated(sl_context *context, const char *name,
                                                  sl_accumulated *out, sl_error *err);
/// As of the last action. Thread: the session's.
SL_API SL_MUST_USE sl_code sl_session_accumulated(sl_session *session, const char *name,
                                                  sl_accumulated *out, sl_error *err);
/// Inside a function of transform or foreachRDD: with everything that has counted in this epoch so
/// far, by actions of that function too, but not what the function itself adds. Fails: SL_E_STATE
/// in a task.
SL_API SL_MUST_USE sl_code sl_args_accumulated(const sl_args *args, const char *name,
                                               sl_accumulated *out, sl_error *err);
/// The item of a list at *at (0 at first), which moves on. False: there are no more.
SL_API bool sl_accumulated_next(const sl_accumulated *value, size_t *at, sl_text *item);
SL_API void sl_accumulated_reset(sl_accumulated *value);

SL_END_DECLS
