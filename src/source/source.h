/// source.h — where rows come from: the source contract.
///
/// Two kinds. A *replayable* source offers, per epoch, a **range**: bytes that PLAN records and
/// that read the same rows again, whoever reads them and whenever, until the engine says it may
/// forget. A *receiver* delivers bytes as they arrive; ingest puts them into blocks (and the
/// write-ahead log) and is itself the replayable source of what came in.
///
///     open  restore | accept*  { offer -> PLAN -> read (tasks, any number of times) -> forget }
///     close
///
/// Every source has an option table, which starts with SLI_SOURCE_OPTIONS (format, name...). Bad
/// input (missing directory, vanished file, refused connection) is told as the option tables say,
/// never silently dropped.
#pragma once

#include "format/format.h"
#include "fs/fs.h"
#include "metrics/metrics.h"
#include "sluice/receiver.h"

typedef struct sli_source sli_source;

typedef enum sli_source_kind { SLI_SOURCE_REPLAYABLE = 1, SLI_SOURCE_RECEIVER = 2 } sli_source_kind;

enum { SLI_MAX_RECEIVERS = 64 }; ///< that a job brings itself

/// A receiver that the program brings.
typedef struct sli_receiver_def {
    const sl_receiver_fn *fn;
    const char *args; ///< NULL: none
} sli_receiver_def;

/// What a source is given when it is opened. The struct is copied; what it points to lives as long
/// as the source.
typedef struct sli_source_env {
    sl_env *env;
    sli_metrics *metrics; ///< NULL: nothing is counted (a source that is only asked for its schema)
    sli_log *log;
    const char *uid;     ///< of the stream
    int64_t interval_us; ///< the epoch clock's
    bool compat_spark;   ///< Spark's behaviour where Sluice cures a trap
    const sli_receiver_def *receivers;
    int32_t n_receivers;
    sli_budget *budget;  ///< of the job's memory; NULL: what is fetched ahead doesn't grow
    const char *modules; ///< directory of loadable modules; NULL: as sli_module_load finds them
    const char *job_id; ///< 32 hex digits, the same in every life; NULL: without a checkpoint there
                        ///< is one life
    /// A mono time at which no call may wait any more, however far what it asks is away: it comes
    /// near when a job is told to stop. NULL: none.
    const _Atomic int64_t *end_us;
    const char *spill_dir; ///< for what is copied to be read; NULL: the system's place for such
} sli_source_env;

/// How much an epoch may take.
typedef struct sli_ask {
    int64_t epoch, batch_time_us;
    int64_t max_rows; ///< rate limit for this epoch; INT64_MAX: none
} sli_ask;

/// What an epoch takes. `range` lies in the arena given to `offer`. An empty range (size 0) has no
/// rows and 0 splits.
typedef struct sli_offer {
    sl_bytes range;
    int32_t n_splits;    ///< partitions of the epoch's RDD
    int64_t rows, bytes; ///< known or estimated; -1 unknown
    bool more;           ///< a backlog remains: the next epoch needn't wait for anything new
} sli_offer;

/// What is known of the record that received bytes end in, when no record end closes it.
typedef enum sli_tail {
    SLI_TAIL_OPEN = 0,  ///< its rest may still come
    SLI_TAIL_ENDED = 1, ///< the stream has ended in order: it is a record
    SLI_TAIL_LOST = 2,  ///< the connection broke: its rest never comes, so it is none
} sli_tail;

/// Takes received bytes. Returns false when the receiver must stop reading until `resume` is called
/// (the bytes of this call were taken all the same). Thread: io.
typedef bool (*sli_receive_fn)(void *ctx, const void *data, size_t size, sli_tail tail);

typedef struct sli_source_ops {
    size_t struct_size;
    const char *scheme; ///< "file", "socket", "stdin", "rate"
    const char *text;   ///< one sentence for `sluice help sources`
    sli_source_kind kind;
    const sl_option *options;
    /// Checks settings that need no outside contact. `conf` lives as long as the source, `url` for
    /// the call. Thread: driver. Fails: SL_E_CONFIG.
    sl_code (*open)(sli_source **out, const sli_url *url, const sl_conf *conf,
                    const sli_source_env *env, sl_error *err);
    /// The rows' schema; lives as long as the source.
    const sl_schema *(*schema)(const sli_source *self);

    // ---- replayable: all on the driver, except read
    /// Continues from a position that `position` gave (size 0: a fresh start). Called once, first.
    sl_code (*restore)(sli_source *self, sl_bytes position, sl_error *err);
    /// A range on record from an earlier life, after the restored position: it counts as offered.
    /// In order.
    sl_code (*accept)(sli_source *self, sl_bytes range, sl_error *err);
    sl_code (*offer)(sli_source *self, const sli_ask *ask, sl_arena *arena, sli_offer *out,
                     sl_error *err);
    /// What restore needs, as of the last range offered or accepted.
    sl_code (*position)(sli_source *self, sli_str *out, sl_error *err);
    /// How many splits a recorded range has (as offer said).
    sl_code (*splits)(sli_source *self, sl_bytes range, int32_t *out, sl_error *err);
    /// Emits the rows of one split, in order. Equal bytes in, equal rows out. `stats` is added to.
    /// One that waits for something outside emits a NULL batch now and then: whoever reads may say
    /// SL_E_CANCELLED.
    /// Thread: task, many at once. Blocks: yes. Fails: SL_E_NOT_FOUND or SL_E_IO when the range
    /// can't be read (file vanished), SL_E_DATA.
    sl_code (*read)(sli_source *self, sl_bytes range, int32_t split, sli_emit_fn emit, void *ctx,
                    sli_decode_stats *stats, sl_error *err);
    /// Everything up to this range is committed: visible in every output, and covered by a durable
    /// state, so no later life reads it. What only served to read it may go. Called for the last
    /// range of each commit group of this life. May be NULL.
    void (*forget)(sli_source *self, sl_bytes range);
    /// The range for people, as JSON values: start and end position. May be NULL.
    void (*describe)(sli_source *self, sl_bytes range, sli_str *start, sli_str *end);
    /// Recoverable from a checkpoint; false: a job with a checkpoint directory refuses it with
    /// `text` why.
    bool (*recoverable)(const sli_source *self, const char **text);

    // ---- receivers: all on the io thread, state machines on its loop
    /// Begins to receive (connects, reads). Reconnects by itself. Bytes go to `take`.
    sl_code (*start)(sli_source *self, sli_loop *loop, sli_receive_fn take, void *ctx,
                     sl_error *err);
    void (*resume)(sli_source *self);
    /// No more calls of `take` after it.
    void (*stop)(sli_source *self);
    /// Its stream has ended for good (standard input closed, finite rate source): epochs may end
    /// when all is processed.
    bool (*ended)(const sli_source *self);
    /// The format in which received bytes are written and its settings; replayable sources leave it
    /// NULL.
    const sli_format_ops *(*format)(const sli_source *self, const sl_conf **conf);

    /// Called by sli_source_close only. Stops a receiver that was not stopped; its loop must still
    /// be there then.
    void (*close)(SL_TAKES sli_source *self);
    /// Its bytes are records of a format: the URL may set `format` and that format's options.
    bool formatted;
    /// The *lane* of a split: the number, from 0, of the part of the source that the split's rows
    /// are of and that goes on from epoch to epoch (a partition of a log). Rows of one lane are
    /// about in order; one lane may lag behind others. NULL: the source is one lane, 0.
    int32_t (*lane)(sli_source *self, sl_bytes range, int32_t split);
    /// Looks up the records of one split as they stand in the source, dropped ones too, in order;
    /// nothing is counted. NULL: its rows were never bytes. Thread: driver. Blocks: yes. Fails: as
    /// `read`; SL_E_UNSUPPORTED for a range that was never bytes.
    sl_code (*records)(sli_source *self, sl_bytes range, int32_t split, sli_raw_fn each, void *ctx,
                       sl_error *err);

    // ---- receivers whose bytes come from other threads; both may be NULL. Thread: io
    /// After a round of the loop: takes what has come since the last.
    void (*turn)(sli_source *self);
    /// Of all bytes given to `take`, so many are durable: they will be part of an epoch whatever
    /// happens. Without a write-ahead log: were taken. Once more after `stop`, when all is.
    void (*settled)(sli_source *self, int64_t bytes);
    /// Replayable: `offer` keeps to ask.max_rows, and backpressure is meant for it. Of others an
    /// epoch takes what is there.
    bool paced;
    /// A receiver of messages (message.h): the table of their cells, ended by one without a name.
    /// Each call of `take` brings whole messages, and whatever the tail says, none is cut. NULL:
    /// its bytes are records of the format.
    const struct sli_message_column *messages;
    /// A receiver's: what has ended it for good, and the job with it: no trying again will help.
    /// SL_OK: nothing has. NULL: it tries for ever. Thread: io. Asked after each round of the loop.
    sl_code (*failed)(sli_source *self, sl_error *err);
    /// It reads files, and so formats that need them as a whole (sli_format_ops.whole_file).
    bool whole_files;
} sli_source_ops;

struct sli_source {
    const sli_source_ops *ops; ///< first member of every implementation's struct
    sl_conf *conf; ///< what `open` was given; set by sli_source_open, freed by sli_source_close
};

/// Options of every source: format (text), and the options of the format named.
extern const sl_option sli_source_options[];

extern const sli_source_ops
    sli_source_file; ///< a directory: rules and cured traps in file/README.md
extern const sli_source_ops sli_source_hdfs;   ///< the same on HDFS
extern const sli_source_ops sli_source_socket; ///< TCP client, lines
extern const sli_source_ops sli_source_stdin;
extern const sli_source_ops sli_source_custom;      ///< "receiver:NAME": functions of the program
extern const sli_source_ops sli_source_http;        ///< listens for POST: http/README.md
extern const sli_source_ops sli_source_rate;        ///< "value int64, ts timestamp", deterministic
extern const sli_source_ops sli_source_queue;       ///< what the program pushes: "queue:NAME"
extern const sli_source_ops sli_source_kafka;       ///< topics: kafka/README.md
extern const sli_source_ops sli_source_flume;       ///< agents send: flume/README.md
extern const sli_source_ops sli_source_flume_poll;  ///< agents are asked: flume/README.md
extern const sli_source_ops sli_source_mqtt;        ///< messages of a broker: mqtt/README.md
extern const sli_source_ops sli_source_tail;        ///< files that grow: tail/README.md
extern const sli_source_ops sli_source_table;       ///< what sli_table_open opens; not for streams
extern const sli_source_ops sli_source_hdfs_table;  ///< the same on HDFS
extern const sli_source_ops sli_source_kafka_table; ///< the same, of kafka: URLs
extern const sli_source_ops sli_source_postgres_table; ///< the same, of postgres: URLs
extern const sli_source_ops sli_source_sqlite_table;   ///< the same, of sqlite: URLs

/// Reads the URL, finds the source among `sources` (NULL-ended), builds its conf from source,
/// common and format tables, checks it, opens it. Fails: SL_E_CONFIG, naming the nearest scheme or
/// option.
sl_code sli_source_open(sli_source **out, const char *url, const sli_source_ops *const *sources,
                        const sli_source_env *env, sl_error *err);
void sli_source_close(SL_TAKES sli_source *source); ///< accepts NULL
/// Whether the settings of a source with a format say malformed=dead-letter.
bool sli_source_wants_letters(const sl_conf *conf);

/// All rows of a file or directory now, as a static table: one split a file, in byte order of
/// names; of offset ranges of Kafka: one split a range, by topic and partition; or of a table of
/// PostgreSQL or SQLite: one split. What sl_rdd_open and table joins read: `offer` lists what is
/// there now, `read` reads it, with or without `restore` before. Fails: SL_E_CONFIG; what isn't
/// there is told by `offer` (SL_E_NOT_FOUND).
sl_code sli_table_open(sli_source **out, const char *url, const sli_source_env *env, sl_error *err);

// ---------------------------------------------------------------- queues

enum {
    SLI_MAX_QUEUED = 65536,      ///< items that wait in one queue, or were taken and not committed
    SLI_MAX_QUEUE_SPLITS = 65536 ///< of one epoch; what is more is the next epoch's
};

/// A queue of batches of this schema. One that takes bytes too is opened as
/// "queue:NAME?format=...".
sl_code sli_queue_new(sli_source **out, const char *name, const sl_schema *schema,
                      bool one_at_a_time, sl_error *err);
const char *sli_queue_name(const sli_source *queue); ///< lives as long as the queue
/// A queue is made with the graph and may be filled before the job starts. From here on it counts
/// into the job's metrics. Thread: driver, before the first read.
void sli_queue_begin(sli_source *queue, const sli_source_env *env);
/// Rows as one item of `n_splits` splits, cut at positions i * rows / n. Thread: any. Fails:
/// SL_E_INVALID (another schema, too many splits); SL_E_NO_SPACE when SLI_MAX_QUEUED items are
/// there.
sl_code sli_queue_push(sli_source *queue, SL_SHARES const sl_batch *rows, int32_t n_splits,
                       sl_error *err);
/// Bytes of the queue's format as one item: a whole stream of records, the last one ended or not.
/// Split i of n has the records that begin behind the first '\n' at or after byte i * size / n - 1;
/// formats that can't be cut so are one split. Thread: any. Fails: as sli_queue_push; SL_E_INVALID
/// without a format and beyond 2 GiB.
sl_code sli_queue_push_bytes(sli_source *queue, SL_TAKES sl_loan loan, int32_t n_splits,
                             sl_error *err);
