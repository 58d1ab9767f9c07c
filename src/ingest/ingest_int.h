/// ingest_int.h — a receiver's blocks; for files of ingest/ only.
///
/// Threads: *io* adds bytes (sli_blocks_take), the *wal* strand appends and syncs, the *driver*
/// offers, reads on tasks and forgets. All of it meets in `mutex`; no outside call is made under
/// it.
#pragma once

#include <stdatomic.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/lock.h"
#include "ingest/ingest.h"
#include "source/message.h"

// ---------------------------------------------------------------- where records end (ends.c)

/// The end of the last whole record in data[0, size), or 0.
int64_t sli_ends_last(bool messages, const char *data, int64_t size);
/// Bytes that belong to no whole record yet, without a last '\r', which may be half of "\r\n".
int64_t sli_ends_open(bool messages, const char *data, int64_t size);
int64_t sli_ends_count(bool messages, const char *data, int64_t size); ///< records that end in them
/// Where the first `rows` records end; `size` when there are fewer.
int64_t sli_ends_nth(bool messages, const char *data, int64_t size, int64_t rows);

// ---------------------------------------------------------------- ids of messages (ids.c)

typedef struct sli_id_set {
    sli_hash128 *slots; ///< open addressing; zero: empty
    int64_t n_slots, n;
} sli_id_set;

/// Zeroed with `most` and `budget` set, it is empty.
typedef struct sli_ids {
    int64_t most;
    sli_budget *budget;
    // ---- io, under the receiver's mutex
    sli_id_set young, old;
    // ---- the wal strand
    sli_wal *log;                  ///< NULL without a checkpoint
    sli_str unlogged;              ///< hashes of blocks that are in the write-ahead log
    int64_t since_mark, mark, cut; ///< ids behind record `mark`; records below `cut` may go
} sli_ids;

bool sli_ids_know(const sli_ids *ids, sl_bytes id);
sl_code sli_ids_add(sli_ids *ids, sl_bytes id, sl_error *err); ///< one that is not known
/// A block that was appended to the write-ahead log; its ids are logged by the next sli_ids_log.
void sli_ids_note(sli_ids *ids, const sli_buffer *block);
/// Makes the ids of all noted blocks durable; those blocks, all below `upto`, are. Fails: as
/// sli_wal_append, and may be called again; as sli_wal_sync.
sl_code sli_ids_log(sli_ids *ids, int64_t upto, sl_error *err);
/// Opens the log, and learns the ids that older lives have known. `blocks` is the receiver's
/// write-ahead log. Before anything is received.
sl_code sli_ids_adopt(sli_ids *ids, sli_ckpt *ckpt, const char *uid, sli_wal *blocks,
                      sl_error *err);
void sli_ids_reset(sli_ids *ids);

// ---------------------------------------------------------------- receivers

/// One block: whole records.
typedef struct sli_rblock {
    sli_buffer *data;   ///< NULL: only in the write-ahead log (an older life's)
    int64_t size, rows; ///< rows are ends of records; -1 unknown
    int64_t upto;       ///< bytes taken in this life, up to its end
} sli_rblock;

typedef struct sli_receiver {
    sli_source base; ///< what the engine reads from
    sli_ingest *ingest;
    sli_source *inner;
    char *uid;
    const sli_format_ops *format;
    const sl_conf *format_conf;
    int64_t max_record;                 ///< the format's option
    const sli_message_column *messages; ///< NULL: lines
    sli_wal *wal;                       ///< NULL without a checkpoint
    sli_ids ids;                        ///< of messages
    sli_mutex mutex;
    // under the mutex
    sli_str pending;    ///< bytes not yet in a block; whole records first
    bool cut;           ///< the pending bytes end a record for sure
    int64_t repeats;    ///< bytes of known messages that came since nothing was pending: dropped
    int64_t block_rows; ///< most rows of a block, so that a rate can be kept; 0: any number
    bool dropping;      ///< they belong to a record over max_record, whose start is in a block
    sli_rblock *blocks; ///< numbers first .. next - 1
    int64_t first, next, capacity;
    int64_t synced;  ///< blocks below it may be offered
    int64_t bytes;   ///< pending and blocks: what max_pending limits
    int64_t taken;   ///< bytes that the source has given in this life
    int64_t settled; ///< of them, durable (or dropped)
    bool paused, syncing, failed;
    sl_error error; ///< the write-ahead log's final failure
    // io
    int64_t last_flush_us;
    bool timer_set, stopped;
    // driver
    int64_t offered;            ///< the next number to offer
    _Atomic int32_t wants_turn; ///< set by any thread; io looks at it in its turn
} sli_receiver;

typedef struct sli_ingest_input {
    sli_source *source;     ///< what the engine has
    sli_receiver *receiver; ///< NULL for replayable sources
    sli_pid pid;
    double rate; ///< rows/s by backpressure; 0 none
} sli_ingest_input;

struct sli_ingest {
    sli_ingest_env env;
    sli_strand *wal_strand;
    sli_ingest_input *inputs;
    int32_t n_inputs, capacity;
    bool started;
    int64_t block_interval_us, max_pending, max_rate, initial_rate, most_ids;
    bool block_interval_given; ///< what is acknowledged waits for it too
    int32_t splits;
    bool backpressure;
    sli_pid pid; ///< settings, copied into each input
};

extern const sli_source_ops sli_receiver_ops;
sl_code sli_receiver_new(sli_receiver **out, sli_ingest *ingest, SL_TAKES sli_source *inner,
                         const char *uid, sl_error *err);
void sli_receiver_free(SL_TAKES sli_receiver *receiver);
sl_code sli_receiver_start(sli_receiver *receiver, sl_error *err);
void sli_receiver_turn(sli_receiver *receiver);
sl_code sli_receiver_stop(sli_receiver *receiver, sl_error *err);
bool sli_receiver_drained(sli_receiver *receiver);

/// The series of one of sli_ingest_metrics for this receiver.
sli_metric *sli_receiver_metric(sli_receiver *receiver, int which);
/// Cuts pending bytes into a block at the last record end (all of them when `all`). Called under
/// the mutex.
sl_code sli_receiver_cut(sli_receiver *receiver, bool all, sl_error *err);
extern const sli_metric_info sli_ingest_metrics[];
enum {
    SLI_INGEST_BLOCKS,
    SLI_INGEST_BYTES,
    SLI_INGEST_PENDING,
    SLI_INGEST_PAUSES,
    SLI_INGEST_SYNCS,
    SLI_INGEST_FULL,
    SLI_INGEST_DROPPED,
    SLI_INGEST_REPEATS
};
