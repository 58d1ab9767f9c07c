/// kills.h — the moments at which the program is killed: in each phase in turn, and before any.
#pragma once

#include "life.h"

typedef struct slt_kills {
    int64_t before_us;     ///< every seventh life is killed within so long of its start
    uint32_t most_entries; ///< the others at the n-th entry into a phase, n up to this
    int64_t beyond_us;     ///< or up to so long after it
    // ---- of the kills
    unsigned short chance[3]; ///< of nrand48
    int32_t n, died_in[SLT_PHASES];
} slt_kills;

/// Begins with the seed SLUICE_SEED, or one of its own. The limits are set before.
void slt_kills_begin(slt_kills *kills);
/// A number below n.
int64_t slt_kills_draw(slt_kills *kills, int64_t n);
/// Waits for the next moment of this life, which has been started, and kills it.
void slt_kill_next(slt_kills *kills, slt_life *life);
/// Prints in which phases lives have died.
void slt_kills_tell(const slt_kills *kills);
