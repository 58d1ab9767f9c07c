/// due_sort.h — keys into order of time and bytes; for due.c.
#pragma once

#include "stream/event/due.h"

/// A key and some bits of what it is sorted by.
typedef struct sli_due_rank {
    uint64_t rank; ///< need not be set
    const sli_due_key *key;
} sli_due_rank;

/// Sorts n keys by time, those of one time by their bytes. `spare` has room for n.
void sli_due_sort_ranks(sli_due_rank *ranks, sli_due_rank *spare, int64_t n);
