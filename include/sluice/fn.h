/// fn.h — user functions: data that names code.
///
/// A job is defined by a build function that every process of the job runs (driver, restart,
/// replay, simulation), so a function is a static table with a name and a version, never a pointer
/// that travels. Everything but the code enters the graph's hash.
#pragma once

#include "sluice/batch.h"

SL_BEGIN_DECLS

/// What a function can ask about its call. Lives for the call.
typedef struct sl_args sl_args;

/// Rows in, rows out, a batch at a time. Used by map, flatMap, filter, mapPartitions.
typedef struct sl_fn {
    size_t struct_size;
    const char *name; ///< [A-Za-z0-9_.-]+, unique among the job's functions: "split"
    const char *out;  ///< schema of the rows it makes: "word string"; for a filter "keep bool";
                      ///< NULL: same as the input
    uint32_t version; ///< raised when equal input gives other output
    bool impure;      ///< reads more than its arguments; reported by `sluice plan`
    /// Reads `in`, appends to `out`. map and filter must append exactly as many rows as `in` has.
    /// Called once a batch, never with an empty one; batch borders carry no meaning. Returns SL_OK
    /// or the code of a filled *err. Thread: task, many at once with different `args`.
    sl_code (*run)(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err);
    /// mapPartitions only, may be NULL: called once after the last batch of the partition (also of
    /// an empty one).
    sl_code (*end)(const sl_args *args, sl_builder *out, sl_error *err);
    size_t state_bytes; ///< zeroed bytes that one partition's calls share: sl_args_state
} sl_fn;

/// A user's aggregation: what reduceByKey(f) is in Spark, and any monoid beside. Works on
/// accumulator rows. `state` is a batch-wide array of fixed-size accumulators, one a group; it is
/// copied by memcpy and stored in checkpoints, so it holds no pointers.
typedef struct sl_agg_fn {
    size_t struct_size;
    const char *name; ///< as used in aggregation texts: "xor" in "xor(v) as x"
    const char *in;   ///< types of its arguments: "int64" or "string, int64"
    const char *out;  ///< type of its result: "int64"
    uint32_t version;
    size_t state_bytes; ///< size of one accumulator, <= 256, multiple of 8
    /// Makes `n` accumulators that stand for "no rows".
    void (*init)(const sl_args *args, void *states, int64_t n);
    /// Folds row i of the arguments into accumulator group[i], in row order.
    sl_code (*update)(const sl_args *args, void *states, const int32_t *group,
                      const sl_column *const *in, int64_t n_rows, sl_error *err);
    /// Folds accumulator i of `from` into accumulator group[i] of `states`, in order: earlier rows
    /// come first.
    sl_code (*merge)(const sl_args *args, void *states, const int32_t *group, const void *from,
                     int64_t n, sl_error *err);
    /// Takes `from` out again (windows with an inverse); NULL when there is none.
    sl_code (*inverse)(const sl_args *args, void *states, const int32_t *group, const void *from,
                       int64_t n, sl_error *err);
    /// Appends the results of `n` accumulators to column `column` of `out`.
    sl_code (*finish)(const sl_args *args, const void *states, int64_t n, sl_builder *out,
                      int32_t column, sl_error *err);
} sl_agg_fn;

/// Whether what the call does is not wanted any more: the job was cancelled or has failed, or
/// another attempt at the task was faster. Sluice looks between calls; a call that takes long looks
/// itself, and returns SL_E_CANCELLED, since the job's end waits for it. False in functions of the
/// driver. Thread: any, during the call.
SL_API bool sl_args_is_cancelled(const sl_args *args);
/// The value of `key` in the argument text given at definition ("by=' ' max=10"), or `otherwise`.
SL_API const char *sl_args_text(const sl_args *args, const char *key, const char *otherwise);
SL_API int64_t sl_args_int64(const sl_args *args, const char *key, int64_t otherwise);
SL_API double sl_args_float64(const sl_args *args, const char *key, double otherwise);
/// The epoch's number (1, 2, ...; 0 outside a stream) and its batch time in microseconds since 1970
/// UTC: what user code uses for a clock, because a replay sees the same.
SL_API int64_t sl_args_epoch(const sl_args *args);
SL_API int64_t sl_args_time_us(const sl_args *args);
SL_API int32_t sl_args_partition(const sl_args *args);
/// The next number of a generator seeded by (job, epoch, partition, operator).
SL_API uint64_t sl_args_random(const sl_args *args);
/// The partition's `state_bytes`, zero at its first call; NULL when the function asked for none.
SL_API void *sl_args_state(const sl_args *args);
/// Memory that lasts until the task ends; NULL when refused.
SL_API void *sl_args_alloc(const sl_args *args, size_t size);
/// The pointer given to sl_graph_attach under `name` in this process, or NULL. What is read through
/// it is outside the graph: the function should be declared impure unless it is constant for the
/// job.
SL_API void *sl_args_attached(const sl_args *args, const char *name);

/// Cuts column `of` (default: the first string column) at every occurrence of the byte `by`
/// (default: space), keeping empty pieces as Spark's split does; with skip_empty=true they are
/// dropped. Output: "word string". Nothing is copied.
SL_API extern const sl_fn sl_split;

SL_END_DECLS
