/// works.h — the works that wait for a strand: a ring that grows. Both worlds' strands have one.
///
/// Thread: one at a time; the owner locks.
#pragma once

#include "env/env_int.h"

typedef struct sli_work {
    sli_work_fn fn;
    void *ctx;
} sli_work;

typedef struct sli_works {
    sli_work *ring; ///< `capacity` entries, a power of two
    size_t first, n, capacity;
} sli_works;

/// Room for the first ones. False without memory.
bool sli_works_init(sli_works *works);
void sli_works_reset(sli_works *works);
/// Behind the others. False when SLI_STRAND_LIMIT wait, or without memory.
bool sli_works_put(sli_works *works, sli_work work);
/// The first one. False when there is none.
bool sli_works_take(sli_works *works, sli_work *out);
