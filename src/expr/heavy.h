/// heavy.h — the most frequent of a multitude of values, in room for a few: Space-Saving (Metwally,
/// Agrawal, El Abbadi 2005) in the form in which summaries merge (Agarwal et al. 2012).
///
/// A value that is counted has a counter; of those that are not, `floor` says how often each may
/// have come at most. A new value gets a counter that starts there:
///
///     count = floor + 1, error = floor          count - error <= how often it came <= count
///
/// At twice `capacity` counters the smaller ones go, down to the `capacity` largest; the floor
/// becomes the largest count that went. Space-Saving replaces one counter a value, for which it
/// must always know the smallest; this does as much work once for many. The bound is the same:
/// whenever the floor rises by d, more than `capacity` counters were d above it, so that floor <= n
/// / (capacity + 1).
#pragma once

#include "expr/expr_int.h"

enum {
    SLI_HEAVY_MAX = 100000,        ///< the largest capacity
    SLI_HEAVY_MAX_BYTES = 1 << 28, ///< of one summary's texts
};

typedef struct sli_heavy_counter {
    int64_t bits; ///< of the value (sli_vec_hash), or its text's offset
    int64_t count, error;
    int32_t size; ///< of a text
    uint32_t hash;
} sli_heavy_counter;

/// What does not change between calls on one summary.
typedef struct sli_heavy_kind {
    sl_type type; ///< of the values
    int32_t capacity;
} sli_heavy_kind;

typedef struct sli_heavy {
    sli_heavy_counter *counters; ///< its own; in the order of coming
    char *bytes;                 ///< its own: of texts
    int32_t *slots;              ///< its own: index of a counter + 1, 0 empty; NULL: few, searched
    int64_t floor;
    int32_t n, room, n_slots, n_bytes, bytes_room;
} sli_heavy; ///< zeroed: no values

/// A value: its bits, or for texts `text`.
typedef struct sli_heavy_value {
    int64_t bits;
    sl_text text;
} sli_heavy_value;

void sli_heavy_reset(sli_heavy *self); ///< frees and empties it
int64_t sli_heavy_bytes(const sli_heavy *self);
/// Counts a value that has a counter; false: it has none, and nothing was done.
bool sli_heavy_hit(sli_heavy *self, const sli_heavy_kind *kind, const sli_heavy_value *value);
/// Fails: SL_E_NOMEM; SL_E_DATA when texts are too long together.
sl_code sli_heavy_add(sli_heavy *self, const sli_heavy_kind *kind, sli_heavy_value value,
                      sl_error *err);
/// Adds what is written in `bytes` (README.md), which may be anything. *good is false when no
/// values can have made it; self is good for reset only then. Fails: as sli_heavy_add.
sl_code sli_heavy_merge(sli_heavy *self, const sli_heavy_kind *kind, sl_bytes bytes, bool *good,
                        sl_error *err);
void sli_heavy_write(const sli_heavy *self, const sli_heavy_kind *kind, sli_str *out);
/// Indices of the counters with the largest counts, falling, equal ones by value: the first `most`.
/// out: room for all. Gives how many.
int32_t sli_heavy_top(const sli_heavy *self, const sli_heavy_kind *kind, int32_t most,
                      int32_t *out);
