/// rdd_int.h — what the operators share: compiled operators, schemas made of others', narrow and
/// batched computing.
#pragma once

#include <stdatomic.h>

#include "rdd/dataset.h"

// ---------------------------------------------------------------- compiled operators (op.c)

/// A definition resolved: schemas, compiled texts, plans. Never changed after it was made; shared
/// by the RDDs of all epochs and by all threads. Found again by what defines it, so the second
/// epoch compiles nothing.
struct sli_op {
    _Atomic int32_t refs;
    sli_op *next; ///< in its chain of the cache
    // ---- what it is found by
    const char *kind; ///< the operator's name: a constant
    const void *code; ///< sl_fn, or NULL
    char *text;       ///< arguments; may be NULL
    const sl_schema *in, *in2;
    // ---- what it resolved to
    sl_schema *out;    ///< of the RDD
    sl_schema *made;   ///< of what a user function makes; outer joins: `in`, all columns nullable;
                       ///< cogroup: the keys
    sl_schema *values; ///< mapValues: of what the function gets; outer joins: as `made`, of `in2`
    sli_projection *projection;
    sli_condition *condition;
    sli_agg_plan *plan;
    int32_t n_keys;
    int32_t *keys, *keys2; ///< columns of `in` and of `in2`
    int32_t *rest, n_rest; ///< the columns of `in` that are no keys
    int32_t *rest2;        ///< join: the columns of `in2` that are no keys
    int32_t n_rest2;
    struct sli_order *order;
    int32_t *by, n_by;    ///< columns of `out` by whose hash its rows lie; n_by 0: not known
    bool raw;             ///< rows go over as they are and are combined behind the shuffle
    bool takes_states;    ///< its input's rows are the plan's partial states (states.c)
    bool emits_states;    ///< so are its own
    bool unique, unique2; ///< only the first row of a key needs to go over; of `in2`
};

typedef struct sli_op_key {
    const char *kind;
    const void *code;
    const char *text;
    const sl_schema *in, *in2;
} sli_op_key;

/// Fills the lower half of *op. What it made before a failure is freed by the caller.
typedef sl_code (*sli_compile_fn)(sli_runtime *runtime, sli_op *op, sl_error *err);
/// *out has one reference for the caller. Thread: driver.
sl_code sli_op_find(sli_runtime *runtime, const sli_op_key *key, sli_compile_fn compile,
                    sli_op **out, sl_error *err);
sli_op *sli_op_ref(sli_op *op);
void sli_op_unref(SL_TAKES sli_op *op); ///< accepts NULL. Thread: any
/// "a, b" to op->keys; "" and NULL are no columns.
sl_code sli_op_keys(sli_op *op, const char *text, const sl_schema *schema, int32_t **keys,
                    sl_error *err);
/// All columns are keys.
sl_code sli_op_all_keys(sli_op *op, const sl_schema *schema, int32_t **keys, sl_error *err);
/// Frees what folders above keep in the runtime (things.c).
void sli_runtime_drop_things(sli_runtime *runtime);
/// As ops->free for RDDs whose body is a sli_op and nothing else.
void sli_op_free_body(sl_rdd *rdd);

/// Two texts as one (texts.c).
typedef struct sli_pair {
    char small[512];
    char *large; ///< NULL when `small` was enough
} sli_pair;
/// "first", a line end, "second"; "first" alone when `second` is NULL. Lasts until the reset; NULL
/// without memory.
const char *sli_pair_make(sli_pair *pair, const char *first, const char *second);
void sli_pair_reset(sli_pair *pair);
const char *sli_pair_second(const char *text); ///< NULL: there is none
/// As sli_op_keys, of the first text of op->text.
sl_code sli_op_pair_keys(sli_op *op, sl_error *err);

// ---------------------------------------------------------------- definition (lineage.c)

/// A child that only carries what is wrong with its parent; takes no reference over. NULL when the
/// parent is fine.
sl_rdd *sli_rdd_inherit(const sl_rdd *a, const sl_rdd *b);
/// An RDD that carries *error with "operator: " before it.
sl_rdd *sli_rdd_wrong(sli_runtime *runtime, const char *operator_name, const sl_error *error);
/// Gives back parents and shuffles.
void sli_deps_free(const sli_dep *deps, int32_t n_deps);
// ---- checkpoints (checkpoint.c)

/// While no job computes it: what tasks read must not change under them.
void sli_rdd_set_level(sl_rdd *rdd, sl_level level);

/// On the list of those to be cut, and off it.
void sli_rdd_list(sl_rdd *rdd);
void sli_rdd_unlist(sl_rdd *rdd);
/// Gives its parents and its body up: from now on `ops` compute it. No job may run.
void sli_rdd_cut(sl_rdd *rdd, const sli_rdd_ops *ops, SL_TAKES void *body);
/// Closes what reliable checkpoints are written through; their files stay (checkpoint_files.c).
void sli_runtime_forget_dir(sli_runtime *runtime);

/// A narrow child with `op` (taken) as its body.
sl_rdd *sli_rdd_narrow(sl_rdd *parent, const sli_rdd_ops *ops, SL_TAKES sli_op *op);
/// A child behind a shuffle (taken). `schema` is shared, `op` taken.
sl_rdd *sli_rdd_wide(sl_rdd *parent, const sli_rdd_ops *ops, const sl_schema *schema,
                     SL_TAKES sli_shuffle *shuffle, SL_TAKES sli_op *op);
/// A shuffle whose keys, plan and schema are those of `op` (shared).
sl_code sli_shuffle_make(sli_runtime *runtime, sl_rdd *parent, sli_cut cut, sli_op *op,
                         int32_t n_out, sli_shuffle **out, sl_error *err);

/// Whether an RDD reads a source's range; and the lane of its split (given.c).
bool sli_rdd_is_source(const sl_rdd *rdd);
int32_t sli_rdd_source_lane(const sl_rdd *rdd, int32_t split);

// ---- rows by their key (keyed.c)

/// The law by which the rows lie by these columns in as many partitions, or SLI_CUT_NONE.
sli_cut sli_lies_by(const sl_rdd *rdd, const int32_t *keys, int32_t n_keys, int32_t n_partitions);
/// Sets op->by; `columns` NULL: the first n.
sl_code sli_op_by(sli_op *op, const int32_t *columns, int32_t n, sl_error *err);
/// Notes that the rows lie by this law as op->by says, when it does; returns its argument.
sl_rdd *sli_rdd_by(sl_rdd *rdd, sli_cut law, sli_op *op);
/// A child of two by their keys, by one law: the one by which a side lies already, `a` before `b`,
/// else by slot. `keys` is its operator's text.
sl_rdd *sli_rdd_of_sides(sl_rdd *a, sl_rdd *b, const sli_rdd_ops *ops, sli_compile_fn compile,
                         const char *keys, int32_t n_partitions);
/// A child of one parent by op->keys. `law` SLI_CUT_NONE: however the rows lie by them, else by
/// slot. Narrow when they lie so, else behind a shuffle as sli_shuffle_make makes it.
sl_rdd *sli_rdd_keyed(sl_rdd *parent, const sli_rdd_ops *ops, SL_TAKES sli_op *op, sli_cut law,
                      int32_t n_partitions);
/// Partitions asked for, 0 standing for the default. Fails: SL_E_INVALID.
sl_code sli_partitions_check(const sli_runtime *runtime, int32_t asked, int32_t most, int32_t *out,
                             sl_error *err);
/// Rows of each partition, "count int64": no row for an empty one.
sl_rdd *sli_rdd_count_parts(sl_rdd *rdd);
/// One row of aggregations over all rows, of none too: in one partition.
sl_rdd *sli_rdd_aggregate(sl_rdd *rdd, const char *aggregations);
/// A column of random numbers, by (seed, partition), behind the others; the name must be free.
sl_rdd *sli_rdd_with_random(sl_rdd *rdd, const char *name, uint64_t seed);
/// What is known of the rows of `n_all` partitions when the counts of `n` are.
void sli_estimate_count(const int64_t *counts, int32_t n, int32_t n_all, double confidence,
                        sl_estimate *out);
/// Hash of what an operator is, equal in every process and epoch: seeds its random numbers.
uint64_t sli_operator_id(const sl_rdd *rdd);

/// compute of every aggregation (merger.c); the second also makes a row of none.
sl_code sli_compute_merger(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                           void *ctx, sl_error *err);
sl_code sli_compute_merger_always(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                                  void *ctx, sl_error *err);

// ---------------------------------------------------------------- calls of user functions (call.c)

/// A user function in one task, and the rows it made that were not handed on yet. The fields up
/// to `task` are the operator's to set.
typedef struct sli_caller {
    sl_rdd *rdd;
    const sli_op *op; ///< `made`: the schema of its rows
    const sl_fn *fn;
    const char *text; ///< its arguments, or NULL
    int32_t partition;
    sli_task *task;
    sl_builder *builder; ///< NULL until it is started
    int64_t held;        ///< rows in the builder
    int64_t slice;       ///< rows that a flatMap gets at once
    sl_args args;
} sli_caller;

/// Before the first call; does nothing when it was called already.
sl_code sli_caller_start(sli_caller *c, sl_error *err);
/// Calls the function; *made = rows it appended. `in` must have some.
sl_code sli_caller_call(sli_caller *c, const sl_batch *in, int64_t *made, sl_error *err);
sl_code sli_caller_map(sli_caller *c, const sl_batch *in, sl_error *err); ///< one row for each
/// Any number of rows; the next slice is sized by them.
sl_code sli_caller_flat_map(sli_caller *c, const sl_batch *in, sl_error *err);
/// Cuts a batch into slices for a flatMap.
sl_code sli_caller_slices(sli_caller *c, sl_batch *batch, sli_push_fn each, void *ctx,
                          sl_error *err);
sl_code sli_caller_end(sli_caller *c, sl_error *err); ///< mapPartitions: the partition's end
/// What is held, as a batch; NULL when nothing is.
sl_code sli_caller_flush(sli_caller *c, sl_batch **out, sl_error *err);
/// The partition has ended with `rc`: SL_OK when the function has seen all of it.
void sli_caller_close(sli_caller *c, sl_code rc);
/// What a user function did wrong, with its name and the place of the rows.
sl_code sli_caller_blame(const sli_caller *c, sl_code rc, sl_error *err);

sl_code sli_caller_check(const sl_fn *fn, sl_error *err);
/// The schema of a function's rows; checks its arguments' form.
sl_code sli_caller_compile(const sl_fn *fn, const char *args, const sl_schema *in, sl_schema **made,
                           sl_error *err);

// ---------------------------------------------------------------- schemas made of others'
// (schemas.c)

/// Equal types in the same order; nullability and names may differ.
bool sli_schemas_same_types(const sl_schema *a, const sl_schema *b);
/// Columns `columns` of `in`, then all of `more`. Fails: SL_E_INVALID when a name is in both.
sl_code sli_schema_beside(const sl_schema *in, const int32_t *columns, int32_t n,
                          const sl_schema *more, sl_schema **out, sl_error *err);
/// The columns that are no keys, allocated.
sl_code sli_rest_of(const sl_schema *in, const int32_t *keys, int32_t n_keys, int32_t **rest,
                    int32_t *n_rest, sl_error *err);
/// What becomes of a side's columns that are no keys.
typedef enum sli_form { SLI_AS_IT_IS, SLI_NULLABLE, SLI_LISTS } sli_form;
/// As sli_schema_joined, of the two sides of op. Keys may come from the right unless the left is as
/// it is.
sl_code sli_schema_sides(const sli_op *op, sli_form left, sli_form right, sl_schema **out,
                         sl_error *err);
/// The same with all columns nullable.
sl_code sli_schema_nullable(const sl_schema *in, sl_schema **out, sl_error *err);
/// SL_E_INVALID when the types differ.
sl_code sli_schemas_check(const sl_schema *a, const sl_schema *b, sl_error *err);
bool sli_is_key(int32_t column, const int32_t *keys, int32_t n_keys);

// ---------------------------------------------------------------- lists of batches (rows.c)

/// As sli_rows_add; of a batch that pins much more than it shows a copy that does not.
sl_code sli_rows_add_compact(sli_rows *rows, const sl_batch *batch, sl_error *err);
/// Takes the last batch off, whose reference is the caller's then. There must be one.
sl_batch *sli_rows_drop_last(sli_rows *rows);
/// A sli_push_fn: ctx is a sli_rows.
sl_code sli_rows_push(void *ctx, sl_batch *batch, sl_error *err);
/// Pushes rows[0..n) of `from` in batches of SLI_BATCH_ROWS.
sl_code sli_push_rows(const sl_batch *from, const int32_t *rows, int64_t n, const sli_task *task,
                      sli_push_fn push, void *ctx, sl_error *err);
/// Pushes [from, from + n) of a batch, cut so that batches end where partition row numbers are
/// multiples of SLI_BATCH_ROWS counted from the batch's start.
sl_code sli_push_range(sl_batch *batch, int64_t from, int64_t n, sli_task *task, sli_push_fn push,
                       void *ctx, sl_error *err);

/// Pushes with the rows' places in their source hidden: behind an operator whose partitions are not
/// its parents' they would point to wrong ones.
sl_code sli_push_unplaced(sli_task *task, sli_push_fn push, void *ctx, sl_batch *batch,
                          sl_error *err);
/// SL_E_DATA when there are more rows than one batch may have.
sl_code sli_rows_fit(const sli_rows *rows, sl_error *err);

/// Memory of a table that must grow whatever the budget says: it is counted, so that blocks make
/// room.
typedef struct sli_weight {
    sli_budget *budget;
    int64_t bytes;
} sli_weight;
void sli_weight_set(sli_weight *weight, int64_t bytes);

/// Numbers for the rows of a batch: scratch that grows. Zero it.
typedef struct sli_numbers {
    int32_t *at;
    int64_t capacity;
} sli_numbers;
/// Room for n; what was there may be gone.
sl_code sli_numbers_room(sli_numbers *numbers, int64_t n, sl_error *err);
void sli_numbers_reset(sli_numbers *numbers);

// ---------------------------------------------------------------- cutting rows (cut.c)

/// Rows on their way to `n_out` targets, put as blocks: one a target and piece, with the minor
/// number piece * n_out + target. The fields up to `output` are the caller's to set. Thread: task.
typedef struct sli_cutter {
    sli_task *task;
    const sl_schema *schema;
    sli_block_id id; ///< of its blocks, but for the minor number
    int32_t n_out;
    sli_map_output *output; ///< what was put
    struct sli_target *targets;
    int64_t full_bytes, piece_bytes;
    int64_t capacity;
    int32_t *where; ///< the target of each row of the batch to be added
    int32_t *order;
    int64_t *counts;
} sli_cutter;
sl_code sli_cutter_start(sli_cutter *cutter, sl_error *err);
/// Room in `where` for n rows.
sl_code sli_cutter_room(sli_cutter *cutter, int64_t n, sl_error *err);
/// Each row to the target that `where` says; a target keeps the order of its rows.
sl_code sli_cutter_add(sli_cutter *cutter, const sl_batch *batch, sl_error *err);
sl_code sli_cutter_add_to(sli_cutter *cutter, int32_t target, const sl_batch *batch, sl_error *err);
sl_code sli_cutter_end(sli_cutter *cutter, sl_error *err); ///< puts what is left
void sli_cutter_reset(sli_cutter *cutter);                 ///< its blocks and *output stay

// ---------------------------------------------------------------- bins (bins.c, bins_merge.c)

enum { SLI_BINS = 16, SLI_BIN_LEVELS = 8 };

/// What a table may weigh before its rows go into bins.
int64_t sli_table_most(const sli_runtime *runtime);

/// Rows in bins by hash of their key, each row with its position behind its columns. Thread: task.
typedef struct sli_bins {
    sl_schema *schema; ///< with the positions
    sli_cutter cut;
    sli_map_output output;
    uint64_t *hashes;
    int64_t capacity;
    sl_builder *positions;
    const sl_batch **from; ///< for each column: the batch, and
    int32_t *column;       ///< its column there
} sli_bins;
/// `schema`: of rows without positions. *bins is to be reset also after a failure.
sl_code sli_bins_open(sli_bins *bins, sli_task *task, const sl_schema *schema, sl_error *err);
/// Rows that get the positions first, first + 1, ...
sl_code sli_bins_add(sli_bins *bins, const sl_batch *batch, const int32_t *keys, int32_t n_keys,
                     int64_t first, sl_error *err);
/// Rows that have positions, and lie in one bin of the levels below `level`.
sl_code sli_bins_add_placed(sli_bins *bins, const sl_batch *batch, const int32_t *keys,
                            int32_t n_keys, int32_t level, sl_error *err);
/// One bin of them. The positions of what is pushed to it never fall.
typedef struct sli_bin {
    sli_bins *bins;
    int32_t bin;
} sli_bin;
/// A sli_push_fn: ctx is a sli_bin.
sl_code sli_bin_push(void *ctx, sl_batch *batch, sl_error *err);
sl_code sli_bins_end(sli_bins *bins, sl_error *err); ///< before reading
/// Pushes the rows of one bin, with their positions.
sl_code sli_bins_each(const sli_bins *bins, int32_t bin, sli_push_fn push, void *ctx,
                      sl_error *err);
/// The positions of a batch that has some: its last column.
const sl_column *sli_bins_positions(const sl_batch *batch);
/// A batch of these bins without its positions; `schema` is that of the other columns.
sl_code sli_bins_strip(sli_bins *bins, const sl_schema *schema, const sl_batch *batch,
                       sl_batch **out, sl_error *err);
/// Pushes the rows of all bins by position; `schema`: without the positions, NULL: with them. No
/// position is in two bins.
sl_code sli_bins_merge(sli_bins *bins, const sl_schema *schema, sli_push_fn push, void *ctx,
                       sl_error *err);
/// Works on bin to->bin; what it gives goes to `to`, with positions.
typedef sl_code (*sli_bin_fn)(void *ctx, sli_bin *to, sl_error *err);
/// Calls `run` for each bin and pushes what all gave by position; at level 0 without positions.
/// `out`: of the results, without positions.
sl_code sli_bins_run(sli_task *task, const sl_schema *out, int32_t level, sli_bin_fn run, void *ctx,
                     sli_push_fn push, void *push_ctx, sl_error *err);
/// The batches of one piece of a bin.
sl_code sli_bins_piece(const sli_bins *bins, int32_t bin, int32_t piece, sli_rows *out,
                       sl_error *err);
void sli_bins_reset(sli_bins *bins);

// ---------------------------------------------------------------- sides (sides.c)

/// What an operator by key computes from: the shares of a partition, or one bin of them. The
/// operator's body is a sli_op, its sides are its dependencies (by op->keys and op->keys2).
typedef struct sli_portion {
    sl_rdd *rdd;
    int32_t partition;
    sli_task *task;
    const sl_schema *out; ///< of the results: above level 0 with a position behind the columns
    int32_t level;        ///< 0: the partition; above: a bin, whose rows have positions
    sli_bins *bins;       ///< of each side; level > 0
    int32_t bin;
} sli_portion;
typedef sl_code (*sli_portion_fn)(const sli_portion *share, sli_push_fn push, void *ctx,
                                  sl_error *err);
/// Calls `run` for a partition.
sl_code sli_portion_run(sl_rdd *rdd, int32_t partition, sli_task *task, sli_portion_fn run,
                        sli_push_fn push, void *ctx, sl_error *err);
/// Pushes the rows of one side.
sl_code sli_portion_each(const sli_portion *share, int32_t side, sli_push_fn push, void *ctx,
                         sl_error *err);

/// Rows of a share that are needed together. Set `share`, zero the rest.
typedef struct sli_sides {
    const sli_portion *share;
    sli_rows rows[2]; ///< what is held of each side
    sli_weight weight;
    bool in_bins; ///< it was too much: nothing is held
    bool is_read[2];
    sli_bins bins[2];
    int64_t next[2]; ///< level 0: rows seen
} sli_sides;
/// Holds the rows of a side, until they are too many (`in_bins`).
sl_code sli_sides_gather(sli_sides *sides, int32_t side, sl_error *err);
/// What is held of a side as one batch, which the caller has a reference to.
sl_code sli_sides_take(sli_sides *sides, int32_t side, sl_batch **out, sl_error *err);
/// `in_bins`: calls `run` for each bin and pushes what it gives, in order.
sl_code sli_sides_run(sli_sides *sides, sli_portion_fn run, sli_push_fn push, void *ctx,
                      sl_error *err);
void sli_sides_reset(sli_sides *sides);

// ---------------------------------------------------------------- some rows of a source (choose.c)

typedef struct sli_chosen sli_chosen; ///< a choice, copied, with the places of one source's rows
sl_code sli_chosen_new(sli_chosen **out, const sli_choice *choice, const int64_t *first,
                       int32_t n_partitions, sl_error *err);
void sli_chosen_free(SL_TAKES sli_chosen *chosen); ///< accepts NULL

/// One reading of one partition.
typedef struct sli_sieve {
    const sli_chosen *chosen;
    int64_t first, at; ///< numbers of the partition's first row and of the next one
    int64_t next;      ///< left-out rows before it are behind
    bool over;         ///< no chosen row follows
} sli_sieve;
/// False: no row of the partition is chosen.
bool sli_sieve_begin(sli_sieve *sieve, const sli_chosen *chosen, int32_t partition);
/// Pushes the chosen rows of the partition's next batch. SL_E_END, with sieve->over: no later batch
/// has any.
sl_code sli_sieve_push(sli_sieve *sieve, sl_batch *batch, sli_task *task, sli_push_fn push,
                       void *ctx, sl_error *err);

// ---------------------------------------------------------------- order (order.c)

enum { SLI_ORDER_COLUMNS = 64 };
typedef struct sli_order {
    int32_t n;
    int32_t columns[SLI_ORDER_COLUMNS];
    bool down[SLI_ORDER_COLUMNS];
} sli_order;
/// "n desc, word". Fails: SL_E_INVALID, nearest name.
sl_code sli_order_parse(sli_order **out, const char *text, const sl_schema *schema, sl_error *err);
void sli_order_free(SL_TAKES sli_order *order);
int sli_order_compare(const sli_order *order, const sl_batch *a, int64_t row_a, const sl_batch *b,
                      int64_t row_b);
/// By the columns of the order from number `level` on.
int sli_order_compare_from(const sli_order *order, int32_t level, const sl_batch *a, int64_t row_a,
                           const sl_batch *b, int64_t row_b);
/// *rows (sl_free; sl_batch_rows of them, room for one at least) gets the row that comes i-th;
/// equal rows keep their order. Needs SLI_SORT_ROW_BYTES a row meanwhile. order_sort.c. Fails:
/// SL_E_NOMEM.
sl_code sli_order_sort(const sli_order *order, const sl_batch *batch, int32_t **rows,
                       sl_error *err);
enum { SLI_SORT_ROW_BYTES = 2 * sizeof(sli_keyed) + 2 * sizeof(int32_t) };

/// Where rows lie between the bounds of a SLI_CUT_RANGE shuffle (ranges.c); all zero to begin with.
typedef struct sli_ranges {
    sli_keyed *keyed, *bounds; ///< of a batch's rows; of the bounds, made once
    sli_key_kind bounds_kind;
    int64_t capacity;
} sli_ranges;
/// where[i] = the first range whose bound row i does not come after.
sl_code sli_ranges_place(sli_ranges *ranges, const sli_shuffle *shuffle, const sl_batch *batch,
                         int32_t *where, sl_error *err);
void sli_ranges_reset(sli_ranges *ranges);

/// A sli_compile_fn: op->text is an order (sort.c).
sl_code sli_compile_order(sli_runtime *runtime, sli_op *op, sl_error *err);
// ---------------------------------------------------------------- sorts (sorter.c, sort_runs.c,
// sort_merge.c)

/// compute of every sort: the body is a sli_op with an order.
sl_code sli_compute_sort(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                         void *ctx, sl_error *err);
/// What rows weigh while they are sorted: they, what is made of them, and their numbers.
int64_t sli_sort_weight(int64_t n_rows, int64_t bytes);

typedef struct sli_run {
    int32_t number;   ///< major of its blocks
    int32_t n_blocks; ///< each one batch, in order
    int32_t level;    ///< how often its rows were merged
} sli_run;

/// Sorted runs of one partition, in order of arrival. Zero it. Thread: task.
typedef struct sli_runs {
    const sli_order *order;
    const sl_schema *schema;
    sli_task *task;
    int64_t owner; ///< of the blocks
    int32_t fan_in;
    int64_t block_weight;
    sli_run *runs;
    int32_t n, capacity, next;
    sli_rows pending; ///< of the newest run's next block
} sli_runs;
/// A new run, empty. The arguments are the same each time.
sl_code sli_runs_begin(sli_runs *runs, const sli_order *order, const sl_schema *schema,
                       sli_task *task, sl_error *err);
/// A sli_push_fn: ctx is a sli_runs. Appends to the newest run, in order. Fails: as
/// sli_blocks_put.
sl_code sli_runs_push(void *ctx, sl_batch *batch, sl_error *err);
sl_code sli_runs_end(sli_runs *runs, sl_error *err); ///< the newest run is whole
/// Pushes the rows of all runs in order, equal ones in order of arrival; the runs are used up.
sl_code sli_runs_merge(sli_runs *runs, sli_push_fn push, void *ctx, sl_error *err);
/// The same of `n` runs from number `first` of the list on.
sl_code sli_runs_merge_some(const sli_runs *runs, int32_t first, int32_t n, sli_push_fn push,
                            void *ctx, sl_error *err);
void sli_runs_reset(sli_runs *runs);

// ---------------------------------------------------------------- rows of two sides (pairs.c)

/// Pairs of rows on their way. The first six fields are the operator's to set.
typedef struct sli_pairs {
    const sli_op *op;     ///< keys, rest, rest2: the columns of its result
    const sl_schema *out; ///< op->out, or with the position of the row that has the keys behind it
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    const sl_batch *right;           ///< all rows of the right side
    int32_t *left_rows, *right_rows; ///< n pairs, up to SLI_BATCH_ROWS; a right row of -1: nulls
    int32_t n;
    const sl_batch **from; ///< for each column of the result: the batch, and
    int32_t *column;       ///< its column there
} sli_pairs;
sl_code sli_pairs_start(sli_pairs *p, sl_error *err); ///< memory of the task's arena
/// Pushes the pairs there are; `left` is the batch of their left rows.
sl_code sli_pairs_flush(sli_pairs *p, const sl_batch *left, sl_error *err);
/// Pushes rows that lie beside each other already; the keys are columns `key_columns` of `keys`.
sl_code sli_pairs_push(sli_pairs *p, const sl_batch *keys, const int32_t *key_columns,
                       const sl_batch *left, const sl_batch *right, sl_error *err);
/// Sets op->rest and op->rest2.
sl_code sli_op_sides(sli_op *op, sl_error *err);
/// A sli_compile_fn: all columns of `in` beside all of `in2` (zip.c).
sl_code sli_compile_beside(sli_runtime *runtime, sli_op *op, sl_error *err);

// ---------------------------------------------------------------- rows by group (group.c)

/// Row numbers by group, those of a group in their order, and where each group begins.
typedef struct sli_by_group {
    int32_t *rows;
    int64_t *from; ///< n_groups + 1
} sli_by_group;
/// A zeroed *out is to be reset also after a failure.
sl_code sli_by_group_sort(const int32_t *group, int64_t n_rows, int64_t n_groups, sli_by_group *out,
                          sl_error *err);
/// Appends the lists of groups [from, to) of one column.
void sli_by_group_lists(const sli_by_group *s, const sl_column *column, int64_t from, int64_t to,
                        sl_builder *out, int32_t at);
/// Appends the position of each group's first row; `rows` have positions.
void sli_by_group_positions(const sli_by_group *s, const sl_batch *rows, int64_t from, int64_t to,
                            sl_builder *out, int32_t at);
void sli_by_group_reset(sli_by_group *s);

// ---------------------------------------------------------------- joins (join.c, index.c)

/// Sets op->keys and op->keys2 from op->text. Fails: SL_E_INVALID for columns that are not there or
/// have other types.
sl_code sli_join_keys(sli_op *op, sl_error *err);

/// The rows of one side by key. Never changed after it was made.
typedef struct sli_index {
    struct sli_index *next; ///< of the same broadcast parent
    int32_t n_keys;
    int32_t *keys;
    sli_groups *groups;
    sl_batch *rows;
    int32_t *first, *following; ///< a group's first row; the next row of the same key or -1
} sli_index;
sl_code sli_index_new(sli_index **out, const int32_t *keys, int32_t n_keys,
                      SL_SHARES sl_batch *rows, sl_error *err);
void sli_index_free(SL_TAKES sli_index *index); ///< accepts NULL; and those after it
int64_t sli_index_bytes(const sli_index *index);
