// Spark's PID rate estimator, formula for formula, and the limits that it and the settings make.
#include "ingest/ingest_int.h"

bool sli_pid_update(sli_pid *pid, int64_t time_us, int64_t rows, int64_t processing_us,
                    int64_t scheduling_us, double *rate)
{
    bool later = !pid->first_done || time_us > pid->latest_time_us;
    if (!later || rows <= 0 || processing_us <= 0) {
        return false;
    }
    double since = (double)(time_us - pid->latest_time_us) / 1e6;
    double processing_rate = (double)rows / (double)processing_us * 1e6;
    double error = pid->latest_rate - processing_rate;
    // The rows that waited, spread over an interval: what the integral term stands for in Spark.
    double historical = (double)scheduling_us * processing_rate / (double)pid->interval_us;
    double derivative = (error - pid->latest_error) / since;
    double wanted = pid->latest_rate - pid->proportional * error - pid->integral * historical -
                    pid->derived * derivative;
    pid->latest_time_us = time_us;
    if (!pid->first_done) {
        pid->first_done = true;
        pid->latest_rate = processing_rate;
        pid->latest_error = 0;
        return false;
    }
    pid->latest_rate = wanted > pid->min_rate ? wanted : pid->min_rate;
    pid->latest_error = error;
    *rate = pid->latest_rate;
    return true;
}

static sli_ingest_input *input_of(sli_ingest *ingest, const sli_source *source)
{
    for (int32_t i = 0; i < ingest->n_inputs; i++) {
        if (ingest->inputs[i].source == source) {
            return &ingest->inputs[i];
        }
    }
    return NULL;
}

/// Rows of an epoch, at least one.
static int64_t limit_of(const sli_ingest *ingest, const sli_ingest_input *input,
                        int64_t interval_us)
{
    double rate = input->rate;
    if (rate <= 0 && ingest->backpressure && ingest->initial_rate > 0) {
        rate = (double)ingest->initial_rate; // the first epoch after a backlog is limited too
    }
    bool receives = input->receiver != NULL;
    if (receives && ingest->max_rate > 0 && (rate <= 0 || rate > (double)ingest->max_rate)) {
        rate = (double)ingest->max_rate;
    }
    if (rate <= 0) {
        return INT64_MAX;
    }
    double rows = rate * (double)interval_us / 1e6;
    return rows < 1 ? 1 : rows > 9e18 ? INT64_MAX : (int64_t)rows;
}

/// Cuts a receiver's blocks so that an epoch can keep to the limit: at what a block interval's
/// share of it is, as in Spark.
static void cut_blocks(sli_receiver *receiver, int64_t limit, int64_t interval_us)
{
    int64_t rows = 0;
    if (limit < INT64_MAX) {
        double share = (double)receiver->ingest->block_interval_us / (double)interval_us;
        rows = share >= 1 ? limit : (int64_t)((double)limit * share);
        rows = rows < 1 ? 1 : rows;
    }
    sli_mutex_lock(&receiver->mutex);
    receiver->block_rows = rows;
    sli_mutex_unlock(&receiver->mutex);
}

static bool is_paced(const sli_ingest_input *input)
{
    return input->receiver != NULL || input->source->ops->paced;
}

int64_t sli_ingest_limit(sli_ingest *ingest, const sli_source *source, int64_t interval_us)
{
    const sli_ingest_input *input = input_of(ingest, source);
    if (input == NULL || !is_paced(input)) {
        return INT64_MAX;
    }
    int64_t limit = limit_of(ingest, input, interval_us);
    if (input->receiver != NULL) {
        cut_blocks(input->receiver, limit, interval_us);
    }
    return limit;
}

void sli_ingest_epoch_done(sli_ingest *ingest, const sli_source *source, int64_t time_us,
                           int64_t rows, int64_t processing_us, int64_t scheduling_us)
{
    sli_ingest_input *input = input_of(ingest, source);
    if (input == NULL || !is_paced(input) || !ingest->backpressure) {
        return;
    }
    double rate = 0;
    if (sli_pid_update(&input->pid, time_us, rows, processing_us, scheduling_us, &rate)) {
        input->rate = rate;
    }
}
