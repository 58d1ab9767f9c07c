// Why the clock holds an offset instead of asking for the wall time at every tick: see clock.h.
#include "stream/clock.h"

void sli_clock_init(sli_clock *clock, sl_env *env, int64_t interval_us, int64_t last_time_us,
                    bool catch_up)
{
    int64_t wall = sli_env_wall_us(env);
    int64_t next = (wall / interval_us + 1) * interval_us;
    if (last_time_us > 0 && (catch_up || next <= last_time_us)) {
        next = (last_time_us / interval_us + 1) * interval_us;
    }
    *clock = (sli_clock){
        .interval_us = interval_us,
        .offset_us = wall - sli_env_mono_us(env),
        .next_time_us = next,
    };
}

int64_t sli_clock_due_us(const sli_clock *clock)
{
    return clock->next_time_us - clock->offset_us;
}

void sli_clock_tick(sli_clock *clock)
{
    clock->next_time_us += clock->interval_us;
}
