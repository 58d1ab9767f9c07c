/// lost.c — records that should be there and are not: a job that must not lose any stops and says
/// which; another one counts them, says the same, and goes on.
#include <stdio.h>

#include "source/kafka/kafka_int.h"

sl_code kafka_lost_tell(kafka_source *self, int64_t n, sl_error *err, const char *fmt, ...)
{
    char text[320];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    if (self->stops_at_loss) {
        (void)sl_error_set(err, SL_E_NOT_FOUND,
                           "kafka: %s (fail_on_data_loss=false counts that and goes on)", text);
        (void)sl_error_act(err, SL_ACT_STOP_JOB);
        return SL_E_NOT_FOUND;
    }
    SLI_LOG(self->common.env.log, SLI_WARN, "source", "kafka: %s; going on without", text);
    if (n > 0 && self->lost != NULL) {
        sli_metric_add(self->lost, n);
    }
    return SL_OK;
}

/// Offsets that are known to have been there and were not read.
static int64_t unread(const kafka_lane *lane)
{
    return lane->high > lane->position ? lane->high - lane->position : 0;
}

sl_code kafka_lost_gone(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    SL_TRY(
        kafka_lost_tell(self, unread(lane), err,
                        "%s partition %d is gone from the cluster; it was read up to offset %lld",
                        lane->topic, (int)lane->partition, (long long)lane->position));
    return kafka_fetch_over(self, lane, err);
}

/// The partition begins anew: the next look gives it a lane of its own.
static sl_code begin_anew(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    self->look_us = INT64_MIN;
    return kafka_fetch_over(self, lane, err);
}

sl_code kafka_lost_remade(kafka_source *self, kafka_lane *lane, int64_t time_us, sl_error *err)
{
    SL_TRY(kafka_lost_tell(
        self, unread(lane), err,
        "%s partition %d was made anew: the record at offset %lld has the time %lld ms, the one "
        "that was read there had %lld ms",
        lane->topic, (int)lane->partition, (long long)lane->before.offset,
        (long long)(time_us / 1000), (long long)(lane->before.time_us / 1000)));
    return begin_anew(self, lane, err);
}

/// The position lies behind all that is there.
static sl_code is_behind(kafka_source *self, kafka_lane *lane, int64_t first, int64_t end,
                         sl_error *err)
{
    SL_TRY(kafka_lost_tell(
        self, unread(lane), err,
        "%s partition %d was made anew, or has lost its end: it was read up to offset %lld, and "
        "%lld to %lld are there",
        lane->topic, (int)lane->partition, (long long)lane->position, (long long)first,
        (long long)end));
    return begin_anew(self, lane, err);
}

/// What lies before the first record kept has aged out.
static sl_code has_aged(kafka_source *self, kafka_lane *lane, int64_t first, sl_error *err)
{
    SL_TRY(kafka_lost_tell(self, first - lane->position, err,
                           "%s partition %d: offsets %lld to %lld were not read yet and are gone; "
                           "the first that is kept is %lld",
                           lane->topic, (int)lane->partition, (long long)lane->position,
                           (long long)first - 1, (long long)first));
    lane->position = first;
    lane->before = KAFKA_NO_MARK;
    lane->state = KAFKA_DUE;
    return SL_OK;
}

sl_code kafka_offsets_of(kafka_source *self, sli_kafka *client, const kafka_place *place,
                         int64_t *first, int64_t *end, sl_error *err)
{
    sli_kafka_spot spot = {place->topic, place->partition, 0};
    SL_TRY(sli_kafka_gate.offsets(client, SLI_KAFKA_EARLIEST, 0, &spot, 1, kafka_ask_until(self),
                                  err));
    *first = spot.offset;
    SL_TRY(
        sli_kafka_gate.offsets(client, SLI_KAFKA_LATEST, 0, &spot, 1, kafka_ask_until(self), err));
    *end = spot.offset;
    return SL_OK;
}

sl_code kafka_lost_settle(kafka_source *self, kafka_lane *lane, sl_error *err)
{
    int64_t first = 0, end = 0;
    kafka_place place = {lane->topic, lane->partition};
    sl_code rc = kafka_offsets_of(self, self->client, &place, &first, &end, err);
    if (rc == SL_E_NOT_FOUND) {
        return kafka_lost_gone(self, lane, err);
    }
    SL_TRY(rc);
    if (lane->position < first) {
        return has_aged(self, lane, first, err);
    }
    if (lane->position > end) {
        return is_behind(self, lane, first, end, err);
    }
    bool had_mark = lane->before.offset >= 0; // which has aged out: the position has not
    lane->before = KAFKA_NO_MARK;
    lane->state = KAFKA_DUE;
    return had_mark ? SL_OK
                    : sl_error_set(err, SL_E_IO,
                                   "kafka: %s partition %d can't be read at offset %lld now",
                                   lane->topic, (int)lane->partition, (long long)lane->position);
}
