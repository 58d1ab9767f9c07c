/// dataset.h — the door of rdd/: how an RDD says what it is computed from.
///
/// An RDD is a node of a lineage: a table of functions, parents with a kind of dependency, a number
/// of partitions. Narrow chains are fused by construction: computing a partition pushes batches
/// from the source through every operator in one pass, no RDD in between is materialised unless it
/// is cached. Wide dependencies go through a *shuffle*: its map side (compute a parent's partition,
/// combine, cut by target partition, put blocks) and its reduce side (read blocks in order of map
/// partition) run as tasks of different stages; sched/ cuts and runs them.
///
/// Nothing here knows of epochs, except that tasks carry their number and time for user functions.
///
/// What a definition resolves to (schemas, compiled expressions, aggregation plans) is kept in the
/// runtime and shared by the RDDs of all epochs, so that an epoch's RDD costs one small allocation.
#pragma once

#include "block/block.h"
#include "exec/exec.h"
#include "expr/expr.h"
#include "metrics/metrics.h"
#include "sluice/rdd.h"
#include "sluice/rdd_checkpoint.h"
#include "sluice/rdd_range.h"
#include "source/source.h"

typedef struct sli_runtime sli_runtime;
typedef struct sli_task sli_task;
typedef struct sli_shuffle sli_shuffle;
typedef struct sli_op sli_op; ///< a compiled operator (rdd_int.h)
typedef struct sli_op_cache sli_op_cache;

enum {
    SLI_MAX_PARTITIONS = 65536,     ///< of an RDD
    SLI_MAX_HASH_PARTITIONS = 1024, ///< of a shuffle by hash: there are no more slots
    SLI_MAX_NARROW = 1000 ///< narrow operators in a row: a chain runs in one call each deep
};

/// Takes a batch of a finished partition. Thread: driver.
typedef sl_code (*sli_rows_fn)(void *ctx, int32_t partition, SL_BORROWS const sl_batch *batch,
                               sl_error *err);

// ---------------------------------------------------------------- the runtime: what all RDDs of a
// session share

/// Filled by api/; the table of actions keeps rdd/ free of sched/.
struct sli_runtime {
    sl_env *env;
    sli_log *log;
    sli_metrics *metrics;
    sli_budget *budget;
    sli_blocks *blocks;
    int32_t parallelism; ///< default partitions of a shuffle
    /// What a task's table may weigh before it goes on in bins; 0: a quarter of the budget, at
    /// least 256 KiB. No result rests on it.
    int64_t table_bytes;
    uint64_t seed; ///< of the job: random numbers are seeded by (seed, epoch, partition, operator)
    bool compat_spark;
    const sli_source_env *source_env;
    void *(*attached)(const void *ctx, const char *name);
    const void *attached_ctx;
    const sl_agg_fn *const *aggregations; ///< user's, NULL-ended; may be NULL
    int64_t next_id;                      ///< RDD and shuffle ids. Thread: driver
    /// Runs a job: computes `partitions` (NULL: all) of `rdd`, handing each partition's batches to
    /// `done` on the driver, in the order of `partitions`. `done` may run other jobs. Set by
    /// sched/.
    sl_code (*run)(sli_runtime *runtime, sl_rdd *rdd, const int32_t *partitions,
                   int32_t n_partitions, sli_rows_fn done, void *ctx, sl_error *err);
    /// Waits until no job that goes on beside the caller computes `rdd` (NULL: anything); what they
    /// come to is kept for who began them. Set by sched/; NULL: there are no such jobs.
    void (*alone)(sli_runtime *runtime, const sl_rdd *rdd);
    void *sched;              ///< the scheduler behind `run` and `alone`
    struct sli_accs *accs;    ///< accumulator.h; NULL: none
    struct sli_bvars *bvars;  ///< bvar.h; NULL: none
    const char *spill_dir;    ///< of blocks; NULL: nowhere. For things that spill by themselves
    int64_t sql_memory_bytes; ///< what an instance of the SQL engine may hold; 0: its own default
    // ---- rdd's own; zero at first, given back by sli_runtime_reset
    sli_op_cache *ops;
    struct sli_runtime_thing *things; ///< of folders above
    _Atomic int32_t next_chunk;       ///< names the chunks of cached partitions
    _Atomic int64_t next_owner;       ///< names the blocks of tasks
    sl_rdd *to_cut;                   ///< checkpoints that still have their lineage; no references
    sli_fs *checkpoint_fs;            ///< of reliable ones; NULL: none has been asked for
    char *checkpoint_dir;             ///< where the next one is written; NULL: nowhere
    bool is_saving;                   ///< a job runs that writes one
};
/// Frees what rdd/ keeps in a runtime; RDDs that are still there keep what they need.
/// sli_sched_free calls it.
void sli_runtime_reset(sli_runtime *runtime);
/// Keeps a thing of a folder above until the runtime's reset, when `drop` is called (NULL: somebody
/// else frees it); and finds it by its name, NULL when there is none. `name` is a constant. Fails:
/// SL_E_NOMEM, the thing is freed. Thread: driver.
sl_code sli_runtime_own(sli_runtime *runtime, const char *name, SL_TAKES void *thing,
                        void (*drop)(void *thing), sl_error *err);
void *sli_runtime_owned(const sli_runtime *runtime, const char *name);
/// Frees the thing of that name now; nothing when there is none.
void sli_runtime_give_back(sli_runtime *runtime, const char *name);
/// The runtime of a session. The default (a weak symbol) takes the session's first member for it;
/// api/ may define its own.
sli_runtime *sli_session_runtime(sl_session *session);

// ---------------------------------------------------------------- a task attempt

/// An order to end, which tasks look at between batches: to one attempt, and all that it is part
/// of. Set by whoever gives the order; it orders no memory.
typedef struct sli_stop {
    _Atomic bool now;
    const struct sli_stop *wider; ///< of the job, then of all jobs; NULL: there is none
} sli_stop;

/// What one map task left: its blocks are SHUFFLE (id, map partition, sli_map_block(...)), one for
/// each piece and reduce partition with rows[piece * n_out + reduce] > 0.
typedef struct sli_map_output {
    int32_t copy; ///< sli_task.copy of the attempt that wrote it
    int32_t n_pieces;
    int64_t *rows;
    int32_t capacity; ///< pieces
} sli_map_output;
enum {
    SLI_COPIES = 2, ///< attempts at one task that run beside each other
    SLI_MAX_PIECES = 16384
};
/// The minor number of block `at` (piece * n_out + reduce partition). Two lanes of 16,384 pieces
/// and 65,536 partitions are what an int32_t holds.
static inline int32_t sli_map_block(const sli_map_output *output, int32_t n_out, int32_t at)
{
    return output->copy * SLI_MAX_PIECES * n_out + at;
}

/// What one attempt at one partition of one stage runs with. Thread: task.
struct sli_task {
    sli_runtime *runtime;
    int64_t generation, epoch, time_us;
    int32_t stage, partition, attempt, worker;
    /// 0, or 1 of a copy that runs beside the first: no two attempts at a task with the same one
    /// run at once. So what is filed by (partition, copy) is one attempt's alone while it runs.
    int32_t copy;
    int32_t index;         ///< place of the partition in the job's list of partitions
    sl_arena *arena;       ///< gone when the attempt ends
    const sli_stop *stop;  ///< checked between batches; NULL: nobody can end it
    sli_decode_stats read; ///< rows and bytes read from sources
    int64_t rows_out;      ///< rows that the job keeps, or the shuffle
    bool past_caches;      ///< computes what is cached, and caches nothing
    /// Where an error happened, for messages: uid of the operator whose user function runs; may be
    /// NULL.
    const char *operator_uid;
    /// Rows that the partition's source gave before the batch in work, and that batch's: where a
    /// bad record is. -1: unknown.
    int64_t source_from, source_rows;
    /// Set with SL_E_NOT_FOUND and SL_ACT_REPLAY_EPOCH: the output of this map partition is lost.
    sli_shuffle *lost_shuffle;
    int32_t lost_map;
    struct sli_adds *adds; ///< what functions added to accumulators; taken or freed by sched/
    sli_map_output output; ///< of a map task: what it wrote; published or dropped by sched/
};
/// SL_E_CANCELLED when the attempt is to end. Called by whoever makes batches, between them.
sl_code sli_task_check(const sli_task *task, sl_error *err);

// A list of batches.

/// Batches that somebody holds on to. Zero it.
typedef struct sli_rows {
    sl_batch **batches;
    int32_t n, capacity;
    int64_t n_rows, bytes;
} sli_rows;
/// Takes a reference.
sl_code sli_rows_add(sli_rows *rows, const sl_batch *batch, sl_error *err);
void sli_rows_reset(sli_rows *rows);
/// One batch of them all (the caller's reference); an empty one of `schema` when there are none.
sl_code sli_rows_concat(const sli_rows *rows, const sl_schema *schema, sl_batch **out,
                        sl_error *err);

/// The attempt that this thread of control runs now, or NULL: so that a crash inside user code can
/// say where it happened, and that an action there is refused. Set by sched/ around an attempt as
/// `sli_strand_own`. Readable in a signal handler.
static inline const sli_task *sli_task_running(void)
{
    return sli_strand_own;
}

/// Takes one batch. Thread: task.
typedef sl_code (*sli_push_fn)(void *ctx, SL_BORROWS sl_batch *batch, sl_error *err);

// ---------------------------------------------------------------- lineage

/// The law by which rows go to partitions. By the first two all rows of a key go to the same one.
typedef enum sli_cut {
    SLI_CUT_NONE, ///< nothing is known of where rows lie
    SLI_CUT_HASH, ///< by slot of the key's hash: as state lies
    SLI_CUT_CODE, ///< by the key's hash code: as Spark's HashPartitioner
    SLI_CUT_ROUND_ROBIN,
    SLI_CUT_RANGE,
    SLI_CUT_ONE
} sli_cut;

typedef enum sli_dep_kind {
    SLI_DEP_NARROW =
        1, ///< partition p of the child reads some partitions of the parent: ops->parents
    SLI_DEP_SHUFFLE = 2,  ///< every partition reads its share of all map outputs
    SLI_DEP_BROADCAST = 3 ///< every partition reads the whole parent, collected once and kept,
                          ///< indexed, with the parent
} sli_dep_kind;

typedef struct sli_dep {
    sli_dep_kind kind;
    sl_rdd *parent;       ///< one reference
    sli_shuffle *shuffle; ///< SLI_DEP_SHUFFLE
} sli_dep;

typedef struct sli_rdd_ops {
    const char *name; ///< "map", "reduceByKey": for toDebugString and stage names
    /// Computes a partition: pushes its batches, in order. Calls sli_rdd_each for parents.
    sl_code (*compute)(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                       sl_error *err);
    /// Narrow deps: which partition of parent `dep` the child partition reads (-1: none). NULL: the
    /// same number.
    int32_t (*parent_of)(const sl_rdd *rdd, int32_t dep, int32_t partition);
    /// What its tasks rely on and a job of its own finds out: whether it is there, and gets it
    /// there. NULL: nothing. Thread: driver.
    bool (*is_ready)(const sl_rdd *rdd);
    sl_code (*prepare)(sl_rdd *rdd, sl_error *err);
    void (*free)(sl_rdd *rdd); ///< frees `body`
    bool unique_keys;          ///< no two rows of a partition have the same key, by which they lie
    bool keeps_empty;          ///< no rows in, no rows out, and nothing else happens
    bool
        keeps_place; ///< rows stay in their partition, columns the same: where they lie stays known
    bool by_row;     ///< what becomes of a row rests on no other row
} sli_rdd_ops;

struct sl_rdd {
    _Atomic int32_t refs;
    int64_t id;
    const sli_rdd_ops *ops;
    sli_runtime *runtime;
    sl_schema *schema; ///< NULL when `mistake` is set
    int32_t n_partitions;
    sli_dep *deps;
    int32_t n_deps;
    sl_level level;
    char *name;        ///< may be NULL
    const char *uid;   ///< of the stream operator, lives as long as the graph; NULL outside streams
    bool pinned;       ///< tasks must run at home (state lives there)
    void *body;        ///< the operator's own
    sl_error *mistake; ///< sticks; NULL when fine
    // ---- rdd's own
    int32_t depth; ///< narrow operators below it since the last shuffle
    /// How the rows lie in the partitions (keyed.c): SLI_CUT_HASH or SLI_CUT_CODE, by the columns
    /// that `by` of the operator says (one reference); or SLI_CUT_NONE and NULL.
    sli_cut lies;
    sli_op *by;
    /// No partition has a row, and that was known when it was made: its partitions and its map
    /// tasks need not run. What most epochs of a job with a short interval are.
    bool is_empty;
    /// Rows that its sources give it, as far as that is known before they are read; -1: unknown.
    /// Of a source: set by whoever makes it. Only where tasks run may rest on it, never a result.
    int64_t rows_expected;
    bool *counted; ///< by partition: what its function added counts; NULL: of none (adds.c)
    struct sli_index *indexes; ///< of a broadcast parent: made by sli_broadcast_prepare
    sl_rdd *link;              ///< list of RDDs that are being freed
    /// Its maker needs the body still (the state of an epoch that runs): it is not cut meanwhile.
    bool is_held;
    bool is_to_cut;   ///< in the runtime's list: a checkpoint that still has its lineage
    bool is_reliable; ///< it goes into files, else it is local
    bool is_due;      ///< a job met it, so files are written when that has ended; set by sched
    sl_rdd *next_to_cut;
    // ---- sched's own. Thread: driver
    int64_t seen; ///< the last walk that met it
};

/// A new RDD with one reference. Takes references of the parents in `deps` over (also when it
/// fails: then the RDD returned carries the mistake; only without memory for even that NULL).
/// `schema` is shared.
sl_rdd *sli_rdd_new(sli_runtime *runtime, const sli_rdd_ops *ops, const sl_schema *schema,
                    int32_t n_partitions, const sli_dep *deps, int32_t n_deps, void *body);
/// An RDD that only carries a mistake.
sl_rdd *sli_rdd_mistake(sli_runtime *runtime, sl_code code, const char *fmt, ...) SL_PRINTF(3, 4);

/// Pushes the batches of a partition: from the cache when it is cached there, else computed (and
/// cached on the way, when the RDD has a level). Thread: task.
sl_code sli_rdd_each(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push, void *ctx,
                     sl_error *err);

/// Whether every partition is kept in blocks, so that nothing below has to be computed.
bool sli_rdd_is_kept(const sl_rdd *rdd);
/// Cuts the lineages of local checkpoints that are kept whole. Called when a job or action has
/// ended and none runs. Thread: driver.
void sli_runtime_cut(sli_runtime *runtime);
/// Whether an RDD waits for an action, to go into files.
bool sli_runtime_has_marked(const sli_runtime *runtime);
/// Writes the reliable checkpoints that are due, by jobs of their own, and cuts their lineages.
/// Called when an action has ended well and none runs. Thread: driver. Blocks: yes.
sl_code sli_runtime_save(sli_runtime *runtime, sl_error *err);

/// Whether every row of a broadcast parent is there for the RDD's tasks; and gets them there, by a
/// job of its own. Thread: driver.
bool sli_broadcast_ready(const sl_rdd *rdd, int32_t dep);
sl_code sli_broadcast_prepare(sl_rdd *rdd, int32_t dep, sl_error *err);

/// sl_args for a user function's call in this task; `state_bytes` zeroed bytes from the task's
/// arena. `operator_id` is stable per operator (hash of the uid).
sl_code sli_task_args(sli_task *task, const char *text, uint64_t operator_id, size_t state_bytes,
                      sl_args *out, sl_error *err);

// ---------------------------------------------------------------- shuffles

/// What happens between two stages. A map task puts what it has whenever that gets large, each time
/// a *piece*, at most SLI_MAX_PIECES. Its blocks are its own until the driver publishes one
/// attempt's: only then do they count, and only that attempt's.
struct sli_shuffle {
    int64_t id;
    sl_rdd *parent; ///< the reduce side's dep holds the reference
    sli_cut cut;
    int32_t *keys, n_keys;   ///< SLI_CUT_HASH, SLI_CUT_CODE: columns of the parent
    int32_t first_placing;   ///< SLI_CUT_HASH: the keys before it don't choose the partition
    sli_agg_plan *combine;   ///< map-side combining; NULL: rows go as they are
    const sl_schema *schema; ///< of what goes over: the parent's, or combine's partial schema
    int32_t n_out;
    sl_batch *
        bounds; ///< SLI_CUT_RANGE: n_out - 1 rows, set by the sampling job before the map side runs
    const char *order; ///< SLI_CUT_RANGE
    /// Per map partition: its output exists (skipped stages). Read by tasks of stages behind it,
    /// which begin when all are; so the driver sets it any time, and unsets it when no task is out.
    bool *written;
    // ---- rdd's own
    sli_map_output *outputs;   ///< per map partition: the published one, read by later stages
    bool unique;               ///< only the first row of a key needs to go over (distinct)
    sli_agg_plan *owned;       ///< `combine`, when it belongs to the shuffle
    struct sli_order *ordered; ///< `order`, parsed
    sli_op *op;                ///< what keeps combine and schema alive; may be NULL
    const char *uid;           ///< of the operator that reads it; NULL outside streams
    int64_t seen;              ///< sched's
    const void *writer;        ///< sched's: the job whose tasks write it now
};
/// SLI_CUT_RANGE: finds `bounds` by a sampling job, when that was not done yet. Thread: driver.
bool sli_shuffle_ready(const sli_shuffle *shuffle);
sl_code sli_shuffle_prepare(sli_shuffle *shuffle, sl_error *err);
sli_shuffle *sli_shuffle_new(sli_runtime *runtime, sl_rdd *parent, sli_cut cut, const int32_t *keys,
                             int32_t n_keys, SL_TAKES sli_agg_plan *combine, int32_t n_out,
                             sl_error *err);
void sli_shuffle_free(SL_TAKES sli_shuffle *shuffle); ///< and its blocks

/// The map side of one parent partition: computes it and puts its blocks, told in task->output.
/// Thread: task.
sl_code sli_shuffle_write(sli_shuffle *shuffle, int32_t map_partition, sli_task *task,
                          sl_error *err);
/// The attempt has won: what it wrote is the map partition's output from now on. Empties *output.
/// Thread: driver.
void sli_shuffle_publish(sli_shuffle *shuffle, int32_t map_partition, sli_map_output *output);
/// It has not: its blocks are gone. Empties *output. Thread: driver, when the attempt has ended.
void sli_shuffle_discard(sli_shuffle *shuffle, int32_t map_partition, sli_map_output *output);
/// The reduce side: all rows for one reduce partition, in order of map partition. Thread: task.
/// Fails: SL_E_NOT_FOUND with SL_ACT_REPLAY_EPOCH, task->lost_shuffle and task->lost_map when an
/// output is lost (sched writes it again).
sl_code sli_shuffle_each(sli_shuffle *shuffle, int32_t reduce_partition, sli_task *task,
                         sli_push_fn push, void *ctx, sl_error *err);

// ---------------------------------------------------------------- rows by hash of their key

/// Whether no two rows have the same cells in these columns, by which they lie.
bool sli_is_unique_by(const sl_rdd *rdd, const int32_t *keys, int32_t n_keys);
/// On `parent` by slot: narrow when its rows lie so, else by a shuffle of the rows as they are.
sl_code sli_keyed_dep(sl_rdd *parent, const int32_t *keys, int32_t n_keys, int32_t n_partitions,
                      sli_dep *out, sl_error *err);
/// Pushes what partition `partition` reads through dependency `dep`, by either way.
sl_code sli_dep_each(sl_rdd *rdd, int32_t dep, int32_t partition, sli_task *task, sli_push_fn push,
                     void *ctx, sl_error *err);

// ---------------------------------------------------------------- RDDs that only streams make

/// All rows to one row in one partition; no row when there are none.
sl_rdd *sli_rdd_reduce(sl_rdd *rdd, const char *aggregations);
/// One row "count int64" in one partition, 0 when there are no rows.
sl_rdd *sli_rdd_count_rows(sl_rdd *rdd);

/// The rows as they are, by slot of the key, where sl_rdd_partition_by goes by hash code.
sl_rdd *sli_rdd_by_slot(sl_rdd *rdd, const char *keys, int32_t n_partitions);

/// One row of aggregation states a key: the plan's partial schema (expr.h), by slot of the keys.
/// `keys` "": one row in one partition, none of no rows; NULL: all columns are keys.
sl_rdd *sli_rdd_states(sl_rdd *rdd, const char *keys, const char *aggregations,
                       int32_t n_partitions);
/// What such rows of several RDDs, which lie by slot of their keys in the partitions of `states`
/// (without keys: in its only one), come to together: the aggregations' results, in the order in
/// which keys are first seen. `rows`: the schema of what the states were made of. `always`: without
/// keys also of no states there is one row.
sl_rdd *sli_rdd_of_states(sl_rdd *states, const sl_schema *rows, const char *keys,
                          const char *aggregations, bool always);
/// Notes that the rows of an RDD just made lie by slot of `keys` in its partitions; returns its
/// argument.
sl_rdd *sli_rdd_placed(sl_rdd *rdd, const char *keys);

/// Reads the splits of a recorded range of a source. `range` is copied.
sl_rdd *sli_rdd_of_source(sli_runtime *runtime, sli_source *source, sl_bytes range,
                          int32_t n_splits);
/// Which rows of an epoch count, by their numbers in it: a row's number goes through the partitions
/// of all its sources.
typedef struct sli_choice {
    int64_t from, to;        ///< rows [from, to)
    const int64_t *left_out; ///< but these, ascending
    int64_t n_left_out;
} sli_choice;
bool sli_rdd_is_of_source(const sl_rdd *rdd); ///< made by sli_rdd_of_source
/// From now on the RDD of a source gives the chosen rows only. `first` has the number of each
/// partition's first row, and one past the last one's. Both are copied. No task runs meanwhile.
/// Thread: driver.
sl_code sli_rdd_choose(sl_rdd *rdd, const sli_choice *choice, const int64_t *first, sl_error *err);
/// Whether a partition of the RDD can be computed from some rows of these sources as from all:
/// each row comes from them, by narrow operators, and none rests on another. Caches of such an RDD
/// hold all rows: a task with some of them goes past.
bool sli_rdd_is_by_row(const sl_rdd *rdd, sl_rdd *const *sources, int32_t n_sources);
/// Who may refuse rows.
typedef struct sli_rows_check {
    sl_code (*fn)(void *ctx, SL_BORROWS const sl_batch *rows, sl_error *err);
    void *ctx;
} sli_rows_check;
/// The same rows; each batch is shown to `check` first, whose failure is that of the operator
/// `uid`. Both live as long as the RDD. NULL without memory.
sl_rdd *sli_rdd_check(sl_rdd *rdd, sli_rows_check *check, const char *uid);
/// Partitions given as lists of batches (queue streams); references are taken.
sl_rdd *sli_rdd_of_partitions(sli_runtime *runtime, const sl_schema *schema,
                              sl_batch *const *const *batches, const int32_t *n_batches,
                              int32_t n_partitions);
/// Sets the stream operator's uid (texts of errors, seeds) on an RDD just made; returns its
/// argument.
sl_rdd *sli_rdd_uid(sl_rdd *rdd, const char *uid);
/// Lineage as Spark's toDebugString, appended to `out`.
void sli_rdd_debug(const sl_rdd *rdd, sli_str *out);

/// The lane of a source (source.h) that all rows of a partition come from, and the uid of the
/// source's stream. False: they come from several, went through a shuffle, or from no source.
bool sli_rdd_lane(const sl_rdd *rdd, int32_t partition, const char **uid, int32_t *lane);

// ---------------------------------------------------------------- schemas made of others'

/// The type of a column as in the canonical text: "list<int64?>?".
sl_text sli_column_type_text(const sl_schema *schema, int32_t column);
/// Of sl_rdd_union, sl_rdd_group_by_key and sl_rdd_join (keys, the rest of a, the rest of b with
/// "_2" behind names that are taken). Fails: SL_E_INVALID.
sl_code sli_schema_union(const sl_schema *a, const sl_schema *b, sl_schema **out, sl_error *err);
sl_code sli_schema_grouped(const sl_schema *in, const int32_t *keys, int32_t n_keys,
                           sl_schema **out, sl_error *err);
sl_code sli_schema_joined(const sl_schema *a, const int32_t *keys_a, const sl_schema *b,
                          const int32_t *keys_b, int32_t n_keys, sl_schema **out, sl_error *err);
/// Columns `columns` of a schema, under their names.
sl_code sli_schema_picked(const sl_schema *in, const int32_t *columns, int32_t n, sl_schema **out,
                          sl_error *err);
