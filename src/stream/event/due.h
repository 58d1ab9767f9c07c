/// due.h — the index by time of a table: which of its keys are due once the watermark is somewhere.
///
/// In memory beside the state, one a partition, made again from the table at every start. It is
/// asked while an epoch runs and changed only when the epoch has been completed, so a task that
/// runs again or fails finds it as it was. It may name a key that is gone, or not due yet after
/// all, or twice: whoever asks looks the key up. It never misses one.
///
/// Keys come as *runs*: what one task has noted, sorted by time and key bytes in that task, lies in
/// a list of chunks. The index takes a run over as it is, so the driver copies nothing. What is due
/// is a prefix of each run: listing merges the prefixes, dropping moves on and frees the chunks
/// that lie behind. When there are as many runs as SLI_DUE_RUNS, the smaller half is merged into
/// one, so that a key is copied about once each time the index grows by that factor (the tiers of
/// O'Neil et al., "The log-structured merge-tree", 1996).
///
/// What is listed is in order of time and key bytes, so neither the runs nor the order in which
/// keys came reaches a result.
#pragma once

#include "base/arena.h"

enum { SLI_DUE_RUNS = 64 }; ///< never more at once

typedef struct sli_due_key {
    int64_t at_us;
    int32_t slot;
    uint32_t size;
    char key[];
} sli_due_key;

/// Keys, one behind the other at multiples of 8 bytes.
typedef struct sli_due_chunk {
    struct sli_due_chunk *next;
    size_t used, capacity;
    char bytes[];
} sli_due_chunk;

/// Keys in order of time and bytes; those before `at` in the first chunk are gone.
typedef struct sli_due_run {
    sli_due_chunk *first, *last;
    size_t at;
    int64_t n, bytes; ///< keys; memory of the chunks
} sli_due_run;

/// What a task notes: in order of coming, until it is sorted. Zero it before the first use.
typedef struct sli_due_notes {
    sli_due_run run;
    bool is_sorted; ///< nothing has been added since
} sli_due_notes;

typedef struct sli_due {
    sli_due_run *runs; ///< room for SLI_DUE_RUNS; NULL before the first
    int32_t n;
    int64_t n_keys, bytes; ///< of all runs
} sli_due;

void sli_due_notes_reset(sli_due_notes *notes); ///< frees
sl_code sli_due_note(sli_due_notes *notes, int64_t at_us, int32_t slot, sl_bytes key,
                     sl_error *err);
/// Puts them in order. They take up to twice the memory meanwhile. After a failure they are as they
/// were.
sl_code sli_due_sort(sli_due_notes *notes, sl_error *err);

void sli_due_reset(sli_due *due); ///< frees; zero it before the first use
/// Takes the notes over, sorting them first if nobody has, and leaves none. After a failure the
/// notes are still there.
sl_code sli_due_take(sli_due *due, sli_due_notes *notes, sl_error *err);
/// The earliest time; INT64_MAX when there is none.
int64_t sli_due_first(const sli_due *due);
/// What is due at `now_us`, in order; it stays. The list lies in the arena.
sl_code sli_due_list(const sli_due *due, int64_t now_us, sl_arena *arena,
                     const sli_due_key *const **out, int32_t *n, sl_error *err);
void sli_due_drop(sli_due *due, int64_t now_us); ///< removes what is due at `now_us`
int64_t sli_due_footprint(const sli_due *due);   ///< bytes of memory
/// The order of two keys' bytes.
int sli_due_compare(const sli_due_key *a, const sli_due_key *b);
