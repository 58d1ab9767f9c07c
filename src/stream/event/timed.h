/// timed.h — what operators by event time share; for files of event/.
///
/// An *event time* node watches a timestamp column go by. A *timed* operator keeps state by key and
/// time: rows that are in time go through a shuffle to the partition that owns their key, where a
/// task takes them into its view of the operator's table, and then does what is due at the epoch's
/// watermark. What is due is found through an index by time (due.h).
///
///     input ─► sift: in time ─► spread (windows) ─► shuffle by key ─► task: rows in, due out ─►
///     rows
///         └──► sift: the rest ─► sl_stream_late
///
/// Files: watermark.c lanes · silent.c streams that say nothing · due.c, due_sort.c the index ·
/// next_watermark.c what the next epoch's watermark will not be before ·
/// node_event_time.c the watching node, node_event_follow.c one that follows others, node_late.c
/// the rest · track.c watermarks kept in the state
/// · timed.c definition, run.c an epoch's work · times.c, sift.c · node_event_window.c,
/// window_run.c, window_slices.c, node_session.c, node_distinct.c, node_interval_join.c the
/// operators · gather.c, results.c what some of them share · epoch.c what the engine calls.
#pragma once

#include <stdatomic.h>

#include "sluice/event.h"
#include "stream/event/due.h"
#include "stream/event/event_time.h"
#include "stream/event/watermark.h"
#include "stream/graph_def.h"
#include "stream/together.h"

/// Times and durations that sums of a few of them can't overflow: about 36,000 years, 100 years.
#define SLI_MAX_TIME_US (INT64_C(1) << 60)
#define SLI_MAX_DURATION_US (INT64_C(36525) * 86400 * 1000000)
/// What a window's start or a row's time may be in the state: a window begins before its rows.
#define SLI_MAX_STATE_TIME_US (SLI_MAX_TIME_US + SLI_MAX_DURATION_US)

// ---------------------------------------------------------------- event time nodes

typedef struct sli_event_time {
    struct sli_event_time *next; ///< in the graph
    sl_stream *node;
    int32_t column; ///< of the rows; a timestamp
    int64_t delay_us, idle_us, ahead_us;
    int64_t silent_us; ///< the stream as a whole is set aside after so long; 0: never
    // one that follows others (node_event_follow.c): its watermark is theirs
    struct sli_event_time **above; ///< the nearest ones; NULL: it watches the rows
    int32_t n_above;
    int64_t behind_us;                    ///< how far it is behind the least of them
    bool after;                           ///< behind what they were in the epoch before
    bool promises;                        ///< an operator below asks for the next watermark
    sl_schema *key_schema, *value_schema; ///< of its table: "lane", "latest, seen"
    sli_table_info info;
    // run time. Thread: driver
    sli_lanes lanes;         ///< as after the last completed epoch
    int64_t watermark_us;    ///< of the running epoch
    int64_t promised_us;     ///< in it, for the next one; SLI_NO_TIME: nothing
    int64_t lag_us;          ///< its batch time less the watermark; 0 without one
    bool silent;             ///< in it, as a whole
    int64_t lifted_us;       ///< silent.c: where others have it go
    sli_metric *level, *lag; ///< the watermark as metrics; NULL: nobody counts
} sli_event_time;

/// The body of an event time node, of either kind; NULL for others.
sli_event_time *sli_event_time_of(const sl_stream *node);
/// What both kinds of such nodes are defined by: body, column, the table of the watermark.
sl_code sli_event_time_begin(sl_stream *node, const char *column, sli_event_time **out,
                             sl_error *err);
sl_stream *sli_event_time_end(sl_stream *node, sl_code rc, sl_error *err);
void sli_event_time_free(sl_stream *node);
const sli_table_info *sli_event_time_state(const sl_stream *node);
/// The nearest event times above a stream, itself included, into `out`, which has room for as many
/// as the graph has nodes. Fails: SL_E_INVALID, there is a way up without one.
sl_code sli_times_above(sl_stream *stream, sli_event_time **out, int32_t *n, sl_error *err);
/// The body of a node that follows others; NULL for others. Its watermark in the epoch that is
/// planned, from theirs.
sli_event_time *sli_follow_of(const sl_stream *node);
int64_t sli_follow_watermark(const sli_event_time *self);
/// Runs the partitions of its RDD that nobody asked for, and takes what all of them have shown into
/// the lanes.
sl_code sli_event_time_observe(sli_event_time *self, sl_rdd *rdd, int64_t batch_time_us,
                               sl_error *err);

/// What the lanes of the rows of such an RDD will be at the end of its epoch: the least latest time
/// of them, or a time before it; INT64_MAX without lanes. False: not all partitions have run, or it
/// is no such RDD. Thread: any.
bool sli_event_time_shown(const sl_rdd *rdd, int64_t *least_us);

// next_watermark.c: what the next epoch's watermarks will not be before.
typedef struct sli_next sli_next;
/// What is known of it when the RDD of an operator is made. Thread: driver.
sl_code sli_next_new(sli_next **out, const sl_graph *graph, sli_epoch *epoch, sl_error *err);
void sli_next_free(SL_TAKES sli_next *next); ///< accepts NULL
/// That of the next epoch is this or later. Thread: any.
int64_t sli_next_watermark(const sli_next *next, const sli_event_time *time);
/// Keeps the promise of this epoch, with lanes as they are at its end: it goes into the state, and
/// no watermark of the next epoch will be before it, whatever delay the job is started with then.
/// Thread: driver.
void sli_promise_all(sl_graph *graph);

// track.c: the lanes in the node's table.
sl_code sli_track_restore(sli_event_time *self, sl_error *err);
/// The epoch's watermark is reached, lanes that are idle are set aside; what has changed since the
/// last epoch goes into the store, as a view of the epoch.
sl_code sli_track_put(sli_event_time *self, int64_t epoch, int64_t batch_time_us, sl_error *err);

// tell.c: metrics.
void sli_event_find_series(sl_graph *graph, sli_metrics *metrics);
void sli_event_forget_series(sl_graph *graph);
/// What the epoch that was completed has counted.
void sli_event_count(sl_graph *graph);

// silent.c: streams that are silent as a whole.
/// The watermarks of an epoch that is planned now, each found from its own lanes alone: those of
/// silent streams are lifted.
void sli_lift_silent(sl_graph *graph, int64_t batch_time_us);

// ---------------------------------------------------------------- timed operators

/// Rows that were not taken, by reason.
typedef struct sli_sifted {
    int64_t late, ahead, untimed;
} sli_sifted;

/// The least and the greatest of a batch's times.
typedef struct sli_time_range {
    int64_t least_us, most_us;
} sli_time_range;

typedef struct sli_timed sli_timed;
typedef struct sli_timed_task sli_timed_task;

typedef struct sli_timed_ops {
    /// The watermark from which on a row of that time is late. Grows with the time.
    int64_t (*closes)(const sli_timed *self, int64_t time_us);
    /// Pushes what is to be shuffled of rows that are in time; `range` may be NULL, when nobody
    /// knows it. NULL: the rows. Thread: task.
    sl_code (*spread)(const sli_timed *self, int64_t watermark_us, sl_batch *in,
                      const sli_time_range *range, sli_push_fn push, void *ctx, sl_error *err);
    /// The work of one task. Thread: task.
    sl_code (*run)(sli_timed_task *task, sl_error *err);
    /// The watermark from which on a row of the table is due. `rows`: keys, then values.
    int64_t (*due)(const sli_timed *self, const sl_batch *rows, int64_t row);
    /// Whether a row that was read back is one that the operator may have put there, beside its
    /// times. NULL: any is. Fails: SL_E_CORRUPT.
    sl_code (*check)(const sli_timed *self, const sl_batch *rows, int64_t row, sl_error *err);
    void (*put_args)(const sli_timed *self, sli_str *out); ///< all but lateness and mode
    /// The mode has been set: the table may be another one now. NULL: it is not.
    sl_code (*shape)(sli_timed *self, sl_error *err);
    bool has_modes;     ///< sl_stream_output_mode
    bool keeps_to_next; ///< asks for sli_timed_next_watermark
} sli_timed_ops;

/// One input of an operator.
typedef struct sli_timed_side {
    int32_t column;            ///< of the input: the event time
    const sl_schema *shuffled; ///< what goes over
    int32_t *keys;             ///< its columns that choose the partition
} sli_timed_side;

/// The first member of every such operator's body.
struct sli_timed {
    sli_timed *next; ///< in the graph
    const sli_timed_ops *ops;
    sl_stream *node;
    sli_event_time **times; ///< the nearest above it
    int32_t n_times;
    sli_event_time **roots; ///< those that watch rows and on which these rest
    int32_t n_roots;
    sli_timed_side sides[2]; ///< as many as inputs
    int32_t n_keys;
    int64_t lateness_us, ahead_us;
    sl_output_mode mode;
    sli_agg_plan *plan;                                ///< NULL: no aggregations
    bool combines;                                     ///< on the map side
    sl_schema *key_schema, *value_schema, *row_schema; ///< of the table; both together
    sl_schema *spread_schema;                          ///< owned; `shuffled` may be it
    sl_schema *start_schema;                           ///< windows: "start timestamp"
    sl_schema *bounds_schema; ///< "window_start timestamp, window_end timestamp"
    sli_table_info info;
    int32_t *places;       ///< 0, 1, 2, ...: columns of row_schema
    int32_t first_placing; ///< the keys before it don't choose the slot
    int64_t step_us;       ///< what is due is done at multiples of it, + lateness; 0: at any time
    int64_t stays_us;      ///< so long a key stays in the index once it is due
    // run time. Thread: driver, but for `open`
    sli_due *due; ///< by partition; NULL without state
    int32_t n_due;
    int64_t weight;             ///< of `due`, counted in the budget
    sli_budget *budget;         ///< where it is counted
    int64_t watermark_us;       ///< of the running epoch
    int64_t before_us;          ///< of the last completed one
    sl_rdd *running;            ///< one reference: this epoch's RDD, NULL between epochs
    _Atomic(const void *) open; ///< its body: it can be computed
    sli_sifted sifted;          ///< in the epoch that was completed last
    sli_metric *late, *ahead, *untimed, *state, *index; ///< NULL: nobody counts
};

/// NULL for other nodes.
sli_timed *sli_timed_of(const sl_stream *node);

// timed.c: definition.
/// Finds the event times above and the column. The body is zeroed but for `ops`.
sl_code sli_timed_begin(sl_stream *node, sli_timed *self, const sli_timed_ops *ops, sl_error *err);
/// `keys` of every input choose the partition, and are those of the table.
sl_code sli_timed_keys(sli_timed *self, const char *keys, sl_error *err);
/// The table's schemas, from texts that are ended here.
sl_code sli_timed_table(sli_timed *self, sli_str *keys, sli_str *values, sl_error *err);
/// Args; and once the node is in the graph, its place in the graph's list.
sl_code sli_timed_set_args(sli_timed *self, sl_error *err);
sl_stream *sli_timed_end(sl_stream *node, sl_code rc, sl_error *err);
void sli_timed_free(sl_stream *node);
const sli_table_info *sli_timed_state(const sl_stream *node);
/// More than 0 unless `may_be_zero`. Fails: SL_E_INVALID, naming `what`.
sl_code sli_timed_duration(const char *what, const char *text, bool may_be_zero, int64_t *out,
                           sl_error *err);
void sli_put_duration(sli_str *out, const char *key, int64_t us); ///< ` key=10s`
/// "name type", after ", " unless it is the first; `name` NULL: the column's own.
void sli_put_field(sli_str *out, const sl_schema *schema, int32_t column, const char *name);
/// Parses a schema's text, and ends it.
sl_code sli_parse_fields(sli_str *text, sl_schema **out, sl_error *err);

// results.c: "window_start, window_end", keys, results of the plan.
/// The stream's schema. The plan's keys before `first_key` are no columns of it.
sl_code sli_timed_results(sli_timed *self, int32_t first_key, sl_error *err);
/// Pushes the results of rows of the plan's partial schema: group[i] is that of row i, rows of a
/// group stand together and are merged in order. NULL: each row is a group of its own. Bounds are
/// those of the groups.
sl_code sli_timed_give(sli_timed_task *t, const sl_batch *partial, const int32_t *group,
                       int32_t first_key, const int64_t *starts, const int64_t *ends,
                       sl_error *err);

// sift.c
/// The input's rows that are in time, spread; or with `rest` those that are not, as they are.
sl_code sli_sift_rdd(const sli_timed *self, int32_t side, sli_epoch *epoch, sl_rdd *input,
                     bool rest, sl_rdd **out, sl_error *err);
/// Adds up what the tasks of such an RDD have counted.
sli_sifted sli_sift_counts(const sl_rdd *rdd);

// run.c
/// sli_node_ops.rdd of timed operators.
sl_code sli_timed_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                      sl_error *err);
/// One task of a timed operator, with the view of its partition.
struct sli_timed_task {
    const sli_timed *self;
    sl_rdd *rdd;
    int32_t partition; ///< of the RDD; the task's own is that of the job's, as in a union
    sli_task *task;
    int64_t watermark_us, before_us; ///< of this epoch, of the last completed one
    const sli_next *next;            ///< NULL: not known
    sli_state_view *view;
    sli_push_fn push;
    void *ctx;
    sl_args args;       ///< for aggregations
    sli_due_notes *due; ///< keys to be put into the index
};
/// The rows of the partition from one input, in order of map partition.
sl_code sli_timed_rows(sli_timed_task *t, int32_t side, sli_push_fn each, void *ctx, sl_error *err);
/// The keys that are due, in order. Some may be gone, or not due after all.
sl_code sli_timed_due(sli_timed_task *t, const sli_due_key *const **out, int32_t *n, sl_error *err);
/// The next epoch's watermark is this or later, and this one's or later: what is due then will have
/// left the table before a row comes. Only where the operator's ops ask for it (keeps_to_next).
int64_t sli_timed_next_watermark(const sli_timed_task *t);
/// The key is due at `at_us`.
sl_code sli_timed_note(sli_timed_task *t, int64_t at_us, uint64_t hash, sl_bytes key,
                       sl_error *err);
sl_code sli_timed_find(sli_timed_task *t, uint64_t hash, sl_bytes key, sl_bytes *value, bool *found,
                       sl_error *err);
sl_code sli_timed_put(sli_timed_task *t, uint64_t hash, sl_bytes key, sl_bytes value,
                      sl_error *err);
sl_code sli_timed_remove(sli_timed_task *t, uint64_t hash, sl_bytes key, sl_error *err);
/// The last time at or before a watermark at which what is due is done; SLI_NO_TIME without one.
int64_t sli_timed_moment(const sli_timed *self, int64_t watermark_us);
/// Whether there is something to be done at the epoch's watermark.
bool sli_timed_is_due(const sli_timed *self);
/// (Re)makes the index from the table.
sl_code sli_timed_restore(sli_timed *self, sli_runtime *runtime, sl_error *err);
/// The same when the epoch has another number of partitions than the index: a planned epoch of an
/// earlier life that runs again.
sl_code sli_timed_fit(sli_timed *self, sli_runtime *runtime, sl_error *err);
/// What the watermark was in the last epoch on record, from the event times' state. Once at a
/// start.
void sli_timed_resume(sli_timed *self);
/// Runs the partitions that nobody asked for.
sl_code sli_timed_settle(sli_timed *self, sl_error *err);
/// Memory of the index, with what the running epoch has for it.
int64_t sli_timed_index_bytes(const sli_timed *self);
/// The epoch is over: its RDD can't be computed from now on, and the index moves on if it was
/// completed.
sl_code sli_timed_finish(sli_timed *self, bool completed, sl_error *err);
void sli_timed_close(sli_timed *self);
