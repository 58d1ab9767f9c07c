/// ksink_int.h — what the files of sink/kafka share: the sink, its records, its mark.
#pragma once

#include "kafka/kafka.h"
#include "sink/sink_int.h"

// ---------------------------------------------------------------- rows to records (rows.c)

typedef struct ksink_rows ksink_rows; ///< Thread: one at a time

/// Which columns make what of a record; the value is made of those that are left.
/// Fails: SL_E_CONFIG for a column that is not there, has a wrong type, or has two meanings;
/// SL_E_INVALID when the format can't write what is left.
sl_code sli_ksink_rows_new(ksink_rows **out, const sl_conf *conf, const sl_schema *schema,
                           const char *topic, sl_error *err);
void sli_ksink_rows_free(SL_TAKES ksink_rows *rows); ///< accepts NULL
/// One record a row; they live until the next call, and as long as the batch. Fails: SL_E_DATA with
/// *row set to the row of the batch; SL_E_NOMEM.
sl_code sli_ksink_rows_make(ksink_rows *rows, const sl_batch *batch, int64_t batch_time_us,
                            const sli_kafka_message **out, int64_t *row, sl_error *err);
/// Whether rows can be refused for what is in them, whatever their size. Thread: any.
bool sli_ksink_rows_may_refuse(const ksink_rows *rows);
/// Bytes of key, value and headers.
int64_t sli_ksink_record_bytes(const sli_kafka_message *m);

// ---------------------------------------------------------------- the sink

enum {
    KSINK_ASK_US = 10000000,   ///< for one opening or question
    KSINK_FIRST_US = 10000000, ///< for the first try at a transaction
    KSINK_LEAVE_US = 1000000,  ///< to abort what is open when the sink is closed
    KSINK_TRIES = 4,           ///< in one call of commit, of what may be tried again at once
};

/// What the open transaction has of a group that is not committed yet.
typedef struct ksink_ahead {
    int64_t group; ///< 0: there is none
    int64_t epoch; ///< the last one whose rows it has; -1: none
    bool marked;   ///< its mark, too
    bool failed;   ///< it has been given up: the commit sends all
    sl_error late; ///< SL_E_TIMEOUT: the cluster did not answer, which was the commit's first try
} ksink_ahead;

typedef struct ksink {
    sli_sink base;
    sl_env *env;
    sl_arena *arena; ///< the texts below
    const char *topic;
    const char *name; ///< "sluice.JOB.UID": transactional id, and the group of the mark
    int64_t generation, unsure_from, unsure;
    sli_kafka_settings *settings;
    const sli_kafka_ops *client; ///< behind the gate
    sl_conf *conf;               ///< all options; for checks, which make records of their own
    ksink_rows *rows;
    const sl_schema *schema; ///< of the rows
    int64_t most_bytes;      ///< of a record: what the client takes
    int64_t transaction_us;
    int64_t known; ///< option `mark`: what is believed when there is none; -1: not given
    bool once;     ///< transactions; else at least once

    sli_kafka_producer *producer;  ///< NULL: to be opened
    int64_t marked;                ///< the last group whose mark was seen or set; -1: never asked
    int64_t patience_us;           ///< for the next transaction
    const _Atomic int64_t *end_us; ///< sli_sink_env
    bool is_replaced;              ///< the mark has told of a newer driver
    ksink_ahead ahead;
} ksink;

static inline int64_t sli_ksink_first_patience_us(const ksink *self)
{
    return KSINK_FIRST_US < self->transaction_us ? KSINK_FIRST_US : self->transaction_us;
}

// ---------------------------------------------------------------- the mark (mark.c)

sli_kafka_conf sli_ksink_client(const ksink *self);
void sli_ksink_drop_producer(ksink *self);
/// Opens a producer, which fences every other one; then the mark tells who is the newest driver,
/// and `marked`. Fails: SL_E_SUPERSEDED (a newer driver); SL_E_NOT_FOUND, SL_E_STATE (no mark
/// where there must be one); as producer_open.
sl_code sli_ksink_begin(ksink *self, sl_error *err);
/// sli_sink_ops.keep: signs the mark anew, which expires else. A cluster that is away is asked at
/// the next call.
sl_code sli_ksink_keep(sli_sink *sink, sl_error *err);
/// Puts a group's mark into the open transaction.
sl_code sli_ksink_mark(ksink *self, int64_t group, int64_t deadline_us, sl_error *err);

// ---------------------------------------------------------------- rows before the seal (check.c)

/// Bytes of the largest record that the client takes, by its settings. Fails: SL_E_CONFIG.
sl_code sli_ksink_limit(const sli_kafka_settings *settings, int64_t *out, sl_error *err);
/// sli_sink_ops.check.
sl_code sli_ksink_check(const sli_sink *sink, const sl_batch *rows, sl_error *err);

// ---------------------------------------------------------------- a group (group.c)

sl_code sli_ksink_commit(sli_sink *sink, int64_t group, sl_bytes receipt, sli_outbox *outbox,
                         sl_error *err);
/// sli_sink_ops.ahead and abort.
void sli_ksink_ahead(sli_sink *sink, int64_t group, sli_outbox *rows, bool whole);
void sli_ksink_abort(sli_sink *sink);
