// The range of a batch's event times.
#include "stream/event/times.h"

enum { LANES = 4 }; ///< that don't wait for each other: with one, a row takes three times as long

bool sli_times_range(const sl_column *times, sli_time_range *out)
{
    if (times->n_rows == 0 || times->n_nulls > 0) {
        return false;
    }
    const int64_t *at = times->values;
    int64_t least[LANES], most[LANES], row = 0;
    for (int32_t lane = 0; lane < LANES; lane++) {
        least[lane] = most[lane] = at[0];
    }
    for (; row + LANES <= times->n_rows; row += LANES) {
        for (int32_t lane = 0; lane < LANES; lane++) {
            int64_t time_us = at[row + lane];
            least[lane] = time_us < least[lane] ? time_us : least[lane];
            most[lane] = time_us > most[lane] ? time_us : most[lane];
        }
    }
    for (; row < times->n_rows; row++) {
        least[0] = at[row] < least[0] ? at[row] : least[0];
        most[0] = at[row] > most[0] ? at[row] : most[0];
    }
    for (int32_t lane = 1; lane < LANES; lane++) {
        least[0] = least[lane] < least[0] ? least[lane] : least[0];
        most[0] = most[lane] > most[0] ? most[lane] : most[0];
    }
    *out = (sli_time_range){least[0], most[0]};
    return true;
}
