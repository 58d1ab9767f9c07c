// Lanes in order of names, and the watermark that follows from them.
#include "stream/event/watermark.h"

#include <string.h>

void sli_lanes_init(sli_lanes *lanes)
{
    *lanes = (sli_lanes){.aside_us = SLI_NO_TIME,
                         .aside_seen_us = SLI_NO_TIME,
                         .watermark_us = SLI_NO_TIME,
                         .promised_us = SLI_NO_TIME,
                         .since_us = SLI_NO_TIME};
}

void sli_lanes_reset(sli_lanes *lanes)
{
    for (int32_t i = 0; i < lanes->n; i++) {
        sl_free(lanes->items[i].name);
    }
    sl_free(lanes->items);
    sli_lanes_init(lanes);
}

/// Where the name is, or belongs.
static int32_t place_of(const sli_lanes *lanes, const char *name, bool *found)
{
    int32_t from = 0, to = lanes->n;
    *found = false;
    while (from < to && !*found) {
        int32_t middle = from + (to - from) / 2;
        int order = strcmp(lanes->items[middle].name, name);
        *found = order == 0;
        from = order < 0 ? middle + 1 : *found ? middle : from;
        to = order > 0 ? middle : to;
    }
    return from;
}

int32_t sli_lanes_find(const sli_lanes *lanes, const char *name)
{
    bool found = false;
    int32_t at = place_of(lanes, name, &found);
    return found ? at : -1;
}

int64_t sli_lanes_slowest(const sli_lanes *lanes)
{
    int64_t least_us = INT64_MAX;
    for (int32_t i = 0; i < lanes->n; i++) {
        least_us = lanes->items[i].latest_us < least_us ? lanes->items[i].latest_us : least_us;
    }
    return least_us;
}

static sl_code make_room(sli_lanes *lanes, sl_error *err)
{
    if (lanes->n < lanes->capacity) {
        return SL_OK;
    }
    if (lanes->n == SLI_MAX_LANES) {
        return sl_error_set(err, SL_E_NO_SPACE,
                            "event time of more than %d partitions of sources at once: repartition "
                            "the stream before sl_stream_event_time",
                            SLI_MAX_LANES);
    }
    int32_t capacity = lanes->capacity == 0 ? 8 : lanes->capacity * 2;
    sli_lane *more = sl_realloc(SLI_TAG_STREAM, lanes->items, (size_t)capacity * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "partitions of event time");
    }
    lanes->items = more;
    lanes->capacity = capacity;
    return SL_OK;
}

static sl_code add_lane(sli_lanes *lanes, int32_t at, const char *name, sli_lane lane,
                        sl_error *err)
{
    SL_TRY(make_room(lanes, err));
    lane.name = sl_strdup(SLI_TAG_STREAM, name);
    if (lane.name == NULL) {
        return sl_error_nomem(err, strlen(name), "a partition's name");
    }
    memmove(lanes->items + at + 1, lanes->items + at, (size_t)(lanes->n - at) * sizeof lane);
    lanes->items[at] = lane;
    lanes->n++;
    return SL_OK;
}

sl_code sli_lanes_show(sli_lanes *lanes, const char *name, int64_t latest_us, int64_t seen_us,
                       sl_error *err)
{
    bool found = false;
    int32_t at = place_of(lanes, name, &found);
    if (!found) {
        return add_lane(lanes, at, name, (sli_lane){NULL, latest_us, seen_us}, err);
    }
    sli_lane *lane = &lanes->items[at];
    lane->latest_us = latest_us > lane->latest_us ? latest_us : lane->latest_us;
    lane->seen_us = seen_us > lane->seen_us ? seen_us : lane->seen_us;
    return SL_OK;
}

/// Whether so long has passed since a row, or since this life began.
static bool has_passed(const sli_lanes *lanes, int64_t seen_us, int64_t batch_time_us,
                       int64_t idle_us)
{
    int64_t from_us = seen_us > lanes->since_us ? seen_us : lanes->since_us;
    return idle_us > 0 && batch_time_us >= sli_time_add(from_us, idle_us);
}

bool sli_lanes_is_idle(const sli_lanes *lanes, int32_t i, int64_t batch_time_us, int64_t idle_us)
{
    return has_passed(lanes, lanes->items[i].seen_us, batch_time_us, idle_us);
}

bool sli_lanes_are_silent(const sli_lanes *lanes, int64_t batch_time_us, int64_t silent_us)
{
    int64_t seen_us = lanes->aside_seen_us;
    for (int32_t i = 0; i < lanes->n; i++) {
        seen_us = lanes->items[i].seen_us > seen_us ? lanes->items[i].seen_us : seen_us;
    }
    return has_passed(lanes, seen_us, batch_time_us, silent_us);
}

void sli_lanes_set_aside(sli_lanes *lanes, int32_t i)
{
    sli_lane lane = lanes->items[i];
    lanes->aside_us = lane.latest_us > lanes->aside_us ? lane.latest_us : lanes->aside_us;
    lanes->aside_seen_us =
        lane.seen_us > lanes->aside_seen_us ? lane.seen_us : lanes->aside_seen_us;
    sl_free(lane.name);
    lanes->n--;
    memmove(lanes->items + i, lanes->items + i + 1, (size_t)(lanes->n - i) * sizeof lane);
}

int64_t sli_lanes_watermark(const sli_lanes *lanes, int64_t batch_time_us, int64_t idle_us,
                            int64_t delay_us)
{
    int64_t slowest = INT64_MAX, latest = lanes->aside_us;
    for (int32_t i = 0; i < lanes->n; i++) {
        int64_t time_us = lanes->items[i].latest_us;
        latest = time_us > latest ? time_us : latest;
        if (!sli_lanes_is_idle(lanes, i, batch_time_us, idle_us)) {
            slowest = time_us < slowest ? time_us : slowest;
        }
    }
    int64_t reached = slowest < INT64_MAX ? slowest : latest;
    int64_t watermark = reached == SLI_NO_TIME ? SLI_NO_TIME : sli_time_add(reached, -delay_us);
    return sli_lanes_onward(lanes, watermark);
}
