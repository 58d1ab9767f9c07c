/// kafka.h — what Sluice wants of a Kafka client: the contract of the module kafka_rd (librdkafka)
/// and of the simulated cluster (sim/).
///
///     consumer:  open { topics | offsets | marked } { fetch { poll -> release } drop } close
///     producer:  producer_open { send* mark? commit | abort } producer_close
///
/// A consumer reads the partitions that it was told to, from offsets that it was told; it is in no
/// group. Nothing here decides on a position. No call of this table has a callback on a thread of
/// the client's own: what happened meanwhile is told by `poll`, and by the next call of a producer.
/// README.md says what positions and transactions are worth.
///
/// Names and texts are UTF-8, ended by a zero. Deadlines are mono times of the env, microseconds;
/// a call that reaches its own returns SL_E_TIMEOUT, also where the cluster goes away inside it.
#pragma once

#include "conf/conf.h"
#include "env/env.h"

enum { SLI_KAFKA_ABI = 1 };

typedef struct sli_kafka sli_kafka;                   ///< a consumer
typedef struct sli_kafka_producer sli_kafka_producer; ///< one thread at a time

/// A setting of librdkafka by its own name. In `settings` the values are plain, secrets too.
typedef struct sli_kafka_setting {
    const char *name, *value;
    bool secret; ///< never part of a text
} sli_kafka_setting;

typedef struct sli_kafka_ops sli_kafka_ops;

/// What a client is opened with. The struct and what it points to live for the call, `env` and
/// `inner` as long as the client.
typedef struct sli_kafka_conf {
    size_t struct_size;
    const sli_kafka_setting *settings;
    int32_t n_settings;
    sl_env *env; ///< the process in whose world the cluster is; the module uses its clock only
    int64_t (*mono_us)(sl_env *env); ///< sli_env_mono_us
    const sli_kafka_ops *inner;      ///< of sli_kafka_gate alone: what is behind it
    /// A mono time that ends every wait of the client as its deadline does, and that may come
    /// nearer meanwhile: it is looked at four times a second, by a question when its present try is
    /// over. NULL: none. It lives as long as the client.
    const _Atomic int64_t *end_us;
    // ---- a consumer's
    int64_t ahead_bytes; ///< records that were fetched and not yet given by `poll`: at most about
                         ///< so many bytes, over all partitions
    bool read_uncommitted;
    // ---- a producer's
    const char *transactional_id; ///< NULL: no transactions, but idempotent: no repeats by itself
    int64_t
        transaction_us; ///< after which the cluster aborts what was neither committed nor aborted
} sli_kafka_conf;

/// A place in a partition.
typedef struct sli_kafka_spot {
    const char *topic;
    int32_t partition;
    int64_t offset;
} sli_kafka_spot;

/// Offsets that are asked for.
typedef enum sli_kafka_when {
    SLI_KAFKA_EARLIEST = 1, ///< the first one kept
    SLI_KAFKA_LATEST = 2,   ///< the one behind the last that can be read now
    SLI_KAFKA_AT = 3,       ///< of the first record at a time or later; else as LATEST
} sli_kafka_when;

typedef enum sli_kafka_kind {
    SLI_KAFKA_RECORD = 1,
    SLI_KAFKA_END = 2,  ///< all that lies before `offset` was given, and nothing more is known of
    SLI_KAFKA_LOST = 3, ///< `offset` can't be read: aged out or behind the end (`offsets` tells
                        ///< which), topic gone, not allowed. Dropped; `error` has the reason
    SLI_KAFKA_TROUBLE =
        4, ///< no partition's: the cluster is away, or back. The client goes on trying
} sli_kafka_kind;

/// What `poll` gives. Bytes live until release.
typedef struct sli_kafka_record {
    int64_t offset;
    int64_t timestamp_us;    ///< since 1970 UTC; INT64_MIN: none
    const char *key, *value; ///< NULL: null. Not ended by a zero
    uint32_t key_size, value_size;
    int32_t lane; ///< as `fetch` was told; -1 for trouble
    int8_t kind;  ///< sli_kafka_kind
    bool headers; ///< it may have some: `headers` tells
    void *held;   ///< for headers, error and release
} sli_kafka_record;

typedef sl_code (*sli_kafka_topic_fn)(void *ctx, const char *topic, int32_t n_partitions,
                                      sl_error *err);
typedef sl_code (*sli_kafka_header_fn)(void *ctx, const char *name, const sl_bytes *value,
                                       sl_error *err); ///< value NULL: null

/// What a group has on record for a partition.
typedef struct sli_kafka_mark {
    int64_t offset; ///< -1: nothing
    char text[256]; ///< "" without one
} sli_kafka_mark;

/// A record to be sent. Bytes are copied. A cluster keeps whole milliseconds of the time.
typedef struct sli_kafka_message {
    const char *topic;
    int32_t partition; ///< -1: by the key, as the Java client does (murmur2); without key any
    int64_t timestamp_us;
    const char *key, *value; ///< NULL: null
    uint32_t key_size, value_size;
    const struct sli_kafka_header *headers;
    int32_t n_headers;
} sli_kafka_message;

typedef struct sli_kafka_header {
    const char *name, *value; ///< value NULL: null
    uint32_t value_size;
} sli_kafka_header;

/// How a transaction ended.
typedef enum sli_kafka_outcome {
    SLI_KAFKA_COMMITTED = 1, ///< all of it is visible, or will be in a moment by itself
    SLI_KAFKA_ABORTED = 2,   ///< nothing of it is or will be; the same may be sent again
    SLI_KAFKA_UNKNOWN = 3, ///< one of the two. The producer can only be closed; the opening of the
                           ///< next one with this id decides, and `marked` then tells. Other
                           ///< calls: SL_E_STATE
} sli_kafka_outcome;

struct sli_kafka_ops {
    size_t struct_size;

    // ---- consumer
    /// Checks the settings; no contact yet. Fails: SL_E_CONFIG, naming the setting.
    sl_code (*open)(sli_kafka **out, const sli_kafka_conf *conf, sl_error *err);
    void (*close)(SL_TAKES sli_kafka *self); ///< accepts NULL. Every record was released
    /// Tells the topics, in byte order of names, with their partitions: the one named, or with
    /// NULL all that are not the cluster's own. Thread: any. Blocks: yes. Fails: SL_E_NOT_FOUND;
    /// SL_E_CONFIG (who we are is refused); SL_E_TIMEOUT with the last trouble.
    sl_code (*topics)(sli_kafka *self, const char *topic, int64_t deadline_us,
                      sli_kafka_topic_fn each, void *ctx, sl_error *err);
    /// Sets the offset of every spot, or of none. Thread: any. Blocks: yes. Fails: as topics.
    sl_code (*offsets)(sli_kafka *self, sli_kafka_when when, int64_t at_us, sli_kafka_spot *spots,
                       int32_t n, int64_t deadline_us, sl_error *err);
    /// What a group has on record for each spot, transactions that are still open ended first.
    /// Thread: any. Blocks: yes. Fails: as topics.
    sl_code (*marked)(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n,
                      sli_kafka_mark *out, int64_t deadline_us, sl_error *err);
    /// Puts offsets on record for a group, for others to read: nobody waits for it, and what
    /// becomes of it is not told. Thread: any.
    void (*note)(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n);

    /// Begins to fetch a partition at an offset, under the caller's number `lane` (>= 0, one per
    /// partition). Thread: the one of poll.
    sl_code (*fetch)(sli_kafka *self, const sli_kafka_spot *from, int32_t lane, sl_error *err);
    /// Fetches it no more. Nothing of it is given after the call. Thread: the one of poll.
    void (*drop)(sli_kafka *self, int32_t lane);
    /// Gives up to `n` records and ends, each partition's in order; waits for the first until the
    /// deadline, *got 0 then; a cluster that does not answer may make it a second late. While
    /// nobody polls, at most ahead_bytes are fetched. Thread: one at a time. Fails: SL_E_CONFIG
    /// (refused for good); SL_E_NOMEM.
    sl_code (*poll)(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                    int64_t deadline_us, sl_error *err);
    /// Makes a `poll` or a question that waits return; when none waits, the next one. A question
    /// then fails with SL_E_CANCELLED, as soon as the client's own call ends. Thread: any.
    void (*wake)(sli_kafka *self);
    /// The offset behind the last record of a partition that can be read, as of the last fetch; -1
    /// unknown. What an epoch lags behind is counted from it. Thread: any.
    int64_t (*high)(const sli_kafka *self, int32_t lane);
    /// The headers, in order. Thread: one at a time per record.
    sl_code (*headers)(sli_kafka *self, const sli_kafka_record *record, sli_kafka_header_fn each,
                       void *ctx, sl_error *err);
    /// Why a partition was lost, or what the trouble is; returns its code. Fails: always.
    sl_code (*error)(sli_kafka *self, const sli_kafka_record *record, sl_error *err);
    /// Frees what n polled records hold; their bytes are gone. Thread: any.
    void (*release)(sli_kafka *self, const sli_kafka_record *records, int32_t n);

    // ---- producer
    /// With a transactional id: fences every older producer of this id, and ends what they left
    /// open. Blocks: yes. Fails: SL_E_CONFIG; SL_E_TIMEOUT with the last trouble; SL_E_SUPERSEDED.
    sl_code (*producer_open)(sli_kafka_producer **out, const sli_kafka_conf *conf,
                             int64_t deadline_us, sl_error *err);
    /// Sends records, in order per partition; into the open transaction, or it opens one. They wait
    /// in the client and arrive in time, by commit at the latest. Waits while the client's own
    /// queue is full. A transaction of which a send or mark failed can only be aborted. Without
    /// transactions: a record that was refused or timed out is told by a later send, or by commit.
    /// Blocks: yes. Fails: SL_E_DATA (too large for the client, no such partition),
    /// SL_E_SUPERSEDED, SL_E_TIMEOUT.
    sl_code (*send)(sli_kafka_producer *self, const sli_kafka_message *messages, int32_t n,
                    int64_t deadline_us, sl_error *err);
    /// Puts an offset and a text, at most 255 bytes, on record for a group, in the open transaction
    /// (or it opens one). Fails: as send; SL_E_NOT_FOUND, no such topic or partition.
    sl_code (*mark)(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                    const char *text, int64_t deadline_us, sl_error *err);
    /// Ends the transaction: waits until all that was sent has arrived, and commits. Without
    /// transactions: waits until all has arrived. Blocks: yes. *outcome is set when SL_OK is
    /// returned. Fails: SL_E_SUPERSEDED (or the transaction took too long: clusters may tell
    /// that alike); SL_E_STATE (a send or mark failed before); for good, the
    /// transaction being aborted: SL_E_DATA (a record was refused: which, its size, the limit),
    /// SL_E_NOT_FOUND (no such topic or partition), SL_E_CONFIG (not allowed).
    sl_code (*commit)(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                      sl_error *err);
    /// Ends the transaction so that nothing of it is visible; none is open: nothing happens.
    sl_code (*abort)(sli_kafka_producer *self, int64_t deadline_us, sl_error *err);
    /// Waits for nothing: what was not committed is aborted by the cluster, in time.
    void (*producer_close)(SL_TAKES sli_kafka_producer *self); ///< accepts NULL

    /// Tells the names of all settings; each lives for the call of `each`.
    void (*names)(void (*each)(void *ctx, const char *name), void *ctx);
};

// ---------------------------------------------------------------- Sluice's side

/// Options of everything that speaks to a cluster: brokers, and `kafka.NAME` for librdkafka's own.
/// Rows for the tables of a source or sink.
#define SLI_KAFKA_OPTIONS                                                                          \
    {.name = "brokers",                                                                            \
     .type = SL_OPT_TEXT,                                                                          \
     .text = "Further brokers to ask first, as host:port, separated by commas."},                  \
    {                                                                                              \
        .name = "kafka.", .type = SL_OPT_FAMILY,                                                   \
        .choices = "password|secret|key|token|jaas|oauthbearer.config",                            \
        .text = "A setting of librdkafka under its own name, as kafka.security.protocol=SSL. A "   \
                "secret may be file:PATH or env:NAME."                                             \
    }
extern const sl_option sli_kafka_options[]; ///< these alone

/// What a client is opened with, secrets included.
typedef struct sli_kafka_settings sli_kafka_settings;

/// The settings of a conf made over sli_kafka_options: host and port of the URL and the option
/// `brokers` as the brokers asked first, the members of `kafka.` as they are. The value of a secret
/// that is "file:PATH" or "env:NAME" is read from there, a line end behind it left out. Fails:
/// SL_E_CONFIG for a setting that Sluice makes itself (with the option to use instead), without a
/// broker, for a file or variable that isn't there or is empty; SL_E_NOMEM.
sl_code sli_kafka_settings_new(sli_kafka_settings **out, const sli_url *url, const sl_conf *conf,
                               sl_env *env, sl_error *err);
void sli_kafka_settings_free(SL_TAKES sli_kafka_settings *settings); ///< accepts NULL
/// The part of a client's conf that the settings give; lives as long as they.
sli_kafka_conf sli_kafka_conf_of(const sli_kafka_settings *settings);
/// The brokers asked first, for texts.
const char *sli_kafka_brokers(const sli_kafka_settings *settings);

/// A table over another one, conf.inner: every call that contacts the cluster is announced to env
/// first (sli_env_outside), so that it can be made to fail, and a process to die there.
extern const sli_kafka_ops sli_kafka_gate;

/// The client's table, for conf.inner: the module kafka_rd of `modules` (a directory, or NULL: as
/// sli_module_load finds it), or what the simulated world has. Every member of `kafka.` is checked
/// to be a setting that it knows. Fails: as sli_module_load; SL_E_CONFIG with the nearest name.
sl_code sli_kafka_load(const sli_kafka_ops **out, const sli_kafka_settings *settings,
                       const char *modules, sl_error *err);
