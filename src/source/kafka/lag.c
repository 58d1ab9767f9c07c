/// lag.c — how far partitions lag behind, for people and their tools: a gauge each, and the offsets
/// of committed epochs on record for a consumer group.
///
/// Both are information: nothing here is ever read back, and a note that is lost is made up for by
/// the next one.
#include "source/kafka/kafka_int.h"

// ---------------------------------------------------------------- gauges

static sli_metric *gauge_of(const kafka_source *self, const kafka_lane *lane)
{
    sli_str label = {.tag = SLI_TAG_SOURCE};
    sli_str_printf(&label, "%s" SLI_METRIC_APART "%s" SLI_METRIC_APART "%d", self->common.env.uid,
                   lane->topic, (int)lane->partition);
    sli_metric *gauge = sli_str_check(&label, "a gauge's name", NULL) == SL_OK
                            ? sli_metrics_series(self->common.env.metrics,
                                                 &sli_kafka_metrics[KAFKA_LAG], label.data)
                            : NULL;
    sli_str_reset(&label);
    return gauge;
}

void kafka_lag_show(kafka_source *self)
{
    for (int32_t i = 0; i < self->lanes.n && self->common.env.metrics != NULL; i++) {
        kafka_lane *lane = self->lanes.items[i];
        if (lane->lag == NULL) {
            lane->lag = gauge_of(self, lane);
        }
        if (lane->lag != NULL) {
            sli_metric_set(lane->lag, lane->is_over ? lane->n_ahead : kafka_lane_lag(lane));
        }
    }
}

// ---------------------------------------------------------------- the group

static sl_code note_pieces(kafka_source *self, sl_bytes range, sl_arena *arena, sl_error *err)
{
    kafka_pieces pieces = {0};
    SL_TRY(kafka_range_get(range, arena, &pieces, err));
    sli_kafka_spot *spots = sl_arena_alloc(arena, ((size_t)pieces.n + 1) * sizeof *spots);
    if (spots == NULL) {
        return sl_error_nomem(err, (size_t)pieces.n * sizeof *spots, "offsets of a group");
    }
    for (int32_t i = 0; i < pieces.n; i++) {
        const kafka_piece *piece = &pieces.items[i];
        spots[i] = (sli_kafka_spot){piece->topic, piece->partition, piece->to};
    }
    sli_kafka_gate.note(self->client, self->wanted.group, spots, pieces.n);
    return SL_OK;
}

void kafka_forget(sli_source *source, sl_bytes range)
{
    kafka_source *self = (kafka_source *)source;
    const char *group = self->wanted.group;
    if (group == NULL || *group == '\0' || range.size == 0) {
        return;
    }
    sl_error error = SL_ERROR_INIT;
    sl_arena *arena = sl_arena_new(SLI_TAG_SOURCE);
    sl_code rc = arena == NULL ? sl_error_nomem(&error, 0, "offsets of a group")
                               : note_pieces(self, range, arena, &error);
    if (rc != SL_OK) {
        SLI_LOG(self->common.env.log, SLI_WARN, "source", "kafka: group %s is not told: %s", group,
                error.text);
    }
    sl_arena_free(arena);
}
