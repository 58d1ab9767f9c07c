/// accumulator.h — the accumulators of a job or session: what they are worth, and what tasks add.
///
/// A way in two steps. While a function runs, its *adder* gathers what it adds in an `sli_adds`:
/// one computation of one partition of one RDD, in memory of its own, so that tasks share nothing.
/// When the attempt has won, the driver takes its adds over (sli_accs_take); what they are worth is
/// decided when the epoch or action has ended well (sli_accs_settle): in order of RDD and
/// partition, each of them once. Then the RDD remembers which of its partitions have counted.
///
/// Files: accumulator.c values and their bytes · adds.c what counts.
#pragma once

#include "sluice/accumulator.h"

#include "rdd/dataset.h"

typedef struct sli_accs sli_accs;
typedef struct sli_adds sli_adds;

typedef struct sli_acc_def {
    const char *name;
    sl_accumulator_kind kind;
    const sl_accumulator_fn *fn; ///< SL_ACC_CUSTOM
} sli_acc_def;

/// Name, kind and table. Fails: SL_E_INVALID.
sl_code sli_acc_check(const sli_acc_def *def, sl_error *err);
const char *sli_acc_kind_name(sl_accumulator_kind kind); ///< "int64"

/// `by_action`: a session's, whose actions count by themselves; else the caller settles.
sl_code sli_accs_new(sli_accs **out, bool by_action, sl_error *err);
void sli_accs_free(SL_TAKES sli_accs *accs); ///< accepts NULL
/// Adds one, or begins it again at zero. Thread: driver, when no task is out. Fails: also
/// SL_E_INVALID when there are too many.
sl_code sli_accs_declare(sli_accs *accs, const sli_acc_def *def, sl_error *err);

// ---------------------------------------------------------------- adding: adds.c

/// Who adds; what sl_args points to. Lives as long as the function's calls.
typedef struct sli_adder {
    sli_accs *accs;
    sl_rdd *rdd; ///< NULL: a function on the driver
    int32_t partition;
    sli_adds **list; ///< where its adds go, when there are any
    sli_adds *adds;
} sli_adder;

/// Lets the function of a task's args add for a partition. Nothing without accumulators.
sl_code sli_task_adder(sli_task *task, sl_rdd *rdd, int32_t partition, sl_args *args,
                       sl_error *err);
/// The function has seen the whole partition.
void sli_adder_whole(const sl_args *args);
/// A function on the driver: `adder` and `list` are the caller's. Nothing without accumulators.
void sli_driver_adder(sli_runtime *runtime, sli_adder *adder, sli_adds **list, sl_args *args);
/// It has run, with `rc`: takes what it added over, or frees it. Returns `rc` or why that failed.
sl_code sli_driver_added(sli_runtime *runtime, sli_adds **list, sl_code rc, sl_error *err);
void sli_adds_free(sli_adds **list); ///< and empties it

// ---------------------------------------------------------------- counting: adds.c. Thread: driver

/// Takes over what an attempt that won has added, and empties the list, also when it fails.
/// `action`: the job or action that it is part of; 0: none.
sl_code sli_accs_take(sli_accs *accs, sli_adds **list, int64_t action, sl_error *err);
/// What was taken counts: all of it or, when it fails, none. Fails: SL_E_NOMEM; SL_E_NO_SPACE when
/// a list gets too long; what a custom merge returns.
sl_code sli_accs_settle(sli_accs *accs, sl_error *err);
void sli_accs_drop(sli_accs *accs); ///< it does not count
/// An action has ended with `rc`: when it failed, what was taken of it does not count, and where
/// accumulators count by action the rest does now. Returns `rc` or why it could not. `accs` may be
/// NULL.
sl_code sli_accs_action_ended(sli_accs *accs, int64_t action, sl_code rc, sl_error *err);

// ---------------------------------------------------------------- values: accumulator.c

/// Sequence of: text name · u8 kind · the value (README.md). `all`: else only those that have
/// changed since the last call without it. Thread: driver.
sl_code sli_accs_put(sli_accs *accs, bool all, sli_str *out, sl_error *err);
/// Sets values from such bytes; what is not declared any more is left out. Fails: SL_E_CORRUPT;
/// SL_E_INCOMPATIBLE for another kind or version.
sl_code sli_accs_load(sli_accs *accs, sl_bytes bytes, sl_error *err);
void sli_accs_zero(sli_accs *accs); ///< all at zero again
/// The value as the driver has it: `with_taken` with what was taken and not settled.
sl_code sli_accs_value(sli_accs *accs, const char *name, bool with_taken, sl_accumulated *out,
                       sl_error *err);
/// What readers on other threads see from now on: the values in such bytes; and reading it.
sl_code sli_accs_show(sli_accs *accs, sl_bytes bytes, sl_error *err);
sl_code sli_accs_shown(sli_accs *accs, const char *name, sl_accumulated *out, sl_error *err);
/// {"name":value,...} for people: a list as its number of items, no custom ones.
void sli_accs_json(const sli_accs *accs, sli_str *out);
/// Calls `each` with what readers see of every sum of int64. Thread: driver.
void sli_accs_each_int64(const sli_accs *accs,
                         void (*each)(void *ctx, const char *name, int64_t value), void *ctx);
