/// stream.h — the door of stream/: the DStream graph as data, the epoch clock, and the engine that
/// runs a job.
///
/// Reading order: graph_int.h (nodes) · clock.h · plan.h (what PLAN and SEALED hold) · engine.h
/// (one driver's life).
#pragma once

#include "ingest/ingest.h"
#include "rdd/accumulator.h"
#include "rdd/bvar.h"
#include "metrics/bus.h"
#include "sched/sched.h"
#include "sink/sink.h"
#include "sluice/state.h"
#include "state/state.h"

// ---------------------------------------------------------------- the graph, for those who run it

sl_code sli_graph_new(sl_graph **out, sl_error *err);
void sli_graph_free(SL_TAKES sl_graph *graph);
/// Gives every stream its slide, now that the interval is known. Fails: the first mistake, which
/// sticks: a window or a slide that is no multiple, streams of different slides that are put
/// together.
sl_code sli_graph_slides(sl_graph *graph, int64_t interval_us, sl_error *err);
/// Ends definition: later calls are mistakes. Fails: the first mistake; SL_E_INVALID without an
/// output operation.
sl_code sli_graph_seal(sl_graph *graph, sl_error *err);
/// Settings made by sl_graph_set, in order. Calls `each`.
sl_code sli_graph_settings(const sl_graph *graph, sli_pair_fn each, void *ctx, sl_error *err);
void *sli_graph_attached(const void *graph, const char *name); ///< as sli_runtime.attached
const sl_agg_fn *const *sli_graph_aggregations(const sl_graph *graph);
/// The schema of a queue, or NULL. Lives as long as the graph.
const sl_schema *sli_graph_queue_schema(const sl_graph *graph, const char *queue);
/// Calls `each` with (uid, URL) of every source, in order.
sl_code sli_graph_sources(const sl_graph *graph, sli_pair_fn each, void *ctx, sl_error *err);
/// Puts rows into the queue of that name. Thread: any. Fails: SL_E_NOT_FOUND (the nearest named),
/// and as sli_queue_push.
sl_code sli_graph_push(sl_graph *graph, const char *queue, const sl_batch *rows,
                       int32_t n_partitions, sl_error *err);
/// The same for bytes; they are given back whatever happens. Fails: as sli_queue_push_bytes too.
sl_code sli_graph_push_bytes(sl_graph *graph, const char *queue, SL_TAKES sl_loan loan,
                             int32_t n_partitions, sl_error *err);
/// What definition needs to resolve schemas of URLs: sources and sinks known, compat flag. Set
/// right after sli_graph_new, before the build function runs. The lists are NULL-ended and outlive
/// the graph.
void sli_graph_environment(sl_graph *graph, const sli_source_ops *const *sources,
                           const sli_sink_ops *const *sinks, sl_env *env, bool compat_spark);
/// Where loadable modules are looked for while the graph is defined; NULL, as it is at first: where
/// sli_module_load finds them. Lives as long as the graph.
void sli_graph_modules(sl_graph *graph, const char *dir);

/// Settings that win over those of sl_graph_set, as pairs, NULL-ended; NULL: none are known. They
/// must last while the graph is defined.
void sli_graph_given(sl_graph *graph, const char *const *settings);

// ---------------------------------------------------------------- for folders above that add
// operators

/// An operator that is nothing but a lineage over the RDDs of its inputs.
typedef struct sli_lineage_ops {
    const char *kind; ///< "sql"
    /// The RDD of an epoch from those of its inputs (borrowed): one reference, NULL only without
    /// memory; mistakes stick to it. At definition it is asked over RDDs without rows, and the
    /// schema of what it gives is the stream's. Thread: driver.
    sl_rdd *(*rdd)(void *body, sl_rdd *const *inputs, int32_t n);
    void (*free)(void *body);
} sli_lineage_ops;
/// Such an operator of 1 to 1,024 streams. `args` is its canonical text behind the inputs
/// (` query="..."`, as sli_put_pair writes it). What went wrong while the body was made is given as
/// `rc` and `err`, `body` NULL, and becomes the graph's mistake with the operator's place.
sl_stream *sli_stream_lineage(const sli_lineage_ops *ops, const char *label,
                              sl_stream *const *inputs, int32_t n, SL_TAKES void *body,
                              const char *args, sl_code rc, sl_error *err);
/// What sl_stream_running_by_key's results were and are: its columns and `mark`, an int64. For a
/// key whose result the epoch has changed the old row, if there was one, with -1 and the new one
/// with 1. Fails (as a mistake of the graph): it is another stream, or one with a timeout or
/// SL_COMPLETE, which can't be set afterwards either.
sl_stream *sli_stream_running_changes(sl_stream *stream, const char *mark);
/// Makes a key of sl_stream_running_by_key leave its state in the epoch in which the result of this
/// name, an int64, is 0: its results of that epoch are not given, and its changes are the old row
/// alone. Once, before the first of its changes is defined. Returns `stream`; NULL after a mistake:
/// it is another stream, or has no such result.
sl_stream *sli_stream_running_forget(sl_stream *stream, const char *result);
/// One row a key of those that come and go in an epoch, of which `mark`, an int64 column, says
/// which it is: the last that comes (above 0) if there is one, else one that is gone. `keys` are
/// columns ("a, b"; "": one key), whose equal values lie in one partition.
sl_stream *sli_stream_settle(sl_stream *stream, const char *keys, const char *mark);
/// The rows as they are; `column`, a timestamp, is their event time, which follows those above: the
/// watermark is the least of theirs less `behind_us`, or with `after` that of the epoch before,
/// less so much. For what operators by event time give: results of windows (ends: 0, after), pairs
/// of joins within bounds (how much older than the watermark a pair's row may be).
sl_stream *sli_stream_follow_time(sl_stream *stream, const char *column, int64_t behind_us,
                                  bool after);
/// Makes *err the graph's mistake, unless one sticks already.
void sli_graph_stick(sl_graph *graph, sl_code rc, const sl_error *err);
/// Tells the mistake that sticks in other words: with its place in a script, which only the caller
/// knows.
void sli_graph_restick(sl_graph *graph, const sl_error *err);
/// Whether the graph can still be defined: no mistake yet and not sealed (a call after the seal is
/// a mistake itself). `graph` may be NULL: false.
bool sli_graph_is_open(sl_graph *graph);
/// Gives the graph a thing that lives as long as it and is freed after its operators, under a name;
/// and finds it, NULL when there is none. Fails: SL_E_NOMEM, the thing is freed.
sl_code sli_graph_own(sl_graph *graph, const char *name, SL_TAKES void *thing,
                      void (*drop)(void *thing), sl_error *err);
void *sli_graph_owned(const sl_graph *graph, const char *name);
sl_graph *sli_stream_graph(const sl_stream *stream);
/// What definition may ask of whoever builds the graph; set right after sli_graph_new, else nothing
/// is checked and nobody is warned.
typedef struct sli_graph_host {
    /// Whether the job has this setting and takes this value. Fails: SL_E_CONFIG.
    sl_code (*setting)(void *ctx, const char *name, sl_text value, sl_error *err);
    /// Something that is no mistake, and may not be meant.
    void (*warn)(void *ctx, const char *text);
    void *ctx;
} sli_graph_host;
void sli_graph_hosted(sl_graph *graph, const sli_graph_host *host);
sl_code sli_graph_try_setting(const sl_graph *graph, const char *name, const char *value,
                              sl_error *err);
void sli_graph_warn(const sl_graph *graph, const char *text);
const char *sli_stream_uid(const sl_stream *stream);
sl_env *sli_graph_env(const sl_graph *graph);
const char *sli_graph_modules_dir(const sl_graph *graph); ///< NULL: not told
/// What a setting of the job is as far as definition knows: as given, else as the last sl_graph_set
/// said; NULL: not set. Not checked.
const char *sli_graph_setting(const sl_graph *graph, const char *name);
/// Appends ` key="value"`, as JSON text; nothing for a NULL value.
void sli_put_pair(sli_str *out, const char *key, const char *value);
/// The same of a URL, the values of secret options replaced by "***".
void sli_put_url_pair(sli_str *out, const char *key, const sl_graph *graph, const char *url);
/// The schema of what a URL names, without touching it. *out one reference.
sl_code sli_url_schema(const sl_graph *graph, const char *url, const char *uid, bool is_table,
                       sl_schema **out, sl_error *err);
/// All rows of a static table, now, in order. Thread: driver. Blocks: yes.
sl_code sli_table_each(sli_runtime *runtime, const char *url, sli_emit_fn each, void *ctx,
                       sl_error *err);
/// The same where there is no runtime yet. *schema: one reference, also when there are no rows.
sl_code sli_table_read(const sli_source_env *env, const char *url, sl_schema **schema,
                       sli_emit_fn each, void *ctx, sl_error *err);

// ---------------------------------------------------------------- the engine: one life of a job's
// driver

typedef struct sli_engine sli_engine;

extern const sl_option
    sli_engine_options[]; ///< interval, commit_interval, checkpoint, state.*, snapshot.*, ...

extern const char sli_letter_schema[];       ///< the columns of a dead letter
extern const sl_option sli_poison_options[]; ///< poison, poison.max, poison.max_share, poison.sink

typedef struct sli_engine_env {
    sli_runtime *runtime;
    sli_sched *sched;
    const sl_conf *conf;
    sl_graph *graph; ///< sealed; the engine does not own it
    const char *job_name;
    sli_loop *loop; ///< receivers' loop; the engine runs it when `io_on_driver`
    bool io_on_driver;
    void (*stop_io)(void *ctx); ///< ends the thread that runs the loop, before receivers are
                                ///< stopped; NULL when io_on_driver
    void *stop_io_ctx;
    /// Set when the job is to stop before it is open; it then waits for no cluster. May be NULL.
    sli_signal *told;
    /// When no call waits any more for anything outside: sources, sinks and the place of snapshots
    /// are given it. A stop makes it nearer (sli_calls_end), and a start for as long as it waits
    /// for an output. SLI_FOREVER at first.
    _Atomic int64_t *end_us;
    /// One JSON line an epoch, when not NULL. Thread: driver.
    void (*progress)(void *ctx, const sli_progress *progress);
    void *progress_ctx;
    sli_bus *bus; ///< the program's listeners; may be NULL
    /// The first epoch that failed without ending the job. Thread: driver. May be NULL.
    void (*dropped)(void *ctx, const sl_error *error);
    void *dropped_ctx;
} sli_engine_env;

/// Opens sources and sinks, the state store and the checkpoint, and recovers, in the protocol's
/// order. Afterwards the job is ready for its first live epoch. Thread: driver. Blocks: yes.
sl_code sli_engine_open(sli_engine **out, const sli_engine_env *env, sl_error *err);
/// Does what is due now: an epoch, a seal, what strands finished. Never waits for a time or a
/// source; *due_us (mono) is when it wants to be called next. SL_E_END: the job has ended well
/// (stopped, or its sources ended).
sl_code sli_engine_step(sli_engine *engine, int64_t *due_us, sl_error *err);
/// Waits until something may be due (or `until_us`).
sl_code sli_engine_wait(sli_engine *engine, int64_t until_us, sl_error *err);
/// One round of the receivers' loop, waiting until `until_us` at most. Thread: the one that runs
/// the loop.
sl_code sli_engine_io(sli_engine *engine, int64_t until_us, sl_error *err);
/// Makes a waiting engine look again. Thread: any.
void sli_engine_wake(sli_engine *engine);
/// What a call that is under way when the job is told to end may still take, if it goes well.
enum { SLI_GRACE_US = 5000000 };
/// From `at_us` on (mono) no call waits any more. Never later than it was told before. Thread: any.
void sli_calls_end(_Atomic int64_t *end_us, int64_t at_us);
/// Asks for the end: graceful = take everything received, run it, commit; else the running epoch is
/// given up between batches, and what ran before is committed. Thread: any.
void sli_engine_stop(sli_engine *engine, bool gracefully);
/// Ends strands, closes everything. What is not committed will be finished by the next life.
void sli_engine_close(SL_TAKES sli_engine *engine);
int64_t sli_engine_epoch(const sli_engine *engine); ///< the last completed epoch
/// Whether an output with this URL ran in the last epoch: its stream may have a longer slide.
bool sli_engine_ran(const sli_engine *engine, const char *url);
/// Columns of the rows of the output with this URL; NULL: there is none.
const sl_schema *sli_engine_columns(const sli_engine *engine, const char *url);
/// Nothing is on its way: every closed group is committed, and the open one (if any) may only close
/// after the next epoch.
bool sli_engine_rests(const sli_engine *engine);
/// Mono time of the next epoch.
int64_t sli_engine_next_epoch_us(const sli_engine *engine);
/// As sl_context_accumulated. Thread: any, until the engine is closed.
sl_code sli_engine_accumulated(sli_engine *engine, const char *name, sl_accumulated *out,
                               sl_error *err);
int64_t sli_engine_committed(const sli_engine *engine); ///< the last group committed in every sink
