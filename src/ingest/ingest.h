/// ingest.h — receivers, the write-ahead log, rate control: what fixes the input of each epoch.
///
/// A receiver delivers bytes; `ingest` cuts them into *blocks* at record ends and is itself a
/// replayable source (the same table) over those blocks: an epoch's range is "so many blocks from
/// number n". With a checkpoint blocks are appended to the write-ahead log every `block.interval`,
/// on a strand of its own, one sync for all that is there, and only synced blocks are offered.
/// Without one the epoch takes what is there when it is planned.
///
/// Bounded: when bytes received and not yet committed exceed `receiver.max_pending` (at most a
/// quarter of the memory budget), the receiver stops reading until there is room again; TCP then
/// slows the sender. A record whose end has not come may go on beyond it, up to `max_record`; a
/// longer one is malformed. A full disk stops reading too, never the job. Nothing else that was
/// taken is dropped.
#pragma once

#include "ckpt/ckpt.h"
#include "rdd/dataset.h"
#include "source/source.h"

typedef struct sli_ingest sli_ingest;

extern const sl_option sli_ingest_options[]; ///< block.interval, receiver.max_pending,
                                             ///< receiver.max_rate, backpressure.*

typedef struct sli_ingest_env {
    sl_env *env;
    sli_log *log;
    sli_metrics *metrics;
    sli_blocks *blocks;
    sli_budget *budget;
    sli_ckpt *ckpt;             ///< NULL: no write-ahead log
    sli_loop *loop;             ///< where receivers live
    int64_t interval_us;        ///< the epoch clock's
    void (*arrived)(void *ctx); ///< something new is there to be offered; any thread; may be NULL
    void *arrived_ctx;
} sli_ingest_env;

sl_code sli_ingest_new(sli_ingest **out, const sli_ingest_env *env, const sl_conf *conf,
                       sl_error *err);
/// Takes a source and gives what the engine reads from: a replayable source itself, or the blocks
/// of a receiver. *out belongs to the ingest. Thread: driver, before start.
sl_code sli_ingest_add(sli_ingest *ingest, SL_TAKES sli_source *source, const char *uid,
                       sli_source **out, sl_error *err);
/// Starts the receivers. Afterwards their io runs on whoever runs the loop.
sl_code sli_ingest_start(sli_ingest *ingest, sl_error *err);
/// What the io thread does after every round of its loop: receivers that had to stop reading go on
/// when there is room. Thread: the one that runs the loop.
void sli_ingest_turn(sli_ingest *ingest);
/// Ends receiving and makes all that was taken offerable (WAL synced): the first step of a graceful
/// stop. The loop must not run meanwhile.
sl_code sli_ingest_stop(sli_ingest *ingest, sl_error *err);
/// Every receiver has ended for good and all blocks were offered; false when there is an endless
/// source.
bool sli_ingest_drained(const sli_ingest *ingest);
void sli_ingest_free(SL_TAKES sli_ingest *ingest);

// ---------------------------------------------------------------- rate control

/// Spark's PID rate estimator (org.apache.spark.streaming.scheduler.rate.PIDRateEstimator):
/// proportional 1.0, integral 0.2, derived 0.0, minimum rate 100 rows/s.
typedef struct sli_pid {
    double proportional, integral, derived, min_rate;
    int64_t interval_us;
    bool first_done;
    int64_t latest_time_us;
    double latest_rate, latest_error;
} sli_pid;
/// After an epoch: rows processed in processing_us, after waiting scheduling_us, finished at
/// time_us (of any clock). Returns true and *rate (rows/s) when there is a new rate.
bool sli_pid_update(sli_pid *pid, int64_t time_us, int64_t rows, int64_t processing_us,
                    int64_t scheduling_us, double *rate);

/// Rows the next epoch may take from an input, by limits and backpressure; INT64_MAX: no limit, as
/// always of a replayable source that is not `paced`. The first epoch after a backlog is limited
/// too. A receiver's blocks are cut small enough for it from now on. Thread: driver.
int64_t sli_ingest_limit(sli_ingest *ingest, const sli_source *input, int64_t interval_us);
/// Tells backpressure how an epoch went.
void sli_ingest_epoch_done(sli_ingest *ingest, const sli_source *input, int64_t time_us,
                           int64_t rows, int64_t processing_us, int64_t scheduling_us);
