/// lane.c — partitions as they are offered: the chunks of each, what epochs have taken of them, and
/// the order of lanes.
///
/// Nothing here locks: what the mutex of the source guards is said in kafka_int.h.
#include "source/kafka/kafka_int.h"

// ---------------------------------------------------------------- a lane

kafka_lane *kafka_lane_new(const char *topic, int32_t partition, int64_t offset)
{
    kafka_lane *lane = sl_alloc_zero(SLI_TAG_SOURCE, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    *lane = (kafka_lane){.topic = sl_strdup(SLI_TAG_SOURCE, topic),
                         .partition = partition,
                         .id = -1,
                         .state = KAFKA_UNSEEN,
                         .before = KAFKA_NO_MARK,
                         .last = KAFKA_NO_MARK,
                         .high = -1,
                         .position = offset,
                         .kept = offset,
                         .reached = offset,
                         .next = offset};
    if (lane->topic == NULL) {
        sl_free(lane);
        return NULL;
    }
    lane->end = &lane->first;
    return lane;
}

void kafka_chunks_unref(kafka_chunk *list)
{
    while (list != NULL) {
        kafka_chunk *next = list->next;
        kafka_chunk_unref(list);
        list = next;
    }
}

void kafka_lane_free(kafka_lane *lane)
{
    if (lane != NULL) {
        kafka_lane_free(lane->heir);
        kafka_chunks_unref(lane->first);
        kafka_chunk_unref(lane->open);
        sl_free(lane->topic);
        sl_free(lane);
    }
}

void kafka_lane_push(kafka_lane *lane, kafka_chunk *chunk)
{
    *lane->end = chunk;
    lane->end = &chunk->next;
    lane->n_ahead += chunk->n;
    if (lane->at == NULL) {
        lane->at = chunk;
        lane->at_row = 0;
    }
}

/// Takes up to `n` records of the chunk that is next; returns how many. *freed grows when none of
/// it is left.
static int64_t take_some(kafka_lane *lane, int64_t n, int64_t *freed)
{
    kafka_chunk *chunk = lane->at;
    int64_t left = chunk->n - lane->at_row;
    n = n < left ? n : left;
    int32_t last = lane->at_row + (int32_t)n - 1;
    lane->last = (kafka_mark){chunk->offsets[last], chunk->times_us[last]};
    lane->at_row += (int32_t)n;
    if (n == left) {
        *freed += chunk->bytes;
        lane->at = chunk->next;
        lane->at_row = 0;
    }
    return n;
}

int64_t kafka_lane_take(kafka_lane *lane, int64_t n, kafka_piece *out)
{
    int64_t taken = 0, freed = 0;
    n = n < lane->n_ahead ? n : lane->n_ahead;
    int64_t from = lane->next;
    while (taken < n) {
        taken += take_some(lane, n - taken, &freed);
    }
    lane->n_ahead -= taken;
    lane->next = lane->n_ahead == 0 ? lane->reached : lane->last.offset + 1;
    *out = (kafka_piece){.topic = lane->topic,
                         .partition = lane->partition,
                         .lane = lane->number,
                         .from = from,
                         .to = lane->next,
                         .records = taken,
                         .last = lane->last};
    return freed;
}

kafka_chunk *kafka_lane_trim(kafka_lane *lane)
{
    kafka_chunk *list = lane->first;
    if (list == lane->at) {
        list = NULL;
    } else if (lane->at == NULL) {
        lane->first = NULL;
        lane->end = &lane->first;
    } else {
        kafka_chunk *last = list;
        while (last->next != lane->at) {
            last = last->next;
        }
        last->next = NULL;
        lane->first = lane->at;
    }
    lane->kept = lane->next;
    return list;
}

int64_t kafka_lane_lag(const kafka_lane *lane)
{
    int64_t lag = lane->high - lane->next;
    return lag > lane->n_ahead ? lag : lane->n_ahead;
}

// ---------------------------------------------------------------- lanes in order

static int order_of(const kafka_lane *lane, const char *topic, int32_t partition)
{
    int order = strcmp(lane->topic, topic);
    return order != 0 ? order : (lane->partition > partition) - (lane->partition < partition);
}

/// The first lane that is not before this place.
static int32_t place_of(const kafka_lanes *lanes, const char *topic, int32_t partition)
{
    int32_t from = 0, to = lanes->n;
    while (from < to) {
        int32_t middle = from + (to - from) / 2;
        if (order_of(lanes->items[middle], topic, partition) < 0) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return from;
}

kafka_lane *kafka_lanes_find(const kafka_lanes *lanes, const char *topic, int32_t partition)
{
    int32_t at = place_of(lanes, topic, partition);
    return at < lanes->n && order_of(lanes->items[at], topic, partition) == 0 ? lanes->items[at]
                                                                              : NULL;
}

static sl_code grow(kafka_lanes *lanes, sl_error *err)
{
    if (lanes->n == SLI_KAFKA_MAX_LANES) {
        return sl_error_set(err, SL_E_INVALID, "more than %d partitions", SLI_KAFKA_MAX_LANES);
    }
    if (lanes->n < lanes->capacity) {
        return SL_OK;
    }
    int32_t capacity = lanes->capacity == 0 ? 16 : lanes->capacity * 2;
    kafka_lane **items =
        sl_realloc(SLI_TAG_SOURCE, lanes->items, (size_t)capacity * sizeof(kafka_lane *));
    if (items == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof(kafka_lane *), "partitions");
    }
    lanes->items = items;
    lanes->capacity = capacity;
    return SL_OK;
}

sl_code kafka_lanes_add(kafka_lanes *lanes, kafka_lane *lane, sl_error *err)
{
    sl_code rc = grow(lanes, err);
    if (rc != SL_OK) {
        kafka_lane_free(lane);
        return rc;
    }
    int32_t at = place_of(lanes, lane->topic, lane->partition);
    memmove(lanes->items + at + 1, lanes->items + at,
            (size_t)(lanes->n - at) * sizeof(kafka_lane *));
    lanes->items[at] = lane;
    lanes->n++;
    return SL_OK;
}

void kafka_lanes_reset(kafka_lanes *lanes)
{
    for (int32_t i = 0; i < lanes->n; i++) {
        kafka_lane_free(lanes->items[i]);
    }
    sl_free(lanes->items);
    *lanes = (kafka_lanes){0};
}
