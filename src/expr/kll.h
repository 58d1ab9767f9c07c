/// kll.h — a sketch of a multitude of numbers that answers any quantile (Karnin, Lang, Liberty:
/// Optimal quantile approximation in streams, 2016).
///
/// A sketch has levels; an item of level h stands for 2^h values. When it is full, the lowest level
/// that has its share is *compacted*: it is sorted, and every second item goes one level up:
///
///     level 0   5 1 8 2 9 4        sorted: 1 2 4 5 8 9
///     level 1   3 7                gets 1 4 8 (or 2 5 9), each for two: 1 3 4 7 8
///
/// Which half goes is the paper's coin. It is thrown here by a hash of the number of values so far,
/// the level and some of its items: every run throws the same, wherever and whenever it runs, and
/// two sketches that hold different values throw independently. Equal calls give equal bytes.
///
/// Items are int64; who has other numbers maps them so that the order stays (sli_kll_of_float).
#pragma once

#include "expr/expr_int.h"

#define SLI_KLL_MIN_ERROR 0.0005
#define SLI_KLL_MAX_ERROR 0.25
enum { SLI_KLL_MAX_LEVELS = 60 };

/// A few values cost their own size: there are as many items as came, and no table of levels.
typedef struct sli_kll {
    int64_t rows;   ///< values so far
    int64_t *items; ///< its own; the highest level first, level 0 last, in the order of coming
    int32_t *sizes; ///< its own: items of each level but 0; NULL: all are of level 0
    int32_t n, room;
    int32_t above;  ///< items that are not of level 0
    int32_t levels; ///< 0: no values
    int32_t full;   ///< items at which it is compacted
} sli_kll;          ///< zeroed: no values

/// The parameter k for a rank error (README.md): about the items of the highest level.
int32_t sli_kll_k(double error);
void sli_kll_reset(sli_kll *self); ///< frees and empties it
int64_t sli_kll_bytes(const sli_kll *self);
/// Fails: SL_E_NOMEM. All calls on a sketch give the same k.
sl_code sli_kll_add(sli_kll *self, int32_t k, int64_t item, sl_error *err);
/// Adds the item where there is room, else nothing: then sli_kll_add makes room.
static inline bool sli_kll_push(sli_kll *self, int64_t item)
{
    if (self->n >= self->room || self->n >= self->full) {
        return false;
    }
    self->items[self->n++] = item;
    self->rows++;
    return true;
}
/// Adds what is written in `bytes` (README.md), which may be anything. *good is false when no
/// values can have made it; self is as before then. Fails: SL_E_NOMEM.
sl_code sli_kll_merge(sli_kll *self, int32_t k, sl_bytes bytes, bool *good, sl_error *err);
void sli_kll_write(const sli_kll *self, int32_t k, sli_str *out);
/// out[i] = the item of rank ceil(q[i] * rows), the first for 0. There must be values. Fails:
/// SL_E_NOMEM.
sl_code sli_kll_quantiles(const sli_kll *self, const double *q, int32_t n, int64_t *out,
                          sl_error *err);

/// The order of sli_float_less as one of integers: -0.0 is 0.0, all NaNs are one, the largest.
static inline int64_t sli_kll_of_float(double value)
{
    int64_t bits;
    value = value != value ? __builtin_nan("") : value + 0.0;
    memcpy(&bits, &value, sizeof bits);
    return bits >= 0 ? bits : bits ^ INT64_MAX;
}
static inline double sli_kll_to_float(int64_t item)
{
    double value;
    int64_t bits = item >= 0 ? item : item ^ INT64_MAX;
    memcpy(&value, &bits, sizeof value);
    return value;
}
