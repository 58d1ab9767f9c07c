/// accumulator_int.h — values of accumulators; for accumulator.c and adds.c only.
#pragma once

#include "base/lock.h"
#include "rdd/accumulator.h"

/// The value of any kind. Zero it.
typedef struct sli_acc_value {
    int64_t int64; ///< the sum; of a list its items
    double float64;
    sli_str items; ///< of a list, each behind its length
    void *state;   ///< of a custom accumulator; NULL: not begun
} sli_acc_value;

typedef struct sli_acc {
    sli_acc_def def; ///< `name` is its own copy
    sli_acc_value value, shown;
    bool changed; ///< since they were put last
} sli_acc;

/// What one computation of one partition has added.
struct sli_adds {
    sli_adds *next;
    sl_rdd *rdd;    ///< a reference once it was taken over; NULL: the driver's
    int64_t rdd_id; ///< order of merging; the driver's come last
    int32_t partition, n;
    bool whole;
    int64_t number; ///< in order of taking
    int64_t action; ///< that took it; 0: none
    struct sli_added {
        bool any;
        sli_acc_value value;
    } by_acc[]; ///< n
};

struct sli_accs {
    bool by_action;
    sli_acc *all;
    int32_t n;
    sli_adds **taken;
    int32_t n_taken, capacity;
    int64_t next_number;
    sli_mutex mutex; ///< `shown` of all
};

void sli_acc_value_reset(sli_acc_value *value);
sl_code sli_acc_value_copy(const sli_acc_def *def, const sli_acc_value *from, sli_acc_value *out,
                           sl_error *err);
/// The state of a custom accumulator is there.
sl_code sli_acc_value_begin(const sli_acc_def *def, sli_acc_value *value, sl_error *err);
/// A list's item.
sl_code sli_acc_value_append(const sli_acc_def *def, sli_acc_value *value, const void *item,
                             size_t size, sl_error *err);
sl_code sli_acc_value_merge(const sli_acc_def *def, sli_acc_value *into, const sli_acc_value *from,
                            sl_error *err);
/// Index of the name, or -1 with SL_E_NOT_FOUND in *err.
int32_t sli_accs_find(const sli_accs *accs, const char *name, sl_error *err);
/// Adds what was taken to copies of values: of accumulator `only`, or of all when it is -1.
sl_code sli_accs_merge_taken(sli_accs *accs, int32_t only, sli_acc_value *values, sl_error *err);
