/// watermark.h — how far event time has come: what the lanes of the sources have shown, and the
/// watermark that follows.
///
/// A *lane* (source.h) is a part of a source that goes on from epoch to epoch. Each lane has a
/// latest event time; the slowest lane that is not idle decides:
///
///     watermark = max(watermark before, min over lanes of latest - delay)
///
/// When all lanes are idle, nobody holds back: the latest time of any of them decides. A lane that
/// is set aside leaves that much behind, and when it was seen.
///
/// Plain values, no clock, no store: track.c keeps them in the state.
#pragma once

#include "base/mem.h"

#define SLI_NO_TIME INT64_MIN ///< no event time yet: nothing is late, nothing is due

enum { SLI_MAX_LANES = 65536 }; ///< that are followed at once

typedef struct sli_lane {
    char *name;
    int64_t latest_us; ///< event time
    int64_t seen_us;   ///< batch time of the last epoch in which it had a row
} sli_lane;

typedef struct sli_lanes {
    sli_lane *items; ///< in order of names
    int32_t n, capacity;
    int64_t aside_us;      ///< latest event time of lanes that were set aside; SLI_NO_TIME: none
    int64_t aside_seen_us; ///< batch time of the last row of such a lane; SLI_NO_TIME: none
    int64_t watermark_us;  ///< of the last epoch
    int64_t promised_us; ///< the next epoch's is not before it (next_watermark.c); SLI_NO_TIME: any
    int64_t since_us;    ///< silence counts from here: first batch time of this life
} sli_lanes;

void sli_lanes_init(sli_lanes *lanes);
void sli_lanes_reset(sli_lanes *lanes); ///< frees, and as init
/// A lane has shown `latest_us` at a batch time. Fails: SL_E_NO_SPACE past SLI_MAX_LANES.
sl_code sli_lanes_show(sli_lanes *lanes, const char *name, int64_t latest_us, int64_t seen_us,
                       sl_error *err);
/// `idle_us` 0: never.
bool sli_lanes_is_idle(const sli_lanes *lanes, int32_t i, int64_t batch_time_us, int64_t idle_us);
/// Whether none of the lanes, those set aside included, had a row for so long; 0: never.
bool sli_lanes_are_silent(const sli_lanes *lanes, int64_t batch_time_us, int64_t silent_us);
/// Takes a lane out; its latest time stays as that of all that were set aside.
void sli_lanes_set_aside(sli_lanes *lanes, int32_t i);
/// The lane of that name; -1: there is none.
int32_t sli_lanes_find(const sli_lanes *lanes, const char *name);
/// The least latest time of any lane, those that are idle too; INT64_MAX without lanes.
int64_t sli_lanes_slowest(const sli_lanes *lanes);
/// The watermark of an epoch that goes by time `at_us`: one that does not go back.
static inline int64_t sli_lanes_onward(const sli_lanes *lanes, int64_t at_us)
{
    int64_t least_us =
        lanes->promised_us > lanes->watermark_us ? lanes->promised_us : lanes->watermark_us;
    return at_us > least_us ? at_us : least_us;
}
/// The watermark at a batch time: not before lanes->watermark_us, which stays, nor what was
/// promised.
int64_t sli_lanes_watermark(const sli_lanes *lanes, int64_t batch_time_us, int64_t idle_us,
                            int64_t delay_us);

/// a + b, or the nearest end of the range of times.
static inline int64_t sli_time_add(int64_t a, int64_t b)
{
    int64_t sum = 0;
    return __builtin_add_overflow(a, b, &sum) ? (b < 0 ? INT64_MIN : INT64_MAX) : sum;
}
