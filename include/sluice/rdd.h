/// rdd.h — resilient distributed datasets: immutable rows in partitions, described by how they are
/// computed.
///
/// An RDD is lazy: transformations make a new RDD, actions run a job. Lost or evicted parts are
/// computed again from the lineage. Use them without any stream (sl_session), in
/// sl_stream_transform and in sl_stream_foreach_rdd.
///
/// Transformations can't fail at the call: the first mistake sticks to the RDD and to all made from
/// it, and the action returns it. Text arguments: keys "user, page"; expressions and aggregations
/// as in docs/ref/expressions.md. Every function returning an sl_rdd gives the caller one
/// reference. Thread: the one that owns the session or the driver.
#pragma once

#include "sluice/fn.h"

SL_BEGIN_DECLS

typedef struct sl_rdd sl_rdd;
typedef struct sl_session
    sl_session; ///< what RDDs live in: workers, blocks, memory budget (context.h)

/// Where cached partitions are kept. Data in Sluice is columnar bytes in any case, so Spark's _SER
/// levels are the same as the plain ones, and its _2 levels need a cluster.
typedef enum sl_level {
    SL_LEVEL_NONE = 0,
    SL_MEMORY_ONLY,     ///< dropped when memory is short, and computed again from the lineage
    SL_MEMORY_AND_DISK, ///< spilled when memory is short
    SL_DISK_ONLY,
} sl_level;

// ---- making

/// Rows of batches that are in memory, cut into `n_partitions` at positions i * rows / n as Spark's
/// parallelize does.
SL_API sl_rdd *sl_rdd_of_batches(sl_session *session, const sl_batch *const *batches,
                                 int32_t n_batches, int32_t n_partitions);
/// The rows of a file, or of all files of a directory (in byte order of names), e.g.
/// "file:///data/ads.csv?format=csv& schema=ad_id string, campaign_id string". One partition a
/// file. Or records of Kafka,
/// "kafka://localhost:9092/orders?ranges=orders:0=5..17,orders:1=0..100": one partition a range, by
/// topic and partition; without `ranges` all that is there at the moment.
SL_API sl_rdd *sl_rdd_open(sl_session *session, const char *url);
/// No rows, `n_partitions` partitions.
SL_API sl_rdd *sl_rdd_empty(sl_session *session, const char *schema, int32_t n_partitions);
SL_API sl_rdd *sl_rdd_ref(sl_rdd *rdd);
SL_API void
sl_rdd_unref(SL_TAKES sl_rdd *rdd); ///< accepts NULL; drops cached blocks with the last reference

// ---- narrow transformations: order inside a partition is kept

/// One row out for each row in. `args` is text for the function, or NULL.
SL_API sl_rdd *sl_rdd_map(sl_rdd *rdd, const sl_fn *fn, const char *args);
SL_API sl_rdd *sl_rdd_flat_map(sl_rdd *rdd, const sl_fn *fn, const char *args);
SL_API sl_rdd *sl_rdd_map_partitions(sl_rdd *rdd, const sl_fn *fn, const char *args);
/// Rows for which the function's one bool column is true.
SL_API sl_rdd *sl_rdd_filter(sl_rdd *rdd, const sl_fn *fn, const char *args);
/// "word, length(word) as n": expressions instead of a function.
SL_API sl_rdd *sl_rdd_select(sl_rdd *rdd, const char *expressions);
SL_API sl_rdd *sl_rdd_where(sl_rdd *rdd, const char *condition);
/// Partitions of `a`, then of `b`. Equal types; names are a's.
SL_API sl_rdd *sl_rdd_union(sl_rdd *a, sl_rdd *b);
/// As sl_rdd_map over the columns that are no keys: `fn` sees those only, and the keys stay before
/// what it makes. Rows stay where they are, so what was partitioned by the keys still is.
SL_API sl_rdd *sl_rdd_map_values(sl_rdd *rdd, const char *keys, const sl_fn *fn, const char *args);
/// As sl_rdd_map_values with any number of rows for each: the function says with sl_builder_of_row
/// which row of its input the rows come from, and they get that row's keys. sl_split does.
SL_API sl_rdd *sl_rdd_flat_map_values(sl_rdd *rdd, const char *keys, const sl_fn *fn,
                                      const char *args);
/// One row a partition, also for an empty one: each column a list of the partition's cells.
SL_API sl_rdd *sl_rdd_glom(sl_rdd *rdd);
/// Fewer partitions without a shuffle: partition p of n is made of parents p * m / n up to
/// (p + 1) * m / n, in order. More than there are: as many as there are. 0: the default
/// parallelism.
SL_API sl_rdd *sl_rdd_coalesce(sl_rdd *rdd, int32_t n_partitions);
/// Every row of `a` with every row of `b`: partition i * b's + j pairs partitions i and j.
/// Columns as sl_rdd_join's.
SL_API sl_rdd *sl_rdd_cartesian(sl_rdd *a, sl_rdd *b);
/// Row i of each partition of `a` beside row i of the same partition of `b`; columns as
/// sl_rdd_join's. Fails: SL_E_INVALID for other numbers of partitions; SL_E_DATA when a partition
/// has more rows on one side.
SL_API sl_rdd *sl_rdd_zip(sl_rdd *a, sl_rdd *b);
/// Adds "index int64": the row's place in the whole RDD, from 0. When there are several partitions
/// the first action counts their rows by a job of its own, once. Fails: SL_E_INVALID when a column
/// is named so.
SL_API sl_rdd *sl_rdd_zip_with_index(sl_rdd *rdd);
/// Adds "id int64": p, p + n, p + 2 n, ... in partition p of n. No job. Fails: as
/// sl_rdd_zip_with_index.
SL_API sl_rdd *sl_rdd_zip_with_unique_id(sl_rdd *rdd);
/// Each row with probability `fraction`, or, with replacement, as often as a Poisson number of that
/// mean says. Seeded by (seed, partition): the same rows in every run. Fails: SL_E_INVALID for a
/// fraction below 0, above 1 without replacement, or above 1,000,000 with it.
SL_API sl_rdd *sl_rdd_sample(sl_rdd *rdd, bool with_replacement, double fraction, uint64_t seed);

// ---- wide transformations: a shuffle by hash of the key
//
// Rows that are partitioned by the same key columns, in the same order, into as many partitions are
// not moved again: what sl_rdd_partition_by, sl_rdd_reduce_by_key and the others by key make stays
// so through sl_rdd_where, sl_rdd_filter, sl_rdd_map_values, sl_rdd_flat_map_values, sl_rdd_sample
// and the numbering of rows. Each key has the same result as with a shuffle, to the bit. Only
// sl_rdd_partition_by says in which partition a key is, so it alone moves rows that others brought
// together; and what keeps state (sl_stream_update_state_by_key) moves what it brought together.

/// Moves rows round robin: row j of partition p goes to (first + j) mod n, where `first` is drawn
/// from p as Spark draws it. The same rows in the same places in every run.
SL_API sl_rdd *sl_rdd_repartition(sl_rdd *rdd, int32_t n_partitions);
/// One row a key: the key columns, then the aggregations. Combined before the shuffle. n_partitions
/// 0: the default parallelism.
SL_API sl_rdd *sl_rdd_reduce_by_key(sl_rdd *rdd, const char *keys, const char *aggregations,
                                    int32_t n_partitions);
/// As sl_rdd_reduce_by_key, combining before the shuffle only when `map_side_combine`: without it
/// all rows go over, which costs less when hardly any two have the same key.
SL_API sl_rdd *sl_rdd_combine_by_key(sl_rdd *rdd, const char *keys, const char *aggregations,
                                     bool map_side_combine, int32_t n_partitions);
/// The distinct rows, then "count int64". Fails: SL_E_INVALID when a column is named so.
SL_API sl_rdd *sl_rdd_count_by_value(sl_rdd *rdd, int32_t n_partitions);
/// The rows as they are, rows of a key in one partition, in arrival order. A key is where Spark's
/// HashPartitioner puts it: partition number Java's hash code mod n, so an int64 5 is in number 2
/// of 3. A null is in number 0; several key columns have the code of a Java list of them.
SL_API sl_rdd *sl_rdd_partition_by(sl_rdd *rdd, const char *keys, int32_t n_partitions);
/// As sl_rdd_partition_by, each partition sorted by `order`.
SL_API sl_rdd *sl_rdd_partition_by_sorted(sl_rdd *rdd, const char *keys, const char *order,
                                          int32_t n_partitions);
/// One row a key: the key columns, then a list column for each other column, in arrival order of
/// rows.
SL_API sl_rdd *sl_rdd_group_by_key(sl_rdd *rdd, const char *keys, int32_t n_partitions);
/// Inner join on key columns of the same names and types: keys, the rest of `a`, the rest of `b`.
/// Duplicates multiply. A column of `b` named as one of `a` gets the suffix "_2". Null keys equal
/// each other.
SL_API sl_rdd *sl_rdd_join(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions);
/// As sl_rdd_join, with the rows of `a` that have no match: the columns of `b` are nullable, and
/// null there.
SL_API sl_rdd *sl_rdd_left_outer_join(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions);
/// As sl_rdd_join, with the rows of `b` that have no match: after the others.
SL_API sl_rdd *sl_rdd_right_outer_join(sl_rdd *a, sl_rdd *b, const char *keys,
                                       int32_t n_partitions);
/// As sl_rdd_left_outer_join, and then sl_rdd_right_outer_join's rows of `b` without a match. Here
/// and there the keys come from the side that has the row.
SL_API sl_rdd *sl_rdd_full_outer_join(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions);
/// One row a key that either side has: the keys, a list for each other column of `a`, then of `b`
/// ("_2" as for sl_rdd_join); empty lists where a side has no row. Keys in first-seen order, those
/// of `a` first.
SL_API sl_rdd *sl_rdd_cogroup(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions);
/// As sl_rdd_join, without a shuffle of `rdd`: `table` is collected once, and each task probes it.
/// For small tables.
SL_API sl_rdd *sl_rdd_join_table(sl_rdd *rdd, sl_rdd *table, const char *keys);
/// Each distinct row once.
SL_API sl_rdd *sl_rdd_distinct(sl_rdd *rdd, int32_t n_partitions);
/// Rows that both have, each once, in the order of `a`. Equal types; names are a's.
SL_API sl_rdd *sl_rdd_intersection(sl_rdd *a, sl_rdd *b, int32_t n_partitions);
/// Rows of `a` that `b` does not have, as often as `a` has them.
SL_API sl_rdd *sl_rdd_subtract(sl_rdd *a, sl_rdd *b, int32_t n_partitions);
/// Rows of `a` whose key `b` does not have; the other columns of `b` do not matter.
SL_API sl_rdd *sl_rdd_subtract_by_key(sl_rdd *a, sl_rdd *b, const char *keys, int32_t n_partitions);
/// Total order by the columns ("n desc, word"); a single partition when n_partitions is 1, else by
/// ranges of a sample. Equal rows keep their order. A partition that outgrows its share of memory
/// is sorted in runs on disk.
SL_API sl_rdd *sl_rdd_sort_by(sl_rdd *rdd, const char *order, int32_t n_partitions);

// ---- caching, questions

/// Keeps partitions that are computed from now on at `level`; so it is called before the first
/// action. Returns its argument. Where another output of the epoch computes the RDD at that moment
/// (`jobs.concurrent`), this, sl_rdd_unpersist and sl_rdd_named wait until it has ended. Thread:
/// the RDD's, never a task.
SL_API sl_rdd *sl_rdd_persist(sl_rdd *rdd, sl_level level);
/// What is kept goes, and nothing more is kept.
SL_API void sl_rdd_unpersist(sl_rdd *rdd);
/// Cuts the lineage after the first action that computed all of it: the rows are kept at
/// SL_MEMORY_AND_DISK (or the level set before) and the parents given up, so a lineage that would
/// grow with a loop does not. What is lost then can't be computed again: the action says so
/// (SL_E_STATE). Returns its argument.
SL_API sl_rdd *sl_rdd_local_checkpoint(sl_rdd *rdd);
SL_API sl_rdd *sl_rdd_named(sl_rdd *rdd,
                            const char *name); ///< for status and progress; returns its argument
SL_API int32_t sl_rdd_partitions(const sl_rdd *rdd);
/// The lineage as text, laid out as Spark's toDebugString: a line an RDD, a "+-" where a shuffle
/// cuts, at most 1,000 lines. The caller frees it with sl_text_free. NULL without memory.
SL_API char *sl_rdd_debug_text(const sl_rdd *rdd);
SL_API const sl_schema *sl_rdd_schema(const sl_rdd *rdd); ///< NULL when a mistake sticks to it
SL_API SL_MUST_USE sl_code sl_rdd_check(const sl_rdd *rdd,
                                        sl_error *err); ///< the mistake that sticks to it

// ---- actions: each runs one job and returns when it is done. Fails: as the tasks failed.

/// All rows, in partition order, as one batch; the caller owns a reference.
SL_API SL_MUST_USE sl_code sl_rdd_collect(sl_rdd *rdd, sl_batch **out, sl_error *err);
/// As sl_rdd_collect, at most `n` rows, reading only as many partitions as needed.
SL_API SL_MUST_USE sl_code sl_rdd_take(sl_rdd *rdd, int64_t n, sl_batch **out, sl_error *err);
SL_API SL_MUST_USE sl_code sl_rdd_count(sl_rdd *rdd, int64_t *out, sl_error *err);
/// The first row. Fails: SL_E_NOT_FOUND when there is none.
SL_API SL_MUST_USE sl_code sl_rdd_first(sl_rdd *rdd, sl_batch **out, sl_error *err);
/// Reads only as many partitions as needed.
SL_API SL_MUST_USE sl_code sl_rdd_is_empty(sl_rdd *rdd, bool *out, sl_error *err);
/// The `n` rows that come first in an order ("n desc, word"), in that order; equal rows as they
/// stand in the RDD; none when `n` is not above 0. Each partition keeps `n` rows at most. Spark's
/// takeOrdered, and with "desc" its top.
SL_API SL_MUST_USE sl_code sl_rdd_take_ordered(sl_rdd *rdd, const char *order, int64_t n,
                                               sl_batch **out, sl_error *err);
/// `n` rows picked at random, in random order; without replacement all when there are fewer. The
/// same rows in every run with the same seed. Runs one job, with replacement two. Fails:
/// SL_E_INVALID for `n` below 0.
SL_API SL_MUST_USE sl_code sl_rdd_take_sample(sl_rdd *rdd, bool with_replacement, int64_t n,
                                              uint64_t seed, sl_batch **out, sl_error *err);
/// One row of aggregations over all rows: "sum(v), min(v), stdev(v)". Combined in each partition,
/// merged in partition order. What reduce, fold, aggregate, treeAggregate, max, min, sum, mean,
/// stdev and stats are in Spark. Of no rows: the row that the aggregations have for none.
SL_API SL_MUST_USE sl_code sl_rdd_aggregate(sl_rdd *rdd, const char *aggregations, sl_batch **out,
                                            sl_error *err);
/// counts[i] = rows whose number lies in [bounds[i], bounds[i + 1]), the last bucket with its end;
/// nulls, NaN and what lies outside are not counted. `column` is of a number type. Fails:
/// SL_E_INVALID for fewer than two bounds, or bounds that do not go up.
SL_API SL_MUST_USE sl_code sl_rdd_histogram(sl_rdd *rdd, const char *column, const double *bounds,
                                            int32_t n_bounds, int64_t *counts, sl_error *err);
/// What is known of a number after part of the work. `low` to `high` holds it with the confidence
/// asked for.
typedef struct sl_estimate {
    double mean, low, high;
    bool final; ///< every partition was counted: low = mean = high
} sl_estimate;
/// Counts partitions, in an order drawn once, until done or `timeout_us` has passed, then estimates
/// from those counted: a normal interval, as wide as their differences say and at least as wide as
/// Spark's CountEvaluator makes it. When none has a row nothing is known: 0, between 0 and
/// infinity. What has begun is counted to its end. Fails: SL_E_INVALID for a `confidence` outside
/// (0, 1) or a time below 0.
SL_API SL_MUST_USE sl_code sl_rdd_count_approx(sl_rdd *rdd, int64_t timeout_us, double confidence,
                                               sl_estimate *out, sl_error *err);
/// About how many distinct rows there are (HyperLogLog), within a standard error of `relative_sd`,
/// 0.002 to 0.4; the same number in every run. Fails: SL_E_INVALID for another.
SL_API SL_MUST_USE sl_code sl_rdd_count_approx_distinct(sl_rdd *rdd, double relative_sd,
                                                        int64_t *out, sl_error *err);
/// Calls `each` for every batch, one partition after the other in order, on the calling thread.
SL_API SL_MUST_USE sl_code sl_rdd_foreach(sl_rdd *rdd,
                                          sl_code (*each)(void *ctx, int32_t partition,
                                                          const sl_batch *batch, sl_error *err),
                                          void *ctx, sl_error *err);
/// Writes all rows to a sink, e.g. "file:///out?format=csv", as one group. The target must not
/// exist.
SL_API SL_MUST_USE sl_code sl_rdd_save(sl_rdd *rdd, const char *url, sl_error *err);

SL_END_DECLS
