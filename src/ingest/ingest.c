// The inputs of a job: replayable sources as they are, receivers behind their blocks.
#include "ingest/ingest_int.h"

const sl_option sli_ingest_options[] = {
    {.name = "block.interval",
     .type = SL_OPT_DURATION,
     .fallback = "0ms",
     .low = "0ms",
     .high = "1h",
     .text = "Shortest time between two syncs of received data to the write-ahead log; 0: a fourth "
             "of the batch interval, at "
             "most 200 ms."},
    {.name = "receiver.max_pending",
     .type = SL_OPT_SIZE,
     .fallback = "64MiB",
     .low = "4KiB",
     .text = "Bytes received and not yet committed, per receiver, at which it stops reading; at "
             "most a quarter of `memory`. One record without its end may go over it, up to "
             "max_record."},
    {.name = "receiver.ids",
     .type = SL_OPT_INT,
     .fallback = "100000",
     .low = "1",
     .high = "100000000",
     .text =
         "Ids of messages that a receiver remembers at least, the last ones, so that what comes "
         "again is dropped, after a restart too; each takes 20 to 45 bytes, twice as many may be "
         "kept."},
    {.name = "receiver.max_rate",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .text = "Rows per second that an epoch takes from a receiver; 0: no limit."},
    {.name = "receiver.splits",
     .type = SL_OPT_INT,
     .fallback = "4",
     .low = "1",
     .high = "1024",
     .flags = SL_OPT_RESULT,
     .text = "Most partitions that an epoch's received data is spread over."},
    {.name = "backpressure",
     .type = SL_OPT_BOOL,
     .fallback = "false",
     .text = "Limit what an epoch takes from receivers and Kafka to what earlier epochs could "
             "process (Spark's PID estimator)."},
    {.name = "backpressure.initial_rate",
     .type = SL_OPT_INT,
     .fallback = "0",
     .low = "0",
     .text = "Rows per second until the first estimate; 0: no limit but receiver.max_rate."},
    {.name = "backpressure.proportional",
     .type = SL_OPT_FLOAT,
     .fallback = "1.0",
     .low = "0",
     .text = "PID: weight of the error."},
    {.name = "backpressure.integral",
     .type = SL_OPT_FLOAT,
     .fallback = "0.2",
     .low = "0",
     .text = "PID: weight of the backlog."},
    {.name = "backpressure.derived",
     .type = SL_OPT_FLOAT,
     .fallback = "0.0",
     .low = "0",
     .text = "PID: weight of the change."},
    {.name = "backpressure.min_rate",
     .type = SL_OPT_FLOAT,
     .fallback = "100",
     .low = "0.001",
     .text = "PID: lowest rate, rows per second."},
    {0},
};

const sli_metric_info sli_ingest_metrics[] = {
    [SLI_INGEST_BLOCKS] = {"sluice_received_blocks_total", SLI_COUNTER, "source", "blocks",
                           "Blocks cut from received data."},
    [SLI_INGEST_BYTES] = {"sluice_received_bytes_total", SLI_COUNTER, "source", "bytes",
                          "Bytes received."},
    [SLI_INGEST_PENDING] = {"sluice_received_pending_bytes", SLI_GAUGE, "source", "bytes",
                            "Received, not yet committed."},
    [SLI_INGEST_PAUSES] = {"sluice_receiver_pauses_total", SLI_COUNTER, "source", "times",
                           "Times a receiver stopped reading for lack of room."},
    [SLI_INGEST_SYNCS] = {"sluice_wal_syncs_total", SLI_COUNTER, "source", "syncs",
                          "Syncs of the write-ahead log."},
    [SLI_INGEST_FULL] = {"sluice_wal_full_total", SLI_COUNTER, "source", "times",
                         "Times the write-ahead log found no room."},
    [SLI_INGEST_DROPPED] = {"sluice_received_dropped_bytes_total", SLI_COUNTER, "source", "bytes",
                            "Bytes of records over max_record that were not kept."},
    [SLI_INGEST_REPEATS] = {"sluice_received_repeats_total", SLI_COUNTER, "source", "messages",
                            "Messages that came again, known by their ids, and were dropped."},
    {0},
};

sli_metric *sli_receiver_metric(sli_receiver *r, int which)
{
    return sli_metrics_series(r->ingest->env.metrics, &sli_ingest_metrics[which], r->uid);
}

static void read_options(sli_ingest *ingest, const sl_conf *conf)
{
    int64_t quarter = sli_budget_limit(ingest->env.budget) / 4;
    ingest->block_interval_us = sl_conf_int64(conf, "block.interval");
    ingest->block_interval_given = ingest->block_interval_us > 0;
    ingest->most_ids = sl_conf_int64(conf, "receiver.ids");
    ingest->max_pending = sl_conf_int64(conf, "receiver.max_pending");
    ingest->max_pending = ingest->max_pending > quarter ? quarter : ingest->max_pending;
    ingest->max_rate = sl_conf_int64(conf, "receiver.max_rate");
    ingest->initial_rate = sl_conf_int64(conf, "backpressure.initial_rate");
    ingest->splits = (int32_t)sl_conf_int64(conf, "receiver.splits");
    ingest->backpressure = sl_conf_bool(conf, "backpressure");
    ingest->pid = (sli_pid){
        .proportional = sl_conf_float64(conf, "backpressure.proportional"),
        .integral = sl_conf_float64(conf, "backpressure.integral"),
        .derived = sl_conf_float64(conf, "backpressure.derived"),
        .min_rate = sl_conf_float64(conf, "backpressure.min_rate"),
    };
}

sl_code sli_ingest_new(sli_ingest **out, const sli_ingest_env *env, const sl_conf *conf,
                       sl_error *err)
{
    sli_ingest *ingest = sl_alloc_zero(SLI_TAG_INGEST, sizeof *ingest);
    if (ingest == NULL) {
        return sl_error_nomem(err, sizeof *ingest, "the ingest");
    }
    ingest->env = *env;
    read_options(ingest, conf);
    ingest->pid.interval_us = env->interval_us;
    if (ingest->block_interval_us == 0) {
        ingest->block_interval_us = env->interval_us / 4 < 200000 ? env->interval_us / 4 : 200000;
    }
    if (env->ckpt != NULL) {
        ingest->wal_strand = sli_strand_new(env->env, "sl-wal");
        if (ingest->wal_strand == NULL) {
            sl_free(ingest);
            return sl_error_set(err, SL_E_NOMEM, "no thread for the write-ahead log");
        }
    }
    *out = ingest;
    return SL_OK;
}

static sl_code add_input(sli_ingest *ingest, sli_ingest_input input, sl_error *err)
{
    if (ingest->n_inputs == ingest->capacity) {
        int32_t capacity = ingest->capacity == 0 ? 8 : ingest->capacity * 2;
        sli_ingest_input *more =
            sl_realloc(SLI_TAG_INGEST, ingest->inputs, (size_t)capacity * sizeof *more);
        if (more == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *more, "inputs");
        }
        ingest->inputs = more;
        ingest->capacity = capacity;
    }
    ingest->inputs[ingest->n_inputs++] = input;
    return SL_OK;
}

sl_code sli_ingest_add(sli_ingest *ingest, sli_source *source, const char *uid, sli_source **out,
                       sl_error *err)
{
    sli_ingest_input input = {.source = source, .pid = ingest->pid};
    if (source->ops->kind == SLI_SOURCE_RECEIVER) {
        SL_TRY(sli_receiver_new(&input.receiver, ingest, source, uid, err));
        input.source = &input.receiver->base;
    }
    sl_code rc = add_input(ingest, input, err);
    if (rc != SL_OK) {
        sli_source_close(input.source);
        return rc;
    }
    *out = input.source;
    return SL_OK;
}

sl_code sli_ingest_start(sli_ingest *ingest, sl_error *err)
{
    for (int32_t i = 0; i < ingest->n_inputs; i++) {
        if (ingest->inputs[i].receiver != NULL) {
            SL_TRY(sli_receiver_start(ingest->inputs[i].receiver, err));
        }
    }
    ingest->started = true;
    return SL_OK;
}

void sli_ingest_turn(sli_ingest *ingest)
{
    for (int32_t i = 0; i < ingest->n_inputs; i++) {
        if (ingest->inputs[i].receiver != NULL) {
            sli_receiver_turn(ingest->inputs[i].receiver);
        }
    }
}

sl_code sli_ingest_stop(sli_ingest *ingest, sl_error *err)
{
    // The strand runs what was posted and ends; what is left is flushed here, on the driver.
    if (ingest->wal_strand != NULL) {
        sli_strand_free(ingest->wal_strand);
        ingest->wal_strand = NULL;
    }
    for (int32_t i = 0; i < ingest->n_inputs; i++) {
        if (ingest->inputs[i].receiver != NULL) {
            SL_TRY(sli_receiver_stop(ingest->inputs[i].receiver, err));
        }
    }
    return SL_OK;
}

bool sli_ingest_drained(const sli_ingest *ingest)
{
    for (int32_t i = 0; i < ingest->n_inputs; i++) {
        const sli_source *source = ingest->inputs[i].source;
        bool ends = ingest->inputs[i].receiver != NULL
                        ? sli_receiver_drained(ingest->inputs[i].receiver)
                        : source->ops->ended != NULL && source->ops->ended(source);
        if (!ends) {
            return false;
        }
    }
    return ingest->n_inputs > 0;
}

void sli_ingest_free(sli_ingest *ingest)
{
    if (ingest == NULL) {
        return;
    }
    if (ingest->wal_strand != NULL) {
        sli_strand_free(ingest->wal_strand);
    }
    for (int32_t i = 0; i < ingest->n_inputs; i++) {
        sli_source_close(ingest->inputs[i].source);
    }
    sl_free(ingest->inputs);
    sl_free(ingest);
}
