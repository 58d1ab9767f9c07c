/// graph.h — DStreams: what a job computes, as data.
///
/// A job is a *build function* that makes the graph. Every process of the job (first run, restart,
/// replay, simulation) runs it and must get the same graph; its hash is on record, and a change is
/// told. Streams are nodes of the graph, live as long as it, and are never freed by the caller.
///
/// Calls that define the graph can't fail: the first mistake sticks to the graph, with its place
/// and the nearest right name, later calls do nothing, and sl_graph_check, `sluice validate` or the
/// start return it. Thread: the one that builds; nothing may be added after the start.
#pragma once

#include "sluice/rdd.h"

SL_BEGIN_DECLS

typedef struct sl_graph sl_graph;
typedef struct sl_stream sl_stream;

/// A job's definition. `graph` is empty at the call.
typedef void (*sl_build_fn)(sl_graph *graph);

// ---- sources

/// A stream from a URL: "socket://localhost:9999", "file:///in?format=csv&schema=...", "stdin:",
/// "rate:?rows_per_second=1000", or a plain directory. `sluice help sources` lists them with their
/// options. "queue:NAME?format=json&schema=..." is a queue as below that also takes bytes of that
/// format (sl_queue_push_bytes); its option one_at_a_time is false.
SL_API sl_stream *sl_stream_open(sl_graph *graph, const char *url);
/// A queue of RDDs under a name, 1 to 100 of [A-Za-z0-9_.-]; filled with sl_queue_push (context.h)
/// by the program that embeds Sluice, or by a test. one_at_a_time: one RDD an epoch, else all that
/// are there. An empty queue gives an empty RDD of one partition, or its default. Rows that were
/// pushed are gone with the process: a job with a checkpoint directory refuses queues.
SL_API sl_stream *sl_stream_queue(sl_graph *graph, const char *name, const char *schema,
                                  bool one_at_a_time);
/// The RDD of every epoch that finds the queue empty (Spark's default RDD): JSON lines with the
/// queue's schema, at most 64 KiB, cut into `n_partitions` at positions i * rows / n. Once a queue;
/// they are part of the graph's text. An RDD without rows that was pushed is no empty queue.
/// Returns `queue`.
SL_API sl_stream *sl_stream_queue_default(sl_stream *queue, const char *json_lines,
                                          int32_t n_partitions);

// ---- transformations; see rdd.h for the words, each works on the RDD of every epoch
//
// Tables of functions (sl_fn and the others) are not copied and must outlive the graph; their names
// are unique among the functions of the job; texts are copied. Every call takes a NULL stream, as
// it comes after a mistake, and returns NULL.

SL_API sl_stream *sl_stream_map(sl_stream *stream, const sl_fn *fn, const char *args);
SL_API sl_stream *sl_stream_flat_map(sl_stream *stream, const sl_fn *fn, const char *args);
SL_API sl_stream *sl_stream_map_partitions(sl_stream *stream, const sl_fn *fn, const char *args);
SL_API sl_stream *sl_stream_filter(sl_stream *stream, const sl_fn *fn, const char *args);
SL_API sl_stream *sl_stream_select(sl_stream *stream, const char *expressions);
SL_API sl_stream *sl_stream_where(sl_stream *stream, const char *condition);
SL_API sl_stream *sl_stream_map_values(sl_stream *stream, const char *keys, const sl_fn *fn,
                                       const char *args);
SL_API sl_stream *sl_stream_flat_map_values(sl_stream *stream, const char *keys, const sl_fn *fn,
                                            const char *args);
SL_API sl_stream *sl_stream_glom(sl_stream *stream);
/// Both streams must have the same slide.
SL_API sl_stream *sl_stream_union(sl_stream *a, sl_stream *b);
/// The union of 1 to 1,024 streams, in order.
SL_API sl_stream *sl_stream_union_all(sl_stream *const *streams, int32_t n);
SL_API sl_stream *sl_stream_repartition(sl_stream *stream, int32_t n_partitions);
SL_API sl_stream *sl_stream_reduce_by_key(sl_stream *stream, const char *keys,
                                          const char *aggregations);
SL_API sl_stream *sl_stream_combine_by_key(sl_stream *stream, const char *keys,
                                           const char *aggregations, bool map_side_combine);
/// The distinct rows of the epoch, then "count int64".
SL_API sl_stream *sl_stream_count_by_value(sl_stream *stream);
/// The rows as they are, a key where Spark's HashPartitioner puts it (sl_rdd_partition_by). State
/// and windows lie by a law of their own, so in front of them it is a shuffle too many.
SL_API sl_stream *sl_stream_partition_by(sl_stream *stream, const char *keys);
/// One row, or none when the epoch is empty.
SL_API sl_stream *sl_stream_reduce(sl_stream *stream, const char *aggregations);
/// One row "count int64", 0 when the epoch is empty.
SL_API sl_stream *sl_stream_count(sl_stream *stream);
SL_API sl_stream *sl_stream_group_by_key(sl_stream *stream, const char *keys);
/// RDDs of the same epoch; both streams must have the same slide.
SL_API sl_stream *sl_stream_join(sl_stream *a, sl_stream *b, const char *keys);
SL_API sl_stream *sl_stream_left_outer_join(sl_stream *a, sl_stream *b, const char *keys);
SL_API sl_stream *sl_stream_right_outer_join(sl_stream *a, sl_stream *b, const char *keys);
SL_API sl_stream *sl_stream_full_outer_join(sl_stream *a, sl_stream *b, const char *keys);
SL_API sl_stream *sl_stream_cogroup(sl_stream *a, sl_stream *b, const char *keys);
/// A static table, e.g. "ads.csv?format=csv&schema=...": read whole, once a run, in its
/// first epoch, and kept in memory.
SL_API sl_stream *sl_stream_join_table(sl_stream *stream, const char *table_url, const char *keys);

/// RDD to RDD, run on the driver for every epoch.
typedef struct sl_transform_fn {
    size_t struct_size;
    const char *name;
    const char *out; ///< schema of the RDDs it returns; NULL: the input's
    uint32_t version;
    bool impure;
    /// *out gets one reference; none (NULL) is a failure, as are other columns than `out`. Thread:
    /// driver.
    sl_code (*run)(const sl_args *args, sl_rdd *in, sl_rdd **out, sl_error *err);
} sl_transform_fn;
SL_API sl_stream *sl_stream_transform(sl_stream *stream, const sl_transform_fn *fn,
                                      const char *args);

/// RDDs of several streams to one: transformWith, and the context's transform.
typedef struct sl_transform_all_fn {
    size_t struct_size;
    const char *name;
    const char *out; ///< schema of the RDDs it returns; NULL: the first input's
    uint32_t version;
    bool impure;
    /// As sl_transform_fn's. `in` has the streams' RDDs of the epoch, in order. Thread: driver.
    sl_code (*run)(const sl_args *args, sl_rdd *const *in, int32_t n, sl_rdd **out, sl_error *err);
} sl_transform_all_fn;
SL_API sl_stream *sl_stream_transform_with(sl_stream *a, sl_stream *b,
                                           const sl_transform_all_fn *fn, const char *args);
/// 1 to 1,024 streams of the same slide.
SL_API sl_stream *sl_stream_transform_all(sl_stream *const *streams, int32_t n,
                                          const sl_transform_all_fn *fn, const char *args);

// ---- settings of one stream; each returns its argument

/// The stable name under which state, sinks and log entries are filed: 1 to 100 of [A-Za-z0-9_.-],
/// not beginning with a dot, unique. Without it one is derived from the kind and the number among
/// the operators of that kind ("flatMap-2"): adding, removing or reordering operators of the same
/// kind changes it. Outputs are named after their stream ("counts.print-1"), so a stream's uid
/// settles theirs as well.
SL_API sl_stream *sl_stream_uid(sl_stream *stream, const char *uid);
SL_API sl_stream *sl_stream_persist(sl_stream *stream, sl_level level);
/// As sl_stream_persist at SL_MEMORY_ONLY, Spark's default for it.
SL_API sl_stream *sl_stream_cache(sl_stream *stream);
/// Partitions of this operator's shuffle; default: `parallelism` of the job.
SL_API sl_stream *sl_stream_partitions(sl_stream *stream, int32_t n_partitions);
SL_API const sl_schema *sl_stream_schema(const sl_stream *stream); ///< NULL after a mistake

// ---- outputs: run in order of definition (pool.h: or beside each other); a stream without one is
// never computed

/// Prints "Time: ... ms" and the first `n` rows of every epoch to the console, as Spark does.
SL_API void sl_stream_print(sl_stream *stream, int64_t n);
/// Writes every epoch's rows to a sink: "file:///out?format=csv",
/// "sqlite:///db.sqlite?table=counts&mode=upsert".
SL_API void sl_stream_save(sl_stream *stream, const char *url);

typedef struct sl_foreach_fn {
    size_t struct_size;
    const char *name;
    uint32_t version;
    /// The function's effects are at least once: it runs before the epoch is sealed, and again
    /// after a crash. Thread: driver.
    sl_code (*run)(const sl_args *args, sl_rdd *rdd, sl_error *err);
} sl_foreach_fn;
SL_API void sl_stream_foreach_rdd(sl_stream *stream, const sl_foreach_fn *fn, const char *args);

// ---- the graph

/// Adds user aggregations that later texts may name. `fn` outlives the graph. The name of a
/// built-in one is a mistake; since later versions bring more of these, a name with a prefix of
/// one's own lasts.
SL_API void sl_graph_aggregation(sl_graph *graph, const sl_agg_fn *fn);
/// What user functions get from sl_args_attached in this process. Not part of the graph or its
/// hash.
SL_API void sl_graph_attach(sl_graph *graph, const char *name, void *pointer);
/// A setting of the job from inside the build function; the command line wins. Unknown names stick
/// as a mistake.
SL_API void sl_graph_set(sl_graph *graph, const char *option, const char *value);
/// The first mistake, or SL_OK.
SL_API SL_MUST_USE sl_code sl_graph_check(const sl_graph *graph, sl_error *err);
/// The graph as text, a line an operator: uid, kind, inputs, arguments, schema. Values of secret
/// options are left out. Lives as long as the graph; "" when there is no memory, which then is the
/// graph's mistake.
SL_API const char *sl_graph_text(sl_graph *graph);
/// Hash of that text: equal in every process that runs the same build function.
SL_API uint64_t sl_graph_hash(sl_graph *graph);

SL_END_DECLS
