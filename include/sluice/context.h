/// context.h — running: a session for RDDs, a context for a streaming job, and main for a program
/// that is a job.
///
/// Several contexts may live in one process. A context has one driver thread: with sl_context_start
/// Sluice's own, with sl_context_step the caller's (embedding in a foreign event loop).
#pragma once

#include "sluice/graph.h"
#include "sluice/listener.h"

SL_BEGIN_DECLS

typedef struct sl_context sl_context;

/// Spark's states of a context.
typedef enum sl_context_state {
    SL_INITIALIZED = 0,
    SL_ACTIVE = 1,
    SL_STOPPED = 2
} sl_context_state;

/// Settings are text pairs, as on the command line: "master" "local[4]", "interval" "1s",
/// "checkpoint" "/dir". The array ends with a NULL. `sluice help options` lists them all;
/// spark.streaming.* names are mapped or refused by name. Of the environment it reads SLUICE_LOG,
/// SLUICE_TRACE, TMPDIR, and for developers SLUICE_SEED, SLUICE_FAULT and SLUICE_PHASE_FILE. Fails:
/// SL_E_CONFIG, and the graph's first mistake.
SL_API SL_MUST_USE sl_code sl_context_new(sl_context **out, const char *name, sl_build_fn build,
                                          const char *const *settings, sl_error *err);
/// Recovers from the checkpoint directory when it has one, and starts. Fails: SL_E_STATE when
/// started or stopped before; SL_E_INVALID without an output operation; SL_E_BUSY,
/// SL_E_INCOMPATIBLE, SL_E_CORRUPT for the checkpoint. With compat=spark a second start is a
/// warning, a second active context in the process SL_E_STATE, and keyed state without a checkpoint
/// directory SL_E_CONFIG.
SL_API SL_MUST_USE sl_code sl_context_start(sl_context *context, sl_error *err);
/// Waits until the job has ended or `timeout_us` passed (< 0: for ever). Thread: any, one at a
/// time. Fails: the job's first error, which a job without a checkpoint may survive (with
/// compat=spark the error is told at once, while the job goes on); SL_E_TIMEOUT; SL_E_STATE when it
/// was never started.
SL_API SL_MUST_USE sl_code sl_context_await(sl_context *context, int64_t timeout_us, sl_error *err);
/// Ends the job, gracefully or now. Gracefully: receivers stop, everything received is processed
/// and committed, for `stop.timeout` at most; what is left then waits in the checkpoint for the
/// next start, or, without one, is lost and SL_E_TIMEOUT is the job's error. Now: the running
/// epoch's tasks end between two batches, the epochs before it are committed, and with a checkpoint
/// the next start runs that epoch again. Returns at once; wait with sl_context_await. Again:
/// nothing happens, but the second stop may be the one without grace. Thread: any, also inside a
/// user function. Fails: SL_E_STATE inside a listener.
SL_API SL_MUST_USE sl_code sl_context_stop(sl_context *context, bool gracefully, sl_error *err);
SL_API sl_context_state sl_context_state_of(const sl_context *context);
/// Stops without grace when needed, and frees. Listeners are told what still waits for them, so it
/// waits for one that hangs. Not inside a listener or user function. Accepts NULL.
SL_API void sl_context_free(SL_TAKES sl_context *context);
SL_API sl_graph *sl_context_graph(sl_context *context);

// ---- listeners: listener.h

/// Adds a listener behind those that are there, at most 64; the table and what `ctx` points to must
/// outlive the context or be removed first. Before the start or while the job runs: it then hears
/// of the next epoch first. Thread: any. Fails: SL_E_INVALID, SL_E_EXISTS for the same table and
/// ctx.
SL_API SL_MUST_USE sl_code sl_context_add_listener(sl_context *context, const sl_listener *listener,
                                                   void *ctx, sl_error *err);
/// After the return no call of it comes any more; from inside that listener: after the call that is
/// running. Thread: any. Blocks: until a running call of it has returned. Fails: SL_E_NOT_FOUND.
SL_API SL_MUST_USE sl_code sl_context_remove_listener(sl_context *context,
                                                      const sl_listener *listener, void *ctx,
                                                      sl_error *err);
/// Spark's StatsReportListener: after every epoch two lines with how the total delay and the
/// processing time of the last `n_batches` (Spark: 10) are spread, from 0% to 100%. `line` gets
/// them without an end of line, on the listener thread; NULL: the log, at level info. Fails:
/// SL_E_INVALID for less than 1 or more than 100,000.
SL_API SL_MUST_USE sl_code sl_context_report_stats(sl_context *context, int32_t n_batches,
                                                   void (*line)(void *ctx, const char *line),
                                                   void *ctx, sl_error *err);

// ---- driving it from one's own event loop, instead of sl_context_start

/// Recovers and starts without a driver thread; from then on the caller steps.
SL_API SL_MUST_USE sl_code sl_context_start_stepped(sl_context *context, sl_error *err);
/// A descriptor that becomes readable when sl_context_step has something to do.
SL_API int sl_context_fd(const sl_context *context);
/// Does what is due and returns without waiting. SL_E_END once the job has ended well.
SL_API SL_MUST_USE sl_code sl_context_step(sl_context *context, sl_error *err);
/// Microseconds until something is due by time alone, for the loop's own timeout.
SL_API int64_t sl_context_due_us(const sl_context *context);

// ---- queues

// Each push is one RDD. What was pushed stays until its epoch is committed; a queue holds 65,536 of
// them and then refuses with SL_E_NO_SPACE. It may be filled before the start.

/// Puts rows into a queue stream, cut into `n_partitions` as sl_rdd_of_batches does. Thread: any.
/// Fails: SL_E_NOT_FOUND (the nearest queue named), SL_E_INVALID for another schema.
SL_API SL_MUST_USE sl_code sl_queue_push(sl_context *context, const char *queue,
                                         const sl_batch *rows, int32_t n_partitions, sl_error *err);
/// Puts bytes into a queue stream that has a format ("queue:NAME?format=json&schema=..."): for a
/// program that receives records on a transport of its own. They are a stream of whole records, the
/// last one ended or not, at most 2 GiB; tasks read them where they lie, and text of rows points
/// into them, so they are given back when the epoch is committed and no row is left. Also when the
/// call fails: then before it returns. What waits is the caller's memory, which it can count by
/// what comes back.
///
/// Partition i of n begins behind the first line end at or after byte i * size / n - 1; csv can't
/// be cut, as a line end may stand inside a field: n_partitions 1. A bad record fails the epoch or
/// is dropped and counted as the options `malformed`, `invalid_utf8` and `max_record` say, with
/// "queue 'events', push 3 at byte 17 (line 2)": pushes count from 1 for the queue, lines from the
/// partition's start. Thread: any. Fails: as sl_queue_push.
SL_API SL_MUST_USE sl_code sl_queue_push_bytes(sl_context *context, const char *queue,
                                               SL_TAKES sl_loan loan, int32_t n_partitions,
                                               sl_error *err);

// ---- RDDs without streams

/// Settings as for a context (master, memory, parallelism, ...).
SL_API SL_MUST_USE sl_code sl_session_new(sl_session **out, const char *const *settings,
                                          sl_error *err);
/// Ends the action that runs, soon, between two batches: it fails with SL_E_CANCELLED. Nothing
/// happens when none does. Thread: any.
SL_API void sl_session_cancel(sl_session *session);
SL_API void sl_session_free(
    SL_TAKES sl_session *session); ///< accepts NULL; all its RDDs must have been given back

// ---- a program that is a job

/// Everything `sluice run` does, for a program whose main calls it: options from the command line,
/// the job run until it ends or is told to (SIGTERM and SIGINT finish the epoch and commit), the
/// exit code to return: 0 ok, 1 the job failed, 2 usage, 3 configuration, 4 checkpoint incompatible
/// or damaged, 5 audit failed. Tells a service manager that set NOTIFY_SOCKET how the job is
/// (docs/SERVICE.md).
SL_API int sl_main(int argc, char **argv, const char *name, sl_build_fn build);

/// In a job built as a shared object: names the build function that `sluice run JOB.so` calls.
#define SL_JOB(job_name, build_function)                                                           \
    __attribute__((visibility("default")))                                                         \
    const sl_job_entry sl_job = {sizeof(sl_job_entry), SL_JOB_ABI, job_name, build_function}
enum { SL_JOB_ABI = 1 };
typedef struct sl_job_entry {
    size_t struct_size;
    int32_t abi;
    const char *name;
    sl_build_fn build;
} sl_job_entry;

/// "0.1.0", and the commit's date when known; never NULL.
SL_API const char *sl_version(void);

SL_END_DECLS
