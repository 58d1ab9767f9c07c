/// bvar.h — broadcast variables: values by name that all tasks of a process read. (A *broadcast
/// dependency* is something else: a parent RDD that every partition reads whole.)
///
/// The driver changes the set only while no task is out, so tasks read it without locks.
#pragma once

#include "sluice/broadcast.h"

#include "rdd/dataset.h"

typedef struct sli_bvars sli_bvars;

/// Makes a value; `index` is that of the variable. Thread: driver.
typedef sl_code (*sli_bvar_make_fn)(void *ctx, int32_t index, sl_loan *out, sl_error *err);

sl_code sli_bvars_new(sli_bvars **out, sli_budget *budget, sl_error *err);
void sli_bvars_free(SL_TAKES sli_bvars *vars); ///< accepts NULL
/// Declares a variable without a value; its index counts from 0. Fails: SL_E_INVALID.
sl_code sli_bvars_declare(sli_bvars *vars, const char *name, sl_error *err);
/// Sets a variable's value, declaring it when needed; the value there was is given back.
sl_code sli_bvars_set(sli_bvars *vars, const char *name, SL_TAKES sl_loan value, sl_error *err);
void sli_bvars_unset(sli_bvars *vars, const char *name);
/// Whether some variable has no value, or is to get a new one; and makes those.
bool sli_bvars_are_due(const sli_bvars *vars);
sl_code sli_bvars_make(sli_bvars *vars, sli_bvar_make_fn make, void *ctx, sl_error *err);
/// Is to get a new value. Fails: SL_E_NOT_FOUND.
sl_code sli_bvars_renew(sli_bvars *vars, const char *name, sl_error *err);
