/// engine_int.h — one driver's life; for the engine's files of stream/ only.
///
/// Threads: the *driver* owns everything here. Two strands work for it, each on a group at a time:
/// the *writer* makes a group durable (deltas, outboxes, seals, log, one sync), the *committer*
/// makes it visible. A third, the *compactor*, turns deltas into snapshots from files alone. A
/// group is handed from one to the next by its `stage` word; whoever does not own it touches
/// nothing else of it.
///
/// Files: engine_open.c options, open, close · engine.c step, wait, stop · recover.c the order of
/// recovery · epoch.c one epoch · output.c outputs and outboxes · window_run.c panes of windows ·
/// poison.h rows that fail · group.c the life of a group · ahead.c rows on their way before its
/// seal · commit.c its commit · window_file.c panes on record · snapshot.c compaction · hold.c the
/// state after a group · progress.c what is told about it · fix.c what operators fix for an
/// epoch · listen.c what the program's listeners
/// are told · past.c RDDs of past epochs.
#pragma once

#include <stdatomic.h>

#include "stream/clock.h"
#include "stream/graph_int.h"
#include "stream/plan.h"
#include "stream/window.h"

/// Rows that wait for the commit of their group in an outbox sink: kept as OUTPUT blocks, so that
/// they spill.
typedef struct sli_kept {
    int64_t epoch, time_us;
    int64_t owner; ///< block owner: one a (output, epoch)
    int32_t n_partitions;
    uint8_t *has_rows; ///< by partition, as in sli_keeping; in the group's arena
} sli_kept;

/// What one output has in a group.
typedef struct sli_share {
    sli_attempt *winners; ///< sinks that stage: sorted by (epoch, partition)
    int32_t n_winners, winner_capacity;
    sli_kept *kept; ///< outbox sinks: one an epoch
    int32_t n_kept, kept_capacity;
    int32_t n_ahead;    ///< of `kept`: so many were given to the sink (ahead.c)
    sl_bytes receipt;   ///< after the seal
    const char *outbox; ///< path after the seal, "" when there is none
} sli_share;

/// What one window has in a group.
typedef struct sli_window_share {
    sli_panes panes;        ///< of the group's epochs; only with a checkpoint
    int64_t from_us, to_us; ///< as sli_window has them when the group is closed
    const char *path;       ///< of their file after the seal, "" when there is none
} sli_window_share;

typedef enum sli_group_stage {
    SLI_GROUP_OPEN = 0,   ///< the driver adds epochs
    SLI_GROUP_SEALING,    ///< the writer's
    SLI_GROUP_SEALED,     ///< the driver's again
    SLI_GROUP_COMMITTING, ///< the committer's
    SLI_GROUP_COMMITTED,  ///< the driver's, to be forgotten
} sli_group_stage;

typedef struct sli_group {
    struct sli_group *next;
    struct sli_engine *engine;
    _Atomic int32_t stage; ///< release by who hands it on, acquire by who takes it
    int64_t number;        ///< 0: idle, nothing to log
    int64_t first_epoch, last_epoch, last_time_us;
    int64_t rows_in, rows_out;
    bool has_effect;        ///< rows, state or input: must be logged
    sli_left_out *left_out; ///< rows that its epochs ran without; in the arena
    int32_t n_left_out;
    sli_str plans; ///< PLAN bodies not yet appended: epoch (i64), batch time (i64), bytes, each
    sli_changes *changes;      ///< of the state; NULL without
    sli_str delta;             ///< the same as bytes, from the writer on
    sli_str counted;           ///< values of accumulators that the group has changed
    sli_share *shares;         ///< one an output; behind the group, as the ranges
    sli_window_share *windows; ///< one a window
    sl_bytes *last_ranges;     ///< one an input: the newest range in the group; size 0 none
    sl_arena *arena;
    const char *delta_path;
    int64_t seal_us, log_us, commit_us; ///< durations
    sl_code rc;                         ///< of the writer or committer
    int64_t committed_before; ///< groups up to it were committed when this one was closed: their
                              ///< COMMITTED go with it
    int32_t next_output;      ///< committer: those before it show the group
    int64_t outbox_bytes;     ///< of its outbox files; after the seal
    bool snapshot_due;        ///< positions were taken for a snapshot after it
    bool keeps;               ///< sinks that have no part in it are to renew what is theirs
    sli_str positions;        ///< pairs of uid and position bytes
    sli_str all_counted;      ///< values of all accumulators, for the snapshot
    sl_error error;           ///< last: its text is not cleared for every group
} sli_group;

#define SLI_KEEP_EVERY_US INT64_C(3600000000) ///< sli_sink_ops.keep

/// An input of the job: a source or queue node's replayable source.
typedef struct sli_input {
    sl_stream *node;
    sli_source *source; ///< owned by the ingest (sources) or by the node (queues)
    sl_bytes range;     ///< of the running epoch
    sl_bytes kept;      ///< a copy in the group's arena
    int32_t n_splits;
    int64_t rows;
    bool more;
} sli_input;

/// A group on record whose delta no snapshot covers yet.
typedef struct sli_delta_ref {
    int64_t group;
    char *path; ///< "" when its state did not change
    int64_t bytes;
} sli_delta_ref;

typedef struct sli_compaction sli_compaction;

/// A file system elsewhere did not take the last snapshot.
typedef struct sli_snapshot_wait {
    bool began;
    int64_t since_us, until_us; ///< no further one is begun before `until_us`
} sli_snapshot_wait;
/// The base may not change while its files are being made (hold.c).
typedef struct sli_hold {
    int64_t group; ///< whose state it is
    _Atomic bool is_held;
    sli_signal *released; ///< NULL without a checkpoint
    sl_code rc;           ///< of the last one; the compactor's until its snapshot is made
    sl_error error;
} sli_hold;
typedef struct sli_listen sli_listen;
typedef struct sli_poison sli_poison; ///< poison.h

/// Rows of sli_engine_metrics.
enum {
    SLI_ENGINE_EPOCHS,
    SLI_ENGINE_FAILED,
    SLI_ENGINE_ROWS_IN,
    SLI_ENGINE_ROWS_OUT,
    SLI_ENGINE_RUN_US,
    SLI_ENGINE_DELAY_US,
    SLI_ENGINE_SEAL_US,
    SLI_ENGINE_LOG_US,
    SLI_ENGINE_COMMIT_US,
    SLI_ENGINE_PENDING,
    SLI_ENGINE_OUTBOX,
    SLI_ENGINE_BATCH_TIME,
    SLI_ENGINE_LETTERS,
    SLI_ENGINE_ACCUMULATED, ///< the last: a series an accumulator, so none in `series`
    SLI_N_ENGINE_METRICS
};

struct sli_engine {
    sli_engine_env env;
    sl_env *world;
    sli_log *log;
    sl_graph *graph;
    sli_clock clock;
    sli_signal *signal; ///< wakes the driver when io runs elsewhere
    sl_arena *epoch_arena;
    sl_arena *job_arena;
    struct sli_record *record; ///< what the log says; recovery only, in the job arena

    sli_ckpt *ckpt; ///< NULL without a checkpoint directory
    char job_id[33];
    int64_t generation;
    uint64_t options_hash;
    sli_ingest *ingest;
    sli_input *inputs;
    int32_t n_inputs;
    sli_window *windows; ///< of the graph's nodes that outputs rest on, in order
    int32_t n_windows;
    struct sli_fixing *fixing; ///< fix.c's, in the job arena
    int32_t n_fixing;          ///< operators that fix something for each epoch
    bool *waits;               ///< by node, of the running epoch (slide.c); only with windows
    sl_rdd **made;             ///< by node: RDDs of the running epoch; NULL between epochs
    sli_store *store;
    bool snapshot_is_foreign; ///< the newest snapshot is another store's: the compactor can't go on
                              ///< from it
    sli_accs *accs;           ///< NULL when the graph has no accumulators

    int64_t now_us; ///< mono time as read last: one reading serves what happens together
    int64_t epoch;  ///< the last one run
    int64_t last_time_us;
    int64_t next_group;
    int64_t committed;
    sli_group *open;                    ///< collects epochs; NULL when none since the last close
    sli_group *spare;                   ///< an emptied one, for the next open
    sli_group *pending, **pending_tail; ///< closed, in order, until committed
    int32_t n_pending;
    sli_group *retired;       ///< committed, but no durable COMMITTED yet: their outboxes stay
    int64_t committed_logged; ///< writer: COMMITTED frames appended up to this group
    int64_t last_close_us;
    int64_t outbox_bytes; ///< of sealed groups that are not committed
    int64_t commit_interval_us, max_epochs, max_pending, retry_us, outbox_max;
    int64_t start_us;    ///< how long a start waits for an output's cluster
    bool retry_is_set;   ///< by the user
    sli_signal *give_up; ///< ends the committer's wait for a sink that is down
    bool inline_commit;  ///< no checkpoint and nothing slow to commit: the driver does it itself
    bool plan_first;     ///< an output acts before SEALED: PLAN is synced alone
    bool shows_idle;     ///< an output has something to show in epochs in which nothing happened
    bool has_keep;       ///< an output has to renew something now and then
    int64_t keep_us;     ///< when that is due next
    sli_poison *poison;  ///< NULL: an epoch that fails stays failed

    sli_strand *writer, *committer, *compactor;
    _Atomic int32_t n_ahead; ///< outputs whose sink is being given rows (ahead.c)
    bool seal_broken;        ///< writer: a group could not be sealed, so no later one may be
    bool commit_broken;      ///< committer: a group could not be shown, so no later one may be
    sli_hold hold;
    sli_compaction *compaction; ///< running, or NULL
    sli_snapshot_wait snapshot_wait;
    _Atomic int32_t compaction_done;
    sli_delta_ref *deltas;
    int32_t n_deltas, delta_capacity;
    int64_t delta_bytes, snapshot_group, snapshot_bytes, snapshot_every_bytes,
        snapshot_every_groups;

    _Atomic int32_t stopping;   ///< 0 no, 1 gracefully, 2 now
    _Atomic int64_t stop_by_us; ///< when a graceful stop is cut short; 0: none was asked for
    int64_t stop_timeout_us;
    bool was_cut_short;
    bool gave_up; ///< an epoch was, since the job ends: positions of inputs are past what it had
    bool received_all;   ///< graceful stop: receivers have been stopped
    sl_error failure;    ///< first failure; the job ends with it
    sl_error kept_error; ///< without a checkpoint: first failed epoch, told at the end
    bool over;

    int64_t block_owner; ///< next OUTPUT block owner
    int64_t last_seal_us, last_log_us, last_commit_us;
    int64_t rows_total;
    int64_t rows_read; ///< by the running epoch's outputs: the most of any of them
    int64_t letters;   ///< dead letters of the running epoch, which its group will commit
    sli_metric *series[SLI_N_ENGINE_METRICS];
    sli_listen *listen; ///< listen.c's, in the job arena
    bool listens;       ///< anybody listens; set by listen.c
    bool remembers;     ///< a stream keeps RDDs of past epochs
    sli_epoch *running; ///< while its outputs run, else NULL
    _Atomic uint64_t
        thread; ///< the driver's (sli_env_thread); relaxed: only that thread finds itself
};

// store.c
/// (Re)opens the state store, empty, with the tables of all stateful nodes.
sl_code sli_state_open(sli_engine *engine, sl_error *err);
void sli_state_close(sli_engine *engine);
/// State in memory is within the job's budget, by itself: it can be counted, but neither evicted
/// nor spilled. Fails: SL_E_NO_SPACE, SL_ACT_STOP_JOB.
sl_code sli_state_fits(const sli_engine *engine, sl_error *err);
/// The store's name when snapshots consist of its own files, else "".
const char *sli_state_files(const sli_engine *engine);
/// Whether the state after a group must be kept when the group is closed, for a snapshot of it: the
/// compactor can't make it from the last one.
bool sli_state_must_keep(const sli_engine *engine);
/// Keeps it, beside the store. The group has been closed, and no epoch completed since. Thread:
/// any.
sl_code sli_state_keep(sli_engine *engine, int64_t group, sl_error *err);
/// What was kept becomes part of the snapshot. *bytes: of what the snapshot before has not. Thread:
/// any.
sl_code sli_state_adopt(const sli_engine *engine, sli_snapshot *snapshot, int64_t group,
                        int64_t previous, int64_t *bytes, sl_error *err);
/// Removes what was kept of a group, if anything.
void sli_state_forget(const sli_engine *engine, int64_t group);
/// The base from a snapshot that holds files of the store `writer`.
sl_code sli_state_restore(sli_engine *engine, int64_t group, const char *writer, sl_error *err);

// engine.c
/// Whoever steps is the driver.
void sli_engine_note_thread(sli_engine *engine);
/// `rc`, or SL_E_SUPERSEDED: what a superseded driver meets is no error of the job, since a newer
/// one publishes, removes and forgets under its feet.
sl_code sli_engine_verdict(sli_engine *engine, sl_code rc, sl_error *err);
/// Nobody waits for sinks that are down any more, and after a grace not inside their calls either.
/// Thread: any.
void sli_engine_give_up(sli_engine *engine);
/// Keeps the job's first failure; its code.
sl_code sli_engine_fail(sli_engine *engine, sl_code rc, const sl_error *err);

// recover.c
/// Reads what the log says. Before the sinks are opened.
sl_code sli_engine_read(sli_engine *engine, sl_error *err);
/// sli_sink_env.unsure of an output; *from: unsure_from.
int64_t sli_engine_unsure(const sli_engine *engine, const char *uid, int64_t *from);
/// Steps 1 to 3: after it the generation is on record, and inputs may open their write-ahead logs.
sl_code sli_engine_begin(sli_engine *engine, sl_error *err);
/// Tells what is another since the last run. `first` to `last`: epochs that must run again and were
/// planned with another graph; 0: none. Fails: SL_E_INCOMPATIBLE, there are some and
/// replay.changed=refuse (changed.c).
sl_code sli_changed_check(const sli_engine *engine, int64_t first, int64_t last, sl_error *err);
/// Steps 4 to 7.
sl_code sli_engine_recover(sli_engine *engine, sl_error *err);

// epoch.c
/// Runs the next epoch, which begins at engine->now_us: plans it (or takes `recorded`), runs the
/// outputs, completes the state.
sl_code sli_epoch_run(sli_engine *engine, const sli_plan *recorded, sl_error *err);

// fix.c
/// Counts the graph's operators that rest on something outside; the others cost nothing.
sl_code sli_fix_open(sli_engine *engine, sl_error *err);
/// Every such operator decides what the next epoch uses, or takes what `recorded` (NULL: a new
/// epoch) says.
sl_code sli_fix_all(sli_engine *engine, const sli_plan *recorded, int64_t time_us, sl_error *err);
/// Tells it to the PLAN.
sl_code sli_fix_record(sli_engine *engine, sli_plan *plan, sl_error *err);
/// What the last epoch on record used; and removes kept files that none of `plans` past `sealed`,
/// and not the last one, names.
sl_code sli_fix_restore(sli_engine *engine, const sli_plan *plans, int32_t n, int64_t sealed,
                        sl_error *err);
/// A group is durable: no epoch up to this one is run again.
void sli_fix_forget(const sli_engine *engine, int64_t epoch);

// outputs.c
/// Runs all that are due in the epoch.
sl_code sli_outputs_run(sli_engine *engine, sli_epoch *epoch, sli_group *group,
                        int64_t rows_expected, int64_t *rows_out, sl_error *err);
// output.c
/// Runs one output's job in an epoch: its rows are those of `rdd`.
sl_code sli_output_run(sli_engine *engine, sli_output *output, sl_rdd *rdd, sli_epoch *epoch,
                       sli_group *group, int64_t rows_expected, int64_t *rows_out, sl_error *err);
/// Takes back what a failed epoch left in the group's shares.
void sli_outputs_forget(sli_engine *engine, sli_group *group, int64_t epoch);
/// Kept rows as an outbox over OUTPUT blocks; `kept` outlives it.
typedef struct sli_kept_outbox {
    sli_outbox base;
    sli_engine *engine;
    const sli_kept *kept;
    int32_t n_kept;
} sli_kept_outbox;
sli_kept_outbox sli_outbox_of_kept(sli_engine *engine, const sli_kept *kept, int32_t n_kept);
/// An outbox file's content; and an outbox that reads one.
sl_code sli_outbox_put(sli_engine *engine, const sli_share *share, const sl_schema *schema,
                       sli_str *out, sl_error *err);
typedef struct sli_file_outbox {
    sli_outbox base;
    sli_buffer *bytes;
} sli_file_outbox;
sli_file_outbox sli_outbox_of_file(sli_buffer *bytes);
void sli_share_reset(sli_engine *engine, sli_share *share);

// window_run.c
sl_code sli_windows_open(sli_engine *engine, sl_error *err);
void sli_windows_close(sli_engine *engine);
/// Makes the panes of the epoch that windows take, before the outputs run. `group` NULL: for a
/// trial, no group will have them.
sl_code sli_windows_take(sli_engine *engine, sli_epoch *epoch, sli_group *group,
                         int64_t rows_expected, sl_error *err);
/// Computes what no output asked for of windows that go on by the inverse.
sl_code sli_windows_settle(sli_engine *engine, sl_error *err);
/// No RDD of this epoch may be computed any more. Before sli_epoch_release.
void sli_windows_end(sli_engine *engine);
/// The epoch is part of the group; what has passed is let go.
void sli_windows_complete(sli_engine *engine, sli_group *group, int64_t epoch, int64_t time_us);
/// The epoch has failed, or its trial (`group` NULL) is over: it leaves no pane, and cuts none.
void sli_windows_forget(sli_engine *engine, sli_group *group, int64_t epoch);

// window_file.c
/// Makes the panes of a group durable. Thread: writer.
sl_code sli_windows_seal(sli_group *group, sl_error *err);
/// The group is durable: its files are on record, and files are dropped that it doesn't need.
sl_code sli_windows_sealed(sli_engine *engine, const sli_group *group, sl_error *err);
/// What SEALED has of each window.
void sli_windows_tell(const sli_group *group, sli_sealed_window *out);
/// A section of snapshots: no uid begins with a dot.
#define SLI_WINDOWS_SECTION ".windows"
/// That section of a snapshot after the group.
sl_code sli_windows_put(const sli_engine *engine, const sli_group *group, sli_str *out,
                        sl_error *err);
/// What windows held after the last sealed group: from the snapshot (0: none) and the records after
/// it.
sl_code sli_windows_restore(sli_engine *engine, int64_t snapshot, const sli_sealed *sealed,
                            int32_t n_sealed, sl_error *err);

// ---------------------------------------------------------------- a start that waits (await.c)

typedef sl_code (*sli_start_fn)(void *ctx, sl_error *err);
/// Asks; where the output's cluster does not answer, again and again, up to `start.timeout`.
/// Thread: driver. Blocks: yes. Fails: as `ask`; SL_E_CANCELLED, the job was told to stop.
sl_code sli_start_await(sli_engine *engine, const sli_output *output, sli_start_fn ask, void *ctx,
                        sl_error *err);

// group.c
/// Appends the kept PLANs to the log. Thread: writer.
sl_code sli_plans_append(sli_engine *engine, const sli_str *plans, sl_error *err);
/// Appends COMMITTED frames up to a group. Thread: writer, or the driver once the writer has ended.
sl_code sli_committed_append(sli_engine *engine, int64_t upto, sl_error *err);
sl_code sli_group_open(sli_engine *engine, sli_group **out, sl_error *err);
void sli_group_free(SL_TAKES sli_group *group); ///< accepts NULL
/// Closes the open group and sends it on its way.
sl_code sli_group_close(sli_engine *engine, sl_error *err);
/// Moves groups on that a strand has finished with. *moved when anything changed.
sl_code sli_groups_step(sli_engine *engine, bool *moved, sl_error *err);
/// Commits a sealed group from its record in every sink; recovery.
sl_code sli_group_finish(sli_engine *engine, const sli_sealed *sealed, sl_error *err);

/// Whether the output has a share in the group: the letters' sink has none in one without letters.
bool sli_group_has(const sli_group *group, int32_t output);

// ahead.c
/// Gives what the open group has to sinks that take rows ahead of the commit. Thread: driver,
/// between epochs.
void sli_ahead_epochs(sli_engine *engine);
/// The same of a group that has just been closed: its last rows. Before it goes to the writer.
void sli_ahead_group(sli_group *group);

// commit.c
/// Makes a sealed group visible in every sink; its error says why not. Thread: committer.
sl_code sli_group_commit(sli_group *group);
/// One try at it.
sl_code sli_sinks_commit(sli_group *group, sl_error *err);

// hold.c
/// Lets the compactor keep the state after a group that has just been closed. Does not wait.
sl_code sli_hold_begin(sli_engine *engine, int64_t group, sl_error *err);
/// Until the base may change again.
sl_code sli_hold_wait(sli_engine *engine, sl_error *err);

// snapshot.c
/// If a snapshot is due, takes what only now is the state after the group: positions; the base of a
/// store on disk is held. The group has just been closed.
sl_code sli_snapshot_prepare(sli_engine *engine, sli_group *group, sl_error *err);
sl_code sli_compaction_start(sli_engine *engine, sli_group *group, sl_error *err);
sl_code sli_compaction_step(sli_engine *engine, sl_error *err);
/// Deltas up to a group are no longer the engine's.
void sli_deltas_forget(sli_engine *engine, int64_t group);
sl_code sli_delta_remember(sli_engine *engine, int64_t group, const char *path, int64_t bytes,
                           sl_error *err);
sl_code sli_positions_load(sli_engine *engine, int64_t group, sl_error *err);
sl_code sli_snapshot_load(sli_engine *engine, int64_t *group, int64_t *epoch, int64_t *time_us,
                          sl_error *err);
sl_code sli_compaction_join(sli_engine *engine, sl_error *err);

// progress.c
/// Finds the engine's series, once: an epoch only adds to them.
void sli_progress_open(sli_engine *engine);
/// What waits for sinks has changed.
void sli_progress_waiting(sli_engine *engine);
/// Counts a logged group whose commit has ended.
void sli_progress_committed(sli_engine *engine, const sli_group *group);
/// What readers see of accumulators has changed.
void sli_progress_counted(sli_engine *engine);
/// Mono times of an epoch, and how late it began.
typedef struct sli_timing {
    int64_t begun_us, planned_us, done_us, late_us;
} sli_timing;
/// What the input gives to the running epoch; texts lie in the epoch's arena.
void sli_progress_describe(sli_engine *engine, sli_input *input, sli_progress_source *out);
void sli_progress_tell(sli_engine *engine, const sli_group *group, int64_t rows_in,
                       int64_t rows_out, const sli_timing *at, const sl_error *error);
/// The failed epoch that ends the job: metrics and events only; its error is told by the job's end.
void sli_progress_failed(sli_engine *engine, int64_t time_us, const sli_timing *at,
                         const sl_error *error);
/// A group has been sealed, logged or committed between two mono times. Thread: the group's owner.
void sli_progress_group(const sli_group *group, sli_event_kind kind, int64_t begun_us,
                        int64_t done_us, sl_code rc);
extern const sli_metric_info sli_engine_metrics[];
