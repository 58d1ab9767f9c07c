/// event_rows.h — rows with an event time, for limit/event.c and perf/event.c: both see equal rows
/// and add their results to equal sums.
///
/// An epoch's rows are of one second, each up to two seconds late. A turn is EVENT_EPOCHS epochs
/// and one row far ahead, with key -1, which lets every window end; it counts in no sum. The next
/// turn begins where that row was.
#pragma once
#include "limit.h"

enum {
    EVENT_EPOCHS = 40,
    EVENT_ROWS = 262144, ///< an epoch
    EVENT_KEYS = 10000,
    EVENT_LATE_US = 2000000,
    EVENT_SECOND_US = 1000000,
    EVENT_WINDOW_US = 10000000, ///< "10s"
};
#define EVENT_TURN_US INT64_C(3600000000)
#define EVENT_BEGIN_US INT64_C(1600000000000000) ///< the first turn's first second, long ago

static inline int64_t event_turn_us(int64_t turn)
{
    return EVENT_BEGIN_US + turn * EVENT_TURN_US;
}

/// Rows of one epoch of a turn.
static inline void event_rows(int64_t turn, int64_t epoch, uint64_t *random, int64_t *times,
                              int64_t *keys)
{
    int64_t from_us = event_turn_us(turn) + epoch * EVENT_SECOND_US;
    for (int64_t i = 0; i < EVENT_ROWS; i++) {
        int64_t late_us = (int64_t)limit_below(random, EVENT_LATE_US);
        times[i] = from_us + i * EVENT_SECOND_US / EVENT_ROWS - late_us;
        keys[i] = (int64_t)limit_below(random, EVENT_KEYS);
    }
}

/// What a result adds to a turn's sum, in whatever order results come.
static inline uint64_t event_sum(int64_t start_us, int64_t key, int64_t n)
{
    uint64_t h = ((uint64_t)start_us + (uint64_t)key * 0x9E3779B97F4A7C15u) * 0xD6E8FEB86659FD93u;
    return key < 0 ? 0 : (h ^ h >> 32) * (uint64_t)n;
}
