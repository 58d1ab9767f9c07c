/// sink.h — where finished batches leave Sluice: the sink contract.
///
/// One sink belongs to one output of one job. Rows are staged per epoch; a *group* of one or more
/// consecutive epochs is sealed and committed together:
///
///     recover   { stage* }  seal  [log is synced]  commit        or:  { stage* }  abort
///
/// Rows are visible from commit on, never before, in the order (epoch, partition, row). A group
/// that is sealed is never computed again. A sink may be told to gather committed groups (`show`):
/// then several become visible at once, at a later commit or at `show`, in order, each whole.
///
/// *Resumable* sinks (files) stage by themselves, and a receipt is enough to commit, again and
/// again. *Outbox* sinks
/// (`stage` is NULL: databases, console) get the group's rows at commit from an outbox, which the
/// engine made durable before SEALED; *self-marking* ones write rows and marker in one transaction,
/// which may be open, and have rows, before that (`ahead`).
#pragma once

#include "conf/conf.h"
#include "format/format.h"
#include "fs/fs.h"
#include "metrics/metrics.h"

typedef struct sli_sink sli_sink; // the body is the implementation's own
typedef enum sli_guarantee { SLI_AT_LEAST_ONCE = 1, SLI_EXACTLY_ONCE = 2 } sli_guarantee;

/// Names one attempt at one task; a retried or speculative task has several.
typedef struct sli_attempt {
    int64_t generation, epoch;
    int32_t stage, partition, attempt;
} sli_attempt;

/// What a sink is given when it is opened; lives as long as the sink.
typedef struct sli_sink_env {
    sl_env *env;
    sli_metrics *metrics;
    sli_log *log;
    const char *uid;
    const char
        *job_id; ///< 32 hex digits; random, made with the checkpoint (or the run, without one)
    int64_t generation;          ///< 1 without a checkpoint
    const sl_schema *schema;     ///< of the rows
    int64_t unsure_from, unsure; ///< the first and the last group that are on record as sealed for
                                 ///< this output and not as committed; 0: none
    const char *modules; ///< directory of loadable modules; NULL: as sli_module_load finds them
    /// A mono time at which no call may wait any more, however far its server is away: it comes
    /// near when a job is told to stop. NULL: none.
    const _Atomic int64_t *end_us;
} sli_sink_env;

/// The rows of a sealed group for an outbox sink, epoch by epoch.
typedef struct sli_outbox sli_outbox;
typedef sl_code (*sli_outbox_fn)(void *ctx, int64_t epoch, int64_t batch_time_us,
                                 SL_BORROWS const sl_batch *batch, sl_error *err);
struct sli_outbox {
    /// Calls `each` for every batch in order; for an epoch without rows once with batch NULL. May
    /// be called again.
    sl_code (*each)(sli_outbox *self, sli_outbox_fn each, void *ctx, sl_error *err);
};

typedef struct sli_sink_ops {
    size_t struct_size;       ///< sizeof(sli_sink_ops) when the implementation was built
    const char *scheme;       ///< "file", "console", "sqlite"
    const char *text;         ///< one sentence for `sluice help sinks`
    sli_guarantee guarantee;  ///< the strongest this sink keeps
    const sl_option *options; ///< settings it accepts; ends with a zero entry

    /// Fills *out; the caller owns it until close. Checks that the schema can be written.
    /// Thread: driver. Fails: SL_E_CONFIG, SL_E_INVALID, SL_E_IO.
    sl_code (*open)(sli_sink **out, const sli_url *url, const sl_conf *conf,
                    const sli_sink_env *env, sl_error *err);

    /// Fences older generations, then tells the last committed group of this job and uid (0: none)
    /// — before anything is removed. Called once, before anything else; again when it has failed
    /// because of a server that did not answer. Thread: driver. Blocks: yes. Fails:
    /// SL_E_SUPERSEDED, SL_E_IO, SL_E_TIMEOUT.
    sl_code (*recover)(sli_sink *self, int64_t *last_committed, sl_error *err);
    /// Removes what older generations of this job and uid staged and no sealed group names
    /// (`named`: the receipts of sealed groups). May be NULL. Called once, after recover and after
    /// the engine has checked the answer.
    sl_code (*sweep)(sli_sink *self, const sl_bytes *named, int32_t n_named, sl_error *err);

    /// Adds rows to one attempt, also none (`rows` NULL); rows of attempts that do not win must
    /// never be seen. NULL in an outbox sink. Thread: task, many at once, one per attempt. Blocks:
    /// yes.
    sl_code (*stage)(sli_sink *self, sli_attempt at, SL_BORROWS const sl_batch *rows,
                     sl_error *err);
    /// The attempt ended and won't be among the winners. May be NULL. Thread: any. Cannot fail.
    void (*drop)(sli_sink *self, sli_attempt at);
    /// Makes the winners of a group (sorted by epoch, partition) durable, data and names, still
    /// invisible. The receipt (in the arena) holds all that commit needs in another process. NULL
    /// in an outbox sink. Thread: one at a time. Blocks: yes.
    sl_code (*seal)(sli_sink *self, int64_t group, const sli_attempt *winners, int32_t n_winners,
                    sl_arena *arena, sl_bytes *receipt, sl_error *err);

    /// Makes a sealed group visible; a repeat is a no-op (and makes the outcome of the first try
    /// durable, when that is not sure). `outbox` is NULL for resumable sinks, `receipt` empty for
    /// outbox sinks. Thread: one at a time; maybe while stage runs for later groups. Blocks: yes.
    sl_code (*commit)(sli_sink *self, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                      sl_error *err);

    /// Drops what was staged by this process and not sealed. May be NULL. Cannot fail.
    void (*abort)(sli_sink *self);
    /// Frees self. Thread: driver, once every other call has returned.
    void (*close)(SL_TAKES sli_sink *self);

    /// Displays only (NULL in all others): how many rows of an epoch it can show; the engine keeps
    /// no more. A display shows epochs without rows too, and its commit is quick enough for the
    /// driver's own thread.
    int64_t (*rows_wanted)(const sli_sink *self);

    /// Makes committed groups visible that the sink still gathers: those whose time has come, or
    /// with `all` every one, since no group follows in this run. NULL in sinks that gather nothing.
    /// Called in epochs without rows and at the end of a run; a repeat is a no-op. Thread: as
    /// commit. Blocks: yes. Fails: as commit.
    sl_code (*show)(sli_sink *self, bool all, sl_error *err);

    /// What it writes to is a server or cluster, which may be away for long and comes back: the
    /// engine waits for it.
    bool elsewhere;

    /// Whether an outbox sink can take these rows, asked before their group is sealed: what is
    /// refused at commit can't be taken back. NULL: it can take all. Thread: task, many at once.
    /// Fails: SL_E_DATA, which is the rows' fault; SL_E_NOMEM.
    sl_code (*check)(const sli_sink *self, SL_BORROWS const sl_batch *rows, sl_error *err);

    /// Renews what its server forgets of one that writes nothing. NULL: there is no such thing.
    /// Called about once an hour in which the output has no part in a commit group. Thread: as
    /// commit. Blocks: yes. Fails: as commit; a server that is away is no failure.
    sl_code (*keep)(sli_sink *self, sl_error *err);

    /// Takes rows of an outbox sink's group before it is sealed, and sends them where nobody sees
    /// them until the commit, which has less left to do then. NULL: there is no such place. May be
    /// called any number of times for a group, beginning with its first epoch, each time with the
    /// epochs that came since; `whole`: with the last ones, after which the next call is the commit
    /// of that group. No other group is committed between. Commit is given all rows in any case:
    /// what was taken it passes over, and what could not be taken it sends. Thread: as commit.
    /// Blocks: yes. Cannot fail.
    void (*ahead)(sli_sink *self, int64_t group, sli_outbox *rows, bool whole);
} sli_sink_ops;

struct sli_sink {
    const sli_sink_ops *ops; ///< first member of every implementation's struct
};

extern const sli_sink_ops
    sli_sink_console; ///< Spark's print(): banner and first n rows; at least once
extern const sli_sink_ops sli_sink_blackhole; ///< drops every row
extern const sli_sink_ops sli_sink_file;      ///< resumable
extern const sli_sink_ops sli_sink_hdfs;      ///< the same on HDFS
extern const sli_sink_ops sli_sink_sqlite;    ///< self-marking
extern const sli_sink_ops sli_sink_kafka;     ///< self-marking
extern const sli_sink_ops sli_sink_postgres;  ///< self-marking
extern const sli_sink_ops sli_sink_mqtt;      ///< at least once

/// As sli_source_open. Fails: SL_E_CONFIG, naming the nearest scheme or option.
sl_code sli_sink_open(sli_sink **out, const char *url, const sli_sink_ops *const *sinks,
                      const sli_sink_env *env, sl_error *err);
void sli_sink_close(SL_TAKES sli_sink *sink); ///< accepts NULL
