/// ksim_int.h — the simulated cluster's parts: records, logs, transactions, groups, requests.
///
/// Everything runs on the world's one host thread, so nothing is locked. What the cluster does by
/// itself at a time (aborts, comes back) is done by `tick`, which whoever looks at it calls first,
/// and whoever waits is waked for.
#pragma once

#include "base/hash.h"
#include "kafka/sim/cluster.h"

// ---------------------------------------------------------------- records (record.c)

/// A record's content, shared by its log and by whoever was given it.
typedef struct ksim_body {
    int32_t refs;
    int32_t n_headers;
    int64_t timestamp_us;
    const char *key, *value; ///< NULL: null. Behind the headers, as all other bytes
    uint32_t key_size, value_size;
    int64_t size_bytes; ///< of key, value and headers: what limits are compared with
    sli_kafka_header headers[];
} ksim_body;

ksim_body *sli_ksim_body_new(const sli_kafka_message *message); ///< one reference; NULL: no memory
void sli_ksim_body_unref(ksim_body *body);

/// What the record holds is given back.
void sli_ksim_record_reset(const sli_kafka_record *record);
sli_kafka_record sli_ksim_record(ksim_body *body, int64_t offset, int32_t lane); ///< SL_SHARES body
/// Takes the text of `why`; without memory the record tells that.
sli_kafka_record sli_ksim_story(sli_kafka_kind kind, int64_t offset, int32_t lane,
                                const sl_error *why);

// ---------------------------------------------------------------- a partition's log (log.c)

typedef enum ksim_state {
    KSIM_OPEN = 1, ///< of a transaction that has not ended
    KSIM_VISIBLE,
    KSIM_ABORTED,
    KSIM_MARKER, ///< a transaction ended here; no record
} ksim_state;

typedef struct ksim_entry {
    int64_t offset;
    int64_t txn;     ///< 0: none
    ksim_body *body; ///< NULL: a marker
    ksim_state state;
} ksim_entry;

typedef struct ksim_log {
    ksim_entry *entries; ///< by offset, with holes
    size_t n, capacity, n_open;
    int64_t first, stable, next; ///< the first kept; before the first open record; behind the last
} ksim_log;

void sli_ksim_log_reset(ksim_log *log);
sl_code sli_ksim_log_append(ksim_log *log, SL_TAKES ksim_body *body, int64_t txn, sl_error *err);
/// The records of the transaction are visible, or aborted, and a marker follows; without such
/// records nothing happens. Cannot fail: append has made the room.
void sli_ksim_log_end(ksim_log *log, int64_t txn, bool commit);
/// The next record that a reader at *position sees, which moves there; NULL: none, and *position is
/// behind all that can be read.
const ksim_entry *sli_ksim_log_read(const ksim_log *log, bool uncommitted, int64_t *position);
void sli_ksim_log_age(ksim_log *log, int64_t first);
void sli_ksim_log_cut(ksim_log *log, int64_t end);
void sli_ksim_log_compact(ksim_log *log);

// ---------------------------------------------------------------- topics (topic.c)

typedef struct ksim_topic {
    struct ksim_topic *next; ///< in byte order of names
    char *name;
    ksim_log *logs;
    int32_t n_logs;
    int64_t limit_bytes;
    int32_t n_refused; ///< records that will be refused, for `why`
    sl_code why;
    bool forbidden;
} ksim_topic;

ksim_topic *sli_ksim_topic(const sli_kafka_cluster *cluster, const char *name); ///< NULL: none
/// The log of a partition that may be read or written. Fails: SL_E_NOT_FOUND, SL_E_CONFIG.
sl_code sli_ksim_log_of(const sli_kafka_cluster *cluster, const char *topic, int32_t partition,
                        ksim_log **out, sl_error *err);
void sli_ksim_topics_free(sli_kafka_cluster *cluster);
/// The partition that a record without one goes to (partitioner.c): by its key, as the Java client
/// does; without a key any, by the seed.
int32_t sli_ksim_partition(const ksim_body *body, int32_t n_partitions, sli_rng *rng);

// ---------------------------------------------------------------- groups (group.c)

typedef struct ksim_mark {
    struct ksim_mark *next;
    char *group, *topic;
    int32_t partition;
    sli_kafka_mark at;
    int64_t set_us; ///< when it was put on record
} ksim_mark;

/// Fails: SL_E_INVALID (a text of more than 255 bytes), SL_E_NOMEM.
sl_code sli_ksim_mark_new(ksim_mark **out, const char *group, const sli_kafka_spot *spot,
                          const char *text, sl_error *err);
void sli_ksim_marks_free(ksim_mark **list);
void sli_ksim_marks_drop(ksim_mark **list, const char *group);      ///< those of one group
void sli_ksim_mark_put(ksim_mark **list, SL_TAKES ksim_mark *mark); ///< replaces what is there
/// Puts it on record; `at_us` is when that was due, where nobody has looked since.
void sli_ksim_mark_record(sli_kafka_cluster *cluster, SL_TAKES ksim_mark *mark, int64_t at_us);
void sli_ksim_marks_tick(sli_kafka_cluster *cluster); ///< what has expired is gone
const ksim_mark *sli_ksim_mark_find(const ksim_mark *list, const char *group, const char *topic,
                                    int32_t partition); ///< NULL: none

// ---------------------------------------------------------------- transactions (transaction.c)

/// A transactional id, as its coordinator knows it.
typedef struct ksim_id {
    struct ksim_id *next;
    char *name;
    int64_t epoch; ///< of the one producer that may go on
    int64_t timeout_us;
    int64_t txn;      ///< the one that has not ended; 0: none
    bool is_decided;  ///< its commit is on record; else it is open
    int64_t due_us;   ///< when the cluster ends it by itself: commits or aborts it
    ksim_mark *marks; ///< what it will put on record
} ksim_id;

/// Fences older producers of the id, ends what they left, and makes a new epoch. NULL: no memory.
ksim_id *sli_ksim_id_open(sli_kafka_cluster *cluster, const char *name, int64_t timeout_us);
void sli_ksim_txn_begin(sli_kafka_cluster *cluster, ksim_id *id);
void sli_ksim_txn_commit(sli_kafka_cluster *cluster, ksim_id *id); ///< puts it on record
/// Ends what is there: what is decided is committed, what is open aborted.
void sli_ksim_txn_end(sli_kafka_cluster *cluster, ksim_id *id);
/// Whether a transaction that has not ended will put a mark there.
bool sli_ksim_is_pending(const sli_kafka_cluster *cluster, const char *group,
                         const sli_kafka_spot *spot);
void sli_ksim_settle(sli_kafka_cluster *cluster);    ///< all commits that are on record show now
void sli_ksim_txns_tick(sli_kafka_cluster *cluster); ///< ends those that are due
int64_t sli_ksim_txns_due_us(const sli_kafka_cluster *cluster);
void sli_ksim_ids_free(sli_kafka_cluster *cluster);

// ---------------------------------------------------------------- clients and requests (request.c)

/// What every client has.
typedef struct ksim_client {
    sli_kafka_cluster *cluster;
    sl_env *env;
    const _Atomic int64_t *end_us; ///< sli_kafka_conf
    bool is_stranger;              ///< its password is wrong
    bool is_woken; ///< its poll or question that waits, or the next one, has to return
} ksim_client;

/// The names of the settings that are known (settings.c).
void sli_ksim_names(void (*each)(void *ctx, const char *name), void *ctx);
sl_code sli_ksim_settings_check(const sli_kafka_conf *conf, sl_error *err);
const char *sli_ksim_setting(const sli_kafka_conf *conf, const char *name); ///< NULL: not given

/// Checks the settings and finds the cluster. Fails: SL_E_CONFIG, naming the setting.
sl_code sli_ksim_client_init(ksim_client *client, const sli_kafka_conf *conf, sl_error *err);
void sli_ksim_client_reset(ksim_client *client);
sl_code sli_ksim_alive(const ksim_client *client, sl_error *err); ///< SL_E_CRASHED: it is dead

/// Who waits for something to change in the cluster.
typedef struct ksim_waiter {
    struct ksim_waiter *next;
    sli_signal *signal;
} ksim_waiter;

void sli_ksim_waiter_add(sli_kafka_cluster *cluster, ksim_waiter *waiter);
void sli_ksim_waiter_remove(sli_kafka_cluster *cluster, ksim_waiter *waiter);
void sli_ksim_changed(sli_kafka_cluster *cluster); ///< wakes them
bool sli_ksim_is_away(const sli_kafka_cluster *cluster);
void sli_ksim_tick(sli_kafka_cluster *cluster); ///< does what is due by now
/// Waits until something may have changed. Fails: SL_E_TIMEOUT, SL_E_CRASHED.
sl_code sli_ksim_wait(const ksim_client *client, sli_signal *signal, int64_t deadline_us,
                      sl_error *err);
/// The same with a signal of its own.
sl_code sli_ksim_pause(const ksim_client *client, int64_t deadline_us, sl_error *err);

/// What becomes of a request.
typedef enum ksim_fate {
    KSIM_HEARD = 1, ///< it is done and answered
    KSIM_UNHEARD,   ///< done, the answer is lost
    KSIM_UNDONE,    ///< it never arrived
} ksim_fate;

/// Waits until the cluster answers at all, and draws the fate; what was due by then is done. Fails:
/// SL_E_TIMEOUT, SL_E_CONFIG, SL_E_CRASHED; SL_E_CANCELLED (it was woken).
sl_code sli_ksim_request(ksim_client *client, int64_t deadline_us, ksim_fate *fate, sl_error *err);
/// After its effect: SL_OK when it was heard; else waits for the deadline: SL_E_TIMEOUT.
sl_code sli_ksim_answer(ksim_client *client, ksim_fate fate, int64_t deadline_us, sl_error *err);

// ---------------------------------------------------------------- the cluster (cluster.c)

struct sli_kafka_cluster {
    sli_module module; ///< first, so that it leads here
    struct sli_kafka_cluster *self;
    sli_world *world;
    sli_rng rng;
    ksim_topic *topics;
    ksim_id *ids;
    ksim_mark *marks;
    ksim_waiter *waiters;
    sli_kafka_producer *producers;
    const char *password;
    int64_t away_until_us, n_absences;
    int64_t retention_us; ///< of marks; 0: for ever
    double lose_chance;
    int64_t n_requests, lose_at;
    bool lose_done;
    int64_t n_txns;
    int32_t n_clients;
};

static inline bool sli_ksim_chance(sli_rng *rng, double probability)
{
    return (double)(sli_rng_next(rng) >> 11) * 0x1p-53 < probability;
}

// ---------------------------------------------------------------- the table's parts

sl_code sli_ksim_open(sli_kafka **out, const sli_kafka_conf *conf, sl_error *err);
void sli_ksim_close(sli_kafka *self);
sl_code sli_ksim_topics(sli_kafka *self, const char *topic, int64_t deadline_us,
                        sli_kafka_topic_fn each, void *ctx, sl_error *err);
sl_code sli_ksim_offsets(sli_kafka *self, sli_kafka_when when, int64_t at_us, sli_kafka_spot *spots,
                         int32_t n, int64_t deadline_us, sl_error *err);
sl_code sli_ksim_marked(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n,
                        sli_kafka_mark *out, int64_t deadline_us, sl_error *err);
void sli_ksim_note(sli_kafka *self, const char *group, const sli_kafka_spot *spots, int32_t n);
sl_code sli_ksim_fetch(sli_kafka *self, const sli_kafka_spot *from, int32_t lane, sl_error *err);
void sli_ksim_drop(sli_kafka *self, int32_t lane);
sl_code sli_ksim_poll(sli_kafka *self, sli_kafka_record *out, int32_t n, int32_t *got,
                      int64_t deadline_us, sl_error *err);
void sli_ksim_wake(sli_kafka *self);
int64_t sli_ksim_high(const sli_kafka *self, int32_t lane);
sl_code sli_ksim_headers(sli_kafka *self, const sli_kafka_record *record, sli_kafka_header_fn each,
                         void *ctx, sl_error *err);
sl_code sli_ksim_error(sli_kafka *self, const sli_kafka_record *record, sl_error *err);
void sli_ksim_release(sli_kafka *self, const sli_kafka_record *records, int32_t n);

sl_code sli_ksim_producer_open(sli_kafka_producer **out, const sli_kafka_conf *conf,
                               int64_t deadline_us, sl_error *err);
sl_code sli_ksim_send(sli_kafka_producer *self, const sli_kafka_message *messages, int32_t n,
                      int64_t deadline_us, sl_error *err);
sl_code sli_ksim_mark_send(sli_kafka_producer *self, const char *group, const sli_kafka_spot *spot,
                           const char *text, int64_t deadline_us, sl_error *err);
sl_code sli_ksim_commit(sli_kafka_producer *self, int64_t deadline_us, sli_kafka_outcome *outcome,
                        sl_error *err);
sl_code sli_ksim_abort(sli_kafka_producer *self, int64_t deadline_us, sl_error *err);
void sli_ksim_producer_close(sli_kafka_producer *self);

/// Queues whose time has come are delivered.
void sli_ksim_producers_tick(sli_kafka_cluster *cluster);
int64_t sli_ksim_producers_due_us(const sli_kafka_cluster *cluster);

/// Of the consumer, for the questions in ask.c.
ksim_client *sli_ksim_client_of(sli_kafka *self);
bool sli_ksim_is_uncommitted(const sli_kafka *self);
