/// due.h — the index by time of a table: which of its keys are due once the watermark is somewhere.
///
/// In memory beside the state, one a partition, made again from the table at every start. It is
/// asked while an epoch runs and changed only when the epoch has been completed, so a task that
/// runs again or fails finds it as it was. It may name a key that is gone, or not due yet after
/// all, or twice: whoever asks looks the key up. It never misses one.
///
/// A binary heap. What is due is put in order of time and key bytes, so neither the heap's shape
/// nor the order in which keys came reaches a result.
#pragma once

#include "base/arena.h"

typedef struct sli_due_key {
    int64_t at_us;
    int32_t slot;
    uint32_t size;
    char key[];
} sli_due_key;

typedef struct sli_due {
    sli_due_key **heap;
    int32_t n, capacity;
    int64_t bytes; ///< of the keys
} sli_due;

void sli_due_reset(sli_due *due); ///< frees; zero it before the first use
sl_code sli_due_add(sli_due *due, int64_t at_us, int32_t slot, sl_bytes key, sl_error *err);
/// The earliest time; INT64_MAX when there is none.
int64_t sli_due_first(const sli_due *due);
/// What is due at `now_us`, in order; it stays. The list lies in the arena.
sl_code sli_due_list(const sli_due *due, int64_t now_us, sl_arena *arena,
                     const sli_due_key *const **out, int32_t *n, sl_error *err);
void sli_due_drop(sli_due *due, int64_t now_us); ///< removes what is due at `now_us`
int64_t sli_due_footprint(const sli_due *due);   ///< bytes of memory
